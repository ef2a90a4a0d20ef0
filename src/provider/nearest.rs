//! Which known names a mistyped one may have meant.

/// Names that a person may have meant by `given`, best first, at most `most`. Of each pair the first is what is written
/// down somewhere, the second what is answered; case, blanks and punctuation do not count.
pub fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = (&'a str, &'a str)>,
    most: usize,
) -> Vec<&'a str> {
    let given = plain(given);
    let mut likely: Vec<(f64, &str)> = Vec::new();
    for (written, answer) in known {
        let likeness = likeness(&given, &plain(written));
        match likely.iter_mut().find(|(_, other)| *other == answer) {
            Some((best, _)) => *best = best.max(likeness),
            None => likely.push((likeness, answer)),
        }
    }
    likely.retain(|(likeness, _)| *likeness >= ENOUGH);
    likely.sort_by(|a, b| b.0.total_cmp(&a.0)); // stable: equals stay in the order they came in
    likely.into_iter().take(most).map(|(_, answer)| answer).collect()
}

/// Below this two names have little in common: `box` and `x` have 0.3.
const ENOUGH: f64 = 0.6;

/// Longer ones are cut: nobody means a known name by them, and comparing costs the product of the lengths.
const LONGEST: usize = 64;

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).take(LONGEST).collect()
}

fn likeness(given: &str, known: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(given, known);
    let (short, long) = if given.len() < known.len() { (given, known) } else { (known, given) };
    // A part of a name is meant for it: `token` for `access_token`, `outlookmail` for `outlook`.
    if short.len() >= 3 && long.contains(short) { edits.max(0.9) } else { edits }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &str) -> Vec<&'static str> {
        let known = ["google-drive", "google-meet", "gmail", "x", "box"];
        nearest(given, known.into_iter().zip(known).chain([("twitter", "x")]), 3)
    }

    #[test]
    fn a_name_is_found_by_case_blanks_slips_parts_and_other_names() {
        assert_eq!(of("Google Drive"), ["google-drive"]);
        assert_eq!(of("gmial"), ["gmail"]);
        assert_eq!(of("google"), ["google-drive", "google-meet"]);
        assert_eq!(of("Twitter"), ["x"]);
        assert_eq!(of("BOX"), ["box"]);
    }

    #[test]
    fn what_resembles_nothing_finds_nothing_however_long_it_is() {
        assert!(of("quickbooks").is_empty());
        assert!(of("").is_empty());
        assert!(of(&"é".repeat(1 << 20)).is_empty());
    }
}
