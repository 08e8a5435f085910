//! Response rules as they stand in files.

use std::ops::Range;

use super::amount::{self, Amount, Unit};
use super::keys;
use super::read::{self, At, View, strings};
use crate::diagnostic::{Diagnostics, Place};

/// A response rule file.
#[derive(Debug, Clone)]
pub(crate) struct ResponseRule {
    pub(crate) place: Place,
    pub(crate) name: At<String>,
    pub(crate) when: When,
    pub(crate) modify: Option<Modify>,
    pub(crate) block: Option<Block>,
    pub(crate) redirect: Option<Addresses>,
    pub(crate) copy: Option<Addresses>,
    pub(crate) notify: Vec<Notify>,
    pub(crate) syslog: Vec<Syslog>,
    pub(crate) set_status: Option<At<String>>,
    pub(crate) set_attribute: Vec<(String, String)>,
    pub(crate) limit_retention: Option<(bool, String)>,
}

/// Under which conditions it acts.
#[derive(Debug, Clone, Default)]
pub(crate) struct When {
    pub(crate) severity: AnyNone<At<String>>,
    pub(crate) protocol: AnyNone<At<String>>,
    pub(crate) direction: AnyNone<At<String>>,
    pub(crate) policy: AnyNone<At<PolicyRef>>,
    pub(crate) recipient: AnyNone<At<String>>,
    pub(crate) match_count: Option<At<Amount>>,
}

/// "Is any of", "is none of".
#[derive(Debug, Clone)]
pub(crate) struct AnyNone<T> {
    pub(crate) any: Vec<T>,
    pub(crate) none: Vec<T>,
}

impl<T> Default for AnyNone<T> {
    fn default() -> Self {
        Self { any: Vec::new(), none: Vec::new() }
    }
}

/// A policy by number or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PolicyRef {
    Number(u64),
    Name(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Modify {
    pub(crate) quarantine_connect: Option<At<bool>>,
    pub(crate) headers: Vec<At<String>>,
    pub(crate) prefix: Option<At<String>>,
    pub(crate) suffix: Option<At<String>>,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) text: At<String>,
    pub(crate) code: u16,
    pub(crate) enhanced: Option<At<String>>,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) to: Vec<At<String>>,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Notify {
    pub(crate) to: Vec<At<String>>,
    pub(crate) subject: At<String>,
    pub(crate) text: At<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Syslog {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) level: String,
    pub(crate) format: String,
    pub(crate) message: Option<At<String>>,
}

/// Reads a response rule file.
pub(crate) fn read(place: &Place, out: &mut Diagnostics) -> Option<ResponseRule> {
    let table = read::parse(&place.source, &keys::RESPONSE, place, out)?;
    let view = View::new(table.get_ref(), table.span());
    let retention = view.table("limit_retention");
    Some(ResponseRule {
        place: place.clone(),
        name: view.text("name")?,
        when: view.table("when").map(|when| read_when(&when, place, out)).unwrap_or_default(),
        modify: view.table("modify").map(|modify| read_modify(&modify, view.key_span("modify"))),
        block: view.table("block").and_then(|block| read_block(&block, view.key_span("block"))),
        redirect: addresses(&view, "redirect"),
        copy: addresses(&view, "copy"),
        notify: view.tables("notify").iter().filter_map(read_notify).collect(),
        syslog: view.tables("syslog").iter().map(read_syslog).collect(),
        set_status: view.text("set_status"),
        set_attribute: attributes(&view),
        limit_retention: retention.map(|retention| read_retention(&retention)),
    })
}

fn read_when(view: &View<'_, '_>, place: &Place, out: &mut Diagnostics) -> When {
    let texts = |any: &str, none: &str| AnyNone { any: view.texts(any), none: view.texts(none) };
    When {
        severity: texts("severity", "not_severity"),
        protocol: texts("protocol", "not_protocol"),
        direction: texts("direction", "not_direction"),
        policy: AnyNone { any: policies(view, "policy"), none: policies(view, "not_policy") },
        recipient: texts("recipient", "not_recipient"),
        match_count: amount::read(view, "match_count", Unit::Things, place, out),
    }
}

fn policies(view: &View<'_, '_>, key: &str) -> Vec<At<PolicyRef>> {
    let Some(value) = view.get(key) else { return Vec::new() };
    let mut all: Vec<At<PolicyRef>> = strings(value)
        .into_iter()
        .map(|(name, span)| At::new(PolicyRef::Name(name.to_owned()), span))
        .collect();
    let single = std::slice::from_ref(value);
    let items = value.get_ref().as_array().map_or(single, |items| items);
    all.extend(items.iter().filter_map(|item| {
        let number = item.get_ref().as_integer()?;
        Some(At::new(
            PolicyRef::Number(u64::from_str_radix(number.as_str(), number.radix()).ok()?),
            item.span(),
        ))
    }));
    all
}

fn read_modify(view: &View<'_, '_>, span: Range<usize>) -> Modify {
    let not_empty = |key: &str| view.text(key).filter(|text| !text.value.is_empty());
    Modify {
        quarantine_connect: view.flag("email_quarantine_connect").filter(|flag| flag.value),
        headers: view.texts("headers"),
        prefix: not_empty("subject_prefix"),
        suffix: not_empty("subject_suffix"),
        span,
    }
}

fn read_block(view: &View<'_, '_>, span: Range<usize>) -> Option<Block> {
    let code = view.integer("code").and_then(|code| u16::try_from(code.value).ok());
    Some(Block { text: view.text("text")?, code: code.unwrap_or(550), enhanced: view.text("enhanced"), span })
}

fn addresses(view: &View<'_, '_>, key: &str) -> Option<Addresses> {
    Some(Addresses { to: view.table(key)?.texts("to"), span: view.key_span(key) })
}

fn read_notify(view: &View<'_, '_>) -> Option<Notify> {
    Some(Notify { to: view.texts("to"), subject: view.text("subject")?, text: view.text("text")? })
}

fn read_syslog(view: &View<'_, '_>) -> Syslog {
    let word =
        |key: &str, otherwise: &str| view.text(key).map_or_else(|| otherwise.to_owned(), |word| word.value);
    Syslog {
        host: view.text("host").map(|host| host.value),
        port: view.integer("port").and_then(|port| u16::try_from(port.value).ok()),
        level: word("level", "warning"),
        format: word("format", "cef"),
        message: view.text("message"),
    }
}

fn attributes(view: &View<'_, '_>) -> Vec<(String, String)> {
    let Some(table) = view.table("set_attribute") else { return Vec::new() };
    let pairs = table.table.iter();
    pairs
        .filter_map(|(name, value)| Some((name.get_ref().to_string(), value.get_ref().as_str()?.to_owned())))
        .collect()
}

fn read_retention(view: &View<'_, '_>) -> (bool, String) {
    let discard = view.text("original").is_some_and(|original| original.value == "discard");
    (discard, view.text("attachments").map_or_else(|| "all".to_owned(), |which| which.value))
}
