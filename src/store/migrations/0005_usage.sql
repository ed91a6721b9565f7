-- What language models have used: one row for each day (UTC), tenant and incident. Cost in millionths of a US dollar.

CREATE TABLE usage (
    day         TEXT   NOT NULL, -- 2026-11-21
    tenant      TEXT   NOT NULL,
    incident_id TEXT   NOT NULL, -- '': about no incident
    tokens      BIGINT NOT NULL,
    cost        BIGINT NOT NULL,
    turns       BIGINT NOT NULL, -- questions to a model
    millis      BIGINT NOT NULL, -- time in which models were waited for
    PRIMARY KEY (day, tenant, incident_id)
);

CREATE INDEX usage_incident ON usage (incident_id);
