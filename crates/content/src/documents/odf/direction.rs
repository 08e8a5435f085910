//! In which direction paragraphs of OpenDocument go: by their styles, by what they stand in, by the page (OpenDocument 1.3, 20.404). Runs
//! of letters have no direction of their own: LibreOffice 7.4 passes over one.

use crate::documents::based_on::Styles;
use crate::documents::xml::Attributes;

/// Kinds of styles that have a direction, and what of a style says it.
const FAMILIES: &[(&str, &str)] = &[
    ("paragraph", "paragraph-properties"),
    ("section", "section-properties"),
    ("table", "table-properties"),
    ("table-cell", "table-cell-properties"),
    ("graphic", "graphic-properties"),
    ("presentation", "graphic-properties"),
];
const PARAGRAPH: usize = 0;
const CELL: usize = 3;
const SHAPE: usize = 4;
const SHAPE_OF_SLIDE: usize = 5;
/// What has a style of shapes and holds text.
const SHAPES: &[&str] = &[
    "frame",
    "custom-shape",
    "rect",
    "line",
    "polyline",
    "polygon",
    "regular-polygon",
    "path",
    "circle",
    "ellipse",
    "connector",
    "caption",
    "measure",
];
/// Stretches of columns of one sheet.
const MOST_COLUMNS: usize = 1_000;
/// The style of paragraphs that name none, or none that there is.
const STANDARD: &str = "Standard";

/// Directions that styles give, and that those things have which are open.
#[derive(Debug, Default)]
pub(super) struct Directions {
    styles: [Styles<String, Option<bool>>; FAMILIES.len()],
    default: Option<bool>,
    default_of_shapes: Option<bool>,
    page: bool,
    /// Something goes from right to left: nearly no document has that, and then nothing is looked up.
    speaks: bool,
    open: Open,
    /// What the sections, tables, cells and shapes say that are open: each itself, and with those around it.
    around: Vec<(Option<bool>, Option<bool>)>,
    /// The columns of the sheet whose cells go from right to left unless they have a style; and how many there are. The row that does so.
    columns: Vec<(u32, u32)>,
    column: u32,
    row: bool,
    /// Styles of nothing but headers and footers are being read.
    pub(super) common_only: bool,
    automatic: bool,
}

#[derive(Debug, Default)]
enum Open {
    #[default]
    None,
    Style(usize, String),
    Default(usize),
    Page,
}

impl Directions {
    /// Hears of an element that begins.
    pub(super) fn start(&mut self, name: &str, attributes: &Attributes<'_>) {
        match name {
            "style" | "default-style" => self.open = self.style(name, attributes),
            "page-layout" => self.open = Open::Page,
            "automatic-styles" => self.automatic = true,
            "master-styles" | "body" => self.styles.iter_mut().for_each(Styles::resolve),
            "section" | "table" | "table-cell" | "covered-table-cell" => {
                let family = FAMILIES.iter().position(|(family, _)| name.ends_with(family));
                let says = self
                    .speaks
                    .then_some(())
                    .and_then(|()| self.styles.get(family?)?.look(&*attributes.get("style-name")?).flatten());
                self.enter(says);
            }
            _ if self.speaks && SHAPES.contains(&name) => {
                let style = attributes.get("style-name");
                let look = |family: usize| self.styles[family].look(style.as_deref()?).flatten();
                let says = look(SHAPE).or_else(|| look(SHAPE_OF_SLIDE)).or(self.default_of_shapes);
                self.enter(says);
            }
            _ if name.ends_with("-properties") => self.properties(name, attributes),
            _ => {}
        }
    }

    fn enter(&mut self, says: Option<bool>) {
        self.around.push((says, says.or(self.around.last().and_then(|(_, all)| *all))));
    }

    fn style(&mut self, name: &str, attributes: &Attributes<'_>) -> Open {
        let family = attributes.get("family");
        let Some(family) = FAMILIES.iter().position(|(named, _)| family.as_deref() == Some(*named)) else {
            return Open::None;
        };
        if name == "default-style" {
            return if matches!(family, PARAGRAPH | SHAPE) { Open::Default(family) } else { Open::None };
        }
        if self.automatic && self.common_only {
            return Open::None;
        }
        let name = attributes.get("name").unwrap_or_default().into_owned();
        if let Some(style) = self.styles[family].named(name.clone()) {
            style.base = attributes.get("parent-style-name").map(|base| base.into_owned());
        }
        Open::Style(family, name)
    }

    fn properties(&mut self, name: &str, attributes: &Attributes<'_>) {
        let says = || match attributes.get("writing-mode").as_deref() {
            Some("rl-tb" | "rl") => Some(true),
            Some("lr-tb" | "lr") => Some(false),
            _ => None,
        };
        let said = match &self.open {
            Open::Style(family, style)
                // Cells and shapes speak of the paragraphs in them as well.
                if name == FAMILIES[*family].1 || *family >= CELL && name == FAMILIES[PARAGRAPH].1 =>
            {
                let says = says();
                if let (Some(_), Some(style)) = (says, self.styles[*family].named(style.clone())) {
                    // Two of one name: programs differ in which of them counts, and the stored order is always read.
                    style.look = style.look.max(says);
                }
                says
            }
            Open::Default(family) if name == FAMILIES[PARAGRAPH].1 => {
                let default =
                    if *family == SHAPE { &mut self.default_of_shapes } else { &mut self.default };
                *default = (*default).max(says());
                *default
            }
            Open::Page if name == "page-layout-properties" => {
                self.page |= says() == Some(true);
                says()
            }
            _ => None,
        };
        self.speaks |= said == Some(true);
    }

    /// Of a sheet, before its cells: the style that they have unless they name one.
    pub(super) fn sheet(&mut self, name: &str, attributes: &Attributes<'_>) {
        if !self.speaks {
            return;
        }
        let style = || attributes.get("default-cell-style-name");
        let rightward = || style().and_then(|style| self.styles[CELL].look(&*style)).flatten() == Some(true);
        match name {
            "table" => {
                self.columns.clear();
                (self.column, self.row) = (0, false);
            }
            "table-row" => self.row = rightward(),
            "table-column" => {
                let count = attributes.get("number-columns-repeated").and_then(|count| count.parse().ok());
                let from = self.column.saturating_add(1);
                self.column = self.column.saturating_add(count.unwrap_or(1_u32).max(1));
                if rightward() && self.columns.len() < MOST_COLUMNS {
                    self.columns.push((from, self.column));
                }
            }
            _ => {}
        }
    }

    /// Whether the cell of a sheet that is open goes from right to left. The sheet's own direction is the order of its columns.
    pub(super) fn is_cell_rightward(&self, column: u32) -> bool {
        let default = || self.row || self.columns.iter().any(|(from, to)| (*from..=*to).contains(&column));
        self.speaks && self.around.last().and_then(|(own, _)| *own).unwrap_or_else(default)
    }

    /// Hears of an element that ends.
    pub(super) fn end(&mut self, name: &str) {
        match name {
            "style" | "default-style" | "page-layout" => self.open = Open::None,
            "automatic-styles" => self.automatic = false,
            "section" | "table" | "table-cell" | "covered-table-cell" => drop(self.around.pop()),
            _ if self.speaks && SHAPES.contains(&name) => drop(self.around.pop()),
            _ => {}
        }
    }

    /// Whether a paragraph or heading goes from right to left. Of several kinds of pages, one that does so is enough.
    pub(super) fn is_rightward(&self, attributes: &Attributes<'_>) -> bool {
        if !self.speaks {
            return false;
        }
        let styles = &self.styles[PARAGRAPH];
        let named = attributes.get("style-name").and_then(|style| styles.look(&*style));
        let style = named.or_else(|| styles.look(STANDARD)).flatten();
        let around = || self.around.last().and_then(|(_, all)| *all);
        style.or(self.default).or_else(around).unwrap_or(self.page)
    }

    pub(super) fn is_too_much(&self) -> bool {
        self.styles.iter().any(|styles| styles.too_many)
    }
}
