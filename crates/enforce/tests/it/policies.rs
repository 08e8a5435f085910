//! Policies in the console: the same files, the same checks, never over a change that somebody else made.

use reqwest::StatusCode;

use crate::support::{POLICY, Person, Server};

fn hidden(page: &str, name: &str) -> String {
    let from = format!("name=\"{name}\" value=\"");
    page.split(&from)
        .nth(1)
        .unwrap_or_else(|| panic!("no {name}: {page}"))
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

async fn save(author: &Person, was: &str, text: &str) -> crate::support::Answer {
    author
        .post("/policies/file", &[("name", "cards.toml"), ("was", was), ("text", text), ("why", "a test")])
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_read_changed_and_brought_back() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let list = author.get("/policies").await.text;
    assert!(list.contains("Cards") && list.contains("17"), "{list}");
    let page = author.get("/policies/file?name=cards.toml").await.text;
    let changed = POLICY.replace("zebra-crossing", "quagga-crossing");
    // Browsers send CRLF.
    let saved = save(&author, &hidden(&page, "was"), &changed.replace('\n', "\r\n")).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let file = server.dir.path().join("policies/cards.toml");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), changed);
    let history = author.get("/policies/history?name=cards.toml").await.text;
    assert!(
        history.contains("a test")
            && history.contains("quagga-crossing")
            && history.contains("zebra-crossing")
    );
    let back = [("name", "cards.toml"), ("was", &hidden(&history, "was")), ("version", "1")];
    assert_eq!(author.post("/policies/history", &back).await.status, StatusCode::SEE_OTHER);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), POLICY);
}

/// The page of a file's versions, once it says this; what it says at last where it never does.
async fn versions(author: &Person, file: &str, wanted: &str) -> String {
    let mut page = String::new();
    for _ in 0..300 {
        page = author.get(&format!("/policies/history?name={file}")).await.text;
        if page.contains(wanted) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_in_the_policy_directory_itself_becomes_a_version_that_can_be_taken_back() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let file = server.dir.path().join("policies/cards.toml");
    while server.running.enforce.published_set().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let by_console = POLICY.replace("zebra-crossing", "quagga-crossing");
    let page = author.get("/policies/file?name=cards.toml").await.text;
    assert_eq!(save(&author, &hidden(&page, "was"), &by_console).await.status, StatusCode::SEE_OTHER);
    std::fs::write(&file, POLICY.replace("zebra-crossing", "okapi-crossing")).unwrap();
    let history = versions(&author, "cards.toml", "okapi-crossing").await;
    assert!(history.contains("policy directory") && history.contains("okapi-crossing"), "{history}");
    assert_eq!(history.matches("Back to before this change").count(), 2, "one by the console: {history}");
    // A file that comes, and goes.
    let other = server.dir.path().join("policies/other.toml");
    std::fs::write(&other, POLICY.replace("17", "18").replace("Cards", "Others")).unwrap();
    assert!(versions(&author, "other.toml", "Others").await.contains("changed in the policy directory"));
    std::fs::remove_file(&other).unwrap();
    assert!(versions(&author, "other.toml", "- id = 18").await.contains("- id = 18"), "it went");
    // The audit log knows of them, and what stood there before comes back.
    let audit = server.person("Administrator").await.get("/audit").await.text;
    assert!(audit.contains("POLICY_REMOVED") && audit.contains("changed in the policy directory"), "{audit}");
    let newest = first_button(&history);
    let back = [("name", "cards.toml"), ("was", &hidden(&history, "was")), ("version", &newest)];
    assert_eq!(author.post("/policies/history", &back).await.status, StatusCode::SEE_OTHER);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), by_console);
}

/// The number on the first button of the page of versions.
fn first_button(page: &str) -> String {
    page.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_policy_changes_nothing_and_says_where_it_is_wrong() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let page = author.get("/policies/file?name=cards.toml").await.text;
    let bad = POLICY.replace("severity = \"high\"", "severity = \"worst\"");
    let checked = author.post("/policies/check", &[("name", "cards.toml"), ("text", &bad)]).await;
    assert!(
        checked.text.contains("could not be used") && checked.text.contains("cards.toml:5"),
        "{}",
        checked.text
    );
    let saved = save(&author, &hidden(&page, "was"), &bad).await;
    assert_eq!(saved.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(saved.text.contains("Nothing was saved") && saved.text.contains("worst"), "{}", saved.text);
    assert_eq!(std::fs::read_to_string(server.dir.path().join("policies/cards.toml")).unwrap(), POLICY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_on_disk_is_not_saved_over() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let page = author.get("/policies/file?name=cards.toml").await.text;
    let theirs = POLICY.replace("Numbers of cards.", "Theirs.");
    let file = server.dir.path().join("policies/cards.toml");
    std::fs::write(&file, &theirs).unwrap();
    let saved = save(&author, &hidden(&page, "was"), &POLICY.replace("Numbers of cards.", "Ours.")).await;
    assert_eq!(saved.status, StatusCode::CONFLICT);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_leads_out_of_the_policy_directory() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    for name in
        ["../evil.toml", "/tmp/evil.toml", "a/../../evil.toml", "evil.sh", "..%2fevil.toml", ".evil.toml"]
    {
        let saved = author.post("/policies/file", &[("name", name), ("was", ""), ("text", POLICY)]).await;
        assert!(saved.status.is_client_error(), "{name}: {}", saved.status);
        let read = author.get(&format!("/policies/file?name={}", web::pages::encoded(name))).await;
        assert!(read.status.is_client_error(), "{name}");
    }
    assert!(!server.dir.path().join("evil.toml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_changes_the_mode_and_nothing_else_of_the_file() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let switched =
        author.post("/policies/mode", &[("name", "cards.toml"), ("mode", "trial"), ("was", "on")]).await;
    assert_eq!(switched.status, StatusCode::SEE_OTHER);
    let text = std::fs::read_to_string(server.dir.path().join("policies/cards.toml")).unwrap();
    assert_eq!(text, POLICY.replace("mode = \"on\"", "mode = \"trial\""));
    let strange = author.post("/policies/mode", &[("name", "cards.toml"), ("mode", "half")]).await;
    assert_eq!(strange.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_mail_is_inspected_by_the_set_on_disk() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let mail = "Subject: x\n\nat the zebra-crossing <script>alert(1)</script>\n";
    let found =
        author.post("/policies/try", &[("mail", mail), ("sender", "a@x"), ("recipients", "b@y")]).await.text;
    assert!(found.contains("Violated policies") && found.contains("<mark>zebra-crossing</mark>"), "{found}");
    crate::support::assert_harmless(&found);
    let clean = author.post("/policies/try", &[("mail", "Subject: x\n\nnothing\n")]).await.text;
    assert!(clean.contains("No policy is violated"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_mail_is_inspected_octet_for_octet_by_the_text_that_is_being_edited() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    // Not text as a form would carry it: Latin-1, and a word in base64.
    let mut file =
        b"From: ann@corp.example\r\nTo: bob@other.example\r\nSubject: gr\xfc\xdfe\r\nMIME-Version: 1.0\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n"
            .to_vec();
    file.extend_from_slice(b"cXVhZ2dhLWNyb3NzaW5nCg==\r\n");
    let edited = POLICY.replace("zebra-crossing", "quagga-crossing");
    let fields = [("name", "cards.toml"), ("text", edited.as_str()), ("was", "1"), ("why", "")];
    let found = author.upload("/policies/try", &fields, ("file", "a.eml", &file)).await;
    assert_eq!(found.status, StatusCode::OK, "{}", found.text);
    assert!(
        found.text.contains("<mark>quagga-crossing</mark>") && found.text.contains("is not saved"),
        "{}",
        found.text
    );
    let saved = author.upload("/policies/try", &[], ("file", "a.eml", &file)).await.text;
    assert!(saved.contains("No policy is violated"), "the set on disk knows no quagga: {saved}");
    let bad = [("name", "cards.toml"), ("text", "id = ")];
    let wrong = author.upload("/policies/try", &bad, ("file", "a.eml", &file)).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let large = vec![b'x'; 33 << 20];
    match author.try_upload("/policies/try", &[], ("file", "a.eml", &large)).await {
        Ok(answer) => assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE),
        Err(hung_up) => assert!(hung_up.is_request(), "{hung_up:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_tells_the_words_that_it_means() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let bad =
        POLICY.replace("Numbers", "Zahlen 漢字 😀").replace("severity = \"high\"", "severity = \"worst\"");
    // A form sends CRLF; the editor of the page counts LF, and in units of UTF-16.
    let sent = bad.replace('\n', "\r\n");
    let from = bad[..bad.find("\"worst\"").unwrap()].encode_utf16().count();
    let marked = format!("data-from=\"{from}\" data-to=\"{}\"", from + 7);
    let checked = author.post("/policies/check", &[("name", "cards.toml"), ("text", &sent)]).await.text;
    assert!(checked.contains(&marked), "{checked}");
    assert!(checked.contains("severity = <mark>&quot;worst&quot;</mark>"), "{checked}");
    assert!(checked.contains("href=\"#text\">cards.toml:5:12</a>"), "{checked}");
    // A file that has no name yet is checked all the same; one that is not there in the editor is a link to its own.
    let unnamed = author.post("/policies/check", &[("name", ""), ("text", &sent)]).await.text;
    assert!(unnamed.contains(&marked), "{unnamed}");
    std::fs::write(server.dir.path().join("policies/other.toml"), "id = 18\nname = 3\n").unwrap();
    let other = author.post("/policies/check", &[("name", "cards.toml"), ("text", POLICY)]).await.text;
    assert!(other.contains("href=\"/policies/file?name=other.toml#L2\">other.toml:2:8</a>"), "{other}");
    assert!(!other.contains("data-from"), "{other}");
    // Nothing was written by looking.
    assert_eq!(std::fs::read_to_string(server.dir.path().join("policies/cards.toml")).unwrap(), POLICY);
    // What is sent to be tried or looked back with comes back into the editor.
    let fields = [("name", "cards.toml"), ("was", "x"), ("text", &bad), ("why", "no reason"), ("days", "3")];
    let admin = server.person("Administrator").await;
    std::fs::remove_file(server.dir.path().join("policies/other.toml")).unwrap();
    for path in ["/policies/file", "/policies/try", "/policies/backtest"] {
        let was = hidden(&admin.get("/policies/file?name=cards.toml").await.text, "was");
        let mut fields = fields;
        fields[1].1 = &was;
        let page = match path {
            "/policies/try" => admin.upload(path, &fields[..4], ("file", "a.eml", b"a")).await,
            _ => admin.post(path, &fields).await,
        };
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", page.text);
        assert!(page.text.contains(&marked) && page.text.contains("no reason"), "{path}: {}", page.text);
    }
}
