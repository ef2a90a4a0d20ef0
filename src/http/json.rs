//! Reading JSON as vendors send it.

use std::cell::Cell;

use serde::de::DeserializeOwned;

use super::redact;

/// Reads an answer. NUL characters, which Postgres cannot store, are dropped from texts and keys; halves of surrogate
/// pairs, which are no characters, become U+FFFD; a byte order mark is passed over. Where that is not enough, bytes that
/// are no UTF-8 are replaced too and the answer is read once more.
///
/// It is parsed where it arrived: a page of 4 MiB takes some ten milliseconds, less than moving it to a thread is worth.
///
/// # Errors
/// The path in the answer (empty for the whole) and what is wrong there, without a word of the answer.
pub(super) fn read<T: DeserializeOwned>(body: &mut Vec<u8>) -> Result<T, (String, String)> {
    scrub(body);
    if let Some(value) = read_plainly(body) {
        return Ok(value);
    }
    let first = parse(body);
    if first.is_ok() || (!body.contains(&0) && std::str::from_utf8(body).is_ok()) {
        return first;
    }
    body.retain(|byte| *byte != 0);
    parse(String::from_utf8_lossy(body).as_bytes())
}

thread_local! {
    static LISTS: Cell<Lists> = const { Cell::new(Lists::Lenient) };
}

/// How lists that leave out odd items read them, in this thread at this moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lists {
    /// Each for itself.
    Lenient,
    /// As if none were odd.
    Plain,
    /// The same, and one was.
    Odd,
}

/// Whether an answer is being read for which a list need not tell its odd items from the others: nearly none has any, and
/// taking each item apart twice is most of the work. A list that meets one says so by [`found_odd`], and gives up: the
/// answer is then read once more, item by item.
pub(crate) fn is_plain() -> bool {
    LISTS.get() != Lists::Lenient
}

/// See [`is_plain`].
pub(crate) fn found_odd() {
    LISTS.set(Lists::Odd);
}

/// The answer, if it is in order from end to end.
fn read_plainly<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    /// However reading ends, the next answer of this thread is read afresh.
    struct Afresh;
    impl Drop for Afresh {
        fn drop(&mut self) {
            LISTS.set(Lists::Lenient);
        }
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    LISTS.set(Lists::Plain);
    let _afresh = Afresh;
    let value = serde_json::from_slice(body).ok()?;
    (LISTS.get() == Lists::Plain).then_some(value)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, (String, String)> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| (redact::answer_path(error.path()), cause(error.inner())))?;
    json.end().map_err(|error| (String::new(), cause(&error)))?;
    Ok(value)
}

/// What is wrong, in words of ours alone: serde's message may quote the answer.
fn cause(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    if error.is_eof() {
        return "the JSON breaks off".into();
    }
    if !error.is_data() {
        return "not JSON".into();
    }
    if message.starts_with("missing field") {
        return message.to_owned();
    }
    let found =
        message.strip_prefix("invalid type: ").and_then(|what| what.split([' ', ',']).next());
    match (found, message.rsplit_once(", expected ")) {
        (Some(found), Some((_, expected))) => format!("{found} instead of {expected}"),
        _ => "not the promised shape".into(),
    }
}

/// Takes out, in place, the escapes that stand for no storable character. In JSON a backslash stands only in texts and
/// keys, so no more of the grammar is needed.
fn scrub(body: &mut Vec<u8>) {
    let (mut from, mut dropped) = (0, false);
    while let Some(at) = next_backslash(body, from) {
        let rest = body.get_mut(at..).unwrap_or_default();
        let length = match escape(rest) {
            None => 2,
            Some(0) => {
                // A raw NUL stands nowhere in JSON: all of them are dropped below.
                rest.iter_mut().take(6).for_each(|byte| *byte = 0);
                dropped = true;
                6
            }
            Some(0xd800..=0xdbff) if is_low_half(rest) => 12,
            Some(0xd800..=0xdfff) => {
                rest.iter_mut().zip(b"\\ufffd").for_each(|(byte, new)| *byte = *new);
                6
            }
            Some(_) => 6,
        };
        from = at + length;
    }
    if dropped {
        body.retain(|byte| *byte != 0);
    }
}

fn next_backslash(body: &[u8], from: usize) -> Option<usize> {
    Some(from + body.get(from..)?.iter().position(|byte| *byte == b'\\')?)
}

/// The code unit of an escape `\uXXXX` at the beginning of `text`.
fn escape(text: &[u8]) -> Option<u16> {
    let [b'\\', b'u', digits @ ..] = text.get(..6)? else { return None };
    digits.iter().try_fold(0, |code: u16, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(code << 4 | u16::try_from(digit).ok()?)
    })
}

fn is_low_half(pair: &[u8]) -> bool {
    pair.get(6..).and_then(escape).is_some_and(|low| (0xdc00..=0xdfff).contains(&low))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::Many;

    fn text(body: &str) -> Value {
        read(&mut body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn nul_and_lone_surrogates_do_not_lose_the_answer() {
        for (sent, read) in [
            (r#"{"a\u0000b": "c\u0000\u0000"}"#, json!({"ab": "c"})),
            (r#"["\ud83d\ude00"]"#, json!(["😀"])),
            (r#"["\ud83d", "x\uDE00y"]"#, json!(["\u{fffd}", "x\u{fffd}y"])),
            (r#"["\ud83d\ud83d\ude00"]"#, json!(["\u{fffd}😀"])),
            (r#"["\ud83d\u0000\ude00"]"#, json!(["\u{fffd}\u{fffd}"])),
            (r#"["\\u0000 \\ud800 \n \u00e9"]"#, json!(["\\u0000 \\ud800 \n é"])),
            ("\u{feff}[\"a\0b\"]", json!(["ab"])),
        ] {
            assert_eq!(text(sent), read, "{sent}");
        }
        let broken_utf8 = read::<Value>(&mut b"[\"a\xff\"]".to_vec()).unwrap();
        assert_eq!(broken_utf8, json!(["a\u{fffd}"]));
    }

    #[test]
    fn scrubbing_what_is_no_json_neither_panics_nor_reads_past_the_end() {
        for odd in [
            "\\",
            "\\u",
            "\\u00",
            "\\u000",
            "\\ud800",
            "\\ud800\\",
            "\\ud800\\u",
            "\\ud800\\udc0",
            "\\uzzzz",
        ] {
            for cut in 0..=odd.len() {
                let mut body = odd.as_bytes()[..cut].to_vec();
                assert!(read::<Value>(&mut body).is_err(), "{odd}");
            }
        }
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read for its errors")]
    struct Answer {
        messages: Vec<Message>,
        #[serde(default)]
        people: HashMap<String, Message>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read for its errors")]
    struct Message {
        ts: String,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Post,
    }

    #[test]
    fn errors_name_the_path_and_never_the_text() {
        for (sent, at, cause) in [
            (
                r#"{"messages": [{"ts": "1"}, {"ts": 17}]}"#,
                "messages[1].ts",
                "integer instead of a string",
            ),
            (r#"{"messages": [{}]}"#, "messages[0]", "missing field `ts`"),
            (r#"{"messages": "hush, expected"}"#, "messages", "string instead of a sequence"),
            (
                r#"{"messages": [{"ts": "", "kind": "hush"}]}"#,
                "messages[0].kind",
                "not the promised shape",
            ),
            (
                r#"{"messages": [], "people": {"hush@example.com": {"ts": null}}}"#,
                "people.*.ts",
                "null instead of a string",
            ),
            (r#"{"messages": [{"ts": "hus"#, "messages[0].ts", "the JSON breaks off"),
            ("<html>hush</html>", "", "not JSON"),
            (r#"{"messages": []} hush"#, "", "not JSON"),
        ] {
            let error = read::<Answer>(&mut sent.as_bytes().to_vec()).unwrap_err();
            assert_eq!(error, (at.to_owned(), cause.to_owned()), "{sent}");
        }
    }

    #[test]
    fn an_odd_item_is_left_out_wherever_its_list_stands_and_whoever_forgives_its_error() {
        #[derive(Debug, Deserialize)]
        #[serde(untagged)]
        enum Either {
            Listed { items: Many<Message> },
            Other {},
        }
        let sent = r#"{"items": [{"ts": "1"}, {"ts": 2}, 3, {"ts": "4"}]}"#;
        let read_again: Either = read(&mut sent.as_bytes().to_vec()).unwrap();
        let Either::Listed { items } = read_again else {
            panic!("an error was swallowed: {read_again:?}")
        };
        assert_eq!((items.len(), items.skipped), (2, 2));
        assert!(!is_plain(), "the next answer is read afresh");
        let plain: Many<Message> = read(&mut br#"[{"ts": "1"}, {"ts": "2"}]"#.to_vec()).unwrap();
        assert_eq!((plain.len(), plain.skipped), (2, 0));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read::<Value>(&mut deep.into_bytes()).is_err());
    }
}
