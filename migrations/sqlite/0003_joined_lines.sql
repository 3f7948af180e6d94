-- A message of the bot may show the words of several messages: `standing` has the first of them, this table the others, in
-- order.

CREATE TABLE standing_more (
    standing_id  INTEGER NOT NULL REFERENCES standing (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    mirrors_json TEXT    NOT NULL,
    PRIMARY KEY (standing_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX standing_more_mirrors ON standing_more (mirrors_json);
