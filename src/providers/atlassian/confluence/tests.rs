use serde_json::json;

use super::*;
use crate::{
    providers::testing::{self, Asked, Pass, Vendor},
    record::{Note, Properties},
};

fn page(id: u32, changed: &str) -> Value {
    json!({"id": id.to_string(), "status": "current", "title": "T", "spaceId": "9", "parentId": null,
        "authorId": "ada", "ownerId": null, "createdAt": "2026-01-01T00:00:00.000Z",
        "version": {"number": 2, "createdAt": changed}, "body": {"storage": {"value": "<p>Hi</p>"}},
        "_links": {"webui": format!("/spaces/ENG/pages/{id}")}})
}

fn listed(results: &[Value], next: Option<&str>) -> (u16, Value) {
    let next = next.map(|cursor| format!("/wiki/api/v2/pages?cursor={cursor}&limit=250"));
    (
        200,
        json!({"results": results, "_links": {"base": "https://acme.atlassian.net/wiki", "next": next}}),
    )
}

async fn vendor(script: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Confluence, move |asked| {
        match asked.path.split_once("/ex/confluence/1-a/wiki/api/v2/") {
            None => {
                (200, json!([{"id": "1-a", "name": "acme", "url": "https://acme.atlassian.net"}]))
            }
            Some((_, "spaces")) => (200, json!({"results": [{"id": "9", "name": "Engineering"}]})),
            Some((_, "users-bulk")) => {
                (200, json!({"results": [{"accountId": "ada", "displayName": "Ada", "email": ""}]}))
            }
            Some((_, "pages")) => script(asked),
            Some((_, other)) => panic!("nobody asks for {other}"),
        }
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<Pass<Cursor>> {
    testing::pass(&Confluence, &vendor.client(), &Feed::account(), cursor).await
}

fn known(at: &str) -> Cursor {
    Cursor { known: at.parse().ok(), newest: None, trash: false, next: None }
}

const OLD: &str = "2026-03-01T00:00:00Z";
const NEW: &str = "2026-03-20T08:00:00Z";

#[tokio::test]
async fn a_listing_follows_the_sites_own_addresses_and_ends_with_the_newest_version_of_its_beginning()
 {
    let vendor = vendor(|asked| match (asked.get("sort"), asked.get("cursor")) {
        (Some("-modified-date"), _) => listed(&[page(2, NEW)], Some("unread")),
        (Some("id"), None) => listed(&[page(1, OLD), json!({"id": 5})], Some("c")),
        (_, Some("c")) => listed(&[page(2, "2026-04-01T00:00:00Z")], None),
        other => panic!("{other:?}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["1", "2"], 1));
    assert_eq!(pass.end, Next::Resume(known(NEW)));
    let Properties::Note(note) = &pass.records[0].properties else { panic!("a note") };
    let Note { content, workspace, author, version, url, .. } = &**note;
    assert_eq!(content.as_deref(), Some("Hi"));
    assert_eq!(workspace.as_ref().and_then(|it| it.name.as_deref()), Some("Engineering"));
    let author = author.clone().unwrap();
    assert_eq!((author.name.as_deref(), author.email), (Some("Ada"), None));
    assert_eq!(version.as_deref(), Some("2"));
    assert_eq!(url.as_deref(), Some("https://acme.atlassian.net/wiki/spaces/ENG/pages/1"));
}

#[tokio::test]
async fn a_pass_ends_where_it_meets_what_is_known_and_removes_what_lies_in_the_trash() {
    let vendor = vendor(|asked| match (asked.get("status"), asked.get("sort")) {
        (Some("trashed"), _) => listed(&[page(7, OLD)], None),
        (_, Some("-modified-date")) => {
            listed(&[page(3, NEW), page(2, "2026-03-02T00:00:00Z"), page(1, OLD)], Some("more"))
        }
        other => panic!("{other:?}"),
    })
    .await;
    let pass = pass(&vendor, Some(known("2026-03-02T00:03:00Z"))).await.unwrap();
    assert_eq!((pass.ids(), pass.gone.clone()), (vec!["3", "2"], vec!["7".to_owned()]));
    assert_eq!(pass.end, Next::Resume(known(NEW)));
}

#[tokio::test]
async fn a_page_without_version_author_or_space_is_kept() {
    let vendor = vendor(|asked| match asked.get("status") {
        Some("trashed") => listed(&[], None),
        _ => listed(&[json!({"id": "1", "title": null, "status": "draft?"})], None),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["1"]);
    let Next::Resume(at) = pass.end else { panic!("the pass ended") };
    assert!(at.known.is_some(), "the next pass asks for changes, and does not list again");
}

#[tokio::test]
async fn a_bounded_listing_goes_by_creation_and_sweeps_only_what_it_reached() {
    let vendor = vendor(|asked| match asked.get("sort") {
        Some("-modified-date") => listed(&[page(2, NEW)], None),
        Some("-created-date") => listed(&[page(2, NEW)], Some("older")),
        _ => {
            let mut old = page(1, NEW);
            old["createdAt"] = json!("2020-01-01T00:00:00Z");
            listed(&[old], Some("unread"))
        }
    })
    .await;
    let since = "2025-01-01T00:00:00Z".parse().ok();
    let client = vendor.client_since(since, &serde_json::Map::new());
    let pass = testing::pass(&Confluence, &client, &Feed::account(), None).await.unwrap();
    assert_eq!(pass.ids(), ["2"]);
    assert_eq!(pass.covers[0], Covers::Between { from: since, to: None });
}

#[tokio::test]
async fn refusals_say_what_is_to_be_done() {
    let cursor = json!({"errors": [{"status": 400, "code": "INVALID_REQUEST_PARAMETER",
        "title": "Provided value for 'cursor' is not the correct type. Expected type is Cursor."}]});
    let scope = json!({"code": 401, "message": "Unauthorized; scope does not match"});
    for (status, body, wanted) in [
        (400, cursor, Error::CursorExpired),
        (401, scope, Error::Forbidden(format!("the grant lacks one of the scopes {SCOPES}"))),
        (
            404,
            json!({}),
            Error::Reconnect("the site acme is gone, or the app was removed from it".into()),
        ),
        (
            200,
            json!({"results": [], "_links": {"next": "//evil.example/x"}}),
            Error::unexpected("_links.next", "it is no address of this list"),
        ),
    ] {
        let vendor = vendor(move |_| (status, body.clone())).await;
        assert_eq!(pass(&vendor, None).await.map(|_| ()), Err(wanted));
    }
}
