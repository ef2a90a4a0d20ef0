//! The listener: one handler for all vendors' addresses, on a runtime of its own.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, TryLockError,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State, connect_info::Connected},
    http::Response,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::oneshot,
};

use super::{
    Answer, Fault, Seat, Shared, Vendor, auth,
    exchange::Ask,
    faults::{changed, throttled},
    lock,
};

/// Longer than any test has a reason to hold a vendor's data.
const LOCKED_TRIES: u32 = 10_000;

/// A vendor's account that answers requests which its owner may make.
pub trait Service: Send + 'static {
    /// Whose it is.
    const VENDOR: Vendor;
    /// The answer to an authorised request.
    fn answer(&mut self, ask: &Ask) -> Answer;
    /// Who gave the grant, for the token endpoint's answers.
    fn owner(&self) -> Owner;
}

/// Who an account belongs to.
pub struct Owner {
    /// The user's id.
    pub id: String,
    /// The user's name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Id and name of the workspace, where the token names it.
    pub team: (String, String),
}

/// Serves until `stopped` is sent or its sender is dropped.
pub async fn start(shared: Arc<Shared>, stopped: oneshot::Receiver<()>) -> io::Result<SocketAddr> {
    let (ready, bound) = oneshot::channel();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    std::thread::Builder::new().name("sandbox".into()).spawn(move || {
        runtime.block_on(async {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await {
                Err(error) => drop(ready.send(Err(error))),
                Ok(listener) => {
                    let _ = ready.send(listener.local_addr());
                    let app = Router::new().fallback(handle).with_state(shared);
                    let app = app.into_make_service_with_connect_info::<Scissors>();
                    tokio::select! {
                        _ = axum::serve(Doors(listener), app) => {}
                        _ = stopped => {}
                    }
                }
            }
        });
        // Requests at a gate would be waited for otherwise.
        runtime.shutdown_background();
    })?;
    bound.await.map_err(io::Error::other)?
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response<Body> {
    let ask = Ask::read(request).await;
    let entry = shared.log.enter(&ask);
    let faults = shared.faults.meet(&ask);
    for fault in &faults {
        match fault {
            Fault::Delay(latency) => tokio::time::sleep(*latency).await,
            Fault::Hold(gate) => gate.pass().await,
            _ => {}
        }
    }
    if faults.iter().any(|fault| matches!(fault, Fault::Close)) {
        scissors.leave(0);
        return Answer::text(200, "").into_response();
    }
    let vendor = Vendor::of(&ask.provider);
    let instead = faults.iter().find_map(|fault| match fault {
        Fault::Instead(answer) => Some(answer.clone()),
        Fault::Throttled(seconds) => Some(throttled(vendor, *seconds)),
        _ => None,
    });
    let answer = match instead {
        Some(answer) => answer,
        None => when_free(&shared, &ask, vendor).await,
    };
    let mut answer = faults.iter().fold(answer, |answer, fault| changed(fault, &ask, answer));
    for fault in &faults {
        if let Fault::CutAfter(bytes) = fault {
            scissors.leave(*bytes);
            // What is left of the bytes is for no later answer.
            answer = answer.header("connection", "close");
        }
    }
    entry.answered(answer.status);
    answer.into_response()
}

/// The vendor's answer once no test holds its data. One that does so while it waits for the answer would wait for ever.
async fn when_free(shared: &Shared, ask: &Ask, vendor: Option<Vendor>) -> Answer {
    for attempt in 0..LOCKED_TRIES {
        if is_free(shared, vendor) {
            return route(shared, ask, vendor);
        }
        // Mostly it is another request that holds it, for microseconds.
        if attempt < 200 {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    Answer::text(
        500,
        "the sandbox's data is held: let go of its guard before you wait for an answer",
    )
}

fn is_free(shared: &Shared, vendor: Option<Vendor>) -> bool {
    fn all<T>(seats: &[Seat<T>]) -> bool {
        let held = |seat: &Seat<T>| {
            matches!(seat.data.try_lock(), Err(TryLockError::WouldBlock))
                || matches!(seat.grant.try_lock(), Err(TryLockError::WouldBlock))
        };
        !seats.iter().any(held)
    }
    match vendor {
        Some(Vendor::Gmail) => all(&shared.gmail),
        Some(Vendor::Asana) => all(&shared.asana),
        Some(Vendor::Slack) => all(&shared.slack),
        None => true,
    }
}

fn route(shared: &Shared, ask: &Ask, vendor: Option<Vendor>) -> Answer {
    match vendor {
        Some(Vendor::Gmail) => serve(&shared.gmail, shared, ask),
        Some(Vendor::Asana) => serve(&shared.asana, shared, ask),
        Some(Vendor::Slack) => serve(&shared.slack, shared, ask),
        None => Answer::no_such_page(),
    }
}

fn serve<T: Service>(seats: &[Seat<T>], shared: &Shared, ask: &Ask) -> Answer {
    let client = lock(&shared.clients)
        .iter()
        .find(|(vendor, ..)| *vendor == T::VENDOR)
        .map(|(_, id, secret)| (id.clone(), secret.clone()));
    if let Some(answer) = auth::endpoint(seats, ask, client.as_ref()) {
        return answer;
    }
    let Some(token) = &ask.bearer else { return auth::refusal(T::VENDOR, auth::Standing::Absent) };
    for seat in seats {
        let standing = lock(&seat.grant).admit(token);
        match standing {
            auth::Standing::Unknown => {}
            auth::Standing::Good => return lock(&seat.data).answer(ask),
            refused => return auth::refusal(T::VENDOR, refused),
        }
    }
    auth::refusal(T::VENDOR, auth::Standing::Unknown)
}

/// Accepts connections that can be cut.
struct Doors(TcpListener);

impl Listener for Doors {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) => {
                    // Small answers would wait for the caller's delayed acknowledgement.
                    let _ = stream.set_nodelay(true);
                    return (Wire { stream, scissors: Scissors::default() }, address);
                }
                // Out of file descriptors: the next one may do better.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// How much may still be written to one connection.
#[derive(Clone)]
struct Scissors(Arc<AtomicI64>);

impl Default for Scissors {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MAX)))
    }
}

impl Scissors {
    fn leave(&self, bytes: u64) {
        self.0.store(bytes.try_into().unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, Doors>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Doors>) -> Self {
        stream.io().scissors.clone()
    }
}

struct Wire {
    stream: TcpStream,
    scissors: Scissors,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.scissors.0.load(Ordering::SeqCst);
        if left == i64::MAX {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        if left <= 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let most = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let written =
            Pin::new(&mut self.stream).poll_write(context, bytes.get(..most).unwrap_or(bytes));
        if let Poll::Ready(Ok(count)) = &written {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.scissors.0.fetch_sub(count, Ordering::SeqCst);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
