-- A message of the bot may show the words of several messages: `standing` has the first of them, this table the others, in
-- order.

CREATE TABLE standing_more (
    standing_id  BIGINT  NOT NULL REFERENCES standing (id) ON DELETE CASCADE,
    position     BIGINT  NOT NULL,
    mirrors_json TEXT    NOT NULL,
    PRIMARY KEY (standing_id, position)
);

CREATE INDEX standing_more_mirrors ON standing_more (mirrors_json);
