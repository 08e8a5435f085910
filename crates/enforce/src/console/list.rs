//! The list of incidents: filters in the address bar, columns to sort by, pages by key, rows to choose for one action.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use incident::desk::{Listed, Search, Sort, StatusRow};
use incident::{PREVENT_STATUSES, Severity, prevent_status_name};
use web::Viewer;
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Pager, Tint};
use web::mail::line;
use web::people::{Hidden, Privilege};
use web::session::Tone;

use super::columns::{Attributes, Column, attributes};
use super::filter::Filter;
use super::looking::Looking;
use super::seen::{access, plain, redact_line};
use super::{Answer, Console};

/// Lines of a page.
pub(super) const LINES: u32 = 50;

#[derive(Template)]
#[template(path = "incidents.html")]
struct ListPage {
    form: Html,
    fields: Vec<Field>,
    /// Each can be left out.
    others: Vec<(&'static str, String, String)>,
    more: Vec<Field>,
    open: bool,
    /// Columns that can be shown: word, title, whether it is.
    columns: Vec<(String, String, bool)>,
    /// Titles of those that are.
    columns_shown: Vec<String>,
    heads: Vec<Head>,
    rows: Vec<Row>,
    nothing: bool,
    /// The filter for the viewer's own.
    mine: String,
    /// How far a search is that is not through at once.
    looking: Option<Html>,
    pager: Pager,
    /// Of the days of its filters; the reader's own where scripts run.
    zone: String,
    query: String,
    statuses: Vec<String>,
    rules: Vec<(u64, String)>,
    /// Custom attributes that can be set.
    attributes: Vec<String>,
    remediates: bool,
    deletes: bool,
    /// Empty where it is not known yet.
    count: String,
}

struct Head {
    title: String,
    address: Option<String>,
    sorted: &'static str,
    number: bool,
}

/// A line as shown.
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) address: String,
    pub(super) received: Moment,
    pub(super) severity: Chip,
    pub(super) policy: String,
    pub(super) trial: bool,
    pub(super) sender: Html,
    pub(super) recipients: Html,
    pub(super) subject: Html,
    pub(super) matches: u64,
    pub(super) status: Chip,
    pub(super) prevent: Chip,
    pub(super) owner: String,
    /// Of the columns that are asked for.
    pub(super) more: Vec<Html>,
}

impl Row {
    pub(super) fn of(line_: &Listed, query: &str, columns: &[Column], attributes: &Attributes) -> Self {
        let summary = &line_.summary;
        let more = summary.recipients.len().saturating_sub(1);
        let first = summary.recipients.first().map_or("", String::as_str);
        let others = if more > 0 { format!(" and {more} more") } else { String::new() };
        let sender = if summary.sender.is_empty() { "<>" } else { &summary.sender };
        Self {
            id: summary.id,
            address: format!("/incidents/{}{}{query}", summary.id, if query.is_empty() { "" } else { "?" }),
            received: Moment(summary.received_at.as_millisecond()),
            severity: Chip::severity(&summary.severity.to_string()),
            policy: plain(&summary.policy),
            trial: summary.trial,
            sender: line(sender, 60),
            recipients: Html::new(format!("{}{others}", line(first, 60))),
            subject: line(if summary.subject.is_empty() { "(no subject)" } else { &summary.subject }, 90),
            matches: summary.matches,
            status: Chip::status(summary.status.as_str()),
            prevent: prevent_chip(summary.prevent_status),
            owner: plain(line_.owner.as_deref().unwrap_or_default()),
            more: columns.iter().map(|column| column.cell(line_, attributes)).collect(),
        }
    }
}

/// A prevent status: what became of the mail.
pub(super) fn prevent_chip(status: i64) -> Chip {
    let tint = match status {
        0 | 22 => Tint::Good,
        1 | 23 => Tint::Bad,
        12 | 29 => Tint::Severe,
        13 | 21 | 46 | 61 => Tint::Warn,
        2 | 11 | 24 | 26 => Tint::Info,
        _ => Tint::Plain,
    };
    Chip::new(prevent_status_name(status), tint)
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let filter = Filter::asked(&console.desk, &viewer, &pairs).await?;
    let (listed, statuses) =
        tokio::try_join!(listed(&console, &viewer, &filter), async { Ok(console.desk.statuses().await?) })?;
    let Listing { mut lines, pager, count, looking } = listed;
    lines.iter_mut().for_each(|one| redact_line(&viewer, one));
    let attributes = attributes(&console, &filter.columns, &lines).await?;
    let query = filter.query();
    let remediates = viewer.may(Privilege::RemediateIncidents);
    let more = more_fields(&viewer, &filter, groups(&statuses));
    let content = ListPage {
        form: viewer.form(),
        fields: fields(&filter, &statuses, policies(&console, &viewer, &filter)),
        others: others(&filter),
        open: !filter.columns.is_empty() || more.iter().any(Field::is_filled),
        more,
        attributes: super::snapshot::attribute_names(&console, &viewer).await?,
        columns: offered(&console, &viewer, &filter).await?,
        columns_shown: filter.columns.iter().map(|one| one.title().to_owned()).collect(),
        heads: heads(&viewer, &filter),
        rows: lines.iter().map(|one| Row::of(one, &query, &filter.columns, &attributes)).collect(),
        mine: Filter { owner: viewer.name.clone(), ..Filter::default() }.query(),
        nothing: lines.is_empty() && looking.as_ref().is_none_or(Looking::is_vain),
        looking: looking.filter(|one| !one.is_vain()).map(|one| Html::of(&one)).transpose()?,
        pager,
        zone: filter.zone.clone(),
        query,
        statuses: statuses.into_iter().map(|one| one.name).collect(),
        rules: match remediates {
            true => console.desk.rules().await?.into_iter().map(|rule| (rule.id, rule.name)).collect(),
            false => Vec::new(),
        },
        remediates,
        deletes: viewer.may(Privilege::DeleteIncidents),
        count,
    };
    let mut page = Page::new(&viewer, "Incidents").wide();
    if !console.enforce.originals_trouble().is_empty() {
        page = page.say(
            Tone::Trouble,
            "Something is wrong with the object store of original messages: the servers page says what.",
        );
    }
    Ok(page.show(&content)?)
}

/// What a list has.
struct Listing {
    lines: Vec<Listed>,
    pager: Pager,
    count: String,
    looking: Option<Looking>,
}

/// The lines of a page; what no list answers is begun to be searched for.
async fn listed(console: &Console, viewer: &Viewer, filter: &Filter) -> Answer<Listing> {
    let (access, search, query) = (access(viewer), filter.search(LINES), filter.query());
    let address = |query: &str| format!("/incidents?{query}");
    if let Some(found) = console.desk.search_back(&access, &search).await? {
        let looking = Looking::of(console, viewer, filter, &found, 0).await?;
        let pager = Pager { first: filter.after.is_some().then(|| address(&query)), ..Pager::default() };
        return Ok(Listing { lines: found.rows, pager, count: String::new(), looking: Some(looking) });
    }
    let (page, count) = console.desk.counted_page(&access, &search).await?;
    let lines = page.rows;
    let keys = (lines.first().map(|one| one.key.clone()), lines.last().map(|one| one.key.clone()));
    let pager = Pager {
        shown: format!("{} shown of {count}", lines.len()),
        first: page.more_before.then(|| address(&query)),
        before: keys.0.filter(|_| page.more_before).map(|key| address(&filter.at(&key, true))),
        after: keys.1.filter(|_| page.more_after).map(|key| address(&filter.at(&key, false))),
    };
    Ok(Listing { lines, pager, count: count.to_string(), looking: None })
}

/// The next incident of the list, for "OK & Advance".
pub(super) async fn next(
    console: &Console,
    viewer: &Viewer,
    filter: &Filter,
    id: u64,
) -> Answer<Option<u64>> {
    let access = access(viewer);
    let here = incident::desk::Condition::Is(
        incident::desk::Field::Id,
        vec![incident::desk::Scalar::Number(i64::try_from(id).unwrap_or(-1))],
    );
    let this = Search { condition: here, sort: filter.sort, limit: 1, ..Search::default() };
    let Some(line) = console.desk.page(&access, &this).await?.rows.into_iter().next() else {
        return Ok(None);
    };
    let after = Search { after: Some(line.key), backwards: false, ..filter.search(1) };
    Ok(console.desk.page(&access, &after).await?.rows.first().map(|line| line.summary.id))
}

/// Columns that can be asked for: word, title, whether it is there. Attributes describe people.
async fn offered(console: &Console, viewer: &Viewer, filter: &Filter) -> Answer<Vec<(String, String, bool)>> {
    let mut columns = Column::FIXED.to_vec();
    if !viewer.hides(Hidden::Sender) {
        let known = console.desk.attribute_definitions().await?;
        columns.extend(known.into_iter().map(|one| Column::Attribute(one.name)));
    }
    columns.extend(filter.columns.iter().filter(|one| !columns.contains(one)).cloned().collect::<Vec<_>>());
    let offer = |one: Column| (one.word(), plain(one.title()), filter.columns.contains(&one));
    Ok(columns.into_iter().map(offer).collect())
}

/// The policies that can be asked for: those of the set, as far as the role reaches them, and the one that is asked for.
fn policies(console: &Console, viewer: &Viewer, filter: &Filter) -> Vec<(String, String)> {
    let mut policies = console.enforce.site.policies().to_vec();
    for bound in &viewer.role.rights.access {
        if let web::people::Condition::Policy { any_of } = bound {
            policies.retain(|(id, _)| any_of.contains(id));
        }
    }
    if let Some(id) = filter.policy.first().filter(|id| policies.iter().all(|(known, _)| known != *id)) {
        policies.push((*id, format!("number {id}")));
    }
    policies.into_iter().map(|(id, name)| (id.to_string(), plain(&name))).collect()
}

fn fields(filter: &Filter, statuses: &[StatusRow], policies: Vec<(String, String)>) -> Vec<Field> {
    let first = |values: &[String]| values.first().cloned().unwrap_or_default();
    let with_all = |choices: Vec<(String, String)>| {
        std::iter::once((String::new(), "Any".to_owned())).chain(choices).collect::<Vec<_>>()
    };
    let severities = [Severity::High, Severity::Medium, Severity::Low, Severity::Info];
    let date = |date: Option<jiff::civil::Date>| date.map(|date| date.to_string()).unwrap_or_default();
    let asked = filter.since.is_some() || filter.until.is_some();
    let days = if asked { format!("Days of {}.", filter.zone_name()) } else { String::new() };
    vec![
        Field::new(Kind::OneOf, "status", "Status")
            .choices(with_all(statuses.iter().map(|one| (one.name.clone(), one.name.clone())).collect()))
            .value(first(&filter.status)),
        Field::new(Kind::OneOf, "severity", "Severity")
            .choices(with_all(severities.iter().map(|one| (one.to_string(), one.to_string())).collect()))
            .value(filter.severity.first().map(ToString::to_string).unwrap_or_default()),
        Field::new(Kind::OneOf, "policy", "Policy")
            .choices(with_all(policies))
            .value(filter.policy.first().map(ToString::to_string).unwrap_or_default()),
        Field::new(Kind::Search, "sender", "Sender")
            .value(&filter.sender)
            .hint("Address, @domain, or a part."),
        Field::new(Kind::Search, "recipient", "Recipient").value(&filter.recipient),
        Field::new(Kind::Search, "subject", "Subject has").value(&filter.subject),
        Field::new(Kind::Date, "from", "From").value(date(filter.since)).hint(&days),
        Field::new(Kind::Date, "to", "To").value(date(filter.until)).hint(&days),
    ]
}

/// What is asked for beside what the fields show: of a filter that names several, a field shows the first. Field, value, words.
fn others(filter: &Filter) -> Vec<(&'static str, String, String)> {
    let status = filter.status.iter().skip(1).map(|one| ("status", one.clone(), format!("status {one}")));
    let severity = filter.severity.iter().skip(1);
    let severity = severity.map(|one| ("severity", one.to_string(), format!("severity {one}")));
    let policy = filter.policy.iter().skip(1);
    let policy = policy.map(|one| ("policy", one.to_string(), format!("policy number {one}")));
    let prevent = filter.prevent.iter().skip(1);
    let prevent = prevent.map(|one| ("prevent", one.to_string(), prevent_status_name(*one).to_owned()));
    status.chain(severity).chain(policy).chain(prevent).collect()
}

/// The groups of statuses, each once, in the order of the statuses.
fn groups(statuses: &[StatusRow]) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for status in statuses {
        if !groups.contains(&status.group) {
            groups.push(status.group.clone());
        }
    }
    groups
}

fn more_fields(viewer: &Viewer, filter: &Filter, groups: Vec<String>) -> Vec<Field> {
    let groups = std::iter::once((String::new(), "Any".to_owned()))
        .chain(groups.into_iter().map(|group| (group.clone(), group)));
    let prevents = std::iter::once((String::new(), "Any".to_owned()))
        .chain(PREVENT_STATUSES.iter().map(|(id, _, words)| (id.to_string(), (*words).to_owned())));
    let mut fields = vec![
        Field::new(Kind::OneOf, "group", "Group of statuses").choices(groups).value(&filter.group),
        Field::new(Kind::OneOf, "prevent", "What became of the mail")
            .choices(prevents)
            .value(filter.prevent.first().map(ToString::to_string).unwrap_or_default()),
    ];
    fields.extend(viewer.may_see_matches().then(|| {
        Field::new(Kind::Search, "value", "Matched value")
            .value(&filter.value)
            .hint("Whole, however it was written.")
    }));
    let data_owner = || Field::new(Kind::Search, "data-owner", "Data owner").value(&filter.data_owner);
    fields.extend((!viewer.hides(Hidden::Sender)).then(data_owner));
    fields.extend([Field::new(Kind::Search, "unscannable", "Not inspected because")
        .value(&filter.unscannable)
        .hint("encrypted, corrupt, timeout, …")]);
    let file = || Field::new(Kind::Search, "file", "File in which it was found").value(&filter.file);
    let sees_files = !viewer.hides(Hidden::Attachments) && !viewer.hides(Hidden::Matches);
    fields.extend(sees_files.then(|| file().hint("Its whole name: offer.xlsx.")));
    fields.extend([
        Field::new(Kind::Search, "server", "Detection server").value(&filter.server),
        Field::new(Kind::Search, "owner", "Owner").value(&filter.owner),
        Field::new(Kind::Search, "location", "Remediation location").value(&filter.location),
        Field::new(Kind::Search, "attribute", "Custom attribute")
            .value(
                filter.attribute.as_ref().map(|(name, value)| format!("{name}={value}")).unwrap_or_default(),
            )
            .hint("Name and whole value: Department=Sales."),
        Field::new(Kind::Check, "hidden", "Hidden incidents").checked(filter.hidden),
    ]);
    fields
}

fn heads(viewer: &Viewer, filter: &Filter) -> Vec<Head> {
    let head = |title: &str, sort: Option<Sort>, number| Head {
        title: title.to_owned(),
        address: sort
            .filter(|sort| *sort != Sort::Sender || !viewer.hides(Hidden::Sender))
            .map(|sort| format!("/incidents?{}", filter.sorted(sort))),
        sorted: match sort {
            Some(sort) if sort == filter.sort && filter.ascending => "ascending",
            Some(sort) if sort == filter.sort => "descending",
            _ => "none",
        },
        number,
    };
    let mut heads = vec![
        head("Number, received", Some(Sort::Received), false),
        head("Severity", Some(Sort::Severity), false),
        head("Subject, policy", Some(Sort::Policy), false),
        head("Sender, recipients", Some(Sort::Sender), false),
        head("Matches", Some(Sort::Matches), true),
        head("Status, mail", Some(Sort::Status), false),
    ];
    heads.extend(filter.columns.iter().map(|column| head(column.title(), column.sort(), false)));
    heads
}

/// A page for a response that is no page of its own.
pub(super) fn see_other(address: &str) -> Response {
    use axum::response::{IntoResponse, Redirect};
    Redirect::to(address).into_response()
}
