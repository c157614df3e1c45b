//! Where npm packages come from, as npm is configured.
//!
//! Read are the global, the user's and the project's `.npmrc`, each over the one before, then `npm_config_*` variables.
//! The library deno_npmrc reads them (scopes, credentials, `replace-registry-host`, `${VARIABLES}`) and gives the
//! registry's address where none is configured.

use crate::fetch::{
    FetchConfig, FetchError,
    error::{Ecosystem, parse_url},
    net::{Credential, Wire},
};
use data_encoding::BASE64;
use deno_npmrc::{NpmRc, NpmRegistryUrl, RegistryConfig, ResolvedNpmRc};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};
use sys_traits::BaseEnvVar;
use url::Url;

/// npm's configuration.
#[derive(Debug)]
pub(crate) struct NpmConfig {
    resolved: ResolvedNpmRc,
    /// Proxy and authorities.
    pub(crate) wire: Wire,
}

/// The variables that were passed in, for the library; npm does not mind the case of its own.
struct Variables<'a>(&'a FetchConfig);

impl BaseEnvVar for Variables<'_> {
    fn base_env_var_os(&self, key: &OsStr) -> Option<OsString> {
        let key = key.to_str()?;
        let value = match key.to_ascii_lowercase().strip_prefix("npm_config_") {
            Some(option) => option_variable(self.0, option),
            None => self.0.variable(key),
        };
        value.map(OsString::from)
    }
}

/// `npm_config_OPTION`, in any case, with `-` or `_`.
fn option_variable<'a>(config: &'a FetchConfig, option: &str) -> Option<&'a str> {
    let wanted = option.to_ascii_lowercase().replace('-', "_");
    config.env.iter().find_map(|(name, value)| {
        let option = name.to_ascii_lowercase();
        let option = option.strip_prefix("npm_config_")?.replace('-', "_");
        (option == wanted && !value.is_empty()).then_some(value.as_str())
    })
}

/// The project's directory: the nearest with a `package.json` or `node_modules`, else the working directory.
fn project(config: &FetchConfig) -> &Path {
    let is_project = |at: &&Path| at.join("package.json").is_file() || at.join("node_modules").is_dir();
    config.directory.ancestors().find(is_project).unwrap_or(&config.directory)
}

/// The files that npm would read, weakest first.
pub(crate) fn files(config: &FetchConfig) -> Vec<PathBuf> {
    let global = match (option_variable(config, "globalconfig"), option_variable(config, "prefix")) {
        (Some(path), _) => vec![PathBuf::from(path)],
        (None, Some(prefix)) => vec![Path::new(prefix).join("etc/npmrc")],
        // Which one npm takes depends on where node was installed.
        (None, None) => ["etc/npmrc", "usr/etc/npmrc", "usr/local/etc/npmrc"]
            .iter()
            .map(|path| config.system_file(path))
            .collect(),
    };
    let user =
        option_variable(config, "userconfig").map_or_else(|| config.home.join(".npmrc"), PathBuf::from);
    let own = project(config).join(".npmrc");
    let mut files = global;
    if own != user {
        files.push(user);
        files.push(own);
    } else {
        files.push(user);
    }
    files
}

impl NpmConfig {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`FetchError::Configuration`] names the file and what in it cannot be used.
    pub(crate) fn read(config: &FetchConfig) -> Result<Self, FetchError> {
        let variables = Variables(config);
        let mut merged = NpmRc::default();
        let mut wire = Wire::default();
        for path in files(config) {
            let text = match fs_err::read_to_string(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                other => other.map_err(FetchError::io(&path))?,
            };
            let wrong = |reason: String| FetchError::Configuration {
                ecosystem: Ecosystem::Npm,
                place: path.display().to_string(),
                reason,
            };
            let read = NpmRc::parse(&variables, &text).map_err(|error| wrong(error.to_string()))?;
            for address in read.registry.iter().chain(read.scope_registries.values()) {
                parse_url(address).map_err(|error| wrong(error.to_string()))?;
            }
            merged.registry = read.registry.or(merged.registry);
            merged.scope_registries.extend(read.scope_registries);
            merged.registry_configs.extend(read.registry_configs);
            merged.replace_registry_host = read.replace_registry_host.or(merged.replace_registry_host);
            plain_settings(&text, &path, &mut wire);
        }
        if let Some(proxy) =
            option_variable(config, "https-proxy").or_else(|| option_variable(config, "proxy"))
        {
            wire.proxy = Some(proxy.to_owned());
        }
        if let Some(bundle) = option_variable(config, "cafile") {
            wire.authorities.instead = Some(PathBuf::from(bundle));
        }
        wire.authorities.beside = config.variable("NODE_EXTRA_CA_CERTS").map(PathBuf::from);
        let wrong = |reason: String| FetchError::Configuration {
            ecosystem: Ecosystem::Npm,
            place: "npm_config_registry".to_owned(),
            reason,
        };
        if let Some(address) = option_variable(config, "registry") {
            parse_url(address).map_err(|error| wrong(error.to_string()))?;
        }
        let resolved = merged
            .as_resolved(&NpmRegistryUrl::for_npm(&variables))
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { resolved, wire })
    }

    /// The registry of a package, ending in `/`.
    pub(crate) fn registry(&self, name: &str) -> Url {
        let mut url = self.resolved.get_registry_url(name).clone();
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        url
    }

    /// Where a tarball is really to be fetched from: a mirror's packages name the public registry's host.
    pub(crate) fn tarball(&self, name: &str, url: Url) -> Url {
        self.resolved.replace_tarball_url(url, name)
    }

    /// Who to be at the registry of a package, and at the host of its tarball.
    pub(crate) fn credentials(&self, name: &str, tarball: Option<&Url>) -> Vec<Credential> {
        let registry = self.registry(name);
        let own = credential(&registry, self.resolved.get_registry_config(name));
        let there = tarball.and_then(|url| {
            let settings = self.resolved.tarball_config_for_package(url, name)?;
            credential(url, settings)
        });
        there.into_iter().chain(own).collect()
    }
}

/// The `Authorization` that npm would send with these settings.
fn credential(url: &Url, settings: &RegistryConfig) -> Option<Credential> {
    if let Some(token) = &settings.auth_token {
        return Some(Credential::bearer(url, token));
    }
    if let Some(auth) = &settings.auth {
        return Some(Credential::header(url, format!("Basic {auth}")));
    }
    let name = settings.username.as_deref().or(settings.email.as_deref())?;
    let password = BASE64.decode(settings.password.as_deref()?.as_bytes()).ok()?;
    Some(Credential::basic(url, name, &String::from_utf8(password).ok()?))
}

/// The plain settings that the library leaves aside: proxies and the bundle of authorities.
fn plain_settings(text: &str, path: &Path, wire: &mut Wire) {
    let mut https = false;
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim().trim_matches(['"', '\'']);
        if value.is_empty() || value == "null" || value == "false" {
            continue;
        }
        match key.trim() {
            "https-proxy" => {
                https = true;
                wire.proxy = Some(value.to_owned());
            }
            "proxy" | "http-proxy" if !https => wire.proxy = Some(value.to_owned()),
            "cafile" => {
                wire.authorities.instead = Some(path.parent().unwrap_or(Path::new("")).join(value));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)], env: &[(&str, &str)]) -> Result<NpmConfig, FetchError> {
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
        NpmConfig::read(&config)
    }

    #[test]
    fn nothing_configured_is_the_library_s_default() {
        let config = read(&[], &[]).unwrap();
        let default = Url::parse(deno_npmrc::NPM_DEFAULT_REGISTRY).unwrap();
        assert_eq!(config.registry("left-pad"), default);
        assert!(config.credentials("left-pad", None).is_empty());
    }

    #[test]
    fn the_project_is_over_the_user_is_over_the_machine_and_variables_over_all() {
        let files = [
            ("etc/npmrc", "registry=https://machine.test/\n@a:registry=https://a.test/x/\nproxy=m:1\n"),
            ("home/.npmrc", "registry=https://user.test\n//user.test/:_authToken=${SECRET}\n"),
            ("home/project/.npmrc", "; comment\nhttps-proxy = \"p:2\"\n"),
        ];
        let config = read(&files, &[("SECRET", "s")]).unwrap();
        assert_eq!(config.registry("b").as_str(), "https://user.test/");
        assert_eq!(config.registry("@a/b").as_str(), "https://a.test/x/");
        assert_eq!(config.wire.proxy.as_deref(), Some("p:2"));
        assert_eq!(config.credentials("b", None).len(), 1);
        assert!(config.credentials("@a/b", None).is_empty());
        for name in ["npm_config_registry", "NPM_CONFIG_REGISTRY"] {
            let config = read(&files, &[(name, "https://env.test/npm")]).unwrap();
            assert_eq!(config.registry("b").as_str(), "https://env.test/npm/");
        }
    }

    #[test]
    fn a_mirror_s_tarballs_come_from_the_mirror() {
        let config = read(&[("home/.npmrc", "registry=http://mirror.test/npm/\n")], &[]).unwrap();
        let public = Url::parse(deno_npmrc::NPM_DEFAULT_REGISTRY).unwrap().join("b/-/b-1.tgz").unwrap();
        assert_eq!(config.tarball("b", public).as_str(), "http://mirror.test/npm/b/-/b-1.tgz");
        let other = Url::parse("https://other.test/b-1.tgz").unwrap();
        assert_eq!(config.tarball("b", other.clone()), other);
    }

    #[test]
    fn a_bad_address_is_named() {
        let error = read(&[("home/.npmrc", "registry=nonsense\n")], &[]).unwrap_err();
        assert!(error.to_string().contains(".npmrc"), "{error}");
        assert!(error.to_string().contains("nonsense"), "{error}");
        assert!(read(&[], &[("npm_config_registry", "x")]).is_err());
    }
}
