//! What a run of a sync is asked and how it ends; where a connector or an attempt to link one stands. The words that are
//! stored and shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// Where a connector stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schemars(inline)]
pub enum ConnectorStatus {
    /// It syncs when asked.
    Active,
    /// A person paused it.
    Paused,
    /// The grant is gone: the account must be linked again.
    NeedsReauth,
    /// The last run failed.
    Error,
    /// It was deleted; its records may have stayed.
    Deleted,
}

impl ConnectorStatus {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::NeedsReauth => "needs_reauth",
            Self::Error => "error",
            Self::Deleted => "deleted",
        }
    }
}

/// How an attempt to link an account in a browser stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schemars(inline)]
pub enum AttemptStatus {
    /// Its page waits to be opened.
    Pending,
    /// A browser has gone on from its page.
    Opened,
    /// It linked an account.
    Linked,
    /// It failed, or the person did not want it.
    Failed,
    /// Its ten minutes are over.
    Expired,
}

impl AttemptStatus {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Opened => "opened",
            Self::Linked => "linked",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// Whether it can still link an account.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Opened)
    }
}

/// How far a sync goes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schemars(inline)]
pub enum SyncType {
    /// Lists everything again, keeps the records, and marks removed what is gone.
    Initial,
    /// Brings what changed since the last sync; everything, the first time.
    #[default]
    Incremental,
}

impl SyncType {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Incremental => "incremental",
        }
    }
}

/// How a run stands or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schemars(inline)]
pub enum RunStatus {
    /// It goes on.
    Running,
    /// It did what it was asked.
    Success,
    /// It stored pages, and could not go on or waits for a yes.
    Partial,
    /// It failed.
    Failed,
    /// It was stopped at a page.
    Cancelled,
}

impl RunStatus {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What asked for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schemars(inline)]
pub enum Trigger {
    /// A tool call.
    Tool,
    /// The command line.
    Cli,
    /// A vendor's delivery.
    Webhook,
}

impl Trigger {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Cli => "cli",
            Self::Webhook => "webhook",
        }
    }
}

/// What a run did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(inline)]
pub struct Stats {
    /// Records that were new.
    pub created: u64,
    /// Records that changed, or came back.
    pub updated: u64,
    /// Records that came again unchanged.
    pub unchanged: u64,
    /// Records marked removed.
    pub removed: u64,
    /// Items that broke the vendor's contract and were left out.
    pub skipped: u64,
    /// Pages stored.
    pub pages: u64,
    /// Requests sent to the vendor.
    pub requests: u64,
    /// Milliseconds waited because the vendor asked for it.
    pub throttled_ms: u64,
}

/// Why a run did not end well.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct RunError {
    /// A stable word.
    pub class: String,
    /// One sentence with the remedy.
    pub message: String,
    /// The vendor's HTTP status, where there was one.
    pub status: Option<u16>,
}
