//! A way to a server that can be closed, as if the server were away. The server keeps what it has.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// How the way is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    /// Connections end at once.
    Closed,
    /// Connections stay, and nothing gets through.
    Silent,
}

/// A server on a loopback port that passes all bytes on to another one.
pub struct Gate {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    now: Mutex<Now>,
    changed: Condvar,
}

struct Now {
    state: State,
    connections: Vec<TcpStream>,
}

impl Gate {
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let now = Now {
            state: State::Open,
            connections: Vec::new(),
        };
        let shared = Arc::new(Shared {
            now: Mutex::new(now),
            changed: Condvar::new(),
        });
        std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for client in listener.incoming().map_while(Result::ok) {
                    shared.connect(&client, server);
                }
            }
        });
        Self { address, shared }
    }

    pub fn set(&self, state: State) {
        let mut now = self.shared.lock();
        now.state = state;
        if state == State::Closed {
            for connection in now.connections.drain(..) {
                // The other side may have closed it already.
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(self: &Arc<Self>, client: &TcpStream, server: SocketAddr) {
        let mut now = self.lock();
        if now.state == State::Closed {
            return;
        }
        let Ok(server) = TcpStream::connect(server) else {
            return;
        };
        now.connections
            .retain(|connection| connection.peer_addr().is_ok());
        for (from, to) in [(client, &server), (&server, client)] {
            let (from, to) = (from.try_clone(), to.try_clone());
            let (from, to) = (from.expect("a connection"), to.expect("a connection"));
            now.connections
                .push(from.try_clone().expect("a connection"));
            let shared = Arc::clone(self);
            std::thread::spawn(move || shared.pass(from, to));
        }
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 16_384];
        loop {
            let count = from.read(&mut bytes).unwrap_or(0);
            let now = self.lock();
            let waiting = self
                .changed
                .wait_while(now, |now| now.state == State::Silent);
            drop(waiting.unwrap_or_else(PoisonError::into_inner));
            if count == 0 || to.write_all(&bytes[..count]).is_err() {
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}
