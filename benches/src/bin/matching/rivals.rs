//! Other engines on the same texts and patterns; they only count matches (no validators, no whole words).

use std::hint::black_box;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex_automata::meta::Regex;

use crate::texts::Text;
use crate::{heading, library, rate, row};

/// Measures each rival. The slow ones see a part of the text.
pub(crate) fn table(texts: &[Text]) -> anyhow::Result<()> {
    println!("## Others, MB/s\n");
    let texts = &texts[..3];
    heading("engine", texts);
    for (kind, name, count) in [
        (AhoCorasickKind::DFA, "aho-corasick DFA", 200),
        (AhoCorasickKind::DFA, "aho-corasick DFA", 2_000),
        (AhoCorasickKind::ContiguousNFA, "aho-corasick contiguous NFA", 2_000),
        (AhoCorasickKind::ContiguousNFA, "aho-corasick contiguous NFA", 20_000),
    ] {
        let words = library::phrases(count);
        let engine = AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(kind)).build(words)?;
        let cells = texts.iter().map(|text| {
            format!(
                "{:.0}",
                rate(text, || {
                    black_box(engine.find_iter(&text.text).count());
                })
            )
        });
        row(&format!("{name}, {count} keywords"), cells);
    }
    let expressions = library::expressions(25);
    let together = Regex::new_many(&expressions)?;
    let cells = texts.iter().map(|text| {
        format!(
            "{:.0}",
            rate(text, || {
                black_box(together.find_iter(&text.text).count());
            })
        )
    });
    row("regex-automata meta, 25 identifiers together", cells);
    let single: Vec<regex::bytes::Regex> =
        expressions.iter().map(|e| regex::bytes::Regex::new(e)).collect::<Result<_, _>>()?;
    let parts: Vec<Text> = texts
        .iter()
        .map(|text| Text { name: text.name, text: text.text[..text.text.len().min(2 << 20)].to_owned() })
        .collect();
    let cells = parts.iter().map(|text| {
        let count = || single.iter().map(|one| one.find_iter(text.text.as_bytes()).count()).sum::<usize>();
        format!(
            "{:.0}",
            rate(text, || {
                black_box(count());
            })
        )
    });
    row("regex, 25 identifiers one after another", cells);
    println!();
    Ok(())
}
