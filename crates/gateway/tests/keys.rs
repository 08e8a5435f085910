//! A new master key: whatever the old one sealed opens as before, also when the change was interrupted.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::time::Duration;

use gateway::{Gateway, ReviewAction, rotate_keys};
use support::*;

const FROM: &str = "ann@company.example";
const MAILS: u64 = 120;

fn keys(data: &Path) -> String {
    std::fs::read_to_string(data.join("keys/master.keys")).unwrap()
}

/// A gateway that holds mails, at rest.
async fn filled(data: &Path, sink: &Sink) {
    let running = started(options(data, sink.destination())).await;
    for number in 0..MAILS {
        let text = marked(&format!("R{number}"), &number.to_string());
        assert_eq!(send(running.mail, FROM, &["bob@x.example"], &text).await.code, 250);
    }
    running.stop().await;
}

async fn all_open(data: &Path, sink: &Sink) {
    let gw = Gateway::open(options(data, sink.destination())).await.unwrap();
    let copies = held(&gw).await;
    assert_eq!(copies.len() as u64, MAILS);
    for copy in copies {
        let mail = gw.original(copy.id, &rita()).await.unwrap().unwrap();
        assert!(mail.ends_with(b"End\r\n"), "incident {}", copy.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_held_mail_opens_by_the_new_key_alone_and_leaves_as_it_came() {
    let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start().await);
    let place = options(dir.path(), sink.destination());
    assert!(rotate_keys(&place, &rita()).await.is_err(), "there is nothing yet, and nothing is made");
    assert!(!dir.path().join("keys").exists());
    let running = started(place.clone()).await;
    assert!(rotate_keys(&place, &rita()).await.is_err(), "not while a gateway runs");
    running.stop().await;
    filled(dir.path(), &sink).await;
    let before = keys(dir.path());
    let rotated = rotate_keys(&place, &rita()).await.unwrap();
    assert_eq!((rotated.key, rotated.wrapped, rotated.failed), (2, MAILS, 0));
    assert!(!keys(dir.path()).contains(before.lines().next().unwrap()), "the old key is gone");
    all_open(dir.path(), &sink).await;
    let running = started(place.clone()).await;
    let copy = held(&running.gateway).await.remove(0);
    running.gateway.decide(&[copy.id], ReviewAction::Approved, &rita(), None).await.unwrap();
    let mails = sink.wait_for(1).await;
    assert_eq!(mails[0].text, unmarked(&format!("R{}", copy.subject), &copy.subject));
    let site = gateway::console::site(&running.gateway, Vec::new()).await.unwrap();
    let search = web::audit::Search { limit: 10, ..Default::default() };
    let lines = site.audit().search(&search).await.unwrap();
    assert_eq!((lines[0].action.as_str(), lines[0].actor.who.as_str()), ("KEYS_ROTATED", "rita"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_was_interrupted_loses_nothing_and_the_next_one_ends_it() {
    let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start().await);
    filled(dir.path(), &sink).await;
    let place = options(dir.path(), sink.destination());
    let mut interrupted = 0;
    let mut patience = Duration::from_millis(1);
    let rotated = loop {
        match tokio::time::timeout(patience, rotate_keys(&place, &rita())).await {
            Ok(rotated) => break rotated.unwrap(),
            Err(_) => interrupted += 1,
        }
        // Old keys are there as long as anything is sealed by them.
        all_open(dir.path(), &sink).await;
        patience = patience * 5 / 4 + Duration::from_millis(2);
    };
    assert!(interrupted > 2, "never interrupted");
    assert_eq!(rotated.failed, 0);
    assert_eq!(keys(dir.path()).lines().count(), 2, "one key, and the one of searches");
    all_open(dir.path(), &sink).await;
}
