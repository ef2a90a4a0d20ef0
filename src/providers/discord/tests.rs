use serde_json::{Map, json};

use super::*;
use crate::{
    provider::Next,
    providers::testing::{self, Asked, Vendor},
};

/// The id of a message that was sent in that second of 2015.
fn id(second: u64) -> String {
    ((second * 1000) << 22).to_string()
}

fn said(second: u64, text: &str) -> Value {
    json!({"id": id(second), "type": 0, "content": text, "author": {"id": "5", "username": "mason"}})
}

/// A server with a channel, a forum, a thread in each, and one that may not be read; messages are as the script says.
async fn vendor(script: impl Fn(&str, &Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Discord, move |asked| {
        assert_eq!(asked.header("authorization"), Some("Bot hush"));
        assert!(asked.header("user-agent").unwrap().starts_with("DiscordBot ("));
        let path = asked.path.strip_prefix("discord.com/api/v10/").unwrap();
        let thread = |id: &str, parent: &str| json!({"id": id, "type": 11, "name": id, "parent_id": parent,
            "thread_metadata": {"archive_timestamp": "2017-07-11T18:00:00+00:00"}});
        let threads = |of: Value, more: bool| (200, json!({"threads": of, "has_more": more}));
        match path {
            "users/@me/guilds" => (200, json!([{"id": "1", "name": "Krew"}])),
            "guilds/1/channels" => (200, json!([{"id": "10", "type": 0, "name": "general"}, {"id": "11", "type": 4, "name": "Text"},
                {"id": "12", "type": 15, "name": "ideas"}, {"id": "13", "type": 2, "name": "voice"}, {"type": 0}])),
            "guilds/1/threads/active" => threads(json!([thread("20", "12")]), false),
            "channels/10/threads/archived/public" if asked.get("before").is_none() => threads(json!([thread("21", "10")]), true),
            "channels/10/threads/archived/public" => threads(json!([thread("22", "10")]), false),
            "channels/10/threads/archived/private" => (403, json!({"message": "Missing Access", "code": 50001})),
            "channels/12/threads/archived/public" => threads(json!([]), false),
            _ => script(path, asked),
        }
    })
    .await
}

fn client(vendor: &Vendor, settings: Value) -> Client {
    let settings: Map<String, Value> = serde_json::from_value(settings).unwrap();
    vendor.client_of(None, &settings, &[("bot_token", "hush")])
}

async fn read(
    vendor: &Vendor,
    feed: &str,
    cursor: Option<Walk<String>>,
) -> Result<testing::Pass<Walk<String>>> {
    testing::pass(&Discord, &client(vendor, json!({})), &Feed::new(feed, ""), cursor).await
}

#[tokio::test]
async fn channels_and_threads_are_feeds_and_the_settings_narrow_them() {
    let vendor = vendor(|_, _| (404, json!({"message": "Unknown Guild", "code": 10004}))).await;
    let ids = async |settings: Value| {
        let feeds = Discord.feeds(&client(&vendor, settings)).await?;
        Ok::<_, Error>(feeds.into_iter().map(|feed| feed.id).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(ids(json!({})).await.unwrap(), "10 13 20 21 22");
    assert_eq!(ids(json!({"channel_ids": ["10", "20"]})).await.unwrap(), "10 20 21 22");
    let nowhere = ids(json!({"guild_ids": ["2"]})).await.unwrap_err();
    assert!(
        matches!(&nowhere, Error::Forbidden(why) if why.contains("none of the servers")),
        "{nowhere}"
    );
}

#[tokio::test]
async fn mentions_are_written_out_and_notices_are_no_messages() {
    let vendor = vendor(|_, _| {
        let text = "<@7> <@!7> <@8> <#10> <#99> <:wave:42> <a:party:43> a < b <t:1> <";
        let mut said = said(9, text);
        said["mentions"] = json!([{"id": "7", "username": "nelly", "global_name": "Nelly ✨"}]);
        said["attachments"] = json!([{"id": "3", "filename": "a.pdf", "url": "https://cdn/a?ex=1"}]);
        let card = json!({"id": id(8), "type": 0, "content": "", "embeds": [{"title": "Build", "description": "ok"}]});
        let forward = json!({"id": id(7), "type": 0, "content": "", "message_reference": {"type": 1, "message_id": "1"},
            "message_snapshots": [{"message": {"content": "told before"}}]});
        (200, json!([said, card, forward, {"id": id(6), "type": 7}, {"id": id(5), "type": 21}, {"type": 0}]))
    })
    .await;
    let pass = read(&vendor, "21", None).await.unwrap();
    assert_eq!((pass.records.len(), pass.skipped), (3, 1));
    let told: Vec<Value> =
        pass.records.iter().map(|of| serde_json::to_value(&of.properties).unwrap()).collect();
    let text = "@Nelly ✨ @Nelly ✨ <@8> #general <#99> :wave: :party: a < b <t:1> <";
    assert_eq!(told[0]["text"], text);
    assert_eq!(told[0]["attachments"], json!([{"id": "3", "file_name": "a.pdf"}]));
    assert_eq!(
        (&told[0]["channel"], &told[0]["thread_id"]),
        (&json!({"id": "10", "name": "general"}), &json!("21"))
    );
    assert_eq!(told[0]["sent_at"], "2015-01-01T00:00:09Z");
    assert_eq!(
        (&told[1]["text"], &told[2]["text"]),
        (&json!("Build\n\nok"), &json!("told before"))
    );
    assert_eq!(told[2]["quotes"], "1");
}

#[tokio::test]
async fn the_next_pass_reads_the_newest_hundred_again_and_answers_for_them_alone() {
    let vendor = vendor(|_, asked| {
        let before = asked.get("before").map_or(u64::MAX, |id| id.parse().unwrap());
        let all = (1..=150).rev().map(|second| said(second, "x"));
        let older = all.filter(|of| of["id"].as_str().unwrap().parse::<u64>().unwrap() < before);
        (200, older.take(100).collect())
    })
    .await;
    let first = read(&vendor, "10", None).await.unwrap();
    assert_eq!((first.sizes, first.covers), (vec![100, 50], vec![Covers::Everything; 2]));
    let Next::Resume(known) = first.end else { panic!("a channel is gone on with") };
    let again = read(&vendor, "10", Some(known)).await.unwrap();
    let from = "2015-01-01T00:00:51Z".parse().ok();
    assert_eq!((again.sizes, again.covers), (vec![100], vec![Covers::Between { from, to: None }]));
}

#[tokio::test]
async fn neither_an_empty_list_nor_empty_texts_are_believed() {
    let empty = vendor(|_, _| (200, json!([]))).await;
    assert_eq!(read(&empty, "10", None).await.unwrap().covers, [Covers::Nothing]);
    let void = vendor(|_, _| (200, json!([said(2, ""), {"id": id(1), "type": 7}]))).await;
    let cause = read(&void, "10", None).await.unwrap_err();
    assert!(matches!(&cause, Error::Forbidden(why) if why.contains("Message Content")), "{cause}");
}

#[tokio::test]
async fn what_is_gone_what_may_not_be_read_and_a_pause_are_told_apart() {
    let vendor = vendor(|path, _| match path {
        "channels/10/messages/1" => (200, said(1, "x")),
        "channels/10/messages/2" => (403, json!({"message": "Missing Access", "code": 50001})),
        _ => (404, json!({"message": "Unknown Message", "code": 10008})),
    })
    .await;
    let ids = ["1", "2", "3"].map(str::to_owned).to_vec();
    let gone = Discord.confirm_gone(&client(&vendor, json!({})), &Feed::new("10", ""), ids).await;
    assert_eq!(gone.unwrap(), ["3"]);
    let limited =
        json!({"message": "You are being rate limited.", "retry_after": 0.5, "global": false});
    assert_eq!(Discord.fault(429, &limited), Some(Error::RateLimited(Duration::from_millis(500))));
    let cause = Discord.fault(401, &json!({"message": "401: Unauthorized", "code": 0}));
    assert!(matches!(cause, Some(Error::Reconnect(_))));
}
