//! The name of a quota: runs that ask one address for one model with one key share it.

use std::fmt;

/// The name of a quota. Neither address nor key can be read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaName(String);

impl QuotaName {
    /// The quota of an account at an address. `account`: the hash of its key, if there is one.
    pub fn new(address: &str, model: &str, account: Option<&[u8; 32]>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("fanfold 2026 quota of address, model and account");
        for part in [address.trim_end_matches('/').to_ascii_lowercase().as_bytes(), model.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(account.map_or(&[], |account| account.as_slice()));
        Self(hasher.finalize().to_hex()[..32].to_owned())
    }

    /// The same quota, known by one more thing.
    pub(super) fn at(&self, place: &str) -> Self {
        Self::new(&self.0, place, None)
    }
}

impl fmt::Display for QuotaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a worker, which no other has.
pub(super) fn worker() -> String {
    format!("{}-{:016x}", std::process::id(), rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_model_and_account_tell_quotas_apart_and_a_slash_does_not() {
        let account = [7; 32];
        let name = QuotaName::new("https://a.example/v1", "qwen-plus", Some(&account));
        assert_eq!(name, QuotaName::new("https://A.example/v1/", "qwen-plus", Some(&account)));
        for other in [
            QuotaName::new("https://b.example/v1", "qwen-plus", Some(&account)),
            QuotaName::new("https://a.example/v1", "qwen-max", Some(&account)),
            QuotaName::new("https://a.example/v1", "qwen-plus", Some(&[8; 32])),
            QuotaName::new("https://a.example/v1", "qwen-plus", None),
            QuotaName::new("https://a.example/v1qwen-plus", "", Some(&account)),
        ] {
            assert_ne!(name, other);
        }
        assert_eq!(name.to_string().len(), 32);
    }
}
