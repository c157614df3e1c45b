//! What a file holds: bytes in memory, or bytes that are loaded the first time somebody reads them.

use std::{
    fmt, io,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

/// Where a lazily loaded file's bytes come from, for instance a blob in a store.
///
/// The bytes must never change: a tree is a value, and so are its files.
pub trait Content: Send + Sync {
    /// Length of the content in bytes. Must be what [`Content::load`] gives.
    fn len(&self) -> u64;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the bytes; called at most once per [`File`] that succeeds. A memory map is welcome
    /// ([`Bytes::from_owner`]).
    ///
    /// # Errors
    /// Whatever reading meets; the process that reads the file sees `EIO`.
    fn load(&self) -> io::Result<Bytes>;

    /// Something that tells two contents apart without loading them, such as a hash. Files whose identities
    /// are equal are taken for equal by [`diff`](crate::tree::diff).
    fn identity(&self) -> Option<&[u8]> {
        None
    }
}

/// A file of a tree: whether it may be executed, and its bytes. Cloning is cheap and shares the bytes.
#[derive(Clone)]
pub struct File {
    executable: bool,
    data: Data,
}

#[derive(Clone)]
enum Data {
    Memory(Bytes),
    Lazy(Arc<LazyData>),
}

struct LazyData {
    content: Box<dyn Content>,
    loaded: OnceLock<Bytes>,
}

impl File {
    /// A file whose bytes are in memory.
    pub fn from_bytes(bytes: impl Into<Bytes>, executable: bool) -> Self {
        Self { executable, data: Data::Memory(bytes.into()) }
    }

    /// A file whose bytes are loaded when they are first read, and then kept.
    pub fn lazy(content: impl Content + 'static, executable: bool) -> Self {
        let lazy = LazyData { content: Box::new(content), loaded: OnceLock::new() };
        Self { executable, data: Data::Lazy(Arc::new(lazy)) }
    }

    /// Whether the file is marked executable.
    #[must_use]
    pub fn executable(&self) -> bool {
        self.executable
    }

    /// The same bytes with another executable bit.
    #[must_use]
    pub fn with_executable(&self, executable: bool) -> Self {
        Self { executable, data: self.data.clone() }
    }

    /// Length in bytes; loads nothing.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.data {
            Data::Memory(bytes) => bytes.len() as u64,
            Data::Lazy(lazy) => lazy.content.len(),
        }
    }

    /// Whether the file has no bytes; loads nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file's bytes, loaded if they were not yet.
    ///
    /// # Errors
    /// What the [`Content`] gives; or `InvalidData` when it gives another number of bytes than it announced.
    pub fn bytes(&self) -> io::Result<Bytes> {
        let lazy = match &self.data {
            Data::Memory(bytes) => return Ok(bytes.clone()),
            Data::Lazy(lazy) => lazy,
        };
        if let Some(bytes) = lazy.loaded.get() {
            return Ok(bytes.clone());
        }
        // Two threads may load at once; the first one's bytes are kept, and they are equal anyway.
        let bytes = lazy.content.load()?;
        if bytes.len() as u64 != lazy.content.len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("content gave {} bytes, {} were expected", bytes.len(), lazy.content.len()),
            ));
        }
        Ok(lazy.loaded.get_or_init(|| bytes).clone())
    }

    /// Whether the bytes are in memory already.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        match &self.data {
            Data::Memory(_) => true,
            Data::Lazy(lazy) => lazy.loaded.get().is_some(),
        }
    }

    /// The lazy content's own identity (see [`Content::identity`]); `None` for bytes in memory.
    #[must_use]
    pub fn identity(&self) -> Option<&[u8]> {
        match &self.data {
            Data::Memory(_) => None,
            Data::Lazy(lazy) => lazy.content.identity(),
        }
    }

    /// Whether both are certainly the same bytes and executable bit, found without loading anything: they
    /// share memory, or their contents' identities are equal.
    #[must_use]
    pub fn same(&self, other: &File) -> bool {
        self.executable == other.executable
            && match (&self.data, &other.data) {
                (Data::Memory(a), Data::Memory(b)) => a.as_ptr() == b.as_ptr() && a.len() == b.len(),
                (Data::Lazy(a), Data::Lazy(b)) => {
                    Arc::ptr_eq(a, b)
                        || matches!((a.content.identity(), b.content.identity()), (Some(x), Some(y)) if x == y)
                }
                _ => false,
            }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("executable", &self.executable)
            .field("len", &self.len())
            .field("loaded", &self.is_loaded())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Counted(Arc<AtomicUsize>, u64);

    impl Content for Counted {
        fn len(&self) -> u64 {
            self.1
        }
        fn load(&self) -> io::Result<Bytes> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Bytes::from_static(b"four"))
        }
    }

    #[test]
    fn loads_once_and_only_when_read() {
        let loads = Arc::new(AtomicUsize::new(0));
        let file = File::lazy(Counted(loads.clone(), 4), false);
        assert_eq!((file.len(), file.is_loaded()), (4, false));
        assert_eq!(file.bytes().unwrap(), "four");
        assert_eq!(file.clone().bytes().unwrap(), "four");
        assert_eq!(loads.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_content_that_lies_about_its_length_is_an_error() {
        let file = File::lazy(Counted(Arc::default(), 5), false);
        assert_eq!(file.bytes().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn sameness_without_loading() {
        let file = File::from_bytes("abc", false);
        assert!(file.same(&file.clone()));
        assert!(!file.same(&file.with_executable(true)));
        assert!(!file.same(&File::lazy(Counted(Arc::default(), 4), false)));
    }
}
