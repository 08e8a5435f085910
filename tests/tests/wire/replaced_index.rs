//! An index of our own data is replaced while the server runs: the new one counts, a damaged one changes nothing, and
//! no mail is refused on the way.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use weir_tests::client::{eventually, send};
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::{Prevent, Weir, run};

const POLICY: &str = "id = 91\nname = \"Customers\"\nmode = \"on\"\nrespond = [\"Refuse\"]\n\n\
                      [[rule]]\nname = \"Two values of one customer\"\nexact = \"customers\"\ncolumns = 2\n";
const REFUSE: &str = "name = \"Refuse\"\n\n[block]\ntext = \"not to leave\"\n";

/// A policy that asks for customers, its index and the server's data directory with the key.
struct Site {
    dir: TempDir,
}

impl Site {
    fn of(customers: &[&str]) -> Site {
        let site = Site { dir: TempDir::new().unwrap() };
        fs::create_dir_all(site.policies().join("responses")).unwrap();
        fs::write(site.policies().join("customers.toml"), POLICY).unwrap();
        fs::write(site.policies().join("responses/refuse.toml"), REFUSE).unwrap();
        site.index(customers);
        site
    }

    fn policies(&self) -> std::path::PathBuf {
        self.dir.path().join("policies")
    }

    fn keys(&self) -> std::path::PathBuf {
        self.dir.path().join("keys")
    }

    fn index_file(&self) -> std::path::PathBuf {
        self.policies().join("indexes/customers.exact")
    }

    /// Builds the index anew, as an administrator does.
    fn index(&self, customers: &[&str]) {
        let table = self.dir.path().join("customers.csv");
        fs::write(&table, format!("name,number\n{}\n", customers.join("\n"))).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let output = run(&[
            "index",
            "exact",
            "--name",
            "customers",
            "--columns",
            "name:name,number:number",
            "--policies",
            &text(&self.policies()),
            "--index-keys",
            &text(&self.keys()),
            &text(&table),
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn start(&self, sink: &Sink) -> Weir {
        Prevent::forward(&[sink.addr()])
            .policies(&self.policies())
            .flag("--index-keys")
            .flag(self.keys().to_str().unwrap())
            .start()
    }
}

/// The code that a mail about this customer gets.
fn code_for(weir: &Weir, customer: &str) -> u16 {
    let message = mails::mail("Your account", &format!("Dear {customer}, we thank you.\r\n"));
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap().code
}

#[test]
fn a_new_index_counts_without_a_signal_and_the_old_rows_are_forgotten() {
    let site = Site::of(&["Lena Okafor,70123456"]);
    let sink = Sink::start();
    let weir = site.start(&sink);
    assert_eq!(
        (code_for(&weir, "Lena Okafor 70123456"), code_for(&weir, "Piet Jansen 81234567")),
        (550, 250)
    );
    site.index(&["Piet Jansen,81234567"]);
    let taken_up = || code_for(&weir, "Piet Jansen 81234567") == 550;
    assert!(eventually(Duration::from_secs(20), taken_up), "{}", weir.log());
    assert_eq!(code_for(&weir, "Lena Okafor 70123456"), 250);
}

#[test]
fn a_damaged_index_leaves_the_old_one_in_force_and_the_log_names_it() {
    let site = Site::of(&["Lena Okafor,70123456"]);
    let sink = Sink::start();
    let weir = site.start(&sink);
    let mut octets = fs::read(site.index_file()).unwrap();
    octets.truncate(octets.len() / 2);
    // Replaced by renaming, like any build does it: the file in use is never written to.
    let new = site.policies().join("indexes/.half");
    fs::write(&new, octets).unwrap();
    fs::rename(&new, site.index_file()).unwrap();
    assert!(!weir.reload(), "{}", weir.log());
    assert!(weir.log().contains("customers.exact"), "{}", weir.log());
    assert_eq!(code_for(&weir, "Lena Okafor 70123456"), 550);
}

#[test]
fn mail_flows_while_an_index_is_built_again_and_again() {
    let site = Site::of(&["Lena Okafor,70123456"]);
    let sink = Sink::start();
    let weir = site.start(&sink);
    std::thread::scope(|scope| {
        let building = scope.spawn(|| (0..5).for_each(|_| site.index(&["Lena Okafor,70123456"])));
        let mut sent = 0;
        while !building.is_finished() || sent < 50 {
            let codes = (code_for(&weir, "Lena Okafor 70123456"), code_for(&weir, "nobody of ours"));
            assert_eq!(codes, (550, 250), "{}", weir.log());
            sent += 1;
        }
        building.join().unwrap();
    });
}
