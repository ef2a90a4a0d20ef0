//! What most tests of the whole program begin with: vendors on loopback, an empty database, the program over both.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    postgres,
    sandbox::{Sandbox, Vendor, World, data::Sizes},
    server::Program,
};

/// The three of them.
pub struct Stage {
    pub sandbox: Sandbox,
    pub database: PgPool,
    pub program: Program,
}

impl Stage {
    /// With vendors that hold this.
    pub async fn of(world: World) -> Self {
        let sandbox = Sandbox::start(world).await.unwrap();
        let database = postgres::fresh_database().await;
        let program = Program::over(&database, &sandbox.url());
        Self { sandbox, database, program }
    }

    /// With so much at the vendors.
    pub async fn sized(sizes: Sizes) -> Self {
        Self::of(World::sized(&sizes)).await
    }

    /// With this many mails, and nothing at the other vendors.
    pub async fn mails(mails: usize) -> Self {
        Self::sized(Sizes { mails, tasks: 0, projects: 0, messages: 0, channels: 0 }).await
    }

    /// The access token of a vendor's first account, as the tools take it.
    pub fn token(&self, vendor: Vendor) -> Value {
        json!({"access_token": self.sandbox.grant(vendor).access_token()})
    }

    /// Links a vendor's first account by its access token, at the command line.
    pub async fn link(&self, vendor: Vendor) -> String {
        let token = self.sandbox.grant(vendor).access_token();
        self.program.link(vendor.id(), &[("access_token", &token)]).await
    }

    /// Links it by both tokens, which end and are renewed.
    pub async fn link_with_refresh(&self, vendor: Vendor) -> String {
        let (token, refresh) = {
            let grant = self.sandbox.grant(vendor);
            (grant.access_token(), grant.refresh_token())
        };
        let secrets = [("access_token", token.as_str()), ("refresh_token", refresh.as_str())];
        self.program.link(vendor.id(), &secrets).await
    }

    /// The ids of what a vendor's first account has, as records have them.
    pub fn ids(&self, vendor: Vendor) -> Vec<String> {
        match vendor {
            Vendor::Gmail => self.sandbox.gmail().ids(),
            Vendor::Asana => self.sandbox.asana().reachable(),
            Vendor::Slack => {
                let said = self.sandbox.slack().messages();
                said.into_iter().map(|(channel, ts)| format!("{channel}:{ts}")).collect()
            }
        }
    }

    /// The ids of the records that are alive, sorted.
    pub async fn alive(&self) -> Vec<String> {
        let sql = "SELECT external_id FROM records WHERE removed_at IS NULL ORDER BY external_id COLLATE \"C\"";
        sqlx::query_scalar(sql).fetch_all(&self.database).await.unwrap()
    }

    /// A number of the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        crate::server::count(&self.database, sql).await
    }
}

/// Sorted by bytes, as [`Stage::alive`] gives them.
pub fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort_unstable();
    ids
}
