//! Pictures of numbers: curves and heat maps, as PNG and SVG files.
//!
//! plotters draws. Both kinds of file come from the same drawing, on a grid three times as fine as the picture's pixels:
//! a PNG file is its average, which smooths edges, and an SVG file is told of the finer unit. So that letters need nothing
//! of the system, PNG files are lettered with a font that lies beside this file; viewers letter SVG files.

mod bitmap;
mod curves;
mod heat;
mod record;
mod spark;

use std::path::Path;
use std::sync::Once;

use downhill_tensor::file;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use plotters::coord::Shift;
use plotters::prelude::*;

pub(crate) use curves::{Curves, Panel};
pub(crate) use heat::Heat;
pub use spark::sparkline;

use self::bitmap::Bitmap;
use crate::error::{Error, Result};

/// How much finer the grid of a drawing is than the pixels of the picture.
const FINE: u32 = 3;

/// Roboto, a part of it: Latin, Greek and Cyrillic letters. See `roboto.md`.
const FONT: &[u8] = include_bytes!("roboto.ttf");
/// The font's name for plotters, and in SVG files the list from which a viewer takes the first that it has.
const FAMILY: &str = "Roboto, Helvetica, Arial, sans-serif";

const INK: RGBColor = RGBColor(60, 60, 60);
const BLUE: RGBColor = RGBColor(31, 119, 180);
const ORANGE: RGBColor = RGBColor(255, 127, 14);
const GREEN: RGBColor = RGBColor(44, 160, 44);
const RED: RGBColor = RGBColor(214, 39, 40);
/// Colours of series, in this order.
const COLORS: [RGBColor; 4] = [BLUE, ORANGE, GREEN, RED];

/// Something to be drawn, on any backend.
pub(crate) trait Figure {
    /// Width and height, in pixels of the picture.
    fn size(&self) -> (u32, u32);
    /// Draws onto `area`, which has [`FINE`] units a pixel.
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB>;
}

type Area<DB> = DrawingArea<DB, Shift>;
type Drawn<DB> = std::result::Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Writes `figure` as a PNG or an SVG file, as the extension of `path` says, whole or not at all.
pub(crate) fn save(figure: &impl Figure, path: &Path) -> Result<()> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // If the font were not one, drawing would fail and say so.
        let _ = plotters::style::register_font(FAMILY, FontStyle::Normal, FONT);
    });
    let error = |message: String| Error::Plot { path: path.to_owned(), message };
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    let bytes = match extension.as_ref().and_then(|extension| extension.to_str()) {
        Some("png") => png(figure),
        Some("svg") => svg(figure).map(String::into_bytes),
        _ => Err("expected a name that ends in .png or .svg, found another".into()),
    };
    file::write(path, &bytes.map_err(error)?).map_err(Error::io(path))
}

fn svg(figure: &impl Figure) -> std::result::Result<String, String> {
    let (width, height) = figure.size();
    let fine = (width * FINE, height * FINE);
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, fine).into_drawing_area();
    area.fill(&WHITE).and_then(|()| figure.draw(&area)).map_err(|error| error.to_string())?;
    area.present().map_err(|error| error.to_string())?;
    drop(area);
    let size = |(width, height)| format!("<svg width=\"{width}\" height=\"{height}\"");
    Ok(text.replacen(&size(fine), &size((width, height)), 1))
}

fn png(figure: &impl Figure) -> std::result::Result<Vec<u8>, String> {
    let (width, height) = figure.size();
    let fine = (width * FINE, height * FINE);
    let mut pixels = vec![255; 3 * fine.0 as usize * fine.1 as usize];
    let area = Bitmap(BitMapBackend::with_buffer(&mut pixels, fine)).into_drawing_area();
    figure.draw(&area).map_err(|error| error.to_string())?;
    area.present().map_err(|error| error.to_string())?;
    drop(area);
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new(&mut bytes);
    let pixels = shrunk(&pixels, fine.0 as usize);
    let written = encoder.write_image(&pixels, width, height, ExtendedColorType::Rgb8);
    written.map_err(|error| error.to_string()).map(|()| bytes)
}

/// The mean of each square of [`FINE`] times as many pixels; `width` is that of `pixels`.
fn shrunk(pixels: &[u8], width: usize) -> Vec<u8> {
    let fine = FINE as usize;
    let rows = pixels.chunks_exact(3 * width * fine);
    let mean = |rows: &[u8], x: usize, c: usize| {
        let square = (0..fine * fine).map(|i| 3 * (i / fine * width + x * fine + i % fine) + c);
        square.map(|at| usize::from(rows[at])).sum::<usize>() / (fine * fine)
    };
    rows.flat_map(|rows| (0..width / fine * 3).map(move |i| mean(rows, i / 3, i % 3) as u8)).collect()
}

/// Pixels of the picture in units of the drawing.
fn px(pixels: f64) -> i32 {
    (pixels * f64::from(FINE)).round() as i32
}

/// Letters of so many pixels in this colour.
fn letters(size: f64, color: RGBColor) -> TextStyle<'static> {
    (FAMILY, size * f64::from(FINE)).into_font().color(&color)
}

/// How wide `text` is, in pixels of the picture.
fn width_of(text: &str, size: f64) -> f64 {
    let size = letters(size, INK).font.layout_box(text);
    size.map_or(0.0, |(_, (width, _))| f64::from(width) / f64::from(FINE))
}

/// A number for people: four digits of it.
pub(crate) fn short(x: f64) -> String {
    let text = match x.abs() {
        0.0 => return "0".into(),
        size if !size.is_finite() => return x.to_string(),
        size if !(1e-3..1e5).contains(&size) => {
            let text = format!("{x:.2e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            return format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'));
        }
        size => format!("{x:.*}", (3 - size.log10().floor() as i32).max(0) as usize),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let expected = [
            (0.0, "0"),
            (1.0, "1"),
            (-0.25, "-0.25"),
            (0.1 + 0.2, "0.3"),
            (0.98765, "0.9877"),
            (12_396.0, "12396"),
            (1e-4, "1e-4"),
            (2.346e-7, "2.35e-7"),
            (150_000.0, "1.5e5"),
            (f64::NAN, "NaN"),
        ];
        for (x, text) in expected {
            assert_eq!(short(x), text);
        }
    }

    #[test]
    fn a_shrunk_picture_has_the_mean_of_each_square() {
        let pixels: Vec<u8> = (0..3 * 6 * 3).map(|i| if i % 3 == 0 { i as u8 } else { 9 }).collect();
        // Red of the six by three pixels counts by threes; the middles of both squares are its means.
        assert_eq!(shrunk(&pixels, 6), [21, 9, 9, 30, 9, 9]);
    }
}
