//! Asks a person to open the page of an attempt to link an account, where the client can: by an elicitation with an
//! address. What an answer says is only that the page was opened; how it went is looked up.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{
        ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, InputRequest,
        InputRequiredResult, SealOptions,
    },
};
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    Context, Importers,
    confirm::{Round, is_modern},
    errors::Refusal,
};
use crate::{
    app::{AttemptStatus, AttemptView, Error},
    ids::{AttemptId, OwnerId},
};

/// As long as an attempt is good.
const MINUTES: Duration = Duration::from_mins(10);

/// How long the outcome is waited for once the page was opened.
const A_LITTLE: Duration = Duration::from_secs(20);

/// The name of our only question in a multi-round call.
const QUESTION: &str = "open";

/// Where an attempt stands for the caller.
pub(super) enum Opened {
    /// The client is to ask and call again.
    Ask(Box<InputRequiredResult>),
    /// As far as it got.
    Attempt(Box<AttemptView>),
}

impl Importers {
    /// What came back of an earlier round of this call: the attempt, as far as it got. `bound` is what that round's state
    /// was sealed for.
    pub(super) async fn after_opening(
        &self,
        context: &Context,
        owner: &OwnerId,
        bound: &str,
        round: Round,
    ) -> Result<Opened, Refusal> {
        let state = round.state.unwrap_or_default();
        let id: AttemptId = self.seal.open_json_with(&state, bound.as_bytes()).map_err(|_| {
            ErrorData::invalid_params(
                "requestState has expired or does not belong to this call",
                None,
            )
        })?;
        self.spend(owner, &state).await?;
        let answer = round.answers.as_ref().and_then(|answers| answers.get(QUESTION));
        let action = answer.and_then(|answer| ElicitResult::deserialize(answer).ok());
        self.opened(context, owner, &id, action.map(|result| result.action)).await
    }

    /// Has the person open the page, where the client can; else answers at once, with the address in the attempt.
    pub(super) async fn have_opened(
        &self,
        context: &Context,
        owner: &OwnerId,
        bound: &str,
        attempt: AttemptView,
    ) -> Result<Opened, Refusal> {
        let (Some(url), Ok(id)) =
            (attempt.authorization_url.clone(), attempt.attempt_id.parse::<AttemptId>())
        else {
            return Ok(Opened::Attempt(Box::new(attempt)));
        };
        let ask = ElicitRequestParams::UrlElicitationParams {
            meta: None,
            message: format!("Open this page to link your {} account", attempt.provider),
            url,
            elicitation_id: attempt.attempt_id.clone(),
        };
        if !can_open(context) {
            return Ok(Opened::Attempt(Box::new(attempt)));
        }
        if is_modern(context) {
            let options = SealOptions::new().associated_data(bound.as_bytes()).ttl(MINUTES);
            let state = self
                .seal
                .seal_json_with(&id, &options)
                .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            let request = InputRequest::Elicitation(ElicitRequest::new(ask));
            let asks = [(QUESTION.to_owned(), request)].into();
            return Ok(Opened::Ask(Box::new(InputRequiredResult::new(Some(asks), Some(state)))));
        }
        let asked = context.peer.create_elicitation_with_timeout(ask, Some(MINUTES));
        let answer = tokio::select! {
            answer = asked => answer,
            () = context.ct.cancelled() => return Ok(Opened::Attempt(Box::new(attempt))),
            () = self.closing.cancelled() => return Ok(Opened::Attempt(Box::new(attempt))),
        };
        match answer {
            Ok(answer) => self.opened(context, owner, &id, Some(answer.action)).await,
            Err(error) => {
                // It said that it could open a page and could not: the address remains.
                tracing::warn!(%error, "the client did not have a page opened");
                Ok(Opened::Attempt(Box::new(attempt)))
            }
        }
    }

    /// How it went, after a little while at most; or that the person did not want it.
    async fn opened(
        &self,
        context: &Context,
        owner: &OwnerId,
        id: &AttemptId,
        action: Option<ElicitationAction>,
    ) -> Result<Opened, Refusal> {
        if action != Some(ElicitationAction::Accept) {
            self.app.cancel_attempt(owner, id).await?;
            return Err(Refusal::Said(
                "the person did not want to open the page; nothing was linked".into(),
            ));
        }
        let outcome = self.app.wait_for_attempt(owner, id, Instant::now() + A_LITTLE);
        let attempt = tokio::select! {
            attempt = outcome => attempt?,
            () = context.ct.cancelled() => self.app.attempt(owner, id).await?,
            () = self.closing.cancelled() => self.app.attempt(owner, id).await?,
        };
        match attempt.status {
            AttemptStatus::Failed | AttemptStatus::Expired => Err(Error::NotLinked {
                provider: attempt.provider,
                problem: attempt.problem.unwrap_or_else(|| "it failed".into()),
            }
            .into()),
            _ => Ok(Opened::Attempt(Box::new(attempt))),
        }
    }
}

/// Whether this request's client opens pages for its person.
fn can_open(context: &Context) -> bool {
    let elicitation =
        context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
    elicitation.is_some_and(|can| can.url.is_some())
}
