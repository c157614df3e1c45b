//! Downloads to disk: hashed while they are written, resumed where they were cut, bounded in time and size.
//!
//! A part is continued with `Range`, and with `If-Range` where the server gave a validator for what is here. What comes
//! back is believed only as far as the hash proves it: bytes of two attempts that do not fit together are fetched once
//! more from the start before the hash is called wrong.

use super::{
    client::{Client, Credential, NoReply, Reply, Request, Wire, length_of},
    partial::{Opened, Partial, Told},
    retry::{Attempts, is_passing},
};
use crate::fetch::{
    FetchError, Progress,
    digest::{Algorithm, Hasher},
    error::shown,
};
use data_encoding::HEXLOWER;
use fs_err as fs;
use nuka_pir::SourceHash;
use std::{
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use url::Url;

/// Bytes read at a time.
const CHUNK: usize = 1 << 17;
/// Shortest time between two reports of progress.
const REPORT: Duration = Duration::from_millis(40);

/// A download that is wanted.
pub(crate) struct Wanted {
    /// How it is named in messages.
    pub(crate) what: String,
    /// Where it is, best first; all hold the same bytes.
    pub(crate) urls: Vec<Url>,
    /// How to go out.
    pub(crate) wire: Wire,
    /// Who to be there.
    pub(crate) credentials: Vec<Credential>,
    /// What it must hash to; without one, what it hashes to with BLAKE3 is found out.
    pub(crate) hash: Option<SourceHash>,
    /// Its size in bytes, where an index tells.
    pub(crate) size: Option<u64>,
}

/// A download that is here, whole, with the hash that was asked for.
#[derive(Debug)]
pub(crate) struct Download {
    /// Where its bytes are.
    pub(crate) path: PathBuf,
    /// What they hash to.
    pub(crate) hash: SourceHash,
}

/// The name of a download's file: by its hash where that is known, so that two origins of one thing share it.
pub(crate) fn key(hash: Option<&SourceHash>, url: Option<&Url>) -> String {
    match (hash, url) {
        (Some(SourceHash::Sha256(bytes)), _) => format!("sha256-{}", HEXLOWER.encode(bytes)),
        (Some(SourceHash::Sha512(bytes)), _) => {
            format!("sha512-{}", HEXLOWER.encode(bytes.first_chunk::<32>().unwrap_or(&[0; 32])))
        }
        (Some(SourceHash::Blake3(bytes)), _) => format!("blake3-{}", HEXLOWER.encode(bytes)),
        (None, Some(url)) => format!("url-{}", blake3::hash(url.as_str().as_bytes()).to_hex()),
        (None, None) => "url-none".to_owned(),
    }
}

impl Client {
    /// What an earlier run has left whole, if it still has the hash that it must have.
    pub(crate) fn kept(&self, expected: SourceHash) -> Result<Option<Download>, FetchError> {
        let path = self.config.downloads.join(key(Some(&expected), None));
        match digest_of(&path, Algorithm::of(&expected)) {
            Ok(hash) if hash == expected => Ok(Some(Download { path, hash })),
            Ok(_) => fs::remove_file(&path).map(|()| None).map_err(FetchError::io(&path)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FetchError::Io { path, source }),
        }
    }

    /// Brings a download here, from the first of its addresses that has it.
    ///
    /// # Errors
    /// The failure of the last address that has something to say; what has come stays for the next time.
    pub(crate) fn download(
        &self,
        wanted: &Wanted,
        progress: &dyn Fn(Progress),
    ) -> Result<Download, FetchError> {
        if let Some(hash) = wanted.hash
            && let Some(download) = self.kept(hash)?
        {
            return Ok(download);
        }
        if self.config.offline {
            return Err(FetchError::Offline { wanted: vec![wanted.what.clone()] });
        }
        fs::create_dir_all(&self.config.downloads).map_err(FetchError::io(&self.config.downloads))?;
        let whole = self.config.downloads.join(key(wanted.hash.as_ref(), wanted.urls.first()));
        let algorithm = wanted.hash.as_ref().map_or(Algorithm::Blake3, Algorithm::of);
        let patience = &self.config.patience;
        let longest = patience.stall.saturating_mul(patience.attempts_in_all);
        let part = match Partial::open(&whole, &wanted.what, longest, (progress, &self.cancel))? {
            Opened::Part(part) => part,
            Opened::Whole => {
                let hash = digest_of(&whole, algorithm).map_err(FetchError::io(&whole))?;
                return match wanted.hash {
                    Some(expected) if expected != hash => self.download(wanted, progress),
                    _ => Ok(Download { path: whole, hash }),
                };
            }
        };
        let mut transfer =
            Transfer { client: self, wanted, algorithm, progress, part, reported: Instant::now() };
        let mut failure = None;
        for url in &wanted.urls {
            match transfer.from(url) {
                Ok(hash) => {
                    let size = transfer.part.length;
                    let path = self.config.downloads.join(key(Some(&hash), None));
                    transfer.part.finish(&path)?;
                    progress(Progress::Verified { bytes: size });
                    return Ok(Download { path, hash });
                }
                // A mirror that does not have it says less than one that is broken.
                Err(error) if failure.is_some() && error.is_missing() => {}
                Err(error @ FetchError::Io { .. }) => return Err(error),
                Err(error @ FetchError::Cancelled) => {
                    failure = Some(error);
                    break;
                }
                Err(error) => failure = Some(error),
            }
        }
        if transfer.part.length == 0 {
            transfer.part.discard();
        }
        Err(failure.unwrap_or_else(|| FetchError::Missing {
            what: wanted.what.clone(),
            place: "any configured place".to_owned(),
            instead: Vec::new(),
        }))
    }
}

/// The hash of a file.
fn digest_of(path: &Path, algorithm: Algorithm) -> std::io::Result<SourceHash> {
    let mut hasher = Hasher::new(algorithm);
    hasher.read(&mut fs::File::open(path)?)?;
    Ok(hasher.finish())
}

/// A download under way.
struct Transfer<'a> {
    client: &'a Client,
    wanted: &'a Wanted,
    algorithm: Algorithm,
    progress: &'a dyn Fn(Progress),
    part: Partial,
    reported: Instant,
}

impl Transfer<'_> {
    /// Downloads from one address; gives the hash of the whole.
    fn from(&mut self, url: &Url) -> Result<SourceHash, FetchError> {
        let fresh = Hasher::new(self.algorithm);
        let mut hasher = self.part.hash(fresh.clone())?;
        let mut patched = self.part.length > 0;
        let mut attempts = Attempts::new(&self.client.config.patience);
        loop {
            self.client.check()?;
            let before = self.part.length;
            let mut total = None;
            let (reason, asked, status) = match self.once(url, &mut hasher, &mut total) {
                Ok(Attempt::Whole) => {
                    let got = hasher.clone().finish();
                    match self.wanted.hash {
                        Some(expected) if expected != got && patched => {
                            self.part.restart()?;
                            hasher = fresh.clone();
                            patched = false;
                            continue;
                        }
                        Some(expected) if expected != got => return self.wrong(url, expected, got),
                        _ => return Ok(got),
                    }
                }
                Ok(Attempt::Failed { status, asked }) => (format!("status {status}"), asked, Some(status)),
                Err(NoReply::Passing(reason)) => (reason, None, None),
                Err(NoReply::Final(error)) => return Err(error),
            };
            self.client.check()?;
            let least = self.client.config.patience.least.max(1);
            let progressed = self.part.length >= before.saturating_add(least);
            patched |= self.part.length > 0;
            let Some(pause) = attempts.fail(progressed, asked) else {
                let (address, attempts, received) = (shown(url), attempts.failed, self.part.length);
                return Err(match status {
                    Some(status) => FetchError::Status { address, status, attempts },
                    None if received > 0 => {
                        FetchError::Cut { address, received, expected: total, reason, attempts }
                    }
                    None => FetchError::Unreachable { address, reason, attempts },
                });
            };
            (self.progress)(Progress::Retrying { reason, attempt: attempts.failed, pause });
            self.client.rest(pause)?;
        }
    }

    fn wrong(&mut self, url: &Url, expected: SourceHash, got: SourceHash) -> Result<SourceHash, FetchError> {
        let size = self.part.length;
        self.part.restart()?;
        Err(FetchError::WrongHash {
            what: self.wanted.what.clone(),
            expected: Box::new(expected),
            got: Box::new(got),
            place: shown(url),
            size,
        })
    }

    /// One request, and as much of its answer as comes.
    fn once(&mut self, url: &Url, hasher: &mut Hasher, total: &mut Option<u64>) -> Result<Attempt, NoReply> {
        let told = self.part.told();
        let here = self.part.length;
        let proven = told.url == url.as_str() && told.validator.is_some();
        let mut headers = vec![("accept-encoding", "identity".to_owned()), ("accept", "*/*".to_owned())];
        if here > 0 && (proven || self.wanted.hash.is_some()) {
            headers.push(("range", format!("bytes={here}-")));
            if let Some(validator) = told.validator.filter(|_| proven) {
                headers.push(("if-range", validator));
            }
        }
        let credentials = &self.wanted.credentials;
        let request = Request { url, wire: &self.wanted.wire, credentials, headers: &headers, head: false };
        let reply = self.client.send(&request)?;
        match reply.status() {
            206 => {
                let range = reply.header("content-range").and_then(Range::parse);
                match range {
                    Some(range) if range.start == here => *total = range.total,
                    _ => {
                        self.begin(hasher)?;
                        return Err(NoReply::Passing("another part than asked for was sent".to_owned()));
                    }
                }
            }
            200 => {
                self.begin(hasher)?;
                *total = length_of(&reply);
                self.part.tell(&Told { url: url.to_string(), validator: validator_of(&reply) })?;
            }
            416 => {
                let whole = reply.header("content-range").and_then(|range| range.strip_prefix("bytes */"));
                if whole.and_then(|size| size.trim().parse().ok()) == Some(here) {
                    return Ok(Attempt::Whole);
                }
                self.begin(hasher)?;
                return Err(NoReply::Passing("the server has fewer bytes than are here".to_owned()));
            }
            status if is_passing(status) => {
                return Ok(Attempt::Failed { status, asked: reply.retry_after() });
            }
            status => {
                return Err(FetchError::Status { address: shown(url), status, attempts: 1 }.into());
            }
        }
        self.receive(url, reply, hasher, *total)
    }

    fn begin(&mut self, hasher: &mut Hasher) -> Result<(), FetchError> {
        *hasher = Hasher::new(self.algorithm);
        self.part.restart()
    }

    fn receive(
        &mut self,
        url: &Url,
        reply: Reply,
        hasher: &mut Hasher,
        total: Option<u64>,
    ) -> Result<Attempt, NoReply> {
        let limit = self.wanted.size.unwrap_or(u64::MAX).min(self.client.config.patience.largest_download);
        let too_large = || FetchError::TooLarge { address: shown(url), limit };
        if total.is_some_and(|total| total > limit) {
            return Err(too_large().into());
        }
        (self.progress)(Progress::Started { from: self.part.length, total });
        let reader = self.client.body(reply);
        let mut reader = reader.map_err(|error| NoReply::Passing(error.to_string()))?;
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = reader.read(&mut buffer).map_err(|error| NoReply::Passing(error.to_string()))?;
            let bytes = buffer.get(..count).unwrap_or_default();
            if count == 0 {
                break;
            }
            if self.part.length.saturating_add(count as u64) > limit {
                return Err(too_large().into());
            }
            self.part.write(bytes)?;
            hasher.update(bytes);
            if self.reported.elapsed() >= REPORT {
                self.reported = Instant::now();
                (self.progress)(Progress::Received { bytes: self.part.length, total });
            }
        }
        (self.progress)(Progress::Received { bytes: self.part.length, total });
        match total {
            Some(total) if self.part.length < total => {
                Err(NoReply::Passing(format!("it ended after {} of {total} bytes", self.part.length)))
            }
            _ => Ok(Attempt::Whole),
        }
    }
}

/// How one request ended.
enum Attempt {
    /// All that the server has is here.
    Whole,
    /// The server failed in a way that may pass.
    Failed { status: u16, asked: Option<Duration> },
}

/// A `Content-Range: bytes START-END/TOTAL`.
struct Range {
    start: u64,
    total: Option<u64>,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
        let start = range.split_once('-')?.0.trim().parse().ok()?;
        Some(Self { start, total: total.trim().parse().ok() })
    }
}

/// What `If-Range` may name: a strong entity tag, or else a date.
fn validator_of(reply: &Reply) -> Option<String> {
    let tag = reply.header("etag").filter(|tag| tag.starts_with('"'));
    tag.or_else(|| reply.header("last-modified")).map(str::to_owned)
}
