//! State dicts: what is saved is loaded, what another program wrote is loaded, and nothing bad is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use downhill_autograd::Var;
use downhill_nn::*;
use downhill_tensor::{Rng, Tensor};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn net(seed: u64) -> Sequential {
    let rng = &mut Rng::new(seed);
    let net: Sequential = sequential![
        Linear::new(3, 4, rng),
        BatchNorm1d::new(4),
        ReLU,
        Dropout::new(0.5, rng.fork("dropout")),
        Linear::without_bias(4, 2, rng)
    ];
    // Statistics other than a new net's.
    net.forward(&Var::new(Tensor::randn(&[8, 3], rng)));
    net
}

const KEYS: [&str; 8] = [
    "0.weight",
    "0.bias",
    "1.weight",
    "1.bias",
    "1.running_mean",
    "1.running_var",
    "1.num_batches_tracked",
    "4.weight",
];

/// Everything that a dict holds, to the bit.
fn content<T: Float>(module: &dyn Forward<T>) -> String {
    of_dict(&module.state_dict())
}

fn of_dict(dict: &StateDict) -> String {
    let bits = |t: &AnyTensor| match t {
        AnyTensor::F32(t) => t.iter().map(|x| u64::from(x.to_bits())).collect(),
        AnyTensor::F64(t) => t.iter().map(f64::to_bits).collect(),
        AnyTensor::I64(t) => t.iter().map(|x| x as u64).collect(),
        AnyTensor::U8(t) => t.iter().map(u64::from).collect(),
        AnyTensor::Bool(t) => t.iter().map(u64::from).collect::<Vec<_>>(),
    };
    let mut all: Vec<String> = dict
        .tensors()
        .iter()
        .map(|(key, t)| format!("{key} {:?} {:?} {:?}", t.dtype(), t.shape(), bits(t)))
        .collect();
    all.extend(dict.generators().iter().map(|(key, rng)| format!("{key} {rng:?}")));
    all.sort();
    all.join("\n")
}

#[test]
fn a_dict_has_pytorch_s_names_in_the_order_of_definition() {
    let dict = net(0).state_dict();
    let keys: Vec<&str> = dict.tensors().iter().map(|(key, _)| &**key).collect();
    assert_eq!(keys, KEYS);
    assert_eq!(dict.generators()[0].0, "3.generator");
    assert_eq!(dict.get("1.num_batches_tracked").unwrap().downcast::<i64>().unwrap().item(), 1);
}

#[test]
fn both_kinds_of_files_keep_everything_and_dropout_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (own, other) = (dir.path().join("own"), dir.path().join("other.safetensors"));
    let a = net(0);
    a.state_dict().save(&own).unwrap();
    a.state_dict().save_safetensors(&other).unwrap();
    let x = Var::new(Tensor::randn(&[16, 3], &mut Rng::new(9)));
    let expected: Vec<Tensor> = (0..3).map(|_| a.forward(&x).value()).collect();
    for dict in [StateDict::load(&own).unwrap(), StateDict::load_safetensors(&other).unwrap()] {
        let b = net(1);
        b.load_state_dict(&dict).unwrap();
        assert_eq!(of_dict(&dict), content(&b));
        for expected in &expected {
            assert_eq!(b.forward(&x).value().to_vec(), expected.to_vec());
        }
    }
    // A dict in memory does not change with the model.
    let before = net(0);
    let dict = before.state_dict();
    let content_before = of_dict(&dict);
    before.forward(&x);
    before.parameters()[0].update_(|p| {
        p.fill_(0.0);
    });
    assert_eq!(of_dict(&dict), content_before);
}

#[test]
fn a_file_s_bytes_follow_from_the_model() {
    let (a, b) = (net(0).state_dict(), net(0).state_dict());
    assert_eq!(a.to_bytes().unwrap(), b.to_bytes().unwrap());
    assert_eq!(a.to_safetensors().unwrap(), b.to_safetensors().unwrap());
}

#[test]
fn the_crate_safetensors_reads_what_we_write() {
    let dict = net(0).state_dict();
    let bytes = dict.to_safetensors().unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(theirs.len(), KEYS.len());
    for key in KEYS {
        let (theirs, ours) = (theirs.tensor(key).unwrap(), dict.get(key).unwrap());
        assert_eq!(theirs.shape(), ours.shape());
        if let AnyTensor::F32(ours) = ours {
            let ours: Vec<u8> = ours.iter().flat_map(f32::to_le_bytes).collect();
            assert_eq!(theirs.data(), ours);
        }
    }
}

#[test]
fn weights_stay_where_they_lie_in_memory() {
    let rng = &mut Rng::new(0);
    let conv = || Conv2d::<f32>::new(3, 4, 3, downhill_tensor::Conv2dOptions::default(), &mut Rng::new(1));
    let (a, b) = (conv(), conv());
    init::normal_(&a.weight, 0.0, 1.0, rng);
    let strides = b.weight.value().strides().to_vec();
    assert_eq!(strides, [1, 4, 3 * 3 * 4, 3 * 4], "in the order KH, KW, C, OC");
    b.load_state_dict(&StateDict::from_bytes(&a.state_dict().to_bytes().unwrap()).unwrap()).unwrap();
    assert_eq!(b.weight.value().strides(), strides);
    assert_eq!(b.weight.value().to_vec(), a.weight.value().to_vec());
}

#[test]
fn a_model_of_pytorch_computes_what_it_computed_there() {
    let run = StateDict::load_safetensors(fixture("block_run.safetensors")).unwrap();
    let tensor = |key: &str| run.get(key).unwrap().downcast::<f64>().unwrap();
    // The state is of f32, the model of f64: nothing is lost.
    let block: BasicBlock<f64> = BasicBlock::new(2, 4, 2, &mut Rng::new(0));
    block.load_state_dict(&StateDict::load_safetensors(fixture("block.safetensors")).unwrap()).unwrap();
    let x = Var::new(tensor("x"));
    let close = downhill_tensor::testing::Tolerance { absolute: 1e-12, relative: 1e-12 };
    block.eval();
    downhill_tensor::testing::assert_close(&block.forward(&x).value(), &tensor("eval"), close);
    block.train();
    downhill_tensor::testing::assert_close(&block.forward(&x).value(), &tensor("train"), close);
    let mut compared = 0;
    for (key, buffer) in block.named_buffers() {
        let expected = run.get(&format!("after.{key}")).unwrap();
        match (buffer.value(), expected) {
            (AnyTensor::F64(ours), AnyTensor::F64(theirs)) => {
                downhill_tensor::testing::assert_close(&ours, theirs, close);
            }
            (AnyTensor::I64(ours), AnyTensor::I64(theirs)) => assert_eq!(ours.item(), theirs.item()),
            other => panic!("{key}: {other:?}"),
        }
        compared += 1;
    }
    assert_eq!(compared, 9);
}

#[test]
fn half_precision_files_load() {
    let full = StateDict::load_safetensors(fixture("block.safetensors")).unwrap();
    for (name, digits) in
        [("block_f16.safetensors", 2.0_f32.powi(-11)), ("block_bf16.safetensors", 2.0_f32.powi(-8))]
    {
        let half = StateDict::load_safetensors(fixture(name)).unwrap();
        let block: BasicBlock = BasicBlock::new(2, 4, 2, &mut Rng::new(0));
        block.load_state_dict(&half).unwrap();
        for (key, parameter) in block.named_parameters() {
            let full = full.get(&key).unwrap().downcast::<f32>().unwrap();
            for (half, full) in parameter.value().iter().zip(full.iter()) {
                assert!((half - full).abs() <= digits * full.abs() + 1e-7, "{name} {key}: {half} {full}");
            }
        }
    }
}

/// The header is torchvision's; the data are zeros.
#[test]
fn torchvision_s_resnet18_loads_without_renaming() {
    let header = std::fs::read(fixture("resnet18.header.json")).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(&header);
    file.resize(file.len() + 46_796_608, 0);
    let dict = StateDict::from_safetensors(&file).unwrap();
    assert_eq!(dict.tensors().len(), 122);
    let net: ResNet = resnet18(1000, &mut Rng::new(0));
    net.load_state_dict(&dict).unwrap();
    assert!(net.parameters().iter().all(|p| p.value().iter().all(|x| x == 0.0)));
    // And back: what we write has the same names, types and shapes.
    let theirs: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&header).unwrap();
    let ours = net.state_dict();
    assert_eq!(ours.tensors().len(), theirs.len());
    for (key, tensor) in ours.tensors() {
        let theirs = &theirs[key];
        assert_eq!(theirs["shape"], serde_json::json!(tensor.shape()));
        assert_eq!(theirs["dtype"].as_str().unwrap().to_lowercase(), tensor.dtype().to_string());
    }
    // Another number of classes is told, and does not hinder the rest.
    let ten: ResNet = resnet18(10, &mut Rng::new(0));
    let error = ten.load_state_dict(&dict).unwrap_err().to_string();
    assert_eq!(
        error,
        "bytes: the state does not fit the model: misshapen: fc.weight (expected f32 [10, 512], found f32 [1000, 512]), \
         fc.bias (expected f32 [10], found f32 [1000])"
    );
    assert!(ten.parameters().iter().any(|p| p.value().iter().any(|x| x != 0.0)), "untouched");
    assert_eq!(ten.load_state_dict_lenient(&dict).misshapen.len(), 2);
    assert_eq!(ten.conv1.weight.value().iter().filter(|&x| x != 0.0).count(), 0);
    assert!(ten.fc.weight.value().iter().all(|x| x != 0.0));
}

#[test]
fn everything_that_does_not_fit_is_told_at_once_and_nothing_is_loaded() {
    let model = net(1);
    let mut dict = net(0).state_dict();
    dict.remove("0.bias").unwrap();
    dict.remove("1.running_var").unwrap();
    dict.insert("4.bias", AnyTensor::new(Tensor::<f32>::zeros(&[2])));
    dict.insert("4.weight", AnyTensor::new(Tensor::<f32>::zeros(&[4, 2])));
    dict.insert("1.weight", AnyTensor::new(Tensor::<f64>::zeros(&[4])));
    dict.insert("1.num_batches_tracked", AnyTensor::new(Tensor::<f32>::zeros(&[])));
    let before = content(&model);
    let error = model.load_state_dict(&dict).unwrap_err();
    assert_eq!(
        error.to_string(),
        "state dict: the state does not fit the model: missing: 0.bias, 1.running_var; unexpected: 4.bias; misshapen: \
         1.weight (expected f32 [4], found f64 [4]), 1.num_batches_tracked (expected i64 [], found f32 []), \
         4.weight (expected f32 [2, 4], found f32 [4, 2])"
    );
    assert_eq!(content(&model), before);

    let Error::Mismatch { mismatch, .. } = error else { panic!("a mismatch") };
    assert_eq!(model.load_state_dict_lenient(&dict), mismatch);
    let loaded = model.state_dict();
    assert_eq!(format!("{:?}", loaded.get("0.weight")), format!("{:?}", dict.get("0.weight")));
    assert_ne!(format!("{:?}", loaded.get("4.weight")), format!("{:?}", dict.get("4.weight")));
}

/// The same model whatever is done to its file: an error that names the file, or the state.
fn refused(result: Result<StateDict>, what: &str) {
    let error = result.err().unwrap_or_else(|| panic!("{what} was taken for a state")).to_string();
    assert!(error.contains(what), "{error:?} says nothing of {what:?}");
}

#[test]
fn damaged_files_of_our_own_are_refused() {
    let good = net(0).state_dict().to_bytes().unwrap();
    for len in 0..good.len() {
        assert!(StateDict::from_bytes(&good[..len]).is_err(), "{len} bytes");
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(StateDict::from_bytes(&bad).is_err(), "byte {at}");
    }
    let with = |range: std::ops::Range<usize>, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[range].copy_from_slice(bytes);
        StateDict::from_bytes(&bad)
    };
    refused(
        with(0..8, b"torch\0\0\0"),
        "bytes: expected a file that starts with \"downhill\", found \"torch",
    );
    refused(with(8..12, &2_u32.to_le_bytes()), "bytes: expected version 1, found version 2");
    refused(
        with(12..20, &u64::MAX.to_le_bytes()),
        "bytes: expected 18446744073709551615 bytes after the header",
    );
    refused(with(20..24, &[0; 4]), "checksum 00000000");
    let longer = [&good[..], &[0]].concat();
    refused(StateDict::from_bytes(&longer), "bytes after the header");
    refused(StateDict::from_bytes(&[]), "starts with");
}

/// A file with a right header around `payload`: made by somebody who knows the format.
fn forged(payload: &[u8]) -> Vec<u8> {
    let mut file = b"downhill".to_vec();
    file.extend(1_u32.to_le_bytes());
    file.extend((payload.len() as u64).to_le_bytes());
    file.extend(crc32fast::hash(payload).to_le_bytes());
    file.extend(payload);
    file
}

#[test]
fn forged_files_of_our_own_are_refused() {
    // bincode's numbers: up to 250 in a byte, 253 before eight bytes.
    let huge = [&[253][..], &(u64::MAX / 2).to_le_bytes()].concat();
    let text = |s: &str| [&[s.len() as u8], s.as_bytes()].concat();
    let tensor = |key: &str, dtype: &str, shape: &[&[u8]], data: &[u8]| {
        [
            text(key),
            text(dtype),
            vec![shape.len() as u8],
            shape.concat(),
            vec![data.len() as u8],
            data.to_vec(),
        ]
        .concat()
    };
    let state = |tensors: &[Vec<u8>]| {
        StateDict::from_bytes(&forged(&[vec![tensors.len() as u8], tensors.concat(), vec![0]].concat()))
    };
    assert_eq!(state(&[tensor("a", "u8", &[&[2]], &[7, 8])]).unwrap().tensors().len(), 1);
    // Lengths of lists, names and data that are not there.
    refused(StateDict::from_bytes(&forged(&huge)), "bytes: expected");
    refused(StateDict::from_bytes(&forged(&[&[1][..], &huge].concat())), "bytes: expected");
    refused(state(&[[text("a"), text("f32"), huge.clone()].concat()]), "bytes: expected");
    refused(state(&[[text("a"), text("f32"), vec![0], huge.clone()].concat()]), "bytes: expected");
    // Shapes that are not those of the data, wrap around, or have too many axes.
    refused(
        state(&[tensor("a.b", "f32", &[&[2]], &[0; 7])]),
        "bytes: a.b: expected f32 of shape [2], found 7 bytes",
    );
    refused(state(&[tensor("a", "f32", &[&huge, &[2], &[2]], &[])]), "bytes: a: expected f32 of shape");
    refused(state(&[tensor("a", "f32", &[&[0], &huge, &[4]], &[])]), "bytes: a: expected f32 of shape");
    refused(state(&[tensor("a", "u8", &[&[1][..]; 7], &[0])]), "bytes: a: expected u8 of shape");
    // Types that are none, truth values that are neither.
    refused(state(&[tensor("a", "f31", &[], &[0; 4])]), "bytes: a: expected an element type, found \"f31\"");
    refused(state(&[tensor("a", "bool", &[], &[2])]), "bytes: a: expected bool of shape []");
    // A key twice.
    let a = tensor("a", "u8", &[], &[0]);
    refused(state(&[a.clone(), a]), "bytes: a: expected a key of its own");
    // Something behind.
    refused(StateDict::from_bytes(&forged(&[0, 0, 0])), "1 bytes more behind it");
}

/// Something of every kind that owns its memory, and of every kind that serde knows.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Owned {
    name: String,
    names: Vec<Cow<'static, str>>,
    by_name: BTreeMap<String, Option<(char, i8, u64, f32)>>,
    kind: Kind,
    #[serde(with = "checked::bytes")]
    bytes: Vec<u8>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(String),
    Tuple(bool, String),
    Struct { path: PathBuf, nothing: () },
}

#[test]
fn lengths_that_are_not_there_take_no_memory_whatever_the_type() {
    let path = Path::new("owned");
    let kinds = [
        Kind::Unit,
        Kind::Newtype("n".into()),
        Kind::Tuple(true, "t".into()),
        Kind::Struct { path: "p".into(), nothing: () },
    ];
    for kind in kinds {
        let by_name = BTreeMap::from([("a".into(), Some(('b', -3, 1 << 40, 0.5))), ("c".into(), None)]);
        let names = vec!["x".into(), "".into()];
        let owned = Owned { name: "name".into(), names, by_name, kind, bytes: vec![1, 2, 3] };
        let bytes = checked::encode(path, &owned).unwrap();
        assert_eq!(checked::decode::<Owned>(path, &bytes).unwrap(), owned);
    }
    // Sizes that no memory has, and that many would have.
    for length in [u64::MAX, u64::MAX / 2, 1 << 36] {
        let huge = forged(&[&[253][..], &length.to_le_bytes()].concat());
        for error in [
            checked::decode::<String>(path, &huge).unwrap_err(),
            checked::decode::<Cow<'_, str>>(path, &huge).unwrap_err(),
            checked::decode::<Vec<String>>(path, &huge).unwrap_err(),
            checked::decode::<PathBuf>(path, &huge).unwrap_err(),
            checked::decode::<Owned>(path, &huge).unwrap_err(),
        ] {
            assert!(error.to_string().starts_with("owned: expected "), "{error}");
        }
        let inside = forged(&[&[1, 253][..], &length.to_le_bytes()].concat());
        assert!(checked::decode::<Vec<String>>(path, &inside).is_err());
        assert!(checked::decode::<Kind>(path, &inside).is_err());
    }
}

fn safetensors_file(header: &str, data: &[u8]) -> Result<StateDict> {
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat();
    StateDict::from_safetensors(&file)
}

#[test]
fn forged_safetensors_files_are_refused() {
    let one = |dtype: &str, shape: &str, from: &str, to: &str| {
        format!(r#"{{"layer.w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]}}}}"#)
    };
    assert_eq!(safetensors_file(&one("U8", "[2,2]", "0", "4"), &[0; 4]).unwrap().tensors().len(), 1);
    let refuse = |header: &str, data: &[u8], what: &str| refused(safetensors_file(header, data), what);
    // Out of range, back to front, overlapping, with gaps, in front and behind.
    refuse(
        &one("U8", "[4]", "0", "4"),
        &[0; 3],
        "bytes: layer.w: expected a place in 3 bytes of data, found bytes 0 to 4",
    );
    refuse(&one("U8", "[4]", "3", "1"), &[0; 3], "bytes: layer.w: expected a place");
    refuse(&one("U8", "[4]", "0", "18446744073709551615"), &[0; 3], "bytes: layer.w: expected a place");
    refuse(&one("U8", "[4]", "0", "18446744073709551616"), &[0; 3], "layer.w");
    refuse(
        &one("U8", "[2]", "1", "3"),
        &[0; 3],
        "bytes: layer.w: expected data from byte 0 on, found byte 1",
    );
    refuse(&one("U8", "[2]", "0", "2"), &[0; 3], "bytes: expected 2 bytes of data, found 3 bytes");
    let two = |b: &str| {
        let a = r#""a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#;
        format!(r#"{{{a},"b":{{"dtype":"U8","shape":[4],"data_offsets":{b}}}}}"#)
    };
    refuse(&two("[2,6]"), &[0; 6], "bytes: b: expected data from byte 4 on, found byte 2");
    refuse(&two("[0,4]"), &[0; 4], "bytes: b: expected data from byte 4 on, found byte 0");
    refuse(&two("[5,9]"), &[0; 9], "bytes: b: expected data from byte 4 on, found byte 5");
    // Shapes that are not those of the data, wrap around, or have too many axes.
    refuse(
        &one("F32", "[3]", "0", "8"),
        &[0; 8],
        "bytes: layer.w: expected elements for F32 of shape [3], found 8 bytes",
    );
    refuse(&one("F32", "[9223372036854775808,2]", "0", "0"), &[], "bytes: layer.w: expected elements");
    refuse(&one("F32", "[0,9223372036854775808,2]", "0", "0"), &[], "bytes: layer.w: expected elements");
    refuse(&one("U8", "[1,1,1,1,1,1,1]", "0", "1"), &[0], "bytes: layer.w: expected elements");
    refuse(&one("F32", "[-1]", "0", "4"), &[0; 4], "layer.w: invalid value");
    // Types that we do not have, or nobody; truth values that are neither.
    refuse(&one("I32", "[]", "0", "4"), &[0; 4], "bytes: layer.w: expected a tensor of F64, F32, F16");
    refuse(&one("F8_E4M3", "[]", "0", "1"), &[0], "bytes: layer.w: expected a tensor of F64, F32, F16");
    refuse(&one("F33", "[]", "0", "4"), &[0; 4], "layer.w: unknown variant");
    refuse(&one("BOOL", "[]", "0", "1"), &[2], "bytes: layer.w: expected elements for BOOL");
    // A key twice, no map, no JSON, no text, metadata that are a tensor, no generator where one should be.
    let w = r#""w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
    refuse(&format!("{{{w},{w}}}"), &[], "w: the key once more");
    refuse("[]", &[], "bytes: expected a safetensors header");
    refuse("{", &[], "bytes: expected a safetensors header");
    refuse(&"[".repeat(100_000), &[], "bytes: expected a safetensors header");
    refuse(&format!(r#"{{"w":{}"#, "[".repeat(100_000)), &[], "bytes: expected a safetensors header");
    refuse(r#"{"__metadata__":{"a":1}}"#, &[], "__metadata__");
    refuse(
        r#"{"__metadata__":{"downhill.generators":"{}x"}}"#,
        &[],
        "downhill.generators: expected the states",
    );
    let bad = [&2_u64.to_le_bytes()[..], &[0xff, 0xff]].concat();
    refused(StateDict::from_safetensors(&bad), "bytes: expected a safetensors header");
    // Headers longer than the file.
    for length in [1, 1 << 20, 1 << 40, u64::MAX] {
        let file = u64::to_le_bytes(length);
        refused(
            StateDict::from_safetensors(&file),
            &format!("bytes: expected a header of {length} bytes, found 0 bytes"),
        );
    }
    refused(StateDict::from_safetensors(&[1, 2, 3]), "bytes: expected a safetensors file, found 3 bytes");
}

#[test]
fn truncated_safetensors_files_are_refused() {
    let good = std::fs::read(fixture("block.safetensors")).unwrap();
    for len in 0..good.len() {
        assert!(StateDict::from_safetensors(&good[..len]).is_err(), "{len} bytes");
    }
}

proptest! {
    #[test]
    fn changed_files_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut file = std::fs::read(fixture("block.safetensors")).unwrap();
        let at = at.index(file.len());
        file[at] = byte;
        if let Ok(dict) = StateDict::from_safetensors(&file) {
            let block: BasicBlock = BasicBlock::new(2, 4, 2, &mut Rng::new(0));
            let _ = block.load_state_dict(&dict);
        }
        let dict = net(0).state_dict().to_bytes().unwrap();
        let mut payload = dict[24..].to_vec();
        let at = at % payload.len();
        payload[at] = byte;
        if let Ok(dict) = StateDict::from_bytes(&forged(&payload)) {
            let _ = net(1).load_state_dict(&dict);
        }
    }
}

#[test]
fn a_file_is_replaced_as_a_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    net(0).state_dict().save(&path).unwrap();
    net(1).state_dict().save(&path).unwrap();
    assert_eq!(of_dict(&StateDict::load(&path).unwrap()), content(&net(1)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    // A folder of that name cannot be replaced; the error names it.
    let folder = dir.path().join("folder");
    std::fs::create_dir_all(folder.join("inside")).unwrap();
    for result in [net(0).state_dict().save(&folder), net(0).state_dict().save_safetensors(&folder)] {
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(&folder.display().to_string()), "{error}");
    }
    let missing = dir.path().join("missing/model");
    assert!(net(0).state_dict().save(&missing).is_err());
    let error = StateDict::load_safetensors(&missing).unwrap_err().to_string();
    assert!(error.starts_with(&missing.display().to_string()), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}
