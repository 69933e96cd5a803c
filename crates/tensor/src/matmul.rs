//! The matrix product over tensors of any rank.

use crate::element::{Float, Number};
use crate::kernels::buffer::Buffer;
use crate::kernels::gemm::{Epilogue, Mat};
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
        // One matrix on the right serves all rows of the left, whichever batch they are in.
        let rows: usize = a.shape[..a.rank() - 1].iter().product();
        let merged = if b.rank() == 2 { a.reshape(&Dims::new(&[rows, k])) } else { None };
        if let Some(a) = merged {
            E::gemm(self.matrix(&a), rhs.matrix(&b), &mut out, false, Epilogue::default());
        } else if m * n > 0 {
            let (a, b) = (with_batch(&a, &batch), with_batch(&b, &batch));
            for (i, c) in out.chunks_exact_mut(m * n).enumerate() {
                let (a, b) = (self.matrix(&nth(&a, i)), rhs.matrix(&nth(&b, i)));
                E::gemm(a, b, c, false, Epilogue::default());
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

    /// The scalar product of two vectors: `Σ self · rhs`. `torch.dot`.
    ///
    /// # Panics
    /// If they are not vectors of one length.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0_f32]).dot(&Tensor::from([3.0, 4.0])).item(), 11.0);
    /// ```
    #[track_caller]
    pub fn dot(&self, rhs: &Tensor<E>) -> Tensor<E> {
        let fits = self.rank() == 1 && self.shape() == rhs.shape();
        assert!(
            fits,
            "dot: expected two vectors of one length: lhs {:?}, rhs {:?}",
            self.shape(),
            rhs.shape()
        );
        self.matmul(rhs)
    }

    /// All products of an element of one vector with one of another: `out[i, j] = self[i] · rhs[j]`. `torch.outer`.
    ///
    /// # Panics
    /// If they are not vectors, or memory cannot hold the result.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from([1.0, 2.0_f32]).outer(&Tensor::from([3.0, 4.0])).to_vec(), [3.0, 4.0, 6.0, 8.0]);
    /// ```
    #[track_caller]
    pub fn outer(&self, rhs: &Tensor<E>) -> Tensor<E> {
        let fits = self.rank() == 1 && rhs.rank() == 1;
        assert!(fits, "outer: expected two vectors: lhs {:?}, rhs {:?}", self.shape(), rhs.shape());
        self.unsqueeze(1).zip("outer", &rhs.unsqueeze(0), Number::mul)
    }

    /// `self · weightᵀ + bias`, a linear layer in one pass. `torch.nn.functional.linear`.
    ///
    /// # Shapes
    /// `self [.., in]`, `weight [out, in]`, `bias [out] -> [.., out]`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1.0, 2.0_f32]]);
    /// let (w, b) = (Tensor::from([[3.0, 4.0], [5.0, 6.0]]), Tensor::from([0.5, -20.0]));
    /// assert_eq!(x.linear(&w, Some(&b)).to_vec(), [11.5, -3.0]);
    /// assert_eq!(x.linear_relu(&w, Some(&b)).to_vec(), [11.5, 0.0]);
    /// ```
    #[track_caller]
    pub fn linear(&self, weight: &Tensor<E>, bias: Option<&Tensor<E>>) -> Tensor<E> {
        self.linear_with("linear", weight, bias, false)
    }

    /// `max(self · weightᵀ + bias, 0)`: [`linear`](Self::linear) and ReLU in one pass.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn linear_relu(&self, weight: &Tensor<E>, bias: Option<&Tensor<E>>) -> Tensor<E> {
        self.linear_with("linear_relu", weight, bias, true)
    }

    #[track_caller]
    fn linear_with(&self, op: &str, weight: &Tensor<E>, bias: Option<&Tensor<E>>, relu: bool) -> Tensor<E> {
        let fits = weight.rank() == 2 && self.shape().last() == Some(&weight.shape()[1]);
        assert!(fits, "{op}: inner dimensions differ: input {:?}, weight {:?}", self.shape(), weight.shape());
        let (n, k) = (weight.shape()[0], weight.shape()[1]);
        if let Some(bias) = bias {
            let fits = *bias.shape() == [n];
            assert!(fits, "{op}: shapes differ: weight {:?}, bias {:?}", weight.shape(), bias.shape());
        }
        let bias = bias.map(Tensor::contiguous);
        let mut shape = self.layout.shape;
        let rows: usize = shape[..shape.len() - 1].iter().product();
        *shape.last_mut().expect("checked above") = n;
        shape.count(op, size_of::<E>());
        let input = match self.layout.reshape(&Dims::new(&[rows, k])) {
            Some(layout) => self.view_as(layout),
            None => self.reshape(&[rows as isize, k as isize]),
        };
        let mut out = Buffer::stale(shape.iter().product());
        let epilogue = Epilogue { bias: bias.as_ref().map(|bias| bias.dense_slice()), relu };
        let weight = weight.t();
        E::gemm(input.matrix(&input.layout), weight.matrix(&weight.layout), &mut out, false, epilogue);
        Tensor::from_buffer(out, Layout::contiguous(shape))
    }

    /// `self += lhs · rhs` for matrices, without a matrix in between. `torch.Tensor.addmm_`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let mut gradient = Tensor::<f32>::ones(&[1, 1]);
    /// gradient.addmm_(&Tensor::from([[2.0, 3.0]]), &Tensor::from([[4.0], [5.0]]));
    /// assert_eq!(gradient.item(), 24.0);
    /// ```
    #[track_caller]
    pub fn addmm_(&mut self, lhs: &Tensor<E>, rhs: &Tensor<E>) -> &mut Self {
        let fits = lhs.rank() == 2
            && rhs.rank() == 2
            && lhs.shape()[1] == rhs.shape()[0]
            && *self.shape() == [lhs.shape()[0], rhs.shape()[1]];
        assert!(
            fits,
            "addmm_: shapes do not fit: self {:?}, lhs {:?}, rhs {:?}",
            self.shape(),
            lhs.shape(),
            rhs.shape()
        );
        if !self.is_contiguous() {
            *self = self.contiguous();
        }
        let (a, b) = (lhs.matrix(&lhs.layout), rhs.matrix(&rhs.layout));
        E::gemm(a, b, self.dense_mut(), true, Epilogue::default());
        self
    }

    /// This tensor's storage, seen as a matrix.
    fn matrix(&self, layout: &Layout) -> Mat<'_, E> {
        let ([rows, cols], [row_stride, col_stride]) = (last_two(&layout.shape), last_two(&layout.strides));
        // The offset of an empty matrix may lie at the end of its storage.
        Mat::new(&self.storage[layout.offset..], rows, cols, row_stride, col_stride)
    }
}

fn last_two(shape: &[usize]) -> [usize; 2] {
    [shape[shape.len() - 2], shape[shape.len() - 1]]
}

/// A layout of matrices with its batch axes broadcast to `batch`.
fn with_batch(layout: &Layout, batch: &Dims) -> Layout {
    let [rows, cols] = last_two(&layout.shape);
    let shape = batch.insert(batch.len(), rows).insert(batch.len() + 1, cols);
    layout.broadcast_to(&shape).expect("the batch axes broadcast")
}

/// The matrix number `i` of a batch.
fn nth(layout: &Layout, mut i: usize) -> Layout {
    let mut matrix = *layout;
    while matrix.rank() > 2 {
        // The last batch axis counts fastest.
        let axis = matrix.rank() - 3;
        matrix = matrix.select(axis, i % layout.shape[axis]);
        i /= layout.shape[axis];
    }
    matrix
}
