//! Whole dialogues through a detection server: what the sender hears is what the next hop says, and nothing is lost.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../smtp/tests/support/names.rs"]
mod names;
mod support;

use std::sync::Arc;
use std::time::Duration;

use prevent::Mode;
use smtp::server::{ServerConfig, Timeouts};
use support::*;
use tokio::io::AsyncBufReadExt;

/// A policy that marks mail with a word in it.
const WORDS: &str =
    "id = 7\nname = \"Words\"\nmode = \"on\"\n[[rule]]\nname = \"the word\"\nkeywords = [\"confidential\"]\n";

#[tokio::test]
async fn a_clean_message_arrives_octet_for_octet_under_the_pass_header_and_the_hops_words_come_back() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}
         C: DATA
         S: 354 go
         C: X-Cfilter-Loop: Reflected
         C: Subject: caf\u{e9}
         C:
         C: ..dot
         C: .
         S: 250-2.6.0 queued
         S: 250 2.6.0 as 7
         C: QUIT
         S: 221 bye"
    )])
    .await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(&format!(
        "{HELLO}
         C: MAIL FROM:<a@a.example>
         C: RCPT TO:<b@b.example>
         C: DATA
         S: 250 2.1.0 sender fine
         S: 250 2.1.5 recipient fine
         S~ 354
         C: Subject: caf\u{e9}
         C:
         C: ..dot
         C: .
         S: 250-2.6.0 queued
         S: 250 2.6.0 as 7
         C: QUIT
         S: 221 2.0.0 Service closing.
         S."
    ))
    .await;
    assert_eq!(hop.played().await, [b""]);
    assert!(weir.incidents().await.is_empty());
}

#[tokio::test]
async fn recipients_are_refused_one_by_one_and_all_refused_means_no_data() {
    let hop = hops(&[&format!(
        "{HOP}
         C: MAIL FROM:<a@a.example>
         S: 250 ok
         C: RCPT TO:<no@b.example>
         S: 550-5.1.1 no
         S: 550 5.1.1 such user
         C: RCPT TO:<later@b.example>
         S: 450 4.2.0 later
         C: RSET
         S: 250 ok"
    )])
    .await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(&format!(
        "{HELLO}
         C: MAIL FROM:<a@a.example>
         C: RCPT TO:<no@b.example>
         C: RCPT TO:<later@b.example>
         C: DATA
         S~ 250
         S: 550-5.1.1 no
         S: 550 5.1.1 such user
         S: 450 4.2.0 later
         S: 554 5.5.1 No valid recipients.
         C: RSET
         S~ 250"
    ))
    .await;
    hop.played().await;
}

#[tokio::test]
async fn the_hops_extensions_are_ours_with_room_left_for_our_header_lines() {
    let hop = hops(&["
        S: 220 hop.example
        C: EHLO weir.example
        S: 250-hop.example
        S: 250-SIZE 100000
        S: 250-8BITMIME
        S: 250-PIPELINING
        S: 250-SMTPUTF8
        S: 250-DSN
        S: 250-ENHANCEDSTATUSCODES
        S: 250-BINARYMIME
        S: 250-AUTH PLAIN
        S: 250-FUTURERELEASE 1 2
        S: 250 CHUNKING
        C: MAIL FROM:<a@a.example> SIZE=10 BODY=8BITMIME RET=HDRS
        C: RCPT TO:<b@b.example> NOTIFY=NEVER
        S: 250 ok
        S: 250 ok
        C: BDAT 30 LAST
        C: X-Cfilter-Loop: Reflected
        C: x
        S: 250 done"])
    .await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(
        "S~ 220
         C: EHLO client.example
         S: 250-weir.example
         S: 250-PIPELINING
         S: 250-CHUNKING
         S: 250-SIZE 95904
         S: 250-8BITMIME
         S: 250-SMTPUTF8
         S: 250-DSN
         S: 250 ENHANCEDSTATUSCODES
         C: MAIL FROM:<a@a.example> SIZE=10 BODY=8BITMIME RET=HDRS
         C: RCPT TO:<b@b.example> NOTIFY=NEVER
         C: DATA
         S: 250 ok
         S: 250 ok
         S~ 354
         C: x
         C: .
         S: 250 done",
    )
    .await;
    hop.played().await;
}

#[tokio::test]
async fn chunks_of_the_sender_become_data_for_a_hop_that_has_no_chunking() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}
         C: DATA
         S: 354 go
         C: X-Cfilter-Loop: Reflected
         C: ..a
         C: b
         C: .
         S: 250 done"
    )])
    .await;
    let weir = weir(&[hop.addr]).await;
    // No line end at the end: over DATA it is added, nothing else.
    let chunks = "C: BDAT 3\nC= .a\\r\nS~ 250 2.0.0 3 octets\nC: BDAT 2 LAST\nC= \\nb\nS: 250 done";
    weir.talk(&format!("{HELLO}{ENVELOPE}{chunks}")).await;
    hop.played().await;
}

#[tokio::test]
async fn forged_lines_are_cut_and_ours_are_on_top() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}
         C: DATA
         S: 354 go
         C: X-Cfilter-Loop: Reflected
         C: From: a@a.example
         C:
         C: X-dlp-policyid: 3
         C: .
         S: 250 done"
    )])
    .await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(&format!(
        "{HELLO}{ENVELOPE}
         C: DATA
         S~ 354
         C: x-DLP-policyid: 1
         C:  2
         C: X-CFILTER-LOOP: Reflected
         C: From: a@a.example
         C: X-dlp-uniquemsgid : FORGED
         C:
         C: X-dlp-policyid: 3
         C: .
         S: 250 done"
    ))
    .await;
    hop.played().await;
}

#[tokio::test]
async fn a_message_that_begins_with_a_folded_line_spoils_none_of_our_lines() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}
         C: DATA
         S: 354 go
         C: X-Cfilter-Loop: Reflected
         C:  ; and more
         C:
         C: .
         S: 250 done"
    )])
    .await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}C: DATA\nS~ 354\nC:  ; and more\nC:\nC: .\nS: 250 done")).await;
    hop.played().await;
}

#[tokio::test]
async fn a_loop_is_refused_and_never_reaches_the_hop() {
    let hop = hops(&[&format!("{HOP}{HOP_ENVELOPE}C: RSET\nS: 250 ok\nC: NOOP\nS: 250 ok")]).await;
    let weir = weir_with(&[hop.addr], &[], |settings| settings.max_received = 3).await;
    let received = "C: Received: by a\n".repeat(4);
    weir.talk(&format!(
        "{HELLO}{ENVELOPE}C: DATA\nS~ 354\n{received}C:\nC: .\nS: 554 5.4.6 Routing loop detected: too many Received header lines."
    ))
    .await;
}

#[tokio::test]
async fn what_the_hop_says_of_the_message_is_what_the_sender_hears() {
    for words in ["550 5.7.1 spam", "452 4.3.1 disk full", "421 4.3.0 going down"] {
        let rest = if words.starts_with("421") { "" } else { "C: RSET\nS: 250 ok" };
        let hop = hops(&[&format!(
            "{HOP}{HOP_ENVELOPE}C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: x\nC: .\nS: {words}\n{rest}"
        )])
        .await;
        let weir = weir(&[hop.addr]).await;
        weir.talk(&format!("{HELLO}{ENVELOPE}C: DATA\nS~ 354\nC: x\nC: .\nS: {words}")).await;
        hop.played().await;
    }
}

#[tokio::test]
async fn a_hop_that_refuses_data_forgets_the_envelope_before_the_next() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}
         C: DATA
         S: 554 5.5.1 no
         C: RSET
         S: 250 ok
         {HOP_ENVELOPE}"
    )])
    .await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}C: DATA\nS~ 354\nC: x\nC: .\nS: 554 5.5.1 no\n{ENVELOPE}")).await;
    hop.played().await;
}

#[tokio::test]
async fn wrong_successes_are_never_the_senders() {
    for wrong in ["354 go on", "220 hello", "251 elsewhere"] {
        let hop = hops(&[&format!(
            "{HOP}{HOP_ENVELOPE}C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: x\nC: .\nS: {wrong}"
        )])
        .await;
        let weir = weir(&[hop.addr]).await;
        weir.talk(&format!("{HELLO}{ENVELOPE}C: DATA\nS~ 354\nC: x\nC: .\nS: 451 4.4.0 Error: Protocol error of forwarding agent."))
            .await;
    }
}

// ---- a hop that dies

#[tokio::test]
async fn a_hop_that_dies_meanwhile_is_called_again_with_the_same_envelope() {
    let hop = hops(&[
        &format!("{HOP}{HOP_ENVELOPE}X"),
        &format!(
            "{HOP}{HOP_ENVELOPE}C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: x\nC: .\nS: 250 saved"
        ),
    ])
    .await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}W 30\nC: DATA\nS~ 354\nC: x\nC: .\nS: 250 saved")).await;
    hop.played().await;
}

#[tokio::test]
async fn a_recipient_that_was_refused_is_not_asked_of_a_second_session_again() {
    let refused = "C: RCPT TO:<c@b.example>\nS: 550 5.1.1 no";
    let hop = hops(&[
        &format!("{HOP}{HOP_ENVELOPE}{refused}\nX"),
        &format!(
            "{HOP}{HOP_ENVELOPE}C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: x\nC: .\nS: 250 saved"
        ),
    ])
    .await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(&format!(
        "{HELLO}{ENVELOPE}C: RCPT TO:<c@b.example>\nS: 550 5.1.1 no\nW 30\nC: DATA\nS~ 354\nC: x\nC: .\nS: 250 saved"
    ))
    .await;
    hop.played().await;
}

#[tokio::test]
async fn a_recipient_that_a_hop_takes_without_a_sender_is_none() {
    let hop = hops(&[&format!(
        "{HOP}
         C: MAIL FROM:<a@a.example>
         S: 550 5.1.8 no
         C: RCPT TO:<c@b.example>
         S: 250 ok
         {HOP_ENVELOPE}
         C: DATA
         S: 354
         C: X-Cfilter-Loop: Reflected
         C: confidential
         C: .
         S: 250 saved"
    )])
    .await;
    let policies = [("p.toml", WORDS)];
    let weir = weir_with(&[hop.addr], &policies, |_| {}).await;
    weir.talk(&format!(
        "{HELLO}
         C: MAIL FROM:<a@a.example>
         C: RCPT TO:<c@b.example>
         S: 550 5.1.8 no
         S~ 503
         {ENVELOPE}C: DATA\nS~ 354\nC: confidential\nC: .\nS: 250 saved"
    ))
    .await;
    hop.played().await;
    assert_eq!(weir.incidents().await[0].summary.recipients, ["b@b.example"]);
}

#[tokio::test]
async fn there_is_no_third_session_for_one_envelope() {
    let dying = format!("{HOP}{HOP_ENVELOPE}X");
    let second = format!("{HOP}{HOP_ENVELOPE}C: DATA\nX");
    let hop = hops(&[&dying, &second]).await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}W 30\nC: DATA\nS~ 354\nC: x\nC: .\nS~ 421 4.4.2\nS.")).await;
    hop.played().await;
}

#[tokio::test]
async fn a_second_session_that_answers_otherwise_leaves_the_mail_with_the_sender() {
    let hop = hops(&[
        &format!("{HOP}{HOP_ENVELOPE}X"),
        &format!("{HOP}C: MAIL FROM:<a@a.example>\nS: 250 ok\nC: RCPT TO:<b@b.example>\nS: 550 5.1.1 gone"),
    ])
    .await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(&format!(
        "{HELLO}{ENVELOPE}W 30\nC: DATA\nS~ 354\nC: x\nC: .\nS: 451 4.3.0 Error: Processing error."
    ))
    .await;
    assert_eq!(hop.played().await[1], b"");
}

#[tokio::test]
async fn a_message_that_found_no_second_session_leaves_nothing_to_the_next_one() {
    let arrives = "C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: x\nC: .\nS: 250 saved";
    let hop = hops(&[
        &format!("{HOP}{HOP_ENVELOPE}X"),
        &format!("{HOP}C: MAIL FROM:<a@a.example>\nS: 250 ok\nC: RCPT TO:<b@b.example>\nS: 550 5.1.1 gone"),
        &format!("{HOP}{HOP_ENVELOPE}{arrives}"),
    ])
    .await;
    let weir = weir(&[hop.addr]).await;
    let message = "C: DATA\nS~ 354\nC: x\nC: .\n";
    weir.talk(&format!(
        "{HELLO}{ENVELOPE}W 30\n{message}S: 451 4.3.0 Error: Processing error.\n{ENVELOPE}{message}S: 250 saved"
    ))
    .await;
    hop.played().await;
}

#[tokio::test]
async fn a_second_hop_without_an_extension_that_the_message_uses_gets_nothing() {
    let able = "S: 220 a\nC: EHLO weir.example\nS: 250-a\nS: 250 8BITMIME\n";
    let envelope =
        "C: MAIL FROM:<a@a.example> BODY=8BITMIME\nS: 250 ok\nC: RCPT TO:<b@b.example>\nS: 250 ok\n";
    let hop = hops(&[&format!("{able}{envelope}X"), HOP]).await;
    let weir = weir(&[hop.addr]).await;
    let hello = HELLO.replace("S: 250 CHUNKING", "S: 250-CHUNKING\nS: 250 8BITMIME");
    let envelope = ENVELOPE.replace("<a@a.example>", "<a@a.example> BODY=8BITMIME");
    weir.talk(&format!("{hello}{envelope}W 30\nC: DATA\nS~ 354\nC: x\nC: .\nS~ 451 4.3.0")).await;
    assert_eq!(hop.played().await[1], b"");
}

#[tokio::test]
async fn a_message_that_does_not_use_what_the_second_hop_lacks_goes_through() {
    let able = "S: 220 a\nC: EHLO weir.example\nS: 250-a\nS: 250 8BITMIME\n";
    let hop = hops(&[
        &format!("{able}{HOP_ENVELOPE}X"),
        &format!("{HOP}{HOP_ENVELOPE}C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: x\nC: .\nS: 250 ok"),
    ])
    .await;
    let weir = weir(&[hop.addr]).await;
    let hello = HELLO.replace("S: 250 CHUNKING", "S: 250-CHUNKING\nS: 250 8BITMIME");
    weir.talk(&format!("{hello}{ENVELOPE}W 30\nC: DATA\nS~ 354\nC: x\nC: .\nS: 250 ok")).await;
    hop.played().await;
}

#[tokio::test]
async fn a_hop_that_says_goodbye_between_messages_is_called_again_unnoticed() {
    let message = "C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: x\nC: .\nS: 250 ok\n";
    let hop = hops(&[
        &format!("{HOP}{HOP_ENVELOPE}{message}S: 421 4.4.2 idle\nX"),
        &format!("{HOP}{HOP_ENVELOPE}{message}"),
    ])
    .await;
    let weir = weir(&[hop.addr]).await;
    let message = "C: DATA\nS~ 354\nC: x\nC: .\nS: 250 ok\n";
    weir.talk(&format!("{HELLO}{ENVELOPE}{message}W 30\n{ENVELOPE}{message}")).await;
    hop.played().await;
}

#[tokio::test]
async fn a_hop_that_closes_in_the_middle_of_the_message_is_a_421_and_no_second_copy() {
    let hop = hops(&[&format!("{HOP}{HOP_ENVELOPE}C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nX")]).await;
    let weir = weir(&[hop.addr]).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}C: DATA\nS~ 354\nC: x\nC: .\nS~ 421 4.4.2\nS.")).await;
}

#[tokio::test]
async fn a_hop_is_kept_alive_while_a_message_comes_slowly() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}N 2\nC: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: slow\nC: .\nS: 250 ok"
    )])
    .await;
    let weir = weir_with(&[hop.addr], &[], |settings| {
        let timeouts = Timeouts { tick: Duration::from_millis(50), ..Timeouts::default() };
        settings.smtp = Arc::new(ServerConfig { timeouts, ..(*settings.smtp).clone() });
    })
    .await;
    weir.talk(&format!("{HELLO}{ENVELOPE}C: DATA\nS~ 354\nC= sl\nW 1500\nC: ow\nC: .\nS: 250 ok")).await;
    hop.played().await;
}

// ---- which hop

#[tokio::test]
async fn the_second_hop_takes_over_while_the_first_is_down() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let down = closed.local_addr().unwrap();
    drop(closed);
    let up = hops(&[HOP, HOP]).await;
    let weir = weir(&[down, up.addr]).await;
    weir.talk(&format!("{HELLO}C: QUIT\nS~ 221")).await;
    weir.talk(&format!("{HELLO}C: QUIT\nS~ 221")).await;
    up.played().await;
}

#[tokio::test]
async fn no_hop_at_all_is_421_at_ehlo_and_a_hop_that_wants_nothing_of_us_bounces_nobodys_mail() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let down = closed.local_addr().unwrap();
    drop(closed);
    let unavailable = "S~ 220\nC: EHLO a\nS: 421 4.4.1 Fatal: Forwarding agent unavailable.\nS.";
    weir(&[down]).await.talk(unavailable).await;
    let hop = hops(&["S: 554 5.7.1 go away"]).await;
    weir(&[hop.addr]).await.talk(unavailable).await;
}

#[tokio::test]
async fn reflecting_goes_back_to_where_the_connection_came_from() {
    let hop = hops(&[HOP]).await;
    let port = hop.addr.port();
    let weir = weir_with(&[], &[], |settings| settings.mode = Mode::Reflect { resubmit_port: port }).await;
    weir.talk(&format!("{HELLO}C: QUIT\nS~ 221")).await;
    hop.played().await;
}

#[tokio::test]
async fn xclient_reaches_a_hop_that_offers_it_and_is_said_again_after_a_reconnect() {
    let able = "S: 220 a\nC: EHLO weir.example\nS: 250-a\nS: 250 XCLIENT NAME ADDR\n";
    let known =
        "C: XCLIENT NAME=c.example\nS: 220 a\nC: EHLO weir.example\nS: 250-a\nS: 250 XCLIENT NAME ADDR\n";
    let hop = hops(&[&format!("{able}{known}X"), &format!("{able}{known}{HOP_ENVELOPE}")]).await;
    let weir = weir_with(&[hop.addr], &[], |settings| {
        let xclient_hosts = vec!["127.0.0.1".parse().unwrap()];
        settings.smtp = Arc::new(ServerConfig { xclient_hosts, ..(*settings.smtp).clone() });
    })
    .await;
    let ehlo = "C: EHLO c\nS~ 250-weir\nS~ 250-PIPE\nS~ 250-CHUNK\nS~ 250 XCLIENT\n";
    weir.talk(&format!("S~ 220\n{ehlo}C: XCLIENT NAME=c.example\nS~ 220\n{ehlo}W 30\n{ENVELOPE}")).await;
    hop.played().await;
}

// ---- the door

#[tokio::test]
async fn strangers_hear_554_and_a_full_house_421() {
    let hop = hops(&[HOP, HOP]).await;
    let stranger = weir_with(&[hop.addr], &[], |settings| {
        settings.allowed_hosts = vec!["192.0.2.0/24".parse().unwrap()]
    })
    .await;
    stranger.talk("S: 554 5.7.1 Access denied.\nS.").await;
    let full = weir_with(&[hop.addr], &[], |settings| settings.max_sessions = 1).await;
    let mut first = full.client().await;
    play(&mut first, HELLO).await;
    full.talk("S~ 421 4.3.2\nS.").await;
    let crowd = weir_with(&[hop.addr], &[], |settings| settings.max_sessions_per_address = 1).await;
    let mut second = crowd.client().await;
    play(&mut second, HELLO).await;
    crowd.talk("S~ 421 4.7.0\nS.").await;
    play(&mut second, "C: QUIT\nS~ 221\nS.").await;
    drop(second);
    // The place is given back once the session has ended on both sides.
    loop {
        let mut greeting = String::new();
        tokio::io::BufReader::new(crowd.client().await).read_line(&mut greeting).await.unwrap();
        if greeting == "220 weir.example ESMTP\r\n" {
            break;
        }
        assert!(greeting.starts_with("421 4.7.0"), "{greeting}");
    }
}

#[tokio::test]
async fn behind_a_balancer_the_peers_own_rights_count() {
    let hop = hops(&[HOP]).await;
    let weir = weir_with(&[hop.addr], &[], |settings| {
        let proxy_protocol_hosts = vec!["127.0.0.1".parse().unwrap()];
        settings.smtp = Arc::new(ServerConfig { proxy_protocol_hosts, ..(*settings.smtp).clone() });
        settings.max_sessions_per_address = 1;
    })
    .await;
    let header = |peer: &str| format!("C= PROXY TCP4 {peer} 127.0.0.1 4321 25\\r\\n\n");
    weir.talk(&format!("{}S~ 220\nC: EHLO a\nS: 554 5.7.1 Access denied.", header("203.0.113.9"))).await;
    let mut first = weir.client().await;
    play(&mut first, &format!("{}{HELLO}", header("127.0.0.9"))).await;
    weir.talk(&format!("{}S~ 220\nC: EHLO a\nS~ 421 4.7.0\nS.", header("127.0.0.9"))).await;
    drop(first);
    hop.played().await;
}

#[tokio::test]
async fn a_stop_lets_a_transaction_finish_and_cuts_off_one_that_does_not_in_time() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: x\nC: .\nS: 250 ok"
    )])
    .await;
    let finishing = weir(&[hop.addr]).await;
    let mut client = finishing.client().await;
    play(&mut client, &format!("{HELLO}{ENVELOPE}")).await;
    finishing.stop.cancel();
    play(&mut client, "C: DATA\nS~ 354\nC: x\nC: .\nS: 250 ok\nS~ 421 4.3.2\nS.").await;
    drop(client);
    assert!(finishing.run.await.unwrap());

    let hop = hops(&[&format!("{HOP}{HOP_ENVELOPE}")]).await;
    let weir =
        weir_with(&[hop.addr], &[], |settings| settings.shutdown_grace = Duration::from_millis(100)).await;
    let mut client = weir.client().await;
    play(&mut client, &format!("{HELLO}{ENVELOPE}")).await;
    weir.stop.cancel();
    assert!(!tokio::time::timeout(Duration::from_secs(5), weir.run).await.unwrap().unwrap());
    play(&mut client, "S.").await;
}

#[tokio::test]
async fn a_sender_hears_451_before_it_gives_up_however_long_the_hop_takes_after_the_dot() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}
         C: DATA
         S: 354 go
         C: X-Cfilter-Loop: Reflected
         C: Subject: x
         C:
         C: .
         C."
    )])
    .await;
    let weir = weir_with(&[hop.addr], &[], |settings| {
        settings.sender_patience = Duration::from_millis(300);
        settings.hop.timeouts.data_final = Duration::from_secs(60);
    })
    .await;
    let script = format!(
        "{HELLO}{ENVELOPE}
         C: DATA
         S~ 354
         C: Subject: x
         C:
         C: .
         S: 451 4.4.2 Error: Forwarding agent did not answer in time."
    );
    let sent = weir.talk(&script);
    tokio::time::timeout(Duration::from_secs(20), sent)
        .await
        .expect("an answer long before the hop's own time");
    hop.played().await;
}

#[tokio::test]
async fn a_next_hop_by_mx_is_the_first_exchanger_that_answers() {
    let script = format!(
        "{HOP}{HOP_ENVELOPE}
         C: DATA
         S: 354 go
         C: X-Cfilter-Loop: Reflected
         C: Subject: x
         C:
         C: .
         S: 250 2.0.0 taken by the second"
    );
    let hop = hops(&[&script]).await;
    // Nothing listens at that port of the first one's address.
    let names = names::serve(
        60,
        &[
            ("corp.example", names::mx(20, "second.corp.example")),
            ("corp.example", names::mx(10, "first.corp.example")),
            ("first.corp.example", names::Data::A([127, 0, 0, 2].into())),
            ("second.corp.example", names::Data::A([127, 0, 0, 1].into())),
        ],
    )
    .await;
    let to = smtp::mx::Target::parse(&format!("mx:corp.example:{}", hop.addr.port()), 25).unwrap();
    let weir =
        weir_with_names(&[names.addr], |settings| settings.mode = Mode::Forward { hops: vec![to] }).await;
    weir.talk(&format!(
        "{HELLO}{ENVELOPE}
         C: DATA
         S~ 354
         C: Subject: x
         C:
         C: .
         S: 250 2.0.0 taken by the second"
    ))
    .await;
    assert_eq!(hop.played().await, [b""]);
    assert!(names.asked.load(std::sync::atomic::Ordering::Relaxed) >= 3);
}
