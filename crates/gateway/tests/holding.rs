//! The way of a message: held or passed on, decided once, delivered as it came but for its marks.

#![allow(clippy::unwrap_used)]

#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;
mod support;

use std::sync::atomic::Ordering;

use gateway::filter::{Action, Condition, Filter, Line, Notice, Test};
use gateway::{
    AuditFilter, Bounds, CopyFilter, CopyResult, Error, Folder, FolderKind, Gateway, Limit, Options,
    QueueFilter, ReviewAction, State, Who,
};
use support::*;

/// One test for each database: the body runs on both.
macro_rules! on_both {
    ($(async fn $name:ident($place:ident: Place) $body:block)*) => {$(
        mod $name {
            use super::*;
            async fn promise($place: Place) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                promise(Place::new(String::new()).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgresql() {
                let Some(url) = postgres::database().await else { return };
                promise(Place::new(url).await).await;
            }
        }
    )*};
}

/// A data directory, a database and a next host.
struct Place {
    dir: tempfile::TempDir,
    sink: Sink,
    database: String,
}

impl Place {
    async fn new(database: String) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), sink: Sink::start().await, database }
    }

    fn options(&self) -> Options {
        Options { database: self.database.clone(), ..options(self.dir.path(), self.sink.destination()) }
    }
}

const FROM: &str = "ann@company.example";

async fn folder_number(gateway: &Gateway, name: &str) -> u64 {
    gateway.folders().await.unwrap().into_iter().find(|row| row.folder.name == name).unwrap().id
}

on_both! {
    async fn a_marked_mail_waits_and_leaves_as_it_came_once_approved(place: Place) {
        let running = started(place.options()).await;
        let gw = &running.gateway;
        let reply = send(running.mail, FROM, &["bob@partner.example", "cyd@partner.example"], &marked("A1", "offer")).await;
        assert_eq!(reply.code, 250, "{reply}");
        assert!(place.sink.mails().is_empty());
        let copies = held(gw).await;
        assert_eq!(copies.len(), 2, "one incident a recipient");
        assert_eq!((copies[0].message, kept_files(place.dir.path())), (copies[1].message, 1), "one stored message");
        assert_eq!((copies[0].unique_id.as_deref(), &copies[0].policy_ids[..]), (Some("A1"), &[23, 24][..]));
        let bobs = copies.iter().find(|copy| copy.recipient == "bob@partner.example").unwrap();
        let decided = gw.decide(&[bobs.id], ReviewAction::Approved, &rita(), Some("known customer")).await.unwrap();
        assert_eq!(decided[0].result, CopyResult::Released);
        let mails = place.sink.wait_for(1).await;
        assert_eq!(mails[0].recipients, ["bob@partner.example"]);
        assert_eq!((mails[0].sender.as_str(), mails[0].text.as_str()), (FROM, unmarked("A1", "offer").as_str()));
        until("the outcome", async || in_state(gw, State::Approved).await.iter().any(|copy| copy.outcome.as_deref() == Some("delivered"))).await;
        let again = gw.decide(&[bobs.id], ReviewAction::Rejected, &rita(), None).await.unwrap();
        assert_eq!(again[0].result, CopyResult::AlreadyReleased);
        assert!(again[0].detail.contains("already been released by rita"), "{}", again[0].detail);
        let history = gw.snapshot(bobs.id).await.unwrap().unwrap().history;
        let said: Vec<&str> = history.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(said, ["HELD", "APPROVED", "DELIVERED"]);
        assert!(history[1].detail.contains("known customer") && history[1].who == "rita from 192.0.2.7");
        assert_eq!(held(gw).await.len(), 1, "the other recipient's copy still waits");
        running.stop().await;
    }

    async fn a_rejected_mail_is_gone_and_a_custom_one_leaves_with_its_tag(place: Place) {
        let running = started(place.options()).await;
        let gw = &running.gateway;
        send(running.mail, FROM, &["bob@partner.example"], &marked("A1", "one")).await;
        send(running.mail, FROM, &["bob@partner.example"], &marked("A2", "two")).await;
        let copies = held(gw).await;
        let id = |subject: &str| copies.iter().find(|copy| copy.subject == subject).unwrap().id;
        gw.decide(&[id("one")], ReviewAction::Rejected, &rita(), None).await.unwrap();
        gw.decide(&[id("two")], ReviewAction::Custom, &rita(), None).await.unwrap();
        let mails = place.sink.wait_for(1).await;
        assert_eq!(mails[0].text, unmarked("A2", "[DLP reviewed] two"));
        until("nothing is kept", async || kept_files(place.dir.path()) == 0).await;
        assert!(gw.original(id("one"), &rita()).await.unwrap().is_none());
        assert_eq!(place.sink.mails().len(), 1);
        running.stop().await;
    }

    async fn what_nobody_holds_goes_on_in_step_and_hears_the_next_host(place: Place) {
        let running = started(place.options()).await;
        let plain = unmarked("P1", "hello").replace("\r\n\r\n", "\r\nX-Cfilter-Loop: Reflected\r\n\r\n");
        let reply = send(running.mail, FROM, &["bob@partner.example"], &plain).await;
        assert_eq!(reply.text(), "Ok: the sink has it.");
        assert_eq!(place.sink.mails()[0].text, unmarked("P1", "hello"));
        let reply = send(running.mail, FROM, &["permanent@partner.example"], &plain).await;
        assert_eq!((reply.code, reply.text().as_str()), (550, "No such user here."));
        let reply = send(running.mail, FROM, &["bob@partner.example"], "Subject: x\r\n\r\nREFUSE-ME\r\n").await;
        assert_eq!((reply.code, reply.text().as_str()), (554, "Not this one."));
        let gw = running.gateway.clone();
        let audit = async || gw.audit(&Default::default()).await.unwrap().messages;
        until("the audit", async || audit().await.len() == 2).await;
        let said: Vec<String> = audit().await.into_iter().map(|message| message.outcome).collect();
        assert_eq!(said, ["refused", "passed"]);
        assert!(held(&gw).await.is_empty());
        running.stop().await;
    }

    async fn a_repeat_is_answered_250_and_not_kept_twice(place: Place) {
        let running = started(place.options()).await;
        let gw = &running.gateway;
        for _ in 0..3 {
            let reply = send(running.mail, FROM, &["bob@partner.example"], &marked("A1", "offer")).await;
            assert_eq!(reply.code, 250);
        }
        let copies = held(gw).await;
        assert_eq!((copies.len(), kept_files(place.dir.path())), (1, 1));
        assert_eq!(actions(gw, copies[0].message).await, ["HELD", "RECEIVED_AGAIN", "RECEIVED_AGAIN"]);
        // A new recipient of the same message is a new copy, and a copy after a decision is a new one as well.
        send(running.mail, FROM, &["bob@partner.example", "eve@partner.example"], &marked("A1", "offer")).await;
        assert_eq!(held(gw).await.len(), 2);
        gw.decide(&[copies[0].id], ReviewAction::Rejected, &rita(), None).await.unwrap();
        send(running.mail, FROM, &["bob@partner.example"], &marked("A1", "offer")).await;
        assert_eq!(held(gw).await.len(), 2, "the old decision is not for the new copy");
        running.stop().await;
    }

    async fn failures_for_now_are_tried_again_and_failures_for_good_are_told(place: Place) {
        let running = started(place.options()).await;
        let gw = &running.gateway;
        // Taken while the next host was elsewhere, so that its refusals come at delivery.
        let (mail, sink) = (running.mail, place.sink.clone());
        sink.kind.store(true, Ordering::Relaxed);
        send(mail, FROM, &["temp@partner.example", "bob@partner.example"], &marked("A1", "offer")).await;
        sink.kind.store(false, Ordering::Relaxed);
        let ids: Vec<u64> = held(gw).await.iter().map(|copy| copy.id).collect();
        gw.decide(&ids, ReviewAction::Approved, &rita(), None).await.unwrap();
        sink.wait_for(1).await;
        until("a delay", async || gw.queue(&QueueFilter::default()).await.unwrap().entries.iter().any(|entry| entry.attempts > 0)).await;
        let entry = gw.queue(&QueueFilter::default()).await.unwrap().entries.remove(0);
        assert!(entry.last_error.unwrap().contains("Mailbox busy"));
        sink.kind.store(true, Ordering::Relaxed);
        gw.retry(&[entry.id], &rita()).await.unwrap();
        let mails = sink.wait_for(2).await;
        assert_eq!(mails[1].recipients, ["temp@partner.example"]);
        assert_eq!(mails.iter().filter(|mail| mail.recipients.contains(&"bob@partner.example".to_owned())).count(), 1);
        // For good: redirected to somebody who is not there.
        let redirect = Filter { approve: vec![Action::Redirect(vec!["permanent@partner.example".into()])], ..Filter::standard("Data Loss Prevention") };
        let row = gw.filters().await.unwrap().remove(0);
        gw.save_filter(&redirect, Some((row.id, row.version)), "rita").await.unwrap();
        send(mail, FROM, &["bob@partner.example"], &marked("A2", "offer")).await;
        let id = held(gw).await[0].id;
        gw.decide(&[id], ReviewAction::Approved, &rita(), None).await.unwrap();
        let bounce = sink.wait_for(3).await.remove(2);
        assert_eq!((bounce.sender.as_str(), &bounce.recipients[..]), ("", &[FROM.to_owned()][..]));
        for part in ["multipart/report", "Auto-Submitted: auto-replied", "Final-Recipient: rfc822; permanent@partner.example", "Action: failed", "Status: 5.1.1", "No such user here.", "Subject: offer"] {
            assert!(bounce.text.contains(part), "{part} in {}", bounce.text);
        }
        assert_eq!(gw.snapshot(id).await.unwrap().unwrap().line.outcome.as_deref(), Some("failed"));
        running.stop().await;
    }

    async fn folders_and_filters_are_versioned_and_not_deleted_while_something_waits(place: Place) {
        let running = started(place.options()).await;
        let gw = &running.gateway;
        let legal = Folder { name: "Legal".into(), ..Folder::standard() };
        let folder = gw.save_folder(&legal, None, "rita").await.unwrap();
        let filter = Filter { name: "Legal".into(), when: Condition::Sender(Test::EndsWith("@legal.example".into())), ..Filter::standard("Legal") };
        let id = gw.save_filter(&filter, None, "rita").await.unwrap();
        gw.order_filters(&[1, id], &[id, 1], "rita").await.unwrap();
        send(running.mail, "ann@legal.example", &["bob@partner.example"], "Subject: x\r\n\r\nplain\r\n").await;
        assert_eq!(held(gw).await[0].folder, "Legal");
        let error = gw.delete_folder(folder, "rita").await.unwrap_err();
        let Error::InUse { by, .. } = &error else { panic!("{error}") };
        assert_eq!(by.len(), 2, "{by:?}");
        assert!(by[0].contains("filter \"Legal\"") && by[1] == "held incident 1", "{by:?}");
        assert!(matches!(gw.delete_filter(id, "rita").await, Err(Error::InUse { .. })));
        assert!(matches!(gw.save_folder(&Folder { name: "Law".into(), ..legal.clone() }, Some((folder, 1)), "rita").await, Err(Error::InUse { .. })));
        let changed = Folder { description: "new".into(), ..legal.clone() };
        gw.save_folder(&changed, Some((folder, 1)), "rita").await.unwrap();
        assert!(matches!(gw.save_folder(&legal, Some((folder, 1)), "tom").await, Err(Error::Changed(_))));
        assert!(matches!(gw.save_folder(&legal, None, "tom").await, Err(Error::Invalid(_))));
        let copy = held(gw).await[0].id;
        gw.decide(&[copy], ReviewAction::Rejected, &rita(), None).await.unwrap();
        gw.delete_filter(id, "rita").await.unwrap();
        assert!(gw.delete_folder(folder, "rita").await.unwrap_err().to_string().contains("decided incidents"));
        let changes = gw.changes(100).await.unwrap();
        assert!(changes.iter().any(|change| change.who == "rita" && change.name == "Legal" && change.version == 2));
        running.stop().await;
    }

    async fn a_decision_about_many_is_carried_out_and_told_of_within_bounds(place: Place) {
        place.sink.kind.store(true, Ordering::Relaxed);
        let running = started(place.options()).await;
        let gw = &running.gateway;
        let board = gw.save_folder(&Folder { name: "Board".into(), ..Folder::standard() }, None, "rita").await.unwrap();
        let filter = Filter { name: "Board".into(), when: Condition::Recipient(Test::EndsWith("@board.example".into())), ..Filter::standard("Board") };
        let id = gw.save_filter(&filter, None, "rita").await.unwrap();
        gw.order_filters(&[1, id], &[id, 1], "rita").await.unwrap();
        for (mail, to) in [("A1", &["temp1@x.example"][..]), ("A2", &["temp2@board.example"]), ("A3", &["temp3@x.example", "temp3@board.example"])] {
            send(running.mail, FROM, to, &marked(mail, mail)).await;
        }
        // From now on nothing arrives, and all of it stays in the queue.
        place.sink.kind.store(false, Ordering::Relaxed);
        let bulk = gw.decide_all(&CopyFilter::default(), ReviewAction::Approved, &rita(), None, "/incidents").await.unwrap();
        until("the decision", async || gw.bulk(bulk).await.unwrap().unwrap().done_at.is_some()).await;
        let told = gw.bulks(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1)).await.unwrap().remove(0);
        assert_eq!((told.id, told.total, told.decided, told.broken), (bulk, 4, 4, None));
        assert!(!gw.stop_bulk(bulk, &rita()).await.unwrap(), "it is over");
        until("a full queue", async || gw.queue(&QueueFilter::default()).await.unwrap().total == 4).await;
        let bounds = |folder, policies: &[u32]| Some(Bounds { folders: vec![folder], passing: true, within: vec![policies.iter().copied().collect()] });
        let seen = async |bounds: Option<Bounds>| {
            let audit = gw.audit(&AuditFilter { bounds: bounds.clone(), ..AuditFilter::default() }).await.unwrap().messages;
            let queue = gw.queue(&QueueFilter { bounds, ..QueueFilter::default() }).await.unwrap();
            let recipients: Vec<String> = audit.into_iter().flat_map(|message| message.recipients).collect();
            (recipients.join(" "), queue.total, queue.entries.len())
        };
        let first = folder_number(gw, "Data Loss Prevention").await;
        assert_eq!(seen(bounds(first, &[23])).await, ("temp3@x.example temp1@x.example".into(), 2, 2));
        assert_eq!(seen(bounds(board, &[24, 99])).await, ("temp3@board.example temp2@board.example".into(), 2, 2));
        assert_eq!(seen(bounds(board, &[99])).await, (String::new(), 0, 0));
        assert_eq!(seen(None).await.1, 4);
        running.stop().await;
    }

    async fn a_custom_action_hands_the_mail_to_an_encryption_gateway_with_its_header(place: Place) {
        let encrypts = Sink::start().await;
        let running = started(place.options()).await;
        let gw = &running.gateway;
        let custom = vec![
            Action::Route(encrypts.destination()),
            Action::AddHeader(Line { name: "X-Encrypt".into(), value: "yes".into() }),
            Action::Deliver,
        ];
        let filter = Filter { name: "Encrypt".into(), custom, ..Filter::standard("Data Loss Prevention") };
        let id = gw.save_filter(&filter, None, "rita").await.unwrap();
        gw.order_filters(&[1, id], &[id, 1], "rita").await.unwrap();
        send(running.mail, FROM, &["bob@partner.example"], &marked("E1", "offer")).await;
        gw.decide(&[held(gw).await[0].id], ReviewAction::Custom, &rita(), None).await.unwrap();
        let mails = encrypts.wait_for(1).await;
        assert_eq!(mails[0].text, format!("X-Encrypt: yes\r\n{}", unmarked("E1", "offer")));
        until("the outcome", async || in_state(gw, State::Custom).await.iter().any(|copy| copy.outcome.as_deref() == Some("delivered"))).await;
        assert!(place.sink.mails().is_empty(), "the usual host gets nothing");
        running.stop().await;
    }

    async fn recipients_of_one_mail_may_have_different_fates(place: Place) {
        let filter = |name: &str, to: &str, actions: Vec<Action>| Filter {
            name: name.into(),
            when: Condition::Recipient(Test::StartsWith(to.into())),
            actions,
            ..Filter::standard("F")
        };
        let notice = Notice { to: vec!["sender".into()], subject: "Held: $SUBJECT$".into(), text: "$INCIDENT_ID$ $RELEASE$".into() };
        let mut options = place.options();
        options.notices.console_url = "https://console.test".into();
        options.folder = vec![
            Folder { name: "F".into(), ..Folder::standard() },
            Folder { name: "I".into(), kind: FolderKind::Informational, ..Folder::standard() },
        ];
        options.filter = vec![
            filter("hold", "hold", vec![Action::Hold("F".into()), Action::Notify(notice)]),
            filter("gone", "gone", vec![Action::Delete]),
            filter("inform", "inform", vec![Action::Inform("I".into())]),
            filter("redirect", "redirect", vec![Action::Redirect(vec!["boss@company.example".into()])]),
            filter("archive", "archive", vec![Action::Archive(gateway::filter::Archive { to: "vault@company.example".into(), tag: Some("T7".into()) })]),
        ];
        let running = started(options).await;
        let gw = &running.gateway;
        let to = ["hold@x.example", "gone@x.example", "inform@x.example", "redirect@x.example", "archive@x.example", "plain@x.example"];
        let reply = send(running.mail, FROM, &to, &unmarked("P1", "many")).await;
        assert_eq!(reply.code, 250);
        let wanted = ["archive@x.example", "boss@company.example", "inform@x.example", "plain@x.example", "vault@company.example", FROM];
        until("all deliveries", async || place.sink.mails().iter().map(|mail| mail.recipients.len()).sum::<usize>() >= wanted.len()).await;
        let mut went: Vec<String> = place.sink.mails().into_iter().flat_map(|mail| mail.recipients).collect();
        went.sort();
        let mut wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        wanted.sort();
        assert_eq!(went, wanted);
        let archived = place.sink.mails().into_iter().find(|mail| mail.recipients == ["vault@company.example"]).unwrap();
        assert!(archived.sender.is_empty() && archived.text.starts_with("X-archive-tag: T7\r\n"));
        let copy = held(gw).await.remove(0);
        assert_eq!(copy.recipient, "hold@x.example");
        assert_eq!(in_state(gw, State::Informational).await.len(), 1);
        // The sender asks for release by the link of the notice; nobody else can make one up.
        assert!(!gw.ask_for_release(copy.id, "0".repeat(32).as_str(), "please", "192.0.2.1").await.unwrap());
        assert!(gw.ask_for_release(copy.id, &gw.release_key(copy.id), "it is public", "192.0.2.1").await.unwrap());
        assert_eq!(gw.snapshot(copy.id).await.unwrap().unwrap().release.unwrap().reason, "it is public");
        assert!(matches!(gw.save_folder(&Folder::standard(), None, "rita").await, Err(Error::KeptInFile)));
        running.stop().await;
    }

    async fn a_folders_limit_never_lets_unreviewed_mail_out_unless_asked_to(place: Place) {
        let running = started(place.options()).await;
        let gw = &running.gateway;
        let row = gw.folders().await.unwrap().remove(0);
        let big = "x".repeat(700 << 10);
        for id in ["A1", "A2"] {
            let text = format!("{}{}\r\n", marked(id, id), big.as_bytes().chunks(900).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect::<String>());
            assert_eq!(send(running.mail, FROM, &["bob@partner.example"], &text).await.code, 250);
        }
        let mut version = row.version;
        for (at_limit, left, state) in [(Limit::Keep, 2, State::Held), (Limit::Reject, 1, State::Expunged)] {
            let folder = Folder { max_megabytes: Some(1), at_limit, ..row.folder.clone() };
            gw.save_folder(&folder, Some((row.id, version)), "rita").await.unwrap();
            version += 1;
            gw.keep_house().await.unwrap();
            assert_eq!(held(gw).await.len(), left, "{at_limit:?}");
            assert!(!in_state(gw, state).await.is_empty());
        }
        assert_eq!(held(gw).await[0].subject, "A2", "the oldest goes first");
        assert!(place.sink.mails().is_empty(), "nothing was delivered");
        send(running.mail, FROM, &["bob@partner.example"], &format!("{}{}", marked("A3", "A3"), "y\r\n".repeat(300_000))).await;
        let folder = Folder { max_megabytes: Some(1), at_limit: Limit::DeliverUnreviewedMail, ..row.folder.clone() };
        gw.save_folder(&folder, Some((row.id, version)), "rita").await.unwrap();
        gw.keep_house().await.unwrap();
        let went = place.sink.wait_for(1).await;
        assert!(went[0].text.contains("Subject: A2"));
        running.stop().await;
    }

    async fn what_was_held_and_queued_is_there_after_a_restart(place: Place) {
        let running = started(place.options()).await;
        send(running.mail, FROM, &["bob@partner.example"], &marked("A1", "one")).await;
        send(running.mail, FROM, &["bob@partner.example"], &marked("A2", "two")).await;
        place.sink.stop();
        let ids: Vec<u64> = held(&running.gateway).await.iter().map(|copy| copy.id).collect();
        running.gateway.decide(&ids[..1], ReviewAction::Approved, &rita(), None).await.unwrap();
        running.stop().await;
        let sink = Sink::start().await;
        let running = started(Options { deliver: sink.destination(), ..place.options() }).await;
        assert_eq!(held(&running.gateway).await.len(), 1);
        assert_eq!(sink.wait_for(1).await[0].text, unmarked("A2", "two"));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_not_trusted_cannot_mark_and_its_marks_do_not_leave() {
    let place = Place::new(String::new()).await;
    let running = started(Options { trusted_peers: vec!["192.0.2.0/24".into()], ..place.options() }).await;
    let reply = send(running.mail, FROM, &["bob@partner.example"], &marked("A1", "forged")).await;
    assert_eq!(reply.text(), "Ok: the sink has it.");
    assert_eq!(place.sink.mails()[0].text, unmarked("A1", "forged"));
    assert!(held(&running.gateway).await.is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_next_host_marked_mail_is_still_held_and_other_mail_stays_with_its_sender() {
    let place = Place::new(String::new()).await;
    place.sink.stop();
    let running =
        started(Options { deliver: "smtp://127.0.0.1:1".to_owned().try_into().unwrap(), ..place.options() })
            .await;
    assert_eq!(send(running.mail, FROM, &["bob@partner.example"], &marked("A1", "one")).await.code, 250);
    assert_eq!(send(running.mail, FROM, &["bob@partner.example"], &unmarked("P1", "two")).await.code, 451);
    assert_eq!(held(&running.gateway).await.len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_informational_mail_that_is_still_queued_can_be_held() {
    let place = Place::new(String::new()).await;
    let mut options =
        Options { deliver: "smtp://127.0.0.1:1".to_owned().try_into().unwrap(), ..place.options() };
    options.queue.first_wait = 600;
    options.queue.longest_wait = 600;
    let running = started(options).await;
    let gw = &running.gateway;
    let inform = Folder { name: "Seen".into(), kind: FolderKind::Informational, ..Folder::standard() };
    gw.save_folder(&inform, None, "rita").await.unwrap();
    let row = gw.filters().await.unwrap().remove(0);
    let filter = Filter { actions: vec![Action::Inform("Seen".into())], ..row.filter };
    gw.save_filter(&filter, Some((row.id, row.version)), "rita").await.unwrap();
    send(running.mail, FROM, &["bob@partner.example"], &marked("A1", "one")).await;
    let id = in_state(gw, State::Informational).await[0].id;
    until("the first attempt", async || {
        gw.queue(&QueueFilter::default()).await.unwrap().entries.iter().any(|entry| entry.attempts == 1)
    })
    .await;
    gw.hold(id, "Data Loss Prevention", &rita(), Some("wait")).await.unwrap();
    assert_eq!(gw.queue(&QueueFilter::default()).await.unwrap().total, 0);
    assert_eq!(held(gw).await[0].id, id);
    assert!(
        gw.hold(id, "Data Loss Prevention", &rita(), None)
            .await
            .unwrap_err()
            .to_string()
            .contains("no longer in the queue")
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maildir_takes_passed_and_released_mail() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = dir.path().join("delivered");
    let destination = format!("maildir:{}", maildir.display()).try_into().unwrap();
    let running = started(options(dir.path(), destination)).await;
    send(running.mail, FROM, &["bob@partner.example"], &unmarked("P1", "passed")).await;
    send(running.mail, FROM, &["bob@partner.example"], &marked("A1", "released")).await;
    let id = held(&running.gateway).await[0].id;
    running.gateway.decide(&[id], ReviewAction::Approved, &rita(), None).await.unwrap();
    let files = || -> Vec<String> {
        let files = std::fs::read_dir(maildir.join("new")).unwrap();
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    };
    until("two files", async || files().len() == 2).await;
    let head = format!("Return-Path: <{FROM}>\r\nDelivered-To: bob@partner.example\r\n");
    assert!(files().contains(&format!("{head}{}", unmarked("P1", "passed"))));
    assert!(files().contains(&format!("{head}{}", unmarked("A1", "released"))));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_decisions_at_once_release_each_mail_once() {
    let place = Place::new(String::new()).await;
    let running = started(place.options()).await;
    for number in 0..20 {
        send(running.mail, FROM, &["bob@partner.example"], &marked(&format!("A{number}"), "x")).await;
    }
    let ids: Vec<u64> = held(&running.gateway).await.iter().map(|copy| copy.id).collect();
    let deciders = (0..5).map(|number| {
        let (gw, ids) = (running.gateway.clone(), ids.clone());
        let action = if number % 2 == 0 { ReviewAction::Approved } else { ReviewAction::Custom };
        tokio::spawn(async move { gw.decide(&ids, action, &Who::named("r"), None).await.unwrap() })
    });
    let mut done = 0;
    for decider in deciders.collect::<Vec<_>>() {
        done += decider
            .await
            .unwrap()
            .iter()
            .filter(|one| matches!(one.result, CopyResult::Released | CopyResult::Custom))
            .count();
    }
    assert_eq!(done, 20);
    place.sink.wait_for(20).await;
    until("an empty queue", async || {
        running.gateway.queue(&QueueFilter::default()).await.unwrap().total == 0
    })
    .await;
    assert_eq!(place.sink.mails().len(), 20);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_reflecting_mode_mail_from_inside_goes_to_the_detection_server_in_step() {
    let place = Place::new(String::new()).await;
    let detection = Sink::start().await;
    let inspect = |inspect: String| {
        Some(gateway::InspectOptions { listen: "127.0.0.1:0".into(), inspect, ..Default::default() })
    };
    let running =
        started(Options { inspect: inspect(detection.address.to_string()), ..place.options() }).await;
    let inside = running.submission.unwrap();
    let reply = send(inside, FROM, &["bob@partner.example"], &marked("A1", "forged")).await;
    assert_eq!(reply.text(), "Ok: the sink has it.");
    assert_eq!(detection.mails()[0].text, unmarked("A1", "forged"), "no mark from inside is believed");
    assert!(place.sink.mails().is_empty() && held(&running.gateway).await.is_empty());
    assert_eq!(send(inside, FROM, &["permanent@partner.example"], &unmarked("P", "x")).await.code, 550);
    running.stop().await;
    // Down is later, never past inspection.
    let running = started(Options { inspect: inspect("127.0.0.1:1".into()), ..place.options() }).await;
    let refused =
        try_send(running.submission.unwrap(), FROM, &["bob@partner.example"], &unmarked("P", "x")).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("421")));
    assert!(place.sink.mails().is_empty());
    running.stop().await;
}
