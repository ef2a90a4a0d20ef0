//! An attempt to link an account as its pages show it, and the browser that it is shown to.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{Result, addresses, connectors::shown, core::Core, entry};
use crate::{
    config::Settings as Config,
    ids::{AttemptId, OwnerId},
    provider::{Settings, Spec, spec::Field},
    run::AttemptStatus,
    store::{Attempt, Hash},
};

/// What a browser keeps to be known again: 256 random bits as text.
#[derive(Clone)]
pub struct Cookie(SecretString);

impl Cookie {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).into())
    }

    /// One that a browser sent; `None` for what is none.
    pub fn read(text: &str) -> Option<Self> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        (text.len() == 43 && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// What the browser is sent.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What proves that a form came from a page that this browser was shown.
    pub fn form_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("form {}", self.expose())))
    }

    pub(super) fn hash(&self) -> Hash {
        Sha256::digest(self.expose()).into()
    }
}

/// How an account is linked in a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By consent at the vendor.
    Consent,
    /// By filling in the declared fields.
    Form,
}

/// Whose an attempt is, among browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    /// No browser has gone on yet.
    Any,
    /// This one has.
    This,
    /// Another one has.
    Other,
}

/// An attempt as its pages show it.
pub struct Visit {
    pub(super) attempt: Attempt,
    pub(super) spec: &'static Spec,
    relinked: Option<String>,
    linked: Option<String>,
    webhook: Option<String>,
}

impl Visit {
    /// Its id.
    pub fn id(&self) -> &AttemptId {
        &self.attempt.id
    }

    /// Whose it is.
    pub fn owner(&self) -> &OwnerId {
        &self.attempt.owner
    }

    /// The provider.
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// Where it stands.
    pub fn status(&self) -> AttemptStatus {
        self.attempt.status
    }

    /// How the account is linked.
    pub fn way(&self) -> Way {
        if self.attempt.redirect_uri.is_some() { Way::Consent } else { Way::Form }
    }

    /// Scheme, host and port of its pages.
    pub fn origin(&self) -> &str {
        &self.attempt.origin
    }

    /// Where the person goes in the end.
    pub fn redirect_to(&self) -> Option<Url> {
        self.attempt.redirect_to.as_deref().and_then(|url| Url::parse(url).ok())
    }

    /// The settings so far.
    pub fn settings(&self) -> &Settings {
        &self.attempt.settings
    }

    /// What the person calls the account.
    pub fn label(&self) -> Option<&str> {
        Some(self.attempt.account_label.as_str()).filter(|label| !label.is_empty())
    }

    /// The account that is to be linked again.
    pub fn relinked(&self) -> Option<&str> {
        self.relinked.as_deref()
    }

    /// The account that was linked.
    pub fn linked(&self) -> Option<&str> {
        self.linked.as_deref()
    }

    /// The address to enter at the vendor, once an account is linked whose data comes by webhook.
    pub fn webhook(&self) -> Option<&str> {
        self.webhook.as_deref()
    }

    /// Why it failed: a word, and a sentence.
    pub fn failure(&self) -> Option<(&str, &str)> {
        Some((self.attempt.reason.as_deref()?, self.attempt.problem.as_deref()?))
    }

    /// Seconds that are left.
    pub fn seconds_left(&self) -> i64 {
        let left = self.attempt.expires_at.duration_since(jiff::Timestamp::now());
        left.as_secs().max(0)
    }

    /// Whether the code that came back is being exchanged.
    pub fn is_being_finished(&self) -> bool {
        self.attempt.status == AttemptStatus::Opened && self.attempt.state_used
    }

    /// Whether it is this browser that went on.
    pub fn browser(&self, cookie: Option<&Cookie>) -> Browser {
        match (&self.attempt.cookie_hash, cookie) {
            (None, _) => Browser::Any,
            (Some(known), Some(cookie)) if *known == cookie.hash() => Browser::This,
            (Some(_), _) => Browser::Other,
        }
    }

    /// What a person may set on its page beside the credentials: the vendor's settings, but for those that it answers with
    /// the tokens.
    pub fn asked_settings(&self, way: Way) -> impl Iterator<Item = &'static Field> {
        let spec = self.spec;
        let answered = match way {
            Way::Consent => spec.oauth.as_ref().map_or(&[][..], |oauth| oauth.answer_settings),
            Way::Form => &[],
        };
        spec.fields.iter().filter(move |field| !field.secret && !answered.contains(&field.name))
    }
}

/// What the pages show of an attempt.
pub(super) async fn visit(core: &Core, settings: &Config, attempt: Attempt) -> Result<Visit> {
    let spec = entry(&attempt.provider)?.spec();
    let account = async |id| -> Result<Option<String>> {
        let Some(id) = id else { return Ok(None) };
        let connector = core.store().connector(&attempt.owner, id).await?;
        Ok(connector.as_ref().map(|connector| shown(connector).to_owned()))
    };
    let (relinked, linked) = (account(attempt.relinks).await?, account(attempt.connector).await?);
    let webhook = attempt.connector.and_then(|id| addresses::webhook(settings, spec.id, id));
    Ok(Visit { attempt, spec, relinked, linked, webhook })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_taken_back_and_nothing_else_is_taken_for_one() {
        let cookie = Cookie::generate();
        let read = Cookie::read(cookie.expose()).unwrap();
        assert_eq!(read.hash(), cookie.hash());
        assert_ne!(cookie.form_token(), Cookie::generate().form_token());
        assert_ne!(cookie.form_token(), cookie.expose());
        for bad in ["", "a", &"a".repeat(44), &format!("{};", "a".repeat(42))] {
            assert!(Cookie::read(bad).is_none(), "{bad}");
        }
    }
}
