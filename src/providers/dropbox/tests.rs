use serde_json::json;

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::Properties,
};

fn file(id: &str, path: &str) -> Value {
    let name = path.rsplit('/').next();
    json!({".tag": "file", "id": id, "name": name, "path_display": path, "path_lower": path.to_lowercase(),
        "size": 5, "rev": "a1", "server_modified": "2026-03-02T07:30:00Z"})
}

fn deleted(path: &str) -> Value {
    json!({".tag": "deleted", "name": "x", "path_lower": path})
}

fn listed(entries: &[Value], cursor: &str, has_more: bool) -> (u16, Value) {
    (200, json!({"entries": entries, "cursor": cursor, "has_more": has_more}))
}

/// A vendor of one person; the script is given the last part of the path and the body.
async fn vendor(
    script: impl Fn(&str, &Value, &Asked) -> (u16, Value) + Send + Sync + 'static,
) -> Vendor {
    Vendor::new(&Dropbox, move |asked| {
        let path = asked.path.strip_prefix("api.dropboxapi.com/2/").unwrap();
        if path == "users/get_current_account" {
            assert_eq!((asked.body.as_str(), asked.header("content-type")), ("", None));
            return (200, json!({"account_id": "dbid:1", "email": "zoe@example.com"}));
        }
        script(path, &serde_json::from_str(&asked.body).unwrap(), asked)
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Dropbox, &vendor.client(), &Feed::account(), cursor).await
}

fn done(cursor: &str) -> Cursor {
    Cursor { token: cursor.into(), root: None, done: true, again: BTreeSet::new() }
}

#[tokio::test]
async fn everything_is_listed_and_the_last_cursor_is_where_the_next_pass_goes_on() {
    let vendor = vendor(|path, body, _| match (path, body["cursor"].as_str()) {
        ("files/list_folder", _) => {
            assert_eq!((&body["path"], &body["recursive"]), (&json!(""), &json!(true)));
            let folder = json!({".tag": "folder", "id": "id:f", "path_lower": "/homework"});
            listed(
                &[folder, file("id:1", "/Homework/Primes.txt"), json!({".tag": "file"})],
                "c1",
                true,
            )
        }
        (_, Some("c1")) => {
            listed(&[json!({".tag": "new"}), file("id:2", "/Größe.paper")], "c2", false)
        }
        other => panic!("{other:?}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["id:1", "id:2"], 1));
    assert_eq!(pass.end, Next::Resume(done("c2")));
    let Properties::MediaAsset(asset) = &pass.records[0].properties else { panic!("a file") };
    assert_eq!(pass.records[0].place.as_deref(), Some("/homework/primes.txt"));
    assert_eq!(asset.parent.as_ref().and_then(|it| it.name.as_deref()), Some("Homework"));
    assert_eq!(asset.sharing, None);
}

#[tokio::test]
async fn changes_are_applied_in_their_order() {
    let vendor = vendor(|path, body, _| {
        if path == "files/get_metadata" {
            assert_eq!(body["path"], json!("id:2"));
            return (200, file("id:2", "/A/new.txt"));
        }
        let entries = [
            file("id:1", "/b/moved.txt"),
            deleted("/a"),
            file("id:2", "/A/new.txt"), // below what was deleted before it
            file("id:3", "/c.txt"),
            file("id:4", "/c.txt"), // in the place of the last
            file("id:5", "/d.txt"),
            deleted("/d.txt"),
        ];
        listed(&entries, "c2", false)
    })
    .await;
    let pass = pass(&vendor, Some(done("c1"))).await.unwrap();
    assert_eq!(
        (pass.ids(), pass.sizes.clone()),
        (vec!["id:1", "id:4", "id:5", "id:2"], vec![3, 1])
    );
    assert_eq!(pass.gone, ["under /a", "under /d.txt"]);
    assert_eq!(pass.end, Next::Resume(done("c2")));
}

#[tokio::test]
async fn a_team_is_read_from_its_own_root_and_another_root_lists_afresh() {
    let vendor = Vendor::new(&Dropbox, |asked| {
        if asked.path.ends_with("get_current_account") {
            let root = json!({".tag": "team", "root_namespace_id": "7", "home_namespace_id": "3"});
            return (
                200,
                json!({"account_id": "dbid:1", "email": "z@example.com", "root_info": root}),
            );
        }
        assert_eq!(asked.header("dropbox-api-path-root"), Some(r#"{".tag":"root","root":"7"}"#));
        listed(&[], "c", false)
    })
    .await;
    let Next::Resume(at) = pass(&vendor, None).await.unwrap().end else { panic!("it ended") };
    assert_eq!(at.root.as_deref(), Some("7"));
    let moved = pass(&vendor, Some(done("c"))).await.map(|_| ());
    assert_eq!(moved, Err(Error::CursorExpired));
}

#[tokio::test]
async fn a_cursor_that_was_reset_lists_afresh() {
    let vendor =
        vendor(|_, _, _| (409, json!({"error_summary": "reset/..", "error": {".tag": "reset"}})))
            .await;
    assert_eq!(pass(&vendor, Some(done("c"))).await.map(|_| ()), Err(Error::CursorExpired));
}

#[test]
fn limits_and_refusals_say_how_long_and_what_is_missing() {
    let many = json!({"error_summary": "too_many_requests/..",
        "error": {"reason": {".tag": "too_many_requests"}, "retry_after": 15}});
    assert_eq!(Dropbox.fault(429, &many), Some(Error::RateLimited(Duration::from_secs(15))));
    let scope = json!({"error": {".tag": "missing_scope", "required_scope": "account_info.read"}});
    let why = "the scope account_info.read was not granted".to_owned();
    assert_eq!(Dropbox.fault(401, &scope), Some(Error::Forbidden(why)));
    let gone = json!({"error_summary": "path/not_found/..", "error": {".tag": "path"}});
    assert_eq!(Dropbox.fault(409, &gone), Some(Error::NotFound));
    for (status, body) in
        [(401, json!({"error": {".tag": "expired_access_token"}})), (500, Value::Null)]
    {
        assert_eq!(Dropbox.fault(status, &body), None);
    }
}
