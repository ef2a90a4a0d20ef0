//! The real program as a server over HTTP, and the bytes of its answers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is not as it must be"
)]

use std::fmt::Write as _;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::server::{PATIENCE, Program, Running, until};

/// A server that answers.
pub struct Hosted {
    pub running: Running,
    pub port: u16,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ str| {
            line.split_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        let line = self.head.lines().find(|line| of(line))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }
}

/// A port that nobody has just now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Hosted {
    /// Starts one, and waits until it answers.
    pub async fn start(program: &Program) -> Self {
        Self::start_at(program, free_port()).await
    }

    /// Starts one at a port of this machine.
    pub async fn start_at(program: &Program, port: u16) -> Self {
        Self::start_as(program, &format!("127.0.0.1:{port}")).await
    }

    /// Starts one that listens at this address.
    pub async fn start_as(program: &Program, address: &str) -> Self {
        let running = program.start(&["serve", "--http", address]);
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let connects = async || TcpStream::connect(("127.0.0.1", port)).await.is_ok();
        until("the server answers", connects).await;
        let hosted = Self { running, port };
        assert_eq!(hosted.get("/healthz", &[]).await.status, 200);
        hosted
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, None).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send("POST", path, headers, Some(body)).await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            let _ = write!(request, "host: 127.0.0.1:{}\r\n", self.port);
        }
        for (name, value) in headers {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        if let Some(body) = body {
            let _ = write!(request, "content-length: {}\r\n", body.len());
        }
        request += "connection: close\r\n\r\n";
        request += body.unwrap_or_default();
        self.raw(request.as_bytes()).await
    }

    /// Sends these bytes and no more, and reads one answer.
    pub async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        answer(&mut stream).await
    }

    /// A connection.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Asks it to stop, and waits for its end.
    pub async fn stop(self) -> crate::server::Ran {
        self.running.signal(rustix::process::Signal::TERM);
        self.running.ended().await
    }
}

/// Reads one answer.
pub async fn answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    loop {
        if let Some(answer) = whole(&bytes) {
            return answer;
        }
        let read = timeout(PATIENCE, stream.read_buf(&mut bytes)).await;
        let read = read.expect("no answer comes").unwrap();
        if read == 0 {
            return whole(&bytes)
                .unwrap_or_else(|| panic!("half an answer: {}", String::from_utf8_lossy(&bytes)));
        }
    }
}

/// The answer, once all of it is there.
fn whole(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
    let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    let ended = match length {
        Some(length) => body.len() >= length,
        None => body.ends_with("0\r\n\r\n"),
    };
    ended.then_some(answer)
}
