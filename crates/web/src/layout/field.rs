//! Fields of forms: each with its label, its hint and what is wrong with it, tied together for those who hear the page.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;

use super::html::escape;

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Text,
    Password,
    Mail,
    Number,
    Date,
    Search,
    /// Several lines; so many are shown.
    Lines(u8),
    /// One of the choices, in a list.
    OneOf,
    /// Yes or no.
    Check,
}

/// One choice of a field.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub title: String,
}

/// A field.
#[derive(Debug, Clone)]
pub struct Field {
    name: String,
    /// What ties its words together; one on a page.
    id: String,
    label: String,
    kind: Kind,
    value: String,
    hint: String,
    wrong: String,
    choices: Vec<Choice>,
    attributes: String,
}

impl Field {
    /// With this name in the form and this label. The name is written by programmers: letters, digits, `_`, `-`.
    pub fn new(kind: Kind, name: &str, label: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: name.to_owned(),
            label: label.to_owned(),
            kind,
            value: String::new(),
            hint: String::new(),
            wrong: String::new(),
            choices: Vec::new(),
            attributes: String::new(),
        }
    }

    /// What it holds. A password field never gives one back.
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// Tells it from the field of the same name in another form of the page.
    pub fn apart(mut self, form: &str) -> Self {
        self.id = format!("{}-{form}", self.name);
        self
    }

    /// Whether a yes-or-no field is yes.
    pub fn checked(self, checked: bool) -> Self {
        self.value(if checked { "on" } else { "" })
    }

    /// What helps to fill it in.
    pub fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.hint);
        self
    }

    /// What is wrong with what it holds; empty: nothing.
    pub fn wrong(mut self, wrong: &str) -> Self {
        wrong.clone_into(&mut self.wrong);
        self
    }

    /// Whether it holds anything; the first choice of several may be nothing.
    pub fn is_filled(&self) -> bool {
        !self.value.is_empty()
    }

    /// What can be chosen.
    pub fn choices<V: Into<String>, T: Into<String>>(
        mut self,
        choices: impl IntoIterator<Item = (V, T)>,
    ) -> Self {
        let choice = |(value, title): (V, T)| Choice { value: value.into(), title: title.into() };
        self.choices = choices.into_iter().map(choice).collect();
        self
    }

    /// One more attribute of the input: `autocomplete`, `maxlength`, `required`.
    pub fn with(mut self, attribute: &str, value: &str) -> Self {
        let _ = write!(self.attributes, " {}=\"{}\"", escape(attribute), escape(value));
        self
    }

    /// It must be filled in.
    pub fn required(self) -> Self {
        self.with("required", "")
    }

    /// Its label, and what it holds as people read it; of a password nothing.
    pub fn fact(&self) -> (String, String) {
        let chosen = self.choices.iter().find(|choice| choice.value == self.value);
        let value = match (self.kind, chosen) {
            (Kind::Password, _) => String::new(),
            (Kind::Check, _) => if self.value.is_empty() { "no" } else { "yes" }.to_owned(),
            (_, Some(choice)) => choice.title.clone(),
            (_, None) => self.value.clone(),
        };
        (self.label.clone(), value)
    }

    fn common(&self) -> String {
        let (name, id) = (escape(&self.name), escape(&self.id));
        let mut out = format!("id=\"f-{id}\" name=\"{name}\"{}", self.attributes);
        let described: Vec<&str> = [(&self.wrong, "wrong"), (&self.hint, "hint")]
            .iter()
            .filter(|(text, _)| !text.is_empty())
            .map(|(_, id)| *id)
            .collect();
        if !described.is_empty() {
            let ids: Vec<String> = described.iter().map(|word| format!("f-{id}-{word}")).collect();
            let _ = write!(out, " aria-describedby=\"{}\"", ids.join(" "));
        }
        if !self.wrong.is_empty() {
            out.push_str(" aria-invalid=\"true\"");
        }
        out
    }

    fn input(&self) -> String {
        let (common, value) = (self.common(), escape(&self.value));
        let plain = |kind| format!("<input type=\"{kind}\" value=\"{value}\" {common}>");
        match self.kind {
            Kind::Text => plain("text"),
            Kind::Mail => plain("email"),
            Kind::Number => plain("number"),
            Kind::Date => plain("date"),
            Kind::Search => plain("search"),
            Kind::Password => format!("<input type=\"password\" {common}>"),
            Kind::Lines(rows) => format!("<textarea rows=\"{rows}\" {common}>\n{value}</textarea>"),
            Kind::Check => {
                let checked = if self.value.is_empty() { "" } else { " checked" };
                format!("<input type=\"checkbox\" value=\"on\"{checked} {common}>")
            }
            Kind::OneOf => format!("<select {common}>{}</select>", self.options()),
        }
    }

    fn options(&self) -> String {
        self.choices.iter().fold(String::new(), |mut out, choice| {
            let chosen = if choice.value == self.value { " selected" } else { "" };
            let _ = write!(
                out,
                "<option value=\"{}\"{chosen}>{}</option>",
                escape(&choice.value),
                escape(&choice.title)
            );
            out
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, input) = (escape(&self.id), self.input());
        let label = format!("<label for=\"f-{id}\">{}</label>", escape(&self.label));
        match self.kind {
            Kind::Check => write!(f, "<div class=\"field check\">{input}{label}")?,
            _ => write!(f, "<div class=\"field\">{label}{input}")?,
        }
        if !self.wrong.is_empty() {
            write!(f, "<p class=\"wrong\" id=\"f-{id}-wrong\">{}</p>", escape(&self.wrong))?;
        }
        if !self.hint.is_empty() {
            write!(f, "<p class=\"hint\" id=\"f-{id}-hint\">{}</p>", escape(&self.hint))?;
        }
        f.write_str("</div>")
    }
}

impl HtmlSafe for Field {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_ties_its_words_together_and_escapes_what_was_typed() {
        let html = Field::new(Kind::Text, "name", "Name")
            .value("\"><b>")
            .hint("Short.")
            .wrong("Too long.")
            .to_string();
        assert!(html.contains("<label for=\"f-name\">Name</label>"));
        assert!(html.contains("value=\"&quot;&gt;&lt;b&gt;\""));
        assert!(html.contains("aria-describedby=\"f-name-wrong f-name-hint\" aria-invalid=\"true\""));
    }

    #[test]
    fn fields_of_one_name_in_two_forms_have_labels_of_their_own() {
        let html = Field::new(Kind::Text, "name", "Name").hint("Short.").apart("other").to_string();
        assert!(
            html.contains("<label for=\"f-name-other\">")
                && html.contains("id=\"f-name-other\" name=\"name\"")
        );
        assert!(
            html.contains("aria-describedby=\"f-name-other-hint\"")
                && html.contains("<p class=\"hint\" id=\"f-name-other-hint\">")
        );
    }

    #[test]
    fn a_password_is_never_written_back() {
        let html = Field::new(Kind::Password, "p", "Password").value("hunter2").to_string();
        assert!(!html.contains("hunter2"));
    }

    #[test]
    fn the_held_choice_is_the_chosen_one() {
        let html =
            Field::new(Kind::OneOf, "r", "Role").choices([("1", "A"), ("2", "B")]).value("2").to_string();
        assert!(
            html.contains("<option value=\"2\" selected>B</option>")
                && html.contains("<option value=\"1\">A")
        );
    }
}
