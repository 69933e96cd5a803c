//! Looking at what the layers of a model put out, while it runs.
//!
//! A hook is set for the thread, not for a model: a layer need not carry hooks, and a model that is not looked at pays for
//! the reading of one number a layer. What a hook sees are calls through
//! [`Forward::forward_as`](crate::Forward::forward_as), which say the layer's name.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;

use downhill_autograd::Var;
use downhill_tensor::Float;

/// A call of a layer that has just returned.
pub struct Call<'a, T: Float> {
    /// The names on the way from the outermost layer that was called by name, joined by dots.
    pub path: &'a str,
    /// The layer's type, without path and parameters.
    pub type_name: &'static str,
    /// Whether the layer called no other by name.
    pub is_leaf: bool,
    /// The layer's parameters.
    pub parameters: Vec<Var<T>>,
    /// What went in.
    pub input: &'a Var<T>,
    /// What came out.
    pub output: &'a Var<T>,
}

type Hook<T> = dyn Fn(&Call<'_, T>);
/// A `Box<Hook<T>>` of some `T`.
type AnyHook = Rc<dyn Any>;

thread_local! {
    /// How many hooks there are: read by every call, and all that is read if there are none.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static HOOKS: RefCell<Vec<(u64, AnyHook)>> = const { RefCell::new(Vec::new()) };
    static NEXT_ID: Cell<u64> = const { Cell::new(0) };
    /// The layers being called, each with whether it has called another by name.
    static STACK: RefCell<Vec<(String, bool)>> = const { RefCell::new(Vec::new()) };
}

/// Calls `hook` after every named call of a layer of element type `T` on this thread, until the guard is dropped.
/// PyTorch's `register_forward_hook`.
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
///
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, Linear, ReLU, Sequential, forward_hook, sequential};
/// use downhill_tensor::{Rng, Tensor};
///
/// let rng = &mut Rng::new(42);
/// let net: Sequential = sequential![Linear::new(4, 3, rng), ReLU];
///
/// let seen = Rc::new(RefCell::new(vec![]));
/// let to = seen.clone();
/// let guard = forward_hook::<f32>(move |call| {
///     to.borrow_mut().push(format!("{} {} {:?}", call.path, call.type_name, call.output.shape()));
/// });
/// net.forward(&Var::new(Tensor::zeros(&[2, 4])));
/// drop(guard);
/// assert_eq!(*seen.borrow(), ["0 Linear [2, 3]", "1 ReLU [2, 3]"]);
/// ```
pub fn forward_hook<T: Float>(hook: impl Fn(&Call<'_, T>) + 'static) -> HookGuard {
    let hook: Box<Hook<T>> = Box::new(hook);
    let id = NEXT_ID.replace(NEXT_ID.get() + 1);
    HOOKS.with_borrow_mut(|hooks| hooks.push((id, Rc::new(hook))));
    COUNT.set(COUNT.get() + 1);
    HookGuard { id, _not_send: PhantomData }
}

/// A hook is called until its guard is dropped.
#[must_use = "the hook is called only while the guard lives"]
pub struct HookGuard {
    id: u64,
    /// The hook is this thread's.
    _not_send: PhantomData<*const ()>,
}

impl Drop for HookGuard {
    fn drop(&mut self) {
        // Dropped after the borrow: what the hook owns may itself be dropping hooks.
        let hook = HOOKS.with_borrow_mut(|hooks| {
            let at = hooks.iter().position(|(id, _)| *id == self.id)?;
            Some(hooks.remove(at))
        });
        COUNT.set(COUNT.get() - 1);
        drop(hook);
    }
}

/// Whether this thread has hooks.
pub(crate) fn any() -> bool {
    COUNT.get() > 0
}

/// A layer is being called until this is dropped, also by a panic.
struct Called;

impl Called {
    fn new(name: &str) -> Self {
        STACK.with_borrow_mut(|stack| {
            if let Some((_, has_called)) = stack.last_mut() {
                *has_called = true;
            }
            stack.push((name.to_string(), false));
        });
        Called
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        STACK.with_borrow_mut(|stack| stack.pop());
    }
}

/// Calls a layer by name, and every hook of this element type with what came out.
pub(crate) fn observe<T: Float>(
    name: &str,
    type_name: &'static str,
    input: &Var<T>,
    forward: &dyn Fn() -> Var<T>,
    parameters: &dyn Fn() -> Vec<Var<T>>,
) -> Var<T> {
    let _called = Called::new(name);
    let output = forward();
    let (path, is_leaf) = STACK.with_borrow(|stack| {
        let names: Vec<&str> = stack.iter().map(|(name, _)| &**name).filter(|n| !n.is_empty()).collect();
        (names.join("."), stack.last().is_some_and(|(_, has_called)| !has_called))
    });
    let call = Call { path: &path, type_name, is_leaf, parameters: parameters(), input, output: &output };
    // Copied, so that a hook may set or remove hooks.
    let hooks: Vec<AnyHook> = HOOKS.with_borrow(|hooks| hooks.iter().map(|(_, hook)| hook.clone()).collect());
    for hook in hooks {
        if let Some(hook) = hook.downcast_ref::<Box<Hook<T>>>() {
            hook(&call);
        }
    }
    output
}
