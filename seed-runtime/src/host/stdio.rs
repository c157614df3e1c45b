//! What a process writes to its two streams: kept, limited, and passed on as it comes.

use super::{Fault, Stop};
use crate::process::{Limits, Output, Stream};

/// The two captured streams of a process.
pub(crate) struct Streams {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    limits: (u64, u64),
    output: Option<Output>,
}

impl Streams {
    pub(crate) fn new(limits: &Limits, output: Option<Output>) -> Self {
        Self { stdout: Vec::new(), stderr: Vec::new(), limits: (limits.stdout, limits.stderr), output }
    }

    /// Keeps `bytes` and passes them on. Past the stream's limit the process is stopped; what fits is kept.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        let (kept, limit) = match stream {
            Stream::Stdout => (&mut self.stdout, self.limits.0),
            Stream::Stderr => (&mut self.stderr, self.limits.1),
        };
        let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(kept.len());
        let fits = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        kept.extend_from_slice(fits);
        if let (Some(output), false) = (&mut self.output, fits.is_empty()) {
            output(stream, fits);
        }
        if fits.len() < bytes.len() {
            return Err(Fault::Stop(Stop::TooMuchOutput(stream)));
        }
        Ok(())
    }
}
