//! A reader that stops at the limits: bytes that come out, and their ratio to the bytes that went in.

use super::{
    error::{Limit, LimitMet},
    options::Limits,
};
use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Counts the bytes that are read.
pub(super) struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Counted<R> {
    pub(super) fn new(inner: R) -> (Self, Arc<AtomicU64>) {
        let count = Arc::new(AtomicU64::new(0));
        (Self { inner, count: Arc::clone(&count) }, count)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Reads `inner` within the limits; a panic in it is an error.
pub(super) struct Bounded<R> {
    inner: R,
    out: u64,
    compressed: Option<Arc<AtomicU64>>,
    limits: Limits,
    broken: bool,
}

impl<R: Read> Bounded<R> {
    /// Without compression there is no ratio.
    pub(super) fn plain(inner: R, limits: &Limits) -> Self {
        Self { inner, out: 0, compressed: None, limits: limits.clone(), broken: false }
    }

    /// `compressed` counts what went into the decoder `inner`.
    pub(super) fn decoded(inner: R, compressed: Arc<AtomicU64>, limits: &Limits) -> Self {
        Self { inner, out: 0, compressed: Some(compressed), limits: limits.clone(), broken: false }
    }

    fn check(&self) -> Result<(), LimitMet> {
        if self.out > self.limits.bytes {
            return Err(LimitMet(Limit::Bytes, self.limits.bytes));
        }
        if let Some(compressed) = &self.compressed
            && self.out >= self.limits.ratio_from
        {
            let compressed = compressed.load(Ordering::Relaxed).max(1);
            if self.out / compressed >= self.limits.ratio {
                return Err(LimitMet(Limit::Ratio, self.limits.ratio));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.broken {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        let read = crate::panics::catch(|| self.inner.read(buffer));
        let count = match read {
            Ok(Ok(count)) => count,
            Ok(Err(error)) => {
                self.broken = error.kind() != io::ErrorKind::Interrupted;
                return Err(error);
            }
            Err(message) => {
                self.broken = true;
                let text = format!("its compressed data makes the decoder fail: {message}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        };
        self.out += count as u64;
        self.check().map_err(io::Error::other)?;
        Ok(count)
    }
}
