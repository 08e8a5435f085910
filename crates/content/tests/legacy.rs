//! Old Office formats, RTF, databases and pictures made by other people's software are read with their places.

use std::io::{Cursor, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{FileKind, How, Kind, Limits, Opened, Reason, open_file};

fn sample(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name);
    std::fs::read(path).expect("sample")
}

fn opened<'m>(name: &str, octets: &'m [u8]) -> Opened<'m> {
    let deadline = Instant::now() + Duration::from_secs(20);
    open_file(
        name,
        octets,
        &How { limits: &Limits::default(), deadline, documents: &InProcess, passwords: &[], digests: false },
    )
}

/// The texts of a kind, one a line.
fn of(opened: &Opened<'_>, kind: Kind) -> String {
    let texts = opened.segments.iter().filter(|segment| segment.kind == kind);
    texts.map(|segment| segment.text.as_ref()).collect::<Vec<_>>().join("\n")
}

/// What was not opened, and why.
fn named<'o>(opened: &'o Opened<'_>) -> Vec<(&'o str, Reason)> {
    opened.unscannable.iter().map(|closed| (&*closed.path, closed.reason.clone())).collect()
}

fn at(opened: &Opened<'_>, place: &str) -> String {
    let texts = opened.segments.iter().filter(|segment| segment.place == place);
    texts.map(|segment| segment.text.as_ref()).collect::<Vec<_>>().join("\n")
}

const LETTER: [&str; 4] =
    ["4111 1111 1111 1111", "12 €", "Příliš žluťoučký kůň; Съешь же ещё; 日本語の文.", "4111"];

#[test]
fn word_documents_give_text_headers_and_properties() {
    let octets = sample("letter.doc");
    let letter = opened("letter.doc", &octets);
    let text = of(&letter, Kind::Text);
    for words in LETTER {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(at(&letter, "header").contains("Header word Zephyr"));
    assert!(at(&letter, "header").contains("Footer word Borealis"));
    assert!(at(&letter, "properties").contains("Ada Sample"));
    assert_eq!(letter.unscannable, []);
}

/// As Word does when it saves fast: the first characters belong to no piece any more, and are in the file all the same.
#[test]
fn paragraphs_of_word_documents_begin_with_what_their_lists_put_before_them() {
    let octets = sample("lists.doc");
    let text = of(&opened("lists.doc", &octets), Kind::Text);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "Chapter IV:\tZephyr heading",
            "Card 4111-\t1111-1111-1111",
            "a)\tfirst below",
            "b)\tsecond below",
            "Card 4112-\tBorealis follows",
            "No list here.",
            "Chapter V:\tAnother heading",
        ]
    );
}

/// Exported by LibreOffice: a field for text, one with choices and a box.
#[test]
fn what_fields_of_an_old_form_offer_and_say_is_read() {
    let octets = sample("form.doc");
    let form = opened("form.doc", &octets);
    assert_eq!(
        at(&form, "form field 1").lines().collect::<Vec<_>>(),
        ["Default 4111 1111 1111 1111", "Help Borealis", "Status Mistral"]
    );
    assert_eq!(
        at(&form, "form field 2").lines().collect::<Vec<_>>(),
        ["Help of the choice", "Zephyr", "536-90-4399", "größe"]
    );
    assert_eq!(at(&form, "form field 3").trim(), "Help of the box");
    assert_eq!(named(&form), []);
}

#[test]
fn what_a_fast_save_deleted_from_a_word_document_is_read_as_an_earlier_version() {
    const DELETED: u32 = 30;
    let octets = sample("letter.doc");
    let mut file = cfb::CompoundFile::open(Cursor::new(octets)).unwrap();
    let mut change = |stream: &str, places: &[(u64, u32)]| {
        let mut stream = file.open_stream(stream).unwrap();
        for (place, number) in places {
            stream.seek(SeekFrom::Start(*place)).unwrap();
            stream.write_all(&number.to_le_bytes()).unwrap();
        }
    };
    // Its flags, and the length of the text; the one piece's length and place.
    change("/WordDocument", &[(10, 0x12f4), (76, 106 - DELETED)]);
    change("/1Table", &[(9074 + 9, 0x9a - DELETED), (9074 + 15, 0x800 + 2 * DELETED)]);
    let octets = file.into_inner().into_inner();
    let letter = opened("letter.doc", &octets);
    assert_eq!(at(&letter, "earlier version").trim(), "The card is 4111 1111 1111 111");
    assert!(of(&letter, Kind::Text).starts_with("1 and the price 12 €."));
    assert_eq!(letter.unscannable, []);
}

/// The one piece begins late, as in LibreOffice's `ww8/pass/hang-9.doc`: its text stands in the file, and antiword shows it.
#[test]
fn text_that_a_damaged_table_of_pieces_leaves_out_is_read_and_the_damage_is_named() {
    const LOST: u32 = 40;
    let mut file = cfb::CompoundFile::open(Cursor::new(sample("letter.doc"))).unwrap();
    let mut table = file.open_stream("/1Table").unwrap();
    table.seek(SeekFrom::Start(9074 + 5)).unwrap();
    table.write_all(&LOST.to_le_bytes()).unwrap();
    drop(table);
    let octets = file.into_inner().into_inner();
    let letter = opened("letter.doc", &octets);
    let all = [of(&letter, Kind::Text), at(&letter, "earlier version")].concat();
    assert!(all.contains("The card is 4111 1111 1111 1111"), "{all}");
    // The piece ends that much earlier, in the middle of the footer.
    let tail = at(&letter, "earlier version");
    assert!(tail.contains("Footer word Borealis"), "{tail}");
    assert_eq!(
        letter.unscannable.iter().map(|found| found.reason.clone()).collect::<Vec<_>>(),
        [Reason::Corrupt]
    );
}

/// As in LibreOffice's `ww6/pass/ooo17498-2.doc`: the language says English, the characters are Korean.
#[test]
fn word_documents_of_the_far_east_before_unicode_are_read() {
    const TEXT: &str = "새 문서를 만들려면 [파일] 메뉴에서 [새로 만들기]를 클릭합니다. 4111 1111 1111 1111\r";
    let characters: Vec<u8> = TEXT
        .chars()
        .flat_map(|c| match encoding_rs::EUC_KR.encode(&c.to_string()).0.as_ref() {
            [first, second] => [*second, *first],
            [one] => [*one, 0],
            other => panic!("{other:?}"),
        })
        .collect();
    let mut main = vec![0; 0x300];
    let end = 0x300 + characters.len() as u32;
    main[..12].copy_from_slice(&[0x98, 0xa6, 101, 0, 0, 0, 0x09, 0x04, 0, 0, 0, 0x10]);
    main[24..28].copy_from_slice(&0x300_u32.to_le_bytes());
    main[28..32].copy_from_slice(&end.to_le_bytes());
    main[0x34..0x38].copy_from_slice(&(TEXT.chars().count() as u32).to_le_bytes());
    main.extend(characters);
    let octets = compound(&[("/WordDocument", &main)]);
    let found = opened("korean.doc", &octets);
    assert_eq!(of(&found, Kind::Text).trim(), TEXT.trim());
    assert_eq!(found.unscannable, []);
}

#[test]
fn rtf_gives_text_headers_and_properties() {
    let octets = sample("letter.rtf");
    let letter = opened("letter.rtf", &octets);
    let text = of(&letter, Kind::Text);
    for words in LETTER {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(at(&letter, "header").contains("Header word Zephyr"));
    assert!(at(&letter, "footer").contains("Footer word Borealis"));
    assert!(at(&letter, "properties").contains("Letter of samples"));
}

#[test]
fn workbooks_give_cells_as_shown_and_as_stored() {
    let octets = sample("book.xls");
    let book = opened("book.xls", &octets);
    assert_eq!(at(&book, "Customers!B7"), "Žofie Sample");
    assert_eq!(at(&book, "Customers!B2"), "4111111111111111");
    assert_eq!(at(&book, "Customers!B3"), "123-45-6789 123456789");
    assert_eq!(at(&book, "Customers!B4"), "05/03/2024 45356");
    assert!(
        at(&book, "Customers!C500").starts_with("filler string number 499"),
        "strings that go on in another record"
    );
    let hidden = of(&book, Kind::Hidden);
    assert_eq!(hidden.split_whitespace().collect::<Vec<_>>(), ["for", "mula", "hidden", "sheet", "word"]);
    assert_eq!(at(&book, "sheet title"), "Customers\nSecret");
}

/// Programs that save for old versions leave the number of a newer one at the sheets; what holds is what the workbook says.
#[test]
fn sheets_are_of_the_version_and_the_calendar_of_their_workbook() {
    let record =
        |kind: u16, data: &[u8]| [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat();
    let label = [&[0, 0, 0, 0, 0, 0, 7, 0][..], b"\xd0\xf1\xefamou"].concat();
    let day = [&[1, 0, 0, 0, 1, 0][..], &100.0_f64.to_le_bytes()].concat();
    let stream = [
        record(0x809, &[0, 5, 5, 0, 0, 0, 0, 0]),
        record(0x42, &1253_u16.to_le_bytes()),
        record(0x22, &[1, 0]),
        record(0xe0, &[0; 16]),
        record(0xe0, &[0, 0, 14, 0, 0, 0, 0, 0]),
        record(0x809, &[0, 6, 0x10, 0, 0, 0, 0, 0]),
        record(0x204, &label),
        record(0x203, &day),
    ]
    .concat();
    let octets = compound(&[("Book", &stream)]);
    let book = opened("book.xls", &octets);
    assert_eq!(at(&book, "workbook!A1"), "Προamou");
    assert_eq!(at(&book, "workbook!A2"), "04/10/1904 100");
}

#[test]
fn what_an_old_workbook_keeps_of_the_source_of_a_pivot_table_is_read() {
    let entry = |id: u16, data: &[u8]| [&id.to_le_bytes(), &(data.len() as u16).to_le_bytes(), data].concat();
    let field = [&[0; 14][..], b"\x07\0\0Country"].concat();
    let number = 4_111_111_111_111_111_f64.to_le_bytes();
    let cache = [
        entry(0xc7, &field),
        entry(0xcd, b"\x06\0\0Zephyr"),
        entry(0xc9, &number),
        entry(0xcc, &[0xfe, 0xff]),
        entry(0xce, &[0xe0, 7, 1, 0, 6, 0, 0, 0]),
        entry(10, &[]),
    ];
    let octets = compound(&[("/Workbook", b""), ("/_SX_DB_CUR/0001", &cache.concat())]);
    let text = at(&opened("book.xls", &octets), "pivot values");
    assert_eq!(text.trim_end(), "Country\nZephyr\n4111111111111111\n-2\n2016-01-06 00:00:00");
}

#[test]
fn strings_that_no_cell_of_an_old_workbook_shows_are_read_as_hidden() {
    let record =
        |kind: u16, data: &[u8]| [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat();
    let strings = [&[2, 0, 0, 0, 2, 0, 0, 0][..], b"\x05\0\0shown", b"\x0d\0\0deleted Amber"].concat();
    let stream = [
        record(0x809, &[0, 6, 5, 0, 0, 0, 0, 0]),
        record(0xfc, &strings),
        record(0x809, &[0, 6, 0x10, 0, 0, 0, 0, 0]),
        record(0xfd, &[0; 10]),
    ]
    .concat();
    let octets = compound(&[("Workbook", &stream)]);
    let book = opened("book.xls", &octets);
    assert_eq!(at(&book, "workbook!A1"), "shown");
    assert_eq!(at(&book, "strings of no cell").trim(), "deleted Amber");
    assert_eq!(of(&book, Kind::Hidden).trim(), "deleted Amber");
}

/// A filter as Excel keeps it since 97, and one of several chosen values as it does since 2007.
#[test]
fn values_of_filters_and_what_is_said_of_links_in_an_old_workbook_are_read() {
    let record =
        |kind: u16, data: &[u8]| [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat();
    let compared = |length: u8| [6, 2, 0, 0, 0, 0, length, 1, 0, 0];
    let chosen = |text: &str| [&[0; 12][..], &compared(text.len() as u8), b"\0", text.as_bytes()].concat();
    let filter = [&[0; 4][..], &compared(5), &[0; 10], b"\0Amber"].concat();
    let stream = [
        record(0x809, &[0, 6, 5, 0, 0, 0, 0, 0]),
        record(0x809, &[0, 6, 0x10, 0, 0, 0, 0, 0]),
        record(0x9e, &filter),
        record(0x87e, &[0; 60]),
        record(0x87f, &chosen("Zephyr")),
        record(0x87f, &chosen("Bora")),
        record(0x0a, &[]),
        record(0x87f, &chosen("of another record")),
        record(0x800, &[&[0; 10][..], &wide("Tip of a link")].concat()),
    ];
    let octets = compound(&[("Workbook", &stream.concat())]);
    let book = opened("book.xls", &octets);
    let filters = at(&book, "workbook filter");
    assert_eq!(
        filters.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>(),
        ["Amber", "Zephyr", "Bora"]
    );
    assert_eq!(at(&book, "workbook link"), "Tip of a link");
}

#[test]
fn presentations_give_slides_and_notes_by_number() {
    let octets = sample("talk.ppt.gz");
    let talk = opened("talk.ppt.gz", &octets);
    assert!(at(&talk, "slide 1").contains("First slide word Aurora"));
    assert!(at(&talk, "slide 2").contains("Second slide číslo 4111"));
    assert!(of(&talk, Kind::Note).contains("Speaker note word Mistral"));
}

/// PowerPoint 2002 and later, and LibreOffice, keep comments in what hangs on a slide; its head has the version of an atom.
#[test]
fn comments_of_a_presentation_are_read() {
    let entry = |version: u16, id: u16, data: &[u8]| {
        [&version.to_le_bytes()[..], &id.to_le_bytes(), &(data.len() as u32).to_le_bytes(), data].concat()
    };
    let text =
        |text: &str| entry(0, 4026, &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    let comment = entry(
        15,
        12_000,
        &[text("Amber author"), text("Amber comment"), entry(0, 12_001, &[0; 28])].concat(),
    );
    let tags = |data: &[u8]| {
        let tag = [text("___PPT10"), entry(0, 5003, data)].concat();
        entry(15, 5000, &entry(15, 5002, &tag))
    };
    for (data, expected) in [(comment, "Amber author\nAmber comment"), (vec![0x55; 40], "")] {
        let slide = entry(15, 1006, &[tags(&data), entry(0, 4008, b"Amber text")].concat());
        let octets = compound(&[("PowerPoint Document", &slide), ("Current User", &[0; 20])]);
        let talk = opened("talk.ppt", &octets);
        assert_eq!(of(&talk, Kind::Comment), expected);
        assert!(of(&talk, Kind::Text).contains("Amber text"));
    }
}

#[test]
fn strings_in_formulas_names_and_choices_of_an_old_workbook_are_read() {
    let record =
        |kind: u16, data: &[u8]| [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat();
    let said = |text: &str| [&[0x17, text.len() as u8, 0], text.as_bytes()].concat();
    let formula = [&[0; 20][..], &[0, 0], &said("Amber formula")].concat();
    let name = [&[0, 0, 0, 5][..], &[0; 10], b"\0Amber", &said("Amber value")].concat();
    let choices =
        [&[0; 4][..], b"\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0", &[9, 0, 0, 0], &said("Zephyr\0Bora")]
            .concat();
    let header = b"\x16\0\0&LAmber&C&\"Arial\"right";
    let stream = [
        record(0x809, &[0, 6, 5, 0, 0, 0, 0, 0]),
        // Letters of two octets, where a string does not say otherwise.
        record(0x42, &1200_u16.to_le_bytes()),
        record(0x18, &name),
        record(0x809, &[0, 6, 0x10, 0, 0, 0, 0, 0]),
        record(0x06, &formula),
        record(0x1be, &choices),
        record(0x1b1, &said("Amber rule")),
        record(0x221, &[&[0; 14][..], &said("Amber array")].concat()),
        record(0x14, header),
    ]
    .concat();
    let octets = compound(&[("Workbook", &stream)]);
    let book = opened("book.xls", &octets);
    assert_eq!(at(&book, "workbook defined name").trim_end(), "Amber\nAmber value");
    assert!(at(&book, "workbook!A1").contains("Amber formula"));
    assert!(at(&book, "workbook input help").contains("Zephyr\nBora"));
    assert_eq!(at(&book, "workbook condition").trim_end(), "Amber rule");
    assert_eq!(at(&book, "workbook formula").trim_end(), "Amber array");
    assert_eq!(at(&book, "workbook header"), " Amber right");
}

#[test]
fn databases_give_every_row_overflow_and_tables_without_row_numbers() {
    let octets = sample("people.sqlite");
    let people = opened("people.sqlite", &octets);
    assert_eq!(
        at(&people, "people!row 399"),
        "399\tPerson 399\t4111111111111510\txxxxxx".replace("xxxxxx", "")
    );
    assert!(at(&people, "people!row 1000").ends_with("tail word Ostro"));
    assert!(of(&people, Kind::Text).contains("key word\tvalue word Gregale"));
    assert_eq!(people.segments.iter().filter(|s| s.place.starts_with("people!")).count(), 401);
    assert_eq!(people.unscannable, []);
}

/// A card number may be the key of its table: it stands in no record then, and every program shows it.
#[test]
fn a_key_that_is_the_number_of_its_row_is_a_value_of_the_row() {
    let mut octets = sample("people.sqlite");
    let schema = b"CREATE TABLE people (id integer primary key, name text, card integer, note text)";
    let places = octets.windows(schema.len()).filter(|window| window == schema).count();
    assert_eq!(places, 1);
    assert!(of(&opened("people.sqlite", &octets), Kind::Text).contains("398\tPerson 398\t"));
    for (sql, shown) in [
        ("CREATE TABLE people (id integer, name b(2), card, note, primary key (id, name))", false),
        ("CREATE TABLE people (`i d` integer, n, c, o, primary key(\"i d\" autoincrement))", true),
        ("CREATE TABLE people (id integer, n, c, o, ) primary key (", false),
        ("CREATE TABLE people ([id] INTEGER, name text, card, note, PRIMARY KEY ( \"id\" ))", true),
        ("CREATE TABLE people (id int primary key  , name text, card integer, note text)  ", false),
    ] {
        assert!(sql.len() <= schema.len(), "{sql}");
        let at = octets.windows(19).position(|window| window == b"CREATE TABLE people").unwrap();
        octets[at..at + schema.len()]
            .copy_from_slice(format!("{sql:<width$}", width = schema.len()).as_bytes());
        let people = opened("people.sqlite", &octets);
        assert_eq!(of(&people, Kind::Text).contains("398\tPerson 398\t"), shown, "{sql}");
    }
}

#[test]
fn pictures_give_their_properties() {
    for (name, words) in [
        (
            "photo.jpg",
            &["description: EXIF word Libeccio", "comment: comment word Ponente", "title: Title Žofie"][..],
        ),
        (
            "photo.png",
            &[
                "Comment: text chunk word Scirocco",
                "Long: packed chunk word Maestrale",
                "Title: Žluť Grecale",
                "description: EXIF word Libeccio",
            ],
        ),
        ("photo.gif", &["comment: comment word Levanter"]),
        ("photo.tiff", &["description: TIFF word Bora"]),
        ("photo.webp", &["description: EXIF word Libeccio"]),
        (
            "iptc.jpg",
            &["iptc: caption word Tramontana", "iptc: keyword Föhn", "link: https://example.com/Meltemi"],
        ),
        (
            "iptc.tiff",
            &["iptc: caption word Tramontana", "iptc: keyword Föhn", "link: https://example.com/Meltemi"],
        ),
    ] {
        let octets = sample(name);
        let found = of(&opened(name, &octets), Kind::Property);
        for words in words {
            assert!(found.contains(words), "{words} of {name} in {found}");
        }
    }
}

#[test]
fn properties_of_avif_are_found_behind_its_table_of_contents() {
    let octets = sample("photo.avif");
    let opened = opened("photo.avif", &octets);
    let text = of(&opened, Kind::Property);
    for wanted in ["description: Zephyr 4111 1111 1111 1111", "artist: Ada Sample", "Borealis title"] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    assert_eq!(named(&opened), []);
}

#[test]
fn a_comment_in_two_octets_a_letter_is_read_in_either_order() {
    let comment = |text: &[u8]| {
        let field = [&b"UNICODE\0"[..], text].concat();
        let count = (field.len() as u32).to_be_bytes();
        [b"MM\0*\0\0\0\x08\0\x01\x92\x86\0\x07", &count[..], b"\0\0\0\x1a\0\0\0\0", &field].concat()
    };
    let big: Vec<u8> = "Zephyr 4111".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for octets in [comment(&big), comment(&wide("Zephyr 4111"))] {
        assert_eq!(of(&opened("a.tiff", &octets), Kind::Property), "comment: Zephyr 4111");
    }
}

#[test]
fn a_file_behind_a_picture_is_a_file() {
    for name in ["photo.png", "photo.jpg", "photo.gif", "photo.webp", "photo.avif"] {
        let octets = [sample(name), b"secret text behind the picture".to_vec()].concat();
        assert!(of(&opened(name, &octets), Kind::Text).contains("secret text behind the picture"), "{name}");
    }
}

// ---- RTF

fn rtf(text: &str) -> Vec<u8> {
    format!("{{\\rtf1\\ansi\\ansicpg1252 {text}}}").into_bytes()
}

fn shown(text: &str) -> String {
    of(&opened("a.rtf", &rtf(text)), Kind::Text)
}

#[test]
fn rtf_numbers_split_by_groups_fonts_and_hidden_text_are_whole() {
    for split in [
        "41{\\b 1}1",
        "4{\\v hidden}111",
        "41\\'311",
        "4\\u49 ?11",
        "4{\\*\\unknown x}111",
        "41\r\n11",
        "4\\bin3 }}}111",
    ] {
        assert_eq!(shown(split).lines().next(), Some("4111"), "{split}");
    }
}

#[test]
fn rtf_with_half_a_name_is_rtf_as_it_is_for_word() {
    let octets = b"{\\rt\\ansi \\'34\\'31{\\b 11} 1111\\par}";
    assert!(of(&opened("a.doc", octets), Kind::Text).contains("4111 1111"));
}

#[test]
fn rtf_code_pages_follow_the_font() {
    let table = "{\\fonttbl{\\f0\\fcharset0 A;}{\\f1\\fcharset204 B;}{\\f2\\fcharset128 C;}}";
    let text = shown(&format!("{table}\\f0 caf\\'e9 \\f1 \\'cc\\'e8\\'f0 \\f2 \\'93\\'fa\\'96\\'7b"));
    assert_eq!(text, "café Мир 日本");
}

#[test]
fn rtf_characters_drawn_by_fields_stand_where_they_are_shown_and_once() {
    let symbol = |code: &str, result: &str| {
        format!("{{\\field{{\\*\\fldinst {{SYMBOL {code} \\\\f \"Arial\"}}}}{{\\fldrslt {result}}}}}")
    };
    assert_eq!(shown(&format!("41{}1", symbol("49", ""))).lines().next(), Some("4111"));
    assert_eq!(shown(&format!("41{}1", symbol("0xf031", "{\\f3}"))).lines().next(), Some("4111"));
    assert_eq!(shown(&format!("41{}1", symbol("49", "1"))).lines().next(), Some("4111"));
}

#[test]
fn rtf_code_pages_of_dos_and_of_the_names_of_fonts_are_known() {
    assert!(of(&opened("a.rtf", b"{\\rtf1\\pca M\\'81nchen}"), Kind::Text).contains("München"));
    assert!(of(&opened("a.rtf", b"{\\rtf1\\ansi\\ansicpg437 M\\'81nchen}"), Kind::Text).contains("München"));
    let text = shown(
        "{\\fonttbl{\\f1 Arial Cyr;}{\\f2 Arial CE;\\cpg1253}{\\f3 Arial;}}\\f1 \\'c0\\'c1 \\f2 \\'c3 \\f3 \\'c0",
    );
    assert!(text.contains("АБ") && text.contains('Ă') && text.contains('À'), "{text}");
}

#[test]
fn rtf_surrogates_fallbacks_and_both_halves_of_upr_are_read_once() {
    assert_eq!(shown("\\uc2\\u-10179 ??\\u-8704 \\'3f\\'3f!"), "😀!");
    assert_eq!(shown("{\\upr{ansi}{\\*\\ud{\\u269 c}}}"), "č");
}

#[test]
fn rtf_notes_comments_and_links_have_their_kinds() {
    let octets = rtf(
        "body{\\footnote note}{\\*\\annotation remark}{\\field{\\*\\fldinst HYPERLINK \"http://x.example\"}{\\fldrslt shown}}",
    );
    let found = opened("a.rtf", &octets);
    assert_eq!(of(&found, Kind::Text), "bodyshown");
    assert_eq!([of(&found, Kind::Note), of(&found, Kind::Comment)], ["note", "remark"]);
    assert_eq!(of(&found, Kind::Link), "http://x.example");
}

#[test]
fn rtf_objects_are_files_however_their_digits_are_broken() {
    let package = b"\x02\0a.txt\0C:\\a.txt\0\0\0\x03\0\x05\0\0\0temp\0\x06\0\0\0secret";
    let mut object = b"\x01\x05\0\0\x02\0\0\0\x08\0\0\0Package\0\0\0\0\0\0\0\0\0".to_vec();
    object.extend((package.len() as u32).to_le_bytes());
    object.extend(package);
    let digits: String = object.iter().map(|octet| format!("{octet:02x}{{\\b}}\r\n")).collect();
    let octets = rtf(&format!("{{\\object\\objemb{{\\*\\objdata {digits}}}}}"));
    let found = opened("a.rtf", &octets);
    assert!(found.parts.iter().any(|part| part.name.as_deref() == Some("a.txt")), "{:?}", found.parts);
    assert!(of(&found, Kind::Text).contains("secret"));
}

#[test]
fn rtf_pictures_are_found_whatever_stands_between_them_and_what_they_are() {
    // Word puts the identifier of a picture behind the word that says what it is.
    let png = include_bytes!("samples/photo.png");
    let digits: String = png.iter().map(|octet| format!("{octet:02x}")).collect();
    let identified = rtf(&format!(
        "{{\\pict{{\\*\\picprop{{\\sp{{\\sn wzDescription}}{{\\sv Card 4111}}}}}}\\pngblip{{\\*\\blipuid 0011}}{digits}}}"
    ));
    let found = opened("a.rtf", &identified);
    assert!(found.parts.iter().any(|part| part.kind == FileKind::Png), "{:?}", found.parts);
    assert_eq!(of(&found, Kind::Attribute).trim(), "Card 4111");
}

#[test]
fn rtf_metafiles_are_read_and_bitmaps_are_files() {
    let hex = |words: &[u16]| {
        words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .map(|octet| format!("{octet:02x}"))
            .collect::<String>()
    };
    // A header of nine words, then TextOut of four letters at 7, 5, then the end.
    let metafile = hex(&[1, 9, 0x300, 20, 0, 0, 8, 0, 0, 8, 0, 0x521, 4, 0x3134, 0x3131, 5, 7, 0, 3, 0, 0]);
    let octets = rtf(&format!("{{\\pict\\wmetafile8\\picw10 {metafile}}}"));
    assert!(of(&opened("a.rtf", &octets), Kind::Text).contains("4111"));
    let bitmap = hex(&[40, 0, 1, 0, 1, 0, 1, 24, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xffff, 0xff]);
    let octets = rtf(&format!("{{\\pict\\dibitmap0 {bitmap}}}"));
    let found = opened("a.rtf", &octets);
    assert!(found.parts.iter().any(|part| part.kind == FileKind::Bmp), "{:?}", found.parts);
}

#[test]
fn rtf_that_only_old_readers_show_is_hidden_text() {
    let octets =
        rtf("{\\upr{4111}{\\*\\ud{new}}} \\uc16\\u65 4222333344445555 {\\*\\revtbl{Unknown;}{Erin;}}");
    let found = opened("a.rtf", &octets);
    let hidden = of(&found, Kind::Hidden);
    assert!(hidden.contains("4111") && hidden.contains("4222333344445555"), "{hidden}");
    assert!(of(&found, Kind::Property).contains("Erin"));
}

#[test]
fn html_wrapped_in_rtf_comes_out_as_html() {
    let octets = rtf(
        "\\fromhtml1{\\*\\htmltag64 <p title=\"tip\">}\\htmlrtf \\par only rtf\\htmlrtf0 shown{\\*\\htmltag72 </p>}",
    );
    let found = opened("a.rtf", &octets);
    assert_eq!(of(&found, Kind::Text).trim(), "shown");
    assert_eq!([of(&found, Kind::Attribute).trim(), of(&found, Kind::Hidden).trim()], ["tip", "only rtf"]);
}

#[test]
fn a_hundred_thousand_groups_are_read_without_recursion() {
    let octets = rtf(&format!("{}deep{}", "{".repeat(100_000), "}".repeat(100_000)));
    assert_eq!(of(&opened("a.rtf", &octets), Kind::Text), "deep");
}

// ---- Outlook messages and compound files, written by the crate `cfb`

fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("compound file");
    for (path, octets) in streams {
        if let Some(folder) = std::path::Path::new(path).parent() {
            file.create_storage_all(folder).expect("storage");
        }
        file.create_stream(path).expect("stream").write_all(octets).expect("write");
    }
    file.into_inner().into_inner()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn messages_give_subject_bodies_people_and_attachments() {
    let octets = compound(&[
        ("/__properties_version1.0", &[0; 32]),
        ("/__substg1.0_0037001F", &wide("Subject word Tivano")),
        ("/__substg1.0_1000001F", &wide("Plain body")),
        ("/__substg1.0_10130102", b"<p>HTML body <b>word Breva</b></p>"),
        ("/__substg1.0_007D001F", &wide("X-Header: word Ora")),
        ("/__recip_version1.0_#00000000/__substg1.0_3003001F", &wide("bob@example.com")),
        ("/__attach_version1.0_#00000000/__substg1.0_3707001F", &wide("note.txt")),
        ("/__attach_version1.0_#00000000/__substg1.0_37010102", "attached word Pelér".as_bytes()),
        ("/__attach_version1.0_#00000001/__substg1.0_3701000D/__properties_version1.0", &[0; 24]),
        ("/__attach_version1.0_#00000001/__substg1.0_3701000D/__substg1.0_1000001E", b"inner word F\xf6hn"),
    ]);
    let found = opened("a.msg", &octets);
    assert_eq!(at(&found, "subject"), "Subject word Tivano");
    assert_eq!(at(&found, "headers"), "X-Header: word Ora");
    assert_eq!(at(&found, "recipient"), "bob@example.com");
    let text = of(&found, Kind::Text);
    for words in ["Plain body", "HTML body word Breva", "attached word Pelér", "inner word Föhn"] {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[test]
fn a_body_that_says_the_same_as_its_html_is_given_once() {
    let octets = compound(&[
        ("/__properties_version1.0", &[0; 32]),
        ("/__substg1.0_1000001F", &wide("same words")),
        ("/__substg1.0_10130102", b"<p>same <i>words</i></p>"),
    ]);
    assert_eq!(of(&opened("a.msg", &octets), Kind::Text).matches("same").count(), 1);
}

#[test]
fn what_stands_behind_a_nul_in_a_message_of_outlook_is_read() {
    let octets = compound(&[
        ("/__properties_version1.0", &[0; 32]),
        ("/__substg1.0_0037001F", &wide("Subject\0 word Tivano\0")),
        ("/__substg1.0_1000001F", &wide("Plain\0 body word Ora")),
        ("/__substg1.0_1013001F", &wide("<p>HTML</p>\0<p>body word Breva</p>")),
    ]);
    let found = opened("a.msg", &octets);
    assert_eq!(at(&found, "subject"), "Subject word Tivano");
    let text = of(&found, Kind::Text);
    assert!(text.contains("body word Ora") && text.contains("body word Breva"), "{text}");
}

/// A body as Outlook stores RTF, not compressed.
fn stored_rtf(text: &str) -> Vec<u8> {
    let size = text.len() as u32;
    [&(size + 12).to_le_bytes()[..], &size.to_le_bytes(), b"MELA", &[0; 4], text.as_bytes()].concat()
}

#[test]
fn a_body_in_rtf_is_read_beside_one_in_html_unless_it_says_the_same() {
    let message = |rtf: &str| {
        compound(&[
            ("__properties_version1.0", &[0; 32]),
            ("__substg1.0_10130102", b"<p>Harmless <b>text</b></p>"),
            ("__substg1.0_10090102", &stored_rtf(rtf)),
        ])
    };
    let octets = message("{\\rtf1 ZEPHYR 4111\\par}");
    assert!(of(&opened("a.msg", &octets), Kind::Text).contains("ZEPHYR 4111"));
    let octets = message("{\\rtf1 Harmless {\\b text}\\par}");
    assert_eq!(of(&opened("a.msg", &octets), Kind::Text).matches("Harmless").count(), 1);
    // The same characters in an order of their own.
    let octets = message("{\\rtf1\\rtlpar Harmless {\\b text}\\par 1111 2222\\par}");
    assert!(of(&opened("a.msg", &octets), Kind::Text).contains("2222 1111"));
    let octets = compound(&[
        ("__properties_version1.0", &[0; 32]),
        ("__substg1.0_10130102", b"<p>1111 2222</p>"),
        ("__substg1.0_10090102", &stored_rtf("{\\rtf1\\rtlpar 1111 2222\\par}")),
    ]);
    assert!(of(&opened("a.msg", &octets), Kind::Text).contains("2222 1111"));
}

/// A property set of sections that hold one string each.
fn property_set(sections: &[&str]) -> Vec<u8> {
    let mut set = [&[0xfe, 0xff, 0, 0][..], &[0; 20], &(sections.len() as u32).to_le_bytes()].concat();
    let mut bodies = Vec::new();
    for text in sections {
        let start = 28 + sections.len() * 20 + bodies.len();
        set.extend([0; 16]);
        set.extend((start as u32).to_le_bytes());
        let value = [&30_u32.to_le_bytes()[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
        bodies.extend([16 + value.len() as u32, 1, 2, 16].iter().flat_map(|field| field.to_le_bytes()));
        bodies.extend(value);
    }
    [set, bodies].concat()
}

#[test]
fn every_section_of_document_properties_is_read_or_named() {
    let file = |set: &[u8]| compound(&[("\u{5}SummaryInformation", set), ("Package", b"text")]);
    let octets = file(&property_set(&["one", "two", "three", "four", "five", "Card 4111"]));
    let found = opened("a.bin", &octets);
    assert!(of(&found, Kind::Property).contains("Card 4111"));
    assert_eq!(found.unscannable, []);
    let octets = file(&property_set(&["x"; 65]));
    let reasons =
        |found: &Opened<'_>| found.unscannable.iter().map(|one| one.reason.clone()).collect::<Vec<_>>();
    assert_eq!(reasons(&opened("a.bin", &octets)), [Reason::TooManyParts]);
    let mut cut = property_set(&["one", "two"]);
    cut.truncate(28 + 40 + 10);
    assert_eq!(reasons(&opened("a.bin", &file(&cut))), [Reason::Corrupt]);
}

#[test]
fn a_compound_file_with_nothing_in_it_is_no_finding() {
    assert_eq!(opened("a.bin", &compound(&[("Store/Item", b"")])).unscannable, []);
}

#[test]
fn a_control_of_a_form_is_read_for_its_words_and_no_finding() {
    let control = [&[0, 2, 32, 0][..], &[1, 4, 0, 0], b"Card 4111 1111\0\0", &wide("Привет мир")].concat();
    let octets = compound(&[("contents", &control)]);
    let opened = opened("activeX1.bin", &octets);
    assert!(of(&opened, Kind::Raw).contains("Card 4111 1111") && of(&opened, Kind::Raw).contains("Привет"));
    assert_eq!(named(&opened), []);
}

#[test]
fn a_directory_that_lost_entries_is_a_finding() {
    let mut octets = compound(&[("Package", b"text"), ("Contents", b"more"), ("Item", b"<a/>")]);
    let name: Vec<u8> = "Root Entry".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let root = octets.windows(name.len()).position(|found| found == name).expect("the root");
    octets[root + 76..root + 80].copy_from_slice(&77_u32.to_le_bytes());
    assert_eq!(named(&opened("a.bin", &octets)), [("", Reason::Corrupt)]);
}

#[test]
fn a_compound_file_whose_main_stream_has_no_reader_is_named_whatever_else_is_in_it() {
    let octets =
        compound(&[("/PP40", b"\x01\x02Words of Zephyr\0"), ("/Object 1/Contents", b"A text that is read.")]);
    let opened = opened("old.ppt", &octets);
    assert!(of(&opened, Kind::Raw).contains("Words of Zephyr"));
    assert!(of(&opened, Kind::Text).contains("A text that is read."));
    assert_eq!(named(&opened), [("", Reason::Unsupported(FileKind::Cfb))]);
}

#[test]
fn an_attachment_that_cannot_be_read_does_not_end_its_message() {
    let name = wide("first");
    let subject = wide("Zephyr");
    let second = wide("Borealis");
    let octets = compound(&[
        ("/__properties_version1.0", b""),
        ("/__substg1.0_0037001F", &subject),
        ("/__attach_version1.0_#00000000/__substg1.0_3701000D/WordDocument", b"no document"),
        ("/__attach_version1.0_#00000000/__substg1.0_3707001F", &name),
        ("/__attach_version1.0_#00000001/__substg1.0_37010102", b"Words of the second."),
        ("/__attach_version1.0_#00000001/__substg1.0_3707001F", &second),
    ]);
    let opened = opened("two.msg", &octets);
    assert!(of(&opened, Kind::Text).contains("Words of the second."), "{:?}", opened.segments);
    assert_eq!(named(&opened), [("first", Reason::Corrupt)]);
}

#[test]
fn properties_beyond_those_that_are_read_are_named() {
    let set = |count: u32| {
        let slots: Vec<u8> =
            (2..count + 2).flat_map(|id| [id, 8 + 8 * count]).flat_map(u32::to_le_bytes).collect();
        let value = [&30_u32.to_le_bytes()[..], &7_u32.to_le_bytes(), b"Zephyr\0\0"].concat();
        let head = [&[0; 24][..], &1_u32.to_le_bytes(), &[0; 16], &48_u32.to_le_bytes()].concat();
        [&head[..], &[0; 4], &count.to_le_bytes(), &slots, &value].concat()
    };
    for (count, expected) in [(4_096, vec![]), (4_097, vec![("properties", Reason::TooManyParts)])] {
        let octets = compound(&[("/Contents", b"A text."), ("/\u{5}SummaryInformation", &set(count))]);
        let opened = opened("many.ole", &octets);
        assert!(at(&opened, "properties").contains("Zephyr"));
        assert_eq!(named(&opened), expected, "{count}");
    }
}

#[test]
fn notebooks_give_their_texts_and_files_and_are_named() {
    let sign = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3";
    let file = b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";
    let text = wide("Žofie: 4111 1111 1111 1111");
    let length = (text.len() as u32).to_le_bytes();
    let octets =
        [&sign[..], &[0; 5], &length, &text, file, &[13, 0, 0, 0, 0, 0, 0, 0], &[0; 12], b"Zephyr inside"]
            .concat();
    let opened = opened("section.one", &octets);
    assert!(of(&opened, Kind::Hidden).contains("Žofie: 4111 1111 1111 1111"));
    assert!(of(&opened, Kind::Text).contains("Zephyr inside"));
    assert_eq!(named(&opened), [("", Reason::Unsupported(FileKind::OneNote))]);
}

#[test]
fn encrypted_packages_are_named_and_dropped_files_come_out() {
    let octets = compound(&[("/EncryptedPackage", &[1; 64]), ("/EncryptionInfo", &[4; 64])]);
    let reasons: Vec<_> =
        opened("a.docx", &octets).unscannable.into_iter().map(|closed| closed.reason).collect();
    assert_eq!(reasons, [Reason::Encrypted]);
    let package = b"\x2a\0\0\0\x02\0a.txt\0C:\\a.txt\0\0\0\x03\0\x05\0\0\0temp\0\x06\0\0\0secret";
    let octets = compound(&[("/ObjectPool/_1/\u{1}Ole10Native", package)]);
    assert!(of(&opened("a.doc", &octets), Kind::Text).contains("secret"));
}

#[test]
fn words_that_a_list_puts_before_its_paragraphs_are_read_in_rtf() {
    let rtf =
        br"{\rtf1\ansi{\*\listtable{\list{\listlevel{\leveltext\'0cCard 4111 \'00;}{\levelnumbers\'0c;}}\
        {\listlevel{\leveltext\'02\'00.;}{\levelnumbers\'01;}}\listid1}}\pard\ls1 one\par}";
    let list = opened("list.rtf", rtf);
    assert_eq!((at(&list, "numbering").trim(), at(&list, "").trim()), ("Card 4111", "list.rtf\none"));
}

/// A record of PowerPoint and of drawings.
fn record(version: u16, kind: u16, data: &[u8]) -> Vec<u8> {
    [&version.to_le_bytes()[..], &kind.to_le_bytes(), &(data.len() as u32).to_le_bytes(), data].concat()
}

/// A presentation of one slide that says so.
fn slide(text: &[u8]) -> Vec<u8> {
    record(15, 1006, &record(0, 4008, text))
}

#[test]
fn presentations_of_powerpoint_95_give_their_words_and_others_that_are_none_are_named() {
    let other = b"\x03\0\0\0\xff\xff\0\0".repeat(40);
    let words = b"Title word Zephyr\r\x934111\x94\rend\0\0\0";
    let octets = compound(&[("/PowerPoint Document", &other), ("/Text_Content", words)]);
    let show = opened("old.ppt", &octets);
    assert_eq!(of(&show, Kind::Text), "Title word Zephyr\n\u{201c}4111\u{201d}\nend");
    assert_eq!(show.unscannable, []);
    let octets = compound(&[("/PowerPoint Document", &other), ("/Pictures", b"none")]);
    let reasons: Vec<_> =
        opened("odd.ppt", &octets).unscannable.iter().map(|one| one.reason.to_string()).collect();
    assert_eq!(reasons, ["unsupported type ppt"]);
}

#[test]
fn a_stream_whose_type_is_none_is_read_all_the_same() {
    let mut octets = compound(&[("/PowerPoint Document", &slide(b"4111 1111"))]);
    let name: Vec<u8> = "PowerPoint Document".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = octets.windows(name.len()).position(|window| window == name).expect("its entry");
    octets[at + 66] = 0x28;
    assert_eq!(of(&opened("odd.ppt", &octets), Kind::Text), "4111 1111");
}

/// A metafile that draws one word, and nothing else.
fn metafile(word: &[u8]) -> Vec<u8> {
    let even = [word, &b" "[..word.len() % 2]].concat();
    let text = [&(word.len() as u16).to_le_bytes()[..], &even, &[0; 4]].concat();
    let words = |octets: usize| (octets as u32 / 2).to_le_bytes();
    let text = [&words(6 + text.len())[..], &0x0521_u16.to_le_bytes(), &text].concat();
    let end = [&3_u32.to_le_bytes()[..], &[0; 2]].concat();
    let head = [&[1, 0, 9, 0, 0, 3][..], &words(18 + text.len() + end.len()), &[0; 8]].concat();
    [head, text, end].concat()
}

#[test]
fn pictures_in_old_documents_are_files_and_metafiles_are_read_for_their_words() {
    let drawn = metafile(b"Sirocco 4111");
    let stored = [&[7; 16][..], &[0; 32], &[0xfe, 0xfe], &drawn].concat();
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(&drawn).expect("packed");
    let packed = [&[7; 32][..], &[0; 32], &[0, 0xfe], &packer.finish().expect("packed")].concat();
    let photo = [&[7; 17][..], &sample("photo.jpg")].concat();
    let pictures =
        [record(0x2160, 0xf01b, &stored), record(0x2170, 0xf01b, &packed), record(0x46a0, 0xf01d, &photo)];
    let octets = compound(&[("/PowerPoint Document", &slide(b"words")), ("/Pictures", &pictures.concat())]);
    let show = opened("show.ppt", &octets);
    assert_eq!(
        (at(&show, "picture 1").as_str(), at(&show, "picture 2").as_str()),
        ("Sirocco 4111", "Sirocco 4111")
    );
    assert!(
        show.parts
            .iter()
            .any(|part| part.name.as_deref() == Some("picture 3.jpg") && part.kind == FileKind::Jpeg)
    );
    assert_eq!(show.unscannable, []);
    // One that is cut off is named, and so is one in a form without a reader.
    let mut cut = pictures[2].clone();
    cut.truncate(cut.len() / 2);
    let octets = compound(&[("/PowerPoint Document", &slide(b"words")), ("/Pictures", &cut)]);
    let named: Vec<_> = opened("show.ppt", &octets)
        .unscannable
        .iter()
        .map(|one| format!("{} {}", one.path, one.reason))
        .collect();
    assert!(named.contains(&"picture 1 corrupt".to_owned()), "{named:?}");
    // Damage of the document itself is said beside damage of its last picture.
    let octets = compound(&[("/WordDocument", b"damaged"), ("/Pictures", &cut)]);
    let damaged = opened("show.doc", &octets);
    let places: Vec<_> = self::named(&damaged).into_iter().map(|(place, _)| place).collect();
    assert!(places.contains(&"picture 1") && places.contains(&""), "{places:?}");
}
