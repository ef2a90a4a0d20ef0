//! What several figures share: the two shapes, each imported once.

use std::sync::Arc;

use anyhow::Context as _;
use neotoma_importers::{ids::ConnectorId, run::SyncType};

use crate::{
    ground::{Database, Ground, Written},
    importer::{Done, Job},
    unpaced,
    vendor::{Manner, Vendor, World},
    worlds::{Asana, Slack},
};

/// The ground, and what stands on it.
pub struct Stage {
    /// The server.
    pub ground: Ground,
    /// Records of the large runs.
    pub records: usize,
    asana: Option<Imported<Asana>>,
}

/// An account, imported for the first time.
pub struct Imported<W> {
    /// What the vendor has.
    pub world: Arc<W>,
    /// The vendor.
    pub vendor: Vendor,
    /// Where it went.
    pub database: Database,
    /// The account.
    pub connector: ConnectorId,
    /// What the first sync took.
    pub first: Done,
    /// What it wrote.
    pub written: Written,
}

impl Stage {
    /// An empty one.
    ///
    /// # Errors
    /// When the server does not start.
    pub async fn open(records: usize) -> anyhow::Result<Self> {
        Ok(Self { ground: Ground::open().await?, records, asana: None })
    }

    /// The Asana-shaped account, imported now if it is not yet.
    ///
    /// # Errors
    /// When the first sync did not bring everything.
    pub async fn asana(&mut self) -> anyhow::Result<&Imported<Asana>> {
        if self.asana.is_none() {
            let world = Arc::new(Asana::of(self.records));
            self.asana = Some(self.import("asana", "asana", world, self.records).await?);
        }
        self.known()
    }

    /// The Asana-shaped account as it is.
    ///
    /// # Errors
    /// When it was not imported.
    pub fn known(&self) -> anyhow::Result<&Imported<Asana>> {
        self.asana.as_ref().context("nothing was imported")
    }

    /// The Slack-shaped account, imported.
    ///
    /// # Errors
    /// When the first sync did not bring everything.
    pub async fn slack(&self) -> anyhow::Result<Imported<Slack>> {
        self.import("slack", "slack", Arc::new(Slack::of(self.records)), self.records).await
    }

    /// Imports what a vendor has into a database of that name.
    ///
    /// # Errors
    /// When not everything came.
    pub async fn import<W: World>(
        &self,
        provider: &'static str,
        name: &str,
        world: Arc<W>,
        records: usize,
    ) -> anyhow::Result<Imported<W>> {
        let vendor = Vendor::open(provider, Arc::clone(&world) as Arc<dyn World>)?;
        let database = self.ground.database(name).await?;
        let connector = database.link(unpaced::find(provider)?, "first").await?;
        let job = Job::of(provider, connector, SyncType::Incremental, &database, &vendor)?;
        database.settle().await?;
        vendor.behave(Manner::default());
        let mark = database.mark().await?;
        let first = job.run().await?;
        let written = database.since(&mark).await?;
        let came = (first.stats.created, written.rows);
        anyhow::ensure!(
            came == (records as u64, i64::try_from(records)?),
            "of {records} records these came: {came:?}"
        );
        Ok(Imported { world, vendor, database, connector, first, written })
    }

    /// Ends everything.
    ///
    /// # Errors
    /// When the server does not end.
    pub async fn close(self) -> anyhow::Result<()> {
        if let Some(asana) = self.asana {
            asana.database.close().await;
        }
        self.ground.close().await
    }
}

impl<W> Imported<W> {
    /// Another sync of it.
    ///
    /// # Errors
    /// When the run did not end well.
    pub async fn again(
        &self,
        provider: &str,
        sync_type: SyncType,
    ) -> anyhow::Result<(Done, Written)> {
        let job = Job::of(provider, self.connector, sync_type, &self.database, &self.vendor)?;
        self.database.settle().await?;
        self.vendor.behave(Manner::default());
        let mark = self.database.mark().await?;
        let done = job.run().await?;
        Ok((done, self.database.since(&mark).await?))
    }
}
