"""Documents encrypted by msoffcrypto-tool, Apache POI, LibreOffice, pikepdf (qpdf) and OpenSSL: with the password that Excel tries by itself, and with "tulip7"."""

import io, os, pathlib, shutil, subprocess, tempfile

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "locked"
DEFAULT, OTHER = "VelvetSweatshop", "tulip7"
CARD = "4111 1111 1111 1111"


def make():
    OUT.mkdir(exist_ok=True)
    agile()
    by_poi()
    by_libreoffice()
    by_qpdf()
    by_openssl()


def workbook(name):
    import openpyxl
    book, octets = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "Payroll"
    book.active["B2"] = f"Amber {name} {CARD}"
    book.save(octets)
    return octets.getvalue()


def agile():
    """With few rounds of hashing: unoptimised tests try several passwords."""
    import functools, msoffcrypto
    from msoffcrypto.method.ecma376_agile import ECMA376Agile
    ECMA376Agile.encrypt = staticmethod(functools.partial(ECMA376Agile.encrypt, spin_count=2000))
    for name, password in {"agile-default.xlsx": DEFAULT, "agile.xlsx": OTHER}.items():
        file = msoffcrypto.OfficeFile(io.BytesIO(workbook(name)))
        with open(OUT / name, "wb") as out:
            file.encrypt(password, out)


def by_poi():
    """Debian's libapache-poi-java, as a source file that `java` runs."""
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "plain.xlsx").write_bytes(workbook("standard-default.xlsx"))
    (folder / "Lock.java").write_text(JAVA)
    names = ["poi", "poi-ooxml", "poi-ooxml-schemas", "commons-codec", "commons-collections4", "commons-compress", "commons-math3", "xmlbeans"]
    jars = ":".join(f"/usr/share/java/{name}.jar" for name in names)
    subprocess.run(["java", "-cp", jars, str(folder / "Lock.java"), str(folder / "plain.xlsx"), str(OUT)], check=True)
    shutil.rmtree(folder)


def by_qpdf():
    import pikepdf
    for revision, aes in {2: False, 3: False, 4: True, 6: True}.items():
        lock = pikepdf.Encryption(owner="owner", user=OTHER, R=revision, aes=aes, metadata=aes)
        with pikepdf.open(HERE.parent / "samples" / "letter.pdf") as letter:
            letter.save(OUT / f"revision{revision}.pdf", encryption=lock)


def by_openssl():
    for name, more in {"salted.enc": [], "salted.txt": ["-a"]}.items():
        command = ["openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-pass", f"pass:{OTHER}", "-out", str(OUT / name), *more]
        subprocess.run(command, input=f"Amber {name} {CARD}\n".encode(), check=True)


def by_libreoffice():
    """Of the Python that Debian's python3-uno is for; 24.1 and older, newer ones encrypt in another way."""
    import time, uno
    from com.sun.star.beans import PropertyValue
    as_value = lambda name, value: PropertyValue(name, 0, value, 0)
    profile = pathlib.Path(tempfile.mkdtemp())
    where = "socket,host=127.0.0.1,port=20977;urp;"
    office = subprocess.Popen(["soffice", "--headless", "--norestore", f"-env:UserInstallation={profile.as_uri()}", f"--accept={where}"])
    context = uno.getComponentContext()
    resolver = context.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", context)
    for _ in range(60):
        try:
            remote = resolver.resolve(f"uno:{where}StarOffice.ComponentContext")
            break
        except Exception:
            time.sleep(1)
    desktop = remote.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", remote)
    book = desktop.loadComponentFromURL("private:factory/scalc", "_blank", 0, (as_value("Hidden", True),))
    sheet = book.Sheets.getByIndex(0)
    sheet.Name = "Payroll"
    sheet.getCellByPosition(1, 1).setString(f"Amber aes.ods {CARD}")
    book.storeToURL((OUT / "aes.ods").as_uri(), (as_value("FilterName", "calc8"), as_value("Password", OTHER)))
    book.close(True)
    desktop.terminate()
    office.wait()
    shutil.rmtree(profile)


JAVA = """
import java.io.*;
import org.apache.poi.hssf.record.FilePassRecord;
import org.apache.poi.hssf.record.crypto.Biff8EncryptionKey;
import org.apache.poi.hssf.usermodel.HSSFWorkbook;
import org.apache.poi.poifs.crypt.*;
import org.apache.poi.poifs.filesystem.POIFSFileSystem;

public class Lock {
    public static void main(String[] args) throws Exception {
        File out = new File(args[1]);
        POIFSFileSystem files = new POIFSFileSystem();
        Encryptor encryptor = new EncryptionInfo(EncryptionMode.standard).getEncryptor();
        encryptor.confirmPassword("VelvetSweatshop");
        try (OutputStream to = encryptor.getDataStream(files)) {
            to.write(java.nio.file.Files.readAllBytes(new File(args[0]).toPath()));
        }
        try (OutputStream to = new FileOutputStream(new File(out, "standard-default.xlsx"))) {
            files.writeFilesystem(to);
        }
        book(out, "cryptoapi-default.xls", EncryptionMode.cryptoAPI, "VelvetSweatshop");
        book(out, "rc4-default.xls", EncryptionMode.binaryRC4, "VelvetSweatshop");
        book(out, "xor-default.xls", EncryptionMode.xor, "VelvetSweatshop");
        book(out, "cryptoapi.xls", EncryptionMode.cryptoAPI, "tulip7");
        book(out, "xor.xls", EncryptionMode.xor, "tulip7");
    }

    static void book(File out, String name, EncryptionMode mode, String password) throws Exception {
        HSSFWorkbook book = new HSSFWorkbook();
        book.createSheet("Payroll").createRow(1).createCell(1).setCellValue("Amber " + name + " 4111 1111 1111 1111");
        // More than one block of the cipher.
        for (int row = 2; row < 200; row++) {
            book.getSheetAt(0).createRow(row).createCell(0).setCellValue("filler " + row);
        }
        book.getInternalWorkbook().getWorkbookRecordList().add(1, new FilePassRecord(mode));
        Biff8EncryptionKey.setCurrentUserPassword(password);
        try (OutputStream to = new FileOutputStream(new File(out, name))) {
            // Properties can be encrypted in one way only: the workbook alone.
            POIFSFileSystem files = new POIFSFileSystem();
            files.createDocument(new ByteArrayInputStream(book.getBytes()), "Workbook");
            files.writeFilesystem(to);
        }
    }
}
"""

if __name__ == "__main__":
    make()
