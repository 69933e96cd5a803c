//! Updates of several tensors in one pass, and fused sums, against loops over single elements.

use crate::common::indices;
use downhill_tensor::testing::bits_hash;
use downhill_tensor::{Rng, Tensor};

/// Tensors of one shape in every kind of memory: plain, transposed, permuted, with gaps, repeated, shared.
fn forms(shape: [usize; 3], rng: &mut Rng) -> Vec<Tensor> {
    let [a, b, c] = shape;
    let wide = Tensor::randn(&[a, b, 2 * c], rng);
    vec![
        Tensor::randn(&shape, rng),
        Tensor::randn(&[c, b, a], rng).permute(&[2, 1, 0]),
        Tensor::randn(&[b, a, c], rng).permute(&[1, 0, 2]),
        wide.slice(2, 0, 2 * c, 2),
        Tensor::randn(&[b, 1], rng).expand(&shape),
        wide.narrow(2, c, c),
    ]
}

fn formula([p, m]: [f32; 2], [g, h]: [f32; 2]) -> [f32; 2] {
    let m = 0.5 * m + g * h;
    [p - 0.1 * m / (m * m).sqrt(), m]
}

#[test]
fn an_update_is_its_formula_everywhere() {
    let rng = &mut Rng::new(1);
    for shape in [[1, 1, 1], [2, 3, 4], [5, 1, 7], [0, 3, 2], [3, 17, 33], [2, 130, 257]] {
        let (all, more) = (forms(shape, rng), forms(shape, rng));
        for (i, p) in all.iter().enumerate() {
            for (j, m) in more.iter().enumerate() {
                let (g, h) = (&all[j], &more[(i + j) % more.len()]);
                let (mut new_p, mut new_m) = (p.clone(), m.clone());
                Tensor::update_("test", [&mut new_p, &mut new_m], [g, h], formula);
                assert_eq!((new_p.shape(), new_m.shape()), (&shape[..], &shape[..]));
                for at in indices(&shape) {
                    let expected = formula([p.get(&at), m.get(&at)], [g.get(&at), h.get(&at)]);
                    assert_eq!([new_p.get(&at), new_m.get(&at)], expected, "{shape:?} {i} {j} {at:?}");
                }
            }
        }
    }
}

#[test]
fn an_update_keeps_the_order_of_memory_and_spares_other_handles() {
    let t = Tensor::<f32>::randn(&[6, 5, 4], &mut Rng::new(2)).permute(&[2, 0, 1]);
    let (mut p, mut m) = (t.clone(), Tensor::zeros(t.shape()));
    let before = t.to_vec();
    Tensor::update_("test", [&mut p, &mut m], [&t], |[p, _], [x]| [p + x, x]);
    assert_eq!((p.strides(), m.strides()), (t.strides(), t.strides()));
    assert_eq!(t.to_vec(), before, "what shares the storage stays");
    assert_eq!(p.to_vec(), (&t + &t).to_vec());
    assert_eq!(m.to_vec(), before);
}

#[test]
fn a_fused_sum_is_the_sum_of_its_formula() {
    let rng = &mut Rng::new(3);
    for shape in [[1, 1, 1], [2, 3, 4], [0, 3, 2], [3, 17, 33], [2, 130, 257], [9, 100, 101]] {
        let all = forms(shape, rng);
        for (i, x) in all.iter().enumerate() {
            let y = &all[(i + 1) % all.len()];
            let sum = Tensor::fuse_sum("test", [x, y], |[x, y]| f64::from(x) * f64::from(y).abs());
            let terms =
                indices(&shape).into_iter().map(|at| f64::from(x.get(&at)) * f64::from(y.get(&at)).abs());
            let terms: Vec<f64> = terms.collect();
            let (expected, size) = (terms.iter().sum::<f64>(), terms.iter().map(|x| x.abs()).sum::<f64>());
            assert!((sum - expected).abs() <= 1e-14 * size, "{shape:?} {i}: {sum}, {expected}");
        }
    }
}

#[test]
fn a_fused_sum_does_not_depend_on_threads() {
    let rng = &mut Rng::new(4);
    let all = forms([9, 100, 101], rng);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let sums = all.iter().map(|x| Tensor::fuse_sum("test", [x], |[x]| f64::from(x * x)).to_bits());
            let updated = all.iter().map(|x| {
                let mut p = x.clone();
                Tensor::update_("test", [&mut p], [&all[1]], |[p], [x]| [p / (x * x + 1.0).sqrt()]);
                bits_hash(&p)
            });
            sums.chain(updated).collect::<Vec<u64>>()
        })
    };
    let expected = on(1);
    for threads in [2, 3, 8] {
        assert_eq!(on(threads), expected, "on {threads} threads");
    }
}

#[test]
#[should_panic(expected = "adam: shapes differ: lhs [2, 3], rhs [3]")]
fn an_update_does_not_broadcast() {
    let mut p = Tensor::<f32>::zeros(&[2, 3]);
    Tensor::update_("adam", [&mut p], [&Tensor::zeros(&[3])], |[p], [g]| [p - g]);
}

#[test]
#[should_panic(expected = "dot: shapes differ: lhs [2, 3], rhs [2, 1]")]
fn a_fused_sum_does_not_broadcast() {
    Tensor::fuse_sum("dot", [&Tensor::<f32>::zeros(&[2, 3]), &Tensor::zeros(&[2, 1])], |[x, y]| {
        f64::from(x * y)
    });
}
