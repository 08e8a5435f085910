//! A search for a part of a text among very many incidents: what a page, its next pieces and a browser show of it.

use incident::Severity;
use reqwest::StatusCode;
use store::database::Location;
use store::values;

use crate::browser::sign_in;
use crate::driver::Window;
use crate::postgres;
use crate::support::{Server, message, server_on};

/// More than two pages look at.
const MANY: u32 = 41_000;

/// One at the end, one at the beginning, and very many between them.
async fn filled(server: &Server) {
    let day = |days: i64| jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
    for (name, subject, days) in
        [("OLD", "needle, old", 400), ("MANY", "hay", 100), ("NEW", "needle, new", 1)]
    {
        let mut one = message(name, &[17]);
        one.subject = subject.into();
        one.received_at = day(days);
        one.violations[0].severity = Severity::High;
        server.record(one).await;
    }
    let columns = "policy_id, policy, policy_version, policy_set, severity, status, prevent_status, sender, recipients, \
        subject, direction, server, last_seen, size, match_count, count_is_complete, trial, response_rules, unscannable, \
        matches, recorded_at, sender_domain";
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) \
         INSERT INTO incident (unique_id, received_at, {columns}) \
         SELECT unique_id || '-' || i, received_at + i * CAST(100000 AS BIGINT), {columns} FROM incident CROSS JOIN n WHERE unique_id = 'MANY'"
    );
    run(server, &sql).await;
}

pub(crate) async fn run(server: &Server, sql: &str) {
    let mut transaction = server.enforce().journal.database().begin().await.unwrap();
    transaction.run(sql, values![]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// What stands behind this in a page, up to a quote.
fn behind<'p>(page: &'p str, mark: &str) -> Option<&'p str> {
    Some(page.split_once(mark)?.1.split('"').next().unwrap_or_default())
}

fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&")
}

on_both! {
    made by server_on;

    async fn a_search_that_is_not_through_shows_how_far_it_is_and_how_to_go_on(server: Server) {
        filled(&server).await;
        let admin = server.person("Administrator").await;
        let page = admin.get("/incidents?subject=NEEDLE").await.text;
        assert!(page.contains("needle, new") && !page.contains("needle, old"), "{page}");
        let all = "% of 41,003 incidents, 1 found.";
        assert!(page.contains("<progress max=\"100\"") && page.contains("Looked back to <time") && page.contains(all), "{page}");
        assert!(!page.contains("hay<"), "{page}");
        // A program of the page asks for the next pieces, and gets the lines that are new.
        let mut next = unescaped(behind(&page, "hx-get=\"").unwrap());
        let stop = admin.get(&format!("{next}&stop=yes")).await.text;
        assert!(stop.contains("Stopped. Looked back to") && !stop.contains("hx-") && !stop.contains("<tbody"), "{stop}");
        let mut pieces = 0;
        let last = loop {
            let piece = admin.get(&next).await;
            assert_eq!(piece.status, StatusCode::OK, "{}", piece.text);
            assert!(piece.text.contains("hx-swap-oob=\"beforeend:#found\""), "{}", piece.text);
            pieces += 1;
            match behind(&piece.text, "hx-get=\"") {
                Some(address) => next = unescaped(address),
                None => break piece.text,
            }
        };
        assert!(pieces == 2 && last.contains("needle, old") && !last.contains("needle, new"), "{pieces}: {last}");
        assert!(last.contains("Looked at all of them: 2 found on this page."), "{last}");
        // Without scripts a link leads on.
        let on = unescaped(behind(&page, "rel=\"next\" href=\"").unwrap());
        let on = unescaped(behind(&admin.get(&on).await.text, "rel=\"next\" href=\"").unwrap());
        let end = admin.get(&on).await.text;
        assert!(end.contains("needle, old") && end.contains("1 found on this page") && !end.contains("rel=\"next\""), "{end}");
        // Nothing of it, in an order of its own, and what makes no sense.
        let none = admin.get("/incidents?subject=needle&from=2001-01-01&to=2001-01-02").await.text;
        assert!(none.contains("No incident meets these filters"), "{none}");
        let sorted = admin.get("/incidents?subject=needle&sort=severity").await.text;
        assert!(sorted.contains("Searching, 1 found.") && sorted.contains("<progress aria-label"), "{sorted}");
        for wrong in ["found=50", "found=-1", "found=x", "after=x", "nonsense=1"] {
            assert_eq!(admin.get(&format!("/incidents/look?subject=needle&{wrong}")).await.status, StatusCode::BAD_REQUEST, "{wrong}");
        }
    }

    async fn a_role_that_sees_a_part_learns_nothing_of_the_whole_from_a_search(server: Server) {
        use web::people::{Condition, Privilege, Rights};
        filled(&server).await;
        let privileges = [Privilege::ViewNetworkIncidents].into();
        let sales = Condition::Attribute { name: "Department".into(), any_of: ["Sales".into()].into() };
        let some = Rights { privileges, access: vec![sales], hidden: [].into() };
        let some = server.with_rights("Some", some).await;
        run(&server, "INSERT INTO attribute (incident_id, name, value) SELECT id, 'Department', 'Sales' FROM incident WHERE subject = 'hay'").await;
        let page = some.get("/incidents?subject=needle").await.text;
        assert!(page.contains("Looked back to <time") && page.contains("0 found."), "{page}");
        assert!(!page.contains("needle, new") && !page.contains("41,0") && !page.contains(" % of"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_goes_on_by_itself_and_can_be_stopped() {
    let server = Server::start().await;
    filled(&server).await;
    server.person("Administrator").await;
    let Some(window) = Window::open(1366, "light").await else { return };
    sign_in(&window, &server, "/incidents").await;
    window.go(&format!("{}/incidents?subject=needle", server.base())).await;
    window.until("return document.querySelectorAll('#found tr').length === 2").await;
    window.until("return document.querySelector('#looking').textContent.includes('2 found')").await;
    window.until("return document.querySelectorAll('#found time[data-local]').length === 0").await;
    assert_eq!(window.run("return location.search").await, "?subject=needle");
    window.picture("enforce-search-through").await;
    // One that waits for whoever stops it.
    let waiting = "fetch('/incidents?subject=needle').then(answer => answer.text()).then(text => { \
        const page = new DOMParser().parseFromString(text, 'text/html'); \
        const part = document.adoptNode(page.querySelector('#looking')); \
        part.removeAttribute('hx-get'); part.querySelector('[data-with-scripts]').hidden = false; \
        document.querySelector('#looking').replaceWith(part); htmx.process(part); })";
    window.run(waiting).await;
    window.until("return !!document.querySelector('#looking progress')").await;
    window.click("#looking [data-with-scripts]").await;
    window
        .until("return document.querySelector('#looking').textContent.includes('Stopped. Looked back to')")
        .await;
    window.picture("enforce-search-stopped").await;
    let barriers = window.barriers("a search that was stopped").await;
    assert_eq!(barriers, Vec::<String>::new());
    assert_eq!(window.complaints().await, Vec::<String>::new());
}
