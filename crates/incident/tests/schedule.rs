//! Scheduled reports: one mail for each time that one is due, whoever sends it and whatever ends in between; on both databases.

#![allow(clippy::unwrap_used)]

mod support;

use incident::desk::{Every, ReportMail, Saved, Schedule};
use jiff::{SignedDuration, Timestamp};
use store::database::{Dialect, Location};
use support::{Server, server};

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;

/// A server with a report of somebody's.
async fn reporting(at: Option<Location>) -> Server {
    let server = server(at).await;
    server.desk.save_report("ann", "mine", false, "severity=high", "").await.unwrap();
    server
}

fn daily() -> Schedule {
    Schedule { every: Every::Day, day: 0, hour: 8, zone: "Europe/Prague".into(), role: 3 }
}

/// Later than the next time, and than the two behind it; at noon, so that no time is due in the hours around it.
fn in_three_days() -> Timestamp {
    const DAY: i64 = 24 * 3_600;
    let day = Timestamp::now().as_second() / DAY + 4;
    Timestamp::from_second(day * DAY + DAY / 2).unwrap()
}

impl Server {
    async fn schedule(&self) {
        let report = self.desk.reports("ann").await.unwrap()[0].id;
        let saved = self.desk.schedule_report("ann", report, Some(&daily()), "").await.unwrap();
        assert_eq!(saved, Some(Saved::Done));
    }

    async fn claim(&self, now: Timestamp) -> Option<ReportMail> {
        self.desk.make_due_reports(now).await.unwrap();
        self.desk.claim_report_mail(now).await.unwrap()
    }

    /// State and words of the last mail.
    async fn last(&self) -> (String, String) {
        let (_, scheduled) = self.desk.schedules("ann").await.unwrap().remove(0);
        let (_, state, words) = scheduled.last.unwrap();
        (state, words)
    }
}

on_both! { made by reporting;

async fn a_report_is_due_once_however_many_times_went_by(server: Server) {
    server.schedule().await;
    assert!(server.claim(Timestamp::now()).await.is_none(), "it is not due yet");
    let mail = server.claim(in_three_days()).await.unwrap();
    assert_eq!((mail.report.name.as_str(), mail.schedule.clone(), mail.attempt), ("mine", daily(), 1));
    assert_eq!(mail.due.duration_since(mail.since()).as_hours(), 24);
    assert!(server.claim(in_three_days()).await.is_none(), "it is somebody's to send");
    assert!(server.desk.report_mail_goes(&mail).await.unwrap());
    assert!(server.desk.report_mail_over(&mail, "sent", "250 ok").await.unwrap());
    assert!(server.claim(in_three_days()).await.is_none());
    assert_eq!(server.last().await, ("sent".to_owned(), "250 ok".to_owned()));
    let (_, scheduled) = server.desk.schedules("ann").await.unwrap().remove(0);
    assert!(scheduled.next > in_three_days());
}

async fn what_did_not_go_out_is_tried_again(server: Server) {
    server.schedule().await;
    let mail = server.claim(in_three_days()).await.unwrap();
    let later = in_three_days() + SignedDuration::from_mins(1);
    assert!(server.desk.report_mail_waits(&mail, "connection refused", later).await.unwrap());
    assert!(server.claim(in_three_days()).await.is_none());
    let again = server.claim(later + SignedDuration::from_secs(1)).await.unwrap();
    assert_eq!((again.due, again.attempt), (mail.due, 2));
    assert!(!server.desk.report_mail_over(&mail, "sent", "").await.unwrap(), "the first attempt is over");
}

async fn what_was_being_handed_over_when_a_server_ended_is_not_sent_again(server: Server) {
    server.schedule().await;
    let mail = server.claim(in_three_days()).await.unwrap();
    assert!(server.desk.report_mail_goes(&mail).await.unwrap());
    // Long after its claim.
    assert!(server.claim(in_three_days() + SignedDuration::from_hours(1)).await.is_none());
    let (state, words) = server.last().await;
    assert_eq!(state, "unknown");
    assert!(words.contains("not sent again"));
    assert!(!server.desk.report_mail_over(&mail, "sent", "").await.unwrap());
}

async fn what_was_only_claimed_when_a_server_ended_is_sent_by_another(server: Server) {
    server.schedule().await;
    let mail = server.claim(in_three_days()).await.unwrap();
    if server.journal.database().dialect() == Dialect::Sqlite {
        server.desk.resume_report_mails().await.unwrap();
    }
    let other = server.claim(in_three_days() + SignedDuration::from_hours(1)).await.unwrap();
    assert_eq!((other.due, other.attempt), (mail.due, 2));
    assert!(!server.desk.report_mail_goes(&mail).await.unwrap(), "the first one lost it");
    assert!(server.desk.report_mail_goes(&other).await.unwrap());
}

async fn two_servers_make_one_mail_of_one_time(server: Server) {
    server.schedule().await;
    let now = in_three_days();
    let (one, other) = tokio::join!(server.claim(now), server.claim(now));
    assert_eq!(usize::from(one.is_some()) + usize::from(other.is_some()), 1);
}

async fn a_report_is_scheduled_by_its_owner_only_and_goes_with_it(server: Server) {
    let report = server.desk.reports("ann").await.unwrap()[0].id;
    assert!(server.desk.schedule_report("bob", report, Some(&daily()), "").await.unwrap().is_none());
    server.schedule().await;
    assert!(server.desk.schedules("bob").await.unwrap().is_empty());
    server.desk.make_due_reports(in_three_days()).await.unwrap();
    let stopped = server.desk.schedule_report("ann", report, None, &daily().mark()).await.unwrap();
    assert_eq!(stopped, Some(Saved::Done));
    assert!(server.claim(in_three_days()).await.is_none(), "what waited is not sent any more");
    server.schedule().await;
    server.desk.make_due_reports(in_three_days()).await.unwrap();
    assert!(server.desk.remove_report("ann", report).await.unwrap());
    assert!(server.claim(in_three_days()).await.is_none());
}

}
