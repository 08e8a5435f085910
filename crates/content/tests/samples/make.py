#!/usr/bin/env python3
"""Makes the samples of the document readers by other people's software.

Needs: pip install reportlab pypdf pikepdf pillow python-docx xlwt; apt-get install libreoffice-writer libreoffice-calc
libreoffice-impress. Every sample holds words that the tests look for; nothing in them is about anyone.
"""

import gzip
import io
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import zlib

import docx
import docx.oxml
import docx.oxml.ns
import pikepdf
import xlwt
from PIL import Image, ImageDraw, ImageFont, ImageOps, PngImagePlugin
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

HERE = pathlib.Path(__file__).parent


def office(source, target, filter_name=""):
    """Converts with LibreOffice."""
    form = f"{target}:{filter_name}" if filter_name else target
    command = ["soffice", "--headless", "--convert-to", form, "--outdir", str(HERE), str(source)]
    subprocess.run(command, check=True, capture_output=True)


def letter():
    document = docx.Document()
    document.core_properties.author = "Ada Sample"
    document.core_properties.title = "Letter of samples"
    document.sections[0].header.paragraphs[0].text = "Header word Zephyr"
    document.sections[0].footer.paragraphs[0].text = "Footer word Borealis"
    document.add_paragraph("The card is 4111 1111 1111 1111 and the price 12 €.")
    document.add_paragraph("Příliš žluťoučký kůň; Съешь же ещё; 日本語の文.")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Name", "4111"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "letter.docx")
        document.save(path)
        office(path, "doc", "MS Word 97")
        office(path, "rtf", "Rich Text Format")
        office(path, "pdf", "writer_pdf_Export")


def form():
    """Fields of an old form with what they offer and say."""
    document = docx.Document()
    says = '<w:helpText w:type="text" w:val="{}"/>'
    fields = {
        "FORMTEXT": says.format("Help Borealis") + '<w:statusText w:type="text" w:val="Status Mistral"/>'
        '<w:textInput><w:default w:val="Default 4111 1111 1111 1111"/></w:textInput>',
        "FORMDROPDOWN": says.format("Help of the choice") + "<w:ddList>"
        + "".join(f'<w:listEntry w:val="{choice}"/>' for choice in ("Zephyr", "536-90-4399", "größe")) + "</w:ddList>",
        "FORMCHECKBOX": says.format("Help of the box") + '<w:checkBox><w:sizeAuto/><w:default w:val="1"/></w:checkBox>',
    }
    for instruction, data in fields.items():
        paragraph = document.add_paragraph("Field: ")
        for run in (
            f'<w:fldChar w:fldCharType="begin"><w:ffData><w:enabled/>{data}</w:ffData></w:fldChar>',
            f'<w:instrText xml:space="preserve"> {instruction} </w:instrText>',
            '<w:fldChar w:fldCharType="separate"/>',
            "<w:t>typed</w:t>",
            '<w:fldChar w:fldCharType="end"/>',
        ):
            paragraph._p.append(docx.oxml.parse_xml(f"<w:r {docx.oxml.ns.nsdecls('w')}>{run}</w:r>"))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "form.docx")
        document.save(path)
        office(path, "doc", "MS Word 97")


def lists():
    """Lists whose numbers and words stand before paragraphs, one that headings count, and none."""
    spaces = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0"
    names = " ".join(f'xmlns:{name}="{spaces.format(name)}"' for name in ("office", "style", "text"))
    numbers = """<text:list-level-style-number text:level="1" style:num-prefix="Card " style:num-suffix="-" style:num-format="1"
 text:start-value="4111"/><text:list-level-style-number text:level="2" style:num-suffix=")" style:num-format="a"/>"""
    outline = '<text:outline-level-style text:level="1" style:num-prefix="Chapter " style:num-suffix=":" style:num-format="I" text:start-value="4"/>'
    heading = '<text:h text:style-name="Heading_20_1" text:outline-level="1">{}</text:h>'
    items = "".join(f"<text:list-item><text:p>{text}</text:p></text:list-item>" for text in ("first below", "second below"))
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document {names} office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.text">
<office:styles><text:outline-style style:name="Outline">{outline}</text:outline-style>
<style:style style:name="Heading_20_1" style:display-name="Heading 1" style:family="paragraph" style:default-outline-level="1"/></office:styles>
<office:automatic-styles><text:list-style style:name="L1">{numbers}</text:list-style></office:automatic-styles>
<office:body><office:text>{heading.format("Zephyr heading")}
<text:list text:style-name="L1"><text:list-item><text:p>1111-1111-1111</text:p><text:list>{items}</text:list></text:list-item>
<text:list-item><text:p>Borealis follows</text:p></text:list-item></text:list>
<text:p>No list here.</text:p>{heading.format("Another heading")}</office:text></office:body></office:document>"""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "lists.fodt")
        path.write_text(text)
        office(path, "doc", "MS Word 97")


def book():
    workbook = xlwt.Workbook(encoding="utf-8")
    sheet = workbook.add_sheet("Customers")
    sheet.write(0, 0, "Name")
    sheet.write(6, 1, "Žofie Sample")
    sheet.write(1, 1, 4111111111111111.0)
    sheet.write(2, 1, 123456789, xlwt.easyxf(num_format_str="000\\-00\\-0000"))
    sheet.write(3, 1, 45356, xlwt.easyxf(num_format_str="dd/mm/yyyy"))
    sheet.write(4, 1, xlwt.Formula('"for" & "mula"'))
    for row in range(8, 500):
        sheet.write(row, 2, f"filler string number {row} " + "é" * (row % 50))
    secret = workbook.add_sheet("Secret")
    secret.visibility = 1
    secret.write(0, 0, "hidden sheet word")
    workbook.save(HERE / "book.xls")


def talk():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "talk.fodp")
        path.write_text(TALK, encoding="utf-8")
        office(path, "ppt", "MS PowerPoint 97")
    large = HERE / "talk.ppt"
    (HERE / "talk.ppt.gz").write_bytes(gzip.compress(large.read_bytes(), 9, mtime=0))
    large.unlink()


TALK = """<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"
 xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" office:version="1.2"
 office:mimetype="application/vnd.oasis.opendocument.presentation"><office:body><office:presentation>
<draw:page draw:name="one"><draw:frame svg:x="1cm" svg:y="1cm" svg:width="10cm" svg:height="3cm"><draw:text-box>
<text:p>First slide word Aurora</text:p></draw:text-box></draw:frame></draw:page>
<draw:page draw:name="two"><draw:frame svg:x="1cm" svg:y="1cm" svg:width="10cm" svg:height="3cm"><draw:text-box>
<text:p>Second slide číslo 4111</text:p></draw:text-box></draw:frame>
<presentation:notes><draw:frame presentation:class="notes" svg:x="1cm" svg:y="9cm" svg:width="10cm" svg:height="3cm"><draw:text-box>
<text:p>Speaker note word Mistral</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>
</office:presentation></office:body></office:document>"""


def pdfs():
    path = HERE / "report.pdf"
    page = canvas.Canvas(str(path), pagesize=A4, pageCompression=1)
    page.setTitle("Report of samples")
    page.setAuthor("Ada Sample")
    page.drawString(72, 760, "Name")
    page.drawString(200, 760, "4111")
    for index, digit in reversed(list(enumerate("5500005555555559"))):
        page.drawString(72 + index * 6.672, 700, digit)
    page.beginForm("stamp")
    page.drawString(72, 640, "Form object word Sirocco")
    page.endForm()
    page.doForm("stamp")
    page.acroForm.textfield(name="account", value="field value 998877", x=72, y=560, width=200, height=20)
    page.linkURL("https://example.com/link-target", (72, 500, 200, 520))
    page.showPage()
    page.drawString(72, 760, "Second page word Tramontana")
    page.showPage()
    page.save()
    writer = PdfWriter(clone_from=str(path))
    writer.add_attachment("inner.txt", b"attached word Levante")
    writer.write(str(path))
    for name, user in (("open-locked.pdf", ""), ("locked.pdf", "secret")):
        with pikepdf.open(path) as document:
            document.save(HERE / name, encryption=pikepdf.Encryption(user=user, owner="owner", R=6))
    with pikepdf.open(path) as document:
        document.save(HERE / "streams.pdf", object_stream_mode=pikepdf.ObjectStreamMode.generate)
    (HERE / "no-table.pdf").write_bytes(path.read_bytes().replace(b"startxref", b"startxxxx").replace(b"\nxref", b"\nxxxx"))
    assert len(PdfReader(path).pages) == 2


def database():
    path = HERE / "people.sqlite"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("create table people (id integer primary key, name text, card integer, note text)")
    connection.execute("create table pairs (k text primary key, v text) without rowid")
    rows = [(index, f"Person {index}", 4111111111111111 + index, "x" * (index % 7)) for index in range(400)]
    connection.executemany("insert into people values (?,?,?,?)", rows)
    connection.execute("insert into people values (1000, 'Long', 1, ?)", ("overflow " * 2000 + "tail word Ostro",))
    connection.execute("insert into pairs values ('key word', 'value word Gregale')")
    connection.commit()
    connection.close()


def pictures():
    picture = Image.new("RGB", (8, 8), "white")
    exif = Image.Exif()
    exif[0x010E] = "EXIF word Libeccio"
    exif[0x9C9B] = "Title Žofie".encode("utf-16-le")
    picture.save(HERE / "photo.jpg", exif=exif, comment=b"comment word Ponente")
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Comment", "text chunk word Scirocco")
    chunks.add_text("Long", "packed chunk word Maestrale", zip=True)
    chunks.add_itxt("Title", "Žluť Grecale")
    profile = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    # As ImageMagick and GIMP write it.
    chunks.add_text("Raw profile type exif", f"\nexif\n{len(profile):8}\n{profile.hex()}\n", zip=True)
    picture.save(HERE / "photo.png", pnginfo=chunks)
    picture.save(HERE / "photo.tiff", tiffinfo={270: "TIFF word Bora"})
    picture.save(HERE / "photo.webp", exif=exif)
    properties = Image.Exif()
    properties[0x010E], properties[0x013B] = "Zephyr 4111 1111 1111 1111", "Ada Sample"
    title = '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Borealis title</rdf:li></rdf:Alt></dc:title>'
    spaces = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"', 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    packet = f"<rdf:RDF {spaces[0]}><rdf:Description {spaces[1]}>{title}</rdf:Description></rdf:RDF>"
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{packet}</x:xmpmeta>'.encode()
    Image.new("RGB", (16, 16), (10, 20, 30)).save(HERE / "photo.avif", exif=properties.tobytes(), xmp=packet)
    picture.save(HERE / "photo.gif", comment=b"comment word Levanter")
    for ending in ("jpg", "tiff"):
        shutil.copy(HERE / f"photo.{ending}", HERE / f"iptc.{ending}")
        words = ["-IPTC:Caption-Abstract=caption word Tramontana", "-IPTC:Keywords=keyword Föhn", "-Photoshop:URL=https://example.com/Meltemi"]
        options = ["-q", "-overwrite_original", "-charset", "iptc=utf8", "-codedcharacterset=utf8"]
        subprocess.run(["exiftool", *options, *words, HERE / f"iptc.{ending}"], check=True)


def jbig2(page):
    """A page of one region whose lines are coded as libtiff does for faxes (MMR), as a PDF embeds it."""
    tiff = io.BytesIO()
    # Ink is 1 in both.
    ImageOps.invert(page).point(lambda level: 255 * (level > 128)).convert("1").save(tiff, "TIFF", compression="group4", tiffinfo={278: page.height})
    image = Image.open(tiff)
    start, length = image.tag_v2[273][0], image.tag_v2[279][0]
    size = struct.pack(">II", *page.size)
    segment = lambda number, kind, data: struct.pack(">IBBBI", number, kind, 0, 1, len(data)) + data
    region = size + bytes(9) + b"\1" + tiff.getvalue()[start : start + length]
    return segment(0, 48, size + bytes(11)) + segment(1, 38, region)


def scans():
    """Pictures of a page of text, as people send them, and in documents."""
    page = Image.new("L", (900, 260), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=34)
    for line, text in enumerate(["Amber invoice for the harbour office", "Card 4111 1111 1111 1111", "Total 1250 Euro"]):
        draw.text((40, 30 + 70 * line), text, font=font, fill=20)
    folder = HERE / "scans"
    folder.mkdir(exist_ok=True)
    page.save(folder / "page.png", optimize=True)
    page.save(folder / "page.jpg", quality=80)
    page.convert("P").save(folder / "page.gif")
    page.convert("RGB").save(folder / "page.webp", quality=60)
    bits = page.convert("1", dither=Image.Dither.NONE)
    bits.save(folder / "page.bmp")
    blank = Image.new("1", page.size, 1)
    blank.save(folder / "second.tiff", compression="group4", save_all=True, append_images=[bits])
    # Fax lines, JPEG, and samples packed as they are.
    bits.save(folder / "fax.pdf")
    page.save(folder / "jpeg.pdf")
    with pikepdf.open(folder / "fax.pdf") as document:
        image = next(iter(document.pages[0].images.values()))
        image.write(zlib.compress(pikepdf.PdfImage(image).as_pil_image().convert("L").tobytes(), 9), filter=pikepdf.Name.FlateDecode)
        image.BitsPerComponent, image.ColorSpace = 8, pikepdf.Name.DeviceGray
        document.save(folder / "samples.pdf")
        image.write(jbig2(page), filter=pikepdf.Name.JBIG2Decode)
        image.BitsPerComponent = 1
        document.save(folder / "jbig2.pdf")
        jpx = io.BytesIO()
        page.convert("RGB").save(jpx, "JPEG2000", quality_layers=[30])
        image.write(jpx.getvalue(), filter=pikepdf.Name.JPXDecode)
        del image.BitsPerComponent, image.ColorSpace
        document.save(folder / "jpeg2000.pdf")
    document = docx.Document()
    document.add_paragraph("See the picture.")
    document.add_picture(str(folder / "page.png"))
    document.save(folder / "letter.docx")


if __name__ == "__main__":
    letter()
    form()
    book()
    talk()
    pdfs()
    database()
    pictures()
    scans()
