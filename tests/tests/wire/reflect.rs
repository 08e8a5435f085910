//! Reflecting: mail goes back to the address that the connection came from, never to one that somebody merely claims.

use weir_tests::client::{Client, send};
use weir_tests::mails;
use weir_tests::ports::free_port;
use weir_tests::sink::Sink;
use weir_tests::weir::Prevent;

#[test]
fn mail_goes_back_to_the_sending_host_at_the_resubmit_port() {
    let port = free_port();
    let sink = Sink::on_port(port);
    let weir = Prevent::reflect(port).start();
    let message = mails::with_card_number("reflected");
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    let arrived = sink.only_message();
    assert_eq!(arrived.header("X-dlp-policyid"), ["23"]);
    assert_eq!(arrived.header("X-Cfilter-Loop"), ["Reflected"]);
    assert!(arrived.octets.ends_with(&message));
}

#[test]
fn nothing_at_the_resubmit_port_defers_the_mail() {
    let weir = Prevent::reflect(free_port()).start();
    let answer =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("away")).unwrap();
    assert!(answer.is_transient(), "{answer:?}");
}

#[test]
fn behind_a_configured_balancer_mail_goes_back_to_the_host_that_it_names() {
    let port = free_port();
    let (own, named) = (Sink::on_port(port), Sink::at(([127, 0, 0, 2], port).into()));
    let weir = Prevent::reflect(port).config("[prevent]\nproxy_protocol_hosts = [\"127.0.0.1\"]").start();
    let mut client = Client::connect(weir.addr()).unwrap();
    client.write(b"PROXY TCP4 127.0.0.2 127.0.0.1 40000 10025\r\n").unwrap();
    assert_eq!(client.answer().unwrap().code, 220);
    assert_eq!(client.command("EHLO client.example").unwrap().code, 250);
    let answer = client.send("ann@corp.example", &["bob@other.example"], &mails::clean("balanced")).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    assert_eq!((own.count(), named.count()), (0, 1));
}

#[test]
fn what_xclient_claims_never_moves_the_way_back() {
    let port = free_port();
    let (own, claimed) = (Sink::on_port(port), Sink::at(([127, 0, 0, 2], port).into()));
    let weir = Prevent::reflect(port).config("[prevent]\nxclient_hosts = [\"127.0.0.1\"]").start();
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.command("XCLIENT ADDR=127.0.0.2").unwrap().code, 220);
    assert_eq!(client.command("EHLO client.example").unwrap().code, 250);
    let answer = client.send("ann@corp.example", &["bob@other.example"], &mails::clean("claimed")).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    assert_eq!((own.count(), claimed.count()), (1, 0));
}

#[test]
fn a_host_that_is_not_allowed_gets_nothing_back() {
    let port = free_port();
    let named = Sink::at(([127, 0, 0, 2], port).into());
    let settings = "[prevent]\nproxy_protocol_hosts = [\"127.0.0.1\"]\nallowed_hosts = [\"127.0.0.1\"]";
    let weir = Prevent::reflect(port).config(settings).start();
    let mut client = Client::connect(weir.addr()).unwrap();
    client.write(b"PROXY TCP4 127.0.0.2 127.0.0.1 40000 10025\r\n").unwrap();
    let mut answer = client.answer().unwrap();
    if answer.code == 220 {
        answer = client.command("EHLO client.example").unwrap();
    }
    assert_eq!(answer.code, 554, "{answer:?}");
    assert!(named.sessions().is_empty());
}
