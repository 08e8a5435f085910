//! Opens a message: any octets in; a bounded tree of parts and text segments out, each with its path; names what it could not open.
//!
//! Nothing here does I/O, panics, recurses by the input or grows beyond [`Limits`]. Documents and containers are opened through
//! [`Documents`], which the product answers with locked-in worker processes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::time::Instant;

mod across;
mod binhex;
mod charset;
mod detect;
mod direction;
pub mod documents;
mod extent;
#[doc(hidden)]
pub mod fuzz;
mod header;
mod html;
mod kind;
mod notation;
mod open;
mod rows;
mod smime;
mod text;
mod tnef;
mod transfer;
pub mod worker;

pub use detect::detect;
pub use header::text as header_text;
pub use kind::FileKind;
pub use open::{open, open_file};
pub use text::Text;

/// What opening may cost. A bound that is met is a finding with its reason; what was read until then counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Octets that come out of decoding, unpacking and extraction, together.
    pub octets_out: u64,
    /// Parts of the message, containers' entries included.
    pub parts: u32,
    /// Parts inside parts.
    pub depth: u16,
    /// Header fields of one header.
    pub headers: u32,
    /// How much bigger than its packed form a container may get.
    pub ratio: u32,
    /// Plausible readings of one part.
    pub views: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { octets_out: 256 << 20, parts: 5_000, depth: 32, headers: 10_000, ratio: 1_000, views: 8 }
    }
}

/// How to open.
#[derive(Clone, Copy)]
pub struct How<'a> {
    /// Bounds.
    pub limits: &'a Limits,
    /// What is not opened by then is `unscannable: timeout`.
    pub deadline: Instant,
    /// Opens documents and containers.
    pub documents: &'a dyn Documents,
    /// Tried on encrypted containers.
    pub passwords: &'a [String],
    /// Whether files are hashed, so that they can be known again: see [`Part::digest`].
    pub digests: bool,
}

/// An opened message.
#[derive(Debug, Clone, Default)]
pub struct Opened<'m> {
    /// Fields of the message's own header, in order.
    pub headers: Vec<Header<'m>>,
    /// Every part; a part's `id` is its index.
    pub parts: Vec<Part>,
    /// Text, in the order of the parts.
    pub segments: Vec<Segment<'m>>,
    /// What could not be opened, and why.
    pub unscannable: Vec<Unscannable>,
    /// What can be read in more than one way.
    pub ambiguous: Vec<Ambiguity>,
    /// Attachments that stand in the message as it came, in the reading that comes first.
    pub written: Vec<Written>,
}

/// Where in the message an attachment stands, still encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Path of the part.
    pub path: String,
    /// The octets of its body.
    pub range: Range<usize>,
    encoding: transfer::Encoding,
}

impl Written {
    /// The attachment itself, decoded as a forgiving client does; `message` is the one that was opened.
    pub fn octets(&self, message: &[u8]) -> Vec<u8> {
        let body = message.get(self.range.clone()).unwrap_or_default();
        self.encoding.decode(body).map_or_else(|| body.to_vec(), |decoded| decoded.octets)
    }
}

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<'m> {
    /// As sent, without white space around it.
    pub name: &'m [u8],
    /// Value octets as sent, without the final line end.
    pub raw: &'m [u8],
    /// The whole field with its final line end, in the message.
    pub range: Range<usize>,
    /// Unfolded, encoded words decoded.
    pub text: Cow<'m, str>,
}

/// A part of the message, or a file inside one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Index in [`Opened::parts`].
    pub id: u32,
    /// The part it is in.
    pub parent: Option<u32>,
    /// `offer.zip > q3.xlsx`; empty for the message itself.
    pub path: String,
    /// What it is to the message.
    pub role: Role,
    /// File name, if it has one.
    pub name: Option<String>,
    /// Media type as declared, lower case, without parameters.
    pub declared: String,
    /// True type.
    pub kind: FileKind,
    /// Decoded octets.
    pub size: u64,
    /// BLAKE3 of the decoded octets, where [`How::digests`] asks for it and the part is no text of the message.
    pub digest: Option<[u8; 32]>,
    /// It is encrypted.
    pub encrypted: bool,
}

/// What a part is to the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The message itself, or a message in it.
    Message,
    /// A multipart: it has no text of its own.
    Multipart,
    /// What people read as the message's text.
    Body,
    /// What people see as a file.
    Attachment,
    /// A file in a container.
    Entry,
    /// An object in a document.
    Embedded,
}

/// A piece of text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<'m> {
    /// Index of its part.
    pub part: u32,
    /// Where in the part: `Sheet2!B7`, `page 3`, a header's name; may be empty.
    pub place: Text<'m>,
    /// Where policies look for it.
    pub component: Component,
    /// What kind of text it is.
    pub kind: Kind,
    /// The group of alternative renderings that it belongs to.
    pub view: Option<View>,
    /// The text.
    pub text: Text<'m>,
    /// Octets of a page's text that the page says are an earlier mail's, in order and apart.
    pub quoted: Vec<Range<usize>>,
    /// Octets that are each one row of a table, in order and apart.
    pub rows: Vec<Range<usize>>,
}

/// Segments of one `group` with different `index` render the same thing: count a group once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct View {
    /// The group, unique within the message.
    pub group: u32,
    /// The rendering; 0 is the strict or first one.
    pub index: u16,
}

/// Where policies look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Component {
    /// The Subject.
    Subject,
    /// Another header field; the segment's place is its name.
    Header,
    /// The message's text.
    Body,
    /// Attachments and what is in them.
    Attachment,
}

/// What kind of text a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Shown as text.
    Text,
    /// There, but not shown.
    Hidden,
    /// An attribute that people read.
    Attribute,
    /// Target of a link.
    Link,
    /// Program text.
    Script,
    /// A comment.
    Comment,
    /// A note.
    Note,
    /// A property of a document.
    Property,
    /// A file's name.
    FileName,
    /// Before the first part of a multipart.
    Preamble,
    /// After its last part.
    Epilogue,
    /// Octets shown as they are.
    Raw,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Text,
        Self::Hidden,
        Self::Attribute,
        Self::Link,
        Self::Script,
        Self::Comment,
        Self::Note,
        Self::Property,
        Self::FileName,
        Self::Preamble,
        Self::Epilogue,
        Self::Raw,
    ];

    /// Stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Hidden => "hidden",
            Self::Attribute => "attribute",
            Self::Link => "link",
            Self::Script => "script",
            Self::Comment => "comment",
            Self::Note => "note",
            Self::Property => "property",
            Self::FileName => "file name",
            Self::Preamble => "preamble",
            Self::Epilogue => "epilogue",
            Self::Raw => "raw",
        }
    }
}

impl Component {
    /// Stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Header => "header",
            Self::Body => "body",
            Self::Attachment => "attachment",
        }
    }
}

/// Something that could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unscannable {
    /// Index of the part.
    pub part: u32,
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: Reason,
}

/// Why something could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Encrypted.
    Encrypted,
    /// Damaged.
    Corrupt,
    /// [`Limits::depth`].
    TooDeep,
    /// [`Limits::octets_out`].
    TooBig,
    /// [`Limits::parts`].
    TooManyParts,
    /// [`Limits::headers`].
    TooManyHeaders,
    /// The deadline.
    Timeout,
    /// [`Limits::ratio`].
    Ratio,
    /// The reader crashed or gave up.
    ParserFailed,
    /// No reader for this kind.
    Unsupported(FileKind),
    /// A fault of our own.
    EngineFault,
    /// More plausible readings than [`Limits::views`] allows, or than can be paid for.
    TooManyViews,
    /// A fragment of a message that travels in several.
    Fragment,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encrypted => "encrypted",
            Self::Corrupt => "corrupt",
            Self::TooDeep => "too deep",
            Self::TooBig => "too big",
            Self::TooManyParts => "too many parts",
            Self::TooManyHeaders => "too many headers",
            Self::Timeout => "timeout",
            Self::Ratio => "compression ratio",
            Self::ParserFailed => "parser failed",
            Self::Unsupported(kind) => return write!(f, "unsupported type {kind}"),
            Self::EngineFault => "engine fault",
            Self::TooManyViews => "too many readings",
            Self::Fragment => "fragment of a message",
        })
    }
}

/// Something that can be read in two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguity {
    /// Index of the part.
    pub part: u32,
    /// Its path.
    pub path: String,
    /// What is ambiguous.
    pub reason: AmbiguityReason,
}

/// One table for the ambiguities and their words: what policies may name is what opening may report.
macro_rules! ambiguities {
    ($($reason:ident = $words:literal;)*) => {
        /// What is ambiguous.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum AmbiguityReason { $($reason,)* }

        impl AmbiguityReason {
            /// Every ambiguity.
            pub const ALL: &'static [Self] = &[$(Self::$reason,)*];

            /// Stable words.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$reason => $words,)* }
            }
        }
    };
}

ambiguities! {
    DuplicateContentType = "duplicate content-type";
    DuplicateTransferEncoding = "duplicate content-transfer-encoding";
    DuplicateBoundary = "duplicate boundary";
    MissingBoundary = "missing boundary";
    UnclosedMultipart = "unclosed multipart";
    TextOutsideParts = "text outside parts";
    BrokenBase64 = "broken base64";
    BrokenQuotedPrintable = "broken quoted-printable";
    WrongCharset = "wrong charset";
    WrongTransferEncoding = "wrong transfer encoding";
    ContainerDisagreement = "container disagreement";
    JunkInHeader = "junk in header";
    OddFieldName = "odd field name";
    OddFolding = "odd folding";
    BareLineEnd = "bare line end";
    Nul = "nul";
    NoMimeVersion = "no mime-version";
    ConflictingTypes = "conflicting types";
    LooseDelimiter = "loose delimiter";
    PartsAfterEnd = "parts after end";
    EncodedMultipart = "encoded multipart";
    HeaderInBody = "header in body";
    ConflictingNames = "conflicting names";
    TurnedText = "turned text";
}

/// The seam to documents and containers.
pub trait Documents: Sync {
    /// Opens one file. Must keep to the request's limits and deadline.
    fn open(&self, request: &DocumentRequest<'_>) -> DocumentAnswer;

    /// The text that the file's pictures show; nothing unless pictures are to be read. Must keep to the deadline.
    fn text_in_pictures(&self, _request: &DocumentRequest<'_>) -> Option<DocumentAnswer> {
        None
    }

    /// Hears of files whose pictures a bound of their message leaves out; true if they would have been read.
    fn leaves_out_pictures(&self, _files: u64) -> bool {
        false
    }
}

/// Opens nothing, and says so of each file: for who shows a mail, and leaves opening what hangs on it to locked-in processes.
#[derive(Debug, Clone, Copy)]
pub struct Closed;

impl Documents for Closed {
    fn open(&self, request: &DocumentRequest<'_>) -> DocumentAnswer {
        DocumentAnswer {
            unscannable: vec![(String::new(), Reason::Unsupported(request.kind))],
            ..DocumentAnswer::default()
        }
    }
}

/// A file to open.
#[derive(Clone, Copy)]
pub struct DocumentRequest<'a> {
    /// Its true type.
    pub kind: FileKind,
    /// Its name.
    pub name: Option<&'a str>,
    /// Its octets.
    pub octets: &'a [u8],
    /// What is left of the message's budget.
    pub limits: &'a Limits,
    /// When to stop.
    pub deadline: Instant,
    /// Tried on encrypted files.
    pub passwords: &'a [String],
}

/// What was in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentAnswer {
    /// Texts and files, in order.
    pub items: Vec<DocumentItem>,
    /// What could not be opened: path below the file, reason.
    pub unscannable: Vec<(String, Reason)>,
    /// What can be read in two ways.
    pub ambiguous: Vec<(String, AmbiguityReason)>,
}

/// Something in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentItem {
    /// Text at a place.
    Text {
        /// `Sheet2!B7`
        place: Text<'static>,
        /// What kind of text.
        kind: Kind,
        /// The text.
        text: Text<'static>,
        /// Octets of it that are each one row of a table, in order and apart.
        rows: Vec<Range<usize>>,
    },
    /// A file inside.
    File {
        /// Its name.
        name: String,
        /// Where it was.
        place: String,
        /// Its octets.
        octets: Vec<u8>,
        /// It is encrypted; the octets are then empty.
        encrypted: bool,
    },
}

/// Whether a kind is opened by [`Documents`].
pub fn is_document(kind: FileKind) -> bool {
    use FileKind::*;
    matches!(
        kind,
        Zip | Tar
            | Gzip
            | Bzip2
            | Xz
            | Lzma
            | Zstd
            | SevenZip
            | Cab
            | Iso
            | Ar
            | Deb
            | Rpm
            | Cpio
            | Jar
            | Docx
            | Docm
            | Dotx
            | Xlsx
            | Xlsm
            | Xlsb
            | Xltx
            | Pptx
            | Pptm
            | Ppsx
            | Potx
            | Odt
            | Ods
            | Odp
            | Odg
            | Doc
            | Xls
            | Ppt
            | Msg
            | Cfb
            | Rtf
            | Pdf
            | Epub
            | Sqlite
            | Iwa
            | OneNote
            | Png
            | Jpeg
            | Gif
            | Tiff
            | Webp
            | Heic
            | Bmp
            | Rar
            | Arj
            | Lha
            | Ace
    )
}

/// Whether files of a kind are pictures, or may hold some as no files of their own.
pub(crate) fn shows_pictures(kind: FileKind) -> bool {
    use FileKind::{Bmp, Gif, Heic, Jpeg, Pdf, Png, Tiff, Webp};
    matches!(kind, Png | Jpeg | Gif | Tiff | Webp | Bmp | Pdf | Heic)
}

/// A message that could not be opened at all.
pub fn not_opened(reason: Reason) -> Opened<'static> {
    let path = String::new();
    let part = Part {
        id: 0,
        parent: None,
        path: path.clone(),
        role: Role::Message,
        name: None,
        declared: String::new(),
        kind: FileKind::Eml,
        size: 0,
        digest: None,
        encrypted: false,
    };
    Opened {
        parts: vec![part],
        unscannable: vec![Unscannable { part: 0, path, reason }],
        ..Opened::default()
    }
}

impl Opened<'_> {
    /// The part's path and the segment's place: `offer.zip > q3.xlsx > Sheet2!B7`.
    pub fn path_of(&self, segment: &Segment<'_>) -> String {
        let path = self.parts.get(segment.part as usize).map_or("", |part| part.path.as_str());
        match (path.is_empty(), segment.place.is_empty()) {
            (_, true) => path.to_owned(),
            (true, false) => segment.place.to_string(),
            (false, false) => format!("{path} > {}", segment.place),
        }
    }
}
