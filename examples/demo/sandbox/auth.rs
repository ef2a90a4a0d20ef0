//! Tokens: who may read an account, how they end, and the token endpoints that renew them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    Answer, Seat, Vendor,
    exchange::Ask,
    lock,
    server::{Owner, Service},
};

const SLACK_SCOPES: &str = "channels:history,channels:read,groups:history,groups:read,im:history,im:read,mpim:history,mpim:read,users:read,users:read.email,files:read";

/// How a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// None was sent.
    Absent,
    /// No account has it.
    Unknown,
    /// It may read.
    Good,
    /// Its time is over; a refresh gives another.
    Expired,
    /// The person took the grant back.
    Revoked,
}

/// What the owner of one account has granted, and the tokens made of it.
pub struct Grant {
    vendor: Vendor,
    account: usize,
    made: u64,
    /// Requests left to each access token; `None`: no end.
    access: BTreeMap<String, Option<u64>>,
    latest: String,
    refresh: BTreeSet<String>,
    latest_refresh: String,
    /// Refresh tokens that were good once.
    spent: BTreeSet<String>,
    codes: BTreeSet<String>,
    revoked: bool,
    requests: Option<u64>,
    seconds: u32,
    exchanges: u64,
}

impl Grant {
    pub(super) fn new(vendor: Vendor, account: usize) -> Self {
        let mut grant = Self {
            vendor,
            account,
            made: 0,
            access: BTreeMap::new(),
            latest: String::new(),
            refresh: BTreeSet::new(),
            latest_refresh: String::new(),
            spent: BTreeSet::new(),
            codes: BTreeSet::new(),
            revoked: false,
            requests: None,
            seconds: match vendor {
                Vendor::Gmail => 3599,
                Vendor::Asana => 3600,
                Vendor::Slack => 43200,
            },
            exchanges: 0,
        };
        grant.issue();
        grant.issue_refresh();
        grant
    }

    /// The newest access token.
    pub fn access_token(&self) -> String {
        self.latest.clone()
    }

    /// The newest refresh token.
    pub fn refresh_token(&self) -> String {
        self.latest_refresh.clone()
    }

    /// All access tokens that there are expire now.
    pub fn expire(&mut self) {
        self.expire_after(0);
    }

    /// All access tokens that there are expire after so many more requests.
    pub fn expire_after(&mut self, requests: u64) {
        self.access.values_mut().for_each(|left| *left = Some(requests));
    }

    /// Every access token made from now on is good for so many requests.
    pub fn tokens_last(&mut self, requests: u64) {
        self.requests = Some(requests);
    }

    /// Token answers name this many seconds in `expires_in`. The sandbox itself looks at no clock.
    pub fn expires_in(&mut self, seconds: u32) {
        self.seconds = seconds;
    }

    /// The person takes the access back: no token of it is good any more.
    pub fn revoke(&mut self) {
        self.revoked = true;
    }

    /// The person grants access once more: new tokens, and the old ones stay dead.
    pub fn grant_again(&mut self) {
        self.access.clear();
        self.spent.append(&mut self.refresh);
        self.revoked = false;
        self.issue();
        self.issue_refresh();
    }

    /// A further access token that no refresh token belongs to: a personal access token.
    pub fn add_token(&mut self, token: &str) {
        self.access.insert(token.to_owned(), None);
    }

    /// A code as the vendor's consent page hands it out, good for one exchange.
    pub fn code(&mut self) -> String {
        self.made += 1;
        let code = format!("code-{}-{}-{}", self.vendor.id(), self.account, self.made);
        self.codes.insert(code.clone());
        code
    }

    /// How many token requests were answered with tokens.
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    pub(super) fn admit(&mut self, token: &str) -> Standing {
        match self.access.get_mut(token) {
            None => Standing::Unknown,
            Some(_) if self.revoked => Standing::Revoked,
            Some(None) => Standing::Good,
            Some(Some(0)) => Standing::Expired,
            Some(Some(left)) => {
                *left -= 1;
                Standing::Good
            }
        }
    }

    fn issue(&mut self) {
        self.made += 1;
        let (account, made) = (self.account, self.made);
        self.latest = match self.vendor {
            Vendor::Gmail => format!("ya29.a0sandbox-{account}-{made}"),
            Vendor::Asana => format!("2/sandbox{account}/1-{made}"),
            Vendor::Slack => format!("xoxe.xoxp-1-sandbox-{account}-{made}"),
        };
        self.access.insert(self.latest.clone(), self.requests);
    }

    fn issue_refresh(&mut self) {
        self.made += 1;
        let (account, made) = (self.account, self.made);
        self.latest_refresh = match self.vendor {
            Vendor::Gmail => format!("1//0gsandbox-{account}-{made}"),
            Vendor::Asana => format!("2/sandbox{account}/r-{made}"),
            Vendor::Slack => format!("xoxe-1-sandbox-{account}-{made}"),
        };
        self.refresh.insert(self.latest_refresh.clone());
    }

    /// Whether the token was ever one of this grant's; if it is good, a new pair is the latest.
    fn renew(&mut self, refresh: &str) -> Standing {
        if !self.refresh.contains(refresh) {
            let dead = self.spent.contains(refresh);
            return if dead { Standing::Revoked } else { Standing::Unknown };
        }
        if self.revoked {
            return Standing::Revoked;
        }
        // Slack's refresh tokens are good once; Google's and Asana's stay.
        if self.vendor == Vendor::Slack {
            self.refresh.remove(refresh);
            self.spent.insert(refresh.to_owned());
            self.issue_refresh();
        }
        self.issue();
        self.exchanges += 1;
        Standing::Good
    }

    fn redeem(&mut self, code: &str) -> Standing {
        if !self.codes.remove(code) {
            return Standing::Unknown;
        }
        if self.revoked {
            self.grant_again();
        } else {
            self.issue();
            self.issue_refresh();
        }
        self.exchanges += 1;
        Standing::Good
    }
}

/// The vendor's words for a request whose token is not good.
pub fn refusal(vendor: Vendor, standing: Standing) -> Answer {
    match (vendor, standing) {
        (Vendor::Gmail, _) => Answer::json(
            401,
            &json!({"error": {
                "code": 401,
                "message": "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
                "errors": [{
                    "message": "Invalid Credentials",
                    "domain": "global",
                    "reason": "authError",
                    "location": "Authorization",
                    "locationType": "header",
                }],
                "status": "UNAUTHENTICATED",
            }}),
        ),
        (Vendor::Asana, _) => Answer::json(
            401,
            &json!({"errors": [{
                "message": "Not Authorized",
                "help": "For more information on API status codes and how to handle them, read the docs on errors: https://developers.asana.com/docs/errors",
            }]}),
        ),
        (Vendor::Slack, Standing::Absent) => slack_error("not_authed"),
        (Vendor::Slack, Standing::Expired) => slack_error("token_expired"),
        (Vendor::Slack, Standing::Revoked) => slack_error("token_revoked"),
        (Vendor::Slack, Standing::Unknown | Standing::Good) => slack_error("invalid_auth"),
    }
}

fn slack_error(word: &str) -> Answer {
    Answer::ok(&json!({"ok": false, "error": word}))
}

/// The answer of a token or revocation endpoint, if the request is for one.
pub(super) fn endpoint<T: Service>(
    seats: &[Seat<T>],
    ask: &Ask,
    client: Option<&(String, String)>,
) -> Option<Answer> {
    let post = ask.method == "POST";
    match (ask.host.as_str(), ask.path.as_str(), T::VENDOR) {
        ("oauth2.googleapis.com", "/token", Vendor::Gmail)
        | ("app.asana.com", "/-/oauth_token", Vendor::Asana) => {
            Some(if post { token(seats, ask, client) } else { Answer::no_such_page() })
        }
        // Slack takes GET as well.
        ("slack.com", "/api/oauth.v2.access", Vendor::Slack) => Some(token(seats, ask, client)),
        ("oauth2.googleapis.com", "/revoke", Vendor::Gmail)
        | ("app.asana.com", "/-/oauth_revoke", Vendor::Asana) => {
            Some(if post { revoke(seats, ask) } else { Answer::no_such_page() })
        }
        ("slack.com", "/api/auth.revoke", Vendor::Slack) => Some(revoke(seats, ask)),
        _ => None,
    }
}

fn token<T: Service>(seats: &[Seat<T>], ask: &Ask, client: Option<&(String, String)>) -> Answer {
    if let Some(refused) = client_refused(T::VENDOR, ask, client) {
        return refused;
    }
    let by_code = ask.param("grant_type") != Some("refresh_token");
    let value = ask.param(if by_code { "code" } else { "refresh_token" }).unwrap_or_default();
    let mut standing = Standing::Unknown;
    for seat in seats {
        // Before the grant is locked: a test may hold the data and want the grant.
        let owner = lock(&seat.data).owner();
        let mut grant = lock(&seat.grant);
        let found = if by_code { grant.redeem(value) } else { grant.renew(value) };
        match found {
            Standing::Unknown => {}
            Standing::Good => return Answer::ok(&tokens(&grant, &owner, by_code)),
            dead => standing = dead,
        }
    }
    no_tokens(T::VENDOR, standing, by_code)
}

fn client_refused(vendor: Vendor, ask: &Ask, client: Option<&(String, String)>) -> Option<Answer> {
    let form =
        || Some((ask.param("client_id")?.to_owned(), ask.param("client_secret")?.to_owned()));
    let given = ask.basic.clone().or_else(form);
    let fits = match (&given, client) {
        (None, _) => false,
        (Some((id, secret)), None) => !id.is_empty() && !secret.is_empty(),
        (Some(given), Some(wanted)) => given == wanted,
    };
    (!fits).then(|| match vendor {
        Vendor::Slack if given.is_none() => slack_error("invalid_client_id"),
        Vendor::Slack => slack_error("bad_client_secret"),
        Vendor::Gmail | Vendor::Asana => Answer::json(
            401,
            &json!({
                "error": "invalid_client",
                "error_description": "The OAuth client was not found.",
            }),
        ),
    })
}

fn no_tokens(vendor: Vendor, standing: Standing, by_code: bool) -> Answer {
    let description = match (vendor, by_code, standing) {
        (Vendor::Slack, true, _) => return slack_error("invalid_code"),
        (Vendor::Slack, false, _) => return slack_error("invalid_refresh_token"),
        (Vendor::Asana, ..) => "The grant is not valid any more.",
        (Vendor::Gmail, true, _) => "Malformed auth code.",
        (Vendor::Gmail, false, Standing::Revoked) => "Token has been expired or revoked.",
        (Vendor::Gmail, false, _) => "Bad Request",
    };
    Answer::json(400, &json!({"error": "invalid_grant", "error_description": description}))
}

fn tokens(grant: &Grant, owner: &Owner, by_code: bool) -> Value {
    let mut answer = match grant.vendor {
        Vendor::Gmail => json!({
            "access_token": grant.latest,
            "expires_in": grant.seconds,
            "scope": "https://www.googleapis.com/auth/gmail.readonly",
            "token_type": "Bearer",
        }),
        Vendor::Asana => json!({
            "access_token": grant.latest,
            "token_type": "bearer",
            "expires_in": grant.seconds,
            "data": {"id": owner.id, "gid": owner.id, "name": owner.name, "email": owner.email},
        }),
        Vendor::Slack => return slack_tokens(grant, owner, by_code),
    };
    if by_code && let Some(fields) = answer.as_object_mut() {
        fields.insert("refresh_token".to_owned(), json!(grant.latest_refresh));
    }
    answer
}

/// The code's answer nests the user's tokens, the refresh answer has them at the top.
fn slack_tokens(grant: &Grant, owner: &Owner, by_code: bool) -> Value {
    let (team_id, team) = &owner.team;
    let team = json!({"id": team_id, "name": team});
    if by_code {
        return json!({
            "ok": true,
            "app_id": "A0SANDBOX1",
            "authed_user": {
                "id": owner.id,
                "scope": SLACK_SCOPES,
                "access_token": grant.latest,
                "token_type": "user",
                "expires_in": grant.seconds,
                "refresh_token": grant.latest_refresh,
            },
            "team": team,
            "enterprise": null,
            "is_enterprise_install": false,
        });
    }
    json!({
        "ok": true,
        "app_id": "A0SANDBOX1",
        "access_token": grant.latest,
        "expires_in": grant.seconds,
        "refresh_token": grant.latest_refresh,
        "token_type": "user",
        "scope": SLACK_SCOPES,
        "team": team,
        "enterprise": null,
        "is_enterprise_install": false,
    })
}

fn revoke<T: Service>(seats: &[Seat<T>], ask: &Ask) -> Answer {
    let bearer = ask.bearer.as_deref();
    let token = if T::VENDOR == Vendor::Slack { bearer } else { ask.param("token") };
    let token = token.unwrap_or_default();
    let mut found = false;
    for seat in seats {
        let mut grant = lock(&seat.grant);
        let of_access = grant.access.contains_key(token);
        if T::VENDOR == Vendor::Asana && of_access {
            return Answer::json(
                400,
                &json!({
                    "error": "unsupported_token_type",
                    "error_description": "Only refresh tokens can be revoked.",
                }),
            );
        }
        if !grant.revoked && (of_access || grant.refresh.contains(token)) {
            grant.revoke();
            found = true;
        }
    }
    match (T::VENDOR, found) {
        (Vendor::Slack, true) => Answer::ok(&json!({"ok": true, "revoked": true})),
        (Vendor::Slack, false) => slack_error("invalid_auth"),
        (Vendor::Gmail, false) => Answer::json(
            400,
            &json!({
                "error": "invalid_token",
                "error_description": "Token expired or revoked",
            }),
        ),
        (Vendor::Gmail | Vendor::Asana, _) => Answer::ok(&json!({})),
    }
}
