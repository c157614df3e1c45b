//! Random numbers that follow from a seed.
//!
//! The stream is the extendable output of BLAKE3 in key derivation mode, with the context
//! `"nuka seed-runtime random 1"` and the process's 32-byte seed as key material. Each call takes the next bytes.

use super::{Call, Fault};

/// The generator of one process.
pub(crate) struct Random(blake3::OutputReader);

impl Random {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("nuka seed-runtime random 1");
        hasher.update(seed);
        Self(hasher.finalize_xof())
    }
}

pub(super) fn random_get(call: &mut Call<'_>, buffer: u32, length: u32) -> Result<(), Fault> {
    call.state.random.0.fill(call.memory.bytes_mut(buffer, length)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_pinned() {
        let mut random = Random::new(&[0; 32]);
        let mut bytes = [0; 16];
        random.0.fill(&mut bytes);
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(text, "990748310fa83753920a35e9b69b138d");
        let mut other = [0; 16];
        Random::new(&[1; 32]).0.fill(&mut other);
        assert_ne!(bytes, other);
    }
}
