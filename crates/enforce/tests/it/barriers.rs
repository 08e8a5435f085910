//! Enforce's pages in a real browser: they fit each screen, and shut nobody out.

use reqwest::StatusCode;

use crate::browser::{sign_in, worked};
use crate::driver::Window;
use crate::support::{POLICY, Server};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_each_screen_and_shuts_nobody_out() {
    let (server, admin) = worked().await;
    let octets = crate::indexes::index(&server, crate::indexes::TABLE, true);
    crate::indexes::take_in(&admin, "customers.exact", &octets).await;
    let siem = [
        ("kind", "syslog"),
        ("name", "a SIEM of the security team"),
        ("host", "siem-collector-7.security.company.example"),
        ("port", "6514"),
        ("protocol", "tls"),
        ("format", "cef"),
        ("told_matches", "count"),
        ("paused", "yes"),
    ];
    assert_eq!(admin.post("/receivers", &siem).await.status, StatusCode::SEE_OTHER);
    let edited = POLICY.replace("zebra-crossing", "card");
    let began =
        [("name", "cards.toml"), ("was", "x"), ("text", &edited), ("why", "a wider net"), ("days", "30")];
    // One that was found by mistake, and one that is somebody's and hidden.
    let owned = [("data_owner", "Dana Doe"), ("data_owner_mail", "dana@company.example"), ("hidden", "yes")];
    for (id, fields) in [(37, &[("status", "False Positive")][..]), (36, &owned)] {
        let answer = admin.post(&format!("/incidents/{id}/change"), fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
    let backtest = admin.post("/policies/backtest", &began).await.to;
    let pages = [
        "/incidents",
        "/incidents?to=2099-01-01&policy=17",
        "/incidents?columns=server&columns=last-seen&columns=message-id",
        "/incidents/38",
        "/incidents/37",
        "/incidents/37/near-miss/edit",
        "/incidents/36",
        // Everything that a mail can say, turned against whoever reads it.
        "/incidents/41",
        "/incidents/38/respond/1",
        "/summary",
        "/reports",
        "/second-person",
        "/receivers",
        "/policies",
        "/policies/file?name=cards.toml",
        "/policies/try",
        "/policies/history?name=cards.toml",
        "/policies/dictionaries",
        "/policies/history?name=dictionaries/projects.txt",
        "/policies/indexes",
        &backtest,
        "/response-rules",
        "/statuses",
        "/servers",
        "/servers/mx1",
        "/credentials",
        "/retention",
        "/audit?from=2020-01-01",
        "/audit",
        "/roles",
    ];
    let mut wrong = Vec::new();
    for (width, scheme) in SCREENS {
        let Some(window) = signed_in(&server, width, scheme).await else { return };
        for path in pages {
            let place = format!("{path} at {width} {scheme}");
            window.go(&format!("{}{path}", server.base())).await;
            let cut = "return [...document.querySelectorAll('.scroll')].some(part => part.scrollWidth > part.clientWidth)";
            let lists = ["/incidents", "/incidents?to=2099-01-01&policy=17"];
            let whole = lists.contains(&path)
                || width == 1366 && ["/incidents/38", "/policies", "/servers"].contains(&path)
                || width == 375 && LISTS.contains(&path);
            if whole && window.run(cut).await == serde_json::json!(true) {
                wrong.push(format!("{place}: a list is cut off"));
            }
            let told = "return [...document.querySelectorAll('table.list td:not(.tight)')].every(cell => \
                !cell.closest('.blocks') || cell.dataset.title)";
            if LISTS[5..].contains(&path) && window.run(told).await != serde_json::json!(true) {
                wrong.push(format!("{place}: a cell does not say on a phone what it is"));
            }
            let there = "return document.querySelector('table.blocks tbody tr') !== null";
            if LISTS[5..].contains(&path) && window.run(there).await != serde_json::json!(true) {
                wrong.push(format!("{place}: the list is empty"));
            }
            let apart = "return [...document.querySelectorAll('table.list')].some(table => getComputedStyle(table).display !== 'table')";
            if width > 375 && window.run(apart).await == serde_json::json!(true) {
                wrong.push(format!("{place}: columns do not stand below their titles"));
            }
            let covers = "const bar = document.querySelector('.bulkbar'); \
                return !!bar && getComputedStyle(bar).position === 'sticky' && bar.offsetHeight > innerHeight / 4";
            if window.run(covers).await == serde_json::json!(true) {
                wrong.push(format!("{place}: the bar of actions covers the list"));
            }
            let beyond = "return [...document.querySelectorAll('.plot svg')].some(plot => [...plot.querySelectorAll('text')].some(text => { \
                const box = text.getBBox(); return box.x < 0 || box.x + box.width > plot.viewBox.baseVal.width }))";
            if window.run(beyond).await == serde_json::json!(true) {
                wrong.push(format!("{place}: a name is cut off by its plot"));
            }
            // Looking for barriers opens whatever can be opened.
            let path = if path == backtest { "/policies/backtest" } else { path };
            let name = path.replace(['/', '?', '&', '='], "-");
            wrong.extend(looked_at(&window, width, &place, &format!("enforce{name}-{width}-{scheme}")).await);
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Lists whose lines are blocks on a phone: none of them is empty here.
const LISTS: [&str; 8] =
    ["/audit", "/roles", "/servers", "/policies", "/retention", "/reports", "/receivers", "/credentials"];
const SCREENS: [(u32, &str); 5] =
    [(1366, "light"), (1366, "dark"), (375, "light"), (375, "dark"), (3840, "light")];

/// None where there is no browser and such tests may be left out.
async fn signed_in(server: &Server, width: u32, scheme: &str) -> Option<Window> {
    let window = Window::open(width, scheme).await?;
    sign_in(&window, server, "/incidents").await;
    Some(window)
}

/// What is wrong with the page as it stands there; a picture of it is kept.
async fn looked_at(window: &Window, width: u32, place: &str, name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let wide = window.run("return document.documentElement.scrollWidth").await;
    if wide.as_u64().unwrap() > u64::from(width) {
        wrong.push(format!("{place}: {wide} wide"));
    }
    window.picture(name).await;
    wrong.extend(window.complaints().await);
    wrong.extend(window.barriers(place).await);
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_tell_of_trouble_fit_each_screen_and_shut_nobody_out() {
    let (server, admin) = worked().await;
    std::fs::remove_dir_all(server.dir.path().join("policies")).unwrap();
    let refused = async || admin.get("/servers").await.text.contains("The policy directory is refused");
    server.until("the directory is refused", refused).await;
    let fields = [("name", "proxy"), ("kind", "password"), ("user", "ann"), ("password", "hunter-2-x")];
    assert_eq!(admin.post("/credentials", &fields).await.status, StatusCode::SEE_OTHER);
    let (mut wrong, base) = (Vec::new(), server.base());
    for (width, scheme) in SCREENS {
        let Some(window) = signed_in(&server, width, scheme).await else { return };
        for path in ["/servers", "/policies", "/credentials?replace=proxy"] {
            window.go(&format!("{base}{path}")).await;
            let name = path.replace(['/', '?', '='], "-");
            let picture = format!("enforce-trouble{name}-{width}-{scheme}");
            wrong.extend(looked_at(&window, width, path, &picture).await);
        }
        // Forms that are late.
        for (path, form, late, name) in [
            (
                "/credentials",
                "#password form",
                "form.elements.name.value = 'proxy'; form.elements.password.value = 'x'",
                "credential",
            ),
            (
                "/incidents/38",
                "form[action$='/change']",
                "form.elements.was_owner.value = 'somebody'",
                "incident",
            ),
        ] {
            window.go(&format!("{base}{path}")).await;
            let owner = "if (form.elements.owner) form.elements.owner.value = 'me'";
            let send =
                format!("const form = document.querySelector(\"{form}\"); {late}; {owner}; form.submit()");
            window.run(&send).await;
            window.until("return document.title.includes('It has changed meanwhile')").await;
            let picture = format!("enforce-late-{name}-{width}-{scheme}");
            // The browser says itself that it was answered 409.
            let said = looked_at(&window, width, path, &picture).await;
            wrong.extend(said.into_iter().filter(|one| !one.contains("409")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
