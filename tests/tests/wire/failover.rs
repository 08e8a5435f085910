//! Two next hops in order: the second is used while the first is down, and the first again when it is back.

use std::time::Duration;

use weir_tests::client::{eventually, send};
use weir_tests::mails;
use weir_tests::ports::free_port;
use weir_tests::sink::{Sink, Stage, reply};
use weir_tests::weir::Prevent;

#[test]
fn the_second_hop_takes_over_and_the_first_comes_back() {
    let first_port = free_port();
    let second = Sink::start();
    let weir = Prevent::forward(&[([127, 0, 0, 1], first_port).into(), second.addr()]).start();
    let mut number = 0;
    let mut send_one = || {
        number += 1;
        let message = mails::clean(&format!("failover {number}"));
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap()
    };
    assert_eq!(send_one().code, 250, "the second hop is up");
    assert_eq!(second.count(), 1);
    let first = Sink::on_port(first_port);
    let back = eventually(Duration::from_secs(60), || {
        assert_eq!(send_one().code, 250);
        std::thread::sleep(Duration::from_millis(300));
        first.count() > 0
    });
    assert!(back, "the first hop is up again but gets no mail");
}

#[test]
fn a_hop_that_greets_with_4xx_is_passed_over() {
    let busy = Sink::scripted(|asked| match asked.stage {
        Stage::Connect => reply("421 4.3.2 too busy"),
        _ => weir_tests::sink::Reaction::Good,
    });
    let second = Sink::start();
    let weir = Prevent::forward(&[busy.addr(), second.addr()]).start();
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("busy")).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    assert_eq!((busy.count(), second.count()), (0, 1));
}

#[test]
fn with_all_hops_down_the_mail_is_deferred() {
    let hops = [([127, 0, 0, 1], free_port()).into(), ([127, 0, 0, 1], free_port()).into()];
    let weir = Prevent::forward(&hops).start();
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("all down")).unwrap();
    assert!(answer.is_transient(), "{answer:?}");
}
