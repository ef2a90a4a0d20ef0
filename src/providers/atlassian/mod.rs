//! What Atlassian's cloud products share: one OAuth app whose grant reaches several sites, or an API token for one site.
//!
//! Facts: Atlassian developer documentation, "OAuth 2.0 (3LO) apps", "Refresh tokens", "Manage API tokens".

pub mod confluence;
pub mod jira;

use std::{collections::HashSet, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::{Error, Result},
    http::{Call, Client},
    provider::spec::{Field, OAuth2, Pkce, Refresh},
    wire::Many,
};

/// One app serves both products; each adds its scopes. There is no address to revoke a grant at.
const OAUTH: OAuth2 = OAuth2 {
    app: "atlassian",
    authorization_url: "https://auth.atlassian.com/authorize",
    token_url: "https://auth.atlassian.com/oauth/token",
    pkce: Pkce::None,
    authorize_params: &[
        ("audience", "api.atlassian.com"),
        ("response_type", "code"),
        ("prompt", "consent"),
    ],
    refresh: Refresh {
        rotates: true,
        access_token_seconds: Some(3_600),
        refresh_token_seconds: Some(7_776_000),
        ..Refresh::BASE
    },
    ..OAuth2::BASE
};

/// Where the sites of a grant are listed.
const SITES: &str = "https://api.atlassian.com/oauth/token/accessible-resources";

/// By OAuth, or with an API token for one site.
const WAYS: &[&[&str]] = &[&["access_token"], &["username", "api_token", "site"]];

/// The gateway that OAuth tokens are taken at; or the site itself, for API tokens.
const HOSTS: &[&str] = &["api.atlassian.com", "{site}.atlassian.net"];

const ACCESS_TOKEN: Field = Field {
    help: "From the OAuth flow, with the refresh token: it lives an hour. Or give username, \
           api_token and site.",
    required: false,
    ..Field::ACCESS_TOKEN
};

const USERNAME: Field = Field {
    name: "username",
    label: "E-mail address",
    help: "The e-mail address of the Atlassian account, with an API token.",
    secret: true,
    ..Field::BASE
};

const API_TOKEN: Field = Field {
    name: "api_token",
    label: "API token",
    help: "id.atlassian.com > Security > Create and manage API tokens.",
    secret: true,
    ..Field::BASE
};

const SITE: Field = Field {
    name: "site",
    label: "Site",
    help: "With an API token: acme of https://acme.atlassian.net.",
    pattern: "[0-9A-Za-z-]+",
    example: "acme",
    selects_account: true,
    bears_host: true,
    ..Field::BASE
};

const CLOUD_ID: Field = Field {
    name: "cloud_id",
    label: "Site id",
    help: "By OAuth: the id of one of the grant's sites. Needed only where the grant reaches \
           several.",
    pattern: "[0-9A-Za-z-]+",
    example: "1324a887-45db-1bf4-1e99-ef0ff456d421",
    ..Field::BASE
};

/// Sites that an error names; of more it says no more than that.
const NAMED: usize = 10;

/// The site that a connector reads.
pub struct Site {
    /// Its id, which a link by API token does not know.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its address for people, without a slash at the end.
    pub url: String,
    /// What the paths of calls follow.
    base: String,
}

/// A site as the list of a grant's sites has it.
#[derive(Deserialize)]
struct Granted {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    scopes: Vec<String>,
}

impl Site {
    /// The site of a connector, looked up once a run: that of its API token, or the one of the grant's sites that is
    /// chosen, or the only one that has the product (`jira`, `confluence`).
    ///
    /// # Errors
    /// `Invalid` where none of several is chosen or the chosen one is not among them; `Forbidden` where there is none.
    pub async fn of(client: &Client, product: &str) -> Result<Arc<Self>> {
        client.once("site", || Self::look_up(client, product)).await
    }

    async fn look_up(client: &Client, product: &str) -> Result<Self> {
        if let (Some(name), Some(_)) = (client.setting("site"), client.secret("api_token")) {
            let url = format!("https://{name}.atlassian.net");
            return Ok(Self { id: None, name: name.to_owned(), url: url.clone(), base: url });
        }
        let mut all: Vec<Granted> = client.get(SITES).json::<Many<Granted>>().await?.items;
        // A site is listed once for each product, with its scopes.
        let mut known = HashSet::new();
        all.retain(|of| {
            let granted = of.scopes.is_empty() || of.scopes.iter().any(|it| it.contains(product));
            granted && known.insert(of.id.clone())
        });
        let mut sites: Vec<String> =
            all.iter().take(NAMED).map(|of| format!("{} ({})", of.id, of.name)).collect();
        sites.extend((all.len() > NAMED).then(|| "…".to_owned()));
        let sites = sites.join(", ");
        let chosen = client.setting("cloud_id");
        let mut those = all.into_iter().filter(|of| chosen.is_none_or(|id| id == of.id));
        match (those.next(), those.next()) {
            (Some(site), None) => Ok(site.read(client, product)),
            (Some(_), Some(_)) => Err(Error::invalid(
                "cloud_id",
                format!("is missing: the grant reaches several sites: {sites}"),
            )),
            (None, _) if sites.is_empty() => {
                Err(Error::Forbidden(format!("the grant reaches no site with {product}")))
            }
            (None, _) => Err(Error::invalid(
                "cloud_id",
                format!("is no site of this grant, which reaches {sites}"),
            )),
        }
    }

    /// A call at the site, by a path of its own.
    pub fn get(&self, client: &Client, path: &str) -> Call {
        signed(client, client.get(format!("{}{path}", self.base)))
    }

    /// A question at the site that is asked with a body.
    pub fn ask(&self, client: &Client, path: &str, body: &Value) -> Call {
        let call = client.post(format!("{}{path}", self.base)).body_json(body);
        signed(client, call).idempotent()
    }

    /// What it means that a list which every site has is not found.
    pub fn lost(&self, error: Error) -> Error {
        match error {
            Error::NotFound => Error::Reconnect(format!(
                "the site {} is gone, or the app was removed from it",
                self.name
            )),
            error => error,
        }
    }
}

impl Granted {
    fn read(self, client: &Client, product: &str) -> Site {
        let url = client.setting("site_url").unwrap_or(&self.url).trim_end_matches('/').to_owned();
        let base = format!("https://api.atlassian.com/ex/{product}/{}", self.id);
        Site { id: Some(self.id), name: self.name, url, base }
    }
}

/// API tokens go with the account's e-mail address, as name and password.
fn signed(client: &Client, call: Call) -> Call {
    match (client.secret("username"), client.secret("api_token")) {
        (Some(name), Some(token)) => call.basic(&name, &token),
        _ => call,
    }
}

/// What the gateway means by an error, where its status alone does not say it.
fn fault(scopes: &str, status: u16, body: &Value) -> Option<Error> {
    let message = body.get("message")?.as_str()?;
    (status == 401 && message.contains("scope does not match"))
        .then(|| Error::Forbidden(format!("the grant lacks one of the scopes {scopes}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::{jira::Jira, *};
    use crate::{provider::Provider, providers::testing::Vendor};

    fn sites() -> Value {
        json!([
            {"id": "1-a", "name": "acme", "url": "https://acme.atlassian.net", "scopes": ["read:jira-work"]},
            {"id": "1-a", "name": "acme", "url": "https://acme.atlassian.net", "scopes": ["read:jira-user"]},
            {"id": "2-b", "name": "wiki", "url": "https://wiki.atlassian.net", "scopes": ["read:page:confluence"]},
            {"id": "3-c", "name": "beta", "url": "https://beta.atlassian.net", "scopes": ["read:jira-work"]},
        ])
    }

    #[tokio::test]
    async fn of_several_sites_one_must_be_chosen_and_only_those_with_the_product_are_offered() {
        let vendor = Vendor::new(&Jira, |_| (200, sites())).await;
        let refused = Site::of(&vendor.client(), "jira").await.map(|_| ()).unwrap_err();
        let problem = "is missing: the grant reaches several sites: 1-a (acme), 3-c (beta)";
        assert_eq!(refused, Error::invalid("cloud_id", problem));
        assert_eq!(Site::of(&vendor.client(), "confluence").await.unwrap().name, "wiki");
        for (id, known) in [("3-c", true), ("2-b", false)] {
            let settings = Map::from_iter([("cloud_id".to_owned(), json!(id))]);
            let site = Site::of(&vendor.client_since(None, &settings), "jira").await;
            assert_eq!(site.is_ok(), known, "{id}");
        }
    }

    #[tokio::test]
    async fn an_api_token_goes_to_the_site_itself_with_the_address_it_belongs_to() {
        let vendor = Vendor::new(&Jira, |asked| {
            assert_eq!(asked.path, "acme.atlassian.net/rest/api/3/myself");
            assert!(asked.header("authorization").unwrap().starts_with("Basic "));
            (200, json!({"accountId": "5b10", "displayName": "Mia"}))
        })
        .await;
        let settings = Map::from_iter([("site".to_owned(), json!("acme"))]);
        let client = vendor.client_of(None, &settings, &[("api_token", "ATATT")]);
        assert_eq!(Jira.account(&client).await.unwrap().label, "Mia at acme");
    }
}
