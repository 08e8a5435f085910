//! Incidents are chosen for an archive, leave the database for it, and come back: each told in the audit log.

use std::path::Path;
use std::time::Duration;

use incident::archive::{About, Archive, Fate, Removal, Restored, Written};
use incident::desk::{Condition, Field, Order, Scalar};
use jiff::{SignedDuration, Timestamp};
use store::keys::Keys;
use web::audit::Actor;

use crate::console::{Filter, parsed};
use crate::{Enforce, Error};

/// A search that no index answers may take so long: nobody waits for a page.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Which incidents; all that is given must be met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Not seen for so long.
    pub older_than: Option<SignedDuration>,
    /// Of one of these policies, by number.
    pub policies: Vec<u32>,
    /// In one of these statuses.
    pub statuses: Vec<String>,
    /// Those of a saved report: its name, and a user who sees it.
    pub report: Option<(String, String)>,
}

impl Enforce {
    /// Writes incidents to an archive that does not exist yet. Nothing changes in the database.
    pub async fn archive(
        &self,
        actor: &Actor,
        choice: &Choice,
        key: &Keys,
        to: &Path,
    ) -> Result<Written, Error> {
        let condition = self.chosen(choice).await?;
        let (about, file) = (About::new(&actor.who, &words(choice)), to.display().to_string());
        self.site.audit().add(actor, "ARCHIVE_BEGUN", &file, &about.chosen).await?;
        let desk = self.desk().with_patience(PATIENCE);
        let written = desk.archive(&condition, &about, key, to).await?;
        let detail = format!(
            "{} incidents, {} originals, {} left out; sum {}",
            written.incidents,
            written.originals,
            written.left.len(),
            written.sum
        );
        self.site.audit().add(actor, "INCIDENTS_ARCHIVED", &file, &detail).await?;
        Ok(written)
    }

    /// Takes those incidents out of the database that an archive has exactly as they are; once stopped, it can be begun again.
    pub async fn remove_archived(&self, actor: &Actor, key: &Keys, from: &Path) -> Result<Removal, Error> {
        let mut archive = Archive::open(from, key)?;
        let (mut all, file) = (Removal::default(), from.display().to_string());
        loop {
            let mut transaction = self.database().begin().await?;
            let db = &mut *transaction;
            let Some(some) = archive.remove_some(&self.journal, db).await? else { break };
            if !some.gone.is_empty() {
                let ids = some.gone.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
                let detail = format!("incidents {ids}");
                self.site.audit().add_within(db, actor, "ARCHIVED_INCIDENTS_REMOVED", &file, &detail).await?;
            }
            transaction.commit().await?;
            all.gone.extend(some.gone);
            all.left.extend(some.left);
        }
        Ok(all)
    }

    /// Brings the incidents of an archive back, or those of them that are named.
    pub async fn restore_archived(
        &self,
        actor: &Actor,
        key: &Keys,
        from: &Path,
        ids: &[u64],
    ) -> Result<Vec<Restored>, Error> {
        let mut archive = Archive::open(from, key)?;
        let file = from.display().to_string();
        let asked = match ids {
            [] => "all incidents".to_owned(),
            ids => format!("incidents {}", ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
        };
        self.site
            .audit()
            .add(actor, "RESTORE_BEGUN", &file, &format!("{asked}; sum {}", archive.sum()))
            .await?;
        let who = incident::desk::Actor { who: actor.who.clone(), origin: Some(actor.peer.clone()) };
        let mut all = Vec::new();
        let wanted = |id| ids.is_empty() || ids.contains(&id);
        while let Some(one) = archive.restore_next(&self.journal, &who, wanted).await? {
            all.push(one);
        }
        let count = |fate| all.iter().filter(|one| one.fate == fate).count();
        let detail = format!(
            "{} back, {} were there, {} refused: their numbers are others' now",
            count(Fate::Back),
            count(Fate::There),
            count(Fate::Collides)
        );
        self.site.audit().add(actor, "INCIDENTS_RESTORED", &file, &detail).await?;
        Ok(all)
    }

    async fn chosen(&self, choice: &Choice) -> Result<Condition, Error> {
        if *choice == Choice::default() {
            let why = "say which incidents: by age, policy, status or saved report";
            return Err(Error::Refused(why.to_owned()));
        }
        let mut all = Vec::new();
        if let Some(age) = choice.older_than {
            let end = Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN).as_millisecond();
            all.push(Condition::Compare(Field::LastSeen, Order::Less, Scalar::Number(end)));
        }
        if !choice.policies.is_empty() {
            let policies = choice.policies.iter().map(|id| Scalar::Number((*id).into())).collect();
            all.push(Condition::Is(Field::PolicyId, policies));
        }
        if !choice.statuses.is_empty() {
            all.push(Condition::Is(Field::Status, self.known_statuses(&choice.statuses).await?));
        }
        if let Some((name, user)) = &choice.report {
            all.push(self.report_filter(name, user).await?.condition());
        }
        let condition = Condition::All(all);
        condition.check().map_err(|why| Error::Refused(why.to_string()))?;
        Ok(condition)
    }

    async fn known_statuses(&self, names: &[String]) -> Result<Vec<Scalar>, Error> {
        let known = self.desk().statuses().await?;
        let find = |name: &String| {
            let status = known.iter().find(|status| status.name.eq_ignore_ascii_case(name));
            let all = || known.iter().map(|status| status.name.as_str()).collect::<Vec<_>>().join(", ");
            let status = status.ok_or_else(|| format!("there is no status {name:?}; there are {}", all()));
            status.map(|status| Scalar::Text(status.name.clone())).map_err(Error::Refused)
        };
        names.iter().map(find).collect()
    }

    async fn report_filter(&self, name: &str, user: &str) -> Result<Filter, Error> {
        let reports = self.desk().reports(user).await?;
        let report = reports.iter().find(|report| report.name == name);
        let none = || Error::Refused(format!("{user} sees no saved report called {name:?}"));
        let filter = Filter::read(&parsed(&report.ok_or_else(none)?.query));
        let filter =
            filter.map_err(|why| Error::Refused(format!("the filters of {name:?} cannot be read: {why}")))?;
        Ok(filter.answerable(&self.desk()).await?)
    }
}

fn words(choice: &Choice) -> String {
    let mut words = Vec::new();
    if let Some(age) = choice.older_than {
        words.push(format!("not seen for {} hours", age.as_hours()));
    }
    if !choice.policies.is_empty() {
        let ids = choice.policies.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        words.push(format!("policies {ids}"));
    }
    if !choice.statuses.is_empty() {
        words.push(format!("status {}", choice.statuses.join(", ")));
    }
    if let Some((name, user)) = &choice.report {
        words.push(format!("report {name:?} of {user}"));
    }
    words.join("; ")
}
