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
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
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
fn a_directory_without_a_policy_is_no_good_set_as_the_server_would_refuse_it() {
    let (code, out, said) = run(&["policy", "check", path(dir(&[]).path())]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(said.contains("holds no policy; `weir policy init DIR` writes the built-in set"), "{said}");
}

#[test]
fn whoever_names_a_built_in_identifier_in_a_directory_of_their_own_hears_where_it_is() {
    let own = "id = 5001\nname = \"Cards\"\n[[rule]]\nname = \"Card\"\nidentifier = \"payment_card\"\n";
    let (code, _, said) = run(&["policy", "check", path(dir(&[("cards.toml", own)]).path())]);
    assert_eq!(code, 2);
    assert!(said.contains("`weir policy init DIR` writes out the built-in ones"), "{said}");
}

#[test]
fn a_case_that_fails_is_told_with_its_place_and_exit_1() {
    let cases = "[[find]]\nname = \"both colours\"\nbody = \"red red blue\"\n\n[[miss]]\nname = \"near miss\"\nbody = \"red blue red\"\n";
    let dir = dir(&[("p.toml", GOOD), ("p.cases.toml", cases)]);
    let (code, out, err) = run(&["policy", "test", path(dir.path())]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("p.cases.toml:5: near miss") && out.contains("1 passed, 1 failed"), "{out}");
}

const EXPLAINED: &str = r#"id = 7
name = "Colours"
mode = "on"

[[rule]]
name = "Red and blue"
all = [{ keywords = "red" }, { keywords = "blue", near = { keywords = "sky", within = 2 } }]
none = [{ keywords = "draft" }]
at_least = 3

[[rule]]
name = "Green"
keywords = "green"
at_least = 4

[[rule]]
name = "Yellow"
keywords = "yellow"

[[exception]]
name = "Sketches"
rules = "Red and blue"
keywords = "sketch"

[[exception]]
name = "Friends"
recipient = "@friend.example"
"#;

#[test]
fn explain_tells_what_matched_and_what_stopped_the_rest() {
    let mail = "From: a@b.example\nTo: c@d.example\nSubject: x\n\nred and red, blue sky, green and more; blue elsewhere\n";
    let dir = dir(&[("p.toml", EXPLAINED), ("m.eml", mail)]);
    let explain = |more: &[&str]| {
        let mail = dir.path().join("m.eml");
        let args = [&["policy", "explain", "--policies", path(dir.path())], more, &[path(&mail)]].concat();
        run(&args)
    };
    let (code, out, err) = explain(&[]);
    assert_eq!(code, 1, "{err}");
    let told = r#"VIOLATED  7 Colours (on)
    rule "Red and blue": count 3 of 3
      yes all of
          yes keywords "red": 2
          yes keywords "blue": 1; 1 without its words within 2 (the nearest is 3 words away)
          yes none of
              no  keywords "draft"
      exception "Sketches" does not hold
        no  keywords "sketch"
      exception "Friends" does not hold
        no  all recipients @friend.example: 0 of 1 recipients
      body at 0: [***] and red, blue sky, green and more; blue elsewhere  
        keywords "red"
"#;
    assert!(out.contains(told), "{out}");
    let rest = "    rule \"Green\": not matched\n      no  keywords \"green\": 1 of 4\n    rule \"Yellow\": nothing found\n";
    assert!(out.contains(rest), "{out}");
    assert!(out.contains("policies of which nothing was found (--policy tells of one): 1\n"), "{out}");
    let (_, out, _) = explain(&["--policy", "Colours", "--recipient", "c@friend.example"]);
    assert!(out.contains("rule \"Red and blue\": excepted, 0 left of 3"), "{out}");
    assert!(out.contains("exception \"Friends\" takes the whole rule"), "{out}");
    assert!(out.contains("rule \"Yellow\": not matched\n      no  keywords \"yellow\"\n"), "{out}");
    let (code, _, err) = explain(&["--policy", "8"]);
    assert_eq!(code, 2);
    assert!(err.contains("there is no policy 8"), "{err}");
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
fn backtest_sees_another_severity_and_another_way() {
    let set = |severity: &str, to: &str| {
        let policy = format!(
            "id = 7\nname = \"Red\"\nmode = \"on\"\nseverity = \"{severity}\"\nrespond = [\"Away\"]\n[[rule]]\nname = \"r\"\nkeywords = \"red\"\n"
        );
        dir(&[
            ("p.toml", &policy),
            ("responses/away.toml", &format!("name = \"Away\"\n[redirect]\nto = [\"{to}\"]\n")),
        ])
    };
    let mails = dir(&[("m.eml", "From: a@b.example\nTo: c@d.example\nSubject: 1\n\nred\n")]);
    let mail = mails.path().join("m.eml");
    let (now, worse, elsewhere) =
        (set("low", "x@y.example"), set("high", "x@y.example"), set("low", "z@y.example"));
    let told = |new: &Path| {
        let args =
            ["policy", "backtest", "--policies", path(new), "--against", path(now.path()), path(&mail)];
        run(&args).1
    };
    let same = told(now.path());
    assert!(same.contains("0 mails would have been judged differently"), "{same}");
    let out = told(worse.path());
    assert!(out.contains("1 mails would have been judged differently"), "{out}");
    assert!(out.contains("by both with another severity: 1"), "{out}");
    assert!(
        out.contains("redirected to x@y.example [7 high] instead of redirected to x@y.example [7 low]"),
        "{out}"
    );
    let out = told(elsewhere.path());
    assert!(out.contains("redirected to z@y.example [7 low] instead of redirected to x@y.example"), "{out}");
}

#[test]
fn yesterdays_mail_is_judged_as_of_yesterday() {
    let policy = "id = 7\nname = \"Timed\"\nmode = \"on\"\nexception = [{ sender = \"a@b.example\", until = 2026-03-01 }]\n\
        [[rule]]\nname = \"Red\"\nkeywords = \"red\"\n";
    let mail = |date: &str| format!("From: a@b.example\nTo: c@d.example\nSubject: x\n{date}\nred\n");
    let (before, after) =
        ("Date: Sun, 1 Mar 2026 12:00:00 +0000\n", "Date: Mon, 2 Mar 2026 12:00:00 +0000\n");
    let mbox = [before, after, ""].map(|date| format!("From x\n{}\n", mail(date))).concat();
    let dir = dir(&[("p.toml", policy), ("m.eml", &mail(before)), ("box", &mbox)]);
    let at = |name: &str| dir.path().join(name);
    let (code, out, err) = run(&["policy", "explain", "--policies", path(dir.path()), path(&at("m.eml"))]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("judged as of 2026-03-01T12:00:00Z, as its Date field says"), "{out}");
    let (code, out, err) = run(&["policy", "backtest", "--policies", path(dir.path()), path(&at("box"))]);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("1 do not say when, and are judged as of now"), "{out}");
    assert!(
        out.contains("Timed") && out.contains("     2 mails"),
        "the exception held for the first of three: {out}"
    );
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
