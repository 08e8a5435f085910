//! CSV (RFC 4180) that no spreadsheet takes for formulas.

/// A line, with its end.
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    cells.into_iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A cell: quoted, on one line, and with an apostrophe before what would be a formula.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['\t', '\r', '\n'])
        || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\"{}{}\"", if formula { "'" } else { "" }, plain.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_ends_early() {
        for (text, expected) in [
            ("plain", "\"plain\""),
            ("a, b", "\"a, b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            (" +1", "\"' +1\""),
            ("\u{a0}@SUM(A1)", "\"'\u{a0}@SUM(A1)\""),
            ("-2", "\"'-2\""),
            ("＝1", "\"'＝1\""),
            ("\t=1", "\"' =1\""),
            ("\r\nx", "\"'  x\""),
        ] {
            assert_eq!(cell(text), expected);
        }
        assert_eq!(line(["a", "b\0"]), "\"a\",\"b \"\r\n");
    }
}
