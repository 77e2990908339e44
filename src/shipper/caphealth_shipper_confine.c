
/*
 * What a shipper may still do.
 */

#include <fcntl.h>
#include <netdb.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "caphealth_confine.h"
#include "caphealth_shipper_confine.h"


/*
 * linux/landlock.h of a system may be older than its kernel, of which it takes
 * what is known here.
 */

#define CAPHEALTH_LANDLOCK_NET          4        /* the first ABI with it */
#define CAPHEALTH_LANDLOCK_REFER        2
#define CAPHEALTH_LANDLOCK_TRUNCATE     3
#define CAPHEALTH_LANDLOCK_NET_PORT     2        /* the type of a rule */
#define CAPHEALTH_LANDLOCK_BIND_TCP     (UINT64_C(1) << 0)
#define CAPHEALTH_LANDLOCK_CONNECT_TCP  (UINT64_C(1) << 1)

/* what the first ABI has; REFER and TRUNCATE are the next two bits */
#define CAPHEALTH_LANDLOCK_FS           ((UINT64_C(1) << 13) - 1)
#define CAPHEALTH_LANDLOCK_FS_REFER     (UINT64_C(1) << 13)
#define CAPHEALTH_LANDLOCK_FS_TRUNCATE  (UINT64_C(1) << 14)

#define CAPHEALTH_LANDLOCK_READ                                               \
    (LANDLOCK_ACCESS_FS_READ_FILE|LANDLOCK_ACCESS_FS_READ_DIR)


typedef struct {
    uint64_t  handled_access_fs;
    uint64_t  handled_access_net;
} caphealth_landlock_ruleset_t;


typedef struct {
    uint64_t  allowed_access;
    uint64_t  port;
} caphealth_landlock_port_t;


static void caphealth_shipper_domain(unsigned port);
static void caphealth_shipper_allow_path(int ruleset, const char *path);
static void caphealth_shipper_allow_port(int ruleset, unsigned port);


/*
 * What glibc reads to resolve a name, and its modules for that.  Where
 * /etc/resolv.conf is a link, it is to a file in one of the directories.
 */

static const char *const  caphealth_shipper_paths[] = {
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ld.so.cache",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/usr/lib",
    "/lib"
};

#define CAPHEALTH_SHIPPER_PATHS                                               \
    (sizeof(caphealth_shipper_paths) / sizeof(caphealth_shipper_paths[0]))


#if defined(__SANITIZE_ADDRESS__)

static int  caphealth_shipper_confined;


/* a process that may not read /proc cannot be searched for leaks */

int  __lsan_is_turned_off(void);


int
__lsan_is_turned_off(void)
{
    return caphealth_shipper_confined;
}

#endif


void
caphealth_shipper_confine(unsigned port)
{
    struct addrinfo  *info;

    /* what glibc loads for the first name, it has then */

    info = NULL;

    if (getaddrinfo("localhost", NULL, NULL, &info) == 0) {
        freeaddrinfo(info);
    }

    caphealth_confine();
    caphealth_shipper_domain(port);

#if defined(__SANITIZE_ADDRESS__)
    caphealth_shipper_confined = 1;
#endif
}


static void
caphealth_shipper_domain(unsigned port)
{
    int                           fd, abi;
    size_t                        i, size;
    caphealth_landlock_ruleset_t  attr;

    abi = (int) syscall(SYS_landlock_create_ruleset, NULL, 0,
                        LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        return;
    }

    attr.handled_access_fs = CAPHEALTH_LANDLOCK_FS;
    attr.handled_access_net = 0;
    size = sizeof(attr.handled_access_fs);

    if (abi >= CAPHEALTH_LANDLOCK_REFER) {
        attr.handled_access_fs |= CAPHEALTH_LANDLOCK_FS_REFER;
    }

    if (abi >= CAPHEALTH_LANDLOCK_TRUNCATE) {
        attr.handled_access_fs |= CAPHEALTH_LANDLOCK_FS_TRUNCATE;
    }

    if (abi >= CAPHEALTH_LANDLOCK_NET) {
        attr.handled_access_net = CAPHEALTH_LANDLOCK_BIND_TCP
                                  | CAPHEALTH_LANDLOCK_CONNECT_TCP;
        size = sizeof(attr);
    }

    fd = (int) syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (fd == -1) {
        return;
    }

    for (i = 0; i < CAPHEALTH_SHIPPER_PATHS; i++) {
        caphealth_shipper_allow_path(fd, caphealth_shipper_paths[i]);
    }

    if (abi >= CAPHEALTH_LANDLOCK_NET) {
        caphealth_shipper_allow_port(fd, port);
        caphealth_shipper_allow_port(fd, 53);
    }

    (void) syscall(SYS_landlock_restrict_self, fd, 0);
    (void) close(fd);
}


static void
caphealth_shipper_allow_path(int ruleset, const char *path)
{
    struct stat                        st;
    struct landlock_path_beneath_attr  attr;

    attr.allowed_access = CAPHEALTH_LANDLOCK_READ;
    attr.parent_fd = open(path, O_PATH|O_CLOEXEC);

    if (attr.parent_fd == -1) {
        return;
    }

    if (fstat(attr.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode)) {
        attr.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
    }

    (void) syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                   &attr, 0);
    (void) close(attr.parent_fd);
}


static void
caphealth_shipper_allow_port(int ruleset, unsigned port)
{
    caphealth_landlock_port_t  attr;

    attr.allowed_access = CAPHEALTH_LANDLOCK_CONNECT_TCP;
    attr.port = port;

    (void) syscall(SYS_landlock_add_rule, ruleset, CAPHEALTH_LANDLOCK_NET_PORT,
                   &attr, 0);
}
