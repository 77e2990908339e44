
/*
 * The types of sources: what a collector can read.
 */

#ifndef CAPHEALTH_SOURCE_TYPE_H
#define CAPHEALTH_SOURCE_TYPE_H


typedef enum {
    CAPHEALTH_SOURCE_SYSTEM = 0,
    CAPHEALTH_SOURCE_DISK,
    CAPHEALTH_SOURCE_DATABASE,
    CAPHEALTH_SOURCE_IMAGES,     /* a tree, walked by slices */
    CAPHEALTH_SOURCE_FLEET,      /* the nodes that share a database */
    CAPHEALTH_SOURCES
} caphealth_source_e;


typedef struct {
    const char  *name;           /* "type" in the collector's settings */
    const char  *argument;       /* what it reads, in the settings */
    const char  *title;          /* in the log, before the path */
    int          several;        /* there may be, told apart by their paths */
    const char  *failed;         /* the code of an error that has no other */
    const char  *partial;        /* the same, if there are facts with it */
} caphealth_source_type_t;


extern const caphealth_source_type_t  caphealth_source_types[CAPHEALTH_SOURCES];


#endif /* CAPHEALTH_SOURCE_TYPE_H */
