//! Text of several lines with its matches marked: the beginning, and what stands around each match, as far as there is room.

// A list of ranges may hold one.
#![allow(clippy::single_range_in_vec_init)]

use std::fmt::Write as _;
use std::ops::Range;

use super::write_visible;
use crate::layout::Html;

/// Octets shown on either side of a match that lies beyond the beginning.
const AROUND: usize = 240;
/// Matches marked; beyond so many a text is a list of them, and its beginning shows what they are like.
const MARKS: usize = 1_000;

/// The text in a box, with `marks` (ranges of octets) highlighted; about `most` octets at most.
pub fn passage(text: &str, marks: &[Range<usize>], most: usize) -> Html {
    let marks = tidy(text, marks);
    let windows = windows(text, &marks, most);
    let mut out = String::from("<pre class=\"mail\" dir=\"auto\">\n");
    let mut end = 0;
    for window in &windows {
        gap(text, end..window.start, &mut out);
        write_window(text, window.clone(), &marks, &mut out);
        end = window.end;
    }
    gap(text, end..text.len(), &mut out);
    out.push_str("</pre>");
    Html::new(out)
}

/// Between characters, in order, without overlaps, and not endlessly many.
fn tidy(text: &str, marks: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut tidy: Vec<Range<usize>> = marks
        .iter()
        .map(|mark| text.floor_char_boundary(mark.start)..text.ceil_char_boundary(mark.end.min(text.len())))
        .filter(|mark| mark.start < mark.end)
        .collect();
    tidy.sort_by_key(|mark| (mark.start, mark.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for mark in tidy {
        match merged.last_mut() {
            Some(last) if mark.start <= last.end => last.end = last.end.max(mark.end),
            _ => merged.push(mark),
        }
    }
    merged.truncate(MARKS);
    merged
}

/// What is shown: the beginning, and windows around marks while there is room.
fn windows(text: &str, marks: &[Range<usize>], most: usize) -> Vec<Range<usize>> {
    if text.len() <= most {
        return std::iter::once(0..text.len()).collect();
    }
    // Where there are marks, half of the room is theirs.
    let beginning = if marks.is_empty() { most } else { most / 2 };
    let mut windows = vec![0..text.floor_char_boundary(beginning)];
    let mut left = most - beginning;
    for mark in marks {
        let start = text.floor_char_boundary(mark.start.saturating_sub(AROUND));
        let end = text.ceil_char_boundary((mark.end + AROUND).min(text.len()));
        let last = windows.last().map_or(0, |last| last.end);
        if end <= last {
            continue;
        }
        let start = start.max(last);
        let end = text.floor_char_boundary(end.min(start + left));
        if end <= start {
            break;
        }
        left -= end - start;
        match windows.last_mut() {
            Some(before) if before.end == start => before.end = end,
            _ => windows.push(start..end),
        }
    }
    windows
}

fn write_window(text: &str, window: Range<usize>, marks: &[Range<usize>], out: &mut String) {
    let mut at = window.start;
    for mark in marks.iter().filter(|mark| mark.start < window.end && mark.end > window.start) {
        let (start, end) = (mark.start.max(window.start), mark.end.min(window.end));
        write_visible(&text[at..start], true, out);
        out.push_str("<mark>");
        write_visible(&text[start..end], true, out);
        out.push_str("</mark>");
        at = end;
    }
    write_visible(&text[at..window.end], true, out);
}

fn gap(text: &str, range: Range<usize>, out: &mut String) {
    if range.is_empty() {
        return;
    }
    let count = text[range].chars().count() as u64;
    let _ = write!(
        out,
        "<span class=\"cut\">… {} characters not shown …</span>",
        crate::layout::plot::grouped(count)
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn inside(html: &Html) -> &str {
        html.as_str()
            .strip_prefix("<pre class=\"mail\" dir=\"auto\">\n")
            .unwrap()
            .strip_suffix("</pre>")
            .unwrap()
    }

    #[test]
    fn matches_are_marked_where_they_stand_and_escaped_like_the_rest() {
        let text = "card <4111> or\r\n<5500>";
        let html = passage(text, &[6..10, 17..21, 8..10], 1_000);
        assert_eq!(inside(&html), "card &lt;<mark>4111</mark>&gt; or\n&lt;<mark>5500</mark>&gt;");
    }

    #[test]
    fn a_match_far_behind_is_shown_with_what_stands_around_it() {
        let text = format!("{}4111{}", "a".repeat(5_000), "b".repeat(5_000));
        let html = passage(&text, &[5_000..5_004], 1_000);
        assert!(html.as_str().contains("aaa<mark>4111</mark>bbb"));
        assert!(html.as_str().contains("… 4,260 characters not shown …"), "{html}");
        assert!(html.as_str().len() < 1_300);
    }

    #[test]
    fn ranges_that_fit_nothing_mark_nothing_they_should_not() {
        for range in [3..3, 100..200, 0..usize::MAX, usize::MAX..usize::MAX] {
            let html = passage("aäb", std::slice::from_ref(&range), 100);
            assert!(html.as_str().len() < 80, "{range:?}");
        }
        // A range into the middle of a character takes all of it.
        assert_eq!(inside(&passage("aäb", &[2..3], 100)), "a<mark>ä</mark>b");
    }

    proptest! {
        #[test]
        fn however_it_is_cut_and_marked_it_stays_text(
            text in ".{0,80}|[<>&\"'\\x00-\\x1f a-c]{0,80}",
            marks in proptest::collection::vec((0_usize..100, 0_usize..20), 0..6),
            most in 0_usize..120,
        ) {
            let marks: Vec<_> = marks.into_iter().map(|(start, length)| start..start + length).collect();
            let html = passage(&text, &marks, most);
            let mut bare = inside(&html).replace("<mark>", "").replace("</mark>", "");
            while let Some(at) = bare.find("<span class=\"") {
                let end = bare[at..].find("</span>").unwrap();
                bare.replace_range(at..at + end + 7, "");
            }
            prop_assert!(!bare.contains(['<', '>', '"', '\'']), "{}", html);
            prop_assert_eq!(html.as_str().matches("<mark>").count(), html.as_str().matches("</mark>").count());
        }
    }
}
