//! Waiting for a server on a thread of its own, so that who waits can leave at any time.
//!
//! A name that is looked up, a connection that does not come to stand and a server that says nothing keep their thread
//! until patience is at its end. What they bring then is for nobody, and is dropped.

use nuka_store::Cancel;
use std::{
    io::{self, Read},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

/// How often who waits looks whether that is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// Bytes that are passed on at a time.
const CHUNK: usize = 1 << 17;

/// Does `work` and waits for its result; `None` if that is wanted no more, or no thread can be had.
pub(crate) fn wait<T: Send + 'static>(
    cancel: &Cancel,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // Who has left wants no result.
    let begun = spawn(move || drop(sender.send(work())));
    if begun.is_err() {
        return None;
    }
    next(&receiver, cancel)
}

/// Waits for a moment less than is asked for, if it is called off.
pub(crate) fn rest(cancel: &Cancel, pause: Duration) {
    let mut left = pause;
    while !left.is_zero() && !cancel.is_set() {
        let part = left.min(LOOK);
        thread::sleep(part);
        left -= part;
    }
}

fn next<T>(receiver: &Receiver<T>, cancel: &Cancel) -> Option<T> {
    loop {
        match receiver.recv_timeout(LOOK) {
            _ if cancel.is_set() => return None,
            Ok(value) => return Some(value),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("nuka-server".to_owned()).spawn(work).map(drop)
}

/// Reads what another thread reads.
pub(crate) struct Detached {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: io::Cursor<Vec<u8>>,
    ended: bool,
    cancel: Cancel,
}

impl Detached {
    /// Begins to read.
    ///
    /// # Errors
    /// If no thread can be had.
    pub(crate) fn new(mut reader: impl Read + Send + 'static, cancel: Cancel) -> io::Result<Self> {
        let (sender, chunks) = mpsc::sync_channel(2);
        spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = reader.read(&mut chunk).map(|count| {
                    chunk.truncate(count);
                    chunk
                });
                let ended = read.as_ref().map_or(true, Vec::is_empty);
                if sender.send(read).is_err() || ended {
                    return;
                }
            }
        })?;
        Ok(Self { chunks, chunk: io::Cursor::default(), ended: false, cancel })
    }
}

impl Read for Detached {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let count @ 1.. = self.chunk.read(buffer)? {
                return Ok(count);
            }
            if self.ended {
                return Ok(0);
            }
            let stopped = || io::Error::other("it was stopped before its end");
            let chunk = next(&self.chunks, &self.cancel).ok_or_else(stopped)??;
            self.ended = chunk.is_empty();
            self.chunk = io::Cursor::new(chunk);
        }
    }
}
