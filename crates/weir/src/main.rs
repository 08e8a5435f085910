//! The `weir` command: arguments, configuration, wiring, signals, logs. Little else.
//!
//! Exit status: 0 done, 1 violations or failed cases were found, 2 an error, 3 nothing found but something could not be inspected.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Command, ConfigCommand, Global, Prevent};
use crate::config::{Effective, Override};

mod archives;
mod cert;
mod cli;
mod config;
mod effects;
mod enforce_server;
mod extract;
mod gateway_server;
mod incidents;
mod index_command;
mod keys;
mod link;
mod logs;
mod mailbox;
mod ocr;
mod ops;
mod policies;
mod policy_command;
mod prevent_server;
mod prevent_settings;
mod scan;
mod terminal;
mod up;
mod users;

/// Something could not be done; the text on standard error says what to do.
const ERROR: u8 = 2;

/// Nobody reads what is printed any more, as after `weir ... | head`: as if the signal of that had ended it.
const NOBODY_READS: u8 = 128 + 13;

fn main() -> ExitCode {
    end_quietly_when_nobody_reads();
    // Servers start workers again and again, and `weir extract` one each time: none of them needs the tree of all commands.
    if std::env::args_os().skip(1).eq(["worker"]) {
        return content::worker::main();
    }
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) if is_unread_output(&error) => ExitCode::from(NOBODY_READS),
        Err(error) => {
            eprintln!("weir: {}", told(&error));
            ExitCode::from(ERROR)
        }
    }
}

/// The error with what is behind it. Libraries say the reason in their own words and give it as the cause once more: once is enough.
fn told(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |told, cause| {
        let cause = cause.to_string();
        if told.ends_with(&cause) { told } else { format!("{told}: {cause}") }
    })
}

/// The library's `println!` and `eprintln!` panic when they cannot write.
fn end_quietly_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().and_then(|text| text.strip_prefix("failed printing to "));
        match said.and_then(|text| text.split_once(": ")) {
            Some((_, why)) if why.starts_with("Broken pipe") => std::process::exit(NOBODY_READS.into()),
            Some((stream, why)) => {
                // Where it is standard error that cannot be written, nobody hears of it: the status says it.
                if stream == "stdout" {
                    eprintln!("weir: the output cannot be written: {why}");
                }
                std::process::exit(ERROR.into());
            }
            None => usual(panic),
        }
    }));
}

/// Errors of files and connections say what they are about; one that stands alone is standard output's.
fn is_unread_output(error: &anyhow::Error) -> bool {
    let alone = error.chain().count() == 1;
    let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    alone && error.downcast_ref::<std::io::Error>().is_some_and(broken)
}

fn run(cli: &Cli) -> Result<ExitCode> {
    let global = &cli.global;
    policies::keys_are_in(global.index_keys.as_deref());
    match &cli.command {
        Command::Worker => Ok(content::worker::main()),
        Command::Ocr { arguments } => Ok(content::worker::reader_of_pictures(arguments)),
        Command::Scan(command) => scan::scan(command),
        Command::Extract(command) => extract::extract(command),
        Command::Policy(command) => policy_command::run(command),
        Command::Index(command) => index_command::run(command),
        Command::Incidents(command) => on_runtime(incidents::run(command)),
        Command::User(command) => on_runtime(users::run(command)),
        Command::Try(command) => on_runtime(up::try_all(&command.data)).map(|()| ExitCode::SUCCESS),
        Command::Config(command) => configuration(command, global),
        Command::Up(command) => {
            let effective = effective(global, &[])?;
            logs::start(&quiet(effective.config.log.clone(), global))?;
            on_runtime(up::up(command, &effective)).map(|()| ExitCode::SUCCESS)
        }
        Command::Cert(command) => cert::run(command, || effective(global, &[])),
        Command::Enforce(command) => {
            let effective = effective(global, &command.server.overrides())?;
            match &command.command {
                None => {
                    logs::start(&effective.config.log)?;
                    on_runtime(enforce_server::run(&effective.config.enforce)).map(|()| ExitCode::SUCCESS)
                }
                Some(task) => {
                    logs::start(&quiet(effective.config.log.clone(), global))?;
                    on_runtime(enforce_server::task(task, &effective.config.enforce))
                }
            }
        }
        Command::Gateway(command) => {
            let config = effective(global, &[])?.config;
            let settings = gateway_server::settings(&config.gateway, &command.server)?;
            match &command.command {
                None => {
                    logs::start(&config.log)?;
                    on_runtime(gateway_server::run(settings)).map(|()| ExitCode::SUCCESS)
                }
                Some(task) => {
                    logs::start(&quiet(config.log, global))?;
                    on_runtime(gateway_server::task(task, settings))
                }
            }
        }
        Command::Prevent(command) => {
            let flags = command.overrides();
            logs::start(&effective(global, &flags)?.config.log)?;
            on_runtime(prevent(global.clone(), command.clone())).map(|()| ExitCode::SUCCESS)
        }
    }
}

async fn prevent(global: Global, command: Prevent) -> Result<()> {
    let stop = CancellationToken::new();
    prevent_server::stop_on_signals(stop.clone())?;
    let configure = move || prevent_server::Configured::new(effective(&global, &command.overrides())?);
    let running = prevent_server::start(Box::new(configure), stop).await?;
    running.finished().await;
    Ok(())
}

fn configuration(command: &ConfigCommand, global: &Global) -> Result<ExitCode> {
    let effective = effective(global, &[])?;
    match command {
        ConfigCommand::Check => {
            let checked = check(effective)?;
            println!("the configuration is good; looked at: {}", checked.join(", "));
        }
        ConfigCommand::Show => {
            for (key, value, origin) in effective.lines()? {
                println!("{key} = {value}  # {origin}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Looks at the servers that the configuration speaks of, or at the detection server; their names come back.
fn check(effective: Effective) -> Result<Vec<&'static str>> {
    logs::filter(&effective.config.log.level)?;
    let mut servers = vec!["prevent", "enforce", "gateway"];
    servers.retain(|server| effective.speaks_of(server));
    if servers.is_empty() {
        servers.push("prevent");
    }
    for server in &servers {
        match *server {
            "enforce" => enforce_server::check(&effective.config.enforce)?,
            "gateway" => on_runtime(gateway_server::check(&effective.config.gateway))?,
            _ => on_runtime(prevent_server::check(&prevent_server::Configured::new(effective.clone())?))?,
        }
    }
    Ok(servers)
}

fn effective(global: &Global, flags: &[Override]) -> Result<Effective> {
    let mut all = global.overrides();
    all.extend_from_slice(flags);
    Effective::load(global.config.as_deref(), std::env::vars(), &all)
}

/// `weir up` speaks to people: its log stays out of the way unless it was asked for.
fn quiet(mut log: config::Log, global: &Global) -> config::Log {
    if global.log_level.is_none() && std::env::var_os("WEIR_LOG_LEVEL").is_none() {
        log.level = "warn".into();
    }
    log
}

fn on_runtime<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?
        .block_on(future)
}
