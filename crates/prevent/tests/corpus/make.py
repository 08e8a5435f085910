#!/usr/bin/env python3
"""Makes the seeds of the detection server's fuzz bodies: headers as Python's email writes them, with lines forged into them, and the packets
of a milter session in the order in which Postfix sends them, each behind its length in one octet.
"""

import email.policy
import pathlib
import struct
from email.message import EmailMessage

HERE = pathlib.Path(__file__).parent


def write(body, name, octets):
    folder = HERE / body
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(octets)


def headers():
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["Received"] = "from a.example by b.example; Mon, 1 Jan 2024 00:00:00 +0000"
    mail["From"] = "Ann <ann@corp.example>"
    mail["Subject"] = "Größe and a subject that is long enough to be folded into two lines at the least"
    mail["Message-ID"] = "<1@corp.example>"
    mail["X-dlp-policyid"] = "23"
    mail["X-Cfilter-Loop"] = "Reflected"
    mail.set_content("Soup at noon.\n")
    write("header", "forged.eml", mail.as_bytes())
    write("header", "bare-lines.eml", mail.as_bytes(policy=email.policy.default))
    write("header", "folded-names", b"X-DLP-a :\r\n b\r\n\tc\r\nx-dlp-b:\r\nSubject:\r\n =?utf-8?q?a?=\r\n\r\nbody")
    write("header", "no-body", b"Subject: x\r\nX-dlp-uniquemsgid: 1")


def packets():
    session = [
        b"O" + struct.pack("!III", 6, 0x1FF, 0x1FFFFF),
        b"Dj\0mx.corp.example\0{daemon_name}\0weir\0",
        b"Clocalhost\x004" + struct.pack("!H", 40000) + b"127.0.0.1\0",
        b"Hclient.example\0",
        b"M<ann@corp.example>\0SIZE=100\0",
        b"R<bob@other.example>\0",
        b"T",
        b"LFrom\0 Ann <ann@corp.example>\0",
        b"LSubject\0 two\n lines\0",
        b"N",
        b"BSoup at noon.\r\n",
        b"E",
        b"Q",
    ]
    write("milter", "session", b"".join(bytes([len(packet)]) + packet for packet in session))
    write("milter", "cut-short", b"".join(bytes([len(packet) - 1]) + packet[:-1] for packet in session))
    write("milter", "old-version", bytes([13]) + b"O" + struct.pack("!III", 2, 0x3F, 0x7F) + b"\x0aLA:B\0 c\r\n\0")


if __name__ == "__main__":
    headers()
    packets()
