//! Atlassian's document format to Markdown.
//!
//! Atlassian developer documentation, "Atlassian Document Format".

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::wire::time;

/// Levels of nesting that show; what lies deeper is left out.
const LEVELS: usize = 40;

/// The text of a document; `None` where it has none. A plain text, as older versions of the API give, stays as it is.
pub fn to_markdown(document: &Value) -> Option<String> {
    let text = match document {
        Value::String(text) => text.clone(),
        node => lines(node, 0).join("\n"),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn content(node: &Value) -> impl Iterator<Item = &Value> {
    node.get("content").and_then(Value::as_array).into_iter().flatten()
}

fn kind(node: &Value) -> &str {
    node.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn attribute<'a>(node: &'a Value, name: &str) -> Option<&'a str> {
    node.get("attrs")?.get(name)?.as_str()
}

/// The lines of a block.
fn lines(node: &Value, level: usize) -> Vec<String> {
    if level > LEVELS {
        return Vec::new();
    }
    let inside = || -> Vec<String> { content(node).flat_map(|it| lines(it, level + 1)).collect() };
    match kind(node) {
        "paragraph" | "taskItem" | "decisionItem" | "caption" => split(&inline(node)),
        "heading" => {
            let depth = node.get("attrs").and_then(|of| of.get("level")).and_then(Value::as_u64);
            let marks = "#".repeat(depth.unwrap_or(1).clamp(1, 6) as usize);
            split(&format!("{marks} {}", inline(node)))
        }
        "codeBlock" => {
            let code = split(&inline(node));
            [vec!["```".to_owned()], code, vec!["```".to_owned()]].concat()
        }
        "blockquote" => inside().iter().map(|line| format!("> {line}")).collect(),
        "orderedList" => items(node, level, |at| format!("{}. ", at + 1)),
        "bulletList" | "taskList" | "decisionList" => items(node, level, |_| "- ".to_owned()),
        "tableRow" => {
            let cells = content(node).map(|cell| lines(cell, level + 1).join(" "));
            vec![format!("| {} |", cells.collect::<Vec<_>>().join(" | "))]
        }
        "expand" | "nestedExpand" => {
            let title = attribute(node, "title").filter(|title| !title.is_empty());
            [title.map(split).unwrap_or_default(), inside()].concat()
        }
        "doc" => {
            let blocks = content(node).map(|it| lines(it, level + 1).join("\n"));
            let blocks: Vec<String> = blocks.filter(|block| !block.is_empty()).collect();
            split(&blocks.join("\n\n"))
        }
        // Cards of a line of their own, and what the format will have one day.
        _ if node.get("content").is_none() => split(&piece(node)),
        _ => inside(),
    }
}

fn split(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

fn items(list: &Value, level: usize, mark: impl Fn(usize) -> String) -> Vec<String> {
    let item = |(at, item): (usize, &Value)| {
        let mark = mark(at);
        let indent = " ".repeat(mark.len());
        let lines = lines(item, level + 1).into_iter().enumerate();
        lines.map(|(at, line)| format!("{}{line}", if at == 0 { &mark } else { &indent })).collect()
    };
    content(list).enumerate().flat_map(|it| -> Vec<String> { item(it) }).collect()
}

/// The text of what stands in one line.
fn inline(node: &Value) -> String {
    content(node).map(piece).collect()
}

fn piece(node: &Value) -> String {
    let text = match kind(node) {
        "hardBreak" => Some("\n"),
        "emoji" => attribute(node, "text").or(attribute(node, "shortName")),
        "inlineCard" | "blockCard" | "embedCard" => attribute(node, "url"),
        "date" => return day(node).unwrap_or_default(),
        _ => node.get("text").and_then(Value::as_str).or(attribute(node, "text")),
    };
    let text = text.unwrap_or_default();
    let marks = node.get("marks").and_then(Value::as_array).into_iter().flatten();
    let link = marks.filter(|mark| kind(mark) == "link").find_map(|mark| attribute(mark, "href"));
    match link {
        Some(address) if address != text => format!("[{text}]({address})"),
        _ => text.to_owned(),
    }
}

fn day(node: &Value) -> Option<String> {
    let at = time::epoch_millis(attribute(node, "timestamp")?)?;
    Some(at.to_zoned(TimeZone::UTC).date().to_string())
}
