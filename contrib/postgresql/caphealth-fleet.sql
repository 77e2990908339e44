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
    IF EXISTS (SELECT FROM caphealth.schema WHERE version > 1) THEN
        RAISE EXCEPTION 'the schema "caphealth" has a newer version than '
                        'this file: run the file of the newest caphealth';
    END IF;
END
$$;

INSERT INTO caphealth.schema (version, oldest) VALUES (1, 1)
    ON CONFLICT (one) DO UPDATE SET version = 1, oldest = 1;

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

-- The node that queries the shop's database and sends notifications.

CREATE TABLE IF NOT EXISTS caphealth.lease (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    node      text NOT NULL,
    instance  text NOT NULL,
    expires   timestamptz NOT NULL,
    told      jsonb                    -- the status in the last notification
) WITH (fillfactor = 10);

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

-- refresh() does everything that a node needs at a refresh, in one round trip: it
-- writes the node's report, takes or renews the lease if this is possible, stores
-- the facts of the shop if the node holds the lease, and returns the data of the
-- others.
--
-- request: schema, node, instance, seconds, version, state, cause, clock,
-- shop, report, the id of the shop's facts that it has (facts_id), and of one
-- that sends notifications the status that it told last (told).
-- looked: age, failed, error, facts; or NULL, it has not queried the shop.
--
-- Rows are always found by their keys, so a generic plan is enough: a session
-- plans each statement once, and not again in each of its first five calls, which
-- take a minute.
--
-- A node that takes the lease holds it for three of its intervals.  Rows are
-- locked only while this statement is running; if another node has locked the
-- row of the lease, the function does not wait for it.

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

    arrived := arrived OR node.reported <= late;

    -- If two running processes have the same name, the older one keeps the row.
    -- A restarted process is another instance, too: it gets the row when the one
    -- before has not reported for one and a half of its intervals since.

    IF node.instance <> mine AND node.reported > late THEN

        IF node.rival IS DISTINCT FROM mine OR node.rival_at < late THEN
            doubled := node.rival_at >= late;
            node.rival := mine;
            node.rival_since := t;

        ELSE
            doubled := node.reported > node.rival_since;
        END IF;

        IF doubled OR t < node.rival_since
                          + make_interval(secs => 1.5 * node.seconds)
        THEN
            owner := false;

            UPDATE caphealth.nodes n
                SET rival = node.rival, rival_since = node.rival_since,
                    rival_at = t
                WHERE n.name = me;
        END IF;
    END IF;

    IF owner THEN
        doubled := node.instance = mine AND node.rival <> mine
                   AND node.rival_at >= late;

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
                report = coalesce(request->'report', '{}'),
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

    IF owner AND (lease.instance = mine OR lease.expires <= t) THEN

        IF can_ask OR NOT EXISTS (SELECT FROM caphealth.nodes n
                                  WHERE n.shop AND n.reported > late)
        THEN
            PERFORM FROM caphealth.lease l
                WHERE l.instance = mine OR l.expires <= t
                FOR NO KEY UPDATE SKIP LOCKED;

            IF FOUND THEN
                UPDATE caphealth.lease AS l
                    SET node = me, instance = mine,
                        expires = t + make_interval(secs => 3 * every),
                        told = coalesce(request->'told', l.told)
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
            'age', extract(epoch FROM t - seen.collected),
            'facts', seen.facts,
            'attempt_id', seen.attempt_id,
            'attempt_age', extract(epoch FROM t - seen.attempted),
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
            SELECT count(*), t, json_agg(json_strip_nulls(json_build_object(
                       'name', n.name,
                       'version', n.version,
                       'state', n.state,
                       'cause', nullif(n.cause, ''),
                       'doubled', CASE WHEN n.rival_at >= late
                                            AND n.reported > n.rival_since
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

    fleet := json_build_object(
        'schema', known.version,
        'oldest', known.oldest,
        'holder', CASE WHEN lease.expires > t THEN lease.node END,
        'leader', holder,
        'stored', stored,
        'told', lease.told,
        'doubled', doubled,
        'clock', extract(epoch FROM t),
        'total', overview.total,
        'nodes_age', extract(epoch FROM t - overview.at));

    RETURN NEXT;
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
GRANT EXECUTE ON FUNCTION caphealth.retire(text) TO :"role";
GRANT EXECUTE ON FUNCTION caphealth.put_history(text, jsonb) TO :"role";

COMMIT;
