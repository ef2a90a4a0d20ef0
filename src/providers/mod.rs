//! The services, one file each, and the catalog of them.

use crate::provider::{self, AnyProvider, Spec};

pub mod airtable;
pub mod apple_calendar;
pub mod asana;
pub mod atlassian;
pub mod basecamp;
pub mod r#box;
pub mod calendly;
pub mod clickup;
pub mod discord;
pub mod dropbox;
pub mod evernote;
pub mod exports;
pub mod front;
pub mod google;
pub mod hubspot;
pub mod intercom;
pub mod line;
pub mod linear;
pub mod linkedin;
pub mod meta;
pub mod microsoft;
pub mod monday;
pub mod notion;
pub mod pinterest;
pub mod reddit;
pub mod salesforce;
pub mod slack;
pub mod snapchat;
pub mod telegram;
pub mod tiktok;
pub mod todoist;
pub mod trello;
pub mod tumblr;
pub mod wechat;
pub mod x;
pub mod zendesk;
pub mod zoom;

#[cfg(test)]
mod testing;

/// The catalog, in order of rank.
pub static ALL: &[Entry] = &[
    Entry::Ready(&x::X),
    Entry::Ready(&meta::facebook::Facebook),
    Entry::Ready(&meta::instagram::Instagram),
    Entry::Ready(&linkedin::LinkedIn),
    Entry::Ready(&tiktok::TikTok),
    Entry::Ready(&snapchat::Snapchat),
    Entry::Ready(&google::youtube::YouTube),
    Entry::Ready(&pinterest::Pinterest),
    Entry::Ready(&reddit::Reddit),
    Entry::Ready(&tumblr::Tumblr),
    Entry::Ready(&meta::threads::Threads),
    Entry::Ready(&discord::Discord),
    Entry::Ready(&telegram::Telegram),
    Entry::Ready(&meta::whatsapp_business::WhatsAppBusiness),
    Entry::Ready(&wechat::WeChat),
    Entry::Ready(&line::Line),
    Entry::Ready(&google::gmail::Gmail),
    Entry::Ready(&microsoft::outlook::Outlook),
    Entry::Ready(&microsoft::teams::MicrosoftTeams),
    Entry::Ready(&slack::Slack),
    Entry::Ready(&notion::Notion),
    Entry::Ready(&asana::Asana),
    Entry::Ready(&trello::Trello),
    Entry::Ready(&monday::Monday),
    Entry::Ready(&clickup::ClickUp),
    Entry::Ready(&atlassian::jira::Jira),
    Entry::Ready(&linear::Linear),
    Entry::Ready(&basecamp::Basecamp),
    Entry::Ready(&airtable::Airtable),
    Entry::Ready(&google::drive::GoogleDrive),
    Entry::Ready(&microsoft::onedrive::OneDrive),
    Entry::Ready(&r#box::Box),
    Entry::Ready(&dropbox::Dropbox),
    Entry::Ready(&evernote::Evernote),
    Entry::Ready(&atlassian::confluence::Confluence),
    Entry::Ready(&salesforce::Salesforce),
    Entry::Ready(&hubspot::HubSpot),
    Entry::Ready(&zendesk::Zendesk),
    Entry::Ready(&intercom::Intercom),
    Entry::Ready(&front::Front),
    Entry::Ready(&calendly::Calendly),
    Entry::Ready(&google::calendar::GoogleCalendar),
    Entry::Ready(&apple_calendar::AppleCalendar),
    Entry::Ready(&zoom::Zoom),
    Entry::Ready(&google::meet::GoogleMeet),
    Entry::Ready(&microsoft::graph::MicrosoftGraph),
    Entry::Ready(&todoist::Todoist),
];

/// One line of the catalog.
pub enum Entry {
    /// It has a client.
    Ready(&'static dyn AnyProvider),
    /// It is described, and its client is still to come.
    Planned(&'static Spec),
}

/// Whether accounts of a provider can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// They can.
    Ready,
    /// Its client is still to come.
    Planned,
}

impl Entry {
    /// What is constant about the vendor.
    pub fn spec(&self) -> &'static Spec {
        match self {
            Self::Ready(provider) => provider.spec(),
            Self::Planned(spec) => spec,
        }
    }

    /// Whether its accounts can be imported.
    pub const fn status(&self) -> Status {
        match self {
            Self::Ready(_) => Status::Ready,
            Self::Planned(_) => Status::Planned,
        }
    }
}

impl Status {
    /// The word that is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Planned => "planned",
        }
    }
}

/// The ids of the apps that the catalog's OAuth vendors ask for, each once.
pub fn apps() -> Vec<&'static str> {
    let mut apps: Vec<_> =
        ALL.iter().filter_map(|entry| Some(entry.spec().oauth.as_ref()?.app)).collect();
    apps.sort_unstable();
    apps.dedup();
    apps
}

/// The entry of that id.
pub fn find(id: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.spec().id == id)
}

/// Ids that somebody may have meant by `given`, likeliest first, three at most: by id, by name, and by other names that
/// the services go by (`Google Drive`, `gdrive`, `twitter`).
pub fn nearest(given: &str) -> Vec<&'static str> {
    let names = ALL.iter().map(Entry::spec).flat_map(|spec| {
        let names = [spec.id, spec.name].into_iter().chain(spec.aliases.iter().copied());
        names.map(|name| (name, spec.id))
    });
    provider::nearest(given, names, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_found_under_the_names_that_people_write() {
        for (given, id) in [
            ("googledrive", "google-drive"),
            ("Google Drive", "google-drive"),
            ("google_drive", "google-drive"),
            ("twitter", "x"),
            ("X / Twitter", "x"),
            ("whatsapp", "whatsapp-business"),
            ("teams", "microsoft-teams"),
            ("icloud", "apple-calendar"),
            ("gmai", "gmail"),
            ("GMail", "gmail"),
            ("linkdin", "linkedin"),
            ("hub spot", "hubspot"),
            ("linear", "linear"),
            ("line", "line"),
        ] {
            assert_eq!(nearest(given).first(), Some(&id), "{given}");
        }
    }

    #[test]
    fn three_at_most_are_named_and_none_for_what_resembles_nothing() {
        assert_eq!(nearest("google").len(), 3);
        assert!(nearest("quickbooks").is_empty());
    }
}
