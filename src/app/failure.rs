//! Why an attempt to link an account failed, for the page that shows it and for whoever waits for it.

use super::Error;
use crate::{error::Error as VendorError, oauth, provider::Spec};

/// Why an attempt failed: a word for programs and part of a sentence for people. Neither holds a text of the vendor's.
pub(super) struct Failure {
    pub word: &'static str,
    pub sentence: String,
}

impl Failure {
    /// The vendor's answer is none.
    pub(super) fn vendor(spec: &Spec, what: &str) -> Self {
        Self { word: "vendor_error", sentence: format!("{} came back with {what}", spec.name) }
    }

    /// The vendor's page came back with an error.
    pub(super) fn said(spec: &Spec, word: &str) -> Self {
        let name = spec.name;
        let (kind, sentence) = match word {
            "access_denied"
            | "user_denied"
            | "user_cancelled_login"
            | "user_cancelled_authorize"
            | "consent_required"
            | "login_required"
            | "interaction_required" => {
                ("access_denied", format!("{name} was not given the permission"))
            }
            "temporarily_unavailable" | "server_error" => {
                ("unavailable", format!("{name} is out of order just now ({word})"))
            }
            "invalid_scope" => (
                "vendor_error",
                format!(
                    "{name} does not let the app ask for these permissions ({word}): add them to the app there"
                ),
            ),
            "unauthorized_client"
            | "invalid_client"
            | "redirect_uri_mismatch"
            | "invalid_redirect_uri"
            | "bad_redirect_uri"
            | "admin_policy_enforced"
            | "org_internal"
            | "unsupported_response_type" => (
                "app_refused",
                format!(
                    "{name} does not accept the app ({word}): check how it is registered there"
                ),
            ),
            other if is_word(other) => {
                ("vendor_error", format!("{name} came back with the error {other}"))
            }
            _ => ("vendor_error", format!("{name} came back with an error")),
        };
        Self { word: kind, sentence }
    }

    pub(super) fn of_exchange(spec: &Spec, error: oauth::RefreshError) -> Self {
        match error {
            oauth::RefreshError::Reconnect(why) => Self { word: "code_refused", sentence: why },
            refused @ oauth::RefreshError::App { .. } => {
                Self { word: "app_refused", sentence: refused.to_string() }
            }
            oauth::RefreshError::Failed(error) => Self::of(spec, &Error::Vendor(error)),
        }
    }

    pub(super) fn of(spec: &Spec, error: &Error) -> Self {
        let name = spec.name;
        let (word, sentence) = match error {
            Error::Vendor(VendorError::Unavailable(_) | VendorError::RateLimited(_)) => {
                ("unavailable", format!("{name} could not be reached, or did not answer in time"))
            }
            Error::Vendor(VendorError::Forbidden(what)) => {
                ("forbidden", format!("{name} does not permit it: {what}"))
            }
            Error::Vendor(VendorError::Reconnect(why)) => ("code_refused", why.clone()),
            Error::Vendor(VendorError::Unexpected { at, cause }) => {
                ("vendor_error", format!("{name} answered something unexpected at {at} ({cause})"))
            }
            Error::Vendor(VendorError::NotFound) => {
                ("vendor_error", format!("{name} has no such account"))
            }
            Error::OtherAccount { given, found } => (
                "other_account",
                format!("you signed in as {found}, and {given} was to be linked again"),
            ),
            Error::Invalid { .. } | Error::Vendor(_) => ("invalid", error.to_string()),
            _ => ("internal", error.to_string()),
        };
        Self { word, sentence }
    }
}

/// Whether a text is a word of the kind that errors are named by, and nothing that could be a message or a secret.
fn is_word(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c == '_' || c == '-';
    (1..=40).contains(&text.len()) && text.chars().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    static SPEC: Spec = Spec { id: "x", name: "Example", ..Spec::BASE };

    #[test]
    fn a_vendors_text_is_not_repeated_unless_it_is_a_word() {
        let said = |word: &str| Failure::said(&SPEC, word);
        assert_eq!(said("access_denied").word, "access_denied");
        assert!(said("odd_error").sentence.ends_with("the error odd_error"));
        for text in ["<script>", "Call 555-1234 now", "hush", &"a".repeat(41)] {
            let sentence = said(text).sentence;
            assert!(!sentence.contains(text) || is_word(text), "{sentence}");
        }
        assert!(!said("<b>hush</b>").sentence.contains("hush"));
    }

    #[test]
    fn an_account_other_than_last_time_is_told_with_both_names() {
        let error =
            Error::OtherAccount { given: "ann@example.com".into(), found: "bob@x.y".into() };
        let Failure { word, sentence } = Failure::of(&SPEC, &error);
        assert_eq!(word, "other_account");
        assert!(sentence.contains("ann@example.com") && sentence.contains("bob@x.y"));
    }
}
