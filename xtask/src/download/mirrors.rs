//! Several mirrors, tried in turn, again and again, until one has delivered.

use std::fmt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;
use ureq::Agent;

use super::content::check;
use super::fetch::{Failure, Part, fetch};
use super::{Wanted, install};

/// A name must be looked up and a connection made within this time.
const CONNECT: Duration = Duration::from_secs(3);

/// Longer than this, no answer may take, however steadily it drips.
const BODY: Duration = Duration::from_secs(1800);

/// gzip makes data that it cannot compress larger by less than this share and number of bytes.
const OVERHEAD: (u64, u64) = (1000, 1 << 16);

pub(super) struct Mirrors {
    agent: Agent,
    urls: Vec<String>,
    retries: u32,
    /// The pause after the first failed round; each further one is twice as long.
    pause: Duration,
}

/// What a mirror answered last.
struct Answer {
    url: String,
    answer: Option<Failure>,
}

impl Mirrors {
    pub(super) fn new(urls: &[String], timeout: Duration, retries: u32) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(CONNECT.min(timeout)))
            .timeout_connect(Some(CONNECT.min(timeout)))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout))
            .timeout_recv_body(Some(BODY))
            .user_agent(concat!("downhill-xtask/", env!("CARGO_PKG_VERSION")))
            .build();
        Mirrors { agent: config.into(), urls: urls.to_vec(), retries, pause: timeout / 20 }
    }

    /// Downloads a file into `part` and from there to `place`. Returns the mirror that had it.
    pub(super) fn get(
        &self,
        file: &Wanted,
        part: &Path,
        place: &Path,
        fresh: bool,
        bar: &ProgressBar,
    ) -> Result<String> {
        let mut part = Part::open(part, fresh)?;
        let mut answers: Vec<Answer> =
            self.urls.iter().map(|url| Answer { url: join(url, &file.name), answer: None }).collect();
        for round in 0..=self.retries {
            if round > 0 {
                sleep(self.pause * 2_u32.saturating_pow(round - 1).min(64));
            }
            for answer in answers.iter_mut().filter(|answer| answer.is_worth_a_try()) {
                match self.try_one(&answer.url, file, &mut part, bar) {
                    Ok(()) => {
                        install(part.path(), place)?;
                        part.forget_origin();
                        return Ok(answer.url.clone());
                    }
                    Err(Failure::Own(error)) => return Err(error),
                    Err(failure) => answer.answer = Some(failure),
                }
            }
            // Where nobody answers, there is no network, and no use in waiting.
            let nobody = |answer: &Answer| matches!(answer.answer, Some(Failure::Unreachable(_)));
            if answers.iter().all(nobody) || !answers.iter().any(Answer::is_worth_a_try) {
                break;
            }
        }
        let list: String = answers.iter().map(|answer| format!("\n  {answer}")).collect();
        anyhow::bail!(
            "{}: no mirror could deliver it.{list}\nIf you have the files elsewhere: cargo xtask download --from DIR",
            file.name
        )
    }

    /// Asks one mirror, and checks what came.
    fn try_one(&self, url: &str, file: &Wanted, part: &mut Part, bar: &ProgressBar) -> Result<(), Failure> {
        let limit = file.bytes.saturating_add(file.bytes / OVERHEAD.0).saturating_add(OVERHEAD.1);
        loop {
            fetch(&self.agent, url, part, limit, bar)?;
            let Err(wrong) = check(part.path(), file) else { return Ok(()) };
            part.clear()?;
            // If it was put together from two answers, a whole one may be right.
            if !part.resumed {
                return Err(Failure::Passing(format!("{wrong:#}")));
            }
        }
    }
}

impl Answer {
    fn is_worth_a_try(&self) -> bool {
        !matches!(self.answer, Some(Failure::Lasting(_)))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = match &self.answer {
            Some(Failure::Unreachable(said) | Failure::Passing(said) | Failure::Lasting(said)) => said,
            Some(Failure::Own(_)) | None => "was not asked",
        };
        write!(f, "{}: {said}", self.url)
    }
}

/// The address of a file in a folder.
fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}
