//! The settings of a policy set.

use super::keys;
use super::read::{self, At, View};
use crate::diagnostic::{Diagnostics, Place};

/// `settings.toml`.
#[derive(Debug, Clone)]
pub(crate) struct SettingsFile {
    pub(crate) place: Place,
    pub(crate) internal_domains: Vec<At<String>>,
    pub(crate) zone: Option<At<String>>,
    pub(crate) directory: Vec<At<String>>,
    pub(crate) kept_matches: Option<u64>,
    pub(crate) context: Option<u64>,
    pub(crate) count_limit: Option<u64>,
    /// Header names: number of policies, highest severity, score.
    pub(crate) violation_headers: [Option<At<String>>; 3],
    pub(crate) quoted_replies: bool,
    pub(crate) ignored: Vec<IgnoredText>,
}

/// A known text.
#[derive(Debug, Clone)]
pub(crate) struct IgnoredText {
    pub(crate) text: Option<At<String>>,
    pub(crate) file: Option<At<String>>,
    pub(crate) span: std::ops::Range<usize>,
}

/// Reads the settings.
pub(crate) fn read(place: &Place, out: &mut Diagnostics) -> Option<SettingsFile> {
    let table = read::parse(&place.source, &keys::SETTINGS, place, out)?;
    let view = View::new(table.get_ref(), table.span());
    let headers = view.table("violation_headers");
    let header = |key: &str| headers.as_ref().and_then(|headers| headers.text(key));
    let ignore = view.table("ignore");
    let texts = ignore.as_ref().map(|ignore| ignore.tables("text")).unwrap_or_default();
    Some(SettingsFile {
        place: place.clone(),
        internal_domains: view.texts("internal_domains"),
        zone: view.text("zone"),
        directory: view.texts("directory"),
        kept_matches: view.integer("kept_matches").map(|number| number.value),
        context: view.integer("context").map(|number| number.value),
        count_limit: view.integer("count_limit").map(|number| number.value),
        violation_headers: [header("policies"), header("severity"), header("score")],
        quoted_replies: ignore
            .and_then(|ignore| ignore.flag("quoted_replies"))
            .is_some_and(|flag| flag.value),
        ignored: texts
            .iter()
            .map(|text| IgnoredText {
                text: text.text("text"),
                file: text.text("file"),
                span: text.span.clone(),
            })
            .collect(),
    })
}
