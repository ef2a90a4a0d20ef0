//! Questions to the person at the terminal. None is asked where nobody is there to answer.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use console::Term;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// Whether a person can be asked: both what they type and what they are shown are a terminal's.
pub fn attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a yes; anything but `y` or `yes` is a no. Other work goes on meanwhile.
///
/// # Errors
/// When the terminal cannot be read.
pub async fn yes(question: String) -> anyhow::Result<bool> {
    let answer = tokio::task::spawn_blocking(move || line(&format!("{question} [y/N] "))).await??;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

/// Asks for a line that anybody may see.
///
/// # Errors
/// When the terminal cannot be read.
pub fn line(prompt: &str) -> anyhow::Result<String> {
    let term = Term::stderr();
    term.write_str(prompt)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("the terminal cannot be read")?;
    Ok(answer.trim().to_owned())
}

/// Asks for a line that nobody sees. `None` where it is left empty.
///
/// # Errors
/// When the terminal cannot be read.
pub fn secret(prompt: &str) -> anyhow::Result<Option<SecretString>> {
    let term = Term::stderr();
    term.write_str(prompt)?;
    let answer = Zeroizing::new(term.read_secure_line().context("the terminal cannot be read")?);
    let answer = answer.trim();
    Ok((!answer.is_empty()).then(|| SecretString::from(answer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        for yes in ["y", "Y", " yes\n", "YES"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "n", "ye", "yes please", "ja"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
