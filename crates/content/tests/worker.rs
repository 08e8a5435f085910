//! The worker pool with real processes: this program is its own worker (so it has a harness of its own).

#![allow(clippy::unwrap_used)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use content::worker::{Pool, PoolOptions, Sandbox};
use content::{DocumentAnswer, DocumentItem, DocumentRequest, Documents, FileKind, Kind, Limits, Reason};
use libtest_mimic::{Arguments, Trial};

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
        Some("deaf") => {
            return misbehave(|| std::thread::sleep(Duration::from_secs(60)));
        }
        Some("bad") => return content::worker::main_with(&do_as_the_name_says),
        _ => {}
    }
    let tests: &'static [(&str, fn())] = &[
        ("a_spreadsheet_is_opened_cell_by_cell_in_a_locked_in_worker", spreadsheet),
        ("a_worker_that_overflows_its_stack_is_a_finding_and_the_pool_goes_on", overflowing),
        ("a_worker_that_is_late_is_ended_at_the_deadline", late),
        ("a_program_that_is_no_worker_is_refused_at_the_start", no_worker),
        ("many_threads_share_the_workers", many),
        ("every_sample_is_opened_behind_the_lock_as_it_is_without", samples),
        ("whatever_a_document_makes_a_worker_do_the_next_document_is_opened", survives),
        ("what_a_worker_read_before_it_died_counts", half),
        ("a_worker_that_reads_nothing_does_not_hold_its_pool_up", deaf),
        ("a_worker_that_never_stops_talking_is_ended", babbling),
        ("workers_that_die_in_a_row_are_replaced_ever_more_slowly", backing_off),
        ("a_workers_cpu_time_ends_even_when_its_pool_is_gone", orphan),
    ];
    let trials = tests.iter().map(|(name, test)| {
        Trial::test(*name, || {
            test();
            Ok(())
        })
    });
    let mut arguments = Arguments::from_args();
    // They measure time: one after the other, unless it is asked for otherwise.
    arguments.test_threads.get_or_insert(1);
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// A worker that is locked in like the real one and does what the document's name says.
fn do_as_the_name_says(
    request: &DocumentRequest<'_>,
    send: &mut dyn FnMut(DocumentAnswer),
) -> DocumentAnswer {
    let said = |text: &str| DocumentAnswer {
        items: vec![DocumentItem::Text {
            place: "".into(),
            kind: Kind::Text,
            text: text.to_owned().into(),
            rows: vec![],
        }],
        ..DocumentAnswer::default()
    };
    match request.name.unwrap_or_default() {
        "overflow" => {
            overflow(0);
        }
        "gigabytes" => {
            std::hint::black_box(vec![1_u8; 64 << 30]);
        }
        "grow" => {
            let mut all = Vec::new();
            loop {
                all.push(std::hint::black_box(vec![1_u8; 16 << 20]));
            }
        }
        "spin" => loop {
            std::hint::spin_loop();
        },
        "abort" => std::process::abort(),
        "panic" => panic!("as asked"),
        "read a file" => drop(std::fs::read("/etc/passwd")),
        "write a file" => drop(std::fs::write("/tmp/weir-worker-was-here", "x")),
        "connect" => drop(std::net::TcpStream::connect("127.0.0.1:9")),
        "listen" => drop(std::net::TcpListener::bind("127.0.0.1:0")),
        "run a program" => drop(std::process::Command::new("/bin/true").status()),
        "start a thread" => drop(std::thread::Builder::new().spawn(|| {})),
        "half" => {
            send(said("the first half"));
            overflow(0);
        }
        "babble" => loop {
            send(said(&"x".repeat(1 << 20)));
        },
        _ => return said("well"),
    }
    said("still here")
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
    Pool::start(PoolOptions {
        program,
        args: vec![mode.into()],
        size,
        sandbox: Sandbox::BestEffort,
        ..PoolOptions::default()
    })
}

fn ask(pool: &Pool, kind: FileKind, octets: &[u8], time: Duration) -> DocumentAnswer {
    ask_for(pool, None, kind, octets, time)
}

fn ask_for(pool: &Pool, name: Option<&str>, kind: FileKind, octets: &[u8], time: Duration) -> DocumentAnswer {
    let limits = Limits { octets_out: 4 << 20, ..Limits::default() };
    pool.open(&DocumentRequest {
        kind,
        name,
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

/// A reader that needs what the lock forbids would die here.
fn samples() {
    let pool = pool("worker", 1).unwrap();
    let tests = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut folders = vec![tests.join("documents"), tests.join("samples")];
    folders.retain(|folder| folder.exists());
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let octets = std::fs::read(&path).unwrap();
            let name = path.file_name().and_then(|name| name.to_str());
            let kind = content::detect(&octets, name);
            if !content::is_document(kind) {
                continue;
            }
            count += 1;
            let limits = Limits { octets_out: 16 << 20, ..Limits::default() };
            let passwords = ["tulip7".to_owned()];
            let deadline = Instant::now() + Duration::from_secs(60);
            let request = DocumentRequest {
                kind,
                name,
                octets: &octets,
                limits: &limits,
                deadline,
                passwords: &passwords,
            };
            let there = pool.open(&request);
            let here = content::documents::InProcess.open(&request);
            // Not printed whole: some of them are long.
            assert!(there == here, "{name:?}: {:?} and {:?}", there.unscannable, here.unscannable);
        }
    }
    assert!(count > 70, "{count}");
    assert_eq!(pool.counts().deaths, 0);
}

fn survives() {
    let pool = pool("bad", 1).unwrap();
    let well = |pool: &Pool| {
        let answer = ask_for(pool, Some("well"), FileKind::Zip, b"PK", Duration::from_secs(20));
        assert!(answer.unscannable.is_empty() && answer.items.len() == 1, "{answer:?}");
    };
    let deadly = [
        "overflow",
        "gigabytes",
        "grow",
        "abort",
        "panic",
        "read a file",
        "write a file",
        "connect",
        "listen",
        "run a program",
        "start a thread",
    ];
    for name in deadly {
        let before = pool.counts().deaths;
        // A machine with much else to do takes long to fill a gigabyte.
        let answer = ask_for(&pool, Some(name), FileKind::Zip, b"PK", Duration::from_secs(600));
        assert_eq!(answer.unscannable, [(String::new(), Reason::ParserFailed)], "{name}");
        assert!(answer.items.is_empty(), "{name}: the lock did not hold");
        assert_eq!(pool.counts().deaths, before + 1, "{name}");
        well(&pool);
    }
    assert!(!std::path::Path::new("/tmp/weir-worker-was-here").exists());
    let answer = ask_for(&pool, Some("spin"), FileKind::Zip, b"PK", Duration::from_millis(300));
    assert_eq!(answer.unscannable, [(String::new(), Reason::Timeout)]);
    well(&pool);
    assert!(pool.healthy());
}

fn half() {
    let pool = pool("bad", 1).unwrap();
    let answer = ask_for(&pool, Some("half"), FileKind::Zip, b"PK", Duration::from_secs(20));
    assert!(matches!(&answer.items[..], [DocumentItem::Text { text, .. }] if text == "the first half"));
    assert_eq!(answer.unscannable, [(String::new(), Reason::ParserFailed)]);
}

fn deaf() {
    let pool = pool("deaf", 1).unwrap();
    let began = Instant::now();
    let answer = ask(&pool, FileKind::Zip, &vec![0; 16 << 20], Duration::from_millis(200));
    assert_eq!(answer.unscannable, [(String::new(), Reason::Timeout)]);
    assert!(began.elapsed() < Duration::from_secs(8));
}

fn babbling() {
    let pool = pool("bad", 1).unwrap();
    let answer = ask_for(&pool, Some("babble"), FileKind::Zip, b"PK", Duration::from_secs(30));
    assert_eq!(answer.unscannable, [(String::new(), Reason::ParserFailed)]);
    assert!(answer.items.len() < 200, "an answer is bounded by what was asked for");
}

fn backing_off() {
    let pool = pool("bad", 1).unwrap();
    for _ in 0..5 {
        ask_for(&pool, Some("abort"), FileKind::Zip, b"PK", Duration::from_secs(20));
    }
    assert!(!pool.healthy());
    let began = Instant::now();
    let answer = ask_for(&pool, Some("well"), FileKind::Zip, b"PK", Duration::from_secs(20));
    assert!(answer.unscannable.is_empty());
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    assert!(pool.healthy(), "an answer ends the row");
    for _ in 0..5 {
        ask_for(&pool, Some("abort"), FileKind::Zip, b"PK", Duration::from_secs(20));
    }
    let answer = ask_for(&pool, Some("well"), FileKind::Zip, b"PK", Duration::from_millis(20));
    assert_eq!(answer.unscannable, [(String::new(), Reason::Timeout)], "waiting ends at the deadline");
}

/// The pool is killed while its worker loops: the kernel ends the worker by its CPU time.
fn orphan() {
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::ExitStatusExt;
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut worker = std::process::Command::new(std::env::current_exe().unwrap())
        .arg("bad")
        .stdin(OwnedFd::from(theirs.try_clone().unwrap()))
        .stdout(OwnedFd::from(theirs))
        .spawn()
        .unwrap();
    let mut hello = [0; 4];
    ours.read_exact(&mut hello).unwrap();
    let frame = content::worker::request_for_tests("spin", Duration::from_millis(1));
    ours.write_all(&frame).unwrap();
    drop(ours);
    let status = worker.wait().unwrap();
    assert!(status.signal().is_some(), "{status}");
}
