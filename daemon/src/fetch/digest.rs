//! Hashing a download as it is written, with the algorithm that its source names.

use nuka_pir::SourceHash;
use sha2::Digest as _;
use std::{
    io::{self, Read},
    path::Path,
};

/// Bytes read from a file at a time.
const CHUNK: usize = 1 << 17;

/// Which hash of the bytes is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha256,
    Sha512,
    Blake3,
}

impl Algorithm {
    /// The algorithm of a hash.
    pub(crate) fn of(hash: &SourceHash) -> Self {
        match hash {
            SourceHash::Sha256(_) => Self::Sha256,
            SourceHash::Sha512(_) => Self::Sha512,
            SourceHash::Blake3(_) => Self::Blake3,
        }
    }
}

/// A running hash.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// A hash of nothing yet.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
            Algorithm::Blake3 => Self::Blake3(Box::default()),
        }
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
        }
    }

    /// The hash of all bytes taken.
    pub(crate) fn finish(self) -> SourceHash {
        match self {
            Self::Sha256(hasher) => SourceHash::Sha256(hasher.finalize().into()),
            Self::Sha512(hasher) => SourceHash::Sha512(hasher.finalize().into()),
            Self::Blake3(hasher) => SourceHash::Blake3(*hasher.finalize().as_bytes()),
        }
    }

    /// Takes everything that a reader gives; returns how much that was.
    pub(crate) fn read(&mut self, reader: &mut impl Read) -> io::Result<u64> {
        let mut buffer = vec![0; CHUNK];
        let mut total = 0;
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.update(buffer.get(..count).unwrap_or_default());
            total += count as u64;
        }
    }
}

/// A file's BLAKE3, SHA-256 and SHA-512, found in one reading.
///
/// # Errors
/// Those of reading the file.
pub fn hash_file(path: &Path) -> io::Result<[SourceHash; 3]> {
    let mut file = fs_err::File::open(path)?;
    let mut hashers = [Algorithm::Blake3, Algorithm::Sha256, Algorithm::Sha512].map(Hasher::new);
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hashers.map(Hasher::finish)),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                hashers.iter_mut().for_each(|hasher| hasher.update(bytes));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_published_ones() {
        for (algorithm, expected) in [
            (Algorithm::Sha256, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                Algorithm::Sha512,
                "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==",
            ),
            (Algorithm::Blake3, "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
        ] {
            let mut hasher = Hasher::new(algorithm);
            assert_eq!(hasher.read(&mut "abc".as_bytes()).unwrap(), 3);
            let hash = hasher.finish();
            assert_eq!(hash.to_string(), expected);
            assert_eq!(Algorithm::of(&hash), algorithm);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), "abc").unwrap();
        let [blake3, sha256, sha512] = hash_file(file.path()).unwrap();
        assert!(blake3.to_string().starts_with("blake3:6437b3ac"));
        assert!(sha256.to_string().starts_with("sha256:ba7816bf"));
        assert!(sha512.to_string().starts_with("sha512-3a81oZNh"));
    }
}
