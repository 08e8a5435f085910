//! A full disk at the gateway: the sender hears 4xx and keeps the mail, nothing is half stored, and what was taken is there.

use weir_tests::client::send;
use weir_tests::gateway::{Gateway, Setup};
use weir_tests::mails;

use crate::site::{decide, listed};

const BOB: &str = "bob@other.example";

fn marked(number: usize, octets: usize) -> Vec<u8> {
    let marks = format!("X-dlp-uniquemsgid: 0E0E0E0E-0000-4000-8000-{number:012}\r\nX-dlp-policyid: 23\r\n");
    // Words that do not compress.
    let (mut text, mut state) = (String::new(), number as u64 | 1);
    while text.len() < octets {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        text.push_str(&format!("{:016x}\r\n", state ^ state >> 29));
    }
    [marks.as_bytes(), &mails::mail(&format!("mail {number}"), &text)].concat()
}

fn sent(gateway: &Gateway, number: usize, octets: usize) -> u16 {
    send(gateway.mail(), "ann@corp.example", &[BOB], &marked(number, octets)).unwrap().code
}

/// Messages in the data directory.
fn files(gateway: &Gateway) -> usize {
    let dirs = std::fs::read_dir(gateway.data().join("messages")).unwrap();
    dirs.map(|dir| std::fs::read_dir(dir.unwrap().path()).map_or(0, Iterator::count)).sum()
}

#[test]
fn a_mail_for_which_there_is_no_room_stays_with_its_sender_and_what_was_taken_is_there() {
    let mut gateway = Setup::new().files_up_to(4_000).start();
    let reviewer = gateway.person("rita", "Remediator");
    // One that does not fit as a file; the next one does.
    assert_eq!((sent(&gateway, 1, 6_000_000) / 100, files(&gateway)), (4, 0));
    assert_eq!(sent(&gateway, 2, 1_000), 250);
    // And on, until the database cannot grow.
    let (mut taken, mut refused) = (vec![2], 0);
    for number in 3..2_000 {
        match sent(&gateway, number, 1_000) {
            250 => taken.push(number),
            code => {
                assert_eq!(code / 100, 4, "mail {number} heard {code}");
                refused += 1;
            }
        }
        if refused > 5 {
            break;
        }
    }
    assert!(refused > 5, "the database never came to its limit");
    gateway.kill();
    gateway.make_room();
    gateway.run();
    let page = reviewer.get("/folders");
    let waiting = page.between("data-title=\"Waiting\"><b>", "</b>").replace(',', "");
    assert_eq!(waiting, taken.len().to_string(), "{}", page.words());
    assert_eq!(files(&gateway), taken.len(), "one file for each mail that was taken, and none besides");
    for number in [taken[0], taken[taken.len() - 1]] {
        let found = listed(&reviewer, &format!("state=held&subject=mail+{number}"));
        assert!(!found.is_empty(), "mail {number} is lost");
    }
    // There is room again: what its sender kept is taken.
    assert_eq!(sent(&gateway, 1, 6_000_000), 250);
    let large = listed(&reviewer, "state=held&subject=mail+1").remove(0).0;
    decide(&reviewer, large, "approve", "");
    gateway.wait_for_delivered(1);
}
