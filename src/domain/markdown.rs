//! Markdown, as articles are written in.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What is understood beside the common rules (<https://spec.commonmark.org>).
const UNDERSTOOD: Options =
    Options::ENABLE_STRIKETHROUGH.union(Options::ENABLE_TASKLISTS).union(Options::ENABLE_TABLES);

/// The words of a text without its markup, each block on lines of its own. What is behind a link is not said, and of an image what
/// stands in its place.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let is_block = |tag: &TagEnd| {
        !matches!(tag, TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image)
    };
    for event in Parser::new_ext(text, UNDERSTOOD) {
        match event {
            Event::Text(said) | Event::Code(said) => words.push_str(&said),
            Event::SoftBreak => words.push(' '),
            Event::HardBreak | Event::Rule => words.push('\n'),
            Event::End(TagEnd::TableCell) => words.push(' '),
            Event::End(tag) if is_block(&tag) && !words.ends_with('\n') => words.push('\n'),
            _ => {}
        }
    }
    words.truncate(words.trim_end().len());
    words
}

/// The first heading of the first rank, if a text begins with one, and the text behind it.
#[must_use]
pub fn titled(text: &str) -> Option<(String, &str)> {
    let mut title = String::new();
    let mut is_title = false;
    for (event, range) in Parser::new_ext(text, UNDERSTOOD).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level: pulldown_cmark::HeadingLevel::H1, .. }) => is_title = true,
            Event::Text(said) | Event::Code(said) if is_title => title.push_str(&said),
            Event::End(TagEnd::Heading(_)) if is_title => {
                let title = title.trim().to_owned();
                return (!title.is_empty()).then(|| (title, text[range.end..].trim_start_matches(['\n', '\r'])));
            }
            _ if is_title => {}
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_without_markup() {
        let text = "Your **VPN** ends `often`.\n\n## Steps\n\n1. Open the [portal](https://desk.example/vpn)\n2. Look at\n   ![the light](https://desk.example/i.png)\n\n```\nipconfig /release\n```\n\n<b>bold</b> & \\*stars\\*";
        assert_eq!(
            plain(text),
            "Your VPN ends often.\nSteps\nOpen the portal\nLook at the light\nipconfig /release\nbold & *stars*"
        );
        assert_eq!(plain(""), "");
    }

    #[test]
    fn odd_markup_is_words_nevertheless() {
        for odd in [
            "[unclosed](",
            "```",
            "| a | b\n|--|",
            "****",
            "<script>",
            "\u{0}\u{feff}",
            &"> ".repeat(5_000),
            &"[".repeat(20_000),
        ] {
            assert!(plain(odd).len() <= odd.len() + 1, "{odd:.20}");
        }
    }

    #[test]
    fn a_text_may_begin_with_its_title() {
        assert_eq!(titled("# VPN `drops`\n\nText"), Some(("VPN drops".to_owned(), "Text")));
        assert_eq!(titled("VPN\n===\nText"), Some(("VPN".to_owned(), "Text")));
        for other in ["Text\n# Later", "## Second", "#\n\nText", ""] {
            assert_eq!(titled(other), None, "{other}");
        }
    }
}
