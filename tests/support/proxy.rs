//! A way to the database that can be cut and mended.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// Passes connections on to the database while it is whole; drops them and refuses new ones while it is cut.
pub struct Proxy {
    /// How to reach the database through it.
    pub options: PgConnectOptions,
    whole: Arc<watch::Sender<bool>>,
}

impl Proxy {
    pub async fn to(options: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let whole = Arc::new(watch::Sender::new(true));
        let (seen, server) = (whole.clone(), options.clone());
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (mut cut, server) = (seen.subscribe(), server.clone());
                tokio::spawn(async move {
                    let pass = async {
                        if let Some(folder) = server.get_socket() {
                            let socket = folder.join(format!(".s.PGSQL.{}", server.get_port()));
                            let mut far = UnixStream::connect(socket).await?;
                            return copy_bidirectional(&mut near, &mut far).await;
                        }
                        let target = (server.get_host(), server.get_port());
                        let mut far = TcpStream::connect(target).await?;
                        copy_bidirectional(&mut near, &mut far).await
                    };
                    tokio::select! {
                        _ = cut.wait_for(|whole| !whole) => {}
                        _ = pass => {}
                    }
                });
            }
        });
        // New ones: a socket that is set would be gone to, whatever host is named.
        let near = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(port)
            .ssl_mode(PgSslMode::Disable)
            .username(options.get_username())
            .database(options.get_database().unwrap_or("postgres"));
        Self { options: near, whole }
    }

    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}
