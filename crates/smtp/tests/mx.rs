//! Looking up next hops at a small name server of our own: MX, null MX, no MX, failures, floods.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/names.rs"]
mod names;

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

use names::{Data, NameServer, mx, serve};
use smtp::mx::{ResolveError, Resolver, Target};

fn a(last: u8) -> Data {
    Data::A(Ipv4Addr::new(192, 0, 2, last))
}

async fn resolve(server: &NameServer, target: &str) -> Result<Vec<String>, ResolveError> {
    let resolver = Resolver::from_servers(&[server.addr]).unwrap();
    let target = Target::parse(target, 25).unwrap();
    let found = resolver.resolve(&target).await?;
    Ok(found.into_iter().map(|(host, address)| format!("{host} {address}")).collect())
}

#[tokio::test]
async fn a_literal_needs_no_name_server() {
    let resolver = Resolver::from_servers(&[]).unwrap();
    let target = Target::parse("[2001:db8::1]:2525", 25).unwrap();
    let found = resolver.resolve(&target).await.unwrap();
    assert_eq!(found, [("2001:db8::1".to_owned(), "[2001:db8::1]:2525".parse().unwrap())]);
}

#[tokio::test]
async fn a_host_name_has_its_addresses_ipv4_first() {
    let v6 = Data::Aaaa("2001:db8::7".parse().unwrap());
    let server = serve(60, &[("mail.example", v6), ("mail.example", a(1))]).await;
    let found = resolve(&server, "Mail.Example:10026").await.unwrap();
    assert_eq!(found, ["mail.example 192.0.2.1:10026", "mail.example [2001:db8::7]:10026"]);
}

#[tokio::test]
async fn exchangers_come_in_the_order_of_their_preference_under_their_own_names() {
    let server = serve(
        60,
        &[
            ("example.org", mx(20, "second.example")),
            ("example.org", mx(10, "first.example")),
            ("first.example", a(1)),
            ("second.example", a(2)),
        ],
    )
    .await;
    let found = resolve(&server, "mx:example.org").await.unwrap();
    assert_eq!(found, ["first.example 192.0.2.1:25", "second.example 192.0.2.2:25"]);
}

#[tokio::test]
async fn an_exchanger_without_address_is_passed_over() {
    let server = serve(
        60,
        &[
            ("example.org", mx(10, "gone.example")),
            ("example.org", mx(20, "here.example")),
            ("here.example", a(2)),
        ],
    )
    .await;
    assert_eq!(resolve(&server, "mx:example.org").await.unwrap(), ["here.example 192.0.2.2:25"]);
    let server = serve(60, &[("example.org", mx(10, "gone.example")), ("example.org", a(9))]).await;
    let error =
        resolve(&server, "mx:example.org").await.expect_err("the domain's own address does not count");
    assert!(matches!(error, ResolveError::NoAddress(host) if host == "gone.example."));
}

#[tokio::test]
async fn without_mx_the_domain_takes_its_own_mail() {
    let server = serve(60, &[("example.org", a(5))]).await;
    assert_eq!(resolve(&server, "mx:example.org").await.unwrap(), ["example.org 192.0.2.5:25"]);
}

#[tokio::test]
async fn a_null_mx_means_no_mail() {
    let server = serve(60, &[("example.org", mx(0, ".")), ("example.org", a(5))]).await;
    assert!(matches!(resolve(&server, "mx:example.org").await, Err(ResolveError::NoMail(_))));
}

#[tokio::test]
async fn a_name_server_in_trouble_is_not_taken_for_a_domain_without_mx() {
    let server = serve(60, &[("example.org", Data::Error(2)), ("example.org", a(5))]).await;
    assert!(matches!(resolve(&server, "mx:example.org").await, Err(ResolveError::Dns { .. })));
    assert!(matches!(resolve(&server, "mx:nowhere.example").await, Err(ResolveError::NoAddress(_))));
}

#[tokio::test]
async fn floods_and_impossible_addresses_are_cut() {
    let mut records: Vec<(String, Data)> = (0..40).map(|n| ("many.example".to_owned(), a(n))).collect();
    records.insert(0, ("many.example".to_owned(), Data::A(Ipv4Addr::UNSPECIFIED)));
    records.insert(0, ("many.example".to_owned(), Data::A(Ipv4Addr::new(224, 0, 0, 1))));
    let records: Vec<(&str, Data)> =
        records.iter().map(|(name, data)| (name.as_str(), data.clone())).collect();
    let found = resolve(&serve(60, &records).await, "many.example").await.unwrap();
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|line| line.starts_with("many.example 192.0.2.")), "{found:?}");
}

#[tokio::test]
async fn answers_are_kept_for_their_time_to_live_and_no_longer() {
    for (ttl, wanted) in [(60, 1), (0, 3)] {
        let server = serve(ttl, &[("example.org", mx(10, "h.example")), ("h.example", a(1))]).await;
        let resolver = Resolver::from_servers(&[server.addr]).unwrap();
        let target = Target::parse("mx:example.org", 25).unwrap();
        resolver.resolve(&target).await.unwrap();
        let once = server.asked.load(Ordering::Relaxed);
        resolver.resolve(&target).await.unwrap();
        resolver.resolve(&target).await.unwrap();
        let all = server.asked.load(Ordering::Relaxed);
        // AAAA has no records and no SOA, so its absence is not remembered: only what has a TTL counts here.
        assert!(if wanted == 1 { all < 3 * once } else { all == 3 * once }, "{ttl}: {once} {all}");
    }
}
