//! A file, received straight to disk. What is there already is its beginning, and only the rest is asked for.

use std::path::Path;
use std::sync::Arc;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, HeaderValue, LOCATION, RANGE};
use reqwest::{Method, Request, Response, StatusCode, Url};

use super::caller::{CallBody, Caller};
use super::objects::WireFile;
use super::redacted_file::RedactedFile;
use crate::api::access::Access;
use crate::api::connection::within;
use crate::api::headers::header;
use crate::api::own_client::cause;
use crate::api::packed::packings;
use crate::outcome::{Fault, FaultKind};

/// How often an address may lead to another one.
const MOST_HOPS: usize = 5;

/// Downloads a file to a path.
pub(super) async fn download(caller: &Caller, file: &str, to: &Path) -> Result<(), Fault> {
    let url = caller.url(&format!("files/{file}/content"))?;
    let attempt = async |access: Arc<Access>| {
        let mut target = RedactedFile::open(to)?;
        let response = request(caller, &access, &url, target.length()).await?;
        let status = response.status();
        caller.learn(response.headers());
        match status {
            StatusCode::OK => target.restart()?,
            StatusCode::PARTIAL_CONTENT if begins_at(response.headers(), target.length()) => {}
            StatusCode::RANGE_NOT_SATISFIABLE if is_whole(response.headers(), target.length()) => {
                return Ok(target.length());
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                target.restart()?;
                let message =
                    "the service sent another part of the file than was asked for; it is fetched whole";
                return Err(Fault::new(FaultKind::Transient, "wrong_range", message));
            }
            _ => return Err(caller.fault(response).await),
        }
        access.has_worked();
        receive(caller, response, &mut target).await?;
        Ok(target.length())
    };
    let length = caller.with_access(attempt).await?;
    check_length(caller, file, length).await
}

/// Asks for a file from a byte on. A service may lead to a store of its own, which is not given the key.
async fn request(caller: &Caller, access: &Access, url: &Url, from: u64) -> Result<Response, Fault> {
    let mut asking = caller.request(access, Method::GET, url.clone(), &CallBody::None);
    for _ in 0..MOST_HOPS {
        let headers = asking.headers_mut();
        // A part of a compressed file would be no use.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        if from > 0
            && let Ok(range) = HeaderValue::from_str(&format!("bytes={from}-"))
        {
            headers.insert(RANGE, range);
        }
        let response = within(Some(caller.connection.timeout), caller.connection.execute(asking)).await??;
        match elsewhere(&response, url) {
            Some(next) => asking = Request::new(Method::GET, next),
            None => return Ok(response),
        }
    }
    Err(Fault::new(FaultKind::Transient, "too_many_redirects", "the address of the file leads in a circle"))
}

/// Where a reply leads; never from a protected address to an unprotected one.
fn elsewhere(response: &Response, from: &Url) -> Option<Url> {
    let leads = response.status().is_redirection();
    let next = response.url().join(&header(response.headers(), LOCATION.as_str())?).ok()?;
    (leads && (next.scheme() == "https" || next.scheme() == from.scheme())).then_some(next)
}

/// Whether a part of a file begins at a byte.
fn begins_at(headers: &HeaderMap, byte: u64) -> bool {
    let range = header(headers, CONTENT_RANGE.as_str()).unwrap_or_default();
    let begin = range.trim().strip_prefix("bytes").and_then(|range| range.trim().split('-').next());
    begin.is_some_and(|begin| begin.trim().parse() == Ok(byte))
}

/// Whether the file has no more than this length.
fn is_whole(headers: &HeaderMap, length: u64) -> bool {
    let range = header(headers, CONTENT_RANGE.as_str()).unwrap_or_default();
    range.rsplit('/').next().is_some_and(|total| total.trim().parse() == Ok(length))
}

async fn receive(
    caller: &Caller,
    mut response: Response,
    target: &mut RedactedFile<'_>,
) -> Result<(), Fault> {
    if !packings(response.headers()).is_empty() {
        let message = "the file arrives in an encoding that was not asked for";
        return Err(Fault::new(FaultKind::JobRefused, "unreadable_reply", message));
    }
    loop {
        match within(Some(caller.connection.idle_timeout), response.chunk()).await? {
            Ok(Some(bytes)) => target.append(&bytes)?,
            Ok(None) => return target.finish(),
            Err(error) => {
                let message =
                    format!("the file was cut off after {} bytes: {}", target.length(), cause(&error));
                return Err(Fault::new(FaultKind::Transient, "cut_body", message));
            }
        }
    }
}

/// Compares what was received with the length that the service knows: a reply that is missing on the way would be paid for again.
async fn check_length(caller: &Caller, file: &str, length: u64) -> Result<(), Fault> {
    let known = match caller.call::<WireFile>(Method::GET, &format!("files/{file}"), CallBody::None).await {
        Ok(known) => known.bytes,
        // A service that says nothing about a file is believed, unless it sent nothing.
        Err(Fault { status: Some(404 | 405 | 501), .. }) => None,
        Err(fault) => return Err(fault),
    };
    if known.is_some_and(|bytes| bytes <= length) || known.is_none() && length > 0 {
        return Ok(());
    }
    let of = known.map_or_else(String::new, |bytes| format!(" of {bytes}"));
    let message = format!("the file was cut off after {length}{of} bytes");
    Err(Fault::new(FaultKind::Transient, "cut_body", message))
}
