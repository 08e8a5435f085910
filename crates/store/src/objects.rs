//! Large sealed objects in an S3-compatible store: there whole when [`Objects::put`] returns, got whole or not at all, gone when
//! [`Objects::delete`] returns; each within bounds of time and memory, and never followed to another address.
//!
//! Requests are signed by rusty-s3 (AWS signature version 4, in the address) and sent by the client that is given. Addresses never
//! stand in errors: they would be as good as the key for a minute.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use zeroize::Zeroizing;

/// How long a signed address counts: clocks differ.
const VALID: Duration = Duration::from_secs(300);
/// Octets that are read of an answer that tells what is wrong.
const COMPLAINT: usize = 4 << 10;
/// What [`Objects::probe`] writes and removes.
const PROBE: &str = "probe";

/// Where objects are kept, and by whose right.
#[derive(Clone)]
pub struct ObjectSettings {
    /// Address of the store.
    pub endpoint: Url,
    /// The bucket, which is there already.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// What stands before the names of objects.
    pub prefix: String,
    /// The bucket stands in the path of addresses, not in the host's name.
    pub path_style: bool,
    /// Who we are there.
    pub access_key: Zeroizing<String>,
    /// What proves it.
    pub secret_key: Zeroizing<String>,
    /// How long the store may be silent.
    pub silence: Duration,
}

impl fmt::Debug for ObjectSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ObjectSettings");
        shown.field("endpoint", &self.endpoint.as_str()).field("bucket", &self.bucket);
        shown.field("region", &self.region).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Why an object was not put, got or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Another attempt may work.
    #[error("the object store does not answer as it should: {0}")]
    Away(String),
    /// It does not let us: a matter of keys, rights or set-up.
    #[error("the object store refuses: {0}")]
    Refused(String),
    /// There is no such object.
    #[error("the object store does not have it")]
    Missing,
    /// What it gave is not what was put there.
    #[error("what the object store gave is {0} octets long, not {1}")]
    Length(u64, u64),
}

/// What is counted, and what the last attempt of each came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Operation {
    Put,
    Get,
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Came {
    Done,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    operation: Operation,
    result: Came,
}

/// One bucket of an object store.
pub struct Objects {
    bucket: Bucket,
    credentials: Credentials,
    prefix: String,
    silence: Duration,
    client: Client,
    operations: Family<Labels, Counter>,
    works: Gauge,
    waiting: Gauge,
    /// Why the last attempt to put, get and delete failed.
    troubles: Mutex<[Option<Failure>; 3]>,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objects({})", self.place())
    }
}

impl Objects {
    /// Asks nothing yet. The client must follow no redirects.
    pub fn new(settings: ObjectSettings, client: Client) -> Result<Self, String> {
        check(&settings)?;
        let style = if settings.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(settings.endpoint, style, settings.bucket, settings.region);
        let works = Gauge::default();
        works.set(1);
        Ok(Self {
            bucket: bucket.map_err(|why| format!("the bucket or its endpoint: {why}"))?,
            credentials: Credentials::new(&**settings.access_key, &**settings.secret_key),
            prefix: match settings.prefix.trim_end_matches('/') {
                "" => String::new(),
                prefix => format!("{prefix}/"),
            },
            silence: settings.silence,
            client,
            operations: Family::default(),
            works,
            waiting: Gauge::default(),
            troubles: Mutex::default(),
        })
    }

    /// The bucket and what stands before names in it.
    pub fn place(&self) -> String {
        format!("{}/{}", self.bucket.name(), self.prefix)
    }

    /// Puts an object there. Whole when it returns; when it fails, it may be there or not.
    pub async fn put(&self, name: &str, octets: Vec<u8>) -> Result<(), Failure> {
        let key = self.key(name);
        let url = self.bucket.put_object(Some(&self.credentials), &key).sign(VALID);
        // The whole time of the client is its bound: the store is silent while it takes.
        let request = self.client.put(url).header(CONTENT_LENGTH, octets.len()).body(octets);
        let put = async { self.judged(request.send().await.map_err(away)?).await.map(|_| ()) };
        self.noted(Operation::Put, put.await)
    }

    /// The octets of an object that is so long.
    pub async fn get(&self, name: &str, octets: u64) -> Result<Vec<u8>, Failure> {
        let key = self.key(name);
        let url = self.bucket.get_object(Some(&self.credentials), &key).sign(VALID);
        let got = async {
            let mut answer = self.send(self.client.get(url)).await?;
            if let Some(length) = answer.content_length().filter(|length| *length != octets) {
                return Err(Failure::Length(length, octets));
            }
            let mut read = Vec::new();
            while let Some(some) = self.in_time(answer.chunk()).await? {
                read.extend_from_slice(&some);
                if read.len() as u64 > octets {
                    break;
                }
            }
            let length = read.len() as u64;
            (length == octets).then_some(read).ok_or(Failure::Length(length, octets))
        };
        self.noted(Operation::Get, got.await)
    }

    /// Removes an object; one that is not there is no failure, one that a bucket with versions keeps is.
    pub async fn delete(&self, name: &str) -> Result<(), Failure> {
        let key = self.key(name);
        let url = self.bucket.delete_object(Some(&self.credentials), &key).sign(VALID);
        let deleted = match self.send(self.client.delete(url)).await {
            Ok(answer) if keeps_versions(&answer) => Err(Failure::Refused(
                "the bucket keeps versions of what is deleted; switch versioning off for it".to_owned(),
            )),
            Ok(_) | Err(Failure::Missing) => Ok(()),
            Err(failure) => Err(failure),
        };
        self.noted(Operation::Delete, deleted)
    }

    /// Writes, reads and removes a small object: [`Objects::trouble`] tells what came of it.
    pub async fn probe(&self) {
        if self.put(PROBE, PROBE.into()).await.is_ok() {
            // Another server that probes may have removed it.
            let _ = self.get(PROBE, PROBE.len() as u64).await;
            let _ = self.delete(PROBE).await;
        }
    }

    /// Why it cannot be worked with, if the last attempts to put, get or delete failed.
    pub fn trouble(&self) -> Option<Failure> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().next().cloned()
    }

    /// Why the last attempt to put failed, if it did.
    pub fn put_trouble(&self) -> Option<Failure> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)[Operation::Put as usize].clone()
    }

    /// Shows what is counted in a registry.
    pub fn register(&self, registry: &mut Registry) {
        let operations = self.operations.clone();
        registry.register(
            "object_operations",
            "What the object store was asked, and what came of it",
            operations,
        );
        registry.register(
            "object_store_works",
            "Whether the object store can be worked with",
            self.works.clone(),
        );
        let waiting = self.waiting.clone();
        registry.register(
            "objects_to_delete",
            "Objects that nothing needs any more and that are not deleted yet",
            waiting,
        );
    }

    /// How many objects wait to be deleted, for [`Objects::register`].
    pub fn set_waiting(&self, objects: u64) {
        self.waiting.set(i64::try_from(objects).unwrap_or(i64::MAX));
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        self.judged(self.in_time(request.send()).await?).await
    }

    async fn judged(&self, mut answer: Response) -> Result<Response, Failure> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let mut told = Vec::new();
        while let Ok(Some(some)) = self.in_time(answer.chunk()).await {
            told.extend_from_slice(&some[..some.len().min(COMPLAINT - told.len())]);
            if told.len() >= COMPLAINT {
                break;
            }
        }
        let code = code(&String::from_utf8_lossy(&told));
        // Only the store itself says so: any server on the way may say 404.
        if status == StatusCode::NOT_FOUND && code == "NoSuchKey" {
            return Err(Failure::Missing);
        }
        let words = format!("it answers {status} {code}").trim_end().to_owned();
        Err(match status.as_u16() {
            408 | 429 | 500.. => Failure::Away(words),
            _ => Failure::Refused(words),
        })
    }

    async fn in_time<T>(&self, doing: impl Future<Output = reqwest::Result<T>>) -> Result<T, Failure> {
        let done = tokio::time::timeout(self.silence, doing).await;
        let silent = |_| Failure::Away(format!("it was silent for {} seconds", self.silence.as_secs_f32()));
        done.map_err(silent)?.map_err(away)
    }

    /// Counts it, and tells the log when it begins to fail and when it works again.
    fn noted<T>(&self, operation: Operation, came: Result<T, Failure>) -> Result<T, Failure> {
        let result = if came.is_ok() { Came::Done } else { Came::Failed };
        self.operations.get_or_create(&Labels { operation, result }).inc();
        // About one object, not about the store.
        let now =
            came.as_ref().err().filter(|why| matches!(why, Failure::Away(_) | Failure::Refused(_))).cloned();
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut troubles[operation as usize], now.clone());
        self.works.set(i64::from(troubles.iter().all(Option::is_none)));
        match (before, now) {
            (None, Some(why)) => {
                tracing::warn!(place = self.place(), ?operation, %why, "the object store cannot be worked with");
            }
            (Some(_), None) => {
                tracing::info!(place = self.place(), ?operation, "the object store works again")
            }
            _ => {}
        }
        came
    }
}

/// Names that would be changed on their way, or that no store takes.
fn check(settings: &ObjectSettings) -> Result<(), String> {
    let plain = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    let ObjectSettings { bucket, region, prefix, .. } = settings;
    if !(3..=63).contains(&bucket.len()) || !plain(bucket, ".-_") || bucket.contains("..") {
        return Err("bucket: 3 to 63 letters, digits, dots and hyphens".to_owned());
    }
    if region.is_empty() || region.len() > 63 || !plain(region, "-_") {
        return Err("region: letters, digits and hyphens, such as us-east-1".to_owned());
    }
    let dots = prefix.split('/').any(|part| part == "." || part == "..");
    if prefix.len() > 200
        || prefix.starts_with('/')
        || prefix.contains("//")
        || dots
        || !plain(prefix, "/.-_")
    {
        return Err(
            "prefix: letters, digits, dots, hyphens and slashes between them, such as weir/".to_owned()
        );
    }
    for key in [&settings.access_key, &settings.secret_key] {
        if key.is_empty() || key.len() > 1_000 || !key.chars().all(|c| c.is_ascii_graphic()) {
            return Err("the access key and the secret key are one word each".to_owned());
        }
    }
    Ok(())
}

/// The code of an error, such as `AccessDenied`: words of a stranger, and plain ones.
fn code(told: &str) -> String {
    let inner = told.split_once("<Code>").and_then(|(_, rest)| Some(rest.split_once("</Code>")?.0));
    inner.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}

/// What a suspended versioning still marks is gone all the same: it has no version of its own.
fn keeps_versions(answer: &Response) -> bool {
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    header("x-amz-delete-marker") == Some("true") && header("x-amz-version-id") != Some("null")
}

fn away(error: reqwest::Error) -> Failure {
    Failure::Away(crate::reasons(&error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ObjectSettings {
        ObjectSettings {
            endpoint: Url::parse("https://s3.example").unwrap(),
            bucket: "originals".into(),
            region: "eu-1".into(),
            prefix: "weir/a".into(),
            path_style: true,
            access_key: Zeroizing::new("AKIA".into()),
            secret_key: Zeroizing::new("hush".into()),
            silence: Duration::from_secs(1),
        }
    }

    #[test]
    fn names_that_would_be_changed_on_their_way_are_refused() {
        type Change = fn(&mut ObjectSettings);
        let wrong: [(Change, &str); 8] = [
            (|one| one.bucket = "a".into(), "bucket"),
            (|one| one.bucket = "a/../b".into(), "bucket"),
            (|one| one.region = String::new(), "region"),
            (|one| one.prefix = "/weir".into(), "prefix"),
            (|one| one.prefix = "weir/../other".into(), "prefix"),
            (|one| one.prefix = "we?r".into(), "prefix"),
            (|one| one.access_key = Zeroizing::new(String::new()), "one word"),
            (|one| one.secret_key = Zeroizing::new("a\nb".into()), "one word"),
        ];
        for (change, words) in wrong {
            let mut settings = settings();
            change(&mut settings);
            let error = Objects::new(settings, Client::new()).unwrap_err();
            assert!(error.contains(words), "{words}: {error}");
        }
        assert_eq!(Objects::new(settings(), Client::new()).unwrap().place(), "originals/weir/a/");
    }

    #[test]
    fn no_key_is_shown() {
        let shown = format!("{:?} {:?}", settings(), Objects::new(settings(), Client::new()).unwrap());
        assert!(shown.contains("originals") && !shown.contains("hush") && !shown.contains("AKIA"), "{shown}");
    }

    #[test]
    fn of_what_a_store_complains_of_only_its_code_is_repeated() {
        assert_eq!(code("<Error><Code>Access\r\nDenied</Code><Message>\x1b[2J"), "AccessDenied");
        assert_eq!(code("<html>no code</html>"), "");
    }
}
