//! What rules, counts, places, exceptions and ignored text mean, told by policies and mails.

#![allow(clippy::unwrap_used)]

mod support;

use content::{DocumentAnswer, DocumentItem, Kind};
use policy::{Direction, Severity};
use support::{library_dir, mail, policy, raw, set, with_files};

#[test]
fn the_whole_library_compiles() {
    let loaded = policy::Set::load(&library_dir()).unwrap_or_else(|all| {
        panic!("{}", all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    assert!(loaded.set.policies().len() >= 40);
    for warning in &loaded.warnings {
        println!("{warning}");
    }
}

#[test]
fn a_keyword_is_found_in_subject_body_and_attachments_but_not_in_other_headers() {
    let set = policy("[[rule]]\nname = \"r\"\nkeywords = \"falcon\"\n");
    assert!(mail("the Falcon flies").violates(&set));
    assert!(with_files("", &[("a.txt", "FALCON")]).violates(&set));
    assert!(raw("Subject: falcon\r\n\r\n").violates(&set));
    assert!(!raw("X-Bird: falcon\r\n\r\nno").violates(&set));
    assert!(!mail("falconry").violates(&set));
}

#[test]
fn where_says_where_to_look() {
    let rule =
        |places: &str| policy(&format!("[[rule]]\nname = \"r\"\nkeywords = \"falcon\"\nwhere = {places}\n"));
    assert!(!mail("falcon").violates(&rule("\"subject\"")));
    assert!(raw("X-Bird: falcon\r\n\r\nno").violates(&rule("[\"header:x-bird\"]")));
    assert!(raw("X-Bird: falcon\r\n\r\nno").violates(&rule("\"headers\"")));
    assert!(!raw("X-Cat: falcon\r\n\r\nno").violates(&rule("[\"header:x-bird\"]")));
    assert!(mail("").to(&["falcon@other.example"]).violates(&rule("\"envelope\"")));
}

#[test]
fn thresholds_count_all_or_unique_matches_over_the_whole_message() {
    let rule = |count: &str| {
        policy(&format!(
            "[[rule]]\nname = \"r\"\nkeywords = [\"red\", \"blue\"]\nat_least = 3\ncount = \"{count}\"\n"
        ))
    };
    let spread = with_files("red", &[("a.txt", "red"), ("b.txt", "blue red")]);
    assert_eq!(spread.count(&rule("all")), Some(4));
    assert_eq!(spread.count(&rule("unique")), None);
    assert_eq!(mail("red blue").count(&rule("all")), None);
}

#[test]
fn per_component_asks_for_all_of_the_rule_in_one_component() {
    let rule = "[[rule]]\nname = \"r\"\nper = \"component\"\nall = [{ keywords = \"red\" }, { keywords = \"blue\" }]\n";
    let set = policy(rule);
    assert!(!with_files("red", &[("a.txt", "blue")]).violates(&set));
    assert!(with_files("none", &[("a.txt", "blue and red")]).violates(&set));
    assert!(
        with_files("red", &[("a.txt", "blue")]).violates(&policy(&rule.replace("per = \"component\"\n", "")))
    );
}

#[test]
fn a_match_inside_another_of_the_same_list_is_none_of_its_own() {
    let set = policy("[[rule]]\nname = \"r\"\nkeywords = [\"card\", \"credit card\"]\n");
    assert_eq!(mail("my credit card").count(&set), Some(1));
    assert_eq!(mail("my credit card, a card").count(&set), Some(2));
}

#[test]
fn all_any_and_none_combine() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nall = [{ keywords = \"red\" }, { any = [{ keywords = \"blue\" }, { keywords = \"green\" }] }]\nnone = [{ keywords = \"draft\" }]\n",
    );
    assert!(mail("red green").violates(&set));
    assert_eq!(mail("red green blue blue").count(&set), Some(4));
    assert!(!mail("red").violates(&set));
    assert!(!mail("red blue draft").violates(&set));
}

#[test]
fn two_lists_are_near_within_so_many_words() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nkeywords = \"salary\"\nnear = { keywords = \"chief\", within = 3 }\n",
    );
    assert!(mail("the chief has a high salary").violates(&set));
    assert!(!mail("the chief has a very very high salary").violates(&set));
    assert!(mail("salary: chief").violates(&set));
    assert_eq!(mail("salary one two three four chief salary").count(&set), Some(1));
}

#[test]
fn a_word_inside_the_match_itself_is_not_near_it() {
    let set = policy("[[rule]]\nname = \"r\"\nregex = 'key-[a-z]+-\\d+'\nnear = { keywords = \"secret\" }\n");
    assert!(!mail("key-secret-77").violates(&set));
    assert!(mail("secret key-secret-77").violates(&set));
    assert!(mail("key-other-77 secret").violates(&set));
}

#[test]
fn words_are_near_across_the_pieces_of_one_text() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nkeywords = \"salary\"\nnear = { keywords = \"chief\", within = 3 }\n",
    );
    let html = "Content-Type: text/html\r\n\r\n<p>chief</p><!-- hidden --><p>salary</p>";
    assert!(raw(html).violates(&set));
}

/// A number as it is shown and as it is stored is one number, and what is stored does not part it from the words of its row.
#[test]
fn a_number_in_a_cell_counts_once_and_stands_beside_the_words_of_its_row() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nregex = '4111[ ]?1111[ ]?1111[ ]?1111'\nnear = { keywords = \"card\", within = 2 }\n",
    );
    let cells = [
        ("A1", Kind::Text, "1,5"),
        ("A1", Kind::Hidden, "1.5"),
        ("B1", Kind::Text, "card"),
        ("C1", Kind::Text, "x"),
        ("C1", Kind::Hidden, "y"),
        ("D1", Kind::Text, "4111 1111 1111 1111"),
        ("D1", Kind::Hidden, "4111111111111111"),
    ];
    let items = cells.map(|(place, kind, text)| DocumentItem::Text {
        place: place.into(),
        kind,
        text: text.into(),
        rows: vec![],
    });
    let answer = DocumentAnswer { items: items.to_vec(), ..DocumentAnswer::default() };
    assert_eq!(with_files("x", &[("a.zip", "PK\u{3}\u{4}")]).count_answered(&set, answer), Some(1));
}

#[test]
fn severity_goes_by_the_rules_own_count_and_the_policy_takes_the_highest() {
    let set = policy(
        "severity = \"low\"\n[[rule]]\nname = \"r\"\nkeywords = \"red\"\ntiers = [{ at_least = 2, severity = \"medium\" }, { at_least = 4, severity = \"high\" }]\n[[rule]]\nname = \"s\"\nkeywords = \"blue\"\n",
    );
    let severity = |body: &str| mail(body).inspect(&set).violations[0].severity;
    assert_eq!(severity("red"), Severity::Low);
    assert_eq!(severity("red red"), Severity::Medium);
    assert_eq!(severity("red red red red blue"), Severity::High);
    assert_eq!(severity("blue"), Severity::Low);
}

#[test]
fn alternative_renderings_count_once_and_what_only_one_shows_counts_too() {
    let set = policy("[[rule]]\nname = \"r\"\nkeywords = [\"red\", \"blue\"]\n");
    let alternative = |html: &str| {
        raw(&format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nred red\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b--\r\n"
        ))
    };
    assert_eq!(alternative("<p>red <b>red</b></p>").count(&set), Some(2));
    assert_eq!(alternative("<p>red red blue</p>").count(&set), Some(3));
    assert_eq!(alternative("<p>red red red</p>").count(&set), Some(3));
    let many = "red ".repeat(140_000);
    let both = raw(&format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n{many}\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>{many}</p>\r\n--b--\r\n"
    ));
    assert_eq!(both.count(&set), Some(140_000), "however many there are");
}

#[test]
fn an_exception_covers_the_component_or_the_whole_message() {
    let with = |covers: &str| {
        policy(&format!(
            "[[rule]]\nname = \"r\"\nkeywords = \"red\"\n[[exception]]\nkeywords = \"sample\"\ncovers = \"{covers}\"\n"
        ))
    };
    let mail = with_files("red", &[("a.txt", "red, but a sample")]);
    assert_eq!(mail.count(&with("component")), Some(1));
    assert_eq!(mail.count(&with("message")), None);
}

/// Found by the slow judge: a component of which nothing was found was never asked about.
#[test]
fn an_exception_covers_a_component_in_which_nothing_stands_that_either_looks_for() {
    let rule = "[[rule]]\nname = \"r\"\nper = \"component\"\nnone = [{ keywords = \"approved\" }]\n";
    let exception = "[[exception]]\nnone = [{ keywords = \"secret\" }]\n";
    let mail = with_files("approved", &[("a.txt", "red"), ("b.txt", "a secret")]);
    assert_eq!(mail.count(&policy(rule)), Some(3), "the subject and two files");
    assert_eq!(mail.count(&policy(&[rule, exception].concat())), Some(1));
}

#[test]
fn an_exception_by_sender_holds_for_the_whole_message_until_its_last_day() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nkeywords = \"red\"\n[[exception]]\nsender = \"@corp.example\"\nuntil = 2026-11-24\n",
    );
    assert!(!mail("red").violates(&set));
    assert!(mail("red").at("2026-11-25T00:00:00+00:00[UTC]").violates(&set));
    assert!(mail("red").from("x@else.example").violates(&set));
}

#[test]
fn an_exception_for_recipients_wants_all_of_them() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nkeywords = \"red\"\n[[exception]]\nrecipient = \"@friend.example\"\n",
    );
    assert!(!mail("red").to(&["a@friend.example", "b@friend.example"]).violates(&set));
    assert!(mail("red").to(&["a@friend.example", "b@other.example"]).violates(&set));
}

#[test]
fn recipients_match_one_by_one_or_all() {
    let rule =
        |more: &str| policy(&format!("[[rule]]\nname = \"r\"\nrecipient = \"@rival.example\"\n{more}"));
    let mixed = mail("x").to(&["a@rival.example", "b@other.example"]);
    assert!(mixed.violates(&rule("")));
    assert!(!mixed.violates(&rule("all_recipients = true\n")));
    assert!(!mixed.violates(&rule("at_least = 2\n")));
}

#[test]
fn address_lists_and_groups_come_from_files() {
    let set = set(&[
        (
            "p.toml",
            "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nany = [{ recipient = \"file:rivals.txt\" }, { sender = \"group:Board\" }]\n",
        ),
        ("rivals.txt", "# rivals\n@rival.example\n@.others.example\n"),
        ("settings.toml", "directory = [\"people.csv\"]\n"),
        ("people.csv", "group,mail\nBoard,cfo@corp.example\n"),
    ]);
    assert!(mail("x").to(&["a@rival.example"]).violates(&set));
    assert!(mail("x").to(&["a@b.others.example"]).violates(&set));
    assert!(mail("x").from("CFO@corp.example").violates(&set));
    assert!(!mail("x").violates(&set));
}

#[test]
fn files_match_by_type_name_and_size_never_by_their_ending() {
    let file = |name: &str, text: &str| with_files("x", &[(name, text)]);
    let by_name = policy("[[rule]]\nname = \"r\"\nfile_name = [\"*.key\", \"secret*\"]\n");
    assert!(file("Server.KEY", "x").violates(&by_name));
    assert!(!file("server.keys", "x").violates(&by_name));
    let by_size = policy("[[rule]]\nname = \"r\"\nfile_size = \">= 1 KB\"\n");
    assert!(file("a", &"x".repeat(1024)).violates(&by_size));
    assert!(!file("a", &"x".repeat(1023)).violates(&by_size));
    let by_type = policy("[[rule]]\nname = \"r\"\nfile_type = \"pdf\"\n");
    assert!(!file("a.pdf", "not one").violates(&by_type));
    assert!(file("a.txt", "%PDF-1.7\n").violates(&by_type));
}

#[test]
fn attachments_are_counted() {
    let set = policy("[[rule]]\nname = \"r\"\nattachment_count = \">= 2\"\n");
    assert!(with_files("x", &[("a.txt", "a"), ("b.txt", "b")]).violates(&set));
    assert!(!with_files("x", &[("a.txt", "a")]).violates(&set));
    assert!(!mail("x").violates(&set));
}

#[test]
fn headers_are_asked_for_presence_value_words_and_patterns() {
    let rule = |test: &str| policy(&format!("[[rule]]\nname = \"r\"\nheader = \"X-Project\"\n{test}\n"));
    let mail = raw("X-Project: Blue  Falcon 7\r\n\r\nx");
    assert!(mail.violates(&rule("")));
    assert!(mail.violates(&rule("equals = \"blue  falcon 7\"")));
    assert!(!mail.violates(&rule("equals = \"blue\"")));
    assert!(mail.violates(&rule("contains = \"falcon\"")));
    assert!(mail.violates(&rule("matches = 'falcon \\d'")));
    assert!(!mail.violates(&rule("present = false")));
    assert!(raw("Subject: x\r\n\r\nx").violates(&rule("present = false")));
}

#[test]
fn time_of_day_and_weekday_are_those_of_the_zone() {
    let set = policy(
        "[[rule]]\nname = \"r\"\ntime_of_day = \"22:00-06:00\"\nweekday = [\"tue\", \"wed\"]\nzone = \"Europe/Berlin\"\n",
    );
    let at = |time: &str| mail("x").at(time).violates(&set);
    assert!(at("2026-11-24T21:30:00+00:00[UTC]"));
    assert!(at("2026-11-25T04:59:00+00:00[UTC]"));
    assert!(!at("2026-11-25T05:00:00+00:00[UTC]"));
    assert!(!at("2026-11-26T23:30:00+00:00[UTC]"));
}

#[test]
fn direction_is_seen_from_our_domains() {
    let set = set(&[
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nkeywords = \"red\"\n"),
        ("settings.toml", "internal_domains = [\"@.corp.example\"]\n"),
    ]);
    let direction = |from: &str, to: &[&str]| mail("red").from(from).to(to).inspect(&set).direction;
    assert_eq!(direction("a@corp.example", &["b@other.example"]), Direction::Outbound);
    assert_eq!(direction("a@corp.example", &["b@de.corp.example"]), Direction::Internal);
    assert_eq!(direction("a@corp.example", &["b@de.corp.example", "c@other.example"]), Direction::Outbound);
    assert_eq!(direction("a@other.example", &["b@corp.example"]), Direction::Inbound);
    assert_eq!(direction("a@other.example", &["b@other.example"]), Direction::Passing);
    assert_eq!(
        mail("red").inspect(&policy("[[rule]]\nname = \"r\"\nkeywords = \"red\"\n")).direction,
        Direction::Unknown
    );
}

#[test]
fn known_text_and_quoted_replies_are_left_out_of_matching() {
    let set = set(&[
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nkeywords = \"confidential\"\n"),
        (
            "settings.toml",
            "[ignore]\nquoted_replies = true\n[[ignore.text]]\nname = \"d\"\ntext = \"This mail is confidential and for you only.\"\n",
        ),
    ]);
    assert!(!mail("Hello\r\n\r\nThis mail is\r\nCONFIDENTIAL and for you only.").violates(&set));
    assert!(!mail("yes\r\n> confidential\r\n").violates(&set));
    assert_eq!(mail("confidential\r\nThis mail is confidential and for you only.").count(&set), Some(1));
}

#[test]
fn quoted_replies_in_html_are_left_out_and_forwarded_mails_are_not() {
    let set = set(&[
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nkeywords = \"confidential\"\n"),
        ("settings.toml", "[ignore]\nquoted_replies = true\n"),
    ]);
    let html = |body: &str| {
        raw(&format!(
            "From: ann@corp.example\r\nSubject: Hello\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{body}"
        ))
    };
    for quoted in [
        "yes<blockquote type=cite>confidential</blockquote>",
        "yes<div class=\"gmail_quote\">On Monday Bob wrote:<blockquote>confidential</blockquote></div>",
        "yes<div id=\"divRplyFwdMsg\">From: Bob</div><div>confidential</div>",
        "<p>yes<div style='border-top:solid #E1E1E1 1pt'><p><b>From:</b> Bob<br><b>Sent:</b> today<br><b>To:</b> Ann<br><b>Subject:</b> x</p></div><p>confidential",
    ] {
        assert!(!html(quoted).violates(&set), "{quoted}");
    }
    for new in [
        "<blockquote>yes</blockquote>confidential",
        "yes<div class=\"gmail_quote\">---------- Forwarded message ---------<br>confidential</div>",
        "yes <!-- <blockquote> -->confidential",
    ] {
        assert!(html(new).violates(&set), "{new}");
    }
}

#[test]
fn a_number_that_waits_for_a_word_is_found_wherever_the_word_stands_in_the_running_text() {
    let narrow =
        "name = \"n\"\n[narrow]\npatterns = ['\\d{6}']\nnear = { keywords = \"number\", within = 3 }\n";
    let policy = "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nidentifier = \"num\"\nbreadth = \"narrow\"\n";
    let files = [("identifiers/num.toml", narrow), ("p.toml", policy)];
    let set_of = |more: &str| set(&[files[0], ("p.toml", &format!("{policy}{more}"))]);
    let set = set(&files);
    assert_eq!(mail("123456 is the number").count(&set), Some(1));
    assert_eq!(mail("number: 123456, 654321").count(&set), Some(2));
    assert!(!mail("123456").violates(&set) && !mail("number a b c d 123456").violates(&set));
    // The word in one text, the number in another: not near each other, whoever comes first.
    assert!(!with_files("the number", &[("a.txt", "123456")]).violates(&set));
    assert!(with_files("123456", &[("a.txt", "number 123456")]).violates(&set));
    // A second rule that asks for another word counts for itself: within two words of "code" stands one number, within the
    // default distance both do; one is near "number" in either case.
    let both = |within: &str| {
        set_of(&format!(
            "[[rule]]\nname = \"s\"\nidentifier = \"num\"\nbreadth = \"narrow\"\nnear = {{ keywords = \"code\", {within}only = true }}\n"
        ))
    };
    let text = "code 123456 and much more text then 111111 number";
    assert_eq!(mail(text).count(&both("within = 2, ")), Some(2));
    assert_eq!(mail(text).count(&both("")), Some(3));
}

#[test]
fn an_identifier_takes_its_breadth_and_the_words_of_policy_and_breadth() {
    let files = [
        (
            "identifiers/num.toml",
            "name = \"n\"\n[wide]\npatterns = ['\\d{6}']\n[narrow]\nlike = \"wide\"\nnear = { keywords = \"number\" }\n",
        ),
        ("p.toml", ""),
    ];
    let with = |rule: &str| {
        let text = format!("id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nidentifier = \"num\"\n{rule}");
        set(&[files[0], ("p.toml", &text)])
    };
    assert!(mail("123456").violates(&with("")), "the widest there is, where no medium is");
    let narrow = with("breadth = \"narrow\"\n");
    assert!(!mail("123456").violates(&narrow) && mail("number 123456").violates(&narrow));
    let more = with("breadth = \"narrow\"\nnear = { keywords = \"code\" }\n");
    assert!(mail("number 123456").violates(&more) && mail("code 123456").violates(&more));
    let only = with("breadth = \"narrow\"\nnear = { keywords = \"code\", only = true }\n");
    assert!(!mail("number 123456").violates(&only) && mail("code 123456").violates(&only));
    assert!(!mail("123456").violates(&with("exclude = [\"123456\"]\n")));
    assert!(!mail("123456").violates(&with("exclude_prefix = [\"12\"]\n")));
}

#[test]
fn what_cannot_be_inspected_is_decided_by_the_built_in_policy_unless_another_does() {
    let rar = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.rar\r\n\r\nRar!\u{1a}\u{7}\u{1}\0xxxxxxxxxxxxxxxxxxxxxxxxxx\r\n--b--\r\n";
    let ids = |set: &policy::Set| -> Vec<u32> {
        raw(rar).inspect(set).violations.iter().map(|violation| violation.policy.id).collect()
    };
    assert_eq!(ids(&policy("[[rule]]\nname = \"r\"\nkeywords = \"x\"\n")), [9999]);
    assert_eq!(ids(&policy("[[rule]]\nname = \"r\"\nunscannable = \"unsupported\"\n")), [1]);
    assert_eq!(ids(&policy("[[rule]]\nname = \"r\"\nunscannable = \"encrypted\"\n")), [9999]);
    let trial = set(&[(
        "p.toml",
        "id = 1\nname = \"P\"\nmode = \"trial\"\n[[rule]]\nname = \"r\"\nunscannable = \"any\"\n",
    )]);
    assert_eq!(ids(&trial), [1, 9999]);
}

/// Three archives that cannot be opened.
fn with_archives() -> support::Message {
    let rar = |name: &str| {
        format!(
            "--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename={name}\r\n\r\nRar!\u{1a}\u{7}\u{1}\0xxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"
        )
    };
    raw(&format!(
        "MIME-Version: 1.0\r\nSubject: red red red\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{}{}{}--b--\r\n",
        rar("a.rar"),
        rar("b.rar"),
        rar("c.rar"),
    ))
}

#[test]
fn how_many_matches_are_kept_does_not_change_what_the_built_in_policy_decides() {
    let of = |rules: &str, kept: usize| -> Vec<(u32, u64, usize)> {
        let settings = format!("kept_matches = {kept}\n");
        let text = format!("id = 1\nname = \"P\"\nmode = \"on\"\n{rules}");
        let set = set(&[("settings.toml", &settings), ("p.toml", &text)]);
        let found = with_archives().inspect(&set).violations;
        found.iter().map(|one| (one.policy.id, one.match_count, one.matches.len())).collect()
    };
    let all = "[[rule]]\nname = \"r\"\nany = [{ keywords = \"red\" }, { unscannable = \"unsupported\" }]\n";
    assert_eq!(of(all, 100), [(1, 6, 6)]);
    assert_eq!(of(all, 1), [(1, 6, 1)], "all three findings are answered for, though none is kept");
    let none = "[[rule]]\nname = \"r\"\nunscannable = \"encrypted\"\n";
    assert_eq!(of(none, 100), [(9999, 3, 3)]);
    assert_eq!(of(none, 1), [(9999, 3, 1)]);
}

/// The policy in its place has a threshold and tiers: they go by what is left to it.
#[test]
fn what_stands_in_for_the_built_in_policy_is_judged_by_what_no_other_decided() {
    let own = "id = 9999\nname = \"Own\"\nmode = \"on\"\n[[rule]]\nname = \"r\"\nunscannable = \"any\"\nat_least = 2\nseverity = \"low\"\ntiers = [{ at_least = 3, severity = \"high\" }]\n";
    let of = |condition: &str| -> Vec<(u32, u64, Severity)> {
        let other = format!(
            "id = 1\nname = \"P\"\nmode = \"on\"\n[[rule]]\nname = \"r\"\nper = \"component\"\nall = [{{ unscannable = \"any\" }}, {{ file_name = {condition} }}]\n"
        );
        let set = set(&[("own.toml", own), ("p.toml", &other)]);
        let found = with_archives().inspect(&set).violations;
        found.iter().map(|one| (one.policy.id, one.match_count, one.severity)).collect()
    };
    assert_eq!(of("\"x.rar\""), [(9999, 3, Severity::High)]);
    assert_eq!(of("\"a.rar\""), [(1, 2, Severity::Medium), (9999, 2, Severity::Low)]);
    assert_eq!(of("[\"a.rar\", \"b.rar\"]"), [(1, 4, Severity::Medium)], "one is too few for it");
}

#[test]
fn a_policy_that_is_off_looks_at_nothing() {
    let set = set(&[(
        "p.toml",
        "id = 1\nname = \"P\"\nmode = \"off\"\n[[rule]]\nname = \"r\"\nkeywords = \"red\"\n",
    )]);
    assert!(!mail("red").violates(&set));
    assert_eq!(set.policies().len(), 2);
}

#[test]
fn a_match_tells_its_place_text_context_and_check() {
    let set = set(&[
        (
            "identifiers/card.toml",
            "name = \"c\"\n[wide]\npatterns = ['\\d{4}~\\d{4}~\\d{4}~\\d{4}']\nvalidators = [\"luhn\"]\n",
        ),
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"Cards\"\nidentifier = \"card\"\n"),
    ]);
    let found = with_files("x", &[("ä.txt", "é: ４１１１ 1111-1111 1111!")]).inspect(&set).violations[0]
        .matches[0]
        .clone();
    assert_eq!((found.rule.as_str(), found.condition.as_str()), ("Cards", "identifier card (wide)"));
    assert_eq!(
        (found.path.as_str(), found.component.as_str(), found.kind.as_str()),
        ("ä.txt", "attachment", "text")
    );
    assert_eq!((found.offset, found.text.as_str()), (3, "４１１１ 1111-1111 1111"));
    assert_eq!((found.before.as_str(), found.after.as_str()), ("é: ", "!"));
    assert_eq!((found.validator.as_deref(), found.normalised.as_str()), (Some("luhn"), "4111111111111111"));
    assert_eq!(found.masked(), "**** ****-**** 1111");
}

/// Of many matches only the places are kept: which checks they passed is told all the same.
#[test]
fn one_of_many_matches_tells_its_check_too() {
    let set = set(&[
        ("identifiers/num.toml", "name = \"n\"\n[wide]\npatterns = ['\\d{4}']\nvalidators = [\"luhn\"]\n"),
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nidentifier = \"num\"\n"),
    ]);
    let inspection = mail(&"1230 ".repeat(500)).inspect(&set);
    let violation = &inspection.violations[0];
    assert_eq!((violation.match_count, violation.matches.len()), (500, 100));
    assert!(violation.matches.iter().all(|found| found.validator.as_deref() == Some("luhn")));
    assert_eq!((violation.matches[99].offset, violation.matches[99].text.as_str()), (495, "1230"));
}

#[test]
fn counts_are_exact_where_more_is_found_than_is_kept() {
    let set = policy("[[rule]]\nname = \"r\"\nkeywords = \"red\"\n");
    let many = mail(&"red ".repeat(300_000));
    let inspection = many.inspect(&set);
    let violation = &inspection.violations[0];
    assert_eq!(violation.match_count, 300_000);
    assert!(violation.count_is_complete);
    assert_eq!(violation.matches.len(), 100);
    let unique = policy(
        "[[rule]]\nname = \"r\"\nkeywords = [\"red\", \"blue\", \"green\"]\ncount = \"unique\"\nat_least = 3\n",
    );
    assert_eq!(mail(&("red ".repeat(300_000) + "blue green")).count(&unique), Some(3));
}

#[test]
fn the_same_set_has_the_same_versions_whatever_the_order_of_its_files() {
    let a = ("a.toml", "id = 1\nname = \"A\"\n[[rule]]\nname = \"r\"\ndictionary = \"d\"\n");
    let b = ("b.toml", "id = 2\nname = \"B\"\n[[rule]]\nname = \"r\"\nkeywords = \"x\"\n");
    let d = ("dictionaries/d.txt", "red\nblue\n");
    let (one, two) = (set(&[a, b, d]), set(&[d, b, a]));
    assert_eq!(one.id(), two.id());
    let other = set(&[a, b, ("dictionaries/d.txt", "red\n")]);
    assert_ne!(one.id(), other.id());
    let version = |set: &policy::Set, id: u32| {
        set.policies().iter().find(|policy| policy.id == id).unwrap().version.clone()
    };
    assert_ne!(version(&one, 1), version(&other, 1));
    assert_eq!(version(&one, 2), version(&other, 2));
}
