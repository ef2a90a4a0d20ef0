//! WebDAV and CalDAV: asking for properties and reports, and reading the answers.
//!
//! RFC 4918 (WebDAV), RFC 6578 (collection synchronization), RFC 4791 (CalDAV). Elements are known by their local names:
//! prefixes differ from server to server, and no two of those that are asked for share a name. The parser expands no
//! entities of a document's own and gives up below 128 levels.

use reqwest::StatusCode;
use serde::{Deserialize, Deserializer};

use crate::{
    error::{Error, Result},
    http::Call,
};

/// A multistatus answer.
#[derive(Debug, Default, PartialEq)]
pub struct Multistatus {
    /// What is said of single resources, an href each.
    pub responses: Vec<Response>,
    /// Where the next synchronization goes on.
    pub sync_token: Option<String>,
}

/// What is said of one resource.
#[derive(Debug, Default, PartialEq)]
pub struct Response {
    /// Its address as the server writes it.
    pub href: String,
    /// The status of the resource as a whole, where it has one.
    pub status: Option<u16>,
    /// The properties that it has.
    pub props: Props,
}

/// The properties that are asked for anywhere.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[expect(missing_docs, reason = "named after the properties")]
pub struct Props {
    #[serde(deserialize_with = "hrefs")]
    pub current_user_principal: Vec<String>,
    #[serde(deserialize_with = "hrefs")]
    pub calendar_home_set: Vec<String>,
    #[serde(deserialize_with = "hrefs")]
    pub calendar_user_address_set: Vec<String>,
    #[serde(deserialize_with = "text")]
    pub displayname: Option<String>,
    #[serde(deserialize_with = "names")]
    pub resourcetype: Vec<Name>,
    #[serde(deserialize_with = "components")]
    pub supported_calendar_component_set: Vec<String>,
    #[serde(deserialize_with = "reports")]
    pub supported_report_set: Vec<Name>,
    #[serde(deserialize_with = "text")]
    pub getctag: Option<String>,
    #[serde(deserialize_with = "text")]
    pub getetag: Option<String>,
    #[serde(deserialize_with = "text")]
    pub sync_token: Option<String>,
    #[serde(deserialize_with = "text")]
    pub calendar_timezone: Option<String>,
    #[serde(deserialize_with = "text")]
    pub calendar_data: Option<String>,
}

/// The names of empty elements that say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// A resource type: a collection.
    Collection,
    /// A resource type: a calendar.
    Calendar,
    /// A resource type: a calendar of somewhere else.
    Subscribed,
    /// A report.
    SyncCollection,
    /// Anything else.
    #[serde(other)]
    Other,
}

/// How far a request reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The resource itself.
    Zero,
    /// And its members.
    One,
}

/// Sends a request with an XML body, and reads its multistatus.
///
/// # Errors
/// `CursorExpired` where the server no longer knows the sync token, whatever the status it says so with; `Forbidden`,
/// `NotFound`; `Unavailable` for a refusal without a word, which iCloud has when it is busy; `Unexpected` for anything that
/// is no multistatus.
pub async fn ask(call: Call, depth: Depth, body: String) -> Result<Multistatus> {
    let depth = match depth {
        Depth::Zero => "0",
        Depth::One => "1",
    };
    let mut call = call.header("depth", depth).body("application/xml; charset=utf-8", body);
    for status in [
        StatusCode::BAD_REQUEST,
        StatusCode::FORBIDDEN,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::CONFLICT,
        StatusCode::GONE,
        StatusCode::PRECONDITION_FAILED,
        StatusCode::NOT_IMPLEMENTED,
    ] {
        call = call.accepting(status);
    }
    let answer = call.answer().await?;
    if answer.status == StatusCode::MULTI_STATUS {
        return Multistatus::read(answer.body);
    }
    let blank = answer.body.iter().all(u8::is_ascii_whitespace);
    let expired = Document::read(answer.body).is_ok_and(|document| document.is_expired());
    Err(match answer.status.as_u16() {
        _ if expired => Error::CursorExpired,
        403 => Error::Forbidden("the server does not let this account read it".into()),
        410 => Error::NotFound,
        400 if blank => Error::Unavailable("the server refused a request without a word".into()),
        status => Error::unexpected("multistatus", format!("answered {status}")),
    })
}

impl Multistatus {
    fn read(body: Vec<u8>) -> Result<Self> {
        let mut read = Self::default();
        for part in Document::read(body)?.parts {
            match part {
                Part::Response(response) => response.split(&mut read.responses),
                Part::SyncToken(token) => read.sync_token = token.text(),
                Part::ValidSyncToken | Part::Other => {}
            }
        }
        Ok(read)
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "$value", default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Part {
    Response(Box<WireResponse>),
    SyncToken(Text),
    ValidSyncToken,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct WireResponse {
    #[serde(default)]
    href: Vec<Text>,
    status: Option<Text>,
    #[serde(default)]
    propstat: Vec<Propstat>,
}

#[derive(Deserialize)]
struct Propstat {
    #[serde(default)]
    prop: Props,
    status: Option<Text>,
}

/// An element's text.
#[derive(Default, Deserialize)]
struct Text {
    #[serde(rename = "$text", default)]
    text: String,
}

impl Document {
    fn read(body: Vec<u8>) -> Result<Self> {
        // What the parser says quotes the document.
        let odd = || Error::unexpected("multistatus", "not the XML of WebDAV");
        quick_xml::de::from_str(&text_of(body)).map_err(|_| odd())
    }

    fn is_expired(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::ValidSyncToken))
    }
}

impl WireResponse {
    /// What is said, for each of its hrefs. Of the properties count those that the resource has.
    fn split(self, into: &mut Vec<Response>) {
        let status = self.status.as_ref().and_then(Text::status);
        let mut found = self.propstat.into_iter();
        let props =
            found.find(|of| of.status.as_ref().and_then(Text::status).is_none_or(|s| s == 200));
        let mut props = props.map(|of| of.prop).unwrap_or_default();
        for href in self.href.into_iter().filter_map(Text::text) {
            into.push(Response { href, status, props: std::mem::take(&mut props) });
        }
    }
}

impl Text {
    fn text(self) -> Option<String> {
        let text = self.text.trim();
        (!text.is_empty()).then(|| text.replace('\0', ""))
    }

    /// `HTTP/1.1 404 Not Found`.
    fn status(&self) -> Option<u16> {
        self.text.split_whitespace().nth(1)?.parse().ok()
    }
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Text::deserialize(from).map(Text::text)
}

fn hrefs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Hrefs {
        #[serde(default)]
        href: Vec<Text>,
    }
    Hrefs::deserialize(from).map(|of| of.href.into_iter().filter_map(Text::text).collect())
}

fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Name>, D::Error> {
    Names::deserialize(from).map(|of| of.names)
}

#[derive(Default, Deserialize)]
struct Names {
    #[serde(rename = "$value", default)]
    names: Vec<Name>,
}

fn reports<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Name>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Reports {
        #[serde(default)]
        supported_report: Vec<Supported>,
    }
    #[derive(Deserialize)]
    struct Supported {
        #[serde(default)]
        report: Vec<Names>,
    }
    let all = Reports::deserialize(from)?.supported_report.into_iter().flat_map(|of| of.report);
    Ok(all.flat_map(|of| of.names).collect())
}

fn components<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Set {
        #[serde(default)]
        comp: Vec<Component>,
    }
    #[derive(Deserialize)]
    struct Component {
        #[serde(rename = "@name", default)]
        name: String,
    }
    Set::deserialize(from).map(|of| of.comp.into_iter().map(|of| of.name).collect())
}

/// The document as text. Calendars are folded after 75 bytes, by some in the middle of a character: such folds are taken
/// out, what is no UTF-8 then is replaced.
fn text_of(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap_or_else(|cause| {
        let mut bytes = cause.into_bytes();
        unfold_characters(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Takes out what parts a line from the rest of a character that it broke in.
fn unfold_characters(bytes: &mut Vec<u8>) {
    let mut kept: Vec<u8> = Vec::with_capacity(bytes.len());
    for byte in bytes.iter().copied() {
        if (0x80..0xc0).contains(&byte)
            && let Some(folded) = kept.strip_suffix(b" ").or(kept.strip_suffix(b"\t"))
        {
            let line = folded.strip_suffix(b"\n");
            let line = line.map(|line| {
                line.strip_suffix(b"\r").or(line.strip_suffix(b"&#13;")).unwrap_or(line)
            });
            if let Some(length) = line.map(<[u8]>::len) {
                kept.truncate(length);
            }
        }
        kept.push(byte);
    }
    *bytes = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Multistatus {
        Multistatus::read(xml.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn elements_are_known_by_their_local_names_in_whatever_order_and_dress() {
        let xml = r#"<?xml version="1.0"?>
            <x:multistatus xmlns:x="DAV:" xmlns:cal="urn:ietf:params:xml:ns:caldav">
              <x:sync-token> data:,1 </x:sync-token>
              <x:response>
                <x:href>/a/</x:href>
                <x:propstat>
                  <x:prop>
                    <x:resourcetype><x:collection/><cal:calendar xmlns="y"/><z/></x:resourcetype>
                    <x:displayname>A &amp; <![CDATA[<B>]]></x:displayname>
                    <cal:supported-calendar-component-set><cal:comp name="VEVENT"/><cal:comp name='VTODO'/></cal:supported-calendar-component-set>
                    <x:supported-report-set>
                      <x:supported-report><x:report><x:sync-collection/></x:report></x:supported-report>
                      <x:supported-report><x:report><cal:calendar-query/></x:report></x:supported-report>
                    </x:supported-report-set>
                    <unknown><deep><deeper/>text</deep></unknown>
                  </x:prop>
                  <x:status>HTTP/1.1 200 OK</x:status>
                </x:propstat>
                <x:propstat><x:prop><getctag/></x:prop><x:status>HTTP/1.1 404 Not Found</x:status></x:propstat>
              </x:response>
              text between
              <x:responsedescription>none</x:responsedescription>
              <x:response><x:href>/b</x:href><x:href>/c</x:href><x:status>HTTP/1.1 404 Not Found</x:status></x:response>
            </x:multistatus>"#;
        let read = read(xml);
        assert_eq!(read.sync_token.as_deref(), Some("data:,1"));
        let [a, b, c] = &read.responses[..] else { panic!("{read:?}") };
        assert_eq!(a.props.resourcetype, [Name::Collection, Name::Calendar, Name::Other]);
        assert_eq!(a.props.displayname.as_deref(), Some("A & <B>"));
        assert_eq!(a.props.supported_calendar_component_set, ["VEVENT", "VTODO"]);
        assert_eq!(a.props.supported_report_set, [Name::SyncCollection, Name::Other]);
        assert_eq!((a.status, a.props.getctag.as_deref()), (None, None));
        assert_eq!((b.href.as_str(), b.status, c.href.as_str()), ("/b", Some(404), "/c"));
    }

    #[test]
    fn addresses_are_read_with_their_attributes_and_none_where_there_are_none() {
        let xml = r#"<multistatus><response><href>/</href><propstat><prop>
            <current-user-principal><unauthenticated/></current-user-principal>
            <calendar-home-set xmlns="urn:ietf:params:xml:ns:caldav"><href xmlns="DAV:">https://p44-caldav.icloud.com:443/1/calendars/</href></calendar-home-set>
            <calendar-user-address-set><href preferred="1">mailto:jane@x</href><href>/1/principal/</href></calendar-user-address-set>
            </prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"#;
        let props = read(xml).responses.remove(0).props;
        assert!(props.current_user_principal.is_empty());
        assert_eq!(props.calendar_home_set, ["https://p44-caldav.icloud.com:443/1/calendars/"]);
        assert_eq!(props.calendar_user_address_set, ["mailto:jane@x", "/1/principal/"]);
    }

    #[test]
    fn a_calendars_text_keeps_its_lines() {
        let xml = "<multistatus><response><href>/e.ics</href><propstat><prop><getetag>W/\"1\"</getetag><calendar-data>\
            BEGIN:VCALENDAR&#13;\nX:1 &lt; 2\n  folded&#13;\r\nEND:VCALENDAR\n</calendar-data></prop></propstat></response></multistatus>";
        let props = read(xml).responses.remove(0).props;
        assert_eq!(props.getetag.as_deref(), Some("W/\"1\""));
        let lines: Vec<String> =
            props.calendar_data.unwrap().lines().map(|line| line.trim_end().into()).collect();
        assert_eq!(lines, ["BEGIN:VCALENDAR", "X:1 < 2", "  folded", "END:VCALENDAR"]);
    }

    #[test]
    fn a_fold_in_the_middle_of_a_character_is_mended() {
        let cut = |fold: &[u8]| {
            [
                b"<multistatus><sync-token>Gr\xc3".as_slice(),
                fold,
                b"\xbc\xff</sync-token></multistatus>",
            ]
            .concat()
        };
        for fold in [b"\r\n ".as_slice(), b"\n\t", b"&#13;\n "] {
            let read = Multistatus::read(cut(fold)).unwrap();
            assert_eq!(read.sync_token.as_deref(), Some("Grü\u{fffd}"));
        }
        assert!(Multistatus::read(cut(b" ")).is_ok());
    }

    #[test]
    fn an_expired_token_is_known_by_its_word() {
        let expired = |xml: &str| Document::read(xml.into()).is_ok_and(|of| of.is_expired());
        assert!(expired(
            "<?xml version='1.0'?>\n<D:error xmlns:D='DAV:'>\n <D:valid-sync-token/></D:error>"
        ));
        assert!(!expired("<error xmlns='DAV:'><need-privileges/></error>"));
        assert!(!expired("<html><p>Forbidden</html>"));
    }

    #[test]
    fn what_is_no_multistatus_or_hostile_is_an_error_in_no_time() {
        let deep = "<a>".repeat(1 << 20);
        let inside = format!("<multistatus><response><propstat><prop>{deep}");
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><multistatus><sync-token>&b;</sync-token></multistatus>";
        for odd in [
            "",
            "<",
            "null",
            "{}",
            &deep,
            &inside,
            bomb,
            "<multistatus><response>",
            "<multistatus>&#0;&x;",
        ] {
            let began = std::time::Instant::now();
            let read = Multistatus::read(odd.into());
            assert!(
                read.is_err() || read.is_ok_and(|read| read == Multistatus::default()),
                "{}",
                &odd[..odd.len().min(40)]
            );
            assert!(began.elapsed().as_secs() < 5);
        }
        let many = format!("<multistatus>{}</multistatus>", "<response/>".repeat(1 << 20));
        assert!(read(&many).responses.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_document_makes_the_reader_panic(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "<multistatus>", "</multistatus>", "<response>", "</response>", "<href>", "</href>", "<propstat>", "</propstat>",
                "<prop>", "</prop>", "<status>HTTP/1.1 200", "</status>", "<sync-token/>", "<D:error", " a='", ">", "&amp;", "&", "]]>",
                "<![CDATA[", "<!--", "-->", "<?x", "\n ", "ü", "<resourcetype>", "<calendar/>", "</resourcetype>", "\0", "<supported-report-set>",
            ]), 0..60),
            noise in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
        ) {
            let mut bytes = parts.concat().into_bytes();
            let _ = Multistatus::read(bytes.clone());
            bytes.extend(noise);
            let _ = Multistatus::read(bytes);
        }
    }
}
