//! The header of a mail as a table: each field on its row, in its order, twice if it is there twice.

use std::fmt::Write as _;

use super::line;
use crate::layout::Html;

/// Fields shown.
const FIELDS: usize = 500;
/// Characters of a value shown.
const VALUE: usize = 2_000;

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value, unfolded.
    pub value: String,
}

/// The fields as a table.
pub fn header_table(headers: &[Header]) -> Html {
    let mut out = String::from(
        "<div class=\"scroll\"><table class=\"facts headers\"><caption class=\"unseen\">Header fields</caption><tbody>",
    );
    for header in headers.iter().take(FIELDS) {
        let (name, value) = (line(&header.name, 100), line(&header.value, VALUE));
        let _ = write!(out, "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>");
    }
    if headers.len() > FIELDS {
        let more = headers.len() - FIELDS;
        let _ = write!(out, "<tr><td colspan=\"2\" class=\"cut\">… {more} more fields not shown …</td></tr>");
    }
    out.push_str("</tbody></table></div>");
    Html::new(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_fields_stay_text_and_are_not_endless() {
        let field = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
        let mut headers = vec![field("Subject", "<script>alert(1)</script>\0")];
        headers.extend(std::iter::repeat_n(field("<b>", "\u{fffd}\u{202e}"), 10_000));
        let html = header_table(&headers).to_string();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script") && !html.contains("<b>"));
        assert!(html.contains("more fields not shown") && html.len() < 400_000);
    }
}
