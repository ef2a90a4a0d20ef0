//! The channels and chats of a person's, looked up once a run.
//!
//! Facts: Microsoft Graph, "List chats".

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{
    super::{API, delta, escaped, me},
    calls::PREFER,
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::Feed,
    record::Ref,
    wire::time,
};

/// Teams whose channels are listed at once.
const AT_ONCE: usize = 4;
/// How far a channel's feed reaches back for certain: eight months are promised ("chatMessage: delta").
const FEED: SignedDuration = SignedDuration::from_hours(230 * 24);

/// Where messages are written.
pub struct Room {
    /// The channel or chat.
    pub channel: Ref,
    /// The channel's team.
    pub team: Option<Ref>,
    created: Option<Timestamp>,
}

impl Room {
    /// Its feed.
    pub fn feed(&self) -> Feed {
        let (id, name) = (self.id(), self.channel.name.as_deref().unwrap_or_default());
        match self.team_id() {
            Some(team) => Feed::new(format!("channel:{team}:{id}"), name),
            None => Feed::new(format!("chat:{id}"), name),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.channel.id.as_deref().unwrap_or_default()
    }

    fn team_id(&self) -> Option<&str> {
        self.team.as_ref()?.id.as_deref()
    }

    /// Whether it is no channel.
    pub fn is_chat(&self) -> bool {
        self.team.is_none()
    }

    /// The name of a record: ids of messages are given once a channel or chat.
    pub fn key(&self, id: &str) -> String {
        format!("{}:{id}", self.id())
    }

    /// The address of its messages.
    pub fn messages(&self) -> String {
        let id = escaped(self.id());
        match self.team_id() {
            Some(team) => format!("{API}/teams/{}/channels/{id}/messages", escaped(team)),
            None => format!("{API}/chats/{id}/messages"),
        }
    }

    /// Whether it may have posts that its feed does not reach.
    pub fn is_older_than_the_feed(&self, now: Timestamp) -> bool {
        self.created.is_none_or(|created| now.duration_since(created) > FEED)
    }
}

/// All that the person takes part in.
pub async fn all(client: &Client) -> Result<Arc<Vec<Room>>> {
    client.once("rooms", || lookup(client)).await
}

async fn lookup(client: &Client) -> Result<Vec<Room>> {
    let teams: Vec<Named> = delta::whole(client, format!("{API}/me/joinedTeams"), PREFER).await?;
    let chats = format!("{API}/me/chats?$expand=members&$top=50");
    let (channels, chats, me) = futures::try_join!(
        each(teams, AT_ONCE, |team| channels(client, team)),
        delta::whole::<Chat>(client, chats, PREFER),
        me(client),
    )?;
    let chats = chats.into_iter().map(|chat| chat.room(&me.id));
    Ok(channels.into_iter().flatten().chain(chats).collect())
}

/// The channels of a team; none where it has just been left.
async fn channels(client: &Client, team: Named) -> Result<Vec<Room>> {
    let url = format!("{API}/teams/{}/channels", escaped(&team.id));
    let found = match delta::whole::<Named>(client, url, PREFER).await {
        Err(Error::NotFound) => return Ok(Vec::new()),
        Err(Error::Forbidden(why)) => {
            tracing::warn!(why, "the channels of a team are left out");
            return Ok(Vec::new());
        }
        found => found?,
    };
    let team = Ref::new(team.id, team.display_name);
    let room = |of: Named| Room {
        channel: Ref::new(of.id, of.display_name),
        team: Some(team.clone()),
        created: of.created_date_time,
    };
    Ok(found.into_iter().map(room).collect())
}

/// A team or a channel.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    id: String,
    #[serde(default)]
    display_name: String,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_date_time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Chat {
    id: String,
    topic: Option<String>,
    members: Option<Vec<Member>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    user_id: Option<String>,
    display_name: Option<String>,
}

impl Chat {
    /// A chat without a topic goes by the others in it.
    fn room(self, me: &str) -> Room {
        let members = self.members.unwrap_or_default().into_iter();
        let others = members.filter(|of| of.user_id.as_deref() != Some(me));
        let names: Vec<String> = others.filter_map(|of| of.display_name).collect();
        let name = self.topic.filter(|topic| !topic.is_empty()).unwrap_or_else(|| names.join(", "));
        let name = Some(name).filter(|name| !name.is_empty());
        Room { channel: Ref { id: Some(self.id), name, url: None }, team: None, created: None }
    }
}
