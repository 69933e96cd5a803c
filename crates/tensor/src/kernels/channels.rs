//! Sums and maps over rows of channels: memory in which every channel has its place in each row.
//!
//! Some channels at a time go down the rows, so that parameters and totals stay in registers. They are copied to arrays
//! first: the compiler then sees that nothing overlaps, however many operands there are.

use std::array::from_fn;

use crate::element::Float;

/// Channels at a time: few enough for two sums and six parameters in the registers of AVX-512.
const WIDE: usize = 32;
/// The same where fewer are left.
const LESS: usize = 8;

/// `out[s · c + i] = Σ over rows of f(values of the row's element i, parameters of channel i)[s]`, row after row.
#[inline(always)]
pub(crate) fn sum_rows<E: Float, const K: usize, const P: usize, const S: usize>(
    rows: [&[E]; K],
    parameters: [&[E]; P],
    out: &mut [E],
    f: impl Fn([E; K], [E; P]) -> [E; S] + Copy,
) {
    let (c, mut start) = (out.len() / S, 0);
    while start + WIDE <= c {
        sum_some::<E, K, P, S, WIDE>(rows, parameters, out, start, f);
        start += WIDE;
    }
    while start + LESS <= c {
        sum_some::<E, K, P, S, LESS>(rows, parameters, out, start, f);
        start += LESS;
    }
    for at in start..c {
        sum_some::<E, K, P, S, 1>(rows, parameters, out, at, f);
    }
}

/// [`sum_rows`] for `W` channels from `start` on.
#[inline(always)]
fn sum_some<E: Float, const K: usize, const P: usize, const S: usize, const W: usize>(
    rows: [&[E]; K],
    parameters: [&[E]; P],
    out: &mut [E],
    start: usize,
    f: impl Fn([E; K], [E; P]) -> [E; S],
) {
    let c = out.len() / S;
    let parameters = parameters.map(|row| some::<E, W>(row, start));
    let mut sums = [[E::default(); W]; S];
    for row in 0..rows[0].len() / c {
        let values = rows.map(|data| some::<E, W>(data, row * c + start));
        let mut terms = [[E::default(); W]; S];
        for i in 0..W {
            let of_channel = f(from_fn(|k| values[k][i]), from_fn(|p| parameters[p][i]));
            for s in 0..S {
                terms[s][i] = of_channel[s];
            }
        }
        for s in 0..S {
            for i in 0..W {
                sums[s][i] = sums[s][i] + terms[s][i];
            }
        }
    }
    for (sums, out) in sums.iter().zip(out.chunks_exact_mut(c)) {
        out[start..start + W].copy_from_slice(sums);
    }
}

/// `out = f(out, values, parameters of the channel)` for every element, rows having as many elements as parameters.
#[inline(always)]
pub(crate) fn map_rows<E: Float, const K: usize, const P: usize>(
    out: &mut [E],
    rows: [&[E]; K],
    parameters: [&[E]; P],
    f: impl Fn(E, [E; K], [E; P]) -> E + Copy,
) {
    let (c, mut start) = (parameters[0].len(), 0);
    while start + WIDE <= c {
        map_some::<E, K, P, WIDE>(out, rows, parameters, start, f);
        start += WIDE;
    }
    while start + LESS <= c {
        map_some::<E, K, P, LESS>(out, rows, parameters, start, f);
        start += LESS;
    }
    for at in start..c {
        map_some::<E, K, P, 1>(out, rows, parameters, at, f);
    }
}

/// [`map_rows`] for `W` channels from `start` on.
#[inline(always)]
fn map_some<E: Float, const K: usize, const P: usize, const W: usize>(
    out: &mut [E],
    rows: [&[E]; K],
    parameters: [&[E]; P],
    start: usize,
    f: impl Fn(E, [E; K], [E; P]) -> E,
) {
    let c = parameters[0].len();
    let parameters = parameters.map(|row| some::<E, W>(row, start));
    for (row, out) in out.chunks_exact_mut(c).enumerate() {
        let values = rows.map(|data| some::<E, W>(data, row * c + start));
        let mut results = some::<E, W>(out, start);
        for i in 0..W {
            results[i] = f(results[i], from_fn(|k| values[k][i]), from_fn(|p| parameters[p][i]));
        }
        out[start..start + W].copy_from_slice(&results);
    }
}

#[inline(always)]
fn some<E: Float, const W: usize>(data: &[E], start: usize) -> [E; W] {
    data[start..start + W].try_into().expect("W elements")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_counts_of_channels() {
        for c in [1, 2, 7, 8, 9, 17, 31, 32, 33, 41, 70] {
            for rows in [0, 1, 3] {
                let x: Vec<f64> = (0..rows * c).map(|i| i as f64).collect();
                let y: Vec<f64> = x.iter().map(|x| x * x).collect();
                let p: Vec<f64> = (0..c).map(|i| i as f64 * 0.5).collect();
                let mut sums = vec![-1.0; 2 * c];
                sum_rows([&x, &y], [&p], &mut sums, |[x, y], [p]| [x + p, y]);
                let mut out = x.clone();
                map_rows(&mut out, [&y], [&p], |out, [y], [p]| out * p - y);
                for channel in 0..c {
                    let of = |data: &[f64]| data.iter().skip(channel).step_by(c).sum::<f64>();
                    assert_eq!(sums[channel], of(&x) + rows as f64 * p[channel], "{rows} rows of {c}");
                    assert_eq!(sums[c + channel], of(&y), "{rows} rows of {c}");
                }
                let expected = |i: usize| x[i] * p[i % c] - y[i];
                assert!(out.iter().enumerate().all(|(i, &out)| out == expected(i)), "{rows} rows of {c}");
            }
        }
    }
}
