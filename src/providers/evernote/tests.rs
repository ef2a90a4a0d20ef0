use std::time::Duration;

use axum::response::{IntoResponse, Response};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::Properties,
    wire::thrift::{self, Datum},
};

const STORE: &str = "https://www.evernote.com/shard/s4/notestore";

fn fields() -> Fields {
    Fields::default()
}

fn stub(guid: &str, notebook: &str) -> Fields {
    fields().with(1, guid).with(2, guid).with(6, 1_770_112_800_250_i64).with(11, notebook)
}

fn named(guid: &str, name: &str) -> Datum {
    fields().with(1, guid).with(2, name).into()
}

fn structs(of: impl IntoIterator<Item = Fields>) -> Vec<Datum> {
    of.into_iter().map(Into::into).collect()
}

fn chunk(high: i32, until: i32) -> Fields {
    fields().with(1, 1_000_i64).with(2, high).with(3, until)
}

fn state(now: i64, full_sync_before: i64, updates: i32) -> Fields {
    fields().with(1, now).with(2, full_sync_before).with(3, updates)
}

/// A vendor with one user and one version; the script answers the rest: method and arguments to a result, or an exception.
async fn vendor(
    script: impl Fn(&str, &Fields) -> Result<Fields, (i16, Fields)> + Send + Sync + 'static,
) -> Vendor {
    let answer = move |asked: &Asked| -> Response {
        let (method, arguments) = thrift::read_call(&asked.bytes);
        if method == "checkVersion" {
            return thrift::answer(&method, &fields().with(0, true)).into_response();
        }
        assert_eq!(arguments.text(1).as_deref(), Some("S=s4:token"));
        let answered = if method == "getUser" {
            Ok(fields().with(1, 161).with(2, "zoe").with(14, "s4"))
        } else {
            script(&method, &arguments)
        };
        match answered {
            Ok(result) => thrift::answer(&method, &fields().with(0, result)).into_response(),
            Err((id, cause)) => thrift::answer(&method, &fields().with(id, cause)).into_response(),
        }
    };
    Vendor::raw(&Evernote, answer).await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    let settings = [("note_store_url".to_owned(), STORE.into())].into_iter().collect();
    let client = vendor.client_of(None, &settings, &[("access_token", "S=s4:token")]);
    testing::pass(&Evernote, &client, &Feed::account(), cursor).await
}

fn end(pass: testing::Pass<Cursor>) -> Cursor {
    match pass.end {
        Next::Resume(at) => at,
        next => panic!("{next:?}"),
    }
}

#[tokio::test]
async fn a_note_waits_for_the_names_that_a_later_chunk_brings() {
    let vendor = vendor(|method, asked| {
        Ok(match (method, asked.int(2)) {
            ("getSyncState", _) => state(5_000, 0, 4),
            ("getFilteredSyncChunk", Some(0)) => chunk(2, 4)
                .with(4, structs([stub("n1", "b1"), stub("n2", "b2")]))
                .with(5, vec![named("b1", "Kitchen")]),
            ("getFilteredSyncChunk", Some(2)) => {
                chunk(4, 4).with(5, vec![named("b2", "Garden")]).with(4, structs([fields()]))
            }
            ("getNoteWithResultSpec", _) => match asked.text(2).as_deref() {
                Some("n1") => stub("n1", "b1").with(3, "<en-note>Salt</en-note>"),
                Some("n2") => stub("n2", "b2"),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["n1", "n2"], 1));
    let names = pass.records.iter().map(|record| match &record.properties {
        Properties::Note(note) => note.workspace.as_ref().unwrap().name.clone().unwrap(),
        other => panic!("{other:?}"),
    });
    assert_eq!(names.collect::<Vec<_>>(), ["Kitchen", "Garden"]);
    let at = end(pass);
    assert_eq!((at.usn, at.until, at.synced), (4, None, 5_000));
}

#[tokio::test]
async fn the_next_pass_reads_on_from_the_last_change_and_tells_what_is_gone() {
    let vendor = vendor(|method, asked| match (method, asked.int(2)) {
        ("getSyncState", _) => Ok(state(9_000, 0, 9)),
        ("getFilteredSyncChunk", Some(4)) => Ok(chunk(9, 9)
            .with(4, structs([stub("n1", "b1"), stub("n2", "b1").with(9, false)]))
            .with(9, vec!["n3".into()])
            .with(10, vec!["b2".into()])),
        ("getNoteWithResultSpec", _) => Err((3, fields().with(1, "Note.guid"))),
        other => panic!("{other:?}"),
    })
    .await;
    let stored = Cursor { usn: 4, synced: 5_000, ..Cursor::default() };
    let pass = pass(&vendor, Some(stored)).await.unwrap();
    assert_eq!(pass.gone, ["n2", "n3", "n1", "at b2"], "n1 was expunged while it was asked for");
    assert_eq!(end(pass).usn, 9);
}

#[tokio::test]
async fn where_nothing_changed_one_call_is_enough_and_a_forgotten_past_lists_afresh() {
    let stored = || Some(Cursor { usn: 4, synced: 5_000, ..Cursor::default() });
    let calm = vendor(|method, _| match method {
        "getSyncState" => Ok(state(9_000, 4_999, 4)),
        other => panic!("{other}"),
    })
    .await;
    assert_eq!(end(pass(&calm, stored()).await.unwrap()).synced, 9_000);
    let forgotten = vendor(|_, _| Ok(state(9_000, 5_001, 4))).await;
    assert_eq!(pass(&forgotten, stored()).await.unwrap_err(), Error::CursorExpired);
}

#[tokio::test]
async fn a_limit_in_mid_pass_is_told_with_its_pause_and_a_dead_token_as_one() {
    let limited = vendor(|method, asked| match (method, asked.int(2)) {
        ("getSyncState", _) => Ok(state(5_000, 0, 2)),
        ("getFilteredSyncChunk", _) => Ok(chunk(2, 2).with(4, structs([stub("n1", "b1")]))),
        _ => Err((2, fields().with(1, 19).with(3, 2_868))),
    })
    .await;
    let error = pass(&limited, None).await.unwrap_err();
    assert_eq!(error, Error::RateLimited(Duration::from_secs(2_868)));
    let ended = vendor(|_, _| Err((1, fields().with(1, 9)))).await;
    assert!(matches!(pass(&ended, None).await, Err(Error::Reconnect(_))));
}
