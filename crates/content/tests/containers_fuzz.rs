//! The samples replayed through every fuzz body, whole and damaged: no panic, the budget kept. Seconds here; hours in `fuzz/`.

#![allow(clippy::unwrap_used)]

use content::documents::fuzz::TARGETS;
use proptest::prelude::*;

fn samples() -> Vec<Vec<u8>> {
    let folder = format!("{}/tests/documents", env!("CARGO_MANIFEST_DIR"));
    let folders = [format!("{folder}/containers"), format!("{folder}/office")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let octets = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    // The large ones are mostly zeros and are read elsewhere.
    octets.filter(|octets| octets.len() < 30_000).collect()
}

#[test]
fn every_sample_goes_through_every_target() {
    let samples = samples();
    assert!(samples.len() > 50);
    for (_, target) in TARGETS {
        samples.iter().for_each(|sample| target(sample));
    }
}

/// Damage: octets changed, a stretch cut out, the end cut off.
fn damage(mut sample: Vec<u8>, changes: &[(f64, u8)], cut: (f64, f64), keep: f64) -> Vec<u8> {
    let at = |share: f64, length: usize| (share * length as f64) as usize;
    for (share, octet) in changes {
        let place = at(*share, sample.len());
        if let Some(old) = sample.get_mut(place) {
            *old ^= octet;
        }
    }
    let (from, to) = (at(cut.0.min(cut.1), sample.len()), at(cut.0.max(cut.1), sample.len()));
    if to - from < 64 {
        sample.drain(from..to);
    }
    if keep < 0.5 {
        sample.truncate(at(keep * 2.0, sample.len()));
    }
    sample
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_sample_is_stood_by_the_reader_of_its_kind(
        choice in any::<prop::sample::Index>(),
        changes in prop::collection::vec((0.0..1.0, any::<u8>()), 0..12),
        cut in (0.0..1.0, 0.0..1.0),
        keep in 0.0..1.0,
    ) {
        let samples = samples();
        let octets = damage(samples[choice.index(samples.len())].clone(), &changes, cut, keep);
        for (_, target) in TARGETS {
            target(&octets);
        }
    }

    /// What is not zero in an image of a disc is what leads to its files.
    #[test]
    fn a_damaged_tree_of_a_disc_is_stood(
        name in prop_oneof![Just("udf-alone"), Just("udf-bridge")],
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let path = format!("{}/tests/documents/containers/{name}.iso.gz", env!("CARGO_MANIFEST_DIR"));
        let mut image = Vec::new();
        std::io::copy(&mut flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()), &mut image).unwrap();
        let told: Vec<usize> = (0..image.len()).filter(|at| image[*at] != 0).collect();
        for (index, octet) in changes {
            image[told[index.index(told.len())]] = octet;
        }
        TARGETS.iter().filter(|(name, _)| *name == "iso").for_each(|(_, target)| target(&image));
    }

    #[test]
    fn no_octets_are_too_odd(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        for (_, target) in TARGETS {
            target(&octets);
        }
    }
}
