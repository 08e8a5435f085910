//! Lookups in a directory that others wrote: Debian's slapd, by TLS, and what goes wrong with it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use enforce::lookup::{Ldap, Lookup, Of, Source};
use zeroize::Zeroizing;

use crate::support::{Server, message};

const PASSWORD: &str = "reads the directory";
const PEOPLE: &str = "dn: dc=company,dc=example\nobjectClass: dcObject\nobjectClass: organization\ndc: company\no: Company\n\n\
    dn: cn=weir,dc=company,dc=example\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: weir\nuserPassword: reads the directory\n\n\
    dn: uid=anna,dc=company,dc=example\nobjectClass: inetOrgPerson\nuid: anna\ncn: Anna Berg\nsn: Berg\nmail: Anna@Company.example\n\
    departmentNumber: R & D\nou: Lab 1\nou: Lab 2\n\n\
    dn: uid=star,dc=company,dc=example\nobjectClass: inetOrgPerson\nuid: star\ncn: Star\nsn: Star\nmail: star@company.example\ndepartmentNumber: Board\n";

struct Slapd {
    process: Child,
    /// By TLS, and in clear with STARTTLS.
    ports: [u16; 2],
    _dir: tempfile::TempDir,
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Slapd {
    /// With the certificate of this server's own authority. None if it is not installed and such tests may be left out.
    async fn start(server: &Server) -> Option<Self> {
        let Some(program) =
            ["/usr/sbin/slapd", "/usr/local/sbin/slapd"].into_iter().find(|file| Path::new(file).exists())
        else {
            let skip = std::env::var_os("WEIR_TESTS_ALLOW_SKIP").is_some_and(|value| value == "1");
            assert!(skip, "slapd is not installed: apt-get install slapd, or set WEIR_TESTS_ALLOW_SKIP=1");
            eprintln!("skipped: slapd is not installed");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().display();
        std::fs::create_dir(dir.path().join("db")).unwrap();
        let own = &server.enforce().certificates.server;
        let (chain, key): (PathBuf, PathBuf) = (own.with_extension("pem"), own.with_extension("key"));
        let config = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
            include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
            TLSCertificateFile {}\nTLSCertificateKeyFile {}\ndatabase mdb\nsuffix dc=company,dc=example\n\
            directory {place}/db\nmaxsize 10485760\n\
            access to attrs=userPassword by anonymous auth by * none\naccess to * by users read by * none\n",
            chain.display(),
            key.display()
        );
        let (conf, ldif) = (dir.path().join("slapd.conf"), dir.path().join("people.ldif"));
        std::fs::write(&conf, config).unwrap();
        std::fs::write(&ldif, PEOPLE).unwrap();
        let added =
            Command::new(program).args(["-T", "add", "-f"]).arg(&conf).arg("-l").arg(&ldif).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let urls = format!("ldaps://127.0.0.1:{} ldap://127.0.0.1:{}", ports[0], ports[1]);
        let process = Command::new(program)
            .args(["-d", "0", "-h", &urls, "-f"])
            .arg(&conf)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let slapd = Self { process, ports, _dir: dir };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", ports[1])).await.is_ok() {
                return Some(slapd);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("slapd does not answer");
    }
}

fn ldap(server: &Server, url: String) -> Ldap {
    Ldap {
        url,
        starttls: false,
        bind: "cn=weir,dc=company,dc=example".to_owned(),
        password: Zeroizing::new(PASSWORD.to_owned()),
        base: "dc=company,dc=example".to_owned(),
        filter: "(mail={address})".to_owned(),
        authority: server.enforce().certificates.roots.clone(),
        seconds: 5,
    }
}

fn lookup(name: &str, ldap: Ldap, attributes: &[(&str, &str)]) -> Lookup {
    let attributes = attributes.iter().map(|(name, column)| ((*name).to_owned(), (*column).to_owned()));
    Lookup {
        name: name.to_owned(),
        source: Source::Ldap(ldap),
        of: Of::Sender,
        attributes: attributes.collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_come_from_a_directory_by_tls_and_what_fails_there_is_said() {
    let server = Server::start().await;
    let Some(slapd) = Slapd::start(&server).await else { return };
    let id = server.record(message("M", &[17])).await[0];
    let mut wild = message("W", &[17]);
    wild.sender = "*@company.example".into();
    let wild = server.record(wild).await[0];
    let [tls, clear] = slapd.ports;
    let good = ldap(&server, format!("ldaps://localhost:{tls}"));
    let started = Ldap { starttls: true, ..ldap(&server, format!("ldap://localhost:{clear}")) };
    let wrong = Ldap { password: Zeroizing::new("not it".to_owned()), ..good.clone() };
    // An authority that did not make its certificate.
    let other = Ldap { authority: String::new(), ..good.clone() };
    let anonymous = Ldap { bind: String::new(), ..good.clone() };
    let gone = Ldap { url: "ldaps://localhost:1".to_owned(), ..good.clone() };
    let lookups = vec![
        lookup("wrong", wrong, &[("W", "ou")]),
        lookup("other", other, &[("O", "ou")]),
        lookup("gone", gone, &[("G", "ou")]),
        lookup("anonymous", anonymous, &[("A", "ou")]),
        lookup("directory", good, &[("Department", "departmentnumber"), ("Password", "userPassword")]),
        lookup("again", started, &[("Department", "sn"), ("Rooms", "OU")]),
    ];
    let server = server.restart_with(|options| options.lookups = lookups).await;
    let remediator = server.person("Remediator").await;
    for id in [id, wild] {
        remediator.post(&format!("/incidents/{id}/look-up"), &[]).await;
    }
    let failed = server.lines(id, "LOOKUP_FAILED", 1).await;
    for words in
        ["wrong: the directory: ", "invalidCredentials", "other: the directory: ", "gone: the directory: "]
    {
        assert!(failed[0].contains(words), "{words}: {failed:?}");
    }
    assert!(!failed[0].contains("not it") && !failed[0].contains(PASSWORD), "{failed:?}");
    let known = server.attributes(id).await;
    let known: Vec<(&str, &str)> =
        known.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        known,
        [("Department", "R & D"), ("Rooms", "Lab 1; Lab 2")],
        "what it does not let us read stays unknown"
    );
    server.lines(wild, "LOOKUP_FAILED", 1).await;
    assert!(server.attributes(wild).await.is_empty(), "an address is no pattern");
}
