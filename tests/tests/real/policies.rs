//! The policies that the tests themselves use are checked like any others.

use weir_tests::weir::{fixture, run};

#[test]
fn the_tests_own_policies_are_right_and_find_what_they_should() {
    let dir = fixture("policies");
    for what in ["check", "test"] {
        let output = run(&["policy", what, &dir.to_string_lossy()]);
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "policy {what}:\n{}", String::from_utf8_lossy(&said));
    }
}
