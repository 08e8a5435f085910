//! Setting up and taking away one's second factor; both take the password again.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{at_home, user_of};
use crate::layout::{Field, Html, Kind, Page};
use crate::people::SecondFactor;
use crate::session::Tone;
use crate::{Error, Problem, Routes, Site, Viewer};

pub(super) fn router() -> Routes<Site> {
    Routes::new()
        .route("/account/second-factor", get(offer).post(take))
        .route("/account/second-factor/remove", get(ask_remove).post(remove))
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct FactorPage {
    form: Html,
    user: String,
    secret: String,
    spaced: String,
    address: String,
    code: Field,
    password: Field,
}

#[derive(Template)]
#[template(path = "second_factor_remove.html")]
struct RemovePage {
    form: Html,
    user: String,
    password: Field,
}

fn password_field(wrong: &str) -> Field {
    Field::new(Kind::Password, "password", "Your password")
        .required()
        .with("autocomplete", "current-password")
        .wrong(wrong)
}

async fn offer(viewer: Viewer) -> Result<Response, Problem> {
    at_home(&viewer)?;
    show(&viewer, &SecondFactor::fresh()?, "", "")
}

fn show(
    viewer: &Viewer,
    factor: &SecondFactor,
    wrong_code: &str,
    wrong_password: &str,
) -> Result<Response, Problem> {
    let secret = factor.base32();
    let groups: Vec<&str> =
        secret.as_bytes().chunks(4).filter_map(|chunk| std::str::from_utf8(chunk).ok()).collect();
    let brand = &viewer.site.options().brand;
    let content = FactorPage {
        form: viewer.form(),
        user: viewer.name.clone(),
        spaced: groups.join(" "),
        address: factor.address(&format!("{} {}", brand.product, brand.part), &viewer.name),
        code: Field::new(Kind::Text, "code", "Code that the app shows")
            .required()
            .with("inputmode", "numeric")
            .with("autocomplete", "one-time-code")
            .with("maxlength", "10")
            .wrong(wrong_code),
        password: password_field(wrong_password),
        secret,
    };
    Page::new(viewer, "Set up a second factor")
        .below("Your account", "/account")
        .unfit(!wrong_code.is_empty() || !wrong_password.is_empty())
        .show(&content)
}

#[derive(Deserialize)]
struct Taken {
    #[serde(deserialize_with = "crate::pages::hidden")]
    secret: Zeroizing<String>,
    code: String,
    #[serde(deserialize_with = "crate::pages::hidden")]
    password: Zeroizing<String>,
}

async fn take(
    State(site): State<Site>,
    viewer: Viewer,
    Form(typed): Form<Taken>,
) -> Result<Response, Problem> {
    let user = user_of(&site, &viewer).await?;
    let factor = SecondFactor::parse(&typed.secret)
        .ok_or_else(|| Problem::Bad("The secret is not the one that was shown: begin again.".to_owned()))?;
    let unfit = |code: &str, password: &str| show(&viewer, &factor, code, password);
    match site.people().confirm(&user, typed.password).await {
        Err(error @ Error::WrongPassword) => return unfit("", &error.to_string()),
        other => other?,
    }
    let entry = viewer.entry("SECOND_FACTOR_SET", &format!("user {}", viewer.name), "");
    match site.people().noting(entry).set_second_factor(user.id, &factor, &typed.code).await {
        Err(Error::Bad(text)) => return unfit(&text, ""),
        other => other?,
    }
    viewer.say(Tone::Done, "From now on, signing in takes a code too.").await?;
    Ok(Redirect::to("/account").into_response())
}

async fn ask_remove(viewer: Viewer) -> Result<Response, Problem> {
    at_home(&viewer)?;
    show_remove(&viewer, "")
}

fn show_remove(viewer: &Viewer, wrong: &str) -> Result<Response, Problem> {
    let content =
        RemovePage { form: viewer.form(), user: viewer.name.clone(), password: password_field(wrong) };
    Page::new(viewer, "Remove the second factor")
        .below("Your account", "/account")
        .unfit(!wrong.is_empty())
        .show(&content)
}

#[derive(Deserialize)]
struct Removed {
    #[serde(deserialize_with = "crate::pages::hidden")]
    password: Zeroizing<String>,
}

async fn remove(
    State(site): State<Site>,
    viewer: Viewer,
    Form(typed): Form<Removed>,
) -> Result<Response, Problem> {
    let user = user_of(&site, &viewer).await?;
    match site.people().confirm(&user, typed.password).await {
        Err(error @ Error::WrongPassword) => return show_remove(&viewer, &error.to_string()),
        other => other?,
    }
    let entry = viewer.entry("SECOND_FACTOR_REMOVED", &format!("user {}", viewer.name), "by themselves");
    site.people().noting(entry).clear_second_factor(user.id).await?;
    viewer.say(Tone::Done, "The second factor is removed: the password alone opens this account.").await?;
    Ok(Redirect::to("/account").into_response())
}
