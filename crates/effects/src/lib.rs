//! Side effects: what response rules order beside a decision is done from the outbox, once for each incident and rule.
//!
//! ```text
//! decision -> outbox -> runner -> notice | syslog | the incident itself
//! ```
//!
//! Nobody waits for an effect. The order is written with the incident or the decision, in one transaction; the runner takes
//! it from there, also after a crash. What goes out may then go out twice: a notice keeps its Message-ID, so that mail
//! systems and people can know the repeat.

mod addressees;
pub mod cef;
mod limit;
mod metrics;
mod notice;
mod runner;
pub mod syslog;
mod wire;

use std::time::Duration;

use incident::OutboxOptions;

pub use addressees::{NoticeOrder, is_automatic};
pub use metrics::EffectMetrics;
pub use notice::{Mailer, NotSent, Notice, NoticeSettings, Submission, SubmissionTls};
pub use runner::{Host, Order, Place, run};
pub use syslog::{Protocol, SyslogSettings};
pub use wire::{SyslogTls, deliver};

/// How side effects are done.
#[derive(Debug, Clone)]
pub struct EffectSettings {
    /// Notices; none where no submission host is known, and then ordering one fails in the incident's history.
    pub notices: Option<NoticeSettings>,
    /// Where syslog messages go whose rule names no host.
    pub syslog: SyslogSettings,
    /// What stands before an incident's number in `$INCIDENT_SNAPSHOT$`; the command that shows it where there is none.
    pub snapshot_url: Option<String>,
    /// How long effects are tried.
    pub outbox: OutboxOptions,
    /// How often the outbox is looked at.
    pub look_every: Duration,
}

impl Default for EffectSettings {
    fn default() -> Self {
        Self {
            notices: None,
            syslog: SyslogSettings::default(),
            snapshot_url: None,
            outbox: OutboxOptions::default(),
            look_every: Duration::from_secs(1),
        }
    }
}

impl EffectSettings {
    fn snapshot(&self, incident: u64) -> String {
        match &self.snapshot_url {
            Some(prefix) => format!("{prefix}{incident}"),
            None => format!("weir incidents show {incident}"),
        }
    }
}

/// One line without control characters: nothing of a mail or a reply begins a line of its own anywhere.
pub fn one_line(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() || is_separator(c) { ' ' } else { c }).collect();
    line.trim().to_owned()
}

/// Line and paragraph separators, and what turns text round.
fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
