//! Presentations: slides by their numbers, speaker notes, comments, masters.

use std::collections::BTreeMap;

use super::levels::Masters;
use super::package::{Package, Part, base_name, report, stem};
use super::text;
use crate::documents::Output;
use crate::documents::xml::{Node, walk};
use crate::{Kind, Reason};

/// Reads a presentation's own parts.
pub(super) fn read(package: &Package, out: &mut Output<'_>) -> Result<(), Reason> {
    let numbers = numbers(package, out)?;
    let masters = Masters::read(package);
    for part in &package.parts {
        out.at(&part.name);
        let read = one(package, part, &numbers, &masters, out);
        report(read, &part.name, out)?;
    }
    Ok(())
}

/// Slides in the order in which they are shown; one that is not listed has the number of its name.
fn numbers(package: &Package, out: &mut Output<'_>) -> Result<BTreeMap<String, usize>, Reason> {
    let mut numbers = BTreeMap::new();
    let mut names = String::new();
    for part in package.of_root("presentation") {
        let relations = package.relations(&part.name);
        let mut order = 0;
        let read = walk(&part.octets, |node| {
            if let Node::Start("section" | "custShow", attributes) = &node {
                names.push_str(&attributes.get("name").unwrap_or_default());
                names.push('\n');
            }
            if let Node::Start("sldId", attributes) = node {
                // Its own id is a number: the relation is the attribute whose value is one.
                let target = relations
                    .and_then(|relations| attributes.each().find_map(|(_, value)| relations.get(value)));
                if let Some(target) = target {
                    order += 1;
                    numbers.insert(target.clone(), order);
                }
            }
            Ok(())
        });
        report(read, &part.name, out)?;
    }
    out.text("sections", Kind::Property, names)?;
    Ok(numbers)
}

fn one(
    package: &Package,
    part: &Part,
    numbers: &BTreeMap<String, usize>,
    masters: &Masters,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let number_of = |part: &str| -> usize {
        let own = || {
            base_name(part).bytes().filter(u8::is_ascii_digit).fold(0_usize, |number, digit| {
                number.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
            })
        };
        numbers.get(part).copied().unwrap_or_else(own)
    };
    let place = || {
        let targets = package.relations(&part.name).into_iter().flat_map(|relations| relations.values());
        let targets = targets.take(64).map(String::as_str);
        let slide = package.owners(&part.name).chain(targets).find(|name| numbers.contains_key(*name));
        slide.map_or_else(|| stem(&part.name).to_owned(), |slide| format!("slide {}", number_of(slide)))
    };
    let (kind, place) = match part.root.as_str() {
        "sld" => {
            let place = format!("slide {}", number_of(&part.name));
            (if is_hidden(part) { Kind::Hidden } else { Kind::Text }, place)
        }
        "notes" => (Kind::Note, place()),
        "cmLst" => (Kind::Comment, place()),
        "cmAuthorLst" | "authorLst" => return authors(part, out),
        "dataModel" | "chartSpace" | "xml" | "userShapes" => (Kind::Text, place()),
        "sldMaster" | "sldLayout" | "notesMaster" | "handoutMaster" => {
            let (texts, read) = text::read_master(masters.of(package, &part.name), &part.octets);
            texts.hand_on(stem(&part.name), Kind::Text, out)?;
            return read;
        }
        _ => return Ok(()),
    };
    let (texts, read) = text::read_slide(masters.of(package, &part.name), &part.octets);
    texts.hand_on(&place, kind, out)?;
    if part.root == "cmLst" {
        old_comments(part, &place, out)?;
    }
    if part.root == "chartSpace" {
        super::chart(part, &place, out)?;
    }
    read
}

fn is_hidden(part: &Part) -> bool {
    let mut hidden = false;
    let _ = walk(&part.octets[..part.octets.len().min(4096)], |node| {
        let Node::Start(_, attributes) = node else { return Ok(()) };
        hidden = matches!(attributes.get("show").as_deref(), Some("0" | "false"));
        // The first element says it.
        Err(Reason::Corrupt)
    });
    hidden
}

/// Older comments keep their text in an element of its own.
fn old_comments(part: &Part, place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let (mut all, mut inside) = (String::new(), false);
    let read = walk(&part.octets, |node| {
        match node {
            Node::Start("text", _) => inside = true,
            Node::End("text") => {
                inside = false;
                all.push('\n');
            }
            Node::Text(text) if inside => all.push_str(text),
            _ => {}
        }
        Ok(())
    });
    out.text(place, Kind::Comment, all)?;
    read
}

fn authors(part: &Part, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut all = String::new();
    let read = walk(&part.octets, |node| {
        if let Node::Start("cmAuthor" | "author", attributes) = node {
            all.push_str(&attributes.get("name").unwrap_or_default());
            all.push('\n');
        }
        Ok(())
    });
    out.text("comments", Kind::Attribute, all)?;
    read
}
