//! The start of a program, without the environment of the tests.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::Run;
use super::programs;
use crate::{FROZEN, INSTALLED};

/// The timeout of a command. No command takes this long, so a command that hangs fails the test.
const NEVER: Duration = Duration::from_mins(3);

/// The folders in which the program stores files.
#[derive(Clone, Debug)]
pub struct Folders {
    home: PathBuf,
    cache: PathBuf,
    data: PathBuf,
}

impl Folders {
    /// Returns the folders of one test, or of all tests.
    pub fn shared(root: &Path) -> Self {
        let folder = |name: &str| {
            let path = root.join(name);
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .expect("a folder for the program's files");
            path
        };
        Self {
            home: folder("home"),
            cache: folder("cache"),
            data: folder("data"),
        }
    }

    /// Returns folders with the same cache but separate data, without installed engines.
    pub fn with_data_in(&self, root: &Path) -> Self {
        let folders = Self {
            cache: self.cache.clone(),
            ..Self::shared(root)
        };
        // The key signs the shared native code.
        let key = folders.key();
        let folder = key.parent().expect("a folder for the key");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .expect("a folder for the key");
        fs::copy(self.key(), &key).expect("the key");
        folders
    }

    /// Returns the variables that name the folders of the cache and the key.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        [
            ("XDG_CACHE_HOME", &*self.cache),
            ("XDG_DATA_HOME", &*self.data),
        ]
        .into_iter()
    }

    /// Returns the folder of installed engines.
    pub fn plugins(&self) -> PathBuf {
        self.data.join("kubectl-broker/plugins")
    }

    /// Returns the folder of trusted keys.
    pub fn configuration(&self) -> PathBuf {
        self.home.join(".config/kubectl-broker")
    }

    /// Returns the folder of native code.
    pub fn native(&self) -> PathBuf {
        self.cache.join("kubectl-broker/native")
    }

    /// Returns the file of the key that signs native code.
    pub fn key(&self) -> PathBuf {
        self.data.join("kubectl-broker/keys/native-code.key")
    }

    /// Returns the files of native code.
    pub fn native_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.native()).expect("the folder of native code");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        files
    }
}

/// A program before its start.
#[derive(Clone, Debug)]
pub struct Invocation {
    program: PathBuf,
    folders: Folders,
    path: OsString,
    engines: Vec<PathBuf>,
    environment: Vec<(String, OsString)>,
    working_folder: Option<PathBuf>,
    data_although_failed: bool,
    hears_signals: bool,
}

impl Invocation {
    pub fn new(program: &Path, folders: &Folders) -> Self {
        Self {
            program: program.to_owned(),
            folders: folders.clone(),
            path: "/usr/local/bin:/usr/bin:/bin".into(),
            engines: Vec::new(),
            environment: Vec::new(),
            working_folder: None,
            data_although_failed: false,
            hears_signals: false,
        }
    }

    /// Adds engines. Only `with-engines` uses them.
    pub fn engines(mut self, engines: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        self.engines
            .extend(engines.into_iter().map(|path| path.as_ref().to_owned()));
        self
    }

    /// Uses these engines and no others.
    pub fn only_engines(mut self, engines: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        self.engines.clear();
        self.engines(engines)
    }

    /// Runs in this folder, and keeps the history of commands there, too.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.working_folder = Some(folder.to_owned());
        self.env("XDG_STATE_HOME", folder.join("state"))
    }

    /// Allows data on stdout although the command fails. README.md lists the commands that may do that.
    pub fn data_although_failed(mut self) -> Self {
        self.data_although_failed = true;
        self
    }

    /// Enables all signals, even if the tests were started with `nohup` or in the background.
    pub fn hears_signals(mut self) -> Self {
        self.hears_signals = true;
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub fn kubeconfig(self, path: &Path) -> Self {
        self.env("KUBECONFIG", path)
    }

    /// Uses a valid kubeconfig for an API server that does not exist.
    pub fn unreachable_cluster(self) -> Self {
        let path = self.folders.home.join("unreachable-kubeconfig");
        fs::write(&path, UNREACHABLE).expect("a kubeconfig");
        self.kubeconfig(&path)
    }

    /// Puts `folder` first in PATH.
    pub fn path_with(mut self, folder: &Path) -> Self {
        let mut path = folder.as_os_str().to_owned();
        path.push(":");
        path.push(&self.path);
        self.path = path;
        self
    }

    /// Runs the program to its end. Arguments are separated by spaces.
    pub fn run(&self, arguments: &str) -> Run {
        self.run_with(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs the program with arguments that may contain spaces.
    pub fn run_with(&self, arguments: &[&str]) -> Run {
        self.ended(&self.output(arguments))
            .with_arguments(arguments)
    }

    /// Runs the program to its end, and returns its unchecked output.
    pub fn output(&self, arguments: &[&str]) -> Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let mut command = tokio::process::Command::from(self.command_with(arguments));
        command.kill_on_drop(true);
        runtime
            .block_on(async { tokio::time::timeout(NEVER, command.output()).await })
            .unwrap_or_else(|_| panic!("{arguments:?} did not end"))
            .expect("the program can be started")
    }

    /// Returns the checked result of a child that was started with [`Invocation::spawn`] or
    /// [`Invocation::command`].
    pub fn ended(&self, output: &Output) -> Run {
        let kubeconfig = self
            .environment
            .iter()
            .rev()
            .find(|(name, _)| name == "KUBECONFIG");
        let kubeconfig = kubeconfig.map(|(_, path)| (Path::new(path), "$KUBECONFIG"));
        let folders = [
            (self.folders.home.as_path(), "$HOME"),
            (self.folders.cache.as_path(), "$XDG_CACHE_HOME"),
            (self.folders.data.as_path(), "$XDG_DATA_HOME"),
        ];
        let working = self
            .working_folder
            .iter()
            .map(|path| (path.as_path(), "$PWD"));
        let places = kubeconfig.into_iter().chain(folders).chain(working);
        let mut run = Run::of(output, places);
        if !INSTALLED.is_empty() {
            run.show_as_bundled();
        }
        if !self.data_although_failed {
            run.check_no_data_of_a_failure();
        }
        run
    }

    /// Starts the program with pipes for stdout and stderr.
    pub fn spawn(&self, arguments: &str) -> Child {
        self.command(arguments)
            .spawn()
            .expect("the program can be started")
    }

    /// Returns the command, for tests that need other pipes.
    pub fn command(&self, arguments: &str) -> Command {
        self.command_with(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    fn command_with(&self, arguments: &[&str]) -> Command {
        let mut command = if self.hears_signals {
            let mut env = Command::new("env");
            env.arg("--default-signal=HUP,INT,TERM").arg(&self.program);
            env
        } else {
            Command::new(&self.program)
        };
        command
            .args(arguments)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", &self.folders.home)
            .env("XDG_CACHE_HOME", &self.folders.cache)
            .env("XDG_DATA_HOME", &self.folders.data)
            // Without credentials, the program asks the metadata service of the machine for them.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(folder) = &self.working_folder {
            command.current_dir(folder);
        }
        if !self.engines.is_empty() {
            let list = std::env::join_paths(&self.engines).expect("paths without colons");
            command.env("WITH_ENGINES", list);
        }
        if !INSTALLED.is_empty() {
            command.env("WITHOUT_ENGINES", INSTALLED.join(":"));
        }
        if FROZEN.is_some() {
            command.env("BUNDLED_ENGINES", programs::frozen_folder());
        }
        command
    }
}

/// Nothing listens on port 1 of loopback.
const UNREACHABLE: &str = "
apiVersion: v1
kind: Config
current-context: gone
clusters: [{name: gone, cluster: {server: \"https://127.0.0.1:1\"}}]
users: [{name: gone, user: {token: x}}]
contexts: [{name: gone, context: {cluster: gone, user: gone, namespace: messaging}}]
";
