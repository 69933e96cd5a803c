//! Curves in a line of text.

/// `values` as a line of text, `width` letters at most, each the mean of as many values; `?` where that is no number.
///
/// ```
/// use downhill_learner::sparkline;
///
/// assert_eq!(sparkline(&[4.0, 3.0, 2.0, 1.0, 0.5, 0.5], 3), "█▃▁");
/// ```
pub fn sparkline(values: &[f64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let per = values.len().div_ceil(width.max(1)).max(1);
    let means = values.chunks(per).map(|part| part.iter().sum::<f64>() / part.len() as f64);
    let means: Vec<f64> = means.collect();
    let finite = means.iter().copied().filter(|x| x.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let bar = |x: &f64| match (x - low) / (high - low) {
        _ if !x.is_finite() => '?',
        share if share.is_finite() => BARS[(share * 7.0).round() as usize],
        _ => BARS[0],
    };
    means.iter().map(bar).collect()
}
