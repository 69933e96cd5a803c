//! The engine of elementwise operations: a function of one, two or three elements, applied everywhere.
//!
//! The result keeps the memory order of the first operand that already has the result's shape and is dense, so that
//! a chain of operations on a permuted tensor (activations in H, W, N, C order, say) runs over flat memory throughout.

use rayon::prelude::*;

use crate::element::Element;
use crate::kernels::buffer::Buffer;
use crate::kernels::isa::simd;
use crate::layout::{Dims, Layout, broadcast_shape};
use crate::nest::{Nest, TASK};
use crate::run::{self, BLOCK, Row};
use crate::tensor::Tensor;

/// Elements up to which a plain loop is as fast as any.
const SMALL: usize = 8;

impl<E: Element> Tensor<E> {
    /// Applies `f` to every element.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let t = Tensor::from_vec(vec![1, 2, 3_i64], &[3]);
    /// assert_eq!(t.map(|x| x % 2 == 1).to_vec(), [true, false, true]);
    /// ```
    pub fn map<O: Element>(&self, f: impl Fn(E) -> O + Sync) -> Tensor<O> {
        let layout = self.layout.dense_or_contiguous();
        let mut out = Buffer::stale(layout.len());
        let nest = Nest::new(&layout, [&self.layout]);
        let x = &self.storage[..];
        nest.write(
            &mut out,
            #[inline(always)]
            |out, [at]| match nest.steps {
                [1] => run::map(&f, &x[at..][..out.len()], out),
                [step] => {
                    let mut x = Row::new(x, at, step);
                    for (i, out) in out.chunks_mut(BLOCK).enumerate() {
                        run::map(&f, x.block(i * BLOCK, out.len()), out);
                    }
                }
            },
        );
        Tensor::from_buffer(out, layout)
    }

    /// Applies `f` to every element, in place.
    pub fn map_(&mut self, f: impl Fn(E) -> E + Sync) -> &mut Self {
        for_each_task(
            self.dense_mut(),
            #[inline(always)]
            |x| run::map_(&f, x),
        );
        self
    }

    /// [`map`](Self::map), into this tensor's own memory if nobody else can see it.
    pub fn into_map(mut self, f: impl Fn(E) -> E + Sync) -> Self {
        if self.is_reusable() {
            self.map_(f);
            self
        } else {
            self.map(f)
        }
    }

    /// Applies `f` to corresponding elements of `self` and `rhs`, broadcasting both to a common shape.
    ///
    /// # Panics
    /// If the shapes do not broadcast. `op` names the operation in the message.
    #[track_caller]
    pub fn zip<B: Element, O: Element>(
        &self,
        op: &str,
        rhs: &Tensor<B>,
        f: impl Fn(E, B) -> O + Sync,
    ) -> Tensor<O> {
        if self.is_small_and_alike(rhs) {
            let mut out = Buffer::stale(self.numel());
            for ((o, &a), &b) in out.iter_mut().zip(self.dense_slice()).zip(rhs.dense_slice()) {
                *o = f(a, b);
            }
            return Tensor::from_buffer(out, self.layout.dense_like());
        }
        let shape = broadcast(op, self, rhs);
        shape.count(op, size_of::<O>());
        let layout = self
            .result_layout(&shape)
            .or_else(|| rhs.result_layout(&shape))
            .unwrap_or_else(|| Layout::contiguous(shape));
        let mut out = Buffer::stale(layout.len());
        let nest = Nest::new(&layout, [&self.broadcast(&shape), &rhs.broadcast(&shape)]);
        let (a, b) = (&self.storage[..], &rhs.storage[..]);
        nest.write(
            &mut out,
            #[inline(always)]
            |out, [at, bt]| match nest.steps {
                [1, 1] => run::zip(&f, &a[at..][..out.len()], &b[bt..][..out.len()], out),
                [sa, sb] => {
                    let (mut a, mut b) = (Row::new(a, at, sa), Row::new(b, bt, sb));
                    for (i, out) in out.chunks_mut(BLOCK).enumerate() {
                        let (start, len) = (i * BLOCK, out.len());
                        run::zip(&f, a.block(start, len), b.block(start, len), out);
                    }
                }
            },
        );
        Tensor::from_buffer(out, layout)
    }

    /// Applies `f` to corresponding elements of `self` and `rhs`, which is broadcast to the shape of `self`, and
    /// stores the result in `self`.
    ///
    /// # Panics
    /// If `rhs` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn zip_<B: Element>(&mut self, op: &str, rhs: &Tensor<B>, f: impl Fn(E, B) -> E + Sync) -> &mut Self {
        if self.is_small_and_alike(rhs) {
            for (a, &b) in self.dense_mut().iter_mut().zip(rhs.dense_slice()) {
                *a = f(*a, b);
            }
            return self;
        }
        let Some(rhs_layout) = rhs.layout.broadcast_to(&self.layout.shape) else {
            panic!("{op}: rhs does not broadcast to lhs: lhs {:?}, rhs {:?}", self.shape(), rhs.shape());
        };
        self.dense_mut();
        let nest = Nest::new(&self.layout, [&rhs_layout]);
        let b = &rhs.storage[..];
        nest.for_each(
            self.dense_mut(),
            #[inline(always)]
            |a, [bt]| match nest.steps {
                [1] => run::zip_(&f, a, &b[bt..][..a.len()]),
                [step] => {
                    let mut b = Row::new(b, bt, step);
                    for (i, a) in a.chunks_mut(BLOCK).enumerate() {
                        run::zip_(&f, a, b.block(i * BLOCK, a.len()));
                    }
                }
            },
        );
        self
    }

    /// [`zip`](Self::zip), into this tensor's own memory if nobody else can see it and the result fits.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn into_zip<B: Element>(mut self, op: &str, rhs: &Tensor<B>, f: impl Fn(E, B) -> E + Sync) -> Self {
        if rhs.layout.broadcast_to(&self.layout.shape).is_some() && self.is_reusable() {
            self.zip_(op, rhs, f);
            self
        } else {
            self.zip(op, rhs, f)
        }
    }

    /// Whether both lie dense in the same order and are so small that loops and instruction sets cost more to choose than
    /// they save.
    fn is_small_and_alike<B: Element>(&self, rhs: &Tensor<B>) -> bool {
        let (a, b) = (&self.layout, &rhs.layout);
        a.shape == b.shape && a.strides == b.strides && self.numel() <= SMALL && a.is_dense()
    }

    /// The layout of a result of this shape that follows this operand's memory, if the operand is fit to lead.
    fn result_layout(&self, shape: &Dims) -> Option<Layout> {
        (self.layout.shape == *shape && self.layout.is_dense()).then(|| self.layout.dense_like())
    }

    fn broadcast(&self, shape: &Dims) -> Layout {
        self.layout.broadcast_to(shape).expect("the common shape was computed from this one")
    }
}

impl Tensor<bool> {
    /// Elements of `a` where `self` is true, of `b` where it is false, all three broadcast to a common shape.
    /// `torch.where(self, a, b)`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let targets = Tensor::from_vec(vec![1, 0, 1_i64], &[3]);
    /// let predictions = Tensor::from_vec(vec![0.9, 0.4, 0.2_f32], &[3]);
    /// let distance = targets.eq(1).where_(1.0 - &predictions, &predictions);
    /// assert_eq!(distance.to_string(), "tensor([0.1000, 0.4000, 0.8000])");
    /// ```
    #[track_caller]
    pub fn where_<E: Element>(&self, a: impl Into<Tensor<E>>, b: impl Into<Tensor<E>>) -> Tensor<E> {
        let (a, b) = (a.into(), b.into());
        let shape = broadcast_shape(self.shape(), a.shape()).and_then(|s| broadcast_shape(&s, b.shape()));
        let Some(shape) = shape else {
            panic!(
                "where_: shapes do not broadcast: condition {:?}, lhs {:?}, rhs {:?}",
                self.shape(),
                a.shape(),
                b.shape()
            );
        };
        shape.count("where_", size_of::<E>());
        let layout = self.result_layout(&shape).unwrap_or_else(|| Layout::contiguous(shape));
        let mut out = Buffer::stale(layout.len());
        let nest = Nest::new(&layout, [&self.broadcast(&shape), &a.broadcast(&shape), &b.broadcast(&shape)]);
        let (c, a, b) = (&self.storage[..], &a.storage[..], &b.storage[..]);
        let [sc, sa, sb] = nest.steps;
        nest.write(
            &mut out,
            #[inline(always)]
            |out, [ct, at, bt]| {
                let (mut c, mut a, mut b) = (Row::new(c, ct, sc), Row::new(a, at, sa), Row::new(b, bt, sb));
                for (i, out) in out.chunks_mut(BLOCK).enumerate() {
                    let (start, len) = (i * BLOCK, out.len());
                    let (c, a, b) = (c.block(start, len), a.block(start, len), b.block(start, len));
                    // Both are read, whichever is taken: a branch would often be guessed wrong.
                    for (((o, &c), &a), &b) in out.iter_mut().zip(c).zip(a).zip(b) {
                        *o = if c { a } else { b };
                    }
                }
            },
        );
        Tensor::from_buffer(out, layout)
    }
}

/// The shape that both operands broadcast to.
#[track_caller]
fn broadcast<A: Element, B: Element>(op: &str, a: &Tensor<A>, b: &Tensor<B>) -> Dims {
    match broadcast_shape(a.shape(), b.shape()) {
        Some(shape) => shape,
        None => panic!("{op}: shapes do not broadcast: lhs {:?}, rhs {:?}", a.shape(), b.shape()),
    }
}

/// Runs `body` over pieces of `x`, in parallel where there is enough to do.
fn for_each_task<E: Send>(x: &mut [E], body: impl Fn(&mut [E]) + Sync) {
    if x.len() <= TASK {
        simd(
            #[inline(always)]
            || body(x),
        );
    } else {
        x.par_chunks_mut(TASK).for_each(|x| {
            simd(
                #[inline(always)]
                || body(x),
            );
        });
    }
}
