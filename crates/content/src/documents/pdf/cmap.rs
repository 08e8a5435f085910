//! CMaps: how the octets of a string split into codes, and which text or character a code stands for.

use std::borrow::Cow;

use foldhash::HashMap;

use super::lexer::{Lexer, Token};

/// Single mappings and ranges that are kept of one CMap.
const MAX_ENTRIES: usize = 400_000;

/// A code with its length in octets.
pub(super) type Code = (u8, u32);

/// A parsed CMap.
#[derive(Debug, Default, Clone)]
pub(super) struct CMap {
    spaces: Vec<(u8, u32, u32)>,
    texts: HashMap<Code, String>,
    ranges: Vec<(Code, u32, Vec<u16>)>,
    characters: HashMap<Code, u32>,
    character_ranges: Vec<(Code, u32, u32)>,
    pub(super) vertical: bool,
}

impl CMap {
    pub(super) fn parse(octets: &[u8]) -> Self {
        let mut map = Self::default();
        let mut lexer = Lexer::new(octets, 0);
        let mut operands: Vec<Token<'_>> = Vec::new();
        while let Some(token) = lexer.next() {
            let Token::Operator(operator) = token else {
                if operands.len() < MAX_ENTRIES * 3 {
                    operands.push(token);
                }
                continue;
            };
            map.section(operator, &operands);
            operands.clear();
            if map.texts.len() + map.ranges.len() + map.characters.len() + map.character_ranges.len()
                > MAX_ENTRIES
            {
                break;
            }
        }
        map.ranges.sort_by_key(|range| range.0);
        map.character_ranges.sort_by_key(|range| range.0);
        map
    }

    fn section(&mut self, operator: &[u8], operands: &[Token<'_>]) {
        match operator {
            b"endcodespacerange" => {
                for pair in strings(operands).collect::<Vec<_>>().chunks_exact(2) {
                    let (low, high) = (code(pair[0]), code(pair[1]));
                    self.spaces.push((low.0, low.1, high.1));
                }
            }
            b"endbfchar" => {
                for pair in operands.chunks_exact(2) {
                    if let (Token::Text(from), Token::Text(to)) = (&pair[0], &pair[1]) {
                        self.texts.insert(code(from), utf16(to));
                    }
                }
            }
            b"endbfrange" => self.text_ranges(operands),
            b"endcidchar" => {
                for pair in operands.chunks_exact(2) {
                    if let (Token::Text(from), Token::Number(to)) = (&pair[0], &pair[1]) {
                        self.characters.insert(code(from), *to as u32);
                    }
                }
            }
            b"endcidrange" => {
                for triple in operands.chunks_exact(3) {
                    if let [Token::Text(low), Token::Text(high), Token::Number(to)] = triple {
                        self.character_ranges.push((code(low), code(high).1, *to as u32));
                    }
                }
            }
            b"def" => {
                if let [.., Token::Name(name), Token::Number(value)] = operands
                    && **name == *b"WMode"
                {
                    self.vertical = *value == 1.0;
                }
            }
            _ => {}
        }
    }

    fn text_ranges(&mut self, operands: &[Token<'_>]) {
        let mut at = 0;
        while let [Token::Text(low), Token::Text(high), to, ..] = &operands[at.min(operands.len())..] {
            let (low, high) = (code(low), code(high));
            at += 3;
            match to {
                Token::Text(to) => self.ranges.push((low, high.1, units(to))),
                Token::ArrayStart => {
                    let mut next = low.1;
                    while let Some(Token::Text(to)) = operands.get(at) {
                        self.texts.insert((low.0, next), utf16(to));
                        next = next.wrapping_add(1);
                        at += 1;
                    }
                    at += 1;
                }
                _ => {}
            }
        }
    }

    /// The text that a code stands for.
    pub(super) fn text(&self, code: Code) -> Option<Cow<'_, str>> {
        if let Some(text) = self.texts.get(&code) {
            return Some(text.into());
        }
        let index = self.ranges.partition_point(|range| range.0 <= code).checked_sub(1)?;
        let (low, high, base) = self.ranges.get(index)?;
        if low.0 != code.0 || code.1 > *high {
            return None;
        }
        let mut units = base.clone();
        let last = units.last_mut()?;
        *last = last.wrapping_add((code.1 - low.1) as u16);
        Some(String::from_utf16_lossy(&units).into())
    }

    /// The character (CID) that a code selects.
    pub(super) fn character(&self, code: Code) -> Option<u32> {
        if let Some(character) = self.characters.get(&code) {
            return Some(*character);
        }
        let index = self.character_ranges.partition_point(|range| range.0 <= code).checked_sub(1)?;
        let (low, high, first) = self.character_ranges.get(index)?;
        (low.0 == code.0 && code.1 <= *high).then(|| first.wrapping_add(code.1 - low.1))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.ranges.is_empty()
    }

    pub(super) fn has_spaces(&self) -> bool {
        !self.spaces.is_empty()
    }

    /// Takes the next code off the front of `octets`.
    pub(super) fn next_code(&self, octets: &[u8]) -> Code {
        let mut value = 0;
        for (index, octet) in octets.iter().take(4).enumerate() {
            value = value << 8 | u32::from(*octet);
            let length = index as u8 + 1;
            let fits = |space: &&(u8, u32, u32)| space.0 == length && within(value, space.1, space.2, length);
            if self.spaces.iter().take(256).any(|space| fits(&space)) {
                return (length, value);
            }
        }
        let shortest = self.spaces.iter().map(|space| space.0).min().unwrap_or(1).max(1);
        let taken = octets.len().min(shortest.into());
        (taken as u8, octets[..taken].iter().fold(0, |value, octet| value << 8 | u32::from(*octet)))
    }
}

/// Each octet of a code must lie in its own range (9.7.6.2).
fn within(value: u32, low: u32, high: u32, length: u8) -> bool {
    (0..length).all(|index| {
        let octet = |code: u32| (code >> (8 * index)) as u8;
        (octet(low)..=octet(high)).contains(&octet(value))
    })
}

fn strings<'t>(operands: &'t [Token<'_>]) -> impl Iterator<Item = &'t [u8]> {
    operands.iter().filter_map(|token| match token {
        Token::Text(text) => Some(&**text),
        _ => None,
    })
}

fn code(octets: &[u8]) -> Code {
    let octets = &octets[..octets.len().min(4)];
    (octets.len() as u8, octets.iter().fold(0, |value, octet| value << 8 | u32::from(*octet)))
}

fn units(octets: &[u8]) -> Vec<u16> {
    match octets {
        [one] => vec![u16::from(*one)],
        _ => octets.chunks_exact(2).take(64).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect(),
    }
}

fn utf16(octets: &[u8]) -> String {
    String::from_utf16_lossy(&units(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &[u8] = b"1 begincodespacerange <00> <7F> endcodespacerange 1 begincodespacerange <8140> <9FFC> \
        endcodespacerange 2 beginbfchar <01> <0041> <02> <00660069> endbfchar 2 beginbfrange <10> <12> <0061> \
        <20> <21> [<0030> <0031>] endbfrange 1 begincidrange <8140> <8142> 633 endcidrange";

    #[test]
    fn characters_ranges_arrays_and_ligatures_map_to_text() {
        let map = CMap::parse(SAMPLE);
        let texts = [1, 2, 0x11, 0x21].map(|code| map.text((1, code)).unwrap_or_default());
        assert_eq!(texts, ["A", "fi", "b", "1"]);
        assert_eq!(map.text((1, 0x13)), None);
        assert_eq!(map.character((2, 0x8141)), Some(634));
    }

    #[test]
    fn codes_of_one_and_two_octets_stand_side_by_side() {
        let map = CMap::parse(SAMPLE);
        assert_eq!(map.next_code(&[0x41, 0x42]), (1, 0x41));
        assert_eq!(map.next_code(&[0x81, 0x42, 3]), (2, 0x8142));
    }
}
