//! Contact sheets: the pixels are where they belong, and labels cannot break the file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use downhill_data::{DataLoader, Error, Sheet, TensorDataset};
use downhill_tensor::Tensor;
use image::RgbImage;

fn decoded(png: &[u8]) -> RgbImage {
    image::load_from_memory(png).unwrap().into_rgb8()
}

/// What lies between `start` and `end`, each time.
fn between<'a>(text: &'a str, start: &str, end: &'a str) -> Vec<&'a str> {
    text.split(start).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}

#[test]
fn images_and_labels_are_in_both_files() {
    let x = Tensor::from_fn(&[5, 3, 4, 6], |i| (40 * i[0] + 10 * i[1] + i[2] * 6 + i[3]) as u8);
    let labels = ["a", "b", "<c> & \"d\"", "caf\u{e9}", "\u{4e09}\0"];
    let sheet = Sheet::new(&x, &labels).scale(2).columns(3);
    let png = decoded(&sheet.to_png());
    let svg = sheet.to_svg();
    let files = between(&svg, "base64,", "\"");
    assert_eq!(files.len(), 5);
    let at = |axis: &str| -> Vec<u32> {
        let images = between(&svg, "<image ", ">");
        images.iter().map(|image| between(image, &format!("{axis}=\""), "\"")[0].parse().unwrap()).collect()
    };
    for (item, (file, (left, top))) in files.iter().zip(at("x").into_iter().zip(at("y"))).enumerate() {
        let inside = decoded(&STANDARD.decode(file).unwrap());
        assert_eq!(inside.dimensions(), (6, 4));
        for (column, row, pixel) in inside.enumerate_pixels() {
            let expected: Vec<u8> =
                (0..3).map(|c| x.get(&[item, c, row as usize, column as usize])).collect();
            assert_eq!(pixel.0.to_vec(), expected);
            for (dx, dy) in [(0, 0), (1, 1)] {
                assert_eq!(png.get_pixel(left + 2 * column + dx, top + 2 * row + dy), pixel, "image {item}");
            }
        }
        // Below the image there is something written.
        let below =
            (left.saturating_sub(30)..left + 42).flat_map(|x| (top + 8..top + 20).map(move |y| (x, y)));
        assert!(
            below.into_iter().any(|(x, y)| x < png.width() && png.get_pixel(x, y).0 == [0; 3]),
            "label {item}"
        );
    }
    let texts: Vec<&str> =
        between(&svg, "<text ", "</text>").into_iter().map(|text| text.split_once('>').unwrap().1).collect();
    assert_eq!(texts, ["a", "b", "&lt;c&gt; &amp; \"d\"", "caf\u{e9}", "\u{4e09}\u{fffd}"]);
}

#[test]
fn labels_have_lines_and_colours_below_a_title() {
    let x = Tensor::<u8>::zeros(&[2, 8, 8]);
    let plain = Sheet::new(&x, &["yes", "no"]);
    let sheet = Sheet::new(&x, &["yes\nyes", "no\nyes"]).title("Actual/Prediction").right(&[true, false]);
    let svg = sheet.to_svg();
    let texts: Vec<&str> =
        between(&svg, "<text ", "</text>").into_iter().map(|text| text.split_once('>').unwrap().1).collect();
    assert_eq!(texts, ["Actual/Prediction", "yes", "yes", "no", "yes"]);
    let [small, png] = [&plain, &sheet].map(|sheet| decoded(&sheet.to_png()));
    assert!(png.height() > small.height() && png.width() > small.width());
    let image: u32 = between(&svg, "<image ", ">")[1].split('"').nth(1).unwrap().parse().unwrap();
    let columns = |color: [u8; 3]| -> Vec<u32> {
        png.enumerate_pixels().filter(|pixel| pixel.2.0 == color).map(|pixel| pixel.0).collect()
    };
    let (green, red) = (columns([0, 128, 0]), columns([200, 0, 0]));
    assert!(!green.is_empty() && green.iter().all(|x| *x < image), "below the first image");
    assert!(!red.is_empty() && red.iter().all(|x| *x + 8 >= image), "below the second image");
}

#[test]
#[should_panic(expected = "Sheet: 1 of 2 images right")]
fn each_image_is_right_or_wrong() {
    let _ = Sheet::new(&Tensor::<u8>::zeros(&[2, 4, 4]), &["x", "y"]).right(&[true]);
}

#[test]
fn values_of_every_type_become_brightness() {
    let first =
        |sheet: Sheet| decoded(&STANDARD.decode(between(&sheet.to_svg(), "base64,", "\"")[0]).unwrap());
    let grey = |sheet| -> Vec<u8> { first(sheet).pixels().map(|pixel| pixel.0[2]).collect() };
    let label = &["x"];
    let floats = Tensor::from([[-1.0, 0.2, 1.0, 7.0, f32::NAN]]).unsqueeze(0);
    assert_eq!(grey(Sheet::new(&floats, label)), [0, 51, 255, 255, 0]);
    assert_eq!(grey(Sheet::new(&Tensor::from([[-1_i64, 7, 300]]).unsqueeze(0), label)), [0, 7, 255]);
    assert_eq!(grey(Sheet::new(&Tensor::from([[true, false]]).unsqueeze(0), label)), [255, 0]);
}

#[test]
fn files_are_written_by_their_extension() {
    let dir = tempfile::tempdir().unwrap();
    let sheet = Sheet::new(&Tensor::<u8>::zeros(&[1, 2, 2]), &["x"]);
    sheet.save(dir.path().join("a.PNG")).unwrap();
    sheet.save(dir.path().join("a.svg")).unwrap();
    assert!(image::open(dir.path().join("a.PNG")).is_ok());
    assert!(std::fs::read_to_string(dir.path().join("a.svg")).unwrap().ends_with("</svg>\n"));
    let error = sheet.save(dir.path().join("a.pdf")).unwrap_err();
    assert!(matches!(&error, Error::Image { .. }) && error.to_string().contains("a.pdf"), "{error}");
    assert!(matches!(sheet.save(dir.path().join("no/a.png")), Err(Error::Io { .. })));
}

#[test]
fn a_loader_shows_nine_with_the_names_of_their_classes() {
    let y = Tensor::from_fn(&[20], |i| i[0] as i64 % 3 - 1);
    let dset = TensorDataset::new(Tensor::<f32>::zeros(&[20, 1, 2, 2]), y).unwrap();
    let svg = DataLoader::new(dset).show_batch(&["three".into()]).unwrap().to_svg();
    let texts: Vec<&str> =
        between(&svg, "<text ", "</text>").into_iter().map(|text| text.split_once('>').unwrap().1).collect();
    assert_eq!(texts, ["-1", "three", "1", "-1", "three", "1", "-1", "three", "1"]);
}

#[test]
fn nothing_makes_an_empty_sheet() {
    let sheet = Sheet::new(&Tensor::<u8>::zeros(&[0, 2, 2]), &[] as &[&str]);
    assert!(decoded(&sheet.to_png()).width() > 0 && sheet.to_svg().starts_with("<svg"));
    let flat = Sheet::new(
        &Tensor::<u8>::zeros(&[2, 28, 28]),
        &["", "a label that is much longer than its image is wide"],
    );
    assert!(decoded(&flat.to_png()).width() < 600);
}

#[test]
#[should_panic(expected = "Sheet: 1 labels for images of shape [2, 4, 4]")]
fn every_image_has_a_label() {
    Sheet::new(&Tensor::<u8>::zeros(&[2, 4, 4]), &["x"]);
}
