//! Measures what handing a document to a worker costs beside opening it in this process: `handover FILE...`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::worker::{Pool, PoolOptions, Sandbox};
use content::{DocumentRequest, Documents, Limits, detect};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        return content::worker::main();
    }
    let Ok(program) = std::env::current_exe() else { return ExitCode::FAILURE };
    let options = PoolOptions { program, size: 1, sandbox: Sandbox::BestEffort, ..PoolOptions::default() };
    let Ok(pool) = Pool::start(options) else { return ExitCode::FAILURE };
    println!("{:<36} {:>9} {:>12} {:>12} {:>7}", "file", "octets", "in process", "in a worker", "ratio");
    for path in std::env::args().skip(1) {
        let Ok(octets) = std::fs::read(&path) else { continue };
        let name = path.rsplit('/').next().unwrap_or_default();
        let (mut here, mut there) = (Vec::new(), Vec::new());
        // In turn, so that both meet the same weather.
        for _ in 0..61 {
            here.push(time(&InProcess, name, &octets));
            there.push(time(&pool, name, &octets));
        }
        let (here, there) = (median(here), median(there));
        let ratio = there.as_secs_f64() / here.as_secs_f64();
        println!("{name:<36} {:>9} {here:>12.1?} {there:>12.1?} {ratio:>7.2}", octets.len());
    }
    ExitCode::SUCCESS
}

fn time(documents: &dyn Documents, name: &str, octets: &[u8]) -> Duration {
    let limits = Limits::default();
    let began = Instant::now();
    let answer = documents.open(&DocumentRequest {
        kind: detect(octets, Some(name)),
        name: Some(name),
        octets,
        limits: &limits,
        deadline: Instant::now() + Duration::from_secs(20),
        passwords: &[],
    });
    let took = began.elapsed();
    drop(answer);
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
