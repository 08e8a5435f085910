//! People of another server at this console: let in by that server, under their own names, for as long as it says so. On SQLite
//! and on PostgreSQL alike.

#![allow(clippy::unwrap_used)]

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;
mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use store::database::Location;
use support::{Browser, Console, PASSWORD, console_with};
use web::guests::{Answer, Away, Elsewhere, Guest, Step, Told};

const THEIRS: &str = "a password of the other server";

/// The other server. Who is called `otto` has a second factor.
#[derive(Debug)]
struct Other {
    means: BTreeMap<String, String>,
    /// Roles by name of user.
    people: Mutex<BTreeMap<String, Vec<String>>>,
    sessions: Mutex<BTreeMap<String, String>>,
    away: AtomicBool,
    asked: AtomicUsize,
}

/// The other server, and a console at which its people may sign in.
async fn place(at: Option<Location>) -> (Arc<Other>, Console) {
    let means = [("Remediator", "Reviewer"), ("Boss", "Administrator"), ("Lost", "No such role")];
    let other = Arc::new(Other {
        means: means.map(|(there, here)| (there.to_owned(), here.to_owned())).into(),
        people: Mutex::default(),
        sessions: Mutex::default(),
        away: AtomicBool::new(false),
        asked: AtomicUsize::new(0),
    });
    let console = console_with(Some(other.clone()), at).await;
    (other, console)
}

impl Other {
    fn has(&self, name: &str, roles: &[&str]) {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        self.people.lock().unwrap().insert(name.to_owned(), roles);
    }

    fn guest(&self, name: &str) -> Option<Guest> {
        let roles = self.people.lock().unwrap().get(name)?.clone();
        Some(Guest { name: name.to_owned(), full_name: format!("{name} of there"), roles })
    }

    fn answer(&self, step: Step) -> Answer {
        let name = match step {
            Step::Password { name, password } if *password == THEIRS => match name.as_str() {
                "otto" => return Answer::NeedsCode("ticket of otto".to_owned()),
                "new" => return Answer::ChangePassword,
                _ => name,
            },
            Step::Code { ticket, code }
                if (ticket.as_str(), code.as_str()) == ("ticket of otto", "123456") =>
            {
                "otto".to_owned()
            }
            _ => return Answer::Refused,
        };
        let Some(guest) = self.guest(&name) else { return Answer::Refused };
        let session = format!("session of {name}");
        self.sessions.lock().unwrap().insert(session.clone(), name);
        Answer::Admitted(guest, session)
    }

    fn told<'a, T: Send + 'a>(&self, answer: impl FnOnce() -> T) -> Told<'a, T> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let told = match self.away.load(Ordering::Relaxed) {
            true => Err(Away("unplugged".to_owned())),
            false => Ok(answer()),
        };
        Box::pin(async move { told })
    }
}

impl Elsewhere for Other {
    fn name(&self) -> &str {
        "Enforce"
    }

    fn roles(&self) -> &BTreeMap<String, String> {
        &self.means
    }

    fn sign_in<'a>(&'a self, step: Step, _: &'a str) -> Told<'a, Answer> {
        self.told(|| self.answer(step))
    }

    fn confirm<'a>(&'a self, session: &'a str) -> Told<'a, Option<Guest>> {
        self.told(|| self.guest(self.sessions.lock().unwrap().get(session)?))
    }

    fn end<'a>(&'a self, session: &'a str) -> Told<'a, ()> {
        self.told(|| drop(self.sessions.lock().unwrap().remove(session)))
    }
}

async fn try_in(console: &Console, name: &str, password: &str) -> (Browser, support::Answer) {
    let mut browser = console.browser();
    let typed = [("of", "elsewhere"), ("name", name), ("password", password)];
    let answer = browser.post("/sign-in", &typed).await;
    (browser, answer)
}

async fn comes_in(console: &Console, name: &str) -> Browser {
    let (browser, answer) = try_in(console, name, THEIRS).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    browser
}

on_both! {
    made by place;

    async fn a_guest_comes_in_by_the_password_of_its_own_server_with_what_its_roles_mean_here(place: (Arc<Other>, Console)) {
        let (other, console) = place;
        other.has("rita", &["Remediator", "Unheard of"]);
        console.user("rita", &["Administrator"]).await;
        let page = console.browser().get("/sign-in").await;
        assert!(page.body.contains("User of") && page.body.contains("This Test"), "{}", page.body);
        let mut rita = comes_in(&console, "rita").await;
        assert_eq!(rita.get("/incidents").await.status, 200);
        assert_eq!(rita.get("/users").await.status, 403, "it is not the administrator of the same name");
        let account = rita.get("/account").await;
        for words in ["enforce/rita", "rita of there", "Reviewer", "kept there"] {
            assert!(account.body.contains(words), "{words}: {}", account.body);
        }
        let mut admin = console.signed_in("rita").await;
        let roles = admin.get("/roles").await;
        for words in ["Users of Enforce", "Remediator", "Boss", "no such role"] {
            assert!(roles.body.contains(words), "{words}: {}", roles.body);
        }
        assert!(admin.get("/users").await.body.contains("as Enforce has it"));
    }

    async fn who_is_not_let_in_hears_why_as_far_as_that_is_no_secret(place: (Arc<Other>, Console)) {
        let (other, console) = place;
        other.has("rita", &["Remediator"]);
        other.has("nora", &["Unheard of", "Lost"]);
        let (_, wrong) = try_in(&console, "rita", PASSWORD).await;
        let (_, nobody) = try_in(&console, "none", THEIRS).await;
        assert_eq!((wrong.status, nobody.status), (422, 422));
        let without = |page: &support::Answer, name: &str| page.body.replace(&format!("value=\"{name}\""), "");
        assert_eq!(without(&wrong, "rita"), without(&nobody, "none"));
        for (name, words) in
            [("nora", "none of your roles there counts here"), ("new", "asks for a new password first")]
        {
            let (mut browser, answer) = try_in(&console, name, THEIRS).await;
            assert!(answer.status == 422 && answer.body.contains(words), "{name}: {}", answer.body);
            assert_eq!(browser.get("/incidents").await.status, 303);
        }
        // Without a password of its own here a guest's name opens nothing.
        let local = [("name", "enforce/rita"), ("password", THEIRS)];
        comes_in(&console, "rita").await;
        assert_eq!(console.browser().post("/sign-in", &local).await.status, 422);
        let refused = console.actions().await.into_iter().filter(|action| action == "SIGN_IN_REFUSED").count();
        assert_eq!(refused, 5);
    }

    async fn a_guest_with_a_second_factor_gives_its_code_too(place: (Arc<Other>, Console)) {
        let (other, console) = place;
        other.has("otto", &["Remediator"]);
        let (mut browser, page) = try_in(&console, "otto", THEIRS).await;
        assert!(page.status == 200 && page.body.contains("name=\"of\" value=\"elsewhere\""), "{}", page.body);
        assert_eq!(browser.get("/incidents").await.status, 303, "not yet");
        let code = |code| [("of", "elsewhere"), ("ticket", "ticket of otto"), ("code", code)];
        assert_eq!(browser.post("/sign-in", &code("000000")).await.status, 422);
        assert_eq!(browser.post("/sign-in", &code("123456")).await.status, 303);
        assert_eq!(browser.get("/incidents").await.status, 200);
    }

    async fn what_changes_there_counts_here_within_a_minute(place: (Arc<Other>, Console)) {
        let (other, console) = place;
        other.has("rita", &["Remediator"]);
        let mut rita = comes_in(&console, "rita").await;
        rita.get("/incidents").await;
        let asked = other.asked.load(Ordering::Relaxed);
        other.has("rita", &["Boss"]);
        assert_eq!(rita.get("/incidents").await.status, 200);
        assert_eq!(other.asked.load(Ordering::Relaxed), asked, "not asked at each request");
        console.hand.turn(61);
        assert_eq!(rita.get("/incidents").await.status, 303, "the role that it acted in is gone");
        let mut rita = comes_in(&console, "rita").await;
        assert_eq!(rita.get("/users").await.status, 200);
        other.people.lock().unwrap().clear();
        console.hand.turn(61);
        assert_eq!(rita.get("/users").await.status, 303, "shut out there");
        assert!(console.actions().await.contains(&"SESSION_ENDED".to_owned()));
        // Somebody who is called otherwise there is somebody else here.
        other.has("rita", &["Boss"]);
        other.has("mona", &["Boss"]);
        let mut rita = comes_in(&console, "rita").await;
        other.sessions.lock().unwrap().insert("session of rita".to_owned(), "mona".to_owned());
        console.hand.turn(61);
        assert_eq!(rita.get("/users").await.status, 303);
    }

    async fn while_the_other_server_is_away_guests_stay_for_minutes_and_users_of_this_one_come_in(place: (Arc<Other>, Console)) {
        let (other, console) = place;
        other.has("rita", &["Boss"]);
        console.user("jane", &["Reviewer"]).await;
        let mut rita = comes_in(&console, "rita").await;
        other.away.store(true, Ordering::Relaxed);
        console.hand.turn(120);
        assert_eq!(rita.get("/users").await.status, 200);
        let asked = other.asked.load(Ordering::Relaxed);
        rita.get("/users").await;
        assert_eq!(other.asked.load(Ordering::Relaxed), asked, "who does not answer is left alone for a moment");
        console.hand.turn(181);
        let shut = rita.get("/users").await;
        assert!(
            shut.status == 503 && shut.body.contains("cannot be asked whether you may still come in"),
            "{}",
            shut.body
        );
        assert_eq!(rita.get("/sign-in").await.status, 200, "the way in as somebody else stays open");
        let (_, answer) = try_in(&console, "rita", THEIRS).await;
        assert!(answer.body.contains("Enforce cannot be asked at the moment"), "{}", answer.body);
        console.signed_in("jane").await;
        other.away.store(false, Ordering::Relaxed);
        console.hand.turn(6);
        assert_eq!(rita.get("/users").await.status, 200, "the session goes on once that server is back");
    }

    async fn nothing_secret_of_a_guest_can_be_kept_here(place: (Arc<Other>, Console)) {
        let (other, console) = place;
        other.has("rita", &["Boss"]);
        console.user("root", &["Administrator"]).await;
        let mut rita = comes_in(&console, "rita").await;
        for (method, path) in
            [("GET", "/account/password"), ("GET", "/account/second-factor"), ("POST", "/account/tokens")]
        {
            let answer = match method {
                "GET" => rita.get(path).await,
                _ => rita.submit("/account", path, &[("name", "x"), ("role", "1"), ("days", "")]).await,
            };
            assert!(answer.status == 403 && answer.body.contains("kept there"), "{path}: {}", answer.body);
        }
        let guest = console.site.people().user_named("enforce/rita").await.unwrap().unwrap();
        let mut root = console.signed_in("root").await;
        let page = format!("/users/{}", guest.id);
        assert!(!root.get(&page).await.body.contains("one-time password"));
        assert_eq!(root.submit(&page, &format!("{page}/password"), &[]).await.status, 422);
        // An administrator here can shut a guest out, whatever its server says.
        assert_eq!(root.submit(&page, &page, &[("disabled", "on")]).await.status, 303);
        assert_eq!(rita.get("/users").await.status, 303);
        let (_, answer) = try_in(&console, "rita", THEIRS).await;
        assert!(answer.body.contains("you are shut out here"), "{}", answer.body);
        // A guest is no administrator on whom this server can rely.
        let admin = console.site.people().user_named("root").await.unwrap().unwrap();
        console.site.people().disable(guest.id, false).await.unwrap();
        comes_in(&console, "rita").await;
        assert!(console.site.people().disable(admin.id, true).await.is_err());
    }

    async fn signing_out_here_ends_the_session_there(place: (Arc<Other>, Console)) {
        let (other, console) = place;
        other.has("rita", &["Boss"]);
        let mut rita = comes_in(&console, "rita").await;
        assert_eq!(rita.submit("/account", "/sign-out", &[]).await.status, 303);
        for _ in 0..100 {
            if other.sessions.lock().unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the other server was not told");
    }
}
