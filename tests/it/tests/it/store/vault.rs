//! A cluster, an object store, and a user who knows both.

use std::path::Path;

use crate::support::{Cloud, Desk, Invocation, Run};

/// A cluster with a store for its backups.
pub struct Place<'a> {
    pub desk: Desk,
    cloud: Option<&'a dyn Cloud>,
    pub url: String,
}

impl<'a> Place<'a> {
    /// Returns a place whose store is in this cloud.
    pub fn at(cloud: &'a dyn Cloud) -> Self {
        Self::with(cloud, &[])
    }

    /// Returns a place whose cluster has these faults.
    pub fn with(cloud: &'a dyn Cloud, faults: &[&str]) -> Self {
        Self {
            desk: Desk::with(faults),
            url: cloud.url(),
            cloud: Some(cloud),
        }
    }

    /// Returns a place whose store is a folder.
    pub fn in_folder() -> Self {
        Self::in_folder_of(Desk::with(&[]))
    }

    /// Returns a place whose store is a folder, for this cluster.
    pub fn in_folder_of(desk: Desk) -> Self {
        let folder = desk.folder.path().join("store");
        std::fs::create_dir(&folder).expect("a folder");
        Self {
            url: format!("file://{}", folder.display()),
            desk,
            cloud: None,
        }
    }

    pub fn folder(&self) -> &Path {
        self.desk.folder.path()
    }

    pub fn program(&self) -> Invocation {
        self.known_to(self.desk.bed.program())
    }

    /// Returns the program with the hostile engine, which takes files.
    pub fn hostile(&self) -> Invocation {
        self.known_to(self.desk.bed.hostile())
    }

    fn known_to(&self, program: Invocation) -> Invocation {
        let folder = self.folder();
        let program = program
            .in_folder(folder)
            .env("XDG_CONFIG_HOME", folder.join("config"));
        match self.cloud {
            Some(cloud) => cloud.known_to(program),
            None => program,
        }
    }

    /// Runs the program. `URL` in the arguments is the address of the store.
    pub fn run(&self, arguments: &str) -> Run {
        self.program().run(&arguments.replace("URL", &self.url))
    }

    /// Runs the program, and expects that it succeeds.
    pub fn ok(&self, arguments: &str) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments}: {}", run.shown());
        run
    }
}
