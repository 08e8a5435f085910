//! Saved reports by mail: counts and the link, of what the owner's role may see when the mail goes out. Once for each time that
//! a report is due.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use effects::{NotSent, Notice};
use incident::Severity;
use incident::desk::{Condition, Field, Order, ReportMail, Scalar};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use web::people::{Privilege, Rights};

use crate::Enforce;
use crate::console::{Filter, parsed, reach};

/// How often what is due is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// A mail that could not go out for so long does not go out any more.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// Seconds, doubled before each further attempt.
const FIRST_WAIT: i64 = 60;
const LONGEST_WAIT: i64 = 3_600;

/// Runs until `stop`; a mail that was begun is finished.
pub(crate) async fn send(enforce: Arc<Enforce>, stop: CancellationToken) {
    if let Err(error) = enforce.desk().resume_report_mails().await {
        tracing::error!(%error, "mails of reports that were under way cannot be read");
    }
    while !stop.is_cancelled() {
        if let Err(error) = send_due(&enforce, &stop).await {
            tracing::error!(%error, "scheduled reports wait: the store fails");
        }
        let _ = tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await;
    }
}

async fn send_due(enforce: &Enforce, stop: &CancellationToken) -> Result<(), crate::Error> {
    let desk = enforce.desk();
    desk.make_due_reports(Timestamp::now()).await?;
    while let Some(mail) = desk.claim_report_mail(Timestamp::now()).await? {
        carry(enforce, &mail).await?;
        if stop.is_cancelled() {
            break;
        }
    }
    Ok(())
}

/// Why a mail does not go out.
enum Trouble {
    /// It may later.
    Later(String),
    /// It never will.
    Ever(String),
}

async fn carry(enforce: &Enforce, mail: &ReportMail) -> Result<(), crate::Error> {
    let desk = enforce.desk();
    let Some(notices) = &enforce.options.effects.notices else {
        let why = "no submission host is configured (submission in [enforce.notices])".to_owned();
        return wait(enforce, mail, why).await;
    };
    let (to, text) = match written(enforce, mail).await? {
        Ok(written) => written,
        Err(Trouble::Ever(why)) => return over(enforce, mail, "failed", &why).await,
        Err(Trouble::Later(why)) => return wait(enforce, mail, why).await,
    };
    if let Err(why) = notices.mailer.ready().await {
        return wait(enforce, mail, why).await;
    }
    if !desk.report_mail_goes(mail).await? {
        return Ok(());
    }
    let hash =
        enforce.keys().hash("report mail", format!("{} {}", mail.report.id, mail.due.as_millisecond()));
    let id: String = hash.iter().map(|octet| format!("{octet:02x}")).collect();
    let subject = format!("Report: {}", mail.report.name);
    let id = format!("weir.report.{id}");
    let notice = Notice { to: &to, subject: &subject, text: &text, id: &id, automatic: "auto-generated" };
    match notices.mailer.send(&notice).await {
        Ok(answer) => over(enforce, mail, "sent", &format!("to {to}: {answer}")).await,
        Err(NotSent::Now(why)) => wait(enforce, mail, why).await,
        Err(NotSent::Ever(why)) => over(enforce, mail, "failed", &why).await,
        Err(NotSent::Unknown(why)) => {
            let why = format!("there was no answer ({why}); it may have gone out and is not sent again");
            over(enforce, mail, "unknown", &why).await
        }
    }
}

async fn over(enforce: &Enforce, mail: &ReportMail, state: &str, detail: &str) -> Result<(), crate::Error> {
    enforce.desk().report_mail_over(mail, state, detail).await?;
    let (report, owner) = (mail.report.id, mail.report.owner.escape_debug());
    match state {
        "sent" => tracing::info!(report, %owner, "a scheduled report went out"),
        _ => tracing::error!(report, %owner, state, detail, "a scheduled report did not go out"),
    }
    Ok(())
}

async fn wait(enforce: &Enforce, mail: &ReportMail, why: String) -> Result<(), crate::Error> {
    let now = Timestamp::now();
    if now.duration_since(mail.due) >= PATIENCE && mail.attempt > 1 {
        return over(enforce, mail, "failed", &format!("{why}; given up after {} attempts", mail.attempt))
            .await;
    }
    let doubled = FIRST_WAIT.saturating_mul(1 << mail.attempt.saturating_sub(1).min(10));
    let wait = SignedDuration::from_secs(doubled.min(LONGEST_WAIT));
    enforce.desk().report_mail_waits(mail, &why, now.saturating_add(wait).unwrap_or(Timestamp::MAX)).await?;
    Ok(())
}

/// The address and the text.
async fn written(
    enforce: &Enforce,
    mail: &ReportMail,
) -> Result<Result<(String, String), Trouble>, crate::Error> {
    let ever = |why: &str| Ok(Err(Trouble::Ever(why.to_owned())));
    let people = enforce.site.people();
    let Some(user) = people.user_named(&mail.report.owner).await? else {
        return ever("there is no such user any more");
    };
    if user.disabled {
        return ever("the user may not sign in any more");
    }
    if user.mail.is_empty() {
        return ever("the user has no mail address: an administrator sets it on the page of users");
    }
    let role = match user.roles.iter().any(|(role, _)| *role == mail.schedule.role) {
        true => people.role(mail.schedule.role).await?,
        false => None,
    };
    let Some(role) = role else {
        return ever("the user has not the role any more with which the report was scheduled");
    };
    let filter = match Filter::read(&parsed(&mail.report.query)) {
        Ok(filter) => filter.answerable(&enforce.desk()).await?,
        Err(why) => return ever(&format!("the report's filters cannot be read: {why}")),
    };
    if !role.rights.may(Privilege::ViewNetworkIncidents) {
        return ever("the role does not see incidents any more");
    }
    if let Some(why) = filter.refused(&role.rights) {
        return ever(&format!("the role {why}, as the report does"));
    }
    match text(enforce, mail, &role.rights, &filter).await {
        Ok(text) => Ok(Ok((user.mail, text))),
        Err(error) => Ok(Err(Trouble::Later(error.to_string()))),
    }
}

async fn text(
    enforce: &Enforce,
    mail: &ReportMail,
    rights: &Rights,
    filter: &Filter,
) -> Result<String, incident::Error> {
    let (desk, access, all) = (enforce.desk(), reach(rights), filter.condition());
    let count = async |more: Condition| desk.count(&access, &all.clone().and(more)).await;
    let since = mail.since();
    let new =
        Condition::Compare(Field::ReceivedAt, Order::GreaterOrEqual, Scalar::Number(since.as_millisecond()));
    let mut text = format!(
        "{}\n\nIncidents: {}\nNew since {}: {}\n\nBy severity\n",
        mail.report.name,
        desk.count(&access, &all).await?,
        since.strftime("%Y-%m-%d %H:%M UTC"),
        count(new).await?,
    );
    for severity in [Severity::High, Severity::Medium, Severity::Low, Severity::Info] {
        let such = Condition::Is(Field::Severity, vec![Scalar::Number(severity as i64)]);
        let _ = writeln!(text, "  {severity}: {}", count(such).await?);
    }
    text.push_str("\nBy status\n");
    for status in desk.statuses().await? {
        let such = Condition::is(Field::Status, status.name.as_str());
        let _ = writeln!(text, "  {}: {}", status.name, count(such).await?);
    }
    let console = &enforce.console_url;
    let _ = write!(
        text,
        "\nThe list: {console}/incidents?{}\nWhen this report is sent is set on {console}/reports\n",
        filter.query()
    );
    Ok(text)
}
