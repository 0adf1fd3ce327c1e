//! Keys and signatures that `openssl` made, and a server on loopback that answers what a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is signed by the signatures here.
pub(in crate::plugin) const COMPONENT: &[u8] = b"component";

/// Of [`COMPONENT`] by [`KEY`].
pub(in crate::plugin) const SIGNATURE: &str = "MEUCIFYNXOQsV4NgHlJ9RvYPWNPTQti8gcMQC34x+z4HI9lxAiEA9sZgcnBLheWNomKR7D74nNRVhwzatLZKe6SAFRlzzCg=";
/// Of [`COMPONENT`] by [`OTHER_KEY`].
pub(in crate::plugin) const OTHER_SIGNATURE: &str = "MEUCIQDvIhNIEtQtK5D714dbOKvyVM2ffzLnwDvg3pPRIoOVbQIgK/E7xsgP4MD4O83NS3qCRitz6YXLot/Uvb8v+cNGQkI=";
/// Something in the form of a signature.
pub(in crate::plugin) const DER: &[u8] = &[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01];

pub(in crate::plugin) const KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIZZ7Hb0SIXCP1yUcjGbKCrSngO66\n\
pHmO314GJ+nCjUcJS2o4OVCKMsDKAyYQEmQLCRqFZfy02caXe0le0Sx9Ag==\n\
-----END PUBLIC KEY-----\n\
";
/// Of the DER form, by `sha256sum`.
pub(in crate::plugin) const FINGERPRINT: &str =
    "e3c096b0556bebe8fd35056f3ba289a62fc883e901898673511e57850b3a4e31";
pub(in crate::plugin) const OTHER_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEiQeyMhKclJof5QlL6ayqod/a6Q/5\n\
NI91hhWLccZtM/JkCad0im5HHNZcGzndzzJ3BalWArHVdXIg+ks/zrUPqg==\n\
-----END PUBLIC KEY-----\n\
";
pub(in crate::plugin) const COMPRESSED_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACIZZ7Hb0SIXCP1yUcjGbKCrSngO66\n\
pHmO314GJ+nCjUc=\n\
-----END PUBLIC KEY-----\n\
";
pub(in crate::plugin) const P384_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEefqSe71jd8VA58QnKaD32CWVUWAzINR5\n\
J4UuuqxL6MHH6s9Za8k22bTOMSGdlzrwFzrGIfiJpmQqTZTXxN1VdzlDzuR7rnQ1\n\
jhooWkr3DN6CTzDn6C96+s6dp7YCfxgo\n\
-----END PUBLIC KEY-----\n\
";
pub(in crate::plugin) const ED25519_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MCowBQYDK2VwAyEARBw8+7lT+najgp1fdqmuPend1U/0qnCbLIgmZtW1kZQ=\n\
-----END PUBLIC KEY-----\n\
";
pub(in crate::plugin) const RSA_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsa3443230XbIvQAvspU2\n\
CMv3Q6vvyuzU9Qrgtxcxc4xFLawKkOrTxBGWWMGRIewkWmAiuipRtNtdMwYCPUWP\n\
VmdBLiBZvU873P1iQnHnbedOqwwaGPkkxudWmHX4/kBmDLKcyGFX/+xU2gysXjH/\n\
sRw2vc9kvWm2QFPTBxXJD62xtIRtWy8oEoa4V4fhC3S8RV9VheHy93WfrRuSjP2+\n\
GeXfmHC1hg5tQ72RZhdvFwu+muKtpwvpBvxfeHJEIpNJz4yZKFzwONkz0Ek9QfmQ\n\
OJd++bqK540VmQ69MEsOS0sCl+ifdFidAMUY64TVt8kiFqKIv8tgM26QPi6zNVRM\n\
nQIDAQAB\n\
-----END PUBLIC KEY-----\n\
";

/// Answers requests until it is dropped, each on a connection of its own.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

/// `answer` gets a request as text, and gives the bytes to send; none leave the client waiting.
pub(super) async fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    let answer = Arc::new(answer);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
            tokio::spawn(async move { exchange(stream, &*answer, &seen).await });
        }
    });
    Server {
        address,
        requests,
        task,
    }
}

async fn exchange(
    mut stream: TcpStream,
    answer: &(dyn Fn(&str) -> Vec<u8> + Send + Sync),
    seen: &Mutex<Vec<String>>,
) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
        if request[0] == TLS_HANDSHAKE {
            return;
        }
    }
    let request = String::from_utf8(request).unwrap();
    let bytes = answer(&request);
    seen.lock().unwrap().push(request);
    let _ = stream.write_all(&bytes).await;
    if bytes.is_empty() || bytes.ends_with(STALL) {
        // Until the client gives up.
        let _ = stream.read_u8().await;
    }
}

/// What a client begins with that wants TLS, which this server doesn't know.
const TLS_HANDSHAKE: u8 = 0x16;

/// After these bytes nothing comes, and the connection stays open.
pub(super) const STALL: &[u8] = b"...";

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = header(head, "content-length").and_then(|it| it.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// The value of a header of a request.
pub(super) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The path and query that a request asks for.
pub(super) fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap_or_default()
}

/// An answer with a body, after which the connection ends.
pub(super) fn reply(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Because\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

impl Server {
    /// An address on it.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests that it has answered.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
