//! iCalendar and vCard (RFC 5545, 6350 and what came before them): lines unfolded, values decoded, and files that are written in them.

use super::Read;
use crate::{charset, header, html, transfer};

/// The lines as they are shown, and the files in them.
pub(super) fn read(text: &str) -> Read {
    let (mut read, mut shown) = (Read::default(), String::with_capacity(text.len()));
    let mut lines = Lines(text);
    while let Some(mut line) = lines.next() {
        let quoted = has_encoding(&line, &["QUOTED-PRINTABLE"]);
        while quoted && line.ends_with('=') {
            let Some(next) = lines.next() else { break };
            line.pop();
            line.push_str(&next);
        }
        property(&line, quoted, &mut shown, &mut read);
    }
    // Where nothing was undone, it is the same text but for its line ends.
    let same = shown.lines().eq(text.lines());
    read.shown = (!same).then_some(shown);
    read
}

/// Lines with those joined to them that begin with a blank.
struct Lines<'t>(&'t str);

impl Iterator for Lines<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut line = self.one()?.to_owned();
        while self.0.starts_with([' ', '\t']) {
            line.push_str(&self.one().unwrap_or_default()[1..]);
        }
        Some(line)
    }
}

impl<'t> Lines<'t> {
    fn one(&mut self) -> Option<&'t str> {
        let text = Some(self.0).filter(|text| !text.is_empty())?;
        let end = memchr::memchr2(b'\r', b'\n', text.as_bytes()).unwrap_or(text.len());
        let rest = &text[end..];
        self.0 = rest.strip_prefix("\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
        Some(&text[..end])
    }
}

/// One line: its value goes to the text or, where it is a file, to the files.
fn property(line: &str, quoted: bool, shown: &mut String, read: &mut Read) {
    let Some((name, value)) = line.split_at_checked(colon(line)) else { return };
    let value = value.strip_prefix(':').unwrap_or_default();
    if !quoted && let Some(octets) = file(line, value) {
        let given = ["FILENAME", "X-FILENAME", "X-APPLE-FILENAME", "X-ORACLE-FILENAME"];
        let known = given.iter().find_map(|key| parameter(name, key));
        let property = name.split(';').next().unwrap_or_default().to_ascii_lowercase();
        shown.push_str(name);
        shown.push('\n');
        return read.file(known.map_or(property, str::to_owned), octets);
    }
    let decoded = match quoted {
        true => {
            let octets = transfer::quoted_printable(value.as_bytes()).octets;
            charset::decode(&octets, parameter(name, "CHARSET")).text.into_owned()
        }
        false => unescaped(value),
    };
    shown.push_str(name);
    shown.push_str(if name.len() < line.len() { ":" } else { "" });
    match parameter(name, "FMTTYPE").is_some_and(|kind| kind.eq_ignore_ascii_case("text/html")) {
        true => shown.push_str(&html::read(&decoded).shown),
        false => shown.push_str(&decoded),
    }
    shown.push('\n');
}

/// The octets of a value that is a file.
fn file(line: &str, value: &str) -> Option<Vec<u8>> {
    let octets = if has_encoding(line, &["BASE64", "B"]) {
        transfer::base64(value.as_bytes()).octets
    } else {
        let (scheme, rest) = value.trim_start().split_once(':')?;
        let (kind, data) = rest.split_once(',').filter(|_| scheme.eq_ignore_ascii_case("data"))?;
        match kind.to_ascii_lowercase().ends_with(";base64") {
            true => transfer::base64_of_the_web(&header::percent(data)),
            false => header::percent(data),
        }
    };
    Some(octets).filter(|octets| !octets.is_empty())
}

/// Where the value begins: at the first colon that no quotes hide.
fn colon(line: &str) -> usize {
    let mut quoted = false;
    let at = line.bytes().position(|octet| {
        quoted ^= octet == b'"';
        octet == b':' && !quoted
    });
    at.unwrap_or(line.len())
}

/// Whether the value is encoded so: older cards name the encoding without saying that it is one.
fn has_encoding(line: &str, names: &[&str]) -> bool {
    let parameters = line[..colon(line)].split(';').skip(1);
    parameters.into_iter().any(|parameter| {
        let (key, value) = parameter.split_once('=').unwrap_or(("ENCODING", parameter));
        let alone = !parameter.contains('=') && value.len() > 1;
        (alone || parameter.contains('=') && key.trim().eq_ignore_ascii_case("ENCODING"))
            && names.iter().any(|name| value.trim().trim_matches('"').eq_ignore_ascii_case(name))
    })
}

fn parameter<'l>(name: &'l str, wanted: &str) -> Option<&'l str> {
    let mut all = name.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, value) = all.find(|(key, _)| key.trim().eq_ignore_ascii_case(wanted))?;
    Some(value.trim().trim_matches('"')).filter(|value| !value.is_empty())
}

fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        out.push(match c {
            '\\' => match rest.next() {
                Some('n' | 'N') | None => '\n',
                Some(other) => other,
            },
            c => c,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        read(text).shown.unwrap_or_default()
    }

    #[test]
    fn folded_lines_are_one_line() {
        for fold in ["\r\n ", "\n\t", "\r\n \r\n "] {
            let text =
                format!("BEGIN:VCALENDAR\r\nDESCRIPTION:Card 4111 11{fold}11 1111 1111\\, paid\\nSoup\r\n");
            assert!(shown(&text).contains("Card 4111 1111 1111 1111, paid\nSoup\n"), "{:?}", shown(&text));
        }
    }

    #[test]
    fn quoted_printable_is_undone_in_its_charset() {
        let card = "BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:Gr=F6=\n=DFe 4=\n111\nN;QUOTED-PRINTABLE:=34\n";
        assert!(shown(card).contains(":Größe 4111\n") && shown(card).contains(":4\n"), "{:?}", shown(card));
    }

    #[test]
    fn values_that_are_files_are_files() {
        for (line, name) in [
            (
                "ATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=\"a:b.txt\":c291\r\n cA==",
                "a:b.txt",
            ),
            ("PHOTO;BASE64:c29\r\n 1cA==", "photo"),
            ("item1.LOGO;ENCODING=b;TYPE=PNG:c291cA==", "item1.logo"),
            ("KEY:data:application/x;base64,c291cA==", "key"),
            ("KEY:data:,so%75p", "key"),
        ] {
            let read = read(&format!("BEGIN:VCARD\r\n{line}\r\nEND:VCARD\r\n"));
            assert_eq!(read.files, [(name.to_owned(), b"soup".to_vec())], "{line}");
            assert!(!read.more && read.shown.is_some());
        }
    }

    #[test]
    fn what_is_shown_as_it_is_written_has_no_other_reading() {
        assert_eq!(
            read("BEGIN:VCARD\r\nFN:Ann B\r\nURL:https://a.example/b\r\nNOTE;TYPE=B:x\r\nEND:VCARD\r\n"),
            Read::default()
        );
        assert_eq!(read(""), Read::default());
    }

    #[test]
    fn pages_in_it_are_read_as_pages() {
        let shown = shown("BEGIN:VCALENDAR\nX-ALT-DESC;FMTTYPE=text/html:<b>4</b>11\n <i>1</i>\n");
        assert!(shown.contains(":4111\n"), "{shown:?}");
    }

    #[test]
    fn lines_cost_what_they_have_octets() {
        for line in [" ", "\r", "a;b=\"\n", "A;QUOTED-PRINTABLE:=\n", "\n ", ";;:"] {
            crate::open::grows_with_lines(line, |text| {
                std::hint::black_box(read(text));
            });
        }
    }
}
