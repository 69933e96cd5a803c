//! The matrix product over tensors of any rank.

use crate::element::Float;
use crate::kernels::buffer::Buffer;
use crate::kernels::gemm::Mat;
use crate::layout::{Dims, Layout, broadcast_shape};
use crate::tensor::Tensor;

impl<E: Float> Tensor<E> {
    /// The matrix product `self · rhs`. `torch.matmul`.
    ///
    /// # Shapes
    /// `[m, k] · [k, n] -> [m, n]`. A vector on the left is a row, one on the right a column, and its axis is gone
    /// from the result. Further axes in front count batches and broadcast: `[b, m, k] · [k, n] -> [b, m, n]`.
    /// Neither operand needs to be contiguous; a transposed one is read in place.
    ///
    /// # Panics
    /// If an operand is a scalar, the inner dimensions differ, or the batch axes do not broadcast.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let a = Tensor::from([[1.0, 2.0], [3.0, 4.0_f32]]);
    /// assert_eq!(a.matmul(&a.t()).to_vec(), [5.0, 11.0, 11.0, 25.0]);
    /// assert_eq!(a.matmul(&Tensor::from([1.0, -1.0])).to_vec(), [-1.0, -1.0]);
    /// ```
    #[track_caller]
    pub fn matmul(&self, rhs: &Tensor<E>) -> Tensor<E> {
        let (lhs_shape, rhs_shape) = (self.shape(), rhs.shape());
        assert!(
            !lhs_shape.is_empty() && !rhs_shape.is_empty(),
            "matmul: a scalar has no inner dimension: lhs {lhs_shape:?}, rhs {rhs_shape:?}"
        );
        // Vectors become matrices of one row or column; the extra axis goes away at the end.
        let a = if lhs_shape.len() == 1 { self.layout.unsqueeze(0) } else { self.layout };
        let b = if rhs_shape.len() == 1 { rhs.layout.unsqueeze(1) } else { rhs.layout };
        let ([m, k], [k2, n]) = (last_two(&a.shape), last_two(&b.shape));
        assert!(k == k2, "matmul: inner dimensions differ: lhs {lhs_shape:?}, rhs {rhs_shape:?}");
        let batch_a = Dims::new(&a.shape[..a.rank() - 2]);
        let batch_b = Dims::new(&b.shape[..b.rank() - 2]);
        let Some(batch) = broadcast_shape(&batch_a, &batch_b) else {
            panic!("matmul: batch axes do not broadcast: lhs {lhs_shape:?}, rhs {rhs_shape:?}");
        };
        let rank = batch.len() + 2;
        let shape = batch.insert(batch.len(), m).insert(batch.len() + 1, n);
        shape.count("matmul", size_of::<E>());
        let mut out = Buffer::stale(shape.iter().product());

        let matrix = |layout: &Layout, [rows, cols]: [usize; 2], batch: usize| {
            let shape = shape_with(&layout.shape, rank, &shape, rows, cols);
            let layout = layout.broadcast_to(&shape).expect("batch axes broadcast");
            (layout.offset + offset_of(&layout, batch), layout.strides[rank - 2], layout.strides[rank - 1])
        };
        if m * n > 0 {
            for (i, c) in out.chunks_exact_mut(m * n).enumerate() {
                let (a_at, a_rows, a_cols) = matrix(&a, [m, k], i);
                let (b_at, b_rows, b_cols) = matrix(&b, [k, n], i);
                let at = |data, at: usize, rows, cols, row_stride, col_stride| {
                    let data: &[E] = data;
                    Mat { data: &data[at.min(data.len())..], rows, cols, row_stride, col_stride }
                };
                E::gemm(
                    at(&self.storage, a_at, m, k, a_rows, a_cols),
                    at(&rhs.storage, b_at, k, n, b_rows, b_cols),
                    c,
                );
            }
        }
        let mut layout = Layout::contiguous(shape);
        if rhs_shape.len() == 1 {
            layout = layout.squeeze(rank - 1);
        }
        if lhs_shape.len() == 1 {
            layout = layout.squeeze(rank - 2);
        }
        Tensor::from_buffer(out, layout)
    }
}

fn last_two(shape: &[usize]) -> [usize; 2] {
    [shape[shape.len() - 2], shape[shape.len() - 1]]
}

/// The result's batch axes with an operand's own matrix axes.
fn shape_with(own: &Dims, rank: usize, result: &Dims, rows: usize, cols: usize) -> Dims {
    debug_assert_eq!(last_two(own), [rows, cols]);
    let mut shape = *result;
    shape[rank - 2] = rows;
    shape[rank - 1] = cols;
    shape
}

/// Where the matrix number `batch` starts, relative to the layout's offset.
fn offset_of(layout: &Layout, mut batch: usize) -> usize {
    let mut at = 0;
    for i in (0..layout.rank() - 2).rev() {
        at += batch % layout.shape[i] * layout.strides[i];
        batch /= layout.shape[i];
    }
    at
}
