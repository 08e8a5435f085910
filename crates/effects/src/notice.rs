//! Notices: mail to people, handed to a submission host whose mail is not inspected again.
//!
//! Each addressee gets a message of its own: none sees the others, and each success and failure is known by itself. Bounces
//! have nowhere to go by default (`MAIL FROM:<>`), and every notice says that it is automatic (RFC 3834 5).

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, SMTP_PORT};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::one_line;

/// Where notices go, from whom, and how many.
#[derive(Debug, Clone)]
pub struct NoticeSettings {
    /// Hands them over.
    pub mailer: Mailer,
    /// Most to one address within an hour; what is over is dropped, and the history says so.
    pub per_recipient_per_hour: u32,
    /// Most in all within an hour.
    pub per_hour: u32,
}

/// How to reach the submission host.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Encryption.
    pub tls: SubmissionTls,
    /// Authorities to trust (PEM) in place of the system's.
    pub ca: Option<PathBuf>,
    /// The name that its certificate must bear, when it is not the host's.
    pub tls_name: Option<String>,
    /// User and password: over TLS only.
    pub credentials: Option<(String, String)>,
    /// The notices' From: an address, or a name with an address.
    pub from: String,
    /// Envelope sender; `<>` where there is none.
    pub envelope_from: Option<String>,
    /// Our name in EHLO.
    pub helo: String,
    /// Waits for each answer.
    pub timeout: Duration,
}

/// Encryption towards the submission host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmissionTls {
    /// None.
    Off,
    /// STARTTLS where it is offered.
    Opportunistic,
    /// STARTTLS or nothing.
    Required,
    /// TLS from the first octet.
    Implicit,
}

/// Hands notices to the submission host; clones share its connections.
#[derive(Debug, Clone)]
pub struct Mailer {
    from: Mailbox,
    envelope_from: Option<Address>,
    builder: AsyncSmtpTransportBuilder,
    transport: Arc<OnceLock<AsyncSmtpTransport<Tokio1Executor>>>,
}

/// Why a notice did not go out.
#[derive(Debug)]
pub enum NotSent {
    /// Another attempt may work.
    Now(String),
    /// No other attempt would.
    Ever(String),
    /// There was no answer: it may have gone out.
    Unknown(String),
}

/// A notice to one addressee.
#[derive(Debug)]
pub struct Notice<'n> {
    /// The address.
    pub to: &'n str,
    /// One line.
    pub subject: &'n str,
    /// Any number of lines.
    pub text: &'n str,
    /// Left part of the Message-ID.
    pub id: &'n str,
    /// What stands in Auto-Submitted: `auto-replied` where a mail is answered, `auto-generated` otherwise.
    pub automatic: &'n str,
}

impl Mailer {
    /// Checks everything and reads the files; connects to nobody.
    pub fn new(to: &Submission) -> Result<Self, String> {
        let from: Mailbox = to.from.parse().map_err(|why| format!("from = {:?}: {why}", to.from))?;
        let address = |text: &String| text.parse().map_err(|why| format!("envelope_from = {text:?}: {why}"));
        let envelope_from = to.envelope_from.as_ref().map(address).transpose()?;
        let port = if to.port == 0 { SMTP_PORT } else { to.port };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(to.host.as_str())
            .port(port)
            .timeout(Some(to.timeout))
            .hello_name(ClientId::Domain(to.helo.clone()))
            .tls(tls(to)?);
        if let Some((user, secret)) = &to.credentials {
            if !matches!(to.tls, SubmissionTls::Required | SubmissionTls::Implicit) {
                return Err(
                    "a password never travels in clear: tls must be \"required\" or \"implicit\"".to_owned()
                );
            }
            let credentials = Credentials::new(user.clone(), secret.clone());
            builder =
                builder.credentials(credentials).authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        Ok(Self { from, envelope_from, builder, transport: Arc::default() })
    }

    /// The domain of From, for Message-IDs.
    fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// Made at first use: it lives in the runtime.
    fn transport(&self) -> &AsyncSmtpTransport<Tokio1Executor> {
        self.transport.get_or_init(|| self.builder.clone().build())
    }

    /// Whether the host answers and takes our credentials. What is wrong here is nothing of any notice.
    pub async fn ready(&self) -> Result<(), String> {
        match self.transport().test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("the submission host does not answer".to_owned()),
            Err(error) => Err(one_line(&format!("submission host: {error}"))),
        }
    }

    /// Hands one over; what the host said.
    pub async fn send(&self, notice: &Notice<'_>) -> Result<String, NotSent> {
        let (envelope, octets) = self.message(notice).map_err(NotSent::Ever)?;
        match self.transport().send_raw(&envelope, &octets).await {
            Ok(response) => {
                let words = response.first_line().unwrap_or_default();
                Ok(one_line(&format!("{} {words}", response.code())))
            }
            Err(error) if error.is_permanent() => Err(NotSent::Ever(one_line(&error.to_string()))),
            Err(error) if error.is_transient() => Err(NotSent::Now(one_line(&error.to_string()))),
            Err(error) => Err(NotSent::Unknown(one_line(&error.to_string()))),
        }
    }

    fn message(&self, notice: &Notice<'_>) -> Result<(Envelope, Vec<u8>), String> {
        let to: Address = notice.to.parse().map_err(|why| format!("no address: {why}"))?;
        let envelope =
            Envelope::new(self.envelope_from.clone(), vec![to.clone()]).map_err(|why| why.to_string())?;
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(notice.subject))
            .message_id(Some(format!("<{}@{}>", notice.id, self.domain())))
            .date_now()
            .raw_header(HeaderValue::new(automatic, notice.automatic.to_owned()))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .envelope(envelope.clone())
            .body(lines(notice.text))
            .map_err(|why| why.to_string())?;
        Ok((envelope, message.formatted()))
    }
}

/// Line ends and tabs stay; other control characters go.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

fn tls(to: &Submission) -> Result<Tls, String> {
    if to.tls == SubmissionTls::Off {
        return Ok(Tls::None);
    }
    let mut builder = TlsParameters::builder(to.tls_name.clone().unwrap_or_else(|| to.host.clone()));
    if let Some(file) = &to.ca {
        let pem = std::fs::read(file).map_err(|why| format!("cannot read {}: {why}", file.display()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|why| format!("{}: {why}", file.display()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    let parameters = builder.build_rustls().map_err(|why| why.to_string())?;
    Ok(match to.tls {
        SubmissionTls::Required => Tls::Required(parameters),
        SubmissionTls::Implicit => Tls::Wrapper(parameters),
        _ => Tls::Opportunistic(parameters),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission() -> Submission {
        Submission {
            host: "localhost".into(),
            port: 25,
            tls: SubmissionTls::Off,
            ca: None,
            tls_name: None,
            credentials: None,
            from: "Weir <weir@a.example>".into(),
            envelope_from: None,
            helo: "weir.example".into(),
            timeout: Duration::from_secs(1),
        }
    }

    fn written(to: &str, subject: &str, text: &str) -> Result<String, String> {
        let mailer = Mailer::new(&submission())?;
        let (_, octets) =
            mailer.message(&Notice { to, subject, text, id: "weir.1", automatic: "auto-replied" })?;
        Ok(String::from_utf8(octets).unwrap())
    }

    #[test]
    fn a_subject_never_begins_a_header_line_and_says_what_it_said() {
        let mail = written("ann@a.example", "one\r\nBcc: eve@evil.example\u{2028}\u{85}x", "text").unwrap();
        let (header, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(header.contains("Subject: one  Bcc: eve@evil.example"), "{mail}");
        assert!(header.lines().all(|line| !line.starts_with("Bcc")), "{mail}");
        let long = format!("grün {}", "ü".repeat(300));
        let mail = written("ann@a.example", &long, "grün").unwrap();
        assert!(mail.is_ascii() && mail.contains("=?utf-8?"), "{mail}");
        assert!(mail.lines().all(|line| line.len() <= 78), "{mail}");
    }

    #[test]
    fn an_address_that_is_more_than_one_goes_nowhere() {
        for hostile in
            ["ann@a.example\r\nBcc: eve@e.example", "a@b.example, c@d.example", "<a@b.example>", "", "a"]
        {
            assert!(written(hostile, "s", "t").is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn a_text_ends_where_it_ends() {
        let mail = written("ann@a.example", "s", "a\r\n.\r\nMAIL FROM:<>\r\u{0}b\n").unwrap();
        let (header, body) = mail.split_once("\r\n\r\n").unwrap();
        assert!(
            header.contains("Auto-Submitted: auto-replied")
                && header.contains("Message-ID: <weir.1@a.example>")
        );
        assert_eq!(body.trim_end(), "a\r\n.\r\nMAIL FROM:<>b");
    }

    #[test]
    fn a_password_needs_tls_and_the_sender_an_address() {
        let credentials = Some(("weir".to_owned(), "secret".to_owned()));
        assert!(
            Mailer::new(&Submission { credentials, ..submission() })
                .unwrap_err()
                .contains("never travels in clear")
        );
        assert!(
            Mailer::new(&Submission { from: "nobody".into(), ..submission() })
                .unwrap_err()
                .contains("nobody")
        );
    }
}
