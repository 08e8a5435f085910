//! The files of `deploy/`: systemd accepts the unit and finds it tight, Weir accepts the example configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use weir_tests::certs::Authority;
use weir_tests::requirement::program;
use weir_tests::weir::binary;

fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name)
}

/// The units that are shipped.
fn units() -> Vec<String> {
    let names = fs::read_dir(deployed("systemd")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["weir-enforce.service", "weir-gateway.service", "weir-prevent.service"]);
    names
}

#[test]
fn the_units_are_under_2_0_by_systemd_analyze_security() {
    let Some(analyze) = program("systemd-analyze", "systemd") else { return };
    for unit in units() {
        let output = Command::new(&analyze)
            .args(["security", "--offline=true", "--threshold=20"])
            .arg(deployed("systemd").join(&unit))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("Overall exposure level"), "{unit}: {said}");
    }
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    let Some(analyze) = program("systemd-analyze", "systemd") else { return };
    let dir = TempDir::new().unwrap();
    for name in units() {
        // The program lies elsewhere in a build than on an installed system; systemd asks that it exists.
        let unit = fs::read_to_string(deployed("systemd").join(&name)).unwrap();
        let unit = unit.replace("/usr/bin/weir", &binary().to_string_lossy());
        let path = dir.path().join(&name);
        fs::write(&path, unit).unwrap();
        let output = Command::new(&analyze).args(["verify", "--man=no"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaints: Vec<&str> = said.lines().filter(|line| line.contains(&name)).collect();
        assert!(complaints.is_empty(), "{said}");
    }
}

/// `systemctl reload` sends SIGHUP, which ends a process that does not handle it; tests of each server send it.
#[test]
fn the_unit_of_enforce_has_nothing_to_reload_and_the_others_have() {
    for unit in units() {
        let text = fs::read_to_string(deployed("systemd").join(&unit)).unwrap();
        assert_eq!(text.contains("ExecReload="), unit != "weir-enforce.service", "{unit}");
        let subcommand = unit.strip_prefix("weir-").and_then(|name| name.strip_suffix(".service")).unwrap();
        assert!(text.contains(&format!("ExecStart=/usr/bin/weir {subcommand} --config /etc/weir/weir.toml")));
    }
}

#[test]
fn the_example_configuration_is_right() {
    let dir = TempDir::new().unwrap();
    let mut command = Command::new(binary());
    command.args(["config", "check", "--config"]).arg(deployed("weir.toml"));
    let output = command.env("WEIR_PREVENT_DATA", dir.path()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// Each configuration that a page shows, as it stands, but for the files of an installed system that it names.
#[test]
fn each_configuration_that_a_page_shows_is_right() {
    let dir = TempDir::new().unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.issue("dlp.example.com").write(dir.path(), "own");
    let ca = authority.write(dir.path(), "ca");
    let secret = dir.path().join("secret");
    fs::write(&secret, "password").unwrap();
    let here = |word: &str| match word {
        _ if word.ends_with("ca.pem") => ca.display().to_string(),
        _ if word.ends_with(".pem") => certificate.display().to_string(),
        _ if word.ends_with(".key") => key.display().to_string(),
        _ if word.ends_with(".password") => secret.display().to_string(),
        _ => word.to_owned(),
    };
    let mut shown = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let blocks = text.split("```toml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
        // Rules are for a policy directory, not for the configuration.
        for block in blocks.filter(|block| !block.starts_with("[[rule]]")) {
            // Every second piece stands between quotes.
            let words = block.split('"').enumerate();
            let words: Vec<String> =
                words.map(|(at, word)| if at % 2 == 1 { here(word) } else { word.to_owned() }).collect();
            let file = dir.path().join("weir.toml");
            fs::write(&file, words.join("\"")).unwrap();
            let mut command = Command::new(binary());
            let output = command.args(["config", "check", "--config"]).arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success(), "{}: {said}\n{block}", page.display());
            shown += 1;
        }
    }
    assert!(shown >= 8, "{shown} configurations");
}

/// README and all pages of the documentation.
fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(deployed("../docs")).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .chain([deployed("../README.md")])
        .collect()
}

#[test]
fn every_configuration_key_is_documented() {
    let text = fs::read_to_string(deployed("../docs/configuration.md")).unwrap();
    let output = Command::new(binary()).args(["config", "show"]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let keys: Vec<&str> = shown.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(keys.iter().any(|key| key.ends_with("listen")), "{shown}");
    for key in keys.iter().filter(|key| key.contains('.')) {
        let last = key.rsplit('.').next().unwrap();
        assert!(text.contains(&format!("`{last}`")), "docs/configuration.md does not name {key}");
    }
}

#[test]
fn every_test_that_the_page_of_known_holes_names_exists() {
    let page = fs::read_to_string(deployed("../docs/known-holes.md")).unwrap();
    let named: Vec<(&str, &str)> = page.split('`').filter_map(|word| word.split_once(".rs::")).collect();
    assert!(named.len() > 30, "{named:?}");
    for (file, test) in named {
        let path = deployed("..").join(format!("{file}.rs"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains(&format!("fn {test}(")), "{}.rs has no test {test}", file);
    }
}

#[test]
fn every_fuzz_body_has_its_target() {
    let manifest = fs::read_to_string(deployed("../fuzz/Cargo.toml")).unwrap();
    let mut called = String::new();
    for target in fs::read_dir(deployed("../fuzz/fuzz_targets")).unwrap() {
        let path = target.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml lacks {name}");
        called.push_str(&fs::read_to_string(&path).unwrap());
    }
    let bodies = [
        ("smtp", "src/fuzz.rs", "smtp::fuzz"),
        ("content", "src/fuzz.rs", "content::fuzz"),
        ("content", "src/documents/fuzz.rs", "content::documents::fuzz"),
        ("content", "src/documents/fuzz_docs.rs", "content::documents::fuzz_docs"),
        ("policy", "src/fuzz.rs", "policy::fuzz"),
        ("prevent", "src/fuzz.rs", "prevent::fuzz"),
    ];
    for (name, file, module) in bodies {
        let text = fs::read_to_string(deployed("../crates").join(name).join(file)).expect(file);
        let functions: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("pub fn ")?.split_once('('))
            .filter(|(_, rest)| rest.trim_start_matches("mut ").starts_with("octets: &[u8])"))
            .map(|(function, _)| function)
            .collect();
        assert!(!functions.is_empty(), "no fuzz body was found in {name}/{file}");
        for function in functions {
            assert!(
                called.contains(&format!("{module}::{function}(")),
                "fuzz/ has no target for {module}::{function}"
            );
        }
    }
}

#[test]
fn every_file_of_fuzz_bodies_is_looked_at() {
    let mut dirs = vec![deployed("../crates")];
    let mut found = 0;
    while let Some(dir) = dirs.pop() {
        for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                dirs.push(path);
            } else if name.starts_with("fuzz") && path.components().any(|part| part.as_os_str() == "src") {
                found += 1;
            }
        }
    }
    assert_eq!(found, 6, "a file of fuzz bodies came or went: every_fuzz_body_has_its_target must know it");
}
