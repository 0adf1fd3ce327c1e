//! A simulated cluster for one test.

use testbed::{Builder, Testbed};
use tokio::runtime::Runtime;

use super::{Invocation, Run, programs};

/// The time of the cluster. It determines the names of the demonstration's newest backups.
const NOW: &str = "2025-09-06T12:00:00Z";

pub struct Bed {
    // The testbed must be dropped before its runtime.
    bed: Testbed,
    _runtime: Runtime,
}

impl Bed {
    /// Returns the demonstration without faults.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Returns the demonstration with faults, in the syntax of the testbed's command line.
    pub fn with(faults: &[&str]) -> Self {
        let builder = faults.iter().fold(Testbed::builder(), |builder, fault| {
            builder.fault(fault.parse().expect("a fault of the testbed"))
        });
        Self::of(builder)
    }

    pub fn of(builder: Builder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let builder = builder.now(NOW.parse().expect("a time"));
        let bed = runtime.block_on(builder.start()).expect("a testbed");
        Self {
            bed,
            _runtime: runtime,
        }
    }

    /// Runs the program in this cluster.
    pub fn run(&self, arguments: &str) -> Run {
        self.program().run(arguments)
    }

    /// Returns the program for this cluster.
    pub fn program(&self) -> Invocation {
        let programs = programs();
        Invocation::new(&programs.kubectl_broker, &programs.folders)
            .kubeconfig(self.bed.kubeconfig())
    }

    /// Returns the program with the hostile engine for this cluster.
    pub fn hostile(&self) -> Invocation {
        let programs = programs();
        Invocation::new(&programs.with_engines, &programs.folders)
            .kubeconfig(self.bed.kubeconfig())
            .engines([&programs.hostile])
    }

    /// Runs `backup list` with the hostile engine, which misbehaves in the given way.
    pub fn misbehave(&self, how: &str) -> Run {
        self.hostile()
            .run(&format!("backup list --engine hostile --misbehave {how}"))
    }
}

impl std::ops::Deref for Bed {
    type Target = Testbed;

    fn deref(&self) -> &Testbed {
        &self.bed
    }
}
