"""The readers that can be asked on this machine: each gives, for messages in octets, all text that it would show or save.

Three sorts. Mail programs and libraries; programs that open what a mail program shows or saves (`saved and opened by …`); and tools that a
recipient may use on the octets of a body (`by hand: …`), for what no mail program undoes by itself.
"""

import base64
import email
import email.header
import email.policy
import html
import importlib.util
import os
import pty
import quopri
import re
import select
import shutil
import subprocess
import tempfile
import time
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

ROW = "\n%%ROW%%\n"


# ---- libraries


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


# ---- programs


def saved(command, octets, more=()):
    """What a tool prints or writes into a folder, having been given others before."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mail"
        file.write_bytes(octets)
        out = Path(folder) / "out"
        out.mkdir()
        line = [word.format(file=file, out=out) for word in command]
        for other in more:
            subprocess.run(line, input=other, capture_output=True, timeout=20, cwd=out, env=dict(os.environ, TMPDIR=folder))
        done = subprocess.run(line, stdin=file.open("rb"), capture_output=True, timeout=20, cwd=out, env=dict(os.environ, TMPDIR=folder))
        texts = [done.stdout.decode("latin-1")]
        for found in out.rglob("*"):
            texts += [found.name] + ([found.read_bytes().decode("latin-1")] if found.is_file() else [])
        return "\n".join(texts)


def by_saving(command):
    """Tools that write the parts into a folder."""
    return lambda octets: saved(command, octets)


def by_mailbox(command):
    """Readers of a mailbox that take their commands from standard input."""

    def reader(octets):
        with tempfile.TemporaryDirectory() as folder:
            box = Path(folder) / "box"
            box.write_bytes(b"From a Mon Jan  1 00:00:00 2024\n" + octets.replace(b"\r\n", b"\n") + b"\n")
            done = subprocess.run([*command, str(box)], input=b"p 1\nx\n", capture_output=True, timeout=20)
            return done.stdout.decode("utf-8", "replace")

    return reader


MUTTRC = """set folder={folder}
set pipe_decode=yes
set wait_key=no
set charset=utf-8
set quit=yes
set reflow_text=yes
push "<display-message><exit><pipe-message>cat >{folder}/out<enter><quit>"
"""


def by_mutt(octets):
    """On a terminal of its own, for mutt has no other way to show a message; it hands over what it shows."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cur", "new", "tmp"):
            (Path(folder) / "mail" / name).mkdir(parents=True)
        (Path(folder) / "mail/cur/1.x:2,S").write_bytes(octets.replace(b"\r\n", b"\n"))
        (Path(folder) / "rc").write_text(MUTTRC.format(folder=folder))
        child, terminal = pty.fork()
        if child == 0:
            os.environ.update(TERM="xterm", HOME=folder, LC_ALL="C.UTF-8")
            os.execvp("mutt", ["mutt", "-n", "-R", "-F", f"{folder}/rc", "-f", f"{folder}/mail"])
        drain(child, terminal)
        out = Path(folder) / "out"
        return out.read_bytes().decode("utf-8", "replace") if out.exists() else ""


def drain(child, terminal):
    end = time.monotonic() + 10
    try:
        while select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            if not os.read(terminal, 65536):
                break
        else:
            os.kill(child, 9)
    except OSError:  # The terminal is gone: the program has ended.
        pass
    os.waitpid(child, 0)
    os.close(terminal)


def by_munpack_with_the_others(octets):
    """The other fragments of a message in three come first; munpack joins them."""
    if b"message/partial" not in octets:
        return ""
    head = b"From: alice@example.com\nMessage-ID: <%d@example.com>\nContent-Type: message/partial; id=x; number=%d\n\n"
    first = head % (1, 1) + b"MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\nbm90a"
    return saved(["munpack", "-q", "-t", "-C", "{out}"], octets, [first, head % (3, 3) + b"\n"])


# ---- what is saved, and opened by something else


def files_of(octets):
    """The parts that Python's library saves, with their types."""
    for part in email.message_from_bytes(octets).walk():
        if not part.is_multipart():
            yield part.get_content_type(), part.get_payload(decode=True) or b""


def by_opening(open_file, only=None):
    def reader(octets):
        texts = []
        for kind, file in files_of(octets):
            if only is None or kind == only:
                try:
                    text = open_file(file)
                except Exception:  # A program that cannot open a file shows nothing of it.
                    continue
                texts.append(text if isinstance(text, str) else text.decode("latin-1"))
        return "\n".join(texts)

    return reader


def ran(command):
    return lambda octets: subprocess.run(command, input=octets, capture_output=True, timeout=20).stdout


class Addresses(HTMLParser):
    """The addresses of a page."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        for _, value in attrs:
            self.found += re.findall(r"data:[^'\")]*", value or "")


def by_following(page):
    """What stands behind the page's addresses that are data."""
    parser = Addresses()
    parser.feed(page.decode("utf-8", "replace"))
    return b"\n".join(urllib.request.urlopen(address.strip()).read() for address in parser.found)


def by_asn1crypto(octets):
    from asn1crypto import cms

    return cms.ContentInfo.load(octets)["content"]["encap_content_info"]["content"].native


def by_charset_normalizer(octets):
    import charset_normalizer

    return str(charset_normalizer.from_bytes(octets).best() or "")


def by_chardet(octets):
    import chardet

    return octets.decode(chardet.detect(octets)["encoding"], "replace")


def by_lxml(octets):
    import lxml.html

    return lxml.html.fromstring(octets).text_content()


# ---- what is seen on a screen or on paper, read off it


def read_off(picture):
    """Once for words wherever they stand, and once for lines."""
    ways = [subprocess.run(["tesseract", str(picture), "-", "--psm", way], capture_output=True, timeout=60) for way in ("11", "6")]
    return "\n".join(done.stdout.decode() for done in ways)


def on_screen(address, folder):
    """What Chromium draws."""
    shot = Path(folder) / "shot.png"
    line = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", "--force-device-scale-factor=3"]
    subprocess.run([*line, f"--screenshot={shot}", "--window-size=800,500", address], capture_output=True, timeout=60, env=dict(os.environ, LC_ALL="C.UTF-8"))
    return read_off(shot)


TURNS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def by_chromium(octets):
    """Pages as they are; of texts, those with characters that turn them round, as a page for mail shows them; and names of files, in a folder."""
    shown = []
    for part in email.message_from_bytes(octets, policy=email.policy.default).walk():
        page, name = None, part.get_filename() or ""
        if part.get_content_type() == "text/html":
            page = part.get_payload(decode=True)
        elif part.get_content_type() == "text/plain" and TURNS.search(text := part.get_content()):
            page = ("<meta charset=utf-8><pre>" + html.escape(text)).encode()
        with tempfile.TemporaryDirectory() as folder:
            if page is not None:
                (Path(folder) / "page.html").write_bytes(page)
                shown.append(on_screen(f"file://{folder}/page.html", folder))
            if TURNS.search(name):
                (Path(folder) / "saved").mkdir()
                (Path(folder) / "saved" / name).write_bytes(b"")
                shown.append(on_screen(f"file://{folder}/saved/", folder))
    return "\n".join(shown)


def by_paper(octets):
    """A document as it is printed."""
    texts = []
    for kind, file in files_of(octets):
        if kind == "application/pdf":
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "file.pdf").write_bytes(file)
                subprocess.run(["pdftoppm", "-r", "200", "-png", f"{folder}/file.pdf", f"{folder}/page"], capture_output=True, timeout=60)
                texts += [read_off(page) for page in sorted(Path(folder).glob("page*.png"))]
    return "\n".join(texts)


# Documents that may have lists, with the endings of their files.
LISTS = {
    "application/rtf": "rtf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.oasis.opendocument.text-flat-xml": "fodt",
}


def by_writer(octets):
    """Documents with lists, as LibreOffice shows them; a start takes seconds."""
    texts = []
    for kind, file in files_of(octets):
        if kind in LISTS and (kind != "application/rtf" or b"listtable" in file):
            with tempfile.TemporaryDirectory() as folder:
                document = Path(folder) / f"file.{LISTS[kind]}"
                document.write_bytes(file)
                line = ["soffice", f"-env:UserInstallation=file://{folder}/office", "--headless", "--convert-to", "pdf", "--outdir", folder]
                subprocess.run([*line, str(document)], capture_output=True, timeout=120)
                paper = subprocess.run(["pdftotext", str(document.with_suffix(".pdf")), "-"], capture_output=True, timeout=20)
                texts.append(paper.stdout.decode("utf-8", "replace"))
    return "\n".join(texts)


# ---- tools on the octets of the body


def by_hand(tool):
    def reader(octets):
        text = tool(re.split(rb"\r?\n\r?\n", octets, maxsplit=1)[-1])
        return text if isinstance(text, str) else text.decode("latin-1")

    return reader


def by_quopri(octets):
    """The whole body, and once more what is then a message."""
    decoded = quopri.decodestring(octets)
    boundary = re.match(rb"--(\S+)", decoded)
    if boundary is None:
        return decoded
    header = b"Content-Type: multipart/mixed; boundary=" + boundary[1] + b"\n\n"
    return decoded.decode("latin-1") + by_python_old(header + decoded)


def by_terminal(octets):
    """A terminal shows nothing for a NUL."""
    return octets.replace(b"\0", b"")


# ---- who can be asked here


def one_by_one(reader):
    def ask(octets):
        try:
            return reader(octets)
        except Exception:  # A reader that gives up shows nothing.
            return ""

    return lambda messages: [ask(octets) for octets in messages]


def program(name):
    return shutil.which(name) is not None


def module(name):
    return importlib.util.find_spec(name) is not None


def runs(command):
    return program(command[0]) and not subprocess.run(command, capture_output=True).returncode


W3M = ["w3m", "-T", "text/html", "-dump", "-o", "display_link_number=1", "-o", "decode_url=1"]

# A name, whether it is here, and the reader.
EACH = [
    ("python email", lambda: True, by_python_new),
    ("python email (compat32)", lambda: True, by_python_old),
    ("python mail-parser", lambda: module("mailparser"), by_mail_parser),
    ("ripmime", lambda: program("ripmime"), by_saving(["ripmime", "-i", "{file}", "-d", "{out}"])),
    ("munpack", lambda: program("munpack"), by_saving(["munpack", "-q", "-t", "-C", "{out}", "{file}"])),
    ("munpack with the other fragments", lambda: program("munpack"), by_munpack_with_the_others),
    ("uudeview", lambda: program("uudeview"), by_saving(["uudeview", "-q", "-i", "-o", "-p", "{out}", "{file}"])),
    ("uudecode", lambda: program("uudecode"), by_saving(["uudecode", "-o", "/dev/stdout", "{file}"])),
    ("mutt", lambda: program("mutt"), by_mutt),
    ("bsd-mailx", lambda: program("bsd-mailx"), by_mailbox(["bsd-mailx", "-n", "-N", "-f"])),
    ("saved and opened by python email", lambda: True, by_opening(by_python_new)),
    ("saved and opened by w3m", lambda: program("w3m"), by_opening(ran(W3M), "text/html")),
    ("saved and opened by python html.parser and urllib", lambda: True, by_opening(by_following, "text/html")),
    ("saved and opened by lxml", lambda: module("lxml"), by_opening(by_lxml, "text/html")),
    ("saved and opened by asn1crypto", lambda: module("asn1crypto"), by_opening(by_asn1crypto)),
    ("saved and opened by charset_normalizer", lambda: module("charset_normalizer"), by_opening(by_charset_normalizer)),
    ("saved and opened by chardet", lambda: module("chardet"), by_opening(by_chardet)),
    ("saved and opened by chromium", lambda: program("chromium") and program("tesseract"), by_chromium),
    ("saved and printed by pdftoppm", lambda: program("pdftoppm") and program("tesseract"), by_paper),
    ("saved and opened by libreoffice", lambda: program("soffice") and program("pdftotext"), by_writer),
    ("by hand: base64 -d", lambda: program("base64"), by_hand(ran(["base64", "-d", "-i"]))),
    ("by hand: python quopri", lambda: True, lambda octets: by_hand(by_quopri)(octets) + quopri.decodestring(octets).decode("latin-1")),
    ("by hand: strings", lambda: program("strings"), by_opening(ran(["strings", "-e", "l"]))),
    ("by hand: a terminal", lambda: True, by_opening(by_terminal)),
]
TOGETHER = [
    ("perl MIME::Parser", ["perl", "-MMIME::Parser", "-e1"], ["perl", "-e", MIME_PARSER]),
    ("perl Email::MIME", ["perl", "-MEmail::MIME", "-e1"], ["perl", "-e", EMAIL_MIME]),
    ("node mailparser", ["node", "-e", "require('mailparser')"], ["node", "-e", NODE_MAILPARSER]),
    ("node postal-mime", ["node", "-e", "require('postal-mime')"], ["node", "-e", POSTAL_MIME]),
]
# What is shown without a mail program's help is told only of rows that no mail program reads.
LAST = ("saved and opened by ", "by hand: ")


def clients():
    """Those that are here, by name; mail programs before what helps them."""
    here = {name: one_by_one(reader) for name, present, reader in EACH if present()}
    here.update({name: by_script(command) for name, check, command in TOGETHER if runs(check)})
    return {name: here[name] for name in sorted(here, key=lambda name: name.startswith(LAST))}
