#!/usr/bin/env python3
"""Makes the seeds of the mail readers' fuzz bodies by other people's software: Python's email, base64, quopri and codecs, and OpenSSL.

Needs openssl. TNEF is laid out by hand (MS-OXTNEF): no free software writes it. Nothing in the seeds is about anyone.
"""

import base64
import binascii
import email.header
import email.policy
import gzip
import json
import pathlib
import quopri
import struct
import subprocess
import tempfile
import xml.etree.ElementTree
from email.message import EmailMessage, Message
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart

HERE = pathlib.Path(__file__).parent
TEXT = "Soup at noon. The word is Zephyr; Größe, 東京.\n"


def write(body, name, octets):
    folder = HERE / body
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(octets)


def message():
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"] = "Ann <ann@corp.example>"
    mail["To"] = "bob@other.example, Größe <groesse@other.example>"
    mail["Subject"] = "Offer: Größe and 東京"
    mail["Message-ID"] = "<1@corp.example>"
    mail.set_content(TEXT)
    mail.add_alternative(f"<p>Soup at <b>noon</b>.</p><!-- Zephyr -->{TEXT}", subtype="html")
    return mail


def mails():
    plain = message()
    write("mail", "alternative.eml", plain.as_bytes())
    attached = message()
    attached.add_attachment("name;word\n1;Zephyr\n", subtype="csv", filename="Größe und 東京 und noch mehr.csv")
    attached.add_attachment(plain)
    write("mail", "attached.eml", attached.as_bytes())
    status = Message()
    status["Reporting-MTA"] = "dns; mx.corp.example"
    delivery = MIMEBase("message", "delivery-status")
    delivery.set_payload([status])
    report = MIMEMultipart("report", report_type="delivery-status")
    report["Subject"] = "Undelivered"
    report.attach(delivery)
    report.attach(MIMEMessage(plain))
    write("mail", "report.eml", report.as_bytes())


def headers():
    head = message().as_bytes().split(b"\r\n\r\n")[0] + b"\r\n\r\n"
    write("header", "folded", head)
    long = email.header.Header("Größe " * 40, "iso-8859-1", header_name="Subject").encode()
    write("header", "encoded-words", f"Subject: {long}\n\n".encode())
    parts = Message()
    parts.add_header("Content-Disposition", "attachment", filename=("utf-8", "de", "Größe 東京.txt"))
    parts.add_header("Content-Type", "text/plain", charset="utf-7")
    write("header", "rfc2231", parts.as_bytes())


def charsets():
    for charset in ["iso-2022-jp", "shift_jis", "euc-jp", "utf-16", "utf-7", "gb18030", "big5"]:
        write("charset", charset, "Zephyr 東京 soup\r\n".encode(charset))
    write("charset", "iso-8859-15", "Größe 5 €\r\n".encode("iso-8859-15"))


def transfers():
    write("transfer", "base64", base64.encodebytes(TEXT.encode() * 4))
    write("transfer", "quoted-printable", quopri.encodestring(TEXT.encode() * 4))
    lines = [b"begin 644 note.txt\n"]
    octets = TEXT.encode() * 2
    lines += [binascii.b2a_uu(octets[at : at + 45]) for at in range(0, len(octets), 45)]
    write("transfer", "uuencode", b"".join(lines) + b"`\nend\n")


def pages():
    html = message().get_body(("html",)).get_content()
    write("html", "alternative.html", html.encode())
    write(
        "html",
        "page.html",
        b"<!DOCTYPE html><html><head><title>Zephyr</title><style>p{display:none}</style></head><body>"
        b"<p>4111&nbsp;1111&#32;1111&#x20;1111</p><script>a='<b>'</script><table><tr><td>1<td>2</table></body></html>",
    )


def notations():
    """Calendars and cards are laid out by hand, folded at 75 octets as the standard has it."""
    event = f"BEGIN:VCALENDAR\r\nDESCRIPTION:{TEXT * 3}".replace("\n", "\\n").replace("\r\\n", "\r\n")
    folded = "\r\n ".join(event[at : at + 60] for at in range(0, len(event), 60))
    data = base64.b64encode(TEXT.encode()).decode()
    write("notation", "event.ics", f"{folded}\r\nATTACH;ENCODING=BASE64:{data}\r\nEND:VCALENDAR\r\n".encode())
    quoted = quopri.encodestring(TEXT.encode()).decode()
    write("notation", "card.vcf", f"BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=utf-8:{quoted}END:VCARD\n".encode())
    write("notation", "text.json", json.dumps({"text": TEXT}).encode())
    packed = base64.b64encode(gzip.compress(TEXT.encode() * 3, mtime=0) + bytes(60)).decode()
    write("notation", "encoded.json", json.dumps({"text": data, "file": packed, "lines": base64.encodebytes(TEXT.encode() * 2).decode()}).encode())
    write("notation", "encoded.sql", f"INSERT INTO a VALUES (0x{TEXT.encode().hex()}, '{packed}');\n".encode())
    element = xml.etree.ElementTree.Element("text", {"of": "<&\"\n"})
    element.text = TEXT
    write("notation", "text.xml", xml.etree.ElementTree.tostring(element, encoding="us-ascii"))


def tnef():
    def attribute(level, kind, data):
        return struct.pack("<BII", level, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)

    octets = struct.pack("<IH", 0x223E9F78, 1)
    octets += attribute(1, 0x00089006, struct.pack("<I", 0x00010000))
    octets += attribute(1, 0x00018004, b"Offer Zephyr\0")
    octets += attribute(1, 0x0002800C, b"Soup at noon.\0")
    octets += attribute(2, 0x00069002, bytes(14))
    octets += attribute(2, 0x00018010, b"note.txt\0")
    octets += attribute(2, 0x0006800F, TEXT.encode())
    write("tnef", "winmail.dat", octets)


def smime():
    with tempfile.TemporaryDirectory() as dir:
        key, chain, text = f"{dir}/key", f"{dir}/chain", f"{dir}/text"
        pathlib.Path(text).write_text(TEXT)
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        new += ["-subj", "/CN=Ann", "-days", "30", "-keyout", key, "-out", chain]
        subprocess.run(new, check=True, capture_output=True)
        sign = ["openssl", "cms", "-sign", "-in", text, "-signer", chain, "-inkey", key, "-outform", "DER"]
        write("smime", "signed.p7m", subprocess.run([*sign, "-nodetach"], check=True, capture_output=True).stdout)
        write("smime", "signature.p7s", subprocess.run(sign, check=True, capture_output=True).stdout)
        seal = ["openssl", "cms", "-encrypt", "-in", text, "-outform", "DER", chain]
        write("smime", "enveloped.p7m", subprocess.run(seal, check=True, capture_output=True).stdout)


if __name__ == "__main__":
    for make in [mails, headers, charsets, transfers, pages, notations, tnef, smime]:
        make()
