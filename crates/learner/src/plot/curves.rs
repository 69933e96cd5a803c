//! Curves: panels beside and below each other, each with axes, a legend and some series of points.

use plotters::chart::{ChartContext, LabelAreaPosition, SeriesLabelPosition};
use plotters::coord::ranged1d::{BoldPoints, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::{Area, COLORS, Drawn, FINE, Figure, INK, letters, px, short, width_of};

/// Letters of titles, of axes and of numbers.
const SIZES: [f64; 3] = [15.0, 13.0, 12.0];
/// About how many numbers stand at an axis.
const X_TICKS: usize = 8;
const Y_TICKS: usize = 7;
/// Points of a series that are drawn; of more, the smallest and the largest of each part.
const MOST: usize = 3000;
/// A series of so few points has dots.
const FEW: usize = 50;

/// Panels, as nearly square as it goes.
pub(crate) struct Curves(pub(crate) Vec<Panel>);

/// Series in one pair of axes.
#[derive(Default)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) x_label: &'static str,
    pub(crate) y_label: &'static str,
    /// Whether x is the logarithm, to the base of ten, of what is to be read from the axis.
    pub(crate) log_x: bool,
    /// The least that the x axis shows.
    pub(crate) x_range: Option<[f64; 2]>,
    pub(crate) series: Vec<Series>,
}

/// Points, in the order of x.
pub(crate) struct Series {
    /// The name in the legend; none if it is empty.
    name: String,
    points: Vec<(f64, f64)>,
    /// Whether only dots are drawn.
    dots: bool,
    color: RGBColor,
}

impl Panel {
    /// With another series; points that are not finite, or too far away to be drawn, are left out.
    pub(crate) fn with(self, name: impl Into<String>, points: impl Iterator<Item = (f64, f64)>) -> Self {
        let color = COLORS[self.series.len() % COLORS.len()];
        self.add(Series { name: name.into(), points: points.collect(), dots: false, color })
    }

    /// With a dot.
    pub(crate) fn dot(self, name: impl Into<String>, point: (f64, f64)) -> Self {
        let color = COLORS[self.series.len() % COLORS.len()];
        self.add(Series { name: name.into(), points: vec![point], dots: true, color })
    }

    fn add(mut self, mut series: Series) -> Self {
        series.points.retain(|(x, y)| x.abs() < 1e300 && y.abs() < 1e300);
        self.series.push(series);
        self
    }

    /// The ranges of both axes.
    fn ranges(&self) -> [[f64; 2]; 2] {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = points().map(|point| point.0).chain(self.x_range.into_iter().flatten());
        [range(x, 0.02), range(points().map(|point| point.1), 0.05)]
    }

    /// The corner with the fewest points around it, the upper right one among equals.
    fn legend_position(&self, [x, y]: [[f64; 2]; 2]) -> SeriesLabelPosition {
        let share = |at: f64, [low, high]: [f64; 2]| (at - low) / (high - low);
        let count = |right: bool, upper: bool| {
            let near = |share: f64, far: bool| if far { share > 0.6 } else { share < 0.4 };
            let points = self.series.iter().flat_map(|series| thinned(&series.points));
            points.filter(|p| near(share(p.0, x), right) && near(share(p.1, y), upper)).count()
        };
        let corners = [
            (count(true, true), SeriesLabelPosition::UpperRight),
            (count(true, false), SeriesLabelPosition::LowerRight),
            (count(false, true), SeriesLabelPosition::UpperLeft),
            (count(false, false), SeriesLabelPosition::LowerLeft),
        ];
        corners.into_iter().min_by_key(|corner| corner.0).expect("there are four").1
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let [x, y] = self.ranges();
        let [title, desc, tick] = SIZES;
        let power = |x: &f64| if x.fract() == 0.0 { format!("1e{x}") } else { short(10_f64.powf(*x)) };
        let number = |x: &f64| short(*x);
        let ticks = RangedCoordf64::from(y[0]..y[1]).key_points(BoldPoints(Y_TICKS));
        let widest = ticks.iter().map(|y| width_of(&short(*y), tick)).fold(0.0, f64::max);
        let beside = |label: &str| if label.is_empty() { 0.0 } else { desc + 8.0 };
        let mut chart = ChartBuilder::on(area);
        if !self.title.is_empty() {
            chart.caption(&self.title, letters(title, INK));
        }
        let mut chart = chart
            .margin(px(10.0))
            .margin_right(px(18.0))
            .set_label_area_size(LabelAreaPosition::Left, px(12.0 + widest + beside(self.y_label)))
            .set_label_area_size(LabelAreaPosition::Bottom, px(24.0 + beside(self.x_label)))
            .build_cartesian_2d(x[0]..x[1], y[0]..y[1])?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .bold_line_style(INK.mix(0.15).stroke_width(FINE))
            .axis_style(INK.mix(0.8).stroke_width(FINE))
            .set_all_tick_mark_size(px(4.0))
            .label_style(letters(tick, INK))
            .axis_desc_style(letters(desc, INK))
            .x_desc(self.x_label)
            .y_desc(self.y_label)
            .x_labels(X_TICKS)
            .y_labels(Y_TICKS)
            .x_label_formatter(if self.log_x { &power } else { &number })
            .y_label_formatter(&number)
            .draw()?;
        for series in &self.series {
            series.draw(&mut chart)?;
        }
        if self.series.iter().any(|series| !series.name.is_empty()) {
            chart
                .configure_series_labels()
                .position(self.legend_position([x, y]))
                .margin(px(6.0))
                .legend_area_size(px(26.0))
                .label_font(letters(tick, INK))
                .background_style(WHITE.mix(0.85))
                .border_style(INK.mix(0.3).stroke_width(FINE))
                .draw()?;
        }
        Ok(())
    }
}

type Chart<'a, DB> = ChartContext<'a, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

impl Series {
    fn draw<DB: DrawingBackend>(&self, chart: &mut Chart<'_, DB>) -> Drawn<DB> {
        let Series { points, dots, color, .. } = self;
        let (line, radius) = (color.stroke_width(px(1.8) as u32), px(if *dots { 4.5 } else { 2.5 }));
        let color = *color;
        let anno = if *dots {
            chart.draw_series(points.iter().map(|&point| Circle::new(point, radius, color.filled())))?
        } else {
            if points.len() <= FEW {
                chart.draw_series(points.iter().map(|&point| Circle::new(point, radius, color.filled())))?;
            }
            chart.draw_series(LineSeries::new(thinned(points), line))?
        };
        if self.name.is_empty() {
            return Ok(());
        }
        anno.label(&self.name);
        if *dots {
            anno.legend(move |(x, y)| Circle::new((x + px(9.0), y), radius, color.filled()));
        } else {
            anno.legend(move |(x, y)| PathElement::new(vec![(x, y), (x + px(18.0), y)], line));
        }
        Ok(())
    }
}

/// From the smallest to the largest number, and this share more on both sides.
fn range(values: impl Iterator<Item = f64>, more: f64) -> [f64; 2] {
    let [low, high] =
        values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], x| [low.min(x), high.max(x)]);
    match high - low {
        // Less would be too fine for the numbers at the axis.
        size if size > 1e-9 * low.abs().max(high.abs()) => [low - more * size, high + more * size],
        // As good as one value, or none.
        _ if low.is_finite() => [low - 0.5 * low.abs().max(1e-3), low + 0.5 * low.abs().max(1e-3)],
        _ => [0.0, 1.0],
    }
}

/// Not more than [`MOST`] points that look the same.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST {
        return points.to_vec();
    }
    let ends = |part: &[(f64, f64)]| {
        let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends =
            [part.iter().min_by(by_y), part.iter().max_by(by_y)].map(|end| *end.expect("a chunk has items"));
        if ends[0].0 <= ends[1].0 { ends } else { [ends[1], ends[0]] }
    };
    points.chunks(points.len().div_ceil(MOST / 2)).flat_map(ends).collect()
}

impl Curves {
    /// Columns and rows.
    fn grid(&self) -> (usize, usize) {
        let columns = (1..).find(|columns| columns * columns >= self.0.len()).unwrap_or(1);
        (columns, self.0.len().div_ceil(columns).max(1))
    }
}

impl Figure for Curves {
    fn size(&self) -> (u32, u32) {
        let (columns, rows) = self.grid();
        let [width, height] = if columns == 1 { [640, 420] } else { [480, 340] };
        (columns as u32 * width, rows as u32 * height)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let (columns, rows) = self.grid();
        let cells = area.split_evenly((rows, columns));
        cells.iter().zip(&self.0).try_for_each(|(cell, panel)| panel.draw(cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_points_are_thinned_and_keep_their_extremes() {
        let mut points: Vec<(f64, f64)> =
            (0..100_000).map(|i| (f64::from(i), (f64::from(i) * 0.1).sin())).collect();
        (points[777].1, points[70_001].1) = (9.0, -9.0);
        let thin = thinned(&points);
        assert!(thin.len() <= MOST && thin.contains(&(777.0, 9.0)) && thin.contains(&(70_001.0, -9.0)));
        assert!(thin.is_sorted_by_key(|point| point.0));
    }

    #[test]
    fn ranges_are_never_empty() {
        for values in [&[][..], &[0.0], &[-3.0, -3.0], &[1.0, 1.0 + f64::EPSILON], &[1e-9], &[2.0, 5.0]] {
            let [low, high] = range(values.iter().copied(), 0.05);
            assert!(
                low < high && values.iter().all(|x| (low..=high).contains(x)),
                "{values:?}: {low} {high}"
            );
        }
    }
}
