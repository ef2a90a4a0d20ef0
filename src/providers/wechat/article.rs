//! A WeChat article as a record.

use serde::Deserialize;

use crate::{
    record::{Media, MediaType, Message, MessageKind, Person, Record},
    wire::{html, time},
};

/// Articles that were published together.
#[derive(Default, Deserialize)]
pub struct Set {
    /// Unique in its account.
    pub article_id: String,
    /// Its articles.
    #[serde(default)]
    pub content: Item,
    /// When it was last changed, in seconds since 1970.
    pub update_time: Option<i64>,
}

/// The articles of a set, with or without their texts.
#[derive(Default, Deserialize)]
pub struct Item {
    /// The articles.
    #[serde(default)]
    pub news_item: Stories,
    create_time: Option<i64>,
}

/// A list whose places count: an article that cannot be read keeps its own.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub struct Stories(Vec<serde_json::Value>);

#[derive(Deserialize)]
struct Story {
    title: Option<String>,
    author: Option<String>,
    digest: Option<String>,
    content: Option<String>,
    url: Option<String>,
    thumb_url: Option<String>,
    #[serde(default)]
    is_deleted: bool,
}

impl Stories {
    fn read(&self) -> impl Iterator<Item = (usize, Option<Story>)> {
        let read = |of: &serde_json::Value| Story::deserialize(of).ok();
        self.0.iter().enumerate().map(move |(index, of)| (index, read(of)))
    }

    /// How many of them are not what WeChat promises.
    pub fn skipped(&self) -> u32 {
        let odd = self.read().filter(|(_, story)| story.is_none()).count();
        u32::try_from(odd).unwrap_or(u32::MAX)
    }
}

impl Set {
    fn id(&self, index: usize) -> String {
        format!("{}:{index}", self.article_id)
    }

    /// The records of articles that are there, also of those that cannot be read.
    pub fn alive(&self) -> Vec<String> {
        let stories = self.content.news_item.read();
        let alive = stories.filter(|(_, story)| !story.as_ref().is_some_and(|of| of.is_deleted));
        alive.map(|(index, _)| self.id(index)).collect()
    }

    /// The records of articles that were deleted out of the set.
    pub fn deleted(&self) -> Vec<String> {
        let stories = self.content.news_item.read();
        let deleted = stories.filter(|(_, story)| story.as_ref().is_some_and(|of| of.is_deleted));
        deleted.map(|(index, _)| self.id(index)).collect()
    }

    /// Its articles as records.
    pub fn records(&self) -> Vec<Record> {
        let stories = self.content.news_item.read();
        let stories = stories.filter_map(|(index, story)| Some((index, story?)));
        let alive = stories.filter(|(_, story)| !story.is_deleted);
        alive.map(|(index, story)| self.record(index, story)).collect()
    }

    fn record(&self, index: usize, of: Story) -> Record {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let cover = given(of.thumb_url);
        let created = self.content.create_time.or(self.update_time);
        let message = Message {
            subject: given(of.title),
            text: of.content.map(|text| html::to_markdown(&text).trim().to_owned()),
            snippet: given(of.digest),
            from: Person::named(None, given(of.author)),
            thread_id: Some(self.article_id.clone()),
            media: cover.map(|url| vec![Media { url: Some(url), ..Media::of(MediaType::Image) }]),
            permalink: given(of.url),
            sent_at: created.and_then(time::epoch_seconds),
            updated_at: self.update_time.and_then(time::epoch_seconds),
            ..Message::of(MessageKind::Article)
        };
        Record::new(self.id(index), message)
    }
}
