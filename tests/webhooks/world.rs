//! A program with a Line channel and a WhatsApp account, and deliveries as the two vendors sign them.

use std::{fmt::Write as _, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::FutureExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use sqlx::{PgPool, Row as _};
use tokio::sync::watch;

use crate::{
    hosted::{Answer, Hosted},
    postgres::fresh_database,
    server::{Program, until},
    vendor::{Seen, Vendor, json},
};

pub const CHANNEL_SECRET: &str = "8c570fa6dd201bb328f1c1eac23a96d8";
pub const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The people of whom Line tells names.
const NAMES: &str = "api.line.me/v2/bot/profile/";

pub struct World {
    pub pool: PgPool,
    pub program: Program,
    pub vendor: Vendor,
    /// Whether Line answers who people are.
    answers: Arc<watch::Sender<bool>>,
}

impl World {
    pub async fn new() -> Self {
        let answers = Arc::new(watch::Sender::new(true));
        let held = Arc::clone(&answers);
        let vendor = Vendor::slow(move |seen: Seen| {
            let mut open = held.subscribe();
            async move {
                if seen.at.starts_with(NAMES) {
                    let _ = open.wait_for(|open| *open).await;
                }
                tell(&seen)
            }
            .boxed()
        })
        .await;
        let pool = fresh_database().await;
        let program = Program::over(&pool, &vendor.base);
        Self { pool, program, vendor, answers }
    }

    /// Lets Line keep silent about people, or not any more.
    pub fn answers(&self, does: bool) {
        self.answers.send_replace(does);
    }

    /// Waits until it was asked who somebody is.
    pub async fn was_asked(&self) {
        let asked = || self.vendor.seen().iter().any(|seen| seen.at.starts_with(NAMES));
        until("somebody's name is asked for", async || asked()).await;
    }

    /// Links a Line channel, and gives its webhook's path.
    pub async fn line(&self) -> String {
        let secrets = [("channel_access_token", "line-token"), ("channel_secret", CHANNEL_SECRET)];
        let id = self.program.link("line", &secrets).await;
        format!("/import/line/webhook/{id}")
    }

    /// Links a WhatsApp account, and gives its webhook's path.
    pub async fn whatsapp(&self) -> String {
        let secret = format!("app_secret={APP_SECRET}");
        let link = [
            "link",
            "whatsapp-business",
            "--json",
            "--metadata",
            "waba_id=419",
            "--secret",
            "access_token=EAAJ",
            "--secret",
            secret.as_str(),
            "--secret",
            "verify_token=chosen-by-us",
        ];
        let linked = self.program.done(&link).await.json();
        format!("/import/whatsapp-business/webhook/{}", linked["connector_id"].as_str().unwrap())
    }

    /// Waits until everything that came was read.
    pub async fn is_read(&self) {
        until("what came is read", async || self.count(UNREAD).await == 0).await;
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        crate::server::count(&self.pool, sql).await
    }

    /// The records that are alive: id, text and version of the row.
    pub async fn records(&self) -> Vec<(String, String, String)> {
        let rows = sqlx::query(
            "SELECT external_id, coalesce(properties ->> 'text', '') AS text, xmin::text AS xmin FROM records \
             WHERE removed_at IS NULL ORDER BY external_id",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        rows.iter().map(|row| (row.get("external_id"), row.get("text"), row.get("xmin"))).collect()
    }

    /// Ids and texts of the records that are alive.
    pub async fn texts(&self) -> Vec<(String, String)> {
        self.records().await.into_iter().map(|(id, text, _)| (id, text)).collect()
    }
}

pub const UNREAD: &str = "SELECT count(*) FROM webhook_deliveries WHERE processed_at IS NULL";
pub const KEPT: &str = "SELECT count(*) FROM webhook_deliveries";

fn tell(seen: &Seen) -> axum::response::Response {
    match seen.at.as_str() {
        "api.line.me/v2/bot/info" => {
            json(200, &json!({"userId": "Ub", "displayName": "Acme", "basicId": "@acme"}))
        }
        "api.line.me/v2/bot/profile/U1" => json(200, &json!({"displayName": "Taro"})),
        "graph.facebook.com/v23.0/419" => json(200, &json!({"id": "419", "name": "Acme"})),
        _ => json(404, &json!({"message": "Not found"})),
    }
}

/// HMAC-SHA256 of a body.
pub fn tag(secret: &str, body: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.chain_update(body).finalize().into_bytes().to_vec()
}

/// Delivers as Line does.
pub async fn line(to: &Hosted, path: &str, events: &Value) -> Answer {
    line_raw(to, path, &json!({"destination": "Ub", "events": events}).to_string()).await
}

/// The same with these bytes.
pub async fn line_raw(to: &Hosted, path: &str, body: &str) -> Answer {
    let tag = BASE64_STANDARD.encode(tag(CHANNEL_SECRET, body));
    to.post(path, &[("x-line-signature", &tag)], body).await
}

/// A message of Line's.
pub fn said(id: &str, text: &str, again: bool) -> Value {
    json!({"type": "message", "mode": "active", "timestamp": 1_736_500_000_123_i64,
        "source": {"type": "user", "userId": "U1"}, "webhookEventId": format!("E{id}"),
        "deliveryContext": {"isRedelivery": again}, "message": {"id": id, "type": "text", "text": text}})
}

/// A message that was taken back.
pub fn unsent(id: &str) -> Value {
    json!({"type": "unsend", "source": {"type": "user", "userId": "U1"}, "webhookEventId": format!("X{id}"),
        "unsend": {"messageId": id}})
}

/// Delivers as Meta does; the number makes the bytes differ.
pub async fn meta(to: &Hosted, path: &str, messages: &Value, number: u32) -> Answer {
    let value = json!({"metadata": {"display_phone_number": "1555", "phone_number_id": "106"}, "messages": messages});
    let changes = json!([{"field": "messages", "value": value, "n": number}]);
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "419", "changes": changes}]});
    let body = body.to_string();
    let hex = tag(APP_SECRET, &body).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    to.post(path, &[("X-Hub-Signature-256", &format!("sha256={hex}"))], &body).await
}

/// A text of WhatsApp's.
pub fn text(id: &str, body: &str) -> Value {
    json!({"id": id, "from": "1650", "timestamp": "1749416383", "type": "text", "text": {"body": body}})
}
