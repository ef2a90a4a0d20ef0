//! The importer as a process of its own: what it measures of itself (time, memory) is its own, and it can be killed.
//!
//! It is this program again, over the library's engine, on the runtime that the real one has. The real program itself keeps
//! to the vendors' rates, see [`crate::unpaced`].

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use neotoma_importers::{
    http::{Transport, TransportConfig},
    ids::{ConnectorId, OwnerId},
    oauth::Apps,
    run::{RunStatus, Stats, SyncType, Trigger},
    store::Store,
    sync::{Asked, Engine, Started},
    vault::Vault,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use crate::{
    cpu,
    ground::{Database, KEY, OWNER},
    unpaced,
    vendor::Vendor,
};

/// Names the job of a process that is an importer.
pub const JOB: &str = "NEOTOMA_FIGURES_IMPORT";

/// What an importer is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    provider: String,
    connector: ConnectorId,
    sync_type: SyncType,
    database: String,
    vendor: url::Url,
}

/// What it did, and what it took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Done {
    /// From asking for the run to its end.
    pub seconds: f64,
    /// Seconds of processor time of the importer's.
    pub cpu: f64,
    /// The run's numbers.
    pub stats: Stats,
    /// Memory once connected, in KiB.
    pub idle_kib: u64,
    /// The most memory there ever was, in KiB.
    pub peak_kib: u64,
}

impl Done {
    /// Records a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub fn rate(&self) -> f64 {
        (self.stats.created + self.stats.updated + self.stats.unchanged) as f64 / self.seconds
    }

    /// Memory beyond what it takes to do nothing, in MiB.
    #[expect(clippy::cast_precision_loss, reason = "a size in MiB")]
    pub fn grown_mib(&self) -> f64 {
        self.peak_kib.saturating_sub(self.idle_kib) as f64 / 1024.0
    }
}

impl Job {
    /// A sync of an account.
    ///
    /// # Errors
    /// Never: the addresses are some.
    pub fn of(
        provider: &str,
        connector: ConnectorId,
        sync_type: SyncType,
        database: &Database,
        vendor: &Vendor,
    ) -> anyhow::Result<Self> {
        let (database, vendor) = (database.url(), vendor.url()?);
        Ok(Self { provider: provider.to_owned(), connector, sync_type, database, vendor })
    }

    /// Launches an importer, and leaves it to itself.
    ///
    /// # Errors
    /// When it cannot be launched.
    pub fn launch(&self) -> anyhow::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .env(JOB, serde_json::to_string(self)?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        Ok(command.spawn()?)
    }

    /// Has an importer do it.
    ///
    /// # Errors
    /// When the run did not end well.
    pub async fn run(&self) -> anyhow::Result<Done> {
        let ended = self.launch()?.wait_with_output().await?;
        anyhow::ensure!(ended.status.success(), "an importer failed: {}", ended.status);
        serde_json::from_slice(&ended.stdout).context("an importer's numbers")
    }

    /// Does it in this process.
    async fn work(self) -> anyhow::Result<Done> {
        let options = self.database.parse()?;
        let store = Store::connect(options).await?;
        let vault = Vault::new(&SecretString::from(KEY), &[])?;
        let config = TransportConfig { egress_override: Some(self.vendor), ..Default::default() };
        let transport = Transport::new(config)?;
        let engine = Engine::new(store.clone(), vault, transport, Apps::default());
        let owner = OwnerId::new(OWNER)?;
        let connector = store.connector(&owner, self.connector).await?.context("a connector")?;
        let asked = Asked {
            sync_type: self.sync_type,
            trigger: Trigger::Cli,
            limit: None,
            max_pages: None,
            since: None,
            confirm_removals: false,
        };
        let idle_kib = memory("VmRSS")?;
        let (start, before) = (Instant::now(), cpu::of_this_process());
        let started = engine.start(&connector, unpaced::find(&self.provider)?, asked).await;
        let Ok(Started::Here { live, .. }) = started else { anyhow::bail!("no run began") };
        let end = live.ended().await.map_err(anyhow::Error::msg)?;
        let seconds = start.elapsed().as_secs_f64();
        let cpu = cpu::of_this_process() - before;
        anyhow::ensure!(end.status == RunStatus::Success, "the run ended as {end:?}");
        engine.close().await;
        let peak_kib = memory("VmHWM")?;
        store.close().await;
        Ok(Done { seconds, cpu, stats: end.stats, idle_kib, peak_kib })
    }
}

/// Is an importer: does its job and prints what it took.
///
/// # Errors
/// When the job did not end well.
pub fn main(job: &str) -> anyhow::Result<()> {
    let job: Job = serde_json::from_str(job)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(job.work())?;
    serde_json::to_writer(std::io::stdout().lock(), &done)?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(())
}

/// A number of this process's memory, in KiB.
fn memory(name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.split_whitespace().next()).context(name.to_owned())?;
    Ok(number.parse()?)
}
