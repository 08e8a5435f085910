//! Dialogues with a next hop, well-behaved and hostile: nothing wrong is ever taken for success.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use smtp::client::{Edit, Hop, HopError, Outgoing, Phase};
use smtp::command::{Command, Mail, Rcpt, parse};
use smtp::server::EnvelopeCommand;
use smtp::spool::Spooled;
use smtp::xclient::Attributes;
use support::hop::{FULL, GREETING, PLAIN, hop, hop_config, impatient, impatient_session, session};

fn mail(address: &str) -> EnvelopeCommand {
    EnvelopeCommand::Mail(Mail::new(address).unwrap())
}

fn rcpt(address: &str) -> EnvelopeCommand {
    EnvelopeCommand::Rcpt(Rcpt::new(address).unwrap())
}

fn outgoing(message: &Spooled) -> Outgoing<'_> {
    Outgoing { prefix: b"", message, edits: &[] }
}

async fn send(script: &str, message: &[u8]) -> (Result<smtp::reply::Reply, HopError>, bool) {
    let (hop, task) = session(script).await;
    let mut hop = hop.unwrap();
    let message = Spooled::from_vec(message.to_vec());
    let result = hop.send(&outgoing(&message)).await;
    let broken = hop.is_broken();
    drop(hop);
    task.await.unwrap();
    (result, broken)
}

#[tokio::test]
async fn a_message_goes_out_as_it_is_with_header_lines_on_top() {
    let (hop, task) = session(&format!(
        "{PLAIN}
         C: MAIL FROM:<\"o d\"@a.example> RET=HDRS
         S: 250 2.1.0 ok
         C: RCPT TO:<b@b.example>
         S: 251-2.1.5 will
         S: 251 2.1.5 forward
         C: DATA
         S: 354 go
         C: X-Top: 1
         C: Subject: other
         C:
         C: ..dot
         C: .
         S: 250 2.6.0 <id> queued
         C: QUIT
         S: 221 bye"
    ))
    .await;
    let mut hop = hop.unwrap();
    let Ok(Command::Mail(mail)) = parse(b"MAIL FROM:<\"o d\"@a.example> RET=HDRS") else { panic!() };
    let replies = hop.envelope(&[EnvelopeCommand::Mail(mail), rcpt("b@b.example")]).await.unwrap();
    assert_eq!(replies[1].to_bytes(), b"251-2.1.5 will\r\n251 2.1.5 forward\r\n");
    let message = Spooled::from_vec(b"X-dlp: forged\r\nSubject: one\r\n\r\n.dot".to_vec());
    let edits = [
        Edit { range: 0..15, replacement: Vec::new() },
        Edit { range: 24..27, replacement: b"other".to_vec() },
    ];
    let reply =
        hop.send(&Outgoing { prefix: b"X-Top: 1\r\n", message: &message, edits: &edits }).await.unwrap();
    assert_eq!(reply.to_bytes(), b"250 2.6.0 <id> queued\r\n");
    assert!(!hop.is_broken());
    assert_eq!(hop.quit().await.unwrap().code, 221);
    drop(hop);
    assert_eq!(task.await.unwrap(), b"");
}

#[tokio::test]
async fn the_envelope_is_pipelined_and_the_message_is_one_chunk() {
    let (hop, task) = session(&format!(
        "{FULL}
         C: MAIL FROM:<a@a.example>
         C: RCPT TO:<b@b.example>
         C: RCPT TO:<c@b.example>
         S: 250 ok
         S: 550 5.1.1 no
         S: 250 ok
         C: BDAT 10 LAST
         C: X: 1
         C: .
         S: 250 done"
    ))
    .await;
    let mut hop = hop.unwrap();
    assert_eq!(hop.extensions().size, Some(1000));
    let commands = [mail("a@a.example"), rcpt("b@b.example"), rcpt("c@b.example")];
    let replies = hop.envelope(&commands).await.unwrap();
    assert_eq!(replies.iter().map(|reply| reply.code).collect::<Vec<_>>(), [250, 550, 250]);
    let message = Spooled::from_vec(b".\r\nx".to_vec());
    let reply = hop.send(&Outgoing { prefix: b"X: 1\r\n", message: &message, edits: &[] }).await.unwrap();
    assert_eq!(reply.code, 250);
    drop(hop);
    assert_eq!(task.await.unwrap(), b"x");
}

#[tokio::test]
async fn a_hop_without_ehlo_is_greeted_with_helo() {
    let (hop, _task) =
        session(&format!("{GREETING}S: 500 what\nC: HELO weir.example\nS: 250 hop.example")).await;
    assert_eq!(*hop.unwrap().extensions(), Default::default());
}

#[tokio::test]
async fn a_refusal_at_the_greeting_or_ehlo_is_told() {
    let (hop, _task) = session("S: 554 5.7.1 not you").await;
    let error = hop.expect_err("refused");
    assert!(matches!(&error, HopError::Refused(reply) if reply.code == 554));
    assert_eq!(error.reply().code, 421, "the sender's mail does not bounce because a hop does not like us");
    let (hop, _task) = session(&format!("{GREETING}S: 421 4.3.2 busy")).await;
    assert!(matches!(hop, Err(HopError::Refused(reply)) if reply.code == 421));
}

#[tokio::test]
async fn wrong_greetings_are_no_greetings() {
    for greeting in ["250 hello", "354 go", "220-a\\r\\n221 b", "hello", "220 a\\n"] {
        let (hop, _task) = session(&format!("S= {greeting}\\r\\n")).await;
        let error = hop.expect_err(greeting);
        assert!(error.reply().is_transient(), "{greeting}: {error}");
    }
}

#[tokio::test]
async fn a_hop_that_says_nothing_is_given_up_in_time() {
    let (hop, _task) = impatient_session("W 2000").await;
    let error = hop.expect_err("silence");
    assert!(matches!(error, HopError::Timeout(Phase::Greeting)));
    assert_eq!(error.reply().code, 421);
}

#[tokio::test]
async fn a_port_that_is_closed_is_421_for_the_sender() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let error = Hop::connect(addr, &hop_config()).await.expect_err("closed");
    assert_eq!(error.reply().to_string(), "421 4.4.1 Fatal: Forwarding agent unavailable.");
}

#[tokio::test]
async fn refusals_of_data_and_of_the_message_are_the_hops_own_words() {
    let (reply, broken) = send(&format!("{PLAIN}C: DATA\nS: 452 4.3.1 full"), b"x").await;
    assert_eq!((reply.unwrap().to_string().as_str(), broken), ("452 4.3.1 full", false));
    let (reply, broken) = send(&format!("{PLAIN}C: DATA\nS: 354\nC: x\nC: .\nS: 550 5.7.1 spam"), b"x").await;
    assert_eq!((reply.unwrap().to_string().as_str(), broken), ("550 5.7.1 spam", false));
}

#[tokio::test]
async fn wrong_successes_are_never_passed_on() {
    for script in [
        // 250 where 354 is due; 354, 220, 251 after the dot.
        "C: DATA\nS: 250 ok",
        "C: DATA\nS: 354 go\nC: x\nC: .\nS: 354 go on",
        "C: DATA\nS: 354 go\nC: x\nC: .\nS: 220 hello",
        "C: DATA\nS: 354 go\nC: x\nC: .\nS: 251 hm",
        // The answer before the question.
        "C: DATA\nS: 354 go\nS: 250 ok",
        "C: DATA\nS: 354-go\nS: 250 ok",
    ] {
        let (result, broken) = send(&format!("{PLAIN}{script}"), b"x").await;
        let error = result.expect_err(script);
        assert!(error.reply().is_transient(), "{script}: {error}");
        assert!(broken, "{script}");
    }
}

#[tokio::test]
async fn wrong_successes_in_the_envelope_are_never_passed_on() {
    for answer in ["354 go", "220 hello", "251 what", "252 maybe"] {
        let (hop, _task) = session(&format!("{PLAIN}C: MAIL FROM:<a@a.example>\nS: {answer}")).await;
        let mut hop = hop.unwrap();
        let error = hop.envelope(&[mail("a@a.example")]).await.expect_err(answer);
        assert!(matches!(error, HopError::WrongCode(Phase::Envelope, _)), "{error}");
        assert!(hop.is_broken());
        assert!(matches!(hop.noop().await, Err(HopError::Broken)));
    }
}

#[tokio::test]
async fn surplus_replies_break_the_session() {
    let (hop, _task) = session(&format!("{PLAIN}C: NOOP\nS: 250 ok\nS: 250 and more")).await;
    let mut hop = hop.unwrap();
    let first = hop.noop().await;
    // Either it came in the same packet, or it is found before the next command.
    if !hop.is_broken() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(matches!(hop.noop().await, Err(HopError::Surplus(_))));
    }
    assert!(first.is_ok() && hop.is_broken());
}

#[tokio::test]
async fn a_hop_that_left_meanwhile_is_noticed_before_anything_is_sent() {
    for goodbye in ["X", "S: 421 4.4.2 idle\nX"] {
        let (hop, task) = session(&format!("{PLAIN}W 10\n{goodbye}")).await;
        let mut hop = hop.unwrap();
        assert_eq!(task.await.unwrap(), b"", "the hop has said its goodbye and closed");
        let error = hop.envelope(&[mail("a@a.example")]).await.expect_err("gone");
        assert!(matches!(error, HopError::Closed(Phase::Envelope)), "{error}");
    }
}

#[tokio::test]
async fn endless_and_malformed_replies_are_bounded() {
    let lines = "250-more\\r\\n".repeat(200);
    let long = "x".repeat(10_000);
    for answer in
        [lines.as_str(), &long, "250 a\\0b\\r\\n", "250 a\\rb\\r\\n", "25\\r\\n", "250-a\\r\\n550 b\\r\\n"]
    {
        let (hop, _task) = session(&format!("{PLAIN}C: NOOP\nS= {answer}")).await;
        let error = hop.unwrap().noop().await.expect_err("malformed");
        assert!(matches!(error, HopError::Malformed(_)), "{error}");
    }
}

#[tokio::test]
async fn a_reply_that_drips_is_bounded_in_all() {
    // In time each line by itself, and whole in the end: who waits for each line anew takes it.
    let drip = "S= 250-a\\r\\n\nW 100\n".repeat(20);
    let (hop, _task) = impatient_session(&format!("{PLAIN}C: NOOP\n{drip}S: 250 a")).await;
    let error = hop.unwrap().noop().await.expect_err("more than one wait long");
    assert!(matches!(error, HopError::Timeout(_)), "{error}");
}

#[tokio::test]
async fn each_phase_of_a_message_is_bounded() {
    let stalled_354 = format!("{PLAIN}C: DATA\nW 1000");
    let stalled_final = format!("{PLAIN}C: DATA\nS: 354\nC: x\nC: .\nW 1000");
    for (script, phase) in [(stalled_354, Phase::DataInit), (stalled_final, Phase::DataFinal)] {
        let (hop, task) = impatient_session(&script).await;
        let mut hop = hop.unwrap();
        let message = Spooled::from_vec(b"x".to_vec());
        let result = hop.send(&outgoing(&message)).await;
        assert!(matches!(result, Err(HopError::Timeout(which)) if which == phase), "{phase:?}");
        assert!(hop.is_broken());
        drop(hop);
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_hop_that_stops_reading_is_given_up() {
    let big = vec![b'x'; 20 << 20];
    let (hop, _task) = hop_that_does_not_read("354 go\r\n").await;
    let mut hop = hop.unwrap();
    let message = Spooled::from_vec(big);
    let result = hop.send(&outgoing(&message)).await;
    assert!(matches!(result, Err(HopError::Timeout(Phase::DataBlock))));
}

#[tokio::test]
async fn a_hop_that_refuses_in_the_middle_is_heard() {
    let big = vec![b'x'; 20 << 20];
    let (hop, _task) = hop_that_does_not_read("354 go\r\n552 5.3.4 enough\r\n").await;
    let mut hop = hop.unwrap();
    let message = Spooled::from_vec(big);
    let reply = hop.send(&outgoing(&message)).await;
    // Heard before the first octet or in the middle of them.
    match reply {
        Ok(reply) => assert_eq!(reply.to_string(), "552 5.3.4 enough"),
        Err(error) => assert!(matches!(error, HopError::Surplus(_)), "{error}"),
    }
    assert!(hop.is_broken());
}

#[tokio::test]
async fn a_hop_that_refuses_in_the_middle_and_closes_is_heard() {
    let (hop, _task) =
        session(&format!("{PLAIN}C: DATA\nS: 354\nC: x\nS: 452 4.3.1 disk full\nW 50\nX")).await;
    let mut hop = hop.unwrap();
    let mut body = b"x\r\n".to_vec();
    body.resize(30 << 20, b'x');
    let message = Spooled::from_vec(body);
    assert_eq!(hop.send(&outgoing(&message)).await.unwrap().to_string(), "452 4.3.1 disk full");
    assert!(hop.is_broken());
}

#[tokio::test]
async fn a_hop_that_says_250_before_it_has_all_is_not_believed() {
    let (hop, _task) = session(&format!("{PLAIN}C: DATA\nS: 354\nC: x\nS: 250 got it\nW 300\nX")).await;
    let mut hop = hop.unwrap();
    let mut body = b"x\r\n".to_vec();
    body.resize(30 << 20, b'x');
    let message = Spooled::from_vec(body);
    let error = hop.send(&outgoing(&message)).await.expect_err("early");
    assert!(error.reply().is_transient());
    assert!(hop.is_broken());
}

#[tokio::test]
async fn a_hop_that_closes_in_the_middle_is_a_loss() {
    let (result, broken) = send(&format!("{PLAIN}C: DATA\nS: 354\nC: x\nX"), b"x").await;
    assert!(matches!(result, Err(HopError::Closed(_))));
    assert!(broken);
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_the_session_broken() {
    let (hop, _task) = session(&format!("{PLAIN}C: NOOP\nW 1000")).await;
    let mut hop = hop.unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(20), hop.noop()).await;
    assert!(dropped.is_err() && hop.is_broken());
}

#[tokio::test]
async fn a_421_is_passed_on_and_the_session_is_not_used_again() {
    let (hop, _task) = session(&format!("{PLAIN}C: NOOP\nS: 421 4.3.2 going down")).await;
    let mut hop = hop.unwrap();
    assert_eq!(hop.noop().await.unwrap().code, 421);
    assert!(hop.is_broken());
}

#[tokio::test]
async fn a_421_within_a_pipelined_envelope_is_the_answer_to_all_the_rest() {
    let (hop, _task) = session(&format!(
        "{FULL}
         C: MAIL FROM:<a@a.example>
         C: RCPT TO:<b@b.example>
         C: RCPT TO:<c@b.example>
         S: 250 ok
         S: 421 4.3.2 going down
         X"
    ))
    .await;
    let mut hop = hop.unwrap();
    let replies =
        hop.envelope(&[mail("a@a.example"), rcpt("b@b.example"), rcpt("c@b.example")]).await.unwrap();
    assert_eq!(replies.iter().map(|reply| reply.code).collect::<Vec<_>>(), [250, 421, 421]);
    assert!(hop.is_broken());
}

#[tokio::test]
async fn a_hop_that_reset_the_connection_while_idle_is_closed_not_in_disorder() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 hop\r\n").await.unwrap();
        let mut sink = [0; 100];
        let _ = stream.read(&mut sink).await;
        stream.write_all(b"250 hop\r\n").await.unwrap();
        // Without lingering the close is a reset.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let mut hop = Hop::connect(addr, &hop_config()).await.unwrap();
    task.await.unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    let message = Spooled::from_vec(b"x\r\n".to_vec());
    let error = hop.send(&outgoing(&message)).await.expect_err("reset");
    assert!(matches!(error, HopError::Closed(Phase::DataInit)), "{error}");
}

#[tokio::test]
async fn xforward_and_xclient_go_on_as_far_as_the_hop_knows_them() {
    let (hop, _task) = session(&format!(
        "{FULL}
         C: XFORWARD NAME=c.example
         S: 250 ok
         C: XCLIENT NAME=c.example
         S: 220 again
         C: EHLO weir.example
         S: 250 hop.example"
    ))
    .await;
    let mut hop = hop.unwrap();
    let attributes = Attributes::parse(b"NAME=c.example HELO=me").unwrap();
    assert_eq!(hop.xforward(&attributes).await.unwrap().unwrap().code, 250);
    assert_eq!(hop.xclient(&attributes).await.unwrap().unwrap().code, 220);
    assert!(hop.extensions().xclient.is_empty(), "after XCLIENT the new EHLO counts");
    assert!(hop.xclient(&attributes).await.unwrap().is_none());
}

#[tokio::test]
async fn a_line_end_in_a_command_of_ours_is_not_sent() {
    let (hop, task) = session(PLAIN).await;
    let mut hop = hop.unwrap();
    let mut forged = Mail::new("a@a.example").unwrap();
    forged.verbatim = b"<a@a.example>\r\nRCPT TO:<x@x.example>".to_vec();
    assert!(hop.envelope(&[EnvelopeCommand::Mail(forged)]).await.is_err());
    drop(hop);
    assert_eq!(task.await.unwrap(), b"");
}

#[tokio::test]
async fn edits_that_overlap_are_refused_before_anything_is_sent() {
    let (hop, task) = session(PLAIN).await;
    let mut hop = hop.unwrap();
    let message = Spooled::from_vec(b"abc\r\n".to_vec());
    let edit = |range| Edit { range, replacement: Vec::new() };
    for edits in [vec![edit(0..2), edit(1..3)], vec![edit(4..6)], vec![edit(2..3), edit(0..1)]] {
        let outgoing = Outgoing { prefix: b"", message: &message, edits: &edits };
        assert!(hop.send(&outgoing).await.is_err());
    }
    drop(hop);
    assert_eq!(task.await.unwrap(), b"");
}

async fn hop_that_does_not_read(
    after_data: &'static str,
) -> (Result<Hop, HopError>, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sink = [0; 1024];
        stream.write_all(b"220 hop\r\n").await.unwrap();
        let _ = stream.read(&mut sink).await;
        stream.write_all(b"250 hop\r\n").await.unwrap();
        let _ = stream.read(&mut sink).await;
        stream.write_all(after_data.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
    });
    (Hop::connect(addr, &impatient()).await, task)
}

#[tokio::test]
async fn the_fake_hop_is_reachable() {
    let (addr, task) = hop(&format!("{PLAIN}C: QUIT\nS: 221 bye")).await;
    let mut hop = Hop::connect(addr, &hop_config()).await.unwrap();
    assert_eq!(hop.peer(), addr);
    hop.quit().await.unwrap();
    drop(hop);
    task.await.unwrap();
}
