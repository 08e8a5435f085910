//! `weir index exact`: reads a table and says what became of each row and column.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail, ensure};
use policy::index::{ColumnOption, ExactOptions, ExactReport, IndexKind, Kind, Order, build_exact};

use super::{Place, bar};
use crate::cli::IndexExact;

/// Days after which a table is stale.
const MAX_AGE: u32 = 30;

/// Runs the command.
pub(crate) fn run(command: &IndexExact) -> Result<ExitCode> {
    let columns = command.columns.iter().map(|text| column(text)).collect::<Result<Vec<_>>>()?;
    let (input, size): (Box<dyn Read + Send>, Option<u64>) = if command.table == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let file =
            File::open(&command.table).with_context(|| format!("cannot read {}", command.table.display()))?;
        let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len());
        (Box::new(file), size)
    };
    let options = ExactOptions {
        columns,
        separator: command.separator.as_deref().map(separator).transpose()?,
        no_header: command.no_header,
        stop: command.stop_values.as_deref().map(stop_values).transpose()?.unwrap_or_default(),
        source: command.place.source.clone().unwrap_or_else(|| command.table.display().to_string()),
        max_age_days: command.place.max_age.unwrap_or(MAX_AGE),
        size,
    };
    let place = Place::new(&command.place, IndexKind::Exact)?;
    let bar = bar(size, true);
    let report = build_exact(input, &options, &place.key, &place.path, &|octets| bar.set_position(octets))
        .map_err(|error| anyhow!("{}: {error}; nothing was indexed", command.table.display()));
    bar.finish_and_clear();
    let report = report?;
    print(&report);
    place.print(report.size);
    Ok(ExitCode::SUCCESS)
}

/// `last_name:name`, `dob:date/dmy`, `mobile:phone+49`
fn column(text: &str) -> Result<ColumnOption> {
    let kinds = || Kind::ALL.map(Kind::as_str).join(", ");
    let Some((name, kind)) = text.rsplit_once(':') else {
        bail!("the column \"{text}\" has no type; write {text}:TYPE with one of {}", kinds());
    };
    let (kind, order) = match kind.split_once('/') {
        Some((kind, order)) => (kind, Some(order)),
        None => (kind, None),
    };
    let (kind, home) = match kind.split_once('+') {
        Some((kind, home)) => (kind, Some(home)),
        None => (kind, None),
    };
    let kind = Kind::ALL.into_iter().find(|one| one.as_str() == kind.trim());
    let kind =
        kind.ok_or_else(|| anyhow!("the column \"{text}\" has an unknown type; types are {}", kinds()))?;
    let order = match order {
        None => None,
        Some("dmy") => Some(Order::Dmy),
        Some("mdy") => Some(Order::Mdy),
        Some("ymd") => Some(Order::Ymd),
        Some(other) => bail!("\"{other}\" is no order of a date; write dmy, mdy or ymd"),
    };
    let home = home
        .map(|code| code.parse::<u16>().map_err(|_| anyhow!("\"+{code}\" is no country code")))
        .transpose()?;
    ensure!(order.is_none() || kind == Kind::Date, "only dates have an order: \"{text}\"");
    ensure!(home.is_none() || kind == Kind::Phone, "only telephone numbers have a country: \"{text}\"");
    Ok(ColumnOption { name: name.trim().to_owned(), kind, order, home })
}

fn separator(text: &str) -> Result<u8> {
    match text {
        "tab" | "\\t" | "\t" => Ok(b'\t'),
        "," | ";" | "|" => Ok(text.as_bytes()[0]),
        _ => bail!("the separator is , ; | or tab"),
    }
}

fn stop_values(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
}

fn print(report: &ExactReport) {
    let separator =
        if report.separator == '\t' { "tab".to_owned() } else { format!("\"{}\"", report.separator) };
    println!("{} of {} rows taken (separator {separator})", report.taken, report.rows);
    for (name, taken, skipped) in &report.columns {
        let skipped: Vec<String> =
            skipped.iter().map(|(skip, count)| format!("{count} {}", skip.as_str())).collect();
        let skipped =
            if skipped.is_empty() { String::new() } else { format!("; left out: {}", skipped.join(", ")) };
        println!("  {name}: {taken} values{skipped}");
    }
    if report.frequent > 0 {
        println!("  {} values stand in more than 1000 rows: they count, but lead to no row", report.frequent);
    }
    for (why, count) in &report.bad {
        println!("  {count} x {why}");
    }
    for example in &report.examples {
        println!("  {example}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_with_their_types() {
        let read =
            |text: &str| column(text).map(|column| (column.name, column.kind, column.order, column.home));
        assert_eq!(read("ssn:number").unwrap(), ("ssn".to_owned(), Kind::Number, None, None));
        assert_eq!(read("dob:date/mdy").unwrap().2, Some(Order::Mdy));
        assert_eq!(read("mobile:phone+49").unwrap().3, Some(49));
        for bad in ["ssn", "ssn:nummer", "dob:date/xyz", "ssn:number+1", "ssn:number/dmy"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
