//! A network that can fail without a word.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// Passes connections on to a server, until it is cut: then they stay open, and nothing more comes
/// through them, as where a machine or a firewall went away. Ends with the test's process.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    line: Arc<Mutex<Line>>,
}

#[derive(Debug)]
struct Line {
    /// Where new connections lead; nowhere while it is cut.
    target: Option<u16>,
    /// Connections of an earlier number are dead.
    number: u64,
}

impl Proxy {
    /// Starts one before the server that listens on this port of the machine.
    #[must_use]
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = Arc::new(Mutex::new(Line {
            target: Some(target),
            number: 0,
        }));
        let shared = Arc::clone(&line);
        std::thread::spawn(move || accept(&listener, &shared));
        Self { port, line }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Nothing comes through any more, and nobody is told.
    pub fn cut(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.target = None;
        line.number += 1;
    }

    /// New connections lead to the server on this port; those of before stay dead.
    pub fn mend(&self, target: u16) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.target = Some(target);
    }
}

fn accept(listener: &TcpListener, line: &Arc<Mutex<Line>>) {
    // Connections that came while the line was cut: they stay open for ever.
    let mut dead = Vec::new();
    for client in listener.incoming() {
        let Ok(client) = client else { return };
        let (target, number) = {
            let line = line.lock().unwrap_or_else(PoisonError::into_inner);
            (line.target, line.number)
        };
        let Some(target) = target else {
            dead.push(client);
            continue;
        };
        let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
            continue;
        };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let there = (client.try_clone().unwrap(), server.try_clone().unwrap());
        for (from, to) in [there, (server, client)] {
            let line = Arc::clone(line);
            std::thread::spawn(move || pass(from, to, &line, number));
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, line: &Mutex<Line>, number: u64) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer);
        let is_dead = {
            let line = line.lock().unwrap_or_else(PoisonError::into_inner);
            line.number != number
        };
        if is_dead {
            // What the other end says or ends is not heard.
            std::mem::forget((from, to));
            return;
        }
        let Ok(length @ 1..) = read else { break };
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
