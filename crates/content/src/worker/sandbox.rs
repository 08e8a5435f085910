//! The lock around a worker: no files, no network, no programs, bounded memory. Set by the worker itself before it reads anything.
//! The engine for pictures is no program of ours: it may read what is installed, and that is all it may do more.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use landlock::{
    ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
};
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

impl Locked {
    /// Everything that there is.
    pub(super) const WHOLE: Self = Self { limits: true, landlock: true, seccomp: true };
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
    Locked { limits: limits(16).is_ok(), landlock: no_files(), seccomp: few_calls().is_some() }
}

/// Locks in what becomes an engine for pictures.
pub(super) fn lock_in_engine(engine: &Path, seconds: u64) -> Locked {
    let limits = limits(32).and_then(|()| Resource::CPU.set(seconds, seconds));
    Locked {
        limits: limits.is_ok(),
        landlock: installed_files(engine),
        seccomp: calls_of_an_engine().is_some(),
    }
}

fn limits(files: u64) -> std::io::Result<()> {
    for (resource, bound) in [
        (Resource::AS, MEMORY),
        (Resource::FSIZE, 0),
        (Resource::CORE, 0),
        (Resource::NOFILE, files),
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

/// Programs, libraries and data of the system can be read; nothing can be written, and nothing else is there.
fn installed_files(engine: &Path) -> bool {
    let places = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache"].into_iter().map(Path::new);
    let rules = places.chain([engine]).filter_map(|path| {
        let mut access = AccessFs::ReadFile | AccessFs::Execute;
        if path.is_dir() {
            access |= AccessFs::ReadDir;
        }
        PathFd::new(path).ok().map(|place| Ok(PathBeneath::new(place, access)))
    });
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V2))
        .and_then(landlock::Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(rules))
        .and_then(landlock::RulesetCreated::restrict_self);
    restricted.is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

/// What reading, computing and answering need; everything else ends the worker.
fn few_calls() -> Option<()> {
    allow(CALLS.iter(), SeccompAction::KillProcess)
}

/// The same, and what a program needs to start and to read its data; everything else is refused: no sockets, no processes,
/// no threads, no other process is touched.
fn calls_of_an_engine() -> Option<()> {
    allow(
        CALLS.iter().chain(CALLS_OF_AN_ENGINE),
        SeccompAction::Errno(rustix::io::Errno::PERM.raw_os_error() as u32),
    )
}

fn allow<'a>(calls: impl Iterator<Item = &'a i64>, otherwise: SeccompAction) -> Option<()> {
    if CALLS.is_empty() {
        return None;
    }
    let calls = calls.map(|call| (*call, Vec::new())).collect::<BTreeMap<_, _>>();
    let arch = TargetArch::try_from(std::env::consts::ARCH).ok()?;
    let filter = SeccompFilter::new(calls, otherwise, SeccompAction::Allow, arch).ok()?;
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

/// execve, open and openat, access, stat and its kin, pread64, getcwd, readlink, sysinfo, uname, sched_getaffinity, getdents64, dup.
#[cfg(target_arch = "x86_64")]
const CALLS_OF_AN_ENGINE: &[i64] =
    &[59, 2, 257, 21, 269, 439, 4, 6, 17, 79, 89, 267, 99, 63, 204, 217, 32, 332];
/// As above; older calls do not exist here.
#[cfg(target_arch = "aarch64")]
const CALLS_OF_AN_ENGINE: &[i64] = &[221, 56, 48, 439, 79, 80, 67, 17, 78, 179, 160, 123, 61, 23, 291];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const CALLS_OF_AN_ENGINE: &[i64] = &[];
