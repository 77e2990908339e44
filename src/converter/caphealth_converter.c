
/*
 * caphealth-converter: product photos in, WebP variants out.
 *
 * nginx starts it with a socket at descriptor 3.  A person starts it with
 * --convert.
 */

#include <stdio.h>

#include "caphealth_command.h"
#include "caphealth_ipc.h"
#include "caphealth_serve.h"


int
main(int argc, char *argv[])
{
    if (argc > 1) {
        return caphealth_command(argc, argv);
    }

    if (!caphealth_ipc_is_worker()) {
        fputs("caphealth-converter: nginx starts this program; to convert "
              "images by hand, see \"caphealth-converter --help\"\n", stderr);
        return 2;
    }

    return caphealth_serve(CAPHEALTH_IPC_FD);
}
