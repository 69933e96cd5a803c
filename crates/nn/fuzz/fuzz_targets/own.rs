//! Arbitrary bytes as a file of downhill's own format. The first byte says whether they are the whole file, or the content
//! behind a header that is right.
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
        let (version, length) = (1_u32.to_le_bytes(), (data.len() as u64).to_le_bytes());
        let checksum = crc32fast::hash(data).to_le_bytes();
        forged = [&b"downhill"[..], &version, &length, &checksum, data].concat();
        &forged[..]
    };
    let Ok(dict) = StateDict::from_bytes(file) else { return };
    let again = StateDict::from_bytes(&dict.to_bytes().unwrap()).unwrap();
    assert_eq!(common::content(&dict), common::content(&again));
    common::load(&dict);
});
