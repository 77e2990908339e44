
/*
 * caphealth-collector --scan: what is in an image tree, for people.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_scan.h"
#include "caphealth_walk.h"


static void caphealth_scan_print(const char *root,
    const caphealth_total_t *total);


int
caphealth_scan(const char *root)
{
    int                        rc;
    unsigned                   i;
    const char                *mark = "original";
    caphealth_walk_t           walk;
    caphealth_tree_t          *tree;
    caphealth_total_t          total;
    caphealth_walk_settings_t  walker;

    tree = calloc(1, sizeof(caphealth_tree_t));
    if (tree == NULL) {
        fprintf(stderr, "caphealth-collector: no memory\n");
        return 1;
    }

    /* before is 0: it removes nothing */

    memset(&walker, 0, sizeof(caphealth_walk_settings_t));
    walker.root = root;
    walker.marks = &mark;
    walker.nmarks = 1;

    rc = 0;

    for (i = 0; i < CAPHEALTH_SLICES; i++) {

        if (caphealth_walk(&walker, i, &walk) == -1) {
            fprintf(stderr, "caphealth-collector: %s\n", walk.error.text);
            rc = 1;
            break;
        }

        caphealth_tree_replace(tree, i, &walk);
    }

    if (rc == 0) {
        caphealth_tree_total(tree, &total);
        caphealth_scan_print(root, &total);
    }

    free(tree);

    return rc;
}


static void
caphealth_scan_print(const char *root, const caphealth_total_t *total)
{
    int      rc;
    json_t  *document;

    document = json_pack("{s:s, s:I, s:I, s:I, s:s?, s:I, s:I, s:I, s:I, s:I}",
                         "path", root,
                         "total_files", (json_int_t) total->files,
                         "total_bytes", (json_int_t) total->bytes,
                         "max_files_per_dir", (json_int_t) total->max_files,
                         "max_files_dir",
                         total->fullest[0] ? total->fullest : NULL,
                         "products_estimated", (json_int_t) total->complete,
                         "incomplete_sets", (json_int_t) total->incomplete,
                         "stray_files", (json_int_t) total->strays,
                         "stray_bytes", (json_int_t) total->stray_bytes,
                         "odd_directories", (json_int_t) total->foreign);

    rc = (document == NULL) ? -1 : json_dumpf(document, stdout, JSON_COMPACT);

    if (rc == -1) {
        fprintf(stderr, "caphealth-collector: \"%s\" is not UTF-8, the "
                "result cannot be written as JSON\n", root);
    }

    printf("\n");
    json_decref(document);
}
