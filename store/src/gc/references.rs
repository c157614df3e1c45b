//! Which packages a PIR names, read from its text without checking the rest of it.

use nuka_pir::{PIR_FORMAT, Pid, canonical};

/// The packages that a PIR names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct References {
    /// Those that it needs when it runs.
    pub(crate) needs: Vec<Pid>,
    /// Those that it is built with.
    pub(crate) inputs: Vec<Pid>,
}

/// Reads the references out of a canonical text.
///
/// # Errors
/// Text that is not canonical, a format that this nuka does not know, and what is no PID where one should be.
pub(crate) fn read(text: &[u8]) -> Result<References, canonical::CanonicalError> {
    let shape = |what: &str| canonical::CanonicalError::Shape(what.to_owned());
    let text = std::str::from_utf8(text).map_err(|_| shape("it is not UTF-8"))?;
    let value = canonical::parse(text)?;
    let format = value.get("pir").and_then(|format| format.as_u64());
    if format != Some(u64::from(PIR_FORMAT)) {
        return Err(shape("it has a format that this nuka does not know"));
    }
    let pids = |part: &str, field: &str| {
        let inputs = value.get(part).and_then(|part| part.get(field)).and_then(|inputs| inputs.as_object());
        let pids = inputs.into_iter().flat_map(|inputs| inputs.values()).map(|input| {
            let pid = input.get("pid").and_then(|pid| pid.as_str());
            pid.and_then(|pid| pid.parse::<Pid>().ok()).ok_or_else(|| shape("an input has no PID"))
        });
        pids.collect::<Result<Vec<Pid>, _>>()
    };
    let mut inputs = pids("build", "tools")?;
    inputs.extend(pids("build", "packages")?);
    Ok(References { needs: pids("run", "needs")?, inputs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_rubbish_is_refused() {
        let pid = |byte| Pid::from_bytes([byte; 32]);
        let text = format!(
            "{{build: {{packages: {{a: {{outputs: [], pid: \"{}\"}}}}, tools: {{b: {{pid: \"{}\"}}}}}}, pir: 1, run: {{needs: {{c: {{pid: \"{}\"}}}}}}}}",
            pid(1),
            pid(2),
            pid(3)
        );
        let expected = References { needs: vec![pid(3)], inputs: vec![pid(2), pid(1)] };
        assert_eq!(read(text.as_bytes()), Ok(expected));
        assert_eq!(read(b"{pir: 1}"), Ok(References::default()));
        assert!(read(b"{pir: 2}").is_err());
        assert!(read(b"{}").is_err());
        assert!(read(b"{pir: 1, run: {needs: {c: {pid: \"x\"}}}}").is_err());
        assert!(read(b"\xff").is_err());
    }
}
