//! The catalog entry of Salesforce.

use std::time::Duration;

use crate::{
    provider::spec::{Field, OAuth2, Rate, Revoke, Spec},
    record::Kind,
};

/// What is constant about Salesforce.
pub static SPEC: Spec = Spec {
    rank: 36,
    id: "salesforce",
    name: "Salesforce",
    aliases: &["sfdc"],
    kinds: &[Kind::Note, Kind::Task],
    capabilities: &["Leads", "activities"],
    help: "Salesforce shows tokens nowhere: by hand they come from the OAuth flow of a connected \
           app. For a sandbox set login_host to test.salesforce.com.",
    oauth: Some(OAuth2 {
        app: "salesforce",
        authorization_url: "https://{login_host}/services/oauth2/authorize",
        token_url: "https://{login_host}/services/oauth2/token",
        revoke_url: Some("https://{login_host}/services/oauth2/revoke"),
        revoke: Revoke::Token,
        userinfo_url: Some("https://{login_host}/services/oauth2/userinfo"),
        scopes: &["api", "refresh_token", "id"],
        authorize_params: &[("response_type", "code")],
        // Where the org lives; it can change when the org is moved.
        answer_settings: &["instance_url"],
        ..OAuth2::BASE
    }),
    fields: &[
        Field { help: "From the OAuth flow of a connected app.", ..Field::ACCESS_TOKEN },
        Field {
            help: "From the OAuth flow with the scope refresh_token. Without it the link ends with \
                   the session.",
            ..Field::REFRESH_TOKEN
        },
        Field {
            name: "instance_url",
            label: "Instance address",
            help: "Setup > My Domain > Current My Domain URL (not the lightning.force.com \
                   address).",
            required: true,
            pattern: r"https://([0-9A-Za-z-]+\.)+my\.salesforce\.com/?",
            example: "https://acme.my.salesforce.com",
            bears_host: true,
            ..Field::BASE
        },
        Field {
            name: "login_host",
            label: "Login host",
            help: "test.salesforce.com for a sandbox, or the org's own host.",
            pattern: r"(login|test)\.salesforce\.com|([0-9A-Za-z-]+\.)+my\.salesforce\.com",
            example: "test.salesforce.com",
            default: "login.salesforce.com",
            bears_host: true,
            ..Field::BASE
        },
    ],
    hosts: &["{instance_url}"],
    // The allocation is by day and org; a page has 2,000 rows.
    rate: Rate::per_second(5),
    // What is shared no more goes without a word, and the recycle bin is emptied after 15 days.
    relist: Some(Duration::from_hours(7 * 24)),
    ..Spec::BASE
};
