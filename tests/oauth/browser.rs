//! A browser: it keeps cookies, follows nothing by itself, and sends forms from the pages that it was shown.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use reqwest::{Client, Method, RequestBuilder, StatusCode, header};
use url::{Url, form_urlencoded};

pub struct Browser {
    http: Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// What came back.
#[derive(Debug)]
pub struct Shown {
    pub status: StatusCode,
    pub location: Option<String>,
    pub text: String,
    pub policy: String,
}

impl Shown {
    /// The page's heading.
    pub fn heading(&self) -> String {
        let start = self.text.find("<h1>").unwrap_or_else(|| panic!("no page: {self:?}")) + 4;
        self.text[start..].split("</h1>").next().unwrap().to_owned()
    }

    fn token(&self) -> String {
        let mark = "name=\"form_token\" value=\"";
        let start = self.text.find(mark).unwrap_or_else(|| panic!("no form: {self:?}"));
        self.text[start + mark.len()..].split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    pub fn new() -> Self {
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self { http, cookies: Mutex::default() }
    }

    pub async fn get(&self, url: &str) -> Shown {
        self.send(self.http.get(url)).await
    }

    /// Sends the form of a page to an address.
    pub async fn send_form(&self, page: &Shown, to: &str, fields: &[(&str, &str)]) -> Shown {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("form_token", &page.token());
        for (name, value) in fields {
            form.append_pair(&format!("field.{name}"), value);
        }
        let request = self.request(Method::POST, to).body(form.finish());
        self.send(request.header("sec-fetch-site", "same-origin").header("origin", "null")).await
    }

    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        let form = "application/x-www-form-urlencoded";
        self.http.request(method, url).header(header::CONTENT_TYPE, form)
    }

    /// Sends what a test has put together.
    pub async fn send(&self, request: RequestBuilder) -> Shown {
        let cookies: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(n, v)| format!("{n}={v}")).collect();
        let request = if cookies.is_empty() {
            request
        } else {
            request.header(header::COOKIE, cookies.join("; "))
        };
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
        }
        let of = |name| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(of(header::CACHE_CONTROL).as_deref(), Some("no-store"));
        assert_eq!(of(header::REFERRER_POLICY).as_deref(), Some("no-referrer"));
        let (status, location) = (response.status(), of(header::LOCATION));
        let policy = of(header::CONTENT_SECURITY_POLICY).unwrap_or_default();
        Shown { status, location, policy, text: response.text().await.unwrap() }
    }

    /// The values of its cookies.
    pub fn cookies(&self) -> Vec<String> {
        self.cookies.lock().unwrap().values().cloned().collect()
    }

    /// Opens the page of an attempt and goes on to the vendor: its address.
    pub async fn go_to_vendor(&self, page: &str, fields: &[(&str, &str)]) -> Url {
        let shown = self.get(page).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        let gone = self.send_form(&shown, page, fields).await;
        assert_eq!(gone.status, 303, "{}", gone.text);
        Url::parse(&gone.location.unwrap()).unwrap()
    }

    /// Comes back from the vendor as it sends a person back, and follows to the page that says how it went.
    pub async fn come_back(&self, vendor: &Url, answer: &[(&str, &str)]) -> Shown {
        let back = self.get(&callback(vendor, answer)).await;
        if back.status != 303 {
            return back;
        }
        let origin = Url::parse(&parameter(vendor, "redirect_uri")).unwrap();
        let next = origin.join(back.location.as_deref().unwrap()).unwrap();
        if next.origin() == origin.origin() { self.get(next.as_str()).await } else { back }
    }
}

/// A parameter of the vendor's address.
pub fn parameter(vendor: &Url, name: &str) -> String {
    let mut found = vendor.query_pairs().filter(|(known, _)| known == name);
    let value = found.next().unwrap_or_else(|| panic!("{name} is not in {vendor}")).1.into_owned();
    assert!(found.next().is_none(), "{name} is in {vendor} twice");
    value
}

/// Where the vendor sends a person back to.
pub fn callback(vendor: &Url, answer: &[(&str, &str)]) -> String {
    let mut url = Url::parse(&parameter(vendor, "redirect_uri")).unwrap();
    url.query_pairs_mut().extend_pairs(answer).append_pair("state", &parameter(vendor, "state"));
    url.into()
}
