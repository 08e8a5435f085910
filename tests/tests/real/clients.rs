//! swaks and Python's smtplib as senders.

use weir_tests::client::{python, swaks};
use weir_tests::sink::Sink;
use weir_tests::weir::Prevent;

#[test]
fn swaks_sends_an_attachment_and_hears_the_hops_reply() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let arguments = [
        "--from",
        "ann@corp.example",
        "--to",
        "bob@other.example,carl@other.example",
        "--attach",
        "@/etc/hostname",
    ];
    let Some(output) = swaks(weir.addr(), &arguments) else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("250 2.0.0 taken as 1"), "{said}");
    assert_eq!(sink.only_message().recipients, ["<bob@other.example>", "<carl@other.example>"]);
}

#[test]
fn swaks_hears_the_policys_text_when_a_mail_is_blocked() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let arguments = [
        "--from",
        "ann@corp.example",
        "--to",
        "bob@other.example",
        "--body",
        "About project Nightjar: see you.",
        "--pipeline",
    ];
    let Some(output) = swaks(weir.addr(), &arguments) else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("550 5.7.1 Refused by policy Blocked words; ask security."), "{said}");
    assert_eq!(sink.count(), 0);
}

const SMTPLIB: &str = r#"
import smtplib, sys
from email.message import EmailMessage

mail = EmailMessage()
mail["From"], mail["To"], mail["Subject"] = "ann@corp.example", "bob@other.example", "Grüße aus Köln"
mail.set_content("Ein Satz mit Umlauten: äöü.\n.\n..\n. Punkt\n")
mail.add_attachment(bytes(range(256)) * 50, maintype="application", subtype="octet-stream", filename="octets.bin")
with smtplib.SMTP(sys.argv[1], int(sys.argv[2])) as smtp:
    refused = smtp.send_message(mail)
    assert refused == {}, refused
    blocked = EmailMessage()
    blocked["From"], blocked["To"], blocked["Subject"] = "ann@corp.example", "bob@other.example", "plans"
    blocked.set_content("The blueprint of project Nightjar.\n")
    try:
        smtp.send_message(blocked)
        raise SystemExit("the blocked mail was taken")
    except smtplib.SMTPDataError as error:
        assert error.smtp_code == 550 and b"Blocked words" in error.smtp_error, error
    smtp.noop()
"#;

const PARSE: &str = r#"
import email, email.policy, sys
mail = email.message_from_bytes(open(sys.argv[1], "rb").read(), policy=email.policy.default)
assert mail["Subject"] == "Grüße aus Köln", mail["Subject"]
body, attachment = mail.iter_parts()
assert body.get_content().replace("\r\n", "\n") == "Ein Satz mit Umlauten: äöü.\n.\n..\n. Punkt\n", body.get_content()
assert attachment.get_content() == bytes(range(256)) * 50
assert mail["X-Cfilter-Loop"] == "Reflected"
"#;

#[test]
fn smtplib_sends_what_pythons_email_package_reads_back() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let Some(output) = python(weir.addr(), SMTPLIB) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sink.only_message().octets).unwrap();
    let output = weir_tests::client::python_with(PARSE, &[&file.path().to_string_lossy()]).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
