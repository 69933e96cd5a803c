//! SGD and Mini-Batches: what a DataLoader makes of a collection.

use anyhow::Result;
use downhill::prelude::*;

use super::Context;
use crate::report::Findings;

pub(super) fn run(_: &Context, out: &mut Findings) -> Result<()> {
    let coll = Tensor::<i64>::arange(15);
    let coll = || TensorDataset::new(coll.clone(), coll.clone());
    let dl = DataLoader::new(coll()?).bs(5).shuffle(true);
    let batches = list(&dl)?;
    let (sizes, mut items) = sizes_and_items(&batches);
    out.equal("DataLoader(range(15), batch_size=5): batches", "[5, 5, 5]", format!("{sizes:?}"));
    let shuffled = !items.is_sorted();
    items.sort_unstable();
    let permutation = shuffled && items.iter().copied().eq(0..15);
    let (asked, found) = ("a permutation of range(15)", format!("{}", batches[0].0));
    out.holds("list(dl), shuffled", asked, format!("{found}, .."), permutation);
    let (first, _) = DataLoader::new(coll()?).bs(5).first()?;
    out.equal("first(dl), not shuffled", "tensor([0, 1, 2, 3, 4])", first);

    let letter = |i: i64| Tensor::scalar(b'a' + i as u8);
    let ds: Vec<(Tensor<i64>, Tensor<u8>)> = (0..26).map(|i| (Tensor::scalar(i), letter(i))).collect();
    out.equal("len(L(enumerate(string.ascii_lowercase)))", 26, ds.len());
    let dl = DataLoader::new(ds).bs(6).shuffle(true);
    let batches = list(&dl)?;
    let (sizes, mut items) = sizes_and_items(&batches);
    out.equal("DataLoader(ds, batch_size=6): batches", "[6, 6, 6, 6, 2]", format!("{sizes:?}"));
    let belong = batches.iter().all(|(x, y)| x.iter().zip(y.iter()).all(|(x, y)| y == b'a' + x as u8));
    items.sort_unstable();
    let letters: String = batches[0].1.iter().map(char::from).collect();
    let found = format!("{}, {letters:?}, ..", batches[0].0);
    let asked = "every number once, with its letter";
    out.holds("list(dl), shuffled", asked, found, belong && items.into_iter().eq(0..26));
    Ok(())
}

/// `list(dl)`.
fn list<Y: downhill::tensor::Element>(dl: &DataLoader<i64, Y>) -> Result<Vec<(Tensor<i64>, Tensor<Y>)>> {
    Ok(dl.iter().collect::<Result<_, _>>()?)
}

fn sizes_and_items<Y: downhill::tensor::Element>(
    batches: &[(Tensor<i64>, Tensor<Y>)],
) -> (Vec<usize>, Vec<i64>) {
    let sizes = batches.iter().map(|(x, _)| x.size(0)).collect();
    (sizes, batches.iter().flat_map(|(x, _)| x.to_vec()).collect())
}
