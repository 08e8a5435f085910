//! The document readers stand any change to their samples: no panic, no more out than allowed, an end in time.

use content::documents::fuzz_docs;
use proptest::prelude::*;

type Body = fn(&[u8]);

const BODIES: [(&str, Body); 24] = [
    ("report.pdf", fuzz_docs::pdf),
    ("streams.pdf", fuzz_docs::pdf),
    ("letter.rtf", fuzz_docs::rtf),
    ("rightward.rtf", fuzz_docs::rtf),
    ("letter.doc", fuzz_docs::doc),
    ("rightward.doc", fuzz_docs::doc),
    ("rightward.xls", fuzz_docs::xls),
    ("lists.doc", fuzz_docs::doc),
    ("form.doc", fuzz_docs::doc),
    ("lists.doc", fuzz_docs::onenote),
    ("lists.doc", fuzz_docs::iwa),
    ("book.xls", fuzz_docs::xls),
    ("letter.doc", fuzz_docs::msg),
    ("people.sqlite", fuzz_docs::sqlite),
    ("photo.jpg", fuzz_docs::image),
    ("iptc.jpg", fuzz_docs::image),
    ("iptc.tiff", fuzz_docs::image),
    ("photo.png", fuzz_docs::image),
    ("photo.tiff", fuzz_docs::image),
    ("photo.gif", fuzz_docs::image),
    ("photo.avif", fuzz_docs::image),
    ("scans/samples.pdf", fuzz_docs::pixels),
    ("scans/fax.pdf", fuzz_docs::pixels),
    ("scans/second.tiff", fuzz_docs::pixels),
];

fn folder(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(folder("tests/samples").join(name)).expect("sample")
}

/// Files that once went wrong, and seeds.
#[test]
fn the_corpus_is_replayed() {
    let mut replayed = 0;
    for (name, body) in BODIES {
        body(&sample(name));
        replayed += 1;
    }
    for entry in std::fs::read_dir(folder("tests/samples/found")).into_iter().flatten().flatten() {
        let octets = std::fs::read(entry.path()).expect("found");
        for (_, body) in BODIES {
            body(&octets);
        }
        fuzz_docs::ppt(&octets);
        fuzz_docs::xlsb(&octets);
        fuzz_docs::encrypted(&octets);
        replayed += 1;
    }
    for entry in std::fs::read_dir(folder("tests/corpus/encrypted")).expect("a folder").flatten() {
        let octets = std::fs::read(entry.path()).expect("a seed");
        // As it comes, and with octets changed in its description and in what is encrypted.
        fuzz_docs::encrypted(&octets);
        for at in (0..octets.len()).step_by((octets.len() / 6).max(1)) {
            let mut changed = octets.clone();
            changed[at] ^= 0x41;
            fuzz_docs::encrypted(&changed);
        }
        replayed += 1;
    }
    for name in ["rc4.doc", "cryptoapi.doc", "cryptoapi.ppt", "xor.xls"] {
        let octets = std::fs::read(folder("tests/documents/locked").join(name)).expect(name);
        for length in (0..octets.len()).step_by((octets.len() / 20).max(1)) {
            fuzz_docs::encrypted(&octets[..length]);
            let mut changed = octets.clone();
            changed[length] ^= 0x41;
            fuzz_docs::encrypted(&changed);
        }
        replayed += 1;
    }
    assert!(replayed >= BODIES.len());
}

#[test]
fn every_cut_of_small_samples_is_read_or_refused() {
    for (name, body) in BODIES {
        let octets = sample(name);
        let step = (octets.len() / 40).max(1);
        for length in (0..octets.len()).step_by(step) {
            body(&octets[..length]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_octets_never_panic(
        which in 0..BODIES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
    ) {
        let (name, body) = BODIES[which];
        let mut octets = sample(name);
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        body(&octets);
    }

    #[test]
    fn noise_behind_a_signature_never_panics(noise in prop::collection::vec(any::<u8>(), 0..4096)) {
        fuzz_docs::ppt(&noise);
        fuzz_docs::xls(&noise);
        fuzz_docs::xlsb(&noise);
        fuzz_docs::flat(&noise);
        fuzz_docs::encrypted(&noise);
        fuzz_docs::encrypted(&[b"\x40\x00\x03\0\x02\0\x24\0\0\0", noise.as_slice()].concat());
        fuzz_docs::pixels(&[b"GIF89a", noise.as_slice()].concat());
        fuzz_docs::rtf(&[b"{\\rtf1 ", noise.as_slice()].concat());
        fuzz_docs::pdf(&[b"%PDF-1.4\n", noise.as_slice()].concat());
        fuzz_docs::msg(&[b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", noise.as_slice()].concat());
    }
}
