//! What whoever runs a coordinator asks of it: `privet coordinator clients`, and `privet status`.

use crate::cli::{ClientsCommand, Status};
use crate::document::status;
use crate::error::CommandError;
use crate::output;
use crate::runtime;
use privet_client::{CallError, Connection, HttpTransport, Patience, Transport, Trust};
use privet_coordinator::NewToken;
use privet_core::protocol::EnrolledClient;
use std::net::SocketAddr;

/// Asks the administration of a coordinator.
pub(crate) fn clients(command: &ClientsCommand) -> Result<(), CommandError> {
    runtime::new(1)?.block_on(async {
        match *command {
            ClientsCommand::List { admin, json } => {
                let clients: Vec<EnrolledClient> = ask(admin, "GET", "/v1/clients").await?;
                let document = status::clients(&clients);
                output::result(&document, json, || status::clients_table(&clients))
            }
            ClientsCommand::Revoke { client, admin } => {
                send(admin, "POST", &format!("/v1/clients/{client}/revoke")).await?;
                output::print(&format!("client {client} is shut out"))
            }
            ClientsCommand::Token { admin } => {
                let NewToken { token } = ask(admin, "POST", "/v1/tokens").await?;
                output::print(&token.to_text())
            }
        }
    })
}

/// Says how far a federation is.
pub(crate) fn show(args: &Status) -> Result<(), CommandError> {
    let trust = Trust { ca: args.ca.clone(), certificate: None, insecure: args.insecure };
    let patience = Patience { give_up_after: Some(std::time::Duration::ZERO), ..Patience::default() };
    let connection = Connection::new(HttpTransport::with_trust(&args.coordinator, &trust)?, patience, 0);
    runtime::new(1)?.block_on(async {
        let federation = connection.federation().await?;
        let rounds = connection.rounds().await?;
        let document = status::status(&federation, &rounds);
        output::result(&document, args.json, || status::status_table(&document))
    })
}

async fn ask<A: serde::de::DeserializeOwned>(
    admin: SocketAddr,
    method: &str,
    path: &str,
) -> Result<A, CommandError> {
    let body = send(admin, method, path).await?;
    serde_json::from_slice(&body).map_err(|_| CommandError::NoAdministration(admin))
}

/// Sends a request once, and gives the body of an answer that is a success.
async fn send(admin: SocketAddr, method: &str, path: &str) -> Result<Vec<u8>, CommandError> {
    const LIMIT: usize = 64 << 20;
    let trust = Trust { insecure: true, ..Trust::default() };
    let transport = HttpTransport::with_trust(&format!("http://{admin}"), &trust)?;
    let request =
        http::Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body("{}".into()).expect("method and path are ours");
    let response = transport.send(request, LIMIT).await.map_err(CallError::from)?;
    let status = response.status();
    match status.is_success() {
        true => Ok(response.body().to_vec()),
        false => {
            let document: Result<privet_core::protocol::ProblemDocument, _> =
                serde_json::from_slice(response.body());
            Err(document.map_or(CommandError::NoAdministration(admin), |document| {
                CommandError::Administration(document.detail)
            }))
        }
    }
}
