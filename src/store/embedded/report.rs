//! What `neotoma doctor` says of the embedded database.

use std::path::PathBuf;

use serde::Serialize;

use super::EmbeddedError;

/// How things stand with the embedded database, found without starting or changing anything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The data folder in question.
    pub data_dir: PathBuf,
    /// One line each: the data folder, the programs, the database, its server.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether nothing stands in the way.
    pub fn good(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Bad)
    }
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at: `data folder`, `PostgreSQL`, `database` or `server`.
    pub what: &'static str,
    /// How it looks.
    pub verdict: Verdict,
    /// What was found, as one sentence.
    pub detail: String,
    /// What to do about it, as one sentence, where there is something to do.
    pub remedy: Option<String>,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works, and a person may want to know.
    Note,
    /// Stands in the way.
    Bad,
}

impl Check {
    #[cfg(unix)]
    pub(super) fn good(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Good, detail: detail.into(), remedy: None }
    }

    #[cfg(unix)]
    pub(super) fn note(
        what: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { what, verdict: Verdict::Note, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn failed(what: &'static str, error: &EmbeddedError) -> Self {
        Self {
            what,
            verdict: Verdict::Bad,
            detail: error.problem().to_owned(),
            remedy: Some(error.remedy().to_owned()),
        }
    }
}
