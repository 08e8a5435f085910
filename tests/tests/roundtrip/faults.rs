//! Hundreds of mails and decisions while all three servers are killed and the network between them is cut, at random. Afterwards what
//! must hold holds: held mail is never lost, never delivered without a decision, never twice because of us, never altered; and both
//! sides agree on every incident.
//!
//! One exception is allowed, the one that `docs/gateway.md` describes: a gateway that dies between the next hop's 250 and its own
//! note of it sends again, and says so (`OUTCOME_UNKNOWN`).
//!
//! `WEIR_TESTS_FAULT_SECONDS` is how long servers are killed (20 s); `WEIR_TESTS_SEED` makes the dice fall as in an earlier run.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use weir_tests::client::{eventually, insist, send_until_taken};
use weir_tests::console::{Console, PASSWORD};
use weir_tests::enforce::Enforce;
use weir_tests::gateway::{Gateway, Setup, UPDATER};
use weir_tests::mails;
use weir_tests::network::Network;
use weir_tests::requirement::program;
use weir_tests::sink::Sink;
use weir_tests::weir::{Weir, fixture};

use crate::site::{self, connect, response_if_there};

/// Everything is at rest this soon after the last fault.
const RECOVERY: Duration = Duration::from_secs(180);
/// Senders at the same time.
const SENDERS: u64 = 4;
const RECIPIENTS: [&str; 4] =
    ["bob@other.example", "cyd@other.example", "dan@other.example", "eve@other.example"];

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64, for_whom: u64) -> Self {
        Self((seed ^ for_whom.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1)
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below.max(1)
    }
}

fn seconds(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A mail that was taken: its number, whom it went to, whether it violates a policy.
#[derive(Debug, Clone)]
struct Sent {
    number: u64,
    to: Vec<&'static str>,
    marked: bool,
}

impl Sent {
    fn subject(&self) -> String {
        format!("fault {}", self.number)
    }

    fn octets(&self) -> Vec<u8> {
        if self.marked { mails::with_card_number(&self.subject()) } else { mails::clean(&self.subject()) }
    }
}

#[test]
fn whatever_is_killed_and_cut_no_mail_is_lost_or_let_out_and_both_sides_agree() {
    let Some(python) = program("python3", "python3") else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = seconds("WEIR_TESTS_SEED", now.as_nanos() as u64);
    let faults = Duration::from_secs(seconds("WEIR_TESTS_FAULT_SECONDS", 20));
    eprintln!("WEIR_TESTS_SEED={seed} WEIR_TESTS_FAULT_SECONDS={}", faults.as_secs());

    let sink = Sink::start();
    let enforce = Enforce::with(&fixture("policies"), &["--plain-http"]);
    let admin = enforce.person("boss", "Administrator");
    enforce.add_user(UPDATER, "API client");
    let to_enforce = Network::to(enforce.url().trim_start_matches("https://").parse().unwrap());
    let setup = Setup::new().deliver(&format!("smtp://{}", sink.addr()));
    let to_gateway = Network::to(setup.remediation());
    let url = format!("https://{}", to_enforce.address());
    let setup = setup
        .belonging_to(&enforce, "gw1", &url, UPDATER, PASSWORD)
        .reached_at(&to_gateway.address().to_string());
    // What fails is tried again while the test can wait for it.
    let gateway = setup.config("[gateway.queue]\nfirst_wait = 1\nlongest_wait = 2").start();
    connect(&enforce, &admin, &to_gateway.address().to_string());
    let center = gateway.person("carl", "Administrator");
    let prevent = site::before(&enforce, &gateway, "mx1").start();
    // A token counts once: an answer to it that is lost wants a new token.
    assert!(
        eventually(RECOVERY, || prevent.data().join("enforce/identity.json").exists()),
        "{}",
        prevent.log()
    );

    let (listen, inbox) = (prevent.addr(), Mutex::new(Vec::new()));
    let calm = AtomicBool::new(false);
    let (enforce, gateway, prevent) = (Mutex::new(enforce), Mutex::new(gateway), Mutex::new(prevent));
    let began = Instant::now();
    let (asked, decided, killed) = std::thread::scope(|scope| {
        let inbox = &inbox;
        let senders: Vec<_> = (0..SENDERS)
            .map(|one| scope.spawn(move || send_all(seed, one, listen, inbox, began + faults)))
            .collect();
        let at_enforce = scope.spawn(|| decide_at_enforce(seed, &admin, &calm));
        let at_gateway = scope.spawn(|| decide_at_gateway(seed, &center, &calm));
        let servers = (&enforce, &gateway, &prevent);
        let killed = break_things(seed, began + faults, servers, (&to_enforce, &to_gateway));
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        calm.store(true, Ordering::Relaxed);
        (at_enforce.join().unwrap(), at_gateway.join().unwrap(), killed)
    });
    let (enforce, gateway) = (enforce.into_inner().unwrap(), gateway.into_inner().unwrap());
    let inbox = inbox.into_inner().unwrap();
    let recovering = Instant::now();
    let end = insist(RECOVERY, || at_rest(&python, &enforce, &gateway));
    eprintln!(
        "{} mails taken, {asked} asked for at Enforce, {decided} decided at the gateway, {killed:?}; at rest {} ms after the last fault",
        inbox.len(),
        recovering.elapsed().as_millis()
    );
    assert!(!inbox.is_empty());
    let judged = Judged { inbox: &inbox, end: &end, sink: &sink };
    judged.nothing_is_lost(&center);
    judged.nothing_leaves_undecided_or_twice();
    judged.both_sides_agree();
}

/// As a mail server with a queue: each mail until it is taken, some of them twice.
fn send_all(seed: u64, who: u64, to: std::net::SocketAddr, inbox: &Mutex<Vec<Sent>>, until: Instant) {
    let mut dice = Dice::new(seed, 10 + who);
    for number in (who..).step_by(SENDERS as usize) {
        if Instant::now() >= until {
            return;
        }
        let count = 1 + dice.roll(3) as usize;
        let first = dice.roll(4) as usize;
        let to_whom = (first..first + count).map(|at| RECIPIENTS[at % RECIPIENTS.len()]).collect();
        let mail = Sent { number, to: to_whom, marked: dice.roll(6) > 0 };
        // A copy of a mail that the sender sends twice is one mail, as long as it is held.
        for _ in 0..=u64::from(mail.marked && dice.roll(8) == 0) {
            let taken = send_until_taken(to, "ann@corp.example", &mail.to, &mail.octets(), RECOVERY);
            assert!(taken.is_ok(), "mail {number} was not taken: {taken:?}");
        }
        inbox.lock().unwrap().push(mail);
    }
}

/// Clicks smart responses of held incidents, as long as the console answers. How many were confirmed.
fn decide_at_enforce(seed: u64, admin: &Console, calm: &AtomicBool) -> usize {
    let mut dice = Dice::new(seed, 2);
    let mut asked = 0;
    while !calm.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
        let page = admin.get("/incidents?prevent=21");
        let ids: BTreeSet<u64> = numbers(&page.body);
        let Some(id) = ids.iter().nth(dice.roll(ids.len() as u64) as usize) else { continue };
        let rule = ["Approve", "Approve", "Reject", "Custom"][dice.roll(4) as usize];
        let Some(path) = response_if_there(admin, *id, rule) else { continue };
        asked += usize::from(admin.post(&path, &[("note", rule)]).status == 303);
    }
    asked
}

fn decide_at_gateway(seed: u64, center: &Console, calm: &AtomicBool) -> usize {
    let mut dice = Dice::new(seed, 3);
    let mut decided = 0;
    while !calm.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
        let ids = numbers(&center.get("/incidents?state=held").body);
        let Some(id) = ids.iter().nth(dice.roll(ids.len() as u64) as usize) else { continue };
        let action = ["approve", "approve", "reject", "custom"][dice.roll(4) as usize];
        let answer = center
            .post(&format!("/incidents/{id}/decide"), &[("action", action), ("note", "at the gateway")]);
        decided += usize::from(answer.status == 303);
    }
    decided
}

/// Numbers of the incidents that a page links to.
pub(crate) fn numbers(page: &str) -> BTreeSet<u64> {
    let links = page.split("href=\"/incidents/").skip(1);
    links.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).collect()
}

#[derive(Debug, Default)]
struct Killed {
    enforce: usize,
    gateway: usize,
    prevent: usize,
    cuts: usize,
}

/// Kills and cuts until the time is over; then everything runs, and is joined, again.
fn break_things(
    seed: u64,
    until: Instant,
    (enforce, gateway, prevent): (&Mutex<Enforce>, &Mutex<Gateway>, &Mutex<Weir>),
    networks: (&Network, &Network),
) -> Killed {
    let mut dice = Dice::new(seed, 4);
    let mut killed = Killed::default();
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100 + dice.roll(700)));
        let network = if dice.roll(2) == 0 { networks.0 } else { networks.1 };
        let pause = Duration::from_millis(dice.roll(800));
        match dice.roll(9) {
            0 | 1 => {
                let mut gateway = gateway.lock().unwrap();
                gateway.kill();
                std::thread::sleep(pause);
                gateway.run();
                killed.gateway += 1;
            }
            2 => {
                let mut enforce = enforce.lock().unwrap();
                enforce.kill();
                std::thread::sleep(pause);
                enforce.run();
                killed.enforce += 1;
            }
            3 => {
                // Both at once.
                let (mut enforce, mut gateway) = (enforce.lock().unwrap(), gateway.lock().unwrap());
                enforce.kill();
                gateway.kill();
                gateway.run();
                enforce.run();
                killed.gateway += 1;
                killed.enforce += 1;
            }
            4 => {
                let mut prevent = prevent.lock().unwrap();
                prevent.kill();
                std::thread::sleep(pause);
                prevent.restart();
                killed.prevent += 1;
            }
            5 => network.cut_open(),
            6 => {
                network.cut();
                std::thread::sleep(pause);
                network.mend();
            }
            7 => {
                network.silence(true);
                std::thread::sleep(pause);
                network.cut_open();
                network.mend();
            }
            _ => {
                // Somewhere within a handshake, a request or an answer.
                network.cut_after(500 + dice.roll(6_000) as usize);
                std::thread::sleep(pause * 2);
                network.mend();
            }
        }
    }
    killed.cuts = networks.0.cuts() + networks.1.cuts();
    killed
}

/// What both databases say once nothing is under way any more.
struct End {
    /// Copies: unique id, subject, recipient, state, outcome, how often its outcome was unknown; oldest first.
    copies: Vec<Value>,
    /// Message states at Enforce: unique id, recipient, state.
    states: Vec<Value>,
    /// Incidents at Enforce: id, unique id, subject, prevent status.
    incidents: Vec<Value>,
    /// Requests at Enforce: incident, outcome.
    requests: Vec<Value>,
}

const LOOK: &str = r#"
import json, sqlite3, sys
def rows(path, sql):
    db = sqlite3.connect("file:" + path + "?mode=ro", uri=True, timeout=30)
    db.row_factory = sqlite3.Row
    return [dict(row) for row in db.execute(sql)]
gateway, enforce = sys.argv[1], sys.argv[2]
print(json.dumps({
    "copies": rows(gateway, """SELECT c.id, m.unique_id, m.subject, m.blob IS NOT NULL AS kept, c.recipient, c.state, c.outcome,
        (SELECT count(*) FROM history h WHERE h.copy_id = c.id AND h.action = 'OUTCOME_UNKNOWN') AS unknown
        FROM copy c JOIN message m ON m.id = c.message_id ORDER BY c.id"""),
    "queue": rows(gateway, "SELECT count(*) AS n FROM queue")[0]["n"],
    "updates": rows(gateway, "SELECT count(*) AS n FROM status_update")[0]["n"],
    "states": rows(enforce, "SELECT unique_id, recipient, state FROM message_state"),
    "incidents": rows(enforce, "SELECT id, unique_id, prevent_status FROM incident"),
    "requests": rows(enforce, "SELECT id, incident_id, outcome, done_at FROM remediation"),
}))
"#;

fn at_rest(python: &std::path::Path, enforce: &Enforce, gateway: &Gateway) -> Result<End, String> {
    let (ours, theirs) = (gateway.data().join("gateway.db"), enforce.data().join("incidents.db"));
    let output = Command::new(python).args(["-c", LOOK]).arg(ours).arg(theirs).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |name: &str| seen[name].as_array().unwrap().clone();
    let open = list("requests").iter().filter(|one| one["done_at"].is_null()).count();
    let (queue, updates) = (seen["queue"].as_u64().unwrap(), seen["updates"].as_u64().unwrap());
    let known: BTreeSet<String> = list("incidents").iter().map(|one| text(&one["unique_id"])).collect();
    let missing = list("copies").iter().filter(|copy| !known.contains(&text(&copy["unique_id"]))).count();
    if open > 0 || queue > 0 || updates > 0 || missing > 0 {
        return Err(format!(
            "{open} requests, {queue} in the queue, {updates} updates, {missing} copies without an incident"
        ));
    }
    Ok(End {
        copies: list("copies"),
        states: list("states"),
        incidents: list("incidents"),
        requests: list("requests"),
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

struct Judged<'a> {
    inbox: &'a [Sent],
    end: &'a End,
    sink: &'a Sink,
}

impl Judged<'_> {
    fn copies_of(&self, subject: &str, recipient: &str) -> Vec<&Value> {
        let of = |copy: &&Value| copy["subject"] == subject && copy["recipient"] == recipient;
        self.end.copies.iter().filter(of).collect()
    }

    /// Each marked mail that was taken has a copy for each recipient, and what is held can be looked at.
    fn nothing_is_lost(&self, center: &Console) {
        for mail in self.inbox {
            for to in mail.to.iter().filter(|_| mail.marked) {
                let copies = self.copies_of(&mail.subject(), to);
                assert!(!copies.is_empty(), "{} for {to} is lost", mail.subject());
                let held: Vec<_> = copies.iter().filter(|copy| copy["state"] == "held").collect();
                assert!(held.len() <= 1, "{} for {to} is held twice: {copies:?}", mail.subject());
                for copy in held {
                    assert_eq!(copy["kept"], 1, "{copy}");
                    let page = center.get(&format!("/incidents/{}/mail", copy["id"]));
                    page.shows("4111 1111 1111 1111");
                }
            }
        }
    }

    fn nothing_leaves_undecided_or_twice(&self) {
        let mut arrived: BTreeMap<(String, String), usize> = BTreeMap::new();
        for message in self.sink.messages() {
            let subject = message.header("Subject").concat().replace("[DLP reviewed] ", "");
            let mail =
                self.inbox.iter().find(|mail| mail.subject() == subject).expect("a mail that was sent");
            assert!(
                message.header("X-dlp-uniquemsgid").is_empty() && message.header("X-dlp-policyid").is_empty()
            );
            let octets = mail.octets();
            assert!(message.octets.ends_with(body_of(&octets)), "{subject} is altered");
            for recipient in &message.recipients {
                let address = recipient.trim_start_matches('<').split('>').next().unwrap().to_owned();
                *arrived.entry((subject.clone(), address)).or_default() += 1;
            }
        }
        let mut again = 0;
        for mail in self.inbox {
            for to in &mail.to {
                let count = arrived.get(&(mail.subject(), (*to).to_owned())).copied().unwrap_or(0);
                if !mail.marked {
                    // In step: if the next hop's answer was lost with the gateway, the sender sends it again. That is SMTP's.
                    assert!(count >= 1, "{} for {to} did not arrive", mail.subject());
                    continue;
                }
                let copies = self.copies_of(&mail.subject(), to);
                let let_out =
                    copies.iter().filter(|copy| copy["state"] == "approved" || copy["state"] == "custom");
                let (wanted, unknown) = let_out.fold((0, 0), |(wanted, unknown), copy| {
                    (wanted + 1, unknown + copy["unknown"].as_u64().unwrap_or(0) as usize)
                });
                assert!(
                    (wanted..=wanted + unknown).contains(&count),
                    "{} for {to} arrived {count} times: {copies:#?}",
                    mail.subject()
                );
                again += count - wanted;
            }
        }
        eprintln!(
            "{} of {} arrivals were sent again after a crash of the gateway",
            again,
            arrived.values().sum::<usize>()
        );
    }

    /// The newest copy of each recipient is what Enforce shows, and an incident's status is that of its mail or of a failed request.
    fn both_sides_agree(&self) {
        let mut ours: BTreeMap<(String, String), String> = BTreeMap::new();
        for copy in &self.end.copies {
            let state = match (copy["state"].as_str().unwrap(), copy["outcome"].as_str()) {
                ("approved" | "custom", Some("delivered")) => "delivered",
                ("approved" | "custom", Some(_)) => "delivery_failed",
                (state, _) => state,
            };
            ours.insert((text(&copy["unique_id"]), text(&copy["recipient"])), state.to_owned());
        }
        let theirs: BTreeMap<_, _> = self
            .end
            .states
            .iter()
            .map(|one| ((text(&one["unique_id"]), text(&one["recipient"])), text(&one["state"])))
            .collect();
        for (copy, state) in &ours {
            assert_eq!(theirs.get(copy), Some(state), "{copy:?}");
        }
        assert_eq!(ours.len(), theirs.len());
        for incident in &self.end.incidents {
            let (id, unique) = (incident["id"].as_u64().unwrap(), text(&incident["unique_id"]));
            let of_message = || {
                ours.iter().filter(|((message, _), _)| *message == unique).map(|(_, state)| state.as_str())
            };
            let requests = || self.end.requests.iter().filter(|one| one["incident_id"] == id);
            let status = incident["prevent_status"].as_i64().unwrap();
            match status {
                21 => assert!(
                    of_message().any(|state| state == "held"),
                    "{incident}: {:?}",
                    of_message().collect::<Vec<_>>()
                ),
                22 | 24 => assert!(of_message().any(|state| state == "delivered"), "{incident}"),
                23 => assert!(of_message().any(|state| state == "rejected"), "{incident}"),
                12 => assert!(requests().any(|one| one["outcome"] == "failed"), "{incident}"),
                _ => panic!("{incident} has no status of a mail that was held"),
            }
        }
        assert!(self.end.requests.iter().all(|one| one["outcome"].is_string()));
    }
}

/// What stands behind the header.
fn body_of(octets: &[u8]) -> &[u8] {
    let at = octets.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &octets[at..]
}
