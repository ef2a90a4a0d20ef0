//! Snapchat: the Spotlights of a Public Profile, listed whole in every sync.
//!
//! Facts: Snap documentation, "Public Profile API". What the stories' answers hold is not documented.

mod spec;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Covers, Feed, Page, Provider, relist, spec::Spec},
    record::{MediaAsset, MediaAssetKind, Person, Record},
    wire::Many,
};

const API: &str = "https://businessapi.snapchat.com/v1/public_profiles";
/// Entries of one answer; what the most is, is not documented.
const MOST: u32 = 20;
/// Spotlights that are asked for at once before they count as gone.
const AT_ONCE: usize = 2;

/// The client of Snapchat.
pub struct Snapchat;

impl Provider for Snapchat {
    type Cursor = String;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = profile(client).await?;
        let label = me.display_name.clone().unwrap_or_else(|| me.id.clone());
        Ok(Account::new(me.id.clone(), label).or_known_as(me.snap_user_name.clone()))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<String>,
    ) -> Result<Page<String>> {
        let me = profile(client).await?;
        let query = [("limit", Some(client.page_size(MOST).to_string())), ("cursor", cursor)];
        let call = client.get(format!("{API}/{}/spotlights", me.id)).query(&query);
        let listed: Listed = call.json().await?;
        let mut page = Page::new(Vec::<Record>::new(), relist(listed.paging.next_page_id));
        page.skipped = listed.spotlights.skipped;
        for entry in listed.spotlights {
            match entry.spotlight {
                Some(spotlight) if spotlight.is_live() => {
                    page.upserts.extend(spotlight.into_record(&me, client.since()));
                }
                Some(_) => {}
                None => page.skipped += 1, // `sub_request_status` says that it could not be read
            }
        }
        Ok(match client.since() {
            None => page,
            from => page.covering(Covers::Between { from, to: None }),
        })
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        match status {
            401 => Some(Error::Reconnect("Snapchat no longer takes the token".into())),
            403 => Some(Error::Forbidden(
                "Snap has not put the app on its list (snapchat-profile-api), or the person does \
                 not manage the profile"
                    .into(),
            )),
            200 if body.get("request_status").and_then(Value::as_str) == Some("ERROR") => {
                Some(Error::Unavailable("Snapchat answered an error of its own".into()))
            }
            _ => None,
        }
    }

    /// The list is not documented to be whole: each is asked for.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let me = profile(client).await?;
        let asked = each(ids, AT_ONCE, |id| {
            let url = format!("{API}/{}/spotlights/{id}", me.id);
            async move {
                match client.get(url).json::<Listed>().await {
                    Err(Error::NotFound) => Ok(Some(id)),
                    Err(error) => Err(error),
                    Ok(found) => {
                        let spotlight = found.spotlights.into_iter().find_map(|of| of.spotlight);
                        Ok(spotlight.is_some_and(|of| !of.is_live()).then_some(id))
                    }
                }
            }
        });
        Ok(asked.await?.into_iter().flatten().collect())
    }
}

/// Whose Spotlights they are.
#[derive(Clone, Deserialize)]
struct Profile {
    id: String,
    display_name: Option<String>,
    snap_user_name: Option<String>,
}

/// Answers with one profile, or with a list of them.
#[derive(Deserialize)]
struct Profiles {
    public_profile: Option<Profile>,
    #[serde(default)]
    public_profiles: Many<OneProfile>,
}

#[derive(Deserialize)]
struct OneProfile {
    public_profile: Profile,
}

/// The profile that was chosen, or else the token's own; looked up once a run.
async fn profile(client: &Client) -> Result<Arc<Profile>> {
    let ask = || async {
        let which = client.setting("profile_id").unwrap_or("my_profile");
        let found: Profiles = client.get(format!("{API}/{which}")).json().await?;
        let listed = found.public_profiles.into_iter().map(|of| of.public_profile);
        found.public_profile.into_iter().chain(listed).next().ok_or(Error::NotFound)
    };
    client.once("profile", ask).await
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    spotlights: Many<Entry>,
    #[serde(default)]
    paging: Paging,
}

#[derive(Default, Deserialize)]
struct Paging {
    next_page_id: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    spotlight: Option<Spotlight>,
}

#[derive(Deserialize)]
struct Spotlight {
    id: String,
    status: Option<String>,
    title: Option<String>,
    caption: Option<String>,
    created_at: Option<Timestamp>,
}

impl Spotlight {
    /// Neither in review nor rejected.
    fn is_live(&self) -> bool {
        self.status.as_deref().is_none_or(|status| status == "LIVE")
    }

    /// The record; nothing for what is older than is wanted.
    fn into_record(self, me: &Profile, since: Option<Timestamp>) -> Option<Record> {
        if self.created_at.is_some_and(|at| since.is_some_and(|since| at < since)) {
            return None;
        }
        let asset = MediaAsset {
            caption: self.caption.or_else(|| self.title.clone()),
            title: self.title,
            author: Some(Person {
                id: Some(me.id.clone()),
                name: me.display_name.clone(),
                handle: me.snap_user_name.clone(),
                ..Person::default()
            }),
            permalink: Some(format!("https://www.snapchat.com/spotlight/{}", self.id)),
            created_at: self.created_at,
            ..MediaAsset::of(MediaAssetKind::Video)
        };
        Some(Record::new(self.id, asset))
    }
}
