//! Tensors through serde: what was written comes back, and what lies is refused.

use crate::common::{assert_same, build, memory, shape, small};
use downhill_tensor::{Element, Tensor};
use proptest::prelude::*;

fn round_trip<E: Element + serde::Serialize + serde::de::DeserializeOwned>(t: &Tensor<E>) -> Tensor<E> {
    let text = serde_json::to_string(t).expect("a tensor can be written");
    serde_json::from_str(&text).expect("what was written can be read")
}

proptest! {
    #[test]
    fn every_memory_form_comes_back(shape in shape(4), memory in memory()) {
        let (t, n) = build(&shape, &memory, small(1));
        assert_same(&round_trip(&t), &n);
        prop_assert!(round_trip(&t).is_contiguous());
        assert_same(&round_trip(&t.to::<f32>()), &n.map(|x| x as f32));
        assert_same(&round_trip(&t.to::<i64>()), &n.map(|x| x as i64));
        assert_same(&round_trip(&t.to::<u8>()), &n.map(|x| x as u8));
        assert_same(&round_trip(&t.gt(0.0)), &n.map(|x| x > 0.0));
    }
}

#[test]
fn the_form_is_shape_and_data() {
    let t = Tensor::from([[1, 2, 3], [4, 5, 6_i64]]).t();
    assert_eq!(serde_json::to_string(&t).unwrap(), r#"{"shape":[3,2],"data":[1,4,2,5,3,6]}"#);
    let scalar: Tensor<f64> = serde_json::from_str(r#"{"shape":[],"data":[2.5]}"#).unwrap();
    assert_eq!((scalar.rank(), scalar.item()), (0, 2.5));
}

/// The message with which `text` is refused. A panic fails the test.
fn refusal(text: &str) -> String {
    match serde_json::from_str::<Tensor<f32>>(text) {
        Ok(t) => panic!("accepted {text} as shape {:?}", t.shape()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_lying_shape_is_an_error() {
    let elements = |shape: &str, data: &str| refusal(&format!(r#"{{"shape":[{shape}],"data":[{data}]}}"#));
    assert!(elements("3", "1,2").contains("2 elements for shape [3]"));
    assert!(elements("1", "1,2").contains("2 elements for shape [1]"));
    assert!(elements("", "").contains("0 elements for shape []"));
    assert!(elements("2,0", "1").contains("1 elements for shape [2, 0]"));
    assert!(elements("0", "1").contains("1 elements"));
    // Products that wrap around to 0, to 2, and that hide behind an empty axis.
    assert!(elements("4294967296,4294967296", "").contains("0 elements"));
    assert!(elements("9223372036854775809,2", "1,2").contains("2 elements"));
    assert!(elements("18446744073709551615,2,0", "").contains("0 elements"));
    assert!(elements("0,18446744073709551615,2", "").contains("0 elements"));
    assert!(elements("1,1,1,1,1,1,1", "1").contains("more than 6 axes"));
    elements("-1", "1");
    elements("1.5", "1");
    elements("1", r#""one""#);
    refusal(r#"{"shape":[1]}"#);
    refusal(r#"{"data":[1]}"#);
    refusal("[]");
}

#[test]
fn other_types_do_not_pass() {
    assert!(serde_json::from_str::<Tensor<u8>>(r#"{"shape":[1],"data":[256]}"#).is_err());
    assert!(serde_json::from_str::<Tensor<i64>>(r#"{"shape":[1],"data":[1.5]}"#).is_err());
    assert!(serde_json::from_str::<Tensor<bool>>(r#"{"shape":[1],"data":[1]}"#).is_err());
}
