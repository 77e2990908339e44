
/*
 * The messages between a worker and its helper programs.
 *
 * They travel over a SOCK_SEQPACKET socketpair, so each send is one message
 * and arrives whole or not at all.  A message may have a body, a struct of
 * fixed size, and descriptors.  Bulk data is never in a message: it goes in a
 * descriptor (a memfd, a file) passed beside it.  Both ends are built from this
 * file; a helper says its version first, and a worker that hears another one
 * does not use the helper.  The layout of the message itself never changes, so
 * that the first one can always be read.
 */

#ifndef CAPHEALTH_IPC_H
#define CAPHEALTH_IPC_H


#include <stddef.h>
#include <stdint.h>


#define CAPHEALTH_IPC_VERSION  17

/* the descriptor at which a helper finds its socket after exec */
#define CAPHEALTH_IPC_FD       3

/* the most descriptors that travel with one message */
#define CAPHEALTH_IPC_FDS      9

/* the longest document a receiver maps; a longer one is an error */
#define CAPHEALTH_IPC_MAX      (64u * 1024 * 1024)


typedef enum {
    CAPHEALTH_IPC_HELLO = 1,     /* helper: I am here, and of this version */
    CAPHEALTH_IPC_NO_EXEC,       /* child: exec failed, value is the errno */
    CAPHEALTH_IPC_CONFIGURE,     /* worker: the settings, JSON in the memfd */
    CAPHEALTH_IPC_COLLECT,       /* worker: collect source value */
    CAPHEALTH_IPC_FACTS,         /* collector: the answer in the memfd, as
                                    caphealth_answer_read() takes it */
    CAPHEALTH_IPC_LIMITS,        /* worker: caphealth_limits_t */
    CAPHEALTH_IPC_READY,         /* converter: the sandbox is closed */
    CAPHEALTH_IPC_CONVERT,       /* worker: caphealth_job_t */
    CAPHEALTH_IPC_CONVERTED,     /* converter: caphealth_result_t */
    CAPHEALTH_IPC_SCAN,          /* worker: walk a slice of a source's tree,
                                    value is CAPHEALTH_IPC_SLICE() */
    CAPHEALTH_IPC_SCANNED,       /* collector: the answer, caphealth_walk_t in
                                    the memfd */
    CAPHEALTH_IPC_LOG,           /* worker: the log was reopened, the
                                    descriptor is the new stderr */
    CAPHEALTH_IPC_RECORD,        /* worker: for the history and for
                                    notifications, caphealth_record_t in the
                                    memfd */
    CAPHEALTH_IPC_PAST,          /* collector: of the history, unasked,
                                    caphealth_history_facts_t in the memfd */
    CAPHEALTH_IPC_NOTIFIED,      /* collector: an attempt to deliver a
                                    notification ended, unasked, value is its
                                    caphealth_notify_result_e */
    CAPHEALTH_IPC_COUNTS,        /* worker: the counts of object stores, for
                                    the fleet's next refresh, JSON in the
                                    memfd */
    CAPHEALTH_IPC_COUNTED,       /* collector: the answer, of each store that
                                    has one a caphealth_counted_t in the
                                    memfd */
    CAPHEALTH_IPC_FINISH,        /* worker: the settings of the fleet and the
                                    last changes of object stores, JSON in the
                                    memfd; collector: the fleet's database has
                                    stored them */
    CAPHEALTH_IPC_SHIP,          /* worker: put an image, caphealth_ship_t */
    CAPHEALTH_IPC_UNSHIP,        /* worker: remove one, caphealth_unship_t */
    CAPHEALTH_IPC_SHIPPED,       /* shipper: what came of either, or of a
                                    claim, caphealth_ship_result_t */
    CAPHEALTH_IPC_REQUESTS,      /* shipper: its requests to the store since
                                    the last time, unasked,
                                    caphealth_ship_requests_t */
    CAPHEALTH_IPC_CLAIM,         /* worker: an id that follows from a key or
                                    from the bytes, caphealth_ship_claim_t */
    CAPHEALTH_IPC_SCANNING       /* shipper: a listing has received a page, and
                                    goes on; value is that of _SCAN */
} caphealth_ipc_type_e;


#define CAPHEALTH_IPC_SLICE(source, slice)                                    \
    ((uint32_t) (source) | (uint32_t) (slice) << 16)


typedef struct {
    uint16_t  version;           /* CAPHEALTH_IPC_VERSION */
    uint16_t  type;              /* caphealth_ipc_type_e */
    uint32_t  value;             /* its meaning depends on the type */
    uint64_t  serial;            /* an answer carries its question's */
} caphealth_ipc_message_t;


/* what a message carries beside itself */

typedef struct {
    void      *body;
    size_t     size;             /* of the body; 0: there is none */
    unsigned   nfds;
    int        fds[CAPHEALTH_IPC_FDS];
} caphealth_ipc_cargo_t;


typedef enum {
    CAPHEALTH_IPC_OK = 0,
    CAPHEALTH_IPC_AGAIN,         /* a nonblocking socket has nothing to give,
                                    or no room, also for descriptors: Linux
                                    takes none while the user's processes have
                                    sent more, which were not received yet,
                                    than this one may have open.  A blocking
                                    socket waits */
    CAPHEALTH_IPC_CLOSED,        /* the peer is gone */
    CAPHEALTH_IPC_INVALID,       /* not a message: wrong length, or too many
                                    descriptors */
    CAPHEALTH_IPC_ERROR          /* errno says why */
} caphealth_ipc_result_e;


/*
 * Sends m, with a duplicate of the descriptor fd unless it is -1.  The
 * caller keeps fd.  Never raises SIGPIPE.
 */
caphealth_ipc_result_e caphealth_ipc_send(int s,
    const caphealth_ipc_message_t *m, int fd);

/* The same for a message that is only a type.  Returns 0, or -1. */
int caphealth_ipc_send_type(int s, caphealth_ipc_type_e type);

/*
 * Receives one message.  *fd becomes the descriptor that came with it, which
 * the caller then owns (close-on-exec is set), or -1.
 */
caphealth_ipc_result_e caphealth_ipc_recv(int s, caphealth_ipc_message_t *m,
    int *fd);

/*
 * The same with a body and descriptors.  The caller keeps the descriptors it
 * sends.
 */
caphealth_ipc_result_e caphealth_ipc_send_cargo(int s,
    const caphealth_ipc_message_t *m, const caphealth_ipc_cargo_t *cargo);

/*
 * cargo->body has room for cargo->size bytes, which becomes what was received.
 * The caller then owns the descriptors received; at most max are accepted.
 */
caphealth_ipc_result_e caphealth_ipc_recv_cargo(int s,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo, unsigned max);

/* Closes the descriptors of a cargo. */
void caphealth_ipc_close(caphealth_ipc_cargo_t *cargo);

/*
 * Makes a sealed memfd that holds size bytes of data.  Returns a descriptor
 * that the caller owns, or -1 with errno set.
 */
int caphealth_ipc_memfd(const void *data, size_t size);

/*
 * Maps a memfd made by caphealth_ipc_memfd() for reading; *size becomes its
 * length.  A descriptor that is not sealed against change, is empty, or is
 * longer than CAPHEALTH_IPC_MAX is refused with errno EINVAL.  Returns the
 * mapping, which the caller munmap()s, or NULL with errno set.  The caller
 * keeps fd.
 */
void *caphealth_ipc_map(int fd, size_t *size);

/*
 * Whether CAPHEALTH_IPC_FD is a socket as a worker gives it to a helper: it is
 * not, if the program was started by hand.
 */
int caphealth_ipc_is_worker(void);


#endif /* CAPHEALTH_IPC_H */
