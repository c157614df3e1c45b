//! Recipe files for the thread that evaluates, read by the thread that asked for the evaluation.
//!
//! The session belongs to its thread and cannot borrow; the caller's files are borrowed. So the caller's thread,
//! which has nothing to do meanwhile, answers questions for files until the evaluation is over.

use crate::{RecipeFiles, RecipePath};
use std::{
    io,
    sync::{Arc, mpsc},
};

enum Question {
    Read(RecipePath, mpsc::SyncSender<io::Result<Option<Arc<[u8]>>>>),
    List(mpsc::SyncSender<io::Result<Vec<RecipePath>>>),
}

/// The evaluating thread's side.
pub(crate) struct Served(mpsc::Sender<Question>);

/// The caller's side.
pub(crate) struct Server(mpsc::Receiver<Question>);

/// Both sides.
pub(crate) fn files() -> (Server, Served) {
    let (questions, asked) = mpsc::channel();
    (Server(asked), Served(questions))
}

impl Server {
    /// Answers until the other side is gone.
    pub(crate) fn serve(self, files: &dyn RecipeFiles) {
        while let Ok(question) = self.0.recv() {
            // Who asked and went away wants no answer.
            let _ = match question {
                Question::Read(path, answer) => answer.send(files.read(&path)).is_ok(),
                Question::List(answer) => answer.send(files.list()).is_ok(),
            };
        }
    }
}

impl Served {
    /// As [`RecipeFiles::read`].
    pub(crate) fn read(&self, path: &RecipePath) -> io::Result<Option<Arc<[u8]>>> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.0.send(Question::Read(path.clone(), answer)).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }

    /// As [`RecipeFiles::list`].
    pub(crate) fn list(&self) -> io::Result<Vec<RecipePath>> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.0.send(Question::List(answer)).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }
}

fn gone() -> io::Error {
    io::Error::other("the evaluation has ended")
}
