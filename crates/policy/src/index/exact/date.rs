//! Dates in the ways that people write them: three orders, with names of months in seven languages, two-digit years.

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

/// In which order a column writes day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Day first.
    Dmy,
    /// Month first.
    Mdy,
    /// Year first.
    Ymd,
}

/// First letters of the months, without accents: English, German, French, Spanish, Italian, Portuguese, Dutch.
const MONTHS: [&[&str]; 12] = [
    &[
        "jan", "janv", "january", "januar", "janner", "janvier", "enero", "ene", "gennaio", "gen", "janeiro",
        "januari",
    ],
    &[
        "feb",
        "febr",
        "february",
        "februar",
        "fevrier",
        "fev",
        "fevr",
        "febrero",
        "febbraio",
        "fevereiro",
        "februari",
    ],
    &["mar", "march", "marz", "mrz", "mars", "marzo", "marco", "maart", "mrt"],
    &["apr", "april", "avril", "avr", "abril", "abr", "aprile"],
    &["may", "mai", "mayo", "maggio", "mag", "maio", "mei"],
    &["jun", "june", "juni", "juin", "junio", "giugno", "giu", "junho"],
    &["jul", "july", "juli", "juillet", "juil", "julio", "luglio", "lug", "julho"],
    &["aug", "august", "aout", "agosto", "ago", "augustus"],
    &["sep", "sept", "september", "septembre", "septiembre", "settembre", "set", "setembro"],
    &["oct", "okt", "october", "oktober", "octobre", "octubre", "ottobre", "ott", "outubro", "out"],
    &["nov", "november", "novembre", "noviembre", "novembro"],
    &["dec", "dez", "december", "dezember", "decembre", "diciembre", "dic", "dicembre", "dezembro"],
];

fn month_named(word: &[u8]) -> Option<u8> {
    if word.len() < 3 || !word[0].is_ascii_lowercase() {
        return None;
    }
    let at = MONTHS.iter().position(|names| names.iter().any(|name| name.as_bytes() == word))?;
    Some(at as u8 + 1)
}

fn day(year: u16, month: u8, day: u8) -> Option<Date> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    ((1..=last).contains(&day) && (1850..2200).contains(&year)).then_some(Date { year, month, day })
}

/// A word of a text: lower case, without accents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'w> {
    pub(crate) text: &'w [u8],
    /// What stands between it and the word before: a date's parts are not far apart.
    pub(crate) joined: bool,
}

/// The dates that the words may begin with, and how many words each takes.
pub(crate) fn starting(words: &[Word<'_>], found: &mut Vec<(Date, usize)>) {
    let Some(first) = words.first() else { return };
    if first.text[0].is_ascii_digit() {
        if first.text.len() > 4 {
            return one_word(first.text, found);
        }
        if let [year, of_year, month, of_month, day, ..] = words
            && of_year.text == "年".as_bytes()
            && of_month.text == "月".as_bytes()
        {
            return found.extend(years(&[year.text, month.text, day.text], Order::Ymd).map(|date| (date, 5)));
        }
    } else if !matches!(first.text.len(), 3..=10) || month_named(first.text).is_none() {
        return;
    }
    let joined = |at: usize| words.get(at).filter(|word| word.joined);
    let (Some(second), Some(mut third)) = (joined(1), joined(2)) else { return };
    // "1st of February 1980", "1 de febrero de 1980"
    let mut parts = [first.text, second.text, third.text];
    let mut taken = 3;
    if matches!(second.text, b"of" | b"de" | b"di") {
        let Some(fourth) = joined(3) else { return };
        (parts[1], parts[2], taken) = (third.text, fourth.text, 4);
        third = fourth;
    }
    if matches!(third.text, b"de" | b"del" | b"di") {
        let Some(next) = joined(taken) else { return };
        (parts[2], taken) = (next.text, taken + 1);
    }
    for order in [Order::Ymd, Order::Dmy, Order::Mdy] {
        found.extend(years(&parts, order).map(|date| (date, taken)));
    }
}

/// Dates without anything between their parts: `19800203`, `03FEB1980`.
fn one_word(word: &[u8], found: &mut Vec<(Date, usize)>) {
    let word = day_alone(word);
    if word.len() == 8 && word.iter().all(u8::is_ascii_digit) {
        let orders = [Order::Ymd, Order::Dmy, Order::Mdy];
        return found.extend(orders.iter().filter_map(|order| packed(word, *order)).map(|date| (date, 1)));
    }
    let is_letter = |octet: &u8| !octet.is_ascii_digit();
    let (Some(from), Some(last)) = (word.iter().position(is_letter), word.iter().rposition(is_letter)) else {
        return;
    };
    let parts = [&word[..from], &word[from..=last], &word[last + 1..]];
    if from <= 2 && month_named(parts[1]).is_some() && matches!(parts[2].len(), 2 | 4) {
        found.extend(years(&parts, Order::Dmy).map(|date| (date, 1)));
    }
}

/// Three parts in an order; a year of two digits may be of either century.
fn years(parts: &[&[u8]; 3], order: Order) -> impl Iterator<Item = Date> {
    let [year_text, month_text, day_text] = arranged(parts, order);
    let two = plain(year_text).filter(|_| year_text.len() <= 2);
    let four = plain(year_text).filter(|_| year_text.len() == 4);
    let month = if month_text[0].is_ascii_digit() {
        plain(month_text).filter(|_| month_text.len() <= 2)
    } else {
        month_named(month_text).map(u16::from)
    };
    let day_text = ordinal(day_alone(day_text));
    let day_of = plain(day_text).filter(|_| day_text.len() <= 2);
    // A name of a month tells the order: day and month first differ in nothing then.
    let named = !month_text[0].is_ascii_digit();
    let candidates = [four, two.map(|year| 1900 + year), two.map(|year| 2000 + year)];
    candidates.into_iter().flatten().filter_map(move |year| {
        if two.is_some() && year_text.len() < 2 || named && order == Order::Ymd && two.is_some() {
            return None;
        }
        day(year, u8::try_from(month?).ok()?, u8::try_from(day_of?).ok()?)
    })
}

fn arranged<'p>(parts: &[&'p [u8]; 3], order: Order) -> [&'p [u8]; 3] {
    let [a, b, c] = *parts;
    match order {
        Order::Ymd => [a, b, c],
        Order::Dmy => [c, b, a],
        Order::Mdy => [c, a, b],
    }
}

fn packed(text: &[u8], order: Order) -> Option<Date> {
    let (a, b, c) = match order {
        Order::Ymd => (&text[..4], &text[4..6], &text[6..]),
        Order::Dmy => (&text[4..], &text[2..4], &text[..2]),
        Order::Mdy => (&text[4..], &text[..2], &text[2..4]),
    };
    day(plain(a)?, u8::try_from(plain(b)?).ok()?, u8::try_from(plain(c)?).ok()?)
}

fn plain(text: &[u8]) -> Option<u16> {
    if text.is_empty() || text.len() > 4 {
        return None;
    }
    text.iter()
        .try_fold(0u16, |all, octet| octet.is_ascii_digit().then(|| all * 10 + u16::from(octet - b'0')))
}

/// `1st` is `1`, and so are `1er`, `1e` and `1º`.
fn ordinal(text: &[u8]) -> &[u8] {
    let ends: [&[u8]; 7] = [b"st", b"nd", b"rd", b"th", b"er", b"e", b"o"];
    ends.iter().find_map(|end| text.strip_suffix(*end)).unwrap_or(text)
}

/// `03T00` is `03`: a time of day behind it is left out.
fn day_alone(text: &[u8]) -> &[u8] {
    let Some(at) = text.iter().rposition(|octet| *octet == b't') else { return text };
    let (day, time) = (&text[..at], text[at + 1..].strip_suffix(b"z").unwrap_or(&text[at + 1..]));
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if digits(day) && digits(time) { day } else { text }
}

/// Whether the words begin with a date in that order.
pub(crate) fn readable(words: &[Word<'_>], order: Order) -> bool {
    match words {
        [one, ..] if one.text.len() == 8 => packed(one.text, order).is_some(),
        [a, b, c, ..] => years(&[a.text, b.text, c.text], order).next().is_some(),
        _ => false,
    }
}

/// The date of a cell, whose column has an order; a time behind it is left out.
pub(crate) fn of_cell(words: &[Word<'_>], order: Option<Order>) -> Vec<Date> {
    let mut found = Vec::new();
    starting(words, &mut found);
    let mut dates: Vec<Date> = found.iter().map(|(date, _)| *date).collect();
    dates.sort_unstable();
    dates.dedup();
    let (Some(order), [first, ..]) = (order, words) else { return dates };
    if dates.len() < 2 {
        return dates;
    }
    if first.text.len() == 8 {
        return packed(first.text, order).into_iter().collect();
    }
    let parts: Vec<&[u8]> = words.iter().take(3).map(|word| word.text).collect();
    let Ok(parts) = <[&[u8]; 3]>::try_from(parts) else { return dates };
    // A year of two digits in a table is the latest that has passed: birthdays lie behind us, terms of contracts not far ahead.
    let in_order: Vec<Date> = years(&parts, order).collect();
    let past = in_order.iter().filter(|date| date.year < 2040).max().copied();
    past.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(text: &str) -> Vec<Date> {
        let words: Vec<Word<'_>> = text
            .split([' ', '.', '/', '-', ','])
            .filter(|word| !word.is_empty())
            .map(|word| Word { text: word.as_bytes(), joined: true })
            .collect();
        let mut found = Vec::new();
        starting(&words, &mut found);
        found.into_iter().map(|(date, _)| date).collect()
    }

    #[test]
    fn people_write_one_day_in_many_ways() {
        let day = Date { year: 1980, month: 2, day: 3 };
        for text in [
            "1980-02-03",
            "03.02.1980",
            "3.2.1980",
            "02/03/1980",
            "3/2/80",
            "2/3/80",
            "3 feb 1980",
            "3rd of february 1980",
            "feb 3, 1980",
            "february 3rd, 1980",
            "3. februar 1980",
            "3 fevrier 1980",
            "3 de febrero de 1980",
            "19800203",
            "03021980",
            "3-feb-80",
            "1980-02-03t00",
            "19800203t000000z",
            "03feb1980",
            "3feb80",
            "3e februari 1980",
            "3er fevrier 1980",
            "3o de febrero de 1980",
        ] {
            assert!(dates(text).contains(&day), "{text}: {:?}", dates(text));
        }
    }

    #[test]
    fn what_is_no_day_is_no_date() {
        for text in
            ["31.02.1980", "1980-13-32", "45 67 89", "12345678", "may be so", "3 foo 1980", "0.0.0000"]
        {
            assert_eq!(dates(text), [], "{text}");
        }
    }

    #[test]
    fn a_column_s_order_decides_what_could_be_two_days() {
        let words: Vec<Word<'_>> =
            ["03", "02", "1980"].map(|text| Word { text: text.as_bytes(), joined: true }).to_vec();
        assert_eq!(of_cell(&words, Some(Order::Dmy)), [Date { year: 1980, month: 2, day: 3 }]);
        assert_eq!(of_cell(&words, Some(Order::Mdy)), [Date { year: 1980, month: 3, day: 2 }]);
        assert_eq!(of_cell(&words, None).len(), 2);
    }
}
