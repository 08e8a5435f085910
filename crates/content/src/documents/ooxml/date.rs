//! Dates of spreadsheets: days since a day before 1900 or 1904, shown by a format.

use super::format::Token;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Saturday", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];

/// Shows a serial number by a date format; none if it is no day that a spreadsheet knows.
pub(super) fn show(tokens: &[Token], serial: f64, dates_1904: bool) -> Option<String> {
    if !(0.0..2_958_466.0).contains(&serial) {
        return None;
    }
    let seconds = (serial.fract() * 86_400.0).round() as u64;
    let days = serial.trunc() as i64 + if dates_1904 { 1_462 } else { 0 };
    let moment = Moment { days, seconds, half: tokens.contains(&Token::Half) };
    let mut text = String::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Literal(c) => text.push(*c),
            Token::Point => text.push('.'),
            Token::Comma => text.push(','),
            Token::Half => text.push_str(if seconds < 43_200 { "AM" } else { "PM" }),
            Token::Digit(_) => text.push('0'),
            Token::Percent => text.push('%'),
            Token::Text | Token::General => {}
            Token::Elapsed(unit) => text.push_str(&moment.elapsed(*unit)),
            // Minutes stand behind hours or before seconds; else it is a month.
            Token::Field('m', count) if *count <= 2 && is_minute(tokens, at) => {
                text.push_str(&padded(seconds / 60 % 60, *count));
            }
            Token::Field(field, count) => text.push_str(&moment.field(*field, *count)),
        }
    }
    Some(text)
}

fn is_minute(tokens: &[Token], at: usize) -> bool {
    let field = |token: &&Token| matches!(token, Token::Field(..) | Token::Elapsed(_));
    let before = tokens[..at].iter().rev().find(field);
    let after = tokens[at + 1..].iter().find(field);
    matches!(before, Some(Token::Field('h', _) | Token::Elapsed('h')))
        || matches!(after, Some(Token::Field('s', _)))
}

struct Moment {
    days: i64,
    seconds: u64,
    half: bool,
}

impl Moment {
    fn field(&self, field: char, count: usize) -> String {
        let (year, month, day) = self.date();
        let name = |name: &str| if count == 3 { name[..3].to_owned() } else { name.to_owned() };
        match field {
            'y' if count <= 2 => padded(year % 100, 2),
            'y' => year.to_string(),
            'm' if count >= 3 => name(MONTHS[(month as usize - 1) % 12]),
            'm' => padded(month, count),
            'd' if count >= 3 => name(WEEKDAYS[self.days.rem_euclid(7) as usize]),
            'd' => padded(day, count),
            'h' => {
                let hour = self.seconds / 3600;
                padded(if self.half { (hour + 11) % 12 + 1 } else { hour }, count)
            }
            _ => padded(self.seconds % 60, count),
        }
    }

    fn elapsed(&self, unit: char) -> String {
        let seconds = self.days.unsigned_abs() * 86_400 + self.seconds;
        match unit {
            'h' => seconds / 3600,
            'm' => seconds / 60,
            _ => seconds,
        }
        .to_string()
    }

    /// Year, month and day. Spreadsheets count 29 February 1900, a day that never was.
    fn date(&self) -> (u64, u64, u64) {
        let days = if self.days < 60 { self.days + 1 } else { self.days };
        // Days since 1 March of year 0, in eras of 400 years.
        let shifted = days - 25_569 + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year.unsigned_abs(), month.unsigned_abs(), day.unsigned_abs())
    }
}

fn padded(number: u64, width: usize) -> String {
    format!("{number:0>width$}")
}
