//! Elementwise functions of any number of tensors in one pass.

use crate::element::Element;
use crate::kernels::buffer::Buffer;
use crate::nest::Nest;
use crate::run::BLOCK;
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// `f` of corresponding elements of all `operands`, each broadcast to the shape of the first, in one pass: a
    /// formula of several tensors without a temporary one for every step. `op` names the operation in the message.
    ///
    /// # Panics
    /// If an operand does not broadcast to the shape of the first.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0_f32]]);
    /// let (mean, scale) = (Tensor::from([2.0, 3.0]), Tensor::scalar(10.0));
    /// let y = Tensor::fuse("standardize", [&x, &mean, &scale], |[x, mean, scale]| (x - mean) * scale);
    /// assert_eq!(y.to_vec(), [-10.0, -10.0, 10.0, 10.0]);
    /// ```
    #[track_caller]
    pub fn fuse<const N: usize>(
        op: &str,
        operands: [&Tensor<E>; N],
        f: impl Fn([E; N]) -> E + Sync,
    ) -> Tensor<E> {
        const { assert!(N > 0, "there is no shape without an operand") };
        let shape = operands[0].layout.shape;
        for t in operands {
            let fits = t.layout.broadcast_to(&shape).is_some();
            assert!(fits, "{op}: rhs does not broadcast to lhs: lhs {shape:?}, rhs {:?}", t.shape());
        }
        let layouts = operands.map(|t| t.layout.broadcast_to(&shape).expect("checked above"));
        let layout = operands[0].layout.dense_or_contiguous();
        let mut out = Buffer::stale(layout.len());
        let nest = Nest::new(&layout, std::array::from_fn(|k| &layouts[k]));
        let data = operands.map(|t| &t.storage[..]);
        nest.for_each(
            &mut out,
            #[inline(always)]
            |out, at| run(out, data, at, nest.steps, &f),
        );
        Tensor::from_buffer(out, layout)
    }
}

/// One run of output.
#[inline(always)]
fn run<E: Element, const N: usize>(
    out: &mut [E],
    data: [&[E]; N],
    at: [usize; N],
    steps: [usize; N],
    f: &impl Fn([E; N]) -> E,
) {
    for_each_block(
        out.len(),
        data,
        at,
        steps,
        #[inline(always)]
        |start, len, rows| {
            for (i, out) in out[start..][..len].iter_mut().enumerate() {
                *out = f(rows.map(|row| row[i]));
            }
        },
    );
}

/// Calls `body` for each block of a run of `len` elements, with the block's start and length and a contiguous row of
/// each operand. What an operand repeats or scatters is laid out in a block of its own first, so that the loop itself reads
/// nothing but contiguous rows, whichever operands are broadcast.
#[inline(always)]
pub(crate) fn for_each_block<E: Element, const N: usize>(
    len: usize,
    data: [&[E]; N],
    at: [usize; N],
    steps: [usize; N],
    mut body: impl FnMut(usize, usize, [&[E]; N]),
) {
    let mut blocks = [[E::default(); BLOCK]; N];
    for k in 0..N {
        if steps[k] == 0 {
            blocks[k][..len.min(BLOCK)].fill(data[k][at[k]]);
        }
    }
    for start in (0..len).step_by(BLOCK) {
        let len = BLOCK.min(len - start);
        for k in 0..N {
            if steps[k] > 1 {
                for (i, x) in blocks[k][..len].iter_mut().enumerate() {
                    *x = data[k][at[k] + (start + i) * steps[k]];
                }
            }
        }
        let rows: [&[E]; N] = std::array::from_fn(|k| {
            if steps[k] == 1 { &data[k][at[k] + start..][..len] } else { &blocks[k][..len] }
        });
        body(start, len, rows);
    }
}
