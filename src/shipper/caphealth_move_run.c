
/*
 * A run of a move: waiting, failures, progress.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "caphealth_move_run.h"


static void caphealth_move_on_call(caphealth_s3_call_t *call);


void
caphealth_move_step(caphealth_move_run_t *run)
{
    (void) caphealth_s3_client_run(run->move->client, -1, 1);

    if (caphealth_s3_now() >= run->reported + 1) {
        caphealth_move_report(run, 0);
    }
}


void
caphealth_move_call(caphealth_move_run_t *run, caphealth_s3_call_t *call)
{
    run->waiting = 1;

    call->done = caphealth_move_on_call;
    call->data = run;
    call->deadline = caphealth_s3_now() + run->move->timeout;

    caphealth_s3_call(run->move->client, call);

    while (run->waiting) {
        caphealth_move_step(run);
    }
}


static void
caphealth_move_on_call(caphealth_s3_call_t *call)
{
    caphealth_move_run_t  *run = call->data;

    run->waiting = 0;
}


void
caphealth_move_failed(caphealth_move_run_t *run, const char *key,
    const char *format, ...)
{
    char     text[1024];
    va_list  args;

    run->failed++;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    fprintf(stderr, "%scaphealth-shipper: \"%s\": %s\n",
            isatty(STDERR_FILENO) ? "\r" : "", key, text);
}


void
caphealth_move_status(caphealth_move_run_t *run,
    caphealth_ship_status_e status)
{
    if (!run->stop
        && (status == CAPHEALTH_SHIP_AWAY || status == CAPHEALTH_SHIP_FULL
            || status == CAPHEALTH_SHIP_DENIED))
    {
        run->stop = 1;
        fputs("caphealth-shipper: the move has stopped; run it again to go "
              "on\n", stderr);
    }
}


void
caphealth_move_report(caphealth_move_run_t *run, int last)
{
    double  seconds, rate, left;

    run->reported = caphealth_s3_now();

    seconds = run->reported - run->begun;
    rate = seconds > 0 ? (double) run->moved / seconds : 0;

    /* ids are random, so slices are of one size */

    left = run->slice
           ? seconds / run->slice * (CAPHEALTH_MOVE_SLICES - run->slice) : 0;

    if (run->move->json || last) {
        printf("{\"percent\":%.1f,\"images\":%" PRIu64 ",\"files\":%" PRIu64
               ",\"bytes\":%" PRIu64 ",\"complete\":%" PRIu64
               ",\"incomplete\":%" PRIu64 ",\"failed\":%" PRIu64
               ",\"rate\":%.1f,\"remaining_seconds\":%.0f,"
               "\"finished\":%s,\"records\":%" PRIu64
               ",\"owners\":%" PRIu64 "}\n",
               100.0 * run->slice / CAPHEALTH_MOVE_SLICES, run->images,
               run->moved, run->bytes, run->complete, run->incomplete,
               run->failed, rate, left,
               run->slice == CAPHEALTH_MOVE_SLICES ? "true" : "false",
               run->records, run->owners);

        (void) fflush(stdout);
    }

    if (!run->move->json && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%.1f %%, %" PRIu64 " images moved, %" PRIu64
                " were there, %" PRIu64 " failed, %.1f files a second, %.0f s "
                "left %s", 100.0 * run->slice / CAPHEALTH_MOVE_SLICES,
                run->images, run->complete, run->failed, rate, left,
                last ? "\n" : "");
    }
}
