//! Answers that were kept under other rules: what rules reject, and what each of them is under these.

use super::attempts::CHECK_FAILED;
use super::{CUT_BY_LENGTH, ConversationRules, breaks_schema, parts};
use crate::job::answer::OnLength;
use crate::job::split::OnMismatch;
use crate::outcome::Flaw;
use crate::request::AnswerSource;

/// The codes of failures that become answers when the rules allow it.
pub const CODES: [&str; 6] = [
    CHECK_FAILED,
    parts::LENGTH,
    "schema_violation",
    parts::LOST_PARAGRAPHS,
    parts::LOST_MARKUP,
    parts::ODD_LENGTH,
];

/// Those of failures for which the answer alone is enough to know.
pub const CODES_WITHOUT_SOURCE: &[&str] = CODES.as_slice().split_first().expect("there are several").1;

/// An answer in the journal, as far as rules reject answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// Its text.
    pub response: Option<String>,
    /// Whether it consists of calls of tools.
    pub calls_tools: bool,
    /// What it lacked of its piece.
    pub flaw: Option<Flaw>,
}

impl ConversationRules {
    /// A text that distinguishes these rules from others, as far as they reject answers; empty if they reject none.
    pub fn key(&self) -> String {
        let length = if self.on_length == OnLength::Fail { "length;" } else { "" };
        let pieces = if self.keeps_flaws() { "" } else { "pieces;" };
        let schema = self.schema.as_ref().map(|schema| schema.as_value().to_string()).unwrap_or_default();
        let Self { checks, source, flags, .. } = self;
        let checks = match checks.is_empty() {
            true => String::new(),
            false => format!("checks {checks:?} {source:?} {flags};"),
        };
        format!("{length}{pieces}{checks}{schema}")
    }

    /// Whether an answer that lacks something of its piece is accepted.
    pub(super) fn keeps_flaws(&self) -> bool {
        matches!(self.on_mismatch, None | Some(OnMismatch::Keep))
    }

    /// The warnings of an answer that was kept under other rules, or why it is rejected now. Without its `source` it is not
    /// checked.
    ///
    /// # Errors
    ///
    /// Why it is rejected.
    pub fn verdict(&self, kept: &KeptAnswer, source: Option<&AnswerSource>) -> Result<Vec<String>, Flaw> {
        if kept.finish_reason.as_deref() == Some("length") && self.on_length == OnLength::Fail {
            return Err(Flaw { code: "length".to_owned(), message: CUT_BY_LENGTH.to_owned() });
        }
        if let Some(flaw) = kept.flaw.clone().filter(|_| !self.keeps_flaws()) {
            return Err(flaw);
        }
        if let Some(schema) = self.schema.as_ref().filter(|_| !kept.calls_tools) {
            schema.check(kept.response.as_deref().unwrap_or_default()).map_err(|fault| Flaw {
                code: "schema_violation".to_owned(),
                message: breaks_schema(&fault),
            })?;
        }
        let mut warnings = Flaw::warnings(kept.flaw.as_ref());
        if !kept.calls_tools {
            warnings.extend(self.check_verdict(source, kept.response.as_deref())?);
        }
        Ok(warnings)
    }
}
