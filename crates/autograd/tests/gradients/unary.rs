//! Functions of one element. The inputs keep away from kinks and poles by much more than the differences' step.

use proptest::prelude::*;

use crate::property::properties;
use downhill_autograd::strategies::{any_value, between, off_zero, one, one_with, positive};

properties! {
    neg checks "neg": one(any_value()), |x, ()| -&x[0];
    exp checks "exp": one(any_value()), |x, ()| x[0].exp();
    ln checks "ln": one(positive()), |x, ()| x[0].ln();
    sqrt checks "sqrt": one(positive()), |x, ()| x[0].sqrt();
    abs checks "abs": one(off_zero()), |x, ()| x[0].abs();
    square checks "square": one(any_value()), |x, ()| x[0].square();
    recip checks "recip": one(off_zero()), |x, ()| x[0].recip();
    sin checks "sin": one(between(-7.0, 7.0)), |x, ()| x[0].sin();
    cos checks "cos": one(between(-7.0, 7.0)), |x, ()| x[0].cos();
    tanh checks "tanh": one(any_value()), |x, ()| x[0].tanh();
    sigmoid checks "sigmoid": one(between(-6.0, 6.0)), |x, ()| x[0].sigmoid();
    relu checks "relu": one(off_zero()), |x, ()| x[0].relu();
    powf checks "powf":
        one_with(0, positive(), |_| prop_oneof![
            Just(0.0), Just(0.5), Just(1.0), Just(2.0), Just(3.0), Just(-1.0), Just(-0.5), -3.0..3.0
        ]),
        |x, exponent| x[0].powf(*exponent);
    powf_of_negatives checks "powf":
        one_with(0, off_zero(), |_| (-3..=3_i32).prop_map(f64::from)),
        |x, exponent| x[0].powf(*exponent);
    clamp checks "clamp":
        one(prop_oneof![-2.0..-1.1, -0.9..0.4, 0.6..2.0].boxed()),
        |x, ()| x[0].clamp(-1.0, 0.5);
    // Composed functions that a loss is made of, where one derivative's result is another's input.
    softplus checks "ln": one(any_value()), |x, ()| (x[0].exp() + 1.0).ln();
    gaussian checks "exp": one(any_value()), |x, ()| (-(x[0].square() * 0.5)).exp();
}
