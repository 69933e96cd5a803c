//! Sums in an order that depends on their length alone.

use crate::element::Number;

const LANES: usize = 16;
/// Longer sums are split into blocks of this many elements, whose sums are then added pairwise: the rounding
/// error grows with the logarithm of the length instead of with the length.
const BLOCK: usize = 4096;

/// The sum of `x`: sixteen interleaved partial sums a block, combined as a fixed tree, blocks combined pairwise.
#[inline(always)]
pub(crate) fn sum<A: Copy, N: Number>(x: &[A], value: impl Fn(A) -> N + Copy) -> N {
    if x.len() <= BLOCK {
        return block(x, value);
    }
    // A binary counter: `pending[level]` holds the sum of 2^level blocks while that bit of the number of blocks
    // seen is set. Adding a block carries like adding one.
    let mut pending = [N::default(); usize::BITS as usize];
    let mut blocks = 0_usize;
    for chunk in x.chunks(BLOCK) {
        let mut carry = block(chunk, value);
        let level = blocks.trailing_ones() as usize;
        for earlier in &pending[..level] {
            carry = earlier.add(carry);
        }
        pending[level] = carry;
        blocks += 1;
    }
    let mut total = pending[blocks.trailing_zeros() as usize];
    for level in blocks.trailing_zeros() as usize + 1..usize::BITS as usize - blocks.leading_zeros() as usize
    {
        if blocks >> level & 1 == 1 {
            total = pending[level].add(total);
        }
    }
    total
}

#[inline(always)]
fn block<A: Copy, N: Number>(x: &[A], value: impl Fn(A) -> N + Copy) -> N {
    let mut lanes = [N::default(); LANES];
    let chunks = x.chunks_exact(LANES);
    for (lane, &x) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = value(x);
    }
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = lane.add(value(x));
        }
    }
    tree(&mut lanes)
}

#[inline(always)]
fn tree<N: Number>(lanes: &mut [N; LANES]) -> N {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = lanes[i].add(lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Sets `out` to the elementwise sum of `rows`, added one after the other.
#[inline(always)]
pub(crate) fn add_rows<'a, A: Copy + 'a, N: Number>(
    out: &mut [N],
    mut rows: impl Iterator<Item = &'a [A]>,
    value: impl Fn(A) -> N + Copy,
) {
    let Some(first) = rows.next() else { return out.fill(N::default()) };
    for (o, &x) in out.iter_mut().zip(first) {
        *o = value(x);
    }
    for row in rows {
        for (o, &x) in out.iter_mut().zip(row) {
            *o = o.add(value(x));
        }
    }
}
