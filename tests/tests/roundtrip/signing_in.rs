//! Users of Enforce at the gateway's Control Center: one password, one lock, one place where access ends.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use weir_tests::client::insist;
use weir_tests::console::{Console, PASSWORD};
use weir_tests::enforce::Enforce;
use weir_tests::gateway::{Gateway, Setup};
use weir_tests::requirement::program;
use weir_tests::weir::fixture;

/// Roles of Enforce that count at the gateway.
const ROLES: &str =
    "[gateway.sign_in]\nroles = { Remediator = \"Remediator\", Administrator = \"Administrator\" }\n";

fn site() -> (Enforce, Console, Gateway) {
    let enforce = Enforce::with(&fixture("policies"), &["--plain-http"]);
    let admin = enforce.person("admin-1", "Administrator");
    let gateway = Setup::of(&enforce, "gw1").config(ROLES).start();
    (enforce, admin, gateway)
}

/// The number of a user on Enforce's page of users.
fn number(admin: &Console, name: &str) -> String {
    let page = admin.get("/users");
    let link = page.body.split("href=\"/users/").find(|rest| rest.split(['>', '<']).nth(1) == Some(name));
    link.unwrap_or_else(|| panic!("no user {name} in {}", page.words())).split('"').next().unwrap().to_owned()
}

#[test]
fn a_user_of_enforce_reviews_mail_at_the_gateway_until_enforce_shuts_it_out() {
    let (enforce, admin, gateway) = site();
    enforce.add_user("rita", "Remediator");
    enforce.add_user("vera", "Reviewer");
    let rita = Console::sign_in_as_guest(gateway.console(), "rita", PASSWORD);
    rita.get("/folders").shows("Data Loss Prevention");
    assert_eq!(rita.get("/users").status, 403, "a remediator there is a remediator here");
    let page = Console::try_sign_in_as_guest(gateway.console(), "vera", PASSWORD);
    page.shows("none of your roles there counts here");
    // Both audit logs tell it.
    gateway.person("root", "Administrator").get("/audit").shows("let in by Enforce");
    admin.get("/audit").shows("at the Control Center of gw1");
    let id = number(&admin, "rita");
    admin.done(&format!("/users/{id}/sessions"), &[]);
    insist(Duration::from_secs(90), || match rita.get("/folders").status {
        303 => Ok(()),
        status => Err(format!("still in: {status}")),
    });
    // The session of the Control Center is none of Enforce's console, and the password works again.
    Console::sign_in_as_guest(gateway.console(), "rita", PASSWORD).get("/folders").shows("Data Loss");
}

/// An authenticator app: the code of a secret at a moment (RFC 6238), by Python's own HMAC.
fn code(python: &Path, secret: &str, seconds: u64) -> String {
    let app = "import base64, hashlib, hmac, struct, sys\n\
        mac = hmac.new(base64.b32decode(sys.argv[1]), struct.pack('>Q', int(sys.argv[2]) // 30), hashlib.sha1).digest()\n\
        at = mac[-1] & 15\n\
        print('%06d' % ((struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000))";
    let output = Command::new(python).args(["-c", app, secret, &seconds.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_user_of_enforce_with_a_second_factor_gives_its_code_at_the_gateway_once() {
    let Some(python) = program("python3", "python3") else { return };
    let (enforce, admin, gateway) = site();
    enforce.add_user("rita", "Remediator");
    let at_enforce = Console::sign_in(enforce.listen(), "rita", PASSWORD);
    let page = at_enforce.get("/account/second-factor");
    let secret = page.between("name=\"secret\" value=\"", "\"").to_owned();
    let begun = now();
    let first = code(&python, &secret, begun);
    let fields = [("secret", &*secret), ("code", &*first), ("password", PASSWORD)];
    at_enforce.done("/account/second-factor", &fields).shows("signing in takes a code too");

    let address = gateway.console();
    let asked = || Console::try_sign_in_as_guest(address, "rita", PASSWORD).shows("One more step");
    // The code of the set-up is spent, and a wrong one opens nothing.
    for wrong in [&*first, "000000"] {
        let refused = Console::try_code(address, &asked(), wrong);
        assert_eq!((refused.status, refused.location.as_str()), (422, ""), "{}", refused.words());
    }
    // The next step's code is taken early, for clocks differ: once.
    let next = code(&python, &secret, begun + 30);
    let rita = Console::sign_in_by_code(address, "rita", &asked(), &next);
    rita.get("/folders").shows("Data Loss Prevention");
    let again = Console::try_code(address, &asked(), &next);
    assert_eq!(again.status, 422, "a code that was overheard opens nothing: {}", again.words());
    admin.get("/audit").shows("at the Control Center of gw1");
    let logs = [gateway.log(), enforce.log()].concat();
    assert!(!logs.contains(&secret) && !logs.contains(PASSWORD), "{logs}");
    // Six digits also stand behind the seconds of each line's time: that is no telling of a code.
    let untimed = logs.lines().filter_map(|line| line.split_once('Z'));
    let mut words = untimed.flat_map(|(_, said)| said.split(|c: char| !c.is_ascii_alphanumeric()));
    assert!(!words.any(|word| word == next), "{logs}");
}

#[test]
fn guesses_at_the_gateway_lock_the_name_at_enforce() {
    let (enforce, admin, gateway) = site();
    enforce.add_user("rita", "Remediator");
    for _ in 0..5 {
        let page = Console::try_sign_in_as_guest(gateway.console(), "rita", "a guess of somebody");
        page.shows("Name or password is wrong");
    }
    let page = Console::try_sign_in_as_guest(gateway.console(), "rita", PASSWORD);
    assert_eq!(page.status, 422, "locked, though it is the right password");
    assert_eq!(Console::try_sign_in(enforce.listen(), "rita", PASSWORD).status, 422, "at Enforce too");
    admin.get("/users").shows("Locked");
    admin.get("/audit").shows("127.0.0.1 at gw1");
    let secrets = [gateway.log(), enforce.log()].concat();
    assert!(!secrets.contains(PASSWORD) && !secrets.contains("a guess of somebody"), "{secrets}");
}

#[test]
fn while_enforce_is_away_users_of_the_gateway_come_in_and_others_hear_why_not() {
    let (mut enforce, _, gateway) = site();
    enforce.add_user("rita", "Remediator");
    let rita = Console::sign_in_as_guest(gateway.console(), "rita", PASSWORD);
    enforce.kill();
    rita.get("/folders").shows("Data Loss Prevention");
    let page = Console::try_sign_in_as_guest(gateway.console(), "rita", PASSWORD);
    page.shows("Enforce cannot be asked at the moment");
    gateway.person("local", "Remediator").get("/folders").shows("Data Loss Prevention");
    enforce.run();
    Console::sign_in_as_guest(gateway.console(), "rita", PASSWORD).get("/folders").shows("Data Loss");
}
