//! What goes wrong on purpose, and the log of what was asked.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    ASANA, GMAIL, Play, SLACK,
    sandbox::{
        Vendor,
        data::Sizes,
        exchange::Answer,
        faults::{Fault, Gate, Rule},
        spoil::Spoil,
    },
};

fn profile() -> String {
    format!("{GMAIL}/profile")
}

impl Play {
    async fn status(&self, vendor: Vendor, target: &str) -> u16 {
        self.request(vendor, target).send().await.map_or(0, |answer| answer.status().as_u16())
    }

    async fn statuses(&self, count: usize) -> Vec<u16> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(self.status(Vendor::Gmail, &profile()).await);
        }
        all
    }

    async fn text(&self, vendor: Vendor, target: &str) -> String {
        self.request(vendor, target).send().await.unwrap().text().await.unwrap()
    }
}

#[tokio::test]
async fn a_rule_strikes_the_requests_it_names_and_no_others() {
    let play = Play::sized(Sizes { mails: 3, ..Sizes::default() }).await;
    let answer = Answer::json(503, &json!({"down": true})).header("retry-after", "2");
    let rule =
        Rule::new(Fault::Instead(answer)).on(Vendor::Gmail).path("/profile").after(1).times(2);
    let rule = play.sandbox.inject(rule);
    assert_eq!(play.status(Vendor::Asana, &format!("{ASANA}/users/me")).await, 200);
    assert_eq!(play.status(Vendor::Gmail, &format!("{GMAIL}/labels")).await, 200);
    assert_eq!(play.statuses(5).await, [200, 503, 503, 200, 200]);
    assert_eq!(play.sandbox.struck(rule), 2);
    play.sandbox.inject(Rule::new(Fault::status(500)).path("/messages?*pageToken="));
    assert_eq!(play.status(Vendor::Gmail, &format!("{GMAIL}/messages?maxResults=1")).await, 200);
    let page = play.get(Vendor::Gmail, &format!("{GMAIL}/messages?maxResults=1")).await;
    let token = page["nextPageToken"].as_str().unwrap();
    let next = format!("{GMAIL}/messages?maxResults=1&pageToken={token}");
    assert_eq!(play.status(Vendor::Gmail, &next).await, 500);
    assert_eq!(play.status(Vendor::Gmail, &next).await, 200);
    play.sandbox.inject(Rule::new(Fault::status(502)).path("/profile$").always());
    assert_eq!(play.status(Vendor::Gmail, &format!("{GMAIL}/profile?alt=json")).await, 200);
    assert_eq!(play.statuses(2).await, [502, 502]);
    play.sandbox.heal();
    assert_eq!(play.statuses(1).await, [200]);
}

#[tokio::test]
async fn every_kth_request_is_throttled_in_the_vendors_words() {
    let play = Play::empty().await;
    play.sandbox.inject(Rule::new(Fault::Throttled(3)).every(3));
    assert_eq!(play.statuses(7).await, [200, 200, 429, 200, 200, 429, 200]);
    play.sandbox.heal();
    for (vendor, target, word) in [
        (Vendor::Gmail, profile(), "rateLimitExceeded"),
        (Vendor::Asana, format!("{ASANA}/users/me"), "rate limit"),
        (Vendor::Slack, format!("{SLACK}/auth.test"), "ratelimited"),
    ] {
        play.sandbox.inject(Rule::new(Fault::Throttled(7)).on(vendor));
        let answer = play.request(vendor, &target).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["retry-after"]),
            (429, &"7".parse().unwrap())
        );
        assert!(answer.text().await.unwrap().contains(word));
    }
}

#[tokio::test]
async fn a_closed_connection_gives_no_answer_and_a_cut_one_half_of_it() {
    let play = Play::sized(Sizes { mails: 300, ..Sizes::default() }).await;
    play.sandbox.inject(Rule::new(Fault::Close));
    assert!(play.request(Vendor::Gmail, &profile()).send().await.is_err());
    play.sandbox.inject(Rule::new(Fault::CutAfter(400)));
    let target = format!("{GMAIL}/messages?maxResults=300");
    let answer = play.request(Vendor::Gmail, &target).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.is_err());
    assert_eq!(play.get(Vendor::Gmail, &target).await["messages"].as_array().unwrap().len(), 300);
}

#[tokio::test]
async fn a_lost_answer_of_the_token_endpoint_has_still_used_the_refresh_token_up() {
    let play = Play::empty().await;
    let refresh = play.sandbox.grant(Vendor::Slack).refresh_token();
    play.sandbox.inject(Rule::new(Fault::CutAfter(0)).path("oauth.v2.access"));
    let url = format!("{}slack/slack.com/api/oauth.v2.access", play.sandbox.url());
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
        ("client_id", "a"),
        ("client_secret", "b"),
    ];
    assert!(play.client.post(&url).form(&form).send().await.is_err());
    let (_, answer) = play.post(Vendor::Slack, "slack.com/api/oauth.v2.access", &form).await;
    assert_eq!(answer["error"], "invalid_refresh_token");
}

#[tokio::test]
async fn a_gate_holds_a_request_until_it_is_opened() {
    let play = Play::empty().await;
    let gate = play.sandbox.hold(Vendor::Gmail, "/profile");
    let target = profile();
    let held = play.status(Vendor::Gmail, &target);
    let release = async {
        gate.reached().await;
        assert_eq!(gate.count(), 1);
        assert_eq!(play.sandbox.requests()[0].status, 0, "not answered");
        assert_eq!(play.statuses(1).await, [200], "the next one passes");
        gate.open();
    };
    assert_eq!(futures::join!(held, release).0, 200);
    let gate = play.sandbox.hold(Vendor::Gmail, "/profile");
    let target = profile();
    let held = play.status(Vendor::Gmail, &target);
    let heal = async {
        gate.reached().await;
        play.sandbox.heal();
    };
    assert_eq!(futures::join!(held, heal).0, 200, "healing opens it");
}

#[tokio::test]
async fn latency_is_a_lower_bound() {
    let play = Play::empty().await;
    play.sandbox.slow_down(Vendor::Gmail, Duration::from_millis(30));
    let start = Instant::now();
    assert_eq!(play.statuses(2).await, [200, 200]);
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn bodies_of_any_size_are_sent() {
    let play = Play::empty().await;
    for size in [0, 1, 70_000, 50 << 20] {
        play.sandbox.inject(Rule::new(Fault::size(size)));
        let text = play.text(Vendor::Gmail, &profile()).await;
        assert_eq!(text.len() as u64, if size == 0 { 0 } else { size + 13 });
    }
}

#[tokio::test]
async fn an_item_is_spoilt_and_its_neighbours_are_not() {
    let play = Play::sized(Sizes::default()).await;
    let project = play.sandbox.asana().projects()[0].clone();
    let channel = play.sandbox.slack().channels()[0].clone();
    for (vendor, target, list, id) in [
        (Vendor::Gmail, format!("{GMAIL}/messages?maxResults=5"), "messages", "id"),
        (
            Vendor::Asana,
            format!("{ASANA}/tasks?project={project}&limit=5&opt_fields=name,created_at"),
            "data",
            "gid",
        ),
        (
            Vendor::Slack,
            format!("{SLACK}/conversations.history?channel={channel}&limit=5"),
            "messages",
            "ts",
        ),
    ] {
        let spoilt = async |spoil| {
            play.sandbox.inject(Rule::new(Fault::Spoil(spoil)));
            play.text(vendor, &target).await
        };
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap()[list].clone();
        let fine = read(&play.text(vendor, &target).await);
        let broken = read(&spoilt(Spoil::BrokenItem).await);
        assert!(!broken[2][id].is_string() && broken[1] == fine[1] && broken[3] == fine[3]);
        let fields = read(&spoilt(Spoil::BrokenFields).await);
        assert!(fields[2][id] == fine[2][id] && fields[2] != fine[2]);
        let twice = read(&spoilt(Spoil::Twice).await);
        assert!(twice.as_array().unwrap().len() == 6 && twice[0] == twice[3]);
        let reversed = read(&spoilt(Spoil::Reversed).await);
        assert!(reversed[0] == fine[4] && reversed[4] == fine[0]);
        if vendor != Vendor::Gmail {
            let nul = read(&spoilt(Spoil::Nul).await);
            assert!(nul[2].to_string().contains("\\u0000"));
            let half = spoilt(Spoil::LoneSurrogate).await;
            assert!(half.contains("\\ud83d") && serde_json::from_str::<Value>(&half).is_err());
            assert_ne!(read(&spoilt(Spoil::DateOutOfRange).await)[2], fine[2]);
        }
        assert!(serde_json::from_str::<Value>(&spoilt(Spoil::NotJson).await).is_err());
        assert!(serde_json::from_str::<Value>(&spoilt(Spoil::Truncated).await).is_err());
        assert_eq!(spoilt(Spoil::OtherShape).await, "[1,2,3]");
        assert_eq!(read(&play.text(vendor, &target).await), fine, "and then it is well again");
    }
}

#[tokio::test]
async fn a_single_message_is_spoilt_in_its_subject_and_text() {
    let play = Play::sized(Sizes { mails: 1, ..Sizes::default() }).await;
    let target = format!("{GMAIL}/messages/{}", play.sandbox.gmail().ids()[0]);
    let fine = play.get(Vendor::Gmail, &target).await;
    let subject = |message: &Value| {
        let headers = message["payload"]["headers"].as_array().unwrap();
        headers.iter().find(|h| h["name"] == "Subject").unwrap()["value"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    play.sandbox.inject(Rule::new(Fault::Spoil(Spoil::Nul)));
    let nul = play.get(Vendor::Gmail, &target).await;
    assert_eq!(subject(&nul).replace('\0', ""), subject(&fine));
    assert!(subject(&nul).contains('\0'));
    assert_ne!(nul["payload"]["body"]["data"], fine["payload"]["body"]["data"]);
    play.sandbox.inject(Rule::new(Fault::Spoil(Spoil::LoneSurrogate)));
    assert!(play.text(Vendor::Gmail, &target).await.contains("Repo\\ud83drt 0"));
    play.sandbox.inject(Rule::new(Fault::Spoil(Spoil::DateOutOfRange)));
    assert_eq!(play.get(Vendor::Gmail, &target).await["internalDate"], "99999999999999999");
    play.sandbox.inject(Rule::new(Fault::edit(|message| message["labelIds"] = json!(7))));
    assert_eq!(play.get(Vendor::Gmail, &target).await["labelIds"], 7);
    play.sandbox.inject(Rule::new(Fault::rewrite(|text| text.replace("Report", "Rapport"))));
    assert_eq!(subject(&play.get(Vendor::Gmail, &target).await), "Rapport 0");
}

#[tokio::test]
async fn other_refusals_have_the_vendors_form() {
    let play = Play::empty().await;
    play.sandbox.inject(Rule::new(Fault::gmail_403("userRateLimitExceeded", "Slow down")));
    let (status, answer) = play.answer(Vendor::Gmail, &profile()).await;
    assert_eq!((status, &answer["error"]["errors"][0]["domain"]), (403, &json!("usageLimits")));
    play.sandbox.inject(Rule::new(Fault::slack_error("missing_scope")));
    let answer = play.get(Vendor::Slack, &format!("{SLACK}/auth.test")).await;
    assert_eq!(answer, json!({"ok": false, "error": "missing_scope"}));
    play.sandbox.inject(Rule::new(Fault::redirect("https://elsewhere.example/x")));
    let answer = play.request(Vendor::Gmail, &profile()).send().await.unwrap();
    assert_eq!(answer.headers()["location"], "https://elsewhere.example/x");
}

#[tokio::test]
async fn the_log_tells_who_was_asked_what_and_how_many_at_once() {
    let play = Play::empty().await;
    let gate = Gate::new();
    play.sandbox.inject(Rule::new(Fault::Hold(gate.clone())).on(Vendor::Gmail).times(4));
    let many = join_all((0..4).map(|number| {
        let (target, play) = (format!("{GMAIL}/profile?n={number}"), &play);
        async move { play.status(Vendor::Gmail, &target).await }
    }));
    let release = async {
        gate.reached_by(4).await;
        gate.open();
    };
    assert_eq!(futures::join!(many, release).0, [200; 4]);
    play.status(Vendor::Gmail, "elsewhere.example/token").await;
    let seen = play.sandbox.requests();
    assert_eq!(seen.len(), 5);
    assert_eq!((seen[4].host.as_str(), seen[4].status), ("elsewhere.example", 404));
    let first = &play.sandbox.requests_to(Vendor::Gmail, "/profile?n=2")[0];
    assert_eq!(
        (first.method.as_str(), first.param("n").as_deref(), first.status),
        ("GET", Some("2"), 200)
    );
    assert_eq!(first.bearer, Some(play.sandbox.grant(Vendor::Gmail).access_token()));
    assert!(first.answered.unwrap() >= first.arrived);
    assert!(play.sandbox.requests_to(Vendor::Asana, "").is_empty());
    assert_eq!(play.sandbox.max_in_flight(Vendor::Gmail), 4);
    assert_eq!(play.sandbox.max_in_flight(Vendor::Slack), 0);
    play.sandbox.forget_requests();
    assert!(play.sandbox.requests().is_empty());
    assert_eq!(play.sandbox.max_in_flight(Vendor::Gmail), 0);
}

#[tokio::test]
async fn a_test_that_blocks_its_only_thread_still_gets_answers() {
    let play = Play::empty().await;
    let url = play.sandbox.url();
    let mut stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).unwrap();
    write!(stream, "GET /slack/{SLACK}/auth.test HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("not_authed"));
}

#[tokio::test]
async fn a_dropped_sandbox_is_gone_with_what_it_held() {
    let play = Play::empty().await;
    let gate = play.sandbox.hold(Vendor::Gmail, "/profile");
    let Play { sandbox, client } = play;
    let url = format!("{}gmail/{}", sandbox.url(), profile());
    let held = tokio::spawn(client.get(url).send());
    gate.reached().await;
    drop(sandbox);
    assert!(held.await.unwrap().is_err());
}
