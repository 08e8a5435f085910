//! Content filtering policies as plain data: conditions on header, envelope and size, and the actions that follow. No I/O.
//!
//! Filters are tried in their order for each recipient's copy. The first whose conditions hold decides, unless it says
//! `go-on = true`: then its actions apply and the next ones are tried as well. A copy that no filter decides about is delivered.

mod condition;
mod judge;

use serde::{Deserialize, Serialize};

pub use condition::{Condition, Test};
pub use judge::{Facts, Judge, Step, Verdict};

use crate::Destination;

/// One content filtering policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Filter {
    /// Unique among filters.
    pub name: String,
    /// A filter that is off is not tried.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// When it applies.
    pub when: Condition,
    /// What is done, in this order.
    pub actions: Vec<Action>,
    /// The filters behind it are tried as well.
    #[serde(default)]
    pub go_on: bool,
    /// What Approve means for copies that it held.
    #[serde(default = "deliver")]
    pub approve: Vec<Action>,
    /// What Reject means.
    #[serde(default = "delete")]
    pub reject: Vec<Action>,
    /// What Custom means.
    #[serde(default = "deliver_tagged")]
    pub custom: Vec<Action>,
}

/// What a filter does, or what a decision means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Action {
    /// Create a quarantine incident: the copy waits in this folder. Only in a filter's own actions.
    Hold(String),
    /// Create an informational incident in this folder; the copy goes its way. Only in a filter's own actions.
    Inform(String),
    /// Deliver.
    Deliver,
    /// Delete without a word.
    Delete,
    /// Deliver to these instead of the recipient.
    Redirect(Vec<String>),
    /// Send a copy to an archive address.
    Archive(Archive),
    /// Add a header line.
    AddHeader(Line),
    /// Remove all header lines of this name.
    RemoveHeader(String),
    /// Put text before or after the subject.
    TagSubject(Tag),
    /// Deliver by this host instead of the usual one (an encryption gateway, for example).
    Route(Destination),
    /// Send a notice.
    Notify(Notice),
}

/// A journal copy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Archive {
    /// Where it goes.
    pub to: String,
    /// `X-archive-tag` of the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// A header line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A text beside the subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// Before it.
    #[serde(default)]
    pub prefix: String,
    /// Behind it.
    #[serde(default)]
    pub suffix: String,
}

/// A notice to people. In both texts `$SENDER$`, `$RECIPIENT$`, `$SUBJECT$`, `$REASON$`, `$INCIDENT_ID$`, `$POLICY_IDS$`,
/// `$SNAPSHOT$` and `$RELEASE$` (a link by which the sender asks for release) are filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Addresses; `sender` stands for the envelope sender.
    pub to: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
}

/// What a copy's decisions mean, and the header changes that it leaves with: kept with the copy, so that a filter that is
/// changed later does not change what was promised for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Approve.
    pub approve: Vec<Action>,
    /// Reject.
    pub reject: Vec<Action>,
    /// Custom.
    pub custom: Vec<Action>,
    /// Header changes of the filters that it passed.
    #[serde(default)]
    pub changes: Changes,
}

/// How the header of a copy that leaves differs from what came (besides the lines that always go).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Lines put on top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<Line>,
    /// Names whose lines go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Texts beside the subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

impl Filter {
    /// The filter of an installation without a configuration: what a detection server marked is held.
    pub fn standard(folder: &str) -> Self {
        Self {
            name: "Marked by Data Loss Prevention".to_owned(),
            enabled: true,
            when: Condition::HasUniqueMessageId,
            actions: vec![Action::Hold(folder.to_owned())],
            go_on: false,
            approve: deliver(),
            reject: delete(),
            custom: deliver_tagged(),
        }
    }

    /// What is wrong with it: where, and what to write instead.
    pub fn check(&self, folders: &[crate::Folder]) -> Result<(), String> {
        if self.name.trim().is_empty() || self.name.len() > 200 {
            return Err("name: write 1 to 200 characters".to_owned());
        }
        let at = |place: &str, why: String| format!("filter {:?}, {place}: {why}", self.name);
        self.when.check().map_err(|why| at("when", why))?;
        if self.actions.is_empty() {
            return Err(at("actions", "write at least one, for example \"deliver\"".to_owned()));
        }
        for action in &self.actions {
            action.check(Some(folders)).map_err(|why| at("actions", why))?;
        }
        for (name, actions) in
            [("approve", &self.approve), ("reject", &self.reject), ("custom", &self.custom)]
        {
            if actions.is_empty() {
                return Err(at(name, "write at least \"deliver\" or \"delete\"".to_owned()));
            }
            actions.iter().try_for_each(|action| action.check(None)).map_err(|why| at(name, why))?;
            let says = |wanted: &[fn(&Action) -> bool]| {
                actions.iter().filter(|action| wanted.iter().any(|is| is(action))).count()
            };
            let fates = says(&[
                |a| matches!(a, Action::Deliver),
                |a| matches!(a, Action::Delete),
                |a| matches!(a, Action::Redirect(_)),
            ]);
            if fates != 1 {
                let why = "write exactly one of \"deliver\", \"delete\" and redirect: it says what becomes of the mail";
                return Err(at(name, why.to_owned()));
            }
        }
        Ok(())
    }

    /// Names of the folders that it puts mail into.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().filter_map(|action| match action {
            Action::Hold(folder) | Action::Inform(folder) => Some(folder.as_str()),
            _ => None,
        })
    }
}

impl Action {
    /// `folders`: those that there are, where an incident may be created.
    fn check(&self, folders: Option<&[crate::Folder]>) -> Result<(), String> {
        use crate::FolderKind::{Hold, Informational};
        match self {
            Self::Hold(name) => folder_of(name, Hold, folders),
            Self::Inform(name) => folder_of(name, Informational, folders),
            Self::Redirect(to) if to.is_empty() => Err("redirect: write at least one address".to_owned()),
            Self::Redirect(to) => to.iter().try_for_each(|address| address_is_good(address)),
            Self::Archive(archive) => address_is_good(&archive.to),
            Self::AddHeader(line) => name_is_good(&line.name),
            Self::RemoveHeader(name) => name_is_good(name),
            Self::TagSubject(tag) if tag.prefix.trim().is_empty() && tag.suffix.trim().is_empty() => {
                Err("tag-subject: write a prefix or a suffix".to_owned())
            }
            Self::Notify(notice) => {
                let addresses = notice.to.iter().filter(|to| *to != "sender");
                addresses.into_iter().try_for_each(|address| address_is_good(address))
            }
            Self::Deliver | Self::Delete | Self::TagSubject(_) | Self::Route(_) => Ok(()),
        }
    }
}

fn folder_of(name: &str, kind: crate::FolderKind, folders: Option<&[crate::Folder]>) -> Result<(), String> {
    let Some(folders) = folders else {
        return Err("hold and inform are for the filter's own actions, not for a decision".to_owned());
    };
    match folders.iter().find(|folder| folder.name == name) {
        Some(folder) if folder.kind == kind => Ok(()),
        Some(_) => Err(format!(
            "the folder {name:?} is of the other kind: hold needs a quarantine folder, inform an informational one"
        )),
        None => Err(format!("there is no folder {name:?}; make it first")),
    }
}

fn address_is_good(address: &str) -> Result<(), String> {
    match smtp::command::Rcpt::new(address) {
        Ok(_) => Ok(()),
        Err(why) => Err(format!("{address:?} is no mail address: {why}")),
    }
}

fn name_is_good(name: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_graphic() && c != ':';
    if name.is_empty() || name.len() > 76 || !name.chars().all(good) {
        return Err(format!("{name:?} is no name of a header field"));
    }
    let ours = smtp::header::is_ours(name.as_bytes(), "");
    let needed = ["received", "return-path"].contains(&name.to_ascii_lowercase().as_str());
    if ours || needed {
        return Err(format!("{name} is not for a filter to add or remove"));
    }
    Ok(())
}

fn yes() -> bool {
    true
}

fn deliver() -> Vec<Action> {
    vec![Action::Deliver]
}

fn delete() -> Vec<Action> {
    vec![Action::Delete]
}

fn deliver_tagged() -> Vec<Action> {
    vec![
        Action::TagSubject(Tag { prefix: "[DLP reviewed]".to_owned(), suffix: String::new() }),
        Action::Deliver,
    ]
}
