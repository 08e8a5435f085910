//! The one form of a value, however people write it; cells of a table and texts of mails go through the same functions.

use super::date::Date;

/// Kinds of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Names of people, towns, firms.
    Name,
    /// Any other words, such as a street or a project.
    Text,
    /// A date.
    Date,
    /// A number that stands for something: account, social security, customer.
    Number,
    /// A payment card or another number of 12 digits and more.
    Card,
    /// Letters and digits, such as a passport, an IBAN or a contract.
    Id,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] =
        [Self::Name, Self::Text, Self::Date, Self::Number, Self::Card, Self::Id, Self::Phone, Self::Email];

    /// Stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Text => "text",
            Self::Date => "date",
            Self::Number => "number",
            Self::Card => "card",
            Self::Id => "id",
            Self::Phone => "phone",
            Self::Email => "email",
        }
    }

    /// Whether its values point at few rows each, so that a row can be found by one of them.
    pub(crate) fn points(self) -> bool {
        matches!(self, Self::Number | Self::Card | Self::Id | Self::Phone | Self::Email)
    }
}

/// What a value is once its way of writing is gone. The classes never share a hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Value {
    /// Words in lower case without accents, one space between.
    Words(String),
    /// Two words that begin a longer value; only filters have it.
    Opening(String),
    /// A number: digits without leading zeros and separators.
    Digits(u128),
    /// Letters and digits in upper case without separators.
    Mixed(String),
    /// Lower case.
    Email(String),
    Date(Date),
    /// A telephone number without the country code.
    National(u128),
    /// With it.
    International(u128),
    /// One of unknown country, as it is met with a country code.
    AnyCountry(u128),
}

impl Value {
    /// The octets that are hashed.
    pub(crate) fn octets<'b>(&self, buffer: &'b mut Vec<u8>) -> &'b [u8] {
        buffer.clear();
        match self {
            Self::Words(text) => words(text.as_bytes(), buffer),
            Self::Opening(text) => text_of(2, text.as_bytes(), buffer),
            Self::Digits(number) => number_of(3, *number, buffer),
            Self::Mixed(text) => text_of(4, text.as_bytes(), buffer),
            Self::Email(text) => text_of(5, text.as_bytes(), buffer),
            Self::Date(date) => {
                buffer.push(6);
                buffer.extend_from_slice(&date.year.to_be_bytes());
                buffer.extend_from_slice(&[date.month, date.day]);
            }
            Self::National(number) => number_of(7, *number, buffer),
            Self::International(number) => number_of(8, *number, buffer),
            Self::AnyCountry(number) => number_of(9, *number, buffer),
        }
        buffer
    }

    /// Whether there are so few values of its kind that they can all be tried: its strong hash is made dear.
    pub(crate) fn guessable(&self) -> bool {
        matches!(self, Self::Digits(_) | Self::National(_) | Self::International(_) | Self::AnyCountry(_))
    }

    /// Whether a column of this kind may hold it.
    pub(crate) fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::Words(_) => matches!(kind, Kind::Name | Kind::Text | Kind::Id),
            Self::Opening(_) => false,
            Self::Digits(_) => matches!(kind, Kind::Number | Kind::Card | Kind::Id | Kind::Text),
            Self::Mixed(_) => kind == Kind::Id,
            Self::Email(_) => kind == Kind::Email,
            Self::Date(_) => kind == Kind::Date,
            Self::National(_) | Self::International(_) | Self::AnyCountry(_) => kind == Kind::Phone,
        }
    }
}

/// Octets of [`Value::Words`].
pub(crate) fn words(text: &[u8], buffer: &mut Vec<u8>) {
    text_of(1, text, buffer);
}

fn text_of(class: u8, text: &[u8], buffer: &mut Vec<u8>) {
    buffer.push(class);
    buffer.extend_from_slice(text);
}

fn number_of(class: u8, number: u128, buffer: &mut Vec<u8>) {
    buffer.push(class);
    buffer.extend_from_slice(&number.to_le_bytes());
}

/// The digits of a text as a number; `None` for more than 38 digits.
pub(crate) fn number(digits: impl Iterator<Item = u8>) -> Option<u128> {
    let mut all = 0u128;
    for digit in digits {
        all = all.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
    }
    Some(all)
}

/// How many digits it has.
pub(crate) fn length(number: u128) -> u32 {
    match u64::try_from(number) {
        Ok(0) => 0,
        Ok(small) => small.ilog10() + 1,
        Err(_) => number.ilog10() + 1,
    }
}
