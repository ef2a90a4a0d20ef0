//! HTML that cannot be broken out of: every text is escaped, every page comes with the headers that keep it to itself.

use std::{fmt, sync::LazyLock};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// The pages' only style.
const STYLE: &str = include_str!("style.css");

/// A box that takes something in.
const LOGO: &str = "<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" \
    stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\">\
    <path d=\"M12 3v11m-4-4 4 4 4-4M4 14v6h16v-6\"/></svg>";

/// Allows the style by what it is, so that no other gets in.
static STYLE_SOURCE: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE))));

/// A text in a page: whatever it holds is shown as it is.
pub(super) struct Text<T>(pub T);

impl<T: fmt::Display> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escaped<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl fmt::Write for Escaped<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for c in text.chars() {
                    match c {
                        '&' => self.0.write_str("&amp;")?,
                        '<' => self.0.write_str("&lt;")?,
                        '>' => self.0.write_str("&gt;")?,
                        '"' => self.0.write_str("&quot;")?,
                        '\'' => self.0.write_str("&#39;")?,
                        c if c.is_control() && c != '\n' => {}
                        c => fmt::Write::write_char(self.0, c)?,
                    }
                }
                Ok(())
            }
        }
        use fmt::Write as _;
        write!(Escaped(f), "{}", self.0)
    }
}

/// A page that is put together: its body is HTML already.
pub(super) struct Page {
    /// Its status.
    pub status: StatusCode,
    /// In the window's title.
    pub title: String,
    /// What it shows.
    pub body: String,
    /// Where its forms may lead, redirects included, as sources of a content security policy.
    pub form_action: String,
    /// Whether the browser asks again in two seconds.
    pub refreshes: bool,
}

impl Page {
    /// A page without forms.
    pub fn new(status: StatusCode, title: impl Into<String>, body: String) -> Self {
        let form_action = "'none'".to_owned();
        Self { status, title: title.into(), body, form_action, refreshes: false }
    }

    /// The answer: never kept, never framed, without scripts, and telling nobody where its links come from.
    pub fn answer(self) -> Response<Body> {
        let refresh =
            if self.refreshes { "<meta http-equiv=\"refresh\" content=\"2\">" } else { "" };
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{refresh}\
             <meta name=\"robots\" content=\"noindex\">\n<title>{title} · Neotoma</title>\n<style>{STYLE}</style>\n\
             </head>\n<body>\n<main>\n<header>{LOGO}<span>Neotoma importers</span></header>\n{body}\n</main>\n</body>\n\
             </html>\n",
            title = Text(&self.title),
            body = self.body,
        );
        let policy = format!(
            "default-src 'none'; style-src {}; form-action {}; base-uri 'none'; frame-ancestors 'none'",
            *STYLE_SOURCE, self.form_action
        );
        let mut response = Response::new(Body::from(html));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        guarded(response)
    }
}

/// With the headers that every answer of ours has.
pub(super) fn guarded(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Sends the browser on with a GET.
pub(super) fn see_other(to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    match HeaderValue::try_from(to) {
        Ok(location) => {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(header::LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    guarded(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_its_place() {
        let shown = Text("<img src=x onerror=\"alert('1')\">&amp;\u{0}").to_string();
        assert_eq!(shown, "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;");
    }

    #[test]
    fn a_page_is_neither_kept_nor_framed_and_runs_no_script() {
        let answer = Page::new(StatusCode::OK, "a<b", String::new()).answer();
        let of = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let policy = of("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(of("cache-control"), "no-store");
        assert_eq!(of("referrer-policy"), "no-referrer");
    }
}
