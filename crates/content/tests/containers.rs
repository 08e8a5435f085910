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
        "ppmd.zip",
        "streamed.zip",
        "zstd.zip",
        "names.zip",
        "dos-name.zip",
        "gnu.tar",
        "v7.tar",
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
        "lzx.cab",
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
    for name in [
        "zipcrypto.zip",
        "descriptor-zipcrypto.zip",
        "aes256.zip",
        "aes128.zip",
        "deflate64-zipcrypto.zip",
        "deflate64-aes256.zip",
        "bzip2-zipcrypto.zip",
        "bzip2-aes256.zip",
        "lzma-zipcrypto.zip",
        "lzma-aes256.zip",
        "ppmd-zipcrypto.zip",
        "ppmd-aes256.zip",
        "encrypted.7z",
    ] {
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
fn passwords_are_tried_as_programs_write_them() {
    for name in ["dos-password.zip", "windows-password.zip"] {
        let octets = sample(name);
        let opened = open_with(name, &octets, &Limits::default(), &["wrong", "Süß7"]);
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
fn an_archive_behind_any_other_kind_is_opened() {
    let database = std::fs::read(format!("{}/tests/samples/people.sqlite", env!("CARGO_MANIFEST_DIR")));
    let letter = std::fs::read(format!("{}/tests/samples/letter.doc", env!("CARGO_MANIFEST_DIR")));
    let page = [b"<html><body>".as_slice(), &b"words and words ".repeat(400)].concat();
    let picture = b"GIF89a\x01\0\x01\0\0\0\0;".to_vec();
    let report = b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n3 0 obj\n<</Type/Page/Parent 2 0 R>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n".to_vec();
    for (front, name) in [
        (sample("lzma2.7z"), "deflated.zip"),
        (sample("mszip.cab"), "deflated.zip"),
        (sample("joliet.iso"), "deflated.zip"),
        (sample("gnu.tar"), "zip64.zip"),
        (database.expect("a sample"), "deflated.zip"),
        (letter.expect("a sample"), "deflated.zip"),
        (page.clone(), "deflated.zip"),
        (page, "lzma2.7z"),
        (report.clone(), "lzma2.7z"),
        (report, "mszip.cab"),
        (picture, "lzma2.7z"),
        (b"ID3\x04\0\0\0\0\0\0".to_vec(), "mszip.cab"),
    ] {
        let octets = [front.as_slice(), &sample(name)].concat();
        let opened = open("file", &octets);
        let kind = opened.parts[0].kind;
        assert!(has(&opened, &format!("Amber {name}")), "{name} behind {kind}: {:?}", reasons(&opened));
        assert!(disagrees(&opened), "{name} behind {kind}");
    }
}

#[test]
fn the_tree_that_windows_shows_of_a_disc_is_read_by_itself_and_beside_others() {
    for name in ["udf-alone.iso.gz", "udf-bridge.iso.gz"] {
        let octets = sample(name);
        let opened = open(name, &octets);
        assert!(has(&opened, &format!("Amber {name}")), "{name}");
        assert_eq!(reasons(&opened), [], "{name}");
    }
    let octets = sample("udf-alone.iso.gz");
    let opened = open("udf-alone.iso.gz", &octets);
    assert!(has_name(&opened, "Ordner/note.txt") && has_name(&opened, "Łódź.txt"));
    assert!(disagrees(&opened), "the plain tree has no files");
    let octets = sample("udf-bridge.iso.gz");
    let opened = open("udf-bridge.iso.gz", &octets);
    assert!(has_name(&opened, "Ordner/Größe.txt") && !disagrees(&opened));
}

#[test]
fn a_tree_of_an_image_that_is_not_read_is_named() {
    let octets = sample("joliet.iso");
    let sector = |number: usize| number * 2048 + 1..number * 2048 + 6;
    let terminator = (16..30).find(|number| octets[number * 2048] == 255).expect("the last descriptor");
    let mut bridge = octets.clone();
    bridge[sector(terminator + 1)].copy_from_slice(b"NSR02");
    let opened = open("a.iso", &bridge);
    assert!(has(&opened, "Amber joliet.iso"));
    assert_eq!(reasons(&opened), [("", &Reason::Unsupported(FileKind::Iso))]);
    let mut alone = vec![0; 20 * 2048];
    alone[sector(16)].copy_from_slice(b"BEA01");
    alone[sector(17)].copy_from_slice(b"NSR03");
    assert_eq!(reasons(&open("a.img", &alone)), [("", &Reason::Unsupported(FileKind::Iso))]);
}

#[test]
fn an_archive_in_another_that_holds_it_is_no_disagreement() {
    for name in ["ustar.tar", "plain.iso", "gnu.tar", "bzip2.7z", "stored.cab", "nested.zip"] {
        let octets = sample(name);
        assert_eq!(open(name, &octets).ambiguous, [], "{name}");
    }
    let inner = sample("deflated.zip");
    let mut header = [b"a.zip".as_slice(), &[0; 95], b"0000644\x000000000\x000000000\0"].concat();
    header.extend(format!("{:011o}\0", inner.len()).bytes());
    header.extend(b"00000000000\0        0");
    header.resize(257, 0);
    header.extend(b"ustar\x0000");
    header.resize(512, 0);
    let sum: u32 = header.iter().map(|octet| u32::from(*octet)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tape = [header, inner].concat();
    tape.resize(tape.len().next_multiple_of(512) + 1024, 0);
    let opened = open("a.tar", &tape);
    assert!(has(&opened, "Amber deflated.zip"));
    assert_eq!((reasons(&opened), &opened.ambiguous[..]), (vec![], &[][..]));
}

/// What looks like nothing that anybody wrote, the same in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    next.take(length).collect()
}

#[test]
fn octets_that_only_begin_like_a_kind_without_text_are_named() {
    for start in [
        b"ID3\x04".as_slice(),
        b"OggS",
        b"fLaC",
        b"8BPS",
        b"\0\x01\0\0\0",
        b"\0\0\0\x18ftypmp42",
        b"MZ",
        b"\x7fELF",
        b"#!/bin/sh\n",
    ] {
        let octets = [start, &noise(20_000)].concat();
        let opened = open("file", &octets);
        let named = matches!(&opened.unscannable[..], [one] if matches!(one.reason, Reason::Unsupported(_)));
        assert!(named, "{start:?}: {:?}", opened.unscannable);
    }
}

#[test]
fn sound_film_and_pictures_are_no_finding_but_what_hangs_on_behind_them_is() {
    // Frames of 417 octets at 128 kbit/s, pages, chunks, boxes.
    let frame = [b"\xff\xfb\x90\0".as_slice(), &[0; 413]].concat();
    let page = [b"OggS\0".as_slice(), &[0; 21], &[1, 10], &[7; 10]].concat();
    let wave =
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\0\0\0";
    let film = b"\0\0\0\x10ftypmp42\0\0\0\0\0\0\0\x10moovabcdefgh\0\0\0\x0cmdatabcd";
    let icon = [b"\0\0\x01\0\x01\0\x01\x01\0\0\x01\0\x20\0\x08\0\0\0\x16\0\0\0".as_slice(), &[1; 8]].concat();
    for (kind, octets) in [
        (FileKind::Mp3, frame.repeat(20)),
        (FileKind::Mp3, [b"ID3\x04\0\0\0\0\0\0".as_slice(), &frame.repeat(20), b"TAG", &[0; 125]].concat()),
        (FileKind::Ogg, page.repeat(3)),
        (FileKind::Wav, wave.to_vec()),
        (FileKind::Mp4, film.to_vec()),
        (FileKind::Ico, icon),
    ] {
        let opened = open("file", &octets);
        assert_eq!((opened.parts[0].kind, reasons(&opened)), (kind, vec![]));
        let more = [octets, noise(5_000)].concat();
        assert_eq!(reasons(&open("file", &more)).len(), 1, "{kind}");
    }
    let picture = b"GIF89a\x01\0\x01\0\0\0\0;";
    assert_eq!(reasons(&open("a.gif", picture)), []);
    let more = [picture.as_slice(), &noise(5_000)].concat();
    assert_eq!(reasons(&open("a.gif", &more)), [("appended data", &Reason::Unsupported(FileKind::Unknown))]);
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
    // WavPack, in both headers.
    let mut octets = sample("ppmd.zip");
    let directory = octets.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    (octets[8], octets[directory + 10]) = (97, 97);
    assert_eq!(reasons(&open("x.zip", &octets)), [("note.txt", &Reason::Unsupported(FileKind::Zip))]);
}

#[test]
fn a_bomb_of_overlapping_entries_meets_a_bound_and_says_where() {
    let octets = sample("overlapping.zip");
    let limits = Limits { octets_out: 32 << 20, ..Limits::default() };
    let opened = open_with("bomb.zip", &octets, &limits, &[]);
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
