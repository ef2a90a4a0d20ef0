//! WhatsApp Business: the conversations of a business's numbers (Cloud API).
//!
//! Facts: Meta for Developers, "WhatsApp Cloud API: webhooks", "Business management API"; Graph API v23.0.

mod item;
mod spec;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::Value;

use self::item::{Payload, Place};
use crate::{
    error::{Error, Result},
    http::{Client, whole_list},
    provider::{Account, Feed, Heard, Incoming, Next, Page, Provider, from_hex, spec::Spec},
    record::Record,
    wire::Many,
};

const API: &str = "https://graph.facebook.com/v23.0";
/// What has to be granted.
const PERMISSIONS: &str = "whatsapp_business_management, whatsapp_business_messaging";
/// Numbers that one answer names.
const NUMBERS: u32 = 100;
/// Answers of the list of numbers.
const NUMBER_PAGES: usize = 100;

/// The client of WhatsApp Business.
pub struct WhatsAppBusiness;

impl Provider for WhatsAppBusiness {
    type Cursor = ();

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    /// The numbers that were chosen must be the account's: of others nothing would ever come.
    async fn account(&self, client: &Client) -> Result<Account> {
        let id = client.setting("waba_id").unwrap_or_default();
        if id.is_empty() || !id.bytes().all(|c| c.is_ascii_digit()) {
            return Err(Error::invalid(
                "waba_id",
                "is no id of an account, which is made of digits",
            ));
        }
        let call = client.get(format!("{API}/{id}")).query(&[("fields", "id,name")]);
        let account: Named = call.json().await?;
        let chosen = client.settings("phone_number_ids");
        if !chosen.is_empty() {
            let known = numbers(client, id).await?;
            if let Some(other) = chosen.iter().find(|id| !known.iter().any(|own| own == *id)) {
                let problem =
                    format!("{other} is no number of this account; it has {}", known.join(", "));
                return Err(Error::invalid("phone_number_ids", problem));
            }
        }
        Ok(Account::new(account.id.clone(), account.name.unwrap_or(account.id)))
    }

    /// Nothing can be listed.
    async fn page(&self, _: &Client, _: &Feed, _: Option<()>) -> Result<Page<()>> {
        Ok(Page::new(Vec::<Record>::new(), Next::Relist))
    }

    /// The address is asked for once, without a signature; every delivery bears one.
    fn hear(&self, incoming: &Incoming<'_>) -> Heard {
        if !incoming.is_post {
            let asked = incoming.param("hub.mode") == Some("subscribe");
            let token = incoming.param("hub.verify_token").unwrap_or_default();
            let ours = asked && incoming.is_secret("verify_token", token);
            let challenge = incoming.param("hub.challenge").filter(|_| ours);
            return challenge.map_or(Heard::Refused, |text| Heard::Answer(text.to_owned()));
        }
        let tag =
            incoming.header("x-hub-signature-256").and_then(|tag| tag.strip_prefix("sha256="));
        match tag.and_then(from_hex) {
            Some(tag) if incoming.is_signed("app_secret", &tag) => Heard::Delivery { key: None },
            _ => Heard::Refused,
        }
    }

    /// An app delivers all its accounts to one address: others than this one, and other numbers than the chosen ones, are
    /// not this connector's.
    async fn delivered(&self, client: &Client, body: &[u8]) -> Result<Page<()>> {
        let sent: Payload = serde_json::from_slice(body)
            .map_err(|cause| Error::unexpected("a delivery", cause.to_string()))?;
        let account = client.setting("waba_id");
        let numbers = client.settings("phone_number_ids");
        let mut page = Page::loose(Vec::<Record>::new()).skipping(sent.entry.skipped);
        let ours = sent.entry.into_iter().filter(|entry| account.is_none_or(|id| id == entry.id));
        for entry in ours {
            page = page.skipping(entry.changes.skipped);
            for change in entry.changes {
                let place = Place::of(&change);
                if numbers.is_empty() || numbers.contains(&place.number()) {
                    page = change.put_into(page, &place);
                }
            }
        }
        Ok(page)
    }

    fn fault(&self, _: u16, body: &Value) -> Option<Error> {
        super::fault(PERMISSIONS, body)
    }
}

/// The ids of the account's numbers.
async fn numbers(client: &Client, account: &str) -> Result<Vec<String>> {
    let all = whole_list(NUMBER_PAGES, "phone_numbers", |after: Option<String>| async move {
        let limit = NUMBERS.to_string();
        let query =
            [("fields", Some("id")), ("limit", Some(limit.as_str())), ("after", after.as_deref())];
        let call = client.get(format!("{API}/{account}/phone_numbers")).query(&query);
        let listed: Numbers = call.json().await?;
        let paging = listed.paging.unwrap_or_default();
        let after = paging.cursors.and_then(|at| at.after).filter(|_| paging.next.is_some());
        Ok((listed.data, after))
    });
    Ok(all.await?.into_iter().flatten().map(|number| number.id).collect())
}

#[derive(Deserialize)]
struct Named {
    id: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Numbers {
    data: Many<Named>,
    paging: Option<Paging>,
}

#[derive(Default, Deserialize)]
struct Paging {
    cursors: Option<Cursors>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Cursors {
    after: Option<String>,
}
