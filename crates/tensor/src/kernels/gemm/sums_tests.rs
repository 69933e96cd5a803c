//! Sums of products with random plans: against sums in double precision, and the same bits everywhere.

use super::super::isa::Isa;
use super::plan::{Plan, Sums};
use super::tests::{Random, bits, isas};
use super::{Epilogue, Part, sums_with};

/// Operands, and a plan whose parts lie anywhere in them.
struct Case {
    a: Vec<f32>,
    b: Vec<f32>,
    bias: Option<Vec<f32>>,
    relu: bool,
    cols: usize,
    c_row: usize,
    plan: Plan,
    /// Of each run the rows, and its parts before they were joined or cut.
    runs: Vec<(usize, Vec<Part>)>,
}

impl Case {
    fn new(random: &mut Random, heights: &[usize], cols: usize, longest: usize) -> Self {
        let below = |random: &mut Random, n: usize| random.next() as usize % n.max(1);
        // Rows of A side by side or apart, and all kinds of distances.
        let by_rows = random.next().is_multiple_of(2);
        let (far, gap) = (1 + below(random, 100), below(random, 3));
        let [a_row, a_col] = if by_rows { [longest + far, 1] } else { [1, heights[0] + far] };
        let (b_row, c_row) = (cols + gap, cols + below(random, 3));
        let tallest = heights.iter().max().unwrap();
        let (a_len, b_len) = (tallest * a_row + longest * a_col + 500, longest * b_row + 500);
        let mut numbers = |len: usize| random.vec(len);
        let (a, b, bias) = (numbers(a_len), numbers(b_len), numbers(cols));
        let mut runs = vec![];
        let (mut line, mut plan) = (Plan::new([a_row, a_col], b_row), Plan::new([a_row, a_col], b_row));
        for &rows in heights {
            let parts: Vec<Part> = (0..below(random, 5))
                .map(|_| Part { a: below(random, 400), b: below(random, 400), k: below(random, longest + 1) })
                .collect();
            line.push(rows, parts.iter().copied());
            runs.push((rows, parts));
        }
        let shifts = [[0, 0], [3, 7], [90, 60]];
        let shifts = &shifts[..below(random, 4)];
        plan.extend(&line, shifts, random.next().is_multiple_of(2));
        for (_, parts) in &mut runs {
            let shifted =
                |&[a, b]: &[usize; 2]| parts.iter().map(move |p| Part { a: p.a + a, b: p.b + b, k: p.k });
            *parts = shifts.iter().flat_map(shifted).collect();
        }
        let bias = random.next().is_multiple_of(2).then_some(bias);
        Case { a, b, bias, relu: random.next().is_multiple_of(2), cols, c_row, plan, runs }
    }

    fn run(&self, isa: Isa) -> Vec<f32> {
        let rows: usize = self.runs.iter().map(|run| run.0).sum();
        let mut c = vec![7.0; (rows * self.c_row).saturating_sub(self.c_row - self.cols)];
        let epilogue = Epilogue { bias: self.bias.as_deref(), relu: self.relu };
        let (a, b) = (&self.a[..], &self.b[..]);
        sums_with(
            isa,
            &Sums { a, b, c_row: self.c_row, cols: self.cols, plan: &self.plan, epilogue },
            &mut c,
        );
        c
    }

    /// Within the error of summing in any order, and nothing between the rows of C is touched.
    fn check(&self, c: &[f32]) {
        let Plan { a_row, a_col, b_row, .. } = self.plan;
        let mut row = 0;
        for (rows, parts) in &self.runs {
            for i in 0..*rows {
                for j in 0..self.c_row {
                    let Some(&got) = c.get(row * self.c_row + j) else { continue };
                    if j >= self.cols {
                        assert_eq!(got, 7.0, "row {row}, column {j} is not C's");
                        continue;
                    }
                    let bias = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[j]));
                    let (mut sum, mut size, mut count) = (bias, bias.abs(), 3);
                    for part in parts {
                        for p in 0..part.k {
                            let a = self.a[part.a + i * a_row + p * a_col];
                            let product = f64::from(a) * f64::from(self.b[part.b + p * b_row + j]);
                            (sum, size, count) = (sum + product, size + product.abs(), count + 1);
                        }
                    }
                    if self.relu {
                        sum = sum.max(0.0);
                    }
                    let bound = 1.001 * f64::from(count) * 2f64.powi(-24) * size;
                    let ok = (f64::from(got) - sum).abs() <= bound;
                    assert!(ok, "({row}, {j}) of {:?}: {got} is not {sum} within {bound:e}", self.plan);
                }
                row += 1;
            }
        }
    }
}

fn check_all(random: &mut Random, heights: &[usize], cols: usize, longest: usize) {
    let case = Case::new(random, heights, cols, longest);
    let first = case.run(Isa::Portable);
    case.check(&first);
    for isa in isas() {
        assert!(bits(&case.run(isa)) == bits(&first), "{isa:?} differs: {:?}", case.plan);
    }
}

#[test]
fn small_plans() {
    let mut random = Random(11);
    for cols in [0, 1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40, 48, 64, 65] {
        for rows in [0, 1, 2, 5, 6, 7, 11, 12, 13, 24, 25, 64, 65] {
            check_all(&mut random, &[rows, 3, rows + 1], cols, 20);
        }
    }
}

#[test]
fn long_plans() {
    let mut random = Random(12);
    for (heights, cols, longest) in
        [(&[100, 1, 30][..], 70, 700), (&[13, 13], 300, 1300), (&[200], 33, 520), (&[1, 1, 1], 1, 1100)]
    {
        for _ in 0..4 {
            check_all(&mut random, heights, cols, longest);
        }
    }
}

#[test]
fn threads_do_not_matter_to_plans() {
    let mut random = Random(13);
    for (heights, cols) in [(&[64, 320, 64][..], 64), (&[64], 512), (&[300, 5], 129)] {
        let case = Case::new(&mut random, heights, cols, 200);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            bits(&pool.install(|| case.run(Isa::best())))
        };
        let expected = on(1);
        for threads in [2, 3, 8] {
            assert!(on(threads) == expected, "{heights:?} x {cols} on {threads} threads");
        }
    }
}

/// Parts that continue each other become one, and runs that do so as well.
#[test]
fn neighbours_are_joined() {
    let mut plan = Plan::new([4, 1], 10);
    let parts =
        |at: usize| [(at, 0, 3), (at + 3, 30, 1), (at + 100, 40, 4)].map(|(a, b, k)| Part { a, b, k });
    for pixel in 0..3 {
        plan.push(5, parts(pixel * 20).into_iter());
    }
    let [run] = plan.runs() else { panic!("expected one run: {plan:?}") };
    assert_eq!(run.rows, 15);
    assert_eq!(plan.parts(run), [Part { a: 0, b: 0, k: 4 }, Part { a: 100, b: 40, k: 4 }]);
}

#[test]
#[should_panic(expected = "a part reaches beyond its operands")]
fn a_part_beyond_its_operands_is_refused() {
    let mut plan = Plan::new([3, 1], 2);
    let mut line = plan.clone();
    line.push(2, [Part { a: 1, b: 0, k: 3 }].into_iter());
    plan.extend(&line, &[[0, 0]], false);
    let (a, b) = (&[0.0; 6][..], &[0.0; 6][..]);
    let sums = Sums { a, b, c_row: 2, cols: 2, plan: &plan, epilogue: Epilogue::default() };
    sums_with(Isa::best(), &sums, &mut [0.0; 4]);
}
