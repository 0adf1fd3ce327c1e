//! The port-forward upgrade behaves like that of a real kubelet.

use bytes::Bytes;
use futures_util::SinkExt;
use http::StatusCode;
use testbed::Testbed;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Socket, bed, fault, forward, next};

const POD: &str = "messaging/pods/broker-0/portforward";
const V4: &str = "v4.channel.k8s.io";
const REQUEST: &[u8] = b"\0GET /v1/backup/list HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

async fn sidecar(bed: &Testbed, protocols: &str) -> (Socket, Option<String>) {
    forward(bed, &format!("{POD}?ports=8085"), protocols)
        .await
        .unwrap()
}

/// Returns every message up to the end, by channel, and whether the socket was closed properly.
async fn drain(socket: &mut Socket) -> (Vec<u8>, Vec<u8>, bool) {
    let (mut data, mut errors) = (Vec::new(), Vec::new());
    while let Some(frame) = next(socket).await {
        let Ok(frame) = frame else {
            return (data, errors, false);
        };
        match frame[0] {
            0 => data.extend_from_slice(&frame[1..]),
            1 => errors.extend_from_slice(&frame[1..]),
            _ => {}
        }
    }
    (data, errors, true)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_channel_begins_with_its_port_and_data_flows_both_ways() {
    let bed = bed().await;
    let (mut socket, protocol) = sidecar(&bed, "v5.channel.k8s.io, v4.channel.k8s.io").await;
    // Kubelets do not support v5 for port-forwards.
    assert_eq!(protocol.as_deref(), Some(V4));
    let port = 8085_u16.to_le_bytes();
    for channel in 0..2 {
        let frame = next(&mut socket).await.unwrap().unwrap();
        assert_eq!(frame[..], [channel, port[0], port[1]]);
    }
    socket
        .send(Message::Binary(Bytes::from_static(REQUEST)))
        .await
        .unwrap();
    let (data, errors, proper) = drain(&mut socket).await;
    assert!(data.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(errors.is_empty() && proper);
    let seen = bed.backend_requests().all();
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, "/v1/backup/list"));
}

#[tokio::test(flavor = "multi_thread")]
async fn v5_adds_the_signal_that_a_channel_is_closed() {
    let bed = bed().await;
    fault(&bed, "tunnel-v5");
    let (mut socket, protocol) = sidecar(&bed, "v5.channel.k8s.io, v4.channel.k8s.io").await;
    assert_eq!(protocol.as_deref(), Some("v5.channel.k8s.io"));
    socket
        .send(Message::Binary(Bytes::from_static(REQUEST)))
        .await
        .unwrap();
    let mut closed = Vec::new();
    while let Some(frame) = next(&mut socket).await {
        let frame = frame.unwrap();
        if frame[0] == 255 {
            closed.push(frame[1]);
        }
    }
    assert_eq!(closed, [0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_ports_share_a_tunnel() {
    let bed = bed().await;
    let target = format!("{POD}?ports=8085,8081&ports=9999");
    let (mut socket, _) = forward(&bed, &target, V4).await.unwrap();
    let mut ports = std::collections::BTreeMap::new();
    while ports.len() < 6 {
        let frame = next(&mut socket).await.unwrap().unwrap();
        ports
            .entry(frame[0])
            .or_insert(u16::from_le_bytes([frame[1], frame[2]]));
    }
    let ports: Vec<(u8, u16)> = ports.into_iter().collect();
    assert_eq!(
        ports,
        [
            (0, 8085),
            (1, 8085),
            (2, 8081),
            (3, 8081),
            (4, 9999),
            (5, 9999)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_port_is_told_on_the_error_channel_only() {
    let bed = bed().await;
    fault(&bed, "port-closed=8085");
    let (mut socket, _) = sidecar(&bed, V4).await;
    // The first write succeeds.
    socket
        .send(Message::Binary(Bytes::from_static(REQUEST)))
        .await
        .unwrap();
    let (data, errors, proper) = drain(&mut socket).await;
    assert_eq!(data, 8085_u16.to_le_bytes());
    let words = String::from_utf8_lossy(&errors[2..]).into_owned();
    assert!(
        words.starts_with("error forwarding port 8085 to pod "),
        "{words}"
    );
    assert!(
        words.contains("IPv4: dial tcp4 127.0.0.1:8085: connect: connection refused"),
        "{words}"
    );
    assert!(proper);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_not_running_refuses_connections() {
    let bed = bed().await;
    for (target, refused) in [
        ("notready/pods/broker-0/portforward?ports=8081", true),
        ("notready/pods/broker-0/portforward?ports=8085", false),
        ("nosidecar/pods/broker-0/portforward?ports=8085", true),
    ] {
        let (mut socket, _) = forward(&bed, target, V4).await.unwrap();
        socket
            .send(Message::Binary(Bytes::from_static(REQUEST)))
            .await
            .unwrap();
        let (_, errors, _) = drain(&mut socket).await;
        assert_eq!(errors.len() > 2, refused, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_forwarded_is_refused_before_the_upgrade() {
    let bed = bed().await;
    for (target, status, words) in [
        (
            "messaging/pods/nope/portforward?ports=1",
            404,
            "pods \\\"nope\\\" not found",
        ),
        (
            "notready/pods/broker-1/portforward?ports=1",
            400,
            "pod broker-1 does not have a host assigned",
        ),
        (
            "messaging/pods/broker-0/portforward?ports=0",
            400,
            "must be > 0",
        ),
        (
            "messaging/pods/broker-0/portforward",
            400,
            "query parameter \"port\" is required",
        ),
    ] {
        let (got, body) = forward(&bed, target, V4).await.unwrap_err();
        assert_eq!(got.as_u16(), status, "{target}: {body}");
        assert!(body.contains(words), "{target}: {body}");
    }
    let target = format!("{POD}?ports=8085");
    let (status, _) = forward(&bed, &target, "v9.channel.k8s.io")
        .await
        .unwrap_err();
    assert_eq!(status, StatusCode::FORBIDDEN);
    fault(&bed, "pod-gone");
    let (status, _) = forward(&bed, &target, V4).await.unwrap_err();
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_kubelet_does_not_know_the_pod_for_a_while() {
    let bed = bed().await;
    fault(&bed, "kubelet-restarting=1");
    let target = format!("{POD}?ports=8085");
    let (status, body) = forward(&bed, &target, V4).await.unwrap_err();
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::NOT_FOUND, "pod does not exist\n")
    );
    assert!(forward(&bed, &target, V4).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_verbs_are_needed_and_their_refusals_differ() {
    let target = format!("{POD}?ports=8085");
    let without_create = bed().await;
    fault(&without_create, "deny=create:pods/portforward");
    let (status, body) = forward(&without_create, &target, V4).await.unwrap_err();
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(
        body.contains(r#""message":"pods \"broker-0\" is forbidden: ""#),
        "{body}"
    );
    let without_get = bed().await;
    fault(&without_get, "deny=get:pods/portforward");
    let (status, body) = forward(&without_get, &target, V4).await.unwrap_err();
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(
        body.contains(r#"cannot get resource \"pods/portforward\""#),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_tunnel_dies_after_so_many_bytes_and_without_farewell() {
    let bed = bed().await;
    fault(&bed, "tunnel-cut=100");
    let (mut socket, _) = sidecar(&bed, V4).await;
    socket
        .send(Message::Binary(Bytes::from_static(REQUEST)))
        .await
        .unwrap();
    let (data, _, proper) = drain(&mut socket).await;
    assert_eq!(data.len(), 2 + 100);
    assert!(!proper);
}
