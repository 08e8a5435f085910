//! Dialogues of an upstream session: order, syntax, pipelining, limits, shutdown.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use smtp::server::{EndReason, Offer, ServerConfig, Timeouts};
use support::*;

#[tokio::test]
async fn a_message_goes_through_and_the_services_reply_is_the_senders() {
    let fake = talk_after_hello(
        "C: MAIL FROM:<a@a.example> SIZE=20 BODY=8BITMIME
         S: 250 2.1.0 Sender ok.
         C: RCPT TO:<b@b.example>
         S: 250 2.1.5 Recipient ok.
         C: DATA
         S: 354 End data with <CR><LF>.<CR><LF>
         C: Subject: hello
         C:
         C: ..dot
         C: .
         S: 250 2.0.0 Queued downstream.
         C: QUIT
         S: 221 2.0.0 Service closing.
         S.",
    )
    .await;
    assert_eq!(fake.message(), b"Subject: hello\r\n\r\n.dot\r\n");
    assert_eq!(
        fake.calls(),
        [
            "ehlo client.example",
            "mail <a@a.example> SIZE=20 BODY=8BITMIME",
            "rcpt <b@b.example>",
            "message 24",
            "quit"
        ]
    );
}

#[tokio::test]
async fn pipelined_envelopes_are_one_call_and_their_replies_keep_their_order() {
    let fake = talk_after_hello(
        "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<b@b.example>
         C: RCPT TO:<refused@b.example>
         C: RCPT TO:<later@b.example>
         C: DATA
         S: 250 2.1.0 Sender ok.
         S: 250 2.1.5 Recipient ok.
         S: 550 5.1.1 No such user.
         S: 450 4.2.1 Later.
         S: 354 End data with <CR><LF>.<CR><LF>
         C: x
         C: .
         # RFC 2920 lets commands follow the end of the message in the same write.
         C: RSET
         C: MAIL FROM:<>
         C: RCPT TO:<c@b.example>
         S: 250 2.0.0 Queued downstream.
         S: 250 2.0.0 Ok: Carry on.
         S: 250 2.1.0 Sender ok.
         S: 250 2.1.5 Recipient ok.",
    )
    .await;
    let calls = fake.calls();
    assert_eq!(
        calls[1],
        "mail <a@a.example> | rcpt <b@b.example> | rcpt <refused@b.example> | rcpt <later@b.example>"
    );
    assert_eq!(calls[4], "mail <> | rcpt <c@b.example>");
}

#[tokio::test]
async fn an_error_within_a_pipelined_group_is_answered_in_its_place() {
    talk_after_hello(
        "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<b@b.example>
         C: RCPT TO:<bad
         C: RCPT TO:<c@b.example>
         C: NOOP
         S: 250 2.1.0 Sender ok.
         S: 250 2.1.5 Recipient ok.
         S: 501 5.1.3 Bad recipient address syntax.
         S: 250 2.1.5 Recipient ok.
         S: 250 2.0.0 Ok: Carry on.",
    )
    .await;
}

#[tokio::test]
async fn recipients_of_a_refused_sender_are_never_accepted() {
    let fake = talk_after_hello(
        "C: MAIL FROM:<refused@a.example>
         C: RCPT TO:<b@b.example>
         C: DATA
         S: 550 5.1.1 No such user.
         S: 503 5.5.1 Need MAIL before RCPT.
         S: 503 5.5.1 Need MAIL and RCPT first.",
    )
    .await;
    assert_eq!(fake.messages(), 0);
}

#[tokio::test]
async fn commands_out_of_order_are_503() {
    talk(
        "S: 220 weir.example ESMTP
         C: MAIL FROM:<a@a.example>
         S: 503 5.5.1 Send EHLO or HELO first.
         C: RCPT TO:<a@a.example>
         S: 503 5.5.1 Send EHLO or HELO first.
         C: DATA
         S: 503 5.5.1 Send EHLO or HELO first.
         C: HELO client.example
         S: 250 weir.example
         C: RCPT TO:<a@a.example>
         S: 503 5.5.1 Need MAIL before RCPT.
         C: DATA
         S: 503 5.5.1 Need MAIL and RCPT first.
         C: MAIL FROM:<a@a.example>
         S: 250 2.1.0 Sender ok.
         C: MAIL FROM:<a@a.example>
         S: 503 5.5.1 Nested MAIL command.
         C: DATA
         S: 503 5.5.1 Need MAIL and RCPT first.
         C: RCPT TO:<refused@a.example>
         S: 550 5.1.1 No such user.
         C: DATA
         S: 554 5.5.1 No valid recipients.",
    )
    .await;
}

#[tokio::test]
async fn rset_and_a_second_ehlo_forget_the_transaction() {
    let fake = talk_after_hello(
        "C: MAIL FROM:<a@a.example>
         S: 250 2.1.0 Sender ok.
         C: RSET
         S: 250 2.0.0 Ok: Carry on.
         C: RCPT TO:<a@a.example>
         S: 503 5.5.1 Need MAIL before RCPT.
         C: MAIL FROM:<a@a.example>
         S: 250 2.1.0 Sender ok.
         C: HELO again.example
         S: 250 weir.example
         C: RCPT TO:<a@a.example>
         S: 503 5.5.1 Need MAIL before RCPT.",
    )
    .await;
    let calls = fake.calls();
    assert_eq!(calls[2], "reset");
    assert_eq!(calls[4..6], ["reset", "helo again.example"]);
}

#[tokio::test]
async fn small_commands_are_answered() {
    talk(
        "S: 220 weir.example ESMTP
         C: NOOP whatever
         S: 250 2.0.0 Ok: Carry on.
         C: VRFY someone
         S~ 252 2.5.0
         C: EXPN list
         S~ 502 5.5.1
         C: HELP
         S~ 214 2.0.0
         C: AUTH PLAIN AAAA
         S~ 502 5.5.1
         C: STARTTLS
         S~ 502 5.5.1
         C: RSET
         S~ 250 2.0.0
         C: FROB
         S: 500 5.5.2 Command not recognised.
         C: DATA now
         S: 501 5.5.4 Syntax error in parameters or arguments.
         C: XCLIENT NAME=a
         S~ 550 5.7.0
         C: quit
         S~ 221",
    )
    .await;
}

#[tokio::test]
async fn a_refusal_of_ehlo_is_passed_on_and_421_is_the_last_word() {
    talk(
        "S: 220 weir.example ESMTP
         C: EHLO unwelcome.example
         S: 550 5.7.1 You are not welcome.
         C: MAIL FROM:<a@a.example>
         S: 503 5.5.1 Send EHLO or HELO first.
         C: EHLO down.example
         S: 421 4.4.1 Fatal: Forwarding agent unavailable.
         S.",
    )
    .await;
}

#[tokio::test]
async fn a_421_within_the_envelope_ends_the_session() {
    talk_after_hello(
        "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<gone@b.example>
         C: RCPT TO:<c@b.example>
         S: 250 2.1.0 Sender ok.
         S: 421 4.4.2 Fatal: Connection lost to forwarding agent.
         S.",
    )
    .await;
}

#[tokio::test]
async fn parameters_of_extensions_that_are_not_offered_are_555() {
    let fake = Fake { offer: Some(Offer::default()), ..Fake::default() };
    talk_with(
        config(),
        fake,
        "S~ 220
         C: EHLO client.example
         S: 250-weir.example
         S: 250-PIPELINING
         S: 250 CHUNKING
         C: MAIL FROM:<a@a.example> SIZE=1
         S~ 555 5.5.4
         C: MAIL FROM:<a@a.example> BODY=8BITMIME
         S~ 555 5.5.4
         C: MAIL FROM:<a@a.example> RET=FULL
         S~ 555 5.5.4
         C: MAIL FROM:<a@a.example> AUTH=<>
         S~ 555 5.5.4
         C: MAIL FROM:<a@a.example>
         S~ 250
         C: RCPT TO:<b@b.example> NOTIFY=NEVER
         S~ 555 5.5.4
         C: RCPT TO:<b@b.example>
         S~ 250",
    )
    .await;
}

#[tokio::test]
async fn after_helo_there_are_no_parameters() {
    talk(
        "S~ 220
         C: HELO client.example
         S: 250 weir.example
         C: MAIL FROM:<a@a.example> SIZE=1
         S~ 555 5.5.4",
    )
    .await;
}

#[tokio::test]
async fn utf8_addresses_need_smtputf8() {
    let fake = talk_after_hello(
        "C: MAIL FROM:<jörg@a.example>
         S~ 553 5.6.7
         C: MAIL FROM:<a@a.example>
         S~ 250
         C: RCPT TO:<jörg@b.example>
         S~ 553 5.6.7
         C: RSET
         S~ 250
         C: MAIL FROM:<jörg@a.example> SMTPUTF8
         C: RCPT TO:<jörg@b.example>
         S~ 250
         S~ 250",
    )
    .await;
    assert_eq!(fake.calls()[3], "mail <jörg@a.example> SMTPUTF8 | rcpt <jörg@b.example>");
}

#[tokio::test]
async fn a_size_over_the_limit_is_refused_at_mail_however_many_digits_it_has() {
    talk_after_hello(
        "C: MAIL FROM:<a@a.example> SIZE=1000001
         S: 552 5.3.4 Message size exceeds limit.
         C: MAIL FROM:<a@a.example> SIZE=99999999999999999999
         S: 552 5.3.4 Message size exceeds limit.
         C: MAIL FROM:<a@a.example> SIZE=999999999999999999999
         S~ 501 5.5.4
         C: MAIL FROM:<a@a.example> SIZE=1000000
         S~ 250",
    )
    .await;
}

#[tokio::test]
async fn too_many_recipients_are_452_one_by_one() {
    let config = ServerConfig { max_recipients: 2, ..config() };
    let script = "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<1@b.example>
         C: RCPT TO:<refused@b.example>
         C: RCPT TO:<2@b.example>
         C: RCPT TO:<3@b.example>
         C: RCPT TO:<4@b.example>
         C: DATA
         S: 250 2.1.0 Sender ok.
         S: 250 2.1.5 Recipient ok.
         S: 550 5.1.1 No such user.
         S: 250 2.1.5 Recipient ok.
         S: 452 4.5.3 Too many recipients.
         S: 452 4.5.3 Too many recipients.
         S~ 354";
    talk_with(config, Fake::default(), &format!("{HELLO}{script}")).await;
}

#[tokio::test]
async fn too_many_errors_end_the_session() {
    let config = ServerConfig { max_errors: 2, ..config() };
    talk_with(
        config,
        Fake::default(),
        "S~ 220
         C: A
         C: B
         C: C
         C: D
         S~ 500
         S~ 500
         S~ 500
         S: 421 4.7.0 Too many errors, closing connection.
         S.",
    )
    .await;
}

#[tokio::test]
async fn what_the_service_refuses_for_good_is_an_error() {
    let config = ServerConfig { max_errors: 2, ..config() };
    let script = "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<refused@b.example>
         C: RCPT TO:<b@b.example>
         C: RCPT TO:<refused@b.example>
         C: RCPT TO:<refused@b.example>
         C: RCPT TO:<c@b.example>
         S: 250 2.1.0 Sender ok.
         S: 550 5.1.1 No such user.
         S: 250 2.1.5 Recipient ok.
         S: 550 5.1.1 No such user.
         S: 550 5.1.1 No such user.
         S: 421 4.7.0 Too many errors, closing connection.
         S.";
    let fake = talk_with(config, Fake::default(), &format!("{HELLO}{script}")).await;
    assert_eq!(fake.messages(), 0);
}

#[tokio::test]
async fn what_the_service_refuses_for_now_is_none() {
    let config = ServerConfig { max_errors: 1, ..config() };
    let script = "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<later@b.example>
         C: RCPT TO:<later@b.example>
         C: RCPT TO:<later@b.example>
         C: RCPT TO:<b@b.example>
         C: DATA
         S: 250 2.1.0 Sender ok.
         S: 450 4.2.1 Later.
         S: 450 4.2.1 Later.
         S: 450 4.2.1 Later.
         S: 250 2.1.5 Recipient ok.
         S~ 354";
    talk_with(config, Fake::default(), &format!("{HELLO}{script}")).await;
}

#[tokio::test]
async fn recipients_behind_a_refused_sender_are_one_error_with_it() {
    let config = ServerConfig { max_errors: 1, ..config() };
    let script = "C: MAIL FROM:<refused@a.example>
         C: RCPT TO:<b@b.example>
         C: RCPT TO:<refused@b.example>
         C: RCPT TO:<c@b.example>
         S: 550 5.1.1 No such user.
         S: 503 5.5.1 Need MAIL before RCPT.
         S: 550 5.1.1 No such user.
         S: 503 5.5.1 Need MAIL before RCPT.
         C: NOOP
         S: 250 2.0.0 Ok: Carry on.";
    talk_with(config, Fake::default(), &format!("{HELLO}{script}")).await;
}

#[tokio::test]
async fn errors_are_counted_anew_from_each_message_that_is_taken() {
    let config = ServerConfig { max_errors: 2, ..config() };
    let errors = "C: WRONG
         S~ 500
         C: WRONG
         S~ 500
         ";
    let message = "C: MAIL FROM:<a@a.example>
         S~ 250
         C: RCPT TO:<b@b.example>
         S~ 250
         C: DATA
         S~ 354
         C: x
         C: .
         S~ 250
         ";
    let script = format!(
        "{HELLO}{errors}{message}{errors}{message}{errors}C: WRONG
         S~ 500
         S: 421 4.7.0 Too many errors, closing connection.
         S."
    );
    let fake = talk_with(config, Fake::default(), &script).await;
    assert_eq!(fake.messages(), 2);
}

#[tokio::test]
async fn recipients_over_the_limit_do_not_keep_the_message_from_the_others() {
    let config = ServerConfig { max_recipients: 1, max_errors: 1, ..config() };
    let over = "C: RCPT TO:<c@b.example>
         S: 452 4.5.3 Too many recipients.
         ";
    let script = format!(
        "{HELLO}C: MAIL FROM:<a@a.example>
         S~ 250
         C: RCPT TO:<b@b.example>
         S~ 250
         {}C: DATA
         S~ 354
         C: x
         C: .
         S~ 250",
        over.repeat(1_000)
    );
    let fake = talk_with(config.clone(), Fake::default(), &script).await;
    assert_eq!(fake.messages(), 1);
    let script = format!(
        "{HELLO}C: MAIL FROM:<a@a.example>
         S~ 250
         C: RCPT TO:<b@b.example>
         S~ 250
         {}S: 421 4.7.0 Too many errors, closing connection.
         S.",
        over.repeat(1_002)
    );
    talk_with(config, Fake::default(), &script).await;
}

#[tokio::test]
async fn lines_that_are_too_long_or_not_clean_are_refused_and_the_next_is_a_command_again() {
    let long = "x".repeat(5000);
    let endless = "y".repeat(100_000);
    talk(&format!(
        "S~ 220
         C: NOOP {long}
         S: 500 5.5.6 Line too long.
         C: NOOP {endless}
         S: 500 5.5.6 Line too long.
         C= NO\\rOP\\r\\n
         S: 500 5.5.2 Control character or bare line end in a command.
         C= NOOP \\0\\r\\n
         S: 500 5.5.2 Control character or bare line end in a command.
         C: NOOP
         S~ 250"
    ))
    .await;
}

#[tokio::test]
async fn a_bare_line_feed_ends_the_session_and_nothing_behind_it_is_a_command() {
    for command in ["NOOP\\n", "EHLO a\\nMAIL FROM:<a@b>\\r\\n", "\\n"] {
        talk(&format!("S~ 220\nC= {command}\nS~ 421 4.5.2\nS.")).await;
    }
    let fake = talk_after_hello(
        "C: MAIL FROM:<a@b.example>\nS~ 250\nC= NOOP\\nRCPT TO:<evil@x.example>\\r\\n\nS~ 421\nS.",
    )
    .await;
    assert_eq!(fake.calls().iter().filter(|call| call.contains("evil")).count(), 0);
}

#[tokio::test]
async fn a_line_without_end_is_given_up() {
    let endless = "z".repeat(1_500_000);
    talk(&format!("S~ 220\nC= {endless}\nS~ 421 4.7.0\nS.")).await;
}

#[tokio::test]
async fn a_command_may_come_in_pieces() {
    talk(
        "S~ 220
         C= EH
         S- 20
         C= LO client.example\\r
         S- 20
         C= \\n
         S: 250-weir.example",
    )
    .await;
}

#[tokio::test]
async fn early_talkers_are_turned_away() {
    let mut server = server_saying(config(), Fake::default(), b"EHLO me\r\n").await;
    play(&mut server.client, "S~ 554 5.5.0\nS.").await;
    assert_eq!(server.end.await.unwrap().why, EndReason::OutOfStep);
    assert!(server.fake.calls().is_empty());
}

#[tokio::test]
async fn early_talkers_may_be_let_in() {
    let config = ServerConfig { forbid_early_talkers: false, ..config() };
    let mut server = server_saying(config, Fake::default(), b"EHLO me\r\nMAIL FROM:<a@b.example>\r\n").await;
    play(&mut server.client, &format!("{}S~ 250 2.1.0", HELLO.replace("C: EHLO client.example", ""))).await;
}

#[tokio::test]
async fn octets_behind_ehlo_or_data_are_out_of_step() {
    talk("S~ 220\nC: EHLO me\nC: MAIL FROM:<a@b>\nS: 503 5.5.0 Improper use of command pipelining, closing connection.\nS.").await;
    let fake = talk_after_hello(
        "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<b@b.example>
         C: DATA
         C: Subject: x
         C: .
         S~ 250
         S~ 250
         S~ 503 5.5.0
         S.",
    )
    .await;
    assert_eq!(fake.messages(), 0);
}

#[tokio::test]
async fn a_panic_is_one_451_and_the_end_of_one_session() {
    talk_after_hello(
        "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<panic@b.example>
         S: 451 4.3.0 Error: Processing error.
         S: 451 4.3.0 Error: Processing error.
         S: 421 4.3.0 Fatal: Processing error. Closing connection.
         S.",
    )
    .await;
    talk_after_hello(
        "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<crash@b.example>
         C: DATA
         S~ 250
         S~ 250
         S~ 354
         C: .
         S~ 451 4.3.0
         S~ 421 4.3.0
         S.",
    )
    .await;
}

#[tokio::test]
async fn a_silent_peer_is_told_and_left() {
    let timeouts = Timeouts { command: Duration::from_millis(80), ..Timeouts::default() };
    let config = ServerConfig { timeouts, ..config() };
    let mut server = server(config, Fake::default()).await;
    play(&mut server.client, "S~ 220\nS: 421 4.4.2 Timeout exceeded, closing connection.\nS.").await;
    assert_eq!(server.end.await.unwrap().why, EndReason::Timeout);
    assert_eq!(server.fake.calls(), ["quit"]);
}

#[tokio::test]
async fn a_command_that_drips_is_bounded_in_all() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let timeouts = Timeouts { command: Duration::from_millis(200), ..Timeouts::default() };
    let config = ServerConfig { timeouts, ..config() };
    let mut server = server(config, Fake::default()).await;
    play(&mut server.client, "S~ 220").await;
    let (mut said, mut octets) = (String::new(), [0; 512]);
    // Fewer than a line may have, each well before the time for a command is over.
    for _ in 0..300 {
        let _ = server.client.write_all(b"x").await;
        let heard = tokio::time::timeout(Duration::from_millis(20), server.client.read(&mut octets)).await;
        if let Ok(Ok(count)) = heard {
            said.push_str(&String::from_utf8_lossy(&octets[..count]));
            break;
        }
    }
    assert_eq!(said, "421 4.4.2 Timeout exceeded, closing connection.\r\n");
}

#[tokio::test]
async fn shutdown_ends_idle_sessions_at_once_and_others_after_their_message() {
    let mut idle = server(config(), Fake::default()).await;
    play(&mut idle.client, "S~ 220").await;
    idle.shutdown.cancel();
    play(&mut idle.client, "S: 421 4.3.2 Service shutting down, try again later.\nS.").await;

    let mut busy = server(config(), Fake::default()).await;
    play(&mut busy.client, &format!("{HELLO}C: MAIL FROM:<a@a.example>\nS~ 250")).await;
    busy.shutdown.cancel();
    play(
        &mut busy.client,
        "C: RCPT TO:<b@b.example>
         S~ 250
         C: DATA
         S~ 354
         C: .
         S: 250 2.0.0 Queued downstream.
         S: 421 4.3.2 Service shutting down, try again later.
         S.",
    )
    .await;
    assert_eq!(busy.end.await.unwrap().accepted, 1);
}

#[tokio::test]
async fn no_transaction_begins_after_shutdown() {
    let mut server = server(config(), Fake::default()).await;
    play(&mut server.client, &format!("{HELLO}C: MAIL FROM:<a@a.example>\nS~ 250")).await;
    server.shutdown.cancel();
    play(
        &mut server.client,
        "C: RSET
         C: MAIL FROM:<a@a.example>
         S~ 250
         S~ 421 4.3.2
         S.",
    )
    .await;
}

#[tokio::test]
async fn no_room_is_said_instead_of_354() {
    talk_after_hello(
        "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<full@b.example>
         C: DATA
         S~ 250
         S~ 250
         S: 452 4.3.1 Insufficient system storage, try again later.
         C: RSET
         S~ 250",
    )
    .await;
}

#[tokio::test]
async fn a_refused_connection_hears_why() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let refuse = tokio::spawn(async move {
        smtp::server::refuse(stream, &smtp::reply::own::host_not_allowed()).await;
    });
    play(&mut client, "C: EHLO me\nS: 554 5.7.1 Access denied.\nS.").await;
    drop(client);
    refuse.await.unwrap();
}
