"""Seeds of the fuzz target `encrypted` whose keys cost next to nothing, in the form that its body reads: a length, so many octets of a description, what is encrypted."""

import base64, hashlib, os, pathlib, random, struct, zlib

import olefile
from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

HERE = pathlib.Path(__file__).resolve().parent
OUT, PASSWORD = HERE.parent / "corpus" / "encrypted", b"tulip7"
TEXT = b"<office:text>Amber aes.ods 4111 1111 1111 1111</office:text>" * 40
AES = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
SUMS = {"1k": "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0#sha256-1k", "old": "SHA1/1K"}


def write(name, description, packed):
    OUT.mkdir(exist_ok=True)
    (OUT / name).write_bytes(struct.pack("<H", len(description)) + description + packed)


def office():
    """What msoffcrypto-tool and POI made, taken out of its compound file."""
    for name in ["agile.xlsx", "standard-default.xlsx"]:
        file = olefile.OleFileIO(HERE / "locked" / name)
        write(name, *(file.openstream(part).read() for part in ["EncryptionInfo", "EncryptedPackage"]))
    for name in ["cryptoapi.xls", "rc4-default.xls", "xor.xls"]:
        file = olefile.OleFileIO(HERE / "locked" / name)
        (OUT / name).write_bytes(file.openstream("Workbook").read())


def part(name, algorithm, derivation, key, start, sum_type, sum_of, packed, start_hash="SHA256"):
    b64 = lambda octets: base64.b64encode(octets).decode()
    checksum = f' m:checksum-type="{sum_type}" m:checksum="{b64(sum_of)}"' if sum_type else ""
    manifest = (
        f'<m:manifest xmlns:m="m"><m:file-entry m:full-path="content.xml" m:size="{len(TEXT)}"><m:encryption-data{checksum}>'
        f'<m:algorithm m:algorithm-name="{algorithm}" m:initialisation-vector="{b64(start)}"/>'
        f'<m:start-key-generation m:start-key-generation-name="{start_hash}" m:key-size="32"/>'
        f'<m:key-derivation {derivation} m:salt="{b64(SALT)}"/></m:encryption-data></m:file-entry></m:manifest>'
    )
    write(name, manifest.encode(), packed)


SALT = bytes(range(16))


def open_document():
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = packer.compress(TEXT) + packer.flush()
    start = hashlib.sha256(PASSWORD).digest()
    rounds = 'm:key-derivation-name="PBKDF2" m:key-size="%d" m:iteration-count="2"'
    key = hashlib.pbkdf2_hmac("sha1", start, SALT, 2, 32)
    vector = bytes(range(16, 32))
    fill = 16 - len(deflated) % 16
    filled = deflated + bytes(fill - 1) + bytes([fill])
    cbc = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    packed = cbc.update(filled) + cbc.finalize()
    part("aes.odt", AES, rounds % 32, key, vector, SUMS["1k"], hashlib.sha256(deflated[:1024]).digest(), packed)
    nonce = bytes(range(12))
    vouched = nonce + AESGCM(key).encrypt(nonce, deflated, None)
    part("gcm.odt", GCM, rounds % 32, key, nonce, None, b"", vouched)
    argon = 'm:key-derivation-name="argon2id" m:key-size="32" m:argon2-iterations="1" m:argon2-memory="8" m:argon2-lanes="1"'
    key = Argon2id(salt=SALT, length=32, iterations=1, lanes=1, memory_cost=8).derive(start)
    vouched = nonce + AESGCM(key).encrypt(nonce, deflated, None)
    part("argon2.odt", GCM, argon, key, nonce, None, b"", vouched)
    old = hashlib.sha1(PASSWORD).digest()
    key = hashlib.pbkdf2_hmac("sha1", old, SALT, 2, 16)
    fish = Cipher(Blowfish(key), CFB(SALT[:8])).encryptor()
    packed = fish.update(deflated) + fish.finalize()
    total = hashlib.sha1(deflated[:1024]).digest()
    part("blowfish.odt", "Blowfish CFB", rounds % 16, key, SALT[:8], SUMS["old"], total, packed, "SHA1")


if __name__ == "__main__":
    office()
    open_document()
