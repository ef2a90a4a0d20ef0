//! `neotoma providers`: the catalog, and what one service asks for.

use std::fmt::Write as _;

use clap::Args;

use super::{
    args,
    exit::Exit,
    out::{self, Format},
    table::{Column, Grid, Look, clean},
};
use crate::{
    app::{App, FieldView, ProviderView},
    provider::spec::{Category, Webhooks},
};

/// Arguments of `neotoma providers`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  neotoma providers --category social
  neotoma providers slack")]
pub struct ProvidersArgs {
    /// Show this one in full: what it asks for and where to find it
    #[arg(value_name = "PROVIDER", conflicts_with = "category")]
    id: Option<String>,
    /// Only these
    #[arg(long, value_parser = args::category())]
    category: Option<Category>,
    #[command(flatten)]
    format: Format,
}

/// Prints the catalog, or one entry of it.
///
/// # Errors
/// When there is no such provider.
pub fn run(app: &App, args: &ProvidersArgs) -> anyhow::Result<Exit> {
    let look = Look::of_stdout();
    if let Some(id) = &args.id {
        let of = app.provider(id)?;
        args.format.print(&of, |of| page(&look, of))?;
        return Ok(Exit::Done);
    }
    let mut catalog = app.providers();
    catalog.retain(|of| args.category.is_none_or(|category| of.provider_type == category));
    args.format.print(catalog.as_slice(), |catalog| table(&look, catalog))?;
    if catalog.is_empty() {
        out::say("no provider is like that");
    }
    Ok(Exit::Done)
}

fn kinds(of: &ProviderView) -> String {
    of.record_types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

fn table(look: &Look, catalog: &[ProviderView]) -> String {
    let mut grid = Grid::new(
        look,
        &[
            Column::number("rank"),
            Column::text("id").whole(),
            Column::text("category"),
            Column::text("records"),
            Column::text("auth"),
        ],
    );
    for of in catalog {
        grid.row([
            of.rank.to_string().into(),
            of.id.into(),
            of.provider_type.as_str().into(),
            kinds(of).into(),
            of.auth.join(", ").into(),
        ]);
    }
    grid.draw()
}

fn page(look: &Look, of: &ProviderView) -> String {
    let mut text = format!("{} ({})\n", look.bold(of.name), of.id);
    let webhooks = match of.webhooks {
        Webhooks::None => "none",
        Webhooks::Offered => "offered",
        Webhooks::Required => "required",
    };
    let facts = [
        ("category", of.provider_type.as_str().to_owned()),
        ("imports", format!("{} ({})", of.capabilities.join(", "), kinds(of))),
        ("auth", of.auth.join(", ")),
        ("webhooks", webhooks.to_owned()),
    ];
    for (name, value) in facts {
        let _ = writeln!(text, "  {name:<10} {value}");
    }
    if !of.help.is_empty() {
        let _ = writeln!(text, "\n{}", of.help);
    }
    if of.fields.is_empty() {
        return clean_keeping_bold(look, text);
    }
    let mut grid = Grid::new(
        look,
        &[Column::text("to give").whole(), Column::text(""), Column::text("what it is")],
    );
    for field in &of.fields {
        let must = if field.required { "required" } else { "" };
        grid.row([option(field).into(), must.into(), explained(field).into()]);
    }
    let _ = write!(text, "\n{}", grid.draw());
    let _ = writeln!(text, "\nneotoma link {}{}", of.id, example(&of.fields));
    clean_keeping_bold(look, text)
}

/// The catalog is ours, so nothing in it needs cleaning but by accident: not where we styled it ourselves.
fn clean_keeping_bold(look: &Look, text: String) -> String {
    if look.styled { text } else { clean(&text) }
}

fn option(field: &FieldView) -> String {
    let flag = if field.secret { "--secret" } else { "--metadata" };
    let more = if field.list { " …" } else { "" };
    format!("{flag} {}={more}", field.name)
}

fn explained(field: &FieldView) -> String {
    match (field.label, field.help) {
        (label, "") => label.to_owned(),
        ("", help) => help.to_owned(),
        (label, help) => format!("{label}: {help}"),
    }
}

/// The options of a first try, secrets asked for without echo.
fn example(fields: &[FieldView]) -> String {
    let required = |field: &&FieldView| field.required;
    let chosen: Vec<_> = match fields.iter().filter(required).collect::<Vec<_>>() {
        none if none.is_empty() => fields.iter().find(|field| field.secret).into_iter().collect(),
        some => some,
    };
    let given = |field: &&FieldView| {
        if field.secret {
            format!(" --secret {}=-", field.name)
        } else {
            format!(" --metadata {}=…", field.name)
        }
    };
    chosen.iter().map(given).collect()
}

#[cfg(test)]
pub mod samples {
    //! A made-up catalog.
    use super::*;
    use crate::app::Readiness;
    use crate::record::Kind;

    /// Two entries.
    pub fn catalog() -> Vec<ProviderView> {
        let token = FieldView {
            name: "access_token",
            label: "User OAuth token",
            help: "your app's page, OAuth & Permissions; begins with xoxp-",
            secret: true,
            required: true,
            list: false,
        };
        let site = FieldView {
            name: "site",
            label: "Site",
            help: "the part before .example.com",
            secret: false,
            required: false,
            list: true,
        };
        vec![
            ProviderView {
                rank: 7,
                id: "youtube",
                name: "YouTube",
                provider_type: Category::Social,
                record_types: &[Kind::MediaAsset],
                capabilities: &["Videos", "playlists", "stats"],
                auth: vec!["oauth"],
                status: Readiness::Ready,
                help: "",
                fields: vec![],
                webhooks: Webhooks::None,
            },
            ProviderView {
                rank: 20,
                id: "slack",
                name: "Slack",
                provider_type: Category::Productivity,
                record_types: &[Kind::Message],
                capabilities: &["Workspace channels/DMs"],
                auth: vec!["oauth", "token"],
                status: Readiness::Ready,
                help: "Make an app at api.slack.com/apps and install it to your workspace.",
                fields: vec![token, site],
                webhooks: Webhooks::Offered,
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{super::table::samples::look, samples::catalog, *};

    #[test]
    fn the_catalog_is_a_line_each() {
        assert_eq!(
            table(&look(80), &catalog()),
            "\
rank  id       category      records      auth
   7  youtube  social        media_asset  oauth
  20  slack    productivity  message      oauth, token
"
        );
    }

    #[test]
    fn a_provider_in_full_says_what_to_give_and_where_to_find_it() {
        assert_eq!(
            page(&look(90), catalog().last().unwrap()),
            "\
Slack (slack)
  category   productivity
  imports    Workspace channels/DMs (message)
  auth       oauth, token
  webhooks   offered

Make an app at api.slack.com/apps and install it to your workspace.

to give                           what it is
--secret access_token=  required  User OAuth token: your app's page, OAuth & Permissions;
                                  begins with xoxp-
--metadata site= …                Site: the part before .example.com

neotoma link slack --secret access_token=-
"
        );
    }
}
