//! What may go on as a task: a call that a client looks after by itself. The program has none; the suite tries them, and
//! they are to come through our router unharmed.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities,
        CreateTaskResult, InputRequests, InputRequiredResult,
    },
    task_manager::{TaskContext, TaskExit, TaskOptions},
};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::{
    fixtures::{Context, Fixtures, result, text},
    rounds::{answered, field, form, request as asked},
};

/// The tools of this kind, and whether they can only be tasks.
const TOOLS: [(&str, bool); 7] = [
    ("greet", false),
    ("slow_compute", false),
    ("protocol_error_job", false),
    ("failing_job", true),
    ("confirm_delete", true),
    ("multi_input", true),
    ("test_tool_with_task", true),
];

pub fn tools() -> impl Iterator<Item = (&'static str, Value)> {
    TOOLS.into_iter().map(|(name, _)| {
        let properties = match name {
            "greet" => json!({"name": {"type": "string"}}),
            "slow_compute" => json!({"seconds": {"type": "number"}, "label": {"type": "string"}}),
            "confirm_delete" => json!({"filename": {"type": "string"}}),
            _ => json!({}),
        };
        (name, json!({"properties": properties}))
    })
}

pub fn is_one(name: &str) -> bool {
    TOOLS.iter().any(|(known, _)| *known == name)
}

pub async fn call(
    fixtures: &Fixtures,
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<CallToolResponse, ErrorData> {
    let name = request.name.to_string();
    let can = context.client_capabilities().is_some_and(|can| can.supports_tasks());
    if !can && TOOLS.contains(&(name.as_str(), true)) {
        return Err(ErrorData::missing_required_client_capability(
            ClientCapabilities::builder().enable_tasks().build(),
        ));
    }
    let given = request.arguments.clone().unwrap_or_default();
    let mut who = given.get("name").and_then(Value::as_str).unwrap_or("you").to_owned();
    if name == "greet" {
        return Ok(text(format!("Hello, {who}!")).into());
    }
    if name == "test_tool_with_task" {
        let Some(answer) = answered(request.input_responses.as_ref(), "user_name") else {
            let question = asked(form("What is your name?", "name", "string"));
            let asks = InputRequests::from([("user_name".to_owned(), question)]);
            return Ok(InputRequiredResult::new(Some(asks), None).into());
        };
        who = field(answer, "name");
    }
    if !can {
        return work(&name, &given, &who).await.map(Into::into);
    }
    let task = fixtures.tasks.spawn(TaskOptions::default(), move |task| {
        Box::pin(async move {
            if matches!(name.as_str(), "confirm_delete" | "multi_input") {
                return asking(&name, &given, &task).await;
            }
            tokio::select! {
                () = task.cancelled() => Err(TaskExit::Cancelled),
                done = work(&name, &given, &who) => done.map_err(TaskExit::Error),
            }
        })
    });
    Ok(CreateTaskResult::new(task).into())
}

/// What is done without asking anybody.
async fn work(
    name: &str,
    given: &Map<String, Value>,
    who: &str,
) -> Result<CallToolResult, ErrorData> {
    match name {
        "slow_compute" => {
            let seconds = given.get("seconds").and_then(Value::as_f64).unwrap_or(1.0);
            sleep(Duration::from_secs_f64(seconds)).await;
            Ok(text(format!("slow_compute done after {seconds} s")))
        }
        "failing_job" => {
            sleep(Duration::from_millis(500)).await;
            Ok(result(
                json!({"content": [{"type": "text", "text": "the job failed"}], "isError": true}),
            ))
        }
        "protocol_error_job" => {
            sleep(Duration::from_millis(200)).await;
            Err(ErrorData::internal_error("the job broke the protocol", None))
        }
        _ => Ok(text(format!("Hello, {who}! (as a task)"))),
    }
}

/// What asks its client for something on the way.
async fn asking(
    name: &str,
    given: &Map<String, Value>,
    task: &TaskContext,
) -> Result<CallToolResult, TaskExit> {
    let answer = |value: Value, of: &str| {
        value.as_object().map(|answer| field(answer, of)).unwrap_or_default()
    };
    if name == "confirm_delete" {
        let file = given.get("filename").and_then(Value::as_str).unwrap_or("a file");
        let question = asked(form(&format!("Delete {file}?"), "confirm", "boolean"));
        let said = task.request_input("confirm", question).await?;
        return Ok(text(format!("{file}: {}", answer(said, "confirm"))));
    }
    let question = |which: &str| asked(form(&format!("The value {which}?"), "value", "string"));
    let (a, b) = tokio::join!(
        task.request_input("input-a", question("A")),
        task.request_input("input-b", question("B")),
    );
    Ok(text(format!("{}, {}", answer(a?, "value"), answer(b?, "value"))))
}
