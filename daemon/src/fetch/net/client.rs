//! The HTTP client: one agent for each proxy and set of authorities, redirects followed by hand, pages in memory.

use super::{
    detached::{self, Detached},
    proxy::{self, Proxies},
    retry::{Attempts, is_passing},
    tls::{self, Authorities},
};
use crate::fetch::{
    FetchConfig, FetchError,
    error::{parse_url, shown},
};
use data_encoding::BASE64;
use nuka_store::Cancel;
use percent_encoding::percent_decode_str;
use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use ureq::{Agent, Body, http::Response};
use url::Url;

/// Most redirects that are followed.
const MOST_REDIRECTS: usize = 10;
/// What servers see as the program that asks.
const USER_AGENT: &str = concat!("nuka/", env!("CARGO_PKG_VERSION"));

/// How one ecosystem's client goes out into the network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire {
    /// The proxy that its configuration names.
    pub(crate) proxy: Option<String>,
    /// The authorities that its configuration names.
    pub(crate) authorities: Authorities,
}

/// An `Authorization` header, and the only origin (scheme, host and port) that it is sent to.
#[derive(Clone)]
pub(crate) struct Credential {
    origin: url::Origin,
    value: String,
}

impl Credential {
    /// A header as it is.
    pub(crate) fn header(url: &Url, value: impl Into<String>) -> Self {
        Self { origin: url.origin(), value: value.into() }
    }

    /// A token.
    pub(crate) fn bearer(url: &Url, token: &str) -> Self {
        Self::header(url, format!("Bearer {token}"))
    }

    /// A name and a password.
    pub(crate) fn basic(url: &Url, name: &str, password: &str) -> Self {
        Self::header(url, format!("Basic {}", BASE64.encode(format!("{name}:{password}").as_bytes())))
    }

    /// What an address itself carries before its host.
    pub(crate) fn of_url(url: &Url) -> Option<Self> {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = url.password().map(decode).unwrap_or_default();
        let name = decode(url.username());
        (!name.is_empty() || !password.is_empty()).then(|| Self::basic(url, &name, &password))
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential(for {})", self.origin.ascii_serialization())
    }
}

/// One request; the method is GET or HEAD.
pub(crate) struct Request<'a> {
    pub(crate) url: &'a Url,
    pub(crate) wire: &'a Wire,
    pub(crate) credentials: &'a [Credential],
    pub(crate) headers: &'a [(&'static str, String)],
    pub(crate) head: bool,
}

/// An answer whose body has yet to be read, and the address that gave it.
pub(crate) struct Reply {
    pub(crate) url: Url,
    pub(crate) response: Response<Body>,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The wait that the server asks for, in whole seconds.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }
}

/// Why a request has no answer.
pub(crate) enum NoReply {
    /// Another attempt may succeed.
    Passing(String),
    /// Another attempt would fail the same way.
    Final(FetchError),
}

impl From<FetchError> for NoReply {
    fn from(error: FetchError) -> Self {
        Self::Final(error)
    }
}

/// A page of an index, whole and unpacked.
pub(crate) struct Page {
    /// The address after redirects, which links on the page are relative to.
    pub(crate) url: Url,
    /// The content type without parameters, in lower case.
    pub(crate) kind: String,
    /// The bytes.
    pub(crate) body: Vec<u8>,
}

/// The HTTP client of one [`Fetcher`](crate::fetch::Fetcher).
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) config: Arc<FetchConfig>,
    /// Whether what it does is still wanted.
    pub(crate) cancel: Cancel,
    proxies: Proxies,
    agents: Arc<Mutex<BTreeMap<Way, Agent>>>,
}

/// What an agent is made for: authorities, a proxy, and whether it needs TLS.
type Way = (Authorities, Option<String>, bool);

impl Client {
    pub(crate) fn new(config: Arc<FetchConfig>) -> Self {
        Self { proxies: Proxies::new(&config), agents: Arc::default(), cancel: Cancel::default(), config }
    }

    /// The same client for what may be called off.
    pub(crate) fn until(&self, cancel: Cancel) -> Self {
        Self { cancel, ..self.clone() }
    }

    /// Fails if nobody wants what is done any more.
    pub(crate) fn check(&self) -> Result<(), FetchError> {
        if self.cancel.is_set() { Err(FetchError::Cancelled) } else { Ok(()) }
    }

    /// Waits before the next attempt.
    pub(crate) fn rest(&self, pause: Duration) -> Result<(), FetchError> {
        detached::rest(&self.cancel, pause);
        self.check()
    }

    /// The body of an answer.
    pub(crate) fn body(&self, reply: Reply) -> io::Result<Paced<Detached>> {
        let body = Detached::new(reply.response.into_body().into_reader(), self.cancel.clone())?;
        Ok(Paced::new(body, &self.config))
    }

    fn agent(&self, url: &Url, wire: &Wire) -> Result<Agent, FetchError> {
        let proxy = self.proxies.choose(url, wire.proxy.as_deref());
        let secure = url.scheme() == "https" || proxy.as_deref().is_some_and(|at| at.starts_with("https:"));
        let key = (wire.authorities.clone(), proxy, secure);
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let patience = &self.config.patience;
        let mut builder = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(USER_AGENT)
            .accept_encoding("")
            .proxy(key.1.as_deref().map(proxy::connect_through).transpose()?)
            .timeout_connect(Some(patience.connect))
            .timeout_resolve(Some(patience.connect))
            .timeout_send_request(Some(patience.stall))
            .timeout_recv_response(Some(patience.stall.saturating_mul(2)))
            .timeout_per_read(Some(patience.stall));
        if secure {
            builder = builder.tls_config(tls::settings(&self.config, &key.0)?);
        }
        let agent: Agent = builder.build().into();
        agents.insert(key, agent.clone());
        Ok(agent)
    }

    /// Sends a request once, and follows redirects.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Reply, NoReply> {
        if self.config.offline {
            return Err(FetchError::Offline { wanted: vec![shown(request.url)] }.into());
        }
        let mut url = request.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let own = Credential::of_url(&url);
            let mut plain = url.clone();
            let _ = plain.set_username("");
            let _ = plain.set_password(None);
            plain.set_fragment(None);
            let agent = self.agent(&plain, request.wire)?;
            let mut call = if request.head { agent.head(plain.as_str()) } else { agent.get(plain.as_str()) };
            for (name, value) in request.headers {
                call = call.header(*name, value);
            }
            let here = plain.origin();
            if let Some(credential) = own.as_ref().or(request.credentials.iter().find(|c| c.origin == here)) {
                call = call.header("authorization", &credential.value);
            }
            self.check()?;
            let response = detached::wait(&self.cancel, move || call.call());
            self.check()?;
            let response = response.ok_or_else(|| NoReply::Passing("no thread can be had".to_owned()))?;
            let response = response.map_err(|error| no_reply(&plain, error))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(Reply { url, response });
            }
            let refuse = |reason: String| FetchError::Redirect { address: shown(&plain), reason };
            let target = response.headers().get("location").and_then(|value| value.to_str().ok());
            let target = target.ok_or_else(|| refuse("it does not say where".to_owned()))?;
            let next = url.join(target).map_err(|error| refuse(format!("`{target}`: {error}")))?;
            let next = parse_url(next.as_str()).map_err(|error| refuse(error.to_string()))?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(refuse(format!("{} is not https", shown(&next))).into());
            }
            url = next;
        }
        let reason = format!("more than {MOST_REDIRECTS} redirects one after another");
        Err(FetchError::Redirect { address: shown(request.url), reason }.into())
    }

    /// Reads a page whole. Passing failures are tried again; a status that is not success is an error.
    pub(crate) fn page(
        &self,
        url: &Url,
        wire: &Wire,
        credentials: &[Credential],
        accept: &str,
    ) -> Result<Page, FetchError> {
        let headers = [("accept", accept.to_owned()), ("accept-encoding", "gzip".to_owned())];
        let request = Request { url, wire, credentials, headers: &headers, head: false };
        self.persist(url, || {
            let reply = self.send(&request)?;
            if !(200..300).contains(&reply.status()) {
                return Ok(Err(reply));
            }
            let kind = reply.header("content-type").unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let packed = reply.header("content-encoding").is_some_and(|coding| coding.contains("gzip"));
            let limit = self.config.patience.largest_page;
            let mut body = Vec::new();
            let from = reply.url.clone();
            let reader = self.body(reply).map_err(|error| NoReply::Passing(error.to_string()))?;
            let read = if packed {
                flate2::read::MultiGzDecoder::new(reader).take(limit + 1).read_to_end(&mut body)
            } else {
                reader.take(limit + 1).read_to_end(&mut body)
            };
            read.map_err(|error| NoReply::Passing(error.to_string()))?;
            if body.len() as u64 > limit {
                return Err(FetchError::TooLarge { address: shown(url), limit }.into());
            }
            Ok(Ok(Page { url: from, kind, body }))
        })
    }

    /// The size of a download in bytes, where the server tells it without sending the whole.
    pub(crate) fn length(
        &self,
        url: &Url,
        wire: &Wire,
        credentials: &[Credential],
    ) -> Result<Option<u64>, FetchError> {
        let mut headers = vec![("accept-encoding", "identity".to_owned())];
        let head = self.persist(url, || {
            let reply = self.send(&Request { url, wire, credentials, headers: &headers, head: true })?;
            let passing = is_passing(reply.status());
            Ok(if passing { Err(reply) } else { Ok((reply.status(), length_of(&reply))) })
        })?;
        match head {
            (200, Some(length)) => return Ok(Some(length)),
            (status @ (404 | 410), _) => {
                return Err(FetchError::Status { address: shown(url), status, attempts: 1 });
            }
            _ => {}
        }
        // Some servers do not answer HEAD, or leave out the length: one byte tells it too.
        headers.push(("range", "bytes=0-0".to_owned()));
        self.persist(url, || {
            let reply = self.send(&Request { url, wire, credentials, headers: &headers, head: false })?;
            match reply.status() {
                206 => Ok(Ok(reply
                    .header("content-range")
                    .and_then(|range| range.rsplit_once('/')?.1.parse().ok()))),
                200 => Ok(Ok(length_of(&reply))),
                _ => Ok(Err(reply)),
            }
        })
    }

    /// Tries again as long as patience lasts. The inner error is an answer with an unwanted status.
    fn persist<T>(
        &self,
        url: &Url,
        mut attempt: impl FnMut() -> Result<Result<T, Reply>, NoReply>,
    ) -> Result<T, FetchError> {
        let mut attempts = Attempts::new(&self.config.patience);
        loop {
            let (error, pause) = match attempt() {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(reply)) => {
                    let status = reply.status();
                    let pause =
                        is_passing(status).then(|| attempts.fail(false, reply.retry_after())).flatten();
                    let address = shown(url);
                    (FetchError::Status { address, status, attempts: attempts.failed.max(1) }, pause)
                }
                Err(NoReply::Final(error)) => return Err(error),
                Err(NoReply::Passing(reason)) => {
                    let pause = attempts.fail(false, None);
                    (
                        FetchError::Unreachable { address: shown(url), reason, attempts: attempts.failed },
                        pause,
                    )
                }
            };
            self.check()?;
            match pause {
                Some(pause) => self.rest(pause)?,
                None => return Err(error),
            }
        }
    }
}

/// The length that an answer promises for its body.
pub(crate) fn length_of(reply: &Reply) -> Option<u64> {
    reply.header("content-length")?.trim().parse().ok()
}

fn no_reply(url: &Url, error: ureq::Error) -> NoReply {
    match error {
        ureq::Error::BadUri(reason) => FetchError::Address { address: shown(url), reason }.into(),
        ureq::Error::Rustls(reason) => {
            // A certificate that is wrong now is wrong in a second too.
            FetchError::Unreachable { address: shown(url), reason: format!("TLS: {reason}"), attempts: 1 }
                .into()
        }
        ureq::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            FetchError::Unreachable { address: shown(url), reason: format!("TLS: {error}"), attempts: 1 }
                .into()
        }
        other => NoReply::Passing(other.to_string()),
    }
}

/// A reader that fails when too few bytes come in too long a time, so that a server cannot hold us for ever.
pub(crate) struct Paced<R> {
    inner: R,
    period: Duration,
    least: u64,
    since: Instant,
    bytes: u64,
}

impl<R> Paced<R> {
    pub(crate) fn new(inner: R, config: &FetchConfig) -> Self {
        let patience = &config.patience;
        Self { inner, period: patience.stall, least: patience.least, since: Instant::now(), bytes: 0 }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since.elapsed() > self.period {
            if self.bytes < self.least {
                let text = format!("only {} bytes came in {} s", self.bytes, self.period.as_secs_f32());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            self.since = Instant::now();
            self.bytes = 0;
        }
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}
