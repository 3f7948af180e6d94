use super::*;

fn text(path: &str, text: &str) -> Result<Filed, String> {
    read(path, text.as_bytes())
}

#[test]
fn a_file_says_everything_in_its_front_matter() -> Result<(), String> {
    let filed = text(
        "network/home/vpn.md",
        "\u{feff}---\r\ntitle: \"VPN: drops\"\r\nsummary: |\r\n  Turn off\r\n  band steering.\r\nservice: VPN\r\ntags: router, VPN\r\n\
         language: de-AT\r\naudience: agents\r\nstatus: draft\r\nowner: slack:U1\r\nsource: it-7\r\nreview: 2027-06-30\r\n\
         url: https://wiki.example/a b\r\nlayout: post\r\n---\r\n\r\nText.\r\n",
    )?;
    assert_eq!(filed.content.title, "VPN: drops");
    assert_eq!(filed.content.summary, "Turn off band steering.");
    assert_eq!(filed.content.body, "Text.");
    assert_eq!(filed.content.tags, ["network", "home", "router", "VPN"]);
    assert_eq!(filed.content.language.as_deref(), Some("de"));
    assert_eq!(filed.content.audience, Audience::Agents);
    assert_eq!(filed.content.url.as_deref(), Some("https://wiki.example/a%20b"));
    assert_eq!(filed.content.review_at.map(|at| at.to_string()).as_deref(), Some("2027-06-30T00:00:00Z"));
    assert_eq!(filed.status, Some(ArticleStatus::Draft));
    assert_eq!(filed.owner.map(|who| who.to_string()).as_deref(), Some("slack:U1"));
    assert_eq!(filed.source.map(|key| key.to_string()).as_deref(), Some("IT-7"));
    assert_eq!(filed.ignored, ["layout"]);
    Ok(())
}

#[test]
fn a_heading_is_a_title_and_lists_of_tags_are_lists() -> Result<(), String> {
    let filed = text("a.md", "# Guest *Wi-Fi*\n\nAsk at the reception.\n")?;
    assert_eq!((filed.content.title.as_str(), filed.content.body.as_str()), ("Guest Wi-Fi", "Ask at the reception."));
    let filed = text("a.md", "---\ntitle: A\ntags: [b, \" \", c, B]\n---\ntext")?;
    assert_eq!(filed.content.tags, ["b", "c"]);
    let filed = text("a.md", "---\n---\n# A\ntext")?;
    assert_eq!(filed.content.title, "A");
    // A horizontal rule in the middle of a text is no front matter.
    let filed = text("a.md", "# A\n\ntext\n\n---\n\nmore")?;
    assert_eq!(filed.content.body, "text\n\n---\n\nmore");
    Ok(())
}

#[test]
fn what_cannot_be_read_says_why() {
    let long = "x".repeat(LONGEST_BODY + 1);
    for (given, why) in [
        ("---\ntitle: [x\n---\nhi", "front matter cannot be read: line 1"),
        ("---\ntitle: a\ntitle: b\n---\nhi", "duplicate"),
        ("---\ntitle: a\nhi", "has no end"),
        ("no title at all", "it has no title"),
        ("# \n\ntext", "it has no title"),
        ("---\ntitle: a\n---\n\n", "it says nothing"),
        ("---\ntitle: a\nreview: soon\n---\nhi", "review: \"soon\" is no day"),
        ("---\ntitle: a\nlanguage: tlh\n---\nhi", "none of the languages en, de"),
        ("---\ntitle: a\naudience: nobody\n---\nhi", "audience: \"nobody\" is none"),
        ("---\ntitle: a\nstatus: new\n---\nhi", "draft, published or retired"),
        ("---\ntitle: a\nowner: Mia\n---\nhi", "an account, like slack:U0123456789"),
        ("---\ntitle: a\nsource: 7\n---\nhi", "source"),
        ("---\ntitle: a\nurl: javascript:alert(1)\n---\nhi", "https://"),
        ("---\ntitle: a\nurl: nowhere\n---\nhi", "no address"),
        ("zero\0byte", "zero bytes"),
        (long.as_str(), "split it, or make it a link"),
        (&format!("---\ntitle: {}\n---\nhi", "t".repeat(LONGEST_TITLE + 1)), "its title has 151 characters"),
    ] {
        let said = text("a.md", given).expect_err(given.get(..30).unwrap_or(given));
        assert!(said.contains(why), "{given:.60}: {said}");
        assert!(!said.contains('\n'), "{said}");
    }
    assert!(read("a.md", b"\xff\xfe\x00").is_err_and(|why| why.contains("UTF-8")));
}

#[test]
fn nothing_odd_makes_the_reader_panic() {
    let bomb = format!(
        "---\na: &a [x]\n{}---\nhi",
        (0..40).map(|n| format!("b{n}: [*a, *a, *a, *a, *a]\n")).collect::<String>()
    );
    for odd in [
        "",
        "---",
        "---\n",
        "---\n---",
        "---\n---\n",
        "---\n- a\n---\nhi",
        "---\n{}\n---\n# A\nb",
        "\u{202e}---\n",
        &bomb,
    ] {
        let _ = text("a.md", odd);
    }
    assert!(text("a.md", "---\n- a\n---\nhi").is_err());
}
