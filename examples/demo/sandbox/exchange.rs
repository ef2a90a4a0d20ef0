//! A request as the vendors read it, and their answer.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures::stream;
use serde::Serialize;
use serde_json::Value;
use url::form_urlencoded;

/// More than any request to these vendors holds.
const MAX_REQUEST: usize = 1 << 20;
const CHUNK: usize = 64 << 10;

/// A request, its vendor's address restored.
pub struct Ask {
    /// First in the path: the provider's id, known or not.
    pub provider: String,
    /// The vendor's host.
    pub host: String,
    /// The vendor's path, with its first slash.
    pub path: String,
    /// As it came, still encoded.
    pub query: String,
    /// `GET`, `POST`.
    pub method: String,
    /// The token of an `Authorization: Bearer` header.
    pub bearer: Option<String>,
    /// Name and password of an `Authorization: Basic` header.
    pub basic: Option<(String, String)>,
    params: Vec<(String, String)>,
}

impl Ask {
    /// Reads the request with its body.
    pub async fn read(request: Request) -> Self {
        let (head, body) = request.into_parts();
        let mut slots = head.uri.path().splitn(4, '/').skip(1);
        let mut slot = || slots.next().unwrap_or_default().to_owned();
        let (provider, host, path) = (slot(), slot(), format!("/{}", slot()));
        let query = head.uri.query().unwrap_or_default().to_owned();
        let mut params: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let body = to_bytes(body, MAX_REQUEST).await.unwrap_or_default();
        let json = header(&head.headers, &header::CONTENT_TYPE).starts_with("application/json");
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) if json => {
                params.extend(fields.into_iter().map(|(name, value)| match value {
                    Value::String(text) => (name, text),
                    other => (name, other.to_string()),
                }));
            }
            _ => params.extend(form_urlencoded::parse(&body).into_owned()),
        }
        let authorization = header(&head.headers, &header::AUTHORIZATION);
        Self {
            provider,
            host,
            path,
            query,
            method: head.method.to_string(),
            bearer: authorization.strip_prefix("Bearer ").map(str::to_owned),
            basic: authorization.strip_prefix("Basic ").and_then(name_and_password),
            params,
        }
    }

    /// A parameter of the query, or of the form.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may be repeated.
    pub fn params<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.params.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a yes-or-no parameter says yes.
    pub fn says(&self, name: &str) -> bool {
        matches!(self.param(name), Some("true" | "1"))
    }

    /// The path's parts.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// `HOST/PATH?QUERY`: what patterns are held against.
    pub fn target(&self) -> String {
        target(&self.host, &self.path, &self.query)
    }
}

/// `HOST/PATH?QUERY`.
pub fn target(host: &str, path: &str, query: &str) -> String {
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{host}{path}{mark}{query}")
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn name_and_password(encoded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// An answer, before it is on the wire.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Content,
}

/// An answer's body.
#[derive(Clone, Debug)]
pub enum Content {
    /// All of it.
    Whole(Bytes),
    /// A JSON object of about so many bytes, sent in chunks: its length is not announced.
    Filler(u64),
}

impl Answer {
    /// JSON with status 200.
    pub fn ok(value: &impl Serialize) -> Self {
        Self::json(200, value)
    }

    /// JSON.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self::bytes(status, "application/json; charset=utf-8", body)
    }

    /// Text.
    pub fn text(status: u16, text: &str) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", text.as_bytes().to_vec())
    }

    /// What lies at none of the vendor's addresses.
    pub fn no_such_page() -> Self {
        Self::bytes(404, "text/html; charset=utf-8", "<h1>Not Found</h1>".into())
    }

    /// A body of that size, its length announced only if it is 0.
    pub fn of_size(bytes: u64) -> Self {
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        let body = match bytes {
            0 => Content::Whole(Bytes::new()),
            more => Content::Filler(more),
        };
        Self { status: 200, headers: vec![kind], body }
    }

    fn bytes(status: u16, kind: &str, body: Vec<u8>) -> Self {
        let kind = ("content-type".to_owned(), kind.to_owned());
        Self { status, headers: vec![kind], body: Content::Whole(body.into()) }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Changes the body's JSON. A body that is none stays.
    pub fn edited(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        if let Content::Whole(body) = &mut self.body
            && let Ok(mut value) = serde_json::from_slice(body)
        {
            edit(&mut value);
            *body = serde_json::to_vec(&value).unwrap_or_default().into();
        }
        self
    }

    /// Changes the body's text.
    pub fn rewritten(mut self, rewrite: impl FnOnce(String) -> String) -> Self {
        if let Content::Whole(body) = &mut self.body {
            *body = rewrite(String::from_utf8_lossy(body).into_owned()).into();
        }
        self
    }

    /// As axum sends it.
    pub fn into_response(self) -> Response<Body> {
        let body = match self.body {
            Content::Whole(bytes) => Body::from(bytes),
            Content::Filler(bytes) => filler(bytes),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// One JSON object: `{"filler":"xxx…"}`.
fn filler(bytes: u64) -> Body {
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    let whole = usize::try_from(bytes).unwrap_or(usize::MAX);
    let (full, rest) = (whole / CHUNK, whole % CHUNK);
    let middle = std::iter::repeat_n(chunk.clone(), full);
    let all = std::iter::once(Bytes::from_static(b"{\"filler\":\""))
        .chain(middle)
        .chain([chunk.slice(..rest), Bytes::from_static(b"\"}")]);
    Body::from_stream(stream::iter(all.map(Ok::<_, Infallible>)))
}
