//! Finds regular expressions: near a literal that every match holds, or, where there is none, everywhere once
//! all of those together have said which of them match at all.
//!
//! Folds their letters as texts are folded, and refuses what could cost too much or match nothing.

use std::ops::{ControlFlow, Range};

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input, MatchKind, PatternSet};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{self, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

use super::fold::fold_char;
use super::literals::{Literals, Place};
use super::needs::{Need, needs};
use super::scan::Scan;
use super::{Flow, PatternId, Prepared, REACH, Refusal};

/// The longest pattern, in octets.
const LONGEST: usize = 10_000;
/// The memory that one compiled pattern may take, in octets.
const SIZE: usize = 4 << 20;
/// Classes with more members outside ASCII than this are not searched for letters with marks.
const FOLDED_MEMBERS: usize = 4096;

/// All regular expressions.
#[derive(Default)]
pub(super) struct Regexes {
    known: Vec<Known>,
    literals: Literals,
    /// Whose literal it is, and where matches that hold it begin.
    needs: Vec<(u32, Need)>,
    /// Those without a literal, and all of them as one.
    free: Vec<u32>,
    together: Option<Regex>,
    free_ids: Vec<PatternId>,
}

struct Known {
    id: PatternId,
    regex: Regex,
}

/// Where matches of one expression may begin in one of several texts, not yet looked at.
struct Region {
    regex: u32,
    of: usize,
    starts: Range<usize>,
}

/// Where a needed literal was last found, and where matches that hold it there may begin.
#[derive(Debug, Default)]
struct Seen {
    at: usize,
    back: usize,
    steps: u64,
}

impl Seen {
    /// The first place where a match that holds the literal at this place may begin: all octets from there on may stand before it.
    /// No octet is looked at twice.
    fn back(&mut self, text: &[u8], need: &Need, begin: usize, at: usize) -> usize {
        let least = at.saturating_sub(need.before.most).max(begin);
        let from = least.max(self.at.min(at));
        let run = text[from..at].iter().rev().take_while(|octet| need.before.octets.has(**octet)).count();
        self.steps += run as u64;
        let reached = at - run;
        // As far as the literal before: from there on it was asked then, and the literal itself may be no such octet.
        let back = if reached == self.at && self.at > least { self.back.max(least) } else { reached };
        (self.at, self.back) = (at, back);
        back
    }
}

/// Regions nearer than this are looked at as one.
const NEAR: usize = 16;

impl Regexes {
    pub(super) fn new(all: Vec<(PatternId, Hir)>) -> Result<Self, (PatternId, Refusal)> {
        let mut regexes = Self::default();
        let mut literals = Vec::new();
        let mut free = Vec::new();
        for (index, (id, hir)) in all.into_iter().enumerate() {
            let regex = compile(&hir).map_err(|refusal| (id, refusal))?;
            regexes.known.push(Known { id, regex });
            match needs(&hir) {
                Some(needs) => {
                    for need in needs {
                        literals.push(need.literal.clone());
                        regexes.needs.push((index as u32, need));
                    }
                }
                None => {
                    regexes.free.push(index as u32);
                    regexes.free_ids.push(id);
                    free.push(hir);
                }
            }
        }
        let places: Vec<Place> = regexes.needs.iter().map(|(_, need)| need.place).collect();
        regexes.literals = Literals::placed(literals, &places);
        if free.len() > 1 {
            let config =
                Regex::config().match_kind(MatchKind::All).nfa_size_limit(None).onepass(false).dfa(false);
            // Together they only save time: without it each is tried.
            regexes.together = Regex::builder().configure(config).build_many_from_hir(&free).ok();
        }
        Ok(regexes)
    }

    pub(super) fn without_literal(&self) -> &[PatternId] {
        &self.free_ids
    }

    /// What of the literals is looked for where words begin: [`Scan::heads`] are to be found before.
    pub(super) fn literals(&self) -> &Literals {
        &self.literals
    }

    /// Reports the matches in a text, or in each of the texts that begin at these places of it.
    pub(super) fn scan(&self, scan: &mut Scan<'_, '_>, begins: &[u32]) -> Flow {
        if self.known.is_empty() {
            return Flow::Continue(());
        }
        let mut regions: Vec<Vec<Region>> = Vec::new();
        let mut texts: Vec<Range<usize>> = Vec::new();
        // By need.
        let mut seen: Vec<Seen> = Vec::new();
        if !self.literals.is_empty() {
            let prepared = scan.text;
            let word_begins = std::mem::take(&mut scan.heads);
            // The text with its case is only made where one is found.
            scan.steps += self.literals.find(scan.bytes, scan.words, &word_begins, &mut |number, at| {
                if regions.is_empty() {
                    regions.resize_with(self.known.len(), Vec::new);
                    seen.resize_with(self.needs.len(), Seen::default);
                    texts = separate(prepared, begins);
                }
                let (regex, need) = &self.needs[number as usize];
                let (at, end) = (prepared.kept_place(at), prepared.kept_place(at + need.literal.len()));
                let of = texts.partition_point(|text| text.start <= at).saturating_sub(1);
                let least = texts[of].start + need.before.least;
                if at >= least && end <= texts[of].end {
                    let back = seen[number as usize].back(prepared.kept(), need, texts[of].start, at);
                    if need.begins_line() && back > texts[of].start && prepared.kept()[back - 1] != b'\n' {
                        return true;
                    }
                    let starts = back..at + 1 - need.before.least;
                    if !starts.is_empty() {
                        note(&mut regions[*regex as usize], Region { regex: *regex, of, starts });
                    }
                }
                true
            });
            scan.steps += seen.iter().map(|seen| seen.steps).sum::<u64>();
        }
        if regions.is_empty() && self.free.is_empty() {
            return Flow::Continue(());
        }
        let text = scan.text.kept();
        for mut regions in regions {
            // Literals at different distances from the start do not come in order.
            regions.sort_by_key(|region| region.starts.start);
            let mut from = 0;
            for region in regions {
                let of = texts[region.of].clone();
                from = self.search(scan, &text[of.clone()], of.start, region, from)?;
            }
        }
        self.scan_free(scan, text, begins)
    }

    fn scan_free(&self, scan: &mut Scan<'_, '_>, text: &[u8], begins: &[u32]) -> Flow {
        if self.free.is_empty() {
            return Flow::Continue(());
        }
        for (of, place) in
            separate(scan.text, begins).into_iter().enumerate().filter(|(_, one)| !one.is_empty())
        {
            let text = &text[place.clone()];
            let mut which = PatternSet::new(self.free.len());
            if let Some(together) = &self.together {
                together.which_overlapping_matches(&Input::new(text), &mut which);
                scan.steps += text.len() as u64;
            }
            for (index, regex) in self.free.iter().enumerate() {
                let number = regex_automata::PatternID::new(index);
                if self.together.is_none() || number.is_ok_and(|number| which.contains(number)) {
                    let region = Region { regex: *regex, of, starts: place.clone() };
                    self.search(scan, text, place.start, region, 0)?;
                }
            }
        }
        Flow::Continue(())
    }

    /// Reports the matches that begin in a region and not before `from`; gives the end of the last one. `text` is the text that the
    /// region is of, and begins at `base`.
    fn search(
        &self,
        scan: &mut Scan<'_, '_>,
        text: &[u8],
        base: usize,
        region: Region,
        from: usize,
    ) -> ControlFlow<(), usize> {
        let Known { id, regex } = &self.known[region.regex as usize];
        let end = region.starts.end - base;
        let mut from = from.max(region.starts.start) - base;
        while from < end {
            let last = end.min(from + REACH);
            let window = from..text.len().min(last - 1 + REACH);
            let anchored = if last - from == 1 { Anchored::Yes } else { Anchored::No };
            let found = regex.find(Input::new(text).range(window.clone()).anchored(anchored));
            let Some(found) = found.filter(|found| found.start() < last) else {
                scan.steps += window.len() as u64;
                from = last;
                continue;
            };
            scan.steps += (found.end() - from) as u64;
            match within_reach(regex, text, found.range()) {
                Some(found) => {
                    from = found.end;
                    scan.hit_in_kept(*id, base + found.start..base + found.end)?;
                }
                None => from = found.start() + 1,
            }
        }
        ControlFlow::Continue(base + from)
    }

    pub(super) fn memory(&self) -> usize {
        let known = self.known.iter().map(|known| known.regex.memory_usage() + size_of::<Known>());
        known.sum::<usize>()
            + self.literals.memory()
            + self.together.as_ref().map_or(0, Regex::memory_usage)
            + self.needs.len() * 64
    }
}

/// Where the texts that begin at these places of a text stand in it, with its case as folded: the whole where there are none.
fn separate(text: &Prepared<'_>, begins: &[u32]) -> Vec<Range<usize>> {
    let length = text.kept().len();
    if begins.is_empty() {
        return std::iter::once(0..length).collect();
    }
    let ends = begins.iter().skip(1).map(|next| text.in_kept((*next as usize).saturating_sub(1)));
    let starts = begins.iter().map(|begin| text.in_kept(*begin as usize));
    starts.zip(ends.chain([length])).map(|(start, end)| start.min(end)..end).collect()
}

/// Adds a region, joined to the one before if they are near.
fn note(regions: &mut Vec<Region>, region: Region) {
    match regions.last_mut() {
        Some(last)
            if last.of == region.of
                && last.starts.start <= region.starts.start
                && region.starts.start <= last.starts.end + NEAR =>
        {
            last.starts.end = last.starts.end.max(region.starts.end);
        }
        _ => regions.push(region),
    }
}

/// What the expression matches at the start of a match without looking further than [`REACH`] octets.
fn within_reach(regex: &Regex, text: &[u8], found: Range<usize>) -> Option<Range<usize>> {
    if found.len() <= REACH {
        return Some(found);
    }
    let input = Input::new(text).range(found.start..found.start + REACH).anchored(Anchored::Yes);
    regex.find(input).map(|found| found.range())
}

/// Parses a pattern and folds its letters.
pub(super) fn parse(pattern: &str, case_insensitive: bool) -> Result<Hir, Refusal> {
    if pattern.len() > LONGEST {
        return Err(Refusal::new(format!("a regular expression has at most {LONGEST} octets")));
    }
    let mut parser = ParserBuilder::new();
    let mut parser = parser.case_insensitive(case_insensitive).nest_limit(100).build();
    let hir = parser.parse(pattern).map_err(refusal)?;
    let hir = fold(&hir);
    match hir.properties().minimum_len() {
        Some(0) => Err(Refusal::new("this matches the empty text, that is, everywhere")),
        None => Err(Refusal::new("this can never match")),
        Some(least) if least > REACH => {
            Err(Refusal::new(format!("this can never match: a match has at most {REACH} octets")))
        }
        Some(_) => Ok(hir),
    }
}

/// Compiles one parsed pattern.
pub(super) fn compile(hir: &Hir) -> Result<Regex, Refusal> {
    let config =
        Regex::config().nfa_size_limit(Some(SIZE)).onepass(false).dfa(false).hybrid_cache_capacity(1 << 20);
    Regex::builder().configure(config).build_from_hir(hir).map_err(|error| {
        let big = error.size_limit().is_some();
        Refusal::new(if big { "this is too large once compiled".to_owned() } else { error.to_string() })
    })
}

fn refusal(error: regex_syntax::Error) -> Refusal {
    let (message, span) = match &error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(error.span())),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(error.span())),
        _ => (error.to_string(), None),
    };
    Refusal { message, span: span.map(|span| span.start.offset..span.end.offset) }
}

/// The same expression over folded text. Recursion is bounded by the parser's limit on nesting.
fn fold(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Literal(literal) => fold_literal(&literal.0),
        HirKind::Class(Class::Unicode(class)) => fold_class(class),
        HirKind::Repetition(repetition) => {
            Hir::repetition(hir::Repetition { sub: Box::new(fold(&repetition.sub)), ..repetition.clone() })
        }
        HirKind::Capture(capture) => fold(&capture.sub),
        HirKind::Concat(all) => Hir::concat(all.iter().map(fold).collect()),
        HirKind::Alternation(all) => Hir::alternation(all.iter().map(fold).collect()),
        HirKind::Empty | HirKind::Class(Class::Bytes(_)) | HirKind::Look(_) => hir.clone(),
    }
}

fn fold_literal(octets: &[u8]) -> Hir {
    match std::str::from_utf8(octets) {
        Ok(text) => Hir::literal(kept(text).into_bytes()),
        Err(_) => Hir::literal(octets),
    }
}

fn kept(text: &str) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        fold_char(c, &mut |f| kept.push(f.kept));
    }
    kept
}

/// Adds what the members outside ASCII fold to.
fn fold_class(class: &ClassUnicode) -> Hir {
    let foreign = class.ranges().iter().filter(|range| !range.end().is_ascii());
    let members: usize = foreign.clone().map(|range| range.len()).sum();
    if members == 0 || members > FOLDED_MEMBERS {
        return Hir::class(Class::Unicode(class.clone()));
    }
    let mut wider = class.clone();
    let mut sequences = Vec::new();
    for c in foreign.flat_map(|range| range.start()..=range.end()).filter(|c| !c.is_ascii()) {
        let mut folded = Vec::new();
        fold_char(c, &mut |f| folded.push(f.kept));
        match folded.as_slice() {
            [] => {}
            [one] => wider.push(ClassUnicodeRange::new(*one, *one)),
            several => sequences.push(Hir::literal(several.iter().collect::<String>().into_bytes())),
        }
    }
    sequences.insert(0, Hir::class(Class::Unicode(wider)));
    Hir::alternation(sequences)
}
