//! Bodies that come packed although reqwest did not unpack them: it knows one spelling of one packing, and takes the header
//! away with what it unpacks.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::verdict::{MOST_BYTES, too_long};
use crate::outcome::{Fault, FaultKind};

/// How a body is packed (RFC 9110, 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Deflate,
    Zstd,
    /// One that this program cannot open, and did not ask for.
    Unknown,
}

/// How a body is packed, the last packing first: in the order in which it is opened.
pub(super) fn packings(headers: &HeaderMap) -> Vec<Packing> {
    let named = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let names = named.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    let mut packings: Vec<Packing> = names.filter_map(|name| packing(&name)).collect();
    packings.reverse();
    packings
}

fn packing(name: &str) -> Option<Packing> {
    match name {
        // Some servers name the characters here.
        "" | "identity" | "none" | "utf-8" | "utf8" => None,
        "gzip" | "x-gzip" => Some(Packing::Gzip),
        "deflate" => Some(Packing::Deflate),
        "zstd" => Some(Packing::Zstd),
        _ => Some(Packing::Unknown),
    }
}

/// The body out of its packings.
///
/// # Errors
///
/// When it cannot be opened: because it broke off, or is packed in a way nobody asked for, or is longer than any answer.
pub(super) fn unpacked(body: Vec<u8>, packings: &[Packing], headers: &HeaderMap) -> Result<Vec<u8>, Fault> {
    packings.iter().try_fold(body, |body, packing| {
        let opened = match packing {
            Packing::Gzip => read(MultiGzDecoder::new(body.as_slice())),
            // Zlib by the standard; by the habit of some servers without its frame.
            Packing::Deflate => read(ZlibDecoder::new(body.as_slice()))
                .or_else(|_| read(DeflateDecoder::new(body.as_slice()))),
            Packing::Zstd => zstd::Decoder::with_buffer(body.as_slice()).and_then(read),
            // A proxy that names a packing and has undone it.
            Packing::Unknown if is_json(&body) => return Ok(body),
            Packing::Unknown => {
                let name =
                    headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
                let message = format!("the reply is packed in a way that was not asked for: {name}");
                return Err(Fault::new(FaultKind::Unusable, "unreadable_reply", message));
            }
        };
        match opened {
            Ok(whole) if whole.len() > MOST_BYTES => Err(too_long()),
            Ok(whole) => Ok(whole),
            Err(_) if is_json(&body) => Ok(body),
            Err(error) => {
                let message = format!("the reply cannot be unpacked from {} bytes: {error}", body.len());
                Err(Fault::new(FaultKind::Passing, "cut_body", message))
            }
        }
    })
}

fn is_json(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

/// All there is, up to one byte more than is taken.
fn read(packed: impl Read) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    packed.take(MOST_BYTES as u64 + 1).read_to_end(&mut whole)?;
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = b"{\"choices\":[]}";

    fn opened(name: &str, body: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, name.parse().expect("a header"));
        unpacked(body, &packings(&headers), &headers)
    }

    fn written<W: Write>(mut packer: W, finish: impl FnOnce(W) -> io::Result<Vec<u8>>) -> Vec<u8> {
        packer.write_all(TEXT).and_then(|()| finish(packer)).expect("packed")
    }

    #[test]
    fn every_usual_packing_is_opened_however_it_is_named() {
        let gzip = written(GzEncoder::new(vec![], Compression::fast()), GzEncoder::finish);
        let zlib = written(ZlibEncoder::new(vec![], Compression::fast()), ZlibEncoder::finish);
        let bare = written(DeflateEncoder::new(vec![], Compression::fast()), DeflateEncoder::finish);
        let zstd = zstd::encode_all(TEXT, 1).expect("packed");
        let both = zstd::encode_all(gzip.as_slice(), 1).expect("packed");
        for (name, body) in [
            ("GZIP", gzip.clone()),
            ("gzip, identity", gzip.clone()),
            ("x-gzip", gzip),
            ("deflate", zlib),
            ("Deflate", bare),
            ("zstd", zstd),
            ("gzip, zstd", both),
            ("identity", TEXT.to_vec()),
            ("utf-8", TEXT.to_vec()),
            ("br", TEXT.to_vec()),
            ("gzip", TEXT.to_vec()),
        ] {
            assert_eq!(opened(name, body).expect(name), TEXT, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_opened_is_told() {
        let fault = opened("br", vec![1, 2, 3]).expect_err("unknown");
        assert_eq!((fault.kind, fault.message.contains(": br")), (FaultKind::Unusable, true));
        assert_eq!(opened("gzip", vec![1, 2, 3]).expect_err("no gzip").kind, FaultKind::Passing);
        let bomb = zstd::encode_all(io::repeat(0).take(MOST_BYTES as u64 + 9), 1).expect("packed");
        assert_eq!(opened("zstd", bomb).expect_err("too long").code, "reply_too_long");
    }
}
