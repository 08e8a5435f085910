//! How far a backtest is and what it came to, for whoever began it and, once it has ended, for colleagues.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html as Body, IntoResponse};
use uuid::Uuid;
use web::layout::{Html, Moment, Page, plot::grouped};
use web::{Problem, Viewer};

use super::backtest::{Phase, Run, may};
use super::backtest_kept::{self, Kept, Row, Told};
use super::list::see_other;
use super::policies::Edit;
use super::{Answer, Console};

#[derive(Template)]
#[template(path = "policy_backtest.html")]
struct BacktestPage {
    form: Html,
    edit: Edit,
    days: u32,
    began: Moment,
    state: Html,
}

#[derive(Template)]
#[template(path = "policy_backtest_state.html")]
struct StatePart {
    id: Uuid,
    form: Html,
    running: bool,
    told: Told,
}

/// A backtest as it can be shown.
struct Shown {
    kept: Kept,
    part: StatePart,
}

/// One's own that this server knows, or what one came to.
async fn find(console: &Console, viewer: &Viewer, id: &str) -> Answer<Shown> {
    let uuid = Uuid::try_parse(id).map_err(|_| Problem::NotFound)?;
    let form = viewer.form();
    if let Ok(run) = console.backtests.find(viewer, id) {
        let phase = run.state().phase;
        let told = told(&console.enforce, &run, phase).await;
        let part = StatePart { id: uuid, form, running: phase == Phase::Running, told: told.clone() };
        let kept = Kept { edit: run.edit.clone(), days: run.days, began: run.began.as_millisecond(), told };
        return Ok(Shown { kept, part });
    }
    let database = &**console.enforce.journal.database();
    let kept = backtest_kept::find(database, viewer, uuid).await.map_err(incident::Error::from)?;
    let kept = kept.ok_or(Problem::NotFound)?;
    let part = StatePart { id: uuid, form, running: false, told: kept.told.clone() };
    Ok(Shown { kept, part })
}

pub(super) async fn show(State(console): State<Console>, viewer: Viewer, Path(id): Path<String>) -> Answer {
    may(&viewer)?;
    let Shown { kept, part } = find(&console, &viewer, &id).await?;
    let content = BacktestPage {
        form: viewer.form(),
        edit: kept.edit,
        days: kept.days,
        began: Moment(kept.began),
        state: Html::of(&part)?,
    };
    let page = Page::new(&viewer, "Backtest").within("/policies").below("Policies", "/policies");
    Ok(page.show(&content)?)
}

/// How far it is, for a page that asks again and again.
pub(super) async fn state(State(console): State<Console>, viewer: Viewer, Path(id): Path<String>) -> Answer {
    may(&viewer)?;
    Ok(Body(find(&console, &viewer, &id).await?.part.render()?).into_response())
}

pub(super) async fn stop(State(console): State<Console>, viewer: Viewer, Path(id): Path<String>) -> Answer {
    may(&viewer)?;
    console.backtests.find(&viewer, &id)?.stop.cancel();
    Ok(see_other(&format!("/policies/backtest/{id}")))
}

pub(super) async fn told(enforce: &Arc<crate::Enforce>, run: &Run, phase: Phase) -> Told {
    let opener = enforce.clone();
    let opens = tokio::task::spawn_blocking(move || opener.opener.opens_documents()).await;
    let state = run.state();
    let comparison = &state.comparison;
    let rows = comparison.policies.iter().map(|(id, of)| Row {
        id: *id,
        name: of.name.clone(),
        newly: grouped(of.newly),
        no_longer: grouped(of.no_longer),
        unchanged: grouped(of.unchanged),
        other_severity: grouped(of.other_severity),
        newly_examples: of.newly_examples.clone(),
        no_longer_examples: of.no_longer_examples.clone(),
    });
    let dispositions = comparison.dispositions.iter();
    let how = match phase {
        Phase::Running if run.stop.is_cancelled() => "It stops after this mail.",
        Phase::Running => "It is running; you may leave this page and come back.",
        Phase::Done => "It is through.",
        Phase::Stopped => "It was stopped: what follows is true of the mails until then, the newest first.",
        Phase::TooLong => {
            "It took too long and ended: what follows is true of the mails until then, the newest first."
        }
        Phase::Failed => {
            "It ended early by a fault of ours; the log says why. What follows is true of the mails until then."
        }
    };
    Told {
        how: how.to_owned(),
        done: state.done,
        total: state.total,
        gone: state.gone,
        unreadable: state.unreadable,
        cut: state.cut,
        judged: grouped(comparison.mails),
        different: grouped(comparison.different),
        rows: rows.collect(),
        dispositions: dispositions
            .map(|((from, to), count)| ((*from).to_owned(), (*to).to_owned(), grouped(*count)))
            .collect(),
        opens_documents: opens.unwrap_or(false),
    }
}
