//! Metrics and status over HTTP, for this machine only (the configuration refuses other addresses).

use std::sync::mpsc::SyncSender;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use crate::control::ask;
use crate::messages::ToStation;
use crate::metrics;

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, station: SyncSender<ToStation>) {
    let app = Router::new()
        .route("/metrics", get(show_metrics))
        .route("/status", get(show_status))
        .with_state(station);
    if let Err(error) = axum::serve(listener, app).await {
        tracing::error!("metrics and status are not served any longer: {error}");
    }
}

async fn show_metrics(State(station): State<SyncSender<ToStation>>) -> impl IntoResponse {
    let status = ask(&station, json!({ "verb": "status" })).await;
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4")],
        metrics::text(&status),
    )
}

async fn show_status(State(station): State<SyncSender<ToStation>>) -> impl IntoResponse {
    Json(ask(&station, json!({ "verb": "status" })).await)
}
