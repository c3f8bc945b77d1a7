//! Draws an account's watermark into the bottom right corner of its images. Pure; it knows no account.

use ::image::{GenericImage, Pixel};

use crate::lettering::{Lettering, Line};

/// How much of the ink covers what is below.
const OPACITY: f32 = 0.7;
/// The letters' height in pixels: the most on an image whose shorter side has [`SIDE_FULL`] or more, less in proportion
/// on smaller ones.
const SIZE_MIN: f32 = 12.0;
const SIZE_MAX: f32 = 32.0;
const SIDE_FULL: f32 = 800.0;

/// Why an image could not be marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmarkable {
    /// The text does not fit.
    #[error("the image is too small for the watermark")]
    NoRoom,
    /// The text has a letter that the font lacks, or no letter at all.
    #[error("the watermark cannot be drawn")]
    Undrawable,
    /// The marked copy could not be written.
    #[error("the marked image could not be encoded")]
    Encoding,
}

/// The letters' height for an image of this size.
fn size(width: u32, height: u32) -> f32 {
    (SIZE_MAX * width.min(height) as f32 / SIDE_FULL).clamp(SIZE_MIN, SIZE_MAX).round()
}

/// Draws `text` on `canvas`: white with a dark rim, so that it shows on any ground.
///
/// # Errors
/// [`Unmarkable::NoRoom`], [`Unmarkable::Undrawable`]; the canvas is as it was then.
pub fn mark<C>(canvas: &mut C, text: &str) -> Result<(), Unmarkable>
where
    C: GenericImage,
    C::Pixel: Pixel<Subpixel = u8>,
{
    let lettering = Lettering::new().map_err(|_| Unmarkable::Undrawable)?;
    if text.trim().is_empty() || lettering.lacks(text).is_some() {
        return Err(Unmarkable::Undrawable);
    }
    let (width, height) = canvas.dimensions();
    let size = size(width, height);
    let margin = (size / 2.0).round();
    let room = width as f32 - 2.0 * margin;
    let lines = lettering.lay_out(text, size, room).ok_or(Unmarkable::NoRoom)?;
    let step = lettering.line_height(size);
    let top = height as f32 - margin - step * lines.len() as f32;
    if top < 0.0 {
        return Err(Unmarkable::NoRoom);
    }
    for (no, line) in lines.iter().enumerate() {
        let left = width as f32 - margin - line.width();
        write(canvas, line, left as i64, (top + step * no as f32) as i64);
    }
    Ok(())
}

/// Writes one line with its top left corner at (`left`, `top`).
fn write<C>(canvas: &mut C, line: &Line, left: i64, top: i64)
where
    C: GenericImage,
    C::Pixel: Pixel<Subpixel = u8>,
{
    // The rim is one pixel wide: the letters' coverage, shifted all around. It is gathered first, for strokes that meet
    // must not darken the ground twice.
    let mut rim = Coverage::default();
    let mut ink = Coverage::default();
    line.draw(|x, y, coverage| {
        for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
            rim.raise(left + x + dx, top + y + dy, coverage);
        }
        ink.raise(left + x, top + y, coverage);
    });
    rim.mix(canvas, 0.0, OPACITY / 2.0);
    ink.mix(canvas, 255.0, OPACITY);
}

/// How much of each pixel is covered.
#[derive(Default)]
struct Coverage(std::collections::BTreeMap<(i64, i64), f32>);

impl Coverage {
    fn raise(&mut self, x: i64, y: i64, coverage: f32) {
        let known = self.0.entry((x, y)).or_default();
        *known = known.max(coverage);
    }

    /// Mixes the covered pixels with `grey`. Where the ground is transparent, the ink makes it less so.
    fn mix<C>(&self, canvas: &mut C, grey: f32, opacity: f32)
    where
        C: GenericImage,
        C::Pixel: Pixel<Subpixel = u8>,
    {
        for ((x, y), coverage) in &self.0 {
            let (Ok(x), Ok(y)) = (u32::try_from(*x), u32::try_from(*y)) else { continue };
            if !canvas.in_bounds(x, y) {
                continue;
            }
            let share = coverage * opacity;
            let blend = |below: u8, ink: f32| (f32::from(below) * (1.0 - share) + ink * share).round() as u8;
            let pixel =
                canvas.get_pixel(x, y).map_with_alpha(|colour| blend(colour, grey), |alpha| blend(alpha, 255.0));
            canvas.put_pixel(x, y, pixel);
        }
    }
}
