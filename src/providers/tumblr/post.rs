//! Posts of Tumblr in its Neue Post Format.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::{
    record::{Media, MediaAsset, MediaAssetKind, MediaType, Note, Person, Record, Ref},
    wire::{Many, time},
};

/// A post.
#[derive(Deserialize)]
pub struct Post {
    /// Beyond what a float holds, so that the number beside it is not read.
    pub id_string: String,
    blog: Option<Blog>,
    blog_name: Option<String>,
    #[serde(rename = "post_url")]
    url: Option<String>,
    timestamp: Option<i64>,
    state: Option<String>,
    #[serde(default)]
    tags: Many<String>,
    note_count: Option<Number>,
    /// Its own words; what it reblogs stands elsewhere.
    #[serde(default)]
    content: Many<Block>,
}

#[derive(Default, Deserialize)]
struct Blog {
    uuid: Option<String>,
    name: Option<String>,
}

/// A part of a post. Its fields differ by type, and some by age.
#[derive(Deserialize)]
#[serde(transparent)]
struct Block(Value);

impl Post {
    /// When it was published, as its author has it.
    pub fn at(&self) -> Option<Timestamp> {
        self.timestamp.and_then(time::epoch_seconds)
    }

    /// The post, and what can be seen and heard in it.
    pub fn into_records(self) -> Vec<Record> {
        let created_at = self.at();
        let Self { id_string: id, blog, blog_name, url, content, .. } = self;
        let blog = blog.unwrap_or_default();
        let name = blog.name.or(blog_name);
        let author = Person { id: blog.uuid.clone(), handle: name.clone(), ..Person::default() };
        let author = author.known();
        let assets = content.iter().enumerate().filter_map(|(index, block)| {
            let asset = MediaAsset {
                parent: Some(Ref { id: Some(id.clone()), ..Ref::default() }),
                permalink: url.clone(),
                author: author.clone(),
                created_at,
                ..block.asset()?
            };
            Some(Record::new(format!("{id}:{index}"), asset).at(&id))
        });
        let assets: Vec<Record> = assets.collect();
        let title = content.iter().find(|block| block.is("heading1"));
        let words: Vec<String> = content.iter().filter_map(Block::words).collect();
        let note = Note {
            kind: Some("post".into()),
            title: title.and_then(|block| block.text("text")).map(str::to_owned),
            content: (!words.is_empty()).then(|| words.join("\n\n")),
            workspace: Ref { id: blog.uuid, name, url: None }.known(),
            author,
            tags: (!self.tags.is_empty()).then_some(self.tags.items),
            status: self.state,
            engagement_stats: self.note_count.map(|notes| [("notes".to_owned(), notes)].into()),
            url,
            created_at,
            ..Note::default()
        };
        [Record::new(id, note)].into_iter().chain(assets).collect()
    }
}

impl Block {
    /// A text that is not empty.
    fn text(&self, key: &str) -> Option<&str> {
        text(&self.0, key)
    }

    fn is(&self, subtype: &str) -> bool {
        self.text("type") == Some("text") && self.text("subtype") == Some(subtype)
    }

    /// What it says, as Markdown; of what is embedded from elsewhere the address.
    fn words(&self) -> Option<String> {
        match self.text("type")? {
            "text" => {
                let words = formatted(self.text("text")?, self.0.get("formatting"));
                let lead = match self.text("subtype") {
                    Some("heading1") => "# ",
                    Some("heading2") => "## ",
                    Some("quote" | "indented") => "> ",
                    Some("unordered-list-item") => "- ",
                    Some("ordered-list-item") => "1. ",
                    _ => "",
                };
                Some(format!("{lead}{words}"))
            }
            "image" | "video" | "audio" if self.file().is_some() => None,
            _ => match (self.text("title"), self.text("url")) {
                (Some(title), Some(url)) => Some(format!("{title} {url}")),
                (title, url) => title.or(url).map(str::to_owned),
            },
        }
    }

    /// The largest of its files, which comes first. What is embedded from elsewhere has none.
    fn file(&self) -> Option<&Value> {
        let media = self.0.get("media")?;
        let first = if media.is_array() { media.get(0)? } else { media };
        text(first, "url").map(|_| first)
    }

    /// A picture, film or sound.
    fn asset(&self) -> Option<MediaAsset> {
        let (kind, item) = match self.text("type")? {
            "image" => (MediaAssetKind::Image, MediaType::Image),
            "video" => (MediaAssetKind::Video, MediaType::Video),
            "audio" => (MediaAssetKind::Audio, MediaType::Audio),
            _ => return None,
        };
        let file = self.file()?;
        let size = |key| file.get(key).and_then(Value::as_i64);
        let own = |key| self.text(key).map(str::to_owned);
        let poster = self.0.pointer("/poster/0").filter(|_| item == MediaType::Video);
        let media = Media {
            url: text(file, "url").map(str::to_owned),
            alt_text: own("alt_text"),
            thumbnail_url: poster.and_then(|poster| text(poster, "url")).map(str::to_owned),
            width: size("width"),
            height: size("height"),
            ..Media::of(item)
        };
        Some(MediaAsset {
            title: own("title").filter(|_| item == MediaType::Audio),
            caption: own("caption").or_else(|| own("alt_text")).or_else(|| own("title")),
            mime_type: text(file, "type").map(str::to_owned),
            media: Some(vec![media]),
            ..MediaAsset::of(kind)
        })
    }
}

fn text<'a>(of: &'a Value, key: &str) -> Option<&'a str> {
    of.get(key)?.as_str().filter(|text| !text.trim().is_empty())
}

/// A text with its links and emphases written out. Their ends are counted in characters; one that lies outside of the text,
/// or ends before it begins, is left out.
fn formatted(text: &str, formatting: Option<&Value>) -> String {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let place = |of: &Value, key: &str| {
        let at = usize::try_from(of.get(key)?.as_u64()?).ok()?;
        ends.get(at).copied()
    };
    // What ends at a place comes before what begins there; of those that begin, the longest first.
    let mut marks: Vec<(usize, bool, usize, String)> = Vec::new();
    for of in formatting.and_then(Value::as_array).into_iter().flatten() {
        let (Some(start), Some(end)) = (place(of, "start"), place(of, "end")) else { continue };
        let kind = self::text(of, "type").unwrap_or_default();
        let (open, close) = match (kind, self::text(of, "url")) {
            ("bold", _) => ("**", "**".to_owned()),
            ("italic", _) => ("*", "*".to_owned()),
            ("strikethrough", _) => ("~~", "~~".to_owned()),
            ("link", Some(url)) => ("[", format!("]({url})")),
            _ => continue,
        };
        if start < end {
            marks.push((start, true, text.len() - end, open.to_owned()));
            marks.push((end, false, end - start, close));
        }
    }
    marks.sort_by_key(|(at, opens, order, _)| (*at, *opens, *order));
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for (at, _, _, mark) in marks {
        out.push_str(text.get(from..at).unwrap_or_default());
        out.push_str(&mark);
        from = at;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}
