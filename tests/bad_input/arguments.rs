//! What a caller gives: refused by name, before anything is asked of a vendor or stored.

use serde_json::{Value, json};

use crate::{
    sandbox::{Vendor, World},
    server::{Program, Server},
    stage::Stage,
};

const NOBODYS: &str = "0198c1de-0000-7000-8000-000000000001";

async fn empty() -> Stage {
    Stage::of(World::empty()).await
}

impl Stage {
    /// Nothing was asked of a vendor, and nothing is stored.
    async fn is_untouched(&self) {
        assert!(self.sandbox.requests().is_empty(), "{:?}", self.sandbox.requests());
        // A refused command may not even have made the tables.
        let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'external_connectors'";
        if self.count(tables).await == 1 {
            assert_eq!(self.count("SELECT count(*) FROM external_connectors").await, 0);
        }
    }
}

/// A command that is wrong usage, and what it says.
async fn misused(program: &Program, arguments: &[&str]) -> String {
    let ran = program.run(arguments).await;
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    ran.err
}

#[tokio::test]
async fn an_unknown_provider_is_answered_with_the_nearest_names() {
    let stage = empty().await;
    let mut assistant = stage.program.serve().await;
    for (given, says) in [
        ("gmial", "did you mean gmail"),
        ("Slak", "did you mean slack"),
        ("qqqqqqqqqq", "list_providers shows all"),
    ] {
        for (tool, arguments) in [
            ("list_providers", json!({"provider": given})),
            ("list_connectors", json!({"provider": given})),
            ("link_connector", json!({"provider": given, "secrets": {"access_token": "t"}})),
            ("sync_provider_imports", json!({"provider": given})),
            ("search_records", json!({"query": "rain", "providers": ["gmail", given]})),
        ] {
            let said = assistant.refuses(tool, arguments).await;
            assert!(said.contains(says) && said.contains(given), "{tool}: {said}");
        }
    }
    for arguments in [
        &["providers", "gmial"][..],
        &["link", "gmial", "--secret", "access_token=t"],
        &["import", "--provider", "gmial"],
        &["records", "search", "rain", "--provider", "gmial"],
    ] {
        let said = misused(&stage.program, arguments).await;
        assert!(said.contains("did you mean gmail"), "{arguments:?}: {said}");
    }
    stage.is_untouched().await;
}

#[tokio::test]
async fn an_unknown_connector_and_another_owners_get_the_same_answer() {
    let stage = Stage::mails(3).await;
    let anns = stage.link(Vendor::Gmail).await;
    stage.program.import(&anns, &[]).await;
    let mut program = Program::over(&stage.database, &stage.sandbox.url());
    program.set("NEOTOMA_OWNER", "bob");
    let mut bob = program.serve().await;
    let answers = async |bob: &mut Server, id: &str| {
        let mut answers = Vec::new();
        for (tool, arguments) in [
            ("sync_external_connector", json!({"connector_id": id})),
            ("sync_external_connector", json!({"connector_id": id, "confirm_removals": true})),
            ("sync_provider_imports", json!({"provider": "gmail", "connector_id": id})),
            ("delete_connector", json!({"connector_id": id})),
            ("delete_connector", json!({"connector_id": id, "delete_records": true})),
            ("search_records", json!({"connector_id": id})),
        ] {
            let said = bob.refuses(tool, arguments).await;
            assert!(said.contains("there is no connector"), "{tool}: {said}");
            answers.push(said.replace(id, "ID"));
        }
        let runs = bob.does("list_sync_runs", json!({"connector_id": id})).await;
        answers.push(runs.to_string());
        let uri = format!("neotoma://connectors/{id}");
        let read = bob.ask("resources/read", json!({"uri": uri})).await;
        assert!(read["error"]["code"].is_i64(), "{read}");
        answers.push(read["error"].to_string().replace(id, "ID"));
        for arguments in [
            &["import", "--connector-id", id][..],
            &["connectors", "pause", id],
            &["connectors", "resume", id],
            &["connectors", "delete", id],
        ] {
            let said = misused(&program, arguments).await.replace(id, "ID");
            answers
                .extend(said.lines().filter(|line| line.starts_with("error")).map(str::to_owned));
        }
        answers
    };
    assert_eq!(answers(&mut bob, &anns).await, answers(&mut bob, NOBODYS).await);
    let connectors = stage.program.done(&["connectors", "--json"]).await.json();
    assert_eq!(
        (&connectors[0]["status"], &connectors[0]["records"]),
        (&json!("active"), &json!(3))
    );
    assert_eq!(stage.count("SELECT count(*) FROM external_sync_runs").await, 1, "only ann's");
}

#[tokio::test]
async fn a_malformed_uuid_is_refused_and_says_where_ids_come_from() {
    let stage = empty().await;
    let mut assistant = stage.program.serve().await;
    let long = format!("{NOBODYS}{NOBODYS}");
    for id in ["gmail", "", "0198c1de-0000-7000-8000-00000000000", "{}", long.as_str(), "' OR 1=1"]
    {
        for (tool, argument, source) in [
            ("sync_external_connector", "connector_id", "list_connectors"),
            ("delete_connector", "connector_id", "list_connectors"),
            ("search_records", "connector_id", "list_connectors"),
            ("list_sync_runs", "connector_id", "list_connectors"),
            ("list_sync_runs", "run_id", "list_sync_runs"),
            ("get_record", "record_id", "search_records"),
        ] {
            let said = assistant.refuses(tool, Value::from_iter([(argument, id)])).await;
            assert!(said.starts_with(argument) && said.contains(source), "{tool} {id:?}: {said}");
        }
        for arguments in [
            &["import", "--connector-id", id][..],
            &["connectors", "delete", id],
            &["runs", "--run-id", id],
            &["records", "show", id],
        ] {
            misused(&stage.program, arguments).await;
        }
    }
    stage.is_untouched().await;
}

#[tokio::test]
async fn a_limit_or_max_pages_out_of_range_is_refused() {
    let stage = empty().await;
    let mut assistant = stage.program.serve().await;
    let of = |name: &str, value: Value| {
        let mut arguments = json!({"connector_id": NOBODYS});
        arguments[name] = value;
        arguments
    };
    for value in [json!(0), json!(-1), json!(1.5), json!("many"), json!(u64::MAX), json!([1])] {
        for (name, range) in [("limit", "from 1 to 1000"), ("max_pages", "from 1 to 10000")] {
            let said = assistant.refuses("sync_external_connector", of(name, value.clone())).await;
            assert!(said.starts_with(&format!("{name}: ")) && said.contains(range), "{said}");
        }
    }
    for (tool, arguments, says) in [
        ("sync_external_connector", of("limit", json!(1001)), "limit: must be"),
        ("sync_external_connector", of("max_pages", json!(10_001)), "max_pages: must be"),
        ("sync_external_connector", of("wait_seconds", json!(26)), "wait_seconds: must be"),
        ("sync_provider_imports", json!({"provider": "gmail", "limit": 1001}), "limit: must be"),
        ("search_records", json!({"limit": 101}), "limit: must be"),
        ("list_sync_runs", json!({"limit": 0}), "limit: must be"),
    ] {
        let said = assistant.refuses(tool, arguments).await;
        assert!(said.starts_with(says), "{tool}: {said}");
    }
    for (option, value) in [
        ("--limit", "0"),
        ("--limit", "1001"),
        ("--limit", "-1"),
        ("--limit", "ten"),
        ("--max-pages", "0"),
        ("--max-pages", "10001"),
        ("--max-pages", "99999999999999999999"),
    ] {
        let option = format!("{option}={value}");
        let said = misused(&stage.program, &["import", "--all", &option]).await;
        assert!(said.contains("invalid value") && said.contains(value), "{said}");
    }
    misused(&stage.program, &["records", "search", "rain", "--limit", "101"]).await;
    misused(&stage.program, &["runs", "--limit", "0"]).await;
    stage.is_untouched().await;
}

#[tokio::test]
async fn missing_or_unknown_secret_fields_are_named() {
    let stage = empty().await;
    let mut assistant = stage.program.serve().await;
    for (provider, secrets, says) in [
        ("gmail", json!({}), "access_token: is missing"),
        ("gmail", json!({"refresh_token": "r"}), "access_token: is missing"),
        ("gmail", json!({"acess_token": "t"}), "did you mean access_token?"),
        (
            "gmail",
            json!({"access_token": "t", "password": "hush"}),
            "password: Gmail takes no secret",
        ),
        ("gmail", json!({"access_token": ""}), "access_token: is empty"),
        ("gmail", json!({"access_token": "two\nlines"}), "access_token: holds a line break"),
        ("gmail", json!({"access_token": "t", "accessToken": "t"}), "access_token: is given twice"),
        ("gmail", json!({"access_token": "t", "expires_at": "soon"}), "expires_at: is not a time"),
        (
            "asana",
            json!({"access_token": "t", "workspace_gid": "1"}),
            "workspace_gid: is a setting",
        ),
    ] {
        let arguments = json!({"provider": provider, "secrets": secrets});
        let said = assistant.refuses("link_connector", arguments).await;
        assert!(said.contains(says) && !said.contains("hush"), "{said}");
    }
    for (secret, says) in [
        ("acess_token=t", "did you mean access_token?"),
        ("refresh_token=r", "access_token: is missing"),
        ("hush", "give name=value"),
        ("access_token=", "it has no value"),
    ] {
        let said = misused(&stage.program, &["link", "gmail", "--secret", secret]).await;
        assert!(said.contains(says) && !said.contains("hush"), "{said}");
    }
    let said = misused(&stage.program, &["link", "gmail"]).await;
    assert!(said.contains("access_token: is missing"), "{said}");
    stage.is_untouched().await;
}

#[tokio::test]
async fn secrets_over_64_kib_are_refused() {
    let stage = empty().await;
    let mut assistant = stage.program.serve().await;
    let link = |bytes: usize| {
        json!({"provider": "gmail", "secrets": {"access_token": "s".repeat(bytes)}, "verify": false,
            "account_identifier": "maya@kestrel.example"})
    };
    let said = assistant.refuses("link_connector", link(64 * 1024 + 1)).await;
    assert!(said.contains("64 KiB") && said.len() < 300, "{said}");
    let file = stage.program.file("token", &"s".repeat(64 * 1024 + 1));
    let secret = format!("access_token=@{}", file.display());
    let ran = stage.program.run(&["link", "gmail", "--secret", &secret]).await;
    assert!(ran.code != 0 && ran.err.contains("64 KiB") && !ran.err.contains("sss"), "{ran:?}");
    let (command, long) = (["link", "gmail", "--secret", "access_token=-"], "s".repeat(70_000));
    let ran = stage.program.fed(&command, &long).await;
    assert!(ran.code != 0 && ran.err.contains("64 KiB") && !ran.err.contains("sss"), "{ran:?}");
    stage.is_untouched().await;
    assistant.does("link_connector", link(64 * 1024)).await;
}

#[tokio::test]
async fn unknown_metadata_is_refused() {
    let stage = empty().await;
    let mut assistant = stage.program.serve().await;
    for (metadata, says) in [
        (json!({"workspce_gid": "1"}), "did you mean workspace_gid?"),
        (json!({"color": "red"}), "color: Asana takes no setting of that name"),
        (json!({"workspace_gid": "acme"}), "workspace_gid: does not have the form"),
        (json!({"workspace_gid": {"id": 1}}), "workspace_gid: is not a text"),
        (json!({"since": "yesterday"}), "since: is not a date"),
        (json!({"bodies": "perhaps"}), "bodies: is neither true nor false"),
        (json!({"access_token": "hush"}), "access_token: is a secret"),
        (json!("workspace_gid"), "metadata: "),
    ] {
        let arguments =
            json!({"provider": "asana", "secrets": {"access_token": "t"}, "metadata": metadata});
        let said = assistant.refuses("link_connector", arguments).await;
        assert!(said.contains(says) && !said.contains("hush"), "{said}");
    }
    let link = ["link", "asana", "--secret", "access_token=t", "--metadata"];
    for (metadata, says) in [
        ("color=red", "takes no setting"),
        ("color", "give name=value"),
        ("since=soon", "not a date"),
    ] {
        let said = misused(&stage.program, &[&link[..], &[metadata]].concat()).await;
        assert!(said.contains(says), "{said}");
    }
    stage.is_untouched().await;
}
