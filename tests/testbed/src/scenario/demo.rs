//! The default cluster: one healthy namespace, and one namespace per problem.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::broker::{Broker, Health};
use super::objects::{Service, ServicePort, credentials, namespace, node};
use super::{World, app, backups};
use crate::clock::seconds;
use crate::operators;

const NAMESPACES: [&str; 12] = [
    "default",
    "kube-system",
    "messaging",
    "empty",
    "notready",
    "nosidecar",
    "platform",
    "zero",
    "firstdown",
    "unscheduled",
    "kafka",
    "apps",
];

const READY: [Health; 3] = [Health::Ready; 3];

/// Fills a cluster.
pub fn demo(world: &mut World) {
    let created = world.now() - SignedDuration::from_hours(24 * 90);
    world.put(NAMESPACES.map(|name| namespace(name, created)));
    for (index, address) in ["192.168.49.2", "192.168.49.3", "192.168.49.4"]
        .into_iter()
        .enumerate()
    {
        world.put([node(&format!("node-{index}"), address, created)]);
    }

    brokers(world, "messaging", &READY, true, 1);
    backups::fill(world, "messaging");
    world.put(events(world));
    world.put([credentials(created)]);

    brokers(
        world,
        "notready",
        &[Health::Crashing, Health::Unscheduled],
        true,
        2,
    );
    brokers(world, "unscheduled", &[Health::Unscheduled], true, 7);
    brokers(world, "nosidecar", &READY, false, 3);
    let now = world.now();
    backups::fill_hivemq(&world.hivemq("nosidecar"), now);
    brokers(world, "zero", &[], true, 4);
    let first_down = [Health::Starting, Health::Ready, Health::Ready];
    brokers(world, "firstdown", &first_down, true, 5);
    backups::fill(world, "firstdown");
    platform(world);
    app::build(world, "apps");
    operators::fill(world);
}

/// Adds a set named `broker` with its services, with the names that the Go plugin expects.
fn brokers(world: &mut World, namespace: &str, health: &[Health], sidecar: bool, subnet: u8) {
    let broker = Broker {
        namespace,
        name: "broker",
        api: (8081, "api"),
        sidecar,
        backup_folder: None,
        pods: health,
        subnet,
    };
    let pods = broker.build(world);
    let api = ServicePort {
        name: "rest-api",
        port: 8081,
        target: "api",
        target_number: 8081,
    };
    let mqtt = ServicePort {
        name: "mqtt",
        port: 1883,
        target: "mqtt",
        target_number: 1883,
    };
    for (number, (name, headless, port)) in [
        ("hivemq-broker-api", false, api),
        ("hivemq-broker-mqtt", false, mqtt),
        ("broker-cluster", true, mqtt),
    ]
    .into_iter()
    .enumerate()
    {
        let service = Service {
            namespace,
            name,
            app: "broker",
            headless,
            address: &format!("10.96.{subnet}.{}", 10 + number),
            ports: &[port],
        };
        serve(world, &service, &pods);
    }
}

/// Adds a broker like the hivemq-platform chart with the release `prod`, without a sidecar.
fn platform(world: &mut World) {
    let broker = Broker {
        namespace: "platform",
        name: "broker",
        api: (8888, "rest-8888"),
        sidecar: false,
        backup_folder: Some("/mnt/shared/backup"),
        pods: &[Health::Ready; 2],
        subnet: 6,
    };
    let pods = broker.build(world);
    let rest = ServicePort {
        name: "rest-8888",
        port: 8888,
        target: "rest-8888",
        target_number: 8888,
    };
    let service = Service {
        namespace: "platform",
        name: "hivemq-prod-rest-8888",
        app: "broker",
        headless: false,
        address: "10.96.6.10",
        ports: &[rest],
    };
    serve(world, &service, &pods);
    let now = world.now();
    backups::fill_hivemq(&world.hivemq("platform"), now);
}

fn serve(world: &World, service: &Service, pods: &[Value]) {
    let created = world.now() - SignedDuration::from_hours(24 * 34 + 5);
    world.put([service.object(created), service.slice(pods, created)]);
}

fn events(world: &World) -> Vec<Value> {
    let time = seconds(world.now() - SignedDuration::from_mins(12));
    let pod = world
        .objects
        .get("pods", "messaging", "broker-0")
        .unwrap_or_default();
    vec![json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": "broker-0.17c2f1d6a0b3",
            "namespace": "messaging",
            "creationTimestamp": time,
        },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": "broker-0",
            "namespace": "messaging",
            "uid": pod["metadata"]["uid"],
        },
        "type": "Normal",
        "reason": "Pulled",
        "message": "Container image \"hivemq/hivemq4:4.42.0\" already present on machine",
        "source": {"component": "kubelet", "host": "node-0"},
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    })]
}
