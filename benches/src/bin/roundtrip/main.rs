//! The round trip: from a decision at Enforce to the message in the next hop's hands, status updates a second, recovery with a full
//! queue, and what people wait for with many held mails.
//!
//! `cargo run --release -p benches --bin roundtrip [-- --quick]`. Real processes, but for the lists.

#![allow(clippy::unwrap_used)]

mod held;
#[path = "../../../../crates/gateway/tests/support/rows.rs"]
mod rows;
#[allow(dead_code)]
#[path = "../../../../tests/tests/roundtrip/site.rs"]
mod site;

use std::time::{Duration, Instant};

use clap::Parser;
use weir_tests::client::{eventually, send};
use weir_tests::console::Console;
use weir_tests::gateway::{Gateway, Setup};
use weir_tests::mails;
use weir_tests::sink::Sink;

use site::Site;

/// Recipients of the mails of which many copies are needed.
const RECIPIENTS: usize = 20;
const LONGEST: Duration = Duration::from_secs(600);

/// Measures the round trip.
#[derive(Debug, Parser)]
struct Options {
    /// A tenth of everything.
    #[arg(long)]
    quick: bool,
    /// Only one of: decisions, updates, recovery, held.
    #[arg(long)]
    only: Option<String>,
}

fn main() {
    let options = Options::parse();
    let part = if options.quick { 10 } else { 1 };
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    if wanted("decisions") {
        decisions(200 / part);
    }
    if wanted("updates") {
        updates(5_000 / part);
    }
    if wanted("recovery") {
        recovery(1_000 / part);
    }
    if wanted("held") {
        tokio::runtime::Runtime::new().unwrap().block_on(held::measure(100_000 / part as u64));
    }
}

/// From the click at Enforce to the mail at the next hop, one after the other.
fn decisions(count: usize) {
    let sink = Sink::start();
    let hop = format!("smtp://{}", sink.addr());
    let site = Site::with(|enforce| Setup::of(enforce, "gw1").deliver(&hop), |prevent| prevent);
    for number in 0..count {
        site.send(&["bob@other.example"], &mails::with_card_number(&format!("decision {number}")));
    }
    let ids = site.held(count);
    let paths: Vec<String> = ids.iter().map(|id| site::response(&site.admin, *id, "Approve")).collect();
    let mut times = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let began = Instant::now();
        assert_eq!(site.admin.post(path, &[]).status, 303);
        while sink.count() <= at {
            assert!(began.elapsed() < LONGEST, "{}", site.gateway.log());
            std::thread::sleep(Duration::from_micros(200));
        }
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let share = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "decision at Enforce to the next hop, {count} one after the other: p50 {:.1?}, p99 {:.1?}",
        share(50),
        share(99)
    );
}

/// Everything is decided while Enforce is away; then it comes back and hears of it.
fn updates(count: usize) {
    let sink = Sink::start();
    let hop = format!("smtp://{}", sink.addr());
    let mut site = Site::with(|enforce| Setup::of(enforce, "gw1").deliver(&hop), |prevent| prevent);
    let recipients: Vec<String> =
        (0..RECIPIENTS).map(|number| format!("user{number}@other.example")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    for number in 0..count / RECIPIENTS {
        site.send(&recipients, &mails::with_card_number(&format!("update {number}")));
    }
    site.held(count / RECIPIENTS);
    let reviewer = site.gateway.person("rita", "Remediator");
    assert!(eventually(LONGEST, || waiting(&reviewer) == 0));
    site.enforce.kill();
    let began = Instant::now();
    assert_eq!(reviewer.post("/incidents/decide", &[("action-all", "approve")]).status, 303);
    // Each was decided about, and each was delivered.
    assert!(eventually(LONGEST, || waiting(&reviewer) == 2 * count as u64), "{} wait", waiting(&reviewer));
    println!("{count} approved at once, and delivered: {:.1?}", began.elapsed());
    site.enforce.run();
    let mut last = (Instant::now(), waiting(&reviewer));
    while last.1 == 2 * count as u64 {
        last = (Instant::now(), waiting(&reviewer));
        assert!(began.elapsed() < LONGEST);
        std::thread::sleep(Duration::from_millis(5));
    }
    let first = last;
    while last.1 > 0 {
        last = (Instant::now(), waiting(&reviewer));
        assert!(began.elapsed() < LONGEST);
        std::thread::sleep(Duration::from_millis(5));
    }
    let rate = first.1 as f64 / (last.0 - first.0).as_secs_f64();
    println!("status updates from gateway to Enforce, {} in all: {rate:.0} a second", 2 * count);
}

/// What the gateway's first page says of updates that wait.
fn waiting(reviewer: &Console) -> u64 {
    let page = reviewer.get("/folders");
    let (_, rest) = page.body.split_once(">Waiting</th><td>").unwrap_or_else(|| panic!("{}", page.words()));
    rest.split('<').next().unwrap().replace([',', '.'], "").parse().unwrap()
}

/// A gateway that is killed with a full queue, and started again with a next hop that is back.
fn recovery(count: usize) {
    let away = weir_tests::ports::free_port();
    let waits = "[gateway.queue]\nfirst_wait = 1\nlongest_wait = 1\n";
    let mut gateway = Setup::new().deliver(&format!("smtp://127.0.0.1:{away}")).config(waits).start();
    let reviewer = gateway.person("rita", "Administrator");
    for number in 0..count {
        let marks =
            format!("X-dlp-uniquemsgid: 0E0E0E0E-0000-4000-8000-{number:012}\r\nX-dlp-policyid: 23\r\n");
        let mail = [marks.as_bytes(), &mails::large(&format!("queue {number}"), 4 << 10)].concat();
        assert_eq!(
            send(gateway.mail(), "ann@corp.example", &["bob@other.example"], &mail).unwrap().code,
            250
        );
    }
    assert_eq!(reviewer.post("/incidents/decide", &[("action-all", "approve")]).status, 303);
    assert!(eventually(LONGEST, || queued(&gateway) == count));
    gateway.kill();
    let sink = Sink::on_port(away);
    let began = Instant::now();
    gateway.run();
    let up = began.elapsed();
    while sink.count() < count {
        assert!(began.elapsed() < LONGEST, "{}", gateway.log());
        std::thread::sleep(Duration::from_millis(1));
    }
    let all = began.elapsed();
    println!(
        "killed with {count} in the queue: takes mail again after {up:.1?}, all delivered after {all:.1?}"
    );
}

fn queued(gateway: &Gateway) -> usize {
    gateway.queue().len()
}
