//! Shows an engine's requests in the format of a file of cases, so that an author can paste them there.

use broker_manifest::{Manifest, Method, ObjectKind, ResourceVerb, Route};
use host_base::text;
use host_engine::{GrantedCommand, Outgoing, Sent};
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::script::Part;

/// The maximum length of a value in a message, in characters.
const MAX_VALUE: usize = 400;

pub(super) fn shortened(text: &str) -> String {
    text::printable(text, MAX_VALUE).into_owned()
}

/// Returns the entry of an exchange, without its response.
pub(super) fn request(manifest: &Manifest, outgoing: &Outgoing) -> String {
    let request = &outgoing.request;
    let path = request.uri().path();
    let mut lines = vec!["[[case.exchange]]".to_owned()];
    match route(manifest, outgoing) {
        Some((route, parameters)) => {
            lines.push(format!("request = {}", quoted(&route.to_string())));
            lines.extend(table("parameters", &parameters));
        }
        None => lines.push(format!(
            "request = {}",
            quoted(&format!("{} {path}", request.method()))
        )),
    }
    if manifest.endpoints.len() > 1 {
        lines.push(format!("endpoint = {}", quoted(&outgoing.endpoint)));
    }
    lines.extend(
        outgoing
            .pod
            .iter()
            .map(|pod| format!("pod = {}", quoted(pod))),
    );
    lines.extend(table("query", &query(outgoing)));
    // The host chooses the content type of a form anew for each request.
    let is_form = matches!(request.body(), Sent::Form(_));
    let headers = request.headers().iter();
    let headers = headers.filter(|(name, _)| !is_form || *name != CONTENT_TYPE);
    let headers = headers.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    });
    lines.extend(table("headers", &headers.collect::<Vec<_>>()));
    lines.extend(body(request.body()).map(|body| format!("body = {body}")));
    lines.join("\n")
}

/// Returns the entry of a command, without its output.
pub(super) fn command(manifest: &Manifest, pod: &str, command: &GrantedCommand) -> String {
    let mut lines = vec!["[[case.command]]".to_owned()];
    let known = manifest.exec.iter().find_map(|(name, known)| {
        let is_it = known.container == command.container && known.argv.len() == command.argv.len();
        let words = known.argv.iter().map(ToString::to_string);
        let mut arguments = Vec::new();
        for (word, is) in words.zip(&command.argv) {
            match word.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                Some(name) => arguments.push((name.to_owned(), is.clone())),
                None if word == *is || word.contains('{') => {}
                None => return None,
            }
        }
        is_it.then_some((name, arguments))
    });
    lines.push(format!("# It runs {:?}", command.argv.join(" ")));
    if let Some((name, arguments)) = known {
        lines.push(format!("name = {}", quoted(name)));
        lines.push(format!("pod = {}", quoted(pod)));
        lines.extend(table("arguments", &arguments));
    }
    lines.join("\n")
}

/// Returns the entry of a change of an object, without its response.
pub(super) fn change(
    verb: ResourceVerb,
    kind: &ObjectKind,
    name: Option<&str>,
    sent: &Value,
    dry_run: bool,
) -> String {
    let mut lines = vec![
        "[[case.change]]".to_owned(),
        format!("change = {}", quoted(&format!("{verb} {kind}"))),
    ];
    lines.extend(name.map(|name| format!("name = {}", quoted(name))));
    let what = if verb == ResourceVerb::Create {
        "object"
    } else {
        "patch"
    };
    if !sent.is_null() {
        // TOML has no null, so an object with null is shown as text.
        let value = toml::Value::try_from(sent);
        let value = value.unwrap_or_else(|_| sent.to_string().into());
        lines.push(format!("{what} = {value}"));
    }
    if dry_run {
        lines.push("dry-run = true".to_owned());
    }
    lines.join("\n")
}

/// Returns the decoded query.
pub(super) fn query(outgoing: &Outgoing) -> Vec<(String, String)> {
    let query = outgoing.request.uri().query().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect();
    pairs.sort();
    pairs
}

/// Returns the route of a path and its parameters. Of several routes, it takes the one with the fewest
/// parameters.
fn route<'a>(
    manifest: &'a Manifest,
    outgoing: &Outgoing,
) -> Option<(&'a Route, Vec<(String, String)>)> {
    let endpoint = manifest.endpoints.get(&outgoing.endpoint)?;
    let method = outgoing.request.method().as_str();
    let path = outgoing.request.uri().path();
    let routes = endpoint.allow.iter().filter_map(|route| {
        let is_method = Method::name(route.method()) == method;
        let parameters = route.parameters_of(path)?.into_iter();
        let parameters = parameters.map(|(name, is)| (name.to_owned(), decoded(is)));
        Some((route, parameters.collect::<Vec<_>>())).filter(|_| is_method)
    });
    routes.min_by_key(|(_, parameters)| parameters.len())
}

fn body(body: &Sent) -> Option<String> {
    let bytes = match body {
        Sent::Artifact(file) => return Some(format!("{{ file = {} }}", quoted(&file.name))),
        Sent::Form(sent) => return Some(format!("{{ form = {} }}", form(&Part::all(sent)))),
        Sent::Bytes(bytes) if bytes.is_empty() => return None,
        Sent::Bytes(bytes) => bytes,
    };
    // TOML has no null, so a body with null is shown as text.
    let json = serde_json::from_slice::<Value>(bytes).ok();
    if let Some(json) = json.and_then(|json| toml::Value::try_from(json).ok()) {
        return Some(format!("{{ json = {json} }}"));
    }
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => format!("{{ text = {} }}", quoted(text)),
        Err(_) => {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            format!("{{ base64 = {} }}", quoted(&text))
        }
    })
}

/// Returns the parts of a form as an entry has them.
pub(super) fn form(parts: &[Part]) -> String {
    let parts = parts.iter().map(|part| match part {
        Part::Text(name, text) => {
            format!("{{ name = {}, text = {} }}", quoted(name), quoted(text))
        }
        Part::File(name, file) => {
            format!("{{ name = {}, file = {} }}", quoted(name), quoted(file))
        }
    });
    format!("[{}]", parts.collect::<Vec<_>>().join(", "))
}

fn table(name: &str, pairs: &[(String, String)]) -> Option<String> {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{} = {}", key(name), quoted(value)))
        .collect();
    (!pairs.is_empty()).then(|| format!("{name} = {{ {} }}", pairs.join(", ")))
}

fn key(name: &str) -> String {
    let is_bare = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !name.is_empty() && name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

fn quoted(text: &str) -> String {
    // An entry is shown with an indentation, which would become a part of a text over several lines. JSON escapes
    // all that TOML does, except for one character.
    if text.contains(['\r', '\n']) {
        return Value::from(text).to_string().replace('\u{7f}', "\\u007f");
    }
    toml::Value::from(text).to_string()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::file::CaseFile;
    use super::*;

    #[test]
    fn a_shown_text_is_one_line_and_is_read_as_it_was() {
        let plain = "a \"b\" 'c'";
        for text in [
            plain,
            "a\r\nb",
            "\n\u{7f}\u{1}\t\"\\''",
            "\u{85}\n\u{2028}ö",
        ] {
            let shown = format!("text = {}", quoted(text));
            assert!(!shown.contains('\n'), "{shown}");
            let read: toml::Table = toml::from_str(&shown).expect("TOML");
            assert_eq!(read["text"].as_str(), Some(text));
        }
    }

    #[test]
    fn a_shown_change_is_an_entry_of_a_file() {
        let kind = ObjectKind {
            group: "acme.example".to_owned(),
            version: "v1".to_owned(),
            kind: "Vault".to_owned(),
        };
        let object = json!({ "metadata": { "name": "a" } });
        let patch = json!({ "spec": { "keep": null } });
        for (verb, name, sent) in [
            (ResourceVerb::Create, None, object),
            (ResourceVerb::Patch, Some("a"), patch.clone()),
            (ResourceVerb::PatchStatus, Some("a"), patch),
            (ResourceVerb::Delete, Some("a"), Value::Null),
        ] {
            for dry_run in [false, true] {
                let shown = change(verb, &kind, name, &sent, dry_run);
                let case = "[[case]]\nname = \"x\"\noperation = \"act\"\nexpect = {}";
                let file = toml::from_str::<CaseFile>(&format!("{case}\n{shown}"));
                let file = file.unwrap_or_else(|error| panic!("{shown}\n{error}"));
                let read = &file.case[0].change[0];
                assert_eq!(read.change, format!("{verb} {kind}"));
                assert_eq!((read.name.as_deref(), read.dry_run), (name, dry_run));
            }
        }
    }
}
