//! `weir incidents list`, `show` and `respond`: what was recorded, and decisions on it, while the server runs.
//!
//! Sender, subject, file names and matches are an attacker's letter to this terminal: nothing of them is printed that it obeys.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use enforce::respond::{On, Responses};
use incident::desk::{Access, Actor, Desk};
use incident::{Filter, Incident, Journal, Match, Severity, Status, Summary};
use jiff::{SignedDuration, Timestamp};
use store::database::Location;

use crate::cli::{Format, Incidents, IncidentsList, IncidentsRespond, IncidentsShow};
use crate::terminal::safe;

/// Characters of a policy's name and of an address in a line of the list.
const POLICY: usize = 28;
const ADDRESS: usize = 60;
/// Recipients named in a line of the list.
const RECIPIENTS: usize = 3;

/// Lists, shows or decides; an id that does not exist is an error.
pub(crate) async fn run(command: &Incidents) -> Result<ExitCode> {
    match command {
        Incidents::List(command) => say(&list(command).await?),
        Incidents::Show(command) => say(&show(command).await?),
        Incidents::Respond(command) => {
            let (text, code) = respond(command).await?;
            say(&text).map(|_| code)
        }
    }
}

fn say(text: &str) -> Result<ExitCode> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever read on has read enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn open(data: &std::path::Path, database: Option<&str>) -> Result<Journal> {
    let opened = match database {
        Some(url) => Journal::open_read_only_at(data, &Location::parse(url)?).await,
        None => Journal::open_read_only(data).await,
    };
    opened.with_context(|| {
        format!("the incidents in {} cannot be read; name the server's --data directory", data.display())
    })
}

// ---- respond

/// What was done for each incident; some that are not there are a failure.
async fn respond(command: &IncidentsRespond) -> Result<(String, ExitCode)> {
    let at = match command.database.as_deref() {
        Some(url) => Location::parse(url)?,
        None => Location::File(command.data.join("incidents.db")),
    };
    // A data directory that is named wrongly is not made.
    if let Location::File(file) = &at {
        ensure!(
            file.exists(),
            "there are no incidents in {}; name the server's --data",
            command.data.display()
        );
    }
    let journal = Arc::new(Journal::open_beside(&command.data, &at).await?);
    let responses = Responses::new(Desk::new(journal.clone()), Arc::default());
    let Some(rule) = responses.rule_named(&command.rule).await? else {
        let known = responses
            .rules()
            .await?
            .into_iter()
            .map(|rule| safe(&rule.name).into_owned())
            .collect::<Vec<_>>();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        bail!("there is no smart response rule {:?}; there are: {known}", command.rule);
    };
    let user = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
    let who = format!("{} (command line)", user.unwrap_or_else(|_| "root".into()));
    let actor = web::audit::Actor { who: who.clone(), role: String::new(), peer: "command line".to_owned() };
    let ids = command.ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let audit = web::audit::Audit::new(journal.database().clone(), web::Clock::real());
    let responses =
        responses.noting(audit.entry(actor, "SMART_RESPONSE", &format!("incidents {ids}"), &rule.name));
    let actor = Actor { who, origin: Some("command line".to_owned()) };
    let on = On { ids: &command.ids, note: &command.note, ..On::default() };
    let done = responses.run(&Access::everything(), &actor, &rule, on).await?.map_err(|why| anyhow!(why))?;
    let mut out = String::new();
    for one in &done {
        let what = match (one.there, one.requested) {
            (false, _) => "there is no such incident".to_owned(),
            _ if one.waits => format!("{} waits for a second person, in the console", rule.name),
            (_, true) => format!(
                "{} is requested; `weir incidents show {}` says what comes of it",
                rule.name, one.incident
            ),
            (_, false) => format!("{} is done", rule.name),
        };
        let _ = writeln!(out, "incident {}: {}", one.incident, safe(&what));
    }
    let all = done.iter().all(|one| one.there);
    Ok((out, if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
}

// ---- list

async fn list(command: &IncidentsList) -> Result<String> {
    let journal = Arc::new(open(&command.data, command.database.as_deref()).await?);
    let severity = command.severity.as_deref().map(severity).transpose()?;
    if let Some(status) = &command.status {
        let known = Desk::new(journal.clone()).statuses().await?;
        let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
        ensure!(
            names.contains(&Status::named(status).as_str()),
            "no status {status:?}; there are {}",
            names.join(", ")
        );
    }
    let since = command.since.as_deref().map(|text| moment(text, Timestamp::now())).transpose()?;
    let filter = Filter {
        severity,
        status: command.status.as_deref().map(Status::named),
        since,
        value: command.value.clone(),
        policy: command.policy.clone(),
        sender: command.sender.clone(),
        recipient: command.recipient.clone(),
        limit: command.limit,
        ..Filter::default()
    };
    // For the journal 0 is its own measure, for people it is none.
    let found = if command.limit == 0 { Vec::new() } else { journal.list(&filter).await? };
    match command.format {
        Format::Json => json(&found),
        Format::Text => Ok(lines(&found)),
    }
}

fn severity(name: &str) -> Result<Severity> {
    [Severity::High, Severity::Medium, Severity::Low, Severity::Info]
        .into_iter()
        .find(|severity| severity.to_string().eq_ignore_ascii_case(name))
        .with_context(|| format!("no severity {name:?}; there are high, medium, low, info"))
}

/// A day, a time, or an age.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp> {
    let unit = text.chars().last().and_then(|unit| match unit {
        'd' => Some(24),
        'h' => Some(1),
        _ => None,
    });
    let age = unit.and_then(|hours| Some(text[..text.len() - 1].parse::<u32>().ok()? as i64 * hours));
    if let Some(hours) = age {
        return Ok(now.checked_sub(SignedDuration::from_hours(hours))?);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let midnight = format!("{text}T00:00:00Z").parse::<Timestamp>();
    midnight
        .with_context(|| format!("{text:?} is no time; write 2026-11-24, 2026-11-24T08:00:00Z, 36h or 7d"))
}

fn lines(found: &[Summary]) -> String {
    if found.is_empty() {
        return "no incidents\n".to_owned();
    }
    let mut out = format!(
        "{:>6}  {:<16}  {:<8}  {:<POLICY$}  {:>7}  {:<19}  {:<10}  sender -> recipients\n",
        "id", "received (UTC)", "severity", "policy", "matches", "status", "outcome"
    );
    for incident in found {
        let _ = writeln!(
            out,
            "{:>6}  {:<16}  {:<8}  {:<POLICY$}  {:>7}  {:<19}  {:<10}  {} -> {}",
            incident.id,
            incident.received_at.strftime("%Y-%m-%d %H:%M").to_string(),
            incident.severity.to_string(),
            shortened(&safe(&incident.policy), POLICY),
            incident.matches,
            incident.status.to_string(),
            incident.outcome.as_deref().unwrap_or(if incident.trial { "trial" } else { "" }),
            sender(incident),
            recipients(incident),
        );
    }
    out
}

fn sender(incident: &Summary) -> String {
    if incident.sender.is_empty() { "<>".to_owned() } else { shortened(&safe(&incident.sender), ADDRESS) }
}

fn recipients(incident: &Summary) -> String {
    let named: Vec<String> = incident
        .recipients
        .iter()
        .take(RECIPIENTS)
        .map(|address| shortened(&safe(address), ADDRESS))
        .collect();
    match incident.recipients.len().saturating_sub(RECIPIENTS) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn shortened(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

// ---- show

async fn show(command: &IncidentsShow) -> Result<String> {
    let journal = open(&command.data, command.database.as_deref()).await?;
    let mut out = String::new();
    for id in &command.ids {
        let Some(incident) = journal.show(*id).await? else { bail!("there is no incident {id}") };
        let incident = if command.unmask { incident } else { incident.into_masked() };
        match command.format {
            Format::Json => out.push_str(&json(&incident)?),
            Format::Text => out.push_str(&page(&incident)),
        }
    }
    Ok(out)
}

fn page(incident: &Incident) -> String {
    let summary = &incident.summary;
    let mut out = format!(
        "Incident {}: {} ({}), {}\n",
        summary.id,
        safe(&summary.policy),
        summary.severity,
        summary.status
    );
    let mut line = |name: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(out, "  {name:<12} {text}");
        }
    };
    line("received", &format!("{} by {}", summary.received_at, safe(&summary.server)));
    line(
        "from",
        &incident
            .peer
            .as_deref()
            .map(|peer| format!("{} ({})", safe(peer), safe(&incident.direction)))
            .unwrap_or_default(),
    );
    line("sender", &safe(if summary.sender.is_empty() { "<>" } else { &summary.sender }));
    for recipient in &summary.recipients {
        line("recipient", &safe(recipient));
    }
    line("subject", &safe(&summary.subject));
    line("message-id", &safe(summary.message_id.as_deref().unwrap_or("")));
    line("unique id", &safe(&summary.unique_message_id));
    line(
        "size",
        &format!(
            "{} octets, original {}",
            incident.size,
            if incident.original_kept { "kept" } else { "not kept" }
        ),
    );
    line(
        "policy",
        &format!(
            "number {}, version {}, set {}",
            summary.policy_id,
            safe(&incident.policy_version),
            safe(&incident.policy_set)
        ),
    );
    line("trial", if summary.trial { "recorded without acting" } else { "" });
    line("outcome", summary.outcome.as_deref().unwrap_or("not known yet"));
    line(
        "follows",
        &incident
            .linked_to
            .map(|id| format!("incident {id}, which was closed or is over"))
            .unwrap_or_default(),
    );
    line("see also", &incident.siblings.iter().map(u64::to_string).collect::<Vec<_>>().join(", "));
    matches(&mut out, incident);
    let _ = writeln!(out, "  history");
    for entry in &incident.history {
        let _ = writeln!(
            out,
            "    {}  {:<22} {}",
            entry.at.strftime("%Y-%m-%d %H:%M:%S"),
            safe(&entry.action),
            safe(&entry.detail)
        );
    }
    out
}

fn matches(out: &mut String, incident: &Incident) {
    let at_least = if incident.count_is_complete { "" } else { "at least " };
    let shown = incident.matches.len();
    let _ = writeln!(out, "  {:<12} {at_least}{}, {shown} shown", "matches", incident.summary.matches);
    for found in &incident.matches {
        let _ = writeln!(out, "    {}", one_match(found));
    }
    for (path, reason) in &incident.unscannable {
        let place = if path.is_empty() { "message".into() } else { safe(path) };
        let _ = writeln!(out, "    not inspected: {place}: {}", safe(reason));
    }
}

fn one_match(found: &Match) -> String {
    let place = if found.path.is_empty() { "message".into() } else { safe(&found.path) };
    let validator = found.validator.as_deref().map(|name| format!(", {}", safe(name))).unwrap_or_default();
    let text = format!("{}[{}]{}", safe(&found.before), safe(&found.text), safe(&found.after));
    format!(
        "{} ({}{validator}) in {place} at {}: {text}",
        safe(&found.rule),
        safe(&found.condition),
        found.offset
    )
}

// ---- both

/// JSON in which the characters that a terminal obeys are written as `\uXXXX`: the same values, harmless to look at.
fn json(value: &impl serde::Serialize) -> Result<String> {
    let plain = serde_json::to_string_pretty(value)?;
    let mut out = String::with_capacity(plain.len() + 1);
    let mut units = [0; 2];
    for c in plain.chars() {
        if c == '\n' || safe(c.encode_utf8(&mut [0; 4])) == *c.encode_utf8(&mut [0; 4]) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out.push('\n');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use incident::Entry;

    const HOSTILE: &str = "\u{1b}[2J\u{9b}31mred\u{202e}gnp.exe\r\nIncident 999: nothing";

    fn incident() -> Incident {
        Incident {
            summary: Summary {
                id: 7,
                unique_message_id: "0F2A".into(),
                message_id: Some("<1@company.example>".into()),
                sender: "a@company.example".into(),
                recipients: (0..5).map(|n| format!("r{n}@partner.example")).collect(),
                subject: HOSTILE.into(),
                policy: "Payment cards".into(),
                policy_id: 3,
                severity: Severity::High,
                status: Status::New,
                prevent_status: 2,
                matches: 40,
                received_at: jiff::Timestamp::UNIX_EPOCH,
                last_seen: jiff::Timestamp::UNIX_EPOCH,
                server: "mx1".into(),
                trial: false,
                outcome: Some("relayed".into()),
            },
            policy_version: "5".into(),
            policy_set: "s".into(),
            count_is_complete: false,
            size: 1_000,
            peer: Some("192.0.2.1".into()),
            direction: "outbound".into(),
            response_rules: vec!["mark".into()],
            unscannable: vec![("a.zip".into(), "encrypted".into())],
            matches: vec![Match {
                rule: "numbers".into(),
                condition: "payment_card".into(),
                path: format!("{HOSTILE}.xlsx > Sheet1!A1"),
                kind: "text".into(),
                offset: 5,
                text: "4111 1111 1111 1111".into(),
                before: "card ".into(),
                after: HOSTILE.into(),
                validator: Some("luhn".into()),
            }],
            original_kept: true,
            linked_to: Some(4),
            siblings: vec![8, 9],
            history: vec![Entry {
                at: jiff::Timestamp::UNIX_EPOCH,
                who: "mx1".into(),
                action: "REFUSED".into(),
                detail: format!("next hop answered 550 {HOSTILE}"),
            }],
        }
    }

    fn is_harmless(text: &str) -> bool {
        text.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}'))
    }

    #[test]
    fn a_moment_is_a_day_a_time_or_an_age() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (text, is) in [
            ("2d", "2026-11-22T12:00:00Z"),
            ("36h", "2026-11-23T00:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ] {
            assert_eq!(moment(text, now).unwrap().to_string(), is, "{text}");
        }
        for wrong in ["", "d", "yesterday", "ä", "-1d", "2026-13-01"] {
            assert!(moment(wrong, now).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_list_has_one_harmless_line_for_each_incident() {
        let mut one = incident().summary;
        one.sender = HOSTILE.into();
        one.policy = "p".repeat(50);
        let mut bounce = incident().summary;
        bounce.sender.clear();
        let text = lines(&[one, bounce]);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(is_harmless(&text), "{text}");
        assert!(text.contains("r2@partner.example and 2 more") && text.contains("<> -> r0@"), "{text}");
        assert!(text.contains(&format!("{}…", "p".repeat(27))), "{text}");
        assert_eq!(lines(&[]), "no incidents\n");
    }

    #[test]
    fn an_incident_is_shown_with_everything_and_nothing_of_it_moves_the_cursor() {
        let text = page(&incident().into_masked());
        assert!(is_harmless(&text), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Incident 999")), "{text}");
        for part in [
            "Incident 7: Payment cards (high), New",
            "r4@partner.example",
            "at least 40, 1 shown",
            "numbers (payment_card, luhn) in ",
            "Sheet1!A1 at 5: **** [**** **** **** 1111]",
            "not inspected: a.zip: encrypted",
            "incident 4",
            "8, 9",
            "REFUSED",
            "outcome      relayed",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        assert!(!text.contains("4111"), "{text}");
        assert!(page(&incident()).contains("card [4111 1111 1111 1111]"));
    }

    #[test]
    fn json_keeps_every_value_and_is_harmless_too() {
        let text = json(&incident()).unwrap();
        assert!(is_harmless(&text), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["subject"], HOSTILE);
        assert_eq!((&value["matches"], &value["id"]), (&40.into(), &7.into()));
        assert_eq!(value["details"][0]["text"], "4111 1111 1111 1111");
        for field in
            ["unique_message_id", "message_id", "sender", "recipients", "policy", "severity", "status"]
        {
            assert!(!value[field].is_null(), "{field}");
        }
    }
}
