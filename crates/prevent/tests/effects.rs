//! Side effects on the wire: notices at a submission host, lines at a syslog server, each once for its incident and rule.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../smtp/tests/support/certs.rs"]
mod certs;
mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certs::Authority;
use incident::{Incident, OutboxOptions, Status};
use jiff::SignedDuration;
use prevent::{
    Mailer, NoticeSettings, Protocol, Settings, Submission, SubmissionTls, SyslogSettings, SyslogTls,
};
use smtp::reply::{Reply, own};
use smtp::server::{
    EnvelopeCommand, Hello, Offer, Peer, ReceiveTimes, ServerConfig, ServerTls, Service, serve,
};
use smtp::spool::{SpoolRules, Spooled};
use smtp::tls::Acceptor;
use smtp::xclient::Attributes;
use support::*;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

// ---- a mail server that keeps what it gets

#[derive(Debug, Clone)]
struct Got {
    sender: String,
    recipients: Vec<String>,
    text: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let line = self.text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }
}

#[derive(Clone, Default)]
struct Sink {
    got: Arc<Mutex<Vec<Got>>>,
    sender: String,
    recipients: Vec<String>,
}

impl Service for Sink {
    async fn hello(&mut self, _: &Hello, _: &Peer) -> Result<Offer, Reply> {
        Ok(Offer::default())
    }

    /// Addresses that begin with `no` are refused for good, with `later` for now.
    async fn envelope(&mut self, commands: Vec<EnvelopeCommand>) -> Vec<Reply> {
        let mut answer = |command| match command {
            EnvelopeCommand::Mail(mail) => {
                mail.path.address().clone_into(&mut self.sender);
                self.recipients.clear();
                own::sender_ok()
            }
            EnvelopeCommand::Rcpt(rcpt) if rcpt.path.address().starts_with("no") => {
                Reply::new(550, (5, 1, 1), "Nobody here.")
            }
            EnvelopeCommand::Rcpt(rcpt) if rcpt.path.address().starts_with("later") => {
                Reply::new(450, (4, 2, 0), "Come again.")
            }
            EnvelopeCommand::Rcpt(rcpt) => {
                self.recipients.push(rcpt.path.address().to_owned());
                own::recipient_ok()
            }
        };
        commands.into_iter().map(&mut answer).collect()
    }

    async fn ready(&mut self) -> Result<SpoolRules, Reply> {
        Ok(SpoolRules { memory: 1 << 20, dir: std::env::temp_dir(), max: 1 << 20 })
    }

    async fn message(&mut self, message: Spooled, _: ReceiveTimes) -> Reply {
        let text = String::from_utf8_lossy(&message.read().unwrap()).into_owned();
        let (sender, recipients) = (std::mem::take(&mut self.sender), std::mem::take(&mut self.recipients));
        self.got.lock().unwrap().push(Got { sender, recipients, text });
        Reply::new(250, (2, 0, 0), "kept")
    }

    async fn reset(&mut self) -> Reply {
        own::ok()
    }

    async fn xforward(&mut self, _: &Attributes) -> Reply {
        own::ok()
    }

    async fn quit(&mut self) -> Reply {
        own::closing()
    }
}

/// What arrived, and where it listens.
struct Inbox {
    addr: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
}

async fn inbox() -> Inbox {
    inbox_at("127.0.0.1:0".parse().unwrap()).await
}

async fn inbox_at(addr: SocketAddr) -> Inbox {
    inbox_with(addr, ServerTls::Off).await
}

async fn inbox_with(addr: SocketAddr, tls: ServerTls) -> Inbox {
    let listener = TcpListener::bind(addr).await.unwrap();
    let (addr, sink) = (listener.local_addr().unwrap(), Sink::default());
    let got = sink.got.clone();
    tokio::spawn(async move {
        let config = Arc::new(ServerConfig { tls, ..ServerConfig::default() });
        while let Ok((stream, _)) = listener.accept().await {
            let (config, sink) = (config.clone(), sink.clone());
            tokio::spawn(async move { serve(stream, &config, sink, CancellationToken::new()).await });
        }
    });
    Inbox { addr, got }
}

impl Inbox {
    async fn wait_for(&self, count: usize) -> Vec<Got> {
        until(|| self.got.lock().unwrap().len() >= count).await;
        // Time enough for one too many.
        tokio::time::sleep(Duration::from_millis(150)).await;
        let got = self.got.lock().unwrap().clone();
        assert_eq!(got.len(), count, "{got:#?}");
        got
    }
}

async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come to that in a minute");
}

/// The first incident, once its history has a line of this action.
async fn told(weir: &Weir, action: &str) -> Incident {
    for _ in 0..3000 {
        let incidents = weir.incidents().await;
        if let Some(found) = incidents.into_iter().find(|one| !details(one, action).is_empty()) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no {action} in {:#?}", weir.incidents().await);
}

fn details<'i>(incident: &'i Incident, action: &str) -> Vec<&'i str> {
    incident
        .history
        .iter()
        .filter(|entry| entry.action == action)
        .map(|entry| entry.detail.as_str())
        .collect()
}

// ---- a server with a rule

fn notify(to: &str) -> String {
    format!(
        "[[notify]]\nto = [{to}]\nsubject = \"About $SUBJECT$\"\ntext = \"Incident $INCIDENT_ID$ by $POLICY$, see $INCIDENT_SNAPSHOT$.\"\n"
    )
}

fn policy(mode: &str) -> String {
    format!(
        "id = 7\nname = \"Word\"\nfamily = \"Tests\"\nmode = \"{mode}\"\nseverity = \"high\"\nrespond = [\"Tell\"]\n\
         [[rule]]\nname = \"the word\"\nkeywords = [\"topsecret\"]\n"
    )
}

fn rule(actions: &str) -> String {
    format!("name = \"Tell\"\n{actions}")
}

async fn weir_that(next: &Inbox, actions: &str, change: impl FnOnce(&mut Settings)) -> Weir {
    let (rule, policy) = (rule(actions), policy("on"));
    weir_with(&[next.addr], &[("responses/tell.toml", &rule), ("tests/word.toml", &policy)], change).await
}

fn submission(host: SocketAddr) -> Submission {
    Submission {
        host: host.ip().to_string(),
        port: host.port(),
        tls: SubmissionTls::Off,
        ca: None,
        tls_name: None,
        credentials: None,
        from: "Weir <weir@a.example>".into(),
        envelope_from: None,
        helo: "weir.example".into(),
        timeout: Duration::from_secs(2),
    }
}

fn notices(submission: &Submission) -> NoticeSettings {
    NoticeSettings { mailer: Mailer::new(submission).unwrap(), per_recipient_per_hour: 20, per_hour: 500 }
}

fn notices_to(host: SocketAddr) -> NoticeSettings {
    notices(&submission(host))
}

fn submitting(host: SocketAddr) -> impl FnOnce(&mut Settings) {
    move |settings| settings.effects.notices = Some(notices_to(host))
}

/// An address where nobody listens.
async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn soon(settings: &mut Settings) {
    let wait = SignedDuration::from_millis(30);
    settings.effects.outbox =
        OutboxOptions { first_wait: wait, longest_wait: wait, ..OutboxOptions::default() };
}

async fn send(weir: &Weir, header: &str) {
    let header: String = header.lines().map(|line| format!("C: {line}\n")).collect();
    weir.talk(&format!("{HELLO}{ENVELOPE}C: DATA\nS~ 354\n{header}C:\nC: topsecret\nC: .\nS~ 250")).await;
}

const MAIL: &str = "Subject: plans\nMessage-ID: <1@a.example>";

// ---- notices

#[tokio::test]
async fn a_notice_goes_out_once_though_the_mail_comes_three_times() {
    let (next, host) = (inbox().await, inbox().await);
    let weir = weir_that(&next, &notify("\"$SENDER$\""), submitting(host.addr)).await;
    for _ in 0..3 {
        send(&weir, MAIL).await;
    }
    let got = host.wait_for(1).await.remove(0);
    assert_eq!((got.sender.as_str(), got.recipients.as_slice()), ("", &["a@a.example".to_owned()][..]));
    assert_eq!(got.header("Auto-Submitted"), "auto-replied");
    assert_eq!(got.header("From"), "\"Weir\" <weir@a.example>".replace('"', ""));
    assert_eq!(got.header("Subject"), "About plans");
    assert_eq!(got.body().trim_end(), "Incident 1 by Word, see weir incidents show 1.");
    let incident = told(&weir, "NOTICE_SENT").await;
    assert_eq!(details(&incident, "DETECTED_AGAIN").len(), 2);
    assert_eq!(details(&incident, "NOTICE_SENT").len(), 1);
    assert!(
        details(&incident, "NOTICE_SENT")[0]
            .starts_with("Tell to a@a.example: the submission host answered 250")
    );
}

#[tokio::test]
async fn what_was_recorded_before_a_restart_is_done_after_it() {
    let (next, host) = (inbox().await, inbox().await);
    // It sleeps for an hour after its first look; should that come late and find the notice, nobody takes it.
    let closed = closed().await;
    let asleep = |settings: &mut Settings| {
        submitting(closed)(settings);
        soon(settings);
        settings.effects.look_every = Duration::from_secs(3_600);
    };
    let weir = weir_that(&next, &notify("\"$SENDER$\""), asleep).await;
    send(&weir, MAIL).await;
    weir.stop.cancel();
    let Weir { run, dir, journal, server, .. } = weir;
    run.await.unwrap();
    drop((journal, server));
    let weir = weir_in(dir, &[next.addr], &[], submitting(host.addr)).await;
    let got = host.wait_for(1).await;
    assert_eq!(got[0].recipients, ["a@a.example"]);
    told(&weir, "NOTICE_SENT").await;
}

#[tokio::test]
async fn a_notice_waits_for_a_submission_host_that_is_down() {
    let (next, addr) = (inbox().await, closed().await);
    let weir = weir_that(&next, &notify("\"$SENDER$\""), |settings| {
        submitting(addr)(settings);
        soon(settings);
    })
    .await;
    send(&weir, MAIL).await;
    let incident = told(&weir, "RESPONSE_RULE_DELAYED").await;
    assert!(details(&incident, "NOTICE_SENT").is_empty());
    let host = inbox_at(addr).await;
    host.wait_for(1).await;
    let incident = told(&weir, "NOTICE_SENT").await;
    assert_eq!(details(&incident, "RESPONSE_RULE_DELAYED").len(), 1, "each failure between is not told");
}

#[tokio::test]
async fn a_notice_goes_over_tls_to_a_host_with_a_good_certificate_and_to_no_other() {
    let (next, authority, stranger) = (inbox().await, Authority::new(), Authority::new());
    let acceptor = Acceptor::load(authority.issue("mail.example"), None).unwrap();
    let host = inbox_with("127.0.0.1:0".parse().unwrap(), ServerTls::Required(acceptor)).await;
    let over_tls = |ca: &Authority| {
        let (ca, tls_name) = (Some(ca.file()), Some("mail.example".into()));
        let envelope_from = Some("bounces@a.example".into());
        notices(&Submission {
            tls: SubmissionTls::Required,
            ca,
            tls_name,
            envelope_from,
            ..submission(host.addr)
        })
    };
    let weir = weir_that(&next, &notify("\"$SENDER$\""), |settings| {
        settings.effects.notices = Some(over_tls(&stranger));
        soon(settings);
    })
    .await;
    send(&weir, MAIL).await;
    let incident = told(&weir, "RESPONSE_RULE_DELAYED").await;
    assert!(details(&incident, "RESPONSE_RULE_DELAYED")[0].contains("certificate"), "{incident:#?}");
    host.wait_for(0).await;
    // What is wrong in the configuration is put right without a restart.
    let mut settings = support::settings(weir.dir.path(), &[next.addr]);
    settings.effects.notices = Some(over_tls(&authority));
    weir.server.replace_settings(settings);
    assert_eq!(host.wait_for(1).await[0].sender, "bounces@a.example");
}

#[tokio::test]
async fn each_addressee_is_told_apart_and_only_the_rest_is_tried_again() {
    let (next, host) = (inbox().await, inbox().await);
    let to = "\"ann@a.example\", \"no@a.example\", \"later@a.example\"";
    let weir = weir_that(&next, &notify(to), |settings| {
        submitting(host.addr)(settings);
        soon(settings);
        settings.effects.outbox.give_up = SignedDuration::from_millis(300);
    })
    .await;
    send(&weir, MAIL).await;
    let incident = told(&weir, "RESPONSE_RULE_FAILED").await;
    assert_eq!(host.wait_for(1).await[0].recipients, ["ann@a.example"]);
    assert!(details(&incident, "NOTICE_FAILED")[0].contains("no@a.example: permanent error (550)"));
    assert!(
        details(&incident, "RESPONSE_RULE_FAILED")[0]
            .starts_with("Tell: to later@a.example: transient error (450)")
    );
}

#[tokio::test]
async fn more_notices_than_may_go_are_dropped_and_the_history_says_so() {
    let (next, host) = (inbox().await, inbox().await);
    let weir = weir_that(&next, &notify("\"$SENDER$\""), |settings| {
        let notices = NoticeSettings { per_recipient_per_hour: 2, ..notices_to(host.addr) };
        settings.effects.notices = Some(notices);
    })
    .await;
    for number in 0..4 {
        send(&weir, &format!("Subject: {number}\nMessage-ID: <{number}@a.example>")).await;
    }
    host.wait_for(2).await;
    told(&weir, "NOTICE_DROPPED").await;
    let dropped = |incidents: &[Incident]| {
        incidents.iter().map(|one| details(one, "NOTICE_DROPPED").len()).sum::<usize>()
    };
    for _ in 0..3000 {
        if dropped(&weir.incidents().await) == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(dropped(&weir.incidents().await), 2);
}

#[tokio::test]
async fn a_mail_cannot_write_header_lines_into_a_notice() {
    let (next, host) = (inbox().await, inbox().await);
    let weir = weir_that(&next, &notify("\"$SENDER$\""), submitting(host.addr)).await;
    let subject = "=?utf-8?Q?gr=C3=BCn=0D=0ABcc:_eve@evil.example=0D=0A=0D=0Aevil?=";
    send(&weir, &format!("Subject: {subject}\nMessage-ID: <1@a.example>")).await;
    let got = host.wait_for(1).await.remove(0);
    let (header, body) = got.text.split_once("\r\n\r\n").unwrap();
    assert!(!header.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{header}");
    assert!(header.contains("=?utf-8?") && header.is_ascii(), "{header}");
    assert!(body.starts_with("Incident 1"), "{body}");
    assert_eq!(got.recipients, ["a@a.example"]);
}

#[tokio::test]
async fn an_automatic_mail_gets_no_notice_to_its_sender_but_others_do() {
    let (next, host) = (inbox().await, inbox().await);
    let to = "\"$SENDER$\", \"desk@a.example\"";
    let weir = weir_that(&next, &notify(to), submitting(host.addr)).await;
    send(&weir, &format!("{MAIL}\nAuto-Submitted: auto-replied")).await;
    assert_eq!(host.wait_for(1).await[0].recipients, ["desk@a.example"]);
    let incident = told(&weir, "NOTICE_WITHHELD").await;
    assert_eq!(
        details(&incident, "NOTICE_WITHHELD"),
        ["to a@a.example: the mail is itself automatic (Auto-Submitted)"]
    );
}

#[tokio::test]
async fn a_notice_that_comes_by_here_is_answered_by_none() {
    let (next, host) = (inbox().await, inbox().await);
    let weir = weir_that(&next, &notify("\"desk@a.example\""), submitting(host.addr)).await;
    send(&weir, MAIL).await;
    let got = host.wait_for(1).await.remove(0);
    let id = got.header("Message-ID");
    let script = format!(
        "{HELLO}C: MAIL FROM:<>\nC: RCPT TO:<desk@a.example>\nS~ 250\nS~ 250\nC: DATA\nS~ 354\nC: Message-ID: {id}\n\
         C: Auto-Submitted: auto-replied\nC:\nC: topsecret\nC: .\nS~ 250"
    );
    weir.talk(&script).await;
    let incident = told(&weir, "NOTICE_WITHHELD").await;
    assert_eq!(
        details(&incident, "NOTICE_WITHHELD"),
        ["to desk@a.example: the mail is itself a notice of this server"]
    );
    host.wait_for(1).await;
}

#[tokio::test]
async fn without_a_submission_host_the_history_says_why_nobody_was_told() {
    let next = inbox().await;
    let weir = weir_that(&next, &notify("\"$SENDER$\""), |_| ()).await;
    send(&weir, MAIL).await;
    let incident = told(&weir, "RESPONSE_RULE_FAILED").await;
    let why = "Tell: no submission host is configured (submission in [prevent.notices] or [enforce.notices])";
    assert_eq!(details(&incident, "RESPONSE_RULE_FAILED"), [why]);
}

#[tokio::test]
async fn a_policy_on_trial_tells_nobody_and_the_history_says_what_it_would_do() {
    let (next, host) = (inbox().await, inbox().await);
    let (rule, policy) = (rule(&notify("\"$SENDER$\"")), policy("trial"));
    let sources = [("responses/tell.toml", rule.as_str()), ("tests/word.toml", policy.as_str())];
    let weir = weir_with(&[next.addr], &sources, submitting(host.addr)).await;
    send(&weir, MAIL).await;
    let incident = told(&weir, "RESPONSE_RULE_TRIAL").await;
    assert_eq!(details(&incident, "RESPONSE_RULE_TRIAL"), ["Tell (notify)"]);
    host.wait_for(0).await;
}

// ---- the incident itself

#[tokio::test]
async fn status_attributes_and_retention_are_set_by_the_rule() {
    let next = inbox().await;
    let actions = "set_status = \"Escalated\"\n[set_attribute]\nteam = \"legal\"\ncase = \"$INCIDENT_ID$\"\n[limit_retention]\noriginal = \"discard\"\nattachments = \"none\"\n";
    let weir = weir_that(&next, actions, |_| ()).await;
    send(&weir, MAIL).await;
    let incident = told(&weir, "RETENTION_LIMITED").await;
    assert_eq!(incident.summary.status, Status::Escalated);
    let mut attributes = details(&incident, "SET_ATTRIBUTE");
    attributes.sort_unstable();
    assert_eq!(attributes, ["case = 1", "team = legal"]);
    assert!(!incident.original_kept);
}

/// A mail of a text, an attached text with the word and one without.
async fn send_two_attachments(weir: &Weir) {
    let part = |head: &str, text: &str| format!("C: --b\nC: Content-Type: text/plain\n{head}C:\nC: {text}\n");
    let attached = |name: &str| format!("C: Content-Disposition: attachment; filename={name}\n");
    let mail = [
        "C: Subject: plans\nC: MIME-Version: 1.0\nC: Content-Type: multipart/mixed; boundary=b\nC:\n"
            .to_owned(),
        part("", "here they are"),
        part(&attached("a.txt"), "all topsecret"),
        part(&attached("b.txt"), "nothing to see"),
        "C: --b--\n".to_owned(),
    ];
    weir.talk(&format!("{HELLO}{ENVELOPE}C: DATA\nS~ 354\n{}C: .\nS~ 250", mail.concat())).await;
}

#[tokio::test]
async fn attachments_are_kept_as_the_rule_says_and_go_on_whole() {
    const NOT_KEPT: &str = "[attachment not kept: a response rule limits what is kept]";
    for (which, kept, left_out) in
        [("violating", "all topsecret", "nothing to see"), ("none", "here they are", "all topsecret")]
    {
        let next = inbox().await;
        let actions = format!("[limit_retention]\nattachments = \"{which}\"\n");
        let weir = weir_that(&next, &actions, |_| ()).await;
        send_two_attachments(&weir).await;
        let incident = told(&weir, "RETENTION_LIMITED").await;
        let original = weir.journal.original(incident.summary.id).await.unwrap().unwrap();
        let original = String::from_utf8(original.to_vec()).unwrap();
        assert!(original.contains("here they are") && original.contains("filename=b.txt"), "{original}");
        assert!(original.contains(kept) && !original.contains(left_out), "{which}: {original}");
        assert_eq!(original.matches(NOT_KEPT).count(), if which == "none" { 2 } else { 1 }, "{original}");
        let body = next.wait_for(1).await[0].body().to_owned();
        assert!(body.contains("all topsecret") && body.contains("nothing to see"), "{body}");
    }
}

// ---- syslog

fn logging(host: SocketAddr, protocol: Protocol) -> impl FnOnce(&mut Settings) {
    move |settings| {
        let (host, port) = (Some(host.ip().to_string()), Some(host.port()));
        settings.effects.syslog = SyslogSettings { host, port, protocol };
        soon(settings);
    }
}

#[tokio::test]
async fn a_cef_line_comes_as_one_datagram() {
    let (next, socket) = (inbox().await, UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let actions = "[[syslog]]\nlevel = \"alert\"\nformat = \"cef\"\n";
    let weir = weir_that(&next, actions, logging(socket.local_addr().unwrap(), Protocol::Udp)).await;
    for _ in 0..3 {
        send(&weir, MAIL).await;
    }
    let mut octets = [0; 4_096];
    let received =
        tokio::time::timeout(Duration::from_secs(10), socket.recv(&mut octets)).await.unwrap().unwrap();
    let line = String::from_utf8(octets[..received].to_vec()).unwrap();
    assert!(line.starts_with("<129>1 2") && line.contains(" weir.example weir "), "{line}");
    assert!(line.contains("CEF:0|Weir|Weir|") && line.contains("|7|Word|9|"), "{line}");
    assert!(
        line.contains(" externalId=1 ") && line.contains(" suser=a@a.example duser=b@b.example msg="),
        "{line}"
    );
    told(&weir, "SYSLOG_SENT").await;
    let again = tokio::time::timeout(Duration::from_millis(200), socket.recv(&mut octets)).await;
    assert!(again.is_err(), "once for each incident and rule");
}

#[tokio::test]
async fn a_text_waits_for_a_server_that_is_down_and_comes_with_its_length_counted() {
    let next = inbox().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = closed.local_addr().unwrap();
    drop(closed);
    let actions = "[[syslog]]\nformat = \"text\"\nmessage = \"case $INCIDENT_ID$: $SUBJECT$\"\n";
    let weir = weir_that(&next, actions, logging(addr, Protocol::Tcp)).await;
    send(&weir, "Subject: =?utf-8?Q?one=0Atwo?=\nMessage-ID: <1@a.example>").await;
    told(&weir, "RESPONSE_RULE_DELAYED").await;
    let listener = TcpListener::bind(addr).await.unwrap();
    let (mut stream, _) =
        tokio::time::timeout(Duration::from_secs(10), listener.accept()).await.unwrap().unwrap();
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).await.unwrap();
    drop(stream);
    let text = String::from_utf8(octets).unwrap();
    let (length, message) = text.split_once(' ').unwrap();
    assert_eq!(length.parse::<usize>().unwrap(), message.len());
    assert!(message.ends_with("text - \u{feff}case 1: one two"), "{message:?}");
    told(&weir, "SYSLOG_SENT").await;
}

#[tokio::test]
async fn syslog_over_tls_is_for_a_server_with_a_good_certificate() {
    let (next, authority) = (inbox().await, Authority::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = authority.rustls_server("localhost", false);
    let server = tokio::spawn(async move {
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).await.unwrap();
        String::from_utf8(octets).unwrap()
    });
    let actions = "[[syslog]]\nformat = \"cef\"\n";
    let tls = Protocol::Tls(SyslogTls::load(Some(&authority.file())).unwrap());
    let weir = weir_that(&next, actions, |settings| {
        settings.effects.syslog =
            SyslogSettings { host: Some("localhost".into()), port: Some(addr.port()), protocol: tls };
    })
    .await;
    send(&weir, MAIL).await;
    let text = tokio::time::timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
    let (length, message) = text.split_once(' ').unwrap();
    assert_eq!(length.parse::<usize>().unwrap(), message.len());
    assert!(message.contains("CEF:0|Weir|"), "{message}");
    told(&weir, "SYSLOG_SENT").await;
    assert!(SyslogTls::load(Some(&weir.dir.path().join("nothing.pem"))).is_err());
}
