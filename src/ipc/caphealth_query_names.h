
/*
 * The names that caphealth_query accepts, in the order in which the collector
 * runs the queries.  The module checks names without knowing a database; the
 * collector's table of queries asserts that it has one for each.
 */

#ifndef CAPHEALTH_QUERY_NAMES_H
#define CAPHEALTH_QUERY_NAMES_H


#define CAPHEALTH_QUERY_NAMES                                                 \
    "database_size",                                                          \
    "products_count",                                                         \
    "orders_count",                                                           \
    "vendors_count",                                                          \
    "inventory_count",                                                        \
    "orders_this_month",                                                      \
    "active_vendors",                                                         \
    "products_by_vendor"


#endif /* CAPHEALTH_QUERY_NAMES_H */
