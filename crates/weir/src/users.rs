//! `weir user`: adds, lists and disables users and sets passwords, beside a server that may be running.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use store::database::Location;
use web::people::command::Offline;
use web::people::{LONGEST, Password, User};

use crate::cli::{Format, UserCommand, UserPlace};
use crate::terminal::safe;

/// Does what was asked; what is printed on standard output is for scripts too.
pub(crate) async fn run(command: &UserCommand) -> Result<ExitCode> {
    match command {
        UserCommand::Add { name, role, password_stdin, place } => {
            let password = from_stdin(*password_stdin)?;
            let made = open(place, true).await?.add(name, role, password).await?;
            tell(&format!("added {} as {}", safe(name), safe(role)), made.as_ref())?;
        }
        UserCommand::Passwd { name, password_stdin, place } => {
            let password = from_stdin(*password_stdin)?;
            let made = open(place, false).await?.set_password(name, password).await?;
            tell(
                &format!("the password of {} is set; their sessions have ended", safe(name)),
                made.as_ref(),
            )?;
        }
        UserCommand::Disable { name, place } => {
            open(place, false).await?.disable(name, true).await?;
            tell(&format!("{} is disabled; their sessions and tokens have ended", safe(name)), None)?;
        }
        UserCommand::Enable { name, place } => {
            open(place, false).await?.disable(name, false).await?;
            tell(&format!("{} can sign in again", safe(name)), None)?;
        }
        UserCommand::List { format, place } => {
            let users = open(place, false).await?.list().await?;
            let text = match format {
                Format::Text => lines(&users),
                Format::Json => json(&users)?,
            };
            io::stdout().lock().write_all(text.as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Only the first user may come before the server: whoever looks for users in a wrong place must not make one there.
async fn open(place: &UserPlace, may_be_new: bool) -> Result<Offline> {
    let at = place.database.as_deref().map(Location::parse).transpose()?;
    if at.is_none() && !may_be_new {
        let there = ["incidents.db", "gateway.db"].iter().any(|name| place.data.join(name).exists());
        ensure!(there, "no server has users in {}; name the server's --data directory", place.data.display());
    }
    if at.is_none() {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&place.data);
        made.with_context(|| format!("cannot make {}", place.data.display()))?;
    }
    let who =
        std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "weir".to_owned());
    Offline::open(&place.data, at.as_ref(), &who).await.with_context(|| {
        format!("the users of {} cannot be opened; name the server's --data directory", place.data.display())
    })
}

/// The first line of standard input.
fn from_stdin(wanted: bool) -> Result<Option<Password>> {
    if !wanted {
        return Ok(None);
    }
    let mut text = Password::new(String::with_capacity(2 * LONGEST));
    io::stdin()
        .lock()
        .take(2 * LONGEST as u64)
        .read_to_string(&mut text)
        .context("cannot read the password")?;
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    if line.is_empty() {
        bail!(
            "no password on standard input: write one line to it, or leave --password-stdin out to have one made"
        );
    }
    Ok(Some(Password::new(line.to_owned())))
}

fn tell(text: &str, made: Option<&Password>) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    if let Some(password) = made {
        writeln!(out, "one-time password, to be changed at the first sign-in: {}", **password)?;
    }
    Ok(())
}

fn lines(users: &[User]) -> String {
    if users.is_empty() {
        return "no users\n".to_owned();
    }
    let mut out = format!("{:<24}  {:<9}  {:<13}  roles\n", "name", "state", "second factor");
    for user in users {
        let roles: Vec<&str> = user.roles.iter().map(|(_, name)| name.as_str()).collect();
        let _ = writeln!(
            out,
            "{:<24}  {:<9}  {:<13}  {}",
            safe(&user.name),
            if user.disabled { "disabled" } else { "active" },
            if user.has_second_factor { "yes" } else { "no" },
            safe(&roles.join(", "))
        );
    }
    out
}

fn json(users: &[User]) -> Result<String> {
    let list: Vec<_> = users
        .iter()
        .map(|user| {
            serde_json::json!({
                "name": user.name,
                "full_name": user.full_name,
                "mail": user.mail,
                "roles": user.roles.iter().map(|(_, name)| name).collect::<Vec<_>>(),
                "disabled": user.disabled,
                "second_factor": user.has_second_factor,
                "must_change_password": user.must_change,
            })
        })
        .collect();
    Ok(serde_json::to_string_pretty(&list)? + "\n")
}
