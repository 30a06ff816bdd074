-- Marks the file as ours ("ESTA"); a file with another mark is never touched.
PRAGMA application_id = 0x45535441;

CREATE TABLE endpoint (
    id            INTEGER NOT NULL PRIMARY KEY,
    service       TEXT NOT NULL,
    method        TEXT NOT NULL,
    route         TEXT NOT NULL,
    hits          INTEGER NOT NULL DEFAULT 0 CHECK (hits >= 0),
    registered_at INTEGER,
    first_seen    INTEGER,
    last_called   INTEGER,
    UNIQUE (service, method, route)
) STRICT;

-- What each endpoint did in each window. Times are seconds since 1970; blobs are the library's own encodings.
CREATE TABLE endpoint_window (
    width_secs     INTEGER NOT NULL,
    start          INTEGER NOT NULL,
    endpoint_id    INTEGER NOT NULL REFERENCES endpoint (id),
    first_at       INTEGER NOT NULL,
    last_at        INTEGER NOT NULL,
    hits           INTEGER NOT NULL CHECK (hits >= 0),
    errors         INTEGER NOT NULL CHECK (errors >= 0),
    request_bytes  INTEGER NOT NULL CHECK (request_bytes >= 0),
    response_bytes INTEGER NOT NULL CHECK (response_bytes >= 0),
    outcomes       BLOB NOT NULL,
    latency        BLOB NOT NULL,
    duration       BLOB NOT NULL,
    callers        BLOB NOT NULL,
    PRIMARY KEY (width_secs, start, endpoint_id)
) STRICT, WITHOUT ROWID;

-- Windows that could not be read any more, set aside as they were, with the reason.
CREATE TABLE damaged_window (
    reason         TEXT NOT NULL,
    width_secs     INTEGER NOT NULL,
    start          INTEGER NOT NULL,
    endpoint_id    INTEGER NOT NULL,
    first_at       INTEGER NOT NULL,
    last_at        INTEGER NOT NULL,
    hits           INTEGER NOT NULL,
    errors         INTEGER NOT NULL,
    request_bytes  INTEGER NOT NULL,
    response_bytes INTEGER NOT NULL,
    outcomes       BLOB NOT NULL,
    latency        BLOB NOT NULL,
    duration       BLOB NOT NULL,
    callers        BLOB NOT NULL
) STRICT;

CREATE TABLE consumer_window (
    width_secs     INTEGER NOT NULL,
    start          INTEGER NOT NULL,
    endpoint_id    INTEGER NOT NULL REFERENCES endpoint (id),
    consumer       TEXT NOT NULL,
    hits           INTEGER NOT NULL CHECK (hits >= 0),
    errors         INTEGER NOT NULL CHECK (errors >= 0),
    response_bytes INTEGER NOT NULL CHECK (response_bytes >= 0),
    PRIMARY KEY (width_secs, start, endpoint_id, consumer)
) STRICT, WITHOUT ROWID;

-- What the windows that are narrower than a span add up to in it: made when the span is over, dropped when they change.
CREATE TABLE sum (
    span_secs   INTEGER NOT NULL,
    start       INTEGER NOT NULL,
    endpoint_id INTEGER NOT NULL REFERENCES endpoint (id),
    first_start INTEGER NOT NULL,
    last_end    INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    counts      BLOB NOT NULL,
    PRIMARY KEY (span_secs, start, endpoint_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sum_of_endpoint ON sum (endpoint_id, span_secs, start);

-- The spans that have sums, of every endpoint that has windows in them.
CREATE TABLE summed (
    span_secs INTEGER NOT NULL,
    start     INTEGER NOT NULL,
    PRIMARY KEY (span_secs, start)
) STRICT, WITHOUT ROWID;

-- The last batch of each writer: a batch is applied once, in order.
CREATE TABLE writer (
    id         BLOB NOT NULL PRIMARY KEY,
    last_seq   INTEGER NOT NULL,
    digest     BLOB NOT NULL,
    checkpoint BLOB,
    last_seen  INTEGER NOT NULL,
    -- Never without one.
    forget_at  INTEGER
) STRICT, WITHOUT ROWID;
