//! Compiles response rules: texts are read, addresses and codes checked, and what would surely not do what was meant is told.

use super::model::{AnyNone, Response, SideEffect, When};
use super::names::Names;
use crate::address::Addresses;
use crate::diagnostic::{Diagnostics, Place};
use crate::respond::template::safe;
use crate::respond::template::{Template, Use};
use crate::syntax::read::{At, nearest};
use crate::syntax::response::{AnyNone as Written, When as WrittenWhen};
use crate::syntax::response::{Block, Modify, Notify, PolicyRef, ResponseRule, Syslog};
use crate::{Direction, Severity};

/// Compiles the rules; `policies` are the numbers and names that `when` may speak of.
pub(crate) fn compile(
    rules: Vec<ResponseRule>,
    policies: &[(u32, String)],
    names: &Names<'_>,
    out: &mut Diagnostics,
) -> Vec<Response> {
    twice(&rules, out);
    rules.iter().map(|rule| Compiler { rule, policies, names, out }.rule()).collect()
}

fn twice(rules: &[ResponseRule], out: &mut Diagnostics) {
    for (at, rule) in rules.iter().enumerate() {
        if let Some(other) = rules[..at].iter().find(|other| other.name.value == rule.name.value) {
            let place = rule.place.at(rule.name.span.clone());
            out.error("E0610", &place, format!("two response rules are called `{}`", rule.name.value))
                .label("used twice")
                .remedy(format!("rename this one or that of {}", other.place.file));
        }
    }
}

struct Compiler<'c> {
    rule: &'c ResponseRule,
    policies: &'c [(u32, String)],
    names: &'c Names<'c>,
    out: &'c mut Diagnostics,
}

impl Compiler<'_> {
    fn rule(&mut self) -> Response {
        let rule = self.rule;
        let when = self.when(&rule.when);
        self.doubts();
        let modify = rule.modify.as_ref();
        Response {
            name: rule.name.value.clone(),
            when,
            quarantine_connect: modify.is_some_and(|modify| modify.quarantine_connect.is_some()),
            headers: modify.map(|modify| self.headers(modify)).unwrap_or_default(),
            prefix: modify
                .and_then(|modify| modify.prefix.as_ref())
                .map(|text| self.one_line(text, Use::Header)),
            suffix: modify
                .and_then(|modify| modify.suffix.as_ref())
                .map(|text| self.one_line(text, Use::Header)),
            block: rule.block.as_ref().map(|block| self.block(block)),
            redirect: rule.redirect.as_ref().map(|to| self.addresses(&to.to)).unwrap_or_default(),
            copy: rule.copy.as_ref().map(|to| self.addresses(&to.to)).unwrap_or_default(),
            effects: self.effects(),
        }
    }

    fn at<T>(&self, value: &At<T>) -> Place {
        self.rule.place.at(value.span.clone())
    }

    // ---- when

    fn when(&mut self, when: &WrittenWhen) -> When {
        let severity = both(&when.severity, |word| Severity::parse(&word.value));
        let protocol = both(&when.protocol, |word| Some(word.value.clone()));
        let direction = both(&when.direction, |word| Direction::parse(&word.value));
        let policy = AnyNone { any: self.numbers(&when.policy.any), none: self.numbers(&when.policy.none) };
        self.never("severity", &severity, &when.severity);
        self.never("protocol", &protocol, &when.protocol);
        self.never("direction", &direction, &when.direction);
        self.never("policy", &policy, &when.policy);
        if protocol.none.contains(&"smtp".to_owned()) && protocol.any.is_empty() {
            self.acts_never(&when.protocol.none[0], "every mail comes by SMTP");
        }
        When {
            severity,
            protocol,
            direction,
            policy,
            recipient: self.recipients(&when.recipient.any),
            not_recipient: self.recipients(&when.recipient.none),
            match_count: when.match_count.as_ref().map(|amount| amount.value),
        }
    }

    fn recipients(&mut self, patterns: &[At<String>]) -> Option<Addresses> {
        (!patterns.is_empty()).then(|| self.names.addresses(patterns, &self.rule.place, self.out))
    }

    fn numbers(&mut self, wanted: &[At<PolicyRef>]) -> Vec<u32> {
        wanted.iter().filter_map(|wanted| self.number(wanted)).collect()
    }

    fn number(&mut self, wanted: &At<PolicyRef>) -> Option<u32> {
        let found = self.policies.iter().find(|(id, name)| match &wanted.value {
            PolicyRef::Number(number) => u64::from(*id) == *number,
            PolicyRef::Name(wanted) => name == wanted,
        });
        if found.is_none() {
            let place = self.at(wanted);
            let known = || self.policies.iter().map(|(_, name)| name.as_str());
            let (what, remedy) = match &wanted.value {
                PolicyRef::Number(number) => (
                    format!("there is no policy {number}"),
                    "write the `id` or the `name` of a policy".to_owned(),
                ),
                PolicyRef::Name(name) => {
                    let close = nearest(name, known()).map(|close| format!("write \"{close}\""));
                    (
                        format!("there is no policy `{name}`"),
                        close.unwrap_or_else(|| "write the `id` or the `name` of a policy".to_owned()),
                    )
                }
            };
            self.out.error("E0609", &place, what).label("unknown").remedy(remedy);
        }
        found.map(|(id, _)| *id)
    }

    /// Every value that is asked for is also refused.
    fn never<T: PartialEq, W>(&mut self, key: &str, compiled: &AnyNone<T>, written: &Written<At<W>>) {
        let all_refused =
            !compiled.any.is_empty() && compiled.any.iter().all(|value| compiled.none.contains(value));
        if let Some(first) = written.none.first().filter(|_| all_refused) {
            self.acts_never(first, &format!("`{key}` and `not_{key}` leave nothing"));
        }
    }

    fn acts_never<T>(&mut self, at: &At<T>, why: &str) {
        let place = self.at(at);
        self.out
            .warn("W0604", &place, format!("the response rule `{}` never acts", self.rule.name.value))
            .label(why)
            .remedy("take one of the two away");
    }

    // ---- what it does to the mail

    fn headers(&mut self, modify: &Modify) -> Vec<(String, Template)> {
        modify.headers.iter().filter_map(|line| self.header(line)).collect()
    }

    fn header(&mut self, line: &At<String>) -> Option<(String, Template)> {
        let place = self.at(line);
        let named = line.value.split_once(':').map(|(name, value)| (name.trim_end(), value.trim()));
        let is_name = |name: &str| {
            !name.is_empty() && name.len() <= 76 && name.bytes().all(|octet| octet.is_ascii_graphic())
        };
        let Some((name, value)) = named.filter(|(name, value)| is_name(name) && !value.is_empty()) else {
            self.out
                .error("E0601", &place, "this is no header line")
                .label("needs a name, a colon and a value (RFC 5322 2.2)")
                .remedy("write \"X-Project: value\"");
            return None;
        };
        if let Some((why, remedy)) = protected(name) {
            self.out
                .error("E0602", &place, format!("the header `{name}` cannot be added: {why}"))
                .label("not this one")
                .remedy(remedy);
        }
        self.refuse_controls(line);
        Some((name.to_owned(), Template::parse(value, Use::Header, &place, self.out)))
    }

    fn refuse_controls(&mut self, text: &At<String>) {
        if text.value.trim_end_matches(['\r', '\n']).contains(char::is_control) {
            let place = self.at(text);
            self.out
                .error("E0604", &place, "the text must be one line without control characters")
                .label("has a line end, a tab or another control character")
                .remedy("write it in one line");
        }
    }

    fn one_line(&mut self, text: &At<String>, what: Use) -> Template {
        self.refuse_controls(text);
        Template::parse(&text.value, what, &self.at(text), self.out)
    }

    fn block(&mut self, block: &Block) -> (u16, String, Template) {
        let default = At::new("5.7.1".to_owned(), block.span.clone());
        let enhanced = block.enhanced.as_ref().unwrap_or(&default);
        self.enhanced(block.code, enhanced);
        if block.text.value.len() > safe::REPLY || !block.text.value.is_ascii() {
            let place = self.at(&block.text);
            let (what, remedy) = if block.text.value.is_ascii() {
                (
                    format!("the text is longer than {} characters", safe::REPLY),
                    "shorten it: replies are one line of 512 octets",
                )
            } else {
                (
                    "the text has characters outside ASCII".to_owned(),
                    "write it in ASCII: replies that all mail servers read have no others, accents are taken off",
                )
            };
            self.out.warn("W0605", &place, what).label("will be changed").remedy(remedy);
        }
        (block.code, enhanced.value.trim().to_owned(), self.one_line(&block.text, Use::Reply))
    }

    /// `class.subject.detail` of RFC 3463; a permanent reply has class 5.
    fn enhanced(&mut self, code: u16, enhanced: &At<String>) {
        let number =
            |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
        let parts: Vec<&str> = enhanced.value.trim().split('.').collect();
        let form = parts.len() == 3 && parts.iter().all(number);
        let (what, remedy) = match (form, parts.first().copied()) {
            (true, Some("5")) => return,
            (true, Some(class)) => (
                format!("class {class} does not go with the code {code}"),
                format!("write \"5.{}.{}\"", parts[1], parts[2]),
            ),
            _ => (
                format!("`{}` is no enhanced status code", enhanced.value),
                "write three numbers such as \"5.7.1\" (RFC 3463)".to_owned(),
            ),
        };
        let place = self.at(enhanced);
        self.out.error("E0606", &place, what).label("cannot be sent").remedy(remedy);
    }

    fn addresses(&mut self, written: &[At<String>]) -> Vec<String> {
        for address in written.iter().filter(|address| !safe::is_address(address.value.trim())) {
            self.bad_address(address, "write one address, such as \"review@example.com\"");
        }
        written.iter().map(|address| address.value.trim().to_owned()).collect()
    }

    fn bad_address(&mut self, address: &At<String>, remedy: &str) {
        let place = self.at(address);
        self.out
            .error("E0605", &place, format!("`{}` is no address", address.value))
            .label("nothing can be sent there")
            .remedy(remedy);
    }

    // ---- side effects

    fn effects(&mut self) -> Vec<SideEffect> {
        let rule = self.rule;
        let mut all: Vec<SideEffect> = rule.notify.iter().map(|notify| self.notify(notify)).collect();
        all.extend(rule.syslog.iter().map(|syslog| self.syslog(syslog)));
        all.extend(rule.set_status.iter().map(|status| SideEffect::Status(status.value.trim().to_owned())));
        all.extend(rule.set_attribute.iter().map(|(name, value)| {
            SideEffect::Attribute(name.clone(), Template::parse(value, Use::Effect, &rule.place, self.out))
        }));
        all.extend(rule.limit_retention.iter().map(|(discard_original, attachments)| {
            SideEffect::Retention { discard_original: *discard_original, attachments: attachments.clone() }
        }));
        all
    }

    fn notify(&mut self, notify: &Notify) -> SideEffect {
        let to = notify.to.iter().map(|to| {
            let written = to.value.trim();
            if !written.contains('$') && !safe::is_address(written) {
                self.bad_address(to, "write one address, $SENDER$ or $RECIPIENTS$");
            }
            Template::parse(written, Use::Addresses, &self.at(to), self.out)
        });
        SideEffect::Notify {
            to: to.collect(),
            subject: self.one_line(&notify.subject, Use::Effect),
            text: Template::parse(&notify.text.value, Use::Effect, &self.at(&notify.text), self.out),
        }
    }

    fn syslog(&mut self, syslog: &Syslog) -> SideEffect {
        let message = match &syslog.message {
            Some(message) => self.one_line(message, Use::Effect),
            None => Template::parse("", Use::Effect, &self.rule.place, self.out),
        };
        SideEffect::Syslog {
            host: syslog.host.clone(),
            port: syslog.port,
            level: syslog.level.clone(),
            format: syslog.format.clone(),
            message,
        }
    }

    // ---- what is surely not meant

    fn doubts(&mut self) {
        let rule = self.rule;
        if self.does_nothing() {
            let span = rule.modify.as_ref().map_or(rule.name.span.clone(), |modify| modify.span.clone());
            self.out
                .error("E0611", &rule.place.at(span), format!("the response rule `{}` does nothing", rule.name.value))
                .label("no action")
                .remedy("add modify, block, redirect, copy, notify, syslog, set_status, set_attribute or limit_retention");
        }
        if let Some(block) = &rule.block {
            self.beside_block(block);
        }
        if let Some(modify) = &rule.modify {
            self.modify_doubts(modify);
        }
    }

    fn does_nothing(&self) -> bool {
        let rule = self.rule;
        let modifies = rule.modify.as_ref().is_some_and(|modify| {
            modify.quarantine_connect.is_some()
                || !modify.headers.is_empty()
                || modify.prefix.is_some()
                || modify.suffix.is_some()
        });
        let on_mail = modifies || rule.block.is_some() || rule.redirect.is_some() || rule.copy.is_some();
        let effects = !rule.notify.is_empty() || !rule.syslog.is_empty() || !rule.set_attribute.is_empty();
        !on_mail && !effects && rule.set_status.is_none() && rule.limit_retention.is_none()
    }

    fn beside_block(&mut self, block: &Block) {
        let rule = self.rule;
        let others = [
            ("modify", rule.modify.as_ref().map(|modify| &modify.span)),
            ("redirect", rule.redirect.as_ref().map(|to| &to.span)),
            ("copy", rule.copy.as_ref().map(|to| &to.span)),
        ];
        for (key, span) in others.into_iter().filter_map(|(key, span)| Some((key, span?))) {
            self.out
                .warn("W0603", &rule.place.at(span.clone()), format!("`{key}` never happens beside `block`"))
                .label("a refused mail goes nowhere")
                .context(block.span.clone(), "refuses the mail")
                .remedy("write two response rules with different `when`, or take one away");
        }
    }

    fn modify_doubts(&mut self, modify: &Modify) {
        // What comes with Weir says so in its description.
        let built_in = self.rule.place.file.starts_with("builtin/");
        let subject = modify.prefix.as_ref().or(modify.suffix.as_ref()).filter(|_| !built_in);
        if let Some(text) = subject {
            let place = self.at(text);
            self.out
                .warn("W0601", &place, "a changed subject breaks most DKIM signatures")
                .label("the subject is usually signed")
                .remedy("add a header line instead (headers = [\"X-DLP-Result: found\"]), or use it only where no signature leaves the house");
        }
        let changes_more = !modify.headers.is_empty() || modify.prefix.is_some() || modify.suffix.is_some();
        if let Some(connect) = modify.quarantine_connect.as_ref().filter(|_| changes_more) {
            let place = self.at(connect);
            self.out
                .warn("W0602", &place, "Email Quarantine Connect beside other changes")
                .label("released mail keeps the other changes")
                .remedy("let a rule of its own do the other changes, for mail that is not held");
        }
    }
}

fn both<W, T>(written: &Written<At<W>>, of: impl Fn(&At<W>) -> Option<T>) -> AnyNone<T> {
    AnyNone {
        any: written.any.iter().filter_map(&of).collect(),
        none: written.none.iter().filter_map(&of).collect(),
    }
}

/// Headers that are not for rules to add: why, and what to do instead.
fn protected(name: &str) -> Option<(&'static str, &'static str)> {
    const ORIGIN: &[&str] = &[
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "return-path",
        "received",
        "delivered-to",
    ];
    const SIGNED: &[&str] =
        &["dkim-signature", "authentication-results", "received-spf", "domainkey-signature"];
    let name = name.to_ascii_lowercase();
    let own = "write a name of your own that begins with X-";
    match name.as_str() {
        "subject" => Some(("a mail has one subject", "use subject_prefix or subject_suffix")),
        "x-dlp-uniquemsgid" | "x-dlp-policyid" => {
            Some(("it belongs to Email Quarantine Connect", "write email_quarantine_connect = true"))
        }
        "x-cfilter-loop" => {
            Some(("it is the pass header", "set the pass header in the server's configuration"))
        }
        name if ORIGIN.contains(&name) || name.starts_with("resent-") => {
            Some(("it says where the mail comes from and goes", own))
        }
        name if SIGNED.contains(&name) || name.starts_with("arc-") => {
            Some(("it says who vouches for the mail", own))
        }
        name if name.starts_with("content-") || name == "mime-version" => {
            Some(("it says how to read the mail", own))
        }
        _ => None,
    }
}
