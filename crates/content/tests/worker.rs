//! The worker pool with real processes: this program is its own worker (so it has no test harness).

use std::process::ExitCode;
use std::time::{Duration, Instant};

use content::worker::{Pool, PoolOptions, Sandbox};
use content::{DocumentAnswer, DocumentItem, DocumentRequest, Documents, FileKind, Limits, Reason};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("worker") => return content::worker::main(),
        Some("overflow") => {
            return misbehave(|| {
                overflow(0);
            });
        }
        Some("loop") => {
            return misbehave(|| {
                loop {
                    std::thread::sleep(Duration::from_secs(1))
                }
            });
        }
        Some("exit") => return ExitCode::FAILURE,
        _ => {}
    }
    let tests: &[(&str, fn())] = &[
        ("a_spreadsheet_is_opened_cell_by_cell_in_a_locked_in_worker", spreadsheet),
        ("a_worker_that_overflows_its_stack_is_a_finding_and_the_pool_goes_on", overflowing),
        ("a_worker_that_is_late_is_ended_at_the_deadline", late),
        ("a_program_that_is_no_worker_is_refused_at_the_start", no_worker),
        ("many_threads_share_the_workers", many),
    ];
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
    println!("test result: ok. {} passed; 0 failed; 0 ignored; 0 measured; 0 filtered out", tests.len());
    ExitCode::SUCCESS
}

/// Says hello, takes one request, then does something bad.
fn misbehave(what: impl Fn()) -> ExitCode {
    use std::io::{Read, Write};
    let mut out = std::io::stdout();
    out.write_all(&7_u32.to_le_bytes())
        .and_then(|()| out.write_all(b"seccomp"))
        .and_then(|()| out.flush())
        .unwrap();
    let mut first = [0; 1];
    std::io::stdin().read_exact(&mut first).unwrap();
    what();
    ExitCode::FAILURE
}

#[allow(unconditional_recursion)]
fn overflow(depth: u64) -> u64 {
    let block = std::hint::black_box([depth; 1024]);
    overflow(depth + 1) + block[(depth % 1024) as usize]
}

fn pool(mode: &str, size: usize) -> std::io::Result<Pool> {
    let program = std::env::current_exe().unwrap();
    Pool::start(PoolOptions { program, args: vec![mode.into()], size, sandbox: Sandbox::BestEffort })
}

fn ask(pool: &Pool, kind: FileKind, octets: &[u8], time: Duration) -> DocumentAnswer {
    let limits = Limits::default();
    pool.open(&DocumentRequest {
        kind,
        name: None,
        octets,
        limits: &limits,
        deadline: Instant::now() + time,
        passwords: &[],
    })
}

const SHEET: &[u8] = include_bytes!("documents/payroll.xlsx");

fn spreadsheet() {
    let pool = pool("worker", 1).unwrap();
    println!("locked in by {}", pool.sandbox());
    let answer = ask(&pool, FileKind::Xlsx, SHEET, Duration::from_secs(10));
    let cell = answer.items.iter().any(|item| {
        matches!(item, DocumentItem::Text { place, text, .. } if place == "Payroll!B2" && text == "536-90-4399")
    });
    assert!(cell, "{answer:?}");
    assert_eq!(pool.counts().deaths, 0);
}

fn overflowing() {
    let pool = pool("overflow", 1).unwrap();
    for _ in 0..2 {
        let answer = ask(&pool, FileKind::Zip, b"PK", Duration::from_secs(10));
        assert_eq!(answer.unscannable, [(String::new(), Reason::ParserFailed)]);
    }
    assert_eq!(pool.counts().deaths, 2);
}

fn late() {
    let pool = pool("loop", 1).unwrap();
    let began = Instant::now();
    let answer = ask(&pool, FileKind::Zip, b"PK", Duration::from_millis(200));
    assert_eq!(answer.unscannable, [(String::new(), Reason::Timeout)]);
    assert!(began.elapsed() < Duration::from_secs(8));
    assert_eq!(pool.counts().timeouts, 1);
}

fn no_worker() {
    assert!(pool("exit", 1).is_err());
}

fn many() {
    let pool = pool("worker", 2).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let answer = ask(&pool, FileKind::Xlsx, SHEET, Duration::from_secs(20));
                    assert!(answer.unscannable.is_empty() && !answer.items.is_empty());
                }
            });
        }
    });
    assert!(pool.counts().starts <= 2);
}
