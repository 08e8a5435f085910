//! Bench of the pattern engine on one core: prose, logs, text full of matches and prose outside ASCII, next to
//! aho-corasick and regex in the same run; then the curve of policies, compile time and memory.
//!
//! `cargo run --release -p benches --bin matching [-- --mb N] [--only TABLE] [--set WORD] [--text WORD] [--repeats N]`: one table
//! only, sets and texts whose names hold a word only, more repeats for a profiler to look at.

mod library;
mod rivals;
mod sets;
mod texts;

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use policy::matcher::{Matcher, Pattern, Prepared};
use texts::Text;

/// Repetitions of each measurement; the best counts.
static REPEATS: AtomicUsize = AtomicUsize::new(5);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1));
    let megabytes = after("--mb").map_or(Ok(14), |n| n.parse())?;
    let only = after("--only").map_or("", String::as_str);
    if let Some(repeats) = after("--repeats") {
        REPEATS.store(repeats.parse()?, Ordering::Relaxed);
    }
    let set = after("--set").map_or("", String::as_str);
    let mut texts = texts::all(megabytes << 20);
    if let Some(word) = after("--text") {
        texts.retain(|text| text.name.contains(word.as_str()));
    }
    if "engine".contains(only) {
        engine(&texts, set)?;
    }
    if "sets".contains(only) {
        sets::table(&texts, set)?;
    }
    if "policies".contains(only) {
        sets::curve(&texts)?;
    }
    if "rivals".contains(only) {
        rivals::table(&texts)?;
    }
    if "curve".contains(only) {
        curve(&texts)?;
    }
    if "hostile".contains(only) {
        hostile()?;
        sets::hostile()?;
    }
    Ok(())
}

/// The engine with libraries of growing size over every text.
fn engine(texts: &[Text], set: &str) -> anyhow::Result<()> {
    println!("## Engine, MB/s (hits per MB)\n");
    heading("patterns", texts);
    let sets: Vec<(&str, Vec<Pattern>)> = vec![
        ("25 identifiers", library::identifiers(25)),
        ("120 identifiers", library::identifiers(120)),
        ("2,000 keywords", library::keywords(2_000)),
        ("20,000 keywords", library::keywords(20_000)),
        ("2,000 keywords, not whole words", library::pieces(2_000)),
        ("20 regexes with a literal", library::regexes()),
        ("25 identifiers + 2,000 keywords", library::whole(25, 2_000)),
        ("120 identifiers + 2,000 keywords + 20 regexes", library::whole(120, 2_000)),
        ("120 identifiers + 20,000 keywords + 20 regexes", library::whole(120, 20_000)),
    ];
    for (name, patterns) in sets.into_iter().filter(|(name, _)| name.contains(set)) {
        let matcher = Matcher::compile(&patterns)?;
        let cells = texts.iter().map(|text| {
            let mut hits = 0u64;
            let rate = rate(text, || {
                hits = 0;
                for piece in text.pieces() {
                    matcher.scan(&Prepared::new(piece), &mut |hit| {
                        black_box(hit);
                        hits += 1;
                        ControlFlow::Continue(())
                    });
                }
            });
            format!("{rate:.0} ({:.0})", hits as f64 / (text.text.len() as f64 / 1e6))
        });
        row(name, cells);
    }
    let fold = |text: &Text| {
        for piece in text.pieces() {
            black_box(Prepared::new(piece));
        }
    };
    let cells = texts.iter().map(|text| format!("{:.0}", rate(text, || fold(text))));
    row("(folding and words alone)", cells);
    println!();
    Ok(())
}

/// From 10 to 1,000 policies: each brings two keywords of its own; every tenth an identifier, every fiftieth a
/// regular expression.
fn curve(texts: &[Text]) -> anyhow::Result<()> {
    println!("## Curve\n");
    heading("policies (patterns), compiled in, memory", &texts[..texts.len().min(2)]);
    for policies in [10, 30, 100, 300, 1_000] {
        let patterns = library::of_policies(policies);
        let start = Instant::now();
        let matcher = Matcher::compile(&patterns)?;
        let name = format!(
            "{policies} ({}), {:.0} ms, {} KiB",
            patterns.len(),
            start.elapsed().as_secs_f64() * 1e3,
            matcher.memory() / 1024
        );
        row(&name, texts.iter().take(2).map(|text| format!("{:.0}", scan_rate(&matcher, text))));
    }
    println!();
    for (name, patterns) in [
        ("120 identifiers", library::identifiers(120)),
        ("2,000 keywords", library::keywords(2_000)),
        ("20,000 keywords", library::keywords(20_000)),
        ("120 identifiers + 20,000 keywords + 20 regexes", library::whole(120, 20_000)),
    ] {
        let start = Instant::now();
        let matcher = Matcher::compile(&patterns)?;
        let took = start.elapsed().as_secs_f64() * 1e3;
        println!("{name}: compiled in {took:.0} ms, {} KiB", matcher.memory() / 1024);
    }
    println!();
    Ok(())
}

/// Text made to be slow, with the whole library and with patterns that invite it.
fn hostile() -> anyhow::Result<()> {
    println!("## Hostile text, 1 MB, MB/s\n");
    let matcher = Matcher::compile(&library::whole(120, 2_000))?;
    for (name, unit) in [
        ("one letter", "a"),
        ("one digit", "1"),
        ("digits with blanks", "4 "),
        ("card beginnings", "4111 1111 "),
        ("separators", "1-1.1 1-"),
        ("zero-width", "4\u{200B}"),
        ("words of keywords", "project "),
        ("literals of regexes", "password password="),
        ("at signs", "a@"),
        ("combining marks", "e\u{301}\u{301}"),
    ] {
        let text = Text { name, text: unit.repeat((1 << 20) / unit.len()) };
        println!("{name}: {:.0}", scan_rate(&matcher, &text));
    }
    println!();
    Ok(())
}

fn scan_rate(matcher: &Matcher, text: &Text) -> f64 {
    rate(text, || {
        for piece in text.pieces() {
            matcher.scan(&Prepared::new(piece), &mut |hit| {
                black_box(hit);
                ControlFlow::Continue(())
            });
        }
    })
}

/// Megabytes a second of processor time, of the best of several runs.
fn rate(text: &Text, mut run: impl FnMut()) -> f64 {
    let best = (0..REPEATS.load(Ordering::Relaxed)).map(|_| timed(&mut run).as_secs_f64());
    text.text.len() as f64 / 1e6 / best.fold(f64::INFINITY, f64::min)
}

/// The processor time that this thread took, so that others on the machine count for less; the time on the wall where the
/// system does not tell.
fn timed(run: &mut dyn FnMut()) -> Duration {
    let (began, before) = (Instant::now(), processor_time());
    run();
    match (before, processor_time()) {
        (Some(before), Some(after)) => Duration::from_nanos(after.saturating_sub(before).max(1)),
        _ => began.elapsed(),
    }
}

/// Nanoseconds of processor time of this thread.
fn processor_time() -> Option<u64> {
    // The kernel brings the count up to date when the thread gives way.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn heading(first: &str, texts: &[Text]) {
    let names: Vec<&str> = texts.iter().map(|text| text.name).collect();
    println!("| {first} | {} |\n| --- |{}", names.join(" | "), " --- |".repeat(names.len()));
}

fn row(name: &str, cells: impl Iterator<Item = String>) {
    println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
}
