//! `kill -9` under load, again and again: what was acknowledged is at the next hop, and what is marked there is on record.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use weir_tests::client::send_until_taken;
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::Prevent;

const SENDERS: usize = 6;
const KILLS: usize = 8;

/// A mail of one of three kinds: clean, marked, and large enough to lie in a file and to be on its way for a while.
fn message(name: &str, number: usize) -> Vec<u8> {
    match number % 3 {
        0 => mails::clean(name),
        1 => mails::with_card_number(name),
        _ => mails::large(name, 1 << 21),
    }
}

#[test]
fn nothing_acknowledged_is_missing_at_the_next_hop() {
    let sink = Sink::start();
    let mut weir =
        Prevent::forward(&[sink.addr()]).config("[prevent.limits]\nmemory_per_message = 262144").start();
    let addr = weir.addr();
    let stop = AtomicBool::new(false);
    let acknowledged = Mutex::new(Vec::new());
    let attempts = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (stop, acknowledged, attempts) = (&stop, &acknowledged, &attempts);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let name = format!("sender {sender} mail {number}");
                    let message = message(&name, number);
                    let tries = send_until_taken(
                        addr,
                        "ann@corp.example",
                        &["bob@other.example"],
                        &message,
                        Duration::from_secs(120),
                    );
                    attempts.fetch_add(tries.expect("the mail is taken in the end"), Ordering::SeqCst);
                    acknowledged.lock().unwrap().push(name);
                }
            });
        }
        // Pauses that are no multiple of each other, so that the kills fall on different moments.
        for kill in 0..KILLS {
            std::thread::sleep(Duration::from_millis(150 + 173 * kill as u64 % 611));
            weir.kill();
            weir.restart();
        }
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::SeqCst);
    });

    let acknowledged = acknowledged.into_inner().unwrap();
    let mut arrived: HashMap<String, usize> = HashMap::new();
    let mut marked = HashSet::new();
    for message in sink.messages() {
        *arrived.entry(message.header("Subject").concat()).or_default() += 1;
        marked.extend(message.header("X-dlp-uniquemsgid"));
    }
    let lost: Vec<_> = acknowledged.iter().filter(|name| !arrived.contains_key(*name)).collect();
    assert!(lost.is_empty(), "acknowledged but not at the next hop: {lost:?}");
    assert!(attempts.into_inner() > acknowledged.len(), "no kill ever met a message: the test shows nothing");

    let incidents = weir.incidents_up_to(100_000);
    let recorded: HashSet<_> =
        incidents.iter().map(|one| one["unique_message_id"].as_str().unwrap().to_owned()).collect();
    let unrecorded: Vec<_> = marked.difference(&recorded).collect();
    assert!(unrecorded.is_empty(), "marked mail went on without its incident: {unrecorded:?}");
    assert!(!marked.is_empty());
}
