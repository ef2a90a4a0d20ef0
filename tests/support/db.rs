//! A database of a test's own.

use std::{env, thread};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions,
};

/// An empty database; it is dropped with this.
pub struct Database {
    pub options: PgConnectOptions,
    server: PgConnectOptions,
    name: String,
}

/// Makes a database on the server that `NEOTOMA_TEST_DATABASE_URL` names.
pub async fn fresh() -> Database {
    let url = env::var("NEOTOMA_TEST_DATABASE_URL")
        .expect("NEOTOMA_TEST_DATABASE_URL names a server whose user may make databases");
    let server: PgConnectOptions = url.parse().expect("the address of a server");
    let name = format!("neotoma_test_{}", uuid::Uuid::now_v7().simple());
    execute(&server, format!("CREATE DATABASE {name}")).await;
    Database { options: server.clone().database(&name), server, name }
}

async fn execute(server: &PgConnectOptions, statement: String) {
    let mut connection: PgConnection =
        server.connect().await.expect("the server takes connections");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect("a statement");
    connection.close().await.expect("a connection closes");
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A thread of its own: a test's runtime may be the one that this is dropped on.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            runtime.expect("a runtime").block_on(execute(&server, statement));
        });
        if dropped.join().is_err() {
            eprintln!("{} was left behind", self.name);
        }
    }
}
