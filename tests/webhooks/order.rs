//! Deliveries come twice, late and in any order: what they say in the end is the same.

use serde_json::{Value, json};

use crate::{
    hosted::Hosted,
    world::{World, line, meta, said, text, unsent},
};

/// Waits until everything was read, and gives the texts of the records.
async fn read(world: &World) -> Vec<(String, String)> {
    world.is_read().await;
    world.texts().await
}

fn edit(of: &str, at: &str, body: &str) -> Value {
    json!({"id": format!("edit-{at}"), "from": "1650", "timestamp": at, "type": "edit",
        "edit": {"original_message_id": of, "message": {"type": "text", "text": {"body": body}}}})
}

fn reaction(of: &str, by: &str, at: &str, emoji: Option<&str>) -> Value {
    json!({"id": format!("reaction-{by}-{at}"), "from": by, "timestamp": at, "type": "reaction",
        "reaction": {"message_id": of, "emoji": emoji}})
}

#[tokio::test]
async fn a_message_that_was_taken_back_stays_gone_though_it_comes_later_or_again() {
    let world = World::new().await;
    let path = world.line().await;
    let server = Hosted::start(&world.program).await;
    assert_eq!(line(&server, &path, &json!([unsent("1")])).await.status, 200);
    assert_eq!(read(&world).await.len(), 0);
    let late = json!([said("1", "taken back", true), said("2", "stays", false)]);
    assert_eq!(line(&server, &path, &late).await.status, 200);
    let stays = [("2".to_owned(), "stays".to_owned())];
    assert_eq!(read(&world).await, stays);
    let gone = "SELECT count(*) FROM records WHERE external_id = '1' AND removed_at IS NOT NULL";
    assert_eq!(world.count(gone).await, 1, "it is known, and known to be gone");
    assert_eq!(line(&server, &path, &json!([said("1", "taken back", true)])).await.status, 200);
    assert_eq!(read(&world).await, stays);
}

#[tokio::test]
async fn the_last_edit_counts_in_whatever_order_edits_and_message_come() {
    let world = World::new().await;
    let path = world.whatsapp().await;
    let server = Hosted::start(&world.program).await;
    for (number, message) in [
        edit("1", "1749416500", "third"),
        edit("1", "1749416400", "second"),
        text("1", "first"),
        edit("1", "1749416450", "between"),
        text("1", "first"),
    ]
    .into_iter()
    .enumerate()
    {
        let number = u32::try_from(number).unwrap();
        assert_eq!(meta(&server, &path, &json!([message]), number).await.status, 200);
        world.is_read().await;
    }
    assert_eq!(read(&world).await, [("1".to_owned(), "third".to_owned())]);
    let edited =
        "SELECT count(*) FROM records WHERE properties ->> 'updated_at' = '2025-06-08T21:01:40Z'";
    assert_eq!(world.count(edited).await, 1);
}

#[tokio::test]
async fn each_person_has_one_reaction_the_last_one() {
    let world = World::new().await;
    let path = world.whatsapp().await;
    let server = Hosted::start(&world.program).await;
    let steps = [
        (reaction("1", "1650", "10", Some("👍")), None),
        (text("1", "hello"), Some(json!([{"name": "👍", "count": 1}]))),
        (reaction("1", "1555", "11", Some("👍")), Some(json!([{"name": "👍", "count": 2}]))),
        (
            reaction("1", "1650", "12", Some("❤️")),
            Some(json!([{"name": "👍", "count": 1}, {"name": "❤️", "count": 1}])),
        ),
        // An older one that comes late.
        (
            reaction("1", "1650", "9", Some("😂")),
            Some(json!([{"name": "👍", "count": 1}, {"name": "❤️", "count": 1}])),
        ),
        (reaction("1", "1555", "13", None), Some(json!([{"name": "❤️", "count": 1}]))),
        (reaction("1", "1650", "14", Some("")), Some(json!([]))),
    ];
    for (number, (message, expected)) in (0..).zip(steps) {
        assert_eq!(meta(&server, &path, &json!([message]), number).await.status, 200);
        world.is_read().await;
        let reactions: Option<Value> =
            sqlx::query_scalar("SELECT properties -> 'reactions' FROM records")
                .fetch_optional(&world.pool)
                .await
                .unwrap()
                .flatten();
        assert_eq!(reactions, expected, "{number}");
    }
}
