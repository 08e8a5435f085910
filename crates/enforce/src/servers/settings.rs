//! Which settings can be given to a detection server from here, by the guide's page for Network Prevent, and how each is written.

use serde_json::{Map, Value};

use crate::Error;

/// A setting of the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its key below `prevent`.
    pub(crate) key: &'static str,
    /// As the guide or the reference calls it.
    pub(crate) label: &'static str,
    /// What helps to fill it in.
    pub(crate) hint: &'static str,
    pub(crate) shape: Shape,
}

/// How a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `true` or `false`.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A text of one line.
    Text,
    /// Texts, one on each line.
    Lines,
    /// A whole number between these, both included.
    Number(i64, i64),
    /// A length of time: `20s`, `5m`, `1h`.
    Span,
}

/// Octets of a text, and lines of a list.
const TEXT: usize = 1_000;
const LINES: usize = 100;

const fn setting(key: &'static str, label: &'static str, hint: &'static str, shape: Shape) -> Setting {
    Setting { key, label, hint, shape }
}

/// What the page offers, in its order.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(
        "trial",
        "Trial mode",
        "Incidents are recorded; no message is blocked, redirected or marked.",
        Shape::Flag,
    ),
    setting(
        "mode",
        "Next hop configuration",
        "Reflect sends mail back to where it came from.",
        Shape::OneOf(&["reflect", "forward"]),
    ),
    setting(
        "next_hop",
        "Next hops",
        "For forwarding, one on each line: HOST:PORT without MX lookup, mx:DOMAIN with it.",
        Shape::Lines,
    ),
    setting(
        "resubmit_port",
        "Resubmit port",
        "Of the next hop when reflecting or after an MX lookup; 10026 is usual.",
        Shape::Number(1, 65_535),
    ),
    setting(
        "allowed_hosts",
        "Allowed hosts",
        "Addresses or networks that may connect, one on each line.",
        Shape::Lines,
    ),
    setting(
        "pass_header",
        "Pass header",
        "Added to every message, such as X-Cfilter-Loop: Reflected.",
        Shape::Text,
    ),
    setting("limits.sessions", "Sessions at one time", "", Shape::Number(1, 100_000)),
    setting("limits.sessions_per_address", "Sessions of one address", "", Shape::Number(1, 100_000)),
    setting("limits.recipients", "Recipients of a message", "", Shape::Number(1, 100_000)),
    setting("limits.message_size", "Octets of a message", "", Shape::Number(1_024, 4 << 30)),
    setting("timeouts.inspection", "Time to inspect a message", "Such as 20s.", Shape::Span),
    setting("timeouts.hop_final", "Time for the next hop's final reply", "Such as 8m.", Shape::Span),
];

/// What else can be given from here: keys, or the tables they stand in.
const OTHERS: &[&str] =
    &["break_glass", "refused_copy", "limits.", "timeouts.", "line_ends.", "incident_url"];

impl Setting {
    /// Its name in forms.
    pub(crate) fn field(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    /// What a form says; None where it leaves the server's own. The error is for whoever wrote it.
    pub(crate) fn read(&self, text: &str) -> Result<Option<Value>, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > TEXT * LINES {
            return Err(format!("{}: too long", self.label));
        }
        let wrong = |wanted: &str| Err(format!("{}: {wanted}, not {:?}.", self.label, shown(text)));
        Ok(Some(match self.shape {
            Shape::Flag => match text {
                "true" => true.into(),
                "false" => false.into(),
                _ => return wrong("on or off"),
            },
            Shape::OneOf(words) if words.contains(&text) => text.into(),
            Shape::OneOf(words) => return wrong(&words.join(" or ")),
            Shape::Text if text.len() <= TEXT && !text.chars().any(char::is_control) => text.into(),
            Shape::Text => return wrong("one line of at most 1000 octets"),
            Shape::Lines => {
                let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                if lines.len() > LINES || lines.iter().any(|line| line.len() > TEXT) {
                    return wrong("at most 100 lines of at most 1000 octets");
                }
                lines.into()
            }
            Shape::Number(from, to) => match text.parse::<i64>() {
                Ok(number) if (from..=to).contains(&number) => number.into(),
                _ => return wrong(&format!("a whole number from {from} to {to}")),
            },
            Shape::Span => {
                let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
                if digits == 0 || digits > 9 || !["s", "m", "h"].contains(&&text[digits..]) {
                    return wrong("a time such as 20s, 5m or 1h");
                }
                text.into()
            }
        }))
    }

    /// What was set, as its form has it; empty where nothing was.
    pub(crate) fn written(&self, settings: &Map<String, Value>) -> String {
        match settings.get(self.key) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(lines)) => {
                lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
            }
            Some(other) => other.to_string(),
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Whether a setting can be given from here: nothing that names files or ports of that machine.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    let offered = SETTINGS.iter().any(|one| one.key == key);
    let other = OTHERS.iter().any(|one| if one.ends_with('.') { key.starts_with(one) } else { key == *one });
    if offered || other {
        return Ok(());
    }
    let names = SETTINGS.iter().map(|one| one.key.to_owned());
    let others =
        OTHERS.iter().map(|one| if one.ends_with('.') { format!("{one}*") } else { (*one).to_owned() });
    Err(Error::Refused(format!(
        "\"{}\" cannot be set from here; there are {}",
        key.escape_debug(),
        names.chain(others).collect::<Vec<_>>().join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_files_or_ports_of_another_machine_is_not_set_from_here() {
        check_key("trial").unwrap();
        check_key("limits.sessions").unwrap();
        for wrong in ["listen", "data", "tls.key", "notices.secret_file", "trial.x", "limits", ""] {
            assert!(check_key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_setting_is_read_as_it_is_written_and_nonsense_is_refused() {
        for setting in SETTINGS {
            let (good, bad): (&str, &[&str]) = match setting.shape {
                Shape::Flag => ("true", &["yes", "1"]),
                Shape::OneOf(words) => (words[0], &["sideways"]),
                Shape::Text => ("X-Scanned: yes", &["X-Scanned: yes\r\nBcc: x"]),
                Shape::Lines => ("a:1\nmx:b.example", &[]),
                Shape::Number(..) => ("4096", &["0", "-1", "many", "99999999999999999999"]),
                Shape::Span => ("20s", &["20", "s", "soon", "5 weeks", "9999999999s"]),
            };
            let value = setting.read(&format!(" {good}\n")).unwrap().unwrap();
            let settings = Map::from_iter([(setting.key.to_owned(), value)]);
            assert_eq!(setting.written(&settings), good, "{}", setting.key);
            assert_eq!(setting.read(" \r\n").unwrap(), None);
            for bad in bad {
                assert!(setting.read(bad).is_err(), "{} {bad:?}", setting.key);
            }
        }
    }
}
