//! Compiled programs: loaded from the cache, or compiled now with people told about it.
//!
//! A large program, such as clang with its 75 MB, is compiled quickly first: the first build is over long before the
//! optimised code would be there (see `seed_runtime::engine::config` for what was measured). The optimised code is
//! made in the background meanwhile and taken as soon as it is there. Both give the same bits.

use super::{program::Modules, trees};
use crate::{
    background::Background,
    event::{Event, Observer},
};
use nuka_seed_runtime::{Engine, Error, Module, ModuleCache, ModuleId, Progress, Tier, tree::File};
use nuka_store::{ObjectReader as _, Store};
use std::{
    cell::Cell,
    io,
    path::{Path, PathBuf},
    time::Instant,
};

/// Bytes from which a program is worth being compiled twice. A megabyte takes about 1.4 processor seconds with all
/// optimisations and a fifth of that without.
const LARGE: u64 = 8 << 20;

/// Gives modules from a cache.
pub struct CachedModules<'a> {
    /// Compiles.
    pub engine: &'a Engine,
    /// Keeps what was compiled.
    pub cache: &'a ModuleCache,
    /// Compiles what is large a second time; `None` if everything is compiled well at once.
    pub background: Option<&'a Background>,
    /// Has the files that programs come from.
    pub store: &'a Store,
    /// Told of compilations.
    pub observer: &'a dyn Observer,
}

impl Modules for CachedModules<'_> {
    fn module(&self, file: &File, program: &str) -> Result<Module, Error> {
        match trees::blob_of(file) {
            Some(blob) => {
                // Both are the plain BLAKE3 of the bytes.
                let id = ModuleId(*blob.as_bytes());
                let on_disk = || Some(self.store.blob_path(&blob));
                self.load(id, file.len(), &|| file.bytes(), &on_disk, program)
            }
            None => {
                let unreadable = |source| Error::Source { id: ModuleId([0; 32]), source };
                let id = ModuleId::of(&file.bytes().map_err(unreadable)?);
                // A program that was made in this build is on no disk that another process could read.
                self.load(id, file.len(), &|| file.bytes(), &|| None, program)
            }
        }
    }
}

impl CachedModules<'_> {
    /// The module of `size` bytes that `source` gives; `on_disk` is where its file is.
    pub fn load(
        &self,
        id: ModuleId,
        size: u64,
        source: &dyn Fn() -> io::Result<bytes::Bytes>,
        on_disk: &dyn Fn() -> Option<PathBuf>,
        program: &str,
    ) -> Result<Module, Error> {
        let twice = self.background.filter(|_| size >= LARGE).and_then(|them| Some((them, on_disk()?)));
        let tier = if twice.is_some() { Tier::Quick } else { Tier::Optimised };
        let begun = Instant::now();
        let announced = Cell::new(false);
        // Waiting is told after a second, then ever more seldom.
        let next = Cell::new(1);
        let progress = |progress| match progress {
            Progress::Waiting { seconds } if seconds < next.get() => {}
            Progress::Waiting { seconds } => {
                next.set(seconds.saturating_mul(4).max(1));
                let what = format!("another process that is compiling {program}");
                self.observer.event(Event::Waiting { what });
            }
            other => self.tell(other, program, begun, &announced),
        };
        let module = self.cache.load(self.engine, id, source, tier, &progress)?;
        if announced.get() {
            let seconds = begun.elapsed().as_secs_f64();
            self.observer.event(Event::Compiled { program: program.to_owned(), seconds });
        }
        if module.tier() == Tier::Quick
            && let Some((background, path)) = twice
        {
            self.improve(background, id, &path, program);
        }
        Ok(module)
    }

    fn improve(&self, background: &Background, id: ModuleId, path: &Path, program: &str) {
        if background.improve(id, path) {
            self.observer.event(Event::Improving { program: program.to_owned() });
        }
    }

    fn tell(&self, progress: Progress, program: &str, begun: Instant, announced: &Cell<bool>) {
        match progress {
            // A program that is compiled in the blink of an eye is not worth a word.
            Progress::Compiling { done, total, tier }
                if announced.get() || begun.elapsed().as_millis() > 300 =>
            {
                announced.set(true);
                // The quick compiler does not tell how far it is.
                let fraction = (tier == Tier::Optimised).then(|| done as f64 / total.max(1) as f64);
                self.observer.event(Event::Compiling { program: program.to_owned(), fraction });
            }
            Progress::NotKept => {
                let text =
                    format!("{program} could not be kept compiled; it will be compiled again next time");
                self.observer.event(Event::Warning { text });
            }
            _ => {}
        }
    }
}
