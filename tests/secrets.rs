//! Recognisable secrets are planted everywhere that a secret can come from; then everything is run, well and badly, with
//! the most talkative log, and all that was said or stored is searched for them.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

#[path = "support/postgres.rs"]
mod postgres;
#[path = "../examples/demo/sandbox/mod.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod sandbox;
#[path = "support/server.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod server;
#[path = "support/stage.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod stage;

use std::collections::BTreeSet;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use futures::future::join_all;
use sandbox::{
    Vendor, World,
    data::Sizes,
    exchange::Answer,
    faults::{Fault, Rule},
};
use serde_json::{Value, json};
use server::{Program, Ran, Server, address};
use sqlx::{AssertSqlSafe, ConnectOptions as _, postgres::PgConnectOptions};
use stage::Stage;

const PASSWORD: &str = "hush-database-password-4711";
const KEY: &str = "hush-key-of-the-connectors-0123456789";
const OLD_KEY: &str = "hush-key-of-yesterday-0123456789-abc";
const APP_SECRET: &str = "hush-secret-of-an-app-0815";
const REFUSED: &str = "hush-token-that-nobody-takes-1";
const PERSONAL: &str = "hush-personal-token-of-asana-2";
const MISPLACED: &str = "hush-token-in-a-wrong-place-3";

/// What was planted, and everything that was said.
struct Hunt {
    stage: Stage,
    planted: BTreeSet<String>,
    said: Vec<(String, String)>,
    commands: BTreeSet<String>,
}

impl Hunt {
    async fn begin() -> Self {
        let sizes = Sizes { mails: 12, tasks: 12, projects: 1, messages: 12, channels: 1 };
        let mut stage = Stage::sized(sizes).await;
        stage.sandbox.grant(Vendor::Asana).add_token(PERSONAL);
        let options: PgConnectOptions = stage.database.connect_options().as_ref().clone();
        let url = options.password(PASSWORD).to_url_lossy();
        stage.program.set("DATABASE_URL", url.as_str());
        stage.program.set("CONNECTOR_SECRET_KEY", KEY);
        stage.program.set("CONNECTOR_SECRET_KEY_PREVIOUS", OLD_KEY);
        stage.program.set("RUST_LOG", "trace");
        for app in ["GOOGLE", "ASANA", "SLACK"] {
            stage.program.set(&format!("{app}_OAUTH_CLIENT_ID"), "an-app");
            stage.program.set(&format!("{app}_OAUTH_CLIENT_SECRET"), APP_SECRET);
        }
        let fixed = [PASSWORD, KEY, OLD_KEY, APP_SECRET, REFUSED, PERSONAL, MISPLACED];
        let planted = fixed.map(str::to_owned).into();
        let mut hunt = Self { stage, planted, said: Vec::new(), commands: BTreeSet::new() };
        hunt.plant_tokens();
        hunt
    }

    /// The tokens that the vendors have given by now.
    fn plant_tokens(&mut self) {
        for vendor in Vendor::ALL {
            let grant = self.stage.sandbox.grant(vendor);
            self.planted.extend([grant.access_token(), grant.refresh_token()]);
        }
    }

    async fn run(&mut self, arguments: &[&str]) -> Ran {
        let ran = self.stage.program.run(arguments).await;
        self.note(&ran);
        ran
    }

    fn note(&mut self, ran: &Ran) {
        self.commands.extend(ran.line.split(' ').next().map(str::to_owned));
        // What was typed is not what was said.
        let what = ran.line.chars().take(60).collect::<String>();
        self.said.push((format!("`{what}` on stdout"), ran.out.clone()));
        self.said.push((format!("`{what}` on stderr"), ran.err.clone()));
    }

    async fn leave(&mut self, what: &str, server: Server) {
        let closed = server.close().await;
        self.said.push((format!("{what}, written"), json!(closed.written).to_string()));
        self.said.push((format!("{what}, logged"), closed.log));
    }

    /// Searches everything that was said and all that is stored.
    async fn ends_with_nothing(mut self) {
        self.plant_tokens();
        for table in self.tables().await {
            let sql =
                format!("SELECT coalesce(string_agg(row::text, E'\\n'), '') FROM {table} row");
            let rows: String = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_one(&self.stage.database)
                .await
                .unwrap();
            self.said.push((format!("table {table}"), rows));
        }
        for (what, text) in &self.said {
            for secret in &self.planted {
                for form in forms(secret) {
                    let at = text.find(&form);
                    let near = at.map(|at| text[..at].chars().rev().take(300).collect::<String>());
                    let near = near.map(|near| near.chars().rev().collect::<String>());
                    assert!(at.is_none(), "{what} shows {form} after: {near:?}");
                }
            }
        }
    }

    async fn tables(&self) -> Vec<String> {
        let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
        sqlx::query_scalar(sql).fetch_all(&self.stage.database).await.unwrap()
    }

    /// How much of the log speaks of calls to vendors.
    fn logged_calls(&self) -> usize {
        self.said.iter().map(|(_, text)| text.matches("neotoma_importers::http").count()).sum()
    }
}

/// The ways in which a secret may be written.
fn forms(secret: &str) -> Vec<String> {
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    // The beginning alone would give it away, too.
    let most: String = secret.chars().take(secret.chars().count() * 3 / 4).collect();
    let base64 = STANDARD.encode(secret).trim_end_matches('=').to_owned();
    let base64 = base64[..base64.len() - 2].to_owned();
    vec![most, encoded, base64, URL_SAFE_NO_PAD.encode(secret)]
}

/// What a vendor says that repeats what it was sent.
fn echoes(token: &str, refresh: &str) -> Vec<Fault> {
    let answer = |status: u16, body: Value| Fault::Instead(Answer::json(status, &body));
    vec![
        answer(
            403,
            json!({"error": {"code": 403, "message": format!("Bearer {token} may not"),
            "errors": [{"reason": token, "message": token}]}}),
        ),
        answer(400, json!({"error": token, "error_description": refresh, "message": token})),
        answer(
            401,
            json!({"errors": [{"message": format!("{token} has expired"), "code": token}]}),
        ),
        answer(404, json!({"title": token, "detail": token, "code": token})),
        answer(200, json!({"ok": false, "error": token, "needed": token})),
        answer(200, json!({"ok": false, "error": "missing_scope", "needed": token})),
        answer(
            200,
            json!({"messages": [{"id": {token: token}}], "data": {token: [token]}, token: token}),
        ),
        answer(200, json!({"data": token, "messages": token, "channels": token})),
        Fault::Instead(Answer::text(200, token)),
        Fault::Instead(Answer::text(500, token)),
        Fault::Instead(
            Answer::json(429, &json!({"error": token}))
                .header("retry-after", token)
                .header("x-ratelimit-reset", token),
        ),
        Fault::redirect(&format!("https://elsewhere.example/{token}?access_token={token}#{token}")),
        Fault::redirect(&format!("http://{token}:{token}@elsewhere.example/")),
    ]
}

#[tokio::test]
async fn no_secret_is_said_or_stored_by_what_goes_well_or_is_misused() {
    let mut hunt = Hunt::begin().await;
    commands_that_need_nobody(&mut hunt).await;
    let connectors = links(&mut hunt).await;
    renewing_syncs(&mut hunt).await;
    tools(&mut hunt, &connectors).await;
    commands_that_change(&mut hunt, &connectors).await;
    assert!(
        hunt.logged_calls() > 50,
        "the log was as talkative as it gets: {}",
        hunt.logged_calls()
    );
    every_command_was_run(&hunt).await;
    hunt.ends_with_nothing().await;
}

#[tokio::test]
async fn no_secret_is_said_or_stored_when_vendors_repeat_what_they_were_sent() {
    let mut hunt = Hunt::begin().await;
    let connectors = links(&mut hunt).await;
    refused_links(&mut hunt).await;
    let vendors = [Vendor::Gmail, Vendor::Slack, Vendor::Asana].into_iter().zip(&connectors);
    let echoed = join_all(vendors.map(|(vendor, id)| echoing_syncs(&hunt.stage, vendor, id))).await;
    echoed.iter().flatten().for_each(|ran| hunt.note(ran));
    echoing_renewals(&mut hunt).await;
    let sent = hunt.stage.sandbox.requests();
    let bore = |secret: &str| sent.iter().any(|seen| seen.bearer.as_deref() == Some(secret));
    assert!(bore(REFUSED) && bore(PERSONAL), "the secrets were used");
    hunt.ends_with_nothing().await;
}

#[tokio::test]
async fn no_secret_is_said_where_database_key_or_address_do_not_do() {
    let mut hunt = Hunt::begin().await;
    links(&mut hunt).await;
    broken_ground(&mut hunt).await;
    hunt.ends_with_nothing().await;
}

async fn commands_that_need_nobody(hunt: &mut Hunt) {
    for arguments in [
        &["providers"][..],
        &["providers", "slack", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["install", "claude-code", "--print"],
        &["install", "cursor", "--yes", "--env", "DATABASE_URL", "--env", "CONNECTOR_SECRET_KEY"],
        &[
            "install",
            "cursor",
            "--yes",
            "--env",
            &format!("ASANA_OAUTH_CLIENT_SECRET={APP_SECRET}"),
        ],
        &["install", "vscode", "--env", MISPLACED],
        &["link", "gmail", MISPLACED],
        &["link", "gmail", "--secret", MISPLACED],
        &["link", "gmail", "--secret", &format!("@{MISPLACED}")],
        &["link", "gmail", "--secret", &format!("access_token=@/nowhere/{MISPLACED}")],
        &["link", "gmail", "--secret", &format!("acess_token={MISPLACED}")],
        &["link", "gmail", "--metadata", &format!("access_token={MISPLACED}")],
        &["link", "gmail", "--secret", &format!("{MISPLACED}=")],
    ] {
        hunt.run(arguments).await;
    }
}

/// Links whose tokens are refused, in many words.
async fn refused_links(hunt: &mut Hunt) {
    for vendor in Vendor::ALL {
        hunt.run(&["link", vendor.id(), "--secret", &format!("access_token={REFUSED}")]).await;
    }
    for fault in echoes(REFUSED, REFUSED) {
        hunt.stage.sandbox.inject(Rule::new(fault));
        hunt.run(&["link", "gmail", "--secret", &format!("access_token={REFUSED}")]).await;
        hunt.stage.sandbox.heal();
    }
}

/// Links each vendor's account, by each way of giving a secret.
async fn links(hunt: &mut Hunt) -> Vec<String> {
    let both = |hunt: &Hunt, vendor| {
        let grant = hunt.stage.sandbox.grant(vendor);
        (grant.access_token(), grant.refresh_token())
    };
    let (token, refresh) = both(hunt, Vendor::Gmail);
    let (token, refresh) = (format!("access_token={token}"), format!("refresh_token={refresh}"));
    let gmail = ["link", "gmail", "--json", "--secret", &token, "--secret", &refresh];
    let gmail = hunt.run(&gmail).await;
    let (token, refresh) = both(hunt, Vendor::Slack);
    let file = hunt.stage.program.file("token", &format!("{token}\n"));
    let file = format!("access_token=@{}", file.display());
    let slack = ["link", "slack", "--json", "--secret", &file, "--secret", "refresh_token=-"];
    let slack = hunt.stage.program.fed(&slack, &refresh).await;
    hunt.note(&slack);
    let asana = ["link", "asana", "--json", "--secret", "access_token=-"];
    let asana = hunt.stage.program.fed(&asana, PERSONAL).await;
    hunt.note(&asana);
    let id = |ran: &Ran| ran.json()["connector_id"].as_str().unwrap().to_owned();
    vec![id(&gmail), id(&slack), id(&asana)]
}

/// The tokens that can be renewed have ended.
fn expire(stage: &Stage) {
    stage.sandbox.grant(Vendor::Gmail).expire();
    stage.sandbox.grant(Vendor::Slack).expire();
}

/// Syncs that renew their tokens.
async fn renewing_syncs(hunt: &mut Hunt) {
    expire(&hunt.stage);
    let ran = hunt.run(&["import", "--all", "--limit", "5"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(hunt.stage.sandbox.grant(Vendor::Slack).exchanges(), 1);
    hunt.plant_tokens();
}

/// Renewals whose endpoint repeats what it was sent, and gives new tokens in a form that it does not promise.
async fn echoing_renewals(hunt: &mut Hunt) {
    let refresh = hunt.stage.sandbox.grant(Vendor::Slack).refresh_token();
    let said = format!("{refresh} of {APP_SECRET}");
    for body in [
        json!({"error": "invalid_grant", "error_description": said}),
        json!({"error": "invalid_client", "error_description": said}),
        json!({"ok": false, "error": said}),
        json!({"access_tokn": refresh, refresh.clone(): {"refresh_token": [refresh]}}),
        json!({"access_token": [refresh], "expires_in": refresh, "ok": true}),
    ] {
        for status in [200, 400, 401] {
            expire(&hunt.stage);
            let answer = Fault::Instead(Answer::json(status, &body));
            hunt.stage
                .sandbox
                .inject(Rule::new(answer.clone()).path("oauth2.googleapis.com").always());
            hunt.stage.sandbox.inject(Rule::new(answer).path("oauth.v2.access").always());
            hunt.run(&["import", "--all", "--json"]).await;
            hunt.stage.sandbox.heal();
        }
    }
    let ran = hunt.run(&["import", "--all"]).await;
    assert_eq!(ran.code, 0, "all is well in the end: {ran:?}");
    hunt.plant_tokens();
}

/// Syncs of one account while its vendor repeats what it was sent, each time in another way.
async fn echoing_syncs(stage: &Stage, vendor: Vendor, id: &str) -> Vec<Ran> {
    let (token, refresh) = {
        let grant = stage.sandbox.grant(vendor);
        (grant.access_token(), grant.refresh_token())
    };
    let token = if vendor == Vendor::Asana { PERSONAL.to_owned() } else { token };
    let mut all = Vec::new();
    for fault in echoes(&token, &refresh) {
        let injected = stage.sandbox.inject(Rule::new(fault).on(vendor).after(1));
        let import = ["import", "--json", "--connector-id", id, "--sync-type", "initial"];
        all.push(stage.program.run(&import).await);
        assert_eq!(stage.sandbox.struck(injected), 1, "{vendor:?}");
    }
    all
}

/// Every tool, used well and badly, and what else the protocol has.
async fn tools(hunt: &mut Hunt, connectors: &[String]) {
    let program = &hunt.stage.program;
    let mut assistant = program.serve().await;
    let listed = assistant.ask("tools/list", json!({})).await["result"]["tools"].clone();
    let names = listed.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap());
    let token = hunt.stage.sandbox.grant(Vendor::Gmail).access_token();
    let mut called = BTreeSet::new();
    for (tool, arguments) in [
        ("list_providers", json!({"provider": "gmail"})),
        ("list_connectors", json!({})),
        ("link_connector", json!({"provider": "gmail", "secrets": {"access_token": token}})),
        ("link_connector", json!({"provider": "gmail", "secrets": {"access_token": REFUSED}})),
        ("link_connector", json!({"provider": "gmail", "secrets": MISPLACED})),
        (
            "link_connector",
            json!({"provider": MISPLACED.to_owned() + &"x".repeat(60), "secrets": [MISPLACED]}),
        ),
        ("link_connector", json!({"provider": "gmail", "secrets": {"access_token": [MISPLACED]}})),
        (
            "link_connector",
            json!({"provider": "gmail", "secrets": {"access_token": format!("{MISPLACED}\n")}}),
        ),
        (
            "link_connector",
            json!({"provider": "gmail", "secrets": {"access_token": format!("a\n{MISPLACED}")}}),
        ),
        (
            "link_connector",
            json!({"provider": "gmail", "secrets": {}, "metadata": {"access_token": MISPLACED}}),
        ),
        (
            "link_connector",
            json!({"provider": "gmail", "secrets": {"expires_at": MISPLACED, "access_token": token}}),
        ),
        ("sync_external_connector", json!({"connector_id": connectors[0], "dry_run": true})),
        (
            "sync_external_connector",
            json!({"connector_id": connectors[0], "confirm_removals": true}),
        ),
        ("sync_external_connector", json!({"connector_id": connectors[1], "since": MISPLACED})),
        ("sync_external_connector", json!({"connector_id": MISPLACED})),
        ("start_oauth", json!({"provider": "gmail", "account_label": "Mail"})),
        ("start_oauth", json!({"provider": "gmail", "redirect_to": MISPLACED})),
        ("sync_provider_imports", json!({"provider": "slack"})),
        ("list_sync_runs", json!({"limit": 100})),
        ("search_records", json!({"query": "rain"})),
        ("delete_connector", json!({"connector_id": connectors[2], "delete_records": true})),
        (
            "delete_connector",
            json!({"connector_id": connectors[2], "delete_records": true, "confirm": MISPLACED}),
        ),
    ] {
        called.insert(tool);
        // Whether it does or refuses: it tells no secret. The arguments are checked in other tests.
        let _ = assistant.call(tool, arguments).await;
    }
    let found = assistant.does("search_records", json!({"limit": 1})).await;
    let record = found["records"][0]["record_id"].as_str().unwrap().to_owned();
    assistant.does("get_record", json!({"record_id": record})).await;
    called.insert("get_record");
    for name in names {
        assert!(called.contains(name), "{name} was not called");
    }
    for (method, params) in [
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({"uri": format!("neotoma://connectors/{}", connectors[0])})),
        ("resources/read", json!({"uri": format!("neotoma://records/{record}")})),
        ("tools/call", json!({"name": "link_connector", "arguments": MISPLACED})),
        ("prompts/get", json!({"name": MISPLACED, "arguments": {MISPLACED: MISPLACED}})),
    ] {
        let id = assistant.request(method, params).await;
        let answer = assistant.answer(id).await;
        assert!(answer.get("result").is_some() || answer.get("error").is_some());
    }
    hunt.leave("the server", assistant).await;
    // A client that does not speak the protocol.
    let mut server = Server::launch(&hunt.stage.program);
    server
        .send(&json!({"jsonrpc": "2.0", "id": 1, "method": MISPLACED, "params": {"a": MISPLACED}}))
        .await;
    hunt.leave("a server that was not spoken to", server).await;
}

/// Databases, keys and addresses that do not do.
async fn broken_ground(hunt: &mut Hunt) {
    let url = address(&hunt.stage.database);
    let gone = url.replace("neotoma_test", "gone");
    let gone = gone.replace("neotoma@", &format!("neotoma:{PASSWORD}@"));
    let broken = [
        ("DATABASE_URL", gone.as_str()),
        ("DATABASE_URL", &format!("postgres://neotoma:{PASSWORD}@127.0.0.1:1/gone")),
        ("DATABASE_URL", &format!("postgres://neotoma:{PASSWORD}@[nowhere/gone")),
        ("DATABASE_URL", &format!("mysql://neotoma:{PASSWORD}@nowhere/gone")),
        ("DATABASE_URL", PASSWORD),
        ("CONNECTOR_SECRET_KEY", &KEY[..20]),
        ("CONNECTOR_SECRET_KEY", "hush-key-that-opens-nothing-0123456789"),
        ("NEOTOMA_EGRESS_OVERRIDE", &format!("http://{MISPLACED}:{MISPLACED}@127.0.0.1:1")),
        ("NEOTOMA_EGRESS_OVERRIDE", MISPLACED),
        ("NEOTOMA_ALLOW_PRIVATE_HOSTS", MISPLACED),
        ("GOOGLE_OAUTH_REDIRECT_URI", MISPLACED),
        ("RUST_LOG", MISPLACED),
    ];
    let programs = broken.map(|(variable, value)| {
        let mut program = Program::over(&hunt.stage.database, &hunt.stage.sandbox.url());
        program.set("RUST_LOG", "trace");
        program.set("CONNECTOR_SECRET_KEY", KEY);
        program.set(variable, value);
        program
    });
    let (doctor, import) = (["doctor", "--json"], ["import", "--all"]);
    let runs = programs.iter().flat_map(|program| [program.run(&doctor), program.run(&import)]);
    join_all(runs).await.iter().for_each(|ran| hunt.note(ran));
}

/// Commands that show, change and end what there is.
async fn commands_that_change(hunt: &mut Hunt, connectors: &[String]) {
    let id = connectors[2].as_str();
    let found = hunt.run(&["records", "search", "rain", "--json"]).await.json();
    let record = found["records"][0]["record_id"].as_str().unwrap();
    for arguments in [
        &["connectors"][..],
        &["connectors", "--all", "--json"],
        &["connectors", "pause", id],
        &["connectors", "resume", id, "--json"],
        &["import", "--connector-id", id, "--dry-run"],
        &["runs"],
        &["runs", "--json", "--limit", "100"],
        &["records", "search"],
        &["records", "show", record],
        &["records", "show", record, "--json"],
        &["keys", "rotate"],
        &["keys", "rotate", "--json"],
        &["connectors", "delete", id, "--records", "--yes"],
    ] {
        let ran = hunt.run(arguments).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    // What is made to be seen once is seen nowhere else.
    let made = hunt.stage.program.done(&["token", "create", "--json"]).await;
    hunt.planted.insert(made.json()["token"].as_str().unwrap().to_owned());
    // No app is configured: it does not wait for a person.
    hunt.run(&["connect", "snapchat", "--no-browser"]).await;
    hunt.run(&["token", "list"]).await;
    hunt.run(&["token", "list", "--json"]).await;
    let key = hunt.stage.program.done(&["keys", "generate"]).await.out.trim().to_owned();
    assert!(key.len() >= 32);
    hunt.commands.insert("serve".to_owned());
}

/// A command that comes later is to be added here.
async fn every_command_was_run(hunt: &Hunt) {
    let help = hunt.stage.program.done(&["--help"]).await.out;
    let commands = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let command = line.split_whitespace().next().unwrap();
        assert!(command == "help" || hunt.commands.contains(command), "{command} was not run");
    }
}

#[tokio::test]
async fn an_envelope_that_was_moved_to_another_row_does_not_open() {
    let mut world = World::empty();
    world.gmail.push(sandbox::gmail::Gmail::new("Zoë Park <zoe@kestrel.example>"));
    let mut stage = Stage::of(world).await;
    stage.sandbox.grant(Vendor::Asana).add_token(PERSONAL);
    let token = |place| stage.sandbox.grant_at(Vendor::Gmail, place).access_token();
    let (mayas, zoes) = (token(0), token(1));
    let maya = stage.program.link("gmail", &[("access_token", &mayas)]).await;
    let zoe = stage.program.link("gmail", &[("access_token", &zoes)]).await;
    let task = stage.program.link("asana", &[("access_token", PERSONAL)]).await;
    stage.program.set("NEOTOMA_OWNER", "bob");
    let bobs = stage.program.link("gmail", &[("access_token", &zoes)]).await;
    stage.sandbox.forget_requests();
    let sealed: Value =
        sqlx::query_scalar("SELECT secrets_envelope FROM external_connectors WHERE id::text = $1")
            .bind(&zoe)
            .fetch_one(&stage.database)
            .await
            .unwrap();
    // Into the row of another account of the same person, of another provider, of another person; and its own row made
    // another provider's, or another person's.
    for (owner, of, change) in [
        ("local", &maya, "secrets_envelope = $1"),
        ("local", &task, "secrets_envelope = $1"),
        ("bob", &bobs, "secrets_envelope = $1"),
        ("local", &zoe, "provider = 'asana', secrets_envelope = $1"),
        ("eve", &zoe, "provider = 'gmail', owner_id = 'eve', secrets_envelope = $1"),
    ] {
        let sql = format!("UPDATE external_connectors SET {change} WHERE id::text = $2");
        let moved = sqlx::query(AssertSqlSafe(sql)).bind(&sealed).bind(of);
        assert_eq!(moved.execute(&stage.database).await.unwrap().rows_affected(), 1);
        stage.program.set("NEOTOMA_OWNER", owner);
        let ran = stage.program.run(&["import", "--connector-id", of]).await;
        assert!(ran.code == 1 && ran.err.contains("secrets:"), "{change}: {ran:?}");
    }
    let home = "UPDATE external_connectors SET owner_id = 'local' WHERE owner_id = 'eve'";
    sqlx::query(home).execute(&stage.database).await.unwrap();
    assert!(stage.sandbox.requests().is_empty(), "no vendor was sent another's token");
    stage.program.set("NEOTOMA_OWNER", "local");
    assert_eq!(
        stage.program.import(&zoe, &[]).await["status"],
        "success",
        "where it belongs it opens"
    );
}
