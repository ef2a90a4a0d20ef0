//! What Microsoft's services share: Microsoft Graph, one registered app, its words for people, texts and errors.
//!
//! Microsoft identity platform, "OAuth 2.0 authorization code flow", "Refresh tokens"; Microsoft Graph, "Microsoft Graph
//! error responses and resource types", "Throttling".

pub mod delta;
pub mod graph;
pub mod onedrive;
pub mod outlook;
pub mod teams;

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use crate::{
    error::{Error, Result},
    http::Client,
    provider::{
        Account,
        spec::{Field, OAuth2, Refresh},
    },
    record::Person,
    wire::html,
};

/// One app serves all of Microsoft's services; each adds its scopes. There is no address to revoke a grant at.
const OAUTH: OAuth2 = OAuth2 {
    app: "microsoft",
    authorization_url: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    token_url: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    userinfo_url: Some("https://graph.microsoft.com/v1.0/me"),
    authorize_params: &[("response_mode", "query"), ("prompt", "select_account")],
    refresh: Refresh {
        rotates: true,
        access_token_seconds: Some(3_600),
        refresh_token_seconds: Some(7_776_000),
        ..Refresh::BASE
    },
    ..OAuth2::BASE
};

/// What a person may paste for each of them.
const FIELDS: &[Field] = &[
    Field {
        help: "From the OAuth flow of an app registered at entra.microsoft.com > App \
               registrations; lives about an hour.",
        ..Field::ACCESS_TOKEN
    },
    Field {
        help: "From the same answer, where the flow asked for offline_access.",
        ..Field::REFRESH_TOKEN
    },
];

/// The one host that all calls go to: links that an answer names elsewhere are refused.
const HOSTS: &[&str] = &["graph.microsoft.com"];

const API: &str = "https://graph.microsoft.com/v1.0";
/// Requests of one feed at once: two feeds of a mailbox are read at once, and it takes four ("Outlook service limits").
const AT_ONCE: usize = 2;
/// Ids that stay when a thing moves; to be asked for in every request ("Obtain immutable identifiers").
const IMMUTABLE: &str = "IdType=\"ImmutableId\"";

/// The person whose token it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    id: String,
    display_name: Option<String>,
    /// Null for accounts without a mailbox.
    mail: Option<String>,
    user_principal_name: String,
}

/// Whose token it is, looked up once a run.
async fn me(client: &Client) -> Result<Arc<Me>> {
    let lookup = || async {
        let query = [("$select", "id,displayName,mail,userPrincipalName")];
        client.get(format!("{API}/me")).query(&query).json().await
    };
    client.once("me", lookup).await
}

/// The account by its address; its directory id and sign-in name mean it, too.
async fn account(client: &Client) -> Result<Account> {
    let me = me(client).await?;
    let name = me.mail.as_ref().unwrap_or(&me.user_principal_name);
    let account = Account::new(name.clone(), name.clone()).or_known_as(me.id.clone());
    Ok(account.or_known_as(me.user_principal_name.clone()).or_known_as(me.display_name.clone()))
}

/// An id as a part of a path.
fn escaped(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// A mail address as Outlook has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: EmailAddress,
}

#[derive(Deserialize)]
struct EmailAddress {
    name: Option<String>,
    address: Option<String>,
}

impl Recipient {
    fn person(self) -> Option<Person> {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let EmailAddress { name, address } = self.email_address;
        Person { name: filled(name), email: filled(address), ..Person::default() }.known()
    }
}

/// Who did something.
#[derive(Default, Deserialize)]
#[serde(default)]
struct IdentitySet {
    user: Option<Identity>,
    application: Option<Identity>,
    device: Option<Identity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    id: Option<String>,
    display_name: Option<String>,
}

impl IdentitySet {
    /// The person, else the program or machine that acted for nobody.
    fn person(self) -> Option<Person> {
        let Identity { id, display_name } = self.user.or(self.application).or(self.device)?;
        Person::named(id, display_name)
    }
}

/// A text, as HTML or plain.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    content_type: Option<String>,
    content: Option<String>,
}

impl Body {
    fn is_html(&self) -> bool {
        self.content_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("html"))
    }

    fn text(self) -> Option<String> {
        let html = self.is_html();
        self.content
            .map(|text| if html { html::to_markdown(&text) } else { text.trim_end().to_owned() })
    }

    /// The text, unless there is none.
    fn words(self) -> Option<String> {
        self.text().filter(|text| !text.is_empty())
    }
}

/// What one of the services means by an error, where its status alone does not say it. `scopes` and `lacks` (what an account
/// without the service lacks) are for people.
fn fault(scopes: &str, lacks: &str, status: u16, body: &Value) -> Option<Error> {
    let error = body.get("error")?.as_object()?;
    let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let (code, message) = (text("code"), text("message").to_ascii_lowercase());
    let word = code.to_ascii_lowercase();
    let stale = word.starts_with("syncstate") || word.starts_with("resync");
    let token = message.contains("deltatoken") || message.contains("skiptoken");
    if status == 410 || stale || (status == 400 && token) {
        return Some(Error::CursorExpired);
    }
    match (status, word.as_str()) {
        (429 | 509, _)
        | (_, "toomanyrequests" | "applicationthrottled" | "activitylimitreached") => {
            Some(Error::RateLimited(Duration::ZERO))
        }
        (_, "mailboxnotenabledforrestapi" | "mailboxnotsupportedforrestapi")
        | (404, "resourcenotfound") => {
            Some(Error::Forbidden(format!("this account has no {lacks}")))
        }
        (403, _) => Some(Error::Forbidden(format!(
            "Microsoft refuses it ({code}): not all of {scopes} are granted, or the organisation or its licence does not \
             allow it"
        ))),
        _ => None,
    }
}
