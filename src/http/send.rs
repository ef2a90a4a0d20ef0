//! Sending a call until it is answered, or until it is clear that it will not be.

use std::time::Duration;

use reqwest::{
    Method, Response, StatusCode,
    header::{
        ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
        LOCATION, USER_AGENT,
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::Instant;
use tracing::{Instrument, field};
use url::Url;

use super::{
    Client, Wait,
    body::{self, Cut, LARGEST, LARGEST_FAULT, Shares},
    call::{Auth, Prepared},
    fault::{Failure, judge},
    guard, redact,
    retry::{LONGEST_PAUSE, Tries},
};
use crate::error::{Error, Result};

/// One try, redirects and body included.
const WHOLE_CALL: Duration = Duration::from_mins(1);
/// Redirects of one try.
const REDIRECTS: usize = 5;
/// What goes along to another host: nothing that could be a credential.
const HARMLESS: [HeaderName; 4] = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];
/// The largest answer that is asked whether it is an error.
const LARGEST_ERROR_IN_OK: usize = 4 << 10;

/// What came back, with its shares of the budget.
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    _shares: Shares,
}

/// Sends a call.
///
/// Failures of the vendor or the network are repeated where the method allows it, or where nothing had left yet. A
/// throttled call is repeated whatever its method, since the vendor refused it. A refused token of the account's is renewed
/// once; words of the vendor's that mean so count like a 401.
pub(super) async fn send(client: &Client, call: &Prepared) -> Result<Received> {
    let of = client.of();
    guard::check(&call.url, &of.policy.hosts, client.transport().allow_private_hosts)
        .map_err(guard::Refusal::of_call)?;
    let mut tries = Tries::new();
    let mut renewed: Option<SecretString> = None;
    loop {
        client.bucket().turn(&of.meter).await;
        let token = match (&call.auth, &renewed) {
            (Auth::None, _) => None,
            (Auth::Other(token), _) | (Auth::Account, Some(token)) => Some(token.clone()),
            (Auth::Account, None) => of.credentials.access_token().await?,
        };
        let failure = match attempt(client, call, token.as_ref(), tries.number).await {
            Ok(received) => return Ok(received),
            Err(failure) => failure,
        };
        match (failure, &call.auth, token) {
            (Failure::Refused(_), Auth::Account, Some(token)) if renewed.is_none() => {
                renewed = Some(of.credentials.renew(&token).await?);
            }
            (Failure::Final(error) | Failure::Refused(error), ..) => return Err(error),
            (Failure::Throttled(asked), ..) => {
                client.bucket().pause(tries.after_throttle(asked)?);
            }
            (Failure::Failed { cause, asked, unsent }, ..) => {
                if let Some(long) = asked.filter(|asked| *asked > LONGEST_PAUSE) {
                    return Err(Error::RateLimited(long));
                }
                let again = call.repeatable || unsent;
                let number = tries.number;
                let Some(wait) = again.then(|| tries.after_failure(asked)).flatten() else {
                    let after =
                        if number > 1 { format!(", after {number} tries") } else { String::new() };
                    return Err(Error::Unavailable(format!("{} {cause}{after}", call.label())));
                };
                let _shown =
                    (wait > Duration::from_secs(1)).then(|| of.meter.wait(wait, Wait::SILENT));
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// One try, in its span.
async fn attempt(
    client: &Client,
    call: &Prepared,
    token: Option<&SecretString>,
    number: u32,
) -> Result<Received, Failure> {
    let span = tracing::debug_span!(
        "call",
        provider = client.of().policy.provider,
        method = %call.method,
        host = call.url.host_str(),
        path = redact::path(call.url.path()),
        "try" = number,
        status = field::Empty,
        ms = field::Empty,
        bytes = field::Empty,
    );
    let start = Instant::now();
    async {
        let done = through_redirects(client, call, token, start + WHOLE_CALL).await;
        let span = tracing::Span::current();
        span.record("ms", u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
        match &done {
            Ok(received) => {
                span.record("bytes", received.body.len());
                tracing::debug!("answered");
            }
            Err(Failure::Throttled(_)) => tracing::debug!("throttled"),
            Err(Failure::Refused(_)) => tracing::debug!("the token was refused"),
            Err(Failure::Failed { .. }) => tracing::debug!("failed"),
            Err(Failure::Final(error)) => tracing::debug!(class = error.class(), "refused"),
        }
        done
    }
    .instrument(span)
    .await
}

async fn through_redirects(
    client: &Client,
    call: &Prepared,
    token: Option<&SecretString>,
    deadline: Instant,
) -> Result<Received, Failure> {
    let mut hop = Hop::first(call, token)?;
    for _ in 0..=REDIRECTS {
        let response = hop.dispatch(client, deadline).await?;
        let redirected = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        if !redirected || call.accepted.covers(response.status()) {
            return receive(client, call, &hop, response, deadline, token).await;
        }
        hop = hop.follow(client, call, &response)?;
    }
    let cause = format!("redirected more than {REDIRECTS} times");
    Err(Failure::Final(Error::unexpected(call.label(), cause)))
}

/// One request of a try.
struct Hop {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    /// Still at the host that the call was made to, with everything that only that host may see.
    at_home: bool,
}

impl Hop {
    fn first(call: &Prepared, token: Option<&SecretString>) -> Result<Self, Failure> {
        let mut headers = call.headers.clone();
        if let Some(token) = token {
            let bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
            let mut bearer = bearer.map_err(|_| {
                let problem =
                    "has a character no header may have; give it again, without line breaks";
                Failure::Final(Error::invalid("access_token", problem))
            })?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let (method, url, body) = (call.method.clone(), call.url.clone(), call.body.clone());
        Ok(Self { method, url, headers, body, at_home: true })
    }

    async fn dispatch(&self, client: &Client, deadline: Instant) -> Result<Response, Failure> {
        let transport = client.transport();
        let url = match &transport.egress {
            Some(egress) => {
                egress.apply(client.of().policy.provider, &self.url).map_err(Failure::Final)?
            }
            None => self.url.clone(),
        };
        let mut request =
            transport.http.request(self.method.clone(), url).headers(self.headers.clone());
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        client.of().meter.sent();
        match tokio::time::timeout_at(deadline, request.send()).await {
            Err(_) => Err(Failure::failed("did not answer in time")),
            Ok(Ok(response)) => {
                tracing::Span::current().record("status", response.status().as_u16());
                Ok(response)
            }
            Ok(Err(error)) => Err(unanswered(error)),
        }
    }

    /// The next request, where a redirect may be followed: a reading method keeps method and body (303 means GET), others
    /// are repeated only where the status keeps them (307, 308) and the call may be repeated.
    fn follow(
        self,
        client: &Client,
        call: &Prepared,
        response: &Response,
    ) -> Result<Self, Failure> {
        let status = response.status().as_u16();
        let label = call.label();
        let refuse = |cause: String| Failure::Final(Error::unexpected(&label, cause));
        let followed = match self.method.as_str() {
            "GET" | "HEAD" => true,
            "OPTIONS" | "PROPFIND" | "REPORT" => status != 303,
            _ => call.repeatable && matches!(status, 307 | 308),
        };
        if !followed {
            return Err(refuse(format!(
                "answered {status}, which is not followed for this method"
            )));
        }
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let Some(mut url) = location.and_then(|location| self.url.join(location).ok()) else {
            return Err(refuse(format!("answered {status} without a usable location")));
        };
        url.set_fragment(None);
        guard::check(&url, &client.of().policy.hosts, client.transport().allow_private_hosts)
            .map_err(|refusal| Failure::Final(refusal.of_redirect(&label)))?;
        if url.origin() == self.url.origin() {
            return Ok(Self { url, ..self });
        }
        if self.body.is_some() {
            return Err(refuse(format!("answered {status}: the body is not sent to another host")));
        }
        let harmless =
            |name: &HeaderName| self.headers.get(name).cloned().map(|v| (name.clone(), v));
        let headers = HARMLESS.iter().filter_map(harmless).collect();
        Ok(Self { method: self.method, url, headers, body: None, at_home: false })
    }
}

/// Why there was no answer.
fn unanswered(error: reqwest::Error) -> Failure {
    if let Some(refusal) = guard::refusal(&error) {
        return Failure::Final(refusal.of_call());
    }
    let unsent = error.is_connect();
    let builder = error.is_builder();
    let reason = redact::reason(error);
    if builder {
        return Failure::Final(Error::unexpected("request", reason));
    }
    let cause = if unsent { "could not be connected to" } else { "broke off" };
    Failure::Failed { cause: format!("{cause}: {reason}"), asked: None, unsent }
}

async fn receive(
    client: &Client,
    call: &Prepared,
    hop: &Hop,
    response: Response,
    deadline: Instant,
    token: Option<&SecretString>,
) -> Result<Received, Failure> {
    let (status, headers) = (response.status(), response.headers().clone());
    let budget = &client.transport().budget;
    if call.accepted.covers(status) {
        let (body, shares) =
            body::read(response, LARGEST, deadline, budget).await.map_err(|cut| match cut {
                Cut::TooLarge => {
                    let cause = format!("an answer of more than {} MiB", LARGEST >> 20);
                    Failure::Final(Error::unexpected(call.label(), cause))
                }
                Cut::Broken(error) => {
                    Failure::failed(format!("broke off its answer: {}", redact::reason(error)))
                }
                Cut::TimedOut => Failure::failed("did not end its answer in time"),
            })?;
        if let Some(failure) = error_in_ok(client, call, status, &headers, &body) {
            return Err(failure);
        }
        return Ok(Received { status, headers, body, _shares: shares });
    }
    // What cannot be read of a refusal is no reason to forget its status.
    let answer = match body::read(response, LARGEST_FAULT, deadline, budget).await {
        Ok((body, _)) => serde_json::from_slice(&body).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    let said = redact::fault(&answer, token.map(ExposeSecret::expose_secret));
    tracing::debug!(said, "the service refused the call");
    client.of().meter.refused(status.as_u16());
    let label = call.label();
    if status == StatusCode::UNAUTHORIZED && !hop.at_home {
        let cause = "redirected to another host, which asks for credentials";
        return Err(Failure::Final(Error::unexpected(label, cause)));
    }
    Err(judge(&client.of().policy, &label, status, &headers, &answer, client.now()))
}

/// What an answer of a vendor that reports errors in such says went wrong.
fn error_in_ok(
    client: &Client,
    call: &Prepared,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Failure> {
    if !call.errors_in_ok || body.len() >= LARGEST_ERROR_IN_OK {
        return None;
    }
    let answer: Value = serde_json::from_slice(body).ok()?;
    let policy = &client.of().policy;
    (policy.fault)(status.as_u16(), &answer)?;
    Some(judge(policy, &call.label(), status, headers, &answer, client.now()))
}
