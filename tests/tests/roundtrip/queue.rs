//! The delivery queue from the command line, beside a gateway whose next hop is away: looked at, tried again, taken out.

use weir_tests::client::{eventually, insist, send};
use weir_tests::gateway::Setup;
use weir_tests::mails;
use weir_tests::ports::free_port;
use weir_tests::sink::Sink;
use weir_tests::weir::run;

use crate::site::{PATIENCE, decide, listed};

#[test]
fn what_waits_in_the_queue_is_listed_tried_again_and_dropped_by_command() {
    let away = free_port();
    let waits = "[gateway.queue]\nfirst_wait = 3600\nlongest_wait = 3600\n";
    let gateway = Setup::new().deliver(&format!("smtp://127.0.0.1:{away}")).config(waits).start();
    let reviewer = gateway.person("rita", "Remediator");
    for number in 1..=2 {
        let marks = format!(
            "X-dlp-uniquemsgid: 0C0C0C0C-0000-4000-8000-00000000000{number}\r\nX-dlp-policyid: 23\r\n"
        );
        let mail = [marks.as_bytes(), &mails::clean(&format!("queued {number}"))].concat();
        let answer = send(gateway.mail(), "ann@corp.example", &["bob@other.example"], &mail).unwrap();
        assert_eq!(answer.code, 250, "{answer:?}");
        decide(&reviewer, number, "approve", "");
    }
    let entries = insist(PATIENCE, || {
        let entries = gateway.queue();
        let tried = entries.iter().filter(|entry| entry["attempts"] == 1).count();
        if tried == 2 { Ok(entries) } else { Err(format!("{entries:#?}")) }
    });
    assert!(entries[0]["last_error"].as_str().unwrap().contains("Connection refused"), "{entries:#?}");
    let data = gateway.data().to_string_lossy().into_owned();
    let task = |task: &str, entry: usize| {
        let id = entries[entry]["id"].to_string();
        let done = run(&["gateway", "queue", task, &id, "--data", &data]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    };
    assert_eq!(task("drop", 1), "1 are dropped");
    assert_eq!(task("drop", 1), "0 are dropped");
    let hop = Sink::on_port(away);
    assert_eq!(task("retry", 0), "1 are tried now");
    let mails = hop.wait_for(1);
    assert_eq!(mails[0].header("Subject"), ["queued 1"]);
    assert!(eventually(PATIENCE, || gateway.queue().is_empty()));
    let states: Vec<String> = listed(&reviewer, "").into_iter().map(|(_, row)| row).collect();
    assert!(states[0].contains("Approved, dropped"), "{states:?}");
    assert!(eventually(PATIENCE, || listed(&reviewer, "")[1].1.contains("Approved, delivered")));
    reviewer.get("/incidents/2").shows("taken out of the queue; bob@other.example will not get it");
    assert_eq!(hop.count(), 1);
}
