//! Where the pages of an attempt to link an account are, and where a vendor sends people back to.

use url::Url;

use super::{Error, Result};
use crate::{
    config::{Settings, is_loopback},
    ids::ConnectorId,
    oauth::{App as OAuthApp, variables},
    provider::{Spec, spec::Webhooks},
    providers,
};

/// The loopback port where none is set.
const PORT: u16 = 8765;
/// Longest address that people may be sent to in the end.
const LONGEST: usize = 2_000;

/// The loopback port that vendors send people back to.
pub(super) fn port(settings: &Settings) -> u16 {
    settings.callback_port.unwrap_or(PORT)
}

/// Scheme, host and port of our pages: the public address, else the loopback one.
pub(super) fn origin(settings: &Settings) -> String {
    match &settings.public_url {
        Some(url) => url.origin().ascii_serialization(),
        None => format!("http://localhost:{}", port(settings)),
    }
}

/// The address that a vendor is to call for a connector: where its data comes by webhook, and this server has an address
/// that vendors can reach.
pub(super) fn webhook(settings: &Settings, provider: &str, id: ConnectorId) -> Option<String> {
    let spec = providers::find(provider)?.spec();
    let public = settings.public_url.as_ref().filter(|_| spec.webhooks == Webhooks::Required)?;
    let origin = public.origin().ascii_serialization();
    Some(format!("{origin}/import/{}/webhook/{id}", spec.id))
}

/// What is still to be done at a vendor whose data comes by webhook.
pub(super) fn webhook_note(spec: &Spec, address: Option<&str>) -> Option<String> {
    let name = spec.name;
    (spec.webhooks == Webhooks::Required).then(|| match address {
        Some(_) => format!("nothing comes before {name} is told to call webhook_url. {}", spec.help),
        None => format!(
            "nothing comes before {name} can call this server: run `neotoma serve --http` where it is reached by https, set \
             PUBLIC_URL to that address, and enter the connector's webhook_url at {name}"
        ),
    })
}

/// Whether pages at this address are served by the loopback listener, and not by the server at the public address.
pub(super) fn is_ours(settings: &Settings, origin: &str) -> bool {
    let public = settings.public_url.as_ref().map(|url| url.origin().ascii_serialization());
    public.as_deref() != Some(origin)
}

/// The usual place that a vendor sends people back to.
pub(super) fn usual(settings: &Settings, app: &str) -> String {
    format!("{}/oauth/{app}/callback", origin(settings))
}

/// Where the vendor sends people back to: as the app has it, else the usual place.
///
/// # Errors
/// `Invalid`, naming the variable that does not do.
pub(super) fn redirect_uri(settings: &Settings, spec: &Spec, app: &OAuthApp) -> Result<Url> {
    let oauth_needs_https = spec.oauth.as_ref().is_some_and(|oauth| oauth.https_redirect);
    let address = match &app.redirect_uri {
        Some(own) => {
            check_own(settings, app.id, own)?;
            own.clone()
        }
        None => Url::parse(&usual(settings, app.id))
            .map_err(|cause| Error::invalid("PUBLIC_URL", cause.to_string()))?,
    };
    if oauth_needs_https && address.scheme() != "https" {
        let problem = format!(
            "is needed: {} sends people back to https addresses alone; set it to the one at which `neotoma serve --http` \
             is reached, or call start_oauth with paste: true for a page that takes a token",
            spec.name
        );
        return Err(Error::invalid("PUBLIC_URL", problem));
    }
    Ok(address)
}

/// Whether a path is none of those that something else is served at.
pub(super) fn is_free(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    !["", "connect", "import", "mcp", "healthz", "readyz", "metrics"].contains(&first)
}

/// Somebody must be there where an app's own address leads.
fn check_own(settings: &Settings, app: &str, own: &Url) -> Result<()> {
    let [id, _] = variables(app);
    let name = id.replace("CLIENT_ID", "REDIRECT_URI");
    let at = own.origin().ascii_serialization();
    if !is_free(own.path()) {
        let problem = format!("leads to {}, where something else is: leave it out", own.path());
        return Err(Error::invalid(name, problem));
    }
    let public = settings.public_url.as_ref().map(|url| url.origin().ascii_serialization());
    if public.as_deref() == Some(at.as_str()) {
        return Ok(());
    }
    if !is_loopback(own) {
        let problem = format!("leads to {at}: set PUBLIC_URL to that, or leave it out");
        return Err(Error::invalid(name, problem));
    }
    let (theirs, ours) = (own.port_or_known_default(), port(settings));
    if own.scheme() != "http" || theirs != Some(ours) {
        let problem = format!(
            "leads to {at}, and people are awaited at http on port {ours}: make NEOTOMA_CALLBACK_PORT and it agree"
        );
        return Err(Error::invalid(name, problem));
    }
    Ok(())
}

/// An address that a person may be sent to in the end: one that is allowed, or lies below one that is.
///
/// # Errors
/// `Invalid` for every other.
pub(super) fn redirect_to(settings: &Settings, given: Option<&str>) -> Result<Option<Url>> {
    let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else {
        return Ok(None);
    };
    let wrong = |problem: &str| Error::invalid("redirect_to", problem);
    if given.len() > LONGEST {
        return Err(wrong("is longer than 2000 bytes"));
    }
    let url = Url::parse(given).map_err(|_| wrong("is not an address"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user name or a password"));
    }
    let covered = settings.allowed_redirects.iter().any(|allowed| {
        let below = allowed.path().trim_end_matches('/');
        let rest = url.path().strip_prefix(below);
        allowed.origin() == url.origin()
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if !covered {
        return Err(wrong(
            "is not among the addresses of NEOTOMA_ALLOWED_REDIRECTS; leave it out for a page that says how it went",
        ));
    }
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::spec::OAuth2;

    fn settings(public: Option<&str>) -> Settings {
        Settings {
            public_url: public.map(|url| url.parse().unwrap()),
            allowed_redirects: vec![
                "https://app.example.com/done".parse().unwrap(),
                "http://localhost:3000".parse().unwrap(),
            ],
            ..Settings::default()
        }
    }

    fn app(own: Option<&str>) -> OAuthApp {
        OAuthApp {
            id: "google",
            client_id: "id".into(),
            client_secret: "hush".into(),
            redirect_uri: own.map(|own| own.parse().unwrap()),
        }
    }

    fn back(public: Option<&str>, own: Option<&str>) -> Result<String> {
        let gmail = providers::find("gmail").unwrap().spec();
        redirect_uri(&settings(public), gmail, &app(own)).map(Into::into)
    }

    #[test]
    fn people_come_back_where_the_app_has_it_else_publicly_else_on_this_machine() {
        assert_eq!(back(None, None).unwrap(), "http://localhost:8765/oauth/google/callback");
        let public = Some("https://neotoma.example.com");
        assert_eq!(
            back(public, None).unwrap(),
            "https://neotoma.example.com/oauth/google/callback"
        );
        for own in ["http://127.0.0.1:8765/back", "https://neotoma.example.com/back"] {
            assert_eq!(back(public, Some(own)).unwrap(), own);
        }
    }

    #[test]
    fn an_address_at_which_nobody_waits_is_refused_by_its_variable() {
        for own in [
            "http://localhost:9999/back",
            "https://localhost:8765/back",
            "https://a.test/b",
            "http://localhost:8765/",
            "http://localhost:8765/connect/x",
        ] {
            let error = back(None, Some(own)).unwrap_err().to_string();
            assert!(error.starts_with("GOOGLE_OAUTH_REDIRECT_URI: leads to"), "{error}");
        }
    }

    #[test]
    fn a_vendor_that_insists_on_https_asks_for_the_public_address() {
        let strict =
            Spec { oauth: Some(OAuth2 { https_redirect: true, ..OAuth2::BASE }), ..Spec::BASE };
        let error = redirect_uri(&settings(None), &strict, &app(None)).unwrap_err().to_string();
        assert!(error.starts_with("PUBLIC_URL: is needed"), "{error}");
        let public = settings(Some("https://neotoma.example.com"));
        assert!(redirect_uri(&public, &strict, &app(None)).is_ok());
    }

    #[test]
    fn nobody_is_sent_to_an_address_that_is_not_allowed() {
        let to = |given| redirect_to(&settings(None), Some(given)).map(|url| url.map(String::from));
        for good in [
            "https://app.example.com/done",
            "https://app.example.com/done/now?x=1",
            "http://localhost:3000/anything",
        ] {
            assert_eq!(to(good).unwrap().as_deref(), Some(good));
        }
        for bad in [
            "https://app.example.com/",
            "https://app.example.com/done-not",
            "https://app.example.com/done/../other",
            "https://app.example.com.evil.test/done",
            "https://evil.test/done",
            "https://app.example.com@evil.test/done",
            "https://user@app.example.com/done",
            "http://app.example.com/done",
            "https://app.example.com:8443/done",
            "//app.example.com/done",
            "/done",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            assert!(to(bad).is_err(), "{bad}");
        }
        assert_eq!(to("").unwrap(), None);
    }
}
