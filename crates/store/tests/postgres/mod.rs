//! A PostgreSQL of the tests' own: from Debian's package, in a temporary directory, on a free port, gone with the test process.

// Helpers panic: that is how a test fails.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, PgConnection};

/// Started once for each test process; None if it is not installed and tests may be skipped.
static SERVER: OnceLock<Option<Server>> = OnceLock::new();
static NEXT: AtomicU32 = AtomicU32::new(0);

struct Server {
    port: u16,
    /// The keeper stops the server when this process ends, however it ends: its standard input closes then.
    _keeper: Child,
}

/// Stops PostgreSQL and removes its directory when standard input closes.
const KEEPER: &str = r#"dir=$1; shift
"$@" >"$dir/log" 2>&1 & pid=$!
read -r _
kill -INT $pid; wait $pid; rm -rf "$dir""#;

/// The URL of a new empty database. None: not installed, and `WEIR_TESTS_ALLOW_SKIP=1`; otherwise its absence fails the test.
pub(crate) async fn database() -> Option<String> {
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(start)).await.unwrap().as_ref()?;
    let url = |name: &str| format!("postgres://weir@127.0.0.1:{}/{name}", server.port);
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&url("postgres")).await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    Some(url(&name))
}

fn start() -> Option<Server> {
    let Some(programs) = programs() else {
        let skip = std::env::var_os("WEIR_TESTS_ALLOW_SKIP").is_some_and(|value| value == "1");
        assert!(
            skip,
            "PostgreSQL is not installed: apt-get install --no-install-recommends postgresql, \
             or set WEIR_TESTS_ALLOW_SKIP=1 to leave such tests out"
        );
        eprintln!("skipped: PostgreSQL is not installed (package postgresql)");
        return None;
    };
    // Another program may take the free port first.
    (0..3).find_map(|_| serve(&programs)).or_else(|| panic!("PostgreSQL does not start; its words are above"))
}

fn serve(programs: &Path) -> Option<Server> {
    let dir = tempfile::Builder::new().prefix("weir-postgres-").tempdir().unwrap().keep();
    let data = dir.join("data");
    let user = other_user();
    if let Some((uid, gid)) = user {
        chown(&dir, Some(uid), Some(gid)).unwrap();
    }
    let mut make = as_user(user, &programs.join("initdb"));
    make.args([
        "--auth=trust",
        "--username=weir",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
        "--pgdata",
    ]);
    let made = make.arg(&data).stdin(Stdio::null()).output().unwrap();
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = as_user(user, &programs.join("postgres"));
    let mut keeper = Command::new("sh");
    keeper.args(["-c", KEEPER, "keeper"]).arg(&dir).arg(server.get_program()).args(server.get_args());
    keeper.arg("-D").arg(&data).arg("-k").arg(&dir);
    keeper.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "fsync=off"]);
    let mut keeper = keeper.stdin(Stdio::piped()).spawn().unwrap();
    if answers(programs, port) {
        return Some(Server { port, _keeper: keeper });
    }
    eprintln!("{}", std::fs::read_to_string(dir.join("log")).unwrap_or_default());
    drop(keeper.stdin.take());
    keeper.wait().unwrap();
    None
}

fn answers(programs: &Path, port: u16) -> bool {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        let mut ask = Command::new(programs.join("pg_isready"));
        if ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status().unwrap().success() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// The directory of the newest version's programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            path.join("bin/postgres").is_file().then(|| (version, path.join("bin")))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path)
}

/// PostgreSQL refuses to run as root: then it runs as the user of its package.
fn other_user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line =
        users.lines().find(|line| line.starts_with("postgres:")).expect("the package makes a user postgres");
    let mut fields = line.split(':').skip(2).map(|field| field.parse().unwrap());
    Some((fields.next().unwrap(), fields.next().unwrap()))
}

fn as_user(user: Option<(u32, u32)>, program: &Path) -> Command {
    let Some((uid, gid)) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups"]).arg(program);
    command
}

/// Each promise on both databases: `on_both! { made by FUNCTION; async fn …(what it makes: TYPE) { … } … }`. The function gets the place of
/// a database, or none for SQLite in a directory of its own. Promises may also borrow what is made.
#[allow(unused_macros)]
macro_rules! on_both {
    (made by $make:ident; $(async fn $name:ident($made:ident: &$what:ty) $body:block)*) => {$(
        on_both!(one $make $name $made (&$what) (&) $body);
    )*};
    (made by $make:ident; $(async fn $name:ident($made:ident: $what:ty) $body:block)*) => {$(
        on_both!(one $make $name $made ($what) () $body);
    )*};
    (one $make:ident $name:ident $made:ident ($what:ty) ($($borrowed:tt)?) $body:block) => {
        mod $name {
            use super::*;
            async fn promise($made: $what) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                promise($($borrowed)? $make(None).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                if let Some(url) = postgres::database().await {
                    promise($($borrowed)? $make(Some(Location::parse(&url).unwrap())).await).await;
                }
            }
        }
    };
}
