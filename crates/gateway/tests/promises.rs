//! Held mail is never lost, never delivered twice because of us, never delivered without a decision, never altered but for its
//! header: with the gateway killed at any moment, the next host failing, and mails, repeats and decisions in random order.
//!
//! The dice fall alike in each run, or as `WEIR_TESTS_SEED` has it.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::{CopyFilter, Gateway, QueueFilter, ReviewAction, State};
use support::*;

const FROM: &str = "ann@company.example";

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn new(test: u64) -> Self {
        let seed = std::env::var("WEIR_TESTS_SEED").ok().and_then(|text| text.parse::<u64>().ok());
        let seed = seed.map_or(test, |seed| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ test) | 1;
        eprintln!("the dice begin with {seed:#x}");
        Self(seed)
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Not a test by itself: the gateway in a process of its own, to be killed.
#[test]
fn child() {
    let Some(data) = std::env::var_os("GATEWAY_TEST_DATA") else { return };
    let deliver = std::env::var("GATEWAY_TEST_DELIVER").unwrap();
    let decide = std::env::var_os("GATEWAY_TEST_DECIDE").is_some();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let data = Path::new(&data);
        let running = started(options(data, deliver.try_into().unwrap())).await;
        std::fs::write(data.join("address.new"), running.mail.to_string()).unwrap();
        std::fs::rename(data.join("address.new"), data.join("address")).unwrap();
        // Decisions come from inside: even ones approve, odd ones reject.
        loop {
            for copy in held(&running.gateway).await.iter().filter(|_| decide) {
                let _ = running.gateway.decide(&[copy.id], by_subject(&copy.subject), &rita(), None).await;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

fn by_subject(subject: &str) -> ReviewAction {
    if subject.parse::<u64>().unwrap() % 2 == 0 { ReviewAction::Approved } else { ReviewAction::Rejected }
}

struct Killed {
    child: Child,
    address: SocketAddr,
}

impl Killed {
    fn start(data: &Path, deliver: &str, decide: bool) -> Self {
        let _ = std::fs::remove_file(data.join("address"));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["child", "--exact", "--nocapture"])
            .env("GATEWAY_TEST_DATA", data)
            .env("GATEWAY_TEST_DELIVER", deliver);
        if decide {
            command.env("GATEWAY_TEST_DECIDE", "1");
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(60);
        let address = loop {
            if let Ok(text) = std::fs::read_to_string(data.join("address")) {
                break text.parse().unwrap();
            }
            assert!(std::time::Instant::now() < end, "the gateway does not start");
            std::thread::sleep(Duration::from_millis(10));
        };
        Self { child, address }
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // SIGKILL.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends until some are taken, and on until some moment after that, in the middle of whatever is going on.
async fn live(to: SocketAddr, step: u64, number: &mut u64, sent: &mut BTreeSet<u64>, dice: &mut Dice) {
    let (enough, rest) = (sent.len() + 1 + dice.roll(5) as usize, Duration::from_millis(dice.roll(150)));
    let mut one_more = async || {
        *number += step;
        // Only a 250 that was heard makes it the gateway's.
        if try_send(to, FROM, &["bob@x.example"], &text(*number)).await.is_ok_and(|reply| reply.code == 250) {
            sent.insert(*number);
        }
        sent.len()
    };
    while one_more().await < enough {}
    let _ = tokio::time::timeout(rest, async {
        loop {
            one_more().await;
        }
    })
    .await;
}

fn text(number: u64) -> String {
    marked(&format!("K{number}"), &number.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_no_mail_is_lost_delivered_undecided_or_changed() {
    let (dir, sink, mut dice) = (tempfile::tempdir().unwrap(), Sink::start().await, Dice::new(0x5eed_0001));
    sink.slow.store(3, Ordering::Relaxed);
    let (mut sent, mut number) = (BTreeSet::new(), 0);
    for _ in 0..12 {
        let gateway = Killed::start(dir.path(), &sink.destination().to_string(), true);
        live(gateway.address, 1, &mut number, &mut sent, &mut dice).await;
        drop(gateway);
    }
    let running = started(options(dir.path(), sink.destination())).await;
    let gw = &running.gateway;
    for copy in held(gw).await {
        gw.decide(&[copy.id], by_subject(&copy.subject), &rita(), None).await.unwrap();
    }
    until("an empty queue", async || gw.queue(&QueueFilter::default()).await.unwrap().total == 0).await;
    let arrived = arrived(&sink);
    let approved: BTreeSet<u64> = sent.iter().copied().filter(|number| number % 2 == 0).collect();
    assert!(sent.len() >= 12, "only {} mails in all", sent.len());
    let lost: Vec<_> = approved.iter().filter(|number| !arrived.contains_key(number)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(arrived.keys().all(|number| number % 2 == 0), "a rejected mail was delivered");
    for (number, count) in &arrived {
        // Twice is for those whose hand-over was cut off by the kill, and their history says so.
        if *count > 1 {
            assert!(told_unknown(gw, *number).await, "{number} arrived {count} times without a word");
        }
    }
    assert_eq!(kept_files(dir.path()), 0, "files that nobody needs");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_a_maildir_gets_each_mail_exactly_once() {
    let (dir, mut dice) = (tempfile::tempdir().unwrap(), Dice::new(0x5eed_0002));
    let maildir = dir.path().join("out");
    let deliver = format!("maildir:{}", maildir.display());
    let mut sent = BTreeSet::new();
    let mut number = 0;
    for _ in 0..8 {
        let gateway = Killed::start(dir.path(), &deliver, true);
        live(gateway.address, 2, &mut number, &mut sent, &mut dice).await;
        drop(gateway);
    }
    let running = started(options(dir.path(), deliver.try_into().unwrap())).await;
    let gw = &running.gateway;
    let ids: Vec<u64> = held(gw).await.iter().map(|copy| copy.id).collect();
    gw.decide(&ids, ReviewAction::Approved, &rita(), None).await.unwrap();
    until("an empty queue", async || gw.queue(&QueueFilter::default()).await.unwrap().total == 0).await;
    let mut arrived: BTreeMap<u64, usize> = BTreeMap::new();
    for file in std::fs::read_dir(maildir.join("new")).unwrap() {
        let mail = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let (_, mail) = mail.split_once("Delivered-To: bob@x.example\r\n").unwrap();
        *arrived.entry(number_of(mail)).or_default() += 1;
    }
    assert!(sent.len() >= 8, "only {} mails in all", sent.len());
    assert!(sent.iter().all(|number| arrived.contains_key(number)), "lost");
    assert!(arrived.values().all(|count| *count == 1), "twice: {arrived:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_mails_repeats_and_decisions_in_any_order_keep_the_promises() {
    let (dir, sink, mut dice) = (tempfile::tempdir().unwrap(), Sink::start().await, Dice::new(0x5eed_0003));
    let running = started(options(dir.path(), sink.destination())).await;
    let gw = running.gateway.clone();
    let mut decided: BTreeMap<(u64, String), ReviewAction> = BTreeMap::new();
    let mut accepted = BTreeSet::new();
    for number in 1..=150_u64 {
        let to: Vec<String> = (0..=dice.roll(3))
            .map(|one| format!("{}{one}@x.example", if dice.roll(5) == 0 { "temp" } else { "to" }))
            .collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        sink.kind.store(true, Ordering::Relaxed);
        for _ in 0..=dice.roll(2) {
            if send(running.mail, FROM, &to, &text(number)).await.code == 250 {
                accepted.extend(to.iter().map(|to| (number, (*to).to_owned())));
            }
        }
        sink.kind.store(dice.roll(2) == 0, Ordering::Relaxed);
        for _ in 0..dice.roll(4) {
            let waiting = held(&gw).await;
            if waiting.is_empty() {
                continue;
            }
            let copy = &waiting[dice.roll(waiting.len() as u64) as usize];
            let action =
                [ReviewAction::Approved, ReviewAction::Rejected, ReviewAction::Custom][dice.roll(3) as usize];
            gw.decide(&[copy.id], action, &rita(), None).await.unwrap();
            decided.insert((copy.subject.parse().unwrap(), copy.recipient.clone()), action);
        }
    }
    sink.kind.store(true, Ordering::Relaxed);
    let all: Vec<u64> = gw
        .queue(&QueueFilter { limit: 1000, ..QueueFilter::default() })
        .await
        .unwrap()
        .entries
        .iter()
        .map(|entry| entry.id)
        .collect();
    gw.retry(&all, &rita()).await.unwrap();
    until("an empty queue", async || gw.queue(&QueueFilter::default()).await.unwrap().total == 0).await;
    let mut went: BTreeMap<(u64, String), usize> = BTreeMap::new();
    for mail in sink.mails() {
        let number = number_of(&mail.text);
        for to in mail.recipients {
            *went.entry((number, to)).or_default() += 1;
        }
    }
    let wanted: BTreeMap<(u64, String), usize> = decided
        .iter()
        .filter(|(_, action)| **action != ReviewAction::Rejected)
        .map(|(key, _)| (key.clone(), 1))
        .collect();
    assert_eq!(went, wanted);
    let waiting: BTreeSet<(u64, String)> =
        held(&gw).await.into_iter().map(|copy| (copy.subject.parse().unwrap(), copy.recipient)).collect();
    let expected: BTreeSet<_> = accepted.iter().filter(|key| !decided.contains_key(*key)).cloned().collect();
    assert_eq!(waiting, expected, "whatever was not decided still waits");
    assert!(!in_state(&gw, State::Rejected).await.is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_a_decision_about_many_goes_on_and_decides_each_once() {
    const MAILS: u64 = 30;
    let (dir, mut dice) = (tempfile::tempdir().unwrap(), Dice::new(0x5eed_0007));
    let deliver = format!("maildir:{}", dir.path().join("delivered").display());
    let place = || options(dir.path(), deliver.clone().try_into().unwrap());
    let recipients: Vec<String> = (0..20).map(|number| format!("user{number}@x.example")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let running = started(place()).await;
    for number in 1..=MAILS {
        assert_eq!(send(running.mail, FROM, &recipients, &text(number)).await.code, 250);
    }
    running.stop().await;
    let total = MAILS * recipients.len() as u64;
    let gw = Gateway::open(place()).await.unwrap();
    // Somebody else is first about one of them.
    let first = held(&gw).await[0].id;
    gw.decide(&[first], ReviewAction::Rejected, &rita(), None).await.unwrap();
    let all = CopyFilter::default();
    let bulk =
        gw.decide_all(&all, ReviewAction::Approved, &rita(), Some("all fine"), "/incidents").await.unwrap();
    drop(gw);
    let mut steps = BTreeSet::new();
    for round in 0.. {
        assert!(round < 200, "it does not end: {steps:?}");
        let gateway = Killed::start(dir.path(), &deliver, false);
        if round == 0 {
            // What comes after the decision is not meant by it.
            send(gateway.address, FROM, &["late@x.example"], &text(MAILS + 1)).await;
        }
        // Longer each time: a slow machine gets through a step at last.
        tokio::time::sleep(Duration::from_millis(dice.roll(150) + 20 * round)).await;
        drop(gateway);
        let gw = Gateway::open(place()).await.unwrap();
        let now = gw.bulk(bulk).await.unwrap().unwrap();
        assert_eq!(in_state(&gw, State::Approved).await.len() as u64, now.decided, "told as far as it is");
        assert_eq!(now.total, total - 1);
        steps.insert(now.decided);
        if now.done_at.is_some() {
            break;
        }
    }
    assert!(
        steps.iter().any(|decided| (1..total - 1).contains(decided)),
        "never killed in its middle: {steps:?}"
    );
    let running = started(place()).await;
    let gw = &running.gateway;
    until("an empty queue", async || gw.queue(&QueueFilter::default()).await.unwrap().total == 0).await;
    assert_eq!(gw.bulk(bulk).await.unwrap().unwrap().decided, total - 1);
    let mut told: BTreeMap<(u64, String), usize> = BTreeMap::new();
    let approved = in_state(gw, State::Approved).await;
    for message in approved.iter().map(|copy| copy.message).collect::<BTreeSet<_>>() {
        for line in gw.history(message).await.unwrap() {
            *told.entry((line.copy.unwrap_or(0), line.action)).or_default() += 1;
        }
    }
    for copy in &approved {
        for action in ["APPROVED", "DELIVERED"] {
            assert_eq!(told.get(&(copy.id, action.to_owned())), Some(&1), "{action} of {copy:?}");
        }
    }
    let left: Vec<String> = held(gw).await.into_iter().map(|copy| copy.recipient).collect();
    assert_eq!(left, ["late@x.example"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_stored_the_sender_keeps_the_mail_and_nothing_is_half_there() {
    let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start().await);
    let running = started(options(dir.path(), sink.destination())).await;
    // The directory of messages is a file now: no message can be written.
    let (messages, aside) = (dir.path().join("messages"), dir.path().join("aside"));
    std::fs::rename(&messages, &aside).unwrap();
    std::fs::write(&messages, b"").unwrap();
    let reply = send(running.mail, FROM, &["bob@x.example"], &text(2)).await;
    assert!(reply.is_transient(), "{reply}");
    assert!(held(&running.gateway).await.is_empty());
    let reply = send(running.mail, FROM, &["bob@x.example"], &unmarked("P", "passes")).await;
    assert_eq!(reply.code, 250, "what is not held needs no room");
    std::fs::remove_file(&messages).unwrap();
    std::fs::rename(&aside, &messages).unwrap();
    assert_eq!(send(running.mail, FROM, &["bob@x.example"], &text(2)).await.code, 250);
    assert_eq!((held(&running.gateway).await.len(), kept_files(dir.path())), (1, 1));
    running.stop().await;
}

/// How often each mail arrived; its text is what it must be.
fn arrived(sink: &Sink) -> BTreeMap<u64, usize> {
    let mut arrived = BTreeMap::new();
    for mail in sink.mails() {
        *arrived.entry(number_of(&mail.text)).or_default() += mail.recipients.len();
    }
    arrived
}

fn number_of(mail: &str) -> u64 {
    let (_, rest) = mail.split_once("Subject: ").unwrap();
    let subject = rest.split("\r\n").next().unwrap();
    let number = subject.trim_start_matches("[DLP reviewed] ").parse().unwrap();
    assert_eq!(mail, unmarked(&format!("K{number}"), subject), "altered");
    number
}

async fn told_unknown(gateway: &Gateway, number: u64) -> bool {
    let filter = gateway::AuditFilter { unique_id: Some(format!("K{number}")), ..Default::default() };
    for message in gateway.audit(&filter).await.unwrap().messages {
        if actions(gateway, message.id).await.iter().any(|action| action == "OUTCOME_UNKNOWN") {
            return true;
        }
    }
    false
}
