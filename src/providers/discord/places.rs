//! Servers, channels and threads of Discord.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use super::{AT_ONCE, get};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::Feed,
    record::Ref,
    wire::Many,
};

/// Servers of one answer.
const GUILDS: usize = 200;
/// Threads of one answer.
const THREADS: u32 = 100;
/// More pages than any list has.
const PAGES: usize = 1_000;

/// Where a message can be.
pub struct Place {
    /// The channel; of a thread the one that it hangs on.
    pub channel: Ref,
    /// The server.
    pub guild: Ref,
    /// It is a thread.
    pub is_thread: bool,
    name: String,
}

/// All of them, by the id of the channel or thread.
pub struct Places(BTreeMap<String, Place>);

impl Places {
    /// A feed each.
    pub fn feeds(&self) -> Vec<Feed> {
        self.0.iter().map(|(id, place)| Feed::new(id, &place.name)).collect()
    }

    /// The place of that id.
    pub fn get(&self, id: &str) -> Option<&Place> {
        self.0.get(id)
    }

    /// The name of a channel or thread.
    pub fn name(&self, id: &str) -> Option<&str> {
        self.get(id).map(|place| place.name.as_str())
    }
}

#[derive(Deserialize)]
struct Guild {
    id: String,
    name: String,
}

/// A channel or thread.
#[derive(Deserialize)]
struct Channel {
    id: String,
    #[serde(rename = "type")]
    kind: u32,
    name: Option<String>,
    parent_id: Option<String>,
    thread_metadata: Option<ThreadMetadata>,
}

#[derive(Deserialize)]
struct ThreadMetadata {
    archive_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Threads {
    threads: Many<Channel>,
    #[serde(default)]
    has_more: bool,
}

impl Channel {
    /// Text, voice, announcements and stages.
    const fn has_messages(&self) -> bool {
        matches!(self.kind, 0 | 2 | 5 | 13)
    }

    /// Text, announcements, forums and media channels.
    const fn has_threads(&self) -> bool {
        matches!(self.kind, 0 | 5 | 15 | 16)
    }
}

/// Reads what the bot sees, as far as the settings do not narrow it.
pub async fn places(client: &Client) -> Result<Places> {
    let mut all = BTreeMap::new();
    for (guild, channels, threads) in
        each(guilds(client).await?, AT_ONCE, |guild| whole(client, guild)).await?
    {
        let names: BTreeMap<&str, &str> = channels
            .iter()
            .map(|of| (of.id.as_str(), of.name.as_deref().unwrap_or_default()))
            .collect();
        let guild = Ref::new(guild.id, guild.name);
        let place = |of: &Channel, channel: &str| Place {
            channel: Ref::new(channel, names.get(channel).copied().unwrap_or_default()),
            guild: guild.clone(),
            is_thread: of.id != channel,
            name: of.name.clone().unwrap_or_default(),
        };
        for thread in &threads {
            let channel = thread.parent_id.as_deref().unwrap_or(&thread.id);
            all.insert(thread.id.clone(), place(thread, channel));
        }
        for channel in channels.iter().filter(|channel| channel.has_messages()) {
            all.insert(channel.id.clone(), place(channel, &channel.id));
        }
    }
    let wanted: HashSet<&str> = client.settings("channel_ids").into_iter().collect();
    if !wanted.is_empty() {
        all.retain(|id, place| {
            let channel = place.channel.id.as_deref().unwrap_or_default();
            wanted.contains(id.as_str()) || wanted.contains(channel)
        });
    }
    Ok(Places(all))
}

/// The servers that the settings name, else all of the bot.
async fn guilds(client: &Client) -> Result<Vec<Guild>> {
    let named: Vec<String> =
        client.settings("guild_ids").iter().map(|id| (*id).to_owned()).collect();
    let mut guilds: Vec<Guild> = if named.is_empty() {
        every(client).await?
    } else {
        let asked = each(named, AT_ONCE, |id| async move {
            match get(client, &format!("guilds/{id}")).json().await {
                Err(Error::NotFound | Error::Forbidden(_)) => {
                    tracing::warn!(guild = id, "the bot is not in this server");
                    Ok(None)
                }
                guild => guild.map(Some),
            }
        });
        asked.await?.into_iter().flatten().collect()
    };
    guilds.dedup_by(|a, b| a.id == b.id);
    if guilds.is_empty() {
        let what = "the bot is in none of the servers; whoever administers one has to add it";
        return Err(Error::Forbidden(what.into()));
    }
    Ok(guilds)
}

/// All servers of the bot.
async fn every(client: &Client) -> Result<Vec<Guild>> {
    let (mut all, mut after): (Vec<Guild>, Option<String>) = (Vec::new(), None);
    for _ in 0..PAGES {
        let query = [("limit", Some(GUILDS.to_string())), ("after", after.take())];
        let page: Many<Guild> = get(client, "users/@me/guilds").query(&query).json().await?;
        let full = page.len() + page.skipped as usize >= GUILDS;
        all.extend(page);
        match all.last() {
            Some(last) if full => after = Some(last.id.clone()),
            _ => break,
        }
    }
    Ok(all)
}

/// A server with its channels and their threads.
async fn whole(client: &Client, guild: Guild) -> Result<(Guild, Vec<Channel>, Vec<Channel>)> {
    let channels = async {
        get(client, &format!("guilds/{}/channels", guild.id)).json::<Many<Channel>>().await
    };
    let active = async {
        get(client, &format!("guilds/{}/threads/active", guild.id)).json::<Threads>().await
    };
    let (channels, active) = futures::try_join!(channels, active)?;
    let parents: Vec<(String, bool)> = channels
        .iter()
        .filter(|channel| channel.has_threads())
        .map(|channel| (channel.id.clone(), channel.kind == 0))
        .collect();
    let archived = each(parents, AT_ONCE, |(id, has_private)| async move {
        let mut threads = archived(client, &id, "public").await?;
        if let (Some(threads), true) = (&mut threads, has_private) {
            threads.extend(archived(client, &id, "private").await?.into_iter().flatten());
        }
        Ok(threads.unwrap_or_default())
    });
    let threads = archived.await?.into_iter().flatten().chain(active.threads).collect();
    Ok((guild, channels.items, threads))
}

/// The archived threads of a channel; none where the bot may not list them, as private ones without Manage Threads.
async fn archived(client: &Client, channel: &str, which: &str) -> Result<Option<Vec<Channel>>> {
    let (mut all, mut before) = (Vec::new(), None);
    for _ in 0..PAGES {
        let path = format!("channels/{channel}/threads/archived/{which}");
        let query = [("limit", Some(THREADS.to_string())), ("before", before.clone())];
        let page: Threads = match get(client, &path).query(&query).json().await {
            Err(Error::Forbidden(_) | Error::NotFound) => return Ok(None),
            page => page?,
        };
        let last = page.threads.last().and_then(|of| of.thread_metadata.as_ref());
        let last = last.and_then(|of| of.archive_timestamp.clone());
        all.extend(page.threads);
        if !page.has_more || last.is_none() || last == before {
            break;
        }
        before = last;
    }
    Ok(Some(all))
}
