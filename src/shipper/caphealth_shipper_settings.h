
/*
 * The settings of a shipper: CAPHEALTH_IPC_CONFIGURE, as
 * caphealth_ship.h has it.
 */

#ifndef CAPHEALTH_SHIPPER_SETTINGS_H
#define CAPHEALTH_SHIPPER_SETTINGS_H


#include <jansson.h>

#include "caphealth_s3_store.h"
#include "caphealth_tree_walk.h"


#define CAPHEALTH_SHIPPER_CONNECTIONS  8
#define CAPHEALTH_SHIPPER_MOST         256

/* seconds */
#define CAPHEALTH_SHIPPER_TIMEOUT      30.0
#define CAPHEALTH_SHIPPER_TIMEOUT_MAX  3600.0


typedef struct {
    caphealth_s3_store_t   store;
    unsigned               connections;  /* at most, at once */
    double                 timeout;      /* seconds, of one request of a
                                            listing */
    char                  *ca;           /* certificates that are trusted in
                                            place of the system's, PEM; NULL:
                                            those; allocated */
    caphealth_walk_settings_t  *walk;    /* what a listing counts; it lives as
                                            long as the process */
} caphealth_shipper_settings_t;


/*
 * Takes the settings.  Returns NULL, or what is wrong, with no part of what was
 * given in it.
 */
const char *caphealth_shipper_settings(caphealth_shipper_settings_t *s,
    const json_t *settings);


#endif /* CAPHEALTH_SHIPPER_SETTINGS_H */
