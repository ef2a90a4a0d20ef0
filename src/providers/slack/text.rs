//! Slack's mrkdwn made readable.
//!
//! "Formatting text for app surfaces": mentions and links stand in angle brackets; `&`, `<` and `>` of the text itself
//! are escaped, and nothing else is.

use super::message::{Names, User};

/// The text with names for ids and Markdown for links. What is bold, struck or code keeps its signs.
pub fn readable(text: &str, names: &Names<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(&unescape(before));
        let Some((inner, more)) = after.split_once('>') else {
            out.push('<');
            rest = after;
            break; // no bracket closes any more
        };
        out.push_str(&unescape(&meant(inner, names)));
        rest = more;
    }
    out.push_str(&unescape(rest));
    out
}

/// What a bracket stands for.
fn meant(inner: &str, names: &Names<'_>) -> String {
    let (what, label) = inner.split_once('|').unwrap_or((inner, ""));
    let label = Some(label).filter(|label| !label.is_empty());
    if let Some(id) = what.strip_prefix('@') {
        return format!("@{}", names.users.get(id).map(User::shown).or(label).unwrap_or(id));
    }
    if let Some(id) = what.strip_prefix('#') {
        let known = names.channels.get(id).and_then(|channel| channel.name.as_deref());
        return format!("#{}", label.or(known).unwrap_or(id));
    }
    if let Some(word) = what.strip_prefix('!') {
        return match (word, label) {
            ("here" | "channel" | "everyone", _) => format!("@{word}"),
            (_, Some(label)) => label.to_owned(), // a group (with its @), a date in words
            (_, None) => format!("@{}", word.split('^').nth(1).unwrap_or(word)),
        };
    }
    match label {
        Some(label) if label != what && what.strip_prefix("mailto:") != Some(label) => {
            format!("[{label}]({what})")
        }
        Some(label) => label.to_owned(),
        None => what.to_owned(),
    }
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use serde_json::{from_value, json};

    use super::*;

    fn read(text: &str) -> String {
        let me = json!({"url": "", "team": "", "user": "", "team_id": "", "user_id": ""});
        let zoe = json!({"id": "U1", "name": "zq", "profile": {"real_name": "Zoé Q", "display_name": ""}});
        let general = json!({"id": "C1", "name": "general"});
        let names = Names {
            me: &from_value(me).unwrap(),
            users: &HashMap::from([("U1".to_owned(), from_value(zoe).unwrap())]),
            channels: &BTreeMap::from([("C1".to_owned(), from_value(general).unwrap())]),
        };
        readable(text, &names)
    }

    #[test]
    fn people_channels_and_groups_have_names() {
        assert_eq!(read("<@U1> and <@U2|grace> and <@U3>"), "@Zoé Q and @grace and @U3");
        assert_eq!(read("<#C1> <#C1|> <#C2|random> <#C3>"), "#general #general #random #C3");
        assert_eq!(
            read("<!here> <!channel|@channel> <!subteam^S1|@ops> <!subteam^S2>"),
            "@here @channel @ops @S2"
        );
        assert_eq!(read("<!date^1392734382^{date}|Feb 18, 2014>"), "Feb 18, 2014");
    }

    #[test]
    fn links_are_markdown() {
        assert_eq!(read("Build <https://ci.x/1|#1> passed"), "Build [#1](https://ci.x/1) passed");
        assert_eq!(read("<https://x.de/?a=1&amp;b=2>"), "https://x.de/?a=1&b=2");
        assert_eq!(
            read("<https://x.de|https://x.de>, <mailto:a@x.de|a@x.de>"),
            "https://x.de, a@x.de"
        );
    }

    #[test]
    fn what_was_escaped_is_unescaped_once_and_signs_stay() {
        assert_eq!(
            read("psst &lt;3 &amp; *bold* _it_ ~no~ `a&lt;b`"),
            "psst <3 & *bold* _it_ ~no~ `a<b`"
        );
        assert_eq!(read("&amp;lt; &nbsp;"), "&lt; &nbsp;");
    }

    #[test]
    fn a_bracket_that_is_never_closed_is_one() {
        assert_eq!(read("a < b &lt; c"), "a < b < c");
        assert_eq!(read("<>"), "");
        assert_eq!(read(&"<".repeat(1 << 20)).len(), 1 << 20);
    }
}
