//! Cases: mails that a policy, and texts that an identifier, must find or must not.

use std::ops::Range;

use jiff::civil;

use super::keys;
use super::policy::date;
use super::read::{self, View};
use crate::diagnostic::{Diagnostics, Place};
use crate::verdict::Severity;

/// A case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) span: Range<usize>,
    /// Must be found, or must not.
    pub(crate) find: bool,
    pub(crate) name: Option<String>,
    pub(crate) texts: Vec<String>,
    pub(crate) subject: Option<String>,
    pub(crate) sender: Option<String>,
    pub(crate) recipients: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) attachments: Vec<CaseFile>,
    pub(crate) mail: Option<String>,
    pub(crate) at: Option<civil::DateTime>,
    pub(crate) rules: Vec<String>,
    pub(crate) count: Option<u64>,
    pub(crate) severity: Option<Severity>,
    pub(crate) breadths: Vec<String>,
}

/// An attachment of a case.
#[derive(Debug, Clone)]
pub(crate) struct CaseFile {
    pub(crate) name: String,
    pub(crate) text: Option<String>,
    pub(crate) file: Option<String>,
}

/// Reads a cases file.
pub(crate) fn read(place: &Place, out: &mut Diagnostics) -> Vec<Case> {
    let Some(table) = read::parse(&place.source, &keys::CASES, place, out) else { return Vec::new() };
    let view = View::new(table.get_ref(), table.span());
    let mut all: Vec<Case> = view.tables("find").iter().map(|view| case(view, true)).collect();
    all.extend(view.tables("miss").iter().map(|view| case(view, false)));
    for case in all.iter().filter(|case| case.is_empty()) {
        out.error("E0701", &place.at(case.span.clone()), "the case has no mail")
            .label("nothing to look at")
            .remedy("add `body`, `subject`, `attachments` or `mail`");
    }
    all.retain(|case| !case.is_empty());
    all.sort_by_key(|case| case.span.start);
    all
}

impl Case {
    fn is_empty(&self) -> bool {
        let no_text = self.texts.is_empty() && self.subject.is_none() && self.mail.is_none();
        no_text
            && self.attachments.is_empty()
            && self.headers.is_empty()
            && self.sender.is_none()
            && self.recipients.is_empty()
    }
}

fn case(view: &View<'_, '_>, find: bool) -> Case {
    let value = |key: &str| view.text(key).map(|text| text.value);
    let values = |key: &str| -> Vec<String> { view.texts(key).into_iter().map(|text| text.value).collect() };
    let mut texts: Vec<String> = value("body").into_iter().chain(value("text")).collect();
    texts.extend(values("texts"));
    Case {
        span: view.span.clone(),
        find,
        name: value("name"),
        texts,
        subject: value("subject"),
        sender: value("sender"),
        recipients: values("recipients"),
        headers: values("headers"),
        attachments: view.tables("attachments").iter().filter_map(file).collect(),
        mail: value("mail"),
        at: view.datetime("at").and_then(|at| moment(at.value)),
        rules: values("rule"),
        count: view.integer("count").map(|count| count.value),
        severity: value("severity").and_then(|severity| Severity::parse(&severity)),
        breadths: values("breadth"),
    }
}

fn file(view: &View<'_, '_>) -> Option<CaseFile> {
    let value = |key: &str| view.text(key).map(|text| text.value);
    Some(CaseFile { name: value("name")?, text: value("text"), file: value("file") })
}

fn moment(value: toml::value::Datetime) -> Option<civil::DateTime> {
    let time = value.time.map_or(Some(civil::Time::midnight()), |time| {
        civil::Time::new(
            i8::try_from(time.hour).ok()?,
            i8::try_from(time.minute).ok()?,
            time.second.map_or(Some(0), |s| i8::try_from(s).ok())?,
            0,
        )
        .ok()
    })?;
    Some(date(value)?.to_datetime(time))
}
