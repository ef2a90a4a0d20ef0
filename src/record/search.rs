//! The text that a record is found by, and the same folding for what people ask.
//!
//! Accents, case and punctuation are folded away, so that `muller` finds `Müller` and an e-mail address is found by any
//! part of it. Scripts without spaces are cut into single characters, and a run of them is asked for as a phrase.

use std::fmt::Write as _;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::{Person, Properties, Ref};

/// Longest folded text that is indexed, in bytes; a `tsvector` over 1 MiB is refused by Postgres.
const INDEXED_BYTES: usize = 96 * 1024;

/// Letters and digits, folded; words are separated by one space, characters of scripts without spaces stand alone.
pub fn fold(text: &str) -> String {
    fold_up_to(text, INDEXED_BYTES)
}

fn fold_up_to(text: &str, bytes: usize) -> String {
    if text.is_ascii() { fold_ascii(text, bytes) } else { fold_any(text, bytes) }
}

fn fold_any(text: &str, bytes: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes));
    let mut apart = true; // the next letter begins a word
    for c in text.nfkd() {
        if out.len() >= bytes {
            break;
        }
        if is_combining_mark(c) {
            continue;
        }
        let alone = stands_alone(c);
        if !c.is_alphanumeric() {
            apart = true;
            continue;
        }
        if (apart || alone) && !out.is_empty() {
            out.push(' ');
        }
        apart = alone;
        match c {
            'ß' | 'ẞ' => out.push_str("ss"),
            'æ' | 'Æ' => out.push_str("ae"),
            'ø' | 'Ø' => out.push('o'),
            'ł' | 'Ł' => out.push('l'),
            'đ' | 'Đ' => out.push('d'),
            _ => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// The same, for what needs neither decomposing nor a table: most text there is.
fn fold_ascii(text: &str, bytes: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes));
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        if out.len() >= bytes {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        // A word that crosses the end is cut there, as one of any script is.
        let start = out.len();
        let room = bytes.saturating_sub(start).max(1);
        out.push_str(word.get(..room).unwrap_or(word));
        if let Some(word) = out.get_mut(start..) {
            word.make_ascii_lowercase();
        }
    }
    out
}

/// Whether a script writes without spaces, so that each character is indexed as a word.
fn stands_alone(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF // Thai, Lao
        | 0x3040..=0x30FF // kana
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF) // ideographs
}

/// The words of a query for `websearch_to_tsquery('simple', …)`: quotes, `or` and a leading `-` keep their meaning.
pub fn fold_query(query: &str) -> String {
    let mut out = String::new();
    for (at, part) in query.split('"').enumerate() {
        if at % 2 == 1 {
            push_phrase(&mut out, "", &fold(part));
            continue;
        }
        for word in part.split_whitespace() {
            if word.eq_ignore_ascii_case("or") {
                out.push_str(" or");
                continue;
            }
            let (sign, word) = word.strip_prefix('-').map_or(("", word), |rest| ("-", rest));
            push_phrase(&mut out, sign, &fold(word));
        }
    }
    out.trim().to_owned()
}

fn push_phrase(out: &mut String, sign: &str, folded: &str) {
    if folded.is_empty() {
        return;
    }
    // Quoted, so that the database never reads `or` or a digit's sign out of a folded word.
    let _ = write!(out, " {sign}\"{folded}\"");
}

/// What a record is found by: its title on the first line, everything else on the second, both folded.
pub fn search_text(of: &Properties) -> String {
    let mut rest = Words::default();
    match of {
        Properties::Message(m) => {
            rest.text(m.text.as_deref().or(m.snippet.as_deref()));
            rest.people(m.from.iter());
            rest.people([&m.to, &m.cc, &m.bcc, &m.participants].into_iter().flatten().flatten());
            rest.refs([&m.channel, &m.workspace]);
            rest.list(m.tags.as_ref());
            rest.files(m.attachments.iter().flatten().map(|a| a.file_name.as_deref()));
        }
        Properties::MediaAsset(m) => {
            rest.text(m.caption.as_deref());
            rest.text(m.file_name.as_deref());
            rest.text(m.path.as_deref());
            rest.people(m.author.iter().chain(m.owner.iter()));
            rest.refs([&m.parent]);
            rest.list(m.tags.as_ref());
            m.comments.iter().flatten().for_each(|c| rest.text(c.text.as_deref()));
        }
        Properties::Note(n) => {
            rest.text(n.content.as_deref());
            rest.people(
                n.author.iter().chain(n.owner.iter()).chain(n.participants.iter().flatten()),
            );
            rest.refs([&n.workspace, &n.parent]);
            rest.list(n.tags.as_ref());
            rest.files(n.attachments.iter().flatten().map(|a| a.file_name.as_deref()));
        }
        Properties::Task(t) => {
            rest.text(t.key.as_deref());
            rest.text(t.description.as_deref());
            rest.text(t.status.as_deref());
            rest.people(t.assignee.iter().chain(t.reporter.iter()));
            rest.people([&t.assignees, &t.participants].into_iter().flatten().flatten());
            rest.refs([&t.project, &t.section, &t.sprint, &t.workspace]);
            rest.list(t.tags.as_ref());
            t.comments.iter().flatten().for_each(|c| rest.text(c.text.as_deref()));
            rest.files(t.attachments.iter().flatten().map(|a| a.file_name.as_deref()));
        }
        Properties::Event(e) => {
            rest.text(e.description.as_deref());
            rest.text(e.location.as_deref());
            rest.people(e.organizer.iter());
            for guest in e.attendees.iter().flatten() {
                rest.text(guest.name.as_deref());
                rest.text(guest.email.as_deref());
            }
            rest.refs([&e.calendar]);
            rest.list(e.tags.as_ref());
        }
    }
    let title = of.title().unwrap_or_default();
    format!("{}\n{}", fold_up_to(title, 4096), fold(&rest.0))
}

#[derive(Default)]
struct Words(String);

impl Words {
    fn text(&mut self, text: Option<&str>) {
        // Four times the indexed length is enough for any folding, and keeps a huge body from being copied.
        if let Some(text) = text.filter(|_| self.0.len() < 4 * INDEXED_BYTES) {
            self.0.push_str(text);
            self.0.push('\n');
        }
    }
    fn people<'a>(&mut self, people: impl Iterator<Item = &'a Person>) {
        for person in people {
            self.text(person.name.as_deref());
            self.text(person.email.as_deref());
            self.text(person.handle.as_deref());
        }
    }
    fn refs<const N: usize>(&mut self, refs: [&Option<Ref>; N]) {
        refs.into_iter().flatten().for_each(|of| self.text(of.name.as_deref()));
    }
    fn list(&mut self, words: Option<&Vec<String>>) {
        words.into_iter().flatten().for_each(|word| self.text(Some(word)));
    }
    fn files<'a>(&mut self, names: impl Iterator<Item = Option<&'a str>>) {
        names.for_each(|name| self.text(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Message, MessageKind};

    #[test]
    fn accents_case_and_punctuation_do_not_hide_a_word() {
        assert_eq!(
            fold("Zoë PARK, Straße <zoe.park@Example.com>"),
            "zoe park strasse zoe park example com"
        );
        assert_eq!(fold("春のsale 2026"), "春 の sale 2026");
    }

    proptest::proptest! {
        #[test]
        fn plain_text_is_found_by_the_same_words_whichever_way_it_is_folded(
            text in "[ -~\\t\\n]{0,80}",
            bytes in 0_usize..90,
        ) {
            proptest::prop_assert_eq!(fold_ascii(&text, bytes), fold_any(&text, bytes));
        }
    }

    #[test]
    fn a_query_keeps_quotes_or_and_minus_and_nothing_else() {
        assert_eq!(
            fold_query(r#"Müller "Q3 report" -draft or ABC-12"#),
            r#""muller" "q3 report" -"draft" or "abc 12""#
        );
        assert_eq!(fold_query("');drop -- | & !"), r#""drop""#);
        assert_eq!(fold_query("  "), "");
    }

    #[test]
    fn the_title_stands_on_the_first_line_alone() {
        let message = Message {
            subject: Some("Ein\nBrief".into()),
            text: Some("Grüße".into()),
            ..Message::of(MessageKind::Email)
        };
        assert_eq!(search_text(&message.into()), "ein brief\ngrusse");
    }
}
