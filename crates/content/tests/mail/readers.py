#!/usr/bin/env python3
"""Asks real mail readers who shows MARKTEXT in each row of evasions.txt, and writes their names into the table.

usage: readers.py [--write]     Without --write it checks the table: it fails if a reader that is here no longer shows a row that names it, or
if nobody here shows a row. Readers that are not installed are left out; nothing is downloaded. `clients.py` has them all.
"""

import base64
import os
import re
import sys
from pathlib import Path

import clients

TABLE = Path(__file__).with_name("evasions.txt")
HEADER = b"From: alice@example.com\r\nTo: bob@example.org\r\nSubject: a row\r\nMIME-Version: 1.0\r\n"


# ---- the table, as table.rs reads it


def der(tag, content):
    return bytes([tag, 0x82, len(content) >> 8, len(content) & 255]) + content


def ber(tag, content):
    return bytes([tag, 0x80]) + content + b"\0\0"


def signed(content, pieces):
    wrap = ber if pieces else der
    octets = ber(0x24, b"".join(der(4, content[at : at + 7]) for at in range(0, len(content), 7))) if pieces else der(4, content)
    oid = bytes.fromhex("06092a864886f70d0107")
    encapsulated = wrap(0x30, oid + b"\1" + wrap(0xA0, octets))
    return wrap(0x30, oid + b"\2" + wrap(0xA0, wrap(0x30, b"\2\1\1\x31\0" + encapsulated + b"\x31\0")))


def tnef(*attributes):
    out = bytes.fromhex("789f3e220100")
    for level, name, data in attributes:
        out += bytes([level]) + name.to_bytes(2, "little") + b"\1\0" + len(data).to_bytes(4, "little") + data
        out += (sum(data) & 0xFFFF).to_bytes(2, "little")
    return out


def uuencode(octets):
    import binascii

    return binascii.b2a_uu(octets, backtick=True).rstrip(b"\n")


def repeat(text):
    count, text = text.split(b" ", 1)
    return int(count) * text


MACROS = {
    "b64": base64.b64encode,
    "qp": lambda text: b"".join(b"=%02X" % octet for octet in text),
    "uu": uuencode,
    "yenc": lambda text: bytes((octet + 42) & 255 for octet in text),
    "hex": lambda text: bytes.fromhex(text.decode()),
    "repeat": repeat,
    "cms": lambda text: base64.b64encode(signed(text, False)),
    "cmspieces": lambda text: base64.b64encode(signed(text, True)),
    "tnef": lambda text: base64.b64encode(tnef((2, 0x9002, bytes(14)), (2, 0x8010, b"a.txt\0"), (2, 0x800F, text))),
    "tnefbody": lambda text: base64.b64encode(tnef((1, 0x800C, text))),
}
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "N": b"\r\n"}


def unescape(text, made):
    def one(match):
        if match[1] is not None:
            return made[int(match[1])]
        if match[2] is not None:
            return bytes([int(match[2], 16)])
        if match[3] is not None:
            return ESCAPES.get(match[3], match[3].encode())
        return match[0].encode()

    return b"".join(one(match) for match in re.finditer("\1(\\d+)\2|\\\\x(..)|\\\\(.)|.", text, re.S))


def octets(line):
    made = []
    while (end := line.find(">>")) >= 0 and "<<" in line[:end]:
        if line[end:].startswith(">>>"):
            end += 1
        start = line[:end].rindex("<<")
        name, text = line[start + 2 : end].split(" ", 1)
        made.append(MACROS[name](unescape(text, made)))
        line = line[:start] + "\1%d\2" % (len(made) - 1) + line[end + 2 :]
    return unescape(line, made)


def message(body):
    notes = [line for line in body.rstrip("\n").split("\n") if line.startswith("# ")]
    end = b"\n" if "# lf" in notes else b"\r\n"
    out = b"" if "# raw" in notes else HEADER.replace(b"\r\n", end)
    for line in body.rstrip("\n").split("\n"):
        if line.startswith("# "):
            continue
        out += octets(line[:-2]) if line.endswith("\\c") else octets(line) + end
    return out


# ---- who shows what


def shows(text):
    return "MARKTEXT" in text or "MARKTEXT" in re.sub(r"<[^>]*>", "", text)


def rows_of(blocks):
    for block in blocks[1:]:
        row, mark, rest = block.partition("\n## ")
        name, _, body = row.partition("\n")
        named = re.search(r"^# read by: (.*)\n", body, flags=re.M)
        yield name, named[1].split(", ") if named else [], re.sub(r"^# read by: .*\n", "", body, flags=re.M), mark + rest


def ask(rows):
    """The readers of each row, and all that could be asked."""
    messages = [message(body) for _, _, body, _ in rows]
    seen, asked = [[] for _ in rows], clients.clients()
    for reader, texts in asked.items():
        texts = texts(messages)
        for at, text in enumerate(texts):
            if shows(text) and not (seen[at] and reader.startswith(clients.LAST)):
                seen[at].append(reader)
        print(f"{reader}: {sum(map(shows, texts))} of {len(rows)}", flush=True)
    return seen, asked


def main():
    blocks = TABLE.read_text().split("\n### ")
    rows = list(rows_of(blocks))
    seen, asked = ask(rows)
    wrong = 0
    for (name, named, _, _), now in zip(rows, seen):
        lost = [reader for reader in named if reader in asked and reader not in now]
        if not now or (lost and "--write" not in sys.argv):
            print(f"{name}: {'nobody here' if not now else 'no longer'}: {', '.join(lost)}")
            wrong += 1
    if "--write" in sys.argv:
        for at, (name, named, body, rest) in enumerate(rows):
            # Those that are not installed here keep what they have shown.
            names = seen[at] + [reader for reader in named if reader not in asked]
            line = f"# read by: {', '.join(names)}\n" if names else ""
            blocks[at + 1] = f"{name}\n{line}{body}{rest}"
        TABLE.write_text("\n### ".join(blocks))
    return wrong > 0


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    sys.exit(main())
