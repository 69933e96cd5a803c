//! Contact sheets: the images of a batch beside each other, each with its label.

use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use downhill_tensor::{DType, Element, Tensor};
use font8x8::{BASIC_FONTS, LATIN_FONTS, UnicodeFonts};
use image::{ExtendedColorType, ImageFormat};

use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::{file, image_file};

/// Pixels of a letter.
const LETTER: usize = 8;
/// Pixels between cells, and around labels.
const GAP: usize = 6;
/// Pixels from one line of a label to the next.
const LINE: usize = LETTER + 3;
/// Letters of a line of a label that are shown in a PNG file.
const LONGEST: usize = 24;

const BLACK: [u8; 3] = [0; 3];
const GREEN: [u8; 3] = [0, 128, 0];
const RED: [u8; 3] = [200, 0, 0];

/// The images of a batch with their labels, to be looked at as a PNG or an SVG file. fastai's `show_batch`.
///
/// ```
/// use downhill_data::Sheet;
/// use downhill_tensor::Tensor;
///
/// # let dir = tempfile::tempdir().unwrap();
/// let x = Tensor::from_fn(&[2, 28, 28], |i| if i[0] == 0 { 0_u8 } else { 200 });
/// let sheet = Sheet::new(&x, &["black", "grey"]);
/// sheet.save(dir.path().join("batch.png"))?;
/// sheet.save(dir.path().join("batch.svg"))?;
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Red, green and blue of each pixel, image by image.
    images: Vec<Vec<u8>>,
    labels: Vec<String>,
    /// Of each label.
    colors: Vec<[u8; 3]>,
    title: String,
    height: usize,
    width: usize,
    columns: usize,
    scale: usize,
}

impl Sheet {
    /// Images with a label each, which may have several lines. Bytes and integers count from 0 to 255, floats from 0 to 1; one channel is grey, three
    /// are red, green and blue.
    ///
    /// # Shapes
    /// `x` is `[n, 1, h, w]`, `[n, 3, h, w]` or `[n, h, w]`; `labels` are `n`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn new<X: Element>(x: &Tensor<X>, labels: &[impl AsRef<str>]) -> Sheet {
        let (channels, height, width) = match *x.shape() {
            [_, c @ (1 | 3), h, w] => (c, h, w),
            [_, h, w] => (1, h, w),
            _ => panic!("Sheet: expected images [n, 1 or 3, h, w] or [n, h, w], got shape {:?}", x.shape()),
        };
        let n = x.size(0);
        assert!(labels.len() == n, "Sheet: {} labels for images of shape {:?}", labels.len(), x.shape());
        let plane = height * width;
        let images = x.unbind(0).map(|image| {
            let values: Vec<u8> = image.iter().map(byte).collect();
            (0..plane).flat_map(|at| [0, 1, 2].map(|c| values[c % channels * plane + at])).collect()
        });
        Sheet {
            images: images.collect(),
            labels: labels.iter().map(|label| label.as_ref().to_string()).collect(),
            colors: vec![BLACK; n],
            title: String::new(),
            height,
            width,
            // As nearly square as it goes.
            columns: (1..).find(|columns| columns * columns >= n).unwrap_or(1),
            scale: (64 / height.max(width).max(1)).max(1),
        }
    }

    /// With so many images in a row.
    ///
    /// # Panics
    /// If `columns` is zero.
    #[must_use]
    #[track_caller]
    pub fn columns(mut self, columns: usize) -> Self {
        assert!(columns > 0, "Sheet: columns must be positive");
        self.columns = columns;
        self
    }

    /// With every pixel as a square of `scale` x `scale` pixels. Unless told, small images are shown larger.
    ///
    /// # Panics
    /// If `scale` is zero.
    #[must_use]
    #[track_caller]
    pub fn scale(mut self, scale: usize) -> Self {
        assert!(scale > 0, "Sheet: scale must be positive");
        self.scale = scale;
        self
    }

    /// With a line of text above.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// With green labels for images about which something is right, and red ones for the others.
    ///
    /// # Panics
    /// If there is not one for each image.
    #[must_use]
    #[track_caller]
    pub fn right(mut self, right: &[bool]) -> Self {
        assert!(
            right.len() == self.images.len(),
            "Sheet: {} of {} images right",
            right.len(),
            self.images.len()
        );
        self.colors = right.iter().map(|&right| if right { GREEN } else { RED }).collect();
        self
    }

    /// Writes a PNG or an SVG file, as its extension says.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written; [`Error::Image`] if it has another extension.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match path.extension().map(|extension| extension.to_ascii_lowercase()) {
            Some(extension) if extension == "png" => file::write(path, &self.to_png()),
            Some(extension) if extension == "svg" => file::write(path, self.to_svg().as_bytes()),
            _ => Err(Error::Image {
                path: path.to_owned(),
                expected: "a name that ends in .png or .svg".into(),
                found: "another".into(),
            }),
        }
    }

    /// Width and height of a cell: an image, and its label below.
    fn cell(&self) -> [usize; 2] {
        let letters = self.labels.iter().flat_map(|label| label.lines()).map(|line| shown(line).count());
        let width = (self.width * self.scale).max((letters.max().unwrap_or(0) + 1) * LETTER);
        let lines = self.labels.iter().map(|label| label.lines().count()).max().unwrap_or(0).max(1);
        [width + GAP, self.height * self.scale + (lines - 1) * LINE + LETTER + 2 * GAP]
    }

    /// What is above the cells.
    fn top(&self) -> usize {
        if self.title.is_empty() { GAP } else { LETTER + 2 * GAP }
    }

    /// Width and height of the sheet.
    fn size(&self) -> [usize; 2] {
        let [width, height] = self.cell();
        let (columns, rows) = (self.columns.min(self.images.len()), self.images.len().div_ceil(self.columns));
        let title = self.title.chars().count() * LETTER + GAP;
        [(columns * width).max(title) + GAP, rows * height + self.top()]
    }

    /// Where the image with this number begins, and the middle of the cell.
    fn place(&self, number: usize) -> ([usize; 2], usize) {
        let [width, height] = self.cell();
        let (left, top) = (GAP + number % self.columns * width, self.top() + number / self.columns * height);
        let inside = (width - GAP - self.width * self.scale) / 2;
        ([left + inside, top], left + (width - GAP) / 2)
    }

    /// The sheet as a PNG file.
    pub fn to_png(&self) -> Vec<u8> {
        let [width, height] = self.size();
        let mut canvas = Canvas { width, pixels: vec![255; 3 * width * height] };
        canvas.line(GAP, GAP, self.title.chars(), BLACK);
        for (number, (image, label)) in self.images.iter().zip(&self.labels).enumerate() {
            let ([left, top], middle) = self.place(number);
            let side = self.scale;
            for y in 0..self.height * side {
                for x in 0..self.width * side {
                    let from = 3 * (y / side * self.width + x / side);
                    canvas.set(left + x, top + y, [image[from], image[from + 1], image[from + 2]]);
                }
            }
            for (at, line) in label.lines().enumerate() {
                let start = middle - shown(line).count() * LETTER / 2;
                let top = top + self.height * side + GAP / 2 + at * LINE;
                canvas.line(start, top, shown(line), self.colors[number]);
            }
        }
        image_file::encode(&canvas.pixels, height, width, ExtendedColorType::Rgb8)
    }

    /// The sheet as an SVG file, which contains the images.
    pub fn to_svg(&self) -> String {
        let [width, height] = self.size();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        if !self.title.is_empty() {
            svg += &text([GAP, GAP + LETTER], "start", BLACK, &self.title);
        }
        let (w, h) = (self.width * self.scale, self.height * self.scale);
        for (number, (image, label)) in self.images.iter().zip(&self.labels).enumerate() {
            let ([x, y], middle) = self.place(number);
            let png = image_file::encode(image, self.height, self.width, ExtendedColorType::Rgb8);
            let (data, kind) = (STANDARD.encode(png), ImageFormat::Png.to_mime_type());
            let written = writeln!(
                svg,
                "<image x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" style=\"image-rendering:pixelated\" href=\"data:{kind};base64,{data}\"/>"
            );
            written.expect("a string takes any text");
            for (at, line) in label.lines().enumerate() {
                let base = y + h + LETTER + GAP / 2 + at * LINE;
                svg += &text([middle, base], "middle", self.colors[number], line);
            }
        }
        svg + "</svg>\n"
    }
}

/// A value as brightness.
fn byte<X: Element>(x: X) -> u8 {
    match X::DTYPE {
        DType::F32 | DType::F64 => (x.to_f64() * 255.0).round() as u8, // NaN is black
        DType::Bool => x.to_i64() as u8 * 255,
        DType::U8 | DType::I64 => x.to_i64().clamp(0, 255) as u8,
    }
}

/// What is shown of a line in a PNG file.
fn shown(line: &str) -> impl Iterator<Item = char> + '_ {
    line.chars().take(LONGEST)
}

/// A line of text for an SVG file.
fn text([x, y]: [usize; 2], anchor: &str, [r, g, b]: [u8; 3], line: &str) -> String {
    let size = LETTER + GAP / 2;
    format!(
        "<text x=\"{x}\" y=\"{y}\" font-family=\"sans-serif\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"rgb({r},{g},{b})\">{}</text>\n",
        escaped(line)
    )
}

/// A label as it may stand in an SVG file.
fn escaped(label: &str) -> String {
    let mut text = String::new();
    for letter in label.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            // XML has no place for these, not even escaped.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                text.push('\u{fffd}');
            }
            _ => text.push(letter),
        }
    }
    text
}

struct Canvas {
    width: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn set(&mut self, x: usize, y: usize, color: [u8; 3]) {
        self.pixels[3 * (y * self.width + x)..][..3].copy_from_slice(&color);
    }

    fn line(&mut self, left: usize, top: usize, letters: impl Iterator<Item = char>, color: [u8; 3]) {
        for (at, letter) in letters.enumerate() {
            self.letter(left + at * LETTER, top, letter, color);
        }
    }

    fn letter(&mut self, left: usize, top: usize, letter: char, color: [u8; 3]) {
        let known = |letter| BASIC_FONTS.get(letter).or_else(|| LATIN_FONTS.get(letter));
        let rows = known(letter).or_else(|| known('?')).unwrap_or_default();
        for (y, row) in rows.iter().enumerate() {
            for x in (0..LETTER).filter(|x| row >> x & 1 == 1) {
                self.set(left + x, top + y, color);
            }
        }
    }
}

impl<X: Element> DataLoader<X, i64> {
    /// The first images of the batch that comes next, at most nine, with the names of their classes: target `i` is
    /// `vocab[i]`, or the number if there is no such name. fastai's `dls.show_batch()`.
    ///
    /// # Errors
    /// As [`first`](Self::first).
    ///
    /// # Panics
    /// If the inputs are no images, as [`Sheet::new`].
    #[track_caller]
    pub fn show_batch(&self, vocab: &[String]) -> Result<Sheet> {
        let (x, y) = self.first()?;
        let n = x.size(0).min(9);
        let name = |class: i64| {
            let known = usize::try_from(class).ok().and_then(|class| vocab.get(class));
            known.cloned().unwrap_or_else(|| class.to_string())
        };
        let labels: Vec<String> = y.iter().take(n).map(name).collect();
        Ok(Sheet::new(&x.narrow(0, 0, n), &labels))
    }
}
