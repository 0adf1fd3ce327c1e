//! An engine with another manifest, packed by `plugin pack`.

use std::fs;
use std::path::{Path, PathBuf};

use host_engine::Catalogue;

use super::{Bed, Component, Invocation, Machine, Run, programs, workspace};

/// The component of another engine, which is called `acme/secure`.
pub struct Repacked {
    machine: Machine,
    file: PathBuf,
}

impl Repacked {
    /// Packs a bundled engine, or `hostile`. Each pair of `changes` is a text of the manifest and its
    /// replacement, and `endpoint` has lines for its endpoint `api`.
    pub fn new(engine: &str, changes: &[(&str, &str)], endpoint: &str) -> Self {
        let (folder, component, id) = if engine == "hostile" {
            ("tests", Component::hostile(), "acme/hostile".to_owned())
        } else {
            let id = format!("kubectl-broker/{engine}");
            ("plugins", Component::of(&bundled(&id)), id)
        };
        let path = workspace().join(folder).join(engine).join("engine.toml");
        let mut manifest = fs::read_to_string(path).expect("a manifest");
        for (old, new) in [(&*id, "acme/secure")].iter().chain(changes) {
            assert!(manifest.contains(old), "{old} is not in the manifest");
            manifest = manifest.replace(old, new);
        }
        let (before, of_endpoint) = manifest
            .split_once("[endpoints.api]")
            .expect("its endpoint");
        let manifest = format!("{before}[endpoints.api]\n{endpoint}\n{of_endpoint}");
        let machine = Machine::new();
        let bare = component.replace("kubectl-broker:manifest", "kubectl-broker:manifesT");
        machine.put("bare.wasm", &bare);
        fs::write(machine.folder.path().join("engine.toml"), manifest).expect("a manifest");
        let run = machine.run("plugin pack bare.wasm --manifest engine.toml --out secure.wasm");
        assert_eq!(run.code, 0, "{}", run.shown());
        let file = machine.folder.path().join("secure.wasm");
        Self { machine, file }
    }

    /// Packs the sidecar's engine for backends with and without TLS. Their authority is in the Secret
    /// `broker-certs`, and they take the token `admin` in the header `x-vault-token`.
    pub fn sidecar() -> Self {
        let declared =
            "[credentials.admin]\nkind = \"token\"\nhelp = \"For the sidecar\"\n\n[endpoints.api]";
        let ca = "tls-ca = { secret = \"{statefulset}-certs\" }";
        let auth = "auth = { use = \"admin\", header = \"X-Vault-Token\" }";
        Self::new(
            "sidecar",
            &[("auth = \"bearer\"", ""), ("[endpoints.api]", declared)],
            &format!("tls = \"auto\"\n{ca}\n{auth}"),
        )
    }

    /// Returns the machine with the file `secure.wasm`. The engine is not installed.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Returns the program with the engine beside the bundled ones, in the folder of the engine.
    pub fn program(&self, bed: &Bed) -> Invocation {
        let programs = programs();
        Invocation::new(&programs.with_engines, &programs.folders)
            .kubeconfig(bed.kubeconfig())
            .in_folder(self.folder())
            .engines([&self.file])
    }

    /// Runs a command of `backup` with the engine.
    pub fn run(&self, bed: &Bed, arguments: &str) -> Run {
        self.program(bed)
            .run(&format!("backup --engine acme/secure {arguments}"))
    }

    pub fn folder(&self) -> &Path {
        self.machine.folder.path()
    }
}

fn bundled(id: &str) -> Vec<u8> {
    let bundled = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
    let mut files = bundled.iter();
    let file = files.find(|file| file.manifest().id.to_string() == id);
    let bytes = file.expect("a bundled engine").bytes();
    bytes.expect("its component").to_vec()
}
