"""Office documents by python-docx, openpyxl, XlsxWriter, python-pptx, odfpy, EbookLib and LibreOffice; called by make.py."""

import pathlib, shutil, subprocess, tempfile, zipfile

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "office"
CARD = "4111 1111 1111 1111"


def make():
    OUT.mkdir(exist_ok=True)
    word()
    sheet()
    sheet_formats()
    slides()
    odf()
    conditions()
    book()
    cells()
    converted()


def edit(path, name, change):
    """Rewrites one part of a package."""
    old = zipfile.ZipFile(path)
    parts = {item.filename: old.read(item) for item in old.infolist()}
    old.close()
    parts[name] = change(parts[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for part, octets in parts.items():
            new.writestr(part, octets)


def word():
    import docx
    from docx.oxml import OxmlElement, parse_xml
    from docx.oxml.ns import qn, nsdecls
    document = docx.Document()
    document.core_properties.title = "Amber title"
    document.core_properties.keywords = "Amber keyword"
    section = document.sections[0]
    section.header.paragraphs[0].text = "Amber header"
    section.footer.paragraphs[0].text = "Amber footer"
    paragraph = document.add_paragraph("Amber body ")
    for piece in ("4111 ", "1111 11", "11 1111"):
        paragraph.add_run(piece).bold = piece.startswith("1")
    hidden = document.add_paragraph("Before ").add_run("Amber hidden run")
    hidden.font.hidden = True
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Amber left", "Amber right"
    deleted = document.add_paragraph("Kept ")
    deleted._p.append(parse_xml(
        f'<w:del {nsdecls("w")} w:id="9" w:author="Amber author"><w:r><w:delText>Amber deleted</w:delText></w:r></w:del>'))
    link = document.add_paragraph("See ")
    relation = document.part.relate_to("https://amber.example/link", docx.opc.constants.RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    link._p.append(parse_xml(
        f'<w:hyperlink {nsdecls("w", "r")} r:id="{relation}" w:tooltip="Amber tooltip"><w:r><w:t>Amber link</w:t></w:r></w:hyperlink>'))
    field = document.add_paragraph()
    field._p.append(parse_xml(f'<w:r {nsdecls("w")}><w:fldChar w:fldCharType="begin"/></w:r>'))
    field._p.append(parse_xml(f'<w:r {nsdecls("w")}><w:instrText xml:space="preserve"> HYPERLINK "https://amber.example/field" </w:instrText></w:r>'))
    field._p.append(parse_xml(f'<w:r {nsdecls("w")}><w:fldChar w:fldCharType="separate"/></w:r>'))
    field._p.append(parse_xml(f'<w:r {nsdecls("w")}><w:t>Amber field</w:t></w:r>'))
    field._p.append(parse_xml(f'<w:r {nsdecls("w")}><w:fldChar w:fldCharType="end"/></w:r>'))
    box = document.add_paragraph("Around ")
    box._p.append(parse_xml(
        f'<w:r {nsdecls("w")} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" xmlns:v="urn:schemas-microsoft-com:vml">'
        '<mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:txbx><w:txbxContent><w:p><w:r><w:t>Amber text box</w:t></w:r></w:p></w:txbxContent></wps:txbx></w:drawing></mc:Choice>'
        '<mc:Fallback><w:pict><v:textbox><w:txbxContent><w:p><w:r><w:t>Amber text box</w:t></w:r></w:p></w:txbxContent></v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>'))
    box.add_run("the box")
    if hasattr(document, "add_comment"):
        document.add_comment(box.runs, text="Amber comment", author="Amber commenter", initials="AC")
    document.add_picture(picture(), width=docx.shared.Inches(0.2))
    document.inline_shapes[0]._inline.docPr.set("descr", "Amber alternative text")
    document.save(OUT / "word.docx")
    edit(OUT / "word.docx", "word/document.xml", lambda xml: xml)


def picture():
    """A picture of one point."""
    import base64, io
    return io.BytesIO(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))


def sheet():
    import openpyxl
    from openpyxl.comments import Comment
    book = openpyxl.Workbook()
    first = book.active
    first.title = "Payroll"
    first.append(["Name", "SSN", "Card"])
    first.append(["Amber Person", "536-90-4399", CARD])
    first["B3"] = 536904399
    first["B3"].number_format = "000-00-0000"
    first["C3"] = 4111111111111111
    first["C3"].number_format = "0"
    first["A4"] = '="Amber "&"formula"'
    first["A5"] = "Amber hidden row"
    first.row_dimensions[5].hidden = True
    first["E1"] = "Amber hidden column"
    first.column_dimensions["E"].hidden = True
    first["A2"].comment = Comment("Amber cell comment", "Amber commenter")
    first["A6"] = "Amber site"
    first["A6"].hyperlink = "https://amber.example/cell"
    first.oddHeader.center.text = "Amber sheet header"
    second = book.create_sheet("Amber Sheet")
    second["B7"] = "Amber far cell"
    third = book.create_sheet("Secret")
    third.sheet_state = "veryHidden"
    third["A1"] = "Amber hidden sheet"
    book.properties.title = "Amber workbook"
    book.save(OUT / "sheet.xlsx")


def sheet_formats():
    import datetime, xlsxwriter
    book = xlsxwriter.Workbook(OUT / "formats.xlsx")
    page = book.add_worksheet("Numbers")
    rows = [
        (536904399, "000-00-0000"), (5551234, "[<=9999999]###-####;(###) ###-####"), (2065551234, "[<=9999999]###-####;(###) ###-####"),
        (1234567.891, "#,##0.00"), (0.256, "0.0%"), (1234.5, '"EUR "#,##0.00'), (42, "General"), (7, "00000"),
        (45123.75, "yyyy-mm-dd hh:mm"), (45123, "d mmmm yyyy"), (4111111111111111, "0000 0000 0000 0000"), (-1234.5, "#,##0.0"),
    ]
    for row, (number, code) in enumerate(rows):
        page.write_number(row, 0, number, book.add_format({"num_format": code}))
    page.write_rich_string("B1", "Amber ", book.add_format({"bold": True}), "rich ", "string")
    page.write_formula("B2", '=CONCATENATE("Amber"," cached")', None, "Amber cached")
    page.write_boolean("B3", True)
    page.data_validation("B4", {"validate": "list", "source": ["Amber choice", "other"], "input_message": "Amber prompt"})
    page.insert_textbox("D1", "Amber drawing")
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=Numbers!$A$7:$A$8", "name": "Amber series"})
    chart.set_title({"name": "Amber chart"})
    page.insert_chart("D10", chart)
    page.write_comment("B1", "Amber note", {"author": "Amber author"})
    book.define_name("AmberName", '="Amber constant"')
    book.close()


def slides():
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches
    show = pptx.Presentation()
    for number in (1, 2):
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = f"Amber title {number}"
        slide.placeholders[1].text = f"Amber point {number}\n{CARD}"
        slide.notes_slide.notes_text_frame.text = f"Amber notes {number}"
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(5), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Amber left", "Amber right"
    data = CategoryChartData()
    data.categories = ["Amber category"]
    data.add_series("Amber series", (1.5,))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(1), Inches(2), Inches(2), data)
    hidden = show.slides.add_slide(show.slide_layouts[5])
    hidden.shapes.title.text = "Amber hidden slide"
    hidden._element.set("show", "0")
    # The order on the screen is not that of the names.
    order = show.slides._sldIdLst
    order.insert(0, order[1])
    show.core_properties.subject = "Amber subject"
    show.save(OUT / "slides.pptx")


def odf():
    from odf import dc, draw, office, style, table, text
    from odf.opendocument import OpenDocumentPresentation, OpenDocumentSpreadsheet, OpenDocumentText
    document = OpenDocumentText()
    document.meta.addElement(dc.Title(text="Amber title"))
    paragraph = text.P(text="Amber body ")
    paragraph.addElement(text.Span(text="4111 1111 "))
    paragraph.addElement(text.Span(text="1111 1111"))
    paragraph.addElement(text.S(c=3))
    note = text.Note(noteclass="footnote")
    note.addElement(text.NoteCitation(text="1"))
    body = text.NoteBody()
    body.addElement(text.P(text="Amber footnote"))
    note.addElement(body)
    paragraph.addElement(note)
    comment = office.Annotation()
    comment.addElement(dc.Creator(text="Amber commenter"))
    comment.addElement(dc.Date(text="2026-01-01T00:00:00"))
    comment.addElement(text.P(text="Amber comment"))
    paragraph.addElement(comment)
    paragraph.addText("end")
    document.text.addElement(paragraph)
    document.text.addElement(text.P(text=""))
    link = text.A(href="https://amber.example/odt", text="Amber link")
    last = text.P()
    last.addElement(link)
    last.addElement(text.HiddenText(condition="true", stringvalue="Amber hidden text", ishidden="true"))
    document.text.addElement(last)
    page = style.PageLayout(name="page")
    document.automaticstyles.addElement(page)
    master = style.MasterPage(name="Standard", pagelayoutname=page)
    header = style.Header()
    header.addElement(text.P(text="Amber header"))
    master.addElement(header)
    document.masterstyles.addElement(master)
    document.save(OUT / "text.odt")
    book = OpenDocumentSpreadsheet()
    away = style.Style(name="away", family="table")
    away.addElement(style.TableProperties(display="false"))
    book.automaticstyles.addElement(away)
    for name, options in (("Payroll", {}), ("Secret", {"stylename": away})):
        sheet = table.Table(name=name, **options)
        row = table.TableRow()
        sheet.addElement(row)
        for content in ("Name", "SSN"):
            cell = table.TableCell(valuetype="string")
            cell.addElement(text.P(text=content))
            row.addElement(cell)
        sheet.addElement(table.TableRow(numberrowsrepeated=3))
        row = table.TableRow()
        sheet.addElement(row)
        row.addElement(table.TableCell(numbercolumnsrepeated=2))
        cell = table.TableCell(valuetype="float", value="536904399")
        cell.addElement(text.P(text="536-90-4399"))
        row.addElement(cell)
        cell = table.TableCell(valuetype="string", numbercolumnsrepeated=2)
        cell.addElement(text.P(text=f"Amber {name}"))
        row.addElement(cell)
        book.spreadsheet.addElement(sheet)
    book.save(OUT / "sheet.ods")
    show = OpenDocumentPresentation()
    layout = style.PageLayout(name="layout")
    show.automaticstyles.addElement(layout)
    master = style.MasterPage(name="Main", pagelayoutname=layout)
    show.masterstyles.addElement(master)
    for number in (1, 2):
        page = draw.Page(masterpagename=master, name=f"page{number}")
        frame = draw.Frame(width="10cm", height="2cm")
        box = draw.TextBox()
        box.addElement(text.P(text=f"Amber slide {number}"))
        frame.addElement(box)
        page.addElement(frame)
        show.presentation.addElement(page)
    show.save(OUT / "slides.odp")


def book():
    from ebooklib import epub
    made = epub.EpubBook()
    made.set_identifier("amber")
    made.set_title("Amber book")
    made.set_language("en")
    chapter = epub.EpubHtml(title="Amber chapter", file_name="one.xhtml", lang="en")
    chapter.content = f"<h1>Amber chapter</h1><p>card {CARD}</p>"
    made.add_item(chapter)
    made.toc = (chapter,)
    made.add_item(epub.EpubNcx())
    made.add_item(epub.EpubNav())
    made.spine = ["nav", chapter]
    epub.write_epub(OUT / "book.epub", made)


def cells():
    """Cards of which each group stands in a cell of its own, and a table of numbers of which one has the right check digit by chance."""
    import docx, openpyxl, pptx
    cards = [["No", "Name", "a", "b", "c", "d"], [1, "Ann", 4012, 8888, 8888, 1881], [2, "Bea", 5555, 5555, 5555, 4444]]
    numbers = [["Year", "North", "East", "South", "West"], [2024, 4012, 8888, 8888, 1881], [2025, 4013, 8888, 8888, 1881]]
    document = docx.Document()
    for rows in cards, numbers:
        document.add_paragraph("A table")
        table = document.add_table(rows=len(rows), cols=len(rows[0]))
        for row, values in zip(table.rows, rows):
            for cell, value in zip(row.cells, values):
                cell.text = str(value)
    document.save(OUT / "cells.docx")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in ("Cards", cards), ("Numbers", numbers):
        sheet = book.create_sheet(name)
        for values in rows:
            sheet.append(values)
    boxes = book.create_sheet("Boxes")
    for column, digit in enumerate("4012888888881881"):
        boxes.cell(3, 2 + column + column // 4, int(digit))
    book.save(OUT / "cells.xlsx")
    show = pptx.Presentation()
    for rows in cards, numbers:
        slide = show.slides.add_slide(show.slide_layouts[6])
        table = slide.shapes.add_table(len(rows), len(rows[0]), 0, 0, 6000000, 2000000).table
        for row, values in enumerate(rows):
            for column, value in enumerate(values):
                table.cell(row, column).text = str(value)
    show.save(OUT / "cells.pptx")


def conditions():
    """Conditions of formats and of a validation, as LibreOffice writes them."""
    import openpyxl
    from openpyxl.formatting.rule import CellIsRule, FormulaRule
    from openpyxl.styles import PatternFill
    from openpyxl.worksheet.datavalidation import DataValidation

    book = openpyxl.Workbook()
    sheet, fill = book.active, PatternFill(bgColor="FF0000", fill_type="solid")
    sheet.title, sheet["A1"] = "Rules", "shown"
    rules = sheet.conditional_formatting
    rules.add("A1:A9", CellIsRule(operator="equal", formula=[f'"{CARD}"'], fill=fill))
    rules.add("B1:B9", FormulaRule(formula=['B1="Amber rule"'], fill=fill))
    rules.add("C1:C9", CellIsRule(operator="equal", formula=["4111111111111111"], fill=fill))
    choices = DataValidation(type="list", formula1='"Amber choice,536-90-4399"', showErrorMessage=True, error="Amber error")
    choices.add("E1")
    sheet.add_data_validation(choices)
    with tempfile.TemporaryDirectory() as folder:
        book.save(pathlib.Path(folder, "conditions.xlsx"))
        subprocess.run(["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", "ods", "--outdir", OUT,
                        f"{folder}/conditions.xlsx"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def converted():
    """What LibreOffice makes of the others."""
    for source, targets in {
        "word.docx": ["odt", "dotx:MS Word 2007 XML Template"], "sheet.xlsx": ["ods", "xltx:Calc MS Excel 2007 XML Template"],
        "slides.pptx": ["odp", "ppsx:Impress MS PowerPoint 2007 XML AutoPlay", "potx:Impress MS PowerPoint 2007 XML Template"],
        "text.odt": ["docx"], "sheet.ods": ["xlsx"], "cells.docx": ["odt"], "cells.xlsx": ["ods", "xls"],
    }.items():
        for target in targets:
            folder = pathlib.Path(tempfile.mkdtemp())
            subprocess.run(["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", target, "--outdir", folder, OUT / source],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            extension = target.split(":")[0]
            stem = source.split(".")[0]
            shutil.move(folder / f"{stem}.{extension}", OUT / f"{stem}-by-libreoffice.{extension}")
            shutil.rmtree(folder)
