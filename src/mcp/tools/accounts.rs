//! Tools about the catalog and the linked accounts.

use rmcp::{
    handler::server::{
        tool::{InputResponses, RequestState},
        wrapper::Parameters,
    },
    tool, tool_router,
};

use super::{named, output, structured};
use crate::{
    app::{AttemptView, LinkedView},
    mcp::{
        Context, Importers,
        answers::{Deletion, LinkedAccounts, ProviderRow, Providers},
        args::{DeleteConnector, LinkConnector, ListConnectors, ListProviders, StartOauth},
        bounded,
        confirm::{Ask, Round, Verdict},
        consent::Opened,
        errors::Answer,
        progress::thousands,
    },
};

#[tool_router(router = accounts, vis = "pub(super)")]
impl Importers {
    #[tool(
        title = "List providers",
        description = "Lists the services whose accounts can be linked: id, record types, how to link. \
                       With provider: what it imports and the fields link_connector takes.",
        annotations(
            title = "List providers",
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        ),
        output_schema = output::<Providers>()
    )]
    async fn list_providers(&self, Parameters(args): Parameters<ListProviders>) -> Answer {
        let catalog = self.app.providers();
        let providers: Vec<ProviderRow> = match &args.provider {
            Some(id) => vec![ProviderRow::whole(&self.app.provider(id)?)],
            None => catalog
                .iter()
                .filter(|of| {
                    args.category
                        .as_deref()
                        .is_none_or(|category| of.provider_type.as_str() == category)
                })
                .map(ProviderRow::brief)
                .collect(),
        };
        structured(&Providers { count: providers.len(), providers }, Vec::new())
    }

    #[tool(
        title = "List connectors",
        description = "Lists the linked accounts with their connector_id, status, number of records, last sync and last \
                       error, and what became of start_oauth. Use it to find a connector_id or to see why an account \
                       does not sync.",
        annotations(
            title = "List connectors",
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        ),
        output_schema = output::<LinkedAccounts>()
    )]
    async fn list_connectors(
        &self,
        Parameters(args): Parameters<ListConnectors>,
        context: Context,
    ) -> Answer {
        let linked = self.app.connectors_and_attempts(self.caller(&context)?).await?;
        let (mut connectors, mut attempts) = linked;
        if let Some(id) = &args.provider {
            let provider = self.app.provider(id)?.id;
            connectors.retain(|connector| connector.provider == provider);
            attempts.retain(|attempt| attempt.provider == provider);
        }
        let count = connectors.len();
        bounded::connectors(&mut connectors);
        let left_out = Some(count - connectors.len()).filter(|left_out| *left_out > 0);
        let attempts = Some(attempts).filter(|attempts| !attempts.is_empty());
        structured(&LinkedAccounts { connectors, count, left_out, attempts }, Vec::new())
    }

    #[tool(
        title = "Link in the browser",
        description = "Links an account in the person's browser, by consent at the provider or on a page that takes a \
                       token, so that no secret passes through the chat; links one again, too. Answers \
                       authorization_url for the person to open (10 minutes, once); list_connectors shows how it went.",
        annotations(
            title = "Link in the browser",
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = true
        ),
        output_schema = output::<AttemptView>()
    )]
    async fn start_oauth(
        &self,
        Parameters(args): Parameters<StartOauth>,
        RequestState(state): RequestState,
        InputResponses(answers): InputResponses,
        context: Context,
    ) -> Answer {
        let owner = self.caller(&context)?;
        let bound = format!("{owner}|start_oauth|{}", args.bound());
        let opened = if state.is_some() {
            self.after_opening(&context, owner, &bound, Round { state, answers }).await?
        } else {
            let attempt = self.app.start_oauth(owner, args.into()).await?;
            self.have_opened(&context, owner, &bound, attempt).await?
        };
        match opened {
            Opened::Ask(asked) => Ok((*asked).into()),
            Opened::Attempt(attempt) => structured(&*attempt, Vec::new()),
        }
    }

    #[tool(
        title = "Link an account",
        description = "Links an account with tokens that are at hand, or links it again. Prefer start_oauth: there no \
                       secret passes through the chat. Checks them at the provider first; answers connector_id, the \
                       account, and which secrets are set.",
        annotations(
            title = "Link an account",
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = true
        ),
        output_schema = output::<LinkedView>()
    )]
    async fn link_connector(
        &self,
        Parameters(args): Parameters<LinkConnector>,
        context: Context,
    ) -> Answer {
        structured(&self.app.link(self.caller(&context)?, args.into()).await?, Vec::new())
    }

    #[tool(
        title = "Delete a connector",
        description = "Unlinks an account: ends its grant at the provider where that can be done, erases its secrets, \
                       ends its syncs; its records stay. With delete_records they are erased too, after a confirmation: by the client, or by repeating the call with the \
                       answer's confirm token once the person agrees.",
        annotations(
            title = "Delete a connector",
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = true
        ),
        output_schema = output::<Deletion>()
    )]
    async fn delete_connector(
        &self,
        Parameters(args): Parameters<DeleteConnector>,
        RequestState(state): RequestState,
        InputResponses(answers): InputResponses,
        context: Context,
    ) -> Answer {
        let owner = self.caller(&context)?;
        let records = args.delete_records.unwrap_or(false);
        if records {
            let connector = self.app.connector(owner, args.connector_id).await?;
            let ask = Ask {
                tool: "delete_connector",
                action: "delete_records",
                question: format!(
                    "Unlink {} and erase its {} imported records? This cannot be undone.",
                    named(&connector),
                    thousands(connector.records)
                ),
                connector: &connector,
                arguments: format!("{} delete_records", args.connector_id),
                token: args.confirm.as_deref(),
            };
            match self.confirm(&context, owner, ask, Round { state, answers }).await? {
                Verdict::Yes => {}
                Verdict::Ask(asked) => return Ok((*asked).into()),
                Verdict::Token(asked) => {
                    return structured(
                        &Deletion { confirmation: Some(*asked), deleted: None },
                        Vec::new(),
                    );
                }
            }
        }
        let deleted = self.app.delete(owner, args.connector_id, records).await?;
        structured(&Deletion { deleted: Some(deleted), confirmation: None }, Vec::new())
    }
}
