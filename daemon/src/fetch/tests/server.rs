//! An HTTP server that does what a test tells it, and remembers what it was asked.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// What was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    headers: Vec<(String, String)>,
    /// How often this path was asked before.
    pub(super) before: usize,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first byte of a `Range: bytes=N-`.
    pub(super) fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
    }
}

/// One thing that the server does with a connection.
#[derive(Debug, Clone)]
pub(super) enum Do {
    Send(Vec<u8>),
    Wait(Duration),
    /// Sends these bytes one by one with this pause.
    Drip(Vec<u8>, Duration),
}

/// What the server does; the connection is closed after it.
pub(super) type Answer = Vec<Do>;

/// An answer with a status line, headers and a body, honestly told.
pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    vec![Do::Send(head(status, headers, body.len())), Do::Send(body.to_vec())]
}

pub(super) fn head(status: u16, headers: &[(&str, &str)], length: usize) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Serves bytes as a good server does: with an entity tag, and parts where parts are asked for.
pub(super) fn serve(asked: &Asked, body: &[u8], tag: &str) -> Answer {
    let tag = format!("\"{tag}\"");
    let current = asked.header("if-range").is_none_or(|wanted| wanted == tag);
    match asked.from().filter(|_| current) {
        Some(from) if from >= body.len() => {
            answer(416, &[("Content-Range", &format!("bytes */{}", body.len()))], b"")
        }
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
            answer(206, &[("ETag", &tag), ("Content-Range", &range)], &body[from..])
        }
        None => answer(200, &[("ETag", &tag)], body),
    }
}

pub(super) fn missing() -> Answer {
    answer(404, &[], b"not here")
}

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;

pub(super) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn new(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let handler: Arc<Handler> = Arc::new(handler);
        let (log, end) = (asked.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), handler, log) = (stream, handler.clone(), log.clone()) else { continue };
                std::thread::spawn(move || serve_one(stream, &*handler, &log));
            }
        });
        Self { port, asked, stop, thread: Some(thread) }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// All that was asked so far, in order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The paths that were asked for, in order.
    pub(super) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve_one(mut stream: TcpStream, handler: &Handler, log: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line.trim_end().is_empty() => break,
            Ok(_) => lines.push(line.trim_end().to_owned()),
        }
    }
    let mut first = lines.first().cloned().unwrap_or_default();
    first.push_str("  ");
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let headers = lines.iter().skip(1).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    let asked = {
        let mut log = log.lock().unwrap();
        let before = log.iter().filter(|asked| asked.path == path).count();
        log.push(Asked { method, path, headers: headers.collect(), before });
        log.last().unwrap().clone()
    };
    for action in handler(&asked) {
        let result = match action {
            // The body of an answer to HEAD is not sent: it is what follows the first part.
            Do::Send(bytes) if asked.method == "HEAD" => {
                let _ = stream.write_all(&bytes);
                return;
            }
            Do::Send(bytes) => stream.write_all(&bytes),
            Do::Wait(time) => {
                std::thread::sleep(time);
                Ok(())
            }
            Do::Drip(bytes, pause) => bytes.iter().try_for_each(|byte| {
                std::thread::sleep(pause);
                stream.write_all(&[*byte])
            }),
        };
        if result.is_err() {
            return;
        }
    }
}
