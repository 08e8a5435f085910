//! Flowed text (RFC 3676): lines that a client joins before it shows them, so that a number over two lines is one number.

use super::entity::Meaning;

/// What the labels of a text say about how it is to be read.
#[derive(Clone, Copy, Default)]
pub(super) struct Labels<'a> {
    pub(super) charsets: &'a [&'a str],
    /// Its lines flow, and the space at their ends stays.
    pub(super) flowed: bool,
    /// Its lines flow, and the space at their ends goes.
    pub(super) delete_space: bool,
    /// What is encoded in it is read in another view of it.
    pub(super) decoded_elsewhere: bool,
}

impl<'a> Labels<'a> {
    pub(super) fn new(meaning: &Meaning, charsets: &'a [&'a str]) -> Self {
        let flows = |one: &crate::header::Parameters| {
            one.all("format").any(|value| value.eq_ignore_ascii_case("flowed"))
        };
        let deletes =
            |one: &crate::header::Parameters| one.all("delsp").any(|value| value.eq_ignore_ascii_case("yes"));
        let mut labels = Self { charsets, ..Self::default() };
        for (one, _) in meaning.types.iter().filter(|(one, _)| flows(one)) {
            match deletes(one) {
                true => labels.delete_space = true,
                false => labels.flowed = true,
            }
        }
        labels
    }

    /// The text with its lines joined as a client shows it, for each way that joins what the lines part.
    pub(super) fn joined(&self, text: &str) -> Vec<String> {
        let ways = [(self.flowed, false), (self.delete_space, true)];
        ways.into_iter().filter(|(on, _)| *on).filter_map(|(_, delete)| joined(text, delete)).collect()
    }
}

/// The joined text; none if no line end stood within what is one word or one number then.
fn joined(text: &str, delete_space: bool) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    // How deep the line before was quoted, if it flows into the next.
    let mut flows: Option<usize> = None;
    let mut parted = false;
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let depth = line.bytes().take_while(|octet| *octet == b'>').count();
        let content = &line[depth..];
        let content = content.strip_prefix(' ').unwrap_or(content);
        match flows {
            Some(before) if before == depth => parted |= parts(&out, content, delete_space),
            _ => {
                if number > 0 {
                    out.push('\n');
                }
                out.push_str(&line[..depth]);
            }
        }
        let flowing = content.ends_with(' ') && content != "-- ";
        out.push_str(if flowing && delete_space { &content[..content.len() - 1] } else { content });
        flows = flowing.then_some(depth);
    }
    parted.then_some(out)
}

/// Whether the two belong together: letters and digits where the space goes, digits where it stays.
fn parts(before: &str, behind: &str, delete_space: bool) -> bool {
    let belongs = |c: char| if delete_space { c.is_alphanumeric() } else { c.is_ascii_digit() };
    // The line is asked first: blanks are walked back over only where it then ends the walk of the next one.
    behind.starts_with(belongs)
        && before.chars().rev().find(|c| delete_space || *c != ' ').is_some_and(belongs)
}

#[cfg(test)]
mod tests {
    use super::joined;
    use crate::open::effort::grows_with_lines;

    #[test]
    fn lines_that_flow_are_one_line() {
        let text = "Card 4111 1111 \r\n1111 1111\r\n> 411111111 \r\n> 1111111\r\n-- \r\n4111\r\n";
        assert_eq!(
            joined(text, false).as_deref(),
            Some("Card 4111 1111 1111 1111\n>411111111 1111111\n-- \n4111\n")
        );
        assert_eq!(
            joined(text, true).as_deref(),
            Some("Card 4111 11111111 1111\n>4111111111111111\n-- \n4111\n")
        );
    }

    #[test]
    fn lines_of_blanks_are_joined_in_no_more_time_than_they_have_octets() {
        for line in ["  \r\n", " \n", "> \n", "1 \n", "1   \n   \n"] {
            grows_with_lines(line, |text| {
                std::hint::black_box((joined(text, false), joined(text, true)));
            });
        }
    }

    #[test]
    fn text_that_only_wraps_between_words_has_no_other_reading() {
        assert_eq!(joined("two \nwords and 5 \napples\n", false), None);
        assert_eq!(joined("two  \nwords, \n> 4 \n5", true), None);
        assert_eq!(joined("", true), None);
    }
}
