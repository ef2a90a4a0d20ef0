//! A client in short: launches the server over stdio, lists its tools, and searches.
//!
//! `cargo run --example mcp_client -- /path/to/neotoma quarterly report`

use std::io::{self, Write as _};

use anyhow::Context as _;
use rmcp::{ServiceExt as _, model::CallToolRequestParams, transport::TokioChildProcess};
use serde_json::{Value, json};
use tokio::process::Command;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().unwrap_or_else(|| "neotoma".to_owned());
    let words: Vec<String> = arguments.collect();

    let mut server = Command::new(&program);
    server.arg("serve");
    let transport = TokioChildProcess::new(server)
        .with_context(|| format!("{program} cannot be launched: name the program first"))?;
    let client = ().serve(transport).await?;

    let mut out = io::stdout();
    for tool in client.list_all_tools().await? {
        writeln!(out, "{:24} {}", tool.name, tool.title.unwrap_or_default())?;
    }

    let asked = json!({"query": words.join(" "), "limit": 5});
    let call = CallToolRequestParams::new("search_records")
        .with_arguments(asked.as_object().cloned().unwrap_or_default());
    let answer = client.call_tool(call).await?;
    if answer.is_error == Some(true) {
        // What to do next stands in the text, as it does for a model.
        for text in answer.content.iter().filter_map(|block| block.as_text()) {
            writeln!(out, "{}", text.text)?;
        }
    }
    let found = answer.structured_content.unwrap_or_default();
    let records = found.get("records").and_then(Value::as_array);
    for record in records.into_iter().flatten() {
        // The texts were written by others: a terminal must not obey them.
        let of = |name| {
            let text = record.get(name).and_then(Value::as_str).unwrap_or_default();
            text.chars().filter(|c| !c.is_control()).collect::<String>()
        };
        let title = [of("title"), of("excerpt")].into_iter().find(|text| !text.is_empty());
        writeln!(out, "{}  {}  {}", of("occurred_at"), of("account"), title.unwrap_or_default())?;
    }
    client.cancel().await?;
    Ok(())
}
