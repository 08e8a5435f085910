//! A next hop that breaks the protocol: the sender hears 4xx, time and memory stay bounded, and no stale reply is taken
//! for a later answer.

use std::time::Duration;

use weir_tests::client::send;
use weir_tests::mails;
use weir_tests::sink::{Reaction, Sink, Stage, reply};
use weir_tests::weir::{Prevent, Weir};

const QUICK: &str = "[prevent.timeouts]\nconnect = \"2s\"\nhop_reply = \"2s\"\nhop_final = \"2s\"";
const STAGES: [Stage; 6] = [Stage::Connect, Stage::Ehlo, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Dot];

fn misbehaving(at: Stage, reaction: Reaction) -> (Sink, Weir) {
    let sink = Sink::scripted(move |asked| if asked.stage == at { reaction.clone() } else { Reaction::Good });
    let weir = Prevent::forward(&[sink.addr()]).config(QUICK).start();
    (sink, weir)
}

fn deferred_at(stage: Stage, reaction: Reaction) {
    let (_sink, weir) = misbehaving(stage, reaction.clone());
    let message = mails::clean("hostile hop");
    match send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message) {
        Ok(answer) => assert!(answer.is_transient(), "{stage:?} {reaction:?}: {answer:?}"),
        Err(error) => panic!("{stage:?} {reaction:?}: no reply but {error}"),
    }
    assert!(weir.memory().peak < 400 << 20, "{stage:?}: {:?}", weir.memory());
}

#[test]
fn words_instead_of_replies_defer() {
    for stage in STAGES {
        deferred_at(stage, Reaction::Raw(b"hello, who is there?\r\n".to_vec()));
    }
}

#[test]
fn replies_with_control_octets_or_bare_line_ends_defer() {
    for octets in
        [&b"250 2.0.0 a\x00b\r\n"[..], b"250 2.0.0 a\nb\r\n", b"2500 many digits\r\n", b"25\r\n", b"\r\n"]
    {
        deferred_at(Stage::Dot, Reaction::Raw(octets.to_vec()));
    }
}

#[test]
fn codes_of_one_reply_that_differ_defer() {
    deferred_at(Stage::Dot, Reaction::Raw(b"250-2.0.0 one\r\n550 5.0.0 two\r\n".to_vec()));
}

#[test]
fn endless_lines_defer_within_bounds() {
    for stage in STAGES {
        deferred_at(stage, Reaction::Endless);
    }
}

#[test]
fn endless_continuation_lines_defer_within_bounds() {
    for stage in STAGES {
        deferred_at(stage, Reaction::EndlessLines);
    }
}

#[test]
fn wrong_positive_codes_defer() {
    deferred_at(Stage::Mail, reply("354 go on"));
    deferred_at(Stage::Rcpt, reply("354 go on"));
    deferred_at(Stage::Data, reply("250 2.0.0 already?"));
    deferred_at(Stage::Dot, reply("354 more, please"));
    deferred_at(Stage::Dot, reply("199 what"));
    deferred_at(Stage::Connect, reply("354 go on"));
    deferred_at(Stage::Ehlo, reply("354 go on"));
}

#[test]
fn an_early_250_is_not_the_answer_to_the_message() {
    let (sink, weir) =
        misbehaving(Stage::Data, Reaction::Surplus("250 2.0.0 taken before it was sent\r\n".to_owned()));
    let answer =
        send(weir.addr(), "ann@corp.example", &["dot-554@other.example"], &mails::clean("early")).unwrap();
    assert!(answer.is_transient(), "{answer:?}");
    drop(sink);
}

#[test]
fn a_surplus_reply_is_not_taken_for_the_next_answer() {
    let sink = Sink::scripted(|asked| match asked.stage {
        Stage::Dot if asked.session == 0 => {
            Reaction::Surplus("250 2.0.0 stale\r\n250 2.0.0 stale\r\n".to_owned())
        }
        Stage::Rcpt if asked.line.contains("nobody") => reply("550 5.1.1 no such person"),
        _ => Reaction::Good,
    });
    let weir = Prevent::forward(&[sink.addr()]).config(QUICK).start();
    let mut client = weir_tests::client::Client::greeted(weir.addr());
    let first = client.send("ann@corp.example", &["bob@other.example"], &mails::clean("first")).unwrap();
    assert!(first.code == 250 || first.is_transient(), "{first:?}");
    std::thread::sleep(Duration::from_millis(50));
    let second = client.send("ann@corp.example", &["nobody@other.example"], &mails::clean("second"));
    if let Ok(answer) = second {
        assert_ne!(answer.code, 250, "a stale reply was believed");
        assert_ne!(answer.code, 354, "a stale reply was believed");
        assert!(!answer.text().contains("stale"), "{answer:?}");
    }
    assert!(sink.count() <= 1);
}

#[test]
fn a_hop_that_refuses_in_its_greeting_defers_for_that_says_nothing_of_the_mail() {
    for said in ["421 4.3.2 too busy", "554 5.3.2 no service"] {
        let (_sink, weir) = misbehaving(Stage::Connect, reply(said));
        let answer =
            send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("greeting")).unwrap();
        assert!(answer.is_transient(), "{said}: {answer:?}");
    }
}

#[test]
fn a_hop_without_ehlo_is_spoken_to_with_helo() {
    let (sink, weir) = misbehaving(Stage::Ehlo, reply("502 5.5.1 what is that"));
    let message = mails::clean("old hop");
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    assert!(sink.only_message().octets.ends_with(&message));
    assert!(sink.lines().iter().any(|line| line.starts_with("HELO ")));
}
