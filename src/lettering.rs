//! Text as pixels, in a font that is part of the program: DejaVu Sans Bold, which has Latin, Greek, Cyrillic, digits and
//! the usual marks. It knows nothing of images; a caller mixes the coverage it is given.

use ab_glyph::{Font, FontRef, InvalidFont, OutlinedGlyph, PxScale, ScaleFont as _, point};

/// The font, read. Cheap to make: nothing is copied.
pub struct Lettering(FontRef<'static>);

/// A line of text whose letters have places.
pub struct Line {
    glyphs: Vec<OutlinedGlyph>,
    width: f32,
}

impl Line {
    /// From the first letter's start to the last one's end, in pixels.
    pub fn width(&self) -> f32 {
        self.width
    }

    /// Tells every pixel that the letters touch, from the line's top left corner, with how much of it they cover: 0 to 1.
    pub fn draw(&self, mut pixel: impl FnMut(i64, i64, f32)) {
        for glyph in &self.glyphs {
            let corner = glyph.px_bounds().min;
            let (left, top) = (corner.x as i64, corner.y as i64);
            glyph.draw(|x, y, coverage| pixel(left + i64::from(x), top + i64::from(y), coverage.clamp(0.0, 1.0)));
        }
    }
}

impl Lettering {
    /// Reads the font.
    ///
    /// # Errors
    /// Never with the font that is part of the program.
    pub fn new() -> Result<Self, InvalidFont> {
        FontRef::try_from_slice(dejavu::sans::bold()).map(Self)
    }

    /// The first letter of `text` that the font lacks. Blanks need no glyph, and control characters have none.
    pub fn lacks(&self, text: &str) -> Option<char> {
        text.chars().find(|letter| !letter.is_whitespace() && self.0.glyph_id(*letter).0 == 0)
    }

    /// The height of a line whose letters are `size` pixels high, from top to top.
    pub fn line_height(&self, size: f32) -> f32 {
        self.0.as_scaled(PxScale::from(size)).height().ceil()
    }

    /// `text` in lines of at most `width` pixels: broken at blanks where it can be, inside words where it must be.
    /// `None` when a single letter is too wide.
    pub fn lay_out(&self, text: &str, size: f32, width: f32) -> Option<Vec<Line>> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer, size) <= width {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                if self.width(&line, size) > width {
                    line.pop();
                    if line.is_empty() {
                        return None;
                    }
                    lines.push(std::mem::replace(&mut line, letter.to_string()));
                }
            }
            if self.width(&line, size) > width {
                return None;
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        Some(lines.iter().map(|line| self.line(line, size)).collect())
    }

    fn width(&self, text: &str, size: f32) -> f32 {
        self.line(text, size).width
    }

    fn line(&self, text: &str, size: f32) -> Line {
        let font = self.0.as_scaled(PxScale::from(size));
        let mut glyphs = Vec::new();
        let (mut at, mut before) = (0.0, None);
        for letter in text.chars() {
            let mut glyph = font.scaled_glyph(letter);
            if let Some(before) = before {
                at += font.kern(before, glyph.id);
            }
            before = Some(glyph.id);
            glyph.position = point(at, font.ascent());
            at += font.h_advance(glyph.id);
            glyphs.extend(font.outline_glyph(glyph));
        }
        Line { glyphs, width: at.ceil() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_letters_of_europe_and_says_what_it_lacks() {
        let lettering = Lettering::new().unwrap();
        assert_eq!(lettering.lacks("© Café Ångström 2026 — «Ωμέγα» Ёлка № 7 €"), None);
        assert_eq!(lettering.lacks("studio 漢字"), Some('漢'));
        assert_eq!(lettering.lacks("a\u{7}b"), Some('\u{7}'));
    }

    #[test]
    fn breaks_lines_at_blanks_and_only_then_inside_words() {
        let lettering = Lettering::new().unwrap();
        let lines = |text, width| lettering.lay_out(text, 20.0, width).map(|lines| lines.len());
        assert_eq!(lines("one two three", 1000.0), Some(1));
        assert_eq!(lines("one two three", lettering.width("one two", 20.0)), Some(2));
        assert_eq!(lines("three", lettering.width("thr", 20.0)), Some(2));
        assert_eq!(lines("three", 2.0), None);
        for line in lettering.lay_out("a watermark of many words indeed", 20.0, 90.0).unwrap() {
            assert!(line.width() <= 90.0);
        }
    }

    #[test]
    fn draws_ink_inside_the_line() {
        let lettering = Lettering::new().unwrap();
        let line = lettering.lay_out("Hg", 24.0, 100.0).unwrap().remove(0);
        let mut ink = 0.0;
        line.draw(|x, y, coverage| {
            assert!((-2..=i64::from(line.width() as u32) + 2).contains(&x) && (0..=24).contains(&y), "{x} {y}");
            ink += coverage;
        });
        assert!(ink > 50.0);
    }
}
