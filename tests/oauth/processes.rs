//! Several processes of one database, as assistants start them: whichever has the port finishes every flow.

use std::time::Duration;

use serde_json::{Value, json as value};
use tokio::time::{Instant, sleep};

use crate::{
    browser::Browser,
    program::{Machine, Program},
    vendor::Vendor,
    world::usual,
};

async fn begin(program: &mut Program, arguments: Value) -> String {
    let attempt = program.answer("start_oauth", arguments).await;
    attempt["authorization_url"].as_str().unwrap().to_owned()
}

async fn accounts(program: &mut Program) -> Vec<String> {
    let listed = program.answer("list_connectors", value!({})).await;
    let connectors = listed["connectors"].as_array().unwrap();
    connectors.iter().map(|of| of["provider"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn one_browser_finishes_the_flows_of_two_processes_at_the_port_of_one() {
    let machine = Machine::new(Vendor::start(usual).await).await;
    // The first has the port, and not even an app: it finishes what the second began with its own.
    let (mut first, mut second) = (machine.serve(false), machine.serve(true));
    let form = begin(&mut first, value!({"provider": "asana", "paste": true})).await;
    let consent = begin(&mut second, value!({"provider": "gmail"})).await;
    let at = format!("http://localhost:{}/connect/", machine.port);
    assert!(form.starts_with(&at) && consent.starts_with(&at));
    let browser = Browser::new();
    let (page, _) = (browser.get(&form).await, browser.get(&consent).await);
    let vendor = browser.go_to_vendor(&consent, &[]).await;
    let shown = browser.come_back(&vendor, &[("code", "hush-code")]).await;
    assert_eq!(shown.heading(), "Gmail is linked");
    let done =
        browser.send_form(&page, &format!("{form}/form"), &[("access_token", "hush-access")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    for program in [&mut first, &mut second] {
        assert_eq!(accounts(program).await, ["gmail", "asana"]);
    }
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn a_process_takes_the_port_over_from_one_that_has_ended() {
    let machine = Machine::new(Vendor::start(usual).await).await;
    let (mut first, mut second) = (machine.serve(true), machine.serve(true));
    begin(&mut first, value!({"provider": "gmail"})).await;
    let consent = begin(&mut second, value!({"provider": "gmail"})).await;
    let browser = Browser::new();
    let vendor = browser.go_to_vendor(&consent, &[]).await;
    first.kill().await;
    // It tries each second; however slow the machine is, it is there in the end.
    let until = Instant::now() + Duration::from_secs(30);
    while tokio::net::TcpStream::connect(("127.0.0.1", machine.port)).await.is_err() {
        assert!(Instant::now() < until, "nobody took the port over");
        sleep(Duration::from_millis(50)).await;
    }
    let shown = browser.come_back(&vendor, &[("code", "hush-code")]).await;
    assert_eq!(shown.heading(), "Gmail is linked");
    assert_eq!(accounts(&mut second).await, ["gmail"]);
    second.close().await;
}
