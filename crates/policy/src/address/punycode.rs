//! Labels of domains as the DNS has them (RFC 3492): letters outside of ASCII as `xn--…`.

use std::borrow::Cow;

const BASE: u32 = 36;
const SMALLEST: u32 = 1;
const BIGGEST: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const FIRST_BIAS: u32 = 72;
const FIRST_CODE: u32 = 128;
/// Characters of a label; more than this is no name, and would take long.
const LONGEST: usize = 63;

/// A label in lower case; one that has no such form stays as it is.
pub(super) fn label(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || text.chars().count() > LONGEST {
        return text.into();
    }
    encoded(text).map_or(text.into(), |encoded| format!("xn--{encoded}").into())
}

fn encoded(text: &str) -> Option<String> {
    let codes: Vec<u32> = text.chars().map(u32::from).collect();
    let mut out: String = text.chars().filter(char::is_ascii).collect();
    let basic = out.len() as u32;
    if basic > 0 {
        out.push('-');
    }
    let (mut code, mut delta, mut bias, mut done) = (FIRST_CODE, 0_u32, FIRST_BIAS, basic);
    while (done as usize) < codes.len() {
        let next = codes.iter().copied().filter(|one| *one >= code).min()?;
        delta = delta.checked_add((next - code).checked_mul(done + 1)?)?;
        code = next;
        for one in &codes {
            if *one < code {
                delta = delta.checked_add(1)?;
            }
            if *one == code {
                push_number(delta, bias, &mut out);
                bias = adapted(delta, done + 1, done == basic);
                (delta, done) = (0, done + 1);
            }
        }
        delta = delta.checked_add(1)?;
        code += 1;
    }
    Some(out)
}

/// A number of variable length, the smallest digit first.
fn push_number(number: u32, bias: u32, out: &mut String) {
    let mut rest = number;
    for step in 1.. {
        let threshold = (BASE * step).saturating_sub(bias).clamp(SMALLEST, BIGGEST);
        if rest < threshold {
            break;
        }
        out.push(digit(threshold + (rest - threshold) % (BASE - threshold)));
        rest = (rest - threshold) / (BASE - threshold);
    }
    out.push(digit(rest));
}

fn digit(value: u32) -> char {
    char::from_digit(if value < 26 { value + 10 } else { value - 26 }, BASE).unwrap_or('0')
}

fn adapted(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / count;
    let mut steps = 0;
    while delta > (BASE - SMALLEST) * BIGGEST / 2 {
        delta /= BASE - SMALLEST;
        steps += BASE;
    }
    steps + (BASE - SMALLEST + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of RFC 3492, 7.1, and names in use.
    #[test]
    fn labels_are_written_as_the_standard_has_it() {
        for (text, expected) in [
            ("bücher", "xn--bcher-kva"),
            ("münchen", "xn--mnchen-3ya"),
            ("例え", "xn--r8jz45g"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            ("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
            ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
            ("パフィーdeルンバ", "xn--de-jg4avhby1noc0d"),
            ("plain", "plain"),
        ] {
            assert_eq!(label(text), expected);
        }
    }

    #[test]
    fn what_is_no_label_stays() {
        let long = "ü".repeat(64);
        assert_eq!(label(&long), long);
        assert!(label(&"\u{10ffff}".repeat(63)).starts_with("xn--"));
    }
}
