//! Small parts of pages: messages, chips, moments, sizes, and the way to the next page of a list.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::Timestamp;

use super::Html;
use super::html::escape;
use crate::session::Tone;

/// A message in a box.
pub fn notice(tone: Tone, text: &str) -> Html {
    let (class, role, word) = match tone {
        Tone::Done => ("done", "status", "Done"),
        Tone::Note => ("note", "status", "Note"),
        Tone::Trouble => ("trouble", "alert", "Trouble"),
    };
    Html::new(format!(
        "<div class=\"notice {class}\" role=\"{role}\"><span class=\"unseen\">{word}: </span><p>{}</p></div>",
        escape(text)
    ))
}

/// The colour of a chip. Its word always says the same: colour alone tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Tint {
    Plain,
    Good,
    Info,
    Warn,
    Bad,
    Severe,
}

/// A word in a coloured field: a severity, a status.
#[derive(Debug, Clone)]
pub struct Chip {
    text: String,
    tint: Tint,
}

impl Chip {
    /// With this word.
    pub fn new(text: impl Into<String>, tint: Tint) -> Self {
        Self { text: text.into(), tint }
    }

    /// A severity: high, medium, low or info, in any case.
    pub fn severity(severity: &str) -> Self {
        let folded = severity.to_ascii_lowercase();
        let (word, tint) = match folded.as_str() {
            "high" => ("High", Tint::Severe),
            "medium" => ("Medium", Tint::Warn),
            "low" => ("Low", Tint::Info),
            "info" => ("Info", Tint::Plain),
            _ => (severity, Tint::Plain),
        };
        Self::new(word, tint)
    }

    /// A workflow status; own ones are plain.
    pub fn status(status: &str) -> Self {
        let tint = match status {
            "New" => Tint::Info,
            "In Process" => Tint::Warn,
            "Escalated" => Tint::Bad,
            "Resolved" => Tint::Good,
            _ => Tint::Plain,
        };
        Self::new(status, tint)
    }
}

impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.tint {
            Tint::Plain => "plain",
            Tint::Good => "good",
            Tint::Info => "info",
            Tint::Warn => "warn",
            Tint::Bad => "bad",
            Tint::Severe => "severe",
        };
        write!(f, "<span class=\"chip {class}\">{}</span>", escape(&self.text))
    }
}

impl HtmlSafe for Chip {}

/// A moment in milliseconds since 1970: in UTC, and with a script in the reader's own zone.
#[derive(Debug, Clone, Copy)]
pub struct Moment(pub i64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(at) = Timestamp::from_millisecond(self.0) else { return f.write_str("—") };
        write!(
            f,
            "<time datetime=\"{}\" data-local>{} UTC</time>",
            at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            at.strftime("%Y-%m-%d %H:%M")
        )
    }
}

impl HtmlSafe for Moment {}

/// Octets, for people.
#[derive(Debug, Clone, Copy)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["kB", "MB", "GB", "TB"];
        if self.0 < 1_000 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1_000.0;
        let mut unit = 0;
        while value >= 999.95 && unit + 1 < units.len() {
            value /= 1_000.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", units[unit])
    }
}

impl HtmlSafe for Size {}

/// A length of time in milliseconds, for people.
#[derive(Debug, Clone, Copy)]
pub struct Duration(pub i64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        match seconds {
            ..1 => write!(f, "{} ms", self.0),
            1..120 => write!(f, "{seconds} s"),
            120..7_200 => write!(f, "{} min", seconds / 60),
            7_200..172_800 => write!(f, "{} h", seconds / 3_600),
            _ => write!(f, "{} days", seconds / 86_400),
        }
    }
}

impl HtmlSafe for Duration {}

/// The way to the lines before and after those shown.
#[derive(Debug, Clone, Default)]
pub struct Pager {
    /// What is shown: `1 to 50 of 10,000+`.
    pub shown: String,
    /// Address of the first page, if this is another one.
    pub first: Option<String>,
    /// Address of the page before.
    pub before: Option<String>,
    /// Address of the page after.
    pub after: Option<String>,
}

impl fmt::Display for Pager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<nav class=\"pager\" aria-label=\"Pages\"><span>{}</span>", escape(&self.shown))?;
        for (address, rel, word) in
            [(&self.first, "first", "First"), (&self.before, "prev", "Newer"), (&self.after, "next", "Older")]
        {
            if let Some(address) = address {
                write!(f, "<a class=\"button quiet\" rel=\"{rel}\" href=\"{}\">{word}</a>", escape(address))?;
            }
        }
        f.write_str("</nav>")
    }
}

impl HtmlSafe for Pager {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_escape_what_they_are_given() {
        let hostile = "<script>alert(\"x\")</script>";
        let escaped = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;";
        let pager = Pager { shown: hostile.into(), after: Some(hostile.into()), ..Pager::default() };
        for html in [
            notice(Tone::Done, hostile).to_string(),
            Chip::new(hostile, Tint::Bad).to_string(),
            Chip::severity(hostile).to_string(),
            pager.to_string(),
        ] {
            assert!(html.contains(escaped) && !html.contains("<script"), "{html}");
        }
    }

    #[test]
    fn moments_and_sizes_read_well() {
        assert_eq!(
            Moment(1_764_000_000_000).to_string(),
            "<time datetime=\"2025-11-24T16:00:00Z\" data-local>2025-11-24 16:00 UTC</time>"
        );
        assert_eq!(Moment(i64::MAX).to_string(), "—");
        let sizes =
            [0, 999, 1_000, 999_949, 999_999, 5_300_000, u64::MAX].map(|octets| Size(octets).to_string());
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "5.3 MB", "18446744.1 TB"]);
        let times = [5, 1_000, 200_000, 8_000_000, 200_000_000].map(|ms| Duration(ms).to_string());
        assert_eq!(times, ["5 ms", "1 s", "3 min", "2 h", "2 days"]);
    }
}
