//! How an error reaches a model: as a result with one sentence that says what to do next; as a protocol error only where
//! the call itself is unusable.

use rmcp::{
    ErrorData,
    handler::server::tool::IntoCallToolResult,
    model::{CallToolResponse, CallToolResult, ContentBlock},
};

use super::bounded;
use crate::{
    app::{Error, RunView},
    error::{Error as VendorError, Remedy},
};

/// Why a tool did not do what it was asked.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Something that a model or a person can mend.
    Said(String),
    /// A call that no server could serve.
    Protocol(ErrorData),
}

/// What a tool answers.
pub(super) type Answer = Result<CallToolResponse, Refusal>;

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Said(sentence(&error))
    }
}

impl From<ErrorData> for Refusal {
    fn from(error: ErrorData) -> Self {
        Self::Protocol(error)
    }
}

impl IntoCallToolResult for Refusal {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        match self {
            // Text alone: strict clients would hold structured content against the tool's output schema.
            Self::Said(mut text) => {
                bounded::cut_text(&mut text, bounded::ANSWER);
                Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into())
            }
            Self::Protocol(error) => Err(error),
        }
    }
}

/// The error with its next step.
pub(super) fn sentence(error: &Error) -> String {
    let next = match error {
        Error::Vendor(vendor) => match (vendor, vendor.remedy()) {
            (VendorError::Reconnect(_), _) => "link the account again with start_oauth".into(),
            (_, Remedy::TryLater(pause)) => format!("try again in {}", span(pause.as_secs())),
            (VendorError::Forbidden(_), _) => {
                "grant what is missing at the provider, then link the account again with start_oauth".into()
            }
            (VendorError::NotFound, _) => "check the account and its settings at the provider".into(),
            (VendorError::CursorExpired, _) => "sync again with sync_type initial".into(),
            (_, Remedy::Report) => "if it happens again, report it to the maintainers of this server".into(),
            _ => return error.to_string(),
        },
        Error::Database(_) => "run `neotoma doctor` to see what is wrong, then try again".into(),
        _ => return error.to_string(),
    };
    format!("{error}; {next}")
}

/// Why a run failed, for the answer of the call that waited for it.
pub(super) fn failed_run(run: &RunView) -> String {
    let why = run.error.as_ref().map_or("no reason was recorded", |error| error.message.as_str());
    let id = run.run_id.map(|id| format!(" (run {id})")).unwrap_or_default();
    let kept = match run.stats.created + run.stats.updated {
        0 => String::new(),
        stored => format!("; {stored} records that it had stored are kept"),
    };
    format!("the sync of {} ({}) failed{id}: {why}{kept}", run.provider, run.account)
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{} s", seconds.max(1)),
        120..=7199 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_error_of_a_vendor_says_what_to_do_next() {
        for (error, next) in [
            (VendorError::Unavailable("timeout".into()), "try again in 5 minutes"),
            (VendorError::RateLimited(Duration::from_secs(90)), "try again in 90 s"),
            (VendorError::RateLimited(Duration::from_hours(24)), "try again in 24 hours"),
            (VendorError::Reconnect("the grant was revoked".into()), "start_oauth"),
            (VendorError::Forbidden("the scope".into()), "start_oauth"),
            (VendorError::NotFound, "check the account"),
            (VendorError::CursorExpired, "sync_type initial"),
            (VendorError::unexpected("items[0].id", "missing"), "report it"),
            (VendorError::invalid("access_token", "is empty"), "access_token: is empty"),
        ] {
            let said = sentence(&Error::Vendor(error));
            assert!(said.contains(next), "{said}");
        }
        assert!(sentence(&Error::Database("connection refused".into())).contains("neotoma doctor"));
    }

    #[test]
    fn an_error_is_a_result_with_text_alone() {
        let answer =
            Refusal::from(Error::UnknownConnector("x".into())).into_call_tool_result().unwrap();
        let CallToolResponse::Complete(result) = answer else { panic!("not complete") };
        assert_eq!(result.is_error, Some(true));
        assert_eq!(result.structured_content, None);
    }
}
