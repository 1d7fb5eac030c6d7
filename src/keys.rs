//! `privet keys`: the key by which a client is known.

use crate::cli::KeysCommand;
use crate::error::CommandError;
use crate::output;
use privet_client::{new_key, read_key};

/// Makes or shows a key; what is printed is its public half.
pub(crate) fn run(command: &KeysCommand) -> Result<(), CommandError> {
    let identity = match command {
        KeysCommand::New { file } => new_key(file)?,
        KeysCommand::Show { file } => read_key(file)?,
    };
    output::print(&identity.key().to_string())
}
