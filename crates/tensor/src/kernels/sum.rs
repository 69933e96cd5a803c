//! Sums in an order that depends on their length alone.
//!
//! A row is cut into blocks of [`BLOCK`] elements. In a block, element i goes to lane i mod [`LANES`]; each lane takes
//! its elements in order, and then the lanes are folded in halves until one is left. The sums of blocks are added
//! pairwise. So the same numbers meet in the same order on vectors of any width, and rounding errors grow with the
//! logarithm of the length (plus BLOCK / LANES), not with the length.

use crate::element::Number;

/// Elements to a block, a multiple of [`LANES`].
const BLOCK: usize = 4096;

/// Independent accumulators: four vectors of 16 floats hide the latency of an addition, and leave half of AVX2's
/// registers free.
pub(crate) const LANES: usize = 64;

/// The sum of `value` of each element of `x`.
#[inline(always)]
pub(crate) fn sum<A: Copy, N: Number>(x: &[A], value: impl Fn(A) -> N + Copy) -> N {
    if x.len() <= BLOCK {
        return block(x, value);
    }
    let mut tree = Pairwise::new();
    for x in x.chunks(BLOCK) {
        tree.push(block(x, value));
    }
    tree.finish()
}

#[inline(always)]
fn block<A: Copy, N: Number>(x: &[A], value: impl Fn(A) -> N + Copy) -> N {
    let mut lanes = [N::default(); LANES];
    let (rows, rest) = x.as_chunks::<LANES>();
    for row in rows {
        for (lane, &x) in lanes.iter_mut().zip(row) {
            *lane = lane.add(value(x));
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = lane.add(value(x));
    }
    fold(lanes)
}

/// The sum of all lanes: the upper half is added to the lower until one is left.
#[inline(always)]
pub(crate) fn fold<N: Number>(mut lanes: [N; LANES]) -> N {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = lanes[i].add(lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Joins the sums of consecutive blocks in a binary tree: 0 with 1, 2 with 3, then those two, and so on; where the
/// number of blocks is no power of two, the subtrees left over are joined from the last to the first.
struct Pairwise<N> {
    /// A subtree of 2ⁱ blocks for each bit i that is set in `count`: the digits of a binary counter.
    level: [N; usize::BITS as usize],
    count: usize,
}

impl<N: Number> Pairwise<N> {
    fn new() -> Self {
        Pairwise { level: [N::default(); usize::BITS as usize], count: 0 }
    }

    #[inline(always)]
    fn push(&mut self, block: N) {
        let full = self.count.trailing_ones() as usize;
        self.level[full] = self.level[..full].iter().fold(block, |right, left| left.add(right));
        self.count += 1;
    }

    fn finish(&self) -> N {
        let subtrees = (0..self.level.len()).filter(|i| self.count >> i & 1 == 1);
        subtrees.map(|i| self.level[i]).reduce(|right, left| left.add(right)).unwrap_or_default()
    }
}

/// Leaves in the first row the sums of the columns of `rows`, each `width` elements, in the order in which [`sum`] adds as
/// many elements. There are at most [`LANES`] rows.
#[inline(always)]
pub(crate) fn sum_columns<N: Number>(rows: &mut [N], width: usize) {
    debug_assert!(rows.len() <= LANES * width);
    let (mut count, mut half) = (rows.len() / width, LANES / 2);
    while half > 0 {
        if count > half {
            let (low, high) = rows[..count * width].split_at_mut(half * width);
            for (a, &b) in low.iter_mut().zip(&*high) {
                *a = a.add(b);
            }
            count = half;
        }
        half /= 2;
    }
}

/// Rows that are added in one pass: `out` is read and written once for all of them.
const ROWS: usize = 4;

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
    let mut pending: [&[A]; ROWS] = [&[]; ROWS];
    loop {
        let mut count = 0;
        for (slot, row) in pending.iter_mut().zip(&mut rows) {
            *slot = row;
            count += 1;
        }
        if count < ROWS {
            for row in &pending[..count] {
                for (o, &x) in out.iter_mut().zip(*row) {
                    *o = o.add(value(x));
                }
            }
            return;
        }
        let [a, b, c, d] = pending;
        for ((((o, &a), &b), &c), &d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *o = o.add(value(a)).add(value(b)).add(value(c)).add(value(d));
        }
    }
}
