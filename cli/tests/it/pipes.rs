//! Readers that go away.

use crate::support::Place;
use std::process::Stdio;

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let place = Place::new();
    for arguments in [&["completions", "bash"][..], &["--help"], &["man"]] {
        let mut command = place.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        // A small text may have been written before the reader was gone.
        assert!(matches!(output.status.code(), Some(0 | 141)), "{:?}", output.status);
    }
}
