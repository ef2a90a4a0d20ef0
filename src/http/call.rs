//! One call to a vendor.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;
use zeroize::Zeroizing;

use super::{
    Client, json, redact,
    send::{Received, send},
};
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
    accepted: Accepted,
    auth: Auth,
    repeatable: Option<bool>,
    errors_in_ok: bool,
    fault: Option<Error>,
}

/// What a call sends to prove whose it is.
#[derive(Clone)]
pub(super) enum Auth {
    /// The account's access token, renewed once where it is refused.
    Account,
    /// Another token.
    Other(SecretString),
    /// Nothing of ours.
    None,
}

/// The statuses beside success that are answers.
#[derive(Clone, Default)]
pub(super) struct Accepted {
    listed: Vec<StatusCode>,
    refusals: bool,
}

impl Accepted {
    pub(super) fn covers(&self, status: StatusCode) -> bool {
        let refusal = status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429);
        status.is_success() || self.listed.contains(&status) || (self.refusals && refusal)
    }
}

/// A call put together: what is sent, as often as it takes.
pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    pub(super) accepted: Accepted,
    pub(super) auth: Auth,
    pub(super) repeatable: bool,
    pub(super) errors_in_ok: bool,
}

impl Prepared {
    /// How the call is named in errors.
    pub(super) fn label(&self) -> String {
        format!("{} {}", self.method, redact::address(&self.url))
    }
}

/// What came back. Its `Debug` shows neither headers nor body.
#[derive(Clone)]
pub struct Answer {
    /// The status: a success, or one of the accepted ones.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.body.len();
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("bytes", &size)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// Reads the body as JSON, as [`Call::json`] does: for answers whose headers count, too.
    ///
    /// # Errors
    /// `Unexpected` with the path in the answer where it is not a `T`.
    pub fn json<T: DeserializeOwned>(mut self) -> Result<T> {
        json::read(&mut self.body).map_err(|(at, cause)| Error::unexpected(at, cause))
    }
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
            accepted: Accepted::default(),
            auth: Auth::Account,
            repeatable: None,
            errors_in_ok: false,
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

    /// Sets a header. The value never shows in a log. An `Authorization` of the caller's own stands instead of the
    /// account's token.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            (Ok(header), Ok(mut value)) => {
                if header == AUTHORIZATION {
                    self.auth = Auth::None;
                }
                value.set_sensitive(true);
                self.headers.insert(header, value);
            }
            _ => self.fault = Some(Error::invalid(name, "has a character no header may have")),
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
        self.accepted.listed.push(status);
        self
    }

    /// Takes every refusal for an answer: all of 4xx but what is worth a repetition.
    pub(crate) fn accepting_refusals(mut self) -> Self {
        self.accepted.refusals = true;
        self
    }

    /// Sends another token than the account's: a page's, a bot's.
    pub fn bearer(mut self, token: SecretString) -> Self {
        self.auth = Auth::Other(token);
        self
    }

    /// Sends a name and a password (HTTP Basic, RFC 7617) instead of the account's token.
    pub fn basic(self, name: &SecretString, password: &SecretString) -> Self {
        let pair = format!("{}:{}", name.expose_secret(), password.expose_secret());
        let pair = Zeroizing::new(pair);
        let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        self.header("authorization", &value)
    }

    /// Sends no token of ours: the credentials stand elsewhere in the call.
    pub fn anonymous(mut self) -> Self {
        self.auth = Auth::None;
        self
    }

    /// May be repeated although its method does not say so: a POST that only reads.
    pub fn idempotent(mut self) -> Self {
        self.repeatable = Some(true);
        self
    }

    /// Must not be repeated although its method allows it, once it has left.
    pub(crate) fn unrepeatable(mut self) -> Self {
        self.repeatable = Some(false);
        self
    }

    /// The vendor reports errors with status 200 (Slack): the policy's `fault` is asked about every answer too, of a
    /// success or an [accepted](Self::accepting) status, and what it says counts as if an error status had come: waits,
    /// retries, the renewal of the token. Only answers of less than 4 KiB are looked at.
    pub fn errors_in_ok(mut self) -> Self {
        self.errors_in_ok = true;
        self
    }

    /// Sends it and reads the JSON answer, whatever content type it claims. NUL characters are dropped and lone surrogates
    /// replaced.
    ///
    /// # Errors
    /// By status and the vendor's words; `Unexpected` with the path in the answer where it is not a `T`.
    pub async fn json<T: DeserializeOwned>(mut self) -> Result<T> {
        self.headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        // The share of the budget that the body holds is given back once it is parsed.
        let (mut received, label) = self.send().await?;
        if received.body.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::unexpected(label, "an empty answer"));
        }
        json::read(&mut received.body).map_err(|(at, cause)| match at.as_str() {
            "" => Error::unexpected(label, cause),
            _ => Error::unexpected(at, format!("{cause}, from {label}")),
        })
    }

    /// Sends it and reads the answer as text. NUL characters are dropped, and what is no UTF-8 replaced.
    ///
    /// # Errors
    /// By status and the vendor's words.
    pub async fn text(self) -> Result<String> {
        let (mut received, _) = self.send().await?;
        received.body.retain(|byte| *byte != 0);
        Ok(match String::from_utf8_lossy(&received.body) {
            std::borrow::Cow::Owned(mended) => mended,
            std::borrow::Cow::Borrowed(_) => String::from_utf8(received.body).unwrap_or_default(),
        })
    }

    /// Sends it.
    ///
    /// # Errors
    /// By status and the vendor's words.
    pub async fn answer(self) -> Result<Answer> {
        let (received, _) = self.send().await?;
        let Received { status, headers, body, .. } = received;
        Ok(Answer { status, headers, body })
    }

    async fn send(self) -> Result<(Received, String)> {
        let client = self.client.clone();
        let call = self.prepare()?;
        let received = send(&client, &call).await?;
        Ok((received, call.label()))
    }

    fn prepare(self) -> Result<Prepared> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut url =
            Url::parse(&self.url).map_err(|cause| Error::unexpected("url", cause.to_string()))?;
        for part in &self.query {
            let joined = url.query().map_or(part.clone(), |query| format!("{query}&{part}"));
            url.set_query(Some(&joined));
        }
        url.set_fragment(None);
        let repeats = ["GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"];
        let repeatable = self.repeatable.unwrap_or(repeats.contains(&self.method.as_str()));
        Ok(Prepared {
            method: self.method,
            url,
            headers: self.headers,
            body: self.body,
            accepted: self.accepted,
            auth: self.auth,
            repeatable,
            errors_in_ok: self.errors_in_ok,
        })
    }
}
