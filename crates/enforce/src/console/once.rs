//! Forms that are done once, however often they are sent: each is made with a number of its own.

use uuid::Uuid;

/// For a new form's hidden field `once`.
pub(super) fn new_once() -> String {
    Uuid::now_v7().to_string()
}

/// As it came back.
pub(super) fn read_once(text: &str) -> Result<Uuid, String> {
    Uuid::try_parse(text)
        .map_err(|_| "The number of the form cannot be read: open the page again.".to_owned())
}
