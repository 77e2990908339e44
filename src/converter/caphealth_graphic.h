
/*
 * Whether a picture was drawn: text, a logo, a screenshot, a dithered image; or
 * photographed.
 */

#ifndef CAPHEALTH_GRAPHIC_H
#define CAPHEALTH_GRAPHIC_H


#include "caphealth_picture.h"


/*
 * Whether an RGB picture has few colours, or plain areas with hard edges: what
 * takes fewer bytes without loss, or at least wants its chroma where its edges
 * are.  Looks at 128 rows at most.  0 for a picture of another kind.
 */
int caphealth_graphic(const caphealth_picture_t *picture);

/*
 * Whether an RGB picture made of one that was drawn, as it is or scaled, may
 * take fewer bytes without loss: it has few colours, or plain areas, or is so
 * small that it is cheap to try.
 */
int caphealth_graphic_plain(const caphealth_picture_t *picture);


#endif /* CAPHEALTH_GRAPHIC_H */
