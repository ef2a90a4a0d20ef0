//! Texts out of templates: the same seed tells the same story.

use std::collections::BTreeMap;

use super::words;

/// A small generator of numbers that are the same everywhere and always: Steele, Lea and Flood's `SplitMix64`.
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// Begins with a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below the bound; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let number = usize::try_from(self.next() >> 33).unwrap_or_default();
        number.checked_rem(bound).unwrap_or_default()
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let place = self.below(from.len());
        from.get(place)
    }

    /// One of these words.
    pub fn word<'a>(&mut self, from: &[&'a str]) -> &'a str {
        self.pick(from).copied().unwrap_or_default()
    }
}

/// Fills templates: `{part}` is a word of that list, the same throughout one story; `[this|that]` is one of both.
pub struct Teller {
    /// Where its choices come from.
    pub rng: SplitMix,
    known: BTreeMap<String, String>,
}

impl Teller {
    /// Begins a story.
    pub fn new(seed: u64) -> Self {
        Self { rng: SplitMix::new(seed), known: BTreeMap::new() }
    }

    /// Begins another story with other words.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// What `{name}` stands for from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.known.insert(name.to_owned(), value.to_owned());
    }

    /// The template, filled.
    pub fn tell(&mut self, template: &str) -> String {
        let mut out = String::new();
        self.fill(template, &mut out);
        out
    }

    fn fill(&mut self, mut rest: &str, out: &mut String) {
        while let Some(place) = rest.find(['[', '{']) {
            let (before, from) = rest.split_at(place);
            out.push_str(before);
            let end = closing(from);
            let inner = from.get(1..end).unwrap_or_default();
            rest = from.get(end + 1..).unwrap_or_default();
            if from.starts_with('{') {
                let value = self.slot(inner);
                out.push_str(&value);
            } else {
                let choices = choices(inner);
                let chosen = self.rng.word(&choices);
                self.fill(chosen, out);
            }
        }
        out.push_str(rest);
    }

    fn slot(&mut self, name: &str) -> String {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let value = words::of(name, &mut self.rng);
        self.known.insert(name.to_owned(), value.clone());
        value
    }
}

/// Where the bracket that the text begins with is closed.
fn closing(text: &str) -> usize {
    let mut depth = 0_usize;
    for (place, letter) in text.char_indices() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place;
        }
    }
    text.len()
}

/// The alternatives between the bars that are in no inner bracket.
fn choices(text: &str) -> Vec<&str> {
    let (mut all, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (place, letter) in text.char_indices() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => {
                all.extend(text.get(start..place));
                start = place + 1;
            }
            _ => {}
        }
    }
    all.extend(text.get(start..));
    all
}
