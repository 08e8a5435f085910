//! The console in a real browser: the main ways of people.

use incident::desk::Actor;
use incident::wire::{CopyState, MessageUpdate, UpdateBatch};
use incident::{NewMessage, Severity};
use serde_json::json;

use crate::driver::Window;
use crate::servers::{Machine, heartbeat, token};
use crate::support::{PASSWORD, Person, Server, hostile, message};

/// A message as people send them.
fn mail(number: usize) -> NewMessage {
    const SUBJECTS: [&str; 6] = [
        "Quarterly numbers",
        "Re: invoice 2026-1044",
        "Payroll March",
        "FW: customer list",
        "Contract draft, please sign",
        "Passwords for the test system",
    ];
    const PEOPLE: [&str; 4] = ["anna.berg", "tom.keller", "sofia.rossi", "li.wei"];
    const POLICIES: [(u32, &str, Severity); 3] = [
        (17, "Payment card numbers", Severity::High),
        (23, "Customer records", Severity::Medium),
        (31, "Not fully inspected", Severity::Low),
    ];
    let (id, name, severity) = POLICIES[number % 3];
    let mut one = message(&format!("3984736A-2964-437D-A0EC-{number:012}"), &[id]);
    one.subject = SUBJECTS[number % 6].into();
    one.sender = format!("{}@company.example", PEOPLE[number % 4]);
    one.received_at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(7 * number as i64);
    one.violations[0].policy_name = name.into();
    one.violations[0].severity = severity;
    one.violations[0].match_count = 1 + number as u64 % 9;
    one
}

/// A server as it is after some days of work.
pub(crate) async fn worked() -> (Server, Person) {
    let server = Server::start().await;
    for number in (0..40).rev() {
        server.record(mail(number)).await;
    }
    server.record(hostile("EVIL")).await;
    let actor = Actor { who: "set-up".into(), origin: None };
    let desk = server.enforce().desk();
    desk.keep_secret(&actor, crate::support::secret("gateway", b"secret")).await.unwrap();
    server
        .enforce()
        .responses()
        .install_quarantine_connect(&actor, "127.0.0.1", 1, "gateway", "dlp")
        .await
        .unwrap();
    let held = |seq: u64, unique_id: String| MessageUpdate {
        seq,
        unique_message_id: unique_id,
        policy_ids: vec![17],
        recipient: "bert@partner.example".into(),
        state: CopyState::Held,
        at: jiff::Timestamp::now(),
        who: "gateway".into(),
        note: None,
        gateway_incident: seq,
        request_id: None,
    };
    let updates = (0..6).map(|at| held(at + 1, format!("3984736A-2964-437D-A0EC-{:012}", at * 3))).collect();
    let batch = UpdateBatch { gateway: "gw-1".into(), waiting: 0, updates };
    server.enforce().journal.take_updates("gw-1", &batch).await.unwrap();
    let admin = server.person("Administrator").await;
    for (id, status, note) in
        [("5", "Resolved", "The sender meant it."), ("9", "False Positive", "A test number.")]
    {
        let path = format!("/incidents/{id}/change");
        admin.post(&path, &[("status", status), ("note", note), ("owner", "dana")]).await;
    }
    admin
        .post("/statuses/attribute", &[("name", "Department"), ("group", "People"), ("position", "1")])
        .await;
    admin
        .post(
            "/reports",
            &[("name", "Open and high"), ("query", "severity=high&status=New"), ("shared", "yes")],
        )
        .await;
    for words in ["# code names\nBlue Heron\n", "# code names\nBlue Heron\nRed Fox\n"] {
        let fields = [("name", ""), ("why", "a new project"), ("replace", "yes")];
        admin.upload("/policies/dictionaries", &fields, ("file", "projects.txt", words.as_bytes())).await;
    }
    let late = [("name", "Late"), ("status", "New"), ("hours", "72"), ("actions", "set-status Escalated")];
    admin.post("/response-rules/ageing", &late).await;
    for (name, beats) in [("mx1", true), ("mx2", false)] {
        let token = token(&admin, &[("name", name), ("hours", "2")]).await;
        let mut machine = Machine::new(&server);
        machine.enroll(&token).await;
        if beats {
            machine.beat(&heartbeat()).await.unwrap();
        }
    }
    (server, admin)
}

pub(crate) async fn sign_in(window: &Window, server: &Server, to: &str) {
    window.go(&format!("{}{to}", server.base())).await;
    window.keys("[name=name]", "administrator").await;
    window.keys("[name=password]", PASSWORD).await;
    window.click("main button").await;
    window.until(&format!("return location.pathname === '{to}'")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_find_understand_decide_and_sign_out() {
    let (server, _) = worked().await;
    let Some(window) = Window::open(1366, "light").await else { return };
    sign_in(&window, &server, "/incidents").await;
    // Find.
    window.click("[name=severity] option[value=high]").await;
    window.keys("[name=sender]", "anna").await;
    window.click("[role=search] button.primary").await;
    window.until("return location.search.includes('sender=anna')").await;
    let rows = window.run("return document.querySelectorAll('table.list tbody tr').length").await;
    assert!(rows.as_u64().unwrap() > 0, "{rows}");
    // Keys go from row to row and choose, and everything that was found can be chosen at once.
    for key in ["j", "j", "k", "j", "x"] {
        let script =
            format!("document.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))");
        window.run(&script).await;
    }
    let chosen =
        "return [...document.querySelectorAll('tr[data-row] input')].map(box => box.checked).slice(0, 3)";
    assert_eq!(window.run(chosen).await, json!([false, true, false]));
    window.click("tbody tr:nth-child(2) input").await;
    window.until("return document.querySelector('.bulkbar button').disabled").await;
    window.click("[name=all]").await;
    window.until("return !document.querySelector('.bulkbar button').disabled").await;
    window.until("return document.querySelector('[data-chosen]').textContent === 'all chosen'").await;
    // Days are the reader's own.
    window.run("document.querySelector('[name=from]').value = '2020-01-01'").await;
    window.click("[role=search] button.primary").await;
    // The page before this one had the zone in its address too: only the day tells that the new one is there.
    let asked = "const asked = new URLSearchParams(location.search); return asked.get('from') === '2020-01-01' \
        && asked.get('zone') === Intl.DateTimeFormat().resolvedOptions().timeZone && document.readyState === 'complete'";
    window.until(asked).await;
    // Understand.
    window.click("table.list tbody tr a").await;
    window.until("return document.querySelector('mark')?.textContent === '4111 1111 1111 1111'").await;
    window.click("[hx-get$='/message']").await;
    window.until("return document.querySelector('#original').textContent.includes('card 4111')").await;
    // Decide.
    let here = window.run("return location.pathname").await;
    window.click("[name=status] option:nth-child(3)").await;
    window.keys("[name=note]", "I asked her.").await;
    window.click("button[name=advance]").await;
    window.until(&format!("return location.pathname !== {here}")).await;
    window.until("return document.querySelector('#notices').textContent.includes('Saved')").await;
    window.go(&format!("{}{}", server.base(), here.as_str().unwrap())).await;
    window.until("return [...document.querySelectorAll('.history p')].some(p => p.textContent.includes('I asked her.'))").await;
    // A smart response asks first, and says what it will do.
    window.click("section[aria-label='Smart responses'] a").await;
    window.until("return document.querySelector('h1').textContent.includes('Approve')").await;
    window.click("main form button.primary").await;
    window.until("return document.querySelector('#notices').textContent.includes('was requested')").await;
    assert_eq!(window.complaints().await, Vec::<String>::new());
    window.click(".account summary").await;
    window.click(".account form[action='/sign-out'] button").await;
    window.until("return location.pathname === '/sign-in'").await;
    window.go(&format!("{}/incidents", server.base())).await;
    window.until("return location.pathname === '/sign-in'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_decide_in_bulk_edit_a_policy_set_up_a_server_and_add_a_user() {
    let (server, _) = worked().await;
    let Some(window) = Window::open(1366, "light").await else { return };
    sign_in(&window, &server, "/incidents").await;
    window.until("return document.querySelector('.bulkbar button').disabled").await;
    window.click("tbody tr:nth-child(1) input").await;
    window.click("tbody tr:nth-child(2) input").await;
    window.until("return document.querySelector('[data-chosen]').textContent === '2 chosen'").await;
    window.click(".bulkbar [name=status] option:nth-child(4)").await;
    window.click(".bulkbar button").await;
    window.until("return document.querySelector('h1').textContent === 'What will happen'").await;
    assert_eq!(
        window.run("return document.querySelector('main section.panel li').textContent").await,
        json!("The status becomes Escalated.")
    );
    window.click("main form button.primary").await;
    window
        .until("return document.querySelector('#notices').textContent.includes('2 of 2 incidents changed')")
        .await;

    window.go(&format!("{}/policies/file?name=cards.toml", server.base())).await;
    let change = "const text = document.querySelector('[name=text]'); text.value = text.value.replace('zebra', 'quagga'); \
        document.querySelector('[name=why]').value = 'another animal'";
    window.run(change).await;
    window.click("main form button.primary").await;
    window.until("return document.querySelector('#notices').textContent.includes('is saved')").await;
    let file = std::fs::read_to_string(server.dir.path().join("policies/cards.toml")).unwrap();
    assert!(file.contains("quagga-crossing"), "{file}");

    window.go(&format!("{}/servers/mx1", server.base())).await;
    window.click("[name=trial] option[value=true]").await;
    window.click("form[action$='/settings'] button.primary").await;
    window
        .until("return document.querySelector('#notices').textContent.includes('settings are saved')")
        .await;
    window.go(&format!("{}/servers", server.base())).await;
    window.keys("[name=name]", "mx3").await;
    window.click("form[action='/servers'] button.primary").await;
    window.until("return document.querySelector('.secret code')?.textContent.length > 100").await;

    window.go(&format!("{}/users/new", server.base())).await;
    window.keys("[name=name]", "rita").await;
    window.click("main [type=checkbox][name=role]").await;
    window.click("main form button.primary").await;
    window.until("return document.querySelector('main').textContent.includes('rita')").await;
    let user = server.enforce().site.people().user_named("rita").await.unwrap();
    assert!(user.is_some());
    assert_eq!(window.complaints().await, Vec::<String>::new());
}
