//! Tests of both stores: in virtual time, against each other, and with a real server.

mod both_stores;
mod dice;
mod same_script;
mod server;
mod virtual_time;
