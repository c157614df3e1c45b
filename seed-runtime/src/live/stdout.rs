//! Standard output of a live program, which ends the program when nobody reads it any more.
//!
//! On a real system a program that writes to a closed pipe (`prog | head`) is ended by a signal. WASI has no
//! signals, and most programs would complain about the error instead; so here it ends the program too.

use std::io::{self, Write as _};

use bytes::Bytes;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

/// Bytes that may be written at once.
const PERMIT: usize = 1 << 20;

/// Nobody reads standard output any more.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
pub(super) struct PipeClosed;

/// This process's own standard output.
pub(super) struct Stdout;

impl IsTerminal for Stdout {
    fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(&io::stdout())
    }
}

impl StdoutStream for Stdout {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only preview 3 asks for it.
        io::stdout().async_stream()
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Stream)
    }
}

struct Stream;

fn result(result: io::Result<()>) -> StreamResult<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => StreamError::Trap(wasmtime::Error::new(PipeClosed)),
        _ => StreamError::LastOperationFailed(wasmtime::Error::new(error)),
    })
}

#[async_trait]
impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        result(io::stdout().write_all(&bytes))
    }

    fn flush(&mut self) -> StreamResult<()> {
        result(io::stdout().flush())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

#[async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}
