-- The record of the desk and its outbox.
--
-- Moments are milliseconds since the Unix epoch, in the clock's time; leases and tries count in real time. Truth is 0 or 1.
-- JSON holds what nothing is looked up by. An empty root means "no thread". Texts of people stand in tickets, messages,
-- skipped_mentions, drafts, notices, articles, outages, waiting effects and dead events, nowhere else.
--
-- What effects, standing messages, timers and the audit are about is a subject: its kind and its id, as texts. Sets that
-- grow with the program (kinds, views, voices, outlets) have no list here; states do.

-- Numbers that go up, the ids of tickets among them.
CREATE TABLE counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counters (name, value) VALUES ('ticket_ids', 1), ('pings', 0), ('article_ids', 0), ('article_changes', 0), ('outage_ids', 0);

CREATE TABLE tickets (
    id                  INTEGER NOT NULL PRIMARY KEY,
    key                 TEXT    NOT NULL UNIQUE,
    -- Names it to buttons and forms: no restore gives it twice.
    uid                 TEXT    NOT NULL,
    title               TEXT    NOT NULL,
    -- The message whose words make the title.
    titled_by_json      TEXT,
    requester           TEXT    NOT NULL,
    requester_json      TEXT    NOT NULL,
    opened_by_json      TEXT    NOT NULL,
    origin_platform     TEXT    NOT NULL,
    origin_tenant       TEXT    NOT NULL,
    origin_channel      TEXT    NOT NULL,
    origin_root         TEXT    NOT NULL,
    private             INTEGER NOT NULL CHECK (private IN (0, 1)),
    origin_message_json TEXT    NOT NULL,
    opened_at_ms        INTEGER NOT NULL,
    status              TEXT    NOT NULL
                        CHECK (status IN ('new', 'in_progress', 'pending', 'resolved', 'closed', 'cancelled')),
    -- How far the status is. Changes less often than the status, which is why the indexes hold it.
    stage               TEXT    NOT NULL
                        CHECK (stage = CASE WHEN status IN ('new', 'in_progress', 'pending') THEN 'open'
                                            WHEN status = 'resolved' THEN 'resolved' ELSE 'over' END),
    status_json         TEXT    NOT NULL,
    assignee            TEXT,
    assignee_json       TEXT,
    priority            TEXT    NOT NULL,
    answered_at_ms      INTEGER,
    active_at_ms        INTEGER NOT NULL,
    follows             TEXT,
    merged_into         TEXT,
    version             INTEGER NOT NULL,
    CHECK ((assignee IS NULL) = (assignee_json IS NULL)),
    CHECK (private = 0 OR origin_root = '')
) STRICT;

-- No index below holds a column that changes while a ticket is worked on: a claim, a reply or a new title writes none of
-- them.
CREATE INDEX tickets_live ON tickets (requester, opened_at_ms, id, stage) WHERE stage <> 'over';
CREATE INDEX tickets_direct ON tickets (origin_platform, origin_tenant, origin_channel, id) WHERE private = 1 AND stage <> 'over';
CREATE INDEX tickets_over ON tickets (active_at_ms, id) WHERE stage = 'over' AND merged_into IS NULL;

-- Which ticket a thread (or another place) belongs to.
CREATE TABLE conversations (
    platform  TEXT    NOT NULL,
    tenant    TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    root      TEXT    NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    side      TEXT    NOT NULL,
    PRIMARY KEY (platform, tenant, channel, root)
) STRICT, WITHOUT ROWID;

CREATE INDEX conversations_by_ticket ON conversations (ticket_id);

-- What was said on a ticket. Words that came by a form have no message.
CREATE TABLE messages (
    id            INTEGER NOT NULL PRIMARY KEY,
    ticket_id     INTEGER NOT NULL REFERENCES tickets (id),
    platform      TEXT,
    tenant        TEXT,
    channel       TEXT,
    message       TEXT,
    author_json   TEXT    NOT NULL,
    voice         TEXT    NOT NULL,
    at_ms         INTEGER NOT NULL,
    text          TEXT    NOT NULL,
    edited_at_ms  INTEGER,
    deleted_at_ms INTEGER,
    -- Whether it was joined to a request that its author had just made: what others answer to it is nobody's.
    joined        INTEGER NOT NULL DEFAULT 0 CHECK (joined IN (0, 1)),
    UNIQUE (platform, tenant, channel, message),
    CHECK ((platform IS NULL) = (message IS NULL)),
    CHECK ((tenant IS NULL) = (message IS NULL)),
    CHECK ((channel IS NULL) = (message IS NULL)),
    CHECK (deleted_at_ms IS NULL OR text = '')
) STRICT;

CREATE INDEX messages_by_ticket ON messages (ticket_id, at_ms, id);

-- Mentions that opened nothing, kept for their author's next words.
CREATE TABLE skipped_mentions (
    platform    TEXT    NOT NULL,
    tenant      TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    place_json  TEXT    NOT NULL,
    author_json TEXT    NOT NULL,
    at_ms       INTEGER NOT NULL,
    text        TEXT    NOT NULL,
    PRIMARY KEY (platform, tenant, channel, message)
) STRICT;

CREATE INDEX skipped_mentions_by_age ON skipped_mentions (at_ms);

-- What was filled in of forms that are not finished, kept for an hour.
CREATE TABLE drafts (
    id         TEXT    NOT NULL PRIMARY KEY,
    person     TEXT    NOT NULL,
    does       TEXT    NOT NULL,
    given_json TEXT    NOT NULL,
    page       INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX drafts_by_age ON drafts (at_ms);

-- Pings of staff, and what became of them: no words of anybody.
CREATE TABLE pings (
    id           TEXT   NOT NULL PRIMARY KEY,
    author       TEXT   NOT NULL,
    at_ms        INTEGER NOT NULL,
    -- When its author was told.
    told_at_ms   INTEGER,
    mode         TEXT   NOT NULL,
    ruling       TEXT   NOT NULL,
    ending       TEXT,
    message_json TEXT   NOT NULL,
    place_json   TEXT   NOT NULL,
    -- Whom it pings.
    staff_json   TEXT   NOT NULL,
    -- How likely it asks for help, and why.
    judged_json  TEXT   NOT NULL,
    -- The key of the request that it became.
    ticket       TEXT
) STRICT;

CREATE INDEX pings_by_author ON pings (author, told_at_ms);
CREATE INDEX pings_by_age ON pings (at_ms);

-- Who is left alone with whom, since a ping was no request.
CREATE TABLE ping_quiet (
    author   TEXT   NOT NULL,
    staff    TEXT   NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (author, staff)
) STRICT, WITHOUT ROWID;

CREATE INDEX ping_quiet_by_staff ON ping_quiet (staff);
CREATE INDEX ping_quiet_by_end ON ping_quiet (until_ms);

-- Who does not want to be asked in which channel whether the desk may take something.
CREATE TABLE guard_out (
    person  TEXT   NOT NULL,
    channel TEXT   NOT NULL,
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (person, channel)
) STRICT, WITHOUT ROWID;

-- What becomes of pings of staff in a channel, where somebody has said so by a command.
CREATE TABLE guard_modes (
    channel TEXT   NOT NULL PRIMARY KEY,
    mode    TEXT   NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What people in a channel were told last of what becomes of pings of staff there.
CREATE TABLE guard_announced (
    channel TEXT   NOT NULL PRIMARY KEY,
    mode    TEXT   NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Of the staff, who wants to be pinged in which channel.
CREATE TABLE guard_wanted (
    person  TEXT   NOT NULL,
    channel TEXT   NOT NULL,
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (person, channel)
) STRICT, WITHOUT ROWID;

-- Of the staff, who is away until when.
CREATE TABLE guard_away (
    person   TEXT   NOT NULL PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX guard_away_by_end ON guard_away (until_ms);

-- Of the staff, who was told how they are guarded.
CREATE TABLE guard_told (
    person TEXT   NOT NULL PRIMARY KEY,
    at_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who is on call until when, by their own word; the settings may list others.
CREATE TABLE on_call (
    person   TEXT   NOT NULL PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX on_call_by_end ON on_call (until_ms);

-- What the desk knows. Each change gets the next number of a sequence that grows in the order of commits: indexes read on from
-- there.
CREATE TABLE articles (
    id              INTEGER NOT NULL PRIMARY KEY,
    key             TEXT    NOT NULL UNIQUE,
    status          TEXT    NOT NULL CHECK (status IN ('draft', 'published', 'retired')),
    content_json    TEXT    NOT NULL,
    owner           TEXT,
    owner_json      TEXT,
    source          TEXT,
    checked_by_json TEXT,
    checked_at_ms   INTEGER,
    -- The file that it was imported from.
    path            TEXT UNIQUE,
    -- What that file said then.
    imported_json   TEXT,
    version         INTEGER NOT NULL,
    change          INTEGER NOT NULL UNIQUE,
    created_at_ms   INTEGER NOT NULL,
    changed_at_ms   INTEGER NOT NULL,
    review_at_ms    INTEGER,
    -- For how many requesters it did not help since it was last checked.
    disappointed    INTEGER NOT NULL DEFAULT 0,
    CHECK ((owner IS NULL) = (owner_json IS NULL)),
    CHECK ((checked_at_ms IS NULL) = (checked_by_json IS NULL))
) STRICT;

CREATE INDEX articles_by_status ON articles (status, created_at_ms, id);

CREATE INDEX articles_by_review ON articles (status, review_at_ms);

CREATE INDEX articles_by_disappointment ON articles (status, disappointed);

-- Everything that articles have said.
CREATE TABLE article_versions (
    article      INTEGER NOT NULL REFERENCES articles (id),
    version      INTEGER NOT NULL,
    content_json TEXT    NOT NULL,
    by_json      TEXT,
    at_ms        INTEGER NOT NULL,
    PRIMARY KEY (article, version)
) STRICT, WITHOUT ROWID;

-- What was suggested to requesters, or would have been.
CREATE TABLE suggestions (
    ticket_id       INTEGER NOT NULL PRIMARY KEY REFERENCES tickets (id),
    found_json      TEXT    NOT NULL,
    shown           INTEGER NOT NULL CHECK (shown IN (0, 1)),
    at_ms           INTEGER NOT NULL,
    solved_by       TEXT,
    escalated_at_ms INTEGER
) STRICT;

CREATE INDEX suggestions_by_age ON suggestions (at_ms);

-- What became of articles on tickets: each once.
CREATE TABLE article_marks (
    article   INTEGER NOT NULL REFERENCES articles (id),
    kind      TEXT    NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (article, kind, ticket_id)
) STRICT, WITHOUT ROWID;

-- Outages, and the channels that follow services.
CREATE TABLE outages (
    id            INTEGER NOT NULL PRIMARY KEY,
    key           TEXT    NOT NULL UNIQUE,
    phase         TEXT    NOT NULL
                  CHECK (phase IN ('drafted', 'investigating', 'identified', 'monitoring', 'resolved', 'retracted')),
    severity      TEXT    NOT NULL CHECK (severity IN ('high', 'medium', 'low')),
    content_json  TEXT    NOT NULL,
    owner         TEXT    NOT NULL,
    owner_json    TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    opened_at_ms  INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER,
    CHECK ((ended_at_ms IS NOT NULL) = (phase IN ('resolved', 'retracted')))
) STRICT;

CREATE INDEX outages_by_phase ON outages (phase, changed_at_ms, id);

CREATE TABLE followed_services (
    number     INTEGER NOT NULL PRIMARY KEY,
    service    TEXT    NOT NULL,
    place_json TEXT    NOT NULL,
    at_ms      INTEGER NOT NULL,
    -- Since when the channel follows the service no more.
    until_ms   INTEGER,
    UNIQUE (place_json, service)
) STRICT;

CREATE INDEX followed_by_service ON followed_services (service, number);

-- The channels of each workspace and guild, as the platforms last told of them.
CREATE TABLE channels (
    number   INTEGER NOT NULL PRIMARY KEY,
    platform TEXT    NOT NULL,
    tenant   TEXT    NOT NULL,
    channel  TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    access   TEXT    NOT NULL CHECK (access IN ('open', 'shared', 'closed')),
    -- When the platform told so: what was told later is not undone by what was told before.
    told_at_ms INTEGER NOT NULL,
    UNIQUE (platform, tenant, channel)
) STRICT;

CREATE INDEX channels_by_name ON channels (name);
CREATE INDEX channels_by_access ON channels (access, number);

-- Notices to many places, and these places in order.
CREATE TABLE notices (
    name          TEXT    NOT NULL PRIMARY KEY,
    message_json  TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX notices_by_age ON notices (created_at_ms);

CREATE TABLE notice_places (
    notice     TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    place_json TEXT    NOT NULL,
    PRIMARY KEY (notice, number),
    UNIQUE (notice, place_json)
) STRICT, WITHOUT ROWID;

-- The bot's own messages that stand for a subject, as a view of it or (view "said") as they were said. A message that shows
-- the words of several messages has a line for each of them, which names it in its slot; one that was too long for one
-- message has a line for each part.
CREATE TABLE standing (
    id            INTEGER NOT NULL PRIMARY KEY,
    subject_kind  TEXT    NOT NULL,
    subject_id    TEXT    NOT NULL,
    view          TEXT    NOT NULL,
    slot          TEXT    NOT NULL,
    part          INTEGER NOT NULL,
    place_channel TEXT    NOT NULL,
    place_root    TEXT    NOT NULL,
    place_json    TEXT    NOT NULL,
    platform      TEXT    NOT NULL,
    tenant        TEXT    NOT NULL,
    channel       TEXT    NOT NULL,
    message       TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX standing_once
    ON standing (subject_kind, subject_id, view, platform, tenant, place_channel, place_root, slot, part);
CREATE INDEX standing_messages ON standing (platform, tenant, channel, message);
CREATE INDEX standing_slots ON standing (slot) WHERE slot <> '';

-- Who did what, without a word of what was said.
CREATE TABLE audit (
    id           INTEGER NOT NULL PRIMARY KEY,
    subject_kind TEXT    NOT NULL,
    subject_id   TEXT    NOT NULL,
    at_ms        INTEGER NOT NULL,
    actor_json   TEXT,
    act          TEXT    NOT NULL,
    from_json    TEXT,
    fields_json  TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_subject ON audit (subject_kind, subject_id, id);

-- Moments that are waited for; a subject may have several of one kind, each in its slot.
CREATE TABLE timers (
    subject_kind TEXT    NOT NULL,
    subject_id   TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    slot         INTEGER NOT NULL,
    due_at_ms    INTEGER NOT NULL,
    PRIMARY KEY (subject_kind, subject_id, kind, slot)
) STRICT, WITHOUT ROWID;

CREATE INDEX timers_by_due ON timers (due_at_ms, subject_kind, subject_id);

-- Facts that were handled.
CREATE TABLE seen (
    key   TEXT    NOT NULL PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX seen_by_age ON seen (at_ms);

-- The outbox: pending -> leased -> done or failed, or back to pending, or held until an operator has mended something. Ids
-- sort by the order of decision. Effects of one gate mostly wait for the same limit.
CREATE TABLE effects (
    id             TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 26),
    subject_kind   TEXT    NOT NULL,
    subject_id     TEXT    NOT NULL,
    -- Who delivers it: slack, discord, or (local) the program itself.
    outlet         TEXT    NOT NULL,
    lane           INTEGER NOT NULL,
    gate           TEXT    NOT NULL,
    order_key      TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    -- The view that it shows.
    view           TEXT,
    what_json      TEXT    NOT NULL,
    -- Counts how often it was changed while it waited: it is leased as it was read, or not at all.
    revision       INTEGER NOT NULL DEFAULT 0,
    state          TEXT    NOT NULL CHECK (state IN ('pending', 'leased', 'held', 'done', 'failed')),
    attempts       INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    not_before_ms  INTEGER,
    -- Whether it was put behind the view that it needs, which happens once.
    put_behind     INTEGER NOT NULL DEFAULT 0 CHECK (put_behind IN (0, 1)),
    due_at_ms      INTEGER NOT NULL,
    created_at_ms  INTEGER NOT NULL,
    leased_at_ms   INTEGER,
    leased_by      TEXT,
    lease_until_ms INTEGER,
    -- When it was last tried, in real time, against which limits that counted, and what was sent (as hashes).
    tried_at_ms    INTEGER,
    costs_json     TEXT,
    sent_json      TEXT,
    -- Whether a try may have been carried out without our knowing, and when it was made, at the latest.
    unsure         INTEGER NOT NULL DEFAULT 0 CHECK (unsure IN (0, 1)),
    unsure_at_ms   INTEGER,
    -- What refuses it (a channel, for posts or for changes), since when it is held, and when it was last let go.
    held_in        TEXT,
    held_at_ms     INTEGER,
    released_at_ms INTEGER,
    settled_at_ms  INTEGER,
    last_error     TEXT,
    -- The messages that it left on the platform.
    posted_json    TEXT,
    CHECK ((state = 'leased') = (leased_at_ms IS NOT NULL)),
    CHECK ((state IN ('done', 'failed')) = (settled_at_ms IS NOT NULL)),
    CHECK ((state = 'held') = (held_in IS NOT NULL)),
    CHECK (state <> 'held' OR (held_at_ms IS NOT NULL AND last_error IS NOT NULL)),
    CHECK (state <> 'failed' OR last_error IS NOT NULL)
) STRICT;

CREATE INDEX effects_pending ON effects (outlet, lane, id, due_at_ms, order_key) WHERE state = 'pending';
CREATE INDEX effects_by_gate ON effects (outlet, gate, id) WHERE state = 'pending';
CREATE INDEX effects_in_order ON effects (order_key, id) WHERE state IN ('pending', 'leased');
CREATE INDEX effects_held ON effects (outlet, held_in, id) WHERE state = 'held';
CREATE INDEX effects_held_in_order ON effects (order_key, id) WHERE state = 'held';
CREATE INDEX effects_failed ON effects (id) WHERE state = 'failed';
CREATE INDEX effects_settled ON effects (settled_at_ms) WHERE settled_at_ms IS NOT NULL;
-- What was put off.
CREATE INDEX effects_next ON effects (outlet, due_at_ms) WHERE state = 'pending' AND due_at_ms > created_at_ms;
CREATE INDEX effects_lease_ends ON effects (outlet, lease_until_ms) WHERE state = 'leased';
-- What may stand on the platform without our knowing.
CREATE INDEX effects_unsure ON effects (outlet) WHERE state = 'pending' AND unsure = 1;
CREATE INDEX effects_tried ON effects (outlet, tried_at_ms) WHERE tried_at_ms IS NOT NULL;

-- Events whose handling failed by a fault of ours.
CREATE TABLE dead_events (
    key          TEXT    NOT NULL PRIMARY KEY,
    event_json   TEXT    NOT NULL,
    fault        TEXT    NOT NULL,
    times        INTEGER NOT NULL DEFAULT 1,
    buried_at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX dead_events_by_age ON dead_events (buried_at_ms, key);

-- How far a conversation has been read: everything up to there is handled. An empty one stands for the whole tenant.
CREATE TABLE positions (
    platform     TEXT NOT NULL,
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

-- What is to be known again at the next start: which workspace the token is for, in which channel the desk was.
CREATE TABLE remembered (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
