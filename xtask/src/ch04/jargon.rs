//! Jargon Recap: activations are calculated, parameters are learnt. Both are numbers that one can look at.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::Result;
use downhill::nn::forward_hook;
use downhill::prelude::*;

use super::{Context, digits, size};
use crate::report::{Figure, Findings, Histogram};

const BINS: usize = 40;

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let model: Sequential = simple_net(&mut Rng::new(0));
    let mut learn = Learner::new(ctx.dls.clone(), model)
        .opt_func(Sgd::new)
        .loss_func(mnist_loss)
        .metrics(batch_accuracy)
        .no_logging();
    let (xb, _) = learn.dls().valid.first()?;
    let before = activations(learn.model(), &xb);
    learn.fit(40, 0.1)?;
    let after = activations(learn.model(), &xb);

    out.equal("parameters of simple_net", 28 * 28 * 30 + 30 + 30 + 1, learn.model().num_parameters().1);
    let shapes: Vec<String> = after.iter().map(|(_, output)| size(output.shape())).collect();
    let asked = "torch.Size([256, 30]), torch.Size([256, 30]), torch.Size([256, 1])";
    out.equal("activations for a batch", asked, shapes.join(", "));
    let relu = &after[1].1;
    let (least, zero) = (relu.iter().fold(f32::MAX, f32::min), relu.eq(0.0).to::<f64>().mean(..).item());
    let found = format!("the least is {least}, {:.0} % are zero", 100.0 * zero);
    out.holds(
        "activations behind ReLU",
        "none is negative, some are zero",
        found,
        least >= 0.0 && zero > 0.0,
    );

    let named = learn.model().named_parameters();
    let layers = named.iter().map(|(name, p)| Histogram::new(name, &p.value().to_vec(), BINS)).collect();
    out.figure(Figure::Histograms { title: "Parameters, after 40 epochs".into(), layers });
    for (when, seen) in [("before the training", before), ("after 40 epochs", after)] {
        let layers = seen.iter().map(|(name, output)| Histogram::new(name, &output.to_vec(), BINS)).collect();
        out.figure(Figure::Histograms { title: format!("Activations, {when}"), layers });
    }

    // Each row of the first layer is a picture: what a hidden unit looks for.
    let w = named[0].1.value();
    let (least, span) = (w.iter().fold(f32::MAX, f32::min), w.iter().fold(f32::MIN, f32::max));
    let images = ((w - least) / (span - least)).reshape(&[30, 1, 28, 28]);
    let pictures = digits(&images, &(0..30).collect::<Vec<_>>(), &|i| i.to_string());
    out.figure(Figure::Pictures { title: "The first layer's weights".into(), columns: 10, pictures });
    Ok(())
}

/// What each layer puts out for a batch, by the layer's name and type.
fn activations(model: &dyn Forward, xb: &Tensor) -> Vec<(String, Tensor)> {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let sink = seen.clone();
    let hook = forward_hook(move |call| {
        if call.is_leaf {
            let name = format!("{} ({})", call.path, call.type_name);
            sink.borrow_mut().push((name, call.output.value()));
        }
    });
    no_grad(|| model.forward(&Var::new(xb.clone())));
    drop(hook);
    seen.take()
}
