//! Objects in a store of other people's making, and in ones that lie, stall and fail.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use reqwest::Client;
use reqwest::redirect::Policy;
use store::objects::{Failure, ObjectSettings, Objects};
use zeroize::Zeroizing;

#[path = "s3/mod.rs"]
mod s3;

use s3::liar;

fn objects(settings: ObjectSettings) -> Objects {
    let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(Duration::from_secs(20));
    Objects::new(settings, client.build().unwrap()).unwrap()
}

fn at(port: u16) -> Objects {
    objects(ObjectSettings {
        endpoint: format!("http://127.0.0.1:{port}").parse().unwrap(),
        bucket: "originals".to_owned(),
        region: "us-east-1".to_owned(),
        prefix: String::new(),
        path_style: true,
        access_key: Zeroizing::new("AKIA".to_owned()),
        secret_key: Zeroizing::new("SECRET-KEY".to_owned()),
        silence: Duration::from_millis(300),
    })
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn an_object_comes_back_octet_for_octet_and_is_gone_when_it_is_deleted() {
    let Some(s3) = s3::shared().await else { return };
    let bucket = s3.bucket().await;
    let objects = objects(s3.settings(&bucket));
    for (name, size) in [("empty", 0), ("small", 100), ("large", 5_000_000)] {
        let octets: Vec<u8> = (0..size).map(|at| (at * 7 + at / 256) as u8).collect();
        objects.put(name, octets.clone()).await.unwrap();
        assert!(objects.get(name, size).await.unwrap() == octets, "{name}");
        assert_eq!(s3.keys(&bucket).await, [format!("weir/{name}")]);
        objects.delete(name).await.unwrap();
        assert_eq!(objects.get(name, size).await, Err(Failure::Missing));
        objects.delete(name).await.unwrap();
        assert!(s3.keys(&bucket).await.is_empty());
    }
    objects.probe().await;
    assert_eq!((objects.trouble(), s3.keys(&bucket).await.len()), (None, 0));
}

#[tokio::test]
async fn a_wrong_key_or_bucket_is_refused_and_said_in_the_words_of_the_store() {
    let Some(s3) = s3::shared().await else { return };
    let bucket = s3.bucket().await;
    type Change = fn(&mut ObjectSettings);
    let wrong: [(Change, &str); 3] = [
        (|one| one.access_key = Zeroizing::new("AKIAOTHER".to_owned()), "403 Forbidden InvalidAccessKeyId"),
        (|one| one.secret_key = Zeroizing::new("other".to_owned()), "403 Forbidden SignatureDoesNotMatch"),
        (|one| one.bucket = "nowhere".to_owned(), "404 Not Found NoSuchBucket"),
    ];
    for (change, words) in wrong {
        let mut settings = s3.settings(&bucket);
        change(&mut settings);
        let objects = objects(settings);
        objects.probe().await;
        let trouble = objects.trouble().unwrap();
        assert!(matches!(&trouble, Failure::Refused(why) if why.contains(words)), "{words}: {trouble}");
        assert!(matches!(objects.get("one", 1).await, Err(Failure::Refused(_))));
        assert!(
            matches!(objects.delete("one").await, Err(Failure::Refused(_))),
            "nothing is known to be gone"
        );
    }
    assert!(s3.keys(&bucket).await.is_empty());
}

#[tokio::test]
async fn a_bucket_that_keeps_versions_deletes_nothing_and_is_told() {
    let Some(s3) = s3::shared().await else { return };
    let bucket = s3.bucket().await;
    s3.keep_versions(&bucket).await;
    let objects = objects(s3.settings(&bucket));
    objects.put("one", vec![1]).await.unwrap();
    let why = objects.delete("one").await.unwrap_err();
    assert!(why.to_string().contains("keeps versions"), "{why}");
}

#[tokio::test]
async fn a_store_that_is_silent_down_or_endless_is_given_up_in_time_and_without_its_address() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}", "x".repeat(5));
    let chunks =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}", "8\r\nxxxxxxxx\r\n".repeat(1_000));
    for port in [
        closed,
        liar("", false).await,
        liar("", true).await,
        liar(endless.clone(), false).await,
        liar(endless, true).await,
    ] {
        let objects = at(port);
        let began = Instant::now();
        let why = objects.get("one", 10).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(5), "{why}");
        assert!(matches!(why, Failure::Away(_)), "{why}");
        assert!(!why.to_string().contains("X-Amz") && !why.to_string().contains("one?"), "{why}");
        assert_eq!(objects.trouble(), Some(why));
    }
    let why = at(liar(chunks, false).await).get("one", 10).await.unwrap_err();
    assert!(matches!(why, Failure::Length(read, 10) if read < 20_000), "{why}");
}

#[tokio::test]
async fn what_is_longer_or_shorter_than_what_was_put_is_not_it() {
    for body in ["", "123456789", "12345678901"] {
        let objects = at(liar(answer("200 OK", body), true).await);
        assert_eq!(objects.get("one", 10).await, Err(Failure::Length(body.len() as u64, 10)));
        assert_eq!(objects.trouble(), None, "the store works");
    }
}

#[tokio::test]
async fn a_stranger_on_the_way_does_not_pass_for_the_store() {
    let moved = "307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/";
    for (head, body) in [("404 Not Found", "<html>no such page"), (moved, ""), ("401 Unauthorized", "")] {
        let objects = at(liar(answer(head, body), true).await);
        assert!(matches!(objects.get("one", 10).await, Err(Failure::Refused(_))), "{head}");
        let objects = at(liar(answer(head, body), true).await);
        assert!(matches!(objects.delete("one").await, Err(Failure::Refused(_))), "{head}");
    }
    for head in ["500 Internal Server Error", "503 Slow Down", "429 Too Many Requests"] {
        let objects = at(liar(answer(head, ""), true).await);
        assert!(matches!(objects.put("one", vec![1]).await, Err(Failure::Away(_))), "{head}");
    }
}

#[tokio::test]
async fn trouble_is_told_until_the_same_thing_works_again_and_all_is_counted() {
    let Some(s3) = s3::shared().await else { return };
    let name = s3.bucket().await + "-later";
    let objects = objects(s3.settings(&name));
    let mut registry = Registry::default();
    objects.register(&mut registry);
    objects.set_waiting(3);
    let told = |registry: &Registry| {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        text
    };
    assert!(objects.put("one", vec![1]).await.is_err());
    assert!(objects.trouble().is_some() && told(&registry).contains("object_store_works 0"));
    s3.make_bucket(&name).await;
    assert_eq!(objects.get("one", 1).await, Err(Failure::Missing));
    assert!(objects.trouble().is_some(), "reading says nothing about writing");
    objects.put("one", vec![1]).await.unwrap();
    assert_eq!(objects.trouble(), None);
    let text = told(&registry);
    for line in [
        "object_operations_total{operation=\"Put\",result=\"Failed\"} 1",
        "object_operations_total{operation=\"Put\",result=\"Done\"} 1",
        "object_operations_total{operation=\"Get\",result=\"Failed\"} 1",
        "object_store_works 1",
        "objects_to_delete 3",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
