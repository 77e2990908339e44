
/*
 * The types of sources.
 */

#include "caphealth_source_type.h"


const caphealth_source_type_t  caphealth_source_types[CAPHEALTH_SOURCES] = {
    [CAPHEALTH_SOURCE_SYSTEM] = {
        "system", "none", "system", 0, "system_failed", "system_partial"
    },
    [CAPHEALTH_SOURCE_DISK] = {
        "disk", "path", "disk", 1, "disk_failed", "disk_partial"
    },
    [CAPHEALTH_SOURCE_DATABASE] = {
        "database", "url", "database", 0, "database_unreachable",
        "database_partial"
    },
    [CAPHEALTH_SOURCE_IMAGES] = {
        "images", "path", "image root", 1, "images_failed", "images_failed"
    },
    [CAPHEALTH_SOURCE_FLEET] = {
        "fleet", "url", "fleet", 0, "fleet_unreachable", "fleet_partial"
    }
};
