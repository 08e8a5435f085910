//! Brings a database to today's form, step by step, and says in the log how far it is: with millions of incidents some steps take
//! minutes, and nothing else happens meanwhile.

use std::time::Instant;

use sqlx::migrate::{Migrate, MigrateError, Migrator};

/// Where the steps that were taken are written down.
const TAKEN: &str = "_sqlx_migrations";

/// The steps that a database lacks which an older version made; none of a new one, whose steps take no time.
pub(super) async fn missing<C: Migrate>(
    connection: &mut C,
    steps: &Migrator,
) -> Result<Vec<Step>, MigrateError> {
    connection.ensure_migrations_table(TAKEN).await?;
    let taken = connection.list_applied_migrations(TAKEN).await?;
    let Some(newest) = taken.iter().map(|step| step.version).max() else { return Ok(Vec::new()) };
    let step = |(number, name): (i64, &str)| Step { number, name: name.to_owned() };
    let missing = steps.iter().map(|step| (step.version, &*step.description)).map(step);
    let missing: Vec<Step> = missing.filter(|step| step.number > newest).collect();
    if let Some(last) = missing.last() {
        tracing::info!(
            from = newest,
            to = last.number,
            steps = missing.len(),
            "an older version made this database: it is brought forward; with millions of incidents that takes minutes"
        );
    }
    Ok(missing)
}

/// A step to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) number: i64,
    name: String,
}

impl Step {
    /// Says that it begins.
    pub(super) fn begins(&self) -> Begun<'_> {
        tracing::info!(number = self.number, name = %self.name, "a step of the database begins");
        Begun { step: self, at: Instant::now() }
    }
}

/// A step under way.
#[derive(Debug)]
pub(super) struct Begun<'s> {
    step: &'s Step,
    at: Instant,
}

impl Begun<'_> {
    /// Says that it is taken, and how long that took.
    pub(super) fn ends(self) {
        let milliseconds = self.at.elapsed().as_millis() as u64;
        tracing::info!(number = self.step.number, name = %self.step.name, milliseconds, "a step of the database is taken");
    }
}
