//! Tools that bring data in, and the history of what they did.

use std::time::Duration;

use futures::future::join_all;
use rmcp::{
    handler::server::{
        tool::{InputResponses, RequestState},
        wrapper::Parameters,
    },
    tool, tool_router,
};
use tokio::time::Instant;

use super::{named, output, structured};
use crate::{
    app::{ANSWERING, ConnectorView, Error, RunStatus, RunView, RunsRequest, RunsView, Selector},
    ids::OwnerId,
    mcp::{
        Context, Importers,
        answers::{ConnectorSync, NotStarted, ProviderSync, account_of},
        args::{ListSyncRuns, SyncExternalConnector, SyncProviderImports, WAIT_SECONDS},
        bounded,
        confirm::{Ask, Round, Verdict},
        errors::{Answer, Refusal, failed_run, sentence},
        progress::{STOPPING, follow, stop, thousands},
    },
};

/// A sync answers within this long, whatever it waits for.
const LONGEST: Duration = Duration::from_secs(25);

#[tool_router(router = syncs, vis = "pub(super)")]
impl Importers {
    #[tool(
        title = "Sync a connector",
        description = "Imports what is new, changed or gone in one account and answers counts. A long sync answers with \
                       run_id and more: true, and goes on; list_sync_runs tells how it ends. confirm_removals asks \
                       first, by the client or by a confirm token to repeat.",
        annotations(
            title = "Sync a connector",
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = true
        ),
        output_schema = output::<ConnectorSync>()
    )]
    async fn sync_external_connector(
        &self,
        Parameters(args): Parameters<SyncExternalConnector>,
        RequestState(state): RequestState,
        InputResponses(answers): InputResponses,
        context: Context,
    ) -> Answer {
        let owner = self.caller(&context)?;
        let request = args.request()?;
        if request.confirm_removals && !request.dry_run {
            let connector = self.app.connector(owner, args.connector_id).await?;
            let ask = Ask {
                tool: "sync_external_connector",
                action: "confirm_removals",
                question: removal_question(&connector),
                connector: &connector,
                arguments: format!("{} {request:?}", args.connector_id),
                token: args.confirm.as_deref(),
            };
            match self.confirm(&context, owner, ask, Round { state, answers }).await? {
                Verdict::Yes => {}
                Verdict::Ask(asked) => return Ok((*asked).into()),
                Verdict::Token(asked) => {
                    return structured(
                        &ConnectorSync { confirmation: Some(*asked), run: None },
                        Vec::new(),
                    );
                }
            }
        }
        let began = Instant::now();
        let dry_run = request.dry_run;
        let runs = [self.app.sync(owner, args.connector_id, request).await?];
        let mut views =
            follow(&runs, until(began, args.wait_seconds, dry_run), &context, &self.closing).await;
        if views.iter().flatten().any(|view| view.dry_run && view.status == RunStatus::Running) {
            // Nobody could ask for its outcome later: a dry run leaves no trace.
            views = stop(&runs).await;
        }
        let mut answer = ConnectorSync::default();
        for view in views {
            let view = view?;
            if view.status == RunStatus::Failed {
                return Err(Refusal::Said(failed_run(&view)));
            }
            answer.run = Some(bounded::shortened(&view, 50));
        }
        structured(&answer, Vec::new())
    }

    #[tool(
        title = "Sync a provider",
        description = "Syncs all linked accounts of one provider side by side and answers one run for each. Runs that \
                       take long go on in the background (more: true); list_sync_runs tells how they end.",
        annotations(
            title = "Sync a provider",
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = true
        ),
        output_schema = output::<ProviderSync>()
    )]
    async fn sync_provider_imports(
        &self,
        Parameters(args): Parameters<SyncProviderImports>,
        context: Context,
    ) -> Answer {
        let owner = self.caller(&context)?;
        let found = self.app.provider(&args.provider)?;
        let provider = found.id;
        let until = until(Instant::now(), args.wait_seconds, false);
        let connectors = self.accounts_at(owner, provider, &args).await?;
        let started = join_all(
            connectors.iter().map(|of| self.app.sync(owner, of.connector_id, args.request())),
        )
        .await;
        let (mut handles, mut not_started) = (Vec::new(), Vec::new());
        for (connector, started) in connectors.iter().zip(started) {
            match started {
                Ok(handle) => handles.push(handle),
                Err(error) => not_started.push(NotStarted {
                    connector_id: connector.connector_id,
                    account: account_of(connector),
                    error: sentence(&error),
                }),
            }
        }
        let views = follow(&handles, until, &context, &self.closing).await;
        provider_sync(provider, views.into_iter().collect::<Result<_, _>>()?, not_started)
    }

    #[tool(
        title = "List sync runs",
        description = "Lists syncs, newest first: status, counts of created, updated, unchanged and removed records, and \
                       why one failed. With run_id: how a sync that went on in the background stands.",
        annotations(
            title = "List sync runs",
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        ),
        output_schema = output::<RunsView>()
    )]
    async fn list_sync_runs(
        &self,
        Parameters(args): Parameters<ListSyncRuns>,
        context: Context,
    ) -> Answer {
        let mut request = RunsRequest::from(args);
        loop {
            let mut view = self.app.runs(self.caller(&context)?, request.clone()).await?;
            match bounded::runs(&mut view.runs) {
                None => return structured(&view, Vec::new()),
                fits => request.limit = fits,
            }
        }
    }
}

impl Importers {
    /// The accounts that a sync of a provider means.
    async fn accounts_at(
        &self,
        owner: &OwnerId,
        provider: &str,
        args: &SyncProviderImports,
    ) -> Result<Vec<ConnectorView>, Refusal> {
        if let Some(id) = args.connector_id {
            let connector = self.app.connector(owner, id).await?;
            if connector.provider != provider {
                let problem = format!("is an account of {}, not of {provider}", connector.provider);
                return Err(Error::invalid("connector_id", problem).into());
            }
            return Ok(vec![connector]);
        }
        match self.app.resolve(owner, &Selector::Provider(provider.to_owned())).await {
            Ok(only) => Ok(vec![only]),
            Err(Error::Ambiguous { .. }) => {
                let mut all = self.app.connectors(owner, false).await?;
                all.retain(|connector| connector.provider == provider);
                Ok(all)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The answer for all accounts of a provider; an error where none of them did anything.
fn provider_sync(provider: &str, runs: Vec<RunView>, mut not_started: Vec<NotStarted>) -> Answer {
    if runs.iter().all(|run| run.status == RunStatus::Failed) {
        let failed = runs.iter().map(failed_run);
        let refused =
            not_started.iter().map(|of| format!("{provider} ({}): {}", of.account, of.error));
        let mut said = failed.chain(refused).collect::<Vec<_>>().join("\n");
        bounded::cut_text(&mut said, bounded::ANSWER);
        return Err(Refusal::Said(said));
    }
    for of in &mut not_started {
        bounded::cut_text(&mut of.error, 500);
    }
    not_started.truncate(20);
    let more = runs.iter().any(|run| run.more);
    let mut runs = runs;
    let left_out = bounded::keep_runs(&mut runs, bounded::size(&not_started));
    let left_out = Some(left_out).filter(|left_out| *left_out > 0);
    structured(
        &ProviderSync { provider: provider.to_owned(), runs, not_started, more, left_out },
        Vec::new(),
    )
}

fn removal_question(connector: &ConnectorView) -> String {
    match connector.removals_waiting {
        Some(waiting @ 1..) => format!(
            "Mark {} records of {} as removed, because the provider no longer lists them?",
            thousands(waiting),
            named(connector)
        ),
        _ => format!(
            "Let this sync of {} mark records as removed even if they are more than half of a feed?",
            named(connector)
        ),
    }
}

/// When a call that began then stops waiting, so that its answer comes in time. A dry run needs the time to be stopped.
fn until(began: Instant, wait_seconds: Option<u64>, dry_run: bool) -> Instant {
    let after = if dry_run { STOPPING + ANSWERING } else { ANSWERING };
    let longest = LONGEST.saturating_sub(after);
    began + Duration::from_secs(wait_seconds.unwrap_or(WAIT_SECONDS)).min(longest)
}

#[cfg(test)]
mod tests {
    use rmcp::model::CallToolResponse;

    use super::*;
    use crate::{ids::ConnectorId, mcp::bounded::tests::run};

    fn ended(status: RunStatus) -> RunView {
        RunView { status, ..run(0) }
    }

    fn refused() -> NotStarted {
        NotStarted {
            connector_id: ConnectorId::generate(),
            account: "bob".into(),
            error: "is paused".into(),
        }
    }

    #[test]
    fn a_provider_of_which_no_account_synced_is_an_error_that_names_each() {
        let answer = provider_sync("slack", vec![ended(RunStatus::Failed)], vec![refused()]);
        let Err(Refusal::Said(said)) = answer else { panic!("no error") };
        let lines: Vec<_> = said.lines().collect();
        assert!(lines[0].starts_with("the sync of slack (ann) failed (run "), "{said}");
        assert_eq!(lines[1], "slack (bob): is paused");
    }

    #[test]
    fn one_account_that_failed_does_not_hide_the_others() {
        let runs =
            vec![ended(RunStatus::Failed), RunView { more: true, ..ended(RunStatus::Running) }];
        let answer = provider_sync("slack", runs, vec![refused()]);
        let Ok(CallToolResponse::Complete(result)) = answer else { panic!("no answer") };
        let answer = result.structured_content.unwrap();
        assert_eq!(answer["runs"][0]["status"], "failed");
        assert_eq!(
            (&answer["more"], &answer["not_started"][0]["account"]),
            (&true.into(), &"bob".into())
        );
        assert!(answer.get("left_out").is_none());
    }

    #[test]
    fn a_hundred_accounts_fit_and_those_left_out_are_counted() {
        let runs =
            vec![
                RunView { feeds_skipped: vec!["x".repeat(300); 50], ..ended(RunStatus::Partial) };
                100
            ];
        let answer = provider_sync("slack", runs, (0..100).map(|_| refused()).collect());
        let Ok(CallToolResponse::Complete(result)) = answer else { panic!("no answer") };
        let answer = result.structured_content.unwrap();
        let given = answer["runs"].as_array().unwrap().len();
        assert_eq!(answer["left_out"], 100 - given);
        assert!(answer.to_string().chars().count() <= bounded::ANSWER);
    }

    #[test]
    fn a_dry_run_is_stopped_early_enough_to_answer_in_time() {
        let now = Instant::now();
        let waits = |seconds, dry_run| until(now, seconds, dry_run) - now;
        assert_eq!(waits(None, false), Duration::from_secs(20));
        assert_eq!(waits(Some(0), false), Duration::ZERO);
        assert_eq!(waits(Some(25), false) + ANSWERING, LONGEST);
        assert_eq!(waits(Some(25), true) + STOPPING + ANSWERING, LONGEST);
    }
}
