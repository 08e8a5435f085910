//! The sender's replies are the next hop's: a 250 is its 250, a refusal its refusal, recipient by recipient.

use std::time::Duration;

use weir_tests::client::{Client, send};
use weir_tests::dialogue;
use weir_tests::mails;
use weir_tests::sink::{Reaction, Sink, Stage, reply};
use weir_tests::weir::Prevent;

#[test]
fn the_text_of_the_hops_250_reaches_the_sender() {
    let sink = Sink::scripted(|asked| match asked.stage {
        Stage::Dot => reply("250-2.6.0 taken\r\n250 2.6.0 queued as 4F9D195432C"),
        _ => Reaction::Good,
    });
    let weir = Prevent::forward(&[sink.addr()]).start();
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("text")).unwrap();
    assert_eq!(answer.lines, ["2.6.0 taken", "2.6.0 queued as 4F9D195432C"]);
}

#[test]
fn recipients_are_refused_one_by_one() {
    let sink = Sink::with_faults();
    let weir = Prevent::forward(&[sink.addr()]).start();
    dialogue::hold(
        weir.addr(),
        r"
        S: 220 *
        C: EHLO client.example
        S* 250
        C: MAIL FROM:<ann@corp.example>
        S: 250 2.1.0 sender ok
        C: RCPT TO:<bob@other.example>
        S: 250 2.1.5 recipient ok
        C: RCPT TO:<rcpt-550@other.example>
        S: 550 5.7.1 scripted 550
        C: RCPT TO:<rcpt-452@other.example>
        S: 452 4.7.1 scripted 452
        C: RCPT TO:<carl@other.example>
        S: 250 2.1.5 recipient ok
        C: DATA
        S: 354 *
        C: Subject: two of four
        C:
        C: .
        S: 250 2.0.0 taken as 1
        C: QUIT
        S: 221 *
        S: <closed>",
    );
    assert_eq!(sink.only_message().recipients, ["<bob@other.example>", "<carl@other.example>"]);
}

#[test]
fn a_pipelined_envelope_gets_its_replies_in_order() {
    let sink = Sink::with_faults();
    let weir = Prevent::forward(&[sink.addr()]).start();
    dialogue::hold(
        weir.addr(),
        r"
        S: 220 *
        C: EHLO client.example
        S* 250
        C: MAIL FROM:<ann@corp.example>
        C: RCPT TO:<rcpt-550@other.example>
        C: RCPT TO:<bob@other.example>
        C: DATA
        S: 250 2.1.0 *
        S: 550 5.7.1 *
        S: 250 2.1.5 *
        S: 354 *
        C: Subject: pipelined
        C:
        C: .
        C: MAIL FROM:<ann@corp.example>
        C: RCPT TO:<bob@other.example>
        C: RSET
        C: QUIT
        S: 250 2.0.0 taken as 1
        S: 250 2.1.0 *
        S: 250 2.1.5 *
        S* 250
        S: 221 *",
    );
    sink.only_message();
}

#[test]
fn when_all_recipients_are_refused_data_is_refused() {
    let sink = Sink::with_faults();
    let weir = Prevent::forward(&[sink.addr()]).start();
    dialogue::hold(
        weir.addr(),
        r"
        S: 220 *
        C: EHLO client.example
        S* 250
        C: MAIL FROM:<ann@corp.example>
        C: RCPT TO:<rcpt-550@other.example>
        C: DATA
        S: 250 *
        S: 550 *
        S* 5*
        C: MAIL FROM:<ann@corp.example>
        S* 503*
        C: RSET
        S* 250
        C: MAIL FROM:<ann@corp.example>
        S* 250",
    );
    assert_eq!(sink.count(), 0);
}

#[test]
fn a_sender_that_the_hop_refuses_is_refused() {
    let sink = Sink::scripted(|asked| match asked.stage {
        Stage::Mail => reply("550 5.1.8 who is that?"),
        _ => Reaction::Good,
    });
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = Client::greeted(weir.addr());
    let answer = client.command("MAIL FROM:<ann@corp.example>").unwrap();
    assert_eq!((answer.code, answer.text().as_str()), (550, "5.1.8 who is that?"));
    assert_eq!(client.command("RCPT TO:<bob@other.example>").unwrap().code, 503);
}

#[test]
fn refusals_at_data_and_after_the_dot_reach_the_sender() {
    let sink = Sink::with_faults();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let message = mails::clean("refused");
    for code in [421, 450, 451, 452, 550, 552, 554] {
        for stage in ["data", "dot"] {
            let recipient = format!("{stage}-{code}@other.example");
            let answer = send(weir.addr(), "ann@corp.example", &[&recipient], &message).unwrap();
            assert_eq!(answer.code, code, "{recipient}: {answer:?}");
            assert!(answer.text().ends_with(&format!("scripted {code}")), "{answer:?}");
        }
    }
    assert_eq!(sink.count(), 0);
}

#[test]
fn nothing_of_the_message_reaches_the_hop_before_its_end() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    client.write(b"Subject: half\r\n\r\nhalf a message\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    drop(client);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(sink.count(), 0);
    assert!(!sink.lines().iter().any(|line| line.starts_with("DATA")), "{:?}", sink.lines());
}

#[test]
fn several_messages_go_over_one_session() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = Client::greeted(weir.addr());
    for number in 0..20 {
        let message = mails::clean(&format!("number {number}"));
        assert_eq!(client.send("ann@corp.example", &["bob@other.example"], &message).unwrap().code, 250);
    }
    assert_eq!(client.command("QUIT").unwrap().code, 221);
    let messages = sink.messages();
    assert_eq!(messages.len(), 20);
    assert!(messages.iter().all(|message| message.session == messages[0].session));
}
