#!/usr/bin/env python3
"""Words found in other people's documents, and the time it takes, kind by kind beside a reference tool: each file by a process of
its own for both.

    cargo build --release -p content --example extract
    benches/documents.py [--kind KIND]... [--most 400] [--worst 10] FOLDER...

Recall is by multisets of words: of the words that the reference tool prints, those that are in our text as often. A file of which
the reference tool prints nothing counts for silence only: a file must give text or a reason. Debian packages of the references:
poppler-utils catdoc unrtf unzip w3m sqlite3 libimage-exiftool-perl.
"""

import argparse
import collections
import hashlib
import html
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
TIME = 60
# Some references leave pictures where they run.
SCRATCH = tempfile.TemporaryDirectory()


def parts(names, ends, more=""):
    """Parts of a package with their tags taken out: the ends of paragraphs part words, other tags do not; what stands there a second time for old programs
    is left out."""
    patterns = " ".join(f"'{name}'" for name in names)
    return f"unzip -p \"$1\" {patterns} 2>/dev/null | perl -0777 -pe 's/<mc:Fallback.*?<.mc:Fallback>//gs;s/\\n/ /g' | sed -E 's/{ends}/\\n/g;{more}s/<[^>]*>//g'"


EXIF = " ".join(
    ["-EXIF:" + tag for tag in "ImageDescription Artist Copyright UserComment XPTitle XPComment XPAuthor XPKeywords XPSubject Make Model Software OwnerName".split()]
    + ["-IPTC:Caption-Abstract", "-IPTC:Headline", "-IPTC:Keywords", "-IPTC:By-line", "-IPTC:City", "-IPTC:ObjectName", "-IPTC:CopyrightNotice"]
    + ["-XMP-dc:Title", "-XMP-dc:Description", "-XMP-dc:Creator", "-XMP-dc:Subject", "-XMP-dc:Rights", "-XMP-photoshop:Headline", "-XMP-photoshop:City"]
    + ["-File:Comment", "-GIF:Comment", "-PNG:Comment", "-PNG:Title", "-PNG:Description", "-PNG:Author", "-PNG:Copyright"])

# Endings, what a file of the kind begins with, the reference's name and its command for a file "$1".
KINDS = {
    "pdf": (["pdf"], b"%PDF", "pdftotext", 'pdftotext -q "$1" -'),
    "doc": (["doc", "dot"], b"\xd0\xcf\x11\xe0", "catdoc", 'catdoc -w -d utf-8 "$1"'),
    "xls": (["xls", "xlt"], b"\xd0\xcf\x11\xe0", "xls2csv", 'xls2csv -d utf-8 "$1"'),
    "ppt": (["ppt", "pps", "pot"], b"\xd0\xcf\x11\xe0", "catppt", 'catppt -d utf-8 "$1"'),
    "docx": (["docx", "docm", "dotx"], b"PK", "unzip -p",
             parts(["word/document.xml"], "<\\/w:p>|<w:br[^>]*>|<w:cr\\/>|<w:tab\\/>", "s/<w:instrText[^>]*>[^<]*//g;s/<wp:pos(H|V)[a-zA-Z]*>|<wp:posOffset>[^<]*|<wp14:[a-zA-Z]*>[^<]*|<wp:align>[^<]*//g;")),
    "xlsx": (["xlsx", "xlsm", "xltx"], b"PK", "unzip -p", parts(["xl/sharedStrings.xml"], "<\\/si>|<\\/rPh>")),
    "pptx": (["pptx", "pptm", "ppsx", "potx"], b"PK", "unzip -p", parts(["ppt/slides/*.xml"], "<\\/a:p>|<a:br[^>]*>|<\\/p:attrName>|<\\/c:v>", "s/<p:attrName>[^<]*|<a14:[a-zA-Z]*>[^<]*|<a:tableStyleId>[^<]*|<p:strVal[^>]*>//g;")),
    "odt": (["odt", "ott"], b"PK", "unzip -p", parts(["content.xml"], "<\\/text:(p|h)>|<text:(s|tab|line-break)[^>]*>|<\\/(dc|meta|office|text):[a-z-]*>")),
    "ods": (["ods", "ots"], b"PK", "unzip -p", parts(["content.xml"], "<\\/text:p>|<text:(s|tab|line-break)[^>]*>|<\\/(dc|meta|number|office):[a-z-]*>", "s/<number:[^>]*>[^<]*//g;")),
    "odp": (["odp", "otp"], b"PK", "unzip -p", parts(["content.xml"], "<\\/text:p>|<text:(s|tab|line-break)[^>]*>|<\\/(dc|meta|number|office):[a-z-]*>", "s/<number:[^>]*>[^<]*//g;")),
    "rtf": (["rtf"], b"{\\rtf", "unrtf", 'unrtf --text "$1" 2>/dev/null | sed -E "/^###|^-----------------$/d"'),
    "epub": (["epub"], b"PK", "unzip and w3m", 'unzip -p "$1" "*html" "*.htm" 2>/dev/null | w3m -dump -cols 10000 -I UTF-8 -O UTF-8 -T text/html'),
    "sqlite": (["sqlite", "sqlite3", "db", "gpkg", "mbtiles", "qgz-db", "spatialite"], b"SQLite format 3", "sqlite3", None),
    "image": (["jpg", "jpeg", "png", "tif", "tiff", "webp", "gif"], None, "exiftool", f'exiftool -q -a -s3 {EXIF} "$1"'),
}


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


def run(command, path):
    began = time.perf_counter()
    try:
        done = subprocess.run(command + [str(path)], capture_output=True, timeout=TIME, cwd=SCRATCH.name, env=dict(os.environ, LC_ALL="C.UTF-8"))
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
    reference = rows_of if command is None else (lambda path: run(["sh", "-c", command, "sh"], path))
    ours = [str(options.extract), "--text"]
    wanted = found = compared = silent = 0
    times, worst, quiet = [0.0, 0.0], [], []
    for path in files:
        theirs, _, their_time = reference(path)
        text, reasons, our_time = run(ours, path)
        if not text.strip() and "unscannable" not in reasons and words(theirs):
            silent += 1
            quiet.append(path)
        expected = words(theirs)
        if not expected:
            continue
        compared += 1
        times[0] += our_time
        times[1] += their_time
        missing = expected - words(text)
        wanted += sum(expected.values())
        found += sum(expected.values()) - sum(missing.values())
        if missing:
            worst.append((sum(missing.values()), sum(expected.values()), path, missing, reasons))
    # The median of files tells of the usual one, the sum of words of all.
    worst.sort(key=lambda one: one[0], reverse=True)
    share = 100 * found / max(wanted, 1)
    print(f"| {kind} | {len(files)} | {compared} | {wanted} | {share:.2f} % | {silent} | {name} | {times[1] / max(times[0], 1e-9):.2f} |", flush=True)
    return [(kind, *one) for one in worst[: options.worst]], quiet


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="+")
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--most", type=int, default=400)
    parser.add_argument("--worst", type=int, default=10)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target"))
    parser.add_argument("--extract", type=pathlib.Path, default=target / "release/examples/extract")
    options = parser.parse_args()
    print("| kind | files | compared | words | found | silent | reference | its time : ours |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |")
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
    for path in all_quiet:
        print(f"silent: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
