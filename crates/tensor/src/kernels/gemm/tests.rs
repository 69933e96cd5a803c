//! The products against a naive loop in f64, and against each other bit by bit.

use super::*;

/// Small, reproducible and free of any distribution crate.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }
    fn f32(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 30) as f32 - 1.0
    }
    pub(super) fn vec(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.f32()).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    Rows,
    Columns,
    SubView,
    Strided,
    BroadcastRow,
    BroadcastCol,
    BroadcastAll,
}
use Layout::*;
const LAYOUTS: [Layout; 7] = [Rows, Columns, SubView, Strided, BroadcastRow, BroadcastCol, BroadcastAll];

/// A matrix with data of its own, of exactly the length it needs.
struct Owned {
    data: Vec<f32>,
    shape: [usize; 4],
}

impl Owned {
    fn new(random: &mut Random, rows: usize, cols: usize, layout: Layout) -> Self {
        let (row_stride, col_stride) = match layout {
            Rows => (cols, 1),
            Columns => (1, rows),
            SubView => (cols + 5, 1),
            Strided => (3 * cols + 2, 3),
            BroadcastRow => (0, 1),
            BroadcastCol => (1, 0),
            BroadcastAll => (0, 0),
        };
        let empty = rows == 0 || cols == 0;
        let len = if empty { 0 } else { (rows - 1) * row_stride + (cols - 1) * col_stride + 1 };
        Self { data: random.vec(len), shape: [rows, cols, row_stride, col_stride] }
    }
    fn mat(&self) -> Mat<'_> {
        let [rows, cols, row_stride, col_stride] = self.shape;
        Mat::new(&self.data, rows, cols, row_stride, col_stride)
    }
    fn at(&self, i: usize, j: usize) -> f32 {
        self.data[i * self.shape[2] + j * self.shape[3]]
    }
    /// The same elements in another layout.
    fn in_layout(&self, layout: Layout) -> Self {
        let [rows, cols, ..] = self.shape;
        let mut copy = Self::new(&mut Random(0), rows, cols, layout);
        for i in 0..rows {
            for j in 0..cols {
                copy.data[i * copy.shape[2] + j * copy.shape[3]] = self.at(i, j);
            }
        }
        copy
    }
}

pub(super) fn isas() -> impl Iterator<Item = Isa> {
    [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|&isa| isa <= Isa::best())
}

fn row_major(data: &[f32], rows: usize, cols: usize) -> Mat<'_> {
    Mat::new(data, rows, cols, cols, 1)
}

pub(super) fn bits(v: &[f32]) -> Vec<u32> {
    v.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

struct Case {
    a: Owned,
    b: Owned,
    c: Vec<f32>,
    ldc: usize,
    accumulate: bool,
    bias: Option<Vec<f32>>,
    relu: bool,
}

impl Case {
    fn new(random: &mut Random, [m, k, n]: [usize; 3], la: Layout, lb: Layout, options: u64) -> Self {
        let ldc = n + if options & 8 != 0 { 3 } else { 0 };
        Self {
            a: Owned::new(random, m, k, la),
            b: Owned::new(random, k, n, lb),
            c: random.vec(if m == 0 || n == 0 { 0 } else { (m - 1) * ldc + n }),
            ldc,
            accumulate: options & 1 != 0,
            bias: (options & 2 != 0).then(|| random.vec(n)),
            relu: options & 4 != 0,
        }
    }

    fn run(&self, isa: Isa) -> Vec<f32> {
        let mut c = self.c.clone();
        let epilogue = Epilogue { bias: self.bias.as_deref(), relu: self.relu };
        gemm_with(isa, self.a.mat(), self.b.mat(), &mut c, self.ldc, self.accumulate, epilogue);
        c
    }

    /// `|computed - exact| <= (k + 3) u (|c| + |a|·|b| + |bias|)`, as for any order of summation
    /// (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1, with u = 2^-24, and
    /// (1 + 1e-3) for the terms of second order); what lies between the rows of C is untouched.
    fn check(&self, got: &[f32]) {
        let ([m, k, ..], n) = (self.a.shape, self.b.shape[1]);
        for (at, (&got, &old)) in got.iter().zip(&self.c).enumerate() {
            let (i, j) = (at / self.ldc, at % self.ldc);
            if j >= n {
                assert_eq!(got.to_bits(), old.to_bits(), "between the rows");
                continue;
            }
            let start = if self.accumulate { old as f64 } else { 0.0 };
            let bias = self.bias.as_ref().map_or(0.0, |bias| bias[j] as f64);
            let (mut sum, mut size) = (start + bias, start.abs() + bias.abs());
            for p in 0..k {
                let product = self.a.at(i, p) as f64 * self.b.at(p, j) as f64;
                (sum, size) = (sum + product, size + product.abs());
            }
            if self.relu {
                sum = if 0.0 > sum { 0.0 } else { sum };
            }
            let bound = 1.001 * (k + 3) as f64 * 2f64.powi(-24) * size;
            let ok = (got as f64 - sum).abs() <= bound;
            assert!(ok, "({i}, {j}) of {m}x{k}x{n}: {got} is not {sum} within {bound:e}");
        }
    }

    /// On every path within the bound, and the same bits.
    fn check_all(&self) {
        let first = self.run(Isa::Portable);
        self.check(&first);
        for isa in isas() {
            assert!(
                bits(&self.run(isa)) == bits(&first),
                "{isa:?} differs, A {:?}, B {:?}",
                self.a.shape,
                self.b.shape
            );
        }
    }
}

#[test]
fn small_shapes_in_all_layouts() {
    // Around the lanes (4, 8, 16), the tiles (6 or 12 high; 8, 16 or 32 wide) and their doubles.
    const SIZES: [usize; 18] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 31, 32, 33];
    let mut random = Random(1);
    for m in SIZES {
        for n in SIZES {
            for k in SIZES {
                let layouts = [LAYOUTS[random.next() as usize % 7], LAYOUTS[random.next() as usize % 7]];
                let options = random.next() % 16;
                Case::new(&mut random, [m, k, n], layouts[0], layouts[1], options).check_all();
            }
        }
    }
}

#[test]
fn every_layout_with_every_option() {
    let mut random = Random(2);
    for shape in [[14, 21, 35], [1, 37, 29], [70, 37, 1], [5, 0, 3], [3, 33, 16]] {
        for la in LAYOUTS {
            for lb in LAYOUTS {
                for options in 0..16 {
                    Case::new(&mut random, shape, la, lb, options).check_all();
                }
            }
        }
    }
}

/// Several blocks of every kind, with remainders: packed and in-place operands.
#[test]
fn several_blocks() {
    let mut random = Random(3);
    let shapes = [
        [100, 513, 300],
        [13, 1030, 270],
        [200, 600, 30],
        [200, 40, 530],
        [1, 700, 130],
        [130, 700, 1],
        // Few rows, and whole vectors of B: kept by the first row of tiles.
        [30, 1100, 272],
        [95, 520, 288],
    ];
    for shape in shapes {
        for (la, lb) in
            [(Rows, Rows), (Columns, Rows), (Rows, Columns), (Strided, Strided), (SubView, SubView)]
        {
            let options = random.next() % 16;
            Case::new(&mut random, shape, la, lb, options).check_all();
        }
    }
}

#[test]
fn strides_do_not_matter() {
    let mut random = Random(4);
    for shape @ [m, k, n] in [[40, 600, 150], [150, 300, 600], [1, 333, 77], [77, 333, 1], [12, 7, 30]] {
        let case = Case::new(&mut random, shape, Rows, Rows, 3);
        for isa in isas() {
            let expected = case.run(isa);
            for (la, lb) in [(Columns, Rows), (Rows, Columns), (Strided, SubView), (SubView, Strided)] {
                let (a, b) = (case.a.in_layout(la), case.b.in_layout(lb));
                let other = Case { a, b, c: case.c.clone(), bias: case.bias.clone(), ..case };
                assert!(other.run(isa) == expected, "{m}x{k}x{n} {la:?} {lb:?} {isa:?}");
            }
        }
    }
}

#[test]
fn threads_do_not_matter() {
    let mut random = Random(5);
    let shapes = [
        [256, 784, 128],
        [130, 1100, 290],
        [64, 2048, 512],
        [3136, 64, 64],
        [1, 2000, 3000],
        [3000, 2000, 1],
    ];
    for shape in shapes {
        for (la, lb) in [(Rows, Rows), (Columns, Columns)] {
            let case = Case::new(&mut random, shape, la, lb, 7);
            let mut expected = None;
            for isa in isas().filter(|&isa| isa != Isa::Portable || cfg!(not(debug_assertions))) {
                for threads in [1, 2, 3, 8, 16] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let got = bits(&pool.install(|| case.run(isa)));
                    let expected = expected.get_or_insert_with(|| got.clone());
                    assert!(got == *expected, "{shape:?} {isa:?} on {threads} threads");
                }
            }
        }
    }
}

/// Many products at once in one pool, whose tasks interleave on its threads.
#[test]
fn products_within_tasks() {
    use rayon::prelude::*;
    let cases: Vec<Case> =
        (0..12).map(|i| Case::new(&mut Random(i), [200, 300, 100 + i as usize], Rows, Columns, i)).collect();
    let alone: Vec<_> = cases.iter().map(|case| case.run(Isa::best())).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let together: Vec<_> = pool.install(|| cases.par_iter().map(|case| case.run(Isa::best())).collect());
    assert!(alone == together);
}

#[test]
fn nan_and_infinity_propagate() {
    for [m, k, n] in [[14, 20, 35], [1, 20, 35], [35, 20, 1]] {
        for (x, y) in [(f32::NAN, 1.0), (f32::INFINITY, 0.0), (0.0, f32::NEG_INFINITY), (f32::INFINITY, 2.0)]
        {
            let (mut a, mut b) = (vec![1.0; m * k], vec![1.0; k * n]);
            (a[(m - 1) * k + 17], b[17 * n + n - 1]) = (x, y);
            for isa in isas() {
                let mut c = vec![f32::NAN; m * n];
                let (a, b) = (row_major(&a, m, k), row_major(&b, k, n));
                gemm_with(isa, a, b, &mut c, n, false, Epilogue { bias: None, relu: true });
                for (at, &got) in c.iter().enumerate() {
                    let (x, y) =
                        (if at / n == m - 1 { x } else { 1.0 }, if at % n == n - 1 { y } else { 1.0 });
                    let sum = 19.0 + x * y;
                    let expected = if 0.0 > sum { 0.0 } else { sum };
                    assert!(got == expected || got.is_nan() && expected.is_nan(), "{got} is not {expected}");
                }
            }
        }
    }
}

#[test]
fn no_products_give_zeros_and_epilogue() {
    let (a, b) = (Mat::new(&[], 2, 0, 7, 9), Mat::new(&[], 0, 3, 8, 1));
    let mut c = [5.0, -6.0, f32::NAN, 1.0, 2.0, 3.0];
    let epilogue = Epilogue { bias: Some(&[1.0, -1.0, 0.5]), relu: true };
    gemm_with(Isa::best(), a, b, &mut c, 3, false, epilogue);
    assert_eq!(c, [1.0, 0.0, 0.5, 1.0, 0.0, 0.5]);
    gemm_with(Isa::best(), a, b, &mut c, 3, true, Epilogue::default());
    assert_eq!(c, [1.0, 0.0, 0.5, 1.0, 0.0, 0.5]);
}

/// Asserts that `f` panics with a message containing `words`.
fn panics(words: &str, f: impl FnOnce() + std::panic::UnwindSafe) {
    let payload = std::panic::catch_unwind(f).expect_err("must panic");
    let message = payload.downcast::<String>().map_or(String::new(), |s| *s);
    assert!(message.contains(words), "{message:?} does not contain {words:?}");
}

#[test]
fn bad_arguments_are_refused() {
    let d = [0.0; 64];
    panics("needs more than 64", || _ = Mat::<f32>::new(&d, 8, 8, 9, 1));
    panics("needs more than 64", || _ = Mat::<f32>::new(&d, 3, 3, usize::MAX, 1));
    panics("needs more than 64", || _ = Mat::<f32>::new(&d, 2, 2, usize::MAX, 1));
    panics("needs more than 64", || _ = Mat::<f32>::new(&d, usize::MAX, 2, 1, 1));
    let call = |m, k, k2, n, len, ldc, bias: Option<usize>| {
        let bias = bias.map(|len| vec![0.0; len]);
        let epilogue = Epilogue { bias: bias.as_deref(), relu: false };
        gemm_with(
            Isa::best(),
            row_major(&[0.0; 64], m, k),
            row_major(&[0.0; 64], k2, n),
            &mut vec![0.0; len],
            ldc,
            true,
            epilogue,
        );
    };
    call(3, 4, 4, 5, 2 * 6 + 5, 6, Some(5));
    panics("must match", || call(3, 4, 5, 5, 15, 5, None));
    panics("overlap", || call(3, 4, 4, 5, 15, 4, None));
    panics("C is 3x5", || call(3, 4, 4, 5, 14, 5, None));
    panics("bias", || call(3, 4, 4, 5, 15, 5, Some(4)));
    panics("C is 3x5", || call(3, 4, 4, 5, 15, usize::MAX, None));
}
