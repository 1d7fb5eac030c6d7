//! The addresses of the service, one file per resource.

mod checkins;
mod clients;
mod declines;
mod federation;
mod listing;
mod models;
mod privacy;
mod records;
mod rounds;
mod stages;
mod updates;

use crate::request_error::RequestError;
use crate::room::Size;
use crate::service::Service;
use crate::store::Store;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use privet_core::protocol::Problem;
use privet_core::secagg::Stage;
use tokio::time::Instant;
use tracing::Instrument;

/// The most bytes that a control message may have. All of them are far smaller.
const CONTROL_LIMIT: usize = 4096;

/// The service's routes, for HTTP/1.1 and HTTP/2.
pub fn app<S: Store>(service: Service<S>) -> Router {
    let update_limit = DefaultBodyLimit::max(Size::of_update(service.charter()).body);
    let longest = Stage::ALL.map(|stage| Size::of_stage(service.charter(), stage).body);
    let stage_limit = DefaultBodyLimit::max(longest.into_iter().max().unwrap_or(0));
    Router::new()
        .route("/v1/federation", get(federation::show::<S>))
        .route("/v1/clients", get(clients::list::<S>).post(clients::enrol::<S>))
        .route("/v1/clients/{client}/records", get(records::list::<S>))
        .route("/v1/checkins", post(checkins::check_in::<S>))
        .route("/v1/models/{sha256}", get(models::download::<S>))
        .route("/v1/privacy", get(privacy::show::<S>))
        .route("/v1/rounds", get(rounds::list::<S>))
        .route("/v1/rounds/{round}/updates/{client}", put(updates::upload::<S>).layer(update_limit))
        .route(
            "/v1/rounds/{round}/stages/{stage}/{client}",
            get(stages::task::<S>).put(stages::send::<S>).layer(stage_limit),
        )
        .route("/v1/rounds/{round}/declines/{client}", post(declines::decline::<S>))
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_such_address)
        .layer(DefaultBodyLimit::max(CONTROL_LIMIT))
        .layer(from_fn_with_state(service.clone(), admit::<S>))
        .with_state(service)
}

/// Lets a request in unless the service is stopping.
async fn admit<S: Store>(State(service): State<Service<S>>, request: Request, next: Next) -> Response {
    let _in_flight = service.begin_request();
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let number = service.next_request();
    let span = tracing::info_span!("request", number, method = %method, path = request.uri().path());
    let draining = *service.draining().borrow();
    let response = match draining {
        true => RequestError::ShuttingDown.into_response(),
        false => next.run(request).instrument(span.clone()).await,
    };
    let problem = response.extensions().get::<Problem>().copied();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    service.meter().count(&method, route, problem, began.elapsed());
    let status = response.status().as_u16();
    span.in_scope(|| tracing::debug!(status, problem = problem.map(Problem::name), "answered"));
    response
}

async fn no_such_address(uri: Uri) -> RequestError {
    RequestError::NoSuchAddress { path: uri.path().into() }
}

async fn wrong_method(method: Method, uri: Uri) -> RequestError {
    RequestError::WrongMethod { method, path: uri.path().into() }
}
