//! The command as people and scripts meet it: exit status, output, and the newcomer's road through `weir up` and `weir try`.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn weir(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(args);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command
}

fn run(args: &[&str]) -> (i32, String, String) {
    text(weir(args).output().unwrap())
}

fn text(output: Output) -> (i32, String, String) {
    let read = |octets| String::from_utf8_lossy(octets).into_owned();
    (output.status.code().unwrap_or(-1), read(&output.stdout), read(&output.stderr))
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Ends the process when a test fails half-way.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn config_show_names_the_origin_of_each_value() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "weir.toml", "[prevent]\ntrial = true\n");
    let (code, out, _) =
        text(weir(&["config", "show", "--config", &file]).env("WEIR_LOG_LEVEL", "debug").output().unwrap());
    assert_eq!(code, 0);
    assert!(out.contains(&format!("prevent.trial = true  # {file}")), "{out}");
    assert!(out.contains("log.level = \"debug\"  # environment WEIR_LOG_LEVEL"), "{out}");
    assert!(out.contains("prevent.listen = \"127.0.0.1:10025\"  # default"), "{out}");
}

#[test]
fn output_that_nobody_reads_ends_the_command_quietly() {
    let (reading, writing) = std::io::pipe().unwrap();
    drop(reading);
    // By `println!`, and by writing to standard output.
    for arguments in [&["config", "show"][..], &["policy", "schema"]] {
        let ended = weir(arguments).stdout(writing.try_clone().unwrap()).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), said.as_ref()), (Some(141), ""), "{arguments:?}");
    }
}

#[test]
fn what_a_gateway_could_not_start_with_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("gateway");
    for (wrong, told) in [
        (
            "console_listen = \"0.0.0.0:8081\"",
            "console_listen: 0.0.0.0:8081 is not an address of this machine alone",
        ),
        (
            "deliver = \"smtp://localhost:10026\"\n[gateway.mail]\nlisten = \"127.0.0.1:10026\"",
            "is where the gateway itself takes mail",
        ),
    ] {
        let text = format!("[gateway]\ndata = {:?}\n{wrong}\n", data.display().to_string());
        let file = write(dir.path(), "weir.toml", &text);
        for command in [&["config", "check"][..], &["gateway"]] {
            let (code, _, said) = run(&[command, &["--config", &file]].concat());
            assert_eq!(code, 2, "{command:?}: {said}");
            assert!(said.contains(told), "{command:?}: {said}");
        }
    }
    assert!(!data.exists());
}

#[test]
fn a_port_that_is_taken_is_named_with_its_setting_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, variable, told) in [
        (
            &["up"][..],
            "WEIR_UP_CENTER_LISTEN",
            "for the quarantine (WEIR_UP_CENTER_LISTEN=127.0.0.1:PORT gives another)",
        ),
        (&["enforce"], "WEIR_ENFORCE_LISTEN", "for the console (listen in [enforce])"),
        (
            &["gateway", "--console-listen", &taken],
            "WEIR_LOG_LEVEL",
            "for the Control Center (console_listen in [gateway])",
        ),
    ] {
        let data = dir.path().join(arguments[0]);
        let mut command = weir(arguments);
        command.arg("--data").arg(&data);
        for variable in [
            "WEIR_PREVENT_LISTEN",
            "WEIR_PREVENT_OPS_LISTEN",
            "WEIR_ENFORCE_LISTEN",
            "WEIR_ENFORCE_SERVERS_LISTEN",
            "WEIR_UP_DELIVERY_LISTEN",
            "WEIR_UP_REMEDIATION_LISTEN",
        ] {
            command.env(variable, "127.0.0.1:0");
        }
        if arguments[0] == "gateway" {
            command.args(["--listen", "127.0.0.1:0"]);
        } else {
            command.env(variable, &taken);
        }
        let (code, _, said) = text(command.output().unwrap());
        assert_eq!(code, 2, "{said}");
        assert!(
            said.contains(&format!("cannot listen on {taken} {told}: another program listens there")),
            "{said}"
        );
        assert!(!data.exists(), "{arguments:?}");
    }
}

#[test]
fn a_reason_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command =
        weir(&["enforce", "--listen", "127.0.0.1:0", "--servers-listen", "127.0.0.1:0", "--data"]);
    command.arg(dir.path().join("data"));
    command.env("WEIR_ENFORCE_DATABASE", format!("postgres://weir:secret@127.0.0.1:{port}/weir"));
    let (code, _, said) = text(command.output().unwrap());
    assert_eq!(code, 2);
    assert!(said.contains(&format!("PostgreSQL does not answer at 127.0.0.1:{port}: ")), "{said}");
    assert_eq!(said.matches("Connection refused").count(), 1, "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn a_word_that_is_none_of_those_possible_is_told_with_those() {
    let dir = tempfile::tempdir().unwrap();
    for (wrong, told) in [
        ("[prevent]\nmode = \"relay\"\n", "\"relay\" is not possible here; write \"forward\", \"reflect\""),
        ("[[enforce.lookups]]\nname = \"hr\"\n", "`attributes` is missing: it must be given here"),
    ] {
        let file = write(dir.path(), "weir.toml", wrong);
        let (code, _, said) = run(&["config", "check", "--config", &file]);
        assert_eq!(code, 2);
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn lists_of_what_is_not_there_are_errors_and_no_empty_lists() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "no.pem", "nothing\n");
    let (code, _, said) = run(&["cert", "show", &file]);
    assert_eq!((code, said.contains("no certificate in it")), (2, true), "{said}");
    let nowhere = dir.path().join("nowhere").display().to_string();
    let (code, _, said) = run(&["index", "list", "--policies", &nowhere]);
    assert_eq!((code, said.contains("is no directory")), (2, true), "{said}");
}

/// As after `weir policy check DIR 2>&1 | head`, and with a log on a full disk.
#[test]
fn errors_that_nobody_reads_end_the_command_quietly() {
    let (reading, writing) = std::io::pipe().unwrap();
    drop(reading);
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "wrong.toml", "id = 5001\n");
    let directory = dir.path().to_str().unwrap();
    let ended = weir(&["policy", "check", directory]).stderr(writing).output().unwrap();
    assert_eq!(ended.status.code(), Some(141));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = weir(&["policy", "check", directory]).stderr(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
}

#[test]
fn whoever_looks_for_users_in_a_wrong_place_makes_none_there() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = dir.path().join("wrong");
    let place = wrong.to_str().unwrap();
    for arguments in [&["user", "list"][..], &["user", "passwd", "ann"], &["user", "disable", "ann"]] {
        let (code, _, said) = run(&[arguments, &["--data", place]].concat());
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains("name the server's --data directory"), "{said}");
    }
    assert!(!wrong.exists());
}

#[test]
fn a_log_level_that_is_none_is_refused_by_the_check_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[log]\nlevel = \"loud\"\n[prevent]\nnext_hop = [\"127.0.0.1:26\"]\n";
    let file = write(dir.path(), "weir.toml", text);
    let (code, _, said) = run(&["config", "check", "--config", &file]);
    assert_eq!(code, 2);
    assert!(said.contains("\"loud\" is not understood"), "{said}");
}

#[test]
fn each_setting_stands_in_the_documentation() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md")).unwrap();
    let (_, out, _) = run(&["config", "show"]);
    let mut missing = Vec::new();
    for (table, key) in out.lines().filter_map(|line| line.split(" = ").next()?.rsplit_once('.')) {
        // Two tables of Enforce have the keys of the detection server's, and the page says so.
        let table = match table {
            "enforce.notices" | "enforce.syslog" => table.replace("enforce", "prevent"),
            other => other.to_owned(),
        };
        let listed = page.contains(&format!("\n`[[{table}.{key}]]`"));
        if !listed && !section(&page, &table).contains(&format!("`{key}`")) {
            missing.push(format!("{table}.{key}"));
        }
    }
    assert!(missing.is_empty(), "not in their sections of docs/configuration.md: {missing:?}");
}

/// What the page says of a table: from the line that begins with it, in a heading or a paragraph, to the next such line.
fn section<'p>(page: &'p str, table: &str) -> &'p str {
    let begins = |line: &str| line.trim_start_matches(['#', ' ']).starts_with(&format!("`[{table}]`"));
    let mut at = 0;
    let mut start = None;
    for line in page.split_inclusive('\n') {
        match start {
            None if begins(line) => start = Some(at),
            Some(start) if line.starts_with('#') || line.starts_with("`[") => return &page[start..at],
            _ => {}
        }
        at += line.len();
    }
    &page[start.unwrap_or_else(|| panic!("docs/configuration.md has no [{table}]"))..]
}

#[test]
fn a_bad_configuration_says_where_and_what_and_exits_2() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "weir.toml", "[prevent]\nnext_hop = [\"127.0.0.1:10026\"]\nlisten = 5\n");
    let (code, _, err) = run(&["config", "check", "--config", &file]);
    assert_eq!(code, 2);
    assert!(err.contains("line 3") && err.contains("weir.toml"), "{err}");
}

#[test]
fn each_server_that_a_configuration_speaks_of_is_checked_with_what_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        let file = write(dir.path(), "weir.toml", text);
        let (code, out, err) = run(&["config", "check", "--config", &file]);
        if code == 0 { out } else { err }
    };
    let prevent = "[prevent]\nnext_hop = [\"127.0.0.1:10026\"]\n";
    for (text, told) in [
        ("[enforce]\nlisten = \"127.0.0.1:8080\"\n", "good; looked at: enforce"),
        ("[gateway]\nname = \"gw1\"\n", "good; looked at: gateway"),
        (&format!("{prevent}[enforce]\nplain_http = true\n"), "good; looked at: prevent, enforce"),
        ("[enforce]\nplain_http = true\nlisten = \"0.0.0.0:8080\"\n", "served on loopback only"),
        ("[enforce]\ncertificate = \"/no/where.pem\"\nkey = \"/no/where.key\"\n", "/no/where.pem"),
        ("[enforce]\ndatabase = \"mysql://a@b/c\"\n", "[enforce] database"),
        ("[gateway]\nconsole_certificate = \"/no/where.pem\"\nconsole_key = \"/no/k\"\n", "/no/where.pem"),
        (
            &format!("{prevent}[prevent.tls]\ncertificate = \"/no/where.pem\"\n"),
            "write mode = \"opportunistic\"",
        ),
        (&format!("{prevent}listen = \"127.0.0.1:70000\"\n"), "weir.toml)"),
        ("[log]\nformat = \"text\"\n", "forwarding needs a next hop"),
    ] {
        let said = check(text);
        assert!(said.contains(told), "{text}\n{said}");
    }
}

#[test]
fn checking_a_configuration_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let file = write(
        dir.path(),
        "weir.toml",
        &format!("[prevent]\nnext_hop = [\"127.0.0.1:10026\"]\ndata = {data:?}\n"),
    );
    let (code, out, err) = run(&["config", "check", "--config", &file]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(!data.exists());
}

#[test]
fn a_server_without_a_next_hop_says_what_to_give() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, err) = run(&["prevent", "--data", dir.path().to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(err.contains("--next-hop HOST:PORT"), "{err}");
}

#[test]
fn scan_tells_by_its_exit_status_what_it_found() {
    let dir = tempfile::tempdir().unwrap();
    let header =
        "From: a@company.example\r\nTo: b@partner.example\r\nSubject: x\r\nMessage-ID: <1@x>\r\n\r\n";
    let clean = write(dir.path(), "clean.eml", &format!("{header}See you at noon.\r\n"));
    let found =
        write(dir.path(), "found.eml", &format!("{header}Visa 4111 1111 1111 1111 valid thru 12/28\r\n"));
    assert_eq!(run(&["scan", &clean]).0, 0);
    let (code, out, err) = run(&["scan", "--format", "json", &found]);
    assert_eq!(code, 1, "{out}{err}");
    let line: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(line["violations"][0]["findings"][0]["text"].is_string(), "{line}");
    assert!(!out.contains("4111 1111 1111 1111"), "matches are masked: {out}");
    let (_, out, _) = run(&["scan", "--format", "json", "--unmask", &found]);
    assert!(out.contains("4111 1111 1111 1111"), "{out}");
    let (code, _, err) = run(&["scan", "no/such/file"]);
    assert_eq!(code, 2);
    assert!(err.contains("no/such/file"), "{err}");
}

#[test]
fn scan_of_an_encrypted_archive_alone_is_status_3() {
    let dir = tempfile::tempdir().unwrap();
    let mail = "From: a@company.example\r\nTo: b@partner.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
        Content-Type: application/pgp-encrypted\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA1234567890abcd\r\n=abcd\r\n-----END PGP MESSAGE-----\r\n";
    let path = write(dir.path(), "m.eml", mail);
    let policies = dir.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    write(&policies, "p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nkeywords = \"falcon\"\n");
    let (code, out, _) = run(&["scan", "--format", "json", "--policies", policies.to_str().unwrap(), &path]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("encrypted"), "{out}");
    let (code, out, _) = run(&["scan", &path]);
    assert_eq!(code, 1, "the built-in set has a policy for it: {out}");
}

#[test]
fn extract_shows_what_inspection_sees() {
    let (code, out, err) = run(&[
        "extract",
        "--format",
        "json",
        concat!(env!("CARGO_MANIFEST_DIR"), "/samples/4-spreadsheet-in-zip.eml"),
    ]);
    assert_eq!(code, 0, "{err}");
    let all: serde_json::Value = serde_json::from_str(&out).unwrap();
    let segments = all["segments"].as_array().unwrap();
    let cell =
        segments.iter().find(|segment| segment["text"].as_str().unwrap().contains("536-90-4399")).unwrap();
    let path = cell["path"].as_str().unwrap();
    assert!(
        path.starts_with("auditor.zip") && path.contains("payroll.xlsx") && path.contains("Payroll!B2"),
        "{path}"
    );
}

#[test]
fn extract_prints_a_tree_of_parts_with_what_is_in_them() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/4-spreadsheet-in-zip.eml");
    let (code, out, err) = run(&["extract", sample]);
    assert_eq!(code, 0, "{err}");
    let depth = |start: &str| {
        let line = out.lines().find(|line| line.trim_start().starts_with(start));
        let line = line.unwrap_or_else(|| panic!("{start} in {out}"));
        line.len() - line.trim_start().len()
    };
    assert_eq!(depth("message  ["), 0);
    assert_eq!(depth("subject: "), 2);
    let archive = depth("auditor.zip  [zip, ");
    assert_eq!(
        (depth("export/payroll.xlsx  [xlsx, "), depth("Payroll!B2: 536-90-4399")),
        (archive + 2, archive + 4)
    );
    let (_, flat, _) = run(&["extract", "--flat", sample]);
    assert!(
        flat.contains("--- auditor.zip > export/payroll.xlsx > Payroll!B2 [text]\n536-90-4399\n"),
        "{flat}"
    );
}

#[test]
fn extract_tells_of_parts_without_text_and_of_what_was_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let mail = "From: a@company.example\r\nTo: b@partner.example\r\nSubject: \u{202e}x1\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\none\r\ntwo\r\n\
        --b\r\nContent-Type: application/octet-stream; name=empty.bin\r\n\r\n\r\n\
        --b\r\nContent-Type: application/octet-stream; name=noise.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAGBgoP+\r\n\
        --b\r\nContent-Type: application/pgp-encrypted; name=m.asc\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMAw==\r\n-----END PGP MESSAGE-----\r\n--b--\r\n";
    let path = write(dir.path(), "m.eml", mail);
    let (code, out, _) = run(&["extract", &path]);
    assert_eq!(code, 3, "{out}");
    for line in [
        "  empty.bin  [empty, 0 octets, application/octet-stream]",
        "  noise.bin  [unknown, 6 octets, application/octet-stream]",
        "    not opened: unsupported type unknown",
        "    | one\n    | two",
        "    not opened: encrypted",
        "  ambiguous: turned text",
        "\\u{202e}x1",
    ] {
        assert!(out.contains(line), "{line:?} in {out}");
    }
    let (_, json, _) = run(&["extract", "--format", "json", &path]);
    let all: serde_json::Value = serde_json::from_str(&json).unwrap();
    let empty = all["parts"].as_array().unwrap().iter().find(|part| part["name"] == "empty.bin").unwrap();
    assert_eq!((&empty["kind"], &empty["size"]), (&"empty".into(), &0.into()), "{all}");
}

#[test]
fn extract_of_many_files_says_which_is_which() {
    let dir = tempfile::tempdir().unwrap();
    let mail = |subject: &str| format!("From: a@company.example\nSubject: {subject}\n\nhello\n");
    let one = write(dir.path(), "1.eml", &mail("first"));
    let boxed =
        write(dir.path(), "2.mbox", &format!("From a\n{}\nFrom b\n{}", mail("second"), mail("third")));
    let order = [&one, "first", &format!("{boxed}:1"), "second", &format!("{boxed}:2"), "third"];
    for arguments in [&["extract", &one, &boxed][..], &["extract", "--flat", dir.path().to_str().unwrap()]] {
        let (code, out, err) = run(arguments);
        assert_eq!(code, 0, "{err}");
        let headings: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("==> ")).collect();
        assert_eq!(headings, [0, 2, 4].map(|at| format!("{} <==", order[at])), "{out}");
        let places: Vec<_> = order.iter().map(|part| out.find(part).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?} in {out}");
    }
    let (_, json, _) = run(&["extract", "--format", "json", &one, &boxed]);
    let files: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        files.iter().map(|file| file["file"].as_str().unwrap()).collect::<Vec<_>>(),
        [order[0], order[2], order[4]]
    );
    let (_, alone, _) = run(&["extract", &one]);
    assert!(!alone.contains("==>"), "{alone}");
}

#[test]
fn the_built_in_policies_pass_their_own_cases_from_the_command_line() {
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
    let (code, out, err) = run(&["policy", "test", policies]);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn a_newcomer_sees_the_five_sample_mails_go_their_ways() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    let file = write(
        dir.path(),
        "weir.toml",
        "[prevent]\nlisten = \"127.0.0.1:0\"\nops_listen = \"127.0.0.1:0\"\nsandbox = \"best-effort\"\n[enforce]\nlisten = \"127.0.0.1:0\"\nservers_listen = \"127.0.0.1:0\"\n[up]\ndelivery_listen = \"127.0.0.1:0\"\nremediation_listen = \"127.0.0.1:0\"\ncenter_listen = \"127.0.0.1:0\"\n",
    );
    let mut up =
        Running(weir(&["up", "--data", data, "--config", &file]).stdout(Stdio::piped()).spawn().unwrap());
    let mut out = BufReader::new(up.0.stdout.take().unwrap());
    let mut welcome = String::new();
    while !welcome.contains("Ctrl-C") {
        assert!(out.read_line(&mut welcome).unwrap() > 0, "weir up ended: {welcome}");
    }
    let (code, tried, err) = run(&["try", "--data", data]);
    assert_eq!(code, 0, "{tried}{err}");
    assert_eq!(tried.matches("   delivered:").count(), 1, "{tried}");
    assert_eq!(tried.matches("   held for review:").count(), 3, "{tried}");
    assert!(tried.contains("Payroll!B2"), "{tried}");
    assert!(tried.contains("the sender was told:  5"), "the private key is blocked: {tried}");
    let (_, list, _) = run(&["incidents", "list", "--data", data, "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert!(list.as_array().unwrap().len() >= 4, "{list}");
    let (code, _, said) = run(&["incidents", "list", "--status", "Foo", "--data", data]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("no status \"Foo\"; there are New, In Process, "), "{said}");
    let id = list[0]["id"].to_string();
    let (code, shown, err) = run(&["incidents", "show", &id, "--data", data]);
    assert_eq!(code, 0, "{err}");
    assert!(shown.contains("DETECTED"), "{shown}");
    // The gateway tells Enforce in batches.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let id = loop {
        let (_, list, _) = run(&["incidents", "list", "--data", data, "--format", "json"]);
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        if let Some(held) = list.as_array().unwrap().iter().find(|one| one["prevent_status"] == 21) {
            break held["id"].to_string();
        }
        assert!(std::time::Instant::now() < until, "none is held: {list}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    let (code, _, err) = run(&["incidents", "respond", "--rule", "Nonsense", &id, "--data", data]);
    assert!(code == 2 && err.contains("Approve, Reject, Custom"), "{code}: {err}");
    let (code, said, err) =
        run(&["incidents", "respond", "--rule", "approve", "--note", "fine", &id, "999", "--data", data]);
    assert!(
        code == 1 && said.contains("Approve is requested") && said.contains("incident 999: there is no such"),
        "{said}{err}"
    );
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let (_, shown, _) = run(&["incidents", "show", &id, "--data", data]);
        if shown.contains("FlexResponse Action Executed [SMG Approve Action]") {
            let (_, whole, _) = run(&["incidents", "show", &id, "--data", data, "--format", "json"]);
            assert!(whole.contains("(command line)"), "the history says who: {whole}");
            break;
        }
        assert!(std::time::Instant::now() < until, "the running server does not carry it out: {shown}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    drop(up);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
}

#[test]
fn try_without_a_running_server_says_what_to_start() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, err) = run(&["try", "--data", dir.path().to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(err.contains("weir up"), "{err}");
}

#[test]
fn try_sends_nothing_where_the_server_or_its_next_hop_is_on_another_machine() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let own = listener.local_addr().unwrap().to_string();
    // An address of documentation (RFC 5737).
    for (listen, delivery) in [(own.as_str(), "192.0.2.1:10026"), ("192.0.2.1:10025", own.as_str())] {
        let dir = tempfile::tempdir().unwrap();
        let running = serde_json::json!({
            "listen": listen, "delivery": delivery, "delivered": dir.path(), "prevent": dir.path(),
            "console": "", "center": "",
        });
        write(dir.path(), "up.json", &running.to_string());
        let (code, _, err) = run(&["try", "--data", dir.path().to_str().unwrap()]);
        assert_eq!(code, 2);
        assert!(err.contains("are on this machine"), "{err}");
        assert!(listener.accept().is_err(), "nothing was connected to");
    }
}
