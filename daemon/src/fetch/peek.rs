//! A look into an archive, for the first draft of a recipe: which files it has, and the texts of a few of them.
//! Nothing is unpacked, and what is found is only ever shown or suggested.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Read},
    path::Path,
};

/// Most entries that are looked at.
const MOST_ENTRIES: usize = 100_000;
/// Most bytes that are unpacked for the look.
const MOST_BYTES: u64 = 4 << 30;
/// Longest text that is read.
const LONGEST_TEXT: u64 = 1 << 20;

/// What an archive holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The paths of its files, without the one directory that holds them all, where there is one.
    pub(super) files: Vec<String>,
    /// The texts that were asked for, by the same paths.
    pub(super) texts: BTreeMap<String, String>,
}

/// Looks into a tar, packed or not. Other files give nothing, and so do broken ones: a draft can do without.
pub(super) fn contents(path: &Path, wanted: &[&str]) -> io::Result<Contents> {
    let mut file = BufReader::new(fs_err::File::open(path)?);
    let start = io::BufRead::fill_buf(&mut file)?;
    let reader: Box<dyn Read> = match start {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Box::new(lzma_rust2::XzReader::new(file, true)),
        _ => Box::new(file),
    };
    let mut archive = tar::Archive::new(reader.take(MOST_BYTES));
    let mut found = Contents::default();
    for entry in archive.entries()?.take(MOST_ENTRIES) {
        // The end of what can be understood is the end of the look.
        let Ok(mut entry) = entry else { break };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let depth = path.matches('/').count();
        let base = path.rsplit('/').next().unwrap_or_default();
        if depth <= 1 && wanted.contains(&base) {
            let mut text = String::new();
            if entry.by_ref().take(LONGEST_TEXT).read_to_string(&mut text).is_ok() {
                found.texts.insert(path.clone(), text);
            }
        }
        found.files.push(path);
    }
    Ok(found.without_top())
}

impl Contents {
    /// Drops the one directory that holds everything.
    fn without_top(self) -> Self {
        let top = self.files.first().and_then(|path| path.split_once('/')).map(|(top, _)| format!("{top}/"));
        let Some(top) = top.filter(|top| self.files.iter().all(|path| path.starts_with(top.as_str()))) else {
            return self;
        };
        let cut = |path: &String| path.get(top.len()..).unwrap_or_default().to_owned();
        Self {
            files: self.files.iter().map(cut).collect(),
            texts: self.texts.iter().map(|(path, text)| (cut(path), text.clone())).collect(),
        }
    }

    /// The directories that hold sources of a language, those with most first: path (`.` for the top) and count.
    pub(super) fn directories_of(&self, endings: &[&str]) -> Vec<(String, usize)> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for path in &self.files {
            let (directory, name) = path.rsplit_once('/').unwrap_or((".", path));
            if name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending)) {
                *counts.entry(directory).or_default() += 1;
            }
        }
        let mut list: Vec<_> = counts.into_iter().map(|(path, count)| (path.to_owned(), count)).collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &str)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let packed = flate2::write::GzEncoder::new(file.as_file(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(packed);
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        file
    }

    #[test]
    fn one_directory_at_the_top_is_left_out() {
        let file =
            archive(&[("a-1/Cargo.toml", "x"), ("a-1/src/b.c", ""), ("a-1/src/c.c", ""), ("a-1/d.c", "")]);
        let found = contents(file.path(), &["Cargo.toml"]).unwrap();
        assert_eq!(found.files, ["Cargo.toml", "src/b.c", "src/c.c", "d.c"]);
        assert_eq!(found.texts["Cargo.toml"], "x");
        assert_eq!(found.directories_of(&["c"]), [("src".to_string(), 2), (".".to_string(), 1)]);
    }

    #[test]
    fn what_is_no_archive_has_no_contents() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), "just a text, much longer than nothing").unwrap();
        assert!(contents(file.path(), &[]).map(|found| found.files.is_empty()).unwrap_or(true));
    }
}
