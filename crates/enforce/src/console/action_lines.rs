//! Actions of rules as forms have them: one on each line, read strictly and written back the same.

use web::Problem;

use super::{Answer, Console};
use crate::respond::Action;

/// Actions as a form has them: one on each line.
pub(super) fn lines(actions: &[Action]) -> String {
    let line = |action: &Action| match action {
        Action::FlexResponse { plugin } => format!("flex-response {plugin}"),
        Action::SetStatus { status } => format!("set-status {status}"),
        Action::AddNote { text } => format!("add-note {}", text.replace('\n', " ")),
        Action::SetAttribute { name, value } => format!("set-attribute {name} = {value}"),
        Action::LimitRetention {} => "limit-retention".to_owned(),
        Action::Notify { to, subject, text } => format!("notify {to} | {subject} | {}", on_one_line(text)),
        Action::Syslog { level, format, message } => {
            format!("syslog {level} {format} {}", on_one_line(message)).trim_end().to_owned()
        }
    };
    actions.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A text as a line has it: `\n` for the end of a line, `\\` for a backslash.
fn on_one_line(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

fn on_its_lines(text: &str) -> String {
    let (mut out, mut chars) = (String::new(), text.chars().peekable());
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('n')) => {
                chars.next();
                out.push('\n');
            }
            ('\\', Some('\\')) => {
                chars.next();
                out.push('\\');
            }
            _ => out.push(c),
        }
    }
    out
}

fn notify(rest: &str) -> Result<Action, String> {
    let parts: Vec<&str> = rest.splitn(3, '|').map(str::trim).collect();
    let [to, subject, text] = parts[..] else {
        return Err("People are told by \"notify ADDRESSES | SUBJECT | TEXT\".".to_owned());
    };
    Ok(Action::Notify { to: to.to_owned(), subject: subject.to_owned(), text: on_its_lines(text) })
}

fn syslog(rest: &str) -> Result<Action, String> {
    let mut words = rest.splitn(3, ' ').map(str::trim);
    let (Some(level), Some(format)) = (words.next(), words.next()) else {
        return Err("Something is logged by \"syslog LEVEL text|cef MESSAGE\".".to_owned());
    };
    let message = on_its_lines(words.next().unwrap_or_default());
    Ok(Action::Syslog { level: level.to_owned(), format: format.to_owned(), message })
}

fn actions(text: &str) -> Result<Vec<Action>, String> {
    let mut actions = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim().to_owned();
        if verb == "limit-retention" && rest.is_empty() {
            actions.push(Action::LimitRetention {});
            continue;
        }
        if rest.is_empty() {
            return Err(format!("The line {line:?} says nothing behind its first word."));
        }
        actions.push(match verb {
            "flex-response" => Action::FlexResponse { plugin: rest },
            "set-status" => Action::SetStatus { status: rest },
            "add-note" => Action::AddNote { text: rest },
            "set-attribute" => {
                let (name, value) =
                    rest.split_once('=').ok_or("An attribute is set by \"set-attribute NAME = VALUE\".")?;
                Action::SetAttribute { name: name.trim().to_owned(), value: value.trim().to_owned() }
            }
            "notify" => notify(&rest)?,
            "syslog" => syslog(&rest)?,
            _ => {
                return Err(format!(
                    "{verb:?} is no action; there are flex-response, set-status, add-note, set-attribute, limit-retention, \
                    notify and syslog."
                ));
            }
        });
    }
    for action in &actions {
        action.check().map_err(|why| format!("{}: {why}.", action.words()))?;
    }
    if actions.is_empty() || actions.len() > 20 {
        return Err("A rule has 1 to 20 actions, one on each line.".to_owned());
    }
    Ok(actions)
}

/// The actions of a form, with plug-ins and statuses that there are.
pub(super) async fn known_actions(console: &Console, text: &str) -> Answer<Vec<Action>> {
    let actions = actions(text).map_err(Problem::Unfit)?;
    let plugins = console.desk.plugins().await?;
    let statuses = console.desk.statuses().await?;
    for action in &actions {
        match action {
            Action::FlexResponse { plugin } if !plugins.iter().any(|row| row.name == *plugin) => {
                return Err(Problem::Unfit(format!("There is no plug-in {plugin:?}; make it first.")).into());
            }
            Action::SetStatus { status }
                if !statuses.iter().any(|one| one.name.eq_ignore_ascii_case(status)) =>
            {
                return Err(Problem::Unfit(format!("There is no status {status:?}.")).into());
            }
            Action::Notify { .. } if console.enforce.options.effects.notices.is_none() => {
                return Err(Problem::Unfit(
                    "Notices cannot be sent yet: set submission in [enforce.notices] of the configuration."
                        .to_owned(),
                )
                .into());
            }
            Action::Syslog { .. } if console.enforce.options.effects.syslog.host.is_none() => {
                return Err(Problem::Unfit(
                    "There is no syslog server yet: set host in [enforce.syslog] of the configuration."
                        .to_owned(),
                )
                .into());
            }
            _ => {}
        }
    }
    Ok(actions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_written_as_they_are_read() {
        let text = "flex-response SMG Approve Action\nset-status Resolved\nset-attribute Department = R & D\nadd-note seen\nlimit-retention\n\
            notify $SENDER$, ann@a.example | About $SUBJECT$ | Two\\nlines | and C:\\\\new\nsyslog alert cef\nsyslog informational text $POLICY$ again";
        assert_eq!(lines(&actions(text).unwrap()), text);
        for wrong in [
            "",
            "release everything",
            "set-status",
            "set-attribute x",
            "limit-retention x",
            "notify ann@a.example",
            "notify ann | s | t",
            "notify ann@a.example | $SUBJEKT$ | t",
            "syslog",
            "syslog loud cef",
            "syslog alert xml",
        ] {
            assert!(actions(wrong).is_err(), "{wrong}");
        }
    }
}
