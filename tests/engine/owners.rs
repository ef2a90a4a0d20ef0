//! Whose data it is: with another owner's ids nothing is read and nothing is done.

use std::{collections::BTreeSet, fs, path::Path};

use jiff::Timestamp;
use neotoma_importers::{
    ids::{AttemptId, ConnectorId, OwnerId, RecordId, RunId},
    provider::{Feed, Next, Page, Settings, spec::FeedGone},
    record::Record,
    run::{RunStatus, Stats, SyncType, Trigger},
    store::{
        Batch, Ended, Ending, FeedState, Kept, Lease, Leased, NewAttempt, Opening, Position, Query,
        RunsQuery, StoreError, Sweep, TokenKind,
    },
    vault::{Binding, Purpose, SecretMap},
};
use serde_json::{Value, json};

use crate::support::{Act, Gate, Rig, asked, note};

/// What is tried here with another owner's ids. Whoever adds a method to the store adds it here, or says why it names no
/// owner. `sweep_held`, `newest_known` and the like take a lease: one that was made up is tried.
const TRIED: [&str; 47] = [
    "account",
    "accounts",
    "add",
    "add_token",
    "apply",
    "apply_delivery",
    "attempt",
    "begin_delivery",
    "close_abandoned",
    "compare",
    "compare_delivery",
    "connector",
    "connector_of",
    "connectors",
    "count_vanished",
    "delete_connector",
    "end_attempt",
    "feeds",
    "feeds_of",
    "finish",
    "keep_delivery",
    "lease",
    "link",
    "lock_secrets",
    "merge_feeds",
    "newest_known",
    "open_attempt",
    "open_attempts",
    "put_delivery_back",
    "record",
    "removals_waiting",
    "renew",
    "retry_deliveries",
    "revoke_token",
    "run",
    "runs",
    "search",
    "set_paused",
    "spend",
    "stage_ahead",
    "start_attempt",
    "store",
    "sweep_held",
    "tokens",
    "unread_delivery",
    "unseen",
    "use_state",
];
/// They name no owner: see `global.rs`.
const WITHOUT: [&str; 14] = [
    "attempt_by_state",
    "attempt_of_anyone",
    "close",
    "connect",
    "connector_of_anyone",
    "connectors_with_deliveries",
    "has_tokens",
    "migrations",
    "redeem_code",
    "refresh_statistics",
    "sealed_connectors",
    "server",
    "sweep_attempts",
    "token_owner",
];

#[test]
fn every_method_of_the_store_is_tried_here() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut methods = BTreeSet::new();
    for entry in fs::read_dir(store).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            for line in fs::read_to_string(path).unwrap().lines() {
                if let Some((_, rest)) = line.split_once("    pub async fn ") {
                    methods.insert(rest.split(['(', '<']).next().unwrap().to_owned());
                }
            }
        }
    }
    let tried = TRIED.iter().chain(&WITHOUT).map(|name| (*name).to_owned());
    assert_eq!(methods, tried.collect());
}

/// Everything that is stored, but for what the run that goes on renews.
async fn all(rig: &Rig) -> String {
    let mut all = String::new();
    for table in [
        "external_connectors",
        "external_feeds",
        "external_seen",
        "external_sync_runs",
        "records",
        "oauth_attempts",
        "api_tokens",
        "spent_states",
        "webhook_deliveries",
        "record_reactions",
    ] {
        let query = format!(
            "SELECT coalesce(string_agg(row::text, ' ' ORDER BY row::text), '') \
             FROM (SELECT to_jsonb(t) - 'lease_until' - 'stats' AS row FROM {table} t) rows"
        );
        let rows: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&rig.pool).await.unwrap();
        all += &rows;
    }
    all
}

struct Case {
    rig: Rig,
    stranger: OwnerId,
    connector: ConnectorId,
    run: RunId,
    record: RecordId,
}

/// One owner's connector in mid-run, with a page stored and an open listing; and somebody else.
async fn case() -> Case {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    let gate = Gate::shut();
    rig.vendor.on_page(move |call| match call.nth {
        2 => Act::Wait(gate.clone()),
        _ => Act::Serve,
    });
    let live = rig.start(&account, asked()).await;
    while rig.ids(&account).await.len() < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let found =
        rig.store.search(&rig.owner, &Query { limit: 1, ..Query::default() }).await.unwrap();
    let stranger = OwnerId::new("stranger").unwrap();
    rig.link_for(&stranger, "a strangers", json!({})).await;
    Case {
        stranger,
        connector: account.id,
        run: live.run.unwrap(),
        record: found[0].record.id,
        rig,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_owners_is_read() {
    let Case { rig, stranger, connector, run, record } = &case().await;
    let (store, everything) = (&rig.store, Query { limit: 100, ..Query::default() });
    assert!(store.connector(stranger, *connector).await.unwrap().is_none());
    let own = store.connectors(stranger, None, true).await.unwrap();
    assert!(own.iter().all(|own| own.owner == *stranger) && own.len() == 1);
    assert!(store.connector_of(stranger, "fake", "one", "").await.unwrap().is_none());
    assert!(store.account(stranger, *connector).await.unwrap().is_none());
    let shown = store.accounts(stranger, None, true).await.unwrap();
    let shown = shown.accounts.iter().map(|account| (account.connector.id, account.records));
    let own: Vec<_> = own.iter().map(|connector| (connector.id, 0)).collect();
    assert_eq!(shown.collect::<Vec<_>>(), own);
    assert_eq!(store.removals_waiting(stranger, *connector).await.unwrap(), 0);
    assert!(store.feeds_of(stranger, *connector).await.unwrap().is_empty());
    assert_eq!(store.count_vanished(stranger, *connector, &[]).await.unwrap(), 0);
    assert!(store.record(stranger, *record).await.unwrap().is_none());
    assert!(store.run(stranger, *run).await.unwrap().is_none());
    for (run, connector) in [(None, None), (Some(*run), None), (None, Some(*connector))] {
        let query = RunsQuery { run, connector, status: None, before: None, limit: 100 };
        assert!(store.runs(stranger, &query).await.unwrap().is_empty());
    }
    for query in [
        everything.clone(),
        Query { words: Some("\"text\"".into()), ..everything.clone() },
        Query { connector: Some(*connector), ..everything.clone() },
    ] {
        assert!(store.search(stranger, &query).await.unwrap().is_empty());
        assert_eq!(store.search(&rig.owner, &query).await.unwrap().len(), 3);
    }
    let feed = Feed::new("a", "A");
    let mut state = FeedState::new(feed);
    (state.listing.number, state.listing.pages) = (1, 1);
    let unseen = store.unseen(stranger, *connector, &state, &[]).await.unwrap();
    assert!(unseen.ids.is_empty() && unseen.alive == 0 && !unseen.complete);
    let at = Position { owner: stranger, connector: *connector, feed: "a", source: "fake" };
    let page: Page<Value> = Page::new([note("a00", "text of a00")], Next::Relist).removing(["a01"]);
    let (applied, removed) = store.compare(at, &Batch::of(page), |_| false).await.unwrap();
    assert_eq!((applied.created, applied.unchanged, removed.len()), (1, 0, 0));
    let locked = store.lock_secrets(stranger, *connector).await.unwrap();
    assert!(locked.envelope.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_to_what_is_another_owners() {
    let Case { rig, stranger, connector, run, .. } = &case().await;
    let store = &rig.store;
    let before = all(rig).await;
    assert!(!store.set_paused(stranger, *connector, true).await.unwrap());
    assert_eq!(store.delete_connector(stranger, *connector, true).await.unwrap(), (0, 0));
    let what = (SyncType::Initial, Trigger::Cli);
    let leased = store.lease(stranger, *connector, what, &json!({}), |_, _| true).await.unwrap();
    assert!(matches!(leased, Leased::Refused(None)), "{leased:?}");

    // A lease that was made up.
    let lease = Lease { owner: stranger.clone(), connector: *connector, run: *run };
    let is_lost = |error: &StoreError| matches!(error, StoreError::LeaseLost);
    assert!(is_lost(&store.renew(&lease, &Stats::default()).await.unwrap_err()));
    let ending = Ending { status: RunStatus::Failed, ..Ending::running(Stats::default()) };
    assert!(is_lost(&store.finish(&lease, &ending).await.unwrap_err()));
    let feeds = [Feed::new("a", "A")];
    assert!(is_lost(&store.merge_feeds(&lease, &feeds, FeedGone::Remove).await.unwrap_err()));
    assert!(store.feeds(&lease).await.unwrap().is_empty());
    assert!(store.newest_known(&lease, "a", None, 100).await.unwrap().is_empty());
    assert!(!store.close_abandoned(stranger, *connector, *run, |_, _| true).await.unwrap());
    let swept = store.sweep_held(&lease, "fake", "a", &["a00".into()]).await;
    assert!(is_lost(&swept.unwrap_err()));
    let page: Page<Value> = Page::new(Vec::<Record>::new(), Next::Relist).removing(["a00"]);
    let (batch, sweep) = (Batch::of(page), Sweep::Remove(vec!["a01".into()]));
    let state = FeedState::new(Feed::new("a", "A"));
    let now = Timestamp::UNIX_EPOCH;
    let applied = store.apply(&lease, "fake", &state, (&batch, &sweep), now).await;
    assert!(is_lost(&applied.unwrap_err()));
    let more = Page::new([note("a00", "a strangers")], Next::More(Value::Null));
    assert!(store.stage_ahead(&lease, "fake", &state, &Batch::of(more)).await.is_none());

    // Secrets of the stranger's own choosing.
    let secrets: SecretMap = [("access_token", "a strangers")].into_iter().collect();
    let purpose = Purpose::Credentials;
    let binding =
        Binding::Connector { owner: stranger, connector: *connector, provider: "fake", purpose };
    let locked = store.lock_secrets(stranger, *connector).await.unwrap();
    let sealed = rig.vault.seal(&binding, &secrets);
    locked.store(&sealed, &["access_token".into()], &Settings::new()).await.unwrap();
    assert_eq!(all(rig).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_delivered_to_one_owner_is_no_others() {
    let Case { rig, stranger, connector, run, .. } = &case().await;
    let store = &rig.store;
    let kept = store.keep_delivery(&rig.owner, *connector, &[7; 32], b"{}").await.unwrap();
    assert_eq!(kept, Kept::New);
    let waiting = store.unread_delivery(&rig.owner, *connector, None).await.unwrap().unwrap();

    let before = all(rig).await;
    let kept = store.keep_delivery(stranger, *connector, &[8; 32], b"{}").await.unwrap();
    assert_eq!(kept, Kept::Gone);
    assert!(store.unread_delivery(stranger, *connector, None).await.unwrap().is_none());
    let lease = Lease { owner: stranger.clone(), connector: *connector, run: *run };
    assert!(store.begin_delivery(&lease, &[]).await.unwrap().is_none());
    store.put_delivery_back(&lease, waiting.id, "a strangers", false).await.unwrap();
    store.retry_deliveries(&lease).await.unwrap();
    let page: Page<Value> = Page::new([note("new", "a strangers")], Next::Relist).removing(["a00"]);
    let batch = Batch::of(page);
    let is_lost = |error: StoreError| matches!(error, StoreError::LeaseLost);
    assert!(is_lost(store.apply_delivery(&lease, "fake", waiting.id, &batch).await.unwrap_err()));
    assert!(is_lost(store.add(&lease, "fake", "a", &batch).await.unwrap_err()));
    let at = Position { owner: stranger, connector: *connector, feed: "a", source: "fake" };
    let compared = store.compare_delivery(at, &batch).await.unwrap();
    assert_eq!((compared.created, compared.removed), (1, 0));
    assert_eq!(all(rig).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_account_of_two_owners_is_two_connectors() {
    let Case { rig, stranger, connector, .. } = &case().await;
    let same = rig.link_for(stranger, "one", json!({})).await;
    assert_ne!(same.id, *connector);
    let first = rig.store.connector(&rig.owner, *connector).await.unwrap().unwrap();
    assert!(first.secrets.is_some() && first.running.is_some());
    // The secrets of one do not open in the other's row.
    sqlx::query("UPDATE external_connectors SET secrets_envelope = $1 WHERE owner_id = 'stranger'")
        .bind(serde_json::to_value(first.secrets.unwrap()).unwrap())
        .execute(&rig.pool)
        .await
        .unwrap();
    let moved = rig.again(&same).await;
    assert!(rig.engine.start(&moved, rig.provider, asked()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_to_link_and_a_token_are_their_owners_alone() {
    let Case { rig, stranger, connector, .. } = &case().await;
    let (store, settings, hash) = (&rig.store, Settings::new(), [7; 32]);
    let id = AttemptId::generate();
    let new = NewAttempt {
        id: &id,
        provider: "fake",
        account_label: "",
        settings: &settings,
        relinks: None,
        origin: "http://127.0.0.1:8765",
        redirect_uri: None,
        redirect_to: None,
        secrets: None,
    };
    store.start_attempt(&rig.owner, &new).await.unwrap();
    let opening =
        Opening { cookie_hash: &hash, state_hash: Some(&hash), secrets: None, settings: &settings };
    assert!(store.open_attempt(&rig.owner, &id, &opening).await.unwrap());
    let token = store.add_token(&rig.owner, TokenKind::Token, &hash, None).await.unwrap();

    let before = all(rig).await;
    assert!(store.attempt(stranger, &id).await.unwrap().is_none());
    assert!(store.open_attempts(stranger).await.unwrap().is_empty());
    assert!(!store.open_attempt(stranger, &id, &opening).await.unwrap());
    assert!(!store.use_state(stranger, &id, &hash).await.unwrap());
    for ended in [Ended::Linked(*connector), Ended::Failed("denied", "it was denied")] {
        assert!(!store.end_attempt(stranger, &id, ended).await.unwrap());
    }
    assert!(store.tokens(stranger).await.unwrap().is_empty());
    assert!(!store.revoke_token(stranger, token.id).await.unwrap());
    assert!(store.start_attempt(stranger, &new).await.is_err(), "one id, two owners");
    assert!(store.add_token(stranger, TokenKind::Token, &hash, None).await.is_err());
    assert_eq!(all(rig).await, before);
    assert!(store.use_state(&rig.owner, &id, &hash).await.unwrap());
    // What somebody else has used is not used by its owner, who uses it once.
    assert!(store.spend(stranger, &hash).await.unwrap());
    assert!(store.spend(&rig.owner, &hash).await.unwrap());
    assert!(!store.spend(&rig.owner, &hash).await.unwrap());
}
