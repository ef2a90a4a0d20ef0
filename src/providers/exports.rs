//! Mail that a person has exported to a file, as records of the service that it was exported from.
//!
//! A mail of Google Takeout gets the id that Gmail's API has for it: the number before `@` in its separator is that id in
//! decimal digits, and `X-GM-THRID` its conversation's. Any other is named by a hash over what names it.

use crate::{
    record::{Direction, Message, Record},
    wire::{
        mbox::{self, Item},
        rfc822::Mail,
    },
};

/// Labels of what is no mail of the mailbox, as for the API; Takeout names them in the account's language.
const NOT_IMPORTED: [&str; 5] = ["draft", "drafts", "chat", "trash", "spam"];
/// Labels of the service, which are no tags.
const OF_THE_SERVICE: [&str; 9] = [
    "inbox",
    "sent",
    "archived",
    "important",
    "starred",
    "opened",
    "unread",
    "sent mail",
    "all mail",
];

/// What becomes of a mail.
#[derive(Debug, PartialEq)]
pub enum Exported {
    /// It is a record.
    Record(Box<Record>),
    /// It is none that the service's mailbox has: a draft, spam, trash.
    Left,
    /// It cannot be read.
    Odd,
}

/// Whether mail of this provider can be read from a file.
pub fn takes(provider: &str) -> bool {
    ["gmail", "outlook"].contains(&provider)
}

/// A mail of a file. `names` are those that the account goes by.
pub fn read(provider: &str, names: &[&str], item: &Item) -> Exported {
    let Some(mail) = item.raw.as_deref().and_then(Mail::read) else { return Exported::Odd };
    let mut message = mail.message();
    let delivered = mbox::delivered_at(&item.separator);
    let takeout = takeout(&mail, &item.separator).filter(|_| provider == "gmail");
    // The service's own time counts before the sender's.
    message.sent_at = match takeout {
        Some(_) => delivered.or(message.sent_at),
        None => message.sent_at.or(delivered),
    };
    message.direction = Some(direction(&message, names));
    if let Some(labels) = mail.header("X-Gmail-Labels") {
        let labels: Vec<String> = labels.split(',').map(|label| label.trim().to_owned()).collect();
        let has = |word: &str| labels.iter().any(|label| label.eq_ignore_ascii_case(word));
        if NOT_IMPORTED.iter().any(|word| has(word)) {
            return Exported::Left;
        }
        label(&mut message, &labels);
    }
    let record = match takeout {
        Some((id, thread)) => {
            message.thread_id = Some(thread);
            Record::new(id, message)
        }
        None => Record::hashed(mail.hash(&message), message),
    };
    Exported::Record(Box::new(record))
}

/// The ids of a mail and its conversation, as Gmail's API has them.
fn takeout(mail: &Mail<'_>, separator: &str) -> Option<(String, String)> {
    let thread: u64 = mail.header("X-GM-THRID")?.parse().ok()?;
    let (number, _) = separator.split_once('@')?;
    let id: u64 = number.parse().ok()?;
    (id > 0).then(|| (format!("{id:x}"), format!("{thread:x}")))
}

fn label(message: &mut Message, labels: &[String]) {
    let has = |word: &str| labels.iter().any(|label| label.eq_ignore_ascii_case(word));
    if has("unread") || has("opened") {
        message.is_read = Some(!has("unread"));
    }
    if has("sent") {
        message.direction = Some(Direction::Out);
    }
    let own = |label: &&String| {
        let label = label.to_lowercase();
        !label.is_empty()
            && !OF_THE_SERVICE.contains(&label.as_str())
            && !label.starts_with("category ")
    };
    message.tags = Some(labels.iter().filter(own).cloned().collect());
}

fn direction(message: &Message, names: &[&str]) -> Direction {
    let sender = message.from.as_ref().and_then(|from| from.email.as_deref()).unwrap_or_default();
    if names.iter().any(|name| name.eq_ignore_ascii_case(sender)) {
        Direction::Out
    } else {
        Direction::In
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Key, Properties};

    fn read_as(provider: &str, separator: &str, raw: &str) -> Exported {
        let item = Item { separator: separator.into(), raw: Some(raw.into()) };
        read(provider, &["ann@example.com"], &item)
    }

    fn record(exported: Exported) -> (Key, Message) {
        let Exported::Record(record) = exported else { panic!("{exported:?}") };
        let Properties::Message(message) = record.properties else { panic!("no message") };
        (record.key, *message)
    }

    const TAKEOUT: &str = "1790000000000000000@xxx Mon Mar 02 07:00:00 +0000 2026";
    const MAIL: &str = "X-GM-THRID: 1789999999999999999\nX-Gmail-Labels: Inbox,Opened,Category Updates,Projekte\n\
        Date: Sun, 1 Mar 2026 07:00:00 +0000\nMessage-ID: <a@b>\nFrom: Bob <bob@x.de>\n\nHi\n";

    #[test]
    fn a_mail_of_takeout_has_the_ids_of_the_api_and_its_time() {
        let (key, message) = record(read_as("gmail", TAKEOUT, MAIL));
        assert_eq!(key, Key::Id("18d75b8423f30000".into()));
        assert_eq!(message.thread_id.as_deref(), Some("18d75b8423f2ffff"));
        assert_eq!(message.sent_at.unwrap().to_string(), "2026-03-02T07:00:00Z");
        assert_eq!((message.is_read, message.direction), (Some(true), Some(Direction::In)));
        assert_eq!(message.tags, Some(vec!["Projekte".into()]));
    }

    #[test]
    fn any_other_mail_is_named_by_what_it_says_it_is() {
        let (key, message) = record(read_as("outlook", TAKEOUT, MAIL));
        assert!(matches!(&key, Key::Hash(hash) if hash.len() == 64));
        assert_eq!(message.sent_at.unwrap().to_string(), "2026-03-01T07:00:00Z");
        let plain = MAIL.replace("X-GM-THRID", "X-Other");
        assert_eq!(record(read_as("gmail", TAKEOUT, &plain)).0, key);
        assert_eq!(record(read_as("gmail", "bob@x.de Mon Mar  2 07:00:00 2026", MAIL)).0, key);
        let sent = "From: Ann <ANN@example.com>\n\nx\n";
        let (_, message) = record(read_as("gmail", "a Mon Mar  2 07:00:00 2026", sent));
        assert_eq!(message.direction, Some(Direction::Out));
        assert_eq!(message.sent_at.unwrap().to_string(), "2026-03-02T07:00:00Z");
    }

    #[test]
    fn drafts_spam_and_trash_are_left_as_the_api_leaves_them_and_what_is_no_mail_is_odd() {
        for labels in ["Draft", "Spam,Unread", "Inbox, Trash"] {
            let mail = MAIL.replace("Inbox,Opened", labels);
            assert_eq!(read_as("gmail", TAKEOUT, &mail), Exported::Left, "{labels}");
        }
        assert_eq!(read_as("gmail", TAKEOUT, ""), Exported::Odd);
        let item = Item { separator: TAKEOUT.into(), raw: None };
        assert_eq!(read("gmail", &[], &item), Exported::Odd);
    }
}
