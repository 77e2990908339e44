
/*
 * A helper program's lines in nginx's error log.
 */

#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "caphealth_log.h"


#define CAPHEALTH_LOG_LINE  4096


static ssize_t caphealth_log_write(void *unused, const char *line, size_t size);


void
caphealth_log_init(void)
{
    FILE  *stream;

    static const cookie_io_functions_t  functions = {
        .write = caphealth_log_write
    };

    tzset();

    stream = fopencookie(NULL, "w", functions);

    if (stream != NULL) {
        (void) setvbuf(stream, NULL, _IOLBF, CAPHEALTH_LOG_LINE);
        stderr = stream;
    }
}


/* in one call, so that lines of several processes do not mix */

static ssize_t
caphealth_log_write(void *unused, const char *line, size_t size)
{
    char          when[sizeof("9999/12/31 23:59:59")], begin[96];
    size_t        level;
    time_t        now;
    struct tm     tm;
    struct iovec  parts[2];

    (void) unused;

    level = sizeof(CAPHEALTH_LOG_NOTICE) - 1;

    if (size < level || memcmp(line, CAPHEALTH_LOG_NOTICE, level) != 0) {
        level = 0;
    }

    now = time(NULL);

    if (localtime_r(&now, &tm) == NULL
        || strftime(when, sizeof(when), "%Y/%m/%d %H:%M:%S", &tm) == 0)
    {
        when[0] = '\0';
    }

    (void) snprintf(begin, sizeof(begin), "%s %s%d#%d: ", when,
                    (level == 0) ? "[error] " : CAPHEALTH_LOG_NOTICE,
                    (int) getpid(), (int) gettid());

    parts[0].iov_base = begin;
    parts[0].iov_len = strlen(begin);
    parts[1].iov_base = (char *) line + level;
    parts[1].iov_len = size - level;

    (void) !writev(STDERR_FILENO, parts, 2);

    return (ssize_t) size;
}
