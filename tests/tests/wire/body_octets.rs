//! The next hop gets the original octets with header lines on top, for any body.

use weir_tests::client::{Client, send};
use weir_tests::mails;
use weir_tests::sink::{Manners, Reaction, Sink};
use weir_tests::weir::Prevent;

const PASS: &[u8] = b"X-Cfilter-Loop: Reflected\r\n";

fn passes_unaltered(message: &[u8]) {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    let arrived = sink.only_message().octets;
    let same = arrived.strip_prefix(PASS).is_some_and(|rest| rest == message);
    let shown = String::from_utf8_lossy(&arrived[..arrived.len().min(600)]).into_owned();
    assert!(same, "{} octets became {}:\n{shown}", message.len(), arrived.len());
}

#[test]
fn text_passes_unaltered() {
    passes_unaltered(&mails::clean("plain"));
}

#[test]
fn every_octet_but_nul_and_lone_line_ends_passes() {
    let mut message = mails::mail("octets", "");
    for _ in 0..20 {
        message.extend((1..=255).filter(|octet| !b"\r\n".contains(octet)));
        message.extend_from_slice(b"\r\n");
    }
    passes_unaltered(&message);
}

#[test]
fn lines_of_a_hundred_thousand_octets_pass() {
    let long = "x".repeat(100_000);
    passes_unaltered(&mails::mail("long lines", &format!("{long}\r\nshort\r\n{long}\r\n")));
}

#[test]
fn dots_at_the_beginning_of_lines_pass() {
    passes_unaltered(&mails::mail("dots", ".\r\n..\r\n...\r\n.x\r\n\r\n.\r\nx.\r\n"));
}

#[test]
fn twenty_megabytes_pass() {
    passes_unaltered(&mails::large("20 MB", 20 << 20));
}

#[test]
fn an_unusual_header_passes_as_it_is() {
    passes_unaltered(
        b"subject:no blank\r\nSUBJECT:   folded\r\n\tover\r\n   three lines\r\nX-Eight: \xE9\xFF\r\nreceived: by x\r\n\
          X-Empty:\r\nReceived : blank before the colon\r\nX-Long: \t \r\n\r\nbody\r\n",
    );
}

#[test]
fn a_message_without_a_body_passes() {
    passes_unaltered(b"Subject: only a header\r\n");
}

#[test]
fn a_message_of_blank_lines_passes() {
    passes_unaltered(b"\r\n\r\n\r\n");
}

#[test]
fn a_body_without_a_header_passes() {
    passes_unaltered(b"this is no header line\r\nand neither is this\r\n");
}

fn by_bdat(sink: &Sink, chunks: &[&[u8]]) {
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.command("MAIL FROM:<ann@corp.example>").unwrap().code, 250);
    assert_eq!(client.command("RCPT TO:<bob@other.example>").unwrap().code, 250);
    for (at, chunk) in chunks.iter().enumerate() {
        let last = if at + 1 == chunks.len() { " LAST" } else { "" };
        client.write(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes()).unwrap();
        client.write(chunk).unwrap();
        assert_eq!(client.answer().unwrap().code, 250);
    }
}

#[test]
fn a_missing_final_line_end_stays_missing_when_the_hop_has_chunking() {
    let sink = Sink::with(Manners::default().and("CHUNKING"), |_| Reaction::Good);
    by_bdat(&sink, &[b"Subject: chunks\r\n\r\n.first", b"", b" second\r\n.no line end"]);
    let arrived = sink.only_message();
    assert!(arrived.chunked);
    let wanted = [PASS, b"Subject: chunks\r\n\r\n.first second\r\n.no line end"].concat();
    assert_eq!(String::from_utf8_lossy(&arrived.octets), String::from_utf8_lossy(&wanted));
}

#[test]
fn a_message_that_lies_in_a_file_goes_whole_to_a_hop_with_chunking() {
    let sink = Sink::with(Manners::default().and("CHUNKING"), |_| Reaction::Good);
    let weir = Prevent::forward(&[sink.addr()]).start();
    for (number, mail) in
        [mails::large("large", 3 << 20), mails::with_card_number("marked")].iter().enumerate()
    {
        let mut mail = mail.clone();
        mail.extend(b"the last line of a long mail\r\n".repeat(50_000));
        let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mail).unwrap();
        assert_eq!(answer.code, 250, "{answer:?}");
        let arrived = sink.wait_for(number + 1).remove(number);
        assert!(arrived.chunked && arrived.from_line("Date:") == mail);
    }
}

#[test]
fn towards_data_a_missing_final_line_end_is_added_and_nothing_else() {
    let sink = Sink::start();
    by_bdat(&sink, &[b"Subject: chunks\r\n\r\n.fir", b"st\r\n.no line end"]);
    let arrived = sink.only_message();
    assert!(!arrived.chunked);
    let wanted = [PASS, b"Subject: chunks\r\n\r\n.first\r\n.no line end\r\n"].concat();
    assert_eq!(String::from_utf8_lossy(&arrived.octets), String::from_utf8_lossy(&wanted));
}

#[test]
fn the_envelope_passes_verbatim() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = Client::greeted(weir.addr());
    let commands = [
        "MAIL FROM:<\"odd \\\" one\"@Corp.Example> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=QQ+3D314159",
        "RCPT TO:<Bob+Tag@[127.0.0.1]> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob+2BTag@other.example",
        "RCPT TO:<Postmaster>",
    ];
    for command in commands {
        assert_eq!(client.command(command).unwrap().code, 250, "{command}");
    }
    assert_eq!(client.command("DATA").unwrap().code, 354);
    assert_eq!(client.body(&mails::clean("verbatim")).unwrap().code, 250);
    let arrived = sink.only_message();
    assert_eq!(arrived.sender, &commands[0][10..]);
    assert_eq!(arrived.recipients, [&commands[1][8..], &commands[2][8..]]);
}
