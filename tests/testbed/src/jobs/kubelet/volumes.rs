//! The volumes of a pod, as folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::environment::field;
use super::paths::PodFolder;
use crate::access::Credentials;
use crate::api::objects::Objects;
use crate::jobs::fields::{at, items, namespace, text};

/// The access of a pod to the API server.
pub struct Materials<'a> {
    pub objects: &'a Objects,
    pub credentials: &'a Credentials,
    /// The folder of the cluster's persistent volumes.
    pub claims: &'a Path,
}

/// The files of a volume: paths and contents.
type Files = Vec<(String, Vec<u8>)>;

/// Makes the volumes of a pod and the mounts of a container.
///
/// # Errors
/// Returns the message of the event `FailedMount`.
pub fn mount(
    pod: &Value,
    container: &Value,
    folder: &PodFolder,
    materials: &Materials,
) -> Result<(), String> {
    for volume in items(pod, "/spec/volumes") {
        let name = text(volume, "/name");
        let failed =
            |why: String| format!("MountVolume.SetUp failed for volume \"{name}\" : {why}");
        make(pod, volume, folder, materials).map_err(failed)?;
    }
    let mut mounts: Vec<&Value> = items(container, "/volumeMounts").iter().collect();
    // A mount inside another one comes after it.
    mounts.sort_by_key(|mount| text(mount, "/mountPath").len());
    for mount in mounts {
        let source = folder.volume(text(mount, "/name"));
        let source = source.join(text(mount, "/subPath"));
        let target = folder.inside(text(mount, "/mountPath"));
        link(&source, &target)
            .map_err(|error| format!("cannot mount {}: {error}", text(mount, "/mountPath")))?;
    }
    Ok(())
}

fn link(source: &Path, target: &Path) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::symlink_metadata(target) {
        // A restarted container finds its mounts.
        Ok(present) if present.is_symlink() => return Ok(()),
        _ => {}
    }
    if !source.exists() {
        fs::create_dir_all(source)?;
    }
    #[cfg(unix)]
    return std::os::unix::fs::symlink(source, target);
    #[cfg(windows)]
    return std::os::windows::fs::symlink_dir(source, target);
}

fn make(
    pod: &Value,
    volume: &Value,
    folder: &PodFolder,
    materials: &Materials,
) -> Result<(), String> {
    let path = folder.volume(text(volume, "/name"));
    let namespace = namespace(pod);
    let claim = text(volume, "/persistentVolumeClaim/claimName");
    if !claim.is_empty() {
        let found = materials
            .objects
            .get("persistentvolumeclaims", namespace, claim);
        if found.is_none() {
            return Err(format!("persistentvolumeclaim \"{claim}\" not found"));
        }
        let shared = materials.claims.join(namespace).join(claim);
        let made = fs::create_dir_all(&shared).and_then(|()| link(&shared, &path));
        return made.map_err(|error| error.to_string());
    }
    let files = if volume["emptyDir"].is_object() {
        Files::new()
    } else if volume["projected"].is_object() {
        let mut files = Files::new();
        for source in items(volume, "/projected/sources") {
            files.extend(files_of(pod, source, "name", materials)?);
        }
        files
    } else if ["secret", "configMap", "downwardAPI"]
        .iter()
        .any(|kind| volume[kind].is_object())
    {
        files_of(pod, volume, "secretName", materials)?
    } else {
        return Err("the testbed doesn't know this kind of volume".to_owned());
    };
    let mode = ["secret", "configMap", "projected", "downwardAPI"]
        .iter()
        .find_map(|kind| volume[kind]["defaultMode"].as_u64());
    write(&path, &files, mode).map_err(|error| error.to_string())
}

/// Returns the files of one source. `secret` is the field that names a Secret.
fn files_of(
    pod: &Value,
    source: &Value,
    secret: &str,
    materials: &Materials,
) -> Result<Files, String> {
    let namespace = namespace(pod);
    if source["secret"].is_object() {
        let name = text(&source["secret"], &format!("/{secret}"));
        let found = materials.objects.get("secrets", namespace, name);
        return select(&source["secret"], found.map(|it| data(&it)), "secret", name);
    }
    if source["configMap"].is_object() {
        let name = text(source, "/configMap/name");
        let found = materials.objects.get("configmaps", namespace, name);
        let files = found.map(|it| data(&it)).or_else(|| {
            // A controller puts this one into every namespace.
            let ca = materials.credentials.ca_pem.clone().into_bytes();
            (name == "kube-root-ca.crt").then(|| vec![("ca.crt".to_owned(), ca)])
        });
        return select(&source["configMap"], files, "configmap", name);
    }
    if source["serviceAccountToken"].is_object() {
        let path = text(source, "/serviceAccountToken/path").to_owned();
        return Ok(vec![(
            path,
            materials.credentials.token.clone().into_bytes(),
        )]);
    }
    let mut files = Files::new();
    for item in items(source, "/downwardAPI/items") {
        let path = text(item, "/fieldRef/fieldPath");
        let value = field(pod, path).ok_or_else(|| format!("unsupported fieldPath: {path}"))?;
        files.push((text(item, "/path").to_owned(), value.into_bytes()));
    }
    Ok(files)
}

/// Returns the content of a Secret or a ConfigMap.
pub fn data(object: &Value) -> Files {
    let plain = object["kind"] == "ConfigMap";
    let entries = at(object, "/data").as_object().into_iter().flatten();
    let decode = |value: &Value| {
        BASE64_STANDARD
            .decode(value.as_str().unwrap_or_default())
            .ok()
    };
    let mut files: Files = entries
        .filter_map(|(name, value)| {
            let bytes = if plain {
                value.as_str().map(|text| text.as_bytes().to_vec())
            } else {
                decode(value)
            };
            Some((name.clone(), bytes?))
        })
        .collect();
    let binary = at(object, "/binaryData").as_object().into_iter().flatten();
    files.extend(binary.filter_map(|(name, value)| Some((name.clone(), decode(value)?))));
    files
}

fn select(source: &Value, found: Option<Files>, kind: &str, name: &str) -> Result<Files, String> {
    let optional = source["optional"] == true;
    let Some(all) = found else {
        return if optional {
            Ok(Files::new())
        } else {
            Err(format!("{kind} \"{name}\" not found"))
        };
    };
    let wanted = items(source, "/items");
    if wanted.is_empty() {
        return Ok(all);
    }
    let mut files = Files::new();
    for item in wanted {
        let key = text(item, "/key");
        match all.iter().find(|(name, _)| name == key) {
            Some((_, bytes)) => files.push((text(item, "/path").to_owned(), bytes.clone())),
            None if optional => {}
            None => {
                return Err(format!("references non-existent {kind} key: {key}"));
            }
        }
    }
    Ok(files)
}

fn write(folder: &Path, files: &Files, mode: Option<u64>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, bytes) in files {
        let relative: PathBuf = Path::new(name)
            .components()
            .filter(|part| matches!(part, std::path::Component::Normal(_)))
            .collect();
        let path = folder.join(relative);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, bytes)?;
        #[cfg(unix)]
        if let Some(mode) = mode.and_then(|mode| u32::try_from(mode).ok()) {
            use std::os::unix::fs::PermissionsExt;
            // The owner can always write, or a restarted container could not get new files.
            fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o200))?;
        }
        #[cfg(not(unix))]
        let _ = mode;
    }
    Ok(())
}
