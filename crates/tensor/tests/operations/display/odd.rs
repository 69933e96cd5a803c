//! Odd tensors: what PyTorch 2.15 prints of them, but for the names of the types.

use downhill_tensor::Tensor;

use super::check;

#[test]
fn magnitudes_and_special_values() {
    check(Tensor::<f32>::zeros(&[0]), "tensor([])");
    check(Tensor::<f32>::zeros(&[0, 3]), "tensor([], size=(0, 3))");
    check(Tensor::<bool>::zeros(&[0]), "tensor([], dtype=bool)");
    check(Tensor::from([1e-20, 1e20_f32]), "tensor([1.0000e-20, 1.0000e+20])");
    check(Tensor::from([1e-20, 1e20_f64]), "tensor([1.0000e-20, 1.0000e+20], dtype=f64)");
    check(Tensor::from([f32::INFINITY, 1.5, f32::NAN]), "tensor([   inf, 1.5000,    nan])");
    check(Tensor::from([f32::INFINITY, -1.0, 100000.0]), "tensor([        inf, -1.0000e+00,  1.0000e+05])");
    check(Tensor::from([f32::INFINITY, f32::NEG_INFINITY]), "tensor([inf, -inf])");
    check(Tensor::from([f32::NAN]), "tensor([nan])");
    check(Tensor::from([-0.0_f32, 0.0]), "tensor([-0., 0.])");
    check(Tensor::from([-0.0_f32, 1.5]), "tensor([-0.0000, 1.5000])");
    check(Tensor::from([-0.0_f32]), "tensor([-0.])");
    check(Tensor::from([-1e-10_f32, 1.0]), "tensor([-1.0000e-10,  1.0000e+00])");
    check(Tensor::from([-0.00001_f32, 0.5]), "tensor([-1.0000e-05,  5.0000e-01])");
    check(
        Tensor::from([i64::MIN, 0, i64::MAX]),
        "tensor([-9223372036854775808,                    0,  9223372036854775807])",
    );
    check(Tensor::from([[true, false], [true, true]]), "tensor([[ True, False],\n        [ True,  True]])");
    check(Tensor::from([123456789.0_f64, 0.5]), "tensor([1.2346e+08, 5.0000e-01], dtype=f64)");
    check(Tensor::from([99999999.0_f64, 1.0]), "tensor([1.0000e+08, 1.0000e+00], dtype=f64)");
    check(Tensor::from([100000001.0_f64]), "tensor([1.0000e+08], dtype=f64)");
    check(Tensor::from([16777216.0_f32]), "tensor([16777216.])");
    check(Tensor::from([1e38_f32, 3.0]), "tensor([1.0000e+38, 3.0000e+00])");
    check(Tensor::from([f64::MIN_POSITIVE]), "tensor([2.2251e-308], dtype=f64)");
    check(Tensor::from([f32::MIN_POSITIVE / 4.0]), "tensor([2.9387e-39])");
    check(Tensor::from([0.99999_f32, 0.000099]), "tensor([9.9999e-01, 9.9000e-05])");
    check(Tensor::from([9999.99995_f64, 10.5]), "tensor([9999.9999,   10.5000], dtype=f64)");
    check(Tensor::from([0.00005_f64, 0.00015]), "tensor([5.0000e-05, 1.5000e-04], dtype=f64)");
    check(Tensor::from([999.0_f32, 1.0, 0.5]), "tensor([9.9900e+02, 1.0000e+00, 5.0000e-01])");
    check(Tensor::from([1000.0_f32, 1.0, f32::NAN]), "tensor([1000.,    1.,   nan])");
    check(Tensor::from([1001.0_f32, 1.0, f32::INFINITY]), "tensor([1.0010e+03, 1.0000e+00,        inf])");
    check(
        Tensor::from([f64::INFINITY, 1e-5, -1e5]),
        "tensor([        inf,  1.0000e-05, -1.0000e+05], dtype=f64)",
    );
    check(Tensor::scalar(1e-45_f32), "tensor(1.4013e-45)");
    check(Tensor::scalar(true), "tensor(True)");
    check(Tensor::scalar(f64::NEG_INFINITY), "tensor(-inf, dtype=f64)");
    check(Tensor::<f32>::ones(&[3]) / 3.0, "tensor([0.3333, 0.3333, 0.3333])");
    check(
        Tensor::<f32>::linspace(-1.0, 1.0, 30),
        "tensor([-1.0000, -0.9310, -0.8621, -0.7931, -0.7241, -0.6552, -0.5862, -0.5172,\n        -0.4483, -0.3793, -0.3103, -0.2414, -0.1724, -0.1034, -0.0345,  0.0345,\n         0.1034,  0.1724,  0.2414,  0.3103,  0.3793,  0.4483,  0.5172,  0.5862,\n         0.6552,  0.7241,  0.7931,  0.8621,  0.9310,  1.0000])",
    );
    check(Tensor::from([2.5_f32, 0.00125, 1.00005]), "tensor([2.5000e+00, 1.2500e-03, 1.0000e+00])");
    check(Tensor::from([0.03125_f32, 0.09375]), "tensor([0.0312, 0.0938])");
    check(Tensor::from([1e16_f64, 1.0]), "tensor([1.0000e+16, 1.0000e+00], dtype=f64)");
    check(Tensor::from([1e100_f64, -1e-100]), "tensor([ 1.0000e+100, -1.0000e-100], dtype=f64)");
    check(Tensor::<u8>::from([1, 2]), "tensor([1, 2], dtype=u8)");
}

#[test]
fn shapes() {
    check(Tensor::<i64>::zeros(&[2, 0, 3]), "tensor([], size=(2, 0, 3), dtype=i64)");
    check(Tensor::<f32>::arange(1001), "tensor([   0.,    1.,    2.,  ...,  998.,  999., 1000.])");
    check(
        Tensor::<f32>::arange(1002).reshape(&[1, 1002]),
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.9900e+02, 1.0000e+03,\n         1.0010e+03]])",
    );
    check(
        Tensor::<f32>::arange(1002).reshape(&[1002, 1]),
        "tensor([[0.0000e+00],\n        [1.0000e+00],\n        [2.0000e+00],\n        ...,\n        [9.9900e+02],\n        [1.0000e+03],\n        [1.0010e+03]])",
    );
    check(
        Tensor::<f64>::arange(1002).reshape(&[1, 1002, 1]),
        "tensor([[[0.0000e+00],\n         [1.0000e+00],\n         [2.0000e+00],\n         ...,\n         [9.9900e+02],\n         [1.0000e+03],\n         [1.0010e+03]]], dtype=f64)",
    );
    check(
        Tensor::<bool>::ones(&[7, 200]),
        "tensor([[True, True, True,  ..., True, True, True],\n        [True, True, True,  ..., True, True, True],\n        [True, True, True,  ..., True, True, True],\n        ...,\n        [True, True, True,  ..., True, True, True],\n        [True, True, True,  ..., True, True, True],\n        [True, True, True,  ..., True, True, True]])",
    );
    check(
        Tensor::<i64>::arange(1001) * 1000000000000,
        "tensor([               0,    1000000000000,    2000000000000,  ...,\n         998000000000000,  999000000000000, 1000000000000000])",
    );
    check(Tensor::<f32>::zeros(&[1, 1, 1, 1, 1, 1]), "tensor([[[[[[0.]]]]]])");
    check(
        Tensor::<f32>::arange(2000).reshape(&[2, 1000]) - 1000.0,
        "tensor([[-1000.,  -999.,  -998.,  ...,    -3.,    -2.,    -1.],\n        [    0.,     1.,     2.,  ...,   997.,   998.,   999.]])",
    );
}
