//! The catalog entry of Evernote.

use std::time::Duration;

use crate::{
    provider::spec::{Field, OAuth2, Pkce, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Evernote.
pub static SPEC: Spec = Spec {
    rank: 34,
    id: "evernote",
    name: "Evernote",
    kinds: &[Kind::Note],
    capabilities: &["Notes", "notebooks"],
    help: "By hand: a developer token with its NoteStore URL, both shown at \
           www.evernote.com/api/DeveloperToken.action (Evernote gives them out sparingly). A grant \
           ends after a year at most. Notes of notebooks that others share are not imported.",
    oauth: Some(OAuth2 {
        app: "evernote",
        authorization_url: "https://www.evernote.com/OAuth.action",
        temporary_url: Some("https://www.evernote.com/oauth"),
        token_url: "https://www.evernote.com/oauth",
        pkce: Pkce::None,
        answer_names: &[
            ("oauth_token", "access_token"),
            ("edam_expires", "expires_at"),
            ("edam_noteStoreUrl", "note_store_url"),
        ],
        answer_settings: &["note_store_url"],
        grant_note: "Evernote grants access for a year at most",
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "www.evernote.com/api/DeveloperToken.action > Developer Token (S=s…:U=…).",
            ..Field::ACCESS_TOKEN
        },
        Field {
            name: "note_store_url",
            label: "NoteStore URL",
            help: "Shown with the token. Without it Evernote is asked.",
            pattern: r"https://(www\.evernote\.com|sandbox\.evernote\.com|app\.yinxiang\.com)(/\S*)?",
            example: "https://www.evernote.com/shard/s4/notestore",
            bears_host: true,
            ..Field::BASE
        },
    ],
    hosts: &["www.evernote.com", "sandbox.evernote.com", "app.yinxiang.com"],
    // Counted by the hour, without published figures; a refusal can last an hour.
    rate: Rate::per(10, Duration::from_secs(10)),
    width: 1,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
