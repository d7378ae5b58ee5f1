//! The headers of requests, with the key in them, and how a key that is refused during a run is read again.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use reqwest::header::{AUTHORIZATION, HeaderMap};

use super::key::Key;

/// The headers that authorise a request.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) headers: HeaderMap,
    /// Whether the service has accepted a request with them.
    worked: AtomicBool,
}

impl Access {
    fn new(mut headers: HeaderMap, key: Option<&Key>) -> Self {
        if let Some(value) = key.and_then(Key::header) {
            headers.insert(AUTHORIZATION, value);
        }
        Self { headers, worked: AtomicBool::new(false) }
    }

    /// Records that the service accepted a request.
    pub(super) fn has_worked(&self) {
        self.worked.store(true, Ordering::Relaxed);
    }
}

/// Reads the key again from where it is kept.
#[derive(Clone)]
pub struct ReadKey(Arc<dyn Fn() -> Option<Key> + Send + Sync>);

impl ReadKey {
    /// Reads it with a function, which may block.
    pub fn new(read: impl Fn() -> Option<Key> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl fmt::Debug for ReadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadKey")
    }
}

/// How a refused key is renewed, by one request at a time.
struct Renewal {
    read: ReadKey,
    turn: tokio::sync::Mutex<()>,
    /// The headers, without the key.
    headers: HeaderMap,
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renewal(…)")
    }
}

/// The access that requests use at present, and how to renew it.
#[derive(Debug)]
pub(super) struct KeyRing {
    present: RwLock<Arc<Access>>,
    renewal: Option<Renewal>,
}

impl KeyRing {
    /// Access with a key, and a way to read it again if it can change. `headers` do not include the key.
    pub(super) fn new(headers: HeaderMap, key: Option<&Key>, read_key: Option<ReadKey>) -> Self {
        let present = RwLock::new(Arc::new(Access::new(headers.clone(), key)));
        let renewal = read_key.map(|read| Renewal { read, turn: Default::default(), headers });
        Self { present, renewal }
    }

    /// The present access.
    pub(super) fn access(&self) -> Arc<Access> {
        self.present.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The access to use after the service refused a key that had worked: the key is read again, once.
    /// `None` if it is still the same key.
    pub(super) async fn renewed(&self, refused: &Arc<Access>) -> Option<Arc<Access>> {
        let renewal = self.renewal.as_ref()?;
        let _turn = renewal.turn.lock().await;
        let present = self.access();
        if !Arc::ptr_eq(&present, refused) {
            return Some(present);
        }
        if !refused.worked.swap(false, Ordering::Relaxed) {
            return None;
        }
        let read = renewal.read.clone();
        let key = tokio::task::spawn_blocking(move || (read.0)()).await.ok()??;
        let renewed = Arc::new(Access::new(renewal.headers.clone(), Some(&key)));
        if renewed.headers.get(AUTHORIZATION) == refused.headers.get(AUTHORIZATION) {
            return None;
        }
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = renewed.clone();
        Some(renewed)
    }
}
