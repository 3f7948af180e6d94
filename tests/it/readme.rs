//! The README's table of commands is made from the declarations of the acts.

use std::path::Path;

use deskbell::domain::act::{On, Spec};
use deskbell::intake::acts;

const BEGIN: &str = "<!-- commands -->\n";
const END: &str = "<!-- end of commands -->";

/// Compares the table in the README. With `UPDATE_EXPECT=1` it is written anew.
#[test]
fn the_readme_lists_every_command() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("it is there");
    let (before, rest) = readme.split_once(BEGIN).expect("the table begins");
    let (shown, after) = rest.split_once(END).expect("the table ends");
    let table = table();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect("it can be written");
    } else {
        assert_eq!(shown, table, "run this test with UPDATE_EXPECT=1 to write the table anew");
    }
}

fn table() -> String {
    let head = "| in a thread: `@desk …` | elsewhere: `/desk …` | what it does | who |\n|---|---|---|---|\n";
    let row = |spec: &Spec| {
        let command = spec.command?;
        let usage = spec.usage();
        let elsewhere = match spec.on {
            On::Nothing => usage.clone(),
            On::Ticket => usage.replacen(spec.name, &format!("{} IT-1042", spec.name), 1),
        };
        // Free words in a mention are a request. So an act without a ticket that takes free words is no command there.
        let is_request = spec.on == On::Nothing && spec.takes_words();
        let here = match (command.is_plain_in_thread, is_request) {
            (true, _) => "just write".to_owned(),
            (false, true) => "–".to_owned(),
            (false, false) => format!("`{usage}`"),
        };
        let (says, who) = (command.says, spec.may.who());
        Some(format!("| {here} | `{elsewhere}` | {says} | {who} |\n"))
    };
    acts().filter_map(row).fold(head.to_owned(), |table, row| table + &row)
}
