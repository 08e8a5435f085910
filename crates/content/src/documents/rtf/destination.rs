//! Where text inside a group goes.

use crate::Kind;

/// What a group is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// The document's text.
    Body,
    /// Nothing that people read.
    Skip,
    FontTable,
    /// Styles: what they say of text that names them.
    StyleSheet,
    /// What is so where nothing else is said.
    Defaults,
    ObjectData,
    Picture,
    ShapeProperty,
    ShapeValue,
    /// What a field does.
    Instruction,
    HtmlTag,
    /// What stands before each paragraph of a list, behind its length.
    LevelText,
    /// The half of `\upr` that old readers take; the other goes where this was.
    Upper(Box<Destination>),
    /// Its own text at a place.
    Named(&'static str, Kind),
}

impl Destination {
    /// What a control word begins; nothing if it begins no destination.
    pub(super) fn of(word: &str, ignorable: bool, around: &Self) -> Option<Self> {
        use Destination::*;
        if around.is_silent() && !matches!(word, "objdata" | "pict" | "leveltext" | "sn" | "sv") {
            return None;
        }
        Some(match word {
            "fonttbl" => FontTable,
            "stylesheet" => StyleSheet,
            "defchp" | "defpap" => Defaults,
            "objdata" | "datastore" => ObjectData,
            "pict" => Picture,
            "sn" => ShapeProperty,
            "sv" => ShapeValue,
            "fldinst" => Instruction,
            "htmltag" => HtmlTag,
            "leveltext" => LevelText,
            "upr" => Upper(Box::new(around.clone())),
            "ud" => match around {
                Upper(outer) => (**outer).clone(),
                _ => Body,
            },
            "header" | "headerl" | "headerr" | "headerf" => Named("header", Kind::Text),
            "footer" | "footerl" | "footerr" | "footerf" => Named("footer", Kind::Text),
            "footnote" => Named("footnote", Kind::Note),
            "annotation" => Named("comment", Kind::Comment),
            "atnauthor" | "atnid" => Named("comment author", Kind::Attribute),
            "title" | "subject" | "author" | "manager" | "company" | "operator" | "category" | "keywords"
            | "comment" | "doccomm" | "hlinkbase" | "staticval" | "propname" | "linkval" | "generator"
            | "docvar" | "userprops" | "revtbl" => Named("properties", Kind::Property),
            "xe" | "tc" | "tcn" => Named("index entry", Kind::Hidden),
            "formfield" | "ffname" | "ffdeftext" | "fftypetxt" | "ffhelptext" | "ffstattext" | "ffl" => {
                Named("form field", Kind::Attribute)
            }
            "bkmkstart" | "bkmkend" | "mailmerge" => Named("bookmark", Kind::Hidden),
            "objclass" | "objname" | "objtopic" | "objitem" | "objalias" => Named("object", Kind::Attribute),
            // Destinations whose text is part of the document.
            "shptxt" | "fldrslt" | "result" | "shpinst" | "shppict" | "shprslt" | "field" | "object"
            | "pn" | "pntext" | "pntxta" | "pntxtb" | "listtext" | "do" | "dptxbxtext" | "shp" | "shpgrp"
            | "nesttableprops" | "mmath" | "moMath" | "moMathPara" | "mr" | "oldcprops" | "background" => {
                return match around {
                    ShapeProperty | ShapeValue | Picture => Some(Body),
                    _ => None,
                };
            }
            "nonesttables" => Skip,
            "colortbl" | "listtable" | "listoverridetable" | "rsidtbl" | "pgdsctbl" | "themedata"
            | "colorschememapping" | "latentstyles" | "xmlnstbl" | "blipuid" | "blipdata" | "filetbl"
            | "nonshppict" | "datafield" | "panose" | "falt" | "fname" | "fontemb" | "wgrffmtfilter"
            | "pnseclvl" | "listpicture" | "oleclsid" | "mhtmltag" | "objtime" | "creatim" | "revtim"
            | "printim" | "buptim" | "picprop" | "tblstyles" | "ftnsep" | "ftnsepc" | "ftncn" | "aftnsep"
            | "aftnsepc" | "aftncn" | "passwordhash" | "protusertbl" | "template" | "atrfstart"
            | "atrfend" | "atnref" | "atndate" | "expandedcolortbl" | "mmathPr" | "levelnumbers"
            | "atntime" | "private" | "hlloc" | "hlfr" | "factoidname" => Skip,
            // What a reader that does not know it must not show.
            _ if ignorable => Named("ignored group", Kind::Hidden),
            _ => return None,
        })
    }

    /// Whether it has a text of its own.
    pub(super) fn collects(&self) -> bool {
        !self.is_silent() && !matches!(self, Self::Body | Self::Upper(_))
    }

    /// Whether its text is shown nowhere.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::Skip | Self::FontTable | Self::StyleSheet | Self::Defaults)
    }
}
