//! What response rules make of violations, told from outside: policy files and mails in, one verdict out.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{How, Limits};
use policy::{Disposition, Envelope, Mail, Response, Set, SideAction, SourceFile, respond};

/// A set in which each word makes one policy match.
struct Bench {
    files: Vec<SourceFile>,
}

impl Bench {
    fn new() -> Self {
        Self { files: Vec::new() }
    }

    /// A policy that `word` violates.
    fn policy(mut self, id: u32, word: &str, mode: &str, severity: &str, respond: &[&str]) -> Self {
        let respond = if respond.is_empty() { String::new() } else { format!("respond = {respond:?}\n") };
        let text = format!(
            "id = {id}\nname = \"Policy {id}\"\nmode = \"{mode}\"\nseverity = \"{severity}\"\n{respond}\
             [[rule]]\nname = \"The word {word}\"\nkeywords = [\"{word}\"]\n"
        );
        self.files.push(SourceFile::new(format!("p{id}.toml"), text));
        self
    }

    fn rule(mut self, name: &str, body: &str) -> Self {
        let file = format!("responses/r{}.toml", self.files.len());
        self.files.push(SourceFile::new(file, format!("name = \"{name}\"\n{body}")));
        self
    }

    fn settings(mut self, text: &str) -> Self {
        self.files.push(SourceFile::new("settings.toml", text));
        self
    }

    fn mail(&self, mail: &str) -> Response {
        self.ask("ann@example.com", &["bob@example.net", "eve@example.org"], mail, false)
    }

    fn ask(&self, sender: &str, recipients: &[&str], mail: &str, server_trial: bool) -> Response {
        let loaded = Set::load_files(&self.files);
        let set = loaded
            .unwrap_or_else(|errors| {
                panic!("{}", errors.iter().map(|one| one.render(false)).collect::<String>())
            })
            .set;
        let envelope = Envelope {
            sender: sender.to_owned(),
            recipients: recipients.iter().map(|&recipient| recipient.to_owned()).collect(),
            peer: None,
        };
        let (limits, deadline) = (Limits::default(), Instant::now() + Duration::from_secs(60));
        let how = How { limits: &limits, deadline, documents: &InProcess, passwords: &[], digests: false };
        let opened = content::open(mail.as_bytes(), &how);
        let now = "2026-01-14T10:00:00+00:00[UTC]".parse().unwrap();
        let mail = Mail { envelope: &envelope, opened: &opened, size: mail.len() as u64, now, deadline };
        respond(&set, &set.inspect(&mail), &mail, server_trial)
    }
}

const BLOCK: &str = "[block]\ntext = \"Refused by $POLICY$ ($SEVERITY$).\"\n";
const REDIRECT: &str = "[redirect]\nto = [\"review@example.com\"]\n";

fn blocked(text: &str) -> Disposition {
    Disposition::Block { code: 550, enhanced: "5.7.1".to_owned(), text: text.to_owned() }
}

#[test]
fn clean_mail_passes_untouched() {
    let bench = Bench::new().policy(1, "falcon", "on", "high", &["Block"]);
    assert_eq!(bench.mail("Subject: x\r\n\r\nnothing\r\n"), Response::default());
}

#[test]
fn block_goes_over_redirect_and_redirect_over_modify() {
    let bench = Bench::new()
        .policy(1, "falcon", "on", "low", &["Hold for review"])
        .policy(2, "osprey", "on", "low", &["Redirect"])
        .policy(3, "eagle", "on", "low", &["Refuse"])
        .rule("Redirect", REDIRECT)
        .rule("Refuse", BLOCK);
    let all = bench.mail("\r\nfalcon osprey eagle\r\n");
    assert_eq!(all.disposition, blocked("Refused by Policy 3 (Low)."));
    assert!(all.modifications.is_empty(), "a refused mail is not changed");
    let two = bench.mail("\r\nfalcon osprey\r\n");
    assert_eq!(two.disposition, Disposition::Redirect { recipients: vec!["review@example.com".to_owned()] });
    assert_eq!(two.modifications.quarantine_connect, [1], "redirected mail bears its marks");
    assert_eq!(bench.mail("\r\nfalcon\r\n").disposition, Disposition::Modify);
}

#[test]
fn the_highest_severity_speaks_then_the_lowest_number() {
    let bench = Bench::new()
        .policy(9, "eagle", "on", "high", &["Block"])
        .policy(4, "osprey", "on", "high", &["Refuse"])
        .policy(1, "falcon", "on", "low", &["Refuse"])
        .rule("Refuse", BLOCK);
    assert_eq!(bench.mail("\r\neagle osprey falcon\r\n").disposition, blocked("Refused by Policy 4 (High)."));
    assert_eq!(bench.mail("\r\nfalcon\r\n").disposition, blocked("Refused by Policy 1 (Low)."));
}

#[test]
fn modifications_of_several_policies_apply_once() {
    let mark = "[modify]\nheaders = [\"X-Found: $POLICY$\"]\nsubject_prefix = \"[DLP] \"\n";
    let bench = Bench::new()
        .policy(7, "osprey", "on", "high", &["Mark", "Hold for review", "Copy"])
        .policy(3, "falcon", "on", "low", &["Hold for review", "Mark", "Copy"])
        .rule("Mark", mark)
        .rule("Copy", "[copy]\nto = [\"b@example.com\", \"a@example.com\"]\n");
    let found = bench.mail("Subject: hello\r\n\r\nosprey falcon osprey\r\n").modifications;
    assert_eq!(found.headers, [("X-Found".to_owned(), "Policy 3, Policy 7".to_owned())]);
    assert_eq!(found.subject.unwrap().prefix.unwrap(), "[DLP] ");
    assert_eq!(found.quarantine_connect, [3, 7]);
    assert_eq!(found.copies, ["a@example.com", "b@example.com"]);
}

#[test]
fn the_result_does_not_depend_on_the_order_of_files() {
    let bench = |turned: bool| {
        let mut bench = Bench::new()
            .policy(2, "osprey", "on", "medium", &["Redirect", "Report"])
            .policy(1, "falcon", "on", "high", &["Report", "Hold for review"])
            .rule("Redirect", REDIRECT)
            .rule("Report", "[[syslog]]\nmessage = \"$POLICY_ID$ $RULES$\"\n");
        if turned {
            bench.files.reverse();
        }
        bench.mail("\r\nosprey falcon\r\n")
    };
    assert_eq!(bench(false), bench(true));
}

#[test]
fn a_policy_on_trial_only_says_what_it_would_have_done() {
    let bench = Bench::new()
        .policy(1, "falcon", "trial", "high", &["Block", "Report"])
        .policy(2, "osprey", "on", "low", &["Hold for review"])
        .rule("Report", "[[syslog]]\nmessage = \"$DISPOSITION$\"\n")
        .settings("[violation_headers]\npolicies = \"X-Policies\"\n");
    let trial = bench.mail("\r\nfalcon\r\n");
    assert_eq!(trial.disposition, Disposition::Pass);
    assert!(trial.modifications.is_empty());
    assert!(matches!(trial.would, Disposition::Block { .. }));
    assert!(trial.effects[0].trial);
    assert!(matches!(&trial.effects[0].action, SideAction::Syslog { message, .. } if message == "blocked"));
    let both = bench.mail("\r\nfalcon osprey\r\n");
    assert_eq!(both.disposition, Disposition::Modify);
    assert_eq!(
        both.modifications.headers,
        [("X-Policies".to_owned(), "1".to_owned())],
        "the policy on trial marks nothing"
    );
    assert!(matches!(both.would, Disposition::Block { .. }));
    let told: Vec<(u32, bool)> = both.violations.iter().map(|one| (one.policy_id, one.trial)).collect();
    assert_eq!(told, [(1, true), (2, false)]);
}

#[test]
fn a_server_on_trial_changes_nothing_at_all() {
    let bench = Bench::new()
        .policy(1, "falcon", "on", "high", &["Block", "Hold for review", "Status"])
        .rule("Status", "set_status = \"seen\"\n");
    let response = bench.ask("ann@example.com", &["bob@example.net"], "\r\nfalcon\r\n", true);
    assert_eq!(response.disposition, Disposition::Pass);
    assert!(response.modifications.is_empty() && matches!(response.would, Disposition::Block { .. }));
    assert!(response.effects.iter().all(|effect| effect.trial) && response.violations[0].trial);
    assert_eq!(response.violations[0].rules, ["Block", "Hold for review", "Status"]);
    assert_eq!(response.violations[0].actions, ["block", "modify", "set_status"]);
}

#[test]
fn the_three_violation_headers_sum_up() {
    let bench = Bench::new()
        .policy(1, "falcon", "on", "low", &[])
        .policy(2, "osprey", "on", "medium", &[])
        .settings("[violation_headers]\npolicies = \"X-P\"\nseverity = \"X-S\"\nscore = \"X-Score\"\n");
    let response = bench.mail("\r\nfalcon osprey\r\n");
    let lines: Vec<String> =
        response.modifications.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(lines, ["X-P: 2", "X-S: Medium", "X-Score: 5"]);
    assert_eq!(response.disposition, Disposition::Modify);
}

#[test]
fn rules_act_only_under_their_conditions() {
    let rows = [
        ("severity = \"high\"", false),
        ("not_severity = \"high\"", true),
        ("match_count = \">= 2\"", true),
        ("match_count = \"> 2\"", false),
        ("policy = [5]", true),
        ("policy = \"Policy 5\"", true),
        ("not_policy = \"Policy 5\"", false),
        ("recipient = \"@example.org\"", true),
        ("not_recipient = \"@example.org\"", false),
        ("not_recipient = \"@elsewhere.example\"", true),
        ("direction = \"outbound\"", true),
        ("direction = [\"internal\", \"inbound\"]", false),
        ("protocol = \"smtp\"", true),
    ];
    for (when, acts) in rows {
        let bench = Bench::new()
            .policy(5, "falcon", "on", "low", &["Refuse"])
            .rule("Refuse", &format!("when = {{ {when} }}\n{BLOCK}"))
            .settings("internal_domains = [\"example.com\"]\n");
        let response = bench.mail("\r\nfalcon and falcon\r\n");
        assert_eq!(matches!(response.disposition, Disposition::Block { .. }), acts, "{when}");
    }
}

#[test]
fn notices_say_in_words_what_was_wrong_and_go_to_people_only() {
    let notify = "[[notify]]\nto = [\"$SENDER$\", \"$RECIPIENTS$\"]\nsubject = \"About $SUBJECT$\"\n\
                  text = \"\"\"$SUBJECT$ was $DISPOSITION$:\n$MATCHES$\nIncident $INCIDENT_ID$\"\"\"\n";
    let bench = Bench::new().policy(5, "falconproject", "on", "low", &["Tell"]).rule("Tell", notify);
    let mail = "Subject: plans\r\n\r\nfalconproject\r\n";
    let SideAction::Notify { to, subject, text } = bench.mail(mail).effects[0].action.clone() else {
        panic!("a notice")
    };
    assert_eq!(to, ["ann@example.com", "bob@example.net", "eve@example.org"]);
    assert_eq!(subject, "About plans");
    assert!(text.starts_with("plans was passed:\n") && text.ends_with("\nIncident $INCIDENT_ID$"), "{text}");
    assert!(text.contains("in the body: *********ject"), "{text}");
    let bounce = bench.ask("", &["bob@example.net"], mail, false);
    assert!(matches!(&bounce.effects[0].action, SideAction::Notify { to, .. } if to == &["bob@example.net"]));
    let nobody = bench.ask("", &[], mail, false);
    assert_eq!(nobody.effects, [], "a notice to nobody is none");
}

#[test]
fn hostile_subjects_and_names_stay_inside_their_line() {
    let texts = "[modify]\nheaders = [\"X-Found: $SUBJECT$ $ATTACHMENTS$\"]\n[[syslog]]\nmessage = \"$SUBJECT$\"\n\
                 [[notify]]\nto = \"$SENDER$\"\nsubject = \"$SUBJECT$\"\ntext = \"$SUBJECT$\"\n";
    let bench = Bench::new().policy(5, "falcon", "on", "low", &["Act"]).rule("Act", texts);
    let subject = "=?utf-8?Q?a=0D=0ABcc:_x@y.example=0D=0A=0D=0Abody=E2=80=AEgnp?=";
    let mail = format!(
        "Subject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfalcon\r\n--b\r\n\
         Content-Disposition: attachment; filename*=UTF-8''x%0D%0AX-dlp-policyid%3A%201.txt\r\n\r\nx\r\n--b--\r\n"
    );
    let response = bench.mail(&mail);
    let value = &response.modifications.headers[0].1;
    assert!(
        !value.contains(|c: char| c.is_control() || c == '\u{202E}') && value.contains("Bcc:"),
        "{value:?}"
    );
    for effect in &response.effects {
        let (SideAction::Syslog { message: line, .. } | SideAction::Notify { text: line, .. }) =
            &effect.action
        else {
            panic!()
        };
        assert!(!line.contains(['\r', '\n', '\u{202E}']), "{line:?}");
    }
    let refusing =
        Bench::new().policy(5, "falcon", "on", "low", &["No"]).rule("No", "[block]\ntext = \"$SUBJECT$\"\n");
    let long = format!("Subject: {}\r\n\r\nfalcon\r\n", "é".repeat(2_000));
    let Disposition::Block { text, .. } = refusing.mail(&long).disposition else { panic!("refused") };
    assert!(text.len() <= 480 && text.is_ascii() && text.ends_with("..."), "{text}");
}
