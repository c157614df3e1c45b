//! Fuzz target of the PIR parser: a real PIR with bytes changed, dropped and doubled, and plain rubbish.

use nuka_pir::{Pir, canonical, steps_from_text};

const SEED: &str = include_str!("../seeds/zlib.pir");

/// Edits: where, what to do, with which byte.
fn edited(edits: &[(u16, u8, u8)]) -> Vec<u8> {
    let mut bytes = SEED.as_bytes().to_vec();
    for (place, action, byte) in edits {
        let at = usize::from(*place) % bytes.len().max(1);
        match action % 4 {
            0 => bytes[at] = *byte,
            1 => bytes.insert(at, *byte),
            2 => drop(bytes.remove(at)),
            _ => {
                let piece = bytes[at..(at + usize::from(*byte)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

fn hold(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(value) = canonical::parse(&text) {
        assert_eq!(canonical::value_to_text(&value).unwrap(), text);
    }
    if let Ok(pir) = Pir::from_text(&text) {
        assert_eq!(pir.to_text().unwrap(), text);
    }
    let _ = steps_from_text(&text);
}

#[test]
fn the_seed_is_a_pir() {
    assert!(Pir::from_text(SEED.trim_end()).is_ok());
}

#[test]
fn pir_text() {
    bolero::check!().with_type::<Vec<(u16, u8, u8)>>().for_each(|edits| hold(&edited(edits)));
}

#[test]
fn pir_rubbish() {
    bolero::check!().for_each(hold);
}
