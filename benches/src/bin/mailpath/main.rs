//! The mail path under load: one sender and one sink, and between them nothing, haproxy, Postfix's empty proxy, or Weir.
//!
//! `cargo run --release -p benches --bin mailpath [-- --quick]`. All roads are measured in turn, round after round, and
//! the medians are printed: only ratios within one run carry over to another machine.

mod roads;
mod table;

use std::time::Duration;

use anyhow::Result;
use benches::corpus;
use benches::load::{Load, Measured, Sink};
use clap::Parser;

use roads::{Road, open_roads};

/// Measures messages a second and time a message between a sender and a sink.
#[derive(Debug, Parser)]
struct Options {
    /// Fewer rows and shorter rounds: about two minutes.
    #[arg(long)]
    quick: bool,
    /// Rounds; each measures every road once.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds a measurement.
    #[arg(long)]
    seconds: Option<f64>,
    /// Only kinds whose name begins so: 4 KB, 64 KB, 1 MB, mixed, marked (4 KB, an incident each).
    #[arg(long)]
    only: Option<String>,
    /// Connections, separated by commas.
    #[arg(long, value_delimiter = ',')]
    connections: Vec<usize>,
    /// Leave the roads out that are named so (direct, haproxy, postfix, weir).
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Policies for weir; the default set otherwise.
    #[arg(long)]
    policies: Option<std::path::PathBuf>,
}

/// One row of the table: a kind of mail and a number of connections.
pub(crate) struct Row {
    name: String,
    connections: usize,
    /// For each road, its median.
    results: Vec<Measured>,
    /// Resident memory of weir after the row, and its peak so far, in octets.
    memory: Option<weir_tests::weir::Memory>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let sink = Sink::start()?;
    let roads = open_roads(sink.addr(), &options.without, options.policies.as_deref());
    let mut rows = Vec::new();
    for Mails { name, messages, distinct } in mails(&options) {
        for &connections in &connections(&options) {
            eprintln!("{name}, {connections} connections");
            let seconds = options.seconds.unwrap_or(if options.quick { 0.7 } else { 2.0 });
            let (warm_up, duration) = (Duration::from_millis(300), Duration::from_secs_f64(seconds));
            let load = Load::new(&messages, connections, warm_up, duration);
            let load = if distinct { load.distinct() } else { load };
            let results = measure(&roads, &load, if options.quick { 1 } else { options.rounds })?;
            let memory = roads.iter().find_map(Road::memory);
            rows.push(Row { name: name.to_owned(), connections, results, memory });
        }
    }
    println!("{}", table::render(&roads, &rows));
    Ok(())
}

fn measure(roads: &[Road], load: &Load, rounds: usize) -> Result<Vec<Measured>> {
    let mut all = vec![Vec::new(); roads.len()];
    for _ in 0..rounds {
        for (road, measured) in roads.iter().zip(&mut all) {
            let one = benches::load::run(road.addr(), load)
                .map_err(|error| anyhow::anyhow!("{}: {error}", road.name()))?;
            if let Some(reply) = &one.first_refusal {
                eprintln!("  {}: {} refused, the first with {reply:?}", road.name(), one.refused);
            }
            eprintln!("  {:8} {:>9.0}/s  p50 {:?}  p99 {:?}", road.name(), one.rate, one.p50, one.p99);
            measured.push(one);
        }
    }
    Ok(all.into_iter().map(median).collect())
}

fn median(mut rounds: Vec<Measured>) -> Measured {
    rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let middle = rounds.len() / 2;
    rounds.into_iter().nth(middle).unwrap_or_default()
}

/// Mails of one kind.
struct Mails {
    name: &'static str,
    messages: Vec<Vec<u8>>,
    /// Whether each is sent with a line of its own, so that each is an incident of its own.
    distinct: bool,
}

fn mails(options: &Options) -> Vec<Mails> {
    let clean = |name, messages| Mails { name, messages, distinct: false };
    let all = vec![
        clean("4 KB", corpus::plain(4 << 10)),
        clean("64 KB", corpus::plain(64 << 10)),
        clean("1 MB", corpus::plain(1 << 20)),
        clean("mixed", corpus::mixed()),
        Mails { name: "marked", messages: corpus::marked(4 << 10), distinct: true },
    ];
    let quick = |name: &str| !options.quick || !matches!(name, "64 KB" | "1 MB");
    let wanted = |name: &str| options.only.as_deref().map_or(quick(name), |only| name.starts_with(only));
    all.into_iter().filter(|mails| wanted(mails.name)).collect()
}

fn connections(options: &Options) -> Vec<usize> {
    match (&options.connections[..], options.quick) {
        ([], true) => vec![1, 8, 32],
        ([], false) => vec![1, 8, 32, 200],
        (chosen, _) => chosen.to_vec(),
    }
}
