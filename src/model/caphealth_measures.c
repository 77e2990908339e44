
/*
 * The table of measures.
 *
 * The rows of an object are in the order in which a client sees its members,
 * and new ones follow those that are there.
 */

#include <math.h>
#include <string.h>

#include "caphealth_measures.h"
#include "caphealth_number.h"
#include "caphealth_platform.h"


static double caphealth_disk_percent(const void *facts);
static double caphealth_disk_used(const void *facts);
static double caphealth_disk_total(const void *facts);
static double caphealth_memory_percent(const void *facts);
static double caphealth_swap_percent(const void *facts);
static double caphealth_filesystem_percent(const void *disk);
static double caphealth_inodes_percent(const void *disk);
static double caphealth_root_live(const void *root);
static double caphealth_root_left(const void *root);
static int caphealth_root_known(const void *root);
static int caphealth_root_scanned(const void *root);
static int caphealth_root_scanning(const void *root);


/* the first columns: type, unit, decimals */

#define COUNT           CAPHEALTH_TYPE_COUNT, CAPHEALTH_UNIT_NONE, 0
#define PRODUCTS        CAPHEALTH_TYPE_COUNT, CAPHEALTH_UNIT_COUNT, 0
#define BYTES           CAPHEALTH_TYPE_COUNT, CAPHEALTH_UNIT_BYTES, 0
#define MIB             CAPHEALTH_TYPE_COUNT, CAPHEALTH_UNIT_MB, 2
#define GIB             CAPHEALTH_TYPE_COUNT, CAPHEALTH_UNIT_GB, 2
#define PERCENT(n)      CAPHEALTH_TYPE_REAL, CAPHEALTH_UNIT_PERCENT, n
#define SECONDS(n)      CAPHEALTH_TYPE_REAL, CAPHEALTH_UNIT_SECONDS, n
#define WHOLE_SECONDS   CAPHEALTH_TYPE_NUMBER, CAPHEALTH_UNIT_SECONDS, 0
#define PERIOD          CAPHEALTH_TYPE_NUMBER, CAPHEALTH_UNIT_SECONDS, 3
#define REAL(n)         CAPHEALTH_TYPE_REAL, CAPHEALTH_UNIT_NONE, n
#define NUMBER(n)       CAPHEALTH_TYPE_NUMBER, CAPHEALTH_UNIT_NONE, n
#define FLAG            CAPHEALTH_TYPE_FLAG, CAPHEALTH_UNIT_FLAG, 0
#define TIME            CAPHEALTH_TYPE_TIME, CAPHEALTH_UNIT_NONE, 0
#define STRING          CAPHEALTH_TYPE_STRING, CAPHEALTH_UNIT_NONE, 0
#define TEXT            CAPHEALTH_TYPE_TEXT, CAPHEALTH_UNIT_NONE, 0
#define STALE           CAPHEALTH_TYPE_STALE, CAPHEALTH_UNIT_FLAG, 0
#define INTERVAL        CAPHEALTH_TYPE_INTERVAL, CAPHEALTH_UNIT_SECONDS, 0
#define REACHABLE       CAPHEALTH_TYPE_REACHABLE, CAPHEALTH_UNIT_FLAG, 0
#define CODE(name)      CAPHEALTH_TYPE_CODE, CAPHEALTH_UNIT_NONE, 0,         \
                        .code = CAPHEALTH_CODE_##name

/* where the number comes from */

#define FACTS(field)    .offset = offsetof(caphealth_facts_t, field)
#define DISK(field)     .offset = offsetof(caphealth_disk_facts_t, field)
#define STALL(field)    .offset = offsetof(caphealth_stall_t, field)
#define LOOK(field)     .offset = offsetof(caphealth_collector_t, field)
#define ROOT(field)     .offset = offsetof(caphealth_root_t, field)
#define TREES(field)    .offset = offsetof(caphealth_statistics_t, field)
#define UPLOAD(field)   .offset = offsetof(caphealth_uploads_t, field)
#define STORE(field)    .offset = offsetof(caphealth_store_activity_t, field)
#define PROCESS(field)  .offset = offsetof(caphealth_activity_t, field)
#define PLATFORM(field) .offset = offsetof(caphealth_platform_t, field)
#define NODE(field)     .offset = offsetof(caphealth_platform_node_t, field)
#define BY(function)    .value = caphealth_##function
#define IF(function)    .known = caphealth_##function

/* its metric, and its threshold */

#define METRIC(type, place, name, help)                                      \
    .order = place, .metric = { "caphealth_" name, CAPHEALTH_##type, help }

/* its series in the history */

#define SERIES(name, in)  .series = name, .series_unit = CAPHEALTH_SERIES_##in

#define ROWS(name)    .sample_label = { "table", name }
#define NODES(name)   .sample_label = { "status", name }

#define THRESHOLD(name, text, warning, critical, limit)                      \
    .key = name, .label = text, .bounds = { warning, critical, limit }

#define SECTION(of)     .section = offsetof(caphealth_facts_t, of.section)


static const caphealth_measure_t  caphealth_status_rows[] = {

    { NULL, CODE(BUILD), METRIC(INFO, 0, "build",
      "The versions of caphealth and of nginx.") },
    { NULL, CODE(STATUS), METRIC(STATESET, 0, "status",
      "The platform's overall status: overall_status of the health report.") },
    { NULL, CODE(CHECK_STATUS), METRIC(STATESET, 0, "check_status",
      "The status of each threshold.") },
    { NULL, CODE(CURRENT), METRIC(GAUGE, 0, "threshold_current",
      "The number that a threshold judges: a count, or in bytes (storage_gb, "
      "db_size_mb), or a ratio of 1 (those in percent).") },
    { NULL, CODE(BOUNDS), METRIC(GAUGE, 0, "threshold",
      "The bounds of a threshold, in the unit of "
      "caphealth_threshold_current.") },
    { NULL, CODE(TIER), METRIC(STATESET, 0, "infrastructure_tier",
      "The infrastructure tier that the platform is in.") },
    { NULL, CODE(TIER_UTILIZATION), METRIC(GAUGE, 0, "tier_utilization_ratio",
      "How much of what its tier holds the platform has.") },
    { NULL, CODE(FORECAST), METRIC(GAUGE, 0, "forecast_limit_seconds",
      "How long until a threshold reaches a level, at the pace of the last "
      "weeks; 0: it has.") },
    { NULL, CODE(TIER_FORECAST), METRIC(GAUGE, 0, "forecast_tier_seconds",
      "How long until the platform outgrows its tier, likewise.") }
};


static const caphealth_measure_t  caphealth_collector_rows[] = {

    { NULL, REAL(0), LOOK(up), METRIC(GAUGE, 0, "collector_up",
      "Whether the last look at a source brought data, and in time.") },
    { NULL, REAL(0), LOOK(stale), METRIC(GAUGE, 0, "collector_stale",
      "Whether the data of a source is older than three intervals.") },
    { NULL, SECONDS(0), LOOK(seconds),
      METRIC(GAUGE, 0, "collector_duration_seconds",
      "How long the last look at a source took; the last full scan of an "
      "image tree.") },
    { NULL, TIME, LOOK(succeeded),
      METRIC(GAUGE, 0, "collector_last_success_timestamp_seconds",
      "When the data of a source was read; the last full scan of an image "
      "tree ended.") },
    { NULL, REAL(0), LOOK(failures), METRIC(COUNTER, 0, "collector_failures",
      "Looks at a source that brought no data.") }
};


static const caphealth_measure_t  caphealth_system_rows[] = {

    { "cpu_percent", PERCENT(1), FACTS(system.value.cpu_percent),
      METRIC(GAUGE, 2, "cpu_utilization_ratio",
      "CPU time in use, of caphealth_cpu_cores, since the look before."),
      SERIES("cpu_percent", PERCENT) },
    { "memory_percent", PERCENT(1), BY(memory_percent),
      METRIC(GAUGE, 7, "memory_utilization_ratio",
      "Memory in use that cannot be reclaimed, of what may be used."),
      THRESHOLD("memory_percent", "Memory Usage (%)", 75, 90, 100),
      SECTION(system), SERIES("memory_percent", PERCENT) },
    { "memory_used_gb", GIB, FACTS(system.value.memory_used),
      METRIC(GAUGE, 6, "memory_used_bytes",
      "Memory in use that cannot be reclaimed.") },
    { "memory_total_gb", GIB, FACTS(system.value.memory_total),
      METRIC(GAUGE, 5, "memory_size_bytes", "Memory that may be used.") },
    { "disk_percent", PERCENT(1), BY(disk_percent),
      THRESHOLD("disk_percent", "Disk Usage (%)", 70, 85, 100) },
    { "disk_used_gb", GIB, BY(disk_used) },
    { "disk_total_gb", GIB, BY(disk_total) },
    { NULL, CODE(SCOPE), METRIC(INFO, 1, "system",
      "What CPU and memory are measured against: the host, or a limit of a "
      "control group.") },
    { "scope", TEXT, FACTS(system.value.scope) },
    { "cores", NUMBER(2), FACTS(system.value.cores),
      METRIC(GAUGE, 3, "cpu_cores",
      "CPUs that may be used; a fraction under a quota.") },
    { "load_average", CODE(LOAD) },
    { NULL, REAL(2), FACTS(system.value.load1),
      METRIC(GAUGE, 4, "load1", "Load average over 1 minute.") },
    { NULL, REAL(2), FACTS(system.value.load5),
      METRIC(GAUGE, 4, "load5", "Load average over 5 minutes.") },
    { NULL, REAL(2), FACTS(system.value.load15),
      METRIC(GAUGE, 4, "load15", "Load average over 15 minutes.") },
    { "pressure", CODE(PRESSURE) },
    { "cpu_mean_percent", PERCENT(1), FACTS(system.value.cpu_mean),
      METRIC(GAUGE, 2, "cpu_mean_ratio",
      "CPU time in use over caphealth_cpu_window, without converters at idle "
      "priority: what the threshold judges."),
      THRESHOLD("cpu_percent", "CPU Usage (%)", 70, 85, 100), SECTION(system),
      SERIES("cpu_mean_percent", PERCENT) },
    { "cpu_converters_percent", PERCENT(1),
      FACTS(system.value.cpu_converters),
      METRIC(GAUGE, 2, "cpu_converters_ratio",
      "CPU time that converters at idle priority took, over the same "
      "time.") },
    { "cpu_mean_seconds", WHOLE_SECONDS, FACTS(system.value.cpu_seconds) },
    { "collected_at", TIME, FACTS(system.section.collected_at) },
    { "stale", STALE, FACTS(system.section) },
    { "error", STRING, FACTS(system.section.error) },
    { "error_code", STRING, FACTS(system.section.error_code) },
    { "swap_percent", PERCENT(1), BY(swap_percent),
      METRIC(GAUGE, 7, "swap_utilization_ratio",
      "Swap space in use, of what may be used."),
      SERIES("swap_percent", PERCENT) },
    { "swap_used_gb", GIB, FACTS(system.value.swap_used),
      METRIC(GAUGE, 7, "swap_used_bytes", "Swap space in use.") },
    { "swap_total_gb", GIB, FACTS(system.value.swap_total),
      METRIC(GAUGE, 7, "swap_size_bytes", "Swap space that may be used.") },
    { "uptime_seconds", WHOLE_SECONDS, FACTS(system.value.uptime),
      METRIC(GAUGE, 8, "system_uptime_seconds", "Time since boot.") }
};


static const caphealth_measure_t  caphealth_stall_rows[] = {

    { "avg10", PERCENT(2), STALL(avg10) },
    { "avg60", PERCENT(2), STALL(avg60) },
    { "avg300", PERCENT(2), STALL(avg300) },
    { "total_seconds", SECONDS(3), STALL(total),
      METRIC(COUNTER, 0, "pressure_stalled_seconds",
      "Time in which some, or all (full), tasks waited for a resource.") }
};


static const caphealth_measure_t  caphealth_disk_rows[] = {

    { "path", STRING, DISK(path) },
    { "percent", PERCENT(1), BY(filesystem_percent),
      METRIC(GAUGE, 2, "filesystem_utilization_ratio",
      "Space in use, of what is in use or available to others than root."),
      SERIES("disk_percent", PERCENT) },
    { "used_gb", GIB, DISK(value.used),
      METRIC(GAUGE, 1, "filesystem_used_bytes",
      "Space in use in a file system.") },
    { "total_gb", GIB, DISK(value.total),
      METRIC(GAUGE, 0, "filesystem_size_bytes", "Size of a file system.") },
    { "available_gb", GIB, DISK(value.available),
      METRIC(GAUGE, 1, "filesystem_avail_bytes",
      "Space in a file system that is available to others than root.") },
    { "inodes_percent", PERCENT(1), BY(inodes_percent),
      THRESHOLD("inodes_percent", "Inode Usage (%)", 70, 85, 100),
      SERIES("disk_inodes_percent", PERCENT) },
    { NULL, COUNT, DISK(value.inodes), METRIC(GAUGE, 3, "filesystem_files",
      "Inodes of a file system; 0: no fixed number.") },
    { NULL, COUNT, DISK(value.inodes_free),
      METRIC(GAUGE, 3, "filesystem_files_free",
      "Free inodes of a file system.") },
    { "read_only", FLAG, DISK(value.read_only),
      METRIC(GAUGE, 3, "filesystem_readonly",
      "Whether a file system is mounted read-only."),
      THRESHOLD("read_only", "Read-only", 1, 1, 1) },
    { "collected_at", TIME, DISK(section.collected_at) },
    { "stale", STALE, DISK(section) },
    { "error", STRING, DISK(section.error) },
    { "error_code", STRING, DISK(section.error_code) }
};


static const caphealth_measure_t  caphealth_database_rows[] = {

    { NULL, CODE(ENGINE), METRIC(INFO, 1, "database",
      "The engine of the database, and its version.") },
    { "size_mb", MIB, FACTS(database.value.size),
      METRIC(GAUGE, 2, "database_size_bytes", "Size of the database."),
      THRESHOLD("db_size_mb", "Database (MB)", 20000, 24000, 25000),
      SECTION(database), SERIES("database_size_gb", GB) },
    { "products_count", PRODUCTS, FACTS(database.value.products_count),
      METRIC(GAUGE, 2, "database_rows", "Rows of a table."), ROWS("products"),
      THRESHOLD("products_total", "Products",
             400000, 475000, 500000), SECTION(database),
      SERIES("products_count", COUNT) },
    { "orders_count", COUNT, FACTS(database.value.orders_count),
      METRIC(GAUGE, 2, "database_rows", "Rows of a table."), ROWS("orders"),
      SERIES("orders_count", COUNT) },
    { "vendors_count", COUNT, FACTS(database.value.vendors_count),
      METRIC(GAUGE, 2, "database_rows", "Rows of a table."), ROWS("vendors"),
      SERIES("vendors_count", COUNT) },
    { "inventory_count", COUNT, FACTS(database.value.inventory_count),
      METRIC(GAUGE, 2, "database_rows", "Rows of a table."),
      ROWS("inventory") },
    { "size_bytes", BYTES, FACTS(database.value.size) },
    { "engine", TEXT, FACTS(database.value.engine) },
    { "version", TEXT, FACTS(database.value.version) },
    { "configured", FLAG, FACTS(database.section.configured) },
    { "reachable", REACHABLE, FACTS(database.section),
      METRIC(GAUGE, 0, "database_up",
      "Whether the last look at the database brought an answer.") },
    { "collected_at", TIME, FACTS(database.section.collected_at) },
    { "attempted_at", TIME, FACTS(database.section.attempted_at) },
    { "stale", STALE, FACTS(database.section) },
    { "error", STRING, FACTS(database.section.error) },
    { "error_code", STRING, FACTS(database.section.error_code) }
};


static const caphealth_measure_t  caphealth_capacity_rows[] = {

    { "products_total", COUNT, FACTS(database.value.products_count) },
    { "products_by_vendor", CODE(VENDORS) },
    { "images_total", COUNT, FACTS(images.value.files) },
    { "storage_used_gb", GIB, FACTS(images.value.bytes) },
    { "database_size_mb", MIB, FACTS(database.value.size) },
    { "orders_this_month", COUNT, FACTS(database.value.orders_this_month),
      METRIC(GAUGE, 0, "orders_this_month",
      "Orders since the first of this month, 00:00:00 UTC."),
      SERIES("orders_this_month", COUNT) },
    { "active_vendors", COUNT, FACTS(database.value.active_vendors),
      METRIC(GAUGE, 0, "active_vendors", "Vendors that are active.") },
    { "collected_at", TIME, FACTS(database.section.collected_at) },
    { "stale", STALE, FACTS(database.section) },
    { "error", STRING, FACTS(database.section.error) },
    { "configured", FLAG, FACTS(database.section.configured) },
    { "host", STRING, FACTS(node) },
    { "version", STRING, FACTS(version) },
    { "refresh_seconds", INTERVAL, FACTS(database.section) },
    { "error_code", STRING, FACTS(database.section.error_code) }
};


static const caphealth_measure_t  caphealth_fleet_rows[] = {

    { "platform_status", STRING, PLATFORM(status) },
    { NULL, CODE(PLATFORM), METRIC(STATESET, 0, "fleet_status",
      "The status of the platform: the worst of the fleet's nodes.") },
    { "reason", STRING, PLATFORM(reason) },
    { "counts", CODE(NODE_COUNTS) },
    { "node", STRING, PLATFORM(node) },
    { "lease_holder", STRING, PLATFORM(holder) },
    { "lease_held", FLAG, PLATFORM(held),
      METRIC(GAUGE, 0, "fleet_lease_held",
      "Whether this node holds the lease: it queries the shop's database "
      "for all.") },
    { "database_from", STRING, PLATFORM(shop) },
    { "alone", FLAG, PLATFORM(alone), METRIC(GAUGE, 0, "fleet_alone",
      "Whether this node cannot reach the fleet's database, and queries "
      "the shop's itself.") },
    { "clock_offset_seconds", SECONDS(3), PLATFORM(clock_offset),
      METRIC(GAUGE, 0, "fleet_clock_offset_seconds",
      "How far this node's clock is ahead of that of the fleet's "
      "database.") },
    { "collected_at", TIME, PLATFORM(section.collected_at) },
    { "attempted_at", TIME, PLATFORM(section.attempted_at) },
    { "stale", STALE, PLATFORM(section) },
    { "error", STRING, PLATFORM(section.error) },
    { "error_code", STRING, PLATFORM(section.error_code) },
    { "refresh_seconds", INTERVAL, PLATFORM(section) },
    { "version", STRING, PLATFORM(version) },
    { "nodes", CODE(NODES) },
    { "database_differs", FLAG, PLATFORM(differs),
      METRIC(GAUGE, 0, "fleet_database_differs",
      "Whether caphealth_database or caphealth_query of this node differs from "
      "that of the node with the lease.") }
};


static const caphealth_measure_t  caphealth_node_counts_rows[] = {

    { "healthy", COUNT, PLATFORM(healthy), METRIC(GAUGE, 0, "fleet_nodes",
      "Nodes of the fleet, by their status."), NODES("healthy") },
    { "degraded", COUNT, PLATFORM(degraded), METRIC(GAUGE, 0, "fleet_nodes",
      "Nodes of the fleet, by their status."), NODES("degraded") },
    { "unknown", COUNT, PLATFORM(unknown), METRIC(GAUGE, 0, "fleet_nodes",
      "Nodes of the fleet, by their status."), NODES("unknown") },
    { "critical", COUNT, PLATFORM(critical), METRIC(GAUGE, 0, "fleet_nodes",
      "Nodes of the fleet, by their status."), NODES("critical") },
    { "silent", COUNT, PLATFORM(silent),
      METRIC(GAUGE, 1, "fleet_silent_nodes",
      "Nodes of the fleet that have not reported for three of their "
      "intervals.") }
};


static const caphealth_measure_t  caphealth_fleet_brief_rows[] = {

    { "platform_status", STRING, PLATFORM(status) },
    { "node", STRING, PLATFORM(node) },
    { "database_from", STRING, PLATFORM(shop) },
    { "alone", FLAG, PLATFORM(alone) }
};


static const caphealth_measure_t  caphealth_node_rows[] = {

    { "name", STRING, NODE(name) },
    { NULL, CODE(NODE_VERSION), METRIC(INFO, 0, "fleet_node",
      "The version of caphealth on a node.") },
    { "status", STRING, NODE(status) },
    { NULL, CODE(NODE_STATUS), METRIC(STATESET, 0, "fleet_node_status",
      "The status that a node reported, or unknown if it is silent.") },
    { "cause", STRING, NODE(cause) },
    { "silent", FLAG, NODE(silent), METRIC(GAUGE, 0, "fleet_node_silent",
      "Whether a node has not reported for three of its intervals.") },
    { "version", STRING, NODE(version) },
    { "reported_at", TIME, NODE(reported_at),
      METRIC(GAUGE, 0, "fleet_node_last_report_timestamp_seconds",
      "When a node last reported, by the clock of this one.") },
    { "interval_seconds", PERIOD, NODE(interval) },
    { "started_at", TIME, NODE(started) },
    { "clock_offset_seconds", SECONDS(3), NODE(clock_offset),
      METRIC(GAUGE, 0, "fleet_node_clock_offset_seconds",
      "How far a node's clock is ahead of that of the fleet's database.") },
    { "doubled", FLAG, NODE(doubled), METRIC(GAUGE, 0, "fleet_node_doubled",
      "Whether two live nodes have the same name.") },
    { "cause_code", STRING, NODE(code) },
    { "cause_args", CODE(CAUSE_ARGS) },
    { "database_differs", FLAG, NODE(differs),
      METRIC(GAUGE, 0, "fleet_node_database_differs",
      "Whether caphealth_database or caphealth_query of a node differs from "
      "that of the node with the lease.") }
};


static const caphealth_measure_t  caphealth_vendors_rows[] = {

    { NULL, CODE(VENDORS), METRIC(GAUGE, 0, "vendor_products",
      "Products of a vendor, of those that have the most.") }
};


static const caphealth_measure_t  caphealth_images_rows[] = {

    { "total_files", COUNT, FACTS(images.value.files) },
    { "total_size_mb", MIB, FACTS(images.value.bytes) },
    { "total_size_gb", GIB, FACTS(images.value.bytes),
      THRESHOLD("storage_gb", "Image Storage (GB)", 800, 950, 1000),
      SECTION(images) },
    { "max_files_per_dir", COUNT, FACTS(images.value.max_files_per_dir) },
    { "products_estimated", COUNT, FACTS(images.value.complete) },
    { "total_bytes", BYTES, FACTS(images.value.bytes) },
    { "configured", FLAG, FACTS(images.section.configured) },
    { "collected_at", TIME, FACTS(images.section.collected_at) },
    { "stale", STALE, FACTS(images.section) },
    { "error", STRING, FACTS(images.section.error) },
    { "roots", CODE(ROOTS), FACTS(images.value) },
    { "error_code", STRING, FACTS(images.section.error_code) }
};


static const caphealth_measure_t  caphealth_statistics_rows[] = {

    { "total_files", COUNT, TREES(images.files) },
    { "total_size_mb", MIB, TREES(images.bytes) },
    { "total_size_gb", GIB, TREES(images.bytes) },
    { "max_files_per_dir", COUNT, TREES(images.max_files_per_dir) },
    { "products_estimated", COUNT, TREES(images.complete) },
    { "total_bytes", BYTES, TREES(images.bytes) },
    { "max_files_dir", CODE(FULLEST) },
    { "incomplete_sets", COUNT, TREES(incomplete) },
    { "stray_files", COUNT, TREES(strays) },
    { "drift_files", COUNT, TREES(drift_files) },
    { "drift_bytes", BYTES, TREES(drift_bytes) },
    { "source", STRING, TREES(source) },
    { "last_full_scan", TIME, TREES(scanned_at) },
    { "error", STRING, TREES(error) },
    { "roots", CODE(ROOTS), TREES(images) },
    { "timestamp", TIME, TREES(now) },
    { "error_code", STRING, TREES(error_code) },
    { "host", STRING, TREES(node) },
    { "version", STRING, TREES(version) },
    { "sources", CODE(SOURCES), TREES(images) }
};


static const caphealth_measure_t  caphealth_root_rows[] = {

    { "path", STRING, ROOT(path) },
    { "source", STRING, ROOT(source) },
    { NULL, REAL(0), BY(root_live), IF(root_known),
      METRIC(GAUGE, 0, "image_live",
      "Whether the counts of an image tree are from a full scan and all "
      "changes since; 0: from the saved state.") },
    { "total_files", COUNT, ROOT(files), IF(root_known),
      METRIC(GAUGE, 0, "image_files", "Files of images in a tree."),
      SERIES("image_files", COUNT) },
    { "total_bytes", BYTES, ROOT(bytes), IF(root_known),
      METRIC(GAUGE, 0, "image_bytes",
      "Size of the files of images in a tree."),
      SERIES("image_bytes", BYTES) },
    { "max_files_per_dir", COUNT, ROOT(max_files), IF(root_known),
      METRIC(GAUGE, 1, "image_directory_files_max",
      "Files in the fullest directory of a tree.") },
    { "max_files_dir", TEXT, ROOT(fullest), IF(root_known) },
    { "products_estimated", COUNT, ROOT(complete), IF(root_known),
      METRIC(GAUGE, 0, "image_sets", "Complete images in a tree.") },
    { "incomplete_sets", COUNT, ROOT(incomplete), IF(root_known),
      METRIC(GAUGE, 1, "image_incomplete_sets",
      "Images in a tree that lack their largest variant.") },
    { "stray_files", COUNT, ROOT(strays), IF(root_known),
      METRIC(GAUGE, 1, "image_stray_files",
      "Files in a tree that are not ours.") },
    { "stray_bytes", BYTES, ROOT(stray_bytes), IF(root_known),
      METRIC(GAUGE, 1, "image_stray_bytes",
      "Size of the files in a tree that are not ours.") },
    { "odd_directories", COUNT, ROOT(foreign), IF(root_known),
      METRIC(GAUGE, 1, "image_foreign_directories",
      "Directories in a tree that are symbolic links, or on another file "
      "system.") },
    { "removed_files", COUNT, ROOT(removed),
      METRIC(COUNTER, 1, "image_removed_files",
      "Files of dead uploads that scans have removed from a tree.") },
    { "removed_bytes", BYTES, ROOT(removed_bytes),
      METRIC(COUNTER, 1, "image_removed_bytes",
      "Size of the files of dead uploads that scans have removed.") },
    { "drift_files", COUNT, ROOT(drift_files), IF(root_scanned),
      METRIC(GAUGE, 1, "image_drift_files",
      "By how many files the counts were off at the last full scan.") },
    { "drift_bytes", BYTES, ROOT(drift_bytes), IF(root_scanned),
      METRIC(GAUGE, 1, "image_drift_bytes",
      "By how much the size was off at the last full scan.") },
    { "last_full_scan", TIME, ROOT(scanned_at) },
    { "last_full_scan_seconds", SECONDS(2), ROOT(scan_seconds),
      IF(root_scanned) },
    { "scan", CODE(SCAN) },
    { NULL, PERCENT(1), ROOT(progress), IF(root_scanning),
      METRIC(GAUGE, 1, "image_scan_progress_ratio",
      "How much of a tree the scan under way has walked.") },
    { "filesystem", CODE(FILESYSTEM) },
    { "images_left", COUNT, BY(root_left),
      METRIC(GAUGE, 1, "image_sets_left",
      "How many more images of the present mean size fit in.") },
    { "error", STRING, ROOT(error) },
    { "error_code", STRING, ROOT(error_code) },
    { "missing_variants", CODE(MISSING),
      METRIC(GAUGE, 1, "image_missing_variants",
      "Images in a tree that lacked a variant at the last full scan.") }
};


static const caphealth_measure_t  caphealth_source_tree_rows[] = {

    { "path", STRING, ROOT(path) },
    { "images", STRING, ROOT(images) },
    { "source", STRING, ROOT(source) },
    { "total_files", COUNT, ROOT(files), IF(root_known),
      METRIC(GAUGE, 1, "image_source_files",
      "Sources of images in a tree.") },
    { "total_bytes", BYTES, ROOT(bytes), IF(root_known),
      METRIC(GAUGE, 1, "image_source_bytes",
      "Size of the sources of images in a tree.") },
    { "without_image", COUNT, ROOT(incomplete), IF(root_known),
      METRIC(GAUGE, 1, "image_sources_without_image",
      "Sources in a tree of which the image was not there at the last full "
      "scan.") },
    { "stray_files", COUNT, ROOT(strays), IF(root_known),
      METRIC(GAUGE, 1, "image_source_stray_files",
      "Files in a tree of sources that are not ours.") },
    { "stray_bytes", BYTES, ROOT(stray_bytes), IF(root_known) },
    { "drift_files", COUNT, ROOT(drift_files), IF(root_scanned) },
    { "drift_bytes", BYTES, ROOT(drift_bytes), IF(root_scanned) },
    { "last_full_scan", TIME, ROOT(scanned_at) },
    { "scan", CODE(SCAN) },
    { "filesystem", CODE(FILESYSTEM) },
    { "error", STRING, ROOT(error) },
    { "error_code", STRING, ROOT(error_code) }
};


static const caphealth_measure_t  caphealth_scan_rows[] = {

    { "started_at", TIME, ROOT(scanning_since) },
    { "percent", PERCENT(1), ROOT(progress) }
};


static const caphealth_measure_t  caphealth_filesystem_rows[] = {

    { "total_bytes", BYTES, DISK(value.total) },
    { "available_bytes", BYTES, DISK(value.available) },
    { "inodes", COUNT, DISK(value.inodes) },
    { "inodes_free", COUNT, DISK(value.inodes_free) },
    { "read_only", FLAG, DISK(value.read_only) },
    { "collected_at", TIME, DISK(section.collected_at) },
    { "error", STRING, DISK(section.error) },
    { "error_code", STRING, DISK(section.error_code) }
};


static const caphealth_measure_t  caphealth_upload_rows[] = {

    { NULL, CODE(UPLOADS), METRIC(COUNTER, 0, "image_upload_requests",
      "Uploads, by what became of them.") },
    { NULL, CODE(DELETES), METRIC(COUNTER, 0, "image_delete_requests",
      "Requests to remove an image, by what became of them.") },
    { NULL, CODE(STAGES),
      METRIC(HISTOGRAM, 0, "image_upload_stage_duration_seconds",
      "How long the stages of uploads took: receive and publish of a request, "
      "queue and convert of an image.") },
    { NULL, REAL(0), UPLOAD(received),
      METRIC(COUNTER, 0, "image_upload_received_bytes",
      "Size of the bodies of uploads.") },
    { NULL, REAL(0), UPLOAD(written),
      METRIC(COUNTER, 0, "image_upload_written_bytes",
      "Size of the files that were made of uploads.") },
    { NULL, REAL(0), UPLOAD(waiting), METRIC(GAUGE, 0, "image_queue_jobs",
      "Images that wait for a converter, in all workers.") },
    { NULL, REAL(0), UPLOAD(starts), METRIC(COUNTER, 0, "converter_starts",
      "Converters that were started.") },
    { NULL, REAL(0), UPLOAD(deaths), METRIC(COUNTER, 0, "converter_deaths",
      "Converters that died, were killed for taking too long, or did not "
      "come to work.") },
    { NULL, SECONDS(0), UPLOAD(idle),
      METRIC(COUNTER, 0, "converter_idle_cpu_seconds",
      "CPU time of converters at idle priority.") },
    { NULL, PERCENT(1), THRESHOLD("upload_failures_percent",
      "Upload Failures (%)", 5, 50, 100) }
};


static const caphealth_measure_t  caphealth_object_store_rows[] = {

    { NULL, CODE(STORE_REQUESTS), METRIC(COUNTER, 0, "object_store_requests",
      "Requests to an object store, by their result.") },
    { NULL, REAL(0), STORE(retries),
      METRIC(COUNTER, 0, "object_store_retries",
      "Requests to an object store that repeated one that had failed.") },
    { NULL, REAL(0), STORE(sent),
      METRIC(COUNTER, 0, "object_store_sent_bytes",
      "Size of the files that were sent to an object store.") },
    { NULL, CODE(STORE_IMAGES), METRIC(COUNTER, 0, "object_store_images",
      "Images that were put into an object store or removed from it, by their "
      "result.") },
    { NULL, CODE(STORE_SECONDS),
      METRIC(HISTOGRAM, 0, "object_store_put_duration_seconds",
      "How long it took to put an image into an object store.") },
    { NULL, REAL(0), STORE(under_way),
      METRIC(GAUGE, 0, "object_store_images_under_way",
      "Images that are being put into an object store or removed from it.") }
};


static const caphealth_measure_t  caphealth_process_rows[] = {

    { NULL, REAL(0), PROCESS(restarts),
      METRIC(COUNTER, 0, "collector_restarts",
      "Collectors that died or hung and were replaced.") },
    { NULL, CODE(NOTIFICATIONS), METRIC(COUNTER, 1, "notifications",
      "Attempts to deliver a notification, by their result.") }
};


#define OBJECT(rows, schema, path)                                           \
    { #rows, schema, path, caphealth_##rows##_rows,                          \
      caphealth_count_of(caphealth_##rows##_rows) }

const caphealth_object_t  caphealth_objects[CAPHEALTH_OBJECTS] = {
    [CAPHEALTH_STATUS] = OBJECT(status, NULL, NULL),
    [CAPHEALTH_COLLECTOR] = OBJECT(collector, NULL, NULL),
    [CAPHEALTH_SYSTEM] = OBJECT(system, "System", "system."),
    [CAPHEALTH_STALL] = OBJECT(stall, "Stall", "system.pressure.*.*."),
    [CAPHEALTH_DISK] = OBJECT(disk, "Disk", "disks[]."),
    [CAPHEALTH_DATABASE] = OBJECT(database, "Database", "database."),
    [CAPHEALTH_CAPACITY] = OBJECT(capacity, "Capacity", ""),
    [CAPHEALTH_FLEET] = OBJECT(fleet, "Nodes", ""),
    [CAPHEALTH_NODE_COUNTS] = OBJECT(node_counts, "NodeCounts", "counts."),
    [CAPHEALTH_NODE] = OBJECT(node, "Node", "nodes[]."),
    [CAPHEALTH_FLEET_BRIEF] = OBJECT(fleet_brief, "Fleet", "fleet."),
    [CAPHEALTH_VENDORS] = OBJECT(vendors, NULL, NULL),
    [CAPHEALTH_ROOT] = OBJECT(root, "ImageRoot", "roots[]."),
    [CAPHEALTH_SOURCE_TREE] = OBJECT(source_tree, "ImageSources",
                                     "sources[]."),
    [CAPHEALTH_UPLOADS] = OBJECT(upload, NULL, NULL),
    [CAPHEALTH_OBJECT_STORES] = OBJECT(object_store, NULL, NULL),
    [CAPHEALTH_PROCESSES] = OBJECT(process, NULL, NULL),
    [CAPHEALTH_IMAGES] = OBJECT(images, "ImageStorage", "image_storage."),
    [CAPHEALTH_STATISTICS] = OBJECT(statistics, "ImageStats", ""),
    [CAPHEALTH_SCAN] = OBJECT(scan, "ImageScan", "roots[].scan."),
    [CAPHEALTH_FILESYSTEM] = OBJECT(filesystem, "ImageFilesystem",
                                    "roots[].filesystem.")
};


const char *const  caphealth_threshold_keys[CAPHEALTH_THRESHOLDS] = {
    [CAPHEALTH_PRODUCTS_TOTAL] = "products_total",
    [CAPHEALTH_STORAGE_GB] = "storage_gb",
    [CAPHEALTH_DB_SIZE_MB] = "db_size_mb",
    [CAPHEALTH_DISK_PERCENT] = "disk_percent",
    [CAPHEALTH_MEMORY_PERCENT] = "memory_percent",
    [CAPHEALTH_CPU_PERCENT] = "cpu_percent"
};


static const struct {
    const char  *name;
    double       size;           /* of what the field is in */
} caphealth_units[] = {
    [CAPHEALTH_UNIT_NONE] = { NULL, 1 },
    [CAPHEALTH_UNIT_COUNT] = { "products", 1 },
    [CAPHEALTH_UNIT_BYTES] = { "bytes", 1 },
    [CAPHEALTH_UNIT_MB] = { "MiB", CAPHEALTH_MIB },
    [CAPHEALTH_UNIT_GB] = { "GiB", CAPHEALTH_GIB },
    [CAPHEALTH_UNIT_PERCENT] = { "percent", 1 },
    [CAPHEALTH_UNIT_SECONDS] = { "seconds", 1 },
    [CAPHEALTH_UNIT_FLAG] = { "flag", 1 }
};


const char *
caphealth_unit_name(caphealth_unit_e unit)
{
    return caphealth_units[unit].name;
}


double
caphealth_unit_size(caphealth_unit_e unit)
{
    return caphealth_units[unit].size;
}


double
caphealth_measure_value(const caphealth_measure_t *m, const void *object)
{
    int          flag;
    double       x;
    const void  *field = (const char *) object + m->offset;

    if (m->known != NULL && !m->known(object)) {
        return NAN;
    }

    if (m->value != NULL) {
        return m->value(object);
    }

    switch (m->type) {

    case CAPHEALTH_TYPE_COUNT:
        return caphealth_amount(*(const int64_t *) field, 1);

    case CAPHEALTH_TYPE_REAL:
    case CAPHEALTH_TYPE_NUMBER:
        x = *(const double *) field;
        break;

    case CAPHEALTH_TYPE_FLAG:
        flag = *(const int *) field;
        return flag < 0 ? (double) NAN : (double) flag;

    case CAPHEALTH_TYPE_TIME:
        x = *(const double *) field > 0 ? *(const double *) field : NAN;
        break;

    case CAPHEALTH_TYPE_REACHABLE:
        flag = caphealth_section_reachable(field);
        return flag < 0 ? (double) NAN : (double) flag;

    default:
        return NAN;
    }

    return isfinite(x) ? x : NAN;
}


const caphealth_measure_t *
caphealth_measure_by_key(const char *key)
{
    size_t                      i;
    const caphealth_object_t   *o;
    const caphealth_measure_t  *m;

    for (i = 0; i < CAPHEALTH_OBJECTS; i++) {
        o = &caphealth_objects[i];

        for (m = o->rows; m < o->rows + o->n; m++) {
            if (m->key != NULL && strcmp(m->key, key) == 0) {
                return m;
            }
        }
    }

    return NULL;
}


const caphealth_measure_t *
caphealth_threshold(caphealth_threshold_e i)
{
    return caphealth_measure_by_key(caphealth_threshold_keys[i]);
}


double
caphealth_threshold_value(caphealth_threshold_e i, const caphealth_facts_t *f)
{
    const caphealth_measure_t  *m;

    m = caphealth_threshold(i);

    return caphealth_measure_value(m, f) / caphealth_unit_size(m->unit);
}


const caphealth_section_t *
caphealth_threshold_section(caphealth_threshold_e i,
    const caphealth_facts_t *f)
{
    static const caphealth_section_t  none;

    if (i == CAPHEALTH_DISK_PERCENT) {
        return (f->ndisks == 0) ? &none : &f->disks[0].section;
    }

    return (const void *) ((const char *) f
                           + caphealth_threshold(i)->section);
}


static double
caphealth_disk_percent(const void *facts)
{
    const caphealth_facts_t  *f = facts;

    return (f->ndisks == 0) ? NAN : caphealth_disk_usage(&f->disks[0].value);
}


static double
caphealth_disk_used(const void *facts)
{
    const caphealth_facts_t  *f = facts;

    return (f->ndisks == 0) ? NAN
                            : caphealth_amount(f->disks[0].value.used, 1);
}


static double
caphealth_disk_total(const void *facts)
{
    const caphealth_facts_t  *f = facts;

    return (f->ndisks == 0) ? NAN
                            : caphealth_amount(f->disks[0].value.total, 1);
}


static double
caphealth_memory_percent(const void *facts)
{
    const caphealth_system_t  *s;

    s = &((const caphealth_facts_t *) facts)->system.value;

    return caphealth_share(s->memory_used, s->memory_total);
}


static double
caphealth_swap_percent(const void *facts)
{
    const caphealth_system_t  *s;

    s = &((const caphealth_facts_t *) facts)->system.value;

    return caphealth_share(s->swap_used, s->swap_total);
}


static double
caphealth_filesystem_percent(const void *disk)
{
    return caphealth_disk_usage(
               &((const caphealth_disk_facts_t *) disk)->value);
}


static double
caphealth_inodes_percent(const void *disk)
{
    return caphealth_disk_inodes(
               &((const caphealth_disk_facts_t *) disk)->value);
}


static double
caphealth_root_live(const void *root)
{
    return strcmp(((const caphealth_root_t *) root)->source, "live") == 0;
}


static double
caphealth_root_left(const void *root)
{
    return caphealth_amount(caphealth_images_left(root), 1);
}


static int
caphealth_root_known(const void *root)
{
    return ((const caphealth_root_t *) root)->source != NULL;
}


static int
caphealth_root_scanned(const void *root)
{
    return ((const caphealth_root_t *) root)->scanned_at > 0;
}


static int
caphealth_root_scanning(const void *root)
{
    return ((const caphealth_root_t *) root)->scanning_since > 0;
}
