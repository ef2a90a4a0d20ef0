//! Who is let in at a webhook's address, and what everybody else learns.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::{
    hosted::Hosted,
    world::{APP_SECRET, CHANNEL_SECRET, KEPT, UNREAD, World, line, line_raw, said, tag},
};

#[tokio::test]
async fn a_signature_holds_over_the_exact_bytes_and_no_others() {
    let world = World::new().await;
    let path = world.line().await;
    let server = Hosted::start(&world.program).await;
    let body = "{ \"destination\":\"Ub\", \"events\":[] , \"note\":\"\u{1f600} \\u00e9/\" }";
    let sign = |secret: &str, body: &str| BASE64_STANDARD.encode(tag(secret, body));
    let good = sign(CHANNEL_SECRET, body);
    for (wrong, sent) in [
        (sign(CHANNEL_SECRET, "{}"), body.to_owned()),
        (sign(APP_SECRET, body), body.to_owned()),
        (good.clone(), format!("{body} ")),
        (good.clone(), body.replace("\\u00e9", "é")),
        (good.clone(), body.replace(", \"", ",\"")),
        (good[..40].to_owned(), body.to_owned()),
        (String::new(), body.to_owned()),
    ] {
        let answer = server.post(&path, &[("x-line-signature", &wrong)], &sent).await;
        assert_eq!(answer.status, 401, "{wrong} {sent}");
    }
    assert_eq!(server.post(&path, &[], body).await.status, 401);
    assert_eq!(world.count(KEPT).await, 0);
    assert_eq!(line_raw(&server, &path, body).await.status, 200);
    assert_eq!(world.count(KEPT).await, 1);
}

#[tokio::test]
async fn an_address_that_is_none_says_nothing_about_those_that_are() {
    let world = World::new().await;
    let path = world.line().await;
    let gone = world.whatsapp().await;
    let id = path.rsplit('/').next().unwrap().to_owned();
    let gone_id = gone.rsplit('/').next().unwrap();
    world.program.done(&["connectors", "delete", gone_id]).await;
    let server = Hosted::start(&world.program).await;
    let signed = BASE64_STANDARD.encode(tag(CHANNEL_SECRET, "{}"));
    let mut answers = Vec::new();
    for address in [
        format!("/import/line/webhook/{}", uuid::Uuid::now_v7()),
        format!("/import/line/webhook/{}", id.to_uppercase()),
        format!("/import/line/webhook/{}", id.replace('-', "")),
        "/import/line/webhook/1".to_owned(),
        format!("/import/whatsapp-business/webhook/{id}"),
        format!("/import/gmail/webhook/{id}"),
        format!("/import/nobody/webhook/{id}"),
        gone,
    ] {
        let answer = server.post(&address, &[("x-line-signature", &signed)], "{}").await;
        assert_eq!(answer.status, 404, "{address}");
        assert_eq!(server.get(&address, &[]).await.status, 404, "{address}");
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(world.count(KEPT).await, 0);
}

#[tokio::test]
async fn ten_megabytes_are_refused_however_they_are_announced() {
    let world = World::new().await;
    let path = world.line().await;
    let server = Hosted::start(&world.program).await;
    let head = format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n", server.port);
    let announced = format!("{head}content-length: 10485760\r\n\r\n{{");
    assert_eq!(server.raw(announced.as_bytes()).await.status, 413);
    let mut chunked = format!("{head}transfer-encoding: chunked\r\n\r\n400001\r\n").into_bytes();
    chunked.resize(chunked.len() + 0x40_0001, b' ');
    chunked.extend_from_slice(b"\r\n");
    assert_eq!(server.raw(&chunked).await.status, 413);
    assert_eq!(world.count(KEPT).await, 0);
    assert_eq!(line(&server, &path, &json!([])).await.status, 200);
}

#[tokio::test]
async fn the_handshake_answers_the_chosen_word_with_the_bare_challenge() {
    let world = World::new().await;
    let (path, other) = (world.whatsapp().await, world.line().await);
    let server = Hosted::start(&world.program).await;
    let ask = |path: &str, token: &str| {
        format!(
            "{path}?hub.mode=subscribe&hub.challenge=%3Cb%3E1158201444&hub.verify_token={token}"
        )
    };
    let answer = server.get(&ask(&path, "chosen-by-us"), &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "<b>1158201444"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    for (path, token) in [(&path, "chosen-by-u"), (&path, ""), (&other, "chosen-by-us")] {
        let answer = server.get(&ask(path, token), &[]).await;
        assert_eq!(answer.status, 403, "{path} {token}");
        assert!(!answer.body.contains("1158201444"));
    }
    assert_eq!(world.count(KEPT).await, 0, "a handshake is no delivery");
}

#[tokio::test]
async fn one_owners_address_brings_nothing_to_another() {
    let world = World::new().await;
    let first = world.line().await;
    let secrets = ["--secret", "channel_access_token=line-token", "--secret"];
    let secret = format!("channel_secret={CHANNEL_SECRET}");
    let link =
        [&["--owner", "bob", "link", "line", "--json"][..], &secrets, &[secret.as_str()]].concat();
    let id = world.program.done(&link).await.json()["connector_id"].as_str().unwrap().to_owned();
    assert!(!first.ends_with(&id), "one channel of two owners is two connectors");
    let server = Hosted::start(&world.program).await;
    let second = format!("/import/line/webhook/{id}");
    assert_eq!(line(&server, &second, &json!([said("1", "to bob", false)])).await.status, 200);
    world.is_read().await;
    assert_eq!(world.count("SELECT count(*) FROM records WHERE owner_id = 'bob'").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM records").await, 1);
    let elsewhere = "SELECT count(*) FROM webhook_deliveries WHERE owner_id <> 'bob'";
    assert_eq!((world.count(elsewhere).await, world.count(UNREAD).await), (0, 0));
}

#[tokio::test]
async fn a_person_is_told_the_address_to_enter_at_the_vendor() {
    let mut world = World::new().await;
    let secrets = ["--secret", "channel_access_token=line-token", "--secret"];
    let secret = format!("channel_secret={CHANNEL_SECRET}");
    let link = [&["link", "line", "--json"][..], &secrets, &[secret.as_str()]].concat();
    let linked = world.program.done(&link).await.json();
    assert!(linked.get("webhook_url").is_none(), "nobody reaches this machine");
    assert!(linked["note"].as_str().unwrap().contains("PUBLIC_URL"), "{linked}");
    world.program.set("PUBLIC_URL", "https://n.example.com");
    let linked = world.program.done(&link).await.json();
    let id = linked["connector_id"].as_str().unwrap();
    let url = format!("https://n.example.com/import/line/webhook/{id}");
    assert_eq!(linked["webhook_url"], url.as_str());
    let mut assistant = world.program.serve().await;
    let listed = assistant.does("list_connectors", json!({})).await;
    assert_eq!(listed["connectors"][0]["webhook_url"], url.as_str());
    let told = world.program.done(&["connectors"]).await;
    assert!(told.err.contains(&url), "{told:?}");
}
