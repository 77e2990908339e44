-- The fleet's database: what the nodes of caphealth_fleet share.
--
--     psql -f caphealth-fleet.sql postgresql://OWNER@HOST/DATABASE
--     psql -v role=NAME -f caphealth-fleet.sql ...
--
-- makes the schema "caphealth", or brings an older one up to date; what is in
-- it stays.  It is run by the role that is to own the schema, in a database of
-- its own or in any other one.  The nodes connect as another role, "caphealth"
-- or NAME, which has to be there and gets no right but to call the functions
-- below:
--
--     CREATE ROLE caphealth LOGIN PASSWORD '...';
--
-- A node that is gone for good is removed by
--
--     SELECT caphealth.retire('its name');
--
-- and by itself when it has been silent for 30 days.

\set ON_ERROR_STOP on

\if :{?role}
\else
    \set role caphealth
\endif

BEGIN;

SET LOCAL client_min_messages = warning;

CREATE SCHEMA IF NOT EXISTS caphealth;

REVOKE ALL ON SCHEMA caphealth FROM PUBLIC;

-- version: of this file.  oldest: the oldest one whose nodes it serves.

CREATE TABLE IF NOT EXISTS caphealth.schema (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    version  integer NOT NULL,
    oldest   integer NOT NULL
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM caphealth.schema WHERE version > 1) THEN
        RAISE EXCEPTION 'the schema "caphealth" is of a newer version than '
                        'this file: run that of the newest caphealth';
    END IF;
END
$$;

INSERT INTO caphealth.schema (version, oldest) VALUES (1, 1)
    ON CONFLICT (one) DO UPDATE SET version = 1, oldest = 1;

-- A row a node.  All times are of this server's clock, but for the node's own
-- in its report.  A column that each report changes has no index, so that an
-- update stays within its page.

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

-- Who asks the shop and sends notifications.

CREATE TABLE IF NOT EXISTS caphealth.lease (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    node      text NOT NULL,
    instance  text NOT NULL,
    expires   timestamptz NOT NULL
) WITH (fillfactor = 10);

-- What the holder of the lease saw in the shop: the last facts, and how the
-- last attempt ended.

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

-- refresh() is all that a node does at a refresh, in one round trip: it writes
-- its report, takes or renews the lease if it may, stores what it saw in the
-- shop if it holds the lease, and reads the rest.
--
-- request: schema, node, instance, seconds, version, state, cause, clock,
-- shop, report, and the ids of what it has read before (facts_id, attempt_id).
-- looked: age, failed, error, facts; or NULL, it has not asked the shop.
--
-- A node that takes the lease has it for three of its intervals.  A row is
-- locked for no longer than this statement takes; a lease whose row another one
-- has locked is not waited for.

CREATE OR REPLACE FUNCTION caphealth.refresh(request jsonb, looked json)
RETURNS TABLE (fleet json, shop json, nodes json)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    t          constant timestamptz := clock_timestamp();
    me         constant text := request->>'node';
    mine       constant text := request->>'instance';
    every      constant double precision := request->>'seconds';
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
    total      bigint;
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

    SELECT * INTO STRICT node FROM caphealth.nodes n WHERE n.name = me
        FOR NO KEY UPDATE;

    -- Of two live processes of one name the older one keeps the row.  One that
    -- was restarted is another instance, too: the row is given to it when the
    -- one before has not reported for one and a half of its intervals since.

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
                version = coalesce(request->>'version', ''),
                state = coalesce(request->>'state', 'none'),
                cause = coalesce(request->>'cause', ''),
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

    -- The lease.  A node that cannot ask the shop has it only where no node
    -- can.

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
                UPDATE caphealth.lease
                    SET node = me, instance = mine,
                        expires = t + make_interval(secs => 3 * every)
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
            FROM (SELECT gen_random_uuid()::text AS id,
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

        -- a node that was alone may have looked before another one did

        stored := FOUND;
    END IF;

    SELECT s.facts_id, s.facts_node, s.collected, s.attempt_id, s.attempted,
           s.attempt
        INTO seen.facts_id, seen.facts_node, seen.collected, seen.attempt_id,
             seen.attempted, seen.attempt
        FROM caphealth.shop s;

    IF FOUND THEN

        -- megabytes, perhaps, which are read by those who do not have them

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

    SELECT count(*) INTO total FROM caphealth.nodes;

    SELECT json_agg(json_build_object(
               'name', n.name,
               'version', n.version,
               'state', n.state,
               'cause', n.cause,
               'doubled', coalesce(n.rival_at >= late
                                   AND n.reported > n.rival_since, false),
               'age', greatest(0, extract(epoch FROM t - n.reported)),
               'seconds', n.seconds,
               'started', extract(epoch FROM n.started),
               'clock_offset', n.clock_offset))
        INTO nodes
        FROM (SELECT * FROM caphealth.nodes ORDER BY name COLLATE "C"
              LIMIT 4096) n;

    fleet := json_build_object(
        'schema', known.version,
        'oldest', known.oldest,
        'holder', CASE WHEN lease.expires > t THEN lease.node END,
        'leader', holder,
        'stored', stored,
        'doubled', doubled,
        'clock', extract(epoch FROM t),
        'total', total);

    RETURN NEXT;
END
$$;

-- Removes a node that is gone.  One that is not comes back with its next
-- report.  Returns whether there was one of that name.

CREATE OR REPLACE FUNCTION caphealth.retire(node text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE caphealth.lease l SET expires = '-infinity'
        WHERE l.node = retire.node;

    DELETE FROM caphealth.nodes n WHERE n.name = retire.node;

    RETURN FOUND;
END
$$;

-- the least that a node needs

REVOKE ALL ON ALL TABLES IN SCHEMA caphealth FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA caphealth FROM PUBLIC;

GRANT USAGE ON SCHEMA caphealth TO :"role";
GRANT EXECUTE ON FUNCTION caphealth.refresh(jsonb, json) TO :"role";
GRANT EXECUTE ON FUNCTION caphealth.retire(text) TO :"role";

COMMIT;
