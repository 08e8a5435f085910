//! Who the client is, told by PROXY (balancers), XCLIENT and XFORWARD (mail servers): believed only from whom it is configured.

use weir_tests::client::Client;
use weir_tests::mails;
use weir_tests::sink::{Manners, Reaction, Sink};
use weir_tests::weir::{Prevent, Weir};

fn trusting(settings: &str, manners: Manners) -> (Sink, Weir) {
    let sink = Sink::with(manners, |_| Reaction::Good);
    let weir = Prevent::forward(&[sink.addr()]).config(&format!("[prevent]\n{settings}")).start();
    (sink, weir)
}

fn sends_one(client: &mut Client, weir: &Weir) {
    let answer = client.send("ann@corp.example", &["bob@other.example"], &mails::clean("proxied")).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}\n{}", weir.log());
}

#[test]
fn proxy_v1_names_the_peer() {
    let (sink, weir) = trusting(
        "proxy_protocol_hosts = [\"127.0.0.1\"]\nallowed_hosts = [\"192.0.2.0/24\"]",
        Manners::default(),
    );
    let mut client = Client::connect(weir.addr()).unwrap();
    client.write(b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\r\n").unwrap();
    assert_eq!(client.answer().unwrap().code, 220);
    assert_eq!(client.command("EHLO client.example").unwrap().code, 250);
    sends_one(&mut client, &weir);
    sink.only_message();
    weir.wait_for_log("192.0.2.7");
}

#[test]
fn proxy_v2_names_the_peer() {
    let (sink, weir) = trusting(
        "proxy_protocol_hosts = [\"127.0.0.1\"]\nallowed_hosts = [\"192.0.2.0/24\"]",
        Manners::default(),
    );
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend([192, 0, 2, 8, 192, 0, 2, 1, 0x9c, 0x40, 0, 25]);
    let mut client = Client::connect(weir.addr()).unwrap();
    client.write(&header).unwrap();
    assert_eq!(client.answer().unwrap().code, 220);
    assert_eq!(client.command("EHLO client.example").unwrap().code, 250);
    sends_one(&mut client, &weir);
    sink.only_message();
    weir.wait_for_log("192.0.2.8");
}

#[test]
fn a_peer_that_a_balancer_names_must_be_allowed_itself() {
    let (sink, weir) = trusting(
        "proxy_protocol_hosts = [\"127.0.0.1\"]\nallowed_hosts = [\"192.0.2.0/24\"]",
        Manners::default(),
    );
    let mut client = Client::connect(weir.addr()).unwrap();
    client.write(b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\r\n").unwrap();
    let mut answer = client.answer().unwrap();
    if answer.code == 220 {
        answer = client.command("EHLO client.example").unwrap();
    }
    assert_eq!(answer.code, 554, "{answer:?}");
    assert_eq!(sink.count(), 0);
}

#[test]
fn a_proxy_header_from_anybody_else_is_no_command() {
    let (_sink, weir) = trusting("", Manners::default());
    let mut client = Client::connect(weir.addr()).unwrap();
    assert_eq!(client.answer().unwrap().code, 220);
    let answer = client.command("PROXY TCP4 192.0.2.7 192.0.2.1 40000 25").unwrap();
    assert_eq!(answer.code / 100, 5, "{answer:?}");
    assert!(!weir.log().contains("192.0.2.7 "));
}

#[test]
fn a_broken_proxy_header_ends_the_connection() {
    for header in [
        &b"EHLO client.example\r\n"[..],
        b"PROXY TCP4 not an address\r\n",
        b"\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c",
    ] {
        let (sink, weir) = trusting("proxy_protocol_hosts = [\"127.0.0.1\"]", Manners::default());
        let mut client = Client::connect(weir.addr()).unwrap();
        client.write(header).unwrap();
        let answered = client.answer();
        assert!(answered.is_err() || answered.is_ok_and(|answer| answer.code / 100 != 2));
        assert!(client.is_closed());
        assert_eq!(sink.count(), 0);
    }
}

#[test]
fn xclient_from_a_trusted_peer_restarts_both_sessions_and_goes_on_if_the_hop_has_it() {
    let manners = Manners::default().and("XCLIENT NAME ADDR PROTO HELO");
    let (sink, weir) = trusting("xclient_hosts = [\"127.0.0.1\"]", manners);
    let mut client = Client::connect(weir.addr()).unwrap();
    client.answer().unwrap();
    let offered = client.command("EHLO client.example").unwrap();
    assert!(offered.lines.iter().any(|line| line.starts_with("XCLIENT ")), "{offered:?}");
    assert_eq!(client.command("XCLIENT ADDR=192.0.2.9 NAME=origin.example HELO=origin").unwrap().code, 220);
    assert_eq!(client.command("MAIL FROM:<ann@corp.example>").unwrap().code, 503);
    assert_eq!(client.command("EHLO origin").unwrap().code, 250);
    sends_one(&mut client, &weir);
    let lines = sink.lines();
    assert!(
        lines.iter().any(|line| line.starts_with("XCLIENT ") && line.contains("ADDR=192.0.2.9")),
        "{lines:?}"
    );
    weir.wait_for_log("192.0.2.9");
}

#[test]
fn xclient_stays_here_when_the_hop_does_not_offer_it() {
    let (sink, weir) = trusting("xclient_hosts = [\"127.0.0.1\"]", Manners::default());
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.command("XCLIENT ADDR=192.0.2.9").unwrap().code, 220);
    assert_eq!(client.command("EHLO origin").unwrap().code, 250);
    sends_one(&mut client, &weir);
    assert!(!sink.lines().iter().any(|line| line.starts_with("XCLIENT")), "{:?}", sink.lines());
}

#[test]
fn xclient_and_xforward_are_not_for_everybody() {
    let manners = Manners::default().and("XCLIENT ADDR").and("XFORWARD ADDR");
    let (sink, weir) = trusting("", manners);
    let mut client = Client::connect(weir.addr()).unwrap();
    client.answer().unwrap();
    let offered = client.command("EHLO client.example").unwrap();
    assert!(!offered.lines.iter().any(|line| line.starts_with('X')), "{offered:?}");
    for command in ["XCLIENT ADDR=192.0.2.9", "XFORWARD ADDR=192.0.2.9"] {
        let answer = client.command(command).unwrap();
        assert_eq!(answer.code / 100, 5, "{command}: {answer:?}");
    }
    sends_one(&mut client, &weir);
    assert!(!sink.lines().iter().any(|line| line.contains("192.0.2.9")));
}

#[test]
fn xforward_goes_on_to_a_hop_that_offers_it() {
    let manners = Manners::default().and("XFORWARD NAME ADDR PROTO HELO SOURCE");
    let (sink, weir) = trusting("xforward_hosts = [\"127.0.0.1\"]", manners);
    let mut client = Client::greeted(weir.addr());
    let answer = client.command("XFORWARD NAME=origin.example ADDR=192.0.2.10").unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    sends_one(&mut client, &weir);
    assert!(sink.lines().iter().any(|line| line.starts_with("XFORWARD ") && line.contains("192.0.2.10")));
}

#[test]
fn xforward_names_the_client_of_one_message_though_the_hop_does_not_know_it() {
    let (sink, weir) = trusting("xforward_hosts = [\"127.0.0.1\"]", Manners::default());
    let mut client = Client::connect(weir.addr()).unwrap();
    client.answer().unwrap();
    let offered = client.command("EHLO client.example").unwrap();
    assert!(offered.lines.iter().any(|line| line.starts_with("XFORWARD ")), "{offered:?}");
    let send = |client: &mut Client| {
        let message = mails::with_card_number("whose");
        let answer = client.send("ann@corp.example", &["bob@other.example"], &message).unwrap();
        assert_eq!(answer.code, 250, "{answer:?}");
    };
    assert_eq!(client.command("XFORWARD NAME=origin.example ADDR=192.0.2.10").unwrap().code, 250);
    send(&mut client);
    weir.wait_for_log("peer=192.0.2.10 ");
    assert_eq!(weir.incident(1)["peer"], "192.0.2.10", "{}", weir.incident(1));
    assert!(!sink.lines().iter().any(|line| line.starts_with("XFORWARD")), "{:?}", sink.lines());
    // It was said of that message, not of the next one.
    let lines = |log: &str| log.lines().filter(|line| line.contains("peer=127.0.0.1 ")).count();
    assert_eq!(lines(&weir.log()), 0, "{}", weir.log());
    send(&mut client);
    weir.wait_for_log("peer=127.0.0.1 ");
}

#[test]
fn what_xforward_claims_opens_no_door_and_moves_no_way_back() {
    let port = weir_tests::ports::free_port();
    let (own, claimed) = (Sink::on_port(port), Sink::at(([127, 0, 0, 2], port).into()));
    let weir = Prevent::reflect(port).config("[prevent]\nxforward_hosts = [\"127.0.0.1\"]").start();
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.command("XFORWARD ADDR=127.0.0.2").unwrap().code, 250);
    sends_one(&mut client, &weir);
    assert_eq!((own.count(), claimed.count()), (1, 0));
}

#[test]
fn a_redirected_message_keeps_its_client_and_the_next_one_does_not() {
    let manners = Manners::default().and("XFORWARD NAME ADDR PROTO HELO SOURCE");
    let (sink, weir) = trusting("xforward_hosts = [\"127.0.0.1\"]", manners);
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.command("XFORWARD ADDR=192.0.2.10").unwrap().code, 250);
    let message = mails::redirected("to somebody else");
    let answer = client.send("ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    sends_one(&mut client, &weir);
    // Said before the sender's envelope, and again after the RSET that took it back; not before the second message.
    let lines = sink.lines();
    let order: Vec<&str> = lines.iter().filter_map(|line| line.split([' ', ':']).next()).collect();
    assert_eq!(
        order.iter().filter(|verb| ["XFORWARD", "RSET", "MAIL"].contains(verb)).collect::<Vec<_>>(),
        [&"XFORWARD", &"MAIL", &"RSET", &"XFORWARD", &"MAIL", &"MAIL"],
        "{lines:?}"
    );
}
