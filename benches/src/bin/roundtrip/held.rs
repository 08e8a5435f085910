//! Lists, filters and decides about many held mails. Prints times; asserts nothing about them.

use std::time::Instant;

use gateway::{CopyFilter, Gateway, Options, QueueFilter, ReviewAction, State, Who};

use crate::rows::fill;

/// About so many.
pub(crate) async fn measure(count: u64) {
    println!("\n{count} held mails");
    let dir = tempfile::tempdir().unwrap();
    let options = Options { data: dir.path().to_owned(), ..Options::default() };
    drop(Gateway::open(options.clone()).await.unwrap());
    fill(dir.path(), count).await;
    let gateway = Gateway::open(options).await.unwrap();
    let filter = CopyFilter { state: Some(State::Held), ..CopyFilter::default() };
    let mut page = None;
    timed("first page of the list", async || page = Some(gateway.copies(&filter).await.unwrap())).await;
    let before = page.and_then(|page| page.next);
    timed("second page", async || {
        drop(gateway.copies(&CopyFilter { before, ..filter.clone() }).await.unwrap())
    })
    .await;
    let deep = CopyFilter { before: Some(count / 2), ..filter.clone() };
    timed("a page in the middle", async || drop(gateway.copies(&deep).await.unwrap())).await;
    let rare = CopyFilter { recipient: Some(format!("user{}@", count - 7)), ..filter.clone() };
    timed("a recipient among all", async || assert_eq!(gateway.copies(&rare).await.unwrap().copies.len(), 1))
        .await;
    let none = CopyFilter { subject: Some("no such subject".into()), ..filter.clone() };
    timed("a text that is nowhere", async || assert!(gateway.copies(&none).await.unwrap().copies.is_empty()))
        .await;
    timed("what is in the folders", async || drop(gateway.contents().await.unwrap())).await;
    timed("one snapshot", async || drop(gateway.snapshot(count / 2).await.unwrap().unwrap())).await;
    let who = Who::named("rita");
    timed("one decision", async || {
        drop(gateway.decide(&[1], ReviewAction::Approved, &who, None).await.unwrap())
    })
    .await;
    timed("approve all", async || {
        let id = gateway.decide_all(&filter, ReviewAction::Approved, &who, None, "/incidents").await.unwrap();
        while gateway.carry_on().await.unwrap() {}
        assert_eq!(gateway.bulk(id).await.unwrap().unwrap().decided, count - 1)
    })
    .await;
    timed("first page of the queue", async || {
        assert_eq!(gateway.queue(&QueueFilter::default()).await.unwrap().total, count)
    })
    .await;
}

async fn timed(what: &str, mut work: impl AsyncFnMut()) {
    let start = Instant::now();
    work().await;
    println!("{what:28} {:>10.1} ms", start.elapsed().as_secs_f64() * 1000.0);
}
