//! Looking at packages: what they are, how they hang together, what their builds said.

use super::Nuka;
use crate::{
    api::{Found, OutputInfo, PackageInfo, PirText, Target, WhyStep},
    error::Error,
    evaluate::{self, Answer},
    event::PackageRef,
    logs, plan, published,
    worker::package_ref,
};
use nuka_pir::{
    CurrentDirectory, OutputName, Permissions, Pid, Pir, canonical,
    graph::{self, Pirs},
};
use std::{collections::btree_map::Entry, path::PathBuf};

impl Nuka {
    fn one(&self, target: &Target) -> Result<(Answer, Pid), Error> {
        let answer = evaluate::evaluate(self.store()?, &self.roots, std::slice::from_ref(target))?;
        let pid = answer.roots.first().copied();
        let pid = pid.ok_or_else(|| Error::NotFound { what: target.to_string(), suggestion: None })?;
        Ok((answer, pid))
    }

    /// What is to be known of a package.
    pub fn show(&self, target: &Target) -> Result<PackageInfo, Error> {
        let (answer, pid) = self.one(target)?;
        let index = self.store()?.read()?;
        let pir = plan::load(&index, pid)?;
        let package = package_ref(pid, &pir);
        let references = |inputs: &mut dyn Iterator<Item = Pid>| -> Result<Vec<PackageRef>, Error> {
            inputs.map(|pid| Ok(package_ref(pid, &plan::load(&index, pid)?))).collect()
        };
        let outputs = index.realisation(&pid)?.map(|realisation| realisation.outputs).unwrap_or_default();
        let evaluated = answer.packages.get(&pid.to_string());
        let meta = evaluated.map(|package| package.meta.clone()).unwrap_or_default();
        let key = published::key(&package.name, &package.version);
        Ok(PackageInfo {
            description: meta.description,
            homepage: meta.homepage,
            license: meta.license,
            purl: meta.purl,
            language: pir.run.language.name().to_owned(),
            target: pir.build.target.to_string(),
            versions: evaluated.map(|package| package.versions.clone()).unwrap_or_default(),
            recipe: evaluated.map(|package| package.recipe.clone()).unwrap_or_default(),
            programs: pir.run.programs.keys().map(ToString::to_string).collect(),
            permissions: permissions(&pir.run.permissions),
            sources: pir.build.sources.values().map(|source| source.origin.to_string()).collect(),
            build_inputs: references(&mut pir.build_inputs().map(|(_, input)| input.pid))?,
            needs: references(&mut pir.run.needs.values().map(|input| input.pid))?,
            outputs: outputs
                .iter()
                .map(|(name, tree)| OutputInfo {
                    name: name.to_string(),
                    cid: tree.cid,
                    bytes: tree.size,
                    entries: tree.count,
                })
                .collect(),
            // What is published is for WebAssembly.
            published: self.published()?.get(&key).copied().filter(|_| target.platform().is_wasm()),
            package,
        })
    }

    /// A package's PIR.
    pub fn pir(&self, target: &Target) -> Result<PirText, Error> {
        let (_, pid) = self.one(target)?;
        let pir = plan::load(&self.store()?.read()?, pid)?;
        let canonical = pir.to_text()?;
        let value = canonical::parse(&canonical).map_err(nuka_pir::PirError::from)?;
        let pretty = canonical::value_to_pretty(&value).map_err(nuka_pir::PirError::from)?;
        Ok(PirText { package: package_ref(pid, &pir), canonical, pretty })
    }

    /// The shortest chain of references from one package to another; `None` if there is none.
    pub fn why(&self, from: &Target, to: &Target) -> Result<Option<Vec<WhyStep>>, Error> {
        let (_, start) = self.one(from)?;
        let (_, end) = self.one(to)?;
        let pirs = self.closure(start)?;
        let Some(chain) = graph::why(&pirs, start, end) else { return Ok(None) };
        let step = |(input, pid): (nuka_pir::InputName, Pid)| {
            Some(WhyStep { input: input.to_string(), package: package_ref(pid, pirs.get(&pid)?) })
        };
        Ok(Some(chain.into_iter().filter_map(step).collect()))
    }

    /// A package's PIR and those of everything it refers to.
    fn closure(&self, pid: Pid) -> Result<Pirs, Error> {
        let index = self.store()?.read()?;
        let mut pirs = Pirs::new();
        let mut stack = vec![pid];
        while let Some(pid) = stack.pop() {
            if let Entry::Vacant(place) = pirs.entry(pid) {
                let pir = place.insert(Box::new(plan::load(&index, pid)?));
                stack.extend(pir.references().map(|(_, input)| input.pid));
            }
        }
        Ok(pirs)
    }

    /// Where the log of a package's build is.
    pub fn log(&self, target: &Target) -> Result<PathBuf, Error> {
        let (_, pid) = self.one(target)?;
        let index = self.store()?.read()?;
        let pir = plan::load(&index, pid)?;
        let not_built = || Error::NotBuilt { name: pir.name.to_string(), version: pir.version.to_string() };
        let path = match index.realisation(&pid)? {
            Some(realisation) => logs::path(&self.config.logs(), realisation.build),
            None => logs::failed(&self.config.logs(), pid),
        };
        if path.exists() { Ok(path) } else { Err(not_built()) }
    }

    /// Recipes whose name or description has all of the words.
    pub fn search(&self, words: &str) -> Result<Vec<Found>, Error> {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let mut found = Vec::new();
        for target in self.all()? {
            // A recipe that does not evaluate is not found; building it says why.
            let Ok((answer, pid)) = self.one(&target) else { continue };
            let index = self.store()?.read()?;
            let pir: Pir = plan::load(&index, pid)?;
            let evaluated = answer.packages.get(&pid.to_string());
            let description = evaluated.and_then(|package| package.meta.description.clone());
            let text = format!("{} {}", pir.name, description.as_deref().unwrap_or_default()).to_lowercase();
            if words.iter().all(|word| text.contains(word.as_str())) {
                let built =
                    index.realisation(&pid)?.is_some_and(|r| r.outputs.contains_key(&OutputName::out()));
                let version = pir.version.to_string();
                found.push(Found { name: pir.name.to_string(), version, description, built });
            }
        }
        Ok(found)
    }
}

/// Permissions in words.
fn permissions(permissions: &Permissions) -> String {
    let mut words = vec![match permissions.directory {
        CurrentDirectory::None => "sees no directory of yours".to_owned(),
        CurrentDirectory::Read => "reads the current directory".to_owned(),
        CurrentDirectory::Write => "reads and changes the current directory".to_owned(),
    }];
    if !permissions.env.is_empty() {
        words.push(format!("sees the variables {}", permissions.env.join(", ")));
    }
    if permissions.network {
        words.push("opens network connections".to_owned());
    }
    words.join("; ")
}
