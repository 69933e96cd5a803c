//! Charts, drawn by plotters as SVG that stands in the page itself.

use std::ops::Range;

use anyhow::Result;
use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Circle, Color, DrawingArea, FontTransform, IntoDrawingArea,
    IntoFont, LineSeries, PathElement, Polygon, Ranged, Rectangle, SVGBackend, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::theme::{MUTED, Paint, RULE};

/// What a chart says besides what is drawn.
pub(super) struct Axes<'a> {
    /// For those who do not see the chart.
    pub(super) label: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// In CSS's pixels, when nothing scales the chart.
    pub(super) size: (u32, u32),
}

pub(super) type Point = (f64, f64);

/// Points, and what they are.
pub(super) struct Mark {
    pub(super) shape: Shape,
    pub(super) points: Vec<Point>,
    pub(super) paint: &'static Paint,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// Joined by a line.
    Line,
    Dots,
    /// Around an area.
    Area,
    /// Two opposite corners of each bar.
    Bars,
}

/// plotters knows whole pixels only, and so a smooth curve would have steps. So each of CSS's is so many of plotters'.
pub(super) const FINE: u32 = 8;
/// The size of text, in CSS's pixels. A phone scales charts down a little.
const TEXT: f64 = 13.0;
/// By what plotters divides the size of a text before it writes it.
const PLOTTERS_TEXT: f64 = 1.24;

fn fine(pixels: f64) -> u32 {
    (pixels * f64::from(FINE)) as u32
}

/// The chart. Points that are not finite have no place in it and are left out.
pub(super) fn draw(axes: &Axes<'_>, mut marks: Vec<Mark>) -> Result<Markup> {
    for mark in &mut marks {
        mark.points.retain(|(x, y)| x.is_finite() && y.is_finite());
    }
    let points = || marks.iter().flat_map(|mark| &mark.points);
    let bars = marks.iter().any(|mark| mark.shape == Shape::Bars);
    // Bars stand on the axis.
    let (x, y) = (
        range(points().map(|p| p.0), 0.03, 0.03),
        range(points().map(|p| p.1), if bars { 0.0 } else { 0.06 }, 0.06),
    );
    let mut svg = String::new();
    {
        let size = (axes.size.0 * FINE, axes.size.1 * FINE);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin_top(fine(8.0))
            .margin_right(fine(12.0))
            .x_label_area_size(fine(if axes.x.is_empty() { 24.0 } else { 44.0 }))
            .y_label_area_size(fine(if axes.y.is_empty() { 44.0 } else { 62.0 }))
            .build_cartesian_2d(x.clone(), y.clone())?;
        grid(&root, &chart, axes)?;
        for mark in &marks {
            series(&mut chart, mark)?;
        }
        root.present()?;
    }
    Ok(html! { div.chart role="img" aria-label=(axes.label) { (PreEscaped(svg)) } })
}

type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Lines at the values of the y axis, and what both axes say.
///
/// plotters' own would ask how wide each text is, which it can tell only of fonts that it has the files of. Here the
/// browser knows.
fn grid(root: &Root<'_>, chart: &Chart<'_, '_>, axes: &Axes<'_>) -> Result<()> {
    let (x, y) = (chart.x_range(), chart.y_range());
    let at = |point: Point| chart.plotting_area().map_coordinate(&point);
    let ((left, bottom), (right, top)) = (at((x.start, y.start)), at((x.end, y.end)));
    let line = |points: [(i32, i32); 2]| PathElement::new(points, RULE.rgb().stroke_width(FINE));
    let text = |text: String, at: (i32, i32), h, v| Text::new(text, at, style().pos(Pos::new(h, v)));
    let gap = fine(6.0) as i32;
    for (value, label) in ticks(&y, 6) {
        let (_, level) = at((x.start, value));
        root.draw(&line([(left, level), (right, level)]))?;
        root.draw(&text(label, (left - gap, level), HPos::Right, VPos::Center))?;
    }
    root.draw(&line([(left, bottom), (right, bottom)]))?;
    // As many as have room.
    for (value, label) in ticks(&x, if right - left < fine(280.0) as i32 { 3 } else { 7 }) {
        let (place, _) = at((value, y.start));
        root.draw(&line([(place, bottom), (place, bottom + gap / 2)]))?;
        root.draw(&text(label, (place, bottom + gap), HPos::Center, VPos::Top))?;
    }
    let (width, height) = root.dim_in_pixel();
    let (width, height) = (width as i32, height as i32);
    root.draw(&text(axes.x.into(), ((left + right) / 2, height - gap / 2), HPos::Center, VPos::Bottom))?;
    let upright = style().transform(FontTransform::Rotate270).pos(Pos::new(HPos::Center, VPos::Top));
    root.draw(&Text::new(axes.y.to_string(), (width / 200, (top + bottom) / 2), upright))?;
    Ok(())
}

fn series(chart: &mut Chart<'_, '_>, mark: &Mark) -> Result<()> {
    let (points, paint) = (&mark.points, mark.paint.rgb());
    match mark.shape {
        Shape::Line => {
            chart.draw_series(LineSeries::new(points.clone(), paint.stroke_width(FINE * 2)))?;
        }
        Shape::Dots => {
            let dot = |&at| Circle::new(at, fine(3.2), paint.filled());
            chart.draw_series(points.iter().map(dot))?;
        }
        Shape::Area => {
            chart.draw_series([Polygon::new(points.clone(), paint.mix(0.2))])?;
        }
        Shape::Bars => {
            let bar = |pair: &[Point]| Rectangle::new([pair[0], pair[1]], paint.mix(0.75).filled());
            chart.draw_series(points.chunks_exact(2).map(bar))?;
        }
    }
    Ok(())
}

fn style() -> TextStyle<'static> {
    let size = f64::from(FINE) * TEXT * PLOTTERS_TEXT;
    ("sans-serif", size).into_font().color(&MUTED.rgb())
}

/// Round numbers within a range, at most so many, and what an axis says of each.
fn ticks(range: &Range<f64>, most: usize) -> Vec<(f64, String)> {
    let values = RangedCoordf64::from(range.clone()).key_points(most);
    let step = if let [first, second, ..] = values[..] { second - first } else { range.end - range.start };
    // As few decimals as make a whole number of the step. (Not all of what a step of 1e-300 would need.)
    let whole = |decimals: &i32| {
        let scaled = step * 10_f64.powi(*decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    let decimals = (0..12).find(whole).unwrap_or(12) as usize;
    // Zero may come as -0, or as what rounding left of it.
    let label = |x: f64| format!("{:.decimals$}", if x.abs() < 1e-6 * step { 0.0 } else { x });
    values.into_iter().map(|value| (value, label(value))).collect()
}

/// From the least to the greatest value, and shares of that more below and above.
fn range(values: impl Iterator<Item = f64>, below: f64, above: f64) -> Range<f64> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low > high {
        return 0.0..1.0;
    }
    // All the same, or so near that an axis could not be divided: something around it.
    let least = 1e-6 * low.abs().max(high.abs());
    let (low, high) = match high - low {
        width if width > least => (low, high),
        _ if low == 0.0 => (0.0, 1.0),
        _ => (low - low.abs() / 10.0, high + high.abs() / 10.0),
    };
    low - below * (high - low)..high + above * (high - low)
}

#[cfg(test)]
mod tests {
    use super::super::theme::{BOOK, OURS};
    use super::*;

    fn svg(shape: Shape, points: Vec<Point>) -> String {
        let axes = Axes { label: "a <label>", x: "x & <y>", y: "\"", size: (400, 240) };
        draw(&axes, vec![Mark { shape, points, paint: &OURS }]).unwrap().into_string()
    }

    #[test]
    fn everything_is_drawn() {
        let points = vec![(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 5.0)];
        assert_eq!(svg(Shape::Dots, points.clone()).matches("<circle").count(), 3);
        let line = svg(Shape::Line, points);
        let path = line.split("<polyline").find(|path| path.contains("#0B5FA5")).unwrap();
        assert_eq!(
            path.split("points=\"").nth(1).unwrap().split('"').next().unwrap().split_whitespace().count(),
            3
        );
        let corners = vec![(0.0, 0.0), (1.0, 3.0), (1.0, 0.0), (2.0, 4.0)];
        assert_eq!(svg(Shape::Bars, corners.clone()).matches("<rect").count(), 2);
        assert_eq!(svg(Shape::Area, corners).matches("<polygon").count(), 1);
    }

    #[test]
    fn what_the_axes_say_is_text() {
        let svg = svg(Shape::Dots, vec![(0.0, 1.0), (1.0, 2.0)]);
        assert!(svg.contains("x &amp; &lt;y&gt;") && svg.contains("a &lt;label&gt;"), "{svg}");
        assert!(!svg.contains("<label>") && !svg.contains("<y>"), "{svg}");
    }

    #[test]
    fn charts_without_extent_are_charts() {
        for points in [
            vec![],
            vec![(1.0, 1.0)],
            vec![(0.0, 0.0); 2],
            vec![(f64::INFINITY, f64::NAN)],
            vec![(1e300, 1e-300), (-1e300, 0.0)],
        ] {
            for shape in [Shape::Line, Shape::Dots, Shape::Area, Shape::Bars] {
                assert!(svg(shape, points.clone()).contains("</svg>"));
            }
        }
        assert_ne!(OURS, BOOK);
    }

    #[test]
    fn ticks_have_the_decimals_they_need() {
        let labels =
            |range: Range<f64>| -> Vec<String> { ticks(&range, 5).into_iter().map(|tick| tick.1).collect() };
        assert_eq!(labels(0.0..40.0), ["0", "10", "20", "30", "40"]);
        assert_eq!(labels(0.0..3.2), ["0", "1", "2", "3"]);
        assert_eq!(labels(-0.5..0.5), ["-0.4", "-0.2", "0.0", "0.2", "0.4"]);
        assert_eq!(labels(0.95..0.98), ["0.95", "0.96", "0.97", "0.98"]);
    }
}
