//! Decompression, chosen by the first bytes: gzip, bzip2, xz, zstd, or none.

use super::{
    bounded::{Bounded, Counted},
    error::ImportError,
    options::Limits,
};
use lzma_rust2::XzReader;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use std::io::{self, BufRead, BufReader, Read};

/// Bytes that are read from an archive at a time.
const INPUT: usize = 256 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

fn compression(start: &[u8]) -> Option<Compression> {
    const MAGICS: [(&[u8], Compression); 4] = [
        (b"\x1f\x8b", Compression::Gzip),
        (b"BZh", Compression::Bzip2),
        (b"\xfd7zXZ\0", Compression::Xz),
        (b"\x28\xb5\x2f\xfd", Compression::Zstd),
    ];
    MAGICS.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, compression)| *compression)
}

/// Whether data that begins so is compressed.
pub(super) fn is_compressed(start: &[u8]) -> bool {
    compression(start).is_some()
}

/// Reads what `reader` holds, decompressed if it is compressed, within the limits.
pub(super) fn open<'r>(
    mut reader: impl Read + 'r,
    limits: &Limits,
) -> Result<Bounded<Box<dyn Read + 'r>>, ImportError> {
    let mut start = Vec::with_capacity(6);
    reader.by_ref().take(6).read_to_end(&mut start)?;
    let found = compression(&start);
    let (counted, count) = Counted::new(io::Cursor::new(start).chain(reader));
    let input = BufReader::with_capacity(INPUT, counted);
    let inner: Box<dyn Read + 'r> = match found {
        None => return Ok(Bounded::plain(Box::new(input), limits)),
        Some(Compression::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Some(Compression::Bzip2) => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Some(Compression::Xz) => {
            let memory = u32::try_from(limits.window / 1024).unwrap_or(u32::MAX - 1);
            Box::new(XzReader::new_mem_limit(input, true, memory))
        }
        Some(Compression::Zstd) => Box::new(Zstd { state: State::Between(input), window: limits.window }),
    };
    Ok(Bounded::decoded(BufReader::with_capacity(INPUT, inner).boxed(), count, limits))
}

trait Boxed<'r> {
    fn boxed(self) -> Box<dyn Read + 'r>;
}

impl<'r, R: Read + 'r> Boxed<'r> for R {
    fn boxed(self) -> Box<dyn Read + 'r> {
        Box::new(self)
    }
}

/// All frames of a zstd stream, one after the other, each with its checksum compared.
struct Zstd<R: BufRead> {
    state: State<R>,
    window: u64,
}

enum State<R: BufRead> {
    Between(R),
    Within(R, Box<FrameDecoder>),
    Ended,
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Between(mut input) => {
                    if input.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    self.state = next_frame(input, self.window)?;
                }
                State::Within(mut input, mut decoder) => {
                    while decoder.can_collect() == 0 && !decoder.is_finished() {
                        decoder
                            .decode_blocks(&mut input, BlockDecodingStrategy::UptoBlocks(1))
                            .map_err(io::Error::other)?;
                    }
                    let count = decoder.read(buffer)?;
                    if count > 0 {
                        self.state = State::Within(input, decoder);
                        return Ok(count);
                    }
                    let (said, got) = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
                    if said.is_some() && said != got {
                        let text = "a zstd frame's checksum is not right";
                        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                    }
                    self.state = State::Between(input);
                }
            }
        }
    }
}

/// Reads the header of the next frame; one that is to be skipped is skipped.
fn next_frame<R: BufRead>(mut input: R, window: u64) -> io::Result<State<R>> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(window);
    match decoder.init(&mut input) {
        Ok(()) => Ok(State::Within(input, Box::new(decoder))),
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            let skipped = io::copy(&mut input.by_ref().take(length.into()), &mut io::sink())?;
            if skipped == u64::from(length) {
                Ok(State::Between(input))
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
        Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}
