//! What a viewer reaches: which folders, and which incidents in them. What cannot be judged here is not reached; what is reached
//! comes from here as the role sees it.

use std::collections::BTreeSet;

use web::people::{Condition, Privilege};
use web::{Problem, Viewer};

use super::Center;
use super::seen::{OfMail, Seen};
use crate::{Bounds, CopyFilter, CopyLine, FolderRow, Gateway, Who};

/// The folders that a viewer reaches, and the policies that bound it within them.
#[derive(Debug)]
pub(super) struct Reach<'v> {
    viewer: &'v Viewer,
    pub(super) folders: Vec<FolderRow>,
    /// Whether these are all folders there are.
    pub(super) all_folders: bool,
    /// Whether the role is for some folders, not for whatever passes.
    names_folders: bool,
    policies: Vec<BTreeSet<u32>>,
}

impl<'v> Reach<'v> {
    /// Of somebody who may view folders at all.
    pub(super) async fn of(center: &Center, viewer: &'v Viewer) -> Result<Self, Problem> {
        viewer.require(Privilege::ViewQuarantine)?;
        Self::whatever(center, viewer).await
    }

    /// Of somebody who may see mail in another way: the message audit, the queue. They show nothing of folders that would not be
    /// shown as folders.
    pub(super) async fn whatever(center: &Center, viewer: &'v Viewer) -> Result<Self, Problem> {
        let all = center.gateway.folders().await?;
        let (count, mut folders) = (all.len(), all);
        let (mut policies, mut names_folders) = (Vec::new(), false);
        for condition in &viewer.role.rights.access {
            match condition {
                Condition::Folder { any_of } => {
                    names_folders = true;
                    folders.retain(|row| i64::try_from(row.id).is_ok_and(|id| any_of.contains(&id)));
                }
                Condition::Policy { any_of } => policies.push(any_of.clone()),
                // Severities and attributes are Enforce's: a role that is bound by them reaches nothing here.
                Condition::Severity { .. } | Condition::Attribute { .. } => {
                    folders.clear();
                    policies.push(BTreeSet::new());
                }
            }
        }
        folders.retain(|row| {
            let reviewers = &row.folder.reviewers;
            reviewers.is_empty()
                || reviewers.iter().any(|one| {
                    one.eq_ignore_ascii_case(&viewer.name) || one.eq_ignore_ascii_case(&viewer.role.name)
                })
        });
        let all_folders = folders.len() == count;
        Ok(Self { viewer, folders, all_folders, names_folders, policies })
    }

    /// Whether an incident is within reach.
    pub(super) fn has(&self, line: &CopyLine) -> bool {
        self.has_folder(&line.folder)
            && self.policies.iter().all(|any_of| line.policy_ids.iter().any(|id| any_of.contains(id)))
    }

    fn has_folder(&self, name: &str) -> bool {
        self.folders.iter().any(|row| row.folder.name == name)
    }

    /// The question, bound to incidents within reach: of one folder that is, or of all where the viewer reaches all.
    pub(super) fn bind(&self, filter: CopyFilter) -> Result<CopyFilter, Problem> {
        match filter.folder {
            Some(id) if self.folder(id).is_none() => Err(Problem::NotFound),
            None if !self.all_folders => Err(Problem::Unfit("Choose a folder first.".to_owned())),
            _ => Ok(CopyFilter { within: self.policies.clone(), ..filter }),
        }
    }

    /// A page of incidents within reach, and `before` of the next one.
    pub(super) async fn page(
        &self,
        gateway: &Gateway,
        filter: CopyFilter,
    ) -> Result<(Vec<Seen<CopyLine>>, Option<u64>), Problem> {
        let page = gateway.copies(&self.bind(filter)?).await?;
        Ok((self.seen(page.copies), page.next))
    }

    /// Of these incidents those within reach.
    pub(super) fn seen(&self, lines: Vec<CopyLine>) -> Vec<Seen<CopyLine>> {
        lines.into_iter().filter(|line| self.has(line)).map(|line| line.seen_by(self.viewer)).collect()
    }

    /// The folder of that number.
    pub(super) fn folder(&self, id: u64) -> Option<&FolderRow> {
        self.folders.iter().find(|row| row.id == id)
    }

    /// What a question about messages or the queue is bound to; none where everything is within reach.
    pub(super) fn bounds(&self) -> Option<Bounds> {
        (!self.everything()).then(|| Bounds {
            folders: self.folders.iter().map(|row| row.id).collect(),
            passing: !self.names_folders,
            within: self.policies.clone(),
        })
    }

    /// Whether everything there is is within reach.
    pub(super) fn everything(&self) -> bool {
        self.all_folders && !self.names_folders && self.policies.is_empty()
    }
}

/// One incident, if it is there and within reach; otherwise it looks as if it were not there.
pub(super) async fn snapshot<'v>(
    center: &Center,
    viewer: &'v Viewer,
    id: u64,
) -> Result<(Reach<'v>, Seen<crate::Snapshot>), Problem> {
    let reach = Reach::of(center, viewer).await?;
    let mut snapshot = center.gateway.snapshot(id).await?.ok_or(Problem::NotFound)?;
    if !reach.has(&snapshot.line) {
        return Err(Problem::NotFound);
    }
    // They are of the same message, so the same policies are violated: the folder alone decides.
    snapshot.related.retain(|one| reach.has_folder(&one.folder));
    Ok((reach, snapshot.seen_by(viewer)))
}

/// One incident as in the list, under the same conditions.
pub(super) async fn line<'v>(
    center: &Center,
    viewer: &'v Viewer,
    id: u64,
) -> Result<(Reach<'v>, Seen<CopyLine>), Problem> {
    let reach = Reach::of(center, viewer).await?;
    let found = reach.seen(center.gateway.line(id).await?.into_iter().collect());
    let line = found.into_iter().next().ok_or(Problem::NotFound)?;
    Ok((reach, line))
}

/// Of these incidents (1,000 at most) those within reach, newest first.
pub(super) async fn lines(
    gateway: &Gateway,
    reach: &Reach<'_>,
    ids: &[u64],
) -> Result<Vec<Seen<CopyLine>>, Problem> {
    let filter = CopyFilter { ids: Some(ids.to_vec()), limit: ids.len(), ..CopyFilter::default() };
    Ok(reach.seen(gateway.copies(&filter).await?.copies))
}

/// For histories.
pub(super) fn who(viewer: &Viewer) -> Who {
    Who { name: viewer.name.clone(), from: Some(viewer.peer.clone()) }
}
