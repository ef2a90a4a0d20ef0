//! GraphQL: one call that reads `data` and `errors`, and what the errors mean.
//!
//! Vendors answer errors with status 200, with 400, or with one that fits, and beside them may stand the part of the data
//! that could be had. Source: GraphQL specification, "Response".

use std::{fmt, marker::PhantomData, time::Duration};

use reqwest::StatusCode;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer,
    },
};
use serde_json::{Value, json};

use crate::{
    error::{Error, Result},
    http::Call,
};

/// A vendor's own words: what one of its errors means, `None` where it says nothing special.
pub struct Dialect(pub fn(&Problem) -> Option<Error>);

/// What a query brought.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<R> {
    /// What was asked for.
    pub part: R,
    /// Errors beside it, each of which may hide an item: for `Page::skipping`.
    pub lost: u32,
}

impl Dialect {
    /// Asks a query. `part` picks out of the data what was asked for; `None` stands for a part that is not there.
    ///
    /// # Errors
    /// By the vendor's words where the part is missing, `Unexpected` where they say nothing special.
    pub async fn ask<T: DeserializeOwned, R>(
        &self,
        call: Call,
        query: &str,
        variables: &Value,
        part: impl FnOnce(T) -> Option<R>,
    ) -> Result<Found<R>> {
        match self.reply(call, query, variables, part).await? {
            Reply::Found(found) => Ok(found),
            Reply::TooComplex => Err(too_complex()),
        }
    }

    /// Asks for a page of `size` items, halved as long as the vendor finds the query too complex. `question` makes the call
    /// and the variables for a size; `size` ends as the one that did.
    ///
    /// # Errors
    /// As [`Self::ask`]; `Unexpected` where not even one item may be asked for.
    pub async fn ask_page<T: DeserializeOwned, R>(
        &self,
        size: &mut u32,
        query: &str,
        question: impl Fn(u32) -> (Call, Value),
        part: impl Fn(T) -> Option<R>,
    ) -> Result<Found<R>> {
        loop {
            let (call, variables) = question(*size);
            match self.reply(call, query, &variables, &part).await? {
                Reply::Found(found) => return Ok(found),
                Reply::TooComplex if *size > 1 => {
                    *size /= 2;
                    tracing::debug!(size, "the query was too complex");
                }
                Reply::TooComplex => return Err(too_complex()),
            }
        }
    }

    /// For a provider's `fault`: what an answer without data means. One that has a part of the data, or that only asks for a
    /// smaller query, is read by whoever asked.
    pub fn fault(&self, body: &Value) -> Option<Error> {
        let data = body.get("data").and_then(Value::as_object);
        if data.is_some_and(|data| data.values().any(|part| !part.is_null())) {
            return None;
        }
        let problems = Problem::all(body);
        if problems.iter().any(Problem::is_too_complex) {
            return None;
        }
        problems.iter().find_map(self.0)
    }

    async fn reply<T: DeserializeOwned, R>(
        &self,
        call: Call,
        query: &str,
        variables: &Value,
        part: impl FnOnce(T) -> Option<R>,
    ) -> Result<Reply<R>> {
        let call = call.body_json(&json!({"query": query, "variables": variables})).idempotent();
        let envelope: Envelope<T> =
            call.errors_in_ok().accepting(StatusCode::BAD_REQUEST).json().await?;
        let problems = Problem::all(&json!({
            "errors": envelope.errors,
            "error_code": envelope.error_code,
            "error_message": envelope.error_message,
        }));
        if let Some(part) = envelope.data.0.and_then(part) {
            for problem in problems.iter().take(LOGGED) {
                let (at, code) = (&problem.path, &problem.code);
                tracing::warn!(at, code, "the service left out a part of its answer");
            }
            let lost = u32::try_from(problems.len()).unwrap_or(u32::MAX);
            return Ok(Reply::Found(Found { part, lost }));
        }
        if problems.iter().any(Problem::is_too_complex) {
            return Ok(Reply::TooComplex);
        }
        Err(problems.iter().find_map(self.0).unwrap_or_else(|| unexplained(&problems)))
    }
}

/// Errors of one answer that are logged; more are only counted.
const LOGGED: usize = 3;

enum Reply<R> {
    Found(Found<R>),
    TooComplex,
}

fn too_complex() -> Error {
    Error::unexpected("query", "the service finds it too complex, whatever its page size")
}

fn unexplained(problems: &[Problem]) -> Error {
    let Some(problem) = problems.first() else {
        return Error::unexpected("data", "missing, without an error");
    };
    let at = if problem.path.is_empty() { "errors" } else { &problem.path };
    match problem.code.as_str() {
        "" => Error::unexpected(at, "the service answered an error without a code"),
        code => Error::unexpected(at, format!("the service answered {code}")),
    }
}

/// An error of an answer. What vendors agree on: a message, a path, and a code among the extensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The vendor's code, a word of ASCII letters; empty without one.
    pub code: String,
    /// The vendor's kind of error (`extensions.type`), in lower case; empty without one.
    pub kind: String,
    /// The message in lower case, to be read and never shown: it may quote what somebody wrote.
    pub message: String,
    /// Where in the answer, as `issues.nodes.3`; empty for the whole.
    pub path: String,
    /// How long the vendor asks to wait; zero where it says nothing.
    pub pause: Duration,
}

impl Problem {
    /// Problems of one answer that are read; what is beyond counts for nothing.
    const MOST: usize = 1_000;

    /// All errors of an answer. An error may be a mere text; and an answer may be one error as a whole, in a dress that
    /// monday.com had before 2025-01.
    pub fn all(body: &Value) -> Vec<Self> {
        let listed = body.get("errors").and_then(Value::as_array).into_iter().flatten();
        let mut problems: Vec<Self> = listed.take(Self::MOST).map(Self::of).collect();
        if let Some(code) = text(body, "error_code") {
            let message = text(body, "error_message").unwrap_or_default();
            problems.push(Self { code: word(code), message: lower(message), ..Self::default() });
        }
        problems
    }

    fn of(error: &Value) -> Self {
        let extensions = error.get("extensions").unwrap_or(&Value::Null);
        let seconds = extensions.get("retry_in_seconds").and_then(Value::as_f64);
        Self {
            code: word(text(extensions, "code").unwrap_or_default()),
            kind: lower(text(extensions, "type").unwrap_or_default()),
            message: lower(error.as_str().or(text(error, "message")).unwrap_or_default()),
            path: path(error.get("path").unwrap_or(&Value::Null)),
            pause: seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).unwrap_or_default(),
        }
    }

    /// Whether a smaller page would do. A budget that is spent is another matter: it comes back with time.
    fn is_too_complex(&self) -> bool {
        let said = ["query too complex", "query is too complex", "max complexity"];
        self.code == "maxComplexityExceeded" || said.iter().any(|said| self.message.contains(said))
    }
}

fn text<'a>(of: &'a Value, key: &str) -> Option<&'a str> {
    of.get(key).and_then(Value::as_str)
}

fn lower(text: &str) -> String {
    text.chars().take(300).collect::<String>().to_lowercase()
}

/// A word of the vendor's, not somebody's text.
fn word(text: &str) -> String {
    let plain = text.len() <= 100 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { text.to_owned() } else { String::new() }
}

/// A path in the answer; its names are those of the query.
fn path(path: &Value) -> String {
    let steps = path.as_array().into_iter().flatten().take(20).map(|step| match step {
        Value::String(name) => word(name),
        Value::Number(index) => index.to_string(),
        _ => String::new(),
    });
    steps.collect::<Vec<_>>().join(".")
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Envelope<T> {
    #[serde(default)]
    data: Data<T>,
    #[serde(default)]
    errors: Value,
    #[serde(default)]
    error_code: Value,
    #[serde(default)]
    error_message: Value,
}

/// The data, `None` where it is `null` or, as monday.com has it beside an error, an empty list.
struct Data<T>(Option<T>);

impl<T> Default for Data<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Data<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ReadData(PhantomData)).map(Self)
    }
}

struct ReadData<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ReadData<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Issues {
        issues: Option<Vec<u8>>,
    }

    fn meaning(problem: &Problem) -> Option<Error> {
        match problem.code.as_str() {
            "RATELIMITED" => Some(Error::RateLimited(problem.pause)),
            "FORBIDDEN" => Some(Error::Forbidden(problem.path.clone())),
            _ => None,
        }
    }

    fn fault(body: &Value) -> Option<Error> {
        Dialect(meaning).fault(body)
    }

    fn read(body: Value) -> Envelope<Issues> {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn data_is_read_whatever_stands_in_its_place() {
        let data = |body| read(body).data.0.map(|data| data.issues);
        assert_eq!(data(json!({"data": {"issues": [1]}})), Some(Some(vec![1])));
        assert_eq!(data(json!({"errors": [{}], "data": {"issues": null}})), Some(None));
        for none in [json!({"data": null}), json!({"data": [{}, 1]}), json!({"errors": []})] {
            assert!(data(none.clone()).is_none(), "{none}");
        }
        let odd = serde_json::from_value::<Envelope<Issues>>(json!({"data": {"issues": 7}}));
        assert!(odd.is_err());
    }

    #[test]
    fn an_error_is_read_in_every_dress() {
        let body = json!({"errors": ["Not Authenticated",
            {"message": "Slow", "path": ["issues", "nodes", 3, "labels"],
             "extensions": {"code": "RATELIMITED", "type": "Ratelimited", "retry_in_seconds": 7}}],
            "error_code": "CursorException", "error_message": "Expired"});
        let [bare, full, whole] = <[Problem; 3]>::try_from(Problem::all(&body)).unwrap();
        assert_eq!((bare.message.as_str(), bare.code.as_str()), ("not authenticated", ""));
        assert_eq!(
            (full.path.as_str(), full.kind.as_str()),
            ("issues.nodes.3.labels", "ratelimited")
        );
        assert_eq!(full.pause, Duration::from_secs(7));
        assert_eq!((whole.code.as_str(), whole.message.as_str()), ("CursorException", "expired"));
        for odd in [json!({"errors": 7}), json!([]), Value::Null, json!({"error_code": 7})] {
            assert_eq!(Problem::all(&odd), []);
        }
    }

    #[test]
    fn an_answer_without_data_means_its_first_error_that_says_something() {
        let problems = json!([{"extensions": {"code": "ODD"}},
            {"extensions": {"code": "RATELIMITED"}, "path": ["issues"]}]);
        let limited = Some(Error::RateLimited(Duration::ZERO));
        assert_eq!(fault(&json!({"errors": problems})), limited);
        assert_eq!(fault(&json!({"errors": problems, "data": null})), limited);
        assert_eq!(fault(&json!({"errors": problems, "data": {"issues": null}})), limited);
        let partial = json!({"errors": problems, "data": {"issues": [], "viewer": null}});
        assert_eq!(fault(&partial), None, "whoever asked reads it");
        assert_eq!(fault(&json!({"errors": [{"extensions": {"code": "ODD"}}]})), None);
    }

    #[test]
    fn a_query_that_is_too_complex_is_no_fault_and_a_spent_budget_is() {
        for said in [
            json!({"message": "Query too complex"}),
            json!({"message": "Query has complexity of 9, which exceeds max complexity of 5"}),
            json!({"message": "Slow", "extensions": {"code": "maxComplexityExceeded"}}),
        ] {
            assert!(Problem::of(&said).is_too_complex(), "{said}");
            assert_eq!(fault(&json!({"errors": [said]})), None);
        }
        let spent = json!({"message": "Complexity budget exhausted",
            "extensions": {"code": "COMPLEXITY_BUDGET_EXHAUSTED"}});
        assert!(!Problem::of(&spent).is_too_complex());
    }

    #[test]
    fn what_an_unknown_error_is_told_as_holds_none_of_its_text() {
        let told =
            |error: Value| unexplained(&Problem::all(&json!({"errors": [error]}))).to_string();
        let odd = told(json!({"message": "hush", "path": ["me", "<hush>"],
            "extensions": {"code": "hush, <b>"}}));
        assert_eq!(odd, "unexpected answer at me.: the service answered an error without a code");
        let named = told(json!({"message": "hush", "extensions": {"code": "USER_ERROR"}}));
        assert_eq!(named, "unexpected answer at errors: the service answered USER_ERROR");
    }
}
