//! `weir index` as people and scripts meet it: a table, documents and sample texts on disk, policies that ask, mails that are scanned.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(site.path("policies")).unwrap();
        site
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs the command in the site's directory.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(args).current_dir(self.0.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEIR_")) {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        let read = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
        (output.status.code().unwrap_or(-1), read(output.stdout), read(output.stderr))
    }

    /// What a terminal shows that runs the command line; `script` of util-linux is the terminal.
    fn at_a_terminal(&self, line: &str) -> String {
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command", line, "/dev/null"])
            .current_dir(self.0.path())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn policy(&self, condition: &str) {
        self.write(
            "policies/own.toml",
            &format!("id = 1\nname = \"Own data\"\nmode = \"on\"\n\n[[rule]]\nname = \"R\"\n{condition}\n"),
        );
    }

    /// What `weir scan` says of a mail with this body.
    fn scan(&self, body: &str) -> (i32, String) {
        let mail = self.write(
            "mail.eml",
            &format!("From: a@x.example\r\nTo: b@y.example\r\nSubject: x\r\n\r\n{body}\r\n"),
        );
        let (code, out, err) = self.run(&["scan", "--policies", "policies", &mail]);
        (code, out + &err)
    }
}

const TABLE: &str = "First;Last;SSN\r\nAnn;Lee;123-45-6789\r\nBob;n/a;\r\nCarl\r\n";

#[test]
fn a_table_is_indexed_and_asked() {
    let site = Site::new();
    site.write("people.csv", TABLE);
    let (code, out, err) = site.run(&[
        "index",
        "exact",
        "--name",
        "people",
        "--columns",
        "first:name,last:name,ssn:number",
        "people.csv",
    ]);
    assert_eq!(code, 0, "{err}");
    for said in [
        "1 of 3 rows taken (separator \";\")",
        "last: 1 values; left out: 1 stop values",
        "line 4: 1 columns where at least 3 are needed",
    ] {
        assert!(out.contains(said), "{said} is not in {out}");
    }
    let key = site.0.path().join("data/keys/indexes/people.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    site.policy("exact = \"people\"\ncolumns = 2\nrequire = [\"ssn\"]");
    let (code, out) = site.scan("Lee's number is 123 45 6789.");
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("Own data"), "{out}");
    assert!(!out.contains("123 45"), "matches are masked: {out}");
    assert_eq!(site.scan("Lee's number is 123 45 6780.").0, 0);
    let (code, out, _) = site.run(&["index", "list", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, listed["count"].as_u64(), listed["source"].as_str()), (0, Some(1), Some("people.csv")));
}

#[test]
fn a_terminal_sees_how_far_reading_a_table_is_and_a_pipe_does_not() {
    let site = Site::new();
    site.write("people.csv", TABLE);
    let columns = ["--name", "people", "--columns", "First:name,Last:name,SSN:number"];
    let weir = env!("CARGO_BIN_EXE_weir");
    let line = format!("{weir} index exact {} people.csv", columns.join(" "));
    let shown = site.at_a_terminal(&line);
    assert!(shown.contains("53 B of 53 B"), "{shown:?}");
    // The bar goes when it is done, and what is said of the table stands.
    let (bar, said) = shown.split_once("\u{1b}[2K").unwrap();
    assert!(bar.contains("left") && said.contains("rows taken"), "{shown:?}");
    // Of a table that another program writes, how much of it was read.
    let shown = site.at_a_terminal(&format!("cat people.csv | {}", line.replace("people.csv", "-")));
    assert!(shown.contains("53 B read in"), "{shown:?}");
    let (code, out, err) =
        site.run(&["index", "exact", columns[0], columns[1], columns[2], columns[3], "people.csv"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(!out.contains("53 B") && !out.contains('\u{1b}'), "{out:?}");
}

#[test]
fn without_its_key_an_index_is_an_error_that_names_the_place() {
    let site = Site::new();
    site.write("people.csv", TABLE);
    site.run(&["index", "exact", "--name", "people", "--columns", "first:name,ssn:number", "people.csv"]);
    site.policy("exact = \"people\"");
    std::fs::rename(site.path("data/keys/indexes"), site.path("elsewhere")).unwrap();
    let (code, said) = site.scan("Ann 123456789");
    assert_eq!(code, 2);
    assert!(said.contains("E0331") && said.contains("own.toml:7") && said.contains("its key"), "{said}");
    let (code, out, _) =
        site.run(&["scan", "--index-keys", "elsewhere", "--policies", "policies", "mail.eml"]);
    assert_eq!(code, 1, "{out}");
}

#[test]
fn what_is_wrong_with_the_command_is_said_and_nothing_is_left_behind() {
    let site = Site::new();
    site.write("people.csv", TABLE);
    for (columns, said) in [
        ("first", "has no type"),
        ("first:nam", "unknown type"),
        ("surname:name", "no column `surname`; its columns are First, Last, SSN"),
        ("last:date", "no cell"),
    ] {
        let (code, _, err) =
            site.run(&["index", "exact", "--name", "people", "--columns", columns, "people.csv"]);
        assert_eq!(code, 2, "{columns}");
        assert!(err.contains(said) || err.contains("no row can be used"), "{columns}: {err}");
    }
    let (code, _, err) =
        site.run(&["index", "exact", "--name", "../people", "--columns", "first:name", "people.csv"]);
    assert!(code == 2 && err.contains("letters, digits"), "{err}");
    let left = std::fs::read_dir(site.path("policies/indexes")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

fn words(seed: usize, count: usize) -> String {
    let list = [
        "valley", "engine", "supplier", "paper", "margin", "bridge", "copper", "orchard", "lantern",
        "ledger", "meadow", "cargo", "anchor",
    ];
    let mut state = seed * 2_654_435_761 + 12_345;
    let mut text = String::new();
    for _ in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text += list[(state >> 40) % list.len()];
        text.push(' ');
    }
    text
}

#[test]
fn documents_are_indexed_and_excerpts_name_them() {
    let site = Site::new();
    for at in 0..12 {
        site.write(&format!("contracts/{}/c{at}.txt", at % 2), &words(at, 300));
    }
    site.write("contracts/short.txt", "too short");
    let (code, out, err) = site.run(&["index", "documents", "--name", "contracts", "contracts"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("12 documents from 13 files")
            && out.contains("short.txt: it has less than 50 letters and 64 octets"),
        "{out}"
    );
    site.policy("documents = \"contracts\"");
    let (code, out, _) = {
        let mail = site.write(
            "m.eml",
            &format!("Subject: x\r\n\r\nsee\r\n> {}\r\n", words(5, 300)[200..700].to_uppercase()),
        );
        site.run(&["policy", "explain", "--policies", "policies", &mail])
    };
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("documents contracts") && out.contains("% of 1/c5.txt"), "{out}");
    assert_eq!(site.scan(&format!("> {}", &words(5, 300)[200..700])).0, 1);
    assert_eq!(site.scan(&words(77, 300)).0, 0);
}

#[test]
fn a_picture_is_known_again_under_any_name_until_an_octet_changes() {
    let site = Site::new();
    let picture = include_bytes!("../../content/tests/samples/photo.png");
    site.write("plans/short.txt", "too short");
    std::fs::write(site.path("plans/site.png"), picture).unwrap();
    let (code, out, err) = site.run(&["index", "documents", "--name", "plans", "plans"]);
    assert!(code == 0 && out.contains("1 documents from 2 files"), "{out}{err}");
    site.policy("documents = \"plans\"");
    std::fs::write(site.path("copy.jpg"), picture).unwrap();
    let (code, out, err) = site.run(&["scan", "--policies", "policies", "copy.jpg"]);
    assert!(code == 1 && out.contains("Own data"), "{out}{err}");
    let mut changed = picture.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(site.path("copy.jpg"), changed).unwrap();
    let (code, out, _) = site.run(&["scan", "--policies", "policies", "copy.jpg"]);
    assert!(code != 1 && !out.contains("Own data"), "{out}");
}

#[test]
fn a_learned_policy_says_how_good_it_is_before_it_is_used() {
    let site = Site::new();
    for at in 0..30 {
        site.write(
            &format!("yes/{at}.txt"),
            &format!("{} merger acquisition {} merger offer", words(at, 30), words(at + 100, 10)),
        );
        site.write(
            &format!("no/{at}.txt"),
            &format!("{} canteen holiday {} parking", words(at + 200, 30), words(at + 300, 10)),
        );
        site.write(&format!("same/{at}.txt"), &words(at + 400, 60));
        site.write(&format!("alike/{at}.txt"), &words(at + 500, 60));
    }
    let learn = |positive: &str, negative: &str| {
        site.run(&["index", "learned", "--name", "mergers", "--positive", positive, "--negative", negative])
    };
    let (code, out, _) = learn("same", "alike");
    assert!(code == 1 && out.contains("that is not enough") && out.contains("nothing was written"), "{out}");
    assert!(!Path::new(&site.path("policies/indexes/mergers.learned")).exists());
    let (code, out, err) = learn("yes", "no");
    assert!(code == 0 && out.contains("precision 100.0 %"), "{out}{err}");
    site.policy("learned = \"mergers\"");
    assert_eq!(site.scan(&format!("{} merger acquisition offer merger", words(900, 40))).0, 1);
    assert_eq!(site.scan(&format!("{} canteen parking holiday", words(901, 40))).0, 0);
}

/// The commands of `docs/indexes.md` make what the rules of `docs/policy-language.md` ask for.
#[test]
fn the_commands_and_rules_of_the_documentation_work_as_they_stand() {
    let page = |name: &str| {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
    };
    let site = Site::new();
    site.write(
        "customers.csv",
        "first_name,last_name,ssn,email,mobile\nAnn,Sample,536-90-4399,ann@shop.example,0171 2345678\n",
    );
    for at in 0..30 {
        site.write(&format!("contracts/{at}.txt"), &words(at + 600, 80));
        site.write(
            &format!("texts/mergers/{at}.txt"),
            &format!("{} merger acquisition offer", words(at, 40)),
        );
        site.write(
            &format!("texts/other/{at}.txt"),
            &format!("{} canteen holiday parking", words(at + 200, 40)),
        );
    }
    let commands = page("indexes.md").replace("/srv/contracts", "contracts");
    let commands: Vec<&str> = commands.lines().filter(|line| line.starts_with("weir index ")).collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in commands {
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        let (code, out, err) = site.run(&arguments);
        assert_eq!(code, 0, "{command}\n{out}{err}");
    }
    let language = page("policy-language.md");
    let rules = language.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(["exact = ", "documents = ", "learned = "].iter().all(|asked| rules.contains(asked)), "{rules}");
    site.write("policies/own.toml", &format!("id = 1\nname = \"Own data\"\nmode = \"on\"\n\n{rules}"));
    let (code, out, err) = site.run(&["policy", "check", "policies"]);
    assert!(code == 0 && !err.contains("warning"), "{out}{err}");
}
