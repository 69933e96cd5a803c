//! Tensors print as PyTorch prints them, to the character.
//!
//! The expected strings are those of the algorithm in `torch/_tensor_str.py`, replayed in Python; only the names of
//! the types are ours.

use downhill_tensor::{Element, Tensor};

mod odd;

#[track_caller]
fn check<E: Element>(tensor: impl std::borrow::Borrow<Tensor<E>>, expected: &str) {
    let text = tensor.borrow().to_string();
    assert!(text == expected, "got\n{text}\nexpected\n{expected}");
}

#[test]
fn scalars() {
    check(Tensor::scalar(3.0_f32), "tensor(3.)");
    check(Tensor::scalar(0.1_f32), "tensor(0.1000)");
    check(Tensor::scalar(-2.5_f64), "tensor(-2.5000, dtype=f64)");
    check(Tensor::scalar(7_i64), "tensor(7)");
    check(Tensor::scalar(7_u8), "tensor(7, dtype=u8)");
    check(Tensor::scalar(true), "tensor(True)");
    check(Tensor::scalar(0.0_f32), "tensor(0.)");
    check(Tensor::scalar(-0.0_f32), "tensor(-0.)");
    check(Tensor::scalar(f32::NAN), "tensor(nan)");
    check(Tensor::scalar(-f32::INFINITY), "tensor(-inf)");
    check(Tensor::scalar(1e-5_f32), "tensor(1.0000e-05)");
    check(Tensor::scalar(2e8_f32), "tensor(2.0000e+08)");
    check(Tensor::scalar(1e-300_f64), "tensor(1.0000e-300, dtype=f64)");
    check(Tensor::scalar(-1.5e120_f64), "tensor(-1.5000e+120, dtype=f64)");
}

#[test]
fn empty_tensors() {
    check(Tensor::<f32>::zeros(&[0]), "tensor([])");
    check(Tensor::<f64>::zeros(&[0]), "tensor([], dtype=f64)");
    check(Tensor::<i64>::zeros(&[0]), "tensor([], dtype=i64)");
    check(Tensor::<bool>::zeros(&[0, 3]), "tensor([], size=(0, 3), dtype=bool)");
    check(Tensor::<f32>::zeros(&[2, 0]), "tensor([], size=(2, 0))");
    check(Tensor::<u8>::zeros(&[2, 0, 5]), "tensor([], size=(2, 0, 5), dtype=u8)");
}

#[test]
fn vectors() {
    check(Tensor::from([1.0, 2.0, 3.0_f32]), "tensor([1., 2., 3.])");
    check(Tensor::from([1.0, -2.0, 30.0_f64]), "tensor([ 1., -2., 30.], dtype=f64)");
    check(Tensor::from([1.0, 2.5, -10.25_f32]), "tensor([  1.0000,   2.5000, -10.2500])");
    check(Tensor::from([1, 20, -300_i64]), "tensor([   1,   20, -300])");
    check(Tensor::from([1, 20, 255_u8]), "tensor([  1,  20, 255], dtype=u8)");
    check(Tensor::from([true, false]), "tensor([ True, False])");
    check(Tensor::from([true, true]), "tensor([True, True])");
    check(Tensor::from([0.0, -0.0_f32]), "tensor([0., -0.])");
    check(Tensor::from([0.03125, 0.09375_f32]), "tensor([0.0312, 0.0938])");
    check(Tensor::from([i64::MIN, i64::MAX]), "tensor([-9223372036854775808,  9223372036854775807])");
}

#[test]
fn nan_and_infinity() {
    check(Tensor::from([f32::NAN, f32::INFINITY, f32::NEG_INFINITY]), "tensor([nan, inf, -inf])");
    check(Tensor::from([f32::NAN, 1.0, -2.0]), "tensor([nan,  1., -2.])");
    check(Tensor::from([f32::NEG_INFINITY, 1.5, 0.0]), "tensor([  -inf, 1.5000, 0.0000])");
    check(Tensor::from([f32::NAN, f32::NEG_INFINITY, 1e10]), "tensor([       nan,       -inf, 1.0000e+10])");
    check(Tensor::from([0.0, f32::NAN]), "tensor([0., nan])");
}

#[test]
fn scientific_notation_starts_where_it_does_in_pytorch() {
    check(Tensor::from([1.0, 1000.0_f32]), "tensor([   1., 1000.])");
    check(Tensor::from([1.0, 1001.0_f32]), "tensor([1.0000e+00, 1.0010e+03])");
    check(Tensor::from([1e8_f32]), "tensor([100000000.])");
    check(Tensor::from([100_000_008.0_f32]), "tensor([1.0000e+08])");
    check(Tensor::from([0.5, 500.0_f32]), "tensor([  0.5000, 500.0000])");
    check(Tensor::from([0.5, 501.0_f32]), "tensor([5.0000e-01, 5.0100e+02])");
    check(Tensor::from([1e-4_f64]), "tensor([0.0001], dtype=f64)");
    check(Tensor::from([0.99e-4_f64]), "tensor([9.9000e-05], dtype=f64)");
    check(Tensor::from([0.0, 1e-9, -1.0_f32]), "tensor([ 0.0000e+00,  1.0000e-09, -1.0000e+00])");
    check(Tensor::from([1e-120, 1.0_f64]), "tensor([1.0000e-120,  1.0000e+00], dtype=f64)");
    check(Tensor::from([9.999_999e-5, 1e-5_f64]), "tensor([1.0000e-04, 1.0000e-05], dtype=f64)");
    check(Tensor::from([123_456.5_f32]), "tensor([123456.5000])");
}

#[test]
fn matrices_and_beyond() {
    check(
        Tensor::from([[1.0, 2.0], [3.0, 4.5_f32]]),
        concat!("tensor([[1.0000, 2.0000],\n", "        [3.0000, 4.5000]])",),
    );
    check(
        Tensor::<i64>::arange(6).reshape(&[2, 3]).t(),
        concat!("tensor([[0, 3],\n", "        [1, 4],\n", "        [2, 5]])",),
    );
    check(Tensor::from([[true, false]]), "tensor([[ True, False]])");
    check(
        Tensor::<i64>::arange(8).reshape(&[2, 2, 2]),
        concat!(
            "tensor([[[0, 1],\n",
            "         [2, 3]],\n",
            "\n",
            "        [[4, 5],\n",
            "         [6, 7]]])",
        ),
    );
    check(
        Tensor::<i64>::arange(8).reshape(&[2, 2, 1, 2]),
        concat!(
            "tensor([[[[0, 1]],\n",
            "\n",
            "         [[2, 3]]],\n",
            "\n",
            "\n",
            "        [[[4, 5]],\n",
            "\n",
            "         [[6, 7]]]])",
        ),
    );
    check(
        Tensor::<u8>::arange(4).reshape(&[2, 2]),
        concat!("tensor([[0, 1],\n", "        [2, 3]], dtype=u8)",),
    );
    check(
        Tensor::<f64>::arange(4).reshape(&[2, 2]),
        concat!("tensor([[0., 1.],\n", "        [2., 3.]], dtype=f64)",),
    );
}

#[test]
fn long_lines_wrap() {
    check(
        Tensor::<i64>::arange(30),
        concat!(
            "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n",
            "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])",
        ),
    );
    check(
        Tensor::<i64>::arange(18),
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17])",
    );
    check(
        Tensor::<i64>::arange(19),
        concat!(
            "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n",
            "        18])",
        ),
    );
    check(
        Tensor::<f32>::arange(40).reshape(&[2, 20]) / 2.0,
        concat!(
            "tensor([[ 0.0000,  0.5000,  1.0000,  1.5000,  2.0000,  2.5000,  3.0000,  3.5000,\n",
            "          4.0000,  4.5000,  5.0000,  5.5000,  6.0000,  6.5000,  7.0000,  7.5000,\n",
            "          8.0000,  8.5000,  9.0000,  9.5000],\n",
            "        [10.0000, 10.5000, 11.0000, 11.5000, 12.0000, 12.5000, 13.0000, 13.5000,\n",
            "         14.0000, 14.5000, 15.0000, 15.5000, 16.0000, 16.5000, 17.0000, 17.5000,\n",
            "         18.0000, 18.5000, 19.0000, 19.5000]])",
        ),
    );
    check(
        Tensor::<f64>::arange(30),
        concat!(
            "tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,\n",
            "        14., 15., 16., 17., 18., 19., 20., 21., 22., 23., 24., 25., 26., 27.,\n",
            "        28., 29.], dtype=f64)",
        ),
    );
    check(
        Tensor::<bool>::zeros(&[11]),
        concat!(
            "tensor([False, False, False, False, False, False, False, False, False, False,\n",
            "        False])",
        ),
    );
    check(
        Tensor::<bool>::zeros(&[1, 2, 11]),
        concat!(
            "tensor([[[False, False, False, False, False, False, False, False, False, False,\n",
            "          False],\n",
            "         [False, False, False, False, False, False, False, False, False, False,\n",
            "          False]]])",
        ),
    );
}

#[test]
fn suffixes_wrap_where_the_line_is_full() {
    check(
        Tensor::<u8>::full(&[20], 1),
        "tensor([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], dtype=u8)",
    );
    check(
        Tensor::<u8>::full(&[13], 100),
        concat!(
            "tensor([100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100],\n",
            "       dtype=u8)",
        ),
    );
    check(
        Tensor::<u8>::full(&[2, 20], 1),
        concat!(
            "tensor([[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],\n",
            "        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],\n",
            "       dtype=u8)",
        ),
    );
    check(
        Tensor::<u8>::full(&[2, 19], 1),
        concat!(
            "tensor([[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],\n",
            "        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]], dtype=u8)",
        ),
    );
    check(
        Tensor::<u8>::full(&[2, 12], 100),
        concat!(
            "tensor([[100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100],\n",
            "        [100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100]],\n",
            "       dtype=u8)",
        ),
    );
    check(
        Tensor::<f64>::full(&[15], 1.0),
        "tensor([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.], dtype=f64)",
    );
    check(
        Tensor::<f64>::full(&[16], 1.0),
        concat!(
            "tensor([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.],\n",
            "       dtype=f64)",
        ),
    );
}

#[test]
fn large_tensors_are_summarised() {
    check(Tensor::<i64>::arange(1000).narrow(0, 0, 8), "tensor([0, 1, 2, 3, 4, 5, 6, 7])");
    check(Tensor::<i64>::arange(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])");
    check(
        Tensor::<f32>::arange(2000) / 1000.0,
        concat!(
            "tensor([0.0000e+00, 1.0000e-03, 2.0000e-03,  ..., 1.9970e+00, 1.9980e+00,\n",
            "        1.9990e+00])",
        ),
    );
    check(
        Tensor::<i64>::arange(2000).reshape(&[40, 50]),
        concat!(
            "tensor([[   0,    1,    2,  ...,   47,   48,   49],\n",
            "        [  50,   51,   52,  ...,   97,   98,   99],\n",
            "        [ 100,  101,  102,  ...,  147,  148,  149],\n",
            "        ...,\n",
            "        [1850, 1851, 1852,  ..., 1897, 1898, 1899],\n",
            "        [1900, 1901, 1902,  ..., 1947, 1948, 1949],\n",
            "        [1950, 1951, 1952,  ..., 1997, 1998, 1999]])",
        ),
    );
    check(
        Tensor::<i64>::arange(2400).reshape(&[6, 400]),
        concat!(
            "tensor([[   0,    1,    2,  ...,  397,  398,  399],\n",
            "        [ 400,  401,  402,  ...,  797,  798,  799],\n",
            "        [ 800,  801,  802,  ..., 1197, 1198, 1199],\n",
            "        [1200, 1201, 1202,  ..., 1597, 1598, 1599],\n",
            "        [1600, 1601, 1602,  ..., 1997, 1998, 1999],\n",
            "        [2000, 2001, 2002,  ..., 2397, 2398, 2399]])",
        ),
    );
    check(
        Tensor::<i64>::arange(2400).reshape(&[400, 6]),
        concat!(
            "tensor([[   0,    1,    2,    3,    4,    5],\n",
            "        [   6,    7,    8,    9,   10,   11],\n",
            "        [  12,   13,   14,   15,   16,   17],\n",
            "        ...,\n",
            "        [2382, 2383, 2384, 2385, 2386, 2387],\n",
            "        [2388, 2389, 2390, 2391, 2392, 2393],\n",
            "        [2394, 2395, 2396, 2397, 2398, 2399]])",
        ),
    );
    check(
        Tensor::<f32>::zeros(&[10, 20, 30]),
        concat!(
            "tensor([[[0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         ...,\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.]],\n",
            "\n",
            "        [[0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         ...,\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.]],\n",
            "\n",
            "        [[0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         ...,\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.]],\n",
            "\n",
            "        ...,\n",
            "\n",
            "        [[0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         ...,\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.]],\n",
            "\n",
            "        [[0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         ...,\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.]],\n",
            "\n",
            "        [[0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         ...,\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.],\n",
            "         [0., 0., 0.,  ..., 0., 0., 0.]]])",
        ),
    );
    check(
        Tensor::<i64>::arange(2016).reshape(&[8, 36, 7]),
        concat!(
            "tensor([[[   0,    1,    2,  ...,    4,    5,    6],\n",
            "         [   7,    8,    9,  ...,   11,   12,   13],\n",
            "         [  14,   15,   16,  ...,   18,   19,   20],\n",
            "         ...,\n",
            "         [ 231,  232,  233,  ...,  235,  236,  237],\n",
            "         [ 238,  239,  240,  ...,  242,  243,  244],\n",
            "         [ 245,  246,  247,  ...,  249,  250,  251]],\n",
            "\n",
            "        [[ 252,  253,  254,  ...,  256,  257,  258],\n",
            "         [ 259,  260,  261,  ...,  263,  264,  265],\n",
            "         [ 266,  267,  268,  ...,  270,  271,  272],\n",
            "         ...,\n",
            "         [ 483,  484,  485,  ...,  487,  488,  489],\n",
            "         [ 490,  491,  492,  ...,  494,  495,  496],\n",
            "         [ 497,  498,  499,  ...,  501,  502,  503]],\n",
            "\n",
            "        [[ 504,  505,  506,  ...,  508,  509,  510],\n",
            "         [ 511,  512,  513,  ...,  515,  516,  517],\n",
            "         [ 518,  519,  520,  ...,  522,  523,  524],\n",
            "         ...,\n",
            "         [ 735,  736,  737,  ...,  739,  740,  741],\n",
            "         [ 742,  743,  744,  ...,  746,  747,  748],\n",
            "         [ 749,  750,  751,  ...,  753,  754,  755]],\n",
            "\n",
            "        ...,\n",
            "\n",
            "        [[1260, 1261, 1262,  ..., 1264, 1265, 1266],\n",
            "         [1267, 1268, 1269,  ..., 1271, 1272, 1273],\n",
            "         [1274, 1275, 1276,  ..., 1278, 1279, 1280],\n",
            "         ...,\n",
            "         [1491, 1492, 1493,  ..., 1495, 1496, 1497],\n",
            "         [1498, 1499, 1500,  ..., 1502, 1503, 1504],\n",
            "         [1505, 1506, 1507,  ..., 1509, 1510, 1511]],\n",
            "\n",
            "        [[1512, 1513, 1514,  ..., 1516, 1517, 1518],\n",
            "         [1519, 1520, 1521,  ..., 1523, 1524, 1525],\n",
            "         [1526, 1527, 1528,  ..., 1530, 1531, 1532],\n",
            "         ...,\n",
            "         [1743, 1744, 1745,  ..., 1747, 1748, 1749],\n",
            "         [1750, 1751, 1752,  ..., 1754, 1755, 1756],\n",
            "         [1757, 1758, 1759,  ..., 1761, 1762, 1763]],\n",
            "\n",
            "        [[1764, 1765, 1766,  ..., 1768, 1769, 1770],\n",
            "         [1771, 1772, 1773,  ..., 1775, 1776, 1777],\n",
            "         [1778, 1779, 1780,  ..., 1782, 1783, 1784],\n",
            "         ...,\n",
            "         [1995, 1996, 1997,  ..., 1999, 2000, 2001],\n",
            "         [2002, 2003, 2004,  ..., 2006, 2007, 2008],\n",
            "         [2009, 2010, 2011,  ..., 2013, 2014, 2015]]])",
        ),
    );
    check(Tensor::<u8>::full(&[1001], 200), "tensor([200, 200, 200,  ..., 200, 200, 200], dtype=u8)");
}

#[test]
fn every_memory_form_prints_alike_and_debug_is_display() {
    let t = Tensor::<f32>::arange(2400).reshape(&[40, 60]);
    let turned = t.t().contiguous().t();
    assert_eq!(turned.to_string(), t.to_string());
    assert_eq!(format!("{t:?}"), t.to_string());
    let every_second = Tensor::<i64>::arange(10).slice(0, 1, 10, 2);
    check(every_second, "tensor([1, 3, 5, 7, 9])");
    check(Tensor::from([[1.5_f32]]).expand(&[2, 2]), "tensor([[1.5000, 1.5000],\n        [1.5000, 1.5000]])");
}
