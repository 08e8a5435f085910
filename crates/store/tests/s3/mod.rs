//! An object store of other people's making on loopback: moto's S3, with signatures checked by botocore.

// Helpers panic: that is how a test fails. Not every test needs all of them.
#![allow(clippy::unwrap_used, dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::{Client, Method};
use store::objects::ObjectSettings;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

#[path = "../pypi/mod.rs"]
pub(crate) mod pypi;

const PACKAGES: &str = "moto[s3,server]==5.2.5";
pub(crate) const ACCESS: &str = "AKIAEXAMPLE";
pub(crate) const SECRET: &str = "not/so+secret/SECRET-KEY";
static SHARED: OnceCell<Option<S3>> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A running store. It ends when its standard input closes, however this process ends.
pub(crate) struct S3 {
    process: Child,
    pub(crate) port: u16,
    /// Where requests of the tests need no signature.
    hands: u16,
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The one that all tests of a process share, each with a bucket of its own.
pub(crate) async fn shared() -> Option<&'static S3> {
    SHARED.get_or_init(|| S3::start(0)).await.as_ref()
}

impl S3 {
    /// A store of one's own at this port, or at any. None if it cannot be had and such tests may be left out.
    pub(crate) async fn start(port: u16) -> Option<Self> {
        Self::start_with(port, &[]).await
    }

    /// One that speaks TLS, with the files of a certificate and its key.
    pub(crate) async fn start_tls(certificate: &Path, key: &Path) -> Option<Self> {
        Self::start_with(0, &[certificate, key]).await
    }

    async fn start_with(port: u16, tls: &[&Path]) -> Option<Self> {
        let environment = tokio::task::spawn_blocking(|| pypi::environment(PACKAGES)).await.unwrap()?;
        let python = environment.join("bin/python");
        let mut process = Command::new(python)
            .args(["-c", include_str!("server.py"), &port.to_string(), ACCESS, SECRET])
            .args(tls)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (port, hands) = line.trim().split_once(' ').expect("the object store does not start");
        Some(Self { process, port: port.parse().unwrap(), hands: hands.parse().unwrap() })
    }

    /// A new empty bucket.
    pub(crate) async fn bucket(&self) -> String {
        let name = format!("originals-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.make_bucket(&name).await;
        name
    }

    pub(crate) async fn make_bucket(&self, name: &str) {
        self.hand(Method::PUT, name, "").await;
    }

    pub(crate) fn settings(&self, bucket: &str) -> ObjectSettings {
        ObjectSettings {
            endpoint: format!("http://127.0.0.1:{}", self.port).parse().unwrap(),
            bucket: bucket.to_owned(),
            region: "us-east-1".to_owned(),
            prefix: "weir/".to_owned(),
            path_style: true,
            access_key: Zeroizing::new(ACCESS.to_owned()),
            secret_key: Zeroizing::new(SECRET.to_owned()),
            silence: Duration::from_secs(10),
        }
    }

    /// The keys of all objects of a bucket.
    pub(crate) async fn keys(&self, bucket: &str) -> Vec<String> {
        let told =
            String::from_utf8(self.hand(Method::GET, &format!("{bucket}?list-type=2"), "").await).unwrap();
        told.split("<Key>").skip(1).map(|rest| rest.split_once("</Key>").unwrap().0.to_owned()).collect()
    }

    pub(crate) async fn read(&self, bucket: &str, key: &str) -> Vec<u8> {
        self.hand(Method::GET, &format!("{bucket}/{key}"), "").await
    }

    pub(crate) async fn write(&self, bucket: &str, key: &str, octets: Vec<u8>) {
        self.hand(Method::PUT, &format!("{bucket}/{key}"), octets).await;
    }

    pub(crate) async fn remove(&self, bucket: &str, key: &str) {
        self.hand(Method::DELETE, &format!("{bucket}/{key}"), "").await;
    }

    /// From now on the bucket keeps what is deleted.
    pub(crate) async fn keep_versions(&self, bucket: &str) {
        let order = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        self.hand(Method::PUT, &format!("{bucket}?versioning"), order).await;
    }

    async fn hand(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Vec<u8> {
        let anybody = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let client = Client::builder().no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{}/{path}", self.hands);
        let answer =
            client.request(method, url).header("authorization", anybody).body(body).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{path}: {status} {}", answer.text().await.unwrap());
        answer.bytes().await.unwrap().to_vec()
    }
}

/// A server that takes a connection and answers it with these octets, then falls silent, or hangs up.
pub(crate) async fn liar(answer: impl Into<Vec<u8>>, hangs_up: bool) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = answer.into();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            while lines.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let _ = stream.write_all(&answer);
            if !hangs_up {
                silent.push(stream);
            }
        }
    });
    port
}
