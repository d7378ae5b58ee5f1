//! Bodies that arrive compressed although reqwest did not decompress them: it knows one spelling of one encoding, and
//! removes the header of those that it handles.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::headers::header;
use super::reply_limit::{MOST_BYTES, too_long};
use crate::outcome::{Fault, FaultKind};

/// How a body is compressed (RFC 9110, 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Deflate,
    Zstd,
    /// An encoding that this program cannot read, and did not request.
    Unknown,
}

/// The encodings of a body in the order in which they are undone, the last one first.
pub(super) fn packings(headers: &HeaderMap) -> Vec<Packing> {
    let named = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let names = named.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    let mut packings: Vec<Packing> = names.filter_map(|name| packing(&name)).collect();
    packings.reverse();
    packings
}

fn packing(name: &str) -> Option<Packing> {
    match name {
        // Some servers name the character set here.
        "" | "identity" | "none" | "utf-8" | "utf8" => None,
        "gzip" | "x-gzip" => Some(Packing::Gzip),
        "deflate" => Some(Packing::Deflate),
        "zstd" => Some(Packing::Zstd),
        _ => Some(Packing::Unknown),
    }
}

/// Whether there is an encoding that can be undone.
pub(super) fn opens(packings: &[Packing]) -> bool {
    packings.iter().any(|packing| *packing != Packing::Unknown)
}

/// The decompressed body; `None` if it was not compressed.
///
/// # Errors
///
/// When it was cut, is longer than any answer, or has an encoding that nobody requested.
pub(super) fn unpacked(
    body: &[u8],
    packings: &[Packing],
    headers: &HeaderMap,
) -> Result<Option<Vec<u8>>, Fault> {
    packings.iter().try_fold(None, |opened: Option<Vec<u8>>, packing| {
        let packed = opened.as_deref().unwrap_or(body);
        let whole = match packing {
            Packing::Gzip => read(MultiGzDecoder::new(packed)),
            // The standard says zlib; some servers omit its frame.
            Packing::Deflate => read(ZlibDecoder::new(packed)).or_else(|_| read(DeflateDecoder::new(packed))),
            Packing::Zstd => zstd::Decoder::with_buffer(packed).and_then(read),
            // An unknown name, or a proxy that names an encoding and has already undone it.
            Packing::Unknown if is_text(packed) => return Ok(opened),
            Packing::Unknown => {
                let name = header(headers, CONTENT_ENCODING.as_str()).unwrap_or_default();
                let message = format!("the reply has a compression that was not requested: {name}");
                return Err(Fault::new(FaultKind::Unusable, "unreadable_reply", message));
            }
        };
        match whole {
            Ok(whole) if whole.len() > MOST_BYTES => Err(too_long()),
            Ok(whole) => Ok(Some(whole)),
            Err(_) if is_text(packed) => Ok(opened),
            Err(error) => {
                let message =
                    format!("the reply cannot be decompressed from {} bytes: {error}", packed.len());
                Err(Fault::new(FaultKind::Transient, "cut_body", message))
            }
        }
    })
}

/// Whether a body is plain text: compressed data contains bytes that text does not.
fn is_text(body: &[u8]) -> bool {
    std::str::from_utf8(body)
        .is_ok_and(|text| !text.contains(|c: char| c.is_ascii_control() && !c.is_ascii_whitespace()))
}

/// Reads all, up to one byte more than the limit.
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
        Ok(unpacked(&body, &packings(&headers), &headers)?.unwrap_or(body))
    }

    fn written<W: Write>(mut packer: W, finish: impl FnOnce(W) -> io::Result<Vec<u8>>) -> Vec<u8> {
        packer.write_all(TEXT).and_then(|()| finish(packer)).expect("packed")
    }

    #[test]
    fn every_usual_encoding_is_undone_however_it_is_named() {
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
    fn a_body_that_cannot_be_read_is_reported() {
        let fault = opened("br", vec![1, 2, 200]).expect_err("unknown");
        assert_eq!((fault.kind, fault.message.contains(": br")), (FaultKind::Unusable, true));
        assert_eq!(opened("gzip", vec![1, 2, 200]).expect_err("no gzip").kind, FaultKind::Transient);
        let bomb = zstd::encode_all(io::repeat(0).take(MOST_BYTES as u64 + 9), 1).expect("packed");
        assert_eq!(opened("zstd", bomb).expect_err("too long").code, "reply_too_long");
    }
}
