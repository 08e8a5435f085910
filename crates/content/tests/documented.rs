//! What the code tells apart stands on the page that says what is opened.

use content::{AmbiguityReason, FileKind, Kind};

const PAGE: &str = include_str!("../../../docs/what-is-opened.md");

#[test]
fn every_kind_reason_and_kind_of_text_is_on_the_page_of_what_is_opened() {
    let kinds = FileKind::ALL.iter().map(|kind| kind.as_str());
    let reasons = AmbiguityReason::ALL.iter().map(|reason| reason.as_str());
    let texts = Kind::ALL.iter().map(|kind| kind.as_str());
    let told = |name: &str| {
        PAGE.contains(&format!("`{name}`")) || PAGE.contains(&format!("`unsupported type {name}`"))
    };
    let missing: Vec<_> = kinds.chain(reasons).chain(texts).filter(|name| !told(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
