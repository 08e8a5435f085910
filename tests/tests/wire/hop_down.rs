//! A next hop that is down, slow or goes away: the sender hears 4xx, keeps the mail, and nothing is lost.

use std::time::Duration;

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
        Duration::from_secs(60),
    )
    .unwrap();
    sink.only_message();
}

/// Given up within the client's own patience, which is shorter than the waits for a next hop that nobody has set.
fn is_deferred(at: Stage, reaction: Reaction) {
    let sink = Sink::scripted(move |asked| if asked.stage == at { reaction.clone() } else { Reaction::Good });
    let weir = Prevent::forward(&[sink.addr()]).config(QUICK).start();
    let message = mails::clean("stalled");
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert!(answer.is_transient(), "{at:?}: {answer:?}");
    sink.rescript(|_| Reaction::Good);
    send_until_taken(
        weir.addr(),
        "ann@corp.example",
        &["bob@other.example"],
        &message,
        Duration::from_secs(60),
    )
    .unwrap();
}

#[test]
fn a_hop_that_never_greets_is_given_up() {
    is_deferred(Stage::Connect, Reaction::Stall);
}

#[test]
fn a_hop_that_stalls_at_ehlo_is_given_up() {
    is_deferred(Stage::Ehlo, Reaction::Stall);
}

#[test]
fn a_hop_that_stalls_at_rcpt_is_given_up() {
    is_deferred(Stage::Rcpt, Reaction::Stall);
}

#[test]
fn a_hop_that_stalls_at_data_is_given_up() {
    is_deferred(Stage::Data, Reaction::Stall);
}

#[test]
fn a_hop_that_stalls_after_the_dot_is_given_up() {
    is_deferred(Stage::Dot, Reaction::Stall);
}

#[test]
fn a_hop_that_closes_at_any_stage_defers_the_mail() {
    for stage in [Stage::Connect, Stage::Ehlo, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Dot] {
        is_deferred(stage, Reaction::Close);
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
    let second = client.send("ann@corp.example", &["bob@other.example"], &mails::clean("second")).unwrap();
    assert_eq!(second.code, 250, "{second:?}");
    assert_eq!(sink.count(), 2);
}

#[test]
fn a_hop_session_that_dies_while_the_body_comes_is_replaced() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = weir_tests::client::Client::greeted(weir.addr());
    assert_eq!(client.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    sink.drop_connections();
    let answer = client.body(&mails::clean("died")).unwrap();
    assert_eq!((answer.code, sink.count()), (250, 1), "{answer:?}");
}
