//! The platforms' limits, in one table: the dispatcher obeys them, the sandbox enforces them, and benchmarks compute
//! bounds from them.
//!
//! Sources: <https://docs.slack.dev/apis/web-api/rate-limits/>, <https://docs.slack.dev/reference/block-kit/blocks/>,
//! <https://docs.discord.com/developers/topics/rate-limits>, <https://docs.discord.com/developers/resources/message>.

use std::time::Duration;

/// At most `count` calls in any window of `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub count: u32,
    pub per: Duration,
}

/// A limit that a call counts against. Calls with a limit of the same name share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub name: &'static str,
    pub rate: Rate,
    /// Whether broadcasts leave half of it, not just a hundredth, to tickets.
    pub is_halved: bool,
}

impl Limit {
    /// Returns a limit of which broadcasts leave a hundredth to tickets.
    #[must_use]
    pub const fn shared(name: &'static str, rate: Rate) -> Self {
        Self { name, rate, is_halved: false }
    }

    /// Returns a limit of which broadcasts leave half to tickets.
    #[must_use]
    pub const fn halved(name: &'static str, rate: Rate) -> Self {
        Self { name, rate, is_halved: true }
    }
}

const fn rate(count: u32, secs: u64) -> Rate {
    Rate { count, per: Duration::from_secs(secs) }
}

/// The greatest number of mirrored lines in one message. More are hard to read at once.
pub const JOINED_LINES: usize = 10;

/// The most bytes of a link's address. A message cannot be cut inside a link, so a link that is longer is shown as its
/// label alone.
pub const LINK_CHARS: usize = 1_500;

/// An answer that is later than this apologises for the delay.
pub const UNTIMELY: Duration = Duration::from_secs(10 * 60);
/// If changing all copies of an announcement takes longer than this, its news are also posted beside the copies.
pub const SLOW_NEWS: Duration = Duration::from_secs(10 * 60);
/// How long an effect is held at most until an operator mends the cause.
pub const HELD_AT_MOST: Duration = Duration::from_secs(30 * 24 * 3600);

/// The most characters of one message that a line under a card shows: a few posts on Discord. The rest can be read in
/// the original message.
pub const LINE_CHARS: usize = 8_000;

/// Slack's limits. Its documentation groups the methods of the Web API in tiers 1 to 4 by their rate.
pub mod slack {
    use super::{Duration, Rate, rate};

    /// Messages by `chat.postMessage`, per channel.
    pub const POST_PER_CHANNEL: Rate = rate(1, 1);
    /// Posts of the whole workspace ("several hundred" is documented).
    pub const POST_PER_WORKSPACE: Rate = rate(300, 60);
    /// `chat.update`, per workspace (tier 3).
    pub const UPDATE: Rate = rate(50, 60);
    /// The half of [`UPDATE`] that broadcasts may use; the other half is left to tickets.
    pub const BROADCAST_UPDATE: Rate = rate(25, 60);
    /// `chat.delete`, per workspace (tier 3).
    pub const DELETE: Rate = rate(50, 60);
    /// `reactions.add` and `reactions.remove`, per workspace (tier 3 and tier 2: the smaller limit for both).
    pub const REACTION: Rate = rate(20, 60);
    /// `chat.postEphemeral`, per workspace (tier 4).
    pub const EPHEMERAL: Rate = rate(100, 60);
    /// `conversations.history` and `conversations.replies`, each (tier 3, internal apps).
    pub const HISTORY: Rate = rate(50, 60);
    /// Everything else that the bot calls (tier 4; `conversations.open` is tier 3 and called rarely).
    pub const OTHER: Rate = rate(100, 60);
    /// Events that Slack delivers to one app per workspace.
    pub const EVENTS: Rate = rate(30_000, 3600);
    /// Characters of `text` in one message before Slack advises against it.
    pub const TEXT_CHARS: usize = 4_000;
    /// Characters of `text` above which Slack truncates.
    pub const TEXT_CHARS_MAX: usize = 40_000;
    /// Characters of the text in one section block.
    pub const BLOCK_TEXT_CHARS: usize = 3_000;
    /// Characters of lines that share a message: one section of [`BLOCK_TEXT_CHARS`], with room for its frame.
    pub const JOINED_CHARS: usize = 2_900;
    /// Blocks in one message.
    pub const BLOCKS: usize = 50;
    /// Blocks in one modal.
    pub const MODAL_BLOCKS: usize = 100;
    /// Characters of a modal's title, submit and close labels.
    pub const MODAL_TITLE_CHARS: usize = 24;
    /// Characters of a button's label.
    pub const BUTTON_CHARS: usize = 75;
    /// Characters of an `action_id` or `block_id`.
    pub const ACTION_ID_CHARS: usize = 255;
    /// Characters of a modal's `private_metadata`.
    pub const PRIVATE_METADATA_CHARS: usize = 3_000;
    /// Elements in one actions block.
    pub const ACTIONS: usize = 25;
    /// Elements in one block of contextual actions.
    pub const CONTEXT_ACTIONS: usize = 5;
    /// Rows of a table, including its header. (Sources differ; this is the stricter figure.)
    pub const TABLE_ROWS: usize = 100;
    /// Columns of a table.
    pub const TABLE_COLUMNS: usize = 20;
    /// Characters of all tables of one message.
    pub const TABLE_CHARS: usize = 10_000;
    /// Characters of a cell that are shown: our own limit.
    pub const TABLE_CELL_CHARS: usize = 150;
    /// Rows that a table shows at once; the rest is paged.
    pub const TABLE_PAGE: usize = 15;
    /// Time within which Slack wants an acknowledgement.
    pub const ACK: Duration = Duration::from_secs(3);
    /// How long a `trigger_id` opens a modal.
    pub const TRIGGER: Duration = Duration::from_secs(3);
    /// How long a `response_url` works.
    pub const RESPONSE_URL: Duration = Duration::from_secs(30 * 60);
    /// How often a `response_url` works.
    pub const RESPONSE_URL_USES: u32 = 5;
    /// How long after a post the history may not show it yet. Others have seen a "propagation lag" of a few seconds
    /// (korotovsky/slack-mcp-server pull request 284); this is several times that.
    pub const HISTORY_LAG: Duration = Duration::from_secs(10);
    /// The greatest difference between a request's time stamp and this machine's time.
    pub const SIGNATURE_WINDOW: Duration = Duration::from_secs(5 * 60);
}

/// Discord's limits. Rates "by Discord's headers" are not documented: Discord names them in its answers.
pub mod discord {
    use super::{Duration, Rate, rate};

    /// Messages, per channel (by Discord's headers).
    pub const POST_PER_CHANNEL: Rate = rate(5, 5);
    /// Reactions, per channel (by Discord's headers: one in a quarter of a second).
    pub const REACTION_PER_CHANNEL: Rate = Rate { count: 1, per: Duration::from_millis(250) };
    /// Requests of the whole bot, except answers to interactions.
    pub const REQUESTS: Rate = rate(50, 1);
    /// Edits of messages older than an hour, per channel.
    pub const EDIT_OLD_PER_CHANNEL: Rate = rate(3, 6);
    /// Age from which [`EDIT_OLD_PER_CHANNEL`] holds.
    pub const EDIT_OLD_AGE: Duration = Duration::from_secs(3600);
    /// Refusals (401, 403, 429) after which Discord bans the address.
    pub const REFUSALS: Rate = rate(10_000, 600);
    /// Characters of one message.
    pub const TEXT_CHARS: usize = 2_000;
    /// Characters of lines that share a message: [`TEXT_CHARS`], with room for its frame.
    pub const JOINED_CHARS: usize = 1_900;
    /// Characters of a thread's name.
    pub const THREAD_NAME_CHARS: usize = 100;
    /// Characters of a `custom_id`.
    pub const CUSTOM_ID_CHARS: usize = 100;
    /// Characters of a button's label.
    pub const BUTTON_CHARS: usize = 80;
    /// Rows of components in one message.
    pub const ROWS: usize = 5;
    /// Buttons in one row.
    pub const BUTTONS_PER_ROW: usize = 5;
    /// Options of one select menu.
    pub const OPTIONS: usize = 25;
    /// Text inputs of one modal.
    pub const MODAL_INPUTS: usize = 5;
    /// Characters of a modal's title and of an input's label.
    pub const MODAL_TITLE_CHARS: usize = 45;
    /// Characters of a text input's value.
    pub const INPUT_CHARS: usize = 4_000;
    /// Characters of a message's nonce.
    pub const NONCE_CHARS: usize = 25;
    /// How long `enforce_nonce` recognises a nonce ("past few minutes" is documented).
    pub const NONCE_WINDOW: Duration = Duration::from_secs(120);
    /// How long after a post the history may not show it yet. Discord answers a repeated post within [`NONCE_WINDOW`]
    /// with the first one, and no lag is longer than that window.
    pub const HISTORY_LAG: Duration = Duration::ZERO;
    /// Active threads of one guild.
    pub const ACTIVE_THREADS: usize = 1_000;
    /// Channels of one guild.
    pub const CHANNELS: usize = 500;
    /// Time within which Discord wants the first answer to an interaction.
    pub const INTERACTION_ACK: Duration = Duration::from_secs(3);
    /// How long an interaction's token works.
    pub const INTERACTION_TOKEN: Duration = Duration::from_secs(15 * 60);
}
