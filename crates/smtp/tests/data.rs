//! Dialogues of DATA and BDAT: what ends a message, what may be in it, sizes, times, chunks.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use smtp::server::{EndReason, LineEndRule, LineEnds, ServerConfig, Timeouts};
use support::*;
use tokio::io::AsyncWriteExt;

const ENVELOPE: &str = "
C: MAIL FROM:<a@a.example>
C: RCPT TO:<b@b.example>
S~ 250
S~ 250
";

const DATA: &str = "
C: DATA
S~ 354
";

async fn after_354(script: &str) -> Fake {
    talk_after_hello(&format!("{ENVELOPE}{DATA}{script}")).await
}

async fn with_rules(line_ends: LineEnds, script: &str) -> Fake {
    let config = ServerConfig { line_ends, ..config() };
    talk_with(config, Fake::default(), &format!("{HELLO}{ENVELOPE}{DATA}{script}")).await
}

async fn after_envelope(script: &str) -> Fake {
    talk_after_hello(&format!("{ENVELOPE}{script}")).await
}

#[tokio::test]
async fn an_empty_message_is_a_message() {
    let fake = after_354("C: .\nS~ 250").await;
    assert_eq!(fake.message(), b"");
}

#[tokio::test]
async fn smuggled_commands_stay_inside_the_message_and_it_is_refused() {
    for end in [
        "\\n.\\n",
        "\\n.\\r\\n",
        "\\r\\n.\\n",
        "\\r.\\r",
        "\\r.\\r\\n",
        "\\r\\n.\\r",
        "\\r\\n\\0.\\r\\n",
        "\\r\\n.\\0\\r\\n",
    ] {
        let fake = after_354(&format!(
            "C= From: x\\r\\n\\r\\nfirst{end}MAIL FROM:<admin@b.example>\\r\\nRCPT TO:<victim@b.example>\\r\\n\
             DATA\\r\\nFrom: admin\\r\\n\\r\\nsecond\\r\\n.\\r\\n
             S~ 554 5.6.0
             S- 50
             C: RSET
             S~ 250"
        ))
        .await;
        assert_eq!(fake.messages(), 0, "{end}");
        assert!(!fake.calls().iter().any(|call| call.contains("admin")), "{end}");
    }
}

#[tokio::test]
async fn each_bad_octet_is_named_and_the_session_goes_on() {
    for (octets, named) in [("a\\nb", "bare LF"), ("a\\rb", "bare CR"), ("a\\0b", "NUL")] {
        let fake = after_354(&format!(
            "C= {octets}\\r\\n.\\r\\n
             S~ 554 5.6.0 Message refused: {named}
             C: MAIL FROM:<c@a.example>
             S~ 250"
        ))
        .await;
        assert!(fake.calls().contains(&"reset".to_owned()), "the next hop forgets the transaction");
    }
}

#[tokio::test]
async fn repaired_line_ends_are_counted_and_still_end_nothing() {
    let repair =
        LineEnds { bare_lf: LineEndRule::Repair, bare_cr: LineEndRule::Repair, nul: LineEndRule::Repair };
    let fake = with_rules(repair, "C= a\\nb\\rc\\0\\n.\\n\\r\\n.\\r\\n\nS~ 250").await;
    assert_eq!(fake.message(), b"a\r\nb\r\nc\r\n.\r\n\r\n");
    let repairs = fake.seen.lock().unwrap().messages[0].line_end_repairs;
    assert_eq!((repairs.bare_lf, repairs.bare_cr, repairs.nul), (3, 1, 1));
}

#[tokio::test]
async fn passed_octets_stay_as_they_are_and_are_counted() {
    let pass = LineEnds { bare_lf: LineEndRule::Pass, bare_cr: LineEndRule::Pass, nul: LineEndRule::Pass };
    let fake = with_rules(pass, "C= a\\nb\\rc\\0\\n.\\r\\n.\\r\\n\nS~ 250").await;
    assert_eq!(fake.message(), b"a\nb\rc\0\n.\r\n");
    assert!(fake.seen.lock().unwrap().messages[0].line_end_repairs.any());
}

#[tokio::test]
async fn any_body_arrives_octet_for_octet() {
    let long = "x".repeat(200_000);
    let fake = after_354(&format!("C: {long}\nC: .leading\nC: caf\u{e9}\nC: .\nS~ 250")).await;
    assert_eq!(fake.message(), format!("{long}\r\nleading\r\ncafé\r\n").into_bytes());
    assert!(fake.seen.lock().unwrap().messages[0].body_8bit);
}

#[tokio::test]
async fn the_end_may_come_in_pieces() {
    for cut in 1..5 {
        let mut server = server(config(), Fake::default()).await;
        play(&mut server.client, &format!("{HELLO}{ENVELOPE}{DATA}")).await;
        let (first, second) = b"x\r\n.\r\n".split_at(cut + 1);
        server.client.write_all(first).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        server.client.write_all(second).await.unwrap();
        play(&mut server.client, "S~ 250").await;
        assert_eq!(server.fake.message(), b"x\r\n");
    }
}

#[tokio::test]
async fn a_big_message_goes_through_a_file_unchanged() {
    let line = "0123456789abcdef".repeat(4);
    let body = format!("{line}\r\n").repeat(30_000);
    let config = ServerConfig { max_size: 10_000_000, ..config() };
    let fake = Fake { memory: Some(1000), ..Fake::default() };
    let mut server = server(config, fake).await;
    play(&mut server.client, &format!("{HELLO}{ENVELOPE}{DATA}")).await;
    // Over the offered SIZE of 1,000,000: read to its end, then refused.
    server.client.write_all(format!("{body}.\r\n").as_bytes()).await.unwrap();
    play(&mut server.client, "S: 552 5.3.4 Message size exceeds limit.").await;
    play(&mut server.client, &format!("{ENVELOPE}{DATA}")).await;
    let body = format!("{line}\r\n").repeat(15_000);
    server.client.write_all(format!("{body}.\r\n").as_bytes()).await.unwrap();
    play(&mut server.client, "S~ 250").await;
    assert!(server.fake.seen.lock().unwrap().messages[0].memory().is_none());
    assert!(server.fake.message() == body.as_bytes());
}

#[tokio::test]
async fn a_message_for_which_the_disk_has_no_room_is_read_to_its_end_and_refused_for_now() {
    let fake = Fake { memory: Some(1000), dir: Some("/nowhere".into()), ..Fake::default() };
    let body = "0123456789abcdef\r\n".repeat(50_000);
    let mut server = server(config(), fake).await;
    play(&mut server.client, &format!("{HELLO}{ENVELOPE}{DATA}")).await;
    server.client.write_all(format!("{body}.\r\n").as_bytes()).await.unwrap();
    play(&mut server.client, "S~ 452 4.3.1").await;
    play(&mut server.client, &format!("{ENVELOPE}C: BDAT {} LAST", body.len())).await;
    server.client.write_all(body.as_bytes()).await.unwrap();
    play(&mut server.client, "S~ 452 4.3.1").await;
    // What needs no room goes on.
    play(&mut server.client, &format!("{ENVELOPE}{DATA}C: short\nC: .\nS~ 250")).await;
    assert_eq!(server.fake.message(), b"short\r\n");
}

#[tokio::test]
async fn a_flood_behind_a_refused_message_is_cut_off() {
    let config = ServerConfig { max_size: 10_000, max_drain: 100_000, ..config() };
    let hello = HELLO.replace("SIZE 1000000", "SIZE 10000");
    let mut server = server(config, Fake::default()).await;
    play(&mut server.client, &format!("{hello}{ENVELOPE}{DATA}")).await;
    let flood = vec![b'x'; 1_000_000];
    let _ = server.client.write_all(&flood).await;
    play(&mut server.client, "S: 552 5.3.4 Message size exceeds limit.\nS.").await;
    drop(server.client);
    assert_eq!(server.end.await.unwrap().why, EndReason::Flood);
}

#[tokio::test]
async fn a_sender_that_stalls_within_a_message_is_told_and_left() {
    let timeouts = Timeouts {
        data_init: Duration::from_millis(100),
        data_block: Duration::from_millis(100),
        tick: Duration::from_millis(30),
        ..Timeouts::default()
    };
    let config = ServerConfig { timeouts, ..config() };
    let script = format!(
        "{HELLO}{ENVELOPE}{DATA}C: half a message\nS: 421 4.4.2 Timeout exceeded, closing connection.\nS."
    );
    let fake = talk_with(config, Fake::default(), &script).await;
    assert_eq!(fake.messages(), 0);
    assert!(
        fake.calls().iter().filter(|call| *call == "tick").count() >= 2,
        "the hop is kept alive meanwhile"
    );
}

#[tokio::test]
async fn a_message_that_drips_is_bounded_in_all() {
    let timeouts = Timeouts { data_total: Duration::from_millis(150), ..Timeouts::default() };
    let config = ServerConfig { timeouts, ..config() };
    let mut server = server(config, Fake::default()).await;
    play(&mut server.client, &format!("{HELLO}{ENVELOPE}{DATA}")).await;
    for _ in 0..12 {
        let _ = server.client.write_all(b"x").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    play(&mut server.client, "S~ 421 4.4.2").await;
}

#[tokio::test]
async fn a_sender_that_goes_in_the_middle_leaves_no_message() {
    let fake = after_354("C: half").await;
    assert_eq!(fake.messages(), 0);
    assert_eq!(fake.calls().last().unwrap(), "quit");
}

// ---- BDAT

#[tokio::test]
async fn chunks_make_a_message_without_any_dot_handling() {
    let fake = after_envelope(
        "C: BDAT 6
         C= .\\r\\n..\\r
         S: 250 2.0.0 6 octets received
         C: BDAT 3
         C= \\n.\\r
         S~ 250 2.0.0
         C: BDAT 1 LAST
         C= \\n
         S: 250 2.0.0 Queued downstream.
         C: MAIL FROM:<c@a.example>
         S~ 250",
    )
    .await;
    assert_eq!(fake.message(), b".\r\n..\r\n.\r\n");
}

#[tokio::test]
async fn chunks_may_be_pipelined_with_everything() {
    let fake = talk_after_hello(
        "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<b@b.example>
         C: BDAT 3
         C= a\\r\\nBDAT 0 LAST\\r\\nMAIL FROM:<>\\r\\n
         S~ 250 2.1.0
         S~ 250 2.1.5
         S~ 250 2.0.0 3 octets
         S: 250 2.0.0 Queued downstream.
         S~ 250 2.1.0",
    )
    .await;
    assert_eq!(fake.message(), b"a\r\n");
}

#[tokio::test]
async fn a_message_by_bdat_may_lack_its_last_line_end() {
    let fake = after_envelope("C: BDAT 4 LAST\nC= a\\r\\nb\nS~ 250").await;
    assert_eq!(fake.message(), b"a\r\nb");
    assert!(!fake.seen.lock().unwrap().messages[0].ends_with_crlf);
}

#[tokio::test]
async fn bdat_and_data_do_not_mix() {
    after_envelope(
        "C: BDAT 3
         C= a\\r\\n
         S~ 250
         C: DATA
         S: 503 5.5.1 DATA cannot follow BDAT.
         C: MAIL FROM:<x@a.example>
         S~ 503
         C: RCPT TO:<x@a.example>
         S~ 503
         C: NOOP
         S~ 250
         C: BDAT 0 LAST
         S~ 250 2.0.0 Queued",
    )
    .await;
}

#[tokio::test]
async fn chunks_without_a_transaction_are_read_and_refused() {
    let fake = talk_after_hello(
        "C: BDAT 25 LAST
         C= MAIL FROM:<a@a.example>\\r\\n
         S~ 503 5.5.1
         C: MAIL FROM:<a@a.example>
         C: RCPT TO:<refused@b.example>
         S~ 250
         S~ 550
         C: BDAT 6
         C= QUIT\\r\\n
         S~ 554 5.5.1
         C: BDAT 6 LAST
         C= QUIT\\r\\n
         S~ 503 5.5.1 Chunk discarded
         C: MAIL FROM:<a@a.example>
         S~ 250",
    )
    .await;
    assert_eq!(fake.messages(), 0);
}

#[tokio::test]
async fn after_a_refused_chunk_the_others_are_thrown_away() {
    let fake = after_envelope(
        "C: BDAT 3
         C= a\\nb
         S~ 554 5.6.0 Message refused: bare LF
         C: BDAT 3
         C= abc
         S: 503 5.5.1 Chunk discarded, send RSET.
         C: MAIL FROM:<a@a.example>
         S~ 503
         C: BDAT 3 LAST
         C= abc
         S~ 503
         C: MAIL FROM:<a@a.example>
         S~ 250",
    )
    .await;
    assert_eq!(fake.messages(), 0);
}

#[tokio::test]
async fn a_bare_cr_at_the_very_end_of_the_last_chunk_is_seen() {
    let fake = after_envelope("C: BDAT 2 LAST\nC= a\\r\nS~ 554 5.6.0 Message refused: bare CR").await;
    assert_eq!(fake.messages(), 0);
}

#[tokio::test]
async fn sizes_of_chunks_are_strict_and_bounded() {
    talk_after_hello(
        "C: BDAT
         S~ 501
         C: BDAT -1
         S~ 501
         C: BDAT 1 LAST X
         S~ 501
         C: BDAT 99999999999999999999
         S~ 501
         C: BDAT 9999999999999999999
         S~ 503
         S.",
    )
    .await;
}

#[tokio::test]
async fn chunks_over_the_size_are_refused() {
    let big = "x".repeat(600_000);
    after_envelope(&format!(
        "C: BDAT 600000
         C= {big}
         S~ 250
         C: BDAT 600000
         C= {big}
         S: 552 5.3.4 Message size exceeds limit.
         C: BDAT 0 LAST
         S~ 503
         C: NOOP
         S~ 250"
    ))
    .await;
}

#[tokio::test]
async fn no_room_refuses_the_first_chunk_after_reading_it() {
    talk_after_hello(
        "C: MAIL FROM:<a@a.example>
         C: RCPT TO:<full@b.example>
         C: BDAT 6 LAST
         C= QUIT\\r\\n
         S~ 250
         S~ 250
         S~ 452 4.3.1
         C: NOOP
         S~ 250",
    )
    .await;
}
