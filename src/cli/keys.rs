//! `neotoma keys`: the key that secrets are sealed with.

use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;

use super::{
    exit::Exit,
    out::{self, Format},
    table::{Column, Grid, Look, number},
};
use crate::app::{App, RotatedView};

/// Arguments of `neotoma keys`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  neotoma keys generate")]
pub struct KeysArgs {
    #[command(subcommand)]
    pub action: Action,
}

/// What is done about keys.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Print a new key for `CONNECTOR_SECRET_KEY`; nothing is changed
    #[command(after_help = "Example:
  export CONNECTOR_SECRET_KEY=\"$(neotoma keys generate)\"")]
    Generate,
    /// Seal all secrets, of every owner, with the current key; run it after a change of `CONNECTOR_SECRET_KEY`, with the
    /// old key in `CONNECTOR_SECRET_KEY_PREVIOUS`
    #[command(after_help = "Example:
  CONNECTOR_SECRET_KEY=\"$NEW\" CONNECTOR_SECRET_KEY_PREVIOUS=\"$OLD\" neotoma keys rotate")]
    Rotate {
        #[command(flatten)]
        format: Format,
    },
}

/// Prints a new key.
///
/// # Errors
/// When stdout cannot be written.
pub fn generate() -> anyhow::Result<Exit> {
    out::data(crate::vault::key_file::generate().expose_secret())?;
    Ok(Exit::Done)
}

/// Seals all secrets with the current key.
///
/// # Errors
/// When the database cannot be reached or the key does not do.
pub async fn rotate(app: &App, format: Format) -> anyhow::Result<Exit> {
    let rotated = app.rotate_keys().await?;
    let look = Look::of_stdout();
    format.print(&rotated, |rotated| draw(&look, rotated))?;
    if rotated.unopened == 0 {
        return Ok(Exit::Done);
    }
    let unopened = number(rotated.unopened);
    out::say(format_args!(
        "no configured key opens the secrets of {unopened} connectors: give the key they were sealed with in \
         CONNECTOR_SECRET_KEY_PREVIOUS and rotate again, or link those accounts again"
    ));
    Ok(Exit::Failed)
}

fn draw(look: &Look, of: &RotatedView) -> String {
    let mut grid = Grid::new(look, &[Column::text("connectors"), Column::number("")]);
    grid.row(["sealed anew".into(), number(of.resealed).into()]);
    grid.row(["sealed with the current key before".into(), number(of.current).into()]);
    grid.row(["not opened by any key".into(), number(of.unopened).into()]);
    grid.draw()
}

#[cfg(test)]
mod tests {
    use super::{super::table::samples::look, *};

    #[test]
    fn a_rotation_tells_what_was_sealed_and_what_no_key_opens() {
        assert_eq!(
            draw(&look(80), &RotatedView { resealed: 1200, current: 3, unopened: 0 }),
            "\
connectors
sealed anew                         1,200
sealed with the current key before      3
not opened by any key                   0
"
        );
    }
}
