//! A mailbox, and what happens to it.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use jiff::Timestamp;

use super::{NoSuch, now};

mod api;
mod mail;
mod query;

use mail::Mail;
pub use mail::NewMail;

/// A label's id, `INBOX` or `Label_7`.
type LabelId = Cow<'static, str>;

/// The labels that every mailbox has.
const SYSTEM_LABELS: [&str; 14] = [
    "CHAT",
    "SENT",
    "INBOX",
    "IMPORTANT",
    "TRASH",
    "DRAFT",
    "SPAM",
    "CATEGORY_FORUMS",
    "CATEGORY_UPDATES",
    "CATEGORY_PERSONAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_SOCIAL",
    "STARRED",
    "UNREAD",
];

/// One person's mailbox.
pub struct Gmail {
    owner: String,
    email: String,
    /// Names of the user's own labels; the id is `Label_` and the place, from 1.
    labels: Vec<String>,
    mails: HashMap<u64, Mail>,
    /// By date and id: the list is read from its end.
    order: BTreeSet<(i64, u64)>,
    /// Messages of each thread.
    threads: HashMap<u64, u32>,
    history: Vec<Entry>,
    history_id: u64,
    /// History from this id on is kept.
    kept_from: u64,
    made: u64,
    requests: u64,
    clock: Option<Timestamp>,
}

/// One record of the history.
struct Entry {
    id: u64,
    mail: u64,
    thread: u64,
    /// The message's labels after the change.
    labels: Vec<LabelId>,
    change: What,
}

enum What {
    Added,
    Deleted,
    LabelsAdded(Vec<LabelId>),
    LabelsRemoved(Vec<LabelId>),
}

impl Gmail {
    /// An empty mailbox. The owner is as a header has them: `Maya Okafor <maya@kestrel.example>`, or the address alone.
    pub fn new(owner: &str) -> Self {
        let address = owner.rsplit('<').next().unwrap_or_default().trim_end_matches('>');
        Self {
            owner: owner.to_owned(),
            email: address.to_owned(),
            labels: Vec::new(),
            mails: HashMap::new(),
            order: BTreeSet::new(),
            threads: HashMap::new(),
            history: Vec::new(),
            history_id: 987_000,
            kept_from: 987_000,
            made: 0,
            requests: 0,
            clock: None,
        }
    }

    /// Whose it is.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// What happens from now on happens at that time; `None` for the real one.
    pub fn set_clock(&mut self, at: Option<Timestamp>) {
        self.clock = at;
    }

    /// Makes a label of the user's own and gives its id.
    pub fn add_label(&mut self, name: &str) -> String {
        self.labels.push(name.to_owned());
        format!("Label_{}", self.labels.len())
    }

    /// A message comes in, is sent, or is begun as a draft. Gives its id.
    pub fn deliver(&mut self, mail: NewMail) -> String {
        let at = mail.at.or(self.clock).unwrap_or_else(now).as_millisecond();
        self.made += 1;
        // As Gmail's ids: milliseconds, then what tells those of one millisecond apart.
        let id = (u64::try_from(at).unwrap_or_default() << 20) | (self.made & 0xf_ffff);
        let answered =
            mail.answers.as_deref().and_then(parse_id).and_then(|id| self.mails.get(&id));
        let mut mail = Mail::new(id, at, mail, &self.owner, answered);
        let thread = mail.thread;
        self.history_id += 1;
        mail.history_id = self.history_id;
        self.order.insert((at, id));
        *self.threads.entry(thread).or_default() += 1;
        let labels = mail.labels.clone();
        self.mails.insert(id, mail);
        self.note(id, thread, labels, What::Added);
        show_id(id)
    }

    /// Moves it to the trash: it stays readable by id.
    pub fn trash(&mut self, id: &str) -> Result<(), NoSuch> {
        self.relabel(id, &["TRASH"], &["INBOX"])
    }

    /// Takes it out of the trash, not back into the inbox.
    pub fn untrash(&mut self, id: &str) -> Result<(), NoSuch> {
        self.relabel(id, &[], &["TRASH"])
    }

    /// Says that it is spam.
    pub fn mark_spam(&mut self, id: &str) -> Result<(), NoSuch> {
        self.relabel(id, &["SPAM"], &["INBOX"])
    }

    /// The person has read it.
    pub fn mark_read(&mut self, id: &str) -> Result<(), NoSuch> {
        self.relabel(id, &[], &["UNREAD"])
    }

    /// The person wants to read it again.
    pub fn mark_unread(&mut self, id: &str) -> Result<(), NoSuch> {
        self.relabel(id, &["UNREAD"], &[])
    }

    /// Takes it out of the inbox.
    pub fn archive(&mut self, id: &str) -> Result<(), NoSuch> {
        self.relabel(id, &[], &["INBOX"])
    }

    /// Adds and removes labels by id. What changes nothing leaves no history.
    pub fn relabel(&mut self, id: &str, add: &[&str], remove: &[&str]) -> Result<(), NoSuch> {
        let number = parse_id(id).unwrap_or_default();
        let mail = self.mails.get_mut(&number).ok_or_else(|| NoSuch::new("message", id))?;
        let added: Vec<LabelId> = add
            .iter()
            .filter(|label| !mail.has(label))
            .map(|label| Cow::Owned((*label).to_owned()))
            .collect();
        mail.labels.extend(added.iter().cloned());
        let (with, thread) = (mail.labels.clone(), mail.thread);
        let (removed, left): (Vec<_>, Vec<_>) =
            with.iter().cloned().partition(|label| remove.contains(&&**label));
        mail.labels.clone_from(&left);
        if !added.is_empty() {
            self.touch(number);
            self.note(number, thread, with, What::LabelsAdded(added));
        }
        if !removed.is_empty() {
            self.touch(number);
            self.note(number, thread, left, What::LabelsRemoved(removed));
        }
        Ok(())
    }

    /// Deletes it for ever, without the trash.
    pub fn delete(&mut self, id: &str) -> Result<(), NoSuch> {
        let number = parse_id(id).unwrap_or_default();
        let mail = self.mails.remove(&number).ok_or_else(|| NoSuch::new("message", id))?;
        self.order.remove(&(mail.date, number));
        if let Some(messages) = self.threads.get_mut(&mail.thread) {
            *messages -= 1;
            if *messages == 0 {
                self.threads.remove(&mail.thread);
            }
        }
        self.history_id += 1;
        self.note(number, mail.thread, mail.labels, What::Deleted);
        Ok(())
    }

    /// The vendor forgets its history: every history id that was handed out before is answered with 404.
    pub fn expire_history(&mut self) {
        self.history_id += 1;
        self.forget_history();
    }

    /// Drops the records of what happened so far; the present history id stays good.
    pub fn forget_history(&mut self) {
        self.history.clear();
        self.kept_from = self.history_id;
    }

    /// The mailbox's present history id.
    pub fn history_id(&self) -> u64 {
        self.history_id
    }

    /// Ids of the messages that are no draft, chat, trash or spam, newest first.
    pub fn ids(&self) -> Vec<String> {
        let hidden = ["TRASH", "SPAM", "DRAFT", "CHAT"];
        let mails = self.order.iter().rev().filter_map(|(_, id)| self.mails.get(id));
        mails.filter(|m| !hidden.iter().any(|label| m.has(label))).map(|m| show_id(m.id)).collect()
    }

    /// A message's subject.
    pub fn subject(&self, id: &str) -> Option<&str> {
        Some(&self.mails.get(&parse_id(id)?)?.subject)
    }

    /// A message's label ids.
    pub fn labels_of(&self, id: &str) -> Option<Vec<&str>> {
        let mail = self.mails.get(&parse_id(id)?)?;
        Some(mail.labels.iter().map(|label| &**label).collect())
    }

    /// When a message came.
    pub fn date(&self, id: &str) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.mails.get(&parse_id(id)?)?.date).ok()
    }

    fn touch(&mut self, id: u64) {
        self.history_id += 1;
        if let Some(mail) = self.mails.get_mut(&id) {
            mail.history_id = self.history_id;
        }
    }

    fn note(&mut self, mail: u64, thread: u64, labels: Vec<LabelId>, change: What) {
        self.history.push(Entry { id: self.history_id, mail, thread, labels, change });
    }
}

fn parse_id(id: &str) -> Option<u64> {
    (id.len() == 16).then(|| u64::from_str_radix(id, 16).ok()).flatten()
}

fn show_id(id: u64) -> String {
    format!("{id:016x}")
}
