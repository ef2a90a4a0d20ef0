//! The text of a page: its blocks, as Markdown.
//!
//! Facts: Notion API reference, "Retrieve block children", "Block".

use futures::future::BoxFuture;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::calls::{API, ITEMS, call};
use crate::{
    error::{Error, Result},
    http::Client,
    wire::Many,
};

/// How deep blocks lie in blocks at most, and how many answers are read of one page.
const DEPTH: usize = 12;
const ANSWERS: usize = 500;

#[derive(Deserialize)]
struct Blocks {
    /// Absent in a refusal.
    #[serde(default)]
    results: Many<Block>,
    next_cursor: Option<String>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Block {
    id: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    has_children: bool,
    /// What it says stands under the name of its type.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A page's text; none where there is none.
pub async fn text(client: &Client, page: &str) -> Result<Option<String>> {
    let (mut lines, mut left) = (Vec::new(), ANSWERS);
    read(client, page.to_owned(), 0, &mut left, &mut lines).await?;
    if left == 0 {
        tracing::warn!(page, "the end of a long page was left out");
    }
    Ok(Some(lines.join("\n")).filter(|text| !text.is_empty()))
}

fn read<'a>(
    client: &'a Client,
    parent: String,
    depth: usize,
    left: &'a mut usize,
    lines: &'a mut Vec<String>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let mut page = None;
        while *left > 0 {
            *left -= 1;
            let query = [("page_size", Some(ITEMS.to_string())), ("start_cursor", page)];
            let call = call(client.get(format!("{API}/blocks/{parent}/children"))).query(&query);
            // Children that the API does not give are refused with 400, those of linked databases with 404.
            let listed: Blocks = match call.accepting(StatusCode::BAD_REQUEST).json().await {
                Err(Error::NotFound) => return Ok(()),
                listed => listed?,
            };
            for block in listed.results {
                let is_own = matches!(block.kind.as_str(), "child_page" | "child_database");
                if let Some(line) = block.line().filter(|_| !is_own) {
                    lines.push(format!("{}{line}", "  ".repeat(depth)));
                }
                if block.has_children && !is_own && depth < DEPTH {
                    let depth = if block.is_frame() { depth } else { depth + 1 };
                    read(client, block.id, depth, left, lines).await?;
                }
            }
            page = listed.next_cursor.filter(|_| listed.has_more);
            if page.is_none() {
                break;
            }
        }
        Ok(())
    })
}

impl Block {
    /// Whether it only holds others.
    fn is_frame(&self) -> bool {
        matches!(self.kind.as_str(), "column_list" | "column" | "synced_block" | "table")
    }

    /// Its own text as a line of Markdown. Of unknown types what texts they have. Addresses of files are signed and end:
    /// only those of others' are kept.
    fn line(&self) -> Option<String> {
        let said = self.rest.get(&self.kind)?;
        let part = |name: &str| said.get(name).map(rich).filter(|text| !text.trim().is_empty());
        let text = part("rich_text").or_else(|| part("caption"));
        let is_checked = said.get("checked").and_then(Value::as_bool).unwrap_or_default();
        Some(match self.kind.as_str() {
            "heading_1" => format!("# {}", text?),
            "heading_2" => format!("## {}", text?),
            "heading_3" | "heading_4" => format!("### {}", text?),
            "bulleted_list_item" | "toggle" => format!("- {}", text?),
            "numbered_list_item" => format!("1. {}", text?),
            "to_do" => format!("- [{}] {}", if is_checked { "x" } else { " " }, text?),
            "quote" | "callout" => format!("> {}", text?),
            "code" => format!("```\n{}\n```", text?),
            "divider" => "---".into(),
            "equation" => format!("$${}$$", said.get("expression")?.as_str()?),
            "table_row" => {
                let cells = said.get("cells")?.as_array()?.iter().map(rich);
                format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
            }
            _ => {
                let outer = said.get("external").and_then(|external| external.get("url"));
                let url = said.get("url").or(outer).and_then(Value::as_str);
                match (text, url) {
                    (Some(text), Some(url)) => format!("[{text}]({url})"),
                    (text, url) => text.or_else(|| url.map(str::to_owned))?,
                }
            }
        })
    }
}

fn pieces(texts: &Value) -> impl Iterator<Item = (&str, Option<&str>)> {
    texts.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(|piece| {
        let href = piece.get("href").and_then(Value::as_str);
        Some((piece.get("plain_text")?.as_str()?, href))
    })
}

/// A rich text without its dress.
pub fn plain(texts: &Value) -> String {
    pieces(texts).map(|(text, _)| text).collect()
}

/// A rich text with its links.
fn rich(texts: &Value) -> String {
    let piece = |(text, href): (&str, Option<&str>)| match href {
        Some(href) if href.starts_with("http") && href != text => format!("[{text}]({href})"),
        _ => text.to_owned(),
    };
    pieces(texts).map(piece).collect()
}
