//! Saving what a form was made from, and committing it together with what tells of it: alike on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used)]

mod support;

use incident::Error;
use incident::desk::{AgeingRow, Desk, PluginRow, RuleRow, Saved};
use store::database::{Answer, Location, Session, Witness, Witnessed};
use store::values;
use support::{Place, ann, place};

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;

struct Server {
    desk: Desk,
    _place: Place,
}

async fn server(at: Option<Location>) -> Server {
    let place = place(at).await;
    Server { desk: Desk::new(place.open().await), _place: place }
}

fn rule(id: u64, description: &str) -> RuleRow {
    RuleRow { id, name: "Ask".into(), description: description.into(), actions: "[]".into(), position: 1 }
}

fn ageing(hours: u32) -> AgeingRow {
    let (name, status) = ("Old".to_owned(), "New".to_owned());
    AgeingRow { id: 0, name, status, hours, actions: "[]".into(), acts_on_mail: false }
}

fn plugin(definition: &str) -> PluginRow {
    PluginRow { name: "Release".into(), definition: definition.into(), second_person: false }
}

/// Which of two forms was stale, and what it was told.
fn stale<T: std::fmt::Debug>(saved: Result<Saved<T>, Error>) -> Option<T> {
    match saved.unwrap() {
        Saved::Stale(now) => now,
        other => panic!("it was not stale: {other:?}"),
    }
}

fn done<T: std::fmt::Debug + PartialEq>(saved: Result<Saved<T>, Error>) {
    assert_eq!(saved.unwrap(), Saved::Done);
}

/// Fails, or writes a note of its own.
#[derive(Debug)]
struct Teller(bool);

impl Witness for Teller {
    fn write<'a>(&'a self, db: &'a mut dyn Session) -> Answer<'a, ()> {
        Box::pin(async move {
            if !self.0 {
                return Err(store::Error::Schema("the log is full".to_owned()));
            }
            let sql =
                "INSERT INTO attribute_definition (name, attribute_group, position) VALUES ('told', 'x', 1)";
            db.run(sql, Vec::new()).await.map(|_| ())
        })
    }
}

on_both! {
    made by server;

    async fn what_somebody_changed_meanwhile_is_not_saved_over(server: Server) {
        let desk = &server.desk;
        done(desk.save_rule(&ann(), &rule(0, "one"), &[], "").await);
        let shown = desk.rules().await.unwrap().remove(0);
        done(desk.save_rule(&ann(), &rule(shown.id, "two"), &[], &shown.mark()).await);
        let now = stale(desk.save_rule(&ann(), &rule(shown.id, "three"), &[], &shown.mark()).await).unwrap();
        assert_eq!((now.description.as_str(), desk.rules().await.unwrap().len()), ("two", 1));
        done(desk.save_rule(&ann(), &rule(shown.id, "three"), &[], &now.mark()).await);
        assert!(matches!(desk.save_rule(&ann(), &rule(0, "four"), &[], "").await.unwrap(), Saved::Refused(_)));
        assert!(desk.remove_rule(shown.id).await.unwrap());
        assert_eq!(stale(desk.save_rule(&ann(), &rule(shown.id, "five"), &[], &now.mark()).await), None);
        assert!(desk.rules().await.unwrap().is_empty());

        done(desk.save_ageing_rule(&ann(), &ageing(1), &[], "").await);
        assert_eq!(stale(desk.save_ageing_rule(&ann(), &ageing(2), &[], "").await).unwrap().hours, 1);
        let shown = desk.ageing_rules().await.unwrap().remove(0);
        done(desk.save_ageing_rule(&ann(), &ageing(2), &[], &shown.mark()).await);
        assert_eq!(stale(desk.save_ageing_rule(&ann(), &ageing(3), &[], &shown.mark()).await).unwrap().hours, 2);

        done(desk.save_plugin(&ann(), &plugin("1"), None, "").await);
        assert_eq!(stale(desk.save_plugin(&ann(), &plugin("2"), None, "").await).unwrap().definition, "1");
        let shown = desk.plugins().await.unwrap().remove(0);
        assert!(desk.remove_plugin("Release", |_| false).await.unwrap().unwrap());
        assert_eq!(stale(desk.save_plugin(&ann(), &plugin("2"), None, &shown.mark()).await), None);

        done(desk.save_status("Parked", "Open", false, 1, "").await);
        assert_eq!(stale(desk.save_status("parked", "Closed", true, 1, "").await).unwrap().group, "Open");
        done(desk.save_attribute("Team", "People", 1, false, "").await);
        assert_eq!(stale(desk.save_attribute("Team", "Work", 1, false, "").await).unwrap().group, "People");

        done(desk.save_report("ann", "mine", false, "a=1", "").await);
        assert_eq!(stale(desk.save_report("ann", "mine", false, "a=2", "").await).unwrap().query, "a=1");
        done(desk.save_report("bob", "mine", false, "a=2", "").await);
    }

    async fn of_those_who_save_the_same_form_at_the_same_time_one_is_done(server: Server) {
        let desk = &server.desk;
        done(desk.save_plugin(&ann(), &plugin("0"), None, "").await);
        for round in 0..10 {
            let was = desk.plugins().await.unwrap()[0].mark();
            let save = |number: u32| {
                let (desk, was, row) = (desk.clone(), was.clone(), plugin(&format!("{round} {number}")));
                tokio::spawn(async move { desk.save_plugin(&ann(), &row, None, &was).await.unwrap() == Saved::Done })
            };
            let mut saved = 0;
            for one in [save(1), save(2), save(3)] {
                saved += usize::from(one.await.unwrap());
            }
            assert_eq!(saved, 1);
        }
    }

    async fn a_change_is_there_with_what_tells_of_it_or_not_at_all(server: Server) {
        let desk = &server.desk;
        let silent = desk.noting(Witnessed::by(Teller(false)));
        silent.save_rule(&ann(), &rule(0, "one"), &[], "").await.unwrap_err();
        silent.save_status("Parked", "Open", false, 1, "").await.unwrap_err();
        assert!(desk.rules().await.unwrap().is_empty());
        assert!(!desk.statuses().await.unwrap().iter().any(|one| one.name == "Parked"));
        let told = desk.noting(Witnessed::by(Teller(true)));
        let lines = async || {
            let sql = "SELECT count(*) AS n FROM attribute_definition WHERE name = ?";
            let rows = desk.journal().database().fetch(sql, values!["told"]).await.unwrap();
            rows[0].get::<i64>("n").unwrap()
        };
        assert!(!told.remove_rule(7).await.unwrap());
        assert!(!told.remove_plugin("none", |_| false).await.unwrap().unwrap());
        assert!(!told.remove_report("ann", 7).await.unwrap());
        assert_eq!(lines().await, 0, "nothing changed, and nothing is told");
        done(told.save_rule(&ann(), &rule(0, "one"), &[], "").await);
        assert_eq!((lines().await, desk.rules().await.unwrap().len()), (1, 1));
    }
}
