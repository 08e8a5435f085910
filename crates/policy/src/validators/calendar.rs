//! Dates inside numbers: whether a year, month and day exist in the Gregorian calendar.

/// Whether the day exists. Years below 1 do not.
pub(super) fn date(year: i32, month: i32, day: i32) -> bool {
    year >= 1 && day >= 1 && day <= month_length(year, month)
}

/// Whether the day exists in at least one of the centuries 1900 and 2000, for numbers that keep two digits of the year.
pub(super) fn date_in_either_century(two_digits: i32, month: i32, day: i32) -> bool {
    date(1900 + two_digits, month, day) || date(2000 + two_digits, month, day)
}

fn month_length(year: i32, month: i32) -> i32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_exist_in_leap_years_only() {
        assert!(date(2024, 2, 29) && date(2000, 2, 29));
        assert!(!date(2023, 2, 29) && !date(1900, 2, 29));
        assert!(date_in_either_century(0, 2, 29));
        assert!(!date(2024, 13, 1) && !date(2024, 0, 1) && !date(2024, 4, 31) && !date(0, 1, 1));
    }
}
