//! An established port-forward: frames of the websocket to and from the pod's ports.
//!
//! Port number `i` of the request has two channels, `2i` for data and `2i + 1` for errors. The first byte of
//! each message is its channel. The first message of each channel is the port in two bytes, little-endian
//! (`handleWebSocketStreams` of the kubelet).

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::future::try_join_all;
use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::upgrade::Socket;
use crate::faults::tunnel::TunnelFaults;

/// Maximum number of bytes of a pod's data in one message: the kubelet's buffer has 32 KiB.
const CHUNK: usize = 32 * 1024;
/// Number of messages that may wait for a slow client.
const QUEUE: usize = 4;
/// The channel on which `v5.channel.k8s.io` reports that a channel is closed.
const CLOSE_CHANNEL: u8 = 255;

/// One port of a tunnel: its stream, or the kubelet's error.
pub struct PortStream {
    pub port: u16,
    pub connection: Result<DuplexStream, String>,
}

pub struct Tunnel {
    pub streams: Vec<PortStream>,
    pub close_signals: bool,
    pub faults: TunnelFaults,
}

/// One message to the client.
struct Frame {
    /// The channel and the content.
    message: Bytes,
    /// Whether the message carries data of the pod.
    counts: bool,
}

impl Frame {
    fn control(channel: u8, content: &[u8]) -> Self {
        let mut message = BytesMut::with_capacity(content.len() + 1);
        message.put_u8(channel);
        message.put_slice(content);
        Self {
            message: message.freeze(),
            counts: false,
        }
    }
}

/// The reason for ending the tunnel without a close frame.
struct Cut;

impl Tunnel {
    pub async fn run(self, connection: Upgraded) {
        let io = TokioIo::new(connection);
        let socket: Socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        let (mut sink, stream) = socket.split();
        let (frames, mut queue) = mpsc::channel(QUEUE);

        let mut writers = Vec::new();
        let mut readers = Vec::new();
        for (index, port) in self.streams.into_iter().enumerate() {
            // The query that named the ports is too short for 127 of them.
            let data = u8::try_from(index * 2).unwrap_or(CLOSE_CHANNEL - 1);
            let (reader, writer) = match port.connection {
                Ok(connection) => {
                    let (reader, writer) = tokio::io::split(connection);
                    (Ok(reader), Some(writer))
                }
                Err(refusal) => (Err(refusal), None),
            };
            writers.push(writer);
            readers.push(PortReader {
                port: port.port,
                data,
                reader,
                frames: frames.clone(),
                late_end: self.faults.late_end,
                close_signals: self.close_signals,
            });
        }
        drop(frames);

        let cut_after = self.faults.cut_after;
        let outgoing = async {
            let mut left = cut_after.unwrap_or(u64::MAX);
            while let Some(frame) = queue.recv().await {
                let mut message = frame.message;
                if frame.counts {
                    let length = message.len() as u64 - 1;
                    if length >= left {
                        // `left` is at most the length of a message in memory.
                        message.truncate(usize::try_from(left).unwrap_or(0) + 1);
                        let _ = sink.send(Message::Binary(message)).await;
                        return Err(Cut);
                    }
                    left -= length;
                }
                sink.send(Message::Binary(message)).await.map_err(|_| Cut)?;
            }
            let _ = sink.close().await;
            Ok(())
        };
        let from_pod = async {
            let reading = try_join_all(readers.into_iter().map(PortReader::run));
            tokio::try_join!(outgoing, reading)
        };
        tokio::select! {
            _ = from_pod => {}
            () = to_pod(stream, writers) => {}
        }
    }
}

/// Passes the client's messages to the ports until the client disconnects.
async fn to_pod(
    mut stream: SplitStream<Socket>,
    mut writers: Vec<Option<WriteHalf<DuplexStream>>>,
) {
    while let Some(Ok(message)) = stream.next().await {
        match message {
            Message::Binary(frame) => deliver(&frame, &mut writers).await,
            Message::Close(_) => return,
            _ => {}
        }
    }
}

async fn deliver(frame: &Bytes, writers: &mut [Option<WriteHalf<DuplexStream>>]) {
    match frame[..] {
        [CLOSE_CHANNEL, channel] if channel % 2 == 0 => {
            let place = writers.get_mut(usize::from(channel) / 2);
            if let Some(mut writer) = place.and_then(Option::take) {
                let _ = writer.shutdown().await;
            }
        }
        // Clients send nothing on error channels.
        [channel, ref data @ ..] if channel % 2 == 0 => {
            let place = writers.get_mut(usize::from(channel) / 2);
            // A pod that has closed its end doesn't end the tunnel: its last data may still be on the way.
            if let Some(Some(writer)) = place {
                let _ = writer.write_all(data).await;
            }
        }
        _ => {}
    }
}

struct PortReader {
    port: u16,
    data: u8,
    reader: Result<ReadHalf<DuplexStream>, String>,
    frames: mpsc::Sender<Frame>,
    late_end: std::time::Duration,
    close_signals: bool,
}

impl PortReader {
    async fn run(mut self) -> Result<(), Cut> {
        let error = self.data + 1;
        let port = self.port.to_le_bytes();
        self.send(Frame::control(self.data, &port)).await?;
        self.send(Frame::control(error, &port)).await?;
        match self.reader {
            Ok(ref mut reader) => forward(self.data, reader, &self.frames).await?,
            Err(ref refusal) => self.send(Frame::control(error, refusal.as_bytes())).await?,
        }
        tokio::time::sleep(self.late_end).await;
        if self.close_signals {
            for channel in [self.data, error] {
                self.send(Frame::control(CLOSE_CHANNEL, &[channel])).await?;
            }
        }
        Ok(())
    }

    async fn send(&self, frame: Frame) -> Result<(), Cut> {
        self.frames.send(frame).await.map_err(|_| Cut)
    }
}

/// Forwards the data of a port until the port closes.
async fn forward(
    channel: u8,
    reader: &mut ReadHalf<DuplexStream>,
    frames: &mpsc::Sender<Frame>,
) -> Result<(), Cut> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK + 1);
        buffer.put_u8(channel);
        // The only error of an in-memory stream is its end.
        let read = reader.read_buf(&mut (&mut buffer).limit(CHUNK)).await;
        if read.unwrap_or(0) == 0 {
            return Ok(());
        }
        let message = buffer.split().freeze();
        let frame = Frame {
            message,
            counts: true,
        };
        frames.send(frame).await.map_err(|_| Cut)?;
    }
}
