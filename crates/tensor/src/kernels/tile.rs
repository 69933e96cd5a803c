//! Columns of a row-major block, written side by side.
//!
//! Work along the rows of a matrix (a running sum, a softmax over the first axis) leaves nothing to share out but the
//! columns, and neighbouring columns are no slice. A [`Tile`] is the part of each row that belongs to some of them.

use std::marker::PhantomData;

use rayon::prelude::*;

use crate::element::Element;

/// Some neighbouring columns of all rows of a block.
pub(crate) struct Tile<'a, E> {
    start: *mut E,
    rows: usize,
    /// From one row to the next.
    stride: usize,
    width: usize,
    block: PhantomData<&'a mut [E]>,
}

impl<E> Tile<'_, E> {
    /// How many columns there are.
    #[inline(always)]
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The columns' part of row `k`.
    #[inline(always)]
    pub(crate) fn row(&mut self, k: usize) -> &mut [E] {
        assert!(k < self.rows, "tile: row {k} of {}", self.rows);
        // SAFETY: row `k` lies in the block, which the tile borrows; nobody else has these columns (see
        // `for_each_tile`), and `&mut self` keeps the tile's own rows from being borrowed twice.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(k * self.stride), self.width) }
    }

    /// The columns' part of row `from`, and that of another row `to`, which may be written.
    #[inline(always)]
    pub(crate) fn two_rows(&mut self, from: usize, to: usize) -> (&[E], &mut [E]) {
        assert!(from < self.rows && from != to, "tile: rows {from} and {to} of {}", self.rows);
        // SAFETY: as in `row`; the two rows differ, so their slices do not overlap.
        let read = unsafe { std::slice::from_raw_parts(self.start.add(from * self.stride), self.width) };
        (read, self.row(to))
    }
}

/// Where a block starts, for all threads.
struct Start<E>(*mut E);

// SAFETY: the pointer is only used to make tiles, no two of which share an element.
unsafe impl<E: Send> Sync for Start<E> {}

/// Calls `f` for all tiles of at most `width` columns of a block with rows of `columns` elements, with the number of the
/// tile's first column; on several threads if `parallel`.
#[inline(always)]
pub(crate) fn for_each_tile<E: Element>(
    block: &mut [E],
    columns: usize,
    width: usize,
    parallel: bool,
    f: impl Fn(usize, &mut Tile<'_, E>) + Sync,
) {
    assert!(columns > 0 && width > 0 && block.len().is_multiple_of(columns), "tile: no whole rows");
    let (rows, start) = (block.len() / columns, Start(block.as_mut_ptr()));
    let start = &start;
    let tile = |number: usize| {
        let first = number * width;
        // `first` is a column of the first row, or that row is empty; each number has columns of its own, and `block`
        // is borrowed until all tiles are gone.
        let start = start.0.wrapping_add(first);
        let mut tile =
            Tile { start, rows, stride: columns, width: width.min(columns - first), block: PhantomData };
        f(first, &mut tile);
    };
    let count = columns.div_ceil(width);
    if parallel {
        (0..count).into_par_iter().for_each(tile);
    } else {
        (0..count).for_each(tile);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_element_once() {
        for (rows, columns) in [(0, 3), (1, 1), (3, 1), (4, 7), (5, 64), (2, 65)] {
            for width in [1, 2, 7, 64, 100] {
                for parallel in [false, true] {
                    let mut block = vec![0_i64; rows * columns];
                    for_each_tile(&mut block, columns, width, parallel, |first, tile| {
                        for k in 0..rows {
                            let at = (k * columns + first) as i64;
                            tile.row(k).iter_mut().zip(at..).for_each(|(x, at)| *x += at + 1);
                        }
                    });
                    assert!(block.iter().zip(1..).all(|(&x, expected)| x == expected));
                }
            }
        }
    }

    #[test]
    fn two_rows_are_those_asked_for() {
        let mut block: Vec<i64> = (0..12).collect();
        for_each_tile(&mut block, 4, 2, false, |_, tile| {
            let (from, to) = tile.two_rows(2, 0);
            to.copy_from_slice(from);
        });
        assert_eq!(block[..4], [8, 9, 10, 11]);
    }

    #[test]
    #[should_panic(expected = "tile: rows 1 and 1 of 2")]
    fn a_row_is_not_lent_twice() {
        for_each_tile(&mut [0_u8; 4], 2, 2, false, |_, tile| _ = tile.two_rows(1, 1));
    }

    #[test]
    #[should_panic(expected = "tile: row 2 of 2")]
    fn there_are_no_rows_beyond_the_block() {
        for_each_tile(&mut [0_u8; 4], 2, 2, false, |_, tile| _ = tile.row(2));
    }
}
