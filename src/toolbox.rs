//! The door to the commands that answer a model's tool calls.

use futures_util::future::LocalBoxFuture;

use crate::conversation::calls::ToolCall;
use crate::outcome::Fault;

/// The commands that are run when the model calls a tool.
pub trait Toolbox {
    /// Runs one call and returns its result for the model. Any error fails the row.
    ///
    /// Dropping the future ends the command.
    fn run<'a>(&'a self, call: &'a ToolCall) -> LocalBoxFuture<'a, Result<String, Fault>>;
}

/// A toolbox without tools.
#[cfg(test)]
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTools;

#[cfg(test)]
impl Toolbox for NoTools {
    fn run<'a>(&'a self, call: &'a ToolCall) -> LocalBoxFuture<'a, Result<String, Fault>> {
        let message = format!("the model called `{}`, which has no command", call.name);
        let fault = Fault::new(crate::outcome::FaultKind::InvalidAnswer, "unknown_tool", message);
        Box::pin(std::future::ready(Err(fault)))
    }
}
