//! Saved reports that go out by mail: when each is due, and one mail for each time that it was.
//!
//! A time that is due becomes one row, whichever server sees it first, and the schedule moves on with it. Its mail is claimed,
//! and is `sending` from before it is handed over until there is an answer: what has none is never handed over again.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan};
use store::database::{Dialect, Row};
use store::values;

use super::saved::{FORMS, Saved, is_as_shown, mark};
use super::{Desk, Report};
use crate::Error;
use crate::read::time;
use crate::seal::shortened;

/// A claim that is this old is void.
const LEASE: SignedDuration = SignedDuration::from_mins(5);
/// Mails that were sent, or not, are remembered so long.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Characters of what came of a mail.
const WORDS: usize = 500;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Every {
    Day,
    Week,
    Month,
}

/// When a report goes out, and as whom its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// How often.
    pub every: Every,
    /// Day of the week (Monday is 1) or of the month (the last one, where it has fewer); of no meaning for every day.
    pub day: i8,
    /// 0 to 23.
    pub hour: i8,
    /// A zone such as `Europe/Prague`.
    pub zone: String,
    /// The number of the owner's role.
    pub role: i64,
}

/// A mail that is to go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportMail {
    /// The report.
    pub report: Report,
    /// Its schedule.
    pub schedule: Schedule,
    /// When it was due.
    pub due: Timestamp,
    /// Which attempt this is, from 1.
    pub attempt: u64,
}

/// A schedule as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// When and how.
    pub schedule: Schedule,
    /// When it is due next.
    pub next: Timestamp,
    /// When it was due last, what became of the mail, and more in words.
    pub last: Option<(Timestamp, String, String)>,
}

impl Every {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The one of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month].into_iter().find(|one| one.as_str() == word)
    }

    fn span(self) -> Span {
        match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
        }
    }
}

impl Schedule {
    /// What a form carries that was made from it.
    pub fn mark(&self) -> String {
        let Self { every, day, hour, zone, role } = self;
        mark(&[every.as_str(), &day.to_string(), &hour.to_string(), zone, &role.to_string()])
    }

    /// Whether it makes sense; what is wrong is for whoever wrote it.
    pub fn check(&self) -> Result<(), String> {
        let days = match self.every {
            Every::Day => self.day..=self.day,
            Every::Week => 1..=7,
            Every::Month => 1..=31,
        };
        if !(0..=23).contains(&self.hour) {
            return Err("The hour is a number from 0 to 23.".to_owned());
        }
        if !days.contains(&self.day) {
            return Err(
                "A day of the week is a number from 1 to 7, one of the month from 1 to 31.".to_owned()
            );
        }
        match TimeZone::get(&self.zone) {
            Ok(_) if self.zone.len() <= 100 => Ok(()),
            _ => Err(format!(
                "There is no time zone {:?}; write one such as Europe/Prague.",
                shortened(&self.zone, 100)
            )),
        }
    }

    /// The first time behind `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.zone).ok()?;
        let mut date = after.to_zoned_datetime(zone.clone()).date();
        // Two months hold every kind of day.
        for _ in 0..63 {
            if self.is_on(date) {
                // An hour that a change of clocks leaves out, or has twice, is the one that jiff finds compatible.
                let at = date.at(self.hour, 0, 0, 0).to_zoned_datetime(zone.clone()).ok()?.timestamp();
                if at > after {
                    return Some(at);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn is_on(&self, date: Date) -> bool {
        match self.every {
            Every::Day => true,
            Every::Week => date.weekday().to_monday_one_offset() == self.day,
            Every::Month => date.day() == self.day.min(date.days_in_month()),
        }
    }
}

impl ReportMail {
    /// The time that the mail speaks of begins where the one before it was due.
    pub fn since(&self) -> Timestamp {
        let zone = TimeZone::get(&self.schedule.zone).unwrap_or(TimeZone::UTC);
        let due = self.due.to_zoned_datetime(zone);
        due.checked_sub(self.schedule.every.span()).map_or(self.due, |since| since.timestamp())
    }
}

impl Desk {
    /// Sends one's own report by this schedule, or not any more, as whoever says so `was` shown its schedule. None if it is not
    /// there or somebody else's.
    pub async fn schedule_report(
        &self,
        user: &str,
        report: u64,
        schedule: Option<&Schedule>,
        was: &str,
    ) -> Result<Option<Saved<Schedule>>, Error> {
        let mut transaction = self.begin().await?;
        let db = &mut *transaction;
        db.lock(FORMS).await?;
        let own = "SELECT id FROM saved_report WHERE id = ? AND owner = ?";
        if db.fetch(own, values![report, user]).await?.is_empty() {
            return Ok(None);
        }
        let now = db.fetch("SELECT * FROM report_schedule WHERE report_id = ?", values![report]).await?;
        let now = now.first().map(self::schedule).transpose()?;
        if !is_as_shown(now.as_ref(), Schedule::mark, was) {
            return Ok(Some(Saved::Stale(now)));
        }
        db.run("DELETE FROM report_schedule WHERE report_id = ?", values![report]).await?;
        db.run("DELETE FROM report_mail WHERE report_id = ? AND state = 'waiting'", values![report]).await?;
        if let Some(schedule) = schedule {
            let Some(due) = schedule.next(Timestamp::now()) else {
                return Ok(Some(Saved::Refused("There is no such time.".to_owned())));
            };
            let sql = "INSERT INTO report_schedule (report_id, every, day, hour, zone, role_id, due_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
            let (every, zone) = (schedule.every.as_str(), schedule.zone.as_str());
            let (day, hour) = (i64::from(schedule.day), i64::from(schedule.hour));
            let values = values![report, every, day, hour, zone, schedule.role, due.as_millisecond()];
            db.run(sql, values).await?;
        }
        self.commit(transaction).await?;
        Ok(Some(Saved::Done))
    }

    /// When one's own reports go out, by number of the report.
    pub async fn schedules(&self, user: &str) -> Result<Vec<(u64, Scheduled)>, Error> {
        let sql = "SELECT report_schedule.*, mail.due_at AS mail_due, mail.state AS mail_state, mail.detail AS mail_detail \
            FROM report_schedule JOIN saved_report ON saved_report.id = report_schedule.report_id AND saved_report.owner = ? \
            LEFT JOIN report_mail AS mail ON mail.report_id = report_schedule.report_id AND mail.due_at = \
            (SELECT max(due_at) FROM report_mail WHERE report_id = report_schedule.report_id)";
        let read = |row: &Row| {
            let due: Option<i64> = row.get("mail_due")?;
            let (state, detail): (Option<String>, Option<String>) =
                (row.get("mail_state")?, row.get("mail_detail")?);
            let last = due.map(|due| (time(due), state.unwrap_or_default(), detail.unwrap_or_default()));
            let scheduled = Scheduled { schedule: schedule(row)?, next: time(row.get("due_at")?), last };
            Ok((row.get::<i64>("report_id")? as u64, scheduled))
        };
        self.database().fetch(sql, values![user]).await?.iter().map(read).collect()
    }

    /// Makes a mail of each report that is due by now: one, however many times went by. Forgets what is long over.
    pub async fn make_due_reports(&self, now: Timestamp) -> Result<(), Error> {
        let due = "SELECT * FROM report_schedule WHERE due_at <= ? ORDER BY due_at LIMIT 100";
        if self.database().fetch(due, values![now.as_millisecond()]).await?.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let db = &mut *transaction;
        let skip = if db.dialect() == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
        for row in db.fetch(&format!("{due}{skip}"), values![now.as_millisecond()]).await? {
            let (schedule, report): (_, i64) = (schedule(&row)?, row.get("report_id")?);
            let at: i64 = row.get("due_at")?;
            let sql = "INSERT INTO report_mail (report_id, due_at, role_id, state, next_at, changed_at) \
                VALUES (?, ?, ?, 'waiting', ?, ?) ON CONFLICT DO NOTHING";
            let now_ms = now.as_millisecond();
            db.run(sql, values![report, at, schedule.role, now_ms, now_ms]).await?;
            let next = schedule.next(now).map_or(i64::MAX, Timestamp::as_millisecond);
            let sql = "UPDATE report_schedule SET due_at = ? WHERE report_id = ? AND due_at = ?";
            db.run(sql, values![next, report, at]).await?;
        }
        let old = now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN).as_millisecond();
        db.run("DELETE FROM report_mail WHERE due_at < ?", values![old]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What an earlier process of this data directory left: claims are void, and of what was being handed over nobody knows.
    /// Only where no other server may be at work.
    pub async fn resume_report_mails(&self) -> Result<(), Error> {
        if self.database().dialect() == Dialect::Postgres {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let sql = "UPDATE report_mail SET claimed_until = 0 WHERE state IN ('claimed', 'sending')";
        transaction.run(sql, Vec::new()).await?;
        Ok(transaction.commit().await?)
    }

    /// The next mail to go out, for this server alone.
    pub async fn claim_report_mail(&self, now: Timestamp) -> Result<Option<ReportMail>, Error> {
        let at = now.as_millisecond();
        let open = "SELECT report_id FROM report_mail WHERE state IN ('waiting', 'claimed', 'sending') AND next_at <= ? \
            AND (claimed_until IS NULL OR claimed_until < ?) LIMIT 1";
        if self.database().fetch(open, values![at, at]).await?.is_empty() {
            return Ok(None);
        }
        let mut transaction = self.begin().await?;
        let db = &mut *transaction;
        let sql = "UPDATE report_mail SET state = 'unknown', claimed_until = NULL, changed_at = ?, \
            detail = 'the server ended while the mail was handed over; it is not sent again' \
            WHERE state = 'sending' AND claimed_until < ?";
        db.run(sql, values![at, at]).await?;
        let of =
            if db.dialect() == Dialect::Postgres { " FOR UPDATE OF report_mail SKIP LOCKED" } else { "" };
        let sql = format!(
            "SELECT report_schedule.every, report_schedule.day, report_schedule.hour, report_schedule.zone, report_mail.role_id, \
            report_mail.due_at, report_mail.attempts, saved_report.id, saved_report.owner, saved_report.name, saved_report.shared, \
            saved_report.query FROM report_mail JOIN saved_report ON saved_report.id = report_mail.report_id \
            JOIN report_schedule ON report_schedule.report_id = report_mail.report_id \
            WHERE report_mail.state IN ('waiting', 'claimed') AND report_mail.next_at <= ? \
            AND (report_mail.claimed_until IS NULL OR report_mail.claimed_until < ?) ORDER BY report_mail.next_at LIMIT 1{of}"
        );
        let rows = db.fetch(&sql, values![at, at]).await?;
        let mail = rows.first().map(mail).transpose()?;
        if let Some(mail) = &mail {
            let sql = "UPDATE report_mail SET state = 'claimed', claimed_until = ?, attempts = ?, changed_at = ? \
                WHERE report_id = ? AND due_at = ?";
            let until = now.saturating_add(LEASE).map_or(i64::MAX, Timestamp::as_millisecond);
            let (report, due) = (mail.report.id, mail.due.as_millisecond());
            db.run(sql, values![until, mail.attempt, at, report, due]).await?;
        }
        transaction.commit().await?;
        Ok(mail)
    }

    /// From now on nobody knows whether the mail went out, until there is an answer. False: it is not ours to send any more.
    pub async fn report_mail_goes(&self, mail: &ReportMail) -> Result<bool, Error> {
        let until = Timestamp::now().saturating_add(LEASE).map_or(i64::MAX, Timestamp::as_millisecond);
        self.mail_becomes(mail, "sending", "", until, None).await
    }

    /// It went out (`sent`), did not and never will (`failed`), or nobody knows (`unknown`).
    pub async fn report_mail_over(
        &self,
        mail: &ReportMail,
        state: &str,
        detail: &str,
    ) -> Result<bool, Error> {
        self.mail_becomes(mail, state, detail, 0, None).await
    }

    /// It did not go out; it is tried again at `at`.
    pub async fn report_mail_waits(
        &self,
        mail: &ReportMail,
        why: &str,
        at: Timestamp,
    ) -> Result<bool, Error> {
        self.mail_becomes(mail, "waiting", why, 0, Some(at)).await
    }

    async fn mail_becomes(
        &self,
        mail: &ReportMail,
        state: &str,
        detail: &str,
        claimed_until: i64,
        next: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let now = Timestamp::now().as_millisecond();
        let next = next.map_or(now, Timestamp::as_millisecond);
        let mut transaction = self.begin().await?;
        let sql = "UPDATE report_mail SET state = ?, detail = ?, claimed_until = ?, next_at = ?, changed_at = ? \
            WHERE report_id = ? AND due_at = ? AND attempts = ? AND state IN ('claimed', 'sending')";
        let (report, due) = (mail.report.id, mail.due.as_millisecond());
        let detail = shortened(detail, WORDS);
        let values = values![state, detail, claimed_until, next, now, report, due, mail.attempt];
        let ours = transaction.run(sql, values).await? > 0;
        transaction.commit().await?;
        Ok(ours)
    }
}

fn schedule(row: &Row) -> Result<Schedule, Error> {
    let small = |name: &str| Ok::<i8, Error>(i8::try_from(row.get::<i64>(name)?).unwrap_or_default());
    Ok(Schedule {
        every: Every::parse(&row.get::<String>("every")?).unwrap_or(Every::Day),
        day: small("day")?,
        hour: small("hour")?,
        zone: row.get("zone")?,
        role: row.get("role_id")?,
    })
}

fn mail(row: &Row) -> Result<ReportMail, Error> {
    Ok(ReportMail {
        report: Report {
            id: row.get::<i64>("id")? as u64,
            owner: row.get("owner")?,
            name: row.get("name")?,
            shared: row.get("shared")?,
            query: row.get("query")?,
        },
        schedule: schedule(row)?,
        due: time(row.get("due_at")?),
        attempt: row.get::<i64>("attempts")? as u64 + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(every: Every, day: i8, hour: i8, after: &str) -> String {
        let schedule = Schedule { every, day, hour, zone: "Europe/Prague".into(), role: 1 };
        schedule.check().unwrap();
        schedule.next(after.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_report_is_due_at_its_hour_in_the_owners_zone() {
        assert_eq!(next(Every::Day, 0, 8, "2026-11-27T06:59:59Z"), "2026-11-27T07:00:00Z");
        assert_eq!(next(Every::Day, 0, 8, "2026-11-27T07:00:00Z"), "2026-11-28T07:00:00Z");
        assert_eq!(next(Every::Day, 0, 8, "2026-07-01T12:00:00Z"), "2026-07-02T06:00:00Z");
        // 2026-11-27 is a Friday.
        assert_eq!(next(Every::Week, 1, 0, "2026-11-27T12:00:00Z"), "2026-11-29T23:00:00Z");
        assert_eq!(next(Every::Month, 31, 8, "2026-11-27T12:00:00Z"), "2026-11-30T07:00:00Z");
        assert_eq!(next(Every::Month, 31, 8, "2027-01-31T12:00:00Z"), "2027-02-28T07:00:00Z");
    }

    #[test]
    fn an_hour_that_a_change_of_clocks_leaves_out_is_not_left_out() {
        assert_eq!(next(Every::Day, 0, 2, "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00Z");
        assert_eq!(next(Every::Day, 0, 2, "2026-10-24T12:00:00Z"), "2026-10-25T00:00:00Z");
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let good = Schedule { every: Every::Week, day: 5, hour: 8, zone: "UTC".into(), role: 1 };
        assert_eq!(good.check(), Ok(()));
        for wrong in [
            Schedule { day: 8, ..good.clone() },
            Schedule { hour: 24, ..good.clone() },
            Schedule { zone: "Middle/Earth".into(), ..good.clone() },
            Schedule { zone: "../etc/passwd".into(), ..good.clone() },
            Schedule { every: Every::Month, day: 0, ..good.clone() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
