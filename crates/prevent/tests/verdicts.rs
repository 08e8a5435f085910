//! What violations do to a message, on the wire: marked, tagged, redirected, copied, blocked, recorded before it goes on.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use incident::JournalOptions;
use prevent::RefusedCopy;
use support::*;

const RESPONSES: &[(&str, &str)] = &[
    ("responses/hold.toml", "name = \"Hold\"\n[modify]\nemail_quarantine_connect = true\n"),
    ("responses/tag.toml", "name = \"Tag\"\n[modify]\nsubject_prefix = \"[DLP] \"\n"),
    (
        "responses/block.toml",
        "name = \"Block\"\n[block]\ntext = \"Not by mail.\"\ncode = 551\nenhanced = \"5.7.2\"\n",
    ),
    ("responses/redirect.toml", "name = \"Redirect\"\n[redirect]\nto = [\"review@a.example\"]\n"),
    ("responses/copy.toml", "name = \"Copy\"\n[copy]\nto = [\"archive@a.example\"]\n"),
];

fn policy(id: u32, word: &str, respond: &str) -> (String, String) {
    let text = format!(
        "id = {id}\nname = \"Word {id}\"\nfamily = \"Tests\"\nmode = \"on\"\nseverity = \"high\"\nrespond = [{respond}]\n\
         [[rule]]\nname = \"the word\"\nkeywords = [\"{word}\"]\n"
    );
    (format!("tests/word{id}.toml"), text)
}

async fn weir_that(
    hop: &Hops,
    respond: &[(u32, &str, &str)],
    change: impl FnOnce(&mut prevent::Settings),
) -> Weir {
    weir_that_keeps(hop, respond, change, JournalOptions::default()).await
}

async fn weir_that_keeps(
    hop: &Hops,
    respond: &[(u32, &str, &str)],
    change: impl FnOnce(&mut prevent::Settings),
    options: JournalOptions,
) -> Weir {
    let policies: Vec<(String, String)> =
        respond.iter().map(|(id, word, respond)| policy(*id, word, respond)).collect();
    let mut sources: Vec<(&str, &str)> = RESPONSES.to_vec();
    sources.extend(policies.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    weir_with_journal(&[hop.addr], &sources, change, options).await
}

fn impatient(settings: &mut prevent::Settings) {
    settings.hop.timeouts.data_final = std::time::Duration::from_millis(200);
}

const SECRET: &str =
    "C: DATA\nS~ 354\nC: Subject: hello\nC: Message-ID: <1@a.example>\nC:\nC: topsecret\nC: .\n";

#[tokio::test]
async fn a_violating_message_is_marked_on_top_recorded_and_goes_on() {
    let hop = hops(&[&format!("{HOP}{HOP_ENVELOPE}C: DATA\nS: 354")]).await;
    let weir =
        weir_that(&hop, &[(7, "topsecret", "\"Hold\""), (5, "topsecret", "\"Hold\"")], impatient).await;
    // The hop never answers: the incident is there already, and the sender keeps the mail.
    weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S~ 451 4.4.2")).await;
    let incidents = weir.incidents().await;
    assert_eq!(incidents.len(), 2);
    let sent = String::from_utf8(hop.played().await.remove(0)).unwrap();
    let lines: Vec<&str> = sent.split("\r\n").collect();
    assert!(lines[0].starts_with("X-dlp-uniquemsgid: ") && lines[0].len() == 19 + 36, "{sent}");
    assert_eq!(
        lines[1..5],
        ["X-dlp-policyid: 5", "X-dlp-policyid: 7", "X-Cfilter-Loop: Reflected", "Subject: hello"]
    );
}

#[tokio::test]
async fn a_repeat_of_the_message_has_the_same_id_and_the_same_incident() {
    let script = format!("{HOP}{HOP_ENVELOPE}C: DATA\nS: 354");
    let hop = hops(&[&script, &script]).await;
    let weir = weir_that(&hop, &[(7, "topsecret", "\"Hold\"")], impatient).await;
    for _ in 0..2 {
        weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S~ 451 4.4.2")).await;
    }
    let sent = hop.played().await;
    assert_eq!(sent[0][..60], sent[1][..60]);
    assert_eq!(weir.incidents().await.len(), 1);
}

#[tokio::test]
async fn a_repeat_after_the_key_of_ids_was_changed_has_the_id_of_its_incident() {
    let script = format!("{HOP}{HOP_ENVELOPE}C: DATA\nS: 354");
    let hop = hops(&[&script, &script]).await;
    let weir = weir_that(&hop, &[(7, "topsecret", "\"Hold\"")], impatient).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S~ 451 4.4.2")).await;
    weir.stop.cancel();
    let Weir { server, journal, run, dir, .. } = weir;
    run.await.unwrap();
    drop((server, journal));
    let (name, text) = policy(7, "topsecret", "\"Hold\"");
    let policies = [RESPONSES[0], (&*name, &*text)];
    let weir = weir_in(dir, &[hop.addr], &policies, |settings| {
        impatient(settings);
        let old = std::mem::replace(&mut settings.id_key, prevent::IdKey::new([8; 32]));
        settings.old_id_keys.push(old);
    })
    .await;
    weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S~ 451 4.4.2")).await;
    let sent = hop.played().await;
    assert_eq!(sent[0][..60], sent[1][..60]);
    assert_eq!(weir.incidents().await.len(), 1);
}

#[tokio::test]
async fn a_subject_is_tagged_and_nothing_else_of_the_message_changes() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}
         C: DATA
         S: 354
         C: X-Cfilter-Loop: Reflected
         C: Subject: [DLP] hello
         C: Message-ID: <1@a.example>
         C:
         C: topsecret
         C: .
         S: 250 ok"
    )])
    .await;
    let weir = weir_that(&hop, &[(7, "topsecret", "\"Tag\"")], |_| {}).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S: 250 ok")).await;
    hop.played().await;
}

#[tokio::test]
async fn a_blocked_message_is_refused_with_the_policys_words_and_the_hop_forgets_it() {
    let hop = hops(&[&format!("{HOP}{HOP_ENVELOPE}C: RSET\nS: 250 ok\n{HOP_ENVELOPE}")]).await;
    let weir = weir_that(&hop, &[(7, "topsecret", "\"Hold\", \"Block\"")], |_| {}).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S: 551 5.7.2 Not by mail.\n{ENVELOPE}")).await;
    assert_eq!(hop.played().await, [b""]);
    assert_eq!(weir.incidents().await.len(), 1);
}

#[tokio::test]
async fn a_redirected_message_has_a_new_envelope_without_the_senders_wishes_for_reports() {
    let hop = hops(&["
        S: 220 hop.example
        C: EHLO weir.example
        S: 250-hop.example
        S: 250-8BITMIME
        S: 250 DSN
        C: MAIL FROM:<a@a.example> BODY=8BITMIME RET=FULL ENVID=x
        S: 250 ok
        C: RCPT TO:<b@b.example> NOTIFY=SUCCESS
        S: 250 ok
        C: RSET
        S: 250 ok
        C: MAIL FROM:<a@a.example> BODY=8BITMIME
        S: 250 ok
        C: RCPT TO:<review@a.example>
        S: 250 ok
        C: DATA
        S: 354
        C: X-Cfilter-Loop: Reflected
        C: Subject: hello
        C: Message-ID: <1@a.example>
        C:
        C: topsecret
        C: .
        S: 250 ok"])
    .await;
    let weir = weir_that(&hop, &[(7, "topsecret", "\"Redirect\"")], |_| {}).await;
    let hello = HELLO.replace("S: 250 CHUNKING", "S: 250-CHUNKING\nS: 250-8BITMIME\nS: 250 DSN");
    let envelope = "C: MAIL FROM:<a@a.example> BODY=8BITMIME RET=FULL ENVID=x\nC: RCPT TO:<b@b.example> NOTIFY=SUCCESS\nS~ 250\nS~ 250\n";
    weir.talk(&format!("{hello}{envelope}{SECRET}S: 250 ok")).await;
    hop.played().await;
}

#[tokio::test]
async fn a_redirect_that_the_hop_refuses_leaves_the_mail_with_the_sender() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}
         C: RSET
         S: 250 ok
         C: MAIL FROM:<a@a.example>
         S: 250 ok
         C: RCPT TO:<review@a.example>
         S: 550 5.1.1 who
         C: RSET
         S: 250 ok"
    )])
    .await;
    let weir = weir_that(&hop, &[(7, "topsecret", "\"Redirect\"")], |_| {}).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S: 451 4.3.0 Error: Processing error.")).await;
    assert_eq!(hop.played().await, [b""]);
}

#[tokio::test]
async fn a_copy_that_is_refused_defers_the_mail_unless_it_may_go_without() {
    let refused = format!("{HOP}{HOP_ENVELOPE}C: RCPT TO:<archive@a.example>\nS: 550 5.1.1 who\n");
    let hop = hops(&[&format!("{refused}C: RSET\nS: 250 ok")]).await;
    let weir = weir_that(&hop, &[(7, "topsecret", "\"Copy\"")], |_| {}).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S~ 451 4.3.0")).await;
    assert_eq!(hop.played().await, [b""]);

    let rest = "C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: Subject: hello\nC: Message-ID: <1@a.example>\nC:\nC: topsecret\nC: .\nS: 250 ok";
    let hop = hops(&[&format!("{refused}{rest}")]).await;
    let lenient = |settings: &mut prevent::Settings| settings.refused_copy = RefusedCopy::PassAndRecord;
    let weir = weir_that(&hop, &[(7, "topsecret", "\"Copy\"")], lenient).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S: 250 ok")).await;
    hop.played().await;
    let history = format!("{:?}", weir.incidents().await);
    assert!(history.contains("copy to archive@a.example refused: 550 5.1.1 who"), "{history}");
}

#[tokio::test]
async fn on_trial_and_under_break_glass_everything_passes_unmarked_and_is_recorded() {
    let untouched = format!(
        "{HOP}{HOP_ENVELOPE}C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: Subject: hello\nC: Message-ID: <1@a.example>\nC:\nC: topsecret\nC: .\nS: 250 ok"
    );
    let changes: [fn(&mut prevent::Settings); 2] =
        [|settings| settings.trial = true, |settings| settings.break_glass = true];
    for (break_glass, change) in changes.into_iter().enumerate() {
        let hop = hops(&[&untouched]).await;
        let respond = "\"Hold\", \"Tag\", \"Block\", \"Redirect\"";
        let weir = weir_that(&hop, &[(7, "topsecret", respond)], change).await;
        weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S: 250 ok")).await;
        hop.played().await;
        let incidents = weir.incidents().await;
        assert_eq!(incidents.len(), 1);
        let audited =
            format!("{incidents:?}").contains("break-glass is on: not blocked, as policies say, but passed");
        assert_eq!(audited, break_glass == 1, "{incidents:?}");
    }
}

#[tokio::test]
async fn a_journal_without_room_means_451_and_no_mail_to_the_hop() {
    let hop = hops(&[&format!("{HOP}{HOP_ENVELOPE}C: RSET\nS: 250 ok")]).await;
    let full = JournalOptions { max_octets: 0, ..JournalOptions::default() };
    let weir = weir_that_keeps(&hop, &[(7, "topsecret", "\"Hold\"")], |_| {}, full).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}{SECRET}S: 451 4.3.0 Error: Processing error.")).await;
    assert_eq!(hop.played().await, [b""]);
}

#[tokio::test]
async fn clean_mail_needs_no_journal() {
    let hop = hops(&[&format!(
        "{HOP}{HOP_ENVELOPE}C: DATA\nS: 354\nC: X-Cfilter-Loop: Reflected\nC: fine\nC: .\nS: 250 ok"
    )])
    .await;
    let weir = weir_that(&hop, &[(7, "topsecret", "\"Hold\"")], |_| {}).await;
    weir.talk(&format!("{HELLO}{ENVELOPE}C: DATA\nS~ 354\nC: fine\nC: .\nS: 250 ok")).await;
    hop.played().await;
    assert!(weir.incidents().await.is_empty());
}
