//! Pooling: means and maxima over windows of an image.

use downhill_tensor::{Float, Pair, Pool2dOptions, Tensor, Windows2d};

use crate::mode::is_grad_enabled;
use crate::var::Var;

impl<T: Float> Var<T> {
    /// The sum over each window. The gradient of a pixel is the sum of `g` over the windows that it lies in.
    ///
    /// # Shapes
    /// `[n, c, h, w] -> [n, c, oh, ow]`
    ///
    /// # Panics
    /// If the windows are not for images of this size.
    #[track_caller]
    pub fn window_sum(&self, windows: &Windows2d) -> Var<T> {
        Var::record("window_sum", [self], self.value().window_sum(windows), || {
            let back = windows.transposed();
            move |d| [Some(d.grad.window_sum(&back))]
        })
    }

    /// The mean over windows that slide over images. `torch.nn.functional.avg_pool2d`.
    ///
    /// # Shapes
    /// `[n, c, h, w] -> [n, c, oh, ow]` with `oh = (h + 2·padding - kernel) / stride + 1`, rounded down; likewise `ow`.
    ///
    /// # Panics
    /// If no window fits, the stride is zero, or the padding is more than half of the kernel.
    #[track_caller]
    pub fn avg_pool2d(&self, options: &Pool2dOptions) -> Var<T> {
        let windows = Windows2d::sliding("avg_pool2d", &self.shape(), options);
        let sum = self.window_sum(&windows);
        if options.count_include_pad {
            return sum / T::from_f64((options.kernel[0] * options.kernel[1]) as f64);
        }
        sum / &Var::new(windows.counts())
    }

    /// The mean over windows of as equal a size as possible, so many that the result has height and width `output`.
    /// `torch.nn.functional.adaptive_avg_pool2d`.
    ///
    /// # Panics
    /// If this is not `[n, c, h, w]`, or has no pixels to divide.
    #[track_caller]
    pub fn adaptive_avg_pool2d(&self, output: impl Into<Pair>) -> Var<T> {
        let windows = Windows2d::adaptive("adaptive_avg_pool2d", &self.shape(), output);
        self.window_sum(&windows) / &Var::new(windows.counts())
    }

    /// The maximum over windows that slide over images. `torch.nn.functional.max_pool2d`. The gradient goes to the
    /// first of equal ones.
    ///
    /// # Shapes
    /// `[n, c, h, w] -> [n, c, oh, ow]` with `oh = (h + 2·padding - kernel) / stride + 1`, rounded down; likewise `ow`.
    ///
    /// # Panics
    /// If no window fits, the stride is zero, or the padding is more than half of the kernel.
    ///
    /// ```
    /// use downhill_autograd::Var;
    /// use downhill_tensor::{Pool2dOptions, Tensor};
    ///
    /// let x = Var::parameter(Tensor::from([[1.0, 5.0, 2.0], [4.0, 3.0, 6.0_f32]]).reshape(&[1, 1, 2, 3]));
    /// let y = x.max_pool2d(&Pool2dOptions::new(2).stride(1));
    /// y.sum(..).backward();
    /// assert_eq!(x.grad().unwrap().to_vec(), [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn max_pool2d(&self, options: &Pool2dOptions) -> Var<T> {
        self.pooled_max("max_pool2d", Windows2d::sliding("max_pool2d", &self.shape(), options))
    }

    /// The maximum over windows of as equal a size as possible, so many that the result has height and width `output`.
    /// `torch.nn.functional.adaptive_max_pool2d`. The gradient goes to the first of equal ones.
    ///
    /// # Panics
    /// If this is not `[n, c, h, w]`, or has no pixels to divide.
    #[track_caller]
    pub fn adaptive_max_pool2d(&self, output: impl Into<Pair>) -> Var<T> {
        let windows = Windows2d::adaptive("adaptive_max_pool2d", &self.shape(), output);
        self.pooled_max("adaptive_max_pool2d", windows)
    }

    fn pooled_max(&self, op: &'static str, windows: Windows2d) -> Var<T> {
        let (value, indices) = self.value().window_max(&windows);
        Var::record(op, [self], value, || {
            move |d| {
                if is_grad_enabled() {
                    return [Some(collected(&d.grad, &indices, &windows))];
                }
                let g = d.grad.into_value();
                [Some(Var::new(g.window_max_backward(&indices, &windows)))]
            }
        })
    }
}

/// The gradient of a maximum as a piece of graph: `g`, added up at the pixels that were the largest.
fn collected<T: Float>(g: &Var<T>, indices: &Tensor<i64>, windows: &Windows2d) -> Var<T> {
    let (shape, [h, w]) = (g.shape(), windows.input());
    let (n, c) = (shape[0], shape[1]);
    let (positions, pixels) = ((shape[2] * shape[3]) as isize, h * w);
    let rows = [n as isize, c as isize, positions];
    let zeros = Var::new(Tensor::zeros(&[n, c, pixels]));
    let flat = zeros.scatter_add(2, &indices.reshape(&rows), &g.reshape(&rows));
    flat.reshape(&[rows[0], rows[1], h as isize, w as isize])
}
