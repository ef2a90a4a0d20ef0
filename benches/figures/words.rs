//! Texts as people write them, as far as a database can tell: words of a large vocabulary, few of them often. The same in
//! every run.

/// How many words there are.
const VOCABULARY: u64 = 30_000;

/// A source of numbers (xorshift64*), the same for the same seed.
pub struct Words(u64);

impl Words {
    /// A source by its seed.
    pub const fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    /// So many words with spaces between.
    pub fn text(&mut self, words: u64) -> String {
        let mut text = String::new();
        for at in 0..words {
            if at > 0 {
                text.push(' ');
            }
            self.word(&mut text);
        }
        text
    }

    /// A word: the product of two numbers prefers the first ones, as language does.
    fn word(&mut self, to: &mut String) {
        let mut number = self.below(VOCABULARY) * self.below(VOCABULARY) / VOCABULARY;
        loop {
            let syllable = number % 60;
            let of = |letters: &str, at: u64| letters.chars().nth(usize::try_from(at).ok()?);
            to.extend(of("bdfgklmnprst", syllable / 5));
            to.extend(of("aeiou", syllable % 5));
            number /= 60;
            if number == 0 {
                return;
            }
        }
    }
}
