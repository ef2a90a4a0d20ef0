//! A program of this process, with its listener, its owner and its vendor.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::response::Response;
use neotoma_importers::{
    app::{App, AttemptView, Error, StartRequest},
    config::Settings,
    http::TransportConfig,
    ids::{AttemptId, OwnerId},
    oauth::Apps,
    providers,
    web::loopback::Loopback,
};
use serde_json::{Value, json as value};
use sqlx::PgPool;

use crate::{
    database::{Database, KEY},
    vendor::{Seen, Vendor, json},
};

pub const CLIENT_ID: &str = "client-id-1";
pub const CLIENT_SECRET: &str = "hush-client-secret";

/// A port that nobody has just now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Every app of the catalog, with one id and one secret.
pub fn apps() -> Apps {
    Apps::read(providers::apps(), |name| {
        if name.ends_with("_CLIENT_ID") {
            Some(CLIENT_ID.to_owned())
        } else {
            name.ends_with("_CLIENT_SECRET").then(|| CLIENT_SECRET.to_owned())
        }
    })
    .unwrap()
}

/// What a test's owner is called: none sees another's.
pub fn owner() -> OwnerId {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    OwnerId::new(format!("owner-{}", NUMBER.fetch_add(1, Ordering::Relaxed))).unwrap()
}

pub struct World {
    pub database: Arc<Database>,
    pub vendor: Vendor,
    pub app: App,
    pub owner: OwnerId,
    pub port: u16,
}

impl World {
    /// A program whose vendor answers so.
    pub async fn new(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        Self::with(Vendor::start(answer).await, |_| ()).await
    }

    /// The same, with settings changed.
    pub async fn with(vendor: Vendor, change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(Arc::new(Database::new().await), vendor, change)
    }

    /// The same, on a database that another one has too.
    pub fn on(database: Arc<Database>, vendor: Vendor, change: impl FnOnce(&mut Settings)) -> Self {
        let port = free_port();
        let mut settings = Settings {
            database_url: Some(database.url().into()),
            secret_key: Some(KEY.into()),
            transport: TransportConfig {
                egress_override: Some(vendor.base.clone()),
                ..Default::default()
            },
            apps: apps(),
            callback_port: Some(port),
            ..Settings::default()
        };
        change(&mut settings);
        let app = App::new(settings).unwrap();
        app.land_at(Loopback::new());
        Self { database, vendor, app, owner: owner(), port }
    }

    pub async fn start(&self, provider: &str) -> AttemptView {
        self.start_as(StartRequest { provider: provider.into(), ..Default::default() })
            .await
            .unwrap()
    }

    pub async fn start_as(&self, request: StartRequest) -> Result<AttemptView, Error> {
        self.app.start_oauth(&self.owner, request).await
    }

    /// How an attempt stands.
    pub async fn now(&self, attempt: &AttemptView) -> AttemptView {
        let id: AttemptId = attempt.attempt_id.parse().unwrap();
        self.app.attempt(&self.owner, &id).await.unwrap()
    }

    pub fn pool(&self) -> &PgPool {
        &self.database.pool
    }

    /// Makes an attempt as old as it can get.
    pub async fn expire(&self, attempt: &AttemptView) {
        let done = sqlx::query("UPDATE oauth_attempts SET expires_at = now() WHERE id = $1")
            .bind(&attempt.attempt_id)
            .execute(self.pool())
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1);
    }

    /// The whole way: from the page by the vendor to the end.
    pub async fn link(&self, provider: &str) -> AttemptView {
        let attempt = self.start(provider).await;
        let browser = crate::browser::Browser::new();
        let page = attempt.authorization_url.as_deref().unwrap();
        let vendor = browser.go_to_vendor(page, &[]).await;
        let shown = browser.come_back(&vendor, &[("code", "hush-code")]).await;
        let linked = self.now(&attempt).await;
        assert_eq!(linked.status.as_str(), "linked", "{}", shown.text);
        linked
    }
}

/// What the three vendors answer that a person's account is linked at: tokens, and whose they are.
pub fn usual(seen: &Seen) -> Response {
    let tokens = value!({
        "ok": true, "access_token": "hush-access", "refresh_token": "hush-refresh", "expires_in": 3600,
        "token_type": "bearer",
    });
    match seen.at.as_str() {
        "oauth2.googleapis.com/token" | "app.asana.com/-/oauth_token" => json(200, &tokens),
        "slack.com/api/oauth.v2.access" => json(200, &value!({"ok": true, "authed_user": tokens})),
        _ => account(seen),
    }
}

/// Whose tokens they are.
pub fn account(seen: &Seen) -> Response {
    let answers: HashMap<&str, Value> = [
        (
            "gmail.googleapis.com/gmail/v1/users/me/profile",
            value!({"emailAddress": "ann@example.com", "historyId": "1", "messagesTotal": 1}),
        ),
        (
            "slack.com/api/auth.test",
            value!({"ok": true, "team": "Acme", "team_id": "T1", "user": "ann", "user_id": "U1",
                    "url": "https://acme.slack.com/"}),
        ),
        (
            "app.asana.com/api/1.0/users/me",
            value!({"data": {"gid": "12", "name": "Ann", "email": "ann@example.com"}}),
        ),
    ]
    .into();
    match answers.get(seen.at.as_str()) {
        Some(answer) if seen.bearer() == Some("hush-access") => json(200, answer),
        Some(_) => json(401, &value!({"error": "invalid_token"})),
        None => json(404, &value!({"error": seen.at})),
    }
}
