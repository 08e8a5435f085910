//! `weir policy backtest`: what a set, or the difference between two, would have done with yesterday's mail.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use policy::{Disposition, Inspection, Mail, Response, Set};

use super::FOUND;
use crate::cli::Backtest;
use crate::mailbox::{self, Item};
use crate::policies;
use crate::scan::{Opener, envelope_of};
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

/// The differences between two sets.
#[derive(Default)]
struct Differences {
    mails: u64,
    /// By number: mails that only the first, and that only the second found.
    policies: BTreeMap<u32, (u64, u64)>,
    examples: Vec<String>,
}

pub(super) fn run(command: &Backtest) -> Result<ExitCode> {
    let set = load(command.policies.as_deref())?;
    let against = command.against.as_deref().map(|dir| load(Some(dir))).transpose()?;
    let opener = Opener::start()?;
    let bar = progress(mailbox::count(&command.mailboxes));
    let (mut tally, mut other, mut differences) =
        (Tally::default(), Tally::default(), Differences::default());
    let (mut mails, mut octets) = (0u64, 0u64);
    let began = Instant::now();
    for path in &command.mailboxes {
        mailbox::each(path, &mut |item| {
            mails += 1;
            octets += item.octets.len() as u64;
            bar.inc(1);
            let found = judge(&set, &opener, &item);
            tally.add(&item, &found, command.examples);
            if let Some(against) = &against {
                let second = judge(against, &opener, &item);
                differences.add(&item, &found, &second, command.examples);
                other.add(&item, &second, command.examples);
            }
            Ok(())
        })?;
    }
    bar.finish_and_clear();
    ensure!(mails > 0, "there are no mails in the given mailboxes");
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{mails} mails, {:.1} MB, {seconds:.1} s ({:.0} mails a second)\n",
        octets as f64 / 1e6,
        mails as f64 / seconds.max(1e-9)
    );
    tally.print(&set, command.examples);
    if let Some(against) = &against {
        println!("\nagainst set {}:", against.id());
        other.print(against, 0);
        differences.print();
    }
    let quiet = tally.policies.is_empty() && other.policies.is_empty();
    Ok(if quiet { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

fn load(dir: Option<&Path>) -> Result<Set> {
    Ok(policies::load(dir.unwrap_or(Path::new("")), Path::new("data"))?.set)
}

fn progress(files: u64) -> ProgressBar {
    let bar = ProgressBar::new(files);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {pos} mails, {len} files, {elapsed} ({eta} left)")
    {
        bar.set_style(style);
    }
    bar
}

fn judge(set: &Set, opener: &Opener, item: &Item) -> (Inspection, Response) {
    opener.open(item, |opened, deadline| {
        let envelope = envelope_of(opened);
        let size = item.octets.len() as u64;
        let mail = Mail { envelope: &envelope, opened, size, now: jiff::ZonedDateTime::now(), deadline };
        let inspection = set.inspect(&mail);
        let response = policy::respond(set, &inspection, &mail, false);
        (inspection, response)
    })
}

impl Tally {
    fn add(&mut self, item: &Item, (inspection, response): &(Inspection, Response), examples: usize) {
        *self.dispositions.entry(named(&response.disposition)).or_default() += 1;
        for violation in &inspection.violations {
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

impl Differences {
    fn add(
        &mut self,
        item: &Item,
        one: &(Inspection, Response),
        other: &(Inspection, Response),
        examples: usize,
    ) {
        let ids = |found: &(Inspection, Response)| -> Vec<u32> {
            found.0.violations.iter().map(|violation| violation.policy.id).collect()
        };
        let (first, second) = (ids(one), ids(other));
        let same = first == second && one.1.disposition == other.1.disposition;
        if same {
            return;
        }
        self.mails += 1;
        for id in first.iter().filter(|id| !second.contains(id)) {
            self.policies.entry(*id).or_default().0 += 1;
        }
        for id in second.iter().filter(|id| !first.contains(id)) {
            self.policies.entry(*id).or_default().1 += 1;
        }
        if self.examples.len() < examples {
            let said = |ids: &[u32], disposition: &Disposition| format!("{} {ids:?}", named(disposition));
            let (first, second) = (said(&first, &one.1.disposition), said(&second, &other.1.disposition));
            self.examples.push(format!("{}: {first} instead of {second}", item.name));
        }
    }

    fn print(&self) {
        println!("\n{} mails would have been judged differently", self.mails);
        for (id, (first, second)) in &self.policies {
            println!("{id:>6}  found only by the first set: {first}, only by the second: {second}");
        }
        for example in &self.examples {
            println!("        {}", safe(example));
        }
    }
}

fn named(disposition: &Disposition) -> &'static str {
    disposition.as_str()
}
