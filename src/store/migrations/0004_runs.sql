-- What agents were asked and said, as it left for a model: secrets and private data are placeholders. Times in
-- microseconds since 1970, JSON as TEXT, money in billionths of a US dollar.

CREATE TABLE runs (
    id              TEXT   NOT NULL PRIMARY KEY,
    kind            TEXT   NOT NULL, -- investigation, remediation, lesson, chat, wordings
    agent           TEXT   NOT NULL,
    incident_id     TEXT,            -- no reference: an incident is never removed, and a run outlives nothing
    conversation_id TEXT   REFERENCES conversations (id) ON DELETE CASCADE,
    parent_id       TEXT,            -- the run that asked for this one
    step            TEXT,            -- the step of the incident that it belongs to, with its attempt
    task            TEXT,            -- names question, prompt, agent and cycle within the step
    cycle           BIGINT NOT NULL,
    state           TEXT   NOT NULL, -- running, finished, failed, cancelled, interrupted
    question        TEXT   NOT NULL,
    prompt_hash     TEXT   NOT NULL,
    models          TEXT   NOT NULL,
    tools           TEXT   NOT NULL,
    outcome         TEXT,
    turns           BIGINT NOT NULL,
    repairs         BIGINT NOT NULL, -- answers that were sent back
    input_tokens    BIGINT NOT NULL,
    output_tokens   BIGINT NOT NULL,
    cost            BIGINT NOT NULL,
    took_ms         BIGINT NOT NULL,
    message_count   BIGINT NOT NULL,
    dropped_count   BIGINT NOT NULL, -- messages that were too many or too long to be kept
    started_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    finished_at     BIGINT,
    memory          TEXT   NOT NULL, -- what another process needs to go on
    ground          TEXT             -- what the step began with, at its first run
);

CREATE INDEX runs_listed ON runs (started_at, id);
CREATE INDEX runs_incident ON runs (incident_id, started_at);
CREATE INDEX runs_conversation ON runs (conversation_id);
CREATE INDEX runs_step ON runs (step) WHERE step IS NOT NULL;
CREATE INDEX runs_running ON runs (updated_at) WHERE state = 'running';

CREATE TABLE run_messages (
    run_id TEXT   NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq    BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    body   TEXT   NOT NULL, -- the message
    detail TEXT   NOT NULL, -- the tool calls that it answers and what they showed
    PRIMARY KEY (run_id, seq)
);
