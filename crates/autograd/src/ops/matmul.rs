//! Matrix products.

use downhill_tensor::Float;

use crate::profile;
use crate::var::Var;

impl<T: Float> Var<T> {
    /// The matrix product `self · rhs`, of vectors, matrices and batches of them. `torch.matmul`.
    ///
    /// For matrices `y = a · b` the gradients are `g · bᵀ` and `aᵀ · g`.
    ///
    /// # Panics
    /// If an operand is a scalar, the inner dimensions differ, or the batch axes do not broadcast.
    #[track_caller]
    pub fn matmul(&self, rhs: &Var<T>) -> Var<T> {
        let value = self.value().matmul(&rhs.value());
        // Each element of the result is a sum over the last axis of the left operand.
        profile::count(|| (value.numel() * self.shape().last().copied().unwrap_or(0)) as u64);
        Var::record("matmul", [self, rhs], value, || {
            let (a, b) = (self.save_for(rhs), rhs.save_for(self));
            move |d| {
                let (a_shape, b_shape) = (a.shape(), b.shape());
                let (row, column) = (a_shape.len() == 1, b_shape.len() == 1);
                // Vectors take part as matrices of one row or column.
                let g = if column { d.grad.unsqueeze(-1) } else { d.grad.clone() };
                let g = if row { g.unsqueeze(-2) } else { g };
                let grad_a = || {
                    let b = if column { b.var().unsqueeze(-1) } else { b.var() };
                    // A row [.., 1, k] sums to its vector [k] as to anything else that was broadcast.
                    g.matmul(&b.transpose(-2, -1)).sum_to(&a_shape)
                };
                let grad_b = || {
                    let a = if row { a.var().unsqueeze(-2) } else { a.var() };
                    let grad = a.transpose(-2, -1).matmul(&g);
                    let grad = if column { grad.squeeze(-1) } else { grad };
                    grad.sum_to(&b_shape)
                };
                [d.needs[0].then(grad_a), d.needs[1].then(grad_b)]
            }
        })
    }
}

/// `x · wᵀ + b`, a linear layer in one operation. `torch.nn.functional.linear`.
///
/// # Shapes
/// `x [.., in]`, `w [out, in]`, `b [out] -> [.., out]`.
///
/// The gradients are `g · w` for `x`, `gᵀ · x` for `w` and the sum of `g` over all rows for `b`.
///
/// # Panics
/// If the shapes do not fit.
///
/// ```
/// use downhill_autograd::{Var, linear};
/// use downhill_tensor::Tensor;
///
/// let x = Var::new(Tensor::from([[1.0, 2.0_f32]]));
/// let (w, b) = (Var::new(Tensor::from([[3.0, 4.0], [5.0, 6.0]])), Var::new(Tensor::from([0.5, -0.5])));
/// assert_eq!(linear(&x, &w, Some(&b)).value().to_vec(), [11.5, 16.5]);
/// ```
#[track_caller]
pub fn linear<T: Float>(x: &Var<T>, w: &Var<T>, b: Option<&Var<T>>) -> Var<T> {
    let (x_shape, w_shape) = (x.shape(), w.shape());
    let fits = w_shape.len() == 2 && x_shape.last() == Some(&w_shape[1]);
    assert!(fits, "linear: inner dimensions differ: input {x_shape:?}, weight {w_shape:?}");
    let Some(b) = b else {
        return Var::record("linear", [x, w], x.value().linear(&w.value(), None), || {
            let (x, w) = (x.save_for(w), w.save_for(x));
            move |d| {
                [d.wanted(0, |g| g.matmul(&w.var())), d.wanted(1, |g| rows(g).t().matmul(&rows(&x.var())))]
            }
        });
    };
    let b_shape = b.shape();
    assert!(*b_shape == w_shape[..1], "linear: shapes differ: weight {w_shape:?}, bias {b_shape:?}");
    let value = x.value().linear(&w.value(), Some(&b.value()));
    Var::record("linear", [x, w, b], value, || {
        let (x, w) = (x.save_for(w), w.save_for(x));
        move |d| {
            [
                d.wanted(0, |g| g.matmul(&w.var())),
                d.wanted(1, |g| rows(g).t().matmul(&rows(&x.var()))),
                d.wanted(2, |g| g.sum_to(&b_shape)),
            ]
        }
    })
}

/// All axes but the last merged into one.
fn rows<T: Float>(x: &Var<T>) -> Var<T> {
    let shape = x.shape();
    let (last, rest) = shape.split_last().expect("linear's operands have axes");
    // Counted, not -1: that would be ambiguous for rows of no elements.
    let count: usize = rest.iter().product();
    if rest.len() == 1 { x.clone() } else { x.reshape(&[count as isize, *last as isize]) }
}
