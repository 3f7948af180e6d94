//! Every SQL text that both databases understand, in one place: a test asks each of them for the plan of each.

/// Names texts, and lists them for tests.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$doc])* pub const $name: &str = $text;)+

        /// Every text with its name, for tests.
        #[cfg(test)]
        pub const ALL: &[(&str, &str)] = &[$((stringify!($name), $name),)+];
    };
}

macro_rules! tickets {
    ($rest:literal) => {
        tickets!("", "", concat!("tickets ", $rest))
    };
    ($with:literal, $more:literal, $from:expr) => {
        concat!(
            $with,
            "SELECT id, key, kind, title, requester_json, opened_by_json, origin_platform, origin_tenant, origin_channel, \
             origin_root, private, origin_message_json, opened_at_ms, status, status_json, assignee_json, impact, urgency, \
             priority, answered_at_ms, active_at_ms, follows, merged_into, version, uid, titled_by_json",
            $more,
            " FROM ",
            $from
        )
    };
}

macro_rules! records {
    ($rest:literal) => {
        concat!(
            "SELECT ticket_id, platform, tenant, channel, message, author_json, voice, at_ms, text, edited_at_ms, \
             deleted_at_ms, joined FROM messages ",
            $rest
        )
    };
}

/// What stands, a row for each message whose words it shows beyond the first.
macro_rules! standing {
    ($rest:literal) => {
        concat!(
            "SELECT s.ticket_id, s.card, s.place_json, s.platform, s.tenant, s.channel, s.message, s.mirrors_json, \
             m.mirrors_json AS more_json FROM standing AS s LEFT JOIN standing_more AS m ON m.standing_id = s.id ",
            $rest
        )
    };
}

/// An effect as it is listed.
macro_rules! listed {
    ($rest:literal) => {
        concat!(
            "SELECT e.id, e.platform, e.kind, e.order_key, e.state, e.attempts, e.last_error, e.created_at_ms, e.due_at_ms, \
             e.held_in, e.held_at_ms, e.settled_at_ms, t.key FROM effects AS e LEFT JOIN tickets AS t ON t.id = e.ticket_id ",
            $rest
        )
    };
}

macro_rules! audit {
    ($rest:literal) => {
        concat!("SELECT ticket_id, at_ms, actor_json, act, from_json, fields_json FROM audit ", $rest)
    };
}

/// An effect is to be delivered, under this id.
macro_rules! enqueue {
    ($id:literal) => {
        concat!(
            "INSERT INTO effects (id, ticket_id, platform, lane, order_key, kind, what_json, state, not_before_ms, \
             due_at_ms, created_at_ms, gate) VALUES (",
            $id,
            ", $2, $3, $4, $5, $6, $7, 'pending', $8, $9, $10, $11)"
        )
    };
}

/// A card is to be shown, unless one that shows the same waits already, or is held. One that may have been posted is looked
/// for, and shows what was before if it stands.
macro_rules! enqueue_card {
    ($id:literal, $locked:literal) => {
        concat!(
            "INSERT INTO effects (id, ticket_id, platform, lane, order_key, kind, what_json, state, not_before_ms, \
             due_at_ms, created_at_ms, gate) SELECT ",
            $id,
            ", $2, $3, $4, $5, $6, $7, 'pending', $8, $9, $10, $11 WHERE NOT EXISTS (SELECT 1 FROM effects \
             WHERE order_key = $5 AND kind = 'show_card' AND state IN ('pending', 'leased') AND state = 'pending' \
             AND unsure = 0",
            $locked,
            ") AND NOT EXISTS (SELECT 1 FROM effects WHERE order_key = $5 AND kind = 'show_card' AND state = 'held' \
             AND unsure = 0",
            $locked,
            ")"
        )
    };
}

/// The last effect of an order key that has not ended.
macro_rules! last_in_order {
    ($locked:literal) => {
        concat!(
            "SELECT id, what_json, state, tried_at_ms, not_before_ms FROM effects WHERE order_key = $1 \
             AND state IN ('pending', 'leased') ORDER BY id DESC LIMIT 1",
            $locked
        )
    };
}

/// What waits of an order key, from one effect on.
macro_rules! waiting_from {
    ($locked:literal) => {
        concat!(
            "SELECT id, ticket_id, what_json, not_before_ms FROM effects \
             WHERE order_key = (SELECT order_key FROM effects WHERE id = $1) AND id >= $1 \
             AND state IN ('pending', 'leased') AND state = 'pending' ORDER BY id",
            $locked
        )
    };
}

/// Effects are being delivered.
macro_rules! lease {
    ($which:literal) => {
        concat!(
            "WITH v (id, now_ms, until_ms, worker, costs_json) AS (VALUES ($1, CAST($2 AS BIGINT), CAST($3 AS BIGINT), \
             $4, $5)) UPDATE effects SET state = 'leased', leased_at_ms = v.now_ms, tried_at_ms = v.now_ms, \
             lease_until_ms = v.until_ms, leased_by = v.worker, costs_json = v.costs_json FROM v \
             WHERE effects.state = 'pending' AND effects.id = v.id",
            $which
        )
    };
}

/// What is read of an effect `e` that waits. Each column costs: so few, and those that are rarely set together.
macro_rules! queued {
    () => {
        "e.id, e.ticket_id, e.lane, e.gate, e.what_json, e.attempts, e.not_before_ms, e.created_at_ms, e.released_at_ms, \
         CASE WHEN e.unsure = 1 THEN coalesce(e.unsure_at_ms, 0) END AS unsure_at_ms"
    };
}

/// Effects that may be delivered now, of every gate but these: of each the first few, whatever waits in the others. Gates
/// are found one after the other, each by a step in the index.
macro_rules! due_beside {
    ($except:literal, $of_each:expr) => {
        concat!(
            "WITH RECURSIVE g (gate) AS (\
             SELECT (SELECT min(f.gate) FROM effects AS f WHERE f.platform = $1 AND f.state = 'pending') \
             UNION ALL SELECT (SELECT min(n.gate) FROM effects AS n WHERE n.platform = $1 AND n.state = 'pending' \
             AND n.gate > g.gate) FROM g WHERE g.gate IS NOT NULL) SELECT ",
            sql::queued!(),
            " FROM g ",
            $of_each,
            " WHERE g.gate IS NOT NULL AND g.gate NOT IN (",
            $except,
            ") ORDER BY e.lane, e.id LIMIT $3"
        )
    };
}

/// The first few of one gate, from behind an effect on.
macro_rules! due_of_gate {
    ($what:expr) => {
        concat!(
            "(SELECT ",
            $what,
            " FROM effects AS d WHERE d.platform = $1 AND d.state = 'pending' AND d.gate = g.gate \
             AND d.due_at_ms <= $2 AND (d.lane, d.id) > ($4, $5) AND NOT EXISTS (SELECT 1 FROM effects AS older \
             WHERE older.order_key = d.order_key AND older.id < d.id AND older.state IN ('pending', 'leased')) \
             ORDER BY d.id LIMIT $3)"
        )
    };
}

pub(super) use {due_beside, due_of_gate, enqueue, enqueue_card, last_in_order, lease, queued, texts, waiting_from};

texts! {
    /// A write that changes nothing of meaning.
    PING = "UPDATE counters SET value = value + 1 WHERE name = 'pings'";
    /// Whether a fact was handled.
    KNOWS = "WITH v (n, key) AS (VALUES (0, $1)) SELECT v.n FROM v JOIN seen ON seen.key = v.key";
    /// A fact was handled.
    REMEMBER = "INSERT INTO seen (key, at_ms) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";

    /// A ticket by its id.
    TICKET = tickets!("WHERE id = $1");
    /// A ticket by its key.
    TICKET_BY_KEY = tickets!("WHERE key = $1");
    /// The ticket of a place, and on which side.
    TICKET_AT = tickets!(
        "WITH v (n, platform, tenant, channel, root) AS (VALUES (0, $1, $2, $3, $4)) ",
        ", c.side, v.n",
        "v JOIN conversations AS c ON c.platform = v.platform AND c.tenant = v.tenant AND c.channel = v.channel \
         AND c.root = v.root JOIN tickets ON tickets.id = c.ticket_id"
    );
    /// Several tickets.
    THESE_TICKETS = tickets!(
        "WITH v (n) AS (VALUES (CAST($1 AS BIGINT))) ", "", "tickets WHERE id IN (SELECT v.n FROM v)"
    );
    /// Tickets, newest first.
    TICKETS = tickets!("WHERE id < $1 ORDER BY id DESC LIMIT $2");
    /// The newest unanswered ticket of an account in a channel.
    BURST = tickets!(
        "WITH v (n, requester, platform, tenant, channel, since_ms, until_ms) AS (VALUES (0, $1, $2, $3, $4, \
         CAST($5 AS BIGINT), CAST($6 AS BIGINT))) ",
        ", v.n",
        "v JOIN tickets ON tickets.id = (SELECT t.id FROM tickets AS t WHERE t.requester = v.requester \
         AND t.opened_at_ms > v.since_ms AND t.opened_at_ms <= v.until_ms AND t.origin_platform = v.platform \
         AND t.origin_tenant = v.tenant AND t.origin_channel = v.channel AND t.status IN ('new', 'in_progress', 'pending', 'resolved') AND t.status <> 'resolved' \
         AND t.answered_at_ms IS NULL AND t.merged_into IS NULL ORDER BY t.opened_at_ms DESC, t.id DESC LIMIT 1)"
    );
    /// The last active ticket of a direct conversation.
    LATEST_DIRECT = tickets!(
        "WHERE private = 1 AND origin_platform = $1 AND origin_tenant = $2 AND origin_channel = $3 \
         AND active_at_ms > $4 AND status IN ('new', 'in_progress', 'pending', 'resolved') AND merged_into IS NULL \
         ORDER BY active_at_ms DESC, id DESC LIMIT 1"
    );
    /// Open tickets of an account.
    OPEN_OF = tickets!(
        "WHERE requester = $1 AND status IN ('new', 'in_progress', 'pending', 'resolved') AND status <> 'resolved' \
         ORDER BY active_at_ms DESC, id DESC LIMIT $2"
    );
    /// A new ticket.
    INSERT_TICKET =
        "INSERT INTO tickets (id, key, number, kind, title, requester, requester_json, opened_by_json, origin_platform, \
         origin_tenant, origin_channel, origin_root, private, origin_message_json, opened_at_ms, status, status_json, \
         assignee, assignee_json, impact, urgency, priority, answered_at_ms, active_at_ms, follows, merged_into, version, \
         uid, titled_by_json) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
         $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)";
    /// A ticket as it is now.
    UPDATE_TICKET =
        "UPDATE tickets SET kind = $2, title = $3, status = $4, status_json = $5, assignee = $6, assignee_json = $7, \
         impact = $8, urgency = $9, priority = $10, answered_at_ms = $11, active_at_ms = $12, follows = $13, \
         merged_into = $14, version = $15 WHERE id = $1 AND version = $15 - 1";
    /// The same, with what only an erasure changes: whose it is, and where it came from. An index is written for every
    /// column that is named, changed or not.
    REWRITE_TICKET =
        "UPDATE tickets SET key = $2, number = $3, kind = $4, title = $5, requester = $6, requester_json = $7, \
         opened_by_json = $8, origin_platform = $9, origin_tenant = $10, origin_channel = $11, origin_root = $12, \
         private = $13, origin_message_json = $14, opened_at_ms = $15, status = $16, status_json = $17, assignee = $18, \
         assignee_json = $19, impact = $20, urgency = $21, priority = $22, answered_at_ms = $23, active_at_ms = $24, \
         follows = $25, merged_into = $26, version = $27 WHERE id = $1 AND version = $27 - 1";

    /// The ticket of a place.
    CONVERSATION =
        "SELECT ticket_id, side FROM conversations WHERE platform = $1 AND tenant = $2 AND channel = $3 AND root = $4";
    /// A place belongs to a ticket from now on.
    BIND =
        "INSERT INTO conversations (platform, tenant, channel, root, ticket_id, side) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (platform, tenant, channel, root) DO UPDATE SET ticket_id = excluded.ticket_id, side = excluded.side";
    /// A place belongs to a ticket unless it has one.
    BIND_IF_FREE =
        "INSERT INTO conversations (platform, tenant, channel, root, ticket_id, side) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (platform, tenant, channel, root) DO NOTHING";
    /// Every place of a ticket belongs to another.
    MOVE_CONVERSATIONS = "UPDATE conversations SET ticket_id = $2 WHERE ticket_id = $1";

    /// What was recorded of a message.
    RECORD = records!("WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4");
    /// Everything said on a ticket.
    RECORDS = records!("WHERE ticket_id = $1 ORDER BY at_ms, id");
    /// The last things said on a ticket, newest first.
    LAST_RECORDS = records!("WHERE ticket_id = $1 ORDER BY at_ms DESC, id DESC LIMIT $2");
    /// Something was said.
    INSERT_RECORD =
        "INSERT INTO messages (platform, tenant, channel, message, ticket_id, author_json, voice, at_ms, text, \
         edited_at_ms, deleted_at_ms, joined) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (platform, tenant, channel, message) DO NOTHING";
    /// The words are these now, unless they were deleted or a later edit is known.
    REWRITE =
        "UPDATE messages SET text = $5, edited_at_ms = $6 WHERE platform = $1 AND tenant = $2 AND channel = $3 \
         AND message = $4 AND deleted_at_ms IS NULL AND (edited_at_ms IS NULL OR edited_at_ms <= $6)";
    /// The words are gone.
    ERASE =
        "UPDATE messages SET text = '', deleted_at_ms = $5 WHERE platform = $1 AND tenant = $2 AND channel = $3 \
         AND message = $4 AND deleted_at_ms IS NULL";
    /// What was joined to a ticket belongs to another.
    PART =
        "UPDATE messages SET ticket_id = $5, joined = 0 WHERE platform = $1 AND tenant = $2 AND channel = $3 \
         AND message = $4 AND joined = 1";
    /// Everything said on a ticket belongs to another.
    MOVE_RECORDS = "UPDATE messages SET ticket_id = $2 WHERE ticket_id = $1";

    /// The bot's messages that stand for a ticket.
    STANDING = standing!("WHERE s.ticket_id = $1 ORDER BY s.id, m.position");
    /// The cards that stand for tickets.
    CARDS =
        "WITH v (ticket_id) AS (VALUES (CAST($1 AS BIGINT))) SELECT s.ticket_id, s.card, s.place_json, s.platform, \
         s.tenant, s.channel, s.message, s.mirrors_json FROM v JOIN standing AS s ON s.ticket_id = v.ticket_id \
         AND s.card = 1";
    /// The bot's message.
    STANDING_MESSAGE =
        "SELECT ticket_id, card, place_json, platform, tenant, channel, message, mirrors_json FROM standing \
         WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4";
    /// The bot's messages that show the words of another.
    MIRRORS = standing!(
        "WHERE s.id IN (SELECT id FROM standing WHERE mirrors_json = $1 \
         UNION ALL SELECT standing_id FROM standing_more WHERE mirrors_json = $1) ORDER BY s.id, m.position"
    );
    /// A message of the bot stands.
    STAND =
        "INSERT INTO standing (platform, tenant, channel, message, ticket_id, card, place_channel, place_json, \
         mirrors_json) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (platform, tenant, channel, message) DO UPDATE SET \
         ticket_id = excluded.ticket_id, card = excluded.card, place_channel = excluded.place_channel, \
         place_json = excluded.place_json, mirrors_json = excluded.mirrors_json";
    /// It shows the words of another message, too.
    STAND_MORE =
        "INSERT INTO standing_more (standing_id, position, mirrors_json) SELECT id, CAST($5 AS BIGINT), $6 FROM standing \
         WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4 \
         ON CONFLICT (standing_id, position) DO UPDATE SET mirrors_json = excluded.mirrors_json";
    /// The card that stood in this channel gives way to another message.
    REPLACE_CARD =
        "WITH v (platform, tenant, ticket_id, place_channel, channel, message) AS (VALUES ($1, $2, CAST($3 AS BIGINT), \
         $4, $5, $6)) DELETE FROM standing WHERE id IN (SELECT s.id FROM v JOIN standing AS s \
         ON s.ticket_id = v.ticket_id AND s.card = 1 AND s.platform = v.platform AND s.tenant = v.tenant \
         AND s.place_channel = v.place_channel AND NOT (s.channel = v.channel AND s.message = v.message))";
    /// A message of the bot stands no more.
    UNSTAND = "DELETE FROM standing WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4";
    /// What stands for a ticket, but for cards, stands for another.
    MOVE_STANDING = "UPDATE standing SET ticket_id = $2 WHERE ticket_id = $1 AND card = 0";

    /// Everything done on a ticket.
    AUDIT = audit!("WHERE ticket_id = $1 ORDER BY id");
    /// The last acts on a ticket, newest first.
    LAST_AUDIT = audit!("WHERE ticket_id = $1 ORDER BY id DESC LIMIT $2");
    /// Somebody did something.
    NOTE =
        "INSERT INTO audit (ticket_id, at_ms, actor_json, act, from_json, fields_json) VALUES ($1, $2, $3, $4, $5, $6)";

    /// A kept mention.
    OPENING =
        "SELECT platform, tenant, channel, message, place_json, author_json, at_ms, text FROM openings \
         WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4";
    /// A mention is kept.
    KEEP =
        "INSERT INTO openings (platform, tenant, channel, message, place_json, author_json, at_ms, text) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (platform, tenant, channel, message) DO UPDATE SET \
         place_json = excluded.place_json, author_json = excluded.author_json, at_ms = excluded.at_ms, \
         text = excluded.text";
    /// A kept mention has served.
    FORGET = "DELETE FROM openings WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4";

    /// Timers that are due, of the kinds that are known: another version's are left to that one, and fill no page.
    DUE_TIMERS =
        "SELECT ticket_id, kind, due_at_ms FROM timers WHERE due_at_ms <= $1 AND kind IN ('auto_close') \
         ORDER BY due_at_ms, ticket_id LIMIT $2";
    /// A moment is waited for.
    SET_TIMER =
        "INSERT INTO timers (ticket_id, kind, due_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (ticket_id, kind) DO UPDATE SET due_at_ms = excluded.due_at_ms";
    /// It is not waited for any more.
    CLEAR_TIMER = "DELETE FROM timers WHERE ticket_id = $1 AND kind = $2";

    /// A card waits already: it is shown no later than now wanted, unless a failed try holds it back.
    HASTEN_CARD =
        "UPDATE effects SET not_before_ms = $2, due_at_ms = $2 WHERE order_key = $1 AND kind = 'show_card' \
         AND state IN ('pending', 'leased') AND state = 'pending' AND unsure = 0 AND due_at_ms = not_before_ms \
         AND due_at_ms > $2";
    /// What waits says something else now, if it is still what it was.
    REWORD = "UPDATE effects SET what_json = $3 WHERE id = $1 AND state IN ('pending', 'held') AND what_json = $2";
    /// What effects that have not ended are to do.
    CURRENT =
        "WITH v (id) AS (VALUES ($1)) SELECT e.id, e.what_json FROM v JOIN effects AS e ON e.id = v.id \
         AND e.state IN ('pending', 'leased')";
    /// Those of these messages whose words were deleted.
    WORDLESS =
        "WITH v (platform, tenant, channel, message) AS (VALUES ($1, $2, $3, $4)) SELECT m.platform, m.tenant, m.channel, \
         m.message FROM v JOIN messages AS m ON m.platform = v.platform AND m.tenant = v.tenant \
         AND m.channel = v.channel AND m.message = v.message WHERE m.deleted_at_ms IS NOT NULL";
    /// Effects that may be delivered now.
    DUE =
        concat!("SELECT ", queued!(), " FROM effects AS e WHERE platform = $1 AND state = 'pending' AND due_at_ms <= $2 AND (lane, id) > ($4, $5) AND NOT EXISTS (SELECT 1 FROM effects AS older \
         WHERE older.order_key = e.order_key AND older.id < e.id AND older.state IN ('pending', 'leased')) \
         ORDER BY lane, id LIMIT $3");
    /// The moment at which the next effect becomes due: one that was put off.
    NEXT_DUE =
        "SELECT due_at_ms FROM effects AS e WHERE platform = $1 AND state = 'pending' AND due_at_ms > created_at_ms \
         AND due_at_ms > $2 AND NOT EXISTS (SELECT 1 FROM effects AS older WHERE older.order_key = e.order_key AND older.id < e.id \
         AND older.state IN ('pending', 'leased')) ORDER BY due_at_ms LIMIT 1";
    /// Effects ended; of what they were only the kind is kept.
    SETTLE =
        "WITH v (id, state, error, now_ms, worker, posted_json) AS (VALUES ($1, $2, $3, CAST($4 AS BIGINT), $5, $6)) \
         UPDATE effects SET state = v.state, what_json = '\"' || effects.kind || '\"', last_error = v.error, \
         settled_at_ms = v.now_ms, leased_at_ms = NULL, lease_until_ms = NULL, posted_json = v.posted_json FROM v \
         WHERE effects.id = v.id AND (effects.state = 'pending' OR (effects.state = 'leased' AND effects.leased_by = v.worker))";
    /// Effects wait for another limit than it seemed.
    REGATE =
        "WITH v (id, gate) AS (VALUES ($1, $2)) UPDATE effects SET gate = v.gate FROM v \
         WHERE effects.id = v.id AND effects.state = 'pending'";
    /// An effect is to be tried again. `$7` is the present moment.
    RETRY =
        "UPDATE effects SET state = 'pending', leased_at_ms = NULL, lease_until_ms = NULL, due_at_ms = $2, \
         attempts = attempts + $3, unsure = CASE WHEN $4 = 1 THEN 1 ELSE unsure END, \
         unsure_at_ms = CASE WHEN $4 = 1 THEN $7 ELSE unsure_at_ms END, last_error = $5 \
         WHERE id = $1 AND state = 'leased' AND leased_by = $6";
    /// An effect is held, with its words, until what refuses it is mended.
    HOLD_BACK =
        "UPDATE effects SET state = 'held', leased_at_ms = NULL, lease_until_ms = NULL, held_in = $2, \
         held_at_ms = coalesce(held_at_ms, $3), last_error = $4, unsure = CASE WHEN $6 = 1 THEN 1 ELSE unsure END, \
         unsure_at_ms = CASE WHEN $6 = 1 THEN $3 ELSE unsure_at_ms END \
         WHERE id = $1 AND (state = 'pending' OR (state = 'leased' AND leased_by = $5))";
    /// The first effects that this refuses wait again: those that have waited for that the longest, so that each has its turn
    /// where one is let go at a time.
    RELEASE =
        "UPDATE effects SET state = 'pending', held_in = NULL, released_at_ms = $3 WHERE id IN (\
         SELECT id FROM effects WHERE platform = $1 AND state = 'held' AND held_in = $2 \
         ORDER BY coalesce(released_at_ms, 0), id LIMIT $4)";
    /// One effect that is held waits again.
    RELEASE_ONE =
        "UPDATE effects SET state = 'pending', held_in = NULL, released_at_ms = $2 \
         WHERE id = $1 AND state = 'held'";
    /// The card that is held in an order waits again.
    RELEASE_CARD =
        "UPDATE effects SET state = 'pending', held_in = NULL, released_at_ms = $2 \
         WHERE state = 'held' AND order_key = $1 AND kind = 'show_card'";
    /// What refuses effects, and how many.
    HELD_IN =
        "SELECT held_in, count(*) AS effects FROM effects WHERE platform = $1 AND state = 'held' GROUP BY held_in";
    /// What was held for too long.
    HELD_SINCE =
        "SELECT id, platform, kind, held_in, last_error FROM effects WHERE platform IN ('slack', 'discord') \
         AND state = 'held' AND held_at_ms < $1 ORDER BY platform, held_in, id LIMIT $2";
    /// It is held no more, and will not be sent.
    END_HELD =
        "UPDATE effects SET state = 'failed', what_json = '\"' || kind || '\"', held_in = NULL, settled_at_ms = $2, \
         posted_json = '[]' WHERE id = $1 AND state = 'held'";
    /// What somebody else left on the platform.
    POSTED = "SELECT posted_json FROM effects WHERE id = $1";
    /// Whoever was delivering it is dead, and may have delivered it at `$4` by the clock, or before.
    TAKE_OVER =
        "UPDATE effects SET state = 'pending', leased_at_ms = NULL, lease_until_ms = NULL, unsure = 1, unsure_at_ms = $4 \
         WHERE platform = $1 AND state = 'leased' AND lease_until_ms <= $2 AND leased_by IS DISTINCT FROM $3";
    /// A card is being posted into a channel, or may stand there, and no message is known of it.
    CARD_UNDER_WAY =
        "SELECT e.id FROM effects AS e WHERE e.id IN (\
         SELECT id FROM effects WHERE platform = $1 AND state = 'leased' \
         UNION ALL SELECT id FROM effects WHERE platform = $1 AND state = 'pending' AND unsure = 1) \
         AND e.kind = 'show_card' AND e.order_key = 'card:' || e.ticket_id || $2 \
         AND NOT EXISTS (SELECT 1 FROM standing AS s WHERE s.ticket_id = e.ticket_id AND s.card = 1 \
         AND s.platform = $1 AND s.place_channel = $3) LIMIT 1";
    /// What was tried since, and against which limits it counted.
    SPENT = "SELECT costs_json, tried_at_ms FROM effects WHERE platform = $1 AND tried_at_ms > $2";
    /// What failed for good, newest first.
    FAILED = listed!("WHERE e.state = 'failed' AND e.id < $1 ORDER BY e.id DESC LIMIT $2");
    /// What is held, newest first.
    HELD = listed!("WHERE e.state = 'held' AND e.platform IN ('slack', 'discord') AND e.id < $1 ORDER BY e.id DESC LIMIT $2");
    /// What waits, newest first.
    LISTED_WAITING =
        listed!("WHERE e.state IN ('pending', 'leased') AND e.order_key > '' AND e.id < $1 ORDER BY e.id DESC LIMIT $2");

    /// A named lease is taken or renewed.
    HOLD =
        "INSERT INTO holds (name, held_by, until_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET \
         held_by = excluded.held_by, until_ms = excluded.until_ms \
         WHERE holds.held_by = excluded.held_by OR holds.until_ms <= $4";
    /// A named lease is given back.
    LET_GO = "DELETE FROM holds WHERE name = $1 AND held_by = $2";

    /// How far the conversations of a tenant have been read.
    POSITIONS = "SELECT conversation, through FROM positions WHERE platform = $1 AND tenant = $2";
    /// A conversation has been read further.
    ADVANCE =
        "INSERT INTO positions (platform, tenant, conversation, through) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (platform, tenant, conversation) DO UPDATE SET through = excluded.through \
         WHERE length(excluded.through) > length(positions.through) \
         OR (length(excluded.through) = length(positions.through) AND excluded.through > positions.through)";
    /// Threads of tickets that are not closed, or were active since.
    LIVE_THREADS =
        "SELECT c.channel, c.root, CAST(0 AS BIGINT) AS private, t.active_at_ms FROM tickets AS t JOIN conversations AS c \
         ON c.ticket_id = t.id WHERE t.id IN (SELECT id FROM tickets \
         WHERE status IN ('new', 'in_progress', 'pending', 'resolved') \
         UNION SELECT id FROM tickets WHERE merged_into IS NULL AND active_at_ms > $3) \
         AND c.platform = $1 AND c.tenant = $2 AND c.root <> ''";
    /// Direct conversations of such tickets.
    LIVE_DIRECT =
        "SELECT origin_channel AS channel, '' AS root, CAST(1 AS BIGINT) AS private, active_at_ms FROM tickets \
         WHERE id IN (SELECT id FROM tickets WHERE status IN ('new', 'in_progress', 'pending', 'resolved') \
         UNION SELECT id FROM tickets WHERE merged_into IS NULL AND active_at_ms > $3) \
         AND private = 1 AND origin_platform = $1 AND origin_tenant = $2";
    /// What is on record of a channel, newest first.
    SAID_IN = records!(
        "WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message >= $4 ORDER BY message DESC LIMIT $5"
    );

    /// Tickets of a range on which an account has left anything. (`LIKE` may find more; who asks looks closely.)
    CONCERNED =
        "SELECT t.id FROM tickets AS t WHERE t.id > $1 AND t.id <= $2 AND (t.requester = $3 OR t.assignee = $3 \
         OR t.opened_by_json LIKE $4 OR t.status_json LIKE $4 \
         OR EXISTS (SELECT 1 FROM messages AS m WHERE m.ticket_id = t.id AND m.author_json LIKE $4) \
         OR EXISTS (SELECT 1 FROM audit AS a WHERE a.ticket_id = t.id AND (a.actor_json LIKE $4 OR a.fields_json LIKE $4))) \
         ORDER BY t.id";
    /// Tickets of a range that ended and have been quiet since a moment, and whose words have not gone since.
    EXPIRED =
        "SELECT t.id FROM tickets AS t WHERE t.id > $1 AND t.id <= $2 AND t.status IN ('closed', 'cancelled') \
         AND t.active_at_ms < $3 AND NOT EXISTS (SELECT 1 FROM audit AS a WHERE a.ticket_id = t.id \
         AND a.act = 'expired' AND a.at_ms >= t.active_at_ms) ORDER BY t.id";
    /// What was said on a ticket, with the numbers of its rows.
    NUMBERED_RECORDS =
        "SELECT id, ticket_id, platform, tenant, channel, message, author_json, voice, at_ms, text, edited_at_ms, \
         deleted_at_ms, joined FROM messages WHERE ticket_id = $1 ORDER BY at_ms, id";
    /// What was done on a ticket, with the numbers of its rows.
    NUMBERED_AUDIT =
        "SELECT id, ticket_id, at_ms, actor_json, act, from_json, fields_json FROM audit WHERE ticket_id = $1 ORDER BY id";
    /// Who said it, and what, is gone.
    ERASE_RECORD = "UPDATE messages SET author_json = $2, text = '', deleted_at_ms = $3 WHERE id = $1";
    /// Who did it is gone.
    ERASE_ENTRY = "UPDATE audit SET actor_json = $2, fields_json = $3 WHERE id = $1";
    /// What is still to be said about a ticket.
    WAITING_ABOUT =
        "SELECT id, what_json, state, unsure FROM effects \
         WHERE state IN ('pending', 'leased') AND order_key > '' AND ticket_id = $1 \
         UNION ALL SELECT id, what_json, state, unsure FROM effects \
         WHERE state = 'held' AND order_key > '' AND ticket_id = $1";
    /// What is still to be said to a person.
    WAITING_FOR =
        "SELECT id, what_json, state, unsure FROM effects WHERE state IN ('pending', 'leased') AND order_key = $1 \
         UNION ALL SELECT id, what_json, state, unsure FROM effects WHERE state = 'held' AND order_key = $1";
    /// It will not be said, if it is still what it was.
    WITHDRAW =
        "UPDATE effects SET state = 'done', what_json = '\"' || kind || '\"', last_error = 'withdrawn', held_in = NULL, \
         settled_at_ms = $3, posted_json = '[]' WHERE id = $1 AND state IN ('pending', 'held') AND what_json = $2";
    /// Mentions that were kept of a person go.
    FORGET_OPENINGS_OF = "DELETE FROM openings WHERE at_ms >= $1 AND author_json LIKE $2";
    /// What aliases are made with is kept, unless it is.
    KEEP_SALT = "INSERT INTO counters (name, value) VALUES ('salt', $1) ON CONFLICT (name) DO NOTHING";
    /// What aliases are made with.
    SALT = "SELECT value FROM counters WHERE name = 'salt'";

    /// An event could not be handled.
    BURY =
        "INSERT INTO dead_events (key, event_json, fault, buried_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (key) DO UPDATE SET event_json = excluded.event_json, fault = excluded.fault, \
         buried_at_ms = excluded.buried_at_ms, times = dead_events.times + 1";
    /// Events that could not be handled, oldest first.
    DEAD_EVENTS =
        "SELECT key, event_json, fault, times, buried_at_ms FROM dead_events ORDER BY buried_at_ms, key LIMIT $1";
    /// One of them was handled after all.
    EXHUME = "DELETE FROM dead_events WHERE key = $1";
    /// What was remembered by this name.
    REMEMBERED = "SELECT value FROM remembered WHERE name = $1";
    /// It is remembered by this name.
    KEEP_IN_MIND =
        "INSERT INTO remembered (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    /// Tickets that are not over and have no card in a channel, from behind one on.
    WITHOUT_CARD =
        "SELECT t.id FROM tickets AS t WHERE t.id > $1 AND t.status IN ('new', 'in_progress', 'pending', 'resolved') \
         AND t.merged_into IS NULL AND NOT EXISTS (SELECT 1 FROM standing AS s WHERE s.ticket_id = t.id AND s.card = 1 \
         AND s.platform = $2 AND s.tenant = $3 AND s.place_channel = $4) ORDER BY t.id LIMIT $5";

    /// Old facts are forgotten.
    TIDY_SEEN =
        "DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)";
    /// Old mentions are forgotten.
    TIDY_OPENINGS =
        "DELETE FROM openings WHERE (platform, tenant, channel, message) IN (SELECT platform, tenant, channel, message \
         FROM openings WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)";
    /// Old effects are forgotten.
    TIDY_EFFECTS =
        "DELETE FROM effects WHERE id IN (SELECT id FROM effects WHERE settled_at_ms < $1 ORDER BY settled_at_ms LIMIT $2)";

    /// How many tickets there are.
    TOTAL = "SELECT count(*) AS tickets FROM tickets";
    /// Numbers for operators.
    COUNTS =
        "SELECT (SELECT count(*) FROM tickets WHERE status IN ('new', 'in_progress', 'pending', 'resolved') \
         AND status <> 'resolved') AS open, \
         (SELECT count(*) FROM effects WHERE state IN ('pending', 'leased')) AS waiting, \
         (SELECT count(*) FROM effects WHERE state = 'leased') AS leased, \
         (SELECT count(*) FROM effects WHERE state = 'failed') AS failed, \
         (SELECT count(*) FROM effects WHERE state = 'held') AS held, \
         (SELECT count(*) FROM dead_events) AS dead, \
         (SELECT min(due_at_ms) FROM effects WHERE state IN ('pending', 'leased')) AS oldest_waiting_at_ms";
}
