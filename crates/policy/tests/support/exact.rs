//! A small table of customers and its index.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::Path;

use policy::index::{
    BuildError, ColumnOption, ExactOptions, ExactReport, IndexKey, IndexKind, Kind, build_exact,
};

pub const TABLE: &str = "\
customer_no;First Name;Last Name;SSN;E-Mail;Mobile;Birthday
100001;Ann;O'Brien;123-45-6789;Ann.OBrien@Shop.example;+49 30 1234567;1980-02-03
100002;José;Müller-Lüdenscheidt;987-65-4321;jose@shop.example;+1 (555) 123-4567;1975-12-31
100003;Mary Ann;Smith;555-44-3333;mary@shop.example;+44 20 7946 0958;1990-07-14
100004;Will;May;012-34-5678;will@shop.example;+33 1 42 68 53 00;2001-01-30
100005;太郎;山田;222-33-4444;taro@shop.example;+81 3 1234 5678;1969-05-05
";

pub fn column(name: &str, kind: Kind) -> ColumnOption {
    ColumnOption { name: name.into(), kind, order: None, home: None }
}

pub fn customers() -> Vec<ColumnOption> {
    vec![
        column("first_name", Kind::Name),
        column("last_name", Kind::Name),
        column("ssn", Kind::Number),
        column("e-mail", Kind::Email),
        column("mobile", Kind::Phone),
        column("birthday", Kind::Date),
    ]
}

fn options(columns: Vec<ColumnOption>) -> ExactOptions {
    ExactOptions {
        columns,
        separator: None,
        no_header: false,
        stop: vec![],
        source: "customers.csv".into(),
        max_age_days: 30,
        size: None,
    }
}

pub fn build(dir: &Path, table: &str, columns: Vec<ColumnOption>) -> Result<ExactReport, BuildError> {
    let path = IndexKind::Exact.file_in(dir, "customers");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let key = IndexKey::read_or_make(&dir.join("keys/customers.key")).unwrap();
    build_exact(table.as_bytes(), &options(columns), &key, &path, &|_| ())
}

/// A directory with the table's index.
pub fn indexed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), TABLE, customers()).unwrap();
    dir
}
