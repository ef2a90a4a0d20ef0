//! What Meta's services share: tokens that renew themselves or not at all, since none of them gives a refresh token.
//!
//! Facts: Meta for Developers, "Get long-lived tokens"; "Instagram API with Instagram Login"; "Threads API: long-lived
//! tokens".

pub mod facebook;
pub mod instagram;
pub mod threads;
pub mod whatsapp_business;

use crate::provider::spec::{OAuth2, Pkce, Refresh};

/// Consent and code exchange of all three logins. Each has an app id and a secret of its own.
const OAUTH: OAuth2 =
    OAuth2 { scope_separator: ",", pkce: Pkce::None, refresh: LASTING, ..OAuth2::BASE };

/// The token that the exchange gives: 60 days, less a little.
const LASTING: Refresh = Refresh { access_token_seconds: Some(5_183_944), ..Refresh::BASE };

/// The lasting token as Instagram and Threads have it: it renews itself while it lives, once it is a day old.
const RENEWS_ITSELF: Refresh = Refresh { method: "GET", min_age_seconds: Some(86_400), ..LASTING };
