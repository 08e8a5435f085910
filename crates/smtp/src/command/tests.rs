use super::*;

fn command(line: &str) -> Result<Command, Syntax> {
    parse(line.as_bytes())
}

fn mail_of(line: &str) -> Mail {
    match command(line) {
        Ok(Command::Mail(mail)) => mail,
        other => panic!("{line}: {other:?}"),
    }
}

fn rcpt_of(line: &str) -> Rcpt {
    match command(line) {
        Ok(Command::Rcpt(rcpt)) => rcpt,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn verbs_are_read_in_any_case_and_spaces_at_the_end_do_not_count() {
    assert_eq!(command("data"), Ok(Command::Data));
    assert_eq!(command("QuIt \t"), Ok(Command::Quit));
    assert_eq!(command("noop what ever"), Ok(Command::Noop));
    assert_eq!(command("ehlo Client.Example"), Ok(Command::Ehlo(Domain::parse(b"client.example").unwrap())));
    assert_eq!(command("BDAT 7 last"), Ok(Command::Bdat { size: 7, last: true }));
}

#[test]
fn what_is_no_command_has_its_own_reason() {
    for (line, why) in [
        ("", Syntax::UnknownCommand),
        (" DATA", Syntax::UnknownCommand),
        ("FROBNICATE", Syntax::UnknownCommand),
        ("GET / HTTP/1.1", Syntax::UnknownCommand),
        ("DATA x", Syntax::BadArgument),
        ("RSET x", Syntax::BadArgument),
        ("STARTTLS x", Syntax::BadArgument),
        ("EHLO", Syntax::BadArgument),
        ("EHLO a b", Syntax::BadArgument),
        ("EHLO [127.0.0.1", Syntax::BadArgument),
        ("VRFY ", Syntax::BadArgument),
        ("MAIL <a@b.example>", Syntax::BadArgument),
        ("MAIL FROM: <a@b.example>", Syntax::Sender(path::BadPath::Brackets)),
        ("MAIL FROM:a@b.example", Syntax::Sender(path::BadPath::Brackets)),
        ("RCPT TO:<>", Syntax::Recipient(path::BadPath::LocalPart)),
        ("RCPT TO:<a@b.example>x", Syntax::Recipient(path::BadPath::Trailing)),
        ("NOOP \u{1}", Syntax::ControlOctet),
        ("MAIL FROM:<a@b.example>\rRCPT TO:<c@d.example>", Syntax::ControlOctet),
    ] {
        assert_eq!(command(line), Err(why), "{line:?}");
        assert!(why.reply().is_permanent());
    }
    assert_eq!(parse(b"NOOP \xff"), Err(Syntax::NotUtf8));
    assert_eq!(parse(&[b'a'; 3000]), Err(Syntax::LineTooLong));
}

#[test]
fn the_path_is_kept_verbatim_beside_what_it_means() {
    for (path, address, local, domain) in [
        ("<a@B.Example>", "a@b.example", "a", "b.example"),
        (r#"<"u@x"@d.example>"#, "u@x@d.example", "u@x", "d.example"),
        (r#"<"a\"b>c"@d.example>"#, "a\"b>c@d.example", "a\"b>c", "d.example"),
        ("<a@[127.0.0.1]>", "a@[127.0.0.1]", "a", "[127.0.0.1]"),
        ("<a@[IPv6:2001:DB8::1]>", "a@[ipv6:2001:db8::1]", "a", "[ipv6:2001:db8::1]"),
        ("<@r.example,@s.example:a@b.example>", "a@b.example", "a", "b.example"),
        ("<Postmaster>", "postmaster", "postmaster", ""),
        ("<jörg@bücher.example>", "jörg@bücher.example", "jörg", "bücher.example"),
        ("<a+tag=x@b_c.example>", "a+tag=x@b_c.example", "a+tag=x", "b_c.example"),
    ] {
        let rcpt = rcpt_of(&format!("RCPT TO:{path} NOTIFY=NEVER"));
        assert_eq!((rcpt.path.address(), rcpt.path.local(), rcpt.path.domain()), (address, local, domain));
        assert_eq!(rcpt.verbatim, format!("{path} NOTIFY=NEVER").as_bytes());
    }
    let bounce = mail_of("MAIL FROM:<>");
    assert_eq!((bounce.path, bounce.verbatim), (ReversePath::Null, b"<>".to_vec()));
}

#[test]
fn paths_that_cannot_be_are_refused() {
    for path in [
        "<a@b..example>",
        "<.a@b.example>",
        "<a.@b.example>",
        "<a..b@c.example>",
        "<a@-b.example>",
        "<a@b-.example>",
        "<a@b.example",
        "<a b@c.example>",
        "<a@[1.2.3]>",
        "<a@[IPv6:1]>",
        "<a@[X:y]>",
        r#"<""@b.example>"#,
        r#"<"a@b.example>"#,
        "<@a.example a@b.example>",
        "<@a:>",
        "<a>",
        "<@b.example>",
        "<a@>",
        "<a@b@c.example>",
        "<a@b.example,c@d.example>",
    ] {
        assert!(command(&format!("RCPT TO:{path}")).is_err(), "{path}");
    }
    let long = format!("RCPT TO:<{}@b.example>", "a".repeat(300));
    assert_eq!(command(&long), Err(Syntax::Recipient(path::BadPath::TooLong)));
    assert_eq!(Syntax::Recipient(path::BadPath::TooLong).reply().to_string(), "501 5.1.7 Address too long.");
}

#[test]
fn parameters_are_kept_in_order_and_those_that_we_know_are_checked() {
    let mail = mail_of("MAIL FROM:<a@b.example> size=10 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=a+2Bb X-NEW=1");
    assert_eq!((mail.size(), mail.is_8bit(), mail.is_utf8()), (Some(10), true, true));
    let keywords: Vec<&str> = mail.params.iter().map(|param| param.keyword.as_str()).collect();
    assert_eq!(keywords, ["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "X-NEW"]);
    let rcpt = rcpt_of("RCPT TO:<a@b.example> ORCPT=rfc822;a+40b.example  NOTIFY=SUCCESS,DELAY");
    assert_eq!(rcpt.param("ORCPT"), Some("rfc822;a+40b.example"));
    for bad in [
        "SIZE",
        "SIZE=",
        "SIZE=x",
        "SIZE=-1",
        "SIZE=1 SIZE=2",
        "BODY=9BIT",
        "SMTPUTF8=1",
        "RET=ALL",
        "ENVID=a b=",
        "ENVID=+2",
        "=x",
        "-A=1",
        "A=b=c",
    ] {
        assert!(
            matches!(command(&format!("MAIL FROM:<a@b.example> {bad}")), Err(Syntax::Parameter(_))),
            "{bad}"
        );
    }
    for bad in [
        "NOTIFY=NEVER,DELAY",
        "NOTIFY=SOON",
        "NOTIFY=",
        "ORCPT=a@b.example",
        "ORCPT=rfc822;",
        "ORCPT=rfc822;a=b",
    ] {
        assert!(
            matches!(command(&format!("RCPT TO:<a@b.example> {bad}")), Err(Syntax::Parameter(_))),
            "{bad}"
        );
    }
    let many = (0..17).map(|n| format!(" P{n}")).collect::<String>();
    let error = command(&format!("MAIL FROM:<a@b.example>{many}")).expect_err("too many");
    assert_eq!(error, Syntax::Parameter(param::BadParam::TooMany));
}

#[test]
fn sizes_never_wrap() {
    assert_eq!(mail_of("MAIL FROM:<> SIZE=99999999999999999999").size(), Some(u64::MAX));
    assert_eq!(
        command("BDAT 9999999999999999999"),
        Ok(Command::Bdat { size: 9_999_999_999_999_999_999, last: false })
    );
    for bad in [
        "BDAT",
        "BDAT ",
        "BDAT x",
        "BDAT +1",
        "BDAT 1x",
        "BDAT 1 2",
        "BDAT 1 LAST LAST",
        "BDAT 10000000000000000000",
    ] {
        assert_eq!(command(bad), Err(Syntax::BadArgument), "{bad}");
    }
}

#[test]
fn an_address_of_ours_cannot_bring_a_second_command_along() {
    for address in [
        "a@b.example>\r\nRCPT TO:<c@d.example",
        "a@b.example> NOTIFY=NEVER <",
        "a\n@b.example",
        "<a@b.example>",
    ] {
        assert!(Rcpt::new(address).is_err(), "{address:?}");
    }
    assert!(Mail::new("").is_ok_and(|mail| mail.path == ReversePath::Null));
}
