//! The recipe roots as the evaluator reads them.

use crate::recipes::OpenRoots;
use nuka_nushell_ext::{RecipeFiles, RecipePath};
use std::{io, sync::Arc};

impl RecipeFiles for OpenRoots<'_> {
    fn read(&self, path: &RecipePath) -> io::Result<Option<Arc<[u8]>>> {
        Ok(self.find(path.as_str())?.map(|(_, bytes)| bytes))
    }

    fn list(&self) -> io::Result<Vec<RecipePath>> {
        // A file whose name is no recipe's is not a recipe: nothing else is lost by leaving it out.
        Ok(self.names().iter().filter_map(|name| RecipePath::new(&format!("{name}.nu")).ok()).collect())
    }
}
