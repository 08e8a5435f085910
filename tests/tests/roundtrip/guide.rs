//! The guide from its installation table to its last history line, step by step as it is written, with the pages that people use.
//!
//! Comments name the guide's headings and step numbers. What a heading has and this test has not needs nothing to be done in Weir:
//! see `docs/installation-table.md`.

use weir_tests::client::{eventually, send};
use weir_tests::console::{Console, PASSWORD};
use weir_tests::enforce::Enforce;
use weir_tests::gateway::Setup;
use weir_tests::mails;
use weir_tests::weir::{Prevent, Weir, fixture, run};

use crate::site::{self, ACTIONS, PATIENCE, decide, held, listed, prevent_status, respond, told};

/// The number of a role on the page of roles.
fn role_number(admin: &Console, name: &str) -> String {
    let page = admin.get("/roles");
    let rows = page.body.split("href=\"/roles/").skip(1);
    let mut named = rows.filter(|rest| rest.split(['>', '<']).nth(1) == Some(name));
    named.next().and_then(|rest| rest.split('"').next()).expect("the role").to_owned()
}

/// Adds a user by the page; gives the one-time password that it shows.
fn add_user(admin: &Console, name: &str, role: &str) -> String {
    let role = role_number(admin, role);
    let made = admin.post("/users/new", &[("name", name), ("role", &role), ("default_role", &role)]);
    assert_eq!(made.status, 200, "{}", made.words());
    made.between("id=\"password\">", "</p>").to_owned()
}

#[test]
fn testing_the_integration() {
    let policies = tempfile::tempdir().unwrap();
    copy(&fixture("policies"), policies.path());
    std::fs::remove_file(policies.path().join("responses/hold.toml")).unwrap();
    for name in ["card-numbers.toml", "card-numbers.cases.toml", "quarantined-words.toml"] {
        std::fs::remove_file(policies.path().join(name)).unwrap();
    }
    let enforce = Enforce::with(policies.path(), &["--plain-http"]);
    let admin = enforce.person("boss", "Administrator");

    // ---- "Configuring certificates and authentication"
    // Steps 1 to 7: certificates for both sides, each known to the other. Enforce is the authority: the gateway gets its certificate,
    // and the authority's, with enrolment (below), and the plug-ins' client certificate is made here.
    let dir = enforce.data().join("certificates");
    let made = run(&["cert", "client", "--dir", &dir.to_string_lossy(), "--replace", "enforce"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Steps 9 to 14: System > Credentials > Add Credential. The key store is the three PEM texts.
    let file = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let fields = [
        ("kind", "certificates"),
        ("name", "EQC certificates"),
        ("certificate", &*file("enforce.pem")),
        ("key", &*file("enforce.key")),
        ("authority", &*file("authority.pem")),
    ];
    admin.done("/credentials", &fields).shows("EQC certificates");

    // ---- "Creating a user and role for use by Symantec Messaging Gateway"
    // Steps 2 to 6: the role.
    let fields = [
        ("name", "dlp-remediator-role"),
        ("privilege", "view_network_incidents"),
        ("privilege", "remediate_incidents"),
        ("privilege", "api_incident_update"),
    ];
    admin.done("/roles/new", &fields).shows("dlp-remediator-role");
    // Steps 7 to 13: the user. A password that an administrator made counts once, and is changed by whoever has it.
    let one_time = add_user(&admin, "messaging-gateway", "dlp-remediator-role");
    Console::sign_in_first(enforce.listen(), "messaging-gateway", &one_time);
    // Step 14: the gateway is told the Enforce server, user and password.
    let gateway =
        Setup::new().belonging_to(&enforce, "gw1", &enforce.url(), "messaging-gateway", PASSWORD).start();

    // ---- "Installing" and "Configuring the Email Quarantine Connect FlexResponse plug-in": Table 2-2.
    let remediation = gateway.remediation();
    let (host, port) = (remediation.ip().to_string(), remediation.port().to_string());
    for (plugin, _, action) in ACTIONS {
        site::save_plugin(&admin, plugin, &host, &port, "EQC certificates", action);
    }

    // ---- "Creating response rules for Email Quarantine Connect"
    // Steps 2 to 10: three smart response rules.
    for (plugin, rule, _) in ACTIONS {
        site::save_rule(&admin, rule, &format!("flex-response {plugin}"));
    }
    // Steps 11 to 17: an automated one that enables Email Quarantine Connect and does nothing else, and a policy that has it.
    let save = |name: &str, text: &str| {
        admin.done("/policies/file", &[("name", name), ("text", text)]);
    };
    save(
        "responses/eqc.toml",
        "name = \"Email Quarantine Connect\"\n\n[modify]\nemail_quarantine_connect = true\n",
    );
    save(
        "card-numbers.toml",
        "id = 23\nname = \"Card numbers\"\ndescription = \"Numbers of payment cards.\"\nmode = \"on\"\nseverity = \"high\"\n\
         respond = [\"Email Quarantine Connect\"]\n\n[[rule]]\nname = \"A card number\"\nidentifier = \"payment_card\"\n",
    );

    // ---- "Configuring Symantec Messaging Gateway routing, policies, and filters", in the Control Center.
    let postmaster = gateway.person("postmaster", "Administrator");
    // Step 2: a folder of the kind Hold for Review (Content Quarantine).
    let fields = [("name", "Card data"), ("kind", "hold"), ("at_limit", "reject")];
    postmaster.done("/configuration/folders/new", &fields).shows("Card data");
    // Steps 3 and 4: a filter on the x-header, its actions for Approve, Reject and Custom as in Table 2-3.
    let filter = "name = \"Card data\"\nwhen = { policy-id = [23] }\nactions = [{ hold = \"Card data\" }]\n\
        approve = [\"deliver\"]\nreject = [\"delete\"]\n\
        custom = [{ add-header = { name = \"X-Encrypt\", value = \"yes\" } }, \"deliver\"]\n";
    postmaster.done("/configuration/filters/new", &[("text", filter)]).shows("Card data");
    // It comes before the filter that every gateway begins with.
    postmaster.done("/configuration/filters", &[("move", "up 2"), ("was", "1 2")]);

    // ---- "Configuring Network Prevent for Email": forwarding mode, no MX lookup, trial mode off, the gateway's port.
    let token = enforce.token("mx1", &[]).to_string_lossy().into_owned();
    let mut prevent = Prevent::forward(&[gateway.mail()]);
    prevent.policies = std::path::PathBuf::new();
    let prevent =
        prevent.flag("--enforce").flag(&enforce.url()).flag("--enroll-token-file").flag(&token).start();
    has_policy(&enforce, &prevent, "card-numbers.toml");

    // ---- "Creating a user and role for a remediator"
    let one_time = add_user(&admin, "rita", "Remediator");
    let rita = Console::sign_in_first(enforce.listen(), "rita", &one_time);

    // ---- "Testing the integration"
    // Step 1 is everything above. Step 2: e-mails that violate a policy, to a recipient behind the gateway.
    let mail = |what: &str| mails::with_card_number(what);
    for what in ["offer one", "offer two", "offer three"] {
        let answer = send(prevent.addr(), "ann@corp.example", &["bob@other.example"], &mail(what)).unwrap();
        assert_eq!(answer.code, 250, "{answer:?}");
    }
    let clean =
        send(prevent.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("lunch")).unwrap();
    assert_eq!(clean.code, 250);
    assert_eq!(gateway.wait_for_delivered(1).len(), 1, "what violates nothing is forwarded to the recipient");

    // Step 3: the report of incidents. The gateway's status update has come, so that people see the mail is held.
    let ids = held(&enforce, 3);
    let report = rita.get("/incidents");
    for what in ["offer one", "offer two", "offer three"] {
        assert!(report.words().contains(what), "{}", report.words());
    }
    // Step 4: the snapshot.
    let snapshot = rita.get(&format!("/incidents/{}", ids[0]));
    let snapshot =
        snapshot.shows("offer one").shows("Card numbers").shows("Approve").shows("Reject").shows("Custom");
    snapshot.shows("Copies at the gateway").shows("bob@other.example for").shows("(version 1) held");
    let center = gateway.person("carl", "Remediator");
    let waiting = listed(&center, "state=held");
    assert_eq!(waiting.len(), 3, "{waiting:?}");
    assert!(waiting.iter().any(|(_, row)| row.contains("offer one")), "{waiting:?}");

    // Step 5: remediate by clicking one of the FlexResponse actions.
    respond(&rita, ids[0], "Approve", "the customer asked for it");
    // Step 6: the incident's history has entries of the action, the decision and the delivery; the status is that of the mail.
    for text in [
        "FlexResponse Action Requested [SMG Approve Action]",
        "FlexResponse Action Executed [SMG Approve Action]: gw1: bob@other.example: released",
        "the copy for bob@other.example was approved and is being delivered at gw1: the customer asked for it",
        "the copy for bob@other.example was delivered at gw1",
    ] {
        told(&enforce, ids[0], text);
    }
    assert_eq!(enforce.incident(ids[0])["prevent_status"], prevent_status::APPROVED);
    rita.get(&format!("/incidents/{}", ids[0])).shows("bob@other.example in").shows("/delivered delivered");
    // The recipient has it, without the marks, its octets as they were sent.
    let delivered = gateway.wait_for_delivered(2);
    let arrived =
        delivered.iter().find(|one| mails::header(one, "Subject") == ["offer one"]).expect("offer one");
    assert!(
        mails::header(arrived, "X-dlp-uniquemsgid").is_empty()
            && mails::header(arrived, "X-dlp-policyid").is_empty()
    );
    assert!(arrived.ends_with(&mail("offer one")), "{}", String::from_utf8_lossy(arrived));

    // Step 7: the details in the Control Center, with who decided.
    let number = listed(&center, "subject=offer+one").first().expect("the incident").0;
    center
        .get(&format!("/incidents/{number}"))
        .shows("Approved, delivered")
        .shows("dlp-remediator (Enforce, asked by rita)")
        .shows("note: the customer asked for it")
        .shows("APPROVED")
        .shows("DELIVERED");

    // Table 2-2: the remediator, who is nobody's user, is named in the gateway's log as well.
    let log = gateway.log();
    let asked =
        log.lines().find(|line| line.contains("remediation requested")).expect("a line of the request");
    assert!(asked.contains("dlp-remediator") && asked.contains("rita"), "{asked}");

    // Figure 1-4: the other two are decided on in the Control Center, and seen at Enforce.
    let number = listed(&center, "subject=offer+two").first().expect("the incident").0;
    decide(&center, number, "reject", "not without the board");
    let line = told(&enforce, ids[1], "was rejected and deleted at gw1: not without the board");
    assert_eq!(line.who, "carl");
    let number = listed(&center, "subject=offer+three").first().expect("the incident").0;
    decide(&center, number, "custom", "encrypt it");
    told(&enforce, ids[2], "had the custom action taken at gw1: encrypt it");
    let delivered = gateway.wait_for_delivered(3);
    let third =
        delivered.iter().find(|one| mails::header(one, "Subject") == ["offer three"]).expect("offer three");
    assert_eq!(mails::header(third, "X-Encrypt"), ["yes"]);
    assert_eq!(enforce.incident(ids[1])["prevent_status"], prevent_status::REJECTED);
    assert_eq!(enforce.incident(ids[2])["prevent_status"], prevent_status::CUSTOM);

    // ---- "Uninstalling": what something waits on is refused, with the list of what.
    let refused = admin.post("/credentials/remove", &[("name", "EQC certificates")]);
    assert_eq!(refused.status, 409);
    refused.shows("It is used by SMG Approve Action, SMG Custom Action, SMG Reject Action");
    let refused = admin.post("/response-rules/plugin/remove", &[("name", "SMG Custom Action")]);
    assert_eq!(refused.status, 409);
    refused.shows("Rules use it: Custom");
}

/// Waits until the detection server runs with a policy file of Enforce's: it has fetched it, and was heard from again since.
fn has_policy(enforce: &Enforce, prevent: &Weir, file: &str) {
    let seen = || {
        let servers = enforce.servers();
        let server = servers.iter().find(|one| one["name"] == "mx1").cloned();
        server.map(|one| one["last_seen"].clone()).unwrap_or_default()
    };
    let policies = prevent.data().join("enforce/policies");
    let fetched = || {
        let current = std::fs::read_to_string(policies.join("current"));
        current.is_ok_and(|etag| policies.join(etag.trim()).join(file).exists())
    };
    assert!(eventually(PATIENCE, fetched), "{file} did not come:\n{}", prevent.log());
    let then = seen();
    assert!(eventually(PATIENCE, || seen() != then), "mx1 is not heard from:\n{}", prevent.log());
}

pub(crate) fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
