//! The result as a table in Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use benches::load::Measured;

use crate::Row;
use crate::roads::Road;

/// One table of rates and ratios, one of times and memory.
pub(crate) fn render(roads: &[Road], rows: &[Row]) -> String {
    let names: Vec<&str> = roads.iter().map(Road::name).collect();
    let mut text = String::from(
        "Messages a second (medians of interleaved rounds; sender, proxy and sink on one machine):\n\n",
    );
    rates(&mut text, &names, rows);
    text.push_str("\nTime a message from MAIL to 250, p50 / p99, and memory of weir (resident / peak):\n\n");
    times(&mut text, &names, rows);
    text
}

fn rates(text: &mut String, names: &[&str], rows: &[Row]) {
    let ratios: Vec<&str> =
        names.iter().copied().filter(|name| *name == "haproxy" || *name == "postfix").collect();
    let mut heads = vec!["mail".to_owned(), "connections".to_owned()];
    heads.extend(names.iter().map(|name| (*name).to_owned()));
    heads.extend(ratios.iter().map(|name| format!("weir : {name}")));
    line(text, &heads);
    line(text, &vec!["---".to_owned(); heads.len()]);
    for row in rows {
        let mut cells = vec![row.name.clone(), row.connections.to_string()];
        cells.extend(row.results.iter().map(|one| format!("{:.0}", one.rate)));
        cells.extend(ratios.iter().map(|name| ratio(names, row, name)));
        line(text, &cells);
    }
}

fn times(text: &mut String, names: &[&str], rows: &[Row]) {
    let mut heads = vec!["mail".to_owned(), "connections".to_owned()];
    heads.extend(names.iter().map(|name| format!("{name} p50 / p99")));
    heads.push("memory".to_owned());
    line(text, &heads);
    line(text, &vec!["---".to_owned(); heads.len()]);
    for row in rows {
        let mut cells = vec![row.name.clone(), row.connections.to_string()];
        cells.extend(row.results.iter().map(|one| format!("{} / {}", millis(one.p50), millis(one.p99))));
        let mib = |octets: u64| octets / (1 << 20);
        cells.push(
            row.memory.map_or("-".to_owned(), |all| format!("{} / {} MiB", mib(all.resident), mib(all.peak))),
        );
        line(text, &cells);
    }
}

fn ratio(names: &[&str], row: &Row, other: &str) -> String {
    let rate = |name: &str| {
        let at = names.iter().position(|each| *each == name)?;
        row.results.get(at).map(|one: &Measured| one.rate)
    };
    match (rate("weir"), rate(other)) {
        (Some(ours), Some(theirs)) if theirs > 0.0 => format!("{:.2}", ours / theirs),
        _ => "-".to_owned(),
    }
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn line(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}
