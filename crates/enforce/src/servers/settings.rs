//! Which settings can be given to a detection server from here, by the guide's page for Network Prevent.

use crate::Error;

/// Keys below `prevent`, or the tables they stand in.
const KEYS: &[&str] = &[
    "trial",
    "break_glass",
    "mode",
    "next_hop",
    "resubmit_port",
    "allowed_hosts",
    "pass_header",
    "refused_copy",
    "limits.",
    "timeouts.",
    "line_ends.",
    "incident_url",
];

/// Whether a setting can be given from here: nothing that names files or ports of that machine.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    let known = KEYS.iter().any(|one| if one.ends_with('.') { key.starts_with(one) } else { key == *one });
    if known {
        return Ok(());
    }
    let shown = key.escape_debug().to_string();
    Err(Error::Refused(format!(
        "{shown:?} cannot be set from here; there are {}",
        KEYS.iter()
            .map(|key| if key.ends_with('.') { format!("{key}*") } else { (*key).to_owned() })
            .collect::<Vec<_>>()
            .join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_files_or_ports_of_another_machine_is_not_set_from_here() {
        check_key("trial").unwrap();
        check_key("limits.sessions").unwrap();
        for wrong in ["listen", "data", "tls.key", "notices.secret_file", "trial.x", "limits", ""] {
            assert!(check_key(wrong).is_err(), "{wrong}");
        }
    }
}
