//! Confluence's storage format to Markdown: XHTML with macros.
//!
//! Confluence documentation, "Confluence Storage Format".

use crate::wire::html;

/// Elements whose content is no text of the page.
const SILENT: [&str; 4] = ["ac:parameter", "ac:task-id", "ac:task-uuid", "ac:task-status"];
/// Confluence's elements, and what stands for them in HTML. Of all others only the content is kept.
const LIKE: [(&str, &str); 7] = [
    ("ac:plain-text-body", "pre"),
    ("ac:rich-text-body", "div"),
    ("ac:layout-section", "div"),
    ("ac:layout-cell", "div"),
    ("ac:task-list", "ul"),
    ("ac:task", "li"),
    ("ac:task-body", "span"),
];

/// The text of a page. Linear in its length, whatever it is.
pub fn to_markdown(page: &str) -> String {
    html::to_markdown(&to_html(page))
}

fn to_html(page: &str) -> String {
    let mut html = String::with_capacity(page.len());
    let mut rest = page;
    let mut unclosed = false;
    while let Some((before, tag)) = rest.split_once('<') {
        html.push_str(before);
        if let Some(data) = tag.strip_prefix("![CDATA[") {
            // Code: as it is, not with its entities decoded.
            let (data, after) = data.split_once("]]>").unwrap_or((data, ""));
            html.push_str(&data.replace('&', "&amp;").replace('<', "&lt;"));
            rest = after;
            continue;
        }
        let Some((inside, after)) = tag.split_once('>') else { break };
        rest = after;
        let name = inside.trim_start_matches('/').split([' ', '\n', '\t', '/']).next();
        let name = name.unwrap_or_default();
        if SILENT.contains(&name) && !inside.ends_with('/') && !unclosed {
            match after.split_once(&format!("</{name}>")) {
                Some((_, after)) => rest = after,
                // Of what is not closed nothing is left out, nor looked for again.
                None => unclosed = true,
            }
        } else if let Some((_, like)) = LIKE.iter().find(|(own, _)| *own == name) {
            if !inside.ends_with('/') {
                html.push_str(if inside.starts_with('/') { "</" } else { "<" });
                html.push_str(like);
                html.push('>');
            }
        } else if !name.contains(':') {
            html.push('<');
            html.push_str(inside);
            html.push('>');
        }
    }
    html + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_give_their_bodies_and_neither_their_parameters_nor_their_marks() {
        let page = r#"<ac:layout><ac:layout-section ac:type="single"><ac:layout-cell><h2>Worker</h2>
            <p>Say hello &amp; go.</p></ac:layout-cell></ac:layout-section></ac:layout>
            <ac:structured-macro ac:name="code"><ac:parameter ac:name="language">bash</ac:parameter>
            <ac:plain-text-body><![CDATA[if a < b && c; then]]></ac:plain-text-body></ac:structured-macro>
            <ac:structured-macro ac:name="info"><ac:rich-text-body><p>Mind <ac:link><ri:page ri:content-title="X" />
            <ac:link-body>the gap</ac:link-body></ac:link></p></ac:rich-text-body></ac:structured-macro>
            <ac:task-list><ac:task><ac:task-id>7</ac:task-id><ac:task-status>incomplete</ac:task-status>
            <ac:task-body>Ship</ac:task-body></ac:task></ac:task-list>"#;
        let text = to_markdown(page);
        for piece in ["## Worker", "Say hello & go.", "if a < b && c; then", "the gap", "Ship"] {
            assert!(text.contains(piece), "{piece}: {text}");
        }
        for piece in ["bash", "CDATA", "ac:", "ri:", "7", "incomplete"] {
            assert!(!text.contains(piece), "{piece}: {text}");
        }
    }

    #[test]
    fn what_is_never_closed_is_read_to_the_end() {
        assert_eq!(to_markdown("a<ac:parameter>b<ac:parameter>c"), "abc");
        assert_eq!(to_markdown("a<![CDATA[b & c"), "ab & c");
        assert_eq!(to_markdown("<p>a</p><ac:task"), "a");
    }
}
