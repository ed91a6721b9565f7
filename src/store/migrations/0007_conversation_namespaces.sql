-- The namespaces that may be read for a conversation, as a JSON array; empty: all.
ALTER TABLE conversations ADD COLUMN namespaces TEXT NOT NULL DEFAULT '[]';
