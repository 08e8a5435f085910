//! `[prevent]` of the configuration becomes the detection server's settings: read, checked against what it would do to mail, refused
//! with a remedy.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use prevent::{IdKey, Mode as Way, RefusedCopy as Copies, Settings};
use smtp::cidr::Cidr;
use smtp::client::{Auth, HopConfig, HopTimeouts, HopTls};
use smtp::command::Domain;
use smtp::mx::Target;
use smtp::server::{LineEndRule, LineEnds, ServerConfig, ServerTls, Timeouts};
use smtp::tls::{Acceptor, CertificateFiles, Connector, Trust};

use crate::config::{self, LineEnd, Mode, Prevent, RefusedCopy, TlsMode};
use crate::{effects, keys};

/// From the final dot to our reply: a sender waits for ten minutes (RFC 5321 4.5.3.2.6).
const SENDER_PATIENCE: Duration = Duration::from_secs(570);
/// No wait of a session is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The settings, with the data directory and the key made where they are not there yet.
pub(crate) fn settings(config: &Prevent) -> Result<Settings> {
    // Everything that can be wrong is looked at before anything is made.
    checked_settings(config, IdKey::new([0; 32]))?;
    let spool_dir = spool_dir(config);
    for dir in [&config.data, &spool_dir] {
        std::fs::create_dir_all(dir)
            .with_context(|| format!("cannot make the directory {}", dir.display()))?;
    }
    let (id_key, old_id_keys) = keys::unique_id_keys(&config.data)?;
    Ok(Settings { old_id_keys, ..checked_settings(config, id_key)? })
}

fn spool_dir(config: &Prevent) -> PathBuf {
    config.data.join("spool")
}

/// The settings, with nothing made; the key of unique ids stands for one that may not be there yet.
pub(crate) fn checked_settings(config: &Prevent, id_key: IdKey) -> Result<Settings> {
    let port = config.listen.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    port.with_context(|| format!("listen = {:?} is not ADDRESS:PORT", config.listen))?;
    check_times(&config.timeouts)?;
    check_enforce(&config.enforce)?;
    let hostname = hostname(config)?;
    let limits = &config.limits;
    Ok(Settings {
        server_name: hostname.clone(),
        smtp: Arc::new(smtp_config(config, &hostname)?),
        mode: mode(config)?,
        hop: hop_config(config, &hostname)?,
        allowed_hosts: allowed_hosts(config)?,
        max_sessions: at_least_one("limits.sessions", limits.sessions)?,
        max_sessions_per_address: at_least_one("limits.sessions_per_address", limits.sessions_per_address)?,
        max_received: at_least_one("limits.received_lines", limits.received_lines)?,
        memory_per_message: limits.memory_per_message,
        memory_for_inspection: limits.memory_for_inspection,
        sender_patience: SENDER_PATIENCE,
        spool_dir: spool_dir(config),
        inspection_deadline: config.timeouts.inspection.0,
        inspection_wait: config.timeouts.inspection_wait.0,
        // While a worker opens a document, its inspector waits: with one a processor, processors would wait too.
        inspectors: if limits.inspectors > 0 { limits.inspectors } else { 2 * or_processors(0) },
        content: content::Limits::default(),
        passwords: config.passwords.clone(),
        trial: config.trial,
        break_glass: config.break_glass,
        milter_holds: config.milter_hold,
        pass_header: pass_header(&config.pass_header)?,
        refused_copy: match config.refused_copy {
            RefusedCopy::Defer => Copies::Defer,
            RefusedCopy::PassAndRecord => Copies::PassAndRecord,
        },
        id_key,
        old_id_keys: Vec::new(),
        effects: effects::settings(config, &hostname)?,
        shutdown_grace: config.timeouts.shutdown.0,
    })
}

/// The configured name; without one the machine's, where that is a name for EHLO.
fn hostname(config: &Prevent) -> Result<String> {
    let is_name = |name: &str| name.is_ascii() && Domain::parse(name.as_bytes()).is_some();
    if !config.hostname.is_empty() {
        ensure!(
            is_name(&config.hostname),
            "hostname = {:?} is no name for EHLO; write one such as \"mx.company.example\"",
            config.hostname
        );
        return Ok(config.hostname.clone());
    }
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Ok(Some(name.trim()).filter(|name| is_name(name)).unwrap_or("localhost").to_owned())
}

/// A wait of nothing ends each session at once, or has each message "not inspected in time".
fn check_times(times: &config::Timeouts) -> Result<()> {
    for (key, time) in [
        ("command", times.command),
        ("data_block", times.data_block),
        ("data_total", times.data_total),
        ("inspection", times.inspection),
        ("connect", times.connect),
        ("hop_reply", times.hop_reply),
        ("hop_final", times.hop_final),
    ] {
        ensure!(!time.0.is_zero(), "timeouts.{key} must be more than 0; write for example \"30s\" or \"5m\"");
        ensure!(time.0 <= LONGEST_WAIT, "timeouts.{key} must be 24h at most");
    }
    ensure!(times.shutdown.0 <= LONGEST_WAIT, "timeouts.shutdown must be 24h at most");
    ensure!(
        times.inspection.0.saturating_add(times.inspection_wait.0) < SENDER_PATIENCE,
        "timeouts.inspection and timeouts.inspection_wait must be under {}s together: no sender waits longer for its answer",
        SENDER_PATIENCE.as_secs()
    );
    Ok(())
}

fn check_enforce(url: &str) -> Result<()> {
    let host = url.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
    ensure!(
        url.is_empty() || host.is_some_and(|host| !host.is_empty()),
        "enforce = {url:?}: write https://HOST:PORT (usually port 8100)"
    );
    Ok(())
}

fn allowed_hosts(config: &Prevent) -> Result<Vec<Cidr>> {
    ensure!(
        !config.allowed_hosts.is_empty(),
        "allowed_hosts is empty: every sender would be refused (554); name the hosts that send mail here, or leave it out for this machine alone"
    );
    cidrs("allowed_hosts", &config.allowed_hosts)
}

fn smtp_config(config: &Prevent, hostname: &str) -> Result<ServerConfig> {
    let times = &config.timeouts;
    Ok(ServerConfig {
        hostname: hostname.to_owned(),
        banner: "ESMTP Weir".to_owned(),
        tls: server_tls(config)?,
        line_ends: LineEnds {
            bare_lf: rule(config.line_ends.bare_lf),
            bare_cr: rule(config.line_ends.bare_cr),
            nul: rule(config.line_ends.nul),
        },
        max_size: at_least_one("limits.message_size", config.limits.message_size)?,
        max_recipients: at_least_one("limits.recipients", config.limits.recipients)?,
        max_errors: at_least_one("limits.errors", config.limits.errors)?,
        timeouts: Timeouts {
            command: times.command.0,
            data_block: times.data_block.0,
            data_total: times.data_total.0,
            ..Timeouts::default()
        },
        xclient_hosts: cidrs("xclient_hosts", &config.xclient_hosts)?,
        xforward_hosts: cidrs("xforward_hosts", &config.xforward_hosts)?,
        proxy_protocol_hosts: cidrs("proxy_protocol_hosts", &config.proxy_protocol_hosts)?,
        ..ServerConfig::default()
    })
}

fn mode(config: &Prevent) -> Result<Way> {
    match config.mode {
        Mode::Reflect => {
            ensure!(
                config.resubmit_port > 0,
                "resubmit_port must be the port where your mail server takes inspected mail (usually 10026)"
            );
            Ok(Way::Reflect { resubmit_port: config.resubmit_port })
        }
        Mode::Forward => {
            ensure!(
                // An MTA that asks by milter keeps its mail: nothing needs to go on.
                !config.next_hop.is_empty() || !config.milter_listen.is_empty(),
                "forwarding needs a next hop: give --next-hop HOST:PORT or mx:DOMAIN, or next_hop = [\"HOST:PORT\"] in [prevent]"
            );
            let hops = config
                .next_hop
                .iter()
                .map(|hop| target(hop, config.resubmit_port))
                .collect::<Result<Vec<_>>>()?;
            Ok(Way::Forward { hops })
        }
    }
}

fn target(text: &str, default_port: u16) -> Result<Target> {
    Target::parse(text, default_port)
        .map_err(|why| anyhow!("next_hop {text:?}: {why}; write HOST:PORT or mx:DOMAIN"))
}

fn hop_config(config: &Prevent, hostname: &str) -> Result<HopConfig> {
    let tls = &config.next_hop_tls;
    let hop_tls = match tls.mode {
        TlsMode::Off => HopTls::Off,
        TlsMode::Opportunistic => HopTls::Opportunistic(connector(config)?),
        TlsMode::Required => HopTls::Required(connector(config)?),
        TlsMode::Implicit => HopTls::Implicit(connector(config)?),
    };
    let times = &config.timeouts;
    Ok(HopConfig {
        host: String::new(),
        port: 0,
        tls: hop_tls,
        auth: hop_auth(config)?,
        helo: hostname.to_owned(),
        timeouts: HopTimeouts {
            connect: times.connect.0,
            greeting: times.hop_reply.0,
            command: times.hop_reply.0,
            data_init: times.hop_reply.0,
            data_block: times.data_block.0,
            data_final: times.hop_final.0,
            ..HopTimeouts::default()
        },
    })
}

fn hop_auth(config: &Prevent) -> Result<Option<Auth>> {
    let auth = &config.next_hop_auth;
    if auth.user.is_empty() {
        return Ok(None);
    }
    ensure!(
        matches!(config.next_hop_tls.mode, TlsMode::Required | TlsMode::Implicit),
        "next_hop_auth needs next_hop_tls.mode = \"required\" or \"implicit\": a password never travels in clear"
    );
    let auth = Auth::from_file(&auth.user, &auth.secret_file);
    auth.map(Some)
        .with_context(|| format!("cannot read the secret {}", config.next_hop_auth.secret_file.display()))
}

fn connector(config: &Prevent) -> Result<Connector> {
    let tls = &config.next_hop_tls;
    let trust = match (tls.verify, given(&tls.ca)) {
        (false, _) => Trust::Anyone,
        (true, Some(file)) => Trust::File(file),
        (true, None) => Trust::System,
    };
    let certificate = given(&tls.certificate).map(|chain| CertificateFiles { chain, key: tls.key.clone() });
    let name = (!tls.name.is_empty()).then(|| tls.name.clone());
    Connector::load(trust, certificate, name).context("[prevent.next_hop_tls]")
}

fn server_tls(config: &Prevent) -> Result<ServerTls> {
    let tls = &config.tls;
    let acceptor = || -> Result<Acceptor> {
        let chain =
            given(&tls.certificate).context("[prevent.tls] needs a certificate and a key (PEM files)")?;
        Acceptor::load(CertificateFiles { chain, key: tls.key.clone() }, None).context("[prevent.tls]")
    };
    ensure!(
        tls.mode != TlsMode::Off || given(&tls.certificate).or(given(&tls.key)).is_none(),
        "tls.certificate is given and tls.mode is \"off\": write mode = \"opportunistic\" to offer STARTTLS, or \"required\""
    );
    Ok(match tls.mode {
        TlsMode::Off => ServerTls::Off,
        TlsMode::Opportunistic => ServerTls::Opportunistic(acceptor()?),
        TlsMode::Required => ServerTls::Required(acceptor()?),
        TlsMode::Implicit => {
            bail!("[prevent.tls] mode = \"implicit\" is for next hops; senders use STARTTLS")
        }
    })
}

pub(crate) fn given(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_path_buf())
}

fn rule(rule: LineEnd) -> LineEndRule {
    match rule {
        LineEnd::Refuse => LineEndRule::Refuse,
        LineEnd::Repair => LineEndRule::Repair,
        LineEnd::Pass => LineEndRule::Pass,
    }
}

fn cidrs(key: &str, texts: &[String]) -> Result<Vec<Cidr>> {
    texts.iter().map(|text| text.parse().map_err(|why| anyhow!("{key}: {why}"))).collect()
}

fn at_least_one<T: PartialOrd + From<u8>>(key: &str, value: T) -> Result<T> {
    ensure!(value >= T::from(1), "{key} must be at least 1");
    Ok(value)
}

pub(crate) fn or_processors(count: usize) -> usize {
    if count > 0 { count } else { std::thread::available_parallelism().map_or(2, usize::from).max(2) }
}

/// Lines of its name are cut out of every message, so it must be one that no message needs.
fn pass_header(text: &str) -> Result<Option<(String, String)>> {
    if text.is_empty() {
        return Ok(None);
    }
    let (name, value) =
        text.split_once(':').with_context(|| format!("pass_header {text:?} is not \"Name: value\""))?;
    let printable = name.bytes().all(|octet| octet.is_ascii_graphic()) && !name.is_empty();
    ensure!(printable && !value.contains(['\r', '\n']), "pass_header {text:?} is not \"Name: value\"");
    let lower = name.to_ascii_lowercase();
    ensure!(
        lower.starts_with("x-") && !lower.starts_with("x-dlp-"),
        "pass_header {text:?}: lines of that name are cut out of every message, so it needs a name of its own that begins with X- \
         (and not with X-dlp-), such as \"X-Cfilter-Loop: Reflected\""
    );
    Ok(Some((name.to_owned(), value.trim().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Span;

    fn config(dir: &Path) -> Prevent {
        Prevent { data: dir.to_path_buf(), next_hop: vec!["127.0.0.1:10026".into()], ..Prevent::default() }
    }

    #[test]
    fn forwarding_needs_a_next_hop() {
        let dir = tempfile::tempdir().unwrap();
        let none = Prevent { next_hop: vec![], ..config(dir.path()) };
        assert!(settings(&none).unwrap_err().to_string().contains("--next-hop"));
    }

    #[test]
    fn a_password_never_travels_in_clear() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        config.next_hop_auth.user = "weir".into();
        assert!(settings(&config).unwrap_err().to_string().contains("never travels in clear"));
    }

    #[test]
    fn what_would_harm_every_message_or_refuse_every_sender_is_refused_with_a_remedy() {
        type Change = fn(&mut Prevent);
        let changes: [(Change, &str); 14] = [
            (|config| config.pass_header = "Subject: passed".into(), "begins with X-"),
            (|config| config.pass_header = "X-DLP-policyid: 1".into(), "not with X-dlp-"),
            (|config| config.hostname = "two words".into(), "no name for EHLO"),
            (|config| config.hostname = "a\r\nMAIL FROM:<>".into(), "no name for EHLO"),
            (|config| config.allowed_hosts.clear(), "every sender would be refused"),
            (|config| config.limits.message_size = 0, "limits.message_size must be at least 1"),
            (|config| config.limits.received_lines = 0, "limits.received_lines must be at least 1"),
            (|config| config.timeouts.command = Span(Duration::ZERO), "timeouts.command must be more than 0"),
            (|config| config.timeouts.inspection = Span(Duration::ZERO), "timeouts.inspection must be more"),
            (|config| config.timeouts.inspection = Span(Duration::from_secs(600)), "no sender waits longer"),
            (|config| config.timeouts.data_block = Span(Duration::MAX), "24h at most"),
            (|config| config.enforce = "enforce.company.example".into(), "write https://HOST:PORT"),
            (|config| config.enforce = "https://".into(), "write https://HOST:PORT"),
            (
                |config| {
                    config.mode = Mode::Reflect;
                    config.resubmit_port = 0;
                },
                "usually 10026",
            ),
        ];
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        checked_settings(&config(&data), IdKey::new([0; 32])).unwrap();
        for (change, remedy) in changes {
            let mut changed = config(&data);
            change(&mut changed);
            let said = settings(&changed).map(|_| ()).unwrap_err().to_string();
            assert!(said.contains(remedy), "{remedy}: {said}");
        }
        assert!(!data.exists(), "nothing was made");
    }
}
