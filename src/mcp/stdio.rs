//! The server over standard input and output: what desktop assistants launch.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use anyhow::Context as _;
use rmcp::{ServiceExt, service::ServerInitializeError, transport::io::stdio_pipes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Door, Importers};
use crate::{app::App, ids::OwnerId};

/// Serves one client until it closes standard input or the process is asked to end (SIGTERM, SIGINT). Calls that wait
/// for a run stop it at its page; runs in the background are left to [`App::close`], which is the caller's to call.
///
/// Where standard input is no pipe, a read of it may still be pending on a thread when this returns: shut the runtime
/// down without waiting for it.
///
/// # Errors
/// When the client does not speak the protocol, or the process cannot listen to signals.
pub async fn serve_stdio(app: App, owner: OwnerId) -> anyhow::Result<()> {
    let closing = CancellationToken::new();
    let asked_to_end = signals()?;
    let server = Importers::new(app, Door::Stdio(owner), closing.clone(), rand::random())?;
    let (reader, writer) = stdio_pipes();
    let reader = Watched { reader, at_end: Some(closing.clone().drop_guard()) };
    let stop = CancellationToken::new();
    let serving = serve(server, (reader, writer), stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => ended,
        () = asked_to_end => {
            closing.cancel();
            stop.cancel();
            serving.await
        }
    }
}

async fn serve<R, W>(
    server: Importers,
    transport: (R, W),
    stop: CancellationToken,
) -> anyhow::Result<()>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let running = match server.serve_with_ct(transport, stop).await {
        Ok(running) => running,
        // Whoever closes the connection before it is open wants nothing.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => {
            return Ok(());
        }
        // The error's own text would repeat the whole message.
        Err(ServerInitializeError::ExpectedInitializeRequest(_)) => {
            anyhow::bail!(
                "the client's first message is neither initialize nor a request of protocol 2026-07-28"
            )
        }
        Err(error) => return Err(error).context("the client could not be served"),
    };
    running.waiting().await.context("the server was cut off")?;
    Ok(())
}

/// A reader that says when its end is reached, or when it is dropped: the library goes on answering what was asked
/// before, and only then lets go of it.
struct Watched<R> {
    reader: R,
    at_end: Option<DropGuard>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.reader).poll_read(cx, buf);
        let ended = match &polled {
            Poll::Ready(Ok(())) => buf.filled().len() == before && buf.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended {
            drop(self.at_end.take());
        }
        polled
    }
}

/// Completes when the process is asked to end.
#[cfg(unix)]
fn signals() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Completes when the process is asked to end.
#[cfg(not(unix))]
fn signals() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c().context("cannot listen to Ctrl-C")?;
    Ok(async move {
        interrupt.recv().await;
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn the_end_of_the_input_is_told_only_when_it_is_reached() {
        let token = CancellationToken::new();
        let mut reader =
            Watched { reader: &b"two\nlines\n"[..], at_end: Some(token.clone().drop_guard()) };
        let mut some = [0; 4];
        reader.read_exact(&mut some).await.unwrap();
        assert!(!token.is_cancelled());
        reader.read_to_end(&mut Vec::new()).await.unwrap();
        assert!(token.is_cancelled());
    }
}
