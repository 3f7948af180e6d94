-- The record of the desk and its outbox.
--
-- Moments are milliseconds since the Unix epoch. Truth is 0 or 1. JSON holds what nothing is looked up by. An empty root
-- means "no thread". Texts of people stand in tickets, messages, openings, waiting effects and dead events, nowhere else.

CREATE TABLE counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value BIGINT  NOT NULL
);

INSERT INTO counters (name, value) VALUES ('pings', 0);

-- Ids of tickets; the number that people quote is 1,000 more. A sequence, since a counter row would let only one ticket be
-- opened at a time; numbers that were not used are handed out again by the process that holds them.
CREATE SEQUENCE ticket_ids;
-- What makes ids of effects grow, whatever the clocks of several machines say.
CREATE SEQUENCE effect_ids;

CREATE TABLE tickets (
    id                  BIGINT  NOT NULL PRIMARY KEY,
    key                 TEXT    NOT NULL UNIQUE,
    number              BIGINT  NOT NULL,
    kind                TEXT    NOT NULL CHECK (kind IN ('incident', 'service_request', 'question')),
    title               TEXT    NOT NULL,
    requester           TEXT    NOT NULL,
    requester_json      TEXT    NOT NULL,
    opened_by_json      TEXT    NOT NULL,
    origin_platform     TEXT    NOT NULL CHECK (origin_platform IN ('slack', 'discord')),
    origin_tenant       TEXT    NOT NULL,
    origin_channel      TEXT    NOT NULL,
    origin_root         TEXT    NOT NULL,
    private             BIGINT  NOT NULL CHECK (private IN (0, 1)),
    origin_message_json TEXT    NOT NULL,
    opened_at_ms        BIGINT  NOT NULL,
    status              TEXT    NOT NULL
                        CHECK (status IN ('new', 'in_progress', 'pending', 'resolved', 'closed', 'cancelled')),
    status_json         TEXT    NOT NULL,
    assignee            TEXT,
    assignee_json       TEXT,
    impact              TEXT    NOT NULL CHECK (impact IN ('high', 'medium', 'low')),
    urgency             TEXT    NOT NULL CHECK (urgency IN ('high', 'medium', 'low')),
    priority            TEXT    NOT NULL CHECK (priority IN ('P1', 'P2', 'P3', 'P4')),
    answered_at_ms      BIGINT ,
    active_at_ms        BIGINT  NOT NULL,
    follows             TEXT,
    merged_into         TEXT,
    version             BIGINT  NOT NULL,
    CHECK ((assignee IS NULL) = (assignee_json IS NULL)),
    CHECK (private = 0 OR origin_root = '')
);

CREATE INDEX tickets_by_requester ON tickets (requester, opened_at_ms);
CREATE INDEX tickets_open ON tickets (requester, active_at_ms) WHERE status IN ('new', 'in_progress', 'pending');
CREATE INDEX tickets_direct ON tickets (origin_platform, origin_tenant, origin_channel, active_at_ms) WHERE private = 1;

-- Which ticket a thread (or another place) belongs to.
CREATE TABLE conversations (
    platform  TEXT    NOT NULL CHECK (platform IN ('slack', 'discord')),
    tenant    TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    root      TEXT    NOT NULL,
    ticket_id BIGINT  NOT NULL REFERENCES tickets (id),
    side      TEXT    NOT NULL CHECK (side IN ('request', 'card')),
    PRIMARY KEY (platform, tenant, channel, root)
);

CREATE INDEX conversations_by_ticket ON conversations (ticket_id);

-- What was said on a ticket. Words that came by a form have no message.
CREATE TABLE messages (
    id            BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket_id     BIGINT  NOT NULL REFERENCES tickets (id),
    platform      TEXT CHECK (platform IN ('slack', 'discord')),
    tenant        TEXT,
    channel       TEXT,
    message       TEXT COLLATE "C",
    author_json   TEXT    NOT NULL,
    voice         TEXT    NOT NULL CHECK (voice IN ('requester', 'agent', 'third', 'note', 'before')),
    at_ms         BIGINT  NOT NULL,
    text          TEXT    NOT NULL,
    edited_at_ms  BIGINT ,
    deleted_at_ms BIGINT ,
    UNIQUE (platform, tenant, channel, message),
    CHECK ((platform IS NULL) = (message IS NULL)),
    CHECK ((tenant IS NULL) = (message IS NULL)),
    CHECK ((channel IS NULL) = (message IS NULL)),
    CHECK (deleted_at_ms IS NULL OR text = '')
);

CREATE INDEX messages_by_ticket ON messages (ticket_id, at_ms, id);

-- The bot's own messages that stand for a ticket.
CREATE TABLE standing (
    id            BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket_id     BIGINT  NOT NULL REFERENCES tickets (id),
    card          BIGINT  NOT NULL CHECK (card IN (0, 1)),
    place_channel TEXT    NOT NULL,
    place_json    TEXT    NOT NULL,
    platform      TEXT    NOT NULL CHECK (platform IN ('slack', 'discord')),
    tenant        TEXT    NOT NULL,
    channel       TEXT    NOT NULL,
    message       TEXT    NOT NULL,
    mirrors_json  TEXT,
    UNIQUE (platform, tenant, channel, message)
);

CREATE INDEX standing_mirrors ON standing (mirrors_json) WHERE mirrors_json IS NOT NULL;
CREATE INDEX standing_by_ticket ON standing (ticket_id, id);
CREATE UNIQUE INDEX standing_cards ON standing (ticket_id, platform, tenant, place_channel) WHERE card = 1;

-- Who did what, without a word of what was said.
CREATE TABLE audit (
    id          BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket_id   BIGINT  NOT NULL REFERENCES tickets (id),
    at_ms       BIGINT  NOT NULL,
    actor_json  TEXT,
    act         TEXT    NOT NULL,
    from_json   TEXT,
    fields_json TEXT    NOT NULL
);

CREATE INDEX audit_by_ticket ON audit (ticket_id, id);

-- Mentions that opened nothing, kept for their author's next words.
CREATE TABLE openings (
    platform    TEXT    NOT NULL CHECK (platform IN ('slack', 'discord')),
    tenant      TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    place_json  TEXT    NOT NULL,
    author_json TEXT    NOT NULL,
    at_ms       BIGINT  NOT NULL,
    text        TEXT    NOT NULL,
    PRIMARY KEY (platform, tenant, channel, message)
);

CREATE INDEX openings_by_age ON openings (at_ms);

CREATE TABLE timers (
    ticket_id BIGINT  NOT NULL REFERENCES tickets (id),
    kind      TEXT    NOT NULL,
    due_at_ms BIGINT  NOT NULL,
    PRIMARY KEY (ticket_id, kind)
);

CREATE INDEX timers_by_due ON timers (due_at_ms, ticket_id);

-- Facts that were handled.
CREATE TABLE seen (
    key   TEXT    NOT NULL PRIMARY KEY,
    at_ms BIGINT  NOT NULL
);

CREATE INDEX seen_by_age ON seen (at_ms);

-- The outbox: pending -> leased -> done or failed, or back to pending. Ids sort by the order of decision.
CREATE TABLE effects (
    id            TEXT    COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 26),
    ticket_id     BIGINT  REFERENCES tickets (id),
    platform      TEXT    NOT NULL CHECK (platform IN ('slack', 'discord')),
    lane          BIGINT  NOT NULL CHECK (lane BETWEEN 0 AND 4),
    order_key     TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    what_json     TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('pending', 'leased', 'done', 'failed')),
    attempts      BIGINT  NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    unsure        BIGINT  NOT NULL DEFAULT 0 CHECK (unsure IN (0, 1)),
    not_before_ms BIGINT ,
    due_at_ms     BIGINT  NOT NULL,
    created_at_ms BIGINT  NOT NULL,
    leased_at_ms  BIGINT ,
    settled_at_ms BIGINT ,
    last_error    TEXT,
    CHECK ((state = 'leased') = (leased_at_ms IS NOT NULL)),
    CHECK ((state IN ('done', 'failed')) = (settled_at_ms IS NOT NULL)),
    CHECK (state <> 'failed' OR last_error IS NOT NULL)
);

CREATE INDEX effects_pending ON effects (platform, lane, id, due_at_ms, order_key) WHERE state = 'pending';
CREATE INDEX effects_in_order ON effects (order_key, id) WHERE state IN ('pending', 'leased');
CREATE INDEX effects_leased ON effects (id) WHERE state = 'leased';
CREATE INDEX effects_failed ON effects (id) WHERE state = 'failed';
CREATE INDEX effects_settled ON effects (settled_at_ms) WHERE settled_at_ms IS NOT NULL;

-- Events whose handling failed by a fault of ours.
CREATE TABLE dead_events (
    key          TEXT    NOT NULL PRIMARY KEY,
    event_json   TEXT    NOT NULL,
    fault        TEXT    NOT NULL,
    times        BIGINT  NOT NULL DEFAULT 1,
    buried_at_ms BIGINT  NOT NULL
);
