//! Containers made by other people's software (`documents/make.py`): what is in them is found, what stays closed is named.

use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{AmbiguityReason, FileKind, How, Kind, Limits, Opened, Reason, open_file};

fn open_with<'m>(name: &str, octets: &'m [u8], limits: &Limits, passwords: &[&str]) -> Opened<'m> {
    let passwords: Vec<String> = passwords.iter().map(|password| (*password).to_owned()).collect();
    let how = How {
        limits,
        deadline: Instant::now() + Duration::from_secs(60),
        documents: &InProcess,
        passwords: &passwords,
        digests: false,
    };
    open_file(name, octets, &how)
}

fn sample(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/documents/containers/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn open<'m>(name: &str, octets: &'m [u8]) -> Opened<'m> {
    open_with(name, octets, &Limits::default(), &[])
}

fn has(opened: &Opened<'_>, text: &str) -> bool {
    opened.segments.iter().any(|segment| segment.text.contains(text))
}

fn has_name(opened: &Opened<'_>, name: &str) -> bool {
    opened.segments.iter().any(|segment| segment.kind == Kind::FileName && segment.text.ends_with(name))
}

fn reasons<'a>(opened: &'a Opened<'_>) -> Vec<(&'a str, &'a Reason)> {
    opened.unscannable.iter().map(|one| (one.path.as_str(), &one.reason)).collect()
}

fn disagrees(opened: &Opened<'_>) -> bool {
    opened.ambiguous.iter().any(|one| one.reason == AmbiguityReason::ContainerDisagreement)
}

#[test]
fn every_kind_that_has_a_reader_is_read_without_a_finding() {
    for name in [
        "deflated.zip",
        "stored.zip",
        "bzip2.zip",
        "zip64.zip",
        "descriptor.zip",
        "commented.zip",
        "deflate64.zip",
        "lzma.zip",
        "streamed.zip",
        "zstd.zip",
        "names.zip",
        "dos-name.zip",
        "gnu.tar",
        "pax.tar",
        "ustar.tar",
        "sparse.tar",
        "gnu.tgz",
        "gnu.tar.xz",
        "gnu.tar.bz2",
        "gnu.tar.zst",
        "members.gz",
        "members.bz2",
        "members.xz",
        "members.zst",
        "lzma2.7z",
        "ppmd.7z",
        "bzip2.7z",
        "deflate.7z",
        "bcj.7z",
        "delta.7z",
        "copy.7z",
        "stored.cab",
        "mszip.cab",
        "joliet.iso",
        "plain.iso",
        "members.a",
        "package.deb",
        "package.rpm",
        "newc.cpio",
        "crc.cpio",
        "odc.cpio",
        "bin.cpio",
        "alone.lzma",
        "nested.zip",
    ] {
        let octets = sample(name);
        let opened = open(name, &octets);
        assert!(has(&opened, &format!("Amber {name}")), "{name}: {:?}", reasons(&opened));
        assert!(has(&opened, "4111 1111 1111 1111"), "{name}");
        assert_eq!(reasons(&opened), [], "{name}");
        assert_eq!(opened.ambiguous, [], "{name}");
    }
}

#[test]
fn an_empty_archive_is_clean() {
    let mut empty = vec![0; 22];
    empty[..4].copy_from_slice(b"PK\x05\x06");
    let opened = open("empty.zip", &empty);
    assert_eq!((reasons(&opened), &opened.ambiguous[..]), (vec![], &[][..]));
}

#[test]
fn paths_lead_through_every_container() {
    let octets = sample("nested.zip");
    let opened = open("nested.zip", &octets);
    let found = opened.segments.iter().find(|segment| segment.text.contains("Amber")).unwrap();
    assert_eq!(opened.path_of(found), "middle.7z > inner.tar > note.txt");
}

#[test]
fn names_and_comments_are_text() {
    for (name, expected) in [
        ("names.zip", "Grüße an Łódź.txt"),
        ("names.zip", "folder/"),
        ("dos-name.zip", "grüße.tx"),
        ("gnu.tar", "long-name-long-name-long-name-long-name-"),
        ("pax.tar", "long-name-long-name-long-name-long-name-"),
        ("joliet.iso", "A rather long name.txt"),
        ("members.a", "a-rather-long-member-name.txt"),
        ("newc.cpio", "note.txt"),
        ("bin.cpio", "link"),
        ("lzma2.7z", "empty.txt"),
        ("encrypted.7z", "note.txt"),
        ("ppmd.zip", "note.txt"),
    ] {
        let octets = sample(name);
        assert!(has_name(&open(name, &octets), expected), "{name}");
    }
    let octets = sample("commented.zip");
    let opened = open("commented.zip", &octets);
    let comment = opened.segments.iter().find(|segment| segment.kind == Kind::Comment).unwrap();
    assert_eq!(comment.text.trim(), "Amber comment of an entry");
}

#[test]
fn encrypted_entries_are_named_with_their_file_names_and_open_with_a_password() {
    for name in ["zipcrypto.zip", "aes256.zip", "aes128.zip", "encrypted.7z"] {
        let octets = sample(name);
        let closed = open(name, &octets);
        assert_eq!(reasons(&closed), [("note.txt", &Reason::Encrypted)], "{name}");
        assert!(has_name(&closed, "note.txt") && !has(&closed, "Amber"), "{name}");
        let wrong = open_with(name, &octets, &Limits::default(), &["wrong", "tulip8"]);
        assert_eq!(reasons(&wrong), [("note.txt", &Reason::Encrypted)], "{name}");
        let opened = open_with(name, &octets, &Limits::default(), &["wrong", "tulip7"]);
        assert!(has(&opened, &format!("Amber {name}")), "{name}");
        assert_eq!(reasons(&opened), [], "{name}");
    }
}

#[test]
fn an_encrypted_directory_is_named_and_opens_with_a_password() {
    let octets = sample("encrypted-header.7z");
    assert_eq!(reasons(&open("x.7z", &octets)), [("", &Reason::Encrypted)]);
    let opened = open_with("x.7z", &octets, &Limits::default(), &["tulip7"]);
    assert!(has(&opened, "Amber encrypted-header.7z"));
}

#[test]
fn every_reading_of_an_archive_that_programs_disagree_about_is_read() {
    for name in [
        "local-name.zip",
        "hidden.zip",
        "two-in-one.zip",
        "method.zip",
        "flagged.zip",
        "behind-the-end.tar",
        "two-sizes.tar",
        "behind.gz",
        "hidden.iso",
    ] {
        let octets = sample(name);
        let opened = open(name, &octets);
        assert!(disagrees(&opened), "{name}");
        assert!(has(&opened, &format!("Amber {name}")), "{name}: {:?}", reasons(&opened));
    }
    let octets = sample("local-name.zip");
    let opened = open("local-name.zip", &octets);
    assert!(has_name(&opened, "note.txt") && has_name(&opened, "evil.exe"));
    let octets = sample("prepended.zip");
    let opened = open("prepended.zip", &octets);
    assert!(has(&opened, "Amber prepended.zip") && opened.unscannable.is_empty(), "{:?}", reasons(&opened));
}

#[test]
fn an_archive_behind_what_unpacks_it_is_opened() {
    let program = [
        b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".as_slice(),
        &[0x90; 500],
        b"7z\xbc\xaf\x27\x1c Rar!\x1a\x07 MSCF\0\0\0\0 PK\x05\x06",
    ]
    .concat();
    let elf = [b"\x7fELF\x02\x01\x01\0".as_slice(), &[0; 500]].concat();
    let script = b"#!/bin/sh\ntail -n +3 \"$0\" | tar xz\nexit 0\n".to_vec();
    for (stub, name) in [
        (&program, "deflated.zip"),
        (&program, "zip64.zip"),
        (&program, "lzma2.7z"),
        (&program, "mszip.cab"),
        (&elf, "deflated.zip"),
        (&elf, "lzma2.7z"),
        (&script, "gnu.tgz"),
        (&script, "gnu.tar.xz"),
        (&script, "gnu.tar.bz2"),
        (&script, "gnu.tar.zst"),
        (&script, "deflated.zip"),
        (&b"any words before the archive, and more of them".to_vec(), "zip64.zip"),
    ] {
        let octets = [stub.as_slice(), &sample(name)].concat();
        let opened = open("setup.exe", &octets);
        assert!(has(&opened, &format!("Amber {name}")), "{name}: {:?}", reasons(&opened));
        assert!(disagrees(&opened), "{name}");
        assert_eq!(reasons(&opened), [], "{name}");
    }
    // A program that only has the signatures among its texts is a program.
    let opened = open("setup.exe", &program);
    assert_eq!((reasons(&opened), &opened.ambiguous[..]), (vec![], &[][..]));
}

#[test]
fn archives_one_behind_the_other_are_one_and_what_else_follows_is_said() {
    let (first, second) = (sample("newc.cpio"), sample("odc.cpio"));
    let octets = [first.as_slice(), &second].concat();
    let opened = open("both.cpio", &octets);
    assert!(has(&opened, "Amber newc.cpio") && has(&opened, "Amber odc.cpio"));
    assert_eq!((reasons(&opened), &opened.ambiguous[..]), (vec![], &[][..]));
    let octets = [first, sample("deflated.zip")].concat();
    let opened = open("more.cpio", &octets);
    assert!(has(&opened, "Amber deflated.zip") && disagrees(&opened));
}

#[test]
fn a_damaged_archive_gives_what_it_has_and_says_that_it_is_damaged() {
    for name in ["cut.zip", "cut.gz"] {
        let octets = sample(name);
        let opened = open(name, &octets);
        assert!(has(&opened, &format!("Amber {name}")), "{name}");
        assert!(opened.unscannable.iter().any(|one| one.reason == Reason::Corrupt), "{name}");
    }
    for name in [
        "deflated.zip",
        "gnu.tar",
        "lzma2.7z",
        "mszip.cab",
        "joliet.iso",
        "members.a",
        "package.rpm",
        "newc.cpio",
        "alone.lzma",
    ] {
        let octets = sample(name);
        // The first octets make it that kind; the last third is gone.
        let cut = &octets[..octets.len() * 2 / 3];
        let opened = open(name, cut);
        assert!(!opened.unscannable.is_empty() || has(&opened, "Amber"), "{name} ends in silence");
    }
}

#[test]
fn a_method_without_a_reader_is_named_with_its_files() {
    let octets = sample("ppmd.zip");
    assert_eq!(reasons(&open("x.zip", &octets)), [("note.txt", &Reason::Unsupported(FileKind::Zip))]);
}

#[test]
fn a_bomb_of_overlapping_entries_meets_a_bound_and_says_where() {
    let octets = sample("overlapping.zip");
    let limits = Limits { octets_out: 32 << 20, ..Limits::default() };
    let began = Instant::now();
    let opened = open_with("bomb.zip", &octets, &limits, &[]);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(opened.unscannable.iter().any(|one| matches!(one.reason, Reason::TooBig | Reason::Ratio)));
    assert!(disagrees(&opened));
    assert!(
        opened.parts.iter().map(|part| part.size).sum::<u64>() <= limits.octets_out + octets.len() as u64
    );
}

#[test]
fn more_entries_than_parts_are_allowed_is_a_finding_and_the_first_ones_count() {
    let octets = sample("overlapping.zip");
    let limits = Limits { parts: 10, ..Limits::default() };
    let opened = open_with("many.zip", &octets, &limits, &[]);
    assert!(
        opened.unscannable.iter().any(|one| one.reason == Reason::TooManyParts),
        "{:?}",
        reasons(&opened)
    );
    assert!(opened.parts.len() >= 5);
}

#[test]
fn a_ratio_beyond_the_bound_is_a_finding() {
    let octets = sample("overlapping.zip");
    let limits = Limits { ratio: 10, ..Limits::default() };
    let opened = open_with("bomb.zip", &octets, &limits, &[]);
    assert!(opened.unscannable.iter().any(|one| one.reason == Reason::Ratio), "{:?}", reasons(&opened));
}
