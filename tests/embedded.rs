//! The embedded PostgreSQL, with real clusters and real processes: who starts it, who stops it, and what a crash
//! leaves.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use neotoma_importers::store::embedded::{self, Kind, Options, Verdict};
use rustix::process::{Pid, Signal, geteuid, getsid, kill_process, test_kill_process};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/postgres.rs"]
mod postgres;

use cluster::{DATA_DIR, PATIENCE, Place, Process, birth, execute, set_mode, until};

#[tokio::test]
#[ignore = "not a test: the tests run it as a process of its own"]
async fn process_of_its_own() {
    let Some(data_dir) = std::env::var_os(DATA_DIR) else { return };
    let mut options = Options::new(data_dir);
    options.bin_dir = std::env::var_os("NEOTOMA_PG_BIN").map(PathBuf::from);
    options.settings = vec![("fsync".into(), "off".into())];
    let embedded = match embedded::start(&options, |_| ()).await {
        Ok(embedded) => embedded,
        Err(error) => return println!("@failed {error}"),
    };
    println!("@up {} {}", embedded.started(), birth(&embedded.connect_options()).await);
    let mut line = String::new();
    BufReader::new(tokio::io::stdin()).read_line(&mut line).await.unwrap();
    embedded.stop().await.unwrap();
    println!("@stopped");
}

// ---- the life of the server

#[tokio::test]
async fn four_first_starts_at_once_make_one_database_and_the_last_to_leave_stops_its_server() {
    let place = Place::new();
    let mut processes: Vec<Process> = (0..4).map(|_| Process::launch(&place)).collect();
    let mut ups = Vec::new();
    for process in &mut processes {
        ups.push(process.up().await);
    }
    assert_eq!(ups.iter().filter(|(started, _)| *started).count(), 1, "{ups:?}");
    assert!(ups.iter().all(|(_, birth)| *birth == ups[0].1), "{ups:?}");
    for process in processes {
        assert!(place.server().is_some(), "it was stopped under those who use it");
        process.stop().await;
    }
    assert_eq!(place.server(), None, "the last has left");
    let litter = std::fs::read_dir(&place.data_dir).unwrap();
    let litter = litter.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!litter.into_iter().any(|name| name.starts_with("cluster.init-")));
}

#[tokio::test]
async fn what_was_stored_is_there_after_the_server_was_stopped_and_started() {
    let place = Place::new();
    let first = place.up().await;
    assert!(first.started());
    execute(&first.connect_options(), "CREATE TABLE kept AS SELECT 7 AS n").await;
    let born = birth(&first.connect_options()).await;
    first.stop().await.unwrap();
    let second = place.up().await;
    assert_ne!(birth(&second.connect_options()).await, born);
    execute(&second.connect_options(), "SELECT 1 / (n - 6) FROM kept").await;
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_user_leaves_the_server_to_the_next_who_stops_it() {
    let place = Place::new();
    let mut killed = Process::launch(&place);
    let (_, born) = killed.up().await;
    killed.kill().await;
    let (verdict, detail) = place.check("server").await;
    assert_eq!(verdict, Verdict::Note, "{detail}");
    assert!(detail.contains("nobody uses it"), "the server has inherited a lock: {detail}");
    let next = place.up().await;
    assert!(!next.started());
    assert_eq!(birth(&next.connect_options()).await, born);
    next.stop().await.unwrap();
    assert_eq!(place.server(), None);
}

#[tokio::test]
async fn a_server_whose_user_was_killed_can_be_stopped_without_starting_anything() {
    let place = Place::new();
    assert!(!embedded::stop_if_unused(&place.options()).await.unwrap());
    assert!(!place.data_dir.exists(), "asking makes nothing");
    let mut user = Process::launch(&place);
    user.up().await;
    assert!(!embedded::stop_if_unused(&place.options()).await.unwrap(), "it is in use");
    user.kill().await;
    assert!(embedded::stop_if_unused(&place.options()).await.unwrap());
    assert_eq!(place.server(), None);
}

#[tokio::test]
async fn a_user_that_is_dropped_without_leaving_has_the_server_stopped_all_the_same() {
    let place = Place::new();
    drop(place.up().await);
    until("the server's end", || place.server().is_none()).await;
    // The next start may come while it is still ending, at any point of that.
    for pause in 0..5 {
        drop(place.up().await);
        tokio::time::sleep(Duration::from_millis(pause * 4)).await;
    }
    let next = place.up().await;
    birth(&next.connect_options()).await;
    next.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_started_again_with_all_that_was_committed() {
    let place = Place::new();
    let mut other = Process::launch(&place);
    other.up().await;
    let first = place.up().await;
    execute(&first.connect_options(), "CREATE TABLE kept AS SELECT 7 AS n").await;
    let born = birth(&first.connect_options()).await;
    let mut connection = first.connect_options().connect().await.unwrap();
    kill_process(place.server().unwrap(), Signal::KILL).unwrap();
    until_dead(&mut connection).await;

    first.revive(|_| ()).await.unwrap();
    let reborn = birth(&first.connect_options()).await;
    assert_ne!(reborn, born);
    execute(&first.connect_options(), "SELECT 1 / (n - 6) FROM kept").await;
    first.revive(|_| ()).await.unwrap();
    assert_eq!(birth(&first.connect_options()).await, reborn, "one that runs is left alone");

    kill_process(place.server().unwrap(), Signal::KILL).unwrap();
    let next = place.up().await;
    assert!(next.started());
    execute(&next.connect_options(), "SELECT 1 / (n - 6) FROM kept").await;
    first.stop().await.unwrap();
    next.stop().await.unwrap();
    assert!(place.server().is_some(), "the other process still uses it");
    other.stop().await;
    assert_eq!(place.server(), None);
}

/// A server process notices that its parent was killed.
async fn until_dead(connection: &mut sqlx::PgConnection) {
    let begun = Instant::now();
    while connection.ping().await.is_ok() {
        assert!(begun.elapsed() < PATIENCE, "a killed server goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_pid_file_whose_process_is_another_one_by_now_does_not_keep_the_server_down() {
    let place = Place::new();
    place.up().await.stop().await.unwrap();
    // PostgreSQL heeds a living process of its own account alone.
    let owner = place.cluster().metadata().unwrap();
    let mut sleeper = Command::new("sleep");
    sleeper.arg("600").current_dir("/").kill_on_drop(true);
    if geteuid().is_root() {
        sleeper.uid(owner.uid()).gid(owner.gid());
    }
    let mut sleeper = sleeper.spawn().unwrap();
    let pid = sleeper.id().unwrap();
    let socket = place.data_dir.join("socket");
    let cluster = place.cluster();
    let text = format!(
        "{pid}\n{}\n1764096000\n5432\n{}\n\n  1 1\nready   \n",
        cluster.display(),
        socket.display()
    );
    std::fs::write(cluster.join("postmaster.pid"), &text).unwrap();
    std::fs::write(socket.join(".s.PGSQL.5432.lock"), &text).unwrap();
    assert_eq!(place.check("server").await.0, Verdict::Good, "nothing runs");
    let up = place.up().await;
    assert_ne!(place.server().unwrap().as_raw_nonzero().get(), i32::try_from(pid).unwrap());
    up.stop().await.unwrap();
    assert_eq!(sleeper.try_wait().unwrap(), None, "a stranger's process was ended");
}

#[tokio::test]
async fn a_server_whose_socket_was_tidied_away_is_started_anew() {
    let place = Place::new();
    let first = place.up().await;
    std::fs::remove_file(place.data_dir.join("socket/.s.PGSQL.5432")).unwrap();
    let second = place.up().await;
    birth(&second.connect_options()).await;
    first.stop().await.unwrap();
    second.stop().await.unwrap();
    assert_eq!(place.server(), None);
}

#[tokio::test]
async fn a_first_start_that_is_killed_while_it_makes_the_database_is_done_again() {
    let place = Place::new();
    // An initdb that has begun, and never ends.
    let bin = place.folder.path().join("bin");
    let pid_file = place.folder.path().join("initdb.pid");
    std::fs::create_dir(&bin).unwrap();
    set_mode(&bin, 0o755);
    for program in ["postgres", "pg_ctl"] {
        std::os::unix::fs::symlink(programs(&place).await.join(program), bin.join(program))
            .unwrap();
    }
    std::fs::write(&pid_file, "").unwrap();
    set_mode(&pid_file, 0o666);
    let script = format!(
        "#!/bin/sh\nfor made; do :; done\nmkdir \"$made/base\"\necho 15 > \"$made/PG_VERSION\"\n\
         echo $$ > '{}'\nexec sleep 600\n",
        pid_file.display()
    );
    std::fs::write(bin.join("initdb"), script).unwrap();
    set_mode(&bin.join("initdb"), 0o755);

    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("NEOTOMA_PG_BIN", &bin);
    let killed = Process::launch_by(&place, command);
    let pid = || std::fs::read_to_string(&pid_file).unwrap().trim().parse().ok();
    until("initdb's beginning", || pid().is_some()).await;
    killed.kill().await;

    let unfinished = || {
        let entries = std::fs::read_dir(&place.data_dir).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("cluster.init-")).count()
    };
    assert_eq!(unfinished(), 1);
    assert!(place.check("database").await.1.contains("did not finish"));
    let up = place.up().await;
    assert!(up.started());
    birth(&up.connect_options()).await;
    assert_eq!(unfinished(), 0);
    up.stop().await.unwrap();
    let initdb = pid().and_then(Pid::from_raw).unwrap();
    assert!(kill_process(initdb, Signal::KILL).is_ok(), "the next start has not to wait for it");
}

#[tokio::test]
async fn the_server_has_its_own_session_beyond_a_terminal_s_reach() {
    let place = Place::new();
    let up = place.up().await;
    let server = place.server().unwrap();
    assert_eq!(getsid(Some(server)).unwrap(), server);
    up.stop().await.unwrap();
    assert!(test_kill_process(server).is_err() || place.server().is_none());
}

// ---- places and people

#[tokio::test]
async fn a_data_folder_too_deep_or_too_odd_for_a_socket_does() {
    for name in [format!("{0}/{0}", "d".repeat(90)), "with a space, 'quotes' and $(ä)".to_owned()]
    {
        let place = Place::inside(&name);
        let mut process = Process::launch(&place);
        let (_, born) = process.up().await;
        let up = place.up().await;
        assert_eq!(birth(&up.connect_options()).await, born, "{name}");
        let socket = up.connect_options().get_socket().unwrap().clone();
        assert!(!socket.starts_with(&place.data_dir));
        assert_eq!(socket.metadata().unwrap().mode() & 0o777, 0o700);
        up.stop().await.unwrap();
        process.stop().await;
        std::fs::remove_dir(socket).unwrap();
    }
}

#[tokio::test]
async fn nobody_else_gets_to_the_data_and_the_server_is_never_root() {
    let place = Place::new();
    let up = place.up().await;
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    let cluster = place.cluster().metadata().unwrap();
    assert_ne!(cluster.uid(), 0);
    assert_eq!(mode(&place.data_dir) & 0o066, 0, "others may pass through at most");
    for folder in [place.cluster(), place.data_dir.join("socket")] {
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(folder.metadata().unwrap().uid(), cluster.uid());
    }
    for file in ["users.lock", "control.lock", "server.conf"] {
        let file = place.data_dir.join(file);
        assert_eq!(mode(&file) & 0o027, 0, "{}", file.display());
        assert_eq!(file.metadata().unwrap().uid(), geteuid().as_raw(), "{}", file.display());
    }
    // Should the folder ever be opened, the server still asks who it is.
    let mut connection = up.connect_options().connect().await.unwrap();
    let rules: Vec<(String, String)> =
        sqlx::query_as("SELECT type, auth_method FROM pg_hba_file_rules")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert_eq!(rules, [("local".to_owned(), "peer".to_owned())]);
    let listening: String =
        sqlx::query_scalar("SHOW listen_addresses").fetch_one(&mut connection).await.unwrap();
    assert_eq!(listening, "");
    connection.close().await.unwrap();
    up.stop().await.unwrap();
}

/// As root this shows what happens on a desktop; an ordinary user sees it in every other test too.
#[tokio::test]
async fn an_ordinary_user_needs_nobody_s_help() {
    let place = Place::inside("home/data");
    let home = place.data_dir.parent().unwrap();
    std::fs::create_dir(home).unwrap();
    // The way to the binary may be closed to others.
    let binary = place.folder.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    set_mode(&binary, 0o755);
    let mut command = Command::new(&binary);
    let mut user = geteuid().as_raw();
    if geteuid().is_root() {
        let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
        user = nobody.uid.as_raw();
        std::os::unix::fs::chown(home, Some(user), Some(nobody.gid.as_raw())).unwrap();
        command.uid(user).gid(nobody.gid.as_raw());
    }
    let mut process = Process::launch_by(&place, command);
    assert!(process.up().await.0);
    for made in [place.data_dir.clone(), place.cluster()] {
        let metadata = made.metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.mode() & 0o777), (user, 0o700));
    }
    if geteuid().is_root() {
        let error = place.start().await.unwrap_err();
        assert_eq!(error.kind(), Kind::DataDir);
        assert!(error.remedy().contains("run neotoma as nobody"), "{error}");
    }
    process.stop().await;
    assert_eq!(place.server(), None);
}

/// Only as root does the server have another account than we.
#[tokio::test]
async fn a_way_that_is_closed_to_the_server_s_account_is_named() {
    let place = Place::inside("closed/data");
    let closed = place.data_dir.parent().unwrap();
    std::fs::create_dir(closed).unwrap();
    set_mode(closed, 0o700);
    let started = place.start().await;
    if !geteuid().is_root() {
        return started.unwrap().stop().await.unwrap();
    }
    let error = started.unwrap_err();
    assert_eq!(error.kind(), Kind::DataDir);
    assert!(error.problem().contains(&format!("{} is closed to it", closed.display())), "{error}");
    assert!(error.remedy().contains("chmod o+x"), "{error}");
    set_mode(closed, 0o711);
    place.up().await.stop().await.unwrap();
}

#[tokio::test]
async fn a_data_folder_that_was_made_for_the_key_alone_is_opened_as_far_as_needed() {
    let place = Place::new();
    std::fs::create_dir(&place.data_dir).unwrap();
    set_mode(&place.data_dir, 0o700);
    place.up().await.stop().await.unwrap();
    let expected = if geteuid().is_root() { 0o711 } else { 0o700 };
    assert_eq!(place.data_dir.metadata().unwrap().mode() & 0o777, expected);
}

#[tokio::test]
async fn the_environment_s_settings_for_other_databases_do_not_matter() {
    let place = Place::new();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let elsewhere = [
        ("PGHOST", "db.invalid"),
        ("PGPORT", "1"),
        ("PGUSER", "else"),
        ("PGDATABASE", "else"),
        ("PGDATA", "/nonexistent"),
        ("PGSSLMODE", "verify-full"),
        ("PGPASSFILE", "/nonexistent"),
        ("LC_ALL", "xx_XX.UTF-8"),
    ];
    command.envs(elsewhere).env_remove("HOME");
    let mut process = Process::launch_by(&place, command);
    process.up().await;
    process.stop().await;
}

// ---- what cannot be, and what a person is told of it

#[tokio::test]
async fn a_database_of_another_major_version_is_left_alone() {
    let place = Place::new();
    place.up().await.stop().await.unwrap();
    // Named binaries keep it from looking for some on the net.
    let mut options = place.options();
    options.bin_dir = Some(programs(&place).await);
    let file = place.cluster().join("PG_VERSION");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "9\n").unwrap();
    let error = embedded::start(&options, |_| ()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::WrongVersion, "{error}");
    assert!(error.remedy().contains("pg_dumpall"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "9\n");
    std::fs::write(&file, before).unwrap();
    place.up().await.stop().await.unwrap();
}

/// Where the report says that the programs are.
async fn programs(place: &Place) -> PathBuf {
    let (_, detail) = place.check("PostgreSQL").await;
    let rest = detail.split_once(" in ").unwrap().1;
    PathBuf::from(rest.split_once(',').unwrap().0)
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why_in_its_own_words() {
    let place = Place::new();
    let mut options = place.options();
    options.settings.push(("shared_buffers".into(), "many".into()));
    let error = embedded::start(&options, |_| ()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Start);
    assert!(error.problem().contains("shared_buffers"), "{error}");
    place.up().await.stop().await.unwrap();
}

#[tokio::test]
async fn named_programs_that_are_not_there_are_an_error() {
    let place = Place::new();
    let mut options = place.options();
    options.bin_dir = Some(place.folder.path().join("none"));
    let error = embedded::start(&options, |_| ()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NoBinaries);
    assert!(error.problem().contains("NEOTOMA_PG_BIN"), "{error}");
    assert!(!place.cluster().exists());
}

#[tokio::test]
async fn the_report_tells_each_state_and_changes_none() {
    let place = Place::new();
    let report = place.report().await;
    assert!(report.good(), "{report:?}");
    assert!(!place.data_dir.exists());
    assert!(place.check("database").await.1.contains("will be made"));
    let up = place.up().await;
    let major = up.version().split('.').next().unwrap();
    assert!(place.check("database").await.1.contains(&format!("PostgreSQL {major}")));
    let (verdict, detail) = place.check("server").await;
    assert_eq!(verdict, Verdict::Good, "{detail}");
    assert!(detail.contains("runs, socket in"), "{detail}");
    up.stop().await.unwrap();
    assert!(place.check("server").await.1.contains("not running"));
}

// ---- the tests' own server

#[tokio::test]
async fn each_test_has_an_empty_database_of_its_own() {
    let (one, two) = tokio::join!(postgres::fresh_database(), postgres::fresh_database());
    sqlx::raw_sql("CREATE TABLE mine ()").execute(&one).await.unwrap();
    sqlx::raw_sql("CREATE TABLE mine ()").execute(&two).await.unwrap();
    let url = one.connect_options().to_url_lossy();
    let mut again = sqlx::PgConnection::connect(url.as_str()).await.unwrap();
    sqlx::raw_sql("SELECT FROM mine").execute(&mut again).await.unwrap();
    again.close().await.unwrap();
    one.close().await;
    two.close().await;
}
