//! The lock around a worker: no files, no network, no programs, bounded memory. Set by the worker itself before it reads anything.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetStatus};
use rlimit::Resource;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// Address space of a worker (octets).
const MEMORY: u64 = 2 << 30;

/// CPU time beyond the deadline, for a worker that only finishes its answer.
const SPARE_SECONDS: u64 = 5;

/// What was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Locked {
    pub(super) limits: bool,
    pub(super) landlock: bool,
    pub(super) seccomp: bool,
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.limits, "rlimits"), (self.landlock, "landlock"), (self.seccomp, "seccomp")];
        let names: Vec<&str> = parts.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join("+"))
    }
}

/// Locks this process in, as far as the kernel can.
pub(super) fn lock_in() -> Locked {
    // The first look at the clock makes calls that the filter does not allow.
    let _ = used_seconds();
    Locked { limits: limits().is_ok(), landlock: no_files(), seccomp: few_calls().is_some() }
}

fn limits() -> std::io::Result<()> {
    for (resource, bound) in [
        (Resource::AS, MEMORY),
        (Resource::FSIZE, 0),
        (Resource::CORE, 0),
        (Resource::NOFILE, 16),
        (Resource::NPROC, 0),
    ] {
        resource.set(bound, bound)?;
    }
    Ok(())
}

/// Bounds the CPU time of the next document: a worker whose pool is gone does not loop for ever.
pub(super) fn allow_time(time: Duration) {
    let bound = used_seconds() + time.as_secs() + SPARE_SECONDS;
    // Without the bound the pool's deadline still holds.
    let _ = Resource::CPU.set(bound, rlimit::INFINITY);
}

/// CPU time of this process until now.
fn used_seconds() -> u64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(used.tv_sec).unwrap_or(0)
}

fn no_files() -> bool {
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V2))
        .and_then(landlock::Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    restricted.is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

/// What reading, computing and answering need; everything else ends the worker.
fn few_calls() -> Option<()> {
    let calls = CALLS.iter().map(|call| (*call, Vec::new())).collect::<BTreeMap<_, _>>();
    let arch = TargetArch::try_from(std::env::consts::ARCH).ok()?;
    let filter = SeccompFilter::new(calls, SeccompAction::KillProcess, SeccompAction::Allow, arch).ok()?;
    let program: BpfProgram = filter.try_into().ok()?;
    seccompiler::apply_filter(&program).ok()
}

/// System call numbers of x86_64.
#[cfg(target_arch = "x86_64")]
const CALLS: &[i64] = &[
    0, 1, 3, 7, 9, 10, 11, 12, 13, 14, 15, 19, 20, 24, 25, 28, 35, 39, 60, 96, 131, 158, 186, 201, 202, 204,
    218, 228, 229, 230, 231, 234, 262, 270, 271, 273, 302, 318, 334, 5, 8, 16, 72,
];
/// System call numbers of aarch64.
#[cfg(target_arch = "aarch64")]
const CALLS: &[i64] = &[
    25, 29, 57, 62, 63, 64, 65, 66, 73, 80, 93, 94, 96, 98, 99, 101, 113, 114, 115, 123, 124, 131, 132, 134,
    135, 139, 169, 172, 178, 214, 215, 216, 222, 226, 233, 261, 278, 293,
];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const CALLS: &[i64] = &[];
