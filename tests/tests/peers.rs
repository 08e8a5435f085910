//! The peers themselves, without Weir: what the other tests lean on must stand by itself.

use weir_tests::client::{self, Client};
use weir_tests::dialogue;
use weir_tests::mails;
use weir_tests::postfix::Setup;
use weir_tests::sink::{Manners, Sink, Stage, reply};

#[test]
fn a_sink_keeps_the_octets_it_was_sent() {
    let sink = Sink::start();
    let message = mails::large("octets", 300_000);
    let answer = client::send(sink.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert_eq!(answer.code, 250);
    let delivered = sink.only_message();
    assert!(delivered.octets == message);
    assert_eq!(delivered.recipients, ["<bob@other.example>"]);
}

#[test]
fn a_sink_breaks_where_the_recipient_says() {
    let sink = Sink::with_faults();
    let message = mails::clean("faults");
    for (recipient, code) in
        [("rcpt-550@x.example", 550), ("data-451@x.example", 451), ("dot-552@x.example", 552)]
    {
        let answer = client::send(sink.addr(), "ann@corp.example", &[recipient], &message).unwrap();
        assert_eq!(answer.code, code, "{recipient}");
    }
    assert!(client::send(sink.addr(), "ann@corp.example", &["dot-close@x.example"], &message).is_err());
    assert_eq!(sink.count(), 0);
}

#[test]
fn a_dialogue_with_a_sink_reads_like_a_specification() {
    let sink = Sink::with(Manners::only(&["CHUNKING"]), |asked| match asked.stage {
        Stage::Noop => reply("250-two\r\n250 lines"),
        _ => weir_tests::sink::Reaction::Good,
    });
    dialogue::hold(
        sink.addr(),
        r"
        S: 220 sink.example *
        C: EHLO client.example
        S: 250-sink.example
        S: 250 CHUNKING
        C: NOOP
        S* 250 two lines
        C: MAIL FROM:<a@corp.example>
        C: RCPT TO:<b@other.example>
        S: 250 2.1.0 *
        S: 250 2.1.5 *
        C: BDAT 5 LAST
        C: ab\r\n\x80\c
        S: 250 2.0.0 *
        C: QUIT
        S: 221 *
        S: <closed>",
    );
    assert_eq!(sink.only_message().octets, b"ab\r\n\x80");
}

#[test]
fn postfix_relays_to_a_sink_and_delivers_into_maildirs() {
    let sink = Sink::start();
    let Some(relay) = Setup::new().relays_to(sink.addr()).start() else { return };
    client::send(relay.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("relayed")).unwrap();
    assert_eq!(sink.wait_for(1)[0].header("Subject"), ["relayed"]);

    let Some(hop) = Setup::new().delivers_locally("other.example").start() else { return };
    client::send(hop.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("kept")).unwrap();
    let mails = hop.wait_for_mail("bob", 1);
    assert!(String::from_utf8_lossy(&mails[0]).contains("Subject: kept"));
}

#[test]
fn postfix_holds_what_is_marked_and_nothing_else() {
    let Some(hop) = Setup::new().delivers_locally("other.example").holds_marked_mail().start() else {
        return;
    };
    let marked =
        [b"X-dlp-uniquemsgid: 0\r\nX-dlp-policyid: 23\r\n".to_vec(), mails::clean("marked")].concat();
    client::send(hop.addr(), "ann@corp.example", &["bob@other.example"], &marked).unwrap();
    client::send(hop.addr(), "ann@corp.example", &["carl@other.example"], &mails::clean("not marked"))
        .unwrap();
    hop.wait_for_mail("carl", 1);
    let held = hop.wait_for_queued("hold", 1);
    assert!(hop.maildir("bob").is_empty());
    hop.release(&held[0].id);
    hop.wait_for_mail("bob", 1);
}

#[test]
fn swaks_and_smtplib_talk_to_a_sink() {
    let sink = Sink::start();
    let Some(output) =
        client::swaks(sink.addr(), &["--from", "ann@corp.example", "--to", "bob@other.example"])
    else {
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let program = "import smtplib, sys\n\
                   with smtplib.SMTP(sys.argv[1], int(sys.argv[2])) as smtp:\n    \
                   smtp.sendmail('ann@corp.example', ['bob@other.example'], 'Subject: hello\\n\\nbody\\n')";
    let Some(output) = client::python(sink.addr(), program) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    sink.wait_for(2);
}

#[test]
fn a_client_notices_that_a_sink_is_gone() {
    let sink = Sink::start();
    let mut client = Client::greeted(sink.addr());
    sink.drop_connections();
    assert!(client.is_closed());
}
