//! Compiled programs: loaded from the cache, or compiled now with people told about it.
//!
//! A large program, such as clang with its 75 MB, is compiled quickly first: the first build is over long before the
//! optimised code would be there (see `seed_runtime::engine::config` for what was measured). The optimised code is
//! made in the background meanwhile and taken as soon as it is there. Both give the same bits.

use super::{
    program::{Modules, ModulesError},
    trees,
};
use crate::{
    background::{Background, Compiled},
    event::{Event, Observer},
};
use nuka_seed_runtime::{Engine, Error, Module, ModuleCache, ModuleId, Progress, Tier, tree::File};
use nuka_store::{ObjectReader as _, Objects};
use std::{
    cell::Cell,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Bytes from which a program is worth being compiled twice. A megabyte takes about 1.4 processor seconds with all
/// optimisations and a fifth of that without.
const LARGE: u64 = 8 << 20;

/// Bytes from which compiling a program is long enough for people to be told of it.
const WORTH_TELLING: u64 = 256 << 10;

/// Gives modules from a cache.
pub struct CachedModules<'a> {
    /// Compiles.
    pub engine: &'a Engine,
    /// Keeps what was compiled.
    pub cache: &'a ModuleCache,
    /// Compiles what is large a second time; `None` if everything is compiled well at once.
    pub background: Option<&'a Background>,
    /// Has the files that programs come from.
    pub objects: &'a Objects,
}

impl Modules for CachedModules<'_> {
    fn module(
        &self,
        file: &File,
        program: &str,
        limit: Duration,
        observer: &dyn Observer,
    ) -> Result<Module, ModulesError> {
        let (id, blob) = (id_of(file)?, trees::blob_of(file));
        let on_disk = || blob.map(|blob| self.objects.blob_path(&blob));
        let quick = self.background.is_some_and(Background::goes_on) && file.len() >= LARGE && blob.is_some();
        // The quick compiler's time is in proportion to the module's size, so it needs no watching.
        if let Some(them) = self.background
            && !quick
            && self.cache.load_cached(self.engine, id, Tier::Optimised)?.is_none()
        {
            self.compile_within(them, file, id, program, limit, observer)?;
        }
        // It is in the cache now; where it is not, this says why.
        Ok(self.load(id, file.len(), &|| file.bytes(), &on_disk, program, observer)?)
    }
}

fn id_of(file: &File) -> Result<ModuleId, Error> {
    // Both are the plain BLAKE3 of the bytes.
    if let Some(blob) = trees::blob_of(file) {
        return Ok(ModuleId(*blob.as_bytes()));
    }
    let unreadable = |source| Error::Source { id: ModuleId([0; 32]), source };
    Ok(ModuleId::of(&file.bytes().map_err(unreadable)?))
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
        observer: &dyn Observer,
    ) -> Result<Module, Error> {
        let goes_on = self.background.filter(|them| them.goes_on());
        let twice = goes_on.filter(|_| size >= LARGE).and_then(|them| Some((them, on_disk()?)));
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
                observer.event(Event::Waiting { what });
            }
            other => tell(other, program, begun, &announced, observer),
        };
        let module = self.cache.load(self.engine, id, source, tier, &progress)?;
        if announced.get() {
            let seconds = begun.elapsed().as_secs_f64();
            observer.event(Event::Compiled { program: program.to_owned(), seconds });
        }
        if module.tier() == Tier::Quick
            && let Some((background, path)) = twice
        {
            self.improve(background, id, &path, program, observer);
        }
        Ok(module)
    }

    /// Has a process of its own compile the file, and tells of it if that is worth a word.
    fn compile_within(
        &self,
        them: &Background,
        file: &File,
        id: ModuleId,
        program: &str,
        limit: Duration,
        observer: &dyn Observer,
    ) -> Result<(), ModulesError> {
        let bytes = file.bytes().map_err(|source| Error::Source { id, source })?;
        let tell = file.len() >= WORTH_TELLING;
        let begun = Instant::now();
        if tell {
            observer.event(Event::Compiling { program: program.to_owned(), fraction: None });
        }
        match them.compile_within(&bytes, limit) {
            Ok(Compiled::TimedOut) => return Err(ModulesError::TimedOut { limit }),
            Ok(Compiled::Crashed) => return Err(ModulesError::Crashed),
            // Without such a process it is done here, however long it takes.
            Ok(Compiled::Ended) | Err(_) => {}
        }
        if tell {
            let seconds = begun.elapsed().as_secs_f64();
            observer.event(Event::Compiled { program: program.to_owned(), seconds });
        }
        Ok(())
    }

    fn improve(
        &self,
        background: &Background,
        id: ModuleId,
        path: &Path,
        program: &str,
        observer: &dyn Observer,
    ) {
        if background.improve(id, path) {
            observer.event(Event::Improving { program: program.to_owned() });
        }
    }
}

fn tell(progress: Progress, program: &str, begun: Instant, announced: &Cell<bool>, observer: &dyn Observer) {
    match progress {
        // A program that is compiled in the blink of an eye is not worth a word.
        Progress::Compiling { done, total, tier } if announced.get() || begun.elapsed().as_millis() > 300 => {
            announced.set(true);
            // The quick compiler does not tell how far it is.
            let fraction = (tier == Tier::Optimised).then(|| done as f64 / total.max(1) as f64);
            observer.event(Event::Compiling { program: program.to_owned(), fraction });
        }
        Progress::NotKept => {
            let text = format!("{program} could not be kept compiled; it will be compiled again next time");
            observer.event(Event::Warning { text });
        }
        _ => {}
    }
}
