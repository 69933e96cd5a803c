//! One image file: PNG, JPEG, BMP or GIF (its first frame), as its content says, to bytes.
//!
//! A header's claim about the size is checked before any memory is set aside for it.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::ops::{Index, Range};
use std::path::Path;

use image::codecs::png::{PngDecoder, PngEncoder};
use image::{ColorType, DynamicImage, ImageDecoder, ImageEncoder, ImageReader, Limits};

use crate::error::{Error, Result};
use crate::resize::Resize;

/// The most bytes that an image file may have.
const MAX_FILE: u64 = 1 << 30;

const PNG_START: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The chunk that ends every PNG file.
const PNG_END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// How the pixels of an image become numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channels {
    /// One channel, the luminance. Of colours it is `(19595 R + 38470 G + 7471 B) / 65536`, rounded, as in PIL.
    Grey,
    /// Three channels: red, green and blue.
    #[default]
    Rgb,
}

impl Channels {
    /// The number of channels.
    pub fn count(self) -> usize {
        match self {
            Channels::Grey => 1,
            Channels::Rgb => 3,
        }
    }
}

/// A decoded image: rows of pixels, the channels of a pixel one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) data: Vec<u8>,
}

/// What to make of an image file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoding {
    pub(crate) channels: Channels,
    pub(crate) resize: Option<Resize>,
    pub(crate) max_pixels: u64,
}

impl Decoding {
    /// The image in the file `path`. `contents` is scratch space.
    pub(crate) fn read(&self, path: &Path, contents: &mut Contents) -> Result<Pixels> {
        contents.clear();
        let file = contents.read(path)?;
        self.decode(path, &contents[file])
    }

    /// Decodes a grey PNG file of this size straight to its place. False if it is anything else, or broken; nothing is
    /// lost then but time.
    pub(crate) fn decode_straight(&self, file: &[u8], [height, width]: [usize; 2], out: &mut [u8]) -> bool {
        if self.channels != Channels::Grey || self.resize.is_some() || !file.starts_with(PNG_START) {
            return false;
        }
        let Ok(decoder) = PngDecoder::with_limits(Cursor::new(file), self.limits()) else { return false };
        let size = decoder.dimensions();
        let fits =
            decoder.color_type() == ColorType::L8 && (size.1 as usize, size.0 as usize) == (height, width);
        fits && decoder.read_image(out).is_ok()
    }

    /// The image in `file`, the content of `path`.
    pub(crate) fn decode(&self, path: &Path, file: &[u8]) -> Result<Pixels> {
        let pixels = self.pixels(file).map_err(|found| {
            let expected = "a PNG, JPEG, BMP or GIF image".to_string();
            Error::Image { path: path.to_owned(), expected, found }
        })?;
        Ok(match &self.resize {
            Some(resize) => resize.apply(pixels, self.channels.count()),
            None => pixels,
        })
    }

    fn pixels(&self, file: &[u8]) -> std::result::Result<Pixels, String> {
        if file.is_empty() {
            return Err("an empty file".into());
        }
        if file.starts_with(PNG_START) {
            // The usual case, without a search for the decoder.
            return self.decoded(PngDecoder::with_limits(Cursor::new(file), self.limits()).map_err(text)?);
        }
        let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(text)?;
        if reader.format().is_none() {
            return Err(format!("the bytes {:02x?}", &file[..file.len().min(8)]));
        }
        reader.limits(self.limits());
        self.decoded(reader.into_decoder().map_err(text)?)
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.max_alloc = Some(self.max_pixels.saturating_mul(16));
        limits
    }

    fn decoded(&self, decoder: impl ImageDecoder) -> std::result::Result<Pixels, String> {
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(format!("{width} x {height} pixels, more than the limit of {}", self.max_pixels));
        }
        if width == 0 || height == 0 {
            return Err(format!("{width} x {height} pixels"));
        }
        let data = match (decoder.color_type(), self.channels) {
            (ColorType::L8, Channels::Grey) | (ColorType::Rgb8, Channels::Rgb) => {
                let mut data = vec![0; decoder.total_bytes() as usize];
                decoder.read_image(&mut data).map_err(text)?;
                data
            }
            (_, channels) => converted(DynamicImage::from_decoder(decoder).map_err(text)?, channels),
        };
        Ok(Pixels { height: height as usize, width: width as usize, data })
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A PNG file of one grey channel.
pub(crate) fn encode_grey(pixels: &[u8], height: usize, width: usize) -> Vec<u8> {
    encode(pixels, height, width, image::ExtendedColorType::L8)
}

/// A PNG file of pixels in row-major order.
pub(crate) fn encode(pixels: &[u8], height: usize, width: usize, color: image::ExtendedColorType) -> Vec<u8> {
    let mut png = Vec::new();
    let encoder = PngEncoder::new(&mut png);
    let written = encoder.write_image(pixels, width as u32, height as u32, color);
    written.expect("a vector takes any bytes, and the size is right");
    png
}

/// The contents of files, one behind the other in memory that serves again after [`clear`](Self::clear).
#[derive(Default)]
pub(crate) struct Contents {
    bytes: Vec<u8>,
    end: usize,
}

impl Contents {
    pub(crate) fn clear(&mut self) {
        self.end = 0;
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.end
    }

    /// Reads a file behind the others; returns where it is.
    pub(crate) fn read(&mut self, path: &Path) -> Result<Range<usize>> {
        /// With less room than this, more is made.
        const ROOM: usize = 1 << 12;
        let mut file = File::open(path).map_err(Error::io(path))?;
        let start = self.end;
        let mut end = start;
        while (end - start) as u64 <= MAX_FILE {
            if self.bytes.len() - end < ROOM {
                self.bytes.resize((2 * self.bytes.len()).max(end + 4 * ROOM), 0);
            }
            match file.read(&mut self.bytes[end..]) {
                Ok(0) => break,
                Ok(n) => end += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(path)(error)),
            }
            // What may lie behind the last chunk does not belong to the image, so the system need not be asked.
            let content = &self.bytes[start..end];
            if content.ends_with(PNG_END) && content.starts_with(PNG_START) {
                break;
            }
        }
        if (end - start) as u64 > MAX_FILE {
            let expected = format!("an image file of at most {MAX_FILE} bytes");
            return Err(Error::Image { path: path.to_owned(), expected, found: "more".into() });
        }
        self.end = end;
        Ok(start..end)
    }
}

impl Index<Range<usize>> for Contents {
    type Output = [u8];
    fn index(&self, file: Range<usize>) -> &[u8] {
        &self.bytes[file]
    }
}

fn converted(image: DynamicImage, channels: Channels) -> Vec<u8> {
    match channels {
        Channels::Rgb => image.into_rgb8().into_raw(),
        Channels::Grey if !image.color().has_color() => image.into_luma8().into_raw(),
        Channels::Grey => image.into_rgb8().pixels().map(|rgb| luminance(rgb.0)).collect(),
    }
}

fn luminance([r, g, b]: [u8; 3]) -> u8 {
    let sum = 19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b) + 0x8000;
    (sum >> 16) as u8 // the weights add up to 65536
}
