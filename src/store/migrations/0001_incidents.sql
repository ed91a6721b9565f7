-- One schema for SQLite and PostgreSQL: only TEXT and BIGINT, times in microseconds since 1970, JSON as TEXT.

CREATE TABLE incidents (
    id              TEXT   NOT NULL PRIMARY KEY,
    seq             BIGINT NOT NULL, -- the last event's place in the history
    phase           TEXT   NOT NULL,
    outcome         TEXT,
    severity        BIGINT NOT NULL, -- 0 info, 1 warning, 2 critical: what the queue is ordered by
    cluster         TEXT   NOT NULL,
    namespace       TEXT,
    subject         TEXT,
    correlation_key TEXT   NOT NULL,
    title           TEXT   NOT NULL,
    cause           TEXT,
    opened_at       BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    closed_at       BIGINT,
    last_signal_at  BIGINT NOT NULL,
    wake_at         BIGINT,          -- NULL: nothing to do until an event arrives
    lease_owner     TEXT,
    lease_until     BIGINT,
    state           TEXT   NOT NULL  -- last, so that lists do not read past the short columns
);

CREATE INDEX incidents_listed ON incidents (opened_at, id);
CREATE INDEX incidents_phase ON incidents (phase);
CREATE INDEX incidents_open_key ON incidents (correlation_key) WHERE closed_at IS NULL;
CREATE INDEX incidents_due ON incidents (severity DESC, wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE events (
    incident_id TEXT   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    seq         BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    phase       TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    PRIMARY KEY (incident_id, seq)
);

-- One firing episode of one alert. Without an incident: one whose end arrived before its beginning.
CREATE TABLE signals (
    fingerprint  TEXT   NOT NULL,
    starts_at    BIGINT NOT NULL,
    incident_id  TEXT   REFERENCES incidents (id) ON DELETE CASCADE,
    last_state   TEXT   NOT NULL,
    deliveries   BIGINT NOT NULL,
    received_at  BIGINT NOT NULL,
    delivered_at BIGINT NOT NULL,
    PRIMARY KEY (fingerprint, starts_at)
);

CREATE INDEX signals_incident ON signals (incident_id);

-- The latest look at the world of each incident, kept out of the incident's row because it is large.
CREATE TABLE snapshots (
    incident_id TEXT   NOT NULL PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    taken_at    BIGINT NOT NULL,
    body        TEXT   NOT NULL
);
