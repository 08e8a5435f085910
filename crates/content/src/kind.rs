//! What a file is, told by its octets and never by its name.

use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal;)*) => {
        /// The true type of a file.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[allow(missing_docs)]
        pub enum FileKind { $($(#[$doc])* $kind,)* }

        impl FileKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// A stable lower-case name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// By its stable name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
            }
        }
    };
}

kinds! {
    Zip = "zip"; Tar = "tar"; Gzip = "gzip"; Bzip2 = "bzip2"; Xz = "xz"; Lzma = "lzma"; Zstd = "zstd"; SevenZip = "7z"; Rar = "rar";
    Cab = "cab"; Iso = "iso"; Ar = "ar"; Deb = "deb"; Rpm = "rpm"; Cpio = "cpio"; Arj = "arj"; Lha = "lha"; Ace = "ace"; Jar = "jar";
    Docx = "docx"; Docm = "docm"; Dotx = "dotx"; Xlsx = "xlsx"; Xlsm = "xlsm"; Xlsb = "xlsb"; Xltx = "xltx"; Pptx = "pptx"; Pptm = "pptm";
    Ppsx = "ppsx"; Potx = "potx"; Odt = "odt"; Ods = "ods"; Odp = "odp"; Odg = "odg"; Doc = "doc"; Xls = "xls"; Ppt = "ppt"; Msg = "msg";
    Cfb = "cfb"; Rtf = "rtf"; Pdf = "pdf"; Epub = "epub"; Sqlite = "sqlite"; Iwa = "iwa"; OneNote = "onenote";
    Png = "png"; Jpeg = "jpeg"; Gif = "gif"; Tiff = "tiff"; Bmp = "bmp"; Webp = "webp"; Heic = "heic"; Svg = "svg"; Ico = "ico"; Psd = "psd";
    Html = "html"; Xml = "xml"; Json = "json"; Csv = "csv"; Text = "text"; Eml = "eml"; Mbox = "mbox"; Tnef = "tnef"; Ics = "ics"; Vcard = "vcard";
    Pkcs7 = "pkcs7"; Pgp = "pgp"; Salted = "salted"; Pem = "pem";
    ExecutablePe = "executable-pe"; ExecutableElf = "executable-elf"; ExecutableMacho = "executable-macho"; Script = "script"; Wasm = "wasm"; JavaClass = "java-class";
    Mp3 = "mp3"; Mp4 = "mp4"; Ogg = "ogg"; Wav = "wav"; Flac = "flac"; Avi = "avi"; Matroska = "matroska"; Font = "font";
    Empty = "empty"; Unknown = "unknown";
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
