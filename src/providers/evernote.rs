//! Evernote: the notes of an account.
//!
//! Facts: Evernote developer documentation, "OAuth", "Synchronization via EDAM", "Rate limits"; evernote-thrift.

use std::time::Duration;

use crate::{
    provider::spec::{Field, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Evernote, whose OAuth is 1.0a and so has no place in [`Spec::oauth`].
pub static SPEC: Spec = Spec {
    rank: 34,
    id: "evernote",
    name: "Evernote",
    kinds: &[Kind::Note],
    capabilities: &["Notes", "notebooks"],
    help: "Takes a developer token with its NoteStore URL, both shown at \
           www.evernote.com/api/DeveloperToken.action (Evernote gives them out sparingly). A token \
           ends after a year at most. Notes of shared notebooks are not imported.",
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
