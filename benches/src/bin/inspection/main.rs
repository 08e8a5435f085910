//! Inspection alone, on one core: MB/s of mail by kind of content, opened, and opened and judged by the default policies.
//!
//! `cargo run --release -p benches --bin inspection [-- --quick]`. Documents are opened in process, by the code that the
//! product runs in locked-in workers; beside it stands what handing them over to such a worker leaves of that, each mail
//! opened in both ways in turn. The corpus holds no violations.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use benches::corpus;
use benches::inspect::{default_set, judge, with_opened, with_opened_by};
use clap::Parser;
use content::worker::{self, Pool, PoolOptions};
use policy::Set;

/// Measures MB/s of inspection.
#[derive(Debug, Parser)]
struct Options {
    /// A quarter of the time for each kind.
    #[arg(long)]
    quick: bool,
    /// Policies; the default set otherwise.
    #[arg(long)]
    policies: Option<PathBuf>,
    /// Only kinds whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// Mails of one kind.
struct Kind {
    name: &'static str,
    mails: Vec<Vec<u8>>,
}

/// What one kind came to.
struct Measured {
    opening: f64,
    /// How fast with workers, as a part of how fast in process.
    handed_over: f64,
    inspecting: f64,
    longest: Duration,
    findings: usize,
}

fn main() -> Result<ExitCode> {
    if std::env::args().nth(1).is_some_and(|command| command == "worker") {
        return Ok(worker::main());
    }
    measure_all(&Options::parse())?;
    Ok(ExitCode::SUCCESS)
}

fn measure_all(options: &Options) -> Result<()> {
    let pool =
        Pool::start(PoolOptions { program: std::env::current_exe()?, size: 1, ..PoolOptions::default() })?;
    let began = Instant::now();
    let policies = options.policies.clone().unwrap_or_else(default_set);
    let loaded = Set::load(&policies).map_err(|found| {
        let all: Vec<String> = found.iter().map(|one| one.render(false)).collect();
        anyhow!("the policies cannot be used:\n{}", all.join("\n"))
    })?;
    println!(
        "{} policies, compiled in {:.1} s\n",
        loaded.set.policies().len(),
        began.elapsed().as_secs_f64()
    );
    let time = Duration::from_millis(if options.quick { 250 } else { 1000 });
    println!(
        "| kind | mean size | open, MB/s | with workers | open and judge, MB/s | slowest mail | violations and findings |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for kind in kinds().into_iter().filter(|kind| kind.name.contains(&options.only)) {
        let mean = kind.mails.iter().map(Vec::len).sum::<usize>() / kind.mails.len();
        let measured = measure(&loaded.set, &pool, &kind.mails, time);
        println!(
            "| {} | {} KB | {:.0} | {:.2} | {:.0} | {:.2} ms | {} |",
            kind.name,
            mean / 1000,
            measured.opening,
            measured.handed_over,
            measured.inspecting,
            measured.longest.as_secs_f64() * 1e3,
            measured.findings
        );
    }
    Ok(())
}

fn kinds() -> Vec<Kind> {
    let kind = |name, mails| Kind { name, mails };
    vec![
        kind("plain text, 4 KB", corpus::plain(4 << 10)),
        kind("plain text, 64 KB", corpus::plain(64 << 10)),
        kind("plain text, 1 MB", corpus::plain(1 << 20)),
        kind("text and HTML", corpus::html()),
        kind("text attachment in base64, 256 KB", corpus::encoded_text(256 << 10)),
        kind("zip of text, 1 MB", corpus::zipped_text(1 << 20)),
        kind("Word document", corpus::with_document("docx")),
        kind("Excel workbook", corpus::with_document("xlsx")),
        kind("PDF", corpus::with_document("pdf")),
        kind("picture", corpus::with_document("png")),
        kind("mixed office mail", corpus::mixed()),
    ]
}

fn measure(set: &Set, pool: &Pool, mails: &[Vec<u8>], time: Duration) -> Measured {
    let mut longest = Duration::ZERO;
    let mut findings = 0;
    let inspecting = rate(mails, time, |mail| {
        let began = Instant::now();
        let inspection = with_opened(mail, |opened, deadline| judge(set, mail, opened, deadline));
        longest = longest.max(began.elapsed());
        findings = findings.max(inspection.violations.len() + inspection.unscannable.len());
    });
    let opening = rate(mails, time, |mail| {
        black_box(with_opened(mail, |opened, _| opened.segments.len()));
    });
    Measured { opening, handed_over: handed_over(pool, mails, time), inspecting, longest, findings }
}

/// How fast mails are opened with workers, as a part of how fast they are without: in turn, so that both meet the same machine.
fn handed_over(pool: &Pool, mails: &[Vec<u8>], time: Duration) -> f64 {
    let (mut with, mut without) = (Duration::ZERO, Duration::ZERO);
    while with + without < 2 * time {
        for mail in mails {
            let began = Instant::now();
            black_box(with_opened_by(pool, mail, |opened, _| opened.segments.len()));
            with += began.elapsed();
            let began = Instant::now();
            black_box(with_opened(mail, |opened, _| opened.segments.len()));
            without += began.elapsed();
        }
    }
    without.as_secs_f64() / with.as_secs_f64()
}

/// Megabytes a second: all mails in turn, at least once, until the time is over.
fn rate(mails: &[Vec<u8>], time: Duration, mut run: impl FnMut(&[u8])) -> f64 {
    // Caches of the engine are filled by the first round.
    mails.iter().for_each(|mail| run(mail));
    let began = Instant::now();
    let mut octets = 0;
    while began.elapsed() < time {
        for mail in mails {
            run(mail);
            octets += mail.len();
        }
    }
    octets as f64 / 1e6 / began.elapsed().as_secs_f64()
}
