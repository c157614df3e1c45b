//! Indexes as archives and apt keep them: plain, or packed with gzip, xz or lz4, told apart by their first bytes.

use std::io::{self, BufRead, BufReader, Read};

/// Reads an index unpacked.
pub(crate) fn unpacked<'a>(reader: impl Read + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut reader = BufReader::new(reader);
    let start = reader.fill_buf()?;
    Ok(match start {
        [0x1f, 0x8b, ..] => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(reader))),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            Box::new(BufReader::new(lzma_rust2::XzReader::new(reader, true)))
        }
        [0x04, 0x22, 0x4d, 0x18, ..] => Box::new(BufReader::new(lz4_flex::frame::FrameDecoder::new(reader))),
        _ => Box::new(reader),
    })
}
