//! Runs: elements that lie a fixed step apart, copied, and computed with a block at a time.
//!
//! What a function captured lies behind a reference, and for all that the compiler knows, an output slice may overlap it:
//! then it computes one element at a time. So functions that captured something are computed into a block of our own
//! first. Of a whole block it knows the length, and leaves it in registers.

use crate::element::Element;

/// Elements that are computed at a time.
pub(crate) const BLOCK: usize = 64;

/// Copies the elements at `at`, `at + step`, ... The step may be a negative number, wrapped around.
#[inline(always)]
pub(crate) fn copy<E: Element>(out: &mut [E], data: &[E], at: usize, step: usize) {
    match step as isize {
        0 => out.fill(data[at]),
        1 => out.copy_from_slice(&data[at..][..out.len()]),
        -1 => {
            let end = at + 1;
            let run = &data[end - out.len()..end];
            for (o, &x) in out.iter_mut().zip(run.iter().rev()) {
                *o = x;
            }
        }
        _ => {
            for (i, o) in out.iter_mut().enumerate() {
                *o = data[at.wrapping_add(i.wrapping_mul(step))];
            }
        }
    }
}

/// A run of an operand, to be read block by block, each as a slice: what the run repeats or scatters is laid out first.
pub(crate) struct Row<'a, E> {
    data: &'a [E],
    at: usize,
    step: usize,
    block: [E; BLOCK],
}

impl<'a, E: Element> Row<'a, E> {
    /// The elements at `at`, `at + step`, ...
    #[inline(always)]
    pub(crate) fn new(data: &'a [E], at: usize, step: usize) -> Self {
        Row { data, at, step, block: [if step == 0 { data[at] } else { E::default() }; BLOCK] }
    }

    /// `len` elements, at most a block, from number `start` on.
    #[inline(always)]
    pub(crate) fn block(&mut self, start: usize, len: usize) -> &[E] {
        let at = self.at.wrapping_add(start.wrapping_mul(self.step));
        match self.step {
            0 => &self.block[..len],
            1 => &self.data[at..][..len],
            step => {
                copy(&mut self.block[..len], self.data, at, step);
                &self.block[..len]
            }
        }
    }
}

/// `out[i] = f(i)` for at most a block.
#[inline(always)]
fn store<O: Element>(out: &mut [O], f: impl Fn(usize) -> O) {
    let mut block = [O::default(); BLOCK];
    let block = &mut block[..out.len()];
    for (i, o) in block.iter_mut().enumerate() {
        *o = f(i);
    }
    out.copy_from_slice(block);
}

/// `out[i] = f(i)`.
#[inline(always)]
pub(crate) fn fill<O: Element>(out: &mut [O], f: impl Fn(usize) -> O) {
    let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
    let done = blocks.len() * BLOCK;
    for (k, block) in blocks.iter_mut().enumerate() {
        store(block, |i| f(k * BLOCK + i));
    }
    store(rest, |i| f(done + i));
}

/// `out[i] = f(x[i])`.
#[inline(always)]
pub(crate) fn map<E: Element, O: Element>(f: &impl Fn(E) -> O, x: &[E], out: &mut [O]) {
    if size_of_val(f) == 0 {
        for (o, &x) in out.iter_mut().zip(x) {
            *o = f(x);
        }
        return;
    }
    let ((blocks, rest), (xs, x)) = (out.as_chunks_mut::<BLOCK>(), x.as_chunks::<BLOCK>());
    for (out, x) in blocks.iter_mut().zip(xs) {
        store(out, |i| f(x[i]));
    }
    let x = &x[..rest.len()];
    store(rest, |i| f(x[i]));
}

/// `out[i] = f(a[i], b[i])`.
#[inline(always)]
pub(crate) fn zip<A: Element, B: Element, O: Element>(
    f: &impl Fn(A, B) -> O,
    a: &[A],
    b: &[B],
    out: &mut [O],
) {
    if size_of_val(f) == 0 {
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *o = f(a, b);
        }
        return;
    }
    let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
    let ((many_a, a), (many_b, b)) = (a.as_chunks::<BLOCK>(), b.as_chunks::<BLOCK>());
    for ((out, a), b) in blocks.iter_mut().zip(many_a).zip(many_b) {
        store(out, |i| f(a[i], b[i]));
    }
    let (a, b) = (&a[..rest.len()], &b[..rest.len()]);
    store(rest, |i| f(a[i], b[i]));
}

/// `x[i] = f(x[i])`.
#[inline(always)]
pub(crate) fn map_<E: Element>(f: &impl Fn(E) -> E, x: &mut [E]) {
    if size_of_val(f) == 0 {
        for x in x {
            *x = f(*x);
        }
        return;
    }
    let (blocks, rest) = x.as_chunks_mut::<BLOCK>();
    for x in blocks {
        let own = *x;
        store(x, |i| f(own[i]));
    }
    let own = padded(rest);
    store(rest, |i| f(own[i]));
}

/// `x[i] = f(x[i], b[i])`.
#[inline(always)]
pub(crate) fn zip_<E: Element, B: Element>(f: &impl Fn(E, B) -> E, x: &mut [E], b: &[B]) {
    if size_of_val(f) == 0 {
        for (x, &b) in x.iter_mut().zip(b) {
            *x = f(*x, b);
        }
        return;
    }
    let ((blocks, rest), (many_b, b)) = (x.as_chunks_mut::<BLOCK>(), b.as_chunks::<BLOCK>());
    for (x, b) in blocks.iter_mut().zip(many_b) {
        let own = *x;
        store(x, |i| f(own[i], b[i]));
    }
    let (own, b) = (padded(rest), &b[..rest.len()]);
    store(rest, |i| f(own[i], b[i]));
}

/// A copy of less than a block with as much behind it as makes one.
#[inline(always)]
pub(crate) fn padded<E: Element>(row: &[E]) -> [E; BLOCK] {
    let mut block = [E::default(); BLOCK];
    block[..row.len()].copy_from_slice(row);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs shorter than a block, of whole blocks, and of blocks and a rest, by functions that capture something and
    /// functions that do not.
    #[test]
    fn every_length_and_step() {
        let (ten, data) = (10_i64, (0..1000).collect::<Vec<i64>>());
        for len in [0, 1, 2, 15, 63, 64, 65, 128, 130] {
            let expected = |f: &dyn Fn(i64) -> i64| (0..len).map(f).collect::<Vec<_>>();
            let mut out = vec![-1; len as usize];
            fill(&mut out, |i| i as i64 * ten);
            assert_eq!(out, expected(&|i| i * 10));
            for (at, step) in [(5, 1), (7, 0), (200, -1_isize), (3, 4), (999, -7)] {
                let x = |i: i64| at + i * step as i64;
                if len > 0 {
                    copy(&mut out, &data, at as usize, step as usize);
                    assert_eq!(out, expected(&x), "{len} from {at}, step {step}");
                }
                let mut row = Row::new(&data, at as usize, step as usize);
                let mut blocks = vec![];
                for start in (0..len as usize).step_by(BLOCK) {
                    blocks.extend_from_slice(row.block(start, BLOCK.min(len as usize - start)));
                }
                assert_eq!(blocks, expected(&x), "{len} from {at}, step {step}");
            }
            let (a, b) = (&data[1..][..len as usize], &data[3..][..len as usize]);
            map(&|x| x + ten, a, &mut out);
            assert_eq!(out, expected(&|i| i + 11));
            map(&|x| x + 10, a, &mut out);
            assert_eq!(out, expected(&|i| i + 11));
            map_(&|x| x * ten, &mut out);
            assert_eq!(out, expected(&|i| (i + 11) * 10));
            zip(&|a, b| a * ten + b, a, b, &mut out);
            assert_eq!(out, expected(&|i| (i + 1) * 10 + i + 3));
            zip(&|a, b| a * 10 + b, a, b, &mut out);
            assert_eq!(out, expected(&|i| (i + 1) * 10 + i + 3));
            out.copy_from_slice(a);
            zip_(&|x, b| x * ten + b, &mut out, b);
            assert_eq!(out, expected(&|i| (i + 1) * 10 + i + 3));
        }
    }
}
