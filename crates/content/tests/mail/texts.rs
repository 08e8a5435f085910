//! Texts that programs show otherwise than they are written: calendars, cards, JSON, XML, drawings, documents that are one XML file.

use content::{FileKind, Kind, Limits, Opened, open_file};

use crate::opened::{count_shown, has, how, reasons};
use crate::table::base64;

fn file<'m>(name: &str, text: &'m str) -> Opened<'m> {
    open_file(name, text.as_bytes(), &how(&Limits::default()))
}

#[track_caller]
fn shows(name: &str, text: &str) {
    let opened = file(name, text);
    assert!(has(&opened, "4111 1111"), "{name}: {:?}", opened.segments);
    assert_eq!(reasons(&opened), Vec::<String>::new(), "{name}");
    assert_eq!(count_shown(&opened, "4111 1111"), 1, "{name}: one thing in two readings counts once");
}

#[test]
fn an_invitation_whose_lines_are_folded_is_read_as_it_is_shown() {
    shows("a.ics", "BEGIN:VCALENDAR\r\nDESCRIPTION:Card 4111 11\r\n 11 1111 1111\r\nEND:VCALENDAR\r\n");
    let mail =
        "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nSUMMARY:4111 \r\n 1111\r\n";
    assert!(has(&crate::opened::open(mail.as_bytes()), "4111 1111"));
}

#[test]
fn texts_with_tags_of_their_own_are_read_without_them() {
    for kind in ["text/enriched", "text/richtext", "text/watch-html", "text/x-amp-html"] {
        let mail = format!("Content-Type: {kind}\r\n\r\n<x>41<bold>11</bold> 11</x>11\r\n");
        assert!(has(&crate::opened::open(mail.as_bytes()), "4111 1111"), "{kind}");
    }
}

#[test]
fn what_a_style_sheet_puts_beside_a_word_is_read_with_it_and_counts_once() {
    let page = "<html><style>i::before{content:'4111 '} b::after{content:' 4111 1111'}</style><p><i>1111</i><p><b>x</b></html>";
    let opened = file("a.html", page);
    assert!(has(&opened, "4111 1111"));
    let plain = "<html><style>i::before{content:'Card 7: '}</style><p><i>4111 1111</i></html>";
    shows("a.html", plain);
    let picture = String::from_utf8(base64(b"<svg><text>4111 1111</text></svg>")).expect("base64");
    shows(
        "a.html",
        &format!(
            "<html><style>p{{background:url('data:image/svg+xml;base64,{picture}')}}</style><p>x</html>"
        ),
    );
}

#[test]
fn a_message_as_apple_mail_keeps_it_is_a_message() {
    let message =
        "From: a@b.example\nTo: c@d.example\nSubject: s\nContent-Transfer-Encoding: base64\n\nNDExMSAxMTEx\n";
    let kept = format!("{:<10}\n{message}<?xml version=\"1.0\"?><plist>Amber</plist>\n", message.len());
    let opened = file("1.emlx", &kept);
    assert!(has(&opened, "4111 1111") && has(&opened, "Amber"), "{:?}", opened.segments);
    assert!(opened.ambiguous.is_empty() && opened.unscannable.is_empty());
    assert!(opened.parts.iter().any(|part| part.kind == FileKind::Eml));
}

#[test]
fn files_in_calendars_and_cards_are_opened() {
    let data = String::from_utf8(base64(b"a,b\nZEPHYR,1\n")).expect("base64");
    for text in [
        format!("BEGIN:VCALENDAR\r\nATTACH;FILENAME=list.csv;ENCODING=BASE64;VALUE=BINARY:{data}\r\n"),
        format!("BEGIN:VCARD\r\nPHOTO;BASE64:\r\n {data}\r\n\r\nEND:VCARD\r\n"),
        format!("BEGIN:VCARD\r\nKEY:data:text/csv;base64,{data}\r\nEND:VCARD\r\n"),
    ] {
        let opened = file("a.vcf", &text);
        let found = opened.segments.iter().find(|segment| segment.text.contains("ZEPHYR"));
        assert!(found.is_some_and(|segment| segment.part == 1), "{text}: {:?}", opened.segments);
    }
}

#[test]
fn characters_by_their_numbers_are_read() {
    shows("a.xml", "<?xml version='1.0'?><a>&#52;&#49;11 1111</a>");
    shows("a.json", r#"{"a": "\u0034\u0031\u0031\u0031 1111"}"#);
    shows("a.txt", r#"[{"a": "\u0034111 1111"}]"#);
}

#[test]
fn a_drawing_is_read_as_it_is_shown_with_the_files_in_it() {
    shows(
        "a.svg",
        "<svg xmlns='http://www.w3.org/2000/svg'><text><tspan>4</tspan><tspan>111</tspan> 1111</text></svg>",
    );
    let picture = String::from_utf8(base64(b"ZEPHYR in a file")).expect("base64");
    let image =
        format!("<?xml version='1.0'?><svg><image xlink:href='data:text/plain;base64,{picture}'/></svg>");
    let opened = file("a.svg", &image);
    assert!(has(&opened, "ZEPHYR"));
    let axis = file("a.svg", "<svg><text x='1'>4111 11</text><text x='2'>11</text></svg>");
    assert!(!has(&axis, "4111 1111"), "texts at places of their own are no number");
}

#[test]
fn documents_that_are_one_xml_file_are_read_as_documents() {
    let word = "<?xml version='1.0'?><?mso-application progid='Word.Document'?><w:wordDocument xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'><w:body><w:p><w:r><w:t>4111</w:t></w:r><w:r><w:t> 1111</w:t></w:r></w:p></w:body></w:wordDocument>";
    shows("a.doc", word);
    shows("a.bin", word.trim_start_matches("<?xml version='1.0'?>"));
    shows(
        "a.xml",
        "<?xml version='1.0'?><pkg:package xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'><pkg:part pkg:name='/word/document.xml'><pkg:xmlData><w:document><w:p><w:r><w:t>4111</w:t></w:r><w:r><w:t> 1111</w:t></w:r></w:p></w:document></pkg:xmlData></pkg:part></pkg:package>",
    );
    shows(
        "a.xls",
        "<?xml version='1.0'?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'><Worksheet Name='S'><Table><Row><Cell><Data><B>4111</B> <I>1111</I></Data></Cell></Row></Table></Worksheet></Workbook>",
    );
    let odf = "<?xml version='1.0'?><office:document xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0'><office:body><office:text><text:p><text:span>4111</text:span><text:s/><text:span>1111</text:span></text:p></office:text></office:body></office:document>";
    shows("a.fodt", odf);
    assert_eq!(file("a.fodt", odf).parts[0].kind, FileKind::Xml);
}

#[test]
fn files_in_documents_that_are_one_xml_file_are_opened() {
    let data = String::from_utf8(base64(b"a,b\nZEPHYR,1\n")).expect("base64");
    for text in [
        format!(
            "<?xml version='1.0'?><w:wordDocument xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'><w:binData w:name='wordml://1.csv'>\n{data}\n</w:binData></w:wordDocument>"
        ),
        format!(
            "<?xml version='1.0'?><pkg:package xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'><pkg:part pkg:name='/word/embeddings/1.csv'><pkg:binaryData>{data}</pkg:binaryData></pkg:part></pkg:package>"
        ),
        format!(
            "<?xml version='1.0'?><office:document xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0'><draw:image><office:binary-data>{data}</office:binary-data></draw:image></office:document>"
        ),
    ] {
        let opened = file("a.xml", &text);
        let found = opened.segments.iter().find(|segment| segment.text.contains("ZEPHYR"));
        assert!(found.is_some_and(|segment| segment.part == 1), "{text}: {:?}", opened.segments);
    }
}

#[test]
fn a_page_that_begins_as_xml_is_a_page() {
    for (name, text) in [
        (
            "a",
            "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><p>4<b>111</b> 1111</p></html>",
        ),
        ("a.xhtml", "<?xml version='1.0'?><!-- long --><p>4<b>111</b> 1111</p>"),
    ] {
        let opened = file(name, text);
        assert_eq!(opened.parts[0].kind, FileKind::Html, "{name}");
        assert!(has(&opened, "4111 1111"));
    }
}

#[test]
fn texts_that_are_shown_as_they_are_written_have_one_reading() {
    for (name, text) in [
        ("a.xml", "<?xml version='1.0' encoding='utf-8'?>\n<a b='c'>d</a>\n"),
        ("a.json", "{\"a\": \"b\\n\"}"),
        ("a.ics", "BEGIN:VCALENDAR\r\nSUMMARY:Soup\r\nEND:VCALENDAR\r\n"),
        ("a.csv", "a,b\n1,2\n"),
        ("a.txt", "<b> is a tag and [1] a note\n"),
    ] {
        let opened = file(name, text);
        let shown = opened.segments.iter().filter(|segment| segment.kind != Kind::FileName);
        assert_eq!(shown.count(), 1, "{name}");
    }
}

#[test]
fn long_numbers_that_a_list_counts_are_read_and_places_in_a_list_are_none() {
    let page = "<html><body><ol start='4110'><li>one<li value=4111>1111<ul><li>in</ul><li>next</ol><ol><li>first</ol>";
    let opened = file("a.html", page);
    assert!(has(&opened, "4110\tone\n4111\t1111\nin\n4112\tnext\nfirst"), "{:?}", opened.segments);
}

#[test]
fn a_card_over_cells_of_a_page_or_of_lines_is_read_as_one() {
    let cells = |groups: &[&str]| groups.iter().map(|group| format!("<td>{group}</td>")).collect::<String>();
    let row = cells(&["4012", "8888", "8888", "1881"]);
    let page = format!("<html><p>Pay with<table><tr>{row}</tr></table></html>");
    assert_eq!(count_shown(&file("a.html", &page), "4012 8888 8888 1881"), 1);
    let body = format!("Content-Type: text/html\r\n\r\n{page}");
    assert_eq!(count_shown(&crate::opened::open(body.as_bytes()), "4012 8888 8888 1881"), 1);
    assert_eq!(count_shown(&file("a.csv", "a;b;c;d\r\n4012;8888;8888;1881\r\n"), "4012 8888 8888 1881"), 1);
    let years = format!("<table><tr>{row}</tr><tr>{}</tr></table>", cells(&["4013", "8888", "8888", "1881"]));
    assert!(!has(&file("a.html", &years), "4012 8888"));
    assert!(!has(&file("a.txt", "4012,8888,8888,1881"), "4012 8888"), "a text is shown as it is");
}
