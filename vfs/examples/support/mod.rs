//! Files to measure with.

#![allow(clippy::unwrap_used)]

use std::{fs, io::Write, path::Path};

/// Where a file is below its root.
pub fn place_of(number: u64) -> String {
    format!("d{}/e{}/f{number}", number / 160, number / 8)
}

/// Files of this many bytes together, with lengths spread around their mean, like sources.
pub fn generate(root: &Path, files: u64, bytes: u64) {
    let mean = bytes / files;
    let mut random = blake3::Hasher::new().update(root.as_os_str().as_encoded_bytes()).finalize_xof();
    let mut buffer = vec![0; 1 << 20];
    for file in 0..files {
        let path = root.join(place_of(file));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut left = if files == 1 { bytes } else { mean * (1 + file * 7919 % 199) / 100 };
        let mut out = fs::File::create(path).unwrap();
        while left > 0 {
            let count = left.min(buffer.len() as u64);
            let part = &mut buffer[..usize::try_from(count).unwrap()];
            random.fill(part);
            out.write_all(part).unwrap();
            left -= count;
        }
    }
}
