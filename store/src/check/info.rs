//! What is in the store, and what it saves that equal files are one object.

use crate::{error::StoreError, gc::Known, store::Store};
use nuka_pir::{PackageName, Pid, Version};
use rayon::prelude::*;

/// How large a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSize {
    /// Its id.
    pub pid: Pid,
    /// Its name and version, if they are known.
    pub name: Option<(PackageName, Version)>,
    /// The bytes of all its files, each time it has them.
    pub bytes: u64,
}

/// What is in the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreInfo {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Registered packages, realised or not.
    pub known_packages: u64,
    /// Realised packages, the largest first.
    pub packages: Vec<PackageSize>,
    /// Sources.
    pub sources: u64,
    /// The bytes of all files of all packages and sources and of all downloads, as they would be without sharing.
    pub unshared_bytes: u64,
}

impl StoreInfo {
    /// Bytes that sharing saves.
    pub fn saved_bytes(&self) -> u64 {
        self.unshared_bytes.saturating_sub(self.bytes)
    }

    /// How many bytes of trees there are for each byte stored. 1 in an empty store.
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn ratio(&self) -> f64 {
        if self.bytes == 0 { 1.0 } else { self.unshared_bytes as f64 / self.bytes as f64 }
    }
}

/// Looks at every object's length, and at the totals of every tree that the index knows.
pub fn info(store: &Store) -> Result<StoreInfo, StoreError> {
    let known = Known::read(store, false)?;
    let objects = &store.inner().objects;
    let sizes = objects.shards()?.into_par_iter().map(|shard| {
        store.cancel().check()?;
        let (mut count, mut bytes) = (0_u64, 0_u64);
        for id in objects.list(&shard)?.0 {
            count += 1;
            bytes += objects.size(&id)?.unwrap_or(0);
        }
        Ok((count, bytes))
    });
    let (count, bytes) = sizes.try_reduce(|| (0, 0), |a, b| Ok::<_, StoreError>((a.0 + b.0, a.1 + b.1)))?;
    let mut packages: Vec<PackageSize> = known
        .realised
        .iter()
        .map(|(pid, outputs)| PackageSize {
            pid: *pid,
            name: known.names.get(pid).cloned(),
            bytes: outputs.iter().map(|(_, tree)| tree.size).fold(0, u64::saturating_add),
        })
        .collect();
    packages.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.pid.cmp(&b.pid)));
    let trees = packages.iter().map(|package| package.bytes);
    let trees = trees.chain(known.sources.values().map(|(tree, _)| tree.size));
    let mut unshared = trees.fold(0, u64::saturating_add);
    // What is downloaded is kept beside the tree that was made of it.
    for download in known.sources.values().filter_map(|(_, download)| *download) {
        unshared = unshared.saturating_add(objects.size(&download)?.unwrap_or(0));
    }
    Ok(StoreInfo {
        objects: count,
        bytes,
        known_packages: known.names.len() as u64,
        packages,
        sources: known.sources.len() as u64,
        unshared_bytes: unshared,
    })
}
