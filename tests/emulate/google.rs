//! Google, as `emulate` has it, and the few lines between it and the program: addresses that differ, two answers that it
//! lacks, and tokens that end (it takes any access token for somebody's).

use std::{
    collections::HashSet,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use reqwest::{Client, Method, redirect::Policy};
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Child};
use url::Url;

use crate::{
    browser::parameter,
    http::free_port,
    server::{PATIENCE, Program},
    tools::Tool,
};

/// Whose account is linked.
pub const ANN: &str = "ann@example.com";
/// By which Ann uses her account herself.
const HERSELF: &str = "ann-herself";
const CLIENT_ID: &str = "client-1.apps.googleusercontent.com";
const CLIENT_SECRET: &str = "GOCSPX-secret-of-the-tests";

pub struct Google {
    between: Arc<Between>,
    base: Url,
    _emulator: Child,
    _seed: TempDir,
}

/// What stands between the program and the emulation.
struct Between {
    client: Client,
    emulator: String,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    /// Access tokens that have not ended.
    alive: HashSet<String>,
    /// All tokens that were given, in their order.
    access: Vec<String>,
    refresh: Vec<String>,
    /// What was asked: host and path with what follows, and the form where it was one.
    asked: Vec<String>,
}

impl Google {
    /// With this in it, for a program whose pages are at `origin`; `None` where the package is missing.
    pub async fn start(origin: &str, mut world: Value) -> Option<Self> {
        let tool = Tool::find("emulate", "dist/index.js", 24)?;
        world["users"] =
            json!([{"email": ANN, "name": "Ann"}, {"email": "bob@example.com", "name": "Bob"}]);
        world["oauth_clients"] = json!([{
            "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "name": "Neotoma",
            "redirect_uris": [format!("{origin}/oauth/google/callback")],
        }]);
        let seed = tempfile::tempdir().unwrap();
        let file = seed.path().join("seed.json");
        let all = json!({"tokens": {HERSELF: {"login": ANN, "scopes": []}}, "google": world});
        std::fs::write(&file, all.to_string()).unwrap();
        let port = free_port();
        let mut command = tool.command();
        command
            .args(["start", "--service", "google", "--port", &port.to_string(), "--seed"])
            .arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let emulator = command.current_dir(seed.path()).spawn().unwrap();
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let between = Arc::new(Between {
            client,
            emulator: format!("http://127.0.0.1:{port}"),
            now: Mutex::default(),
        });
        between.wait().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let router = Router::new().fallback(pass).with_state(Arc::clone(&between));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Some(Self { between, base, _emulator: emulator, _seed: seed })
    }

    /// The program, whose Google this is.
    pub fn program(&self, database: &PgPool) -> Program {
        Program::over(database, &self.base)
            .with("GOOGLE_OAUTH_CLIENT_ID", CLIENT_ID)
            .with("GOOGLE_OAUTH_CLIENT_SECRET", CLIENT_SECRET)
    }

    /// What somebody does at Google's page: the address that their browser is sent back to.
    pub async fn consent(&self, vendor: &Url, who: &str) -> String {
        let here =
            format!("{}{}?{}", self.between.emulator, vendor.path(), vendor.query().unwrap());
        let page = self.between.client.get(here).send().await.unwrap();
        assert_eq!(page.status(), 200);
        let page = page.text().await.unwrap();
        let theirs = format!("name=\"email\" value=\"{who}\"");
        let form = page.split("<form").find(|form| form.contains(&theirs)).unwrap();
        let fields = form.split("<input type=\"hidden\"").skip(1).map(|input| {
            let of = |name: &str| {
                input.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap()
            };
            (of("name"), of("value").replace("&amp;", "&"))
        });
        let fields: Vec<_> = fields.collect();
        let to = format!("{}/o/oauth2/v2/auth/callback", self.between.emulator);
        let sent = self.between.client.post(to).form(&fields).send().await.unwrap();
        assert_eq!(sent.status(), 302);
        let back = sent.headers()[header::LOCATION.as_str()].to_str().unwrap().to_owned();
        assert!(back.starts_with(&parameter(vendor, "redirect_uri")), "{back}");
        back
    }

    /// Ann does something in her account.
    pub async fn ann(&self, method: &str, path: &str, body: &Value) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request =
            self.between.client.request(method, format!("{}{path}", self.between.emulator));
        let done = request.bearer_auth(HERSELF).json(body).send().await.unwrap();
        assert!(done.status().is_success(), "{path}: {:?}", done.text().await);
    }

    /// Ends all access tokens, as an hour would.
    pub fn expire(&self) {
        self.between.now.lock().unwrap().alive.clear();
    }

    /// Ann takes back what she granted, at Google.
    pub async fn take_back(&self) {
        let tokens = {
            let mut now = self.between.now.lock().unwrap();
            now.alive.clear();
            [now.access.clone(), now.refresh.clone()].concat()
        };
        for token in tokens {
            self.between.post("/oauth2/revoke", &[("token", &token)]).await;
        }
    }

    /// The refresh token that was given last.
    pub fn newest_refresh_token(&self) -> String {
        self.between.now.lock().unwrap().refresh.last().cloned().unwrap()
    }

    /// Whether a refresh token still gives access.
    pub async fn takes(&self, token: &str) -> bool {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
        ];
        self.between.post("/oauth2/token", &form).await == StatusCode::OK
    }

    /// How often something like this was asked for since the last [`Google::forget`].
    pub fn asked(&self, what: &str) -> usize {
        self.between.now.lock().unwrap().asked.iter().filter(|asked| asked.contains(what)).count()
    }

    pub fn forget(&self) {
        self.between.now.lock().unwrap().asked.clear();
    }
}

impl Between {
    async fn wait(&self) {
        let begun = Instant::now();
        let up = format!("{}/.well-known/openid-configuration", self.emulator);
        while self.client.get(&up).send().await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "emulate does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> StatusCode {
        let sent = self.client.post(format!("{}{path}", self.emulator)).form(form).send().await;
        sent.unwrap().status()
    }

    async fn json(&self, headers: &HeaderMap, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.emulator));
        request.headers(headers.clone()).send().await.unwrap().json().await.unwrap()
    }

    /// Keeps account of the tokens in an answer.
    fn note(&self, answer: &Value) {
        let mut now = self.now.lock().unwrap();
        let token = |name: &str| answer[name].as_str().map(str::to_owned);
        if let Some(token) = token("access_token") {
            now.alive.insert(token.clone());
            now.access.push(token);
        }
        now.refresh.extend(token("refresh_token"));
    }

    fn is_alive(&self, headers: &HeaderMap) -> bool {
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| self.now.lock().unwrap().alive.contains(token))
    }
}

async fn pass(State(between): State<Arc<Between>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    // Behind the provider's id, which the override puts before the host.
    let at = parts.uri.path_and_query().unwrap().as_str().splitn(3, '/').nth(2).unwrap().to_owned();
    let form = String::from_utf8_lossy(&body).into_owned();
    between.now.lock().unwrap().asked.push(format!("{} {at} {form}", parts.method));
    let (host, path) = at.split_at(at.find('/').unwrap());
    let mut headers = parts.headers;
    headers.remove(header::HOST);
    if host == "oauth2.googleapis.com" {
        let to = format!("{}/oauth2{path}", between.emulator);
        let sent = between.client.post(to).headers(headers).body(body).send().await.unwrap();
        let status = sent.status();
        let answer: Value = sent.json().await.unwrap_or_default();
        between.note(&answer);
        return (status, axum::Json(answer)).into_response();
    }
    if !between.is_alive(&headers) {
        let error =
            json!({"code": 401, "message": "Invalid Credentials", "status": "UNAUTHENTICATED"});
        return (StatusCode::UNAUTHORIZED, axum::Json(json!({"error": error}))).into_response();
    }
    if path.starts_with("/gmail/v1/users/me/profile") {
        let who = between.json(&headers, "/oauth2/v2/userinfo").await;
        let history = between.json(&headers, "/gmail/v1/users/me/history?startHistoryId=1").await;
        return axum::Json(
            json!({"emailAddress": who["email"], "historyId": history["historyId"]}),
        )
        .into_response();
    }
    if path.starts_with("/calendar/v3/calendars/primary?") {
        let all = between.json(&headers, "/calendar/v3/users/me/calendarList").await;
        let primary = all["items"].as_array().unwrap().iter().find(|of| of["primary"] == true);
        return axum::Json(primary.cloned()).into_response();
    }
    let sent = between.client.request(parts.method, format!("{}{path}", between.emulator));
    let sent = sent.headers(headers).body(body).send().await.unwrap();
    (sent.status(), axum::Json(sent.json::<Value>().await.unwrap())).into_response()
}
