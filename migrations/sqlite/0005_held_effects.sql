-- Effects that are held: what an operator can mend keeps its words and waits for that. And gates: effects of one gate mostly
-- wait for the same limit, so that one look at a gate whose limit is used up stands for all of them.

CREATE TABLE effects_new (
    id             TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 26),
    ticket_id      INTEGER REFERENCES tickets (id),
    platform       TEXT    NOT NULL CHECK (platform IN ('slack', 'discord')),
    lane           INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 4),
    gate           TEXT    NOT NULL,
    order_key      TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    what_json      TEXT    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('pending', 'leased', 'held', 'done', 'failed')),
    attempts       INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    unsure         INTEGER NOT NULL DEFAULT 0 CHECK (unsure IN (0, 1)),
    not_before_ms  INTEGER,
    due_at_ms      INTEGER NOT NULL,
    created_at_ms  INTEGER NOT NULL,
    leased_at_ms   INTEGER,
    settled_at_ms  INTEGER,
    last_error     TEXT,
    leased_by      TEXT,
    lease_until_ms INTEGER,
    -- When it was last tried, in real time, and against which limits that counted: a successor goes on from there.
    tried_at_ms    INTEGER,
    costs_json     TEXT,
    -- The messages that it left on the platform.
    posted_json    TEXT,
    -- When a try that may have been carried out began or ended, in the clock's time: histories may show it a little later.
    unsure_at_ms   INTEGER,
    -- What refuses it (a channel, for posts or for changes), since when it is held, and when it was last let go.
    held_in        TEXT,
    held_at_ms     INTEGER,
    released_at_ms INTEGER,
    CHECK ((state = 'leased') = (leased_at_ms IS NOT NULL)),
    CHECK ((state IN ('done', 'failed')) = (settled_at_ms IS NOT NULL)),
    CHECK ((state = 'held') = (held_in IS NOT NULL)),
    CHECK (state <> 'held' OR (held_at_ms IS NOT NULL AND last_error IS NOT NULL)),
    CHECK (state <> 'failed' OR last_error IS NOT NULL)
) STRICT;

INSERT INTO effects_new (id, ticket_id, platform, lane, gate, order_key, kind, what_json, state, attempts, unsure,
    not_before_ms, due_at_ms, created_at_ms, leased_at_ms, settled_at_ms, last_error, leased_by, lease_until_ms,
    tried_at_ms, costs_json, posted_json)
SELECT id, ticket_id, platform, lane, lane || '', order_key, kind, what_json, state, attempts, unsure,
    not_before_ms, due_at_ms, created_at_ms, leased_at_ms, settled_at_ms, last_error, leased_by, lease_until_ms,
    tried_at_ms, costs_json, posted_json
FROM effects;

DROP TABLE effects;
ALTER TABLE effects_new RENAME TO effects;

CREATE INDEX effects_pending ON effects (platform, lane, id, due_at_ms, order_key) WHERE state = 'pending';
CREATE INDEX effects_by_gate ON effects (platform, gate, id) WHERE state = 'pending';
CREATE INDEX effects_in_order ON effects (order_key, id) WHERE state IN ('pending', 'leased');
CREATE INDEX effects_held ON effects (platform, held_in, id) WHERE state = 'held';
CREATE INDEX effects_held_in_order ON effects (order_key, id) WHERE state = 'held';
CREATE INDEX effects_failed ON effects (id) WHERE state = 'failed';
CREATE INDEX effects_settled ON effects (settled_at_ms) WHERE settled_at_ms IS NOT NULL;
-- What was put off.
CREATE INDEX effects_next ON effects (platform, due_at_ms) WHERE state = 'pending' AND due_at_ms > created_at_ms;
CREATE INDEX effects_lease_ends ON effects (platform, lease_until_ms) WHERE state = 'leased';
-- What may stand on the platform without our knowing.
CREATE INDEX effects_unsure ON effects (platform) WHERE state = 'pending' AND unsure = 1;
CREATE INDEX effects_tried ON effects (platform, tried_at_ms) WHERE tried_at_ms IS NOT NULL;

-- What is to be known again at the next start: which workspace the token is for, in which channel the desk was.
CREATE TABLE remembered (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
