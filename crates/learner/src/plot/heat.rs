//! Heat maps: rectangles of numbers, each a cell in a shade of blue.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, Drawn, Figure, INK, letters, px, width_of};

/// Letters of the title, of labels and in cells.
const SIZES: [f64; 3] = [16.0, 13.0, 12.0];
/// Pixels around the picture.
const MARGIN: f64 = 12.0;

/// A rectangle of numbers.
pub(crate) struct Heat {
    pub(crate) title: String,
    pub(crate) x_label: &'static str,
    pub(crate) y_label: &'static str,
    /// From white, zero, to dark blue, the largest: row by row, from the top.
    pub(crate) values: Vec<Vec<f64>>,
    /// What stands in the cells, if they have room; as long as `values`, or empty.
    pub(crate) texts: Vec<Vec<String>>,
    /// What stands below each column; empty texts, or none at all, for nothing.
    pub(crate) columns: Vec<String>,
    /// What stands before each row; as `columns`.
    pub(crate) rows: Vec<String>,
    /// Width and height of a cell, in pixels.
    pub(crate) cell: [f64; 2],
}

impl Heat {
    fn n_columns(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// Pixels before and below the cells, for their labels and those of the axes.
    fn labels(&self) -> [f64; 2] {
        let longest =
            |labels: &[String]| labels.iter().map(|text| width_of(text, SIZES[2])).fold(0.0, f64::max);
        let below = if self.turned() { longest(&self.columns) } else { SIZES[2] };
        [longest(&self.rows) + 34.0, below + 34.0]
    }

    /// Whether the columns' labels are too wide to stand beside each other.
    fn turned(&self) -> bool {
        let room = distance(&self.columns) as f64 * self.cell[0];
        self.columns.iter().any(|text| width_of(text, SIZES[2]) + 4.0 > room)
    }

    /// Where the cells begin.
    fn origin(&self) -> [f64; 2] {
        [MARGIN + self.labels()[0], MARGIN + SIZES[0] + 14.0]
    }

    /// Width and height of all cells.
    fn inside(&self) -> [f64; 2] {
        [self.n_columns() as f64 * self.cell[0], self.values.len() as f64 * self.cell[1]]
    }

    fn draw_cells<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let largest = self.values.iter().flatten().copied().fold(0.0, f64::max);
        let ([left, top], [width, height]) = (self.origin(), self.cell);
        for (i, row) in self.values.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                let share = if largest > 0.0 { value / largest } else { 0.0 };
                let (x, y) = (left + j as f64 * width, top + i as f64 * height);
                if share > 0.0 {
                    let corners = [(px(x), px(y)), (px(x + width), px(y + height))];
                    area.draw(&Rectangle::new(corners, blue(share).filled()))?;
                }
                if let Some(text) = self.texts.get(i).and_then(|row| row.get(j))
                    && width_of(text, SIZES[2]) + 2.0 < width
                {
                    let ink = if share > 0.5 { WHITE } else { INK };
                    let style = letters(SIZES[2], ink).pos(Pos::new(HPos::Center, VPos::Center));
                    area.draw_text(text, &style, (px(x + width / 2.0), px(y + height / 2.0)))?;
                }
            }
        }
        Ok(())
    }

    fn draw_labels<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let ([left, top], [width, height], cell) = (self.origin(), self.inside(), self.cell);
        let style = |size, h, v| letters(size, INK).pos(Pos::new(h, v));
        let turned = |style: TextStyle<'static>| style.transform(FontTransform::Rotate270);
        let middle = px(left + width / 2.0);
        area.draw_text(&self.title, &style(SIZES[0], HPos::Center, VPos::Top), (middle, px(MARGIN)))?;
        let bottom = top + height;
        for (i, text) in legible(&self.rows, cell[1]) {
            let at = (px(left - 6.0), px(top + (i as f64 + 0.5) * cell[1]));
            area.draw_text(text, &style(SIZES[2], HPos::Right, VPos::Center), at)?;
        }
        for (j, text) in legible(&self.columns, cell[0]) {
            let x = px(left + (j as f64 + 0.5) * cell[0]);
            let below = if self.turned() {
                turned(style(SIZES[2], HPos::Right, VPos::Center))
            } else {
                style(SIZES[2], HPos::Center, VPos::Top)
            };
            area.draw_text(text, &below, (x, px(bottom + 6.0)))?;
        }
        let at = (middle, px(bottom + self.labels()[1] - 18.0));
        area.draw_text(self.x_label, &style(SIZES[1], HPos::Center, VPos::Top), at)?;
        let style = turned(style(SIZES[1], HPos::Center, VPos::Top));
        area.draw_text(self.y_label, &style, (px(MARGIN), px(top + height / 2.0)))
    }
}

impl Figure for Heat {
    fn size(&self) -> (u32, u32) {
        let ([left, top], [width, height]) = (self.origin(), self.inside());
        ((left + width + MARGIN) as u32, (top + height + self.labels()[1] + MARGIN) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let ([left, top], [width, height]) = (self.origin(), self.inside());
        let corners = [(px(left), px(top)), (px(left + width), px(top + height))];
        area.draw(&Rectangle::new(corners, blue(0.0).filled()))?;
        self.draw_cells(area)?;
        area.draw(&Rectangle::new(corners, INK.mix(0.6).stroke_width(px(1.0) as u32)))?;
        self.draw_labels(area)
    }
}

/// The least number of cells from one label to the next that is not empty.
fn distance(labels: &[String]) -> usize {
    let places: Vec<usize> = (0..labels.len()).filter(|&at| !labels[at].is_empty()).collect();
    places.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(labels.len())
}

/// The labels and their places; where letters are larger than cells of this size, some are left out.
fn legible(labels: &[String], cell: f64) -> impl Iterator<Item = (usize, &String)> {
    let step = (SIZES[2] / (distance(labels) as f64 * cell)).ceil().max(1.0) as usize;
    labels.iter().enumerate().filter(|(_, text)| !text.is_empty()).step_by(step)
}

/// From white, 0, over blue to dark blue, 1: matplotlib's `Blues`, nearly.
fn blue(share: f64) -> RGBColor {
    const STOPS: [[f64; 3]; 5] = [
        [247.0, 251.0, 255.0],
        [198.0, 219.0, 239.0],
        [107.0, 174.0, 214.0],
        [33.0, 113.0, 181.0],
        [8.0, 48.0, 107.0],
    ];
    let at = share.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let from = (at as usize).min(STOPS.len() - 2);
    let [r, g, b] = [0, 1, 2].map(|c| {
        let [low, high] = [STOPS[from][c], STOPS[from + 1][c]];
        (low + (high - low) * (at - from as f64)).round() as u8
    });
    RGBColor(r, g, b)
}
