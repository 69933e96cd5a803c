//! NumPy Arrays and PyTorch Tensors: making, indexing and adding.

use anyhow::Result;
use downhill::prelude::*;

use super::Context;
use crate::report::Findings;

pub(super) fn run(_: &Context, out: &mut Findings) -> Result<()> {
    let tns = Tensor::<i64>::from([[1, 2, 3], [4, 5, 6]]);
    out.equal("tns", "tensor([[1, 2, 3],\n        [4, 5, 6]])", &tns);
    out.equal("tns[1]", "tensor([4, 5, 6])", tns.select(0, 1));
    out.equal("tns[:,1]", "tensor([2, 5])", tns.select(1, 1));
    out.equal("tns[1,1:3]", "tensor([5, 6])", tns.select(0, 1).slice(0, 1, 3, 1));
    out.equal("tns+1", "tensor([[2, 3, 4],\n        [5, 6, 7]])", &tns + 1);
    // Types do not change on their own here.
    let product = tns.to::<f32>() * 1.5;
    out.equal("tns*1.5", "tensor([[1.5000, 3.0000, 4.5000],\n        [6.0000, 7.5000, 9.0000]])", product);

    let sum = Tensor::<i64>::from([1, 2, 3]) + Tensor::<i64>::from([1, 1, 1]);
    out.equal("tensor([1,2,3]) + tensor([1,1,1])", "tensor([2, 3, 4])", sum);
    Ok(())
}
