//! Originals in an object store as people meet them: on pages, in the interface and in backtests, and when the store fails.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use enforce::{Options, OriginalStore};
use incident::{Journal, JournalOptions, NewMessage};
use reqwest::{Method, StatusCode};
use store::objects::ObjectSettings;

use crate::api::Connector;
use crate::backtest;
use crate::s3::{self, S3, liar};
use crate::support::{POLICY, Server, message};

fn at(objects: ObjectSettings) -> impl FnOnce(&mut Options) {
    move |options| options.originals = Some(OriginalStore { objects, authority: String::new() })
}

/// A detection server's journal hands this over, with its original.
async fn ship(server: &Server, new: NewMessage) {
    let dir = tempfile::tempdir().unwrap();
    let prevent = Journal::open(dir.path(), JournalOptions::default()).await.unwrap();
    prevent.record(new).await.unwrap();
    prevent.flush().await;
    let (journal, name) = (&server.enforce().journal, prevent.name().await.unwrap());
    let batch = prevent.changes(0).await.unwrap().unwrap();
    for original in journal.take("mx1", batch).await.unwrap().wanted {
        let octets = prevent.original_by_name(&original).await.unwrap().unwrap();
        assert!(journal.take_original(&name, &original, octets).await.unwrap());
    }
}

async fn in_store(s3: &S3) -> (Server, String) {
    let bucket = s3.bucket().await;
    let server = Server::start_with(at(s3.settings(&bucket))).await;
    (server, bucket)
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_programs_read_it_there_and_what_they_delete_is_gone() {
    let Some(s3) = s3::shared().await else { return };
    let (server, bucket) = in_store(s3).await;
    ship(&server, message("M", &[1])).await;
    assert_eq!(s3.keys(&bucket).await.len(), 1);
    let admin = server.person("Remediator").await;
    let file = admin.get("/incidents/1/original.eml").await;
    assert!(
        file.status == StatusCode::OK && file.text.starts_with("From: anna@company.example"),
        "{}",
        file.text
    );
    assert!(admin.get("/incidents/1/message").await.text.contains("4111 1111 1111 1111"));
    let connector = Connector::new(&server, "Administrator").await;
    let (status, original) = connector.ask(Method::GET, "/incidents/1/originalMessage", None).await;
    assert!(status == StatusCode::OK && original.as_str().unwrap().starts_with("From: anna"));
    server.enforce().journal.delete(&[1]).await.unwrap();
    server.until("the object is deleted", async || s3.keys(&bucket).await.is_empty()).await;
    assert_eq!(admin.get("/incidents/1/original.eml").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_reads_originals_wherever_they_lie() {
    let Some(s3) = s3::shared().await else { return };
    let (server, _) = in_store(s3).await;
    ship(&server, backtest::mail("STORE", 17, "zebra-crossing")).await;
    server.record(backtest::mail("ROW", 17, "zebra-crossing")).await;
    let author = server.person("Policy author").await;
    let begun = backtest::begin(&author, &POLICY.replace("zebra", "quagga")).await;
    let page = backtest::ended(&server, &author, &begun.to).await;
    assert_eq!(backtest::counts(&page, 17), ["0", "2", "0"], "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_told_in_clear_words_and_holds_no_page_up() {
    let Some(s3) = s3::shared().await else { return };
    let (server, bucket) = in_store(s3).await;
    ship(&server, message("M", &[1])).await;
    let admin = server.person("Administrator").await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let denied = "HTTP/1.1 403 Forbidden\r\ncontent-length: 35\r\n\r\n<Error><Code>AccessDenied</Code></E>";
    let mut server = server;
    for port in [closed, liar("", false).await, liar(denied, true).await] {
        let mut settings = s3.settings(&bucket);
        settings.endpoint = format!("http://127.0.0.1:{port}").parse().unwrap();
        settings.silence = Duration::from_secs(1);
        server = server.restart_with(at(settings)).await;
        let admin = admin.at(&server);
        for path in ["/incidents/1/original.eml", "/incidents/1/message"] {
            let began = Instant::now();
            let page = admin.get(path).await;
            assert!(began.elapsed() < Duration::from_secs(10), "{port}");
            assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(page.text.contains("object store") && !page.text.contains("X-Amz"), "{}", page.text);
        }
        assert_eq!(admin.get("/incidents/1").await.status, StatusCode::OK, "the rest needs no object store");
        let warned = async || {
            admin.get("/servers").await.text.contains("object store of originals cannot be worked with")
        };
        server.until("the servers page says it", warned).await;
        assert!(admin.get("/incidents").await.text.contains("the servers page says what"));
    }
    let server = server.restart_with(at(s3.settings(&bucket))).await;
    let admin = admin.at(&server);
    assert_eq!(admin.get("/incidents/1/original.eml").await.status, StatusCode::OK);
    assert!(!admin.get("/servers").await.text.contains("object store"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_option_what_lies_in_the_store_is_said_to_be_there() {
    let Some(s3) = s3::shared().await else { return };
    let (server, bucket) = in_store(s3).await;
    ship(&server, message("M", &[1])).await;
    let server = server.restart().await;
    let admin = server.person("Administrator").await;
    let page = admin.get("/incidents/1/original.eml").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        page.text.contains(&format!("{bucket}/weir/")) && page.text.contains("[enforce.originals]"),
        "{}",
        page.text
    );
    server.enforce().journal.delete(&[1]).await.unwrap();
    let server = server.restart().await;
    let admin = admin.at(&server);
    let warned = async || admin.get("/servers").await.text.contains("[enforce.originals] does not name");
    server.until("the servers page says what stays", warned).await;
    assert_eq!(s3.keys(&bucket).await.len(), 1);
    let server = server.restart_with(at(s3.settings(&bucket))).await;
    server.until("what was deleted goes", async || s3.keys(&bucket).await.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_lost_is_said_to_be() {
    let Some(s3) = s3::shared().await else { return };
    let (server, bucket) = in_store(s3).await;
    ship(&server, message("M", &[1])).await;
    let key = s3.keys(&bucket).await.pop().unwrap();
    s3.write(&bucket, &key, b"something else".to_vec()).await;
    let admin = server.person("Administrator").await;
    let page = admin.get("/incidents/1/original.eml").await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.text.contains("incident 1 is damaged or partly lost"), "{}", page.text);
    let author = server.person("Policy author").await;
    let begun = backtest::begin(&author, &POLICY.replace("zebra", "quagga")).await;
    let page = backtest::ended(&server, &author, &begun.to).await;
    assert!(page.contains("1 of 1 mails looked at"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tls_only_a_store_that_the_given_authority_vouches_for_gets_anything() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (dir.path().join("store.pem"), dir.path().join("store.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let Some(s3) = S3::start_tls(&certificate, &key).await else { return };
    let bucket = s3.bucket().await;
    let mut objects = s3.settings(&bucket);
    objects.endpoint = format!("https://localhost:{}", s3.port).parse().unwrap();
    let open = |authority: &str| {
        OriginalStore { objects: objects.clone(), authority: authority.to_owned() }.open().unwrap()
    };
    let store = open(&made.cert.pem());
    store.put("one", b"sealed".to_vec()).await.unwrap();
    assert_eq!(store.get("one", 6).await.unwrap(), b"sealed");
    for stranger in ["", &rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem()] {
        let why = open(stranger).put("two", b"sealed".to_vec()).await.unwrap_err().to_string();
        assert!(why.contains("certificate"), "{why}");
    }
    assert_eq!(s3.keys(&bucket).await, ["weir/one"]);
}

#[test]
fn what_would_send_the_key_or_mails_in_clear_is_refused() {
    let settings = |endpoint: &str| OriginalStore {
        objects: ObjectSettings {
            endpoint: endpoint.parse().unwrap(),
            bucket: "originals".to_owned(),
            region: "us-east-1".to_owned(),
            prefix: String::new(),
            path_style: true,
            access_key: "AKIA".to_owned().into(),
            secret_key: "hush".to_owned().into(),
            silence: Duration::from_secs(10),
        },
        authority: String::new(),
    };
    for endpoint in ["https://s3.example", "http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost"] {
        assert!(settings(endpoint).open().is_ok(), "{endpoint}");
    }
    for endpoint in
        ["http://s3.example", "https://name:password@s3.example", "ftp://s3.example", "http://10.0.0.1"]
    {
        assert!(settings(endpoint).open().unwrap_err().contains("https://"), "{endpoint}");
    }
    let odd = OriginalStore { authority: "no certificate".to_owned(), ..settings("https://s3.example") };
    assert!(odd.open().is_err());
}
