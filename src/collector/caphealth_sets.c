
/*
 * The sets of a leaf directory: counted, and removed where an upload died.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caphealth_tour.h"


static int caphealth_walk_among(const char *const *names, size_t n,
    const char *name, size_t len);
static int caphealth_walk_order(const void *a, const void *b);
static int caphealth_walk_leftover(caphealth_tour_t *t, int dir,
    const caphealth_seen_t *set);
static void caphealth_walk_remove(caphealth_tour_t *t, int dir,
    const caphealth_seen_t *set);


void
caphealth_walk_seen(caphealth_tour_t *t, const char *name, size_t len,
    const struct stat *st)
{
    size_t                     room;
    const char                *variant;
    caphealth_seen_t          *seen;
    const caphealth_walker_t  *w;

    w = t->walker;

    if (t->nseen == t->room) {
        room = t->room == 0 ? 64 : 2 * t->room;
        seen = realloc(t->seen, room * sizeof(caphealth_seen_t));

        if (seen == NULL) {
            caphealth_walk_failed(t, "no memory for the sets of \"%s\"",
                                  w->root);
            return;
        }

        t->seen = seen;
        t->room = room;
    }

    variant = name + CAPHEALTH_ID_LEN + 1;
    len -= CAPHEALTH_ID_LEN + 1 + CAPHEALTH_SUFFIX_LEN;

    seen = &t->seen[t->nseen++];

    memcpy(seen->id, name, CAPHEALTH_ID_LEN);
    seen->mark = caphealth_walk_among(w->marks, w->nmarks, variant, len);
    seen->part = caphealth_walk_among(w->parts, w->nparts, variant, len);
    seen->newest = caphealth_walk_newest(st);
}


static int
caphealth_walk_among(const char *const *names, size_t n, const char *name,
    size_t len)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (strncmp(names[i], name, len) == 0 && names[i][len] == '\0') {
            return 1;
        }
    }

    return 0;
}


void
caphealth_walk_sets(caphealth_tour_t *t, int dir)
{
    size_t             i, n;
    caphealth_seen_t  *set, *file;

    if (t->nseen == 0) {
        return;
    }

    qsort(t->seen, t->nseen, sizeof(caphealth_seen_t), caphealth_walk_order);

    for (i = 0; i < t->nseen; i = n) {
        set = &t->seen[i];

        for (n = i + 1; n < t->nseen; n++) {
            file = &t->seen[n];

            if (memcmp(file->id, set->id, CAPHEALTH_ID_LEN) != 0) {
                break;
            }

            set->mark |= file->mark;
            set->part &= file->part;

            if (file->newest > set->newest) {
                set->newest = file->newest;
            }
        }

        if (set->mark) {
            t->walk->sets++;

        } else if (caphealth_walk_leftover(t, dir, set)) {
            caphealth_walk_remove(t, dir, set);

        } else {
            t->walk->incomplete++;
        }
    }
}


static int
caphealth_walk_order(const void *a, const void *b)
{
    const caphealth_seen_t  *one = a, *two = b;

    return memcmp(one->id, two->id, CAPHEALTH_ID_LEN);
}


/*
 * A set from before the marks were these may be complete by another mark, and
 * one that is being copied into the tree will get its own.
 */

static int
caphealth_walk_leftover(caphealth_tour_t *t, int dir,
    const caphealth_seen_t *set)
{
    char                       name[NAME_MAX + 1];
    size_t                     i;
    struct stat                st;
    const caphealth_walker_t  *w;

    w = t->walker;

    if (!set->part || w->nmarks == 0 || set->newest < w->since
        || set->newest >= w->before)
    {
        return 0;
    }

    /* what is about to be removed is looked at twice */

    for (i = 0; i < w->nmarks; i++) {
        (void) snprintf(name, sizeof(name), "%.*s_%s" CAPHEALTH_SUFFIX,
                        CAPHEALTH_ID_LEN, set->id, w->marks[i]);

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0
            || errno != ENOENT)
        {
            return 0;
        }
    }

    return 1;
}


static void
caphealth_walk_remove(caphealth_tour_t *t, int dir,
    const caphealth_seen_t *set)
{
    char                       name[NAME_MAX + 1];
    size_t                     i;
    struct stat                st;
    const caphealth_walker_t  *w;

    w = t->walker;

    for (i = 0; i < w->nparts; i++) {
        (void) snprintf(name, sizeof(name), "%.*s_%s" CAPHEALTH_SUFFIX,
                        CAPHEALTH_ID_LEN, set->id, w->parts[i]);

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
            continue;
        }

        if (unlinkat(dir, name, 0) == -1) {
            caphealth_walk_failed(t, "\"%s/%02x/%02x/%s\", a leftover, "
                                  "cannot be removed: %s", w->root, t->slice,
                                  t->leaf, name, strerror(errno));
            continue;
        }

        t->walk->files--;
        t->walk->bytes -= st.st_size;
        t->walk->leaves[t->leaf]--;
        t->walk->removed++;
        t->walk->removed_bytes += st.st_size;
    }
}
