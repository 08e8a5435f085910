//! Audit lines for other programs: CSV that no spreadsheet takes for formulas, and JSON a line.

use jiff::Timestamp;

use super::Line;
use crate::hex;

/// The CSV's first line.
pub(crate) const HEAD: &str = "number,at,who,role,peer,action,subject,detail,hash\r\n";

/// A line of CSV.
pub fn to_csv(line: &Line) -> String {
    let (number, at, hash) = (line.number.to_string(), moment(line.at), hex(&line.hash));
    let actor = &line.actor;
    let cells = [
        &number,
        &at,
        &actor.who,
        &actor.role,
        &actor.peer,
        &line.action,
        &line.subject,
        &line.detail,
        &hash,
    ];
    cells.map(|cell| csv_cell(cell)).join(",") + "\r\n"
}

/// A line of JSON, with its line end.
pub fn to_json_line(line: &Line) -> String {
    let value = serde_json::json!({
        "number": line.number, "at": moment(line.at), "who": line.actor.who, "role": line.actor.role,
        "peer": line.actor.peer, "action": line.action, "subject": line.subject, "detail": line.detail,
        "hash": hex(&line.hash),
    });
    format!("{value}\n")
}

/// A cell that stays text: what a spreadsheet would take for a formula gets an apostrophe in front.
pub fn csv_cell(text: &str) -> String {
    let formula = text
        .trim_start_matches([' ', '\u{a0}'])
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', ';', '\r', '\n', '\'']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

fn moment(at: i64) -> String {
    Timestamp::from_millisecond(at).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_never_begin_a_formula() {
        for (text, cell) in [
            ("plain", "plain"),
            ("a, b", "\"a, b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            (" +1", "\"' +1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-2", "\"'-2\""),
            ("\t=1", "\"'\t=1\""),
        ] {
            assert_eq!(csv_cell(text), cell);
        }
    }
}
