//! Transforms against slow and plain computations of the same, and in cases that can be told by hand.

use downhill_data::{
    Batch, BatchTransform, Brightness, Contrast, DataLoader, Error, Flip, Keys, MixUp, Normalize, OneHot,
    Pad, PadMode, Projection, RandomCrop, RandomErasing, Resample, Rescale, Rotate, Spatial, TensorDataset,
    Together, Warp, Zoom,
};
use downhill_tensor::{Element, Rng, Tensor};

fn images(shape: &[usize]) -> Tensor<f32> {
    Tensor::rand(shape, &mut Rng::new(11))
}

fn keys(n: usize) -> Keys {
    Keys::of(42, 0..n)
}

#[track_caller]
fn assert_close(found: &Tensor<f32>, expected: &Tensor<f32>, tolerance: f32) {
    assert_eq!(found.shape(), expected.shape());
    for (i, (a, b)) in found.iter().zip(expected.iter()).enumerate() {
        assert!((a - b).abs() <= tolerance, "element {i}: {a} instead of {b}");
    }
}

/// A fixed map.
#[derive(Debug)]
struct Fixed([[f64; 3]; 3]);

impl Spatial for Fixed {
    fn draw(&self, _: [usize; 2], _: &mut Rng) -> Option<Projection> {
        Some(Projection(self.0))
    }
}

/// The value at (`x`, `y`) of an image that goes on for ever: every pixel counts, by its distance.
fn tent(value: impl Fn(i64, i64) -> f64, x: f64, y: f64) -> f64 {
    let mut sum = 0.0;
    for row in -40..60_i64 {
        for column in -40..60_i64 {
            let weight = (1.0 - (x - column as f64).abs()).max(0.0) * (1.0 - (y - row as f64).abs()).max(0.0);
            sum += if weight > 0.0 { weight * value(column, row) } else { 0.0 };
        }
    }
    sum
}

/// The index of an axis of `len` that is seen at `at`, step by step.
fn beyond(mut at: i64, len: i64, mode: PadMode) -> Option<usize> {
    loop {
        match mode {
            _ if (0..len).contains(&at) => return Some(at as usize),
            PadMode::Zeros => return None,
            PadMode::Border => at = at.clamp(0, len - 1),
            PadMode::Reflection if at < 0 => at = -1 - at,
            PadMode::Reflection => at = 2 * len - 1 - at,
        }
    }
}

#[test]
fn sampling_is_what_the_naive_sum_says() {
    let (h, w) = (5, 7);
    let x = images(&[2, 3, h, w]);
    let mut rng = Rng::new(4);
    let mut random = || (rng.below(2001) as f64 - 1000.0) / 1000.0;
    for mode in [PadMode::Zeros, PadMode::Border, PadMode::Reflection] {
        for _ in 0..10 {
            let m: [[f64; 3]; 2] =
                [[1.0 + random(), random(), 4.0 * random()], [random(), 1.0 + random(), 4.0 * random()]];
            let tilt = [0.05 * random(), 0.05 * random(), 1.0];
            let found = Together::of([Fixed([m[0], m[1], tilt])]).pad_mode(mode).transform(&x, &keys(2));
            for n in 0..2 {
                for c in 0..3 {
                    for i in 0..h {
                        for j in 0..w {
                            let (u, v) = (j as f64 - 3.0, i as f64 - 2.0);
                            let [a, b, d] = [m[0], m[1], tilt].map(|row| row[0] * u + row[1] * v + row[2]);
                            let value = |column, row| {
                                let at = beyond(column, w as i64, mode).zip(beyond(row, h as i64, mode));
                                at.map_or(0.0, |(column, row)| f64::from(x.get(&[n, c, row, column])))
                            };
                            let expected = tent(value, a / d + 3.0, b / d + 2.0);
                            let found = f64::from(found.get(&[n, c, i, j]));
                            assert!(
                                (found - expected).abs() < 1e-5,
                                "{mode:?}: {found} instead of {expected}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_nearest_pixel_is_taken_whole() {
    let x = Tensor::from([[1.0, 2.0, 3.0, 4.0_f32]]).unsqueeze(0);
    let shifted = |by: f64, mode| {
        let map = Fixed([[1.0, 0.0, by], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        Together::of([map]).resample(Resample::Nearest).pad_mode(mode).transform(&x, &keys(1)).to_vec()
    };
    assert_eq!(shifted(0.4, PadMode::Zeros), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(shifted(0.5, PadMode::Zeros), [2.0, 3.0, 4.0, 0.0]);
    assert_eq!(shifted(-2.0, PadMode::Zeros), [0.0, 0.0, 1.0, 2.0]);
    assert_eq!(shifted(-2.0, PadMode::Border), [1.0, 1.0, 1.0, 2.0]);
    assert_eq!(shifted(-2.0, PadMode::Reflection), [2.0, 1.0, 1.0, 2.0]);
    assert_eq!(shifted(1e300, PadMode::Zeros), [0.0; 4]);
    assert_eq!(shifted(1e300, PadMode::Border), [4.0; 4]);
    assert!(shifted(1e300, PadMode::Reflection).iter().all(|x| (1.0..=4.0).contains(x)));
}

#[test]
fn flips_and_right_angles_are_permutations() {
    for shape in [[3, 2, 6, 6], [3, 2, 5, 5]] {
        let x = images(&shape);
        let once = |t: Together| t.transform(&x, &keys(3));
        let flip = || Flip::new(1.0);
        assert_eq!(once(Together::of([flip()])).to_vec(), x.flip(&[-1]).to_vec());
        assert_eq!(once(Together::of([flip().vertical()])).to_vec(), x.flip(&[-2]).to_vec());
        assert_eq!(once(Together::of([flip(), flip()])).to_vec(), x.to_vec());
        let twice = Together::of([flip()]).transform(&once(Together::of([flip()])), &keys(3));
        assert_eq!(twice.to_vec(), x.to_vec());
        let turn = |degrees| once(Together::of([Rotate::between(degrees, degrees, 1.0)])).to_vec();
        // numpy.rot90: the upper right corner comes to the upper left.
        let quarter = x.transpose(-1, -2).flip(&[-2]);
        assert_eq!(turn(90.0), quarter.to_vec());
        assert_eq!(turn(180.0), x.flip(&[-1, -2]).to_vec());
        assert_eq!(turn(-90.0), x.transpose(-1, -2).flip(&[-1]).to_vec());
        assert_eq!((turn(270.0), turn(-270.0)), (turn(-90.0), turn(90.0)));
        assert_eq!((turn(360.0), turn(0.0)), (x.to_vec(), x.to_vec()));
        // First the turn, then the flip.
        let both = Together::of([Rotate::between(90.0, 90.0, 1.0)]).and(flip());
        assert_eq!(once(both).to_vec(), quarter.flip(&[-1]).to_vec());
    }
}

#[test]
fn zoom_shows_a_part_or_all_with_a_margin() {
    // A ramp stays a ramp.
    let x = Tensor::from_fn(&[1, 9, 9], |i| i[2] as f32);
    let out = Together::of([Zoom::new(0.5, 0.5, 1.0)]).pad_mode(PadMode::Zeros).transform(&x, &keys(1));
    assert_eq!((out.get(&[0, 4, 4]), out.get(&[0, 4, 5]), out.get(&[0, 4, 1])), (4.0, 6.0, 0.0));
    for seed in 0..20 {
        let zoom = Together::of([Zoom::new(3.0, 3.0, 1.0)]).pad_mode(PadMode::Zeros);
        let out = zoom.transform(&x, &Keys::of(seed, 0..1));
        let row: Vec<f32> = (0..9).map(|j| out.get(&[0, 4, j])).collect();
        let steps: Vec<f32> = row.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let inside = row.iter().all(|x| (-0.5..=8.5).contains(x))
            && steps[2..6].iter().all(|s| (s - 1.0 / 3.0).abs() < 1e-5);
        assert!(inside, "{row:?}");
    }
}

#[test]
fn warp_moves_the_corners_of_the_picture() {
    for seed in 0..20 {
        let draw = |magnitude| Warp::new(magnitude, 1.0).draw([10, 20], &mut Rng::new(seed)).unwrap().0;
        let m = draw(0.3);
        let at = |x: f64, y: f64| {
            let [a, b, c] = m.map(|row| row[0] * x + row[1] * y + row[2]);
            [a / c / 10.0, b / c / 5.0]
        };
        // Two magnitudes say where all four corners go.
        let [x0, y0] = at(-10.0, -5.0);
        let (up, side) = (-1.0 - x0, -1.0 - y0);
        assert!(up.abs() <= 0.3 && side.abs() <= 0.3);
        for (corner, expected) in [
            (at(10.0, -5.0), [1.0 + up, -1.0 + side]),
            (at(10.0, 5.0), [1.0 - up, 1.0 - side]),
            (at(-10.0, 5.0), [-1.0 + up, 1.0 + side]),
        ] {
            assert!((0..2).all(|i| (corner[i] - expected[i]).abs() < 1e-12), "{corner:?}, {expected:?}");
        }
        // Straight lines stay straight: the middle of an edge lies on the edge.
        let ([a, b], [c, d], [e, f]) = (at(-10.0, -5.0), at(0.0, -5.0), at(10.0, -5.0));
        assert!(((c - a) * (f - b) - (d - b) * (e - a)).abs() < 1e-12);
    }
    let x = images(&[2, 8, 8]);
    assert_close(&Together::of([Warp::new(0.0, 1.0)]).transform(&x, &keys(2)), &x, 1e-6);
}

#[test]
fn what_is_done_together_is_sampled_once() {
    let x = images(&[4, 1, 8, 8]);
    // Half a pixel there and back again: apart, it would blur.
    let shift = |by| Fixed([[1.0, 0.0, by], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    assert_eq!(Together::of([shift(0.5), shift(-0.5)]).transform(&x, &keys(4)).to_vec(), x.to_vec());
    let apart =
        Together::of([shift(-0.5)]).transform(&Together::of([shift(0.5)]).transform(&x, &keys(4)), &keys(4));
    assert_ne!(apart.to_vec(), x.to_vec());
    assert_eq!(Together::default().transform(&x, &keys(4)).to_vec(), x.to_vec());
}

type OfImages = dyn BatchTransform<f32, i64, X = f32, Y = i64>;

/// Every random transform of images, one with probability 0 and one with probability 1.
fn pairs() -> Vec<[Box<OfImages>; 2]> {
    vec![
        [Box::new(Flip::new(0.0)), Box::new(Flip::new(1.0))],
        [Box::new(Rotate::new(10.0, 0.0)), Box::new(Rotate::new(10.0, 1.0))],
        [Box::new(Zoom::new(1.0, 1.5, 0.0)), Box::new(Zoom::new(1.0, 1.5, 1.0))],
        [Box::new(Warp::new(0.2, 0.0)), Box::new(Warp::new(0.2, 1.0))],
        [Box::new(Brightness::new(0.2, 0.0)), Box::new(Brightness::new(0.2, 1.0))],
        [Box::new(Contrast::new(0.2, 0.0)), Box::new(Contrast::new(0.2, 1.0))],
        [Box::new(RandomErasing::new(0.0)), Box::new(RandomErasing::new(1.0).area(0.2, 0.3))],
    ]
}

#[test]
fn probabilities_are_kept_and_items_are_treated_alike() {
    let (x, y) = (images(&[6, 3, 8, 8]), Tensor::<i64>::arange(6));
    for (number, [never, always]) in pairs().into_iter().enumerate() {
        let (same, labels) = never.apply((x.clone(), y.clone()), &keys(6)).unwrap();
        assert_eq!((same.to_vec(), labels.to_vec()), (x.to_vec(), y.to_vec()), "transform {number}");
        let (all, _) = always.apply((x.clone(), y.clone()), &keys(6)).unwrap();
        for item in 0..6 {
            assert!(
                !all.select(0, item).iter().eq(x.select(0, item).iter()),
                "transform {number}, item {item}"
            );
            let alone = always
                .apply((x.narrow(0, item, 1), y.narrow(0, item, 1)), &Keys::of(42, item..item + 1))
                .unwrap();
            assert!(alone.0.iter().eq(all.select(0, item).iter()), "transform {number}: the batch has a say");
        }
        let empty = (Tensor::zeros(&[0, 3, 8, 8]), Tensor::zeros(&[0]));
        assert_eq!(always.apply(empty, &keys(0)).unwrap().0.shape(), [0, 3, 8, 8]);
        assert_eq!(x.to_vec(), images(&[6, 3, 8, 8]).to_vec(), "the input is left alone");
    }
    let flipped = Together::of([Flip::new(0.25)]).transform(&images(&[2000, 1, 1, 2]), &keys(2000));
    let count = flipped
        .unbind(0)
        .zip(images(&[2000, 1, 1, 2]).unbind(0))
        .filter(|(a, b)| !a.iter().eq(b.iter()))
        .count();
    assert!((400..600).contains(&count), "{count} of 2000");
}

#[test]
fn brightness_and_contrast_act_on_log_odds() {
    let x = images(&[50, 1, 4, 4]);
    let logit = |x: f32| (f64::from(x) / (1.0 - f64::from(x))).ln();
    let interior = |x: f32| (0.01..0.99).contains(&x);
    let bright = Brightness::new(0.4, 1.0).transform(&x, &keys(50));
    let contrast = Contrast::new(0.4, 1.0).transform(&x, &keys(50));
    let (mut shifts, mut scales) = (Vec::new(), Vec::new());
    for item in 0..50 {
        let pairs = |out: &Tensor<f32>| -> Vec<(f64, f64)> {
            let pixels = x.select(0, item).to_vec().into_iter().zip(out.select(0, item).to_vec());
            pixels.filter(|(a, b)| interior(*a) && interior(*b)).map(|(a, b)| (logit(a), logit(b))).collect()
        };
        let shift: Vec<f64> = pairs(&bright).iter().map(|(a, b)| b - a).collect();
        assert!(shift.iter().all(|s| (s - shift[0]).abs() < 1e-3), "one shift for all pixels: {shift:?}");
        let scale: Vec<f64> =
            pairs(&contrast).iter().filter(|(a, _)| a.abs() > 0.1).map(|(a, b)| b / a).collect();
        assert!(scale.iter().all(|s| (s - scale[0]).abs() < 1e-3), "one scale for all pixels: {scale:?}");
        shifts.push(shift[0]);
        scales.push(scale[0]);
    }
    let most = (0.7_f64 / 0.3).ln() + 1e-3;
    assert!(
        shifts.iter().all(|s| s.abs() <= most)
            && shifts.iter().any(|s| *s > 0.2)
            && shifts.iter().any(|s| *s < -0.2)
    );
    let fits = scales.iter().all(|s| (0.599..1.668).contains(s));
    assert!(fits && scales.iter().any(|s| *s > 1.1) && scales.iter().any(|s| *s < 0.9), "{scales:?}");
    let ends = Brightness::new(0.2, 1.0).transform(&Tensor::from([[0.0, 1.0_f32]]).unsqueeze(0), &keys(1));
    assert!(ends.get(&[0, 0, 0]) < 1e-5 && ends.get(&[0, 0, 1]) > 1.0 - 1e-5);
}

#[test]
fn erased_is_a_rectangle_of_the_right_size() {
    let x = Tensor::full(&[200, 2, 20, 30], 2.0_f32);
    let erasing = RandomErasing::new(1.0).area(0.1, 0.2).fill(0.0);
    let out = erasing.transform(&x, &keys(200));
    let mut corners = std::collections::HashSet::new();
    for item in out.unbind(0) {
        let holes: Vec<(usize, usize)> =
            (0..600).map(|i| (i / 30, i % 30)).filter(|&(i, j)| item.get(&[0, i, j]) == 0.0).collect();
        assert!(
            (0..600).all(|i| item.get(&[0, i / 30, i % 30]) == item.get(&[1, i / 30, i % 30])),
            "in all channels"
        );
        let (top, bottom) =
            (holes.iter().map(|h| h.0).min().unwrap(), holes.iter().map(|h| h.0).max().unwrap());
        let (left, right) =
            (holes.iter().map(|h| h.1).min().unwrap(), holes.iter().map(|h| h.1).max().unwrap());
        let (h, w) = (bottom - top + 1, right - left + 1);
        assert_eq!(holes.len(), h * w, "a rectangle");
        // Sides are rounded.
        assert!((40..=145).contains(&holes.len()), "{h} x {w} of 600");
        let aspect = h as f64 / w as f64;
        assert!((0.25..4.0).contains(&aspect), "{h} x {w}");
        corners.insert((top, left));
    }
    assert!(corners.len() > 100, "anywhere");
    let noise = RandomErasing::new(1.0).area(0.5, 0.5).max_count(3).transform(&x, &keys(200));
    assert!(noise.iter().all(|x| x == 2.0 || (0.0..1.0).contains(&x)));
    let all = RandomErasing::new(1.0)
        .area(1.0, 1.0)
        .min_aspect(1.0)
        .fill(0.0)
        .transform(&Tensor::ones(&[1, 5, 5]), &keys(1));
    assert_eq!(all.sum(..).item(), 0.0);
}

#[test]
fn normalised_pixels_have_mean_zero_and_deviation_one() {
    let x = Tensor::from_fn(&[30, 2, 4, 4], |i| {
        let wave = ((i[0] * 32 + i[2] * 4 + i[3]) * 7919 % 101) as f32 / 101.0;
        if i[1] == 0 { 0.1 * wave } else { 1000.0 + wave }
    });
    let dset = TensorDataset::new(x.clone(), Tensor::<i64>::zeros(&[30])).unwrap();
    let measured = Normalize::measure(&DataLoader::new(dset.clone()).bs(7)).unwrap();
    assert_eq!(measured, Normalize::measure(&DataLoader::new(dset).bs(7).num_workers(2)).unwrap());
    let exact = x.to::<f64>();
    for c in 0..2 {
        let channel = exact.select(1, c);
        let mean = channel.mean(..).item();
        let std = channel.var(.., 0).item().sqrt();
        assert!((f64::from(measured.mean()[c]) - mean).abs() < 1e-7 * mean.max(1.0));
        assert!(
            (f64::from(measured.std()[c]) / std - 1.0).abs() < 1e-5,
            "{} instead of {std}",
            measured.std()[c]
        );
    }
    let out = measured.transform(&x);
    for c in 0..2 {
        let channel = out.select(1, c).to::<f64>();
        assert!(channel.mean(..).item().abs() < 1e-3 && (channel.var(.., 0).item() - 1.0).abs() < 1e-3);
    }
    assert_close(&measured.decode(&out), &x, 1e-3);
    let empty = TensorDataset::new(Tensor::<f32>::zeros(&[0, 2, 2]), Tensor::<i64>::zeros(&[0])).unwrap();
    assert!(matches!(Normalize::measure(&DataLoader::new(empty)), Err(Error::NoBatches { .. })));
    let flat = TensorDataset::new(Tensor::<f32>::ones(&[3, 2, 2]), Tensor::<i64>::zeros(&[3])).unwrap();
    assert_eq!(Normalize::measure(&DataLoader::new(flat)).unwrap(), Normalize::new(&[1.0], &[1.0]));
}

/// A crop is one of the parts there are, and each comes up.
fn crops<X: Element>(x: &Tensor<X>) {
    let n = x.size(0);
    let out = RandomCrop::new(2, 3).transform(x, &keys(n));
    let mut places = std::collections::HashSet::new();
    for item in 0..n {
        let (whole, part) = (x.select(0, item), out.select(0, item));
        let place = (0..3)
            .flat_map(|top| (0..3).map(move |left| (top, left)))
            .find(|&(top, left)| whole.narrow(-2, top, 2).narrow(-1, left, 3).iter().eq(part.iter()));
        places.insert(place.expect("a part of the image"));
    }
    assert_eq!(places.len(), 9);
}

#[test]
fn a_crop_is_a_part_of_the_image() {
    crops(&images(&[200, 3, 4, 5]));
    crops(&Tensor::from_fn(&[200, 4, 5], |i| (i[1] * 5 + i[2]) as u8));
    let x = images(&[3, 4, 5]);
    assert_eq!(RandomCrop::new(4, 5).transform(&x, &keys(3)).to_vec(), x.to_vec());
    assert_eq!(RandomCrop::new(2, 2).transform(&x.narrow(0, 0, 0), &keys(0)).shape(), [0, 2, 2]);
}

#[test]
fn padding_is_what_lies_beyond() {
    let x = images(&[2, 3, 3, 4]);
    for mode in [PadMode::Zeros, PadMode::Border, PadMode::Reflection] {
        let out = Pad::new(5, 6).mode(mode).transform(&x);
        assert_eq!(out.shape(), [2, 3, 13, 16]);
        let expected = Tensor::from_fn(&[2, 3, 13, 16], |i| {
            let at = beyond(i[2] as i64 - 5, 3, mode).zip(beyond(i[3] as i64 - 6, 4, mode));
            at.map_or(0.0, |(row, column)| x.get(&[i[0], i[1], row, column]))
        });
        assert_eq!(out.to_vec(), expected.to_vec(), "{mode:?}");
    }
}

#[test]
fn rescaled_values_are_those_of_pytorch() {
    // torch.nn.functional.interpolate(x, size, mode='bilinear') of x = arange(12).reshape(1, 1, 3, 4) ** 2
    let x = Tensor::<f32>::arange(12).map(|x| x * x).reshape(&[1, 1, 3, 4]);
    let up = Rescale::new(4, 6).transform(&x);
    assert_close(&up, &Tensor::from_slice(&UP, &[1, 1, 4, 6]), 1e-4);
    let down = Rescale::new(2, 3).transform(&x);
    assert_close(&down, &Tensor::from_slice(&DOWN, &[1, 1, 2, 3]), 1e-4);
    assert_eq!(Rescale::new(3, 4).transform(&x).to_vec(), x.to_vec());
}

#[test]
fn mixtures_are_of_inputs_and_targets_alike() {
    let n = 400;
    let x = Tensor::from_fn(&[n, 2], |i| i[0] as f32 + i[1] as f32 * 0.5);
    let y = OneHot::new(n).convert(&Tensor::<i64>::arange(n)).unwrap();
    let (mx, my) = MixUp::new(0.4, 1.0).transform((x.clone(), y), &keys(n));
    let mut shares = Vec::new();
    for item in 0..n {
        let row = my.select(0, item).to_vec();
        let parts: Vec<usize> = (0..n).filter(|&i| row[i] > 0.0).collect();
        assert!(parts.len() <= 2 && parts.contains(&item) && (row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(row[item] >= 0.5);
        let expected: f32 = parts.iter().map(|&i| row[i] * i as f32).sum();
        assert!(
            (mx.get(&[item, 0]) - expected).abs() < 1e-2
                && (mx.get(&[item, 1]) - expected - 0.5).abs() < 1e-2
        );
        shares.push(f64::from(row[item]));
    }
    // Beta(0.4, 0.4) lies off its middle by a variance of 1 / (4 (2 alpha + 1)), and so does the larger one.
    let spread = shares.iter().map(|s| (s - 0.5) * (s - 0.5)).sum::<f64>() / n as f64;
    assert!((spread - 1.0 / (4.0 * 1.8)).abs() < 0.012, "{spread}");
    let same = MixUp::new(0.4, 0.0).transform((x.clone(), x.clone()), &keys(n)).0;
    assert_eq!(same.to_vec(), x.to_vec());
    let tiny = MixUp::new(1e-4, 1.0).transform((x.clone(), x.clone()), &keys(n)).0;
    assert!(tiny.iter().all(f32::is_finite));
}

#[test]
fn targets_must_be_classes() {
    for bad in [3_i64, -1] {
        let error = OneHot::new(3).convert(&Tensor::from([0, bad])).unwrap_err();
        assert_eq!(error.to_string(), format!("targets: expected classes below 3, found {bad}"));
    }
    let batch: Batch<u8, i64> = (Tensor::zeros(&[2, 5]), Tensor::from([[1_i64], [0]]));
    let (_, y) = OneHot::new(2).apply(batch, &keys(2)).unwrap();
    assert_eq!((y.shape(), y.to_vec()), (&[2, 2][..], vec![0.0, 1.0, 1.0, 0.0]));
}

#[test]
#[should_panic(expected = "spatial transform: expected images [n, c, h, w] or [n, h, w], got shape [2, 784]")]
fn rows_are_no_images() {
    Together::of([Flip::new(1.0)]).transform(&images(&[2, 784]), &keys(2));
}

#[test]
#[should_panic(expected = "RandomCrop: 5 x 5 of images of shape [1, 4, 6]")]
fn a_crop_does_not_exceed_the_image() {
    RandomCrop::new(5, 5).transform(&images(&[1, 4, 6]), &keys(1));
}

#[test]
#[should_panic(expected = "Normalize: statistics of 3 channels for shape [2, 1, 4, 4]")]
fn statistics_are_for_as_many_channels() {
    Normalize::new(&[0.5; 3], &[0.5; 3]).transform(&images(&[2, 1, 4, 4]));
}

const UP: [f32; 24] = [
    0.0, 0.5, 1.5, 3.5, 6.5, 9.0, 10.0, 13.0, 17.33333, 22.66667, 29.0, 34.0, 34.0, 40.0, 48.33334, 57.66666,
    68.0, 75.99999, 64.0, 72.5, 84.16667, 96.83334, 110.5, 121.0,
];

const DOWN: [f32; 6] = [4.5, 9.5, 17.83333, 54.5, 75.5, 99.83334];
