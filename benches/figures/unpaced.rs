//! The program's own clients with another rate. What a vendor allows (Asana 150 requests a minute, Slack 50) would be all
//! that is measured otherwise: 200,000 tasks take twenty minutes at that rate, whatever the program does. The rate is part of
//! a provider's `Spec`, so that a provider that is one in all else, and has a `Spec` of its own, is all it takes; calls,
//! parsing and errors are the client's.

use neotoma_importers::{
    error::{Error, Result},
    http::Client,
    provider::{Account, AnyProvider, Feed, Page, Provider, Spec, spec::Rate},
    providers::{asana::Asana, google::gmail::Gmail, slack::Slack},
};
use serde_json::Value;

/// More than anybody asks.
const RATE: Rate = Rate::per_second(1_000_000);

/// A provider with that rate.
struct Unpaced<P>(P, &'static Spec);

/// The client of this id.
///
/// # Errors
/// When no figure needs it.
pub fn find(id: &str) -> anyhow::Result<&'static dyn AnyProvider> {
    Ok(match id {
        "asana" => unpaced(Asana),
        "gmail" => unpaced(Gmail),
        "slack" => unpaced(Slack),
        other => anyhow::bail!("no figure imports from {other}"),
    })
}

fn unpaced<P: Provider>(provider: P) -> &'static dyn AnyProvider {
    // A token that was pasted is not renewed: nothing asks for the vendor's OAuth.
    let spec = Spec { rate: RATE, oauth: None, ..*provider.spec() };
    Box::leak(Box::new(Unpaced(provider, Box::leak(Box::new(spec)))))
}

impl<P: Provider> Provider for Unpaced<P> {
    type Cursor = P::Cursor;

    fn spec(&self) -> &'static Spec {
        self.1
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        self.0.account(client).await
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        self.0.feeds(client).await
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<P::Cursor>,
    ) -> Result<Page<P::Cursor>> {
        self.0.page(client, feed, cursor).await
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        self.0.fault(status, body)
    }

    async fn confirm_gone(
        &self,
        client: &Client,
        feed: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        self.0.confirm_gone(client, feed, ids).await
    }

    async fn recheck(&self, client: &Client, feed: &Feed, ids: Vec<String>) -> Result<Page<()>> {
        self.0.recheck(client, feed, ids).await
    }
}
