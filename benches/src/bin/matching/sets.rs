//! Whole sets on the same texts: identifiers of the library with their validators and near words, policies that ask for
//! them, keywords besides; what inspection of opened text costs.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use content::documents::InProcess;
use content::{How, Limits, Opened};
use policy::{Envelope, Mail, Set, SourceFile};

use crate::texts::Text;
use crate::{heading, library, rate, row, timed};

/// The identifiers of a first library.
const FIRST: [&str; 25] = [
    "payment_card",
    "iban",
    "us_ssn",
    "us_itin",
    "gb_nino",
    "gb_nhs",
    "de_idnr",
    "fr_nir",
    "it_codice_fiscale",
    "es_dni",
    "nl_bsn",
    "pl_pesel",
    "se_personnummer",
    "br_cpf",
    "br_cnpj",
    "ca_sin",
    "in_aadhaar",
    "in_pan",
    "cn_ric",
    "jp_my_number",
    "au_tfn",
    "private_key",
    "aws_access_key",
    "github_token",
    "jwt",
];
/// Octets of one mail.
const MAIL: usize = 1 << 20;

/// Measures each set over each text; mails are opened before.
pub(crate) fn table(texts: &[Text], only: &str) -> anyhow::Result<()> {
    println!("## Sets, MB/s of opened text (violations in all of it)\n");
    let texts = &texts[..texts.len().min(2)];
    heading("set, compiled in, memory", texts);
    let library = files(&default_set());
    let whole: Vec<SourceFile> =
        library.iter().cloned().chain([identifiers("all", 9001, &names(&library))]).collect();
    for (name, sources, words) in [
        ("25 identifiers", first(&library), 0),
        ("25 identifiers + 2,000 keywords", first(&library), 2_000),
        ("25 identifiers + 20,000 keywords", first(&library), 20_000),
        ("default set", library.clone(), 0),
        ("default set + 2,000 keywords", library.clone(), 2_000),
        ("whole library, all policies on, + 2,000 keywords", on(library.clone()), 2_000),
        ("whole library, all policies on, + 20,000 keywords", on(library.clone()), 20_000),
        ("default set and all identifiers + 2,000 keywords", whole.clone(), 2_000),
        ("default set and all identifiers + 20,000 keywords", whole.clone(), 20_000),
        ("whole library, all policies on, and all identifiers + 2,000 keywords", on(whole), 2_000),
    ] {
        if !name.contains(only) {
            continue;
        }
        let mut sources: Vec<SourceFile> = sources.into_iter().chain([keywords(words)]).collect();
        let mut loaded = Ok(None);
        let took = timed(&mut || loaded = load(std::mem::take(&mut sources)).map(Some)).as_secs_f64() * 1e3;
        let Some(set) = loaded? else { continue };
        let cells = texts.iter().map(|text| measure(&set, text));
        row(&format!("{name}, {took:.0} ms, {} KiB", set.memory() / 1024), cells);
    }
    println!();
    Ok(())
}

/// Policies that match nothing, each with words and an identifier of the library: what a mail of 4 KB and one of 1 MB cost, and
/// what a mail of 4 KB costs beside a policy whose word is in every mail.
pub(crate) fn curve(texts: &[Text]) -> anyhow::Result<()> {
    println!("## Policies that do not match: MB/s, and microseconds for a mail of 4 KB\n");
    println!(
        "| policies, compiled in | {}, MB/s | {}, MB/s | 4 KB, µs | 4 KB with a word of every mail, µs |\n| --- | --- | --- | --- | --- |",
        texts[0].name, texts[1].name
    );
    let library = files(&default_set());
    let parts: Vec<SourceFile> =
        library.iter().filter(|file| is_identifier(file) || is_dictionary(file)).cloned().collect();
    for count in [10, 30, 100, 300, 1_000] {
        let mut sources = parts.clone();
        sources.extend(policies(count));
        let met = load(sources.iter().cloned().chain([of_every_mail()]).collect())?;
        let mut loaded = Ok(None);
        let took = timed(&mut || loaded = load(std::mem::take(&mut sources)).map(Some)).as_secs_f64() * 1e3;
        let Some(set) = loaded? else { continue };
        let cells = texts[..2].iter().map(|text| measure(&set, text));
        row(&format!("{count}, {took:.0} ms"), cells.chain([&set, &met].map(|set| small(set, &texts[0]))));
    }
    println!();
    Ok(())
}

/// A policy with a word that is in every mail.
fn of_every_mail() -> SourceFile {
    let text =
        "id = 9004\nname = \"Every mail\"\nmode = \"on\"\n\n[[rule]]\nname = \"word\"\nkeywords = \"the\"\n";
    SourceFile::new("every.toml", text)
}

/// Policies with two keywords, a word from a list near a number, and every tenth with a regular expression.
fn policies(count: usize) -> Vec<SourceFile> {
    let words = library::phrases(count * 3);
    let policy = |index: usize| {
        let identifier = FIRST[index % FIRST.len()];
        let own = &words[index * 3..index * 3 + 3];
        let mut text = format!(
            "id = {}\nname = \"Policy {index}\"\nfamily = \"bench\"\nmode = \"on\"\n\n[[rule]]\nname = \"words\"\nkeywords = [\"{}\", \"{}\"]\n\n[[rule]]\nname = \"number\"\nidentifier = \"{identifier}\"\n[rule.near]\nkeywords = [\"{}\"]\nwithin = 10\n",
            10_000 + index,
            own[0],
            own[1],
            own[2],
        );
        if index.is_multiple_of(10) {
            text.push_str(&format!(
                "\n[[rule]]\nname = \"expression\"\nregex = '(?i){}\\s*[:=]\\s*\\w{{4,}}'\n",
                crate::texts::word(5_000_000 + index)
            ));
        }
        SourceFile::new(format!("policy{index}.toml"), text)
    };
    (0..count).map(policy).collect()
}

/// Conditions that text can be made for: near words, different values, tiers, exceptions by component.
const INVITING: &str = r#"id = 9003
name = "Inviting"
mode = "on"

[[rule]]
name = "near"
keywords = ["salary", "pay"]
near = { keywords = ["chief", "board"], within = 50 }

[[rule]]
name = "different numbers"
regex = '\d{7}'
count = "unique"
at_least = 10
tiers = [{ at_least = 100, severity = "low" }, { at_least = 1000, severity = "high" }]

[[rule]]
name = "in one file"
per = "component"
all = [{ keywords = "salary" }, { regex = '\d{7}' }]

[[exception]]
name = "samples but for drafts"
all = [{ keywords = "sample" }]
none = [{ keywords = "draft" }]
"#;
const IGNORED: &str = "[ignore]\nquoted_replies = true\n[[ignore.text]]\nname = \"d\"\ntext = \"this mail is confidential and for its reader only\"\n";

/// Mails made to be slow, with the default set and conditions that invite it: a rate that stays the same from 128 KB to 1 MB is
/// time in proportion.
pub(crate) fn hostile() -> anyhow::Result<()> {
    println!(
        "## Hostile mails over the default set, MB/s (violations)\n\n| mail | 128 KB | 1 MB |\n| --- | --- | --- |"
    );
    let own = [SourceFile::new("inviting.toml", INVITING), SourceFile::new("settings.toml", IGNORED)];
    let library = files(&default_set()).into_iter().filter(|file| file.name != "settings.toml");
    let set = load(library.chain(own).collect())?;
    let made: [Made; 7] = [
        ("words beside their near words", |size| repeated("salary chief ", size)),
        ("all near words, then all words", |size| {
            repeated("chief ", size / 2) + &repeated("salary ", size / 2)
        }),
        ("different numbers", |size| {
            (0..size / 8).map(|number| format!("{} ", 1_000_000 + number)).collect()
        }),
        ("numbers that checks refuse", |size| repeated("4111 1111 1111 1112 078-05-1120 ", size)),
        ("ignored text", |size| repeated("this mail is confidential and for its reader only\r\n", size)),
        ("nearly ignored text", |size| repeated("this mail is confidential and for its reader\r\n", size)),
        ("quoted lines", |size| repeated("> salary of the chief\r\n", size)),
    ];
    for (name, make) in made {
        let cells = [128 << 10, 1 << 20].map(|size| measure(&set, &Text { name: "", text: make(size) }));
        row(name, cells.into_iter());
    }
    for (name, file) in [
        ("thousands of files", "salary 1234567 of the chief, "),
        ("thousands of files, all excepted", "salary 1234567, in a sample  "),
    ] {
        let cells = [128 << 10, 1 << 20].map(|size| {
            let mail = with_files(&repeated(file, FILE), size / FILE);
            let (opened, mut violations) = (open(&mail), 0);
            let text = Text { name: "", text: repeated(file, size) };
            let rate = rate(&text, || violations = inspect(&set, &mail, &opened));
            format!("{rate:.0} ({violations})")
        });
        row(name, cells.into_iter());
    }
    println!();
    Ok(())
}

/// A mail's name, and its text of about so many octets.
type Made = (&'static str, fn(usize) -> String);

fn repeated(unit: &str, size: usize) -> String {
    unit.repeat(size / unit.len())
}

/// Octets of one file of thousands.
const FILE: usize = 256;

/// A mail with the same file again and again.
fn with_files(file: &str, count: usize) -> Vec<u8> {
    let head = "From: ann@corp.example\r\nTo: client@partner.example\r\nSubject: notes\r\nMIME-Version: 1.0\r\n\
                Content-Type: multipart/mixed; boundary=xx\r\n\r\n";
    let part = format!("--xx\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\n{file}\r\n");
    format!("{head}{}--xx--\r\n", part.repeat(count)).into_bytes()
}

fn measure(set: &Set, text: &Text) -> String {
    let mails: Vec<Vec<u8>> = mails(text);
    let opened: Vec<Opened<'_>> = mails.iter().map(|mail| open(mail)).collect();
    let mut violations = 0;
    let rate = rate(text, || {
        violations = 0;
        for (mail, opened) in mails.iter().zip(&opened) {
            violations += inspect(set, mail, opened);
        }
    });
    format!("{rate:.0} ({violations})")
}

/// Microseconds that inspecting one opened clean mail of 4 KB takes.
pub(crate) fn small(set: &Set, text: &Text) -> String {
    let end = text.text.floor_char_boundary(4 << 10);
    let mail = mail(&text.text[..end]);
    let opened = open(&mail);
    const ROUNDS: u32 = 2_000;
    let best = (0..5).map(|_| {
        let mut rounds = || {
            for _ in 0..ROUNDS {
                black_box(inspect(set, &mail, &opened));
            }
        };
        timed(&mut rounds) / ROUNDS
    });
    format!("{:.1}", best.min().unwrap_or_default().as_secs_f64() * 1e6)
}

fn inspect(set: &Set, mail: &[u8], opened: &Opened<'_>) -> usize {
    let envelope = Envelope {
        sender: "ann@corp.example".to_owned(),
        recipients: vec!["client@partner.example".to_owned()],
        peer: None,
    };
    let now = jiff::ZonedDateTime::now();
    let deadline = Instant::now() + Duration::from_secs(20);
    set.inspect(&Mail { envelope: &envelope, opened, size: mail.len() as u64, now, deadline })
        .violations
        .len()
}

fn mails(text: &Text) -> Vec<Vec<u8>> {
    let mut rest = text.text.as_str();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(MAIL));
        rest = more;
        all.push(mail(piece));
    }
    all
}

fn mail(text: &str) -> Vec<u8> {
    let head = "From: ann@corp.example\r\nTo: client@partner.example\r\nSubject: notes\r\nMIME-Version: 1.0\r\n\
                Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
    format!("{head}{text}").into_bytes()
}

fn open(mail: &[u8]) -> Opened<'_> {
    let limits = Limits::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    content::open(
        mail,
        &How { limits: &limits, deadline, documents: &InProcess, passwords: &[], digests: false },
    )
}

fn default_set() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies")
}

fn files(dir: &Path) -> Vec<SourceFile> {
    Set::read_directory(dir).0
}

fn is_identifier(file: &SourceFile) -> bool {
    file.name.starts_with("identifiers/")
}

fn is_dictionary(file: &SourceFile) -> bool {
    file.name.starts_with("dictionaries/")
}

/// The same files with every policy on, whatever it says.
fn on(library: Vec<SourceFile>) -> Vec<SourceFile> {
    let line = |line: &str| if line.starts_with("mode = ") { "mode = \"on\"\n" } else { line }.to_owned();
    let file = |file: SourceFile| {
        let text: String = file.text.split_inclusive('\n').map(line).collect();
        SourceFile::new(file.name, text)
    };
    library.into_iter().map(file).collect()
}

/// The names of all identifiers.
fn names(library: &[SourceFile]) -> Vec<String> {
    let stem = |file: &SourceFile| {
        let name = file.name.rsplit('/').next()?.strip_suffix(".toml")?;
        (!name.ends_with(".cases")).then(|| name.to_owned())
    };
    library.iter().filter(|file| is_identifier(file)).filter_map(stem).collect()
}

fn first(library: &[SourceFile]) -> Vec<SourceFile> {
    let names: Vec<String> = FIRST.iter().map(|name| (*name).to_owned()).collect();
    let parts = library.iter().filter(|file| is_identifier(file)).cloned();
    parts.chain([identifiers("first", 9000, &names)]).collect()
}

/// A policy that asks for identifiers at their usual breadth.
fn identifiers(name: &str, id: u32, names: &[String]) -> SourceFile {
    let text = format!(
        "id = {id}\nname = \"Identifiers {name}\"\nfamily = \"bench\"\nmode = \"on\"\n\n[[rule]]\nname = \"numbers\"\nidentifiers = {names:?}\n"
    );
    SourceFile::new(format!("{name}.toml"), text)
}

fn keywords(count: usize) -> SourceFile {
    let words = library::phrases(count.max(1));
    let text = format!(
        "id = 9002\nname = \"Words\"\nfamily = \"bench\"\nmode = \"on\"\n\n[[rule]]\nname = \"words\"\nkeywords = {words:?}\n"
    );
    SourceFile::new("words.toml", text)
}

fn load(sources: Vec<SourceFile>) -> anyhow::Result<Set> {
    Set::load_files(&sources).map(|loaded| loaded.set).map_err(|found| {
        let all: Vec<String> = found.iter().map(|one| one.render(false)).collect();
        anyhow!("the policies cannot be used:\n{}", all.join("\n"))
    })
}
