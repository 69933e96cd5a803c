//! Sums and maps over rows of channels: memory in which every channel has its place in each row.
//!
//! Sums go down the rows, in order, for some channels at a time, whose totals stay in registers.

use crate::element::Float;

/// `out[s · c + i] = Σ over rows of f(values of the row's element i, parameters of channel i)[s]`, row after row.
#[inline(always)]
pub(crate) fn sum_rows<E: Float, const K: usize, const P: usize, const S: usize>(
    rows: [&[E]; K],
    parameters: [&[E]; P],
    out: &mut [E],
    f: impl Fn([E; K], [E; P]) -> [E; S] + Copy,
) {
    let c = out.len() / S;
    let mut start = 0;
    while start + 32 <= c {
        sum_some::<E, K, P, S, 32>(rows, parameters, out, start, f);
        start += 32;
    }
    while start + 8 <= c {
        sum_some::<E, K, P, S, 8>(rows, parameters, out, start, f);
        start += 8;
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
    let these = |row: &[E]| -> [E; W] { row[start..start + W].try_into().expect("W channels") };
    let parameters = parameters.map(these);
    let mut sums = [[E::default(); W]; S];
    for row in 0..rows[0].len() / c {
        let values = rows.map(|data| these(&data[row * c..][..c]));
        for i in 0..W {
            let terms = f(values.map(|row| row[i]), parameters.map(|row| row[i]));
            for (sums, term) in sums.iter_mut().zip(terms) {
                sums[i] = sums[i] + term;
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
    f: impl Fn(E, [E; K], [E; P]) -> E,
) {
    let c = parameters[0].len();
    let parameters = parameters.map(|row| &row[..c]);
    for (number, out) in out.chunks_exact_mut(c).enumerate() {
        let rows = rows.map(|data| &data[number * c..][..c]);
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(*out, rows.map(|row| row[i]), parameters.map(|row| row[i]));
        }
    }
}
