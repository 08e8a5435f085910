//! How the text in pictures is read: by Debian's tesseract, which this program becomes once it has locked itself in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
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
