//! Folders and filters that the configuration file keeps: it is the truth at each start, but nothing that waits is lost by it.

use weir_tests::client::send;
use weir_tests::gateway::Setup;
use weir_tests::mails;

use crate::site::{decide, listed};

const KEPT: &str = "[[gateway.folder]]\nname = \"Kept\"\nkind = \"hold\"\n";
const LEGAL: &str = "[[gateway.folder]]\nname = \"Legal\"\nkind = \"hold\"\n";

fn filter(folder: &str) -> String {
    format!(
        "[[gateway.filter]]\nname = \"Marked\"\nwhen = \"has-unique-message-id\"\nactions = [{{ hold = \"{folder}\" }}]\n\
         approve = [\"deliver\"]\nreject = [\"delete\"]\ncustom = [\"deliver\"]\n"
    )
}

#[test]
fn a_folder_that_the_configuration_leaves_out_stays_while_mail_is_held_in_it_and_the_log_names_both() {
    let with = format!("{KEPT}{LEGAL}{}", filter("Legal"));
    let without = format!("{KEPT}{}", filter("Kept"));
    let mut gateway = Setup::new().config(&with).start();
    let reviewer = gateway.person("rita", "Remediator");
    let marks = b"X-dlp-uniquemsgid: 0D0D0D0D-0000-4000-8000-000000000001\r\nX-dlp-policyid: 23\r\n";
    let mail = [&marks[..], &mails::clean("left behind")].concat();
    let answer = send(gateway.mail(), "ann@corp.example", &["bob@other.example"], &mail).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    gateway.kill();
    gateway.change_config(&without);
    gateway.run();
    gateway.wait_for_log("the configuration file leaves out a folder that is in use: it stays");
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains("leaves out a folder")).unwrap();
    assert!(line.contains("Legal") && line.contains("held incident 1"), "{line}");
    let (number, row) = listed(&reviewer, "state=held").remove(0);
    assert!(row.contains("Legal") && row.contains("left behind"), "{row}");
    decide(&reviewer, number, "approve", "");
    gateway.wait_for_delivered(1);
}
