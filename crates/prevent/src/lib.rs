//! The detection server: the way of a message, one file a station.
//!
//! ```text
//! accept -> session -> receive -> inspect -> respond -> record -> relay -> answer
//! ```
//!
//! `Session::way` joins the stations and can be read in a minute. Each station's result has private fields and is taken by
//! value by the next one: relaying before recording, or answering before relaying, does not compile.
//!
//! What it promises: the sender's 250 is the next hop's 250; not one octet goes on before the verdict; a message that
//! violates a policy has its incident on disk before it goes on; whatever fails leaves the message with the sender (4xx).

mod accept;
mod answer;
#[doc(hidden)]
pub mod fuzz;
mod header;
mod hops;
mod inspect;
mod keep;
mod metrics;
mod milter;
mod ourselves;
mod pair;
mod plan;
mod receive;
mod record;
mod relay;
mod respond;
mod server;
mod session;
mod settings;
mod unique_id;
mod worker_metrics;

pub use effects::{
    EffectSettings, Mailer, NoticeSettings, Protocol, Submission, SubmissionTls, SyslogSettings, SyslogTls,
};
pub use inspect::SharedDocuments;
pub use metrics::Metrics;
pub use ourselves::leads_back;
pub use server::Server;
pub use settings::{Mode, RefusedCopy, Settings};
pub use unique_id::{IdKey, UniqueId};
pub use worker_metrics::register_workers;
