-- Effects that are held: what an operator can mend keeps its words and waits for that. And gates: effects of one gate mostly
-- wait for the same limit, so that one look at a gate whose limit is used up stands for all of them.

-- What an older version queues beside this one, during a rolling update, names none.
ALTER TABLE effects ADD COLUMN gate TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE effects SET gate = lane::text WHERE state IN ('pending', 'leased');
-- When a try that may have been carried out began or ended, in the clock's time: histories may show it a little later.
ALTER TABLE effects ADD COLUMN unsure_at_ms BIGINT;
-- What refuses it (a channel, for posts or for changes), since when it is held, and when it was last let go.
ALTER TABLE effects ADD COLUMN held_in TEXT;
ALTER TABLE effects ADD COLUMN held_at_ms BIGINT;
ALTER TABLE effects ADD COLUMN released_at_ms BIGINT;

ALTER TABLE effects DROP CONSTRAINT effects_state_check;
ALTER TABLE effects ADD CONSTRAINT effects_state_check
    CHECK (state IN ('pending', 'leased', 'held', 'done', 'failed'));
ALTER TABLE effects ADD CHECK ((state = 'held') = (held_in IS NOT NULL));
ALTER TABLE effects ADD CHECK (state <> 'held' OR (held_at_ms IS NOT NULL AND last_error IS NOT NULL));

DROP INDEX effects_leased;
DROP INDEX effects_next;

-- What was put off.
CREATE INDEX effects_next ON effects (platform, due_at_ms) WHERE state = 'pending' AND due_at_ms > created_at_ms;
CREATE INDEX effects_by_gate ON effects (platform, gate, id) WHERE state = 'pending';
CREATE INDEX effects_held ON effects (platform, held_in, id) WHERE state = 'held';
CREATE INDEX effects_held_in_order ON effects (order_key, id) WHERE state = 'held';

-- What is to be known again at the next start: which workspace the token is for, in which channel the desk was.
CREATE TABLE remembered (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
