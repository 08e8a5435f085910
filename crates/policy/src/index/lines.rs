//! Ends of lines that are no ends: a program broke the line there because it was full.

/// Octets of a line that is full: programs that wrap text do so beyond them.
const FULL: usize = 50;
/// Octets before the text of a line that is quoted or indented.
const FRONT: usize = 16;

/// Where the text goes on behind a line end that stands at `at`, if it was broken for want of room: behind the marks of a
/// quotation. `None` where no line end stands there, or it ends a short line.
pub(crate) fn goes_on(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest).strip_prefix(b"\n")?;
    let line = bytes.get(at.checked_sub(FULL)?..at)?;
    if line.contains(&b'\n') {
        return None;
    }
    let front = rest.iter().take(FRONT).take_while(|octet| matches!(octet, b'>' | b' ')).count();
    Some(bytes.len() - rest.len() + front)
}

#[cfg(test)]
mod tests {
    use super::goes_on;

    #[test]
    fn only_a_full_line_goes_on_in_the_next() {
        let full = "word ".repeat(12);
        for (end, front) in [("\r\n", ""), ("\n", "> "), ("\r\n", ">> > "), ("\n", "    ")] {
            let text = format!("x\n{full}12{end}{front}34");
            let at = text.find("12").unwrap() + 2;
            assert_eq!(goes_on(text.as_bytes(), at), Some(text.len() - 2), "{text}");
            assert_eq!(goes_on(text.as_bytes(), at - 1), None);
        }
        assert_eq!(goes_on(b"word 12\n34", 7), None);
        assert_eq!(goes_on(format!("{full}\n12\n34").as_bytes(), full.len() + 3), None);
        assert_eq!(goes_on(full.as_bytes(), full.len()), None);
    }
}
