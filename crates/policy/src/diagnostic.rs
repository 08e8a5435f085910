//! What is wrong with a policy file, for the person who writes it: code, place, the words underlined, what to do.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gravity {
    /// The set cannot be used.
    Error,
    /// Legal, but surely not what was meant.
    Warning,
}

/// One finding about one place in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// `E0101`, `W0201`: stable, listed in [`crate::codes`].
    pub code: &'static str,
    /// Error or warning.
    pub severity: Gravity,
    /// Name of the file, relative to the policy directory.
    pub file: String,
    /// The octets that it speaks of.
    pub span: Option<Range<usize>>,
    /// What is wrong, in one line.
    pub message: String,
    /// What the underlined words are.
    pub label: String,
    /// What to write instead.
    pub remedy: Option<String>,
    /// Another place that belongs to it: octets of the same file, and what stands there.
    pub context: Option<(Range<usize>, String)>,
    pub(crate) source: Option<Arc<str>>,
}

impl Diagnostic {
    /// Whether the set cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == Gravity::Error
    }

    /// The file's text, and the octets of it that are underlined: inside it, between characters, perhaps none.
    pub fn words(&self) -> Option<(&str, Range<usize>)> {
        let source = self.source.as_deref()?;
        Some((source, within(source, self.span.as_ref()?)))
    }

    /// The other place that belongs to it, likewise, and what stands there.
    pub fn other_words(&self) -> Option<(Range<usize>, &str)> {
        let (span, label) = self.context.as_ref()?;
        Some((within(self.source.as_deref()?, span), label))
    }

    /// Line and column of the first underlined character, from 1.
    pub fn position(&self) -> Option<(usize, usize)> {
        let (source, words) = self.words()?;
        let before = &source[..words.start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some((line, column))
    }

    /// As people read it, with the line and the words underlined; in colour if asked.
    pub fn render(&self, color: bool) -> String {
        let level = if self.is_error() { Level::ERROR } else { Level::WARNING };
        let title = level.primary_title(self.message.as_str()).id(self.code);
        let group = match (&self.source, &self.span) {
            (Some(source), Some(span)) => title.element(self.snippet(source, span)),
            _ => title.element(Origin::path(self.file.as_str())),
        };
        let mut report = vec![group];
        if let Some(remedy) = &self.remedy {
            report.push(annotate_snippets::Group::with_title(Level::HELP.secondary_title(remedy.as_str())));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&report)
    }

    fn snippet<'a>(
        &'a self,
        source: &'a str,
        span: &Range<usize>,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let mut snippet = Snippet::source(source).path(self.file.as_str());
        snippet =
            snippet.annotation(AnnotationKind::Primary.span(within(source, span)).label(self.label.as_str()));
        if let Some((other, label)) = &self.context {
            snippet =
                snippet.annotation(AnnotationKind::Context.span(within(source, other)).label(label.as_str()));
        }
        snippet
    }
}

/// A span inside the text and on character boundaries.
fn within(source: &str, span: &Range<usize>) -> Range<usize> {
    let floor =
        |at: usize| (0..=at.min(source.len())).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0);
    let (start, end) = (floor(span.start), floor(span.end));
    start..end.max(start)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// Collects what is wrong with all files of one run.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    all: Vec<Diagnostic>,
}

/// A place in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    pub(crate) source: Arc<str>,
    pub(crate) span: Option<Range<usize>>,
}

impl Place {
    pub(crate) fn at(&self, span: Range<usize>) -> Self {
        Self { span: Some(span), ..self.clone() }
    }

    /// The first line that says something.
    pub(crate) fn top(&self) -> Self {
        let start = self.source.len() - self.source.trim_start().len();
        let line = self.source[start..].lines().next().unwrap_or_default().trim_end();
        self.at(start..start + line.len())
    }

    /// A line by its number, from 1.
    pub(crate) fn line(&self, number: usize) -> Self {
        let before: usize =
            self.source.split_inclusive('\n').take(number.saturating_sub(1)).map(str::len).sum();
        let line = self.source[before..].lines().next().unwrap_or_default().trim_end();
        self.at(before..before + line.len())
    }
}

impl Diagnostics {
    /// Adds an error; the builder-like result takes label and remedy.
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        place: &Place,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Gravity::Error, code, place, message.into())
    }

    pub(crate) fn warn(
        &mut self,
        code: &'static str,
        place: &Place,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Gravity::Warning, code, place, message.into())
    }

    fn add(
        &mut self,
        severity: Gravity,
        code: &'static str,
        place: &Place,
        message: String,
    ) -> &mut Diagnostic {
        let at = self.all.len();
        self.all.push(Diagnostic {
            code,
            severity,
            file: place.file.to_string(),
            span: place.span.clone(),
            message,
            label: String::new(),
            remedy: None,
            context: None,
            source: Some(place.source.clone()),
        });
        &mut self.all[at]
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.all.iter().any(Diagnostic::is_error)
    }

    /// Errors first, then by file and place.
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.all.sort_by(|a, b| {
            let key = |d: &Diagnostic| {
                (d.severity, d.file.clone(), d.span.as_ref().map_or(0, |span| span.start), d.code)
            };
            key(a).cmp(&key(b))
        });
        self.all.dedup();
        self.all
    }
}

impl Diagnostic {
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = label.into();
        self
    }

    pub(crate) fn remedy(&mut self, remedy: impl Into<String>) -> &mut Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub(crate) fn context(&mut self, span: Range<usize>, label: impl Into<String>) -> &mut Self {
        self.context = Some((span, label.into()));
        self
    }
}
