//! The ports: TLS with and without client certificates, loopback only in the clear, slow and too many clients, an orderly end.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use web::listen::{Clients, Error, Listening, Peer, Tls, TlsFiles, Transport, listen};

fn app() -> Router {
    Router::new()
        .route(
            "/",
            get(async |Extension(peer): Extension<Peer>| {
                let name =
                    peer.certificate.map_or_else(|| "nobody".to_owned(), |certificate| certificate.name);
                format!("{name} secure={}", peer.secure)
            }),
        )
        .route(
            "/slow",
            get(async || {
                tokio::time::sleep(Duration::from_millis(600)).await;
                "at last"
            }),
        )
}

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

fn authority() -> Ca {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let (der, pem) = (certificate.der().clone(), certificate.pem());
    Ca { issuer: Issuer::new(params, key), der, pem }
}

fn signed(name: &str, ca: &Ca) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &ca.issuer).unwrap();
    (vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

/// A certificate of `localhost` in the files that a server reads.
fn write(dir: &Path, ca: &Ca) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ca.issuer).unwrap();
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(dir.join("chain.pem"), certificate.pem()).unwrap();
}

async fn listening(dir: &Path, clients: Clients, stop: CancellationToken) -> Listening {
    let files = TlsFiles { chain: dir.join("chain.pem"), key: dir.join("key.pem"), clients };
    listen("127.0.0.1:0", Transport::Tls(Tls::load(files).unwrap()), 10, app(), stop).await.unwrap()
}

/// What is answered to who trusts this authority and shows this certificate.
async fn answer(
    to: &Listening,
    ca: &Ca,
    own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
) -> std::io::Result<String> {
    let stream = TcpStream::connect(to.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector(ca, own).connect(name, stream).await?;
    ask(&mut stream, "/").await
}

fn roots(ca: &Ca) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der.clone()).unwrap();
    roots
}

fn connector(ca: &Ca, own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>) -> TlsConnector {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots(ca));
    let config = match own {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    TlsConnector::from(Arc::new(config))
}

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> std::io::Result<String> {
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_for_loopback_only() {
    let stop = CancellationToken::new();
    let error = listen("0.0.0.0:0", Transport::Plain, 10, app(), stop.clone()).await.unwrap_err();
    assert!(matches!(error, Error::NotLoopback(_)), "{error}");
    let listening = listen("127.0.0.1:0", Transport::Plain, 10, app(), stop).await.unwrap();
    let mut stream = TcpStream::connect(listening.address).await.unwrap();
    assert!(ask(&mut stream, "/").await.unwrap().ends_with("nobody secure=false"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_names_of_the_authority_get_in_where_names_are_asked_for() {
    let (ca, strangers, dir) = (authority(), authority(), tempfile::tempdir().unwrap());
    write(dir.path(), &ca);
    let authorities = dir.path().join("ca.pem");
    std::fs::write(&authorities, &ca.pem).unwrap();
    let names = vec!["detection1.example".to_owned()];
    let server = listening(dir.path(), Clients::Named { authorities, names }, CancellationToken::new()).await;
    let known = answer(&server, &ca, Some(signed("detection1.example", &ca))).await.unwrap();
    assert!(known.ends_with("detection1.example secure=true"), "{known}");
    assert!(answer(&server, &ca, None).await.is_err(), "no certificate");
    let other = answer(&server, &ca, Some(signed("detection1.example", &strangers))).await;
    assert!(other.is_err(), "of another authority");
    let other = answer(&server, &ca, Some(signed("detection2.example", &ca))).await;
    assert!(!other.is_ok_and(|text| text.contains("HTTP")), "of another name");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_certificate_gets_in_where_one_is_only_asked_for() {
    let (ca, strangers, dir) = (authority(), authority(), tempfile::tempdir().unwrap());
    write(dir.path(), &ca);
    let authorities = dir.path().join("ca.pem");
    std::fs::write(&authorities, &ca.pem).unwrap();
    let server = listening(dir.path(), Clients::Asked(authorities), CancellationToken::new()).await;
    let known = answer(&server, &ca, Some(signed("detection1.example", &ca))).await.unwrap();
    assert!(known.ends_with("detection1.example secure=true"), "{known}");
    assert!(answer(&server, &ca, None).await.unwrap().ends_with("nobody secure=true"));
    assert!(answer(&server, &ca, Some(signed("x.example", &strangers))).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let (old, new, dir) = (authority(), authority(), tempfile::tempdir().unwrap());
    write(dir.path(), &old);
    let server = listening(dir.path(), Clients::Anybody, CancellationToken::new()).await;
    assert!(answer(&server, &old, None).await.is_ok() && answer(&server, &new, None).await.is_err());
    write(dir.path(), &new);
    while answer(&server, &new, None).await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(answer(&server, &old, None).await.is_err(), "the old one is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_never_takes_all_places() {
    let listening =
        listen("127.0.0.1:0", Transport::Plain, 8, app(), CancellationToken::new()).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(TcpStream::connect(listening.address).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut fifth = TcpStream::connect(listening.address).await.unwrap();
    let refused = ask(&mut fifth, "/").await;
    assert!(
        refused.is_err() || refused.is_ok_and(|text| text.is_empty()),
        "half of the places are for others"
    );
    drop(idle);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut free = TcpStream::connect(listening.address).await.unwrap();
    assert!(ask(&mut free, "/").await.unwrap().ends_with("secure=false"), "places come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_answered_at_the_end_is_answered() {
    let stop = CancellationToken::new();
    let listening = listen("127.0.0.1:0", Transport::Plain, 8, app(), stop.clone()).await.unwrap();
    let address = listening.address;
    let asking = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        ask(&mut stream, "/slow").await.unwrap()
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.cancel();
    assert!(asking.await.unwrap().ends_with("at last"));
    tokio::time::timeout(Duration::from_secs(5), listening.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
