//! The console over many incidents: what its pages ask of the database, and the pages over HTTP.
//!
//! `cargo run --release -p benches --bin console [-- --incidents 2000000] [--database postgres://…] [--data DIR]`. Small by
//! default, in SQLite; a database of PostgreSQL that is named must be empty. With a directory the data stays there, and what
//! was written before is asked again. No page should take longer than 100 ms.

mod fill;
mod pages;
mod questions;

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use enforce::{ConsoleTls, Options};
use store::database::Location;
use tokio_util::sync::CancellationToken;

/// Times the pages of the console over many incidents.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many.
    #[arg(long, default_value_t = 20_000)]
    incidents: i64,
    /// An empty database of PostgreSQL, instead of SQLite.
    #[arg(long)]
    database: Option<String>,
    /// Where the data stays.
    #[arg(long)]
    data: Option<std::path::PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> Result<()> {
    let passing = tempfile::tempdir()?;
    let dir = arguments.data.as_deref().unwrap_or(passing.path());
    std::fs::create_dir_all(dir.join("policies"))?;
    let stop = CancellationToken::new();
    let database = arguments.database.map(|url| Location::parse(&url)).transpose()?;
    let options = options(dir, database);
    let running = enforce::start(options, stop.clone()).await?;
    let journal = running.enforce.journal.clone();
    let whole = match fill::filled(&journal).await? {
        Some(whole) => whole,
        None => {
            let began = Instant::now();
            let whole = fill::fill(&journal, arguments.incidents).await?;
            println!("{} incidents written in {:.0?}\n", arguments.incidents, began.elapsed());
            whole
        }
    };
    let began = Instant::now();
    while journal.keep_columns_of(1).await? {}
    println!("columns written in {:.1?}\n", began.elapsed());
    running.enforce.desk().fold_counts().await?;
    questions::ask(journal).await?;
    pages::fetch(&running.enforce, &format!("http://{}", running.address), whole).await?;
    stop.cancel();
    running.finished().await;
    Ok(())
}

fn options(dir: &Path, database: Option<Location>) -> Options {
    Options {
        listen: "127.0.0.1:0".to_owned(),
        servers_listen: "127.0.0.1:0".to_owned(),
        data: dir.join("data"),
        database,
        policies: dir.join("policies"),
        index_keys: dir.join("data/keys/indexes"),
        console: ConsoleTls::Plain,
        names: vec!["localhost".to_owned()],
        console_url: String::new(),
        version: "bench".to_owned(),
        retention: incident::Retention::default(),
        effects: effects::EffectSettings::default(),
        documents: None,
        single_sign_on: None,
        lookups: Vec::new(),
        originals: None,
    }
}
