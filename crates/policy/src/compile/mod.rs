//! From files to one immutable set: everything wrong is reported at once, nothing half good is used.

pub(crate) mod conditions;
mod doubts;
pub(crate) mod files;
mod indexes;
pub(crate) mod library;
pub(crate) mod model;
mod names;
pub(crate) mod patterns;
mod policies;
mod reach;
pub(crate) mod responses;
mod settings;
mod waiting;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use conditions::{Context, Questions};
use doubts::Doubts;
use files::{Role, SourceFile, role};
use library::Library;
use model::{Compiled, Engine, Settings};
use names::{Names, usual_places};
use policies::{Rules, USUAL_COUNT, triggers};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::{IndexKind, Indexes, file_name};
use crate::syntax::condition::{Condition, Test};
use crate::syntax::identifier::{Dictionary, Identifier};
use crate::syntax::policy::Policy;
use crate::syntax::response::ResponseRule;
use crate::syntax::settings::SettingsFile;
use crate::syntax::{cases, identifier, policy, read, response, settings as settings_syntax};
use crate::verdict::{Mode, PolicyInfo};

/// The policy that answers for what no other policy decided.
pub const NOT_FULLY_INSPECTED: u32 = 9999;

/// Files that are there unless the set has its own of the same number or name.
const BUILT_IN_POLICY: (&str, &str) =
    ("builtin/not-fully-inspected.toml", include_str!("../builtin/not-fully-inspected.toml"));
const BUILT_IN_RESPONSES: &[(&str, &str)] = &[
    ("builtin/block.toml", include_str!("../builtin/block.toml")),
    ("builtin/hold.toml", include_str!("../builtin/hold.toml")),
    ("builtin/mark.toml", include_str!("../builtin/mark.toml")),
    ("builtin/tag.toml", include_str!("../builtin/tag.toml")),
];

/// How much to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What is used.
    Load,
    /// Also what no policy uses, policies that are off, and the syntax of cases.
    Check,
}

/// A compiled set and what is surely wrong in it.
pub(crate) struct Output {
    pub(crate) compiled: Compiled,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Compiles files.
pub(crate) fn compile(
    sources: &[SourceFile],
    indexes: &Indexes,
    depth: Depth,
    mut out: Diagnostics,
) -> Result<Output, Vec<Diagnostic>> {
    let tree = Tree::read(sources, depth, &mut out);
    let compiled = tree.compile(sources, indexes, depth, &mut out);
    let failed = out.has_errors();
    let diagnostics = out.into_sorted();
    match compiled {
        Some(compiled) if !failed => Ok(Output { compiled, warnings: diagnostics }),
        _ => Err(diagnostics),
    }
}

/// The files as read.
#[derive(Default)]
struct Tree {
    policies: Vec<Policy>,
    identifiers: Vec<Identifier>,
    dictionaries: Vec<Dictionary>,
    responses: Vec<ResponseRule>,
    settings: Option<SettingsFile>,
}

impl Tree {
    fn read(sources: &[SourceFile], depth: Depth, out: &mut Diagnostics) -> Self {
        let mut tree = Self::default();
        for source in sources {
            let place = source.place();
            match role(&source.name) {
                Role::Policy => tree.policies.extend(policy::read(&place, out)),
                Role::Identifier => {
                    tree.identifiers.extend(identifier::read_identifier(&place, source.stem(), out))
                }
                Role::Dictionary => {
                    tree.dictionaries.extend(identifier::read_dictionary(&place, source.stem(), out))
                }
                Role::WordList => {
                    tree.dictionaries.extend(identifier::read_word_list(&place, source.stem(), out))
                }
                Role::Response => tree.responses.extend(response::read(&place, out)),
                Role::Settings => tree.settings = settings_syntax::read(&place, out),
                Role::Cases if depth == Depth::Check => drop(cases::read(&place, out)),
                Role::Cases | Role::Named | Role::Other => {}
            }
        }
        tree.add_built_in(out);
        tree.policies.sort_by_key(|policy| policy.id.value);
        tree.check_policies(out);
        tree
    }

    fn add_built_in(&mut self, out: &mut Diagnostics) {
        if !self.policies.iter().any(|policy| policy.id.value == NOT_FULLY_INSPECTED) {
            let source = SourceFile::new(BUILT_IN_POLICY.0, BUILT_IN_POLICY.1);
            self.policies.extend(policy::read(&source.place(), out));
        }
        for (name, text) in BUILT_IN_RESPONSES {
            let Some(rule) = response::read(&SourceFile::new(*name, text).place(), out) else { continue };
            if !self.responses.iter().any(|own| own.name.value == rule.name.value) {
                self.responses.push(rule);
            }
        }
    }

    /// Numbers and names are unique; response rules are there.
    fn check_policies(&self, out: &mut Diagnostics) {
        let mut names: HashMap<&str, &Policy> = HashMap::new();
        for (at, policy) in self.policies.iter().enumerate() {
            if let Some(before) = at.checked_sub(1).map(|before| &self.policies[before])
                && before.id.value == policy.id.value
            {
                out.error(
                    "E0401",
                    &policy.place.at(policy.id.span.clone()),
                    format!("the number {} is taken", policy.id.value),
                )
                .label("used twice")
                .remedy(format!(
                    "{} has it; the next free number is {}",
                    before.place.file,
                    self.next_free(policy.id.value)
                ));
            }
            if let Some(other) = names.insert(&policy.name.value, policy) {
                out.error(
                    "E0402",
                    &policy.place.at(policy.name.span.clone()),
                    format!("two policies are called `{}`", policy.name.value),
                )
                .label("used twice")
                .remedy(format!("rename this one or that of {}", other.place.file));
            }
            self.check_rules(policy, out);
            for name in &policy.respond {
                if self.responses.iter().any(|rule| rule.name.value == name.value) {
                    continue;
                }
                let known = self.responses.iter().map(|rule| rule.name.value.as_str());
                let remedy = match read::nearest(&name.value, known.clone()) {
                    Some(close) => format!("write \"{close}\""),
                    None => format!("response rules are {}", known.collect::<Vec<_>>().join(", ")),
                };
                out.error(
                    "E0405",
                    &policy.place.at(name.span.clone()),
                    format!("there is no response rule `{}`", name.value),
                )
                .label("unknown")
                .remedy(remedy);
            }
        }
    }

    fn check_rules(&self, policy: &Policy, out: &mut Diagnostics) {
        for (at, rule) in policy.rules.iter().enumerate() {
            if policy.rules[..at].iter().any(|other| other.name.value == rule.name.value) {
                out.error(
                    "E0404",
                    &policy.place.at(rule.name.span.clone()),
                    format!("two rules are called `{}`", rule.name.value),
                )
                .label("used twice")
                .remedy("give each rule of a policy a name of its own");
            }
        }
    }

    fn next_free(&self, after: u32) -> u32 {
        let mut next = after.saturating_add(1);
        while self.policies.iter().any(|policy| policy.id.value == next) {
            next = next.saturating_add(1);
        }
        next
    }

    fn compile(
        &self,
        sources: &[SourceFile],
        indexes: &Indexes,
        depth: Depth,
        out: &mut Diagnostics,
    ) -> Option<Compiled> {
        let files: HashMap<&str, &SourceFile> = sources
            .iter()
            .filter(|file| role(&file.name) == Role::Named)
            .map(|file| (file.name.as_str(), file))
            .collect();
        let library = Library::new(&self.identifiers, &self.dictionaries, out);
        let directory = settings::directory(self.settings.as_ref(), &files, out);
        let has_directory = self.settings.as_ref().is_some_and(|settings| !settings.directory.is_empty());
        let names = Names { files, directory, has_directory, indexes };
        let settings = settings::compile(self.settings.as_ref(), &names, out);
        let whole = Whole {
            tree: self,
            library: &library,
            names: &names,
            settings: &settings,
            hashes: hashes(sources, indexes),
        };
        let numbers: Vec<(u32, String)> =
            self.policies.iter().map(|policy| (policy.id.value, policy.name.value.clone())).collect();
        let responses = responses::compile(self.responses.clone(), &numbers, &names, out);
        let infos = whole.infos();
        let engine = whole.engine(&infos, Pick::Working, out);
        if depth == Depth::Check {
            whole.engine(&infos, Pick::Resting, out);
        }
        let (id, engine) = (whole.id(), engine?);
        let decisive = usize::try_from(engine.highest_count(&responses)).unwrap_or(usize::MAX);
        let settings = Settings { count_limit: settings.count_limit.max(decisive), ..settings };
        Some(Compiled { id, infos, engine, responses, settings })
    }
}

/// Which policies to compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    /// Those that look at mail.
    Working,
    /// Those that are off, and what nobody uses: only to see whether it could be used.
    Resting,
}

/// Everything that compiling one policy leans on.
struct Whole<'w> {
    tree: &'w Tree,
    library: &'w Library<'w>,
    names: &'w Names<'w>,
    settings: &'w Settings,
    hashes: BTreeMap<String, blake3::Hash>,
}

impl Whole<'_> {
    fn engine(&self, infos: &[Arc<PolicyInfo>], pick: Pick, out: &mut Diagnostics) -> Option<Engine> {
        let mut questions = Questions::default();
        let mut rules = Rules::default();
        let picked: Vec<(&Policy, &Arc<PolicyInfo>)> = self
            .tree
            .policies
            .iter()
            .zip(infos)
            .filter(|(policy, _)| (policy.mode == Mode::Off) == (pick == Pick::Resting))
            .collect();
        for (policy, info) in &picked {
            let context = |usual_need| Context {
                library: self.library,
                names: self.names,
                place: &policy.place,
                zone: &self.settings.zone,
                places: usual_places(),
                count: USUAL_COUNT,
                usual_need,
            };
            rules.add(policy, (*info).clone(), &mut questions, &context, out);
        }
        if pick == Pick::Resting {
            self.unused(&mut questions, out);
        }
        let doubts = Doubts {
            atoms: &questions.atoms,
            members: questions.collector.members(),
            library: self.library,
            settings: self.settings,
            today: jiff::ZonedDateTime::now().with_time_zone(self.settings.zone.clone()).date(),
        };
        for ((written, _), policy) in picked.iter().zip(&rules.policies) {
            doubts.policy(written, policy, &rules.rules, out);
        }
        let exceptions = rules.policies.iter().flat_map(|policy| &policy.exceptions);
        let (late_lists, delayed) = questions.delayed(&rules.rules, exceptions.map(|one| &one.tree));
        let waiting = questions.waiting(&late_lists);
        let later = waiting.iter().map(|one| &one.patterns).chain(delayed.iter().map(|one| &one.patterns));
        let matcher = questions.collector.compile(later.flatten().copied(), out)?;
        let triggers = triggers(&rules.rules, questions.collector.lists(), questions.nears.len(), &questions);
        let Questions { collector, atoms, nears, headers, envelope, probes, .. } = questions;
        let (patterns, mut lists) = collector.finish();
        for (number, near) in nears.iter().enumerate() {
            lists[near.list as usize].nears.push(number as u32);
            let words = &mut lists[near.near as usize];
            words.awaited_within = words.awaited_within.max(near.within);
        }
        for waiting in waiting {
            lists[waiting.words as usize].awaited_by = waiting.patterns;
        }
        late_lists.iter().for_each(|list| lists[*list as usize].delayed = true);
        Some(Engine {
            matcher,
            patterns,
            lists,
            nears,
            delayed,
            atoms,
            probes,
            policies: rules.policies,
            rules: rules.rules,
            triggers,
            headers,
            envelope,
        })
    }

    /// Patterns of identifiers and dictionaries that no policy uses, at every breadth.
    fn unused(&self, questions: &mut Questions, out: &mut Diagnostics) {
        for identifier in &self.tree.identifiers {
            let name = read::At::new(identifier.stem.clone(), 0..0);
            for (breadth, written) in &identifier.breadths {
                let breadth = read::At::new((*breadth).to_owned(), written.span.clone());
                if let Some(found) = self.library.at_breadth(&name, Some(&breadth), &identifier.place, out) {
                    found.patterns(&mut questions.collector, out);
                    if let Some(near) = found.near {
                        self.library.words(&near.words, &identifier.place, &mut questions.collector, out);
                    }
                }
            }
            if let Some(default) = &identifier.default
                && !identifier.breadths.iter().any(|(name, _)| *name == default.value)
            {
                let has: Vec<&str> = identifier.breadths.iter().map(|(name, _)| *name).collect();
                out.error(
                    "E0504",
                    &identifier.place.at(default.span.clone()),
                    format!("the identifier's default breadth `{}` is not there", default.value),
                )
                .label("not one of its breadths")
                .remedy(format!("it has {}", has.join(", ")));
            }
        }
        for dictionary in &self.tree.dictionaries {
            self.library.dictionary_words(dictionary, &mut questions.collector);
        }
    }

    // ---- what policies are

    fn infos(&self) -> Vec<Arc<PolicyInfo>> {
        self.tree.policies.iter().map(|policy| Arc::new(self.info(policy))).collect()
    }

    fn info(&self, policy: &Policy) -> PolicyInfo {
        PolicyInfo {
            id: policy.id.value,
            name: policy.name.value.clone(),
            version: self.version(policy),
            description: policy.description.clone(),
            source: policy.source.clone(),
            family: policy.family.clone(),
            severity: policy.severity,
            mode: policy.mode,
            respond: policy.respond.iter().map(|name| name.value.clone()).collect(),
            rules: policy.rules.iter().map(|rule| rule.name.value.clone()).collect(),
            file: policy.place.file.to_string(),
        }
    }

    /// A hash of the policy's file and of all that it uses: the same rules have the same version everywhere.
    fn version(&self, policy: &Policy) -> String {
        let mut used = vec![policy.place.file.to_string()];
        for condition in policy
            .rules
            .iter()
            .map(|rule| &rule.condition)
            .chain(policy.exceptions.iter().map(|one| &one.condition))
        {
            self.uses(condition, &mut used);
        }
        let responses = self.tree.responses.iter();
        let named = responses.filter(|rule| policy.respond.iter().any(|name| name.value == rule.name.value));
        used.extend(named.map(|rule| rule.place.file.to_string()));
        used.push("settings.toml".to_owned());
        used.sort_unstable();
        used.dedup();
        let mut hasher = blake3::Hasher::new();
        hasher.update(policy.place.source.as_bytes());
        for name in used {
            if let Some(hash) = self.hashes.get(&name) {
                hasher.update(name.as_bytes()).update(hash.as_bytes());
            }
        }
        short(&hasher.finalize())
    }

    fn uses(&self, condition: &Condition, used: &mut Vec<String>) {
        let mut dictionaries = |words: &crate::syntax::condition::Words| {
            let found = words.dictionaries.iter().filter_map(|name| self.library.dictionary(&name.value));
            used.extend(found.map(|dictionary| dictionary.place.file.to_string()));
        };
        match &condition.test {
            Test::All(inner) | Test::Any(inner) | Test::None(inner) => {
                inner.iter().for_each(|condition| self.uses(condition, used));
            }
            Test::Words { words, near } => {
                dictionaries(words);
                near.iter().for_each(|near| dictionaries(&near.words));
            }
            Test::Regex { near, .. } => near.iter().for_each(|near| dictionaries(&near.words)),
            Test::Identifier { names, near, .. } => {
                near.iter().for_each(|near| dictionaries(&near.words));
                let found = names.iter().filter_map(|name| self.library.identifier(&name.value));
                used.extend(found.map(|identifier| identifier.place.file.to_string()));
            }
            Test::Exact(exact) => used.push(file_name(IndexKind::Exact, &exact.name.value)),
            Test::Documents { name, .. } => used.push(file_name(IndexKind::Documents, &name.value)),
            Test::Learned { name, .. } => used.push(file_name(IndexKind::Learned, &name.value)),
            Test::Sender(patterns) | Test::Recipient { patterns, .. } => {
                let files = patterns.iter().filter_map(|pattern| pattern.value.strip_prefix("file:"));
                used.extend(files.map(|file| file.trim().to_owned()));
            }
            _ => {}
        }
    }

    /// A hash of the whole set.
    fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, hash) in &self.hashes {
            hasher.update(name.as_bytes()).update(hash.as_bytes());
        }
        short(&hasher.finalize())
    }
}

/// Hashes of the files that make a set, indexes included; cases do not.
fn hashes(sources: &[SourceFile], indexes: &Indexes) -> BTreeMap<String, blake3::Hash> {
    let files = sources.iter().filter(|file| !matches!(role(&file.name), Role::Other | Role::Cases));
    files.map(|file| (file.name.clone(), blake3::hash(file.text.as_bytes()))).chain(indexes.ids()).collect()
}

fn short(hash: &blake3::Hash) -> String {
    hash.to_hex()[..12].to_owned()
}
