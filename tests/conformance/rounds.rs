//! What takes more than one round: a result that asks for something, and the same call again with what was asked for.

use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, GetPromptRequestParams, GetPromptResponse,
        GetPromptResult, InputRequest, InputRequiredResult, InputResponses,
    },
};
use serde_json::{Map, Value, json};

use crate::fixtures::{Context, Fixtures, message, result, text};

/// The tools of this kind.
pub const TOOLS: [&str; 8] = [
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_capabilities",
];
/// The prompt of this kind.
pub const PROMPT: &str = "test_input_required_result_prompt";

/// Something asked of a client: under which name, and what.
type Asked = (&'static str, Value);

/// A form of one field.
pub fn form(question: &str, field: &str, kind: &str) -> Value {
    let schema =
        json!({"type": "object", "properties": {field: {"type": kind}}, "required": [field]});
    json!({"method": "elicitation/create", "params": {"mode": "form", "message": question, "requestedSchema": schema}})
}

fn sampling(question: &str) -> Value {
    let said = json!([{"role": "user", "content": {"type": "text", "text": question}}]);
    json!({"method": "sampling/createMessage", "params": {"messages": said, "maxTokens": 100}})
}

fn roots() -> Value {
    json!({"method": "roots/list", "params": {}})
}

pub fn request(value: Value) -> InputRequest {
    message(value)
}

fn ask(asked: impl IntoIterator<Item = Asked>, state: Option<String>) -> InputRequiredResult {
    let asked = asked.into_iter().map(|(name, of)| (name.to_owned(), request(of))).collect();
    InputRequiredResult::new(Some(asked), state)
}

/// One question, to be answered in the next round.
pub fn question() -> InputRequiredResult {
    ask([("value", form("Provide a value", "value", "string"))], None)
}

/// What came back under a name; what is no object is no answer.
pub fn answered<'a>(
    answers: Option<&'a InputResponses>,
    name: &str,
) -> Option<&'a Map<String, Value>> {
    answers?.get(name)?.as_object()
}

/// A field of a form that came back.
pub fn field(answer: &Map<String, Value>, name: &str) -> String {
    let value = answer.get("content").and_then(|content| content.get(name));
    value
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .unwrap_or_default()
}

/// The round that a state was sealed in, counted from 1; 0 for a call that brings none.
fn round(fixtures: &Fixtures, state: Option<&str>) -> Result<u32, ErrorData> {
    let Some(state) = state else { return Ok(0) };
    let opened = fixtures.seal.open_json(state);
    opened.map_err(|_| ErrorData::invalid_params("requestState is none of ours", None))
}

pub fn call(
    fixtures: &Fixtures,
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<CallToolResponse, ErrorData> {
    let answers = request.input_responses.as_ref();
    let round = round(fixtures, request.request_state.as_deref())?;
    let sealed = |round: u32| Some(fixtures.seal.seal_json(&round).unwrap());
    let name = || ("user_name", form("What is your name?", "name", "string"));
    let capital = || ("capital_question", sampling("What is the capital of France?"));
    let confirm = || ("confirm", form("Please confirm", "ok", "boolean"));
    let asked = match request.name.as_ref() {
        "test_input_required_result_elicitation" => match answered(answers, "user_name") {
            Some(answer) => return Ok(text(format!("Hello, {}!", field(answer, "name"))).into()),
            None => ask([name()], None),
        },
        "test_input_required_result_sampling" => match answered(answers, "capital_question") {
            Some(answer) => return Ok(text(Value::from(answer.clone()).to_string()).into()),
            None => ask([capital()], None),
        },
        "test_input_required_result_list_roots" => match answered(answers, "client_roots") {
            Some(answer) => return Ok(text(Value::from(answer.clone()).to_string()).into()),
            None => ask([("client_roots", roots())], None),
        },
        "test_input_required_result_multiple_inputs" => {
            let asked =
                [name(), ("greeting", sampling("Generate a greeting")), ("client_roots", roots())];
            if round == 1 && asked.iter().all(|(name, _)| answered(answers, name).is_some()) {
                return Ok(text("All is there.").into());
            }
            ask(asked, sealed(1))
        }
        "test_input_required_result_multi_round" => match round {
            0 => ask([("step1", form("Step 1: What is your name?", "name", "string"))], sealed(1)),
            1 => ask(
                [("step2", form("Step 2: What is your favorite color?", "color", "string"))],
                sealed(2),
            ),
            _ => return Ok(text("That was the last round.").into()),
        },
        "test_input_required_result_capabilities" => {
            let can = context.client_capabilities().unwrap_or_default();
            let name = can.elicitation.is_some().then(name);
            let capital = can.sampling.is_some().then(capital);
            ask(name.into_iter().chain(capital), None)
        }
        // With a state: the two scenarios that bring it back, as it was and tampered with.
        _ => match (round, answered(answers, "confirm")) {
            (1, Some(_)) => return Ok(text("state-ok").into()),
            _ => ask([confirm()], sealed(1)),
        },
    };
    Ok(asked.into())
}

pub fn prompt(request: &GetPromptRequestParams) -> GetPromptResponse {
    let Some(answer) = answered(request.input_responses.as_ref(), "user_context") else {
        let question = form("What context should the prompt use?", "context", "string");
        return ask([("user_context", question)], None).into();
    };
    let said = json!({"type": "text", "text": field(answer, "context")});
    let messages = json!([{"role": "user", "content": said}]);
    result::<GetPromptResult>(json!({"messages": messages})).into()
}
