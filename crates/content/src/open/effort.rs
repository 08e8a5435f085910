//! For tests: whether work grows with a text, or with its square, by the time that its thread had on a processor.

use std::time::Duration;

/// Fails if sixteen times the lines are far more than sixteen times the work; the square would be 256 times.
#[track_caller]
pub(crate) fn grows_with_lines(line: &str, work: impl Fn(&str)) {
    grows_with(line, |count| line.repeat(count), work);
}

/// As [`grows_with_lines`], of texts with so many lines.
pub(crate) fn grows_with(what: &str, text: impl Fn(usize) -> String, work: impl Fn(&str)) {
    let least = |count: usize| {
        let text = text(count);
        let times = (0..3).map(|_| {
            let before = on_processor();
            work(&text);
            on_processor() - before
        });
        times.min().unwrap_or_default()
    };
    let (few, many) = (least(4_000), least(64_000));
    // The kernel counts in ticks of some milliseconds.
    assert!(many < few.max(Duration::from_millis(5)) * 80, "{what:?}: {few:?}, then {many:?}");
}

/// Of this thread: other work on the machine does not count.
fn on_processor() -> Duration {
    let all = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    Duration::from_nanos(all.split(' ').next().and_then(|first| first.parse().ok()).expect("a number"))
}
