//! Trying a mail, pasted or uploaded: what the set on disk makes of it, or the set with a text that is being edited.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use policy::{Envelope, Mail, Set};
use web::layout::{Chip, Field, Html, Kind, Page};
use web::mail::{line, passage};
use web::people::Privilege;
use web::{Problem, Viewer};

use super::diagnostics::{Texts, shown};
use super::policies::{Edit, files, mode_chip, unfit};
use super::upload::Uploaded;
use super::{Answer, Console};

/// A mail may take so long to try.
const PATIENCE: Duration = Duration::from_secs(10);
/// Octets of a mail that is pasted.
const PASTED: usize = 900_000;

#[derive(Template, Default)]
#[template(path = "policy_try.html")]
struct TryPage {
    form: Html,
    mail: String,
    sender: String,
    recipients: String,
    /// The file that is being edited, and its text.
    edited: Edit,
    opens_documents: bool,
    uploaded: bool,
    wrong: Vec<Html>,
    found: Option<Found>,
}

struct Found {
    violations: Vec<Violation>,
    unscannable: Vec<(Html, String)>,
    disposition: &'static str,
}

struct Violation {
    policy: String,
    id: u32,
    mode: Chip,
    severity: Chip,
    count: u64,
    matches: Vec<(Html, Html, String)>,
}

impl TryPage {
    fn sender_field(&self) -> Field {
        Field::new(Kind::Text, "sender", "Envelope sender").value(&self.sender)
    }

    fn recipients_field(&self) -> Field {
        Field::new(Kind::Text, "recipients", "Envelope recipients").value(&self.recipients)
    }
}

pub(super) async fn show(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    page(&console, &viewer, TryPage::default()).await
}

/// Without a mail it only takes over the text that is being edited.
pub(super) async fn try_mail(State(console): State<Console>, viewer: Viewer, mut asked: Uploaded) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let mut content = TryPage {
        mail: asked.take("mail"),
        sender: asked.take("sender"),
        recipients: asked.take("recipients"),
        edited: Edit {
            name: asked.take("name"),
            text: asked.take("text").replace("\r\n", "\n"),
            was: asked.take("was"),
            why: asked.take("why"),
        },
        uploaded: asked.file.is_some(),
        ..TryPage::default()
    };
    if content.mail.len() > PASTED {
        return Err(Problem::TooLarge.into());
    }
    let octets = match asked.file {
        Some(file) => file,
        None => content.mail.replace("\r\n", "\n").replace('\n', "\r\n").into(),
    };
    let files = files(&console);
    let loaded = match content.edited.text.is_empty() {
        true => files.load().await?,
        false => files.load_with(&content.edited.name, &content.edited.text).await?,
    };
    let set = match loaded {
        Ok(loaded) => loaded.set,
        Err(diagnostics) => {
            if !content.edited.text.is_empty() {
                return unfit(&viewer, content.edited, &diagnostics);
            }
            content.wrong = shown(&diagnostics, Texts::OnDisk);
            return page(&console, &viewer, content).await;
        }
    };
    if octets.is_empty() {
        return page(&console, &viewer, content).await;
    }
    let envelope = envelope(&content.sender, &content.recipients);
    let enforce = console.enforce.clone();
    let found = tokio::task::spawn_blocking(move || {
        let now = jiff::Timestamp::now();
        enforce.opener.open(&octets, envelope, now, PATIENCE, |mail| inspected(&set, mail))
    });
    let found = found.await.map_err(|why| Problem::Internal(format!("a mail could not be tried: {why}")))?;
    content.found = Some(found);
    page(&console, &viewer, content).await
}

/// As given; none where neither end was.
fn envelope(sender: &str, recipients: &str) -> Option<Envelope> {
    let split = recipients.split([',', ' ', '\n', '\r']).filter(|one| !one.is_empty());
    let envelope = Envelope {
        sender: sender.trim().to_owned(),
        recipients: split.map(str::to_owned).collect(),
        peer: None,
    };
    (!envelope.sender.is_empty() || !envelope.recipients.is_empty()).then_some(envelope)
}

fn inspected(set: &Set, mail: &Mail<'_>) -> Found {
    let judged = set.judge(mail);
    let inspection = &judged.inspection;
    let violations = inspection.violations.iter().map(|one| Violation {
        policy: one.policy.name.clone(),
        id: one.policy.id,
        mode: mode_chip(one.policy.mode),
        severity: Chip::severity(one.severity.as_str()),
        count: one.match_count,
        matches: one
            .matches
            .iter()
            .take(50)
            .map(|found| {
                let text = format!("{}{}{}", found.before, found.text, found.after);
                let mark = found.before.len()..found.before.len() + found.text.len();
                let path = if found.path.is_empty() { "the message" } else { &found.path };
                (line(path, 200), passage(&text, std::slice::from_ref(&mark), 2_000), found.rule.to_string())
            })
            .collect(),
    });
    Found {
        violations: violations.collect(),
        unscannable: inspection
            .unscannable
            .iter()
            .map(|one| (line(&one.path, 200), one.reason.to_string()))
            .collect(),
        disposition: judged.disposition().as_str(),
    }
}

async fn page(console: &Console, viewer: &Viewer, mut content: TryPage) -> Answer {
    content.form = viewer.form();
    let enforce = console.enforce.clone();
    let opens = tokio::task::spawn_blocking(move || enforce.opener.opens_documents()).await;
    content.opens_documents = opens.unwrap_or(false);
    let page = Page::new(viewer, "Try a mail").within("/policies").below("Policies", "/policies");
    Ok(page.unfit(!content.wrong.is_empty()).show(&content)?)
}
