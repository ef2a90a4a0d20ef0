//! Mail in one file, one after another (RFC 4155, and what programs made of it): read as a stream, whatever its size.

use std::io::{self, BufRead, Read as _};

use jiff::Timestamp;

use super::time;

/// The largest mail that is held, in bytes; services take less than half of it.
const LARGEST: usize = 64 << 20;
/// Most of a line that is looked at at once, in bytes.
const LINE: u64 = 64 << 10;

/// A mail as it lies in the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    /// The line before it, from behind `From `.
    pub separator: String,
    /// Its bytes; none where it is larger than what is held.
    pub raw: Option<Vec<u8>>,
}

/// The mails of a file.
pub struct Mbox<R> {
    input: R,
    line: Vec<u8>,
    /// The last bytes read ended a line.
    line_ended: bool,
    /// Of the mail that is read next.
    separator: Option<String>,
    largest: usize,
    read: u64,
}

impl<R: BufRead> Mbox<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// `InvalidData` where the input is no such file, or holds nothing; otherwise what reading says.
    pub fn open(input: R) -> io::Result<Self> {
        let line = Vec::new();
        let mut mbox =
            Self { input, line, line_ended: true, separator: None, largest: LARGEST, read: 0 };
        while mbox.next_line()? {
            let line = mbox.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&mbox.line);
            if let Some(separator) = separator(line) {
                mbox.separator = Some(separator);
                return Ok(mbox);
            }
            if !line.trim_ascii().is_empty() {
                let why = if line.starts_with(b"PK") {
                    "is an archive: unpack it, and give the .mbox file in it"
                } else {
                    "is no mbox file: its first line does not begin a mail"
                };
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "is empty"))
    }

    /// How many bytes were read.
    pub fn position(&self) -> u64 {
        self.read
    }

    /// The next mail.
    ///
    /// # Errors
    /// What reading says.
    pub fn next_item(&mut self) -> io::Result<Option<Item>> {
        let Some(before) = self.separator.take() else { return Ok(None) };
        let (mut raw, mut blank) = (Some(Vec::new()), true);
        loop {
            let begins = self.line_ended;
            if !self.next_line()? || !self.take_line(begins, &mut blank, &mut raw) {
                break;
            }
        }
        if let Some(raw) = &mut raw {
            // The line that parts it from the next one is not its own.
            let end = raw.strip_suffix(b"\n\n").or_else(|| raw.strip_suffix(b"\n\r\n"));
            if let Some(end) = end.map(<[u8]>::len) {
                raw.truncate(end + 1);
            }
        }
        Ok(Some(Item { separator: before, raw }))
    }

    /// Adds what was read to a mail; `false` where it begins the next one.
    fn take_line(&mut self, begins: bool, blank: &mut bool, raw: &mut Option<Vec<u8>>) -> bool {
        if begins && *blank {
            self.separator = separator(&self.line);
            if self.separator.is_some() {
                return false;
            }
        }
        *blank = begins && matches!(self.line.as_slice(), b"\n" | b"\r\n");
        let line = if begins { unquoted(&self.line) } else { &self.line };
        let fits = raw.as_ref().is_some_and(|raw| raw.len() + line.len() <= self.largest);
        match raw {
            Some(bytes) if fits => bytes.extend_from_slice(line),
            _ => *raw = None,
        }
        true
    }

    /// Reads a line, or as much of it as is looked at at once.
    fn next_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let read = self.input.by_ref().take(LINE).read_until(b'\n', &mut self.line)?;
        self.read += read as u64;
        self.line_ended = self.line.last() == Some(&b'\n');
        Ok(read > 0)
    }
}

/// What stands behind `From ` in a line that parts two mails: a sender, a time and a year. A sentence that begins so does
/// not.
fn separator(line: &[u8]) -> Option<String> {
    let rest = line.strip_prefix(b"From ")?;
    let text = String::from_utf8_lossy(rest).trim().to_owned();
    let is_time = |word: &str| {
        let parts: Vec<&str> = word.split(':').collect();
        (2..=3).contains(&parts.len())
            && parts.iter().all(|part| part.len() == 2 && is_number(part))
    };
    let is_year = |word: &str| word.len() == 4 && is_number(word);
    let dated = text.split_whitespace().any(is_time) && text.split_whitespace().any(is_year);
    dated.then_some(text)
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|c| c.is_ascii_digit())
}

/// A line that would look like a separator bears a mark before it, and one more for each time it was written.
fn unquoted(line: &[u8]) -> &[u8] {
    let marks = line.iter().take_while(|c| **c == b'>').count();
    let quoted = marks > 0 && line.get(marks..).is_some_and(|rest| rest.starts_with(b"From "));
    line.get(usize::from(quoted)..).unwrap_or(line)
}

/// When a mail was delivered, as its separator has it.
pub fn delivered_at(separator: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = separator.split_whitespace().collect();
    let at = words.iter().position(|word| MONTHS.contains(word))?;
    let (month, day, clock) = (words.get(at)?, words.get(at + 1)?, words.get(at + 2)?);
    let rest = words.get(at + 3..)?;
    let year = rest.iter().find(|word| word.len() == 4 && is_number(word))?;
    let zone = rest.iter().find(|word| word.starts_with(['+', '-'])).unwrap_or(&"+0000");
    time::instant(&format!("{day:0>2} {month} {year} {clock} {zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], largest: usize) -> io::Result<Vec<Item>> {
        let mut mbox = Mbox::open(text)?;
        mbox.largest = largest;
        let mut items = Vec::new();
        while let Some(item) = mbox.next_item()? {
            items.push(item);
        }
        assert_eq!(mbox.position(), text.len() as u64);
        Ok(items)
    }

    fn texts(text: &str) -> Vec<String> {
        let items = read(text.as_bytes(), LARGEST).unwrap().into_iter();
        items.map(|item| String::from_utf8(item.raw.unwrap()).unwrap()).collect()
    }

    #[test]
    fn mails_come_apart_at_separators_and_not_at_sentences() {
        let text = "From a@x Mon Mar  2 07:00:00 2026\nSubject: 1\n\nFrom here on it is text.\n\n\
                    >From the other side\n>>From twice\n> quoted\n\n\
                    From 1790@xxx Mon Mar 02 07:00:00 +0000 2026\r\nSubject: 2\r\n\r\ntwo\r\n\r\n";
        assert_eq!(
            texts(text),
            [
                "Subject: 1\n\nFrom here on it is text.\n\nFrom the other side\n>From twice\n> quoted\n",
                "Subject: 2\r\n\r\ntwo\r\n"
            ]
        );
        assert_eq!(texts("\u{feff}\nFrom a 07:00 2026\n"), [""]);
    }

    #[test]
    fn a_mail_that_is_too_large_is_passed_over_and_a_line_without_end_is_read_in_parts() {
        let long = "x".repeat(200_000);
        let text = format!("From a 07:00 2026\n{long}\n\nFrom b 07:00 2026\nsmall\n");
        let items = read(text.as_bytes(), 100_000).unwrap();
        assert_eq!(
            (items[0].raw.is_none(), items[1].raw.as_deref()),
            (true, Some(&b"small\n"[..]))
        );
        assert_eq!(texts(&text)[0].len(), 200_001);
    }

    #[test]
    fn what_is_no_mbox_is_said_to_be_none() {
        for (bytes, why) in [
            (&b""[..], "is empty"),
            (b"\n\n", "is empty"),
            (b"PK\x03\x04", "is an archive"),
            (b"Subject: a single mail\n", "is no mbox file"),
            (b"From whoever it may be\n", "is no mbox file"),
        ] {
            let error = read(bytes, LARGEST).unwrap_err();
            assert!(error.to_string().starts_with(why), "{error}");
        }
    }

    #[test]
    fn a_separators_time_is_read_with_and_without_a_zone() {
        let at = |text: &str| delivered_at(text).map(|at| at.to_string());
        assert_eq!(
            at("1@xxx Mon Mar 02 07:00:00 +0100 2026").as_deref(),
            Some("2026-03-02T06:00:00Z")
        );
        assert_eq!(at("a@x Mon Mar  2 07:00:00 2026").as_deref(), Some("2026-03-02T07:00:00Z"));
        assert_eq!(at("a@x someday 07:00 2026"), None);
    }
}
