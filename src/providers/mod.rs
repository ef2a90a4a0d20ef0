//! The services, one file each, and the catalog of them.

use crate::provider::{self, AnyProvider};

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
pub static ALL: &[&dyn AnyProvider] = &[
    &x::X,
    &meta::facebook::Facebook,
    &meta::instagram::Instagram,
    &linkedin::LinkedIn,
    &tiktok::TikTok,
    &snapchat::Snapchat,
    &google::youtube::YouTube,
    &pinterest::Pinterest,
    &reddit::Reddit,
    &tumblr::Tumblr,
    &meta::threads::Threads,
    &discord::Discord,
    &telegram::Telegram,
    &meta::whatsapp_business::WhatsAppBusiness,
    &wechat::WeChat,
    &line::Line,
    &google::gmail::Gmail,
    &microsoft::outlook::Outlook,
    &microsoft::teams::MicrosoftTeams,
    &slack::Slack,
    &notion::Notion,
    &asana::Asana,
    &trello::Trello,
    &monday::Monday,
    &clickup::ClickUp,
    &atlassian::jira::Jira,
    &linear::Linear,
    &basecamp::Basecamp,
    &airtable::Airtable,
    &google::drive::GoogleDrive,
    &microsoft::onedrive::OneDrive,
    &r#box::Box,
    &dropbox::Dropbox,
    &evernote::Evernote,
    &atlassian::confluence::Confluence,
    &salesforce::Salesforce,
    &hubspot::HubSpot,
    &zendesk::Zendesk,
    &intercom::Intercom,
    &front::Front,
    &calendly::Calendly,
    &google::calendar::GoogleCalendar,
    &apple_calendar::AppleCalendar,
    &zoom::Zoom,
    &google::meet::GoogleMeet,
    &microsoft::graph::MicrosoftGraph,
    &todoist::Todoist,
];

/// The ids of the apps that the catalog's OAuth vendors ask for, each once.
pub fn apps() -> Vec<&'static str> {
    let mut apps: Vec<_> =
        ALL.iter().filter_map(|provider| Some(provider.spec().oauth.as_ref()?.app)).collect();
    apps.sort_unstable();
    apps.dedup();
    apps
}

/// The service of that id.
pub fn find(id: &str) -> Option<&'static dyn AnyProvider> {
    ALL.iter().copied().find(|provider| provider.spec().id == id)
}

/// Ids that somebody may have meant by `given`, likeliest first, three at most: by id, by name, and by other names that
/// the services go by (`Google Drive`, `gdrive`, `twitter`).
pub fn nearest(given: &str) -> Vec<&'static str> {
    let names = ALL.iter().map(|provider| provider.spec()).flat_map(|spec| {
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
