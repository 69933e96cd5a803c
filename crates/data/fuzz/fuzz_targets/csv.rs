//! Arbitrary bytes as a CSV file. The first byte is the delimiter.
#![no_main]

use downhill_data::CsvTable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&delimiter, data)) = data.split_first() else { return };
    let Ok(table) = CsvTable::read_from("fuzz", data, delimiter) else { return };
    let header = table.header().to_vec();
    let columns: Vec<&str> = header.iter().map(String::as_str).collect();
    if let Ok(numbers) = table.numbers::<f32>(&columns) {
        assert_eq!(numbers.shape(), [table.len(), columns.len()]);
        assert!(numbers.iter().all(f32::is_finite));
    }
    for column in columns.into_iter().take(8) {
        let _ = table.numbers::<f64>(&[column]);
        if let Ok((labels, vocab)) = table.labels(column) {
            assert_eq!(labels.shape(), [table.len()]);
            assert!(vocab.is_sorted());
            assert!(labels.iter().all(|label| (0..vocab.len() as i64).contains(&label)));
            assert_eq!(table.labels_in(column, &vocab).unwrap().to_vec(), labels.to_vec());
        }
    }
});
