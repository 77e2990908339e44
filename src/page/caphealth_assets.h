
/*
 * Assets: the files of the admin page, as they are in this directory,
 * embedded by util/embed.
 */

#ifndef CAPHEALTH_ASSETS_H
#define CAPHEALTH_ASSETS_H


#include <stddef.h>


typedef struct {
    const char           *name;
    const char           *type;          /* of the content */
    const unsigned char  *data;          /* ends with a NUL, not counted */
    size_t                len;
    const unsigned char  *gzip;          /* the same, compressed */
    size_t                gzip_len;
} caphealth_asset_t;


/* what is sent as it is; ends with a NULL name */
extern const caphealth_asset_t  caphealth_assets[];

/* the page's template */
extern const caphealth_asset_t  caphealth_asset_page;

/* a hash of all of them: 16 hex digits */
extern const char  caphealth_assets_version[];


#endif /* CAPHEALTH_ASSETS_H */
