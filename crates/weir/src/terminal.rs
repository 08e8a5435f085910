//! Text of mails on a terminal: a subject or file name is an attacker's letter, and must not move the cursor, change
//! colours or turn the line around. And passwords from it, that nobody sees.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Octets of a password.
const PASSWORD: u64 = 4_096;

/// The first line of a file, or of standard input where it is `-`.
pub(crate) fn password_from(file: &Path) -> Result<Zeroizing<String>> {
    if file == Path::new("-") {
        return first_line(io::stdin().lock()).context("cannot read the password from standard input");
    }
    let read = File::open(file).and_then(first_line);
    read.with_context(|| format!("cannot read the password from {}", file.display()))
}

/// What somebody types at the terminal, without showing it.
pub(crate) fn ask_password(words: &str) -> Result<Zeroizing<String>> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let typed = {
        // Before it asks: whoever sees the words may type.
        let _quiet = Quiet::begin(&terminal)?;
        write!(&terminal, "{words}")?;
        first_line(&terminal)?
    };
    writeln!(&terminal)?;
    Ok(typed)
}

/// A terminal that does not show what is typed, until this ends.
struct Quiet<'t> {
    terminal: &'t File,
    before: Termios,
}

impl<'t> Quiet<'t> {
    fn begin(terminal: &'t File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        if let Err(why) = tcsetattr(self.terminal, OptionalActions::Flush, &self.before) {
            eprintln!("the terminal goes on showing nothing of what is typed ({why}): `stty echo` mends it");
        }
    }
}

fn first_line(from: impl Read) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::with_capacity(PASSWORD as usize));
    BufReader::new(from.take(PASSWORD)).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

/// The text on one line, with everything that a terminal obeys written out as `\u{1b}`.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !obeyed(c)) {
        return Cow::Borrowed(text);
    }
    let written = |c: char| -> String {
        match c {
            '\r' | '\n' | '\t' => " ".to_owned(),
            c if obeyed(c) => c.escape_unicode().to_string(),
            c => c.to_string(),
        }
    };
    Cow::Owned(text.chars().map(written).collect())
}

/// Control characters, line separators, and those that change the direction of text.
fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{061C}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_cannot_clear_the_screen_or_turn_the_line_around() {
        assert_eq!(safe("a\u{1b}[2Jb\r\nc\u{202e}d"), "a\\u{1b}[2Jb  c\\u{202e}d");
        assert_eq!(safe("Grüße, 世界"), "Grüße, 世界");
    }
}
