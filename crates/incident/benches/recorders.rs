//! How many messages a second the journal makes durable, by the number of sessions that record at a time; beside it what the
//! disk does when asked for nothing but syncs. `cargo bench -p incident`, with `WEIR_BENCH_DIR` to choose the disk.

#![allow(clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use incident::{Journal, JournalOptions, Outcome};
use support::message;

/// How long each row is measured.
const TIME: Duration = Duration::from_secs(4);

fn main() {
    let place = std::env::var_os("WEIR_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let syncs = syncs(&place);
    println!("bare appends of 8 KiB with fdatasync: {syncs:.0}/s\n");
    println!("| original | recorders | messages/s | per sync | p50 ms | p99 ms |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for size in [4 << 10, 64 << 10, 1 << 20] {
        for recorders in [1, 8, 32] {
            let (rate, times) = runtime.block_on(row(&place, recorders, size));
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
            println!(
                "| {size} | {recorders} | {rate:.0} | {:.1} | {:.2} | {:.2} |",
                rate / syncs,
                at(0.5),
                at(0.99)
            );
        }
    }
}

/// Messages a second, and the time of each, sorted.
async fn row(place: &Path, recorders: usize, size: usize) -> (f64, Vec<Duration>) {
    let dir = tempfile::tempdir_in(place).unwrap();
    let journal = Arc::new(Journal::open(dir.path(), JournalOptions::default()).await.unwrap());
    let began = Instant::now();
    let record = |task: usize| {
        let journal = journal.clone();
        tokio::spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < TIME {
                let mut new = message(&format!("{task}-{}", times.len()), &[7]);
                new.original = Some(vec![times.len() as u8; size]);
                let start = Instant::now();
                let recorded = journal.record(new).await.unwrap();
                times.push(start.elapsed());
                journal
                    .outcome(&recorded, Outcome::Relayed { code: 250, text: "250 2.0.0 queued".into() })
                    .await
                    .unwrap();
            }
            times
        })
    };
    let tasks: Vec<_> = (0..recorders).map(record).collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    journal.flush().await;
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    times.sort();
    (rate, times)
}

fn syncs(place: &Path) -> f64 {
    let mut file = tempfile::tempfile_in(place).unwrap();
    let began = Instant::now();
    let mut count = 0_u32;
    while began.elapsed() < Duration::from_secs(2) {
        file.write_all(&[1; 8 << 10]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}
