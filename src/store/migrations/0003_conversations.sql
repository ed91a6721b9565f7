-- What people and kubewright said to each other, as people saw it. Times in microseconds since 1970, JSON as TEXT.

CREATE TABLE conversations (
    id            TEXT   NOT NULL PRIMARY KEY,
    title         TEXT   NOT NULL,
    agent         TEXT   NOT NULL,
    incident_id   TEXT   REFERENCES incidents (id) ON DELETE SET NULL,
    cluster       TEXT,
    message_count BIGINT NOT NULL, -- the last message's place in the conversation
    started_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE INDEX conversations_listed ON conversations (updated_at, id);
CREATE INDEX conversations_incident ON conversations (incident_id);

CREATE TABLE messages (
    conversation_id TEXT   NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq             BIGINT NOT NULL,
    at              BIGINT NOT NULL,
    speaker         TEXT   NOT NULL, -- user, assistant
    body            TEXT   NOT NULL, -- the rest of the message as JSON
    text            TEXT   NOT NULL,
    PRIMARY KEY (conversation_id, seq)
);
