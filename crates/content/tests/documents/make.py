#!/usr/bin/env python3
"""Makes the sample files of this folder with other people's software; the samples are kept, this tells where they come from.

Needs: Info-ZIP, 7z, tar, GNU cpio, gcab, cabextract, genisoimage, rpmbuild, zstd, LibreOffice (`soffice`), and from PyPI python-docx,
openpyxl, XlsxWriter, python-pptx, odfpy, EbookLib, pyzipper, pycdlib. Every sample holds the words "Amber <name>" and, where a
number fits, the card number 4111 1111 1111 1111 or a social security number.
"""

import bz2, datetime, gzip, io, lzma, os, pathlib, shutil, struct, subprocess, sys, tempfile, zipfile, zlib

HERE = pathlib.Path(__file__).resolve().parent
WORK = pathlib.Path(tempfile.mkdtemp())


def note(name):
    return f"Amber {name}\ncard 4111 1111 1111 1111\n".encode()


def run(*args, **more):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, cwd=more.pop("cwd", WORK), **more)


def fresh(name):
    """A folder with one note in it."""
    folder = WORK / f"of {name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "note.txt").write_bytes(note(name))
    return folder


def kept(path, folder="containers"):
    target = HERE / folder
    target.mkdir(exist_ok=True)
    shutil.move(path, target / pathlib.Path(path).name)


def put(name, octets, folder="containers"):
    (HERE / folder).mkdir(exist_ok=True)
    (HERE / folder / name).write_bytes(octets)


# ---- zip

def zips():
    for name, options in {
        "deflated.zip": [], "stored.zip": ["-0"], "bzip2.zip": ["-Z", "bzip2"], "zip64.zip": ["-fz"],
        "descriptor.zip": ["-fd"], "zipcrypto.zip": ["-P", "tulip7"], "commented.zip": ["-c"],
    }.items():
        folder = fresh(name)
        more = {"input": b"Amber comment of an entry\n"} if name == "commented.zip" else {}
        run("zip", "-q", "-X", *options, WORK / name, "note.txt", cwd=folder, **more)
        kept(WORK / name)
    for name, page in {"dos-password.zip": "cp850", "windows-password.zip": "cp1252"}.items():
        folder = fresh(name)
        run("zip", "-q", "-X", b"-P", "Süß7".encode(page), WORK / name, "note.txt", cwd=folder)
        kept(WORK / name)
    for name, method in {"deflate64.zip": "Deflate64", "lzma.zip": "LZMA", "ppmd.zip": "PPMd"}.items():
        folder = fresh(name)
        # Deflate64 differs from deflate only in what is far or long.
        (folder / "note.txt").write_bytes(note(name) + b"Amber " * 20000)
        run("7z", "a", "-tzip", f"-mm={method}", WORK / name, "note.txt", cwd=folder)
        kept(WORK / name)
    for method in ("Deflate64", "BZip2", "LZMA", "PPMd"):
        for cipher in ("ZipCrypto", "AES256"):
            name = f"{method.lower()}-{cipher.lower()}.zip"
            folder = fresh(name)
            # Less is stored and not packed.
            (folder / "note.txt").write_bytes(note(name) + b"Amber " * 200)
            run("7z", "a", "-tzip", f"-mm={method}", f"-mem={cipher}", "-ptulip7", WORK / name, "note.txt", cwd=folder)
            kept(WORK / name)
    name = "descriptor-zipcrypto.zip"
    run("zip", "-q", "-X", "-fd", "-P", "tulip7", WORK / name, "note.txt", cwd=fresh(name))
    kept(WORK / name)
    import pyzipper
    for name, bits in {"aes256.zip": 256, "aes128.zip": 128}.items():
        with pyzipper.AESZipFile(WORK / name, "w", compression=pyzipper.ZIP_DEFLATED) as archive:
            archive.setpassword(b"tulip7")
            archive.setencryption(pyzipper.WZ_AES, nbits=bits)
            archive.writestr("note.txt", note(name))
        kept(WORK / name)
    streamed = subprocess.run(["zip", "-q", "-", "-"], input=note("streamed.zip"), stdout=subprocess.PIPE, check=True)
    put("streamed.zip", streamed.stdout)
    zstd = subprocess.run(["zstd", "-c"], input=note("zstd.zip"), stdout=subprocess.PIPE, check=True).stdout
    put("zstd.zip", raw_zip([("note.txt", 93, zstd, note("zstd.zip"))]))
    names = io.BytesIO()
    with zipfile.ZipFile(names, "w") as archive:
        archive.writestr("Grüße an Łódź.txt", note("names.zip"))
        archive.writestr("folder/", "")
    put("names.zip", names.getvalue())
    dos = raw_zip([("note.txt", 0, note("dos-name.zip"), note("dos-name.zip"))])
    put("dos-name.zip", dos.replace(b"note.txt", b"gr\x81\xe1e.tx"))
    tricks()


def raw_zip(files, comment=b""):
    """A plain archive of (name, method, packed, unpacked)."""
    out, directory = b"", b""
    for name, method, packed, unpacked in files:
        name = name.encode()
        common = struct.pack("<HHHHHIIIHH", 20, 0, method, 0, 33, zlib.crc32(unpacked), len(packed), len(unpacked), len(name), 0)
        directory += b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + name
        out += b"PK\3\4" + common + name + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(out), len(comment))
    return out + directory + b"PK\5\6" + end + comment


def tricks():
    """Archives that programs read in different ways."""
    one = lambda name, text: raw_zip([(name, 0, text, text)])
    plain = one("note.txt", note("local-name.zip"))
    put("local-name.zip", plain.replace(b"note.txt", b"evil.exe", 1))
    # Two files, of which the directory lists one.
    both = raw_zip([("hidden.txt", 0, note("hidden.zip"), note("hidden.zip")), ("shown.txt", 0, b"nothing", b"nothing")])
    at, end = both.index(b"PK\1\2"), both.index(b"PK\5\6")
    second = both.index(b"PK\1\2", at + 4)
    size = end - second
    put("hidden.zip", both[:at] + both[second:end] + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, size, at, 0))
    # No directory at all; a directory cut in two.
    whole = raw_zip([("note.txt", 0, note("cut.zip"), note("cut.zip"))])
    put("cut.zip", whole[: whole.index(b"PK\1\2") + 20])
    # An archive behind another: the last one is what most programs see.
    put("two-in-one.zip", one("first.txt", note("two-in-one.zip")) + one("second.txt", b"nothing"))
    put("prepended.zip", b"PK\3\4 is not how this begins, says the stub. " * 3 + one("note.txt", note("prepended.zip")))
    # The local header says that it is stored, the directory that it is packed.
    stored = note("method.zip")
    odd = bytearray(raw_zip([("note.txt", 8, stored, stored)]))
    odd[8:10] = struct.pack("<H", 0)
    put("method.zip", bytes(odd))
    # The flag "encrypted" is set in the directory only.
    flagged = bytearray(one("note.txt", note("flagged.zip")))
    at = flagged.index(b"PK\1\2")
    flagged[at + 8] |= 1
    put("flagged.zip", bytes(flagged))
    # Entries that share their octets.
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = b"\0" * (1 << 20)
    packed = kernel.compress(zeros) + kernel.flush()
    base = raw_zip([("0", 8, packed, zeros)])
    at, end = base.index(b"PK\1\2"), base.index(b"PK\5\6")
    records = base[at:end] * 2000
    put("overlapping.zip", base[:at] + records + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 2000, 2000, len(records), at, 0))


# ---- tar and compressed files

def packed():
    for name, options in {
        "gnu.tar": ["--format=gnu"], "pax.tar": ["--format=pax"], "ustar.tar": ["--format=ustar"], "v7.tar": ["--format=v7"],
        "sparse.tar": ["--format=gnu", "--sparse"], "gnu.tgz": ["-z"], "gnu.tar.xz": ["-J"], "gnu.tar.bz2": ["-j"],
        "gnu.tar.zst": ["--zstd"],
    }.items():
        folder = fresh(name)
        long = folder / ("long-name-" * 12)
        if name in ("gnu.tar", "pax.tar"):
            long.write_bytes(note(name))
        run("tar", "--owner=0", "--group=0", "--mtime=2026-01-01", *options, "-cf", WORK / name, *os.listdir(folder), cwd=folder)
        kept(WORK / name)
    put("behind-the-end.tar", tar_of("shown.txt", b"nothing") + b"\0" * 1024 + tar_of("behind.txt", note("behind-the-end.tar")) + b"\0" * 1024)
    # A pax header gives another size than the file's own header.
    text = note("two-sizes.tar")
    record = f"{len(str(len(text))) + 9} size={len(text)}\n".encode()
    put("two-sizes.tar", tar_of("pax", record, b"x") + tar_of("note.txt", text, size=0) + b"\0" * 1024)
    two = note("members.gz")
    put("members.gz", gzip.compress(two[:10], mtime=0) + gzip.compress(two[10:], mtime=0))
    put("behind.gz", gzip.compress(b"nothing", mtime=0) + raw_zip([("note.txt", 0, note("behind.gz"), note("behind.gz"))]))
    put("cut.gz", gzip.compress(note("cut.gz") + os.urandom(4000), mtime=0)[:3000])
    put("members.bz2", bz2.compress(note("members.bz2")[:10]) + bz2.compress(note("members.bz2")[10:]))
    put("members.xz", lzma.compress(note("members.xz")[:10]) + lzma.compress(note("members.xz")[10:]))
    put("alone.lzma", lzma.compress(note("alone.lzma"), format=lzma.FORMAT_ALONE))
    zstd = lambda octets: subprocess.run(["zstd", "-c"], input=octets, stdout=subprocess.PIPE, check=True).stdout
    skipped = struct.pack("<II", 0x184D2A51, 4) + b"skip"
    put("members.zst", zstd(note("members.zst")[:10]) + skipped + zstd(note("members.zst")[10:]))


def tar_of(name, octets, kind=b"0", size=None):
    size = len(octets) if size is None else size
    header = bytearray(512)
    header[0:len(name)] = name.encode()
    header[100:108], header[124:136] = b"0000644\0", f"{size:011o}\0".encode()
    header[136:148], header[156:157], header[257:265] = b"00000000000\0", kind, b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header) + octets + b"\0" * (-len(octets) % 512)


# ---- cabinets

def alike(content, here, offset, most):
    """How many octets, `most` at most, stand as well `offset` before."""
    return next((n for n in range(most) if content[here + n] != content[here + n - offset]), most)


def lzx_cabinet(content):
    """A cabinet of one file in LZX, for which there is no free packer: one block with fixed codes for ASCII and for near matches [MS-PATCH 2.4 to 2.6]."""
    frames, r0 = [], 1
    for at in range(0, len(content), 32768):
        bits = []

        def put_bits(value, count):
            bits.extend(value >> shift & 1 for shift in reversed(range(count)))

        def lengths(one, times, zeros):
            """Path lengths by a table of two codes: what is not `one` is 20 and more zeros."""
            for code in range(20):
                put_bits(int(code in (one, 18)), 4)
            bits.extend([0] * times)
            for run_of in zeros:
                put_bits(1, 1)
                put_bits(run_of - 20, 5)

        if at == 0:
            put_bits(0, 1)  # No translation of calls.
            put_bits(1, 3)  # Verbatim.
            put_bits(len(content), 24)
            lengths(9, 128, [51, 51, 26])  # 128 letters of 8 bits,
            lengths(10, 64, [51, 51, 51, 23])  # 64 matches of 7,
            lengths(17, 0, [51, 51, 51, 51, 45])  # no long ones.
        here, end = at, min(at + 32768, len(content))
        while here < end:
            length, offset = max(((alike(content, here, offset, min(8, end - here)), offset) for offset in range(1, min(13, here) + 1)), default=(0, 0))
            if length < 2:
                put_bits(128 + content[here], 8)
                here += 1
                continue
            slot, extra, count = 0, 0, 0
            if offset != r0:
                slot = next(slot for slot, last in ((3, 3), (4, 5), (5, 7), (6, 11), (7, 15)) if offset + 2 <= last)
                count = (slot - 2) // 2
                extra = offset + 2 & (1 << count) - 1
            r0 = offset
            put_bits(slot * 8 + length - 2, 7)
            put_bits(extra, count)
            here += length
        bits.extend([0] * (-len(bits) % 16))
        words = [int("".join(map(str, bits[n : n + 16])), 2) for n in range(0, len(bits), 16)]
        frames.append((struct.pack(f"<{len(words)}H", *words), end - at))
    data = b"".join(struct.pack("<IHH", 0, len(packed), size) + packed for packed, size in frames)
    folder_at, name = 36, b"note.txt\0"
    files_at = folder_at + 8
    data_at = files_at + 16 + len(name)
    head = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, data_at + len(data), 0, files_at, 0, 3, 1, 1, 1, 0, 0, 0)
    folder = struct.pack("<IHH", data_at, len(frames), 3 | 15 << 8)
    return head + folder + struct.pack("<IIHHHH", len(content), 0, 0, 0x5A21, 0, 0x20) + name + data


# ---- other containers

def others():
    for name, options in {
        "lzma2.7z": [], "ppmd.7z": ["-m0=PPMd"], "bzip2.7z": ["-m0=BZip2"], "deflate.7z": ["-m0=Deflate"],
        "bcj.7z": ["-m0=BCJ", "-m1=LZMA"], "delta.7z": ["-m0=Delta", "-m1=LZMA"], "copy.7z": ["-m0=Copy"],
        "encrypted.7z": ["-ptulip7"], "encrypted-header.7z": ["-ptulip7", "-mhe=on"],
    }.items():
        folder = fresh(name)
        (folder / "empty.txt").touch()
        run("7z", "a", *options, WORK / name, "note.txt", "empty.txt", cwd=folder)
        kept(WORK / name)
    for name, options in {"stored.cab": [], "mszip.cab": ["-z"]}.items():
        folder = fresh(name)
        if name == "mszip.cab":
            # More than one block, the later ones referring back.
            (folder / "note.txt").write_bytes(b"Amber words again and again.\n" * 4000 + note(name))
        run("gcab", "-c", *options, WORK / name, "note.txt", cwd=folder)
        kept(WORK / name)
    put("lzx.cab", lzx_cabinet(b"Amber words again and again.\n" + b"Amber " * 5600 + note("lzx.cab")))
    run("cabextract", "-t", HERE / "containers" / "lzx.cab")
    for name, options in {"joliet.iso": ["-J", "-R"], "plain.iso": [], "hidden.iso": ["-J", "-hide-joliet", "note.txt"]}.items():
        folder = fresh(name)
        (folder / "A rather long name.txt").write_bytes(note(name) + b"long\n")
        run("genisoimage", "-quiet", "-V", "AMBERDISK", *options, "-o", WORK / name, folder)
        put(name, (WORK / name).read_bytes().rstrip(b"\0") + b"\0" * 2048)
    # Mostly zeros.
    name = "udf-bridge.iso.gz"
    folder = fresh(name)
    (folder / "Ordner").mkdir()
    (folder / "Ordner" / "Größe.txt").write_bytes(b"Amber inside\n" * 400)
    run("genisoimage", "-quiet", "-udf", "-J", "-R", "-V", "AMBERDISK", "-o", WORK / "image", folder)
    put(name, gzip.compress((WORK / "image").read_bytes(), mtime=0))
    import pycdlib
    name = "udf-alone.iso.gz"
    disc = pycdlib.PyCdlib()
    disc.new(udf="2.60")
    disc.add_directory(udf_path="/Ordner")
    for path, octets in {"/Ordner/note.txt": note(name), "/Łódź.txt": b"Amber large\n" * 300}.items():
        disc.add_fp(io.BytesIO(octets), len(octets), udf_path=path)
    disc.write(str(WORK / "image"))
    disc.close()
    put(name, gzip.compress((WORK / "image").read_bytes(), mtime=0))
    folder = fresh("members.a")
    (folder / "a-rather-long-member-name.txt").write_bytes(note("members.a"))
    run("ar", "rcD", WORK / "members.a", "note.txt", "a-rather-long-member-name.txt", cwd=folder)
    kept(WORK / "members.a")
    folder = fresh("package.deb")
    (folder / "debian-binary").write_text("2.0\n")
    run("tar", "-cJf", "data.tar.xz", "note.txt", cwd=folder)
    run("ar", "rcD", WORK / "package.deb", "debian-binary", "data.tar.xz", cwd=folder)
    kept(WORK / "package.deb")
    spec = WORK / "amber.spec"
    spec.write_text(
        "Name: amber\nVersion: 1\nRelease: 1\nSummary: Amber summary\nLicense: MIT\nBuildArch: noarch\n%description\nAmber description\n"
        "%install\nmkdir -p %{buildroot}/opt\nprintf 'Amber package.rpm\\ncard 4111 1111 1111 1111\\n' > %{buildroot}/opt/note.txt\n%files\n/opt/note.txt\n")
    run("rpmbuild", "-bb", "--define", f"_topdir {WORK}/rpm", "--target", "noarch", spec, stderr=subprocess.DEVNULL)
    built = next((WORK / "rpm").rglob("*.rpm"))
    put("package.rpm", built.read_bytes())
    for name in ("newc", "crc", "odc", "bin"):
        folder = fresh(f"{name}.cpio")
        os.symlink("elsewhere.txt", folder / "link")
        packed = subprocess.run(["cpio", "--quiet", "--reproducible", "-o", "-H", name], cwd=folder, input=b".\nnote.txt\nlink\n",
                                stdout=subprocess.PIPE, check=True).stdout
        put(f"{name}.cpio", packed)
    folder = fresh("nested.zip")
    run("tar", "-cf", "inner.tar", "note.txt", cwd=folder)
    run("7z", "a", "middle.7z", "inner.tar", cwd=folder)
    run("zip", "-q", "-X", WORK / "nested.zip", "middle.7z", cwd=folder)
    kept(WORK / "nested.zip")


if __name__ == "__main__":
    zips()
    packed()
    others()
    if (HERE / "make_office.py").exists():
        import make_locked, make_office
        make_office.make()
        make_locked.make()
