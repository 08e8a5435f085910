//! Postfix hands its outgoing mail to Weir, which forwards it to another Postfix: by the files of `deploy/postfix`.

use std::time::Duration;

use weir_tests::client::{eventually, send, swaks};
use weir_tests::mails;
use weir_tests::ports::free_port;
use weir_tests::postfix::{Postfix, Setup};
use weir_tests::sink::{Reaction, Sink, Stage, reply};
use weir_tests::weir::{Prevent, Weir};

struct Chain {
    sender: Postfix,
    weir: Weir,
    receiver: Postfix,
}

fn chain(prevent: impl FnOnce(Prevent) -> Prevent) -> Option<Chain> {
    let receiver = Setup::new().delivers_locally("other.example").holds_marked_mail().start()?;
    let weir = prevent(Prevent::forward(&[receiver.addr()])).start();
    let sender = Setup::new().forwards_to_weir(weir.addr()).start()?;
    Some(Chain { sender, weir, receiver })
}

fn submit(postfix: &Postfix, recipient: &str, message: &[u8]) {
    let answer = send(postfix.addr(), "ann@corp.example", &[recipient], message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
}

fn holds(message: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(message, part).is_some()
}

#[test]
fn clean_mail_arrives_and_marked_mail_is_held_until_released() {
    let Some(chain) = chain(|prevent| prevent) else { return };
    submit(&chain.sender, "bob@other.example", &mails::clean("clean"));
    submit(&chain.sender, "carl@other.example", &mails::with_card_number("marked"));
    let clean = chain.receiver.wait_for_mail("bob", 1);
    assert!(holds(&clean[0], b"X-Cfilter-Loop: Reflected"));
    let held = chain.receiver.wait_for_queued("hold", 1);
    assert!(chain.receiver.maildir("carl").is_empty());
    let incidents = chain.weir.incidents();
    assert_eq!((incidents.len(), incidents[0]["policy_id"].as_u64()), (1, Some(23)));
    chain.receiver.release(&held[0].id);
    let released = chain.receiver.wait_for_mail("carl", 1);
    let id = incidents[0]["unique_message_id"].as_str().unwrap();
    assert!(holds(&released[0], format!("X-dlp-uniquemsgid: {id}").as_bytes()));
    assert!(holds(&released[0], b"4111 1111 1111 1111"));
}

#[test]
fn blocked_mail_bounces_to_the_sender_with_the_policys_text() {
    let receiver = Setup::new().delivers_locally("other.example").start();
    let Some(receiver) = receiver else { return };
    let weir = Prevent::forward(&[receiver.addr()]).start();
    // The sender's own mailbox lies on the sending side, so that the bounce is seen.
    let Some(sender) = Setup::new().delivers_locally("corp.example").forwards_to_weir(weir.addr()).start()
    else {
        return;
    };
    submit(&sender, "bob@other.example", &mails::blocked("blocked"));
    let bounce = sender.wait_for_mail("ann", 1);
    assert!(holds(&bounce[0], b"Refused by policy Blocked words"), "{}", String::from_utf8_lossy(&bounce[0]));
    assert!(receiver.maildir("bob").is_empty());
}

#[test]
fn mail_waits_in_the_senders_queue_while_weir_or_the_hop_is_down() {
    let port = free_port();
    let Some(mut chain) = chain(|mut prevent| {
        prevent.listen.set_port(port);
        prevent
    }) else {
        return;
    };
    chain.weir.kill();
    submit(&chain.sender, "bob@other.example", &mails::clean("waits"));
    chain.sender.wait_for_queued("deferred", 1);
    chain.weir.restart();
    chain.sender.flush();
    let arrived = eventually(Duration::from_secs(30), || !chain.receiver.maildir("bob").is_empty());
    assert!(arrived, "{}", chain.sender.log());
    assert!(
        chain.sender.queue().is_empty()
            || eventually(Duration::from_secs(10), || chain.sender.queue().is_empty())
    );
    assert_eq!(chain.receiver.maildir("bob").len(), 1);
}

#[test]
fn what_the_hop_refuses_for_now_and_for_good_is_told_to_postfix() {
    let sink = Sink::scripted(|asked| match asked.stage {
        Stage::Rcpt if asked.line.contains("nobody") => reply("550 5.1.1 no such person"),
        Stage::Rcpt if asked.line.contains("later") => reply("450 4.2.1 try later"),
        _ => Reaction::Good,
    });
    let weir = Prevent::forward(&[sink.addr()]).start();
    let Some(sender) = Setup::new().delivers_locally("corp.example").forwards_to_weir(weir.addr()).start()
    else {
        return;
    };
    for recipient in ["nobody@other.example", "later@other.example", "bob@other.example"] {
        submit(&sender, recipient, &mails::clean(recipient));
    }
    assert_eq!(sink.wait_for(1)[0].recipients[0].split('>').next(), Some("<bob@other.example"));
    let bounce = sender.wait_for_mail("ann", 1);
    assert!(holds(&bounce[0], b"no such person"));
    let waiting = sender.wait_for_queued("deferred", 1);
    assert!(waiting[0].recipients[0].1.contains("try later"), "{waiting:?}");
}

#[test]
fn postfix_tells_weir_by_xforward_where_the_mail_came_from() {
    let Some(chain) = chain(|prevent| prevent.config("[prevent]\nxforward_hosts = [\"127.0.0.1\"]")) else {
        return;
    };
    // Postfix' own connection comes from 127.0.0.1; its client's from elsewhere.
    let arguments =
        ["--local-interface", "127.0.0.3", "--from", "ann@corp.example", "--to", "bob@other.example"];
    let Some(sent) = swaks(chain.sender.addr(), &arguments) else { return };
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stdout));
    chain.receiver.wait_for_mail("bob", 1);
    chain.weir.wait_for_log("peer=127.0.0.3 ");
}

#[test]
fn mail_waits_in_the_senders_queue_while_the_next_hop_is_down_and_arrives_once() {
    let port = free_port();
    let weir = Prevent::forward(&[([127, 0, 0, 1], port).into()]).start();
    let Some(sender) = Setup::new().forwards_to_weir(weir.addr()).start() else { return };
    submit(&sender, "bob@other.example", &mails::clean("waits for the hop"));
    let waiting = sender.wait_for_queued("deferred", 1);
    assert!(waiting[0].recipients[0].1.contains("4.4.1"), "{waiting:?}");
    let hop = Sink::on_port(port);
    sender.flush();
    hop.wait_for(1);
    assert!(eventually(Duration::from_secs(10), || sender.queue().is_empty()), "{}", sender.log());
    assert_eq!(hop.count(), 1);
}

#[test]
fn mail_waits_in_the_senders_queue_while_the_next_hop_is_too_slow_and_arrives_later() {
    let hop = Sink::scripted(|asked| match asked.stage {
        Stage::Dot => Reaction::Stall,
        _ => Reaction::Good,
    });
    let weir = Prevent::forward(&[hop.addr()]).config("[prevent.timeouts]\nhop_final = \"2s\"").start();
    let Some(sender) = Setup::new().forwards_to_weir(weir.addr()).start() else { return };
    submit(&sender, "bob@other.example", &mails::clean("waits for an answer"));
    let waiting = sender.wait_for_queued("deferred", 1);
    assert!(waiting[0].recipients[0].1.contains("4.4.2"), "{waiting:?}");
    assert_eq!(hop.count(), 0);
    hop.rescript(|_| Reaction::Good);
    sender.flush();
    hop.wait_for(1);
    assert!(eventually(Duration::from_secs(10), || sender.queue().is_empty()), "{}", sender.log());
}

#[test]
fn twenty_megabytes_and_eight_bit_text_go_through_the_chain() {
    let Some(chain) = chain(|prevent| prevent) else { return };
    let large = mails::large("large", 20 << 20);
    submit(&chain.sender, "bob@other.example", &large);
    let eight_bit = mails::mail("eight bit", "Grüße, naïve façade\r\n.\r\n..two dots\r\n");
    submit(&chain.sender, "carl@other.example", &eight_bit);
    // Postfix writes LF line ends into a Maildir.
    let body_of = |message: &[u8]| {
        let text = String::from_utf8_lossy(message).replace("\r\n", "\n");
        text.split_once("\n\n").unwrap().1.to_owned()
    };
    assert!(body_of(&chain.receiver.wait_for_mail("bob", 1)[0]) == body_of(&large));
    assert_eq!(body_of(&chain.receiver.wait_for_mail("carl", 1)[0]), body_of(&eight_bit));
}
