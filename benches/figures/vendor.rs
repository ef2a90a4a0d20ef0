//! A vendor on loopback that is never the bottleneck: every answer lies in memory, head and body together, before the clock
//! starts; reading a request is finding the end of its head.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use url::Url;

/// An answer as it goes over the wire.
pub type Answer = Arc<[u8]>;

/// What a vendor has.
pub trait World: Send + Sync + 'static {
    /// The answer to a request for this path, `host/path`, with these parameters; none is a 404.
    fn answer(&self, path: &str, query: &Query<'_>) -> Option<Answer>;
}

/// The parameters of a request, as they were sent. What the worlds look at is plain: nothing has to be decoded.
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// A parameter's value.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// An answer of this status with a JSON body.
pub fn prepared(status: &str, body: &str) -> Answer {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat().into()
}

/// How the vendor behaves beside answering.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// How long each answer takes.
    pub latency: Duration,
    /// Every so many requests one is refused with 429, and asked to come again after this many whole seconds.
    pub throttle: Option<(u64, u64)>,
}

/// A 429: how long was asked to wait, and how long nothing came.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    /// What `Retry-After` said.
    pub asked: Duration,
    /// From the refusal to the next request.
    pub kept: Duration,
}

#[derive(Default)]
struct Seen {
    manner: Manner,
    requests: u64,
    open: u64,
    most_open: u64,
    refused: Option<(Instant, Duration)>,
    pauses: Vec<Pause>,
}

struct Inner {
    provider: &'static str,
    world: Arc<dyn World>,
    seen: Mutex<Seen>,
    bytes: AtomicU64,
}

/// A vendor that listens. Its threads end with the process.
#[derive(Clone)]
pub struct Vendor {
    inner: Arc<Inner>,
    port: u16,
}

/// What a vendor saw since it was last asked.
#[derive(Debug, Default)]
pub struct Told {
    /// Requests, refused ones included.
    pub requests: u64,
    /// Most of them that were open at once.
    pub most_open: u64,
    /// How 429s were taken.
    pub pauses: Vec<Pause>,
    /// Bytes of all answers.
    pub bytes: u64,
}

impl Vendor {
    /// Opens a vendor at a free port of loopback, on a thread of its own.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn open(provider: &'static str, world: Arc<dyn World>) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (seen, bytes) = (Mutex::default(), AtomicU64::new(0));
        let inner = Arc::new(Inner { provider, world, seen, bytes });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let of = Arc::clone(&inner);
        std::thread::spawn(move || runtime.block_on(listen(listener, of)));
        Ok(Self { inner, port })
    }

    /// Where calls to vendors are to go instead (`NEOTOMA_EGRESS_OVERRIDE`).
    ///
    /// # Errors
    /// Never: the address is one.
    pub fn url(&self) -> anyhow::Result<Url> {
        Ok(Url::parse(&format!("http://127.0.0.1:{}/", self.port))?)
    }

    /// The address at which a call to `host/path` arrives.
    pub fn address(&self, of: &str) -> String {
        format!("http://127.0.0.1:{}/{}/{of}", self.port, self.inner.provider)
    }

    /// Changes its manner, and forgets what it saw.
    pub fn behave(&self, manner: Manner) {
        *self.inner.seen() = Seen { manner, ..Seen::default() };
        self.inner.bytes.store(0, Ordering::Relaxed);
    }

    /// What it saw since it was last told how to behave.
    pub fn told(&self) -> Told {
        let seen = self.inner.seen();
        Told {
            requests: seen.requests,
            most_open: seen.most_open,
            pauses: seen.pauses.clone(),
            bytes: self.inner.bytes.load(Ordering::Relaxed),
        }
    }
}

impl Inner {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request; says how long its answer takes, and after how many seconds it may come again where it is refused.
    fn arrived(&self) -> (Duration, Option<u64>) {
        let mut seen = self.seen();
        seen.requests += 1;
        seen.open += 1;
        seen.most_open = seen.most_open.max(seen.open);
        if let Some((at, asked)) = seen.refused.take() {
            seen.pauses.push(Pause { asked, kept: at.elapsed() });
        }
        let due = seen.manner.throttle.filter(|(every, _)| seen.requests.is_multiple_of(*every));
        (seen.manner.latency, due.map(|(_, seconds)| seconds))
    }

    fn answered(&self, refused: Option<u64>, bytes: usize) {
        let mut seen = self.seen();
        seen.open -= 1;
        if let Some(seconds) = refused {
            seen.refused = Some((Instant::now(), Duration::from_secs(seconds)));
        }
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

async fn listen(listener: std::net::TcpListener, of: Arc<Inner>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let of = Arc::clone(&of);
        // A client that hangs up, as one does that is killed, ends its connection and nothing else.
        tokio::spawn(async move { serve(stream, &of).await });
    }
}

/// One connection: requests without a body, one after another.
async fn serve(mut stream: TcpStream, of: &Inner) -> io::Result<()> {
    let mut read = Vec::with_capacity(8 << 10);
    loop {
        let end = loop {
            if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let line = read.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let target = std::str::from_utf8(line).ok().and_then(|line| line.split(' ').nth(1));
        let (path, query) = target.map_or(("", ""), |to| to.split_once('?').unwrap_or((to, "")));
        let path = path.strip_prefix('/').and_then(|path| path.strip_prefix(of.provider));
        let path = path.and_then(|path| path.strip_prefix('/')).unwrap_or_default();
        let (latency, refused) = of.arrived();
        let answer = match refused {
            Some(seconds) => Some(throttled(seconds)),
            None => of.world.answer(path, &Query(query)),
        };
        let answer = answer.unwrap_or_else(|| prepared("404 Not Found", "{}"));
        read.drain(..end);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        of.answered(refused, answer.len());
        stream.write_all(&answer).await?;
    }
}

fn throttled(seconds: u64) -> Answer {
    let head = format!(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: {seconds}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    head.into_bytes().into()
}
