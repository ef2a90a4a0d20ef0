//! What is constant about a vendor. `..Spec::BASE` fills the rest.

use std::time::Duration;

use serde::Serialize;

pub use crate::http::Rate;
use crate::record::Kind;

/// A vendor's constants: what the catalog shows, and what the OAuth flow, the HTTP client and the engine go by.
#[derive(Debug)]
pub struct Spec {
    /// Place in the catalog, from 1.
    pub rank: u8,
    /// In tools, addresses and `records.external_source`: `google-drive`.
    pub id: &'static str,
    /// The shown name.
    pub name: &'static str,
    /// Other names that a person may give for it: `twitter`.
    pub aliases: &'static [&'static str],
    /// `provider_type`.
    pub category: Category,
    /// The types of record it gives, the usual one first.
    pub kinds: &'static [Kind],
    /// What of it is imported, for the catalog: `["Files", "revisions"]`.
    pub capabilities: &'static [&'static str],
    /// A sentence or two for whoever is about to link an account: where in the vendor's interface to find what is
    /// asked, and what the vendor does not give.
    pub help: &'static str,
    /// Linked in a browser, where the vendor has OAuth.
    pub oauth: Option<OAuth2>,
    /// What a person may paste, for OAuth vendors too, and the vendor's settings.
    pub fields: &'static [Field],
    /// Sets of fields, each of which suffices to link an account. Empty where the required fields are the only way.
    pub ways: &'static [&'static [&'static str]],
    /// Hosts that may be sent the credentials; all others are refused. `*.` stands for any subdomain; `{subdomain}`
    /// for the setting of that name, of which a whole address gives its host. [`Spec::hosts_for`] fills them in.
    pub hosts: &'static [&'static str],
    /// How many requests of one account the vendor takes; the client waits its turn.
    pub rate: Rate,
    /// How many feeds are read at once.
    pub width: usize,
    /// What it means that a full listing lacks a record.
    pub absence: Absence,
    /// Lists from the start this often although there is a cursor.
    pub relist: Option<Duration>,
    /// How many of a feed's newest records are asked about in each run once the feed is caught up, see
    /// [`recheck`](super::Provider::recheck); 0 for none.
    pub recheck: usize,
    /// What becomes of the records of a feed that is no longer listed.
    pub feed_gone: FeedGone,
    /// Asking for more confirms receipt: nothing is asked ahead of the store.
    pub confirms_on_read: bool,
    /// Whether the vendor calls us when something changes.
    pub webhooks: Webhooks,
}

impl Spec {
    /// Values for what most vendors share. Its id is empty: every vendor sets its own.
    pub const BASE: Self = Self {
        rank: 0,
        id: "",
        name: "",
        aliases: &[],
        category: Category::Productivity,
        kinds: &[],
        capabilities: &[],
        help: "",
        oauth: None,
        fields: &[],
        ways: &[],
        hosts: &[],
        rate: Rate::per_second(5),
        width: 4,
        absence: Absence::Removed,
        relist: None,
        recheck: 0,
        feed_gone: FeedGone::Keep,
        confirms_on_read: false,
        webhooks: Webhooks::None,
    };

    /// The declared field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// `provider_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Category {
    /// Networks and messengers.
    Social,
    /// Mail, files, tasks, calendars, customers.
    Productivity,
}

impl Category {
    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Social => "social",
            Self::Productivity => "productivity",
        }
    }
}

/// What it means that a full listing lacks a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It was removed at the vendor.
    Removed,
    /// Nothing: the vendor's listings do not reach everything.
    Unknown,
}

/// What becomes of the records of a feed that is no longer listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedGone {
    /// They stay.
    Keep,
    /// They are marked removed, once the list of feeds came whole.
    Remove,
}

/// Whether the vendor calls us when something changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Webhooks {
    /// It does not, or not for what is imported.
    None,
    /// It can.
    Offered,
    /// Its data comes by webhook alone.
    Required,
}

/// Something a person gives: a secret, or a setting.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub struct Field {
    /// In tools and on the command line, snake case.
    pub name: &'static str,
    /// On a form.
    pub label: &'static str,
    /// Where to find it.
    pub help: &'static str,
    /// Sealed if so; else kept in `metadata`.
    pub secret: bool,
    /// Linking without it is refused.
    pub required: bool,
    /// Several values.
    pub list: bool,
    /// A regular expression that the whole value (of a list: each) must match; empty for none.
    pub pattern: &'static str,
    /// What a value looks like, for forms and messages.
    pub example: &'static str,
    /// What holds where nothing is given; empty for nothing.
    pub default: &'static str,
    /// A tenant or page: part of `account_scope`, so that two of them are two connectors.
    pub selects_account: bool,
    /// Takes part in the address that credentials are sent to: a change needs all secrets again.
    pub bears_host: bool,
}

impl Field {
    /// Empty texts, nothing set.
    pub const BASE: Self = Self {
        name: "",
        label: "",
        help: "",
        secret: false,
        required: false,
        list: false,
        pattern: "",
        example: "",
        default: "",
        selects_account: false,
        bears_host: false,
    };

    /// The token that calls are made with.
    pub const ACCESS_TOKEN: Self = Self {
        name: "access_token",
        label: "Access token",
        secret: true,
        required: true,
        ..Self::BASE
    };

    /// What renews the access token. Never required: without it the link ends with the access token.
    pub const REFRESH_TOKEN: Self = Self {
        name: "refresh_token",
        label: "Refresh token",
        help: "Comes with the access token; without it the link ends when that does.",
        secret: true,
        ..Self::BASE
    };
}

/// Names and values of form or query parameters; `{client_id}`, `{client_secret}`, `{access_token}` and
/// `{refresh_token}` in a value are filled in.
pub type Params = &'static [(&'static str, &'static str)];

/// A vendor's OAuth 2.0, or 1.0a, with its oddities as data.
#[derive(Debug)]
pub struct OAuth2 {
    /// Whose app serves it: `google` reads `GOOGLE_OAUTH_CLIENT_ID` and so on.
    pub app: &'static str,
    /// Where the person consents. Here as in the other addresses `{name}` stands for the connector setting of that name,
    /// see [`Spec::fill`].
    pub authorization_url: &'static str,
    /// Where temporary credentials come from before the person consents: for a vendor that has OAuth 1.0a instead (RFC 5849).
    pub temporary_url: Option<&'static str>,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: &'static str,
    /// Where a grant is ended.
    pub revoke_url: Option<&'static str>,
    /// How a grant is ended there.
    pub revoke: Revoke,
    /// Where it says whose token it is.
    pub userinfo_url: Option<&'static str>,
    /// Where it lists the sites that a grant reaches, of which a connector is one.
    pub resources_url: Option<&'static str>,
    /// What is asked for.
    pub scopes: &'static [&'static str],
    /// Between two scopes.
    pub scope_separator: &'static str,
    /// Proof key for code exchange (RFC 7636), method S256.
    pub pkce: Pkce,
    /// How the app proves itself at the token address.
    pub client_auth: ClientAuth,
    /// Further parameters of the consent page's address.
    pub authorize_params: Params,
    /// Further parameters of the code's exchange. In a JSON body a value of digits alone goes as a number.
    pub token_params: Params,
    /// How a token is renewed.
    pub refresh: Refresh,
    /// A second call for the lasting token.
    pub exchange: Option<Exchange>,
    /// `client_id`, but for vendors with another name for it.
    pub client_id_parameter: &'static str,
    /// `scope`, but for vendors with another name for it.
    pub scope_parameter: &'static str,
    /// Where in the code's answer the tokens stand: a dotted path, empty for the top.
    pub token_answer_path: &'static str,
    /// Keys of the token answers that go by other names: the vendor's, and ours.
    pub answer_names: Params,
    /// Keys of the token answers that are kept as the settings of the same name.
    pub answer_settings: &'static [&'static str],
    /// Other hosts of the addresses above, for accounts of a region.
    pub regions: &'static [Region],
    /// What the app calls itself at these addresses, where the vendor wants more than the program's name; empty for that.
    pub user_agent: &'static str,
    /// Why a grant may end sooner than a person expects: part of a sentence, empty for nothing.
    pub grant_note: &'static str,
    /// The vendor ignores the port of a loopback redirect address.
    pub loopback_any_port: bool,
    /// The vendor wants https in the redirect address: no linking without a public address.
    pub https_redirect: bool,
}

impl OAuth2 {
    /// Values for what most vendors share.
    pub const BASE: Self = Self {
        app: "",
        authorization_url: "",
        temporary_url: None,
        token_url: "",
        revoke_url: None,
        revoke: Revoke::App(ClientAuth::Post),
        userinfo_url: None,
        resources_url: None,
        scopes: &[],
        scope_separator: " ",
        pkce: Pkce::Supported,
        client_auth: ClientAuth::Post,
        authorize_params: &[],
        token_params: &[],
        refresh: Refresh::BASE,
        exchange: None,
        client_id_parameter: "client_id",
        scope_parameter: "scope",
        token_answer_path: "",
        answer_names: &[],
        answer_settings: &[],
        regions: &[],
        user_agent: "",
        grant_note: "",
        loopback_any_port: false,
        https_redirect: false,
    };
}

/// Whether the vendor takes PKCE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// It does not.
    None,
    /// It does.
    Supported,
    /// It insists.
    Required,
}

/// How the app proves itself at the token address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// HTTP Basic.
    Basic,
    /// In the form.
    Post,
    /// As a JSON body with `client_id` and `client_secret`.
    Json,
    /// HTTP Basic, with a JSON body.
    BasicJson,
}

/// How a grant is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// RFC 7009: a POST of the token (the refresh token where there is one), with which the app proves itself so.
    App(ClientAuth),
    /// A POST of the token alone, as a form.
    Token,
    /// The access token as bearer, by this method, without a body.
    Bearer(&'static str),
}

/// Hosts that take the place of others where a setting has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The setting.
    pub setting: &'static str,
    /// Its value.
    pub value: &'static str,
    /// Host as declared, and the region's.
    pub hosts: &'static [(&'static str, &'static str)],
}

/// How a token is renewed. Without a stored refresh token, and without `url`, there is no renewal.
#[derive(Debug)]
pub struct Refresh {
    /// Each refresh ends the last refresh token.
    pub rotates: bool,
    /// Life of an access token in seconds, where the answer is silent.
    pub access_token_seconds: Option<u32>,
    /// Life of a refresh token in seconds, where the answer is silent.
    pub refresh_token_seconds: Option<u32>,
    /// `POST`, but for vendors that renew by `GET`.
    pub method: &'static str,
    /// The token address, but for vendors with another one.
    pub url: Option<&'static str>,
    /// Instead of `grant_type=refresh_token` and the refresh token, where given.
    pub params: Params,
    /// The code exchange's `token_params` go into the renewal, too.
    pub repeats_token_params: bool,
    /// A younger token cannot be renewed, in seconds.
    pub min_age_seconds: Option<u32>,
}

impl Refresh {
    /// As RFC 6749 has it.
    pub const BASE: Self = Self {
        rotates: false,
        access_token_seconds: None,
        refresh_token_seconds: None,
        method: "POST",
        url: None,
        params: &[],
        repeats_token_params: false,
        min_age_seconds: None,
    };
}

/// A second call that turns a short token into a lasting one.
#[derive(Debug)]
pub struct Exchange {
    /// HTTP method.
    pub method: &'static str,
    /// Its address.
    pub url: &'static str,
    /// Its parameters.
    pub params: Params,
}
