//! Answers that are too large, broken, or not what was promised.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{body::Body, http::Response};
use futures::future::try_join_all;
use neotoma_importers::error::Error;
use serde::Deserialize;
use serde_json::{Value, json as value};

use crate::vendor::{API, Vendor, json, pieces};

const MIB: usize = 1 << 20;
static BLANKS: [u8; MIB] = [b' '; MIB];

async fn ask(vendor: &Vendor) -> Result<Value, Error> {
    vendor.client().get(format!("{API}/things/17")).json().await
}

fn too_large() -> Result<Value, Error> {
    Err(Error::unexpected("GET api.example.com/things/:id", "an answer of more than 32 MiB"))
}

#[tokio::test]
async fn an_empty_answer_is_named_by_its_request() {
    for body in ["", " \r\n"] {
        let vendor = Vendor::start(move |_, _| json(200, body)).await;
        let expected = Error::unexpected("GET api.example.com/things/:id", "an empty answer");
        assert_eq!(ask(&vendor).await, Err(expected));
    }
}

#[tokio::test]
async fn an_answer_that_says_it_is_too_large_is_not_read() {
    // Nothing follows the head: whoever waited for the body would wait for long.
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 50 * MIB);
    let vendor = Vendor::raw(move |_| head.clone().into_bytes()).await;
    assert_eq!(ask(&vendor).await, too_large());
    assert_eq!(vendor.seen().len(), 1, "and it is not asked for again");
}

#[tokio::test]
async fn an_answer_that_grows_too_large_is_cut_off() {
    let (body, taken) = pieces(&BLANKS, 500);
    let body = Arc::new(std::sync::Mutex::new(Some(body)));
    let vendor =
        Vendor::start(move |_, _| Response::new(body.lock().unwrap().take().unwrap())).await;
    assert_eq!(ask(&vendor).await, too_large());
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken < 60, "{taken} MiB were taken");
}

#[tokio::test]
async fn a_large_answer_within_the_limit_is_read() {
    let vendor = Vendor::start(|_, _| {
        let mut body = vec![b' '; 32 * MIB];
        body.splice(..2, *b"17");
        body
    });
    assert_eq!(ask(&vendor.await).await, Ok(value!(17)));
}

#[tokio::test]
async fn a_compressed_answer_counts_by_what_it_expands_to() {
    let bomb = gzip_of_blanks(64 * MIB);
    assert!(bomb.len() < MIB, "{}", bomb.len());
    let vendor = Vendor::start(move |_, _| gzipped(bomb.clone())).await;
    assert_eq!(ask(&vendor).await, too_large());
    let accepted = vendor.seen()[0].header("accept-encoding").unwrap().to_owned();
    assert!(accepted.contains("gzip") && accepted.contains("br"), "{accepted}");
}

#[tokio::test]
async fn a_compressed_answer_is_read() {
    let vendor = Vendor::start(|_, _| gzipped(gzip_stored(br#"{"a":"b"}"#))).await;
    assert_eq!(ask(&vendor).await, Ok(value!({"a": "b"})));
}

#[tokio::test]
async fn a_refusal_with_an_endless_text_is_still_a_refusal() {
    let vendor =
        Vendor::start(|_, _| Response::builder().status(403).body(pieces(&BLANKS, 500).0).unwrap());
    let vendor = vendor.await;
    assert_eq!(ask(&vendor).await, Err(Error::Forbidden("GET api.example.com/things/:id".into())));
}

#[tokio::test]
async fn nul_and_lone_surrogates_do_not_lose_an_answer() {
    let vendor =
        Vendor::start(|_, _| json(200, r#"{"a\u0000": "b\u0000c \ud83d \ud83d\ude00"}"#)).await;
    assert_eq!(ask(&vendor).await, Ok(value!({"a": "bc \u{fffd} 😀"})));
    let vendor = Vendor::start(|_, _| Body::from("a\0b\u{fffd}")).await;
    assert_eq!(vendor.client().get(API).text().await.unwrap(), "ab\u{fffd}");
}

#[tokio::test]
async fn an_answer_of_another_shape_is_named_by_its_path_and_not_by_its_text() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read for its errors")]
    struct Mails {
        mails: Vec<Mail>,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read for its errors")]
    struct Mail {
        id: u64,
    }
    let vendor = Vendor::start(|_, _| json(200, r#"{"mails":[{"id":1},{"id":"hush"}]}"#)).await;
    let error = vendor.client().get(format!("{API}/a")).json::<Mails>().await.unwrap_err();
    assert_eq!(
        error,
        Error::unexpected("mails[1].id", "string instead of u64, from GET api.example.com/a")
    );
    let vendor = Vendor::start(|_, _| "<html>hush</html>").await;
    let error = vendor.client().get(format!("{API}/a")).json::<Mails>().await.unwrap_err();
    assert_eq!(error, Error::unexpected("GET api.example.com/a", "not JSON"));
}

#[tokio::test]
async fn the_content_type_does_not_matter() {
    let vendor = Vendor::start(|_, _| {
        Response::builder()
            .header("content-type", "text/javascript")
            .body(Body::from("17"))
            .unwrap()
    })
    .await;
    assert_eq!(ask(&vendor).await, Ok(value!(17)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_answers_at_once_do_not_wait_for_each_other_forever() {
    let vendor = Vendor::start(|n, _| {
        // Some say how large they are, some do not.
        let text = format!("{}{n}", " ".repeat(2 * MIB));
        if n % 2 == 0 {
            return Response::new(Body::from(text));
        }
        let pieces = text.as_bytes().chunks(64 << 10).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let pieces = pieces.into_iter().map(Ok::<_, std::convert::Infallible>);
        Response::new(Body::from_stream(futures::stream::iter(pieces)))
    });
    let vendor = vendor.await;
    let client = vendor.client();
    let asks = (0..64).map(|_| {
        let call = client.get(format!("{API}/a"));
        tokio::spawn(async move { call.json::<u64>().await.unwrap() })
    });
    let all = tokio::time::timeout(Duration::from_mins(1), try_join_all(asks)).await;
    let mut all = all.expect("the budget is a dead lock").unwrap();
    all.sort_unstable();
    assert_eq!(all, (0..64).collect::<Vec<_>>());
}

fn gzipped(body: Vec<u8>) -> Response<Body> {
    Response::builder().header("content-encoding", "gzip").body(Body::from(body)).unwrap()
}

const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A gzip file of one stored block (RFC 1951, 1952).
fn gzip_stored(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let crc = text.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    let size = u32::from(length);
    [
        &GZIP_HEAD[..],
        &[1],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        text,
        &(!crc).to_le_bytes(),
        &size.to_le_bytes(),
    ]
    .concat()
}

/// A gzip file of `size` blanks in a block with fixed codes: one blank, then "258 of the byte before" again and again. Its
/// trailer is missing: nobody should read that far.
fn gzip_of_blanks(size: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false]; // last block, fixed codes
    let mut code =
        |code: u32, length: u32| bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
    code(0x30 + u32::from(b' '), 8);
    for _ in 0..size / 258 {
        code(0b1100_0101, 8); // length 258
        code(0, 5); // distance 1
    }
    code(0, 7);
    let bytes = bits
        .chunks(8)
        .map(|byte| byte.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
    GZIP_HEAD.into_iter().chain(bytes).collect()
}
