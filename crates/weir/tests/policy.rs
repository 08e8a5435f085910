//! `weir policy` as people and scripts meet it.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

const BROKEN: &str = "id = 7\nname = \"Cards\"\n[[rule]]\nname = \"r\"\nkeyword = \"visa\"\n";
const GOOD: &str = "id = 7\nname = \"Colours\"\nmode = \"on\"\n[[rule]]\nname = \"Red and blue\"\nall = [{ keywords = \"red\", at_least = 2 }, { keywords = \"blue\" }]\n";

fn run(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_weir")).args(args).output().unwrap();
    let read = |octets| String::from_utf8_lossy(octets).into_owned();
    (output.status.code().unwrap_or(-1), read(&output.stdout), read(&output.stderr))
}

fn dir(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn path(dir: &Path) -> &str {
    dir.to_str().unwrap()
}

#[test]
fn check_shows_file_line_and_remedy_and_exits_2() {
    let dir = dir(&[("cards.toml", BROKEN)]);
    let (code, _, err) = run(&["policy", "check", path(dir.path())]);
    assert_eq!(code, 2);
    assert!(err.contains("cards.toml:5:1") && err.contains("help: write `keywords`"), "{err}");
}

#[test]
fn check_of_a_good_set_tells_the_next_free_number() {
    let dir = dir(&[("p.toml", GOOD)]);
    let (code, out, err) = run(&["policy", "check", path(dir.path())]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("the next free number is 8"), "{out}");
}

#[test]
fn a_case_that_fails_is_told_with_its_place_and_exit_1() {
    let cases = "[[find]]\nname = \"both colours\"\nbody = \"red red blue\"\n\n[[miss]]\nname = \"near miss\"\nbody = \"red blue red\"\n";
    let dir = dir(&[("p.toml", GOOD), ("p.cases.toml", cases)]);
    let (code, out, err) = run(&["policy", "test", path(dir.path())]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("p.cases.toml:5: near miss") && out.contains("1 passed, 1 failed"), "{out}");
}

#[test]
fn explain_tells_how_near_a_rule_came() {
    let dir = dir(&[
        ("p.toml", GOOD),
        ("m.eml", "From: a@b.example\nTo: c@d.example\nSubject: x\n\nred and blue\n"),
    ]);
    let mail = dir.path().join("m.eml");
    let (code, out, err) = run(&["policy", "explain", "--policies", path(dir.path()), path(&mail)]);
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("no  keywords \"red\": 1 of 2") && out.contains("yes keywords \"blue\": 1"),
        "{out}"
    );
}

#[test]
fn backtest_counts_what_two_sets_do_differently() {
    let strict = dir(&[("p.toml", &GOOD.replace("at_least = 2", "at_least = 1"))]);
    let now = dir(&[("p.toml", GOOD)]);
    let mbox = "From a\nFrom: a@b.example\nTo: c@d.example\nSubject: 1\n\nred and blue\n\nFrom a\nFrom: a@b.example\nTo: c@d.example\nSubject: 2\n\nnothing\n";
    let mails = dir(&[("box", mbox)]);
    let mails = mails.path().join("box");
    let args = [
        "policy",
        "backtest",
        "--policies",
        path(strict.path()),
        "--against",
        path(now.path()),
        path(&mails),
    ];
    let (code, out, err) = run(&args);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("2 mails") && out.contains("1 mails would have been judged differently"), "{out}");
    assert!(out.contains("found only by the first set: 1"), "{out}");
}

#[test]
fn init_writes_the_built_in_set_and_never_over_anything() {
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("new");
    let (code, _, err) = run(&["policy", "init", path(&new)]);
    assert_eq!(code, 0, "{err}");
    assert!(new.join("us-regulatory/payment-cards.toml").exists());
    let (code, _, err) = run(&["policy", "init", path(&new)]);
    assert_eq!(code, 2);
    assert!(err.contains("not empty"), "{err}");
}

#[test]
fn the_schema_is_json() {
    let (code, out, _) = run(&["policy", "schema"]);
    assert_eq!(code, 0);
    assert!(serde_json::from_str::<serde_json::Value>(&out).unwrap().is_object());
}
