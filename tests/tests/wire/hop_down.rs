//! A next hop that is down, slow or goes away: the sender hears 4xx, keeps the mail, and nothing is lost.

use std::time::{Duration, Instant};

use weir_tests::client::{send, send_until_taken};
use weir_tests::mails;
use weir_tests::ports::free_port;
use weir_tests::sink::{Reaction, Sink, Stage};
use weir_tests::weir::Prevent;

const QUICK: &str = "[prevent.timeouts]\nconnect = \"1s\"\nhop_reply = \"1s\"\nhop_final = \"1s\"";

#[test]
fn mail_for_a_hop_that_is_down_is_deferred_until_it_is_back() {
    let port = free_port();
    let weir = Prevent::forward(&[([127, 0, 0, 1], port).into()]).start();
    let message = mails::clean("down");
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert!(answer.is_transient(), "{answer:?}");
    let sink = Sink::on_port(port);
    send_until_taken(
        weir.addr(),
        "ann@corp.example",
        &["bob@other.example"],
        &message,
        Duration::from_secs(10),
    )
    .unwrap();
    sink.only_message();
}

fn is_deferred_within(limit: Duration, at: Stage, reaction: Reaction) {
    let sink = Sink::scripted(move |asked| if asked.stage == at { reaction.clone() } else { Reaction::Good });
    let weir = Prevent::forward(&[sink.addr()]).config(QUICK).start();
    let message = mails::clean("stalled");
    let began = Instant::now();
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert!(answer.is_transient(), "{at:?}: {answer:?}");
    assert!(began.elapsed() < limit, "{at:?} took {:?}", began.elapsed());
    sink.rescript(|_| Reaction::Good);
    send_until_taken(
        weir.addr(),
        "ann@corp.example",
        &["bob@other.example"],
        &message,
        Duration::from_secs(10),
    )
    .unwrap();
}

#[test]
fn a_hop_that_never_greets_is_given_up() {
    is_deferred_within(Duration::from_secs(8), Stage::Connect, Reaction::Stall);
}

#[test]
fn a_hop_that_stalls_at_ehlo_is_given_up() {
    is_deferred_within(Duration::from_secs(8), Stage::Ehlo, Reaction::Stall);
}

#[test]
fn a_hop_that_stalls_at_rcpt_is_given_up() {
    is_deferred_within(Duration::from_secs(8), Stage::Rcpt, Reaction::Stall);
}

#[test]
fn a_hop_that_stalls_at_data_is_given_up() {
    is_deferred_within(Duration::from_secs(8), Stage::Data, Reaction::Stall);
}

#[test]
fn a_hop_that_stalls_after_the_dot_is_given_up() {
    is_deferred_within(Duration::from_secs(8), Stage::Dot, Reaction::Stall);
}

#[test]
fn a_hop_that_closes_at_any_stage_defers_the_mail() {
    for stage in [Stage::Connect, Stage::Ehlo, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Dot] {
        is_deferred_within(Duration::from_secs(8), stage, Reaction::Close);
    }
}

#[test]
fn a_hop_that_closes_inside_the_body_defers_the_mail() {
    let sink = Sink::scripted(|asked| match asked.stage {
        Stage::Data => Reaction::CloseInBody(100_000),
        _ => Reaction::Good,
    });
    let weir = Prevent::forward(&[sink.addr()]).start();
    let message = mails::large("cut short", 3 << 20);
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert!(answer.is_transient(), "{answer:?}");
    sink.rescript(|_| Reaction::Good);
    assert_eq!(send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap().code, 250);
    assert!(sink.only_message().octets.ends_with(&message));
}

#[test]
fn a_lost_final_reply_is_told_as_4xx_never_as_250() {
    let sink = Sink::with_faults();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let answer =
        send(weir.addr(), "ann@corp.example", &["dot-take@other.example"], &mails::clean("taken")).unwrap();
    assert!(answer.is_transient(), "{answer:?}");
}

#[test]
fn a_slow_hop_is_waited_for() {
    let sink = Sink::scripted(|asked| match asked.stage {
        Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Dot => Reaction::Slow(Duration::from_millis(400)),
        _ => Reaction::Good,
    });
    let weir = Prevent::forward(&[sink.addr()]).start();
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("slow")).unwrap();
    assert_eq!(answer.code, 250);
}

#[test]
fn a_hop_session_that_died_between_messages_is_replaced() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = weir_tests::client::Client::greeted(weir.addr());
    let first = client.send("ann@corp.example", &["bob@other.example"], &mails::clean("first")).unwrap();
    assert_eq!(first.code, 250);
    sink.drop_connections();
    let second = client.send("ann@corp.example", &["bob@other.example"], &mails::clean("second"));
    // Deferring is as right as connecting again; losing it, or refusing it for good, is not.
    let taken = second.as_ref().is_ok_and(|answer| answer.code == 250);
    assert!(taken || second.is_err() || second.is_ok_and(|answer| answer.is_transient()));
    assert_eq!(sink.count(), if taken { 2 } else { 1 });
}

#[test]
fn a_hop_session_that_dies_while_the_body_comes_is_replaced_or_deferred() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = weir_tests::client::Client::greeted(weir.addr());
    assert_eq!(client.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    sink.drop_connections();
    std::thread::sleep(Duration::from_millis(100));
    let answer = client.body(&mails::clean("died")).unwrap();
    assert!(answer.code == 250 || answer.is_transient(), "{answer:?}");
    assert_eq!(sink.count(), usize::from(answer.code == 250));
}
