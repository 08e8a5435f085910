//! When inspection is slow, busy or broken: the hop is kept alive, the sender keeps the mail, and nothing slips by unseen.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use smtp::server::{ServerConfig, Timeouts};
use support::*;

/// A mail with a zip archive, which only a worker may open.
const ZIP: &str = "C: DATA\nS~ 354\nC: Message-ID: <zip@a.example>\nC: MIME-Version: 1.0\nC: Content-Type: application/zip; name=a.zip\n\
    C: Content-Transfer-Encoding: base64\nC:\nC: UEsDBBQAAAAAAAAAIQAAAAAAAAAAAAAAAAABAAAAYVBLAQIUABQAAAAAAAAAIQAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAABhUEsFBgAAAAABAAEALwAAAB8AAAAAAA==\nC: .\n";

/// What the hop hears of it.
const ZIP_ARRIVES: &str = "C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: Message-ID: <zip@a.example>\nC: MIME-Version: 1.0\n\
    C: Content-Type: application/zip; name=a.zip\nC: Content-Transfer-Encoding: base64\nC:\n\
    C: UEsDBBQAAAAAAAAAIQAAAAAAAAAAAAAAAAABAAAAYVBLAQIUABQAAAAAAAAAIQAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAABhUEsFBgAAAAABAAEALwAAAB8AAAAAAA==\nC: .\nS: 250 ok\n";

fn slowly() {
    std::thread::sleep(Duration::from_millis(1500));
}

/// Where the one who opens a document stays until he is let on.
struct Gate {
    entered: AtomicBool,
    open: AtomicBool,
}

impl Gate {
    const fn shut() -> Self {
        Self { entered: AtomicBool::new(false), open: AtomicBool::new(false) }
    }

    fn pass(&self) {
        self.entered.store(true, Ordering::SeqCst);
        while !self.open.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hop_is_kept_alive_while_a_message_is_inspected() {
    let hop = hops(&[&format!("{HOP}{HOP_ENVELOPE}N 2\n{ZIP_ARRIVES}")]).await;
    let ticking = |settings: &mut prevent::Settings| {
        let timeouts = Timeouts { tick: Duration::from_millis(50), ..Timeouts::default() };
        settings.smtp = Arc::new(ServerConfig { timeouts, ..(*settings.smtp).clone() });
    };
    let weir = weir_that_opens(&[hop.addr], ticking, slowly).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}{ZIP}S: 250 ok")).await;
    hop.played().await;
}

/// Two mails come at one time, and there is room for one.
async fn one_of_two_waits_in_vain(gate: &'static Gate, open: fn(), narrow: fn(&mut prevent::Settings)) {
    let hop = hops(&[
        &format!("{HOP}{HOP_ENVELOPE}{ZIP_ARRIVES}"),
        &format!("{HOP}{HOP_ENVELOPE}C: RSET\nS: 250 ok"),
    ])
    .await;
    let weir = weir_that_opens(&[hop.addr], narrow, open).await;
    let (mut first, mut second) = (weir.client().await, weir.client().await);
    play(&mut first, &format!("{HELLO}{ENVELOPE}C: NOOP\nS~ 250")).await;
    play(&mut second, &format!("{HELLO}{ENVELOPE}C: NOOP\nS~ 250")).await;
    let one = format!("{ZIP}S: 250 ok");
    let other = async {
        while !gate.entered.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        play(&mut second, &format!("{ZIP}S: 451 4.3.2 Error: Server busy, try again later.")).await;
        gate.open.store(true, Ordering::SeqCst);
    };
    tokio::join!(play(&mut first, &one), other);
    drop((first, second));
    assert_eq!(hop.played().await, [b"", b""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_free_inspector_is_451_and_never_an_open_door() {
    static GATE: Gate = Gate::shut();
    one_of_two_waits_in_vain(
        &GATE,
        || GATE.pass(),
        |settings| {
            settings.inspectors = 1;
            settings.inspection_wait = Duration::from_millis(50);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_for_whose_inspection_there_is_no_memory_is_451() {
    static GATE: Gate = Gate::shut();
    one_of_two_waits_in_vain(
        &GATE,
        || GATE.pass(),
        |settings| {
            settings.inspectors = 8;
            settings.memory_for_inspection = 1;
            settings.inspection_wait = Duration::from_millis(50);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_the_engine_defers_twice_and_is_a_finding_the_third_time() {
    let marked = ZIP_ARRIVES.replace("C: X-Cf", "C: X-dlp-not-inspected: the mail (engine fault)\nC: X-Cf");
    let session = format!(
        "{HOP}{HOP_ENVELOPE}C: RSET\nS: 250 ok\n{HOP_ENVELOPE}C: RSET\nS: 250 ok\n{HOP_ENVELOPE}{marked}"
    );
    let hop = hops(&[&session]).await;
    let weir = weir_that_opens(&[hop.addr], |_| {}, || panic!("as asked")).await;
    let deferred = format!("{ENVELOPE}{ZIP}S: 451 4.3.0 Error: Processing error.\n");
    weir.talk(&format!("{HELLO}{deferred}{deferred}{ENVELOPE}{ZIP}S: 250 ok")).await;
    hop.played().await;
    let incidents = format!("{:?}", weir.incidents().await);
    assert!(incidents.contains("Not fully inspected"), "{incidents}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_break_glass_a_fault_is_a_finding_at_once() {
    let hop = hops(&[&format!("{HOP}{HOP_ENVELOPE}{ZIP_ARRIVES}")]).await;
    let broken = |settings: &mut prevent::Settings| settings.break_glass = true;
    let weir = weir_that_opens(&[hop.addr], broken, || panic!("as asked")).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}{ZIP}S: 250 ok")).await;
    hop.played().await;
    assert_eq!(weir.incidents().await.len(), 1);
}
