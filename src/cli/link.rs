//! `neotoma link`: links an account by what a person can paste.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    args, ask,
    exit::{Exit, Usage},
    out::{self, Format},
    signals::interruptible,
    table,
};
use crate::{
    app::{App, FieldView, LinkRequest, LinkedView, ProviderView},
    ids::OwnerId,
};

/// Longest secret, in bytes.
const SECRET_BYTES: usize = 64 * 1024;

/// Arguments of `neotoma link`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  neotoma link slack --secret access_token=-
  neotoma link jira --secret access_token=@token.txt --metadata site_url=https://acme.atlassian.net --label Work

What a provider asks for: neotoma providers <PROVIDER>.
A required secret that is missing is asked for at the terminal, without echo.")]
pub struct LinkArgs {
    /// The provider's id, as `neotoma providers` shows it
    provider: String,
    /// The account's id, e-mail address or handle at the service; else the service is asked
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// What you call the account
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// A secret: in the open, from a file (name=@file), or from stdin or asked for without echo (name=-)
    #[arg(long, value_name = "NAME=VALUE", value_parser = args::secret)]
    secret: Vec<SecretString>,
    /// A setting; give a name again to make a list
    #[arg(long, value_name = "NAME=VALUE")]
    metadata: Vec<String>,
    /// Store it without asking the service whose account it is
    #[arg(long)]
    no_verify: bool,
    #[command(flatten)]
    format: Format,
    /// Takes what would be an unexpected argument, which could be a secret and must not be repeated in an error
    #[arg(hide = true, value_parser = args::secret)]
    stray: Vec<SecretString>,
}

/// Links an account.
///
/// # Errors
/// When something that is needed is not given, or the service refuses it.
pub async fn run(app: &App, owner: &OwnerId, args: LinkArgs) -> anyhow::Result<Exit> {
    if !args.stray.is_empty() {
        return Err(Usage::error("link takes one provider; give secrets as --secret name=value"));
    }
    let provider = &app.provider(&args.provider)?;
    let sources = args.secret.iter().enumerate().map(|(at, given)| Source::of(at + 1, given));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let mut metadata = args::metadata(&args.metadata, &provider.fields)?;
    let mut secrets = read(sources, provider)?;
    if ask::attended() {
        ask_for_missing(provider, &mut secrets, &mut metadata)?;
    }
    let request = LinkRequest {
        provider: args.provider,
        account_identifier: args.account,
        account_label: args.label,
        secrets,
        metadata,
        verify: !args.no_verify,
    };
    interruptible(async {
        let linked = app.link(owner, request).await?;
        args.format.print(&linked, facts)?;
        let import = format_args!("import --connector-id {}", linked.connector_id).to_string();
        out::say(format_args!("to import it: {}", out::command(owner, import)));
        Ok(Exit::Done)
    })
    .await
}

/// Where a secret comes from.
enum Source {
    Inline(SecretString),
    File(PathBuf),
    Stdin,
}

impl Source {
    /// Reads the `at`th `--secret`. Neither name nor value is repeated: a token with a `=` in it, given without its
    /// name, would be taken apart into both.
    fn of(at: usize, given: &SecretString) -> Result<(String, Self), Usage> {
        let wrong = |problem: &str| Usage(format!("--secret number {at}: {problem}"));
        let (name, value) = args::pair(given.expose_secret()).map_err(|_| {
            wrong("give name=value, name=@file, or name=- to be asked or to read stdin")
        })?;
        let source = match (value, value.strip_prefix('@')) {
            ("", _) => return Err(wrong("it has no value")),
            ("-", _) => Self::Stdin,
            (_, Some(file)) => Self::File(PathBuf::from(file)),
            (value, None) => Self::Inline(SecretString::from(value)),
        };
        Ok((name.to_owned(), source))
    }
}

fn read(
    sources: Vec<(String, Source)>,
    provider: &ProviderView,
) -> anyhow::Result<BTreeMap<String, SecretString>> {
    let from_stdin = sources.iter().filter(|(_, source)| matches!(source, Source::Stdin)).count();
    if from_stdin > 1 && !ask::attended() {
        return Err(Usage::error(
            "only one secret can be read from stdin; give the others as @file",
        ));
    }
    let mut secrets = BTreeMap::new();
    let mut inline = false;
    for (at, (name, source)) in sources.into_iter().enumerate() {
        let value = match source {
            Source::Inline(value) => {
                inline = true;
                value
            }
            Source::File(path) => from_file(&path, at + 1)?,
            Source::Stdin if ask::attended() => {
                let field = provider.fields.iter().find(|field| field.name == name);
                asked(&field.map_or_else(|| format!("{name}: "), prompt))?
            }
            Source::Stdin => bounded(io::stdin().lock(), "stdin")?,
        };
        if secrets.insert(name, value).is_some() {
            return Err(Usage::error(format!(
                "--secret number {}: its name was given before",
                at + 1
            )));
        }
    }
    if inline {
        out::say(
            "a secret on the command line stays in your shell's history; name=- asks for it, name=@file reads it",
        );
    }
    Ok(secrets)
}

/// The path is not repeated in an error: it could be a secret that begins with `@`.
fn from_file(path: &Path, at: usize) -> anyhow::Result<SecretString> {
    let unread = |cause| Usage(format!("--secret number {at}: its file cannot be read: {cause}"));
    bounded(File::open(path).map_err(unread)?, &format!("the file of --secret number {at}"))
}

/// Reads a secret, without the line break that editors and `echo` leave at its end.
fn bounded(from: impl Read, name: &str) -> anyhow::Result<SecretString> {
    let limit = SECRET_BYTES + "\r\n".len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    from.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("the secret cannot be read from {name}"))?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(Usage::error(format!("the secret from {name} is not text in UTF-8")));
    };
    let text = text.strip_suffix('\n').map_or(text, |t| t.strip_suffix('\r').unwrap_or(t));
    if text.is_empty() {
        return Err(Usage::error(format!("the secret from {name} is empty")));
    }
    if text.len() > SECRET_BYTES {
        return Err(Usage::error(format!("the secret from {name} is longer than 64 KiB")));
    }
    Ok(SecretString::from(text))
}

fn prompt(field: &FieldView) -> String {
    let label = if field.label.is_empty() { field.name } else { field.label };
    if field.help.is_empty() { format!("{label}: ") } else { format!("{label} ({}): ", field.help) }
}

fn asked(prompt: &str) -> anyhow::Result<SecretString> {
    ask::secret(prompt)?.ok_or_else(|| Usage::error("nothing was given, so nothing is linked"))
}

/// Asks for what is required and was not given; for any one of the secrets where none is required and none was given.
fn ask_for_missing(
    provider: &ProviderView,
    secrets: &mut BTreeMap<String, SecretString>,
    metadata: &mut BTreeMap<String, Value>,
) -> anyhow::Result<()> {
    let Missing { required, any_of } = Missing::of(provider, secrets, metadata);
    for field in required {
        if field.secret {
            secrets.insert(field.name.to_owned(), asked(&prompt(field))?);
        } else {
            let answer = ask::line(&prompt(field))?;
            if answer.is_empty() {
                return Err(Usage::error("nothing was given, so nothing is linked"));
            }
            let answer = [format!("{}={answer}", field.name)];
            metadata.extend(args::metadata(&answer, &provider.fields)?);
        }
    }
    if !any_of.is_empty() {
        out::say("give one of these, and leave the others empty");
    }
    for field in any_of {
        if let Some(value) = ask::secret(&prompt(field))? {
            secrets.insert(field.name.to_owned(), value);
        }
    }
    Ok(())
}

/// What of a provider's fields was not given.
struct Missing<'a> {
    required: Vec<&'a FieldView>,
    any_of: Vec<&'a FieldView>,
}

impl<'a> Missing<'a> {
    fn of(
        provider: &'a ProviderView,
        secrets: &BTreeMap<String, SecretString>,
        metadata: &BTreeMap<String, Value>,
    ) -> Self {
        let given = |name: &str| secrets.contains_key(name) || metadata.contains_key(name);
        let fields = provider.fields.iter();
        let required: Vec<_> = fields.clone().filter(|f| f.required && !given(f.name)).collect();
        let none = secrets.is_empty() && !provider.fields.iter().any(|f| f.secret && f.required);
        let any_of = if none { fields.filter(|f| f.secret).collect() } else { Vec::new() };
        Self { required, any_of }
    }
}

fn facts(of: &LinkedView) -> String {
    let mut text = String::new();
    let verified = if of.verified { "yes" } else { "no, the service was not asked" };
    let known = if of.relinked { "yes, its records were kept" } else { "no" };
    for (name, value) in [
        ("connector", of.connector_id.to_string()),
        ("account", table::account(&of.provider, &of.account_label)),
        ("identifier", table::one_line(&of.account_identifier)),
        ("verified", verified.to_owned()),
        ("linked before", known.to_owned()),
        ("secrets set", table::one_line(&of.secrets_set.join(", "))),
    ] {
        let _ = writeln!(text, "{name:<14} {value}");
    }
    if let Some(url) = &of.webhook_url {
        let _ = writeln!(text, "{:<14} {url}", "webhook");
    }
    if let Some(note) = &of.note {
        let _ = writeln!(text, "\n{}", table::one_line(note));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::providers::samples::catalog, ids::ConnectorId};

    fn source(text: &str) -> Result<(String, Source), Usage> {
        Source::of(1, &SecretString::from(text))
    }

    #[test]
    fn a_secret_is_given_in_the_open_from_a_file_or_from_stdin() {
        let (name, inline) = source("access_token=xoxp-1=2").map_err(|e| e.0).unwrap();
        assert_eq!(name, "access_token");
        assert!(matches!(inline, Source::Inline(value) if value.expose_secret() == "xoxp-1=2"));
        let file = source("key=@a b.txt").map_err(|e| e.0).unwrap().1;
        assert!(matches!(file, Source::File(path) if path.to_str() == Some("a b.txt")));
        assert!(matches!(source("key=-").map_err(|e| e.0).unwrap().1, Source::Stdin));
    }

    #[test]
    fn a_secret_that_is_given_wrongly_is_not_repeated() {
        for bad in ["xoxp-hush", "xoxp-hush=", "=xoxp-hush"] {
            let error = source(bad).map(|_| ()).unwrap_err();
            assert!(!error.0.contains("hush"), "{error}");
        }
    }

    #[test]
    fn a_secrets_file_is_read_and_one_that_is_not_there_is_not_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "xoxp-1\n").unwrap();
        assert_eq!(from_file(&path, 1).unwrap().expose_secret(), "xoxp-1");
        let error = from_file(Path::new("hush-hush"), 2).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Usage);
        let error = error.to_string();
        assert!(error.starts_with("--secret number 2: ") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn a_files_last_line_break_is_no_part_of_the_secret() {
        for (file, secret) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a ", "a ")] {
            assert_eq!(bounded(file.as_bytes(), "f").unwrap().expose_secret(), secret);
        }
    }

    #[test]
    fn a_secret_that_is_empty_too_long_or_no_text_is_refused_without_being_shown() {
        let long = "s".repeat(SECRET_BYTES + 1);
        for (bad, why) in [("", "empty"), ("\n", "empty"), (&long, "64 KiB")] {
            let error = bounded(bad.as_bytes(), "f").unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("sss"), "{error}");
        }
        assert!(bounded(&b"\xff\xfe"[..], "f").unwrap_err().to_string().contains("UTF-8"));
        let longest = format!("{}\r\n", "s".repeat(SECRET_BYTES));
        assert!(bounded(longest.as_bytes(), "f").is_ok());
    }

    #[test]
    fn a_secret_that_was_given_twice_is_refused() {
        let catalog = catalog();
        let provider = catalog.last().unwrap();
        let twice = ["t=one", "t=two"].map(|text| source(text).map_err(|e| e.0).unwrap());
        let error = read(twice.into(), provider).unwrap_err();
        assert_eq!(error.to_string(), "--secret number 2: its name was given before");
    }

    #[test]
    fn only_what_is_missing_is_asked_for() {
        let mut catalog = catalog();
        let provider = catalog.last_mut().unwrap();
        let names = |fields: &[&FieldView]| fields.iter().map(|f| f.name).collect::<Vec<_>>();
        let none = (BTreeMap::new(), BTreeMap::new());
        let missing = Missing::of(provider, &none.0, &none.1);
        assert_eq!((names(&missing.required), missing.any_of.len()), (vec!["access_token"], 0));
        let given = BTreeMap::from([("access_token".to_owned(), SecretString::from("x"))]);
        let missing = Missing::of(provider, &given, &none.1);
        assert!(missing.required.is_empty() && missing.any_of.is_empty());
        provider.fields[0].required = false;
        let missing = Missing::of(provider, &none.0, &none.1);
        assert_eq!((missing.required.len(), names(&missing.any_of)), (0, vec!["access_token"]));
    }

    #[test]
    fn what_was_linked_is_told_by_the_names_of_its_secrets_alone() {
        let linked = LinkedView {
            connector_id: ConnectorId(uuid::Uuid::from_u128(1)),
            provider: "slack".into(),
            account_identifier: "U024BE7LH".into(),
            account_label: "Anna".into(),
            verified: true,
            relinked: false,
            secrets_set: vec!["access_token".into(), "refresh_token".into()],
            webhook_url: None,
            note: None,
        };
        assert_eq!(
            facts(&linked),
            "\
connector      00000000-0000-0000-0000-000000000001
account        slack · Anna
identifier     U024BE7LH
verified       yes
linked before  no
secrets set    access_token, refresh_token
"
        );
    }
}
