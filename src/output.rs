//! The result on standard output.

use crate::error::CommandError;
use serde::Serialize;
use std::io::{self, Write};

/// Prints the document as JSON, or the table that is made of it.
pub(crate) fn result(
    document: &impl Serialize,
    json: bool,
    table: impl FnOnce() -> String,
) -> Result<(), CommandError> {
    let text = match json {
        true => {
            serde_json::to_string_pretty(document).map_err(io::Error::from).map_err(CommandError::Output)?
        }
        false => table(),
    };
    print(&text)
}

/// Prints a text and a line's end.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(CommandError::Output),
    }
}
