//! How the program ends, and what it says when it does not end well.

use std::{io, process::ExitCode};

use crate::app;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked is done.
    Done,
    /// It failed.
    Failed,
    /// It was asked wrongly.
    Usage,
    /// Some connectors failed, others did not.
    SomeFailed,
    /// A person must reconnect an account.
    Reconnect,
    /// A person interrupted it; the database is still closed in order.
    Interrupted,
    /// A person interrupted it again: it ends at once.
    Aborted,
}

impl Exit {
    /// The number that a script sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::SomeFailed => 3,
            Self::Reconnect => 4,
            // As shells count a program that SIGINT ended.
            Self::Interrupted | Self::Aborted => 130,
        }
    }

    /// How a program ends that could not do what was asked.
    pub fn of(error: &anyhow::Error) -> Self {
        if reader_left(error) {
            return Self::Done;
        }
        if error.is::<Usage>() {
            return Self::Usage;
        }
        match error.downcast_ref::<app::Error>() {
            Some(of) if of.needs_person() => Self::Reconnect,
            Some(of) if of.is_usage() => Self::Usage,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that was given wrongly. The text never repeats a value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

impl Usage {
    /// As an error of a command.
    pub fn error(text: impl Into<String>) -> anyhow::Error {
        Self(text.into()).into()
    }
}

/// Whether the program that reads our output has gone, as `head` does: nobody is left to be told.
pub fn reader_left(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// The error as one sentence for whoever sits at the terminal.
pub fn sentence(error: &anyhow::Error) -> String {
    for_terminal(&format!("{error:#}"))
}

/// Names commands where a remedy that is shared with the tools names a tool.
pub fn for_terminal(text: &str) -> String {
    const COMMANDS: [(&str, &str); 10] = [
        ("list_providers", "neotoma providers"),
        ("list_connectors", "neotoma connectors"),
        ("list_sync_runs", "neotoma runs"),
        ("search_records", "neotoma records search"),
        ("link_connector, provider=", "neotoma link "),
        ("start_oauth, provider=", "neotoma connect "),
        ("link_connector", "neotoma link"),
        ("start_oauth", "neotoma connect"),
        ("paste: true", "--paste"),
        ("confirm_removals", "--confirm-removals"),
    ];
    COMMANDS
        .into_iter()
        .fold(super::table::clean(text), |text, (tool, command)| text.replace(tool, command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error as VendorError;

    fn code(error: impl Into<anyhow::Error>) -> u8 {
        Exit::of(&error.into()).code()
    }

    #[test]
    fn a_script_can_tell_a_wrong_call_from_a_failure_and_from_a_person_who_is_needed() {
        assert_eq!(code(app::Error::invalid("limit", "must be 1 to 100")), 2);
        assert_eq!(code(app::Error::UnknownConnector("x".into())), 2);
        assert_eq!(code(app::Error::Vendor(VendorError::invalid("access_token", "is missing"))), 2);
        assert_eq!(code(Usage("say which".into())), 2);
        assert_eq!(code(app::Error::Database("gone".into())), 1);
        assert_eq!(code(anyhow::anyhow!("anything else")), 1);
        let why = "the grant was revoked".to_owned();
        assert_eq!(code(app::Error::NeedsReauth { connector: "c".into(), why: why.clone() }), 4);
        assert_eq!(code(app::Error::Vendor(VendorError::Reconnect(why))), 4);
        assert_eq!(Exit::SomeFailed.code(), 3);
    }

    #[test]
    fn a_context_around_an_error_does_not_change_how_the_program_ends() {
        use anyhow::Context as _;
        let error = Err::<(), _>(app::Error::invalid("since", "is in the future")).context("sync");
        assert_eq!(Exit::of(&error.unwrap_err()), Exit::Usage);
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        assert_eq!(code(io::Error::from(io::ErrorKind::BrokenPipe)), 0);
        assert_eq!(code(io::Error::from(io::ErrorKind::StorageFull)), 1);
    }

    #[test]
    fn a_remedy_names_the_command_and_not_the_tool() {
        let error = app::Error::NothingLinked("slack".into()).into();
        assert_eq!(
            sentence(&error),
            "no account is linked at slack; link one with neotoma connect"
        );
    }
}
