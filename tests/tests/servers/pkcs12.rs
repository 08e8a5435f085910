//! Certificates in PKCS#12 as openssl writes them, taken by the command line; what cannot be taken changes nothing.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use weir_tests::client::python_with;
use weir_tests::requirement::program;
use weir_tests::weir::binary;

/// A server's key and certificate by an authority below a root, made by openssl.
struct Made {
    dir: tempfile::TempDir,
    openssl: PathBuf,
}

const PASSWORD: &str = "Grüße, otter 47";

/// None if there is no openssl and such tests may be left out.
fn made() -> Option<Made> {
    let made = Made { openssl: program("openssl", "openssl")?, dir: tempfile::tempdir().unwrap() };
    fs::write(made.file("password"), format!("{PASSWORD}\n")).unwrap();
    fs::write(made.file("ca.ext"), "basicConstraints=critical,CA:TRUE\n").unwrap();
    fs::write(made.file("leaf.ext"), "subjectAltName=DNS:console.example\n").unwrap();
    made.request("root");
    made.does("req -x509 -key root.key -subj /CN=root -days 99 -out root.pem");
    made.signed("middle", "root", "ca.ext");
    made.signed("leaf", "middle", "leaf.ext");
    fs::write(made.file("chain.pem"), [made.text("root.pem"), made.text("middle.pem")].concat()).unwrap();
    Some(made)
}

impl Made {
    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    fn openssl(&self, words: &str) -> Output {
        let mut command = Command::new(&self.openssl);
        command.args(words.split(' ')).current_dir(self.dir.path()).output().unwrap()
    }

    fn does(&self, words: &str) {
        let output = self.openssl(words);
        assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn request(&self, name: &str) {
        self.does(&format!("ecparam -name prime256v1 -genkey -noout -out {name}.key"));
        self.does(&format!("req -new -key {name}.key -subj /CN={name} -out {name}.csr"));
    }

    fn signed(&self, name: &str, by: &str, extensions: &str) {
        self.request(name);
        self.does(&format!(
            "x509 -req -in {name}.csr -CA {by}.pem -CAkey {by}.key -CAcreateserial -days 99 -extfile {extensions} -out {name}.pem"
        ));
    }

    /// With the password, the chain and these options.
    fn export(&self, to: &str, options: &str) {
        let words = format!(
            "pkcs12 -export -inkey leaf.key -in leaf.pem -certfile chain.pem -passout file:password -out {to}"
        );
        self.does(format!("{words} {options}").trim_end());
    }

    fn import(&self, p12: &str, name: &str, password_file: &str) -> Output {
        self.command(p12, name, password_file).output().unwrap()
    }

    fn command(&self, p12: &str, name: &str, password_file: &str) -> Command {
        let mut command = Command::new(binary());
        command.args(["cert", "import", "--dir", "certificates", "--as", name, "--pkcs12", p12]);
        command.args(["--password-file", password_file]).current_dir(self.dir.path());
        command.stdin(Stdio::null());
        command
    }

    fn refused(&self, p12: &str, password_file: &str, word: &str) {
        let output = self.import(p12, "refused", password_file);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(word), "{p12}: {error}");
        assert!(!error.contains("panicked"), "{error}");
        assert!(
            !self.file("certificates/refused.pem").exists()
                && !self.file("certificates/refused.key").exists()
        );
    }

    /// The server's certificate and what vouches for it below the root, and its key.
    fn is_taken(&self, name: &str) {
        let subjects = |file: &Path| {
            let text = fs::read_to_string(file).unwrap();
            let mut subjects = Vec::new();
            for (at, one) in text.split_inclusive("-----END CERTIFICATE-----\n").enumerate() {
                fs::write(self.file("one.pem"), one).unwrap();
                let subject = self.openssl("x509 -in one.pem -noout -subject");
                subjects.push(
                    String::from_utf8_lossy(&subject.stdout).trim().replace("subject=", "").replace(' ', ""),
                );
                assert!(at < 9);
            }
            subjects
        };
        assert_eq!(
            subjects(&self.file(&format!("certificates/{name}.pem"))),
            ["CN=leaf", "CN=middle"],
            "{name}"
        );
        let public = |file: &str| self.openssl(&format!("pkey -in {file} -pubout")).stdout;
        let key = format!("certificates/{name}.key");
        assert!(!public(&key).is_empty() && public(&key) == public("leaf.key"), "{name}");
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(self.file(&key)).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_openssl_writes_today_and_what_it_wrote_before_is_taken_with_its_chain() {
    let Some(made) = made() else { return };
    for (name, options) in [
        ("modern", ""),
        ("aes-128", "-keypbe AES-128-CBC -certpbe AES-128-CBC -macalg SHA512"),
        ("legacy", "-legacy"),
        ("three-des", "-legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg SHA1"),
        ("open-certificates", "-certpbe NONE"),
        ("without-sum", "-nomac"),
        ("named", "-name console"),
    ] {
        let p12 = format!("{name}.p12");
        made.export(&p12, options);
        let output = made.import(&p12, name, "password");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("console.example"), "{name}");
        made.is_taken(name);
    }
    // The password may come by standard input; it is never on the command line.
    let mut command = made.command("modern.p12", "piped", "-");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    made.is_taken("piped");
}

/// Types a password into a terminal of its own once it is asked for. All that the terminal shows, then how the command ended
/// and whether the terminal shows again what is typed.
const AT_A_TERMINAL: &str = r#"
import os, pty, sys, termios
password, command = sys.argv[1].encode(), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
shown = b""
while b"Password of " not in shown or not shown.endswith(b": "):
    shown += os.read(terminal, 1024)
os.write(terminal, password + b"\n")
while True:
    try:
        more = os.read(terminal, 1024)
    except OSError:
        break
    if not more:
        break
    shown += more
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
echoes = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
sys.stdout.buffer.write(shown + b"\nended %d, echo %s" % (status, b"on" if echoes else b"off"))
"#;

impl Made {
    /// What a terminal shows while somebody types this password there.
    fn typed(&self, name: &str, password: &str) -> Option<String> {
        let file = |name: &str| self.file(name).to_str().unwrap().to_owned();
        let (binary, dir, p12) = (binary(), file("certificates"), file("modern.p12"));
        let import = ["cert", "import", "--dir", &dir, "--as", name, "--pkcs12", &p12];
        let words = [&[password, binary.to_str().unwrap()], &import[..]].concat();
        let output = python_with(AT_A_TERMINAL, &words)?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

#[test]
fn a_password_is_asked_for_at_the_terminal_and_never_shown_there() {
    let Some(made) = made() else { return };
    made.export("modern.p12", "");
    let Some(shown) = made.typed("typed", PASSWORD) else { return };
    assert!(shown.contains("Password of ") && shown.contains("console.example"), "{shown}");
    assert!(shown.ends_with("ended 0, echo on"), "{shown}");
    assert!(!shown.contains("otter"), "the terminal shows the password: {shown}");
    made.is_taken("typed");
    let wrong = made.typed("refused", "wrong otter").unwrap();
    assert!(wrong.contains("the password does not open"), "{wrong}");
    assert!(wrong.ends_with("echo on") && !wrong.contains("ended 0") && !wrong.contains("otter"), "{wrong}");
    assert!(!made.file("certificates/refused.pem").exists());
}

#[test]
fn without_a_terminal_it_is_said_how_the_password_comes() {
    let Some(made) = made() else { return };
    let Some(setsid) = program("setsid", "util-linux") else { return };
    made.export("modern.p12", "");
    let mut command = Command::new(setsid);
    command.arg("--wait").arg(binary()).args(["cert", "import", "--dir", "certificates", "--as", "x"]);
    command.args(["--pkcs12", "modern.p12"]).current_dir(made.dir.path()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("--password-file FILE"), "{error}");
}

#[test]
fn what_cannot_be_taken_says_why_and_changes_nothing() {
    let Some(made) = made() else { return };
    made.export("modern.p12", "");
    made.export("legacy.p12", "-legacy");
    fs::write(made.file("wrong"), "wrong\n").unwrap();
    for p12 in ["modern.p12", "legacy.p12"] {
        made.refused(p12, "wrong", "the password does not open");
    }
    made.refused("modern.p12", "none", "cannot read the password");
    made.export("rc4.p12", "-legacy -keypbe PBE-SHA1-RC4-128 -certpbe PBE-SHA1-RC4-128");
    made.refused("rc4.p12", "password", "sealed in a way that is not read");
    made.does("pkcs12 -export -nokeys -in leaf.pem -passout file:password -out keyless.p12");
    made.refused("keyless.p12", "password", "no private key");
    made.does("pkcs12 -export -inkey leaf.key -nocerts -in leaf.pem -passout file:password -out bare.p12");
    made.refused("bare.p12", "password", "no certificate");
    fs::write(made.file("text.p12"), made.text("leaf.pem")).unwrap();
    made.refused("text.p12", "password", "no PKCS#12 file");
    fs::write(made.file("large.p12"), vec![0x30; (1 << 20) + 1]).unwrap();
    made.refused("large.p12", "password", "more than");
    let whole = fs::read(made.file("modern.p12")).unwrap();
    for at in (0..whole.len()).step_by(97) {
        let mut changed = whole.clone();
        changed[at] ^= 0x15;
        for octets in [&changed[..], &whole[..at]] {
            fs::write(made.file("damaged.p12"), octets).unwrap();
            made.refused("damaged.p12", "password", "");
        }
    }
}
