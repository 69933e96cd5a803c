//! Where an element lies: shape, strides and offset, and the views that change nothing else.
//!
//! A [`Layout`] holds up to [`MAX_RANK`] axes inline, so making a view allocates nothing. Every view is a
//! function from layout to layout; a shape mistake panics here, in the caller's name.

use std::fmt;
use std::ops::Deref;

/// The most axes a tensor can have.
pub const MAX_RANK: usize = 6;

/// Up to [`MAX_RANK`] numbers, one an axis, stored inline. Dereferences to a slice.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dims {
    rank: usize,
    dims: [usize; MAX_RANK],
}

impl Dims {
    /// The numbers of `dims`.
    ///
    /// # Panics
    /// If there are more than [`MAX_RANK`].
    #[track_caller]
    pub fn new(dims: &[usize]) -> Self {
        Dims::named("Dims::new", dims)
    }

    /// [`new`](Self::new) for the operation `op`.
    #[track_caller]
    pub(crate) fn named(op: &str, dims: &[usize]) -> Self {
        let rank = dims.len();
        assert!(rank <= MAX_RANK, "{op}: at most {MAX_RANK} axes, got {dims:?}");
        let mut all = [0; MAX_RANK];
        all[..rank].copy_from_slice(dims);
        Dims { rank, dims: all }
    }

    /// `rank` times the same number.
    pub(crate) fn repeat(value: usize, rank: usize) -> Self {
        Dims::new(&[value; MAX_RANK + 1][..rank.min(MAX_RANK + 1)])
    }

    /// With `value` inserted before axis `at`, for the operation `op`.
    #[track_caller]
    pub(crate) fn insert_for(&self, op: &str, at: usize, value: usize) -> Self {
        let mut out = [0; MAX_RANK + 1];
        out[..at].copy_from_slice(&self[..at]);
        out[at] = value;
        out[at + 1..=self.rank].copy_from_slice(&self[at..]);
        Dims::named(op, &out[..=self.rank])
    }

    /// [`insert_for`](Self::insert_for) where there is room.
    pub(crate) fn insert(&self, at: usize, value: usize) -> Self {
        self.insert_for("insert", at, value)
    }

    /// Without axis `at`.
    pub(crate) fn remove(&self, at: usize) -> Self {
        let mut out = *self;
        out.dims.copy_within(at + 1.., at);
        out.rank -= 1;
        out.dims[out.rank] = 0;
        out
    }

    /// Index number `number` of this shape in row-major order.
    pub(crate) fn index_of(&self, mut number: usize) -> Dims {
        let mut index = *self;
        for (i, &d) in index.iter_mut().zip(self.iter()).rev() {
            *i = number % d;
            number /= d;
        }
        index
    }

    /// The next index of `shape` in row-major order; behind the last one comes the first.
    pub(crate) fn count_up(&mut self, shape: &Dims) {
        for i in (0..self.rank).rev() {
            self.dims[i] += 1;
            if self.dims[i] < shape[i] {
                return;
            }
            self.dims[i] = 0;
        }
    }

    /// The product of all numbers: how many elements of `size` bytes a tensor of this shape has.
    ///
    /// # Panics
    /// If memory cannot hold as many.
    #[track_caller]
    pub(crate) fn count(&self, op: &str, size: usize) -> usize {
        match self.checked_count(size) {
            Some(n) => n,
            None => panic!("{op}: shape {self:?} exceeds the address space"),
        }
    }

    /// [`count`](Self::count), or `None` if memory cannot hold as many. Axes of no elements do not excuse the
    /// others: a part of the shape, as a view or a sum leaves it, must not overflow either.
    pub(crate) fn checked_count(&self, size: usize) -> Option<usize> {
        let bytes = self.iter().try_fold(size, |n, &d| n.checked_mul(d.max(1)))?;
        (bytes <= isize::MAX as usize).then(|| if self.contains(&0) { 0 } else { bytes / size })
    }
}

impl Deref for Dims {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank]
    }
}

impl std::ops::DerefMut for Dims {
    fn deref_mut(&mut self) -> &mut [usize] {
        &mut self.dims[..self.rank]
    }
}

impl fmt::Debug for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// An axis counted from the front (0, 1, ...) or from the back (-1, -2, ...), resolved against `rank`.
#[track_caller]
pub(crate) fn axis(op: &str, dim: isize, rank: usize) -> usize {
    let resolved = if dim < 0 { dim + rank as isize } else { dim };
    assert!(
        (0..rank as isize).contains(&resolved),
        "{op}: axis {dim} is out of range for a tensor of {rank} axes"
    );
    resolved as usize
}

/// Shape, strides (in elements) and offset of a tensor within its storage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) shape: Dims,
    pub(crate) strides: Dims,
    pub(crate) offset: usize,
}

impl Layout {
    /// Row-major: the last axis is contiguous.
    pub(crate) fn contiguous(shape: Dims) -> Self {
        let mut strides = shape;
        let mut stride = 1;
        for (s, &d) in strides.iter_mut().zip(shape.iter()).rev() {
            *s = stride;
            stride *= d.max(1);
        }
        Layout { shape, strides, offset: 0 }
    }

    pub(crate) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements. Cannot overflow: views never have more than `Dims::count` allowed, see `expand`.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether elements lie one behind the other in row-major order.
    pub(crate) fn is_contiguous(&self) -> bool {
        self.len() == 0 || self.is_dense_in(0..self.rank())
    }

    /// Whether, with the axes taken in this order, elements lie one behind the other.
    fn is_dense_in(&self, order: impl DoubleEndedIterator<Item = usize>) -> bool {
        let mut expected = 1;
        for i in order.rev() {
            if self.shape[i] != 1 && self.strides[i] != expected {
                return false;
            }
            expected *= self.shape[i];
        }
        true
    }

    /// The axes from the largest stride to the smallest; equal strides keep their order.
    pub(crate) fn memory_order(&self) -> Dims {
        let mut order = Dims::repeat(0, self.rank());
        for (i, o) in order.iter_mut().enumerate() {
            *o = i;
        }
        // Axes of one element have no place in memory; the stable sort leaves them where they are least in the way.
        order.sort_by_key(|&i| std::cmp::Reverse(self.strides[i]));
        order
    }

    /// Whether the elements fill one contiguous stretch of memory, in some order of the axes.
    pub(crate) fn is_dense(&self) -> bool {
        self.len() == 0 || self.is_dense_in(self.memory_order().iter().copied())
    }

    /// Whether elements lie in the same places, but for the offset, as those of `other`, which has the same shape.
    pub(crate) fn lies_like(&self, other: &Layout) -> bool {
        (0..self.rank()).all(|i| self.shape[i] == 1 || self.strides[i] == other.strides[i])
    }

    /// A fresh dense layout of the same shape that keeps this layout's order of axes in memory.
    pub(crate) fn dense_like(&self) -> Self {
        let mut strides = self.shape;
        let mut stride = 1;
        for &i in self.memory_order().iter().rev() {
            strides[i] = stride;
            stride *= self.shape[i].max(1);
        }
        Layout { shape: self.shape, strides, offset: 0 }
    }

    /// [`dense_like`](Self::dense_like) if this layout is dense, row-major if it has gaps.
    pub(crate) fn dense_or_contiguous(&self) -> Self {
        if self.is_dense() { self.dense_like() } else { Layout::contiguous(self.shape) }
    }

    /// One past the last position that the layout touches, relative to its offset.
    pub(crate) fn extent(&self) -> usize {
        if self.len() == 0 {
            return 0;
        }
        1 + self.shape.iter().zip(self.strides.iter()).map(|(&d, &s)| (d - 1) * s).sum::<usize>()
    }

    /// The axes that `mask` leaves, with the offset, and those that it marks, without.
    pub(crate) fn split(&self, mask: &Dims) -> (Self, Self) {
        let pick = |marked: usize, offset: usize| {
            let (mut shape, mut strides) = (Dims::new(&[]), Dims::new(&[]));
            for i in (0..self.rank()).filter(|&i| mask[i] == marked) {
                shape = shape.insert(shape.len(), self.shape[i]);
                strides = strides.insert(strides.len(), self.strides[i]);
            }
            Layout { shape, strides, offset }
        };
        (pick(0, self.offset), pick(1, 0))
    }

    /// The axes in the order in which `other`, of the same shape, has them in memory.
    pub(crate) fn in_order_of(&self, other: &Layout) -> Self {
        let mut out = *self;
        for (to, &from) in other.memory_order().iter().enumerate() {
            out.shape[to] = self.shape[from];
            out.strides[to] = self.strides[from];
        }
        out
    }

    /// The axes of `self`, then those of `inner`.
    pub(crate) fn join(&self, inner: &Layout) -> Self {
        let mut out = *self;
        for (&d, &s) in inner.shape.iter().zip(inner.strides.iter()) {
            out.shape = out.shape.insert(out.shape.len(), d);
            out.strides = out.strides.insert(out.strides.len(), s);
        }
        out
    }

    pub(crate) fn transpose(mut self, a: usize, b: usize) -> Self {
        self.shape.swap(a, b);
        self.strides.swap(a, b);
        self
    }

    #[track_caller]
    pub(crate) fn permute(&self, dims: &[isize]) -> Self {
        let rank = self.rank();
        assert!(dims.len() == rank, "permute: axes {dims:?} for shape {:?}", self.shape);
        let (mut out, mut seen) = (*self, [false; MAX_RANK]);
        for (to, &dim) in dims.iter().enumerate() {
            let from = axis("permute", dim, rank);
            assert!(!seen[from], "permute: axis {dim} is named twice in {dims:?}");
            seen[from] = true;
            out.shape[to] = self.shape[from];
            out.strides[to] = self.strides[from];
        }
        out
    }

    #[track_caller]
    pub(crate) fn narrow(mut self, dim: usize, start: usize, len: usize) -> Self {
        let end = start.checked_add(len).filter(|&end| end <= self.shape[dim]);
        assert!(
            end.is_some(),
            "narrow: start {start} and length {len} exceed axis {dim} of shape {:?}",
            self.shape
        );
        self.shape[dim] = len;
        // An empty view, whichever axis makes it so, must not point past the end of its storage.
        self.offset += if self.len() == 0 { 0 } else { start * self.strides[dim] };
        self
    }

    /// Every `step`-th element of axis `dim`, the first included.
    #[track_caller]
    pub(crate) fn step(mut self, dim: usize, step: usize) -> Self {
        assert!(step > 0, "slice: the step must be positive, got {step}");
        self.shape[dim] = self.shape[dim].div_ceil(step);
        self.strides[dim] = self.strides[dim].saturating_mul(step);
        if self.shape[dim] <= 1 {
            self.strides[dim] = 1;
        }
        self
    }

    pub(crate) fn select(&self, dim: usize, index: usize) -> Self {
        let step = if self.len() == 0 { 0 } else { index * self.strides[dim] };
        Layout {
            shape: self.shape.remove(dim),
            strides: self.strides.remove(dim),
            offset: self.offset + step,
        }
    }

    pub(crate) fn unsqueeze(&self, dim: usize) -> Self {
        // The stride of an axis of one element is never used; this one keeps the layout's memory order.
        let stride = if dim < self.rank() { self.strides[dim] * self.shape[dim].max(1) } else { 1 };
        Layout {
            shape: self.shape.insert(dim, 1),
            strides: self.strides.insert(dim, stride),
            offset: self.offset,
        }
    }

    /// The diagonal of a matrix, `offset` columns to the right of its corner.
    pub(crate) fn diagonal(&self, offset: isize) -> Self {
        let (down, right) = (offset.min(0).unsigned_abs(), offset.max(0).unsigned_abs());
        let len = self.shape[0].saturating_sub(down).min(self.shape[1].saturating_sub(right));
        // An empty view must not point past the end of its storage.
        let start = if len == 0 { 0 } else { down * self.strides[0] + right * self.strides[1] };
        let stride = if len <= 1 { 1 } else { self.strides[0] + self.strides[1] };
        Layout { shape: Dims::new(&[len]), strides: Dims::new(&[stride]), offset: self.offset + start }
    }

    pub(crate) fn squeeze(&self, dim: usize) -> Self {
        Layout { shape: self.shape.remove(dim), strides: self.strides.remove(dim), offset: self.offset }
    }

    /// Broadcasts to `shape`: new axes come in front, axes of one element repeat with stride zero.
    /// `None` if the shapes do not fit.
    pub(crate) fn broadcast_to(&self, shape: &Dims) -> Option<Self> {
        let added = shape.len().checked_sub(self.rank())?;
        let mut strides = Dims::repeat(0, shape.len());
        for i in 0..self.rank() {
            strides[added + i] = match (self.shape[i], shape[added + i]) {
                (from, to) if from == to => self.strides[i],
                (1, _) => 0,
                _ => return None,
            };
        }
        Some(Layout { shape: *shape, strides, offset: self.offset })
    }

    /// The strides that show the same elements in the same order under `shape`, if there are any.
    pub(crate) fn reshape(&self, shape: &Dims) -> Option<Self> {
        debug_assert_eq!(self.len(), shape.iter().product::<usize>());
        if self.is_contiguous() {
            return Some(Layout { offset: self.offset, ..Layout::contiguous(*shape) });
        }
        // Old and new axes are matched from the front in the smallest groups of equal element count. Within a
        // group each old axis must continue the memory of the next, or no stride could walk over both.
        let old: Vec<usize> = (0..self.rank()).filter(|&i| self.shape[i] != 1).collect();
        let mut out = Layout::contiguous(*shape);
        let (mut o, mut n) = (0, 0);
        while o < old.len() && n < shape.len() {
            let (first_o, first_n) = (o, n);
            let (mut count_o, mut count_n) = (self.shape[old[o]], shape[n]);
            (o, n) = (o + 1, n + 1);
            while count_o != count_n {
                if count_n < count_o {
                    count_n *= shape[n];
                    n += 1;
                } else {
                    count_o *= self.shape[old[o]];
                    o += 1;
                }
            }
            let continues =
                |pair: &[usize]| self.strides[pair[0]] == self.strides[pair[1]] * self.shape[pair[1]];
            if !old[first_o..o].windows(2).all(continues) {
                return None;
            }
            let mut stride = self.strides[old[o - 1]];
            for i in (first_n..n).rev() {
                out.strides[i] = stride;
                stride *= shape[i];
            }
        }
        out.offset = self.offset;
        Some(out)
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} strides {:?} offset {}", self.shape, self.strides, self.offset)
    }
}

/// The shape that `a` and `b` broadcast to, if they do.
pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Dims> {
    let rank = a.len().max(b.len());
    let mut out = Dims::repeat(1, rank);
    for i in 1..=rank {
        let x = if i <= a.len() { a[a.len() - i] } else { 1 };
        let y = if i <= b.len() { b[b.len() - i] } else { 1 };
        out[rank - i] = match (x, y) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => return None,
        };
    }
    Some(out)
}
