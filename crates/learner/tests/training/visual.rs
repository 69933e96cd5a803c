//! What is drawn and shown: plots, pictures, event files, the terminal.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use downhill_nn::Lambda;
use image::RgbImage;

use super::*;

/// What stands between `start` and the `end` behind it, everywhere.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}

/// The texts of an SVG file.
fn texts(svg: &str) -> Vec<&str> {
    between(svg, "<text", "</text>").into_iter().map(|text| text.split_once('>').unwrap().1.trim()).collect()
}

/// The points of each line of an SVG file that is not an axis.
fn lines(svg: &str) -> Vec<Vec<[f64; 2]>> {
    let lines = between(svg, "<polyline ", "/>").into_iter().filter(|line| !line.contains("#3C3C3C"));
    let points = |line: &str| -> Vec<[f64; 2]> {
        let points = between(line, "points=\"", "\"")[0].split_whitespace();
        let number = |text: &str| text.parse().unwrap();
        points.map(|point| point.split_once(',').map(|(x, y)| [number(x), number(y)]).unwrap()).collect()
    };
    lines.map(points).collect()
}

/// Checks that the points are those of `expected` in other units, the axes' directions included.
#[track_caller]
fn on_a_scale(points: &[[f64; 2]], expected: &[[f64; 2]]) {
    assert_eq!(points.len(), expected.len());
    for axis in [0, 1] {
        let by = |a: &usize, b: &usize| expected[*a][axis].total_cmp(&expected[*b][axis]);
        let low = (0..expected.len()).min_by(by).unwrap();
        let high = (0..expected.len()).max_by(by).unwrap();
        let scale = (points[high][axis] - points[low][axis]) / (expected[high][axis] - expected[low][axis]);
        assert!(if axis == 0 { scale > 0.0 } else { scale < 0.0 }, "axis {axis} scale {scale}");
        for (point, expected_at) in points.iter().zip(expected) {
            let at = points[low][axis] + scale * (expected_at[axis] - expected[low][axis]);
            // The file has whole units.
            assert!((at - point[axis]).abs() <= 1.5, "axis {axis}: {point:?}, expected {at}");
        }
    }
}

/// Where the pictures of a sheet begin.
fn corners(svg: &str) -> Vec<[u32; 2]> {
    let number = |image: &str, axis: &str| between(image, axis, "\"")[0].parse().unwrap();
    between(svg, "<image ", "/>")
        .iter()
        .map(|image| ["x=\"", "y=\""].map(|axis| number(image, axis)))
        .collect()
}

fn decoded(path: &Path) -> RgbImage {
    image::load_from_memory(&fs::read(path).unwrap()).unwrap().to_rgb8()
}

#[test]
fn curves_are_those_of_the_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut learn = learner();
    learn.fit_one_cycle(4, 0.05).unwrap();
    let recorder = learn.recorder();
    let path = dir.path().join("loss.svg");
    recorder.plot_loss(&path).unwrap();
    let svg = fs::read_to_string(&path).unwrap();
    assert!(svg.starts_with("<svg width=\"640\" height=\"420\" viewBox=\"0 0 1920 1260\""), "{svg}");
    let found = lines(&svg);
    let train = recorder.losses.iter().enumerate().skip(5).map(|(i, &loss)| [i as f64, loss]);
    let valid = recorder.iters.iter().zip(&recorder.values).skip(1).map(|(&i, row)| [i as f64, row[1]]);
    let (train, valid): (Vec<_>, Vec<_>) = (train.collect(), valid.collect());
    // Both in one pair of axes.
    let [ours, all] = [[&found[0][..], &found[1]].concat(), [&train[..], &valid].concat()];
    assert_eq!((found[0].len(), found[1].len()), (train.len(), valid.len()));
    on_a_scale(&ours, &all);
    for text in ["train", "valid", "batch", "loss"] {
        assert!(texts(&svg).contains(&text), "{text}: {:?}", texts(&svg));
    }

    let path = dir.path().join("metrics.svg");
    recorder.plot_metrics(&path).unwrap();
    let svg = fs::read_to_string(&path).unwrap();
    let accuracy: Vec<_> = recorder.values.iter().enumerate().map(|(i, row)| [i as f64, row[2]]).collect();
    on_a_scale(lines(&svg).last().unwrap(), &accuracy);
    assert!(texts(&svg).contains(&"batch_accuracy"));

    let path = dir.path().join("sched.svg");
    recorder.plot_sched(&path).unwrap();
    let found = lines(&fs::read_to_string(&path).unwrap());
    for (found, expected) in found.iter().zip([&recorder.lrs, &recorder.moms]) {
        on_a_scale(found, &expected.iter().enumerate().map(|(i, &x)| [i as f64, x]).collect::<Vec<_>>());
    }
    assert_eq!(found.len(), 2);
}

#[test]
fn a_png_file_has_curves_and_letters() {
    let dir = tempfile::tempdir().unwrap();
    let mut learn = learner();
    learn.fit(3, 0.05).unwrap();
    let path = dir.path().join("loss.PNG");
    learn.recorder().plot_loss_with(&path, 0, true).unwrap();
    let image = decoded(&path);
    assert_eq!(image.dimensions(), (640, 420));
    let count = |color: [u8; 3], left: u32, right: u32, top: u32, bottom: u32| {
        let inside = |x: u32, y: u32| (left..right).contains(&x) && (top..bottom).contains(&y);
        image.enumerate_pixels().filter(|(x, y, pixel)| pixel.0 == color && inside(*x, *y)).count()
    };
    let [blue, orange] = [[31, 119, 180], [255, 127, 14]];
    assert!(count(blue, 70, 640, 0, 370) > 300, "the training loss");
    assert!(count(orange, 70, 640, 0, 370) > 100, "the validation loss");
    assert_eq!(count(blue, 0, 50, 0, 420) + count(orange, 0, 50, 0, 420), 0, "beside the axes");
    let ink = |left, right, top, bottom| {
        let dark = |pixel: &[u8; 3]| pixel.iter().all(|&c| c < 140);
        let pixels = image
            .enumerate_pixels()
            .filter(|(x, y, pixel)| (left..right).contains(x) && (top..bottom).contains(y) && dark(&pixel.0));
        pixels.count()
    };
    assert!(ink(0, 30, 100, 320) > 20, "the y axis is labelled");
    assert!(ink(200, 500, 390, 420) > 20, "the x axis is labelled");
}

#[test]
fn a_learning_rate_finder_s_plot_names_its_suggestions() {
    let dir = tempfile::tempdir().unwrap();
    let lrs: Vec<f64> = (0..50).map(|i| 1e-6 * 10_f64.powf(0.12 * f64::from(i))).collect();
    let losses: Vec<f64> = lrs.iter().map(|lr| 1.0 / (1.0 + lr * 100.0) + lr * lr).collect();
    let find = LrFind { lrs, losses };
    let path = dir.path().join("find.svg");
    find.plot_lr_find(&path).unwrap();
    let svg = fs::read_to_string(&path).unwrap();
    let points = find.lrs.iter().zip(&find.losses).map(|(lr, &loss)| [lr.log10(), loss]);
    on_a_scale(&lines(&svg)[0], &points.collect::<Vec<_>>());
    for name in ["valley", "steep", "minimum"] {
        assert!(texts(&svg).iter().any(|text| text.starts_with(name)), "{:?}", texts(&svg));
    }
    assert!(texts(&svg).contains(&"1e-3"), "{:?}", texts(&svg));
    LrFind { lrs: vec![], losses: vec![] }.plot_lr_find(&path).unwrap();
}

#[test]
fn a_plot_that_cannot_be_written_names_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    for name in ["loss.pdf", "loss", "none/loss.png"] {
        let error = recorder.plot_loss(dir.path().join(name)).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing half-written");
    // A record of nothing has axes only.
    for name in ["a.svg", "a.png"] {
        recorder.plot_loss(dir.path().join(name)).unwrap();
        recorder.plot_metrics(dir.path().join(name)).unwrap();
        recorder.plot_sched(dir.path().join(name)).unwrap();
    }
}

#[test]
fn a_layer_s_statistics_are_plotted() {
    let dir = tempfile::tempdir().unwrap();
    let mut learn = learner().cbs(ActivationRecorder::default());
    learn.fit(2, 0.1).unwrap();
    let layer = &learn.cb::<ActivationRecorder>().unwrap().layers()[1];
    let path = dir.path().join("layer.svg");
    layer.plot_layer_stats(&path).unwrap();
    let svg = fs::read_to_string(&path).unwrap();
    let columns: [fn(&downhill_nn::ActivationStats) -> f64; 3] = [|s| s.mean, |s| s.std, |s| s.near_zero];
    assert_eq!(lines(&svg).len(), 3);
    for (line, of) in lines(&svg).iter().zip(columns) {
        on_a_scale(line, &layer.stats.iter().enumerate().map(|(i, s)| [i as f64, of(s)]).collect::<Vec<_>>());
    }
    layer.color_dim(&path).unwrap();
    let svg = fs::read_to_string(&path).unwrap();
    // White, the map's ground and frame, and the ranges that there are in each batch.
    let ranges = layer.stats.iter().flat_map(|stats| &stats.hist).filter(|count| **count > 0);
    assert_eq!(between(&svg, "<rect ", ">").len(), 3 + ranges.count());
}

/// Items of four numbers, which the model puts out as they are: pictures of two by two pixels.
fn four_classes() -> (Learner, Tensor, Tensor<i64>) {
    let x = Tensor::<f32>::rand(&[30, 4], &mut Rng::new(5));
    let mut rng = Rng::new(6);
    let largest = x.argmax(1);
    // Each third is what the model says.
    let y = Tensor::from_fn(&[30], |i| if i[0] % 3 == 0 { largest.get(i) } else { rng.below(4) as i64 });
    let loader = || DataLoader::new(TensorDataset::new(x.clone(), y.clone()).unwrap()).bs(8);
    // In an order of its own.
    let dls = DataLoaders::new(loader(), loader().shuffle(true));
    let learn = Learner::new(dls, Lambda::new(Var::clone))
        .loss_func(cross_entropy)
        .vocab(["north", "east", "south", "west"])
        .no_logging();
    (learn, x, y)
}

#[test]
fn confusion_and_losses_are_those_of_the_predictions() {
    let dir = tempfile::tempdir().unwrap();
    let (learn, x, y) = four_classes();
    let interp = ClassificationInterpretation::from_learner(&learn).unwrap();
    let predicted: Vec<i64> = x.argmax(1).to_vec();
    let mut counts = vec![vec![0; 4]; 4];
    predicted.iter().zip(y.iter()).for_each(|(&p, y)| counts[y as usize][p as usize] += 1);
    assert_eq!(interp.confusion_matrix().counts(), counts);

    let names = ["north", "east", "south", "west"];
    let confused = interp.most_confused(2);
    assert!(!confused.is_empty() && confused.is_sorted_by(|a, b| a.2 >= b.2));
    let mut sum = 0;
    for (actual, predicted, count) in &confused {
        let at = |name: &str| names.iter().position(|known| *known == name).unwrap();
        assert_eq!((*count, at(actual) != at(predicted)), (counts[at(actual)][at(predicted)], true));
        sum += count;
    }
    let off = |i: usize, j: usize| if i != j && counts[i][j] >= 2 { counts[i][j] } else { 0 };
    assert_eq!(sum, (0..16).map(|at| off(at / 4, at % 4)).sum::<u64>());

    for normalize in [false, true] {
        let path = dir.path().join("confusion.svg");
        interp.plot_confusion_matrix_with(&path, normalize).unwrap();
        let svg = fs::read_to_string(path).unwrap();
        let texts = texts(&svg);
        for text in names.into_iter().chain(["Confusion matrix", "Predicted", "Actual"]) {
            assert!(texts.contains(&text), "{text}: {texts:?}");
        }
        let cells = counts.iter().flat_map(|row| {
            let all: u64 = row.iter().sum();
            let text = move |n: &u64| {
                if normalize { format!("{:.2}", *n as f64 / all as f64) } else { n.to_string() }
            };
            row.iter().map(text).collect::<Vec<_>>()
        });
        assert_eq!(texts[..16], cells.collect::<Vec<_>>());
    }

    // The losses by hand.
    let loss = |i: usize| {
        let row: Vec<f64> = (0..4).map(|c| f64::from(x.get(&[i, c]))).collect();
        row.iter().map(|x| x.exp()).sum::<f64>().ln() - row[y.get(&[i]) as usize]
    };
    let mut losses: Vec<(usize, f64)> = (0..30).map(|i| (i, loss(i))).collect();
    losses.sort_by(|a, b| b.1.total_cmp(&a.1));
    let top = interp.top_losses(5);
    for (found, (item, loss)) in top.iter().zip(&losses) {
        assert!((found.loss - loss).abs() < 1e-5, "{found:?}, expected {loss}");
        assert_eq!(found.actual, names[y.get(&[*item]) as usize]);
        assert_eq!(found.predicted, names[predicted[*item] as usize]);
        let probability = x.narrow(0, *item, 1).softmax(-1).max_values();
        assert!((found.probability - probability).abs() < 1e-6);
    }
    assert_eq!((top.len(), interp.top_losses(100).len(), interp.top_losses(0).len()), (5, 30, 0));

    // The pictures are of these items.
    let sheet = interp.plot_top_losses(5).unwrap();
    let path = dir.path().join("top.png");
    sheet.clone().scale(32).columns(5).save(&path).unwrap();
    let svg = sheet.scale(32).columns(5).to_svg();
    let png = decoded(&path);
    assert_eq!(texts(&svg)[0], "Prediction/Actual/Loss/Probability");
    for ((item, _), [left, top]) in losses.iter().zip(corners(&svg)) {
        for at in 0..4 {
            let grey = (x.get(&[*item, at as usize]) * 255.0).round() as u8;
            assert_eq!(png.get_pixel(left + 16 + at % 2 * 32, top + 16 + at / 2 * 32).0, [grey; 3]);
        }
    }
    let label = format!("{}/{}", top[0].predicted, top[0].actual);
    assert_eq!(texts(&svg)[1..3], [label, format!("{:.2} / {:.2}", top[0].loss, top[0].probability)]);
}

/// The largest number.
trait MaxValues {
    fn max_values(&self) -> f64;
}

impl MaxValues for Tensor {
    fn max_values(&self) -> f64 {
        self.iter().map(f64::from).fold(f64::NEG_INFINITY, f64::max)
    }
}

#[test]
fn classes_without_an_item_have_a_row_too() {
    let learn = four_classes().0.vocab(["a", "b", "c", "d", "e"]);
    let matrix = ClassificationInterpretation::from_learner(&learn).unwrap().confusion_matrix();
    assert_eq!((matrix.counts().len(), &matrix.counts()[4]), (5, &vec![0; 5]));
}

#[test]
#[should_panic(expected = "confusion_matrix: predictions are no classes")]
fn outputs_without_an_activation_are_no_classes() {
    let learn = four_classes().0.activation(Activation::None);
    ClassificationInterpretation::from_learner(&learn).unwrap().confusion_matrix();
}

#[test]
fn batches_and_results_are_shown_with_labels() {
    let (learn, x, y) = four_classes();
    let names = ["north", "east", "south", "west"];
    let name = |class: i64| names[class as usize];
    let svg = learn.show_batch().unwrap().to_svg();
    // A batch has eight.
    assert_eq!(texts(&svg), y.iter().take(8).map(name).collect::<Vec<_>>());
    let dl = &learn.dls().train;
    let svg = learn.show_results_of(dl, 7).unwrap().to_svg();
    let predicted: Vec<i64> = x.argmax(1).to_vec();
    let labels: Vec<_> = y.iter().zip(predicted).take(7).map(|(y, p)| [name(y), name(p)]).collect();
    assert_eq!(texts(&svg)[1..], labels.concat());
    let wrong = labels.iter().filter(|label| label[0] != label[1]).count();
    assert_eq!(between(&svg, "fill=\"rgb(200,0,0)\"", ">").len(), 2 * wrong);
    assert!((1..7).contains(&wrong), "some are right and some wrong");
    assert_eq!(learn.show_results().unwrap().to_svg().matches("<image ").count(), 8);
    // As a row of four pixels.
    let sheet = learn.item_shape(&[1, 1, 4]).show_batch().unwrap().scale(16);
    assert!(sheet.to_svg().contains("width=\"64\" height=\"16\""));
}

#[test]
fn numbers_as_targets_are_shown_as_numbers() {
    let x = Tensor::<f32>::randn(&[2, 1, 2, 2], &mut Rng::new(1));
    let dl = DataLoader::new(
        TensorDataset::new(x.clone(), Tensor::from([[0.25_f32, 3.0], [-1.0, 1e-7]])).unwrap(),
    );
    let learn = Learner::new(DataLoaders::new(dl.clone(), dl), Lambda::new(Var::clone));
    let svg = learn.show_batch().unwrap().to_svg();
    assert_eq!(texts(&svg), ["0.25, 3", "-1, 1e-7"]);
    // These images leave 0 to 1, so that their smallest number is black and their largest white.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("batch.png");
    let sheet = learn.show_batch().unwrap().scale(32);
    sheet.save(&path).unwrap();
    let png = decoded(&path);
    let corners = corners(&sheet.to_svg());
    let shown = |at: usize| {
        let [left, top] = corners[at / 4];
        png.get_pixel(left + 16 + (at % 2 * 32) as u32, top + 16 + (at % 4 / 2 * 32) as u32).0
    };
    let values = x.to_vec();
    let by = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
    assert_eq!(shown((0..8).min_by(by).unwrap()), [0; 3]);
    assert_eq!(shown((0..8).max_by(by).unwrap()), [255; 3]);
    // With a name for each, the names of those that are set: the second item has none.
    assert_eq!(texts(&learn.vocab(["a", "b"]).show_batch().unwrap().to_svg()), ["b"]);
}

/// Tag, step, the first five fields, limits and counts.
type Histogram = (String, u64, Vec<f64>, Vec<f64>, Vec<f64>);

/// What an event file says, read without any of the writer's code.
#[derive(Debug, Default)]
struct Events {
    version: String,
    /// Tag, step and value.
    scalars: Vec<(String, u64, f32)>,
    histograms: Vec<Histogram>,
    /// The steps from which a process went on.
    starts: Vec<u64>,
}

/// One field of a message: its number, and a number or bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let (value, size) = match key & 7 {
            0 => (varint(&mut bytes), 0),
            1 => (0, 8),
            2 => (0, varint(&mut bytes) as usize),
            5 => (0, 4),
            other => panic!("wire type {other}"),
        };
        let (content, rest) = bytes.split_at(size);
        bytes = rest;
        found.push((key >> 3, value, content));
    }
    found
}

/// Castagnoli's checksum bit by bit, masked as in record files.
fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for bit in bytes.iter().flat_map(|byte| (0..8).map(move |at| u32::from(byte >> at) & 1)) {
        crc = if (crc ^ bit) & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks(8).map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap())).collect()
}

fn read_events(dir: &Path) -> Vec<Events> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| events_of(&fs::read(file).unwrap())).collect()
}

fn events_of(mut bytes: &[u8]) -> Events {
    let mut events = Events::default();
    while !bytes.is_empty() {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let data = &bytes[12..12 + length];
        assert_eq!((u32_at(8), u32_at(12 + length)), (masked_crc(&bytes[..8]), masked_crc(data)));
        bytes = &bytes[16 + length..];
        let event = fields(data);
        let time = event.iter().find(|field| field.0 == 1).unwrap();
        assert!(doubles(time.2)[0] > 1.6e9);
        let step = event.iter().find(|field| field.0 == 2).map_or(0, |field| field.1);
        for (field, _, content) in event {
            match field {
                3 => events.version = String::from_utf8(content.to_vec()).unwrap(),
                5 => fields(content).iter().for_each(|value| events.value(step, value.2)),
                7 => {
                    assert_eq!(fields(content)[0].1, 1, "START");
                    events.starts.push(step);
                }
                _ => {}
            }
        }
    }
    events
}

impl Events {
    fn value(&mut self, step: u64, value: &[u8]) {
        let fields_of = fields(value);
        let tag = String::from_utf8(fields_of[0].2.to_vec()).unwrap();
        match fields_of[1] {
            (2, _, number) => {
                self.scalars.push((tag, step, f32::from_le_bytes(number.try_into().unwrap())));
            }
            (5, _, histogram) => {
                let parts = fields(histogram);
                let numbers = parts[..5].iter().map(|part| doubles(part.2)[0]).collect();
                self.histograms.push((tag, step, numbers, doubles(parts[5].2), doubles(parts[6].2)));
            }
            other => panic!("{tag}: {other:?}"),
        }
    }

    fn scalar(&self, tag: &str) -> Vec<(u64, f32)> {
        self.scalars.iter().filter(|scalar| scalar.0 == tag).map(|scalar| (scalar.1, scalar.2)).collect()
    }
}

#[test]
fn event_files_have_what_the_recorder_saw() {
    let dir = tempfile::tempdir().unwrap();
    let mut learn = learner().path(dir.path()).cbs(TensorBoard::new("runs/a").histograms(true));
    learn.lr_find().unwrap();
    learn.fit_one_cycle(2, 0.05).unwrap();
    let first = learn.recorder().clone();
    let weight = learn.model().parameters()[0].value();
    learn.fit(1, 0.05).unwrap();
    let files = read_events(&dir.path().join("runs/a"));
    assert_eq!(files.len(), 2);
    let events = &files[0];
    assert_eq!((&*events.version, &events.starts[..]), ("brain.Event:2", &[][..]));
    let batches = |values: &[f64]| (1..).zip(values.iter().map(|&x| x as f32)).collect::<Vec<_>>();
    assert_eq!(events.scalar("train_loss"), batches(&first.losses));
    assert_eq!(events.scalar("lr_0"), batches(&first.lrs));
    assert_eq!(events.scalar("mom_0"), batches(&first.moms));
    for (at, name) in [(1, "valid_loss"), (2, "batch_accuracy")] {
        let expected = [4, 8].into_iter().zip(first.values.iter().map(|row| row[at] as f32));
        assert_eq!(events.scalar(name), expected.collect::<Vec<_>>());
    }
    assert_eq!(events.histograms.len(), 2 * learn.model().parameters().len());
    let (tag, step, numbers, limits, counts) = &events.histograms[4];
    assert_eq!((&**tag, *step), ("0.weight", 8));
    let values: Vec<f64> = weight.iter().map(f64::from).collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let squares = values.iter().map(|x| x * x).sum();
    assert_eq!(numbers[..], [low, high, values.len() as f64, values.iter().sum(), squares]);
    let below = |limit: f64| values.iter().filter(|x| **x < limit).count() as f64;
    for (bin, &limit) in limits.iter().enumerate().take(limits.len() - 1) {
        assert_eq!(counts[..=bin].iter().sum::<f64>(), below(limit), "below {limit}");
    }
    assert_eq!(counts.iter().sum::<f64>(), values.len() as f64);
    // The steps of the second training come behind those of the first.
    assert_eq!(
        files[1].scalar("train_loss").iter().map(|scalar| scalar.0).collect::<Vec<_>>(),
        [9, 10, 11, 12]
    );
}

/// Ends a training as an error would, at this batch.
struct Crash(usize);

impl Callback for Crash {
    fn before_batch(&mut self, state: &mut State) -> Flow {
        if state.training && state.train_iter == self.0 {
            cancel(Stage::Fit)
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[test]
fn a_resumed_training_says_from_where_its_events_count() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = dir.path().join("run.ckpt");
    let train = |crash: usize| {
        let mut learn = learner()
            .path(dir.path())
            .cbs(TensorBoard::new("."))
            .cbs(Checkpoint::new(&checkpoint).every_batches(2))
            .cbs(Crash(crash))
            .resume_from(&checkpoint)
            .unwrap();
        learn.fit(2, 0.05).unwrap();
    };
    train(7);
    fs::create_dir(dir.path().join("events")).unwrap();
    train(99);
    for entry in fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_name().to_str().unwrap().starts_with("events.out") {
            fs::rename(entry.path(), dir.path().join("events").join(entry.file_name())).unwrap();
        }
    }
    let files = read_events(&dir.path().join("events"));
    let steps =
        |events: &Events| events.scalar("train_loss").iter().map(|scalar| scalar.0).collect::<Vec<_>>();
    assert_eq!((&files[0].starts[..], steps(&files[0])), (&[][..], (1..=7).collect()));
    // The checkpoint is of six batches: the seventh is forgotten and comes again.
    assert_eq!((&files[1].starts[..], steps(&files[1])), (&[7][..], vec![7, 8]));
}

#[test]
fn the_graph_grows_with_the_training() {
    let dir = tempfile::tempdir().unwrap();
    // Broken off in the third epoch of four.
    let mut learn =
        learner().path(dir.path()).cbs(ShowGraph::new("graph.svg")).cbs(ShowGraph::default()).cbs(Crash(9));
    learn.fit(4, 0.05).unwrap();
    let svg = fs::read_to_string(dir.path().join("graph.svg")).unwrap();
    let found = lines(&svg);
    assert_eq!((found[0].len(), found[1].len()), (8, 2));
    assert!(texts(&svg).contains(&"15"), "room for all sixteen batches: {:?}", texts(&svg));
    learn.remove_cb::<Crash>().unwrap();
    learn.fit(4, 0.05).unwrap();
    let svg = fs::read_to_string(dir.path().join("graph.svg")).unwrap();
    // And the two lines of the legend.
    assert_eq!(lines(&svg).iter().map(Vec::len).collect::<Vec<_>>(), [16, 4, 2, 2]);
}

/// Run by the test below, as a process of its own.
#[test]
fn child_that_prints() {
    if env::var_os("DOWNHILL_PRINTS").is_some() {
        let mut learn = Learner::new(dls(), net())
            .loss_func(mnist_loss)
            .metrics(batch_accuracy)
            .cbs(ShowGraph::default());
        learn.fit(2, 0.05).unwrap();
    }
}

#[test]
fn without_a_terminal_there_are_plain_lines() {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "visual::child_that_prints", "--nocapture", "--test-threads=1"])
        .env("DOWNHILL_PRINTS", "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(child.stdout).unwrap(), String::from_utf8(child.stderr).unwrap());
    assert!(child.status.success(), "{out}{err}");
    let header = "epoch     train_loss  valid_loss  batch_accuracy  time";
    let table: Vec<&str> = out.lines().skip_while(|line| !line.ends_with(header)).skip(1).take(4).collect();
    for (epoch, line) in [(0, table[0]), (1, table[2])] {
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((cells[0], cells.len(), cells[4]), (&*epoch.to_string(), 5, "00:00"), "{line}");
        assert!(cells[1..4].iter().all(|cell| cell.parse::<f64>().is_ok()), "{line}");
    }
    let graph = table[3].split_whitespace().collect::<Vec<_>>();
    assert_eq!((graph[0], graph[1].chars().count()), ("train", 8), "{graph:?}");
    assert_eq!((graph[2], graph[3].chars().count()), ("valid", 2), "{graph:?}");
    for text in [out, err] {
        assert!(!text.contains(['\x1b', '\r']), "{text}");
    }
}
