-- Leases with an end, what a delivery cost and left behind, and how far each conversation has been read.
--
-- Leases count in real time, everything else in the clock's.

ALTER TABLE effects ADD COLUMN leased_by TEXT;
ALTER TABLE effects ADD COLUMN lease_until_ms INTEGER;
-- When it was last tried, and against which limits that counted: a successor goes on from there.
ALTER TABLE effects ADD COLUMN tried_at_ms INTEGER;
ALTER TABLE effects ADD COLUMN costs_json TEXT;
-- The messages that it left on the platform.
ALTER TABLE effects ADD COLUMN posted_json TEXT;

UPDATE effects SET lease_until_ms = 0 WHERE state = 'leased';

CREATE INDEX effects_next ON effects (platform, due_at_ms) WHERE state = 'pending';
CREATE INDEX effects_lease_ends ON effects (platform, lease_until_ms) WHERE state = 'leased';
-- What may stand on the platform without our knowing.
CREATE INDEX effects_unsure ON effects (platform) WHERE state = 'pending' AND unsure = 1;
CREATE INDEX effects_tried ON effects (platform, tried_at_ms) WHERE tried_at_ms IS NOT NULL;

-- How far a conversation has been read: everything up to there is handled. An empty one stands for the whole tenant.
CREATE TABLE positions (
    platform     TEXT NOT NULL CHECK (platform IN ('slack', 'discord')),
    tenant       TEXT NOT NULL,
    conversation TEXT NOT NULL,
    through      TEXT NOT NULL,
    PRIMARY KEY (platform, tenant, conversation)
) STRICT, WITHOUT ROWID;

-- What one process at a time may do: deliver for a platform, keep a shard.
CREATE TABLE holds (
    name     TEXT    NOT NULL PRIMARY KEY,
    held_by  TEXT    NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tickets_active ON tickets (active_at_ms, id) WHERE merged_into IS NULL;
CREATE INDEX tickets_not_closed ON tickets (id) WHERE status IN ('new', 'in_progress', 'pending', 'resolved');
CREATE INDEX dead_events_by_age ON dead_events (buried_at_ms, key);
