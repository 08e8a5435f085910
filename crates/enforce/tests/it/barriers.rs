//! Enforce's pages in a real browser: they fit each screen, and shut nobody out.

use crate::driver::Window;
use crate::support::{PASSWORD, Server, message};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_each_screen_and_shuts_nobody_out() {
    let server = Server::start().await;
    server.person("Administrator").await;
    let incident = server.record(message("A", &[1, 17])).await[0];
    server.record(message("B", &[17])).await;
    let incident = format!("/incidents/{incident}");
    let pages = [
        "/incidents",
        &incident,
        "/summary",
        "/reports",
        "/policies",
        "/policies/file?name=cards.toml",
        "/policies/try",
        "/policies/history?name=cards.toml",
        "/response-rules",
        "/credentials",
    ];
    let mut wrong = Vec::new();
    for (width, scheme) in [(1366, "light"), (1366, "dark"), (375, "light"), (375, "dark")] {
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
            wrong.extend(window.complaints().await);
            wrong.extend(window.barriers(&place).await);
            let name = path.split('?').next().unwrap().replace('/', "-");
            window.picture(&format!("enforce{name}-{width}-{scheme}")).await;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
