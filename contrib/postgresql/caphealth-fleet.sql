-- The fleet's database: what the nodes of caphealth_fleet share.
--
--     psql -f caphealth-fleet.sql postgresql://OWNER@HOST/DATABASE
--     psql -v role=NAME -f caphealth-fleet.sql ...
--
-- creates the schema "caphealth", or upgrades an older one and keeps its data.
-- Run it as the role that will own the schema, in a separate database or in an
-- existing one.  The nodes connect as another role, "caphealth" or NAME, which
-- must exist and gets only the privilege to call the functions below:
--
--     CREATE ROLE caphealth LOGIN PASSWORD '...';
--     ALTER ROLE caphealth SET statement_timeout = '10s';
--     ALTER ROLE caphealth SET tcp_user_timeout = '20s';
--
-- If a node loses its connection during a statement, its row, and the lease if it
-- holds it, stay locked until these timeouts end the session.
--
-- To remove a node, run
--
--     SELECT caphealth.retire('its name');
--
-- Nodes that have been silent for 30 days are removed automatically.

\set ON_ERROR_STOP on

\if :{?role}
\else
    \set role caphealth
\endif

BEGIN;

SET LOCAL client_min_messages = warning;

-- IF NOT EXISTS asks for the right to create schemas where there is one, too

SELECT to_regnamespace('caphealth') IS NULL AS missing \gset

\if :missing
CREATE SCHEMA caphealth;
\endif

REVOKE ALL ON SCHEMA caphealth FROM PUBLIC;

-- version: of this file.  oldest: the oldest version that its nodes may have.

CREATE TABLE IF NOT EXISTS caphealth.schema (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    version  integer NOT NULL,
    oldest   integer NOT NULL
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM caphealth.schema WHERE version > 2) THEN
        RAISE EXCEPTION 'the schema "caphealth" has a newer version than '
                        'this file: run the file of the newest caphealth';
    END IF;
END
$$;

INSERT INTO caphealth.schema (version, oldest) VALUES (2, 1)
    ON CONFLICT (one) DO UPDATE SET version = 2, oldest = 1;

-- One row for each node.  All times are those of this server's clock, except for
-- the node's own in its report.  Columns that each report changes have no index,
-- so that an update stays within its page.

CREATE TABLE IF NOT EXISTS caphealth.nodes (
    name           text PRIMARY KEY
                   CHECK (name ~ '^[A-Za-z0-9._-]{1,63}$'),
    instance       text NOT NULL,      -- tells two processes of a name apart
    started        timestamptz NOT NULL,   -- when the instance was first seen
    reported       timestamptz NOT NULL,
    seconds        double precision NOT NULL,  -- between two reports
    version        text NOT NULL,      -- of caphealth
    state          text NOT NULL,      -- healthy, degraded, critical, unknown
    cause          text NOT NULL,      -- why it is not healthy, or ''
    clock_offset   double precision,   -- seconds that its clock is ahead
    shop           boolean NOT NULL,   -- it can ask the shop's database
    report         jsonb NOT NULL,     -- its measures
    rival          text,               -- another instance of the same name,
    rival_since    timestamptz,        -- which was first
    rival_at       timestamptz         -- and last seen
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 1000);

-- The schema that the node knows; those of version 1 do not report the changes of
-- object stores.

ALTER TABLE caphealth.nodes
    ADD COLUMN IF NOT EXISTS schema integer NOT NULL DEFAULT 1;

-- settings is a digest of caphealth_database and caphealth_query.  process is the
-- host and the pid of nginx's master process, follows that of the master process
-- that has started this one, for a binary upgrade.

ALTER TABLE caphealth.nodes
    ADD COLUMN IF NOT EXISTS settings text,
    ADD COLUMN IF NOT EXISTS process text,
    ADD COLUMN IF NOT EXISTS follows text,
    ADD COLUMN IF NOT EXISTS rival_upgrade boolean;  -- it is the same node

-- The node that queries the shop's database and sends notifications.

CREATE TABLE IF NOT EXISTS caphealth.lease (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    node      text NOT NULL,
    instance  text NOT NULL,
    expires   timestamptz NOT NULL,
    told      jsonb                    -- the status in the last notification
) WITH (fillfactor = 10);

-- Whether the holder can query the shop's database, and which node is to try it if
-- the holder cannot.

ALTER TABLE caphealth.lease
    ADD COLUMN IF NOT EXISTS failed integer NOT NULL DEFAULT 0,  -- attempts of the
                                       -- holder since the last that has not failed
    ADD COLUMN IF NOT EXISTS prober text,      -- an instance
    ADD COLUMN IF NOT EXISTS probe_until timestamptz NOT NULL DEFAULT '-infinity';

-- The last facts that the holder of the lease read from the shop's database, and
-- the result of its last attempt.

CREATE TABLE IF NOT EXISTS caphealth.shop (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    facts_id      text,                -- another one with other facts
    facts_node    text,                -- that has asked
    collected     timestamptz,
    facts         json,
    attempt_id    text NOT NULL,
    attempted     timestamptz NOT NULL,
    attempt       json NOT NULL
) WITH (fillfactor = 50);

-- The list of the nodes that is sent to each of them.  It is made only when the
-- last one is too old, because with a thousand nodes this is most of the work.
-- It can be made again, so the table is not in the write-ahead log.

CREATE UNLOGGED TABLE IF NOT EXISTS caphealth.overview (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    at        timestamptz NOT NULL,
    total     bigint NOT NULL,         -- nodes, of which the list may have less
    nodes     json                     -- their ages are of the time "at"
) WITH (fillfactor = 10);

ALTER TABLE caphealth.overview ALTER COLUMN nodes SET STORAGE EXTERNAL;

-- The images in object stores, in slices as on a disk, "ab/", and one more, 256, for
-- what is beside them.  Each node reports how its own uploads and deletions have
-- changed a slice, and the lister, one node for each store, what a listing has found
-- in it.  Times in double precision are seconds since the epoch by this server's
-- clock, as the node estimates them.

CREATE TABLE IF NOT EXISTS caphealth.stores (
    name          text PRIMARY KEY,    -- with the endpoint
    version       bigint NOT NULL DEFAULT 0,   -- the newest of its slices
    lister        text NOT NULL DEFAULT '',    -- an instance
    lister_until  timestamptz NOT NULL DEFAULT '-infinity',
    pass          bigint NOT NULL DEFAULT 0,   -- over all slices, the last one
    pass_began    timestamptz,         -- NULL: none is under way
    pass_files    bigint NOT NULL DEFAULT 0,   -- the drift that it has found
    pass_bytes    bigint NOT NULL DEFAULT 0,
    scanned       timestamptz,         -- the last pass ended; NULL: none has
    scan_began    timestamptz,
    drift_files   bigint NOT NULL DEFAULT 0,   -- that it has found
    drift_bytes   bigint NOT NULL DEFAULT 0,
    removed       bigint NOT NULL DEFAULT 0,   -- leftovers, by listings
    removed_bytes bigint NOT NULL DEFAULT 0,
    counted       text NOT NULL DEFAULT '',    -- of which variants is counted how
                                               -- many images lack them
    lost          timestamptz NOT NULL DEFAULT '-infinity',
                                       -- changes may have been lost
    trusted       boolean NOT NULL DEFAULT false,  -- the counts are complete
    todo          text                 -- a digit for each slice, 1: it is to be
                                       -- listed; NULL: none is
) WITH (fillfactor = 10);

CREATE TABLE IF NOT EXISTS caphealth.store_slices (
    store         text NOT NULL,
    slice         integer NOT NULL,
    version       bigint NOT NULL DEFAULT 0,
    pass          bigint NOT NULL DEFAULT 0,   -- that has listed it; 0: it is to
                                               -- be listed soon
    listed_from   double precision NOT NULL DEFAULT '-infinity',
    listed_until  double precision NOT NULL DEFAULT '-infinity',
    changed       double precision NOT NULL DEFAULT '-infinity',   -- last
    files         bigint NOT NULL DEFAULT 0,
    bytes         bigint NOT NULL DEFAULT 0,
    complete      bigint NOT NULL DEFAULT 0,
    incomplete    bigint NOT NULL DEFAULT 0,
    strays        bigint NOT NULL DEFAULT 0,
    stray_bytes   bigint NOT NULL DEFAULT 0,
    leaf          integer NOT NULL DEFAULT 0,  -- the fullest at the last listing
    leaf_files    bigint NOT NULL DEFAULT 0,
    missing       bigint[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (store, slice)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 1000);

-- Listings until it is known whether they are exact.  A listing is exact if nobody
-- has changed the slice meanwhile, which is known when each node has reported its
-- changes up to the end of the listing.  What is reported later is added to it.

CREATE TABLE IF NOT EXISTS caphealth.store_listings (
    store         text NOT NULL,
    slice         integer NOT NULL,
    listed_from   double precision NOT NULL,
    listed_until  double precision NOT NULL,
    tries         integer NOT NULL,
    overlapped    boolean NOT NULL,    -- it was changed meanwhile
    files         bigint NOT NULL,
    bytes         bigint NOT NULL,
    complete      bigint NOT NULL,
    incomplete    bigint NOT NULL,
    strays        bigint NOT NULL,
    stray_bytes   bigint NOT NULL,
    leaf          integer NOT NULL,
    leaf_files    bigint NOT NULL,
    removed       bigint NOT NULL,
    removed_bytes bigint NOT NULL,
    missing       bigint[] NOT NULL,
    PRIMARY KEY (store, slice)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- What each instance of a node has reported.

CREATE TABLE IF NOT EXISTS caphealth.store_nodes (
    store         text NOT NULL,
    instance      text NOT NULL,
    node          text NOT NULL,
    sequence      bigint NOT NULL,     -- of the changes stored last
    complete_to   double precision NOT NULL,   -- it has reported all until then
    reported      timestamptz NOT NULL,
    seconds       double precision NOT NULL,   -- between two reports
    lost          boolean NOT NULL DEFAULT false,  -- silent, or ended: not waited for
    PRIMARY KEY (store, instance)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 1000);

-- The part of refresh() for one object store.
--
-- a_store: name, sequence, acknowledged (the newest that the node knows to be
-- stored), version (the newest of the slices that it has), complete_to, scan
-- (seconds between two passes; 0: only the first), counted, slices: [[slice, files,
-- bytes, complete, leaf, files in it, first change, last change, 1: it may be
-- wrong], ...], listings: [[slice, from, until, files, bytes, complete, incomplete,
-- strays, their bytes, leaf, files in it, removed, their bytes, [missing]], ...].
--
-- With ended, the instance has ended, and these are its last changes: it is not
-- waited for any more, and no changes are lost.  A refresh of it that began before,
-- and arrives after that, does not change this.
--
-- Changes with a sequence that is stored already are not added again.  The row of
-- the store is locked while slices are changed, so that a node that has read a
-- version has read all before it.  Versions are taken from the clock: after a failover,
-- or with a restored dump, a counter would use numbers again that some nodes have seen
-- already, and these nodes would miss the changes under these numbers.

CREATE OR REPLACE FUNCTION caphealth.count_images(a_store jsonb, a_node text,
    a_instance text, a_seconds double precision, a_now timestamptz,
    a_owner boolean, a_holder boolean)
RETURNS json
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = 'force_generic_plan'
AS $$
DECLARE
    v_name    constant text := left(a_store->>'name', 1024);
    v_number  constant bigint := (a_store->>'sequence')::bigint;
    v_store   caphealth.stores%ROWTYPE;
    v_node    caphealth.store_nodes%ROWTYPE;
    v_slice   caphealth.store_slices%ROWTYPE;
    v_new     boolean;
    v_lister  boolean := false;
    v_adds    boolean;
    v_known   bigint := (a_store->>'version')::bigint;
    v_next    constant bigint := (extract(epoch FROM a_now) * 1000000)::bigint;
    v_ready   double precision;
    v_old     boolean := false;
    v_rows    json;
    c         record;
BEGIN
    SELECT * INTO v_store FROM caphealth.stores s WHERE s.name = v_name;

    IF NOT FOUND THEN
        INSERT INTO caphealth.stores (name) VALUES (v_name)
            ON CONFLICT DO NOTHING;
        INSERT INTO caphealth.store_slices (store, slice)
            SELECT v_name, i FROM generate_series(0, 256) i
            ON CONFLICT DO NOTHING;
    END IF;

    INSERT INTO caphealth.store_nodes (store, instance, node, sequence,
                                       complete_to, reported, seconds)
        SELECT v_name, a_instance, a_node, 0, '-infinity', a_now, a_seconds
         WHERE NOT EXISTS (SELECT FROM caphealth.store_nodes n
                            WHERE n.store = v_name
                              AND n.instance = a_instance)
        ON CONFLICT DO NOTHING;

    SELECT * INTO STRICT v_node FROM caphealth.store_nodes n
        WHERE n.store = v_name AND n.instance = a_instance FOR NO KEY UPDATE;

    v_new := v_number > v_node.sequence;
    v_lister := a_owner AND (a_holder OR v_store.lister = a_instance
                             OR coalesce(v_store.lister_until <= a_now, true));

    IF v_lister OR v_node.sequence < (a_store->>'acknowledged')::bigint
       OR (v_new AND jsonb_array_length(a_store->'slices') > 0)
       OR jsonb_array_length(a_store->'listings') > 0
    THEN
        SELECT * INTO STRICT v_store FROM caphealth.stores s
            WHERE s.name = v_name FOR NO KEY UPDATE;

        -- another node may have become the lister meanwhile

        v_lister := a_owner AND (a_holder OR v_store.lister = a_instance
                                 OR v_store.lister_until <= a_now);

        -- a failover has lost changes that this node knows to be stored

        IF v_node.sequence < (a_store->>'acknowledged')::bigint THEN
            v_store.lost := a_now;
        END IF;

        -- the node's changes

        FOR c IN
            SELECT (e->>0)::integer AS slice, (e->>1)::bigint AS files,
                   (e->>2)::bigint AS bytes, (e->>3)::bigint AS complete,
                   (e->>4)::integer AS leaf, (e->>5)::bigint AS leaf_files,
                   (e->>6)::double precision AS first,
                   least((e->>7)::double precision,
                         extract(epoch FROM a_now)::double precision) AS last,
                   (e->>8)::integer = 1 AS doubtful
              FROM jsonb_array_elements(a_store->'slices') e WHERE v_new
        LOOP
            SELECT * INTO STRICT v_slice FROM caphealth.store_slices s
                WHERE s.store = v_name AND s.slice = c.slice;

            -- What was changed before the listing has been counted by it.  One in
            -- the future is of before the server's clock was set back: the slice
            -- is listed again.

            v_adds := c.last >= v_slice.listed_from
                      OR v_slice.listed_from
                         > extract(epoch FROM a_now)::double precision + 10;

            IF c.files <> 0 OR c.bytes <> 0 OR c.complete <> 0 THEN
                v_store.version := greatest(v_store.version + 1, v_next);
                v_slice.version := v_store.version;
            END IF;

            UPDATE caphealth.store_slices s
                SET version = v_slice.version,
                    pass = CASE WHEN c.doubtful OR (v_adds AND c.first
                                                   <= s.listed_until)
                           THEN 0 ELSE s.pass END,
                    changed = greatest(s.changed, c.last),
                    files = s.files + CASE WHEN v_adds THEN c.files ELSE 0 END,
                    bytes = s.bytes + CASE WHEN v_adds THEN c.bytes ELSE 0 END,
                    complete = s.complete + CASE WHEN v_adds THEN c.complete
                                            ELSE 0 END,
                    leaf_files = s.leaf_files + CASE WHEN v_adds
                                                          AND c.leaf = s.leaf
                                                THEN c.leaf_files ELSE 0 END
                WHERE s.store = v_name AND s.slice = c.slice;

            UPDATE caphealth.store_listings l
                SET overlapped = l.overlapped OR c.doubtful
                                 OR c.first <= l.listed_until,
                    files = l.files + c.files,
                    bytes = l.bytes + c.bytes,
                    complete = l.complete + c.complete,
                    leaf_files = l.leaf_files + CASE WHEN c.leaf = l.leaf
                                                THEN c.leaf_files ELSE 0 END
                WHERE l.store = v_name AND l.slice = c.slice
                  AND c.last >= l.listed_from;
        END LOOP;

        -- A collector whose connection was closed sends the same request again:
        -- a listing that is stored already would count what it has removed twice.

        INSERT INTO caphealth.store_listings AS o
            SELECT v_name, s.slice, l.listed_from, (e->>2)::double precision, 1,
                   s.changed >= l.listed_from,
                   (e->>3)::bigint, (e->>4)::bigint, (e->>5)::bigint,
                   (e->>6)::bigint, (e->>7)::bigint, (e->>8)::bigint,
                   (e->>9)::integer, (e->>10)::bigint, (e->>11)::bigint,
                   (e->>12)::bigint,
                   ARRAY(SELECT jsonb_array_elements_text(e->13)::bigint)
              FROM jsonb_array_elements(a_store->'listings') e
             CROSS JOIN LATERAL (SELECT (e->>1)::double precision
                                        AS listed_from) l
              JOIN caphealth.store_slices s
                   ON s.store = v_name AND s.slice = (e->>0)::integer
                      AND s.listed_from <> l.listed_from
            ON CONFLICT (store, slice) DO UPDATE
                SET listed_from = excluded.listed_from,
                    listed_until = excluded.listed_until,
                    tries = o.tries + 1,
                    overlapped = excluded.overlapped,
                    files = excluded.files, bytes = excluded.bytes,
                    complete = excluded.complete,
                    incomplete = excluded.incomplete,
                    strays = excluded.strays,
                    stray_bytes = excluded.stray_bytes,
                    leaf = excluded.leaf, leaf_files = excluded.leaf_files,
                    removed = o.removed + excluded.removed,
                    removed_bytes = o.removed_bytes + excluded.removed_bytes,
                    missing = excluded.missing
                WHERE o.listed_from <> excluded.listed_from;
    END IF;

    UPDATE caphealth.store_nodes n
        SET node = a_node, reported = a_now, seconds = a_seconds,
            lost = a_store ? 'ended' OR (n.lost AND n.reported > a_now
                       AND n.reported < a_now + make_interval(secs => a_seconds)),
            sequence = greatest(n.sequence, v_number),
            complete_to = greatest(n.complete_to,
                              (a_store->>'complete_to')::double precision)
        WHERE n.store = v_name AND n.instance = a_instance;

    v_node.sequence := greatest(v_node.sequence, v_number);

    IF v_lister THEN
        v_store.lister := a_instance;
        v_store.lister_until := a_now + make_interval(secs => 3 * a_seconds);

        -- Nodes that are silent.  Their last changes are unknown; only a pass
        -- finds them.  Their rows may be locked, if they are about to return.

        UPDATE caphealth.store_nodes n SET lost = true
            WHERE (n.store, n.instance) IN (
                SELECT o.store, o.instance FROM caphealth.store_nodes o
                 WHERE o.store = v_name AND NOT o.lost
                   AND o.reported < a_now - make_interval(secs => 3 * o.seconds)
                   FOR UPDATE SKIP LOCKED);

        IF FOUND THEN
            v_store.lost := a_now;
        END IF;

        -- Nodes of version 1 do not report their changes.  Only a pass that begins
        -- when they are upgraded, or gone, finds them.

        v_old := EXISTS (SELECT FROM caphealth.nodes n
                          WHERE n.schema < 2 AND n.reported
                                > a_now - make_interval(secs => 3 * n.seconds));

        IF v_old THEN
            v_store.lost := a_now;
        END IF;

        DELETE FROM caphealth.store_nodes n
            WHERE (n.store, n.instance) IN (
                SELECT o.store, o.instance FROM caphealth.store_nodes o
                 WHERE o.store = v_name AND o.lost
                   AND o.reported < a_now - interval '30 days'
                   FOR UPDATE SKIP LOCKED);

        -- Listings that are exact, or of a slice that is changed all the time.

        SELECT min(n.complete_to) INTO v_ready FROM caphealth.store_nodes n
            WHERE n.store = v_name AND NOT n.lost;

        FOR c IN
            SELECT l.*, s.files AS old_files, s.bytes AS old_bytes
              FROM caphealth.store_listings l
              JOIN caphealth.store_slices s USING (store, slice)
             WHERE l.store = v_name AND l.listed_until < v_ready
               AND (NOT l.overlapped OR l.tries >= 4)
        LOOP
            v_store.version := greatest(v_store.version + 1, v_next);

            IF v_store.scanned IS NOT NULL THEN
                v_store.pass_files := v_store.pass_files
                    + abs(c.files + c.removed - c.old_files);
                v_store.pass_bytes := v_store.pass_bytes
                    + abs(c.bytes + c.removed_bytes - c.old_bytes);
            END IF;

            v_store.removed := v_store.removed + c.removed;
            v_store.removed_bytes := v_store.removed_bytes + c.removed_bytes;

            UPDATE caphealth.store_slices s
                SET version = v_store.version, pass = v_store.pass,
                    listed_from = c.listed_from, listed_until = c.listed_until,
                    files = c.files, bytes = c.bytes, complete = c.complete,
                    incomplete = c.incomplete, strays = c.strays,
                    stray_bytes = c.stray_bytes, leaf = c.leaf,
                    leaf_files = c.leaf_files, missing = c.missing
                WHERE s.store = v_name AND s.slice = c.slice;

            DELETE FROM caphealth.store_listings l
                WHERE l.store = v_name AND l.slice = c.slice;
        END LOOP;

        IF v_store.pass_began IS NOT NULL
           AND NOT EXISTS (SELECT FROM caphealth.store_slices s
                            WHERE s.store = v_name AND s.pass <> v_store.pass)
        THEN
            v_store.scanned := a_now;
            v_store.scan_began := v_store.pass_began;
            v_store.pass_began := NULL;
            v_store.drift_files := v_store.pass_files;
            v_store.drift_bytes := v_store.pass_bytes;
        END IF;

        -- A pass after a loss begins soon, but a node that is lost again and
        -- again does not cause one pass after another.

        IF v_store.pass_began IS NULL
           AND (v_store.scanned IS NULL
                OR v_store.counted <> coalesce(a_store->>'counted', '')
                OR (v_store.lost >= v_store.scan_began AND NOT v_old
                    AND a_now - v_store.scanned
                        >= 4 * (v_store.scanned - v_store.scan_began))
                OR ((a_store->>'scan')::double precision > 0
                    AND a_now - v_store.scanned >= make_interval(
                            secs => (a_store->>'scan')::double precision)))
        THEN
            v_store.pass := v_store.pass + 1;
            v_store.pass_began := a_now;
            v_store.pass_files := 0;
            v_store.pass_bytes := 0;
            v_store.counted := coalesce(a_store->>'counted', '');

            DELETE FROM caphealth.store_listings l WHERE l.store = v_name;
        END IF;

        v_store.trusted := v_store.scanned IS NOT NULL
            AND v_store.scan_began > v_store.lost;

        SELECT nullif(string_agg(
                   CASE WHEN s.pass <> v_store.pass
                             AND (l.slice IS NULL
                                  OR (l.overlapped AND l.tries < 4))
                        THEN '1' ELSE '0' END, '' ORDER BY s.slice),
                   repeat('0', 257))
            INTO v_store.todo
            FROM caphealth.store_slices s
            LEFT JOIN caphealth.store_listings l USING (store, slice)
            WHERE s.store = v_name;
    END IF;

    IF v_store.name IS NOT NULL AND (v_lister OR v_store.lost = a_now
       OR v_store.version > (SELECT s.version FROM caphealth.stores s
                              WHERE s.name = v_name))
    THEN
        UPDATE caphealth.stores s
            SET version = v_store.version, lister = v_store.lister,
                lister_until = v_store.lister_until, pass = v_store.pass,
                pass_began = v_store.pass_began,
                pass_files = v_store.pass_files,
                pass_bytes = v_store.pass_bytes, scanned = v_store.scanned,
                scan_began = v_store.scan_began,
                drift_files = v_store.drift_files,
                drift_bytes = v_store.drift_bytes, removed = v_store.removed,
                removed_bytes = v_store.removed_bytes,
                counted = v_store.counted, lost = v_store.lost,
                trusted = v_store.trusted AND v_store.lost < v_store.scan_began,
                todo = v_store.todo
            WHERE s.name = v_name;
    END IF;

    SELECT * INTO STRICT v_store FROM caphealth.stores s WHERE s.name = v_name;

    -- before the first pass has ended nothing is known

    IF v_store.scanned IS NOT NULL AND v_store.version <> v_known THEN
        IF v_known > v_store.version THEN
            v_known := 0;
        END IF;

        SELECT json_agg(json_build_array(s.slice, s.files, s.bytes, s.complete,
                   s.incomplete, s.strays, s.stray_bytes, s.leaf, s.leaf_files,
                   s.missing)), coalesce(max(s.version), v_store.version)
            INTO v_rows, v_store.version
            FROM caphealth.store_slices s
            WHERE s.store = v_name AND (s.version > v_known OR v_known = 0);
    END IF;

    RETURN json_build_object(
        'name', v_name,
        'sequence', v_node.sequence,
        'version', CASE WHEN v_store.scanned IS NULL THEN 0
                   ELSE v_store.version END,
        'rows', v_rows,
        'trusted', v_store.trusted,
        'lister', v_lister,
        'todo', v_store.todo,
        'pass', v_store.pass,
        'counted', v_store.counted,
        'pass_age', extract(epoch FROM greatest(a_now, v_store.pass_began)
                                       - v_store.pass_began),
        'scan_age', extract(epoch FROM greatest(a_now, v_store.scanned)
                                       - v_store.scanned),
        'scan_seconds', extract(epoch FROM v_store.scanned - v_store.scan_began),
        'drift_files', v_store.drift_files,
        'drift_bytes', v_store.drift_bytes,
        'removed', v_store.removed,
        'removed_bytes', v_store.removed_bytes);
END
$$;

-- When the clock of this server was set back, times that were stored before are in
-- the future.  They are set to now; otherwise a lease would not expire, a dead node
-- would not be silent, and no pass over a store would begin, until the clock is there
-- again.  Rows that another session has locked are corrected by it, or by the next
-- node.

CREATE OR REPLACE FUNCTION caphealth.clock_was_set_back(a_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_least  constant timestamptz := a_now + interval '10 seconds';
BEGIN
    UPDATE caphealth.nodes n
        SET reported = a_now,
            rival = CASE WHEN n.rival_at < a_now THEN n.rival END,
            rival_at = CASE WHEN n.rival_at < a_now THEN n.rival_at END
        WHERE n.name IN (SELECT o.name FROM caphealth.nodes o
                          WHERE o.reported > v_least
                            FOR NO KEY UPDATE SKIP LOCKED);

    -- the lease is valid for three intervals of its holder

    UPDATE caphealth.lease l
        SET expires = a_now + make_interval(secs => coalesce(
                          (SELECT 3 * n.seconds FROM caphealth.nodes n
                            WHERE n.instance = l.instance), 0)),
            probe_until = least(l.probe_until, a_now)
        WHERE l.one IN (SELECT o.one FROM caphealth.lease o
                         WHERE o.expires > v_least
                           FOR NO KEY UPDATE SKIP LOCKED);

    UPDATE caphealth.shop s
        SET attempted = a_now,
            collected = CASE WHEN s.collected > a_now THEN a_now
                        ELSE s.collected END
        WHERE s.one IN (SELECT o.one FROM caphealth.shop o
                         WHERE o.attempted > v_least
                           FOR NO KEY UPDATE SKIP LOCKED);

    -- which changes the last pass contains is not known any more, so another pass
    -- follows it

    UPDATE caphealth.stores s
        SET lister_until = least(s.lister_until, a_now), pass_began = NULL,
            scanned = CASE WHEN s.scanned IS NOT NULL THEN a_now END,
            scan_began = CASE WHEN s.scanned IS NOT NULL THEN a_now END,
            lost = a_now
        WHERE s.name IN (SELECT o.name FROM caphealth.stores o
                          WHERE greatest(o.lister_until, o.pass_began, o.scanned)
                                > v_least
                            FOR NO KEY UPDATE SKIP LOCKED);

    UPDATE caphealth.store_nodes n SET reported = a_now
        WHERE (n.store, n.instance) IN (
            SELECT o.store, o.instance FROM caphealth.store_nodes o
             WHERE o.reported > v_least FOR NO KEY UPDATE SKIP LOCKED);
END
$$;

-- refresh() does everything that a node needs at a refresh, in one round trip: it
-- writes the node's report, takes or renews the lease if this is possible, stores
-- the facts of the shop if the node holds the lease, and returns the data of the
-- others.
--
-- request: schema, node, instance, seconds, version, state, cause, clock,
-- shop, report, the id of the shop's facts that it has (facts_id), and of one
-- that sends notifications the status that it told last (told), and for each
-- object store what count_images() needs (stores).  Nodes of version 2 add settings,
-- process, follows, and if they can query the shop's database their interval for it
-- (looks).
-- looked: age, failed, error, facts; or NULL, it has not queried the shop.
--
-- Rows are always found by their keys, so a generic plan is enough: a session
-- plans each statement once, and not again in each of its first five calls, which
-- take a minute.
--
-- A node that takes the lease holds it for three of its intervals.  Rows are
-- locked only while this statement is running; if another node has locked the
-- row of the lease, the function does not wait for it.
--
-- When three attempts of the holder to query the shop have failed, one other node at
-- a time is asked to try it (probe), and gets the lease if it succeeds.  So the lease
-- does not move while no node can query the shop.

CREATE OR REPLACE FUNCTION caphealth.refresh(request jsonb, looked json)
RETURNS TABLE (fleet json, shop json, nodes json)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET plan_cache_mode = 'force_generic_plan'
AS $$
DECLARE
    t          constant timestamptz := clock_timestamp();
    me         constant text := request->>'node';
    mine       constant text := request->>'instance';
    every      constant double precision :=
                   least(greatest((request->>'seconds')::float8, 0.1), 86400);
    late       constant timestamptz := t - make_interval(secs => 3 * every);
    can_ask    constant boolean := coalesce((request->>'shop')::boolean, false);
    known      caphealth.schema%ROWTYPE;
    node       caphealth.nodes%ROWTYPE;
    lease      caphealth.lease%ROWTYPE;
    seen       caphealth.shop%ROWTYPE;
    owner      boolean := true;
    doubled    boolean := false;
    holder     boolean := false;
    stored     boolean := false;
    overview   caphealth.overview%ROWTYPE;
    arrived    boolean;
    missed     constant boolean :=
                   coalesce((looked->>'failed')::boolean, false);
    looks      constant interval := make_interval(secs => 3 * every
                   + least(greatest((request->>'looks')::float8, 0), 86400));
    upgrade    boolean := false;
    takes      boolean := false;
    probe      boolean := false;
    reference  text;
    stores     json[];
    store      jsonb;
BEGIN
    SELECT * INTO known FROM caphealth.schema;

    IF NOT FOUND OR (request->>'schema')::integer < known.oldest
       OR (request->>'schema')::integer > known.version
    THEN
        fleet := json_build_object('schema', coalesce(known.version, 0),
                                   'oldest', coalesce(known.oldest, 0));
        RETURN NEXT;
        RETURN;
    END IF;

    -- the node's row

    INSERT INTO caphealth.nodes AS n (name, instance, started, reported,
            seconds, version, state, cause, shop, report)
        VALUES (me, mine, t, t, every, '', 'none', '', can_ask, '{}')
        ON CONFLICT (name) DO NOTHING;

    arrived := FOUND;

    SELECT * INTO STRICT node FROM caphealth.nodes n WHERE n.name = me
        FOR NO KEY UPDATE;

    -- a node that is new has stored no time before, so those of all nodes are read

    IF node.reported > t + interval '10 seconds'
       OR (arrived AND EXISTS (SELECT FROM caphealth.nodes n
                                WHERE n.reported > t + interval '10 seconds'))
    THEN
        PERFORM caphealth.clock_was_set_back(t);

        SELECT * INTO STRICT node FROM caphealth.nodes n WHERE n.name = me;
    END IF;

    arrived := arrived OR node.reported <= late;

    -- If two running processes have the same name, the older one keeps the row.
    -- A restarted process is another instance, too: it gets the row when the one
    -- before has not reported for one and a half of its intervals since.

    -- In a binary upgrade of nginx, the process before is the parent of this one,
    -- or its child if the upgrade is undone.  They are one node.

    IF node.instance <> mine AND node.reported > late THEN
        upgrade := coalesce(request->>'follows' = node.process
                            OR node.follows = request->>'process', false);

        IF upgrade THEN
            node.rival := mine;
            node.rival_since := t;
            owner := t >= node.reported
                          + make_interval(secs => 1.5 * node.seconds);

        ELSIF node.rival IS DISTINCT FROM mine OR node.rival_at < late THEN
            doubled := node.rival_at >= late;
            node.rival := mine;
            node.rival_since := t;

        ELSE
            doubled := node.reported > node.rival_since;
        END IF;

        IF NOT upgrade
           AND (doubled OR t < node.rival_since
                               + make_interval(secs => 1.5 * node.seconds))
        THEN
            owner := false;
        END IF;

        IF NOT owner THEN
            UPDATE caphealth.nodes n
                SET rival = node.rival, rival_since = node.rival_since,
                    rival_at = t, rival_upgrade = upgrade
                WHERE n.name = me;
        END IF;
    END IF;

    IF owner THEN
        doubled := node.instance = mine AND node.rival <> mine
                   AND node.rival_at >= late
                   AND NOT coalesce(node.rival_upgrade, false);

        UPDATE caphealth.nodes n
            SET instance = mine,
                started = CASE WHEN node.instance = mine THEN node.started
                               ELSE t END,
                reported = t,
                seconds = every,
                version = left(coalesce(request->>'version', ''), 15),
                state = left(coalesce(request->>'state', 'none'), 15),
                cause = left(coalesce(request->>'cause', ''), 255),
                clock_offset = (request->>'clock')::double precision
                               - extract(epoch FROM t)::double precision,
                shop = can_ask,
                schema = (request->>'schema')::integer,
                report = coalesce(request->'report', '{}'),
                settings = left(request->>'settings', 64),
                process = left(request->>'process', 300),
                follows = left(request->>'follows', 300),
                rival = CASE WHEN doubled THEN node.rival END,
                rival_since = CASE WHEN doubled THEN node.rival_since END,
                rival_at = CASE WHEN doubled THEN node.rival_at END
            WHERE n.name = me;
    END IF;

    doubled := coalesce(doubled, false);

    -- The lease.  A node without the shop's database holds it only if no node
    -- has one.

    SELECT * INTO lease FROM caphealth.lease;

    IF NOT FOUND AND owner THEN
        INSERT INTO caphealth.lease (node, instance, expires)
            VALUES (me, mine, '-infinity') ON CONFLICT (one) DO NOTHING;

        SELECT * INTO lease FROM caphealth.lease;
    END IF;

    IF owner AND can_ask AND lease.instance <> mine AND lease.failed >= 3
       AND lease.expires > t
    THEN
        takes := lease.prober = mine AND looked IS NOT NULL AND NOT missed;

        IF NOT takes AND request ? 'looks'
           AND t > lease.probe_until + (CASE WHEN lease.prober = mine
                                        THEN looks ELSE '0' END)
        THEN
            PERFORM FROM caphealth.lease l
                WHERE l.probe_until = lease.probe_until
                FOR NO KEY UPDATE SKIP LOCKED;

            IF FOUND THEN
                UPDATE caphealth.lease SET prober = mine,
                                           probe_until = t + looks;
                probe := true;
            END IF;
        END IF;
    END IF;

    IF owner AND (lease.instance = mine OR lease.expires <= t OR takes
                  OR (upgrade AND lease.instance = node.instance))
    THEN
        IF can_ask OR NOT EXISTS (SELECT FROM caphealth.nodes n
                                  WHERE n.shop AND n.reported > late)
        THEN
            PERFORM FROM caphealth.lease l
                WHERE l.instance = lease.instance OR l.expires <= t
                FOR NO KEY UPDATE SKIP LOCKED;

            IF FOUND THEN
                UPDATE caphealth.lease AS l
                    SET node = me, instance = mine,
                        expires = t + make_interval(secs => 3 * every),
                        told = coalesce(request->'told', l.told),
                        failed = CASE WHEN l.instance = mine
                                           AND (missed OR looked IS NULL)
                                 THEN l.failed ELSE 0 END
                                 + CASE WHEN missed THEN 1 ELSE 0 END
                    RETURNING * INTO lease;

                holder := true;
            END IF;

        ELSIF lease.instance = mine AND lease.expires > t THEN
            UPDATE caphealth.lease SET expires = t RETURNING * INTO lease;
        END IF;
    END IF;

    -- the shop

    IF holder AND looked IS NOT NULL THEN
        INSERT INTO caphealth.shop AS s (facts_id, facts_node, collected,
                facts, attempt_id, attempted, attempt)
            SELECT CASE WHEN l.facts IS NOT NULL THEN l.id END,
                   CASE WHEN l.facts IS NOT NULL THEN me END,
                   CASE WHEN l.facts IS NOT NULL THEN l.at END,
                   l.facts, l.id, l.at,
                   json_build_object('node', me,
                                     'failed', looked->'failed',
                                     'error', looked->'error')
            FROM (SELECT md5(me || mine || random() || t) AS id,
                         t - make_interval(secs => (looked->>'age')::float8)
                         AS at,
                         looked->'facts' AS facts) l
            ON CONFLICT (one) DO UPDATE
                SET facts_id = coalesce(excluded.facts_id, s.facts_id),
                    facts_node = coalesce(excluded.facts_node, s.facts_node),
                    collected = coalesce(excluded.collected, s.collected),
                    facts = coalesce(excluded.facts, s.facts),
                    attempt_id = excluded.attempt_id,
                    attempted = excluded.attempted,
                    attempt = excluded.attempt
                WHERE excluded.attempted > s.attempted;

        -- the facts of a node that was alone may be older than those here

        stored := FOUND;
    END IF;

    SELECT s.facts_id, s.facts_node, s.collected, s.attempt_id, s.attempted,
           s.attempt
        INTO seen.facts_id, seen.facts_node, seen.collected, seen.attempt_id,
             seen.attempted, seen.attempt
        FROM caphealth.shop s;

    IF FOUND THEN

        -- they can have megabytes, and are sent only to nodes without them

        IF seen.facts_id IS NOT NULL
           AND seen.facts_id IS DISTINCT FROM request->>'facts_id'
           AND NOT (stored AND seen.facts_id = seen.attempt_id)
        THEN
            SELECT s.facts INTO seen.facts FROM caphealth.shop s;
        END IF;

        shop := json_build_object(
            'facts_id', seen.facts_id,
            'node', seen.facts_node,
            'age', extract(epoch FROM greatest(t, seen.collected)
                                      - seen.collected),
            'facts', seen.facts,
            'attempt_id', seen.attempt_id,
            'attempt_age', extract(epoch FROM greatest(t, seen.attempted)
                                              - seen.attempted),
            'attempt', seen.attempt);
    END IF;

    -- the nodes

    IF holder THEN
        DELETE FROM caphealth.nodes n WHERE n.reported < t - interval '30 days';
    END IF;

    SELECT * INTO overview FROM caphealth.overview;

    IF NOT FOUND THEN
        INSERT INTO caphealth.overview (at, total) VALUES ('-infinity', 0)
            ON CONFLICT (one) DO NOTHING;
    END IF;

    -- a new or returning node should be in its own list, but all nodes may
    -- return at the same time

    IF overview.at IS NULL OR overview.at > t
       OR overview.at <= t - make_interval(
                                 secs => every / CASE WHEN arrived THEN 40
                                                 ELSE 4 END)
    THEN
        -- while another session makes the list, the last one is returned

        PERFORM FROM caphealth.overview FOR NO KEY UPDATE SKIP LOCKED;

        IF FOUND OR overview.nodes IS NULL THEN
            SELECT n.settings INTO reference FROM caphealth.nodes n
                WHERE n.name = lease.node AND lease.expires > t;

            SELECT count(*), t, json_agg(json_strip_nulls(json_build_object(
                       'name', n.name,
                       'version', n.version,
                       'state', n.state,
                       'cause', nullif(n.cause, ''),
                       'code', CASE WHEN n.cause <> ''
                               THEN n.report #>> '{causes,0,code}' END,
                       'args', CASE WHEN n.cause <> ''
                                         AND octet_length((n.report
                                             #> '{causes,0,args}')::text) < 1500
                               THEN n.report #> '{causes,0,args}' END,
                       'differs', CASE WHEN n.shop AND n.settings <> reference
                                  THEN true END,
                       'doubled', CASE WHEN n.rival_at >= late
                                            AND n.reported > n.rival_since
                                            AND n.rival_upgrade IS NOT TRUE
                                  THEN true END,
                       'age', round(greatest(0, extract(
                                  epoch FROM t - n.reported))::numeric, 3),
                       'seconds', n.seconds,
                       'started', round(extract(epoch FROM n.started)::numeric),
                       'clock_offset', round(n.clock_offset::numeric, 3)))
                       ORDER BY n.name COLLATE "C")
                       FILTER (WHERE n.place <= 4096)
                INTO overview.total, overview.at, overview.nodes
                FROM (SELECT *, row_number() OVER (
                             ORDER BY state = 'healthy' AND reported > late,
                                      name COLLATE "C") AS place
                      FROM caphealth.nodes) n;

            UPDATE caphealth.overview o
                SET at = t, total = overview.total, nodes = overview.nodes
                WHERE o.at < t OR o.at > clock_timestamp();
        END IF;
    END IF;

    nodes := overview.nodes;

    -- Object stores, at the end, for their rows are shared by all nodes; in the
    -- order of their names, so that two nodes cannot deadlock.  If a row stays
    -- locked, for example by a node that has lost its connection, the node sends
    -- its changes again with the next refresh.

    FOR store IN
        SELECT e FROM jsonb_array_elements(request->'stores') e
         WHERE e ? 'name' ORDER BY e->>'name' COLLATE "C"
    LOOP
        BEGIN
            stores := stores || caphealth.count_images(store, me, mine, every,
                                                       t, owner, holder);
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
    END LOOP;

    fleet := json_build_object(
        'schema', known.version,
        'oldest', known.oldest,
        'holder', CASE WHEN lease.expires > t THEN lease.node END,
        'leader', holder,
        'stored', stored,
        'told', lease.told,
        'doubled', doubled,
        'probe', probe,
        'clock', extract(epoch FROM t),
        'total', overview.total,
        'nodes_age', extract(epoch FROM t - overview.at),
        'stores', stores);

    RETURN NEXT;
END
$$;

-- An instance of a node ends, and sends its last changes of object stores.
--
-- request: node, instance, seconds, stores, as for refresh(); but a store may occur
-- several times, with different sequences, the last time with "ended": see
-- count_images().

CREATE OR REPLACE FUNCTION caphealth.finish(request jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    t      constant timestamptz := clock_timestamp();
    every  constant double precision :=
               least(greatest((request->>'seconds')::float8, 0.1), 86400);
    store  jsonb;
BEGIN
    FOR store IN
        SELECT e FROM jsonb_array_elements(request->'stores') e
         ORDER BY e->>'name' COLLATE "C", (e->>'sequence')::bigint
    LOOP
        PERFORM caphealth.count_images(store, request->>'node',
                                       request->>'instance', every, t, false,
                                       false);
    END LOOP;
END
$$;

-- Removes a node.  If it is still running, it returns with its next report.
-- Returns whether there was a node with this name.

CREATE OR REPLACE FUNCTION caphealth.retire(node text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE caphealth.lease l SET expires = '-infinity'
        WHERE l.node = retire.node;

    UPDATE caphealth.overview SET at = '-infinity', nodes = NULL;

    DELETE FROM caphealth.nodes n WHERE n.name = retire.node;

    RETURN FOUND;
END
$$;

-- History
--
-- Each node keeps its history in its state directory, and copies complete rows:
-- of a minute, of ten minutes and of six hours.  As in the node's own file, a row
-- has all series of its time, because a row for each series would be twenty times
-- as many rows.  The history is read through the views node_history and
-- platform_history.

CREATE TABLE IF NOT EXISTS caphealth.history_steps (
    step    integer PRIMARY KEY,         -- seconds
    keep    interval NOT NULL            -- rows that are older are removed
);

INSERT INTO caphealth.history_steps (step, keep)
VALUES (60, '2 days'), (600, '60 days'), (21600, '1096 days')
ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS caphealth.history_series (
    id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text NOT NULL UNIQUE,
    unit    text NOT NULL
);

CREATE TABLE IF NOT EXISTS caphealth.history (
    node    text NOT NULL,
    step    integer NOT NULL,
    start   timestamptz NOT NULL,
    series  integer[] NOT NULL,          -- and of each of them:
    samples integer[] NOT NULL,
    min     double precision[] NOT NULL,
    mean    double precision[] NOT NULL,
    max     double precision[] NOT NULL,
    PRIMARY KEY (node, step, start)
);

-- The shop's numbers, which are the same on all nodes, once.

CREATE TABLE IF NOT EXISTS caphealth.history_platform (
    step    integer NOT NULL,
    start   timestamptz NOT NULL,
    series  integer NOT NULL REFERENCES caphealth.history_series,
    samples integer NOT NULL,
    min     double precision NOT NULL,
    mean    double precision NOT NULL,
    max     double precision NOT NULL,
    PRIMARY KEY (step, start, series)
);

CREATE TABLE IF NOT EXISTS caphealth.history_events (
    node    text NOT NULL,
    time    timestamptz NOT NULL,
    digest  uuid NOT NULL,               -- of all that follows
    kind    text NOT NULL,
    "from"  text NOT NULL,
    "to"    text NOT NULL,
    text    text NOT NULL,
    code    text NOT NULL,
    args    jsonb NOT NULL,
    PRIMARY KEY (node, time, digest)
);

-- When old rows were last removed: one row.

CREATE TABLE IF NOT EXISTS caphealth.history_cleanup (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    at      timestamptz NOT NULL
);

INSERT INTO caphealth.history_cleanup (at) VALUES ('-infinity')
ON CONFLICT DO NOTHING;

CREATE OR REPLACE VIEW caphealth.node_history AS
SELECT h.node, h.step, h.start, s.name AS series, s.unit,
       p.samples, p.min, p.mean, p.max
  FROM caphealth.history h
 CROSS JOIN LATERAL unnest(h.series, h.samples, h.min, h.mean, h.max)
       AS p (series, samples, min, mean, max)
  JOIN caphealth.history_series s ON s.id = p.series;

CREATE OR REPLACE VIEW caphealth.platform_history AS
SELECT p.step, p.start, s.name AS series, s.unit,
       p.samples, p.min, p.mean, p.max
  FROM caphealth.history_platform p
  JOIN caphealth.history_series s ON s.id = p.series;

CREATE OR REPLACE FUNCTION caphealth.history_is_of_platform(name text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT name IN ('database_size_gb', 'products_count', 'orders_count',
                'vendors_count', 'orders_this_month')
       OR name ~ '^image_(files|bytes):s3://'
$$;

-- The newest row of a node for each step, or the time from which it may have one.

CREATE OR REPLACE FUNCTION caphealth.history_after(a_node text,
                                                   a_now timestamptz)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT jsonb_object_agg(k.step, extract(epoch FROM greatest(
           date_trunc('second', a_now - k.keep),
           (SELECT max(h.start) FROM caphealth.history h
             WHERE h.node = a_node AND h.step = k.step
               AND h.start <= a_now)))::bigint)
  FROM caphealth.history_steps k
$$;

-- Stores the batch that a node sends:
--
--     { "after": {"60": START, ...}, "series": [[NAME, UNIT], ...],
--       "step": [...], "start": [...], "of": [...], "samples": [...],
--       "min": [...], "mean": [...], "max": [...],
--       "events": [[TIME, KIND, FROM, TO, TEXT, CODE, ARGS], ...] }
--
-- Each element of the arrays in the second and third line belongs to one series,
-- and "of" is its index in "series"; times are seconds since the epoch.  Each
-- member may be missing.  Existing rows are not changed.  Rows in the future, and
-- rows older than the retention time, are ignored.  So are the rows of a step
-- that follow a row which does not exist here, for example after a failover that
-- lost it; the answer has the newest row.  Returns
--
--     { "now": TIME, "after": {"60": START, ...}, "events": TIME }
--
-- the newest row of each step, after which the node continues.

CREATE OR REPLACE FUNCTION caphealth.put_history(a_node text, a_history jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = 'force_generic_plan'
AS $$
DECLARE
    v_now   timestamptz := clock_timestamp();
    v_after jsonb;
BEGIN
    IF a_node !~ '^[A-Za-z0-9._-]{1,63}$' THEN
        RAISE EXCEPTION 'invalid name of a node: "%"', a_node
              USING ERRCODE = 'invalid_parameter_value';
    END IF;

    v_after := caphealth.history_after(a_node, v_now);

    -- in the order of the names, so that two nodes cannot deadlock

    INSERT INTO caphealth.history_series (name, unit)
    SELECT s.value ->> 0, s.value ->> 1
      FROM jsonb_array_elements(coalesce(a_history -> 'series', '[]')) s
     WHERE NOT EXISTS (SELECT FROM caphealth.history_series o
                        WHERE o.name = s.value ->> 0)
     ORDER BY s.value ->> 0
        ON CONFLICT DO NOTHING;

    WITH point AS MATERIALIZED (
        SELECT p.step, to_timestamp(p.start) AS start, s.id,
               caphealth.history_is_of_platform(s.name) AS of_platform,
               p.samples, p.min, p.mean, p.max
          FROM unnest(
                   ARRAY(SELECT jsonb_array_elements_text(
                                    a_history -> 'step')::integer),
                   ARRAY(SELECT jsonb_array_elements_text(
                                    a_history -> 'start')::bigint),
                   ARRAY(SELECT jsonb_array_elements_text(
                                    a_history -> 'of')::integer),
                   ARRAY(SELECT jsonb_array_elements_text(
                                    a_history -> 'samples')::integer),
                   ARRAY(SELECT jsonb_array_elements_text(
                                    a_history -> 'min')::double precision),
                   ARRAY(SELECT jsonb_array_elements_text(
                                    a_history -> 'mean')::double precision),
                   ARRAY(SELECT jsonb_array_elements_text(
                                    a_history -> 'max')::double precision))
               AS p (step, start, of, samples, min, mean, max)
          JOIN caphealth.history_series s
               ON s.name = a_history -> 'series' -> p.of ->> 0
          JOIN caphealth.history_steps k ON k.step = p.step
         WHERE p.start % p.step = 0
           AND to_timestamp(p.start) > v_now - k.keep
           AND to_timestamp(p.start + p.step) <= v_now
           AND (a_history #>> ARRAY['after', p.step::text])::double precision
               <= (v_after ->> p.step::text)::double precision
    ), own AS (
        -- a row without series of its own shows that it has been copied

        INSERT INTO caphealth.history (node, step, start, series, samples,
                                       min, mean, max)
        SELECT a_node, p.step, p.start,
               coalesce(array_agg(p.id ORDER BY p.id)
                        FILTER (WHERE NOT p.of_platform), '{}'),
               coalesce(array_agg(p.samples ORDER BY p.id)
                        FILTER (WHERE NOT p.of_platform), '{}'),
               coalesce(array_agg(p.min ORDER BY p.id)
                        FILTER (WHERE NOT p.of_platform), '{}'),
               coalesce(array_agg(p.mean ORDER BY p.id)
                        FILTER (WHERE NOT p.of_platform), '{}'),
               coalesce(array_agg(p.max ORDER BY p.id)
                        FILTER (WHERE NOT p.of_platform), '{}')
          FROM point p
         GROUP BY p.step, p.start
         ORDER BY p.step, p.start
            ON CONFLICT DO NOTHING
    )
    -- for the platform, the row with the most samples of the nodes' rows

    INSERT INTO caphealth.history_platform AS h
           (step, start, series, samples, min, mean, max)
    SELECT p.step, p.start, p.id, p.samples, p.min, p.mean, p.max
      FROM point p
     WHERE p.of_platform
       AND NOT EXISTS (SELECT FROM caphealth.history_platform o
                        WHERE o.step = p.step AND o.start = p.start
                          AND o.series = p.id AND o.samples >= p.samples)
     ORDER BY p.step, p.start, p.id
        ON CONFLICT (step, start, series) DO UPDATE
       SET samples = excluded.samples, min = excluded.min,
           mean = excluded.mean, max = excluded.max
     WHERE h.samples < excluded.samples;

    INSERT INTO caphealth.history_events (node, time, digest, kind, "from",
                                          "to", text, code, args)
    SELECT a_node, to_timestamp((e.value ->> 0)::double precision),
           md5(e.value::text)::uuid, e.value ->> 1, e.value ->> 2,
           e.value ->> 3, e.value ->> 4, e.value ->> 5, e.value -> 6
      FROM jsonb_array_elements(coalesce(a_history -> 'events', '[]')) e
     WHERE to_timestamp((e.value ->> 0)::double precision)
           > v_now - (SELECT max(keep) FROM caphealth.history_steps)
       AND to_timestamp((e.value ->> 0)::double precision) <= v_now
     ORDER BY 2, 3
        ON CONFLICT DO NOTHING;

    PERFORM caphealth.clean_history(v_now);

    RETURN jsonb_build_object(
        'now', extract(epoch FROM v_now),
        'after', caphealth.history_after(a_node, v_now),
        'events', extract(epoch FROM greatest(
                      v_now - (SELECT max(keep) FROM caphealth.history_steps),
                      (SELECT max(e.time) FROM caphealth.history_events e
                        WHERE e.node = a_node AND e.time <= v_now))));
END
$$;

-- Removes expired rows, at most once a minute for all nodes.  The rows of each
-- node are found by the primary key, because an index by time would have to be
-- updated with each row.

CREATE OR REPLACE FUNCTION caphealth.clean_history(a_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_keep interval := (SELECT max(keep) FROM caphealth.history_steps);
BEGIN
    PERFORM FROM caphealth.history_cleanup
      WHERE at < a_now - interval '1 minute' OR at > a_now
        FOR UPDATE SKIP LOCKED;

    IF NOT FOUND THEN
        RETURN;
    END IF;

    UPDATE caphealth.history_cleanup SET at = a_now;

    WITH RECURSIVE node (name) AS (
        SELECT min(node) FROM caphealth.history
        UNION ALL
        SELECT (SELECT min(h.node) FROM caphealth.history h
                 WHERE h.node > n.name)
          FROM node n WHERE n.name IS NOT NULL
    ), row AS (
        DELETE FROM caphealth.history
         WHERE ctid = ANY (ARRAY(
            SELECT h.ctid
              FROM node n CROSS JOIN caphealth.history_steps k
             CROSS JOIN LATERAL (SELECT o.ctid FROM caphealth.history o
                                  WHERE o.node = n.name AND o.step = k.step
                                    AND o.start <= a_now - k.keep
                                  ORDER BY o.start LIMIT 100) h
             LIMIT 10000))
    )
    DELETE FROM caphealth.history_events
     WHERE ctid = ANY (ARRAY(
        SELECT e.ctid
          FROM node n
         CROSS JOIN LATERAL (SELECT o.ctid FROM caphealth.history_events o
                              WHERE o.node = n.name
                                AND o.time <= a_now - v_keep
                              ORDER BY o.time LIMIT 100) e
         LIMIT 10000));

    DELETE FROM caphealth.history_platform
     WHERE ctid = ANY (ARRAY(
        SELECT h.ctid
          FROM caphealth.history_steps k
         CROSS JOIN LATERAL (SELECT o.ctid FROM caphealth.history_platform o
                              WHERE o.step = k.step
                                AND o.start <= a_now - k.keep
                              ORDER BY o.start LIMIT 10000) h));
END
$$;

-- the privileges that a node needs

REVOKE ALL ON ALL TABLES IN SCHEMA caphealth FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA caphealth FROM PUBLIC;

GRANT USAGE ON SCHEMA caphealth TO :"role";
GRANT EXECUTE ON FUNCTION caphealth.refresh(jsonb, json) TO :"role";
GRANT EXECUTE ON FUNCTION caphealth.finish(jsonb) TO :"role";
GRANT EXECUTE ON FUNCTION caphealth.retire(text) TO :"role";
GRANT EXECUTE ON FUNCTION caphealth.put_history(text, jsonb) TO :"role";

COMMIT;
