//! Being told to wait, and being told nothing.

use std::time::{Duration, SystemTime};

use futures::future::join_all;
use neotoma_importers::{
    error::{Error, Result},
    http::{Rate, Wait},
};
use serde_json::Value;
use tokio::time::Instant;

use crate::vendor::{API, Account, Vendor, json, with_header};

#[tokio::test(start_paused = true)]
async fn a_failing_read_is_repeated_until_it_is_answered() {
    for status in [408, 425, 500, 503, 529] {
        let vendor = Vendor::start(move |n, _| json(if n < 2 { status } else { 200 }, "{}")).await;
        let account = vendor.account();
        account.client.get(format!("{API}/a")).json::<Value>().await.unwrap();
        assert_eq!((vendor.seen().len(), account.meter.requests()), (3, 3));
        let waited = vendor.seen()[2].at - vendor.seen()[0].at;
        assert!(waited >= Duration::from_millis(1_500), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_four_tries_the_service_counts_as_unavailable() {
    let vendor = Vendor::start(|_, _| json(503, "{}")).await;
    let done =
        vendor.client().get(format!("{API}/users/u17/things?key=hush")).json::<Value>().await;
    let expected = "GET api.example.com/users/:id/things answered 503, after 4 tries";
    assert_eq!(done, Err(Error::Unavailable(expected.into())));
    assert_eq!(vendor.seen().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_post_is_repeated_only_where_it_is_said_to_be_harmless() {
    let vendor = Vendor::start(|n, _| json(if n == 0 { 503 } else { 200 }, "{}")).await;
    let client = vendor.client();
    let post = || client.post(format!("{API}/a")).body_json(&["x"]);
    assert!(matches!(post().json::<Value>().await, Err(Error::Unavailable(_))));
    assert_eq!(vendor.seen().len(), 1);

    let vendor = Vendor::start(|n, _| json(if n == 0 { 503 } else { 200 }, "{}")).await;
    let post = vendor.client().post(format!("{API}/a")).body_json(&["x"]).idempotent();
    post.json::<Value>().await.unwrap();
    let bodies: Vec<String> = vendor.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [r#"["x"]"#, r#"["x"]"#]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_asked_for_is_read_for_the_vendors_own_words_first() {
    let vendor = Vendor::start(|n, _| {
        json(400, if n == 0 { r#"{"error":"backend"}"# } else { r#"{"error":"too large"}"# })
    })
    .await;
    let call = vendor.client().post(format!("{API}/a")).accepting(reqwest::StatusCode::BAD_REQUEST);
    let answer = call.errors_in_ok().idempotent().json::<Value>().await.unwrap();
    assert_eq!((answer["error"].as_str(), vendor.seen().len()), (Some("too large"), 2));

    let vendor = Vendor::start(|_, _| json(400, r#"{"error":"backend"}"#)).await;
    let call = vendor.client().post(format!("{API}/a")).accepting(reqwest::StatusCode::BAD_REQUEST);
    let answer = call.json::<Value>().await.unwrap();
    assert_eq!(answer["error"], "backend", "unless that was not asked for");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_is_tried_again_for_a_read_and_not_for_a_post() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":".to_vec();
    let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec();
    let answers = [Vec::new(), cut.clone(), whole];
    let vendor = Vendor::raw(move |n| answers[n.min(2)].clone()).await;
    vendor.client().get(format!("{API}/a")).json::<Value>().await.unwrap();
    assert_eq!(vendor.seen().len(), 3);

    let vendor = Vendor::raw(move |_| cut.clone()).await;
    let done = vendor.client().post(format!("{API}/a")).json::<Value>().await;
    let Err(Error::Unavailable(why)) = done else { panic!("{done:?}") };
    assert!(why.starts_with("POST api.example.com/a broke off its answer"), "{why}");
    assert_eq!(vendor.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_never_left_is_tried_again() {
    let vendor = Vendor::start(|_, _| "{}").await;
    let mut nowhere = vendor.base.clone();
    {
        // A port that was just free: nobody listens there.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        nowhere.set_port(Some(free.local_addr().unwrap().port())).unwrap();
    }
    let config = neotoma_importers::http::TransportConfig {
        egress_override: Some(nowhere),
        ..Default::default()
    };
    let account = Account::at(&neotoma_importers::http::Transport::new(config).unwrap());
    let done = account.client.post(format!("{API}/a")).json::<Value>().await;
    let Err(Error::Unavailable(why)) = done else { panic!("{done:?}") };
    assert!(why.contains("could not be connected to") && why.ends_with("after 4 tries"), "{why}");
    assert_eq!(account.meter.requests(), 4);
}

async fn waits_for(status: u16, name: &'static str, value: String) -> Result<(Duration, Account)> {
    let vendor = Vendor::start(move |n, _| match n {
        0 => with_header(status, name, &value),
        _ => json(200, "{}"),
    });
    let vendor = vendor.await;
    let account = vendor.account();
    account.client.post(format!("{API}/a")).idempotent().json::<Value>().await?;
    let seen = vendor.seen();
    Ok((seen[1].at - seen[0].at, account))
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_the_vendor_asks_for_is_never_cut_short() {
    let date = |seconds| httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds));
    for (status, name, value, seconds) in [
        (429, "retry-after", "7".to_owned(), 7..8),
        (429, "retry-after", date(20), 18..22),
        (503, "retry-after", "9".to_owned(), 9..10),
        (503, "retry-after", date(20), 18..22),
        (429, "x-ratelimit-reset", "31".to_owned(), 31..32),
        (429, "x-ratelimit-reset-after", "1.5".to_owned(), 1..2),
    ] {
        let (waited, account) = waits_for(status, name, value).await.unwrap();
        assert!(seconds.contains(&waited.as_secs()), "{name}: {waited:?}");
        let throttled = account.meter.throttled_ms() > 0;
        assert_eq!(throttled, status == 429, "only what is asked of us is counted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_to_the_second_is_reached_before_the_call_is_repeated() {
    // The clock of the dates is the real one, so this waits for it.
    tokio::time::resume();
    let date = SystemTime::now() + Duration::from_secs(2);
    let asked = httpdate::parse_http_date(&httpdate::fmt_http_date(date)).unwrap();
    waits_for(429, "retry-after", httpdate::fmt_http_date(asked)).await.unwrap();
    assert!(SystemTime::now() >= asked, "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_more_than_a_minute_ends_the_call_at_once() {
    for status in [429, 503] {
        let start = Instant::now();
        let done = waits_for(status, "retry-after", "61".into()).await.err();
        assert_eq!(done, Some(Error::RateLimited(Duration::from_secs(61))));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_is_repeated_whatever_its_method() {
    let vendor = Vendor::start(|n, _| match n {
        0..3 => with_header(429, "retry-after", "1"),
        3..9 => json(429, "{}"),
        _ => json(200, "{}"),
    });
    let vendor = vendor.await;
    let account = vendor.account();
    account.client.post(format!("{API}/a")).json::<Value>().await.unwrap();
    assert_eq!(vendor.seen().len(), 10, "throttling does not use up the four tries");
}

#[tokio::test(start_paused = true)]
async fn words_of_the_vendors_that_mean_slow_down_are_waited_for() {
    for (word, least, most) in [("slow_down", 2_000, 2_100), ("slow_down_a_bit", 1_000, 2_100)] {
        let refusal = format!(r#"{{"error": "{word}"}}"#);
        let vendor =
            Vendor::start(move |n, _| json(if n == 0 { 403 } else { 200 }, &refusal)).await;
        vendor.client().post(format!("{API}/a")).json::<Value>().await.unwrap();
        let waited = vendor.seen()[1].at - vendor.seen()[0].at;
        assert!((least..most).contains(&waited.as_millis()), "{word}: {waited:?}");
    }
    let vendor =
        Vendor::start(|n, _| json(if n == 0 { 400 } else { 200 }, r#"{"error":"backend"}"#)).await;
    vendor.client().get(format!("{API}/a")).json::<Value>().await.unwrap();
    assert_eq!(vendor.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_throttles_without_end_ends_the_call_after_some_minutes() {
    let vendor = Vendor::start(|_, _| with_header(429, "retry-after", "50")).await;
    let start = Instant::now();
    let done = vendor.client().get(format!("{API}/a")).json::<Value>().await;
    assert_eq!(done, Err(Error::RateLimited(Duration::from_mins(1))));
    assert!((250..=301).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn parallel_calls_of_a_throttled_account_pause_together() {
    let start = Instant::now();
    let vendor = Vendor::start(move |_, _| {
        let left = 20 - i64::try_from(start.elapsed().as_secs()).unwrap();
        if left > 0 { with_header(429, "retry-after", &left.to_string()) } else { json(200, "{}") }
    });
    let vendor = vendor.await;
    let account = Account::with(&vendor.transport(), &["api.example.com"], Rate::per_second(4));
    let ask = async |_| account.client.get(format!("{API}/a")).json::<Value>().await;
    for done in join_all((0..16).map(ask)).await {
        done.unwrap();
    }
    // Four are sent at once, and learn it for all sixteen.
    assert_eq!(vendor.seen().len(), 16 + 4);
    assert!((19_000..21_500).contains(&account.meter.throttled_ms()), "{:?}", account.meter);
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_sees_what_a_call_waits_for() {
    let vendor = Vendor::start(|n, _| match n {
        0 => with_header(429, "retry-after", "30"),
        1 => with_header(503, "retry-after", "20"),
        _ => json(200, "{}"),
    });
    let vendor = vendor.await;
    let account = vendor.account();
    let call = account.client.get(format!("{API}/a"));
    let call = tokio::spawn(async move { call.json::<Value>().await });
    let mut shown = Vec::new();
    while !call.is_finished() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let waiting = account.meter.waiting();
        if waiting.is_some() && shown.last() != Some(&waiting) {
            shown.push(waiting);
        }
    }
    call.await.unwrap().unwrap();
    let wait = |seconds, why| Some(Wait { seconds, why });
    assert_eq!(shown, [wait(30, Wait::THROTTLED), wait(20, Wait::SILENT)]);
    assert_eq!(account.meter.waiting(), None);
}
