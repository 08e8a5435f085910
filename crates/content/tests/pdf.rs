//! PDFs made by reportlab, pypdf, pikepdf and LibreOffice are read with their places; traps are sprung safely.

use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{How, Kind, Limits, Opened, Reason, open_file};

fn sample(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name);
    std::fs::read(path).expect("sample")
}

fn opened<'m>(octets: &'m [u8], passwords: &[String]) -> Opened<'m> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let how = How { limits: &Limits::default(), deadline, documents: &InProcess, passwords, digests: false };
    open_file("sample.pdf", octets, &how)
}

fn at(opened: &Opened<'_>, place: &str) -> String {
    let texts = opened.segments.iter().filter(|segment| segment.place == place);
    texts.map(|segment| segment.text.as_ref()).collect::<Vec<_>>().join("\n")
}

fn all(opened: &Opened<'_>) -> String {
    opened.segments.iter().map(|segment| segment.text.as_ref()).collect::<Vec<_>>().join("\n")
}

/// A file of one page with this content stream, and more objects.
fn page(content: &str, resources: &str, more: &str) -> Vec<u8> {
    format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
         3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<<{resources}>>>>endobj\n\
         4 0 obj<</Length {}>>stream\n{content}\nendstream endobj\n{more}\ntrailer<</Root 1 0 R/Size 9>>",
        content.len()
    )
    .into_bytes()
}

const FONT: &str = "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>";

fn shown(content: &str) -> String {
    at(&opened(&page(content, FONT, ""), &[]), "page 1")
}

#[test]
fn columns_forms_and_digits_drawn_backwards_are_read_by_page() {
    let octets = sample("report.pdf");
    let report = opened(&octets, &[]);
    let first = at(&report, "page 1");
    assert!(first.contains("Name 4111"), "{first}");
    assert!(first.contains("5500005555555559"), "{first}");
    assert!(first.contains("Form object word Sirocco"), "{first}");
    assert_eq!(at(&report, "page 2"), "Second page word Tramontana");
}

#[test]
fn fields_links_properties_and_attachments_are_read() {
    let octets = sample("report.pdf");
    let report = opened(&octets, &[]);
    assert!(at(&report, "form field account").contains("field value 998877"));
    assert!(
        report.segments.iter().any(|s| s.kind == Kind::Link && s.text == "https://example.com/link-target")
    );
    assert!(at(&report, "properties").contains("Title: Report of samples"));
    assert!(report.parts.iter().any(|part| part.name.as_deref() == Some("inner.txt")));
    assert!(all(&report).contains("attached word Levante"));
}

/// Areas filled with text, text that something shines through, and what a reader shows beside the pages.
#[test]
fn patterns_masks_captions_and_names_are_read() {
    let stream = |dict: &str, text: &str| {
        let content = format!("BT /F 12 Tf 72 72 Td ({text}) Tj ET");
        format!(
            "<<{dict}/BBox[0 0 600 600]/Resources<<{FONT}>>/Length {}>>stream\n{content}\nendstream",
            content.len()
        )
    };
    let more = format!(
        "5 0 obj {} endobj\n6 0 obj {} endobj\n7 0 obj<</Type/OCG/Name(Amber layer)>>endobj\n\
         8 0 obj[<</S/D/P(Amber label)>> <</S/Launch/F(amber.exe)>> <</S/Span/Alt(Amber instead)>>]endobj\n",
        stream("/PatternType 1/PaintType 1/TilingType 1/XStep 600/YStep 600", "Amber 4111"),
        stream("/Subtype/Form/Group<</S/Transparency/CS/DeviceGray>>", "Amber mask"),
    );
    let resources = format!("{FONT}/Pattern<</P 5 0 R>>/ExtGState<</G<</SMask<</S/Luminosity/G 6 0 R>>>>>>");
    let octets = page("/Pattern cs /P scn 0 0 600 600 re f /G gs 0 0 600 600 re f", &resources, &more);
    let read = opened(&octets, &[]);
    for (place, text) in [
        ("pattern", "Amber 4111"),
        ("mask", "Amber mask"),
        ("layers", "Amber layer"),
        ("page labels", "Amber label"),
        ("link", "amber.exe"),
        ("structure", "Amber instead"),
    ] {
        assert_eq!(at(&read, place), text);
    }
    let octets = page("", FONT, "");
    let annotations = "/Annots[<</Subtype/Text/Contents(x)/Subj(Amber subject)/RC(<body><p>41<b>11</b></p></body>)>>\
        <</Subtype/Widget/FT/Btn/T(b)/MK<</CA(Amber caption)/RC(Amber near)/AC(Amber down)>>>>\
        <</Subtype/Widget/FT/Tx/T(f)/V(now)/RV(<p>rich</p>)/DV(before)>>]/Resources";
    let octets = String::from_utf8(octets).expect("text").replacen("/Resources", annotations, 1);
    let read = opened(octets.as_bytes(), &[]);
    assert_eq!(at(&read, "page 1"), "x\n4111\n\nAmber subject\nAmber caption\nAmber near\nAmber down");
    assert_eq!(at(&read, "form field f"), "now\nrich\n\nbefore");
}

#[test]
fn object_streams_damaged_tables_and_empty_passwords_change_nothing() {
    for name in ["streams.pdf", "no-table.pdf", "open-locked.pdf"] {
        let octets = sample(name);
        let report = opened(&octets, &[]);
        assert!(at(&report, "page 1").contains("Name 4111"), "{name}");
        assert_eq!(at(&report, "page 2"), "Second page word Tramontana", "{name}");
    }
}

#[test]
fn a_password_is_needed_tried_and_named() {
    let octets = sample("locked.pdf");
    let locked = opened(&octets, &[]);
    assert_eq!(locked.unscannable.iter().map(|u| &u.reason).collect::<Vec<_>>(), [&Reason::Encrypted]);
    let unlocked = opened(&octets, &["wrong".to_owned(), "secret".to_owned()]);
    assert!(at(&unlocked, "page 1").contains("Name 4111"));
}

#[test]
fn subset_fonts_of_every_script_are_text() {
    let octets = sample("letter.pdf");
    let letter = opened(&octets, &[]);
    let text = at(&letter, "page 1");
    for words in
        ["4111 1111 1111 1111", "Příliš žluťoučký kůň", "Съешь же ещё", "Header word Zephyr", "Name 4111"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[test]
fn every_operator_shows_its_text() {
    let text = shown(
        "BT /F 12 Tf 14 TL 72 700 Td (one) Tj (two) ' 1 2 (three) \" T* [(fo) -20 (ur) -400 (five)] TJ ET",
    );
    assert_eq!(text, "one\ntwo\nthree\nfour five");
}

#[test]
fn text_split_over_operators_is_one_word() {
    let digits = "4111";
    let split: String = digits.chars().map(|digit| format!("({digit}) Tj ")).collect();
    assert_eq!(shown(&format!("BT /F 12 Tf 72 700 Td {split} ET")), digits);
}

#[test]
fn an_inline_image_does_not_swallow_what_follows() {
    let text = shown("BI /W 1 /H 1 ID \u{1}x EI y\u{2}\nEI BT /F 12 Tf 72 700 Td (after) Tj ET");
    assert_eq!(text, "after");
}

#[test]
fn a_form_that_draws_itself_ends() {
    let form = "5 0 obj<</Type/XObject/Subtype/Form/Length 42/Resources<</XObject<</X 5 0 R>>>>>>stream\n\
                BT /F 9 Tf 9 9 Td (inside) Tj ET /X Do /X Do\nendstream endobj";
    let octets = page("/X Do", &format!("{FONT}/XObject<</X 5 0 R>>"), form);
    assert_eq!(at(&opened(&octets, &[]), "page 1"), "inside");
}

#[test]
fn replacement_text_stands_in_for_silent_glyphs_and_is_told_apart_from_drawn_ones() {
    let octets = page("/Span <</ActualText (hidden)>> BDC BT /F 12 Tf 72 700 Td (drawn) Tj ET EMC", FONT, "");
    let page = opened(&octets, &[]);
    let kinds: Vec<_> =
        page.segments.iter().filter(|s| s.place == "page 1").map(|s| (s.kind, &*s.text)).collect();
    assert_eq!(kinds, [(Kind::Text, "drawn"), (Kind::Hidden, "hidden")]);
}

#[test]
fn replacements_letter_by_letter_are_one_text() {
    let letters = "4111".chars().map(|c| format!("/Span<</ActualText({c})>>BDC (x) Tj EMC "));
    let content = format!("BT /F 9 Tf 1 1 Td {} ET", letters.collect::<String>());
    let octets = page(&content, FONT, "");
    let found = opened(&octets, &[]);
    assert!(found.segments.iter().any(|segment| segment.text.contains("4111")), "{}", all(&found));
}

#[test]
fn differences_name_the_glyphs_of_type_3_fonts_too() {
    let font = "/Font<</F<</Type/Font/Subtype/Type3/FontMatrix[.001 0 0 .001 0 0]/FirstChar 1/Widths[500 500]\
                /Encoding<</Differences[1/A/eacute]>>/CharProcs<<>>>>>>";
    let octets = page("BT /F 12 Tf 72 700 Td <0102> Tj ET", font, "");
    assert_eq!(at(&opened(&octets, &[]), "page 1"), "Aé");
}

/// ISO 32000-1, table 118; those for UTF-8 and UTF-32 came later.
#[test]
fn every_cmap_that_viewers_know_by_name_is_read_or_named() {
    let shown = |cmap: &str, digits: &str| {
        let font = format!(
            "/Font<</F<</Type/Font/Subtype/Type0/Encoding/{cmap}/DescendantFonts[<</Subtype/CIDFontType0/CIDSystemInfo<</Ordering(Japan1)>>>>]>>>>"
        );
        let octets = page(&format!("BT /F 12 Tf 72 700 Td <{digits}> Tj ET"), &font, "");
        let page = opened(&octets, &[]);
        (at(&page, "page 1"), named(&page))
    };
    let one_octet =
        ["GB-EUC-H", "GBpc-EUC-V", "GBK-EUC-H", "GBKp-EUC-H", "GBK2K-V", "B5pc-H", "HKscs-B5-H", "ETen-B5-V"]
            .into_iter()
            .chain([
                "ETenms-B5-H",
                "CNS-EUC-V",
                "83pv-RKSJ-H",
                "90ms-RKSJ-H",
                "90msp-RKSJ-V",
                "90pv-RKSJ-H",
                "Add-RKSJ-H",
            ])
            .chain([
                "EUC-H",
                "Ext-RKSJ-V",
                "KSC-EUC-H",
                "KSCms-UHC-H",
                "KSCms-UHC-HW-V",
                "KSCpc-EUC-H",
                "UniJIS-UTF8-H",
            ]);
    for cmap in one_octet {
        assert_eq!(shown(cmap, "34313131").0, "4111", "{cmap}");
    }
    for cmap in [
        "UniGB-UCS2-H",
        "UniGB-UTF16-V",
        "UniCNS-UCS2-H",
        "UniCNS-UTF16-H",
        "UniJIS-UCS2-HW-H",
        "UniKS-UTF16-H",
    ] {
        assert_eq!(shown(cmap, "0034003100310031").0, "4111", "{cmap}");
    }
    assert_eq!(shown("UniJIS-UTF32-H", "00000034000000310000003100000031").0, "4111");
    for cmap in ["H", "V", "Add-H", "Ext-V"] {
        assert_eq!(shown(cmap, "2334233123312331"), ("４１１１".to_owned(), vec![]), "{cmap}");
    }
    // EUC-TW has no decoder here.
    let (text, named) = shown("CNS-EUC-H", &"A4A1A4A2A4A3A4A4A4A5".repeat(8));
    assert_eq!((text.as_str(), named.len()), ("", 1), "{named:?}");
}

#[test]
fn glyphs_that_say_nothing_are_named() {
    let font = "/Font<</F<</Type/Font/Subtype/Type0/Encoding/Identity-H/DescendantFonts[<</Subtype/CIDFontType2>>]>>>>";
    let octets = page(&format!("BT /F 12 Tf 72 700 Td <{}> Tj ET", "0123".repeat(40)), font, "");
    let reasons: Vec<_> = opened(&octets, &[]).unscannable.iter().map(|u| u.reason.to_string()).collect();
    assert_eq!(reasons, ["unsupported type font"]);
}

#[test]
fn garbage_behind_the_mark_is_corrupt_and_not_silent() {
    let closed = opened(b"%PDF-1.7\n\xff\xfe nothing here", &[]);
    assert_eq!(closed.unscannable.iter().map(|u| &u.reason).collect::<Vec<_>>(), [&Reason::Corrupt]);
}

/// Reasons with their places.
fn named(opened: &Opened<'_>) -> Vec<String> {
    opened.unscannable.iter().map(|one| format!("{} {}", one.path, one.reason)).collect()
}

/// A stream that maps the digits to letters.
const LIE: &str = "5 0 obj<</Length 61>>stream\n1 begincodespacerange<00><ff>endcodespacerange 1 beginbfrange<30><39><0041>endbfrange\nendstream endobj";

#[test]
fn a_table_of_texts_that_lies_is_read_and_so_is_what_is_drawn() {
    let font = |more: &str| {
        format!("/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica{more}/ToUnicode 5 0 R>>>>")
    };
    let content = "BT /F 12 Tf 72 700 Td (4111 1111) Tj ET";
    for more in ["", "/Encoding/WinAnsiEncoding"] {
        let octets = page(content, &font(more), LIE);
        let page = opened(&octets, &[]);
        let text = at(&page, "page 1");
        assert!(text.contains("EBBB BBBB") && text.contains("4111 1111"), "{text}");
        assert_eq!(page.ambiguous.len(), 1);
    }
    // The glyphs of a font that came along, and does not say how it is encoded, have no names.
    let own = font("/FontDescriptor<</Flags 4/FontFile2 5 0 R>>").replace("Type1", "TrueType");
    let octets = page(content, &own, LIE);
    let page = opened(&octets, &[]);
    assert_eq!((at(&page, "page 1").as_str(), page.ambiguous.len()), ("EBBB BBBB", 0));
}

const SILENT: &str = "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>/S<</Type/Font/Subtype/Type0/Encoding/Identity-H/DescendantFonts[<</Subtype/CIDFontType2>>]>>>>";

#[test]
fn a_word_of_glyphs_that_say_nothing_is_named_on_a_page_full_of_text() {
    let filler = "(words and words and words) Tj ".repeat(200);
    let content = |silent: &str| format!("BT /F 12 Tf 72 700 Td {filler} /S 12 Tf <{silent}> Tj ET");
    let octets = page(&content("01230124012501260127012801290130"), SILENT, "");
    assert_eq!(named(&opened(&octets, &[])), ["page 1 unsupported type font"]);
    // A row of boxes, and a few signs.
    for silent in ["0123".repeat(30), "0123012401250126".to_owned()] {
        let octets = page(&content(&silent), SILENT, "");
        assert_eq!(named(&opened(&octets, &[])), Vec::<String>::new(), "{silent}");
    }
}

#[test]
fn pages_that_are_pictures_or_outlines_are_named() {
    let image = "5 0 obj<</Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray/Length 1>>stream\nx\nendstream endobj";
    let resources = format!("{FONT}/XObject<</X 5 0 R>>");
    let content = |size: &str, text: &str| format!("q {size} cm /X Do Q BT /F 9 Tf 9 9 Td ({text}) Tj ET");
    let boxed = |octets: Vec<u8>| {
        let text = String::from_utf8(octets).expect("ASCII");
        text.replace("/Parent 2 0 R", "/Parent 2 0 R/MediaBox[0 0 600 800]").into_bytes()
    };
    for (size, text, names) in [
        ("600 0 0 800 0 0", "Page 1", true),
        ("600 0 0 800 0 0", "A whole sentence that stands beside the picture", false),
        ("60 0 0 80 0 0", "Page 1", false),
    ] {
        let octets = boxed(page(&content(size, text), &resources, image));
        let found = named(&opened(&octets, &[]));
        assert_eq!(found, if names { vec!["page 1 unsupported type pdf"] } else { vec![] }, "{size} {text}");
    }
    let outlines = "0 0 m 1 1 2 2 3 3 c 4 4 5 5 6 6 c f ".repeat(150);
    assert_eq!(named(&opened(&boxed(page(&outlines, FONT, "")), &[])), [" unsupported type pdf"]);
    let beside = format!("{outlines} BT /F 9 Tf 9 9 Td (A drawing) Tj ET");
    assert_eq!(named(&opened(&boxed(page(&beside, FONT, "")), &[])), Vec::<String>::new());
}

#[test]
fn what_a_bound_leaves_out_of_a_page_is_named() {
    let many = format!("BT /F 9 Tf 9 9 Td [{} (4111)] TJ ET", "0 ".repeat(20_100));
    assert_eq!(named(&opened(&page(&many, FONT, ""), &[])), ["page 1 too big"]);
    let damaged =
        "5 0 obj<</Type/XObject/Subtype/Form/Filter/NonsenseDecode/Length 4>>stream\nnone\nendstream endobj";
    let octets = page("/X Do", &format!("{FONT}/XObject<</X 5 0 R>>"), damaged);
    assert_eq!(named(&opened(&octets, &[])), ["page 1 corrupt"]);
}

/// The page as it is seen, then everything that is drawn.
fn readings(octets: &[u8]) -> Vec<String> {
    let page = opened(octets, &[]);
    assert_eq!(page.unscannable, []);
    let on_page: Vec<_> = page.segments.iter().filter(|segment| segment.place == "page 1").collect();
    let groups: std::collections::BTreeSet<_> =
        on_page.iter().map(|segment| segment.view.map(|view| view.group)).collect();
    assert_eq!(groups.len(), 1, "readings of one page count once");
    on_page.iter().map(|segment| segment.text.to_string()).collect()
}

#[test]
fn a_page_is_read_without_what_nobody_sees_and_with_it() {
    let resources = format!("{FONT}/ExtGState<</G<</ca 0>>/H<</ca 1>>>>");
    for content in [
        "BT /F 12 Tf 72 700 Td (4111) Tj 3 Tr [(q) 556] TJ 0 Tr (1111) Tj ET",
        "BT /F 12 Tf 72 700 Td (4111) Tj 1 g [(q) 556] TJ 0 0 1 rg (1111) Tj ET",
        "BT /F 12 Tf 72 700 Td (4111) Tj 0 0 0 0 k [(q) 556] TJ 0 0 0 1 k (1111) Tj ET",
        "BT /F 12 Tf 72 700 Td (4111) Tj q /G gs [(q) 556] TJ /H gs (1111) Tj ET",
        "BT /F 12 Tf 72 700 Td (4111) Tj /F 0.1 Tf (q) Tj /F 12 Tf (1111) Tj ET",
        "BT /F 12 Tf 72 700 Td (4111) Tj ET q 0 0 9 9 re W n BT /F 12 Tf 98 700 Td (q) Tj ET Q BT /F 12 Tf 98.7 700 Td (1111) Tj ET",
    ] {
        let readings = readings(&page(content, &resources, ""));
        assert_eq!(readings.len(), 2, "{content}: {readings:?}");
        assert_eq!(readings[0], "41111111", "{content}");
        assert!(readings[1].contains('q'), "{content}: {readings:?}");
    }
}

#[test]
fn text_outside_of_the_page_is_not_seen() {
    let content = "BT /F 12 Tf 72 700 Td (seen) Tj ET BT /F 12 Tf 900 700 Td (unseen) Tj ET";
    let octets = String::from_utf8(page(content, FONT, "")).expect("ASCII");
    let boxed = octets.replace("/Parent 2 0 R", "/Parent 2 0 R/MediaBox[0 0 600 800]").into_bytes();
    assert_eq!(readings(&boxed), ["seen", "seen unseen"]);
    let whole = page(content, FONT, "");
    assert_eq!(readings(&whole), ["seen unseen"]);
}

#[test]
fn text_that_is_clipped_to_its_cell_or_stands_under_a_scan_is_seen() {
    let cell =
        "q 70 690 100 20 re W n BT /F 12 Tf 72 700 Td (4111) Tj ET Q BT /F 12 Tf 98.7 700 Td (1111) Tj ET";
    assert_eq!(readings(&page(cell, FONT, "")), ["41111111"]);
    let image = "5 0 obj<</Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray/Length 1>>stream\nx\nendstream endobj";
    let resources = format!("{FONT}/XObject<</X 5 0 R>>");
    let scan = "q 600 0 0 800 0 0 cm /X Do Q BT /F 9 Tf 9 9 Td (Page 1) Tj 3 Tr 0 90 Td (4111 1111 as the picture of the page shows) Tj ET";
    let octets = String::from_utf8(page(scan, &resources, image)).expect("ASCII");
    let boxed = octets.replace("/Parent 2 0 R", "/Parent 2 0 R/MediaBox[0 0 600 800]").into_bytes();
    let readings = readings(&boxed);
    assert!(readings[0].contains("4111 1111") && readings[1] == "Page 1", "{readings:?}");
}

/// A TrueType program that has nothing but a table of characters: ten digits on glyphs from 20.
fn digits() -> String {
    let sub: [u16; 16] = [4, 32, 0, 4, 0, 0, 0, 57, 0xffff, 0, 48, 0xffff, 20_u16.wrapping_sub(48), 1, 0, 0];
    let table: Vec<u8> = [0_u16, 1, 3, 1, 0, 12].into_iter().chain(sub).flat_map(u16::to_be_bytes).collect();
    let head = b"\0\x01\0\0\0\x01\0\0\0\0\0\0cmap\0\0\0\0\0\0\0\x1c\0\0\0\x2c";
    head.iter().chain(&table).map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn what_an_embedded_program_draws_is_read_also_where_the_table_of_texts_is_silent_or_lies() {
    let program = digits();
    let program = format!(
        "6 0 obj<</Filter/ASCIIHexDecode/Length {}>>stream\n{program}\nendstream endobj",
        program.len()
    );
    let font = |more: &str| {
        format!(
            "/Font<</F<</Type/Font/Subtype/Type0/Encoding/Identity-H{more}/DescendantFonts[<</Subtype/CIDFontType2/FontDescriptor<</FontFile2 6 0 R>>>>]>>>>"
        )
    };
    // 4111 on the glyphs of its digits.
    let content = "BT /F 12 Tf 72 700 Td <0018001500150015> Tj ET";
    let octets = page(content, &font(""), &program);
    assert_eq!(readings(&octets), ["4111"]);

    let lie = "5 0 obj<</Length 79>>stream\n2 beginbfchar <0018> <0045> <0015> <0042> endbfchar                            \nendstream endobj";
    let octets = page(content, &font("/ToUnicode 5 0 R"), &format!("{program}\n{lie}"));
    assert_eq!(readings(&octets), ["4111", "EBBB"]);
    assert_eq!(opened(&octets, &[]).ambiguous.len(), 1);

    let truth = lie.replace("<0045>", "<0034>").replace("<0042>", "<0031>");
    let octets = page(content, &font("/ToUnicode 5 0 R"), &format!("{program}\n{truth}"));
    assert_eq!(readings(&octets), ["4111"]);
    assert_eq!(opened(&octets, &[]).ambiguous, []);
}

#[test]
fn what_is_painted_over_is_not_seen_and_what_shines_through_is() {
    let resources = format!("{FONT}/ExtGState<</G<</ca .5>>/M<</BM/Multiply>>>>");
    // The box of `q` in `MAqRK`, and letters before and behind it.
    let text = "BT /F 100 Tf 0 700 Td (41) Tj (q) Tj (11) Tj ET";
    for cover in [
        "1 g 111.2 650 55.6 200 re f",
        ".9 g 111.2 850 m 166.8 850 l 166.8 650 l 111.2 650 l h f",
        "q 55.6 0 0 200 111.2 650 cm BI /W 1 /H 1 /BPC 8 /CS /G ID x EI Q",
        "q 1 g 0 0 900 900 re 111.2 650 55.6 200 re f Q BT /F 100 Tf 0 700 Td (41) Tj ET BT /F 100 Tf 166.8 700 Td (11) Tj ET",
    ] {
        let readings = readings(&page(&format!("{text} {cover}"), &resources, ""));
        assert_eq!(readings.len(), 2, "{cover}: {readings:?}");
        assert!(!readings[0].contains('q') && readings[0].contains("41"), "{cover}: {readings:?}");
        assert!(readings[1].contains("41q11"), "{cover}: {readings:?}");
    }
    for through in [
        "/G gs 1 g 111.2 650 55.6 200 re f",
        "/M gs 1 g 111.2 650 55.6 200 re f",
        "1 g 100 650 80 200 re 111.2 650 55.6 200 re f*",
        "1 g 111.2 650 55.6 200 re S",
        "q 55.6 0 0 200 111.2 650 cm BI /W 1 /H 1 /IM true /D [1 0] ID x EI Q",
        "q 0 0 9 9 re W n 1 g 111.2 650 55.6 200 re f Q",
    ] {
        assert_eq!(readings(&page(&format!("{text} {through}"), &resources, "")), ["41q11"], "{through}");
    }
}

#[test]
fn a_word_painted_over_in_part_is_read_by_its_letters() {
    let content = "BT /F 100 Tf 0 700 Td (41q11) Tj ET 1 g 111.2 650 55.6 200 re f";
    let readings = readings(&page(content, FONT, ""));
    assert_eq!((readings[0].replace([' ', '\n'], ""), readings[1].as_str()), ("4111".to_owned(), "41q11"));
}

#[test]
fn letters_in_the_colour_of_what_they_stand_on_are_not_seen_and_white_ones_on_black_are() {
    let paper =
        |text: &str| page(&format!("0 0 1 rg 0 600 900 300 re f BT /F 12 Tf 72 700 Td {text} ET"), FONT, "");
    let found = readings(&paper("1 g (4111) Tj 0 0 1 rg [(q) 556] TJ 1 g (1111) Tj"));
    assert_eq!((found.len(), found[0].as_str()), (2, "41111111"));
    assert_eq!(readings(&paper("1 g (4111) Tj")), ["4111"]);
    // Lines round letters are seen, white as these may be.
    assert_eq!(readings(&page("BT /F 12 Tf 72 700 Td (41) Tj 1 g 2 Tr (11) Tj ET", FONT, "")), ["4111"]);
}

#[test]
fn pictures_hide_what_is_under_them_unless_they_have_a_mask() {
    let picture = |more: &str| {
        format!(
            "5 0 obj<</Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray/Length 1{more}>>stream\nx\nendstream endobj\n\
             6 0 obj<</Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray/Length 1>>stream\nx\nendstream endobj\n\
             7 0 obj<</Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/ASCIIHexDecode/Length 3>>stream\nff>\nendstream endobj"
        )
    };
    let resources = format!("{FONT}/XObject<</X 5 0 R>>");
    let content = "BT /F 100 Tf 0 700 Td (41) Tj (q) Tj (11) Tj ET q 55.6 0 0 200 111.2 650 cm /X Do Q";
    for (more, count) in
        [("", 2), ("/SMask 7 0 R", 2), ("/SMask 6 0 R", 1), ("/Mask[0 9]", 1), ("/ImageMask true", 1)]
    {
        let readings = readings(&page(content, &resources, &picture(more)));
        assert_eq!(readings.len(), count, "{more}: {readings:?}");
        assert_eq!(readings[count - 1], "41q11", "{more}");
    }
}

/// A page with a word on a layer, and what the catalogue says of two of these.
fn layered(content: &str, more: &str, first: &str) -> Vec<u8> {
    let objects = format!(
        "5 0 obj<</Type/OCG/Name(one)>>endobj\n6 0 obj<</Type/OCG/Name(two){more}>>endobj\n\
         7 0 obj<</Type/XObject/Subtype/Form/OC 5 0 R/Length 2>>stream\n/L\nendstream endobj"
    );
    let resources = format!(
        "{FONT}/XObject<</X 8 0 R>>/Properties<</A 5 0 R/B 6 0 R/Any<</Type/OCMD/OCGs[5 0 R 6 0 R]>>/All<</Type/OCMD/OCGs[5 0 R 6 0 R]/P/AllOn>>\
         /None<</Type/OCMD/OCGs 5 0 R/P/AllOff>>/Not<</Type/OCMD/VE[/And [/Not 6 0 R] [/Or 6 0 R 5 0 R]]>>>>"
    );
    let form = "8 0 obj<</Type/XObject/Subtype/Form/OC 5 0 R/Length 41>>stream\nBT /F 12 Tf 98.7 700 Td [(q) 556] TJ ET   \nendstream endobj";
    let octets = String::from_utf8(page(content, &resources, &format!("{objects}\n{form}"))).expect("ASCII");
    let all = format!("/Type/Catalog/OCProperties<</OCGs[5 0 R 6 0 R]/D<<{first}>>>>");
    octets.replace("/Type/Catalog", &all).into_bytes()
}

#[test]
fn what_lies_on_a_layer_that_is_off_is_not_seen() {
    let marked = |layer: &str| {
        format!("BT /F 12 Tf 72 700 Td (4111) Tj /OC /{layer} BDC [(q) 556] TJ EMC (1111) Tj ET")
    };
    let seen = |content: &str, more: &str, first: &str| readings(&layered(content, more, first)).len() == 1;
    for (layer, when_one_is_off) in
        [("A", false), ("B", true), ("Any", true), ("All", false), ("None", true), ("Not", false)]
    {
        assert_eq!(seen(&marked(layer), "", "/OFF[5 0 R]"), when_one_is_off, "{layer}");
    }
    assert!(seen(&marked("A"), "", ""));
    assert!(!seen(&marked("A"), "", "/BaseState/OFF"));
    assert!(seen(&marked("A"), "", "/BaseState/OFF/ON[5 0 R]"));
    assert!(!seen(&marked("B"), "/Usage<</View<</ViewState/OFF>>>>", ""));
    assert!(!seen(
        "BT /F 12 Tf 72 700 Td (4111) Tj ET /X Do BT /F 12 Tf 98.7 700 Td (1111) Tj ET",
        "",
        "/OFF[5 0 R]"
    ));
    let found = readings(&layered(&marked("A"), "", "/OFF[5 0 R]"));
    assert!(found[0] == "41111111" && found[1].contains('q'), "{found:?}");
    // What is not seen hides nothing.
    let cover = "BT /F 12 Tf 72 700 Td (4111) Tj ET /OC /A BDC 1 g 0 600 900 300 re f EMC";
    assert!(seen(cover, "", "/OFF[5 0 R]"));
}

/// A program in Adobe's form with the glyphs `four` and `one`, on the octets 65 and 66.
const COMPACT: &str = "010004010001010102460001010107a20fa710ab110000000015001200024142000301010203040e0e0e";

#[test]
fn names_of_glyphs_in_programs_of_adobes_form_are_read_also_where_the_table_of_texts_is_silent_or_lies() {
    let program = format!(
        "6 0 obj<</Subtype/Type1C/Filter/ASCIIHexDecode/Length {}>>stream\n{COMPACT}\nendstream endobj",
        COMPACT.len()
    );
    let simple = |more: &str| {
        format!("/Font<</F<</Type/Font/Subtype/Type1/FontDescriptor<</Flags 4/FontFile3 6 0 R>>{more}>>>>")
    };
    let composite = |more: &str| {
        format!(
            "/Font<</F<</Type/Font/Subtype/Type0/Encoding/Identity-H{more}/DescendantFonts[<</Subtype/CIDFontType0/FontDescriptor<</FontFile3 6 0 R>>>>]>>>>"
        )
    };
    let lie = "5 0 obj<</Length 100>>stream\n4 beginbfchar <41> <0045> <42> <0042> <0001> <0045> <0002> <0042> endbfchar                        \nendstream endobj";
    for (content, font) in [
        ("BT /F 12 Tf 72 700 Td <41424242> Tj ET", &simple as &dyn Fn(&str) -> String),
        ("BT /F 12 Tf 72 700 Td <0001000200020002> Tj ET", &composite),
    ] {
        assert_eq!(readings(&page(content, &font(""), &program)), ["4111"]);
        let octets = page(content, &font("/ToUnicode 5 0 R"), &format!("{program}\n{lie}"));
        assert_eq!(readings(&octets), ["4111", "EBBB"]);
        assert_eq!(opened(&octets, &[]).ambiguous.len(), 1);
    }
}

#[test]
fn a_stream_whose_filter_is_said_elsewhere_is_unpacked() {
    let content = "BT /F 9 Tf 1 1 Td (Zephyr 4111) Tj ET";
    let digits: String = content.bytes().map(|octet| format!("{octet:02x}")).collect();
    for filter in ["9 0 R", "[9 0 R]", "[/ASCIIHexDecode]"] {
        let packed = page(&format!("{digits}>"), FONT, "9 0 obj/ASCIIHexDecode endobj");
        let packed = String::from_utf8(packed).expect("text").replacen(
            "<</Length",
            &format!("<</Filter {filter}/Length"),
            1,
        );
        assert_eq!(at(&opened(packed.as_bytes(), &[]), "page 1"), "Zephyr 4111", "{filter}");
    }
}

/// A file with this tree, of which 4 and 5 are contents.
fn with_tree(tree: &str) -> Vec<u8> {
    let stream = |id: u32, text: &str| {
        let content = format!("BT /F 9 Tf 1 1 Td ({text}) Tj ET");
        format!("{id} 0 obj<</Length {}>>stream\n{content}\nendstream endobj\n", content.len())
    };
    format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n{tree}\n{}{}trailer<</Root 1 0 R/Size 9>>",
        stream(4, "first"),
        stream(5, "second")
    )
    .into_bytes()
}

#[test]
fn pages_are_found_by_what_they_have_and_not_by_what_they_are_called() {
    let resources = format!("/Resources<<{FONT}>>");
    for tree in [
        // A node without a type, a page in its parent, a page by another name.
        format!(
            "2 0 obj<</Kids[3 0 R]>>endobj\n3 0 obj<</Kids[6 0 R 7 0 R]{resources}>>endobj\n6 0 obj<</Type/Page/Parent 3 0 R/Contents 4 0 R>>endobj\n7 0 obj<</Type/Page/Parent 3 0 R/Contents[5 0 R]>>endobj"
        ),
        format!(
            "2 0 obj<</Type/Pages/Kids[<</Type/Page/Contents 4 0 R{resources}>> <</Contents[[5 0 R]]{resources}>>]>>endobj"
        ),
        format!(
            "2 0 obj<</Type/Pages/Kids[6 0 R 7 0 R]>>endobj\n6 0 obj<</Type/Leaf/Contents 4 0 R{resources}>>endobj\n7 0 obj<</Contents 5 0 R{resources}>>endobj"
        ),
    ] {
        let octets = with_tree(&tree);
        let found = opened(&octets, &[]);
        assert_eq!([at(&found, "page 1"), at(&found, "page 2")], ["first", "second"], "{tree}");
        assert_eq!(found.unscannable, [], "{tree}");
    }
}

#[test]
fn a_page_that_no_tree_leads_to_is_read_as_hidden_and_contents_that_are_not_there_are_a_finding() {
    let resources = format!("/Resources<<{FONT}>>");
    let octets = with_tree(&format!(
        "2 0 obj<</Type/Pages/Kids[6 0 R]>>endobj\n6 0 obj<</Type/Page/Contents 4 0 R{resources}>>endobj\n7 0 obj<</Type/Page/Contents 5 0 R{resources}>>endobj"
    ));
    let found = opened(&octets, &[]);
    let hidden = found.segments.iter().find(|segment| segment.kind == Kind::Hidden).expect("a hidden page");
    assert_eq!((hidden.text.as_ref(), hidden.place.as_ref()), ("second", "unlinked page 1"));
    let octets = with_tree(
        "2 0 obj<</Type/Pages/Kids[6 0 R]>>endobj\n6 0 obj<</Type/Page/Contents[4 0 R 77 0 R]>>endobj",
    );
    let found = opened(&octets, &[]);
    assert!(
        found.unscannable.iter().any(|one| one.path == "page 1" && one.reason == Reason::Corrupt),
        "{:?}",
        found.unscannable
    );
}

#[test]
fn what_fields_offer_figures_are_called_and_annotations_show_on_demand_is_read() {
    let appearance = |id: u32, text: &str| {
        let content = format!("BT /F 9 Tf 1 1 Td ({text}) Tj ET");
        format!(
            "{id} 0 obj<</Subtype/Form/Resources<<{FONT}>>/Length {}>>stream\n{content}\nendstream endobj\n",
            content.len()
        )
    };
    let more = format!(
        "{}{}5 0 obj<</Subtype/Widget/FT/Ch/T(choice)/Opt[[(1)(Zephyr)](Bora)]/AP<</N<</On 6 0 R>>/R 7 0 R>>/AS/Off>>endobj\n\
         8 0 obj<</Type/StructElem/S/Figure/Alt(Sirocco)>>endobj\n9 0 obj<</Type/Sig/ByteRange[0 1]/Reason(Foehn)>>endobj\n",
        appearance(6, "Mistral"),
        appearance(7, "Levant")
    );
    let octets = page("BT /F 9 Tf 1 1 Td (x) Tj ET", &format!("{FONT}>>/Annots[5 0 R]/More<<"), &more);
    let found = opened(&octets, &[]);
    for word in ["Zephyr", "Bora", "Sirocco", "Foehn", "Mistral", "Levant"] {
        assert!(all(&found).contains(word), "{word}: {}", all(&found));
    }
}
