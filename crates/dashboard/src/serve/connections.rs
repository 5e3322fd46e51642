//! A bound of connections, in which a stranger who sends nothing gives way to whoever comes next.
//!
//! Anybody who reaches the port may open connections. Each costs a file of this process, and a drain in the
//! same process needs files for its calls. So there are no more than a number of them at once. When all
//! are taken, the oldest that has not had an answer yet is closed: half a request costs its sender the
//! connection, and a monitor that asks for `/healthz` meanwhile gets its answer. Where all have had an
//! answer, the new one is closed. What a connection may cost in time is limited by the server itself.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The connections of a server.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Number of the next connection: in the order in which they came.
    next: u64,
    by_number: BTreeMap<u64, Known>,
}

#[derive(Debug)]
struct Known {
    /// Whether something was sent to the other end.
    answered: Arc<AtomicBool>,
    close: CancellationToken,
}

/// A connection's place among the others, given back when it is dropped.
#[derive(Debug)]
struct Place {
    number: u64,
    connections: Arc<Connections>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.by_number.remove(&self.number);
    }
}

impl Connections {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            open: Mutex::default(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection, for which another may be closed; none where all are in use.
    fn take(self: &Arc<Self>) -> Option<(Place, Arc<AtomicBool>, CancellationToken)> {
        let mut open = self.lock();
        if open.by_number.len() >= self.most {
            let is_unanswered = |known: &Known| {
                !known.answered.load(Ordering::Relaxed) && !known.close.is_cancelled()
            };
            let oldest = open
                .by_number
                .iter()
                .find(|(_, known)| is_unanswered(known))
                .map(|(number, _)| *number)?;
            // Its task ends with it a moment later; its place is free now.
            if let Some(known) = open.by_number.remove(&oldest) {
                known.close.cancel();
            }
        }
        let number = open.next;
        open.next += 1;
        let (answered, close) = (Arc::default(), CancellationToken::new());
        let known = Known {
            answered: Arc::clone(&answered),
            close: close.clone(),
        };
        open.by_number.insert(number, known);
        drop(open);
        let place = Place {
            number,
            connections: Arc::clone(self),
        };
        Some((place, answered, close))
    }
}

/// Accepts connections as another acceptor does, within a bound.
#[derive(Clone)]
pub(crate) struct Bounded<A> {
    inner: A,
    connections: Arc<Connections>,
}

impl<A> Bounded<A> {
    pub(crate) const fn new(inner: A, connections: Arc<Connections>) -> Self {
        Self { inner, connections }
    }
}

type Accepting<S, T> = Pin<Box<dyn Future<Output = io::Result<(Tracked<S>, T)>> + Send>>;

impl<A, I, S> Accept<I, S> for Bounded<A>
where
    A: Accept<I, S>,
    A::Stream: Send + 'static,
    A::Service: Send + 'static,
    A::Future: Send + 'static,
{
    type Stream = Tracked<A::Stream>;
    type Service = A::Service;
    type Future = Accepting<A::Stream, A::Service>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let Some((place, answered, close)) = self.connections.take() else {
            return Box::pin(async { Err(gave_way()) });
        };
        // The handshake of TLS is part of it: who does not finish one has had no answer.
        let accepting = self.inner.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = tokio::select! {
                accepted = accepting => accepted?,
                () = close.cancelled() => return Err(gave_way()),
            };
            let tracked = Tracked {
                stream,
                answered,
                closed: Box::pin(close.cancelled_owned()),
                _place: place,
            };
            Ok((tracked, service))
        })
    }
}

fn gave_way() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the connection gave way to others",
    )
}

/// A connection that is counted, and can be closed from outside while it has had no answer.
pub(crate) struct Tracked<S> {
    stream: S,
    answered: Arc<AtomicBool>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    _place: Place,
}

impl<S: AsyncRead + Unpin> AsyncRead for Tracked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.answered.load(Ordering::Relaxed) && self.closed.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(gave_way()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tracked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answered.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.answered.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_connection_gives_way() {
        let connections = Connections::new(2);
        let (_first, answered, first_closes) = connections.take().unwrap();
        answered.store(true, Ordering::Relaxed);
        let (_second, _, second_closes) = connections.take().unwrap();
        let (_third, third_answered, _) = connections.take().unwrap();
        assert!(second_closes.is_cancelled(), "the silent one gives way");
        assert!(!first_closes.is_cancelled(), "the served one stays");
        third_answered.store(true, Ordering::Relaxed);
        assert!(connections.take().is_none(), "all have had answers");
    }

    #[test]
    fn a_connection_that_ends_leaves_room() {
        let connections = Connections::new(1);
        let (first, answered, _) = connections.take().unwrap();
        answered.store(true, Ordering::Relaxed);
        assert!(connections.take().is_none());
        drop(first);
        assert!(connections.take().is_some());
    }
}
