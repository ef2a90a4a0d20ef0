//! `neotoma connect`: links an account in the browser.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    ask,
    exit::{Exit, for_terminal},
    out::{self, Format},
    signals::Signals,
    table,
};
use crate::{
    app::{App, AttemptStatus, AttemptView, Error, StartRequest},
    ids::{AttemptId, OwnerId},
    web::loopback::Loopback,
};

/// How long the browser may take to fetch the page that says how it went.
const LAST_PAGE: Duration = Duration::from_secs(3);

/// Arguments of `neotoma connect`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  neotoma connect gmail
  neotoma connect slack --label Work --no-browser

Where a service has OAuth, you consent there; else, or with --paste, a page of neotoma's own asks for a token.
An account is linked again by its label, or without one where only one of the service needs it.")]
pub struct ConnectArgs {
    /// The provider's id, as `neotoma providers` shows it
    provider: String,
    /// What you call the account
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Paste a token on a page, instead of consenting at the service
    #[arg(long)]
    paste: bool,
    /// Print the address only, for a browser that you open yourself
    #[arg(long)]
    no_browser: bool,
    #[command(flatten)]
    format: Format,
}

/// Begins an attempt, has its page opened, and waits for what becomes of it.
///
/// # Errors
/// When the account cannot be linked that way, or was not.
pub async fn run(app: &App, owner: &OwnerId, args: ConnectArgs) -> anyhow::Result<Exit> {
    let landing = Loopback::new();
    app.land_at(landing.clone());
    let request = StartRequest {
        provider: args.provider,
        account_label: args.label,
        redirect_to: None,
        paste: args.paste,
    };
    let mut signals = Signals::listen()?;
    let attempt = tokio::select! {
        attempt = app.start_oauth(owner, request) => attempt?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    let id: AttemptId = attempt.attempt_id.parse()?;
    let address = attempt.authorization_url.as_deref().unwrap_or_default();
    let opens = !args.no_browser && has_browser();
    let what = if opens { "opening in your browser" } else { "open this in your browser" };
    out::say(format_args!("{what}: {address}"));
    if opens && let Err(cause) = open::that_detached(address) {
        out::say(format_args!("no browser could be started ({cause}): open the address yourself"));
    }
    out::say("waiting for you to go through it (10 minutes; Ctrl-C calls it off)");
    let left = attempt.expires_at.duration_since(Timestamp::now());
    let until = Instant::now() + Duration::try_from(left).unwrap_or_default();
    let ended = tokio::select! {
        ended = app.wait_for_attempt(owner, &id, until) => ended?,
        () = signals.next() => {
            app.cancel_attempt(owner, &id).await?;
            return Ok(Exit::Interrupted);
        }
    };
    landing.linger(LAST_PAGE).await;
    told(owner, &ended, args.format)
}

fn told(owner: &OwnerId, ended: &AttemptView, format: Format) -> anyhow::Result<Exit> {
    let (AttemptStatus::Linked, Some(connector)) = (ended.status, ended.connector_id) else {
        return Err(Error::NotLinked {
            provider: ended.provider.clone(),
            problem: ended.problem.clone().unwrap_or_else(|| "its ten minutes were over".into()),
        }
        .into());
    };
    format.print(ended, |ended| {
        let account = ended.account.as_deref().unwrap_or_default();
        format!("linked {} ({connector})\n", table::account(&ended.provider, account))
    })?;
    let import = format!("import --connector-id {connector}");
    out::say(for_terminal(&format!("to import it: {}", out::command(owner, import))));
    Ok(Exit::Done)
}

/// Whether there is a screen to open a browser on: without one, what opens addresses may take the terminal over.
fn has_browser() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let screen = !cfg!(target_os = "linux")
        || ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"].iter().any(|name| set(name));
    screen && !set("SSH_CONNECTION") && ask::attended()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(status: AttemptStatus) -> AttemptView {
        AttemptView {
            attempt_id: AttemptId::generate().to_string(),
            provider: "gmail".into(),
            status,
            authorization_url: None,
            expires_at: Timestamp::UNIX_EPOCH,
            connector_id: None,
            account: None,
            problem: Some("Gmail was not given the permission".into()),
        }
    }

    #[test]
    fn what_was_not_linked_says_why_and_how_to_try_again() {
        let owner = OwnerId::new("local").unwrap();
        let error = told(&owner, &attempt(AttemptStatus::Failed), Format::default()).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Failed);
        let said = super::super::exit::sentence(&error);
        assert!(said.starts_with("Gmail was not given the permission; nothing was linked"));
        assert!(said.contains("neotoma connect") && !said.contains("start_oauth"), "{said}");
    }
}
