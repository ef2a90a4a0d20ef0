use serde_json::{Map, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{FieldValue, Properties, Task},
};

const SECRETS: [(&str, &str); 2] = [("api_key", "0471"), ("token", "ATTA")];
const SINCE: &str = "678e77850000000000000064";

fn card(id: &str) -> Value {
    json!({"id": id, "idBoard": "b1", "idList": "l1", "name": id, "members": [], "labels": []})
}

/// A vendor with the boards `b1` and `b2`.
async fn vendor(script: impl Fn(&str, &Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Trello, move |asked| {
        let header = r#"OAuth oauth_consumer_key="0471", oauth_token="ATTA""#;
        assert_eq!(asked.header("authorization"), Some(header));
        match asked.path.strip_prefix("api.trello.com/1/").unwrap() {
            "members/me/boards" => (
                200,
                json!([{"id": "b1", "name": "Plans", "shortLink": "dQHq", "lists": [{"id": "l1", "name": "To Do"}]},
                    {"id": "b2", "name": "Old"}]),
            ),
            "boards/b1/customFields" => (200, json!([
                {"id": "f1", "name": "Size", "options": []},
                {"id": "f2", "name": "Team", "options": [{"id": "o1", "value": {"text": "Red"}}]},
            ])),
            path => script(path, asked),
        }
    })
    .await
}

fn client(vendor: &Vendor) -> Client {
    vendor.client_of(None, &Map::new(), &SECRETS)
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Trello, &client(vendor), &Feed::new("b1", "Plans"), cursor).await
}

fn done(since: &str) -> Cursor {
    Cursor { since: since.into(), phase: Phase::Done }
}

fn task(record: &Record) -> &Task {
    match &record.properties {
        Properties::Task(task) => task,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_board_is_listed_from_its_newest_card_on_with_fewer_a_page_where_trello_wants_fewer() {
    let vendor = vendor(|path, asked| match (path, asked.get("limit"), asked.get("before")) {
        ("boards/b1/actions", Some("1"), _) => (200, json!([{"id": SINCE, "type": "updateCard"}])),
        (_, Some("1000"), _) => (403, json!({"error": "API_TOO_MANY_CARDS_REQUESTED"})),
        (_, _, None) => {
            let mut cards: Vec<Value> = (100..199).map(|at| card(&format!("6780d{at}"))).collect();
            cards.push(json!({"id": 5}));
            (200, json!(cards))
        }
        (_, _, Some(before)) => {
            assert_eq!(before, "6780d100");
            let mut odd = card("6780d380000000000000000b");
            odd["closed"] = json!(true);
            odd["labels"] =
                json!([{"name": "", "color": "green"}, {"name": "Late", "color": "red"}]);
            odd["customFieldItems"] = json!([
                {"idCustomField": "f1", "value": {"number": "2.5"}},
                {"idCustomField": "f2", "value": null, "idValue": "o1"},
                {"idCustomField": "gone", "value": {"text": "x"}},
            ]);
            (200, json!([odd]))
        }
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.sizes, pass.skipped), (vec![99, 1], 1));
    assert_eq!(pass.end, Next::Resume(done(SINCE)));
    let archived = task(&pass.records[99]);
    assert_eq!(archived.status.as_deref(), Some("archived"));
    assert_eq!(archived.tags, Some(vec!["green".into(), "Late".into()]));
    assert_eq!(archived.created_at, "2025-01-10T08:00:00Z".parse().ok());
    let fields = archived.custom_fields.as_ref().unwrap();
    assert_eq!(fields.len(), 2);
    assert_eq!(fields.get("Team"), Some(&FieldValue::Text("Red".into())));
    assert_eq!(task(&pass.records[0]).status.as_deref(), Some("To Do"));
}

#[tokio::test]
async fn the_cards_that_actions_name_are_fetched_and_what_is_deleted_hidden_or_moved_is_gone() {
    let vendor = vendor(|path, asked| match path {
        "boards/b1/actions" => {
            assert_eq!(asked.get("since"), Some(SINCE));
            let action = |id: &str, card: &str| json!({"id": id, "type": "updateCard", "data": {"card": {"id": card}}});
            (200, json!([action("9", "c1"), action("8", "c2"), action("7", "c3"), action("6", "c4"), action("5", "c1")]))
        }
        "cards/c1" => (200, card("c1")),
        "cards/c2" => (404, json!("The requested resource was not found.")),
        "cards/c3" => (401, json!("unauthorized permission requested")),
        "cards/c4" => {
            let mut moved = card("c4");
            moved["idBoard"] = json!("b2");
            (200, moved)
        }
        other => panic!("nobody asks for {other}"),
    })
    .await;
    let pass = pass(&vendor, Some(done(SINCE))).await.unwrap();
    assert_eq!(
        (pass.ids(), pass.gone.clone()),
        (vec!["c1"], vec!["c2".into(), "c3".into(), "c4".into()])
    );
    assert_eq!(pass.end, Next::Resume(done("9")));
}

#[tokio::test]
async fn a_renamed_list_has_its_cards_read_again() {
    let vendor = vendor(|path, _| match path {
        "boards/b1/actions" => (
            200,
            json!([{"id": "9", "type": "updateList", "data": {"list": {"id": "l1"}, "old": {"name": "Todo"}}}]),
        ),
        "boards/b1/cards/all" => (200, json!([card("c1")])),
        other => panic!("nobody asks for {other}"),
    })
    .await;
    let pass = pass(&vendor, Some(done(SINCE))).await.unwrap();
    assert_eq!((pass.ids(), &pass.end), (vec!["c1"], &Next::Resume(done("9"))));
}

#[tokio::test]
async fn boards_are_chosen_by_id_or_address_and_a_wrong_choice_is_named() {
    let vendor = vendor(|path, _| panic!("nobody asks for {path}")).await;
    let feeds = async |wanted: &str| {
        let settings = Map::from_iter([("board_ids".to_owned(), json!([wanted]))]);
        Trello.feeds(&vendor.client_of(None, &settings, &SECRETS)).await
    };
    assert_eq!(feeds("dQHq").await.unwrap(), [Feed::new("b1", "Plans")]);
    assert_eq!(feeds("b2").await.unwrap(), [Feed::new("b2", "Old")]);
    let problem = Error::invalid("board_ids", "names no board of this member");
    assert_eq!(feeds("other").await, Err(problem));
}

#[tokio::test]
async fn a_token_that_ended_and_a_spent_limit_are_told_apart_from_what_is_not_shared() {
    let vendor = vendor(|_, _| (401, json!("expired token"))).await;
    let refused = pass(&vendor, None).await.map(|_| ());
    assert!(matches!(refused, Err(Error::Reconnect(_))), "{refused:?}");
    for (status, word, wanted) in [
        (429, "API_TOKEN_LIMIT_EXCEEDED", Some(Error::RateLimited(PAUSE))),
        (429, "RATE_LIMIT_EXCEEDED", Some(Error::RateLimited(MEMBER_PAUSE))),
        (403, "OTHER", None),
    ] {
        assert_eq!(Trello.fault(status, &json!({"error": word})), wanted);
    }
}
