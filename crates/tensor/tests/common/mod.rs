//! What the tests share: a naive array as oracle, and tensors in every memory form with their naive twin.
#![allow(dead_code)] // every test file takes what it needs

use downhill_tensor::{Element, Tensor};
use proptest::prelude::*;

/// A row-major array whose every operation is index arithmetic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Naive<E> {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<E>,
}

/// All indices of a shape in row-major order.
pub(crate) fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for &d in shape {
        all = all
            .into_iter()
            .flat_map(|index| (0..d).map(move |i| index.iter().copied().chain([i]).collect()))
            .collect();
    }
    all
}

impl<E: Copy> Naive<E> {
    pub(crate) fn from_fn(shape: &[usize], f: impl FnMut(&[usize]) -> E) -> Self {
        let mut f = f;
        Naive { shape: shape.to_vec(), data: indices(shape).iter().map(|i| f(i)).collect() }
    }

    pub(crate) fn get(&self, index: &[usize]) -> E {
        assert_eq!(index.len(), self.shape.len());
        let mut at = 0;
        for (&i, &d) in index.iter().zip(&self.shape) {
            assert!(i < d);
            at = at * d + i;
        }
        self.data[at]
    }

    /// The element that broadcasting puts at `index` of a larger shape.
    pub(crate) fn get_broadcast(&self, index: &[usize]) -> E {
        let own = &index[index.len() - self.shape.len()..];
        let own: Vec<usize> =
            own.iter().zip(&self.shape).map(|(&i, &d)| if d == 1 { 0 } else { i }).collect();
        self.get(&own)
    }

    pub(crate) fn map<O: Copy>(&self, f: impl Fn(E) -> O) -> Naive<O> {
        Naive { shape: self.shape.clone(), data: self.data.iter().map(|&x| f(x)).collect() }
    }

    pub(crate) fn zip<B: Copy, O: Copy>(&self, rhs: &Naive<B>, f: impl Fn(E, B) -> O) -> Naive<O> {
        let shape = broadcast_shape(&self.shape, &rhs.shape);
        Naive::from_fn(&shape, |i| f(self.get_broadcast(i), rhs.get_broadcast(i)))
    }

    /// Axis `i` of the result is axis `order[i]` of this array.
    pub(crate) fn permute(&self, order: &[usize]) -> Self {
        let shape: Vec<usize> = order.iter().map(|&o| self.shape[o]).collect();
        Naive::from_fn(&shape, |i| {
            let mut index = vec![0; i.len()];
            for (&o, &i) in order.iter().zip(i) {
                index[o] = i;
            }
            self.get(&index)
        })
    }

    pub(crate) fn slice(&self, dim: usize, start: usize, end: usize, step: usize) -> Self {
        let mut shape = self.shape.clone();
        shape[dim] = (start..end).step_by(step).count();
        Naive::from_fn(&shape, |i| {
            let mut index = i.to_vec();
            index[dim] = start + i[dim] * step;
            self.get(&index)
        })
    }

    pub(crate) fn expand(&self, shape: &[usize]) -> Self {
        Naive::from_fn(shape, |i| self.get_broadcast(i))
    }

    pub(crate) fn reshape(&self, shape: &[usize]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), self.data.len());
        Naive { shape: shape.to_vec(), data: self.data.clone() }
    }

    /// Folds the elements along the marked axes, which stay with length one.
    pub(crate) fn fold<A: Copy>(&self, reduced: &[bool], start: A, f: impl Fn(A, E) -> A) -> Naive<A> {
        let shape: Vec<usize> =
            self.shape.iter().zip(reduced).map(|(&d, &r)| if r { 1 } else { d }).collect();
        let mut out = Naive::from_fn(&shape, |_| start);
        for (number, &x) in self.data.iter().enumerate() {
            let (mut rest, mut at, mut stride) = (number, 0, 1);
            for (k, &d) in self.shape.iter().enumerate().rev() {
                if !reduced[k] {
                    at += rest % d * stride;
                    stride *= d;
                }
                rest /= d;
            }
            out.data[at] = f(out.data[at], x);
        }
        out
    }
}

pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let padded = |s: &[usize]| [vec![1; rank - s.len()], s.to_vec()].concat();
    let one = |(x, y): (usize, usize)| {
        assert!(x == y || x == 1 || y == 1, "the strategy makes shapes that broadcast");
        if x == 1 { y } else { x }
    };
    padded(a).into_iter().zip(padded(b)).map(one).collect()
}

/// Asserts that tensor and array agree, through every way to read a tensor.
#[track_caller]
pub(crate) fn assert_same<E: Element>(tensor: &Tensor<E>, naive: &Naive<E>) {
    assert_eq!(tensor.shape(), naive.shape, "shape");
    assert_eq!(tensor.numel(), naive.data.len(), "numel");
    assert_eq!(tensor.to_vec(), naive.data, "to_vec of strides {:?}", tensor.strides());
    assert!(tensor.iter().eq(naive.data.iter().copied()), "iter of strides {:?}", tensor.strides());
    for (index, &x) in indices(&naive.shape).iter().zip(&naive.data) {
        assert_eq!(tensor.get(index), x, "get at {index:?}");
    }
    if let Some(slice) = tensor.as_slice() {
        assert_eq!(slice, naive.data, "as_slice");
    }
}

/// One step from a contiguous tensor to a less tidy one. Numbers are taken modulo what makes sense.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Permute(usize),
    Narrow { axis: usize, before: usize, after: usize },
    Stride { axis: usize, start: usize, step: usize, rest: usize },
    Expand { axis: usize },
}

/// The `code`-th order of `rank` axes.
pub(crate) fn order(rank: usize, mut code: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..rank).collect();
    (0..rank)
        .map(|_| {
            let n = left.len();
            let axis = left.remove(code % n);
            code /= n;
            axis
        })
        .collect()
}

impl Step {
    /// The shape from which this step leads to `shape`.
    fn shape_before(&self, shape: &[usize]) -> Vec<usize> {
        let rank = shape.len();
        let mut before = shape.to_vec();
        match *self {
            _ if rank == 0 => {}
            Step::Permute(code) => {
                order(rank, code).iter().zip(shape).for_each(|(&o, &d)| before[o] = d);
            }
            Step::Narrow { axis, before: b, after } => before[axis % rank] += b + after,
            Step::Stride { axis, start, step, rest } => {
                let d = shape[axis % rank];
                before[axis % rank] = start + d.saturating_sub(1) * step + usize::from(d > 0) + rest % step;
            }
            Step::Expand { axis } => before[axis % rank] = 1,
        }
        before
    }

    fn apply<E: Element>(&self, t: &Tensor<E>, n: &Naive<E>, shape: &[usize]) -> (Tensor<E>, Naive<E>) {
        let rank = shape.len();
        match *self {
            _ if rank == 0 => (t.clone(), n.clone()),
            Step::Permute(code) => {
                let order = order(rank, code);
                let dims: Vec<isize> = order.iter().map(|&o| o as isize).collect();
                (t.permute(&dims), n.permute(&order))
            }
            Step::Narrow { axis, before, .. } => {
                let (dim, len) = (axis % rank, shape[axis % rank]);
                (t.narrow(dim as isize, before, len), n.slice(dim, before, before + len, 1))
            }
            Step::Stride { axis, start, step, rest } => {
                let (dim, d) = (axis % rank, shape[axis % rank]);
                let end = if d == 0 { start } else { start + (d - 1) * step + 1 + rest % step };
                (t.slice(dim as isize, start, end, step), n.slice(dim, start, end, step))
            }
            Step::Expand { .. } => (t.expand(shape), n.expand(shape)),
        }
    }
}

/// How a tensor lies in memory: the steps that lead to it from a contiguous one.
pub(crate) type Memory = Vec<Step>;

/// A tensor of `shape` in the given memory form, and its naive twin. `value` gives the element at each position
/// of the underlying memory.
pub(crate) fn build<E: Element>(
    shape: &[usize],
    memory: &[Step],
    mut value: impl FnMut(usize) -> E,
) -> (Tensor<E>, Naive<E>) {
    let mut shapes = vec![shape.to_vec()];
    for step in memory.iter().rev() {
        shapes.push(step.shape_before(shapes.last().unwrap()));
    }
    shapes.reverse();
    let mut count = 0;
    let data = Naive::from_fn(&shapes[0], |_| {
        count += 1;
        value(count - 1)
    });
    let mut pair = (Tensor::from_slice(&data.data, &shapes[0]), data);
    for (step, shape) in memory.iter().zip(&shapes[1..]) {
        pair = step.apply(&pair.0, &pair.1, shape);
    }
    assert_eq!(pair.1.shape, shape);
    pair
}

/// Small integers in a scrambled order, so that float arithmetic is exact; never zero.
pub(crate) fn small(seed: usize) -> impl Fn(usize) -> f64 {
    move |i| {
        let x = (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 40_503) >> 3) % 16;
        x as f64 - if x < 8 { 8.0 } else { 7.0 }
    }
}

pub(crate) fn axis_length() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0_usize), 3 => Just(1), 12 => 2..=5_usize]
}

pub(crate) fn shape(max_rank: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(axis_length(), 0..=max_rank)
}

pub(crate) fn memory() -> impl Strategy<Value = Memory> {
    let step = prop_oneof![
        3 => (0..24_usize).prop_map(Step::Permute),
        2 => (0..4_usize, 0..3_usize, 0..3_usize)
            .prop_map(|(axis, before, after)| Step::Narrow { axis, before, after }),
        2 => (0..4_usize, 0..2_usize, 1..4_usize, 0..3_usize)
            .prop_map(|(axis, start, step, rest)| Step::Stride { axis, start, step, rest }),
        1 => (0..4_usize).prop_map(|axis| Step::Expand { axis }),
    ];
    prop::collection::vec(step, 0..=3)
}

/// A shape, and `N` shapes that broadcast together to it or to less.
pub(crate) fn broadcastable<const N: usize>() -> impl Strategy<Value = [Vec<usize>; N]> {
    let thin = prop::collection::vec((any::<u8>(), any::<u8>()), N);
    (shape(4), thin).prop_map(|(shape, thin)| {
        std::array::from_fn(|k| {
            let (dropped, ones) = thin[k];
            // A quarter keep the full shape, so that equal shapes are common.
            if dropped < 64 {
                return shape.clone();
            }
            let own = &shape[dropped as usize % (shape.len() + 1)..];
            own.iter().enumerate().map(|(i, &d)| if ones >> i & 1 == 1 { 1 } else { d }).collect()
        })
    })
}
