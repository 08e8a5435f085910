//! Signing in through the provider: the way there, and the way back with a session, or with why not on the form for signing in.

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

use super::local;
use super::sign_in::{refused, shortened, welcome, with_trouble};
use crate::guard::{cookie, session_cookie};
use crate::listen::Peer;
use crate::oidc::{self, Back, HOME, LIFE, Refusal, SingleSignOn};
use crate::people::{Admission, User};
use crate::{Error, Problem, Routes, Site};

pub(super) fn router() -> Routes<Site> {
    Routes::new().route(oidc::BEGIN, get(begin)).route(oidc::DONE, get(done))
}

#[derive(Deserialize)]
struct To {
    #[serde(default)]
    to: String,
}

async fn begin(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    Query(to): Query<To>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = site.single_sign_on().ok_or(Problem::NotFound)?;
    site.throttle().ask(&peer)?;
    let now = site.clock().now().as_millisecond();
    match provider.begin(site.people().keys(), now, &local(&to.to, "")).await {
        Ok((address, kept)) => {
            let cookie = round_cookie(&site, &peer, &kept, LIFE / 1_000);
            Ok(([(SET_COOKIE, cookie)], Redirect::to(&address)).into_response())
        }
        Err(refusal) => {
            tracing::error!(why = refusal.why(), "a sign-in through the provider cannot begin");
            with_trouble(&site, &headers, to.to, &refusal.told(provider.name()))
        }
    }
}

async fn done(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    Query(back): Query<Back>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = site.single_sign_on().ok_or(Problem::NotFound)?;
    site.throttle().ask(&peer)?;
    let mut answer = match come_in(&site, provider, &peer, &headers, &back).await? {
        Ok((user, to)) => welcome(&site, &peer, &headers, user, None, &to).await?,
        Err(told) => with_trouble(&site, &headers, String::new(), &told)?,
    };
    // A round is over however it ended.
    if let Ok(cookie) = HeaderValue::from_str(&round_cookie(&site, &peer, "", 0)) {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// Who came back, and where to; or what they are told.
async fn come_in(
    site: &Site,
    provider: &SingleSignOn,
    peer: &Peer,
    headers: &HeaderMap,
    back: &Back,
) -> Result<Result<(User, String), String>, Problem> {
    let now = site.clock().now().as_millisecond();
    let kept = cookie(headers, &cookie_name(site, peer)).unwrap_or_default();
    let arrival = match provider.end(site.people().keys(), now, kept, back).await {
        Ok(arrival) => arrival,
        Err(refusal) => return shut(site, provider, peer, refusal).await.map(Err),
    };
    if !site.people().use_round(&arrival.round, now.saturating_add(LIFE)).await? {
        let refusal = Refusal::Stale("its round was come in by already".to_owned());
        return shut(site, provider, peer, refusal).await.map(Err);
    }
    let (person, address) = (arrival.person, peer.ip().to_string());
    let name = format!("{}/{}", HOME.to_lowercase(), shortened(&person.name));
    let (why, told) = match site.people().admit(HOME, &person, (site.audit(), &address)).await {
        Ok(Admission::Welcome(user)) => return Ok(Ok((user, arrival.to))),
        Ok(Admission::NoRole) => ("no role", "but none of your groups or roles there counts here"),
        Ok(Admission::Disabled) => ("disabled", "but you are shut out here"),
        Err(Error::Bad(why)) => {
            let refusal = Refusal::Wrong(format!("the user: {why}"));
            return shut(site, provider, peer, refusal).await.map(Err);
        }
        Err(error) => return Err(error.into()),
    };
    refused(site, peer, &name, why).await?;
    Ok(Err(format!("{} knows you, {told}: ask an administrator of this server.", provider.name())))
}

/// Nobody came in. What the provider or a stranger did wrong counts as an attempt; that it is away does not.
async fn shut(
    site: &Site,
    provider: &SingleSignOn,
    peer: &Peer,
    refusal: Refusal,
) -> Result<String, Problem> {
    if !matches!(refusal, Refusal::Away(_)) {
        site.throttle().failed(peer);
    }
    refused(site, peer, HOME, refusal.why()).await?;
    Ok(refusal.told(provider.name()))
}

fn cookie_name(site: &Site, peer: &Peer) -> String {
    format!("{}-round", session_cookie(site, peer.secure))
}

/// Lax, not Strict: the way back begins at the provider's page.
fn round_cookie(site: &Site, peer: &Peer, value: &str, seconds: i64) -> String {
    let secure = if peer.secure { "; Secure" } else { "" };
    let name = cookie_name(site, peer);
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}
