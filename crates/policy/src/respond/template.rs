//! Texts with variables such as `$POLICY$`: read once, filled in for each message, safe for the place that they go to
//! whatever the mail holds.

mod recorded;
pub(crate) mod safe;
mod values;

use crate::diagnostic::{Diagnostics, Place};
use crate::syntax::read::nearest;
pub use recorded::{RecordedIncident, RecordedMatch, RecordedText};
pub(crate) use values::Facts;

/// A text with variables.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(Variable),
}

/// What a text goes to: how it must look, and what is known by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// A header line or the subject; the mail's fate is not known to the reader of it.
    Header,
    /// The line of an SMTP reply.
    Reply,
    /// A side effect, which happens once the incident is written.
    Effect,
    /// Addresses of a notice.
    Addresses,
}

macro_rules! variables {
    ($($variant:ident = $name:literal, $about:literal;)*) => {
        /// What may stand between dollar signs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Variable { $(#[doc = $about] $variant,)* }

        impl Variable {
            /// All of them with their names and meanings, as the language's reference lists them.
            pub(crate) const ALL: &[(Self, &'static str, &'static str)] = &[$((Self::$variant, $name, $about),)*];
        }
    };
}

variables! {
    Policy = "POLICY", "Name of the policy; of all policies, where a header line speaks for several.";
    PolicyId = "POLICY_ID", "Its number.";
    Rules = "RULES", "Names of the rules that matched.";
    Sender = "SENDER", "The envelope sender; `<>` if empty.";
    Recipients = "RECIPIENTS", "The envelope recipients, the first twenty and how many more.";
    Subject = "SUBJECT", "The subject.";
    MatchCount = "MATCH_COUNT", "The number of matches.";
    Severity = "SEVERITY", "The severity: High, Medium, Low, Info.";
    Direction = "DIRECTION", "outbound, inbound, internal, passing, unknown.";
    Date = "DATE", "When the mail came, in the time zone of the set.";
    Blocked = "BLOCKED", "yes or no.";
    Disposition = "DISPOSITION", "What became of the mail: passed, modified, redirected, blocked.";
    Matches = "MATCHES", "What was found and where, masked.";
    Unscannable = "UNSCANNABLE", "What could not be inspected, and why.";
    FileName = "FILE_NAME", "Names of the files with matches; of all attachments if no match is in a file.";
    Attachments = "ATTACHMENTS", "Names of all attachments.";
    IncidentId = "INCIDENT_ID", "Number of the incident; only in side effects.";
    IncidentSnapshot = "INCIDENT_SNAPSHOT", "Address of the incident's page; only in side effects.";
}

impl Variable {
    fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(variable, _, _)| *variable)
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(variable, _, _)| *variable == self).map_or("", |(_, name, _)| name)
    }

    /// Known only when the incident is written.
    fn is_late(self) -> bool {
        matches!(self, Self::IncidentId | Self::IncidentSnapshot)
    }
}

/// What variables stand for.
pub(crate) trait Values {
    /// The value; the items of a list of matches are joined by `between`.
    fn value(&self, variable: Variable, between: &str) -> String;
    /// The envelope sender.
    fn sender(&self) -> &str;
    /// The envelope recipients.
    fn recipients(&self) -> &[String];
}

/// Variables of the product's scans of storage, which mail has not.
const OF_SCANS: &[&str] = &["PARENT_PATH", "PATH", "QUARANTINE_PARENT_PATH", "SCAN", "TARGET"];

impl Template {
    /// Reads a text; reports variables that are not there, or not there yet.
    pub(crate) fn parse(text: &str, what: Use, place: &Place, out: &mut Diagnostics) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_variable(rest) {
            push_text(&mut pieces, before);
            match Variable::parse(name) {
                Some(variable) => {
                    refuse_misplaced(variable, what, &inside(place, name), out);
                    pieces.push(Piece::Variable(variable));
                }
                None => unknown(name, &inside(place, name), out),
            }
            rest = after;
        }
        push_text(&mut pieces, rest);
        Self { pieces }
    }

    /// One line of plain text for a header: no control characters, bounded; whoever writes the line encodes it.
    pub(crate) fn header(&self, facts: &dyn Values) -> String {
        safe::line(&self.fill(facts, "; "), safe::HEADER)
    }

    /// As [`Self::header`], with the blanks at either end that stand in the template.
    pub(crate) fn subject(&self, facts: &dyn Values) -> String {
        let text = self.header(facts);
        let blank = |piece: Option<&Piece>, of: fn(&str) -> bool| matches!(piece, Some(Piece::Text(text)) if of(text));
        let start = if blank(self.pieces.first(), |text| text.starts_with(' ')) { " " } else { "" };
        let end = if blank(self.pieces.last(), |text| text.ends_with(' ')) { " " } else { "" };
        format!("{start}{text}{end}")
    }

    /// The text of an SMTP reply: printable ASCII, short enough for a reply line of 512 octets.
    pub(crate) fn reply(&self, facts: &dyn Values) -> String {
        safe::ascii_line(&self.fill(facts, "; "), safe::REPLY)
    }

    /// One line for a log, a subject of a notice or an attribute.
    pub(crate) fn line(&self, facts: &dyn Values) -> String {
        safe::line(&self.fill(facts, "; "), safe::LINE)
    }

    /// Several lines for a notice.
    pub(crate) fn text(&self, facts: &dyn Values) -> String {
        safe::text(&self.fill(facts, "\n"), safe::TEXT)
    }

    /// Addresses: `$SENDER$` and `$RECIPIENTS$` stand for all of theirs. Never the empty one.
    pub(crate) fn addresses(&self, facts: &dyn Values) -> Vec<String> {
        let mut all = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => all.extend(text.split([',', ' ']).map(str::to_owned)),
                Piece::Variable(Variable::Sender) => all.push(facts.sender().to_owned()),
                Piece::Variable(_) => all.extend(facts.recipients().iter().cloned()),
            }
        }
        all.retain(|address| safe::is_address(address));
        all
    }

    /// The variables' values are one line each, but for matches, which are joined by `between`.
    fn fill(&self, facts: &dyn Values, between: &str) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Variable(variable) if variable.is_late() => {
                    text.push('$');
                    text.push_str(variable.name());
                    text.push('$');
                }
                Piece::Variable(variable) => text.push_str(&facts.value(*variable, between)),
            }
        }
        text
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// The text before the first `$NAME$`, the name, and what comes after it. A dollar sign alone is a dollar sign.
fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('$').map(|at| from + at) {
        let name_at = open + 1;
        let close = name_at + text[name_at..].find('$')?;
        let name = &text[name_at..close];
        let letters = name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_');
        if letters && name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Some((&text[..open], name, &text[close + 1..]));
        }
        from = close;
    }
    None
}

/// The place of `$name$` inside the place of the whole text.
fn inside(place: &Place, name: &str) -> Place {
    let written = format!("${name}$");
    let found = place.span.clone().and_then(|whole| {
        let start = whole.start + place.source.get(whole)?.find(&written)?;
        Some(start..start + written.len())
    });
    found.map_or_else(|| place.clone(), |span| place.at(span))
}

fn unknown(name: &str, place: &Place, out: &mut Diagnostics) {
    let diagnostic = out.error("E0607", place, format!("there is no variable `${name}$`")).label("unknown");
    let close = nearest(name, Variable::ALL.iter().map(|(_, known, _)| *known));
    if OF_SCANS.contains(&name) {
        diagnostic.remedy("it belongs to scans of storage; for mail write $FILE_NAME$ or $MATCHES$");
    } else if let Some(close) = close {
        diagnostic.remedy(format!("write ${close}$"));
    } else {
        let names: Vec<String> = Variable::ALL.iter().map(|(_, name, _)| format!("${name}$")).collect();
        diagnostic.remedy(format!("variables are {}", names.join(" ")));
    }
}

fn refuse_misplaced(variable: Variable, what: Use, place: &Place, out: &mut Diagnostics) {
    let (why, remedy) = match what {
        Use::Effect => return,
        Use::Addresses if matches!(variable, Variable::Sender | Variable::Recipients) => return,
        Use::Addresses => ("is no address", "write an address, $SENDER$ or $RECIPIENTS$"),
        Use::Header | Use::Reply if !variable.is_late() => return,
        Use::Header | Use::Reply => (
            "is not known when the mail is answered",
            "use it in notify, syslog and set_attribute; here, $POLICY$ and $RULES$ say what it is about",
        ),
    };
    out.error("E0608", place, format!("`${}$` {why}", variable.name())).label("not here").remedy(remedy);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Option<(&str, &str, &str)> {
        next_variable(text)
    }

    #[test]
    fn variables_stand_between_dollar_signs_and_money_stays_money() {
        assert_eq!(split("a $POLICY$ b"), Some(("a ", "POLICY", " b")));
        assert_eq!(split("$5 and $SENDER$"), Some(("$5 and ", "SENDER", "")));
        assert_eq!(split("$$POLICY$"), Some(("$", "POLICY", "")));
        for plain in ["", "$", "costs $5", "$5 or $6", "$1$", "$a b$"] {
            assert_eq!(split(plain), None, "{plain}");
        }
    }
}
