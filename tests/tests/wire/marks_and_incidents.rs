//! Violating mail is marked, refused, redirected, tagged or copied as its policy says, and is on record before it goes on.

use std::time::Duration;

use weir_tests::client::{Client, python_with, send, send_until_taken};
use weir_tests::mails;
use weir_tests::sink::{Reaction, Sink, Stage, reply};
use weir_tests::weir::{Prevent, Weir};

const PASS: &[u8] = b"X-Cfilter-Loop: Reflected\r\n";

fn pair() -> (Sink, Weir) {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    (sink, weir)
}

fn policies_of(incidents: &[serde_json::Value]) -> Vec<u64> {
    let mut numbers: Vec<u64> = incidents.iter().map(|one| one["policy_id"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_card_number_is_marked_on_top_and_on_record() {
    let (sink, weir) = pair();
    let message = mails::with_card_number("marked");
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    let arrived = sink.only_message();
    let ids = arrived.header("X-dlp-uniquemsgid");
    assert!(ids.len() == 1 && mails::is_upper_case_uuid(&ids[0]), "{ids:?}");
    let wanted = [
        format!("X-dlp-uniquemsgid: {}\r\nX-dlp-policyid: 23\r\n", ids[0]).into_bytes(),
        PASS.to_vec(),
        message,
    ]
    .concat();
    assert_eq!(String::from_utf8_lossy(&arrived.octets), String::from_utf8_lossy(&wanted));

    let incidents = weir.incidents();
    assert_eq!(policies_of(&incidents), [23]);
    let shown = weir.incident(incidents[0]["id"].as_u64().unwrap());
    assert_eq!(shown["unique_message_id"], ids[0].as_str());
    assert_eq!(shown["sender"], "ann@corp.example");
    assert!(shown.to_string().contains("4111 1111 1111 1111"), "{shown}");
}

#[test]
fn matches_are_masked_unless_asked_for() {
    let (_sink, weir) = pair();
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::with_card_number("masked"))
        .unwrap();
    let data = weir.data().to_string_lossy().into_owned();
    for format in ["json", "text"] {
        let output = weir_tests::weir::run(&["incidents", "show", "1", "--format", format, "--data", &data]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !said.contains("4111 1111 1111 1111"), "{said}");
    }
    assert!(!weir.log().contains("4111 1111 1111 1111"));
}

#[test]
fn each_policy_has_its_own_line_and_its_own_incident() {
    let (sink, weir) = pair();
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::doubly_marked("two")).unwrap();
    let arrived = sink.only_message();
    assert_eq!(arrived.header("X-dlp-policyid"), ["7", "23"]);
    assert_eq!(arrived.header("X-dlp-uniquemsgid").len(), 1);
    assert_eq!(policies_of(&weir.incidents()), [7, 23]);
}

#[test]
fn clean_mail_leaves_no_incident() {
    let (sink, weir) = pair();
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("clean")).unwrap();
    assert!(sink.only_message().header("X-dlp-policyid").is_empty());
    assert!(weir.incidents().is_empty());
}

#[test]
fn blocked_mail_is_refused_with_the_policys_text_and_the_session_goes_on() {
    let (sink, weir) = pair();
    let mut client = Client::greeted(weir.addr());
    let answer = client.send("ann@corp.example", &["bob@other.example"], &mails::blocked("blocked")).unwrap();
    assert_eq!(answer.code, 550);
    assert_eq!(answer.text(), "5.7.1 Refused by policy Blocked words; ask security.");
    assert_eq!(sink.count(), 0);
    assert_eq!(policies_of(&weir.incidents()), [41]);
    let next = client.send("ann@corp.example", &["bob@other.example"], &mails::clean("next")).unwrap();
    assert_eq!(next.code, 250, "{next:?}");
    assert_eq!(sink.only_message().header("Subject"), ["next"]);
}

#[test]
fn a_match_in_an_encoded_attachment_is_found() {
    let (sink, weir) = pair();
    // "project Nightjar" in base64, inside a multipart.
    let message = b"From: ann@corp.example\r\nSubject: attached\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee attached.\r\n\
        --b\r\nContent-Type: text/plain; name=n.txt\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=n.txt\r\n\r\ncHJvamVjdCBOaWdodGphcgo=\r\n--b--\r\n";
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], message).unwrap();
    assert_eq!(answer.code, 550, "{answer:?}");
    assert_eq!(sink.count(), 0);
}

#[test]
fn redirected_mail_goes_to_the_officer_only_and_without_the_senders_dsn_parameters() {
    let (sink, weir) = pair();
    let mut client = Client::greeted(weir.addr());
    for command in [
        "MAIL FROM:<ann@corp.example> RET=HDRS ENVID=abc BODY=8BITMIME",
        "RCPT TO:<bob@other.example> NOTIFY=SUCCESS ORCPT=rfc822;bob@other.example",
        "RCPT TO:<carl@other.example>",
    ] {
        assert_eq!(client.command(command).unwrap().code, 250);
    }
    assert_eq!(client.command("DATA").unwrap().code, 354);
    let message = mails::redirected("redirected");
    assert_eq!(client.body(&message).unwrap().code, 250);
    let arrived = sink.only_message();
    assert_eq!(arrived.recipients, ["<officer@other.example>"]);
    assert_eq!(arrived.sender, "<ann@corp.example> BODY=8BITMIME");
    assert!(arrived.octets.ends_with(&message));
    assert_eq!(policies_of(&weir.incidents()), [42]);
}

#[test]
fn a_redirect_that_the_hop_refuses_defers_the_mail() {
    let sink = Sink::scripted(|asked| match asked.stage {
        Stage::Rcpt if asked.line.contains("officer") => reply("550 5.1.1 no officer here"),
        _ => Reaction::Good,
    });
    let weir = Prevent::forward(&[sink.addr()]).start();
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::redirected("refused")).unwrap();
    assert_eq!(answer.code, 451, "{answer:?}");
    assert_eq!(sink.count(), 0);
}

#[test]
fn a_subject_is_tagged_and_a_header_line_added_and_nothing_else_changes() {
    let (sink, weir) = pair();
    let message = mails::tagged("budget");
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    let arrived = String::from_utf8(sink.only_message().octets).unwrap();
    let wanted =
        String::from_utf8(message).unwrap().replace("Subject: budget\r\n", "Subject: [DLP] budget\r\n");
    assert_eq!(arrived, format!("X-Reviewed-By: weir\r\nX-Cfilter-Loop: Reflected\r\n{wanted}"));
}

#[test]
fn a_copy_goes_to_one_recipient_more() {
    let (sink, weir) = pair();
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::copied("copy")).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    let recipients = sink.only_message().recipients;
    assert_eq!(recipients, ["<bob@other.example>", "<audit@other.example> NOTIFY=NEVER"]);
}

#[test]
fn a_refused_copy_defers_unless_configured_to_pass() {
    let refusing = || {
        Sink::scripted(|asked| match asked.stage {
            Stage::Rcpt if asked.line.contains("audit") => reply("550 5.1.1 no audit here"),
            _ => Reaction::Good,
        })
    };
    let sink = refusing();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::copied("copy")).unwrap();
    assert_eq!(answer.code, 451, "{answer:?}");
    assert_eq!(sink.count(), 0);

    let sink = refusing();
    let weir =
        Prevent::forward(&[sink.addr()]).config("[prevent]\nrefused_copy = \"pass-and-record\"").start();
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::copied("copy")).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    assert_eq!(sink.only_message().recipients, ["<bob@other.example>"]);
}

#[test]
fn a_retried_message_is_the_same_incident_and_keeps_its_unique_id() {
    let sink = Sink::with_faults();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let message = mails::with_card_number("retried");
    for _ in 0..2 {
        let answer = send(weir.addr(), "ann@corp.example", &["dot-451@other.example"], &message).unwrap();
        assert_eq!(answer.code, 451);
    }
    let before = weir.incidents();
    sink.rescript(|_| Reaction::Good);
    send_until_taken(
        weir.addr(),
        "ann@corp.example",
        &["dot-451@other.example"],
        &message,
        Duration::from_secs(10),
    )
    .unwrap();
    let after = weir.incidents();
    assert_eq!((before.len(), after.len()), (1, 1), "{after:?}");
    assert_eq!(
        sink.only_message().header("X-dlp-uniquemsgid"),
        [after[0]["unique_message_id"].as_str().unwrap()]
    );
}

#[test]
fn the_unique_id_is_the_same_after_a_restart() {
    let (sink, mut weir) = pair();
    let message = mails::with_card_number("restarted");
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    weir.restart();
    send(weir.addr(), "ann@corp.example", &["carl@other.example"], &message).unwrap();
    let ids: Vec<_> = sink.messages().iter().map(|message| message.header("X-dlp-uniquemsgid")).collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(weir.incidents().len(), 1, "a split copy joins the open incident");
}

#[test]
fn what_the_hop_answered_is_in_the_incidents_history() {
    let sink = Sink::with_faults();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let message = mails::with_card_number("history");
    send(weir.addr(), "ann@corp.example", &["dot-554@other.example"], &message).unwrap();
    // The sender has its answer before the history has the line: it is written with the next batch.
    let told = || weir.incident(1)["history"].to_string();
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !told().contains("scripted 554") && std::time::Instant::now() < patience {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(told().contains("scripted 554"), "{}", told());
}

/// Makes every insert into the incidents' database fail, as a full or broken disk would.
const BREAK_THE_STORE: &str = r#"
import sqlite3, sys, glob, os
for path in glob.glob(os.path.join(sys.argv[1], "**", "*.db"), recursive=True):
    with sqlite3.connect(path) as db:
        tables = [row[0] for row in db.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            if not table.startswith(("sqlite_", "_sqlx")):
                db.execute(f'create trigger "stop_{table}" before insert on "{table}" begin select raise(abort, "broken"); end')
"#;

#[test]
fn a_store_failure_defers_violating_mail_and_lets_clean_mail_pass() {
    let (sink, weir) = pair();
    let data = weir.data().to_string_lossy().into_owned();
    let Some(output) = python_with(BREAK_THE_STORE, &[&data]) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for message in
        [mails::with_card_number("unrecorded"), mails::blocked("unrecorded"), mails::tried("unrecorded")]
    {
        let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
        assert_eq!(answer.code, 451, "{answer:?}");
    }
    assert_eq!(sink.count(), 0, "unrecorded mail went on");
    let clean =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("clean")).unwrap();
    assert_eq!(clean.code, 250);
    assert!(weir.metric("weir_prevent_store_failures_total") >= 3.0);
}

#[test]
fn a_full_journal_defers_violating_mail_and_is_told_by_healthz() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).config("[prevent.limits]\njournal_size = 1").start();
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::with_card_number("full"))
            .unwrap();
    assert_eq!(answer.code, 451, "{answer:?}");
    let clean =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("clean")).unwrap();
    assert_eq!(clean.code, 250);
    assert_eq!(sink.only_message().header("Subject"), ["clean"]);
    let health = weir.ops("/healthz").unwrap_err();
    assert!(health.contains("503") && health.contains("journal is full"), "{health}");
}

#[test]
fn what_is_kept_is_not_readable_on_disk() {
    let (_sink, weir) = pair();
    let message = mails::mail("kept", "Card 4111 1111 1111 1111 of Peregrine Falconer.\r\n");
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert_eq!(weir.incidents().len(), 1);
    let mut dirs = vec![weir.data().to_path_buf()];
    let mut files = 0;
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            files += 1;
            let octets = std::fs::read(&path).unwrap();
            for secret in [&b"4111 1111 1111 1111"[..], b"4111111111111111", b"Peregrine Falconer"] {
                assert!(
                    memchr::memmem::find(&octets, secret).is_none(),
                    "{} in {path:?}",
                    String::from_utf8_lossy(secret)
                );
            }
        }
    }
    assert!(files > 0);
}
