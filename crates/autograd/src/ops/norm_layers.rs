//! Layer and group normalisation: to mean zero and variance one over some of the axes.

use downhill_tensor::{Axes, Float, Tensor};

use crate::mode::is_grad_enabled;
use crate::ops::view::signed;
use crate::record::{Backward, Saved};
use crate::var::Var;

/// `y = x̂ · weight + bias` with `x̂ = (x - mean) · scale`, and what its derivative needs.
struct Normalized<T: Float> {
    x: Tensor<T>,
    mean: Tensor<T>,
    /// `1 / √(variance + ε)`.
    scale: Tensor<T>,
    weight: Tensor<T>,
    bias_shape: Vec<usize>,
    eps: T,
    /// The axes over which mean and variance were taken from `x`.
    axes: Axes,
}

impl<T: Float> Normalized<T> {
    fn new(x: &Var<T>, axes: Axes, eps: f64) -> Self {
        let eps = T::from_f64(eps);
        let (mean, variance) = x.value().moments(&axes);
        let scale = variance.into_map(|v| T::ONE / (v + eps).sqrt());
        Normalized {
            x: x.value(),
            mean,
            scale,
            weight: Tensor::scalar(T::ONE),
            bias_shape: vec![],
            eps,
            axes,
        }
    }

    /// The operation. Weight and bias broadcast to the shape of `x`; in this form they already have as many axes.
    #[track_caller]
    fn apply(mut self, x: &Var<T>, weight: Option<Var<T>>, bias: Option<Var<T>>) -> Var<T> {
        // Missing ones become constants of the shape of the mean, which costs nothing to speak of.
        let weight = weight.unwrap_or_else(|| Var::new(Tensor::ones(self.mean.shape())));
        let bias = bias.unwrap_or_else(|| Var::new(Tensor::zeros(self.mean.shape())));
        self.weight = weight.value();
        self.bias_shape = bias.shape().to_vec();
        let y = self.x.normalize(&self.mean, &self.scale, &self.weight, &bias.value());
        Var::record("normalize", [x, &weight, &bias], y, || {
            let (x, weight) = (x.save(), weight.save());
            move |d| {
                if is_grad_enabled() { self.graph_of_gradients(&d, &x, &weight) } else { self.gradients(d) }
            }
        })
    }

    /// [`gradients`](Self::gradients) as a piece of graph, in which mean and scale depend on `x` as well.
    fn graph_of_gradients(
        &self,
        d: &Backward<'_, T>,
        x: &Saved<T>,
        weight: &Saved<T>,
    ) -> [Option<Var<T>>; 3] {
        let (x, weight, axes) = (x.var(), weight.var(), &self.axes);
        let deviation = &x - x.mean_keepdim(axes);
        let scale = (deviation.square().mean_keepdim(axes) + self.eps).sqrt().recip();
        let normal = deviation * &scale;
        let h = &d.grad * &weight;
        let dx = || scale * (&h - h.mean_keepdim(axes) - &normal * (&h * &normal).mean_keepdim(axes));
        [
            d.needs[0].then(dx),
            d.wanted(1, |g| (g * &normal).sum_to(&weight.shape())),
            d.wanted(2, |g| g.sum_to(&self.bias_shape)),
        ]
    }

    /// `Σ g · x̂` for the weight, `Σ g` for the bias, and for `x`, with `h = g · weight`,
    /// `scale · (h - mean(h) - x̂ · mean(h · x̂))`.
    fn gradients(&self, d: Backward<'_, T>) -> [Option<Var<T>>; 3] {
        let (needs, g) = (d.needs, d.grad.into_value());
        let Normalized { x, mean, scale, weight, .. } = self;
        let for_weight = |[g, x, mean, scale]: [T; 4]| g * ((x - mean) * scale);
        let dw = || Tensor::fuse("normalize", [&g, x, mean, scale], for_weight).sum_to(weight.shape());
        let db = || g.sum_to(&self.bias_shape);
        let dx = || {
            let h = |[g, w]: [T; 2]| g * w;
            let hx = |[g, w, x, mean, scale]: [T; 5]| g * w * ((x - mean) * scale);
            let mean_h = Tensor::fuse("normalize", [&g, weight], h).mean_keepdim(&self.axes);
            let mean_hx =
                Tensor::fuse("normalize", [&g, weight, x, mean, scale], hx).mean_keepdim(&self.axes);
            self.input_gradient(&g, &mean_h, &mean_hx)
        };
        let (dx, dw, db) = (needs[0].then(dx), needs[1].then(dw), needs[2].then(db));
        [dx, dw, db].map(|gradient| gradient.map(Var::new))
    }

    fn input_gradient(&self, g: &Tensor<T>, mean_h: &Tensor<T>, mean_hx: &Tensor<T>) -> Tensor<T> {
        let operands = [g, &self.weight, &self.x, &self.mean, &self.scale, mean_h, mean_hx];
        Tensor::fuse("normalize", operands, |[g, w, x, mean, scale, mean_h, mean_hx]| {
            scale * (g * w - mean_h - (x - mean) * scale * mean_hx)
        })
    }
}

impl<T: Float> Var<T> {
    /// `(x - mean) / √(variance + ε) · weight + bias`, with mean and (biased) variance over the last axes, which are of
    /// shape `normalized_shape`. `torch.nn.functional.layer_norm`.
    ///
    /// # Shapes
    /// `self [.., normalized_shape]`; weight and bias `normalized_shape`.
    ///
    /// # Panics
    /// If the shapes do not fit, or `normalized_shape` is empty.
    #[track_caller]
    pub fn layer_norm(
        &self,
        normalized_shape: &[usize],
        weight: Option<&Var<T>>,
        bias: Option<&Var<T>>,
        eps: f64,
    ) -> Var<T> {
        let shape = self.shape();
        assert!(
            !normalized_shape.is_empty() && shape.ends_with(normalized_shape),
            "layer_norm: input {shape:?} does not end in {normalized_shape:?}"
        );
        check("layer_norm", &shape, normalized_shape, weight, bias);
        let axes: Vec<isize> = (1..=normalized_shape.len() as isize).map(|i| -i).collect();
        let normalized = Normalized::new(self, Axes::from(&axes[..]), eps);
        normalized.apply(self, weight.cloned(), bias.cloned())
    }

    /// `(x - mean) / √(variance + ε) · weight + bias`, with mean and (biased) variance over each of `groups` groups of
    /// neighbouring channels of each item. `torch.nn.functional.group_norm`.
    ///
    /// # Shapes
    /// `self [n, c, ..]`; weight and bias `[c]`.
    ///
    /// # Panics
    /// If the shapes do not fit, or the groups do not divide the channels.
    #[track_caller]
    pub fn group_norm(
        &self,
        groups: usize,
        weight: Option<&Var<T>>,
        bias: Option<&Var<T>>,
        eps: f64,
    ) -> Var<T> {
        let shape = self.shape();
        assert!(shape.len() >= 2, "group_norm: expected shape [n, c, ..], got {shape:?}");
        let (n, c) = (shape[0], shape[1]);
        assert!(
            groups > 0 && c.is_multiple_of(groups),
            "group_norm: {groups} groups do not divide the channels: input {shape:?}"
        );
        check("group_norm", &shape, &[c], weight, bias);
        let [n, groups, size] = [n, groups, c / groups].map(|d| d as isize);
        let positions = shape[2..].iter().product::<usize>() as isize;
        let x = self.reshape(&[n, groups, size, positions]);
        let aligned = |v: &Var<T>| v.reshape(&[1, groups, size, 1]);
        let normalized = Normalized::new(&x, Axes::from([2, 3]), eps);
        let y = normalized.apply(&x, weight.map(aligned), bias.map(aligned));
        y.reshape(&signed(&shape))
    }
}

/// Weight and bias must have the shape `expected`.
#[track_caller]
pub(super) fn check<T: Float>(
    op: &str,
    x: &[usize],
    expected: &[usize],
    weight: Option<&Var<T>>,
    bias: Option<&Var<T>>,
) {
    for (name, parameter) in [("weight", weight), ("bias", bias)] {
        let Some(shape) = parameter.map(Var::shape) else { continue };
        assert!(*shape == *expected, "{op}: shapes differ: input {x:?}, {name} {shape:?}");
    }
}
