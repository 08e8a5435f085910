//! A policy set: compiled once, asked many times, replaced whole.

use std::path::Path;
use std::sync::Arc;

use crate::compile::files::{SourceFile, read_dir};
use crate::compile::model::Compiled;
use crate::compile::{Depth, Output, compile};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::{Index, IndexKeys, Indexes};
use crate::inspect::{self, Explanation};
use crate::mail::Mail;
use crate::verdict::{Inspection, PolicyInfo};

/// A compiled policy set; immutable and shareable between threads.
#[derive(Debug)]
pub struct Set {
    compiled: Compiled,
}

/// A set that can be used, and what is legal in its files but surely wrong.
#[derive(Debug)]
pub struct Loaded {
    /// The set.
    pub set: Set,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

impl Set {
    /// Compiles the files of a directory, without any key of an index. All that is wrong is told at once, errors first.
    pub fn load(dir: &Path) -> Result<Loaded, Vec<Diagnostic>> {
        Self::load_with(dir, &IndexKeys::default())
    }

    /// Compiles the files of a directory, whose indexes have their keys there.
    pub fn load_with(dir: &Path, keys: &IndexKeys) -> Result<Loaded, Vec<Diagnostic>> {
        let mut out = Diagnostics::default();
        let sources = read_dir(dir, &mut out);
        Self::compile(&sources, &Indexes::open(dir, keys), Depth::Load, out)
    }

    /// Compiles files, without any index.
    pub fn load_files(sources: &[SourceFile]) -> Result<Loaded, Vec<Diagnostic>> {
        Self::load_files_with(sources, &Indexes::default())
    }

    /// Compiles files that ask these indexes.
    pub fn load_files_with(sources: &[SourceFile], indexes: &Indexes) -> Result<Loaded, Vec<Diagnostic>> {
        Self::compile(sources, indexes, Depth::Load, Diagnostics::default())
    }

    /// As [`Self::load_files`], and looks at what a server does not need: policies that are off, identifiers and
    /// dictionaries that no policy uses, the syntax of cases.
    pub fn check_files(sources: &[SourceFile]) -> Result<Loaded, Vec<Diagnostic>> {
        Self::check_files_with(sources, &Indexes::default())
    }

    /// As [`Self::check_files`], with indexes.
    pub fn check_files_with(sources: &[SourceFile], indexes: &Indexes) -> Result<Loaded, Vec<Diagnostic>> {
        Self::compile(sources, indexes, Depth::Check, Diagnostics::default())
    }

    /// The files of a policy directory, and what could not be read.
    pub fn read_directory(dir: &Path) -> (Vec<SourceFile>, Vec<Diagnostic>) {
        let mut out = Diagnostics::default();
        let sources = read_dir(dir, &mut out);
        (sources, out.into_sorted())
    }

    fn compile(
        sources: &[SourceFile],
        indexes: &Indexes,
        depth: Depth,
        out: Diagnostics,
    ) -> Result<Loaded, Vec<Diagnostic>> {
        let Output { compiled, warnings } = compile(sources, indexes, depth, out)?;
        Ok(Loaded { set: Self { compiled }, warnings })
    }

    /// A short hash of everything in the set: servers with the same id run the same set.
    pub fn id(&self) -> &str {
        &self.compiled.id
    }

    /// All policies by number, those that are off included.
    pub fn policies(&self) -> &[Arc<PolicyInfo>] {
        &self.compiled.infos
    }

    /// Which policies the message violates, and what could not be inspected. Never fails and never panics on any mail.
    pub fn inspect(&self, mail: &Mail<'_>) -> Inspection {
        inspect::inspect(&self.compiled, mail)
    }

    /// Why each policy is or is not violated.
    pub fn explain(&self, mail: &Mail<'_>) -> Explanation {
        inspect::explain(&self.compiled, mail)
    }

    /// Whether a policy asks for indexed documents: then files are to be hashed, see [`content::How::digests`].
    pub fn wants_digests(&self) -> bool {
        self.compiled.engine.probes.iter().any(|probe| matches!(probe.index, Index::Documents(_)))
    }

    /// Octets that the compiled patterns and the indexes hold (estimated).
    pub fn memory(&self) -> usize {
        let indexes = self.compiled.engine.probes.iter().map(|probe| probe.index.memory());
        self.compiled.engine.matcher.memory() + indexes.sum::<usize>()
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.compiled
    }
}
