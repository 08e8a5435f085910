//! What happens without anybody's decision: folders' ages, journal copies, word to reviewers and senders, and the end of attempts.

#![allow(clippy::unwrap_used)]

#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway::filter::{Action, Archive, Filter, Notice};
use gateway::{
    CopyFilter, CopyLine, Destination, Folder, FolderKind, Gateway, Limit, Options, QueueFilter,
    ReviewAction, Running, State,
};
use smtp::client::{Hop, HopConfig, Outgoing};
use smtp::command::{Mail, Rcpt};
use smtp::reply::Reply;
use smtp::server::EnvelopeCommand;
use smtp::spool::Spooled;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use support::*;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const FROM: &str = "ann@company.example";
const BOB: &str = "bob@partner.example";
const DAY: u64 = 24 * 3600 * 1000;

/// What a notice says: its body, decoded.
fn said(letter: &str) -> String {
    let (head, body) = letter.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Transfer-Encoding: base64"), "{letter}");
    String::from_utf8(STANDARD.decode(body.replace("\r\n", "")).unwrap()).unwrap()
}

async fn only(gateway: &Gateway) -> CopyLine {
    gateway.copies(&CopyFilter::default()).await.unwrap().copies.remove(0)
}

/// As a long time leaves it.
async fn age(url: &str, data: &Path, copy: u64, days: u64) {
    let sql = format!("UPDATE copy SET entered_at = entered_at - {} WHERE id = {copy}", days * DAY);
    if url.is_empty() {
        let file = format!("sqlite://{}", data.join("gateway.db").display());
        SqliteConnection::connect(&file).await.unwrap().execute(AssertSqlSafe(sql)).await.unwrap();
    } else {
        PgConnection::connect(url).await.unwrap().execute(AssertSqlSafe(sql)).await.unwrap();
    }
}

async fn a_mail_that_is_too_old_for_its_folder_goes_and_younger_ones_stay(url: String) {
    let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start().await);
    let database = url.clone();
    let running = started(Options { database, ..options(dir.path(), sink.destination()) }).await;
    let gw = &running.gateway;
    for id in ["A1", "A2", "A3"] {
        send(running.mail, FROM, &[BOB], &marked(id, id)).await;
    }
    for copy in held(gw).await {
        let days = match copy.subject.as_str() {
            "A1" => 31,
            "A2" => 30 * 2,
            _ => 29,
        };
        age(&url, dir.path(), copy.id, days).await;
    }
    for (at_limit, left) in [(Limit::Keep, 3), (Limit::Reject, 1)] {
        let row = gw.folders().await.unwrap().remove(0);
        let folder = Folder { max_days: Some(30), at_limit, ..row.folder };
        gw.save_folder(&folder, Some((row.id, row.version)), "rita").await.unwrap();
        gw.keep_house().await.unwrap();
        assert_eq!(held(gw).await.len(), left, "{at_limit:?}");
    }
    assert_eq!(held(gw).await[0].subject, "A3");
    let gone = in_state(gw, State::Expunged).await;
    assert_eq!(gone.len(), 2);
    let history = gw.snapshot(gone[0].id).await.unwrap().unwrap().history;
    let line = history.iter().find(|line| line.action == "EXPUNGED").unwrap();
    assert!(line.detail.contains("older than 30 days; deleted"), "{}", line.detail);
    assert!(sink.mails().is_empty() && kept_files(dir.path()) == 1, "nothing left but one mail that waits");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_too_old_for_its_folder_goes_on_sqlite() {
    a_mail_that_is_too_old_for_its_folder_goes_and_younger_ones_stay(String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_too_old_for_its_folder_goes_on_postgresql() {
    let Some(url) = postgres::database().await else { return };
    a_mail_that_is_too_old_for_its_folder_goes_and_younger_ones_stay(url).await;
}

/// A gateway with a folder of this kind that tells reviewers and keeps a journal, and a filter that tells senders.
async fn telling(dir: &Path, sink: &Sink, kind: FolderKind) -> Running {
    let mut options = options(dir, sink.destination());
    options.notices.console_url = "https://gw1.example.com:8081/".into();
    options.notices.interval = 3600;
    let into = |name: &str| match kind {
        FolderKind::Hold => Action::Hold(name.into()),
        FolderKind::Informational => Action::Inform(name.into()),
    };
    options.folder = vec![Folder {
        name: "Cards".into(),
        kind,
        notify: vec!["team@company.example".into()],
        archive: Some(Archive { to: "journal@company.example".into(), tag: Some("cards".into()) }),
        ..Folder::standard()
    }];
    let why = Notice {
        to: vec!["sender".into()],
        subject: "Not sent: $SUBJECT$".into(),
        text: "To $RECIPIENT$, policies $POLICY_IDS$. Why: $REASON$".into(),
    };
    options.filter = vec![Filter {
        actions: vec![into("Cards")],
        reject: vec![Action::Delete, Action::Notify(why)],
        ..Filter::standard("Cards")
    }];
    started(options).await
}

#[tokio::test(flavor = "multi_thread")]
async fn reviewers_are_told_what_is_new_with_links_and_not_again_at_once() {
    for (kind, state) in [(FolderKind::Hold, "held"), (FolderKind::Informational, "informational")] {
        let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start().await);
        let running = telling(dir.path(), &sink, kind).await;
        let gw = &running.gateway;
        send(running.mail, FROM, &[BOB], &marked("A1", "offer $RELEASE$")).await;
        gw.keep_house().await.unwrap();
        let to_team = || -> Vec<Got> {
            let mails = sink.mails().into_iter();
            mails.filter(|mail| mail.recipients == ["team@company.example"]).collect()
        };
        until("word to the reviewers", async || !to_team().is_empty()).await;
        let told = to_team().remove(0);
        assert!(
            told.sender.is_empty() && told.text.contains("Auto-Submitted: auto-generated"),
            "{}",
            told.text
        );
        assert!(told.text.contains("Subject: 1 new in \"Cards\""), "{}", told.text);
        let (text, id) = (said(&told.text), only(gw).await.id);
        for part in [
            &*format!("from {FROM} to {BOB}"),
            "offer $RELEASE$",
            "policies [23,24]",
            &*format!("https://gw1.example.com:8081/incidents/{id}"),
            &*format!("https://gw1.example.com:8081/incidents?folder=1&state={state}"),
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        send(running.mail, FROM, &[BOB], &marked("A2", "second")).await;
        gw.keep_house().await.unwrap();
        until("an empty queue", async || gw.queue(&QueueFilter::default()).await.unwrap().total == 0).await;
        assert_eq!(to_team().len(), 1, "once an hour");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_into_a_folder_is_journaled_and_a_sender_hears_why_its_mail_was_rejected() {
    let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start().await);
    let running = telling(dir.path(), &sink, FolderKind::Hold).await;
    let gw = &running.gateway;
    send(running.mail, FROM, &[BOB], &marked("A1", "offer")).await;
    // Reviewers may be told of their new mail at any time between these two.
    let to = |who: &str| sink.mails().into_iter().find(|mail| mail.recipients == [who]);
    until("a copy for the journal", async || to("journal@company.example").is_some()).await;
    let journaled = to("journal@company.example").unwrap();
    assert_eq!(journaled.sender, "");
    assert_eq!(journaled.text, format!("X-archive-tag: cards\r\n{}", unmarked("A1", "offer")));
    let id = only(gw).await.id;
    gw.decide(&[id], ReviewAction::Rejected, &rita(), Some("not without a contract")).await.unwrap();
    until("word to the sender", async || to(FROM).is_some()).await;
    let notice = to(FROM).unwrap();
    assert_eq!(notice.sender, "");
    assert!(notice.text.contains("Subject: Not sent: offer\r\n"), "{}", notice.text);
    assert_eq!(
        said(&notice.text).trim_end(),
        format!("To {BOB}, policies 23, 24. Why: not without a contract")
    );
    // The mail itself went nowhere.
    assert!(sink.mails().iter().all(|mail| !mail.recipients.contains(&BOB.to_owned())));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_a_delivery_has_failed_for_good_and_the_sender_is_told() {
    let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start().await);
    let mut options = options(dir.path(), sink.destination());
    options.queue.give_up = 2;
    let running = started(options).await;
    let gw = &running.gateway;
    sink.kind.store(true, Ordering::Relaxed);
    send(running.mail, FROM, &["temp@partner.example"], &marked("A1", "late")).await;
    sink.kind.store(false, Ordering::Relaxed);
    let id = only(gw).await.id;
    gw.decide(&[id], ReviewAction::Approved, &rita(), None).await.unwrap();
    let bounce = sink.wait_for(1).await.remove(0);
    assert_eq!((bounce.sender.as_str(), &bounce.recipients[..]), ("", &[FROM.to_owned()][..]));
    assert!(
        bounce.text.contains("Action: failed") && bounce.text.contains("Mailbox busy."),
        "{}",
        bounce.text
    );
    assert_eq!(only(gw).await.outcome.as_deref(), Some("failed"));
    let history = gw.snapshot(id).await.unwrap().unwrap().history;
    assert!(history.iter().any(|line| line.action == "DELIVERY_DELAYED"), "{history:#?}");
    let failed = history.iter().find(|line| line.action == "DELIVERY_FAILED").unwrap();
    assert!(failed.detail.contains("temp@partner.example, for good"), "{}", failed.detail);
    running.stop().await;
}

async fn be_silent(mut stream: BufReader<TcpStream>, taken: Arc<AtomicUsize>) {
    stream.write_all(b"220 silent.test\r\n").await.unwrap();
    let (mut line, mut in_mail) = (String::new(), false);
    while stream.read_line(&mut line).await.is_ok_and(|octets| octets > 0) {
        match line.trim_end() {
            "." if in_mail => {
                taken.fetch_add(1, Ordering::Relaxed);
                return;
            }
            "DATA" => {
                in_mail = true;
                stream.write_all(b"354 go on\r\n").await.unwrap();
            }
            _ if !in_mail => stream.write_all(b"250 ok\r\n").await.unwrap(),
            _ => {}
        }
        line.clear();
    }
}

/// A host that takes every mail and goes away instead of answering; how often it did.
async fn silent_host() -> (Destination, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Destination::parse(&format!("smtp://{}", listener.local_addr().unwrap())).unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(be_silent(BufReader::new(stream), count.clone()));
        }
    });
    (to, taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_arrived_each_time_is_not_sent_for_ever() {
    let (dir, (to, taken)) = (tempfile::tempdir().unwrap(), silent_host().await);
    let mut options = options(dir.path(), to);
    options.queue.give_up = 2;
    let running = started(options).await;
    let gw = &running.gateway;
    send(running.mail, "", &[BOB], &marked("A1", "again and again")).await;
    let id = only(gw).await.id;
    gw.decide(&[id], ReviewAction::Approved, &rita(), None).await.unwrap();
    until("the end of attempts", async || only(gw).await.outcome.as_deref() == Some("failed")).await;
    let history = gw.snapshot(id).await.unwrap().unwrap().history;
    let unknown = history.iter().filter(|line| line.action == "OUTCOME_UNKNOWN").count();
    assert_eq!(unknown + 1, taken.load(Ordering::Relaxed), "each time is told: {history:#?}");
    let failed = history.iter().find(|line| line.action == "DELIVERY_FAILED").unwrap();
    assert!(failed.detail.contains("though it may have arrived"), "{}", failed.detail);
    assert_eq!(gw.queue(&QueueFilter::default()).await.unwrap().total, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_not_to_be_told_and_who_has_no_address_gets_no_bounce() {
    let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start().await);
    let running = started(options(dir.path(), sink.destination())).await;
    let gw = &running.gateway;
    for (id, from, parameters) in
        [("A1", FROM, " NOTIFY=NEVER"), ("A2", "", ""), ("A3", FROM, " NOTIFY=FAILURE")]
    {
        let to = running.mail;
        let mut hop =
            Hop::connect(to, &HopConfig::plain("127.0.0.1", to.port(), "sender.test")).await.unwrap();
        let mut rcpt = Rcpt::new(BOB).unwrap();
        rcpt.verbatim.extend(parameters.as_bytes());
        let commands = [EnvelopeCommand::Mail(Mail::new(from).unwrap()), EnvelopeCommand::Rcpt(rcpt)];
        assert!(hop.envelope(&commands).await.unwrap().iter().all(Reply::is_positive));
        let message = Spooled::from_vec(marked(id, "REFUSE-ME").into_bytes());
        let reply = hop.send(&Outgoing { prefix: b"", message: &message, edits: &[] }).await.unwrap();
        assert_eq!(reply.code, 250, "{reply}");
    }
    let ids: Vec<u64> = held(gw).await.iter().map(|copy| copy.id).collect();
    gw.decide(&ids, ReviewAction::Approved, &rita(), None).await.unwrap();
    until("three failures", async || {
        in_state(gw, State::Approved).await.iter().all(|copy| copy.outcome.as_deref() == Some("failed"))
    })
    .await;
    let mut said = Vec::new();
    for copy in in_state(gw, State::Approved).await {
        let told: Vec<String> = actions(gw, copy.message).await;
        let told = told.into_iter().filter(|action| action == "NOT_TOLD" || action == "SENDER_TOLD");
        said.push((copy.unique_id.unwrap(), told.collect::<Vec<_>>().join(" ")));
    }
    said.sort();
    let expected = [("A1", "NOT_TOLD"), ("A2", "NOT_TOLD"), ("A3", "SENDER_TOLD")];
    assert_eq!(said, expected.map(|(id, told)| (id.to_owned(), told.to_owned())));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_sessions_go_to_a_host_at_a_time_than_it_is_allowed() {
    let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start().await);
    let mut options = options(dir.path(), sink.destination());
    options.queue.sessions_per_destination = 3;
    let running = started(options).await;
    let gw = &running.gateway;
    for number in 0..70 {
        send(running.mail, FROM, &[BOB], &marked(&format!("A{number}"), "x")).await;
    }
    sink.slow.store(60, Ordering::Relaxed);
    let ids: Vec<u64> = held(gw).await.iter().map(|copy| copy.id).collect();
    gw.decide(&ids, ReviewAction::Approved, &rita(), None).await.unwrap();
    sink.wait_for(70).await;
    assert_eq!(sink.most_at_once(), 3, "as many as allowed, and never more");
    running.stop().await;
}
