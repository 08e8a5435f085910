//! Office documents made by other people's software (`documents/make_office.py`): every text is found, in its place.

use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{
    DocumentItem, DocumentRequest, Documents, FileKind, How, Kind, Limits, Reason, detect, open_file,
};

fn sample(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/documents/office/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Place, kind and text of everything in a sample, and what stayed closed.
fn texts(name: &str) -> Vec<(String, Kind, String)> {
    let (octets, limits) = (sample(name), Limits::default());
    let how = How {
        limits: &limits,
        deadline: Instant::now() + Duration::from_secs(60),
        documents: &InProcess,
        passwords: &[],
        digests: false,
    };
    let opened = open_file(name, &octets, &how);
    assert_eq!(opened.unscannable, [], "{name}");
    assert_eq!(opened.ambiguous, [], "{name}");
    let place = |segment| opened.path_of(segment);
    opened.segments.iter().map(|segment| (place(segment), segment.kind, segment.text.to_string())).collect()
}

#[track_caller]
fn holds(texts: &[(String, Kind, String)], place: &str, kind: Kind, text: &str) {
    let found = texts.iter().any(|found| found.0 == place && found.1 == kind && found.2.contains(text));
    assert!(found, "{text} as {kind:?} at {place:?} in {texts:#?}");
}

#[test]
fn a_document_gives_every_text_in_its_place() {
    let texts = texts("word.docx");
    for (place, kind, text) in [
        // One number in three runs of different looks.
        ("", Kind::Text, "Amber body 4111 1111 1111 1111\n"),
        ("", Kind::Text, "Amber left\n"),
        ("", Kind::Text, "Around the box\n"),
        ("", Kind::Text, "Amber text box"),
        ("", Kind::Hidden, "Amber hidden run"),
        ("", Kind::Hidden, "Amber deleted"),
        ("", Kind::Attribute, "Amber tooltip"),
        ("", Kind::Attribute, "Amber alternative text"),
        ("", Kind::Link, "https://amber.example/field"),
        ("links", Kind::Link, "https://amber.example/link"),
        ("header1", Kind::Text, "Amber header"),
        ("footer1", Kind::Text, "Amber footer"),
        ("comments", Kind::Comment, "Amber comment"),
        ("properties", Kind::Property, "Amber title\n"),
        ("properties", Kind::Property, "Amber keyword\n"),
    ] {
        holds(&texts, place, kind, text);
    }
    let shown = texts.iter().filter(|found| found.2.contains("Amber text box")).count();
    assert_eq!(shown, 1, "the older form of a text box says the same again");
}

#[test]
fn a_workbook_gives_each_cell_with_its_address_and_names_what_is_hidden() {
    let texts = texts("sheet.xlsx");
    for (place, kind, text) in [
        ("Payroll!A2", Kind::Text, "Amber Person"),
        ("Payroll!B2", Kind::Text, "536-90-4399"),
        ("Payroll!B3", Kind::Text, "536-90-4399"),
        ("Payroll!B3", Kind::Hidden, "536904399"),
        ("Payroll!C3", Kind::Text, "4111111111111111"),
        ("Payroll!A4", Kind::Hidden, "\"Amber \"&\"formula\""),
        ("Payroll!A5", Kind::Hidden, "Amber hidden row"),
        ("Payroll!E1", Kind::Hidden, "Amber hidden column"),
        ("Payroll!A2", Kind::Comment, "Amber cell comment"),
        ("Payroll!header", Kind::Text, "Amber sheet header"),
        ("Amber Sheet!B7", Kind::Text, "Amber far cell"),
        ("Secret!A1", Kind::Hidden, "Amber hidden sheet"),
        ("sheet name", Kind::Hidden, "Secret"),
        ("links", Kind::Link, "https://amber.example/cell"),
        ("properties", Kind::Property, "Amber workbook"),
    ] {
        holds(&texts, place, kind, text);
    }
}

#[test]
fn numbers_are_as_shown_and_as_stored() {
    let texts = texts("formats.xlsx");
    for (cell, shown, stored) in [
        ("A1", "536-90-4399", "536904399"),
        ("A2", "555-1234", "5551234"),
        ("A3", "(206) 555-1234", "2065551234"),
        ("A4", "1,234,567.89", "1234567.891"),
        ("A5", "25.6%", "0.256"),
        ("A6", "EUR 1,234.50", "1234.5"),
        ("A8", "00007", "7"),
        ("A9", "2023-07-16 18:00", "45123.75"),
        ("A10", "16 July 2023", "45123"),
        ("A11", "4111 1111 1111 1111", "4111111111111111"),
        ("A12", "-1,234.5", "-1234.5"),
    ] {
        let place = format!("Numbers!{cell}");
        let at =
            |kind| texts.iter().find(|text| text.0 == place && text.1 == kind).map(|text| text.2.as_str());
        assert_eq!((at(Kind::Text), at(Kind::Hidden)), (Some(shown), Some(stored)), "{cell}");
    }
    for (place, kind, text) in [
        ("Numbers!A7", Kind::Text, "42"),
        ("Numbers!B1", Kind::Text, "Amber rich string"),
        ("Numbers!B2", Kind::Text, "Amber cached"),
        ("Numbers!B3", Kind::Text, "TRUE"),
        ("Numbers!B4", Kind::Attribute, "Amber prompt"),
        ("Numbers!choices", Kind::Attribute, "Amber choice"),
        ("Numbers!chart1", Kind::Text, "Amber chart"),
        ("Numbers!chart1", Kind::Text, "Amber series"),
        ("Numbers!drawing1", Kind::Text, "Amber drawing"),
        ("Numbers!B1", Kind::Comment, "Amber note"),
        ("defined names", Kind::Property, "Amber constant"),
    ] {
        holds(&texts, place, kind, text);
    }
}

#[test]
fn a_presentation_counts_slides_as_they_are_shown() {
    let texts = texts("slides.pptx");
    for (place, kind, text) in [
        ("slide 1", Kind::Text, "Amber title 2"),
        ("slide 2", Kind::Text, "Amber title 1"),
        ("slide 2", Kind::Text, "4111 1111 1111 1111"),
        ("slide 1", Kind::Text, "Amber right"),
        ("slide 1", Kind::Text, "Amber category"),
        ("slide 1", Kind::Note, "Amber notes 2"),
        ("slide 3", Kind::Hidden, "Amber hidden slide"),
        ("properties", Kind::Property, "Amber subject"),
        ("Microsoft_Excel_Sheet1.xlsx > Sheet1!A2", Kind::Text, "Amber category"),
    ] {
        holds(&texts, place, kind, text);
    }
    assert!(
        !texts.iter().any(|text| text.2.contains("Click to edit")),
        "sample text of masters is shown nowhere"
    );
}

#[test]
fn open_document_gives_every_text_in_its_place() {
    let text = texts("text.odt");
    for (place, kind, piece) in [
        ("", Kind::Text, "Amber body 4111 1111 1111 1111   end"),
        ("", Kind::Note, "Amber footnote"),
        ("", Kind::Comment, "Amber comment"),
        ("", Kind::Hidden, "Amber hidden text"),
        ("header", Kind::Text, "Amber header"),
        ("links", Kind::Link, "https://amber.example/odt"),
        ("properties", Kind::Property, "Amber title"),
    ] {
        holds(&text, place, kind, piece);
    }
    let sheet = texts("sheet.ods");
    for (place, kind, piece) in [
        ("Payroll!B1", Kind::Text, "SSN"),
        ("Payroll!C5", Kind::Text, "536-90-4399"),
        ("Payroll!C5", Kind::Hidden, "536904399"),
        ("Payroll!D5", Kind::Text, "Amber Payroll"),
        ("Secret!D5", Kind::Hidden, "Amber Secret"),
    ] {
        holds(&sheet, place, kind, piece);
    }
    holds(&texts("slides.odp"), "slide 2", Kind::Text, "Amber slide 2");
}

/// LibreOffice keeps a condition with its style and with its sheet: it is read once.
#[test]
fn words_of_conditions_in_a_sheet_of_open_document_are_read_once() {
    let rules = texts("conditions.ods");
    for (place, kind, piece) in [
        ("Rules!conditions", Kind::Hidden, "4111 1111 1111 1111"),
        ("Rules!conditions", Kind::Hidden, "Amber rule"),
        ("Rules!conditions", Kind::Hidden, "4111111111111111"),
        ("defined names", Kind::Property, "536-90-4399"),
    ] {
        holds(&rules, place, kind, piece);
    }
    for piece in ["4111 1111 1111 1111", "Amber rule", "4111111111111111"] {
        assert_eq!(rules.iter().filter(|(.., text)| text.contains(piece)).count(), 1, "{piece}");
    }
}

#[test]
fn what_another_program_makes_of_them_holds_the_same() {
    for (name, pieces) in [
        (
            "word-by-libreoffice.odt",
            &["Amber body 4111 1111 1111 1111", "Amber header", "Amber comment", "Amber left"][..],
        ),
        (
            "word-by-libreoffice.dotx",
            &["Amber body 4111 1111 1111 1111", "Amber header", "Amber comment", "Amber left"],
        ),
        ("text-by-libreoffice.docx", &["Amber body 4111 1111 1111 1111", "Amber footnote", "Amber comment"]),
        (
            "sheet-by-libreoffice.ods",
            &["536-90-4399", "Amber cell comment", "Amber hidden sheet", "Amber far cell"],
        ),
        (
            "sheet-by-libreoffice.xltx",
            &["536-90-4399", "Amber cell comment", "Amber hidden sheet", "Amber far cell"],
        ),
        ("sheet-by-libreoffice.xlsx", &["536904399", "Amber Payroll", "Amber Secret"]),
        (
            "slides-by-libreoffice.odp",
            &["Amber title 1", "4111 1111 1111 1111", "Amber notes 2", "Amber hidden slide"],
        ),
        (
            "slides-by-libreoffice.ppsx",
            &["Amber title 1", "4111 1111 1111 1111", "Amber notes 2", "Amber hidden slide"],
        ),
        (
            "slides-by-libreoffice.potx",
            &["Amber title 1", "4111 1111 1111 1111", "Amber notes 2", "Amber hidden slide"],
        ),
    ] {
        let texts = texts(name);
        for piece in pieces {
            assert!(texts.iter().any(|text| text.2.contains(piece)), "{piece} in {name}: {texts:#?}");
        }
    }
}

#[test]
fn a_book_is_read_page_by_page() {
    let texts = texts("book.epub");
    holds(&texts, "EPUB/one.xhtml", Kind::Text, "4111 1111 1111 1111");
    holds(&texts, "properties", Kind::Property, "Amber book");
}

fn ask(kind: FileKind, octets: &[u8], limits: &Limits) -> content::DocumentAnswer {
    let deadline = Instant::now() + Duration::from_secs(60);
    InProcess.open(&DocumentRequest { kind, name: None, octets, limits, deadline, passwords: &[] })
}

#[test]
fn a_bound_in_the_middle_of_a_document_leaves_what_came_before() {
    let octets = sample("slides.pptx");
    let whole = ask(FileKind::Pptx, &octets, &Limits::default());
    assert!(whole.unscannable.is_empty());
    let limits = Limits { octets_out: 100_000, ..Limits::default() };
    let cut = ask(FileKind::Pptx, &octets, &limits);
    assert!(
        cut.unscannable.iter().any(|(place, reason)| !place.is_empty() && *reason == Reason::TooBig),
        "{cut:?}"
    );
}

#[test]
fn a_part_in_an_odd_place_is_read_all_the_same() {
    // The main part has another name, and another part lies where it should be.
    let document = |text: &str| {
        format!(
            "<w:document xmlns:w='x'><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
        )
    };
    let parts = [
        ("[Content_Types].xml", "<Types/>".to_owned()),
        ("word/document.xml", document("nothing")),
        ("odd/place.bin", document("Amber elsewhere")),
    ];
    let octets = stored_zip(&parts);
    assert_eq!(detect(&octets, None), FileKind::Docx);
    let answer = ask(FileKind::Docx, &octets, &Limits::default());
    let found = |item: &DocumentItem| matches!(item, DocumentItem::Text { text, .. } if text.contains("Amber elsewhere"));
    assert!(answer.items.iter().any(found), "{answer:?}");
}

#[test]
fn strings_that_no_cell_shows_any_more_are_read_as_hidden() {
    let files = [
        ("xl/workbook.xml", "<workbook><sheets><sheet name='S'/></sheets></workbook>"),
        (
            "xl/sharedStrings.xml",
            "<sst><si><t>shown</t></si><si><t>deleted Amber</t></si><si><t>again</t></si></sst>",
        ),
        (
            "xl/worksheets/sheet1.xml",
            "<worksheet><row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1' t='s'><v>2</v></c></row></worksheet>",
        ),
    ];
    let octets = stored_zip(&files.map(|(name, text)| (name, text.to_owned())));
    let answer = ask(FileKind::Xlsx, &octets, &Limits::default());
    let left: Vec<_> = answer
        .items
        .iter()
        .filter_map(|item| match item {
            DocumentItem::Text { place, kind: Kind::Hidden, text, .. } => {
                Some((place.as_ref(), text.as_ref()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(left, [("strings of no cell", "deleted Amber\n")]);
}

/// Place, kind and text of what a package of these parts holds.
fn in_package(kind: FileKind, parts: &[(&str, &str)]) -> Vec<(String, Kind, String)> {
    let all = [
        &[("[Content_Types].xml", "<Types><Default Extension='xml' ContentType='application/xml'/></Types>")],
        parts,
    ]
    .concat();
    let answer = ask(kind, &stored_zip(&all), &Limits::default());
    let texts = answer.items.into_iter().filter_map(|item| match item {
        DocumentItem::Text { place, kind, text, .. } => Some((place.to_string(), kind, text.to_string())),
        DocumentItem::File { .. } => None,
    });
    texts.collect()
}

#[test]
fn diagrams_of_workbooks_and_presentations_are_read() {
    let diagram = "<dgm:dataModel><dgm:ptLst><dgm:pt><dgm:t><a:p><a:r><a:t>4111</a:t></a:r><a:r><a:t> 1111</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst></dgm:dataModel>";
    for (kind, main, text, name) in [
        (FileKind::Xlsx, "xl/workbook.xml", "<workbook/>", "xl/diagrams/data1.xml"),
        (FileKind::Pptx, "ppt/presentation.xml", "<presentation/>", "ppt/diagrams/data1.xml"),
        (FileKind::Docx, "word/document.xml", "<document/>", "word/diagrams/data1.xml"),
    ] {
        let texts = in_package(kind, &[(main, text), (name, diagram)]);
        assert!(
            texts.iter().any(|found| found.1 == Kind::Text && found.2.contains("4111 1111")),
            "{kind}: {texts:?}"
        );
    }
}

#[test]
fn text_whose_style_hides_it_does_not_split_a_number() {
    let styles = "<w:styles><w:style w:styleId='Ghost'><w:rPr><w:vanish/></w:rPr></w:style><w:style w:styleId='Seen'><w:rPr><w:vanish w:val='0'/></w:rPr></w:style></w:styles>";
    let run = |style: &str, text: &str| {
        format!("<w:r><w:rPr><w:rStyle w:val='{style}'/></w:rPr><w:t>{text}</w:t></w:r>")
    };
    let document = format!(
        "<w:document><w:p>{}{}{}</w:p><w:p><w:pPr><w:pStyle w:val='Ghost'/></w:pPr>{}</w:p><w:p>{}</w:p></w:document>",
        run("Seen", "4111"),
        run("Ghost", "q"),
        run("", "1111"),
        run("", "below"),
        run("", "shown")
    );
    let texts = in_package(FileKind::Docx, &[("word/document.xml", &document), ("word/styles.xml", styles)]);
    holds(&texts, "", Kind::Text, "41111111\n\nshown\n");
    holds(&texts, "", Kind::Hidden, "q\nbelow\n");
}

#[test]
fn paragraphs_of_a_list_have_the_numbers_that_are_shown() {
    let level = |level: u8, format: &str, text: &str, more: &str| {
        format!(
            "<w:lvl w:ilvl='{level}'>{more}<w:numFmt w:val='{format}'/><w:lvlText w:val='{text}'/></w:lvl>"
        )
    };
    let numbering = format!(
        "<w:numbering><w:abstractNum w:abstractNumId='7'>{}{}</w:abstractNum><w:abstractNum w:abstractNumId='8'>{}{}</w:abstractNum>\
         <w:num w:numId='1'><w:abstractNumId w:val='7'/></w:num><w:num w:numId='2'><w:abstractNumId w:val='7'/>\
         <w:lvlOverride w:ilvl='0'><w:startOverride w:val='1'/></w:lvlOverride></w:num><w:num w:numId='3'><w:abstractNumId w:val='8'/></w:num></w:numbering>",
        level(0, "decimal", "%1.", ""),
        level(1, "lowerLetter", "%1.%2)", ""),
        level(0, "decimal", "%1", "<w:start w:val='4111'/><w:suff w:val='nothing'/>"),
        level(1, "decimal", "%2", "<w:rPr><w:vanish/></w:rPr>"),
    );
    let paragraph = |list: u8, level: u8, text: &str| {
        format!(
            "<w:p><w:pPr><w:numPr><w:ilvl w:val='{level}'/><w:numId w:val='{list}'/></w:numPr></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
        )
    };
    let styled = "<w:p><w:pPr><w:pStyle w:val='L'/><w:pPrChange><w:pPr><w:numPr><w:numId w:val='3'/></w:numPr></w:pPr></w:pPrChange></w:pPr><w:r><w:t>e</w:t></w:r></w:p>";
    let document = format!(
        "<w:document>{}{}{}{}{styled}<w:p><w:r><w:t>f</w:t></w:r></w:p>{}{}{}</w:document>",
        paragraph(1, 0, "a"),
        paragraph(1, 1, "b"),
        paragraph(1, 1, "c"),
        paragraph(2, 0, "d"),
        paragraph(0, 0, "g"),
        paragraph(3, 0, "1111 1111 1111"),
        paragraph(3, 1, "h"),
    );
    let styles = "<w:styles><w:style w:styleId='L'><w:pPr><w:numPr><w:numId w:val='1'/></w:numPr></w:pPr></w:style></w:styles>";
    let texts = in_package(
        FileKind::Docx,
        &[("word/document.xml", &document), ("word/numbering.xml", &numbering), ("word/styles.xml", styles)],
    );
    let shown = "1.\ta\n1.a)\tb\n1.b)\tc\n1.\td\n2.\te\nf\ng\n4111\t1111 1111 1111\nh\n";
    holds(&texts, "", Kind::Text, shown);
    holds(&texts, "", Kind::Hidden, "41111111 1111 1111\n");
}

#[test]
fn paragraphs_of_lists_and_headings_of_open_document_have_the_numbers_that_are_shown() {
    let styles = "<office:document-styles><text:outline-style><text:outline-level-style text:level='1' style:num-format='I' style:num-suffix='.'/>\
                  </text:outline-style><text:list-style style:name='A'><text:list-level-style-number text:level='1' style:num-format='1' style:num-suffix='.'/>\
                  <text:list-level-style-number text:level='2' style:num-format='a' text:display-levels='2' style:num-prefix='(' style:num-suffix=')'/>\
                  </text:list-style></office:document-styles>";
    let content = "<office:document-content><text:list-style style:name='B'><text:list-level-style-number text:level='1' style:num-format='1' text:start-value='4111'>\
                   <style:list-level-properties><style:list-level-label-alignment text:label-followed-by='nothing'/></style:list-level-properties>\
                   </text:list-level-style-number></text:list-style><text:h text:outline-level='1'>h</text:h>\
                   <text:list text:style-name='A'><text:list-header><text:p>x</text:p></text:list-header><text:list-item><text:p>a</text:p><text:p>more</text:p>\
                   <text:list><text:list-item><text:p>b</text:p></text:list-item><text:list-item><text:p>c</text:p></text:list-item></text:list></text:list-item>\
                   <text:list-item text:start-value='7'><text:p>d</text:p></text:list-item></text:list>\
                   <text:list text:style-name='A' text:continue-numbering='true'><text:list-item><text:p>e</text:p></text:list-item></text:list>\
                   <text:list text:style-name='A'><text:list-item><text:p>f</text:p></text:list-item></text:list>\
                   <text:h text:outline-level='1'>i</text:h><text:h text:outline-level='1' text:is-list-header='true'>j</text:h>\
                   <text:list text:style-name='B'><text:list-item><text:p>1111 1111</text:p></text:list-item></text:list></office:document-content>";
    let shown =
        "I.\th\nx\n1.\ta\nmore\n(1.a)\tb\n(1.b)\tc\n7.\td\n8.\te\n1.\tf\nII.\ti\nj\n4111\t1111 1111\n";
    for order in [["styles.xml", "content.xml"], ["content.xml", "styles.xml"]] {
        let octets = |name: &str| if name == "styles.xml" { styles } else { content };
        let texts = in_package(FileKind::Odt, &order.map(|name| (name, octets(name))));
        holds(&texts, "", Kind::Text, shown);
        holds(&texts, "", Kind::Hidden, "41111111 1111\n");
    }
}

#[test]
fn a_deleted_heading_is_not_counted_and_the_date_of_the_deletion_is_no_part_of_it() {
    let content = "<office:document-content><text:outline-style><text:outline-level-style text:level='1' style:num-format='1'/></text:outline-style>\
                   <text:tracked-changes><text:changed-region><text:deletion><office:change-info><dc:creator>Ann</dc:creator><dc:date>2013-06-28T16:50:00</dc:date>\
                   </office:change-info><text:h text:outline-level='1'>Gone</text:h></text:deletion></text:changed-region></text:tracked-changes>\
                   <text:h text:outline-level='1'>Here</text:h></office:document-content>";
    let texts = in_package(FileKind::Odt, &[("content.xml", content)]);
    holds(&texts, "", Kind::Text, "1\tHere\n");
    holds(&texts, "", Kind::Hidden, "2013-06-28T16:50:00\nGone\n");
}

/// What a package of these entries says, being told by its octets.
fn as_it_comes(entries: &[(&str, &str)]) -> (String, usize) {
    let octets = stored_zip(entries);
    let limits = Limits::default();
    let deadline = Instant::now() + Duration::from_secs(20);
    let how = How { limits: &limits, deadline, documents: &InProcess, passwords: &[], digests: false };
    let opened = open_file("document", &octets, &how);
    assert_eq!(opened.unscannable, []);
    let texts: Vec<_> = opened.segments.iter().map(|segment| segment.text.as_ref()).collect();
    (texts.join("\n"), opened.ambiguous.len())
}

#[test]
fn a_document_is_read_by_what_is_in_it_whatever_its_folders_are_called() {
    let types = "<Types><Override PartName='/d.xml' ContentType='application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml'/></Types>";
    let document = "<w:document><w:p><w:r><w:t>4111</w:t></w:r><w:r><w:t>1111</w:t></w:r></w:p></w:document>";
    let manifest = "<manifest:manifest><manifest:file-entry manifest:full-path='/' manifest:media-type='application/vnd.oasis.opendocument.text'/></manifest:manifest>";
    let content =
        "<office:document-content><text:p>5500<text:span>0055</text:span></text:p></office:document-content>";
    let word = [("[content_types].xml", types), ("d.xml", document)];
    let writer = [("META-INF/manifest.xml", manifest), ("content.xml", content)];
    let (text, ambiguous) = as_it_comes(&word);
    assert!(text.contains("41111111") && ambiguous == 0, "{text}");
    let (text, ambiguous) = as_it_comes(&writer);
    assert!(text.contains("55000055") && ambiguous == 0, "{text}");
    let mimetype = ("mimetype", "application/vnd.oasis.opendocument.text");
    for first in [&[mimetype][..], &[("word/x.xml", "<x/>")], &[("mimetype", "application/epub+zip")]] {
        let (text, ambiguous) = as_it_comes(&[first, &word, &writer].concat());
        assert!(
            text.contains("41111111") && text.contains("55000055") && ambiguous == 1,
            "{first:?}: {text}"
        );
    }
}

#[test]
fn words_that_number_a_list_are_read_and_plain_numbers_are_nothing() {
    let numbering =
        "<w:numbering><w:lvlText w:val='%1.%2.'/><w:lvlText w:val='Zephyr 4111 %1'/></w:numbering>";
    let texts = in_package(
        FileKind::Docx,
        &[("word/document.xml", "<w:document/>"), ("word/numbering.xml", numbering)],
    );
    assert_eq!(texts, [("numbering".to_owned(), Kind::Text, "Zephyr 4111 %1\n".to_owned())]);
}

#[test]
fn damage_in_one_part_is_named_and_the_others_are_read() {
    let parts = [
        ("[Content_Types].xml", "<Types/>".to_owned()),
        (
            "word/document.xml",
            "<w:document xmlns:w='x'><w:p><w:r><w:t>Amber before</w:t></w:r></w:p><w:p".to_owned(),
        ),
        (
            "word/header1.xml",
            "<w:hdr xmlns:w='x'><w:p><w:r><w:t>Amber header</w:t></w:r></w:p></w:hdr>".to_owned(),
        ),
    ];
    let answer = ask(FileKind::Docx, &stored_zip(&parts), &Limits::default());
    assert_eq!(answer.unscannable, [("word/document.xml".to_owned(), Reason::Corrupt)]);
    for piece in ["Amber before", "Amber header"] {
        let found =
            |item: &DocumentItem| matches!(item, DocumentItem::Text { text, .. } if text.contains(piece));
        assert!(answer.items.iter().any(found), "{piece}: {answer:?}");
    }
}

#[test]
fn a_large_sheet_is_quick() {
    let mut sheet = String::from("<worksheet><sheetData>");
    for row in 1..=10_000 {
        sheet.push_str(&format!("<row r=\"{row}\">"));
        for column in ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"] {
            sheet.push_str(&format!("<c r=\"{column}{row}\"><v>{row}</v></c>"));
        }
        sheet.push_str("</row>");
    }
    sheet.push_str("</sheetData></worksheet>");
    let octets = stored_zip(&[("xl/worksheets/sheet1.xml", sheet)]);
    let began = Instant::now();
    let answer = ask(FileKind::Xlsx, &octets, &Limits::default());
    let took = began.elapsed();
    assert_eq!(answer.items.len(), 100_000);
    println!("100,000 cells: {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn an_encrypted_open_document_is_named() {
    let manifest = "<m:manifest xmlns:m='x'><m:file-entry m:full-path='content.xml'><m:encryption-data/></m:file-entry></m:manifest>";
    let parts = [
        ("mimetype", "application/vnd.oasis.opendocument.text".to_owned()),
        ("META-INF/manifest.xml", manifest.to_owned()),
        ("content.xml", "noise".to_owned()),
    ];
    let answer = ask(FileKind::Odt, &stored_zip(&parts), &Limits::default());
    assert!(answer.unscannable.contains(&("content.xml".to_owned(), Reason::Encrypted)), "{answer:?}");
}

#[test]
fn what_is_not_encrypted_is_read_whatever_the_manifest_says() {
    let manifest = |name: &str| {
        format!(
            "<m:manifest xmlns:m='x'><!-- encryption-data --><m:file-entry m:full-path='{name}'><m:encryption-data/></m:file-entry></m:manifest>"
        )
    };
    let content = "<o:document-content xmlns:o='x' xmlns:t='y'><t:p>4111 1111</t:p></o:document-content>";
    for (name, closed) in [("content.xml", vec![]), ("Pictures/a.png", vec![Reason::Encrypted; 2])] {
        let manifest = manifest(name);
        let parts = [
            ("META-INF/manifest.xml", manifest.as_str()),
            ("content.xml", content),
            ("Pictures/a.png", "noise"),
        ];
        let answer = ask(FileKind::Odt, &stored_zip(&parts), &Limits::default());
        let read = answer
            .items
            .iter()
            .any(|item| matches!(item, DocumentItem::Text { text, .. } if text.contains("4111 1111")));
        assert!(read, "{answer:?}");
        assert_eq!(answer.unscannable.iter().map(|one| one.1.clone()).collect::<Vec<_>>(), closed, "{name}");
    }
}

#[test]
fn what_stands_beside_the_text_of_open_document_is_read() {
    let content = "<office:document-content><text:p>41<text:ruby><text:ruby-base>11</text:ruby-base><text:ruby-text>x</text:ruby-text></text:ruby> 1111</text:p>\
                   <text:p>a<text:alphabetical-index-mark text:string-value='Zephyr' text:key1='Borealis'/></text:p>\
                   <form:text form:current-value='Meltemi' form:value='Mistral'/><table:content-validation table:condition='is-in-list(&quot;Sirocco&quot;)'>\
                   <table:help-message table:title='Bora'><text:p>Foehn</text:p></table:help-message></table:content-validation>\
                   <table:named-expression table:name='Levant' table:expression='of:=&quot;Ostro&quot;'/></office:document-content>";
    let styles = "<office:document-styles><number:text>no</number:text><style:master-page><draw:custom-shape><text:p>Tramontane</text:p></draw:custom-shape></style:master-page></office:document-styles>";
    let texts = in_package(FileKind::Odp, &[("content.xml", content), ("styles.xml", styles)]);
    for (place, kind, text) in [
        ("", Kind::Text, "4111 1111"),
        ("", Kind::Text, "x"),
        ("", Kind::Hidden, "Zephyr"),
        ("", Kind::Hidden, "Borealis"),
        ("", Kind::Attribute, "Meltemi"),
        ("", Kind::Attribute, "Mistral"),
        ("", Kind::Attribute, "Bora"),
        ("", Kind::Text, "Foehn"),
        ("defined names", Kind::Property, "Sirocco"),
        ("defined names", Kind::Property, "Ostro"),
        ("", Kind::Text, "Tramontane"),
    ] {
        holds(&texts, place, kind, text);
    }
    assert!(!texts.iter().any(|text| text.2.contains("no")), "{texts:?}");
}

#[test]
fn what_open_document_shows_on_a_click_is_read() {
    let text = "<office:document-content><office:text><text:p><text:a office:title='Amber link'>x</text:a>\
        <text:drop-down><text:label text:value='Amber choice'/></text:drop-down><text:note-citation text:label='Amber mark'>1</text:note-citation>\
        <text:placeholder text:description='Amber hint'/><text:bibliography-mark text:title='Amber book'/></text:p></office:text></office:document-content>";
    let meta = "<office:document-meta><meta:user-defined meta:name='Amber name'>Amber value</meta:user-defined></office:document-meta>";
    let texts = in_package(FileKind::Odt, &[("content.xml", text), ("meta.xml", meta)]);
    for (kind, text) in [
        (Kind::Attribute, "Amber link"),
        (Kind::Attribute, "Amber choice"),
        (Kind::Attribute, "Amber mark"),
        (Kind::Attribute, "Amber hint"),
        (Kind::Hidden, "Amber book"),
    ] {
        holds(&texts, "", kind, text);
    }
    holds(&texts, "properties", Kind::Property, "Amber name");
    let sheet = "<office:document-content><office:spreadsheet><table:filter-condition table:value='Amber filter'/>\
        <table:scenario table:comment='Amber comment'/><table:data-pilot-member table:name='Amber member'/></office:spreadsheet></office:document-content>";
    let texts = in_package(FileKind::Ods, &[("content.xml", sheet)]);
    holds(&texts, "", Kind::Hidden, "Amber filter");
    holds(&texts, "", Kind::Attribute, "Amber comment");
    holds(&texts, "", Kind::Hidden, "Amber member");
    let slides = "<office:document-content><draw:page draw:name='page1' draw:master-page-name='m'/><draw:page draw:name='Amber slide' draw:master-page-name='m'/></office:document-content>";
    let texts = in_package(FileKind::Odp, &[("content.xml", slides)]);
    assert_eq!(texts, [("slide 2".to_owned(), Kind::Attribute, "Amber slide".to_owned())]);
}

#[test]
fn what_stands_beside_the_cells_of_a_workbook_is_read() {
    let sheet = "<worksheet><sheetData><row r='1'><c r='A1' t='inlineStr'><is><t>4111</t><rPh><t>Zephyr</t></rPh><t> 1111</t></is></c></row></sheetData>\
                 <scenarios><scenario name='Bora' comment='Foehn'><inputCells r='A1' val='Mistral'/></scenario></scenarios>\
                 <extLst><x14:dataValidation><x14:formula1><xm:f>\"Sirocco,Ostro\"</xm:f></x14:formula1></x14:dataValidation></extLst></worksheet>";
    let strings = "<sst><si><t>4222</t><rPh><t>Levant</t></rPh><t> 2222</t></si></sst>";
    let parts = [
        ("xl/workbook.xml", "<workbook/>"),
        ("xl/worksheets/sheet1.xml", sheet),
        ("xl/sharedStrings.xml", strings),
    ];
    let texts = in_package(FileKind::Xlsx, &parts);
    for (place, kind, text) in [
        ("sheet1!A1", Kind::Text, "4111 1111"),
        ("sheet1!A1", Kind::Hidden, "Zephyr"),
        ("sheet1!scenarios", Kind::Hidden, "Bora"),
        ("sheet1!scenarios", Kind::Hidden, "Foehn"),
        ("sheet1!scenarios", Kind::Hidden, "Mistral"),
        ("sheet1!choices", Kind::Attribute, "Sirocco,Ostro"),
        ("strings of no cell", Kind::Hidden, "4222 2222"),
        ("readings of strings", Kind::Hidden, "Levant"),
    ] {
        holds(&texts, place, kind, text);
    }
}

/// What Word shows beside the text, or on a click.
#[test]
fn what_stands_beside_the_text_of_a_document_is_read() {
    let document = "<w:document>\
        <w:p><w:ins w:author='Amber who added'><w:r><w:t>x</w:t></w:r></w:ins><w:ins w:author='Amber who added'/></w:p>\
        <w:p><w:r><w:fldChar><w:ffData><w:ddList><w:listEntry w:val='Amber choice'/></w:ddList></w:ffData></w:fldChar></w:r></w:p>\
        <w:p><w:hyperlink w:anchor='Amber_mark' w:docLocation='Amber place'/><w:hyperlink w:anchor='_Toc1'/></w:p>\
        <w:p><w:pict><v:shape alt='Amber drawn' title='Amber titled' href='http://amber.example/'/></w:pict></w:p>\
        <w:tbl><w:tblPr><w:tblCaption w:val='Amber caption'/><w:tblDescription w:val='Amber description'/></w:tblPr></w:tbl>\
        </w:document>";
    let blocks = "<w:glossaryDocument><w:docPart><w:docPartPr><w:name w:val='Amber block'/><w:description w:val='Amber about'/></w:docPartPr></w:docPart></w:glossaryDocument>";
    let settings = "<w:settings><w:mailMerge><w:query w:val='Amber query'/><w:mailSubject w:val='Amber subject'/></w:mailMerge></w:settings>";
    let properties =
        "<Properties><property name='Amber name'><vt:lpwstr>Amber value</vt:lpwstr></property></Properties>";
    let chart = "<c:chartSpace><c:trendline><c:name>Amber trend</c:name></c:trendline><c:numFmt formatCode='\"Amber \"0'/>\
        <c:formatCode>0\" Amber unit\"</c:formatCode></c:chartSpace>";
    let newer = "<cx:chartSpace><cx:lvl><cx:pt idx='0'>Amber point</cx:pt>\n<cx:pt idx='1'>4111 1111</cx:pt></cx:lvl></cx:chartSpace>";
    let diagram = "<dgm:dataModel><a:p><a:r><a:t>Amber told</a:t></a:r></a:p></dgm:dataModel>";
    let drawn = "<dsp:drawing><a:p><a:r><a:t>Amber told</a:t></a:r></a:p><a:p><a:r><a:t>Amber shown</a:t></a:r></a:p></dsp:drawing>";
    let texts = in_package(
        FileKind::Docx,
        &[
            ("word/document.xml", document),
            ("word/glossary/document.xml", blocks),
            ("word/settings.xml", settings),
            ("docProps/custom.xml", properties),
            ("word/charts/chart1.xml", chart),
            ("word/charts/chartEx1.xml", newer),
            ("word/diagrams/data1.xml", diagram),
            ("word/diagrams/drawing1.xml", drawn),
        ],
    );
    let attributes = "Amber who added\nAmber choice\nAmber_mark\nAmber place\nAmber drawn\nAmber titled\nhttp://amber.example/\nAmber caption\nAmber description\n";
    for (place, kind, text) in [
        ("", Kind::Attribute, attributes),
        ("building blocks", Kind::Attribute, "Amber block\nAmber about\n"),
        ("mail merge", Kind::Property, "Amber query\nAmber subject\n"),
        ("properties", Kind::Property, "Amber name\n"),
        ("chart1", Kind::Text, "Amber trend\n"),
        ("chart1", Kind::Attribute, "\"Amber \"0"),
        ("chart1", Kind::Attribute, "0\" Amber unit\""),
        ("chartEx1", Kind::Text, "Amber point\n4111 1111\n"),
    ] {
        holds(&texts, place, kind, text);
    }
    // What the program draws of a diagram is the same again, or is not.
    let drawn = texts.iter().find(|found| found.0 == "drawing1").expect("the drawing");
    assert_eq!(drawn.2, "Amber shown\n");
}

#[test]
fn what_formats_and_tables_of_a_workbook_show_is_read() {
    let workbook = "<workbook><sheets><sheet name='One' r:id='r1'/></sheets></workbook>";
    let relations = "<Relationships><Relationship Id='r1' Target='worksheets/sheet1.xml' Type='t/worksheet'/></Relationships>";
    let styles = "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='&quot;4111 1111 &quot;@'/><numFmt numFmtId='165' formatCode='&quot;Amber word&quot;'/></numFmts>\
        <cellXfs><xf numFmtId='0'/><xf numFmtId='164'/><xf numFmtId='165'/></cellXfs><dxfs><dxf><numFmt numFmtId='164' formatCode='&quot;Amber rule&quot;'/></dxf></dxfs></styleSheet>";
    let sheet = "<worksheet><sheetData><row r='1'><c r='A1' s='1' t='inlineStr'><is><t>1111 1111</t></is></c><c r='B1' s='2'><v>5</v></c></row></sheetData>\
        <autoFilter><filterColumn><filters><filter val='Amber filter'/></filters></filterColumn></autoFilter>\
        <conditionalFormatting><cfRule text='Amber condition'><formula>A1=\"Amber compared\"</formula></cfRule></conditionalFormatting></worksheet>";
    let parts = [
        ("xl/workbook.xml", workbook),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/styles.xml", styles),
        ("xl/worksheets/sheet1.xml", sheet),
        (
            "xl/drawings/vmlDrawing1.vml",
            "<xml><v:shape><v:textbox><div><font>Amber </font><font>button</font></div></v:textbox></v:shape></xml>",
        ),
        (
            "xl/pivotTables/pivotTable1.xml",
            "<pivotTableDefinition rowHeaderCaption='Amber rows'><dataField name='Amber sum'/></pivotTableDefinition>",
        ),
        ("xl/slicers/slicer1.xml", "<slicers><slicer caption='Amber slicer'/></slicers>"),
        ("xl/persons/person.xml", "<personList><person displayName='Amber person'/></personList>"),
        (
            "xl/ctrlProps/ctrlProp1.xml",
            "<formControlPr><itemLst><item val='Amber item'/></itemLst></formControlPr>",
        ),
        (
            "xl/externalLinks/externalLink1.xml",
            "<externalLink><sheetName val='Amber elsewhere'/></externalLink>",
        ),
    ];
    let texts = in_package(FileKind::Xlsx, &parts);
    for (place, kind, text) in [
        ("One!A1", Kind::Text, "4111 1111 1111 1111"),
        ("One!A1", Kind::Hidden, "1111 1111"),
        ("One!B1", Kind::Text, "Amber word"),
        ("One!B1", Kind::Hidden, "5"),
        ("number formats", Kind::Attribute, "Amber rule"),
        ("One!filters", Kind::Hidden, "Amber filter\n"),
        ("One!conditions", Kind::Attribute, "Amber condition"),
        ("One!conditions", Kind::Hidden, "A1=\"Amber compared\""),
        ("!vmlDrawing1", Kind::Text, "Amber button\n"),
        ("!pivotTable1", Kind::Attribute, "Amber rows\nAmber sum\n"),
        ("!slicer1", Kind::Attribute, "Amber slicer\n"),
        ("!person", Kind::Attribute, "Amber person\n"),
        ("!ctrlProp1", Kind::Attribute, "Amber item\n"),
        ("externalLink1", Kind::Hidden, "Amber elsewhere\n"),
    ] {
        holds(&texts, place, kind, text);
    }
}

#[test]
fn sections_of_a_presentation_have_names() {
    let presentation =
        "<p:presentation><p:custShow name='Amber show'/><p14:section name='Amber section'/></p:presentation>";
    let texts = in_package(FileKind::Pptx, &[("ppt/presentation.xml", presentation)]);
    holds(&texts, "sections", Kind::Property, "Amber show\nAmber section\n");
}

/// A zip archive of stored files.
fn stored_zip<T: AsRef<[u8]>>(files: &[(&str, T)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let text = text.as_ref();
        let mut crc = flate2::Crc::new();
        crc.update(text);
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 33, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend((text.len() as u32).to_le_bytes());
        common.extend((text.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend((out.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(text);
    }
    let (at, count) = (out.len() as u32, files.len() as u16);
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// A record of a binary workbook.
fn record(id: u16, data: &[&[u8]]) -> Vec<u8> {
    let data = data.concat();
    let id = if id < 128 { vec![id as u8] } else { vec![id as u8 | 0x80, (id >> 7) as u8] };
    assert!(data.len() < 128);
    [id, vec![data.len() as u8], data].concat()
}

fn wide(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    [(text.encode_utf16().count() as u32).to_le_bytes().to_vec(), units].concat()
}

#[test]
fn parts_of_filler_are_nothing_and_other_unknown_parts_are_files() {
    let filler = [&[0xff; 4][..], &[0; 500]].concat();
    let text = "<w:document><w:body><w:p><w:t>hello</w:t></w:p></w:body></w:document>".as_bytes().to_vec();
    let parts = |trash: Vec<u8>| {
        stored_zip(&[
            ("[Content_Types].xml", b"<Types/>".to_vec()),
            ("word/document.xml", text.clone()),
            ("[trash]/0000.dat", trash),
        ])
    };
    let files = |octets: &[u8]| {
        let answer = ask(FileKind::Docx, octets, &Limits::default());
        answer.items.iter().filter(|item| matches!(item, DocumentItem::File { .. })).count()
    };
    assert_eq!(files(&parts(filler.clone())), 0);
    assert_eq!(files(&parts([&filler[..], b"\x01\x02\x03 kept"].concat())), 1);
}

#[test]
fn a_binary_workbook_is_read_by_its_relations_wherever_its_parts_lie() {
    let relations = |each: &[(&str, &str, &str)]| -> Vec<u8> {
        let each = each.iter().map(|(id, kind, target)| {
            format!("<Relationship Id=\"{id}\" Type=\"http://x/relationships/{kind}\" Target=\"{target}\"/>")
        });
        format!("<Relationships>{}</Relationships>", each.collect::<String>()).into_bytes()
    };
    let number = |number: u32| number.to_le_bytes();
    let zeros = [0_u8; 8];
    let book = record(156, &[&zeros, &wide("rId7"), &wide("Pay")]);
    let strings = record(19, &[&[0], &wide("4111 1111 1111 1111")]);
    let sheet = [
        record(0, &[&number(4), &zeros]),
        record(7, &[&number(2), &number(0), &number(0)]),
        record(6, &[&number(3), &number(0), &wide("beside")]),
    ]
    .concat();
    let octets = stored_zip(&[
        ("[Content_Types].xml", b"<Types/>".to_vec()),
        ("_rels/.rels", relations(&[("a", "officeDocument", "xl/workbook.bin")])),
        ("xl/workbook.bin", book),
        (
            "xl/_rels/workbook.bin.rels",
            relations(&[("rId7", "worksheet", "odd/one.bin"), ("s", "sharedStrings", "odd/two.bin")]),
        ),
        ("xl/odd/one.bin", sheet),
        ("xl/odd/two.bin", strings),
        ("docProps/core.xml", b"<coreProperties><creator>Alice</creator></coreProperties>".to_vec()),
    ]);
    assert_eq!(detect(&octets, None), FileKind::Xlsb);
    let answer = ask(FileKind::Xlsb, &octets, &Limits::default());
    assert_eq!(answer.unscannable, []);
    let texts: Vec<(String, String)> = answer
        .items
        .iter()
        .map(|item| match item {
            DocumentItem::Text { place, text, .. } => (place.to_string(), text.to_string()),
            other => panic!("{other:?}"),
        })
        .collect();
    for (place, text) in [
        ("sheet name", "Pay"),
        ("Pay!C5", "4111 1111 1111 1111"),
        ("Pay!D5", "beside"),
        ("properties", "Alice"),
    ] {
        assert!(texts.iter().any(|found| found.0 == place && found.1.contains(text)), "{text}: {texts:?}");
    }
}

#[test]
fn what_is_no_part_of_a_package_is_a_file_in_it() {
    let secret = "card,4111 1111 1111 1111\r\n";
    let types = ("[Content_Types].xml", "<Types/>");
    let theme = "<theme>4111 1111 1111 1111</theme>";
    let mime = |kind: &'static str| ("mimetype", kind);
    let (odt, epub) = ("application/vnd.oasis.opendocument.text", "application/epub+zip");
    for (kind, files, name) in [
        (FileKind::Xlsb, vec![types, ("xl/workbook.bin", ""), ("secret.csv", secret)], "secret.csv"),
        (FileKind::Epub, vec![mime(epub), ("secret.css", secret)], "secret.css"),
        (FileKind::Epub, vec![mime(epub), ("secret.ttf", secret)], "secret.ttf"),
        (FileKind::Odt, vec![mime(odt), ("Configurations2/secret", secret)], "secret"),
        (FileKind::Odt, vec![mime(odt), ("x/settings.xml", theme)], "settings.xml"),
        (FileKind::Odt, vec![mime(odt), ("x", "VCLMTF 4111 1111 1111 1111")], "x"),
        (FileKind::Docx, vec![types, ("word/x", ""), ("secret.txt", theme)], "secret.txt"),
        (FileKind::Docx, vec![types, ("word/x.bin", "\x01\x02\x03\x04\x05\x06\x07 4111")], "x.bin"),
    ] {
        let octets = stored_zip(&files);
        assert_eq!(detect(&octets, None), kind, "{name}");
        let answer = ask(kind, &octets, &Limits::default());
        let is_it = |item: &DocumentItem| matches!(item, DocumentItem::File { name: found, octets, .. } if found == name && octets.windows(4).any(|four| four == b"4111"));
        assert!(answer.items.iter().any(is_it), "{kind:?} {name}: {answer:?}");
    }
    // A table of strings without a workbook is read by no reader of workbooks.
    let octets = stored_zip(&[types, ("word/x", ""), ("s.xml", "<sst><t>4111 1111 1111 1111</t></sst>")]);
    let answer = ask(FileKind::Docx, &octets, &Limits::default());
    let has = |item: &DocumentItem| matches!(item, DocumentItem::Text { text, .. } if text.contains("4111"));
    assert!(answer.items.iter().any(has), "{answer:?}");
}

#[test]
fn numbers_in_text_from_right_to_left_are_read_in_the_order_in_which_they_stand() {
    let run = |rtl: &str, text: &str| format!("<w:r><w:rPr>{rtl}</w:rPr><w:t>{text}</w:t></w:r>");
    for (kind, name, text) in [
        (
            FileKind::Docx,
            "word/document.xml",
            format!("<w:p><w:pPr><w:bidi/></w:pPr>{}</w:p>", run("", "1111 4111")),
        ),
        (
            FileKind::Docx,
            "word/document.xml",
            format!("<w:p>a {}{}</w:p>", run("<w:rtl/>", "1111 "), run("<w:rtl/>", "4111")),
        ),
        (
            FileKind::Pptx,
            "ppt/slides/slide1.xml",
            "<a:p><a:pPr rtl='1'/><a:r><a:t>1111 4111</a:t></a:r></a:p>".to_owned(),
        ),
    ] {
        let main = if kind == FileKind::Docx { "document" } else { "sld" };
        let part = format!("<{main}>{text}</{main}>");
        let parts = [
            (
                "[Content_Types].xml",
                "<Types><Default Extension='xml' ContentType='application/xml'/></Types>",
            ),
            if kind == FileKind::Pptx {
                ("ppt/presentation.xml", "<presentation/>")
            } else {
                ("word/a.xml", "<a/>")
            },
            (name, &part),
        ];
        let (read, doubtful) = as_it_comes(&parts);
        assert!(read.contains("1111 4111") && read.contains("4111 1111"), "{read}");
        assert_eq!(doubtful, 0, "honest text of the Near East is no finding");
    }
    let honest = format!("<document><w:p>{}</w:p></document>", run("<w:rtl w:val='0'/>", "1111 4111"));
    let texts = in_package(FileKind::Docx, &[("word/document.xml", &honest)]);
    holds(&texts, "", Kind::Text, "1111 4111\n");
}

#[test]
fn what_a_document_turns_round_is_read_as_it_is_shown_too() {
    let document = "<document><p><r><t>card </t></r><bdo val='rtl'><r><t>1111 1111 </t></r><r><t>1111 1114</t></r></bdo><r><t> end</t></r></p></document>";
    let octets = stored_zip(&[("[Content_Types].xml", "<Types/>"), ("word/document.xml", document)]);
    let limits = Limits::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    let how = How { limits: &limits, deadline, documents: &InProcess, passwords: &[], digests: false };
    let opened = open_file("turned.docx", &octets, &how);
    let texts: Vec<_> = opened.segments.iter().filter(|segment| segment.kind == Kind::Text).collect();
    assert!(texts[1].text.contains("card 4111 1111 1111 1111 end"), "{texts:?}");
    assert_eq!(texts[0].view.map(|view| view.group), texts[1].view.map(|view| view.group));
    assert_eq!(opened.ambiguous.len(), 1);
}

// ---- numbers over several cells

/// Places and texts that hold several groups of digits on one line.
fn numbers_over_cells(name: &str) -> Vec<(String, String)> {
    let digits =
        |text: &str| text.len() > 8 && text.bytes().all(|octet| octet == b' ' || octet.is_ascii_digit());
    let shown = texts(name).into_iter().filter(|(_, kind, text)| *kind == Kind::Text && digits(text));
    shown.map(|(place, _, text)| (place, text)).collect()
}

/// A list of two cards, and a table of years in which one row has the right check digit by chance.
#[test]
fn a_card_over_several_cells_is_read_as_one_and_a_table_of_numbers_as_it_is() {
    let pair = |place: &str, text: &str| (place.to_owned(), text.to_owned());
    for name in ["cells.docx", "cells-by-libreoffice.odt"] {
        let cards = [pair("", "4012 8888 8888 1881"), pair("", "5555 5555 5555 4444")];
        assert_eq!(numbers_over_cells(name), cards, "{name}");
    }
    let cards = [pair("slide 1", "4012 8888 8888 1881"), pair("slide 1", "5555 5555 5555 4444")];
    assert_eq!(numbers_over_cells("cells.pptx"), cards);
    for name in ["cells.xlsx", "cells-by-libreoffice.ods", "cells-by-libreoffice.xls"] {
        let cards = [
            pair("Cards!C2:F2", "4012 8888 8888 1881"),
            pair("Cards!C3:F3", "5555 5555 5555 4444"),
            pair("Boxes!B3:T3", "4012888888881881"),
        ];
        assert_eq!(numbers_over_cells(name), cards, "{name}");
    }
}
