//! The tool as clients call it, over the real program's standard input and output, and the command.

use serde_json::{Value, json as value};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::{
    browser::{Browser, parameter},
    program::Machine,
    vendor::Vendor,
    world::{CLIENT_SECRET, usual},
};

fn opens_pages() -> Value {
    value!({"elicitation": {"url": {}}})
}

#[tokio::test]
async fn a_client_that_opens_pages_is_asked_to_and_told_how_it_went() {
    let machine = Machine::new(Vendor::start(usual).await).await;
    let mut program = machine.serve(true);
    let arguments = value!({"provider": "gmail"});
    let asked = program.call("start_oauth", value!({"arguments": arguments}), opens_pages()).await;
    let ask = &asked["result"]["inputRequests"]["open"]["params"];
    assert_eq!(ask["mode"], "url", "{asked}");
    let page = ask["url"].as_str().unwrap().to_owned();
    let state = asked["result"]["requestState"].as_str().unwrap().to_owned();
    let again = |arguments: &Value, action: &str| value!({"arguments": arguments, "requestState": state, "inputResponses": {"open": {"action": action}}});

    // A state serves the call that it was sealed for, and no other.
    let other = again(&value!({"provider": "slack"}), "accept");
    let refused = program.call("start_oauth", other, opens_pages()).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");

    let browser = Browser::new();
    let vendor = browser.go_to_vendor(&page, &[]).await;
    browser.come_back(&vendor, &[("code", "hush-code")]).await;
    let answer = program.call("start_oauth", again(&arguments, "accept"), opens_pages()).await;
    let linked = &answer["result"]["structuredContent"];
    assert_eq!(
        (&linked["status"], &linked["account"]),
        (&"linked".into(), &"ann@example.com".into())
    );
    assert!(linked["connector_id"].is_string() && linked["authorization_url"].is_null());
    let replayed = program.call("start_oauth", again(&arguments, "accept"), opens_pages()).await;
    assert_eq!(replayed["error"]["code"], -32602, "a state serves once: {replayed}");

    let log = program.close().await;
    assert!(log.contains("oauth2.googleapis.com"), "the log was listened to");
    let mut secrets =
        vec!["hush".to_owned(), CLIENT_SECRET.to_owned(), parameter(&vendor, "state")];
    secrets.extend(browser.cookies());
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[tokio::test]
async fn what_a_person_does_not_want_or_the_vendor_refuses_links_nothing_and_says_so() {
    let machine = Machine::new(Vendor::start(usual).await).await;
    let mut program = machine.serve(true);
    for (action, denies, says) in [
        ("decline", false, "did not want to open the page"),
        ("cancel", false, "did not want to open the page"),
        ("accept", true, "was not given the permission"),
    ] {
        let params = value!({"arguments": {"provider": "gmail"}});
        let asked = program.call("start_oauth", params, opens_pages()).await;
        let page = asked["result"]["inputRequests"]["open"]["params"]["url"].as_str().unwrap();
        if denies {
            let browser = Browser::new();
            let vendor = browser.go_to_vendor(page, &[]).await;
            browser.come_back(&vendor, &[("error", "access_denied")]).await;
        }
        let params = value!({
            "arguments": {"provider": "gmail"}, "requestState": asked["result"]["requestState"],
            "inputResponses": {"open": {"action": action}},
        });
        let answer = program.call("start_oauth", params, opens_pages()).await;
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(says) && text.contains("nothing was linked"), "{text}");
        if !denies {
            assert_eq!(Browser::new().get(page).await.heading(), "Gmail was not linked");
        }
    }
    let listed = program.answer("list_connectors", value!({"provider": "Gmail"})).await;
    assert_eq!(listed["count"], 0);
    let attempts = listed["attempts"].as_array().unwrap();
    assert!(attempts.len() == 3 && attempts.iter().all(|of| of["status"] == "failed"));
    program.close().await;
}

#[tokio::test]
async fn a_client_that_opens_none_is_given_the_address_and_what_stands_in_the_way() {
    let machine = Machine::new(Vendor::start(usual).await).await;
    let mut program = machine.serve(true);
    let attempt = program.answer("start_oauth", value!({"provider": "gmail"})).await;
    assert_eq!(attempt["status"], "pending");
    assert!(attempt["authorization_url"].as_str().unwrap().contains("/connect/"));
    assert!(attempt["attempt_id"].is_string() && attempt["expires_at"].is_string());
    for (arguments, says) in [
        (value!({"provider": "slack"}), "SLACK_OAUTH_CLIENT_ID and SLACK_OAUTH_CLIENT_SECRET"),
        (
            value!({"provider": "gmail", "redirect_to": "https://evil.test"}),
            "NEOTOMA_ALLOWED_REDIRECTS",
        ),
        (value!({"provider": "gmial"}), "did you mean gmail"),
        (value!({}), "provider: is missing"),
    ] {
        let answer =
            program.call("start_oauth", value!({"arguments": arguments}), value!({})).await;
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(says), "{text}");
    }
    program.close().await;
}

#[tokio::test]
async fn a_client_of_an_older_protocol_is_asked_in_the_middle_of_the_call() {
    let machine = Machine::new(Vendor::start(usual).await).await;
    let mut program = machine.serve(true);
    let params = value!({
        "protocolVersion": "2025-11-25", "capabilities": opens_pages(),
        "clientInfo": {"name": "test", "version": "1"},
    });
    program
        .send(&value!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))
        .await;
    assert_eq!(program.receive().await["id"], 1);
    program.send(&value!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let params = value!({"name": "start_oauth", "arguments": {"provider": "gmail"}});
    program
        .send(&value!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}))
        .await;
    let asked = program.receive().await;
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    assert_eq!(asked["params"]["mode"], "url");
    let browser = Browser::new();
    let vendor = browser.go_to_vendor(asked["params"]["url"].as_str().unwrap(), &[]).await;
    // It has said so before the person is through: the outcome is waited for.
    let opened = value!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept"}});
    program.send(&opened).await;
    browser.come_back(&vendor, &[("code", "hush-code")]).await;
    let answer = program.receive().await;
    assert_eq!(answer["id"], 2, "{answer}");
    assert_eq!(answer["result"]["structuredContent"]["status"], "linked", "{answer}");
    program.close().await;
}

/// Runs `neotoma connect gmail` until it says what to open, has a browser answer so, and gives what it printed.
async fn connect(machine: &Machine, answer: (&str, &str)) -> (Option<i32>, String, String) {
    let mut command = machine.command(true);
    command.args(["connect", "gmail", "--no-browser", "--json"]).env("RUST_LOG", "warn");
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let page = loop {
        let mut line = String::new();
        assert!(errors.read_line(&mut line).await.unwrap() > 0, "{said}");
        said.push_str(&line);
        if let Some((_, page)) = line.split_once("browser: ") {
            break page.trim().to_owned();
        }
    };
    let browser = Browser::new();
    let vendor = browser.go_to_vendor(&page, &[]).await;
    // The page that says how it went is there although the program is about to end.
    let shown = browser.come_back(&vendor, &[answer]).await;
    assert!(shown.heading().starts_with("Gmail"), "{}", shown.text);
    errors.read_to_string(&mut said).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), said)
}

#[tokio::test]
async fn the_command_waits_and_tells_which_account_was_linked_or_why_none() {
    let machine = Machine::new(Vendor::start(usual).await).await;
    let (code, printed, said) = connect(&machine, ("code", "hush-code")).await;
    assert_eq!(code, Some(0), "{said}");
    let linked: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (&linked["status"], &linked["account"]),
        (&"linked".into(), &"ann@example.com".into())
    );
    assert!(said.contains("to import it: neotoma --owner"), "{said}");
    let (code, printed, said) = connect(&machine, ("error", "access_denied")).await;
    assert_eq!((code, printed.as_str()), (Some(1), ""));
    assert!(
        said.contains("was not given the permission") && said.contains("neotoma connect"),
        "{said}"
    );
}
