//! Evernote's wire samples, where a checkout has them beside it: every request must be one of theirs byte for byte, and two
//! syncs over their answers must end at the records that they are described to give.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode};
use futures::future::BoxFuture;
use neotoma_importers::{
    error::{Error, Result},
    http::{Client, Connection, Credentials, Meter, Policy, Rate, Transport, TransportConfig},
    provider::{Feed, Gone, Next, Provider},
    providers::evernote::{Cursor, Evernote},
    record::Properties,
};
use secrecy::SecretString;
use serde_json::Value;

fn samples() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/providers/evernote");
    if folder.join("examples.json").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: Evernote's wire samples are not here");
    None
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// One exchange: what is asked, in which sync (0: any), and what comes back.
struct Exchange {
    request: Vec<u8>,
    sync: u64,
    error: Option<String>,
    response: Vec<u8>,
    method: String,
}

/// The vendor's side: answers with the sample for the request, and takes nothing else.
struct Samples {
    exchanges: Vec<Exchange>,
    sync: AtomicU64,
    fault: Mutex<Option<&'static str>>,
    asked: Mutex<Vec<String>>,
}

impl Samples {
    fn read(folder: &Path) -> Self {
        let exchanges = json(&folder.join("examples.json"));
        let bytes = |of: &Value| fs::read(folder.join(of.as_str().unwrap())).unwrap();
        let exchanges = exchanges.as_array().unwrap().iter().map(|of| Exchange {
            request: bytes(&of["request"]),
            sync: of["x-when"]["sync"].as_u64().unwrap_or(0),
            error: of["x-when"]["error"].as_str().map(str::to_owned),
            response: bytes(&of["response"]),
            method: of["method"].as_str().unwrap().to_owned(),
        });
        Self {
            exchanges: exchanges.collect(),
            sync: AtomicU64::new(1),
            fault: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let sync = self.sync.load(Ordering::SeqCst);
        let fault = *self.fault.lock().unwrap();
        let fits = |of: &&Exchange| {
            of.request == request
                && (of.sync == 0 || of.sync == sync)
                && of.error.as_deref().is_none_or(|error| Some(error) == fault)
        };
        // The one that says most about when it is to be given.
        let found = self.exchanges.iter().filter(fits);
        let found = found.max_by_key(|of| (of.error.is_some(), of.sync))?;
        self.asked.lock().unwrap().push(found.method.clone());
        Some(found.response.clone())
    }
}

async fn serve(samples: Arc<Samples>) -> Transport {
    async fn answer(
        State(samples): State<Arc<Samples>>,
        body: Bytes,
    ) -> Result<Vec<u8>, (StatusCode, &'static str)> {
        samples.answer(&body).ok_or((StatusCode::BAD_REQUEST, "there is no such sample"))
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(samples);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let egress_override = Some(base.parse().unwrap());
    Transport::new(TransportConfig { egress_override, ..TransportConfig::default() }).unwrap()
}

struct Token(String);

impl Credentials for Token {
    fn secret(&self, name: &str) -> Option<SecretString> {
        (name == "access_token").then(|| self.0.as_str().into())
    }
    fn access_token(&self) -> BoxFuture<'_, Result<Option<SecretString>>> {
        Box::pin(async { Ok(Some(self.0.as_str().into())) })
    }
    fn renew(&self, _: &SecretString) -> BoxFuture<'_, Result<SecretString>> {
        Box::pin(async { Err(Error::Reconnect("it cannot be renewed".into())) })
    }
}

/// A client of one run, linked as described.
fn client(transport: &Transport, link: &Value, token: &str) -> Client {
    let settings = link["metadata"].as_object().cloned().unwrap_or_default();
    let settings: BTreeMap<String, Value> = settings.into_iter().collect();
    transport.client(Connection {
        policy: Policy {
            provider: "evernote",
            hosts: Evernote.spec().hosts_for(&settings),
            rate: Rate::per_second(100_000), // a test waits for nobody
            fault: Arc::new(|status, body| Evernote.fault(status, body)),
        },
        account: "test".into(),
        credentials: Arc::new(Token(token.to_owned())),
        settings,
        limit: None,
        since: None,
        meter: Arc::new(Meter::default()),
    })
}

/// What is stored, as far as the feed says so.
type Stored = BTreeMap<String, Value>;

/// One sync. Answers where the next one goes on, and the ids that were removed.
async fn sync(
    client: &Client,
    stored: &mut Stored,
    mut cursor: Option<Cursor>,
) -> Result<(Cursor, Vec<String>)> {
    let mut removed = Vec::new();
    loop {
        let page = Evernote.page(client, &Feed::account(), cursor).await?;
        assert_eq!(page.skipped, 0);
        for record in page.upserts {
            let Properties::Note(note) = &record.properties else { panic!("{record:?}") };
            stored.insert(record.key.as_str().to_owned(), serde_json::to_value(note).unwrap());
        }
        for gone in page.removed {
            let Gone::Id(id) = gone else { panic!("{gone:?}") };
            if stored.remove(&id).is_some() {
                removed.push(id);
            }
        }
        match page.next {
            Next::More(at) => cursor = Some(at),
            Next::Resume(at) => return Ok((at, removed)),
            Next::Relist => panic!("there is a feed"),
        }
    }
}

/// Where `found` is not as described: objects may have more keys, texts may be described by what they contain.
fn difference(described: &Value, found: &Value, at: &str) -> Option<String> {
    if let (Some(wanted), Some(text)) = (described.as_object(), found.as_str()) {
        let words = |key: &str| wanted.get(key).and_then(Value::as_array).cloned();
        let has = |word: &Value| text.contains(word.as_str().unwrap());
        let lacks = words("$contains").unwrap_or_default().into_iter().find(|word| !has(word));
        let over = words("$lacks").unwrap_or_default().into_iter().find(has);
        return lacks.or(over).map(|word| format!("{at}: {word} in {text:?}"));
    }
    match (described, found) {
        (Value::Object(wanted), Value::Object(found)) => wanted.iter().find_map(|(key, value)| {
            let at = format!("{at}.{key}");
            difference(value, found.get(key).unwrap_or(&Value::Null), &at)
        }),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            wanted.iter().zip(found).find_map(|(wanted, found)| difference(wanted, found, at))
        }
        (Value::String(wanted), Value::String(found)) if same_moment(wanted, found) => None,
        _ if described == found => None,
        _ => Some(format!("{at}: {found} is not {described}")),
    }
}

fn same_moment(one: &str, other: &str) -> bool {
    let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
    moment(one).is_some() && moment(one) == moment(other)
}

fn check(described: &Value, stored: &Stored, removed: &[String]) {
    let records = described["records"].as_array().unwrap();
    for record in records {
        let id = record["external_id"].as_str().unwrap();
        let found = stored.get(id).unwrap_or_else(|| panic!("{id} is missing"));
        assert_eq!(difference(&record["properties"], found, id), None);
    }
    assert_eq!(stored.len(), records.len(), "{:?}", stored.keys());
    let mut wanted: Vec<&str> =
        described["removed"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let mut removed: Vec<&str> = removed.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    removed.sort_unstable();
    assert_eq!(removed, wanted);
}

#[tokio::test]
async fn two_syncs_over_evernotes_own_bytes_end_at_the_described_records() {
    let Some(folder) = samples() else { return };
    let expected = json(&folder.join("expected.json"));
    let link = &expected["link"];
    let token = link["secrets"]["access_token"].as_str().unwrap();
    let samples = Arc::new(Samples::read(&folder));
    let transport = serve(Arc::clone(&samples)).await;

    let account = Evernote.account(&client(&transport, link, token)).await.unwrap();
    assert!(account.is(link["account_identifier"].as_str().unwrap()), "{account:?}");
    // Without the address of its notes Evernote is asked for it.
    let bare = serde_json::json!({});
    let mut stored = Stored::new();
    let (cursor, removed) =
        sync(&client(&transport, &bare, token), &mut stored, None).await.unwrap();
    check(&expected["first_sync"], &stored, &removed);

    samples.sync.store(2, Ordering::SeqCst);
    samples.asked.lock().unwrap().clear();
    let kept = serde_json::to_value(&cursor).unwrap(); // as the store keeps it
    let cursor = serde_json::from_value(kept).unwrap();
    let (cursor, removed) =
        sync(&client(&transport, link, token), &mut stored, Some(cursor)).await.unwrap();
    check(&expected["second_sync"], &stored, &removed);
    let asked = std::mem::take(&mut *samples.asked.lock().unwrap());
    let notes = asked.iter().filter(|method| *method == "getNoteWithResultSpec").count();
    assert!(notes <= 4, "what did not change is not fetched again: {asked:?}");

    let before = stored.clone();
    let (_, removed) =
        sync(&client(&transport, link, token), &mut stored, Some(cursor)).await.unwrap();
    assert!(removed.is_empty() && stored == before, "nothing changed");
    assert!(!samples.asked.lock().unwrap().iter().any(|method| method.contains("Note")));

    // A listing from the start gives the same, but for what only a sweep can tell.
    let mut afresh = Stored::new();
    sync(&client(&transport, link, token), &mut afresh, None).await.unwrap();
    assert_eq!(afresh, stored);
}

#[tokio::test]
async fn evernotes_own_refusals_are_understood() {
    let Some(folder) = samples() else { return };
    let expected = json(&folder.join("expected.json"));
    let link = &expected["link"];
    let samples = Arc::new(Samples::read(&folder));
    let transport = serve(Arc::clone(&samples)).await;
    for token in ["expired", "revoked"] {
        let refused = Evernote.account(&client(&transport, link, token)).await;
        assert!(matches!(&refused, Err(Error::Reconnect(_))), "{refused:?}");
    }
    *samples.fault.lock().unwrap() = Some("rate limit");
    let token = link["secrets"]["access_token"].as_str().unwrap();
    let limited = sync(&client(&transport, link, token), &mut Stored::new(), None).await;
    let pause = std::time::Duration::from_secs(2_868);
    assert_eq!(limited.map(|_| ()), Err(Error::RateLimited(pause)));
}
