//! CSV files: tensors out of good ones, an error with file, line and column out of bad ones.

use downhill_data::{CsvTable, Error, Result};

fn table(content: &[u8]) -> Result<CsvTable> {
    CsvTable::read_from("t.csv", content, b',')
}

#[track_caller]
fn assert_error<T: std::fmt::Debug>(result: Result<T>, message: &str) {
    let error = result.expect_err("the file is bad");
    assert!(matches!(error, Error::Csv { .. }), "{error:?}");
    assert_eq!(error.to_string(), message);
}

#[test]
fn columns_become_tensors_in_the_order_asked_for() {
    let t = table(b"a,b,c\n1,2.5,x\n-3e2, 4 ,y\n").unwrap();
    assert_eq!((t.len(), t.is_empty(), t.header().len()), (2, false, 3));
    let numbers = t.numbers::<f32>(&["b", "a"]).unwrap();
    assert_eq!((numbers.shape(), numbers.to_vec()), (&[2, 2][..], vec![2.5, 1.0, 4.0, -300.0]));
    assert_eq!(t.numbers::<f64>(&["a"]).unwrap().to_vec(), [1.0, -300.0]);
    assert_eq!(t.numbers::<f64>(&[]).unwrap().shape(), [2, 0]);
    // Nearest to the decimal number, not to its nearest f64.
    let t = table(b"a\n1.00000017881393432617187499\n").unwrap();
    assert_eq!(t.numbers::<f32>(&["a"]).unwrap().item(), 1.000_000_1);
}

#[test]
fn labels_count_in_a_sorted_vocabulary() {
    let t = table(b"n,l\n1,seven\n2, three\n3,seven \n").unwrap();
    let (labels, vocab) = t.labels("l").unwrap();
    assert_eq!((labels.to_vec(), vocab), (vec![0, 1, 0], vec!["seven".to_string(), "three".into()]));
    let known = ["three".to_string(), "nine".into(), "seven".into()];
    assert_eq!(t.labels_in("l", &known).unwrap().to_vec(), [2, 0, 2]);
    let message = "t.csv: line 3, column l: expected a label of the vocabulary, found \" three\"";
    assert_error(t.labels_in("l", &known[1..]), message);
    let empty = table(b"n,l\n1,a\n2,\n").unwrap().labels("l");
    assert_error(empty, "t.csv: line 3, column l: expected a label of the vocabulary, found \"\"");
}

#[test]
fn quotes_line_ends_and_a_byte_order_mark_are_read() {
    let t = table(b"\xef\xbb\xbfa,\"b\"\r\n\"1\",\"x, \"\"y\"\"\nz\"\r\n2,w").unwrap();
    assert_eq!(t.header(), ["a", "b"]);
    assert_eq!(t.numbers::<f32>(&["a"]).unwrap().to_vec(), [1.0, 2.0]);
    assert_eq!(t.labels("b").unwrap().1, ["w", "x, \"y\"\nz"]);
    assert_eq!(CsvTable::read_from("t", &b"a\tb\n1\t2\n"[..], b'\t').unwrap().len(), 1);
}

#[test]
fn a_field_that_is_no_number_is_named_by_line_and_column() {
    for bad in ["x", "", "1,5", "nan", "inf", "1e39", "0x10", "1 2"] {
        let content = format!("a,\"b\"\n1,2\n\"3\",\"{bad}\"\n");
        let result = table(content.as_bytes()).unwrap().numbers::<f32>(&["a", "b"]);
        assert_error(result, &format!("t.csv: line 3, column b: expected a finite f32, found {bad:?}"));
    }
    // Lines are those of the file, also behind a field of several lines.
    let t = table(b"a,b\n1,\"x\ny\"\n\nz,2\n").unwrap();
    let message = "t.csv: line 5, column a: expected a finite f64, found \"z\"";
    assert_error(t.numbers::<f64>(&["a"]), message);
}

#[test]
fn lines_have_as_many_fields_as_the_header() {
    assert_error(table(b"a,b\n1,2\n3\n"), "t.csv: line 3, column b: expected 2 fields, found 1");
    assert_error(table(b"a,b\n1,2,3\n"), "t.csv: line 2, column 3: expected 2 fields, found 3");
}

#[test]
fn other_encodings_are_refused() {
    assert_error(
        table(b"a,b\n1,2\n1,caf\xe9\n"),
        "t.csv: line 3, column b: expected UTF-8, found other bytes",
    );
    assert_error(table(b"a,\xff\n1,2\n"), "t.csv: line 1, column 2: expected UTF-8, found other bytes");
}

#[test]
fn a_file_without_names_is_refused() {
    for content in [&b""[..], b"\n\n", b",,\n1,2,3\n"] {
        let expected = "expected a header with the names of the columns, found none";
        assert_error(table(content), &format!("t.csv: line 1, column 1: {expected}"));
    }
    let t = table(b"a,b,a\n1,2,3\n").unwrap();
    assert_error(
        t.numbers::<f32>(&["c"]),
        "t.csv: line 1, column c: expected a column of this name, found [\"a\", \"b\", \"a\"]",
    );
    assert_error(t.labels("a"), "t.csv: line 1, column a: expected one column of this name, found several");
    let t = table(b"a,b\n").unwrap();
    assert_eq!((t.is_empty(), t.numbers::<f32>(&["a", "b"]).unwrap().shape()), (true, &[0, 2][..]));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("none.csv"), dir.path().to_owned()] {
        let error = CsvTable::read(&path).unwrap_err();
        assert!(matches!(&error, Error::Io { path: named, .. } if *named == path), "{error:?}");
    }
}
