//! The vendors on loopback keep their vendors' promises: what the other tests build on.
#![cfg(test)]

#[path = "../examples/demo/sandbox/mod.rs"]
#[expect(dead_code, reason = "it has more than its own tests need")]
mod sandbox;

#[path = "sandbox/asana.rs"]
mod asana;
#[path = "sandbox/faults.rs"]
mod faults;
#[path = "sandbox/gmail.rs"]
mod gmail;
#[path = "sandbox/slack.rs"]
mod slack;
#[path = "sandbox/tokens.rs"]
mod tokens;
#[path = "sandbox/world.rs"]
mod world;

use sandbox::{Sandbox, Vendor, World, data::Sizes};
use serde_json::Value;

const GMAIL: &str = "gmail.googleapis.com/gmail/v1/users/me";
const ASANA: &str = "app.asana.com/api/1.0";
const SLACK: &str = "slack.com/api";

/// A running sandbox and a client that bears its newest tokens.
struct Play {
    sandbox: Sandbox,
    client: reqwest::Client,
}

impl Play {
    async fn of(world: World) -> Self {
        let sandbox = Sandbox::start(world).await.unwrap();
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { sandbox, client }
    }

    async fn sized(sizes: Sizes) -> Self {
        Self::of(World::sized(&sizes)).await
    }

    async fn empty() -> Self {
        Self::of(World::empty()).await
    }

    fn request(&self, vendor: Vendor, target: &str) -> reqwest::RequestBuilder {
        let token = self.sandbox.grant(vendor).access_token();
        let url = format!("{}{}/{target}", self.sandbox.url(), vendor.id());
        self.client.get(url).bearer_auth(token)
    }

    async fn answer(&self, vendor: Vendor, target: &str) -> (u16, Value) {
        let response = self.request(vendor, target).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    async fn get(&self, vendor: Vendor, target: &str) -> Value {
        let (status, answer) = self.answer(vendor, target).await;
        assert_eq!(status, 200, "{target}: {answer}");
        answer
    }

    async fn post(&self, vendor: Vendor, target: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let url = format!("{}{}/{target}", self.sandbox.url(), vendor.id());
        let response = self.client.post(url).form(form).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }
}

/// The texts of one field of every item.
fn each<'a>(items: &'a Value, field: &str) -> Vec<&'a str> {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item[field].as_str()).collect()
}

/// Sorted, so that two walks can be compared.
fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items
}
