//! What stands in a text and is more than text: uuencode, yEnc, armour, and MIME parts that no header announced.

use super::Walk;
use super::task::{Octets, Place, Task, What};
use crate::transfer;
use crate::{Reason, Role, View};

/// Files in one text.
const MOST_FILES: usize = 64;

impl<'m> Walk<'m, '_> {
    /// Finds them. If parts are found, the text itself becomes one rendering of a group, and they another.
    pub(super) fn embedded(&mut self, id: u32, octets: &Octets<'m>, place: &Place, mark: &mut Option<View>) {
        let mut found = Found::default();
        found.search(octets.get());
        if found.encrypted {
            self.unscannable(id, &place.path, Reason::Encrypted);
        }
        for (name, decoded) in found.files {
            if !self.spend(decoded.len(), id, &place.path) {
                return;
            }
            let below = Place {
                path: place.path_to(&name),
                name: (!name.is_empty()).then_some(name),
                in_attachment: true,
                ..place.below(id)
            };
            self.todo.push(Task::file(Octets::owned(decoded), below, Role::Attachment));
        }
        if let Some((start, boundary)) = found.parts {
            let first = mark.unwrap_or_else(|| self.new_group());
            *mark = Some(first);
            let view = Some(self.another(first.group));
            let octets = octets.slice(start..octets.get().len());
            let place = Place { view, ..place.below(id) };
            self.todo.push(Task { octets, place, what: What::Multipart { boundary } });
        }
    }
}

#[derive(Default)]
struct Found {
    files: Vec<(String, Vec<u8>)>,
    parts: Option<(usize, Vec<u8>)>,
    encrypted: bool,
}

impl Found {
    fn search(&mut self, text: &[u8]) {
        for at in starts(text, b"--") {
            self.dashes(text, at);
        }
        let mut from = 0;
        for at in starts(text, b"begin") {
            if at >= from && self.files.len() < MOST_FILES {
                from = self.begin(text, at).unwrap_or(from);
            }
        }
        let mut from = 0;
        for at in starts(text, b"=ybegin ") {
            if at >= from && self.files.len() < MOST_FILES {
                from = memchr::memmem::find(&text[at..], b"\n=yend").map_or(text.len(), |end| at + end + 1);
                let name = line(text, at).split(|octet| *octet == b'\n').next().unwrap_or_default();
                let name =
                    memchr::memmem::find(name, b"name=").map_or(&b""[..], |name_at| &name[name_at + 5..]);
                self.files.push((lossy(name), transfer::yencoded(&text[at..from]).octets));
            }
        }
    }

    fn dashes(&mut self, text: &[u8], at: usize) {
        let line = line(text, at);
        if line.starts_with(b"-----BEGIN PGP MESSAGE") {
            self.encrypted = true;
        } else if [&b"-----BEGIN PKCS7"[..], b"-----BEGIN CMS", b"-----BEGIN ENCRYPTED"]
            .iter()
            .any(|armour| line.starts_with(armour))
            && self.files.len() < MOST_FILES
        {
            let inner = &text[at + line.len()..];
            let end = memchr::memmem::find(inner, b"-----END").unwrap_or(inner.len());
            self.files.push((String::new(), transfer::base64(&inner[..end]).octets));
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

    /// `begin 644 name` and a line of uuencode behind it, or `begin-base64 644 name`. Gives where it ends.
    fn begin(&mut self, text: &[u8], at: usize) -> Option<usize> {
        let line = line(text, at);
        let (rest, base64) = match line.strip_prefix(b"begin-base64 ") {
            Some(rest) => (rest, true),
            None => (line.strip_prefix(b"begin ")?, false),
        };
        let digits = rest.iter().take_while(|octet| (b'0'..=b'7').contains(octet)).count();
        let name = rest[digits..].strip_prefix(b" ").filter(|_| (3..=4).contains(&digits))?;
        let body = at + line.len();
        let (mark, skip): (&[u8], usize) = if base64 { (b"\n====", 1) } else { (b"\nend", 4) };
        let end = memchr::memmem::find(&text[body..], mark).map_or(text.len(), |end| body + end + skip);
        let inner = &text[body..end];
        let decoded = if base64 { transfer::base64(inner).octets } else { transfer::uuencoded(inner).octets };
        if decoded.is_empty() {
            return None;
        }
        self.files.push((lossy(name), decoded));
        Some(end)
    }
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

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name.trim_ascii()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::Found;

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
    fn sentences_are_no_files() {
        let found = search("begin here\nbegin 644\n-- \nsignature\n--\nContent is king\n");
        assert!(found.files.is_empty() && found.parts.is_none() && !found.encrypted);
    }

    #[test]
    fn parts_and_armour_are_found() {
        assert_eq!(search("x\n--b1\nContent-Type: a/b\n\nc").parts, Some((2, b"b1".to_vec())));
        assert!(search("x\n-----BEGIN PGP MESSAGE-----\n\nhQ").encrypted);
    }
}
