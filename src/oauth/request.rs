//! A call to one of a vendor's OAuth addresses: its parameters, and the app's credentials where the vendor wants them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::App;
use crate::{
    error::Error,
    http::{Call, Client, Connection, Credentials, Meter, Policy, Rate, Transport},
    provider::{
        Settings, Spec,
        spec::{ClientAuth, OAuth2, Params},
    },
};

/// What is sent. Its `Debug` shows nothing of it.
pub(super) struct Request {
    auth: ClientAuth,
    params: Vec<Param>,
    basic: Option<String>,
}

struct Param {
    name: &'static str,
    value: String,
    /// In a JSON body digits alone go as a number.
    declared: bool,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Request([redacted])")
    }
}

impl Request {
    /// A request without parameters, whose body has the form that goes with `auth`.
    pub(super) fn new(auth: ClientAuth) -> Self {
        Self { auth, params: Vec::new(), basic: None }
    }

    /// Adds a parameter.
    pub(super) fn param(&mut self, name: &'static str, value: impl Into<String>) {
        self.params.push(Param { name, value: value.into(), declared: false });
    }

    /// Adds parameters as the vendor's definition has them, one of which replaces what was added under its name.
    /// `value` gives what stands for a name in braces.
    pub(super) fn declared<E>(
        &mut self,
        params: Params,
        value: impl Fn(&str) -> Result<Option<String>, E>,
    ) -> Result<(), E> {
        for &(name, template) in params {
            let mut filled = template.to_owned();
            for placeholder in ["access_token", "refresh_token", "client_id", "client_secret"] {
                let braced = format!("{{{placeholder}}}");
                if template.contains(&braced)
                    && let Some(value) = value(placeholder)?
                {
                    filled = filled.replace(&braced, &value);
                }
            }
            self.params.retain(|param| param.name != name);
            self.params.push(Param { name, value: filled, declared: true });
        }
        Ok(())
    }

    /// Whether the app proves itself in the header.
    pub(super) fn by_header(&self) -> bool {
        matches!(self.auth, ClientAuth::Basic | ClientAuth::BasicJson)
    }

    /// Adds the app's id and secret: to the header, or to the body.
    pub(super) fn app(&mut self, oauth: &OAuth2, app: &App) {
        if self.by_header() {
            self.basic = Some(basic_auth(app));
        } else {
            self.param(oauth.client_id_parameter, app.client_id.clone());
            self.param("client_secret", app.client_secret.expose_secret());
        }
    }

    /// The call; its parameters stand in the query where the method has no body.
    pub(super) fn call(
        self,
        oauth: &OAuth2,
        client: &Client,
        method: Method,
        address: &Url,
    ) -> Call {
        let by_query = method == Method::GET;
        let call = client.call(method, address.as_str()).anonymous();
        let pairs: Vec<(&str, &str)> =
            self.params.iter().map(|param| (param.name, param.value.as_str())).collect();
        let call = match self.auth {
            _ if by_query => call.query(&pairs),
            ClientAuth::Basic | ClientAuth::Post => call.body_form(&pairs),
            ClientAuth::Json | ClientAuth::BasicJson => {
                let pairs = self.params.iter().map(|param| (param.name, param.json()));
                call.body_json(&pairs.collect::<BTreeMap<_, _>>())
            }
        };
        let call = match &self.basic {
            Some(basic) => call.header("authorization", basic),
            None => call,
        };
        let call = match oauth.user_agent {
            "" => call,
            own => call.header("user-agent", own),
        };
        call.header("accept", "application/json")
    }
}

impl Param {
    fn json(&self) -> Value {
        let digits = !self.value.is_empty() && self.value.bytes().all(|b| b.is_ascii_digit());
        let number = (self.declared && digits).then(|| self.value.parse::<u64>().ok()).flatten();
        number.map_or_else(|| Value::from(self.value.as_str()), Value::from)
    }
}

/// One of the definition's addresses, filled in.
pub(super) fn address(
    spec: &Spec,
    oauth: &OAuth2,
    template: &str,
    settings: &Settings,
) -> Result<Url, Error> {
    let address = oauth.address(spec, template, settings)?;
    Url::parse(&address).map_err(|cause| Error::unexpected("OAuth address", cause.to_string()))
}

/// A method by its name.
pub(super) fn method(name: &str) -> Result<Method, Error> {
    Method::from_bytes(name.as_bytes()).map_err(|_| Error::unexpected(name, "is no method"))
}

/// A client that may call `address` beside the vendor's hosts, and has a bucket of its own: tokens are come by app. The
/// address comes from the catalog, its settings checked against their declared forms.
pub(super) fn client(
    transport: &Transport,
    spec: &'static Spec,
    settings: &Settings,
    address: &Url,
    credentials: Option<Arc<dyn Credentials>>,
) -> Client {
    let mut hosts = spec.hosts_for(settings);
    hosts.extend(address.host_str().map(str::to_owned));
    transport.client(Connection {
        policy: Policy {
            provider: spec.id,
            hosts,
            rate: Rate::per_second(5),
            fault: Arc::new(|_, _| None),
        },
        account: "token endpoint".into(),
        credentials: credentials.unwrap_or_else(|| Arc::new(Nobody)),
        settings: Settings::new(),
        limit: None,
        since: None,
        meter: Arc::new(Meter::default()),
    })
}

/// The credentials of a call that carries them itself.
struct Nobody;

impl Credentials for Nobody {
    fn secret(&self, _: &str) -> Option<SecretString> {
        None
    }

    fn access_token(&self) -> BoxFuture<'_, Result<Option<SecretString>, Error>> {
        Box::pin(async { Ok(None) })
    }

    fn renew(&self, _: &SecretString) -> BoxFuture<'_, Result<SecretString, Error>> {
        Box::pin(async { Err(Error::Reconnect("there is no token to renew".into())) })
    }
}

/// Id and secret are form-encoded first (RFC 6749, 2.3.1).
fn basic_auth(app: &App) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair =
        format!("{}:{}", encoded(&app.client_id), encoded(app.client_secret.expose_secret()));
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_proves_itself_as_rfc_6749_has_it() {
        let app = App {
            id: "x",
            client_id: "id one".into(),
            client_secret: "a:b+c/d=".into(),
            redirect_uri: None,
        };
        let header = basic_auth(&app);
        let decoded = BASE64_STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), "id+one:a%3Ab%2Bc%2Fd%3D");
    }

    #[test]
    fn in_json_only_what_the_vendor_declares_as_a_number_is_one() {
        let mut request = Request::new(ClientAuth::Json);
        request.param("code", "1234");
        request.param("scope", "first");
        let nothing = |_: &str| Ok::<_, Error>(None);
        request.declared(&[("expires_in", "86400"), ("scope", "read")], nothing).unwrap();
        let sent: BTreeMap<_, _> = request.params.iter().map(|p| (p.name, p.json())).collect();
        assert_eq!(sent["code"], "1234");
        assert_eq!(sent["expires_in"], 86_400);
        assert_eq!(sent["scope"], "read");
    }
}
