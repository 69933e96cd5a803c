//! Tensors from values, functions and random numbers.

use rand_distr::{Distribution, StandardNormal, StandardUniform};
use rayon::prelude::*;

use crate::element::{Element, Float, Number};
use crate::kernels::buffer::Buffer;
use crate::kernels::isa::simd;
use crate::layout::{Dims, Layout, MAX_RANK};
use crate::nest::TASK;
use crate::rng::Rng;
use crate::run;
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// The values of `data` in row-major order.
    ///
    /// # Panics
    /// If `shape` does not have exactly as many elements as `data`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let t = Tensor::from_vec(vec![1, 2, 3, 4, 5, 6_i64], &[2, 3]);
    /// assert_eq!(t.get(&[1, 0]), 4);
    /// ```
    #[track_caller]
    pub fn from_vec(data: Vec<E>, shape: &[usize]) -> Self {
        Tensor::copied("from_vec", &data, shape)
    }

    /// [`from_vec`](Self::from_vec) for a shape from outside, such as a file's: `None` if it has another number of
    /// elements, more axes than a tensor can have, or lengths that no memory could hold.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert!(Tensor::try_from_vec(vec![1, 2, 3, 4, 5, 6_i64], &[2, 3]).is_some());
    /// assert!(Tensor::<i64>::try_from_vec(vec![], &[0, usize::MAX, 2]).is_none());
    /// ```
    pub fn try_from_vec(data: Vec<E>, shape: &[usize]) -> Option<Self> {
        // A product that wraps around could by chance equal the number of elements.
        let count = (shape.len() <= MAX_RANK).then(|| Dims::new(shape).checked_count(size_of::<E>()))?;
        (count == Some(data.len())).then(|| Tensor::from_vec(data, shape))
    }

    /// A copy of the values of `data` in row-major order.
    ///
    /// # Panics
    /// If `shape` does not have exactly as many elements as `data`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from_slice(&[1, 2, 3_u8], &[3, 1]).shape(), [3, 1]);
    /// ```
    #[track_caller]
    pub fn from_slice(data: &[E], shape: &[usize]) -> Self {
        Tensor::copied("from_slice", data, shape)
    }

    #[track_caller]
    fn copied(op: &str, data: &[E], shape: &[usize]) -> Self {
        let layout = checked::<E>(op, shape);
        assert!(layout.len() == data.len(), "{op}: {} values for shape {shape:?}", data.len());
        Tensor::from_buffer(Buffer::from(data), layout)
    }

    /// A tensor without axes.
    pub fn scalar(value: E) -> Self {
        Tensor::full(&[], value)
    }

    /// Every element `value`.
    ///
    /// # Panics
    /// If memory cannot hold so many elements. (So does every function that is given a shape.)
    #[track_caller]
    pub fn full(shape: &[usize], value: E) -> Self {
        Tensor::filled("full", shape, value)
    }

    /// Every element zero (or false).
    ///
    /// # Panics
    /// If memory cannot hold so many elements.
    #[track_caller]
    pub fn zeros(shape: &[usize]) -> Self {
        Tensor::filled("zeros", shape, E::default())
    }

    /// Every element one (or true).
    ///
    /// # Panics
    /// If memory cannot hold so many elements.
    #[track_caller]
    pub fn ones(shape: &[usize]) -> Self {
        Tensor::filled("ones", shape, E::ONE)
    }

    #[track_caller]
    pub(crate) fn filled(op: &str, shape: &[usize], value: E) -> Self {
        let layout = checked::<E>(op, shape);
        Tensor::from_buffer(Buffer::filled(layout.len(), value), layout)
    }

    /// A tensor of this shape and order of memory, every element zero (or false). `torch.zeros_like`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1, 2], [3, 4_i64]]);
    /// assert_eq!(x.zeros_like().to_vec(), [0; 4]);
    /// assert_eq!(x.full_like(7).shape(), [2, 2]);
    /// ```
    pub fn zeros_like(&self) -> Self {
        self.full_like(E::default())
    }

    /// A tensor of this shape and order of memory, every element one (or true). `torch.ones_like`.
    pub fn ones_like(&self) -> Self {
        self.full_like(E::ONE)
    }

    /// A tensor of this shape and order of memory, every element `value`. `torch.full_like`.
    pub fn full_like(&self, value: E) -> Self {
        let layout = self.layout.dense_or_contiguous();
        Tensor::from_buffer(Buffer::filled(layout.len(), value), layout)
    }

    /// Every element the function of its index, called in row-major order.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let t = Tensor::from_fn(&[2, 3], |i| (10 * i[0] + i[1]) as i64);
    /// assert_eq!(t.to_vec(), [0, 1, 2, 10, 11, 12]);
    /// ```
    ///
    /// # Panics
    /// If memory cannot hold so many elements.
    #[track_caller]
    pub fn from_fn(shape: &[usize], f: impl FnMut(&[usize]) -> E) -> Self {
        Tensor::generated("from_fn", shape, f)
    }

    /// [`from_fn`](Self::from_fn) for the operation `op`.
    #[track_caller]
    fn generated(op: &str, shape: &[usize], mut f: impl FnMut(&[usize]) -> E) -> Self {
        let layout = checked::<E>(op, shape);
        let mut data = Buffer::stale(layout.len());
        let mut index = Dims::repeat(0, shape.len());
        for x in data.iter_mut() {
            *x = f(&index);
            index.count_up(&layout.shape);
        }
        Tensor::from_buffer(data, layout)
    }

    /// `f(0)`, `f(1)`, ...
    #[track_caller]
    fn numbered(op: &str, count: usize, f: impl Fn(usize) -> E + Sync) -> Self {
        let layout = checked::<E>(op, &[count]);
        let mut data = Buffer::stale(count);
        let several = |(task, out): (usize, &mut [E])| {
            simd(
                #[inline(always)]
                || run::fill(out, |i| f(task * TASK + i)),
            );
        };
        if count <= TASK {
            several((0, &mut data));
        } else {
            data.par_chunks_mut(TASK).enumerate().for_each(several);
        }
        Tensor::from_buffer(data, layout)
    }

    /// What `f` gives, call after call, in row-major order.
    #[track_caller]
    fn drawn(op: &str, shape: &[usize], mut f: impl FnMut() -> E) -> Self {
        let layout = checked::<E>(op, shape);
        let mut data = Buffer::stale(layout.len());
        data.iter_mut().for_each(|x| *x = f());
        Tensor::from_buffer(data, layout)
    }
}

impl<E: Number> Tensor<E> {
    /// `0, 1, ..., n - 1`.
    ///
    /// # Panics
    /// If memory cannot hold so many elements.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::<f32>::arange(3).to_vec(), [0.0, 1.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn arange(n: usize) -> Self {
        Tensor::numbered("arange", n, |i| E::from_i64(i as i64))
    }

    /// `start, start + step, start + 2 step, ...` up to, not including, `end`. PyTorch's `arange(start, end, step)`.
    ///
    /// # Panics
    /// If the step is zero or leads away from the end, if a number is not finite, or if memory cannot hold so many.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::arange_step(5_i64, -2, -3).to_vec(), [5, 2, -1]);
    /// assert_eq!(Tensor::arange_step(0.0_f32, 1.0, 0.25).to_vec(), [0.0, 0.25, 0.5, 0.75]);
    /// ```
    #[track_caller]
    pub fn arange_step(start: E, end: E, step: E) -> Self {
        use crate::element::DType::{Bool, I64, U8};
        let zero = E::default();
        let leads = (step > zero && end >= start) || (step < zero && end <= start);
        let finite = [start, end, step].iter().all(|x| x.to_f64().is_finite());
        assert!(leads && finite, "arange_step: no steps of {step:?} lead from {start:?} to {end:?}");
        if matches!(E::DTYPE, U8 | I64 | Bool) {
            let [start, end, step] = [start, end, step].map(Element::to_i64);
            let count = end.abs_diff(start).div_ceil(step.unsigned_abs()) as usize;
            // The product may wrap around, and the sum then wraps back.
            return Tensor::numbered("arange_step", count, |i| {
                E::from_i64(start.wrapping_add(step.wrapping_mul(i as i64)))
            });
        }
        // In f64 for every type, and each number from its index: errors do not add up.
        let [start, end, step] = [start, end, step].map(Element::to_f64);
        let count = ((end - start) / step).ceil() as usize;
        Tensor::numbered("arange_step", count, |i| E::from_f64(start + step * i as f64))
    }

    /// The identity matrix of `n` rows: ones on the diagonal, zeros elsewhere.
    ///
    /// # Panics
    /// If memory cannot hold so many elements.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::<f32>::eye(2).to_vec(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn eye(n: usize) -> Self {
        Tensor::generated("eye", &[n, n], |i| if i[0] == i[1] { E::ONE } else { E::default() })
    }
}

impl<E: Float> Tensor<E> {
    /// Standard normal random numbers: mean 0, variance 1. `torch.randn`.
    ///
    /// # Panics
    /// If memory cannot hold so many elements.
    ///
    /// ```
    /// # use downhill_tensor::{Rng, Tensor};
    /// let x = Tensor::<f32>::randn(&[28 * 28, 1], &mut Rng::new(42));
    /// let same = Tensor::<f32>::randn(&[28 * 28, 1], &mut Rng::new(42));
    /// assert_eq!(x.to_vec(), same.to_vec());
    /// ```
    #[track_caller]
    pub fn randn(shape: &[usize], rng: &mut Rng) -> Self {
        // Drawn in f64 for every type, so that an f32 model and its f64 twin start alike.
        Tensor::drawn("randn", shape, || E::from_f64(StandardNormal.sample(rng)))
    }

    /// Standard normal random numbers in the shape of this tensor. `torch.randn_like`.
    pub fn randn_like(&self, rng: &mut Rng) -> Self {
        Tensor::drawn("randn_like", self.shape(), || E::from_f64(StandardNormal.sample(rng)))
    }

    /// `steps` numbers at equal distances from `start` to `end`, both included. `torch.linspace`.
    ///
    /// # Panics
    /// If memory cannot hold so many elements.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::<f32>::linspace(-1.0, 1.0, 5).to_vec(), [-1.0, -0.5, 0.0, 0.5, 1.0]);
    /// ```
    #[track_caller]
    pub fn linspace(start: f64, end: f64, steps: usize) -> Self {
        let step = (end - start) / (steps.max(2) - 1) as f64;
        // Each half is counted from its own end, so that both ends are met exactly.
        Tensor::numbered("linspace", steps, |i| {
            let left = steps - 1 - i;
            E::from_f64(if i <= left { start + step * i as f64 } else { end - step * left as f64 })
        })
    }

    /// Uniform random numbers in [0, 1). `torch.rand`.
    ///
    /// # Panics
    /// If memory cannot hold so many elements.
    #[track_caller]
    pub fn rand(shape: &[usize], rng: &mut Rng) -> Self {
        Tensor::drawn("rand", shape, || between(0.0, 1.0, rng))
    }

    /// Uniform random numbers in [0, 1) in the shape of this tensor. `torch.rand_like`.
    ///
    /// ```
    /// # use downhill_tensor::{Rng, Tensor};
    /// let x = Tensor::<f32>::zeros(&[2, 3]);
    /// let keep = x.rand_like(&mut Rng::new(1)).lt(0.5);
    /// assert_eq!(keep.shape(), [2, 3]);
    /// ```
    pub fn rand_like(&self, rng: &mut Rng) -> Self {
        Tensor::drawn("rand_like", self.shape(), || between(0.0, 1.0, rng))
    }

    /// Uniform random numbers in [`low`, `high`), or `low` if there is nothing between.
    ///
    /// # Panics
    /// If a bound is not finite in this type, or memory cannot hold so many elements.
    #[track_caller]
    pub fn uniform(shape: &[usize], low: f64, high: f64, rng: &mut Rng) -> Self {
        let finite = [low, high].iter().all(|&x| E::from_f64(x).to_f64().is_finite());
        let finite = finite && (high - low).is_finite();
        assert!(finite, "uniform: bounds are not finite: low {low:?}, high {high:?}");
        Tensor::drawn("uniform", shape, || between(low, high, rng))
    }
}

/// A random number in [`low`, `high`), or `low` if there is nothing between.
fn between<E: Float>(low: f64, high: f64, rng: &mut Rng) -> E {
    let (bottom, top) = (E::from_f64(low), E::from_f64(high));
    loop {
        // 24 random bits: in [0, 1) the conversion to f32 is exact. In other ranges it may round up to `high`; such a
        // number is drawn again.
        let bits: u32 = StandardUniform.sample(rng);
        let x = E::from_f64(low + (high - low) * f64::from(bits >> 8) / f64::from(1 << 24));
        if x < top || bottom >= top {
            return x;
        }
    }
}

impl Tensor<i64> {
    /// Random whole numbers from `low` up to, not including, `high`, every one equally likely. `torch.randint`.
    ///
    /// # Panics
    /// If there is no number between, or memory cannot hold so many elements.
    ///
    /// ```
    /// # use downhill_tensor::{Rng, Tensor};
    /// let labels = Tensor::randint(0, 10, &[64], &mut Rng::new(1));
    /// assert!(labels.ge(0).all(..).item() && labels.lt(10).all(..).item());
    /// ```
    #[track_caller]
    pub fn randint(low: i64, high: i64, shape: &[usize], rng: &mut Rng) -> Self {
        assert!(low < high, "randint: there is no number from {low} up to {high}");
        let count = high.abs_diff(low) as usize;
        Tensor::drawn("randint", shape, || low.wrapping_add(rng.below(count) as i64))
    }
}

impl<E: Element> From<E> for Tensor<E> {
    fn from(value: E) -> Self {
        Tensor::scalar(value)
    }
}

impl<E: Element> From<&Tensor<E>> for Tensor<E> {
    fn from(tensor: &Tensor<E>) -> Self {
        tensor.clone()
    }
}

impl<E: Element, const N: usize> From<[E; N]> for Tensor<E> {
    fn from(values: [E; N]) -> Self {
        Tensor::from_slice(&values, &[N])
    }
}

impl<E: Element, const N: usize, const M: usize> From<[[E; N]; M]> for Tensor<E> {
    fn from(rows: [[E; N]; M]) -> Self {
        Tensor::from_slice(rows.as_flattened(), &[M, N])
    }
}

impl<E: Element> From<Vec<E>> for Tensor<E> {
    fn from(values: Vec<E>) -> Self {
        Tensor::from_slice(&values, &[values.len()])
    }
}

/// The items of an iterator as a vector.
///
/// ```
/// # use downhill_tensor::Tensor;
/// let squares: Tensor<i64> = (0..4).map(|i| i * i).collect();
/// assert_eq!(squares.to_vec(), [0, 1, 4, 9]);
/// ```
impl<E: Element> FromIterator<E> for Tensor<E> {
    fn from_iter<I: IntoIterator<Item = E>>(items: I) -> Self {
        Tensor::from(Vec::from_iter(items))
    }
}

/// The row-major layout of a shape, if memory can hold it.
#[track_caller]
fn checked<E: Element>(op: &str, shape: &[usize]) -> Layout {
    let shape = Dims::named(op, shape);
    shape.count(op, size_of::<E>());
    Layout::contiguous(shape)
}
