//! `weir cert`: a private authority, what it vouches for, and what is in use where and until when.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use enforce::certificates::{Directory, Issue, Seen, Use, describe};
use zeroize::Zeroizing;

use crate::cli::{Cert, CertDir, CertIssue, CertSource, Format};
use crate::config::Effective;
use crate::link;
use crate::terminal::{self, safe};

/// Does what was asked. `show` ends with 1 if a certificate ends within 30 days.
pub(crate) fn run(command: &Cert, configuration: impl FnOnce() -> Result<Effective>) -> Result<ExitCode> {
    match command {
        Cert::Authority { dir, name, days } => {
            let directory = directory(dir);
            let authority = directory.make_authority(name, *days)?;
            println!(
                "made {}; keep {} secret",
                directory.certificate("authority").display(),
                directory.key("authority").display()
            );
            println!("fingerprint (blake3) {}", authority.fingerprint()?);
        }
        Cert::Server(issue) => issued(issue, Use::Server)?,
        Cert::Client(issue) => issued(issue, Use::Client)?,
        Cert::Import { dir, file, from } => {
            let seen = import(&directory(dir), file, from)?;
            println!("{}", line(&directory(dir).certificate(file).display().to_string(), &seen));
        }
        Cert::Show { dir, format, files } => {
            let all = if files.is_empty() { in_use(dir, &configuration()?)? } else { of_files(files)? };
            return show(&all, *format);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn directory(dir: &CertDir) -> Directory {
    Directory::new(&dir.dir.clone().unwrap_or_else(|| dir.data.join("certificates")))
}

fn issued(command: &CertIssue, purpose: Use) -> Result<()> {
    let directory = directory(&command.dir);
    let Some((name, names)) = command.names.split_first() else { bail!("a name is needed") };
    let issue = Issue { name: name.clone(), names: names.to_vec(), purpose, days: command.days };
    let file = name.replace(['*', ':'], "_");
    let seen = directory.issue(&file, &issue, command.replace)?;
    println!("{}", line(&directory.certificate(&file).display().to_string(), &seen));
    Ok(())
}

fn import(directory: &Directory, file: &str, from: &CertSource) -> Result<Seen> {
    if let Some(path) = &from.pkcs12 {
        let octets = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let password = match &from.password_file {
            Some(file) => terminal::password_from(file)?,
            None => terminal::ask_password(&format!("Password of {}: ", path.display()))
                .context("no terminal to ask for the password; give it by --password-file FILE")?,
        };
        let seen = directory.import_pkcs12(file, &octets, &password);
        return seen.with_context(|| format!("nothing was taken from {}", path.display()));
    }
    let (Some(certificate), Some(key)) = (&from.certificate, &from.key) else {
        bail!("a certificate and its key are needed");
    };
    Ok(directory.import(file, &pem(certificate)?, &Zeroizing::new(pem(key)?))?)
}

fn pem(path: &Path) -> Result<String> {
    let octets = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    match String::from_utf8(octets) {
        Ok(text) if text.contains("-----BEGIN") => Ok(text),
        _ => bail!(
            "{} is not PEM; PKCS#12 is taken by --pkcs12, from DER `openssl x509 -inform der -in FILE` makes it",
            path.display()
        ),
    }
}

/// A certificate and where it is used.
struct Used {
    place: String,
    seen: Result<Seen, String>,
}

fn in_use(dir: &CertDir, effective: &Effective) -> Result<Vec<Used>> {
    let mut all: Vec<Used> = directory(dir)
        .all()
        .into_iter()
        .map(|(place, seen)| Used { place, seen: seen.map_err(|error| error.to_string()) })
        .collect();
    let config = &effective.config;
    let data = [&dir.data, &config.prevent.data, &config.enforce.data];
    let mut configured = vec![
        ("[prevent.tls]", config.prevent.tls.certificate.clone()),
        ("[prevent.next_hop_tls]", config.prevent.next_hop_tls.certificate.clone()),
        ("[enforce]", config.enforce.certificate.clone()),
    ];
    let own = data.map(|data| [data.clone(), data.join("prevent"), data.join("gateway")]).concat();
    configured.extend(own.iter().map(|data| ("for Enforce", link::Place::of(data).certificate())));
    configured.retain(|(_, path)| !path.as_os_str().is_empty() && path.exists());
    configured.dedup_by(|a, b| a.1 == b.1);
    for (what, path) in configured {
        all.push(Used { place: format!("{} {what}", path.display()), seen: first(&path) });
    }
    Ok(all)
}

fn of_files(files: &[PathBuf]) -> Result<Vec<Used>> {
    let mut all = Vec::new();
    for file in files {
        let octets = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let found = describe(&octets).with_context(|| file.display().to_string())?;
        ensure!(
            !found.is_empty(),
            "{}: no certificate in it; PEM begins with -----BEGIN CERTIFICATE-----",
            file.display()
        );
        for seen in found {
            all.push(Used { place: file.display().to_string(), seen: Ok(seen) });
        }
    }
    Ok(all)
}

fn first(path: &Path) -> Result<Seen, String> {
    let octets = std::fs::read(path).map_err(|why| why.to_string())?;
    let seen = describe(&octets).map_err(|why| why.to_string())?;
    seen.into_iter().next().ok_or_else(|| "no certificate in it".to_owned())
}

fn show(all: &[Used], format: Format) -> Result<ExitCode> {
    let soon = all.iter().any(|one| one.seen.as_ref().is_ok_and(Seen::ends_soon));
    match format {
        Format::Json => {
            let values = all.iter().map(|one| match &one.seen {
                Ok(seen) => serde_json::json!({"place": one.place, "certificate": seen, "ends_soon": seen.ends_soon()}),
                Err(why) => serde_json::json!({"place": one.place, "error": why}),
            });
            println!("{}", serde_json::to_string_pretty(&values.collect::<Vec<_>>())?);
        }
        Format::Text => {
            for one in all {
                match &one.seen {
                    Ok(seen) => println!("{}", line(&one.place, seen)),
                    Err(why) => println!("{}: {}", one.place, safe(why)),
                }
            }
            if all.is_empty() {
                println!("no certificates");
            }
        }
    }
    Ok(if soon { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn line(place: &str, seen: &Seen) -> String {
    let names = seen.names.iter().map(|name| safe(name)).collect::<Vec<_>>().join(", ");
    let warning = match (seen.is_over(), seen.ends_soon()) {
        (true, _) => "  ENDED",
        (_, true) => "  ENDS SOON",
        _ => "",
    };
    format!(
        "{place}\n    {}{}{}\n    from {} until {}{warning}; by {}; serial {}",
        safe(&seen.subject),
        if seen.is_authority { " (authority)" } else { "" },
        if names.is_empty() { String::new() } else { format!(" for {names}") },
        seen.from.strftime("%Y-%m-%d"),
        seen.until.strftime("%Y-%m-%d"),
        if seen.is_self_signed { "itself".to_owned() } else { safe(&seen.issuer).into_owned() },
        seen.serial,
    )
}
