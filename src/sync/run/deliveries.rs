//! What a vendor has delivered to the connector's webhook address, read before its feeds and again after them.

use jiff::Timestamp;

use super::Run;
use crate::{
    error::{Error, Remedy},
    ids::DeliveryId,
    store::{Batch, Delivery},
    sync::{Failure, feed::FeedEnd},
};

/// Whether an error is about the delivery itself: others are read all the same. Every other error is the vendor's or a
/// person's, and all deliveries wait for its remedy.
pub(in crate::sync) fn is_its_own(error: &Error) -> bool {
    matches!(error.remedy(), Remedy::Report | Remedy::SkipFeed)
}

/// What a delivery is called where a feed's name would stand.
pub(in crate::sync) fn name(received_at: Timestamp) -> String {
    format!("a delivery of {received_at:.0}")
}

/// What of the deliveries a run could not read: it tries each once.
#[derive(Default)]
pub(super) struct Unreadable {
    ids: Vec<DeliveryId>,
    /// A name and the reason, as of feeds.
    pub told: Vec<(String, Error)>,
}

impl Run {
    /// Reads what has been delivered, in the order of arrival. Those that cannot be read are told and left for a later run.
    pub(super) async fn read_deliveries(
        &self,
        unreadable: &mut Unreadable,
    ) -> Result<FeedEnd, Failure> {
        let store = &self.engine.store;
        let mut read = false;
        let is_stopped = "the run was stopped";
        loop {
            // Looked for first: what is not there costs no page, and stops nothing.
            let begun = store.begin_delivery(&self.lease, &unreadable.ids).await?;
            let Some(delivery) = begun else { return Ok(FeedEnd::CaughtUp) };
            let put_back = || store.put_delivery_back(&self.lease, delivery.id, is_stopped, true);
            let share = match self.unless_halted(self.budget.take()).await {
                Some(Some(share)) => share,
                Some(None) => {
                    put_back().await?;
                    return Ok(FeedEnd::Spent { read });
                }
                None => {
                    put_back().await?;
                    return Ok(FeedEnd::Stopped);
                }
            };
            let mut fetch = self.reader.read_delivery(delivery.body.clone());
            let Some(batch) = self.unless_halted(fetch.page()).await else {
                put_back().await?;
                return Ok(FeedEnd::Stopped);
            };
            match batch {
                Ok(batch) => {
                    self.store_delivery(&delivery, batch).await?;
                    self.budget.spend(share);
                    read = true;
                }
                Err(error) => {
                    let own = is_its_own(&error);
                    store
                        .put_delivery_back(&self.lease, delivery.id, &error.to_string(), !own)
                        .await?;
                    if !own {
                        return Err(error.into());
                    }
                    tracing::warn!(delivery = %delivery.id, %error, "a delivery could not be read");
                    unreadable.ids.push(delivery.id);
                    unreadable.told.push((name(delivery.received_at), error));
                }
            }
        }
    }

    async fn store_delivery(&self, delivery: &Delivery, mut batch: Batch) -> Result<(), Failure> {
        delivery.still_to_do(&mut batch);
        let (store, source) = (&self.engine.store, self.connector.provider.as_str());
        let done = store.apply_delivery(&self.lease, source, delivery.id, &batch).await?;
        self.count(&done, batch.page.skipped, batch.pages);
        Ok(())
    }
}
