//! Tensors from values, functions and random numbers.

use rand_distr::{Distribution, StandardNormal, StandardUniform};

use crate::element::{Element, Float, Number};
use crate::kernels::buffer::Buffer;
use crate::layout::{Dims, Layout, MAX_RANK};
use crate::rng::Rng;
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
    #[track_caller]
    pub fn full(shape: &[usize], value: E) -> Self {
        Tensor::filled("full", shape, value)
    }

    /// Every element zero (or false).
    #[track_caller]
    pub fn zeros(shape: &[usize]) -> Self {
        Tensor::filled("zeros", shape, E::default())
    }

    /// Every element one (or true).
    #[track_caller]
    pub fn ones(shape: &[usize]) -> Self {
        Tensor::filled("ones", shape, E::ONE)
    }

    #[track_caller]
    fn filled(op: &str, shape: &[usize], value: E) -> Self {
        let layout = checked::<E>(op, shape);
        Tensor::from_buffer(Buffer::filled(layout.len(), value), layout)
    }

    /// Every element the function of its index, called in row-major order.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let t = Tensor::from_fn(&[2, 3], |i| (10 * i[0] + i[1]) as i64);
    /// assert_eq!(t.to_vec(), [0, 1, 2, 10, 11, 12]);
    /// ```
    #[track_caller]
    pub fn from_fn(shape: &[usize], mut f: impl FnMut(&[usize]) -> E) -> Self {
        let layout = checked::<E>("from_fn", shape);
        let mut data = Buffer::stale(layout.len());
        let mut index = Dims::repeat(0, shape.len());
        for x in data.iter_mut() {
            *x = f(&index);
            for i in (0..shape.len()).rev() {
                index[i] += 1;
                if index[i] < shape[i] {
                    break;
                }
                index[i] = 0;
            }
        }
        Tensor::from_buffer(data, layout)
    }
}

impl<E: Number> Tensor<E> {
    /// `0, 1, ..., n - 1`.
    #[track_caller]
    pub fn arange(n: usize) -> Self {
        Tensor::from_fn(&[n], |i| E::from_i64(i[0] as i64))
    }

    /// `start, start + step, start + 2 step, ...` up to, not including, `end`. PyTorch's `arange(start, end, step)`.
    ///
    /// # Panics
    /// If the step is zero or leads away from the end, or if a number is not finite.
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
            let [start, end, step] = [start, end, step].map(|x| i128::from(x.to_i64()));
            let count = (end - start).unsigned_abs().div_ceil(step.unsigned_abs()) as usize;
            return Tensor::from_fn(&[count], |i| E::from_i64((start + step * i[0] as i128) as i64));
        }
        // In f64 for every type, and each number from its index: errors do not add up.
        let [start, end, step] = [start, end, step].map(Element::to_f64);
        let count = ((end - start) / step).ceil() as usize;
        Tensor::from_fn(&[count], |i| E::from_f64(start + step * i[0] as f64))
    }

    /// The identity matrix of `n` rows: ones on the diagonal, zeros elsewhere.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::<f32>::eye(2).to_vec(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn eye(n: usize) -> Self {
        Tensor::from_fn(&[n, n], |i| if i[0] == i[1] { E::ONE } else { E::default() })
    }
}

impl<E: Float> Tensor<E> {
    /// Standard normal random numbers: mean 0, variance 1. `torch.randn`.
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
        Tensor::from_fn(shape, |_| E::from_f64(StandardNormal.sample(rng)))
    }

    /// `steps` numbers at equal distances from `start` to `end`, both included. `torch.linspace`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::<f32>::linspace(-1.0, 1.0, 5).to_vec(), [-1.0, -0.5, 0.0, 0.5, 1.0]);
    /// ```
    #[track_caller]
    pub fn linspace(start: f64, end: f64, steps: usize) -> Self {
        let step = (end - start) / (steps.max(2) - 1) as f64;
        // Each half is counted from its own end, so that both ends are met exactly.
        Tensor::from_fn(&[steps], |i| {
            let (i, left) = (i[0], steps - 1 - i[0]);
            E::from_f64(if i <= left { start + step * i as f64 } else { end - step * left as f64 })
        })
    }

    /// Uniform random numbers in [0, 1). `torch.rand`.
    #[track_caller]
    pub fn rand(shape: &[usize], rng: &mut Rng) -> Self {
        Tensor::uniform(shape, 0.0, 1.0, rng)
    }

    /// Uniform random numbers in [`low`, `high`), or `low` if there is nothing between.
    ///
    /// # Panics
    /// If a bound is not finite in this type.
    #[track_caller]
    pub fn uniform(shape: &[usize], low: f64, high: f64, rng: &mut Rng) -> Self {
        let (bottom, top) = (E::from_f64(low), E::from_f64(high));
        let finite = bottom.to_f64().is_finite() && top.to_f64().is_finite() && (high - low).is_finite();
        assert!(finite, "uniform: bounds are not finite: low {low:?}, high {high:?}");
        Tensor::from_fn(shape, |_| {
            loop {
                // 24 random bits: in [0, 1) the conversion to f32 is exact. In other ranges it may round up to
                // `high`; such a number is drawn again.
                let bits: u32 = StandardUniform.sample(rng);
                let x = E::from_f64(low + (high - low) * f64::from(bits >> 8) / f64::from(1 << 24));
                if x < top || bottom >= top {
                    return x;
                }
            }
        })
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

#[track_caller]
fn checked<E: Element>(op: &str, shape: &[usize]) -> Layout {
    let shape = Dims::new(shape);
    shape.count(op, size_of::<E>());
    Layout::contiguous(shape)
}
