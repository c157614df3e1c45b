//! What a shared library says of itself.

use object::{
    LittleEndian, ReadCache, ReadRef,
    elf::{self, FileHeader32, FileHeader64},
    read::elf::{Dyn as _, FileHeader, ProgramHeader as _},
};
use std::{fs::File, mem};

/// The longest name that is taken, in bytes, with its end.
const LONGEST: u64 = 256;

/// A library of a machine whose loader is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Library {
    /// How the loader's cache calls the machine, and that the library is one of glibc's world.
    pub(super) flags: u32,
    /// Its own name.
    pub(super) name: Option<String>,
}

/// Reads the headers of a file; nothing if it is no such library.
pub(super) fn library(file: File) -> Option<Library> {
    let data = &ReadCache::new(file);
    let class = data.read_bytes_at(elf::ELFMAG.len() as u64, 1).ok()?;
    match class {
        [elf::ELFCLASS64] => read::<FileHeader64<LittleEndian>, _>(data),
        [elf::ELFCLASS32] => read::<FileHeader32<LittleEndian>, _>(data),
        _ => None,
    }
}

fn read<'data, Elf, R>(data: R) -> Option<Library>
where
    Elf: FileHeader<Endian = LittleEndian>,
    R: ReadRef<'data>,
{
    const GLIBC: u32 = 3;
    let header = Elf::parse(data).ok()?;
    let endian = header.endian().ok()?;
    if header.e_type(endian) != elf::ET_DYN {
        return None;
    }
    let machine = match (header.e_machine(endian), mem::size_of::<Elf::Word>()) {
        (elf::EM_X86_64, 8) => 0x300,
        (elf::EM_X86_64, 4) => 0x800,
        (elf::EM_386, 4) => 0,
        (elf::EM_AARCH64, 8) => 0xa00,
        _ => return None,
    };
    let segments = header.program_headers(endian, data).ok()?;
    let value = |entries: &[Elf::Dyn], wanted: i64| {
        let found = entries.iter().find(|entry| entry.tag(endian) == wanted);
        found.map(|entry| entry.val(endian))
    };
    // The first one is the loader's, and the only one that is read.
    let dynamic = segments.iter().find(|segment| segment.p_type(endian) == elf::PT_DYNAMIC)?;
    let entries = dynamic.dynamic(endian, data).ok()??;
    let name = value(entries, elf::DT_SONAME).and_then(|at| {
        let address = value(entries, elf::DT_STRTAB)?.checked_add(at)?;
        // Where the loader would find the text in memory is where a segment has it in the file.
        let place =
            segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).find_map(|segment| {
                let into = address.checked_sub(segment.p_vaddr(endian).into())?;
                let size: u64 = segment.p_filesz(endian).into();
                let offset: u64 = segment.p_offset(endian).into();
                (into < size).then(|| offset.checked_add(into)).flatten()
            })?;
        let end = place.checked_add(LONGEST)?.min(data.len().ok()?);
        let bytes = data.read_bytes_at_until(place..end, 0).ok()?;
        String::from_utf8(bytes.to_vec()).ok()
    });
    Some(Library { flags: machine | GLIBC, name: name.filter(|name| super::is_library(name)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{
        io::{Seek as _, Write as _},
        os::unix::fs::FileExt as _,
    };

    /// This program is a file of the kind that is looked for.
    fn copy() -> File {
        let mut copy = tempfile::tempfile().unwrap();
        copy.write_all(&std::fs::read("/proc/self/exe").unwrap()).unwrap();
        copy.rewind().unwrap();
        copy
    }

    #[test]
    fn whatever_a_file_says_it_is_read_or_passed_over() {
        let file = copy();
        let whole = library(file.try_clone().unwrap());
        let length = file.metadata().unwrap().len();
        // The headers, and where the loader's table tends to be: near the end of what is loaded.
        let places = prop_oneof![0_u64..0x400, length / 2..length];
        proptest!(ProptestConfig::with_cases(500), |(at in places, to: u64)| {
            let mut before = [0; 8];
            file.read_exact_at(&mut before, at.min(length - 8)).unwrap();
            file.write_all_at(&to.to_le_bytes(), at.min(length - 8)).unwrap();
            let _ = library(file.try_clone().unwrap());
            file.write_all_at(&before, at.min(length - 8)).unwrap();
        });
        assert_eq!(library(file.try_clone().unwrap()), whole);
        for cut in [0, 3, 4, 5, 40, 64, 700] {
            file.set_len(cut).unwrap();
            assert_eq!(library(file.try_clone().unwrap()), None);
        }
    }
}
