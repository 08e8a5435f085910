//! A new master key: whatever the old one sealed opens as before.

use enforce::rotate_keys;
use incident::desk::Actor;
use jiff::Timestamp;
use web::Clock;
use web::people::{Attempt, NewUser, Password, People, SecondFactor, SignIn};

use crate::support::{PASSWORD, Server, message};

/// The users with a clock that stands still.
async fn people(server: &Server, seconds: u64) -> People {
    let journal = &server.enforce().journal;
    let at = Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap();
    People::open(journal.database().clone(), journal.keys().clone(), Clock::by(move || at)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_everything_opens_as_before_by_the_new_key_alone() {
    let server = Server::start().await;
    let incident = server.record(message("M", &[1])).await[0];
    let ids = server.enforce().unique_id_keys().await.unwrap();
    let desk = server.enforce().desk();
    let actor = Actor { who: "test".into(), origin: None };
    desk.keep_secret(&actor, crate::support::secret("proxy", b"secret of a proxy")).await.unwrap();
    let early = people(&server, 1_795_000_000).await;
    let reviewer = early.role_named("Reviewer").await.unwrap().unwrap().id;
    let password = Password::new(PASSWORD.to_owned());
    let new = NewUser {
        name: "jane".into(),
        roles: vec![reviewer],
        password: Some(password.clone()),
        ..NewUser::default()
    };
    let jane = early.add_user(new).await.unwrap();
    let factor = SecondFactor::fresh().unwrap();
    early.set_second_factor(jane, &factor, &factor.code(1_795_000_000)).await.unwrap();
    drop((early, desk));
    let keys = server.dir.path().join("data/keys/master.keys");
    let before = std::fs::read_to_string(&keys).unwrap();
    assert!(rotate_keys(&server.enforce().options).await.is_err(), "not while a server runs");

    let (options, dir) = server.stop().await;
    let rotated = rotate_keys(&options).await.unwrap();
    assert_eq!((rotated.key, rotated.failed), (2, 0));
    let after = std::fs::read_to_string(&keys).unwrap();
    assert!(!after.contains(before.lines().next().unwrap()), "the old key is gone");

    let server = Server::start_in(dir).await;
    assert_eq!(server.enforce().unique_id_keys().await.unwrap(), ids);
    let shown = server.enforce().journal.show(incident).await.unwrap().unwrap();
    assert_eq!(shown.matches[0].text, "4111 1111 1111 1111");
    let (_, secret) = server.enforce().desk().open_secret("proxy").await.unwrap().unwrap();
    assert_eq!(&secret[..], b"secret of a proxy");
    let later = people(&server, 1_795_000_030).await;
    let code = Some(factor.code(1_795_000_030));
    let attempt = Attempt { name: "jane".into(), password, code };
    assert!(matches!(later.sign_in(attempt).await.unwrap(), SignIn::Welcome(_)));
}
