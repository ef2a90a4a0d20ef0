//! Asks a person before something is destroyed: by elicitation where the client can, else by a token that a second call
//! brings back.

use std::{collections::BTreeMap, time::Duration};

use rmcp::{
    ErrorData,
    model::{
        ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
        InputRequest, InputRequiredResult, InputResponses, RequestStateCodec, SealOptions,
    },
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Context, Importers,
    answers::{Confirmation, account_of},
    errors::Refusal,
};
use crate::{
    app::{App, ConnectorView},
    ids::OwnerId,
};

/// How long an answer is waited for and a token holds.
const MINUTES: Duration = Duration::from_mins(10);

/// The name of our only question in a multi-round call.
const QUESTION: &str = "confirm";

/// What a model is told along with a token.
const NEXT_STEP: &str = "nothing was changed yet: ask the person, and if they agree, repeat the call with confirm set to this token";

/// What is asked of a person.
pub(super) struct Ask<'a> {
    /// The tool, as part of what an answer is bound to.
    pub tool: &'static str,
    /// What the token is good for.
    pub action: &'static str,
    /// Whose records or grant it is about.
    pub connector: &'a ConnectorView,
    /// What would happen, and whether it shall.
    pub question: String,
    /// The arguments that matter, in a fixed order: an answer to one call does not serve another.
    pub arguments: String,
    /// The token that the caller brought back.
    pub token: Option<&'a str>,
}

/// What came back with the call from an earlier round (multi-round tool results of protocol 2026-07-28).
#[derive(Default)]
pub(super) struct Round {
    /// Sealed by us; comes through the client.
    pub state: Option<String>,
    /// What the person said.
    pub answers: Option<InputResponses>,
}

/// Where the question stands.
pub(super) enum Verdict {
    /// A person agreed.
    Yes,
    /// The client is to ask and call again.
    Ask(Box<InputRequiredResult>),
    /// The caller is to ask and call again with the token.
    Token(Box<Confirmation>),
}

impl Importers {
    /// Finds out whether a person agrees.
    pub(super) async fn confirm(
        &self,
        context: &Context,
        owner: &OwnerId,
        ask: Ask<'_>,
        round: Round,
    ) -> Result<Verdict, Refusal> {
        let bound = format!("{owner}|{}|{}", ask.tool, ask.arguments);
        if let Some(state) = round.state {
            open(&self.seal, &state, &bound)?;
            self.spend(owner, &state).await?;
            return agreed(said(round.answers.as_ref()).as_ref());
        }
        if let Some(token) = ask.token {
            return by_token(&self.app, owner, &ask, token).await;
        }
        if can_ask(context) {
            if is_modern(context) {
                return seal(&self.seal, &ask, &bound).map(|asked| Verdict::Ask(Box::new(asked)));
            }
            let asked =
                context.peer.create_elicitation_with_timeout(form(&ask.question), Some(MINUTES));
            let answer = tokio::select! {
                answer = asked => answer,
                () = context.ct.cancelled() => return agreed(None),
                () = self.closing.cancelled() => return agreed(None),
            };
            match answer {
                Ok(answer) => return agreed(Some(&answer.action)),
                // It said that it could ask and could not: the token remains.
                Err(error) => tracing::warn!(%error, "the client did not ask its person"),
            }
        }
        let confirm = self
            .app
            .confirm_token(owner, ask.action, &ask.connector.connector_id.to_string())
            .await?;
        Ok(Verdict::Token(Box::new(Confirmation {
            connector_id: ask.connector.connector_id,
            provider: ask.connector.provider.clone(),
            account: account_of(ask.connector),
            question: ask.question,
            next_step: NEXT_STEP,
            confirm,
            expires_in_seconds: MINUTES.as_secs(),
        })))
    }
}

impl Importers {
    /// Uses up a state that was opened: it serves once, whatever is answered with it.
    pub(super) async fn spend(&self, owner: &OwnerId, state: &str) -> Result<(), Refusal> {
        if self.app.spend(owner, state).await? {
            return Ok(());
        }
        Err(ErrorData::invalid_params("requestState was used already; make the call anew", None)
            .into())
    }
}

async fn by_token(
    app: &App,
    owner: &OwnerId,
    ask: &Ask<'_>,
    token: &str,
) -> Result<Verdict, Refusal> {
    let target = ask.connector.connector_id.to_string();
    if app.confirmed(owner, ask.action, &target, token).await? && app.spend(owner, token).await? {
        return Ok(Verdict::Yes);
    }
    Err(Refusal::Said(
        "confirm: the token has expired, was used already, or was given for something else; nothing was changed; call \
         again without confirm to be asked anew"
            .into(),
    ))
}

/// Whether this request's client shows forms. A bare `elicitation: {}` means forms.
fn can_ask(context: &Context) -> bool {
    let elicitation =
        context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
    elicitation.is_some_and(|can| can.form.is_some() || can.url.is_none())
}

/// Whether this request is of the protocol without a handshake.
pub(super) fn is_modern(context: &Context) -> bool {
    context.protocol_version().is_some_and(|version| !version.has_initialize())
}

/// A form without fields: only the answer itself counts.
fn form(question: &str) -> ElicitRequestParams {
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question.to_owned(),
        requested_schema: ElicitationSchema::new(BTreeMap::new()),
    }
}

fn seal(
    codec: &RequestStateCodec,
    ask: &Ask<'_>,
    bound: &str,
) -> Result<InputRequiredResult, Refusal> {
    let options = SealOptions::new().associated_data(bound.as_bytes()).ttl(MINUTES);
    let state = codec
        .seal_json_with(&(ask.action, rand::random::<[u8; 12]>()), &options)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    let request = InputRequest::Elicitation(ElicitRequest::new(form(&ask.question)));
    Ok(InputRequiredResult::new(Some([(QUESTION.to_owned(), request)].into()), Some(state)))
}

/// A state that we sealed for just this call; anything else is no call of ours.
fn open(codec: &RequestStateCodec, state: &str, bound: &str) -> Result<(), ErrorData> {
    let opened: Result<(String, [u8; 12]), _> = codec.open_json_with(state, bound.as_bytes());
    opened.map(drop).map_err(|_| {
        ErrorData::invalid_params("requestState has expired or does not belong to this call", None)
    })
}

fn said(answers: Option<&InputResponses>) -> Option<ElicitationAction> {
    let answer: &Value = answers?.get(QUESTION)?;
    ElicitResult::deserialize(answer).ok().map(|result| result.action)
}

fn agreed(action: Option<&ElicitationAction>) -> Result<Verdict, Refusal> {
    match action {
        Some(ElicitationAction::Accept) => Ok(Verdict::Yes),
        _ => Err(Refusal::Said("it was not confirmed; nothing was changed".into())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codec() -> RequestStateCodec {
        RequestStateCodec::try_new([7; 32]).unwrap()
    }

    fn sealed(bound: &str) -> String {
        let options = SealOptions::new().associated_data(bound.as_bytes()).ttl(MINUTES);
        codec().seal_json_with(&("delete_records", [0_u8; 12]), &options).unwrap()
    }

    #[test]
    fn a_state_serves_only_the_owner_tool_and_arguments_it_was_sealed_for() {
        let bound = "ann|delete_connector|c1 records=true";
        let state = sealed(bound);
        assert!(open(&codec(), &state, bound).is_ok());
        for other in [
            "bob|delete_connector|c1 records=true",
            "ann|sync_external_connector|c1 records=true",
            "ann|delete_connector|c2 records=true",
        ] {
            assert!(open(&codec(), &state, other).is_err(), "{other}");
        }
        let forged = RequestStateCodec::try_new([8; 32]).unwrap();
        assert!(open(&forged, &state, bound).is_err());
        assert!(open(&codec(), "rs1.x.y", bound).is_err());
    }

    #[test]
    fn only_an_accept_is_a_yes() {
        let answers = |value: Value| InputResponses::from([(QUESTION.to_owned(), value)]);
        let verdict = |value| agreed(said(Some(&answers(value))).as_ref());
        assert!(matches!(verdict(json!({"action": "accept", "content": {}})), Ok(Verdict::Yes)));
        assert!(matches!(verdict(json!({"action": "accept"})), Ok(Verdict::Yes)));
        for no in [
            json!({"action": "decline"}),
            json!({"action": "cancel"}),
            json!({}),
            json!("accept"),
            json!(null),
        ] {
            assert!(verdict(no.clone()).is_err(), "{no}");
        }
        assert!(agreed(said(None).as_ref()).is_err());
        assert!(agreed(said(Some(&InputResponses::new())).as_ref()).is_err());
    }
}
