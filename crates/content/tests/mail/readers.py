#!/usr/bin/env python3
"""Asks real mail readers who shows MARKTEXT in each row of evasions.txt, and writes their names into the table.

usage: readers.py [--write]     Readers that are not installed are left out; nothing is downloaded.
"""

import base64
import email
import email.policy
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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


# ---- the readers: each gives all text that it would show or save


def by_python(octets, policy):
    texts = []
    parsed = email.message_from_bytes(octets, policy=policy)
    for part in parsed.walk():
        texts += [str(value) for _, value in part.items()]
        if policy is email.policy.compat32:
            texts += [str(email.header.make_header(email.header.decode_header(str(value)))) for _, value in part.items()]
        texts.append(part.get_filename() or "")
        if part.is_multipart():
            continue
        payload = part.get_payload(decode=True) or b""
        texts.append(payload.decode("latin-1"))
        try:
            texts.append(payload.decode(part.get_content_charset() or "ascii", "replace"))
        except LookupError:
            pass
    return "\n".join(texts)


def by_python_new(octets):
    return by_python(octets, email.policy.default)


def by_python_old(octets):
    return by_python(octets, email.policy.compat32)


def by_mail_parser(octets):
    import mailparser

    parsed = mailparser.parse_from_bytes(octets)
    texts = [parsed.subject or "", parsed.body or ""]
    for attached in parsed.attachments:
        payload = attached.get("payload") or ""
        texts += [attached.get("filename") or "", payload]
        if attached.get("content_transfer_encoding") == "base64":
            texts.append(base64.b64decode(payload + "==").decode("latin-1"))
    return "\n".join(texts)


ROW = "\n%%ROW%%\n"
MIME_PARSER = """
use MIME::Parser; binmode STDOUT;
sub show { my $e = shift; print $e->head->recommended_filename // "", "\\n", $e->head->as_string, "\\n", $e->head->get("Subject") // "", "\\n";
if ($e->parts) { show($_) for $e->parts } elsif ($e->bodyhandle) { print $e->bodyhandle->as_string, "\\n" } }
for my $f (@ARGV) { print "\\n%%ROW%%\\n"; eval { my $p = MIME::Parser->new; $p->output_to_core(1); $p->tmp_to_core(1); $p->extract_uuencode(1);
open(my $in, "<:raw", $f); show($p->parse($in)) } }
"""
EMAIL_MIME = """
use Email::MIME; binmode STDOUT, ":utf8"; local $/;
for my $f (@ARGV) { print "\\n%%ROW%%\\n"; eval { open(my $in, "<:raw", $f); my $m = Email::MIME->new(<$in>);
$m->walk_parts(sub { my $p = shift; print $p->header("Subject") // "", "\\n", $p->filename // "", "\\n";
return if $p->subparts; print $p->body, "\\n"; print eval { $p->body_str } // "", "\\n" }) } }
"""
NODE_MAILPARSER = """
const { simpleParser } = require('mailparser'); const fs = require('fs'); (async () => { for (const f of process.argv.slice(1)) {
console.log('\\n%%ROW%%'); try { const m = await simpleParser(fs.readFileSync(f)); console.log(m.subject, m.text, m.html, m.textAsHtml);
for (const a of m.attachments) { console.log(a.filename); console.log(a.content.toString('latin1')); } } catch (e) {} } })();
"""
POSTAL_MIME = """
const P = require('postal-mime'); const PostalMime = P.default || P; const fs = require('fs'); (async () => { for (const f of process.argv.slice(1)) {
console.log('\\n%%ROW%%'); try { const m = await PostalMime.parse(fs.readFileSync(f)); console.log(m.subject, m.text, m.html);
for (const a of m.attachments) { console.log(a.filename); console.log(Buffer.from(a.content).toString('latin1')); } } catch (e) {} } })();
"""


def by_script(command):
    """Libraries of other languages: one process for all messages."""

    def reader(messages):
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for at, octets in enumerate(messages):
                files.append(Path(folder) / f"{at:04}")
                files[-1].write_bytes(octets)
            done = subprocess.run([*command, *map(str, files)], capture_output=True, timeout=300)
            return done.stdout.decode("latin-1").split(ROW)[1:]

    return reader


def one_by_one(reader):
    def ask(octets):
        try:
            return reader(octets)
        except Exception:  # A reader that gives up shows nothing.
            return ""

    return lambda messages: [ask(octets) for octets in messages]


def by_saving(command):
    """Tools that write the parts into a folder."""

    def reader(octets):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "mail"
            file.write_bytes(octets)
            out = Path(folder) / "out"
            out.mkdir()
            line = [word.format(file=file, out=out) for word in command]
            done = subprocess.run(line, stdin=file.open("rb"), capture_output=True, timeout=20, cwd=out)
            texts = [done.stdout.decode("latin-1")]
            for saved in out.rglob("*"):
                texts += [saved.name] + ([saved.read_bytes().decode("latin-1")] if saved.is_file() else [])
            return "\n".join(texts)

    return reader


def readers():
    found = {"python email": one_by_one(by_python_new), "python email (compat32)": one_by_one(by_python_old)}
    try:
        import mailparser  # noqa: F401

        found["python mail-parser"] = one_by_one(by_mail_parser)
    except ImportError:
        pass
    for name, check, command in [
        ("perl MIME::Parser", ["perl", "-MMIME::Parser", "-e1"], ["perl", "-e", MIME_PARSER]),
        ("perl Email::MIME", ["perl", "-MEmail::MIME", "-e1"], ["perl", "-e", EMAIL_MIME]),
        ("node mailparser", ["node", "-e", "require('mailparser')"], ["node", "-e", NODE_MAILPARSER]),
        ("node postal-mime", ["node", "-e", "require('postal-mime')"], ["node", "-e", POSTAL_MIME]),
    ]:
        if shutil.which(check[0]) and not subprocess.run(check, capture_output=True).returncode:
            found[name] = by_script(command)
    for tool, command in {
        "ripmime": ["ripmime", "-i", "{file}", "-d", "{out}"],
        "munpack": ["munpack", "-q", "-t", "-C", "{out}", "{file}"],
        "uudeview": ["uudeview", "-q", "-i", "-o", "-p", "{out}", "{file}"],
    }.items():
        if shutil.which(tool):
            found[tool] = one_by_one(by_saving(command))
    return found


def shows(text):
    return "MARKTEXT" in text or "MARKTEXT" in re.sub(r"<[^>]*>", "", text)


def main():
    blocks = TABLE.read_text().split("\n### ")
    rows = []
    for block in blocks[1:]:
        row, mark, rest = block.partition("\n## ")
        name, _, body = row.partition("\n")
        rows.append((name, re.sub(r"^# read by: .*\n", "", body, flags=re.M), mark + rest))
    messages = [message(body) for _, body, _ in rows]
    seen = [[] for _ in rows]
    for reader, ask in readers().items():
        texts = ask(messages)
        for at, text in enumerate(texts):
            if shows(text):
                seen[at].append(reader)
        print(f"{reader}: {sum(map(shows, texts))} of {len(rows)}", flush=True)
    for at, (name, body, rest) in enumerate(rows):
        line = f"# read by: {', '.join(seen[at])}\n" if seen[at] else ""
        blocks[at + 1] = f"{name}\n{line}{body}{rest}"
        if not seen[at]:
            print(f"nobody: {name}")
    if "--write" in sys.argv:
        TABLE.write_text("\n### ".join(blocks))


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    main()
