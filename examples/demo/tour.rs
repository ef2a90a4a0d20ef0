//! The demonstration's story, part by part: link, import, what changed, search, and that nothing doubled.

use std::{
    io,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use console::truncate_str;
use futures::future::{try_join, try_join_all};
use indicatif::HumanCount;
use jiff::{Timestamp, tz::TimeZone};
use rmcp::model::ProgressNotificationParam;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::{
    answers::{Connectors, Found, Linked, Row, Run, Stats},
    assistant::Assistant,
    progress::Bar,
    sandbox::{
        Sandbox, Vendor,
        faults::{Fault, Rule},
    },
    screen::{Screen, clean},
    story::{self, Counts, held},
};

/// As far away as vendors are.
const LATENCY: Duration = Duration::from_millis(90);

/// As much of a text as is shown, in columns.
const EXCERPT: usize = 170;
/// Mails of one page: fewer than Gmail would give, so that the bar moves.
const MAILS: u32 = 50;

/// A linked account.
struct Account {
    vendor: Vendor,
    connector: String,
    name: String,
}

/// Tells the story.
///
/// # Errors
/// When something is not as it has to be, or nobody reads any more.
pub async fn tell(screen: &Screen, sandbox: &Sandbox, assistant: &Assistant) -> anyhow::Result<()> {
    greet(screen, assistant).await?;
    let accounts = link(screen, sandbox, assistant).await?;
    first_import(screen, sandbox, assistant, &accounts).await?;
    let morning = Timestamp::now();
    second_import(screen, sandbox, assistant, &accounts).await?;
    questions(screen, assistant, morning).await?;
    nothing_doubled(screen, sandbox, assistant, &accounts).await
}

/// Introduces the vendors, which from here on are as slow and as strict as the real ones.
///
/// # Errors
/// When nobody reads any more.
pub fn vendors(screen: &Screen, sandbox: &Sandbox) -> io::Result<()> {
    for vendor in Vendor::ALL {
        sandbox.slow_down(vendor, LATENCY);
    }
    // Which they all do at times.
    let throttled = Rule::new(Fault::Throttled(4)).on(Vendor::Gmail).path("*/messages/*");
    sandbox.inject(throttled.after(300).times(1));
    screen.part(1, "The vendors")?;
    screen.say(
        "Gmail, Asana and Slack of Maya Okafor, who runs a small company that makes barometers. All of it is \
         invented and served on this machine: nothing leaves it, and no account of yours is touched.",
    )?;
    let held =
        Vendor::ALL.map(|vendor| format!("{} {}", shown(held(sandbox, vendor)), what(vendor)));
    screen.whisper(&format!("{}, at {}", held.join(", "), sandbox.url()))?;
    screen.part(2, "The server, launched over stdio as a desktop assistant does")
}

async fn greet(screen: &Screen, assistant: &Assistant) -> anyhow::Result<()> {
    let tools = assistant.tools().await?;
    let (age, count) = (assistant.age().as_millis(), tools.len());
    screen.check(&format!("{}: {count} tools, {age} ms after its launch", assistant.server()))?;
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    screen.whisper(&names.join(", "))?;
    Ok(())
}

async fn link(
    screen: &Screen,
    sandbox: &Sandbox,
    assistant: &Assistant,
) -> anyhow::Result<Vec<Account>> {
    screen.part(3, "Link three accounts")?;
    screen.say(
        "Each token is checked with its vendor, then sealed. The first call that needs the database starts a \
         private PostgreSQL.",
    )?;
    let mut accounts = Vec::new();
    for vendor in Vendor::ALL {
        let began = Instant::now();
        let linked: Linked =
            assistant.call("link_connector", link_arguments(sandbox, vendor)).await?;
        let hidden = json!({"provider": vendor.id(), "secrets": {"access_token": "…"}});
        screen.call("link_connector", &hidden)?;
        let name = linked.account_label;
        ensure!(linked.verified, "{} was linked unseen", vendor.id());
        screen.check(&format!("{} · {name}  ({})", vendor.id(), seconds(began.elapsed())))?;
        accounts.push(Account { vendor, connector: linked.connector_id, name });
    }
    Ok(accounts)
}

fn link_arguments(sandbox: &Sandbox, vendor: Vendor) -> Value {
    let token = sandbox.grant(vendor).access_token();
    json!({"provider": vendor.id(), "secrets": {"access_token": token}})
}

async fn first_import(
    screen: &Screen,
    sandbox: &Sandbox,
    assistant: &Assistant,
    accounts: &[Account],
) -> anyhow::Result<()> {
    screen.part(4, "Import everything")?;
    screen.say(
        "All three at once, each no faster than its vendor allows: Gmail takes about 20 mails a second, Asana 100 \
         requests a minute. Gmail will also throttle once.",
    )?;
    screen.call("sync_external_connector", &json!({"connector_id": "…"}))?;
    let tasks_are_in = Notify::new();
    let early = async {
        tasks_are_in.notified().await;
        screen.line("")?;
        let arguments = json!({"query": "brandt prazision", "types": ["task"], "limit": 2});
        question(screen, assistant, "What do we want from Brandt Präzision?", arguments).await?;
        screen.whisper("(what is in can be found while the rest still comes)")?;
        screen.line("")?;
        Ok(())
    };
    let all = sync_all(screen, sandbox, assistant, accounts, |vendor| {
        if vendor == Vendor::Asana {
            tasks_are_in.notify_one();
        }
    });
    let (runs, ()) = try_join(all, early).await?;
    report(screen, accounts, &runs)?;
    for (account, run) in accounts.iter().zip(&runs) {
        let (vendor, held) = (account.vendor, count(held(sandbox, account.vendor)));
        let created = run.stats.created;
        ensure!(created == held, "{}: {created} of {held} records came", vendor.id());
    }
    let stored: u64 = runs.iter().map(|run| run.stats.created).sum();
    screen.check(&format!("{} records, as many as the vendors hold", HumanCount(stored)))?;
    Ok(())
}

async fn second_import(
    screen: &Screen,
    sandbox: &Sandbox,
    assistant: &Assistant,
    accounts: &[Account],
) -> anyhow::Result<()> {
    screen.part(5, "Meanwhile, at the vendors")?;
    let news = story::morning(sandbox)?;
    for news in &news {
        screen.say(&format!("{}: {}", news.vendor.id(), news.told.join(", ")))?;
    }
    screen.call("sync_external_connector", &json!({"connector_id": "…"}))?;
    let runs = sync_all(screen, sandbox, assistant, accounts, |_| ()).await?;
    report(screen, accounts, &runs)?;
    for (news, run) in news.iter().zip(&runs) {
        let Counts { created, updated, removed } = news.counts;
        let found = &run.stats;
        ensure!(
            (found.created, found.updated, found.removed) == (created, updated, removed),
            "{}: {created} created, {updated} updated and {removed} removed were expected",
            news.vendor.id()
        );
    }
    screen.check("what changed, and nothing else")?;
    Ok(())
}

/// What a sync did, however many calls it took.
struct Synced {
    stats: Stats,
    took: Duration,
}

/// Syncs all of them at once; `ended` is told of each that has come to its end.
async fn sync_all(
    screen: &Screen,
    sandbox: &Sandbox,
    assistant: &Assistant,
    accounts: &[Account],
    ended: impl Fn(Vendor),
) -> anyhow::Result<Vec<Synced>> {
    let syncs = accounts.iter().map(async |account| {
        let held = count(held(sandbox, account.vendor));
        let mut bar = screen.bar(account.vendor.id(), held);
        let run = sync(assistant, account, &mut bar).await?;
        bar.end()?;
        ended(account.vendor);
        // The bars go together.
        anyhow::Ok((run, bar))
    });
    Ok(try_join_all(syncs).await?.into_iter().map(|(run, _)| run).collect())
}

/// Syncs an account to its end: a call answers within 25 seconds, and the next one joins what still runs.
async fn sync(
    assistant: &Assistant,
    account: &Account,
    bar: &mut Bar<'_>,
) -> anyhow::Result<Synced> {
    let (vendor, id, began) = (account.vendor, &account.connector, Instant::now());
    let limit = (vendor == Vendor::Gmail).then_some(MAILS);
    let run = loop {
        let mut arguments = json!({"connector_id": id, "wait_seconds": 25});
        if let (Some(limit), Some(arguments)) = (limit, arguments.as_object_mut()) {
            arguments.insert("limit".into(), limit.into());
        }
        let watch = |note: Option<ProgressNotificationParam>| match note {
            Some(note) => {
                bar.told(note.progress, note.message.as_deref().unwrap_or_default());
                Ok(())
            }
            None => bar.tick(),
        };
        let run: Run = assistant.call_watched("sync_external_connector", arguments, watch).await?;
        if !run.more {
            break run;
        }
    };
    let why = run.error.map(|error| error.message).unwrap_or_default();
    ensure!(run.status == "success", "the sync of {} is {}: {why}", vendor.id(), run.status);
    Ok(Synced { stats: run.stats, took: began.elapsed() })
}

fn report(screen: &Screen, accounts: &[Account], runs: &[Synced]) -> anyhow::Result<()> {
    let heads =
        ["account", "created", "updated", "removed", "unchanged", "pages", "requests", "time"];
    let rows = accounts.iter().zip(runs).map(|(account, run)| {
        let Stats { created, updated, unchanged, removed, pages, requests, throttled_ms } =
            run.stats;
        let counts = [created, updated, removed, unchanged, pages, requests];
        let mut row = vec![account.vendor.id().to_owned()];
        row.extend(counts.map(|count| HumanCount(count).to_string()));
        let throttled = Duration::from_millis(throttled_ms);
        row.push(if throttled.is_zero() {
            seconds(run.took)
        } else {
            format!("{} (throttled {})", seconds(run.took), seconds(throttled))
        });
        row
    });
    screen.table(&heads, &rows.collect::<Vec<_>>())?;
    Ok(())
}

async fn questions(
    screen: &Screen,
    assistant: &Assistant,
    morning: Timestamp,
) -> anyhow::Result<()> {
    screen.part(6, "Ask")?;
    let since = morning.strftime("%FT%H:%MZ").to_string();
    for (asked, arguments) in [
        ("What is new about the gasket?", json!({"query": "gasket", "since": since, "limit": 4})),
        (
            "What did the tax adviser want to know about the oysters?",
            json!({"query": "austern quittung", "types": ["message"], "limit": 2}),
        ),
    ] {
        screen.line("")?;
        question(screen, assistant, asked, arguments).await?;
    }
    Ok(())
}

/// A question as a person asks it, the search that an assistant makes of it, and what that finds.
async fn question(
    screen: &Screen,
    assistant: &Assistant,
    question: &str,
    arguments: Value,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let Found { records } = assistant.call("search_records", arguments.clone()).await?;
    let took = began.elapsed().as_millis();
    ensure!(!records.is_empty(), "nothing was found for \"{question}\"");
    screen.ask(question)?;
    screen.call("search_records", &arguments)?;
    records.iter().try_for_each(|record| result(screen, record))?;
    screen.whisper(&format!("{} found in {took} ms", records.len()))?;
    Ok(())
}

fn result(screen: &Screen, record: &Row) -> io::Result<()> {
    let said = |parts: &[Option<&str>], between: &str| {
        let parts = parts.iter().flatten().filter(|part| !part.is_empty());
        parts.copied().collect::<Vec<_>>().join(between)
    };
    let title = said(&[record.title.as_deref(), record.who.as_deref()], " — ");
    screen.inside(&title, &screen.style().bold())?;
    let date = record
        .occurred_at
        .map(|at| at.to_zoned(TimeZone::system()).strftime("%-d %b %Y, %H:%M").to_string());
    let (provider, account) = (Some(record.provider.as_str()), Some(record.account.as_str()));
    let about = said(&[provider, account, record.place.as_deref(), date.as_deref()], " · ");
    screen.inside(&about, &screen.style().dim())?;
    match &record.excerpt {
        Some(excerpt) if !excerpt.is_empty() => {
            screen.inside(&truncate_str(&clean(excerpt), EXCERPT, "…"), &screen.style())
        }
        _ => Ok(()),
    }
}

async fn nothing_doubled(
    screen: &Screen,
    sandbox: &Sandbox,
    assistant: &Assistant,
    accounts: &[Account],
) -> anyhow::Result<()> {
    screen.part(7, "Nothing doubled, nothing lost")?;
    for account in accounts {
        let again = link_arguments(sandbox, account.vendor);
        let again: Linked = assistant.call("link_connector", again).await?;
        let same = again.relinked && again.connector_id == account.connector;
        ensure!(same, "{} became a second account", account.name);
    }
    screen.check("each account linked once more: the same three connectors")?;
    screen.call("list_connectors", &Value::Object(Map::new()))?;
    let Connectors { connectors: listed } = assistant.call("list_connectors", json!({})).await?;
    ensure!(listed.len() == accounts.len(), "{} connectors are listed", listed.len());
    let mut rows = Vec::new();
    for account in accounts {
        let stored = listed
            .iter()
            .find(|of| of.connector_id == account.connector)
            .map(|of| of.records)
            .with_context(|| format!("{} is not listed", account.name))?;
        let held = count(held(sandbox, account.vendor));
        ensure!(stored == held, "{}: {stored} stored, {held} at the vendor", account.name);
        let (held, stored) = (HumanCount(held).to_string(), HumanCount(stored).to_string());
        rows.push(vec![format!("{} · {}", account.vendor.id(), account.name), held, stored]);
    }
    screen.table(&["account", "at the vendor", "stored"], &rows)?;
    screen.check("every record once")?;
    Ok(())
}

const fn what(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Gmail => "mails",
        Vendor::Asana => "tasks",
        Vendor::Slack => "chat messages",
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

fn shown(of: usize) -> String {
    HumanCount(count(of)).to_string()
}

fn seconds(of: Duration) -> String {
    format!("{:.1} s", of.as_secs_f64())
}
