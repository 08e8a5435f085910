//! The recipes of `docs/placement.md`, as far as loopback allows: mail comes as Exchange, Microsoft 365 and Google Workspace send it,
//! and leaves as they take it.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use weir_tests::certs::Authority;
use weir_tests::client::{Answer, Client, eventually, send};
use weir_tests::gateway::Setup;
use weir_tests::mails;
use weir_tests::sink::{Manners, Reaction, Sink};
use weir_tests::weir::{Prevent, Weir};

use crate::site::{decide, listed};

const NAME: &str = "dlp.example.com";

/// Certificates for a place, and settings that use them.
struct Place {
    authority: Authority,
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let (authority, dir) = (Authority::new(), TempDir::new().unwrap());
        authority.issue(NAME).write(dir.path(), "dlp");
        authority.write(dir.path(), "ca");
        fs::write(dir.path().join("secret"), "app-password\n").unwrap();
        Self { authority, dir }
    }

    fn file(&self, name: &str) -> String {
        format!("{:?}", self.dir.path().join(name).display().to_string())
    }

    fn prevent(&self, hop: &Sink, more: &str) -> Weir {
        let (certificate, key, ca) = (self.file("dlp.pem"), self.file("dlp.key"), self.file("ca.pem"));
        let settings = format!(
            "[prevent]\nhostname = \"{NAME}\"\npass_header = \"X-Weir-Passed: 1f0c6c9e\"\n\
             [prevent.tls]\nmode = \"required\"\ncertificate = {certificate}\nkey = {key}\n\
             [prevent.next_hop_tls]\nmode = \"required\"\nca = {ca}\n{more}"
        );
        Prevent::forward(&[hop.addr()]).config(&settings).start()
    }

    /// A session over TLS, greeted again; its EHLO's answer.
    fn client(&self, weir: &Weir) -> (Client, Answer) {
        let mut client = Client::greeted(weir.addr());
        assert_eq!(client.command("MAIL FROM:<ann@corp.example>").unwrap().code, 530, "nothing in clear");
        assert_eq!(client.starttls(NAME, self.authority.client_config()).unwrap().code, 220);
        let offered = client.command("EHLO mail-out.service.example").unwrap();
        (client, offered)
    }

    fn hop(&self, keywords: &[&str]) -> Manners {
        let all = [
            "PIPELINING",
            "SIZE 157286400",
            "8BITMIME",
            "ENHANCEDSTATUSCODES",
            "SMTPUTF8",
            "DSN",
            "STARTTLS",
        ];
        let all = [&all[..], keywords].concat();
        Manners::only(&all)
            .tls(self.authority.issue("127.0.0.1").server_config_for_clients_of(&self.authority))
    }
}

/// As Exchange and Microsoft 365 send: pipelined envelope with its size, then chunks.
fn by_bdat(client: &mut Client, mail: &[u8], chunk: usize) -> Answer {
    let envelope = format!(
        "MAIL FROM:<ann@corp.example> SIZE={} BODY=8BITMIME\r\nRCPT TO:<bob@other.example>\r\n",
        mail.len()
    );
    client.write(envelope.as_bytes()).unwrap();
    for _ in 0..2 {
        let answer = client.answer().unwrap();
        assert_eq!(answer.code, 250, "{answer:?}");
    }
    let chunks: Vec<&[u8]> = mail.chunks(chunk).collect();
    for (at, octets) in chunks.iter().enumerate() {
        let last = if at + 1 == chunks.len() { " LAST" } else { "" };
        client.write(format!("BDAT {}{last}\r\n", octets.len()).as_bytes()).unwrap();
        client.write(octets).unwrap();
        let answer = client.answer().unwrap();
        if answer.code != 250 || !last.is_empty() {
            return answer;
        }
    }
    unreachable!("a mail of no octets")
}

fn eight_bit(what: &str, octets: usize) -> Vec<u8> {
    let mut mail = mails::large(what, octets);
    mail.extend("Grüße aus Köln: naïve façade\r\n.\r\n..no end".as_bytes());
    mail
}

#[test]
fn exchange_hands_over_by_an_opportunistic_smart_host() {
    let (place, sink) = (Place::new(), Sink::with(Manners::default().and("CHUNKING"), |_| Reaction::Good));
    let (certificate, key) = (place.file("dlp.pem"), place.file("dlp.key"));
    let settings = format!(
        "[prevent.tls]\nmode = \"opportunistic\"\ncertificate = {certificate}\nkey = {key}\n\
         [prevent.next_hop_tls]\nmode = \"opportunistic\"\nverify = false"
    );
    let weir = Prevent::forward(&[sink.addr()]).config(&settings).start();
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.starttls(NAME, place.authority.client_config()).unwrap().code, 220);
    let offered = client.command("EHLO exchange.corp.example").unwrap();
    for word in ["CHUNKING", "8BITMIME", "PIPELINING", "SIZE"] {
        assert!(offered.lines.iter().any(|line| line.starts_with(word)), "{word}: {offered:?}");
    }
    let mail = eight_bit("by a send connector", 3 << 20);
    let answer = by_bdat(&mut client, &mail, 1 << 20);
    assert_eq!(answer.code, 250, "{answer:?}");
    let arrived = sink.wait_for(1).remove(0);
    assert!(arrived.chunked && arrived.from_line("Date:") == mail);
    assert!(arrived.sender.contains("BODY=8BITMIME"), "{}", arrived.sender);
}

#[test]
fn microsoft_365_gets_its_mail_back_by_certificate_and_knows_it_by_the_secret_header() {
    let place = Place::new();
    let sink = Sink::with(place.hop(&["CHUNKING"]), |_| Reaction::Good);
    let (certificate, key) = (place.file("dlp.pem"), place.file("dlp.key"));
    let more = format!("certificate = {certificate}\nkey = {key}\n[prevent.limits]\nmessage_size = 5000000");
    let weir = place.prevent(&sink, &more);
    let (mut client, offered) = place.client(&weir);
    let size = offered.lines.iter().find_map(|line| line.strip_prefix("SIZE ")).expect("SIZE");
    assert!(size.parse::<u64>().unwrap() <= 5_000_000, "{size}");
    // A header of the sender's own making does not let mail round the rule.
    let forged = [b"X-Weir-Passed: 1f0c6c9e\r\n".to_vec(), eight_bit("goes round once", 2 << 20)].concat();
    let answer = by_bdat(&mut client, &forged, 512 << 10);
    assert_eq!(answer.code, 250, "{answer:?}");
    let arrived = sink.wait_for(1).remove(0);
    assert!(arrived.tls && arrived.chunked);
    assert_eq!(arrived.header("X-Weir-Passed"), ["1f0c6c9e"], "the one that Weir added");
    assert!(forged.ends_with(arrived.from_line("Date:")));
    // Too large is said before anything is sent.
    let answer = client.command("MAIL FROM:<ann@corp.example> SIZE=6000000").unwrap();
    assert_eq!(answer.code, 552, "{answer:?}");
    // A block is a 5xx to the service, with Weir's words.
    let answer = by_bdat(&mut client, &mails::blocked("blocked"), 1 << 20);
    assert!(answer.code == 550 && answer.text().contains("Refused by policy Blocked words"), "{answer:?}");
    assert_eq!(sink.count(), 1);
}

#[test]
fn google_workspace_takes_its_mail_back_by_a_relay_that_wants_a_password() {
    let place = Place::new();
    let manners = Manners::default().and("CHUNKING").and("STARTTLS").and("AUTH PLAIN LOGIN");
    let manners = manners.tls(place.authority.issue("127.0.0.1").server_config());
    let sink = Sink::with(manners, |_| Reaction::Good);
    let secret = place.file("secret");
    let more = format!("[prevent.next_hop_auth]\nuser = \"dlp@example.com\"\nsecret_file = {secret}");
    let weir = place.prevent(&sink, &more);
    let (mut client, _) = place.client(&weir);
    // Gmail sends DATA.
    let mut mail = eight_bit("by the relay", 2 << 20);
    mail.extend_from_slice(b"\r\n");
    let answer = client.send("ann@corp.example", &["bob@other.example"], &mail).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    let arrived = sink.wait_for(1).remove(0);
    assert!(arrived.tls && arrived.from_line("Date:") == mail);
    assert!(sink.lines().iter().any(|line| line.starts_with("AUTH PLAIN ")), "{:?}", sink.lines());
}

/// The gateway's way out to a hosted service: verified TLS, our certificate or a password, only where mail usually goes.
#[test]
fn the_gateway_delivers_what_was_released_to_a_service_that_wants_to_know_it() {
    let place = Place::new();
    let sink = Sink::with(place.hop(&["CHUNKING", "AUTH PLAIN"]), |_| Reaction::Good);
    let (certificate, key, ca) = (place.file("dlp.pem"), place.file("dlp.key"), place.file("ca.pem"));
    let secret = place.file("secret");
    let settings = format!(
        "[gateway]\npass_header = \"\"\n[gateway.queue]\ntls = \"required\"\nfirst_wait = 1\n\
         identity = {{ certificate = {certificate}, key = {key}, ca = {ca} }}\n\
         auth = {{ user = \"dlp@example.com\", secret_file = {secret} }}"
    );
    let gateway = Setup::new().deliver(&format!("smtp://{}", sink.addr())).config(&settings).start();
    let marks = b"X-dlp-uniquemsgid: 0000000A-0000-4000-8000-000000000001\r\nX-dlp-policyid: 23\r\nX-Weir-Passed: 1f0c6c9e\r\n";
    let mail = [marks.to_vec(), eight_bit("held", 2 << 20), b"\r\n".to_vec()].concat();
    let answer = send(gateway.mail(), "ann@corp.example", &["bob@other.example"], &mail).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    assert_eq!(sink.count(), 0);
    let center = gateway.person("carl", "Remediator");
    decide(&center, listed(&center, "state=held")[0].0, "approve", "");
    assert!(eventually(Duration::from_secs(60), || sink.count() == 1), "{}", gateway.log());
    let arrived = sink.wait_for(1).remove(0);
    assert!(arrived.tls && arrived.chunked && mail.ends_with(arrived.from_line("Date:")));
    assert_eq!(arrived.header("X-Weir-Passed"), ["1f0c6c9e"], "the service's rule looks for it");
    assert!(arrived.header("X-dlp-uniquemsgid").is_empty());
    assert!(sink.lines().iter().any(|line| line.starts_with("AUTH PLAIN ")));
    assert!(!gateway.log().contains("app-password"));
    // Mail that is not held goes the same way, in step.
    let clean =
        send(gateway.mail(), "ann@corp.example", &["bob@other.example"], &mails::clean("clean")).unwrap();
    assert_eq!(clean.code, 250, "{clean:?}");
    assert!(sink.wait_for(2).remove(1).tls);
}
