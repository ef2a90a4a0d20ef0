//! Line: the messages that users send to an official account.
//!
//! Facts: LINE Developers, "Receive messages (webhook)", "Verify webhook signature".

mod calls;
mod event;
mod spec;
#[cfg(test)]
mod tests;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use self::{
    calls::{Payload, me},
    event::record,
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Feed, Heard, Incoming, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// Events whose names are looked up at once.
const AT_ONCE: usize = 8;

/// The client of Line.
pub struct Line;

impl Provider for Line {
    type Cursor = ();

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let label = me.display_name.unwrap_or_else(|| me.user_id.clone());
        Ok(Account::new(me.user_id, label).or_known_as(me.basic_id))
    }

    /// Nothing can be listed.
    async fn page(&self, _: &Client, _: &Feed, _: Option<()>) -> Result<Page<()>> {
        Ok(Page::new(Vec::<Record>::new(), Next::Relist))
    }

    /// What is delivered again is marked as such, so that its bytes differ: its events keep their ids.
    fn hear(&self, incoming: &Incoming<'_>) -> Heard {
        let tag = incoming.header("x-line-signature");
        let tag = tag.and_then(|tag| BASE64_STANDARD.decode(tag).ok());
        let signed = tag.is_some_and(|tag| incoming.is_signed("channel_secret", &tag));
        if !incoming.is_post || !signed {
            return Heard::Refused;
        }
        let events = serde_json::from_slice::<Payload>(incoming.body).map(|sent| sent.events.items);
        let events = events.unwrap_or_default().into_iter();
        let ids: Option<Vec<String>> = events.map(|event| event.webhook_event_id).collect();
        Heard::Delivery { key: ids.map(|ids| ids.join(" ")).filter(|key| !key.is_empty()) }
    }

    async fn delivered(&self, client: &Client, body: &[u8]) -> Result<Page<()>> {
        let sent: Payload = serde_json::from_slice(body)
            .map_err(|cause| Error::unexpected("a delivery", cause.to_string()))?;
        let (skipped, events) = (sent.events.skipped, sent.events.items);
        let unsent =
            events.iter().filter_map(|event| Some(event.unsend.as_ref()?.message_id.clone()));
        let unsent: Vec<String> = unsent.collect();
        let said = each(events, AT_ONCE, |event| record(client, event)).await?;
        Ok(Page::loose(said.into_iter().flatten()).removing(unsent).skipping(skipped))
    }
}
