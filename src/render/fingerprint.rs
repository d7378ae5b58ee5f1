//! What identifies a request: a hash over its canonical JSON.

use serde_json::{Map, Value};

use crate::request::Fingerprint;

/// Fields that determine how an answer is delivered, and not what is asked.
pub(super) const TRANSPORT: [&str; 2] = ["stream", "stream_options"];

/// The fingerprint of a request body. The order of keys and the transport fields do not matter.
pub fn of(body: &Map<String, Value>) -> Fingerprint {
    of_bytes(&canonical(body))
}

/// The canonical JSON of a body, from which its fingerprint is computed.
pub(super) fn canonical(body: &Map<String, Value>) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    write_object(body, &TRANSPORT, &mut text);
    text
}

/// The fingerprint of any bytes, such as the text of a row that could not be read.
pub fn of_bytes(bytes: &[u8]) -> Fingerprint {
    let hash = blake3::hash(bytes);
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&hash.as_bytes()[..16]);
    Fingerprint(fingerprint)
}

fn write_object(fields: &Map<String, Value>, without: &[&str], out: &mut Vec<u8>) {
    let mut keys: Vec<&String> = fields.keys().filter(|key| !without.contains(&key.as_str())).collect();
    keys.sort_unstable();
    out.push(b'{');
    for (index, key) in keys.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_scalar(&Value::from(key.as_str()), out);
        out.push(b':');
        write_value(&fields[key], out);
    }
    out.push(b'}');
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => write_object(fields, &[], out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        scalar => write_scalar(scalar, out),
    }
}

fn write_scalar(value: &Value, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}
