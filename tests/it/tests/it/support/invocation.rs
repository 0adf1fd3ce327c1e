//! How a program is started: with nothing of the environment of the tests.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::Run;
use crate::INSTALLED;

/// Longer than any command here can take; what hangs ends with a failure and not never.
const NEVER: Duration = Duration::from_mins(3);

/// The folders in which the program keeps things.
#[derive(Clone, Debug)]
pub struct Folders {
    home: PathBuf,
    cache: PathBuf,
    data: PathBuf,
}

impl Folders {
    /// Folders of one test, or of all of them.
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

    /// The same cache, with data of one test's own: no engine is installed in it.
    pub fn with_data_in(&self, root: &Path) -> Self {
        let folders = Self {
            cache: self.cache.clone(),
            ..Self::shared(root)
        };
        // What signs the native code that is shared.
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

    /// Where installed engines are kept.
    pub fn plugins(&self) -> PathBuf {
        self.data.join("kubectl-broker/plugins")
    }

    /// Where trusted keys are kept.
    pub fn configuration(&self) -> PathBuf {
        self.home.join(".config/kubectl-broker")
    }

    /// Where native code is kept.
    pub fn native(&self) -> PathBuf {
        self.cache.join("kubectl-broker/native")
    }

    /// The key that native code is signed with.
    pub fn key(&self) -> PathBuf {
        self.data.join("kubectl-broker/keys/native-code.key")
    }

    /// The files of native code.
    pub fn native_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.native()).expect("the folder of native code");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        files
    }
}

/// A program about to be started.
#[derive(Debug)]
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

    /// More engines. Only `with-engines` looks at them.
    pub fn engines(mut self, engines: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        self.engines
            .extend(engines.into_iter().map(|path| path.as_ref().to_owned()));
        self
    }

    /// These and no others.
    pub fn only_engines(mut self, engines: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        self.engines.clear();
        self.engines(engines)
    }

    /// Runs in this folder, and keeps the record of what was done there, too.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.working_folder = Some(folder.to_owned());
        self.env("XDG_STATE_HOME", folder.join("state"))
    }

    /// For the commands that show what they saw however it ends: `backup test`, `backup verify`,
    /// `plugin test` and `backup status --watch`. No other that fails may write to stdout.
    pub fn data_although_failed(mut self) -> Self {
        self.data_although_failed = true;
        self
    }

    /// Listens to all signals, also where the tests were started with `nohup` or in the background.
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

    /// A kubeconfig that is right, for an API server that is not there.
    pub fn unreachable_cluster(self) -> Self {
        let path = self.folders.home.join("unreachable-kubeconfig");
        fs::write(&path, UNREACHABLE).expect("a kubeconfig");
        self.kubeconfig(&path)
    }

    /// Looks for programs in `folder` first.
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

    /// Runs the program with arguments that may hold spaces.
    pub fn run_with(&self, arguments: &[&str]) -> Run {
        self.ended(&self.output(arguments))
            .with_arguments(arguments)
    }

    /// Runs the program to its end, whatever bytes it writes.
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

    /// What a child that was started with [`Invocation::spawn`] or [`Invocation::command`] came to.
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

    /// The command as it would be run, for those who need other pipes.
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
            // Who has no credentials looks for those of the machine.
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
        command
    }
}

/// Port 1 of loopback: nobody listens there.
const UNREACHABLE: &str = "
apiVersion: v1
kind: Config
current-context: gone
clusters: [{name: gone, cluster: {server: \"https://127.0.0.1:1\"}}]
users: [{name: gone, user: {token: x}}]
contexts: [{name: gone, context: {cluster: gone, user: gone, namespace: messaging}}]
";
