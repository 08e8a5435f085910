//! Who the peer is: the PROXY protocol from balancers, XCLIENT and XFORWARD from trusted hosts, and nobody else.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use smtp::server::{EndReason, Offer, Peer, ServerConfig};
use smtp::xclient::Name;
use support::*;

fn behind_a_balancer() -> ServerConfig {
    ServerConfig { proxy_protocol_hosts: vec!["127.0.0.1".parse().unwrap()], ..config() }
}

fn trusting(hosts: &str) -> ServerConfig {
    let hosts = vec![hosts.parse().unwrap()];
    ServerConfig { xclient_hosts: hosts.clone(), xforward_hosts: hosts, ..config() }
}

fn last_peer(fake: &Fake) -> Peer {
    fake.seen.lock().unwrap().peers.last().expect("a peer").clone()
}

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x00\x01\x10\xe1\x00\x19";

#[tokio::test]
async fn a_balancer_says_who_the_peer_is_in_either_version() {
    for header in [&b"PROXY TCP4 203.0.113.7 127.0.0.1 4321 25\r\n"[..], V2] {
        let mut server = server_saying(behind_a_balancer(), Fake::default(), header).await;
        play(&mut server.client, "S: 220 weir.example ESMTP\nC: EHLO a\nS~ 250-weir").await;
        let peer = last_peer(&server.fake);
        assert_eq!(peer.addr, "203.0.113.7:4321".parse().unwrap());
        assert!(peer.tcp.ip().is_loopback());
    }
}

#[tokio::test]
async fn a_balancer_that_speaks_for_itself_is_the_peer() {
    let mut server = server_saying(behind_a_balancer(), Fake::default(), b"PROXY UNKNOWN\r\n").await;
    play(&mut server.client, "S~ 220\nC: EHLO a\nS~ 250-weir").await;
    let peer = last_peer(&server.fake);
    assert_eq!(peer.addr, peer.tcp);
}

#[tokio::test]
async fn a_balancer_without_a_header_is_hung_up_on_without_a_word() {
    for header in [&b"EHLO me\r\n"[..], b"PROXY TCP4 1 2 3 4\r\n", &[b'P'; 300]] {
        let mut server = server_saying(behind_a_balancer(), Fake::default(), header).await;
        play(&mut server.client, "S.").await;
        assert_eq!(server.end.await.unwrap().why, EndReason::ProxyProtocol);
        assert!(server.fake.calls().is_empty());
    }
}

#[tokio::test]
async fn a_peer_behind_the_balancer_must_wait_for_the_greeting_too() {
    let first = b"PROXY TCP4 203.0.113.7 127.0.0.1 4321 25\r\nEHLO me\r\n";
    let mut server = server_saying(behind_a_balancer(), Fake::default(), first).await;
    play(&mut server.client, "S~ 554 5.5.0\nS.").await;
}

#[tokio::test]
async fn a_proxy_header_from_anybody_else_is_early_talk() {
    let first = b"PROXY TCP4 203.0.113.7 127.0.0.1 4321 25\r\n";
    let mut server = server_saying(config(), Fake::default(), first).await;
    play(&mut server.client, "S~ 554 5.5.0\nS.").await;
    assert!(server.fake.calls().is_empty());
}

#[tokio::test]
async fn xclient_from_a_trusted_host_starts_the_session_again() {
    let script = "S~ 220
        C: EHLO client.example
        S: 250-weir.example
        S: 250-PIPELINING
        S: 250-CHUNKING
        S: 250-SIZE 1000000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-DSN
        S: 250-ENHANCEDSTATUSCODES
        S: 250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT
        S: 250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE
        C: XCLIENT NAME=spike.example ADDR=203.0.113.9
        S: 220 weir.example ESMTP
        C: MAIL FROM:<a@a.example>
        S: 503 5.5.1 Send EHLO or HELO first.
        C: XCLIENT LOGIN=joe
        S~ 220
        C: EHLO spike.example
        S~ 250-weir.example";
    let fake = talk_with(trusting("127.0.0.1"), Fake::default(), script).await;
    let peer = last_peer(&fake);
    let client = peer.client.as_ref().unwrap();
    assert_eq!(client.address(), "203.0.113.9".parse().ok());
    assert_eq!(client.text(Name::Login), Some("joe"), "attributes add up");
    assert!(peer.addr.ip().is_loopback(), "what XCLIENT says is never the peer");
}

#[tokio::test]
async fn xclient_is_refused_within_a_transaction_with_bad_attributes_and_to_strangers() {
    let script = "S~ 220
        C: EHLO a
        S~ 250-weir
        S~ 250-PIPE
        S~ 250-CHUNK
        S~ 250-SIZE
        S~ 250-8BIT
        S~ 250-SMTPUTF8
        S~ 250-DSN
        S~ 250-ENH
        S~ 250-XCLIENT
        S~ 250 XFORWARD
        C: XCLIENT NAME=a+0Ab
        S~ 501 5.5.4
        C: XCLIENT
        S~ 501 5.5.4
        C: MAIL FROM:<a@a.example>
        S~ 250
        C: XCLIENT NAME=a
        S~ 503 5.5.1 Mail transaction
        C: XFORWARD NAME=a
        S~ 503 5.5.1 Mail transaction";
    talk_with(trusting("127.0.0.1"), Fake::default(), script).await;
    let script = format!("{HELLO}C: XCLIENT NAME=a\nS~ 550 5.7.0\nC: XFORWARD NAME=a\nS~ 550 5.7.0");
    let fake = talk_with(trusting("192.0.2.0/24"), Fake::default(), &script).await;
    assert!(!fake.calls().iter().any(|call| call.starts_with("xforward")));
}

#[tokio::test]
async fn xforward_goes_to_the_service_only_where_the_hop_takes_it() {
    let script = "S~ 220
        C: EHLO a
        S~ 250-weir
        S~ 250-PIPE
        S~ 250-CHUNK
        S~ 250 XCLIENT
        C: XFORWARD NAME=a
        S~ 550 5.7.0";
    let silent = Fake { offer: Some(Offer::default()), ..Fake::default() };
    talk_with(trusting("127.0.0.1"), silent, script).await;
    let offer = Some(Offer { xforward: true, ..Offer::default() });
    let script =
        script.replace("S~ 250 XCLIENT", "S~ 250-XCLIENT\nS~ 250 XFORWARD").replace("S~ 550 5.7.0", "S~ 250");
    let fake = talk_with(trusting("127.0.0.1"), Fake { offer, ..Fake::default() }, &script).await;
    assert_eq!(fake.calls()[1], "xforward NAME=a");
}

#[tokio::test]
async fn xclient_with_more_behind_it_is_out_of_step() {
    let script = "S~ 220\nC: XCLIENT NAME=a\nC: EHLO b\nS~ 503 5.5.0\nS.";
    talk_with(trusting("127.0.0.1"), Fake::default(), script).await;
}
