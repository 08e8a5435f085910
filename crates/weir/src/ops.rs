//! The operations port: `/metrics` in Prometheus' form and `/healthz`. No mail, no secrets, no way to change anything. And how a
//! server's sockets are bound.

use std::net::SocketAddr;
use std::sync::Arc;

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

/// Serves until `stop`; the address that was bound comes back at once.
pub(crate) async fn serve(listen: &str, ops: Ops, stop: CancellationToken) -> Result<SocketAddr> {
    let listener = self::listen(listen, "metrics and health", "ops_listen").await?;
    let address = listener.local_addr()?;
    let app = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .with_state(Arc::new(ops));
    tokio::spawn(async move {
        let served = axum::serve(listener, app).with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the operations port stopped");
        }
    });
    Ok(address)
}

/// A socket of a server, or what is wrong with the address that the setting gives.
pub(crate) async fn listen(address: &str, purpose: &str, setting: &str) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| {
        let remedy = web::listen::remedy(&error);
        anyhow!("cannot listen on {address} for {purpose} ({setting}): {remedy}")
    })
}

async fn metrics(State(ops): State<Arc<Ops>>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &ops.registry) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, CONTENT_TYPE)], text),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], error.to_string())
        }
    }
}

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

async fn health(State(ops): State<Arc<Ops>>) -> (StatusCode, String) {
    let complaints = (ops.complaints)();
    if complaints.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, complaints.join("\n") + "\n")
}
