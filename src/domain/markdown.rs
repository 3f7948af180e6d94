//! Markdown, the format of articles.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::message::{Line, Span};
use super::plain::is_bidi_control;

/// The extensions that are understood besides CommonMark (<https://spec.commonmark.org>).
const UNDERSTOOD: Options =
    Options::ENABLE_STRIKETHROUGH.union(Options::ENABLE_TASKLISTS).union(Options::ENABLE_TABLES);

/// The greatest depth of nested lists that is shown.
const DEEPEST: usize = 5;

/// Returns the words of a text without its markup, each block on lines of its own. The target of a link is left out; an
/// image is replaced by its description.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let is_block = |tag: &TagEnd| {
        !matches!(tag, TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image)
    };
    for event in Parser::new_ext(text, UNDERSTOOD) {
        match event {
            Event::Text(said) | Event::Code(said) => words.push_str(&said),
            Event::Html(html) | Event::InlineHtml(html) => words.push_str(&not_html(&html)),
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

/// Returns a text as lines of a message, with an empty line between blocks.
#[must_use]
pub fn lines(text: &str) -> Vec<Line> {
    let mut writer = Writer::default();
    for event in Parser::new_ext(text, UNDERSTOOD) {
        writer.take(event);
    }
    writer.end_line();
    while writer.lines.last().is_some_and(|line| line.0.is_empty()) {
        writer.lines.pop();
    }
    writer.lines
}

/// Makes lines from the parser's events.
#[derive(Default)]
struct Writer {
    lines: Vec<Line>,
    line: Vec<Span>,
    /// The open lists, each with the number of the next item if the list is numbered.
    lists: Vec<Option<u64>>,
    /// The target and the label of the open link or image.
    link: Option<(String, String)>,
    /// The number of open images inside the link.
    images: usize,
    strong: Option<String>,
    code: Option<String>,
    is_heading: bool,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Text(words) => self.words(&words),
            Event::Code(words) => self.words(&format!("`{words}`")),
            Event::SoftBreak => self.words(" "),
            Event::HardBreak => self.end_line(),
            Event::Rule => {
                self.gap();
                self.words("———");
                self.end_line();
            }
            Event::TaskListMarker(is_done) => self.words(if is_done { "☑ " } else { "☐ " }),
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            // HTML is not shown, except text that merely looks like HTML: a placeholder such as <host name>.
            Event::InlineHtml(html) if html.starts_with("<br") => self.end_line(),
            Event::Html(html) | Event::InlineHtml(html) => {
                let words = not_html(&html).replace('\n', " ");
                if !words.trim().is_empty() {
                    self.words(&words);
                }
            }
            Event::FootnoteReference(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::Table(_) | Tag::BlockQuote(_) if self.lists.is_empty() => self.gap(),
            Tag::Heading { .. } => {
                self.gap();
                self.is_heading = true;
                self.strong = Some(String::new());
            }
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.gap()
                } else {
                    self.end_line()
                }
                self.lists.push(first);
            }
            Tag::Item => {
                self.end_line();
                let depth = self.lists.len().saturating_sub(1);
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "• ".to_owned(),
                };
                self.line.push(Span::Said(format!("{}{mark}", "    ".repeat(depth.min(DEEPEST)))));
            }
            Tag::CodeBlock(_) => {
                self.end_line();
                self.code = Some(String::new());
            }
            Tag::Strong if self.strong.is_none() => self.strong = Some(String::new()),
            // The description of an image inside a link becomes the link's label.
            Tag::Image { .. } if self.link.is_some() => self.images += 1,
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.end_strong();
                self.link = Some((dest_url.into_string(), String::new()));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Item | TagEnd::TableRow | TagEnd::TableHead => self.end_line(),
            TagEnd::Heading(_) => {
                self.is_heading = false;
                self.end_strong();
                self.end_line();
            }
            TagEnd::Strong if !self.is_heading => self.end_strong(),
            TagEnd::List(_) => {
                self.end_line();
                self.lists.pop();
            }
            TagEnd::TableCell => self.words("  "),
            TagEnd::CodeBlock => {
                if let Some(code) = self.code.take() {
                    self.lines.push(Line(vec![Span::Code(code)]));
                }
            }
            TagEnd::Image if self.images > 0 => self.images -= 1,
            TagEnd::Link | TagEnd::Image => {
                if let Some((to, label)) = self.link.take() {
                    // A label must not look like another address.
                    let is_dressed = label.contains("://") || label.trim_start().starts_with("www.");
                    let label =
                        if label.trim().is_empty() || (is_dressed && label.trim() != to) { to.clone() } else { label };
                    let is_address = to.starts_with("https://") || to.starts_with("http://");
                    if is_address { self.line.push(Span::Web { to, label }) } else { self.words(&label) }
                }
            }
            _ => {}
        }
    }

    fn words(&mut self, words: &str) {
        if let Some(code) = &mut self.code {
            code.push_str(words);
        } else if let Some((_, label)) = &mut self.link {
            label.push_str(words);
        } else if let Some(strong) = &mut self.strong {
            strong.push_str(words);
        } else if let Some(Span::Written(before)) = self.line.last_mut() {
            before.push_str(words);
        } else {
            self.line.push(Span::Written(words.to_owned()));
        }
    }

    /// Ends emphasised words. Words with characters that could mean something to a platform are neutralised instead of
    /// emphasised.
    fn end_strong(&mut self) {
        let Some(words) = self.strong.take().filter(|words| !words.is_empty()) else { return };
        let means_something = |c: char| "<>@[]*_~|`#\\".contains(c) || is_bidi_control(c);
        if words.contains(means_something) {
            self.words(&words);
        } else {
            self.line.push(Span::Strong(words));
        }
    }

    fn end_line(&mut self) {
        self.end_strong();
        if !self.line.is_empty() {
            self.lines.push(Line(std::mem::take(&mut self.line)));
        }
    }

    /// Adds an empty line, if there is text before it.
    fn gap(&mut self) {
        self.end_line();
        if self.lines.last().is_some_and(|line| !line.0.is_empty()) {
            self.lines.push(Line::default());
        }
    }
}

/// Returns a piece of HTML without its comments, declarations and known elements.
fn not_html(html: &str) -> String {
    let (mut words, mut rest) = (String::new(), html);
    while let Some(at) = rest.find('<') {
        words.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with("<!--") {
            rest.find("-->").map(|end| end + 3)
        } else {
            rest.find('>').map(|end| end + 1)
        };
        let Some(end) = end else { break };
        let name: String = rest[1..].trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let is_comment = rest.starts_with("<!--") || rest.starts_with("<?");
        if !is_comment && !ELEMENTS.contains(&name.to_ascii_lowercase().as_str()) {
            words.push_str(&rest[..end]);
        }
        rest = &rest[end..];
    }
    words + rest
}

/// Elements of HTML that are written in Markdown (<https://html.spec.whatwg.org/multipage/indices.html#elements-3>).
const ELEMENTS: [&str; 69] = [
    "a",
    "abbr",
    "address",
    "article",
    "aside",
    "audio",
    "b",
    "big",
    "blockquote",
    "br",
    "button",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "iframe",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "script",
    "section",
    "small",
    "span",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "video",
];

/// Returns the heading of the first rank that a text begins with, if any, and the text behind it.
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
    fn a_message_has_the_lines_of_the_text() {
        let text = "It **ends** `often`.\n\n## Steps\n\n1. Open the [portal](https://desk.example/vpn)\n   - or *ask*\n2. Look at ![the light](https://desk.example/i.png)\n\n```\nipconfig\n```\n\n<b>html</b> [bad](javascript:x) **@here**";
        let written = |words: &str| Span::Written(words.to_owned());
        let said = |words: &str| Span::Said(words.to_owned());
        let web = |to: &str, label: &str| Span::Web { to: to.to_owned(), label: label.to_owned() };
        let expected = vec![
            vec![written("It "), Span::Strong("ends".to_owned()), written(" `often`.")],
            vec![],
            vec![Span::Strong("Steps".to_owned())],
            vec![],
            vec![said("1. "), written("Open the "), web("https://desk.example/vpn", "portal")],
            vec![said("    • "), written("or ask")],
            vec![said("2. "), written("Look at "), web("https://desk.example/i.png", "the light")],
            vec![Span::Code("ipconfig\n".to_owned())],
            vec![],
            vec![written("html bad @here")],
        ];
        let lines: Vec<Vec<Span>> = lines(text).into_iter().map(|line| line.0).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_only_looks_like_html_is_shown() {
        let said = |text: &str| {
            let said = |span: &Span| match span {
                Span::Written(words) | Span::Said(words) | Span::Strong(words) => words.clone(),
                other => format!("{other:?}"),
            };
            let lines = lines(text);
            lines.iter().map(|line| line.0.iter().map(said).collect::<String>()).collect::<Vec<_>>().join("|")
        };
        assert_eq!(said("ping <host name> now"), "ping <host name> now");
        assert_eq!(said("2. <!channel> @everyone: ask"), "2. <!channel> @everyone: ask");
        assert_eq!(said("<your-key>\nand more"), "<your-key> and more");
        assert_eq!(said("one<br>two <!-- not said --> <b>three</b>"), "one|two  three");
        assert_eq!(said("<div class=\"x\">\n\nInside\n\n</div>"), "Inside");
        assert_eq!(plain("ping <host name> <i>now</i>"), "ping <host name> now");
    }

    #[test]
    fn no_markup_is_more_than_it_looks_like() {
        let nested = "- ".repeat(20_000) + "x";
        assert!(lines(&nested).iter().all(|line| line.0.len() < 4));
        let web = |to: &str, label: &str| Span::Web { to: to.to_owned(), label: label.to_owned() };
        let first = |text: &str| lines(text).remove(0).0;
        assert_eq!(
            first("[![alt](https://desk.example/i.png)](https://target.example/)"),
            [web("https://target.example/", "alt")]
        );
        assert_eq!(
            first("[https://sso.example](https://evil.example/)"),
            [web("https://evil.example/", "https://evil.example/")]
        );
        for heading in ["# a\\", "# a\u{202e}b", "# @here", "# <@U1>"] {
            assert!(matches!(first(heading)[..], [Span::Written(_)]), "{heading}");
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
