//! The contract with its types erased, for the registry and the engine.

use futures::future::BoxFuture;
use serde_json::Value;

use super::{Account, Feed, Heard, Incoming, Page, Provider, Spec};
use crate::{
    error::{Error, Result},
    http::Client,
};

/// [`Provider`] with boxed futures and JSON cursors. Implemented once, for every provider.
pub trait AnyProvider: Send + Sync + 'static {
    /// See [`Provider::spec`].
    fn spec(&self) -> &'static Spec;
    /// See [`Provider::account`].
    fn account<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Account>>;
    /// See [`Provider::feeds`].
    fn feeds<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Vec<Feed>>>;
    /// See [`Provider::page`].
    fn page<'a>(
        &'a self,
        client: &'a Client,
        feed: &'a Feed,
        cursor: Option<Value>,
    ) -> BoxFuture<'a, Result<Page<Value>>>;
    /// See [`Provider::fault`].
    fn fault(&self, status: u16, body: &Value) -> Option<Error>;
    /// See [`Provider::confirm_gone`].
    fn confirm_gone<'a>(
        &'a self,
        client: &'a Client,
        feed: &'a Feed,
        ids: Vec<String>,
    ) -> BoxFuture<'a, Result<Vec<String>>>;
    /// See [`Provider::recheck`].
    fn recheck<'a>(
        &'a self,
        client: &'a Client,
        feed: &'a Feed,
        ids: Vec<String>,
    ) -> BoxFuture<'a, Result<Page<()>>>;
    /// See [`Provider::hear`].
    fn hear(&self, incoming: &Incoming<'_>) -> Heard;
    /// See [`Provider::delivered`].
    fn delivered<'a>(
        &'a self,
        client: &'a Client,
        body: &'a [u8],
    ) -> BoxFuture<'a, Result<Page<()>>>;
}

impl<P: Provider> AnyProvider for P {
    fn spec(&self) -> &'static Spec {
        Provider::spec(self)
    }

    fn account<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Account>> {
        Box::pin(Provider::account(self, client))
    }

    fn feeds<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Vec<Feed>>> {
        Box::pin(Provider::feeds(self, client))
    }

    fn page<'a>(
        &'a self,
        client: &'a Client,
        feed: &'a Feed,
        cursor: Option<Value>,
    ) -> BoxFuture<'a, Result<Page<Value>>> {
        Box::pin(async move {
            let cursor = match cursor {
                Some(stored) => {
                    Some(serde_json::from_value(stored).map_err(|_| Error::CursorExpired)?)
                }
                None => None,
            };
            let page = Provider::page(self, client, feed, cursor).await?;
            let mut fault = None;
            let page = page.map(|cursor: P::Cursor| {
                serde_json::to_value(cursor).unwrap_or_else(|cause| {
                    fault = Some(Error::unexpected("cursor", cause.to_string()));
                    Value::Null
                })
            });
            fault.map_or(Ok(page), Err)
        })
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        Provider::fault(self, status, body)
    }

    fn confirm_gone<'a>(
        &'a self,
        client: &'a Client,
        feed: &'a Feed,
        ids: Vec<String>,
    ) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(Provider::confirm_gone(self, client, feed, ids))
    }

    fn recheck<'a>(
        &'a self,
        client: &'a Client,
        feed: &'a Feed,
        ids: Vec<String>,
    ) -> BoxFuture<'a, Result<Page<()>>> {
        Box::pin(Provider::recheck(self, client, feed, ids))
    }

    fn hear(&self, incoming: &Incoming<'_>) -> Heard {
        Provider::hear(self, incoming)
    }

    fn delivered<'a>(
        &'a self,
        client: &'a Client,
        body: &'a [u8],
    ) -> BoxFuture<'a, Result<Page<()>>> {
        Box::pin(Provider::delivered(self, client, body))
    }
}
