//! Office documents, small but true to their formats.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Words;

/// A Word document with paragraphs and a picture of so many octets.
pub fn docx(words: &mut Words, paragraphs: usize, image_size: usize) -> Vec<u8> {
    let text: String = (0..paragraphs)
        .map(|_| {
            format!(
                "<w:p><w:r><w:rPr><w:lang w:val=\"en-GB\"/></w:rPr><w:t>{}</w:t></w:r></w:p>",
                words.line()
            )
        })
        .collect();
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>{text}</w:body></w:document>"
    );
    let picture = image(words, image_size);
    package(&[
        (
            "[Content_Types].xml",
            content_types("word/document.xml", "wordprocessingml.document.main").as_bytes(),
        ),
        ("_rels/.rels", relations("word/document.xml").as_bytes()),
        ("word/document.xml", document.as_bytes()),
        ("word/media/image1.png", &picture),
    ])
}

/// A workbook with one sheet of so many rows of words and small numbers.
pub fn xlsx(words: &mut Words, rows: usize) -> Vec<u8> {
    let mut cells = String::new();
    for row in 1..=rows {
        cells.push_str(&format!("<row r=\"{row}\">"));
        for column in ["A", "B", "C"] {
            let text = words.phrase(2);
            cells.push_str(&format!("<c r=\"{column}{row}\" t=\"inlineStr\"><is><t>{text}</t></is></c>"));
        }
        let price = words.below(90_000);
        cells.push_str(&format!("<c r=\"D{row}\"><v>{}.{:02}</v></c></row>", price / 100, price % 100));
    }
    let sheet = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{cells}</sheetData></worksheet>"
    );
    let workbook = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
         xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">\
         <sheets><sheet name=\"Figures\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
    let sheets = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
         Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>";
    package(&[
        ("[Content_Types].xml", content_types("xl/workbook.xml", "spreadsheetml.sheet.main").as_bytes()),
        ("_rels/.rels", relations("xl/workbook.xml").as_bytes()),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", sheets.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

/// A zip archive of text files, so many octets of text in all.
pub(super) fn zip_of_text(words: &mut Words, size: usize) -> Vec<u8> {
    let text = |words: &mut Words| (0..size / 4 / 60).map(|_| words.line() + "\r\n").collect::<String>();
    let texts = [text(words), text(words), text(words), text(words)];
    package(&[
        ("a.txt", texts[0].as_bytes()),
        ("b.txt", texts[1].as_bytes()),
        ("c.txt", texts[2].as_bytes()),
        ("d.txt", texts[3].as_bytes()),
    ])
}

/// A PDF file with compressed pages of text and one picture.
pub fn pdf(words: &mut Words, pages: usize) -> Vec<u8> {
    let mut file = PdfFile::new();
    let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", 4 + page * 2)).collect();
    file.object("<< /Type /Catalog /Pages 2 0 R >>", None);
    file.object(&format!("<< /Type /Pages /Kids [{}] /Count {pages} >>", kids.join(" ")), None);
    file.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>", None);
    for page in 0..pages {
        let contents = 5 + page * 2;
        file.object(
            &format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {contents} 0 R \
                 /Resources << /Font << /F1 3 0 R >> >> >>"
            ),
            None,
        );
        let lines: String = (0..45).map(|_| format!("({}) Tj T*\n", words.line())).collect();
        let text = format!("BT /F1 11 Tf 14 TL 50 790 Td\n{lines}ET\n");
        file.object("/Filter /FlateDecode", Some(&compressed(text.as_bytes())));
    }
    let size = 10_000 + words.below(60_000) as usize;
    let picture = compressed(&words.noise(size));
    file.object("/Type /XObject /Subtype /Image /Width 100 /Height 100 /Filter /FlateDecode", Some(&picture));
    file.finish()
}

/// A PNG file of about so many octets whose picture does not compress.
pub fn image(words: &mut Words, size: usize) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        file.extend((data.len() as u32).to_be_bytes());
        let mut checked = kind.to_vec();
        checked.extend_from_slice(data);
        let mut sum = flate2::Crc::new();
        sum.update(&checked);
        file.extend(checked);
        file.extend(sum.sum().to_be_bytes());
    };
    let side = (size as f64).sqrt() as u32;
    let header = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let rows: Vec<u8> = (0..side).flat_map(|_| [vec![0], words.noise(side as usize)].concat()).collect();
    chunk(b"IHDR", &header);
    chunk(b"IDAT", &compressed(&rows));
    chunk(b"IEND", b"");
    file
}

struct PdfFile {
    octets: Vec<u8>,
    offsets: Vec<usize>,
}

impl PdfFile {
    fn new() -> PdfFile {
        PdfFile { octets: b"%PDF-1.5\n%\xE2\xE3\xCF\xD3\n".to_vec(), offsets: Vec::new() }
    }

    /// A dictionary, or the inside of a stream's dictionary with its stream.
    fn object(&mut self, dictionary: &str, stream: Option<&[u8]>) {
        self.offsets.push(self.octets.len());
        let number = self.offsets.len();
        self.octets.extend(format!("{number} 0 obj\n").into_bytes());
        match stream {
            None => self.octets.extend_from_slice(dictionary.as_bytes()),
            Some(stream) => {
                let opening = format!("<< {dictionary} /Length {} >>\nstream\n", stream.len());
                self.octets.extend([opening.as_bytes(), stream, b"\nendstream"].concat());
            }
        }
        self.octets.extend_from_slice(b"\nendobj\n");
    }

    fn finish(mut self) -> Vec<u8> {
        let start = self.octets.len();
        let count = self.offsets.len() + 1;
        let entries: String = self.offsets.iter().map(|at| format!("{at:010} 00000 n \n")).collect();
        let table = format!(
            "xref\n0 {count}\n0000000000 65535 f \n{entries}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
        );
        self.octets.extend(table.into_bytes());
        self.octets
    }
}

fn compressed(octets: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn package(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    for (name, octets) in files {
        archive.start_file(*name, options).expect("memory takes all");
        archive.write_all(octets).expect("memory takes all");
    }
    archive.finish().expect("memory takes all").into_inner()
}

fn content_types(main: &str, kind: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/><Default Extension=\"png\" ContentType=\"image/png\"/>\
         <Override PartName=\"/{main}\" ContentType=\"application/vnd.openxmlformats-officedocument.{kind}+xml\"/></Types>"
    )
}

fn relations(main: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
         Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"{main}\"/></Relationships>"
    )
}
