//! Plots made on the server as SVG, with a table of the same numbers for those who do not see them.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;

use super::html::escape;

const WIDTH: f64 = 560.0;
/// The longest bar.
const FULL: f64 = 1_000.0;

/// Bars that lie: one for each name.
#[derive(Debug, Clone)]
pub struct Bars {
    /// What is plotted.
    pub title: String,
    /// What is counted: `incidents`.
    pub unit: String,
    /// Names, their numbers, and where a click leads (empty: nowhere).
    pub bars: Vec<(String, u64, String)>,
}

impl fmt::Display for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.bars.iter().map(|(_, value, _)| *value).max().unwrap_or(0).max(1) as f64;
        let mut list = String::from("<ul class=\"bars\">");
        for (name, value, address) in &self.bars {
            let (open, close) = link(address);
            let length = (FULL * *value as f64 / most).max(FULL / 200.0);
            let (name, value) = (escape(name), grouped(*value));
            // Names are text that the page cuts where it has to; a picture would be cut on both sides, or too small to read.
            let _ = write!(
                list,
                "<li>{open}<span class=\"name\" title=\"{name}\">{name}</span>{close}\
                <svg class=\"lies\" viewBox=\"0 0 {FULL} 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
                <rect class=\"bar\" width=\"{length:.1}\" height=\"10\"/></svg><span class=\"value\">{value}</span></li>"
            );
        }
        list.push_str("</ul>");
        let rows = self.bars.iter().map(|(name, value, _)| (name.clone(), vec![*value])).collect::<Vec<_>>();
        figure(f, &self.title, &list, &table(&self.title, "Name", &[self.unit.as_str()], &rows))
    }
}

impl HtmlSafe for Bars {}

/// Lines over time: one or a few series over the same moments.
#[derive(Debug, Clone)]
pub struct Lines {
    /// What is plotted.
    pub title: String,
    /// The moments' names, in order: `2026-11-24`.
    pub moments: Vec<String>,
    /// Names and numbers, as many as there are moments; six series at most have their own look.
    pub series: Vec<(String, Vec<u64>)>,
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEIGHT: f64 = 240.0;
        const LEFT: f64 = 56.0;
        const BOTTOM: f64 = 208.0;
        const TOP: f64 = 12.0;
        let most = self.series.iter().flat_map(|(_, values)| values).copied().max().unwrap_or(0);
        let top = ceiling(most);
        let count = self.moments.len().max(2) - 1;
        let x = |at: usize| LEFT + (WIDTH - LEFT - 12.0) * at as f64 / count as f64;
        let y = |value: u64| BOTTOM - (BOTTOM - TOP) * value as f64 / top as f64;
        // Where it is wider than the page, the newest of it is seen first.
        let mut svg =
            String::from("<div class=\"drawn\" tabindex=\"0\" role=\"region\" aria-label=\"Plot\">");
        svg.push_str(&head(&self.title, HEIGHT));
        for quarter in 0..=4_u64 {
            let value = top * quarter / 4;
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
                <text class=\"axis\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - 12.0,
                y(value),
                y(value),
                LEFT - 8.0,
                y(value) + 4.0,
                grouped(value)
            );
        }
        for (at, name) in self.moments.iter().enumerate().step_by(self.moments.len().div_ceil(6).max(1)) {
            let _ = write!(
                svg,
                "<text class=\"axis\" x=\"{:.1}\" y=\"228\" text-anchor=\"middle\">{}</text>",
                x(at).clamp(LEFT, WIDTH - 34.0),
                escape(&shortened(name, 12))
            );
        }
        for (number, (name, values)) in self.series.iter().enumerate() {
            let points: Vec<String> = values
                .iter()
                .enumerate()
                .map(|(at, value)| format!("{:.1},{:.1}", x(at), y(*value)))
                .collect();
            let _ = write!(
                svg,
                "<polyline class=\"line s{}\" points=\"{}\"><title>{}</title></polyline>",
                number % 6,
                points.join(" "),
                escape(name)
            );
        }
        svg.push_str("</svg></div>");
        let names: Vec<&str> = self.series.iter().map(|(name, _)| name.as_str()).collect();
        let number = |series: &(String, Vec<u64>), at: usize| series.1.get(at).copied().unwrap_or(0);
        let rows: Vec<(String, Vec<u64>)> = self
            .moments
            .iter()
            .enumerate()
            .map(|(at, moment)| {
                (moment.clone(), self.series.iter().map(|series| number(series, at)).collect())
            })
            .collect();
        svg.push_str(&legend(&names));
        figure(f, &self.title, &svg, &table(&self.title, "When", &names, &rows))
    }
}

impl HtmlSafe for Lines {}

fn head(title: &str, height: f64) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\" preserveAspectRatio=\"xMinYMin meet\">",
        escape(title)
    )
}

fn link(address: &str) -> (String, &'static str) {
    if address.is_empty() {
        return (String::new(), "");
    }
    (format!("<a href=\"{}\">", escape(address)), "</a>")
}

fn legend(names: &[&str]) -> String {
    if names.len() < 2 {
        return String::new();
    }
    let items = names.iter().enumerate().fold(String::new(), |mut out, (number, name)| {
        let _ = write!(out, "<li class=\"s{}\">{}</li>", number % 6, escape(name));
        out
    });
    format!("<ul class=\"legend\" aria-hidden=\"true\">{items}</ul>")
}

fn table(title: &str, first: &str, names: &[&str], rows: &[(String, Vec<u64>)]) -> String {
    let mut out = format!(
        "<table class=\"list\"><caption>{}</caption><thead><tr><th scope=\"col\">{first}</th>",
        escape(title)
    );
    for name in names {
        let _ = write!(out, "<th scope=\"col\" class=\"number\">{}</th>", escape(name));
    }
    out.push_str("</tr></thead><tbody>");
    for (name, values) in rows {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(name));
        for value in values {
            let _ = write!(out, "<td class=\"number\">{}</td>", grouped(*value));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    out
}

fn figure(f: &mut fmt::Formatter<'_>, title: &str, svg: &str, table: &str) -> fmt::Result {
    write!(
        f,
        "<figure class=\"plot\"><figcaption>{}</figcaption>{svg}\
        <details><summary>Numbers</summary><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Numbers\">{table}</div></details></figure>",
        escape(title)
    )
}

/// The next round number that four lines divide well.
fn ceiling(most: u64) -> u64 {
    let mut step = 4_u64;
    loop {
        for factor in [1, 2, 5] {
            let top = step.saturating_mul(factor);
            if top >= most || top == u64::MAX {
                return top;
            }
        }
        step = step.saturating_mul(10);
    }
}

/// Digits in groups of three.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_axes_end_at_round_ones() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 4, 5, 9, 21, 41, 390, 401].map(ceiling), [4, 4, 8, 20, 40, 80, 400, 800]);
        assert_eq!(ceiling(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_plot_has_its_numbers_as_a_table_and_escapes_names() {
        let hostile = "<img src=x onerror=alert(1)>";
        let bars = Bars {
            title: "By sender".into(),
            unit: "incidents".into(),
            bars: vec![(hostile.into(), 12_345, format!("/x?a=\"{hostile}")), ("b".into(), 0, String::new())],
        };
        let lines = Lines {
            title: hostile.into(),
            moments: vec![hostile.into(), "2".into()],
            series: vec![(hostile.into(), vec![1, 2]), ("b".into(), vec![])],
        };
        for html in [bars.to_string(), lines.to_string()] {
            assert!(!html.contains("<img"), "{html}");
            assert!(html.contains("<caption>") && html.contains("aria-label="));
        }
        assert!(bars.to_string().contains("<td class=\"number\">12,345</td>"));
    }

    #[test]
    fn an_empty_plot_is_a_plot() {
        let lines = Lines { title: "t".into(), moments: Vec::new(), series: Vec::new() };
        assert!(lines.to_string().contains("<svg"));
        assert!(!lines.to_string().contains("NaN"));
    }
}
