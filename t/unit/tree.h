
/*
 * For tests: a directory that holds recorded files, removed at the end.
 */

#ifndef TREE_H
#define TREE_H


#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


static char  tree_root[64];


static inline const char *
tree_make(void)
{
    (void) strcpy(tree_root, "/tmp/caphealth-XXXXXX");

    return mkdtemp(tree_root);
}


/* makes the file and the directories above it */

static inline void
tree_put(const char *path, const char *text)
{
    char   name[512], *p;
    FILE  *file;

    (void) snprintf(name, sizeof(name), "%s%s", tree_root, path);

    for (p = name + strlen(tree_root) + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void) mkdir(name, 0755);
            *p = '/';
        }
    }

    file = fopen(name, "w");

    if (file == NULL || fputs(text, file) == EOF || fclose(file) == EOF) {
        perror(name);
        abort();
    }
}


static inline int
tree_unlink(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void) st;
    (void) type;
    (void) f;

    return remove(path);
}


static inline void
tree_remove(void)
{
    (void) nftw(tree_root, tree_unlink, 16, FTW_DEPTH|FTW_PHYS);
}


/* for cmocka_unit_test_setup_teardown() */

static inline int
tree_setup(void **state)
{
    (void) state;

    return tree_make() == NULL ? -1 : 0;
}


static inline int
tree_teardown(void **state)
{
    (void) state;

    tree_remove();

    return 0;
}


#endif /* TREE_H */
