//! Where crates come from, as cargo is configured.
//!
//! Read are `.cargo/config.toml` (or `.cargo/config`) from the working directory upwards, then the one in
//! `$CARGO_HOME`; the first to set a key wins, and `CARGO_*` variables win over all. Source replacement is followed
//! from `crates-io` on. Without any, the index is the one whose address the library tame-index publishes.

use crate::fetch::{
    FetchConfig, FetchError,
    error::{Ecosystem, parse_url},
    net::{Authorities, Client, Wire},
};
use std::path::{Path, PathBuf};
use toml::{Table, Value};
use url::Url;

/// Most replacements that are followed, one after another.
const MOST_REPLACEMENTS: usize = 16;

/// Cargo's configuration, as far as fetching a crate needs it.
#[derive(Debug, Clone)]
pub(crate) struct CargoConfig {
    /// Where the index is.
    pub(crate) index: IndexAt,
    /// The token of that registry, for when it asks who is there.
    pub(crate) token: Option<String>,
    /// Proxy and authorities.
    pub(crate) wire: Wire,
}

/// Where an index is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IndexAt {
    /// A sparse index: plain files under an address that ends in `/`.
    Sparse(Url),
    /// A `local-registry`: a directory of `NAME-VERSION.crate` files and an `index` directory.
    Local(PathBuf),
}

/// The configuration files, first wins.
struct Files {
    tables: Vec<(PathBuf, Table)>,
}

impl Files {
    fn read(config: &FetchConfig) -> Result<Self, FetchError> {
        let home = config
            .variable("CARGO_HOME")
            .map_or_else(|| config.home.join(".cargo"), |path| config.directory.join(path));
        let mut directories: Vec<PathBuf> =
            config.directory.ancestors().map(|at| at.join(".cargo")).collect();
        directories.retain(|directory| *directory != home);
        directories.push(home.clone());
        let mut tables = Vec::new();
        for directory in directories {
            // As cargo does: where both exist, the one without an extension is the one that counts.
            let names = [directory.join("config"), directory.join("config.toml")];
            if let Some(path) = names.into_iter().find(|path| path.is_file()) {
                tables.push((path.clone(), parse(&path)?));
            }
        }
        for name in ["credentials", "credentials.toml"] {
            let path = home.join(name);
            if path.is_file() {
                tables.push((path.clone(), parse(&path)?));
                break;
            }
        }
        Ok(Self { tables })
    }

    fn value(&self, keys: &[&str]) -> Option<(&Path, &Value)> {
        self.tables.iter().find_map(|(path, table)| {
            let (first, rest) = keys.split_first()?;
            let mut value = table.get(*first)?;
            for key in rest {
                value = value.get(*key)?;
            }
            Some((path.as_path(), value))
        })
    }

    fn text(&self, keys: &[&str]) -> Result<Option<(PathBuf, String)>, FetchError> {
        match self.value(keys) {
            None => Ok(None),
            Some((path, Value::String(text))) => Ok(Some((path.to_owned(), text.clone()))),
            Some((path, other)) => {
                Err(wrong(path, format!("`{}` is {}, not a text", keys.join("."), other.type_str())))
            }
        }
    }
}

fn wrong(place: &Path, reason: String) -> FetchError {
    FetchError::Configuration { ecosystem: Ecosystem::Cargo, place: place.display().to_string(), reason }
}

fn parse(path: &Path) -> Result<Table, FetchError> {
    let text = fs_err::read_to_string(path).map_err(FetchError::io(path))?;
    text.parse().map_err(|error: toml::de::Error| wrong(path, error.message().to_owned()))
}

/// A relative path in `DIR/.cargo/config.toml` is relative to DIR.
fn relative(place: &Path, text: &str) -> PathBuf {
    place.parent().and_then(Path::parent).unwrap_or(place).join(text)
}

/// `my-registry` as it stands in the name of a variable.
fn in_variable(name: &str) -> String {
    name.chars().map(|c| if c == '-' || c == '.' { '_' } else { c.to_ascii_uppercase() }).collect()
}

impl CargoConfig {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`FetchError::Configuration`] names the file and what in it cannot be used.
    pub(crate) fn read(config: &FetchConfig) -> Result<Self, FetchError> {
        let files = Files::read(config)?;
        let (name, index) = Self::find(config, &files)?;
        let variable = format!("CARGO_REGISTRIES_{}_TOKEN", in_variable(&name));
        let token = match config.variable(&variable) {
            Some(token) => Some(token.to_owned()),
            None if name == "crates-io" => files.text(&["registry", "token"])?.map(|(_, token)| token),
            None => files.text(&["registries", &name, "token"])?.map(|(_, token)| token),
        };
        let proxy = match config.variable("CARGO_HTTP_PROXY") {
            Some(proxy) => Some(proxy.to_owned()),
            None => files.text(&["http", "proxy"])?.map(|(_, proxy)| proxy),
        };
        let instead = match config.variable("CARGO_HTTP_CAINFO") {
            Some(path) => Some(PathBuf::from(path)),
            None => files.text(&["http", "cainfo"])?.map(|(place, path)| relative(&place, &path)),
        };
        let wire = Wire { proxy, authorities: Authorities { instead, beside: None } };
        Ok(Self { index, token, wire })
    }

    fn find(config: &FetchConfig, files: &Files) -> Result<(String, IndexAt), FetchError> {
        let mut name = "crates-io".to_owned();
        for _ in 0..MOST_REPLACEMENTS {
            if let Some((_, next)) = files.text(&["source", &name, "replace-with"])? {
                name = next;
                continue;
            }
            return Ok((name.clone(), Self::named(config, files, &name)?));
        }
        let place = files.value(&["source"]).map_or(Path::new("config.toml"), |(path, _)| path);
        Err(wrong(place, format!("the replacement of `crates-io` by `{name}` goes round in a circle")))
    }

    fn named(config: &FetchConfig, files: &Files, name: &str) -> Result<IndexAt, FetchError> {
        let source = |key| files.text(&["source", name, key]);
        if let Some((place, path)) = source("local-registry")? {
            return Ok(IndexAt::Local(relative(&place, &path)));
        }
        if let Some((place, _)) = source("directory")? {
            let reason =
                format!("the source `{name}` is a vendored directory, which holds no crates as published");
            return Err(wrong(&place, reason));
        }
        if let Some((place, text)) = source("registry")? {
            return sparse(&place, &text);
        }
        let variable = format!("CARGO_REGISTRIES_{}_INDEX", in_variable(name));
        if let Some(text) = config.variable(&variable) {
            return sparse(Path::new(&variable), text);
        }
        if let Some((place, text)) = files.text(&["registries", name, "index"])? {
            return sparse(&place, &text);
        }
        if name == "crates-io" {
            return sparse(Path::new("tame-index"), tame_index::CRATES_IO_HTTP_INDEX);
        }
        let place = files.value(&["source"]).map_or(Path::new("config.toml"), |(path, _)| path);
        Err(wrong(place, format!("there is no source and no registry `{name}`")))
    }
}

fn sparse(place: &Path, text: &str) -> Result<IndexAt, FetchError> {
    // The git index of old and the sparse one are the same registry.
    let text = if text == tame_index::CRATES_IO_INDEX { tame_index::CRATES_IO_HTTP_INDEX } else { text };
    let Some(address) = text.strip_prefix("sparse+") else {
        return Err(wrong(
            place,
            format!("the index `{text}` is kept in git; nuka reads sparse ones (`sparse+https://...`)"),
        ));
    };
    let mut url = parse_url(address).map_err(|error| wrong(place, error.to_string()))?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(IndexAt::Sparse(url))
}

impl Client {
    /// Cargo's configuration for this client.
    pub(crate) fn cargo_config(&self) -> Result<CargoConfig, FetchError> {
        CargoConfig::read(&self.config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Machine {
        root: tempfile::TempDir,
        env: BTreeMap<String, String>,
    }

    impl Machine {
        fn new(files: &[(&str, &str)]) -> Self {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = root.path().join(path);
                fs_err::create_dir_all(path.parent().unwrap()).unwrap();
                fs_err::write(path, text).unwrap();
            }
            Self { root, env: BTreeMap::new() }
        }

        fn set(mut self, name: &str, value: &str) -> Self {
            self.env.insert(name.to_owned(), value.to_owned());
            self
        }

        fn read(&self) -> Result<CargoConfig, FetchError> {
            let root = self.root.path();
            CargoConfig::read(&FetchConfig::new(
                self.env.clone(),
                root.join("home"),
                root.join("home/project"),
                root,
            ))
        }
    }

    #[test]
    fn nothing_configured_is_the_library_s_default() {
        let config = Machine::new(&[]).read().unwrap();
        let default = tame_index::CRATES_IO_HTTP_INDEX.strip_prefix("sparse+").unwrap();
        assert_eq!(config.index, IndexAt::Sparse(Url::parse(default).unwrap()));
        assert_eq!(config.token, None);
    }

    #[test]
    fn replacements_are_followed_and_the_nearest_file_wins() {
        let near = "[source.crates-io]\nreplace-with = 'near'\n[registries.near]\nindex = 'sparse+https://near.test/i'\n";
        let far = "[source.crates-io]\nreplace-with = 'far'\n[http]\nproxy = 'p:1'\ncainfo = 'ca.pem'\n";
        let machine =
            Machine::new(&[("home/project/.cargo/config.toml", near), ("home/.cargo/config.toml", far)]);
        let config = machine.read().unwrap();
        assert_eq!(config.index, IndexAt::Sparse(Url::parse("https://near.test/i/").unwrap()));
        assert_eq!(config.wire.proxy.as_deref(), Some("p:1"));
        assert_eq!(config.wire.authorities.instead, Some(machine.root.path().join("home/ca.pem")));
        let other = machine
            .set("CARGO_REGISTRIES_NEAR_INDEX", "sparse+http://env.test/")
            .set("CARGO_REGISTRIES_NEAR_TOKEN", "t");
        let config = other.read().unwrap();
        assert_eq!(config.index, IndexAt::Sparse(Url::parse("http://env.test/").unwrap()));
        assert_eq!(config.token.as_deref(), Some("t"));
    }

    #[test]
    fn a_chain_ends_at_a_local_registry_or_is_named_as_a_circle() {
        let chain = "[source.crates-io]\nreplace-with='a'\n[source.a]\nreplace-with='b'\n[source.b]\nlocal-registry='reg'\n";
        let machine = Machine::new(&[("home/.cargo/config.toml", chain)]);
        assert_eq!(machine.read().unwrap().index, IndexAt::Local(machine.root.path().join("home/reg")));
        let circle = "[source.crates-io]\nreplace-with='a'\n[source.a]\nreplace-with='crates-io'\n";
        let error = Machine::new(&[("home/.cargo/config.toml", circle)]).read().unwrap_err();
        assert!(error.to_string().contains("circle"), "{error}");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (text, part) in [
            ("[source.crates-io]\nreplace-with='v'\n[source.v]\ndirectory='vendor'\n", "vendored directory"),
            ("[source.crates-io]\nreplace-with='v'\n", "no registry `v`"),
            ("[source.crates-io]\nreplace-with=1\n", "is integer, not a text"),
            ("[source.crates-io]\nregistry='https://git.test/index'\n", "kept in git"),
            ("[source", ""),
        ] {
            let error = Machine::new(&[("home/.cargo/config.toml", text)]).read().unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.to_string().contains("config.toml"), "{error}");
        }
    }
}
