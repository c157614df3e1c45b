//! Looking after the store.

use super::Request;
use crate::{
    api::care::{GcDone, GcPlanned, GcWish, Imported, Keeping, KeptBy, Rebuilt, TreeDifference, Verified},
    error::Error,
    event::Observer,
    handed::Handed,
    nuka::Nuka,
};
use serde::{Deserialize, Serialize};

/// What a collection would remove.
#[derive(Debug, Serialize, Deserialize)]
pub struct GcPlan {
    /// What is kept besides.
    pub wish: GcWish,
}

impl Request for GcPlan {
    type Answer = GcPlanned;
    const NAME: &'static str = "gc-plan";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.gc_plan(&self.wish, observer)
    }
}

/// Removes what nothing keeps.
#[derive(Debug, Serialize, Deserialize)]
pub struct Gc {
    /// What is kept besides.
    pub wish: GcWish,
}

impl Request for Gc {
    type Answer = GcDone;
    const NAME: &'static str = "gc";
    const FOR_ALL: bool = false;

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.gc(&self.wish, observer)
    }
}

/// Why something is kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct GcWhy {
    /// It, as people name it.
    pub what: String,
    /// What is kept besides.
    pub wish: GcWish,
}

impl Request for GcWhy {
    type Answer = Option<Vec<KeptBy>>;
    const NAME: &'static str = "gc-why";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.gc_why(&self.what, &self.wish, observer)
    }
}

/// Keeps something until it is unpinned.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pin {
    /// It, as people name it.
    pub what: String,
}

impl Request for Pin {
    type Answer = ();
    const NAME: &'static str = "pin";
    const FOR_ALL: bool = false;

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.pin(&self.what)
    }
}

/// Keeps something no longer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unpin {
    /// The pin's name.
    pub what: String,
}

impl Request for Unpin {
    type Answer = bool;
    const NAME: &'static str = "unpin";
    const FOR_ALL: bool = false;

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.unpin(&self.what)
    }
}

/// All pins, and all packages with their last use.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {}

impl Request for Kept {
    type Answer = Vec<Keeping>;
    const NAME: &'static str = "kept";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.keeping()
    }
}

/// Looks at every object.
#[derive(Debug, Serialize, Deserialize)]
pub struct Verify {
    /// Put right what can be.
    pub repair: bool,
}

impl Request for Verify {
    type Answer = Verified;
    const NAME: &'static str = "verify";
    const FOR_ALL: bool = false;

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.verify(self.repair, observer)
    }
}

/// Makes the index again from the objects.
#[derive(Debug, Serialize, Deserialize)]
pub struct RebuildIndex {}

impl Request for RebuildIndex {
    type Answer = Rebuilt;
    const NAME: &'static str = "rebuild-index";
    const FOR_ALL: bool = false;

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.rebuild_index(observer)
    }
}

/// Writes packages, with all that they need, to a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Export {
    /// The packages, as people name them.
    pub what: Vec<String>,
    /// The file.
    pub into: Handed,
}

impl Request for Export {
    type Answer = ();
    const NAME: &'static str = "export";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.export_closure(&self.what, &self.into, observer)
    }

    fn handed(&mut self) -> Vec<&mut Handed> {
        vec![&mut self.into]
    }
}

/// Takes in what another store has exported.
#[derive(Debug, Serialize, Deserialize)]
pub struct Import {
    /// The file.
    pub from: Handed,
}

impl Request for Import {
    type Answer = Imported;
    const NAME: &'static str = "import";
    // What it says packages became is believed.
    const FOR_ALL: bool = false;

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.import_closure(&self.from, observer)
    }

    fn handed(&mut self) -> Vec<&mut Handed> {
        vec![&mut self.from]
    }
}

/// The paths at which two trees differ.
#[derive(Debug, Serialize, Deserialize)]
pub struct Diff {
    /// Both, as people name them.
    pub ends: [String; 2],
}

impl Request for Diff {
    type Answer = Vec<TreeDifference>;
    const NAME: &'static str = "diff";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.store_diff(&self.ends, observer)
    }
}
