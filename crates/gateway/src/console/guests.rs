//! Users of Enforce at the Control Center: Enforce says who they are, by the same connection that takes status updates.

use std::collections::BTreeMap;
use std::time::Duration;

use incident::wire::{
    Person, SessionAnswer, SessionQuestion, SignInAnswer, SignInRequest, SignInStep, paths,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use web::guests::{Answer, Away, Elsewhere, Guest, Step, Told};

use crate::to_enforce::{ToEnforce, words};

/// For Enforce to answer, with somebody waiting at a browser; checking a password stands in line there.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct FromEnforce {
    pub(super) to: ToEnforce,
    /// Roles of Enforce, and which role of the Control Center each is.
    pub(super) roles: BTreeMap<String, String>,
}

impl FromEnforce {
    /// None: Enforce does not let this gateway in (any more).
    async fn ask<Q: Serialize + Sync, A: DeserializeOwned>(
        &self,
        path: &str,
        question: &Q,
    ) -> Result<Option<A>, Away> {
        let away = |why: String| Away(format!("{}: {why}", self.to.url(path)));
        let request = self.to.post(path).map_err(away)?.timeout(PATIENCE).json(question);
        let response = request.send().await.map_err(|why| Away(words(&why)))?;
        match response.status().as_u16() {
            200 => {
                let answer = response.json().await;
                answer.map(Some).map_err(|why| away(format!("an answer that cannot be read: {why}")))
            }
            403 => Ok(None),
            code => Err(away(format!("Enforce answered {code}"))),
        }
    }
}

impl Elsewhere for FromEnforce {
    fn name(&self) -> &str {
        "Enforce"
    }

    fn roles(&self) -> &BTreeMap<String, String> {
        &self.roles
    }

    fn sign_in<'a>(&'a self, step: Step, peer: &'a str) -> Told<'a, Answer> {
        let step = match step {
            Step::Password { name, password } => SignInStep::Password { name, password },
            Step::Code { ticket, code } => SignInStep::Code { ticket, code },
        };
        let request = SignInRequest { step, peer: peer.to_owned() };
        Box::pin(async move {
            let answer = self.ask(paths::SIGN_IN, &request).await?;
            let answer = answer.ok_or_else(|| Away("Enforce does not let this gateway in".to_owned()))?;
            Ok(match answer {
                SignInAnswer::Welcome { person, session } => Answer::Admitted(guest(person), session),
                SignInAnswer::NeedsCode { ticket } => Answer::NeedsCode(ticket),
                SignInAnswer::ChangePassword => Answer::ChangePassword,
                SignInAnswer::Refused => Answer::Refused,
            })
        })
    }

    fn confirm<'a>(&'a self, session: &'a str) -> Told<'a, Option<Guest>> {
        let question = SessionQuestion { session: session.to_owned(), end: false };
        Box::pin(async move {
            let answer: Option<SessionAnswer> = self.ask(paths::SESSION, &question).await?;
            Ok(answer.and_then(|answer| answer.person).map(guest))
        })
    }

    fn end<'a>(&'a self, session: &'a str) -> Told<'a, ()> {
        let question = SessionQuestion { session: session.to_owned(), end: true };
        Box::pin(async move {
            let _: Option<SessionAnswer> = self.ask(paths::SESSION, &question).await?;
            Ok(())
        })
    }
}

fn guest(person: Person) -> Guest {
    Guest { name: person.name, full_name: person.full_name, roles: person.roles }
}
