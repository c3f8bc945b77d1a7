//! What is shown of an image beside its own file: a marked copy, thumbnails, a WebP copy, a placeholder. When an image is
//! marked, all the others are made of the marked copy, so that nothing shows what the mark covers.
//!
//! Pure and slow, as `pixels` is. It knows nothing of tables or stores.

use std::io::Cursor;

use ::image::{
    DynamicImage, ExtendedColorType, ImageEncoder, ImageResult, RgbImage, RgbaImage,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
        webp::WebPEncoder,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use fast_image_resize::{
    PixelType, Resizer,
    images::{Image, ImageRef},
};

use super::{
    mark::{Unmarkable, mark},
    pixels::{Decoded, PixelFormat},
};

/// The widths of thumbnails, widest first, so that each is made of the one before.
pub const THUMBNAIL_WIDTHS: [u32; 3] = [1280, 640, 320];
/// The quality of thumbnails in JPEG.
const THUMBNAIL_QUALITY: u8 = 80;
/// The quality of marked copies in JPEG: they stand in for the original.
const MARKED_QUALITY: u8 = 95;
/// The longest side of what a placeholder is computed from; more is not allowed.
const PLACEHOLDER_SIDE: u32 = 100;

/// A file of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The file.
    pub bytes: Vec<u8>,
    /// What it is.
    pub format: PixelFormat,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Why there is no such copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotMade {
    /// It would be no smaller than what it is a copy of.
    NotSmaller,
    /// It could not be encoded.
    Failed,
}

/// What was made of an image.
pub struct Derived {
    /// The marked copy, when a mark was asked for.
    pub marked: Option<Encoded>,
    /// The thumbnails that are narrower than the image, by width.
    pub thumbnails: Vec<(u32, Result<Encoded, NotMade>)>,
    /// The WebP copy.
    pub webp: Result<Encoded, NotMade>,
    /// A ThumbHash in base64.
    pub placeholder: Option<String>,
}

/// Pixels with eight bits a channel, with transparency only where some is.
enum Canvas {
    Opaque(RgbImage),
    Clear(RgbaImage),
}

impl Canvas {
    fn new(pixels: DynamicImage) -> Self {
        if !pixels.color().has_alpha() {
            return Self::Opaque(pixels.into_rgb8());
        }
        let pixels = pixels.into_rgba8();
        if pixels.pixels().all(|pixel| pixel.0.last() == Some(&u8::MAX)) {
            return Self::Opaque(DynamicImage::from(pixels).into_rgb8());
        }
        Self::Clear(pixels)
    }

    fn size(&self) -> (u32, u32) {
        match self {
            Self::Opaque(pixels) => pixels.dimensions(),
            Self::Clear(pixels) => pixels.dimensions(),
        }
    }

    fn raw(&self) -> (&[u8], PixelType, ExtendedColorType) {
        match self {
            Self::Opaque(pixels) => (pixels.as_raw(), PixelType::U8x3, ExtendedColorType::Rgb8),
            Self::Clear(pixels) => (pixels.as_raw(), PixelType::U8x4, ExtendedColorType::Rgba8),
        }
    }

    fn mark(&mut self, text: &str) -> Result<(), Unmarkable> {
        match self {
            Self::Opaque(pixels) => mark(pixels, text),
            Self::Clear(pixels) => mark(pixels, text),
        }
    }

    /// `None` when it cannot be done, which no image that was decoded gives reason for.
    fn resized(&self, width: u32, height: u32) -> Option<Self> {
        let (raw, kind, _) = self.raw();
        let (own_width, own_height) = self.size();
        let from = ImageRef::new(own_width, own_height, raw, kind).ok()?;
        let mut to = Image::new(width, height, kind);
        Resizer::new().resize(&from, &mut to, None).ok()?;
        let raw = to.into_vec();
        match self {
            Self::Opaque(_) => RgbImage::from_raw(width, height, raw).map(Self::Opaque),
            Self::Clear(_) => RgbaImage::from_raw(width, height, raw).map(Self::Clear),
        }
    }

    /// As a file of `format`. JPEG has no transparency, so what has some becomes PNG instead.
    fn encode(&self, format: PixelFormat, quality: u8, colour_profile: Option<&[u8]>) -> Option<Encoded> {
        let format = match (format, self) {
            (PixelFormat::Jpeg, Self::Clear(_)) => PixelFormat::Png,
            (format, _) => format,
        };
        let ((width, height), (raw, _, colour)) = (self.size(), self.raw());
        let mut out = Cursor::new(Vec::new());
        let written = match format {
            PixelFormat::Jpeg => {
                let encoder = JpegEncoder::new_with_quality(&mut out, quality);
                write(encoder, colour_profile, raw, (width, height), colour)
            }
            PixelFormat::Png => {
                let encoder = PngEncoder::new_with_quality(&mut out, CompressionType::Default, FilterType::Adaptive);
                write(encoder, colour_profile, raw, (width, height), colour)
            }
            PixelFormat::Webp => {
                write(WebPEncoder::new_lossless(&mut out), colour_profile, raw, (width, height), colour)
            }
        };
        written.ok().map(|()| Encoded { bytes: out.into_inner(), format, width, height })
    }

    fn placeholder(&self) -> Option<String> {
        let (width, height) = self.size();
        let longest = width.max(height).max(1);
        let side = |side: u32| in_proportion(side, PLACEHOLDER_SIDE.min(longest), longest);
        let small = self.resized(side(width), side(height))?;
        let (width, height) = small.size();
        let rgba = match small {
            Self::Opaque(pixels) => DynamicImage::from(pixels).into_rgba8(),
            Self::Clear(pixels) => pixels,
        };
        let hash = thumbhash::rgba_to_thumb_hash(width as usize, height as usize, rgba.as_raw());
        Some(STANDARD.encode(hash))
    }
}

fn write(
    mut encoder: impl ImageEncoder,
    colour_profile: Option<&[u8]>,
    raw: &[u8],
    (width, height): (u32, u32),
    colour: ExtendedColorType,
) -> ImageResult<()> {
    if let Some(profile) = colour_profile {
        // A file without it shows nearly the same colours; one that was not written shows nothing.
        let _ = encoder.set_icc_profile(profile.to_vec());
    }
    encoder.write_image(raw, width, height, colour)
}

/// `side` × `to` / `from`, rounded, at least 1.
fn in_proportion(side: u32, to: u32, from: u32) -> u32 {
    let (side, to, from) = (u64::from(side), u64::from(to), u64::from(from.max(1)));
    u32::try_from((side * to + from / 2) / from).unwrap_or(u32::MAX).max(1)
}

/// Makes everything that is shown of `decoded`, marked with `watermark` if there is one. Blocks.
///
/// # Errors
/// [`Unmarkable`] when a mark was asked for and cannot be made. What else cannot be made is left out, with the reason.
pub fn derive(decoded: Decoded, watermark: Option<&str>) -> Result<Derived, Unmarkable> {
    let Decoded { checked, pixels, colour_profile } = decoded;
    let profile = colour_profile.as_deref();
    let mut canvas = Canvas::new(pixels);
    let marked = match watermark {
        None => None,
        Some(text) => {
            canvas.mark(text)?;
            Some(canvas.encode(checked.format, MARKED_QUALITY, profile).ok_or(Unmarkable::Encoding)?)
        }
    };
    let shown = marked.as_ref().map_or(checked.size, |marked| marked.bytes.len());
    // A lossless copy of a lossy file is larger by far, so none is tried.
    let webp = match checked.format {
        PixelFormat::Jpeg | PixelFormat::Webp => Err(NotMade::NotSmaller),
        PixelFormat::Png => match canvas.encode(PixelFormat::Webp, 0, profile) {
            None => Err(NotMade::Failed),
            Some(copy) if copy.bytes.len() >= shown => Err(NotMade::NotSmaller),
            Some(copy) => Ok(copy),
        },
    };
    let mut thumbnails = Vec::new();
    for width in THUMBNAIL_WIDTHS {
        let (own_width, own_height) = canvas.size();
        if own_width <= width {
            continue;
        }
        let Some(smaller) = canvas.resized(width, in_proportion(own_height, width, own_width)) else {
            thumbnails.push((width, Err(NotMade::Failed)));
            continue;
        };
        canvas = smaller;
        thumbnails.push((width, canvas.encode(PixelFormat::Jpeg, THUMBNAIL_QUALITY, profile).ok_or(NotMade::Failed)));
    }
    Ok(Derived { marked, thumbnails, webp, placeholder: canvas.placeholder() })
}

#[cfg(test)]
mod tests {
    use ::image::{ImageFormat, Rgb, Rgba};

    use super::*;
    use crate::image::pixels;

    fn photo(width: u32, height: u32) -> DynamicImage {
        let colour = |x: u32, y: u32| Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 90]);
        RgbImage::from_fn(width, height, colour).into()
    }

    fn file(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    fn derived(image: &DynamicImage, format: ImageFormat, watermark: Option<&str>) -> Derived {
        derive(pixels::decode(&file(image, format)).unwrap(), watermark).unwrap()
    }

    fn made(copy: &Result<Encoded, NotMade>) -> &Encoded {
        let copy = copy.as_ref().unwrap();
        let read = pixels::check(&copy.bytes).unwrap();
        assert_eq!((read.width, read.height, read.format), (copy.width, copy.height, copy.format));
        copy
    }

    #[test]
    fn makes_thumbnails_narrower_than_the_image_and_no_others() {
        let all = derived(&photo(2000, 1000), ImageFormat::Png, None);
        let sizes: Vec<_> = all.thumbnails.iter().map(|(width, copy)| (*width, made(copy).height)).collect();
        assert_eq!(sizes, [(1280, 640), (640, 320), (320, 160)]);
        let few = derived(&photo(640, 3), ImageFormat::Jpeg, None);
        assert_eq!(
            few.thumbnails.iter().map(|(width, copy)| (*width, made(copy).height)).collect::<Vec<_>>(),
            [(320, 2)]
        );
        let none = derived(&photo(320, 320), ImageFormat::Png, None);
        assert!(none.thumbnails.is_empty());
        assert!(none.marked.is_none());
    }

    #[test]
    fn thumbnails_keep_transparency_and_use_jpeg_without() {
        let clear = RgbaImage::from_fn(400, 300, |x, y| Rgba([200, 10, 10, if x > y { 255 } else { 0 }]));
        let all = derived(&clear.into(), ImageFormat::Png, None);
        let (_, copy) = &all.thumbnails[0];
        assert_eq!(made(copy).format, PixelFormat::Png);
        let read = ::image::load_from_memory(&made(copy).bytes).unwrap().into_rgba8();
        assert_eq!((read.get_pixel(2, 200)[3], read.get_pixel(300, 2)[3]), (0, 255));
        // Where nothing shows, the red must not bleed into black.
        assert!(read.get_pixel(300, 2)[0] > 190);
        let full = RgbaImage::from_pixel(400, 300, Rgba([1, 2, 3, 255]));
        let all = derived(&full.into(), ImageFormat::Png, None);
        assert_eq!(made(&all.thumbnails[0].1).format, PixelFormat::Jpeg);
    }

    #[test]
    fn keeps_a_webp_copy_only_if_it_is_smaller() {
        let image = photo(300, 200);
        let all = derived(&image, ImageFormat::Png, None);
        let copy = made(&all.webp);
        assert!(copy.bytes.len() < file(&image, ImageFormat::Png).len());
        assert_eq!(::image::load_from_memory(&copy.bytes).unwrap().into_rgb8(), image.into_rgb8());
        for format in [ImageFormat::Jpeg, ImageFormat::WebP] {
            assert_eq!(derived(&photo(300, 200), format, None).webp, Err(NotMade::NotSmaller));
        }
    }

    #[test]
    fn placeholders_show_the_shape_and_the_colours() {
        for (width, height) in [(1200, 400), (400, 1200), (7, 5), (1, 1)] {
            let all = derived(&photo(width.max(20), height.max(20)), ImageFormat::Png, None);
            let hash = STANDARD.decode(all.placeholder.unwrap()).unwrap();
            let ratio = thumbhash::thumb_hash_to_approximate_aspect_ratio(&hash).unwrap();
            let real = width.max(20) as f32 / height.max(20) as f32;
            assert!((ratio / real - 1.0).abs() < 0.5, "{ratio} for {real}");
        }
        let red = RgbImage::from_pixel(50, 50, Rgb([220, 20, 20]));
        let hash = STANDARD.decode(derived(&red.into(), ImageFormat::Png, None).placeholder.unwrap()).unwrap();
        let (r, g, b, a) = thumbhash::thumb_hash_to_average_rgba(&hash).unwrap();
        assert!(r > 0.8 && g < 0.2 && b < 0.2 && a > 0.99, "{r} {g} {b} {a}");
    }

    #[test]
    fn the_mark_is_in_the_bottom_right_corner_of_everything_that_is_shown() {
        let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP];
        for (ground, format) in [0, 128, 255].into_iter().zip(formats) {
            let image: DynamicImage = RgbImage::from_pixel(700, 500, Rgb([ground; 3])).into();
            {
                let all = derived(&image, format, Some("© Studio"));
                let marked = Ok(all.marked.unwrap());
                assert_eq!(made(&marked).format, pixels::check(&file(&image, format)).unwrap().format);
                let shown = [&marked].into_iter().chain(all.thumbnails.iter().map(|(_, copy)| copy));
                for copy in shown.chain(all.webp.is_ok().then_some(&all.webp)) {
                    let read = ::image::load_from_memory(&made(copy).bytes).unwrap().into_rgb8();
                    let (width, height) = read.dimensions();
                    let changed = |pixel: &Rgb<u8>| pixel[0].abs_diff(ground) > 20;
                    let corner = |x: u32, y: u32| x >= width / 2 && y >= height * 9 / 10;
                    let inside =
                        read.enumerate_pixels().filter(|(x, y, pixel)| corner(*x, *y) && changed(pixel)).count();
                    let outside =
                        read.enumerate_pixels().filter(|(x, y, pixel)| !corner(*x, *y) && changed(pixel)).count();
                    assert!(inside > 20 && outside == 0, "{inside} {outside} at {width} on {ground}");
                }
            }
        }
    }

    #[test]
    fn the_ink_covers_seven_tenths() {
        let black: DynamicImage = RgbImage::from_pixel(1000, 1000, Rgb([0; 3])).into();
        let all = derived(&black, ImageFormat::Png, Some("MMMM"));
        let read = ::image::load_from_memory(&all.marked.unwrap().bytes).unwrap().into_rgb8();
        assert_eq!(read.pixels().map(|pixel| pixel[0]).max(), Some(179));
    }

    #[test]
    fn an_image_too_small_for_its_mark_is_refused() {
        let refused = |width, height, text| {
            derive(pixels::decode(&file(&photo(width, height), ImageFormat::Png)).unwrap(), Some(text)).err()
        };
        assert_eq!(refused(64, 24, "a watermark of many words that has no room at all"), Some(Unmarkable::NoRoom));
        assert_eq!(refused(500, 500, "漢字"), Some(Unmarkable::Undrawable));
        assert_eq!(refused(500, 500, "  "), Some(Unmarkable::Undrawable));
        assert_eq!(refused(256, 256, &"wide ".repeat(16)), None);
    }
}
