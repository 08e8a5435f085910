//! How a page and its count are read: at first from where they probably stand close together, and no further than a stretch;
//! where they do not, from the columns of all incidents; and only where columns cannot tell, from all that there is.

use store::database::Row;

use super::lists::{Rarest, Source, tests};
use super::search::{COUNTED, Count, Page, Search, columns, listed, page_of, reads_all};
use super::sort::{BY_TIME, Sort};
use super::{Access, Condition, Desk};
use crate::Error;

/// From what lists are read. Whatever it is, the same is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// From what is quickest, as far as that is known.
    #[default]
    Quickest,
    /// From rows and their indexes.
    Rows,
    /// From columns; what these cannot tell is an error.
    Columns,
}

/// How incidents that meet some tests are found.
#[derive(Debug)]
pub(super) struct Way<'c> {
    tests: Vec<&'c Condition>,
    rarest: Option<Rarest<'c>>,
    /// Where they stand in the order that is wanted, as far as that is known.
    pub(super) from: Option<Source<'c>>,
}

impl<'c> Way<'c> {
    /// Where they stand, in whatever order.
    pub(super) fn source(&self) -> Source<'c> {
        self.rarest.map_or(Source::Anywhere, |rarest| Source::List(rarest.list))
    }

    pub(super) fn is_few(&self) -> bool {
        self.rarest.is_some_and(|rarest| rarest.is_few)
    }

    /// The test that a source answers by itself.
    fn own(from: &Source<'c>) -> Vec<&'c Condition> {
        match from {
            Source::List(list) => vec![list.test],
            Source::Anywhere | Source::Index(_) => Vec::new(),
        }
    }

    /// Nothing is asked but what the source answers.
    fn is_all_of(&self, from: &Source<'c>) -> bool {
        let own = Self::own(from);
        self.tests.iter().all(|test| own.iter().any(|own| std::ptr::eq(*own, *test)))
    }
}

impl Desk {
    /// A page of a list.
    pub async fn page(&self, access: &Access, search: &Search) -> Result<Page, Error> {
        let way = self.way(tests(access, &search.condition), search.sort).await?;
        let mut rows = self.quick_page(&way, search).await?;
        if rows.is_none()
            && let Some(sifted) = self.sifted(&way.tests, Some(search)).await?
        {
            rows = Some(self.lines_of(&sifted.ids, &way.tests, search).await?);
        }
        match rows {
            Some(rows) => page_of(&rows, search),
            None => page_of(&self.slow_page(&way, search).await?, search),
        }
    }

    /// A page of a list, and how many there are.
    pub async fn counted_page(&self, access: &Access, search: &Search) -> Result<(Page, Count), Error> {
        let way = self.way(tests(access, &search.condition), search.sort).await?;
        // One after the other where it may take long: the few connections for such searches are for others too.
        let (mut rows, mut count) = match reads_all(&way.tests) {
            true => (self.quick_page(&way, search).await?, None),
            false => tokio::try_join!(self.quick_page(&way, search), self.quick_count(&way))?,
        };
        if rows.is_none() || count.is_none() {
            let page = rows.is_none().then_some(search);
            if let Some(sifted) = self.sifted(&way.tests, page).await? {
                count = count.or(Some(Count::of(sifted.count)));
                if page.is_some() {
                    rows = Some(self.lines_of(&sifted.ids, &way.tests, search).await?);
                }
            }
        }
        let rows = match rows {
            Some(rows) => rows,
            None => self.slow_page(&way, search).await?,
        };
        let page = page_of(&rows, search)?;
        let count = match count {
            Some(count) => count,
            // A page without its count is one.
            None => match self.slow_count(&way, None).await {
                Err(Error::Store(store::Error::TookTooLong(_))) => Count::MoreThan(page.rows.len() as u64),
                count => count?,
            },
        };
        Ok((page, count))
    }

    /// How many there are.
    pub async fn count(&self, access: &Access, condition: &Condition) -> Result<Count, Error> {
        let way = self.way(tests(access, condition), Sort::Received).await?;
        if let Some(count) = self.quick_count(&way).await? {
            return Ok(count);
        }
        match self.sifted(&way.tests, None).await? {
            Some(sifted) => Ok(Count::of(sifted.count)),
            None => self.slow_count(&way, None).await,
        }
    }

    pub(super) async fn way<'c>(&self, tests: Vec<&'c Condition>, sort: Sort) -> Result<Way<'c>, Error> {
        let rarest = self.rarest(&tests).await?;
        let from = match (rarest, sort.index()) {
            (Some(rarest), _) if sort == Sort::Received && rarest.list.is_in_order() => {
                Some(Source::List(rarest.list))
            }
            (Some(_), _) => None,
            (None, Some(index)) => Some(Self::unlisted(&tests, index)),
            (None, None) => Some(Source::Anywhere),
        };
        Ok(Way { tests, rarest, from })
    }

    /// The lines of a page where they are few, or stand close together.
    async fn quick_page(&self, way: &Way<'_>, search: &Search) -> Result<Option<Vec<Row>>, Error> {
        if self.reading == Reading::Columns {
            return Ok(None);
        }
        match (&way.from, search.sort.index()) {
            _ if way.is_few() => self.slow_page(way, search).await.map(Some),
            (Some(Source::Anywhere), _) => Ok(None),
            (Some(from), _) if way.is_all_of(from) => self.slow_page(way, search).await.map(Some),
            (Some(from), _) => self.walked(from, way, search).await,
            (None, Some(index)) => self.walked(&Source::Index(index), way, search).await,
            (None, None) => Ok(None),
        }
    }

    /// The lines among the next so many of a source, if that is enough of them. Each may be looked up: these are fewer.
    async fn walked(
        &self,
        from: &Source<'_>,
        way: &Way<'_>,
        search: &Search,
    ) -> Result<Option<Vec<Row>>, Error> {
        let end = self.nth(from, search, self.stretch / 4).await?;
        let writer = self.lines(from, &way.tests, search, end.as_ref());
        let rows = self.fetched(reads_all(&way.tests), writer).await?;
        Ok((end.is_none() || rows.len() > search.lines()).then_some(rows))
    }

    /// The key of the one that stands so far behind in a source.
    async fn nth(&self, from: &Source<'_>, search: &Search, place: u64) -> Result<Option<super::Key>, Error> {
        self.nth_of(from, &Way::own(from), search, place).await
    }

    /// The same among those of a source that meet some tests.
    pub(super) async fn nth_of(
        &self,
        from: &Source<'_>,
        own: &[&Condition],
        search: &Search,
        place: u64,
    ) -> Result<Option<super::Key>, Error> {
        let mut behind = self.writer("SELECT incident.id FROM ");
        let joined = behind.incidents(own, from, false);
        behind.between(search, &search.sort.columns_of(joined), None);
        behind.order(search, &search.sort.columns_of(joined), from);
        let sql = format!(
            "SELECT {} FROM incident WHERE incident.id = ({} LIMIT 1 OFFSET ?)",
            columns(),
            behind.sql
        );
        behind.values.push(place.into());
        let rows = self.database().fetch(&sql, behind.values).await?;
        rows.first().map(|row| Ok(listed(row, search.sort)?.key)).transpose()
    }

    /// The lines of a page, however far they stand from one another.
    async fn slow_page(&self, way: &Way<'_>, search: &Search) -> Result<Vec<Row>, Error> {
        self.may_read_rows()?;
        let from = way.from.unwrap_or_else(|| way.source());
        let is_long = way.from.is_none() && !way.is_few();
        let writer = self.lines(&from, &way.tests, search, None);
        self.fetched(is_long || reads_all(&way.tests) || search.sort.reads_all(), writer).await
    }

    /// How many where they are few, or stand close together in the order of time.
    async fn quick_count(&self, way: &Way<'_>) -> Result<Option<Count>, Error> {
        if self.reading == Reading::Columns {
            return Ok(None);
        }
        let from = self.counted_from(way);
        if way.is_few() || way.is_all_of(&from) {
            return self.slow_count(way, None).await.map(Some);
        }
        let in_order = match &from {
            Source::List(list) => list.is_in_order(),
            Source::Index(_) => true,
            Source::Anywhere => false,
        };
        let own = Way::own(&from);
        let others = way.tests.iter().filter(|test| !own.iter().any(|own| std::ptr::eq(*own, **test)));
        // What has to be looked up for each is asked of columns at once.
        if !in_order || others.into_iter().any(|test| !test.is_at_hand()) {
            return Ok(None);
        }
        let latest = Search::default();
        let end = self.nth(&from, &latest, 2 * self.stretch).await?;
        let count = self.slow_count(way, end.as_ref()).await?;
        Ok((end.is_none() || matches!(count, Count::MoreThan(_))).then_some(count))
    }

    fn may_read_rows(&self) -> Result<(), Error> {
        match self.reading {
            Reading::Columns => Err(Error::NotYet("columns cannot tell")),
            Reading::Quickest | Reading::Rows => Ok(()),
        }
    }

    fn counted_from<'c>(&self, way: &Way<'c>) -> Source<'c> {
        match way.rarest {
            Some(rarest) => Source::List(rarest.list),
            None => Self::unlisted(&way.tests, BY_TIME),
        }
    }

    /// How many, no further than to this key in the order of time.
    async fn slow_count(&self, way: &Way<'_>, end: Option<&super::Key>) -> Result<Count, Error> {
        self.may_read_rows()?;
        let mut writer = self.writer("SELECT count(*) AS n FROM (SELECT 1 AS one FROM ");
        let joined = writer.incidents(&way.tests, &self.counted_from(way), false);
        writer.between(&Search::default(), &Sort::Received.columns_of(joined), end);
        writer.sql.push_str(" LIMIT ?) AS found");
        writer.values.push((COUNTED + 1).into());
        let rows = self.fetched(reads_all(&way.tests), writer).await?;
        Ok(Count::of(rows.first().map(|row| row.get::<i64>("n")).transpose()?.unwrap_or(0) as u64))
    }
}

impl Count {
    /// Exactly, as far as is counted.
    fn of(number: u64) -> Self {
        if number > COUNTED { Self::MoreThan(COUNTED) } else { Self::Exactly(number) }
    }
}
