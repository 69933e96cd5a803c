//! The lengths of a convolution, and which pixel lies under which element of the kernel.

use super::Conv2dOptions;

/// All lengths of one convolution.
pub(super) struct Geometry {
    pub(super) n: usize,
    pub(super) c: usize,
    pub(super) oc: usize,
    pub(super) groups: usize,
    /// Rows of the image, and columns.
    pub(super) rows: Axis,
    pub(super) columns: Axis,
}

/// A convolution along one axis.
pub(super) struct Axis {
    /// Pixels, positions of the result, and elements of the kernel.
    pub(super) len: usize,
    pub(super) out: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
}

impl Geometry {
    #[track_caller]
    pub(super) fn new(op: &str, x: &[usize], weight: &[usize], options: &Conv2dOptions) -> Self {
        let (&[n, c, h, w], &[oc, group_c, kh, kw]) = (x, weight) else {
            panic!("{op}: expected four axes each: input {x:?}, weight {weight:?}");
        };
        let &Conv2dOptions { stride, padding, dilation, groups } = options;
        let moves = !stride.contains(&0) && !dilation.contains(&0);
        assert!(moves, "{op}: stride and dilation must be positive, got {stride:?} and {dilation:?}");
        let divides = groups > 0 && c.is_multiple_of(groups) && oc.is_multiple_of(groups);
        assert!(
            divides && group_c == c / groups,
            "{op}: channels do not fit {groups} groups: input {x:?}, weight {weight:?}"
        );
        let axis = |len: usize, kernel: usize, i: usize| {
            let (stride, padding, dilation) = (stride[i], padding[i], dilation[i]);
            let span = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
            let padded = padding.checked_mul(2)?.checked_add(len)?;
            let out = padded.checked_sub(span)? / stride + 1;
            Some(Axis { len, out, kernel, stride, padding, dilation })
        };
        let (Some(rows), Some(columns)) = (axis(h, kh, 0), axis(w, kw, 1)) else {
            panic!(
                "{op}: the kernel does not fit the padded image: input {x:?}, weight {weight:?}, padding \
                 {padding:?}, dilation {dilation:?}"
            );
        };
        Geometry { n, c, oc, groups, rows, columns }
    }

    pub(super) fn multiply_adds(&self) -> u64 {
        let meetings = |axis: &Axis| (0..axis.kernel).map(|k| axis.touched(k).count()).sum::<usize>() as u64;
        let channels = (self.c / self.groups * self.oc * self.n) as u64;
        channels * meetings(&self.rows) * meetings(&self.columns)
    }

    #[track_caller]
    pub(super) fn check_output(&self, op: &str, dy: &[usize]) {
        let expected = [self.n, self.oc, self.rows.out, self.columns.out];
        assert!(*dy == expected, "{op}: shapes differ: expected {expected:?}, gradient {dy:?}");
    }
}

impl Axis {
    /// The elements of the kernel that lie on the image at position `o` of the result, each with its pixel.
    pub(super) fn under(&self, o: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..self.kernel).filter_map(move |k| {
            let at = (o * self.stride + k * self.dilation).checked_sub(self.padding)?;
            (at < self.len).then_some((k, at))
        })
    }

    /// The elements of the kernel that reach pixel `at`, each with the position of the result that it does so for.
    pub(super) fn reaching(&self, at: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..self.kernel).filter_map(move |k| {
            let from = (at + self.padding).checked_sub(k * self.dilation)?;
            let o = from / self.stride;
            (from.is_multiple_of(self.stride) && o < self.out).then_some((k, o))
        })
    }

    /// The positions of the result at which element `k` of the kernel lies on the image, each with its pixel.
    pub(super) fn touched(&self, k: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..self.out).filter_map(move |o| {
            let at = (o * self.stride + k * self.dilation).checked_sub(self.padding)?;
            (at < self.len).then_some((o, at))
        })
    }
}
