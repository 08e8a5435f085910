//! The console's pages over HTTP, as somebody who signed in asks for them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use enforce::Enforce;
use reqwest::Client;
use reqwest::header::{ACCEPT, COOKIE};
use web::people::{Condition, NewUser, Privilege, Rights};

/// Times each page is fetched.
const TIMES: usize = 15;

/// Fetches every page as an administrator, and the lists as somebody whose role reaches one department only.
pub(crate) async fn fetch(enforce: &Enforce, base: &str, whole: u64) -> Result<()> {
    println!("\n| page, as | first | median | slowest | KB |\n| --- | ---: | ---: | ---: | ---: |");
    let administrator = sign_in(enforce, "Administrator").await?;
    let mut paths: Vec<String> = LISTS.iter().chain(&OTHERS).map(|path| (*path).to_owned()).collect();
    paths.push(format!("/incidents/{whole}"));
    paths.push(format!("/incidents/{whole}/message"));
    for path in &paths {
        row(base, path, "administrator", &administrator).await?;
    }
    let department =
        Condition::Attribute { name: "Department".into(), any_of: BTreeSet::from(["department 7".into()]) };
    let rights = Rights {
        privileges: BTreeSet::from([Privilege::ViewNetworkIncidents, Privilege::ViewMatches]),
        access: vec![department],
        ..Rights::default()
    };
    let name = format!("One department {}", jiff::Timestamp::now().as_millisecond());
    enforce.site.people().add_role(&name, &rights).await?;
    let reader = sign_in(enforce, &name).await?;
    for path in LISTS.iter().chain(&["/summary"]) {
        row(base, path, "one department", &reader).await?;
    }
    Ok(())
}

const LISTS: [&str; 24] = [
    "/incidents",
    "/incidents?status=New",
    "/incidents?status=New&status=In+Process&sort=severity",
    "/incidents?status=Escalated&severity=info",
    "/incidents?severity=high&policy=3&sort=sender",
    "/incidents?sort=matches",
    "/incidents?sort=server&order=up",
    "/incidents?prevent=21",
    "/incidents?sender=user17@company.example",
    "/incidents?recipient=r99@partner.example",
    "/incidents?value=4111111111111111",
    "/incidents?attribute=Department%3DDepartment+7",
    "/incidents?attribute=Department%3DDepartment+7&sort=sender",
    "/incidents?attribute=Department%3DDepartment+7&value=4111111111111111",
    "/incidents?value=4111111111111111&sort=policy&order=up",
    "/incidents?value=4111111111111111&server=prevent-1&sort=matches",
    "/incidents?severity=low&server=prevent-1&status=Resolved&sort=sender",
    "/incidents?status=Resolved&sort=matches",
    "/incidents?status=New&sort=matches&order=up",
    "/incidents?status=Resolved&status=Escalated&server=prevent-1&sort=matches",
    "/incidents?prevent=21&value=4111111111111111&sort=sender",
    "/incidents?status=New&sort=sender&order=up",
    "/incidents?unscannable=encrypted",
    "/incidents?sender=nobody@nowhere.example&sort=policy",
];

const OTHERS: [&str; 13] = [
    "/summary",
    "/reports",
    "/policies",
    "/response-rules",
    "/statuses",
    "/credentials",
    "/receivers",
    "/servers",
    "/retention",
    "/second-person",
    "/users",
    "/roles",
    "/audit",
];

struct Reader {
    client: Client,
    cookie: String,
}

async fn sign_in(enforce: &Enforce, role: &str) -> Result<Reader> {
    let people = enforce.site.people();
    let role = people.role_named(role).await?.context("there is no such role")?;
    let user = NewUser {
        name: format!("{}-{}", role.name.replace(' ', "-"), jiff::Timestamp::now().as_millisecond()),
        full_name: String::new(),
        mail: String::new(),
        roles: vec![role.id],
        password: None,
        must_change: false,
    };
    let user = people.add_user(user).await?;
    let secret = enforce.site.sessions().begin(user, role.id, "127.0.0.1", "bench").await?;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
    Ok(Reader { client, cookie: format!("weir-enforce={}", secret.text().as_str()) })
}

async fn row(base: &str, path: &str, who: &str, reader: &Reader) -> Result<()> {
    let mut times = Vec::with_capacity(TIMES);
    let mut size = 0;
    for _ in 0..TIMES {
        let began = Instant::now();
        let request = reader.client.get(format!("{base}{path}"));
        let request = request.header(COOKIE, &reader.cookie).header(ACCEPT, "text/html");
        let answer = request.send().await?;
        let status = answer.status();
        size = answer.bytes().await?.len();
        times.push(began.elapsed());
        ensure!(status.is_success(), "{path}: {status}");
    }
    let first = times[0];
    times.sort_unstable();
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let (median, slowest) = (times[TIMES / 2], times[TIMES - 1]);
    println!(
        "| `{path}`, {who} | {} | {} | {} | {} |",
        millis(first),
        millis(median),
        millis(slowest),
        size / 1000
    );
    Ok(())
}
