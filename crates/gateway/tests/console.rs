//! The Control Center over a running gateway: real mail in, real requests to the console, real mail out.

#![allow(clippy::unwrap_used)]

#[path = "../../web/tests/support/changes.rs"]
mod changes;
#[path = "../../web/tests/support/driver.rs"]
mod driver;
#[path = "support/rows.rs"]
mod rows;
#[path = "../../web/tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::{Destination, Options, Running};
use support::{Browser, HOSTILE, PASSWORD};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use web::Site;
use web::listen::{Transport, listen};
use web::people::{Condition, Hidden, NewUser, Password, Privilege, Rights};

struct Desk {
    running: Running,
    site: Site,
    address: SocketAddr,
    delivered: PathBuf,
    stop: CancellationToken,
    dir: tempfile::TempDir,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn desk() -> Desk {
    let dir = tempfile::tempdir().unwrap();
    let delivered = dir.path().join("delivered");
    let mut options = Options {
        data: dir.path().join("gateway"),
        deliver: Destination::parse(&format!("maildir:{}", delivered.display())).unwrap(),
        remediation: None,
        ..Options::default()
    };
    options.mail.listen = "127.0.0.1:0".to_owned();
    let running = gateway::start(options).await.unwrap();
    let site = gateway::console::site(&running.gateway, Vec::new()).await.unwrap();
    let stop = CancellationToken::new();
    let app = gateway::console::router(&running.gateway, &site);
    let listening = listen("127.0.0.1:0", Transport::Plain, 200, app, stop.clone()).await.unwrap();
    Desk { running, site, address: listening.address, delivered, stop, dir }
}

impl Desk {
    fn data(&self) -> PathBuf {
        self.dir.path().join("gateway")
    }

    async fn user(&self, name: &str, role: &str) -> Browser {
        let people = self.site.people();
        let role = people.role_named(role).await.unwrap().unwrap().id;
        let password = Some(Password::new(PASSWORD.into()));
        let new = NewUser { name: name.into(), roles: vec![role], password, ..NewUser::default() };
        people.add_user(new).await.unwrap();
        let mut browser = Browser { address: self.address, cookies: Default::default(), headers: Vec::new() };
        let answer = browser.post("/sign-in", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser
    }

    async fn own_role(&self, name: &str, privileges: &[Privilege], access: Vec<Condition>) {
        let privileges: BTreeSet<_> = privileges.iter().copied().collect();
        let rights = Rights { privileges, access, ..Rights::default() };
        self.site.people().add_role(name, &rights).await.unwrap();
    }

    /// A mail as a detection server marks it; the reply to its data.
    async fn send(&self, number: u32, recipients: &[&str], subject: &str) -> String {
        send(self.running.mail, number, recipients, subject, "plain words\r\n").await
    }

    /// Waits for so many delivered mails; their texts.
    async fn arrived(&self, count: usize) -> Vec<String> {
        for _ in 0..200 {
            let texts = texts(&self.delivered.join("new"));
            if texts.len() >= count {
                return texts;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("only {} of {count} mails arrived", texts(&self.delivered.join("new")).len());
    }

    async fn audit_actions(&self) -> Vec<String> {
        let search = web::audit::Search { limit: 100, ..Default::default() };
        self.site.audit().search(&search).await.unwrap().into_iter().map(|line| line.action).collect()
    }
}

fn texts(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries
        .map(|entry| String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned())
        .collect()
}

async fn send(to: SocketAddr, number: u32, recipients: &[&str], subject: &str, body: &str) -> String {
    send_of(to, 7, number, recipients, subject, body).await
}

/// A mail that violates this policy.
async fn send_of(
    to: SocketAddr,
    policy: u32,
    number: u32,
    recipients: &[&str],
    subject: &str,
    body: &str,
) -> String {
    let mail = format!(
        "X-dlp-uniquemsgid: 0000000A-0000-4000-8000-{number:012}\r\nX-dlp-policyid: {policy}\r\nFrom: Jane <jane@company.example>\r\n\
        To: {}\r\nSubject: {subject}\r\nMessage-ID: <{number}@company.example>\r\nMIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\r\n{body}.\r\n",
        recipients.join(", ")
    );
    send_text(to, recipients, &mail).await
}

async fn send_text(to: SocketAddr, recipients: &[&str], mail: &str) -> String {
    let mut stream = BufReader::new(TcpStream::connect(to).await.unwrap());
    let mut lines =
        vec!["EHLO detection.test.example".to_owned(), "MAIL FROM:<jane@company.example>".to_owned()];
    lines.extend(recipients.iter().map(|to| format!("RCPT TO:<{to}>")));
    lines.push("DATA".to_owned());
    reply(&mut stream).await;
    for line in lines {
        stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        let answer = reply(&mut stream).await;
        assert!(answer.starts_with(['2', '3']), "{line}: {answer}");
    }
    stream.get_mut().write_all(mail.as_bytes()).await.unwrap();
    reply(&mut stream).await
}

async fn reply(stream: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).await.unwrap() > 0, "the gateway closed the connection");
        if line.as_bytes().get(3) != Some(&b'-') {
            return line;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_mail_is_found_looked_at_approved_and_arrives() {
    let desk = desk().await;
    let mut browser = desk.user("rita", "Remediator").await;
    assert!(desk.send(1, &["bob@partner.example"], "Quarterly numbers").await.starts_with("250"));
    let folders = browser.get("/folders").await;
    assert!(
        folders.body.contains("Data Loss Prevention") && folders.body.contains("<b>1</b>"),
        "{}",
        folders.body
    );
    let list = browser.get("/incidents?state=held").await;
    assert!(list.body.contains("Quarterly numbers") && list.body.contains("bob@partner.example"));
    assert!(texts(&desk.delivered.join("new")).is_empty(), "nothing arrives before a decision");
    let mail = browser.get("/incidents/1/mail").await;
    assert!(mail.body.contains("plain words") && mail.body.contains("Message-ID"), "{}", mail.body);
    let answer = browser
        .submit("/incidents/1", "/incidents/1/decide", &[("action", "approve"), ("note", "It is fine.")])
        .await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/incidents/1")));
    let text = &desk.arrived(1).await[0];
    assert!(text.contains("Subject: Quarterly numbers") && !text.to_lowercase().contains("x-dlp-"), "{text}");
    let page = browser.get("/incidents/1").await;
    for words in ["Approved", "It is fine.", "rita", "MAIL_VIEWED"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    // The second decision, from a page that was open since before, changes nothing and says so.
    let answer = browser.submit("/incidents/1", "/incidents/1/decide", &[("action", "reject")]).await;
    assert_eq!(answer.status, 303);
    assert!(browser.get("/incidents/1").await.body.contains("already approved"));
    let actions = desk.audit_actions().await;
    assert!(
        actions.contains(&"ORIGINAL_VIEWED".to_owned()) && actions.contains(&"APPROVE".to_owned()),
        "{actions:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_previewed_then_decided_and_the_rest_stays() {
    let desk = desk().await;
    let mut browser = desk.user("rita", "Remediator").await;
    for number in 1..=4 {
        desk.send(number, &["bob@partner.example"], &format!("Mail {number}")).await;
    }
    let chosen = [("id", "1"), ("id", "3"), ("id", "999"), ("action", "reject"), ("f-state", "held")];
    let preview = browser.submit("/incidents", "/incidents/preview", &chosen).await;
    assert_eq!(preview.status, 200);
    for words in ["Reject 2 held incidents?", "1 of those chosen are not held any more", "Mail 3", ": delete"]
    {
        assert!(preview.body.contains(words), "{words}: {}", preview.body);
    }
    assert!(!preview.body.contains("Mail 2"));
    let list = browser.get("/incidents?state=held").await;
    assert_eq!(list.body.matches("Choose incident").count(), 4, "a preview decides nothing");
    let answer = browser.submit("/incidents", "/incidents/decide", &chosen).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/incidents?state=held")));
    let list = browser.get("/incidents?state=held").await;
    assert!(list.body.contains("Reject: 2 rejected."), "{}", list.body);
    assert_eq!(list.body.matches("Choose incident").count(), 2);
    let all = [("action-all", "approve"), ("f-subject", "mail 4")];
    let preview = browser.submit("/incidents", "/incidents/preview", &all).await;
    assert!(preview.body.contains("Approve 1 held incidents?"), "{}", preview.body);
    assert_eq!(browser.submit("/incidents", "/incidents/decide", &all).await.status, 303);
    assert!(desk.arrived(1).await[0].contains("Subject: Mail 4"));
    let rest = browser.get("/incidents?state=held").await;
    assert!(rest.body.contains("Mail 2") && !rest.body.contains("Mail 4"));
}

#[tokio::test(flavor = "multi_thread")]
async fn days_by_which_messages_are_searched_are_those_of_the_readers_zone() {
    let desk = desk().await;
    let mut browser = desk.user("root", "Administrator").await;
    send(desk.running.mail, 1, &["bob@partner.example"], "Hello", "text\r\n").await;
    let page = browser.get("/messages").await.body;
    let at = page.split("<time datetime=\"").nth(1).unwrap().split('"').next().unwrap();
    let at: jiff::Timestamp = at.parse().unwrap();
    // At any time one of these has another day than UTC.
    for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        let day = at.to_zoned_datetime(jiff::tz::TimeZone::get(zone).unwrap()).date();
        for (day, found) in [(day, true), (day.tomorrow().unwrap(), false), (day.yesterday().unwrap(), false)]
        {
            let page = browser.get(&format!("/messages?from={day}&until={day}&zone={zone}")).await.body;
            assert_eq!(page.contains("href=\"/messages/1\""), found, "{day} {zone}: {page}");
            assert!(page.contains(&format!("Days of {zone}.")), "{page}");
        }
    }
    assert_eq!(browser.get("/messages?from=2026-01-01&zone=Mars/Olympus").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_an_attackers_letter_and_stays_text_on_every_page() {
    let desk = desk().await;
    let mut browser = desk.user("root", "Administrator").await;
    let body = format!("<html><body>{HOSTILE}</body></html>\u{202e}\r\n");
    send(desk.running.mail, 1, &["bob@partner.example"], HOSTILE, &body).await;
    let reject = [("action", "reject"), ("note", HOSTILE)];
    for path in ["/incidents", "/incidents/1", "/incidents/1/mail", "/messages", "/messages/1"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(
            !page.body.contains("<script>") && !page.body.contains("<img src=x"),
            "{path}: {}",
            page.body
        );
        assert!(page.body.contains("&lt;script&gt;alert(document.cookie)"), "{path}");
        assert!(!page.body.contains('\u{202e}'), "{path}");
    }
    browser.submit("/incidents/1", "/incidents/1/decide", &reject).await;
    for path in ["/incidents/1", "/messages/1", "/audit"] {
        let page = browser.get(path).await;
        assert!(!page.body.contains("<script>") && page.body.contains("&lt;img src=x"), "{path}");
    }
    let file = browser.submit("/incidents/1", "/incidents/1/original", &[]).await;
    assert!([200, 404].contains(&file.status), "a rejected mail may be gone");
    assert_ne!(file.header("content-type"), Some("message/rfc822"));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_a_decision_about_thousands_is_can_be_seen_and_it_can_be_stopped() {
    const COUNT: u64 = 4_000;
    let desk = desk().await;
    rows::fill(&desk.data(), COUNT).await;
    let mut rita = desk.user("rita", "Remediator").await;
    let mut root = desk.user("root", "Administrator").await;
    let policy = Condition::Policy { any_of: [23].into() };
    desk.own_role("Bound", &[Privilege::ViewQuarantine, Privilege::DecideQuarantine], vec![policy]).await;
    let mut bound = desk.user("bound", "Bound").await;
    let token = rita.get("/account").await.form_token();
    let all = [("csrf", token.as_str()), ("action-all", "reject"), ("f-subject", "offer")];
    let asked = async { rita.post("/incidents/decide", &all).await };
    let stopped = async {
        let page = loop {
            let page = root.get("/incidents").await;
            if page.body.contains("Goes on") && !page.body.contains("value=\"0\" aria-label=\"Decision 1\"") {
                break page;
            }
            let bulk = desk.running.gateway.bulk(1).await.unwrap();
            assert!(bulk.is_none_or(|bulk| bulk.done_at.is_none()), "it was over before it was seen");
        };
        assert!(page.body.contains("of 4,000") && page.body.contains("<td>rita</td>"), "{}", page.body);
        let stop = "/incidents/decisions/1/stop";
        assert_eq!(
            bound.submit("/account", stop, &[]).await.status,
            404,
            "it is neither its own nor within reach"
        );
        assert!(!bound.get("/incidents").await.body.contains("Goes on"));
        assert_eq!(root.submit("/incidents", stop, &[]).await.status, 303);
    };
    let (answer, ()) = tokio::join!(asked, stopped);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = rita.get("/incidents").await;
    assert!(page.body.contains("Ended early") && page.body.contains("stopped by root"), "{}", page.body);
    let (bulk, copies) =
        (desk.running.gateway.bulk(1).await.unwrap().unwrap(), desk.running.gateway.count_copies());
    let copies = copies.await.unwrap();
    assert_eq!((copies.decided, copies.held), (bulk.decided, COUNT - bulk.decided));
    assert!((1..COUNT).contains(&bulk.decided), "{bulk:?}");
    // The rest is still there to be decided about, to its end this time.
    let rest = [("action-all", "reject"), ("f-folder", "1")];
    assert_eq!(rita.submit("/incidents", "/incidents/decide", &rest).await.status, 303);
    for _ in 0..600 {
        if desk.running.gateway.count_copies().await.unwrap().held == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let second = desk.running.gateway.bulk(2).await.unwrap().unwrap();
    assert_eq!((second.total, second.decided), (COUNT - bulk.decided, COUNT - bulk.decided));
    assert!(desk.audit_actions().await.contains(&"DECISION_STOPPED".to_owned()));
}

/// Every path of the router: method, path, form, and the privilege that it takes.
#[allow(clippy::type_complexity)]
const ROUTES: &[(&str, &str, &[(&str, &str)], Privilege)] = &[
    ("GET", "/folders", &[], Privilege::ViewQuarantine),
    ("GET", "/incidents", &[], Privilege::ViewQuarantine),
    ("POST", "/incidents/decisions/1/stop", &[], Privilege::DecideQuarantine),
    ("GET", "/incidents/1", &[], Privilege::ViewQuarantine),
    ("POST", "/incidents/preview", &[("id", "1"), ("action", "approve")], Privilege::DecideQuarantine),
    ("POST", "/incidents/decide", &[("id", "1"), ("action", "approve")], Privilege::DecideQuarantine),
    ("POST", "/incidents/1/decide", &[("action", "approve")], Privilege::DecideQuarantine),
    ("POST", "/incidents/1/hold", &[("folder", "Data Loss Prevention")], Privilege::DecideQuarantine),
    ("POST", "/incidents/1/sender", &[("subject", "a"), ("text", "b")], Privilege::DecideQuarantine),
    ("GET", "/incidents/1/mail", &[], Privilege::ViewOriginals),
    ("POST", "/incidents/1/original", &[], Privilege::ViewOriginals),
    ("GET", "/messages", &[], Privilege::SearchMail),
    ("GET", "/messages/1", &[], Privilege::SearchMail),
    ("GET", "/queue", &[], Privilege::ManageQueue),
    ("POST", "/queue/act", &[("id", "1"), ("action", "retry")], Privilege::ManageQueue),
    ("GET", "/configuration/folders", &[], Privilege::ConfigureQuarantine),
    ("GET", "/configuration/folders/new", &[], Privilege::ConfigureQuarantine),
    (
        "POST",
        "/configuration/folders/new",
        &[("name", "x"), ("kind", "hold"), ("at_limit", "keep")],
        Privilege::ConfigureQuarantine,
    ),
    ("GET", "/configuration/folders/1", &[], Privilege::ConfigureQuarantine),
    ("POST", "/configuration/folders/1", &[("name", "x")], Privilege::ConfigureQuarantine),
    ("POST", "/configuration/folders/1/delete", &[], Privilege::ConfigureQuarantine),
    ("GET", "/configuration/filters", &[], Privilege::ConfigureQuarantine),
    ("POST", "/configuration/filters", &[("move", "up 1")], Privilege::ConfigureQuarantine),
    ("GET", "/configuration/filters/new", &[], Privilege::ConfigureQuarantine),
    ("POST", "/configuration/filters/new", &[("text", "x")], Privilege::ConfigureQuarantine),
    ("GET", "/configuration/filters/1", &[], Privilege::ConfigureQuarantine),
    ("POST", "/configuration/filters/1", &[("text", "x")], Privilege::ConfigureQuarantine),
    ("POST", "/configuration/filters/1/delete", &[], Privilege::ConfigureQuarantine),
    ("GET", "/users", &[], Privilege::ManageUsers),
    ("GET", "/roles", &[], Privilege::ManageUsers),
    ("GET", "/audit", &[], Privilege::ReadAudit),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_page_takes_its_privilege_whichever_role_asks() {
    let desk = desk().await;
    desk.send(1, &["bob@partner.example"], "Mail").await;
    let roles = ["Reviewer", "Policy author", "API client"];
    for role in roles {
        let rights = desk.site.people().role_named(role).await.unwrap().unwrap().rights;
        let mut browser = desk.user(&role.replace(' ', "-"), role).await;
        let token = browser.get("/account").await.form_token();
        for (method, path, form, privilege) in ROUTES {
            if rights.may(*privilege) {
                continue;
            }
            let mut fields = vec![("csrf", token.as_str())];
            fields.extend_from_slice(form);
            let answer = match *method {
                "GET" => browser.get(path).await,
                _ => browser.post(path, &fields).await,
            };
            assert_eq!(answer.status, 403, "{role}: {method} {path}");
        }
    }
    let mut stranger = Browser { address: desk.address, cookies: Default::default(), headers: Vec::new() };
    for (method, path, form, _) in ROUTES {
        let answer = match *method {
            "GET" => stranger.get(path).await,
            _ => stranger.post(path, form).await,
        };
        assert_eq!(answer.status, 303, "{method} {path}");
        assert!(answer.header("location").unwrap().starts_with("/sign-in"), "{method} {path}");
    }
    let state = desk.running.gateway.count_copies().await.unwrap();
    assert_eq!((state.held, state.decided), (1, 0), "nobody of them decided anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_does_not_reach_looks_as_if_it_were_not_there() {
    let desk = desk().await;
    desk.send(1, &["bob@partner.example"], "Secret mail").await;
    let privileges = [Privilege::ViewQuarantine, Privilege::DecideQuarantine, Privilege::ViewOriginals];
    let nowhere: BTreeSet<i64> = [999].into();
    desk.own_role("Elsewhere", &privileges, vec![Condition::Folder { any_of: nowhere }]).await;
    desk.own_role("Other policy", &privileges, vec![Condition::Policy { any_of: [8].into() }]).await;
    desk.own_role("Same policy", &privileges, vec![Condition::Policy { any_of: [7, 8].into() }]).await;
    let severe = Condition::Severity { any_of: ["high".to_owned()].into() };
    desk.own_role("By severity", &privileges, vec![severe]).await;
    for role in ["Elsewhere", "Other policy", "By severity"] {
        let mut browser = desk.user(&role.replace(' ', "-"), role).await;
        for path in ["/incidents/1", "/incidents/1/mail"] {
            assert_eq!(browser.get(path).await.status, 404, "{role}: {path}");
        }
        assert!(!browser.get("/incidents").await.body.contains("Secret mail"), "{role}");
        assert!(
            [403, 404].contains(&browser.get("/incidents?folder=1").await.status) || role == "Other policy",
            "{role}"
        );
        let decide = [("action", "approve")];
        assert_eq!(browser.submit("/account", "/incidents/1/decide", &decide).await.status, 404, "{role}");
        let bulk = [("id", "1"), ("action", "approve")];
        assert_eq!(browser.submit("/account", "/incidents/decide", &bulk).await.status, 303, "{role}");
        let all = [("action-all", "approve"), ("f-folder", "1")];
        let refused = browser.submit("/account", "/incidents/decide", &all).await.status >= 400;
        assert!(refused || role == "Other policy", "{role}");
    }
    assert_eq!(desk.running.gateway.count_copies().await.unwrap().held, 1, "still held");
    let mut browser = desk.user("same", "Same policy").await;
    assert_eq!(browser.get("/incidents/1").await.status, 200);
    assert!(browser.get("/incidents").await.body.contains("Secret mail"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_bound_to_policies_finds_its_incidents_on_full_pages_and_decides_about_no_others() {
    let desk = desk().await;
    let policy = Condition::Policy { any_of: [8, 80].into() };
    let privileges = [Privilege::ViewQuarantine, Privilege::DecideQuarantine];
    desk.own_role("Policy 8", &privileges, vec![policy]).await;
    let to = &["bob@partner.example"];
    let mut number = 0;
    // Of each 60 the first is within reach; the others are newer.
    for policy in
        std::iter::once(8).chain(std::iter::repeat_n(7, 59)).chain([80]).chain(std::iter::repeat_n(78, 9))
    {
        number += 1;
        send_of(desk.running.mail, policy, number, to, &format!("Mail of policy {policy}"), "words\r\n")
            .await;
    }
    let mut bound = desk.user("bound", "Policy 8").await;
    let list = bound.get("/incidents").await;
    for words in ["Mail of policy 8<", "Mail of policy 80<", "Incidents 61 to 1,"] {
        assert!(list.body.contains(words), "{words}: {}", list.body);
    }
    assert!(!list.body.contains("policy 7") && !list.body.contains(">Older<"), "{}", list.body);
    let next = [("action", "reject"), ("then", "next")];
    let answer = bound.submit("/incidents/61", "/incidents/61/decide", &next).await;
    assert_eq!(answer.header("location"), Some("/incidents/1"));
    let all = [("action-all", "reject")];
    let preview = bound.submit("/incidents", "/incidents/preview", &all).await;
    assert!(preview.body.contains("Reject 1 held incidents?"), "{}", preview.body);
    assert_eq!(bound.submit("/incidents", "/incidents/decide", &all).await.status, 303);
    let state = desk.running.gateway.count_copies().await.unwrap();
    assert_eq!((state.held, state.decided), (68, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_said_to_be_over_its_limit_is_brought_below_it() {
    let desk = desk().await;
    let mut root = desk.user("root", "Administrator").await;
    // More than a million octets, and less than 2 to the 20th.
    send(desk.running.mail, 1, &["bob@partner.example"], "Large", &"words\r\n".repeat(146_000)).await;
    let folder = |at_limit| {
        [
            ("version", "1"),
            ("name", "Data Loss Prevention"),
            ("kind", "hold"),
            ("max_megabytes", "1"),
            ("at_limit", at_limit),
        ]
    };
    let page = "/configuration/folders/1";
    assert_eq!(root.submit(page, page, &folder("keep")).await.status, 303);
    assert!(root.get("/folders").await.body.contains("over its limit"));
    let mut delete = folder("delete");
    delete[0].1 = "2";
    assert_eq!(root.submit(page, page, &delete).await.status, 303);
    desk.running.gateway.keep_house().await.unwrap();
    assert!(!root.get("/folders").await.body.contains("over its limit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_recipients_copy_is_named_only_to_who_reaches_its_folder() {
    let desk = desk().await;
    let mut root = desk.user("root", "Administrator").await;
    let folder = [("name", "Finance"), ("kind", "hold"), ("at_limit", "keep")];
    root.submit("/configuration/folders/new", "/configuration/folders/new", &folder).await;
    let filter = "name = \"Finance\"\nwhen = { recipient = { contains = \"carol\" } }\nactions = [{ hold = \"Finance\" }]\n";
    root.submit("/configuration/filters/new", "/configuration/filters/new", &[("text", filter)]).await;
    assert_eq!(move_filter(&mut root, "up 2").await.status, 303);
    desk.send(1, &["bob@partner.example", "carol@partner.example"], "Mail").await;
    let first = Condition::Folder { any_of: [1].into() };
    desk.own_role("First folder", &[Privilege::ViewQuarantine], vec![first]).await;
    let mut bound = desk.user("bound", "First folder").await;
    let page = bound.get("/incidents/1").await;
    assert!(page.status == 200 && page.body.contains("bob@"), "{}", page.body);
    assert!(!page.body.contains("carol@") && !page.body.contains("Incident 2"), "{}", page.body);
    assert!(root.get("/incidents/1").await.body.contains("carol@"));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_message_audit_nor_the_queue_tells_of_folders_out_of_reach() {
    let desk = desk().await;
    let mut root = desk.user("root", "Administrator").await;
    let (folders, filters) = ("/configuration/folders/new", "/configuration/filters/new");
    let folder = [("name", "Boardroom"), ("kind", "hold"), ("at_limit", "keep")];
    root.submit(folders, folders, &folder).await;
    // Whatever is decided goes to a host that is not there: it stays in the queue.
    for (name, when, folder) in [
        ("Ordinary", "policy-id = [7, 8]", "Data Loss Prevention"),
        ("Boardroom", "recipient = { contains = \"carol\" }", "Boardroom"),
    ] {
        let text = format!(
            "name = \"{name}\"\nwhen = {{ {when} }}\nactions = [{{ hold = \"{folder}\" }}]\n\
            approve = [{{ route = \"smtp://127.0.0.1:1\" }}, \"deliver\"]\nreject = [\"delete\"]\n\
            custom = [{{ route = \"smtp://127.0.0.1:1\" }}, {{ notify = {{ to = [\"sender\"], subject = \"About $SUBJECT$\", text = \"x\" }} }}, \"deliver\"]\n"
        );
        assert_eq!(root.submit(filters, filters, &[("text", &text)]).await.status, 303);
    }
    for up in ["up 2", "up 3", "up 3"] {
        assert_eq!(move_filter(&mut root, up).await.status, 303);
    }
    desk.send(1, &["bob@partner.example"], "Ordinary mail").await;
    desk.send(2, &["carol@board.example"], "Takeover plans").await;
    desk.send(3, &["bob@partner.example", "carol@board.example"], "Shared mail").await;
    send_of(desk.running.mail, 8, 4, &["dan@partner.example"], "Other policy", "words\r\n").await;
    // It comes again: another row of the audit.
    desk.send(2, &["carol@board.example"], "Takeover plans").await;
    for (id, action) in
        [("1", "approve"), ("2", "custom"), ("3", "approve"), ("4", "approve"), ("5", "approve")]
    {
        assert_eq!(
            root.submit("/incidents", &format!("/incidents/{id}/decide"), &[("action", action)]).await.status,
            303
        );
    }
    let secret = ["Boardroom", "Takeover", "carol@"];
    assert!(
        root.get("/messages/6").await.body.contains("About Takeover plans"),
        "a letter of the gateway's own"
    );
    let everything = root.get("/messages").await.body
        + &root.get("/queue").await.body
        + &root.get("/messages/2").await.body;
    for word in secret {
        assert!(everything.contains(word), "{word} is not there to be hidden: {everything}");
    }
    let privileges = [
        Privilege::ViewQuarantine,
        Privilege::DecideQuarantine,
        Privilege::ViewOriginals,
        Privilege::SearchMail,
        Privilege::ManageQueue,
    ];
    desk.own_role("First folder", &privileges, vec![Condition::Folder { any_of: [1].into() }]).await;
    // Without the privilege to look into folders, their bounds count all the same.
    desk.own_role("Help desk", &privileges[3..], vec![Condition::Folder { any_of: [1].into() }]).await;
    for role in ["First folder", "Help desk"] {
        let mut bound = desk.user(&role.replace(' ', "-"), role).await;
        let mut pages: Vec<String> =
            ["/messages?recipient=carol", "/messages?subject=takeover", "/queue?recipient=carol"]
                .map(str::to_owned)
                .into();
        for number in 1..=7 {
            pages.push(format!("/messages/{number}"));
            pages.push(format!("/incidents/{number}"));
            // The header of the shared mail says itself to whom it went: whoever reads the mail knows.
            if number != 3 {
                pages.push(format!("/incidents/{number}/mail"));
            }
        }
        let of_routes =
            ROUTES.iter().filter(|(method, path, ..)| *method == "GET" && !path.starts_with("/audit"));
        pages.extend(of_routes.map(|(_, path, ..)| (*path).to_owned()));
        let mut seen = String::new();
        for path in &pages {
            let page = bound.get(path).await;
            assert!([200, 403, 404].contains(&page.status), "{role}: {path}: {}", page.status);
            for word in secret {
                assert!(!page.body.contains(word), "{role}: {path} tells {word}: {}", page.body);
            }
            seen.push_str(&page.body);
        }
        for words in ["Ordinary mail", "Shared mail", "bob@partner.example", "Other policy"] {
            assert!(seen.contains(words), "{role} does not see {words}");
        }
        assert_eq!(bound.get("/messages/2").await.status, 404);
        assert_eq!(bound.get("/messages/5").await.status, 404, "the same mail again");
        for asked in ["/messages?recipient=carol", "/messages?subject=takeover"] {
            assert!(!bound.get(asked).await.body.contains("<tr data-row"), "{role}: {asked}");
        }
        let queue = bound.get("/queue").await;
        assert!(queue.body.contains("shown of 3 in the queue"), "{}", queue.body);
    }
    // What is out of reach is not acted on, whoever knows its number.
    let hidden = desk.running.gateway.queue(&gateway::QueueFilter::default()).await.unwrap().entries;
    let hidden: Vec<String> = hidden
        .iter()
        .filter(|entry| entry.recipient.starts_with("carol"))
        .map(|entry| entry.id.to_string())
        .collect();
    assert_eq!(hidden.len(), 2);
    let mut bound = desk.user("again", "First folder").await;
    for action in ["drop", "retry"] {
        let fields = [("id", hidden[0].as_str()), ("id", hidden[1].as_str()), ("action", action)];
        assert_eq!(bound.submit("/queue", "/queue/act", &fields).await.status, 303);
        assert!(bound.get("/queue").await.body.contains("0 of 2 entries"));
    }
    assert_eq!(desk.running.gateway.queue(&gateway::QueueFilter::default()).await.unwrap().total, 5);
    // Roles that are bound by policies, and by what only Enforce can judge.
    desk.own_role("Policy 8", &privileges, vec![Condition::Policy { any_of: [8].into() }]).await;
    let severe = Condition::Severity { any_of: ["high".to_owned()].into() };
    desk.own_role("By severity", &privileges, vec![severe]).await;
    for (role, count) in [("Policy 8", 1), ("By severity", 0)] {
        let mut bound = desk.user(&role.replace(' ', "-"), role).await;
        let (messages, queue) = (bound.get("/messages").await.body, bound.get("/queue").await.body);
        assert_eq!(messages.matches("<tr data-row").count(), count, "{role}: {messages}");
        assert_eq!(queue.matches("<tr data-row").count(), count, "{role}: {queue}");
        assert!(!messages.contains("Ordinary mail") && !queue.contains("bob@"), "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_no_folder_held_is_found_by_roles_that_name_no_folders() {
    let desk = desk().await;
    let mut root = desk.user("root", "Administrator").await;
    let folders = "/configuration/folders/new";
    let folder = [("name", "Boardroom"), ("kind", "hold"), ("at_limit", "keep"), ("reviewers", "root")];
    root.submit(folders, folders, &folder).await;
    desk.send(1, &["bob@partner.example"], "Held mail").await;
    let text = "From: Jane <jane@company.example>\r\nSubject: Passing mail\r\n\r\nwords\r\n.\r\n";
    assert!(send_text(desk.running.mail, &["ann@partner.example"], text).await.starts_with("250"));
    let privileges = [Privilege::SearchMail, Privilege::ManageQueue];
    // All folders that there are today, by name.
    desk.own_role("Folders", &privileges, vec![Condition::Folder { any_of: [1, 2].into() }]).await;
    desk.own_role("Help desk", &privileges, Vec::new()).await;
    for (role, passing) in [("Folders", false), ("Help desk", true)] {
        let mut browser = desk.user(&role.replace(' ', "-"), role).await;
        let found = browser.get("/messages").await.body;
        assert!(found.contains("Held mail"), "{role}: {found}");
        assert_eq!(found.contains("Passing mail"), passing, "{role}: {found}");
        let asked = browser.get("/messages?recipient=ann").await.body;
        assert_eq!(asked.contains("<tr data-row"), passing, "{role}: {asked}");
        assert_eq!(browser.get("/messages/2").await.status, if passing { 200 } else { 404 }, "{role}");
    }
}

/// What each part of the mail below looks like on a page of somebody who may see it.
const PARTS: [(Hidden, &[&str]); 4] = [
    (Hidden::Sender, &["jane@", "1@company"]),
    (Hidden::Recipients, &["bob@", "carol@", "@partner.example"]),
    (Hidden::Subject, &["Quarterly"]),
    (Hidden::History, &["RELEASE_ASKED", "MAIL_VIEWED"]),
];

/// Questions whose answer tells who asks for a part what it is.
const QUESTIONS: [(&[Hidden], &str); 8] = [
    (&[Hidden::Sender], "/incidents?sender=jane"),
    (&[Hidden::Sender], "/messages?sender=jane"),
    (&[Hidden::Sender], "/messages?message_id=company"),
    (&[Hidden::Recipients], "/incidents?recipient=bob"),
    (&[Hidden::Recipients], "/messages?recipient=bob"),
    (&[Hidden::Subject], "/incidents?subject=quarterly"),
    (&[Hidden::Subject], "/messages?subject=quarterly"),
    // Letters of the gateway's own go to senders.
    (&[Hidden::Sender, Hidden::Recipients], "/queue?recipient=bob"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_does_not_see_stands_on_no_page_and_cannot_be_asked_for() {
    let desk = desk().await;
    let mut reviewer = desk.user("rita", "Administrator").await;
    // The custom action goes to a host that is not there: the queue has something to show.
    let filter = "name = \"Deaf\"\nwhen = { policy-id = [7] }\nactions = [{ hold = \"Data Loss Prevention\" }]\n\
        approve = [\"deliver\"]\nreject = [\"delete\"]\ncustom = [{ route = \"smtp://127.0.0.1:1\" }, \"deliver\"]\n";
    let new = "/configuration/filters/new";
    assert_eq!(reviewer.submit(new, new, &[("text", filter)]).await.status, 303);
    assert_eq!(move_filter(&mut reviewer, "up 2").await.status, 303);
    desk.send(1, &["bob@partner.example", "carol@partner.example"], "Quarterly numbers").await;
    desk.send(2, &["bob@partner.example"], "Quarterly report").await;
    desk.running
        .gateway
        .ask_for_release(1, &desk.running.gateway.release_key(1), "Please", "192.0.2.7")
        .await
        .unwrap();
    reviewer.get("/incidents/1/mail").await;
    let letter = [("subject", "About your mail"), ("text", "Why?")];
    assert_eq!(reviewer.submit("/incidents/1", "/incidents/1/sender", &letter).await.status, 303);
    let custom = [("action", "custom")];
    assert_eq!(reviewer.submit("/incidents/2", "/incidents/2/decide", &custom).await.status, 303);
    let pages = |path: &&str| ROUTES.iter().any(|(method, known, ..)| *method == "GET" && known == path);
    let pages: Vec<&str> =
        ["/incidents", "/incidents/1", "/incidents/2", "/messages", "/messages/1", "/messages/3", "/queue"]
            .into_iter()
            .chain(
                ROUTES
                    .iter()
                    .map(|(_, path, ..)| *path)
                    .filter(pages)
                    .filter(|path| !path.ends_with("/mail") && *path != "/audit"),
            )
            .collect();
    for (role, hidden) in
        [("Sees all", None)].into_iter().chain(PARTS.iter().map(|(part, _)| (part.word(), Some(*part))))
    {
        let privileges = Privilege::all().collect();
        let rights = Rights { privileges, hidden: hidden.into_iter().collect(), ..Rights::default() };
        desk.site.people().add_role(role, &rights).await.unwrap();
        let mut browser = desk.user(&role.replace(' ', "-"), role).await;
        let mut seen = String::new();
        for path in &pages {
            let page = browser.get(path).await;
            assert!(
                page.status == 200 || (*path == "/messages/3" && page.status == 404),
                "{role}: {path}: {}",
                page.status
            );
            seen.push_str(&page.body);
        }
        let chosen = [("id", "1"), ("id", "3"), ("action", "approve")];
        seen.push_str(&browser.submit("/incidents", "/incidents/preview", &chosen).await.body);
        browser.submit("/incidents/3", "/incidents/3/decide", &[("action", "reject")]).await;
        seen.push_str(&browser.get("/incidents/3").await.body);
        seen.push_str(
            &browser.submit("/configuration/folders/1", "/configuration/folders/1/delete", &[]).await.body,
        );
        for (part, words) in PARTS {
            for word in words {
                assert_eq!(
                    seen.contains(word),
                    hidden != Some(part) && !hides_words(hidden, part),
                    "{role}: {word}"
                );
            }
        }
        for (parts, question) in QUESTIONS {
            let expected = if hidden.is_some_and(|part| parts.contains(&part)) { 403 } else { 200 };
            assert_eq!(browser.get(question).await.status, expected, "{role}: {question}");
        }
        let all = [
            ("action-all", "approve"),
            ("f-subject", "quarterly"),
            ("f-sender", "jane"),
            ("f-recipient", "bob"),
        ];
        let expected = if hidden.is_none_or(|part| part == Hidden::History) { 200 } else { 403 };
        assert_eq!(browser.submit("/incidents", "/incidents/preview", &all).await.status, expected, "{role}");
        let file = browser.submit("/incidents", "/incidents/1/original", &[]).await;
        assert_eq!(
            (browser.get("/incidents/1/mail").await.status, file.status),
            (expected, expected),
            "{role}"
        );
    }
    for part in [Hidden::Body, Hidden::Matches, Hidden::Attachments] {
        let rights =
            Rights { privileges: Privilege::all().collect(), hidden: [part].into(), ..Rights::default() };
        desk.site.people().add_role(part.word(), &rights).await.unwrap();
        let mut browser = desk.user(part.word(), part.word()).await;
        assert_eq!(browser.get("/incidents/1/mail").await.status, 403, "{part:?}");
        assert!(!browser.get("/incidents/1").await.body.contains("Look at the mail"), "{part:?}");
    }
}

/// Histories are words about the whole mail: they go with any part of it.
fn hides_words(hidden: Option<Hidden>, part: Hidden) -> bool {
    part == Hidden::History && hidden.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_and_filters_are_changed_by_form_and_refused_with_reasons() {
    let desk = desk().await;
    let mut browser = desk.user("root", "Administrator").await;
    let new = [("name", "Finance"), ("kind", "hold"), ("at_limit", "reject"), ("max_days", "30")];
    assert_eq!(
        browser.submit("/configuration/folders/new", "/configuration/folders/new", &new).await.status,
        303
    );
    let wrong = [("name", "Other"), ("kind", "hold"), ("at_limit", "reject"), ("max_days", "soon")];
    let answer = browser.submit("/configuration/folders/new", "/configuration/folders/new", &wrong).await;
    assert!(
        answer.status == 422 && answer.body.contains("Most days: write a whole number"),
        "{}",
        answer.body
    );
    let filter = "name = \"Finance\"\nwhen = { policy-id = [7] }\nactions = [{ hold = \"Finance\" }]\n";
    let answer =
        browser.submit("/configuration/filters/new", "/configuration/filters/new", &[("text", filter)]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let answer = browser
        .submit("/configuration/filters/new", "/configuration/filters/new", &[("text", "name = 7")])
        .await;
    assert!(answer.status == 422 && answer.body.contains("line 1"), "{}", answer.body);
    let list = browser.get("/configuration/filters").await;
    assert!(list.body.contains("hold in &#34;Finance&#34;"), "{}", list.body);
    assert_eq!(move_filter(&mut browser, "up 2").await.status, 303);
    desk.send(1, &["bob@partner.example"], "For finance").await;
    let folder = browser.get("/incidents?folder=2").await;
    assert!(folder.body.contains("For finance"), "the new filter is in force, and first: {}", folder.body);
    let answer = browser.submit("/configuration/folders/2", "/configuration/folders/2/delete", &[]).await;
    assert!(answer.status == 422 && answer.body.contains("is in use"), "{}", answer.body);
    let stale = [("version", "0"), ("name", "Finance"), ("kind", "hold"), ("at_limit", "keep")];
    let answer = browser.submit("/configuration/folders/2", "/configuration/folders/2", &stale).await;
    assert!(answer.status == 409 && answer.body.contains("It has changed meanwhile"), "{}", answer.body);
}

/// A filter one place up or down, by the form of the page as it is.
async fn move_filter(browser: &mut Browser, to: &str) -> support::Answer {
    let was = changes::carried(&browser.get("/configuration/filters").await.body, "Filters", "was");
    browser.submit("/configuration/filters", "/configuration/filters", &[("move", to), ("was", &was)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_asks_for_release_and_a_wrong_link_tells_nothing() {
    let desk = desk().await;
    let mut reviewer = desk.user("rita", "Remediator").await;
    desk.send(1, &["bob@partner.example"], "Secret subject").await;
    let key = desk.running.gateway.release_key(1);
    let mut sender = Browser { address: desk.address, cookies: Default::default(), headers: Vec::new() };
    let path = format!("/release/1/{key}");
    let wrong = format!("/release/1/{}", "0".repeat(key.len()));
    let (page, other) = (sender.get(&path).await, sender.get(&wrong).await);
    assert_eq!((page.status, other.status), (200, 200));
    assert!(!page.body.contains("Secret subject"));
    assert_eq!(
        page.body.replace(&path, ""),
        other.body.replace(&wrong, ""),
        "no link tells whether a mail is held"
    );
    assert_eq!(sender.post(&wrong, &[("reason", "please")]).await.status, 404);
    let answer = sender.post(&path, &[("reason", "The customer asked for it <b>")]).await;
    assert!(answer.status == 200 && answer.body.contains("Thank you"), "{}", answer.body);
    let page = reviewer.get("/incidents/1").await;
    assert!(
        page.body.contains("The sender asks for release") && page.body.contains("asked for it &lt;b&gt;")
    );
    assert!(reviewer.get("/incidents?release=asked").await.body.contains("Secret subject"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_mail_is_found_understood_and_decided_in_bulk() {
    let desk = desk().await;
    desk.user("rita", "Administrator").await;
    for (number, subject) in
        [(1, "Quarterly numbers"), (2, "Re: invoice 2026-1044"), (3, HOSTILE), (4, "Holiday plans")]
    {
        desk.send(number, &["bob@partner.example", "carol@partner.example"], subject).await;
    }
    let base = format!("http://{}", desk.address);
    let Some(window) = driver::Window::open(1366, "light").await else { return };
    window.go(&format!("{base}/folders")).await;
    window.keys("[name=name]", "rita").await;
    window.keys("[name=password]", PASSWORD).await;
    window.click("main button").await;
    window.until("return document.querySelector('h1').textContent === 'Content incident folders'").await;
    window.click("tbody th a").await;
    window.until("return document.querySelectorAll('tbody tr').length === 8").await;
    window.until("return document.querySelector('.bulkbar button').disabled").await;
    window.click("tbody tr:nth-child(1) input").await;
    window.click("tbody tr:nth-child(2) input").await;
    window.until("return document.querySelector('[data-chosen]').textContent === '2 chosen'").await;
    window.click(".bulkbar button[value=approve]").await;
    window.until("return document.querySelector('h1').textContent.startsWith('Approve 2 held')").await;
    window.keys("[name=note]", "Both are fine.").await;
    window.click("main form button.primary").await;
    window.until("return document.querySelector('#notices').textContent.includes('2 approved')").await;
    assert_eq!(desk.arrived(2).await.len(), 2);
    // On the snapshot the keys are enough: the newest held one is rejected.
    window.go(&format!("{base}/incidents/6")).await;
    window.keys("body", "r").await;
    window.until("return document.querySelector('.title .chip').textContent === 'Rejected'").await;
    assert_eq!(window.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_control_center_fits_each_screen_and_shuts_nobody_out() {
    let desk = desk().await;
    desk.user("rita", "Administrator").await;
    for (number, subject) in [(1, "Quarterly numbers"), (2, HOSTILE), (3, "Re: invoice 2026-1044")] {
        desk.send(number, &["bob@partner.example"], subject).await;
    }
    let who = gateway::Who::named("jane");
    desk.running.gateway.decide(&[1], gateway::ReviewAction::Approved, &who, Some("Fine.")).await.unwrap();
    let base = format!("http://{}", desk.address);
    let mut barriers = BTreeSet::new();
    for (width, scheme) in [(1366, "light"), (1366, "dark"), (375, "light"), (375, "dark"), (3840, "light")] {
        let Some(window) = driver::Window::open(width, scheme).await else { return };
        window.go(&format!("{base}/folders")).await;
        window.keys("[name=name]", "rita").await;
        window.keys("[name=password]", PASSWORD).await;
        window.click("main button").await;
        window.until("return location.pathname === '/folders'").await;
        for path in [
            "/folders",
            "/incidents",
            "/incidents/1",
            "/incidents/2",
            "/incidents/2/mail",
            "/messages",
            "/messages/1",
            "/queue",
            "/configuration/folders",
            "/configuration/folders/1",
            "/configuration/filters",
            "/configuration/filters/1",
            "/configuration/filters/new",
        ] {
            window.go(&format!("{base}{path}")).await;
            let wide = window.run("return document.documentElement.scrollWidth").await;
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{path} at {width}: {wide}");
            assert_eq!(window.complaints().await, Vec::<String>::new(), "{path} at {width} {scheme}");
            barriers.extend(window.barriers(&format!("{path} at {width} {scheme}")).await);
            window.picture(&format!("center{}-{width}-{scheme}", path.replace('/', "-"))).await;
        }
    }
    assert_eq!(barriers, BTreeSet::new());
}
