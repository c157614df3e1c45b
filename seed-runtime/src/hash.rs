//! Plain BLAKE3, on as many cores as the size is worth.

/// From this size on, waking other threads costs less than it saves.
const PARALLEL_FROM: usize = 1 << 20;

/// Plain BLAKE3 of `bytes`.
pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    update(blake3::Hasher::new(), bytes)
}

/// BLAKE3 of `bytes` under a key: equal bytes under different keys have different hashes.
pub(crate) fn keyed_hash(key: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    update(blake3::Hasher::new_keyed(key), bytes)
}

fn update(mut hasher: blake3::Hasher, bytes: &[u8]) -> [u8; 32] {
    if bytes.len() >= PARALLEL_FROM {
        hasher.update_rayon(bytes);
    } else {
        hasher.update(bytes);
    }
    *hasher.finalize().as_bytes()
}
