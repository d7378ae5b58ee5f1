//! The quota of processes on many hosts: the schedule as a script in Redis or Valkey, which counts by its own time.

use std::cell::RefCell;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, Script};

use super::error::ShareError;
use super::name::{QuotaName, worker};
use super::schedule::ScheduleReply;
use super::script::{SCRIPT, ScriptExchange, ScriptReply};
use crate::patience::within;
use crate::secrets;
use crate::shared_quota::{Exchange, ExchangeReply, SharedQuota};

/// How long a connection may take, and an exchange.
const CONNECTING: Duration = Duration::from_secs(2);
const EXCHANGING: Duration = Duration::from_secs(1);

/// How long a schedule that is new stays closed: workers of a lost one may still keep to their parts.
const FIRST_WAIT: f64 = 2.0;

/// A quota at a server.
pub(super) struct RedisQuota {
    client: Client,
    script: Script,
    /// The schedule, the ledger and the workers.
    keys: [String; 3],
    worker: String,
    connection: RefCell<Option<MultiplexedConnection>>,
}

impl RedisQuota {
    /// The quota of this name at a server, which must answer.
    pub(super) async fn open(address: &str, name: &QuotaName) -> Result<Self, ShareError> {
        let server = without_password(address);
        let failed = |what: String| ShareError::Server { server: server.clone(), what };
        let client = Client::open(address).map_err(|error| failed(error.to_string()))?;
        if let Some(password) = client.get_connection_info().redis_settings().password() {
            secrets::keep(password);
        }
        let keys = ["gate", "ledger", "workers"].map(|part| format!("{{fanfold:{name}}}:{part}"));
        let connection = RefCell::new(None);
        let quota = Self { client, script: Script::new(SCRIPT), keys, worker: worker(), connection };
        // A server that answers may still refuse scripts.
        let first = Exchange::default();
        within(CONNECTING, quota.ask(&first)).await.unwrap_or_else(silent).map_err(failed)?;
        Ok(quota)
    }

    async fn ask(&self, exchange: &Exchange) -> Result<ExchangeReply, String> {
        let connected = self.connection.borrow().clone();
        let mut connection = match connected {
            Some(connection) => connection,
            None => self.client.get_multiplexed_async_connection().await.map_err(shown)?,
        };
        let argument = ScriptExchange::new(&self.worker, exchange, FIRST_WAIT);
        let argument = serde_json::to_string(&argument).map_err(|error| error.to_string())?;
        let mut call = self.script.prepare_invoke();
        self.keys.iter().for_each(|key| {
            call.key(key);
        });
        let reply: String = call.arg(argument).invoke_async(&mut connection).await.map_err(shown)?;
        *self.connection.borrow_mut() = Some(connection);
        let reply: ScriptReply = serde_json::from_str(&reply).map_err(|error| error.to_string())?;
        Ok(ScheduleReply::from(reply).into())
    }
}

impl SharedQuota for RedisQuota {
    fn exchange(&self, exchange: Exchange) -> LocalBoxFuture<'_, Result<ExchangeReply, String>> {
        Box::pin(async move {
            let reply = within(EXCHANGING, self.ask(&exchange)).await.unwrap_or_else(silent);
            if reply.is_err() {
                // Another connection is made next time.
                self.connection.borrow_mut().take();
            }
            reply
        })
    }

    fn leave(&self) -> LocalBoxFuture<'_, ()> {
        let connected = self.connection.borrow().clone();
        Box::pin(async move {
            let Some(mut connection) = connected else { return };
            let mut commands = redis::pipe();
            commands.hdel(&self.keys[2], &self.worker).hset(&self.keys[0], "counted", 0);
            // Whoever stays finds out by itself, a little later.
            let _ = within(EXCHANGING, commands.exec_async(&mut connection)).await;
        })
    }
}

fn silent<T>() -> Result<T, String> {
    Err("it does not answer".to_owned())
}

fn shown(error: RedisError) -> String {
    secrets::hidden(error.to_string())
}

/// The address as it may be shown.
pub(super) fn without_password(address: &str) -> String {
    match (address.split_once("://"), address.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://…@{}", &address[at + 1..]),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(without_password("redis://me:p@ss@h:6379/1"), "redis://…@h:6379/1");
        assert_eq!(without_password("redis://h"), "redis://h");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error_that_names_it() {
        let name = QuotaName::new("http://a", "m", None);
        let error =
            RedisQuota::open("redis://:hunter2-hunter2@127.0.0.1:1", &name).await.err().expect("nobody");
        let shown = error.to_string();
        assert!(shown.contains("redis://…@127.0.0.1:1") && shown.contains("nothing was sent"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
