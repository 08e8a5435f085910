//! `weir policy backtest`: what a set, or the difference between two, would have done with yesterday's mail.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use policy::backtest::{Comparison, Judged};
use policy::{Disposition, Envelope, Mail, Sent, Set};

use super::FOUND;
use crate::cli::Backtest;
use crate::mailbox::{self, Item};
use crate::policies;
use crate::scan::Opener;
use crate::terminal::safe;

/// What one set made of all mails.
#[derive(Default)]
struct Tally {
    dispositions: BTreeMap<&'static str, u64>,
    /// By number: name, mails, matches, examples.
    policies: BTreeMap<u32, OfPolicy>,
}

#[derive(Default)]
struct OfPolicy {
    name: String,
    mode: String,
    mails: u64,
    matches: u64,
    examples: Vec<String>,
}

pub(super) fn run(command: &Backtest) -> Result<ExitCode> {
    let set = load(command.policies.as_deref())?;
    let against = command.against.as_deref().map(|dir| load(Some(dir))).transpose()?;
    let opener = Opener::start()?;
    let bar = progress(mailbox::size(&command.mailboxes));
    let (mut tally, mut other) = (Tally::default(), Tally::default());
    let (mut differences, mut told) = (Comparison::new(0), Vec::new());
    let (mut mails, mut octets, mut undated) = (0u64, 0u64, 0u64);
    let began = Instant::now();
    for path in &command.mailboxes {
        mailbox::each(path, &mut |item| {
            mails += 1;
            octets += item.octets.len() as u64;
            bar.inc(item.size);
            bar.set_message(format!("{mails} mails"));
            let (found, second) = judge(&set, against.as_ref(), &opener, &item, &mut undated);
            tally.add(&item, &found, command.examples);
            if let Some(second) = &second {
                other.add(&item, second, command.examples);
                if differences.add(&(), second, &found) && told.len() < command.examples {
                    told.push(format!("{}: {} instead of {}", item.name, said(&found), said(second)));
                }
            }
            Ok(())
        })?;
    }
    bar.finish_and_clear();
    ensure!(mails > 0, "there are no mails in the given mailboxes");
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{mails} mails, {:.1} MB, {seconds:.1} s ({:.0} mails a second)",
        octets as f64 / 1e6,
        mails as f64 / seconds.max(1e-9)
    );
    println!(
        "each is judged as of when its header says that it was sent{}\n",
        match undated {
            0 => String::new(),
            _ => format!("; {undated} do not say when, and are judged as of now"),
        }
    );
    tally.print(&set, command.examples);
    if let Some(against) = &against {
        println!("\nagainst set {}:", against.id());
        other.print(against, 0);
        print(&differences, &told);
    }
    let quiet = tally.policies.is_empty() && other.policies.is_empty();
    Ok(if quiet { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

fn load(dir: Option<&Path>) -> Result<Set> {
    Ok(policies::load(dir.unwrap_or(Path::new("")), Path::new("data"))?.set)
}

fn progress(octets: u64) -> ProgressBar {
    let bar = ProgressBar::new(octets);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {msg}, {elapsed} ({eta} left)")
    {
        bar.set_style(style);
    }
    bar
}

/// The mail is opened once for both sets.
fn judge(
    set: &Set,
    against: Option<&Set>,
    opener: &Opener,
    item: &Item,
    undated: &mut u64,
) -> (Judged, Option<Judged>) {
    opener.open(item, |opened, deadline| {
        let envelope = Envelope::of_header(opened);
        let size = item.octets.len() as u64;
        let sent = Sent::of_header(opened);
        *undated += u64::from(sent.is_none());
        let mail = Mail { envelope: &envelope, opened, size, now: super::moment(sent), deadline };
        (set.judge(&mail), against.map(|set| set.judge(&mail)))
    })
}

impl Tally {
    fn add(&mut self, item: &Item, judged: &Judged, examples: usize) {
        *self.dispositions.entry(judged.disposition().as_str()).or_default() += 1;
        for violation in &judged.inspection.violations {
            let of = self.policies.entry(violation.policy.id).or_default();
            of.name.clone_from(&violation.policy.name);
            of.mode = violation.policy.mode.to_string();
            of.mails += 1;
            of.matches += violation.match_count;
            if of.examples.len() < examples {
                let first = violation.matches.first();
                let what = first
                    .map_or(String::new(), |found| format!(": {} \"{}\"", found.condition, found.masked()));
                of.examples.push(format!("{}{what}", item.name));
            }
        }
    }

    fn print(&self, set: &Set, examples: usize) {
        let said: Vec<String> =
            self.dispositions.iter().map(|(what, count)| format!("{count} {what}")).collect();
        println!("set {}: {}", set.id(), said.join(", "));
        if self.policies.is_empty() {
            println!("no policy would have been violated");
        }
        for (id, of) in &self.policies {
            println!(
                "{id:>6}  {:<50} {:<6} {:>6} mails {:>8} matches",
                of.name, of.mode, of.mails, of.matches
            );
            for example in of.examples.iter().take(examples) {
                println!("        {}", safe(example));
            }
        }
    }
}

/// The first set is the later one.
fn print(differences: &Comparison<()>, examples: &[String]) {
    println!("\n{} mails would have been judged differently", differences.different);
    let changed = |of: &policy::backtest::Compared<()>| of.newly + of.no_longer + of.other_severity > 0;
    for (id, of) in differences.policies.iter().filter(|(_, of)| changed(of)) {
        println!(
            "{id:>6}  found only by the first set: {}, only by the second: {}, by both with another severity: {}",
            of.newly, of.no_longer, of.other_severity
        );
    }
    for example in examples {
        println!("        {}", safe(example));
    }
}

fn said(judged: &Judged) -> String {
    let to = match judged.disposition() {
        Disposition::Redirect { recipients } => format!(" to {}", recipients.join(", ")),
        Disposition::Block { code, text, .. } => format!(" ({code} {text})"),
        Disposition::Pass | Disposition::Modify => String::new(),
    };
    let found = judged.inspection.violations.iter();
    let found: Vec<String> = found.map(|one| format!("{} {}", one.policy.id, one.severity)).collect();
    format!("{}{to} [{}]", judged.disposition().as_str(), found.join(", "))
}
