//! What a page of the console asks of the database, question by question.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use incident::Journal;
use incident::desk::{Access, Condition, Desk, Facet, Field, Order, Scalar, Search, Sort};

use crate::fill::{DAY, now};

/// Asks each question once and prints how long it took.
pub(crate) async fn ask(journal: Arc<Journal>) -> Result<()> {
    let desk = Desk::new(journal);
    let all = Access::everything();
    let number = |field, value| Condition::Is(field, vec![Scalar::Number(value)]);
    let status = |name: &str| Condition::is(Field::Status, name);
    let cases = [
        ("everything", Condition::everything()),
        ("New", status("New")),
        (
            "New or In Process",
            Condition::Is(Field::Status, vec![Scalar::Text("New".into()), Scalar::Text("In Process".into())]),
        ),
        (
            "New, high, one policy",
            status("New").and(number(Field::Severity, 1)).and(number(Field::PolicyId, 3)),
        ),
        ("a rare pair", status("Escalated").and(number(Field::Severity, 4))),
        ("held", number(Field::PreventStatus, 21)),
        ("one sender", Condition::is(Field::Sender, "user17@company.example")),
        ("one recipient", Condition::is(Field::Recipient, "r99@partner.example")),
        ("a week", Condition::Compare(Field::ReceivedAt, Order::Less, Scalar::Number(now() - 300 * DAY))),
    ];
    for (name, condition) in &cases {
        for sort in [Sort::Received, Sort::Severity, Sort::Status] {
            let search = Search { condition: condition.clone(), sort, ..Search::default() };
            let began = Instant::now();
            let page = desk.page(&all, &search).await?;
            let first = began.elapsed();
            let began = Instant::now();
            let after = page.rows.last().map(|line| line.key.clone());
            desk.page(&all, &Search { after, ..search }).await?;
            println!("{name:<24} by {sort:?}: page {first:>9.1?}, next {:>9.1?}", began.elapsed());
        }
        let began = Instant::now();
        let found = desk.count(&all, condition).await?;
        println!("{name:<24} count {found}: {:.1?}", began.elapsed());
    }
    let days = (now() / DAY - 29, now() / DAY);
    for facet in [Facet::Policy, Facet::Severity, Facet::Status, Facet::PreventStatus, Facet::Sender] {
        let began = Instant::now();
        desk.summary(&all, facet, days).await?;
        println!("summary by {facet:?}: {:.1?}", began.elapsed());
    }
    let began = Instant::now();
    desk.trend(&all, Facet::Severity, days).await?;
    println!("trend: {:.1?}", began.elapsed());
    let began = Instant::now();
    desk.median_to_decision(&all, days).await?;
    println!("median: {:.1?}", began.elapsed());
    Ok(())
}
