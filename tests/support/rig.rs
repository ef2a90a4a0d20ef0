//! An engine over a database of its own and a vendor in memory.

use std::{collections::BTreeMap, sync::Arc};

use neotoma_importers::{
    http::{Transport, TransportConfig},
    ids::{ConnectorId, OwnerId, RunId},
    oauth::{Apps, binding},
    provider::{AnyProvider, Settings, Spec},
    run::{SyncType, Trigger},
    store::{Connector, Ending, NewConnector, Run, Store},
    sync::{Asked, Engine, Live, Started},
    vault::{SecretMap, Vault},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::{PgPool, Row as _, postgres::PgPoolOptions};

use super::{
    Vendor,
    db::{self, Database},
};

/// An incremental sync with nothing else asked.
pub fn asked() -> Asked {
    Asked {
        sync_type: SyncType::Incremental,
        trigger: Trigger::Cli,
        limit: None,
        max_pages: None,
        since: None,
        confirm_removals: false,
    }
}

/// A sync that lists everything again.
pub fn initial() -> Asked {
    Asked { sync_type: SyncType::Initial, ..asked() }
}

/// A stored record as the tests look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub feed: String,
    pub text: String,
    pub removed: bool,
    /// The transaction that wrote the row last.
    pub xmin: String,
}

/// The parts of a test. Fields are dropped in this order: the database last.
pub struct Rig {
    pub engine: Arc<Engine>,
    pub store: Store,
    /// Looks at the database beside the store.
    pub pool: PgPool,
    pub vendor: &'static Vendor,
    pub provider: &'static dyn AnyProvider,
    pub owner: OwnerId,
    pub spec: &'static Spec,
    pub vault: Vault,
    pub database: Database,
}

impl Rig {
    pub async fn new() -> Self {
        Self::of(super::SPEC).await
    }

    /// With a vendor that is otherwise.
    pub async fn of(spec: Spec) -> Self {
        let database = db::fresh().await;
        let store = Store::connect(database.options.clone()).await.expect("a store");
        let pool =
            PgPoolOptions::new().max_connections(4).connect_lazy_with(database.options.clone());
        let vendor = Vendor::new(spec);
        let provider: &'static dyn AnyProvider = Box::leak(Box::new(vendor));
        let key = SecretString::from("a key of more than thirty-two characters");
        let vault = Vault::new(&key, &[]).expect("a vault");
        let engine = engine(&store, &vault);
        let owner = OwnerId::new("local").expect("a name");
        let spec = provider.spec();
        Self { engine, store, pool, vendor, provider, owner, spec, vault, database }
    }

    /// Another process's engine: connections of its own, the same database.
    pub async fn another(&self) -> Arc<Engine> {
        let store = Store::connect(self.database.options.clone()).await.expect("a store");
        engine(&store, &self.vault)
    }

    pub async fn link(&self, account: &str) -> Connector {
        self.link_for(&self.owner, account, json!({})).await
    }

    pub async fn link_for(&self, owner: &OwnerId, account: &str, metadata: Value) -> Connector {
        let metadata: Settings = serde_json::from_value(metadata).expect("settings");
        let secrets: SecretMap = [("access_token", "a-token")].into_iter().collect();
        let names = vec!["access_token".to_owned()];
        let new = NewConnector {
            id: ConnectorId::generate(),
            provider: self.spec.id,
            provider_type: self.spec.category.as_str(),
            account_identifier: account,
            account_scope: "",
            account_label: "",
            capabilities: &[],
            oauth_scopes: &[],
            secret_names: &names,
            oauth_client_id: None,
            metadata: &metadata,
        };
        let seal = |id| self.vault.seal(&binding(owner, id, self.spec), &secrets);
        let (id, _) = self.store.link(owner, &new, seal).await.expect("a link");
        self.store.connector(owner, id).await.expect("a database").expect("a connector")
    }

    /// The connector as it stands now.
    pub async fn again(&self, of: &Connector) -> Connector {
        self.store.connector(&of.owner, of.id).await.expect("a database").expect("a connector")
    }

    /// Starts a run.
    pub async fn start(&self, of: &Connector, asked: Asked) -> Arc<Live> {
        match self.engine.start(of, self.provider, asked).await.expect("a run") {
            Started::Here { live, already: false } => live,
            other => panic!("the run did not start here: {}", told(&other)),
        }
    }

    /// A run from its start to its end.
    pub async fn run(&self, of: &Connector, asked: Asked) -> Ending {
        let end = self.start(of, asked).await.ended().await.expect("an end");
        self.assert_counted(of).await;
        end
    }

    /// The kept number of a connector's records is that of its records, however they came and went.
    pub async fn assert_counted(&self, of: &Connector) {
        let kept = self.store.account(&of.owner, of.id).await.expect("a database");
        let sql = "SELECT count(*) FROM records WHERE connector_id = $1 AND removed_at IS NULL";
        let there: i64 =
            sqlx::query_scalar(sql).bind(of.id).fetch_one(&self.pool).await.expect(sql);
        assert_eq!(
            kept.expect("a connector").records,
            there.unsigned_abs(),
            "records of {}",
            of.id
        );
    }

    pub async fn sync(&self, of: &Connector) -> Ending {
        self.run(of, asked()).await
    }

    pub async fn dry(&self, of: &Connector, asked: Asked) -> Ending {
        let live = self.engine.start_dry(of, self.provider, asked).expect("a dry run");
        live.ended().await.expect("an end")
    }

    /// The last run's row.
    pub async fn last_run(&self, of: &Connector) -> Run {
        let query = neotoma_importers::store::RunsQuery {
            run: None,
            connector: Some(of.id),
            status: None,
            before: None,
            limit: 1,
        };
        self.store.runs(&of.owner, &query).await.expect("a database").pop().expect("a run")
    }

    pub async fn run_row(&self, id: RunId) -> Run {
        self.store.run(&self.owner, id).await.expect("a database").expect("a run")
    }

    /// All stored records of a connector, removed ones included, by the vendor's id.
    pub async fn rows(&self, of: &Connector) -> BTreeMap<String, Row> {
        let rows = sqlx::query(
            "SELECT external_id, feed, properties ->> 'content' AS text, removed_at IS NOT NULL AS removed, \
             xmin::text AS xmin FROM records WHERE owner_id = $1 AND connector_id = $2 AND external_id IS NOT NULL",
        )
        .bind(&of.owner)
        .bind(of.id)
        .fetch_all(&self.pool)
        .await
        .expect("records");
        rows.iter()
            .map(|row| {
                let stored = Row {
                    feed: row.get("feed"),
                    text: row.get::<Option<String>, _>("text").unwrap_or_default(),
                    removed: row.get("removed"),
                    xmin: row.get("xmin"),
                };
                (row.get("external_id"), stored)
            })
            .collect()
    }

    /// Ids and texts of the records that are alive.
    pub async fn alive(&self, of: &Connector) -> BTreeMap<String, String> {
        let rows = self.rows(of).await.into_iter();
        rows.filter(|(_, row)| !row.removed).map(|(id, row)| (id, row.text)).collect()
    }

    /// Ids of the records that are alive.
    pub async fn ids(&self, of: &Connector) -> Vec<String> {
        self.alive(of).await.into_keys().collect()
    }

    /// What is stored is what is at the vendor, feed by feed and text by text.
    pub async fn assert_in_step(&self, of: &Connector) {
        let rows = self.rows(of).await.into_iter().filter(|(_, row)| !row.removed);
        let stored: BTreeMap<String, (String, String)> =
            rows.map(|(id, row)| (id, (row.feed, row.text))).collect();
        let there = self.vendor.all().into_iter().map(|(id, (feed, record))| {
            (id, (feed, record.properties.body().unwrap_or_default().to_owned()))
        });
        assert_eq!(stored, there.collect());
    }

    /// Runs statements beside the store.
    pub async fn sql(&self, statement: &'static str) -> u64 {
        sqlx::raw_sql(statement).execute(&self.pool).await.expect(statement).rows_affected()
    }

    /// One number out of the database.
    pub async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.expect(query)
    }
}

/// An engine over a store.
pub fn engine(store: &Store, vault: &Vault) -> Arc<Engine> {
    let transport = Transport::new(TransportConfig::default()).expect("a transport");
    Engine::new(store.clone(), vault.clone(), transport, Apps::default())
}

/// What asking for a run gave, in a word.
pub fn told(started: &Started) -> String {
    match started {
        Started::Here { already, .. } => format!("here, already {already}"),
        Started::Elsewhere(run) => format!("elsewhere: {run}"),
        Started::Busy(run) => format!("busy: {run}"),
        Started::Refused(status) => format!("refused: {status:?}"),
    }
}
