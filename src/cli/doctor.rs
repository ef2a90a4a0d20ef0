//! `neotoma doctor`: whether everything that is needed is there, and what to do where it is not.

use clap::Args;

use super::{
    exit::Exit,
    out::Format,
    table::{Column, Grid, Look, Tone, toned},
};
use crate::app::{App, CheckView};

/// Arguments of `neotoma doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  neotoma doctor")]
pub struct DoctorArgs {
    #[command(flatten)]
    format: Format,
}

/// Looks at everything that is needed.
///
/// # Errors
/// When stdout cannot be written.
pub async fn run(app: &App, args: &DoctorArgs) -> anyhow::Result<Exit> {
    let checks = app.doctor().await;
    let look = Look::of_stdout();
    args.format.print(checks.as_slice(), |checks| draw(&look, checks))?;
    Ok(exit(&checks))
}

fn exit(checks: &[CheckView]) -> Exit {
    if checks.iter().all(|check| check.ok) { Exit::Done } else { Exit::Failed }
}

fn draw(look: &Look, checks: &[CheckView]) -> String {
    let mut grid = Grid::new(
        look,
        &[
            Column::text("state").whole(),
            Column::text("check").whole(),
            Column::text("found"),
            Column::text("remedy"),
        ],
    );
    for of in checks {
        let mark = if of.ok { toned("ok", Tone::Good) } else { toned("not ok", Tone::Bad) };
        let remedy = of.remedy.clone().unwrap_or_default();
        grid.row([mark, of.check.into(), of.found.clone().into(), remedy.into()]);
    }
    grid.draw()
}

#[cfg(test)]
mod tests {
    use super::{super::table::samples::look, *};

    fn checks() -> [CheckView; 2] {
        let database = CheckView {
            check: "database",
            ok: true,
            found: "embedded PostgreSQL 17".into(),
            remedy: None,
        };
        let key = CheckView {
            check: "key",
            ok: false,
            found: "CONNECTOR_SECRET_KEY has 5 characters".into(),
            remedy: Some("give it 32 or more: neotoma keys generate".into()),
        };
        [database, key]
    }

    #[test]
    fn every_check_has_a_line_with_its_remedy() {
        assert_eq!(
            draw(&look(110), &checks()),
            "\
state   check     found                                  remedy
ok      database  embedded PostgreSQL 17
not ok  key       CONNECTOR_SECRET_KEY has 5 characters  give it 32 or more: neotoma keys generate
"
        );
    }

    #[test]
    fn one_check_that_is_not_well_fails_the_whole() {
        let [database, key] = checks();
        assert_eq!(exit(std::slice::from_ref(&database)), Exit::Done);
        assert_eq!(exit(&[database, key]), Exit::Failed);
    }
}
