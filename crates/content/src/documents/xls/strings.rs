//! Strings of BIFF records: they may go on in the next record, and begin there with new flags.

/// Octets of a record and those that continue it.
#[derive(Debug)]
pub(super) struct Joined<'a> {
    segments: &'a [&'a [u8]],
    segment: usize,
    at: usize,
    page: &'static encoding_rs::Encoding,
}

impl<'a> Joined<'a> {
    pub(super) fn new(segments: &'a [&'a [u8]], page: &'static encoding_rs::Encoding) -> Self {
        Self { segments, segment: 0, at: 0, page }
    }

    /// What is left of this segment; moves on to the next when there is nothing.
    fn rest(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = &self.segments.get(self.segment)?[self.at..];
            if !rest.is_empty() {
                return Some(rest);
            }
            self.segment += 1;
            self.at = 0;
        }
    }

    pub(super) fn skip(&mut self, mut count: usize) {
        while count > 0 {
            let Some(rest) = self.rest() else { return };
            let taken = rest.len().min(count);
            self.at += taken;
            count -= taken;
        }
    }

    fn number(&mut self, octets: usize) -> Option<usize> {
        let mut value = 0;
        for index in 0..octets {
            let octet = *self.rest()?.first()?;
            self.at += 1;
            value |= usize::from(octet) << (8 * index);
        }
        Some(value)
    }

    /// A string of BIFF8 with a length of so many octets.
    pub(super) fn rich(&mut self, length: usize) -> Option<String> {
        let count = self.number(length)?;
        let flags = self.number(1)?;
        let runs = if flags & 8 != 0 { self.number(2)? } else { 0 };
        let extra = if flags & 4 != 0 { self.number(4)? } else { 0 };
        let text = self.run(count, flags & 1 != 0);
        self.skip(runs * 4);
        self.skip(extra);
        Some(text)
    }

    /// A string of BIFF5 with a length of so many octets.
    pub(super) fn narrow(&mut self, length: usize) -> Option<String> {
        let mut count = self.number(length)?;
        let mut octets = Vec::new();
        while let (true, Some(rest)) = (count > 0, self.rest()) {
            let taken = rest.len().min(count);
            octets.extend_from_slice(&rest[..taken]);
            self.at += taken;
            count -= taken;
        }
        Some(self.page.decode_without_bom_handling(&octets).0.into_owned())
    }

    /// So many characters, the flags before them.
    pub(super) fn characters(&mut self, count: usize) -> Option<String> {
        let flags = self.number(1)?;
        Some(self.run(count, flags & 1 != 0))
    }

    fn run(&mut self, count: usize, mut wide: bool) -> String {
        let mut text = String::new();
        let mut units: Vec<u16> = Vec::new();
        let mut left = count;
        while left > 0 {
            let Some(segment) = self.segments.get(self.segment) else { break };
            let rest = &segment[self.at.min(segment.len())..];
            let size = if wide { 2 } else { 1 };
            if rest.len() < size {
                // The string goes on in the next record, whose first octet says how.
                self.segment += 1;
                self.at = 0;
                match self.segments.get(self.segment).and_then(|next| next.first()) {
                    Some(flags) => {
                        wide = flags & 1 != 0;
                        self.at = 1;
                        continue;
                    }
                    None => break,
                }
            }
            let taken = left.min(rest.len() / size);
            match wide {
                true => units.extend(
                    rest[..2 * taken].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])),
                ),
                false => units.extend(rest[..taken].iter().map(|octet| u16::from(*octet))),
            }
            self.at += taken * size;
            left -= taken;
        }
        text.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_goes_on_in_the_next_record_with_other_flags() {
        let segments: [&[u8]; 2] = [b"\x06\0\0abc", b"\x01d\0e\0f\0rest"];
        let mut from = Joined::new(&segments, encoding_rs::WINDOWS_1252);
        assert_eq!(from.rich(2).as_deref(), Some("abcdef"));
        assert_eq!(from.rest(), Some(&b"rest"[..]));
    }

    #[test]
    fn runs_of_formats_are_passed_over() {
        let segments: [&[u8]; 1] = [b"\x01\0\x08\x02\0aRUNSRUNS\x01\0\0b"];
        let mut from = Joined::new(&segments, encoding_rs::WINDOWS_1252);
        assert_eq!([from.rich(2), from.rich(2), from.rich(2)], [Some("a".into()), Some("b".into()), None]);
    }
}
