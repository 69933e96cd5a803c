//! A small HTTP server that can misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers as it should, ranges included.
    Serve,
    /// Answers with the whole file, whatever was asked for.
    IgnoreRange,
    /// Promises everything, sends so many bytes, and closes.
    Truncate(usize),
    /// The same without a promise.
    TruncateUnannounced(usize),
    /// Sends so many bytes and resets the connection.
    Reset(usize),
    /// Sends so many bytes and then nothing for a long time.
    Stall(usize),
    /// Accepts, and never answers.
    Silence,
    /// Sends so many bytes at a time, with a pause of 10 ms.
    Slow(usize),
    /// Sends other bytes of the right length.
    Corrupt,
    /// Sends these bytes as the file.
    Other(Vec<u8>),
    /// Promises so many bytes.
    Claim(u64),
    /// Answers with a status and no file.
    Status(u16),
    /// Answers a range, but another one than was asked for.
    WrongRange,
    /// Sends the client to this address.
    Redirect(String),
    /// Sends what is no HTTP.
    Garbage,
}

pub(crate) struct Server {
    pub(crate) url: String,
    /// The first byte of each request's range.
    ranges: Arc<Mutex<Vec<Option<u64>>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `content` under every name. Each request gets the next act; the last one is for all that follow.
    pub(crate) fn start(content: &[u8], acts: &[Act]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mnist/", listener.local_addr().unwrap());
        let (ranges, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (content, acts) = (content.to_vec(), acts.to_vec());
        let (log, stopped) = (Arc::clone(&ranges), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let act = acts[number.min(acts.len() - 1)].clone();
                // A client that goes away is no failure of the server.
                let _ = answer(stream.unwrap(), &content, &act, &log);
            }
        });
        Server { url, ranges, stop, thread: Some(thread) }
    }

    pub(crate) fn ranges(&self) -> Vec<Option<u64>> {
        self.ranges.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let address = self.url.trim_start_matches("http://").split('/').next().unwrap().to_string();
        let _ = TcpStream::connect(address);
        let _ = self.thread.take().unwrap().join();
    }
}

fn answer(
    stream: TcpStream,
    content: &[u8],
    act: &Act,
    log: &Mutex<Vec<Option<u64>>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(1, stream.try_clone()?);
    let mut stream = stream;
    let mut range = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(from) = line.to_lowercase().strip_prefix("range: bytes=") {
            range = from.trim().trim_end_matches('-').parse().ok();
        }
        // What is left unread when a connection is closed makes it a reset.
        if matches!(act, Act::Reset(_)) && line.to_lowercase().starts_with("host:") {
            break;
        }
    }
    log.lock().unwrap().push(range);
    let whole = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nETag: \"v1\"\r\nContent-Length: {length}\r\n\r\n")
    };
    match act {
        Act::Serve | Act::Slow(_) => {
            let (head, body) = match range {
                Some(from) if (from as usize) < content.len() => {
                    let (last, all) = (content.len() - 1, content.len());
                    let body = &content[from as usize..];
                    let head = format!(
                        "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nETag: \"v1\"\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{last}/{all}\r\n\r\n",
                        body.len()
                    );
                    (head, body)
                }
                Some(_) => (
                    "HTTP/1.1 416 Range Not Satisfiable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                        .into(),
                    &b""[..],
                ),
                None => (whole(content.len()), content),
            };
            stream.write_all(head.as_bytes())?;
            let Act::Slow(step) = act else { return stream.write_all(body) };
            for piece in body.chunks(*step) {
                stream.write_all(piece)?;
                sleep(Duration::from_millis(10));
            }
            Ok(())
        }
        Act::IgnoreRange => {
            stream.write_all(whole(content.len()).as_bytes())?;
            stream.write_all(content)
        }
        Act::Truncate(n) | Act::Reset(n) => {
            stream.write_all(whole(content.len()).as_bytes())?;
            stream.write_all(&content[..*n])?;
            // Let it arrive before the connection goes.
            sleep(Duration::from_millis(50));
            Ok(())
        }
        Act::TruncateUnannounced(n) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&content[..*n])
        }
        Act::Stall(n) => {
            stream.write_all(whole(content.len()).as_bytes())?;
            stream.write_all(&content[..*n])?;
            wait_for_hang_up(&mut reader)
        }
        Act::Silence => wait_for_hang_up(&mut reader),
        Act::Corrupt => {
            let mut other = content.to_vec();
            let middle = other.len() / 2;
            other[middle] ^= 1;
            stream.write_all(whole(other.len()).as_bytes())?;
            stream.write_all(&other)
        }
        Act::Other(other) => {
            stream.write_all(whole(other.len()).as_bytes())?;
            stream.write_all(other)
        }
        Act::Claim(length) => {
            stream.write_all(
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
                    .as_bytes(),
            )?;
            stream.write_all(content)
        }
        Act::Status(status) => stream.write_all(
            format!("HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").as_bytes(),
        ),
        Act::WrongRange => {
            let last = content.len() - 1;
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: {}\r\nContent-Range: bytes 1-{last}/{}\r\n\r\n",
                content.len() - 1,
                content.len()
            );
            stream.write_all(head.as_bytes())?;
            stream.write_all(&content[1..])
        }
        Act::Redirect(to) => stream.write_all(
            format!("HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
                .as_bytes(),
        ),
        Act::Garbage => stream.write_all(b"\x00\x01\x02 this is no HTTP\r\n\r\n"),
    }
}

/// Until the client closes the connection; none waits for this long.
fn wait_for_hang_up(reader: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    reader.get_ref().set_read_timeout(Some(Duration::from_secs(30)))?;
    reader.read(&mut [0]).map(drop)
}
