//! The ground that the program stands on: its database, its disk, its key, its environment.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, PgPool, postgres::PgConnectOptions};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    task::{AbortHandle, JoinSet},
};

use crate::{
    cluster::Place,
    sandbox::{Sandbox, Vendor, World, data::Sizes},
    server::{KEY, Program, Server, until},
    stage::{Stage, sorted},
};

/// A way to the database that can be closed: a socket of ours, from which all is passed on to the server's.
struct Way {
    folder: TempDir,
    to: PathBuf,
    open: Option<AbortHandle>,
}

impl Way {
    fn to(database: &PgPool) -> Self {
        let to = database.connect_options().get_socket().unwrap().join(".s.PGSQL.5432");
        let mut way = Self { folder: TempDir::new().unwrap(), to, open: None };
        way.open();
        way
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// How the database is reached by it.
    fn address(&self, database: &PgPool) -> String {
        let options: PgConnectOptions = database.connect_options().as_ref().clone();
        options.socket(self.folder.path()).to_url_lossy().to_string()
    }

    fn open(&mut self) {
        let _ = std::fs::remove_file(self.socket()); // the last one's
        let (listener, to) = (UnixListener::bind(self.socket()).unwrap(), self.to.clone());
        let passing = tokio::spawn(async move {
            // Dropped with all that goes through it when the way is closed.
            let mut through = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                let mut to = UnixStream::connect(&to).await.unwrap();
                through.spawn(async move { copy_bidirectional(&mut from, &mut to).await });
            }
        });
        self.open = Some(passing.abort_handle());
    }

    /// The database is gone for whoever goes this way: connections are cut, and new ones refused.
    fn close(&mut self) {
        self.open.take().unwrap().abort();
    }
}

#[tokio::test]
async fn a_database_that_is_gone_in_mid_run_costs_no_more_than_the_page_at_hand() {
    let mut stage = Stage::mails(60).await;
    let mut way = Way::to(&stage.database);
    stage.program.set("DATABASE_URL", &way.address(&stage.database));
    let id = stage.link(Vendor::Gmail).await;
    let mut assistant = stage.program.serve().await;
    let gate = stage.sandbox.hold(Vendor::Gmail, "/messages?*pageToken=");
    let sync = |seconds| json!({"connector_id": id, "limit": 20, "wait_seconds": seconds});
    let call = assistant.begin("sync_external_connector", sync(4), None).await;
    gate.reached().await;
    until("the first page is stored", async || stage.alive().await.len() == 20).await;
    way.close();
    gate.open();
    let began = Instant::now();
    let told = assistant.end("sync_external_connector", call).await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    // It is not known yet how it ends, or it is known that it cannot be stored.
    match told {
        Ok(run) => assert_eq!((&run["status"], &run["more"]), (&json!("running"), &json!(true))),
        Err(said) => assert!(said.contains("the database is not available"), "{said}"),
    }
    // The program stays, says what is wrong, and knows what needs no database.
    assistant.does("list_providers", json!({"provider": "gmail"})).await;
    let import = ["import", "--all"];
    let (said, ran) =
        tokio::join!(assistant.refuses("list_connectors", json!({})), stage.program.run(&import));
    assert!(
        said.contains("database is not available") && said.contains("neotoma doctor"),
        "{said}"
    );
    assert!(ran.code == 1 && ran.err.contains("the database is not available"), "{ran:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(stage.alive().await.len(), 20, "the first page is kept");
    // Back again, the run that was cut off is closed, and the next one goes on.
    way.open();
    until("the end of the run", async || {
        let runs = assistant.does("list_sync_runs", json!({"connector_id": id})).await;
        runs["runs"][0]["status"] == "failed"
    })
    .await;
    let run = assistant.does("sync_external_connector", sync(25)).await;
    assert_eq!(
        (&run["status"], &run["stats"]["created"]),
        (&json!("success"), &json!(40)),
        "{run}"
    );
    assert_eq!(run["already_running"], false);
    assert_eq!(stage.alive().await, sorted(stage.ids(Vendor::Gmail)));
    assert_eq!(stage.count("SELECT count(*) FROM external_sync_runs").await, 2);
}

/// A mailbox, and the program over an embedded database of its own.
async fn embedded(mails: usize) -> (Sandbox, Place, Program) {
    let sizes = Sizes { mails, tasks: 0, projects: 0, messages: 0, channels: 0 };
    let sandbox = Sandbox::start(World::sized(&sizes)).await.unwrap();
    let place = Place::new();
    let program = Program::new()
        .with("NEOTOMA_DATA_DIR", place.data_dir.to_str().unwrap())
        .with("NEOTOMA_EGRESS_OVERRIDE", sandbox.url().as_str());
    (sandbox, place, program)
}

async fn records(server: &mut Server) -> Value {
    server.does("list_connectors", json!({})).await["connectors"][0]["records"].clone()
}

#[tokio::test]
async fn an_embedded_database_that_is_killed_in_mid_run_comes_back() {
    let (sandbox, place, program) = embedded(60).await;
    let mut assistant = program.serve().await;
    let token = json!({"access_token": sandbox.grant(Vendor::Gmail).access_token()});
    let id = assistant.link("gmail", token).await;
    let gate = sandbox.hold(Vendor::Gmail, "/messages?*pageToken=");
    let sync = json!({"connector_id": id, "limit": 20, "wait_seconds": 0});
    let begun = assistant.does("sync_external_connector", sync).await;
    gate.reached().await;
    let killed = place.server().unwrap();
    rustix::process::kill_process(killed, rustix::process::Signal::KILL).unwrap();
    until("another server", async || place.server().is_some_and(|server| server != killed)).await;
    gate.open();
    until("the end of the run", async || {
        let asked = json!({"run_id": begun["run_id"]});
        let run = assistant.call("list_sync_runs", asked).await;
        run.is_ok_and(|run| run["runs"][0]["status"] != "running")
    })
    .await;
    let run = assistant.sync(&id).await.unwrap();
    assert_eq!(run["status"], "success", "{run}");
    assert_eq!(records(&mut assistant).await, 60);
    assert!(assistant.close().await.well);
    assert_eq!(place.server(), None);
}

/// SQLSTATE 53100 for what is written once there are 25 records.
const FULL: &str = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     IF (SELECT count(*) FROM records) >= 25 THEN \
     RAISE EXCEPTION 'could not extend file \"base/5/16384\": No space left on device' USING ERRCODE = '53100'; \
     END IF; RETURN NEW; END $$; \
     CREATE TRIGGER full_disk BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION full_disk()";

#[tokio::test]
async fn a_full_disk_is_named_and_what_was_stored_is_kept() {
    let stage = Stage::mails(60).await;
    let id = stage.link(Vendor::Gmail).await;
    sqlx::raw_sql(FULL).execute(&stage.database).await.unwrap();
    let mut assistant = stage.program.serve().await;
    let sync = json!({"connector_id": id, "limit": 20, "wait_seconds": 25});
    let said = assistant.refuses("sync_external_connector", sync).await;
    assert!(said.contains("disk is full") && said.contains("free some space"), "{said}");
    let kept = stage.alive().await.len();
    assert!(kept < 60 && kept % 20 == 0, "the whole page or nothing of it: {kept}");
    let runs = assistant.does("list_sync_runs", json!({"connector_id": id})).await;
    assert_eq!(runs["runs"][0]["error"]["class"], "disk_full", "{runs}");
    let ran = stage.program.run(&["import", "--connector-id", &id, "--limit", "20"]).await;
    assert!(ran.code == 1 && ran.err.contains("disk is full"), "{ran:?}");
    sqlx::raw_sql("DROP TRIGGER full_disk ON records").execute(&stage.database).await.unwrap();
    let run = assistant.sync(&id).await.unwrap();
    assert_eq!((&run["status"], &run["stats"]["created"]), (&json!("success"), &json!(60 - kept)));
    assert_eq!(stage.alive().await, sorted(stage.ids(Vendor::Gmail)));
}

#[tokio::test]
async fn a_wrong_key_opens_nothing_and_spoils_nothing() {
    let mut stage = Stage::mails(3).await;
    let id = stage.link(Vendor::Gmail).await;
    let envelope = "SELECT secrets_envelope::text FROM external_connectors";
    let sealed: String = sqlx::query_scalar(envelope).fetch_one(&stage.database).await.unwrap();
    stage.sandbox.forget_requests();
    stage.program.set("CONNECTOR_SECRET_KEY", "another-key-of-the-tests-0123456789-abcdef");
    let mut assistant = stage.program.serve().await;
    let said = assistant.sync(&id).await.unwrap_err();
    assert!(said.contains("CONNECTOR_SECRET_KEY_PREVIOUS"), "{said}");
    let ran = stage.program.run(&["import", "--connector-id", &id]).await;
    assert!(ran.code == 1 && ran.err.contains("CONNECTOR_SECRET_KEY_PREVIOUS"), "{ran:?}");
    let ran = stage.program.run(&["keys", "rotate"]).await;
    assert!(ran.code == 1 && ran.err.contains("CONNECTOR_SECRET_KEY_PREVIOUS"), "{ran:?}");
    // A part of the secrets cannot be given anew where the rest cannot be read.
    let again =
        json!({"provider": "gmail", "account_identifier": "maya@kestrel.example", "secrets": {}});
    let said = assistant.refuses("link_connector", again).await;
    assert!(said.contains("CONNECTOR_SECRET_KEY_PREVIOUS"), "{said}");
    assert!(stage.sandbox.requests().is_empty(), "nothing is asked of the vendor");
    let kept: String = sqlx::query_scalar(envelope).fetch_one(&stage.database).await.unwrap();
    assert_eq!(kept, sealed);
    let listed = assistant.does("list_connectors", json!({})).await;
    assert_eq!(listed["connectors"][0]["status"], "active", "the grant is not at fault: {listed}");
    // The old key beside the new one opens them; so does the old one alone.
    stage.program.set("CONNECTOR_SECRET_KEY_PREVIOUS", KEY);
    assert_eq!(stage.program.import(&id, &[]).await["status"], "success");
    stage.program.unset("CONNECTOR_SECRET_KEY_PREVIOUS");
    stage.program.set("CONNECTOR_SECRET_KEY", KEY);
    assert_eq!(stage.program.import(&id, &[]).await["status"], "success");
    for (key, says) in [("short", "32"), ("", "CONNECTOR_SECRET_KEY is not set")] {
        stage.program.set("CONNECTOR_SECRET_KEY", key);
        let ran = stage.program.run(&["connectors"]).await;
        assert!(ran.code == 1 && ran.err.contains(says), "{ran:?}");
        assert!(!ran.err.contains("short"), "{ran:?}");
    }
}

/// Every variable that the program reads, but for where its data lies.
const VARIABLES: [&str; 14] = [
    "DATABASE_URL",
    "CONNECTOR_SECRET_KEY",
    "CONNECTOR_SECRET_KEY_PREVIOUS",
    "NEOTOMA_PG_BIN",
    "NEOTOMA_OWNER",
    "NEOTOMA_ALLOW_PRIVATE_HOSTS",
    "NEOTOMA_LOG_FORMAT",
    "RUST_LOG",
    "NO_COLOR",
    "GOOGLE_OAUTH_CLIENT_ID",
    "GOOGLE_OAUTH_CLIENT_SECRET",
    "GOOGLE_OAUTH_REDIRECT_URI",
    "SLACK_OAUTH_CLIENT_ID",
    "SLACK_OAUTH_CLIENT_SECRET",
];

#[tokio::test]
async fn an_empty_environment_variable_is_an_unset_one() {
    let (sandbox, place, mut program) = embedded(3).await;
    for variable in VARIABLES {
        program.set(variable, "");
    }
    // One that goes on keeps the database up meanwhile.
    let mut holder = program.serve().await;
    holder.does("list_connectors", json!({})).await;
    let token = sandbox.grant(Vendor::Gmail).access_token();
    let id = program.link("gmail", &[("access_token", &token)]).await;
    assert_eq!(program.import(&id, &[]).await["stats"]["created"], 3);
    assert!(place.data_dir.join("key").exists(), "a key of its own, and a database");
    // The same connector without them: the owner is the usual one.
    for variable in VARIABLES {
        program.unset(variable);
    }
    assert_eq!(program.done(&["connectors", "--json"]).await.json()[0]["connector_id"], id);
    // An app of empty halves is none.
    sandbox.grant(Vendor::Gmail).expire();
    program.set("GOOGLE_OAUTH_CLIENT_ID", "");
    program.set("GOOGLE_OAUTH_CLIENT_SECRET", "");
    let refresh = sandbox.grant(Vendor::Gmail).refresh_token();
    let secrets = [format!("access_token={token}"), format!("refresh_token={refresh}")];
    let link = ["link", "gmail", "--secret", &secrets[0], "--secret", &secrets[1]];
    let ran = program.run(&link).await;
    assert!(
        ran.err.contains("set GOOGLE_OAUTH_CLIENT_ID and GOOGLE_OAUTH_CLIENT_SECRET"),
        "{ran:?}"
    );
    assert!(holder.close().await.well);
    // What needs no database needs no folder either.
    program.set("NEOTOMA_DATA_DIR", "");
    program.set("NEOTOMA_EGRESS_OVERRIDE", "");
    program.set("HOME", "");
    let listed = program.done(&["providers", "--json"]).await;
    assert_eq!(listed.json().as_array().unwrap().len(), 47);
    assert!(!listed.err.contains("NEOTOMA_EGRESS_OVERRIDE"), "{listed:?}");
}
