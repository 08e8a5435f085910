//! How pages look: the frame around each page, and parts that pages are made of. Everything escapes by type: a part is [`Html`]
//! only if this crate made it, and templates escape the rest.
//!
//! A page's own template holds what stands inside `<main>`; [`Page`] puts the frame around it. Tables are plain HTML:
//!
//! ```html
//! <div class="scroll"><table class="list">
//!   <caption>Incidents</caption>
//!   <thead><tr><th scope="col">Subject</th><th scope="col" class="number">Matches</th></tr></thead>
//!   <tbody><tr><td><a href="/incidents/1">…</a></td><td class="number">3</td></tr></tbody>
//! </table></div>
//! ```
//!
//! Rows that can be chosen stand in `<form class="bulk" data-bulk …>`, with a box `<input type="checkbox" data-choose …>` in each
//! row, one `data-choose-all` in the head, and the buttons in `<div class="bulkbar">` (`<output data-chosen>` shows the count).

pub(crate) mod assets;
mod field;
mod html;
mod page;
mod parts;
pub mod plot;
mod stale;

pub use field::{Choice, Field, Kind};
pub(crate) use html::escape_char;
pub use html::{Html, escape};
pub use page::Page;
pub(crate) use page::Told;
pub use parts::{Chip, Duration, Moment, Pager, Size, Tint, notice};
pub use stale::{Stale, facts};
