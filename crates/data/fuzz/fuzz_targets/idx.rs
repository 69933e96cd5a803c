//! Arbitrary bytes as an IDX file. The first byte says whether they are gzipped on the way.
#![no_main]

use std::io::Write;

use downhill_data::{IdxElement, read_idx_from};
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 1 << 20;

fn read<E: IdxElement>(bytes: &[u8]) {
    if let Ok(tensor) = read_idx_from::<E>("fuzz", bytes, LIMIT) {
        assert!(tensor.numel() <= bytes.len().max(LIMIT as usize));
        assert_eq!(tensor.to_vec().len(), tensor.numel());
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&how, data)) = data.split_first() else { return };
    let packed;
    let bytes = if how % 2 == 0 {
        data
    } else {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        packed = encoder.finish().unwrap();
        &packed[..]
    };
    read::<u8>(bytes);
    read::<i64>(bytes);
    read::<f32>(bytes);
    read::<f64>(bytes);
});
