//! Notices and log messages that smart response rules order.

use reqwest::StatusCode;

use crate::postbox::{Answers, Postbox};
use crate::support::{Server, hostile, message};

async fn rule(server: &Server, actions: &str) -> crate::support::Person {
    let admin = server.person("Administrator").await;
    let saved = admin.post("/response-rules", &[("name", "Tell"), ("actions", actions)]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    admin
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_tells_people_by_mail_once_for_each_incident() {
    let postbox = Postbox::open().await;
    let server = Server::start_with(|options| options.effects = postbox.settings()).await;
    let text = "notify $SENDER$, security@company.example | About $SUBJECT$ | $POLICY$ found\\n$MATCHES$\\n$INCIDENT_SNAPSHOT$";
    let admin = rule(&server, text).await;
    let id = server.record(message("M", &[17])).await[0];
    let path = format!("/incidents/{id}/respond/1");
    assert!(admin.get(&path).await.text.contains("notify $SENDER$, security@company.example"));
    assert_eq!(admin.post(&path, &[]).await.status, StatusCode::SEE_OTHER);
    server.until("both are told", async || postbox.mails().len() == 2).await;
    let mails = postbox.mails();
    for (mail, to) in mails.iter().zip(["anna@company.example", "security@company.example"]) {
        assert!(mail.contains(&format!("RCPT TO:<{to}>")), "{mail}");
        assert!(mail.contains("MAIL FROM:<>") && mail.contains("Subject: About numbers"), "{mail}");
        assert!(mail.contains("policy 17 found") && mail.contains("**** **** **** 1111"), "{mail}");
        assert!(mail.contains(&format!("{}/incidents/{id}", server.base())), "{mail}");
        assert!(!mail.contains("4111 1111"), "matches are covered: {mail}");
    }
    server
        .until("the history says so", async || {
            server.history(id).await.iter().filter(|(action, _)| action == "NOTICE_SENT").count() == 2
        })
        .await;
    // A second time it is known to be done.
    admin.post(&path, &[]).await;
    let history = server.history(id).await;
    assert!(history.iter().any(|(action, _)| action == "RESPONSE_RULE_SKIPPED"), "{history:?}");
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(postbox.mails().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_could_not_go_out_goes_out_after_a_restart() {
    let postbox = Postbox::open().await;
    let mut settings = postbox.settings();
    settings.outbox.first_wait = jiff::SignedDuration::from_millis(100);
    let server = Server::start_with(|options| options.effects = settings.clone()).await;
    let admin = rule(&server, "notify security@company.example | s | t").await;
    let id = server.record(message("M", &[17])).await[0];
    postbox.answers(Answers::Defers);
    admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    server
        .until("it waits", async || {
            server.history(id).await.iter().any(|(action, _)| action == "RESPONSE_RULE_DELAYED")
        })
        .await;
    let server = server.restart_with(|options| options.effects = settings).await;
    postbox.answers(Answers::Takes);
    server.until("it goes out", async || postbox.mails().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_mail_writes_no_header_line_and_no_address() {
    let postbox = Postbox::open().await;
    let server = Server::start_with(|options| options.effects = postbox.settings()).await;
    let admin =
        rule(&server, "notify security@company.example, $RECIPIENTS$ | $SUBJECT$ $SENDER$ | $SUBJECT$").await;
    let mut evil = hostile("M");
    evil.subject = "x\r\nBcc: eve@evil.example\r\n\r\nbody".into();
    evil.recipients = vec!["a@b.example\r\nRCPT TO:<eve@evil.example>".into()];
    let id = server.record(evil).await[0];
    admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    server.until("it goes out", async || !postbox.mails().is_empty()).await;
    let mails = postbox.mails();
    assert_eq!(mails.len(), 1, "what is no address is told nothing: {mails:?}");
    let (header, _) = mails[0].split_once("\n\n").unwrap();
    assert!(
        header.lines().all(|line| !line.starts_with("Bcc") && !line.contains("RCPT TO:<eve")),
        "{header}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automatic_mail_is_not_answered_by_a_notice() {
    let postbox = Postbox::open().await;
    let server = Server::start_with(|options| options.effects = postbox.settings()).await;
    let admin = rule(&server, "notify $SENDER$ | s | t").await;
    let mut automatic = message("M", &[17]);
    automatic.original = Some(b"Auto-Submitted: auto-replied\r\nSubject: x\r\n\r\nbody".to_vec());
    let id = server.record(automatic).await[0];
    admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    server
        .until("it is withheld", async || {
            server.history(id).await.iter().any(|(action, _)| action == "NOTICE_WITHHELD")
        })
        .await;
    assert!(postbox.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_to_syslog() {
    let receiver = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = receiver.local_addr().unwrap().port();
    let server = Server::start_with(|options| {
        options.effects.syslog.host = Some("127.0.0.1".into());
        options.effects.syslog.port = Some(port);
    })
    .await;
    let admin = rule(&server, "syslog alert cef decided on $SUBJECT$").await;
    let id = server.record(message("M", &[17])).await[0];
    admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    let mut octets = [0; 4_096];
    let length = tokio::time::timeout(std::time::Duration::from_secs(20), receiver.recv(&mut octets)).await;
    let line = String::from_utf8_lossy(&octets[..length.unwrap().unwrap()]).into_owned();
    assert!(line.starts_with("<129>1 ") && line.contains("CEF:0|Weir|Weir|"), "{line}");
    assert!(line.contains(&format!("externalId={id} ")) && line.contains("cs2=Tell "), "{line}");
    assert!(line.ends_with("msg=decided on numbers"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_carried_out_is_not_saved() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    for (actions, why) in [
        ("notify a@b.example | s | t", "[enforce.notices]"),
        ("syslog alert cef", "[enforce.syslog]"),
        ("notify nobody | s | t", "is no address"),
        ("notify a@b.example | $SUBJEKT$ | t", "$SUBJECT$"),
    ] {
        let answer = admin.post("/response-rules", &[("name", "Tell"), ("actions", actions)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{actions}");
        assert!(answer.text.contains(why), "{actions}: {}", answer.text);
    }
}
