//! One request: the bytes of a file that are still missing, from one mirror.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Agent, Body};

/// Why a request did not bring the file.
#[derive(Debug)]
pub(super) enum Failure {
    /// There was no answer at all: no such name, no connection.
    Unreachable(String),
    /// Another try may do better.
    Passing(String),
    /// This mirror will not have the file the next time either.
    Lasting(String),
    /// Something is wrong on this side.
    Own(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Own(error)
    }
}

/// What has arrived so far, and a note beside it of where from.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    /// Whether the last request went on with what was there.
    pub(super) resumed: bool,
}

/// Which version of which resource a part is of. Bytes of another one must not be appended.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Origin {
    url: String,
    /// The entity tag, or the time of the last change.
    version: Option<String>,
}

impl Part {
    /// Opens or creates the part, and keeps other processes from it.
    pub(super) fn open(path: &Path, fresh: bool) -> Result<Part> {
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = open.with_context(|| format!("opening {}", path.display()))?;
        ensure!(file.try_lock().is_ok(), "{}: another download is writing this file", path.display());
        let mut part = Part { path: path.to_owned(), file, resumed: false };
        if fresh {
            part.clear()?;
        }
        Ok(part)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn note(&self) -> PathBuf {
        self.path.with_extension("part.json")
    }

    /// Throws away what is there.
    pub(super) fn clear(&mut self) -> Result<()> {
        let _ = fs::remove_file(self.note());
        let cleared = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        cleared.map(drop).with_context(|| format!("writing {}", self.path.display()))
    }

    /// The note goes with the part.
    pub(super) fn forget_origin(&self) {
        let _ = fs::remove_file(self.note());
    }

    /// How many bytes of `url` are there, and of which version.
    fn of(&self, url: &str) -> Result<(u64, Option<String>)> {
        let note = fs::read(self.note()).ok().and_then(|text| serde_json::from_slice::<Origin>(&text).ok());
        let length = self.file.metadata().with_context(|| format!("reading {}", self.path.display()))?.len();
        Ok(note.filter(|origin| origin.url == url).map_or((0, None), |origin| (length, origin.version)))
    }

    /// Begins to write at `offset`, bytes of the resource that `headers` describe.
    fn begin(&mut self, url: &str, offset: u64, headers: &HeaderMap) -> Result<()> {
        let writing = || format!("writing {}", self.path.display());
        if offset == 0 {
            let _ = fs::remove_file(self.note());
        }
        self.file.set_len(offset).with_context(writing)?;
        self.file.seek(SeekFrom::Start(offset)).with_context(writing)?;
        self.resumed = offset > 0;
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(ToString::to_string);
        // A weak tag does not promise the same bytes.
        let tag = text(header::ETAG).filter(|tag| tag.starts_with('"'));
        let origin = Origin { url: url.to_string(), version: tag.or_else(|| text(header::LAST_MODIFIED)) };
        fs::write(self.note(), serde_json::to_vec(&origin)?).with_context(writing)
    }
}

/// Asks `url` for what `part` lacks. The file has at most `limit` bytes.
pub(super) fn fetch(
    agent: &Agent,
    url: &str,
    part: &mut Part,
    limit: u64,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let (offset, version) = part.of(url)?;
    let mut request = agent.get(url).header(header::ACCEPT_ENCODING, "identity");
    if offset > 0 {
        request = request.header(header::RANGE, format!("bytes={offset}-"));
        if let Some(version) = version {
            request = request.header(header::IF_RANGE, version);
        }
    }
    let response = request.call().map_err(unanswered)?;
    let offset = match response.status() {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT if goes_on(&response, offset) => offset,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            part.clear()?;
            let range = response.headers().get(header::CONTENT_RANGE);
            let message = format!("{}, range {range:?}, asked for byte {offset} on", response.status());
            return Err(Failure::Passing(message));
        }
        status if passing(status) => return Err(Failure::Passing(status.to_string())),
        status => return Err(Failure::Lasting(status.to_string())),
    };
    part.begin(url, offset, response.headers())?;
    receive(response, part, offset, limit, bar)
}

/// Whether a partial answer begins where ours ends.
fn goes_on(response: &Response<Body>, offset: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok());
    offset > 0 && first == Some(offset)
}

fn passing(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

fn unanswered(error: ureq::Error) -> Failure {
    use ureq::Error::{ConnectionFailed, HostNotFound, Io, Timeout, TooManyRedirects};
    let message = error.to_string();
    match error {
        HostNotFound | ConnectionFailed => Failure::Unreachable(message),
        Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => Failure::Unreachable(message),
        Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable => Failure::Unreachable(message),
            // What the system says of a name it cannot resolve has no kind of its own.
            _ if message.contains("lookup address") => Failure::Unreachable(message),
            _ => Failure::Passing(message),
        },
        Timeout(_) => Failure::Passing(message),
        TooManyRedirects => Failure::Lasting(message),
        _ => Failure::Lasting(message),
    }
}

/// Writes the body behind the `offset` bytes that are there.
fn receive(
    response: Response<Body>,
    part: &mut Part,
    offset: u64,
    limit: u64,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let length = response.body().content_length();
    let claimed = length.map(|length| offset.saturating_add(length));
    if claimed.is_some_and(|claimed| claimed > limit) {
        part.clear()?;
        let message = format!("{} bytes, more than the file can have", claimed.unwrap_or_default());
        return Err(Failure::Lasting(message));
    }
    claimed.into_iter().for_each(|claimed| bar.set_length(claimed));
    bar.set_position(offset);
    bar.reset_eta();
    let (mut body, mut at) = (response.into_body().into_reader(), offset);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::Passing(format!("{error} after {at} bytes"))),
        };
        at += n as u64;
        if at > limit {
            part.clear()?;
            return Err(Failure::Lasting(format!("more than {limit} bytes, more than the file can have")));
        }
        part.file.write_all(&buffer[..n]).with_context(|| format!("writing {}", part.path.display()))?;
        bar.set_position(at);
    }
    match claimed {
        Some(claimed) if at < claimed => {
            Err(Failure::Passing(format!("ended after {at} of {claimed} bytes")))
        }
        _ => Ok(()),
    }
}
