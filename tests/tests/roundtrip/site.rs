//! An Enforce server, a gateway and a detection server before it, connected as the guide has it, with what people see of them.

use std::time::Duration;

use serde_json::Value;
use weir_tests::client::{Answer, insist, send};
use weir_tests::console::{Console, Page, encoded, words};
use weir_tests::enforce::Enforce;
use weir_tests::gateway::{Gateway, Setup};
use weir_tests::weir::{Prevent, Weir, fixture, run};

/// How long anything may take to be seen at the other side.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Plug-in, smart response rule, and `dlp-remediator-action`.
pub(crate) const ACTIONS: [(&str, &str, &str); 3] = [
    ("SMG Approve Action", "Approve", "REVIEW_STATE_APPROVED"),
    ("SMG Reject Action", "Reject", "REVIEW_STATE_REJECTED"),
    ("SMG Custom Action", "Custom", "REVIEW_STATE_CUSTOM"),
];

/// The three servers, and an administrator of Enforce.
pub(crate) struct Site {
    pub(crate) prevent: Weir,
    pub(crate) gateway: Gateway,
    pub(crate) admin: Console,
    pub(crate) enforce: Enforce,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::with(|enforce| Setup::of(enforce, "gw1"), |prevent| prevent)
    }

    /// With a gateway and a detection server of one's own making.
    pub(crate) fn with(
        gateway: impl FnOnce(&Enforce) -> Setup,
        prevent: impl FnOnce(Prevent) -> Prevent,
    ) -> Self {
        let enforce = Enforce::with(&fixture("policies"), &["--plain-http"]);
        let admin = enforce.person("admin-1", "Administrator");
        let gateway = gateway(&enforce).start();
        connect(&enforce, &admin, &gateway.remediation().to_string());
        let prevent = prevent(before(&enforce, &gateway, "mx1")).start();
        Self { prevent, gateway, admin, enforce }
    }

    /// Sends a mail through the detection server to the gateway; it must be taken.
    pub(crate) fn send(&self, recipients: &[&str], mail: &[u8]) {
        let answer = self.try_send(recipients, mail);
        assert_eq!(answer.code, 250, "{answer:?}");
    }

    pub(crate) fn try_send(&self, recipients: &[&str], mail: &[u8]) -> Answer {
        send(self.prevent.addr(), "ann@corp.example", recipients, mail).unwrap()
    }

    /// Waits for so many incidents at Enforce whose mail is held; their numbers, oldest first.
    pub(crate) fn held(&self, count: usize) -> Vec<u64> {
        held(&self.enforce, count)
    }

    /// The history of an incident at Enforce.
    pub(crate) fn history(&self, id: u64) -> Vec<Line> {
        history(&self.enforce, id)
    }

    /// Waits for a line that says this; gives it.
    pub(crate) fn told(&self, id: u64, text: &str) -> Line {
        told(&self.enforce, id, text)
    }

    pub(crate) fn prevent_status(&self, id: u64) -> i64 {
        self.enforce.incident(id)["prevent_status"].as_i64().unwrap()
    }

    /// Waits until the incident has this prevent status.
    pub(crate) fn comes_to(&self, id: u64, status: i64) {
        insist(PATIENCE, || match self.prevent_status(id) {
            found if found == status => Ok(()),
            found => Err(format!("prevent status {found}, not {status}: {:#?}", self.history(id))),
        });
    }

    /// Clicks a smart response of an incident's snapshot and confirms it.
    pub(crate) fn respond(&self, id: u64, rule: &str, note: &str) {
        respond(&self.admin, id, rule, note);
    }
}

/// What stands in the product's tables as the prevent status.
pub(crate) mod prevent_status {
    pub(crate) const BLOCKED: i64 = 1;
    pub(crate) const FLEX_RESPONSE_ERROR: i64 = 12;
    pub(crate) const FLEX_RESPONSE_REQUESTED: i64 = 13;
    pub(crate) const QUARANTINED: i64 = 21;
    pub(crate) const APPROVED: i64 = 22;
    pub(crate) const REJECTED: i64 = 23;
    pub(crate) const CUSTOM: i64 = 24;
    pub(crate) const EXPUNGED: i64 = 25;
}

/// A line of an incident's history.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) who: String,
    pub(crate) action: String,
    pub(crate) detail: String,
}

/// A detection server that belongs to Enforce and forwards to the gateway.
pub(crate) fn before(enforce: &Enforce, gateway: &Gateway, name: &str) -> Prevent {
    let token = enforce.token(name, &[]).to_string_lossy().into_owned();
    let prevent = Prevent::forward(&[gateway.mail()]);
    prevent.flag("--enforce").flag(&enforce.url()).flag("--enroll-token-file").flag(&token)
}

/// A certificate by which the plug-ins are known, the plug-ins for a gateway at `HOST:PORT`, and the rules that people click.
pub(crate) fn connect(enforce: &Enforce, admin: &Console, gateway: &str) {
    keep_certificates(enforce, admin, "gateway-certificates");
    let (host, port) = gateway.rsplit_once(':').unwrap();
    for (plugin, rule, action) in ACTIONS {
        save_plugin(admin, plugin, host, port, "gateway-certificates", action);
        save_rule(admin, rule, &format!("flex-response {plugin}"));
    }
}

/// A client certificate of Enforce's authority, kept as a credential.
pub(crate) fn keep_certificates(enforce: &Enforce, admin: &Console, credential: &str) {
    let dir = enforce.data().join("certificates");
    let place = dir.to_string_lossy().into_owned();
    let made = run(&["cert", "client", "--dir", &place, "--replace", "enforce"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let (certificate, key, authority) = (file("enforce.pem"), file("enforce.key"), file("authority.pem"));
    let fields = [
        ("kind", "certificates"),
        ("name", credential),
        ("certificate", &certificate),
        ("key", &key),
        ("authority", &authority),
    ];
    put_certificates(admin, &fields).shows(credential);
}

/// Keeps certificates, in the place of those of the same name as the page shows them.
pub(crate) fn put_certificates(admin: &Console, fields: &[(&str, &str)]) -> Page {
    let (_, name) = fields.iter().find(|(field, _)| *field == "name").unwrap();
    let page = admin.get(&format!("/credentials?replace={}", encoded(name)));
    let form = "value=\"certificates\"><input type=\"hidden\" name=\"was\" value=\"";
    admin.done("/credentials", &[fields, &[("was", page.between(form, "\""))]].concat())
}

/// The guide's Table 2-2, filled in.
pub(crate) fn save_plugin(
    admin: &Console,
    name: &str,
    host: &str,
    port: &str,
    credential: &str,
    action: &str,
) {
    // As the form shows it, or a new one.
    let form = admin.get(&format!("/response-rules?plugin={}", name.replace(' ', "%20")));
    let was =
        form.between("value=\"email_quarantine_connect\"><input type=\"hidden\" name=\"was\" value=\"", "\"");
    let fields = [
        ("kind", "email_quarantine_connect"),
        ("was", was),
        ("name", name),
        ("email-gateway-server-host", host),
        ("email-gateway-server-port", port),
        ("certificates-store.credential", credential),
        ("dlp-remediator-user", "dlp-remediator"),
        ("dlp-remediator-action", action),
    ];
    admin.done("/response-rules/plugin", &fields).shows(name);
}

pub(crate) fn save_rule(admin: &Console, name: &str, actions: &str) {
    admin.done("/response-rules", &[("name", name), ("actions", actions)]).shows(name);
}

/// The number of a rule on the page of response rules.
fn rule_number(admin: &Console, name: &str) -> String {
    let page = admin.get("/response-rules");
    let row = page.body.split("<tr").find(|row| words(row).contains(name) && row.contains("?edit="));
    let row = row.unwrap_or_else(|| panic!("no rule {name:?} in {}", page.words()));
    row.split_once("?edit=").unwrap().1.split('#').next().unwrap().to_owned()
}

/// Changes what a rule does, in its form as the page shows it.
pub(crate) fn change_rule(admin: &Console, name: &str, actions: &str) {
    let number = rule_number(admin, name);
    let form = admin.get(&format!("/response-rules?edit={number}"));
    let begins = format!("name=\"id\" value=\"{number}\"><input type=\"hidden\" name=\"was\" value=\"");
    let was = form.between(&begins, "\"");
    let fields = [("id", &*number), ("was", was), ("name", name), ("actions", actions)];
    admin.done("/response-rules", &fields);
}

pub(crate) fn respond(person: &Console, id: u64, rule: &str, note: &str) {
    let path = response(person, id, rule);
    let page = person.done(&path, &[("note", note)]);
    page.shows(&format!("{rule} was requested for incident {id}"));
}

/// Where the button of this name on an incident's snapshot leads.
pub(crate) fn response(person: &Console, id: u64, rule: &str) -> String {
    let path = response_if_there(person, id, rule);
    path.unwrap_or_else(|| {
        panic!("no button {rule:?} on {}", person.get(&format!("/incidents/{id}")).words())
    })
}

/// The same, where Enforce may be down.
pub(crate) fn response_if_there(person: &Console, id: u64, rule: &str) -> Option<String> {
    let page = person.get(&format!("/incidents/{id}"));
    let link = format!("href=\"/incidents/{id}/respond/");
    let buttons = page.body.split(&link).skip(1);
    let mut named = buttons.filter(|rest| rest.split(['>', '<']).nth(1) == Some(rule));
    let rest = named.next()?;
    Some(format!("/incidents/{id}/respond/{}", rest.split(['?', '"']).next()?))
}

/// Waits for so many incidents whose mail is held; their numbers, oldest first.
pub(crate) fn held(enforce: &Enforce, count: usize) -> Vec<u64> {
    insist(PATIENCE, || {
        let all = enforce.incidents();
        let held = all.iter().filter(|one| one["prevent_status"] == prevent_status::QUARANTINED);
        let held: Vec<u64> = held.map(|one| one["id"].as_u64().unwrap()).collect();
        if held.len() == count { Ok(held) } else { Err(format!("{} held: {all:#?}", held.len())) }
    })
}

pub(crate) fn history(enforce: &Enforce, id: u64) -> Vec<Line> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let incident = enforce.incident(id);
    let lines = incident["history"].as_array().unwrap().iter();
    lines
        .map(|line| Line {
            who: text(&line["who"]),
            action: text(&line["action"]),
            detail: text(&line["detail"]),
        })
        .collect()
}

pub(crate) fn told(enforce: &Enforce, id: u64, said: &str) -> Line {
    insist(PATIENCE, || {
        let lines = history(enforce, id);
        let found = lines.iter().find(|line| line.detail.contains(said)).cloned();
        found.ok_or_else(|| format!("nothing says {said:?} among {lines:#?}"))
    })
}

/// The gateway's incidents as its Control Center lists them: number, and the words of the row.
pub(crate) fn listed(person: &Console, query: &str) -> Vec<(u64, String)> {
    let page = person.get(&format!("/incidents?{query}"));
    assert_eq!(page.status, 200, "{}", page.words());
    let rows = page.body.split("<tr data-row").skip(1).map(|row| row.split("</tr>").next().unwrap());
    rows.map(|row| {
        let number = row.split_once("/incidents/").map(|(_, rest)| rest);
        let number = number.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        (number.unwrap_or_else(|| panic!("a row without a number: {row}")), words(row))
    })
    .collect()
}

/// Decides at the gateway's Control Center.
pub(crate) fn decide(person: &Console, id: u64, action: &str, note: &str) -> String {
    let fields = [("action", action), ("note", note)];
    person.done(&format!("/incidents/{id}/decide"), &fields).words()
}
