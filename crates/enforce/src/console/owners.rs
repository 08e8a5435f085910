//! Who an incident can be given to: the users whose role may see it.

use incident::desk::{Condition, Count, Field, Scalar};
use web::people::Privilege;

use super::seen::reach;
use super::{Answer, Console};

/// Names that a field offers; others can be typed.
const OFFERED: usize = 500;

/// The names of the users who can sign in and have a role that reaches this incident, in order.
pub(super) async fn owners(console: &Console, id: u64) -> Answer<Vec<String>> {
    let people = console.enforce.site.people();
    let this = Condition::Is(Field::Id, vec![Scalar::Number(i64::try_from(id).unwrap_or(-1))]);
    let mut reaching = Vec::new();
    for role in people.roles().await? {
        if !role.rights.may(Privilege::ViewNetworkIncidents) {
            continue;
        }
        if console.desk.count(&reach(&role.rights), &this).await? == Count::Exactly(1) {
            reaching.push(role.id);
        }
    }
    let users = people.users().await?.into_iter();
    let able = users.filter(|user| !user.disabled && user.roles.iter().any(|(id, _)| reaching.contains(id)));
    let mut names: Vec<String> = able.take(OFFERED).map(|user| user.name).collect();
    names.sort();
    Ok(names)
}
