//! What was said before a message, as numbers.

/// What was said before a message, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Whoever is mentioned has spoken in the place lately.
    pub mentioned_spoke: bool,
    /// So many of the last messages are of whoever is mentioned (at most 15).
    pub of_mentioned: u8,
    /// So many of the last messages are of the writer (at most 15), if the writer is in a conversation with somebody: 0 else.
    pub of_writer: u8,
    /// The last message of another than the writer asks something.
    pub other_asked: bool,
    /// Somebody has mentioned the writer lately: the two are in a conversation.
    pub writer_was_mentioned: bool,
    /// The writer is in a conversation with somebody, and the message just before is the writer's.
    pub goes_on: bool,
    /// So many minutes have passed since anything was said (at most 60).
    pub quiet_minutes: u8,
}

/// What the message alone says.
pub(super) const ALONE: &str = "alone";

/// The names of the numbers.
pub const NAMES: [&str; 8] =
    [ALONE, "mentioned_spoke", "of_mentioned", "of_writer", "other_asked", "writer_was_mentioned", "goes_on", "quiet"];

/// What a number shows.
pub(super) fn says(name: &str) -> Option<&'static str> {
    Some(match name {
        "mentioned_spoke" | "of_mentioned" => "whoever is mentioned takes part in the conversation",
        "of_writer" => "the writer takes part in the conversation",
        "other_asked" => "somebody asked just before",
        "writer_was_mentioned" => "somebody has just spoken to the writer",
        "goes_on" => "the writer goes on",
        "quiet" => "nobody spoke just before",
        _ => return None,
    })
}

impl Context {
    /// The numbers, in the order of [`NAMES`]; the first is what the message alone says, as a logit.
    #[must_use]
    pub fn numbers(&self, alone: f32) -> [f32; NAMES.len()] {
        let yes = |is: bool| f32::from(u8::from(is));
        [
            alone,
            yes(self.mentioned_spoke),
            (1.0 + f32::from(self.of_mentioned.min(15))).ln(),
            (1.0 + f32::from(self.of_writer.min(15))).ln(),
            yes(self.other_asked),
            yes(self.writer_was_mentioned),
            yes(self.goes_on),
            (1.0 + f32::from(self.quiet_minutes.min(60))).ln(),
        ]
    }
}
