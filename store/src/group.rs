//! Groups: trees that keep packages, such as all that is installed at one time.
//!
//! ```text
//! group  = { SHARD/ }                 SHARD: the first character of a PID's text
//! SHARD  = { PID/ }                   PID: the id's whole text, whose directory may hold anything
//! ```
//!
//! A root or lease of a group keeps each package that it names, as a root of that package would, and the tree itself. Groups
//! that differ in one package share all shards but one, so thousands of them cost little more than their differences.

use crate::{directory::Node, error::StoreError, id_hash::IdState, name::EntryName, reader::ObjectReader};
use nuka_pir::{Cid, Pid};
use std::collections::HashSet;

/// The shard that a package is in: a directory at the top of the group.
pub fn shard(pid: &Pid) -> String {
    pid.to_string().chars().take(1).collect()
}

/// The packages that a group names, each with what the group has of it, in the order of their ids. Names that no group has
/// are passed over.
///
/// # Errors
/// [`StoreError::NoObject`], or that a directory object is damaged.
pub fn members(objects: &impl ObjectReader, group: &Cid) -> Result<Vec<(Pid, Node)>, StoreError> {
    let mut members = Vec::new();
    for (_, node) in objects.directory(group)?.entries() {
        if let Node::Directory { cid, .. } = node {
            in_shard(objects, cid, &mut members)?;
        }
    }
    Ok(members)
}

fn in_shard(
    objects: &impl ObjectReader,
    shard: &Cid,
    members: &mut Vec<(Pid, Node)>,
) -> Result<(), StoreError> {
    let directory = objects.directory(shard)?;
    members.extend(directory.entries().iter().filter_map(|(name, node)| Some((pid(name)?, node.clone()))));
    Ok(())
}

fn pid(name: &EntryName) -> Option<Pid> {
    std::str::from_utf8(name.as_bytes()).ok()?.parse().ok()
}

/// Finds the packages of many groups; a shard that they share is read once.
#[derive(Debug, Default)]
pub(crate) struct Members {
    seen: HashSet<Cid, IdState>,
}

impl Members {
    /// The packages of a group that no earlier one has named in the same shard.
    pub(crate) fn new_in(
        &mut self,
        objects: &impl ObjectReader,
        group: &Cid,
    ) -> Result<Vec<Pid>, StoreError> {
        let mut members = Vec::new();
        if self.seen.insert(*group) {
            for (_, node) in objects.directory(group)?.entries() {
                if let Node::Directory { cid, .. } = node
                    && self.seen.insert(*cid)
                {
                    in_shard(objects, cid, &mut members)?;
                }
            }
        }
        Ok(members.into_iter().map(|(pid, _)| pid).collect())
    }
}
