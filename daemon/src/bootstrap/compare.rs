//! Comparing stages: the same file of two stages is the same to the bit, or the first byte that differs is told.

use crate::api::bootstrap::{Artefact, BootstrapStage, Difference, Verdict};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// What comparing each stage with the one before gives. `read` gives a file's bytes: called for the first two that differ.
///
/// # Errors
/// Those of `read`.
pub fn verdict<E>(
    stages: &[BootstrapStage],
    read: &dyn Fn(&Artefact) -> Result<Vec<u8>, E>,
) -> Result<Verdict, E> {
    for (before, after) in stages.iter().zip(stages.iter().skip(1)) {
        let different = differences(before, after);
        if let Some((old, new)) = different.first() {
            let offset = first_difference(&read(old)?, &read(new)?);
            let path = new.path.clone();
            let first = Difference { stages: [before.number, after.number], path, offset };
            return Ok(Verdict::Different { first, files: different.len() });
        }
    }
    let stages: Vec<u8> = stages.iter().map(|stage| stage.number).collect();
    Ok(if stages.len() < 2 { Verdict::Open } else { Verdict::Equal { stages } })
}

/// What both stages have and is not the same, archives first, in the order of the later stage.
fn differences<'a>(
    before: &'a BootstrapStage,
    after: &'a BootstrapStage,
) -> Vec<(&'a Artefact, &'a Artefact)> {
    let pairs = |old: &'a [Artefact], new: &'a [Artefact]| {
        let known: HashMap<_, _> = old.iter().map(|artefact| (artefact.path.as_str(), artefact)).collect();
        let common = new.iter().filter_map(|new| Some((*known.get(new.path.as_str())?, new)));
        common.filter(|(old, new)| old.blob != new.blob).collect::<Vec<_>>()
    };
    let mut all = pairs(&before.archives, &after.archives);
    all.extend(pairs(&before.programs, &after.programs));
    all
}

/// The position of the first byte that differs; where one is the beginning of the other, its length.
fn first_difference(old: &[u8], new: &[u8]) -> u64 {
    old.iter().zip(new).take_while(|(old, new)| old == new).count() as u64
}

/// SHA-256 in hex, as other tools print it.
pub fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nuka_pir::BlobId;

    fn artefact(path: &str, bytes: &[u8]) -> Artefact {
        Artefact { path: path.into(), blob: BlobId::of(bytes), bytes: bytes.len() as u64, sha256: None }
    }

    fn stage(number: u8, archives: &[(&str, &[u8])], programs: &[(&str, &[u8])]) -> BootstrapStage {
        let all = |list: &[(&str, &[u8])]| list.iter().map(|(path, bytes)| artefact(path, bytes)).collect();
        BootstrapStage { number, seconds: 0.0, built: 0, programs: all(programs), archives: all(archives) }
    }

    /// Files whose bytes are known by their ids.
    fn reader<'a>(files: &'a [&'a [u8]]) -> impl Fn(&Artefact) -> Result<Vec<u8>, String> + 'a {
        |artefact| {
            let found = files.iter().find(|bytes| BlobId::of(bytes) == artefact.blob);
            found.map(|bytes| bytes.to_vec()).ok_or_else(|| artefact.path.clone())
        }
    }

    #[test]
    fn equal_stages_are_a_fixpoint_and_one_stage_says_nothing() {
        let read = reader(&[]);
        let first = stage(1, &[], &[("cmd/asm", b"asm")]);
        let second = stage(2, &[("errors", b"e")], &[("cmd/asm", b"asm")]);
        assert_eq!(verdict(std::slice::from_ref(&first), &read), Ok(Verdict::Open));
        let third = BootstrapStage { number: 3, ..second.clone() };
        assert_eq!(verdict(&[first, second, third], &read), Ok(Verdict::Equal { stages: vec![1, 2, 3] }));
    }

    #[test]
    fn the_first_difference_is_told_with_its_place() {
        let files: [&[u8]; 4] = [b"abcd", b"abXd", b"long", b"longer"];
        let read = reader(&files);
        let second = stage(2, &[("errors", b"abcd"), ("sync", b"long")], &[("cmd/asm", b"long")]);
        let third = stage(3, &[("errors", b"abXd"), ("sync", b"longer")], &[("cmd/asm", b"longer")]);
        let first = Difference { stages: [2, 3], path: "errors".into(), offset: 2 };
        assert_eq!(verdict(&[second, third.clone()], &read), Ok(Verdict::Different { first, files: 3 }));
        let second = stage(2, &[("errors", b"abXd"), ("sync", b"longer")], &[("cmd/asm", b"long")]);
        let first = Difference { stages: [2, 3], path: "cmd/asm".into(), offset: 4 };
        assert_eq!(verdict(&[second, third], &read), Ok(Verdict::Different { first, files: 1 }));
    }
}
