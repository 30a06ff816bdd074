-- Times are seconds since 1970. `counts`, `deltas` and `digest` are the library's own encodings.

CREATE TABLE service (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE endpoint (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_id    bigint NOT NULL REFERENCES service (id),
    method        text COLLATE "C" NOT NULL,
    route         text COLLATE "C" NOT NULL,
    hits          bigint NOT NULL DEFAULT 0 CHECK (hits >= 0),
    registered_at bigint,
    first_seen    bigint,
    last_called   bigint,
    UNIQUE (service_id, method, route)
);

-- The last batch of each writer: a batch is taken once, in order.
CREATE TABLE writer (
    id         uuid PRIMARY KEY,
    last_seq   bigint NOT NULL,
    digest     bytea NOT NULL,
    checkpoint bytea,
    last_seen  timestamptz NOT NULL DEFAULT now(),
    -- Never without one.
    forget_at  timestamptz
) WITH (fillfactor = 50);

-- Batches that were taken and are not settled in windows yet, one row a batch: no two writers touch the same row.
CREATE TABLE arrival (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    writer_id uuid NOT NULL,
    seq       bigint NOT NULL,
    deltas    bytea NOT NULL,
    taken_at  timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE arrival ALTER COLUMN deltas SET STORAGE EXTERNAL;

-- Batches that cannot be settled, with the reason; nothing is thrown away.
CREATE TABLE dead_letter (
    writer_id uuid NOT NULL,
    seq       bigint NOT NULL,
    reason    text NOT NULL,
    deltas    bytea NOT NULL,
    put_at    timestamptz NOT NULL DEFAULT now()
);

-- What each endpoint did in each window, a table a width: together they are the truth.
CREATE TABLE window_10s (
    start       bigint NOT NULL,
    endpoint_id bigint NOT NULL,
    first_at    bigint NOT NULL,
    last_at     bigint NOT NULL,
    hits        bigint NOT NULL CHECK (hits >= 0),
    errors      bigint NOT NULL CHECK (errors >= 0),
    counts      bytea NOT NULL,
    PRIMARY KEY (endpoint_id, start)
) PARTITION BY RANGE (start);
CREATE INDEX ON window_10s (start);

CREATE TABLE window_1m (LIKE window_10s INCLUDING ALL) PARTITION BY RANGE (start);
CREATE TABLE window_1h (LIKE window_10s INCLUDING ALL) PARTITION BY RANGE (start);
CREATE TABLE window_1d (LIKE window_10s INCLUDING ALL) PARTITION BY RANGE (start);

-- What the narrower windows within each minute, hour, day and week add up to, so that a long range needs few rows.
CREATE TABLE sum_1m (LIKE window_10s INCLUDING ALL) PARTITION BY RANGE (start);
CREATE TABLE sum_1h (LIKE window_10s INCLUDING ALL) PARTITION BY RANGE (start);
CREATE TABLE sum_1d (LIKE window_10s INCLUDING ALL) PARTITION BY RANGE (start);
CREATE TABLE sum_1w (LIKE window_10s INCLUDING ALL) PARTITION BY RANGE (start);

-- What lies outside of the partitions that are made ahead of time.
CREATE TABLE window_10s_other PARTITION OF window_10s DEFAULT;
CREATE TABLE window_1m_other PARTITION OF window_1m DEFAULT;
CREATE TABLE window_1h_other PARTITION OF window_1h DEFAULT;
CREATE TABLE window_1d_other PARTITION OF window_1d DEFAULT;
CREATE TABLE sum_1m_other PARTITION OF sum_1m DEFAULT;
CREATE TABLE sum_1h_other PARTITION OF sum_1h DEFAULT;
CREATE TABLE sum_1d_other PARTITION OF sum_1d DEFAULT;
CREATE TABLE sum_1w_other PARTITION OF sum_1w DEFAULT;

-- Windows that could not be read any more, set aside as they were, with the reason.
CREATE TABLE damaged_window (
    reason      text NOT NULL,
    width_secs  bigint NOT NULL,
    start       bigint NOT NULL,
    endpoint_id bigint NOT NULL,
    first_at    bigint NOT NULL,
    last_at     bigint NOT NULL,
    hits        bigint NOT NULL,
    errors      bigint NOT NULL,
    counts      bytea NOT NULL
);

-- Partitions are made and dropped by whoever rolls up, who need not own the tables.
CREATE FUNCTION make_partition(parent text, first bigint, past bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = endpoint_stats, pg_temp AS $$
DECLARE
    part text := parent || '_from_' || first;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = to_regclass(parent)) THEN
        RAISE EXCEPTION 'no partitioned table of endpoint_stats: %', parent;
    END IF;
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
    EXECUTE format(
        'WITH moved AS (DELETE FROM %I WHERE start >= %s AND start < %s RETURNING *) INSERT INTO %I SELECT * FROM moved',
        parent || '_other', first, past, part);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, part, first, past);
END
$$;

CREATE FUNCTION drop_empty_partition(parent text, first bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = endpoint_stats, pg_temp AS $$
DECLARE
    part text := parent || '_from_' || first;
    is_used boolean;
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_inherits WHERE inhparent = to_regclass(parent) AND inhrelid = to_regclass(part)
    ) THEN
        RETURN false;
    END IF;
    -- Whoever reads locks the parent before its parts; so does this.
    EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', part);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', part) INTO is_used;
    IF NOT is_used THEN
        EXECUTE format('DROP TABLE %I', part);
    END IF;
    RETURN NOT is_used;
END
$$;

REVOKE ALL ON FUNCTION make_partition, drop_empty_partition FROM PUBLIC;
