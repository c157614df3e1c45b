//! From a derivation's fields to its PIR, and that of its check.

use crate::{
    Package,
    command::{
        fields::Fields,
        inputs::{self, Inputs, Used},
        run_closure, settings,
        sources::sources,
    },
    error::labeled,
    recorder::Recorder,
    session::{self, Context, Session},
    value::{Derivation, PackageValue, custom},
};
use nu_protocol::{
    PipelineData, Record, ShellError, Span, Value,
    engine::{Closure, Stack},
};
use nuka_pir::{
    Build, Builder, Cpu, InputName, Language, Limits, Meta, OutputRule, PIR_FORMAT, PackageName, Permissions,
    Pir, Platform, Prefix, Run, Source, Step, Version,
};
use std::{collections::BTreeMap, sync::Arc};

/// The fields of a derivation.
pub(super) const FIELDS: &[&str] = &[
    "src",
    "sources",
    "language",
    "target",
    "cpu",
    "tools",
    "packages",
    "needs",
    "env",
    "limits",
    "build",
    "check",
    "outputs",
    "programs",
    "permissions",
    "platforms",
    "prefix",
    "slot",
    "meta",
];

/// Names that `$p` has for something else than an input.
const RESERVED: &[&str] = &["out", "prefix", "name", "version", "target", "sources"];

type Result<T> = std::result::Result<T, ShellError>;

/// Everything that a build and its check share.
struct Described<'d> {
    session: &'d Session,
    fields: &'d Fields<'d>,
    name: PackageName,
    version: Version,
    prefix: Prefix,
    target: Platform,
    cpu: Cpu,
    language: Language,
    sources: BTreeMap<InputName, Source>,
    env: BTreeMap<String, String>,
    limits: Limits,
}

/// Evaluates the fields, records the steps, and adds the package to the session.
pub(super) fn describe(
    stack: &Stack,
    fields: &Fields<'_>,
    name: PackageName,
    version: Version,
    short: bool,
    head: Span,
) -> Result<Arc<Derivation>> {
    let session = session::current()?;
    let here = session.context();
    let target = settings::target(fields, here)?;
    let cpu = settings::cpu(fields, here, target)?;
    let (sources, local_sources) = sources(&session, fields, &name, &version)?;
    let described = Described {
        prefix: settings::prefix(fields, &name)?,
        target,
        cpu,
        language: settings::language(fields)?,
        sources,
        env: settings::texts_by_name(fields, "env")?,
        limits: settings::limits(fields)?,
        session: &session,
        fields,
        name,
        version,
    };
    let builder = session.builder();
    let wanted = Context { platform: target, cpu };
    let mut tools = inputs::read(fields, "tools", builder, inputs::for_build)?;
    let packages = inputs::read(fields, "packages", wanted, inputs::for_build)?;
    let needs = inputs::read(fields, "needs", wanted, inputs::for_run)?;
    if short && builder == wanted {
        // The short form has one list, and its packages are what the steps use too.
        tools.extend(packages.iter().map(|(name, used)| (name.clone(), used.clone())));
    }
    let order = short.then(|| order(fields, &packages)).flatten();
    let steps = described.steps("build", stack, &tools, &packages, order)?;
    let run = Run {
        language: described.language,
        needs: inputs::of_pir(&needs),
        programs: settings::programs(fields)?,
        permissions: settings::permissions(fields)?,
        platforms: settings::platforms(fields, target)?,
    };
    let outputs = settings::outputs(fields)?;
    let pir = described.pir(described.name.clone(), steps, &tools, &packages, outputs, run);
    let (text, pid) = described.text(&pir, head)?;
    let derivation =
        Arc::new(Derivation { name: described.name.clone(), version: described.version.clone(), pid });
    let recipe = session
        .state
        .borrow()
        .active
        .last()
        .map(|active| (active.request.recipe.clone(), active.versions.clone()));
    let Some((recipe, versions)) = recipe else {
        return Err(labeled("no_session", "a derivation is described by a recipe")
            .with_label("here", head)
            .into());
    };
    let versions = if versions.is_empty() { vec![described.version.clone()] } else { versions };
    let package = |pir, text, pid, meta, check| Package {
        pir,
        text,
        pid,
        meta,
        check,
        recipe: recipe.clone(),
        versions: versions.clone(),
        local_sources: local_sources.clone(),
    };
    let check = described.check(stack, &derivation, tools, packages, head)?;
    let check = check.map(|(pir, text, pid)| {
        session.add_package(package(pir, text, pid, Meta::default(), None));
        pid
    });
    session.add_package(package(pir, text, pid, settings::meta(fields)?, check));
    Ok(derivation)
}

impl Described<'_> {
    fn pir(
        &self,
        name: PackageName,
        steps: Vec<Step>,
        tools: &Inputs,
        packages: &Inputs,
        outputs: Vec<OutputRule>,
        run: Run,
    ) -> Pir {
        Pir {
            pir: PIR_FORMAT,
            name,
            version: self.version.clone(),
            build: Build {
                builder: Builder::Wasm1,
                target: self.target,
                cpu: self.cpu,
                prefix: self.prefix.clone(),
                sources: self.sources.clone(),
                tools: inputs::of_pir(tools),
                packages: inputs::of_pir(packages),
                env: self.env.clone(),
                limits: self.limits,
                steps,
                outputs,
            },
            run,
        }
    }

    fn text(&self, pir: &Pir, head: Span) -> Result<(String, nuka_pir::Pid)> {
        let text = pir.to_text().map_err(|error| {
            ShellError::from(
                labeled("invalid", format!("{} cannot be built: {error}", self.fields.owner))
                    .with_label("here", head),
            )
        })?;
        let pid = Pir::pid_of_text(&text);
        Ok((text, pid))
    }

    /// The package that checks this one: its build runs `check`, with this package among its tools and packages.
    fn check(
        &self,
        stack: &Stack,
        derivation: &Arc<Derivation>,
        mut tools: Inputs,
        mut packages: Inputs,
        head: Span,
    ) -> Result<Option<(Pir, String, nuka_pir::Pid)>> {
        // What was asked for natively by a recipe that is for anything cannot be started in a build.
        let cross = self.target.is_native() && self.fields.get("target").is_none();
        if self.fields.get("check").is_none() || cross {
            return Ok(None);
        }
        let own =
            InputName::new(derivation.name.as_str()).map_err(|error| self.fields.invalid("check", error))?;
        let input = nuka_pir::Input { pid: derivation.pid, outputs: inputs::for_build() };
        let used = Used { input, derivation: derivation.clone() };
        tools.insert(own.clone(), used.clone());
        packages.insert(own, used);
        let steps = self.steps("check", stack, &tools, &packages, None)?;
        let name = PackageName::new(&format!("{}-check", self.name))
            .map_err(|error| self.fields.invalid("check", error))?;
        let run = Run {
            language: self.language,
            needs: BTreeMap::new(),
            programs: BTreeMap::new(),
            permissions: Permissions::default(),
            platforms: vec![self.target],
        };
        let pir = self.pir(name, steps, &tools, &packages, Vec::new(), run);
        let (text, pid) = self.text(&pir, head)?;
        Ok(Some((pir, text, pid)))
    }

    /// Runs a closure once, and gives the steps that it recorded.
    fn steps(
        &self,
        field: &str,
        stack: &Stack,
        tools: &Inputs,
        packages: &Inputs,
        order: Option<Vec<InputName>>,
    ) -> Result<Vec<Step>> {
        let closure = match self.fields.get(field) {
            None => return Ok(Vec::new()),
            Some(Value::Closure { val, .. }) => Closure::clone(val),
            Some(other) => {
                let help = format!("write `{field}: {{|p| ^tool ... }}`");
                return Err(self.fields.wrong(field, "a closure", other).with_help(help).into());
            }
        };
        let engine = self.fields.engine;
        let first = engine.get_block(closure.block_id).signature.required_positional.first();
        let name = first.map(|first| format!("${}", first.name));
        let parameter = self.parameter(field, tools, packages)?;
        let arguments = match order {
            None => vec![parameter],
            Some(order) => order
                .iter()
                .filter_map(|name| parameter.as_record().ok()?.get(name.as_str()).cloned())
                .collect(),
        };
        self.session.state.borrow_mut().recorders.push(Recorder::new());
        let symbolic = self.session.meter.set_symbolic(0);
        let result = run_closure(engine, stack, closure, arguments, PipelineData::empty(), self.fields.span);
        self.session.meter.set_symbolic(symbolic);
        let recorder = self.session.state.borrow_mut().recorders.pop();
        result.map_err(|error| self.unknown_input(name.as_deref(), error))?;
        Ok(recorder.map(Recorder::finish).unwrap_or_default())
    }

    /// Says what it means that `$p` has no such field.
    fn unknown_input(&self, parameter: Option<&str>, error: ShellError) -> ShellError {
        let ShellError::CantFindColumn { col_name, span: Some(span), src_span } = &error else {
            return error;
        };
        let source = self.fields.engine.get_span_contents(*src_span);
        if parameter.map(str::as_bytes) != Some(source) {
            return error;
        }
        let message = format!("the build of `{}` has no input `{}`", self.name, col_name.escape_debug());
        let help = format!(
            "add it: `tools: {{{col_name}: (pkg {col_name})}}` if it runs in the build, `packages` if it is for the target"
        );
        labeled("no_input", message)
            .with_label("not among its tools and packages", *span)
            .with_help(help)
            .into()
    }

    /// What a closure is given: its inputs by name, and where things are.
    fn parameter(&self, field: &str, tools: &Inputs, packages: &Inputs) -> Result<Value> {
        let span = self.fields.span;
        let text = |text: &str| Value::string(text, span);
        let mut record = Record::with_capacity(tools.len() + packages.len() + RESERVED.len());
        for (name, used) in tools.iter().chain(packages.iter().filter(|(name, _)| !tools.contains_key(*name)))
        {
            if RESERVED.contains(&name.as_str()) {
                return Err(self
                    .fields
                    .invalid(
                        field,
                        format!("an input cannot be called `{name}`: `$p.{name}` is something else"),
                    )
                    .with_help("give it another name: `tools: {other: (pkg ...)}`")
                    .into());
            }
            let mut input = Record::with_capacity(3);
            input.push("path", text(&nuka_pir::input_path(name)));
            input.push("name", text(used.derivation.name.as_str()));
            input.push("version", text(used.derivation.version.as_str()));
            record.push(name.as_str(), Value::record(input, span));
        }
        record.push("out", text(&format!("out/{}", self.prefix.relative())));
        record.push("prefix", text(self.prefix.as_str()));
        record.push("name", text(self.name.as_str()));
        record.push("version", text(self.version.as_str()));
        record.push("target", text(self.target.as_str()));
        let sources = self.sources.keys().map(|name| (name.to_string(), text(name.as_str())));
        record.push("sources", Value::record(sources.collect(), span));
        Ok(Value::record(record, span))
    }
}

/// The short form's packages in the order of its list.
fn order(fields: &Fields<'_>, packages: &Inputs) -> Option<Vec<InputName>> {
    let names: Vec<InputName> = match fields.get("packages") {
        Some(Value::List { vals, .. }) => vals
            .iter()
            .filter_map(|value| match value {
                Value::Custom { .. } => {
                    let package = custom::<PackageValue>(value)?;
                    package
                        .resolve(session::current().ok()?.context())
                        .ok()
                        .map(|derivation| derivation.name.to_string())
                }
                Value::Record { val, .. } => {
                    val.get("name").and_then(|name| name.as_str().ok()).map(str::to_owned)
                }
                value => value.as_str().ok().map(|name| name.split('@').next().unwrap_or(name).to_owned()),
            })
            .filter_map(|name| InputName::new(&name).ok())
            .collect(),
        _ => packages.keys().cloned().collect(),
    };
    Some(names)
}
