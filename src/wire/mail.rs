//! Headers of mail, as mail services hand them out: address lists, and words in the encoding of RFC 2047.

use std::{borrow::Cow, mem};

use mail_parser::{HeaderValue, decoders::charsets::map::charset_decoder, parsers::MessageStream};

use crate::record::Person;

/// Longest header that is read, in bytes: some 2,000 addresses.
const HEADER_BYTES: usize = 128 * 1024;

/// The people of an address list. A group's members count, its name does not; an address without a name is one.
///
/// Read by hand and not by `mail-parser`, whose reader glues `info@a.de <info@a.de>` into one address.
pub fn people(header: &str) -> Vec<Person> {
    let mut list = AddressList::default();
    let mut chars = cut(header).chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if list.quoted || list.comments > 0 => list.push(chars.next().unwrap_or(c)),
            '"' if list.comments == 0 => list.quoted = !list.quoted,
            _ if list.quoted => list.push(c),
            '(' => list.comments += 1,
            ')' => list.comments = list.comments.saturating_sub(1),
            _ if list.comments > 0 => list.push(c),
            '<' => list.angle = Some(String::new()),
            '>' => list.closed = true,
            ',' | ';' => list.end(),
            ':' if list.angle.is_none() => list.plain.clear(), // the name of a group
            _ => list.push(c),
        }
    }
    list.end();
    list.people
}

#[derive(Default)]
struct AddressList {
    people: Vec<Person>,
    plain: String,
    angle: Option<String>,
    comment: String,
    quoted: bool,
    closed: bool,
    comments: usize,
}

impl AddressList {
    fn push(&mut self, c: char) {
        match &mut self.angle {
            _ if self.comments > 0 => self.comment.push(c),
            Some(angle) if !self.closed => angle.push(c),
            _ => self.plain.push(c),
        }
    }

    fn end(&mut self) {
        let (plain, angle) = (mem::take(&mut self.plain), self.angle.take());
        let comment = mem::take(&mut self.comment);
        self.closed = false;
        let plain = plain.trim();
        let (name, email) = match angle {
            Some(angle) => (plain, angle.trim().to_owned()),
            None if plain.contains('@') => (comment.trim(), plain.to_owned()),
            None => (plain, String::new()),
        };
        let name = Some(words(name).into_owned()).filter(|name| !name.is_empty() && *name != email);
        let person =
            Person { name, email: Some(email).filter(|e| !e.is_empty()), ..Person::default() };
        self.people.extend(person.known());
    }
}

/// A header's text with its encoded words (`=?utf-8?q?…?=`, RFC 2047) decoded.
pub fn words(text: &str) -> Cow<'_, str> {
    let text = cut(text).trim();
    if !text.contains("=?") {
        return Cow::Borrowed(text);
    }
    let ended = format!("{text}\n");
    match MessageStream::new(ended.as_bytes()).parse_unstructured() {
        HeaderValue::Text(decoded) => Cow::Owned(decoded.replace('\0', "").trim().to_owned()),
        _ => Cow::Borrowed(text),
    }
}

/// Bytes of a text part as text: as UTF-8 where they are that, whatever was declared (services convert bodies and keep
/// the headers), else in the charset that its `Content-Type` declares. NUL characters are dropped.
pub fn decode(bytes: Vec<u8>, content_type: Option<&str>) -> String {
    let mut text = String::from_utf8(bytes).unwrap_or_else(|cause| {
        let bytes = cause.into_bytes();
        let decoder =
            content_type.and_then(charset).and_then(|name| charset_decoder(name.as_bytes()));
        decoder
            .map_or_else(|| String::from_utf8_lossy(&bytes).into_owned(), |decode| decode(&bytes))
    });
    text.retain(|c| c != '\0');
    text
}

/// A plain text with line ends as everywhere, and without empty lines around it.
pub fn tidy(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end().trim_start_matches(['\n', '\u{feff}']).to_owned()
}

/// The `charset` parameter of a `Content-Type`.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

fn cut(header: &str) -> &str {
    header.get(..header.floor_char_boundary(HEADER_BYTES)).unwrap_or(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<(Option<String>, Option<String>)> {
        people(header).into_iter().map(|person| (person.name, person.email)).collect()
    }

    fn pair(name: &str, email: &str) -> (Option<String>, Option<String>) {
        let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        (known(name), known(email))
    }

    #[test]
    fn names_and_addresses_come_apart() {
        assert_eq!(read("Jürgen <j@x.de>"), [pair("Jürgen", "j@x.de")]);
        assert_eq!(read("chef@example.de"), [pair("", "chef@example.de")]);
        assert_eq!(
            read("Zoë Park <zoe.park@example.com>, \"Ops, Team\" <ops@example.com>"),
            [pair("Zoë Park", "zoe.park@example.com"), pair("Ops, Team", "ops@example.com")]
        );
        assert_eq!(read("\"The \\\"Boss\\\"\" <b@x.de>"), [pair("The \"Boss\"", "b@x.de")]);
        assert_eq!(read("j@x.de (Jürgen)"), [pair("Jürgen", "j@x.de")]);
        assert_eq!(read("Just a name"), [pair("Just a name", "")]);
    }

    #[test]
    fn an_address_that_is_its_own_name_is_not_doubled() {
        assert_eq!(read("info@a.de <info@a.de>"), [pair("", "info@a.de")]);
        assert_eq!(read("Joe @ Acme <joe@acme.com>"), [pair("Joe @ Acme", "joe@acme.com")]);
    }

    #[test]
    fn a_group_names_its_members_and_an_empty_one_nobody() {
        assert_eq!(read("undisclosed-recipients:;"), []);
        assert_eq!(
            read("Team: a@x.de, B <b@x.de>;, c@x.de"),
            [pair("", "a@x.de"), pair("B", "b@x.de"), pair("", "c@x.de")]
        );
        assert_eq!(read(" , ;<>,"), []);
    }

    #[test]
    fn encoded_words_are_decoded_and_others_left_alone() {
        assert_eq!(read("=?UTF-8?Q?J=C3=BCrgen?= <j@x.de>"), [pair("Jürgen", "j@x.de")]);
        assert_eq!(words("=?utf-8?b?UHLDvGY=?= =?utf-8?b?dW5n?= läuft"), "Prüfung läuft");
        assert_eq!(words("Re: a  b = c?"), "Re: a  b = c?");
        assert_eq!(words("=?nonsense"), "=?nonsense");
    }

    #[test]
    fn hostile_headers_are_read_in_no_time() {
        for header in ["<", "(", "\"", "\\", "=?a?q?", ",:;", "=?utf-8?q?=c3 "] {
            let long = header.repeat(1 << 20);
            let began = std::time::Instant::now();
            people(&long);
            words(&long);
            assert!(began.elapsed().as_secs() < 5, "{header}");
        }
    }

    #[test]
    fn a_body_is_read_in_its_charset_unless_it_is_utf_8_already() {
        let latin = Some("text/plain; format=flowed; charset=\"ISO-8859-1\"");
        assert_eq!(decode(b"Gr\xfc\xdfe".to_vec(), latin), "Grüße");
        assert_eq!(decode("Grüße".into(), latin), "Grüße");
        assert_eq!(decode(b"Gr\xfc".to_vec(), Some("text/plain")), "Gr\u{fffd}");
        assert_eq!(decode(b"Gr\xfc".to_vec(), None), "Gr\u{fffd}");
    }
}
