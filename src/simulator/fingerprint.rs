//! The identity of a request, and random draws derived from it.

use std::io::Write;

use serde_json::Value;

/// Fields that determine how an answer is delivered: a request sent again as a stream is the same request.
const TRANSPORT_FIELDS: [&str; 2] = ["stream", "stream_options"];

/// A 128-bit hash of a request's canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RequestDigest([u8; 16]);

impl RequestDigest {
    /// The fingerprint of a JSON body, whatever the order of its keys and its white space.
    pub(super) fn of_json(body: &Value) -> RequestDigest {
        let mut hasher = blake3::Hasher::new();
        feed(body, &TRANSPORT_FIELDS, &mut hasher);
        RequestDigest::finish(&hasher)
    }

    /// The fingerprint of a body that is not JSON.
    pub(super) fn of_bytes(body: &[u8]) -> RequestDigest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(body);
        RequestDigest::finish(&hasher)
    }

    fn finish(hasher: &blake3::Hasher) -> RequestDigest {
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        RequestDigest(bytes)
    }

    /// A fingerprint derived from this one, a purpose and a number.
    pub(super) fn derive(&self, purpose: &str, number: u64) -> RequestDigest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(&number.to_le_bytes());
        hasher.update(purpose.as_bytes());
        RequestDigest::finish(&hasher)
    }

    /// A draw from [0, 1) derived from this fingerprint, a purpose and a number.
    pub(super) fn draw(&self, purpose: &str, number: u64) -> f64 {
        // A double holds 53 bits exactly.
        (self.derive(purpose, number).number() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn number(&self) -> u64 {
        self.0[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// 32 hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Eight hexadecimal digits: enough to distinguish answers by eye.
    pub(super) fn short(&self) -> String {
        self.hex()[..8].to_owned()
    }

    /// The fingerprint in the form of a random UUID (RFC 9562, version 4).
    pub(super) fn uuid(&self) -> String {
        let mut bytes = self.0;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = RequestDigest(bytes).hex();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// Writes a value in canonical form: keys sorted, no white space, without the named top-level keys.
fn feed(value: &Value, left_out: &[&str], hasher: &mut blake3::Hasher) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> =
                fields.iter().filter(|(key, _)| !left_out.contains(&key.as_str())).collect();
            sorted.sort_unstable_by_key(|(key, _)| key.as_str());
            hasher.update(b"{");
            for (key, value) in sorted {
                feed_scalar(&Value::String(key.clone()), hasher);
                hasher.update(b":");
                feed(value, &[], hasher);
                hasher.update(b",");
            }
            hasher.update(b"}");
        }
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                feed(item, &[], hasher);
                hasher.update(b",");
            }
            hasher.update(b"]");
        }
        scalar => feed_scalar(scalar, hasher),
    }
}

fn feed_scalar(scalar: &Value, hasher: &mut blake3::Hasher) {
    // Neither step can fail: a hasher accepts every byte, and every JSON value has a text.
    let _ = write!(hasher, "{scalar}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn order_of_keys_and_transport_do_not_change_the_request() {
        let one = json!({"model": "qwen-plus", "messages": [{"role": "user", "content": "a"}]});
        let other =
            json!({"messages": [{"content": "a", "role": "user"}], "stream": true, "model": "qwen-plus"});
        assert_eq!(RequestDigest::of_json(&one), RequestDigest::of_json(&other));
    }

    #[test]
    fn another_text_is_another_request() {
        let one = json!({"messages": [{"role": "user", "content": "a"}]});
        let other = json!({"messages": [{"role": "user", "content": "b"}]});
        assert_ne!(RequestDigest::of_json(&one), RequestDigest::of_json(&other));
    }

    #[test]
    fn draws_are_the_same_every_time_and_between_0_and_1() {
        let fingerprint = RequestDigest::of_bytes(b"row");
        let draws: Vec<f64> = (0..100).map(|number| fingerprint.draw("share", number)).collect();
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        assert_eq!(draws[7], fingerprint.draw("share", 7));
        assert_ne!(draws[7], draws[8]);
    }
}
