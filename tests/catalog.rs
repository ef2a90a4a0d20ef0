//! The catalog of services, held against the product's table, against itself, and, where a checkout has them, against the
//! vendors' own facts.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail by it"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use neotoma_importers::{
    error::Error,
    provider::{
        LinkInput, Settings, Spec, link,
        spec::{ClientAuth, Exchange, Field, OAuth2, Params, Pkce, Refresh, Revoke, Webhooks},
    },
    providers::{ALL, find, nearest},
};
use serde_json::{Value, json};

/// Rank, id, name, `provider_type`, record types, capabilities.
type Row = (u8, &'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const TABLE: [Row; 47] = [
    (1, "x", "X / Twitter", "social", "message, media_asset", "Tweets, quoted threads, media metrics"),
    (2, "facebook", "Facebook", "social", "message, media_asset", "Page/user feed posts, stories, attachments"),
    (3, "instagram", "Instagram", "social", "media_asset", "Photos, reels, captions, engagement"),
    (4, "linkedin", "LinkedIn", "social", "message", "Company/user posts, comments"),
    (5, "tiktok", "TikTok", "social", "media_asset", "Videos, likes, shares"),
    (6, "snapchat", "Snapchat", "social", "media_asset, message", "Stories, Spotlight"),
    (7, "youtube", "YouTube", "social", "media_asset", "Videos, playlists, stats"),
    (8, "pinterest", "Pinterest", "social", "media_asset", "Pins, boards"),
    (9, "reddit", "Reddit", "social", "message", "Posts, comments"),
    (10, "tumblr", "Tumblr", "social", "note, media_asset", "Blog posts"),
    (11, "threads", "Threads", "social", "message", "Threads posts/replies"),
    (12, "discord", "Discord", "social", "message", "Guild/channel messages"),
    (13, "telegram", "Telegram", "social", "message", "Channel updates, chats"),
    (14, "whatsapp-business", "WhatsApp Business", "social", "message", "Conversations"),
    (15, "wechat", "WeChat", "social", "message", "Official account broadcasts"),
    (16, "line", "Line", "social", "message", "Channel conversations"),
    (17, "gmail", "Gmail", "productivity", "message", "Emails, labels, snippet"),
    (18, "outlook", "Outlook", "productivity", "message", "Exchange mail"),
    (19, "microsoft-teams", "Microsoft Teams", "productivity", "message", "Channel chats"),
    (20, "slack", "Slack", "productivity", "message", "Workspace channels/DMs"),
    (21, "notion", "Notion", "productivity", "note, task", "Pages, databases"),
    (22, "asana", "Asana", "productivity", "task", "Tasks, projects"),
    (23, "trello", "Trello", "productivity", "task", "Cards, boards"),
    (24, "monday", "Monday.com", "productivity", "task", "Items, boards"),
    (25, "clickup", "ClickUp", "productivity", "task", "Tasks, docs"),
    (26, "jira", "Jira", "productivity", "task", "Issues, sprints"),
    (27, "linear", "Linear", "productivity", "task", "Issues, cycles"),
    (28, "basecamp", "Basecamp", "productivity", "task, message", "To-dos, message boards"),
    (29, "airtable", "Airtable", "productivity", "note", "Rows/records"),
    (30, "google-drive", "Google Drive", "productivity", "media_asset", "Files, revisions"),
    (31, "onedrive", "OneDrive", "productivity", "media_asset", "Files, sharing metadata"),
    (32, "box", "Box", "productivity", "media_asset", "Files, comments"),
    (33, "dropbox", "Dropbox", "productivity", "media_asset", "Files, revisions"),
    (34, "evernote", "Evernote", "productivity", "note", "Notes, notebooks"),
    (35, "confluence", "Confluence", "productivity", "note", "Pages, spaces"),
    (36, "salesforce", "Salesforce", "productivity", "note, task", "Leads, activities"),
    (37, "hubspot", "HubSpot", "productivity", "note, task", "Deals, engagements"),
    (38, "zendesk", "Zendesk", "productivity", "task", "Tickets, comments"),
    (39, "intercom", "Intercom", "productivity", "message, task", "Conversations, tickets"),
    (40, "front", "Front", "productivity", "message", "Shared inbox threads"),
    (41, "calendly", "Calendly", "productivity", "event", "Scheduling webhooks"),
    (42, "google-calendar", "Google Calendar", "productivity", "event", "Calendars, attendees"),
    (43, "apple-calendar", "Apple Calendar", "productivity", "event", "CalDAV events"),
    (44, "zoom", "Zoom", "productivity", "event, media_asset", "Meetings, recordings"),
    (45, "google-meet", "Google Meet", "productivity", "event, media_asset", "Meetings, recordings"),
    (46, "microsoft-graph", "Microsoft Graph", "productivity", "event, task", "Outlook calendar/tasks"),
    (47, "todoist", "Todoist", "productivity", "task", "Tasks, sections"),];

/// Settings that every service takes: no field may have such a name.
const COMMON: [&str; 5] = ["label", "include", "exclude", "since", "bodies"];

/// What may stand in the values of OAuth parameters.
const FILLED_IN: [&str; 4] = ["client_id", "client_secret", "access_token", "refresh_token"];

fn specs() -> impl Iterator<Item = &'static Spec> {
    ALL.iter().map(|provider| provider.spec())
}

fn setting(spec: &Spec, name: &str) -> &'static Field {
    let field = spec.field(name).unwrap_or_else(|| panic!("{}: no field {name}", spec.id));
    assert!(!field.secret, "{}: {name} is a secret and stands in an address", spec.id);
    field
}

/// The names in braces.
fn placeholders(template: &str) -> Vec<&str> {
    let parts = template.split('{').skip(1);
    parts.map(|part| part.split_once('}').expect("a brace that is closed").0).collect()
}

/// With every `{name}` that has a default replaced by it, as for somebody who gives nothing.
fn by_default(spec: &Spec, template: &str) -> String {
    let filled = spec.fields.iter().filter(|field| !field.default.is_empty());
    filled.fold(template.to_owned(), |text, field| {
        text.replace(&format!("{{{}}}", field.name), field.default)
    })
}

#[test]
fn the_catalog_is_the_products_table() {
    let rows: Vec<_> = specs()
        .map(|spec| {
            let kinds: Vec<_> = spec.kinds.iter().map(|kind| kind.as_str()).collect();
            let category = spec.category.as_str().to_owned();
            let capabilities = spec.capabilities.join(", ");
            (spec.rank, spec.id, spec.name, category, kinds.join(", "), capabilities)
        })
        .collect();
    let table = TABLE.map(|(rank, id, name, category, kinds, capabilities)| {
        (rank, id, name, category.to_owned(), kinds.to_owned(), capabilities.to_owned())
    });
    assert_eq!(rows, table);
}

#[test]
fn ranks_run_from_1_to_47_and_each_id_finds_its_own_entry() {
    for (rank, entry) in (1..=47).zip(ALL) {
        let spec = entry.spec();
        assert_eq!(spec.rank, rank);
        assert_eq!(find(spec.id).unwrap().spec().rank, rank, "{}", spec.id);
        assert_eq!(nearest(spec.id).first(), Some(&spec.id));
        assert_eq!(nearest(spec.name).first(), Some(&spec.id), "{}", spec.name);
        for alias in spec.aliases {
            assert_eq!(nearest(alias).first(), Some(&spec.id), "{alias}");
        }
    }
    assert_eq!(ALL.len(), 47);
}

#[test]
fn every_service_says_where_to_find_what_it_takes() {
    for spec in specs() {
        assert!((20..=300).contains(&spec.help.len()), "{}: help of {}", spec.id, spec.help.len());
        for field in spec.fields {
            let of = format!("{}.{}", spec.id, field.name);
            assert!(!field.label.is_empty(), "{of} has no label");
            assert!((10..=200).contains(&field.help.len()), "{of}: help of {}", field.help.len());
            assert!(field.help.ends_with('.'), "{of}");
        }
    }
}

#[test]
fn every_service_can_be_linked_by_each_of_its_ways_and_not_with_less() {
    for spec in specs() {
        for way in spec.ways() {
            let secret = |name: &&str| spec.field(name).is_some_and(|field| field.secret);
            assert!(way.iter().any(secret), "{}: {way:?} has no secret", spec.id);
            spec.check_link(way.iter().copied()).unwrap();
            for missing in &way {
                let rest = way.iter().filter(|name| *name != missing).copied();
                assert!(spec.check_link(rest).is_err(), "{}: {way:?} without {missing}", spec.id);
            }
        }
        if spec.oauth.is_some() {
            let by_oauth = |way: &Vec<_>| way.contains(&"access_token");
            assert!(spec.ways().iter().any(by_oauth), "{}: no way by OAuth", spec.id);
        }
    }
}

#[test]
fn fields_are_named_once_and_hold_together() {
    for spec in specs() {
        let mut names = BTreeSet::new();
        for field in spec.fields {
            let of = format!("{}.{}", spec.id, field.name);
            assert!(names.insert(field.name), "{of} is there twice");
            let snake = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            assert!(!field.name.is_empty() && field.name.chars().all(snake), "{of}");
            assert!(!COMMON.contains(&field.name), "{of} is a common setting");
            assert!(!(field.secret && field.list), "{of} is a list of secrets");
            assert!(!(field.secret && field.selects_account), "{of} would show a secret");
            assert!(!(field.secret && field.bears_host), "{of} would show a secret");
            assert!(!(field.list && field.bears_host), "{of}");
            assert!(!field.required || field.default.is_empty(), "{of} needs no default");
            let everywhere = spec.ways().iter().all(|way| way.contains(&field.name));
            assert_eq!(field.required, everywhere, "{of}: required, or part of every way");
        }
        for name in spec.ways().iter().flatten() {
            assert!(names.contains(name), "{}: the way by {name} is no field", spec.id);
        }
    }
}

#[test]
fn every_pattern_takes_its_example_and_its_default() {
    for spec in specs() {
        for field in spec.fields {
            for value in [field.example, field.default].into_iter().filter(|v| !v.is_empty()) {
                field.check(value).unwrap_or_else(|error| panic!("{}: {error}", spec.id));
            }
            // An expression that does not compile takes nothing, and says that it is ours to mend.
            let refused = field.check("\u{0}").err();
            assert!(!matches!(refused, Some(Error::Unexpected { .. })), "{}: {refused:?}", spec.id);
            assert_eq!(field.pattern.is_empty(), refused.is_none(), "{}.{}", spec.id, field.name);
            if field.bears_host {
                assert!(!field.pattern.is_empty(), "{}: any {} is an address", spec.id, field.name);
            }
        }
    }
}

#[test]
fn hosts_are_names_and_what_fills_them_bears_a_host() {
    for spec in specs() {
        assert!(!spec.hosts.is_empty(), "{} is called nowhere", spec.id);
        for host in spec.hosts {
            for name in placeholders(host) {
                assert!(setting(spec, name).bears_host, "{}: {name} bears a host", spec.id);
            }
            let (open, close) = (host.matches('{').count(), host.matches('}').count());
            assert_eq!(open, close, "{}: {host}", spec.id);
            if open == 0 {
                let name = host.strip_prefix("*.").unwrap_or(host);
                let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
                assert!(name.contains('.'), "{}: {host}", spec.id);
                assert!(
                    name.chars().all(|l| plain(l) || l == '.' || l == '-'),
                    "{}: {host}",
                    spec.id
                );
            }
        }
    }
}

#[test]
fn credentials_of_a_tenant_go_to_no_other() {
    let hosts = |id: &str, settings: Value| {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        find(id).unwrap().spec().hosts_for(&settings)
    };
    assert_eq!(hosts("gmail", json!({})), ["gmail.googleapis.com"]);
    assert_eq!(hosts("zendesk", json!({"subdomain": "acme"})), ["acme.zendesk.com"]);
    assert_eq!(hosts("jira", json!({"cloud_id": "1"})), ["api.atlassian.com"]);
    assert_eq!(hosts("jira", json!({"site": "Acme"})), ["acme.atlassian.net"]);
    assert_eq!(
        hosts("salesforce", json!({"instance_url": "https://acme.my.salesforce.com/"})),
        ["acme.my.salesforce.com"]
    );
    assert!(
        hosts("salesforce", json!({"instance_url": "https://my.salesforce.com.evil.test"}))
            .is_empty()
    );
    assert_eq!(hosts("apple-calendar", json!({})), ["*.icloud.com"]);
    assert_eq!(
        hosts("apple-calendar", json!({"server_url": "https://dav.example.org/me"})),
        ["dav.example.org"]
    );
    assert_eq!(hosts("evernote", json!({})).len(), 3);
}

#[test]
fn oauth_addresses_are_https_and_filled_by_settings_that_are_there() {
    for (spec, oauth) in specs().filter_map(|spec| Some((spec, spec.oauth.as_ref()?))) {
        let exchange = oauth.exchange.as_ref();
        let addresses = [Some(oauth.authorization_url), Some(oauth.token_url)]
            .into_iter()
            .chain([oauth.revoke_url, oauth.userinfo_url, oauth.resources_url, oauth.refresh.url])
            .chain([exchange.map(|exchange| exchange.url)])
            .flatten();
        for address in addresses {
            for name in placeholders(address) {
                let field = setting(spec, name);
                assert!(field.bears_host, "{}: {name} bears a host", spec.id);
                assert!(field.required || !field.default.is_empty(), "{}: {name}", spec.id);
            }
            let samples = spec.fields.iter().filter(|field| !field.example.is_empty());
            let settings: Settings =
                samples.map(|field| (field.name.to_owned(), field.example.into())).collect();
            let filled = oauth.address(spec, address, &settings).unwrap();
            let url = url::Url::parse(&filled).unwrap();
            assert_eq!(url.scheme(), "https", "{}: {filled}", spec.id);
            assert!(url.host_str().unwrap().contains('.'), "{}: {filled}", spec.id);
            assert!(url.username().is_empty() && url.fragment().is_none(), "{}: {filled}", spec.id);
        }
        for setting in oauth.answer_settings {
            assert!(self::setting(spec, setting).bears_host, "{}: {setting}", spec.id);
        }
        for region in oauth.regions {
            self::setting(spec, region.setting).check(region.value).unwrap();
        }
    }
}

#[test]
fn oauth_definitions_hold_together() {
    for (spec, oauth) in specs().filter_map(|spec| Some((spec, spec.oauth.as_ref()?))) {
        let letter = |letter: char| letter.is_ascii_lowercase() || letter == '-';
        assert!(!oauth.app.is_empty() && oauth.app.chars().all(letter), "{}", spec.id);
        assert!([" ", ","].contains(&oauth.scope_separator), "{}", spec.id);
        let of_exchange = oauth.exchange.as_ref().map_or(&[] as Params, |exchange| exchange.params);
        let all = [oauth.authorize_params, oauth.token_params, oauth.refresh.params, of_exchange];
        for (name, value) in all.into_iter().flatten() {
            assert!(!name.is_empty() && !value.is_empty(), "{}: {name}", spec.id);
            for filled in placeholders(value) {
                assert!(FILLED_IN.contains(&filled), "{}: {{{filled}}}", spec.id);
            }
        }
        for method in [Some(oauth.refresh.method), oauth.exchange.as_ref().map(|e| e.method)] {
            assert!(method.is_none_or(|method| ["GET", "POST"].contains(&method)), "{}", spec.id);
        }
        if oauth.revoke != OAuth2::BASE.revoke {
            assert!(oauth.revoke_url.is_some(), "{} revokes nowhere", spec.id);
        }
        if let Revoke::Bearer(method) = oauth.revoke {
            assert!(["POST", "DELETE"].contains(&method), "{}", spec.id);
        }
    }
}

#[test]
fn an_app_that_serves_several_services_is_the_same_for_all_of_them() {
    let mut apps: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for oauth in specs().filter_map(|spec| spec.oauth.as_ref()) {
        let of = (oauth.authorization_url, oauth.token_url);
        assert_eq!(*apps.entry(oauth.app).or_insert(of), of, "{}", oauth.app);
    }
    let of_version = |one: bool| {
        let all = specs().filter_map(|spec| spec.oauth.as_ref());
        all.filter(|oauth| oauth.temporary_url.is_some() == one).count()
    };
    assert_eq!((of_version(false), of_version(true)), (39, 1), "OAuth 2.0, and 1.0a");
}

#[test]
fn only_the_two_services_without_any_listing_need_webhooks() {
    let need = specs().filter(|spec| spec.webhooks == Webhooks::Required).map(|spec| spec.id);
    assert_eq!(need.collect::<Vec<_>>(), ["whatsapp-business", "line"]);
    let confirming = specs().filter(|spec| spec.confirms_on_read).map(|spec| spec.id);
    assert_eq!(confirming.collect::<Vec<_>>(), ["telegram"]);
}

// ---- against the vendors' facts, where a checkout has them ----

/// The folder of the vendors' facts, which is there in development alone.
fn facts() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/providers");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: the vendors' files are not here");
    None
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn oauth_definitions_are_the_vendors_key_by_key() {
    let Some(facts) = facts() else { return };
    for spec in specs() {
        let theirs = read(&facts.join(spec.id).join("oauth.json"));
        match &spec.oauth {
            Some(oauth) if oauth.temporary_url.is_some() => {
                let theirs = &theirs["oauth1"];
                for (own, name) in [
                    (oauth.temporary_url, "request_token_url"),
                    (Some(oauth.authorization_url), "authorization_url"),
                    (Some(oauth.token_url), "access_token_url"),
                ] {
                    assert_eq!(own, theirs[name].as_str(), "{}", spec.id);
                }
            }
            Some(oauth) => assert_eq!(as_file(spec, oauth), as_stated(theirs), "{}", spec.id),
            None => assert_eq!(theirs["oauth"], false, "{}", spec.id),
        }
    }
}

/// The vendor's file without its prose, and with what is absent there spelled out.
fn as_stated(mut file: Value) -> Value {
    let object = file.as_object_mut().unwrap();
    object.remove("notes");
    let defaults = json!({
        "revoke_url": null, "userinfo_url": null, "resources_url": null, "exchange": null,
        "client_id_parameter": "client_id", "scope_parameter": "scope", "token_answer_path": "",
    });
    for (key, value) in defaults.as_object().unwrap() {
        object.entry(key).or_insert(value.clone());
    }
    for params in ["authorize_params", "token_params"] {
        for value in object[params].as_object_mut().unwrap().values_mut() {
            if value.is_number() {
                *value = value.to_string().into();
            }
        }
    }
    let refresh = object["refresh"].as_object_mut().unwrap();
    let defaults = json!({"method": "POST", "url": null, "params": {}, "min_age_seconds": null});
    for (key, value) in defaults.as_object().unwrap() {
        refresh.entry(key).or_insert(value.clone());
    }
    file
}

/// Our definition in the form of the vendor's file.
fn as_file(spec: &Spec, oauth: &OAuth2) -> Value {
    let url = |url: &str| by_default(spec, url);
    json!({
        "app": oauth.app,
        "authorization_url": url(oauth.authorization_url),
        "token_url": url(oauth.token_url),
        "revoke_url": oauth.revoke_url.map(url),
        "userinfo_url": oauth.userinfo_url.map(url),
        "resources_url": oauth.resources_url.map(url),
        "scopes": oauth.scopes,
        "scope_separator": oauth.scope_separator,
        "pkce": match oauth.pkce {
            Pkce::None => "none",
            Pkce::Supported => "supported",
            Pkce::Required => "required",
        },
        // The file says how the app proves itself, its prose whether the body is JSON.
        "client_auth": match oauth.client_auth {
            ClientAuth::Basic | ClientAuth::BasicJson => "basic",
            ClientAuth::Post | ClientAuth::Json => "post",
        },
        "authorize_params": params(oauth.authorize_params),
        "token_params": params(oauth.token_params),
        "refresh": refresh(&oauth.refresh),
        "exchange": oauth.exchange.as_ref().map(exchange),
        "client_id_parameter": oauth.client_id_parameter,
        "scope_parameter": oauth.scope_parameter,
        "token_answer_path": oauth.token_answer_path,
    })
}

fn params(params: Params) -> Value {
    params.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

fn refresh(refresh: &Refresh) -> Value {
    json!({
        "rotates": refresh.rotates,
        "access_token_seconds": refresh.access_token_seconds,
        "refresh_token_seconds": refresh.refresh_token_seconds,
        "method": refresh.method,
        "url": refresh.url,
        "params": params(refresh.params),
        "min_age_seconds": refresh.min_age_seconds,
    })
}

fn exchange(exchange: &Exchange) -> Value {
    json!({"method": exchange.method, "url": exchange.url, "params": params(exchange.params)})
}

#[test]
fn the_vendors_sample_links_are_taken() {
    let Some(facts) = facts() else { return };
    for spec in specs() {
        let expected = read(&facts.join(spec.id).join("expected.json"));
        let map = |key: &str| expected["link"][key].as_object().unwrap().clone();
        let secrets = link::seal(map("secrets")).unwrap();
        let read = LinkInput::read(spec, secrets, map("metadata"));
        let read = read.unwrap_or_else(|error| panic!("{}: {error}", spec.id));
        read.suffices(spec).unwrap_or_else(|error| panic!("{}: {error}", spec.id));
        let needs = expected["webhooks"].as_bool().unwrap_or(false);
        assert_eq!(spec.webhooks == Webhooks::Required, needs, "{}", spec.id);
    }
}

#[test]
fn the_hosts_that_the_vendors_descriptions_name_may_be_called() {
    let Some(facts) = facts() else { return };
    let mut named = 0;
    for spec in specs() {
        let folder = facts.join(spec.id);
        let Ok(text) = std::fs::read_to_string(folder.join("openapi.json")) else { continue };
        let description: Value = serde_json::from_str(&text).unwrap();
        let metadata = read(&folder.join("expected.json"))["link"]["metadata"].clone();
        let hosts = spec.hosts_for(&serde_json::from_value(metadata).unwrap());
        for server in description["servers"].as_array().unwrap() {
            let server =
                server["url"].as_str().unwrap().replace("https://{company}", "https://acme");
            let server = server.replace("https://{subdomain}", "https://acme");
            let url = url::Url::parse(&server).unwrap();
            // A tenant's own host is another test's; here stands what the vendor calls by name.
            let Some(host) = url.host_str().filter(|_| !server.contains("://{")) else { continue };
            let allowed = hosts.iter().any(|allowed| match allowed.strip_prefix('*') {
                Some(domain) => host.ends_with(domain),
                None => allowed == host,
            });
            assert!(allowed, "{}: {host} is not among {hosts:?}", spec.id);
            named += 1;
        }
    }
    assert!(named > 40, "{named} hosts were looked at");
}
