//! Mistakes in a configuration, in words that say what to write instead.

use anyhow::{Error, anyhow};

/// The error of the reader of TOML with its place in the text.
pub(super) fn told(path: &std::path::Path, why: &toml::de::Error) -> Error {
    let (text, said) = (why.to_string(), why.message());
    let place = text.trim_end().strip_suffix(said).unwrap_or_default();
    anyhow!("{}: {place}{}", path.display(), plainer(said).unwrap_or_else(|| said.to_owned()))
}

fn plainer(said: &str) -> Option<String> {
    if let Some(rest) = said.strip_prefix("unknown field ") {
        let mut quoted = rest.split('`').skip(1).step_by(2);
        let name = quoted.next()?;
        return Some(match policy::nearest(name, quoted.clone()) {
            Some(near) => format!("there is no setting `{name}` here; did you mean `{near}`?"),
            None => {
                format!("there is no setting `{name}` here, but: {}", quoted.collect::<Vec<_>>().join(", "))
            }
        });
    }
    if let Some(rest) = said.strip_prefix("unknown variant `") {
        let (found, known) = rest.split_once("`, expected ")?;
        let known = known.strip_prefix("one of ").unwrap_or(known).replace('`', "\"");
        return Some(format!("\"{found}\" is not possible here; write {}", known.replace(" or ", ", ")));
    }
    if let Some(field) = said.strip_prefix("missing field ") {
        return Some(format!("{field} is missing: it must be given here"));
    }
    let rest = said.strip_prefix("invalid type: ").or_else(|| said.strip_prefix("invalid value: "))?;
    let (found, wanted) = rest.split_once(", expected ")?;
    let found = found.replacen("string ", "the text ", 1).replacen("integer ", "the number ", 1);
    Some(format!("{} belongs here, not {}", kind(wanted)?, found.replacen("boolean ", "", 1)))
}

/// What the reader calls by the names of Rust.
fn kind(wanted: &str) -> Option<String> {
    let up_to = |most: u64| Some(format!("a whole number from 0 to {most}"));
    match wanted {
        "u8" => up_to(u8::MAX.into()),
        "u16" => up_to(u16::MAX.into()),
        "u32" => up_to(u32::MAX.into()),
        "u64" | "usize" => Some("a whole number from 0 up (sizes are in octets)".to_owned()),
        "i32" | "i64" => Some("a whole number".to_owned()),
        "a boolean" => Some("true or false".to_owned()),
        "a string" | "path string" => Some("a text between quotes".to_owned()),
        "a sequence" => Some("a list, [ … ],".to_owned()),
        other => other.strip_prefix("struct ").map(|_| "a table of settings".to_owned()),
    }
}

/// A variable that is no setting, but nearly one: nobody means that to be passed over.
pub(super) fn misspelt<'n>(variable: &str, known: impl Iterator<Item = &'n str>) -> Option<Error> {
    let near = known.filter(|name| strsim::levenshtein(name, variable) <= 2).min()?;
    Some(anyhow!("there is no setting for the environment variable {variable}; did you mean {near}?"))
}
