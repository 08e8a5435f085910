//! Order, syntax and extensions of a session (RFC 5321, 2920, 3030), as wire dialogues.

use weir_tests::client::Client;
use weir_tests::dialogue;
use weir_tests::sink::{Manners, Reaction, Sink};
use weir_tests::weir::Prevent;

fn dialogue_with_weir(script: &str) -> Sink {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    dialogue::hold(weir.addr(), script);
    sink
}

#[test]
fn commands_out_of_order_are_503() {
    dialogue_with_weir(
        r"
        S: 220 *
        C: MAIL FROM:<ann@corp.example>
        S* 503*
        C: RCPT TO:<bob@other.example>
        S* 503*
        C: DATA
        S* 503*
        C: EHLO client.example
        S* 250
        C: RCPT TO:<bob@other.example>
        S* 503*
        C: DATA
        S* 503*
        C: MAIL FROM:<ann@corp.example>
        S* 250
        C: MAIL FROM:<ann@corp.example>
        S* 503*
        C: DATA
        S* 503*
        C: RCPT TO:<bob@other.example>
        S* 250
        C: RSET
        S* 250
        C: DATA
        S* 503*
        C: QUIT
        S: 221 *
        S: <closed>",
    );
}

#[test]
fn unknown_commands_and_bad_syntax_are_5xx_and_the_session_goes_on() {
    dialogue_with_weir(
        r"
        S: 220 *
        C: WHAT IS THIS
        S* 500*
        C: EHLO
        S* 501*
        C: EHLO client.example
        S* 250
        C: MAIL ann@corp.example
        S* 501*
        C: MAIL FROM:<ann@corp.example
        S* 501*
        C: MAIL FROM:<ann@corp.example> SIZE=many
        S* 5*
        C: MAIL FROM:<ann@corp.example> UNKNOWN=1
        S* 555*
        C: DATA now
        S* 501*
        C: AUTH PLAIN AGFubgBzZWNyZXQ=
        S* 50*
        C: VRFY bob
        S* 252*
        C: EXPN staff
        S* 50*
        C: NOOP
        S* 250
        C: HELP
        S* 2*
        C: MAIL FROM:<>
        S* 250
        C: RCPT TO:<bob@other.example>
        S* 250
        C: RSET
        S* 250",
    );
}

#[test]
fn verbs_are_read_in_any_case_and_a_helo_session_works() {
    let sink = dialogue_with_weir(
        r"
        S: 220 *
        C: helo client.example
        S: 250 *
        C: Mail From:<ann@corp.example>
        S* 250
        C: rcpt to:<bob@other.example>
        S* 250
        C: data
        S: 354 *
        C: Subject: helo
        C:
        C: .
        S* 250
        C: quit
        S: 221 *",
    );
    sink.only_message();
}

#[test]
fn control_octets_in_commands_are_refused() {
    let sink = dialogue_with_weir(
        r"
        S: 220 *
        C: EHLO client.example
        S* 250
        C: MAIL FROM:<ann\0@corp.example>
        S* 5*
        C: MAIL FROM:<ann\x01@corp.example>
        S* 5*
        C: MAIL FROM:<ann@corp.example>\rRCPT TO:<x@y.example>
        S* 5*
        C: NOOP
        S* 250",
    );
    assert!(!sink.lines().iter().any(|line| line.starts_with("MAIL")), "{:?}", sink.lines());
}

#[test]
fn a_command_that_a_bare_lf_ends_is_refused_and_never_forwarded() {
    // What follows the LF might be a command elsewhere: nothing of it is read.
    let sink = dialogue_with_weir(
        r"
        S: 220 *
        C: EHLO client.example
        S* 250
        C: MAIL FROM:<ann@corp.example>\nRCPT TO:<evil@other.example>
        S: 421 4.5.2 *
        S: <closed>",
    );
    assert!(
        !sink.lines().iter().any(|line| line.contains("MAIL") || line.contains("evil")),
        "{:?}",
        sink.lines()
    );
}

#[test]
fn a_command_line_too_long_is_500_and_the_next_is_read() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = Client::greeted(weir.addr());
    let long = format!("MAIL FROM:<{}@corp.example>", "a".repeat(20_000));
    assert_eq!(client.command(&long).unwrap().code, 500);
    assert_eq!(client.command("NOOP").unwrap().code, 250);
}

fn offered(manners: Manners) -> Vec<String> {
    let sink = Sink::with(manners, |_| Reaction::Good);
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = Client::connect(weir.addr()).unwrap();
    client.answer().unwrap();
    let mut lines = client.command("EHLO client.example").unwrap().lines;
    lines.remove(0);
    lines
}

#[test]
fn end_to_end_extensions_are_offered_as_the_hop_has_them() {
    let rich = offered(Manners::only(&[
        "SIZE 1000000",
        "8BITMIME",
        "SMTPUTF8",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "AUTH PLAIN",
        "XFOO",
        "VRFY",
        "BINARYMIME",
        "DELIVERBY",
        "MT-PRIORITY",
    ]));
    for word in ["8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "PIPELINING", "CHUNKING"] {
        assert!(rich.iter().any(|line| line == word), "{word} is missing: {rich:?}");
    }
    let size: u64 = rich.iter().find_map(|line| line.strip_prefix("SIZE ")).expect("SIZE").parse().unwrap();
    assert!(size < 1_000_000, "SIZE must leave room for our headers: {size}");
    assert!(size > 900_000, "SIZE leaves too much room: {size}");
    for word in ["AUTH", "XFOO", "BINARYMIME", "DELIVERBY", "MT-PRIORITY", "STARTTLS"] {
        assert!(!rich.iter().any(|line| line.starts_with(word)), "{word} is offered: {rich:?}");
    }

    let poor = offered(Manners::only(&[]));
    for word in ["8BITMIME", "SMTPUTF8", "DSN"] {
        assert!(!poor.iter().any(|line| line.starts_with(word)), "{word} is offered: {poor:?}");
    }
    for word in ["PIPELINING", "CHUNKING"] {
        assert!(poor.iter().any(|line| line == word), "{word} is each side's own: {poor:?}");
    }
}

#[test]
fn a_hop_without_pipelining_gets_one_command_at_a_time() {
    let sink = Sink::with(Manners::only(&["8BITMIME"]), |_| Reaction::Good);
    let weir = Prevent::forward(&[sink.addr()]).start();
    dialogue::hold(
        weir.addr(),
        r"
        S: 220 *
        C: EHLO client.example
        S* 250
        C: MAIL FROM:<ann@corp.example> BODY=8BITMIME
        C: RCPT TO:<bob@other.example>
        C: RCPT TO:<carl@other.example>
        C: DATA
        S* 250
        S* 250
        S* 250
        S: 354 *
        C: Subject: one by one
        C:
        C: .
        S* 250",
    );
    sink.only_message();
}

#[test]
fn bdat_without_a_transaction_is_refused_and_its_octets_are_not_commands() {
    let sink = dialogue_with_weir(
        r"
        S: 220 *
        C: EHLO client.example
        S* 250
        C: BDAT 35 LAST
        C: MAIL FROM:<injected@corp.example>\r\n\c
        S* 503*
        C: NOOP
        S* 250",
    );
    assert!(!sink.lines().iter().any(|line| line.contains("injected")), "{:?}", sink.lines());
}

#[test]
fn data_after_bdat_in_one_transaction_is_503() {
    dialogue_with_weir(
        r"
        S: 220 *
        C: EHLO client.example
        S* 250
        C: MAIL FROM:<ann@corp.example>
        S* 250
        C: RCPT TO:<bob@other.example>
        S* 250
        C: BDAT 4
        C: a\r\n\r\c
        S* 250
        C: DATA
        S* 503*
        C: RSET
        S* 250",
    );
}
