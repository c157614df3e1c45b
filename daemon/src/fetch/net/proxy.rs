//! Which proxy a request goes through: the client's own setting first, then `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`
//! and `NO_PROXY` in either case, as curl and the language clients read them.

use crate::fetch::{FetchConfig, FetchError};
use url::Url;

/// The proxies of the environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies {
    https: Option<String>,
    http: Option<String>,
    exceptions: Vec<String>,
}

impl Proxies {
    /// Reads the variables that were passed in.
    pub(crate) fn new(config: &FetchConfig) -> Self {
        let either = |lower: &str| {
            config.variable(lower).or_else(|| config.variable(&lower.to_ascii_uppercase())).map(str::to_owned)
        };
        let all = either("all_proxy");
        let exceptions = either("no_proxy").unwrap_or_default();
        Self {
            https: either("https_proxy").or_else(|| all.clone()),
            // Upper-case HTTP_PROXY is what a request header can set in CGI, but not for a program like this one.
            http: either("http_proxy").or(all),
            exceptions: exceptions
                .split([',', ' '])
                .map(|part| part.trim().trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase())
                .filter(|part| !part.is_empty())
                .collect(),
        }
    }

    /// The proxy for an address, where there is one; `own` is what the ecosystem's client is told to use.
    pub(crate) fn choose(&self, url: &Url, own: Option<&str>) -> Option<String> {
        let host = url.host_str()?.to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default();
        let excepted = self.exceptions.iter().any(|exception| {
            let (name, wanted) = match exception.rsplit_once(':') {
                Some((name, digits)) if !name.contains(':') => (name, digits.parse::<u16>().ok()),
                _ => (exception.as_str(), None),
            };
            let here = exception == "*"
                || bare == name
                || bare.strip_suffix(name).is_some_and(|front| front.ends_with('.'));
            here && (wanted.is_none() || wanted == port)
        });
        if excepted {
            return None;
        }
        let chosen = own.or(match url.scheme() {
            "https" => self.https.as_deref(),
            _ => self.http.as_deref(),
        })?;
        Some(if chosen.contains("://") { chosen.to_owned() } else { format!("http://{chosen}") })
    }
}

/// Makes the HTTP library's proxy of an address.
pub(crate) fn connect_through(proxy: &str) -> Result<ureq::Proxy, FetchError> {
    ureq::Proxy::new(proxy).map_err(|error| {
        let plain =
            Url::parse(proxy).map_or_else(|_| "...".to_owned(), |url| super::super::error::shown(&url));
        FetchError::Proxy { proxy: plain, reason: error.to_string() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let env = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Proxies::new(&FetchConfig::new(env, "/home", "/home", "/downloads"))
    }

    fn choice(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.choose(&Url::parse(url).unwrap(), None)
    }

    #[test]
    fn schemes_have_their_own_proxies() {
        let set = proxies(&[
            ("HTTPS_PROXY", "http://secure:1"),
            ("http_proxy", "plain:2"),
            ("no_proxy", "b.test,.c.test"),
        ]);
        assert_eq!(choice(&set, "https://a.test/").as_deref(), Some("http://secure:1"));
        assert_eq!(choice(&set, "http://a.test/").as_deref(), Some("http://plain:2"));
        for direct in ["https://b.test/", "https://x.b.test/", "https://c.test/", "http://x.c.test:8080/"] {
            assert_eq!(choice(&set, direct), None, "{direct}");
        }
        assert!(choice(&set, "https://ab.test/").is_some());
    }

    #[test]
    fn ports_stars_and_numbers() {
        let set = proxies(&[("ALL_PROXY", "http://p:1"), ("NO_PROXY", "a.test:81, 127.0.0.1 ,::1")]);
        assert_eq!(choice(&set, "http://a.test:81/"), None);
        assert!(choice(&set, "http://a.test/").is_some());
        assert_eq!(choice(&set, "http://127.0.0.1:9/"), None);
        assert_eq!(choice(&set, "http://[::1]:9/"), None);
        assert_eq!(choice(&proxies(&[("ALL_PROXY", "http://p"), ("NO_PROXY", "*")]), "http://a/"), None);
        assert_eq!(choice(&proxies(&[]), "http://a/"), None);
    }
}
