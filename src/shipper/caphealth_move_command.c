
/*
 * The command that moves images.
 */

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>

#include "caphealth_file.h"
#include "caphealth_move.h"
#include "caphealth_path.h"
#include "caphealth_shipper_settings.h"


typedef struct {
    caphealth_move_t       move;
    caphealth_s3_store_t   store;
    const char            *credentials;
    const char            *ca;
} caphealth_move_command_t;


static int caphealth_move_options(caphealth_move_command_t *c, int argc,
    char *const argv[]);
static int caphealth_move_option(caphealth_move_command_t *c, int opt);
static int caphealth_move_number(const char *option, unsigned most,
    unsigned *number);
static int caphealth_move_sides(caphealth_move_command_t *c, int argc,
    char *const argv[]);
static int caphealth_move_required(const caphealth_move_command_t *c);
static int caphealth_move_wrong(const char *option, const char *value,
    const char *wrong);
static int caphealth_move_credentials(caphealth_move_command_t *c);
static int caphealth_move_owner(const caphealth_move_t *move);
static int caphealth_move_client(caphealth_move_command_t *c);


static const char  caphealth_move_help[] =
"usage: caphealth-shipper --move ROOT s3://BUCKET[/PREFIX] OPTION...\n"
"       caphealth-shipper --move s3://BUCKET[/PREFIX] ROOT OPTION...\n"
"\n"
"Copies the images of a tree, caphealth_image_root, into an object store, or\n"
"back, beside a running nginx.  An image appears whole or not at all, its\n"
"commit mark last.  Files that are there already are compared and skipped, so\n"
"a run that was stopped can be repeated; nothing is overwritten or removed on\n"
"either side.  Each copied file is verified, and so is the owner of each\n"
"image.  Prints a summary.\n"
"\n"
"  --endpoint URL        https://HOST[:PORT], where the store is\n"
"  --region REGION       the region in signatures\n"
"  --credentials FILE    as ~/.aws/credentials, or \"env\":\n"
"                        AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and\n"
"                        AWS_SESSION_TOKEN\n"
"  --style path|virtual  where the bucket's name goes  (path)\n"
"  --mark NAME           the largest variant           (original)\n"
"  --jobs N              images moved at once          (8)\n"
"  --timeout SECONDS     for an image                  (120)\n"
"  --ca FILE             certificates that are trusted (those of the system)\n"
"  --progress            a line of JSON each second, on stdout\n"
"\n"
"Exits with 0 if everything is there, 1 if something is not (it is named on\n"
"stderr), 2 if nothing was tried, 3 if a signal stopped it.\n";


static const struct option  caphealth_move_longopts[] = {
    { "endpoint", required_argument, NULL, 'e' },
    { "region", required_argument, NULL, 'r' },
    { "credentials", required_argument, NULL, 'c' },
    { "style", required_argument, NULL, 's' },
    { "mark", required_argument, NULL, 'm' },
    { "jobs", required_argument, NULL, 'j' },
    { "timeout", required_argument, NULL, 't' },
    { "ca", required_argument, NULL, 'a' },
    { "progress", no_argument, NULL, 'g' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 }
};


int
caphealth_move_command(int argc, char *const argv[])
{
    int                       rc;
    caphealth_move_command_t  c;

    memset(&c, 0, sizeof(caphealth_move_command_t));

    c.move.mark = "original";
    c.move.jobs = CAPHEALTH_MOVE_JOBS;
    c.move.timeout = CAPHEALTH_MOVE_TIMEOUT;

    rc = caphealth_move_options(&c, argc, argv);

    if (rc != -1) {
        return rc;
    }

    /* the file of credentials may be readable by root only */

    if (caphealth_move_credentials(&c) == -1
        || caphealth_move_client(&c) == -1
        || caphealth_move_owner(&c.move) == -1)
    {
        if (c.move.client) {
            caphealth_s3_client_free(c.move.client);
        }

        return 2;
    }

    rc = caphealth_move(&c.move);

    caphealth_s3_client_free(c.move.client);

    return rc;
}


/* -1: go on; else the exit status */

static int
caphealth_move_options(caphealth_move_command_t *c, int argc,
    char *const argv[])
{
    int  opt;

    while ((opt = getopt_long(argc, argv, "", caphealth_move_longopts, NULL))
           != -1)
    {
        if (opt == 'h') {
            fputs(caphealth_move_help, stdout);
            return 0;
        }

        if (opt == '?') {
            fputs("try caphealth-shipper --move --help\n", stderr);
            return 2;
        }

        if (caphealth_move_option(c, opt) == -1) {
            return 2;
        }
    }

    if (caphealth_move_sides(c, argc - optind, argv + optind) == -1
        || caphealth_move_required(c) == -1)
    {
        return 2;
    }

    return -1;
}


static int
caphealth_move_option(caphealth_move_command_t *c, int opt)
{
    switch (opt) {

    case 'e':
        return caphealth_move_wrong("--endpoint", optarg,
                             caphealth_s3_store_endpoint(&c->store, optarg));

    case 'r':
        return caphealth_move_wrong("--region", optarg,
                             caphealth_s3_store_region(&c->store, optarg));

    case 'c':
        c->credentials = optarg;
        return 0;

    case 's':
        c->store.virtual_host = (strcmp(optarg, "virtual") == 0);

        if (c->store.virtual_host || strcmp(optarg, "path") == 0) {
            return 0;
        }

        return caphealth_move_wrong("--style", optarg,
                                    "it is neither \"path\" nor \"virtual\"");

    case 'm':
        c->move.mark = optarg;

        if (caphealth_variant_valid(optarg, strlen(optarg))) {
            return 0;
        }

        return caphealth_move_wrong("--mark", optarg,
                                    "it is not the name of a variant: 1 to 32 "
                                    "of a-z, 0-9 and \"-\"");

    case 'j':
        return caphealth_move_number("--jobs", CAPHEALTH_MOVE_JOBS_MAX,
                                     &c->move.jobs);

    case 't':
        return caphealth_move_number("--timeout", CAPHEALTH_MOVE_TIMEOUT_MAX,
                                     &c->move.timeout);

    case 'a':
        c->ca = optarg;
        return 0;

    default:
        c->move.json = 1;
        return 0;
    }
}


static int
caphealth_move_number(const char *option, unsigned most, unsigned *number)
{
    char           *end, wrong[64];
    unsigned long   n;

    n = strtoul(optarg, &end, 10);

    if (*optarg < '0' || *optarg > '9' || *end || n < 1 || n > most) {
        (void) snprintf(wrong, sizeof(wrong), "it is not a number from 1 to "
                        "%u", most);
        return caphealth_move_wrong(option, optarg, wrong);
    }

    *number = (unsigned) n;

    return 0;
}


static int
caphealth_move_sides(caphealth_move_command_t *c, int argc,
    char *const argv[])
{
    int  store;

    store = (argc > 0 && strncmp(argv[0], "s3://", 5) == 0) ? 0 : 1;

    if (argc != 2 || strncmp(argv[store], "s3://", 5) != 0
        || strncmp(argv[!store], "s3://", 5) == 0)
    {
        fputs("caphealth-shipper: name a tree and an object store, as in "
              "--move /srv/images s3://BUCKET/PREFIX, or the other way "
              "round\n", stderr);
        return -1;
    }

    c->move.back = (store == 0);
    c->move.root = argv[!store];

    return caphealth_move_wrong("the store", argv[store],
                        caphealth_s3_store_url(&c->store, argv[store]));
}


static int
caphealth_move_required(const caphealth_move_command_t *c)
{
    const char  *missing;

    missing = c->store.endpoint[0] == '\0' ? "--endpoint"
              : c->store.credentials.region[0] == '\0' ? "--region"
              : c->credentials == NULL ? "--credentials" : NULL;

    if (missing) {
        fprintf(stderr, "caphealth-shipper: %s is missing, try "
                "caphealth-shipper --move --help\n", missing);
        return -1;
    }

    return 0;
}


static int
caphealth_move_wrong(const char *option, const char *value, const char *wrong)
{
    if (wrong == NULL) {
        return 0;
    }

    fprintf(stderr, "caphealth-shipper: %s \"%s\": %s\n", option, value,
            wrong);

    return -1;
}


static int
caphealth_move_credentials(caphealth_move_command_t *c)
{
    char        *text;
    size_t       len;
    const char  *wrong;

    if (strcmp(c->credentials, "env") == 0) {
        return caphealth_move_wrong("--credentials", "env",
                         caphealth_s3_store_environment(&c->store,
                                            getenv("AWS_ACCESS_KEY_ID"),
                                            getenv("AWS_SECRET_ACCESS_KEY"),
                                            getenv("AWS_SESSION_TOKEN")));
    }

    text = caphealth_file_read("", c->credentials, &len);

    if (text == NULL) {
        return caphealth_move_wrong("--credentials", c->credentials,
                                    strerror(errno));
    }

    wrong = len > CAPHEALTH_S3_FILE_MAX
            ? "it is longer than 64 kB"
            : caphealth_s3_store_credentials(&c->store, text, len);

    explicit_bzero(text, len);
    free(text);

    return caphealth_move_wrong("--credentials", c->credentials, wrong);
}


static int
caphealth_move_client(caphealth_move_command_t *c)
{
    char        *ca;
    size_t       len;
    const char  *wrong;

    if (c->store.virtual_host) {
        wrong = caphealth_s3_store_virtual(&c->store);

        if (wrong) {
            return caphealth_move_wrong("--style", "virtual", wrong);
        }
    }

    ca = NULL;
    len = 0;

    if (c->ca) {
        ca = caphealth_file_read("", c->ca, &len);

        if (ca == NULL) {
            return caphealth_move_wrong("--ca", c->ca, strerror(errno));
        }
    }

    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        c->move.client = caphealth_s3_client_create(&c->store, c->move.jobs,
                                                    ca, len);
    }

    free(ca);

    if (c->move.client == NULL) {
        fputs("caphealth-shipper: there is no memory\n", stderr);
        return -1;
    }

    return 0;
}


/* so that what is made belongs to the workers' user, as all of the tree */

static int
caphealth_move_owner(const caphealth_move_t *move)
{
    int          need;
    struct stat  st;

    if (stat(move->root, &st) == -1) {
        return caphealth_move_wrong("the tree", move->root, strerror(errno));
    }

    if (geteuid() == 0 && st.st_uid != 0
        && (setgroups(0, NULL) == -1 || setgid(st.st_gid) == -1
            || setuid(st.st_uid) == -1))
    {
        return caphealth_move_wrong("the tree", move->root,
                                    "the user cannot be changed to its owner");
    }

    need = R_OK|X_OK|(move->back ? W_OK : 0);

    if (access(move->root, need) == -1) {
        return caphealth_move_wrong("the tree", move->root,
                                    "run as the user of nginx's workers, or "
                                    "as root");
    }

    return 0;
}
