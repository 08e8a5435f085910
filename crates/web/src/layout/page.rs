//! The frame around each page: head, navigation, messages, and who is signed in.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html as HtmlBody, IntoResponse, Response};

use super::Html;
use super::parts::notice;
use crate::people::RoleId;
use crate::session::Tone;
use crate::{Problem, Site, Theme, Viewer};

/// Stands on an answer that shows what waited for the viewer; the guard then forgets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told;

/// A page to be.
#[derive(Debug)]
pub struct Page<'a> {
    site: &'a Site,
    viewer: Option<&'a Viewer>,
    theme: Theme,
    title: String,
    /// The navigation's entry that it belongs to, by path.
    place: String,
    crumbs: Vec<(String, String)>,
    notices: Vec<Html>,
    here: String,
    wide: bool,
    unfit: bool,
    script: Option<&'static str>,
}

impl<'a> Page<'a> {
    /// For somebody who is signed in.
    pub fn new(viewer: &'a Viewer, title: impl Into<String>) -> Self {
        let here = viewer.here.clone();
        let place = here.split('?').next().unwrap_or_default().to_owned();
        let alarm = Some(viewer.site.alarm()).filter(|text| !text.is_empty());
        let said = viewer.said.iter().map(|said| notice(said.tone, &said.text));
        let notices = alarm.map(|text| notice(Tone::Trouble, &text)).into_iter().chain(said).collect();
        Self {
            site: &viewer.site,
            viewer: Some(viewer),
            theme: viewer.theme,
            title: title.into(),
            place,
            crumbs: Vec::new(),
            notices,
            here,
            wide: false,
            unfit: false,
            script: None,
        }
    }

    /// For anybody: on a path that the site's options name as public.
    pub fn public(site: &'a Site, theme: Theme, title: impl Into<String>) -> Self {
        Self {
            site,
            viewer: None,
            theme,
            title: title.into(),
            place: String::new(),
            crumbs: Vec::new(),
            notices: Vec::new(),
            here: "/".to_owned(),
            wide: false,
            unfit: false,
            script: None,
        }
    }

    /// The navigation's entry that it belongs to, where that is not the page's own path.
    pub fn within(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// A step of the way here, with its address: `Incidents` above `Incident 17`.
    pub fn below(mut self, title: impl Into<String>, address: impl Into<String>) -> Self {
        self.crumbs.push((title.into(), address.into()));
        self
    }

    /// A message at the top, besides those that waited.
    pub fn say(mut self, tone: Tone, text: &str) -> Self {
        self.notices.push(notice(tone, text));
        self
    }

    /// Whether it shows a form again that cannot be taken as it was typed (422).
    pub fn unfit(mut self, unfit: bool) -> Self {
        self.unfit = unfit;
        self
    }

    /// The same, with what is wrong at the top.
    pub fn wrong(self, text: Option<&str>) -> Self {
        let page = self.unfit(text.is_some());
        match text {
            Some(text) => page.say(Tone::Trouble, text),
            None => page,
        }
    }

    /// Takes the whole width: long tables.
    pub fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// With a script of its own, by the name of the asset.
    pub fn script(mut self, name: &'static str) -> Self {
        self.script = Some(name);
        self
    }

    /// The page with this inside.
    pub fn show(self, content: &impl Template) -> Result<Response, Problem> {
        let content = Html::of(content)?;
        let tells = self.viewer.is_some_and(|viewer| !viewer.said.is_empty());
        let status = if self.unfit { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let mut answer = (status, HtmlBody(self.frame(content).render()?)).into_response();
        if tells {
            answer.extensions_mut().insert(Told);
        }
        Ok(answer)
    }

    /// The page of a problem, for whoever is there.
    pub(crate) fn of_problem(
        site: &'a Site,
        viewer: Option<&'a Viewer>,
        theme: Theme,
        problem: &Problem,
    ) -> Result<Response, Problem> {
        let content = ProblemPage {
            code: problem.status().as_u16(),
            title: problem.title(),
            advice: problem.advice(),
            home: viewer.map_or("/sign-in", |_| site.options().home.as_str()),
            known: viewer.is_some(),
        };
        let page = match viewer {
            Some(viewer) => Self::new(viewer, problem.title()),
            None => Self::public(site, theme, problem.title()),
        };
        page.show(&content)
    }

    fn frame(self, content: Html) -> Frame {
        let options = self.site.options();
        let brand = format!("{} {}", options.brand.product, options.brand.part);
        Frame {
            title: format!("{} · {brand}", self.title),
            heading: self.title,
            product: options.brand.product.clone(),
            part: options.brand.part.clone(),
            home: options.home.clone(),
            theme: self.theme.word(),
            style: self.site.asset("weir.css"),
            icon: self.site.asset("icon.svg"),
            scripts: ["htmx.js", "weir.js"]
                .into_iter()
                .chain(self.script)
                .map(|name| self.site.asset(name))
                .collect(),
            groups: self.viewer.map(|viewer| groups(viewer, &self.place)).unwrap_or_default(),
            who: self.viewer.map(Who::of),
            crumbs: self.crumbs,
            notices: self.notices,
            here: self.here,
            wide: self.wide,
            content,
        }
    }
}

#[derive(Template)]
#[template(path = "frame.html")]
struct Frame {
    title: String,
    heading: String,
    product: String,
    part: String,
    home: String,
    theme: &'static str,
    style: String,
    icon: String,
    scripts: Vec<String>,
    groups: Vec<Group>,
    who: Option<Who>,
    crumbs: Vec<(String, String)>,
    notices: Vec<Html>,
    here: String,
    wide: bool,
    content: Html,
}

struct Group {
    title: String,
    entries: Vec<Entry>,
}

struct Entry {
    title: String,
    path: String,
    current: bool,
}

struct Who {
    name: String,
    role: String,
    roles: Vec<(RoleId, String, bool)>,
    form: Html,
    form_token: String,
}

impl Who {
    fn of(viewer: &Viewer) -> Self {
        let roles =
            viewer.roles.iter().map(|(id, name)| (*id, name.clone(), *id == viewer.role.id)).collect();
        Self {
            name: viewer.shown_name().to_owned(),
            role: viewer.role.name.clone(),
            roles,
            form: viewer.form(),
            form_token: viewer.form_token.clone(),
        }
    }
}

/// What of the navigation this role reaches; the entry with the longest path that begins the place is the current one.
fn groups(viewer: &Viewer, place: &str) -> Vec<Group> {
    let places = &viewer.site.options().places;
    let open = |any_of: &[_]| any_of.is_empty() || any_of.iter().any(|privilege| viewer.may(*privilege));
    let begins =
        |path: &str| place == path || place.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    let current = places
        .iter()
        .map(|place| place.path.as_str())
        .filter(|path| begins(path))
        .max_by_key(|path| path.len());
    let mut groups: Vec<Group> = Vec::new();
    for place in places.iter().filter(|place| open(&place.any_of)) {
        let entry = Entry {
            title: place.title.clone(),
            path: place.path.clone(),
            current: Some(place.path.as_str()) == current,
        };
        match groups.iter_mut().find(|group| group.title == place.group) {
            Some(group) => group.entries.push(entry),
            None => groups.push(Group { title: place.group.clone(), entries: vec![entry] }),
        }
    }
    groups
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    code: u16,
    title: &'static str,
    advice: String,
    home: &'a str,
    known: bool,
}
