//! Objects in Kubernetes' protobuf format, as `kubectl create job`, `configmap` and `secret` send them.
//!
//! The numbers are those of `k8s.io/api/{core,batch}/v1/generated.proto`. A body with a field that is not listed
//! here is not read, so that nothing is lost silently; files are sent as JSON anyhow.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::protobuf::{self, Item};
use super::resources::ResourceType;

/// A field of a message.
struct Field {
    number: u64,
    name: &'static str,
    shape: Shape,
}

enum Shape {
    /// A text; an empty one is as good as none.
    Text,
    Texts,
    Number,
    Flag,
    /// A map from texts to texts.
    Map,
    /// A map from texts to bytes.
    BytesMap,
    Message(&'static [Field]),
    Messages(&'static [Field]),
    /// A field that must be empty, or that the server ignores.
    Nothing,
}

const fn field(number: u64, name: &'static str, shape: Shape) -> Field {
    Field {
        number,
        name,
        shape,
    }
}

const METADATA: &[Field] = &[
    field(1, "name", Shape::Text),
    field(2, "generateName", Shape::Text),
    field(3, "namespace", Shape::Text),
    field(4, "selfLink", Shape::Nothing),
    field(5, "uid", Shape::Nothing),
    field(6, "resourceVersion", Shape::Nothing),
    field(7, "generation", Shape::Nothing),
    field(8, "creationTimestamp", Shape::Nothing),
    field(11, "labels", Shape::Map),
    field(12, "annotations", Shape::Map),
];

const CONTAINER: &[Field] = &[
    field(1, "name", Shape::Text),
    field(2, "image", Shape::Text),
    field(3, "command", Shape::Texts),
    field(4, "args", Shape::Texts),
    field(5, "workingDir", Shape::Text),
    field(8, "resources", Shape::Nothing),
    field(13, "terminationMessagePath", Shape::Text),
    field(14, "imagePullPolicy", Shape::Text),
    field(16, "stdin", Shape::Nothing),
    field(17, "stdinOnce", Shape::Nothing),
    field(18, "tty", Shape::Nothing),
    field(20, "terminationMessagePolicy", Shape::Text),
];

const POD: &[Field] = &[
    field(2, "containers", Shape::Messages(CONTAINER)),
    field(3, "restartPolicy", Shape::Text),
    field(6, "dnsPolicy", Shape::Text),
    field(8, "serviceAccountName", Shape::Text),
    field(9, "serviceAccount", Shape::Text),
    field(10, "nodeName", Shape::Nothing),
    field(11, "hostNetwork", Shape::Nothing),
    field(12, "hostPID", Shape::Nothing),
    field(13, "hostIPC", Shape::Nothing),
    field(16, "hostname", Shape::Nothing),
    field(17, "subdomain", Shape::Nothing),
    field(19, "schedulerName", Shape::Text),
    field(24, "priorityClassName", Shape::Nothing),
];

const TEMPLATE: &[Field] = &[
    field(1, "metadata", Shape::Message(METADATA)),
    field(2, "spec", Shape::Message(POD)),
];

const SPEC: &[Field] = &[
    field(1, "parallelism", Shape::Number),
    field(2, "completions", Shape::Number),
    field(3, "activeDeadlineSeconds", Shape::Number),
    field(6, "template", Shape::Message(TEMPLATE)),
    field(7, "backoffLimit", Shape::Number),
    field(8, "ttlSecondsAfterFinished", Shape::Number),
    field(10, "suspend", Shape::Flag),
];

const JOB: &[Field] = &[
    field(1, "metadata", Shape::Message(METADATA)),
    field(2, "spec", Shape::Message(SPEC)),
    field(3, "status", Shape::Nothing),
];

const SECRET: &[Field] = &[
    field(1, "metadata", Shape::Message(METADATA)),
    field(2, "data", Shape::BytesMap),
    field(3, "type", Shape::Text),
    field(4, "stringData", Shape::Map),
    field(5, "immutable", Shape::Flag),
];

const CONFIG_MAP: &[Field] = &[
    field(1, "metadata", Shape::Message(METADATA)),
    field(2, "data", Shape::Map),
    field(3, "binaryData", Shape::BytesMap),
    field(4, "immutable", Shape::Flag),
];

/// Returns the object of a type in a body as JSON. Returns `None` if the body has another format, or if the type or a
/// field is not known here.
pub fn object(ty: &ResourceType, body: &[u8]) -> Option<Value> {
    let fields = match &*ty.qualified() {
        "jobs.batch" => JOB,
        "secrets" => SECRET,
        "configmaps" => CONFIG_MAP,
        _ => return None,
    };
    let mut object = message(protobuf::content(body)?, fields)?;
    object["apiVersion"] = json!(ty.api_version());
    object["kind"] = json!(ty.kind);
    Some(object)
}

fn message(bytes: &[u8], fields: &[Field]) -> Option<Value> {
    let mut object = Map::new();
    for item in protobuf::items(bytes) {
        let (number, item) = item?;
        let field = fields.iter().find(|field| field.number == number)?;
        let name = field.name.to_owned();
        match (&field.shape, item) {
            (Shape::Text, Item::Bytes(bytes)) => {
                if !bytes.is_empty() {
                    object.insert(name, json!(text(bytes)?));
                }
            }
            (Shape::Texts, Item::Bytes(bytes)) => push(&mut object, name, json!(text(bytes)?)),
            (Shape::Number, Item::Number(number)) => {
                object.insert(name, json!(number));
            }
            (Shape::Flag, Item::Number(number)) => {
                object.insert(name, json!(number != 0));
            }
            (Shape::Map, Item::Bytes(bytes)) => {
                let entry = message(bytes, &[field_of_map(1, "key"), field_of_map(2, "value")])?;
                let value = entry["value"].as_str().unwrap_or_default();
                let map = object.entry(name).or_insert_with(|| json!({}));
                map[entry["key"].as_str()?] = json!(value);
            }
            (Shape::BytesMap, Item::Bytes(bytes)) => {
                let mut entry = (None, &[][..]);
                for item in protobuf::items(bytes) {
                    match item? {
                        (1, Item::Bytes(key)) => entry.0 = Some(text(key)?),
                        (2, Item::Bytes(value)) => entry.1 = value,
                        _ => return None,
                    }
                }
                let map = object.entry(name).or_insert_with(|| json!({}));
                map[entry.0?] = json!(BASE64_STANDARD.encode(entry.1));
            }
            (Shape::Message(fields), Item::Bytes(bytes)) => {
                object.insert(name, message(bytes, fields)?);
            }
            (Shape::Messages(fields), Item::Bytes(bytes)) => {
                push(&mut object, name, message(bytes, fields)?);
            }
            (Shape::Nothing, item) => {
                // An object that was never in a server has nothing but zeros here, and an empty status.
                let empty = match item {
                    Item::Bytes(bytes) => bytes.is_empty() || number == 3 || number == 8,
                    Item::Number(number) => number == 0,
                };
                if !empty {
                    return None;
                }
            }
            _ => return None,
        }
    }
    Some(object.into())
}

fn field_of_map(number: u64, name: &'static str) -> Field {
    field(number, name, Shape::Text)
}

fn push(object: &mut Map<String, Value>, name: String, value: Value) {
    let list = object.entry(name).or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.push(value);
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_and_an_unknown_field_is_not_dropped() {
        let metadata = b"\x0a\x01j";
        let container = b"\x0a\x01c\x1a\x02sh\x1a\x02-c";
        let pod = [b"\x12\x0b", &container[..], b"\x1a\x05Never"].concat();
        let template = [b"\x12\x14", &pod[..]].concat();
        let spec = [b"\x32\x16", &template[..]].concat();
        let job = [b"\x0a\x03", &metadata[..], b"\x12\x18", &spec[..]].concat();
        let body = |job: &[u8]| {
            let length = u8::try_from(job.len()).unwrap();
            [b"k8s\0\x12", &[length][..], job].concat()
        };
        let ty = ResourceType::custom("batch", "v1", "Job", "jobs");
        let read = object(&ty, &body(&job)).unwrap();
        assert_eq!(
            read,
            json!({
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": "j"},
                "spec": {"template": {"spec": {
                    "containers": [{"name": "c", "command": ["sh", "-c"]}],
                    "restartPolicy": "Never",
                }}},
            })
        );
        let unknown = [&job[..], b"\x7a\x01x"].concat();
        assert_eq!(object(&ty, &body(&unknown)), None);
    }

    #[test]
    fn a_secret_is_read_with_its_bytes() {
        let entry = b"\x0a\x01k\x12\x02\xff\x00";
        let secret = [b"\x0a\x03\x0a\x01s\x12\x07", &entry[..], b"\x1a\x06Opaque"].concat();
        let length = u8::try_from(secret.len()).unwrap();
        let body = [b"k8s\0\x12", &[length][..], &secret].concat();
        let ty = ResourceType::custom("", "v1", "Secret", "secrets");
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s"},
            "data": {"k": "/wA="},
            "type": "Opaque",
        });
        assert_eq!(object(&ty, &body), Some(expected));
    }
}
