//! Describes the messages before a message by numbers, for the classifier.

/// What is known about the messages before a message that mentions a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Whether the mentioned person has written in the place lately.
    pub mentioned_spoke: bool,
    /// How many of the last messages the mentioned person wrote (at most 15).
    pub of_mentioned: u8,
    /// How many of the last messages the writer wrote (at most 15), if the writer is in a conversation with somebody;
    /// otherwise 0.
    pub of_writer: u8,
    /// Whether the last message of another person asks something.
    pub other_asked: bool,
    /// Whether somebody has mentioned the writer lately: the two are in a conversation.
    pub writer_was_mentioned: bool,
    /// Whether the writer is in a conversation with somebody and also wrote the message just before.
    pub goes_on: bool,
    /// How many minutes have passed since the last message (at most 60).
    pub quiet_minutes: u8,
}

/// The name of the first number: the score of the message alone.
pub(super) const ALONE: &str = "alone";

/// The names of the numbers, in the order of the model.
pub const NAMES: [&str; 8] =
    [ALONE, "mentioned_spoke", "of_mentioned", "of_writer", "other_asked", "writer_was_mentioned", "goes_on", "quiet"];

/// Returns the words that tell people what a number says about the messages before; `None` for other names.
pub(super) fn describe_reason(name: &str) -> Option<&'static str> {
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
    /// Returns the numbers in the order of [`NAMES`]. The first is the score of the message alone, as a logit.
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
