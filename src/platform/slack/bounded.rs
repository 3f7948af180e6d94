//! Connections that limit the length of answers.
//!
//! The SDK reads each answer into memory to its end, however long it is, and offers no limit. So the connection itself
//! counts: if the answer between two requests (with its head) is too long, the connection fails. HTTP/1 sends one
//! request after another, so each write starts a new count.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

/// Makes connections with limited answers.
#[derive(Clone, Debug)]
pub(super) struct Bounded<C> {
    inner: C,
    most_bytes: usize,
}

/// A connection with limited answers.
#[derive(Debug)]
pub(super) struct Counted<S> {
    inner: S,
    most_bytes: usize,
    read_bytes: usize,
}

impl<C> Bounded<C> {
    /// Wraps the connections of `inner`, with at most `most_bytes` per answer.
    pub(super) const fn new(inner: C, most_bytes: usize) -> Self {
        Self { inner, most_bytes }
    }
}

impl<C> Service<Uri> for Bounded<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = TokioIo<Counted<TokioIo<C::Response>>>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, most_bytes) = (self.inner.call(to), self.most_bytes);
        Box::pin(async move {
            let inner = TokioIo::new(connecting.await?);
            Ok(TokioIo::new(Counted { inner, most_bytes, read_bytes: 0 }))
        })
    }
}

impl<S: Connection> Connection for Counted<S> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, into))?;
        self.read_bytes += into.filled().len() - before;
        if self.read_bytes > self.most_bytes {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is too long")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.read_bytes = 0;
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn an_answer_may_be_so_long_and_the_next_one_again() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Counted { inner: near, most_bytes: 10, read_bytes: 0 };
        let mut answer = [0; 10];
        for _ in 0..3 {
            near.write_all(b"ask").await.expect("it is written");
            far.write_all(&[b'x'; 10]).await.expect("it is answered");
            near.read_exact(&mut answer).await.expect("it is short enough");
        }
        far.write_all(b"x").await.expect("it is answered");
        let error = near.read_exact(&mut [0; 1]).await.expect_err("it is too long");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
