//! HTML to text: Markdown for structure (headings, lists, quotes, links), nothing for looks.
//!
//! One pass by hand over the tags, linear in the input whatever it is. Readers that build the tree of elements can be
//! made to grow or to crawl without bound by deep nesting, by formatting elements that are never closed, or by a tag with
//! a hundred thousand attributes; mail is written by strangers.

use std::{borrow::Cow, fmt::Write as _, mem};

use mail_parser::decoders::{charsets::map::charset_decoder, html::add_html_token};

/// Longest address that a link keeps, in bytes; of a longer one the label stays.
const HREF_BYTES: usize = 2048;
/// Levels of lists and quotes that show; deeper ones look like the last.
const LEVELS: usize = 8;
/// Elements whose content is no text of the document.
const SILENT: [&str; 9] =
    ["script", "style", "title", "template", "svg", "iframe", "object", "noembed", "textarea"];

/// The text of a piece of HTML. Links are `[label](address)`, images their alternative text; comments, scripts and styles
/// are gone, entities decoded. Text without tags comes out as it is, less its surplus blanks.
pub fn to_markdown(html: &str) -> String {
    let mut page = Page::default();
    let mut pieces = Pieces { rest: html };
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Text(text) => page.text(&unescape(text)),
            Piece::Open(tag) => {
                let name = tag.name.to_ascii_lowercase();
                if SILENT.contains(&name.as_str()) && !tag.attributes.ends_with('/') {
                    pieces.skip_past(&name);
                } else {
                    page.open(&name, &tag);
                }
            }
            Piece::Close(name) => page.close(&name.to_ascii_lowercase()),
        }
    }
    page.finish()
}

/// Elements by which a text is known to be HTML.
const KNOWN: [&str; 17] = [
    "a", "b", "i", "u", "em", "font", "html", "li", "ol", "s", "span", "strong", "table", "ul",
    "br", "p", "div",
];

/// The text of a field that people write in with a rich editor, or without: HTML as [`to_markdown`] has it, anything else
/// as it is. Where HTML has no elements of its own to part lines, line breaks count, as such editors show them.
pub fn from_field(text: &str) -> String {
    let (mut html, mut lines) = (false, false);
    for piece in (Pieces { rest: text }) {
        let (Piece::Open(Tag { name, .. }) | Piece::Close(name)) = piece else { continue };
        let name = name.to_ascii_lowercase();
        html |= KNOWN.contains(&name.as_str());
        lines |= name == "br" || around(&name) > Gap::None;
    }
    match (html, lines) {
        (true, true) => to_markdown(text),
        (true, false) => to_markdown(&text.replace('\n', "<br>")),
        (false, _) => unescape(text).into_owned(),
    }
}

/// Decodes character references (`&amp;`, `&#39;`, `&eacute;`). Unknown ones stay as they are; NUL never comes out.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let end =
            after.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(after.len());
        match (after.get(..end), after.get(end..).and_then(|more| more.strip_prefix(';'))) {
            (Some(name), Some(more)) if !name.is_empty() => {
                push_reference(&mut out, name);
                rest = more;
            }
            _ => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn push_reference(out: &mut String, name: &str) {
    let mut found = String::new();
    add_html_token(&mut found, format!("&{name};").as_bytes(), false);
    match found.chars().next() {
        Some('\0') => {}
        // Numbers 128 to 159 mean the characters of Windows, says the HTML standard.
        Some(c @ '\u{80}'..='\u{9f}') => {
            let byte = u8::try_from(u32::from(c)).unwrap_or_default();
            if let Some(decode) = charset_decoder(b"windows-1252") {
                out.push_str(&decode(&[byte]));
            }
        }
        _ => out.push_str(&found),
    }
}

enum Piece<'a> {
    Text(&'a str),
    Open(Tag<'a>),
    Close(&'a str),
}

struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
}

impl Tag<'_> {
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut all = Attributes { rest: self.attributes };
        let (_, value) = all.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(unescape(value))
    }
}

/// Cuts HTML into texts and tags.
struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Pieces<'a> {
    /// Goes on behind the end tag of an element, or at the end where it has none.
    fn skip_past(&mut self, name: &str) {
        while let Some((_, after)) = self.rest.split_once("</") {
            self.rest = after;
            if after.get(..name.len()).is_some_and(|own| own.eq_ignore_ascii_case(name)) {
                self.rest = after.split_once('>').map_or("", |(_, more)| more);
                return;
            }
        }
        self.rest = "";
    }

    fn tag(&mut self, from: &'a str) -> Tag<'a> {
        let end =
            from.find(|c: char| c.is_ascii_whitespace() || "/>".contains(c)).unwrap_or(from.len());
        let (name, after) = from.split_at(end);
        let mut all = Attributes { rest: after };
        while all.next().is_some() {}
        let attributes = after.get(..after.len() - all.rest.len()).unwrap_or_default();
        self.rest = all.rest.strip_prefix('>').unwrap_or_default();
        Tag { name, attributes }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        while !self.rest.is_empty() {
            let Some(inner) = self.rest.strip_prefix('<') else {
                let (text, rest) =
                    self.rest.split_at(self.rest.find('<').unwrap_or(self.rest.len()));
                self.rest = rest;
                return Some(Piece::Text(text));
            };
            if let Some(comment) = inner.strip_prefix("!--") {
                let end = comment.find("-->").map(|at| at + 3);
                self.rest = end.and_then(|end| comment.get(end..)).unwrap_or_default();
            } else if inner.starts_with(['!', '?']) {
                self.rest = inner.split_once('>').map_or("", |(_, more)| more);
            } else if inner.starts_with(|c: char| c.is_ascii_alphabetic()) {
                return Some(Piece::Open(self.tag(inner)));
            } else if let Some(name) = inner.strip_prefix('/') {
                return Some(Piece::Close(self.tag(name).name));
            } else {
                self.rest = inner;
                return Some(Piece::Text("<"));
            }
        }
        None
    }
}

/// The names and values of a tag's attributes; stops before its `>`.
struct Attributes<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() || rest.starts_with('>') {
            self.rest = rest;
            return None;
        }
        let ends = |c: char| c.is_ascii_whitespace() || "/>=".contains(c);
        let end =
            rest.char_indices().skip(1).find(|(_, c)| ends(*c)).map_or(rest.len(), |(at, _)| at);
        let (name, after) = rest.split_at(end);
        let Some(value) = after.trim_ascii_start().strip_prefix('=') else {
            self.rest = after;
            return Some((name, ""));
        };
        let value = value.trim_ascii_start();
        let (value, rest) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inner = value.get(1..).unwrap_or_default();
                inner.split_once(quote).unwrap_or((inner, ""))
            }
            _ => value.split_at(
                value.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(value.len()),
            ),
        };
        self.rest = rest;
        Some((name, value))
    }
}

/// What lies between two texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Cell,
    Line,
    Paragraph,
}

/// The text so far, and what is owed before the next.
#[derive(Default)]
struct Page {
    out: String,
    gap: Gap,
    heading: usize,
    marker: Option<String>,
    lists: Vec<Option<u64>>,
    quotes: usize,
    pre: usize,
    /// For each table, whether it has headings: then it holds data, else it only lays out.
    tables: Vec<bool>,
    link: Option<Link>,
}

struct Link {
    href: String,
    /// Where its label begins, once it has one.
    label: Option<usize>,
}

impl Page {
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\n' if self.pre > 0 => {
                    self.flush();
                    self.line();
                }
                ' ' | '\t' if self.pre > 0 => self.push(c),
                '\0' | '\r' => {}
                _ if c.is_whitespace() => self.owe(Gap::Space),
                // Soft hyphens, and the invisible padding of newsletters' previews.
                '\u{ad}' | '\u{34f}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => {}
                '\u{200c}' if self.gap > Gap::None || self.out.is_empty() => {}
                _ => self.push(c),
            }
        }
    }

    fn push(&mut self, c: char) {
        self.flush();
        self.out.push(c);
    }

    fn owe(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Writes what is owed before a text.
    fn flush(&mut self) {
        match mem::take(&mut self.gap) {
            _ if self.out.is_empty() => self.prefix(),
            Gap::None => {}
            Gap::Space => self.out.push(' '),
            Gap::Cell => self.out.push_str(" | "),
            Gap::Line => self.line(),
            Gap::Paragraph => {
                self.out.push('\n');
                self.line();
            }
        }
        if let Some(marker) = self.marker.take() {
            self.out.push_str(&marker);
        }
        if self.heading > 0 {
            self.out.extend(std::iter::repeat_n('#', mem::take(&mut self.heading)));
            self.out.push(' ');
        }
        if let Some(link) = &mut self.link {
            link.label.get_or_insert(self.out.len());
        }
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.prefix();
    }

    fn prefix(&mut self) {
        for _ in 0..self.quotes.min(LEVELS) {
            self.out.push_str("> ");
        }
    }

    fn open(&mut self, name: &str, tag: &Tag<'_>) {
        match name {
            "br" => self.owe(if self.gap >= Gap::Line { Gap::Paragraph } else { Gap::Line }),
            "a" => self.open_link(tag.attribute("href").as_deref().unwrap_or_default().trim()),
            "img" => {
                if let Some(alt) = tag.attribute("alt").filter(|alt| !alt.trim().is_empty()) {
                    self.owe(Gap::Space);
                    self.text(&alt);
                    self.owe(Gap::Space);
                }
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.owe(Gap::Paragraph);
                self.heading = name.bytes().last().map_or(0, |digit| usize::from(digit - b'0'));
            }
            "ul" => self.open_list(None),
            "ol" => self
                .open_list(Some(tag.attribute("start").and_then(|n| n.parse().ok()).unwrap_or(1))),
            "li" => self.open_item(),
            "blockquote" => {
                self.owe(Gap::Paragraph);
                self.quotes += 1;
            }
            "pre" => {
                self.owe(Gap::Paragraph);
                self.pre += 1;
            }
            "table" => {
                self.owe(Gap::Paragraph);
                self.tables.push(false);
            }
            "th" => {
                if let Some(data) = self.tables.last_mut() {
                    *data = true;
                }
            }
            _ => self.owe(around(name)),
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "a" => self.close_link(),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.heading = 0;
                self.owe(Gap::Paragraph);
            }
            "ul" | "ol" => {
                self.lists.pop();
                self.marker = None;
                self.owe(if self.lists.is_empty() { Gap::Paragraph } else { Gap::Line });
            }
            "li" => {
                self.marker = None;
                self.owe(Gap::Line);
            }
            "blockquote" => {
                self.quotes = self.quotes.saturating_sub(1);
                self.owe(Gap::Paragraph);
            }
            "pre" => {
                self.pre = self.pre.saturating_sub(1);
                self.out.truncate(self.out.trim_end_matches('\n').len());
                self.owe(Gap::Paragraph);
            }
            "table" => {
                self.tables.pop();
                self.owe(Gap::Paragraph);
            }
            "td" | "th" => {
                let data = self.tables.last().copied().unwrap_or_default();
                self.owe(if data { Gap::Cell } else { Gap::Space });
            }
            _ => self.owe(around(name)),
        }
    }

    fn open_list(&mut self, start: Option<u64>) {
        self.owe(if self.lists.is_empty() { Gap::Paragraph } else { Gap::Line });
        self.lists.push(start);
    }

    fn open_item(&mut self) {
        self.owe(Gap::Line);
        let indent = "  ".repeat(self.lists.len().clamp(1, LEVELS) - 1);
        self.marker = Some(match self.lists.last_mut() {
            Some(Some(number)) => {
                let marker = format!("{indent}{number}. ");
                *number = number.saturating_add(1);
                marker
            }
            _ => format!("{indent}- "),
        });
    }

    fn open_link(&mut self, href: &str) {
        self.close_link();
        let scheme = href.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        let known = matches!(scheme.as_deref(), Some("http" | "https" | "mailto" | "tel"));
        if known && href.len() <= HREF_BYTES && !href.contains(char::is_control) {
            // A blank or a closing bracket would end the address early.
            let href = href.replace(' ', "%20").replace('(', "%28").replace(')', "%29");
            self.link = Some(Link { href, label: None });
        }
    }

    fn close_link(&mut self) {
        let Some(Link { href, label: Some(start) }) = self.link.take() else { return };
        let label: Vec<&str> =
            self.out.get(start..).unwrap_or_default().split_whitespace().collect();
        let label = label.join(" ");
        let bare = href.split_once(':').map_or("", |(_, rest)| rest).trim_start_matches('/');
        self.out.truncate(start);
        if label == href || label == bare || label == bare.trim_end_matches('/') {
            self.out.push_str(if href.starts_with("http") { &href } else { &label });
        } else {
            // Writing to a text cannot fail.
            let _ = write!(self.out, "[{label}]({href})");
        }
    }

    fn finish(mut self) -> String {
        self.close_link();
        self.out.truncate(self.out.trim_end().len());
        self.out
    }
}

/// The gap before and behind an element.
fn around(name: &str) -> Gap {
    match name {
        "p" | "dl" | "hr" | "figure" | "fieldset" => Gap::Paragraph,
        "div" | "tr" | "dt" | "dd" | "section" | "article" | "header" | "footer" | "main"
        | "aside" | "nav" | "address" | "figcaption" | "form" | "center" | "caption" | "option"
        | "body" | "details" | "summary" => Gap::Line,
        _ => Gap::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_becomes_markdown_and_looks_become_nothing() {
        let html = "<html><head><title>no</title><style>p{}</style></head><body>\n<h2>Offer &amp; more</h2>\
            <p>Hello <b>Zo&euml;</b>,<br><br>see <a href='https://x.example/a b'>the\n <i>list</i></a>:</p>\
            <ul><li>one<ul><li>inner</li></ul></li><li>two</li></ul><ol start=3><li>three<li>four</ol>\
            <blockquote>quoted<br>twice</blockquote><!-- > no --><script>if (a<b) {}</script>end</body></html>";
        assert_eq!(
            to_markdown(html),
            "## Offer & more\n\nHello Zoë,\n\nsee [the list](https://x.example/a%20b):\n\n- one\n  - inner\n- two\n\n\
             3. three\n4. four\n\n> quoted\n> twice\n\nend"
        );
    }

    #[test]
    fn a_field_is_taken_for_html_only_where_it_is_and_keeps_its_line_breaks() {
        for (field, text) in [
            ("Bring <draft> & 3 < 4\n\n- pens ", "Bring <draft> & 3 < 4\n\n- pens "),
            ("Tom &amp; Zo&euml;", "Tom & Zoë"),
            ("<b>Agenda</b>\n1. start\n2. <i>end</i>", "Agenda\n1. start\n2. end"),
            ("<p>one\ntwo</p>\n<p>three<br>four</p>", "one two\n\nthree\nfour"),
        ] {
            assert_eq!(from_field(field), text);
        }
    }

    #[test]
    fn a_link_without_a_label_or_an_address_of_use_is_none() {
        assert_eq!(to_markdown("<a href='https://x/'><img src=pixel></a>."), ".");
        assert_eq!(
            to_markdown("<a href='javascript:x()'>click</a> <a href=#top>up</a> <a>plain</a>"),
            "click up plain"
        );
        assert_eq!(to_markdown("<a href='https://x.de'>x.de</a>"), "https://x.de");
        assert_eq!(to_markdown("<a href='mailto:a@x.de'>a@x.de</a>"), "a@x.de");
        let long = format!("<a href='https://x/{}'>label</a>", "a".repeat(HREF_BYTES));
        assert_eq!(to_markdown(&long), "label");
    }

    #[test]
    fn images_are_their_alternative_text() {
        assert_eq!(to_markdown("<img src=\"cid:logo\">"), "");
        assert_eq!(
            to_markdown("<a href=https://x/><img alt='Our &quot;shop&quot;' src=1></a>"),
            "[Our \"shop\"](https://x/)"
        );
    }

    #[test]
    fn tables_of_data_keep_their_columns_and_tables_of_layout_do_not() {
        let data = "<table><tr><th>Item</th><th>Price</th></tr><tr><td>Pen</td><td>2</td></tr></table>after";
        assert_eq!(to_markdown(data), "Item | Price\nPen | 2\n\nafter");
        assert_eq!(
            to_markdown("<table><tr><td>Left</td><td>Right</td></tr></table>"),
            "Left Right"
        );
    }

    #[test]
    fn preformatted_lines_keep_their_form() {
        assert_eq!(to_markdown("<p>x</p><pre>a\n  b\n</pre><p>y   z</p>"), "x\n\na\n  b\n\ny z");
    }

    #[test]
    fn broken_html_is_read_as_far_as_it_goes() {
        assert_eq!(to_markdown("a < b and 3 > 2 <3"), "a < b and 3 > 2 <3");
        assert_eq!(to_markdown("</p>x</ul></blockquote></table></td>y<li>z"), "x\n\ny\n- z");
        assert_eq!(to_markdown("text<a href=\"never closed"), "text");
        assert_eq!(to_markdown("text<!-- never closed"), "text");
        assert_eq!(to_markdown("<style>never closed"), "");
        assert_eq!(
            to_markdown("<title/>kept<a title=it's href=https://x>y</a>"),
            "kept[y](https://x)"
        );
        assert_eq!(to_markdown("<p title='a > b'>kept</p>"), "kept");
    }

    #[test]
    fn references_are_decoded_once() {
        assert_eq!(
            unescape("Gr&uuml;&szlig;e &#39;&#x41;&#146; &amp;lt; &hmm; AT&T &;"),
            "Grüße 'A’ &lt; &hmm; AT&T &;"
        );
        assert_eq!(unescape("a&#0;b"), "ab");
        assert_eq!(unescape("&#99999999;"), "\u{fffd}");
    }

    #[test]
    fn the_padding_of_previews_vanishes_and_joiners_inside_words_stay() {
        assert_eq!(
            to_markdown("Hi&zwnj;&nbsp;&zwnj;&nbsp;\u{feff}&#847; there"),
            "Hi\u{200c} there"
        );
        assert_eq!(to_markdown("می\u{200c}خواهم"), "می\u{200c}خواهم");
    }

    #[test]
    fn hostile_html_is_read_in_no_time() {
        let fonts: Vec<String> = (0..256).map(|n| format!("<font color={n}>")).collect();
        let attributes: Vec<String> = (0..100_000).map(|n| format!(" a{n}")).collect();
        for html in [
            "<div>".repeat(50_000) + "deep",
            "<blockquote><ul><li>".repeat(50_000) + "deep",
            "<blockquote>".repeat(50_000) + &"<br>x".repeat(50_000),
            format!("<div>{}</div>{}", fonts.concat(), "<p>x".repeat(50_000)),
            format!("<a{}>x", attributes.concat()),
            "<a href='https://x'>".repeat(50_000) + "x",
            "<".repeat(1 << 20),
            "&".repeat(1 << 20),
            "<!--".repeat(100_000),
            "<style></".repeat(100_000),
            "<a href=\"".repeat(100_000),
            "<x/".repeat(100_000),
        ] {
            let began = std::time::Instant::now();
            let text = to_markdown(&html);
            assert!(text.len() <= html.len() * 8);
            assert!(began.elapsed().as_secs() < 5, "{}", html.get(..20).unwrap());
        }
    }
}
