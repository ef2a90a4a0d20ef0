//! The pages, each with what a person can do next.

use std::fmt::Write as _;

use axum::http::StatusCode;
use url::Url;

use super::{
    form::{TOKEN, Wrong, inputs},
    html::{Page, Text},
};
use crate::{
    app::{AttemptStatus, Cookie, Visit, Way},
    provider::{Spec, spec::Field},
};

const GOOD: &str = "<svg class=\"mark good\" viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" \
    stroke-width=\"2\" stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\">\
    <circle cx=\"12\" cy=\"12\" r=\"10\"/><path d=\"m7.5 12.5 3 3 6-7\"/></svg>";
const BAD: &str = "<svg class=\"mark bad\" viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" \
    stroke-width=\"2\" stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\">\
    <circle cx=\"12\" cy=\"12\" r=\"10\"/><path d=\"m9 9 6 6m0-6-6 6\"/></svg>";
const WAIT: &str = "<svg class=\"mark wait\" viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" \
    stroke-width=\"2\" stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\">\
    <circle cx=\"12\" cy=\"12\" r=\"10\"/><path d=\"M12 7v5l3 2\"/></svg>";

const CLOSE: &str = "You can close this window.";

/// The page that asks whether to go on to the vendor.
pub(super) fn consent(visit: &Visit, cookie: &Cookie, wrong: Option<&Wrong>) -> Page {
    let spec = visit.spec();
    let name = spec.name;
    let title = title(visit);
    let mut body = String::new();
    let _ = write!(
        body,
        "<h1>{}</h1>\n{}<p>{name} will ask you to sign in and to give your permission. Neotoma only reads, and \
         nothing is imported before you or your assistant ask for it.</p>\n{}",
        Text(&title),
        alert(wrong, visit.asked_settings(Way::Consent)),
        facts(visit),
        name = Text(name),
    );
    permissions(&mut body, spec);
    let _ = write!(
        body,
        "<form method=\"post\" action=\"/connect/{}\">\n{}",
        Text(visit.id()),
        token(cookie)
    );
    let (required, optional): (Vec<&Field>, Vec<&Field>) =
        visit.asked_settings(Way::Consent).partition(|field| field.required);
    body.push_str(&inputs(required.into_iter(), visit.settings(), wrong));
    if !optional.is_empty() {
        let concerned =
            |field: &&Field| wrong.is_some_and(|w| w.field.as_deref() == Some(field.name));
        let open = if optional.iter().any(concerned) { " open" } else { "" };
        let _ = write!(
            body,
            "<details{open}><summary>More settings</summary>\n{}</details>\n",
            inputs(optional.into_iter(), visit.settings(), wrong)
        );
    }
    let _ = write!(body, "<button type=\"submit\">Continue to {}</button>\n</form>\n", Text(name));
    if spec.fields.iter().any(|field| field.secret) {
        let _ = writeln!(
            body,
            "<p class=\"other\"><a href=\"/connect/{}/form\">Paste a token instead</a></p>",
            Text(visit.id())
        );
    }
    body.push_str(&footer(visit));
    Page {
        // The vendor's own pages send people through several hosts before they show anything.
        form_action: "'self' https:".to_owned(),
        ..Page::new(status(wrong), title, body)
    }
}

/// The page for what a person can paste.
pub(super) fn form(visit: &Visit, cookie: &Cookie, wrong: Option<&Wrong>) -> Page {
    let spec = visit.spec();
    let title = title(visit);
    let fields = || spec.fields.iter();
    let mut body = String::new();
    let _ = write!(
        body,
        "<h1>{}</h1>\n{}<p>{}</p>\n{}",
        Text(&title),
        alert(wrong, fields()),
        Text(spec.help),
        facts(visit)
    );
    let ways = ways(spec);
    if !ways.is_empty() {
        let _ = writeln!(body, "<p>{}</p>", Text(ways));
    }
    let _ = write!(
        body,
        "<form method=\"post\" action=\"/connect/{}/form\" autocomplete=\"off\">\n{}{}\
         <button type=\"submit\">Link the account</button>\n</form>\n",
        Text(visit.id()),
        token(cookie),
        inputs(fields(), visit.settings(), wrong),
    );
    if visit.way() == Way::Consent {
        let _ = writeln!(
            body,
            "<p class=\"other\"><a href=\"/connect/{}\">Sign in at {} instead</a></p>",
            Text(visit.id()),
            Text(spec.name)
        );
    }
    body.push_str(&footer(visit));
    Page { form_action: own_forms(visit), ..Page::new(status(wrong), title, body) }
}

/// The form leads to us, and from there to where the person wants to end.
fn own_forms(visit: &Visit) -> String {
    match visit.redirect_to().as_ref().map(Url::origin) {
        Some(origin) => format!("'self' {}", origin.ascii_serialization()),
        None => "'self'".to_owned(),
    }
}

/// How an attempt ended, or that it is about to.
pub(super) fn ended(visit: &Visit) -> Page {
    let name = visit.spec().name;
    match visit.status() {
        AttemptStatus::Linked => {
            let account = visit.linked().unwrap_or("the account");
            let next = match visit.webhook() {
                Some(url) => format!(
                    "What is in it comes by webhook: enter this address at {}.</p>\n<p><code>{}</code></p>\n<p \
                     class=\"soft\">{}",
                    Text(name),
                    Text(url),
                    Text(visit.spec().help)
                ),
                None => {
                    "What is in it can be imported now: ask your assistant to sync it.".to_owned()
                }
            };
            let body = format!(
                "{GOOD}<h1>{} is linked</h1>\n<p>The account is <strong>{}</strong>. {next}</p>\n\
                 <p class=\"soft\">{CLOSE}</p>",
                Text(name),
                Text(account)
            );
            Page::new(StatusCode::OK, format!("{name} is linked"), body)
        }
        AttemptStatus::Failed => failed(visit),
        AttemptStatus::Expired => sorry(
            StatusCode::GONE,
            WAIT,
            "This link is too old",
            "A link is good for ten minutes. Nothing was linked.",
            "Ask your assistant for a new one, or run neotoma connect again.",
        ),
        AttemptStatus::Pending | AttemptStatus::Opened => Page {
            refreshes: true,
            ..sorry(
                StatusCode::OK,
                WAIT,
                "One moment",
                &format!("{name} is being asked whose account it is."),
                "This page shows by itself how it went.",
            )
        },
    }
}

fn failed(visit: &Visit) -> Page {
    let name = visit.spec().name;
    let (word, problem) = visit.failure().unwrap_or(("", "it failed"));
    let again = "To try again, ask your assistant for a new link, or run neotoma connect.";
    match word {
        "access_denied" => sorry(
            StatusCode::OK,
            BAD,
            &format!("{name} was not linked"),
            &format!("You did not give the permission at {name}. Nothing was stored."),
            again,
        ),
        "other_account" => sorry(
            StatusCode::OK,
            BAD,
            "This is another account",
            &format!("{}. Nothing was changed.", sentence(problem)),
            "Sign out there first and ask for a new link; to link this account as well, ask for one with a label of \
             its own.",
        ),
        "cancelled" => sorry(
            StatusCode::OK,
            BAD,
            &format!("{name} was not linked"),
            "This was called off where it was begun. Nothing was stored.",
            again,
        ),
        _ => sorry(
            StatusCode::OK,
            BAD,
            &format!("{name} was not linked"),
            &format!("{}. Nothing was stored.", sentence(problem)),
            again,
        ),
    }
}

/// No attempt of that id.
pub(super) fn unknown() -> Page {
    sorry(
        StatusCode::NOT_FOUND,
        BAD,
        "This link leads nowhere",
        "It is incomplete, or too old.",
        "Ask your assistant for a new one, or run neotoma connect.",
    )
}

/// A vendor brought back what nobody waits for.
pub(super) fn nobody_waits() -> Page {
    sorry(
        StatusCode::BAD_REQUEST,
        BAD,
        "Nobody waits for this sign-in",
        "It was begun elsewhere, was finished already, or took longer than ten minutes. Nothing was linked by it.",
        "Ask your assistant for a new link, or run neotoma connect.",
    )
}

/// Another browser went on with it, or this one lost its cookie.
pub(super) fn other_browser() -> Page {
    sorry(
        StatusCode::FORBIDDEN,
        BAD,
        "This belongs to another browser",
        "The link was opened in another browser or window, and only that one can go on. If you did that, go on there.",
        "If you did not, somebody else has used your link: ask for a new one.",
    )
}

/// Somebody else has signed in than began the attempt.
pub(super) fn other_person() -> Page {
    sorry(
        StatusCode::FORBIDDEN,
        BAD,
        "This link is somebody else's",
        "Only whoever asked for it can link an account by it. Your accounts were not touched.",
        "If it was sent to you, do not use it: it would give your data to the sender.",
    )
}

/// The form came without what proves where it came from.
pub(super) fn no_cookie() -> Page {
    sorry(
        StatusCode::BAD_REQUEST,
        BAD,
        "The browser did not prove itself",
        "This page needs its cookie, and has to be sent from the page itself.",
        "Allow cookies for this address, open the link again, and go on from there.",
    )
}

/// The form is larger than one can be.
pub(super) fn too_large() -> Page {
    sorry(
        StatusCode::PAYLOAD_TOO_LARGE,
        BAD,
        "That is too much",
        "The form holds more than it can have.",
        "Go back and give only what is asked.",
    )
}

/// The database is not there.
pub(super) fn out_of_order() -> Page {
    sorry(
        StatusCode::SERVICE_UNAVAILABLE,
        BAD,
        "Not just now",
        "The database does not answer. Nothing was changed.",
        "Try again in a moment; neotoma doctor tells what is wrong.",
    )
}

fn sorry(status: StatusCode, mark: &str, title: &str, what: &str, next: &str) -> Page {
    let body = format!(
        "{mark}<h1>{}</h1>\n<p>{}</p>\n<p>{}</p>\n<p class=\"soft\">{CLOSE}</p>",
        Text(title),
        Text(what),
        with_commands(next)
    );
    Page::new(status, title, body)
}

/// A text in which our commands can be told from it.
fn with_commands(text: &str) -> String {
    let mut text = Text(text).to_string();
    for command in ["neotoma connect", "neotoma doctor"] {
        text = text.replace(command, &format!("<code>{command}</code>"));
    }
    text
}

fn status(wrong: Option<&Wrong>) -> StatusCode {
    if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
}

fn title(visit: &Visit) -> String {
    let name = visit.spec().name;
    match (visit.relinked(), visit.label()) {
        (Some(account), _) => format!("Link {account} at {name} again"),
        (None, Some(label)) => format!("Link {name} as “{label}”"),
        (None, None) => format!("Link your {name} account"),
    }
}

/// What goes where.
fn facts(visit: &Visit) -> String {
    format!(
        "<dl><dt>Service</dt><dd>{}</dd><dt>Imported</dt><dd>{}</dd><dt>Owner</dt><dd>{}</dd></dl>\n",
        Text(visit.spec().name),
        Text(visit.spec().capabilities.join(", ")),
        Text(visit.owner())
    )
}

fn permissions(body: &mut String, spec: &Spec) {
    let scopes = spec.oauth.as_ref().map_or(&[][..], |oauth| oauth.scopes);
    if scopes.is_empty() {
        return;
    }
    body.push_str("<details><summary>Permissions that are asked</summary>\n<ul>");
    for scope in scopes {
        let _ = write!(body, "<li><code>{}</code></li>", Text(scope));
    }
    body.push_str("</ul></details>\n");
}

/// What suffices, where there is more than one way.
fn ways(spec: &Spec) -> String {
    let ways = spec.ways();
    if ways.len() < 2 {
        return String::new();
    }
    let label = |name: &&str| spec.field(name).map_or_else(String::new, |field| field.label.into());
    let each = ways.iter().map(|way| way.iter().map(label).collect::<Vec<_>>().join(", "));
    format!("Give one of these: {}.", each.collect::<Vec<_>>().join("; or "))
}

fn token(cookie: &Cookie) -> String {
    format!("<input type=\"hidden\" name=\"{TOKEN}\" value=\"{}\">\n", Text(cookie.form_token()))
}

/// What is wrong, at the top; a field says it again at its place.
fn alert<'a>(wrong: Option<&Wrong>, mut shown: impl Iterator<Item = &'a Field>) -> String {
    let Some(wrong) = wrong else { return String::new() };
    let text = match &wrong.field {
        Some(name) => match shown.find(|field| field.name == name) {
            Some(field) => format!("{}: it {}", field.label, wrong.in_short()),
            None => format!("{name}: {}", wrong.problem),
        },
        None => wrong.problem.clone(),
    };
    format!("<div class=\"alert\" role=\"alert\">{}.</div>\n", Text(sentence(&text)))
}

fn footer(visit: &Visit) -> String {
    let minutes = (visit.seconds_left() + 59) / 60;
    let plural = if minutes == 1 { "" } else { "s" };
    format!(
        "<footer class=\"small\">If you did not ask for this, close the window: nothing has happened yet. The link \
         serves once, for {minutes} more minute{plural}.</footer>"
    )
}

/// A part of a sentence as one.
fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut signs = text.chars();
    match signs.next() {
        Some(first) => first.to_uppercase().chain(signs).collect(),
        None => String::new(),
    }
}
