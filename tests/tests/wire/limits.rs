//! Each limit has its reply: 4xx where trying again helps, 5xx where it does not, never a refused connection.

use std::time::Duration;

use weir_tests::client::{Client, eventually, send};
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::{Prevent, Weir};

fn limited(settings: &str) -> (Sink, Weir) {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).config(settings).start();
    // The connection by which the start was noticed must not count any more.
    let gone = || {
        weir.metric("weir_prevent_sessions_opened_total") > 0.5 && weir.metric("weir_prevent_sessions") < 0.5
    };
    assert!(eventually(Duration::from_secs(60), gone), "{}", weir.log());
    (sink, weir)
}

#[test]
fn sessions_over_the_limit_of_an_address_hear_421() {
    let (_sink, weir) = limited("[prevent.limits]\nsessions_per_address = 2");
    let _held = [Client::greeted(weir.addr()), Client::greeted(weir.addr())];
    let mut third = Client::connect(weir.addr()).unwrap();
    assert_eq!(third.answer().unwrap().code, 421);
    assert!(third.is_closed());
}

#[test]
fn sessions_over_the_limit_in_all_hear_421_and_room_comes_back() {
    let (_sink, weir) = limited("[prevent.limits]\nsessions = 2");
    let mut held = vec![Client::greeted(weir.addr()), Client::greeted(weir.addr())];
    assert_eq!(Client::connect(weir.addr()).unwrap().answer().unwrap().code, 421);
    held.pop();
    let again = weir_tests::client::eventually(Duration::from_secs(60), || {
        Client::connect(weir.addr()).unwrap().answer().is_ok_and(|answer| answer.code == 220)
    });
    assert!(again);
}

#[test]
fn hosts_that_are_not_allowed_hear_554_5_7_1() {
    let sink = Sink::start();
    let weir =
        Prevent::forward(&[sink.addr()]).config("[prevent]\nallowed_hosts = [\"192.0.2.0/24\"]").start();
    let greeting = Client::connect(weir.addr()).unwrap().answer().unwrap();
    assert_eq!(greeting.code, 554, "{greeting:?}");
    assert!(greeting.text().starts_with("5.7.1"), "{greeting:?}");
}

#[test]
fn recipients_over_the_limit_are_452_and_the_others_get_the_mail() {
    let (sink, weir) = limited("[prevent.limits]\nrecipients = 3");
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.command("MAIL FROM:<ann@corp.example>").unwrap().code, 250);
    for number in 0..3 {
        assert_eq!(client.command(&format!("RCPT TO:<r{number}@other.example>")).unwrap().code, 250);
    }
    assert_eq!(client.command("RCPT TO:<r4@other.example>").unwrap().code, 452);
    assert_eq!(client.command("DATA").unwrap().code, 354);
    assert_eq!(client.body(&mails::clean("three")).unwrap().code, 250);
    assert_eq!(sink.only_message().recipients.len(), 3);
}

#[test]
fn a_message_too_large_is_552_when_announced_and_when_sent() {
    let (sink, weir) = limited("[prevent.limits]\nmessage_size = 100000");
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.command("MAIL FROM:<ann@corp.example> SIZE=200000").unwrap().code, 552);
    let answer =
        client.send("ann@corp.example", &["bob@other.example"], &mails::large("big", 300_000)).unwrap();
    assert_eq!(answer.code, 552, "{answer:?}");
    let fits =
        client.send("ann@corp.example", &["bob@other.example"], &mails::large("fits", 90_000)).unwrap();
    assert_eq!(fits.code, 250, "{fits:?}");
    sink.only_message();
}

#[test]
fn too_many_errors_end_the_session_with_421() {
    let (_sink, weir) = limited("[prevent.limits]\nerrors = 5");
    let mut client = Client::greeted(weir.addr());
    let codes: Vec<u16> =
        (0..10).map_while(|_| client.command("WRONG").ok()).map(|answer| answer.code).collect();
    assert!(codes.contains(&421) && codes.len() <= 7, "{codes:?}");
    assert!(client.is_closed());
}

#[test]
fn what_the_next_hop_refuses_for_good_counts_as_an_error_until_a_message_is_taken() {
    let sink = Sink::with_faults();
    let weir = Prevent::forward(&[sink.addr()]).config("[prevent.limits]\nerrors = 3").start();
    let mut client = Client::greeted(weir.addr());
    for round in 0..3 {
        assert_eq!(client.command("MAIL FROM:<ann@corp.example>").unwrap().code, 250, "{round}");
        for (to, code) in
            [("rcpt-550", 550), ("rcpt-452", 452), ("rcpt-550", 550), ("rcpt-452", 452), ("bob", 250)]
        {
            assert_eq!(
                client.command(&format!("RCPT TO:<{to}@other.example>")).unwrap().code,
                code,
                "{round}"
            );
        }
        assert_eq!(client.command("DATA").unwrap().code, 354, "{round}");
        assert_eq!(client.body(&mails::clean("some are refused")).unwrap().code, 250, "{round}");
    }
    assert_eq!(client.command("MAIL FROM:<ann@corp.example>").unwrap().code, 250);
    assert_eq!(client.command("RCPT TO:<bob@other.example>").unwrap().code, 250);
    for _ in 0..4 {
        assert_eq!(client.command("RCPT TO:<rcpt-550@other.example>").unwrap().code, 550);
    }
    assert_eq!(client.answer().unwrap().code, 421);
    assert!(client.is_closed());
    assert_eq!(sink.count(), 3, "what was not taken is not delivered");
}

#[test]
fn a_silent_sender_is_told_421_and_closed() {
    let (_sink, weir) = limited("[prevent.timeouts]\ncommand = \"1s\"");
    // Long before the five minutes that it has without the setting: the client itself waits for half of them.
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.answer().unwrap().code, 421);
    assert!(client.is_closed());
}

#[test]
fn a_sender_that_stops_inside_the_message_is_closed_and_nothing_goes_on() {
    let (sink, weir) = limited("[prevent.timeouts]\ndata_block = \"1s\"");
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    client.write(b"Subject: never finished\r\n\r\n").unwrap();
    assert!(client.is_closed());
    assert_eq!(sink.count(), 0);
}

#[test]
fn large_messages_go_to_a_file_not_to_memory() {
    let (sink, weir) = limited("[prevent.limits]\nmemory_per_message = 65536");
    let message = mails::large("spooled", 8 << 20);
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    assert!(sink.only_message().octets.ends_with(&message));
}

#[test]
fn what_does_not_stay_in_memory_lies_in_a_file_that_has_no_name() {
    let (_sink, weir) = limited("[prevent.limits]\nmemory_per_message = 65536");
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    client.write(b"Subject: large\r\n\r\n").unwrap();
    client.write(&b"Soup at noon, every day of the week.\r\n".repeat(50_000)).unwrap();
    let spool = weir.data().join("spool");
    let open_files = || -> Vec<String> {
        let files = std::fs::read_dir(format!("/proc/{}/fd", weir.pid())).unwrap();
        let names = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        let in_spool = names.filter(|name| name.starts_with(&spool));
        in_spool.map(|name| name.to_string_lossy().into_owned()).collect()
    };
    assert!(eventually(Duration::from_secs(20), || !open_files().is_empty()), "no file is open in {spool:?}");
    assert!(open_files().iter().all(|name| name.ends_with(" (deleted)")), "{:?}", open_files());
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0, "a name is left");
    client.write(b".\r\n").unwrap();
    assert_eq!(client.answer().unwrap().code, 250);
    assert!(eventually(Duration::from_secs(20), || open_files().is_empty()), "{:?}", open_files());
}
