//! One call to a vendor.

use reqwest::{
    Method, StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};

use super::Client;
use crate::error::{Error, Result};

/// A call that is being put together; [`Call::json`], [`Call::text`] or [`Call::answer`] sends it.
#[must_use]
pub struct Call {
    client: Client,
    method: Method,
    url: String,
    query: Vec<String>,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    accepted: Vec<StatusCode>,
    bearer: Option<SecretString>,
    anonymous: bool,
    idempotent: bool,
    fault: Option<Error>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status: a success, or one of the accepted ones.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Call {
    pub(super) fn new(client: Client, method: Method, url: String) -> Self {
        Self {
            client,
            method,
            url,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            accepted: Vec::new(),
            bearer: None,
            anonymous: false,
            idempotent: false,
            fault: None,
        }
    }

    /// Adds query parameters: pairs or a struct; `None` values are left out.
    pub fn query(mut self, query: &(impl Serialize + ?Sized)) -> Self {
        match serde_urlencoded::to_string(query) {
            Ok(query) if query.is_empty() => {}
            Ok(query) => self.query.push(query),
            Err(cause) => self.fault = Some(Error::unexpected("query", cause.to_string())),
        }
        self
    }

    /// Sets a header. The value never shows in a log.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.headers.insert(HeaderName::from_static(name), value);
            }
            Err(_) => self.fault = Some(Error::invalid(name, "has a character no header may have")),
        }
        self
    }

    /// Sends a JSON body.
    pub fn body_json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body = Some(bytes),
            Err(cause) => self.fault = Some(Error::unexpected("request body", cause.to_string())),
        }
        self.header("content-type", "application/json")
    }

    /// Sends a form.
    pub fn body_form(mut self, form: &(impl Serialize + ?Sized)) -> Self {
        match serde_urlencoded::to_string(form) {
            Ok(form) => self.body = Some(form.into_bytes()),
            Err(cause) => self.fault = Some(Error::unexpected("request form", cause.to_string())),
        }
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sends bytes as they are.
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self.header("content-type", content_type)
    }

    /// Takes this status for an answer, not an error.
    pub fn accepting(mut self, status: StatusCode) -> Self {
        self.accepted.push(status);
        self
    }

    /// Sends another token than the account's: a page's, a bot's.
    pub fn bearer(mut self, token: SecretString) -> Self {
        self.bearer = Some(token);
        self
    }

    /// Sends no token of ours: the credentials stand elsewhere in the call.
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// May be repeated although its method does not say so: a POST that only reads.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Sends it and reads the JSON answer. NUL characters are dropped and lone surrogates replaced.
    ///
    /// # Errors
    /// By status and the vendor's words; `Unexpected` with the path in the answer where it is not a `T`.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let answer = self.answer().await?;
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(&answer.body))
            .map_err(|cause| Error::unexpected(cause.path().to_string(), "not the promised shape"))
    }

    /// Sends it and reads the answer as text.
    ///
    /// # Errors
    /// By status and the vendor's words.
    pub async fn text(self) -> Result<String> {
        let answer = self.answer().await?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Sends it.
    ///
    /// # Errors
    /// By status and the vendor's words.
    pub async fn answer(self) -> Result<Answer> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let of = self.client.of();
        let transport = self.client.transport();
        let mut url = url::Url::parse(&self.url)
            .map_err(|cause| Error::unexpected("url", cause.to_string()))?;
        for part in &self.query {
            let joined = url.query().map_or(part.clone(), |q| format!("{q}&{part}"));
            url.set_query(Some(&joined));
        }
        if let Some(base) = &transport.config.egress_override {
            let host = url.host_str().unwrap_or_default().to_owned();
            let moved = format!(
                "{}{}/{}{}",
                base,
                of.policy.provider,
                host,
                &url[url::Position::BeforePath..]
            );
            url = url::Url::parse(&moved).map_err(|c| Error::unexpected("url", c.to_string()))?;
        }
        let mut request = transport.http.request(self.method, url).headers(self.headers);
        if !self.anonymous {
            let token = match self.bearer {
                Some(token) => Some(token),
                None => of.credentials.access_token().await?,
            };
            if let Some(token) = token {
                request = request.bearer_auth(token.expose_secret());
            }
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        of.meter.sent();
        let response =
            request.send().await.map_err(|cause| Error::Unavailable(cause.to_string()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|c| Error::Unavailable(c.to_string()))?.to_vec();
        if status.is_success() || self.accepted.contains(&status) {
            return Ok(Answer { status, headers, body });
        }
        let json = serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null);
        Err((of.policy.fault)(status.as_u16(), &json).unwrap_or_else(|| match status.as_u16() {
            401 => Error::Reconnect("the token was refused".into()),
            403 => Error::Forbidden("the request".into()),
            404 => Error::NotFound,
            _ => Error::Unavailable(status.to_string()),
        }))
    }
}
