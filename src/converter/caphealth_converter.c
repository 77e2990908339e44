
/*
 * caphealth-converter: product photos in, WebP variants out.
 *
 * nginx starts it with a socket at descriptor 3.  A person starts it with
 * --convert.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "caphealth_command.h"
#include "caphealth_ipc.h"
#include "caphealth_serve.h"


int
main(int argc, char *argv[])
{
    int        type;
    socklen_t  len;

    if (argc > 1) {
        return caphealth_command(argc, argv);
    }

    len = sizeof(int);

    if (getsockopt(CAPHEALTH_IPC_FD, SOL_SOCKET, SO_TYPE, &type, &len) == -1
        || type != SOCK_SEQPACKET)
    {
        fputs("caphealth-converter: nginx starts this program; to convert "
              "images by hand, see \"caphealth-converter --help\"\n", stderr);
        return 2;
    }

    return caphealth_serve(CAPHEALTH_IPC_FD);
}
