//! Real Postfix before and behind Weir's gateway, in both modes; and Postfix that holds by itself, decided on from Enforce.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use weir_tests::client::{eventually, send};
use weir_tests::console::Console;
use weir_tests::enforce::Enforce;
use weir_tests::gateway::{Gateway, Setup as GatewaySetup};
use weir_tests::mails;
use weir_tests::ports::free_port;
use weir_tests::postfix::{Postfix, Setup, deployed};
use weir_tests::sink::Sink;
use weir_tests::weir::{Prevent, fixture};

use crate::site::{PATIENCE, before, connect, held, prevent_status, respond, save_rule, told};

fn submit(to: std::net::SocketAddr, recipient: &str, message: &[u8]) {
    let answer = send(to, "ann@corp.example", &[recipient], message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
}

fn contains(message: &[u8], part: &str) -> bool {
    memchr::memmem::find(message, part.as_bytes()).is_some()
}

fn is_unmarked(message: &[u8]) -> bool {
    let has = |name: &str| !mails::header(message, name).is_empty();
    !has("X-dlp-uniquemsgid") && !has("X-dlp-policyid") && !has("X-Cfilter-Loop")
}

fn enforce() -> (Enforce, Console) {
    let enforce = Enforce::with(&fixture("policies"), &["--plain-http"]);
    let admin = enforce.person("boss", "Administrator");
    (enforce, admin)
}

/// Marked mail waits until it is approved, the rest arrives; once each, without a trace of what was before.
fn holds_and_releases(
    enforce: &Enforce,
    admin: &Console,
    gateway: &Gateway,
    first: std::net::SocketAddr,
    last: &Postfix,
) {
    submit(first, "bob@other.example", &mails::clean("clean"));
    submit(first, "carl@other.example", &mails::with_card_number("marked"));
    submit(first, "dora@other.example", &mails::with_card_number("never"));
    assert!(is_unmarked(&last.wait_for_mail("bob", 1)[0]));
    let ids = held(enforce, 2);
    let subject = |id: u64| enforce.incident(id)["subject"].as_str().unwrap().to_owned();
    let (go, stay) = if subject(ids[0]) == "marked" { (ids[0], ids[1]) } else { (ids[1], ids[0]) };
    assert!(last.maildir("carl").is_empty());
    respond(admin, go, "Approve", "");
    respond(admin, stay, "Reject", "");
    told(enforce, go, "the copy for carl@other.example was delivered");
    told(enforce, stay, "the copy for dora@other.example was rejected and deleted");
    let released = last.wait_for_mail("carl", 1);
    assert!(is_unmarked(&released[0]) && contains(&released[0], "4111 1111 1111 1111"));
    // Nothing comes a second time, and nothing goes round.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(
        (last.maildir("bob").len(), last.maildir("carl").len(), last.maildir("dora").len()),
        (1, 1, 0)
    );
    assert!(gateway.queue().is_empty() && last.queue().is_empty(), "{}", last.log());
    assert_eq!(enforce.incidents().len(), 2);
}

#[test]
fn forwarding_from_postfix_through_weir_to_postfix() {
    let Some(receiver) = Setup::new().delivers_locally("other.example").start() else { return };
    let (enforce, admin) = enforce();
    let gateway = GatewaySetup::of(&enforce, "gw1").deliver(&format!("smtp://{}", receiver.addr())).start();
    connect(&enforce, &admin, &gateway.remediation().to_string());
    let prevent = before(&enforce, &gateway, "mx1").start();
    let Some(sender) = Setup::new().forwards_to_weir(prevent.addr()).start() else { return };
    holds_and_releases(&enforce, &admin, &gateway, sender.addr(), &receiver);
}

/// Figure 1-1 with Weir's gateway in the gateway's place: from Postfix to the gateway, to the detection server, back, and on.
#[test]
fn the_gateway_reflects_between_two_postfix() {
    let Some(receiver) = Setup::new().delivers_locally("other.example").start() else { return };
    let (enforce, admin) = enforce();
    let setup = GatewaySetup::of(&enforce, "gw1").deliver(&format!("smtp://{}", receiver.addr()));
    let prevent = reflecting(&enforce, setup.mail().port()).start();
    let gateway = setup.inspects_at(prevent.addr()).start();
    connect(&enforce, &admin, &gateway.remediation().to_string());
    let Some(sender) = Setup::new().relays_to(gateway.submission()).start() else { return };
    holds_and_releases(&enforce, &admin, &gateway, sender.addr(), &receiver);
    // Marks of a sender's own hold nothing and do not get through.
    let forged = [
        b"X-dlp-uniquemsgid: 1\r\nX-dlp-policyid: 23\r\nX-Cfilter-Loop: Reflected\r\n".to_vec(),
        mails::clean("forged"),
    ];
    submit(sender.addr(), "bob@other.example", &forged.concat());
    let mails = receiver.wait_for_mail("bob", 2);
    assert!(mails.iter().all(|mail| is_unmarked(mail)));
    assert!(held(&enforce, 0).is_empty());
}

/// Figure 1-1 with Postfix in front: its content filter is a reflecting Weir, and what comes back goes by the gateway.
#[test]
fn postfix_reflects_through_weir_and_hands_on_to_the_gateway() {
    let Some(receiver) = Setup::new().delivers_locally("other.example").start() else { return };
    let (enforce, admin) = enforce();
    let gateway = GatewaySetup::of(&enforce, "gw1").deliver(&format!("smtp://{}", receiver.addr())).start();
    connect(&enforce, &admin, &gateway.remediation().to_string());
    let resubmit = free_port();
    let prevent = reflecting(&enforce, resubmit).start();
    // As deploy/postfix has it, less what holds there: the gateway does that.
    let main = deployed("reflect.main.cf").replace("10025", &prevent.addr().port().to_string());
    let master = deployed("reflect.master.cf").replace("10026", &resubmit.to_string());
    let master = master.split("# What holds marked mail").next().unwrap();
    let master =
        master.lines().filter(|line| !line.contains("cleanup_service_name")).collect::<Vec<_>>().join("\n");
    let setup = Setup::new().main(&main).master(&master).relays_to(gateway.mail());
    let Some(postfix) = setup.start() else { return };
    holds_and_releases(&enforce, &admin, &gateway, postfix.addr(), &receiver);
    assert!(postfix.queue().is_empty(), "{}", postfix.log());
}

fn reflecting(enforce: &Enforce, resubmit: u16) -> Prevent {
    let token = enforce.token("mx1", &[]).to_string_lossy().into_owned();
    Prevent::reflect(resubmit).flag("--enforce").flag(&enforce.url()).flag("--enroll-token-file").flag(&token)
}

// ---- without our gateway

/// The shipped plug-in for an instance of Postfix, with the rules Approve and Reject.
fn postsuper_plugin(enforce: &Enforce, admin: &Console, postfix: &Postfix) {
    let plugins = enforce.data().join("plugins");
    fs::create_dir_all(&plugins).unwrap();
    let program = plugins.join("weir-postsuper");
    fs::write(&program, deployed("weir-postsuper")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    for (rule, action) in [("Approve", "REVIEW_STATE_APPROVED"), ("Reject", "REVIEW_STATE_REJECTED")] {
        let properties =
            format!("dlp-remediator-action = {action}\r\npostfix-config = {}", postfix.dir().display());
        let name = format!("Postfix {rule}");
        let fields = [
            ("kind", "executable"),
            ("name", &*name),
            ("program", "weir-postsuper"),
            ("seconds", "60"),
            ("properties", &*properties),
        ];
        admin.done("/response-rules/plugin", &fields).shows(&name);
        save_rule(admin, rule, &format!("flex-response {name}"));
    }
}

/// A detection server that belongs to Enforce, before this Postfix.
fn prevent_before(enforce: &Enforce, postfix: &Postfix) -> Prevent {
    let token = enforce.token("mx1", &[]).to_string_lossy().into_owned();
    let prevent = Prevent::forward(&[postfix.addr()]);
    prevent.flag("--enforce").flag(&enforce.url()).flag("--enroll-token-file").flag(&token)
}

fn incidents(enforce: &Enforce, count: usize) {
    let there = || enforce.incidents().len() == count;
    assert!(eventually(PATIENCE, there), "{:#?}", enforce.incidents());
}

#[test]
fn mail_that_postfix_holds_is_released_or_deleted_from_enforce() {
    let sink = Sink::start();
    // Held by deploy/postfix/hold.main.cf; what leaves loses its marks by weir_leaving_checks.
    let setup = Setup::new().holds_marked_mail().drops_marks_of_leaving_mail().relays_to(sink.addr());
    let Some(postfix) = setup.start() else { return };
    let (enforce, admin) = enforce();
    postsuper_plugin(&enforce, &admin, &postfix);
    let prevent = prevent_before(&enforce, &postfix).start();
    for (number, what) in ["go", "stay"].into_iter().enumerate() {
        submit(prevent.addr(), "bob@other.example", &mails::with_card_number(what));
        incidents(&enforce, number + 1);
    }
    postfix.wait_for_queued("hold", 2);
    assert_eq!(sink.count(), 0);
    respond(&admin, 1, "Approve", "");
    let done = told(&enforce, 1, "FlexResponse Action Executed [Postfix Approve]");
    assert!(
        done.detail.contains("bob@other.example: released from Postfix's hold queue ("),
        "{}",
        done.detail
    );
    respond(&admin, 2, "Reject", "");
    told(
        &enforce,
        2,
        "FlexResponse Action Executed [Postfix Reject]: bob@other.example: deleted from Postfix's hold queue",
    );
    let arrived = sink.wait_for(1).remove(0);
    assert_eq!(arrived.header("Subject"), ["go"]);
    assert!(is_unmarked(&arrived.octets), "{}", String::from_utf8_lossy(&arrived.octets));
    assert!(arrived.octets.ends_with(b"4111 1111 1111 1111, valid through 12/29.\r\n"));
    assert!(postfix.queue().is_empty());
    // Once more: there is nothing any more, and the history says so.
    respond(&admin, 2, "Approve", "");
    let failed = told(&enforce, 2, "FlexResponse Action Failed [Postfix Approve]");
    assert!(failed.detail.contains("Postfix holds no such message (any more)"), "{}", failed.detail);
    assert_eq!(enforce.incident(2)["prevent_status"], prevent_status::FLEX_RESPONSE_ERROR);
    assert_eq!(sink.count(), 1);
}

#[test]
fn the_postfix_plug_in_says_what_it_cannot_do() {
    let Some(postfix) = Setup::new().holds_marked_mail().start() else { return };
    let (enforce, admin) = enforce();
    postsuper_plugin(&enforce, &admin, &postfix);
    for (name, properties) in [
        ("No action", "postfix-config = /etc/postfix"),
        ("No instance", "dlp-remediator-action = REVIEW_STATE_APPROVED\r\npostfix-config = /nowhere"),
        ("No way", "dlp-remediator-action = REVIEW_STATE_APPROVED\r\nrun-by = /nowhere/ssh weir@mx1"),
    ] {
        let fields = [
            ("kind", "executable"),
            ("name", name),
            ("program", "weir-postsuper"),
            ("seconds", "60"),
            ("properties", properties),
        ];
        admin.done("/response-rules/plugin", &fields);
        save_rule(&admin, name, &format!("flex-response {name}"));
    }
    let prevent = prevent_before(&enforce, &postfix).start();
    submit(prevent.addr(), "bob@other.example", &mails::with_card_number("stays"));
    incidents(&enforce, 1);
    postfix.wait_for_queued("hold", 1);
    for (name, said) in [
        ("No action", "the property dlp-remediator-action is REVIEW_STATE_APPROVED or REVIEW_STATE_REJECTED"),
        ("No instance", "postqueue: "),
        ("No way", "/nowhere/ssh"),
    ] {
        respond(&admin, 1, name, "");
        let failed = told(&enforce, 1, &format!("FlexResponse Action Failed [{name}]"));
        assert!(failed.detail.contains(said), "{}", failed.detail);
    }
    assert_eq!(postfix.wait_for_queued("hold", 1).len(), 1);
}

/// Postfix's FILTER: the mail server hands marked mail to a second instance, which holds it.
#[test]
fn marked_mail_goes_to_a_second_postfix_that_holds_it() {
    let sink = Sink::start();
    let quarantine = Setup::new().holds_marked_mail().drops_marks_of_leaving_mail().relays_to(sink.addr());
    let Some(quarantine) = quarantine.start() else { return };
    let checks = deployed("weir_filter_checks");
    assert!(checks.contains("[quarantine.example.com]:25"));
    let checks =
        checks.replace("[quarantine.example.com]:25", &format!("[127.0.0.1]:{}", quarantine.addr().port()));
    let setup = Setup::new().main(&deployed("filter.main.cf")).file("weir_filter_checks", &checks);
    let Some(first) = setup.relays_to(sink.addr()).start() else { return };
    let (enforce, admin) = enforce();
    postsuper_plugin(&enforce, &admin, &quarantine);
    let prevent = prevent_before(&enforce, &first).start();
    submit(prevent.addr(), "bob@other.example", &mails::clean("clean"));
    assert_eq!(sink.wait_for(1)[0].header("Subject"), ["clean"]);
    submit(prevent.addr(), "bob@other.example", &mails::with_card_number("marked"));
    incidents(&enforce, 1);
    quarantine.wait_for_queued("hold", 1);
    assert_eq!(sink.count(), 1);
    respond(&admin, 1, "Approve", "");
    told(&enforce, 1, "FlexResponse Action Executed [Postfix Approve]");
    let arrived = sink.wait_for(2).remove(1);
    assert_eq!(arrived.header("Subject"), ["marked"]);
    assert!(is_unmarked(&arrived.octets));
    assert!(first.queue().is_empty() && quarantine.queue().is_empty());
}

#[test]
fn the_shipped_files_of_postfix_name_no_file_that_is_not_shipped() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/postfix");
    for entry in fs::read_dir(&dir).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for rest in text.split("/etc/postfix/").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            assert!(dir.join(&name).is_file(), "/etc/postfix/{name}");
        }
    }
}
