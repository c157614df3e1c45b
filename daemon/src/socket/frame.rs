//! Frames: a kind, a body, and open files.
//!
//! ```text
//! kind         1 byte: see `Kind`
//! descriptors  1 byte: how many open files come with the frame, as SCM_RIGHTS of its first byte
//! zero         2 bytes
//! length       4 bytes, little-endian: of the body
//! body         JSON
//! ```

use rustix::{
    fd::{AsFd as _, OwnedFd},
    io::{Errno, retry_on_intr},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io::{self, IoSlice, IoSliceMut, Read as _, Write as _},
    mem::MaybeUninit,
    os::{fd::BorrowedFd, unix::net::UnixStream},
};

/// Open files with one frame, at most.
const MAX_DESCRIPTORS: usize = 64;
/// Bytes before the body.
const HEADER: usize = 8;
/// Bytes of a question's body, at most.
pub const MAX_QUESTION: usize = 64 << 20;
/// Bytes of an answer's body, at most.
pub const MAX_ANSWER: usize = 1 << 30;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A client's first message.
    Hello = 1,
    /// The daemon's first message.
    Welcome = 2,
    /// A request.
    Question = 3,
    /// Something happened meanwhile.
    Event = 4,
    /// What was asked for.
    Answer = 5,
    /// Why it cannot be had.
    Fault = 6,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Hello, Self::Welcome, Self::Question, Self::Event, Self::Answer, Self::Fault]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// A frame that came.
#[derive(Debug)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// JSON.
    pub body: Vec<u8>,
    /// The open files that came with it.
    pub descriptors: Vec<OwnedFd>,
}

/// Why there is no frame, or not the one that was expected.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side has closed the socket.
    #[error("the other side has gone away")]
    Closed,
    /// The socket.
    #[error("the socket: {0}")]
    Io(#[from] io::Error),
    /// What came is no frame.
    #[error("what came over the socket is not nuka's: {0}")]
    Malformed(&'static str),
    /// A body that is too long.
    #[error("a message of {length} bytes is more than the {most} that are taken")]
    TooLong {
        /// Its length.
        length: usize,
        /// The limit.
        most: usize,
    },
    /// A body that is not what its kind says.
    #[error("a message cannot be read: {0}")]
    Body(#[from] serde_json::Error),
}

/// One end of a socket.
#[derive(Debug)]
pub struct Link(UnixStream);

impl Link {
    /// Over this stream.
    pub fn new(stream: UnixStream) -> Self {
        Self(stream)
    }

    /// The stream.
    pub fn stream(&self) -> &UnixStream {
        &self.0
    }

    /// The stream itself.
    pub fn into_stream(self) -> UnixStream {
        self.0
    }

    /// A second handle on the same end: one thread may read while another writes.
    ///
    /// # Errors
    /// If there are no more descriptors.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// If the other side is gone, does not read, or the message is too long.
    pub fn send(&self, kind: Kind, body: &impl Serialize, open: &[BorrowedFd<'_>]) -> Result<(), FrameError> {
        let mut bytes = vec![0; HEADER];
        serde_json::to_writer(&mut bytes, body)?;
        self.send_bytes(kind, bytes, open)
    }

    /// The same of a body that was made before; `bytes` begin with room for the header.
    fn send_bytes(&self, kind: Kind, mut bytes: Vec<u8>, open: &[BorrowedFd<'_>]) -> Result<(), FrameError> {
        let length = bytes.len() - HEADER;
        let most = if kind == Kind::Answer { MAX_ANSWER } else { MAX_QUESTION };
        let too_long = FrameError::TooLong { length, most };
        let (Ok(short), true) = (u32::try_from(length), length <= most) else { return Err(too_long) };
        let count = u8::try_from(open.len()).unwrap_or(u8::MAX);
        if usize::from(count) > MAX_DESCRIPTORS {
            return Err(FrameError::Malformed("too many open files"));
        }
        let header = [[kind as u8, count, 0, 0], short.to_le_bytes()].concat();
        if let Some(place) = bytes.first_chunk_mut::<HEADER>() {
            place.copy_from_slice(&header);
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !open.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(open)) {
            return Err(FrameError::Malformed("too many open files"));
        }
        let flags = SendFlags::NOSIGNAL;
        let sent = retry_on_intr(|| sendmsg(self.0.as_fd(), &[IoSlice::new(&bytes)], &mut ancillary, flags));
        let sent = sent.map_err(gone)?;
        // The open files went with the first bytes.
        (&self.0).write_all(bytes.get(sent..).unwrap_or_default()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => FrameError::Closed,
            _ => error.into(),
        })
    }

    /// Waits for a frame, whose body has at most `most` bytes.
    ///
    /// # Errors
    /// [`FrameError::Closed`] where a frame could begin and nothing comes any more; otherwise what is wrong with it.
    pub fn receive(&self, most: usize) -> Result<Frame, FrameError> {
        let mut header = [0; HEADER];
        let (mut filled, mut descriptors) = (0, Vec::new());
        while filled < HEADER {
            let rest = header.get_mut(filled..).unwrap_or_default();
            match self.receive_some(rest, &mut descriptors)? {
                0 if filled == 0 => return Err(FrameError::Closed),
                0 => return Err(FrameError::Malformed("it ends in the middle of a message")),
                count => filled += count,
            }
        }
        let [kind, count, zero @ .., a, b, c, d] = header;
        let kind = Kind::of(kind).ok_or(FrameError::Malformed("an unknown kind of message"))?;
        if zero != [0, 0] {
            return Err(FrameError::Malformed("the header"));
        }
        if usize::from(count) != descriptors.len() {
            return Err(FrameError::Malformed("the open files are not as many as it says"));
        }
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > most {
            return Err(FrameError::TooLong { length, most });
        }
        // Memory is taken as the bytes come, not as the header promises.
        let mut body = Vec::new();
        (&self.0).take(length as u64).read_to_end(&mut body)?;
        if body.len() != length {
            return Err(FrameError::Malformed("it ends in the middle of a message"));
        }
        Ok(Frame { kind, body, descriptors })
    }

    fn receive_some(&self, into: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> Result<usize, FrameError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = loop {
            match recvmsg(self.0.as_fd(), &mut [IoSliceMut::new(into)], &mut ancillary, flags) {
                Err(Errno::INTR) => {}
                result => break result.map_err(gone)?,
            }
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(open) = message {
                descriptors.extend(open);
            }
        }
        Ok(received.bytes)
    }
}

fn gone(error: Errno) -> FrameError {
    match error {
        Errno::PIPE | Errno::CONNRESET => FrameError::Closed,
        error => FrameError::Io(error.into()),
    }
}

impl Frame {
    /// The body as what it should be.
    ///
    /// # Errors
    /// If it is something else.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::File, io::Seek as _};

    fn pair() -> (Link, Link) {
        let (one, other) = UnixStream::pair().unwrap();
        (Link::new(one), Link::new(other))
    }

    #[test]
    fn a_frame_arrives_with_its_open_files() {
        let (one, other) = pair();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"inside").unwrap();
        file.rewind().unwrap();
        one.send(Kind::Question, &"body", &[file.as_fd()]).unwrap();
        one.send(Kind::Event, &1, &[]).unwrap();
        drop(one);
        let frame = other.receive(MAX_QUESTION).unwrap();
        assert_eq!((frame.kind, frame.read::<String>().unwrap().as_str()), (Kind::Question, "body"));
        let mut text = String::new();
        File::from(frame.descriptors.into_iter().next().unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "inside");
        assert_eq!(other.receive(9).unwrap().read::<u8>().unwrap(), 1);
        assert!(matches!(other.receive(9), Err(FrameError::Closed)));
    }

    #[test]
    fn large_bodies_go_through_a_small_socket() {
        let (one, other) = pair();
        let text = "x".repeat(3 << 20);
        std::thread::scope(|scope| {
            scope.spawn(|| one.send(Kind::Answer, &text, &[]).unwrap());
            assert_eq!(other.receive(MAX_ANSWER).unwrap().read::<String>().unwrap().len(), text.len());
        });
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let header = |kind: u8, count: u8, zero: u8, length: u32| {
            [[kind, count, zero, 0], length.to_le_bytes()].concat()
        };
        for (bytes, wanted) in [
            (header(0, 0, 0, 0), "an unknown kind"),
            (header(99, 0, 0, 0), "an unknown kind"),
            (header(3, 0, 1, 0), "the header"),
            (header(3, 1, 0, 0), "the open files"),
            (header(3, 0, 0, u32::MAX), "more than"),
            (header(3, 0, 0, 5), "the middle"),
            (vec![3, 0], "the middle"),
        ] {
            let (one, other) = pair();
            (&one.0).write_all(&bytes).unwrap();
            drop(one);
            let error = other.receive(100).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
