//! A run that reads a file of mail instead of the vendor: the same lease, the same history, the same way into the store.

use std::{fs::File, io::BufReader, path::PathBuf};

use serde_json::Value;
use tokio::sync::mpsc;

use super::Run;
use crate::{
    provider::{Next, Page},
    providers::exports::{self, Exported},
    record::Record,
    store::Connector,
    sync::{Failure, ending::Outcome},
    wire::mbox::Mbox,
};

/// The feed of what came from files: no listing of the vendor's reaches it.
const FEED: &str = "file";
/// Mails that are stored at once.
const MAILS: usize = 200;
/// Bytes of mails that are stored at once.
const BYTES: usize = 4 << 20;
/// Pages that are read ahead.
const AHEAD: usize = 2;

/// A file of mail that was found to be one.
pub struct MailFile {
    mails: Mbox<BufReader<File>>,
}

impl MailFile {
    /// Opens a file.
    ///
    /// # Errors
    /// A sentence about the file: it is not there, cannot be read, or is no such file.
    pub fn open(path: &PathBuf) -> Result<Self, String> {
        let said = |cause: std::io::Error| match cause.kind() {
            std::io::ErrorKind::NotFound => "is not there".to_owned(),
            std::io::ErrorKind::IsADirectory => "is a folder: give the file in it".to_owned(),
            std::io::ErrorKind::InvalidData => cause.to_string(),
            _ => format!("cannot be read: {cause}"),
        };
        let file = File::open(path).map_err(said)?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err("is a folder: give the file in it".to_owned());
        }
        let mails = Mbox::open(BufReader::with_capacity(256 << 10, file)).map_err(said)?;
        Ok(Self { mails })
    }

    /// Reads as many mails as are stored at once; nothing at the end.
    fn page(&mut self, of: &Connector) -> std::io::Result<Option<Page<Value>>> {
        let names = [of.account_identifier.as_str(), of.account_label.as_str()];
        let (mut records, mut odd, mut read) = (Vec::<Record>::new(), 0, 0);
        let began = self.mails.position();
        while read < MAILS && self.mails.position() - began < BYTES as u64 {
            let Some(item) = self.mails.next_item()? else { break };
            read += 1;
            match exports::read(&of.provider, &names, &item) {
                Exported::Record(record) => records.push(*record),
                Exported::Left => {}
                Exported::Odd => odd += 1,
            }
        }
        Ok((read > 0).then(|| Page::new(records, Next::Relist).skipping(odd)))
    }
}

impl Run {
    /// Stores all mails of a file. What is known already stays as it is: the vendor knows it better.
    pub(super) async fn read_mail(&self, mut file: MailFile) -> Result<Outcome, Failure> {
        let (give, mut pages) = mpsc::channel(AHEAD);
        let connector = self.connector.clone();
        let reading = tokio::task::spawn_blocking(move || {
            loop {
                let page = file.page(&connector).transpose();
                let Some(page) = page else { return };
                let failed = page.is_err();
                if give.blocking_send(page).is_err() || failed {
                    return; // nobody waits for more
                }
            }
        });
        let outcome = loop {
            let Some(page) = self.unless_halted(pages.recv()).await else {
                break Ok(Outcome { stopped: true, ..Outcome::default() });
            };
            let Some(page) = page else { break Ok(Outcome { feeds: 1, ..Outcome::default() }) };
            match page {
                Ok(page) => self.add(page).await?,
                Err(cause) => {
                    break Err(Failure::File(format!("it cannot be read any further: {cause}")));
                }
            }
        };
        drop(pages);
        // A panic in what reads mail is no end of the file.
        reading
            .await
            .map_err(|_| Failure::File("it holds a mail that this program fails at".into()))?;
        outcome
    }

    async fn add(&self, page: Page<Value>) -> Result<(), Failure> {
        let batch = self.reader.batch(page);
        let (store, source) = (&self.engine.store, self.connector.provider.as_str());
        let done = store.add(&self.lease, source, FEED, &batch).await?;
        self.count(&done, batch.page.skipped, batch.pages);
        Ok(())
    }
}
