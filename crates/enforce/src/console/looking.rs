//! How far a search for parts of texts is: a page begins it, and goes on piece by piece until it is through, full or stopped.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{Html as Body, IntoResponse};
use incident::desk::{Found, Key, Search, Sort};
use web::Viewer;
use web::layout::{Moment, plot::grouped};
use web::people::Privilege;

use super::columns::attributes;
use super::filter::Filter;
use super::list::{LINES, Row};
use super::seen::{access, redact_line};
use super::trouble::bad;
use super::{Answer, Console};

/// The part of the list that says how far it is.
#[derive(Template)]
#[template(path = "incidents_looking.html")]
pub(super) struct Looking {
    phase: Phase,
    found: usize,
    /// In the order of time, how far.
    at: Option<Moment>,
    ascending: bool,
    /// Percent of so many.
    far: Option<(u64, String)>,
    /// Where the list goes on from here.
    on: String,
    /// The next piece; its end stops the search.
    next: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    GoesOn,
    Stopped,
    /// The page is full.
    Full,
    Through,
}

impl Looking {
    /// After a piece; `before`: found on this page by those before it.
    pub(super) async fn of(
        console: &Console,
        viewer: &Viewer,
        filter: &Filter,
        found: &Found,
        before: usize,
    ) -> Answer<Self> {
        let phase = match &found.looked_to {
            None => Phase::Through,
            Some(_) if found.is_full => Phase::Full,
            Some(_) => Phase::GoesOn,
        };
        let all = before + found.rows.len();
        Self::at(console, viewer, filter, phase, found.looked_to.as_ref(), all).await
    }

    async fn at(
        console: &Console,
        viewer: &Viewer,
        filter: &Filter,
        phase: Phase,
        looked_to: Option<&Key>,
        found: usize,
    ) -> Answer<Self> {
        let (search, access) = (filter.search(LINES), access(viewer));
        let far = match looked_to {
            Some(key) => console.desk.how_far(&access, &search, key).await?,
            None => None,
        };
        let far = far.filter(|far| far.of > 0);
        let place = looked_to.map(|key| filter.at(key, false)).unwrap_or_default();
        Ok(Self {
            phase,
            found,
            at: looked_to.filter(|_| search.sort == Sort::Received).map(|key| Moment(key.at)),
            ascending: filter.ascending,
            far: far.map(|far| (far.looked_at * 100 / far.of, grouped(far.of))),
            on: format!("/incidents?{place}"),
            next: format!("/incidents/look?{place}&found={found}"),
        })
    }

    fn goes_on(&self) -> bool {
        self.phase == Phase::GoesOn
    }

    /// Nothing more is to be expected, and there is nothing.
    pub(super) fn is_vain(&self) -> bool {
        self.phase == Phase::Through && self.found == 0
    }
}

/// The next piece, for a page that shows those before it.
#[derive(Template)]
#[template(path = "incidents_piece.html")]
struct Piece {
    looking: String,
    rows: Vec<Row>,
    columns_shown: Vec<String>,
    remediates: bool,
}

pub(super) async fn piece(
    State(console): State<Console>,
    viewer: Viewer,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let (own, pairs): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(name, _)| ["found", "stop"].contains(&name.as_str()));
    let before = own.iter().find(|(name, _)| name == "found").map_or("0", |(_, value)| value);
    let before = before.parse::<u32>().ok().filter(|found| *found < LINES);
    let before = before.ok_or_else(|| bad(format!("found is a number below {LINES}.")))?;
    let filter = Filter::asked(&console.desk, &viewer, &pairs).await?;
    if own.iter().any(|(name, _)| name == "stop") {
        let key = filter.after.as_ref();
        let looking = Looking::at(&console, &viewer, &filter, Phase::Stopped, key, before as usize).await?;
        return Ok(Body(looking.render()?).into_response());
    }
    let search = filter.search(LINES - before);
    let found = match console.desk.search_back(&access(&viewer), &search).await? {
        Some(found) => found,
        None => of_page(&console, &viewer, &search).await?,
    };
    let looking = Looking::of(&console, &viewer, &filter, &found, before as usize).await?.render()?;
    let mut lines = found.rows;
    lines.iter_mut().for_each(|one| redact_line(&viewer, one));
    let attributes = attributes(&console, &filter.columns, &lines).await?;
    let query = filter.query();
    let piece = Piece {
        looking,
        rows: lines.iter().map(|one| Row::of(one, &query, &filter.columns, &attributes)).collect(),
        columns_shown: filter.columns.iter().map(|one| one.title().to_owned()).collect(),
        remediates: viewer.may(Privilege::RemediateIncidents),
    };
    Ok(Body(piece.render()?).into_response())
}

/// What is answered at once is a piece too: another list meanwhile, or few are left.
async fn of_page(console: &Console, viewer: &Viewer, search: &Search) -> Answer<Found> {
    let page = console.desk.page(&access(viewer), search).await?;
    let looked_to = page.rows.last().filter(|_| page.more_after).map(|line| line.key.clone());
    Ok(Found { rows: page.rows, is_full: page.more_after, looked_to })
}
