//! The forms of the Control Center: each change and its line in the audit log are there both, or neither; and nothing is saved over
//! what somebody else changed meanwhile. Every form that the router has is in a table here.

#![allow(clippy::unwrap_used)]

#[path = "../../web/tests/support/mod.rs"]
mod browser;
#[path = "../../web/tests/support/changes.rs"]
mod changes;
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;
mod support;

use std::sync::Arc;

use browser::{Answer, Browser, PASSWORD};
use changes::{Kind, carried, fits, kept, kind, some_path};
use gateway::filter::{Action, Condition, Filter};
use gateway::{CopyFilter, Folder, FolderKind, Gateway, Options, QueueFilter, ReviewAction, Who};
use store::database::{self, Database, Location, Migrations};
use support::{marked, send, started, until};
use tokio_util::sync::CancellationToken;
use web::Site;
use web::listen::{Transport, listen};
use web::people::{NewUser, Password};

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");
const MIGRATIONS: Migrations = Migrations { sqlite: &SQLITE, postgres: &POSTGRES };

/// Pages that both consoles have: their changes are in the table of Enforce's.
const SHARED: &[&str] = &["/account", "/audit", "/roles", "/sign-in", "/sign-out", "/theme", "/users"];

/// Forms that change nothing, or nothing that the log tells of, and why.
const NOT_A_CHANGE: &[(&str, &str)] = &[
    ("/incidents/preview", "shows what would happen"),
    ("/release/{id}/{key}", "nobody is signed in; the incident's own history tells of it"),
];

/// Forms that change something, but no thing that a form showed, and why.
const NO_EDIT: &[(&str, &str)] = &[
    ("/configuration/folders/new", "makes one"),
    ("/configuration/folders/{id}/delete", "removes it"),
    ("/configuration/filters/new", "makes one"),
    ("/configuration/filters/{id}/delete", "removes it"),
    ("/incidents/decide", "decides about what is held only"),
    ("/incidents/decisions/{id}/stop", "stops what goes on only"),
    ("/incidents/{id}/decide", "decides about what is held only"),
    ("/incidents/{id}/hold", "holds what is in the queue only"),
    ("/incidents/{id}/sender", "writes a letter"),
    ("/incidents/{id}/original", "shows a mail"),
    ("/queue/act", "acts on what waits only"),
];

/// A Control Center over a gateway that does nothing by itself, with mail from when it did.
struct Center {
    gateway: Gateway,
    site: Site,
    database: Arc<dyn Database>,
    root: tokio::sync::Mutex<Browser>,
    token: String,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Drop for Center {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

const FROM: &str = "ann@company.example";

/// Over a database of this URL, or one of its own.
async fn center(url: String) -> Center {
    let dir = tempfile::tempdir().unwrap();
    // The next host is not there: what is not held waits in the queue.
    let deliver = "smtp://127.0.0.1:1".to_owned().try_into().unwrap();
    let mut options = Options { database: url.clone(), ..support::options(dir.path(), deliver) };
    (options.queue.first_wait, options.queue.longest_wait) = (3_600, 3_600);
    fill(options.clone()).await;
    let at = match url.is_empty() {
        true => Location::File(dir.path().join("gateway.db")),
        false => Location::parse(&url).unwrap(),
    };
    let gateway = Gateway::open(options).await.unwrap();
    let database = database::open(&at, MIGRATIONS).await.unwrap();
    let site = gateway::console::site(&gateway, Vec::new()).await.unwrap();
    let stop = CancellationToken::new();
    let app = gateway::console::router(&gateway, &site);
    let address = listen("127.0.0.1:0", Transport::Plain, 200, app, stop.clone()).await.unwrap().address;
    let role = site.people().role_named("Administrator").await.unwrap().unwrap().id;
    let password = Some(Password::new(PASSWORD.into()));
    let new = NewUser { name: "root".into(), roles: vec![role], password, ..NewUser::default() };
    site.people().add_user(new).await.unwrap();
    let mut root = Browser { address, cookies: Default::default(), headers: Vec::new() };
    assert_eq!(root.post("/sign-in", &[("name", "root"), ("password", PASSWORD)]).await.status, 303);
    let token = root.get("/account").await.form_token();
    Center { gateway, site, database, root: root.into(), token, stop, _dir: dir }
}

/// Mail that is held, and mail that waits in the queue; then the gateway stops.
async fn fill(options: Options) {
    let running = started(options).await;
    let gw = &running.gateway;
    for (name, kind) in [("Seen", FolderKind::Informational), ("Spare", FolderKind::Hold)] {
        let folder = Folder { name: name.into(), kind, ..Folder::standard() };
        gw.save_folder(&folder, None, "test").await.unwrap();
    }
    let seen = Filter {
        name: "Seen".into(),
        when: Condition::PolicyId(vec![9]),
        actions: vec![Action::Inform("Seen".into())],
        ..Filter::standard("Seen")
    };
    let seen = gw.save_filter(&seen, None, "test").await.unwrap();
    let spare = Filter {
        name: "Spare".into(),
        when: Condition::PolicyId(vec![99]),
        ..Filter::standard("Data Loss Prevention")
    };
    let spare = gw.save_filter(&spare, None, "test").await.unwrap();
    gw.order_filters(&[1, seen, spare], &[seen, 1, spare], "test").await.unwrap();
    for subject in ["held 1", "held 2", "held 3", "held 4"] {
        let mail = marked(&subject.replace(' ', ""), subject);
        assert_eq!(send(running.mail, FROM, &["bob@partner.example"], &mail).await.code, 250);
    }
    for subject in ["queued 1", "queued 2", "queued 3"] {
        let mail = marked(&subject.replace(' ', ""), subject).replace("policyid: 24", "policyid: 9");
        assert_eq!(send(running.mail, FROM, &["bob@partner.example"], &mail).await.code, 250);
    }
    until("the first attempts", async || {
        let entries = gw.queue(&QueueFilter::default()).await.unwrap().entries;
        entries.len() == 3 && entries.iter().all(|entry| entry.last_error.is_some())
    })
    .await;
    running.stop().await;
}

impl Center {
    async fn get(&self, path: &str) -> Answer {
        self.root.lock().await.get(path).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", self.token.as_str())];
        all.extend_from_slice(fields);
        self.root.lock().await.post(path, &all).await
    }

    async fn change(&self, kind: &Kind) -> Answer {
        let fields: Vec<(&str, &str)> =
            kind.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post(&kind.path, &fields).await
    }

    /// The incident of the mail with this subject.
    async fn incident(&self, subject: &str) -> u64 {
        let copies = self.gateway.copies(&CopyFilter::default()).await.unwrap().copies;
        copies.iter().find(|copy| copy.subject == subject).unwrap().id
    }

    /// The entry of the queue for it.
    async fn entry(&self, subject: &str) -> u64 {
        let copy = self.incident(subject).await;
        let copy = self.gateway.line(copy).await.unwrap().unwrap();
        let entries = self.gateway.queue(&QueueFilter::default()).await.unwrap().entries;
        entries.iter().find(|entry| entry.message == copy.message).unwrap().id
    }

    async fn lines(&self) -> Vec<web::audit::Line> {
        let search = web::audit::Search { limit: 1_000, ..Default::default() };
        self.site.audit().search(&search).await.unwrap()
    }

    async fn kept(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        kept(&*self.database, &["web_audit", "web_audit_away"]).await
    }

    async fn run(&self, sql: &str) {
        let mut transaction = self.database.begin().await.unwrap();
        transaction.run(sql, Vec::new()).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Decides about all that is held; it goes on until somebody carries it on.
    async fn begin_bulk(&self) -> u64 {
        let who = Who::named("test");
        let filter = CopyFilter::default();
        self.gateway.decide_all(&filter, ReviewAction::Approved, &who, None, "/incidents").await.unwrap()
    }

    async fn kinds(&self) -> Vec<Kind> {
        let folders = self.gateway.folders().await.unwrap();
        let folder = |name: &str| folders.iter().find(|row| row.folder.name == name).unwrap().id;
        let filters = self.gateway.filters().await.unwrap();
        let filter = |name: &str| filters.iter().find(|row| row.filter.name == name).unwrap().id;
        let order = filters.iter().map(|row| row.id.to_string()).collect::<Vec<_>>().join(" ");
        let new_filter = "name = \"New\"\nwhen = { policy-id = [5] }\nactions = [\"deliver\"]\n";
        let spare = new_filter.replace("New", "Spare");
        let incident = async |subject: &str| format!("/incidents/{}", self.incident(subject).await);
        let third = self.incident("held 3").await.to_string();
        let (retried, dropped) = (self.entry("queued 1").await, self.entry("queued 2").await);
        let bulk = self.begin_bulk().await;
        vec![
            kind(
                "FOLDER_SAVED",
                "/configuration/folders/new",
                &[("name", "New"), ("kind", "hold"), ("at_limit", "keep")],
            ),
            kind(
                "FOLDER_SAVED",
                format!("/configuration/folders/{}", folder("Seen")),
                &[("version", "1"), ("name", "Seen"), ("kind", "informational"), ("at_limit", "keep")],
            ),
            kind("FOLDER_DELETED", format!("/configuration/folders/{}/delete", folder("Spare")), &[]),
            kind(
                "FILTERS_ORDERED",
                "/configuration/filters",
                &[("move", &format!("up {}", filter("Spare"))), ("was", &order)],
            ),
            kind("FILTER_SAVED", "/configuration/filters/new", &[("text", new_filter)]),
            kind(
                "FILTER_SAVED",
                format!("/configuration/filters/{}", filter("Spare")),
                &[("version", "1"), ("text", &spare)],
            ),
            kind("FILTER_DELETED", format!("/configuration/filters/{}/delete", filter("Spare")), &[]),
            kind("QUEUE_RETRY", "/queue/act", &[("action", "retry"), ("id", &retried.to_string())]),
            kind("QUEUE_DROP", "/queue/act", &[("action", "drop"), ("id", &dropped.to_string())]),
            kind(
                "HOLD",
                format!("{}/hold", incident("queued 3").await),
                &[("folder", "Data Loss Prevention"), ("note", "wait")],
            ),
            kind(
                "SENDER_WRITTEN_TO",
                format!("{}/sender", incident("held 1").await),
                &[("subject", "Your mail"), ("text", "It waits.")],
            ),
            kind("ORIGINAL_DOWNLOADED", format!("{}/original", incident("held 1").await), &[]),
            kind("APPROVE", format!("{}/decide", incident("held 1").await), &[("action", "approve")]),
            kind("CUSTOM", format!("{}/decide", incident("held 2").await), &[("action", "custom")]),
            kind("REJECT", "/incidents/decide", &[("action", "reject"), ("id", &third)]),
            kind("DECISION_STOPPED", format!("/incidents/decisions/{bulk}/stop"), &[]),
            kind("REJECT", "/incidents/decide", &[("action-all", "reject"), ("f-subject", "held 4")]),
        ]
    }
}

async fn a_change_and_its_line_are_there_both_or_neither(center: Center) {
    let kinds = center.kinds().await;
    // No line can be written.
    center.run("ALTER TABLE web_audit RENAME TO web_audit_away").await;
    let before = center.kept().await;
    for kind in &kinds {
        let answer = center.change(kind).await;
        assert_eq!(answer.status, 500, "{} {}: {}", kind.action, kind.path, answer.body);
        assert_eq!(center.kept().await, before, "{} {}", kind.action, kind.path);
    }
    let held = center.incident("held 1").await;
    assert_eq!(center.get(&format!("/incidents/{held}/mail")).await.status, 500, "no look without its line");
    assert_eq!(center.kept().await, before);
    center.run("ALTER TABLE web_audit_away RENAME TO web_audit").await;
    for kind in &kinds {
        let (lines, before) = (center.lines().await, center.kept().await);
        let answer = center.change(kind).await;
        assert!([200, 303].contains(&answer.status), "{} {}: {}", kind.action, kind.path, answer.body);
        let now = center.lines().await;
        let told: Vec<&str> =
            now[..now.len() - lines.len()].iter().map(|line| line.action.as_str()).collect();
        assert_eq!(told, [kind.action], "{}", kind.path);
        assert_ne!(center.kept().await, before, "{} {} changed nothing", kind.action, kind.path);
    }
    let verdict = center.site.audit().verify().await.unwrap();
    assert!(matches!(verdict, web::audit::Verdict::Whole { .. }), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_and_its_line_are_there_both_or_neither_on_sqlite() {
    a_change_and_its_line_are_there_both_or_neither(center(String::new()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_and_its_line_are_there_both_or_neither_on_postgresql() {
    let Some(url) = postgres::database().await else { return };
    a_change_and_its_line_are_there_both_or_neither(center(url).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_refused_has_no_line() {
    let center = center(String::new()).await;
    let (held, queued) = (center.incident("held 1").await, center.incident("queued 1").await);
    let bulk = center.begin_bulk().await;
    center.gateway.stop_bulk(bulk, &Who::named("test")).await.unwrap();
    center.gateway.decide(&[held], ReviewAction::Rejected, &Who::named("test"), None).await.unwrap();
    let standard = center.gateway.folders().await.unwrap();
    let standard = standard.iter().find(|row| row.folder.name == "Data Loss Prevention").unwrap().id;
    let folder = [("name", "Seen"), ("kind", "hold"), ("at_limit", "keep")];
    let old_folder = [("version", "7"), ("name", "x"), ("kind", "hold"), ("at_limit", "keep")];
    let filter = "name = \"Spare\"\nwhen = { policy-id = [5] }\nactions = [\"deliver\"]\n";
    let held_in = [("folder", "Data Loss Prevention")];
    let refused: Vec<(String, Vec<(&str, String)>)> = [
        ("/configuration/folders/new".to_owned(), &folder[..]),
        (format!("/configuration/folders/{standard}"), &old_folder),
        ("/configuration/folders/99".to_owned(), &old_folder),
        (format!("/configuration/folders/{standard}/delete"), &[]),
        ("/configuration/folders/99/delete".to_owned(), &[]),
        ("/configuration/filters".to_owned(), &[("move", "up 1"), ("was", "1 2")]),
        ("/configuration/filters".to_owned(), &[("move", "up 1")]),
        ("/configuration/filters/new".to_owned(), &[("text", filter)]),
        ("/configuration/filters/new".to_owned(), &[("text", "name = 7")]),
        ("/configuration/filters/1".to_owned(), &[("version", "7"), ("text", filter)]),
        ("/configuration/filters/1/delete".to_owned(), &[]),
        ("/queue/act".to_owned(), &[("action", "retry"), ("id", "999")]),
        ("/queue/act".to_owned(), &[("action", "drop"), ("id", "999")]),
        (format!("/incidents/{held}/hold"), &held_in),
        (format!("/incidents/{queued}/hold"), &[("folder", "Seen")]),
        (format!("/incidents/{held}/sender"), &[("subject", ""), ("text", "x")]),
        (format!("/incidents/{held}/decide"), &[("action", "approve")]),
        (format!("/incidents/{queued}/decide"), &[("action", "approve")]),
        (format!("/incidents/{held}/original"), &[]),
        ("/incidents/999/original".to_owned(), &[]),
        ("/incidents/999/decide".to_owned(), &[("action", "approve")]),
        ("/incidents/decide".to_owned(), &[("action", "approve"), ("id", "999")]),
        (format!("/incidents/decisions/{bulk}/stop"), &[]),
    ]
    .into_iter()
    .map(|(path, fields)| (path, fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()))
    .collect();
    let (lines, before) = (center.lines().await.len(), center.kept().await);
    for (path, fields) in refused {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = center.post(&path, &fields).await;
        assert!(answer.status < 500, "{path}: {}", answer.body);
        let now = center.lines().await;
        assert_eq!(now.len(), lines, "{path} {fields:?}: {} {:?}", answer.status, now.first());
        assert_eq!(center.kept().await, before, "{path} {fields:?}");
    }
}

/// Routes with a form that are not those of both consoles.
async fn routes_with_a_form(center: &Center) -> Vec<String> {
    let mut found = Vec::new();
    for template in center.site.paths() {
        let shared = |one: &&str| template == *one || template.starts_with(&format!("{one}/"));
        if SHARED.iter().any(shared) {
            continue;
        }
        let path = some_path(template);
        let answer = center.root.lock().await.ask("OPTIONS", &path, &[], b"").await;
        if answer.header("allow").is_some_and(|allow| allow.contains("POST")) {
            found.push(template.clone());
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_is_in_the_table_of_changes_or_said_to_change_nothing() {
    let center = center(String::new()).await;
    let kinds = center.kinds().await;
    let mut missing = routes_with_a_form(&center).await;
    missing.retain(|template| {
        !kinds.iter().any(|kind| fits(&kind.path, template))
            && !NOT_A_CHANGE.iter().any(|(known, _)| known == template)
    });
    assert!(missing.is_empty(), "{missing:?}");
}

/// A form that two people open: where it is, what stands before it there, what it carries, and what each of them sends.
struct Edit {
    path: String,
    before: &'static str,
    field: &'static str,
    sends: [Vec<(&'static str, String)>; 2],
}

impl Center {
    async fn edits(&self) -> Vec<Edit> {
        let folder = |description: &str| {
            let fields =
                [("name", "Spare"), ("kind", "hold"), ("at_limit", "keep"), ("description", description)];
            fields.map(|(name, value)| (name, value.to_owned())).to_vec()
        };
        let filter = |name: &str| {
            vec![(
                "text",
                format!("name = \"{name}\"\nwhen = {{ policy-id = [99] }}\nactions = [\"delete\"]\n"),
            )]
        };
        let folders = self.gateway.folders().await.unwrap();
        let folder_id = folders.iter().find(|row| row.folder.name == "Spare").unwrap().id;
        let filters = self.gateway.filters().await.unwrap();
        let filter_id = filters.iter().find(|row| row.filter.name == "Spare").unwrap().id;
        let moves = |to: &str| vec![("move", format!("{to} {filter_id}"))];
        vec![
            Edit {
                path: format!("/configuration/folders/{folder_id}"),
                before: "class=\"stack\"",
                field: "version",
                sends: [folder("for the first"), folder("for the second")],
            },
            Edit {
                path: "/configuration/filters".to_owned(),
                before: "id=\"main\"",
                field: "was",
                sends: [moves("up"), moves("up")],
            },
            Edit {
                path: format!("/configuration/filters/{filter_id}"),
                before: "class=\"wide-stack\"",
                field: "version",
                sends: [filter("Renamed first"), filter("Renamed second")],
            },
        ]
    }

    async fn send_edit(&self, edit: &Edit, which: usize, was: &str) -> Answer {
        let mut fields = vec![(edit.field, was)];
        fields.extend(edit.sends[which].iter().map(|(name, value)| (*name, value.as_str())));
        self.post(&edit.path, &fields).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_meanwhile_is_shown_beside_what_was_sent_and_not_saved_over() {
    let center = center(String::new()).await;
    let edits = center.edits().await;
    for template in routes_with_a_form(&center).await {
        let known = edits.iter().any(|edit| fits(&edit.path, &template))
            || NO_EDIT.iter().chain(NOT_A_CHANGE).any(|(known, _)| *known == template);
        assert!(known, "{template}: does a form of it edit what is there?");
    }
    for edit in &edits {
        let seen = carried(&center.get(&edit.path).await.body, edit.before, edit.field);
        assert_eq!(center.send_edit(edit, 0, &seen).await.status, 303, "{}", edit.path);
        let before = center.kept().await;
        let told = center.send_edit(edit, 1, &seen).await;
        assert_eq!(told.status, 409, "{}: {}", edit.path, told.body);
        assert_eq!(center.kept().await, before, "{}", edit.path);
        for words in ["It has changed meanwhile", "As it is now", "As you sent it"] {
            assert!(told.body.contains(words), "{}: {words} is missing: {}", edit.path, told.body);
        }
        for (_, value) in edit.sends.iter().flatten() {
            let words = value.split('"').nth(1).unwrap_or(value);
            let is_there = told.body.contains(words) || edit.field == "was";
            assert!(is_there, "{}: {words} is missing: {}", edit.path, told.body);
        }
        let now = carried(&told.body, "As you sent it", edit.field);
        let saved = center.send_edit(edit, 1, &now).await;
        assert_eq!(saved.status, 303, "{}: {}", edit.path, saved.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_or_filter_that_was_deleted_meanwhile_can_be_made_anew_from_the_form() {
    let center = center(String::new()).await;
    for edit in center.edits().await.into_iter().filter(|edit| edit.field == "version") {
        assert_eq!(center.post(&format!("{}/delete", edit.path), &[]).await.status, 303);
        let told = center.send_edit(&edit, 0, "1").await;
        assert!(told.status == 409 && told.body.contains("It is not there any more"), "{}", told.body);
        let now = carried(&told.body, "As you sent it", "version");
        let anew = edit.path.rsplit_once('/').unwrap().0.to_owned() + "/new";
        assert!(told.body.contains(&format!("action=\"{anew}\"")), "{}", told.body);
        let edit = Edit { path: anew, ..edit };
        assert_eq!(center.send_edit(&edit, 0, &now).await.status, 303);
    }
}
