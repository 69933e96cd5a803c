//! Convolution, pooling and what normalisation is made of, against loops over every index.

use crate::common::{Memory, Naive, build, memory, small};
use downhill_tensor::testing::{Tolerance, assert_close, bits_hash};
use downhill_tensor::{Conv2dOptions, Float, Pool2dOptions, Rng, Tensor, Windows2d};
use proptest::prelude::*;

/// The lengths of a convolution whose kernel fits.
#[derive(Clone, Debug)]
struct Lengths {
    x: Vec<usize>,
    weight: Vec<usize>,
    y: Vec<usize>,
    options: Conv2dOptions,
}

fn lengths() -> impl Strategy<Value = Lengths> {
    let axis = || (1..=4_usize, 1..=3_usize, 0..=3_usize, 1..=3_usize, 0..=4_usize);
    (0..=3_usize, 1..=3_usize, 1..=2_usize, 1..=3_usize, axis(), axis()).prop_map(
        |(n, groups, c, oc, rows, columns)| {
            let length = |(k, _, p, d, more): (usize, usize, usize, usize, usize)| {
                (d * (k - 1) + 1).saturating_sub(2 * p).max(1) + more
            };
            let out = |axis: (usize, usize, usize, usize, usize)| {
                let (k, s, p, d, _) = axis;
                (length(axis) + 2 * p - d * (k - 1) - 1) / s + 1
            };
            let options = Conv2dOptions::default()
                .stride([rows.1, columns.1])
                .padding([rows.2, columns.2])
                .dilation([rows.3, columns.3])
                .groups(groups);
            Lengths {
                x: vec![n, groups * c, length(rows), length(columns)],
                weight: vec![groups * oc, c, rows.0, columns.0],
                y: vec![n, groups * oc, out(rows), out(columns)],
                options,
            }
        },
    )
}

impl Lengths {
    /// Calls `f` with the indices of x, weight and y of every product that the convolution sums.
    fn products(&self, mut f: impl FnMut(&[usize], &[usize], &[usize])) {
        let Conv2dOptions { stride, padding, dilation, groups } = self.options;
        let (c, oc) = (self.weight[1], self.weight[0] / groups);
        for y in crate::common::indices(&self.y) {
            for w in crate::common::indices(&self.weight[1..]) {
                let at = |i: usize| {
                    (y[2 + i] * stride[i] + w[1 + i] * dilation[i])
                        .checked_sub(padding[i])
                        .filter(|&at| at < self.x[2 + i])
                };
                if let (Some(h), Some(v)) = (at(0), at(1)) {
                    f(&[y[0], y[1] / oc * c + w[0], h, v], &[y[1], w[0], w[1], w[2]], &y);
                }
            }
        }
    }
}

fn at<'a>(array: &'a mut Naive<f64>, index: &[usize]) -> &'a mut f64 {
    let at = index.iter().zip(&array.shape).fold(0, |at, (&i, &d)| at * d + i);
    &mut array.data[at]
}

/// All numbers are small integers, so that every sum is exact in any order.
fn check_convolution<E: Float>(lengths: &Lengths, forms: &[Memory; 3]) {
    let numbers = |seed: usize| {
        let f = small(seed);
        move |i: usize| E::from_f64(f(i))
    };
    let (x, nx) = build(&lengths.x, &forms[0], numbers(1));
    let (w, nw) = build(&lengths.weight, &forms[1], numbers(2));
    let (g, ng) = build(&lengths.y, &forms[2], numbers(3));
    let [nx, nw, ng] = [nx, nw, ng].map(|n| n.map(|x| x.to_f64()));
    let zeros = |shape: &[usize]| Naive::from_fn(shape, |_| 0.0);
    let (mut y, mut dx, mut dw) = (zeros(&lengths.y), zeros(&lengths.x), zeros(&lengths.weight));
    lengths.products(|xi, wi, yi| {
        *at(&mut y, yi) += nx.get(xi) * nw.get(wi);
        *at(&mut dx, xi) += ng.get(yi) * nw.get(wi);
        *at(&mut dw, wi) += nx.get(xi) * ng.get(yi);
    });
    let o = &lengths.options;
    let same = |actual: Tensor<E>, expected: &Naive<f64>| {
        assert_eq!(actual.shape(), expected.shape);
        assert_eq!(actual.to::<f64>().to_vec(), expected.data);
    };
    same(x.conv2d(&w, None, o), &y);
    same(g.conv2d_input(&w, [lengths.x[2], lengths.x[3]], o), &dx);
    same(x.conv2d_weight(&g, [lengths.weight[2], lengths.weight[3]], o), &dw);
    let bias = Tensor::from_fn(&[lengths.y[1]], |i| E::from_f64(i[0] as f64));
    let biased = Naive::from_fn(&lengths.y, |i| y.get(i) + i[1] as f64);
    same(x.conv2d(&w, Some(&bias), o), &biased);
}

/// Batches around the heights of tiles, channels around the widths of vectors, in f32 against a plain loop. Small integers
/// again.
#[test]
fn convolutions_of_every_size() {
    // Height and width of the image, kernel, stride, padding and dilation.
    type Move = ([usize; 2], [usize; 2], usize, usize, usize);
    const MOVES: [Move; 9] = [
        ([1, 1], [3, 3], 1, 1, 1),
        ([2, 2], [3, 3], 1, 1, 1),
        ([4, 4], [3, 3], 1, 1, 1),
        ([5, 4], [3, 3], 2, 1, 1),
        ([1, 40], [1, 3], 1, 1, 1),
        ([4, 30], [2, 3], 2, 1, 2),
        ([3, 3], [1, 1], 1, 0, 1),
        ([4, 5], [1, 1], 2, 0, 1),
        ([9, 9], [7, 7], 2, 3, 1),
    ];
    const CHANNELS: [(usize, usize, usize); 8] =
        [(3, 8, 1), (1, 1, 1), (16, 17, 1), (20, 3, 1), (33, 64, 1), (6, 6, 6), (8, 36, 2), (40, 5, 1)];
    for (which, n) in [1, 2, 7, 8, 11, 12, 13, 16, 17, 64, 65].into_iter().enumerate() {
        for (i, &(image, kernel, stride, padding, dilation)) in MOVES.iter().enumerate() {
            // Each batch with each movement, and with every channel count over the table's diagonals.
            let (c, oc, groups) = CHANNELS[(3 * which + i) % CHANNELS.len()];
            let options =
                Conv2dOptions::default().stride(stride).padding(padding).dilation(dilation).groups(groups);
            let out = |i: usize| (image[i] + 2 * padding - dilation * (kernel[i] - 1) - 1) / stride + 1;
            let lengths = Lengths {
                x: vec![n, c, image[0], image[1]],
                weight: vec![oc, c / groups, kernel[0], kernel[1]],
                y: vec![n, oc, out(0), out(1)],
                options,
            };
            check_in_single(&lengths);
        }
    }
}

/// A plain convolution of row-major tensors, and its derivatives.
fn check_in_single(l: &Lengths) {
    let numbers = |shape: &[usize], seed: usize| {
        let len = shape.iter().product();
        (0..len).map(|i: usize| ((i * 7 + seed) * (i + 3 * seed) % 11) as f32 - 5.0).collect::<Vec<_>>()
    };
    let (x, w, g) = (numbers(&l.x, 1), numbers(&l.weight, 2), numbers(&l.y, 3));
    let (mut y, mut dx, mut dw) = (vec![0.0; g.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
    let Conv2dOptions { stride, padding, dilation, groups } = l.options;
    let ([c, kh, kw], group_oc) = ([l.weight[1], l.weight[2], l.weight[3]], l.weight[0] / groups);
    let under = |o: usize, k: usize, i: usize| {
        (o * stride[i] + k * dilation[i]).checked_sub(padding[i]).filter(|&at| at < l.x[2 + i])
    };
    for yi in 0..g.len() {
        let (j, i) = (yi % l.y[3], yi / l.y[3] % l.y[2]);
        let (o, image) = (yi / (l.y[3] * l.y[2]) % l.y[1], yi / (l.y[3] * l.y[2] * l.y[1]));
        for (h, v) in (0..kh).flat_map(|h| (0..kw).map(move |v| (h, v))) {
            let (Some(row), Some(column)) = (under(i, h, 0), under(j, v, 1)) else { continue };
            for channel in 0..c {
                let xi = ((image * l.x[1] + o / group_oc * c + channel) * l.x[2] + row) * l.x[3] + column;
                let wi = ((o * c + channel) * kh + h) * kw + v;
                y[yi] += x[xi] * w[wi];
                dx[xi] += g[yi] * w[wi];
                dw[wi] += x[xi] * g[yi];
            }
        }
    }
    let [x, w, g] = [(x, &l.x), (w, &l.weight), (g, &l.y)].map(|(data, shape)| Tensor::from_vec(data, shape));
    assert!(x.conv2d(&w, None, &l.options).to_vec() == y, "forward: {l:?}");
    assert!(g.conv2d_input(&w, [l.x[2], l.x[3]], &l.options).to_vec() == dx, "input: {l:?}");
    assert!(x.conv2d_weight(&g, [kh, kw], &l.options).to_vec() == dw, "weight: {l:?}");
}

#[derive(Clone, Debug)]
struct Pooling {
    shape: Vec<usize>,
    options: Pool2dOptions,
}

fn pooling() -> impl Strategy<Value = Pooling> {
    let axis = || (1..=4_usize, 1..=5_usize, 0..=2_usize, 0..=5_usize);
    (0..=2_usize, 0..=3_usize, axis(), axis(), any::<bool>()).prop_map(|(n, c, rows, columns, include)| {
        let [rows, columns] = [rows, columns].map(|(k, s, p, more)| {
            let p = p.min(k / 2);
            (k, s, p, k.saturating_sub(2 * p).max(1) + more)
        });
        let options = Pool2dOptions::new([rows.0, columns.0])
            .stride([rows.1, columns.1])
            .padding([rows.2, columns.2])
            .count_include_pad(include);
        Pooling { shape: vec![n, c, rows.3, columns.3], options }
    })
}

/// The result's length, and the indices in the window at each position.
fn windows(len: usize, kernel: usize, stride: usize, padding: usize) -> Vec<Vec<usize>> {
    let count = (len + 2 * padding - kernel) / stride + 1;
    let window = |o: usize| (0..kernel).filter_map(move |k| (o * stride + k).checked_sub(padding));
    (0..count).map(|o| window(o).filter(|&i| i < len).collect()).collect()
}

fn adaptive(len: usize, out: usize) -> Vec<Vec<usize>> {
    (0..out).map(|o| (o * len / out..((o + 1) * len).div_ceil(out)).collect()).collect()
}

fn pooled<O: Copy>(
    x: &Naive<f64>,
    [rows, columns]: &[Vec<Vec<usize>>; 2],
    f: impl Fn(&[(usize, f64)]) -> O,
) -> Naive<O> {
    let shape = [x.shape[0], x.shape[1], rows.len(), columns.len()];
    Naive::from_fn(&shape, |i| {
        let pixels = rows[i[2]].iter().flat_map(|&h| columns[i[3]].iter().map(move |&w| (h, w)));
        let values: Vec<_> = pixels.map(|(h, w)| (h * x.shape[3] + w, x.get(&[i[0], i[1], h, w]))).collect();
        f(&values)
    })
}

/// The first of the largest elements; of several NaN the last.
fn largest(values: &[(usize, f64)]) -> (usize, f64) {
    values.iter().copied().reduce(|a, b| if b.1 > a.1 || b.1.is_nan() { b } else { a }).unwrap()
}

fn check_maxima(x: &Naive<f64>, windows: &[Vec<Vec<usize>>; 2], actual: &(Tensor<f64>, Tensor<i64>)) {
    let indices = pooled(x, windows, |values| largest(values).0 as i64);
    assert_eq!((actual.1.shape(), actual.1.to_vec()), (&indices.shape[..], indices.data));
    let values = pooled(x, windows, |values| largest(values).1.to_bits());
    assert_eq!(actual.0.iter().map(f64::to_bits).collect::<Vec<_>>(), values.data);
}

proptest! {
    #[test]
    fn convolution_and_its_derivatives(lengths in lengths(), forms in [memory(), memory(), memory()]) {
        check_convolution::<f32>(&lengths, &forms);
        check_convolution::<f64>(&lengths, &forms);
    }

    #[test]
    fn pooling_over_sliding_windows(p in pooling(), form in memory(), nans in any::<bool>()) {
        let value = small(4);
        let (x, naive) = build(&p.shape, &form, |i| if nans && i % 3 == 0 { f64::NAN } else { value(i) });
        let o = &p.options;
        let windows = [0, 1].map(|i| windows(p.shape[2 + i], o.kernel[i], o.stride[i], o.padding[i]));
        check_maxima(&naive, &windows, &x.max_pool2d(o));
        let area = (o.kernel[0] * o.kernel[1]) as f64;
        let mean = pooled(&naive, &windows, |values| {
            let sum: f64 = values.iter().map(|v| v.1).sum();
            sum / if o.count_include_pad { area } else { values.len() as f64 }
        });
        let mean = Tensor::from_vec(mean.data, &mean.shape);
        assert_close(&x.avg_pool2d(o), &mean, Tolerance::EXACT);
    }

    #[test]
    fn pooling_to_a_size(p in pooling(), form in memory(), out in [0..=7_usize, 0..=7_usize]) {
        let (x, naive) = build(&p.shape, &form, small(5));
        let windows = [0, 1].map(|i| adaptive(p.shape[2 + i], out[i]));
        check_maxima(&naive, &windows, &x.adaptive_max_pool2d(out));
        let mean = pooled(&naive, &windows, |v| v.iter().map(|v| v.1).sum::<f64>() / v.len() as f64);
        let mean = Tensor::from_vec(mean.data, &mean.shape);
        assert_close(&x.adaptive_avg_pool2d(out), &mean, Tolerance::EXACT);
    }

    /// What the transposed windows collect is what the windows spread, element by element.
    #[test]
    fn windows_and_their_transposed(p in pooling(), adapt in any::<bool>(), out in [1..=7_usize, 1..=7_usize]) {
        let windows = if adapt {
            Windows2d::adaptive("test", &p.shape, out)
        } else {
            Windows2d::sliding("test", &p.shape, &p.options)
        };
        let back = windows.transposed();
        prop_assert_eq!((windows.input(), windows.output()), (back.output(), back.input()));
        let [h, w] = windows.input();
        let pixels = Tensor::<f64>::eye(h * w).reshape(&[1, (h * w) as isize, h as isize, w as isize]);
        let [oh, ow] = windows.output();
        let positions = Tensor::<f64>::eye(oh * ow).reshape(&[1, (oh * ow) as isize, oh as isize, ow as isize]);
        let there = pixels.window_sum(&windows).reshape(&[(h * w) as isize, -1]);
        let and_back = positions.window_sum(&back).reshape(&[(oh * ow) as isize, -1]);
        prop_assert_eq!(there.t().to_vec(), and_back.to_vec());
    }
}

/// The derivative of a maximum in the order of windows, and nothing where no window was.
#[test]
fn gradients_of_maxima_add_up() {
    let x = Tensor::from([1.0, 9.0, 2.0, 0.0, 7.0_f64]).reshape(&[1, 1, 1, 5]);
    let windows = Windows2d::sliding("test", x.shape(), &Pool2dOptions::new([1, 2]).stride(1));
    let (_, indices) = x.window_max(&windows);
    let g = Tensor::from([1.0, 10.0, 100.0, 1000.0]).reshape(&[1, 1, 1, 4]);
    assert_eq!(g.window_max_backward(&indices, &windows).to_vec(), [0.0, 11.0, 100.0, 0.0, 1000.0]);
}

#[test]
fn variance_far_from_zero() {
    let x = Tensor::from([[1e8, 1e8 + 2.0], [3.0, 5.0_f64]]);
    let (mean, variance) = x.moments(1);
    assert_eq!((mean.to_vec(), variance.to_vec()), (vec![1e8 + 1.0, 4.0], vec![1.0, 1.0]));
    assert_eq!(mean.shape(), [2, 1]);
}

/// Large enough for several tasks, whose bits must not depend on how many threads there are.
#[test]
fn the_same_bits_on_any_number_of_threads() {
    let mut rng = Rng::new(7);
    let x = Tensor::<f32>::randn(&[8, 6, 30, 31], &mut rng);
    let w = Tensor::<f32>::randn(&[10, 3, 3, 2], &mut rng);
    let options = Conv2dOptions::default().stride([1, 2]).padding(1).groups(2);
    let run = || {
        let y = x.conv2d(&w, None, &options);
        let (dx, dw) = (y.conv2d_input(&w, [30, 31], &options), x.conv2d_weight(&y, [3, 2], &options));
        let windows = Windows2d::sliding("test", x.shape(), &Pool2dOptions::new(3).stride(2).padding(1));
        let (max, indices) = x.window_max(&windows);
        let back = max.window_max_backward(&indices, &windows);
        let sum = x.window_sum(&windows).window_sum(&windows.transposed());
        [y, dx, dw, max, back, sum, x.moments([0, 2, 3]).1].map(|t| bits_hash(&t))
    };
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(3));
    assert_eq!(one, on(8));
}
