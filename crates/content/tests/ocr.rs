//! Text in pictures, read by the engine of the system (Debian's tesseract-ocr) behind the lock. This program is its own worker
//! and its own starter of the engine (so it has a harness of its own), and an engine that tries what it must not.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use content::worker::{OcrOptions, Pool, PoolOptions, Sandbox};
use content::{Documents, How, Limits, Opened, Reason, open, open_file};
use libtest_mimic::{Arguments, Trial};

const ENGINE: &str = "/usr/bin/tesseract";
/// As the engine is asked for them: without the spaces, which it sees or does not.
const WORDS: [&str; 3] = ["Amberinvoicefortheharbouroffice", "Card4111111111111111", "Total1250Euro"];

/// Tests with their names.
macro_rules! named {
    ($needs_engine:expr; $($test:ident),* $(,)?) => { [$(trial(stringify!($test), $test, $needs_engine)),*] };
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("worker") => return content::worker::main(),
        Some("ocr") => return content::worker::reader_of_pictures(&arguments[1..]),
        // Called as an engine is, with the name of what it shall try where the languages stand.
        Some("stdin") => return engine_that_tries(&arguments[3]),
        _ => {}
    }
    let mut trials = Vec::from(named![false;
        an_engine_that_is_not_there_is_said_at_the_start,
        an_engine_can_read_what_is_installed_and_do_nothing_else,
        an_engine_that_is_late_or_dies_is_a_finding,
        pictures_beyond_the_bound_of_a_mail_are_a_finding_and_counted,
    ]);
    trials.extend(named![true;
        pictures_of_every_kind_are_read,
        pictures_in_documents_are_read_and_their_pages_are_no_finding_any_more,
        pictures_in_mail_are_read_with_their_paths,
        nothing_is_read_unless_it_is_asked_for,
        pictures_without_text_cost_no_engine_and_give_nothing,
        a_picture_that_asks_for_gigabytes_is_a_finding,
    ]);
    let mut arguments = Arguments::from_args();
    // Engines take a processor each and have a time limit: one after the other, unless it is asked for otherwise.
    arguments.test_threads.get_or_insert(1);
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, test: fn(), needs_engine: bool) -> Trial {
    let missing = needs_engine && !Path::new(ENGINE).is_file();
    let may_skip = std::env::var_os("WEIR_TESTS_ALLOW_SKIP").is_some_and(|value| value == "1");
    let run = move || {
        if missing {
            return Err(format!(
                "{ENGINE} is not installed: apt-get install --no-install-recommends tesseract-ocr, \
                 or set WEIR_TESTS_ALLOW_SKIP=1 to leave such tests out"
            )
            .into());
        }
        test();
        Ok(())
    };
    Trial::test(name, run).with_ignored_flag(missing && may_skip)
}

fn options(engine: &Path, languages: &str) -> PoolOptions {
    let program = std::env::current_exe().unwrap();
    let ocr = OcrOptions {
        starter: program.clone(),
        args: vec!["ocr".into()],
        engine: engine.to_owned(),
        languages: languages.to_owned(),
        time: Duration::from_secs(30),
        processes: 1,
        sandbox: Sandbox::Required,
    };
    PoolOptions { program, size: 1, sandbox: Sandbox::BestEffort, ocr: Some(ocr), ..PoolOptions::default() }
}

fn pool() -> Pool {
    Pool::start(options(Path::new(ENGINE), "eng")).unwrap()
}

fn sample(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn how<'a>(limits: &'a Limits, documents: &'a dyn Documents) -> How<'a> {
    How {
        limits,
        deadline: Instant::now() + Duration::from_secs(120),
        documents,
        passwords: &[],
        digests: false,
    }
}

/// The texts at a place below the file, as one.
fn at(opened: &Opened<'_>, path: &str) -> String {
    let texts = opened.segments.iter().filter(|segment| opened.path_of(segment) == path);
    texts.map(|segment| segment.text.as_ref()).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn shows_the_page(opened: &Opened<'_>, path: &str) {
    let text = without_spaces(&at(opened, path));
    for words in WORDS {
        assert!(text.contains(words), "{words} at {path} in {text:?}: {:?}", opened.unscannable);
    }
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

fn pictures_of_every_kind_are_read() {
    let (pool, limits) = (pool(), Limits::default());
    for (name, path) in [
        ("page.png", "picture"),
        ("page.jpg", "picture"),
        ("page.gif", "picture"),
        ("page.webp", "picture"),
        ("page.bmp", "picture"),
        ("second.tiff", "page 2 picture"),
    ] {
        let octets = sample(&format!("scans/{name}"));
        let opened = open_file(name, &octets, &how(&limits, &pool));
        shows_the_page(&opened, path);
        assert_eq!(opened.unscannable, [], "{name}");
    }
}

fn pictures_in_documents_are_read_and_their_pages_are_no_finding_any_more() {
    let (pool, limits) = (pool(), Limits::default());
    for (name, end) in [
        ("fax.pdf", " picture"),
        ("samples.pdf", " picture"),
        ("jpeg.pdf", " picture"),
        ("jbig2.pdf", " picture"),
        ("jpeg2000.pdf", " picture"),
        ("letter.docx", " picture"),
    ] {
        let octets = sample(&format!("scans/{name}"));
        let opened = open_file(name, &octets, &how(&limits, &pool));
        let found = opened.segments.iter().find(|segment| without_spaces(&segment.text).contains(WORDS[0]));
        let path = opened.path_of(found.unwrap_or_else(|| panic!("{name}: {:?}", opened.unscannable)));
        assert!(path.ends_with(end) || path.ends_with("> picture"), "{path}");
        shows_the_page(&opened, &path);
        assert_eq!(opened.unscannable, [], "{name}");
    }
}

fn pictures_in_mail_are_read_with_their_paths() {
    let (pool, limits) = (pool(), Limits::default());
    let mail = mail_with_pictures(1);
    let opened = open(mail.as_bytes(), &how(&limits, &pool));
    shows_the_page(&opened, "scan.png > picture");
    assert_eq!(opened.unscannable, []);
}

/// A mail with that many copies of the page.
fn mail_with_pictures(count: usize) -> String {
    let hex: String = sample("scans/page.png").iter().map(|octet| format!("={octet:02X}")).collect();
    let lines: Vec<&str> = hex.as_bytes().chunks(72).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let part = format!(
        "Content-Type: image/png; name=scan.png\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n--b",
        lines.join("=\r\n")
    );
    let parts = vec![part; count].join("\r\n");
    format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee the picture\r\n--b\r\n{parts}--\r\n"
    )
}

fn pictures_beyond_the_bound_of_a_mail_are_a_finding_and_counted() {
    let this = std::env::current_exe().unwrap();
    let (pool, limits) = (Pool::start(options(&this, "everything")).unwrap(), Limits::default());
    let mail = mail_with_pictures(67);
    let opened = open(mail.as_bytes(), &how(&limits, &pool));
    let reasons: Vec<_> = opened.unscannable.iter().map(|found| found.reason.clone()).collect();
    assert_eq!(reasons, [Reason::TooManyParts]);
    let counts = pool.counts().ocr.unwrap();
    assert_eq!((counts.runs, counts.left_out, counts.timeouts, counts.failures), (64, 3, 0, 0));
    assert!(counts.time > Duration::ZERO && counts.time < Duration::from_secs(120), "{counts:?}");
}

fn nothing_is_read_unless_it_is_asked_for() {
    let program = std::env::current_exe().unwrap();
    let options = PoolOptions { program, size: 1, sandbox: Sandbox::BestEffort, ..PoolOptions::default() };
    let (pool, limits, octets) = (Pool::start(options).unwrap(), Limits::default(), sample("scans/fax.pdf"));
    let opened = open_file("fax.pdf", &octets, &how(&limits, &pool));
    assert_eq!(pool.counts().ocr, None);
    assert!(!opened.segments.iter().any(|segment| segment.text.contains("Amber")));
    let reasons: Vec<_> = opened.unscannable.iter().map(|found| found.reason.clone()).collect();
    assert_eq!(reasons, [Reason::Unsupported(content::FileKind::Pdf)]);
}

fn pictures_without_text_cost_no_engine_and_give_nothing() {
    let (pool, limits) = (pool(), Limits::default());
    for name in ["photo.png", "photo.jpg", "photo.gif"] {
        let octets = sample(name);
        let opened = open_file(name, &octets, &how(&limits, &pool));
        assert_eq!(at(&opened, "picture"), "");
        assert_eq!(opened.unscannable, [], "{name}");
    }
}

fn a_picture_that_asks_for_gigabytes_is_a_finding() {
    let (pool, limits) = (pool(), Limits::default());
    let mut octets = sample("scans/page.png");
    octets[16..24].copy_from_slice(&[0, 0, 0x75, 0, 0, 0, 0x75, 0]);
    let mut crc = flate2::Crc::new();
    crc.update(&octets[12..29]);
    octets[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    let opened = open_file("page.png", &octets, &how(&limits, &pool));
    let reasons: Vec<_> = opened.unscannable.iter().map(|found| found.reason.clone()).collect();
    assert_eq!(reasons, [Reason::TooBig]);
    assert_eq!(pool.counts().deaths, 0);
    let counts = pool.counts().ocr.unwrap();
    assert_eq!((counts.runs, counts.left_out), (0, 1));
}

fn an_engine_that_is_not_there_is_said_at_the_start() {
    let error = Pool::start(options(Path::new("/usr/bin/no-such-engine"), "eng")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("tesseract-ocr"), "{error}");
}

/// What this program does as an engine; each thing that goes well although it must not is named in the text.
fn engine_that_tries(what: &str) -> ExitCode {
    let mut picture = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin(), &mut picture).unwrap();
    // The first picture is the empty page of the start.
    let first = picture.starts_with(b"P5\n64 64\n");
    match what {
        "sleep" if !first => std::thread::sleep(Duration::from_secs(60)),
        "die" if !first => return ExitCode::FAILURE,
        _ => {}
    }
    if std::fs::read("/usr/bin/env").is_err() {
        println!("cannot read what is installed");
    }
    let tries: [(&str, bool); 8] = [
        ("read a file", std::fs::read("/etc/passwd").is_ok()),
        ("list a folder", std::fs::read_dir("/tmp").is_ok_and(|mut all| all.next().is_some())),
        ("write a file", std::fs::write("/tmp/weir-engine-was-here", "x").is_ok()),
        (
            "connect",
            std::net::TcpStream::connect("127.0.0.1:9")
                .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused),
        ),
        ("listen", std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
        ("run a program", std::process::Command::new("/usr/bin/env").status().is_ok()),
        ("start a thread", std::thread::Builder::new().spawn(|| {}).is_ok()),
        ("take gigabytes", Vec::<u8>::new().try_reserve(3 << 30).is_ok()),
    ];
    for (name, _) in tries.iter().filter(|(_, went_well)| *went_well) {
        println!("could {name}");
    }
    println!("tried everything");
    ExitCode::SUCCESS
}

fn an_engine_can_read_what_is_installed_and_do_nothing_else() {
    let this = std::env::current_exe().unwrap();
    let (pool, limits, octets) =
        (Pool::start(options(&this, "everything")).unwrap(), Limits::default(), sample("scans/page.png"));
    let opened = open_file("page.png", &octets, &how(&limits, &pool));
    assert_eq!(at(&opened, "picture").trim(), "tried everything");
    assert!(!Path::new("/tmp/weir-engine-was-here").exists());
}

fn an_engine_that_is_late_or_dies_is_a_finding() {
    let this = std::env::current_exe().unwrap();
    for (what, reason) in [("sleep", Reason::Timeout), ("die", Reason::ParserFailed)] {
        let mut options = options(&this, what);
        options.ocr.as_mut().unwrap().time = Duration::from_millis(400);
        let (pool, limits, octets) =
            (Pool::start(options).unwrap(), Limits::default(), sample("scans/page.png"));
        let began = Instant::now();
        let opened = open_file("page.png", &octets, &how(&limits, &pool));
        assert_eq!(opened.unscannable.iter().map(|found| found.reason.clone()).collect::<Vec<_>>(), [reason]);
        assert!(began.elapsed() < Duration::from_secs(20));
        // The next picture finds a free place.
        let again = open_file("page.png", &octets, &how(&limits, &pool));
        assert_eq!(again.unscannable.len(), 1);
        let counts = pool.counts().ocr.unwrap();
        let late = if what == "sleep" { 2 } else { 0 };
        assert_eq!((counts.runs, counts.timeouts, counts.failures), (2, late, 2 - late));
    }
}
