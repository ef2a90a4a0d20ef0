//! The pages on this machine alone: a listener at a fixed port of 127.0.0.1 and `::1`, since vendors compare the address
//! that they send people back to, and browsers take either for `localhost`.
//!
//! It opens when an account is first to be linked, and closes when none waits any more. Assistants start the program
//! several times; whichever process has the port serves the attempts of all, and one that did not get it tries again
//! each second.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode, header},
    middleware::{self, Next},
};
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use super::connect::{Door, PROOF, plain, with_notice};
use crate::{
    app::{App, Landing},
    ids::AttemptId,
};

/// How long after the last attempt's end the pages that say how it went are there.
const AFTERWARDS: Duration = Duration::from_mins(1);
/// How often a process that did not get the port tries again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long whoever has the port may take to show who it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of its answer is read.
const LARGEST: u64 = 16 << 10;

/// The listener of one process.
#[derive(Default)]
pub struct Loopback {
    /// Two attempts that begin at once do not both reach for the port.
    opening: tokio::sync::Mutex<()>,
    state: Mutex<Option<Serving>>,
    shown: Arc<Notify>,
}

/// What goes on in the background.
struct Serving {
    until: watch::Sender<Timestamp>,
    here: watch::Receiver<bool>,
    task: tokio::task::JoinHandle<()>,
}

/// Both addresses, or 127.0.0.1 alone where the machine has no IPv6.
struct Listeners {
    v4: TcpListener,
    v6: Option<TcpListener>,
}

impl Landing for Loopback {
    fn serve(&self, app: App, until: Timestamp) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let _one = self.opening.lock().await;
            if self.extend(until) {
                return Ok(());
            }
            let port = app.callback_port();
            let listeners = match bind(port).await {
                Ok(listeners) => Some(listeners),
                Err((taken, cause)) if cause.kind() == io::ErrorKind::AddrInUse => {
                    if !is_ours(&app, taken).await {
                        return Err(format!(
                            "port {port} of this machine, where people come back to from the service, is taken by another \
                             program: end that, or set NEOTOMA_CALLBACK_PORT (and register the address with that port at \
                             the service)"
                        ));
                    }
                    None
                }
                Err((_, cause)) => {
                    return Err(format!(
                        "port {port} of this machine, where people come back to from the service, cannot be opened \
                         ({cause}): set NEOTOMA_CALLBACK_PORT to another one"
                    ));
                }
            };
            self.begin(app, until, listeners);
            Ok(())
        })
    }
}

impl Loopback {
    /// A listener that is not open yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Waits until a browser has been shown how an attempt ended, if it is this process that shows it; no longer than this.
    /// For a program that is about to end.
    pub async fn linger(&self, most: Duration) {
        let here = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.as_ref().is_some_and(|serving| *serving.here.borrow())
        };
        // Whether it came or not: the program ends.
        if here && timeout(most, self.shown.notified()).await.is_ok() {
            // What was answered still has to leave.
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Goes on for longer, where it goes on.
    fn extend(&self, until: Timestamp) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(serving) = state.as_ref().filter(|serving| !serving.task.is_finished()) else {
            return false;
        };
        serving.until.send_if_modified(|known| {
            let later = until > *known;
            *known = until.max(*known);
            later
        });
        !serving.until.is_closed()
    }

    fn begin(&self, app: App, until: Timestamp, listeners: Option<Listeners>) {
        let (until, receiver) = watch::channel(until);
        let (is_here, here) = watch::channel(listeners.is_some());
        let shown = Arc::clone(&self.shown);
        let task = tokio::spawn(run(app, receiver, listeners, is_here, shown));
        let serving = Serving { until, here, task };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Some(serving);
    }
}

/// Serves until the time is over; tries to get the port until then where another process has it.
async fn run(
    app: App,
    mut until: watch::Receiver<Timestamp>,
    mut listeners: Option<Listeners>,
    is_here: watch::Sender<bool>,
    shown: Arc<Notify>,
) {
    let port = app.callback_port();
    loop {
        if let Some(listeners) = listeners.take() {
            is_here.send_replace(true);
            let router = pages(app.clone(), port, Arc::clone(&shown));
            serve(listeners, router, &mut until).await;
            tracing::debug!(port, "the pages on this machine are closed");
            is_here.send_replace(false);
            if *until.borrow() <= Timestamp::now() {
                return;
            }
        }
        tokio::select! {
            () = over(&mut until, Duration::ZERO) => return,
            () = sleep(AGAIN) => {}
        }
        if let Ok(free) = bind(port).await {
            tracing::debug!(port, "took the pages on this machine over");
            listeners = Some(free);
        }
    }
}

/// The pages, for those who asked for this machine by one of its own names.
fn pages(app: App, port: u16, shown: Arc<Notify>) -> Router {
    let layer = middleware::from_fn_with_state(port, by_own_name);
    with_notice(app, Door::Loopback, shown).layer(layer)
}

/// A name of somebody else's that resolves to this machine would let their pages read ours.
async fn by_own_name(State(port): State<u16>, request: Request, next: Next) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let own = host.is_some_and(|host| {
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| host == format!("{name}:{port}"))
    });
    if own {
        next.run(request).await
    } else {
        plain(StatusCode::MISDIRECTED_REQUEST, "not served under this name\n")
    }
}

async fn serve(listeners: Listeners, router: Router, until: &mut watch::Receiver<Timestamp>) {
    let stop = Arc::new(Notify::new());
    let each = |listener: TcpListener| {
        let stop = Arc::clone(&stop);
        axum::serve(listener, router.clone())
            .with_graceful_shutdown(async move { stop.notified().await })
    };
    let v6 = listeners.v6.map(&each);
    let both = async {
        let second = async {
            match v6 {
                Some(server) => server.await,
                None => Ok(()),
            }
        };
        let served = tokio::join!(each(listeners.v4), second);
        if let (Err(cause), _) | (_, Err(cause)) = served {
            tracing::warn!(%cause, "the pages on this machine are no longer served");
        }
    };
    tokio::pin!(both);
    tokio::select! {
        () = &mut both => {}
        () = over(until, AFTERWARDS) => {
            stop.notify_waiters();
            // A page that is being answered is; a connection that idles is not waited for.
            let _ = timeout(PATIENCE, both).await;
        }
    }
}

/// Completes when the time is over, which may be put off meanwhile.
async fn over(until: &mut watch::Receiver<Timestamp>, afterwards: Duration) {
    loop {
        let end = *until.borrow_and_update();
        let left = end.duration_since(Timestamp::now());
        let left = Duration::try_from(left).unwrap_or_default() + afterwards;
        tokio::select! {
            () = sleep(left) => return,
            changed = until.changed() => if changed.is_err() {
                // Nobody is left to put it off.
                return sleep(left).await;
            }
        }
    }
}

/// Takes the port at both addresses, or at none.
async fn bind(port: u16) -> Result<Listeners, (SocketAddr, io::Error)> {
    let at = |ip: std::net::IpAddr| SocketAddr::from((ip, port));
    let first = at(Ipv4Addr::LOCALHOST.into());
    let v4 = TcpListener::bind(first).await.map_err(|cause| (first, cause))?;
    let second = at(Ipv6Addr::LOCALHOST.into());
    match TcpListener::bind(second).await {
        Ok(v6) => Ok(Listeners { v4, v6: Some(v6) }),
        // Browsers may ask there first: whoever has it would get what is meant for us.
        Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => Err((second, cause)),
        Err(cause) => {
            tracing::debug!(%cause, "this machine has no IPv6 loopback address");
            Ok(Listeners { v4, v6: None })
        }
    }
}

/// Whether a process of our database has the port: it alone can sign what we make up.
async fn is_ours(app: &App, taken: SocketAddr) -> bool {
    let made_up = AttemptId::generate();
    let Ok(expected) = app.landing_proof(&made_up).await else { return false };
    match timeout(PATIENCE, ask(taken, &made_up)).await {
        Ok(Ok(Some(proof))) => proof == expected,
        _ => false,
    }
}

/// The proof that whoever serves the address answers for an attempt that there is not.
async fn ask(taken: SocketAddr, made_up: &AttemptId) -> io::Result<Option<String>> {
    let mut stream = TcpStream::connect(taken).await?;
    let request =
        format!("GET /connect/{made_up} HTTP/1.1\r\nHost: {taken}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let proof = lines.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(PROOF));
    Ok(proof.map(|(_, value)| value.trim().to_owned()))
}
