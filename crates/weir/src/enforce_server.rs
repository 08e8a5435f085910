//! `weir enforce`: settings from the configuration, the operations port, and what is done beside a running server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use content::worker::PoolOptions;
use enforce::lookup::{Ldap, Lookup, Of, Source};
use enforce::{ConsoleTls, NewToken, Options, OriginalStore, Running, ServerState};
use incident::{Ages, Retention};
use jiff::SignedDuration;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use store::database::Location;
use store::objects::ObjectSettings;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use web::oidc::{Settings, SingleSignOn};
use zeroize::Zeroizing;

use crate::cli::{EnforceTask, Format};
use crate::config::{self, Enforce, Oidc, Originals};
use crate::terminal::safe;
use crate::{effects, ops, policies, prevent_server};

/// How often the operations port's figures are brought up to date.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Policies with a retention of their own.
const POLICIES: usize = 1_000;

/// Runs until a signal.
pub(crate) async fn run(config: &Enforce) -> Result<()> {
    let stop = CancellationToken::new();
    prevent_server::stop_on_signals(stop.clone())?;
    outlive_hangups(stop.clone())?;
    let running = start(config, stop.clone()).await?;
    if let Some(password) = first_administrator(&running).await? {
        eprintln!(
            "the first administrator of {} is admin, with the one-time password {password}",
            running.console_address()
        );
        let Ages { originals, incidents } = running.enforce.options.retention.others;
        eprintln!(
            "originals are kept for {}, incidents {}: keep_originals_days and keep_incidents_days in [enforce]",
            kept_for(originals),
            kept_for(incidents)
        );
    }
    running.finished().await;
    Ok(())
}

/// Without this, SIGHUP would end the server: what `systemctl reload` and log rotation send to daemons.
fn outlive_hangups(stop: CancellationToken) -> Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while stop.run_until_cancelled(hangup.recv()).await.flatten().is_some() {
            tracing::info!(
                "SIGHUP: changed policies count without it; certificates and settings count at the next start"
            );
        }
    });
    Ok(())
}

/// Starts everything; nothing is accepted unless all of it works.
pub(crate) async fn start(config: &Enforce, stop: CancellationToken) -> Result<Running> {
    let options = options(config)?;
    // Before anything is made.
    ops::is_free(&options.listen, "the console", "listen in [enforce]").await?;
    ops::is_free(&options.servers_listen, "servers", "servers_listen in [enforce]").await?;
    if !options.policies.exists() {
        policies::write_built_in(&options.policies)?;
    }
    let policies = options.policies.clone();
    // Before the database is opened: bringing it forward may take minutes.
    let port = match config.ops_listen.as_str() {
        "" => None,
        address => Some(ops::open(address, stop.clone()).await?),
    };
    let running = enforce::start(options, stop.clone()).await?;
    if let Some(port) = port {
        port.begins(operations(&running, stop));
    }
    tracing::info!(listen = %running.address, servers = %running.servers_address, policies = %policies.display(), "Enforce server listens");
    Ok(running)
}

/// Reads what the configuration names, without starting or making anything. For `weir config check`.
pub(crate) fn check(config: &Enforce) -> Result<()> {
    let options = options(config)?;
    let transport = options.console.transport().context("[enforce] certificate and key")?;
    if let (Some(transport), Ok(address)) = (transport, options.listen.parse()) {
        transport.fits(address).context("[enforce] listen")?;
    }
    if options.policies.exists() {
        policies::load(&options.policies, &config.data)?;
    }
    Ok(())
}

/// The one-time password, if there was nobody yet.
pub(crate) async fn first_administrator(running: &Running) -> Result<Option<String>> {
    let password = running.enforce.site.people().first_administrator().await?;
    Ok(password.map(|password| password.to_string()))
}

/// How long something is kept, in words.
pub(crate) fn kept_for(age: Option<SignedDuration>) -> String {
    age.map_or_else(|| "for ever".to_owned(), |age| format!("{} days", age.as_hours() / 24))
}

/// What the server is started with.
pub(crate) fn options(config: &Enforce) -> Result<Options> {
    let given = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
    let console = match (config.plain_http, given(&config.certificate), given(&config.key)) {
        (true, ..) => ConsoleTls::Plain,
        (false, Some(chain), Some(key)) => ConsoleTls::Files { chain, key },
        (false, None, None) => ConsoleTls::Own,
        _ => bail!("[enforce] certificate and key go together (PEM files)"),
    };
    let database = match config.database.as_str() {
        "" => None,
        url => Some(Location::parse(url).context("[enforce] database")?),
    };
    Ok(Options {
        listen: config.listen.clone(),
        servers_listen: config.servers_listen.clone(),
        data: config.data.clone(),
        database,
        policies: given(&config.policies).unwrap_or_else(|| config.data.join("policies")),
        index_keys: policies::index_keys_dir(&config.data),
        console,
        names: names(config),
        console_url: config.console_url.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        retention: retention(config)?,
        effects: effects::of_enforce(config, &host_name())?,
        documents: Some(PoolOptions {
            program: std::env::current_exe().context("the path of this program cannot be found")?,
            ..PoolOptions::default()
        }),
        single_sign_on: single_sign_on(&config.oidc).context("[enforce.oidc]")?,
        lookups: lookups(&config.lookups).context("[[enforce.lookups]]")?,
        originals: originals(&config.originals).context("[enforce.originals]")?,
    })
}

/// How long what is kept.
fn retention(config: &Enforce) -> Result<Retention> {
    let days = |days: u32| (days > 0).then(|| SignedDuration::from_hours(24 * i64::from(days)));
    let others =
        Ages { originals: days(config.keep_originals_days), incidents: days(config.keep_incidents_days) };
    let mut policies = BTreeMap::new();
    for one in &config.retention {
        let ages = Ages {
            originals: one.keep_originals_days.map_or(others.originals, days),
            incidents: one.keep_incidents_days.map_or(others.incidents, days),
        };
        for policy in &one.policies {
            ensure!(
                policies.insert(*policy, ages).is_none(),
                "[[enforce.retention]] names policy {policy} twice: once is enough"
            );
        }
    }
    ensure!(policies.len() <= POLICIES, "[[enforce.retention]] names more than {POLICIES} policies");
    Ok(Retention { others, policies })
}

/// Where custom attributes are looked up.
fn lookups(lookups: &[config::Lookup]) -> Result<Vec<Lookup>> {
    let all: Result<Vec<Lookup>> = lookups
        .iter()
        .map(|one| {
            let of = match one.of {
                config::LookupOf::Sender => Of::Sender,
                config::LookupOf::Recipients => Of::Recipients,
            };
            let source = source(one).with_context(|| format!("the lookup {:?}", one.name))?;
            Ok(Lookup { name: one.name.clone(), source, of, attributes: one.attributes.clone() })
        })
        .collect();
    let all = all?;
    enforce::lookup::check(&all)?;
    Ok(all)
}

fn source(one: &config::Lookup) -> Result<Source> {
    let given = |path: &Path| !path.as_os_str().is_empty();
    let seconds = u32::try_from(one.time.0.as_secs()).unwrap_or(u32::MAX);
    Ok(match (given(&one.file), given(&one.program), one.ldap.is_empty()) {
        (true, false, true) => Source::File(one.file.clone()),
        (false, true, true) => Source::Program { path: one.program.clone(), seconds },
        (false, false, false) => Source::Ldap(Ldap {
            url: one.ldap.clone(),
            starttls: one.starttls,
            bind: one.bind.clone(),
            password: secret_of(&one.bind_password_file)?,
            base: one.base.clone(),
            filter: one.filter.clone(),
            authority: text_of(&one.ca)?,
            seconds,
        }),
        _ => bail!("it has a file, a program or an LDAP server: give one of them"),
    })
}

/// What a file holds; nothing where none is named.
fn text_of(path: &Path) -> Result<String> {
    if path.as_os_str().is_empty() {
        return Ok(String::new());
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The secret in a file; nothing where none is named.
fn secret_of(path: &Path) -> Result<Zeroizing<String>> {
    let text = Zeroizing::new(text_of(path)?);
    let secret = text.trim_end_matches(['\r', '\n']);
    ensure!(path.as_os_str().is_empty() || !secret.is_empty(), "{} is empty", path.display());
    Ok(Zeroizing::new(secret.to_owned()))
}

/// Where originals go, if not into the database.
fn originals(config: &Originals) -> Result<Option<OriginalStore>> {
    if config.endpoint.is_empty() {
        let nothing = config.bucket.is_empty() && config.key_file.as_os_str().is_empty();
        ensure!(nothing, "endpoint is missing: the address of the object store");
        return Ok(None);
    }
    ensure!(
        !config.key_file.as_os_str().is_empty(),
        "key_file is missing: the access key and the secret key"
    );
    let keys = secret_of(&config.key_file)?;
    let (access_key, secret_key) = keys.split_once('\n').with_context(|| {
        format!(
            "{} has the access key in its first line and the secret key in its second",
            config.key_file.display()
        )
    })?;
    let word = |text: &str| Zeroizing::new(text.trim().to_owned());
    let store = OriginalStore {
        objects: ObjectSettings {
            endpoint: config.endpoint.parse().with_context(|| format!("endpoint {:?}", config.endpoint))?,
            bucket: config.bucket.clone(),
            region: config.region.clone(),
            prefix: config.prefix.clone(),
            path_style: config.path_style,
            access_key: word(access_key),
            secret_key: word(secret_key),
            silence: config.time.0,
        },
        authority: text_of(&config.ca)?,
    };
    store.clone().open().map_err(anyhow::Error::msg)?;
    Ok(Some(store))
}

/// The provider whose people sign in.
fn single_sign_on(oidc: &Oidc) -> Result<Option<Settings>> {
    if oidc.issuer.is_empty() {
        ensure!(
            oidc.client_id.is_empty() && oidc.roles.is_empty(),
            "issuer is missing: the address of the provider"
        );
        return Ok(None);
    }
    let secret = secret_of(&oidc.client_secret_file)?;
    let settings = Settings {
        name: oidc.name.clone(),
        issuer: oidc.issuer.clone(),
        client_id: oidc.client_id.clone(),
        client_secret: (!secret.is_empty()).then_some(secret),
        console_url: String::new(),
        scopes: oidc.scopes.clone(),
        name_claim: oidc.name_claim.clone(),
        role_claim: oidc.role_claim.clone(),
        roles: oidc.roles.clone(),
        authority: text_of(&oidc.ca)?,
    };
    SingleSignOn::new(settings.clone())?;
    Ok(Some(settings))
}

fn host_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_ascii_lowercase();
    if host.is_empty() { "localhost".to_owned() } else { host }
}

/// What was configured, this machine's names, and the addresses that it listens on.
fn names(config: &Enforce) -> Vec<String> {
    let mut names = config.names.clone();
    let listens = [&config.listen, &config.servers_listen].map(|text| text.parse::<SocketAddr>().ok());
    let addresses = listens.into_iter().flatten().map(|address| address.ip());
    let addresses = addresses.filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    names.extend([host_name(), "localhost".into(), "127.0.0.1".into(), "::1".into()]);
    names.extend(addresses);
    let fits = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':'))
    };
    names.retain(|name| fits(name));
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

// ---- operations

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    place: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Presence {
    presence: String,
}

/// What the operations port tells, brought up to date until `stop`.
fn operations(running: &Running, stop: CancellationToken) -> ops::Ops {
    let mut registry = Registry::default();
    let enforce_registry = registry.sub_registry_with_prefix("weir_enforce");
    let (expires, servers) = (Family::<Place, Gauge>::default(), Family::<Presence, Gauge>::default());
    let refused = Gauge::<i64>::default();
    enforce_registry.register(
        "certificate_expires_seconds",
        "When a certificate ends (Unix time)",
        expires.clone(),
    );
    enforce_registry.register("servers", "Servers by whether they are heard from", servers.clone());
    enforce_registry.register(
        "policies_refused",
        "1 while the policy directory holds no set that can be published: servers are told the last good one",
        refused.clone(),
    );
    running.enforce.effect_metrics.register(enforce_registry);
    if let Some(objects) = running.enforce.journal.objects() {
        objects.register(enforce_registry);
    }
    let complaints = Arc::new(Mutex::new(Vec::new()));
    let (enforce, told) = (running.enforce.clone(), complaints.clone());
    tokio::spawn(async move {
        loop {
            let mut now = look(&enforce, &expires, &servers).await;
            refused.set(enforce.policies_refused().is_some().into());
            now.extend(
                enforce.policies_refused().map(|why| format!("the policy directory is refused: {why}")),
            );
            *told.lock().unwrap_or_else(PoisonError::into_inner) = now;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    });
    let complaints = Box::new(move || complaints.lock().unwrap_or_else(PoisonError::into_inner).clone());
    ops::Ops { registry, complaints }
}

/// Brings the figures up to date; what is wrong.
async fn look(
    enforce: &enforce::Enforce,
    expires: &Family<Place, Gauge>,
    servers: &Family<Presence, Gauge>,
) -> Vec<String> {
    let seen = async {
        let certificates = enforce.certificates_in_use().await?;
        Ok::<_, enforce::Error>((certificates, enforce.servers().await?))
    };
    let (certificates, known) = match seen.await {
        Ok(seen) => seen,
        Err(error) => return vec![format!("the database does not answer: {error}")],
    };
    expires.clear();
    for one in certificates {
        expires.get_or_create(&Place { place: one.place }).set(one.until.as_second());
    }
    servers.clear();
    for server in known {
        let presence = serde_json::to_value(server.presence).ok();
        let presence = presence.and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default();
        servers.get_or_create(&Presence { presence }).inc();
    }
    let differ = |owner| {
        format!("the policies here are not those of {owner}, which count: nothing of them is published")
    };
    enforce.policies_differ_from().map(differ).into_iter().collect()
}

// ---- beside a running server

/// Does what was asked.
pub(crate) async fn task(task: &EnforceTask, config: &Enforce) -> Result<ExitCode> {
    if let EnforceTask::Restore { from } = task {
        return restore(config, from).await;
    }
    let enforce = enforce::Enforce::open_beside(options(config)?).await.with_context(|| {
        format!("what Enforce keeps in {} cannot be opened; name its --data directory", config.data.display())
    })?;
    let who = format!("{} (command line)", std::env::var("USER").unwrap_or_else(|_| "root".into()));
    let actor = web::audit::Actor { who, role: String::new(), peer: "command line".to_owned() };
    let log = async |action: &str, subject: &str, detail: &str| {
        enforce.site.audit().add(&actor, action, subject, detail).await
    };
    match task {
        EnforceTask::Enroll { name, host, hours, needs_approval } => {
            let new = NewToken {
                name: name.clone(),
                names: host.clone(),
                valid: SignedDuration::from_hours(i64::from((*hours).clamp(1, 24 * 30))),
                needs_approval: *needs_approval,
            };
            let token = enforce.make_token(&new, &actor).await?;
            println!("{token}");
        }
        EnforceTask::Servers { format } => print_servers(&enforce.servers().await?, *format)?,
        EnforceTask::Approve { name } => {
            ensure!(
                enforce.approve_server(name, &actor).await?,
                "no server called {name} waits for approval"
            );
            println!("{name} is let in");
        }
        EnforceTask::Revoke { name } => {
            ensure!(
                enforce.revoke_server(name, &actor).await?,
                "there is no server called {name} to shut out"
            );
            println!("{name} is shut out");
        }
        EnforceTask::Set { name, settings } => {
            let server =
                enforce.server(name).await?.with_context(|| format!("there is no server called {name}"))?;
            let mut values = server.settings.clone();
            for setting in settings {
                set(&mut values, setting)?;
            }
            let taken = enforce.set_server_settings(name, server.settings_version, &values, &actor).await?;
            ensure!(taken, "somebody else changed the settings of {name} meanwhile; try again");
            println!(
                "{name} gets its settings with its next heartbeat; `weir enforce servers` says whether it took them"
            );
        }
        EnforceTask::RenewIds => {
            enforce.renew_unique_id_key(&actor).await?;
            println!("all servers get the new key with their next heartbeat");
        }
        EnforceTask::RotateKeys => {
            let rotated = enforce::rotate_keys(&enforce.options).await?;
            log("KEYS_ROTATED", &format!("key {}", rotated.key), &format!("{} objects", rotated.wrapped))
                .await?;
            println!("key {} seals from now on; {} objects are wrapped by it", rotated.key, rotated.wrapped);
            ensure!(
                rotated.failed == 0,
                "{} objects do not open with any key at hand (the log names them), so the old keys are kept",
                rotated.failed
            );
        }
        EnforceTask::Backup { to } => {
            enforce.journal.backup(to).await?;
            log("BACKUP", &to.display().to_string(), "").await?;
            println!(
                "{} holds everything but the keys: keep {} apart from it",
                to.display(),
                config.data.join("keys").display()
            );
            let elsewhere = enforce.journal.objects_named().await?;
            if elsewhere > 0 {
                println!(
                    "{elsewhere} originals lie in the object store and are not in it: save the bucket as well"
                );
            }
        }
        EnforceTask::Archive(task) => return crate::archives::run(task, &enforce, &actor).await,
        EnforceTask::Restore { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn restore(config: &Enforce, from: &Path) -> Result<ExitCode> {
    ensure!(
        config.database.is_empty(),
        "the database is a PostgreSQL: restore it with its own tools, for example pg_restore"
    );
    let aside = incident::restore(&config.data, from).await.with_context(|| {
        let keys = config.data.join("keys");
        format!(
            "nothing was restored. Stop the server first; the keys of the backup belong in {}",
            keys.display()
        )
    })?;
    println!("{} is restored from {}", config.data.display(), from.display());
    if let Some(aside) = aside {
        println!("what was there before is {}; remove it once you do not need it", aside.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// `KEY=VALUE`: the value as TOML, or a text as it stands.
fn set(values: &mut serde_json::Map<String, serde_json::Value>, setting: &str) -> Result<()> {
    let (key, value) = setting.split_once('=').with_context(|| format!("{setting:?} is not KEY=VALUE"))?;
    let (key, value) = (key.trim(), value.trim());
    if value.is_empty() {
        values.remove(key);
        return Ok(());
    }
    let parsed =
        toml::from_str::<toml::Table>(&format!("v = {value}")).ok().and_then(|mut table| table.remove("v"));
    let value = parsed.map(serde_json::to_value).transpose()?;
    values.insert(
        key.to_owned(),
        value.unwrap_or_else(|| setting.split_once('=').map_or("", |(_, text)| text.trim()).into()),
    );
    Ok(())
}

fn print_servers(servers: &[ServerState], format: Format) -> Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(servers)?);
        return Ok(());
    }
    if servers.is_empty() {
        println!("no servers are enrolled; make a token with `weir enforce enroll NAME`");
    }
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    for server in servers {
        let mut line = format!(
            "{:<24} {:<9} {:<8} {:<5}",
            safe(&server.name),
            server.kind.as_str(),
            word(serde_json::to_value(server.standing)?),
            word(serde_json::to_value(server.presence)?),
        );
        if let Some(heart) = &server.heartbeat {
            let _ = write!(
                line,
                "  version {}  policies {} ({})  waiting {}  inspection {} us",
                safe(&heart.version),
                safe(&heart.policy_set),
                safe(&heart.policy_origin),
                heart.waiting,
                heart.inspection_micros
            );
            for wrong in [&heart.policy_error, &heart.settings_error].into_iter().flatten() {
                let _ = write!(line, "\n    refused: {}", safe(wrong));
            }
        }
        println!("{line}  certificate until {}", server.certificate_ends.strftime("%Y-%m-%d"));
    }
    Ok(())
}

/// For `weir up`, which enrols its own servers.
pub(crate) async fn token_for(
    running: &Running,
    name: &str,
    hosts: &[&str],
    data: &Path,
) -> Result<Option<String>> {
    if crate::link::Place::of(data).identity_here().is_some() && running.enforce.server(name).await?.is_some()
    {
        return Ok(None);
    }
    let new = NewToken {
        name: name.to_owned(),
        names: hosts.iter().map(|host| (*host).to_owned()).collect(),
        valid: SignedDuration::from_hours(1),
        needs_approval: false,
    };
    let actor = web::audit::Actor { who: "weir up".to_owned(), ..Default::default() };
    Ok(Some(running.enforce.make_token(&new, &actor).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_toml_or_as_text_and_taken_back_by_nothing() {
        let mut values = serde_json::Map::new();
        for setting in [
            "trial=true",
            "resubmit_port=25",
            "next_hop=[\"a:1\", \"b:2\"]",
            "mode=forward",
            "limits.sessions = 9",
        ] {
            set(&mut values, setting).unwrap();
        }
        let text = serde_json::to_string(&values).unwrap();
        assert_eq!(
            text,
            r#"{"limits.sessions":9,"mode":"forward","next_hop":["a:1","b:2"],"resubmit_port":25,"trial":true}"#
        );
        set(&mut values, "trial=").unwrap();
        assert!(!values.contains_key("trial"));
        assert!(set(&mut values, "trial").is_err());
    }

    #[test]
    fn policies_have_ages_of_their_own_and_are_named_once() {
        let read = |text: &str| retention(&toml::from_str::<Enforce>(text).unwrap());
        let text = "keep_incidents_days = 365\n[[retention]]\npolicies = [17, 18]\nkeep_originals_days = 0\n";
        let kept = read(text).unwrap();
        let days = |days: i64| Some(SignedDuration::from_hours(24 * days));
        assert_eq!(kept.others, Ages { originals: days(90), incidents: days(365) });
        assert_eq!(kept.policies[&18], Ages { originals: None, incidents: days(365) });
        let twice = read(&format!("{text}[[retention]]\npolicies = [18]\n")).unwrap_err().to_string();
        assert!(twice.contains("policy 18 twice"), "{twice}");
    }

    #[test]
    fn an_object_store_is_read_with_its_keys_from_a_file_or_refused_with_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        std::fs::write(&keys, "AKIA\r\nhush/hush\r\n").unwrap();
        let file = format!("key_file = {:?}\n", keys.display().to_string());
        let read = |text: &str| originals(&toml::from_str::<Originals>(text)?);
        assert!(read("").unwrap().is_none());
        let base = "endpoint = \"https://s3.example\"\nbucket = \"originals\"\n";
        let store = read(&format!("{base}{file}")).unwrap().unwrap();
        let given = [&store.objects.access_key, &store.objects.secret_key].map(|key| key.as_str());
        assert_eq!(given, ["AKIA", "hush/hush"]);
        assert!(store.objects.path_style && !format!("{store:?}").contains("hush"));
        let (one, empty) = (dir.path().join("one"), dir.path().join("empty"));
        std::fs::write(&one, "AKIA\n").unwrap();
        std::fs::write(&empty, "").unwrap();
        let with = |path: &Path| format!("{base}key_file = {:?}\n", path.display().to_string());
        for (text, words) in [
            (format!("bucket = \"originals\"\n{file}"), "endpoint is missing"),
            (base.to_owned(), "key_file is missing"),
            (with(&one), "in its second"),
            (with(&empty), "is empty"),
            (with(Path::new("/nowhere")), "cannot read /nowhere"),
            (format!("endpoint = \"http://s3.example\"\nbucket = \"originals\"\n{file}"), "https://"),
            (format!("endpoint = \"s3.example\"\nbucket = \"originals\"\n{file}"), "endpoint"),
            (format!("endpoint = \"https://s3.example\"\n{file}"), "bucket"),
            (format!("{base}{file}prefix = \"../other\"\n"), "prefix"),
            (format!("{base}{file}time = \"5m\"\n"), "1 to 60 seconds"),
            (format!("{base}{file}ca = \"/nowhere\"\n"), "cannot read /nowhere"),
            (format!("{base}secret_key = \"hush\"\n"), "unknown field"),
        ] {
            let error = format!("{:#}", read(&text).unwrap_err());
            assert!(error.contains(words) && !error.contains("hush/"), "{words}: {error}");
        }
    }

    fn read(oidc: &str) -> Result<Option<Settings>> {
        single_sign_on(&toml::from_str::<Oidc>(oidc)?)
    }

    #[test]
    fn a_lookup_asks_a_file_or_a_program_and_fills_something() {
        let read = |text: &str| {
            lookups(&toml::from_str::<Enforce>(&format!("[[lookups]]\nname = \"hr\"\n{text}"))?.lookups)
        };
        let attributes = "[lookups.attributes]\nDepartment = \"dept\"\n";
        let all = read(&format!("file = \"people.csv\"\nof = \"recipients\"\n{attributes}")).unwrap();
        assert_eq!((all[0].of, &all[0].source), (Of::Recipients, &Source::File("people.csv".into())));
        let all = read(&format!("program = \"/usr/local/bin/hr\"\ntime = \"5s\"\n{attributes}")).unwrap();
        assert_eq!(all[0].source, Source::Program { path: "/usr/local/bin/hr".into(), seconds: 5 });
        for (text, words) in [
            (attributes.to_owned(), "give one of them"),
            (format!("file = \"a\"\nprogram = \"/b\"\n{attributes}"), "give one of them"),
            (format!("program = \"hr\"\n{attributes}"), "whole path"),
            (format!("program = \"/hr\"\ntime = \"2m\"\n{attributes}"), "1 to 60 seconds"),
            ("file = \"a\"\n[lookups.attributes]\n".to_owned(), "fills no attribute"),
            ("file = \"a\"\n".to_owned(), "attributes"),
            (format!("ldap = \"ldap://dc.example\"\n{attributes}"), "starttls = true"),
            (format!("ldap = \"ldap://127.0.0.1\"\nfilter = \"(mail=*)\"\n{attributes}"), "{address}"),
            (
                format!("ldap = \"ldap://127.0.0.1\"\nbind_password_file = \"/nowhere\"\n{attributes}"),
                "/nowhere",
            ),
        ] {
            let error = format!("{:#}", read(&text).unwrap_err());
            assert!(error.contains(words), "{words}: {error}");
        }
    }

    #[test]
    fn a_provider_is_read_with_its_secret_from_a_file_or_refused_with_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "hush\n").unwrap();
        assert!(read("").unwrap().is_none());
        let base = "issuer = \"https://id.example\"\nclient_id = \"weir\"\n";
        let roles = "[roles]\ndlp-admins = \"Administrator\"\n\"cn=dlp,dc=example\" = \"Reviewer\"\n";
        let file = format!("client_secret_file = {:?}\n", secret.display().to_string());
        let settings = read(&format!("{base}{file}{roles}")).unwrap().unwrap();
        assert_eq!(settings.client_secret.as_ref().map(|secret| secret.as_str()), Some("hush"));
        assert_eq!(settings.roles["cn=dlp,dc=example"], "Reviewer");
        std::fs::write(&secret, "\n").unwrap();
        for (text, words) in [
            (format!("{base}{file}{roles}"), "is empty"),
            (format!("{base}client_secret_file = \"/nowhere\"\n{roles}"), "cannot read /nowhere"),
            (base.to_owned(), "which value of the claim is which role"),
            (format!("issuer = \"http://id.example\"\nclient_id = \"weir\"\n{roles}"), "https://"),
            (format!("client_id = \"weir\"\n{roles}"), "issuer is missing"),
            (format!("{base}secret = \"hush\"\n"), "unknown field"),
        ] {
            let error = format!("{:#}", read(&text).unwrap_err());
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}
