//! Brings this crate's tables to today's form, in whatever database the server keeps its own in.

use store::Error;
use store::database::Database;

const STEPS: &[&str] = &[
    include_str!("../migrations/0001_people.sql"),
    include_str!("../migrations/0002_guests.sql"),
    include_str!("../migrations/0003_oidc.sql"),
];

/// Makes or brings forward the tables. All steps or none.
pub async fn prepare(database: &dyn Database) -> Result<(), Error> {
    store::steps::prepare(database, "web", STEPS).await
}
