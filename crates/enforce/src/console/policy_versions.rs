//! Versions of a policy file: what each change did, and the way back to what stood there before.

use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use incident::desk::PolicyVersion;
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};
use web::layout::{Html, Moment, Page};
use web::mail::line;
use web::pages::encoded;
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::list::see_other;
use super::policies::{Named, files, stored};
use super::policy_files::hash;
use super::policy_stale::stale;
use super::sent::sent;
use super::{Answer, Console};

/// Lines around a change.
const AROUND: usize = 2;
/// Lines of a difference.
const MOST_LINES: usize = 400;
/// How long the shortest difference is looked for.
const DIFFERENCE_TIME: Duration = Duration::from_millis(50);

#[derive(Template)]
#[template(path = "policy_history.html")]
struct History {
    form: Html,
    name: String,
    was: String,
    versions: Vec<Version>,
}

struct Version {
    id: u64,
    at: Moment,
    who: String,
    why: Html,
    difference: Vec<(&'static str, String)>,
}

pub(super) async fn history(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Named>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let sources = files(&console).sources().await?;
    let now = sources.iter().find(|source| source.name == asked.name);
    let versions = console.desk.policy_versions(&asked.name).await?;
    // A file that was removed has versions still.
    if now.is_none() && versions.is_empty() {
        return Err(Problem::NotFound.into());
    }
    let content = History {
        form: viewer.form(),
        was: now.map(|source| hash(&source.text)).unwrap_or_default(),
        versions: versions.iter().map(version).collect(),
        name: asked.name.clone(),
    };
    let page = Page::new(&viewer, format!("Versions of {}", asked.name)).within("/policies");
    let back = format!("/policies/file?name={}", encoded(&asked.name));
    Ok(page.below("Policies", "/policies").below(asked.name, back).show(&content)?)
}

fn version(version: &PolicyVersion) -> Version {
    Version {
        id: version.id,
        at: Moment(version.at.as_millisecond()),
        who: version.who.clone(),
        why: line(&version.why, 300),
        difference: difference(&version.before, &version.text),
    }
}

/// Lines that went and came, with some that stayed around them, and where a piece begins.
fn difference(before: &str, after: &str) -> Vec<(&'static str, String)> {
    // Two long files without a common line: what was found by then is shown.
    let difference = TextDiff::configure().timeout(DIFFERENCE_TIME).diff_lines(before, after);
    let mut lines = Vec::new();
    for (number, group) in difference.grouped_ops(AROUND).iter().enumerate() {
        let changes = group.iter().flat_map(|op| difference.iter_changes(op));
        if number > 0 {
            lines.push(("", "…".to_owned()));
        }
        lines.extend(changes.map(|change| {
            let sign = match change.tag() {
                ChangeTag::Delete => "-",
                ChangeTag::Insert => "+",
                ChangeTag::Equal => " ",
            };
            (sign, change.value().trim_end_matches(['\r', '\n']).to_owned())
        }));
    }
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        lines.push(("", "… and more".to_owned()));
    }
    lines
}

#[derive(Deserialize, Serialize)]
pub(super) struct Back {
    name: String,
    was: String,
    version: u64,
}

pub(super) async fn go_back(
    State(console): State<Console>,
    viewer: Viewer,
    Form(back): Form<Back>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let versions = console.desk.policy_versions(&back.name).await?;
    let version = versions.iter().find(|one| one.id == back.version).ok_or(Problem::NotFound)?;
    if let Some(stale) = stale(&console, (&back.name, &back.was), "/policies/history", sent(&back)).await? {
        return Ok(stale.show(&viewer)?);
    }
    let why = format!("back to what stood there before {}", version.at);
    if stored(&console, &viewer, &back.name, &back.was, &version.before, &why).await?.is_some() {
        return Err(Problem::Conflict(
            "The set would not be good with that text: open the file and look.".to_owned(),
        )
        .into());
    }
    viewer.say(Tone::Done, format!("{} is as it was before that change.", back.name)).await?;
    Ok(see_other(&format!("/policies/history?name={}", encoded(&back.name))))
}

#[cfg(test)]
mod tests {
    use super::{MOST_LINES, difference};

    fn shown(before: &str, after: &str) -> String {
        let lines = difference(before, after);
        lines.iter().map(|(sign, line)| format!("{sign}{line}\n")).collect()
    }

    #[test]
    fn a_difference_shows_the_lines_that_changed_each_in_its_place() {
        assert_eq!(shown("a\nb\nc\n", "a\nx\ny\nc\n"), " a\n-b\n+x\n+y\n c\n");
        assert_eq!(shown("a\n", "a\n"), "");
        assert_eq!(shown("a\na\n", "a\n"), " a\n-a\n");
        let before: Vec<String> = (0..20).map(|line| line.to_string()).collect();
        let mut after = before.clone();
        after[1] = "one".to_owned();
        after[18] = "eighteen".to_owned();
        let said = shown(&before.join("\n"), &after.join("\n"));
        assert_eq!(
            said, " 0\n-1\n+one\n 2\n 3\n…\n 16\n 17\n-18\n+eighteen\n 19\n",
            "what stayed is left out"
        );
    }

    #[test]
    fn a_difference_of_long_files_without_a_common_line_is_bounded() {
        let file = |from: u32| (from..from + 60_000).map(|line| format!("{line}\n")).collect::<String>();
        let lines = difference(&file(0), &file(100_000));
        assert_eq!((lines.len(), lines.last().unwrap().1.as_str()), (MOST_LINES + 1, "… and more"));
    }
}
