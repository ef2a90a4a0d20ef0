//! A way to the database that can be cut and mended.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
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
        let (seen, target) =
            (whole.clone(), format!("{}:{}", options.get_host(), options.get_port()));
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (mut cut, target) = (seen.subscribe(), target.clone());
                tokio::spawn(async move {
                    let pass = async {
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
        Self { options: options.clone().host("127.0.0.1").port(port), whole }
    }

    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}
