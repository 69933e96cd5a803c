//! Running recorded operations backward.

use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use downhill_tensor::{Float, Tensor};

use crate::anomaly;
use crate::mode::{EnableGrad, NoGrad, is_anomaly_detected};
use crate::place::{Node, Place, lock};
use crate::profile;
use crate::record::{Backward, Record};
use crate::var::Var;

impl<T: Float> Var<T> {
    /// Computes the gradient of this scalar with respect to every parameter that it depends on, and adds it to each
    /// one's [`grad`](Self::grad).
    ///
    /// The graph is consumed: a second call panics. To keep it, see
    /// [`backward_retain_graph`](Self::backward_retain_graph).
    ///
    /// # Panics
    /// If this has more than one element, does not depend on a parameter, or its graph was consumed before.
    #[track_caller]
    pub fn backward(&self) {
        self.backward_with(self.one());
    }

    /// [`backward`](Self::backward) from a result of any shape: computes the gradient of `(self * cotangent).sum(..)`.
    ///
    /// # Panics
    /// If the shapes differ, this does not depend on a parameter, or its graph was consumed before.
    #[track_caller]
    pub fn backward_with(&self, cotangent: Tensor<T>) {
        Pass::default().run(&[(self, Var::new(cotangent))], &mut accumulate);
    }

    /// [`backward`](Self::backward) that leaves the graph as it is for another pass.
    ///
    /// # Panics
    /// As `backward`.
    #[track_caller]
    pub fn backward_retain_graph(&self) {
        let pass = Pass { retain_graph: true, ..Pass::default() };
        pass.run(&[(self, Var::new(self.one()))], &mut accumulate);
    }

    /// The gradient of a scalar with respect to itself.
    #[track_caller]
    fn one(&self) -> Tensor<T> {
        let shape = self.shape();
        let is_scalar = shape.iter().all(|&d| d == 1);
        assert!(is_scalar, "backward: expected a scalar, got shape {shape:?}; see backward_with");
        Tensor::ones(&shape)
    }
}

/// Adds an arriving gradient to a parameter's.
fn accumulate<T: Float>(place: &Place<T>, grad: &mut Option<Var<T>>) {
    if let Place::Leaf(leaf) = place {
        let mut sum = grad.take().expect("each gradient arrives once").into_value();
        // Nothing is added while the lock is held: a thread that waits for the others' parts of a large sum may meanwhile
        // begin with another task of its pool, a backward pass to the same parameter perhaps.
        loop {
            let mut held = lock(&leaf.head.extras().grad);
            let Some(before) = held.take() else {
                *held = Some(sum);
                return;
            };
            drop(held);
            sum = before + sum;
        }
    }
}

/// The gradients of the sum of all elements of `outputs` with respect to each of `inputs`, without touching any
/// variable's [`grad`](Var::grad). `None` for an input that the outputs do not depend on. `torch.autograd.grad`.
///
/// Inputs may be parameters or intermediate results. The graph is consumed as far as the inputs. For gradients that can
/// be differentiated again, or of other than the plain sum, see [`grad_with`].
///
/// # Panics
/// If an output does not depend on a parameter, or its graph was consumed before.
///
/// ```
/// use downhill_autograd::{Var, grad};
/// use downhill_tensor::Tensor;
///
/// let (a, b) = (Var::parameter(Tensor::from([2.0_f32])), Var::parameter(Tensor::from([5.0])));
/// let gradients = grad(&[&(&a * &b)], &[&a, &b]);
/// assert_eq!(gradients[0].as_ref().unwrap().item(), 5.0);
/// assert!(a.grad().is_none());
/// ```
#[track_caller]
pub fn grad<T: Float>(outputs: &[&Var<T>], inputs: &[&Var<T>]) -> Vec<Option<Tensor<T>>> {
    let gradients = grad_with(outputs, inputs, &GradOptions::default());
    gradients.into_iter().map(|gradient| gradient.map(Var::into_value)).collect()
}

/// How [`grad_with`] computes.
///
/// ```
/// # use downhill_autograd::GradOptions;
/// let options = GradOptions::<f32>::default().create_graph(true);
/// assert!(options.create_graph && options.cotangents.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct GradOptions<T: Float = f32> {
    /// What each output is multiplied by before all are summed, of its shape; none stands for ones. May require a
    /// gradient themselves. PyTorch's `grad_outputs`.
    pub cotangents: Vec<Var<T>>,
    /// Whether the gradients get a graph of their own, by which they can be differentiated again. Keeps the graph that
    /// they are computed from as well, since theirs is made of it.
    pub create_graph: bool,
    /// Whether the graph is kept for another pass.
    pub retain_graph: bool,
}

impl<T: Float> Default for GradOptions<T> {
    fn default() -> Self {
        GradOptions { cotangents: Vec::new(), create_graph: false, retain_graph: false }
    }
}

impl<T: Float> GradOptions<T> {
    /// Sets [`cotangents`](Self::cotangents), one for each output.
    pub fn cotangents(self, cotangents: impl IntoIterator<Item = impl Into<Var<T>>>) -> Self {
        GradOptions { cotangents: cotangents.into_iter().map(Into::into).collect(), ..self }
    }

    /// Sets [`create_graph`](Self::create_graph).
    pub fn create_graph(self, create_graph: bool) -> Self {
        GradOptions { create_graph, ..self }
    }

    /// Sets [`retain_graph`](Self::retain_graph).
    pub fn retain_graph(self, retain_graph: bool) -> Self {
        GradOptions { retain_graph, ..self }
    }
}

/// [`grad`] with options: gradients that can be differentiated again, other cotangents than ones, a graph that is kept.
/// `torch.autograd.grad`.
///
/// With `create_graph` the results are variables that remember how they were computed, so a loss may be made of them: a
/// penalty on the size of a gradient, or a product with the Hessian. (A parameter's [`grad`](Var::grad) is always a plain
/// tensor: a graph kept there would keep the parameter itself alive for ever.) Otherwise they are constants. Every
/// operation of this crate can be differentiated any number of times; one of your own if it was made by
/// [`from_differentiable_op`](crate::from_differentiable_op).
///
/// # Panics
/// If an output does not depend on a parameter, its graph was consumed before, or the cotangents do not fit. With
/// `create_graph` also if a parameter was updated since the graph was recorded.
///
/// ```
/// use downhill_autograd::{GradOptions, Var, grad_with};
/// use downhill_tensor::Tensor;
///
/// // y = w x³, and a penalty on (dy/dx)² = (3 w x²)², whose derivative by w is 18 w x⁴.
/// let (w, x) = (Var::parameter(Tensor::scalar(5.0)), Var::parameter(Tensor::scalar(2.0)));
/// let y = &w * x.powf(3.0);
/// let slope = grad_with(&[&y], &[&x], &GradOptions::default().create_graph(true)).remove(0).unwrap();
/// assert_eq!(slope.item(), 60.0);
/// slope.square().backward();
/// assert_eq!(w.grad().unwrap().item(), 18.0 * 5.0 * 16.0);
/// ```
#[track_caller]
pub fn grad_with<T: Float>(
    outputs: &[&Var<T>],
    inputs: &[&Var<T>],
    options: &GradOptions<T>,
) -> Vec<Option<Var<T>>> {
    let given = &options.cotangents;
    assert!(
        given.is_empty() || given.len() == outputs.len(),
        "grad: {} cotangents for {} outputs",
        given.len(),
        outputs.len()
    );
    let cotangent = |i: usize, output: &Var<T>| {
        given.get(i).cloned().unwrap_or_else(|| Var::new(Tensor::ones(&output.shape())))
    };
    let roots: Vec<_> = outputs.iter().enumerate().map(|(i, &v)| (v, cotangent(i, v))).collect();
    let mut wanted: HashMap<u64, Vec<usize>> = HashMap::new();
    for (i, input) in inputs.iter().enumerate() {
        wanted.entry(input.id()).or_default().push(i);
    }
    let mut found = vec![None; inputs.len()];
    let pass = Pass {
        retain_graph: options.retain_graph || options.create_graph,
        create_graph: options.create_graph,
        first: wanted.keys().min().copied().unwrap_or(0),
    };
    pass.run(&roots, &mut |place, grad| {
        for &i in wanted.get(&place.id()).into_iter().flatten() {
            found[i].clone_from(grad);
        }
    });
    found
}

/// Sees every place with its complete gradient, leaves included, before the gradient moves on; from a leaf it may take it.
type Arrived<'a, T> = dyn FnMut(&Place<T>, &mut Option<Var<T>>) + 'a;

/// The places whose gradient is known in part, by id. The largest is complete: every node that could still contribute to
/// it was created later, and is done.
type Pending<T> = BTreeMap<u64, (Place<T>, Option<Var<T>>)>;

/// One way through a graph from its results.
#[derive(Clone, Copy, Default)]
struct Pass {
    retain_graph: bool,
    create_graph: bool,
    /// Nodes with smaller ids are of no interest, nor can they lead to one that is.
    first: u64,
}

impl Pass {
    #[track_caller]
    fn run<T: Float>(self, roots: &[(&Var<T>, Var<T>)], arrived: &mut Arrived<'_, T>) {
        let _guard: (Option<NoGrad>, Option<EnableGrad>) =
            if self.create_graph { (None, Some(EnableGrad::new())) } else { (Some(NoGrad::new()), None) };
        let mut pending = Pending::new();
        for (root, cotangent) in roots {
            assert!(root.requires_grad(), "backward: the result does not depend on any parameter");
            assert!(
                *cotangent.shape() == *root.shape(),
                "backward: shapes differ: result {:?}, cotangent {:?}",
                root.shape(),
                cotangent.shape()
            );
            add(&mut pending, &root.place(), cotangent.clone());
        }
        while let Some((id, (place, grad))) = pending.pop_last() {
            let mut grad = grad.map(|grad| place.through_hooks(grad));
            if is_anomaly_detected() {
                anomaly::check_sum(&place, grad.as_ref());
            }
            arrived(&place, &mut grad);
            let Place::Result(node) = &place else { continue };
            // The first node of interest leads to none.
            if id <= self.first {
                continue;
            }
            let Some(record) = node.record(self.retain_graph) else {
                panic!(
                    "backward: the graph of {} was consumed by an earlier backward pass; see backward_retain_graph",
                    node.op
                );
            };
            if !self.retain_graph {
                place.forget_hooks();
            }
            let grad = grad.expect("only leaves give up their gradient");
            self.step(node, grad, &*record, &mut pending);
        }
    }

    /// Takes the gradient of one result on to its inputs.
    #[track_caller]
    fn step<T: Float>(
        self,
        node: &Arc<Node<T>>,
        grad: Var<T>,
        record: &dyn Record<T>,
        pending: &mut Pending<T>,
    ) {
        if let Some(again) = record.recompute() {
            // Its nodes are the latest of all, so they come next, and what they lead to gets its gradients in the order
            // in which it would have got them without a second computation.
            if again.requires_grad() {
                add(pending, &again.place(), grad);
            }
            return;
        }
        let inputs = record.inputs();
        let of_interest: Vec<bool>;
        let needs = if inputs.iter().all(|input| input.id() >= self.first) {
            record.needs()
        } else {
            let needs = record.needs().iter().zip(inputs);
            of_interest = needs.map(|(&needed, input)| needed && input.id() >= self.first).collect();
            &of_interest
        };
        let incoming = is_anomaly_detected().then(|| grad.value());
        let (mut count, mut misfit, mut found) = (0, None, None);
        record.backward(Backward { grad, node, needs }, &mut |gradient| {
            let i = count;
            count += 1;
            let Some((gradient, input)) = gradient.zip(inputs.get(i)).filter(|_| needs[i]) else { return };
            if *gradient.shape() != *input.shape() {
                misfit.get_or_insert((input.shape(), gradient.shape()));
                return;
            }
            if let Some(incoming) = &incoming {
                found = found.take().or_else(|| anomaly::describe(node, incoming, i, &gradient));
            }
            add(pending, input, gradient);
        });
        let op = node.op;
        profile::mark(op, true);
        assert!(count == inputs.len(), "backward of {op}: {count} gradients for {} inputs", inputs.len());
        if let Some((input, gradient)) = misfit {
            panic!("backward of {op}: shapes differ: input {input:?}, gradient {gradient:?}");
        }
        if let Some(message) = found {
            panic!("{message}");
        }
    }
}

/// Adds `grad` to what is known of the gradient at `place`; the first one is moved in.
fn add<T: Float>(pending: &mut Pending<T>, place: &Place<T>, grad: Var<T>) {
    match pending.entry(place.id()) {
        Entry::Vacant(entry) => _ = entry.insert((place.clone(), Some(grad))),
        Entry::Occupied(mut entry) => {
            let known = &mut entry.get_mut().1;
            // By value: the sum takes the memory of the first if nobody else uses that.
            *known = known.take().map(|before| before + grad);
        }
    }
}
