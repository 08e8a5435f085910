//! SIGHUP: all of a good configuration counts, nothing of a bad one, and no mail is lost meanwhile.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use weir_tests::client::{Client, eventually, send};
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::{Prevent, fixture};

#[test]
fn a_good_configuration_counts_from_the_next_message_on() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).config("[prevent]\ntrial = true").start();
    let mut client = Client::greeted(weir.addr());
    let before = client.send("ann@corp.example", &["bob@other.example"], &mails::blocked("before")).unwrap();
    assert_eq!(before.code, 250, "in trial");
    weir.rewrite_config("[prevent]\ntrial = false");
    assert!(weir.reload(), "{}", weir.log());
    let after = client.send("ann@corp.example", &["bob@other.example"], &mails::blocked("after")).unwrap();
    assert_eq!(after.code, 550, "{after:?}");
}

#[test]
fn a_bad_configuration_changes_nothing_and_says_why() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).config("[prevent.limits]\nrecipients = 2").start();
    for bad in [
        "[prevent.limits]\nrecipients = 1\nrecipents = 3",
        "[prevent.limits]\nrecipients = 1\nsessions = 0",
        "[prevent]\nallowed_hosts = [\"127.0.0.1/99\"]\n[prevent.limits]\nrecipients = 1",
        "[prevent.tls]\nmode = \"required\"\ncertificate = \"nowhere.pem\"\nkey = \"nowhere.key\"\n[prevent.limits]\nrecipients = 1",
        "not toml at all",
    ] {
        weir.rewrite_config(bad);
        assert!(!weir.reload(), "{bad} was taken");
    }
    assert!(weir.log().contains("recipents"), "{}", weir.log());
    assert!((weir.metric("weir_prevent_reload_failures_total") - 5.0).abs() < 0.01);
    let answer = send(
        weir.addr(),
        "ann@corp.example",
        &["bob@other.example", "carl@other.example"],
        &mails::clean("as before"),
    )
    .unwrap();
    assert_eq!(answer.code, 250);
    assert_eq!(sink.only_message().recipients.len(), 2);
}

fn copy_of_the_policies() -> TempDir {
    let dir = TempDir::new().unwrap();
    for part in ["", "responses", "identifiers"] {
        fs::create_dir_all(dir.path().join(part)).unwrap();
        for entry in fs::read_dir(fixture("policies").join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, dir.path().join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    dir
}

const NEW: &str = "id = 90\nname = \"New words\"\nmode = \"on\"\nrespond = [\"Refuse\"]\n\n\
                   [[rule]]\nname = \"A new word\"\nkeywords = [\"Capercaillie\"]\n";

#[test]
fn changed_policies_count_without_a_signal() {
    let policies = copy_of_the_policies();
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).policies(policies.path()).start();
    let refused = || {
        let message = mails::mail("new", "The Capercaillie is here.\r\n");
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap().code == 550
    };
    assert!(!refused());
    fs::write(policies.path().join("new-words.toml"), NEW).unwrap();
    assert!(eventually(Duration::from_secs(20), refused), "{}", weir.log());
}

#[test]
fn a_bad_policy_file_leaves_the_old_set_in_force() {
    let policies = copy_of_the_policies();
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).policies(policies.path()).start();
    fs::write(policies.path().join("new-words.toml"), NEW.replace("keywords", "keyword")).unwrap();
    fs::remove_file(policies.path().join("blocked-words.toml")).unwrap();
    assert!(!weir.reload(), "{}", weir.log());
    let log = weir.log();
    assert!(log.contains("new-words.toml") && log.contains("keyword"), "{log}");
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::blocked("still")).unwrap();
    assert_eq!(answer.code, 550, "the old set must stay whole: {answer:?}");
}

#[test]
fn mail_flows_while_the_server_reloads_again_and_again() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).config("[prevent]").start();
    let addr = weir.addr();
    let sending = std::thread::spawn(move || {
        let mut client = Client::greeted(addr);
        for number in 0..200 {
            let message = mails::clean(&format!("number {number}"));
            let answer = client.send("ann@corp.example", &["bob@other.example"], &message).unwrap();
            assert_eq!(answer.code, 250, "{answer:?}");
        }
    });
    for _ in 0..5 {
        assert!(weir.reload());
    }
    sending.join().unwrap();
    assert_eq!(sink.count(), 200);
}

#[test]
fn what_takes_a_restart_stays_as_it_was_and_is_named_while_the_rest_counts() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).config("[prevent]\nsandbox = \"required\"").start();
    weir.rewrite_config(
        "[prevent]\nsandbox = \"best-effort\"\nmilter_listen = \"127.0.0.1:9\"\ntrial = true\n\
         [prevent.limits]\nmemory_for_inspection = 1\nworkers = 7\n[prevent.ocr]\nlanguages = \"xxx\"",
    );
    assert!(weir.reload(), "{}", weir.log());
    let log = weir.log();
    let warning = log.lines().find(|line| line.contains("takes effect at the next start")).expect(&log);
    for setting in ["sandbox", "milter_listen", "limits.memory_for_inspection", "limits.workers", "ocr"] {
        assert!(warning.contains(setting), "{setting}: {warning}");
    }
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::blocked("on trial now"))
            .unwrap();
    assert_eq!(answer.code, 250, "the rest of the configuration counts: {answer:?}");
}

#[test]
fn another_data_directory_is_neither_made_nor_used_before_the_next_start() {
    let sink = Sink::start();
    let dir = TempDir::new().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    let place = |data: &std::path::Path| format!("[prevent]\ndata = \"{}\"", data.display());
    let weir =
        Prevent { data_in_file: true, ..Prevent::forward(&[sink.addr()]).config(&place(&first)) }.start();
    let id = || {
        let message = mails::with_card_number("the same mail");
        assert_eq!(
            send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap().code,
            250
        );
        sink.messages().last().unwrap().header("X-dlp-uniquemsgid").first().cloned().unwrap()
    };
    let before = id();
    weir.rewrite_config(&place(&second));
    assert!(weir.reload(), "{}", weir.log());
    assert_eq!(id(), before, "the key of unique message ids is the one of the start");
    assert!(!second.exists());
    assert!(weir.log().contains("settings=\"data\""), "{}", weir.log());
}

#[test]
fn a_loop_cannot_be_had_by_reloading() {
    let sink = Sink::start();
    let next_hop = format!("next_hop = [\"{}\"]", sink.addr());
    let weir = Prevent::by_file(&format!("[prevent]\n{next_hop}")).start();
    let own = weir.addr();
    // `listen` in the file moves nothing: the socket is where it is.
    for mode in [
        format!("mode = \"forward\"\nnext_hop = [\"localhost:{}\"]", own.port()),
        format!("mode = \"forward\"\nnext_hop = [\"{}\", \"{own}\"]", sink.addr()),
        format!("mode = \"forward\"\nnext_hop = [\"[::ffff:127.0.0.1]:{}\"]", own.port()),
        format!("mode = \"forward\"\nnext_hop = [\"0.0.0.0:{}\"]", own.port()),
        format!("mode = \"reflect\"\nresubmit_port = {}", own.port()),
    ] {
        weir.rewrite_config(&format!("[prevent]\nlisten = \"127.0.0.1:1\"\n{mode}"));
        assert!(!weir.reload(), "{mode} was taken:\n{}", weir.log());
        let log = weir.log();
        let refusal = log.lines().rfind(|line| line.contains("reload refused")).expect(&log);
        assert!(refusal.contains("come back to us for ever"), "{mode}: {refusal}");
    }
    let answer = send(own, "ann@corp.example", &["bob@other.example"], &mails::clean("goes on")).unwrap();
    assert_eq!((answer.code, sink.count()), (250, 1));
}
