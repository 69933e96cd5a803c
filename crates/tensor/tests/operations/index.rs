//! Indexing, padding, splitting and counting, against loops over every index.

use crate::common::{Naive, assert_same, build, memory, shape, small};
use downhill_tensor::{Rng, Tensor, cat};
use proptest::prelude::*;

/// An array of indices below `len`, no longer than `shape` off axis `dim`.
fn index(shape: &[usize], dim: usize, seed: usize) -> Naive<i64> {
    let len = shape[dim];
    let mut own: Vec<usize> = shape.iter().enumerate().map(|(i, &d)| d - (seed >> i & 1).min(d)).collect();
    own[dim] = if len == 0 { 0 } else { seed % 4 };
    let mut i = seed;
    Naive::from_fn(&own, |_| {
        i = i.wrapping_mul(2_654_435_761).wrapping_add(12_345);
        ((i >> 7) % len.max(1)) as i64
    })
}

/// `index` with `to` at axis `dim`.
fn replaced(index: &[usize], dim: usize, to: usize) -> Vec<usize> {
    index.iter().enumerate().map(|(i, &own)| if i == dim { to } else { own }).collect()
}

proptest! {
    #[test]
    fn gather_and_scatter(shape in shape(4), form in memory(), other in memory(), code in any::<(u8, u16)>()) {
        prop_assume!(!shape.is_empty());
        let dim = code.0 as usize % shape.len();
        let (x, naive) = build(&shape, &form, small(1));
        let index = index(&shape, dim, code.1 as usize);
        let tensor = Tensor::from_slice(&index.data, &index.shape);
        let pointed = |i: &[usize]| {
            let mut to = i.to_vec();
            to[dim] = index.get(i) as usize;
            to
        };
        let expected = Naive::from_fn(&index.shape, |i| naive.get(&pointed(i)));
        assert_same(&x.gather(dim as isize, &tensor), &expected);
        assert_same(&x.gather(dim as isize - shape.len() as isize, &tensor), &expected);

        let (source, naive_source) = build(&index.shape, &other, small(2));
        let mut sum = naive.clone();
        for i in crate::common::indices(&index.shape) {
            let to = pointed(&i).iter().zip(&shape).fold(0, |at, (&i, &d)| at * d + i);
            sum.data[to] += naive_source.get(&i);
        }
        let mut target = x.clone();
        target.scatter_add_(dim as isize, &tensor, &source);
        assert_same(&target, &sum);
        assert_same(&x, &naive); // another handle on the same storage
    }

    #[test]
    fn index_add(shape in shape(4), form in memory(), other in memory(), dim in any::<u8>(), index in prop::collection::vec(0..8_usize, 0..6)) {
        prop_assume!(!shape.is_empty());
        let dim = dim as usize % shape.len();
        let index: Vec<usize> = index.into_iter().filter(|&i| i < shape[dim]).collect();
        let (x, naive) = build(&shape, &form, small(1));
        let mut rows = shape.clone();
        rows[dim] = index.len();
        let (source, naive_source) = build(&rows, &other, small(2));
        let mut sum = naive.clone();
        for i in crate::common::indices(&rows) {
            let mut to = i.clone();
            to[dim] = index[i[dim]];
            let to = to.iter().zip(&shape).fold(0, |at, (&i, &d)| at * d + i);
            sum.data[to] += naive_source.get(&i);
        }
        let mut target = x.clone();
        target.index_add_(dim as isize, &index, &source);
        assert_same(&target, &sum);
        assert_same(&x, &naive);
    }

    #[test]
    fn pad(shape in shape(4), form in memory(), pairs in prop::collection::vec((0..4_usize, 0..4_usize), 0..=4)) {
        let (x, naive) = build(&shape, &form, small(1));
        let pairs = &pairs[..pairs.len().min(shape.len())];
        let padding: Vec<usize> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
        let mut before = vec![0; shape.len()];
        let mut padded = shape.clone();
        for (i, &(a, b)) in pairs.iter().enumerate() {
            let at = shape.len() - 1 - i;
            before[at] = a;
            padded[at] += a + b;
        }
        let expected = Naive::from_fn(&padded, |i| {
            let from: Option<Vec<usize>> = i.iter().zip(&before).map(|(&i, &b)| i.checked_sub(b)).collect();
            from.filter(|from| from.iter().zip(&shape).all(|(i, d)| i < d)).map_or(-77.0, |i| naive.get(&i))
        });
        assert_same(&x.pad(&padding, -77.0), &expected);
    }

    #[test]
    fn split_chunk_flip_and_roll(shape in shape(4), form in memory(), dim in any::<u8>(), n in 1..6_usize, shift in -9..9_isize) {
        prop_assume!(!shape.is_empty());
        let dim = dim as usize % shape.len();
        let (d, len) = (dim as isize, shape[dim]);
        let (x, naive) = build(&shape, &form, small(1));
        let lengths = |parts: &[Tensor<f64>]| parts.iter().map(|p| p.size(d)).collect::<Vec<_>>();

        let parts = x.split(n, d);
        assert_same(&cat(&parts, d), &naive);
        let lengths_of_split = lengths(&parts);
        let (last, whole) = lengths_of_split.split_last().unwrap();
        prop_assert!(whole.iter().all(|&l| l == n) && *last <= n && (*last > 0 || len == 0));

        let parts = x.chunk(n, d);
        assert_same(&cat(&parts, d), &naive);
        prop_assert!(parts.len() <= n && parts.iter().all(|p| p.shares_storage(&x)));
        prop_assert_eq!(lengths(&parts)[0], len.div_ceil(n));

        let moved = |to: &dyn Fn(usize) -> usize| {
            Naive::from_fn(&shape, |i| {
                let mut from = i.to_vec();
                from[dim] = to(i[dim]);
                naive.get(&from)
            })
        };
        assert_same(&x.flip(&[d]), &moved(&|i| len - 1 - i));
        let axes: Vec<isize> = (0..shape.len() as isize).collect();
        let last = |i: &[usize]| i.iter().zip(&shape).map(|(i, n)| n - 1 - i).collect::<Vec<_>>();
        assert_same(&x.flip(&axes), &Naive::from_fn(&shape, |i| naive.get(&last(i))));
        let index: Vec<usize> = (0..len).map(|i| i * n % len).collect();
        let chosen = Naive::from_fn(&shape, |i| naive.get(&replaced(i, dim, index[i[dim]])));
        assert_same(&x.index_select(d, &index), &chosen);
        assert_same(&x.roll(shift, d), &moved(&|i| (i as isize - shift).rem_euclid(len as isize) as usize));
    }

    #[test]
    fn masked_fill(shape in shape(4), form in memory(), keep in any::<u32>()) {
        let (x, naive) = build(&shape, &form, small(1));
        let (mask, naive_mask) = build(&shape, &form, |i| keep >> (i % 32) & 1 == 1);
        let expected = naive.zip(&naive_mask, |x, m| if m { 9.0 } else { x });
        assert_same(&x.masked_fill(&mask, 9.0), &expected);
        let mut target = x.clone();
        target.masked_fill_(&mask, 9.0);
        assert_same(&target, &expected);
    }

    /// All operands broadcast to the first, in runs longer and shorter than a block.
    #[test]
    fn fuse(shapes in crate::common::broadcastable::<3>(), forms in [memory(), memory(), memory()], long in 60..140_usize) {
        let shape = crate::common::broadcast_shape(&crate::common::broadcast_shape(&shapes[0], &shapes[1]), &shapes[2]);
        let mut shape = shape;
        let mut shapes = shapes;
        if let Some(last) = shape.last_mut() {
            *last = long;
            shapes.iter_mut().filter_map(|s| s.last_mut()).for_each(|d| if *d != 1 { *d = long });
        }
        let (a, na) = build(&shape, &forms[0], small(1));
        let (b, nb) = build(&shapes[1], &forms[1], small(2));
        let (c, nc) = build(&shapes[2], &forms[2], small(3));
        let fused = Tensor::fuse("test", [&a, &b, &c], |[a, b, c]| 100.0 * a + 10.0 * b + c);
        assert_same(&fused, &na.zip(&nb, |a, b| 100.0 * a + 10.0 * b).zip(&nc, |ab, c| ab + c));
    }
}

proptest! {
    #[test]
    fn repeat(shape in shape(3), form in memory(), times in prop::collection::vec(0..4_usize, 0..=4)) {
        let (x, naive) = build(&shape, &form, small(1));
        let times = [vec![2; shape.len().saturating_sub(times.len())], times].concat();
        let padded = naive.reshape(&[vec![1; times.len() - shape.len()], shape].concat());
        let longer: Vec<usize> = padded.shape.iter().zip(&times).map(|(d, n)| d * n).collect();
        let from = |i: &[usize]| i.iter().zip(&padded.shape).map(|(i, d)| i % d).collect::<Vec<_>>();
        assert_same(&x.repeat(&times), &Naive::from_fn(&longer, |i| padded.get(&from(i))));
    }

    #[test]
    fn triangles_and_diagonals(shape in shape(4), form in memory(), offset in -6..7_isize) {
        prop_assume!(shape.len() >= 2);
        let (x, naive) = build(&shape, &form, small(1));
        let right = |i: &[usize]| i[i.len() - 1] as isize - i[i.len() - 2] as isize;
        let lower = Naive::from_fn(&shape, |i| if right(i) <= offset { naive.get(i) } else { 0.0 });
        assert_same(&x.tril(offset), &lower);
        let upper = Naive::from_fn(&shape, |i| if right(i) >= offset { naive.get(i) } else { 0.0 });
        assert_same(&x.triu(offset), &upper);
        if let &[rows, columns] = &shape[..] {
            let all = crate::common::indices(&[rows, columns]);
            let on: Vec<f64> = all.iter().filter(|i| right(i) == offset).map(|i| naive.get(i)).collect();
            let diagonal = x.diagonal(offset);
            prop_assert!(diagonal.shares_storage(&x));
            assert_same(&diagonal, &Naive { shape: vec![on.len()], data: on.clone() });
            // And back: the vector as the diagonal of a square matrix.
            let n = on.len() + offset.unsigned_abs();
            let square = Naive::from_fn(&[n, n], |i| if right(i) == offset { on[i[0].min(i[1])] } else { 0.0 });
            assert_same(&diagonal.diag(offset), &square);
        }
    }

    #[test]
    fn truth_chooses(shape in shape(4), form in memory(), other in memory(), bits in any::<u32>()) {
        let (x, naive) = build(&shape, &form, small(1));
        let (mask, naive_mask) = build(&shape, &other, |i| bits >> (i % 32) & 1 == 1);
        let chosen: Vec<(Vec<usize>, f64)> = crate::common::indices(&shape).into_iter()
            .filter(|i| naive_mask.get(i)).map(|i| { let x = naive.get(&i); (i, x) }).collect();
        let values = chosen.iter().map(|c| c.1).collect::<Vec<_>>();
        prop_assert_eq!(x.masked_select(&mask).to_vec(), values);
        let places: Vec<i64> = chosen.iter().flat_map(|c| c.0.iter().map(|&i| i as i64)).collect();
        prop_assert_eq!(mask.nonzero().shape().to_vec(), vec![chosen.len(), shape.len()]);
        prop_assert_eq!(mask.nonzero().to_vec(), places);
        prop_assert_eq!(mask.count_nonzero(..).item() as usize, chosen.len());
        let scaled = mask.where_(&x, 0.0);
        prop_assert_eq!(scaled.nonzero().to_vec(), mask.nonzero().to_vec(), "no element of x is zero");
        for dim in 0..shape.len() as isize {
            prop_assert_eq!(scaled.count_nonzero(dim).to_vec(), mask.sum(dim).to_vec());
        }
    }

    #[test]
    fn unique_and_argsort(shape in shape(3), form in memory()) {
        let (x, naive) = build(&shape, &form, small(1));
        let mut values = naive.data.clone();
        values.sort_by(f64::total_cmp);
        values.dedup();
        prop_assert_eq!(x.unique().to_vec(), values);
        for dim in 0..shape.len() as isize {
            prop_assert_eq!(x.argsort(dim, true).to_vec(), x.sort(dim, true).1.to_vec());
        }
    }
}

/// Beyond the size of one task, where rows, columns and indices are shared out.
#[test]
fn large_tensors_are_written_in_parts() {
    let value = |i: &[usize]| (i.iter().fold(17, |h, &x| h * 31 + x) % 251) as i64;
    for shape in [[3, 40_001], [40_001, 3], [300, 401]] {
        let x = Tensor::from_fn(&shape, value);
        let naive = Naive::from_fn(&shape, value);
        let (rows, columns) = (shape[0], shape[1]);

        let padded = x.pad(&[2, 1, 1, 3], -1);
        for (at, i) in padded.iter().zip(crate::common::indices(&[rows + 4, columns + 3])) {
            let inside = (1..=rows).contains(&i[0]) && (2..columns + 2).contains(&i[1]);
            assert_eq!(at, if inside { naive.get(&[i[0] - 1, i[1] - 2]) } else { -1 });
        }

        let index = Tensor::from_fn(&shape, |i| ((i[0] * 7 + i[1] * 3) % columns) as i64);
        let mut expected = naive.clone();
        let mut last = naive.clone();
        for (i, to) in crate::common::indices(&shape).iter().zip(index.iter()) {
            expected.data[i[0] * columns + to as usize] += naive.get(i);
            last.data[i[0] * columns + to as usize] = naive.get(i) + 1;
        }
        let (mut added, mut stored) = (x.clone(), x.clone());
        assert_eq!(added.scatter_add_(1, &index, &x).to_vec(), expected.data);
        assert_eq!(stored.scatter_(1, &index, &(&x + 1)).to_vec(), last.data);
        // In memory of another order it is the same.
        let mut turned = x.t().contiguous().t();
        assert_eq!(turned.scatter_add_(1, &index, &x).to_vec(), expected.data);

        let places: Vec<usize> = (0..rows).map(|i| i * 5 % rows.min(7)).collect();
        let mut expected = naive.clone();
        for i in crate::common::indices(&shape) {
            expected.data[places[i[0]] * columns + i[1]] += naive.get(&i);
        }
        assert_eq!(x.clone().index_add_(0, &places, &x).to_vec(), expected.data);
        let taken = x.index_select(0, &places);
        assert!(
            crate::common::indices(&shape)
                .iter()
                .zip(taken.iter())
                .all(|(i, x)| x == naive.get(&[places[i[0]], i[1]]))
        );

        for dim in 0..2 {
            let twice = cat(&[x.clone(), x.t().contiguous().t()], dim);
            for part in twice.chunk(2, dim) {
                assert_eq!(part.to_vec(), naive.data);
            }
        }
    }
}

#[test]
fn counting() {
    assert_eq!(Tensor::<i64>::eye(3).to_vec(), [1, 0, 0, 0, 1, 0, 0, 0, 1]);
    assert_eq!(Tensor::<f32>::eye(0).shape(), [0, 0]);
    assert_eq!(Tensor::arange_step(1_i64, 8, 3).to_vec(), [1, 4, 7]);
    assert_eq!(Tensor::arange_step(1_i64, 7, 3).to_vec(), [1, 4]);
    assert_eq!(Tensor::arange_step(3_i64, 3, -1).numel(), 0);
    assert_eq!(Tensor::arange_step(i64::MIN, i64::MAX, i64::MAX).to_vec(), [i64::MIN, -1, i64::MAX - 1]);
    assert_eq!(Tensor::arange_step(250_u8, 255, 2).to_vec(), [250, 252, 254]);
    assert_eq!(Tensor::arange_step(1.0_f64, -0.6, -0.5).to_vec(), [1.0, 0.5, 0.0, -0.5]);
    let tenths = Tensor::arange_step(0.0_f64, 1.0, 0.1);
    assert!(tenths.iter().enumerate().all(|(i, x)| x == 0.1 * i as f64));

    assert_eq!(Tensor::<f64>::linspace(2.0, -2.0, 1).to_vec(), [2.0]);
    assert_eq!(Tensor::<f64>::linspace(2.0, -2.0, 2).to_vec(), [2.0, -2.0]);
    assert_eq!(Tensor::<f64>::linspace(0.0, 1.0, 0).numel(), 0);
    for steps in [3, 7, 50, 1000] {
        let x = Tensor::<f64>::linspace(-0.1, 0.7, steps).to_vec();
        assert_eq!((x[0], x[steps - 1]), (-0.1, 0.7));
        assert!(x.windows(2).all(|w| (w[1] - w[0] - 0.8 / (steps as f64 - 1.0)).abs() < 1e-15));
    }
}

#[test]
fn random_whole_numbers() {
    let x = Tensor::randint(-3, 4, &[7000], &mut Rng::new(1));
    for i in -3..4 {
        let count = x.eq(i).sum(..).item();
        assert!((880..1120).contains(&count), "{i} comes {count} times of 7000");
    }
    assert!(x.ge(-3).all(..).item() && x.lt(4).all(..).item());
    let wide = Tensor::randint(i64::MIN, i64::MAX, &[100], &mut Rng::new(1));
    assert!(wide.gt(0).any(..).item() && wide.lt(0).any(..).item());
    assert_eq!(
        Tensor::<f32>::zeros(&[4]).rand_like(&mut Rng::new(2)).to_vec(),
        Tensor::<f32>::rand(&[4], &mut Rng::new(2)).to_vec()
    );
    assert_eq!(
        Tensor::<f32>::zeros(&[4]).randn_like(&mut Rng::new(2)).to_vec(),
        Tensor::<f32>::randn(&[4], &mut Rng::new(2)).to_vec()
    );
    let turned = Tensor::<u8>::zeros(&[2, 3]).t();
    assert_eq!((turned.ones_like().strides(), turned.full_like(7).to_vec()), (turned.strides(), vec![7; 6]));
}

#[test]
fn activations_at_the_ends() {
    let x = Tensor::from([f64::NEG_INFINITY, -800.0, -0.0, 0.0, 800.0, f64::INFINITY, f64::NAN]);
    let ends = |t: Tensor<f64>| t.to_vec();
    let (gelu, silu, softplus) = (ends(x.gelu()), ends(x.silu()), ends(x.softplus()));
    assert_eq!(gelu[1..6], [0.0, 0.0, 0.0, 800.0, f64::INFINITY]);
    assert_eq!(silu[2..6], [0.0, 0.0, 800.0, f64::INFINITY]);
    assert!(silu[1].abs() < 1e-300 && softplus[1] >= 0.0 && softplus[1] < 1e-300);
    assert_eq!(softplus[0], 0.0);
    assert_eq!(softplus[4..6], [800.0, f64::INFINITY]);
    assert_eq!(softplus[2], std::f64::consts::LN_2);
    for y in [gelu, silu, softplus, ends(x.leaky_relu(0.1))] {
        assert!(y[6].is_nan());
    }
    assert_eq!(x.leaky_relu(0.25).to_vec()[..5], [f64::NEG_INFINITY, -200.0, 0.0, 0.0, 800.0]);
}

#[test]
fn in_place_twins() {
    let x = Tensor::from([[-1.5, 0.25], [0.5, 2.0_f64]]).t();
    let check = |f: fn(&Tensor<f64>) -> Tensor<f64>, in_place: &dyn Fn(&mut Tensor<f64>)| {
        let mut y = x.clone();
        in_place(&mut y);
        assert!(y.iter().zip(f(&x).iter()).all(|(a, b)| a == b || (a.is_nan() && b.is_nan())));
        assert_eq!(x.to_vec(), [-1.5, 0.5, 0.25, 2.0]);
    };
    check(Tensor::exp, &|y| _ = y.exp_());
    check(Tensor::ln, &|y| _ = y.ln_());
    check(Tensor::sqrt, &|y| _ = y.sqrt_());
    check(Tensor::abs, &|y| _ = y.abs_());
    check(Tensor::square, &|y| _ = y.square_());
    check(Tensor::recip, &|y| _ = y.recip_());
    check(Tensor::sin, &|y| _ = y.sin_());
    check(Tensor::cos, &|y| _ = y.cos_());
    check(Tensor::tanh, &|y| _ = y.tanh_());
    check(Tensor::sigmoid, &|y| _ = y.sigmoid_());
    check(Tensor::exp_m1, &|y| _ = y.exp_m1_());
    check(Tensor::ln_1p, &|y| _ = y.ln_1p_());
    check(Tensor::log2, &|y| _ = y.log2_());
    check(Tensor::log10, &|y| _ = y.log10_());
    check(Tensor::rsqrt, &|y| _ = y.rsqrt_());
    check(Tensor::floor, &|y| _ = y.floor_());
    check(Tensor::ceil, &|y| _ = y.ceil_());
    check(Tensor::round, &|y| _ = y.round_());
    check(Tensor::trunc, &|y| _ = y.trunc_());
    check(Tensor::fract, &|y| _ = y.fract_());
    check(Tensor::sign, &|y| _ = y.sign_());
    check(Tensor::erf, &|y| _ = y.erf_());
    check(Tensor::gelu, &|y| _ = y.gelu_());
    check(Tensor::silu, &|y| _ = y.silu_());
    check(Tensor::softplus, &|y| _ = y.softplus_());
    check(|x| x.powf(2.0), &|y| _ = y.powf_(2.0));
    check(|x| -x, &|y| _ = y.neg_());
    check(Tensor::relu, &|y| _ = y.relu_());
    check(|x| x.clamp(-1.0, 1.0), &|y| _ = y.clamp_(-1.0, 1.0));
}

#[test]
fn nothing_is_repeated_at_no_cost() {
    assert_eq!(Tensor::<f32>::zeros(&[0, 2]).repeat(&[1 << 50, 1]).shape(), [0, 2]);
}
