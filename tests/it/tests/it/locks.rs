//! Locks: they prevent a second restore, and some remain when a restore is stopped.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use testbed::{Pace, Testbed};

use crate::support::{Bed, Invocation, Run};

const RESTORE: &str = "backup restore --id 20250905-130215 --yes";

/// Returns a cluster in which no restore ends.
fn endless() -> Bed {
    Bed::of(Testbed::builder().pace(Pace::Polls(u32::MAX)))
}

/// Starts a restore, and waits until the backend has started it.
fn begun(bed: &Bed, program: &Invocation) -> Child {
    let before = bed.backend_requests().count("POST", "");
    let child = program.spawn(RESTORE);
    while bed.backend_requests().count("POST", "") == before {
        std::thread::yield_now();
    }
    child
}

fn stopped(program: &Invocation, child: Child) -> Run {
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    program.ended(&child.wait_with_output().expect("it ends"))
}

fn holder(bed: &Bed) -> String {
    let lease = bed.objects().get(
        "leases.coordination.k8s.io",
        "messaging",
        "broker-restore-broker",
    );
    let lease = lease.expect("a Lease");
    lease["spec"]["holderIdentity"]
        .as_str()
        .expect("a holder")
        .to_owned()
}

fn output(program: &str, argument: &str) -> String {
    let output = std::process::Command::new(program).arg(argument).output();
    let output = output.expect("a program of every system").stdout;
    String::from_utf8(output).expect("a name").trim().to_owned()
}

#[test]
fn of_two_users_of_one_machine_one_of_whom_may_keep_no_lease_the_second_is_refused() {
    for first_may in [true, false] {
        let bed = endless();
        let deny = |is: bool| {
            if is {
                bed.faults().set("deny=*:leases".parse().expect("a fault"));
            } else {
                bed.faults().clear();
            }
        };
        let program = bed.program();
        deny(!first_may);
        let first = begun(&bed, &program);
        deny(first_may);
        // This is another user of the cluster, with another kubeconfig.
        let other = bed.program();
        let run = other.run(&format!("{RESTORE} --as eve"));
        assert_eq!(run.code, 11, "{}", run.stderr);
        assert!(
            run.stderr.contains(
                "another restore of broker in namespace messaging is running on this machine: "
            ),
            "{}",
            run.stderr
        );
        assert_eq!(bed.backend_requests().count("POST", ""), 1);
        stopped(&program, first);
    }
}

#[test]
fn a_restore_that_is_stopped_says_what_stays_and_how_to_end_it() {
    let bed = endless();
    let program = bed.program();
    let child = begun(&bed, &program);
    let run = stopped(&program, child);
    assert_eq!(run.code, 130, "{}", run.stderr);
    // The time is that of the cluster, whose clock is stopped.
    let said = "warning: the lock broker-restore-broker is kept until 2025-09-06T12:01:00Z, because the operation may continue in the backend. `kubectl get lease broker-restore-broker -n messaging -o yaml` shows the lock; `kubectl delete lease broker-restore-broker -n messaging` releases it earlier\n";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    // The lock is kept, because the backend continues.
    holder(&bed);
    // The local lock ended with the process; the Lease now prevents other restores.
    let run = bed.run(RESTORE);
    assert_eq!(run.code, 11, "{}", run.stderr);
    assert!(
        run.stderr.contains("broker-restore-broker"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_holder_is_named_by_the_system_and_by_the_api_server() {
    let bed = endless();
    let program = bed.program();
    let child = begun(&bed, &program);
    let here = format!(
        "{}@{} process {} as testbed ",
        output("id", "-un"),
        output("uname", "-n"),
        child.id()
    );
    let holder = holder(&bed);
    assert!(holder.starts_with(&here), "{holder} is not {here}");
    assert_eq!(bed.requests().count("POST", "/selfsubjectreviews"), 1);
    stopped(&program, child);

    let bed = endless();
    bed.faults()
        .set("deny=create:selfsubjectreviews".parse().expect("a fault"));
    let program = bed
        .program()
        .env("USER", "mallory")
        .env("HOSTNAME", "elsewhere");
    let child = begun(&bed, &program);
    let without = self::holder(&bed);
    let here = format!(
        "{}@{} process {} ",
        output("id", "-un"),
        output("uname", "-n"),
        child.id()
    );
    assert!(
        without.starts_with(&here) && !without.contains(" as "),
        "{without}"
    );
    assert_eq!(bed.requests().count("POST", "/selfsubjectreviews"), 1);
    stopped(&program, child);
}

#[test]
fn a_lease_that_may_not_be_looked_at_keeps_out() {
    let bed = Bed::with(&["deny=get:leases"]);
    let lease = serde_json::json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "broker-restore-broker", "namespace": "messaging"},
        "spec": {"holderIdentity": "ann@elsewhere", "leaseDurationSeconds": 600}
    });
    bed.objects().put(lease).expect("a Lease");
    let run = bed.run(RESTORE);
    assert_eq!(run.code, 11, "{}", run.stderr);
    assert_eq!(bed.backend_requests().count("POST", ""), 0);
}
