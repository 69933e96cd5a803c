//! A training that is killed and resumed ends with the bits of one that was not.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs, thread};

use downhill_data::{Batch, DataLoader, DataLoaders, Keys, TensorDataset};
use downhill_learner::{
    Callback, Checkpoint, EarlyStopping, Flow, GradientAccumulation, Learner, MixUp, SaveModel, Stage, State,
    accuracy, cancel, error_rate,
};
use downhill_nn::{
    AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, Flatten, Linear, ReLU, Sequential, cross_entropy,
    sequential,
};
use downhill_tensor::testing::bits_hash;
use downhill_tensor::{Conv2dOptions, Rng, Tensor, file};

/// A convolutional net with batch norm and dropout, on images that are shifted in brightness and shuffled.
fn learner(dir: &Path, workers: usize) -> Learner {
    learner_of(dir, workers, 8)
}

/// One whose checkpoints are so large that most of the time they are being written.
fn wide(dir: &Path) -> Learner {
    learner_of(dir, 1, 2000).cbs(Checkpoint::new(dir.join("checkpoint")).every_batches(1))
}

fn learner_of(dir: &Path, workers: usize, width: usize) -> Learner {
    let rng = &mut Rng::new(1);
    let net: Sequential = sequential![
        Conv2d::new(1, 6, 3, Conv2dOptions::default().stride(2), rng),
        BatchNorm2d::new(6),
        ReLU,
        AdaptiveAvgPool2d::new(2),
        Flatten,
        Dropout::new(0.3, rng.fork("dropout")),
        Linear::new(24, width, rng),
        ReLU,
        Linear::new(width, 3, rng)
    ];
    let loader = |n, seed| {
        let x = Tensor::<f32>::randn(&[n, 1, 12, 12], &mut Rng::new(seed));
        let mut classes = Rng::new(seed + 1);
        let y = Tensor::from_fn(&[n], |_| classes.below(3) as i64);
        DataLoader::new(TensorDataset::new(x, y).unwrap()).bs(8).num_workers(workers)
    };
    let brighter = |(x, y): Batch<f32, i64>, keys: &Keys| {
        let shift =
            Tensor::from_fn(&[keys.len(), 1, 1, 1], |i| (keys.item(i[0]).next_u64() % 100) as f32 / 100.0);
        Ok((x + shift, y))
    };
    let dls = DataLoaders::new(loader(70, 10).shuffle(true).after_batch(brighter), loader(20, 20));
    Learner::new(dls, net)
        .loss_func(cross_entropy)
        .metrics(accuracy)
        .path(dir)
        .cbs(GradientAccumulation::new(20))
        .cbs(MixUp::new(0.4))
        .cbs(SaveModel::new("best"))
        .no_logging()
}

/// Parameters, buffers, and the record of the last training.
fn outcome(learn: &Learner) -> String {
    let parameters: Vec<u64> = learn.model().parameters().iter().map(|p| bits_hash(&p.value())).collect();
    let buffers = learn.model().state_dict().to_bytes().unwrap();
    let recorder = learn.recorder();
    format!("{parameters:x?} {buffers:?} {:?} {:?} {:?}", recorder.values, recorder.losses, recorder.moms)
}

fn train(learn: &mut Learner, epochs: usize) {
    learn.fit(1, 0.01).unwrap();
    learn.fit_one_cycle(epochs, 0.02).unwrap();
}

/// Ends the program's trainings after so many batches in all.
struct Interrupt(usize);

impl Callback for Interrupt {
    fn order(&self) -> i32 {
        99
    }
    fn before_batch(&mut self, state: &mut State) -> Flow {
        if state.training {
            if self.0 == 0 {
                return cancel(Stage::Fit);
            }
            self.0 -= 1;
        }
        Flow::Continue(())
    }
}

#[test]
fn a_training_goes_on_from_every_batch_and_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let mut whole = learner(dir.path(), 0);
    train(&mut whole, 2);
    let expected = outcome(&whole);
    let mut files = HashSet::new();
    for batches in 0..27 {
        let _ = fs::remove_file(&path);
        let mut learn =
            learner(dir.path(), 0).cbs(Checkpoint::new(&path).every_batches(1)).cbs(Interrupt(batches));
        learn.fit(1, 0.01).unwrap();
        if batches >= 9 {
            learn.fit_one_cycle(2, 0.02).unwrap();
        }
        files.insert(fs::read(&path).unwrap_or_default());
        let mut learn = learner(dir.path(), 2).resume_from(&path).unwrap();
        train(&mut learn, 2);
        assert!(outcome(&learn) == expected, "after {batches} batches");
    }
    assert_eq!(files.len(), 27, "each batch has a checkpoint of its own");
}

#[test]
fn the_last_checkpoints_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let mut learn = learner(dir.path(), 0).cbs(Checkpoint::new(&path).every_seconds(0.0).keep(3));
    // Left by processes that were killed.
    fs::create_dir(dir.path().join("models")).unwrap();
    for part in [".checkpoint.1-2.part", "models/.best.weights.3-0.part"] {
        fs::write(dir.path().join(part), "half").unwrap();
    }
    learn.fit(1, 0.01).unwrap();
    assert!(
        fs::read_dir(dir.path().join("models")).unwrap().all(|e| e.unwrap().file_name() == "best.weights")
    );
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["checkpoint", "checkpoint.1", "checkpoint.2", "models"]);
    // All of them can be gone on from.
    for name in &names[..3] {
        learner(dir.path(), 0).resume_from(dir.path().join(name)).unwrap().fit(1, 0.01).unwrap();
    }
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    learner(dir.path(), 0).cbs(Checkpoint::new(&path)).fit(1, 0.01).unwrap();
    let error = learner(dir.path(), 0).resume_from(&path).unwrap().fit(2, 0.01).unwrap_err().to_string();
    assert!(error.starts_with(path.to_str().unwrap()), "{error}");
    assert!(
        error.contains(
            "expected a checkpoint of training 0 with 2 epochs of 9 batches, found one of training 0 with 1"
        ),
        "{error}"
    );

    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = learner(dir.path(), 0).resume_from(&path).err().unwrap().to_string();
    assert!(error.contains("checksum"), "{error}");
    fs::write(&path, &bytes[..middle]).unwrap();
    assert!(learner(dir.path(), 0).resume_from(&path).is_err());
    // Where there is none, the training begins; where one cannot be looked for, it does not.
    learner(dir.path(), 0).resume_from(dir.path().join("none")).unwrap().fit(1, 0.01).unwrap();
    let error = learner(dir.path(), 0).resume_from(path.join("none")).err().unwrap().to_string();
    assert!(error.starts_with(path.to_str().unwrap()), "{error}");
}

#[test]
fn a_checkpoint_that_was_refused_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    learner(dir.path(), 0).cbs(Checkpoint::new(&path)).fit(1, 0.01).unwrap();
    let before = fs::read(&path).unwrap();
    let mut learn = learner(dir.path(), 0).cbs(Checkpoint::new(&path)).resume_from(&path).unwrap();
    for _ in 0..2 {
        learn.fit(2, 0.01).unwrap_err();
    }
    // Rows of one record have the same columns.
    let learn = learner(dir.path(), 0).metrics(error_rate).cbs(Checkpoint::new(&path));
    let error = learn.resume_from(&path).unwrap().fit(1, 0.01).unwrap_err().to_string();
    let columns = "train_loss, valid_loss, accuracy";
    let expected = format!(
        "expected a checkpoint of a record of {columns}, error_rate, found one of a record of {columns}"
    );
    assert!(error.ends_with(&expected), "{error}");
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn a_checkpoint_is_of_training_only() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("checkpoint"), dir.path().join("other"));
    // The training ends where a checkpoint was asked for.
    let stopping = EarlyStopping::new(1).min_delta(1e9);
    let mut learn =
        learner(dir.path(), 0).cbs(Checkpoint::new(&path)).cbs(Checkpoint::new(&other)).cbs(stopping);
    learn.fit(5, 0.01).unwrap();
    assert_eq!(learn.recorder().values.len(), 2);
    let before = fs::read(&path).unwrap();
    assert!(fs::read(&other).unwrap() == before, "each has its own file");
    learn.validate().unwrap();
    learn.lr_find().unwrap();
    assert!(fs::read(&path).unwrap() == before);
    learner(dir.path(), 0).cbs(EarlyStopping::new(1)).resume_from(&path).unwrap().fit(5, 0.01).unwrap();
}

/// What is found on a model that has been trained, a program that is started again could not find itself.
#[test]
fn a_learning_rate_that_was_found_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let train = |mut learn: Learner, batches: usize| {
        learn.fit(1, 0.05).unwrap();
        let lr = learn.lr_find().unwrap().minimum().unwrap();
        learn.add_cb(Interrupt(batches));
        learn.fit(2, lr).unwrap();
        (outcome(&learn), lr)
    };
    let expected = train(learner(dir.path(), 0), usize::MAX);
    train(learner(dir.path(), 0).cbs(Checkpoint::new(&path).every_batches(1)), 4);
    assert!(train(learner(dir.path(), 0).resume_from(&path).unwrap(), usize::MAX) == expected);
    // It does depend on the training.
    assert!(learner(dir.path(), 0).lr_find().unwrap().minimum().unwrap() != expected.1);
}

const FOLDER: &str = "DOWNHILL_CHECKPOINT_TEST";

/// The program that is killed: not a test by itself.
#[test]
#[ignore = "run by the tests that kill it"]
fn child() {
    let Some(dir) = env::var_os(FOLDER) else { return };
    let dir = Path::new(&dir);
    let mut learn = wide(dir).resume_from(dir.join("checkpoint")).unwrap();
    if let Err(error) = learn.fit(1, 0.01).and_then(|()| learn.fit_one_cycle(6, 0.02)) {
        panic!("{error}");
    }
    // Whole or not at all, as a kill may come while it is written.
    file::write(&dir.join("outcome"), outcome(&learn).as_bytes()).unwrap();
}

/// A command that runs [`child`] in `dir`, from `shell` if told.
fn child_in(dir: &Path, shell: Option<&str>) -> Command {
    let program = env::current_exe().unwrap();
    let arguments = ["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"];
    let mut command = match shell {
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(arguments).env(FOLDER, dir).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// How many files are half-written, or were when their process was killed.
fn parts(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".part")).count()
}

#[test]
fn a_training_that_is_killed_ends_with_the_same_bits() {
    let (whole, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let start = Instant::now();
    assert!(child_in(whole.path(), None).status().unwrap().success());
    let time = start.elapsed();
    let expected = fs::read_to_string(whole.path().join("outcome")).unwrap();

    let mut rng = Rng::new(7);
    let (mut places, mut while_writing, mut kills) = (HashSet::new(), 0, 0);
    // Twenty, and if files are written in no time as many more as it takes until one of them is half-written.
    while kills < 20 || while_writing == 0 && kills < 300 {
        kills += 1;
        let mut child = child_in(killed.path(), None).spawn().unwrap();
        // So that all of the training is reached by the kills, and some fall into a start.
        thread::sleep(time.mul_f64(rng.below(1000) as f64 / 1000.0 / 8.0));
        child.kill().unwrap();
        child.wait().unwrap();
        if killed.path().join("outcome").exists() {
            // It was done; from the beginning, then.
            let outcome = fs::read_to_string(killed.path().join("outcome")).unwrap();
            assert!(outcome == expected, "after {kills} kills");
            fs::remove_file(killed.path().join("outcome")).unwrap();
            fs::remove_file(killed.path().join("checkpoint")).unwrap();
        }
        while_writing += usize::from(parts(killed.path()) > 0);
        places.insert(fs::read(killed.path().join("checkpoint")).unwrap_or_default());
    }
    assert!(places.len() > 5, "the kills found the training in {} places only", places.len());
    assert!(while_writing > 0, "none of {kills} kills found it writing");
    assert!(child_in(killed.path(), None).status().unwrap().success());
    let outcome = fs::read_to_string(killed.path().join("outcome")).unwrap();
    assert!(outcome == expected);
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_checkpoint_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    wide(dir.path()).cbs(Interrupt(3)).fit(1, 0.01).unwrap();
    let before = fs::read(&path).unwrap();
    // No file may grow beyond 1024 bytes; without the signal, the write fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\"";
    let output = child_in(dir.path(), Some(script)).stderr(Stdio::piped()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains(&format!("\n{}: ", path.display())), "{error}");
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(parts(dir.path()), 0);
    // With room again, it goes on.
    assert!(child_in(dir.path(), None).status().unwrap().success());
    assert!(dir.path().join("outcome").exists());
}
