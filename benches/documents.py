#!/usr/bin/env python3
"""Words found in other people's documents, and the time it takes, kind by kind beside a reference tool: each file by a process of
its own for both.

    cargo build --release -p content --example extract
    benches/documents.py [--kind KIND]... [--most 400] [--worst 10] FOLDER...
    benches/documents.py --speed [TURNS] [--together] [--kind KIND]... [--most 400] FOLDER...

With `--speed` nothing is compared but time, on the files of which the reference shows something: both in turn, the least of so many turns. Time of the
processor tells more than time on a clock where others use the machine. With `--together` one process of each reads all files, as a worker does, where the
reference can; then the start of a process counts for nothing.

Recall is by multisets of words: of the words that the reference tool prints, those that are in our text as often. A file of which
the reference tool prints nothing counts for silence only: a file must give text or a reason. A file is silent if the reference has words of
it and we have neither; it is empty if neither of us has anything to say. Both are listed.

Small tools err, too: they take a code page for another one, part words at escapes and show dates in their own way. So for some kinds there is
a second reader (LibreOffice Writer, xlrd, Python's sqlite3), and where it opens a file a word counts that both show. Of presentations of which catppt
shows nothing, LibreOffice Impress tells the words; they do not count for the time. Debian packages of the references:
poppler-utils catdoc unrtf unzip w3m sqlite3 libimage-exiftool-perl libemail-outlook-message-perl
libreoffice-writer-nogui libreoffice-impress-nogui; of PyPI: xlrd.
"""

import argparse
import collections
import hashlib
import html
import os
import pathlib
import re
import shlex
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
TIME = 60
# Some references leave pictures where they run.
SCRATCH = tempfile.TemporaryDirectory()


# White space between tags is layout of the package's writer.
INDENT = "s/>\\s*\\n\\s*</></g;s/\\n/ /g"


def parts(names, ends, more=""):
    """Parts of a package with their tags taken out: the ends of paragraphs part words, other tags do not; what stands there a second time for old programs
    is left out."""
    patterns = " ".join(f"'{name}'" for name in names)
    return f"unzip -p \"$1\" {patterns} 2>/dev/null | perl -0777 -pe 's/<mc:Fallback.*?<.mc:Fallback>//gs;{INDENT}' | sed -E 's/{ends}/\\n/g;{more}s/<[^>]*>//g'"


EXIF = " ".join(
    ["-EXIF:" + tag for tag in "ImageDescription Artist Copyright UserComment XPTitle XPComment XPAuthor XPKeywords XPSubject Make Model Software OwnerName".split()]
    + ["-IPTC:Caption-Abstract", "-IPTC:Headline", "-IPTC:Keywords", "-IPTC:By-line", "-IPTC:City", "-IPTC:ObjectName", "-IPTC:CopyrightNotice"]
    + ["-XMP-dc:Title", "-XMP-dc:Description", "-XMP-dc:Creator", "-XMP-dc:Subject", "-XMP-dc:Rights", "-XMP-photoshop:Headline", "-XMP-photoshop:City"]
    + ["-File:Comment", "-GIF:Comment", "-PNG:Comment", "-PNG:Title", "-PNG:Description", "-PNG:Author", "-PNG:Copyright"])

# What a sheet holds itself: strings of formulas and strings in place, and whole numbers as they are stored; the other numbers are shown in
# many ways. An index into the shared strings, a truth and an error are no text.
CELLS = r"""unzip -p "$1" 'xl/worksheets/*.xml' 2>/dev/null | perl -0777 -ne 'while (/<(?:\w+:)?c\b([^>]*)(?<!\/)>(.*?)<\/(?:\w+:)?c>/gs) {
my ($kind, $cell) = ($1, $2); next if $kind =~ /\bt="[sbe]"/; $cell =~ s/<(?:\w+:)?f\b.*?(?:<\/(?:\w+:)?f>|\/>)//gs; $cell =~ s/<[^>]*>//g;
print "$cell\n" if $kind =~ /\bt="/ || $cell =~ /^\d+$/ }'"""
# The header lines and texts of the mail that a message of Outlook is turned into; not the reports that msgconvert encodes and Python then shows so.
MAIL = """msgconvert --outfile - "$1" 2>/dev/null | python3 -c '
import email, email.policy, sys
def parts(part):
    yield part
    if part.is_multipart() and part.get_content_type() != "message/delivery-status":
        for inner in part.iter_parts() if part.get_content_maintype() == "multipart" else part.get_payload(): yield from parts(inner)
for part in parts(email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)):
    print(*(part[name] or "" for name in ("subject", "from", "to", "cc")), part.get_filename() or "")
    if part.get_content_type() == "text/plain" and not part.is_attachment(): print(part.get_content())'"""

# References that read many files in one process.
MANY = ("doc", "xls", "ppt")

# Endings, what a file of the kind begins with, the reference's name and its command for a file "$1".
KINDS = {
    "pdf": (["pdf"], b"%PDF", "pdftotext", 'pdftotext -q "$1" -'),
    "doc": (["doc", "dot"], b"\xd0\xcf\x11\xe0", "catdoc", 'catdoc -w -d utf-8 "$1"'),
    "xls": (["xls", "xlt"], b"\xd0\xcf\x11\xe0", "xls2csv", 'xls2csv -d utf-8 "$1"'),
    "ppt": (["ppt", "pps", "pot"], b"\xd0\xcf\x11\xe0", "catppt", 'catppt -d utf-8 "$1"'),
    "docx": (["docx", "docm", "dotx"], b"PK", "unzip -p",
             parts(["word/document.xml"], "<\\/w:p>|<w:br[^>]*>|<w:cr\\/>|<w:tab\\/>", "s/<w:instrText[^>]*>[^<]*//g;s/<wp:pos(H|V)[a-zA-Z]*>|<wp:posOffset>[^<]*|<wp14:[a-zA-Z]*>[^<]*|<wp:align>[^<]*//g;")),
    "xlsx": (["xlsx", "xlsm", "xltx"], b"PK", "unzip -p", parts(["xl/sharedStrings.xml"], "<\\/si>|<\\/rPh>") + "; " + CELLS),
    "pptx": (["pptx", "pptm", "ppsx", "potx"], b"PK", "unzip -p", parts(["ppt/slides/*.xml"], "<\\/a:p>|<a:br[^>]*>|<\\/p:attrName>|<\\/c:v>", "s/<p:attrName>[^<]*|<a14:[a-zA-Z]*>[^<]*|<a:tableStyleId>[^<]*|<p:strVal[^>]*>//g;")),
    "odt": (["odt", "ott"], b"PK", "unzip -p", parts(["content.xml"], "<\\/text:(p|h)>|<text:(s|tab|line-break)( [^>]*)?\\/?>|<\\/(dc|meta|office):[a-z-]*>|<\\/?text:(note|index|ruby|sequence|toc|table-of)[^>]*>", "s/<dc:date>[^<]*//g;")),
    "ods": (["ods", "ots"], b"PK", "unzip -p", parts(["content.xml"], "<\\/text:p>|<text:(s|tab|line-break)( [^>]*)?\\/?>|<\\/(dc|meta|number|office):[a-z-]*>", "s/<dc:date>[^<]*//g;s/<number:[^>]*>[^<]*//g;")),
    "odp": (["odp", "otp"], b"PK", "unzip -p", parts(["content.xml"], "<\\/text:p>|<text:(s|tab|line-break)( [^>]*)?\\/?>|<\\/(dc|meta|number|office):[a-z-]*>", "s/<dc:date>[^<]*//g;s/<number:[^>]*>[^<]*//g;")),
    "rtf": (["rtf"], b"{\\rtf", "unrtf", 'unrtf --text "$1" 2>/dev/null | sed -E "/^###|^-----------------$/d"'),
    "epub": (["epub"], b"PK", "unzip and w3m", 'unzip -p "$1" "*html" "*.htm" 2>/dev/null | w3m -dump -cols 10000 -I UTF-8 -O UTF-8 -T text/html'),
    "html": (["html", "htm", "xhtml"], None, "w3m", 'w3m -dump -cols 10000 -I UTF-8 -O UTF-8 -T text/html "$1"'),
    "msg": (["msg"], b"\xd0\xcf\x11\xe0", "msgconvert", MAIL),
    "sqlite": (["sqlite", "sqlite3", "db", "gpkg", "mbtiles", "qgz-db", "spatialite"], b"SQLite format 3", "sqlite3", None),
    "image": (["jpg", "jpeg", "png", "tif", "tiff", "webp", "gif"], None, "exiftool", f'exiftool -q -a -s3 {EXIF} "$1"'),
}

# The second reader of a kind: a function of files that gives the text of those it opens.
WRITER = ("doc", "rtf", "odt", "docx")


def converted(paths, target):
    """What LibreOffice makes of files: all in a few processes, each a numbered copy, for a start takes seconds."""
    for at in range(0, len(paths), 25):
        with tempfile.TemporaryDirectory() as folder:
            copies = {}
            for number, path in enumerate(paths[at : at + 25]):
                copies[path] = pathlib.Path(folder) / f"{number}{path.suffix}"
                shutil.copyfile(path, copies[path])
            line = ["soffice", f"-env:UserInstallation=file://{SCRATCH.name}/office", "--headless", "--convert-to", target, "--outdir", folder]
            run(["timeout", "-k", "5", str(TIME), *line, *map(str, list(copies.values())[:-1])], list(copies.values())[-1])
            for path, copy in copies.items():
                made = copy.with_suffix("." + target.split(":")[0])
                if made.exists():
                    yield path, made


def by_writer(paths):
    if shutil.which("soffice") is None:
        return {}
    return {path: made.read_text("utf-8", "replace") for path, made in converted(paths, "txt:Text (encoded):UTF8")}


def by_xlrd(paths):
    """Texts and whole numbers."""
    try:
        import xlrd
    except ImportError:
        return {}
    texts = {}
    for path in paths:
        try:
            book = xlrd.open_workbook(path, logfile=open(os.devnull, "w"))
            cells = [cell for sheet in book.sheets() for row in sheet.get_rows() for cell in row if cell.ctype in (xlrd.XL_CELL_TEXT, xlrd.XL_CELL_NUMBER)]
            texts[path] = "\n".join(f"{cell.value:.0f}" if cell.ctype == xlrd.XL_CELL_NUMBER and cell.value % 1 == 0 else str(cell.value) for cell in cells)
        except Exception:  # What it cannot open has one reference only.
            continue
    return texts


def by_sqlite(paths):
    """Texts and whole numbers; not what a program makes of octets that are no text, nor how it rounds."""
    texts = {}
    for path in paths:
        try:
            with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as base:
                base.text_factory = lambda octets: octets.decode("utf-8", "replace")
                names = [name.replace('"', '""') for (name,) in base.execute("select name from sqlite_master where type='table'")]
                rows = (row for name in names for row in base.execute(f'select * from "{name}"'))
                texts[path] = "\n".join(str(value) for row in rows for value in row if isinstance(value, (int, str)))
        except sqlite3.Error:  # As above.
            continue
    return texts


def by_paper(paths):
    """What LibreOffice Impress prints of presentations."""
    if shutil.which("soffice") is None or shutil.which("pdftotext") is None:
        return {}
    return {path: run(["pdftotext", "-q"], pathlib.Path(made), ["-"])[0] for path, made in converted(paths, "pdf")}


SECOND = {**dict.fromkeys(WRITER, by_writer), "xls": by_xlrd, "sqlite": by_sqlite}
# Where the reference tool shows nothing of a file, another one stands in for it.
INSTEAD = {"ppt": by_paper}


def second_readers(kind, paths):
    return SECOND[kind](paths) if kind in SECOND else {}


def files_of(folders, endings, magic, most):
    found = {}
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.suffix.lower().lstrip(".") in endings and path.is_file() and 0 < path.stat().st_size < 32 << 20:
                octets = path.read_bytes()
                if magic is None or octets.startswith(magic):
                    found.setdefault(hashlib.sha256(octets).hexdigest(), path)
    return [found[key] for key in sorted(found)[:most]]


def words(text):
    text = unicodedata.normalize("NFKC", html.unescape(text))
    # Soft hyphens and marks without width part no words; an underscore is a rule to write on.
    text = re.sub("[\u00ad\u200b-\u200f\u2060\ufeff]", "", text)
    return collections.Counter(re.findall(r"[^\W_]+", text.casefold()))


def direct(command):
    """The command of a reference as a program with its arguments: a shell is started only for what needs one."""
    if command is None or re.search(r"[|;<>]", command):
        return None if command is None else lambda path: ["sh", "-c", command, "sh", str(path)]
    return lambda path: [str(path) if word == "$1" else word for word in shlex.split(command)]


def timed(line):
    """Seconds on the clock and of the processor, of a process and those that it waits for."""
    began = time.perf_counter()
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=SCRATCH.name, env=dict(os.environ, LC_ALL="C.UTF-8"))
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return time.perf_counter() - began, used.ru_utime + used.ru_stime


def speed(kind, options):
    endings, magic, name, command = KINDS[kind]
    reference = direct(command)
    if reference is None:
        return
    ours = lambda path: [str(options.extract.resolve()), "--text", str(path)]
    paths = files_of([pathlib.Path(folder).resolve() for folder in options.folder], endings, magic, options.most)
    paths = [path for path in paths if words(run(reference(path), "")[0])]
    if options.together:
        lines = [[ours("")[:-1] + list(map(str, paths)), reference("")[:-1] + list(map(str, paths))]] if kind in MANY else []
    else:
        lines = [[ours(path), reference(path)] for path in paths]
    sums, ratios = [[0.0, 0.0], [0.0, 0.0]], []
    for pair in lines:
        least = [[float("inf")] * 2 for _ in range(2)]
        for _ in range(options.speed):
            for which, line in enumerate(pair):
                least[which] = [min(pair) for pair in zip(least[which], timed(line))]
        for which in range(2):
            sums[which] = [before + more for before, more in zip(sums[which], least[which])]
        ratios.append(least[1][1] / max(least[0][1], 1e-9))
    files, octets = len(paths), sum(path.stat().st_size for path in paths)
    if ratios:
        (our_clock, our_work), (their_clock, their_work) = sums
        figures = [f"{files / our_clock:.0f}", f"{octets / 1e6 / our_clock:.1f}", name, f"{files / their_clock:.0f}", f"{octets / 1e6 / their_clock:.1f}"]
        print(f"| {kind} | {files} | {' | '.join(figures)} | {their_clock / our_clock:.2f} | {their_work / our_work:.2f} | {statistics.median(ratios):.2f} |", flush=True)


def run(command, path, behind=()):
    began = time.perf_counter()
    try:
        done = subprocess.run([*command, *([str(path)] if path else []), *behind], capture_output=True, timeout=TIME, cwd=SCRATCH.name, env=dict(os.environ, LC_ALL="C.UTF-8"))
        out, error = done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        out, error = b"", b"too late"
    return out.decode("utf-8", "replace"), error.decode("utf-8", "replace"), time.perf_counter() - began


def rows_of(path):
    """What a database's own program shows of every table."""
    tables, _, took = run(["sh", "-c", "sqlite3 -readonly \"$1\" \"select name from sqlite_master where type='table'\"", "sh"], path)
    text = []
    for table in tables.splitlines():
        quoted = table.replace('"', '""')
        rows, _, more = run(["sh", "-c", 'sqlite3 -readonly -csv "$2" "$1"', "sh", f'select * from "{quoted}"'], path)
        text.append(rows)
        took += more
    return "\n".join(text), "", took


def measure(kind, options):
    endings, magic, name, command = KINDS[kind]
    files = files_of([pathlib.Path(folder).resolve() for folder in options.folder], endings, magic, options.most)
    if not files:
        return None
    line = direct(command)
    reference = rows_of if line is None else (lambda path: run(line(path), ""))
    ours = [str(options.extract.resolve()), "--text"]
    wanted = found = compared = timed = silent = 0
    times, octets, worst, quiet = [0.0, 0.0], 0, [], []
    second = second_readers(kind, files)
    shown = {path: reference(path) for path in files}
    silent_ones = [path for path in files if not words(shown[path][0])]
    instead = INSTEAD[kind](silent_ones) if kind in INSTEAD else {}
    for path in files:
        theirs, _, their_time = shown[path]
        by_tool = bool(words(theirs))
        theirs = instead.get(path, theirs)
        text, reasons, our_time = run(ours, path)
        expected = words(theirs)
        if not text.strip() and "unscannable" not in reasons:
            silent += bool(expected)
            quiet.append(("silent" if expected else "empty", path))
        if not expected:
            continue
        compared += 1
        if by_tool:
            octets += path.stat().st_size
            times[0] += our_time
            times[1] += their_time
            timed += 1
        if words(second.get(path, "")):
            expected &= words(second[path])
        missing = expected - words(text)
        wanted += sum(expected.values())
        found += sum(expected.values()) - sum(missing.values())
        if missing:
            worst.append((sum(missing.values()), sum(expected.values()), path, missing, reasons))
    # The median of files tells of the usual one, the sum of words of all.
    worst.sort(key=lambda one: one[0], reverse=True)
    share = 100 * found / max(wanted, 1)
    empty = len(quiet) - silent
    speeds = [f"{timed / max(time, 1e-9):.0f} | {octets / 1e6 / max(time, 1e-9):.1f}" for time in times]
    ratio = f"{times[1] / max(times[0], 1e-9):.2f}"
    print(f"| {kind} | {len(files)} | {compared} | {wanted} | {share:.2f} % | {len(second) + len(instead)} | {silent} | {empty} | {speeds[0]} | {name} | {speeds[1]} | {ratio} |", flush=True)
    return [(kind, *one) for one in worst[: options.worst]], quiet


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="+")
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--most", type=int, default=400)
    parser.add_argument("--worst", type=int, default=10)
    parser.add_argument("--speed", type=int, nargs="?", const=3)
    parser.add_argument("--together", action="store_true", help="with --speed: one process for all files")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target"))
    parser.add_argument("--extract", type=pathlib.Path, default=target / "release/examples/extract")
    options = parser.parse_args()
    if options.speed:
        print("| kind | files | documents/s | MB/s | reference | its documents/s | its MB/s | its time : ours | of the processor | the usual file |")
        print("| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
        for kind in options.kind or KINDS:
            speed(kind, options)
        return 0
    print("| kind | files | compared | words | found | second reader | silent | empty | documents/s | MB/s | reference | its documents/s | its MB/s | its time : ours |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    all_worst, all_quiet = [], []
    for kind in options.kind or KINDS:
        result = measure(kind, options)
        if result:
            all_worst += result[0]
            all_quiet += result[1]
    print()
    for kind, missing, expected, path, lost, reasons in all_worst:
        sample = " ".join(word for word, _ in lost.most_common(12))
        print(f"{kind}: {missing} of {expected} words: {path}: {sample}  {reasons.strip()[:120]}")
    for how, path in all_quiet:
        print(f"{how}: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
