//! What stands in a text and is more than text: uuencode, yEnc, BinHex, armour, and MIME parts that no header announced.

use super::Walk;
use super::task::{Octets, Place, Task, What};
use crate::{Reason, Role, View};
use crate::{binhex, transfer};

/// Octets that the files of BinHex in one text may unpack to.
const MOST_UNPACKED: usize = 64 << 20;
/// Files in one text; that there are more is a finding.
const MOST_FILES: usize = 64;

impl<'m> Walk<'m, '_> {
    /// Finds them. If parts are found, the text itself becomes one rendering of a group, and they another: gives the delimiter that begins them.
    pub(super) fn embedded(
        &mut self,
        id: u32,
        octets: &Octets<'m>,
        place: &Place,
        mark: &mut Option<View>,
    ) -> Option<Vec<u8>> {
        let mut found = Found::default();
        found.search(octets.get());
        if found.encrypted {
            self.unscannable(id, &place.path, Reason::Encrypted);
        }
        if found.more {
            self.unscannable(id, &place.path, Reason::TooManyParts);
        }
        if found.too_big {
            self.unscannable(id, &place.path, Reason::TooBig);
        }
        for (name, decoded) in found.files {
            if !self.spend(decoded.len(), id, &place.path) {
                return None;
            }
            let below = Place {
                path: place.path_to(&name),
                name: (!name.is_empty()).then_some(name),
                in_attachment: true,
                ..place.below(id)
            };
            self.todo.push(Task::file(Octets::owned(decoded), below, Role::Attachment));
        }
        found.parts.map(|(start, boundary)| {
            let first = mark.unwrap_or_else(|| self.new_group());
            *mark = Some(first);
            let view = Some(self.another(first.group));
            let octets = octets.slice(start..octets.get().len());
            let place = Place { view, ..place.below(id) };
            let begins = [b"--", &boundary[..]].concat();
            self.todo.push(Task { octets, place, what: What::Multipart { boundary } });
            begins
        })
    }
}

#[derive(Default)]
struct Found {
    files: Vec<(String, Vec<u8>)>,
    parts: Option<(usize, Vec<u8>)>,
    encrypted: bool,
    /// There are more files than are given.
    more: bool,
    /// A file unpacks to more than is read of it.
    too_big: bool,
}

impl Found {
    fn search(&mut self, text: &[u8]) {
        for at in starts(text, b"--") {
            self.dashes(text, at);
        }
        self.encrypted |= has_salted(text);
        self.binhex(text);
        self.begins(text);
        let mut from = 0;
        for at in starts(text, b"=ybegin ") {
            if at >= from {
                from = memchr::memmem::find(&text[at..], b"\n=yend").map_or(text.len(), |end| at + end + 1);
                let name = line(text, at).split(|octet| *octet == b'\n').next().unwrap_or_default();
                let name =
                    memchr::memmem::find(name, b"name=").map_or(&b""[..], |name_at| &name[name_at + 5..]);
                self.file(name, || transfer::yencoded(&text[at..from]).octets);
            }
        }
    }

    /// Files of the Macintosh after the line that says so. No octet is decoded for two of them.
    fn binhex(&mut self, text: &[u8]) {
        const SAYS: &[u8] = b"(This file must be converted with BinHex";
        let mut left = MOST_UNPACKED;
        for at in starts(text, SAYS) {
            let body = &text[at + SAYS.len()..];
            let Some(read) = binhex::decode(until(body, SAYS), &mut left) else {
                self.too_big |= left == 0;
                continue;
            };
            self.too_big |= read.cut;
            self.file(&read.name, || read.data);
            self.file(&read.name, || read.resources);
        }
    }

    /// A file, if it holds anything; whether it does.
    fn file(&mut self, name: &[u8], decode: impl FnOnce() -> Vec<u8>) -> bool {
        if self.files.len() == MOST_FILES {
            self.more = true;
            return false;
        }
        let octets = decode();
        if octets.is_empty() {
            return false;
        }
        self.files.push((lossy(name), octets));
        true
    }

    fn dashes(&mut self, text: &[u8], at: usize) {
        let line = line(text, at);
        if line.starts_with(b"-----BEGIN PGP MESSAGE") {
            self.encrypted = true;
        } else if [&b"-----BEGIN PKCS7"[..], b"-----BEGIN CMS", b"-----BEGIN ENCRYPTED"]
            .iter()
            .any(|armour| line.starts_with(armour))
        {
            // No octet is looked at for two of them.
            let inner = until(&text[at + line.len()..], b"-----BEGIN");
            self.file(b"", || transfer::base64(until(inner, b"-----END")).octets);
        } else if self.parts.is_none() {
            let token = line[2..].trim_ascii_end();
            let next = &text[at + line.len()..];
            let next = next.strip_prefix(b"\r").unwrap_or(next);
            let next = next.strip_prefix(b"\n").unwrap_or(next);
            let is_part = next.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
            if is_part && !token.is_empty() && token.len() <= 200 {
                self.parts = Some((at, token.to_vec()));
            }
        }
    }

    /// `begin 644 name` and lines of uuencode behind it, or `begin-base64 644 name`. No octet is decoded for two of either.
    fn begins(&mut self, text: &[u8]) {
        const BASE64: &[u8] = b"begin-base64 ";
        // Where the last file ended, and the last lines in which there was no uuencode.
        let (mut from, mut without) = (0, 0);
        for at in starts(text, b"begin") {
            if at < from {
                continue;
            }
            let line = line(text, at);
            let body = at + line.len();
            if let Some(name) = line.strip_prefix(BASE64).and_then(named) {
                let next = starts(&text[body..], BASE64).next().map_or(text.len(), |next| body + next);
                let inner = until(&text[body..next], b"\n====");
                if self.file(name, || transfer::base64(inner).octets) {
                    from = body + inner.len() + 1;
                }
            } else if at >= without
                && let Some(name) = line.strip_prefix(b"begin ").and_then(named)
            {
                let inner = until_end(&text[body..]);
                without = body + inner.len();
                if self.file(name, || transfer::uuencoded(inner).octets) {
                    from = without;
                }
            }
        }
    }
}

/// The name behind the rights of a file.
fn named(rest: &[u8]) -> Option<&[u8]> {
    let digits = rest.iter().take_while(|octet| (b'0'..=b'7').contains(octet)).count();
    rest[digits..].strip_prefix(b" ").filter(|_| (3..=4).contains(&digits))
}

fn until<'t>(text: &'t [u8], mark: &[u8]) -> &'t [u8] {
    &text[..memchr::memmem::find(text, mark).unwrap_or(text.len())]
}

/// Lines up to the one that ends a file in uuencode, and it.
fn until_end(text: &[u8]) -> &[u8] {
    let mut end = 0;
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        end += line.len();
        if line.starts_with(b"end") || line.trim_ascii() == b"end" {
            break;
        }
    }
    &text[..end]
}

/// Where `needle` begins a line.
fn starts<'t>(text: &'t [u8], needle: &'t [u8]) -> impl Iterator<Item = usize> + 't {
    memchr::memmem::find_iter(text, needle).filter(|at| *at == 0 || matches!(text[at - 1], b'\n' | b'\r'))
}

/// From here to the end of the line.
fn line(text: &[u8], at: usize) -> &[u8] {
    let rest = &text[at..text.len().min(at + 1000)];
    &rest[..memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())]
}

/// Whether there is base64 of what `openssl enc -a` and programs that write its format encrypt: `Salted__`, a salt, ciphertext.
fn has_salted(text: &[u8]) -> bool {
    /// Of the salt and one block.
    const LEAST: usize = 32;
    let is_letter = |octet: u8| octet.is_ascii_alphanumeric() || b"+/-_".contains(&octet);
    memchr::memmem::find_iter(text, b"U2FsdGVkX1").any(|at| {
        let begins = at.checked_sub(1).is_none_or(|before| !is_letter(text[before]));
        // The last two bits of the underscore are in the letter of the salt's first ones.
        let goes_on = text.get(at + 10).is_some_and(|letter| b"89+/-_".contains(letter));
        let letters = text[at..].iter().filter(|octet| !matches!(octet, b'\r' | b'\n'));
        begins && goes_on && letters.take_while(|octet| is_letter(**octet)).take(LEAST).count() == LEAST
    })
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name.trim_ascii()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::Found;
    use crate::open::effort::grows_with_lines;

    fn search(text: &str) -> Found {
        let mut found = Found::default();
        found.search(text.as_bytes());
        found
    }

    #[test]
    fn files_in_text_are_found() {
        let found = search("see\r\nbegin 644 a.txt\r\n#04)#\r\n`\r\nend\r\nbegin 600 b\n#04)#\nend\n");
        assert_eq!(found.files, [("a.txt".to_owned(), b"ABC".to_vec()), ("b".to_owned(), b"ABC".to_vec())]);
        let found = search("begin-base64 644 c\nQUJD\n====\n");
        assert_eq!(found.files, [("c".to_owned(), b"ABC".to_vec())]);
    }

    #[test]
    fn a_file_of_nothing_hides_none_behind_it() {
        let abc = b"ABC".to_vec();
        for text in [
            "begin 644 a\n end\nbegin 644 b\n#04)#\nend\n",
            "begin 644 a\nsome words\nbegin-base64 644 b\nQUJD\n====\n",
            "begin-base64 644 a\n=\nbegin-base64 644 b\nQUJD\n====\n",
            "begin-base64 644 a\n====\nbegin 644 b\n#04)#\nend\n",
        ] {
            assert_eq!(search(text).files, [("b".to_owned(), abc.clone())], "{text}");
        }
        let armour = "-----BEGIN PKCS7-----\n-----BEGIN PKCS7-----\nQUJD\n-----END PKCS7-----\n";
        assert_eq!(search(armour).files, [(String::new(), abc)]);
    }

    #[test]
    fn begins_without_an_end_cost_no_more_time_than_they_have_octets() {
        for line in [
            "begin 644 a\r\n",
            "begin 644 a\n end\n",
            "begin 644 a\rx\n",
            "begin-base64 644 a\n",
            "begin-base64 644 a\n=\n",
            "begin-base64 644 a\r=\r",
            "begin-base64 644 a\nbegin 644 a\n",
            "-----BEGIN PKCS7-----\n",
            "=ybegin name=a\n",
            "--a\ncontent-\n",
            "U2FsdGVkX18\n\n\n",
        ] {
            grows_with_lines(line, |text| {
                std::hint::black_box(search(text));
            });
        }
    }

    #[test]
    fn files_beyond_the_bound_are_a_finding() {
        let file = "begin 644 a\n#04)#\nend\n";
        assert!(!search(&file.repeat(64)).more);
        let found = search(&file.repeat(65));
        assert!(found.more && found.files.len() == 64);
    }

    #[test]
    fn sentences_are_no_files() {
        let found = search("begin here\nbegin 644\n-- \nsignature\n--\nContent is king\n");
        assert!(found.files.is_empty() && found.parts.is_none() && !found.encrypted);
    }

    #[test]
    fn parts_and_armour_are_found() {
        assert_eq!(search("x\n--b1\nContent-Type: a/b\n\nc").parts, Some((2, b"b1".to_vec())));
        assert!(search("x\n-----BEGIN PGP MESSAGE-----\n\nhQ").encrypted);
        assert!(search("key: 'U2FsdGVkX1+LrpVby4xMSp0NWs50urKgbh94eQaZ'").encrypted);
        assert!(
            !search("U2FsdGVkX1+ is how it begins; xU2FsdGVkX1+LrpVby4xMSp0NWs50urKgbh94eQaZ is not")
                .encrypted
        );
    }
}
