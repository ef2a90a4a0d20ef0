//! Evernote's two services as far as they are needed, and what their exceptions mean.
//!
//! Facts: evernote-thrift, UserStore.thrift, NoteStore.thrift, Types.thrift, Errors.thrift (numbers of fields and codes).

use std::{sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use url::Url;

use crate::{
    error::{Error, Result},
    http::Client,
    wire::thrift::{self, Datum, Fields, Reply},
};

/// What this client calls itself, and the version of the protocol that it speaks.
const CLIENT: (&str, i16, i16) = ("neotoma/1.0", 1, 28);
const DEFAULT_HOST: &str = "www.evernote.com";

/// Whose account it is.
pub(super) struct User {
    /// Stands in the addresses of notes, as `shard` does.
    pub(super) id: i64,
    pub(super) shard: String,
    pub(super) username: String,
    /// Not shown to every key.
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
}

/// Where the account stands.
pub(super) struct SyncState {
    /// Milliseconds since 1970 by the service's clock.
    pub(super) now: i64,
    /// Who was in sync before this moment lists everything again; milliseconds since 1970.
    pub(super) full_sync_before: i64,
    /// The number of the newest change.
    pub(super) update_count: i32,
}

/// `UserStore.getUser`, once a run.
pub(super) async fn user(client: &Client) -> Result<Arc<User>> {
    let ask = || async {
        check_version(client).await?;
        let user = ask(client, &user_store(client), "getUser", token(client)?).await?;
        Ok(User {
            id: user.int(1).ok_or_else(|| Error::unexpected("getUser", "no id"))?,
            shard: user.text(14).unwrap_or_default(),
            username: user.text(2).unwrap_or_default(),
            email: user.text(3).filter(|email| !email.is_empty()),
            name: user.text(4).filter(|name| !name.is_empty()),
        })
    };
    client.once("user", ask).await
}

/// `UserStore.checkVersion`, which a client calls before any other.
async fn check_version(client: &Client) -> Result<()> {
    let (name, major, minor) = CLIENT;
    let arguments = Fields::default().with(1, name).with(2, major).with(3, minor);
    match call(client, &user_store(client), "checkVersion", arguments).await? {
        Datum::Bool(true) => Ok(()),
        _ => Err(Error::unexpected("checkVersion", "this version is no longer served")),
    }
}

/// `NoteStore.getSyncState`.
pub(super) async fn sync_state(client: &Client) -> Result<SyncState> {
    let state = ask(client, &note_store(client).await?, "getSyncState", token(client)?).await?;
    let lacking = |what| Error::unexpected("getSyncState", what);
    Ok(SyncState {
        now: state.int(1).ok_or_else(|| lacking("no time"))?,
        full_sync_before: state.int(2).unwrap_or(0),
        update_count: number(&state, 3).ok_or_else(|| lacking("no update count"))?,
    })
}

/// `NoteStore.getFilteredSyncChunk`: notes, notebooks, tags and what was expunged, in the order of their changes.
pub(super) async fn chunk(client: &Client, after: i32, size: i32) -> Result<Fields> {
    let mut filter = Fields::default();
    // Notes, their resources and attributes, notebooks, tags; what was expunged.
    for included in [1, 2, 3, 4, 5, 9] {
        filter = filter.with(included, true);
    }
    let arguments = token(client)?.with(2, after).with(3, size).with(4, filter);
    ask(client, &note_store(client).await?, "getFilteredSyncChunk", arguments).await
}

/// `NoteStore.getNoteWithResultSpec`: a note with its content, without the bytes of its files.
pub(super) async fn note(client: &Client, guid: &str) -> Result<Fields> {
    let with_content = Fields::default().with(1, true);
    let arguments = token(client)?.with(2, guid).with(3, with_content);
    ask(client, &note_store(client).await?, "getNoteWithResultSpec", arguments).await
}

/// A field of 32 bits.
pub(super) fn number(of: &Fields, id: i16) -> Option<i32> {
    of.int(id).and_then(|n| i32::try_from(n).ok())
}

/// The first argument of nearly every call.
fn token(client: &Client) -> Result<Fields> {
    let token = client.secret("access_token");
    let token = token.ok_or_else(|| Error::invalid("access_token", "is missing"))?;
    Ok(Fields::default().with(1, token.expose_secret()))
}

fn user_store(client: &Client) -> String {
    let given = client.setting("note_store_url").and_then(|url| Url::parse(url).ok());
    let host = given.as_ref().and_then(Url::host_str).unwrap_or(DEFAULT_HOST);
    format!("https://{host}/edam/user")
}

/// Each account has its own; one that was linked by hand may have been given without it.
async fn note_store(client: &Client) -> Result<String> {
    if let Some(url) = client.setting("note_store_url") {
        return Ok(url.to_owned());
    }
    let ask = || async {
        let urls = ask(client, &user_store(client), "getUserUrls", token(client)?).await?;
        urls.text(1).ok_or_else(|| Error::unexpected("getUserUrls", "no address of notes"))
    };
    Ok(client.once("note store", ask).await?.to_string())
}

async fn ask(client: &Client, url: &str, method: &str, arguments: Fields) -> Result<Fields> {
    match call(client, url, method, arguments).await? {
        Datum::Struct(result) => Ok(result),
        _ => Err(Error::unexpected(method, "no struct")),
    }
}

async fn call(client: &Client, url: &str, method: &str, arguments: Fields) -> Result<Datum> {
    let request = thrift::call(method, &arguments)?;
    let call = client.post(url).anonymous().idempotent().header("accept", thrift::CONTENT_TYPE);
    let answer = call.body(thrift::CONTENT_TYPE, request).answer().await?;
    match thrift::reply(method, &answer.body)? {
        Reply::Result(result) => Ok(result),
        Reply::Exception(3, _) => Err(Error::NotFound),
        Reply::Exception(_, exception) => Err(meaning(method, &exception)),
    }
}

/// What an `EDAMUserException` or an `EDAMSystemException` means: both bear a code in their first field.
fn meaning(method: &str, exception: &Fields) -> Error {
    let code = exception.int(1).unwrap_or_default();
    match code {
        8 => Error::Reconnect("Evernote no longer takes the token: it was revoked".into()),
        9 => Error::Reconnect("the token has ended; Evernote gives one for a year at most".into()),
        3 => Error::Forbidden("the key of the token may not read notes".into()),
        20 | 28 => Error::Forbidden("the business asks for a sign-in of its own".into()),
        19 => {
            let pause = exception.int(3).and_then(|seconds| u64::try_from(seconds).ok());
            Error::RateLimited(Duration::from_secs(pause.unwrap_or(0)))
        }
        1 | 4 | 12 => Error::Unavailable(format!("Evernote answered error {code}")),
        _ => Error::unexpected(method, format!("error {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_what_to_do() {
        let of = |code: i32| meaning("getNote", &Fields::default().with(1, code));
        assert!(matches!(of(8), Error::Reconnect(_)));
        assert!(matches!(of(9), Error::Reconnect(_)));
        assert!(matches!(of(3), Error::Forbidden(_)));
        assert!(matches!(of(12), Error::Unavailable(_)));
        assert!(matches!(of(77), Error::Unexpected { .. }));
        assert_eq!(of(19), Error::RateLimited(Duration::ZERO));
        let hour = Fields::default().with(1, 19).with(3, 2868);
        assert_eq!(meaning("getNote", &hour), Error::RateLimited(Duration::from_secs(2868)));
    }
}
