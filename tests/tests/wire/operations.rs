//! What an administrator sees: metrics, health, the log line of a message, refusals at start that say what to do.

use weir_tests::client::{Client, send};
use weir_tests::mails;
use weir_tests::requirement::program;
use weir_tests::sink::Sink;
use weir_tests::weir::{Prevent, run};

#[test]
fn messages_are_counted_by_what_became_of_them() {
    let sink = Sink::with_faults();
    let weir = Prevent::forward(&[sink.addr()]).start();
    assert_eq!(weir.ops("/healthz").unwrap(), "ok\n");
    for (recipient, message) in [
        ("bob@other.example", mails::clean("passed")),
        ("bob@other.example", mails::with_card_number("modified")),
        ("bob@other.example", mails::blocked("blocked")),
        ("bob@other.example", mails::redirected("redirected")),
        ("dot-451@other.example", mails::clean("deferred")),
        ("dot-554@other.example", mails::clean("refused")),
    ] {
        send(weir.addr(), "ann@corp.example", &[recipient], &message).unwrap();
    }
    for result in ["Passed", "Modified", "Blocked", "Redirected", "Deferred", "Refused"] {
        let metric = format!("weir_prevent_messages_total{{result=\"{result}\"}}");
        assert!((weir.metric(&metric) - 1.0).abs() < 0.01, "{metric}:\n{}", weir.ops("/metrics").unwrap());
    }
    assert!((weir.metric("weir_prevent_violations_total{policy=\"23\"}") - 1.0).abs() < 0.01);
}

#[test]
fn documents_and_the_processes_that_open_them_are_counted() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let message = mails::typed("letter", "application/rtf; name=letter.rtf", "{\\rtf1 Soup at noon.}\r\n");
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    for (metric, expected) in [
        ("weir_prevent_documents_total", 1.0),
        ("weir_prevent_worker_starts_total", 1.0),
        ("weir_prevent_worker_deaths_total", 0.0),
        ("weir_prevent_worker_timeouts_total", 0.0),
        ("weir_prevent_workers_healthy", 1.0),
    ] {
        assert!((weir.metric(metric) - expected).abs() < 0.01, "{metric}: {}", weir.ops("/metrics").unwrap());
    }
    assert!(!weir.ops("/metrics").unwrap().contains("ocr"), "no languages are configured");
}

#[test]
fn pictures_that_are_read_are_counted_with_their_time() {
    let Some(_) = program("tesseract", "tesseract-ocr") else { return };
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).config("[prevent.ocr]\nlanguages = \"eng\"\n").start();
    let page = std::fs::read("../crates/content/tests/samples/scans/page.bmp").unwrap();
    let hex: String = page.iter().map(|octet| format!("={octet:02X}")).collect();
    let lines: Vec<&str> = hex.as_bytes().chunks(72).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let kind = "image/bmp; name=scan.bmp\r\nContent-Transfer-Encoding: quoted-printable";
    let message = mails::typed("scan", kind, &(lines.join("=\r\n") + "\r\n"));
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    for (metric, expected) in [
        ("weir_prevent_ocr_runs_total", 1.0),
        ("weir_prevent_ocr_timeouts_total", 0.0),
        ("weir_prevent_ocr_failures_total", 0.0),
        ("weir_prevent_ocr_left_out_total", 0.0),
    ] {
        assert!((weir.metric(metric) - expected).abs() < 0.01, "{metric}: {}", weir.ops("/metrics").unwrap());
    }
    assert!(weir.metric("weir_prevent_ocr_seconds_total") > 0.0);
}

#[test]
fn metrics_never_hold_anything_from_a_mail() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let message = mails::with_card_number("Zaunkoenig");
    send(weir.addr(), "zaunkoenig@corp.example", &["bob@other.example"], &message).unwrap();
    let page = weir.ops("/metrics").unwrap().to_lowercase();
    assert!(!page.contains("zaunkoenig") && !page.contains("other.example"), "{page}");
}

#[test]
fn each_message_has_one_line_with_ids_verdict_reply_and_three_times() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).flag("--log-format").flag("json").start();
    let hostile = "two\u{1b}[31mlines\u{7}";
    let message = mails::mail(hostile, "Card 4111 1111 1111 1111.\r\n");
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    weir.wait_for_log("relay_ms");
    let log = weir.log();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let line = lines.iter().map(ToString::to_string).find(|line| line.contains("relay_ms")).unwrap();
    for word in [
        "dlp_id",
        "message_id",
        "ann@corp.example",
        "verdict",
        "taken as 1",
        "receive_ms",
        "inspect_ms",
        "\"policies\":\"[23]\"",
    ] {
        assert!(line.contains(word), "{word}: {line}");
    }
}

#[test]
fn a_mail_is_found_in_the_log_by_its_recipient() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let many: Vec<String> = (0..60).map(|number| format!("r{number}@other.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    send(weir.addr(), "ann@corp.example", &["bob@other.example", "carl@third.example"], &mails::clean("two"))
        .unwrap();
    send(weir.addr(), "ann@corp.example", &many, &mails::clean("many")).unwrap();
    weir.wait_for_log("recipients=60");
    let log = weir.log();
    assert!(log.contains("recipients=2 to=\"bob@other.example, carl@third.example\""), "{log}");
    assert!(log.contains("r49@other.example\" size=") && !log.contains("r50@other.example"), "{log}");
}

/// A disk that is full of logs, a log shipper that is gone.
#[test]
fn a_log_that_cannot_be_written_keeps_no_mail_and_no_answer_back() {
    let sink = Sink::start();
    let weir = Prevent {
        log: "/dev/full".into(),
        ..Prevent::forward(&[sink.addr()]).flag("--log-level").flag("debug")
    }
    .start();
    for message in [mails::clean("clean"), mails::with_card_number("marked")] {
        let reply = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    let reply = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::blocked("no")).unwrap();
    assert_eq!(reply.code, 550, "{reply:?}");
    assert_eq!(sink.count(), 2);
}

#[test]
fn nothing_in_a_mail_can_forge_or_colour_a_log_line() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let message = b"From: a@corp.example\r\nSubject: x\r\nMessage-ID: <a\x1b[31m\xff\r\n\tlevel=ERROR forged@corp.example>\r\n\r\n\
        Card 4111 1111 1111 1111.\r\n";
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], message).unwrap();
    assert_eq!(answer.code, 250);
    weir.wait_for_log("relay_ms");
    let log = weir.log();
    assert!(!log.contains('\u{1b}'), "an escape sequence reached the log: {log:?}");
    assert!(!log.lines().any(|line| line.trim_start().starts_with("level=ERROR")), "{log}");
}

#[test]
fn an_incident_shown_on_a_terminal_has_no_control_octets() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let message = mails::mail("x\u{1b}]0;owned\u{7}", "Card 4111 1111 1111 1111 \u{1b}[2J.\r\n");
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    let data = weir.data().to_string_lossy().into_owned();
    for arguments in [
        &["incidents", "show", "1", "--unmask", "--data", &data][..],
        &["incidents", "list", "--data", &data],
    ] {
        let output = run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.contains(&0x1b) && !output.stdout.contains(&7), "{arguments:?}");
    }
}

#[test]
fn a_port_that_is_taken_is_said_so() {
    let (sink, taken) = (Sink::start(), Sink::start());
    let mut prevent = Prevent::forward(&[sink.addr()]);
    prevent.listen = taken.addr();
    let (status, said) = prevent.start_and_fail();
    assert!(!status.success());
    assert!(said.contains("cannot listen on"), "{said}");
}

#[test]
fn forwarding_without_a_next_hop_is_refused_with_a_remedy() {
    let (status, said) = Prevent::forward(&[]).start_and_fail();
    assert!(!status.success());
    assert!(said.contains("--next-hop"), "{said}");
}

#[test]
fn a_bad_policy_directory_is_refused_at_start_with_file_and_line() {
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::write(
        dir.path().join("wrong.toml"),
        "id = 1\nname = \"Wrong\"\n[[rule]]\nname = \"r\"\nkeyword = [\"x\"]\n",
    )
    .unwrap();
    let sink = Sink::start();
    let (status, said) = Prevent::forward(&[sink.addr()]).policies(dir.path()).start_and_fail();
    assert!(!status.success());
    assert!(said.contains("wrong.toml") && said.contains("keyword"), "{said}");
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut second = Prevent::forward(&[sink.addr()]);
    second.data = Some(weir.data().to_path_buf());
    let (status, said) = second.start_and_fail();
    assert!(!status.success(), "{said}");
    assert!(said.contains("data") || said.contains("incidents"), "{said}");
}

/// The log lines of messages that were not taken, as JSON.
fn not_taken(weir: &weir_tests::weir::Weir, count: usize) -> Vec<serde_json::Value> {
    let lines = || -> Vec<serde_json::Value> {
        let log = weir.log();
        let lines = log.lines().filter(|line| line.contains("message not taken"));
        lines.map(|line| serde_json::from_str(line).expect(line)).collect()
    };
    let told = weir_tests::client::eventually(std::time::Duration::from_secs(20), || lines().len() == count);
    assert!(told, "{count} lines expected:\n{}", weir.log());
    lines()
}

#[test]
fn a_message_refused_or_lost_while_it_came_in_has_its_line_and_is_counted() {
    let sink = Sink::start();
    let settings = "[prevent.limits]\nmessage_size = 100000\n[prevent.timeouts]\ndata_block = \"1s\"";
    let weir = Prevent::forward(&[sink.addr()]).config(settings).flag("--log-format").flag("json").start();
    let begun = || {
        let mut client = Client::greeted(weir.addr());
        assert_eq!(client.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
        client
    };
    let mut answers = Vec::new();
    for octets in [b"Subject: x\r\n\r\none\ntwo".to_vec(), b"0123456789\r\n".repeat(20_000)] {
        let mut client = begun();
        client.write(&octets).unwrap();
        client.write(b"\r\n.\r\n").unwrap();
        answers.push(client.answer().unwrap().code);
    }
    let mut silent = begun();
    silent.write(b"Subject: and then nothing\r\n").unwrap();
    answers.push(silent.answer().unwrap().code);
    let mut gone = begun();
    gone.write(b"Subject: and then gone\r\n").unwrap();
    drop(gone);
    assert_eq!(answers, [554, 552, 421]);
    let lines = not_taken(&weir, 4);
    for (line, (reply, verdict, size)) in lines.iter().zip([
        ("554 5.6.0", "Refused", 24),
        ("552 5.3.4", "Refused", 240_002),
        ("421 4.4.2", "Deferred", 27),
        ("", "Deferred", 24),
    ]) {
        let text = line.to_string();
        assert!(text.contains(reply) && text.contains(verdict), "{reply} {verdict}: {line}");
        assert!(text.contains("ann@corp.example") && text.contains("receive_ms"), "{line}");
        let told = find(line, "size").and_then(serde_json::Value::as_u64).expect("a size");
        assert!(told.abs_diff(size) <= 2, "{told} octets told, {size} sent: {line}");
        assert_eq!(find(line, "recipients").and_then(serde_json::Value::as_u64), Some(1), "{line}");
    }
    assert!((weir.metric("weir_prevent_messages_not_received_total") - 4.0).abs() < 0.01);
    for (result, count) in [("Refused", 2.0), ("Deferred", 2.0)] {
        let counted = weir.metric(&format!("weir_prevent_messages_total{{result=\"{result}\"}}"));
        assert!((counted - count).abs() < 0.01, "{result}: {counted}");
    }
    assert_eq!(sink.count(), 0);
}

#[test]
fn a_loop_that_is_refused_has_a_line_with_its_ids_and_size() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).flag("--log-format").flag("json").start();
    let message = [
        b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n".repeat(60),
        mails::clean("in a circle"),
    ]
    .concat();
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert_eq!(answer.code, 554, "{answer:?}");
    let line = &not_taken(&weir, 1)[0];
    assert_eq!(find(line, "size").and_then(serde_json::Value::as_u64), Some(message.len() as u64), "{line}");
    let id = find(line, "dlp_id").and_then(serde_json::Value::as_str).unwrap_or_default();
    assert_eq!(id.len(), 36, "{line}");
    assert!(line.to_string().contains("554 5.4.6"), "{line}");
    assert!(weir.metric("weir_prevent_messages_not_received_total") < 0.5, "it was received whole");
}

/// A field of a log line, wherever the format puts it.
fn find<'l>(line: &'l serde_json::Value, name: &str) -> Option<&'l serde_json::Value> {
    line.get(name).or_else(|| line.get("fields")?.get(name))
}
