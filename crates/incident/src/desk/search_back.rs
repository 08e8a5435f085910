//! A search for parts of texts, which no index answers, in pieces: each statement reads a stretch of the list by its key, and whoever
//! searches is told how far back it is.

use super::condition::{Condition, Field, Order, Scalar};
use super::lists::{Source, tests};
use super::search::{Key, Listed, Search, listed};
use super::{Access, Desk, Sort};
use crate::Error;

/// Statements of one call, each over a stretch of the list.
const PIECES: usize = 2;
/// Milliseconds.
const DAY: i64 = 86_400_000;

/// What a search in pieces has found in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In the order of the list.
    pub rows: Vec<Listed>,
    /// The page is full: there may be more behind its last line.
    pub is_full: bool,
    /// As far as was looked, to go on from there. None: to the end of the list.
    pub looked_to: Option<Key>,
}

/// How far back a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Far {
    /// Incidents that were looked at, by the daily counts; within a day as if they stood evenly.
    pub looked_at: u64,
    /// All of these days.
    pub of: u64,
}

impl Desk {
    /// The first or next lines of a search for parts of texts. None: [`Self::counted_page`] answers it at once.
    ///
    /// No statement reads more than 10,000 incidents, no call more than twice as many. A key is that of an incident which the asker
    /// may not see, if that stands there: only those of orders that say nothing but its number and time are given to somebody
    /// who does not see all.
    pub async fn search_back(&self, access: &Access, search: &Search) -> Result<Option<Found>, Error> {
        let tests = tests(access, &search.condition);
        let tells = !matches!(search.sort, Sort::Received | Sort::Id | Sort::Recorded);
        if search.backwards
            || !tests.iter().any(|test| test.reads_all())
            || tests.iter().any(|test| test.reads_other_rows())
            || search.sort.reads_all()
            || (tells && !access.is_everything())
        {
            return Ok(None);
        }
        let way = self.way(tests.clone(), search.sort).await?;
        if way.is_few() || self.is_in_columns(&tests).await? {
            return Ok(None);
        }
        let from = match (way.from, search.sort.index()) {
            (Some(from @ (Source::List(_) | Source::Index(_))), _) => from,
            (_, Some(index)) => Source::Index(index),
            (_, None) => return Ok(None),
        };
        // What bounds the list itself: stretches are counted within it.
        let own: Vec<&Condition> = tests
            .iter()
            .copied()
            .filter(|test| match (&from, test) {
                (Source::List(list), test) if std::ptr::eq(list.test, *test) => true,
                (_, Condition::Compare(Field::ReceivedAt, ..)) => search.sort == Sort::Received,
                _ => false,
            })
            .collect();
        // A list that is no longer than a stretch is read at once, and its lines are counted.
        let whole = Search { after: None, ..search.clone() };
        if self.nth_of(&from, &own, &whole, self.stretch).await?.is_none() {
            return Ok(None);
        }
        self.pieces_of(&from, &own, &tests, search).await.map(Some)
    }

    async fn pieces_of(
        &self,
        from: &Source<'_>,
        own: &[&Condition],
        tests: &[&Condition],
        search: &Search,
    ) -> Result<Found, Error> {
        let (mut place, mut rows) = (search.clone(), Vec::new());
        for _ in 0..PIECES {
            let end = self.nth_of(from, own, &place, self.stretch.saturating_sub(1)).await?;
            let found = self.fetched(true, self.lines(from, tests, &place, end.as_ref())).await?;
            let is_full = found.len() > place.lines();
            let lines = found.iter().take(place.lines()).map(|row| listed(row, search.sort));
            rows.extend(lines.collect::<Result<Vec<_>, _>>()?);
            if is_full {
                let looked_to = rows.last().map(|line: &Listed| line.key.clone());
                return Ok(Found { rows, is_full, looked_to });
            }
            let Some(end) = end else { return Ok(Found { rows, is_full: false, looked_to: None }) };
            place.after = Some(end);
            place.limit = search.limit.saturating_sub(rows.len() as u32);
            if place.limit == 0 {
                break;
            }
        }
        Ok(Found { rows, is_full: place.limit == 0, looked_to: place.after })
    }

    /// How far back a search in the order of time is that has looked to this key. None where that is not known: in another order,
    /// and for somebody whose share of the incidents is not counted by day.
    pub async fn how_far(
        &self,
        access: &Access,
        search: &Search,
        looked_to: &Key,
    ) -> Result<Option<Far>, Error> {
        if search.sort != Sort::Received || !super::counts::is_counted(&access.0) {
            return Ok(None);
        }
        let (mut first, mut last) = (i64::MIN, i64::MAX);
        for test in search.condition.parts() {
            let Condition::Compare(Field::ReceivedAt, order, Scalar::Number(at)) = test else { continue };
            match order {
                Order::GreaterOrEqual | Order::Greater => first = first.max(*at),
                Order::Less | Order::LessOrEqual => last = last.min(*at - 1),
            }
        }
        let days = (first.div_euclid(DAY), last.div_euclid(DAY));
        let (day, within) = (looked_to.at.div_euclid(DAY), looked_to.at.rem_euclid(DAY));
        let [of, newer, here] = self.counted_by_day(access, days, day).await?;
        let part = here as f64 * ((DAY - within) as f64 / DAY as f64);
        let newer = newer + part as u64;
        let looked_at = if search.ascending { of.saturating_sub(newer) } else { newer };
        Ok(Some(Far { looked_at: looked_at.min(of), of }))
    }
}
