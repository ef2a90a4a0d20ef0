//! Conversations and threads.

use serde_json::{Value, json};

use crate::{
    Play, SLACK, each,
    sandbox::{
        Vendor::Slack,
        data::Sizes,
        slack::{NewChannel, Post},
    },
    sorted,
};

const ALL: &str = "types=public_channel,private_channel,mpim,im";

/// All items of a list.
async fn all(play: &Play, target: &str, name: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::<Value>::new(), String::new());
    loop {
        let page =
            play.get(Slack, &format!("{SLACK}/{target}&limit={limit}&cursor={cursor}")).await;
        assert_eq!(page["ok"], true, "{target}: {page}");
        assert!(page[name].as_array().unwrap().len() <= limit);
        for item in page[name].as_array().unwrap() {
            assert!(!items.contains(item), "{target}, {limit} a page: {item} comes twice");
            items.push(item.clone());
        }
        cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
        if cursor.is_empty() {
            return items;
        }
    }
}

async fn history(play: &Play, channel: &str, more: &str, limit: usize) -> Vec<Value> {
    all(play, &format!("conversations.history?channel={channel}{more}"), "messages", limit).await
}

async fn thread(play: &Play, channel: &str, ts: &str, more: &str, limit: usize) -> Vec<Value> {
    let target = format!("conversations.replies?channel={channel}&ts={ts}{more}");
    all(play, &target, "messages", limit).await
}

fn ts(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|message| message["ts"].as_str().unwrap().to_owned()).collect()
}

/// Channel and ts by the walk that a client makes.
async fn walked(play: &Play, limit: usize) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for channel in all(play, &format!("conversations.list?{ALL}"), "channels", limit).await {
        let id = channel["id"].as_str().unwrap();
        for message in history(play, id, "", limit).await {
            let top = message["ts"].as_str().unwrap();
            if message["reply_count"].as_u64().unwrap_or_default() > 0 {
                let replies = thread(play, id, top, "", limit).await;
                assert_eq!(replies[0]["ts"], top, "the parent is first");
                assert!(ts(&replies[1..]).is_sorted_by(|a, b| a < b), "oldest first");
                found.extend(ts(&replies[1..]).into_iter().map(|reply| (id.to_owned(), reply)));
            }
            found.push((id.to_owned(), top.to_owned()));
        }
    }
    sorted(found)
}

/// A channel with a parent and two replies.
async fn talk() -> (Play, String, String, [String; 2]) {
    let play = Play::empty().await;
    let (channel, parent, replies) = {
        let mut slack = play.sandbox.slack();
        let (me, zoe) = (slack.me(), slack.add_user("zoe", "Zoë Park", None));
        let channel = slack.add_channel(NewChannel::public("general"));
        let parent = slack.post(&channel, Post::new(&me, "lunch & walk?")).unwrap();
        let reply = |slack: &mut crate::sandbox::slack::Slack, text| {
            slack.reply(&channel, &parent, Post::new(&zoe, text)).unwrap()
        };
        let replies = [reply(&mut slack, "gladly"), reply(&mut slack, "when?")];
        (channel, parent, replies)
    };
    (play, channel, parent, replies)
}

#[tokio::test]
async fn a_walk_finds_every_message_for_any_page_size() {
    let play = Play::sized(Sizes { messages: 83, channels: 2, ..Sizes::default() }).await;
    let wanted = sorted(play.sandbox.slack().messages());
    assert_eq!(wanted.len(), 83);
    for limit in [1, 2, 7, 40, 999] {
        assert_eq!(walked(&play, limit).await, wanted, "pages of {limit}");
    }
    play.sandbox.slack().max_page = 3;
    assert_eq!(walked(&play, 200).await, wanted, "pages shorter than was asked for");
}

#[tokio::test]
async fn a_history_is_newest_first_and_shows_no_replies() {
    let (play, channel, parent, replies) = talk().await;
    let later = {
        let mut slack = play.sandbox.slack();
        let me = slack.me();
        let later = slack.post(&channel, Post::new(&me, "later")).unwrap();
        slack.reply(&channel, &parent, Post::new(&me, "for all").broadcast()).unwrap();
        later
    };
    let found = history(&play, &channel, "", 10).await;
    assert_eq!(
        found.iter().map(|m| m["text"].as_str().unwrap()).collect::<Vec<_>>(),
        ["for all", "later", "lunch &amp; walk?"]
    );
    assert_eq!(found[0]["subtype"], "thread_broadcast");
    let root = &found[2];
    assert_eq!((&root["reply_count"], &root["thread_ts"]), (&json!(3), &json!(parent)));
    assert_eq!(root["latest_reply"], found[0]["ts"]);
    assert!(!ts(&found).contains(&replies[0]));
    assert!(found[1].get("thread_ts").is_none(), "{later} has no thread");
}

#[tokio::test]
async fn bounds_are_exclusive_until_they_are_made_inclusive() {
    let play = Play::sized(Sizes { messages: 12, channels: 1, ..Sizes::default() }).await;
    let channel = play.sandbox.slack().channels()[0].clone();
    let whole = ts(&history(&play, &channel, "", 100).await);
    assert!(whole.is_sorted_by(|a, b| a > b));
    for limit in [1, 2, 100] {
        let bounded = async |more: String| ts(&history(&play, &channel, &more, limit).await);
        assert_eq!(bounded(format!("&oldest={}", whole[4])).await, whole[..4]);
        assert_eq!(bounded(format!("&oldest={}&inclusive=true", whole[4])).await, whole[..=4]);
        assert_eq!(bounded(format!("&latest={}", whole[4])).await, whole[5..]);
        assert_eq!(bounded(format!("&latest={}&inclusive=1", whole[4])).await, whole[4..]);
        let both = format!("&oldest={}&latest={}", whole[6], whole[2]);
        assert_eq!(bounded(both).await, whole[3..6]);
        assert_eq!(bounded("&oldest=0".to_owned()).await, whole);
        let crossed = format!("&oldest={}&latest={}", whole[2], whole[6]);
        assert!(bounded(crossed).await.is_empty());
    }
}

#[tokio::test]
async fn a_thread_begins_with_its_parent_however_late_it_is_asked_from() {
    let (play, channel, parent, [first, second]) = talk().await;
    for limit in [1, 2, 100] {
        let found = thread(&play, &channel, &parent, "", limit).await;
        assert_eq!(ts(&found), [&parent, &first, &second].map(Clone::clone));
        assert_eq!(found[1]["parent_user_id"], json!(play.sandbox.slack().me()));
        let late = thread(&play, &channel, &parent, &format!("&oldest={first}"), limit).await;
        assert_eq!(ts(&late), [&parent, &second].map(Clone::clone));
    }
    assert_eq!(ts(&thread(&play, &channel, &second, "", 100).await)[0], parent);
}

#[tokio::test]
async fn an_edit_and_a_reaction_show_where_the_message_is() {
    let (play, channel, parent, [first, _]) = talk().await;
    {
        let mut slack = play.sandbox.slack();
        let me = slack.me();
        slack.edit(&channel, &first, "very <gladly>, <@U123>").unwrap();
        slack.react(&channel, &parent, &me, "tada").unwrap();
        slack.react(&channel, &parent, "U9", "tada").unwrap();
        slack.react(&channel, &parent, &me, "tada").unwrap();
    }
    let found = thread(&play, &channel, &parent, "", 10).await;
    assert_eq!(found[1]["text"], "very &lt;gladly&gt;, <@U123>");
    assert!(found[1]["edited"]["ts"].is_string());
    assert_eq!(
        (&found[0]["reactions"][0]["name"], &found[0]["reactions"][0]["count"]),
        (&json!("tada"), &json!(2))
    );
    assert_eq!(history(&play, &channel, "", 5).await[0]["reactions"], found[0]["reactions"]);
    let me = play.sandbox.slack().me();
    for user in [me.as_str(), "U9"] {
        play.sandbox.slack().unreact(&channel, &parent, user, "tada").unwrap();
    }
    assert!(history(&play, &channel, "", 5).await[0].get("reactions").is_none());
}

#[tokio::test]
async fn a_deleted_parent_leaves_a_tombstone_until_its_last_reply_goes() {
    let (play, channel, parent, [first, second]) = talk().await;
    let single = {
        let mut slack = play.sandbox.slack();
        let me = slack.me();
        slack.post(&channel, Post::new(&me, "single")).unwrap()
    };
    play.sandbox.slack().delete(&channel, &single).unwrap();
    play.sandbox.slack().delete(&channel, &parent).unwrap();
    let found = history(&play, &channel, "", 10).await;
    assert_eq!(ts(&found), [parent.as_str()], "the single one is just gone");
    assert_eq!(
        (&found[0]["subtype"], &found[0]["user"]),
        (&json!("tombstone"), &json!("USLACKBOT"))
    );
    assert_eq!((&found[0]["hidden"], &found[0]["reply_count"]), (&json!(true), &json!(2)));
    let replies = [first, second];
    assert_eq!(ts(&thread(&play, &channel, &parent, "", 10).await)[1..], replies);
    let left: Vec<_> = play.sandbox.slack().messages().into_iter().map(|(_, ts)| ts).collect();
    assert_eq!(left, replies, "a tombstone is no message");
    assert!(play.sandbox.slack().delete(&channel, &parent).is_err());
    for reply in &replies {
        play.sandbox.slack().delete(&channel, reply).unwrap();
    }
    assert!(history(&play, &channel, "", 10).await.is_empty());
    let gone = play
        .get(Slack, &format!("{SLACK}/conversations.replies?channel={channel}&ts={parent}"))
        .await;
    assert_eq!(gone, json!({"ok": false, "error": "thread_not_found"}));
}

#[tokio::test]
async fn conversations_are_listed_by_kind_and_read_by_members_alone() {
    let play = Play::empty().await;
    let (zoe, ids) = {
        let mut slack = play.sandbox.slack();
        let zoe = slack.add_user("zoe", "Zoë Park", Some("zoe@k.example"));
        let ids = [
            NewChannel::public("general"),
            NewChannel::public("random").not_joined(),
            NewChannel::private("leads"),
            NewChannel::group(&["maya", "zoe", "emil"]),
            NewChannel::direct(&zoe),
        ]
        .map(|new| slack.add_channel(new));
        (zoe, ids)
    };
    let list = |kinds: &str| format!("conversations.list?types={kinds}");
    let of = async |target: String| {
        let found = all(&play, &target, "channels", 2).await;
        found.iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(format!("conversations.list?{ALL}")).await, ids);
    assert_eq!(of(list("public_channel")).await, ids[..2]);
    assert_eq!(of(list("private_channel")).await, ids[2..3]);
    assert_eq!(of(list("mpim,im")).await, ids[3..]);
    let joined = of(format!("users.conversations?{ALL}")).await;
    assert_eq!(joined, [&ids[..1], &ids[2..]].concat());
    play.sandbox.slack().archive_channel(&ids[0]).unwrap();
    assert_eq!(of(format!("{}&exclude_archived=true", list("public_channel"))).await, ids[1..2]);
    let error =
        async |target: String| play.get(Slack, &format!("{SLACK}/{target}")).await["error"].clone();
    let read = |id: &str| format!("conversations.history?channel={id}");
    assert_eq!(error(read(&ids[1])).await, "not_in_channel");
    play.sandbox.slack().leave_channel(&ids[2]).unwrap();
    assert_eq!(error(read(&ids[2])).await, "channel_not_found", "a private one is out of sight");
    assert_eq!(error(read("C0")).await, "channel_not_found");
    assert_eq!(error(format!("{}&cursor=stale", read(&ids[0]))).await, "invalid_cursor");
    assert_eq!(error(format!("{}&limit=0", read(&ids[0]))).await, "invalid_limit");
    assert_eq!(error("conversations.list?types=club".to_owned()).await, "invalid_types");
    assert_eq!(error("nothing.here".to_owned()).await, "unknown_method");
    let direct = play.get(Slack, &format!("{SLACK}/conversations.info?channel={}", ids[4])).await;
    assert_eq!(
        (&direct["channel"]["user"], &direct["channel"]["is_im"]),
        (&json!(zoe), &json!(true))
    );
}

#[tokio::test]
async fn members_have_names_and_who_left_is_still_listed() {
    let play = Play::empty().await;
    let zoe = play.sandbox.slack().add_user("zoe", "Zoë Park", Some("zoe@k.example"));
    play.sandbox.slack().remove_user(&zoe).unwrap();
    let members = all(&play, "users.list?", "members", 1).await;
    assert_eq!(each(&json!(members), "name"), ["maya", "zoe"]);
    assert_eq!(
        (&members[1]["deleted"], &members[1]["profile"]["email"]),
        (&json!(true), &json!("zoe@k.example"))
    );
    let test = play.get(Slack, &format!("{SLACK}/auth.test")).await;
    assert_eq!(
        (&test["user_id"], &test["team"]),
        (&json!(play.sandbox.slack().me()), &json!("Kestrel Instruments"))
    );
    let info = play.get(Slack, &format!("{SLACK}/users.info?user={zoe}")).await;
    assert_eq!(info["user"], members[1]);
}

#[tokio::test]
async fn files_and_bots_look_as_slack_shows_them() {
    let play = Play::empty().await;
    let channel = {
        let mut slack = play.sandbox.slack();
        let (me, channel) = (slack.me(), slack.add_channel(NewChannel::public("builds")));
        slack
            .post(&channel, Post::new(&me, "plan").file("Der Plan.pdf", "application/pdf", 98765))
            .unwrap();
        slack
            .post(&channel, Post::bot("buildbot", "Build <https://ci.example/1|#1> passed"))
            .unwrap();
        slack.post(&channel, Post::event(&me, "channel_join", "has joined")).unwrap();
        channel
    };
    let found = history(&play, &channel, "", 10).await;
    assert_eq!(
        (&found[0]["subtype"], play.sandbox.slack().messages().len()),
        (&json!("channel_join"), 2)
    );
    assert_eq!(
        (&found[1]["subtype"], &found[1]["username"]),
        (&json!("bot_message"), &json!("buildbot"))
    );
    assert_eq!(found[1]["text"], "Build <https://ci.example/1|#1> passed");
    let file = &found[2]["files"][0];
    assert_eq!((&file["name"], &file["size"]), (&json!("Der Plan.pdf"), &json!(98765)));
    assert!(file["permalink"].as_str().unwrap().ends_with("/der_plan.pdf"));
}
