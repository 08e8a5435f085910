//! The guide's Table 3-2, a test for each row, with the words that people read in the histories.

use std::process::Command;

use weir_tests::client::eventually;
use weir_tests::console::words;
use weir_tests::gateway::Setup;
use weir_tests::network::Network;
use weir_tests::requirement::program;
use weir_tests::sink::{Reaction, Sink, Stage, reply};
use weir_tests::{mails, weir};

use crate::site::{PATIENCE, Site, change_rule, decide, listed, prevent_status, response};

const BOB: &str = "bob@other.example";
const CYD: &str = "cyd@other.example";
const DAN: &str = "dan@other.example";

fn flex(site: &Site, id: u64) -> Vec<String> {
    let lines = site.history(id).into_iter().filter(|line| line.action.starts_with("FLEX_RESPONSE"));
    lines.map(|line| line.detail).collect()
}

/// "Updates to incident status do not appear immediately."
#[test]
fn an_attempt_is_seen_at_once_and_the_outcome_when_the_gateways_update_comes() {
    let mut network = None;
    let site = Site::with(
        |enforce| {
            enforce.add_user("gateway", "API client");
            let way =
                network.insert(Network::to(enforce.url().trim_start_matches("https://").parse().unwrap()));
            let url = format!("https://{}", way.address());
            Setup::new().belonging_to(enforce, "gw1", &url, "gateway", weir_tests::console::PASSWORD)
        },
        |prevent| prevent,
    );
    let network = network.unwrap();
    site.send(&[BOB], &mails::with_card_number("waits"));
    let id = site.held(1)[0];
    network.cut();
    site.respond(id, "Approve", "");
    site.told(id, "FlexResponse Action Executed [SMG Approve Action]");
    site.gateway.wait_for_delivered(1);
    let center = site.gateway.person("carl", "Administrator");
    let updates = || center.get("/folders").words();
    assert!(eventually(PATIENCE, || updates().contains("The last attempt failed")), "{}", updates());
    assert!(!site.history(id).iter().any(|line| line.action == "EMAIL_APPROVED"), "{:#?}", site.history(id));
    network.mend();
    site.told(id, "the copy for bob@other.example was approved and is being delivered at gw1");
    site.told(id, "the copy for bob@other.example was delivered at gw1");
    site.comes_to(id, prevent_status::APPROVED);
    assert!(eventually(PATIENCE, || updates().contains("Waiting 0")), "{}", updates());
}

/// "You need to remediate an email incident with multiple recipients that creates an incident for each recipient."
#[test]
fn one_action_decides_for_all_recipients_of_a_message() {
    let site = Site::start();
    site.send(&[BOB, CYD, DAN], &mails::with_card_number("to three"));
    let id = site.held(1)[0];
    let center = site.gateway.person("carl", "Remediator");
    assert_eq!(listed(&center, "state=held").len(), 3, "one for each recipient");
    for to in [BOB, CYD, DAN] {
        site.told(id, &format!("the copy for {to} is held for review at gw1"));
    }
    site.respond(id, "Reject", "not to three");
    let done = site.told(id, "FlexResponse Action Executed [SMG Reject Action]");
    for to in [BOB, CYD, DAN] {
        assert!(done.detail.contains(&format!("{to}: rejected")), "{}", done.detail);
        site.told(id, &format!("the copy for {to} was rejected and deleted at gw1: not to three"));
    }
    site.comes_to(id, prevent_status::REJECTED);
    assert!(listed(&center, "state=held").is_empty());
    assert_eq!(listed(&center, "state=rejected").len(), 3);
    assert!(site.gateway.delivered().is_empty());
}

/// "You need to remediate an email message that violates multiple policies and creates multiple incidents."
#[test]
fn siblings_show_the_mails_state_but_only_the_incident_acted_on_changes_its_own_status() {
    let site = Site::start();
    change_rule(&site.admin, "Approve", "set-status Resolved\nflex-response SMG Approve Action");
    site.send(&[BOB], &mails::doubly_marked("two policies"));
    let ids = site.held(2);
    let center = site.gateway.person("carl", "Remediator");
    assert_eq!(listed(&center, "state=held").len(), 1, "one copy, whatever it violates");
    let (acted, sibling) = (ids[0], ids[1]);
    site.respond(acted, "Approve", "");
    site.told(acted, "the copy for bob@other.example was delivered");
    // One message state, on both.
    site.told(sibling, "the copy for bob@other.example was delivered");
    site.comes_to(acted, prevent_status::APPROVED);
    site.comes_to(sibling, prevent_status::APPROVED);
    let status = |id: u64| site.enforce.incident(id)["status"].as_str().unwrap().to_owned();
    assert_eq!((status(acted).as_str(), status(sibling).as_str()), ("Resolved", "New"));
    assert!(flex(&site, sibling).is_empty(), "{:?}", flex(&site, sibling));
    // The sibling is remediated by itself, and says what was already done, by whom.
    site.respond(sibling, "Reject", "");
    let failed = site.told(sibling, "FlexResponse Action Failed [SMG Reject Action]");
    assert!(
        failed
            .detail
            .contains("The remediation request was not successful: Unable to remediate DlpUniqueMessageId")
            && failed.detail.contains("bob@other.example: the email has already been released")
            && failed.detail.contains("by dlp-remediator"),
        "{}",
        failed.detail
    );
    site.comes_to(sibling, prevent_status::FLEX_RESPONSE_ERROR);
    assert_eq!(site.prevent_status(acted), prevent_status::APPROVED);
    assert_eq!(site.gateway.delivered().len(), 1);
}

/// "You need to remediate an email message that creates multiple incidents and that has multiple recipients."
#[test]
fn two_policies_and_two_recipients_are_decided_by_one_action_on_one_incident() {
    let site = Site::start();
    site.send(&[BOB, CYD], &mails::doubly_marked("two by two"));
    let ids = site.held(2);
    site.respond(ids[1], "Approve", "");
    for id in &ids {
        for to in [BOB, CYD] {
            site.told(*id, &format!("the copy for {to} was delivered"));
        }
        site.comes_to(*id, prevent_status::APPROVED);
    }
    assert!(flex(&site, ids[0]).is_empty() && flex(&site, ids[1]).len() == 2);
    // A message of one hold is one mail in the Maildir for each recipient.
    assert_eq!(site.gateway.wait_for_delivered(2).len(), 2);
}

/// "The Symantec Messaging Gateway server cannot find the email that the remediation request references."
#[test]
fn a_mail_that_never_reached_the_gateway_cannot_be_found_and_the_history_says_so() {
    let sink = Sink::start();
    let elsewhere = sink.addr();
    let site = Site::with(
        |enforce| Setup::of(enforce, "gw1"),
        |mut prevent| {
            let hop = prevent.flags.iter().position(|flag| flag == "--next-hop").unwrap();
            prevent.flags[hop + 1] = elsewhere.to_string();
            prevent
        },
    );
    site.send(&[BOB], &mails::with_card_number("elsewhere"));
    assert!(eventually(PATIENCE, || site.enforce.incidents().len() == 1));
    site.respond(1, "Approve", "");
    let failed = site.told(1, "FlexResponse Action Failed [SMG Approve Action]");
    assert!(failed.detail.ends_with("The message cannot be found at gw1."), "{}", failed.detail);
    site.comes_to(1, prevent_status::FLEX_RESPONSE_ERROR);
    assert_eq!(site.history(1).last().unwrap().action, "FLEX_RESPONSE_ERROR");
}

/// "… the email has already been released", and the other things that may have been done to it before.
#[test]
fn what_was_released_rejected_or_had_the_custom_action_taken_says_so_when_it_is_remediated_again() {
    let site = Site::start();
    let center = site.gateway.person("carl", "Remediator");
    for what in ["released", "rejected", "custom"] {
        site.send(&[BOB], &mails::with_card_number(what));
    }
    let ids = site.held(3);
    let number = |what: &str| listed(&center, &format!("subject={what}")).first().expect("an incident").0;
    decide(&center, number("released"), "approve", "");
    decide(&center, number("rejected"), "reject", "");
    decide(&center, number("custom"), "custom", "");
    for (id, rule, said) in [
        (ids[0], "Reject", "bob@other.example: the email has already been released"),
        (ids[1], "Approve", "bob@other.example: the email has already been rejected"),
        (ids[2], "Approve", "bob@other.example: the custom action has already been taken"),
    ] {
        site.respond(id, rule, "");
        let failed = site.told(id, "failed with message: The remediation request was not successful");
        assert!(failed.detail.contains(said) && failed.detail.contains("by carl at "), "{}", failed.detail);
        site.comes_to(id, prevent_status::FLEX_RESPONSE_ERROR);
        // The snapshot shows both: that the request was rejected, and what became of the mail.
        let copies = || {
            let page = site.admin.get(&format!("/incidents/{id}"));
            words(page.between("Copies at the gateway", "</table>"))
        };
        assert!(
            eventually(PATIENCE, || copies().contains("carl") || copies().contains("delivered")),
            "{}",
            copies()
        );
    }
    assert_eq!(site.gateway.delivered().len(), 2, "released, and custom");
}

#[test]
fn what_a_folders_limits_removed_is_said_to_have_expired() {
    let site = Site::start();
    let center = site.gateway.person("carl", "Administrator");
    let folder = [
        ("version", "1"),
        ("name", "Data Loss Prevention"),
        ("kind", "hold"),
        ("at_limit", "reject"),
        ("max_megabytes", "1"),
    ];
    center.done("/configuration/folders/1", &folder);
    let mut mail = mails::with_card_number("too much");
    mail.extend(b"0123456789 0123456789 0123456789 0123456789 0123456789 012345678\r\n".repeat(20_000));
    site.send(&[BOB], &mail);
    assert!(eventually(PATIENCE, || site.enforce.incidents().len() == 1));
    site.told(1, "the copy for bob@other.example was removed by its folder's limits at gw1");
    site.comes_to(1, prevent_status::EXPUNGED);
    site.respond(1, "Approve", "");
    let failed = site.told(1, "FlexResponse Action Failed [SMG Approve Action]");
    assert!(
        failed.detail.contains("bob@other.example: the email is gone: its folder's limits removed it"),
        "{}",
        failed.detail
    );
    assert!(site.gateway.delivered().is_empty());
}

/// "… the Symantec Messaging Gateway server fails to execute the remediation for any internal reason."
#[test]
fn a_gateway_that_fails_inside_says_that_the_mail_could_not_be_remediated_and_keeps_it() {
    let Some(python) = program("python3", "python3") else { return };
    let site = Site::start();
    site.send(&[BOB], &mails::with_card_number("damaged"));
    let id = site.held(1)[0];
    // What the filter said about Approve is damaged on the gateway's disk, and mended later.
    let database = site.gateway.data().join("gateway.db");
    let change = |sql: &str| {
        let program = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1], timeout=30) as db: db.execute(sys.argv[2])";
        let status = Command::new(&python).args(["-c", program]).arg(&database).arg(sql).status().unwrap();
        assert!(status.success(), "{sql}");
    };
    change("UPDATE copy SET plan = 'x' || plan");
    site.respond(id, "Approve", "");
    let failed = site.told(id, "FlexResponse Action Failed [SMG Approve Action]");
    assert!(
        failed.detail.contains("bob@other.example: the email could not be remediated"),
        "{}",
        failed.detail
    );
    site.comes_to(id, prevent_status::FLEX_RESPONSE_ERROR);
    site.gateway.wait_for_log("a remediation request failed");
    assert!(site.gateway.delivered().is_empty());
    change("UPDATE copy SET plan = substr(plan, 2)");
    site.respond(id, "Approve", "");
    site.told(id, "FlexResponse Action Executed [SMG Approve Action]");
    site.gateway.wait_for_delivered(1);
}

/// From an incident report: the same, for many.
#[test]
fn an_action_on_a_report_is_done_for_all_chosen_incidents_and_each_says_its_own_outcome() {
    let site = Site::start();
    for number in 0..5 {
        site.send(&[BOB], &mails::with_card_number(&format!("number {number}")));
    }
    let ids = site.held(5);
    site.respond(ids[0], "Reject", "");
    site.told(ids[0], "was rejected and deleted");
    let rule = response(&site.admin, ids[1], "Approve");
    let rule = rule.rsplit('/').next().unwrap();
    let chosen: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let fields = [("rule", rule), ("ids", &*chosen.join(",")), ("note", "all of them")];
    site.admin.done("/incidents/bulk/apply", &fields).shows("Approve was requested for 5 incidents");
    for id in &ids[1..] {
        site.told(*id, "was approved and is being delivered at gw1: all of them");
    }
    let failed = site.told(ids[0], "FlexResponse Action Failed [SMG Approve Action]");
    assert!(failed.detail.contains("the email has already been rejected"), "{}", failed.detail);
    assert_eq!(site.gateway.wait_for_delivered(4).len(), 4);
}

/// Figure 1-3: a reviewer quarantines a mail that was only to be looked at, as long as it has not left; Enforce decides about it.
#[test]
fn a_mail_of_an_informational_folder_is_held_by_a_reviewer_before_it_leaves_and_released_from_enforce() {
    let hop = Sink::scripted(|asked| match asked.stage {
        Stage::Dot => reply("451 4.3.2 not now"),
        _ => Reaction::Good,
    });
    let folders = "[gateway.queue]\nfirst_wait = 3600\nlongest_wait = 3600\n\
        [[gateway.folder]]\nname = \"Seen\"\nkind = \"informational\"\n[[gateway.folder]]\nname = \"Stopped\"\nkind = \"hold\"\n\
        [[gateway.filter]]\nname = \"Marked\"\nwhen = \"has-unique-message-id\"\nactions = [{ inform = \"Seen\" }]\n";
    let site = Site::with(
        |enforce| Setup::of(enforce, "gw1").deliver(&format!("smtp://{}", hop.addr())).config(folders),
        |prevent| prevent,
    );
    site.send(&[BOB], &mails::with_card_number("stop it"));
    let center = site.gateway.person("carl", "Administrator");
    let (number, row) = listed(&center, "").remove(0);
    assert!(row.contains("Seen"), "{row}");
    assert!(eventually(PATIENCE, || site.enforce.incidents().len() == 1));
    assert_eq!(site.held(0).len(), 0);
    // It is in the queue, and has been tried.
    assert!(eventually(PATIENCE, || site.gateway.queue().first().is_some_and(|one| one["attempts"] == 1)));
    let fields = [("folder", "Stopped"), ("note", "wait for the board")];
    let page = center.done(&format!("/incidents/{number}/hold"), &fields);
    page.shows("waits in \"Stopped\" now");
    let id = site.held(1)[0];
    site.told(id, "the copy for bob@other.example is held for review at gw1: wait for the board");
    assert!(site.gateway.queue().is_empty());
    hop.rescript(|_| Reaction::Good);
    site.respond(id, "Approve", "the board agrees");
    site.told(id, "the copy for bob@other.example was delivered at gw1");
    assert_eq!(hop.wait_for(1).len(), 1);
    center.get(&format!("/incidents/{number}")).shows("HELD_BY_REVIEWER").shows("wait for the board");
}

/// Remediation on both sides at the same moment: one of them does it, the other hears of it, and both show the same.
#[test]
fn of_two_decisions_at_the_same_moment_one_is_done_and_both_sides_tell_the_same() {
    let site = Site::start();
    let center = site.gateway.person("carl", "Remediator");
    let count = 10;
    for number in 0..count {
        site.send(&[BOB], &mails::with_card_number(&format!("race {number}")));
    }
    let ids = site.held(count);
    let numbers: Vec<u64> =
        listed(&center, "state=held").into_iter().rev().map(|(number, _)| number).collect();
    for (id, number) in ids.iter().zip(&numbers) {
        let path = response(&site.admin, *id, "Approve");
        std::thread::scope(|scope| {
            scope.spawn(|| site.admin.done(&path, &[("note", "let it go")]));
            scope.spawn(|| decide(&center, *number, "reject", "stop it"));
        });
    }
    let mut approved = 0;
    for (id, number) in ids.iter().zip(&numbers) {
        let ended = eventually(PATIENCE, || flex(&site, *id).len() == 2);
        assert!(ended, "{:?}", flex(&site, *id));
        let by_enforce = flex(&site, *id)[1].contains("Executed");
        approved += usize::from(by_enforce);
        let page = center.get(&format!("/incidents/{number}")).words();
        if by_enforce {
            site.told(*id, "was approved and is being delivered at gw1: let it go");
            assert!(page.contains("APPROVED") && !page.contains("REJECTED"), "{page}");
        } else {
            assert!(flex(&site, *id)[1].contains("the email has already been rejected"));
            site.told(*id, "was rejected and deleted at gw1: stop it");
            assert!(page.contains("REJECTED") && !page.contains("APPROVED"), "{page}");
        }
    }
    site.gateway.wait_for_delivered(approved);
}

/// Updates that come before the incident does.
#[test]
fn updates_that_come_before_the_incident_are_shown_once_it_comes() {
    let mut network = None;
    let site = Site::with(
        |enforce| Setup::of(enforce, "gw1"),
        |mut prevent| {
            let at = prevent.flags.iter().position(|flag| flag == "--enforce").unwrap();
            let way = Network::to(prevent.flags[at + 1].trim_start_matches("https://").parse().unwrap());
            prevent.flags[at + 1] = format!("https://{}", way.address());
            network = Some(way);
            prevent
        },
    );
    let network = network.unwrap();
    assert!(eventually(PATIENCE, || site.prevent.data().join("enforce/certificate.pem").exists()));
    network.cut();
    site.send(&[BOB], &mails::with_card_number("early"));
    let center = site.gateway.person("carl", "Administrator");
    let number = listed(&center, "state=held").first().expect("a held mail").0;
    decide(&center, number, "approve", "fine");
    site.gateway.wait_for_delivered(1);
    let updates = || center.get("/folders").words();
    assert!(eventually(PATIENCE, || updates().contains("Waiting 0")), "{}", updates());
    assert!(site.enforce.incidents().is_empty());
    network.mend();
    assert!(eventually(PATIENCE, || site.enforce.incidents().len() == 1), "{}", site.prevent.log());
    for text in [
        "is held for review at gw1",
        "was approved and is being delivered at gw1: fine",
        "was delivered at gw1",
    ] {
        site.told(1, text);
    }
    site.comes_to(1, prevent_status::APPROVED);
}

/// Block together with FlexResponse: the block comes first.
#[test]
fn a_blocked_mail_never_reaches_the_gateway_and_its_remediation_finds_nothing() {
    let policies = tempfile::tempdir().unwrap();
    crate::guide::copy(&weir::fixture("policies"), policies.path());
    let file = policies.path().join("card-numbers.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    // The mark is asked for first, and the block second.
    std::fs::write(&file, text.replace("respond = [\"Hold\"]", "respond = [\"Hold\", \"Refuse\"]")).unwrap();
    let site = Site::with(|enforce| Setup::of(enforce, "gw1"), |prevent| prevent.policies(policies.path()));
    let answer = site.try_send(&[BOB], &mails::with_card_number("blocked"));
    assert_eq!(answer.code, 550, "{answer:?}");
    assert!(answer.text().contains("Refused by policy Card numbers"), "{answer:?}");
    assert!(eventually(PATIENCE, || site.enforce.incidents().len() == 1));
    site.comes_to(1, prevent_status::BLOCKED);
    let center = site.gateway.person("carl", "Remediator");
    assert!(listed(&center, "").is_empty());
    site.respond(1, "Approve", "");
    let failed = site.told(1, "FlexResponse Action Failed [SMG Approve Action]");
    assert!(failed.detail.contains("The message cannot be found at gw1."), "{}", failed.detail);
    assert!(site.gateway.delivered().is_empty());
    let actions: Vec<String> = site.history(1).into_iter().map(|line| line.action).collect();
    let at = |name: &str| actions.iter().position(|action| action.contains(name));
    assert!(at("BLOCKED").is_some() && at("BLOCKED") < at("FLEX_RESPONSE_REQUESTED"), "{actions:?}");
}

/// Trial mode.
#[test]
fn a_detection_server_in_trial_records_and_its_incidents_have_nothing_to_remediate() {
    let site = Site::with(|enforce| Setup::of(enforce, "gw1"), |prevent| prevent.flag("--trial"));
    let mail = mails::with_card_number("trial");
    site.send(&[BOB], &mail);
    let delivered = site.gateway.wait_for_delivered(1);
    assert!(mails::header(&delivered[0], "X-dlp-uniquemsgid").is_empty());
    assert!(eventually(PATIENCE, || site.enforce.incidents().len() == 1));
    assert_eq!(site.enforce.incident(1)["trial"], true);
    let center = site.gateway.person("carl", "Remediator");
    assert!(listed(&center, "").is_empty(), "nothing is held");
    site.respond(1, "Approve", "");
    site.told(1, "The message cannot be found at gw1.");
    assert_eq!(site.gateway.delivered().len(), 1);
}
