//! The index of Python packages where neither uv nor pip is told of one: the constant that uv itself has.
//!
//! The crate that defines it, uv-distribution-types, brings some two hundred others with it, far too many to
//! compile for one address. So its source is fetched like any other, by the hash that stands here, and the constant
//! is read from it: once, and only when a Python package is wanted and nothing is configured. Other crates with
//! such a constant keep it private, or are not kept up.

use super::{Found, cargo::Crates};
use crate::fetch::{
    FetchError, Progress,
    error::{Ecosystem, parse_url},
    net::Client,
};
use nuka_pir::SourceHash;
use std::io::Read;
use url::Url;

const CRATE: &str = "uv-distribution-types";
const VERSION: &str = "0.0.72";
const HASH: &str = "sha256:0a8bec8966076e2fbaeb761556ee71d446e886497acaa9a9f21a2649f6e3f641";
/// The item whose initialiser holds the address.
const ITEM: &str = "static PYPI_URL:";
/// Most bytes of the unpacked crate that are looked at: it has 1 MB.
const LONGEST: u64 = 16 << 20;

/// The address that uv takes for the main index.
pub(crate) fn index(
    client: &Client,
    crates: &Crates,
    progress: &dyn Fn(Progress),
) -> Result<Url, FetchError> {
    let hash: Option<SourceHash> = HASH.parse().ok();
    let path = match crates.wanted(client, CRATE, VERSION, hash)? {
        Found::File(path) => path,
        Found::Web(mut wanted) => {
            wanted.what = format!("the address of the default Python index (crate:{CRATE}@{VERSION})");
            client.download(&wanted, progress)?.path
        }
    };
    let file = fs_err::File::open(&path).map_err(FetchError::io(&path))?;
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file)
        .take(LONGEST)
        .read_to_end(&mut bytes)
        .map_err(FetchError::io(&path))?;
    let text = constant(&String::from_utf8_lossy(&bytes)).ok_or_else(|| FetchError::Configuration {
        ecosystem: Ecosystem::Python,
        place: path.display().to_string(),
        reason: "it does not define the address".to_owned(),
    })?;
    let mut url = parse_url(&text)?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// The first text literal after the item's name.
fn constant(source: &str) -> Option<String> {
    let after = source.split_once(ITEM)?.1;
    let literal = after.split_once('"')?.1;
    Some(literal.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constant_is_read_as_it_is_written() {
        let source = "pub static PYPI_URL: Lazy<U> =\n  Lazy::new(|| U::parse(\"https://index.test/simple\").unwrap());";
        assert_eq!(constant(source).as_deref(), Some("https://index.test/simple"));
        assert_eq!(constant("nothing"), None);
        assert!(HASH.parse::<SourceHash>().is_ok());
    }
}
