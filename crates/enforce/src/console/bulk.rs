//! One action for many incidents: first what will happen, then, after a word from the person, exactly that.

use askama::Template;
use axum::Form;
use axum::extract::State;
use incident::desk::{Access, Change, Changed, Condition, Decision, Field, Scalar, Search};
use jiff::Timestamp;
use uuid::Uuid;
use web::layout::{Html, Page};
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::filter::Filter;
use super::list::{Row, see_other};
use super::once::{new_once, read_once};
use super::seen::{access, may_remediate, redact_line, severity};
use super::trouble::bad;
use super::{Answer, Console, actor};
use crate::Enforce;
use crate::respond::On;

/// Incidents of one action.
const MOST: usize = 10_000;
/// Incidents shown in a preview.
const SHOWN: usize = 20;
/// Incidents that are deleted in one transaction: their numbers stand in one line of the audit log.
const LOT: usize = 100;

#[derive(Template)]
#[template(path = "bulk.html")]
struct Preview {
    form: Html,
    count: usize,
    cut: bool,
    words: Vec<String>,
    rows: Vec<Row>,
    fields: Vec<(String, String)>,
    back: String,
}

/// What is to be done, and to which incidents.
struct Wish {
    ids: Vec<u64>,
    all: bool,
    query: String,
    changes: Vec<Change>,
    note: String,
    /// A custom attribute, and what it becomes; nothing: it is taken away.
    attribute: String,
    value: String,
    rule: Option<u64>,
    delete: bool,
    /// When the incidents were looked at, and the form that was made then.
    as_of: Option<Timestamp>,
    once: Option<Uuid>,
    /// As it stands in the form, to be sent again.
    fields: Vec<(String, String)>,
}

impl Wish {
    fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let mut wish = Self {
            ids: Vec::new(),
            all: false,
            query: String::new(),
            changes: Vec::new(),
            note: String::new(),
            attribute: String::new(),
            value: String::new(),
            rule: None,
            delete: false,
            as_of: None,
            once: None,
            fields: Vec::new(),
        };
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "csrf" => continue,
                "id" => {
                    wish.ids.push(value.parse().map_err(|_| format!("{value:?} is no incident's number."))?)
                }
                "ids" => wish.ids.extend(numbers(value)?),
                "all" => wish.all = true,
                "query" => wish.query.clone_from(value),
                "once" => wish.once = Some(read_once(value)?),
                "as_of" => {
                    let at = value.parse().ok().and_then(|at| Timestamp::from_millisecond(at).ok());
                    wish.as_of = Some(at.ok_or("The moment of the preview cannot be read.")?);
                }
                _ => {
                    wish.take(name, value)?;
                    wish.fields.push((name.clone(), value.clone()));
                }
            }
        }
        match (wish.attribute.is_empty(), wish.value.is_empty()) {
            (false, _) => wish.changes.push(Change::Attribute(wish.attribute.clone(), wish.value.clone())),
            (true, false) => return Err("Name the attribute that gets this value.".to_owned()),
            (true, true) => {}
        }
        wish.ids.sort_unstable();
        wish.ids.dedup();
        if wish.ids.len() > MOST {
            return Err(format!("One action reaches at most {MOST} incidents; narrow the filters."));
        }
        Ok(wish)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "status" => self.changes.push(Change::Status(value.to_owned())),
            "severity" => {
                let found = severity(value).ok_or("A severity is high, medium, low or info.")?;
                self.changes.push(Change::Severity(found));
            }
            "owner" if value.trim() == "-" => self.changes.push(Change::Owner(None)),
            "owner" => self.changes.push(Change::Owner(Some(value.trim().to_owned()))),
            "note" => value.clone_into(&mut self.note),
            "attribute" => value.trim().clone_into(&mut self.attribute),
            "value" => value.trim().clone_into(&mut self.value),
            "hidden" if value == "yes" || value == "no" => self.changes.push(Change::Hidden(value == "yes")),
            "hidden" => return Err("Incidents are hidden or not: yes or no.".to_owned()),
            "delete" => self.delete = true,
            "rule" => self.rule = Some(value.parse().map_err(|_| "There is no such smart response rule.")?),
            _ => return Err(format!("There is no action {name:?}.")),
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.rule.is_none() && !self.delete && self.note.trim().is_empty()
    }
}

fn numbers(text: &str) -> Result<Vec<u64>, String> {
    text.split(',')
        .map(|one| one.parse().map_err(|_| "The list of incidents cannot be read.".to_owned()))
        .collect()
}

pub(super) async fn preview(
    State(console): State<Console>,
    viewer: Viewer,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer {
    may_remediate(&viewer)?;
    let mut wish = Wish::read(&pairs).map_err(bad)?;
    if wish.is_empty() {
        return Err(bad(
            "Choose what to do first: a status, a severity, an owner, a note, an attribute or a smart response.",
        ));
    }
    let access = access(&viewer);
    if wish.all {
        let filter = Filter::asked(&console.desk, &viewer, &parsed(&wish.query)).await?;
        wish.ids = console.desk.ids(&access, &filter.condition(), MOST as u32 + 1).await?;
    } else {
        // What the role does not reach is not counted either.
        wish.ids = reached(&console, &access, &wish.ids).await?;
    }
    let cut = wish.ids.len() > MOST;
    wish.ids.truncate(MOST);
    if wish.ids.is_empty() {
        return Err(bad("Choose at least one incident of the list."));
    }
    let content = Preview {
        form: viewer.form(),
        count: wish.ids.len(),
        cut,
        words: words(&console, &wish).await?,
        rows: rows(&console, &viewer, &wish).await?,
        back: format!("/incidents?{}", wish.query),
        fields: sent_again(wish),
    };
    let page = Page::new(&viewer, "What will happen").within("/incidents").below("Incidents", "/incidents");
    Ok(page.show(&content)?)
}

fn sent_again(wish: Wish) -> Vec<(String, String)> {
    let ids = wish.ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut fields = wish.fields;
    fields.push(("ids".to_owned(), ids));
    fields.push(("query".to_owned(), wish.query));
    fields.push(("as_of".to_owned(), Timestamp::now().as_millisecond().to_string()));
    fields.push(("once".to_owned(), new_once()));
    fields
}

/// The pairs of a query that this console wrote.
pub(crate) fn parsed(query: &str) -> Vec<(String, String)> {
    let uri = format!("/?{query}").parse::<axum::http::Uri>().ok();
    uri.and_then(|uri| axum::extract::Query::try_from_uri(&uri).ok()).map(|query| query.0).unwrap_or_default()
}

async fn words(console: &Console, wish: &Wish) -> Answer<Vec<String>> {
    let mut words: Vec<String> = wish
        .changes
        .iter()
        .map(|change| match change {
            Change::Status(status) => format!("The status becomes {status}."),
            Change::Severity(severity) => format!("The severity becomes {severity}."),
            Change::Owner(Some(owner)) => format!("The owner becomes {owner}."),
            Change::Owner(None) => "The incidents have no owner any more.".to_owned(),
            Change::Attribute(name, value) if value.is_empty() => format!("{name} is taken away."),
            Change::Attribute(name, value) => format!("{name} becomes {value}."),
            Change::Hidden(true) => "They stand only in lists that ask for hidden incidents.".to_owned(),
            Change::Hidden(false) => "They stand in the usual lists again.".to_owned(),
            other => format!("{other:?}"),
        })
        .collect();
    if !wish.note.trim().is_empty() {
        words.push(format!("This note is added: {}", wish.note.trim()));
    }
    if wish.delete {
        words.push("The incidents are deleted at once, with their histories and originals. That cannot be taken back.".to_owned());
    }
    if let Some(id) = wish.rule {
        let rule = console.responses.rule(id).await?.ok_or(Problem::NotFound)?;
        words.push(format!("The smart response rule {} will {}.", rule.name, rule.words()));
        if console.responses.needs_second_person(&rule).await? {
            words.push("It waits until a second person has confirmed it for each incident.".to_owned());
        }
        if rule.actions.iter().any(|action| action.plugin().is_some()) {
            words.push(
                "The mail itself may be released or deleted by it. That cannot be taken back.".to_owned(),
            );
        }
    }
    Ok(words)
}

async fn rows(console: &Console, viewer: &Viewer, wish: &Wish) -> Answer<Vec<Row>> {
    let shown = wish.ids.iter().take(SHOWN).map(|id| Scalar::Number(i64::try_from(*id).unwrap_or(-1)));
    let condition = Condition::Is(Field::Id, shown.collect());
    let search = Search { condition, limit: SHOWN as u32, ..Search::default() };
    let mut lines = console.desk.page(&access(viewer), &search).await?.rows;
    lines.iter_mut().for_each(|one| redact_line(viewer, one));
    Ok(lines.iter().map(|one| Row::of(one, "", &[], &Default::default())).collect())
}

pub(super) async fn apply(
    State(console): State<Console>,
    viewer: Viewer,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer {
    may_remediate(&viewer)?;
    let wish = Wish::read(&pairs).map_err(bad)?;
    if wish.ids.is_empty() || wish.is_empty() {
        return Err(bad("Nothing was chosen, so nothing was changed. Go back to the list."));
    }
    let (access, actor) = (access(&viewer), actor(&viewer));
    if wish.delete {
        return delete(&console, &viewer, &wish).await;
    }
    let rule = match wish.rule {
        Some(id) => Some(console.responses.rule(id).await?.ok_or(Problem::NotFound)?),
        None => None,
    };
    let entry = viewer.entry("INCIDENTS_CHANGED", &format!("{} incidents", wish.ids.len()), &logged(&wish));
    let mut changes = wish.changes.clone();
    let said = match rule {
        None => {
            if !wish.note.trim().is_empty() {
                changes.push(Change::Note(wish.note.trim().to_owned()));
            }
            let (as_of, once) = (wish.as_of, wish.once);
            let decision = Decision { ids: wish.ids.clone(), changes, as_of, once, ..Decision::default() };
            let results = console.desk.noting(entry).decide(&access, &actor, decision).await?.map_err(bad)?;
            let count = |wanted| results.iter().filter(|(_, result)| *result == wanted).count();
            let said = match count(Changed::Repeated) {
                0 => format!("{} of {} incidents changed.", count(Changed::Done), wish.ids.len()),
                _ => "That was sent before, and is done once.".to_owned(),
            };
            format!("{said}{}", left_alone(count(Changed::Stale)))
        }
        Some(rule) => {
            let (as_of, once) = (wish.as_of, wish.once);
            let on = On { ids: &wish.ids, besides: changes, note: &wish.note, as_of, once, ..On::default() };
            let done = console.responses.noting(entry).run(&access, &actor, &rule, on).await?.map_err(bad)?;
            let requested = done.iter().filter(|one| one.requested).count();
            let there = done.iter().filter(|one| one.there).count();
            let said = match requested {
                _ if done.iter().any(|one| one.waits) => {
                    format!("{} waits for a second person for {there} incidents.", rule.name)
                }
                0 => format!("{} was done for {there} incidents.", rule.name),
                _ => format!(
                    "{} was requested for {requested} incidents; what came of it is in their histories soon.",
                    rule.name
                ),
            };
            format!("{said}{}", left_alone(done.iter().filter(|one| one.stale).count()))
        }
    };
    viewer.say(Tone::Done, said).await?;
    Ok(see_other(&format!("/incidents?{}", Filter::read(&parsed(&wish.query)).unwrap_or_default().query())))
}

fn left_alone(stale: usize) -> String {
    match stale {
        0 => String::new(),
        _ => format!(" Somebody decided on {stale} of them since the preview: these were left alone."),
    }
}

/// Those of the incidents that the asker may see.
async fn reached(console: &Console, access: &Access, ids: &[u64]) -> Answer<Vec<u64>> {
    const AT_ONCE: usize = 500;
    let mut reached = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        let ids = some.iter().map(|id| Scalar::Number(i64::try_from(*id).unwrap_or(-1))).collect();
        reached.extend(console.desk.ids(access, &Condition::Is(Field::Id, ids), AT_ONCE as u32).await?);
    }
    Ok(reached)
}

/// Nothing else is done to what goes away.
async fn delete(console: &Console, viewer: &Viewer, wish: &Wish) -> Answer {
    viewer.require(Privilege::DeleteIncidents)?;
    let (enforce, access, actor, ids) =
        (console.enforce.clone(), access(viewer), viewer.actor(), wish.ids.clone());
    // It goes on if the browser does not wait.
    let work = tokio::spawn(async move { delete_some(&enforce, &access, &actor, &ids).await });
    let (gone, error) = work.await.map_err(|why| Problem::Internal(format!("a deletion failed: {why}")))?;
    match error {
        None => viewer.say(Tone::Done, format!("{gone} incidents are deleted.")).await?,
        Some(error) => {
            tracing::error!(%error, gone, "a deletion of incidents stopped");
            let said = format!(
                "{gone} of {} incidents are deleted, each with its line in the audit log; then the database did not answer. \
                Choose the rest again.",
                wish.ids.len()
            );
            viewer.say(Tone::Trouble, said).await?;
        }
    }
    Ok(see_other("/incidents"))
}

/// Some at a time, each lot with its line in the audit log or not at all. How many are gone, and what stopped it.
async fn delete_some(
    enforce: &Enforce,
    access: &Access,
    actor: &web::audit::Actor,
    ids: &[u64],
) -> (usize, Option<crate::Error>) {
    let mut all = 0;
    for lot in ids.chunks(LOT) {
        let done = async {
            let mut transaction = enforce.database().begin().await?;
            let gone = enforce.desk().delete_within(&mut *transaction, access, lot).await?;
            if !gone.is_empty() {
                let subject = format!("{} incidents", gone.len());
                let numbers = gone.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let audit = enforce.site.audit();
                audit.add_within(&mut *transaction, actor, "INCIDENTS_DELETED", &subject, &numbers).await?;
            }
            transaction.commit().await?;
            Ok::<_, crate::Error>(gone.len())
        };
        match done.await {
            Ok(gone) => all += gone,
            Err(error) => return (all, Some(error)),
        }
    }
    (all, None)
}

/// For the audit log: what, without the words of notes.
fn logged(wish: &Wish) -> String {
    let changes: Vec<String> = wish
        .changes
        .iter()
        .map(|change| match change {
            Change::Status(status) => format!("status {status}"),
            Change::Severity(severity) => format!("severity {severity}"),
            Change::Owner(owner) => format!("owner {}", owner.as_deref().unwrap_or("none")),
            Change::Attribute(name, _) => format!("attribute {name}"),
            Change::Hidden(true) => "hidden".to_owned(),
            Change::Hidden(false) => "shown again".to_owned(),
            _ => String::new(),
        })
        .chain(wish.rule.map(|id| format!("smart response rule {id}")))
        .collect();
    changes.join(", ")
}
