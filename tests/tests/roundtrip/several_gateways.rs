//! Several gateways behind several detection servers: a request goes to those that reported the hold, whatever host the plug-in names.

use weir_tests::client::{eventually, send};
use weir_tests::gateway::{Gateway, Setup};
use weir_tests::mails;
use weir_tests::weir::Weir;

use crate::site::{PATIENCE, Site, before, prevent_status};

const BOB: &str = "bob@other.example";
const CYD: &str = "cyd@other.example";

/// A second gateway with a detection server of its own; the plug-ins know the first only.
fn second(site: &Site) -> (Gateway, Weir) {
    let gateway = Setup::of(&site.enforce, "gw2").start();
    let prevent = before(&site.enforce, &gateway, "mx2").start();
    // Both give the same message the same id, by the key that comes with enrolment.
    for weir in [&site.prevent, &prevent] {
        weir.wait_for_log("configuration, certificates and policies reloaded");
    }
    let known = || {
        let servers = site.enforce.servers();
        let of = |name: &str| {
            servers.iter().any(|one| one["name"] == name && one["heartbeat"]["remediation"].is_string())
        };
        of("gw1") && of("gw2")
    };
    assert!(eventually(PATIENCE, known), "{:#?}", site.enforce.servers());
    (gateway, prevent)
}

fn send_by(prevent: &Weir, to: &str, mail: &[u8]) {
    let answer = send(prevent.addr(), "ann@corp.example", &[to], mail).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
}

#[test]
fn a_message_that_went_by_another_gateway_is_remediated_there() {
    let site = Site::start();
    let (gateway, prevent) = second(&site);
    send_by(&prevent, BOB, &mails::with_card_number("by the second"));
    let id = site.held(1)[0];
    site.told(id, "the copy for bob@other.example is held for review at gw2");
    site.respond(id, "Approve", "");
    let done = site.told(id, "FlexResponse Action Executed [SMG Approve Action]");
    assert!(done.detail.contains("gw2: bob@other.example: released"), "{}", done.detail);
    gateway.wait_for_delivered(1);
    site.comes_to(id, prevent_status::APPROVED);
    assert!(site.gateway.delivered().is_empty());
}

#[test]
fn copies_of_one_message_at_two_gateways_are_decided_by_one_request() {
    let site = Site::start();
    let (mut gateway, prevent) = second(&site);
    let mail = mails::with_card_number("split by recipient");
    send_by(&site.prevent, BOB, &mail);
    send_by(&prevent, CYD, &mail);
    let id = site.held(1)[0];
    site.told(id, "the copy for bob@other.example is held for review at gw1");
    site.told(id, "the copy for cyd@other.example is held for review at gw2");
    // The second is down when it is asked: the first has done its part, and answers the same when both are asked again.
    gateway.kill();
    site.respond(id, "Approve", "");
    site.told(id, "could not be sent");
    site.gateway.wait_for_delivered(1);
    gateway.run();
    let done = site.told(id, "FlexResponse Action Executed [SMG Approve Action]");
    assert!(
        done.detail.contains("gw1: bob@other.example: released")
            && done.detail.contains("gw2: cyd@other.example: released"),
        "{}",
        done.detail
    );
    gateway.wait_for_delivered(1);
    site.comes_to(id, prevent_status::APPROVED);
    assert_eq!(site.gateway.delivered().len(), 1);
}

#[test]
fn a_gateway_that_was_shut_out_is_not_asked_any_more() {
    let site = Site::start();
    let (gateway, prevent) = second(&site);
    send_by(&prevent, BOB, &mails::with_card_number("shut out"));
    let id = site.held(1)[0];
    site.enforce.task(&["revoke", "gw2"]);
    site.respond(id, "Approve", "");
    let failed = site.told(id, "FlexResponse Action Failed [SMG Approve Action]");
    assert!(failed.detail.contains("The message cannot be found at gw1."), "{}", failed.detail);
    assert!(gateway.delivered().is_empty());
}
