//! TLS in front of a backend.

use std::io::Cursor;
use std::sync::Arc;

use tokio::io::{
    AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, copy_bidirectional, duplex, join,
};

use super::{Backend, PIPE, PodAddress};
use crate::tasks::Tasks;
use crate::tls::Server;

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
/// The answer of Go's `net/http` to a request without TLS.
const REFUSAL: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// A backend behind TLS. Other connections get the answer of a Go server, and end.
pub struct Encrypted {
    backend: Arc<dyn Backend>,
    server: Server,
    tasks: Tasks,
}

impl Encrypted {
    pub fn new(backend: Arc<dyn Backend>, server: Server, tasks: Tasks) -> Self {
        Self {
            backend,
            server,
            tasks,
        }
    }
}

impl Backend for Encrypted {
    fn listening(&self) -> bool {
        self.backend.listening()
    }

    fn accept(&self, connection: DuplexStream, pod: &PodAddress) {
        let (near, far) = duplex(PIPE);
        self.backend.accept(far, pod);
        let acceptor = self.server.acceptor().clone();
        self.tasks.spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(connection);
            // Go, too, looks at the first byte: 0x16 begins a handshake.
            match reader.read_u8().await {
                Ok(HANDSHAKE) => {}
                Ok(_) => {
                    let _ = writer.write_all(REFUSAL).await;
                    let _ = writer.shutdown().await;
                    return;
                }
                Err(_) => return,
            }
            let reader = Cursor::new([HANDSHAKE]).chain(reader);
            // The client may have disconnected, or refused the certificate.
            if let Ok(mut encrypted) = acceptor.accept(join(reader, writer)).await {
                let mut near = near;
                let _ = copy_bidirectional(&mut encrypted, &mut near).await;
            }
        });
    }
}
