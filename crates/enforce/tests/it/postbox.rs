//! A submission host that keeps what it is given, and answers as it is told.

use std::sync::{Arc, Mutex};

use effects::{EffectSettings, Mailer, NoticeSettings, Submission, SubmissionTls};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a mail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    Takes,
    Defers,
    Refuses,
    /// The mail is taken, and the connection breaks before the answer.
    BreaksOff,
}

pub(crate) struct Postbox {
    port: u16,
    kept: Arc<Mutex<(Answers, Vec<String>)>>,
}

impl Postbox {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Arc::new(Mutex::new((Answers::Takes, Vec::new())));
        let given = kept.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, given.clone()));
            }
        });
        Self { port, kept }
    }

    pub(crate) fn answers(&self, answers: Answers) {
        self.kept.lock().unwrap().0 = answers;
    }

    /// The mails that came, each with its envelope before it.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.kept.lock().unwrap().1.clone()
    }

    /// How notices reach it.
    pub(crate) fn settings(&self) -> EffectSettings {
        let submission = Submission {
            host: "127.0.0.1".into(),
            port: self.port,
            tls: SubmissionTls::Off,
            ca: None,
            tls_name: None,
            credentials: None,
            from: "Weir <weir@company.example>".into(),
            envelope_from: None,
            helo: "enforce.company.example".into(),
            timeout: std::time::Duration::from_secs(5),
        };
        let mailer = Mailer::new(&submission).unwrap();
        let notices = NoticeSettings { mailer, per_recipient_per_hour: 100, per_hour: 100 };
        EffectSettings {
            notices: Some(notices),
            look_every: std::time::Duration::from_millis(50),
            ..EffectSettings::default()
        }
    }
}

async fn talk(stream: TcpStream, kept: Arc<Mutex<(Answers, Vec<String>)>>) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 postbox\r\n").await.ok()?;
    let (mut mail, mut in_data) = (String::new(), false);
    while let Some(line) = lines.next_line().await.ok()? {
        if in_data {
            if line != "." {
                mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                mail.push('\n');
                continue;
            }
            in_data = false;
            let answers = {
                let mut kept = kept.lock().unwrap();
                if matches!(kept.0, Answers::Takes | Answers::BreaksOff) {
                    kept.1.push(std::mem::take(&mut mail));
                }
                kept.0
            };
            mail.clear();
            let answer: &[u8] = match answers {
                Answers::Takes => b"250 2.0.0 kept\r\n",
                Answers::Defers => b"451 4.3.0 later\r\n",
                Answers::Refuses => b"550 5.7.1 never\r\n",
                Answers::BreaksOff => return None,
            };
            write.write_all(answer).await.ok()?;
            continue;
        }
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-postbox\r\n250 8BITMIME\r\n",
            "DATA" => {
                in_data = true;
                b"354 go on\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            "MAIL" | "RCPT" => {
                mail.push_str(&line);
                mail.push('\n');
                b"250 fine\r\n"
            }
            _ => b"250 fine\r\n",
        };
        write.write_all(answer).await.ok()?;
    }
    Some(())
}
