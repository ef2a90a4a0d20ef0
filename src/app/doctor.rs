//! What stands in the way: database, tables, key, clock, data directory, each with its remedy.

use jiff::Timestamp;

use super::{
    App, CheckView,
    core::{connect_options, data_dir, embedded_options},
};
use crate::{
    store::{
        Store,
        embedded::{self, Verdict},
    },
    vault::{KEY_VARIABLE, Vault, key_file},
};

/// How far our clock and the database's may differ, in seconds: tokens are renewed a minute ahead.
const CLOCKS: i64 = 30;

impl App {
    /// Looks at the data directory, the key, the database with its tables, and the clock. Only a database that is named is
    /// connected to; the embedded one is started, since whether it starts is the question.
    pub async fn doctor(&self) -> Vec<CheckView> {
        let mut checks = Vec::new();
        if self.0.settings.database_url.is_none() {
            let report = embedded::inspect(&embedded_options(&self.0.settings)).await;
            checks.extend(report.checks.into_iter().map(|check| CheckView {
                check: check.what,
                ok: check.verdict != Verdict::Bad,
                found: check.detail,
                remedy: check.remedy,
            }));
        }
        checks.push(self.key());
        if checks.iter().all(|check| check.ok) {
            self.database(&mut checks).await;
        }
        checks
    }

    fn key(&self) -> CheckView {
        let settings = &self.0.settings;
        let previous = settings.previous_keys.len();
        let opened = match &settings.secret_key {
            Some(key) => Vault::new(key, &settings.previous_keys)
                .map(|vault| format!("{KEY_VARIABLE} ({}), {previous} earlier ones", vault.kid()))
                .map_err(|error| error.to_string()),
            None if settings.database_url.is_none() => match key_file::read(&data_dir(settings)) {
                Ok(Some(key)) => Vault::new(&key, &settings.previous_keys)
                    .map(|vault| format!("the one in the data folder ({})", vault.kid()))
                    .map_err(|error| error.to_string()),
                Ok(None) => Ok("none yet; one is made when it is first needed".to_owned()),
                Err(error) => Err(error.to_string()),
            },
            None => Err(format!("{KEY_VARIABLE} is not set")),
        };
        match opened {
            Ok(found) => CheckView { check: "key", ok: true, found, remedy: None },
            Err(found) => {
                let remedy = format!(
                    "set {KEY_VARIABLE} to a key of 32 or more characters; `neotoma keys generate` makes one"
                );
                CheckView { check: "key", ok: false, found, remedy: Some(remedy) }
            }
        }
    }

    async fn database(&self, checks: &mut Vec<CheckView>) {
        let bad = |check, found: String, remedy: &str| CheckView {
            check,
            ok: false,
            found,
            remedy: Some(remedy.to_owned()),
        };
        let good = |check, found| CheckView { check, ok: true, found, remedy: None };
        // A named database is tried by itself first, so that its own words are heard.
        if let Some(url) = &self.0.settings.database_url {
            let reached = match connect_options(url) {
                Ok(options) => Store::connect(options).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match reached {
                Ok(store) => store.close().await,
                Err(found) => {
                    let remedy = "check DATABASE_URL and that the server takes connections; unset it to use the \
                                  embedded database";
                    return checks.push(bad("database", found, remedy));
                }
            }
        }
        let core = match self.core().await {
            Ok(core) => core,
            Err(error) => {
                return checks.push(bad(
                    "database",
                    error.to_string(),
                    "see the message; then try again",
                ));
            }
        };
        let began = Timestamp::now();
        let server = core.store().server().await;
        let migrations = core.store().migrations().await;
        match (server, migrations) {
            (Ok((version, clock)), Ok((applied, known))) => {
                checks.push(good("database", format!("PostgreSQL {version} answers")));
                checks.push(good("migrations", format!("{applied} of {known} are applied")));
                let apart = clock.duration_since(began).as_secs();
                checks.push(if apart.abs() <= CLOCKS {
                    good("clock", "agrees with the database's".to_owned())
                } else {
                    let found = format!("{} s apart from the database's", apart.abs());
                    bad("clock", found, "set the clock of this machine or of the database's (NTP)")
                });
            }
            (Err(error), _) | (_, Err(error)) => {
                checks.push(bad("database", error.to_string(), "see the message; then try again"));
            }
        }
    }
}
