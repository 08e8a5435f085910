//! Originals in an object store of other people's making, from the detection server to the last octet in the bucket.

use std::fs;

use weir_tests::enforce::Enforce;
use weir_tests::ports::free_port;
use weir_tests::sink::Sink;
use weir_tests::weir::{fixture, http_get, run};

use crate::s3::{ACCESS, S3, SECRET};
use crate::{has_incidents, prevent, send_violating, soon};

#[test]
fn originals_wait_for_the_store_are_read_there_and_go_with_their_incidents() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (port, ops) = (free_port(), format!("127.0.0.1:{}", free_port()));
    let (config, keys) = (dir.path().join("weir.toml"), dir.path().join("keys"));
    fs::write(&keys, format!("{ACCESS}\n{SECRET}\n")).unwrap();
    let settings = format!(
        "[prevent]\nnext_hop = [\"127.0.0.1:25\"]\n[enforce.originals]\nendpoint = \"http://127.0.0.1:{port}\"\nbucket = \"originals\"\nkey_file = {keys:?}\n"
    );
    fs::write(&config, settings).unwrap();
    let config = config.to_str().unwrap();
    for order in ["check", "show"] {
        let told = run(&["config", order, "--config", config]);
        assert!(told.status.success() && !String::from_utf8_lossy(&told.stdout).contains(SECRET), "{told:?}");
    }
    let flags = ["--plain-http", "--ops-listen", &ops, "--config", config];
    let (mut enforce, sink) = (Enforce::with(&fixture("policies"), &flags), Sink::start());
    let weir = prevent(&enforce, &sink, "mx1");
    let admin = enforce.person("ann", "Administrator");

    // The store is down: mail flows, and what there is to tell waits.
    send_violating(&weir, 1);
    has_incidents(&enforce, 1);
    send_violating(&weir, 2);
    soon("the console warns", || {
        admin.get("/servers").words().contains("object store of originals cannot be worked with")
    });
    assert_eq!((enforce.incidents().len(), sink.count()), (1, 2));
    assert_eq!(enforce.incident(1)["original_kept"], false);

    let Some(s3) = runtime.block_on(S3::start(port)) else { return };
    runtime.block_on(s3.make_bucket("originals"));
    let objects = || runtime.block_on(s3.keys("originals"));
    has_incidents(&enforce, 2);
    soon("both originals", || (1..=2).all(|id| enforce.incident(id)["original_kept"] == true));
    soon("nothing but the originals", || objects().len() == 2);
    let file = admin.get("/incidents/1/original.eml");
    assert!(file.status == 200 && file.body.contains("Visa 4111 1111 1111 1111"), "{file:?}");
    soon("the warning ends", || !admin.get("/servers").words().contains("object store"));

    // A crash loses none of it, and a backup says what is not in it.
    enforce.kill();
    enforce.run();
    assert_eq!(admin.get("/incidents/2/original.eml").status, 200);
    let backup = dir.path().join("backup.db");
    let told = enforce.task(&["backup", backup.to_str().unwrap()]);
    assert!(told.contains("2 originals lie in the object store"), "{told}");

    admin.done("/incidents/bulk/apply", &[("ids", "1"), ("delete", "yes")]);
    soon("the object is deleted", || objects().len() == 1);
    assert_eq!(admin.get("/incidents/2/original.eml").status, 200);

    // What is deleted while the store is away goes when it is back.
    drop(s3);
    admin.done("/incidents/bulk/apply", &[("ids", "2"), ("delete", "yes")]);
    let metric = |line: &str| http_get(ops.parse().unwrap(), "/metrics").unwrap().contains(line);
    soon("the metrics tell", || {
        metric("weir_enforce_object_store_works 0") && metric("weir_enforce_objects_to_delete 1")
    });
    let s3 = runtime.block_on(S3::start(port)).unwrap();
    runtime.block_on(s3.make_bucket("originals"));
    soon("it is deleted when the store is back", || {
        metric("weir_enforce_object_store_works 1") && metric("weir_enforce_objects_to_delete 0")
    });
    let log = enforce.log();
    assert!(log.contains("the object store cannot be worked with") && log.contains("works again"), "{log}");
    assert!(!log.contains(SECRET) && !log.contains("X-Amz") && !log.contains(ACCESS), "{log}");
}
