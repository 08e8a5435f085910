//! The guide's "Troubleshooting": the gateway is down, slow, somebody else, or asked by somebody else; Enforce does not know the
//! gateway's user. What people read says what is wrong, and once it is mended everything goes on by itself.

use std::fs;

use weir_tests::certs::Authority;
use weir_tests::client::eventually;
use weir_tests::console::PASSWORD;
use weir_tests::gateway::Setup;
use weir_tests::mails;
use weir_tests::weir::run;

use crate::site::{
    ACTIONS, PATIENCE, Site, keep_certificates, prevent_status, put_certificates, save_plugin,
};

const BOB: &str = "bob@other.example";

/// Makes the three plug-ins anew, with another host and credential.
fn plugins(site: &Site, host: &str, credential: &str) {
    let port = site.gateway.remediation().port().to_string();
    for (plugin, _, action) in ACTIONS {
        save_plugin(&site.admin, plugin, host, &port, credential, action);
    }
}

/// A mail that is held; the number of its incident.
fn held(site: &Site, what: &str) -> u64 {
    site.send(&[BOB], &mails::with_card_number(what));
    site.held(1)[0]
}

#[test]
fn a_gateway_that_is_down_is_asked_again_until_it_is_back() {
    let mut site = Site::start();
    let id = held(&site, "down");
    site.gateway.kill();
    site.respond(id, "Approve", "");
    let line = site.told(id, "FlexResponse Action [SMG Approve Action] could not be sent");
    assert!(
        line.detail.contains("Connection refused") && line.detail.contains("it is sent again"),
        "{}",
        line.detail
    );
    assert_eq!(site.prevent_status(id), prevent_status::FLEX_RESPONSE_REQUESTED);
    site.gateway.run();
    site.told(id, "FlexResponse Action Executed [SMG Approve Action]");
    site.comes_to(id, prevent_status::APPROVED);
    assert_eq!(site.gateway.wait_for_delivered(1).len(), 1);
}

#[test]
fn a_request_survives_the_end_of_enforce() {
    let mut site = Site::start();
    let id = held(&site, "enforce ends");
    site.gateway.kill();
    site.respond(id, "Approve", "");
    site.told(id, "could not be sent");
    site.enforce.kill();
    site.gateway.run();
    site.enforce.run();
    site.told(id, "FlexResponse Action Executed [SMG Approve Action]");
    site.comes_to(id, prevent_status::APPROVED);
    assert_eq!(site.gateway.wait_for_delivered(1).len(), 1);
}

#[test]
fn while_a_slow_gateway_is_waited_for_the_incident_says_that_remediation_was_attempted() {
    let site = Site::start();
    let id = held(&site, "slow");
    site.gateway.signal("STOP");
    site.respond(id, "Reject", "");
    assert_eq!(site.prevent_status(id), prevent_status::FLEX_RESPONSE_REQUESTED);
    let last = site.history(id).pop().unwrap();
    assert_eq!(last.detail, "FlexResponse Action Requested [SMG Reject Action]");
    assert!(site.admin.get(&format!("/incidents/{id}")).words().contains("Remediation attempted"));
    site.gateway.signal("CONT");
    site.told(id, "FlexResponse Action Executed [SMG Reject Action]");
    site.comes_to(id, prevent_status::REJECTED);
}

#[test]
fn a_gateway_whose_certificate_is_of_a_strange_authority_is_told_nothing() {
    let site = Site::start();
    let id = held(&site, "strange gateway");
    let strange = Authority::new();
    let client = strange.issue("enforce");
    let fields = [
        ("kind", "certificates"),
        ("name", "strange"),
        ("certificate", &*client.certificate),
        ("key", &*client.key),
        ("authority", strange.pem()),
    ];
    put_certificates(&site.admin, &fields);
    plugins(&site, "127.0.0.1", "strange");
    site.respond(id, "Approve", "");
    let line = site.told(id, "could not be sent");
    assert!(line.detail.contains("UnknownIssuer"), "{}", line.detail);
    assert_eq!(site.held(0).len(), 0, "the incident says that it was attempted");
    assert!(site.gateway.delivered().is_empty());
    // Mended, the same request goes on.
    plugins(&site, "127.0.0.1", "gateway-certificates");
    site.told(id, "FlexResponse Action Executed [SMG Approve Action]");
    site.gateway.wait_for_delivered(1);
}

#[test]
fn a_gateway_lets_nobody_in_whose_certificate_it_does_not_know() {
    let site = Site::start();
    let id = held(&site, "strange client");
    let (strange, dir) = (Authority::new(), site.enforce.data().join("certificates"));
    let client = strange.issue("enforce");
    let authority = fs::read_to_string(dir.join("authority.pem")).unwrap();
    let fields = [
        ("kind", "certificates"),
        ("name", "strange"),
        ("certificate", &*client.certificate),
        ("key", &*client.key),
        ("authority", &*authority),
    ];
    put_certificates(&site.admin, &fields);
    plugins(&site, "127.0.0.1", "strange");
    site.respond(id, "Approve", "");
    let line = site.told(id, "could not be sent");
    assert!(line.detail.to_lowercase().contains("alert"), "{}", line.detail);
    site.gateway.wait_for_log("no TLS session with a client that must have a certificate");
    // One of the right authority, with a name that may not ask.
    let place = dir.to_string_lossy().into_owned();
    assert!(run(&["cert", "client", "--dir", &place, "somebody"]).status.success());
    let file = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let (certificate, key) = (file("somebody.pem"), file("somebody.key"));
    let fields = [
        ("kind", "certificates"),
        ("name", "strange"),
        ("certificate", &*certificate),
        ("key", &*key),
        ("authority", &*authority),
    ];
    put_certificates(&site.admin, &fields);
    site.gateway.wait_for_log("a client's certificate has none of the names that get in");
    assert!(site.gateway.delivered().is_empty());
    keep_certificates(&site.enforce, &site.admin, "strange");
    site.told(id, "FlexResponse Action Executed [SMG Approve Action]");
    site.gateway.wait_for_delivered(1);
}

/// The gateway's host name and port count where the gateway has not told of the message.
#[test]
fn a_wrong_host_name_is_told_until_it_is_mended() {
    let site = Site::with(
        |enforce| Setup::new().belonging_to(enforce, "gw1", &enforce.url(), "nobody-here", PASSWORD),
        |prevent| prevent,
    );
    for (number, host, why) in [
        (1, "localhost", "not valid for name"),
        (2, "gateway.invalid", "gateway.invalid"),
        // The right address: this is how it is mended.
        (3, "127.0.0.1", ""),
    ] {
        plugins(&site, host, "gateway-certificates");
        site.send(&[BOB], &mails::with_card_number(&format!("asked for at {host}")));
        assert!(eventually(PATIENCE, || site.enforce.incidents().len() == number));
        site.respond(number as u64, "Approve", "");
        if !why.is_empty() {
            let line = site.told(number as u64, "could not be sent");
            assert!(line.detail.contains(host) && line.detail.contains(why), "{}", line.detail);
        }
    }
    for id in 1..=3 {
        site.told(id, "FlexResponse Action Executed [SMG Approve Action]");
    }
    site.gateway.wait_for_delivered(3);
}

/// A gateway that says a wrong address of itself.
#[test]
fn a_gateway_reached_by_a_name_that_is_not_in_its_certificate_is_not_believed() {
    let site = Site::with(
        |enforce| {
            let setup = Setup::of(enforce, "gw1");
            let wrong = format!("localhost:{}", setup.remediation().port());
            setup.reached_at(&wrong)
        },
        |prevent| prevent,
    );
    let id = held(&site, "wrong name");
    let known = || site.enforce.servers().iter().any(|one| one["heartbeat"]["remediation"].is_string());
    assert!(eventually(PATIENCE, known));
    site.respond(id, "Approve", "");
    let line = site.told(id, "could not be sent");
    assert!(
        line.detail.contains("localhost") && line.detail.contains("not valid for name"),
        "{}",
        line.detail
    );
    assert!(site.gateway.delivered().is_empty());
}

/// Wrong Enforce user or password: nothing is lost, the Control Center says what is wrong, and once it is right everything comes.
#[test]
fn updates_by_a_wrong_user_or_password_wait_and_the_control_center_says_why() {
    for (user, password, why) in [
        ("nobody-here", PASSWORD, "Enforce does not know the user \"nobody-here\", or the password is wrong"),
        (
            "gateway",
            "not the password",
            "Enforce does not know the user \"gateway\", or the password is wrong",
        ),
        ("reviewer", PASSWORD, "the user \"reviewer\" lacks the privilege \"Incident Update\""),
    ] {
        let mut site = Site::with(
            |enforce| {
                enforce.add_user("gateway", "API client");
                enforce.add_user("reviewer", "Reviewer");
                Setup::new().belonging_to(enforce, "gw1", &enforce.url(), user, password)
            },
            |prevent| prevent,
        );
        site.send(&[BOB], &mails::with_card_number("waits"));
        let center = site.gateway.person("carl", "Administrator");
        let updates = || center.get("/folders").words();
        assert!(eventually(PATIENCE, || updates().contains(why)), "{}", updates());
        assert!(updates().contains("Waiting 1"), "{}", updates());
        let told = || site.admin.get("/servers/gw1").words();
        assert!(eventually(PATIENCE, || told().contains(why) && told().contains("1 waiting")), "{}", told());
        assert!(eventually(PATIENCE, || site.enforce.incidents().len() == 1));
        assert!(!site.history(1).iter().any(|line| line.action == "EMAIL_QUARANTINED"));
        // Remediation from Enforce works all the same: it goes by certificates.
        site.respond(1, "Approve", "");
        site.told(1, "FlexResponse Action Executed [SMG Approve Action]");
        site.gateway.kill();
        site.gateway.change_updater("updater", PASSWORD);
        site.enforce.add_user("updater", "API client");
        site.gateway.run();
        for text in
            ["is held for review at gw1", "was approved and is being delivered", "was delivered at gw1"]
        {
            site.told(1, text);
        }
        site.comes_to(1, prevent_status::APPROVED);
    }
}

/// "(Optional) Click the Incident Access tab and add conditions to limit the incidents that Email Quarantine Connect may act on."
#[test]
fn updates_outside_of_the_users_incident_access_wait_until_it_is_widened() {
    let mut role = String::new();
    let site = Site::with(
        |enforce| {
            let admin = enforce.person("boss", "Administrator");
            let fields = [("name", "cards only"), ("privilege", "api_incident_update"), ("policies", "23")];
            let page = admin.done("/roles/new", &fields);
            let row = page.body.split("href=\"/roles/").find(|rest| rest.contains(">cards only<")).unwrap();
            row.split('"').next().unwrap().clone_into(&mut role);
            enforce.add_user("cards", "cards only");
            Setup::new().belonging_to(enforce, "gw1", &enforce.url(), "cards", PASSWORD)
        },
        |prevent| prevent,
    );
    site.send(&[BOB], &mails::mail("outside", "The Avocet list.\r\n"));
    let both = mails::doubly_marked("inside by one of its incidents");
    site.send(&[BOB], &both);
    // Incidents 2 and 3 are of one message, of which the user reaches one incident.
    assert!(eventually(PATIENCE, || site.enforce.incidents().len() == 3));
    for id in [2, 3] {
        site.told(id, "is held for review at gw1");
    }
    assert!(!site.history(1).iter().any(|line| line.action == "EMAIL_QUARANTINED"), "{:#?}", site.history(1));
    let center = site.gateway.person("carl", "Administrator");
    let why = "the user's incident access reaches no incident of this message";
    let updates = || center.get("/folders").words();
    assert!(eventually(PATIENCE, || updates().contains(why)), "{}", updates());
    let page = site.admin.get(&format!("/roles/{role}"));
    let version = page.between("name=\"version\" value=\"", "\"").to_owned();
    let fields = [("name", "cards only"), ("version", &*version), ("privilege", "api_incident_update")];
    site.admin.done(&format!("/roles/{role}"), &fields);
    site.told(1, "is held for review at gw1");
    site.comes_to(1, prevent_status::QUARANTINED);
}

#[test]
fn at_sighup_the_gateway_reads_its_certificates_again_and_both_servers_go_on() {
    let mut site = Site::start();
    let id = held(&site, "certificates change");
    let authority = site.gateway.data().join("enforce/authority.pem");
    let right = fs::read(&authority).unwrap();
    let reload = |site: &Site, count: usize| {
        site.gateway.signal("HUP");
        let said = || site.gateway.log().matches("certificates reloaded").count() == count;
        assert!(eventually(PATIENCE, said), "{}", site.gateway.log());
    };
    fs::write(&authority, Authority::new().pem()).unwrap();
    reload(&site, 1);
    site.respond(id, "Approve", "");
    site.told(id, "could not be sent");
    site.gateway.wait_for_log("no TLS session with a client that must have a certificate");
    // What cannot be read changes nothing.
    fs::write(&authority, "no certificate").unwrap();
    site.gateway.signal("HUP");
    site.gateway.wait_for_log("reload refused");
    fs::write(&authority, right).unwrap();
    reload(&site, 2);
    site.enforce.signal("HUP");
    site.told(id, "FlexResponse Action Executed [SMG Approve Action]");
    site.comes_to(id, prevent_status::APPROVED);
    site.gateway.wait_for_delivered(1);
    assert!(site.enforce.log().contains("SIGHUP"), "{}", site.enforce.log());
    site.enforce.kill();
}
