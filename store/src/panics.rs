//! Catching panics of libraries that read bytes from strangers, without a word on the terminal.
//!
//! Used around redb, which checks a file with assertions, and around the decoders of compressed data. What the
//! caller gets instead is the first line of the panic's message.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    /// Whether a panic on this thread is one that [`catch`] will catch.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Keeps caught panics silent; every other one goes on to the hook that was there.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CAUGHT.get() {
                before(info);
            }
        }));
    });
}

/// Runs `call`. What it leaves half changed by a panic must not be used any more.
pub(crate) fn catch<R>(call: impl FnOnce() -> R) -> Result<R, String> {
    install_hook();
    let before = CAUGHT.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    CAUGHT.set(before);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a broken invariant");
        text.lines().next().unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_message_is_handed_over() {
        assert_eq!(super::catch(|| 1), Ok(1));
        let result: Result<(), String> = super::catch(|| panic!("page {}\nmore", 7));
        assert_eq!(result, Err("page 7".into()));
    }
}
