#!/usr/bin/env python3
"""Makes the mails of this folder with other people's programs: each a text, an attached table, and a page where the program can.

usage: make.py     Programs that are not installed leave their mail as it is.
"""

import email.message
import email.policy
import os
import pathlib
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TEXT = "TEXT-OF-THE-MAIL: dear Bj\u00f6rn, the list of October is attached; 3 = 2 + 1.\nFrom here on it is yours, until the 1st.\n-- \nAnna\n"
TABLE = "name;amount\nM\u00fcller;1200,50\nOkafor;310,00\n"
PAGE = "<html><body><p>TEXT-OF-THE-MAIL: dear Bj\u00f6rn, <b>the list</b> is <a href='https://example.com/?a=1&amp;b=2'>here</a>.</p></body></html>"
FROM, TO, SUBJECT = "anna@example.com", "bjorn@example.org", "Liste f\u00fcr Oktober"

NODEMAILER = """
const [text, page, table] = process.argv.slice(1);
require('nodemailer').createTransport({ streamTransport: true, buffer: true }).sendMail({ from: 'Anna <anna@example.com>', to: 'bjorn@example.org',
subject: 'Liste f\\u00fcr Oktober', text, html: page, attachments: [{ filename: '\\u00dcbersicht.csv', content: table }] }).then(m => process.stdout.write(m.message));
"""
MIME_ENTITY = """
use MIME::Entity; my ($text, $table) = @ARGV;
my $m = MIME::Entity->build(Type => "multipart/mixed", From => "anna\\@example.com", To => "bjorn\\@example.org", Subject => "=?utf-8?q?Liste_f=C3=BCr_Oktober?=");
$m->attach(Type => "text/plain", Charset => "utf-8", Data => $text, Encoding => "-SUGGEST");
$m->attach(Type => "text/csv", Charset => "utf-8", Filename => "list.csv", Data => $table, Encoding => "base64"); $m->print(\\*STDOUT);
"""
EMAIL_MIME = """
use utf8; use Email::MIME; use Encode; my ($text, $page) = map { decode("utf-8", $_) } @ARGV;
my @parts = map { Email::MIME->create(attributes => { content_type => $_->[0], charset => "utf-8", encoding => "quoted-printable" }, body_str => $_->[1]) }
["text/plain", $text], ["text/html", $page];
print Email::MIME->create(header_str => [From => "anna\\@example.com", To => "bjorn\\@example.org", Subject => "Liste für Oktober"],
attributes => { content_type => "multipart/alternative" }, parts => \\@parts)->as_string;
"""


def output(command, **more):
    return subprocess.run(command, check=True, capture_output=True, timeout=60, **more).stdout


def by_python():
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = FROM, TO, SUBJECT
    mail.set_content(TEXT)
    mail.add_alternative(PAGE, subtype="html")
    mail.add_attachment(TABLE.encode(), maintype="text", subtype="csv", filename="\u00dcbersicht.csv")
    return mail.as_bytes()


def by_nodemailer():
    return output(["node", "-e", NODEMAILER, TEXT, PAGE, TABLE])


def by_perl(script, *words):
    return output(["perl", "-e", script, *words])


def through_sendmail(folder, command, text=TEXT):
    """A mail program that hands its mail to a program: here, one that keeps it."""
    keep = folder / "sendmail"
    keep.write_text(f"#!/bin/sh\ncat >{folder}/kept\n")
    keep.chmod(0o755)
    (folder / "list.csv").write_text(TABLE)
    home = dict(os.environ, HOME=str(folder), LC_ALL="C.UTF-8", MAILRC="/dev/null", EMAIL=FROM)
    output([word.format(folder=folder) for word in command], input=text.encode(), env=home, cwd=folder)
    return (folder / "kept").read_bytes()


def by_mutt(folder):
    (folder / "rc").write_text(f'set sendmail="{folder}/sendmail"\nset from={FROM}\nset copy=no\nset charset=utf-8\nset hostname=example.com\n')
    return through_sendmail(folder, ["mutt", "-n", "-F", "{folder}/rc", "-s", SUBJECT, "-a", "{folder}/list.csv", "--", TO])


def by_s_nail(folder):
    line = ["s-nail", "-n", "-S", "v15-compat", "-S", "mta=file://{folder}/sendmail", "-S", f"from={FROM}", "-S", "ttycharset=utf-8"]
    line += ["-S", "hostname=example.com", "-S", "mta-bcc-ok", "-S", "expandaddr", "-s", SUBJECT, "-a", "{folder}/list.csv", TO]
    return through_sendmail(folder, line)


def by_mblaze(folder):
    (folder / "list.csv").write_text(TABLE)
    draft = f"From: {FROM}\nTo: {TO}\nSubject: {SUBJECT}\n\n{TEXT}\n#text/csv {folder}/list.csv>list.csv\n"
    return output(["mmime"], input=draft.encode())


def by_nmh(folder):
    (folder / "list.csv").write_text(TABLE)
    (folder / "profile").write_text(f"Path: {folder}\n")
    draft = folder / "draft"
    draft.write_text(f"From: {FROM}\nTo: {TO}\nSubject: {SUBJECT}\nNmh-Attach: {folder}/list.csv\n\n{TEXT}")
    home = dict(os.environ, MH=f"{folder}/profile", HOME=str(folder), LC_ALL="C.UTF-8")
    output(["/usr/bin/mh/mhbuild", "-auto", "-headerencoding", "utf-8", str(draft)], env=home)
    return draft.read_bytes()


def by_swaks(folder):
    (folder / "list.csv").write_text(TABLE)
    line = ["swaks", "--dump-mail", "--from", FROM, "--to", TO, "--h-Subject", "The list of October", "--body", TEXT, "--attach-type", "text/csv"]
    return output([*line, "--attach-name", "list.csv", "--attach", f"@{folder}/list.csv"], cwd=folder)


MAKERS = {
    "python": by_python,
    "nodemailer": by_nodemailer,
    "mime-entity": lambda: by_perl(MIME_ENTITY, TEXT, TABLE),
    "email-mime": lambda: by_perl(EMAIL_MIME, TEXT, PAGE),
    "mutt": by_mutt,
    "s-nail": by_s_nail,
    "mblaze": by_mblaze,
    "nmh": by_nmh,
    "swaks": by_swaks,
}


def main():
    for name, make in MAKERS.items():
        folder = pathlib.Path(tempfile.mkdtemp())
        try:
            (HERE / f"{name}.eml").write_bytes(make(folder) if make.__code__.co_argcount else make())
            print(f"{name}: made")
        except (OSError, subprocess.SubprocessError) as error:
            print(f"{name}: {error}: {getattr(error, 'stderr', b'')[-300:]}")
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
