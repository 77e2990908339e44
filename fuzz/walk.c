
/*
 * Under test: src/store/caphealth_tree.c
 *     (walk_valid|replace|total|fullest|amount_valid|difference|begin|end)
 *
 * What a collector answers about a slice of an image tree: the slice, and the
 * bytes of a caphealth_walk_t.  A first byte that is odd makes its leaves add
 * up.
 */

#include "fuzz.h"

#include "caphealth_tree.h"


static void
add_up(caphealth_walk_t *walk)
{
    unsigned  i;

    for (walk->files = 0, i = 0; i < CAPHEALTH_LEAVES; i++) {
        walk->leaves[i] &= INT32_MAX;
        walk->files += walk->leaves[i];
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned           repair, slice;
    fuzz_bytes_t       b = { data, size };
    caphealth_tree_t  *t;
    caphealth_walk_t   walk;
    caphealth_total_t  total;

    repair = (unsigned) fuzz_number(&b, 1) & 1;
    slice = (unsigned) fuzz_number(&b, 2) % CAPHEALTH_SLICES;

    memset(&walk, 0, sizeof(walk));

    size = b.size < sizeof(walk) ? b.size : sizeof(walk);

    if (size) {
        memcpy(&walk, b.data, size);
    }

    if (repair) {
        add_up(&walk);
    }

    if (!caphealth_walk_valid(&walk)) {
        return 0;
    }

    t = calloc(1, sizeof(*t));
    fuzz_check(t != NULL);

    caphealth_tree_begin(t, 1e9);
    caphealth_tree_replace(t, slice, &walk);
    caphealth_tree_end(t, 1e9 + 1);

    if (slice != CAPHEALTH_TOP || walk.files == 0) {
        caphealth_tree_total(t, &total);

        fuzz_check(total.files == walk.files && total.bytes == walk.bytes);
        fuzz_check(total.complete == walk.complete && total.walked == 1);
        fuzz_check(total.max_files <= total.files);
        fuzz_check((total.max_files > 0) == (total.fullest[0] != '\0'));
        fuzz_check(caphealth_tree_valid(t));
    }

    /* the same again is no drift */

    caphealth_tree_begin(t, 1e9);
    walk.removed = walk.removed_bytes = 0;
    caphealth_tree_replace(t, slice, &walk);
    caphealth_tree_end(t, 1e9 + 1);

    fuzz_check(t->scan.drift_files == 0 && t->scan.drift_bytes == 0);

    /* a tree of nothing but such slices can still be added up */

    for (slice = 0; slice < CAPHEALTH_SLICES; slice++) {
        caphealth_tree_replace(t, slice, &walk);
    }

    caphealth_tree_total(t, &total);
    fuzz_check(total.bytes == CAPHEALTH_SLICES * walk.bytes);

    free(t);

    return 0;
}
