//! The fields of a derivation that are plain settings: language, target, limits, outputs, programs, ...

use crate::{command::fields::Fields, error::labeled, session::Context, suggest};
use nu_protocol::{ShellError, Value};
use nuka_pir::{
    Cpu, CurrentDirectory, Language, Limits, Meta, OutputName, OutputRule, PackageName, Permissions,
    Platform, Prefix, Program, ProgramName,
};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, ShellError>;

pub(super) fn language(fields: &Fields<'_>) -> Result<Language> {
    let names = || Language::ALL.iter().map(|(name, _)| *name);
    let Some(text) = fields.text("language")? else {
        return Err(labeled("no_language", format!("{} does not say its language", fields.owner))
            .with_label("no `language`", fields.span)
            .with_help(format!(
                "it decides what may run natively; write one of {}",
                names().collect::<Vec<_>>().join(", ")
            ))
            .into());
    };
    Language::from_name(&text).ok_or_else(|| {
        let help = match suggest::nearest(&text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        };
        fields
            .invalid("language", format!("`{}` is not a language that nuka knows", text.escape_debug()))
            .with_help(help)
            .into()
    })
}

pub(super) fn target(fields: &Fields<'_>, here: Context) -> Result<Platform> {
    match fields.text("target")? {
        None => Ok(here.platform),
        Some(text) => text.parse().map_err(|error| fields.invalid("target", error).into()),
    }
}

pub(super) fn cpu(fields: &Fields<'_>, here: Context, target: Platform) -> Result<Cpu> {
    match fields.text("cpu")? {
        Some(text) => text.parse().map_err(|error| fields.invalid("cpu", error).into()),
        None if target == here.platform && !target.is_wasm() => Ok(here.cpu),
        None => Ok(Cpu::GENERIC),
    }
}

pub(super) fn prefix(fields: &Fields<'_>, name: &PackageName) -> Result<Prefix> {
    let path = match (fields.text("prefix")?, fields.text("slot")?) {
        (None, None) => return Ok(Prefix::default()),
        (Some(path), None) => path,
        (None, Some(slot)) => format!("/usr/lib/{name}-{slot}"),
        (Some(_), Some(_)) => {
            return Err(fields.invalid("slot", "there is a `prefix` too, and a slot is one").into());
        }
    };
    Prefix::new(&path).map_err(|error| fields.invalid("prefix", error).into())
}

pub(super) fn texts_by_name(fields: &Fields<'_>, field: &str) -> Result<BTreeMap<String, String>> {
    let Some(value) = fields.get(field) else { return Ok(BTreeMap::new()) };
    let inner = fields.inner(field, value)?;
    let mut texts = BTreeMap::new();
    for (name, value) in inner.record.iter() {
        let text = match value {
            Value::Int { val, .. } => val.to_string(),
            _ => inner.text(name)?.unwrap_or_default(),
        };
        texts.insert(name.clone(), text);
    }
    Ok(texts)
}

pub(super) fn limits(fields: &Fields<'_>) -> Result<Limits> {
    let Some(value) = fields.get("limits") else { return Ok(Limits::default()) };
    let inner = fields.inner("limits", value)?;
    inner.only(&["memory", "time", "tree"])?;
    let mebibytes = |name: &str, default: u32| match inner.get(name) {
        None => Ok(default),
        Some(Value::Filesize { val, .. }) => {
            u32::try_from(val.get().div_euclid(1 << 20) + i64::from(val.get().rem_euclid(1 << 20) > 0))
                .map_err(|_| ShellError::from(inner.invalid(name, "it is out of range")))
        }
        Some(other) => {
            Err(inner.wrong(name, "a size", other).with_help("write it with a unit: `2GiB`").into())
        }
    };
    let default = Limits::default();
    let seconds = match inner.get("time") {
        None => default.seconds,
        Some(Value::Duration { val, .. }) => {
            u32::try_from(val.div_euclid(1_000_000_000) + i64::from(val.rem_euclid(1_000_000_000) > 0))
                .map_err(|_| inner.invalid("time", "it is out of range"))?
        }
        Some(other) => {
            return Err(inner
                .wrong("time", "a duration", other)
                .with_help("write it with a unit: `10min`")
                .into());
        }
    };
    Ok(Limits {
        memory_mib: mebibytes("memory", default.memory_mib)?,
        seconds,
        tree_mib: mebibytes("tree", default.tree_mib)?,
    })
}

pub(super) fn outputs(fields: &Fields<'_>) -> Result<Vec<OutputRule>> {
    let Some(value) = fields.get("outputs") else { return Ok(Vec::new()) };
    let inner = fields.inner("outputs", value)?;
    let names = inner.record.iter().map(|(name, _)| name);
    names
        .map(|name| {
            let output = OutputName::new(name).map_err(|error| fields.invalid("outputs", error))?;
            Ok(OutputRule { name: output, globs: inner.texts(name)? })
        })
        .collect()
}

pub(super) fn programs(fields: &Fields<'_>) -> Result<BTreeMap<ProgramName, Program>> {
    let Some(value) = fields.get("programs") else { return Ok(BTreeMap::new()) };
    let inner = fields.inner("programs", value)?;
    let mut programs = BTreeMap::new();
    for (name, value) in inner.record.iter() {
        let key = ProgramName::new(name).map_err(|error| fields.invalid("programs", error))?;
        let program = match value {
            Value::Record { .. } => {
                let fields = inner.inner(name, value)?;
                fields.only(&["path", "args", "env"])?;
                let Some(path) = fields.text("path")? else {
                    return Err(fields
                        .invalid("path", "it is not given")
                        .with_help("write `{path: \"bin/tool\"}`")
                        .into());
                };
                Program { path, args: fields.texts("args")?, env: texts_by_name(&fields, "env")? }
            }
            _ => Program {
                path: inner.text(name)?.unwrap_or_default(),
                args: Vec::new(),
                env: BTreeMap::new(),
            },
        };
        programs.insert(key, program);
    }
    Ok(programs)
}

pub(super) fn permissions(fields: &Fields<'_>) -> Result<Permissions> {
    let Some(value) = fields.get("permissions") else { return Ok(Permissions::default()) };
    let inner = fields.inner("permissions", value)?;
    inner.only(&["directory", "env", "network"])?;
    let directory = match inner.text("directory")?.as_deref() {
        None | Some("read") => CurrentDirectory::Read,
        Some("write") => CurrentDirectory::Write,
        Some("none") => CurrentDirectory::None,
        Some(_) => return Err(inner.invalid("directory", "it is none, read or write").into()),
    };
    let mut env = inner.texts("env")?;
    env.sort();
    env.dedup();
    let network = match inner.get("network") {
        None => false,
        Some(Value::Bool { val, .. }) => *val,
        Some(other) => return Err(inner.wrong("network", "true or false", other).into()),
    };
    Ok(Permissions { directory, env, network })
}

pub(super) fn platforms(fields: &Fields<'_>, target: Platform) -> Result<Vec<Platform>> {
    let mut platforms: Vec<Platform> = Vec::new();
    for text in fields.texts("platforms")? {
        platforms.push(text.parse().map_err(|error| fields.invalid("platforms", error))?);
    }
    if platforms.is_empty() {
        platforms.push(target);
    }
    platforms.sort();
    platforms.dedup();
    Ok(platforms)
}

pub(super) fn meta(fields: &Fields<'_>) -> Result<Meta> {
    let Some(value) = fields.get("meta") else { return Ok(Meta::default()) };
    let inner = fields.inner("meta", value)?;
    inner.only(&["description", "homepage", "license", "purl"])?;
    let meta = Meta {
        description: inner.text("description")?,
        homepage: inner.text("homepage")?,
        license: inner.text("license")?,
        purl: inner.text("purl")?,
    };
    for (name, text) in meta.fields() {
        nuka_pir::check_text(text).map_err(|error| inner.invalid(name, error))?;
    }
    Ok(meta)
}
