//! How the text in pictures is read: by Debian's tesseract, which this program becomes once it has locked itself in.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use content::worker::{OcrOptions, Sandbox};

/// The one engine: which program that is, is no setting, for settings may come from afar.
const ENGINE: &str = "/usr/bin/tesseract";
/// For one picture, unless configured.
const TIME: Duration = Duration::from_secs(5);

/// The options for those languages; none without languages.
pub(crate) fn options(
    program: &Path,
    languages: &str,
    processes: usize,
    sandbox: Sandbox,
) -> Result<Option<OcrOptions>> {
    if languages.is_empty() {
        return Ok(None);
    }
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+');
    ensure!(
        languages.chars().all(known),
        "ocr: {languages:?} are no languages; write for example \"eng\" or \"eng+deu\""
    );
    ensure!(
        Path::new(ENGINE).is_file(),
        "ocr: {ENGINE} is not installed (Debian: tesseract-ocr); without it, set no languages"
    );
    let there = languages_there()?;
    let missing: Vec<&str> =
        languages.split('+').filter(|one| !there.iter().any(|known| known == one)).collect();
    ensure!(
        missing.is_empty(),
        "ocr: tesseract does not know {} (Debian: tesseract-ocr-LANGUAGE); it knows {}",
        missing.join(", "),
        there.join(", ")
    );
    Ok(Some(OcrOptions {
        starter: program.to_owned(),
        args: vec!["ocr".into()],
        engine: PathBuf::from(ENGINE),
        languages: languages.to_owned(),
        time: TIME,
        processes: processes.max(1),
        sandbox,
    }))
}

/// What the engine itself says that it has. It is asked with the empty environment that it reads pictures in.
fn languages_there() -> Result<Vec<String>> {
    let listed = Command::new(ENGINE).arg("--list-langs").env_clear().stdin(Stdio::null()).output();
    let listed = listed.with_context(|| format!("ocr: {ENGINE} cannot be run"))?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    // The first line says where they are.
    Ok(listed.lines().skip(1).map(|line| line.trim().to_owned()).collect())
}
