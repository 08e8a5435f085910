//! Enforce's pages in a real browser: they fit each screen, and shut nobody out.

use crate::browser::worked;
use crate::driver::Window;
use crate::support::{PASSWORD, POLICY};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_each_screen_and_shuts_nobody_out() {
    let (server, admin) = worked().await;
    let octets = crate::indexes::index(&server, crate::indexes::TABLE, true);
    crate::indexes::take_in(&admin, "customers.exact", &octets).await;
    let edited = POLICY.replace("zebra-crossing", "card");
    let began =
        [("name", "cards.toml"), ("was", "x"), ("text", &edited), ("why", "a wider net"), ("days", "30")];
    let backtest = admin.post("/policies/backtest", &began).await.to;
    let pages = [
        "/incidents",
        "/incidents?to=2099-01-01&policy=17",
        "/incidents?columns=server&columns=last-seen&columns=message-id",
        "/incidents/38",
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
    ];
    let mut wrong = Vec::new();
    for (width, scheme) in [(1366, "light"), (1366, "dark"), (375, "light"), (375, "dark"), (3840, "light")] {
        let Some(window) = Window::open(width, scheme).await else { return };
        window.go(&format!("{}/incidents", server.base())).await;
        window.keys("[name=name]", "administrator").await;
        window.keys("[name=password]", PASSWORD).await;
        window.click("main button").await;
        window.until("return location.pathname === '/incidents'").await;
        for path in pages {
            let place = format!("{path} at {width} {scheme}");
            window.go(&format!("{}{path}", server.base())).await;
            let wide = window.run("return document.documentElement.scrollWidth").await;
            if wide.as_u64().unwrap() > u64::from(width) {
                wrong.push(format!("{place}: {wide} wide"));
            }
            let cut = "return [...document.querySelectorAll('.scroll')].some(part => part.scrollWidth > part.clientWidth)";
            // The hostile mail is the newest: beyond it the list is like any other.
            if width == 1366
                && path == "/incidents?to=2099-01-01&policy=17"
                && window.run(cut).await == serde_json::json!(true)
            {
                wrong.push(format!("{place}: the list is cut off"));
            }
            // Looking for barriers opens whatever can be opened.
            let path = if path == backtest { "/policies/backtest" } else { path };
            let name = path.replace(['/', '?', '&', '='], "-");
            window.picture(&format!("enforce{name}-{width}-{scheme}")).await;
            wrong.extend(window.complaints().await);
            wrong.extend(window.barriers(&place).await);
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
