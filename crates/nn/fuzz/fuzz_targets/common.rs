//! What is done with bytes that were taken for a state.

use downhill_nn::{AnyTensor, BatchNorm1d, Dropout, Linear, Module, ReLU, Sequential, StateDict, sequential};
use downhill_tensor::Rng;

/// The model that the seeds are states of.
pub fn model() -> Sequential {
    let rng = &mut Rng::new(0);
    sequential![
        Linear::new(2, 3, rng),
        BatchNorm1d::new(3),
        ReLU,
        Dropout::new(0.5, rng.fork("dropout")),
        Linear::without_bias(3, 1, rng)
    ]
}

/// Everything in a dict, floats by their bits.
pub fn content(dict: &StateDict) -> Vec<String> {
    let bits = |tensor: &AnyTensor| match tensor {
        AnyTensor::F32(t) => t.iter().map(|x| u64::from(x.to_bits())).collect::<Vec<_>>(),
        AnyTensor::F64(t) => t.iter().map(f64::to_bits).collect(),
        AnyTensor::I64(t) => t.iter().map(|x| x as u64).collect(),
        AnyTensor::U8(t) => t.iter().map(u64::from).collect(),
        AnyTensor::Bool(t) => t.iter().map(u64::from).collect(),
    };
    let tensor =
        |(key, t): &(String, AnyTensor)| format!("{key:?} {:?} {:?} {:?}", t.dtype(), t.shape(), bits(t));
    let mut all: Vec<String> = dict.tensors().iter().map(tensor).collect();
    all.extend(dict.generators().iter().map(|(key, rng)| format!("{key:?} {rng:?}")));
    all.sort();
    all
}

/// Loads `dict` into a model, whole or in part: without a panic, and the model as it was if it does not fit.
pub fn load(dict: &StateDict) {
    let model = model();
    let before = content(&model.state_dict());
    match model.load_state_dict(dict) {
        Ok(()) => assert!(model.load_state_dict_lenient(dict).is_empty()),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(content(&model.state_dict()), before);
            let _ = model.load_state_dict_lenient(dict);
        }
    }
}
