//! Where a style puts an element: to the side, in another order than it stands, at a place of its own, mirrored, or within a line.

/// What a style or a rule of a style sheet says of an element's place.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// Its children stand side by side, or one below the other, by their order.
    pub(super) flex: bool,
    /// They do so from the end.
    pub(super) reverse: bool,
    pub(super) column: bool,
    pub(super) order: Option<i32>,
    pub(super) side: Option<Side>,
    /// It stands within a line, whatever it is otherwise.
    pub(super) inline: bool,
    /// It stands where these say, from above and from the left, in pixels.
    pub(super) absolute: bool,
    /// It is shown beside where it stands, by what they say.
    pub(super) relative: bool,
    pub(super) top: Option<f64>,
    pub(super) left: Option<f64>,
    pub(super) right: Option<f64>,
    pub(super) mirrored: bool,
    pub(super) rightward: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Words of which one is in each style that puts an element elsewhere.
const MARKS: [&str; 12] = [
    "float",
    "grid",
    "order:",
    "order :",
    "reverse",
    "absolute",
    "inline",
    "scale",
    "rotate",
    "flex",
    "relative",
    "translate",
];

impl Place {
    /// By declarations.
    pub(super) fn of_style(style: &str) -> Self {
        let mut place = Self::default();
        let lower = style.to_ascii_lowercase();
        if !MARKS.iter().any(|mark| lower.contains(mark)) && !lower.contains("direction") {
            return place;
        }
        let (mut grid, mut columns) = (false, false);
        for declaration in lower.split(';') {
            let Some((name, value)) = declaration.split_once(':') else { continue };
            let (name, value) = (name.trim(), value.trim().trim_end_matches("!important").trim_end());
            match name {
                "display" => grid = value.contains("grid"),
                "grid-auto-flow" => columns |= value.contains("column"),
                "grid-template-columns" | "grid-template" | "grid" => columns = true,
                _ => {}
            }
            place.declare(name, value);
        }
        place.column |= grid && !columns;
        place
    }

    fn declare(&mut self, name: &str, value: &str) {
        match name {
            "display" => {
                self.flex = value.contains("flex") || value.contains("grid");
                self.inline = value.starts_with("inline");
            }
            "flex-direction" | "flex-flow" | "-webkit-flex-direction" => {
                self.reverse = value.contains("-reverse");
                self.column = value.contains("column");
            }
            "order" | "-webkit-order" => self.order = value.parse().ok(),
            "float" => {
                self.side = match value {
                    "right" | "inline-end" => Some(Side::Right),
                    "left" | "inline-start" => Some(Side::Left),
                    _ => None,
                }
            }
            "position" => {
                self.absolute = matches!(value, "absolute" | "fixed");
                self.relative = value == "relative";
            }
            "top" => self.top = pixels(value),
            "left" => self.left = pixels(value),
            "right" => self.right = pixels(value),
            "transform" | "-webkit-transform" | "scale" | "rotate" | "translate" => {
                self.mirrored = mirrors(name, value);
                if let Some(across) = translates(name, value) {
                    (self.relative, self.left) = (true, Some(across));
                }
            }
            "direction" => self.rightward = Some(value == "rtl"),
            _ => {}
        }
    }

    /// Both, this one first.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            flex: self.flex || other.flex,
            reverse: self.reverse || other.reverse,
            column: self.column || other.column,
            order: self.order.or(other.order),
            side: self.side.or(other.side),
            inline: self.inline || other.inline,
            absolute: self.absolute || other.absolute,
            relative: self.relative || other.relative,
            top: self.top.or(other.top),
            left: self.left.or(other.left),
            right: self.right.or(other.right),
            mirrored: self.mirrored || other.mirrored,
            rightward: self.rightward.or(other.rightward),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an element there may stand elsewhere than it is written, or its children may.
    pub(super) fn moves(&self, block: bool) -> bool {
        let within = self.inline && block;
        let shifted = self.shift().is_some() && (!block || self.inline);
        let side = self.side.is_some() || self.order.is_some();
        self.flex || side || self.absolute || self.mirrored || within || shifted
    }

    /// To the right of where it stands.
    pub(super) fn shift(&self) -> Option<f64> {
        let shift = self.left.or(self.right.map(|right| -right))?;
        (self.relative && !self.absolute && shift != 0.0).then_some(shift)
    }

    /// From the left, of an element that stands where it says.
    pub(super) fn across(&self) -> Option<f64> {
        self.left.or(self.right.map(|right| -right)).filter(|_| self.absolute)
    }
}

/// A length, letters being about half as wide as high.
fn pixels(value: &str) -> Option<f64> {
    let end = value.rfind(|c: char| c.is_ascii_digit() || c == '.').map_or(0, |last| last + 1);
    let unit = match &value[end..] {
        "" | "px" => 1.0,
        "em" | "rem" => 16.0,
        "ch" | "ex" | "%" | "vw" => 8.0,
        "pt" => 4.0 / 3.0,
        _ => return None,
    };
    value[..end].parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value * unit)
}

/// How far a transformation moves what it is of to the right.
fn translates(name: &str, value: &str) -> Option<f64> {
    let (function, arguments) = value.split_once('(').unwrap_or((name, value));
    let first = arguments.trim_end_matches(')').split([',', ' ']).find(|argument| !argument.is_empty())?;
    matches!(function.trim(), "translate" | "translatex" | "translate3d").then(|| pixels(first)).flatten()
}

/// Whether a transformation puts the right side to the left.
fn mirrors(name: &str, value: &str) -> bool {
    let (function, arguments) = value.split_once('(').unwrap_or((name, value));
    let mut arguments =
        arguments.trim_end_matches(')').split([',', ' ']).filter(|argument| !argument.is_empty());
    let first = arguments.next().unwrap_or_default();
    match function.trim() {
        "scale" | "scalex" | "scale3d" | "matrix" => first.starts_with('-'),
        "rotatey" => matches!(first, "180deg" | "-180deg" | ".5turn" | "0.5turn"),
        _ => false,
    }
}
