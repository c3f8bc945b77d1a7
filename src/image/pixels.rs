//! Whether bytes are an image we accept: recognised by their first bytes, bounded by their header, decoded in full.
//!
//! Pure and slow: a large image takes seconds of CPU and up to 768 MiB of memory, so callers run it on the blocking
//! pool and bound how many run at once. It knows nothing of providers, tables or stores.

use std::fmt;
use std::io::Cursor;

use ::image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use ring::digest;

/// The fewest bytes of an image.
pub const IMAGE_BYTES_MIN: usize = 100;
/// The most bytes of an image.
pub const IMAGE_BYTES_MAX: usize = 20 * 1024 * 1024;
/// The most pixels of an image, width times height.
pub const IMAGE_PIXELS_MAX: u64 = 64_000_000;
/// The most memory a decoder may take: the largest image at eight bytes a pixel.
const DECODE_BYTES_MAX: u64 = 8 * IMAGE_PIXELS_MAX;

/// A file format we store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl PixelFormat {
    /// The media type, such as `image/png`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The file extension of object keys, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    fn sniff(bytes: &[u8]) -> Option<(Self, ImageFormat)> {
        let format = ::image::guess_format(bytes).ok()?;
        match format {
            ImageFormat::Png => Some((Self::Png, format)),
            ImageFormat::Jpeg => Some((Self::Jpeg, format)),
            ImageFormat::WebP => Some((Self::Webp, format)),
            _ => None,
        }
    }
}

/// What is known of bytes that are an image.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckedPixels {
    /// In pixels, at least 1.
    pub width: u32,
    /// In pixels, at least 1.
    pub height: u32,
    /// By the first bytes, whatever anyone claims.
    pub format: PixelFormat,
    /// Size of the file in bytes.
    pub size: usize,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
}

impl fmt::Debug for CheckedPixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedPixels")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("format", &self.format)
            .field("size", &self.size)
            .field("sha256", &hex::encode(self.sha256))
            .finish()
    }
}

/// Why bytes are no image we accept. All are one code to the outside, [`CorruptImage::CODE`].
#[derive(Debug, thiserror::Error)]
pub enum CorruptImage {
    /// Fewer than 100 bytes.
    #[error("the image has too few bytes")]
    TooSmall,
    /// More than 20 MiB.
    #[error("the image has too many bytes")]
    TooLarge,
    /// Neither PNG, JPEG nor WebP.
    #[error("the bytes are neither PNG, JPEG nor WebP")]
    UnknownFormat,
    /// More than 64 megapixels, by the header.
    #[error("the image has too many pixels")]
    TooManyPixels,
    /// The file ends before its image does.
    #[error("the image is cut")]
    Cut,
    /// The header or the pixels cannot be read.
    #[error("the image cannot be decoded")]
    Undecodable(#[source] ::image::ImageError),
}

impl CorruptImage {
    /// The stable code.
    pub const CODE: &'static str = "CORRUPT_IMAGE";
}

/// An image that was decoded.
pub struct Decoded {
    /// What its file is. Width and height are those it is shown with, whichever way up the file holds it.
    pub checked: CheckedPixels,
    /// Its pixels, the right way up.
    pub pixels: DynamicImage,
    /// What its colours mean, if the file says so.
    pub colour_profile: Option<Vec<u8>>,
}

/// Decodes `bytes` in full and says what they are. Blocks for as long as decoding takes.
///
/// # Errors
/// [`CorruptImage`].
pub fn check(bytes: &[u8]) -> Result<CheckedPixels, CorruptImage> {
    decode(bytes).map(|decoded| decoded.checked)
}

/// [`check`] that keeps the pixels.
///
/// # Errors
/// [`CorruptImage`].
pub fn decode(bytes: &[u8]) -> Result<Decoded, CorruptImage> {
    if bytes.len() < IMAGE_BYTES_MIN {
        return Err(CorruptImage::TooSmall);
    }
    if bytes.len() > IMAGE_BYTES_MAX {
        return Err(CorruptImage::TooLarge);
    }
    let (format, codec) = PixelFormat::sniff(bytes).ok_or(CorruptImage::UnknownFormat)?;
    if format == PixelFormat::Jpeg && !jpeg_scan_ends(bytes) {
        return Err(CorruptImage::Cut);
    }
    let (pixels, colour_profile) = decode_as(bytes, codec)?;
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    let (width, height) = (pixels.width(), pixels.height());
    let checked = CheckedPixels { width, height, format, size: bytes.len(), sha256 };
    Ok(Decoded { checked, pixels, colour_profile })
}

/// Reads the header, refuses by it, then decodes every pixel.
fn decode_as(bytes: &[u8], codec: ImageFormat) -> Result<(DynamicImage, Option<Vec<u8>>), CorruptImage> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), codec);
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(CorruptImage::Undecodable)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > IMAGE_PIXELS_MAX || decoder.total_bytes() > DECODE_BYTES_MAX {
        return Err(CorruptImage::TooManyPixels);
    }
    // An image is whole without either: only its pixels count.
    let colour_profile = decoder.icc_profile().ok().flatten();
    let orientation = decoder.orientation().ok();
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(CorruptImage::Undecodable)?;
    if let Some(orientation) = orientation {
        pixels.apply_orientation(orientation);
    }
    Ok((pixels, colour_profile))
}

/// Whether an end-of-image marker follows the last start of a scan: the decoder fills a cut JPEG with grey and calls
/// it whole. Inside scan data 0xFF is stuffed, so neither marker can appear there by chance.
fn jpeg_scan_ends(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    matches!((last(0xda), last(0xd9)), (Some(scan), Some(end)) if end > scan)
}

#[cfg(test)]
mod tests {
    use ::image::codecs::jpeg::JpegEncoder;
    use ::image::{DynamicImage, RgbImage};

    use super::*;

    fn picture(format: ImageFormat) -> Vec<u8> {
        let pixels = RgbImage::from_fn(64, 48, |x, y| ::image::Rgb([(x * 4) as u8, (y * 5) as u8, (x * y) as u8]));
        let mut out = Cursor::new(Vec::new());
        if format == ImageFormat::Jpeg {
            JpegEncoder::new_with_quality(&mut out, 90).encode_image(&pixels).unwrap();
        } else {
            DynamicImage::from(pixels).write_to(&mut out, format).unwrap();
        }
        out.into_inner()
    }

    /// A PNG header that claims a size, with nothing behind it.
    fn claimed(width: u32, height: u32) -> Vec<u8> {
        let mut header = b"IHDR".to_vec();
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([8, 2, 0, 0, 0]);
        let crc = header.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        });
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
        file.extend(header);
        file.extend((!crc).to_be_bytes());
        file.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
        file.resize(200, 0);
        file
    }

    #[test]
    fn accepts_the_three_formats_and_says_what_they_are() {
        for (codec, format) in [
            (ImageFormat::Png, PixelFormat::Png),
            (ImageFormat::Jpeg, PixelFormat::Jpeg),
            (ImageFormat::WebP, PixelFormat::Webp),
        ] {
            let bytes = picture(codec);
            let checked = check(&bytes).unwrap();
            assert_eq!((checked.width, checked.height, checked.format), (64, 48, format));
            assert_eq!(checked.size, bytes.len());
            assert_eq!(checked.sha256.as_slice(), digest::digest(&digest::SHA256, &bytes).as_ref());
        }
    }

    #[test]
    fn refuses_every_file_that_is_cut_inside_its_pixels() {
        for codec in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let bytes = picture(codec);
            for kept in (IMAGE_BYTES_MIN..bytes.len().saturating_sub(20)).step_by(7) {
                assert!(check(&bytes[..kept]).is_err(), "{codec:?} cut to {kept} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn never_panics_on_damaged_bytes() {
        for codec in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let bytes = picture(codec);
            for at in 0..bytes.len().min(600) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x5a;
                let _ = check(&damaged);
            }
        }
    }

    #[test]
    fn judges_the_size_by_the_header_before_decoding() {
        assert!(matches!(check(&claimed(8_001, 8_000)), Err(CorruptImage::TooManyPixels)));
        assert!(check(&claimed(u32::MAX >> 1, u32::MAX >> 1)).is_err());
        // At the limit the header passes and only the missing pixels are at fault.
        assert!(matches!(check(&claimed(8_000, 8_000)), Err(CorruptImage::Undecodable(_))));
    }

    #[test]
    fn refuses_what_is_too_small_too_large_or_something_else() {
        let png = picture(ImageFormat::Png);
        assert!(matches!(check(&png[..99]), Err(CorruptImage::TooSmall)));
        assert!(matches!(check(&vec![0; IMAGE_BYTES_MAX + 1]), Err(CorruptImage::TooLarge)));
        assert!(matches!(check(&[b'<'; 200]), Err(CorruptImage::UnknownFormat)));
        let mut gif = b"GIF89a".to_vec();
        gif.resize(200, 0);
        assert!(matches!(check(&gif), Err(CorruptImage::UnknownFormat)));
    }
}
