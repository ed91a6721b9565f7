-- Answers of tools that were taken out of a conversation with a model to make room. Without secrets; kept for some days.

CREATE TABLE tool_results (
    id        TEXT   NOT NULL PRIMARY KEY,
    about     TEXT   NOT NULL, -- the incident, or the conversation
    kept_at   BIGINT NOT NULL, -- microseconds since 1970
    tool      TEXT   NOT NULL,
    arguments TEXT   NOT NULL,
    text      TEXT   NOT NULL
);

CREATE INDEX tool_results_age ON tool_results (kept_at);
