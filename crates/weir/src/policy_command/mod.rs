//! `weir policy`: check, test, explain, backtest, schema, init.

mod backtest;
mod explain;

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use policy::index::Indexes;
use policy::{CaseResult, Diagnostic, Loaded, Sent, Set, SourceFile};

use crate::cli::{Policy, PolicyDir};
use crate::policies;
use crate::scan::Opener;

/// Cases failed, or a backtest found something.
const FOUND: u8 = 1;
/// The set cannot be used.
const ERRORS: u8 = 2;

/// Runs the command.
pub(crate) fn run(command: &Policy) -> Result<ExitCode> {
    match command {
        Policy::Check(command) => check(command),
        Policy::Test(command) => test(command),
        Policy::Explain(command) => explain::run(command),
        Policy::Backtest(command) => backtest::run(command),
        Policy::Schema => {
            println!("{}", policy::schema());
            Ok(ExitCode::SUCCESS)
        }
        Policy::Init(command) => init(command),
    }
}

/// As of when a mail is judged that lies on disk.
fn moment(sent: Option<Sent>) -> jiff::ZonedDateTime {
    let at = sent.map_or_else(jiff::Timestamp::now, |sent| sent.at);
    at.to_zoned_datetime(jiff::tz::TimeZone::system())
}

// ---- check

fn check(command: &PolicyDir) -> Result<ExitCode> {
    let sources = read(&command.dir)?;
    Ok(match checked(&sources, &indexes(&command.dir)) {
        // The server would not start with it.
        Some(loaded) if !policies::holds_any(&loaded.set) => bail!(
            "the directory {} holds no policy; `weir policy init DIR` writes the built-in set to a new directory",
            command.dir.display()
        ),
        Some(loaded) => {
            let policies = loaded.set.policies();
            let taken = |id: &u32| policies.iter().any(|policy| policy.id == *id);
            let highest =
                policies.iter().map(|policy| policy.id).filter(|id| *id < policy::NOT_FULLY_INSPECTED).max();
            let free = (highest.unwrap_or(0) + 1..).find(|id| !taken(id)).unwrap_or(1);
            println!(
                "{} policies are good ({}); the next free number is {free}",
                policies.len(),
                counted(loaded.warnings.len(), "warning")
            );
            ExitCode::SUCCESS
        }
        None => ExitCode::from(ERRORS),
    })
}

/// Indexes beside the policies.
fn indexes(dir: &Path) -> Indexes {
    Indexes::open(dir, &policies::index_keys(Path::new("data")))
}

/// The set, or `None` after its diagnostics were printed.
fn checked(sources: &[SourceFile], indexes: &Indexes) -> Option<Loaded> {
    match Set::check_files_with(sources, indexes) {
        Ok(loaded) => {
            print(&loaded.warnings);
            Some(loaded)
        }
        Err(diagnostics) => {
            print(&diagnostics);
            let errors = diagnostics.iter().filter(|one| one.is_error()).count();
            let warnings = diagnostics.len() - errors;
            eprintln!(
                "{} and {}; the set cannot be used",
                counted(errors, "error"),
                counted(warnings, "warning")
            );
            None
        }
    }
}

fn read(dir: &Path) -> Result<Vec<SourceFile>> {
    ensure!(dir.is_dir(), "{} is no directory; name the directory of the policies", dir.display());
    let (sources, unreadable) = Set::read_directory(dir);
    print(&unreadable);
    ensure!(
        unreadable.is_empty(),
        "{} of {} cannot be read",
        counted(unreadable.len(), "file"),
        dir.display()
    );
    Ok(sources)
}

fn print(diagnostics: &[Diagnostic]) {
    let color = io::stderr().is_terminal();
    for diagnostic in diagnostics {
        eprintln!("{}\n", diagnostic.render(color));
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

// ---- test

fn test(command: &PolicyDir) -> Result<ExitCode> {
    let sources = read(&command.dir)?;
    let indexes = indexes(&command.dir);
    if checked(&sources, &indexes).is_none() {
        return Ok(ExitCode::from(ERRORS));
    }
    let opener = Opener::start()?;
    let file = |name: &str| std::fs::read(command.dir.join(name)).ok();
    let results = match policy::run_cases_with(&sources, &indexes, &file, opener.documents()) {
        Ok(results) => results,
        Err(diagnostics) => {
            print(&diagnostics);
            return Ok(ExitCode::from(ERRORS));
        }
    };
    let failed: Vec<&CaseResult> = results.iter().filter(|result| !result.passed()).collect();
    for result in &failed {
        println!("{result}");
    }
    println!("{} passed, {} failed", results.len() - failed.len(), failed.len());
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

// ---- init

/// Writes the built-in set; never over a file.
fn init(command: &PolicyDir) -> Result<ExitCode> {
    let dir = &command.dir;
    let there = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if there {
        bail!("{} is not empty; name a new or empty directory", dir.display());
    }
    let files = policies::built_in();
    for (name, octets) in files {
        let path = dir.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path);
        let written = file
            .as_mut()
            .map_err(|error| io::Error::new(error.kind(), error.to_string()))
            .and_then(|file| file.write_all(octets));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!(
        "{} written to {}; look at README.md there, then run `weir policy check {}`",
        counted(files.len(), "file"),
        dir.display(),
        dir.display()
    );
    Ok(ExitCode::SUCCESS)
}
