//! Conditions that ask an index: names, columns and ages are checked; rules that ask one index share one look at each text.

use super::conditions::{Context, Questions, joined};
use super::model::{DocumentsTest, ExactTest, LearnedTest, Places, Probe, Test};
use crate::diagnostic::Diagnostics;
use crate::index::exact::ExactIndex;
use crate::index::exact::scan::Wants;
use crate::index::{Index, IndexKind, file_name};
use crate::syntax::condition::{Condition, Exact};
use crate::syntax::read::{At, nearest};

/// Words around the first value of a row, and columns, unless a condition says otherwise.
const WITHIN: u64 = 40;
const COLUMNS: u64 = 2;

impl Questions {
    pub(super) fn exact(
        &mut self,
        exact: &Exact,
        condition: &Condition,
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> Option<u32> {
        let index = open(IndexKind::Exact, &exact.name, cx, out)?;
        let Index::Exact(table) = &index else { return None };
        let test = exact_test(exact, table, self.places_of(condition, cx, out), cx, out)?;
        let wants = wants(&test, table);
        if wants.pairs || wants.singles {
            out.warn(
                "W0303",
                &cx.place.at(exact.name.span.clone()),
                "this condition may hold by values that many rows have in common",
            )
            .label(format!("such as {}", common(&test, table)))
            .remedy(
                "ask for more columns, require one with numbers or addresses, or except such combinations",
            );
        }
        let names: Vec<&str> = table
            .columns
            .iter()
            .enumerate()
            .filter(|(at, _)| test.of >> at & 1 == 1)
            .map(|(_, column)| column.name.as_str())
            .collect();
        let label =
            format!("exact {} ({} of {})", exact.name.value, test.columns, joined(names.into_iter(), ""));
        let probe = self.probe(&exact.name.value, index.clone(), &test.places, wants);
        let test = ExactTest { probe, ..test };
        Some(self.ask(format!("exact {test:?}"), label, Test::Exact(test)))
    }

    pub(super) fn documents(
        &mut self,
        name: &At<String>,
        part: Option<&At<String>>,
        percent: Option<&At<u64>>,
        condition: &Condition,
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> Option<u32> {
        let index = open(IndexKind::Documents, name, cx, out)?;
        let places = self.places_of(condition, cx, out);
        let probe = self.probe(&name.value, index, &places, Wants::default());
        let part = part.map_or("any", |part| part.value.as_str());
        let percent = percent.map_or(0, |percent| percent.value.min(100) as u8);
        let test = DocumentsTest { probe, whole: part != "partial", parts: part != "exact", percent, places };
        let said = if percent > 0 { format!(", {percent} % and more") } else { String::new() };
        let label = format!("documents {} ({part}{said})", name.value);
        Some(self.ask(format!("documents {test:?}"), label, Test::Documents(test)))
    }

    pub(super) fn learned(
        &mut self,
        name: &At<String>,
        score: Option<&At<f64>>,
        condition: &Condition,
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> Option<u32> {
        let index = open(IndexKind::Learned, name, cx, out)?;
        let Index::Learned(learned) = &index else { return None };
        let quality = learned.quality;
        if !quality.good {
            let said = format!(
                "precision {:.2}, recall {:.2} on texts that it was not trained on",
                quality.precision, quality.recall
            );
            out.warn(
                "W0304",
                &cx.place.at(name.span.clone()),
                format!("the learned policy `{}` is not good enough", name.value),
            )
            .label(said)
            .remedy("train it on more texts, or on texts that are more alike within each side");
        }
        let score = score.map_or(quality.threshold, |score| score.value);
        let places = self.places_of(condition, cx, out);
        let probe = self.probe(&name.value, index, &places, Wants::default());
        let test = LearnedTest { probe, score, places };
        Some(self.ask(
            format!("learned {test:?}"),
            format!("learned {} ({score})", name.value),
            Test::Learned(test),
        ))
    }

    /// The place of an index among those that are asked.
    fn probe(&mut self, name: &str, index: Index, places: &Places, wants: Wants) -> u32 {
        self.headers.merge(&places.headers);
        self.envelope |= places.envelope;
        let kind = index.header().kind.clone();
        let known =
            self.probes.iter().position(|probe| probe.name == name && probe.index.header().kind == kind);
        let at = known.unwrap_or_else(|| {
            self.probes.push(Probe {
                name: name.to_owned(),
                index,
                places: Places::default(),
                wants: Wants::default(),
            });
            self.probes.len() - 1
        });
        self.probes[at].places.merge(places);
        self.probes[at].wants.merge(wants);
        at as u32
    }
}

/// The index of that name; reports one that is not there, cannot be used, or is old.
fn open(kind: IndexKind, name: &At<String>, cx: &Context<'_>, out: &mut Diagnostics) -> Option<Index> {
    let here = cx.place.at(name.span.clone());
    let indexes = cx.names.indexes;
    let file = file_name(kind, &name.value);
    let Some(entry) = indexes.get(kind, &name.value) else {
        let diagnostic = out
            .error("E0330", &here, format!("there is no index `{file}`"))
            .label("not in the policy directory");
        match nearest(&name.value, indexes.names(kind)) {
            Some(close) => diagnostic.remedy(format!("write \"{close}\"")),
            None => {
                diagnostic.remedy(format!("make it: weir index {} --name {} …", kind.as_str(), name.value))
            }
        };
        return None;
    };
    let index = match &entry.opened {
        Ok(index) => index.clone(),
        Err(error) => {
            let remedy = match error {
                crate::index::IndexError::NoKey { .. } => {
                    "copy the key file from where the index was made, and name its directory (--index-keys)"
                        .to_owned()
                }
                _ => format!("make it again: weir index {} --name {} …", kind.as_str(), name.value),
            };
            out.error("E0331", &here, format!("the index `{file}` cannot be used: {error}"))
                .label("asked here")
                .remedy(remedy);
            return None;
        }
    };
    let header = index.header();
    let built = jiff::Timestamp::from_second(header.built).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let age = jiff::Timestamp::now().as_second().saturating_sub(header.built) / 86_400;
    if crate::index::is_stale(age, header.max_age_days) {
        let day = built.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        out.warn(
            "W0301",
            &here,
            format!("the index `{file}` was made on {day}, more than {} days ago", header.max_age_days),
        )
        .label(format!("made from {}", header.source))
        .remedy("make it again from the data of today");
    }
    if index.has_open_key() {
        out.warn(
            "W0302",
            &here,
            format!("the key of the index `{file}` can be read by others than its owner"),
        )
        .label("whoever has index and key can try values")
        .remedy("chmod 600 on the key file");
    }
    Some(index)
}

fn exact_test(
    exact: &Exact,
    table: &ExactIndex,
    places: Places,
    cx: &Context<'_>,
    out: &mut Diagnostics,
) -> Option<ExactTest> {
    let every = (1u32 << table.columns.len()) - 1;
    let of = if exact.of.is_empty() { Some(every) } else { bits(&exact.of, table, cx, out) };
    let require = bits(&exact.require, table, cx, out);
    let except: Vec<Option<u32>> = exact.except.iter().map(|group| bits(group, table, cx, out)).collect();
    let (of, require, except) = (of?, require?, except.into_iter().collect::<Option<Vec<u32>>>()?);
    let columns =
        exact.columns.as_ref().map_or(COLUMNS.min(u64::from(of.count_ones())), |columns| columns.value);
    let test = ExactTest {
        probe: 0,
        columns: columns as u32,
        of,
        require,
        except,
        within: exact.within.as_ref().map_or(WITHIN, |within| within.value) as u32,
        places,
    };
    if !test.suffice(every) {
        let span = exact.columns.as_ref().map_or(&exact.name.span, |columns| &columns.span);
        let said = format!("{} columns are asked for, {} can be found", test.columns, of.count_ones());
        let said = if test.columns > of.count_ones() {
            said
        } else {
            "every combination of columns is excepted".to_owned()
        };
        out.error("E0333", &cx.place.at(span.clone()), "this condition can never hold")
            .label(said)
            .remedy("ask for fewer columns, or except fewer combinations");
        return None;
    }
    Some(test)
}

/// The bits of named columns.
fn bits(names: &[At<String>], table: &ExactIndex, cx: &Context<'_>, out: &mut Diagnostics) -> Option<u32> {
    let mut all = Some(0);
    for name in names {
        let bit = table.column(&name.value);
        if bit.is_none() {
            let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            let remedy = match nearest(&name.value, columns.iter().copied()) {
                Some(close) => format!("write \"{close}\""),
                None => format!("its columns are {}", columns.join(", ")),
            };
            out.error(
                "E0332",
                &cx.place.at(name.span.clone()),
                format!("the index has no column `{}`", name.value),
            )
            .label("unknown column")
            .remedy(remedy);
        }
        all = all.zip(bit).map(|(all, bit)| all | bit);
    }
    all
}

/// What the condition wants of the index: whether columns suffice that point at no row.
fn wants(test: &ExactTest, table: &ExactIndex) -> Wants {
    let common = ((1u32 << table.columns.len()) - 1) & !table.pointing();
    let pairs = test.suffice(common) && !(test.columns == 1 && test.require == 0);
    let singles = test.columns == 1
        && (0..table.columns.len()).any(|at| common >> at & 1 == 1 && test.suffice(1 << at));
    Wants { within: test.within, pairs, singles }
}

/// Columns that point at no row and suffice, by name.
fn common(test: &ExactTest, table: &ExactIndex) -> String {
    let pointing = table.pointing();
    let mut taken = 0;
    for at in 0..table.columns.len() {
        let bit = 1 << at;
        if pointing & bit == 0 && !test.suffice(taken) && (test.of | test.require) & bit != 0 {
            taken |= bit;
        }
    }
    let names = table
        .columns
        .iter()
        .enumerate()
        .filter(|(at, _)| taken >> at & 1 == 1)
        .map(|(_, column)| column.name.as_str());
    names.collect::<Vec<_>>().join(" and ")
}
