//! Compiled programs: loaded from the cache, or compiled now with people told about it.

use super::{program::Modules, trees};
use crate::event::{Event, Observer};
use nuka_seed_runtime::{Engine, Error, Module, ModuleCache, ModuleId, Progress, Tier, tree::File};
use std::{cell::Cell, time::Instant};

/// Gives modules from a cache.
pub struct CachedModules<'a> {
    /// Compiles.
    pub engine: &'a Engine,
    /// Keeps what was compiled.
    pub cache: &'a ModuleCache,
    /// Told of compilations.
    pub observer: &'a dyn Observer,
}

impl Modules for CachedModules<'_> {
    fn module(&self, file: &File, program: &str) -> Result<Module, Error> {
        let id = match trees::blob_of(file) {
            // Both are the plain BLAKE3 of the bytes.
            Some(blob) => ModuleId(*blob.as_bytes()),
            None => {
                let unreadable = |source| Error::Source { id: ModuleId([0; 32]), source };
                ModuleId::of(&file.bytes().map_err(unreadable)?)
            }
        };
        let begun = Instant::now();
        let announced = Cell::new(false);
        let progress = |progress: Progress| match progress {
            Progress::Waiting { seconds } if seconds > 0 => {
                let what = format!("another process that is compiling {program}");
                self.observer.event(Event::Waiting { what });
            }
            // A program that is compiled in the blink of an eye is not worth a word.
            Progress::Compiling { done, total, .. }
                if announced.get() || begun.elapsed().as_millis() > 300 =>
            {
                announced.set(true);
                let fraction = done as f64 / total.max(1) as f64;
                self.observer.event(Event::Compiling { program: program.to_owned(), fraction });
            }
            Progress::NotKept => {
                let text =
                    format!("{program} could not be kept compiled; it will be compiled again next time");
                self.observer.event(Event::Warning { text });
            }
            _ => {}
        };
        let module = self.cache.load(self.engine, id, &|| file.bytes(), Tier::Optimised, &progress)?;
        if announced.get() {
            let seconds = begun.elapsed().as_secs_f64();
            self.observer.event(Event::Compiled { program: program.to_owned(), seconds });
        }
        Ok(module)
    }
}
