//! A detection server asked by milter, packet by packet: what an MTA is told, and what is on record.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use prevent::IdKey;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const POLICY: &[(&str, &str)] = &[
    ("responses/hold.toml", "name = \"Hold\"\n[modify]\nemail_quarantine_connect = true\n"),
    (
        "tests/word.toml",
        "id = 7\nname = \"Word\"\nfamily = \"Tests\"\nmode = \"on\"\nseverity = \"high\"\nrespond = [\"Hold\"]\n\
         [[rule]]\nname = \"the word\"\nkeywords = [\"topsecret\"]\n",
    ),
];

/// An MTA's end of a connection.
struct Mta(TcpStream);

impl Mta {
    /// Connects to a milter listener of the server, and agrees on waiting for each step's answer.
    async fn of(weir: &Weir) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (server, stop) = (weir.server.clone(), weir.stop.clone());
        tokio::spawn(async move { server.run_milter(listener, stop).await });
        let mut mta = Self(TcpStream::connect(addr).await.unwrap());
        let numbers = [6_u32, 0x1ff, 0].map(u32::to_be_bytes).concat();
        mta.say(b'O', &numbers).await;
        assert_eq!(mta.hear().await.0, b'O');
        mta
    }

    async fn say(&mut self, command: u8, data: &[u8]) {
        let length = (data.len() as u32 + 1).to_be_bytes();
        self.0.write_all(&[&length[..], &[command], data].concat()).await.unwrap();
    }

    async fn hear(&mut self) -> (u8, Vec<u8>) {
        let length = self.0.read_u32().await.unwrap();
        let mut packet = vec![0; length as usize];
        self.0.read_exact(&mut packet).await.unwrap();
        (packet[0], packet[1..].to_vec())
    }

    /// Offers a message that names a secret; every answer to its end.
    async fn offers_a_secret(&mut self) -> Vec<(u8, String)> {
        let steps: [(u8, &[u8]); 7] = [
            (b'C', b"client.example\x004\x12\x34127.0.0.1\0"),
            (b'M', b"<a@a.example>\0"),
            (b'R', b"<b@b.example>\0"),
            (b'L', b"Message-ID\0<1@a.example>\0"),
            (b'L', b"Subject\0hello\0"),
            (b'N', b""),
            (b'B', b"topsecret\r\n"),
        ];
        for (command, data) in steps {
            self.say(command, data).await;
            assert_eq!(self.hear().await, (b'c', Vec::new()), "after {}", char::from(command));
        }
        self.say(b'E', b"").await;
        let mut answers = Vec::new();
        loop {
            let (command, data) = self.hear().await;
            answers.push((command, String::from_utf8_lossy(&data).replace('\0', "|")));
            if matches!(command, b'a' | b'c' | b'r' | b't' | b'y') {
                return answers;
            }
        }
    }
}

/// What the MTA is told to put into the header as the message's unique id.
fn unique_id(answers: &[(u8, String)]) -> &str {
    let lines = answers.iter().filter(|(command, _)| *command == b'i');
    let mut ids = lines.filter_map(|(_, line)| line.split_once("X-dlp-uniquemsgid|")).map(|(_, id)| id);
    ids.next().unwrap_or_else(|| panic!("no id in {answers:?}"))
}

#[tokio::test]
async fn a_retry_after_the_key_of_ids_was_changed_has_the_id_of_its_incident() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let weir = weir_with(&[nobody], POLICY, |_| {}).await;
    let first = Mta::of(&weir).await.offers_a_secret().await;
    weir.stop.cancel();
    let Weir { server, journal, run, dir, .. } = weir;
    run.await.unwrap();
    drop((server, journal));
    let changed = |settings: &mut prevent::Settings| {
        let old = std::mem::replace(&mut settings.id_key, IdKey::new([8; 32]));
        settings.old_id_keys.push(old);
    };
    let weir = weir_in(dir, &[nobody], POLICY, changed).await;
    let again = Mta::of(&weir).await.offers_a_secret().await;
    assert_eq!(unique_id(&again), unique_id(&first));
    assert_eq!(weir.incidents().await.len(), 1, "a retry is no new incident");
}
