//! Batch norm against formulas over whole channels, in every memory form, and the same bits everywhere.

use crate::common::{build, memory};
use downhill_tensor::testing::{Tolerance, assert_close, bits_hash};
use downhill_tensor::{After, ChannelNorm, ChannelNormBackward, Float, Rng, Tensor};
use proptest::prelude::*;

/// Numbers in no simple pattern.
fn numbers<E: Float>(seed: usize) -> impl Fn(usize) -> E {
    move |i| E::from_f64((((i * 37 + seed * 101) * (i + 7 * seed + 3)) % 1009) as f64 / 250.0 - 2.0)
}

/// Each channel's elements, in one row each: `[c, everything else]`.
fn channels<E: Float>(x: &Tensor<E>) -> Tensor<f64> {
    let c = x.shape()[1];
    x.transpose(0, 1).reshape(&[c as isize, (x.numel() / c) as isize]).to()
}

/// The inverse of [`channels`] for a tensor shaped like `like`.
fn unchannelled<E: Float>(rows: &Tensor<f64>, like: &Tensor<E>) -> Tensor<E> {
    let mut shape: Vec<isize> = like.shape().iter().map(|&d| d as isize).collect();
    shape.swap(0, 1);
    rows.reshape(&shape).transpose(0, 1).to()
}

fn check<E: Float>(shape: &[usize], forms: &[crate::common::Memory; 3], options: [bool; 4], tolerance: f64) {
    let [relus, with_residual, own_statistics, input] = options;
    let ((x, _), (r, _), (g, _)) = (
        build(shape, &forms[0], numbers::<E>(1)),
        build(shape, &forms[1], numbers::<E>(2)),
        build(shape, &forms[2], numbers::<E>(3)),
    );
    let c = shape[1];
    let parameter = |seed: usize| Tensor::<E>::from_fn(&[c], |i| numbers::<E>(seed)(i[0]));
    let (mean, variance) = x.channel_moments();
    let wide = |t: &Tensor<E>| t.to::<f64>().reshape(&[c as isize, 1]);
    let rows = channels(&x);
    let (expected_mean, expected_variance) = rows.moments(1);
    let close = |actual: &Tensor<E>, expected: &Tensor<E>| {
        assert_close(actual, expected, Tolerance { absolute: tolerance, relative: tolerance });
    };
    close(&mean, &expected_mean.reshape(&[c as isize]).to());
    close(&variance, &expected_variance.reshape(&[c as isize]).to());

    let scale = variance.map(|v| E::ONE / (v + E::from_f64(0.1)).sqrt());
    let norm = ChannelNorm { mean, scale, weight: parameter(5), bias: parameter(6) };
    let after = if relus { After::Relu } else { After::Nothing };
    let y = x.channel_norm(&norm, with_residual.then_some(&r), after);
    let normal = (&rows - &wide(&norm.mean)) * &wide(&norm.scale);
    let mut plain = &normal * &wide(&norm.weight) + &wide(&norm.bias);
    if with_residual {
        plain = plain + channels(&r);
    }
    close(&y, &unchannelled(&if relus { plain.relu() } else { plain.clone() }, &y));

    // The mask is that of the result, whose last bits may differ from the formula's where it is near zero.
    let positive = channels(&x.channel_norm(&norm, with_residual.then_some(&r), After::Nothing)).gt(0.0);
    let h = channels(&g);
    let h = if relus { positive.where_(&h, Tensor::zeros(h.shape())) } else { h };
    let out = with_residual.then_some(&y);
    let how = ChannelNormBackward { after, out, own_statistics, input };
    let gradients = x.channel_norm_backward(&norm, g.clone(), &how);
    let (dw, db) = ((&h * &normal).sum_keepdim(1), h.sum_keepdim(1));
    let count = rows.shape()[1] as f64;
    let sums = Tolerance { absolute: tolerance * count, relative: tolerance };
    assert_close(&gradients.weight, &dw.reshape(&[c as isize]).to(), sums);
    assert_close(&gradients.bias, &db.reshape(&[c as isize]).to(), sums);
    assert_eq!(gradients.residual.is_some(), with_residual);
    if let Some(residual) = gradients.residual {
        close(&residual, &unchannelled(&h, &g));
    }
    assert_eq!(gradients.input.is_some(), input);
    if let Some(dx) = gradients.input {
        let factor = wide(&norm.scale) * wide(&norm.weight);
        let centred = if own_statistics { &h - &(&db / count) - &normal * &(&dw / count) } else { h };
        close(&dx, &unchannelled(&(centred * factor), &g));
    }
}

proptest! {
    #[test]
    fn forward_and_backward(
        shape in prop::collection::vec(1..=5_usize, 2..=5),
        forms in [memory(), memory(), memory()],
        options in any::<[bool; 4]>(),
    ) {
        check::<f32>(&shape, &forms, options, 2e-5);
        check::<f64>(&shape, &forms, options, 1e-12);
    }
}

/// Several blocks of rows, and channels in all widths.
#[test]
fn many_rows_and_channels() {
    for shape in [[70, 33, 5, 5], [3, 64, 40, 40], [2, 1, 100, 100], [600, 70, 2, 1], [1, 9, 30, 60]] {
        for options in [[true, true, true, true], [true, false, true, true], [false, true, false, true]] {
            let x = |seed: usize| {
                Tensor::<f32>::from_vec((0..shape.iter().product()).map(numbers(seed)).collect(), &shape)
            };
            let norm_of = |x: &Tensor<f32>| {
                let (mean, variance) = x.channel_moments();
                let scale = variance.map(|v| 1.0 / (v + 0.1).sqrt());
                let parameter = |seed: usize| Tensor::from_fn(&[shape[1]], |i| numbers::<f32>(seed)(i[0]));
                ChannelNorm { mean, scale, weight: parameter(5), bias: parameter(6) }
            };
            let [relus, with_residual, own_statistics, input] = options;
            let (x, r, g) = (x(1), x(2), x(3));
            let after = if relus { After::Relu } else { After::Nothing };
            // The same numbers in double precision are the oracle, whose formulas the other test checks.
            let norm = norm_of(&x);
            let y = x.channel_norm(&norm, with_residual.then_some(&r), after);
            let how = ChannelNormBackward { after, out: with_residual.then_some(&y), own_statistics, input };
            let gradients = x.channel_norm_backward(&norm, g.clone(), &how);
            let wide = ChannelNorm {
                mean: norm.mean.to::<f64>(),
                scale: norm.scale.to(),
                weight: norm.weight.to(),
                bias: norm.bias.to(),
            };
            let (mean, variance) = x.to::<f64>().channel_moments();
            let close =
                |a: &Tensor<f32>, b: &Tensor<f64>| assert_close(&a.to::<f64>(), b, Tolerance::relative(3e-6));
            close(&norm.mean, &mean);
            close(&x.channel_moments().1, &variance);
            let (x, r, y64) = (x.to::<f64>(), r.to::<f64>(), y.to::<f64>());
            close(&y, &x.channel_norm(&wide, with_residual.then_some(&r), after));
            let how =
                ChannelNormBackward { after, out: with_residual.then_some(&y64), own_statistics, input };
            let expected = x.channel_norm_backward(&wide, g.to(), &how);
            close(&gradients.weight, &expected.weight);
            close(&gradients.bias, &expected.bias);
            close(&gradients.input.unwrap(), &expected.input.unwrap());
        }
    }
}

#[test]
fn variance_of_a_channel_far_from_zero() {
    let x = Tensor::<f32>::from_fn(&[5000, 3], |i| [1e4, -3e4, 0.5][i[1]] + (i[0] % 2) as f32);
    let (mean, variance) = x.channel_moments();
    assert_close(&mean, &Tensor::from([1e4 + 0.5, -3e4 + 0.5, 1.0]), Tolerance::relative(1e-7));
    assert_close(&variance, &Tensor::from([0.25; 3]), Tolerance::relative(1e-5));
}

#[test]
fn nothing_to_normalise() {
    let x = Tensor::<f32>::zeros(&[0, 3, 2]);
    assert!(x.channel_moments().0.iter().all(f32::is_nan));
    assert_eq!(Tensor::<f32>::zeros(&[4, 0]).channel_moments().0.shape(), [0]);
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let mut rng = Rng::new(7);
    let [x, r, g] = [0; 3].map(|_| Tensor::<f32>::randn(&[40, 24, 20, 10], &mut rng));
    let run = || {
        let (mean, scale) = x.channel_moments();
        let norm = ChannelNorm { weight: mean.clone(), bias: scale.clone(), mean, scale };
        let y = x.channel_norm(&norm, Some(&r), After::Relu);
        let how =
            ChannelNormBackward { after: After::Relu, out: Some(&y), own_statistics: true, input: true };
        let gradients = x.channel_norm_backward(&norm, g.clone(), &how);
        [gradients.input.unwrap(), gradients.weight, gradients.bias, gradients.residual.unwrap(), y]
            .map(|t| bits_hash(&t))
    };
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
    let one = on(1);
    assert_eq!([on(2), on(3), on(8)], [one; 3]);
}
