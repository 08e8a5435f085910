//! Parameters of MAIL and RCPT (RFC 5321 4.1.2): kept in order and verbatim, those that we know checked for syntax.

use crate::xclient::is_xtext;

/// `KEYWORD` or `KEYWORD=value`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Param {
    /// In upper case.
    pub keyword: String,
    /// As written.
    pub value: Option<String>,
}

/// Why a parameter cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadParam {
    /// Not a keyword, an empty value, or an octet that may not be in one.
    #[error("not KEYWORD or KEYWORD=value")]
    Form,
    /// The value does not fit the keyword.
    #[error("bad value")]
    Value,
    /// The same keyword twice.
    #[error("keyword given twice")]
    Twice,
    /// More parameters than the limit.
    #[error("too many parameters")]
    TooMany,
}

/// Value of the first parameter of that keyword.
pub(super) fn value<'p>(params: &'p [Param], keyword: &str) -> Option<&'p str> {
    params.iter().find(|param| param.keyword == keyword)?.value.as_deref()
}

/// Reads ` A=1 B`: what follows a path. One or more spaces separate.
pub(super) fn parse(text: &[u8], most: usize) -> Result<Vec<Param>, BadParam> {
    let mut params: Vec<Param> = Vec::new();
    for word in text.split(|octet| *octet == b' ').filter(|word| !word.is_empty()) {
        let param = one(word)?;
        if params.iter().any(|other| other.keyword == param.keyword) {
            return Err(BadParam::Twice);
        }
        if params.len() >= most {
            return Err(BadParam::TooMany);
        }
        params.push(param);
    }
    Ok(params)
}

fn one(word: &[u8]) -> Result<Param, BadParam> {
    let (keyword, value) = match memchr::memchr(b'=', word) {
        Some(equals) => (&word[..equals], Some(&word[equals + 1..])),
        None => (word, None),
    };
    let is_keyword = keyword.first().is_some_and(u8::is_ascii_alphanumeric)
        && keyword.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
    let is_value = |value: &[u8]| {
        !value.is_empty() && value.iter().all(|octet| *octet != b'=' && (*octet > b' ' && *octet != 0x7f))
    };
    if !is_keyword || !value.is_none_or(is_value) {
        return Err(BadParam::Form);
    }
    let text = |octets: &[u8]| std::str::from_utf8(octets).map(str::to_owned).map_err(|_| BadParam::Form);
    Ok(Param { keyword: text(keyword)?.to_ascii_uppercase(), value: value.map(text).transpose()? })
}

/// Checks the value of a parameter of MAIL that we know. Unknown ones are for the driver to refuse.
pub(super) fn check_mail(param: &Param) -> Result<(), BadParam> {
    let value = param.value.as_deref();
    let good = match param.keyword.as_str() {
        // RFC 1870 6.1: 1 to 20 digits; a number that is too great is refused for its size, not for its form.
        "SIZE" => value.is_some_and(|v| v.len() <= 20 && v.bytes().all(|octet| octet.is_ascii_digit())),
        "BODY" => value.is_some_and(|v| is_one_of(v, &["7BIT", "8BITMIME"])),
        "RET" => value.is_some_and(|v| is_one_of(v, &["FULL", "HDRS"])),
        "ENVID" => value.is_some_and(|v| v.len() <= 100 && is_xtext(v)),
        "SMTPUTF8" => value.is_none(),
        _ => true,
    };
    if good { Ok(()) } else { Err(BadParam::Value) }
}

/// Checks the value of a parameter of RCPT that we know (RFC 3461 4.1, 4.2; RFC 6533 3).
pub(super) fn check_rcpt(param: &Param) -> Result<(), BadParam> {
    let value = param.value.as_deref();
    let good = match param.keyword.as_str() {
        "NOTIFY" => value.is_some_and(is_notify),
        "ORCPT" => value.is_some_and(is_orcpt),
        _ => true,
    };
    if good { Ok(()) } else { Err(BadParam::Value) }
}

fn is_one_of(value: &str, words: &[&str]) -> bool {
    words.iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn is_notify(value: &str) -> bool {
    value.eq_ignore_ascii_case("NEVER")
        || value.split(',').all(|word| is_one_of(word, &["SUCCESS", "FAILURE", "DELAY"]))
}

fn is_orcpt(value: &str) -> bool {
    let Some((kind, address)) = value.split_once(';') else { return false };
    let kind_is_atom = !kind.is_empty() && kind.bytes().all(|o| o.is_ascii_alphanumeric() || o == b'-');
    let address_is_good = if kind.eq_ignore_ascii_case("utf-8") {
        // utf-8-address (RFC 6533 3): characters as they are or as \x{HEX}; no spaces or controls came this far.
        !address.is_empty()
    } else {
        is_xtext(address)
    };
    value.len() <= 500 && kind_is_atom && !address.is_empty() && address_is_good
}
