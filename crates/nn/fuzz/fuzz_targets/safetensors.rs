//! Arbitrary bytes as a safetensors file. The first byte says whether they are the whole file, or a header, a zero byte
//! and data, in front of which the header's right length belongs.
#![no_main]

use downhill_nn::StateDict;
use libfuzzer_sys::fuzz_target;

mod common;

fuzz_target!(|data: &[u8]| {
    let Some((&how, data)) = data.split_first() else { return };
    let forged;
    let file = if how % 2 == 0 {
        data
    } else {
        let mut parts = data.splitn(2, |&byte| byte == 0);
        let (header, data) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        forged = [&(header.len() as u64).to_le_bytes()[..], header, data].concat();
        &forged[..]
    };
    let Ok(dict) = StateDict::from_safetensors(file) else { return };
    let again = StateDict::from_safetensors(&dict.to_safetensors().unwrap()).unwrap();
    assert_eq!(common::content(&dict), common::content(&again));
    common::load(&dict);
});
