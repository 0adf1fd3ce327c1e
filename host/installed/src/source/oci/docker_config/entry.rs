//! Reads one entry of `auths`.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::Credentials;

/// Base64 as scripts write it: with or without padding, and with unused bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Returns a field by its name. Like Go, it ignores the case if no field matches exactly.
pub(super) fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        let mut fields = object.iter();
        fields
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

/// Reads an entry. `docker login` with a helper leaves an empty one, which counts as none, and so does null.
///
/// # Errors
/// When the entry is not a login.
pub(super) fn read(entry: &Value) -> Result<Option<Credentials>, ()> {
    let entry = match entry {
        Value::Null => return Ok(None),
        Value::Object(entry) => entry,
        _ => return Err(()),
    };
    let text = |name| match field(entry, name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(()),
    };
    let identity = text("identitytoken")?;
    if !identity.is_empty() {
        return Ok(Some(Credentials::IdentityToken(identity.to_owned().into())));
    }
    let registry = text("registrytoken")?;
    if !registry.is_empty() {
        return Ok(Some(Credentials::RegistryToken(registry.to_owned().into())));
    }
    let auth = text("auth")?;
    if !auth.trim().is_empty() {
        return decode(auth).map(|(user, password)| login(user, password));
    }
    let (user, password) = (text("username")?, text("password")?);
    Ok(login(user.to_owned(), password.as_bytes().to_vec()))
}

fn login(user: String, password: Vec<u8>) -> Option<Credentials> {
    let is_empty = user.is_empty() && password.is_empty();
    (!is_empty).then(|| Credentials::Password {
        user,
        password: password.into(),
    })
}

/// Decodes `USER:PASSWORD` in base64. A password may contain colons and bytes that are not UTF-8.
fn decode(auth: &str) -> Result<(String, Vec<u8>), ()> {
    let compact: String = auth
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| match character {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    let mut decoded = BASE64.decode(compact).map_err(|_| ())?;
    let colon = decoded.iter().position(|byte| *byte == b':').ok_or(())?;
    let mut password = decoded.split_off(colon + 1);
    decoded.pop();
    // Docker pads with null bytes, and `echo` adds a line break.
    while password.last().is_some_and(|byte| b"\0\r\n".contains(byte)) {
        password.pop();
    }
    Ok((String::from_utf8(decoded).map_err(|_| ())?, password))
}
