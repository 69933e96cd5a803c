//! Where one more run would lie.

/// The probability with which one more run lies in the interval. With two hundred rows, a level of 95 % would fail ten
/// of them in a perfect reproduction.
const LEVEL: f64 = 0.999;

/// Where one more run will lie, were runs normally distributed: `mean ± t · s · √(1 + 1/n)`, with Student's t for
/// `n - 1` degrees of freedom. (Not the smallest and largest run: one more run exceeds those of ten every sixth time.)
pub(super) fn prediction_interval(runs: &[f64]) -> (f64, f64) {
    let n = runs.len() as f64;
    let mean = runs.iter().sum::<f64>() / n;
    // Exactly equal runs have no spread; the sums above may have left a trace of one.
    if runs.iter().all(|&x| x == runs[0]) {
        return (runs[0], runs[0]);
    }
    let deviation = (runs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let reach = student_t(runs.len() - 1) * deviation * (1.0 + 1.0 / n).sqrt();
    (mean - reach, mean + reach)
}

/// Student's t quantile at the level, by bisection.
fn student_t(freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, 1e4);
    while high - low > 1e-9 * high {
        let middle = (low + high) / 2.0;
        if within(middle, freedom) < LEVEL { low = middle } else { high = middle }
    }
    high
}

/// The probability that Student's t lies between `-t` and `t` (Abramowitz and Stegun, 26.7.3 and 26.7.4).
fn within(t: f64, freedom: usize) -> f64 {
    let angle = (t / (freedom as f64).sqrt()).atan();
    let (sin, cos) = angle.sin_cos();
    let odd = freedom % 2;
    // Terms up to cos^(freedom - 2): 1 + 1/2 cos² + 1·3/(2·4) cos⁴ + .. or cos + 2/3 cos³ + 2·4/(3·5) cos⁵ + ..
    let (mut term, mut sum) = (if odd == 1 { cos } else { 1.0 }, 0.0);
    for power in (odd..freedom.saturating_sub(1)).step_by(2) {
        sum += term;
        term *= cos * cos * (power + 1) as f64 / (power + 2) as f64;
    }
    if odd == 1 { (angle + sin * sum) * std::f64::consts::FRAC_2_PI } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_student_s() {
        // From tables, for a two-sided 99.9 %.
        for (freedom, expected) in
            [(1, 636.619), (2, 31.599), (3, 12.924), (4, 8.610), (9, 4.781), (29, 3.659), (120, 3.373)]
        {
            let found = student_t(freedom);
            assert!((found - expected).abs() < 6e-4, "{freedom} degrees of freedom: {found}");
        }
    }
}
