//! `neotoma token`: who may call the server over HTTP.

use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::{
    exit::Exit,
    out::{self, Format},
    table::{Column, Grid, Look},
};
use crate::{
    app::{App, TokenView},
    ids::{OwnerId, TokenId},
};

/// Arguments of `neotoma token`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  neotoma token create --expires 90d
  neotoma token list")]
pub struct TokenArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token for a client that calls over HTTP; it is printed this once
    #[command(after_help = "Example:
  neotoma token create --owner zoe --expires 90d")]
    Create {
        /// How long it is good, in days; without it, until it is revoked
        #[arg(long, value_name = "DAYS", value_parser = days)]
        expires: Option<i64>,
        #[command(flatten)]
        format: Format,
    },
    /// Print a code by which you sign in to a page of the server: once, within ten minutes
    #[command(after_help = "Example:
  neotoma token code --owner zoe")]
    Code,
    /// Show the tokens, never their secrets
    #[command(after_help = "Example:
  neotoma token list --json")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// End a token
    #[command(after_help = "Example:
  neotoma token revoke 0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f")]
    Revoke {
        /// The token's id, as the list shows it
        #[arg(value_name = "ID")]
        id: TokenId,
    },
}

/// A new token, shown this once.
#[derive(Serialize)]
struct Made<'a> {
    token: &'a str,
    #[serde(flatten)]
    of: &'a TokenView,
}

/// `90d` or `90`, in days.
fn days(text: &str) -> Result<i64, String> {
    let number = text.strip_suffix('d').unwrap_or(text);
    number.parse().map_err(|_| "is no number of days, as 90d is one".to_owned())
}

/// Makes, lists or ends tokens.
///
/// # Errors
/// When the database cannot be reached, or there is no such token.
pub async fn run(app: &App, owner: &OwnerId, args: TokenArgs) -> anyhow::Result<Exit> {
    match args.action {
        Action::Create { expires, format } => {
            let (token, view) = app.create_token(owner, expires).await?;
            if format.json {
                let shown = Made { token: token.expose_secret(), of: &view };
                out::data(&serde_json::to_string_pretty(&shown)?)?;
            } else {
                out::data(token.expose_secret())?;
            }
            out::say("it is not shown again; give it to the client as a bearer token");
        }
        Action::Code => {
            out::data(app.create_code(owner).await?.expose_secret())?;
            out::say("good once, for ten minutes");
        }
        Action::List { format } => {
            let tokens = app.tokens(owner).await?;
            let look = Look::of_stdout();
            format.print(tokens.as_slice(), |tokens| draw(&look, tokens))?;
            if tokens.is_empty() {
                let create = out::command(owner, "token create");
                out::say(format_args!("there is no token yet; make one: {create}"));
            }
        }
        Action::Revoke { id } => {
            app.revoke_token(owner, id).await?;
            out::say("the token has ended");
        }
    }
    Ok(Exit::Done)
}

fn draw(look: &Look, tokens: &[TokenView]) -> String {
    let columns = ["created", "ends", "last used", "state"].map(Column::text);
    let mut grid = Grid::new(look, &[&[Column::text("id").whole()], columns.as_slice()].concat());
    let now = jiff::Timestamp::now();
    for token in tokens {
        let ended = token.expires_at.is_some_and(|at| at <= now);
        let state = match token.revoked_at {
            Some(_) => "revoked",
            None if ended => "ended",
            None => "good",
        };
        grid.row([
            token.token_id.to_string().into(),
            look.time(token.created_at).into(),
            look.time_or(token.expires_at, "never").into(),
            look.time_or(token.last_used_at, "never").into(),
            state.into(),
        ]);
    }
    grid.draw()
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn a_life_is_a_number_of_days() {
        assert_eq!((days("90d"), days("7")), (Ok(90), Ok(7)));
        assert!(days("soon").is_err() && days("d").is_err());
    }
}
