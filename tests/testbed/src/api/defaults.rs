//! The defaults that the server adds to new objects of built-in types, limited to those that clients read.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::resources::ResourceType;

pub fn fill(ty: &ResourceType, object: &mut Value) {
    if ty.custom {
        return;
    }
    match ty.kind.as_str() {
        "Namespace" => {
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            object["spec"] = json!({"finalizers": ["kubernetes"]});
            object["status"] = json!({"phase": "Active"});
        }
        "Pod" => {
            default(&mut object["spec"], "restartPolicy", json!("Always"));
            object["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
        }
        "Service" => service(object),
        "Secret" => secret(object),
        "StatefulSet" => default(&mut object["spec"], "replicas", json!(1)),
        _ => {}
    }
}

fn default(object: &mut Value, field: &str, value: Value) {
    if object[field].is_null() {
        object[field] = value;
    }
}

fn service(object: &mut Value) {
    let spec = &mut object["spec"];
    default(spec, "type", json!("ClusterIP"));
    default(spec, "sessionAffinity", json!("None"));
    default(spec, "clusterIP", json!("10.96.77.77"));
    let address = spec["clusterIP"].clone();
    default(spec, "clusterIPs", json!([address]));
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        default(port, "protocol", json!("TCP"));
        let number = port["port"].clone();
        default(port, "targetPort", number);
    }
    default(object, "status", json!({"loadBalancer": {}}));
}

/// Converts fields that clients only write.
pub fn convert(ty: &ResourceType, object: &mut Value) {
    if !ty.custom && ty.kind == "Secret" {
        secret(object);
    }
}

fn secret(object: &mut Value) {
    default(object, "type", json!("Opaque"));
    let Some(Value::Object(plain)) = object.as_object_mut().and_then(|o| o.remove("stringData"))
    else {
        return;
    };
    for (name, value) in plain {
        let encoded = BASE64_STANDARD.encode(value.as_str().unwrap_or_default());
        object["data"][name] = json!(encoded);
    }
}
