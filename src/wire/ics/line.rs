//! Content lines: unfolded, and taken apart where they are asked.

/// One content line, unfolded: `NAME;PARAMETER=value:value`.
#[derive(Debug)]
pub(super) struct Line {
    text: String,
    name: usize,
    value: usize,
}

/// The lines of a text that have a name and a value; others are passed over.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line> {
    let mut physical =
        text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).peekable();
    std::iter::from_fn(move || {
        loop {
            let mut whole = physical.next()?.to_owned();
            while let Some(more) = physical.next_if(|line| line.starts_with([' ', '\t'])) {
                whole.push_str(more.get(1..).unwrap_or_default());
            }
            if let Some(line) = Line::of(whole) {
                return Some(line);
            }
        }
    })
}

impl Line {
    fn of(text: String) -> Option<Self> {
        let name = text.find([';', ':'])?;
        let mut quoted = false;
        let value = text.bytes().position(|byte| {
            quoted ^= byte == b'"';
            byte == b':' && !quoted
        });
        // A quote that is never closed quotes nothing.
        let value = value.or_else(|| text.find(':'))?;
        (name > 0).then_some(Self { text, name, value })
    }

    /// Whether it is a line of that name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    pub(super) fn name(&self) -> &str {
        self.text.get(..self.name).unwrap_or_default()
    }

    /// What follows the name: parameters and value, as they are written.
    pub(super) fn rest(&self) -> &str {
        self.text.get(self.name..).unwrap_or_default()
    }

    /// The value as it is written.
    pub(super) fn value(&self) -> &str {
        self.text.get(self.value + 1..).unwrap_or_default()
    }

    /// The value as a text.
    pub(super) fn words(&self) -> String {
        unescape(self.value())
    }

    /// A parameter's value, without its quotes.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut rest = self.text.get(self.name..self.value)?;
        while let Some(after) = rest.strip_prefix(';') {
            let end = unquoted(after, ';').unwrap_or(after.len());
            let (parameter, more) = after.split_at_checked(end)?;
            rest = more;
            if let Some((own, value)) = parameter.split_once('=')
                && own.trim().eq_ignore_ascii_case(name)
            {
                return Some(parameter_value(value.trim()));
            }
        }
        None
    }
}

/// Where a sign stands outside of quotes.
fn unquoted(text: &str, sign: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == sign && !quoted).then_some(at)
    })
}

/// RFC 6868: `^n`, `^^` and `^'` stand for a line break, `^` and `"`.
fn parameter_value(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut signs = written.chars().filter(|c| *c != '"').peekable();
    while let Some(c) = signs.next() {
        let meant = match (c, signs.peek()) {
            ('^', Some('n')) => Some('\n'),
            ('^', Some('^')) => Some('^'),
            ('^', Some('\'')) => Some('"'),
            _ => None,
        };
        if meant.is_some() {
            signs.next();
        }
        text.push(meant.unwrap_or(c));
    }
    text
}

/// A value of type TEXT: `\n`, `\,`, `\;` and `\\` stand for a line break and the sign. A backslash before another sign is
/// one.
pub(super) fn unescape(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut signs = written.chars().peekable();
    while let Some(c) = signs.next() {
        let meant = match (c, signs.peek()) {
            ('\\', Some('n' | 'N')) => Some('\n'),
            ('\\', Some(sign @ ('\\' | ',' | ';'))) => Some(*sign),
            _ => None,
        };
        if meant.is_some() {
            signs.next();
        }
        text.push(meant.unwrap_or(c));
    }
    text
}

/// The texts of a value that is a list of them, by the commas that are not escaped.
pub(super) fn list(written: &str) -> impl Iterator<Item = String> {
    let mut escaped = false;
    written
        .split(move |c| {
            let ends = c == ',' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })
        .map(|text| unescape(text).trim().to_owned())
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Line {
        lines(text).next().unwrap()
    }

    #[test]
    fn a_line_is_unfolded_and_comes_apart() {
        let line = read(
            "attendee;CN=\"Åsa: Öb\r\n erg; x\" ;ROLE=OPT-PAR\n\tTICIPANT:mailto:asa@x.se\r\nNEXT:1",
        );
        assert!(line.is("ATTENDEE"));
        assert_eq!(line.parameter("cn").as_deref(), Some("Åsa: Öberg; x"));
        assert_eq!(line.parameter("ROLE").as_deref(), Some("OPT-PARTICIPANT"));
        assert_eq!(line.parameter("O"), None);
        assert_eq!(line.value(), "mailto:asa@x.se");
    }

    #[test]
    fn what_is_no_line_is_passed_over_and_what_follows_is_read() {
        let text = "\r\n  folded onto nothing\n:no name\nno value\n;\nA:1\nB;X=\"open:2";
        let read: Vec<(String, String)> =
            lines(text).map(|line| (line.name().into(), line.value().into())).collect();
        assert_eq!(read, [("A".into(), "1".into()), ("B".into(), "2".into())]);
    }

    #[test]
    fn texts_are_unescaped_once_and_lists_part_at_bare_commas() {
        assert_eq!(unescape(r"a\, b\; c\nd\Ne\\n \x \"), "a, b; c\nd\ne\\n \\x \\");
        let parts: Vec<String> = list(r"Work, Büro\, Haus,,a\\,b").collect();
        assert_eq!(parts, ["Work", "Büro, Haus", "a\\", "b"]);
        assert_eq!(read("X;CN=O^'Brien^^^n^x:1").parameter("CN").unwrap(), "O\"Brien^\n^x");
    }
}
