
/*
 * caphealth-converter as a command.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caphealth_child.h"
#include "caphealth_command.h"
#include "caphealth_format.h"
#include "caphealth_image_hints.h"
#include "caphealth_remake.h"
#include "caphealth_output.h"
#include "caphealth_variants.h"
#include "caphealth_version.h"


typedef struct {
    caphealth_child_t     child;
    caphealth_variants_t  variants;
    caphealth_job_t       job;
    caphealth_remake_t    remake;
    unsigned              nreplace;
    const char           *replace[CAPHEALTH_VARIANTS_MAX];
    unsigned              all:1;       /* of --remake: replaces them all */
    unsigned              normal:1;    /* --priority of --remake, not idle */
    unsigned              remakes:1;
    unsigned              converts:1;
    const char           *outdir;
    unsigned              done;
    unsigned              failed;
    unsigned              total;
} caphealth_command_t;


static int caphealth_command_options(caphealth_command_t *c, int argc,
    char *argv[]);
static int caphealth_command_remake_option(caphealth_command_t *c, int opt,
    const char *value);
static int caphealth_command_remake(caphealth_command_t *c);
static int caphealth_command_move(char *argv[]);
static int caphealth_command_variant(caphealth_command_t *c, char *text);
static int caphealth_command_size(const char *option, const char *text,
    uint64_t *size);
static uint64_t caphealth_command_file_size(const caphealth_command_t *c);
static int caphealth_command_prepare(caphealth_command_t *c);
static int caphealth_command_run(caphealth_command_t *c, char *inputs[]);
static void caphealth_command_file(caphealth_command_t *c, const char *input);
static int caphealth_command_check(caphealth_command_t *c, const char *input,
    int fd);
static json_t *caphealth_command_convert(caphealth_command_t *c,
    const char *input, int fd, caphealth_image_files_t *files);
static json_t *caphealth_command_text(json_t *text);
static json_t *caphealth_command_image(caphealth_command_t *c,
    const char *input, const caphealth_image_files_t *files,
    const caphealth_result_t *result);
static void caphealth_command_progress(caphealth_command_t *c);
static void caphealth_command_failed(caphealth_command_t *c,
    const char *input, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void caphealth_command_usage(FILE *out);
static void caphealth_command_format(FILE *out, caphealth_format_e format);


static const char  caphealth_command_about[] =
"usage: caphealth-converter --convert [OPTION]... IMAGE... DIRECTORY\n"
"       caphealth-converter --remake --root ROOT --source PATH [OPTION]...\n"
"       caphealth-converter --move FROM TO OPTION...\n"
"\n"
"Converts images into variants, in the tree that nginx serves:\n"
"DIRECTORY/ab/cd/<id>_<variant>.webp, and prints what an upload would have\n"
"been answered. An image appears whole or not at all.\n"
"\n"
"Or makes, of the sources that caphealth_image_source keeps in PATH, the\n"
"variants that images in ROOT lack, beside a running nginx; prints what was\n"
"done.\n"
"\n"
"Or executes caphealth-shipper --move, which moves a tree into an object\n"
"store, or back: see caphealth-converter --move --help.\n"
"\n"
"The formats, and what is read of an image beside its pixels:\n"
"\n";


static const char  caphealth_command_help[] =
"\n"
"  --variant 'NAME [max=PX | size=WxH [fit=inside|cover|contain]]\n"
"             [background=#rrggbb[aa]] [format=webp|jpeg|avif]\n"
"             [animation=first|keep] [quality=0..100] [method=0..6]'\n"
"                     one of the variants, may be repeated; naming one\n"
"                     replaces the set: original method=2, 800 max=800,\n"
"                     200 max=200, with quality=85 method=4\n"
"  --focus X,Y        what fit=cover keeps in view    (0.5,0.5)\n"
"  --max-pixels N     refuse larger images            (1g)\n"
"  --memory SIZE      address space of the decoder    (1g)\n"
"  --timeout SECONDS  for one image                   (30)\n"
"  --help, --version\n"
"\n"
"Of --remake alone:\n"
"\n"
"  --jobs N           so many at once                 (1)\n"
"  --priority P       idle: all other processes go first; or normal (idle)\n"
"  --lost             also images that have no file any more\n"
"  --replace NAME     make this variant even where it exists; may be repeated\n"
"  --all              the same of all variants\n"
"  --state FILE       keep there how far it came, and go on from there\n"
"  --state-dir DIR    caphealth_state_dir: nginx scans when this has ended\n"
"  --progress         a line of JSON each second, on stdout\n"
"\n"
"Exits with 0 if every image was converted, 1 if some were not (they are\n"
"named on stderr), 2 if nothing was tried, 3 if a signal stopped --remake.\n";


static const struct option  caphealth_command_longopts[] = {
    { "convert", no_argument, NULL, 'c' },
    { "remake", no_argument, NULL, 'r' },
    { "root", required_argument, NULL, 'R' },
    { "source", required_argument, NULL, 'S' },
    { "jobs", required_argument, NULL, 'j' },
    { "priority", required_argument, NULL, 'P' },
    { "lost", no_argument, NULL, 'l' },
    { "replace", required_argument, NULL, 'x' },
    { "all", no_argument, NULL, 'a' },
    { "state", required_argument, NULL, 's' },
    { "state-dir", required_argument, NULL, 'd' },
    { "progress", no_argument, NULL, 'g' },
    { "variant", required_argument, NULL, 'v' },
    { "focus", required_argument, NULL, 'f' },
    { "max-pixels", required_argument, NULL, 'p' },
    { "memory", required_argument, NULL, 'm' },
    { "timeout", required_argument, NULL, 't' },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 }
};


int
caphealth_command(int argc, char *argv[])
{
    int                  rc;
    caphealth_command_t  c;

    if (strcmp(argv[1], "--move") == 0) {
        return caphealth_command_move(argv);
    }

    memset(&c, 0, sizeof(caphealth_command_t));

    c.child.timeout = 30;
    c.child.limits.memory = 1024 * 1024 * 1024;
    c.job.max_pixels = CAPHEALTH_PIXELS_MAX;

    rc = caphealth_command_options(&c, argc, argv);

    if (rc != -1) {
        return rc;
    }

    if (c.remakes) {
        if (argc != optind) {
            fputs("caphealth-converter: --remake takes no images, it takes "
                  "--root and --source\n", stderr);
            return 2;
        }

        return caphealth_command_remake(&c);
    }

    if (argc - optind < 2) {
        fputs("caphealth-converter: name at least one image, and the "
              "directory for its variants\n", stderr);
        return 2;
    }

    c.outdir = argv[argc - 1];
    c.total = (unsigned) (argc - optind - 1);
    argv[argc - 1] = NULL;

    if (caphealth_command_prepare(&c) == -1) {
        return 2;
    }

    return caphealth_command_run(&c, &argv[optind]);
}


/* -1: go on; else the exit code */

static int
caphealth_command_options(caphealth_command_t *c, int argc, char *argv[])
{
    int       opt;
    uint64_t  n;

    while ((opt = getopt_long(argc, argv, "", caphealth_command_longopts,
                              NULL))
           != -1)
    {
        switch (opt) {

        case 'c':
            c->converts = 1;
            break;

        case 'v':
            if (caphealth_command_variant(c, optarg) == -1) {
                return 2;
            }
            break;

        case 'f':
            if (caphealth_job_focus(&c->job, optarg, strlen(optarg)) == -1) {
                fprintf(stderr, "caphealth-converter: --focus \"%s\": two "
                        "numbers from 0 to 1 are expected, as in 0.5,0.25\n",
                        optarg);
                return 2;
            }
            break;

        case 'p':
            if (caphealth_command_size("--max-pixels", optarg,
                                       &c->job.max_pixels) == -1)
            {
                return 2;
            }
            break;

        case 'm':
            if (caphealth_command_size("--memory", optarg,
                                       &c->child.limits.memory) == -1)
            {
                return 2;
            }
            break;

        case 't':
            if (caphealth_command_size("--timeout", optarg, &n) == -1) {
                return 2;
            }

            c->child.timeout = n > 86400 ? 86400 : (unsigned) n;
            break;

        case 'h':
            caphealth_command_usage(stdout);
            return 0;

        case 'V':
            puts("caphealth-converter " CAPHEALTH_VERSION);
            return 0;

        case '?':
            fputs("try caphealth-converter --help\n", stderr);
            return 2;

        default:
            if (caphealth_command_remake_option(c, opt, optarg) == -1) {
                return 2;
            }
            break;
        }
    }

    if (c->converts == c->remakes) {
        caphealth_command_usage(stderr);
        return 2;
    }

    return -1;
}


static int
caphealth_command_remake_option(caphealth_command_t *c, int opt,
    const char *value)
{
    uint64_t  n;

    switch (opt) {

    case 'r':
        c->remakes = 1;
        break;

    case 'R':
        c->remake.root = value;
        break;

    case 'S':
        c->remake.source = value;
        break;

    case 'j':
        if (caphealth_command_size("--jobs", value, &n) == -1) {
            return -1;
        }

        if (n > CAPHEALTH_REMAKE_JOBS) {
            fprintf(stderr, "caphealth-converter: --jobs \"%s\": 1 to %d are "
                    "accepted\n", value, CAPHEALTH_REMAKE_JOBS);
            return -1;
        }

        c->remake.jobs = (unsigned) n;
        break;

    case 'P':
        if (strcmp(value, "idle") != 0 && strcmp(value, "normal") != 0) {
            fprintf(stderr, "caphealth-converter: --priority \"%s\": idle and "
                    "normal are accepted\n", value);
            return -1;
        }

        c->normal = (value[0] == 'n');
        break;

    case 'l':
        c->remake.lost = 1;
        break;

    case 'x':
        if (c->nreplace == CAPHEALTH_VARIANTS_MAX) {
            fprintf(stderr, "caphealth-converter: --replace \"%s\": there are "
                    "at most %d variants\n", value, CAPHEALTH_VARIANTS_MAX);
            return -1;
        }

        c->replace[c->nreplace++] = value;
        break;

    case 'a':
        c->all = 1;
        break;

    case 's':
        c->remake.state = value;
        break;

    case 'd':
        c->remake.state_dir = value;
        break;

    default: /* 'g' */
        c->remake.json = 1;
        break;
    }

    return 0;
}


static int
caphealth_command_remake(caphealth_command_t *c)
{
    unsigned  i, n;

    if (c->remake.root == NULL || c->remake.source == NULL) {
        fputs("caphealth-converter: --remake needs --root and --source, the "
              "paths of caphealth_image_root and caphealth_image_source\n",
              stderr);
        return 2;
    }

    if (c->variants.n == 0) {
        caphealth_variants_default(&c->variants);
    }

    caphealth_variants_order(&c->variants);

    for (i = 0; i < c->nreplace; i++) {
        for (n = 0; n < c->variants.n; n++) {
            if (strcmp(c->variants.names[n], c->replace[i]) == 0) {
                c->remake.replace |= (uint32_t) 1 << n;
                break;
            }
        }

        if (n == c->variants.n) {
            fprintf(stderr, "caphealth-converter: --replace \"%s\": it is "
                    "none of the variants\n", c->replace[i]);
            return 2;
        }
    }

    if (c->all) {
        c->remake.replace = ((uint32_t) 1 << c->variants.n) - 1;
    }

    if (c->remake.jobs == 0) {
        c->remake.jobs = 1;
    }

    c->remake.variants = c->variants;
    c->remake.max_pixels = c->job.max_pixels;
    c->remake.focus_x = c->job.focus_x;
    c->remake.focus_y = c->job.focus_y;
    c->remake.child = c->child;
    c->remake.child.limits.cpu = c->child.timeout;
    c->remake.child.limits.idle = !c->normal;
    c->remake.child.limits.file_size = caphealth_command_file_size(c);

    return caphealth_remake(&c->remake);
}


/*
 * The shipper in the directory of this program does it, for a converter may not
 * open a socket.  /proc/self/exe is the program itself, also if it was started
 * by a link in /usr/bin.
 */

static int
caphealth_command_move(char *argv[])
{
    char     path[PATH_MAX], *slash;
    ssize_t  n;

    static const char  shipper[] = "caphealth-shipper";

    n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(shipper));

    if (n == -1) {
        fprintf(stderr, "caphealth-converter: /proc/self/exe: %s\n",
                strerror(errno));
        return 2;
    }

    path[n] = '\0';
    slash = strrchr(path, '/');

    memcpy(slash == NULL ? path : slash + 1, shipper, sizeof(shipper));

    (void) execv(path, argv);

    fprintf(stderr, "caphealth-converter: \"%s\" cannot be executed: %s; "
            "it has to be beside this program\n", path, strerror(errno));
    return 2;
}


static int
caphealth_command_variant(caphealth_command_t *c, char *text)
{
    char        *word, *save;
    const char  *reason;

    word = strtok_r(text, " ", &save);
    reason = caphealth_variants_add(&c->variants, word ? word : "");

    while (reason == NULL && (word = strtok_r(NULL, " ", &save)) != NULL) {
        reason = caphealth_variants_option(&c->variants, word);
    }

    if (reason == NULL) {
        reason = caphealth_variants_agree(&c->variants);
    }

    if (reason) {
        fprintf(stderr, "caphealth-converter: --variant \"%s\": %s\n",
                text, reason);
        return -1;
    }

    return 0;
}


static int
caphealth_command_size(const char *option, const char *text, uint64_t *size)
{
    char                *end;
    unsigned             shift;
    unsigned long long   n;

    errno = 0;
    n = strtoull(text, &end, 10);
    shift = 0;

    switch (*end) {

    case 'k':
    case 'K':
        shift = 10;
        break;

    case 'm':
    case 'M':
        shift = 20;
        break;

    case 'g':
    case 'G':
        shift = 30;
        break;

    default:
        break;
    }

    if (*text < '0' || *text > '9' || errno || n == 0
        || n > (1ULL << 50) >> shift
        || end[shift ? 1 : 0] != '\0')
    {
        fprintf(stderr, "caphealth-converter: %s \"%s\": a number is "
                "expected, as in 50m\n", option, text);
        return -1;
    }

    *size = n << shift;

    return 0;
}


/* every output but JPEG is in memory as a whole, which for that is enough */

static uint64_t
caphealth_command_file_size(const caphealth_command_t *c)
{
    unsigned  i;
    uint64_t  size, largest;

    largest = 0;

    for (i = 0; i < c->variants.n; i++) {
        size = caphealth_job_variant_size(&c->variants.variants[i],
                                          c->job.max_pixels);
        largest = size > largest ? size : largest;
    }

    return largest < c->child.limits.memory ? largest
                                            : c->child.limits.memory;
}


static int
caphealth_command_prepare(caphealth_command_t *c)
{
    unsigned  i;

    if (c->variants.n == 0) {
        caphealth_variants_default(&c->variants);
    }

    caphealth_variants_order(&c->variants);

    c->child.limits.cpu = c->child.timeout;
    c->child.limits.file_size = caphealth_command_file_size(c);

    c->job.nvariants = c->variants.n;

    for (i = 0; i < c->variants.n; i++) {
        c->job.variants[i] = c->variants.variants[i];
    }

    if (mkdir(c->outdir, 0755) == -1 && errno != EEXIST) {
        fprintf(stderr, "caphealth-converter: mkdir() \"%s\" failed: %s\n",
                c->outdir, strerror(errno));
        return -1;
    }

    return 0;
}


static int
caphealth_command_run(caphealth_command_t *c, char *inputs[])
{
    unsigned  i;

    fputs("{\"images\":[", stdout);

    for (i = 0; i < c->total; i++) {
        caphealth_command_progress(c);
        caphealth_command_file(c, inputs[i]);
    }

    caphealth_command_progress(c);
    caphealth_child_stop(&c->child);

    puts("\n]}");

    if (fflush(stdout) == EOF || ferror(stdout)) {
        perror("caphealth-converter: the answer cannot be written");
        return 1;
    }

    return c->failed ? 1 : 0;
}


static void
caphealth_command_file(caphealth_command_t *c, const char *input)
{
    int              fd;
    json_t          *image;
    caphealth_image_files_t  files;

    fd = open(input, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        caphealth_command_failed(c, input, "%s", strerror(errno));
        return;
    }

    caphealth_image_init(&files);

    image = NULL;

    if (caphealth_command_check(c, input, fd) == 0) {
        image = caphealth_command_convert(c, input, fd, &files);
    }

    caphealth_image_close(&files);
    (void) close(fd);

    if (image) {
        fputs(c->done ? ",\n" : "\n", stdout);
        (void) json_dumpf(image, stdout, JSON_COMPACT);
        json_decref(image);

        c->done++;
    }
}


static int
caphealth_command_check(caphealth_command_t *c, const char *input, int fd)
{
    char          formats[CAPHEALTH_FORMAT_LIST];
    ssize_t       n;
    uint8_t       head[CAPHEALTH_FORMAT_BYTES];
    const char   *guess;
    struct stat   st;

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        caphealth_command_failed(c, input, "it is not a file");
        return -1;
    }

    n = pread(fd, head, sizeof(head), 0);

    if (n == -1) {
        caphealth_command_failed(c, input, "%s", strerror(errno));
        return -1;
    }

    if (caphealth_format(head, (size_t) n) == CAPHEALTH_FORMAT_UNKNOWN) {
        guess = caphealth_format_guess(head, (size_t) n);

        caphealth_command_failed(c, input, "it is %s, not a %s image",
                                 n == 0 ? "empty" : guess ? guess : "unknown",
                                 caphealth_format_list(formats, " or "));
        return -1;
    }

    c->job.length = (uint64_t) st.st_size;

    return 0;
}


static json_t *
caphealth_command_convert(caphealth_command_t *c, const char *input, int fd,
    caphealth_image_files_t *files)
{
    unsigned             i;
    const char          *reason;
    caphealth_result_t   result;

    for (i = 0; i < c->variants.n; i++) {
        caphealth_image_add(files, c->variants.names[i]);
    }

    if (caphealth_image_open(files, c->outdir) == -1) {
        caphealth_command_failed(c, input, "%s failed: %s", files->failed,
                                 strerror(errno));
        return NULL;
    }

    memset(&result, 0, sizeof(caphealth_result_t));

    reason = caphealth_child_convert(&c->child, fd, &c->job, files, &result);

    if (reason) {
        caphealth_command_failed(c, input, "%s", reason);
        return NULL;
    }

    if (result.status == CAPHEALTH_JOB_NO_MEMORY) {
        caphealth_command_failed(c, input, "%s: %.*s%sit is too large for "
                                 "--memory, %llu bytes",
                                 caphealth_job_reason(result.status),
                                 (int) sizeof(result.detail), result.detail,
                                 result.detail[0] ? ", " : "",
                                 (unsigned long long) c->child.limits.memory);
        return NULL;
    }

    if (result.status != CAPHEALTH_JOB_OK) {
        caphealth_command_failed(c, input, "%s%s%.*s",
                                 caphealth_job_reason(result.status),
                                 result.detail[0] ? ": " : "",
                                 (int) sizeof(result.detail), result.detail);
        return NULL;
    }

    for (i = 0; i < files->nvariants; i++) {
        if (caphealth_image_check(files, i, &result.outputs[i]) == -1) {
            caphealth_command_failed(c, input, "the decoder's answer does "
                                     "not fit its files");
            return NULL;
        }
    }

    if (caphealth_image_publish(files) == -1) {
        caphealth_command_failed(c, input, "%s failed: %s", files->failed,
                                 strerror(errno));
        return NULL;
    }

    return caphealth_command_image(c, input, files, &result);
}


static json_t *
caphealth_command_image(caphealth_command_t *c, const char *input,
    const caphealth_image_files_t *files, const caphealth_result_t *result)
{
    char                       path[CAPHEALTH_PATH_LEN], sha256[65];
    json_t                    *variants, *image;
    unsigned                   i;
    const caphealth_output_t  *output;

    variants = json_object();

    for (i = 0; i < files->nvariants; i++) {
        output = &result->outputs[i];

        (void) caphealth_path(path, files->id, files->variants[i].name,
                              output->format);

        (void) json_object_set_new(variants, files->variants[i].name,
                        json_pack("{s:o, s:i, s:i, s:I, s:s}",
                                  "path",
                                  caphealth_command_text(
                                      json_sprintf("%s/%s", c->outdir, path)),
                                  "width", (int) output->width,
                                  "height", (int) output->height,
                                  "bytes", (json_int_t) output->bytes,
                                  "format",
                                  caphealth_output_row(output->format)->name));

        if (output->frames > 1) {
            (void) json_object_set_new(json_object_get(variants,
                                                files->variants[i].name),
                                       "frames",
                                       json_integer(output->frames));
        }
    }

    for (i = 0; i < 32; i++) {
        (void) snprintf(sha256 + 2 * i, 3, "%02x", result->sha256[i]);
    }

    image = json_pack("{s:o, s:s, s:s, s:i, s:i, s:I, s:s, s:o}",
                      "input", caphealth_command_text(json_string(input)),
                      "id", files->id, "format",
                      caphealth_format_name((caphealth_format_e)
                                            result->format),
                      "width", (int) result->width,
                      "height", (int) result->height,
                      "bytes", (json_int_t) c->job.length,
                      "sha256", sha256, "variants", variants);

    /* its URLs are relative to where the directory is served */

    (void) caphealth_image_hints(image, "", 0, files, &c->job, result);

    return image;
}


/* a file's name is bytes, and JSON's strings are UTF-8 */

static json_t *
caphealth_command_text(json_t *text)
{
    return text ? text : json_null();
}


static void
caphealth_command_progress(caphealth_command_t *c)
{
    unsigned  n;

    if (c->total < 2 || !isatty(STDERR_FILENO)) {
        return;
    }

    n = c->done + c->failed;

    fprintf(stderr, "\r%u of %u (%u%%)%s", n, c->total, 100 * n / c->total,
            n == c->total ? "\n" : "");
}


static void
caphealth_command_failed(caphealth_command_t *c, const char *input,
    const char *format, ...)
{
    va_list  args;

    c->failed++;

    fprintf(stderr, "%scaphealth-converter: \"%s\": ",
            c->total > 1 && isatty(STDERR_FILENO) ? "\r" : "", input);

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);

    fputc('\n', stderr);
}


static void
caphealth_command_usage(FILE *out)
{
    unsigned  i;

    fputs(caphealth_command_about, out);

    for (i = CAPHEALTH_FORMAT_UNKNOWN + 1; i < CAPHEALTH_FORMAT_COUNT; i++) {
        caphealth_command_format(out, (caphealth_format_e) i);
    }

    fputs(caphealth_command_help, out);
}


static void
caphealth_command_format(FILE *out, caphealth_format_e format)
{
    size_t       i;
    unsigned     may;
    const char  *separator;

    static const struct {
        unsigned     may;
        const char  *text;
    } parts[] = {
        { CAPHEALTH_FORMAT_PROFILE, "a colour profile" },
        { CAPHEALTH_FORMAT_ALPHA, "transparency" },
        { CAPHEALTH_FORMAT_ANIMATION, "the first frame of an animation" }
    };

    may = caphealth_format_may(format);
    separator = "";

    fprintf(out, "  %-8s", caphealth_format_label(format));

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (may & parts[i].may) {
            fprintf(out, "%s%s", separator, parts[i].text);
            separator = ", ";
        }
    }

    fputc('\n', out);
}
