//! `[prevent.notices]` and `[prevent.syslog]`, and Enforce's of the same form: where side effects go, checked before anything starts.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use policy::{Mode, Set, SourceFile};
use prevent::{
    EffectSettings, Mailer, NoticeSettings, Protocol, Submission, SubmissionTls, SyslogSettings, SyslogTls,
};

use crate::config::{Enforce, Notices, Prevent, Syslog, SyslogProtocol, TlsMode};
use crate::policies;

/// Port of mail submission (RFC 6409).
const SUBMISSION: u16 = 587;
/// Waiting for each answer of the submission host.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a detection server's side effects are done.
pub(crate) fn settings(config: &Prevent, hostname: &str) -> Result<EffectSettings> {
    ensure!(
        config.notices.submission.is_empty() || config.notices.submission != config.listen,
        "[prevent.notices] submission is the address we listen on: notices would be inspected again, and be answered by notices"
    );
    Ok(EffectSettings {
        notices: notices(&config.notices, hostname).context("[prevent.notices]")?,
        syslog: syslog(&config.syslog).context("[prevent.syslog]")?,
        snapshot_url: given(&config.incident_url),
        ..EffectSettings::default()
    })
}

/// How Enforce's side effects are done.
pub(crate) fn of_enforce(config: &Enforce, hostname: &str) -> Result<EffectSettings> {
    Ok(EffectSettings {
        notices: notices(&config.notices, hostname).context("[enforce.notices]")?,
        syslog: syslog(&config.syslog).context("[enforce.syslog]")?,
        ..EffectSettings::default()
    })
}

fn notices(notices: &Notices, hostname: &str) -> Result<Option<NoticeSettings>> {
    if notices.submission.is_empty() {
        return Ok(None);
    }
    let (host, port) = host_and_port(&notices.submission)
        .with_context(|| format!("submission = {:?}", notices.submission))?;
    ensure!(!notices.from.is_empty(), "from is missing: notices need an address to come from");
    let limits = [notices.per_recipient_per_hour, notices.per_hour];
    ensure!(limits.iter().all(|limit| *limit > 0), "per_recipient_per_hour and per_hour must be at least 1");
    let submission = Submission {
        host,
        port: port.unwrap_or(SUBMISSION),
        tls: match notices.tls {
            TlsMode::Off => SubmissionTls::Off,
            TlsMode::Opportunistic => SubmissionTls::Opportunistic,
            TlsMode::Required => SubmissionTls::Required,
            TlsMode::Implicit => SubmissionTls::Implicit,
        },
        ca: given_path(&notices.ca),
        tls_name: given(&notices.tls_name),
        credentials: credentials(notices)?,
        from: notices.from.clone(),
        envelope_from: given(&notices.envelope_from),
        helo: hostname.to_owned(),
        timeout: PATIENCE,
    };
    Ok(Some(NoticeSettings {
        mailer: Mailer::new(&submission).map_err(|why| anyhow!(why))?,
        per_recipient_per_hour: notices.per_recipient_per_hour,
        per_hour: notices.per_hour,
    }))
}

fn credentials(notices: &Notices) -> Result<Option<(String, String)>> {
    if notices.user.is_empty() {
        return Ok(None);
    }
    let secret = std::fs::read_to_string(&notices.secret_file)
        .with_context(|| format!("cannot read the secret {}", notices.secret_file.display()))?;
    Ok(Some((notices.user.clone(), secret.trim_end_matches(['\r', '\n']).to_owned())))
}

fn syslog(syslog: &Syslog) -> Result<SyslogSettings> {
    let protocol = match syslog.protocol {
        SyslogProtocol::Udp => Protocol::Udp,
        SyslogProtocol::Tcp => Protocol::Tcp,
        SyslogProtocol::Tls => {
            let ca = given_path(&syslog.ca);
            Protocol::Tls(SyslogTls::load(ca.as_deref()).map_err(|why| anyhow!(why))?)
        }
    };
    if syslog.host.is_empty() {
        return Ok(SyslogSettings { host: None, port: None, protocol });
    }
    let (host, port) = host_and_port(&syslog.host).with_context(|| format!("host = {:?}", syslog.host))?;
    Ok(SyslogSettings { host: Some(host), port, protocol })
}

/// `HOST`, `HOST:PORT` or `[V6]:PORT`.
fn host_and_port(text: &str) -> Result<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').context("behind ] comes :PORT")?)),
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0).context("the port is none"));
    ensure!(!host.is_empty() && !host.contains(char::is_whitespace), "the host is missing");
    Ok((host.to_owned(), port.transpose()?))
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn given_path(path: &Path) -> Option<std::path::PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}

// ---- what rules order

/// Says which rules order what cannot be done, before the first mail meets one.
pub(crate) fn warn_of_orders_without_a_place(config: &Prevent, set: &Set) {
    let sources = match config.policies.as_os_str().is_empty() {
        true => policies::built_in_sources(),
        false => Set::read_directory(&config.policies).0,
    };
    for (rule, what) in without_a_place(config, set, &sources) {
        tracing::warn!(rule, "{what}");
    }
}

/// Rules that a policy in force names, and what they lack.
fn without_a_place(config: &Prevent, set: &Set, sources: &[SourceFile]) -> Vec<(String, &'static str)> {
    let in_force = |name: &str| {
        let mut on = set.policies().iter().filter(|policy| policy.mode == Mode::On);
        on.any(|policy| policy.respond.iter().any(|rule| rule == name))
    };
    let mut found = Vec::new();
    for rule in sources.iter().filter_map(|source| toml::from_str::<toml::Table>(&source.text).ok()) {
        let Some(name) = rule.get("name").and_then(toml::Value::as_str).filter(|name| in_force(name)) else {
            continue;
        };
        let orders = |key: &str| rule.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
        if config.notices.submission.is_empty() && !orders("notify").is_empty() {
            let what =
                "the rule orders notices, and there is no submission host: set [prevent.notices] submission";
            found.push((name.to_owned(), what));
        }
        if config.syslog.host.is_empty() && orders("syslog").iter().any(|order| order.get("host").is_none()) {
            let what =
                "the rule logs to the server's syslog host, and there is none: set [prevent.syslog] host";
            found.push((name.to_owned(), what));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(notices: Notices) -> Result<EffectSettings> {
        settings(&Prevent { notices, ..Prevent::default() }, "mx.company.example")
    }

    fn notices() -> Notices {
        Notices {
            submission: "127.0.0.1:587".into(),
            from: "Weir <weir@company.example>".into(),
            tls: TlsMode::Off,
            ..Notices::default()
        }
    }

    #[test]
    fn hosts_are_read_with_and_without_a_port() {
        for (text, host, port) in [
            ("mail.example", "mail.example", None),
            ("mail.example:25", "mail.example", Some(25)),
            ("[::1]:25", "::1", Some(25)),
            ("[::1]", "::1", None),
            ("::1", "::1", None),
        ] {
            assert_eq!(host_and_port(text).unwrap(), (host.to_owned(), port), "{text}");
        }
        for wrong in ["", ":25", "mail.example:0", "mail.example:x", "[::1]25", "two words"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_with_notices_is_said_before_anything_starts() {
        assert!(with(notices()).unwrap().notices.is_some());
        assert!(with(Notices::default()).unwrap().notices.is_none());
        let wrong = |notices| format!("{:#}", with(notices).unwrap_err());
        assert!(wrong(Notices { from: String::new(), ..notices() }).contains("from is missing"));
        assert!(wrong(Notices { from: "nobody".into(), ..notices() }).contains("nobody"));
        assert!(
            wrong(Notices { submission: Prevent::default().listen, ..notices() }).contains("inspected again")
        );
        assert!(wrong(Notices { per_hour: 0, ..notices() }).contains("at least 1"));
        let secret = tempfile::NamedTempFile::new().unwrap();
        let clear = Notices { user: "weir".into(), secret_file: secret.path().to_owned(), ..notices() };
        assert!(wrong(clear).contains("never travels in clear"));
    }

    #[test]
    fn rules_in_force_that_order_what_cannot_be_done_are_named() {
        let source = |name: &str, text: &str| SourceFile::new(name, text);
        let policy = |id: u32, mode: &str, rule: &str| {
            source(
                &format!("tests/p{id}.toml"),
                &format!(
                    "id = {id}\nname = \"P{id}\"\nfamily = \"Tests\"\nmode = \"{mode}\"\nseverity = \"high\"\nrespond = [\"{rule}\"]\n\
                     [[rule]]\nname = \"word\"\nkeywords = [\"topsecret\"]\n"
                ),
            )
        };
        let tell =
            "[[notify]]\nto = [\"$SENDER$\"]\nsubject = \"s\"\ntext = \"t\"\n[[syslog]]\nformat = \"cef\"\n";
        let sources = [
            source("responses/tell.toml", &format!("name = \"Tell\"\n{tell}")),
            source("responses/idle.toml", &format!("name = \"Idle\"\n{tell}")),
            policy(1, "on", "Tell"),
            policy(2, "trial", "Idle"),
        ];
        let set = Set::load_files(&sources).unwrap().set;
        let rules = |config: &Prevent| -> Vec<String> {
            without_a_place(config, &set, &sources).into_iter().map(|(rule, _)| rule).collect()
        };
        assert_eq!(rules(&Prevent::default()), ["Tell", "Tell"]);
        assert_eq!(rules(&Prevent { notices: notices(), ..Prevent::default() }), ["Tell"]);
    }
}
