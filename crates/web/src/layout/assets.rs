//! Scripts, styles and pictures: in the program itself, under addresses that change with their content, kept by browsers for a year.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::{Problem, hex};

/// A file.
#[derive(Debug)]
struct Asset {
    /// Letters, digits, `-` and `.`.
    name: &'static str,
    /// Its media type.
    kind: &'static str,
    octets: &'static [u8],
}

/// Files that both consoles have. `htmx.js` is htmx 2.0.11 as its authors publish it (npm, `dist/htmx.min.js`; Zero-Clause BSD).
const OWN: &[Asset] = &[
    Asset {
        name: "weir.css",
        kind: "text/css; charset=utf-8",
        octets: include_bytes!("../../assets/weir.css"),
    },
    Asset { name: "weir.js", kind: JAVASCRIPT, octets: include_bytes!("../../assets/weir.js") },
    Asset { name: "editor.js", kind: JAVASCRIPT, octets: include_bytes!("../../assets/editor.js") },
    Asset { name: "htmx.js", kind: JAVASCRIPT, octets: include_bytes!("../../assets/htmx.js") },
    Asset { name: "icon.svg", kind: "image/svg+xml", octets: include_bytes!("../../assets/icon.svg") },
];
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// All files by the last part of their address.
#[derive(Debug)]
pub(crate) struct Assets {
    by_file: BTreeMap<String, &'static Asset>,
    files: BTreeMap<&'static str, String>,
}

impl Assets {
    pub(crate) fn new() -> Self {
        let (mut by_file, mut files) = (BTreeMap::new(), BTreeMap::new());
        for asset in OWN {
            let hash = hex(&blake3::hash(asset.octets).as_bytes()[..8]);
            let file = format!("{hash}-{}", asset.name);
            files.insert(asset.name, file.clone());
            by_file.insert(file, asset);
        }
        Self { by_file, files }
    }

    pub(crate) fn address(&self, name: &str) -> String {
        format!("/assets/{}", self.files.get(name).map_or(name, String::as_str))
    }

    pub(crate) fn answer(&self, file: &str) -> Response {
        let Some(asset) = self.by_file.get(file) else { return Problem::NotFound.into_response() };
        let head = [
            (header::CONTENT_TYPE, asset.kind),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ];
        (head, Bytes::from_static(asset.octets)).into_response()
    }

    pub(crate) fn icon(&self) -> Response {
        self.files.get("icon.svg").map_or_else(|| Problem::NotFound.into_response(), |file| self.answer(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the file in the package, whose SHA-256 stands in `assets/README.md`.
    const HTMX: &str = "98d7746a22167eba8e4682122b18066b9056afaeacc3ad0b2f014818d4e154b7";

    #[test]
    fn htmx_is_the_published_file() {
        let htmx = OWN.iter().find(|asset| asset.name == "htmx.js").unwrap();
        assert_eq!(hex(blake3::hash(htmx.octets).as_bytes()), HTMX);
    }
}
