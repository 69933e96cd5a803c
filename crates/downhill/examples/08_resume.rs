//! A training that may be killed at any moment: `cargo run --release -p downhill --example 08_resume -- run.ckpt`. Started
//! again with the same file, it goes on where it was, and ends with the same numbers as one that was never stopped.
//! Without a file it shows that: it starts itself, kills what it has started, and starts it again.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use downhill::learner::Result;
use downhill::prelude::*;
use downhill::tensor::testing::bits_hash;

fn main() {
    match std::env::args_os().nth(1) {
        Some(path) => train(path.as_ref()).expect("it can be trained"),
        None => show().expect("processes can be started"),
    }
}

fn train(path: &Path) -> Result<()> {
    let rng = &mut Rng::new(42);
    let mut loader = |n| {
        let x = Tensor::<f32>::randn(&[n, 20], rng);
        let y = x.square().sum_keepdim(1).gt(20.0).to::<i64>();
        TensorDataset::new(x, y).map(|dset| DataLoader::new(dset).bs(64).shuffle(true))
    };
    let dls = DataLoaders::new(loader(4096)?, loader(512)?);
    let rng = &mut Rng::new(1);
    let net: Sequential = sequential![
        Linear::new(20, 64, rng),
        ReLU,
        Dropout::new(0.1, rng.fork("dropout")),
        Linear::new(64, 1, rng)
    ];
    let mut learn = Learner::new(dls, net)
        .loss_func(mnist_loss)
        .metrics(batch_accuracy)
        // Weights, optimizer, schedule, random numbers, the loader's position and the record, all in one file.
        .cbs(Checkpoint::new(path).every_batches(10).keep(2))
        .resume_from(path)?;
    learn.fit_one_cycle(10, 0.01)?;

    println!("accuracy {:.4}", learn.recorder().values[9][2]);
    for (name, parameter) in learn.model().named_parameters() {
        println!("{name}: {:016x}", bits_hash(&parameter.value()));
    }
    Ok(())
}

fn show() -> std::io::Result<()> {
    let folder = std::env::temp_dir().join(format!("downhill-resume-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let run = |name: &str| -> std::io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(OsString::from(folder.join(name)));
        Ok(command)
    };
    // The table differs in its times, and begins anew with each start; what follows it must not differ.
    let end = |output: Vec<u8>| -> Vec<String> {
        let text = String::from_utf8_lossy(&output).into_owned();
        text.lines().skip_while(|line| !line.starts_with("accuracy")).map(str::to_string).collect()
    };
    let whole = end(run("whole")?.output()?.stdout);

    let mut kills = 0;
    for round in 1..=8 {
        let mut child = run("killed")?.stdout(Stdio::null()).spawn()?;
        std::thread::sleep(Duration::from_millis(15 * round));
        if child.try_wait()?.is_none() {
            child.kill()?;
            kills += 1;
        }
        child.wait()?;
    }
    let killed = end(run("killed")?.output()?.stdout);
    std::fs::remove_dir_all(&folder)?;

    println!("never stopped:\n  {}", whole.join("\n  "));
    println!("killed {kills} times:\n  {}", killed.join("\n  "));
    assert!(kills > 0 && whole.len() == 5);
    assert_eq!(killed, whole);
    Ok(())
}
