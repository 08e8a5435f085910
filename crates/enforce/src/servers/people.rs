//! People of Enforce at a gateway's Control Center: who they are is checked here, with the same locks and the same audit log as at
//! the console, and each has a session here that ends there too when it ends here.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use incident::wire::{
    Person, ServerKind, SessionAnswer, SessionQuestion, SignInAnswer, SignInRequest, SignInStep,
};
use web::audit::Actor;
use web::people::{Attempt, SignIn, User};

use super::{Caller, Refusal, unavailable};
use crate::Enforce;

/// `POST` [`incident::wire::paths::SIGN_IN`].
pub(super) async fn sign_in(
    State(enforce): State<Arc<Enforce>>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<SignInRequest>,
) -> Result<Json<SignInAnswer>, Refusal> {
    caller.must_be(ServerKind::Gateway)?;
    let people = enforce.site.people();
    let (name, came) = match request.step {
        SignInStep::Password { name, password } => {
            let shown = name.trim().chars().take(100).collect();
            (shown, people.sign_in(Attempt { name, password, code: None }).await)
        }
        // Whose ticket it is stands in it alone.
        SignInStep::Code { ticket, code } => (String::new(), people.finish(&ticket, &code).await),
    };
    // What the gateway says of the address is its word; that it was this gateway is ours.
    let address =
        request.peer.parse::<IpAddr>().map_or_else(|_| "?".to_owned(), |address| address.to_string());
    let peer = format!("{address} at {}", caller.name);
    let answer = match came.map_err(|error| unavailable(&error))? {
        SignIn::Welcome(user) if user.must_change => SignInAnswer::ChangePassword,
        SignIn::Welcome(user) => {
            welcome(&enforce, &caller, &user, peer).await.map_err(|error| unavailable(&error))?
        }
        SignIn::NeedsCode(ticket) => SignInAnswer::NeedsCode { ticket },
        SignIn::Refused(why) => {
            tracing::warn!(name = %name.escape_debug(), peer, why, "a sign-in at a gateway was refused");
            let actor = Actor { who: name, role: String::new(), peer };
            let subject = format!("user {}", actor.who);
            let told = enforce.site.audit().add(&actor, "SIGN_IN_REFUSED", &subject, why).await;
            told.map_err(|error| unavailable(&error))?;
            SignInAnswer::Refused
        }
    };
    Ok(Json(answer))
}

async fn welcome(
    enforce: &Enforce,
    caller: &Caller,
    user: &User,
    peer: String,
) -> Result<SignInAnswer, web::Error> {
    let Some(role) = user.default_role.or(user.roles.first().map(|(role, _)| *role)) else {
        return Ok(SignInAnswer::Refused);
    };
    let actor = Actor { who: user.name.clone(), role: String::new(), peer: peer.clone() };
    let detail = format!("at the Control Center of {}", caller.name);
    let entry = enforce.site.audit().entry(actor, "SIGNED_IN", &format!("user {}", user.name), &detail);
    let sessions = enforce.site.sessions().noting(entry);
    let session = sessions.begin_through(&caller.name, user.id, role, &peer).await?;
    Ok(SignInAnswer::Welcome { person: person(user), session })
}

/// `POST` [`incident::wire::paths::SESSION`].
pub(super) async fn session(
    State(enforce): State<Arc<Enforce>>,
    Extension(caller): Extension<Caller>,
    Json(question): Json<SessionQuestion>,
) -> Result<Json<SessionAnswer>, Refusal> {
    caller.must_be(ServerKind::Gateway)?;
    Ok(Json(about(&enforce, &caller, &question).await.map_err(|error| unavailable(&error))?))
}

async fn about(
    enforce: &Enforce,
    caller: &Caller,
    question: &SessionQuestion,
) -> Result<SessionAnswer, web::Error> {
    let sessions = enforce.site.sessions();
    let Some(session) = sessions.find_through(&caller.name, &question.session).await? else {
        return Ok(SessionAnswer { person: None });
    };
    let user = enforce.site.people().user(session.user).await?;
    if question.end {
        let who = user.map(|user| user.name).unwrap_or_default();
        let subject = format!("user {who}");
        let actor = Actor { who, role: String::new(), peer: session.peer };
        let detail = format!("at the Control Center of {}", caller.name);
        let entry = enforce.site.audit().entry(actor, "SIGNED_OUT", &subject, &detail);
        sessions.noting(entry).end(&session.hash).await?;
        return Ok(SessionAnswer { person: None });
    }
    let user = user.filter(|user| !user.disabled && !user.must_change);
    Ok(SessionAnswer { person: user.as_ref().map(person) })
}

fn person(user: &User) -> Person {
    Person {
        name: user.name.clone(),
        full_name: user.full_name.clone(),
        roles: user.roles.iter().map(|(_, name)| name.clone()).collect(),
    }
}
