//! Inspection as the benches do it: the default set, a mail opened in process, and what the set says of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{Documents, How, Limits, Opened};
use policy::{Envelope, Inspection, Mail, Set};

/// The folder of the policies that a new installation has.
pub fn default_set() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies")
}

/// Opens the mail, and hands on what stands in it and the time by which inspection must be done.
pub fn with_opened<T>(mail: &[u8], then: impl FnOnce(&Opened<'_>, Instant) -> T) -> T {
    with_opened_by(&InProcess, mail, then)
}

/// As [`with_opened`]; documents are opened by somebody else.
pub fn with_opened_by<T>(
    documents: &dyn Documents,
    mail: &[u8],
    then: impl FnOnce(&Opened<'_>, Instant) -> T,
) -> T {
    let limits = Limits::default();
    let deadline = Instant::now() + Duration::from_secs(20);
    let how = How { limits: &limits, deadline, documents, passwords: &[], digests: false };
    then(&content::open(mail, &how), deadline)
}

/// What the set says of an opened mail.
pub fn judge(set: &Set, mail: &[u8], opened: &Opened<'_>, deadline: Instant) -> Inspection {
    let envelope = Envelope {
        sender: "ann@corp.example".to_owned(),
        recipients: vec!["client@partner.example".to_owned()],
        peer: None,
    };
    let now = jiff::ZonedDateTime::now();
    set.inspect(&Mail { envelope: &envelope, opened, size: mail.len() as u64, now, deadline })
}
