//! `weir index learned`: learns to tell two kinds of texts apart, and says how well before it lets itself be used.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use content::Kind;
use policy::index::{IndexKind, LearnedBuilder};

use super::{Place, bar};
use crate::cli::IndexLearned;
use crate::mailbox;
use crate::scan::Opener;

/// Not good enough.
const POOR: u8 = 1;

/// Runs the command.
pub(crate) fn run(command: &IndexLearned) -> Result<ExitCode> {
    let sides = [(&command.positive, true), (&command.negative, false)];
    let source =
        command.place.source.clone().unwrap_or_else(|| {
            format!("{} against {}", command.positive.display(), command.negative.display())
        });
    let place = Place::new(&command.place, IndexKind::Learned)?;
    let mut builder = LearnedBuilder::new(&place.key, &source, command.place.max_age.unwrap_or(0))?;
    let opener = Opener::start()?;
    let dirs = [command.positive.clone(), command.negative.clone()];
    let bar = bar(Some(mailbox::count(&dirs)), false);
    for (dir, positive) in sides {
        mailbox::each(dir, &mut |item| {
            opener.open(&item, |opened, _| {
                let shown = opened.segments.iter().filter(|segment| segment.kind == Kind::Text);
                builder.add(shown.map(|segment| segment.text.as_ref()), positive);
            });
            bar.inc(1);
            Ok(())
        })?;
    }
    bar.finish_and_clear();
    let report = builder
        .finish(&place.path, command.force)
        .map_err(|error| anyhow!("{error}; nothing was learned"))?;
    let quality = report.quality;
    println!(
        "learned from {} positive and {} negative texts; {} were too short",
        quality.positive, quality.negative, report.too_short
    );
    println!(
        "on texts that it was not trained on: precision {:.1} %, recall {:.1} % at score {:.2} (five-fold cross-validation)",
        quality.precision * 100.0,
        quality.recall * 100.0,
        quality.threshold
    );
    if !quality.good {
        println!("that is not enough: precision of 90 % and recall of 50 % are asked for");
    }
    if !report.written {
        println!(
            "nothing was written; give it more texts, or texts that are more alike within each side, or say --force"
        );
        return Ok(ExitCode::from(POOR));
    }
    place.print(std::fs::metadata(&place.path)?.len());
    Ok(ExitCode::SUCCESS)
}
