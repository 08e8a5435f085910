//! Indexes for the reports about them, made when they are asked for: what they are is told by the name of the folder.

#![allow(unreachable_pub, clippy::unwrap_used)]

use std::path::Path;

use policy::index::{
    ColumnOption, ExactOptions, IndexKey, IndexKeys, IndexKind, Indexes, Kind, LearnedBuilder, build_exact,
};

/// The indexes of a folder of reports.
pub fn made_for(folder: &Path) -> Indexes {
    let dir = tempfile::tempdir().unwrap();
    let name = folder.file_name().unwrap().to_str().unwrap();
    let keys = dir.path().join("keys");
    std::fs::create_dir(dir.path().join("indexes")).unwrap();
    match name {
        _ if name.starts_with("W0304") => poor(dir.path()),
        _ if name.starts_with("E033") || name.starts_with("W030") => customers(dir.path()),
        _ => {}
    }
    let path = IndexKind::Exact.file_in(dir.path(), "customers");
    match &name[..5] {
        "E0331" => std::fs::write(path, "this is no index at all, and it never was one: it is text").unwrap(),
        "W0301" => age(&path),
        "W0302" => open_to_all(&keys.join("customers.key")),
        _ => {}
    }
    Indexes::open(dir.path(), &IndexKeys::in_dir(keys))
}

fn key(dir: &Path, name: &str) -> IndexKey {
    IndexKey::read_or_make(&dir.join(format!("keys/{name}.key"))).unwrap()
}

fn customers(dir: &Path) {
    let kinds = [
        ("first_name", Kind::Name),
        ("last_name", Kind::Name),
        ("ssn", Kind::Number),
        ("email", Kind::Email),
    ];
    let columns =
        kinds.map(|(name, kind)| ColumnOption { name: name.into(), kind, order: None, home: None }).to_vec();
    let options = ExactOptions {
        columns,
        separator: None,
        no_header: false,
        stop: vec![],
        source: "crm/customers.csv".into(),
        max_age_days: 30,
        size: Some(100),
    };
    let table = "first_name,last_name,ssn,email\nAnn,Lee,123-45-6789,ann@shop.example\n";
    build_exact(
        table.as_bytes(),
        &options,
        &key(dir, "customers"),
        &IndexKind::Exact.file_in(dir, "customers"),
        &|_| (),
    )
    .unwrap();
}

/// A learned policy of texts that nobody can tell apart.
fn poor(dir: &Path) {
    let mut builder = LearnedBuilder::new(&key(dir, "mergers"), "texts", 0).unwrap();
    for at in 0..60 {
        let text = "the same words in every text ".repeat(10);
        builder.add(std::iter::once(text.as_str()), at % 3 == 0);
    }
    builder.finish(&IndexKind::Learned.file_in(dir, "mergers"), true).unwrap();
}

/// Writes the index as one that was made on the first of July 2020.
fn age(path: &Path) {
    let octets = std::fs::read(path).unwrap();
    let end = octets.len() - 48;
    let len = u64::from_le_bytes(octets[end + 32..end + 40].try_into().unwrap()) as usize;
    let header = String::from_utf8(octets[end - len..end].to_vec()).unwrap();
    let (before, rest) = header.split_once("\"built\":").unwrap();
    let (_, after) = rest.split_once(',').unwrap();
    let header = format!("{before}\"built\":1593561600,{after}");
    let magic = &octets[end + 40..];
    let new = [
        &octets[..end - len],
        header.as_bytes(),
        blake3::hash(header.as_bytes()).as_bytes(),
        &(header.len() as u64).to_le_bytes(),
        magic,
    ]
    .concat();
    std::fs::write(path, new).unwrap();
}

fn open_to_all(key: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).unwrap();
}
