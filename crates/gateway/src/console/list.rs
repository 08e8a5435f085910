//! The list of incidents: all filters stand in the address bar, so that a view can be sent to a colleague.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Pager, Size};
use web::people::{Hidden, Privilege};
use web::{Problem, Viewer, mail, pages};

use super::bulk::{Progress, progress};
use super::reach::Reach;
use super::seen::Seen;
use super::{Center, words};
use crate::{CopyFilter, CopyLine, State as CopyState};

/// Incidents on a page.
const LINES: usize = 50;

/// The filters as they stand in the address.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    folder: String,
    state: String,
    sender: String,
    recipient: String,
    subject: String,
    unique_id: String,
    policy: String,
    release: String,
    before: String,
}

impl Wanted {
    /// As a question to the store that this role may ask.
    pub(super) fn filter(&self, viewer: &Viewer) -> Result<CopyFilter, Problem> {
        let filter = self.parsed()?;
        viewer.may_ask_by(&[
            (Hidden::Sender, filter.sender.is_some()),
            (Hidden::Recipients, filter.recipient.is_some()),
            (Hidden::Subject, filter.subject.is_some()),
        ])?;
        Ok(filter)
    }

    /// What is no number or state is said.
    fn parsed(&self) -> Result<CopyFilter, Problem> {
        let text = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let state = match text(&self.state) {
            Some(word) => Some(CopyState::parse(&word).ok_or_else(|| {
                Problem::Bad("There is no such state: choose one from the list.".to_owned())
            })?),
            None => None,
        };
        Ok(CopyFilter {
            folder: number("folder", &self.folder)?,
            state,
            sender: text(&self.sender),
            recipient: text(&self.recipient),
            subject: text(&self.subject),
            unique_id: text(&self.unique_id),
            policy_id: number("policy", &self.policy)?,
            release_asked: !self.release.is_empty(),
            before: number("place in the list", &self.before)?,
            limit: LINES,
            ..CopyFilter::default()
        })
    }

    /// The same view from another place in the list, or from its beginning.
    pub(super) fn address(&self, before: Option<u64>) -> String {
        let mut pairs = self.pairs();
        pairs.extend(before.map(|before| ("before", before.to_string())));
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        pages::address("/incidents", &pairs)
    }

    /// What is set, but for the place in the list.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        [
            ("folder", &self.folder),
            ("state", &self.state),
            ("sender", &self.sender),
            ("recipient", &self.recipient),
            ("subject", &self.subject),
            ("unique_id", &self.unique_id),
            ("policy", &self.policy),
            ("release", &self.release),
        ]
        .into_iter()
        .map(|(name, value)| (name, value.trim().to_owned()))
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }
}

pub(super) fn number<N: std::str::FromStr>(what: &str, text: &str) -> Result<Option<N>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let wrong = |_| Problem::Bad(format!("The {what} is not a number: write digits only, or leave it out."));
    text.trim().parse().map(Some).map_err(wrong)
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct ListPage {
    form: Html,
    title: String,
    all_folders: bool,
    fields: Vec<Field>,
    filtered: bool,
    hidden: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    pager: Pager,
    may_decide: bool,
    decisions: Vec<Progress>,
}

pub(super) struct Row {
    pub(super) id: u64,
    pub(super) state: Chip,
    pub(super) subject: Html,
    pub(super) sender: Html,
    pub(super) recipient: Html,
    pub(super) folder: String,
    pub(super) policies: String,
    pub(super) size: Size,
    pub(super) entered: Moment,
    pub(super) held: bool,
}

/// A line as it is shown in tables.
pub(super) fn row(line: &Seen<CopyLine>) -> Row {
    let subject = if line.subject.is_empty() { "(no subject)" } else { &line.subject };
    let sender = if line.sender.is_empty() { "<>" } else { &line.sender };
    Row {
        id: line.id,
        state: words::state(line),
        subject: mail::line(subject, 120),
        sender: mail::line(sender, 80),
        recipient: mail::line(&line.recipient, 80),
        folder: line.folder.clone(),
        policies: line.policy_ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        size: Size(line.size),
        entered: Moment(line.entered_at.as_millisecond()),
        held: line.state == CopyState::Held,
    }
}

/// `GET /incidents`
pub(super) async fn list(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Query(mut wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let reach = Reach::of(&center, &viewer).await?;
    // Whoever does not reach all folders looks at one of them at a time.
    if !reach.all_folders && wanted.folder.trim().is_empty() {
        wanted.folder = reach.folders.first().map(|row| row.id.to_string()).unwrap_or_default();
    }
    let filter = wanted.filter(&viewer)?;
    let name = match filter.folder {
        Some(id) => Some(reach.folder(id).ok_or(Problem::NotFound)?.folder.name.clone()),
        None if reach.all_folders => None,
        None => return Err(nothing_reached()),
    };
    let later = filter.before.is_some();
    let (lines, next) = reach.page(&center.gateway, filter).await?;
    let may_decide = viewer.may(Privilege::DecideQuarantine);
    let content = ListPage {
        form: viewer.form(),
        all_folders: name.is_none(),
        title: name.unwrap_or_else(|| "All folders".to_owned()),
        fields: fields(&viewer, &reach, &wanted),
        filtered: wanted.pairs().iter().any(|(name, _)| *name != "folder"),
        hidden: wanted.pairs(),
        pager: Pager {
            shown: shown(&lines),
            first: later.then(|| wanted.address(None)),
            before: None,
            after: next.map(|next| wanted.address(Some(next))),
        },
        may_decide: may_decide && lines.iter().any(|line| line.state == CopyState::Held),
        rows: lines.iter().map(row).collect(),
        decisions: progress(&center, &viewer, &reach).await?,
    };
    Page::new(&viewer, "Incidents").wide().show(&content)
}

fn nothing_reached() -> Problem {
    Problem::Forbidden(
        "Your role reaches no folder: ask an administrator, or choose another of your roles.".to_owned(),
    )
}

fn shown(lines: &[Seen<CopyLine>]) -> String {
    match (lines.first(), lines.last()) {
        (Some(first), Some(last)) => format!("Incidents {} to {}, newest first", first.id, last.id),
        _ => String::new(),
    }
}

fn fields(viewer: &Viewer, reach: &Reach<'_>, wanted: &Wanted) -> Vec<Field> {
    let all = reach.all_folders.then(|| (String::new(), "All".to_owned()));
    let folders = reach.folders.iter().map(|row| (row.id.to_string(), row.folder.name.clone()));
    let any = std::iter::once((String::new(), "Any".to_owned()));
    let states =
        CopyState::ALL.iter().map(|state| (state.as_str().to_owned(), words::bare_state(*state).to_owned()));
    let of_mail = [
        (Hidden::Subject, Field::new(Kind::Search, "subject", "Subject contains").value(&wanted.subject)),
        (Hidden::Sender, Field::new(Kind::Text, "sender", "Sender contains").value(&wanted.sender)),
        (
            Hidden::Recipients,
            Field::new(Kind::Text, "recipient", "Recipient contains").value(&wanted.recipient),
        ),
    ];
    let of_mail = of_mail.into_iter().filter(|(part, _)| !viewer.hides(*part)).map(|(_, field)| field);
    let mut fields = vec![
        Field::new(Kind::OneOf, "folder", "Folder")
            .choices(all.into_iter().chain(folders))
            .value(wanted.folder.trim()),
        Field::new(Kind::OneOf, "state", "State").choices(any.chain(states)).value(wanted.state.trim()),
    ];
    fields.extend(of_mail);
    fields.extend([
        Field::new(Kind::Text, "policy", "Policy number").value(&wanted.policy).with("inputmode", "numeric"),
        Field::new(Kind::Text, "unique_id", "Unique message ID").value(&wanted.unique_id),
        Field::new(Kind::OneOf, "release", "Release request")
            .choices([("", "Any"), ("asked", "Asked for by the sender")])
            .value(wanted.release.trim()),
    ]);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_an_address_and_strange_values_are_said() {
        let wanted =
            Wanted { folder: " 7 ".into(), subject: "a&b".into(), state: "held".into(), ..Wanted::default() };
        assert_eq!(wanted.address(Some(9)), "/incidents?folder=7&state=held&subject=a%26b&before=9");
        let filter = wanted.parsed().unwrap();
        assert_eq!((filter.folder, filter.state), (Some(7), Some(CopyState::Held)));
        for wrong in [
            Wanted { folder: "x".into(), ..Wanted::default() },
            Wanted { state: "gone".into(), ..Wanted::default() },
            Wanted { before: "-1".into(), ..Wanted::default() },
            Wanted { policy: "99999999999".into(), ..Wanted::default() },
        ] {
            assert!(matches!(wrong.parsed(), Err(Problem::Bad(_))), "{wrong:?}");
        }
    }
}
