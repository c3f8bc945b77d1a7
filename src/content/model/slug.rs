//! The last part of a content's address. It is made here from the title, never by a model.

/// Characters of a slug at most, before what makes it unique and after.
pub const SLUG_CHARS_MAX: usize = 80;
/// What stands for a title that leaves nothing.
const NAMELESS: &str = "article";

/// The slug of a title: small letters and digits of ASCII, words parted by hyphens, 1–80 characters. Other scripts are
/// written in Latin letters as well as a table can.
pub fn slug(title: &str) -> String {
    let mut slug = String::new();
    for letter in deunicode::deunicode(title).chars() {
        match letter {
            // "don't" is one word.
            '\'' => {}
            letter if letter.is_ascii_alphanumeric() => slug.push(letter.to_ascii_lowercase()),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    match shortened(slug.trim_end_matches('-'), SLUG_CHARS_MAX) {
        "" => NAMELESS.to_owned(),
        slug => slug.to_owned(),
    }
}

/// Whether a person may give it: as [`slug`] makes them.
pub fn is_slug(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=SLUG_CHARS_MAX).contains(&text.len())
        && text.bytes().all(letter)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

/// The slug that is `base` for the first of its name and ends in `-2`, `-3` … for the next, at most 80 characters.
pub fn suffixed(base: &str, number: u32) -> String {
    if number < 2 {
        return base.to_owned();
    }
    let suffix = format!("-{number}");
    format!("{}{suffix}", shortened(base, SLUG_CHARS_MAX.saturating_sub(suffix.len())))
}

/// The first of `base`, `base-2`, `base-3` … that is not taken. Of two that ask at once the database refuses one, which
/// asks again.
pub fn unique_slug(base: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut number = 1;
    loop {
        let slug = suffixed(base, number);
        if number == u32::MAX || !is_taken(&slug) {
            return slug;
        }
        number += 1;
    }
}

/// The first words of a slug that fit, or what fits of the first.
fn shortened(slug: &str, max: usize) -> &str {
    let Some(head) = slug.get(..max).filter(|_| slug.len() > max) else { return slug };
    let at_border = slug.get(max..).is_some_and(|rest| rest.starts_with('-'));
    let kept = if at_border { head } else { head.rsplit_once('-').map_or(head, |(words, _)| words) };
    kept.trim_end_matches('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_any_script_in_ascii() {
        for (title, expected) in [
            ("10 Best Running Shoes (2026)!", "10-best-running-shoes-2026"),
            ("Don't panic: caf\u{e9} \u{2014} d\u{e9}j\u{e0} vu", "dont-panic-cafe-deja-vu"),
            ("Stra\u{df}e & \u{d8}l", "strasse-ol"),
            ("\u{41c}\u{43e}\u{441}\u{43a}\u{432}\u{430}", "moskva"),
            ("\u{5317}\u{4eac}", "bei-jing"),
            ("  --  ", "article"),
            ("", "article"),
            ("\u{2019}\u{2019}", "article"),
        ] {
            assert_eq!(slug(title), expected, "{title}");
        }
    }

    #[test]
    fn cuts_between_words_where_there_are_any() {
        assert_eq!(slug(&"word ".repeat(40)).len(), 79);
        assert_eq!(slug(&"w".repeat(100)).len(), 80);
    }

    #[test]
    fn is_made_unique_by_a_number() {
        let taken = ["tents", "tents-2"];
        assert_eq!(unique_slug("tents", |slug| taken.contains(&slug)), "tents-3");
        assert_eq!(unique_slug("boots", |slug| taken.contains(&slug)), "boots");
        let long = slug(&"word ".repeat(40));
        assert_eq!(suffixed(&long, 12), format!("{}-12", &long[..74]));
    }

    proptest! {
        #[test]
        fn every_title_has_a_slug(title in "\\PC{0,120}", number in 1_u32..100_000) {
            for slug in [slug(&title), suffixed(&slug(&title), number)] {
                prop_assert!((1..=SLUG_CHARS_MAX).contains(&slug.len()), "{}", slug);
                prop_assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", slug);
                prop_assert!(!slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--"), "{}", slug);
            }
        }
    }
}
