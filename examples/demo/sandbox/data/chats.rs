//! A company's Slack out of its talks.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::{NewChannel, NoSuch, Post, Slack};
use super::{
    after, some_day,
    talk::{CHANNELS, DIRECT, Room},
    text::Teller,
    words::TEAM,
};

/// How far back the chat reaches.
const DAYS: usize = 200;
const REACTIONS: &[&str] = &["tada", "heart", "eyes", "+1", "umbrella", "joy", "bird", "coffee"];

/// Fills the workspace with about so many messages, replies included.
///
/// # Errors
/// Never: what it names it has made.
pub fn fill(slack: &mut Slack, count: usize, seed: u64, today: Timestamp) -> Result<(), NoSuch> {
    let mut teller = Teller::new(seed);
    let mut people = BTreeMap::from([("maya", slack.me())]);
    let [_, others @ ..] = &TEAM;
    for person in others {
        let email = format!("{}@kestrel.example", person.handle);
        people.insert(person.handle, slack.add_user(person.handle, person.name, Some(&email)));
    }
    let former = slack.add_user("emil", "Emil Horn", None);
    people.insert("emil", former.clone());
    slack.remove_user(&former)?;
    let mut rooms = Vec::new();
    for room in CHANNELS.iter().chain(&DIRECT) {
        let id = open(slack, room, &people);
        join(slack, &id, &people, today)?;
        rooms.extend(std::iter::repeat_n((id, room), room.weight));
    }
    let mut said = 0;
    while said < count {
        let Some((id, room)) = teller.rng.pick(&rooms).cloned() else { break };
        said += talk(slack, &id, room, &people, &mut teller, today)?;
    }
    slack.add_channel(NewChannel::public("sailing").topic("Not joined yet").not_joined());
    if let Some(old) = slack.channel_named("moving-out") {
        slack.archive_channel(&old)?;
    }
    Ok(())
}

fn open(slack: &mut Slack, room: &Room, people: &BTreeMap<&str, String>) -> String {
    let new = match (room.topic.is_empty(), room.name.strip_prefix('🔒')) {
        (false, Some(name)) => NewChannel::private(name).topic(room.topic),
        (false, None) => NewChannel::public(room.name).topic(room.topic),
        (true, _) => {
            let handles: Vec<_> = room.name.split('+').collect();
            match handles.as_slice() {
                [handle] => NewChannel::direct(people.get(handle).map_or("", String::as_str)),
                _ => NewChannel::group(&[&["maya"], handles.as_slice()].concat()),
            }
        }
    };
    slack.add_channel(new)
}

/// The lines that Slack writes itself.
fn join(
    slack: &mut Slack,
    channel: &str,
    people: &BTreeMap<&str, String>,
    today: Timestamp,
) -> Result<(), NoSuch> {
    if channel.starts_with('D') {
        return Ok(());
    }
    let began = before(today, DAYS * 24 + 48);
    for (minutes, id) in people.values().enumerate().take(3) {
        let at = after(began, minutes);
        let text = format!("<@{id}> has joined the channel");
        slack.post(channel, Post::event(id, "channel_join", &text).at(at))?;
    }
    Ok(())
}

/// A message and what it brings on, in its thread or below it in the channel, as far as that has come until today. Gives
/// how many there are.
fn talk(
    slack: &mut Slack,
    channel: &str,
    room: &Room,
    people: &BTreeMap<&str, String>,
    teller: &mut Teller,
    today: Timestamp,
) -> Result<usize, NoSuch> {
    teller.forget();
    let Some(lines) = teller.rng.pick(room.talks) else { return Ok(0) };
    let mut at = some_day(today, DAYS, &mut teller.rng);
    let shows = lines.iter().any(|line| line.starts_with('+'));
    // Each thread is a request.
    let threaded = teller.rng.chance(if shows { 50 } else { 3 });
    let (mut first, mut said) = (None::<String>, 0);
    for line in *lines {
        let (who, words) = line.split_once(": ").unwrap_or(("*", line));
        let text = mentions(&teller.tell(words), people);
        let post = match who {
            "bot" => Post::bot("buildbot", &text),
            "*" => Post::new(&anybody(people, teller), &text),
            handle => {
                let handle = handle.trim_start_matches(['+', '@']);
                Post::new(people.get(handle).map_or("", String::as_str), &text)
            }
        };
        let post = post.at(at);
        let post = if who.starts_with('+') { with_file(post, teller) } else { post };
        let ts = match &first {
            None => slack.post(channel, post)?,
            Some(_) if at > today => break,
            Some(_) if !threaded => slack.post(channel, post)?,
            Some(first) if teller.rng.chance(4) => slack.reply(channel, first, post.broadcast())?,
            Some(first) => slack.reply(channel, first, post)?,
        };
        said += 1;
        for _ in 0..teller.rng.below(9).saturating_sub(5) {
            let (who, name) = (anybody(people, teller), teller.rng.word(REACTIONS));
            slack.react(channel, &ts, &who, name)?;
        }
        if teller.rng.chance(3) && who != "bot" {
            slack.edit_at(channel, &ts, &format!("{text} (edited for clarity)"), after(at, 4))?;
        }
        first.get_or_insert(ts);
        at = after(at, 1 + teller.rng.below(90));
    }
    Ok(said)
}

fn with_file(post: Post, teller: &mut Teller) -> Post {
    let size = 20_000 + teller.rng.next() % 4_000_000;
    let name = teller.tell("{part} {code}");
    match teller.rng.below(3) {
        0 => post.file(&format!("{name}.mp4"), "video/mp4", size),
        1 => post.file(&format!("{name}.pdf"), "application/pdf", size),
        _ => post.file(&format!("{name}.png"), "image/png", size),
    }
}

fn anybody(people: &BTreeMap<&str, String>, teller: &mut Teller) -> String {
    let here: Vec<_> = people.iter().filter(|(handle, _)| **handle != "emil").collect();
    teller.rng.pick(&here).map(|(_, id)| (*id).clone()).unwrap_or_default()
}

/// `@zoe` as Slack keeps it.
fn mentions(text: &str, people: &BTreeMap<&str, String>) -> String {
    let words = text.split(' ').map(|word| {
        let id = word.strip_prefix('@').and_then(|handle| people.get(handle));
        id.map_or_else(|| word.to_owned(), |id| format!("<@{id}>"))
    });
    words.collect::<Vec<_>>().join(" ")
}

fn before(today: Timestamp, hours: usize) -> Timestamp {
    let hours = SignedDuration::from_hours(i64::try_from(hours).unwrap_or_default());
    today.checked_sub(hours).unwrap_or(today)
}
