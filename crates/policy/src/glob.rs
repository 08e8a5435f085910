//! Names with wildcards.

use crate::matcher::Prepared;

/// A name of a file as it is compared: in lower case, without accents and invisible characters, as texts are folded. Some
/// systems write letters and their marks apart, others together.
pub(crate) fn plain_name(name: &str) -> String {
    String::from_utf8_lossy(Prepared::new(name).bytes()).to_lowercase()
}

/// `*` for any characters, `?` for one; both texts in the same case. Takes at most pattern times text steps.
pub(crate) fn glob_matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                back = Some((g + 1, t));
                g += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                g += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = back else { return false };
                (g, t) = (star, from + 1);
                back = Some((star, from + 1));
            }
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_take_few_steps_on_hostile_names() {
        let glob = "*a*a*a*a*a*a*a*a*b";
        assert!(!glob_matches(glob, &"a".repeat(10_000)));
        assert!(glob_matches("*.x?s", "list.xls") && glob_matches("**", "") && !glob_matches("?", ""));
    }

    #[test]
    fn names_are_compared_as_people_see_them() {
        for (one, other) in [
            ("Préise.xlsx", "Pre\u{301}ise.XLSX"),
            ("ｐrice.pdf", "price.pdf"),
            ("pri\u{200b}ce.pdf", "price.pdf"),
        ] {
            assert_eq!(plain_name(one), plain_name(other));
        }
        assert_eq!(plain_name("*Prices?.xls"), "*prices?.xls");
    }
}
