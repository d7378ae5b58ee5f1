//! Bodies that come packed although reqwest did not unpack them: it knows one spelling of one packing, and takes the header
//! away with what it unpacks.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::headers::header;
use super::reply_limit::{MOST_BYTES, too_long};
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

/// Whether anything has to be opened that can be.
pub(super) fn opens(packings: &[Packing]) -> bool {
    packings.iter().any(|packing| *packing != Packing::Unknown)
}

/// The body out of its packings; `None` where it is none.
///
/// # Errors
///
/// When it cannot be opened: because it broke off, or is packed in a way nobody asked for, or is longer than any answer.
pub(super) fn unpacked(
    body: &[u8],
    packings: &[Packing],
    headers: &HeaderMap,
) -> Result<Option<Vec<u8>>, Fault> {
    packings.iter().try_fold(None, |opened: Option<Vec<u8>>, packing| {
        let packed = opened.as_deref().unwrap_or(body);
        let whole = match packing {
            Packing::Gzip => read(MultiGzDecoder::new(packed)),
            // Zlib by the standard; by the habit of some servers without its frame.
            Packing::Deflate => read(ZlibDecoder::new(packed)).or_else(|_| read(DeflateDecoder::new(packed))),
            Packing::Zstd => zstd::Decoder::with_buffer(packed).and_then(read),
            // A name for something else, or a proxy that names a packing and has undone it.
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

/// Whether a body is nothing that was packed: what is, has bytes in it that no text has.
fn is_text(body: &[u8]) -> bool {
    std::str::from_utf8(body)
        .is_ok_and(|text| !text.contains(|c: char| c.is_ascii_control() && !c.is_ascii_whitespace()))
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
        Ok(unpacked(&body, &packings(&headers), &headers)?.unwrap_or(body))
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
        let fault = opened("br", vec![1, 2, 200]).expect_err("unknown");
        assert_eq!((fault.kind, fault.message.contains(": br")), (FaultKind::Unusable, true));
        assert_eq!(opened("gzip", vec![1, 2, 200]).expect_err("no gzip").kind, FaultKind::Transient);
        let bomb = zstd::encode_all(io::repeat(0).take(MOST_BYTES as u64 + 9), 1).expect("packed");
        assert_eq!(opened("zstd", bomb).expect_err("too long").code, "reply_too_long");
    }
}
