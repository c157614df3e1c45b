//! What a package's bits rest on: computed from the graph of packages and from what is in their trees.

use super::Nuka;
use crate::{
    api::{
        Target,
        bootstrap::{TrustBase, TrustedCode, TrustedSource},
    },
    bootstrap::go,
    error::Error,
    evaluate, plan,
    worker::package_ref,
};
use nuka_pir::{BlobId, Builder, Origin, Pid, Pir};
use nuka_store::{IndexReader, Node, ObjectReader as _, walk};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Endings of the names of files with compiled code in them that need not be executable.
const CODE: [&str; 7] = [".a", ".o", ".so", ".syso", ".wasm", ".dll", ".dylib"];

/// Whether it is a script, or other text: people can read what they trust.
fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'))
}

impl Nuka {
    /// What some packages rest on; without any, what the bootstraps do.
    pub fn explain(&self, targets: &[Target]) -> Result<TrustBase, Error> {
        let store = self.store()?;
        let asked = match targets {
            [] => std::iter::once(self.first_stage()?).chain(self.c_first_stage()?).collect(),
            targets => evaluate::evaluate(store, &self.roots, targets)?.roots,
        };
        let index = store.read()?;
        let mut base = TrustBase {
            packages: Vec::new(),
            made_with: 0,
            sources: Vec::new(),
            compiled: Vec::new(),
            native: Vec::new(),
            unknown: Vec::new(),
        };
        let mut sources = BTreeMap::new();
        let mut seen: BTreeSet<Pid> = BTreeSet::new();
        let mut stack: Vec<Pid> = asked.clone();
        while let Some(pid) = stack.pop() {
            if !seen.insert(pid) {
                continue;
            }
            let pir = plan::load(&index, pid)?;
            stack.extend(pir.references().map(|(_, input)| input.pid));
            if asked.contains(&pid) {
                base.packages.push(package_ref(pid, &pir));
            }
            if pir.build.builder == Builder::Seed1 {
                base.native.push(package_ref(pid, &pir));
            }
            let mut bootstraps = false;
            for source in pir.build.sources.values() {
                // What a bootstrap gives is made here: it rests on what that rests on.
                if matches!(source.origin, Origin::Bootstrap { .. }) {
                    bootstraps = true;
                    continue;
                }
                let id = source.id().map_err(nuka_pir::PirError::from)?;
                let bytes = index.source(&id)?.map(|record| record.tree.size);
                let (origin, hash) = (source.origin.to_string(), source.hash.to_string());
                sources.insert((origin.clone(), hash.clone()), TrustedSource { origin, hash, bytes });
            }
            if bootstraps {
                stack.push(self.first_stage()?);
            }
            self.compiled(&index, pid, &pir, &mut base)?;
        }
        base.made_with = seen.len();
        base.sources = sources.into_values().collect();
        base.compiled.sort_by(|a, b| (&a.package.name, &a.path).cmp(&(&b.package.name, &b.path)));
        Ok(base)
    }

    /// The package of stage 1 of Go's bootstrap.
    fn first_stage(&self) -> Result<Pid, Error> {
        let super::bootstrap::Beginning { seed, source: go, version, .. } = self.seeds()?;
        let planner = go::planner_source(&version)?;
        let sources = go::Sources { go, planner: planner.pid()? };
        let first = go::stage_1(seed, sources, &version)?;
        let pid = first.pid()?;
        self.register(&[(sources.planner, planner), (pid, first)])?;
        Ok(pid)
    }

    /// Notes the compiled code of a package that is, to the bit, in one of its sources.
    fn compiled(&self, index: &IndexReader, pid: Pid, pir: &Pir, base: &mut TrustBase) -> Result<(), Error> {
        let store = self.store()?;
        let Some(realisation) = index.realisation(&pid)? else {
            base.unknown.push(package_ref(pid, pir));
            return Ok(());
        };
        let mut came: HashSet<BlobId> = HashSet::new();
        for source in pir.build.sources.values() {
            let id = source.id().map_err(nuka_pir::PirError::from)?;
            let Some(record) =
                index.source(&id)?.filter(|_| !matches!(source.origin, Origin::Bootstrap { .. }))
            else {
                continue;
            };
            for entry in walk(store, &record.tree.cid) {
                if let Node::File { blob, .. } = entry?.node {
                    came.insert(blob);
                }
            }
        }
        if came.is_empty() {
            return Ok(());
        }
        for tree in realisation.outputs.values() {
            for entry in walk(store, &tree.cid) {
                let entry = entry?;
                let Node::File { blob, size, executable } = entry.node else { continue };
                let path = entry.path.to_string();
                let is_code = executable || CODE.iter().any(|ending| path.ends_with(*ending));
                if is_code && came.contains(&blob) && !is_text(&store.read_blob(&blob)?) {
                    let package = package_ref(pid, pir);
                    base.compiled.push(TrustedCode { package, path, blob, bytes: size });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::is_text;

    #[test]
    fn scripts_are_text_and_programs_are_not() {
        assert!(is_text(b"#!/bin/sh\necho\n") && is_text("\u{e9}".as_bytes()) && is_text(b""));
        assert!(!is_text(b"\x7fELF\x02\x01\x01\0") && !is_text(b"\0asm\x01\0\0\0") && !is_text(b"a\0b"));
    }
}
