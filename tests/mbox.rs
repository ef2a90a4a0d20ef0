//! Mail from a file: into a linked account, once, and beside what its service gives.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/server.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod server;
#[path = "oauth/vendor.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod vendor;

use std::{fmt::Write as _, io::Write as _, path::Path};

use serde_json::{Value, json as value};
use sqlx::{PgPool, Row as _};

use postgres::fresh_database;
use server::{Program, count, until};
use vendor::{Seen, Vendor, json};

/// The id of the mail below, as the separator has it and as the API has it.
const NUMBER: u64 = 1_790_000_000_000_000_000;
const ID: &str = "18d75b8423f30000";
const ALL: &str = "SELECT count(*) FROM records";

struct World {
    pool: PgPool,
    program: Program,
    connector: String,
    _vendor: Vendor,
}

impl World {
    /// A mailbox with one mail.
    async fn new() -> Self {
        let vendor = Vendor::start(gmail).await;
        let pool = fresh_database().await;
        let program = Program::over(&pool, &vendor.base);
        let connector = program.link("gmail", &[("access_token", "hush")]).await;
        Self { pool, program, connector, _vendor: vendor }
    }

    async fn read(&self, file: &Path) -> Value {
        let file = file.to_str().unwrap();
        self.program.run(&["import", "--json", "--provider", "gmail", "--file", file]).await.json()
            [0]
        .clone()
    }

    /// Keys and versions of all rows.
    async fn rows(&self) -> Vec<(String, String)> {
        let sql = "SELECT coalesce(external_id, external_hash) AS key, xmin::text AS xmin FROM records ORDER BY 1";
        let rows = sqlx::query(sql).fetch_all(&self.pool).await.unwrap();
        rows.iter().map(|row| (row.get("key"), row.get("xmin"))).collect()
    }

    async fn property(&self, path: &str) -> Option<Value> {
        sqlx::query_scalar("SELECT properties -> $1 FROM records WHERE external_id = $2")
            .bind(path)
            .bind(ID)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

fn gmail(seen: &Seen) -> axum::response::Response {
    let at = seen.at.strip_prefix("gmail.googleapis.com/gmail/v1/users/me/").unwrap_or_default();
    let payload = value!({"mimeType": "text/plain", "filename": "", "body": {"size": 2, "data": "SGk="},
        "headers": [{"name": "Subject", "value": "by the API"}]});
    match at {
        "profile" => json(200, &value!({"emailAddress": "ann@example.com", "historyId": "1"})),
        "messages" => json(200, &value!({"messages": [{"id": ID, "threadId": ID}]})),
        "labels" => json(200, &value!({"labels": []})),
        _ if at.starts_with("messages/") => json(
            200,
            &value!({"id": ID, "threadId": ID, "labelIds": ["INBOX"], "snippet": "Hi",
                "internalDate": "1772434800000", "payload": payload}),
        ),
        _ => json(
            404,
            &value!({"error": {"code": 404, "message": "none", "errors": [{"reason": "notFound"}]}}),
        ),
    }
}

fn takeout(labels: &str) -> String {
    format!(
        "From {NUMBER}@xxx Mon Mar 02 07:00:00 +0000 2026\nX-GM-THRID: {NUMBER}\nX-Gmail-Labels: {labels}\n\
         Subject: by Takeout\n\nHi\n\n"
    )
}

fn plain(number: usize) -> String {
    format!(
        "From a@x.de Mon Mar  2 07:00:00 2026\nMessage-ID: <{number}@x.de>\nSubject: {number}\n\nText\n\n"
    )
}

#[tokio::test]
async fn the_same_file_twice_changes_nothing_and_both_runs_are_in_the_history() {
    let world = World::new().await;
    let no_id =
        "From a@x.de Mon Mar  2 07:00:00 2026\nFrom: b@x.de\nSubject: without a name\n\nText\n\n";
    let nothing = "From a@x.de Mon Mar  2 07:00:00 2026\n\n";
    let draft = takeout("Draft").replace(&NUMBER.to_string(), "1790000000000000001");
    let text =
        [&takeout("Inbox"), &plain(1), no_id, nothing, &draft, &plain(1), &plain(2)].concat();
    let file = world.program.file("all.mbox", &text);
    let first = world.read(&file).await;
    assert_eq!(
        (&first["status"], &first["stats"]["created"]),
        (&value!("success"), &value!(4)),
        "{first}"
    );
    assert_eq!(first["stats"]["skipped"], 1, "what is no mail is counted: {first}");
    let rows = world.rows().await;
    let second = world.read(&file).await;
    assert_eq!(
        (&second["stats"]["created"], &second["stats"]["updated"]),
        (&value!(0), &value!(0))
    );
    assert_eq!(second["stats"]["unchanged"], 4);
    assert_eq!(world.rows().await, rows);
    let runs = world.program.done(&["runs", "--json"]).await.json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2, "{runs}");
    let synced = "SELECT count(*) FROM external_connectors WHERE last_successful_sync IS NOT NULL";
    assert_eq!(count(&world.pool, synced).await, 0, "a file is no sync of the account");
}

#[tokio::test]
async fn a_mail_of_takeout_meets_the_one_that_the_service_gives() {
    let world = World::new().await;
    let file = world.program.file("all.mbox", &takeout("Inbox,Projekte"));
    assert_eq!(world.read(&file).await["stats"]["created"], 1);
    assert_eq!(world.property("subject").await, Some(value!("by Takeout")));
    let run = world.program.import(&world.connector, &[]).await;
    assert_eq!(
        (&run["status"], &run["stats"]["updated"]),
        (&value!("success"), &value!(1)),
        "{run}"
    );
    assert_eq!(world.property("label_ids").await, Some(value!(["INBOX"])));
    // The service knows it better than an older file.
    let again = world.read(&file).await;
    assert_eq!((&again["stats"]["unchanged"], count(&world.pool, ALL).await), (&value!(1), 1));
    assert_eq!(world.property("subject").await, Some(value!("by the API")));
}

#[tokio::test]
async fn a_listing_of_the_service_removes_nothing_that_came_from_a_file() {
    let world = World::new().await;
    let text: String = (0..5).map(plain).collect();
    let file = world
        .program
        .file("old.mbox", &(text + &takeout("Inbox").replace(&NUMBER.to_string(), "16")));
    assert_eq!(world.read(&file).await["stats"]["created"], 6);
    let run = world.program.import(&world.connector, &["--sync-type", "initial"]).await;
    assert_eq!(
        (&run["status"], &run["stats"]["removed"]),
        (&value!("success"), &value!(0)),
        "{run}"
    );
    assert_eq!(
        count(&world.pool, "SELECT count(*) FROM records WHERE removed_at IS NULL").await,
        7
    );
}

#[tokio::test]
async fn mails_are_stored_while_the_file_is_still_being_read() {
    let world = World::new().await;
    let pipe = world.program.home().join("endless.mbox");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let running = world.program.start(&[
        "import",
        "--json",
        "--provider",
        "gmail",
        "--file",
        pipe.to_str().unwrap(),
    ]);
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let writing = std::thread::spawn(move || {
        let mut file = std::fs::OpenOptions::new().write(true).open(pipe).unwrap();
        for part in 0..2 {
            let mut text = String::new();
            for number in 0..1_000 {
                let _ = write!(text, "{}", plain(part * 1_000 + number));
            }
            file.write_all(text.as_bytes()).unwrap();
            if part == 0 {
                wait.recv().unwrap();
            }
        }
    });
    until("some are stored", async || count(&world.pool, ALL).await > 0).await;
    go_on.send(()).unwrap();
    writing.join().unwrap();
    let run = running.ended().await.json()[0].clone();
    assert_eq!(
        (&run["status"], &run["stats"]["created"]),
        (&value!("success"), &value!(2_000)),
        "{run}"
    );
}

#[tokio::test]
async fn a_file_that_is_none_of_mail_is_told_of_and_leaves_no_run() {
    let world = World::new().await;
    let folder = world.program.home().to_owned();
    for (file, why) in [
        (folder.join("missing.mbox"), "is not there"),
        (folder.clone(), "is a folder"),
        (world.program.file("empty", ""), "is empty"),
        (world.program.file("takeout.zip", "PK\u{3}\u{4}"), "is an archive"),
        (world.program.file("one.eml", "Subject: one mail\n\nText\n"), "is no mbox file"),
    ] {
        let ran = world
            .program
            .run(&["import", "--provider", "gmail", "--file", file.to_str().unwrap()])
            .await;
        assert!(ran.code != 0 && format!("{}{}", ran.out, ran.err).contains(why), "{ran:?}");
    }
    assert_eq!(count(&world.pool, "SELECT count(*) FROM external_sync_runs").await, 0);
}

#[tokio::test]
async fn mail_goes_into_one_account_that_has_mail() {
    let world = World::new().await;
    let file = world.program.file("all.mbox", &plain(1));
    let file = file.to_str().unwrap();
    let second = [
        "link",
        "gmail",
        "--no-verify",
        "--account",
        "bob@example.com",
        "--secret",
        "access_token=x",
    ];
    world.program.done(&second).await;
    let ran = world.program.run(&["import", "--provider", "gmail", "--file", file]).await;
    assert!(
        ran.code != 0 && ran.err.contains("--connector-id") && ran.err.contains("bob@example.com"),
        "{ran:?}"
    );
    let named = ["import", "--json", "--connector-id", &world.connector, "--file", file];
    assert_eq!(world.program.done(&named).await.json()[0]["stats"]["created"], 1);
    let tasks = ["link", "asana", "--no-verify", "--account", "1", "--secret", "access_token=x"];
    world.program.done(&tasks).await;
    let ran = world.program.run(&["import", "--provider", "asana", "--file", file]).await;
    assert!(ran.code != 0 && format!("{}{}", ran.out, ran.err).contains("not of asana"), "{ran:?}");
    for bad in
        [&["--all", "--file", file][..], &["--provider", "gmail", "--file", file, "--dry-run"]]
    {
        assert_eq!(world.program.run(&[&["import"], bad].concat()).await.code, 2, "{bad:?}");
    }
}
