//! Pictures from a request's hash: an evening sky with discs and hills, the prompt's first words, and a label that
//! nobody can miss. Integers only, so that every machine draws the same bytes.

use std::io::Cursor;

use ::image::codecs::png::{CompressionType, FilterType, PngEncoder};
use ::image::{ExtendedColorType, ImageEncoder as _, ImageError, Rgb, RgbImage};

use super::font;
use super::noise::Noise;
use crate::ai::provider::{ImageRequest, UpscaleRequest};

const LABEL: &str = "SANDBOX";
/// Goes into the file itself, for whoever meets it far from our pages.
const COMMENT: &str = "Inkledger sandbox: drawn from the prompt without any model";
const INK: Rgb<u8> = Rgb([250, 248, 240]);
const HILLS: u32 = 3;

/// Draws `request` as a PNG of exactly its size. Blocks: a large image takes a second.
///
/// # Errors
/// Whatever the encoder fails with; memory alone can make it.
pub(super) fn png(request: &ImageRequest) -> Result<Vec<u8>, ImageError> {
    let mut noise = Noise::new("image", request.seed, &request.model, &request.prompt);
    let palette = Palette::new(&mut noise);
    let mut canvas = RgbImage::new(request.width, request.height);
    sky(&mut canvas, &palette);
    let unit = request.width.min(request.height);
    for _ in 0..6 + noise.below(5) {
        disc(&mut canvas, &mut noise, unit, palette.light);
    }
    for no in 0..HILLS {
        hill(&mut canvas, &mut noise, no, mix(palette.low, palette.dark, (no + 1) * 255 / HILLS));
    }
    caption(&mut canvas, &request.prompt, palette.dark);
    write(&canvas)
}

/// The image of `request`, so many times as wide and as high, each pixel repeated. Blocks, as [`png`] does.
///
/// # Errors
/// Whatever the decoder or the encoder fails with.
pub(super) fn enlarged(request: &UpscaleRequest) -> Result<Vec<u8>, ImageError> {
    let original = ::image::load_from_memory(&request.bytes)?.into_rgb8();
    let (width, height) = (request.width * request.factor, request.height * request.factor);
    let canvas = ::image::imageops::resize(&original, width, height, ::image::imageops::FilterType::Nearest);
    write(&canvas)
}

fn write(canvas: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut out = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Sub).write_image(
        canvas.as_raw(),
        canvas.width(),
        canvas.height(),
        ExtendedColorType::Rgb8,
    )?;
    Ok(with_comment(out.into_inner()))
}

struct Palette {
    high: Rgb<u8>,
    low: Rgb<u8>,
    light: Rgb<u8>,
    dark: Rgb<u8>,
}

impl Palette {
    fn new(noise: &mut Noise) -> Self {
        let hue = noise.below(1536);
        let near = (hue + 128 + noise.below(256)) % 1536;
        Self {
            high: mix(colour(hue), Rgb([12, 14, 40]), 120),
            low: mix(colour(near), Rgb([255, 232, 200]), 110),
            light: mix(colour((hue + 700) % 1536), Rgb([255, 250, 225]), 150),
            dark: mix(colour(hue), Rgb([10, 12, 24]), 215),
        }
    }
}

/// A full colour; hues run from 0 to 1535, six edges of the colour cube.
fn colour(hue: u32) -> Rgb<u8> {
    let up = byte(hue % 256);
    let down = 255 - up;
    match hue / 256 {
        0 => Rgb([255, up, 0]),
        1 => Rgb([down, 255, 0]),
        2 => Rgb([0, 255, up]),
        3 => Rgb([0, down, 255]),
        4 => Rgb([up, 0, 255]),
        _ => Rgb([255, 0, down]),
    }
}

/// From `from` (0) to `to` (255).
fn mix(from: Rgb<u8>, to: Rgb<u8>, share: u32) -> Rgb<u8> {
    let share = share.min(255);
    let blend = |a: u8, b: u8| byte((u32::from(a) * (255 - share) + u32::from(b) * share) / 255);
    let (Rgb([r, g, b]), Rgb([red, green, blue])) = (from, to);
    Rgb([blend(r, red), blend(g, green), blend(b, blue)])
}

fn byte(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

fn sky(canvas: &mut RgbImage, palette: &Palette) {
    let height = canvas.height().max(1);
    for (y, row) in canvas.enumerate_rows_mut() {
        let colour = mix(palette.high, palette.low, y.saturating_mul(255) / height);
        row.for_each(|(_, _, pixel)| *pixel = colour);
    }
}

/// A translucent disc somewhere above the hills, with a brighter rim.
fn disc(canvas: &mut RgbImage, noise: &mut Noise, unit: u32, light: Rgb<u8>) {
    let radius = i64::from(unit / 24 + noise.below(unit / 5 + 1)).max(1);
    let (cx, cy) = (i64::from(noise.below(canvas.width())), i64::from(noise.below(canvas.height() * 2 / 3 + 1)));
    let share = 40 + noise.below(90);
    let rim = (radius * 9 / 10).pow(2);
    for y in (cy - radius).max(0)..=cy + radius {
        for x in (cx - radius).max(0)..=cx + radius {
            let distance = (x - cx).pow(2) + (y - cy).pow(2);
            if distance <= radius * radius {
                blend(canvas, x, y, light, if distance >= rim { share + 60 } else { share });
            }
        }
    }
}

/// A range of hills across the picture, the nearer the lower: straight slopes between random heights.
fn hill(canvas: &mut RgbImage, noise: &mut Noise, no: u32, colour: Rgb<u8>) {
    let (width, height) = canvas.dimensions();
    let top = height * (11 + 2 * no) / 20;
    let relief = height / 8 + 1;
    let stride = (width / 6).max(1);
    let (mut from, mut to) = (noise.below(relief), noise.below(relief));
    for x in 0..width {
        let along = x % stride;
        if along == 0 && x > 0 {
            from = to;
            to = noise.below(relief);
        }
        let y = top + (from * (stride - along) + to * along) / stride;
        for y in y..height {
            blend(canvas, i64::from(x), i64::from(y), colour, 255);
        }
    }
}

/// A dark band at the foot with the label and as many of the prompt's words as fit on one line.
fn caption(canvas: &mut RgbImage, prompt: &str, dark: Rgb<u8>) {
    let (width, height) = canvas.dimensions();
    let advance = font::WIDTH + 1;
    let label_letters = u32::try_from(LABEL.len()).unwrap_or(u32::MAX);
    let scale = (width / (advance * (label_letters + 2))).min(height / (font::HEIGHT * 8)).clamp(1, 12);
    let small = (scale / 3).max(1);
    let band = font::HEIGHT * (scale + small) + 4 * scale;
    let top = height.saturating_sub(band);
    for y in top..height {
        for x in 0..width {
            blend(canvas, i64::from(x), i64::from(y), dark, 200);
        }
    }
    let room = usize::try_from(width.saturating_sub(2 * scale) / (advance * small)).unwrap_or(0);
    line(canvas, LABEL, scale, top + scale, scale);
    line(canvas, &first_words(prompt, room), scale, top + scale * (font::HEIGHT + 2), small);
}

/// Whole words of `prompt` in at most `room` letters.
fn first_words(prompt: &str, room: usize) -> String {
    let mut line = String::new();
    for word in prompt.split_whitespace() {
        if line.chars().count() + word.chars().count() + 1 > room {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn line(canvas: &mut RgbImage, text: &str, left: u32, top: u32, scale: u32) {
    let mut x0 = left;
    for letter in text.chars() {
        for (row, bits) in (0_u32..).zip(font::glyph(letter)) {
            for column in (0..font::WIDTH).filter(|column| bits >> (font::WIDTH - 1 - column) & 1 == 1) {
                for (dx, dy) in (0..scale).flat_map(|dx| (0..scale).map(move |dy| (dx, dy))) {
                    let (x, y) = (x0 + column * scale + dx, top + row * scale + dy);
                    blend(canvas, i64::from(x), i64::from(y), INK, 255);
                }
            }
        }
        x0 += (font::WIDTH + 1) * scale;
    }
}

/// Mixes one pixel; outside the picture nothing happens.
fn blend(canvas: &mut RgbImage, x: i64, y: i64, colour: Rgb<u8>, share: u32) {
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
    if let Some(pixel) = canvas.get_pixel_mut_checked(x, y) {
        *pixel = mix(*pixel, colour, share);
    }
}

/// Inserts a `tEXt` chunk behind the header chunk, which the encoder has no way to ask for.
fn with_comment(mut png: Vec<u8>) -> Vec<u8> {
    const HEADER_END: usize = 8 + 25;
    let body = [b"tEXtComment\0", COMMENT.as_bytes()].concat();
    let length = u32::try_from(body.len().saturating_sub(4)).unwrap_or(0);
    let chunk = [&length.to_be_bytes()[..], &body, &crc32(&body).to_be_bytes()].concat();
    if png.len() > HEADER_END {
        png.splice(HEADER_END..HEADER_END, chunk);
    }
    png
}

/// The checksum of PNG chunks, bit by bit: it runs over sixty bytes.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::model::{AspectRatio, Quality};
    use crate::ai::provider::Settings;
    use crate::image::pixels::{self, PixelFormat};

    fn request(prompt: &str, seed: Option<u32>, width: u32, height: u32) -> ImageRequest {
        ImageRequest {
            model: "sandbox-image".into(),
            prompt: prompt.into(),
            width,
            height,
            ratio: AspectRatio::SQUARE,
            quality: Quality::Standard,
            seed,
            settings: Settings::new(),
            request_key: "k".into(),
        }
    }

    #[test]
    fn draws_a_valid_png_of_exactly_the_size_asked_for() {
        for (width, height) in [(512, 512), (1024, 576), (200, 600), (640, 128), (31, 17), (1, 1)] {
            let bytes = png(&request("lanterns over the harbour", Some(7), width, height)).unwrap();
            let checked = pixels::check(&bytes).unwrap();
            assert_eq!((checked.width, checked.height, checked.format), (width, height, PixelFormat::Png));
            assert!(String::from_utf8_lossy(&bytes).contains(COMMENT));
        }
    }

    #[test]
    fn equal_requests_give_equal_bytes_and_each_input_changes_them() {
        let first = png(&request("a boat", Some(1), 96, 96)).unwrap();
        assert_eq!(png(&request("a boat", Some(1), 96, 96)).unwrap(), first);
        assert_ne!(png(&request("a boat", Some(2), 96, 96)).unwrap(), first);
        assert_ne!(png(&request("a boat", None, 96, 96)).unwrap(), first);
        assert_ne!(png(&request("a cart", Some(1), 96, 96)).unwrap(), first);
        let mut other = request("a boat", Some(1), 96, 96);
        other.model = "sandbox-image-2".into();
        assert_ne!(png(&other).unwrap(), first);
    }
}
