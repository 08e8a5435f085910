//! People, roles, tokens and the audit log, on SQLite and on PostgreSQL alike.

#![allow(clippy::unwrap_used)]

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use store::database::{self, Database, Location};
use store::keys::Keys;
use store::values;
use support::{Hand, MIGRATIONS, PASSWORD};
use web::audit::{Actor, Audit, Search, Verdict};
use web::oidc::Person;
use web::people::{
    ADMINISTRATOR, Admission, Attempt, NewUser, Password, People, Privilege, Rights, SecondFactor, SignIn,
    UserChange,
};
use web::session::{Ends, Sessions};
use web::{Clock, Error};

struct Place {
    database: Arc<dyn Database>,
    people: People,
    audit: Audit,
    hand: Hand,
    dir: tempfile::TempDir,
}

async fn place(at: Option<Location>) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let at = at.unwrap_or_else(|| Location::File(dir.path().join("web.db")));
    let database = database::open(&at, MIGRATIONS).await.unwrap();
    let keys = Arc::new(Keys::open(&dir.path().join("keys")).unwrap());
    let hand = Hand::new();
    let people = People::open(database.clone(), keys.clone(), hand.clock()).await.unwrap();
    // Opened a second time, as by another server: nothing is made twice.
    People::open(database.clone(), keys, Clock::real()).await.unwrap();
    let audit = Audit::new(database.clone(), hand.clock());
    Place { database, people, audit, hand, dir }
}

impl Place {
    async fn role(&self, name: &str) -> i64 {
        self.people.role_named(name).await.unwrap().unwrap().id
    }

    async fn user(&self, name: &str, role: &str) -> Result<i64, Error> {
        let roles = vec![self.role(role).await];
        let password = Some(Password::new(PASSWORD.into()));
        self.people.add_user(NewUser { name: name.into(), roles, password, ..NewUser::default() }).await
    }

    async fn change(&self, id: i64, roles: Vec<i64>, disabled: bool) -> Result<(), Error> {
        let user = self.people.user(id).await.unwrap().unwrap();
        let change =
            UserChange { full_name: String::new(), mail: String::new(), roles, default_role: None, disabled };
        self.people.change_user(id, user.version, &change).await
    }

    async fn sign_in(&self, name: &str, code: Option<String>) -> SignIn {
        let password = Password::new(PASSWORD.into());
        self.people.sign_in(Attempt { name: name.into(), password, code }).await.unwrap()
    }
}

on_both! {
    made by place;

    async fn names_differ_by_more_than_case_and_can_be_seen(place: &Place) {
        place.user("Jane", "Reviewer").await.unwrap();
        assert!(matches!(place.user("jANE", "Reviewer").await, Err(Error::Taken(_))));
        for name in ["", " ", "a b", "a:b", "a/b", "ja\u{200b}ne", "a\nb", &"x".repeat(101)] {
            assert!(matches!(place.user(name, "Reviewer").await, Err(Error::Bad(_))), "{name:?}");
        }
        let no_role = NewUser { name: "joe".into(), ..NewUser::default() };
        assert!(matches!(place.people.add_user(no_role).await, Err(Error::Bad(_))));
        assert_eq!(place.people.users().await.unwrap().len(), 1);
    }

    async fn who_comes_from_a_provider_is_made_once_and_follows_it(place: &Place) {
        let person = |subject: &str, roles: &[&str]| Person {
            subject: subject.to_owned(),
            name: "Jane".to_owned(),
            full_name: "Jane Doe".to_owned(),
            mail: "jane@company.example".to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        };
        let admit = async |subject: &str, roles: &[&str]| {
            place.people.admit("OIDC", &person(subject, roles), (&place.audit, "192.0.2.1")).await.unwrap()
        };
        let told = async || {
            let line = place.audit.search(&Search { limit: 1, ..Search::default() }).await.unwrap().pop();
            line.map(|line| (line.number, format!("{} {} {}", line.action, line.subject, line.detail))).unwrap_or_default()
        };
        assert!(matches!(admit("1", &["No such role"]).await, Admission::NoRole));
        assert!(place.people.users().await.unwrap().is_empty());
        let Admission::Welcome(user) = admit("1", &["Reviewer", "reviewer"]).await else { panic!("she is new") };
        let made = (1, "USER_ADDED user oidc/Jane roles from OIDC: Reviewer".to_owned());
        assert_eq!(told().await, made);
        assert_eq!((user.name.as_str(), user.roles.len(), user.home.as_str()), ("oidc/Jane", 1, "OIDC"));
        assert!(matches!(admit("1", &["Reviewer"]).await, Admission::Welcome(_)));
        assert_eq!(told().await, made, "nothing is different");
        let same_name = admit("2", &["Reviewer"]).await;
        assert!(matches!(&same_name, Admission::Welcome(user) if user.name == "oidc/Jane-2"), "{same_name:?}");
        assert!(matches!(admit("1", &[ADMINISTRATOR]).await, Admission::Welcome(_)));
        assert_eq!(told().await, (3, "USER_CHANGED user oidc/Jane roles from OIDC: Administrator".to_owned()));
        assert!(matches!(admit("1", &[]).await, Admission::NoRole));
        assert!(matches!(admit("1", &[]).await, Admission::NoRole));
        assert_eq!(told().await, (4, "USER_CHANGED user oidc/Jane roles from OIDC: none".to_owned()));
        assert!(place.people.user(user.id).await.unwrap().unwrap().roles.is_empty());
        place.user("root", ADMINISTRATOR).await.unwrap();
        place.people.disable(user.id, true).await.unwrap();
        assert!(matches!(admit("1", &[ADMINISTRATOR]).await, Admission::Disabled));
        let ends_at = place.hand.seconds() as i64 * 1_000 + 600_000;
        assert!(place.people.use_round(&[7; 32], ends_at).await.unwrap());
        assert!(!place.people.use_round(&[7; 32], ends_at).await.unwrap(), "a round counts once");
    }

    async fn a_change_is_there_with_its_line_in_the_audit_log_or_not_at_all(place: &Place) {
        let role = place.role("Reviewer").await;
        let jane = place.user("jane", "Reviewer").await.unwrap();
        let sessions = Sessions::new(place.database.clone(), place.hand.clock(), Ends::default());
        let old = sessions.begin(jane, role, "192.0.2.1", "a browser").await.unwrap();
        let factor = SecondFactor::fresh().unwrap();
        let code = factor.code(place.hand.seconds());
        let joe = Person {
            subject: "1".to_owned(),
            name: "Joe".to_owned(),
            full_name: String::new(),
            mail: String::new(),
            roles: vec!["Reviewer".to_owned()],
        };
        let entry = |action: &str| place.audit.entry(Actor { who: "root".into(), ..Actor::default() }, action, "it", "");
        let rename = async |from: &str, to: &str| {
            let mut transaction = place.database.begin().await.unwrap();
            transaction.run(&format!("ALTER TABLE {from} RENAME TO {to}"), Vec::new()).await.unwrap();
            transaction.commit().await.unwrap();
        };
        // Signed in and out, a second factor set and removed, somebody whom a provider lets in.
        let change = async |which: usize| match which {
            0 => sessions.noting(entry("SIGNED_IN")).begin(jane, role, "192.0.2.2", "another").await.map(|_| ()),
            1 => sessions.noting(entry("SIGNED_OUT")).end(&old.hash()).await,
            2 => place.people.noting(entry("SECOND_FACTOR_SET")).set_second_factor(jane, &factor, &code).await,
            3 => place.people.noting(entry("SECOND_FACTOR_REMOVED")).clear_second_factor(jane).await,
            _ => place.people.admit("OIDC", &joe, (&place.audit, "192.0.2.1")).await.map(|_| ()),
        };
        let state = async || {
            let user = place.people.user(jane).await.unwrap().unwrap();
            let users = place.people.users().await.unwrap().len();
            (sessions.of(jane).await.unwrap().len(), user.version, user.has_second_factor, users)
        };
        let before = state().await;
        rename("web_audit", "web_audit_away").await;
        for which in 0..5 {
            assert!(matches!(change(which).await, Err(Error::Store(_))), "{which}");
            assert_eq!(state().await, before, "{which}");
        }
        rename("web_audit_away", "web_audit").await;
        let mut last = before;
        for which in 0..5 {
            change(which).await.unwrap();
            let now = state().await;
            assert_ne!(now, last, "{which}");
            last = now;
            let lines = place.audit.search(&Search { limit: 10, ..Search::default() }).await.unwrap();
            assert_eq!(lines.len(), which + 1);
        }
        // What is tried in vain is no change: the wrong password is counted, and no line tells of a new one.
        let password = |text: &str| Password::new(text.to_owned());
        let people = place.people.noting(entry("PASSWORD_CHANGED"));
        let refused = people.change_password(jane, password("wrong"), password("four other words 12"), None, false).await;
        assert!(matches!(refused, Err(Error::WrongPassword)), "{refused:?}");
        assert_eq!(place.audit.search(&Search { limit: 10, ..Search::default() }).await.unwrap().len(), 5);
    }

    async fn an_administrator_is_always_left(place: &Place) {
        let (administrator, reviewer) = (place.role(ADMINISTRATOR).await, place.role("Reviewer").await);
        let root = place.user("root", ADMINISTRATOR).await.unwrap();
        let last = |result| assert!(matches!(result, Err(Error::LastAdministrator)), "{result:?}");
        last(place.people.disable(root, true).await);
        last(place.change(root, vec![reviewer], false).await);
        let other = place.user("other", ADMINISTRATOR).await.unwrap();
        place.people.disable(root, true).await.unwrap();
        last(place.people.disable(other, true).await);
        place.people.disable(root, false).await.unwrap();
        place.change(other, vec![reviewer, administrator, reviewer], false).await.unwrap();
        let roles = place.people.user(other).await.unwrap().unwrap().roles;
        assert_eq!(roles.len(), 2, "each role once");
    }

    async fn a_change_made_from_an_old_page_changes_nothing(place: &Place) {
        place.user("root", ADMINISTRATOR).await.unwrap();
        let jane = place.user("jane", "Reviewer").await.unwrap();
        let old = place.people.user(jane).await.unwrap().unwrap();
        let roles = vec![place.role("Remediator").await];
        place.change(jane, roles.clone(), false).await.unwrap();
        let change = UserChange { full_name: "Old".into(), mail: String::new(), roles, default_role: None, disabled: true };
        assert!(matches!(place.people.change_user(jane, old.version, &change).await, Err(Error::Stale)));
        let now = place.people.user(jane).await.unwrap().unwrap();
        assert!(!now.disabled && now.roles[0].1 == "Remediator" && now.full_name.is_empty());
        let rights = Rights { privileges: [Privilege::ReadAudit].into(), ..Rights::default() };
        let role = place.people.add_role("Auditor", &rights).await.unwrap();
        place.people.change_role(role, 1, "Auditor", &rights).await.unwrap();
        assert!(matches!(place.people.change_role(role, 1, "Auditor", &rights).await, Err(Error::Stale)));
        assert!(matches!(place.people.add_role("Auditor", &rights).await, Err(Error::Taken(_))));
    }

    async fn a_role_that_somebody_has_is_not_removed_and_built_in_ones_stay(place: &Place) {
        place.user("root", ADMINISTRATOR).await.unwrap();
        let role = place.people.add_role("Auditor", &Rights::default()).await.unwrap();
        let jane = place.user("jane", "Auditor").await.unwrap();
        let refused = place.people.remove_role(role).await.unwrap_err();
        assert_eq!(refused.to_string(), "It is in use: jane.");
        let reviewer = place.role("Reviewer").await;
        place.change(jane, vec![reviewer], false).await.unwrap();
        place.people.remove_role(role).await.unwrap();
        assert!(matches!(place.people.remove_role(reviewer).await, Err(Error::Bad(_))));
        let administrator = place.people.role_named(ADMINISTRATOR).await.unwrap().unwrap();
        let less = place.people.change_role(administrator.id, administrator.version, ADMINISTRATOR, &Rights::default()).await;
        assert!(matches!(less, Err(Error::Bad(_))));
    }

    async fn a_code_is_taken_once_however_many_send_it(place: &Place) {
        let jane = place.user("jane", "Reviewer").await.unwrap();
        let factor = SecondFactor::fresh().unwrap();
        place.people.set_second_factor(jane, &factor, &factor.code(place.hand.seconds())).await.unwrap();
        assert!(matches!(place.sign_in("jane", None).await, SignIn::NeedsCode(_)));
        place.hand.turn(30);
        let code = factor.code(place.hand.seconds());
        let tries = (0..4).map(|_| place.sign_in("jane", Some(code.clone())));
        let mut welcome = 0;
        for one in tries.collect::<Vec<_>>() {
            welcome += usize::from(matches!(one.await, SignIn::Welcome(_)));
        }
        assert_eq!(welcome, 1);
    }

    async fn a_session_used_through_another_servers_console_is_that_servers_alone(place: &Place) {
        let (jane, role) = (place.user("jane", "Reviewer").await.unwrap(), place.role("Reviewer").await);
        let sessions = Sessions::new(place.database.clone(), place.hand.clock(), Ends::default());
        let name = sessions.begin_through("gw1", jane, role, "192.0.2.1 at gw1").await.unwrap();
        let found = sessions.find_through("gw1", &name).await.unwrap().unwrap();
        assert_eq!((found.user, found.role, found.peer.as_str()), (jane, role, "192.0.2.1 at gw1"));
        for (server, name) in [("gw2", name.as_str()), ("", &name), ("gw1", "00"), ("gw1", "no name"), ("gw1", "")] {
            assert!(sessions.find_through(server, name).await.unwrap().is_none(), "{server} {name}");
        }
        // It is seen with the user's own, and ends with them, or idly.
        let own = sessions.begin(jane, role, "192.0.2.2", "a browser").await.unwrap();
        let agents: BTreeSet<String> = sessions.of(jane).await.unwrap().into_iter().map(|one| one.agent).collect();
        assert_eq!(agents, ["Console of gw1", "a browser"].map(str::to_owned).into());
        sessions.end_others(jane, &own.hash()).await.unwrap();
        assert!(sessions.find_through("gw1", &name).await.unwrap().is_none());
        let idle = sessions.begin_through("gw1", jane, role, "").await.unwrap();
        place.hand.turn(20 * 60);
        assert!(sessions.find_through("gw1", &idle).await.unwrap().is_some(), "being asked about keeps it");
        place.hand.turn(20 * 60);
        assert!(sessions.find_through("gw1", &idle).await.unwrap().is_some());
        place.hand.turn(31 * 60);
        assert!(sessions.find_through("gw1", &idle).await.unwrap().is_none());
    }

    async fn second_factors_survive_a_new_master_key(place: &Place) {
        let jane = place.user("jane", "Reviewer").await.unwrap();
        let factor = SecondFactor::fresh().unwrap();
        place.people.set_second_factor(jane, &factor, &factor.code(place.hand.seconds())).await.unwrap();
        let dir = place.dir.path().join("keys");
        let mut keys = Keys::read(&dir).unwrap();
        keys.rotate(&dir).unwrap();
        for again in [1, 0] {
            let wrapped = web::people::SEALED.wrap_again(&*place.database, &keys).await.unwrap();
            assert_eq!((wrapped.again, wrapped.failed), (again, 0), "once is enough");
        }
        keys.retire_old(&dir).unwrap();
        let fresh = Arc::new(Keys::read(&dir).unwrap());
        let people = People::open(place.database.clone(), fresh, place.hand.clock()).await.unwrap();
        place.hand.turn(30);
        let attempt = Attempt {
            name: "jane".into(),
            password: Password::new(PASSWORD.into()),
            code: Some(factor.code(place.hand.seconds())),
        };
        assert!(matches!(people.sign_in(attempt).await.unwrap(), SignIn::Welcome(_)));
    }

    async fn the_log_knows_when_a_line_was_changed_or_taken_out(place: &Place) {
        let actor = Actor { who: "jane".into(), role: "Reviewer".into(), peer: "192.0.2.1".into() };
        assert_eq!(place.audit.verify().await.unwrap(), Verdict::Whole { lines: 0, head: vec![] });
        let adding = (0..20).map(|number| {
            let (audit, actor) = (place.audit.clone(), actor.clone());
            tokio::spawn(async move { audit.add(&actor, "LOOKED", &format!("incident {number}"), "nul \0 and ä").await })
        });
        for one in adding.collect::<Vec<_>>() {
            one.await.unwrap().unwrap();
        }
        let last = place.audit.search(&Search { limit: 1, ..Search::default() }).await.unwrap().remove(0);
        assert_eq!(place.audit.verify().await.unwrap(), Verdict::Whole { lines: 20, head: last.hash });
        let search = |text: &str| Search { text: Some(text.into()), limit: 100, ..Search::default() };
        assert_eq!(place.audit.search(&search("INCIDENT 1")).await.unwrap().len(), 11);
        assert_eq!(place.audit.search(&search("%")).await.unwrap().len(), 0, "a sign, not a pattern");
        let spoil = async |sql: &str| {
            let mut transaction = place.database.begin().await.unwrap();
            transaction.run(sql, values![]).await.unwrap();
            transaction.commit().await.unwrap();
        };
        spoil("UPDATE web_audit SET who = 'joe' WHERE number = 7").await;
        assert_eq!(place.audit.verify().await.unwrap(), Verdict::Broken { at: 7 });
        spoil("UPDATE web_audit SET who = 'jane' WHERE number = 7").await;
        assert!(matches!(place.audit.verify().await.unwrap(), Verdict::Whole { .. }));
        spoil("DELETE FROM web_audit WHERE number = 5").await;
        assert_eq!(place.audit.verify().await.unwrap(), Verdict::Broken { at: 5 });
    }
}
