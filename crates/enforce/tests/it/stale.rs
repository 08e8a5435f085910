//! Forms that were opened before somebody else saved: nothing is saved, and the answer shows what is there now, of each kind.

use reqwest::StatusCode;
use store::database::Location;

use crate::postgres;
use crate::support::{Answer, Person, Server, server_on};

struct Desk {
    server: Server,
    ann: Person,
}

async fn desk(at: Option<Location>) -> Desk {
    let server = server_on(at).await;
    let ann = server.person("Administrator").await;
    Desk { server, ann }
}

/// What a form of a page carries, behind some words of it.
fn carried(page: &str, form: &str, field: &str) -> String {
    let at = page.find(form).unwrap_or_else(|| panic!("{form} is missing: {page}"));
    let begins = format!("name=\"{field}\" value=\"");
    page[at..].split(&begins).nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// A form that both fill in: the page with it, what stands before it there, what it carries, where it goes, what all send, and the
/// field in which they differ.
struct Form<'a> {
    page: String,
    before: String,
    field: &'a str,
    to: String,
    same: Vec<(&'a str, String)>,
    differs: &'a str,
    values: [&'a str; 3],
}

impl Desk {
    async fn send(&self, form: &Form<'_>, was: &str, value: &str) -> Answer {
        let mut fields: Vec<(&str, &str)> =
            form.same.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.extend([(form.field, was), (form.differs, value)]);
        self.ann.post(&form.to, &fields).await
    }

    /// Two open the form, one saves, and the other one is told.
    async fn two_save(&self, form: Form<'_>) {
        let [first, second, third] = form.values;
        let seen = carried(&self.ann.get(&form.page).await.text, &form.before, form.field);
        let saved = self.send(&form, &seen, first).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}: {}", form.to, saved.text);
        let told = self.send(&form, &seen, second).await;
        assert_eq!(told.status, StatusCode::CONFLICT, "{}: {}", form.to, told.text);
        for words in ["It has changed meanwhile", "Nothing was saved", first, second] {
            assert!(told.text.contains(words), "{}: {words} is missing: {}", form.to, told.text);
        }
        let now = self.ann.get(&form.page).await.text;
        assert!(now.contains(first) && !now.contains(second), "{}: {now}", form.to);
        // The page offers to save it all the same, over what it shows.
        let now = carried(&told.text, "As you sent it", form.field);
        let saved = self.send(&form, &now, third).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}: {}", form.to, saved.text);
        assert!(self.ann.get(&form.page).await.text.contains(third), "{}", form.to);
    }

    async fn make(&self, path: &str, fields: &[(&str, &str)]) {
        let answer = self.ann.post(path, fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.text);
    }
}

fn same<'a>(pairs: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

on_both! {
    made by desk;

    async fn rules_and_plugins_that_somebody_changed_meanwhile_are_not_saved_over(desk: &Desk) {
        desk.make("/response-rules", &[("name", "Ask"), ("actions", "add-note begin")]).await;
        let id = desk.server.enforce().desk().rules().await.unwrap()[0].id;
        desk.two_save(Form {
            page: format!("/response-rules?edit={id}"),
            before: "id=\"rule\"".to_owned(),
            field: "was",
            to: "/response-rules".to_owned(),
            same: same(&[("id", &id.to_string()), ("name", "Ask"), ("actions", "add-note begin")]),
            differs: "description",
            values: ["for the first", "for the second", "for the third"],
        })
        .await;
        desk.make("/response-rules/ageing", &[("name", "Old"), ("status", "New"), ("hours", "1"), ("actions", "add-note begin")]).await;
        let id = desk.server.enforce().desk().ageing_rules().await.unwrap()[0].id;
        let (page, before) = (format!("/response-rules?ageing={id}"), "id=\"ageing\"".to_owned());
        // A rule that is saved is made anew, under a number of its own.
        let seen = carried(&desk.ann.get(&page).await.text, &before, "was");
        let send = async |was: &str, actions: &str| {
            let fields = [("name", "Old"), ("status", "New"), ("hours", "1"), ("actions", actions), ("was", was)];
            desk.ann.post("/response-rules/ageing", &fields).await
        };
        assert_eq!(send(&seen, "add-note first").await.status, StatusCode::SEE_OTHER);
        let told = send(&seen, "add-note leopard").await;
        assert_eq!(told.status, StatusCode::CONFLICT);
        assert!(told.text.contains("the ageing rule Old") && told.text.contains("first"), "{}", told.text);
        assert!(!desk.ann.get("/response-rules").await.text.contains("leopard"));
        assert_eq!(send("", "add-note new").await.status, StatusCode::CONFLICT, "one of this name is there");
        desk.make("/response-rules/plugin", &[("name", "Run"), ("kind", "executable"), ("program", "run"), ("seconds", "5")]).await;
        desk.two_save(Form {
            page: "/response-rules?plugin=Run".to_owned(),
            before: "value=\"executable\"".to_owned(),
            field: "was",
            to: "/response-rules/plugin".to_owned(),
            same: same(&[("name", "Run"), ("kind", "executable"), ("seconds", "5")]),
            differs: "program",
            values: ["program-a", "program-b", "program-c"],
        })
        .await;
    }

    async fn statuses_attributes_and_reports_that_somebody_changed_meanwhile_are_not_saved_over(desk: &Desk) {
        desk.make("/statuses", &[("name", "Parked"), ("group", "Open")]).await;
        let statuses = desk.server.enforce().desk().statuses().await.unwrap();
        let id = statuses.iter().find(|one| one.name == "Parked").unwrap().id;
        desk.two_save(Form {
            page: format!("/statuses?status={id}"),
            before: "id=\"status\"".to_owned(),
            field: "was",
            to: "/statuses".to_owned(),
            same: same(&[("name", "Parked")]),
            differs: "group",
            values: ["First group", "Second group", "Third group"],
        })
        .await;
        desk.make("/statuses/attribute", &[("name", "Team")]).await;
        let id = desk.server.enforce().desk().attribute_definitions().await.unwrap()[0].id;
        desk.two_save(Form {
            page: format!("/statuses?attribute={id}"),
            before: "id=\"attribute\"".to_owned(),
            field: "was",
            to: "/statuses/attribute".to_owned(),
            same: same(&[("name", "Team")]),
            differs: "group",
            values: ["First group", "Second group", "Third group"],
        })
        .await;
        // A report has no form of its own: it is saved by its name, below the list.
        desk.make("/reports", &[("name", "mine"), ("query", "severity=high")]).await;
        let send = async |was: &str, query: &str| {
            desk.ann.post("/reports", &[("name", "mine"), ("query", query), ("was", was)]).await
        };
        let told = send("", "severity=low").await;
        assert_eq!(told.status, StatusCode::CONFLICT);
        assert!(told.text.contains("your report mine") && told.text.contains("severity=high"), "{}", told.text);
        assert!(!desk.ann.get("/reports").await.text.contains("severity=low"));
        let was = carried(&told.text, "As you sent it", "was");
        assert_eq!(send(&was, "severity=low").await.status, StatusCode::SEE_OTHER);
        assert!(desk.ann.get("/reports").await.text.contains("severity=low"));
    }

    async fn users_roles_and_settings_that_somebody_changed_meanwhile_are_not_saved_over(desk: &Desk) {
        let people = desk.server.enforce().site.people();
        desk.server.person("Reviewer").await;
        let user = people.user_named("reviewer").await.unwrap().unwrap();
        desk.two_save(Form {
            page: format!("/users/{}", user.id),
            before: "class=\"stack\"".to_owned(),
            field: "version",
            to: format!("/users/{}", user.id),
            same: same(&[("role", &user.roles[0].0.to_string())]),
            differs: "full_name",
            values: ["Rita First", "Rita Second", "Rita Third"],
        })
        .await;
        let role = people.add_role("Spare", &Default::default()).await.unwrap();
        desk.two_save(Form {
            page: format!("/roles/{role}"),
            before: "class=\"wide-stack\"".to_owned(),
            field: "version",
            to: format!("/roles/{role}"),
            same: Vec::new(),
            differs: "name",
            values: ["First role", "Second role", "Third role"],
        })
        .await;
        crate::audited::enter(&desk.server, "mx2", "approved").await;
        desk.two_save(Form {
            page: "/servers/mx2".to_owned(),
            before: "/servers/mx2/settings".to_owned(),
            field: "version",
            to: "/servers/mx2/settings".to_owned(),
            same: Vec::new(),
            differs: "next-hop",
            values: ["first.example:25", "second.example:25", "third.example:25"],
        })
        .await;
    }
}
