//! The sources of a derivation, and whether their versions agree with its own.

use crate::{
    command::fields::Fields,
    session::Session,
    value::{SourceValue, custom},
};
use nu_protocol::{ShellError, Value};
use nuka_pir::{InputName, Origin, PackageName, Source, SourceId, Version};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, ShellError>;

/// Sources by name, and where the local ones are.
pub(super) type Sources = (BTreeMap<InputName, Source>, BTreeMap<SourceId, String>);

pub(super) fn sources(
    session: &Session,
    fields: &Fields<'_>,
    name: &PackageName,
    version: &Version,
) -> Result<Sources> {
    let mut found: Sources = Default::default();
    let mut add = |field: &str, key: &str, value: &Value| -> Result<()> {
        let Some(source) = custom::<SourceValue>(value) else {
            let help = "write `(fetch crate NAME VERSION --hash HASH)`, or npm, pypi, debian, url, path";
            return Err(fields.wrong(field, "a source", value).with_help(help).into());
        };
        let key = InputName::new(key).map_err(|error| fields.invalid(field, error))?;
        if let Some(path) = &source.local {
            let id = source.source.id().map_err(|error| fields.invalid(field, error))?;
            found.1.insert(id, path.clone());
        }
        warn_of_version(session, fields, source, name, version);
        if found.0.insert(key.clone(), source.source.clone()).is_some() {
            return Err(fields.invalid(field, format!("the source `{key}` is given twice")).into());
        }
        Ok(())
    };
    if let Some(value) = fields.get("src") {
        add("src", "src", value)?;
    }
    if let Some(value) = fields.get("sources") {
        let inner = fields.inner("sources", value)?;
        for (key, value) in inner.record.iter() {
            add("sources", key, value)?;
        }
    }
    Ok(found)
}

/// Warns where a recipe's version is not that of its source.
///
/// Only a source of the same name can be compared: `libz-sys` 1.1.20 holds zlib 1.3.1, as it should.
fn warn_of_version(
    session: &Session,
    fields: &Fields<'_>,
    source: &SourceValue,
    name: &PackageName,
    version: &Version,
) {
    let (theirs, their_version) = match &source.source.origin {
        Origin::Crate { name, version }
        | Origin::Npm { name, version }
        | Origin::Pypi { name, version, .. } => (name, version.as_str()),
        // Epoch and revision are the distribution's.
        Origin::Debian { name, version, .. } => {
            let upstream = version.split_once(':').map_or(version.as_str(), |(_, rest)| rest);
            let upstream = upstream.rsplit_once('-').map_or(upstream, |(rest, _)| rest);
            (name, upstream.split(['+', '~']).next().unwrap_or(upstream))
        }
        Origin::Url { .. } | Origin::Bootstrap { .. } | Origin::Path { .. } => return,
    };
    if theirs == name.as_str() && their_version != version.as_str() {
        let message = format!(
            "{} has version {version}, but its source {} has {their_version}",
            fields.owner, source.source.origin
        );
        session.warn("nuka::recipe::version_differs", message, session.place(fields.engine, source.span));
    }
}
