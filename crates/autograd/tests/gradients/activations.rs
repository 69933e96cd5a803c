//! Activation functions.

use proptest::prelude::*;

use crate::property::properties;
use downhill_autograd::strategies::{any_value, between, off_zero, one, one_with};

properties! {
    erf checks "erf": one(between(-3.0, 3.0)), |x, ()| x[0].erf();
    gelu checks "gelu": one(between(-5.0, 5.0)), |x, ()| x[0].gelu();
    silu checks "silu": one(between(-8.0, 8.0)), |x, ()| x[0].silu();
    softplus checks "softplus": one(between(-8.0, 8.0)), |x, ()| x[0].softplus();
    leaky_relu checks "leaky_relu":
        one_with(0, off_zero(), |_| prop_oneof![Just(0.0), Just(0.01), -1.0..2.0]),
        |x, slope| x[0].leaky_relu(*slope);
    gelu_of_activations checks "gelu": one(any_value()), |x, ()| (x[0].silu() * 3.0).gelu();
}
