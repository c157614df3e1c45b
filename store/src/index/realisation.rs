//! Realisations: what a package's build gave, by PID and by build id.
//!
//! ```text
//! outputs     = count:u16 (name-length:u32 name cid:32 size:u64 count:u64)*    in the order of the names
//! realisation = version:u8=1 build:32 time:u64 duration:u64 outputs
//! result      = version:u8=1 time:u64 duration:u64 outputs
//! ```

use crate::{
    directory::Tree,
    wire::{Decoder, Encode, WireError},
};
use nuka_pir::{BuildId, Cid, OutputName};
use std::collections::BTreeMap;

const VERSION: u8 = 1;

/// What a build gave: a tree for each output.
pub type Outputs = BTreeMap<OutputName, Tree>;

/// What a package became: by which build, with which outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realisation {
    /// The build that made it.
    pub build: BuildId,
    /// Its outputs.
    pub outputs: Outputs,
    /// When it was registered, in milliseconds since 1970.
    pub time_ms: u64,
    /// How long the build took, in milliseconds.
    pub duration_ms: u64,
}

/// What a build gave, whichever packages asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildResult {
    /// Its outputs.
    pub outputs: Outputs,
    /// When it ended, in milliseconds since 1970.
    pub time_ms: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

fn put_outputs(out: &mut Vec<u8>, outputs: &Outputs) {
    out.put_u16(u16::try_from(outputs.len()).unwrap_or(u16::MAX));
    for (name, tree) in outputs {
        out.put_bytes(name.as_str().as_bytes());
        out.extend_from_slice(tree.cid.as_bytes());
        out.put_u64(tree.size);
        out.put_u64(tree.count);
    }
}

fn take_outputs(decoder: &mut Decoder<'_>) -> Result<Outputs, WireError> {
    let mut outputs = Outputs::new();
    for _ in 0..decoder.u16("number of outputs")? {
        let field = "output's name";
        let name = OutputName::new(decoder.text(field)?).map_err(|_| WireError::Invalid { field })?;
        let cid = Cid::from_bytes(decoder.array("output's CID")?);
        let tree = Tree { cid, size: decoder.u64("output's size")?, count: decoder.u64("output's count")? };
        if outputs.last_key_value().is_some_and(|(last, _)| *last >= name) {
            return Err(WireError::Invalid { field });
        }
        outputs.insert(name, tree);
    }
    Ok(outputs)
}

impl Realisation {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.build.as_bytes());
        out.put_u64(self.time_ms);
        out.put_u64(self.duration_ms);
        put_outputs(&mut out, &self.outputs);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut decoder = Decoder::versioned(bytes, VERSION)?;
        let build = BuildId::from_bytes(decoder.array("build id")?);
        let (time_ms, duration_ms) = (decoder.u64("time")?, decoder.u64("duration")?);
        let outputs = take_outputs(&mut decoder)?;
        decoder.finish()?;
        Ok(Self { build, outputs, time_ms, duration_ms })
    }
}

impl BuildResult {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.put_u64(self.time_ms);
        out.put_u64(self.duration_ms);
        put_outputs(&mut out, &self.outputs);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut decoder = Decoder::versioned(bytes, VERSION)?;
        let (time_ms, duration_ms) = (decoder.u64("time")?, decoder.u64("duration")?);
        let outputs = take_outputs(&mut decoder)?;
        decoder.finish()?;
        Ok(Self { outputs, time_ms, duration_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Realisation {
        let tree = |byte| Tree { cid: Cid::from_bytes([byte; 32]), size: 7, count: 2 };
        let outputs =
            [("dev", 1), ("out", 2)].map(|(name, byte)| (OutputName::new(name).unwrap(), tree(byte)));
        Realisation {
            build: BuildId::from_bytes([9; 32]),
            outputs: outputs.into(),
            time_ms: 5,
            duration_ms: 6,
        }
    }

    #[test]
    fn the_encoding_is_pinned_and_strict() {
        let bytes = sample().encode();
        assert_eq!(bytes.len(), 1 + 32 + 16 + 2 + 2 * (4 + 3 + 32 + 16));
        assert_eq!(&bytes[33..53], [5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0]);
        assert_eq!(Realisation::decode(&bytes).unwrap(), sample());
        for cut in 0..bytes.len() {
            assert!(Realisation::decode(&bytes[..cut]).is_err());
        }
        let mut swapped = bytes.clone();
        swapped[55..58].copy_from_slice(b"zzz");
        assert_eq!(Realisation::decode(&swapped), Err(WireError::Invalid { field: "output's name" }));
        let mut newer = bytes;
        newer[0] = 2;
        assert_eq!(Realisation::decode(&newer), Err(WireError::Version { expected: 1, got: 2 }));
    }

    #[test]
    fn a_build_result_round_trips() {
        let Realisation { outputs, time_ms, duration_ms, .. } = sample();
        let result = BuildResult { outputs, time_ms, duration_ms };
        assert_eq!(BuildResult::decode(&result.encode()).unwrap(), result);
    }
}
