//! Where Python packages come from, as uv or pip is configured.
//!
//! uv first: `UV_*` variables, then `uv.toml` or `[tool.uv]` of `pyproject.toml` from the working directory
//! upwards, the person's and the machine's `uv.toml`. Where uv names no index, pip: `PIP_*` variables, the file
//! that `PIP_CONFIG_FILE` names, the virtual environment's, the person's and the machine's `pip.conf`. Further
//! indexes are asked before the main one, as uv does. Where neither names an index, see
//! [`python_default`](super::python_default).

use super::ini;
use crate::fetch::{
    FetchConfig, FetchError,
    error::{Ecosystem, parse_url},
    net::Wire,
};
use std::path::{Path, PathBuf};
use toml::Table;
use url::Url;

/// The configuration of Python's package clients.
#[derive(Debug, Clone, Default)]
pub(crate) struct PythonConfig {
    /// The main index, where one is configured; ends in `/`.
    pub(crate) main: Option<Url>,
    /// Further indexes.
    pub(crate) further: Vec<Url>,
    /// Directories that may have files already (`find-links`).
    pub(crate) directories: Vec<PathBuf>,
    /// Whether no index is to be asked at all (`no-index`).
    pub(crate) no_index: bool,
    /// Proxy and authorities.
    pub(crate) wire: Wire,
    /// The files that were looked at.
    pub(crate) looked_at: Vec<PathBuf>,
}

fn wrong(place: &str, reason: impl Into<String>) -> FetchError {
    FetchError::Configuration { ecosystem: Ecosystem::Python, place: place.to_owned(), reason: reason.into() }
}

fn index(place: &str, text: &str) -> Result<Url, FetchError> {
    // uv writes `name=address` where an index has a name.
    let bare = match text.split_once('=') {
        Some((name, rest)) if !name.contains([':', '/', '?']) => rest,
        _ => text,
    };
    let mut url = parse_url(bare.trim()).map_err(|error| wrong(place, error.to_string()))?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

fn read(path: &Path) -> Result<Option<String>, FetchError> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(FetchError::io(path)(error)),
    }
}

impl PythonConfig {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`FetchError::Configuration`] names the file and what in it cannot be used.
    pub(crate) fn read(config: &FetchConfig) -> Result<Self, FetchError> {
        let mut found = Self::default();
        found.uv_variables(config)?;
        found.uv_files(config)?;
        found.pip(config)?;
        found.further.dedup();
        Ok(found)
    }

    fn uv_variables(&mut self, config: &FetchConfig) -> Result<(), FetchError> {
        for name in ["UV_DEFAULT_INDEX", "UV_INDEX_URL"] {
            if let (None, Some(text)) = (&self.main, config.variable(name)) {
                self.main = Some(index(name, text)?);
            }
        }
        for name in ["UV_INDEX", "UV_EXTRA_INDEX_URL"] {
            for text in config.variable(name).unwrap_or_default().split_whitespace() {
                self.further.push(index(name, text)?);
            }
        }
        Ok(())
    }

    fn uv_files(&mut self, config: &FetchConfig) -> Result<(), FetchError> {
        if config.variable("UV_NO_CONFIG").is_some() {
            return Ok(());
        }
        let mut files: Vec<(PathBuf, Table)> = Vec::new();
        let mut add = |path: PathBuf, below: &[&str]| -> Result<bool, FetchError> {
            let text = read(&path)?;
            self.looked_at.push(path.clone());
            let Some(text) = text else { return Ok(false) };
            let shown = path.display().to_string();
            let mut table: Table =
                text.parse().map_err(|error: toml::de::Error| wrong(&shown, error.message()))?;
            for key in below {
                match table.remove(*key) {
                    Some(toml::Value::Table(inner)) => table = inner,
                    _ => return Ok(false),
                }
            }
            files.push((path, table));
            Ok(true)
        };
        match config.variable("UV_CONFIG_FILE") {
            Some(path) => {
                add(config.directory.join(path), &[])?;
            }
            None => {
                for directory in config.directory.ancestors() {
                    let (own, project) = (directory.join("uv.toml"), directory.join("pyproject.toml"));
                    if own.is_file() && add(own, &[])? || project.is_file() && add(project, &["tool", "uv"])?
                    {
                        break;
                    }
                }
                add(config.user_config().join("uv/uv.toml"), &[])?;
                for directory in config.system_configs() {
                    add(directory.join("uv/uv.toml"), &[])?;
                }
                add(config.system_file("etc/uv/uv.toml"), &[])?;
            }
        }
        for (path, table) in files {
            self.uv_table(&path.display().to_string(), &table)?;
        }
        Ok(())
    }

    fn uv_table(&mut self, place: &str, table: &Table) -> Result<(), FetchError> {
        let inner = table.get("pip").and_then(|value| value.as_table());
        for table in [Some(table), inner].into_iter().flatten() {
            for entry in table.get("index").and_then(|value| value.as_array()).into_iter().flatten() {
                let Some(text) = entry.get("url").and_then(|url| url.as_str()) else { continue };
                let flag = |key| entry.get(key).and_then(|value| value.as_bool()).unwrap_or(false);
                if flag("explicit") {
                    continue;
                }
                let url = index(place, text)?;
                if flag("default") {
                    self.main.get_or_insert(url);
                } else {
                    self.further.push(url);
                }
            }
            if let (None, Some(text)) = (&self.main, table.get("index-url").and_then(|url| url.as_str())) {
                self.main = Some(index(place, text)?);
            }
            for text in table.get("extra-index-url").and_then(|value| value.as_array()).into_iter().flatten()
            {
                if let Some(text) = text.as_str() {
                    self.further.push(index(place, text)?);
                }
            }
        }
        Ok(())
    }

    fn pip(&mut self, config: &FetchConfig) -> Result<(), FetchError> {
        // Strongest first: a setting that stands is not overwritten.
        let mut settings: Vec<(String, String, String)> = Vec::new();
        for (key, name) in [
            ("index-url", "PIP_INDEX_URL"),
            ("extra-index-url", "PIP_EXTRA_INDEX_URL"),
            ("find-links", "PIP_FIND_LINKS"),
            ("no-index", "PIP_NO_INDEX"),
            ("proxy", "PIP_PROXY"),
            ("cert", "PIP_CERT"),
        ] {
            if let Some(value) = config.variable(name) {
                settings.push((name.to_owned(), key.to_owned(), value.to_owned()));
            }
        }
        for path in self.pip_files(config) {
            self.looked_at.push(path.clone());
            let Some(text) = read(&path)? else { continue };
            let place = path.display().to_string();
            let mut own = ini::parse(&text).map_err(|reason| wrong(&place, reason))?;
            own.retain(|(section, ..)| ["global", "install", "download"].contains(&section.as_str()));
            // What is said of one command is stronger than what is said of all.
            own.sort_by_key(|(section, ..)| section == "global");
            settings.extend(own.into_iter().map(|(_, key, value)| (place.clone(), key, value)));
        }
        let first = |key: &str| settings.iter().find(|(_, name, _)| name == key);
        if self.main.is_none() {
            if let Some((place, _, text)) = first("index-url") {
                self.main = Some(index(place, text)?);
            }
            if let Some((place, _, list)) = first("extra-index-url") {
                for text in list.split_whitespace() {
                    self.further.push(index(place, text)?);
                }
            }
        }
        self.no_index =
            first("no-index").is_some_and(|(.., value)| !matches!(value.as_str(), "0" | "false" | "no"));
        for place in first("find-links").map(|(.., list)| list.split_whitespace()).into_iter().flatten() {
            let path = PathBuf::from(place.strip_prefix("file://").unwrap_or(place));
            if path.is_absolute() {
                self.directories.push(path);
            }
        }
        self.wire.proxy = first("proxy").map(|(.., proxy)| proxy.clone());
        self.wire.authorities.instead = first("cert").map(|(.., bundle)| PathBuf::from(bundle));
        Ok(())
    }

    fn pip_files(&self, config: &FetchConfig) -> Vec<PathBuf> {
        let mut files = Vec::new();
        match config.variable("PIP_CONFIG_FILE") {
            Some("/dev/null") => return files,
            Some(path) => files.push(PathBuf::from(path)),
            None => {}
        }
        files.extend(config.variable("VIRTUAL_ENV").map(|path| Path::new(path).join("pip.conf")));
        files.push(config.user_config().join("pip/pip.conf"));
        files.push(config.home.join(".pip/pip.conf"));
        files.push(config.system_file("etc/pip.conf"));
        files.extend(config.system_configs().iter().rev().map(|directory| directory.join("pip/pip.conf")));
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(files: &[(&str, &str)], env: &[(&str, &str)]) -> Result<PythonConfig, FetchError> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let env = env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let at = root.path();
        let mut config = FetchConfig::new(env, at.join("home"), at.join("home/project"), at);
        config.system = at.to_owned();
        PythonConfig::read(&config)
    }

    fn main(config: &PythonConfig) -> Option<&str> {
        config.main.as_ref().map(Url::as_str)
    }

    #[test]
    fn nothing_configured_is_nothing() {
        let config = read_from(&[("etc/pip.conf", "[global]\ncert = /ca.pem\n")], &[]).unwrap();
        assert_eq!(main(&config), None);
        assert_eq!(config.wire.authorities.instead.as_deref(), Some(Path::new("/ca.pem")));
        assert!(config.looked_at.iter().any(|path| path.ends_with("etc/pip.conf")));
    }

    #[test]
    fn pip_s_files_and_variables_have_their_order() {
        let files = [
            (
                "etc/pip.conf",
                "[global]\nindex-url = https://machine.test/simple\nextra-index-url = https://x.test\n",
            ),
            (
                "home/.config/pip/pip.conf",
                "[global]\nindex-url = https://user.test/a\n[install]\nindex-url=https://user.test/b\n",
            ),
        ];
        let config = read_from(&files, &[]).unwrap();
        assert_eq!(main(&config), Some("https://user.test/b/"));
        assert_eq!(config.further.iter().map(Url::as_str).collect::<Vec<_>>(), ["https://x.test/"]);
        let config = read_from(
            &files,
            &[("PIP_INDEX_URL", "https://me:pw@env.test/s/"), ("PIP_FIND_LINKS", "/wheels")],
        )
        .unwrap();
        assert_eq!(main(&config), Some("https://me:pw@env.test/s/"));
        assert_eq!(config.directories, [PathBuf::from("/wheels")]);
    }

    #[test]
    fn uv_is_asked_first() {
        let project = "[[index]]\nname='in'\nurl='https://in.test/simple'\n[[index]]\nurl='https://main.test/simple'\ndefault=true\n";
        let files = [
            ("home/project/uv.toml", project),
            ("home/.config/uv/uv.toml", "index-url='https://user.test'\n"),
            ("home/.config/pip/pip.conf", "[global]\nindex-url=https://pip.test\n"),
        ];
        let config = read_from(&files, &[]).unwrap();
        assert_eq!(main(&config), Some("https://main.test/simple/"));
        assert_eq!(config.further.iter().map(Url::as_str).collect::<Vec<_>>(), ["https://in.test/simple/"]);
        let config = read_from(
            &files,
            &[("UV_DEFAULT_INDEX", "corp=https://env.test"), ("UV_INDEX", "a=https://a.test https://b.test")],
        )
        .unwrap();
        assert_eq!(main(&config), Some("https://env.test/"));
        assert_eq!(config.further.len(), 3);
        let pyproject = [("home/project/pyproject.toml", "[tool.uv.pip]\nindex-url='https://p.test/'\n")];
        assert_eq!(main(&read_from(&pyproject, &[]).unwrap()), Some("https://p.test/"));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (path, text) in [
            ("home/project/uv.toml", "index-url = 'nonsense'"),
            ("home/project/uv.toml", "index-url = "),
            ("home/.pip/pip.conf", "[global]\nindex-url = nonsense\n"),
            ("etc/pip.conf", "nonsense"),
        ] {
            let error = read_from(&[(path, text)], &[]).unwrap_err();
            assert!(error.to_string().contains(path), "{error}");
        }
    }
}
