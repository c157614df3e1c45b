//! The key of an entry.
//!
//! BLAKE3 in key derivation mode (context `"nuka seed-runtime module cache 1"`) of, in this order: the module's id (32
//! bytes), the tier (one byte: 0 quick, 2 optimised), and the engine's compatibility hash for that tier (32
//! bytes), which covers the engine's version, its configuration, the target and the features of the CPU. What is done
//! to a module before it is compiled is in none of those: a change of that takes another byte for the tier. (1 was
//! optimised before jumps were threaded.)

use crate::{
    engine::Engine,
    error::Error,
    module::{ModuleId, Tier},
};

pub(super) fn key(engine: &Engine, id: ModuleId, tier: Tier) -> Result<[u8; 32], Error> {
    let mut hasher = blake3::Hasher::new_derive_key("nuka seed-runtime module cache 1");
    hasher.update(&id.0);
    hasher.update(&[match tier {
        Tier::Quick => 0,
        Tier::Optimised => 2,
    }]);
    hasher.update(&engine.compatibility(tier)?);
    Ok(*hasher.finalize().as_bytes())
}
