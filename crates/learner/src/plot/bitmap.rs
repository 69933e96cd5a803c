//! Lines for PNG files.

use plotters::prelude::BitMapBackend;
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, DrawingBackend, DrawingErrorKind};

/// plotters' bitmap, but for wide lines. It makes one polygon of a line, whose edge crosses itself where the line turns
/// within its own width, and leaves holes there. Here each piece is a rectangle, with a disc at each turn.
pub(super) struct Bitmap<'a>(pub(super) BitMapBackend<'a>);

impl<'a> DrawingBackend for Bitmap<'a> {
    type ErrorType = <BitMapBackend<'a> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }

    fn ensure_prepared(&mut self) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.ensure_prepared()
    }

    fn present(&mut self) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.present()
    }

    fn draw_pixel(
        &mut self,
        point: BackendCoord,
        color: BackendColor,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.draw_pixel(point, color)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        let mut points: Vec<BackendCoord> = path.into_iter().collect();
        points.dedup();
        let half = f64::from(style.stroke_width()) / 2.0;
        for piece in points.windows(2) {
            let [a, b] = [piece[0], piece[1]].map(|(x, y)| (f64::from(x), f64::from(y)));
            let length = (b.0 - a.0).hypot(b.1 - a.1);
            // Half the width, across the line.
            let (x, y) = ((b.1 - a.1) / length * half, (a.0 - b.0) / length * half);
            let corners = [(a.0 + x, a.1 + y), (b.0 + x, b.1 + y), (b.0 - x, b.1 - y), (a.0 - x, a.1 - y)];
            self.fill_polygon(corners.map(|(x, y)| (x.round() as i32, y.round() as i32)), style)?;
        }
        let turns = points.get(1..points.len().max(2) - 1).unwrap_or_default();
        turns.iter().try_for_each(|&turn| self.draw_circle(turn, half as u32, style, true))
    }
}
