//! The page of state diagrams is made from the tables of transitions in the code.

use std::collections::BTreeMap;

use deskbell::desk::tickets;
use deskbell::domain::machine::Step;
use deskbell::domain::{article, outage};
use deskbell::store::outbox;
use expect_test::expect_file;

const HEAD: &str = "# States of tickets, effects, articles and outages

This page shows how the four things that have states change. It is made of the tables `STEPS` in the code by the test
`states::the_page_shows_the_tables`; `UPDATE_EXPECT=1 cargo test --test it states::` writes it anew.
";

/// Returns a section with a diagram in Mermaid's language: <https://mermaid.js.org/syntax/stateDiagram.html>.
fn diagram(title: &str, says: &str, steps: &[Step]) -> String {
    let mut by: BTreeMap<(usize, &str), Vec<&str>> = BTreeMap::new();
    for step in steps {
        // Arrows are in the order of the table.
        let first = steps.iter().position(|other| (other.from, other.to) == (step.from, step.to)).unwrap_or_default();
        by.entry((first, step.to)).or_default().push(step.by);
    }
    let arrows = by.iter().map(|((first, to), by)| format!("    {} --> {to}: {}\n", steps[*first].from, by.join(", ")));
    format!("\n## {title}\n\n{says}\n\n```mermaid\nstateDiagram-v2\n{}```\n", arrows.collect::<String>())
}

#[test]
fn the_page_shows_the_tables() {
    let page = [
        HEAD.to_owned(),
        diagram(
            "Ticket",
            "`desk::tickets::state`. A ticket that was merged into another one is cancelled and cannot be reopened.",
            &tickets::state::STEPS,
        ),
        diagram(
            "Effect",
            "`store::outbox`. An effect is one thing to do on a platform. Its texts are deleted once it is done or failed.",
            &outbox::STEPS,
        ),
        diagram(
            "Article",
            "`domain::article`. `import` reads files; `prune` retires articles whose file is gone.",
            &article::STEPS,
        ),
        diagram("Outage", "`domain::outage`. Nobody but its author sees a draft.", &outage::STEPS),
    ];
    expect_file!["../../docs/architecture/states.md"].assert_eq(&page.concat());
}
