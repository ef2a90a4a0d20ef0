//! The two ways out: data to stdout, messages to stderr.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use clap::Args;
use serde::Serialize;

use crate::ids::OwnerId;

/// How a command prints what it found.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Format {
    /// Print JSON for programs instead of a table
    #[arg(long)]
    pub json: bool,
}

impl Format {
    /// Prints the view: as JSON where that was asked for, else as `table` draws it.
    ///
    /// # Errors
    /// When stdout cannot be written; a reader that left is a broken pipe.
    pub fn print<T: Serialize + ?Sized>(
        self,
        view: &T,
        table: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.json { data(&serde_json::to_string_pretty(view)?) } else { data(&table(view)) }
    }
}

/// Writes data to stdout, ended by a newline. Nothing is written for an empty text.
///
/// # Errors
/// When stdout cannot be written; a reader that left is a broken pipe.
pub fn data(text: &str) -> anyhow::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Says something to the person at the terminal.
pub fn say(message: impl Display) {
    // Where stderr is closed there is nobody to tell, and nothing to tell it by.
    let _ = writeln!(io::stderr().lock(), "{message}");
}

/// A command to be copied from a message, of this owner.
pub fn command(owner: &OwnerId, rest: impl Display) -> String {
    if owner.as_str() == super::DEFAULT_OWNER {
        format!("neotoma {rest}")
    } else {
        format!("neotoma --owner {owner} {rest}")
    }
}
