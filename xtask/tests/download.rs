//! `cargo xtask download` against a server that misbehaves: the right file or a clear error, never a wrong file under
//! its name.

mod server;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use server::{Act, Server};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const NAME: &str = "train-images-idx3-ubyte.gz";

/// A file to download, a place for it, and a manifest that says what it contains.
struct Task {
    dir: TempDir,
    plain: Vec<u8>,
    gzipped: Vec<u8>,
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

impl Task {
    fn new() -> Task {
        // Bytes that do not compress, so that the file has some length.
        let numbers = std::iter::successors(Some(1_u32), |x| {
            Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
        });
        let plain: Vec<u8> = numbers.map(|x| (x >> 24) as u8).take(300_000).collect();
        let task = Task { dir: tempfile::tempdir().unwrap(), gzipped: gzip(&plain), plain };
        let sha256: String = Sha256::digest(&task.plain).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = format!(r#"{{"name": "{NAME}", "bytes": {}, "sha256": "{sha256}"}}"#, task.plain.len());
        fs::write(task.path("manifest.json"), format!(r#"{{"mirrors": [], "files": [{file}]}}"#)).unwrap();
        task
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["download", "--timeout", "0.5", "--retries", "2", "--to"]).arg(self.path("mnist"));
        command.arg("--manifest").arg(self.path("manifest.json")).args(arguments);
        for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(proxy).env_remove(proxy.to_uppercase());
        }
        command
    }

    fn run(&self, mirrors: &[&str]) -> Output {
        let arguments: Vec<&str> = mirrors.iter().flat_map(|mirror| ["--mirror", mirror]).collect();
        self.command(&arguments).output().unwrap()
    }

    fn serve(&self, acts: &[Act]) -> Server {
        Server::start(&self.gzipped, acts)
    }

    fn place(&self) -> PathBuf {
        self.path("mnist").join(NAME)
    }

    /// The file is there, whole and right, and nothing else.
    #[track_caller]
    fn assert_done(&self, output: &Output) {
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(fs::read(self.place()).unwrap() == self.gzipped, "another file than the one served");
        assert_eq!(self.files(), [NAME]);
    }

    /// There is an error that says all of `parts`, and no file.
    #[track_caller]
    fn assert_refused(&self, output: &Output, parts: &[&str]) {
        assert!(!output.status.success(), "{}", text(&output.stdout));
        assert!(!self.place().exists(), "a wrong file has taken the name");
        let message = text(&output.stderr);
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("mnist")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_file_is_downloaded_once_and_then_verified() {
    let task = Task::new();
    let server = task.serve(&[Act::Serve]);
    let first = task.run(&[&server.url]);
    task.assert_done(&first);
    assert!(text(&first.stdout).contains(&format!("downloaded from {}{NAME} and verified", server.url)));
    let again = task.run(&[&server.url]);
    task.assert_done(&again);
    assert!(text(&again.stdout).contains(": verified"), "{}", text(&again.stdout));
    assert_eq!(server.ranges(), [None], "asked once");
    // A file that has been damaged is noticed and replaced, and so is a good one, if told.
    fs::write(task.place(), gzip(&task.plain[1..])).unwrap();
    let repaired = task.run(&[&server.url]);
    assert!(text(&repaired.stdout).contains("expected 300000 bytes of content, found 299999"));
    task.assert_done(&repaired);
    task.assert_done(&task.command(&["--force", "--mirror", &server.url]).output().unwrap());
    assert_eq!(server.ranges(), [None, None, None]);
}

#[test]
fn an_interrupted_download_goes_on_where_it_stopped() {
    let whole = Task::new().gzipped.len() as u64;
    for act in [Act::Truncate(100_000), Act::Reset(100_000), Act::Stall(100_000)] {
        let task = Task::new();
        let server = task.serve(&[act.clone(), Act::Serve]);
        task.assert_done(&task.run(&[&server.url]));
        let [None, Some(from)] = server.ranges()[..] else { panic!("{act:?}: {:?}", server.ranges()) };
        assert!(from > 0 && from < whole, "{act:?}: byte {from}");
    }
}

#[test]
fn a_server_without_ranges_is_asked_for_everything_again() {
    let task = Task::new();
    let server = task.serve(&[Act::Truncate(50_000), Act::IgnoreRange]);
    task.assert_done(&task.run(&[&server.url]));
    assert_eq!(server.ranges(), [None, Some(50_000)]);
}

#[test]
fn a_wrong_range_is_not_appended() {
    let task = Task::new();
    let server = task.serve(&[Act::Truncate(50_000), Act::WrongRange, Act::Serve]);
    task.assert_done(&task.run(&[&server.url]));
    assert_eq!(server.ranges(), [None, Some(50_000), None]);
    // Nor is a range believed that nobody asked for.
    let task = Task::new();
    let server = task.serve(&[Act::WrongRange]);
    task.assert_refused(&task.run(&[&server.url]), &["206 Partial Content", "bytes 1-"]);
}

#[test]
fn a_part_of_another_version_is_thrown_away() {
    let task = Task::new();
    let other = Task::new().gzipped.iter().map(|byte| byte ^ 0x55).collect::<Vec<u8>>();
    let server = Server::start(&task.gzipped, &[Act::Stall(0), Act::Serve]);
    let part = task.path("mnist").join(format!(".{NAME}.part"));
    fs::create_dir_all(task.path("mnist")).unwrap();
    // As a run before has left it: the beginning of something else, from the same address.
    fs::write(&part, &other[..70_000]).unwrap();
    let origin = format!(r#"{{"url": "{}{NAME}", "version": "\"v1\""}}"#, server.url);
    fs::write(part.with_extension("part.json"), origin).unwrap();
    task.assert_done(&task.run(&[&server.url]));
    assert_eq!(server.ranges(), [Some(70_000), None], "put together wrong, then whole");
}

#[test]
fn what_passes_is_tried_again() {
    let task = Task::new();
    for acts in [
        vec![Act::Status(500), Act::Status(503), Act::Serve],
        vec![Act::Corrupt, Act::Serve],
        vec![Act::Silence, Act::Serve],
        vec![Act::TruncateUnannounced(10_000), Act::TruncateUnannounced(0), Act::Serve],
        vec![Act::Status(429), Act::Serve],
    ] {
        let server = task.serve(&acts);
        let output = task.command(&["--force", "--mirror", &server.url]).output().unwrap();
        task.assert_done(&output);
        assert_eq!(server.ranges().len(), acts.len(), "{acts:?}");
        fs::remove_file(task.place()).unwrap();
    }
}

#[test]
fn the_next_mirror_helps_out() {
    for act in [
        Act::Status(404),
        Act::Status(500),
        Act::Corrupt,
        Act::Garbage,
        Act::Truncate(1000),
        Act::Claim(1 << 40),
    ] {
        let task = Task::new();
        let (bad, good) = (task.serve(std::slice::from_ref(&act)), task.serve(&[Act::Serve]));
        let output = task.run(&["http://127.0.0.1:1/", &bad.url, &good.url]);
        task.assert_done(&output);
        assert_eq!((bad.ranges().len(), good.ranges()), (1, vec![None]), "{act:?}");
    }
}

#[test]
fn a_file_that_is_wrong_to_the_end_is_refused() {
    let bomb = gzip(&vec![0; 40_000_000]);
    assert!(bomb.len() < 300_000);
    for (act, parts) in [
        (Act::Corrupt, &["expected"][..]),
        (Act::Other(gzip(&[7; 300_000])), &["expected content with SHA-256", "found"]),
        (Act::Other(gzip(b"short")), &["expected 300000 bytes of content, found 5"]),
        (Act::Other(bomb), &["expected 300000 bytes of content, found more"]),
        (Act::Other(b"<html>not here</html>".to_vec()), &["expected 300000 bytes of content, found 21"]),
        (Act::Other(Vec::new()), &["found 0"]),
        (Act::Truncate(1000), &["after 1000"]),
        (Act::TruncateUnannounced(1000), &["expected"]),
        (Act::Claim(1 << 40), &["1099511627776 bytes, more than the file can have"]),
        (Act::Other(vec![1; 500_000]), &["500000 bytes, more than the file can have"]),
        (Act::Status(404), &["404"]),
        (Act::Status(500), &["500"]),
        (Act::Status(304), &["304"]),
        (Act::Silence, &["timeout"]),
        (Act::Stall(1000), &["timeout"]),
        (Act::Garbage, &["http"]),
    ] {
        let task = Task::new();
        let server = task.serve(std::slice::from_ref(&act));
        let output = task.run(&[&server.url]);
        let mirror = format!("{}{NAME}: ", server.url);
        task.assert_refused(&output, &[&[&*mirror, "--from DIR"], parts].concat());
    }
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let task = Task::new();
    let good = task.serve(&[Act::Serve]);
    let first = task.serve(&[Act::Redirect(format!("{}elsewhere.gz", good.url))]);
    task.assert_done(&task.run(&[&first.url]));
    assert_eq!(good.ranges().len(), 1);

    let task = Task::new();
    let circle = task.serve(&[Act::Redirect("/mnist/again".into())]);
    task.assert_refused(&task.run(&[&circle.url]), &["redirect"]);
    assert!(circle.ranges().len() < 20);
    let nowhere = task.serve(&[Act::Redirect("http://127.0.0.1:1/".into())]);
    task.assert_refused(&task.run(&[&nowhere.url]), &[&nowhere.url]);
}

#[test]
fn without_a_network_it_fails_at_once_and_names_every_mirror() {
    let task = Task::new();
    let start = Instant::now();
    let mirrors = ["http://127.0.0.1:1/a/", "http://no-such-host.invalid/b", "https://127.0.0.1:1/c/"];
    let output = task.run(&mirrors);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    let named: Vec<String> =
        mirrors.iter().map(|mirror| format!("{}/{NAME}: ", mirror.trim_end_matches('/'))).collect();
    task.assert_refused(&output, &[&named[0], &named[1], &named[2], "--from DIR"]);
    assert_eq!(task.run(&[]).status.code(), Some(1), "nor is no mirror at all a success");
}

#[test]
fn a_killed_download_goes_on_in_the_next_run() {
    let task = Task::new();
    let server = task.serve(&[Act::Slow(4096), Act::Serve]);
    let mut child =
        task.command(&["--mirror", &server.url]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let part = task.path("mnist").join(format!(".{NAME}.part"));
    let there = || fs::metadata(&part).map_or(0, |part| part.len());
    let start = Instant::now();
    while there() < 60_000 {
        assert!(start.elapsed() < Duration::from_secs(30), "the download does not move");
        sleep(Duration::from_millis(5));
    }
    // SIGKILL, in the middle of it.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!task.place().exists());
    let length = there();
    assert!(length < task.gzipped.len() as u64);
    task.assert_done(&task.run(&[&server.url]));
    assert_eq!(server.ranges(), [None, Some(length)]);
}

#[test]
fn two_downloads_do_not_write_one_file() {
    let task = Task::new();
    let server = task.serve(&[Act::Slow(4096)]);
    let mut child =
        task.command(&["--mirror", &server.url]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let part = task.path("mnist").join(format!(".{NAME}.part"));
    let start = Instant::now();
    while fs::metadata(&part).map_or(0, |part| part.len()) == 0 {
        assert!(start.elapsed() < Duration::from_secs(30), "the download does not begin");
        sleep(Duration::from_millis(5));
    }
    let second = task.run(&[&server.url]);
    task.assert_refused(&second, &["another download is writing this file"]);
    assert!(child.wait().unwrap().success());
    assert!(fs::read(task.place()).unwrap() == task.gzipped);
}

#[test]
fn files_on_disk_are_taken_if_they_are_right() {
    let task = Task::new();
    let from = |dir: &Path| task.command(&["--from", dir.to_str().unwrap()]).output().unwrap();
    let dir = task.path("elsewhere");
    fs::create_dir(&dir).unwrap();
    task.assert_refused(
        &from(&dir),
        &["elsewhere: expected train-images-idx3-ubyte.gz there, gzipped or not"],
    );
    fs::write(dir.join(NAME), gzip(&task.plain[1..])).unwrap();
    task.assert_refused(
        &from(&dir),
        &["is not train-images", "expected 300000 bytes of content, found 299999"],
    );
    assert_eq!(task.files(), [] as [&str; 0]);
    fs::write(dir.join(NAME), &task.gzipped).unwrap();
    task.assert_done(&from(&dir));

    // Without gzip, under the name without it.
    fs::remove_file(task.place()).unwrap();
    fs::remove_file(dir.join(NAME)).unwrap();
    fs::write(dir.join("train-images-idx3-ubyte"), &task.plain).unwrap();
    assert!(from(&dir).status.success());
    assert_eq!(task.files(), ["train-images-idx3-ubyte"]);
    assert!(text(&from(&dir).stdout).contains("train-images-idx3-ubyte: verified"));
}

#[test]
fn a_manifest_cannot_write_elsewhere() {
    let task = Task::new();
    for name in ["../evil.gz", "/tmp/evil.gz", "a/b.gz", "..", ""] {
        let manifest =
            format!(r#"{{"mirrors": [], "files": [{{"name": "{name}", "bytes": 1, "sha256": ""}}]}}"#);
        fs::write(task.path("manifest.json"), manifest).unwrap();
        task.assert_refused(&task.run(&["http://127.0.0.1:1/"]), &["manifest.json: expected names of files"]);
    }
    fs::write(task.path("manifest.json"), "{").unwrap();
    task.assert_refused(&task.run(&["http://127.0.0.1:1/"]), &["manifest.json"]);
}
