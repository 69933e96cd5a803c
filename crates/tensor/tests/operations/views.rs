//! Views against index arithmetic, sharing of storage, and copy on write.

use crate::common::{Naive, assert_same, build, memory, order, shape};
use downhill_tensor::{Tensor, cat, stack};
use proptest::prelude::*;

/// Every element is its position in memory, so that no two are alike.
fn position(i: usize) -> i64 {
    i as i64
}

/// Ways to write the same number of elements as another shape.
fn other_shapes(shape: &[usize]) -> Vec<Vec<usize>> {
    let numel: usize = shape.iter().product();
    let mut shapes = vec![vec![numel], vec![1, numel, 1]];
    for at in 0..shape.len() {
        // Axes at and at + 1 merged, axis `at` split, a new axis.
        if at + 1 < shape.len() {
            let merged = shape[at] * shape[at + 1];
            shapes.push([&shape[..at], &[merged], &shape[at + 2..]].concat());
        }
        for d in 2..=shape[at] {
            if shape[at].is_multiple_of(d) {
                shapes.push([&shape[..at], &[d, shape[at] / d], &shape[at + 1..]].concat());
            }
        }
        shapes.push([&shape[..at], &[1], &shape[at..]].concat());
    }
    if numel > 0 {
        for d in (1..=numel).filter(|&d| numel.is_multiple_of(d)) {
            shapes.push(vec![d, numel / d]);
        }
    }
    shapes
}

fn signed(shape: &[usize]) -> Vec<isize> {
    shape.iter().map(|&d| d as isize).collect()
}

proptest! {
    #[test]
    fn a_tensor_in_any_memory_form_reads_as_its_twin(shape in shape(4), memory in memory()) {
        let (t, n) = build(&shape, &memory, position);
        assert_same(&t, &n);
        assert_same(&t.contiguous(), &n);
        prop_assert!(t.contiguous().is_contiguous());
        prop_assert_eq!(t.contiguous().shares_storage(&t), t.is_contiguous());
        prop_assert_eq!(t.rank(), shape.len());
        for (i, &d) in shape.iter().enumerate() {
            prop_assert_eq!(t.size(i as isize), d);
            prop_assert_eq!(t.size(i as isize - shape.len() as isize), d);
        }
    }

    #[test]
    fn reshape_keeps_row_major_order(shape in shape(4), memory in memory()) {
        let (t, n) = build(&shape, &memory, position);
        for other in other_shapes(&shape) {
            let expected = n.reshape(&other);
            let reshaped = t.reshape(&signed(&other));
            assert_same(&reshaped, &expected);
            if t.is_contiguous() {
                prop_assert!(reshaped.shares_storage(&t));
            }
            // view succeeds exactly where reshape need not copy.
            let view = std::panic::catch_unwind(|| t.view(&signed(&other)));
            prop_assert_eq!(view.is_ok(), reshaped.shares_storage(&t));
            if let Ok(view) = view {
                assert_same(&view, &expected);
            }
            // Any one axis can be inferred while the others are not empty.
            for at in 0..other.len() {
                let mut unknown = signed(&other);
                unknown[at] = -1;
                if unknown.iter().all(|&d| d != 0) {
                    assert_same(&t.reshape(&unknown), &expected);
                }
            }
        }
    }

    #[test]
    fn axes_of_one_element_come_and_go_without_a_copy(shape in shape(4), memory in memory()) {
        let (t, n) = build(&shape, &memory, position);
        for at in 0..=shape.len() {
            let mut with = n.shape.clone();
            with.insert(at, 1);
            for dim in [at as isize, at as isize - shape.len() as isize - 1] {
                let unsqueezed = t.unsqueeze(dim);
                prop_assert!(unsqueezed.shares_storage(&t));
                assert_same(&unsqueezed, &n.reshape(&with));
                assert_same(&unsqueezed.squeeze(dim), &n);
                assert_same(&unsqueezed.contiguous(), &n.reshape(&with));
                // What was dense stays dense: its reshape needs no copy of its own.
                prop_assert_eq!(unsqueezed.is_contiguous(), t.is_contiguous());
                assert_same(&t.view(&signed(&with)), &n.reshape(&with));
            }
        }
        for at in (0..shape.len()).filter(|&at| shape[at] != 1) {
            assert_same(&t.squeeze(at as isize), &n);
        }
    }

    #[test]
    fn transpose_and_permute_move_axes(shape in shape(4), memory in memory(), code in 0..24_usize) {
        let (t, n) = build(&shape, &memory, position);
        let order = order(shape.len(), code);
        let permuted = t.permute(&signed(&order));
        prop_assert!(permuted.shares_storage(&t));
        assert_same(&permuted, &n.permute(&order));
        assert_same(&permuted.contiguous(), &n.permute(&order));
        let back: Vec<isize> = order.iter().map(|&o| o as isize - shape.len() as isize).collect();
        assert_same(&t.permute(&back), &n.permute(&order));
        for a in 0..shape.len() {
            for b in 0..shape.len() {
                let mut swapped: Vec<usize> = (0..shape.len()).collect();
                swapped.swap(a, b);
                assert_same(&t.transpose(a as isize, b as isize), &n.permute(&swapped));
            }
        }
        if shape.len() == 2 {
            assert_same(&t.t(), &n.permute(&[1, 0]));
        }
    }

    #[test]
    fn parts_of_an_axis(shape in shape(4), memory in memory()) {
        let (t, n) = build(&shape, &memory, position);
        for dim in 0..shape.len() {
            let d = shape[dim];
            let removed = |n: &Naive<i64>| {
                let mut without = n.shape.clone();
                without.remove(dim);
                n.reshape(&without)
            };
            for start in 0..=d {
                for end in start..=d {
                    let narrowed = t.narrow(dim as isize, start, end - start);
                    prop_assert!(narrowed.shares_storage(&t));
                    assert_same(&narrowed, &n.slice(dim, start, end, 1));
                    for step in [1, 2, 3, usize::MAX] {
                        assert_same(&t.slice(dim as isize, start, end, step), &n.slice(dim, start, end, step));
                    }
                }
            }
            let parts: Vec<_> = t.unbind(dim as isize).collect();
            prop_assert_eq!(parts.len(), d);
            for (i, part) in parts.iter().enumerate() {
                assert_same(part, &removed(&n.slice(dim, i, i + 1, 1)));
                assert_same(&t.select(dim as isize - shape.len() as isize, i), &removed(&n.slice(dim, i, i + 1, 1)));
                prop_assert!(part.shares_storage(&t));
            }
        }
    }

    #[test]
    fn expand_repeats_without_a_copy(shape in shape(3), memory in memory(), times in 0..4_usize) {
        let (t, n) = build(&shape, &memory, position);
        let to: Vec<usize> =
            [times].into_iter().chain(shape.iter().map(|&d| if d == 1 { times } else { d })).collect();
        let expanded = t.expand(&to);
        prop_assert!(expanded.shares_storage(&t));
        assert_same(&expanded, &n.expand(&to));
        assert_same(&t.expand(&shape), &n);
    }

    #[test]
    fn flatten_merges_the_rest(shape in shape(4), memory in memory()) {
        let (t, n) = build(&shape, &memory, position);
        if shape.is_empty() {
            assert_same(&t.flatten(0), &n.reshape(&[1]));
        }
        for start in 0..shape.len() {
            let rest = shape[start..].iter().product();
            let expected = n.reshape(&[&shape[..start], &[rest]].concat());
            assert_same(&t.flatten(start as isize), &expected);
            assert_same(&t.flatten(start as isize - shape.len() as isize), &expected);
        }
    }

    #[test]
    fn index_select_gathers(shape in shape(4), memory in memory(), picks in prop::collection::vec(0..100_usize, 0..7)) {
        let (t, n) = build(&shape, &memory, position);
        for dim in 0..shape.len() {
            let picks: Vec<usize> = picks.iter().filter(|_| shape[dim] > 0).map(|p| p % shape[dim]).collect();
            let mut to = shape.clone();
            to[dim] = picks.len();
            let expected = Naive::from_fn(&to, |i| {
                let mut index = i.to_vec();
                index[dim] = picks[i[dim]];
                n.get(&index)
            });
            assert_same(&t.index_select(dim as isize, &picks), &expected);
        }
    }

    #[test]
    fn cat_and_stack_put_tensors_together(
        shape in shape(4), lengths in prop::collection::vec(0..4_usize, 1..4),
        memories in prop::collection::vec(memory(), 3), dim in 0..5_usize,
    ) {
        if !shape.is_empty() {
            let dim = dim % shape.len();
            let parts: Vec<_> = lengths.iter().zip(&memories).map(|(&len, memory)| {
                let mut own = shape.clone();
                own[dim] = len;
                build(&own, memory, position)
            }).collect();
            let mut to = shape.clone();
            to[dim] = lengths.iter().sum();
            let expected = Naive::from_fn(&to, |i| {
                let mut index = i.to_vec();
                let mut part = 0;
                while index[dim] >= lengths[part] {
                    index[dim] -= lengths[part];
                    part += 1;
                }
                parts[part].1.get(&index)
            });
            let tensors: Vec<_> = parts.iter().map(|p| p.0.clone()).collect();
            assert_same(&cat(&tensors, dim as isize), &expected);
            assert_same(&cat(&tensors, dim as isize - shape.len() as isize), &expected);
        }
        let dim = dim % (shape.len() + 1);
        let parts: Vec<_> = memories.iter().map(|memory| build(&shape, memory, position)).collect();
        let mut to = shape.clone();
        to.insert(dim, parts.len());
        let expected = Naive::from_fn(&to, |i| {
            let mut index = i.to_vec();
            let part = index.remove(dim);
            parts[part].1.get(&index)
        });
        let tensors: Vec<_> = parts.iter().map(|p| p.0.clone()).collect();
        assert_same(&stack(&tensors, dim as isize), &expected);
    }

    #[test]
    fn writing_to_one_handle_changes_no_other(shape in shape(4), memory in memory(), which in 0..8_usize) {
        let (mut t, n) = build(&shape, &memory, position);
        let (clone, flat) = (t.clone(), t.reshape(&[t.numel() as isize]));
        let rest = Tensor::<i64>::full(&shape, 7);
        match which {
            0 => { t.add_(&rest); }
            1 => { t.sub_(&rest); }
            2 => { t.mul_(&rest); }
            3 => { t.fill_(7); }
            4 => { t.zero_(); }
            5 => { t.copy_(&rest); }
            6 => { t.map_(|x| x + 7); }
            _ => { t = t + &rest; }
        }
        let f = |x: i64| match which { 0 | 6 | 7 => x + 7, 1 => x - 7, 2 => x * 7, 3 | 5 => 7, _ => 0 };
        assert_same(&t, &n.map(f));
        assert_same(&clone, &n);
        prop_assert_eq!(flat.to_vec(), n.data.clone());
        prop_assert!(!t.shares_storage(&clone));
    }
}

#[test]
fn a_view_of_a_unique_tensor_is_written_apart_from_it() {
    let base = Tensor::<i64>::arange(12).reshape(&[3, 4]);
    let mut row = base.select(0, 1);
    row.zero_();
    assert_eq!(row.to_vec(), [0; 4]);
    assert!(base.iter().eq(0..12));
    let mut base = base;
    let column = base.select(1, 2);
    base.add_(100);
    assert_eq!(column.to_vec(), [2, 6, 10]);
    assert!(base.iter().eq(100..112));
}

#[test]
fn a_unique_handle_is_written_in_place() {
    fn address(t: &Tensor<f32>) -> *const f32 {
        t.as_slice().unwrap().as_ptr()
    }
    let mut t = Tensor::<f32>::ones(&[3, 4]);
    let at = address(&t);
    t.add_(1.0).sub_(Tensor::ones(&[4])).mul_(3.0).div_(2.0).map_(|x| x + 1.0);
    t.add_scaled_(&Tensor::ones(&[3, 1]), 0.5).copy_(&Tensor::full(&[3, 4], 2.0)).fill_(1.5).zero_();
    assert_eq!(address(&t), at);
    assert_eq!(t.to_vec(), [0.0; 12]);
}

#[test]
fn operators_by_value_reuse_the_left_or_right_buffer() {
    let address = |t: &Tensor<f32>| t.as_slice().unwrap().as_ptr();
    let other = Tensor::<f32>::full(&[3, 4], 2.0);
    let t = Tensor::<f32>::ones(&[3, 4]);
    let at = address(&t);
    let t = t + &other;
    let t = &other * t;
    let t = 1.0 - (t / 2.0);
    let t = -t;
    assert_eq!(address(&t), at);
    assert_eq!(t.to_vec(), [2.0; 12]);
    // A shared operand is left alone.
    let (kept, sum) = (t.clone(), t + 1.0);
    assert_eq!(address(&kept), at);
    assert_ne!(address(&sum), at);
    assert_eq!((kept.to_vec(), sum.to_vec()), (vec![2.0; 12], vec![3.0; 12]));
}

#[test]
fn writing_to_an_expanded_tensor_gives_every_element_its_own_memory() {
    let mut t = Tensor::<f32>::ones(&[1, 3]).expand(&[2, 3]);
    t.copy_(&Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    assert_eq!(t.to_vec(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(t.strides(), [3, 1]);
}

#[test]
fn large_copies_agree_with_index_arithmetic() {
    // Beyond the size from which copies are made in parallel, in both kinds of pieces.
    for shape in [[3, 70_000], [70_000, 3], [300, 301]] {
        let t = Tensor::<i64>::arange(shape[0] * shape[1]).reshape(&signed(&shape));
        let copy = t.t().contiguous();
        let data = copy.as_slice().unwrap();
        for j in 0..shape[1] {
            for i in 0..shape[0] {
                assert_eq!(data[j * shape[0] + i], (i * shape[1] + j) as i64);
            }
        }
        assert_eq!(copy.t().contiguous().to_vec(), t.to_vec());
    }
}
