//! `neotoma connectors`: the linked accounts.

use clap::{Args, Subcommand};

use super::{
    ask,
    exit::{Exit, Usage},
    out::{self, Format},
    table::{self, Column, Grid, Look, Tone, number, toned},
};
use crate::{
    app::{App, ConnectorStatus, ConnectorView, DeletedView},
    ids::{ConnectorId, OwnerId},
};

/// Arguments of `neotoma connectors`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  neotoma connectors
  neotoma connectors pause 0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f")]
pub struct ConnectorsArgs {
    #[command(subcommand)]
    action: Option<Action>,
    /// Show deleted ones too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Delete a connector: its secrets are erased, its records stay unless told otherwise
    #[command(after_help = "Example:
  neotoma connectors delete 0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f --records")]
    Delete {
        /// The connector's id
        #[arg(value_name = "ID")]
        id: ConnectorId,
        /// Erase its records too
        #[arg(long)]
        records: bool,
        /// Do not ask before erasing records
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Pause a connector: it is imported no more until it is resumed
    #[command(after_help = "Example:
  neotoma connectors pause 0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f")]
    Pause {
        /// The connector's id
        #[arg(value_name = "ID")]
        id: ConnectorId,
        #[command(flatten)]
        format: Format,
    },
    /// Resume a paused connector
    #[command(after_help = "Example:
  neotoma connectors resume 0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f")]
    Resume {
        /// The connector's id
        #[arg(value_name = "ID")]
        id: ConnectorId,
        #[command(flatten)]
        format: Format,
    },
}

/// Lists the connectors, or changes one.
///
/// # Errors
/// When there is no such connector, or erasing records was not agreed to.
pub async fn run(app: &App, owner: &OwnerId, args: ConnectorsArgs) -> anyhow::Result<Exit> {
    let Some(action) = args.action else {
        return list(app, owner, args.all, args.format).await;
    };
    if args.all {
        return Err(Usage::error("--all belongs to the list of connectors alone"));
    }
    let asked = |format: Format| Format { json: format.json || args.format.json };
    match action {
        Action::Delete { id, records, yes, format } => {
            delete(app, owner, id, records, yes, asked(format)).await
        }
        Action::Pause { id, format } => show(&app.pause(owner, id).await?, asked(format)),
        Action::Resume { id, format } => show(&app.resume(owner, id).await?, asked(format)),
    }
}

async fn list(app: &App, owner: &OwnerId, all: bool, format: Format) -> anyhow::Result<Exit> {
    let connectors = app.connectors(owner, all).await?;
    let look = Look::of_stdout();
    format.print(connectors.as_slice(), |connectors| draw(&look, connectors))?;
    if connectors.is_empty() {
        let link = out::command(owner, "link <PROVIDER>");
        out::say(format_args!("no account is linked yet; link one: {link}"));
    }
    remarks(owner, &connectors).iter().for_each(out::say);
    Ok(Exit::Done)
}

fn show(connector: &ConnectorView, format: Format) -> anyhow::Result<Exit> {
    let look = Look::of_stdout();
    format.print(connector, |connector| draw(&look, std::slice::from_ref(connector)))?;
    Ok(Exit::Done)
}

async fn delete(
    app: &App,
    owner: &OwnerId,
    id: ConnectorId,
    records: bool,
    yes: bool,
    format: Format,
) -> anyhow::Result<Exit> {
    let connector = app.connector(owner, id).await?;
    if records && !yes {
        if !ask::attended() {
            return Err(Usage::error("erasing records cannot be undone: say --yes to agree to it"));
        }
        let (count, name) = (number(connector.records), table::connector(&connector));
        if !ask::yes(format!("erase {count} records of {name} for good?")).await? {
            out::say("nothing was deleted");
            return Ok(Exit::Failed);
        }
    }
    let deleted = app.delete(owner, id, records).await?;
    let name = table::connector(&connector);
    format.print(&deleted, |deleted| told(&name, deleted))?;
    Ok(Exit::Done)
}

fn told(name: &str, of: &DeletedView) -> String {
    let mut said = format!(
        "{name} was deleted and its secrets erased; records erased: {}, kept: {}",
        number(of.records_deleted),
        number(of.records_kept)
    );
    if of.revoked {
        said.push_str("; the service has ended the grant");
    }
    if let Some(note) = &of.note {
        said = format!("{said}\n{}", table::one_line(note));
    }
    said
}

fn draw(look: &Look, connectors: &[ConnectorView]) -> String {
    let mut grid = Grid::new(
        look,
        &[
            Column::text("connector").whole(),
            Column::text("status"),
            Column::number("records"),
            Column::text("last sync"),
        ],
    );
    for of in connectors {
        let tone = match of.status {
            ConnectorStatus::Active => Tone::Good,
            ConnectorStatus::Paused => Tone::Warn,
            ConnectorStatus::NeedsReauth | ConnectorStatus::Error => Tone::Bad,
            ConnectorStatus::Deleted => Tone::Plain,
        };
        let running = if of.running.is_some() { "\nrunning" } else { "" };
        let word = format!("{}{running}", of.status.as_str());
        grid.row([
            format!("{}\n{}", table::connector(of), of.connector_id).into(),
            toned(word, tone),
            number(of.records).into(),
            look.time_or(of.last_successful_sync, "never").into(),
        ]);
    }
    grid.draw()
}

/// What wants a person's attention, a sentence each.
fn remarks(owner: &OwnerId, connectors: &[ConnectorView]) -> Vec<String> {
    let mut remarks = Vec::new();
    for of in connectors.iter().filter(|of| of.status != ConnectorStatus::Deleted) {
        let name = table::connector(of);
        remarks.extend(of.last_error.iter().map(|sentence| table::about(&name, sentence)));
        if let Some(waiting) = of.removals_waiting.filter(|waiting| *waiting > 0) {
            remarks.push(removals(owner, &name, of.connector_id, waiting));
        }
        remarks.extend(of.webhook_url.iter().map(|url| {
            table::about(&name, &format!("what is imported comes by webhook to {url}"))
        }));
    }
    remarks
}

/// How to agree to removals that wait for a yes.
pub fn removals(owner: &OwnerId, name: &str, id: ConnectorId, waiting: u64) -> String {
    let agree = format!("import --connector-id {id} --confirm-removals");
    format!(
        "{name}: {} records are gone at the service, too many to mark without a yes; if that is right: {}",
        number(waiting),
        out::command(owner, agree)
    )
}

#[cfg(test)]
mod tests {
    use super::{super::table::samples, *};

    #[test]
    fn the_connectors_fit_a_narrow_terminal_with_their_ids_whole() {
        let mut second = samples::connector("");
        second.status = ConnectorStatus::NeedsReauth;
        second.last_successful_sync = None;
        second.running = Some(crate::ids::RunId(uuid::Uuid::nil()));
        assert_eq!(
            draw(&samples::look(80), &[samples::connector("Anna"), second]),
            "\
connector                             status        records  last sync
slack · Anna                          active         12,345  2026-03-01 10:22
0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f
slack · U024BE7LH                     needs_reauth   12,345  never
0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f  running
"
        );
    }

    #[test]
    fn what_wants_attention_is_said_with_the_command_that_helps() {
        let owner = OwnerId::new("zoe").unwrap();
        let mut of = samples::connector("Anna");
        of.last_error = Some("the grant was revoked; use start_oauth".into());
        of.removals_waiting = Some(1200);
        let remarks = remarks(&owner, &[of]);
        assert_eq!(remarks[0], "slack · Anna: the grant was revoked; use neotoma connect");
        assert!(remarks[1].contains("1,200 records"), "{}", remarks[1]);
        assert!(remarks[1].ends_with(
            "neotoma --owner zoe import --connector-id 0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f --confirm-removals"
        ));
    }

    #[test]
    fn a_deletion_says_what_was_erased_and_what_stayed() {
        let deleted = DeletedView {
            connector_id: samples::connector("").connector_id,
            provider: "slack".into(),
            account_identifier: "U024BE7LH".into(),
            records_deleted: 0,
            records_kept: 1200,
            revoked: true,
            note: None,
        };
        assert_eq!(
            told("slack · Anna", &deleted),
            "slack · Anna was deleted and its secrets erased; records erased: 0, kept: 1,200; the service has ended the grant"
        );
        let note = Some("remove the app there".to_owned());
        let standing = told("slack · Anna", &DeletedView { revoked: false, note, ..deleted });
        assert!(standing.ends_with("kept: 1,200\nremove the app there"), "{standing}");
    }
}
