//! The operations port: `/metrics` in Prometheus' form and `/healthz`. No mail, no secrets, no way to change anything. And how a
//! server's sockets are bound.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use anyhow::{Result, anyhow};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the port tells: the registry, and whether all is well (an empty list) or what is not.
pub(crate) struct Ops {
    pub(crate) registry: Registry,
    pub(crate) complaints: Box<dyn Fn() -> Vec<String> + Send + Sync>,
}

/// What the port says of a server that has not begun yet: it opens its database, which an older version may have made.
const STARTS: &str = "starting: the database is opened, and brought forward if an older version made it; the log says how far it is\n";

/// The port, before the server that it tells of has started and after.
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    ops: Arc<OnceLock<Ops>>,
}

impl Port {
    /// From now on it tells this.
    pub(crate) fn begins(&self, ops: Ops) {
        let _ = self.ops.set(ops);
    }
}

/// Serves until `stop`, and says that the server starts until [`Port::begins`].
pub(crate) async fn open(listen: &str, stop: CancellationToken) -> Result<Port> {
    let listener = self::listen(listen, "metrics and health", "ops_listen").await?;
    let address = listener.local_addr()?;
    let ops = Arc::<OnceLock<Ops>>::default();
    let app =
        Router::new().route("/metrics", get(metrics)).route("/healthz", get(health)).with_state(ops.clone());
    tokio::spawn(async move {
        let served = axum::serve(listener, app).with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the operations port stopped");
        }
    });
    Ok(Port { address, ops })
}

/// A socket of a server, or what is wrong with the address that the setting gives.
pub(crate) async fn listen(address: &str, purpose: &str, setting: &str) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| {
        let remedy = web::listen::remedy(&error);
        anyhow!("cannot listen on {address} for {purpose} ({setting}): {remedy}")
    })
}

/// Whether a socket can be had there, asked before a server makes or opens anything.
pub(crate) async fn is_free(address: &str, purpose: &str, setting: &str) -> Result<()> {
    listen(address, purpose, setting).await.map(drop)
}

async fn metrics(State(ops): State<Arc<OnceLock<Ops>>>) -> impl IntoResponse {
    let mut text = String::new();
    let Some(ops) = ops.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/plain")], STARTS.to_owned());
    };
    match encode(&mut text, &ops.registry) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, CONTENT_TYPE)], text),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], error.to_string())
        }
    }
}

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

async fn health(State(ops): State<Arc<OnceLock<Ops>>>) -> (StatusCode, String) {
    let Some(ops) = ops.get() else { return (StatusCode::SERVICE_UNAVAILABLE, STARTS.to_owned()) };
    let complaints = (ops.complaints)();
    if complaints.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, complaints.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The state of `/healthz` and `/metrics`, and what the first says.
    async fn asked(port: &Port) -> (StatusCode, StatusCode, String) {
        let (health, words) = super::health(State(port.ops.clone())).await;
        (health, super::metrics(State(port.ops.clone())).await.into_response().status(), words)
    }

    #[tokio::test]
    async fn a_server_that_starts_says_so_until_it_has_begun() {
        let stop = CancellationToken::new();
        let port = open("127.0.0.1:0", stop.clone()).await.unwrap();
        let (health, metrics, words) = asked(&port).await;
        assert_eq!((health, metrics), (StatusCode::SERVICE_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE));
        assert!(words.starts_with("starting: "), "{words}");
        port.begins(Ops { registry: Registry::default(), complaints: Box::new(Vec::new) });
        assert_eq!(asked(&port).await, (StatusCode::OK, StatusCode::OK, "ok\n".to_owned()));
        stop.cancel();
    }
}
