//! What is drawn.

use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Figure {
    /// A training's curves: ours, one for each seed, over the book's. The first point lies at `first_x`, the next at
    /// `first_x + 1`.
    Curves { title: String, x: String, y: String, first_x: f64, book: Vec<f64>, runs: Vec<Vec<f64>> },
    /// Small pictures, so many in a row.
    Pictures { title: String, columns: usize, pictures: Vec<Picture> },
    /// Functions of `x`.
    Functions { title: String, x: String, y: String, series: Vec<Series> },
    /// Distributions, one for each layer.
    Histograms { title: String, layers: Vec<Histogram> },
    /// `counts[i][j]` items of class i were taken for class j.
    Confusion { title: String, classes: Vec<String>, counts: Vec<Vec<u64>> },
}

#[derive(Debug, Serialize)]
pub(crate) struct Picture {
    pub(crate) label: String,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// 1 for grey, 3 for RGB, side by side for each pixel. 0 is black.
    pub(crate) channels: usize,
    /// `height * width * channels` of them, row by row.
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Whether the points are joined by a line.
    pub(crate) line: bool,
    pub(crate) points: Vec<(f64, f64)>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Histogram {
    pub(crate) name: String,
    /// The first bin's lower and the last one's upper end. All bins are equally wide.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) counts: Vec<u64>,
    pub(crate) mean: f64,
    pub(crate) std: f64,
}

impl Histogram {
    /// The values, in so many bins from the least to the greatest.
    pub(crate) fn new(name: impl Into<String>, values: &[f32], bins: usize) -> Histogram {
        let wide = || values.iter().map(|&x| f64::from(x));
        let (low, high) = wide().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        let n = values.len() as f64;
        let mean = wide().sum::<f64>() / n;
        let std = (wide().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let mut counts = vec![0; bins];
        for x in wide() {
            // (All values equal: NaN, which becomes 0.)
            let bin = ((x - low) / (high - low) * bins as f64) as usize;
            counts[bin.min(bins - 1)] += 1;
        }
        Histogram { name: name.into(), low, high, counts, mean, std }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_bin() {
        let histogram = Histogram::new("layer", &[0.0, 0.1, 0.5, 0.9, 1.0], 2);
        assert_eq!((histogram.low, histogram.high, &*histogram.counts), (0.0, 1.0, &[2, 3][..]));
        assert!((histogram.mean - 0.5).abs() < 1e-7, "{}", histogram.mean);
        assert!((histogram.std - 0.404_969_1).abs() < 1e-6, "{}", histogram.std);
        assert_eq!(Histogram::new("constant", &[3.0; 4], 2).counts, [4, 0]);
    }
}
